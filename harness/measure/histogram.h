/*
 * histogram - how often something took how long: counts of numbers, to 3 %
 *
 *	0 1 2 ... 63 | 64 66 68 ... 126 | 128 132 ... 252 | ...
 *
 * Numbers below 64 have a bucket each; from each power of two to the next there are 32
 * of the same width.  Nothing is allocated, nothing is lost: any uint64_t has a bucket.
 */
#ifndef HARNESS_HISTOGRAM_H
#define HARNESS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

#define HISTOGRAM_SUB     32
#define HISTOGRAM_BUCKETS (60 * HISTOGRAM_SUB)

/* Zeroed is empty. */
struct histogram {
	uint64_t n, largest;
	uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline size_t histogram_bucket(uint64_t value)
{
	unsigned bits = 63 - __builtin_clzll(value | 1);

	if (value < 2 * HISTOGRAM_SUB)
		return value;
	return (bits - 5) * HISTOGRAM_SUB + (value >> (bits - 5));
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->n++;
	histogram->largest = max(histogram->largest, value);
	histogram->counts[histogram_bucket(value)]++;
}

/* Adds all that from has counted, each times factor: ticks as ns, to 3 % more. */
void histogram_add_scaled(struct histogram *histogram, const struct histogram *from, double factor);

/* The least number that part (0 to 1) of all are no larger than, to 3 %; 0 if it is empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double part);

#endif
