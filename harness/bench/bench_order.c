/*
 * bench_order - the same VMAs erased and inserted again, in orders good and bad
 *
 *	random          b d a c  ->  c a d b
 *	sorted          a b c d  ->  d c b a
 *	reverse         d c b a  ->  a b c d
 *	sawtooth        d c  ->  c d     (tooth by tooth, as a stack grows and shrinks)
 *
 * A node that is always split in its middle stays half empty where VMAs come in
 * order; one that is freed as soon as it can be is made again at once where they
 * come and go.  All orders are of the same VMAs, neighbours in an aged space, so that
 * they can be compared: an operation is one edit, of each VMA two in a cycle.
 */
#include <stdlib.h>

#include "harness/bench/bench.h"

#define TOOTH 256 /* VMAs */

struct order_edit {
	uint32_t vma, insert;
};

/* The VMAs of a case, n, neighbours in the middle of the space, as they stand; to be freed. */
static uint32_t *order_window(const struct layout *layout, struct bench_run *run, size_t *n)
{
	uint32_t *vmas;

	*n = min(layout->vmas, (size_t)run->cycle / 8);
	vmas = malloc(*n * sizeof(*vmas));
	for (size_t i = 0; vmas && i < *n; i++)
		vmas[i] = layout->aged_order[(layout->vmas - *n) / 2 + i];
	run->cycle = run->mirror = 2 * *n;
	run->batch = min(run->cycle, (uint64_t)256);
	return vmas;
}

static void order_turn(uint32_t *vmas, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint32_t vma = vmas[i];

		vmas[i] = vmas[n - 1 - i];
		vmas[n - 1 - i] = vma;
	}
}

/* Of each tooth the VMAs are erased in their order and inserted the other way round. */
static struct order_edit *order_edits(uint32_t *vmas, size_t n, size_t tooth)
{
	struct order_edit *edits = vmas ? malloc(2 * n * sizeof(*edits)) : NULL;

	for (size_t i = 0; edits && i < n; i++) {
		size_t begin = i / tooth * tooth, at = i - begin;

		edits[2 * begin + at] = (struct order_edit){ vmas[i], false };
		edits[2 * (begin + tooth) - 1 - at] = (struct order_edit){ vmas[i], true };
	}
	free(vmas);
	return edits;
}

static void *order_random(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	size_t n;
	uint32_t *vmas = order_window(layout, run, &n);

	for (size_t i = n; vmas && i > 1; i--) {
		size_t j = rng_below(rng, i);
		uint32_t vma = vmas[i - 1];

		vmas[i - 1] = vmas[j];
		vmas[j] = vma;
	}
	return order_edits(vmas, n, n);
}

static void *order_sorted(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	size_t n;
	uint32_t *vmas = order_window(layout, run, &n);

	(void)rng;
	return order_edits(vmas, n, n);
}

static void *order_reverse(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	size_t n;
	uint32_t *vmas = order_window(layout, run, &n);

	(void)rng;
	if (vmas)
		order_turn(vmas, n);
	return order_edits(vmas, n, n);
}

static void *order_sawtooth(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	size_t n, tooth;
	uint32_t *vmas = order_window(layout, run, &n);

	(void)rng;
	tooth = min(n, (size_t)TOOTH);
	n -= n % tooth;
	run->cycle = 2 * n;
	run->mirror = run->batch = 2 * tooth; /* what is there only changes within */
	for (size_t i = 0; vmas && i < n; i += tooth)
		order_turn(vmas + i, tooth);
	return order_edits(vmas, n, tooth);
}

static uint64_t order_all(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	struct bench_space *space = run->space;
	const struct order_edit *order = (const struct order_edit *)run->stream + pos;

	for (uint64_t i = 0; i < n; i++) {
		const struct place *place = layout_aged(space->layout, order[i].vma);
		struct vma_edit edit = {
			.lo = place->start,
			.hi = place->end,
			.nput = order[i].insert,
			.put = { { bench_vma(space, order[i].vma), place->start, place->end } },
		};

		if (vma_index_edit(space->index, &edit))
			run->failed = true;
	}
	return digest;
}

#define ORDER_CASE(order)                                                                       \
	{                                                                                       \
		.name = "order", .mode = #order, .operation = "erase or insert", .edits = true, \
		.prepare = order_##order, .run = order_all                                      \
	}

static const struct bench_case order_cases[] = {
	ORDER_CASE(random),
	ORDER_CASE(sorted),
	ORDER_CASE(reverse),
	ORDER_CASE(sawtooth),
};

BENCH_CASES_REGISTER(order_cases);
