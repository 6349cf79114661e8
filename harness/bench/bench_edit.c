/*
 * bench_edit - changes: churn, split and merge, munmap across many
 *
 * Each edit is a reserve and a commit, as mm makes them.  The moves of a cycle are
 * too many for a branch predictor to remember them (see bench.h).
 */
#include <stdlib.h>

#include "harness/bench/bench.h"

/* ---- churn: one VMA is unmapped here and mapped there ---- */

static void *churn_moves(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	size_t n = run->cycle / 4; /* each is done and undone */
	struct move *moves = malloc(2 * n * sizeof(*moves));

	run->cycle = run->mirror = 2 * n;
	run->batch = 256;
	if (moves && layout_churn(layout, rng, moves, n)) {
		free(moves);
		return NULL;
	}
	return moves;
}

static uint64_t churn(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	struct bench_space *space = run->space;
	const struct move *move = (const struct move *)run->stream + pos;

	for (uint64_t i = 0; i < n; i++) {
		if (!bench_move(space, bench_vma(space, move[i].vma),
				&space->layout->places[move[i].to]))
			run->failed = true;
	}
	return digest;
}

/* ---- split and merge: mprotect of the middle, and back ---- */

#define REPEATED 16

static void *storm(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	size_t n = run->cycle / 2;
	uint32_t *vmas = malloc(n * sizeof(*vmas));

	run->cycle = n;
	run->batch = 256;
	for (size_t i = 0; vmas && i < n; i++) {
		size_t vma = rng_below(rng, layout->vmas), tries = layout->vmas;
		const struct place *place = layout_aged(layout, vma);

		/* from a random VMA on, the first with three pages */
		for (; tries > 0 && place->end - place->start < 3 * PAGE_SIZE; tries--) {
			vma = (vma + 1) % layout->vmas;
			place = layout_aged(layout, vma);
		}
		vmas[i] = tries ? vma : LAYOUT_NO_VMA;
	}
	return vmas;
}

/* AAAAAAAAA -> AAABBBCCC -> AAAAAAAAA */
static bool split_merge(struct bench_space *space, struct vm_area_struct *vma)
{
	unsigned long start = vma_start(vma), end = vma_end(vma);
	unsigned long third = (end - start) / 3 & PAGE_MASK;
	struct vma_edit edit = {
		.lo = start, .hi = end, .nput = 3, .put = {
			{ vma, start, start + third },
			{ bench_vma(space, space->layout->vmas), start + third, end - third },
			{ bench_vma(space, space->layout->vmas + 1), end - third, end },
		},
	};

	if (vma_index_edit(space->index, &edit))
		return false;
	edit.nput = 1;
	edit.put[0].end = end;
	return !vma_index_edit(space->index, &edit);
}

/* Each VMA again and again: where a node is full, the first split overfills it each time. */
static void *storm_repeated(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	uint32_t *vmas = storm(layout, run, rng);

	for (size_t i = 0; vmas && i < run->cycle; i++)
		vmas[i] = vmas[i - i % REPEATED];
	return vmas;
}

static uint64_t split_merge_all(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	const uint32_t *vma = (const uint32_t *)run->stream + pos;

	for (uint64_t i = 0; i < n; i++) {
		if (vma[i] != LAYOUT_NO_VMA &&
		    !split_merge(run->space, bench_vma(run->space, vma[i])))
			run->failed = true;
	}
	return digest;
}

/* ---- munmap across many: windows of VMAs, all over the space, erased with one edit each ---- */

#define WINDOW_VMAS 64
#define WINDOWS     64

struct window {
	uint32_t first, n; /* place in the aged order, VMAs */
};

static void *windows(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	uint32_t vmas = min(max(layout->vmas / 8, (size_t)1), (size_t)WINDOW_VMAS);
	uint32_t n = min(max(layout->vmas / vmas / 2, (size_t)1), (size_t)WINDOWS);
	uint32_t apart = layout->vmas / n;
	struct window *window = malloc(n * sizeof(*window));

	run->batch = run->cycle = n;
	for (uint32_t i = 0; window && i < n; i++) {
		uint32_t j = rng_below(rng, i + 1); /* in random order: an end may be cheap */

		window[i] = window[j];
		window[j] = (struct window){ i * apart + rng_below(rng, apart - vmas + 1), vmas };
	}
	return window;
}

static uint64_t munmap_all(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	const struct layout *layout = run->space->layout;
	const struct window *window = (const struct window *)run->stream + pos;

	for (uint64_t i = 0; i < n; i++) {
		const uint32_t *vmas = &layout->aged_order[window[i].first];
		struct vma_edit edit = {
			.lo = layout_aged(layout, vmas[0])->start,
			.hi = layout_aged(layout, vmas[window[i].n - 1])->end,
		};

		if (vma_index_edit(run->space->index, &edit))
			run->failed = true;
	}
	return digest;
}

/* Maps the VMAs of a window again, three an edit. */
static bool window_map(struct bench_space *space, const struct window *window)
{
	const struct layout *layout = space->layout;

	for (uint32_t i = 0; i < window->n; i += VMA_EDIT_PUTS) {
		struct vma_edit edit = { .nput = min(window->n - i, (uint32_t)VMA_EDIT_PUTS) };

		for (unsigned j = 0; j < edit.nput; j++) {
			uint32_t vma = layout->aged_order[window->first + i + j];
			const struct place *place = layout_aged(layout, vma);

			edit.put[j] = (struct vma_put){
				bench_vma(space, vma),
				place->start,
				place->end,
			};
		}
		edit.lo = edit.put[0].start;
		edit.hi = edit.put[edit.nput - 1].end;
		if (vma_index_edit(space->index, &edit))
			return false;
	}
	return true;
}

static void munmap_restore(struct bench_run *run)
{
	const struct window *end =
		(const struct window *)run->stream + (run->pos ? run->pos : run->cycle);

	for (const struct window *window = end - run->since; window < end; window++) {
		if (!window_map(run->space, window))
			run->failed = true;
	}
}

static const struct bench_case edit_cases[] = {
	{
		.name = "churn",
		.mode = "aged",
		.operation = "erase and insert",
		.edits = true,
		.prepare = churn_moves,
		.run = churn,
	},
	{
		.name = "split-merge",
		.mode = "aged",
		.operation = "1 to 3 to 1",
		.edits = true,
		.prepare = storm,
		.run = split_merge_all,
	},
	{
		.name = "split-merge",
		.mode = "repeated",
		.operation = "1 to 3 to 1, 16 times at each place",
		.edits = true,
		.prepare = storm_repeated,
		.run = split_merge_all,
	},
	{
		.name = "munmap-many",
		.mode = "aged",
		.operation = "erase of up to 64 VMAs at once",
		.edits = true,
		.prepare = windows,
		.run = munmap_all,
		.restore = munmap_restore,
	},
};

BENCH_CASES_REGISTER(edit_cases);
