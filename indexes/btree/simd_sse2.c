/*
 * simd_sse2 - the B+-tree's searches with SSE2, which every x86-64 has: 4 bounds at once
 *
 * SSE2 cannot compare 64-bit numbers: uncompressed nodes are searched by halves.
 */
#ifdef __x86_64__

#include <emmintrin.h>

#include "indexes/btree/btree.h"
#include "indexes/btree/halves.h"

static inline unsigned btree_rank32(const struct btree_node *node, unsigned cap, unsigned long page)
{
	const __m128i *end = (const __m128i *)node->lanes;
	__m128i key = _mm_set1_epi32((int)(page - node->base));
	__m128i above = _mm_setzero_si128();

	SIMD_UNROLL
	for (unsigned i = 0; i < cap / 4; i++)
		above = _mm_sub_epi32(above, _mm_cmpgt_epi32(_mm_loadu_si128(&end[i]), key));
	above = _mm_add_epi32(above, _mm_unpackhi_epi64(above, above));
	above = _mm_add_epi32(above, _mm_shuffle_epi32(above, 1));
	return cap - (unsigned)_mm_cvtsi128_si32(above);
}

static inline unsigned btree_rank64(const struct btree_node *node, unsigned cap, unsigned long page)
{
	return btree_rank64_halves(node, cap, page);
}

/* SSE2 compares signed numbers only: where they are not, their top bits are flipped. */
static inline __m128i btree_flip(__m128i x)
{
	return _mm_xor_si128(x, _mm_set1_epi32(INT32_MIN));
}

/* Bits 0 to 15: 16 numbers, unsigned, whether each is above one (flipped). */
static inline uint64_t btree_above16(const __m128i x[4], __m128i key)
{
	__m128i lo = _mm_packs_epi32(_mm_cmpgt_epi32(btree_flip(x[0]), key),
				     _mm_cmpgt_epi32(btree_flip(x[1]), key));
	__m128i hi = _mm_packs_epi32(_mm_cmpgt_epi32(btree_flip(x[2]), key),
				     _mm_cmpgt_epi32(btree_flip(x[3]), key));

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(lo, hi));
}

static inline uint64_t btree_least32(const struct btree_node *node, uint32_t key)
{
	const uint32_t *most = btree_lanes(node, 1, BTREE_MAX_GAP);
	__m128i k = btree_flip(_mm_set1_epi32((int)(key - 1))), x[4];
	uint64_t least = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < BTREE_INNER_CAP; i += 16) {
		for (unsigned j = 0; j < 4; j++)
			x[j] = _mm_loadu_si128((const __m128i *)(most + i + 4 * j));
		least |= btree_above16(x, k) << i;
	}
	return least;
}

static inline uint64_t btree_gaps32(const uint32_t *start, const uint32_t *end, unsigned n,
				    uint32_t key)
{
	__m128i k = btree_flip(_mm_set1_epi32((int)(key - 1))), x[4];
	uint64_t gaps = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < n; i += 16) {
		for (unsigned j = 0; j < 4; j++) {
			const uint32_t *s = start + i + 4 * j, *e = end + i + 4 * j;

			x[j] = _mm_sub_epi32(_mm_loadu_si128((const __m128i *)s),
					     _mm_loadu_si128((const __m128i *)e));
		}
		gaps |= btree_above16(x, k) << i;
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

const struct btree_simd btree_simd_sse2 = {
	.name = "sse2",
	BTREE_READERS,
};

#endif
