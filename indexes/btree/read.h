/*
 * read.h - the readers of the B+-tree, compiled once for each instruction set
 *
 * The file that includes it names the instructions (SIMD_TARGET) and defines, before this, the
 * searches that differ, each static and with the prefix btree_:
 *
 *	rank32, rank64  how many ends of a compressed or uncompressed node, with room for cap,
 *	                are <= page, which a compressed node reaches
 *	max_gap_at_least32         bit i: most[i] >= key > 0, of a compressed inner node's 60 entries;
 *	                those behind them are undefined
 *	gaps32         bit i: start[i] - end[i] >= key, for n <= 64 entries; up to
 *	                60 bytes behind the arrays are readable and ignored
 *	max_gap32, shift   see vectors.h, which all sets that have vectors include
 */
#include "indexes/btree/btree.h"

#include <errno.h>

/* The first entry that ends above page, or n; page is at most the node's last end. */
static inline __attribute__((always_inline)) unsigned btree_rank(const struct btree_node *node,
								 unsigned cap, unsigned long page)
{
	if (unlikely(node->uncompressed))
		return btree_rank64(node, cap / 2, page);
	if (node->elided)
		page = node->base + (unsigned long)btree_distance(node, page);
	if (unlikely((long)(page - node->base) < BTREE_MIN_DELTA))
		return 0;
	return btree_rank32(node, cap, page);
}

/* The same in a leaf that is the root: its size is one of btree_grow()'s. */
static inline unsigned btree_rank_root(const struct btree_node *leaf, unsigned long page)
{
	switch (leaf->cap) {
	case 24:
		return btree_rank(leaf, 24, page);
	case BTREE_LEAF_CAP:
		return btree_rank(leaf, BTREE_LEAF_CAP, page);
	case 56:
		return btree_rank(leaf, 56, page);
	case 72:
		return btree_rank(leaf, 72, page);
	case 104:
		return btree_rank(leaf, 104, page);
	default:
		return btree_rank(leaf, BTREE_ROOT_CAP, page);
	}
}

/* A leaf's lines from that array on are on their way while its ends are searched. */
static inline void btree_prefetch(const struct btree_node *leaf, enum btree_field from)
{
	const char *line = (const char *)leaf;
	size_t at = sizeof(*leaf) + from * BTREE_LEAF_CAP * sizeof(uint32_t);

	SIMD_UNROLL
	for (; at < btree_size(0, BTREE_LEAF_CAP); at += 64)
		__builtin_prefetch(line + at);
}

/* The leaf of the first VMA that ends above page, and its slot; there must be one. */
static inline __attribute__((always_inline)) const struct btree_node *
btree_leaf(const struct btree *tree, unsigned long page, unsigned *slot)
{
	const struct btree_node *node = tree->root;

	if (!node->level) {
		*slot = btree_rank_root(node, page);
		return node;
	}
	if (page - tree->finger < tree->reach) {
		node = tree->path.at[0].node;
		*slot = btree_rank(node, BTREE_LEAF_CAP, page);
		return node;
	}
	for (unsigned level = node->level; level; level--)
		node = btree_child(tree, node, btree_rank(node, BTREE_INNER_CAP, page));
	btree_prefetch(node, BTREE_PTR);
	*slot = btree_rank(node, BTREE_LEAF_CAP, page);
	return node;
}

static struct vm_area_struct *btree_find(const struct vma_index *index, unsigned long addr)
{
	const struct btree *tree = (const struct btree *)index;
	const struct btree_node *leaf;
	unsigned slot;

	if (addr >> PAGE_SHIFT >= tree->last)
		return NULL;
	leaf = btree_leaf(tree, addr >> PAGE_SHIFT, &slot);
	return btree_ptr(tree, leaf, 0, slot);
}

static struct vm_area_struct *btree_seek(struct vma_cursor *cursor, unsigned long addr)
{
	const struct btree *tree = (const struct btree *)cursor->index;
	const struct btree_node *leaf = tree->rightmost;
	unsigned slot;

	if (addr >> PAGE_SHIFT < tree->last) {
		leaf = btree_leaf(tree, addr >> PAGE_SHIFT, &slot);
		cursor->vma = btree_ptr(tree, leaf, 0, slot);
		cursor->slot = slot;
	} else {
		cursor->vma = NULL;
		cursor->slot = leaf ? leaf->n : 0;
	}
	cursor->node = (void *)leaf;
	return cursor->vma;
}

static inline __attribute__((always_inline)) void
btree_walk(const struct btree *tree, unsigned long page, struct btree_path *path)
{
	struct btree_node *node = tree->root;
	struct btree_step *step = &path->at[node->level];

	page = min(page, tree->last);
	for (; step > path->at; step--) {
		unsigned slot = btree_rank(node, BTREE_INNER_CAP, page);

		step->node = node;
		step->slot = min(slot, node->n - 1u);
		node = btree_child(tree, node, step->slot);
	}
	step->node = node;
	if (!tree->root->level) {
		step->slot = btree_rank_root(node, page);
		return;
	}
	btree_prefetch(node, BTREE_START);
	step->slot = btree_rank(node, BTREE_LEAF_CAP, page);
}

static void btree_descend(const struct btree *tree, unsigned long page, struct btree_path *path)
{
	btree_walk(tree, page, path);
}

#include "indexes/btree/gaps.h"
#include "indexes/btree/change.h"
#include "indexes/btree/shared.h"

/* The ops of struct btree_simd, by the functions above. */
#define BTREE_READERS                                                                       \
	.find = btree_find, .seek = btree_seek, .find_gap = btree_find_gap,                 \
	.descend = btree_descend, .largest = btree_largest, .plan = btree_plan,             \
	.reserve = btree_reserve, .commit = btree_commit, .find_shared = btree_find_shared, \
	.seek_shared = btree_seek_shared, .copy_leaf = btree_copy_leaf,                     \
	.seek_below_shared = btree_seek_below_shared
