/*
 * shared.h - readers of the same nodes beside a writer who never changes what they read;
 * compiled like read.h, for an index of its own (see maple)
 *
 * A reader takes the tree's root once, and then of each node one pointer, all
 * with acquire.  The rest of what it reads of a node was written before the
 * pointer to it, and stays.  Nothing of the tree but root and origin is read.
 */
#include "base/rcu.h"

/* The child of entry i, which the writer may be replacing by one with the same end. */
SIMD_TARGET static inline struct btree_node *
SIMD_FN(shared_child)(const struct btree *tree, const struct btree_node *node, unsigned i)
{
	const void *lane = btree_lanes(node, 1, BTREE_PTR);

	if (unlikely(node->wide))
		return rcu_load((struct btree_node *const *)lane + i);
	return (void *)(tree->origin[BTREE_INNER] +
			8 * (uintptr_t)rcu_load((const uint32_t *)lane + i));
}

/* The first entry of the root that ends above page, or n; any page. */
SIMD_TARGET static inline __attribute__((always_inline)) unsigned
SIMD_FN(rank_any)(const struct btree_node *root, unsigned long page)
{
	if (unlikely(!root->wide && btree_distance(root, page) > BTREE_MAX_DELTA))
		return root->n;
	return root->level ? SIMD_FN(rank)(root, BTREE_INNER_CAP, page)
			   : SIMD_FN(rank_root)(root, page);
}

/* The leaf of the first VMA that ends above page, and its slot; NULL where there is none. */
SIMD_TARGET static inline __attribute__((always_inline)) const struct btree_node *
SIMD_FN(shared_leaf)(const struct btree *tree, unsigned long page, unsigned *slot)
{
	const struct btree_node *node = rcu_load(&tree->root);

	if (unlikely(!node))
		return NULL;
	*slot = SIMD_FN(rank_any)(node, page);
	if (unlikely(*slot >= node->n))
		return NULL;
	if (!node->level)
		return node;
	for (unsigned level = node->level; --level;) {
		node = SIMD_FN(shared_child)(tree, node, *slot);
		*slot = SIMD_FN(rank)(node, BTREE_INNER_CAP, page);
	}
	node = SIMD_FN(shared_child)(tree, node, *slot);
	SIMD_FN(prefetch)(node, BTREE_PTR);
	*slot = SIMD_FN(rank)(node, BTREE_LEAF_CAP, page);
	return node;
}

SIMD_TARGET static struct vm_area_struct *SIMD_FN(find_shared)(const struct vma_index *index,
							       unsigned long addr)
{
	const struct btree *tree = (const struct btree *)index;
	const struct btree_node *leaf;
	unsigned slot;

	leaf = SIMD_FN(shared_leaf)(tree, addr >> PAGE_SHIFT, &slot);
	return leaf ? btree_ptr(tree, leaf, 0, slot) : NULL;
}

SIMD_TARGET static struct vm_area_struct *SIMD_FN(seek_shared)(struct vma_cursor *cursor,
							       unsigned long addr)
{
	const struct btree *tree = (const struct btree *)cursor->index;
	unsigned slot = 0;

	cursor->node = (void *)SIMD_FN(shared_leaf)(tree, addr >> PAGE_SHIFT, &slot);
	cursor->slot = slot;
	return cursor->vma = cursor->node ? btree_ptr(tree, cursor->node, 0, slot) : NULL;
}

/*
 * The cursor on the last VMA that ends at page or below.  On the way down, side
 * is the last place with an entry in front: behind it all is above page.
 */
SIMD_TARGET static struct vm_area_struct *SIMD_FN(seek_below_shared)(struct vma_cursor *cursor,
								     unsigned long page)
{
	const struct btree *tree = (const struct btree *)cursor->index;
	const struct btree_node *node = rcu_load(&tree->root), *side = NULL;
	unsigned slot = node ? SIMD_FN(rank_any)(node, page) : 0, at = 0;

	while (node) {
		if (slot) {
			side = node;
			at = slot - 1;
		}
		if (!node->level || slot == node->n)
			break;
		node = SIMD_FN(shared_child)(tree, node, slot);
		slot = node->level ? SIMD_FN(rank)(node, BTREE_INNER_CAP, page)
				   : SIMD_FN(rank)(node, BTREE_LEAF_CAP, page);
	}
	while (side && side->level) {
		side = SIMD_FN(shared_child)(tree, side, at);
		at = side->n - 1;
	}
	cursor->node = (void *)side;
	cursor->slot = at;
	return cursor->vma = side ? btree_ptr(tree, side, 0, at) : NULL;
}
