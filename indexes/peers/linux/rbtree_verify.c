/*
 * linux-rbtree - self-help: verify, corrupt, dump, footprint (see rbtree.c)
 *
 * Invariants
 *  1. From before to after, node->next->prev == node, with vmas VMAs between.
 *  2. Each VMA is page-aligned, not empty and ends at or below VMA_INDEX_END;
 *     none starts below the end of the one before it.
 *  3. The tree in order is the list, and each child knows its parent.
 *  4. The root is black, and so is each child of a red node.
 *  5. Each way from the root down to a missing child has as many black nodes.
 *  6. gap is the largest gap in front of a VMA of the subtree.
 */
#include "indexes/peers/linux/rbtree.h"

#define MAX_DEPTH 128

static struct linux_rbtree_node *linux_rbtree_root(const struct linux_rbtree *tree)
{
	return linux_rbtree_entry(tree->root.rb_node);
}

static struct linux_rbtree_node *linux_rbtree_left(const struct linux_rbtree_node *node)
{
	return linux_rbtree_entry(node->rb.rb_left);
}

static struct linux_rbtree_node *linux_rbtree_right(const struct linux_rbtree_node *node)
{
	return linux_rbtree_entry(node->rb.rb_right);
}

static struct linux_rbtree_node *linux_rbtree_parent(const struct linux_rbtree_node *node)
{
	return linux_rbtree_entry(rb_parent(&node->rb));
}

static bool linux_rbtree_red(const struct linux_rbtree_node *node)
{
	return node && rb_is_red(&node->rb);
}

/* What node->gap has to be. */
static unsigned long linux_rbtree_max_gap(const struct linux_rbtree_node *node)
{
	const struct linux_rbtree_node *left = linux_rbtree_left(node);
	const struct linux_rbtree_node *right = linux_rbtree_right(node);
	unsigned long below = max(left ? left->gap : 0, right ? right->gap : 0);

	return max(linux_rbtree_gap_before(node), below);
}

static unsigned linux_rbtree_verify_list(const struct linux_rbtree *tree, FILE *report)
{
	const struct vma_index *index = &tree->index;
	const struct linux_rbtree_node *node = &tree->before;
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
static bool linux_rbtree_in_order(const struct linux_rbtree_node *node,
				  const struct linux_rbtree_node *parent,
				  const struct linux_rbtree_node **next, unsigned depth)
{
	if (!node)
		return true;
	if (depth == MAX_DEPTH || linux_rbtree_parent(node) != parent ||
	    !linux_rbtree_in_order(linux_rbtree_left(node), node, next, depth + 1) || node != *next)
		return false;
	*next = node->next;
	return linux_rbtree_in_order(linux_rbtree_right(node), node, next, depth + 1);
}

/* The black nodes on each way down, 1 for a missing child; 0 if they differ. */
static unsigned linux_rbtree_black_height(const struct linux_rbtree_node *node)
{
	unsigned lower, higher;

	if (!node)
		return 1;
	lower = linux_rbtree_black_height(linux_rbtree_left(node));
	higher = linux_rbtree_black_height(linux_rbtree_right(node));
	return lower == higher && lower ? lower + !linux_rbtree_red(node) : 0;
}

unsigned linux_rbtree_verify(const struct vma_index *index, FILE *report)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);
	const struct linux_rbtree_node *node = tree->before.next;
	unsigned broken = linux_rbtree_verify_list(tree, report);

	if (broken)
		return broken;
	if (!linux_rbtree_in_order(linux_rbtree_root(tree), NULL, &node, 0) || node != &tree->after)
		return vma_index_broken(index, 3, report, "the tree is not the list at %#lx",
					node->start);
	if (linux_rbtree_red(linux_rbtree_root(tree)))
		return vma_index_broken(index, 4, report, "the root is red");
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (linux_rbtree_red(node) && linux_rbtree_red(linux_rbtree_parent(node)))
			return vma_index_broken(index, 4, report, "%#lx and its parent are red",
						node->start);
	}
	if (!linux_rbtree_black_height(linux_rbtree_root(tree)))
		return vma_index_broken(index, 5, report, "black nodes on some way down");
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (node->gap != linux_rbtree_max_gap(node))
			return vma_index_broken(index, 6, report, "gap of %#lx is %#lx, not %#lx",
						node->start, node->gap, linux_rbtree_max_gap(node));
	}
	return 0;
}

/* A leaf below a black parent changes its colour: right, but for the number of black nodes. */
static int linux_rbtree_corrupt_height(struct linux_rbtree *tree)
{
	for (struct linux_rbtree_node *node = tree->before.next; node != &tree->after;
	     node = node->next) {
		if (linux_rbtree_left(node) || linux_rbtree_right(node) ||
		    linux_rbtree_red(linux_rbtree_parent(node)))
			continue;
		node->rb.__rb_parent_color ^= RB_BLACK;
		return 0;
	}
	return -ENOENT;
}

int linux_rbtree_corrupt(struct vma_index *index, unsigned n)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);
	struct linux_rbtree_node *root = linux_rbtree_root(tree);
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
		lower = root->rb.rb_left;
		root->rb.rb_left = root->rb.rb_right;
		root->rb.rb_right = lower;
		break;
	case 4:
		root->rb.__rb_parent_color ^= RB_BLACK;
		break;
	case 5:
		return linux_rbtree_corrupt_height(tree);
	default:
		root->gap += PAGE_SIZE;
	}
	return 0;
}

static void linux_rbtree_dump_node(const struct linux_rbtree_node *node, unsigned depth, FILE *out)
{
	if (!node || depth == MAX_DEPTH)
		return;
	linux_rbtree_dump_node(linux_rbtree_left(node), depth + 1, out);
	fprintf(out, "%*s%#lx-%#lx %s gap %#lx\n", 2 * depth + 2, "", node->start, node->end,
		linux_rbtree_red(node) ? "red" : "black", node->gap);
	linux_rbtree_dump_node(linux_rbtree_right(node), depth + 1, out);
}

void linux_rbtree_dump(const struct vma_index *index, FILE *out)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);

	fprintf(out, "linux-rbtree of %zu VMAs, the root furthest left\n", tree->vmas);
	linux_rbtree_dump_node(linux_rbtree_root(tree), 0, out);
}

static unsigned linux_rbtree_height(const struct linux_rbtree_node *node)
{
	unsigned lower, higher;

	if (!node)
		return 0;
	lower = linux_rbtree_height(linux_rbtree_left(node));
	higher = linux_rbtree_height(linux_rbtree_right(node));
	return 1 + max(lower, higher);
}

void linux_rbtree_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);

	*footprint = (struct vma_footprint){
		.vmas = tree->vmas,
		.bytes = sizeof(*tree) + tree->vmas * LINUX_RBTREE_NODE_SIZE,
		.height = linux_rbtree_height(linux_rbtree_root(tree)),
	};
}
