/*
 * simd_avx2 - the B+-tree's searches with AVX2: 8 narrow or 4 wide bounds at once
 */
#ifdef __x86_64__

#include <immintrin.h>

#include "indexes/btree/btree.h"

#define SIMD            avx2
#define SIMD_TARGET     __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

static bool btree_usable_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
	       __builtin_cpu_supports("popcnt");
}

/* Bits 0 to 7: 8 numbers, whether each is <= key. */
SIMD_TARGET static inline uint64_t btree_upto8_avx2(__m256i x, __m256i key)
{
	__m256i upto = _mm256_cmpeq_epi32(_mm256_min_epu32(x, key), x);

	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(upto));
}

/* Whole aligned lines are compared: the head's 4 words come first and are shifted out. */
SIMD_TARGET static inline unsigned btree_rank32_avx2(const struct btree_node *node, unsigned level,
						     uint32_t key)
{
	const __m256i *line = (const __m256i *)node;
	__m256i k = _mm256_set1_epi32((int)key);
	unsigned cap = btree_cap(level, false);
	uint64_t upto = 0;

	for (unsigned i = 0; i < (4 + cap + 7) / 8; i++)
		upto |= btree_upto8_avx2(_mm256_load_si256(&line[i]), k) << 8 * i;
	return __builtin_ctzl(~(upto >> 4) | 1UL << cap);
}

SIMD_TARGET static inline unsigned btree_rank64_avx2(const struct btree_node *node, unsigned level,
						     uint64_t key)
{
	const __m256i *line = (const __m256i *)node;
	__m256i k = _mm256_set1_epi64x((long long)key);
	unsigned cap = btree_cap(level, true);
	uint64_t above = 0;

	for (unsigned i = 0; i < (2 + cap + 3) / 4; i++) {
		__m256i more = _mm256_cmpgt_epi64(_mm256_load_si256(&line[i]), k);

		above |= (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(more)) << 4 * i;
	}
	return __builtin_ctzl(above >> 2 | 1UL << cap);
}

SIMD_TARGET static inline uint64_t btree_above32_avx2(const uint32_t *value, unsigned n,
						      uint32_t key)
{
	__m256i k = _mm256_set1_epi32((int)key);
	uint64_t upto = 0;

	for (unsigned i = 0; i < n; i += 8)
		upto |= btree_upto8_avx2(_mm256_loadu_si256((const __m256i *)(value + i)), k) << i;
	return ~upto;
}

SIMD_TARGET static inline uint64_t btree_holes32_avx2(const uint32_t *start, const uint32_t *end,
						      unsigned n, uint32_t key)
{
	__m256i k = _mm256_set1_epi32((int)key);
	uint64_t upto = 0;

	for (unsigned i = 0; i < n; i += 8) {
		__m256i s = _mm256_loadu_si256((const __m256i *)(start + i));
		__m256i e = _mm256_loadu_si256((const __m256i *)(end + i - 1));

		upto |= btree_upto8_avx2(_mm256_sub_epi32(s, e), k) << i;
	}
	return ~upto;
}

#include "indexes/btree/read.h"

const struct btree_simd btree_simd_avx2 = SIMD_READERS(btree_usable_avx2);

#endif
