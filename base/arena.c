/*
 * arena - counted memory for index nodes and VMAs (see arena.h)
 */
#include "base/arena.h"
#include "base/budget.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/budget.h"
#include "base/spinlock.h"

#ifdef ARENA_SYSTEM_MALLOC

struct backing {
	struct block {
		struct block *next, *prev;
	} live; /* for arena_destroy */
};

/* The list node stands in front of each block, padded to the alignment. */
static size_t block_pad(size_t align)
{
	return align > sizeof(struct block) ? align : sizeof(struct block);
}

static bool backing_init(struct backing *b)
{
	b->live.next = b->live.prev = &b->live;
	return true;
}

static void *backing_alloc(struct backing *b, size_t size, size_t align)
{
	size_t pad = block_pad(align);
	char *raw = aligned_alloc(align, (pad + size + align - 1) & ~(align - 1));

	if (!raw)
		return NULL;
	struct block *block = (struct block *)raw;
	block->next = b->live.next;
	block->prev = &b->live;
	block->next->prev = b->live.next = block;
	return raw + pad;
}

static void backing_free(struct backing *b, void *ptr, size_t size, size_t align)
{
	(void)b, (void)size;
	struct block *block = (struct block *)((char *)ptr - block_pad(align));

	block->next->prev = block->prev;
	block->prev->next = block->next;
	free(block);
}

static size_t backing_size(size_t size, size_t align)
{
	(void)align;
	return (size + 15) & ~(size_t)15;
}

static void backing_destroy(struct backing *b)
{
	while (b->live.next != &b->live) {
		struct block *block = b->live.next;

		b->live.next = block->next;
		free(block);
	}
}

#else

#include <jemalloc/jemalloc.h>

struct backing {
	unsigned id;     /* jemalloc's number of the arena */
	unsigned tcache; /* and of the cache in front of it */
};

static bool backing_init(struct backing *b)
{
	size_t len = sizeof(b->id);

	if (mallctl("arenas.create", &b->id, &len, NULL, 0))
		return false;
	len = sizeof(b->tcache);
	return !mallctl("tcache.create", &b->tcache, &len, NULL, 0);
}

static int backing_flags(const struct backing *b, size_t align)
{
	return MALLOCX_ARENA(b->id) | MALLOCX_TCACHE(b->tcache) | MALLOCX_ALIGN(align);
}

static void *backing_alloc(struct backing *b, size_t size, size_t align)
{
	return mallocx(size, backing_flags(b, align));
}

static void backing_free(struct backing *b, void *ptr, size_t size, size_t align)
{
	sdallocx(ptr, size, backing_flags(b, align));
}

static size_t backing_size(size_t size, size_t align)
{
	return nallocx(size, MALLOCX_ALIGN(align));
}

static void backing_destroy(struct backing *b)
{
	char name[64];

	mallctl("tcache.destroy", NULL, NULL, &b->tcache, sizeof(b->tcache));
	snprintf(name, sizeof(name), "arena.%u.destroy", b->id);
	mallctl(name, NULL, NULL, NULL, 0);
}

#endif

struct arena {
	struct backing backing;
	struct arena_stats stats;
	unsigned long fail_at; /* counts down; 1: fail from now on; 0: never */
	struct budget *budget; /* NULL: none */
	bool shared;
	struct spinlock lock; /* of all of it, if it is shared */
};

struct arena *arena_create(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena && !backing_init(&arena->backing)) {
		free(arena);
		return NULL;
	}
	return arena;
}

void arena_destroy(struct arena *arena)
{
	if (!arena)
		return;
	backing_destroy(&arena->backing);
	budget_give(arena->budget, arena->stats.used);
	free(arena);
}

void arena_set_budget(struct arena *arena, struct budget *budget)
{
	arena->budget = budget;
}

void arena_share(struct arena *arena)
{
	arena->shared = true;
}

static void *alloc_counted(struct arena *arena, size_t size, size_t align)
{
	struct arena_stats *stats = &arena->stats;

	stats->allocs++;
	if (arena->fail_at == 1)
		return NULL;
	if (arena->fail_at)
		arena->fail_at--;

	size_t used = backing_size(size, align);
	if (!budget_take(arena->budget, used))
		return NULL;

	void *ptr = backing_alloc(&arena->backing, size, align);
	if (!ptr) {
		budget_give(arena->budget, used);
		return NULL;
	}
	stats->objects++;
	stats->asked += size;
	stats->used += used;
	if (stats->used > stats->peak_used)
		stats->peak_used = stats->used;
	return ptr;
}

static void free_counted(struct arena *arena, void *ptr, size_t size, size_t align)
{
	size_t used = backing_size(size, align);

	arena->stats.objects--;
	arena->stats.asked -= size;
	arena->stats.used -= used;
	budget_give(arena->budget, used);
	backing_free(&arena->backing, ptr, size, align);
}

void *arena_alloc(struct arena *arena, size_t size, size_t align)
{
	align = align ? align : 16;
	if (!arena->shared)
		return alloc_counted(arena, size, align);
	spin_lock(&arena->lock);
	void *ptr = alloc_counted(arena, size, align);
	spin_unlock(&arena->lock);
	return ptr;
}

void arena_free(struct arena *arena, void *ptr, size_t size, size_t align)
{
	if (!ptr)
		return;
	align = align ? align : 16;
	if (!arena->shared) {
		free_counted(arena, ptr, size, align);
		return;
	}
	spin_lock(&arena->lock);
	free_counted(arena, ptr, size, align);
	spin_unlock(&arena->lock);
}

void arena_fail_at(struct arena *arena, unsigned long nth)
{
	arena->fail_at = nth;
}

void arena_stats(const struct arena *arena, struct arena_stats *stats)
{
	*stats = arena->stats;
}
