/*
 * gen - seeded generators: what recordings cannot give
 *
 * Streams of numbers below n, for a benchmark to look up.
 */
#ifndef WORKLOADS_GEN_H
#define WORKLOADS_GEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/util.h"

/* Fills out with count numbers below n; 0, or -ENOMEM. n from 1. */
typedef int (*gen_stream_fn)(struct rng *rng, uint32_t *out, size_t count, uint32_t n);

must_check int gen_uniform(struct rng *rng, uint32_t *out, size_t count, uint32_t n);
/* The i-th number with a probability in proportion to 1 / (i + 1)^0.99. */
must_check int gen_zipf(struct rng *rng, uint32_t *out, size_t count, uint32_t n);
/* Upwards one by one from a random start, and round again. */
must_check int gen_sequential(struct rng *rng, uint32_t *out, size_t count, uint32_t n);
/* Nine of ten at most 8 away from the one before, the tenth anywhere. */
must_check int gen_local(struct rng *rng, uint32_t *out, size_t count, uint32_t n);

struct gen {
	const char *name, *summary;
};

/* The i-th of all generators, for `vmabench list`; NULL past the last. */
const struct gen *gen_at(size_t i);

#endif
