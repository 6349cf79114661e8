/*
 * simd_scalar - the B+-tree's searches in plain C, for any machine
 */
#include <string.h>

#include "indexes/btree/btree.h"
#include "indexes/btree/halves.h"

static inline unsigned btree_rank32(const struct btree_node *node, unsigned cap, unsigned long page)
{
	return btree_rank32_halves(node, cap, page);
}

static inline unsigned btree_rank64(const struct btree_node *node, unsigned cap, unsigned long page)
{
	return btree_rank64_halves(node, cap, page);
}

static inline uint64_t btree_least32(const struct btree_node *node, uint32_t key)
{
	const uint32_t *most = btree_lanes(node, 1, BTREE_MAX_GAP);
	uint64_t least = 0;

	for (unsigned i = 0; i < BTREE_INNER_CAP; i++)
		least |= (uint64_t)(most[i] >= key) << i;
	return least;
}

static inline uint64_t btree_gaps32(const uint32_t *start, const uint32_t *end, unsigned n,
				    uint32_t key)
{
	uint64_t gaps = 0;

	for (unsigned i = 0; i < n; i++) {
		gaps |= (uint64_t)(start[i] - end[i] >= key) << i;
	}
	return gaps;
}

static inline unsigned long btree_max_gap32(const struct btree_node *node)
{
	const uint32_t *end = btree_lanes(node, node->level, BTREE_END);
	const uint32_t *start = btree_lanes(node, node->level, BTREE_START);
	const uint32_t *inside = btree_lanes(node, node->level, BTREE_MAX_GAP);
	uint32_t most = 0;

	if (node->level) {
		for (unsigned i = 0; i < node->n; i++)
			most = max(most, inside[i]);
	} else {
		for (unsigned i = 1; i < node->n; i++)
			most = max(most, start[i] - end[i - 1]);
	}
	return most;
}

static inline void btree_shift_leaf(struct btree_node *to, const struct btree_node *leaf, int from,
				    int by)
{
	const int32_t *lane = (const int32_t *)leaf->lanes;
	int32_t *out = (int32_t *)to->lanes;

	for (unsigned field = 0; field <= BTREE_PTR; field++) {
		memcpy(out, lane, from * sizeof(*lane));
		memcpy(out + from, lane + from - by, (BTREE_LEAF_CAP - from) * sizeof(*lane));
		lane += BTREE_LEAF_CAP;
		out += BTREE_LEAF_CAP;
	}
}

static inline void btree_shift(struct btree_node *leaf, int from, int by, int n)
{
	int32_t *lane = (int32_t *)leaf->lanes;

	for (unsigned field = 0; field <= BTREE_PTR; field++, lane += leaf->cap)
		memmove(lane + from, lane + from - by, (n - from) * sizeof(*lane));
}

#include "indexes/btree/read.h"

const struct btree_simd btree_simd_scalar = {
	.name = "scalar",
	BTREE_READERS,
};
