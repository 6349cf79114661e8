/*
 * rbtree - red-black trees in which a node knows the largest value of its subtree
 *
 *	       ┌── 20 (35) ──┐          own value (largest of the subtree)
 *	   ┌─ 7 (35) ─┐   ┌─ 3 (9)
 *	 5 (5)     35 (35) 9 (9)
 *
 * What a node's own value is, and in which order nodes stand, is the user's matter: own() says the
 * one, who calls rb_link() knows the other.  Everything is inlined, so that own() costs no call.
 *
 * Invariants, for whoever verifies a tree of theirs
 *  1. Each child knows its parent; a node that is in no tree has parent 0.
 *  2. The root is black, and so is each child of a red node.
 *  3. Each way from the root down to a missing child has as many black nodes.
 *  4. largest is the largest own() of the subtree.
 *
 * Rebalancing after Cormen, Leiserson, Rivest and Stein, "Introduction to Algorithms", chapter 13,
 * without a sentinel for the leaves.
 */
#ifndef BASE_RBTREE_H
#define BASE_RBTREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"

enum { RB_LOWER, RB_HIGHER };

#define RB_BLACK     1UL /* in bit 0 of parent; red is 0 */
#define RB_MAX_DEPTH 128 /* twice the logarithm of any number of nodes */

struct rb_node {
	struct rb_node *child[2];
	unsigned long parent; /* and the colour */
	unsigned long largest;
};

struct rb_root {
	struct rb_node *node;
};

typedef unsigned long (*rb_own_fn)(const struct rb_node *node);

#define rb_inline static inline __attribute__((always_inline))

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
	return (struct rb_node *)(node->parent & ~RB_BLACK);
}

static inline bool rb_red(const struct rb_node *node)
{
	return node && !(node->parent & RB_BLACK);
}

/* Is node, which was zeroed before its first insert, in a tree? */
static inline bool rb_linked(const struct rb_node *node)
{
	return node->parent;
}

/* What node->largest has to be. */
rb_inline unsigned long rb_largest(const struct rb_node *node, rb_own_fn own)
{
	const struct rb_node *lower = node->child[RB_LOWER], *higher = node->child[RB_HIGHER];
	unsigned long below = max(lower ? lower->largest : 0, higher ? higher->largest : 0);

	return max(own(node), below);
}

static inline void rb_paint_red(struct rb_node *node)
{
	node->parent &= ~RB_BLACK;
}

static inline void rb_paint_black(struct rb_node *node)
{
	node->parent |= RB_BLACK;
}

/* Makes child, which may be NULL, that child of node; its colour stays. */
static inline void rb_adopt(struct rb_node *node, unsigned side, struct rb_node *child)
{
	node->child[side] = child;
	if (child)
		child->parent = (unsigned long)node | (child->parent & RB_BLACK);
}

/* Makes node, which may be NULL, the child of parent, or the root, instead of old. */
static inline void rb_hang(struct rb_root *root, struct rb_node *parent, const struct rb_node *old,
			   struct rb_node *node)
{
	if (parent) {
		rb_adopt(parent, parent->child[RB_HIGHER] == old, node);
	} else {
		root->node = node;
		if (node)
			node->parent &= RB_BLACK;
	}
}

/*
 * After a change of node's own value or of its children: corrects largest there and
 * above, as far as it changes.  A parent is computed anew only where this
 * child's old value may have been its largest.
 */
rb_inline void rb_update(struct rb_node *node, rb_own_fn own)
{
	while (node) {
		unsigned long was = node->largest, largest = rb_largest(node, own);

		if (largest == was)
			return;
		node->largest = largest;
		node = rb_parent(node);
		for (; node && node->largest < largest; node = rb_parent(node))
			node->largest = largest;
		if (node && node->largest != was)
			return;
	}
}

/* node goes down to that side, its other child comes up in its place. */
rb_inline void rb_rotate(struct rb_root *root, struct rb_node *node, unsigned side, rb_own_fn own)
{
	struct rb_node *up = node->child[!side];

	rb_hang(root, rb_parent(node), node, up);
	rb_adopt(node, !side, up->child[side]);
	rb_adopt(up, side, node);
	up->largest = node->largest;
	node->largest = rb_largest(node, own);
}

/*
 * node becomes a leaf: that child of parent, or the root (NULL).  Then rb_update and rb_insert_fix.
 */
rb_inline void rb_link(struct rb_root *root, struct rb_node *parent, unsigned side,
		       struct rb_node *node, rb_own_fn own)
{
	node->child[RB_LOWER] = node->child[RB_HIGHER] = NULL;
	node->parent = 0;
	node->largest = own(node);
	if (parent)
		rb_adopt(parent, side, node);
	else
		root->node = node;
}

/* node has been linked, and every largest is right: balances the tree. */
rb_inline void rb_insert_fix(struct rb_root *root, struct rb_node *node, rb_own_fn own)
{
	struct rb_node *parent;

	while (rb_red(parent = rb_parent(node))) {
		struct rb_node *grand = rb_parent(parent);
		unsigned side = grand->child[RB_HIGHER] == parent;
		struct rb_node *uncle = grand->child[!side];

		if (!rb_red(uncle)) {
			if (parent->child[!side] == node) {
				rb_rotate(root, parent, side, own);
				parent = node;
			}
			rb_paint_black(parent);
			rb_paint_red(grand);
			rb_rotate(root, grand, !side, own);
			return;
		}
		rb_paint_black(parent);
		rb_paint_black(uncle);
		rb_paint_red(grand);
		node = grand;
	}
	rb_paint_black(root->node);
}

/* The ways through the missing child of parent lack a black node. */
rb_inline void rb_erase_fix(struct rb_root *root, struct rb_node *parent, rb_own_fn own)
{
	for (struct rb_node *node = NULL; parent; parent = rb_parent(node)) {
		unsigned side = parent->child[RB_HIGHER] == node;
		struct rb_node *sibling = parent->child[!side];

		if (rb_red(sibling)) {
			rb_paint_black(sibling);
			rb_paint_red(parent);
			rb_rotate(root, parent, side, own);
			sibling = parent->child[!side];
		}
		if (rb_red(sibling->child[side]) && !rb_red(sibling->child[!side])) {
			rb_paint_black(sibling->child[side]);
			rb_paint_red(sibling);
			rb_rotate(root, sibling, !side, own);
			sibling = parent->child[!side];
		}
		if (rb_red(sibling->child[!side])) {
			sibling->parent =
				(sibling->parent & ~RB_BLACK) | (parent->parent & RB_BLACK);
			rb_paint_black(parent);
			rb_paint_black(sibling->child[!side]);
			rb_rotate(root, parent, side, own);
			return;
		}
		rb_paint_red(sibling);
		if (rb_red(parent)) {
			rb_paint_black(parent);
			return;
		}
		node = parent;
	}
}

/*
 * node has two children: heir, its successor, leaves its place, below what is returned, for node's.
 */
rb_inline struct rb_node *rb_inherit(struct rb_root *root, struct rb_node *node,
				     struct rb_node *heir, rb_own_fn own)
{
	struct rb_node *low = rb_parent(heir);

	if (low == node) {
		low = heir;
	} else {
		rb_adopt(low, RB_LOWER, heir->child[RB_HIGHER]);
		rb_adopt(heir, RB_HIGHER, node->child[RB_HIGHER]);
	}
	rb_adopt(heir, RB_LOWER, node->child[RB_LOWER]);
	rb_hang(root, rb_parent(node), node, heir);
	heir->parent = node->parent;
	heir->largest = node->largest;
	rb_update(low, own);
	if (low != heir)
		rb_update(heir, own);
	return low;
}

/* Takes node out; next is its successor, looked at only if node has two children. */
rb_inline void rb_erase(struct rb_root *root, struct rb_node *node, struct rb_node *next,
			rb_own_fn own)
{
	struct rb_node *child, *low; /* of the place that goes, and above it */
	bool red;

	if (node->child[RB_LOWER] && node->child[RB_HIGHER]) {
		child = next->child[RB_HIGHER];
		red = rb_red(next);
		low = rb_inherit(root, node, next, own);
	} else {
		child = node->child[!node->child[RB_LOWER]];
		red = rb_red(node);
		low = rb_parent(node);
		rb_hang(root, low, node, child);
		rb_update(low, own);
	}
	if (child)
		rb_paint_black(child);
	else if (!red)
		rb_erase_fix(root, low, own);
}

/* The successor of node, whose higher subtree is not empty. */
static inline struct rb_node *rb_lowest_above(const struct rb_node *node)
{
	struct rb_node *next = node->child[RB_HIGHER];

	while (next->child[RB_LOWER])
		next = next->child[RB_LOWER];
	return next;
}

/* The black nodes on each way down, 1 for a missing child; 0 if they differ. */
static inline unsigned rb_black_height(const struct rb_node *node)
{
	unsigned lower, higher;

	if (!node)
		return 1;
	lower = rb_black_height(node->child[RB_LOWER]);
	higher = rb_black_height(node->child[RB_HIGHER]);
	return lower == higher && lower ? lower + !rb_red(node) : 0;
}

#endif
