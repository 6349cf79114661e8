/*
 * gen - seeded generators (see gen.h)
 */
#include "workloads/generate/gen.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ZIPF_EXPONENT 0.99 /* as YCSB's */
#define LOCAL_REACH   8

static const struct gen generators[] = {
	{ "uniform", "find: every VMA as likely as the others" },
	{ "zipf", "find: few VMAs often, many seldom (exponent 0.99)" },
	{ "sequential", "find: one VMA after the other, upwards" },
	{ "local", "find: nine of ten at most 8 VMAs away from the one before" },
	{ "miss", "find: addresses in gaps" },
	{ "fragmented", "gap search: only gaps deep in the space are large enough" },
	{ "layout", "N VMAs for any N to 10,000,000: clusters as programs make them, then aged" },
	{ "churn", "one VMA after the other unmapped here and mapped there" },
	{ "storm", "splits of one VMA into three and merges back, all over the space" },
};

const struct gen *gen_at(size_t i)
{
	return i < ARRAY_SIZE(generators) ? &generators[i] : NULL;
}

int gen_uniform(struct rng *rng, uint32_t *out, size_t count, uint32_t n)
{
	for (size_t i = 0; i < count; i++)
		out[i] = rng_below(rng, n);
	return 0;
}

/* By inversion: the first number whose cumulated weight is above a random one. */
int gen_zipf(struct rng *rng, uint32_t *out, size_t count, uint32_t n)
{
	double *sum = malloc(n * sizeof(*sum)), total = 0;

	if (!sum)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		sum[i] = total += pow(i + 1.0, -ZIPF_EXPONENT);
	for (size_t i = 0; i < count; i++) {
		double x = rng_unit(rng) * total;
		uint32_t lo = 0, hi = n - 1;

		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (sum[mid] <= x)
				lo = mid + 1;
			else
				hi = mid;
		}
		out[i] = lo;
	}
	free(sum);
	return 0;
}

int gen_sequential(struct rng *rng, uint32_t *out, size_t count, uint32_t n)
{
	uint32_t at = rng_below(rng, n);

	for (size_t i = 0; i < count; i++) {
		out[i] = at;
		at = at + 1 < n ? at + 1 : 0;
	}
	return 0;
}

int gen_local(struct rng *rng, uint32_t *out, size_t count, uint32_t n)
{
	uint32_t at = rng_below(rng, n);

	for (size_t i = 0; i < count; i++) {
		if (rng_one_in(rng, 10))
			at = rng_below(rng, n);
		else
			at = rng_between(rng, at > LOCAL_REACH ? at - LOCAL_REACH : 0,
					 min(at + LOCAL_REACH, n - 1));
		out[i] = at;
	}
	return 0;
}
