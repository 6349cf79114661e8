/*
 * interval_tree - intervals of page offsets, and which of them overlap another
 *
 * A red-black tree in the order of the starts, in which each node knows the last
 * offset of its subtree: largest is what Linux calls rb_subtree_last.  The node
 * stands in the object that the interval is of.
 */
#ifndef MM_INTERVAL_TREE_H
#define MM_INTERVAL_TREE_H

#include "base/rbtree.h"

struct interval {
	struct rb_node rb;         /* zeroed at first */
	unsigned long start, last; /* both included */
};

/* node, in this tree or in none, stands in it for [start, last] afterwards. */
void interval_tree_set(struct rb_root *tree, struct interval *node, unsigned long start,
		       unsigned long last);
/* node is in no tree afterwards; it may be in none before. */
void interval_tree_remove(struct rb_root *tree, struct interval *node);

/* The node with the lowest start that overlaps [start, last], or NULL; the next one after node. */
struct interval *interval_tree_first(const struct rb_root *tree, unsigned long start,
				     unsigned long last);
struct interval *interval_tree_next(const struct interval *node, unsigned long start,
				    unsigned long last);

/* Does the tree keep the invariants of base/rbtree.h, and its order? */
bool interval_tree_verify(const struct rb_root *tree);

#endif
