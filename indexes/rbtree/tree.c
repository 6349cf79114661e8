/*
 * rbtree - its tree: gaps, rotations, insert and erase (see rbtree.c)
 */
#include "indexes/rbtree/rbtree.h"

static void rbtree_paint_red(struct rbtree_node *node)
{
	node->parent &= ~BLACK;
}

static void rbtree_paint_black(struct rbtree_node *node)
{
	node->parent |= BLACK;
}

/* Makes child, which may be NULL, that child of node; its colour stays. */
static void rbtree_adopt(struct rbtree_node *node, unsigned side, struct rbtree_node *child)
{
	node->child[side] = child;
	if (child)
		child->parent = (unsigned long)node | (child->parent & BLACK);
}

/* Makes node, which may be NULL, the child of parent, or the root, instead of old. */
static void rbtree_hang(struct rbtree *tree, struct rbtree_node *parent,
			const struct rbtree_node *old, struct rbtree_node *node)
{
	if (parent) {
		rbtree_adopt(parent, parent->child[HIGHER] == old, node);
	} else {
		tree->root = node;
		if (node)
			node->parent &= BLACK;
	}
}

/*
 * After a change of node's hole or of its children: corrects gap there and
 * above, as far as it changes.  A parent is computed anew only where this
 * child's old gap may have been its largest.
 */
void rbtree_update(struct rbtree_node *node)
{
	while (node) {
		unsigned long was = node->gap, gap = rbtree_widest(node);

		if (gap == was)
			return;
		node->gap = gap;
		node = rbtree_parent(node);
		for (; node && node->gap < gap; node = rbtree_parent(node))
			node->gap = gap;
		if (node && node->gap != was)
			return;
	}
}

/* node goes down to that side, its other child comes up in its place. */
static void rbtree_rotate(struct rbtree *tree, struct rbtree_node *node, unsigned side)
{
	struct rbtree_node *up = node->child[!side];

	rbtree_hang(tree, rbtree_parent(node), node, up);
	rbtree_adopt(node, !side, up->child[side]);
	rbtree_adopt(up, side, node);
	up->gap = node->gap;
	node->gap = rbtree_widest(node);
}

/* node is red and may have a red parent. */
static void rbtree_insert_fix(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *parent;

	while (rbtree_red(parent = rbtree_parent(node))) {
		struct rbtree_node *grand = rbtree_parent(parent);
		unsigned side = grand->child[HIGHER] == parent;
		struct rbtree_node *uncle = grand->child[!side];

		if (!rbtree_red(uncle)) {
			if (parent->child[!side] == node) {
				rbtree_rotate(tree, parent, side);
				parent = node;
			}
			rbtree_paint_black(parent);
			rbtree_paint_red(grand);
			rbtree_rotate(tree, grand, !side);
			return;
		}
		rbtree_paint_black(parent);
		rbtree_paint_black(uncle);
		rbtree_paint_red(grand);
		node = grand;
	}
	rbtree_paint_black(tree->root);
}

/* Hangs node, which is linked in the list already, into the tree. */
void rbtree_insert(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *next = node->next, *parent = NULL;

	node->child[LOWER] = node->child[HIGHER] = NULL;
	node->parent = 0;
	node->gap = rbtree_hole(node);
	if (!tree->root) {
		tree->root = node;
	} else if (next != &tree->after && !next->child[LOWER]) {
		parent = next;
		rbtree_adopt(parent, LOWER, node);
	} else {
		parent = node->prev;
		rbtree_adopt(parent, HIGHER, node);
	}
	rbtree_update(parent);
	if (parent != next)
		rbtree_update(next);
	rbtree_insert_fix(tree, node);
	tree->vmas++;
}

/* The ways through the missing child of parent lack a black node. */
static void rbtree_erase_fix(struct rbtree *tree, struct rbtree_node *parent)
{
	for (struct rbtree_node *node = NULL; parent; parent = rbtree_parent(node)) {
		unsigned side = parent->child[HIGHER] == node;
		struct rbtree_node *sibling = parent->child[!side];

		if (rbtree_red(sibling)) {
			rbtree_paint_black(sibling);
			rbtree_paint_red(parent);
			rbtree_rotate(tree, parent, side);
			sibling = parent->child[!side];
		}
		if (rbtree_red(sibling->child[side]) && !rbtree_red(sibling->child[!side])) {
			rbtree_paint_black(sibling->child[side]);
			rbtree_paint_red(sibling);
			rbtree_rotate(tree, sibling, !side);
			sibling = parent->child[!side];
		}
		if (rbtree_red(sibling->child[!side])) {
			sibling->parent = (sibling->parent & ~BLACK) | (parent->parent & BLACK);
			rbtree_paint_black(parent);
			rbtree_paint_black(sibling->child[!side]);
			rbtree_rotate(tree, parent, side);
			return;
		}
		rbtree_paint_red(sibling);
		if (rbtree_red(parent)) {
			rbtree_paint_black(parent);
			return;
		}
		node = parent;
	}
}

/* node has two children: its successor leaves its own place, below low, and takes node's. */
static struct rbtree_node *rbtree_inherit(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *heir = node->next, *low = rbtree_parent(heir);

	if (low == node) {
		low = heir;
	} else {
		rbtree_adopt(low, LOWER, heir->child[HIGHER]);
		rbtree_adopt(heir, HIGHER, node->child[HIGHER]);
	}
	rbtree_adopt(heir, LOWER, node->child[LOWER]);
	rbtree_hang(tree, rbtree_parent(node), node, heir);
	heir->parent = node->parent;
	heir->gap = node->gap;
	rbtree_update(low);
	if (low != heir)
		rbtree_update(heir);
	return low;
}

/* Takes node out of the tree but not out of the list: no hole changes. */
static void rbtree_erase(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *child, *low;        /* of the place that goes, and above it */
	bool red;

	if (node->child[LOWER] && node->child[HIGHER]) {
		child = node->next->child[HIGHER];
		red = rbtree_red(node->next);
		low = rbtree_inherit(tree, node);
	} else {
		child = node->child[!node->child[LOWER]];
		red = rbtree_red(node);
		low = rbtree_parent(node);
		rbtree_hang(tree, low, node, child);
		rbtree_update(low);
	}
	if (child)
		rbtree_paint_black(child);
	else if (!red)
		rbtree_erase_fix(tree, low);
	tree->vmas--;
}

/* Takes the VMAs from first up to end out of tree and list, in rising order. */
void rbtree_erase_run(struct rbtree *tree, struct rbtree_node *first,
			     struct rbtree_node *end)
{
	struct rbtree_node *prev = first->prev;

	if (first == end)
		return;
	for (; first != end; first = first->next)
		rbtree_erase(tree, first);
	rbtree_link(prev, end);
	rbtree_update(end);
}

/* node takes old's place in tree and list, and for now its bounds. */
void rbtree_replace(struct rbtree *tree, struct rbtree_node *old, struct rbtree_node *node)
{
	*node = *old;
	rbtree_link(node->prev, node);
	rbtree_link(node, node->next);
	rbtree_adopt(node, LOWER, node->child[LOWER]);
	rbtree_adopt(node, HIGHER, node->child[HIGHER]);
	rbtree_hang(tree, rbtree_parent(node), old, node);
}

/*
 * A balanced subtree of n nodes of the list, from *next on; level counts down
 * to 0, the lowest level of the whole tree, which alone is red.  Halving differs
 * by one node at most, so all levels but this are full: it is as deep as the
 * logarithm of n, and so is the recursion.
 */
static struct rbtree_node *rbtree_balanced(struct rbtree_node **next, size_t n, unsigned level)
{
	struct rbtree_node *lower, *node;

	if (!n)
		return NULL;
	lower = rbtree_balanced(next, n / 2, level - 1);
	node = *next;
	*next = node->next;
	node->parent = level ? BLACK : 0;
	rbtree_adopt(node, LOWER, lower);
	rbtree_adopt(node, HIGHER, rbtree_balanced(next, n - n / 2 - 1, level - 1));
	node->gap = rbtree_widest(node);
	return node;
}

void rbtree_plant(struct rbtree *tree, size_t n)
{
	struct rbtree_node *next = tree->before.next;
	unsigned level = 0;

	while (n >> level > 1)
		level++;
	tree->root = rbtree_balanced(&next, n, level);
	if (tree->root)
		rbtree_paint_black(tree->root);
	tree->vmas = n;
}
