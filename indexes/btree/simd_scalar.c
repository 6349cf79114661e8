/*
 * simd_scalar - the B+-tree's searches in plain C, for any machine
 */
#include "indexes/btree/btree.h"

#define SIMD            scalar
#define SIMD_TARGET

/* Binary search without branches: half is the power of two that any n needs. */
static inline unsigned btree_rank32_scalar(const struct btree_node *node, unsigned level,
					   uint32_t key)
{
	const uint32_t *end = btree_lanes(node, level, BTREE_END);
	unsigned at = 0, cap = btree_cap(level, false);

	for (unsigned half = 32; half; half /= 2)
		at = at + half <= cap && end[at + half - 1] <= key ? at + half : at;
	return at;
}

static inline unsigned btree_rank64_scalar(const struct btree_node *node, unsigned level,
					   uint64_t key)
{
	const uint64_t *end = btree_lanes(node, level, BTREE_END);
	unsigned at = 0, cap = btree_cap(level, true);

	for (unsigned half = 16; half; half /= 2)
		at = at + half <= cap && end[at + half - 1] <= key ? at + half : at;
	return at;
}

static inline uint64_t btree_above32_scalar(const uint32_t *value, unsigned n, uint32_t key)
{
	uint64_t above = 0;

	for (unsigned i = 0; i < n; i++)
		above |= (uint64_t)(value[i] > key) << i;
	return above;
}

static inline uint64_t btree_holes32_scalar(const uint32_t *start, const uint32_t *end, unsigned n,
					    uint32_t key)
{
	uint64_t holes = 0;

	for (unsigned i = 1; i < n; i++)
		holes |= (uint64_t)(start[i] - end[i - 1] > key) << i;
	return holes;
}

#include "indexes/btree/read.h"

const struct btree_simd btree_simd_scalar = SIMD_READERS(NULL);
