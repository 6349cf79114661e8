/*
 * btree.h - nodes and tree of the B+-tree of ranges, for its own files (see btree.c)
 *
 * Inside, everything is counted in pages.
 */
#ifndef INDEXES_BTREE_BTREE_H
#define INDEXES_BTREE_BTREE_H

#include <stdint.h>
#include <string.h>

#include "indexes/vma_index.h"

#define BTREE_LEAF_CAP   40 /* entries of a compressed leaf; an uncompressed one has half */
#define BTREE_INNER_CAP  60
#define BTREE_ROOT_CAP   120 /* of the largest leaf that is the root */
#define BTREE_MAX_HEIGHT 10  /* 8 * 12^9 VMAs at the very least */
#define BTREE_MIN_DELTA  INT32_MIN
#define BTREE_MAX_DELTA  0x7f7f7f7eL
#define BTREE_MAX_SPAN   ((unsigned long)(BTREE_MAX_DELTA - BTREE_MIN_DELTA))
#define BTREE_ELIDED_SHIFT \
	13 /* an elided gap is counted in units of 2^13 pages: 32 bits reach over all there are */
#define BTREE_PAD_BYTE            0x7f /* four or eight of them are above any bound */
#define BTREE_PAD                 0x7f7f7f7f
#define BTREE_MAX_JOIN            7 /* nodes that one level of an edit can end in */
#define BTREE_UNCOMPRESSED_GROWTH 5 /* nodes that it can add where uncompressed ones are about */

/* What a node keeps of each entry, an array each; a leaf has the first three. */
enum btree_field { BTREE_END, BTREE_START, BTREE_PTR, BTREE_GAP_INSIDE, BTREE_MAX_GAP };

struct btree_node {
	unsigned long
		/* compressed bounds are distances from it, signed; 0 in an uncompressed node */
		base;
	uint32_t elided; /* how long the gap from base on is that distances leave out, see there */
	uint8_t n;
	uint8_t cap;   /* entries that it had room for as a compressed node */
	uint8_t level; /* 0: a leaf */
	uint8_t uncompressed;
	unsigned char lanes[];
};

/* At the end of each leaf; build() uses them on every level. */
struct btree_links {
	struct btree_node *prev, *next;
};

/* An entry unpacked: a VMA, or a child seen as one range with gaps inside. */
struct btree_entry {
	unsigned long start, end;
	unsigned long gap; /* the largest gap inside; 0 for a VMA */
	void *ptr;
};

struct btree_path {
	struct btree_step {
		struct btree_node *node;
		unsigned slot;
	} at[BTREE_MAX_HEIGHT]; /* by level */
};

/* Where an edit happens: leaf entries from left's slot up to right's slot go. */
struct btree_spot {
	struct btree_path left, right;
	bool spanning; /* right is another leaf than left, and set */
};

/* What happens on one level: entries [from, to) become the put ones. */
struct btree_change {
	unsigned from, to; /* from in the left node, to in the right one */
	unsigned nput;
	struct btree_entry put[BTREE_MAX_JOIN];
};

enum { BTREE_LEAF, BTREE_INNER, BTREE_KINDS }; /* by level > 0 */

/*
 * A search's answer, in bytes: of all that begin at that limit (lo, or hi if topdown) and
 * ask for min to min + span, whatever the other limit is, this is the first gap that is long
 * enough.  All 0: none.
 */
struct btree_fit {
	unsigned long from, min, span;
	unsigned long start, end;
	bool topdown;
};

struct btree {
	struct vma_index index;
	struct btree_node *root;   /* NULL when empty */
	unsigned long first, last; /* start of the first VMA, end of the last; 0, 0 */
	unsigned long gap; /* the largest gap between two VMAs; ~0: not known, the root is a leaf */
	uintptr_t origin[BTREE_KINDS]; /* what compressed pointers count from: to VMAs, to nodes */
	struct btree_node *leftmost, *rightmost;
	size_t vmas;
	size_t nodes[BTREE_KINDS]; /* in the tree */
	struct btree_node *pool[BTREE_KINDS];
	unsigned pooled[BTREE_KINDS];
	size_t keep[BTREE_KINDS]; /* spare ones between edits: what such edits needed lately */
	struct btree_node *grown; /* a leaf with room for what is reserved, or NULL */
	bool far[BTREE_KINDS];    /* such a pointer did not fit in a compressed node */
	bool planned;             /* the next commit changes one leaf, in place: */
	uint8_t pending;          /* commits that reserve has committed memory to */
	uint16_t from, to;        /* these entries of it go */
	struct btree_path path;   /* and this leads to them */
	unsigned long finger,
		reach; /* its leaf, not the root, has pages [finger, finger + reach) */
	bool asked;    /* fresh is written, which happens once between two commits: */
	struct btree_fit fresh, kept; /* the next commit keeps it; only commits write kept */
	unsigned long mark;           /* edits whose windows end below it change nothing of that */
};

/* The readers and the ordinary edit, compiled once for each instruction set. */
struct btree_simd {
	const char *name;
	bool (*usable)(void);
	struct vm_area_struct *(*find)(const struct vma_index *index, unsigned long addr);
	struct vm_area_struct *(*seek)(struct vma_cursor *cursor, unsigned long addr);
	int (*find_gap)(const struct vma_index *index, struct vma_gap *gap);
	/* The path to the first VMA that ends above page, or behind the last. Not empty. */
	void (*descend)(const struct btree *tree, unsigned long page, struct btree_path *path);
	/* The largest gap inside the node. */
	unsigned long (*largest)(const struct btree_node *node);
	/*
	 * Whether the edit changes one leaf only, in place, and the bounds and gaps
	 * above it: then tree->path, from and to are set.  Not empty.
	 */
	bool (*plan)(struct btree *tree, const struct vma_edit *edit);
	int (*reserve)(struct vma_index *index, const struct vma_edit *edits, unsigned n);
	void (*commit)(struct vma_index *index, const struct vma_edit *edit);
	/*
	 * For readers concurrent with a writer that replaces nodes: find, seek, and its mirror
	 * (shared.h).
	 */
	struct vm_area_struct *(*find_shared)(const struct vma_index *index, unsigned long addr);
	struct vm_area_struct *(*seek_shared)(struct vma_cursor *cursor, unsigned long addr);
	struct vm_area_struct *(*seek_below_shared)(struct vma_cursor *cursor, unsigned long page);
	/*
	 * For that writer: what the planned edit makes of a compressed leaf, into a copy of the
	 * same cap, but for its links; returns its largest gap, or 0 if the leaf is the root.
	 */
	unsigned long (*copy_leaf)(const struct btree *tree, const struct vma_edit *edit,
				   struct btree_node *copy);
};

/*
 * Between these two all functions are compiled for these instructions, beside those of the
 * machine for which the program is built: clang and gcc say it in different words.
 */
#define SIMD_PRAGMA(words) _Pragma(#words)
#ifdef __clang__
#define SIMD_TARGET(set) \
	SIMD_PRAGMA(clang attribute push(__attribute__((target(set))), apply_to = function))
#define SIMD_TARGET_END SIMD_PRAGMA(clang attribute pop)
#else
#define SIMD_TARGET(set) SIMD_PRAGMA(GCC push_options) SIMD_PRAGMA(GCC target(set))
#define SIMD_TARGET_END  SIMD_PRAGMA(GCC pop_options)
#endif

/* Eight words of an array at once, wherever they begin. */
#define VECTOR_WORDS 8
typedef int32_t btree_words __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t btree_unsigned __attribute__((vector_size(32), aligned(4), may_alias));

/* For loops over a node, whose size is a constant wherever it counts. */
#define SIMD_UNROLL _Pragma("GCC unroll 16")

extern const struct btree_simd *btree_simd; /* in use */

/*
 * The index type's find, seek and find_gap (shared: those for readers concurrent with a writer;
 * else reserve and commit, too) are those of the instruction set in use, now and when it changes.
 */
void btree_follow_simd(struct vma_index_ops *ops, bool shared);

static inline struct btree *btree_of(const struct vma_index *index)
{
	return container_of(index, struct btree, index);
}

/* What a node has room for, if it is not a leaf and the root. */
static inline unsigned btree_cap(unsigned level, bool uncompressed)
{
	return (level ? BTREE_INNER_CAP : BTREE_LEAF_CAP) >> uncompressed;
}

static inline unsigned btree_room(const struct btree_node *node)
{
	return node->cap >> node->uncompressed;
}

/* The fewest entries of a node that is not the root. */
static inline unsigned btree_min(unsigned level)
{
	return btree_cap(level, false) / 5;
}

static inline unsigned btree_fields(unsigned level)
{
	return level ? BTREE_MAX_GAP + 1 : BTREE_PTR + 1;
}

static inline size_t btree_size(unsigned level, unsigned cap)
{
	return sizeof(struct btree_node) + btree_fields(level) * cap * sizeof(uint32_t) +
	       sizeof(struct btree_links);
}

static inline void *btree_lanes(const struct btree_node *node, unsigned level,
				enum btree_field field)
{
	unsigned cap = level ? BTREE_INNER_CAP : node->cap;

	return (void *)(node->lanes + field * cap * sizeof(uint32_t));
}

static inline struct btree_links *btree_links(const struct btree_node *node)
{
	return btree_lanes(node, node->level, btree_fields(node->level));
}

static inline unsigned long btree_get(const struct btree_node *node, unsigned level,
				      enum btree_field field, unsigned i)
{
	const void *lanes = btree_lanes(node, level, field);

	if (node->uncompressed)
		return ((const uint64_t *)lanes)[i];
	if (field <= BTREE_START)
		return (unsigned long)(long)((const int32_t *)lanes)[i];
	return ((const uint32_t *)lanes)[i];
}

/* The pages that the node's distances leave out: these many from its base on. */
static inline unsigned long btree_elided(const struct btree_node *node)
{
	return (unsigned long)node->elided << BTREE_ELIDED_SHIFT;
}

/* The page of a bound: those above the elided gap are not below base. */
static inline unsigned long btree_page(const struct btree_node *node, unsigned long distance)
{
	unsigned long page = node->base + distance;

	/* test the elided gap first: it is rare and well predicted */
	return unlikely(node->elided) && (long)distance >= 0 ? page + btree_elided(node) : page;
}

/*
 * A page's distance from base, one in the elided gap as if it were its end; the reverse of
 * btree_page.
 */
static inline long btree_distance(const struct btree_node *node, unsigned long page)
{
	long distance = (long)(page - node->base);

	/* test the elided gap first: it is rare and well predicted */
	if (unlikely(node->elided) && distance >= 0)
		return max(distance - (long)btree_elided(node), 0L);
	return distance;
}

static inline unsigned long btree_start(const struct btree_node *node, unsigned level, unsigned i)
{
	return btree_page(node, btree_get(node, level, BTREE_START, i));
}

static inline unsigned long btree_end(const struct btree_node *node, unsigned level, unsigned i)
{
	return btree_page(node, btree_get(node, level, BTREE_END, i));
}

/* What the elided gap takes away from the largest gap inside entry i of an inner node. */
static inline unsigned long btree_elided_inside(const struct btree_node *node, unsigned i)
{
	bool spans = (long)btree_get(node, 1, BTREE_START, i) < 0 &&
		     (long)btree_get(node, 1, BTREE_END, i) >= 0;

	return spans ? btree_elided(node) : 0;
}

static inline unsigned long btree_gap_inside(const struct btree_node *node, unsigned level,
					     unsigned i)
{
	unsigned long gap = level ? btree_get(node, level, BTREE_GAP_INSIDE, i) : 0;

	return level && unlikely(node->elided) ? gap + btree_elided_inside(node, i) : gap;
}

/* The gap in front of entry i > 0. */
static inline unsigned long btree_gap_before(const struct btree_node *node, unsigned level,
					     unsigned i)
{
	unsigned long start = btree_get(node, level, BTREE_START, i);
	unsigned long end = btree_get(node, level, BTREE_END, i - 1);

	unsigned long gap = start - end;

	return unlikely(node->elided) && (long)(end & ~start) < 0 ? gap + btree_elided(node) : gap;
}

static inline void *btree_ptr(const struct btree *tree, const struct btree_node *node,
			      unsigned level, unsigned i)
{
	unsigned long ptr = btree_get(node, level, BTREE_PTR, i);

	return (void *)(node->uncompressed ? ptr : tree->origin[level > 0] + 8 * ptr);
}

static inline struct btree_node *btree_child(const struct btree *tree,
					     const struct btree_node *node, unsigned i)
{
	return btree_ptr(tree, node, 1, i);
}

/* What a scan reads of a leaf that is not the root: its head, pointers and links. */
static inline void btree_prefetch_pointers(const struct btree_node *leaf)
{
	const char *line = (const char *)btree_lanes(leaf, 0, BTREE_PTR);

	__builtin_prefetch(leaf);
	for (; line < (const char *)leaf + btree_size(0, BTREE_LEAF_CAP); line += 64)
		__builtin_prefetch(line);
}

/* Up to n pointers of the cursor's leaf from its slot on; it is on the last of them then. */
static inline unsigned btree_scan_leaf(struct vma_cursor *cursor, struct vm_area_struct **vmas,
				       unsigned n)
{
	const struct btree *tree = container_of(cursor->index, struct btree, index);
	const struct btree_node *leaf = cursor->node;
	const uint32_t *ptr = btree_lanes(leaf, 0, BTREE_PTR);
	unsigned slot = cursor->slot, some = min(leaf->n - slot, n);

	if (unlikely(leaf->uncompressed)) {
		memcpy(vmas, (const uint64_t *)ptr + slot, some * sizeof(*vmas));
	} else {
		for (unsigned i = 0; i < some; i++)
			vmas[i] = (void *)(tree->origin[BTREE_LEAF] + 8UL * ptr[slot + i]);
	}
	cursor->slot = slot + some - 1;
	cursor->vma = vmas[some - 1];
	return some;
}

/* The op scan, of an index whose next this is. */
static inline __attribute__((always_inline)) unsigned
btree_scan_by(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n,
	      struct vm_area_struct *(*next)(struct vma_cursor *cursor))
{
	unsigned done = 0;

	while (done < n && cursor->vma) {
		done += btree_scan_leaf(cursor, vmas + done, n - done);
		next(cursor);
	}
	return done;
}

/* Below this, a node that shrinks looks for siblings to merge with. */
static inline unsigned btree_low(unsigned level)
{
	return btree_cap(level, false) * 3 / 5;
}

static inline struct btree_step *btree_left(struct btree_spot *spot, unsigned level)
{
	return &spot->left.at[level];
}

static inline struct btree_step *btree_right(struct btree_spot *spot, unsigned level)
{
	return spot->spanning ? &spot->right.at[level] : &spot->left.at[level];
}

/* Whether pages [start, end) neither are in the node's elided gap nor touch its lower end. */
static inline bool btree_off_elided(const struct btree_node *node, unsigned long start,
				    unsigned long end)
{
	return !node->elided || end < node->base || start >= node->base + btree_elided(node);
}

/* Whether a compressed node can hold bounds start and end, which are not in its elided gap. */
static inline bool btree_reaches(const struct btree_node *node, unsigned long start,
				 unsigned long end)
{
	return btree_distance(node, start) >= BTREE_MIN_DELTA &&
	       btree_distance(node, end) <= BTREE_MAX_DELTA;
}

/* Whether a compressed node can hold VMAs in pages [start, end). */
static inline bool btree_holds(const struct btree_node *node, unsigned long start,
			       unsigned long end)
{
	return btree_reaches(node, start, end) && btree_off_elided(node, start, end);
}

/* The origin of a tree whose first pointer of the kind is this one. */
static inline uintptr_t btree_origin(const void *ptr)
{
	return (uintptr_t)ptr - (1UL << 34);
}

/* Whether a compressed node can point there. */
static inline bool btree_near(const struct btree *tree, unsigned level, const void *ptr)
{
	return ((uintptr_t)ptr - tree->origin[level > 0]) >> 35 == 0;
}

static inline void btree_put(struct btree_node *node, unsigned level, enum btree_field field,
			     unsigned i, unsigned long value)
{
	void *lanes = btree_lanes(node, level, field);

	if (node->uncompressed)
		((uint64_t *)lanes)[i] = value;
	else
		((uint32_t *)lanes)[i] = value;
}

static inline void btree_set_ptr(const struct btree *tree, struct btree_node *node, unsigned level,
				 unsigned i, const void *ptr)
{
	uintptr_t to = (uintptr_t)ptr;

	btree_put(node, level, BTREE_PTR, i,
		  node->uncompressed ? to : (to - tree->origin[level > 0]) / 8);
}

/* Makes entry i what *e says; it must fit the node's form. */
static inline void btree_set(const struct btree *tree, struct btree_node *node, unsigned level,
			     unsigned i, const struct btree_entry *e)
{
	btree_put(node, level, BTREE_END, i, btree_distance(node, e->end));
	btree_put(node, level, BTREE_START, i, btree_distance(node, e->start));
	btree_set_ptr(tree, node, level, i, e->ptr);
	if (level)
		btree_put(node, level, BTREE_GAP_INSIDE, i, e->gap - btree_elided_inside(node, i));
}

/*
 * Of an inner node whose entries [from, to) are others now: what a search compares.  Like the
 * bounds that it comes from, a compressed node keeps it less the elided gap.
 */
static inline void btree_set_max_gap(struct btree_node *node, unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to && i < node->n; i++) {
		unsigned long before = 0, inside = btree_get(node, 1, BTREE_GAP_INSIDE, i);

		if (i)
			before = btree_get(node, 1, BTREE_START, i) -
				 btree_get(node, 1, BTREE_END, i - 1);
		btree_put(node, 1, BTREE_MAX_GAP, i, max(before, inside));
	}
}

/* The entries of a compressed leaf from that one on are what the edit puts. */
static inline void btree_set_compressed(const struct btree *tree, struct btree_node *leaf,
					unsigned from, const struct vma_edit *edit)
{
	uint32_t *end = (uint32_t *)btree_lanes(leaf, 0, BTREE_END) + from;
	uint32_t *start = end + leaf->cap, *ptr = start + leaf->cap;
	const struct btree_node head = { .base = leaf->base, .elided = leaf->elided };
	uintptr_t origin = tree->origin[BTREE_LEAF];

	for (const struct vma_put *put = edit->put, *last = put + edit->nput; put < last; put++) {
		*end++ = btree_distance(&head, put->end >> PAGE_SHIFT);
		*start++ = btree_distance(&head, put->start >> PAGE_SHIFT);
		*ptr++ = ((uintptr_t)put->vma - origin) / 8;
	}
}

/* ends of unused slots are above any page, so that a search never counts them */
static inline void btree_pad(struct btree_node *node, unsigned from, unsigned to)
{
	size_t width = node->uncompressed ? sizeof(uint64_t) : sizeof(uint32_t);

	memset(node->lanes + from * width, BTREE_PAD_BYTE, (to - from) * width);
}

/* Whether some VMA behind the path's leaf starts below page hi. */
static inline bool btree_spans(const struct btree *tree, const struct btree_path *path,
			       unsigned long hi)
{
	for (unsigned level = 1; level <= tree->root->level; level++) {
		const struct btree_step *step = &path->at[level];

		if (step->slot + 1 < step->node->n)
			return btree_start(step->node, level, step->slot + 1) < hi;
	}
	return false;
}

/* ---- node.c: one node, and where nodes come from ---- */

/* Entries [from, to) of node, unpacked; returns one past the last written. */
struct btree_entry *btree_unpack(const struct btree *tree, const struct btree_node *node,
				 unsigned from, unsigned to, struct btree_entry *out);

/* The node seen as one entry of its parent, but for the gap; n > 0. */
struct btree_entry btree_extent(const struct btree_node *node);

/* The same with the gap. */
struct btree_entry btree_summary(const struct btree_node *node);

/* Whether the bounds of n > 0 entries can stand in one compressed node. */
bool btree_span_compresses(const struct btree *tree, const struct btree_entry *e, unsigned n);

/* The same of the entries, their pointers too. */
bool btree_fits_compressed(const struct btree *tree, unsigned level, const struct btree_entry *e,
			   unsigned n);

/*
 * Whether the elided gap of a compressed node is free of what is to be its entry: the VMA,
 * or all those below the child.
 */
bool btree_unelided(const struct btree *tree, const struct btree_node *node, unsigned level,
		    const struct btree_entry *e);

/* Entries from to on stand at at now; n, and what that leaves unused, is the caller's matter. */
void btree_move(struct btree_node *node, unsigned at, unsigned to);

/* Rewrites node with n > 0 entries in the form that they need, for which n is not too many. */
void btree_pack(const struct btree *tree, struct btree_node *node, unsigned level,
		const struct btree_entry *e, unsigned n);

/* Entries [from, to) become the nput given ones, which must fit the node's form and room. */
void btree_replace(const struct btree *tree, struct btree_node *node, unsigned from, unsigned to,
		   const struct btree_entry *put, unsigned nput);

/* At least need[] nodes in the pool: 0, or -ENOMEM and the pool is as small as it may be. */
must_check int btree_pool_fill(struct btree *tree, const size_t need[BTREE_KINDS]);

/* Gives what is reserved back to the arena, but for so many nodes of each kind. */
void btree_pool_keep(struct btree *tree, const size_t keep[BTREE_KINDS]);

/* All of it. */
void btree_pool_empty(struct btree *tree);

/* A node out of the pool, which must not be empty. */
struct btree_node *btree_take(struct btree *tree, unsigned level);

/* A node that is no more in the tree, into the pool, or to the arena if no pool has its size. */
void btree_release(struct btree *tree, struct btree_node *node);

/* The same for a node that is counted no more. */
void btree_recycle(struct btree *tree, struct btree_node *node);

/* Releases a node and all below it; their VMAs are no more counted. */
void btree_drop(struct btree *tree, struct btree_node *node);

/*
 * Memory for a leaf that becomes the root, with room for n entries: tree->grown.
 * 0; -ENOMEM; or -E2BIG, as such a leaf cannot have as many.
 */
must_check int btree_grow(struct btree *tree, unsigned n, bool uncompressed);

/* The leaf that btree_grow() made becomes the root, with the n entries. */
void btree_plant(struct btree *tree, const struct btree_entry *e, unsigned n);

/* How much of the gap is behind the limit that the search begins at. */
static inline unsigned long btree_fit_size(const struct btree_fit *fit)
{
	unsigned long start = fit->topdown ? fit->start : max(fit->start, fit->from);
	unsigned long end = fit->topdown ? min(fit->end, fit->from) : fit->end;

	return end > start ? end - start : 0;
}

/* ---- edit.c: where an edit happens, and the one leaf that most edits change ---- */

/* The window of the edit: the spot, and which leaf entries go and come. The tree is not empty. */
void btree_locate(const struct btree *tree, const struct vma_edit *edit, struct btree_spot *spot,
		  struct btree_change *change);

/* A leaf that was changed, where tree->path leads, has this largest gap: so nodes above it. */
void btree_refresh(struct btree *tree, const struct btree_node *leaf, unsigned long gap);

/* The planned edit where the leaf is uncompressed. */
void btree_change_uncompressed(struct btree *tree, const struct vma_edit *edit);

/*
 * An edit is being made whose window does not end below tree->mark: what was answered since
 * the last one is kept, as far as it stays true.
 */
void btree_keep_fit(struct btree *tree, const struct vma_edit *edit);

/* An edit that is not planned. */
void btree_commit_other(struct btree *tree, const struct vma_edit *edit);

/* What reserve left over goes, but for what is to be kept; a root that is_roomy shrinks. */
void btree_settle(struct btree *tree);

/* Whether a leaf that is the root has much more room than it needs. */
static inline bool btree_is_roomy(const struct btree *tree)
{
	const struct btree_node *root = tree->root;

	return root && !root->level && root->cap > BTREE_LEAF_CAP &&
	       root->n * 4u < btree_room(root);
}

/* ---- reserve.c ---- */

/* Reserves for edits that are not planned. */
must_check int btree_reserve_more(struct btree *tree, const struct vma_edit *edits, unsigned n);

/* ---- rebalance.c: edits that change the shape of the tree ---- */

/* Makes the change at the spot from this level up; the pool has what it needs. */
void btree_apply(struct btree *tree, struct btree_spot *spot, unsigned level,
		 struct btree_change *change);

/* Makes the change in place and turns it into the parent's; false if the parent has none. */
bool btree_change_in_place(struct btree *tree, const struct btree_path *path, unsigned level,
			   struct btree_change *change);

/* Whether the change can be made in place, and no sibling wants what remains. */
bool btree_stays(const struct btree *tree, struct btree_spot *spot, unsigned level,
		 const struct btree_change *change);

/* The largest gap in front of entries [from, to] or inside [from, to). */
unsigned long btree_largest_near(const struct btree_node *node, unsigned from, unsigned to);

/* Nodes of one level whose entries are redistributed. */
struct btree_redist {
	struct btree_node *in[4];
	unsigned nin, n;
	bool join_left, join_right;       /* in[] begins, ends with a sibling */
	unsigned k, size[BTREE_MAX_JOIN]; /* into so many nodes, of so many entries */
	struct btree_entry e[4 * BTREE_INNER_CAP + BTREE_MAX_JOIN];
};

/* Deals out what the change leaves of the nodes at the spot and of siblings that it chooses. */
void btree_redistribute(const struct btree *tree, struct btree_spot *spot, unsigned level,
			const struct btree_change *change, struct btree_redist *redist);

/* ---- these files, reserve.c, build.c, clone.c, verify.c: the ops of these names ---- */

void btree_unreserve(struct vma_index *index);
int btree_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n);
int btree_clone(struct vma_index *index, const struct vma_index *from_index,
		struct vm_area_struct *const *copies);
unsigned btree_verify(const struct vma_index *index, FILE *report);
/* The invariants but that of the links. */
unsigned btree_verify_nodes(const struct btree *tree, FILE *report);
int btree_corrupt(struct vma_index *index, unsigned n);
void btree_dump(const struct vma_index *index, FILE *out);

/*
 * The root, as a tree of one node or more now is, and all that follows from it; a leaf needs no
 * gap.
 */
void btree_set_root(struct btree *tree, const struct btree_entry *top);

#define BTREE_INVARIANTS 10

#endif
