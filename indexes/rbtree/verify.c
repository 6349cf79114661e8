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
	if (depth == RB_MAX_DEPTH || rbtree_parent(node) != parent ||
	    !rbtree_in_order(rbtree_child(node, RB_LOWER), node, next, depth + 1) || node != *next)
		return false;
	*next = node->next;
	return rbtree_in_order(rbtree_child(node, RB_HIGHER), node, next, depth + 1);
}

unsigned rbtree_verify(const struct vma_index *index, FILE *report)
{
	struct rbtree *tree = rbtree_of(index);
	const struct rbtree_node *node = tree->before.next;
	unsigned broken = rbtree_verify_list(tree, report);

	if (broken)
		return broken;
	if (!rbtree_in_order(rbtree_root(tree), NULL, &node, 0) || node != &tree->after)
		return vma_index_broken(index, 3, report, "the tree is not the list at %#lx",
					node->start);
	if (rb_red(tree->root.node))
		return vma_index_broken(index, 4, report, "the root is red");
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (rb_red(&node->rb) && rb_red(rb_parent(&node->rb)))
			return vma_index_broken(index, 4, report, "%#lx and its parent are red",
						node->start);
	}
	if (!rb_black_height(tree->root.node))
		return vma_index_broken(index, 5, report, "black nodes on some way down");
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (node->rb.largest != rb_largest(&node->rb, rbtree_own))
			return vma_index_broken(index, 6, report, "gap of %#lx is %#lx, not %#lx",
						node->start, node->rb.largest,
						rb_largest(&node->rb, rbtree_own));
	}
	return 0;
}

/* A leaf below a black parent changes its colour: right, but for the number of black nodes. */
static int rbtree_corrupt_height(struct rbtree *tree)
{
	for (struct rbtree_node *node = tree->before.next; node != &tree->after;
	     node = node->next) {
		if (rbtree_child(node, RB_LOWER) || rbtree_child(node, RB_HIGHER) ||
		    rb_red(rb_parent(&node->rb)))
			continue;
		node->rb.parent ^= RB_BLACK;
		return 0;
	}
	return -ENOENT;
}

int rbtree_corrupt(struct vma_index *index, unsigned n)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_node *root = rbtree_root(tree);
	struct rb_node *lower;

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
		lower = root->rb.child[RB_LOWER];
		root->rb.child[RB_LOWER] = root->rb.child[RB_HIGHER];
		root->rb.child[RB_HIGHER] = lower;
		break;
	case 4:
		root->rb.parent &= ~RB_BLACK;
		break;
	case 5:
		return rbtree_corrupt_height(tree);
	default:
		root->rb.largest += PAGE_SIZE;
	}
	return 0;
}

static void rbtree_dump_node(const struct rbtree_node *node, unsigned depth, FILE *out)
{
	if (!node || depth == RB_MAX_DEPTH)
		return;
	rbtree_dump_node(rbtree_child(node, RB_LOWER), depth + 1, out);
	fprintf(out, "%*s%#lx-%#lx %s gap %#lx\n", 2 * depth + 2, "", node->start, node->end,
		rb_red(&node->rb) ? "red" : "black", node->rb.largest);
	rbtree_dump_node(rbtree_child(node, RB_HIGHER), depth + 1, out);
}

void rbtree_dump(const struct vma_index *index, FILE *out)
{
	struct rbtree *tree = rbtree_of(index);

	fprintf(out, "rbtree of %zu VMAs, the root furthest left\n", tree->vmas);
	rbtree_dump_node(rbtree_root(tree), 0, out);
}

static unsigned rbtree_height(const struct rbtree_node *node)
{
	unsigned lower, higher;

	if (!node)
		return 0;
	lower = rbtree_height(rbtree_child(node, RB_LOWER));
	higher = rbtree_height(rbtree_child(node, RB_HIGHER));
	return 1 + max(lower, higher);
}

void rbtree_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	struct rbtree *tree = rbtree_of(index);

	*footprint = (struct vma_footprint){
		.vmas = tree->vmas,
		.bytes = sizeof(*tree) + tree->vmas * NODE_SIZE,
		.height = rbtree_height(rbtree_root(tree)),
	};
}
