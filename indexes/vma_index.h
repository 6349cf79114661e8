/*
 * vma_index - the vma-ops interface: what every index of VMAs must do
 *
 * An index holds the mapped ranges (VMAs) of one address space: half-open
 * ranges [vm_start, vm_end) of bytes, page-aligned, not empty, disjoint, all
 * below VMA_INDEX_END.  This header is all that one needs to write an index.
 *
 * Every change is one edit: a window and the at most three VMAs that stand in
 * it afterwards.
 *
 *         lo                                   hi
 *   before |   AAAA..BBBBBBBB..CCCCCC....DDDD   |     insert, erase, resize, split,
 *   after  |   AAAA..BBBBB.............DDDDDD   |     merge, munmap of many: all one
 *
 * Reserve may fail, commit cannot: a failed call leaves everything as it was.
 *
 * Adding an index is adding one file that ends in VMA_INDEX_REGISTER(ops): to
 * this folder, or to a shared object of your own (examples/plugin).
 *
 * One thread at a time uses an index; of one with VMA_INDEX_RCU find, seek, next,
 * prev and scan are for any number of readers beside the one writer (see there).
 */
#ifndef INDEXES_VMA_INDEX_H
#define INDEXES_VMA_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/util.h"

#define VMA_INDEX_ABI 2
#define VMA_INDEX_END (1UL << 57) /* one past the last address there can be */
#define VMA_EDIT_PUTS 3

/*
 * A VMA belongs to mm.  An index sees two things of it only: its bounds, which
 * are the first two words, and node_size bytes right in front of them, which
 * are the index's own.  While a VMA is in an index nobody but the index's
 * commit writes its bounds.  Readers beside the writer may read them at any time:
 * each is whole, but one may be new while the other is old.
 */
struct vm_area_struct;

struct vma_bounds {
	unsigned long vm_start, vm_end;
};

static inline struct vma_bounds *vma_bounds(const struct vm_area_struct *vma)
{
	return (struct vma_bounds *)vma;
}

static inline unsigned long vma_start(const struct vm_area_struct *vma)
{
	return __atomic_load_n(&vma_bounds(vma)->vm_start, __ATOMIC_RELAXED);
}

static inline unsigned long vma_end(const struct vm_area_struct *vma)
{
	return __atomic_load_n(&vma_bounds(vma)->vm_end, __ATOMIC_RELAXED);
}

static inline void vma_set_bounds(struct vm_area_struct *vma, unsigned long start,
				  unsigned long end)
{
	__atomic_store_n(&vma_bounds(vma)->vm_start, start, __ATOMIC_RELAXED);
	__atomic_store_n(&vma_bounds(vma)->vm_end, end, __ATOMIC_RELAXED);
}

/* Page-aligned, not empty and below VMA_INDEX_END? */
static inline bool vma_bounds_valid(const struct vm_area_struct *vma)
{
	unsigned long start = vma_start(vma), end = vma_end(vma);

	return start < end && end <= VMA_INDEX_END && !((start | end) & ~PAGE_MASK);
}

/*
 * One change.  lo < hi, and neither cuts a VMA: each VMA that overlaps
 * [lo, hi) lies inside it.  Those VMAs leave the index, but for the ones that
 * are put again; put[] is in address order, disjoint, within the window, each
 * VMA once, and each either new to the index or from inside the window.
 */
struct vma_edit {
	unsigned long lo, hi;
	unsigned nput; /* 0 to VMA_EDIT_PUTS */
	struct vma_put {
		struct vm_area_struct *vma;
		unsigned long start, end; /* its bounds from now on */
	} put[VMA_EDIT_PUTS];
};

/*
 * A question for a gap and its answer.  A gap is a largest range without a
 * VMA in [0, VMA_INDEX_END).  Wanted is the lowest (topdown: the highest) gap
 * that has at least len bytes, len > 0, inside [lo, hi).  The answer is the
 * whole gap, not clipped to lo and hi.
 */
struct vma_gap {
	unsigned long len, lo, hi;
	bool topdown;
	unsigned long start, end; /* out */
};

struct vma_footprint {
	size_t vmas;
	size_t nodes;    /* index nodes of its own (0 if it lives in the VMAs) */
	size_t bytes;    /* all its memory: its struct, nodes, reserves, node_size of each VMA */
	unsigned height; /* levels from the root to a VMA; 0: no tree, or it does not tell */
};

struct vma_index_ops;

/* The head of every index; an index's own struct starts with it. */
struct vma_index {
	const struct vma_index_ops *ops;
	struct arena *arena;
};

/*
 * A place in the index: on a VMA, before the first or after the last one.
 * Every commit, build and destroy invalidates it.
 */
struct vma_cursor {
	const struct vma_index *index;
	struct vm_area_struct *vma; /* where it stands, or NULL off either end */
	void *node;                 /* the index's own */
	unsigned long slot;         /* the index's own */
};

/* ops->caps: what the harness has to know */
#define VMA_INDEX_NULL       1u /* does nothing: measures the harness, fails every check */
#define VMA_INDEX_OWN_MALLOC 2u /* its memory is malloc's, not the arena's: see footprint */
#define VMA_INDEX_PEER       4u /* other people's: the tests leave out check: of it */
/*
 * Readers beside one writer: in a read section (base/rcu.h) find, seek, next, prev
 * and scan may be called while another thread calls any op but destroy.
 *
 *   find, seek   answer what was true at one moment during the call, between two
 *                commits: of each they see all or nothing
 *   next, prev   answer what was true at one moment since the seek, in the same
 *                read section: what they return is above (below) all that the
 *                cursor has been on, and no VMA that was there all the time is passed by
 *
 * The index frees its own memory behind a grace period; so does he who takes a
 * VMA out of it.  reserve, commit, build and destroy may wait for one, so they are
 * not called in a read section.  The other readers are the writer's.
 */
#define VMA_INDEX_RCU       8u
#define VMA_INDEX_RCU_PARTS 16u /* and as above, but an edit is seen in parts */

/*
 * The ops of an index.  seek, next, prev and commit are needed; where another op is left out,
 * the registry fills in what defaults.c makes of those: enough for an index that lives in the
 * bytes in front of its VMAs and needs no other memory.
 */
struct vma_index_ops {
	const char *name;    /* lower case; also the file's name */
	const char *summary; /* one line */
	unsigned abi;        /* VMA_INDEX_ABI */
	unsigned caps;
	unsigned invariants; /* verify knows the numbers 1 .. invariants; 0 without it */
	size_t size;         /* of the index's struct, struct vma_index first */
	size_t node_size;    /* bytes in front of each VMA, a multiple of 8 */

	/* Makes *index, zeroed but for ops and arena, empty. 0 or -ENOMEM. Default: it is so. */
	int (*init)(struct vma_index *index);
	/*
	 * Frees all memory of the index; does not look at the VMAs, they may be gone. Default:
	 * none.
	 */
	void (*destroy)(struct vma_index *index);

	/* The first VMA that ends above addr, or NULL. Any addr. Default: by seek. */
	struct vm_area_struct *(*find)(const struct vma_index *index, unsigned long addr);
	/*
	 * seek: the same, and the cursor (whose index is set) stands on it, or after
	 * the last VMA where there is none.  next and prev move by one VMA and return
	 * where they stand; off either end they return NULL, stay there when called
	 * again, and the opposite call comes back to the first or last VMA.
	 */
	struct vm_area_struct *(*seek)(struct vma_cursor *cursor, unsigned long addr);
	struct vm_area_struct *(*next)(struct vma_cursor *cursor);
	struct vm_area_struct *(*prev)(struct vma_cursor *cursor);
	/*
	 * May be missing: then vma_index_scan() steps.  Up to n > 0 VMAs, the cursor's
	 * first, as next would find them; the cursor moves past them, onto the VMA behind
	 * or off the end.  How many: fewer than n only if it is off the end now, 0 if it
	 * was off either end before, and then it stays there.
	 */
	unsigned (*scan)(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n);
	/*
	 * 0 and gap->start, gap->end; or -ENOMEM, both untouched, where there is no such gap.
	 * Default: VMA by VMA.
	 */
	int (*find_gap)(const struct vma_index *index, struct vma_gap *gap);

	/*
	 * reserve: all the memory that n edits (1 or 2, their windows disjoint) can
	 * need; 0, or -ENOMEM and nothing has changed.  Then follow either the
	 * commits of exactly these edits, in their order, or unreserve.  Memory that
	 * the commits did not need may be kept for the next reserve.  Default: none is needed.
	 */
	int (*reserve)(struct vma_index *index, const struct vma_edit *edits, unsigned n);
	void (*commit)(struct vma_index *index, const struct vma_edit *edit);
	void (*unreserve)(struct vma_index *index);
	/*
	 * Fills an empty index with n VMAs, whose bounds are set, in address order.
	 * 0, or -ENOMEM and the index is empty.  Default, where reserve is left out too: an
	 * edit for each.
	 */
	int (*build)(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n);
	/*
	 * May be missing: then vma_index_clone() builds.  Fills an empty index like
	 * from, of the same type, with copies[i] in place of its i-th VMA; their bounds
	 * are set, and the same.  0, or -ENOMEM and the index is empty.
	 */
	int (*clone)(struct vma_index *index, const struct vma_index *from,
		     struct vm_area_struct *const *copies);

	/*
	 * 0, or the number of the first invariant that is broken, explained on report (may be
	 * NULL).
	 * Default, with corrupt: what readers answer (defaults.c).
	 */
	unsigned (*verify)(const struct vma_index *index, FILE *report);
	/*
	 * For tests of verify: breaks invariant number n on purpose and nothing that
	 * has a lower number.  0, or -ENOENT if the index is too small to break it.
	 * Afterwards only verify, dump and destroy may be called.
	 */
	int (*corrupt)(struct vma_index *index, unsigned n);
	/* The structure in a readable form, for a person who debugs it. Default: a list of VMAs. */
	void (*dump)(const struct vma_index *index, FILE *out);
	/* Default: the index's struct and the bytes in front of its VMAs. */
	void (*footprint)(const struct vma_index *index, struct vma_footprint *footprint);
};

/* Has the range [start, end) without VMAs len bytes within the limits of gap? */
static inline bool vma_gap_fits(const struct vma_gap *gap, unsigned long start, unsigned long end)
{
	unsigned long lo = max(start, gap->lo), hi = min(end, gap->hi);

	return lo < hi && hi - lo >= gap->len;
}

/* If it has, it becomes the answer of gap. */
static inline bool vma_gap_take(struct vma_gap *gap, unsigned long start, unsigned long end)
{
	if (!vma_gap_fits(gap, start, end))
		return false;
	gap->start = start;
	gap->end = end;
	return true;
}

/* What scan does, for an index whose next is known here: the cursor is in registers then. */
static inline __attribute__((always_inline)) unsigned
vma_scan_by(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n,
	    struct vm_area_struct *(*next)(struct vma_cursor *cursor))
{
	struct vma_cursor at = *cursor;
	unsigned done = 0;

	while (done < n && at.vma) {
		vmas[done++] = at.vma;
		next(&at);
	}
	*cursor = at;
	return done;
}

/* The index's own bytes in front of a VMA. */
static inline void *vma_node(const struct vma_index_ops *ops, const struct vm_area_struct *vma)
{
	return (char *)vma - ops->node_size;
}

/* ---- the registry (registry.c) and what all indexes share (vma_index.c) ---- */

#define VMA_INDEX_REGISTER(ops)                                       \
	__attribute__((constructor)) static void ops##_register(void) \
	{                                                             \
		vma_index_register(&(ops));                           \
	}                                                             \
	_Static_assert(1, "")

/*
 * Adds an index type: a copy of ops, with its defaults.  Ends the program with a message
 * if abi, a needed op or the name is missing, or the name is there already: an error of its
 * programmer.  That of a plug-in is told by vma_index_load.
 */
void vma_index_register(const struct vma_index_ops *ops);

/*
 * From now on the lookup of "PREFIXname" is wrap(lookup of "name"): the type that wraps it, one
 * for each inner, kept for good; or NULL without memory.
 */
typedef const struct vma_index_ops *vma_index_wrap(const struct vma_index_ops *inner);
void vma_index_register_wrapper(const char *prefix, vma_index_wrap *wrap);

/*
 * Loads a plug-in: a shared object that registers index types by the same
 * VMA_INDEX_REGISTER.  They live until the program ends.  0, or -1 and the
 * reason in why[size]; then the program should end, for some may be there.
 */
must_check int vma_index_load(const char *file, char *why, size_t size);

/* The i-th index type by name, or NULL past the last. */
const struct vma_index_ops *vma_index_type(unsigned i);

/*
 * The index type of that name, or NULL; of a wrapped one, "check:NAME" (check.c), too.
 */
const struct vma_index_ops *vma_index_lookup(const char *name);

/* A new empty index with its memory from arena; NULL if out of memory. */
struct vma_index *vma_index_create(const struct vma_index_ops *ops, struct arena *arena);

/* Ends an index, not its VMAs. NULL is allowed. */
void vma_index_destroy(struct vma_index *index);

/* Reserve and commit in one: 0, or -ENOMEM and nothing has changed. */
must_check int vma_index_edit(struct vma_index *index, const struct vma_edit *edit);

/* The type's scan, or step by step: see there. */
unsigned vma_index_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n);

/* All VMAs of an index in address order, seen a batch at a time; it must not change meanwhile. */
#define VMA_WALK_BATCH 64

struct vma_walk {
	struct vma_cursor cursor;
	unsigned n, next;
	struct vm_area_struct *vmas[VMA_WALK_BATCH];
};

/* The next VMA of a walk that has begun; NULL behind the last one. */
static inline struct vm_area_struct *vma_walk_next(struct vma_walk *walk)
{
	if (walk->next == walk->n) {
		if (!walk->cursor.vma)
			return NULL;
		walk->n = vma_index_scan(&walk->cursor, walk->vmas, VMA_WALK_BATCH);
		walk->next = 0;
	}
	return walk->vmas[walk->next++];
}

/* Begins a walk with the first VMA that ends above addr. */
static inline struct vm_area_struct *
vma_walk_from(struct vma_walk *walk, const struct vma_index *index, unsigned long addr)
{
	walk->cursor.index = index;
	walk->n = walk->next = 0;
	index->ops->seek(&walk->cursor, addr);
	return vma_walk_next(walk);
}

#define for_each_vma(walk, index, vma) \
	for ((vma) = vma_walk_from((walk), (index), 0); (vma); (vma) = vma_walk_next(walk))

/*
 * Fork: fills an empty index like from, which holds n VMAs, by its type's clone
 * or by build.  As clone.
 */
must_check int vma_index_clone(struct vma_index *index, const struct vma_index *from,
			       struct vm_area_struct *const *copies, size_t n);

/* For verify: explains on report (NULL: nowhere) how invariant number n is broken; returns n. */
unsigned vma_index_broken(const struct vma_index *index, unsigned n, FILE *report,
			  const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
