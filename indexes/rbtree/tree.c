/*
 * rbtree - its tree and its list together: insert and erase (see rbtree.c)
 */
#include "indexes/rbtree/rbtree.h"

void rbtree_update(struct rbtree_node *node)
{
	rb_update(rbtree_rb(node), rbtree_own);
}

void rbtree_insert(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *next = node->next, *parent = node->prev;
	unsigned side = RB_HIGHER;

	if (next != &tree->after && !rbtree_child(next, RB_LOWER)) {
		parent = next;
		side = RB_LOWER;
	}
	if (!tree->vmas)
		parent = NULL;
	rb_link(&tree->root, rbtree_rb(parent), side, &node->rb, rbtree_own);
	rbtree_update(parent);
	if (parent != next && tree->vmas)
		rbtree_update(next);
	rb_insert_fix(&tree->root, &node->rb, rbtree_own);
	tree->vmas++;
}

void rbtree_erase_run(struct rbtree *tree, struct rbtree_node *first, struct rbtree_node *end)
{
	struct rbtree_node *prev = first->prev;

	if (first == end)
		return;
	for (; first != end; first = first->next) { /* no gap changes */
		rb_erase(&tree->root, &first->rb, rbtree_rb(first->next), rbtree_own);
		tree->vmas--;
	}
	rbtree_link(prev, end);
	rbtree_update(end);
}

void rbtree_replace(struct rbtree *tree, struct rbtree_node *old, struct rbtree_node *node)
{
	*node = *old;
	rbtree_link(node->prev, node);
	rbtree_link(node, node->next);
	rb_adopt(&node->rb, RB_LOWER, node->rb.child[RB_LOWER]);
	rb_adopt(&node->rb, RB_HIGHER, node->rb.child[RB_HIGHER]);
	rb_hang(&tree->root, rb_parent(&node->rb), &old->rb, &node->rb);
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
	node->rb.parent = level ? RB_BLACK : 0;
	rb_adopt(&node->rb, RB_LOWER, rbtree_rb(lower));
	rb_adopt(&node->rb, RB_HIGHER, rbtree_rb(rbtree_balanced(next, n - n / 2 - 1, level - 1)));
	node->rb.largest = rb_largest(&node->rb, rbtree_own);
	return node;
}

void rbtree_plant(struct rbtree *tree, size_t n)
{
	struct rbtree_node *next = tree->before.next;
	unsigned level = 0;

	while (n >> level > 1)
		level++;
	tree->root.node = rbtree_rb(rbtree_balanced(&next, n, level));
	if (tree->root.node)
		rb_paint_black(tree->root.node);
	tree->vmas = n;
}
