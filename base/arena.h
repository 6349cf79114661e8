/*
 * arena - counted memory for index nodes and VMAs
 *
 * Each index under test takes its nodes from an arena of its own, so that
 * bytes per VMA are counted, not guessed, and so that any one allocation can
 * be made to fail.  In the ordinary build an arena is a jemalloc arena; in a
 * sanitizer build (ARENA_SYSTEM_MALLOC) it is the system's malloc, so that the
 * sanitizer sees every node.
 *
 * An arena belongs to one thread at a time, unless it is shared.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;
struct budget;

struct arena_stats {
	size_t objects;       /* live allocations */
	size_t asked;         /* bytes asked for by them */
	size_t used;          /* bytes they occupy, rounded up to size classes */
	size_t peak_used;     /* the largest that used ever was */
	unsigned long allocs; /* allocations so far, failed ones included */
};

/* A new arena, or NULL when there is no memory for one. */
struct arena *arena_create(void);

/* From now on any thread may allocate and free, under a lock. */
void arena_share(struct arena *arena);

/* All that is allocated from now on is taken from that budget too; before the first allocation. */
void arena_set_budget(struct arena *arena, struct budget *budget);

/* Ends the arena and everything still allocated from it. NULL is allowed. */
void arena_destroy(struct arena *arena);

/*
 * size bytes, not zeroed, aligned to align (a power of two; 0 means 16).
 * NULL when memory or the budget is out or when arena_fail_at() says so.
 */
void *arena_alloc(struct arena *arena, size_t size, size_t align)
	__attribute__((warn_unused_result));

/* Gives ptr back; size and align are those it was allocated with. NULL is allowed. */
void arena_free(struct arena *arena, void *ptr, size_t size, size_t align);

/*
 * The nth allocation from now on fails, and so do all that follow it
 * until the next call; nth 1 is the very next one, 0 means never.
 */
void arena_fail_at(struct arena *arena, unsigned long nth);

void arena_stats(const struct arena *arena, struct arena_stats *stats);

#endif
