/*
 * simd_avx512 - the B+-tree's searches with AVX-512: a cache line of bounds at once
 */
#ifdef __x86_64__

#include <immintrin.h>

#include "indexes/btree/btree.h"

SIMD_TARGET("avx512f,avx512vl,avx2,bmi,bmi2,lzcnt,popcnt")

static bool btree_usable(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

/*
 * The bits of a mask as a number.  The compiler's own conversion is not used: gcc 12 with
 * -mavx512bw, where it has no register left for the widened mask, stores its 2 bytes
 * (kmovw) and loads 8.
 */
static inline unsigned btree_bits(__mmask16 mask)
{
	unsigned bits;

	__asm__("kmovw\t%1, %0" : "=r"(bits) : "k"(mask));
	return bits;
}

/*
 * Whole aligned lines are compared.  The first has the head's 4 words, and that
 * of a leaf's last ones has 12 ends.
 */
static inline unsigned btree_rank32(const struct btree_node *node, unsigned cap, unsigned long page)
{
	const __m512i *line = (const __m512i *)node;
	__m512i key =
		_mm512_sub_epi32(_mm512_set1_epi32((int)page), _mm512_set1_epi32((int)node->base));
	unsigned words = 4 + cap, last = words / 16, rank;

	rank = __builtin_popcount(btree_bits(_mm512_cmple_epi32_mask(line[0], key)) & 0xfff0);
	SIMD_UNROLL
	for (unsigned i = 1; i < last; i++)
		rank += __builtin_popcount(btree_bits(_mm512_cmple_epi32_mask(line[i], key)));
	if (words % 16)
		rank += __builtin_popcount(
			btree_bits(_mm512_mask_cmple_epi32_mask(0x0fff, line[last], key)));
	return rank;
}

static inline unsigned btree_rank64(const struct btree_node *node, unsigned cap, unsigned long page)
{
	const char *end = btree_lanes(node, 0, BTREE_END);
	__m256i key = _mm256_set1_epi64x((long long)page);
	unsigned rank = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < cap; i += 4) {
		unsigned back = i + 4 > cap ? i + 4 - cap : 0; /* no word behind the ends is read */
		__m256i x = _mm256_loadu_si256((const __m256i *)(end + 8 * (i - back)));

		rank += __builtin_popcount(btree_bits(_mm256_cmple_epi64_mask(x, key)) & 0xf &
					   0xf << back);
	}
	return rank;
}

/* Like the ends, they begin at the fifth word of a line. */
static inline uint64_t btree_least32(const struct btree_node *node, uint32_t key)
{
	const __m512i *line =
		(const __m512i *)((uint32_t *)btree_lanes(node, 1, BTREE_MAX_GAP) - 4);
	__m512i k = _mm512_set1_epi32((int)key);
	uint64_t least = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < (4 + BTREE_INNER_CAP) / 16; i++)
		least |= (uint64_t)btree_bits(_mm512_cmpge_epu32_mask(line[i], k)) << 16 * i;
	return least >> 4;
}

static inline uint64_t btree_gaps32(const uint32_t *start, const uint32_t *end, unsigned n,
				    uint32_t key)
{
	__m512i k = _mm512_set1_epi32((int)key);
	uint64_t gaps = 0;

	SIMD_UNROLL
	for (unsigned i = 0; i < n; i += 16) {
		__m512i gap = _mm512_sub_epi32(_mm512_loadu_si512(start + i),
					       _mm512_loadu_si512(end + i));

		gaps |= (uint64_t)btree_bits(_mm512_cmpge_epu32_mask(gap, k)) << i;
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

const struct btree_simd btree_simd_avx512 = {
	.name = "avx512",
	.usable = btree_usable,
	BTREE_READERS,
};

#endif
