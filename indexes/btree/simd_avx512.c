/*
 * simd_avx512 - the B+-tree's searches with AVX-512: a cache line of bounds at once
 */
#ifdef __x86_64__

#include <immintrin.h>

#include "indexes/btree/btree.h"

#define SIMD            avx512
#define SIMD_TARGET     __attribute__((target("avx512f,avx2,bmi,bmi2,lzcnt,popcnt")))

static bool btree_usable_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("bmi2") &&
	       __builtin_cpu_supports("popcnt");
}

/* Whole aligned lines are compared: the head's 4 words come first and are shifted out. */
SIMD_TARGET static inline unsigned btree_rank32_avx512(const struct btree_node *node,
						       unsigned level, uint32_t key)
{
	const __m512i *line = (const __m512i *)node;
	__m512i k = _mm512_set1_epi32((int)key);
	unsigned cap = btree_cap(level, false);
	uint64_t upto = 0;

	for (unsigned i = 0; i < (4 + cap + 15) / 16; i++)
		upto |= (uint64_t)_mm512_cmple_epu32_mask(_mm512_load_si512(&line[i]), k)
			<< 16 * i;
	return __builtin_ctzl(~(upto >> 4) | 1UL << cap);
}

SIMD_TARGET static inline unsigned btree_rank64_avx512(const struct btree_node *node,
						       unsigned level, uint64_t key)
{
	const __m512i *line = (const __m512i *)node;
	__m512i k = _mm512_set1_epi64((long long)key);
	unsigned cap = btree_cap(level, true);
	uint64_t upto = 0;

	for (unsigned i = 0; i < (2 + cap + 7) / 8; i++)
		upto |= (uint64_t)_mm512_cmple_epu64_mask(_mm512_load_si512(&line[i]), k) << 8 * i;
	return __builtin_ctzl(~(upto >> 2) | 1UL << cap);
}

SIMD_TARGET static inline uint64_t btree_above32_avx512(const uint32_t *value, unsigned n,
							uint32_t key)
{
	__m512i k = _mm512_set1_epi32((int)key);
	uint64_t above = 0;

	for (unsigned i = 0; i < n; i += 16)
		above |= (uint64_t)_mm512_cmpgt_epu32_mask(_mm512_loadu_si512(value + i), k) << i;
	return above;
}

SIMD_TARGET static inline uint64_t btree_holes32_avx512(const uint32_t *start, const uint32_t *end,
							unsigned n, uint32_t key)
{
	__m512i k = _mm512_set1_epi32((int)key);
	uint64_t holes = 0;

	for (unsigned i = 0; i < n; i += 16) {
		__m512i hole = _mm512_sub_epi32(_mm512_loadu_si512(start + i),
						_mm512_loadu_si512(end + i - 1));

		holes |= (uint64_t)_mm512_cmpgt_epu32_mask(hole, k) << i;
	}
	return holes;
}

#include "indexes/btree/read.h"

const struct btree_simd btree_simd_avx512 = SIMD_READERS(btree_usable_avx512);

#endif
