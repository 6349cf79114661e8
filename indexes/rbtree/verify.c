/*
 * rbtree - self-help: verify, corrupt, dump, footprint (see rbtree.c)
 */
#include "indexes/rbtree/rbtree.h"

#include <errno.h>

static unsigned rbtree_verify_list(const struct rbtree *tree, FILE *report)
{
	const struct vma_index *index = &tree->index;
	const struct rbtree_node *node = &tree->before;
	size_t vmas = 0;

	for (; node != &tree->after && vmas <= tree->vmas; node = node->next, vmas++) {
		if (node->next->prev != node)
			return vma_index_broken(index, 1, report, "the links at VMA %zu", vmas);
	}
	if (node != &tree->after || vmas != tree->vmas + 1)
		return vma_index_broken(index, 1, report, "not %zu VMAs linked", tree->vmas);
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (!vma_bounds_valid((const struct vm_area_struct *)&node->start))
			return vma_index_broken(index, 2, report, "bounds %#lx-%#lx", node->start,
						node->end);
		if (node->start < node->prev->end)
			return vma_index_broken(index, 2, report, "%#lx starts below %#lx",
						node->start, node->prev->end);
	}
	return 0;
}

/* Is the subtree, in order, the list from *next on?  Moves *next behind it. */
static bool rbtree_in_order(const struct rbtree_node *node, const struct rbtree_node *parent,
			    const struct rbtree_node **next, unsigned depth)
{
	if (!node)
		return true;
	if (depth == MAX_DEPTH || rbtree_parent(node) != parent ||
	    !rbtree_in_order(node->child[LOWER], node, next, depth + 1) || node != *next)
		return false;
	*next = node->next;
	return rbtree_in_order(node->child[HIGHER], node, next, depth + 1);
}

/* The black nodes on each way down, 1 for a missing child; 0 if they differ. */
static unsigned rbtree_black_height(const struct rbtree_node *node)
{
	unsigned lower, higher;

	if (!node)
		return 1;
	lower = rbtree_black_height(node->child[LOWER]);
	higher = rbtree_black_height(node->child[HIGHER]);
	return lower == higher && lower ? lower + !rbtree_red(node) : 0;
}

unsigned rbtree_verify(const struct vma_index *index, FILE *report)
{
	struct rbtree *tree = rbtree_of(index);
	const struct rbtree_node *node = tree->before.next;
	unsigned broken = rbtree_verify_list(tree, report);

	if (broken)
		return broken;
	if (!rbtree_in_order(tree->root, NULL, &node, 0) || node != &tree->after)
		return vma_index_broken(index, 3, report, "the tree is not the list at %#lx",
					node->start);
	if (rbtree_red(tree->root))
		return vma_index_broken(index, 4, report, "the root is red");
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (rbtree_red(node) && rbtree_red(rbtree_parent(node)))
			return vma_index_broken(index, 4, report, "%#lx and its parent are red",
						node->start);
	}
	if (!rbtree_black_height(tree->root))
		return vma_index_broken(index, 5, report, "black nodes on some way down");
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (node->gap != rbtree_widest(node))
			return vma_index_broken(index, 6, report, "gap of %#lx is %#lx, not %#lx",
						node->start, node->gap, rbtree_widest(node));
	}
	return 0;
}

/* A leaf below a black parent changes its colour: right, but for the number of black nodes. */
static int rbtree_corrupt_height(struct rbtree *tree)
{
	for (struct rbtree_node *node = tree->before.next; node != &tree->after; node = node->next) {
		if (node->child[LOWER] || node->child[HIGHER] || rbtree_red(rbtree_parent(node)))
			continue;
		node->parent ^= BLACK;
		return 0;
	}
	return -ENOENT;
}

int rbtree_corrupt(struct vma_index *index, unsigned n)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_node *root = tree->root, *lower;

	if (tree->vmas < 3)
		return -ENOENT;
	switch (n) {
	case 1:
		root->next->prev = root->prev;
		break;
	case 2:
		root->end = root->start;
		break;
	case 3:
		lower = root->child[LOWER];
		root->child[LOWER] = root->child[HIGHER];
		root->child[HIGHER] = lower;
		break;
	case 4:
		root->parent &= ~BLACK;
		break;
	case 5:
		return rbtree_corrupt_height(tree);
	default:
		root->gap += PAGE_SIZE;
	}
	return 0;
}

static void rbtree_dump_node(const struct rbtree_node *node, unsigned depth, FILE *out)
{
	if (!node || depth == MAX_DEPTH)
		return;
	rbtree_dump_node(node->child[LOWER], depth + 1, out);
	fprintf(out, "%*s%#lx-%#lx %s gap %#lx\n", 2 * depth + 2, "", node->start, node->end,
		rbtree_red(node) ? "red" : "black", node->gap);
	rbtree_dump_node(node->child[HIGHER], depth + 1, out);
}

void rbtree_dump(const struct vma_index *index, FILE *out)
{
	struct rbtree *tree = rbtree_of(index);

	fprintf(out, "rbtree of %zu VMAs, the root furthest left\n", tree->vmas);
	rbtree_dump_node(tree->root, 0, out);
}

static unsigned rbtree_height(const struct rbtree_node *node)
{
	unsigned lower, higher;

	if (!node)
		return 0;
	lower = rbtree_height(node->child[LOWER]);
	higher = rbtree_height(node->child[HIGHER]);
	return 1 + max(lower, higher);
}

void rbtree_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	struct rbtree *tree = rbtree_of(index);

	*footprint = (struct vma_footprint){
		.vmas = tree->vmas,
		.bytes = sizeof(*tree) + tree->vmas * NODE_SIZE,
		.height = rbtree_height(tree->root),
	};
}
