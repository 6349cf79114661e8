/*
 * shared.h - readers concurrent with a copy-on-write writer of the same nodes;
 * compiled like read.h, for an index of its own (see maple)
 *
 * A reader takes the tree's root once, and then of each node one pointer, all
 * with acquire.  The rest of what it reads of a node was written before the
 * pointer to it, and stays.  Nothing of the tree but root and origin is read.
 */
#include "base/rcu_pointer.h"

/* The child of entry i, which the writer may be replacing by one with the same end. */
static inline struct btree_node *btree_shared_child(const struct btree *tree,
						    const struct btree_node *node, unsigned i)
{
	const void *lane = btree_lanes(node, 1, BTREE_PTR);

	if (unlikely(node->uncompressed))
		return rcu_load((struct btree_node *const *)lane + i);
	return (void *)(tree->origin[BTREE_INNER] +
			8 * (uintptr_t)rcu_load((const uint32_t *)lane + i));
}

/* Whether all that is below the root ends at page or below. */
static inline bool btree_is_below(const struct btree_node *root, unsigned long page)
{
	return page >= btree_end(root, 0, root->n - 1u); /* ends are the first array on any level */
}

/* The leaf of the first VMA that ends above page, and its slot; NULL where there is none. */
static inline __attribute__((always_inline)) const struct btree_node *
btree_shared_leaf(const struct btree *tree, unsigned long page, unsigned *slot)
{
	const struct btree_node *node = rcu_load(&tree->root);

	if (unlikely(!node || btree_is_below(node, page)))
		return NULL;
	if (!node->level) {
		*slot = btree_rank_root(node, page);
		return node;
	}
	for (unsigned level = node->level; level; level--)
		node = btree_shared_child(tree, node, btree_rank(node, BTREE_INNER_CAP, page));
	btree_prefetch(node, BTREE_PTR);
	*slot = btree_rank(node, BTREE_LEAF_CAP, page);
	return node;
}

static struct vm_area_struct *btree_find_shared(const struct vma_index *index, unsigned long addr)
{
	const struct btree *tree = (const struct btree *)index;
	const struct btree_node *leaf;
	unsigned slot;

	leaf = btree_shared_leaf(tree, addr >> PAGE_SHIFT, &slot);
	return leaf ? btree_ptr(tree, leaf, 0, slot) : NULL;
}

static struct vm_area_struct *btree_seek_shared(struct vma_cursor *cursor, unsigned long addr)
{
	const struct btree *tree = (const struct btree *)cursor->index;
	unsigned slot = 0;

	cursor->node = (void *)btree_shared_leaf(tree, addr >> PAGE_SHIFT, &slot);
	cursor->slot = slot;
	return cursor->vma = cursor->node ? btree_ptr(tree, cursor->node, 0, slot) : NULL;
}

/*
 * The cursor on the last VMA that ends at page or below.  On the way down, side
 * is the last place with an entry in front: behind it all is above page.
 */
static struct vm_area_struct *btree_seek_below_shared(struct vma_cursor *cursor, unsigned long page)
{
	const struct btree *tree = (const struct btree *)cursor->index;
	const struct btree_node *node = rcu_load(&tree->root), *side = NULL;
	unsigned at = 0;

	if (node && btree_is_below(node, page)) {
		side = node;
		at = node->n - 1;
		node = NULL;
	}
	while (node) {
		unsigned slot = node->level ? btree_rank(node, BTREE_INNER_CAP, page)
					    : btree_rank_root(node, page);

		if (slot) {
			side = node;
			at = slot - 1;
		}
		node = node->level ? btree_shared_child(tree, node, slot) : NULL;
	}
	while (side && side->level) {
		side = btree_shared_child(tree, side, at);
		at = side->n - 1;
	}
	cursor->node = (void *)side;
	cursor->slot = at;
	return cursor->vma = side ? btree_ptr(tree, side, 0, at) : NULL;
}

/* ---- the writer ---- */

/* The leaf with nput entries instead of those [from, to), which are to be written, in its copy. */
static inline void btree_copy_room(const struct btree_node *leaf, unsigned from, unsigned to,
				   unsigned nput, struct btree_node *copy)
{
	int by = (int)(from + nput) - (int)to;
	int32_t *end = btree_lanes(copy, 0, BTREE_END);

	if (leaf->cap != BTREE_LEAF_CAP || by < -CHANGE_REACH) {
		memcpy(copy, leaf, btree_size(0, leaf->cap) - sizeof(struct btree_links));
		if (by)
			btree_make_room(copy, from, to, nput);
		return;
	}
	memcpy(copy, leaf, sizeof(*leaf));
	copy->n = leaf->n + by;
	btree_shift_leaf(copy, leaf, from + nput, by);
	for (int i = by; i < 0; i++)
		end[leaf->n + i] = end[BTREE_LEAF_CAP + i] = BTREE_PAD;
}

static unsigned long btree_copy_leaf(const struct btree *tree, const struct vma_edit *edit,
				     struct btree_node *copy)
{
	const struct btree_node *leaf = tree->path.at[0].node;

	btree_copy_room(leaf, tree->from, tree->to, edit->nput, copy);
	btree_set_compressed(tree, copy, tree->from, edit);
	return leaf == tree->root ? 0 : btree_largest(copy);
}
