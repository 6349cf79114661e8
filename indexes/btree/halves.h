/*
 * halves.h - how many ends of a node are <= page, by halves and without branches
 */
#ifndef INDEXES_BTREE_HALVES_H
#define INDEXES_BTREE_HALVES_H

#include "indexes/btree/btree.h"

static inline unsigned btree_rank32_halves(const struct btree_node *node, unsigned cap,
					   unsigned long page)
{
	const int32_t *end = btree_lanes(node, 0, BTREE_END);
	int32_t key = (int32_t)(page - node->base);
	unsigned at = 0;

	for (; cap > 1; cap -= cap / 2)
		at += end[at + cap / 2 - 1] <= key ? cap / 2 : 0;
	return at + (end[at] <= key);
}

static inline unsigned btree_rank64_halves(const struct btree_node *node, unsigned cap,
					   unsigned long page)
{
	const uint64_t *end = btree_lanes(node, 0, BTREE_END);
	unsigned at = 0;

	for (; cap > 1; cap -= cap / 2)
		at += end[at + cap / 2 - 1] <= page ? cap / 2 : 0;
	return at + (end[at] <= page);
}

#endif
