/*
 * vmaindex - an index of address ranges: the fast index of vmabench, for your own program
 *
 * It holds half-open ranges [start, end), disjoint and page-aligned, of an
 * address space of 57 bits, and finds the one at an address, or a gap of some
 * size, in tens of nanoseconds.  Made for emulators, hypervisors, tracers:
 * whoever keeps a memory map.
 *
 * A range is part of an object of yours, which so costs no allocation and is
 * what a search gives back:
 *
 *	struct region {
 *		struct vmaindex_range range;    // first: then a cast will do
 *		void *host;
 *	};
 *
 *	struct vmaindex *map = vmaindex_create(NULL);
 *	err = vmaindex_insert(map, &region->range);
 *	region = (struct region *)vmaindex_at(map, addr);
 *
 * The index keeps pointers to these objects; yours remains their memory, and
 * what else is in them.  While a range is in an index only the index writes its
 * bounds, and it is in no other index (but a snapshot: vmaindex_clone).  It is
 * 8-byte aligned; ranges within 32 GB of one another, as those of one heap are,
 * take half the room in the index that distant ones do.
 *
 * Functions that can fail return 0 or -errno, and a failed call has changed
 * nothing: -ENOMEM out of memory, -EINVAL an argument makes no sense, -EEXIST
 * another range is in the way, -ENOENT the range is not in the index, -EBUSY
 * edits are reserved.  A range that is NULL or misaligned is -EINVAL, and not in
 * the index; an index, a cursor, an edit and an answer are never NULL, but where
 * it says so.
 *
 * Where a question is about [lo, hi), any two numbers will do: the part at or
 * above VMAINDEX_END has no ranges and no gaps, and an empty or inverted one,
 * lo >= hi, has no address.  A change to such a range is -EINVAL.
 *
 * Any number of threads may read an index at once (what takes a const struct
 * vmaindex *, and cursors); a writer has to be alone.  The lock is yours.
 * Nothing here is to be called before main() runs.
 *
 * Linux on a 64-bit processor; C99 or C++.  MIT licence.
 */
#ifndef VMAINDEX_H
#define VMAINDEX_H

#if __SIZEOF_POINTER__ != 8
#error "vmaindex.h: libvmaindex is for 64-bit processors; this one's pointers are shorter"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMAINDEX_VERSION "0.3.0"
#define VMAINDEX_PAGE    UINT64_C(4096)      /* bounds are multiples of it */
#define VMAINDEX_END     (UINT64_C(1) << 57) /* and at most this */

#define VMAINDEX_API     __attribute__((visibility("default")))
#define VMAINDEX_CHECKED __attribute__((visibility("default"), warn_unused_result))

struct vmaindex;

struct vmaindex_range {
	uint64_t start, end;
};

/* ---- life ---- */

/* Where an index has its memory from. */
struct vmaindex_memory {
	/* size bytes, aligned to align (a power of two), or NULL. */
	void *(*alloc)(void *user, size_t size, size_t align);
	/* Takes back what alloc gave for that size. */
	void (*free)(void *user, void *ptr, size_t size);
	void *user;
};

/*
 * A new empty index, or NULL: out of memory, or a function is missing.  memory is copied;
 * NULL means aligned_alloc and free.
 */
VMAINDEX_CHECKED struct vmaindex *vmaindex_create(const struct vmaindex_memory *memory);

/* Ends the index and what is reserved; the ranges, not looked at, are yours. NULL is allowed. */
VMAINDEX_API void vmaindex_destroy(struct vmaindex *index);

/*
 * Fills an empty index with n ranges in address order: much faster than one by
 * one.  -EINVAL: the index is not empty, or the ranges not in order; -EBUSY, -ENOMEM.
 */
VMAINDEX_CHECKED int vmaindex_build(struct vmaindex *index, struct vmaindex_range *const *ranges,
				    size_t n);

/*
 * A new index, with the memory functions of from, of a copy of each range, as
 * fork does.  copy() gives an object of its own to stand for range, or NULL: no
 * memory; its bounds are set for it.  On failure discard() gets each of these
 * objects back, if it is not NULL, and NULL is returned.
 *
 * copy() may return the range itself, and a copy that is NULL does: a snapshot.
 * As long as both indexes hold it, it may leave either, but not get other bounds.
 */
VMAINDEX_CHECKED struct vmaindex *
vmaindex_clone(const struct vmaindex *from,
	       struct vmaindex_range *(*copy)(void *user, struct vmaindex_range *range),
	       void (*discard)(void *user, struct vmaindex_range *copied), void *user);

/* ---- questions ---- */

/* The lowest range that ends above addr, or NULL. Any addr. */
VMAINDEX_API struct vmaindex_range *vmaindex_find(const struct vmaindex *index, uint64_t addr);

/* The range that contains addr, or NULL. */
static inline struct vmaindex_range *vmaindex_at(const struct vmaindex *index, uint64_t addr)
{
	struct vmaindex_range *range = vmaindex_find(index, addr);

	return range && range->start <= addr ? range : NULL;
}

/* The lowest range that has an address in common with [start, end), or NULL: so if start >= end. */
static inline struct vmaindex_range *vmaindex_overlap(const struct vmaindex *index, uint64_t start,
						      uint64_t end)
{
	struct vmaindex_range *range = start < end ? vmaindex_find(index, start) : NULL;

	return range && range->start < end ? range : NULL;
}

/*
 * The lowest or the highest place for len bytes that no range touches: true, and
 * in *gap the part of that gap which lies in [lo, hi), len bytes or more; false,
 * and *gap is untouched, if there is none or len is 0.  Put your bytes at
 * gap->start (at gap->end - len).  Ask for len + alignment - VMAINDEX_PAGE bytes
 * where they must be aligned.  Where len, lo and hi are multiples of VMAINDEX_PAGE,
 * so are the answers.
 */
VMAINDEX_API bool vmaindex_lowest_gap(const struct vmaindex *index, uint64_t len, uint64_t lo,
				      uint64_t hi, struct vmaindex_range *gap);
VMAINDEX_API bool vmaindex_highest_gap(const struct vmaindex *index, uint64_t len, uint64_t lo,
				       uint64_t hi, struct vmaindex_range *gap);

/*
 * A place in an index: on a range, before the first or after the last.  vmaindex_seek puts
 * it there first of all, and a change ends it: only another vmaindex_seek may have it then.
 */
struct vmaindex_cursor {
	const struct vmaindex *index;
	struct vmaindex_range *range; /* where it stands, or NULL */
	void *node;                   /* the library's own */
	uint64_t slot;                /* the library's own */
};

/* Puts the cursor on the lowest range that ends above addr, which it returns, or after the last. */
VMAINDEX_API struct vmaindex_range *vmaindex_seek(struct vmaindex_cursor *cursor,
						  const struct vmaindex *index, uint64_t addr);

/* Moves by one range and returns it, or NULL off either end; the way back is open. */
VMAINDEX_API struct vmaindex_range *vmaindex_next(struct vmaindex_cursor *cursor);
VMAINDEX_API struct vmaindex_range *vmaindex_prev(struct vmaindex_cursor *cursor);

/*
 * Up to n ranges at once, the one that the cursor is on first; it moves past them.  Returns
 * how many: fewer than n only where it is off the end now, 0 where it was off either end.
 */
VMAINDEX_API unsigned vmaindex_scan(struct vmaindex_cursor *cursor, struct vmaindex_range **ranges,
				    unsigned n);

/*
 * For each range that has an address in common with [lo, hi), upwards: none if lo >= hi.  The
 * body must not change the index; cursor, lo and hi are evaluated more than once.
 */
#define vmaindex_for_each(range, cursor, index, lo, hi)                             \
	for ((range) = (lo) < (hi) ? vmaindex_seek((cursor), (index), (lo)) : NULL; \
	     (range) && (range)->start < (hi); (range) = vmaindex_next(cursor))

/* ---- changes; each ends all cursors ---- */

/* Adds a range, whose bounds are set. -EINVAL, -EEXIST, -EBUSY, -ENOMEM. */
VMAINDEX_CHECKED int vmaindex_insert(struct vmaindex *index, struct vmaindex_range *range);

/* Takes a range out. -ENOENT, -EBUSY, -ENOMEM: remaining nodes may have to be redistributed. */
VMAINDEX_CHECKED int vmaindex_erase(struct vmaindex *index, struct vmaindex_range *range);

/*
 * Gives a range other bounds. -EINVAL, -ENOENT, -EBUSY, -ENOMEM, -EEXIST: so would it overlap
 * or pass another.
 */
VMAINDEX_CHECKED int vmaindex_resize(struct vmaindex *index, struct vmaindex_range *range,
				     uint64_t start, uint64_t end);

/*
 * The change that all others are cases of: whatever is in [start, end) leaves,
 * and at most three ranges stand there afterwards.
 *
 *	unmap the middle of A    [AAAAAAAA]  ->  [AA....BB]    put A shorter, put B
 *	map D over everything    [AA.BB.CC]  ->  [DDDDDDDD]    put D
 *	merge three to one       [AAABBBCC]  ->  [AAAAAAAA]    put A longer
 *
 * No range may cross start or end.  put[] is in address order, disjoint, in
 * [start, end); each range once, and either new to the index or from inside
 * [start, end).  Its bounds are set by the change; what they were before, which
 * may be anything for a new one, is read to see whether it is in the index.  A
 * range that leaves is yours again: free it when the change is done.
 */
struct vmaindex_edit {
	uint64_t start, end;
	unsigned n; /* 0 to 3 */
	struct {
		struct vmaindex_range *range;
		uint64_t start, end; /* its bounds from now on */
	} put[3];
};

/* Makes the change. -EINVAL: it is not as above, -EBUSY, -ENOMEM. */
VMAINDEX_CHECKED int vmaindex_apply(struct vmaindex *index, const struct vmaindex_edit *edit);

/*
 * The same in two steps, where other things must not fail in between: reserve
 * does all that can fail, for n = 1 or 2 edits whose [start, end) are disjoint,
 * and of which the second may put what the first takes out (to move a range).
 * -EINVAL, -EBUSY, -ENOMEM.  Then come the commits of exactly these edits, in
 * their order, or cancel, which ends what is not committed yet, if anything is.
 * Until then questions are allowed, and all other changes are -EBUSY.
 *
 * commit does not fail but for one mistake: -EINVAL, it is not the turn of that
 * edit.
 */
VMAINDEX_CHECKED int vmaindex_reserve(struct vmaindex *index, const struct vmaindex_edit *edits,
				      unsigned n);
VMAINDEX_API int vmaindex_commit(struct vmaindex *index, const struct vmaindex_edit *edit);
VMAINDEX_API void vmaindex_cancel(struct vmaindex *index);

/* ---- self-help ---- */

struct vmaindex_stats {
	size_t ranges;
	size_t nodes;
	size_t bytes;    /* all memory of the index; the ranges are yours */
	unsigned height; /* nodes from the root to a range */
};

VMAINDEX_API void vmaindex_get_stats(const struct vmaindex *index, struct vmaindex_stats *stats);

/* Checks it all, slowly: 0, or the number of a broken invariant, told to report (may be NULL). */
VMAINDEX_API unsigned vmaindex_verify(const struct vmaindex *index, FILE *report);

/* The VMAINDEX_VERSION of the library that the program runs with. */
VMAINDEX_API const char *vmaindex_version(void);

/* Older names of two functions: in C++ a function would hide the struct of that name. */
#define vmaindex_edit(index, edit)   vmaindex_apply((index), (edit))
#define vmaindex_stats(index, stats) vmaindex_get_stats((index), (stats))

#ifdef __cplusplus
}
#endif

#endif
