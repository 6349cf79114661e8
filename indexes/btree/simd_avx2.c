/*
 * simd_avx2 - the B+-tree's searches with AVX2: 8 compressed or 4 uncompressed bounds at once
 */
#ifdef __x86_64__

#include <immintrin.h>

#include "indexes/btree/btree.h"

SIMD_TARGET("avx2,bmi,bmi2,lzcnt,popcnt")

static bool btree_usable(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
	       __builtin_cpu_supports("popcnt");
}

/*
 * Comparisons are counted in their lanes; the 4 that inner nodes have beyond 56 go apart.  What
 * is compared with, one more than the key, is no end that is not in use.
 */
static inline unsigned btree_rank32(const struct btree_node *node, unsigned cap, unsigned long page)
{
	const char *end = (const char *)node->lanes;
	__m256i above = _mm256_set1_epi32((int)(page - node->base) + 1);
	__m256i rank = _mm256_setzero_si256();
	__m128i sum;
	unsigned i;

	SIMD_UNROLL
	for (i = 0; i + 8 <= cap; i += 8) {
		__m256i x = _mm256_loadu_si256((const __m256i *)(end + 4 * i));

		rank = _mm256_sub_epi32(rank, _mm256_cmpgt_epi32(above, x));
	}
	sum = _mm_add_epi32(_mm256_castsi256_si128(rank), _mm256_extracti128_si256(rank, 1));
	if (i < cap)
		sum = _mm_sub_epi32(
			sum, _mm_cmpgt_epi32(_mm256_castsi256_si128(above),
					     _mm_loadu_si128((const __m128i *)(end + 4 * i))));
	sum = _mm_add_epi32(sum, _mm_unpackhi_epi64(sum, sum));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 1));
	return (unsigned)_mm_cvtsi128_si32(sum);
}

static inline unsigned btree_rank64(const struct btree_node *node, unsigned cap, unsigned long page)
{
	const char *end = (const char *)node->lanes;
	__m256i key = _mm256_set1_epi64x((long long)page);
	unsigned rank = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < cap; i += 4) {
		unsigned back = i + 4 > cap ? i + 4 - cap : 0; /* no word behind the ends is read */
		__m256i x = _mm256_loadu_si256((const __m256i *)(end + 8 * (i - back)));
		int above = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(x, key)));

		rank += __builtin_popcount(~above & 0xf & 0xf << back);
	}
	return rank;
}

/* Bits 0 to 7: 8 numbers, unsigned, whether each is at least the key. */
static inline uint64_t btree_least8(__m256i x, __m256i key)
{
	__m256i least = _mm256_cmpeq_epi32(_mm256_max_epu32(x, key), x);

	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(least));
}

static inline uint64_t btree_least32(const struct btree_node *node, uint32_t key)
{
	const uint32_t *most = btree_lanes(node, 1, BTREE_MAX_GAP);
	__m256i k = _mm256_set1_epi32((int)key);
	uint64_t least = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < BTREE_INNER_CAP; i += 8)
		least |= btree_least8(_mm256_loadu_si256((const __m256i *)(most + i)), k) << i;
	return least;
}

static inline uint64_t btree_gaps32(const uint32_t *start, const uint32_t *end, unsigned n,
				    uint32_t key)
{
	__m256i k = _mm256_set1_epi32((int)key);
	uint64_t gaps = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < n; i += 8) {
		__m256i s = _mm256_loadu_si256((const __m256i *)(start + i));
		__m256i e = _mm256_loadu_si256((const __m256i *)(end + i));

		gaps |= btree_least8(_mm256_sub_epi32(s, e), k) << i;
	}
	return gaps;
}

/* Of each two words of a and b the larger, into a. */
static inline void btree_keep_larger(btree_unsigned *a, const btree_unsigned *b)
{
	*a = (btree_unsigned)_mm256_max_epu32((__m256i)*a, (__m256i)*b);
}

#include "indexes/btree/vectors.h"

#include "indexes/btree/read.h"

SIMD_TARGET_END

const struct btree_simd btree_simd_avx2 = {
	.name = "avx2",
	.usable = btree_usable,
	BTREE_READERS,
};

#endif
