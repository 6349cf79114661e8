/*
 * bench_find - which VMA holds an address, or is the next above it
 *
 * dependent: a query begins when the answer to the one before is there
 * (latency); independent: the processor may overlap them (throughput).  All
 * cases but find-independent are dependent.  touch: the VMA found is read,
 * its start and its flags, as a page fault does; no-touch: it is not.
 */
#include <stdlib.h>

#include "harness/bench/bench.h"
#include "workloads/generate/gen.h"

static unsigned long find_inside(const struct place *place, struct rng *rng)
{
	return place->start + rng_below(rng, place->end - place->start);
}

/* Addresses inside the VMAs that a generator names, by number or by their order. */
static void *find_queries(const struct layout *layout, struct bench_run *run, struct rng *rng,
			  gen_stream_fn generate, bool by_order)
{
	uint64_t n = run->cycle;
	unsigned long *queries = malloc(n * sizeof(*queries));
	uint32_t *numbers = malloc(n * sizeof(*numbers));

	run->batch = 256;
	if (!queries || !numbers || generate(rng, numbers, n, layout->vmas)) {
		free(queries);
		queries = NULL;
	}
	for (uint64_t i = 0; queries && i < n; i++) {
		uint32_t vma = by_order ? layout->aged_order[numbers[i]] : numbers[i];

		queries[i] = find_inside(layout_aged(layout, vma), rng);
	}
	free(numbers);
	return queries;
}

static void *find_uniform(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	return find_queries(layout, run, rng, gen_uniform, false);
}

static void *find_zipf(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	return find_queries(layout, run, rng, gen_zipf, false);
}

static void *find_sequential(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	return find_queries(layout, run, rng, gen_sequential, true);
}

static void *find_local(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	return find_queries(layout, run, rng, gen_local, true);
}

/* Addresses in the gaps behind VMAs, of which the last has none that counts. */
static void *find_miss(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	unsigned long *queries = find_queries(layout, run, rng, gen_uniform, false);

	for (uint64_t i = 0; queries && i < run->cycle; i++) {
		size_t at = rng_below(rng, layout->vmas), tries = layout->vmas;
		const struct place *place = NULL, *next = NULL;

		/* from a random VMA on, the first with a gap behind it */
		for (; tries > 0; tries--, at = (at + 1) % layout->vmas) {
			if (at + 1 == layout->vmas)
				continue;
			place = layout_aged(layout, layout->aged_order[at]);
			next = layout_aged(layout, layout->aged_order[at + 1]);
			if (place->end < next->start)
				break;
		}
		if (tries)
			queries[i] = rng_between(rng, place->end, next->start - 1);
		else
			queries[i] = layout_aged(layout, layout->aged_order[0])->start - 1;
	}
	return queries;
}

static inline __attribute__((always_inline)) uint64_t find_all(struct bench_run *run, uint64_t pos,
							       uint64_t n, uint64_t digest,
							       bool dependent, bool touch)
{
	const struct vma_index *index = run->space->index;
	const unsigned long *query = (const unsigned long *)run->stream + pos;
	uint64_t zero = bench_zero(), answer = 0;

	for (uint64_t i = 0; i < n; i++) {
		unsigned long addr = query[i] + (dependent ? answer & zero : 0);
		struct vm_area_struct *vma = index->ops->find(index, addr);

		if (!touch)
			answer = bench_which(run->space, vma);
		else
			answer = vma ? bench_vma_value(vma) + (vma_start(vma) <= addr) : 0;
		digest = bench_digest(digest, answer);
	}
	return digest;
}

static uint64_t find_dependent(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	return find_all(run, pos, n, digest, true, false);
}

static uint64_t find_dependent_touch(struct bench_run *run, uint64_t pos, uint64_t n,
				     uint64_t digest)
{
	return find_all(run, pos, n, digest, true, true);
}

static uint64_t find_independent(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	return find_all(run, pos, n, digest, false, false);
}

static uint64_t find_independent_touch(struct bench_run *run, uint64_t pos, uint64_t n,
				       uint64_t digest)
{
	return find_all(run, pos, n, digest, false, true);
}

#define FIND_CASE(what, stream, how)                                                              \
	{ .name = what, .mode = "no-touch", .operation = "find", .prepare = stream, .run = how }, \
	{                                                                                         \
		.name = what, .mode = "touch", .operation = "find", .prepare = stream,            \
		.run = how##_touch                                                                \
	}

static const struct bench_case find_cases[] = {
	FIND_CASE("find-dependent", find_uniform, find_dependent),
	FIND_CASE("find-independent", find_uniform, find_independent),
	FIND_CASE("find-local", find_local, find_dependent),
	FIND_CASE("find-zipf", find_zipf, find_dependent),
	FIND_CASE("find-sequential", find_sequential, find_dependent),
	FIND_CASE("find-miss", find_miss, find_dependent),
};

BENCH_CASES_REGISTER(find_cases);
