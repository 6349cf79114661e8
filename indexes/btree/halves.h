/*
 * halves.h - how many ends of a node are <= page, without vectors and without branches
 *
 * The quarters of 4 ends that are left behind are counted, which the processor does at
 * once; the one that is left is halved.  All nodes have room for whole quarters.
 */
#ifndef INDEXES_BTREE_HALVES_H
#define INDEXES_BTREE_HALVES_H

#include "indexes/btree/btree.h"

static inline __attribute__((always_inline)) unsigned
btree_rank32_halves(const struct btree_node *node, unsigned cap, unsigned long page)
{
	const int32_t *end = btree_lanes(node, 0, BTREE_END);
	int32_t key = (int32_t)(page - node->base);
	unsigned at = 0;

	SIMD_UNROLL
	for (unsigned i = 4; i < cap; i += 4)
		at += 4 & -(unsigned)(end[i - 1] <= key);
	at += 2 & -(unsigned)(end[at + 1] <= key);
	at += end[at] <= key;
	return at + (end[at] <= key);
}

static inline unsigned btree_rank64_halves(const struct btree_node *node, unsigned cap,
					   unsigned long page)
{
	const uint64_t *end = btree_lanes(node, 0, BTREE_END);
	unsigned at = 0;

	for (; cap > 1; cap -= cap / 2)
		at += cap / 2 & -(unsigned)(end[at + cap / 2 - 1] <= page);
	return at + (end[at] <= page);
}

#endif
