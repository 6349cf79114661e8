/*
 * histogram - counts of numbers, to 3 % (see histogram.h)
 */
#include "harness/measure/histogram.h"

#include <math.h>

/* The largest number that belongs there. */
static uint64_t bucket_end(size_t bucket)
{
	unsigned shift;

	if (bucket < 2 * HISTOGRAM_SUB)
		return bucket;
	shift = bucket / HISTOGRAM_SUB - 1;
	return (((uint64_t)(bucket % HISTOGRAM_SUB) + HISTOGRAM_SUB + 1) << shift) - 1;
}

uint64_t histogram_quantile(const struct histogram *histogram, double part)
{
	uint64_t wanted = (uint64_t)ceil(part * (double)histogram->n), seen = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen && seen >= wanted)
			return min(bucket_end(i), histogram->largest);
	}
	return histogram->largest;
}

void histogram_add_scaled(struct histogram *histogram, const struct histogram *from, double factor)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t value = (uint64_t)((double)min(bucket_end(i), from->largest) * factor);

		if (!from->counts[i])
			continue;
		histogram->n += from->counts[i];
		histogram->counts[histogram_bucket(value)] += from->counts[i];
		histogram->largest = max(histogram->largest, value);
	}
}
