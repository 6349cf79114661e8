/*
 * simd_neon - the B+-tree's searches with NEON, which every aarch64 has: 4 bounds at once
 */
#ifdef __aarch64__

#include <arm_neon.h>

#include "indexes/btree/btree.h"

static inline unsigned btree_rank32(const struct btree_node *node, unsigned cap, unsigned long page)
{
	const int32_t *end = btree_lanes(node, 0, BTREE_END);
	int32x4_t key = vdupq_n_s32((int32_t)(page - node->base));
	uint32x4_t upto = vdupq_n_u32(0);

	SIMD_UNROLL
	for (unsigned i = 0; i < cap; i += 4)
		upto = vsubq_u32(upto, vcleq_s32(vld1q_s32(end + i), key));
	return vaddvq_u32(upto);
}

static inline unsigned btree_rank64(const struct btree_node *node, unsigned cap, unsigned long page)
{
	const uint64_t *end = btree_lanes(node, 0, BTREE_END);
	uint64x2_t key = vdupq_n_u64(page), upto = vdupq_n_u64(0);

	SIMD_UNROLL
	for (unsigned i = 0; i < cap; i += 2)
		upto = vsubq_u64(upto, vcleq_u64(vld1q_u64(end + i), key));
	return vaddvq_u64(upto);
}

/* Bits 0 to 3: 4 numbers, whether each is at least the key. */
static inline uint64_t btree_least4(uint32x4_t x, uint32x4_t key)
{
	static const uint32_t bits[4] = { 1, 2, 4, 8 };

	return vaddvq_u32(vandq_u32(vcgeq_u32(x, key), vld1q_u32(bits)));
}

static inline uint64_t btree_least32(const struct btree_node *node, uint32_t key)
{
	const uint32_t *most = btree_lanes(node, 1, BTREE_MAX_GAP);
	uint64_t least = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < BTREE_INNER_CAP; i += 4)
		least |= btree_least4(vld1q_u32(most + i), vdupq_n_u32(key)) << i;
	return least;
}

static inline uint64_t btree_gaps32(const uint32_t *start, const uint32_t *end, unsigned n,
				    uint32_t key)
{
	uint64_t gaps = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < n; i += 4) {
		uint32x4_t gap = vsubq_u32(vld1q_u32(start + i), vld1q_u32(end + i));

		gaps |= btree_least4(gap, vdupq_n_u32(key)) << i;
	}
	return gaps;
}

/* Of each two words of a and b the larger, into a. */
static inline void btree_keep_larger(btree_unsigned *a, const btree_unsigned *b)
{
	*a = (*a & (btree_unsigned)(*a > *b)) | (*b & ~(btree_unsigned)(*a > *b));
}

#include "indexes/btree/vectors.h"

#include "indexes/btree/read.h"

const struct btree_simd btree_simd_neon = {
	.name = "neon",
	BTREE_READERS,
};

#endif
