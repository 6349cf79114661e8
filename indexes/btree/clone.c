/*
 * clone - a copy of a whole B+-tree, node by node, for other VMAs with the same bounds
 *
 * Only pointers differ: those of leaves come in order from the copies, whose
 * memory is not touched.  Where one does not fit the compressed node that it is for,
 * the tree is built instead.
 */
#include <errno.h>
#include <string.h>

#include "indexes/btree/btree.h"

/* Memory for a copy of the node, which counts as in the tree; or NULL. */
static struct btree_node *btree_clone_alloc(struct btree *tree, const struct btree_node *from)
{
	size_t need[BTREE_KINDS] = { from->level == 0, from->level > 0 };
	struct btree_node *leaf;

	if (from->cap == btree_cap(from->level, false))
		return btree_pool_fill(tree, need) ? NULL : btree_take(tree, from->level);
	if (btree_grow(tree, btree_room(from), from->uncompressed))
		return NULL;
	leaf = tree->grown;
	tree->grown = NULL;
	tree->nodes[BTREE_LEAF]++;
	return leaf;
}

/* Writes the pointers to a leaf's VMAs; whether all of them would fit a compressed one. */
static bool btree_clone_pointers(struct btree *tree, struct btree_node *leaf,
				 struct vm_area_struct *const *copies)
{
	uint32_t *ptr = btree_lanes(leaf, 0, BTREE_PTR);
	uintptr_t origin = tree->origin[BTREE_LEAF], far = 0;

	if (unlikely(leaf->uncompressed))
		memcpy(ptr, copies, leaf->n * sizeof(*copies));
	for (unsigned i = 0, n = leaf->n; i < n; i++) {
		uintptr_t to = (uintptr_t)copies[i] - origin;

		far |= to;
		if (likely(!leaf->uncompressed))
			ptr[i] = to / 8;
	}
	return far >> 35 == 0;
}

/* The leaf that was copied, the next one in order, takes its VMAs; false if one does not fit. */
static bool btree_clone_leaf(struct btree *tree, struct btree_node *leaf,
			     struct vm_area_struct *const *copies)
{
	struct btree_node *prev = tree->rightmost;
	bool near = btree_clone_pointers(tree, leaf, copies);

	*btree_links(leaf) = (struct btree_links){ prev, NULL };
	if (prev)
		btree_links(prev)->next = leaf;
	else
		tree->leftmost = leaf;
	tree->rightmost = leaf;
	tree->vmas += leaf->n;
	tree->far[BTREE_LEAF] |= !near;
	return near || leaf->uncompressed;
}

/* All lines of a leaf, or the first of another node. */
static void btree_prefetch(const struct btree_node *node)
{
	for (size_t at = 0; at < btree_size(0, BTREE_LEAF_CAP); at += 64)
		__builtin_prefetch((const char *)node + at);
}

/* The copy of a node and all below it; NULL, and nothing is left of it, if there cannot be one. */
static struct btree_node *btree_clone_node(struct btree *tree, const struct btree *from,
					   const struct btree_node *node,
					   struct vm_area_struct *const *copies)
{
	struct btree_node *copy = btree_clone_alloc(tree, node), *child;
	bool done = copy;

	if (!copy)
		return NULL;
	memcpy(copy, node, btree_size(node->level, node->cap));
	if (!node->level)
		done = btree_clone_leaf(tree, copy, copies + tree->vmas);
	for (unsigned i = 0; node->level && done && i < node->n; i++) {
		if (i + 1 < node->n)
			btree_prefetch(btree_child(from, node, i + 1));
		child = btree_clone_node(tree, from, btree_child(from, node, i), copies);
		done = child && (copy->uncompressed || btree_near(tree, node->level, child));
		copy->n = i + done;
		if (done)
			btree_set_ptr(tree, copy, node->level, i, child);
		else if (child)
			btree_drop(tree, child);
	}
	if (done)
		return copy;
	btree_drop(tree, copy);
	return NULL;
}

int btree_clone(struct vma_index *index, const struct vma_index *from_index,
		struct vm_area_struct *const *copies)
{
	const struct btree *from = btree_of(from_index);
	struct btree *tree = btree_of(index);

	if (!from->root)
		return 0;
	tree->origin[BTREE_LEAF] = btree_origin(copies[0]);
	tree->root = btree_clone_node(tree, from, from->root, copies);
	if (!tree->root) {
		btree_pool_empty(tree);
		tree->leftmost = tree->rightmost = NULL;
		if (tree->far[BTREE_LEAF] || tree->far[BTREE_INNER])
			return btree_build(index, copies, from->vmas);
		return -ENOMEM;
	}
	tree->first = from->first;
	tree->last = from->last;
	tree->gap = from->gap;
	return 0;
}
