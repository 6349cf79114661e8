/*
 * bench_gap - where there is room
 *
 * deep: only the gaps far from both ends are large enough (layout.h), so the
 * search has to pass by a quarter to half of all VMAs.  first: a few pages,
 * which the first gaps have; what mmap asks most of the time.  changing: both kinds mixed,
 * and each answer is mapped and unmapped again, so that an index that remembers
 * answers has to keep them true.  Wanted are
 * gaps between VMAs: the ends of the address space are out of bounds.
 */
#include <stdlib.h>

#include "harness/bench/bench.h"

static void *gap_deep(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	unsigned long *lengths;

	run->cycle /= 8;
	run->batch = 256;
	lengths = malloc(run->cycle * sizeof(*lengths));
	for (size_t i = 0; lengths && i < run->cycle; i++)
		lengths[i] = layout_deep_length(layout, rng);
	return lengths;
}

static void *gap_first(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	unsigned long *lengths;

	(void)layout;
	run->cycle /= 8;
	run->batch = 256;
	lengths = malloc(run->cycle * sizeof(*lengths));
	for (size_t i = 0; lengths && i < run->cycle; i++)
		lengths[i] = rng_between(rng, 1, 4) * PAGE_SIZE;
	return lengths;
}

/* Each of them, at random. */
static void *gap_mixed(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	unsigned long *lengths = gap_first(layout, run, rng);

	for (size_t i = 0; lengths && i < run->cycle; i++) {
		if (rng_one_in(rng, 2))
			lengths[i] = layout_deep_length(layout, rng);
	}
	return lengths;
}

static inline __attribute__((always_inline)) uint64_t
gap_all(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest, bool topdown)
{
	const struct vma_index *index = run->space->index;
	const struct layout *layout = run->space->layout;
	unsigned long lo = layout_aged(layout, layout->aged_order[0])->start;
	unsigned long hi = layout_aged(layout, layout->aged_order[layout->vmas - 1])->end;
	const unsigned long *length = (const unsigned long *)run->stream + pos;
	uint64_t zero = bench_zero(), answer = 0;

	for (uint64_t i = 0; i < n; i++) {
		struct vma_gap gap = {
			.len = length[i] + (answer & zero),
			.lo = lo,
			.hi = hi,
			.topdown = topdown,
		};

		answer = index->ops->find_gap(index, &gap) ? 0 : gap.start ^ gap.end << 7;
		digest = bench_digest(digest, answer);
	}
	return digest;
}

static uint64_t gap_up(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	return gap_all(run, pos, n, digest, false);
}

static uint64_t gap_down(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	return gap_all(run, pos, n, digest, true);
}

/* mmap and munmap: at the end of the gap that the search came from. */
static bool gap_use(struct bench_space *space, const struct vma_gap *gap)
{
	unsigned long start =
		gap->topdown ? min(gap->end, gap->hi) - gap->len : max(gap->start, gap->lo);
	struct vma_edit edit = {
		.lo = start,
		.hi = start + gap->len,
		.nput = 1,
		.put = { { bench_vma(space, space->layout->vmas), start, start + gap->len } },
	};

	if (vma_index_edit(space->index, &edit))
		return false;
	edit.nput = 0;
	return !vma_index_edit(space->index, &edit);
}

static uint64_t gap_changing(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest,
			     bool topdown)
{
	const struct layout *layout = run->space->layout;
	const unsigned long *length = (const unsigned long *)run->stream + pos;

	for (uint64_t i = 0; i < n; i++) {
		struct vma_gap gap = {
			.len = length[i],
			.lo = layout_aged(layout, layout->aged_order[0])->start,
			.hi = layout_aged(layout, layout->aged_order[layout->vmas - 1])->end,
			.topdown = topdown,
		};

		if (run->space->index->ops->find_gap(run->space->index, &gap))
			continue;
		digest = bench_digest(digest, gap.start ^ gap.end << 7);
		if (!gap_use(run->space, &gap))
			run->failed = true;
	}
	return digest;
}

static uint64_t gap_up_changing(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	return gap_changing(run, pos, n, digest, false);
}

static uint64_t gap_down_changing(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	return gap_changing(run, pos, n, digest, true);
}

#define GAP_CASE(case, how, stream, search)                                            \
	{                                                                              \
		.name = case, .mode = how, .operation = "find_gap", .prepare = stream, \
		.run = search                                                          \
	}

static const struct bench_case gap_cases[] = {
	GAP_CASE("gap-up", "deep", gap_deep, gap_up),
	GAP_CASE("gap-up", "first", gap_first, gap_up),
	GAP_CASE("gap-down", "deep", gap_deep, gap_down),
	GAP_CASE("gap-down", "first", gap_first, gap_down),
	{
		.name = "gap-up",
		.mode = "changing",
		.operation = "find_gap, insert and erase there",
		.edits = true,
		.prepare = gap_mixed,
		.run = gap_up_changing,
	},
	{
		.name = "gap-down",
		.mode = "changing",
		.operation = "find_gap, insert and erase there",
		.edits = true,
		.prepare = gap_mixed,
		.run = gap_down_changing,
	},
};

BENCH_CASES_REGISTER(gap_cases);
