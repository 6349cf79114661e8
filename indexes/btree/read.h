/*
 * read.h - the readers of the B+-tree, compiled once for each instruction set
 *
 * The file that includes it defines SIMD (the set's name), SIMD_TARGET (the
 * attribute of each function) and, first of all, the searches that differ:
 *
 *	rank32, rank64  how many ends of a narrow or wide node, with room for cap,
 *	                are <= page, which a narrow node reaches
 *	least32         bit i: value[i] >= key > 0, for n <= 64 values; up to 60 bytes
 *	                behind them are readable and ignored
 *	holes32         bit i: start[i] - end[i - 1] >= key, alike
 *	most32, shift   see vectors.h, which all sets that have vectors include
 */
#include "indexes/btree/btree.h"

#include <errno.h>

/* The first entry that ends above page, or n; page is at most the node's last end. */
SIMD_TARGET static inline __attribute__((always_inline)) unsigned
SIMD_FN(rank)(const struct btree_node *node, unsigned cap, unsigned long page)
{
	if (unlikely(node->wide))
		return SIMD_FN(rank64)(node, cap / 2, page);
	if (node->fold)
		page = node->base + (unsigned long)btree_distance(node, page);
	if (unlikely((long)(page - node->base) < BTREE_MIN_DELTA))
		return 0;
	return SIMD_FN(rank32)(node, cap, page);
}

/* The same in a leaf that is the root: its size is one of btree_grow()'s. */
SIMD_TARGET static inline unsigned SIMD_FN(rank_root)(const struct btree_node *leaf,
						      unsigned long page)
{
	switch (leaf->cap) {
	case 24:
		return SIMD_FN(rank)(leaf, 24, page);
	case BTREE_LEAF_CAP:
		return SIMD_FN(rank)(leaf, BTREE_LEAF_CAP, page);
	case 56:
		return SIMD_FN(rank)(leaf, 56, page);
	case 72:
		return SIMD_FN(rank)(leaf, 72, page);
	case 104:
		return SIMD_FN(rank)(leaf, 104, page);
	default:
		return SIMD_FN(rank)(leaf, BTREE_ROOT_CAP, page);
	}
}

/* The first entry that ends above the fold: the fold is in front of it or inside it. */
SIMD_TARGET static inline unsigned SIMD_FN(above_fold)(const struct btree_node *node)
{
	return node->level ? SIMD_FN(rank)(node, BTREE_INNER_CAP, node->base)
			   : SIMD_FN(rank_root)(node, node->base);
}

/*
 * The bit of the hole that the fold is in, if it has at least len pages: that in
 * front of entry at + i, or the largest inside it.
 */
SIMD_TARGET static inline uint64_t SIMD_FN(folded)(const struct btree_node *node, unsigned level,
						   unsigned at, bool inside, unsigned long len)
{
	unsigned i = SIMD_FN(above_fold)(node);
	unsigned long hole;

	if (i < at || i >= node->n || i - at >= 64)
		return 0;
	if (((long)btree_get(node, level, BTREE_START, i) < 0) != inside || (!inside && !i))
		return 0;
	hole = inside ? btree_gap(node, level, i) : btree_hole(node, level, i);
	return (uint64_t)(hole >= len) << (i - at);
}

/* A leaf's lines from that array on are on their way while its ends are searched. */
SIMD_TARGET static inline void SIMD_FN(prefetch)(const struct btree_node *leaf,
						 enum btree_field from)
{
	const char *line = (const char *)leaf;
	size_t at = sizeof(*leaf) + from * BTREE_LEAF_CAP * sizeof(uint32_t);

	SIMD_UNROLL
	for (; at < btree_size(0, BTREE_LEAF_CAP); at += 64)
		__builtin_prefetch(line + at);
}

/* The leaf of the first VMA that ends above page, and its slot; there must be one. */
SIMD_TARGET static inline __attribute__((always_inline)) const struct btree_node *
SIMD_FN(leaf)(const struct btree *tree, unsigned long page, unsigned *slot)
{
	const struct btree_node *node = tree->root;

	if (!node->level) {
		*slot = SIMD_FN(rank_root)(node, page);
		return node;
	}
	if (page - tree->finger < tree->reach) {
		node = tree->path.at[0].node;
		*slot = SIMD_FN(rank)(node, BTREE_LEAF_CAP, page);
		return node;
	}
	for (unsigned level = node->level; level; level--)
		node = btree_child(tree, node, SIMD_FN(rank)(node, BTREE_INNER_CAP, page));
	SIMD_FN(prefetch)(node, BTREE_PTR);
	*slot = SIMD_FN(rank)(node, BTREE_LEAF_CAP, page);
	return node;
}

SIMD_TARGET static struct vm_area_struct *SIMD_FN(find)(const struct vma_index *index,
							unsigned long addr)
{
	const struct btree *tree = (const struct btree *)index;
	const struct btree_node *leaf;
	unsigned slot;

	if (addr >> PAGE_SHIFT >= tree->last)
		return NULL;
	leaf = SIMD_FN(leaf)(tree, addr >> PAGE_SHIFT, &slot);
	return btree_ptr(tree, leaf, 0, slot);
}

SIMD_TARGET static struct vm_area_struct *SIMD_FN(seek)(struct vma_cursor *cursor,
							unsigned long addr)
{
	const struct btree *tree = (const struct btree *)cursor->index;
	const struct btree_node *leaf = tree->rightmost;
	unsigned slot;

	if (addr >> PAGE_SHIFT < tree->last) {
		leaf = SIMD_FN(leaf)(tree, addr >> PAGE_SHIFT, &slot);
		cursor->vma = btree_ptr(tree, leaf, 0, slot);
		cursor->slot = slot;
	} else {
		cursor->vma = NULL;
		cursor->slot = leaf ? leaf->n : 0;
	}
	cursor->node = (void *)leaf;
	return cursor->vma;
}

SIMD_TARGET static inline __attribute__((always_inline)) void
SIMD_FN(walk)(const struct btree *tree, unsigned long page, struct btree_path *path)
{
	struct btree_node *node = tree->root;
	struct btree_step *step = &path->at[node->level];

	page = min(page, tree->last);
	for (; step > path->at; step--) {
		unsigned slot = SIMD_FN(rank)(node, BTREE_INNER_CAP, page);

		step->node = node;
		step->slot = min(slot, node->n - 1u);
		node = btree_child(tree, node, step->slot);
	}
	step->node = node;
	if (!tree->root->level) {
		step->slot = SIMD_FN(rank_root)(node, page);
		return;
	}
	SIMD_FN(prefetch)(node, BTREE_START);
	step->slot = SIMD_FN(rank)(node, BTREE_LEAF_CAP, page);
}

SIMD_TARGET static void SIMD_FN(descend)(const struct btree *tree, unsigned long page,
					 struct btree_path *path)
{
	SIMD_FN(walk)(tree, page, path);
}

/* ---- holes ---- */

/* Bit i: the hole in front of entry i of a wide node, which has no more than 60, is as long. */
SIMD_TARGET static inline uint64_t SIMD_FN(wide_holes)(const struct btree_node *node,
						       unsigned level, unsigned long len)
{
	const uint64_t *start = btree_lanes(node, level, BTREE_START);
	const uint64_t *end = btree_lanes(node, level, BTREE_END);
	uint64_t holes = 0;

	for (unsigned i = 1; i < node->n; i++)
		holes |= (uint64_t)(start[i] - end[i - 1] >= len) << i;
	return holes;
}

/* Bit i: the hole in front of entry at + i, behind the one before, has at least len pages. */
SIMD_TARGET static inline uint64_t SIMD_FN(holes)(const struct btree_node *node, unsigned level,
						  unsigned at, unsigned long len)
{
	const uint32_t *start = (uint32_t *)btree_lanes(node, level, BTREE_START) + at;
	const uint32_t *end = (uint32_t *)btree_lanes(node, level, BTREE_END) + at;
	unsigned n = min(node->n - at, 64u);
	uint64_t holes = 0;

	if (unlikely(node->wide))
		return SIMD_FN(wide_holes)(node, level, len);
	if (len > BTREE_MAX_SPAN)
		holes = 0;
	else if (level)
		holes = SIMD_FN(holes32)(start, end, BTREE_INNER_CAP, (uint32_t)len);
	else if (n <= BTREE_LEAF_CAP)
		holes = SIMD_FN(holes32)(start, end, BTREE_LEAF_CAP, (uint32_t)len);
	else
		holes = SIMD_FN(holes32)(start, end, 64, (uint32_t)len);
	holes &= ~0UL >> (64 - n) & (at ? ~0UL : ~1UL);
	return node->fold ? holes | SIMD_FN(folded)(node, level, at, false, len) : holes;
}

/* Bit i: inside the child of entry i there is a hole of at least len pages. */
SIMD_TARGET static inline uint64_t SIMD_FN(inside)(const struct btree_node *node, unsigned long len)
{
	uint64_t inside = 0;

	if (unlikely(node->wide)) {
		const uint64_t *gap = btree_lanes(node, 1, BTREE_GAP);

		for (unsigned i = 0; i < node->n; i++)
			inside |= (uint64_t)(gap[i] >= len) << i;
		return inside;
	}
	if (len <= BTREE_MAX_SPAN)
		inside = SIMD_FN(least32)(btree_lanes(node, 1, BTREE_GAP), BTREE_INNER_CAP,
					  (uint32_t)len);
	inside &= (1UL << node->n) - 1;
	return node->fold ? inside | SIMD_FN(folded)(node, 1, 0, true, len) : inside;
}

/* The hole in front of entry i > 0, as the answer. */
SIMD_TARGET static inline bool SIMD_FN(answer)(const struct btree_node *node, unsigned level,
					       unsigned i, struct vma_gap *gap)
{
	gap->start = btree_end(node, level, i - 1) << PAGE_SHIFT;
	gap->end = btree_start(node, level, i) << PAGE_SHIFT;
	return true;
}

/* The lowest one in front of a leaf's entries from that one on; a root may have more than 64. */
SIMD_TARGET static inline bool SIMD_FN(lowest_in_leaf)(const struct btree_node *leaf, unsigned from,
						       unsigned long len, struct vma_gap *gap)
{
	for (unsigned at = from & ~63u; at < leaf->n; at += 64, from = at) {
		uint64_t holes = SIMD_FN(holes)(leaf, 0, at, len) >> from % 64 << from % 64;

		if (holes)
			return SIMD_FN(answer)(leaf, 0, at + __builtin_ctzl(holes), gap);
	}
	return false;
}

/* The highest one in front of a leaf's entries below that one. */
SIMD_TARGET static inline bool SIMD_FN(highest_in_leaf)(const struct btree_node *leaf,
							unsigned below, unsigned long len,
							struct vma_gap *gap)
{
	while (below) {
		unsigned at = (below - 1) & ~63u;
		uint64_t holes = SIMD_FN(holes)(leaf, 0, at, len) & ~0UL >> (64 - (below - at));

		if (holes)
			return SIMD_FN(answer)(leaf, 0, at + 63 - __builtin_clzl(holes), gap);
		below = at;
	}
	return false;
}

/*
 * The lowest hole of len pages inside node that is in front of entry from, in
 * it, or above it; false if there is none.
 */
SIMD_TARGET static inline bool SIMD_FN(lowest)(const struct btree *tree,
					       const struct btree_node *node, unsigned from,
					       unsigned long len, struct vma_gap *gap)
{
	uint64_t holes, inside;
	unsigned i;

	for (; node->level; node = btree_child(tree, node, i), from = 0) {
		holes = SIMD_FN(holes)(node, 1, 0, len) >> from << from;
		inside = SIMD_FN(inside)(node, len) >> from << from;
		if (!(holes | inside))
			return false;
		i = __builtin_ctzl(holes | inside);
		if (holes >> i & 1)
			return SIMD_FN(answer)(node, 1, i, gap);
	}
	return SIMD_FN(lowest_in_leaf)(node, from, len, gap);
}

/* The highest one among those in front of entries below nholes and in entries below ninside. */
SIMD_TARGET static inline bool SIMD_FN(highest)(const struct btree *tree,
						const struct btree_node *node, unsigned nholes,
						unsigned ninside, unsigned long len,
						struct vma_gap *gap)
{
	uint64_t holes, inside;
	unsigned i;

	for (; node->level; node = btree_child(tree, node, i), nholes = ninside = 63) {
		holes = SIMD_FN(holes)(node, 1, 0, len) & ((1UL << nholes) - 1);
		inside = SIMD_FN(inside)(node, len) & ((1UL << ninside) - 1);
		if (!(holes | inside))
			return false;
		i = 63 - __builtin_clzl(holes | inside);
		if (!(inside >> i & 1))
			return SIMD_FN(answer)(node, 1, i, gap);
	}
	return SIMD_FN(highest_in_leaf)(node, min(nholes, (unsigned)node->n), len, gap);
}

/* Whether the part of hole [start, end) in [gap->lo, hi) is long enough; it is the answer then. */
SIMD_TARGET static inline bool SIMD_FN(clip)(struct vma_gap *gap, unsigned long hi,
					     unsigned long start, unsigned long end)
{
	unsigned long from = max(start, gap->lo), to = min(end, hi);

	if (to <= from || to - from < gap->len)
		return false;
	gap->start = start;
	gap->end = end;
	return true;
}

/* Whether there can be a hole of len pages inside the path's node of that level. */
SIMD_TARGET static inline bool SIMD_FN(may)(const struct btree *tree, const struct btree_path *path,
					    unsigned level, unsigned long len)
{
	const struct btree_step *up = &path->at[level + 1];

	return (level == tree->root->level ? tree->gap
					   : btree_gap(up->node, level + 1, up->slot)) >= len;
}

/* The hole in front of where the path leads, as far as it is in the limits. */
SIMD_TARGET static inline bool SIMD_FN(clip_at)(const struct btree *tree,
						const struct btree_path *path, unsigned long hi,
						struct vma_gap *gap)
{
	for (unsigned level = 0; level <= tree->root->level; level++) {
		const struct btree_step *step = &path->at[level];

		if (step->slot)
			return SIMD_FN(clip)(
				gap, hi, btree_end(step->node, level, step->slot - 1) << PAGE_SHIFT,
				btree_start(step->node, level, step->slot) << PAGE_SHIFT);
	}
	return SIMD_FN(clip)(gap, hi, 0, tree->first << PAGE_SHIFT);
}

/*
 * Upwards.  Only the hole that lo is in can be cut by lo.  Those above it are
 * searched whole: the lowest that is long enough is the answer, or, if hi
 * cuts it, there is none.  Where lo is not above the first VMA's start, all
 * holes between VMAs are above it, and no way down to lo is needed;
 * most often the first leaf has one.
 */
SIMD_TARGET static bool SIMD_FN(gap_up)(const struct btree *tree, struct vma_gap *gap,
					unsigned long hi)
{
	unsigned long len = PAGE_ALIGN(gap->len) >> PAGE_SHIFT, page = gap->lo >> PAGE_SHIFT;
	struct vma_gap found;
	struct btree_path path;
	bool any = false;

	if (page <= tree->first) {
		if (SIMD_FN(clip)(gap, hi, 0, tree->first << PAGE_SHIFT))
			return true;
		any = tree->gap >= len &&
		      (SIMD_FN(lowest_in_leaf)(tree->leftmost, 0, len, &found) ||
		       (tree->root->level && SIMD_FN(lowest)(tree, tree->root, 0, len, &found)));
	} else if (page < tree->last) {
		SIMD_FN(descend)(tree, page, &path);
		if (SIMD_FN(clip_at)(tree, &path, hi, gap))
			return true;
		if (tree->gap >= len) {
			for (unsigned i = 0; !any && i <= tree->root->level; i++)
				any = SIMD_FN(may)(tree, &path, i, len) &&
				      SIMD_FN(lowest)(tree, path.at[i].node, path.at[i].slot + 1,
						      len, &found);
		}
	}
	if (any)
		return SIMD_FN(clip)(gap, hi, found.start, found.end);
	return SIMD_FN(clip)(gap, hi, tree->last << PAGE_SHIFT, VMA_INDEX_END);
}

/* Downwards: the mirror image. */
SIMD_TARGET static bool SIMD_FN(gap_down)(const struct btree *tree, struct vma_gap *gap,
					  unsigned long hi)
{
	unsigned long len = PAGE_ALIGN(gap->len) >> PAGE_SHIFT, page = (hi - 1) >> PAGE_SHIFT;
	struct vma_gap found;
	struct btree_path path;
	bool any = false, passed = false;

	if (hi >> PAGE_SHIFT >= tree->last) {
		if (SIMD_FN(clip)(gap, hi, tree->last << PAGE_SHIFT, VMA_INDEX_END))
			return true;
		any = tree->gap >= len &&
		      (SIMD_FN(highest_in_leaf)(tree->rightmost, tree->rightmost->n, len, &found) ||
		       (tree->root->level && SIMD_FN(highest)(tree, tree->root, tree->root->n,
							      tree->root->n, len, &found)));
	} else {
		SIMD_FN(descend)(tree, page, &path);
		if (SIMD_FN(clip_at)(tree, &path, hi, gap))
			return true;
		for (unsigned i = 0; tree->gap >= len && !any && i <= tree->root->level; i++) {
			unsigned slot = path.at[i].slot;

			any = SIMD_FN(may)(tree, &path, i, len) &&
			      SIMD_FN(highest)(tree, path.at[i].node, slot + passed, slot, len,
					       &found);
			passed |= slot > 0;
		}
	}
	if (any)
		return SIMD_FN(clip)(gap, hi, found.start, found.end);
	return SIMD_FN(clip)(gap, hi, 0, tree->first << PAGE_SHIFT);
}

SIMD_TARGET static int SIMD_FN(find_gap)(const struct vma_index *index, struct vma_gap *gap)
{
	const struct btree *tree = (const struct btree *)index;
	unsigned long hi = min(gap->hi, VMA_INDEX_END);
	bool found;

	if (hi <= gap->lo || hi - gap->lo < gap->len)
		return -ENOMEM;
	if (!tree->root)
		found = SIMD_FN(clip)(gap, hi, 0, VMA_INDEX_END);
	else if (gap->topdown)
		found = SIMD_FN(gap_down)(tree, gap, hi);
	else
		found = SIMD_FN(gap_up)(tree, gap, hi);
	return found ? 0 : -ENOMEM;
}

#include "indexes/btree/change.h"
#include "indexes/btree/shared.h"

#define SIMD_STRING_(simd) #simd
#define SIMD_STRING(simd) SIMD_STRING_(simd)

#define SIMD_READERS(usable_fn)                                                                    \
	{                                                                                          \
		.name = SIMD_STRING(SIMD), .usable = usable_fn, .find = SIMD_FN(find),             \
		.seek = SIMD_FN(seek), .find_gap = SIMD_FN(find_gap), .descend = SIMD_FN(descend), \
		.largest = SIMD_FN(largest), .plan = SIMD_FN(plan), .reserve = SIMD_FN(reserve),   \
		.commit = SIMD_FN(commit), .find_shared = SIMD_FN(find_shared),                    \
		.seek_shared = SIMD_FN(seek_shared), .copy_leaf = SIMD_FN(copy_leaf),              \
		.seek_below_shared = SIMD_FN(seek_below_shared),                                   \
	}
