/*
 * interval_tree - intervals of page offsets, and which of them overlap another (interval_tree.h)
 *
 *	            4-9 (20)               a node: its interval, and in brackets
 *	     1-20 (20)      6-7 (12)       the last offset of its subtree
 *	  0-3 (3)               8-12 (12)
 *
 * What overlaps [start, last] is not in a subtree that ends below start, and
 * begins at or below last: one way down finds the first, in the order of the starts.
 *
 * Source: Cormen, Leiserson, Rivest and Stein, "Introduction to Algorithms", chapter 14.3; the
 * layout is that of Linux 4.9's lib/interval_tree.c.
 */
#include "mm/interval_tree.h"

static struct interval *interval_of(const struct rb_node *rb)
{
	return (struct interval *)rb;
}

static unsigned long interval_own(const struct rb_node *rb)
{
	return interval_of(rb)->last;
}

static void interval_tree_insert(struct rb_root *tree, struct interval *node)
{
	struct rb_node *parent = NULL, *at = tree->node;
	unsigned side = RB_LOWER;

	while (at) {
		parent = at;
		side = node->start >= interval_of(at)->start;
		at = at->child[side];
	}
	rb_link(tree, parent, side, &node->rb, interval_own);
	rb_update(parent, interval_own);
	rb_insert_fix(tree, &node->rb, interval_own);
}

void interval_tree_remove(struct rb_root *tree, struct interval *node)
{
	bool inside = node->rb.child[RB_LOWER] && node->rb.child[RB_HIGHER];

	if (!rb_linked(&node->rb))
		return;
	rb_erase(tree, &node->rb, inside ? rb_lowest_above(&node->rb) : NULL, interval_own);
	node->rb = (struct rb_node){ .parent = 0 };
}

void interval_tree_set(struct rb_root *tree, struct interval *node, unsigned long start,
		       unsigned long last)
{
	if (rb_linked(&node->rb) && node->start == start) {
		node->last = last;
		rb_update(&node->rb, interval_own);
		return;
	}
	interval_tree_remove(tree, node);
	node->start = start;
	node->last = last;
	interval_tree_insert(tree, node);
}

/* The first of a subtree, which reaches up to start, that overlaps. */
static struct interval *interval_tree_search(const struct rb_node *at, unsigned long start,
					     unsigned long last)
{
	for (;;) {
		const struct rb_node *lower = at->child[RB_LOWER], *higher = at->child[RB_HIGHER];

		if (lower && lower->largest >= start) {
			at = lower; /* if this one begins too late, so do all others */
			continue;
		}
		if (interval_of(at)->start > last)
			return NULL;
		if (interval_of(at)->last >= start)
			return interval_of(at);
		if (!higher || higher->largest < start)
			return NULL;
		at = higher;
	}
}

struct interval *interval_tree_first(const struct rb_root *tree, unsigned long start,
				     unsigned long last)
{
	if (!tree->node || tree->node->largest < start)
		return NULL;
	return interval_tree_search(tree->node, start, last);
}

struct interval *interval_tree_next(const struct interval *node, unsigned long start,
				    unsigned long last)
{
	const struct rb_node *at = &node->rb, *higher = at->child[RB_HIGHER], *from;

	for (;;) {
		if (higher && higher->largest >= start)
			return interval_tree_search(higher, start, last);
		do {
			from = at;
			at = rb_parent(at);
			if (!at)
				return NULL;
		} while (at->child[RB_HIGHER] == from);
		if (interval_of(at)->start > last)
			return NULL;
		if (interval_of(at)->last >= start)
			return interval_of(at);
		higher = at->child[RB_HIGHER];
	}
}

static bool subtree_verify(const struct rb_node *rb, const struct rb_node *parent,
			   unsigned long *start, unsigned depth)
{
	if (!rb)
		return true;
	if (depth == RB_MAX_DEPTH || rb_parent(rb) != parent || (rb_red(rb) && rb_red(parent)) ||
	    rb->largest != rb_largest(rb, interval_own) ||
	    !subtree_verify(rb->child[RB_LOWER], rb, start, depth + 1) ||
	    interval_of(rb)->start < *start || interval_of(rb)->last < interval_of(rb)->start)
		return false;
	*start = interval_of(rb)->start;
	return subtree_verify(rb->child[RB_HIGHER], rb, start, depth + 1);
}

bool interval_tree_verify(const struct rb_root *tree)
{
	unsigned long start = 0;

	return !rb_red(tree->node) && rb_black_height(tree->node) &&
	       subtree_verify(tree->node, NULL, &start, 0);
}
