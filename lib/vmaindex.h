/*
 * vmaindex - an index of address ranges: the fast index of vmabench, for your own program
 *
 * It holds half-open ranges [start, end), disjoint and page-aligned, of an
 * address space of 57 bits, and finds the one at an address, or a hole of some
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
 * bounds.  It is 8-byte aligned; ranges within 32 GB of one another, as those
 * of one heap are, take half the room in the index that distant ones do.
 *
 * Functions that can fail return 0 or -errno, and a failed call has changed
 * nothing: -ENOMEM memory is out, -EINVAL an argument makes no sense, -EEXIST
 * another range is in the way, -ENOENT the range is not in the index.
 *
 * Any number of threads may read an index at once (what takes a const struct
 * vmaindex *, and cursors); a writer has to be alone.  The lock is yours.
 * Nothing here is to be called before main() runs.
 *
 * Linux on a 64-bit processor; C99 or C++.  MIT licence.
 */
#ifndef VMAINDEX_H
#define VMAINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VMAINDEX_VERSION "0.2.0"
#define VMAINDEX_PAGE    UINT64_C(4096)         /* bounds are multiples of it */
#define VMAINDEX_END     (UINT64_C(1) << 57)    /* and at most this */

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

/* A new empty index, or NULL when memory is out. memory is copied; NULL: aligned_alloc and free. */
VMAINDEX_CHECKED struct vmaindex *vmaindex_create(const struct vmaindex_memory *memory);

/* Ends the index; the ranges, which it does not look at, are yours. NULL is allowed. */
VMAINDEX_API void vmaindex_destroy(struct vmaindex *index);

/*
 * Fills an empty index with n ranges in address order: much faster than one by
 * one.  -EINVAL: the index is not empty, or the ranges not in order.
 */
VMAINDEX_CHECKED int vmaindex_build(struct vmaindex *index, struct vmaindex_range *const *ranges,
				    size_t n);

/*
 * A new index, with the memory functions of from, of a copy of each range, as
 * fork does.  copy() gives an object to stand for range, or NULL: no memory;
 * its bounds are set for it.  On failure discard() gets each of these objects
 * back, and NULL is returned.
 *
 * copy() may return the range itself: a snapshot.  As long as both indexes hold
 * it, it may leave either, but not get other bounds.
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

/* The lowest range that has an address in common with [start, end), or NULL. */
static inline struct vmaindex_range *vmaindex_overlap(const struct vmaindex *index, uint64_t start,
						      uint64_t end)
{
	struct vmaindex_range *range = vmaindex_find(index, start);

	return range && range->start < end ? range : NULL;
}

/*
 * The lowest or the highest place for len bytes, len > 0, that no range
 * touches: true, and in *hole the part of that hole which lies in [lo, hi), len
 * bytes or more.  Put your bytes at hole->start (at hole->end - len).  Ask for
 * len + alignment - VMAINDEX_PAGE bytes where they must be aligned.
 */
VMAINDEX_API bool vmaindex_lowest_hole(const struct vmaindex *index, uint64_t len, uint64_t lo,
				       uint64_t hi, struct vmaindex_range *hole);
VMAINDEX_API bool vmaindex_highest_hole(const struct vmaindex *index, uint64_t len, uint64_t lo,
					uint64_t hi, struct vmaindex_range *hole);

/* A place in an index: on a range, before the first or after the last. A change ends it. */
struct vmaindex_cursor {
	const struct vmaindex *index;
	struct vmaindex_range *range;   /* where it stands, or NULL */
	void *node;                     /* the library's own */
	uint64_t slot;                  /* the library's own */
};

/* Puts the cursor on the lowest range that ends above addr, which it returns, or after the last. */
VMAINDEX_API struct vmaindex_range *
vmaindex_seek(struct vmaindex_cursor *cursor, const struct vmaindex *index, uint64_t addr);

/* Moves by one range and returns it, or NULL off either end; the way back is open. */
VMAINDEX_API struct vmaindex_range *vmaindex_next(struct vmaindex_cursor *cursor);
VMAINDEX_API struct vmaindex_range *vmaindex_prev(struct vmaindex_cursor *cursor);

/*
 * Up to n > 0 ranges at once, the one that the cursor is on first; it moves past them.  Returns
 * how many: fewer than n only where it is off the end now, 0 where it was off either end.
 */
VMAINDEX_API unsigned vmaindex_scan(struct vmaindex_cursor *cursor, struct vmaindex_range **ranges,
				    unsigned n);

/* For each range that overlaps [lo, hi), upwards; the body must not change the index. */
#define vmaindex_for_each(range, cursor, index, lo, hi) \
	for ((range) = vmaindex_seek((cursor), (index), (lo)); (range) && (range)->start < (hi); \
	     (range) = vmaindex_next(cursor))

/* ---- changes; each ends all cursors ---- */

/* Adds a range, whose bounds are set. -EINVAL, -EEXIST, -ENOMEM. */
VMAINDEX_CHECKED int vmaindex_insert(struct vmaindex *index, struct vmaindex_range *range);

/* Takes a range out. -ENOENT, -ENOMEM: the nodes that remain may have to be dealt out anew. */
VMAINDEX_CHECKED int vmaindex_erase(struct vmaindex *index, struct vmaindex_range *range);

/* Gives a range other bounds. -EINVAL, -ENOENT, -EEXIST: so would it overlap or pass another. */
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
 * [start, end).  Its bounds are set by the commit.  A range that leaves is
 * yours again: free it when the change is done.
 */
struct vmaindex_edit {
	uint64_t start, end;
	unsigned n;                             /* 0 to 3 */
	struct {
		struct vmaindex_range *range;
		uint64_t start, end;            /* its bounds from now on */
	} put[3];
};

/* Makes the change. -EINVAL: it is not as above, -ENOMEM. */
VMAINDEX_CHECKED int vmaindex_edit(struct vmaindex *index, const struct vmaindex_edit *edit);

/*
 * The same in two steps, where other things must not fail in between: reserve
 * does all that can fail, for one edit or two whose [start, end) are disjoint
 * (to move a range: out here, in there).  Then come either the commits of
 * exactly these edits, in their order, or cancel; questions are allowed, other
 * changes are not.
 */
VMAINDEX_CHECKED int vmaindex_reserve(struct vmaindex *index, const struct vmaindex_edit *edits,
				      unsigned n);
VMAINDEX_API void vmaindex_commit(struct vmaindex *index, const struct vmaindex_edit *edit);
VMAINDEX_API void vmaindex_cancel(struct vmaindex *index);

/* ---- self-help ---- */

struct vmaindex_stats {
	size_t ranges;
	size_t nodes;
	size_t bytes;           /* all memory of the index; the ranges are yours */
	unsigned height;        /* nodes from the root to a range */
};

VMAINDEX_API void vmaindex_stats(const struct vmaindex *index, struct vmaindex_stats *stats);

/* Checks it all, slowly: 0, or the number of a broken invariant, told to report (may be NULL). */
VMAINDEX_API unsigned vmaindex_verify(const struct vmaindex *index, FILE *report);

#ifdef __cplusplus
}
#endif

#endif
