/*
 * worst - the slowest single edit of many, in instructions
 */
#ifndef HARNESS_WORST_H
#define HARNESS_WORST_H

#include <stdint.h>

#include "harness/measure/progress.h"
#include "indexes/vma_index.h"

struct worst_options {
	size_t vmas;
	uint64_t edits, seed;
	unsigned passes;           /* over which the fewest ticks of each edit are taken */
	struct progress *progress; /* a line on a terminal; may be NULL */
};

struct worst_result {
	uint64_t median, slowest;           /* instructions; the median of a sample of all edits */
	uint64_t number;                    /* of the slowest, from 0 */
	const char *which;                  /* "erase", "insert", "split", "merge" */
	double median_ticks, slowest_ticks; /* of those that were counted */
};

/*
 * 0, -ENOMEM, -EINTR when the run is to end (saved.h), or another -errno where a child cannot be
 * traced.
 */
must_check int worst_measure(const struct vma_index_ops *ops, const struct worst_options *options,
			     struct worst_result *result);

/*
 * How many instructions fn(arg) takes, done in a child process that is stepped
 * one by one: nothing changes here.  0 and *count, or -errno.
 */
must_check int worst_count(void (*fn)(void *arg), void *arg, uint64_t *count);

#endif
