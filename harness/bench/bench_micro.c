/*
 * bench_micro - the cases over layouts of N VMAs, for each index
 *
 *	for each N:     a layout, and each index with it
 *	  for each case:  one stream; a run for each index and mode; all timed together
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "harness/bench/bench.h"
#include "harness/measure/host.h"

#define MAX_CASES   64
#define AGE_SECONDS 10 /* times options->limit: what ageing may take */

static const struct bench_case *cases[MAX_CASES];
static size_t ncases;

void bench_case_register(const struct bench_case *kase)
{
	size_t i = ncases;

	if (ncases == MAX_CASES) {
		fprintf(stderr, "bench: more than %d cases\n", MAX_CASES);
		exit(EXIT_FAILURE);
	}
	while (i > 0 && strcmp(cases[i - 1]->name, kase->name) > 0)
		i--;
	memmove(&cases[i + 1], &cases[i], (ncases++ - i) * sizeof(cases[0]));
	cases[i] = kase;
}

const struct bench_case *bench_case_at(size_t i)
{
	return i < ncases ? cases[i] : NULL;
}

/* ---- one run: a case on one index ---- */

/* Where the next stop is: the end of the cycle, or first its middle, to look at what is there. */
static uint64_t micro_stop(const struct bench_run *run)
{
	uint64_t half = run->cycle / 2;

	return run->mirror == run->cycle && !run->cycles && run->pos < half ? half : run->cycle;
}

static void micro_stopped(struct bench_run *run)
{
	if (run->pos < run->cycle) {
		run->contents = bench_contents(run->space);
		return;
	}
	if (!run->cycles++)
		run->expected = run->digest;
	else if (run->digest != run->expected)
		run->wrong++;
	run->pos = 0;
	run->digest = HASH_START;
}

static const char *micro_run(void *ctx, uint64_t n)
{
	struct bench_run *run = ctx;

	if (run->kase->edits)
		run->space->clean = false;
	while (n) {
		uint64_t stop = micro_stop(run), now = min(n, stop - run->pos);

		run->digest = run->kase->run(run, run->pos, now, run->digest);
		run->pos += now;
		run->since += now;
		n -= now;
		if (run->pos == stop)
			micro_stopped(run);
	}
	return run->failed ? "out of memory" : NULL;
}

static void micro_restore(void *ctx)
{
	struct bench_run *run = ctx;

	run->kase->restore(run);
	run->since = 0;
}

/* What a mirrored case has done is undone; the others have changed nothing that lasts. */
static void micro_rewind(void *ctx)
{
	struct bench_run *run = ctx;

	uint64_t done = run->mirror ? run->pos % run->mirror : 0;

	if (done) {
		uint64_t left = min(done, run->mirror - done);

		run->kase->run(run, run->pos - done + run->mirror - left, left, 0);
	}
	run->pos = 0;
	run->digest = HASH_START;
}

/* What the cycle leaves is what was there before: micro_verify looks. */
static uint64_t micro_hash(void *ctx)
{
	const struct bench_run *run = ctx;
	uint64_t hash = hash_add(run->expected, run->contents);

	return hash_add(hash, run->space->contents);
}

static const char *micro_verify(void *ctx)
{
	struct bench_run *run = ctx;
	struct bench_space *space = run->space;

	if (run->wrong)
		return "the answers were not the same each time";
	if (space->clean)
		return NULL;
	if (space->ops->verify(space->index, stderr))
		return "verify finds an invariant broken";
	if (bench_contents(space) != space->contents)
		return "it does not hold what it should";
	space->clean = true;
	return NULL;
}

/* ---- one case on all indexes ---- */

struct micro {
	struct bench_session *session;
	struct layout *layout;
	struct bench_space *spaces[INDEX_LIST_MAX];
	struct bench_run runs[INDEX_LIST_MAX];
	struct bench_entry entries[INDEX_LIST_MAX];
	size_t n;      /* runs and entries */
	double weight; /* of one entry, for the progress display */
};

static double micro_weight(const struct bench_options *options, size_t vmas)
{
	return options->repetitions * options->min_time + 0.02 + vmas * 3e-7;
}

static bool micro_add(struct micro *micro, const struct bench_run *template,
		      struct bench_space *space)
{
	struct bench_run *run = &micro->runs[micro->n];
	const struct bench_case *kase = template->kase;

	*run = *template;
	run->space = space;
	run->digest = HASH_START;
	micro->entries[micro->n] = (struct bench_entry){
		.index = space->ops->name,
		.name = kase->name,
		.mode = kase->mode,
		.vmas = space->layout->vmas,
		.null = space->ops->caps & VMA_INDEX_NULL,
		.ctx = run,
		.run = micro_run,
		.hash = micro_hash,
		.verify = micro_verify,
		.restore = kase->restore ? micro_restore : NULL,
		.rewind = kase->restore || run->mirror ? micro_rewind : NULL,
		.unit = run->unit,
		.batch = run->batch,
		.cycle = run->cycle,
	};
	micro->n++;
	return !kase->open || kase->open(run);
}

/* A run for each index that there is, checked. */
static void micro_runs(struct micro *micro, const struct bench_run *template)
{
	const struct bench_options *options = bench_options(micro->session);
	const struct bench_case *kase = template->kase;

	micro->n = 0;
	for (unsigned i = 0; i < options->indexes.n; i++) {
		struct bench_space *space = micro->spaces[i];

		bench_done(micro->session, 0, "%s/%s, %zu VMAs: %s", kase->name, kase->mode,
			   micro->layout->vmas, options->indexes.ops[i]->name);
		if (space && template->stream && micro_add(micro, template, space)) {
			bench_check(micro->session, &micro->entries[micro->n - 1]);
			continue;
		}
		if (space && template->stream)
			micro->entries[micro->n - 1].skipped = true;
		bench_skip(micro->session, options->indexes.ops[i]->name, kase->name, kase->mode,
			   micro->layout->vmas, "out of memory");
	}
}

static void micro_case(struct micro *micro, const struct bench_case *kase)
{
	const struct bench_options *options = bench_options(micro->session);
	struct bench_run template = { .kase = kase, .unit = 1, .cycle = options->cycle };
	struct rng rng;
	void *stream;

	bench_case_begin(micro->session, kase->name, kase->mode, micro->layout->vmas);
	rng_seed(&rng, options->seed);
	stream = kase->prepare(micro->layout, &template, &rng);
	template.stream = stream;
	micro_runs(micro, &template);
	bench_time(micro->session, micro->entries, micro->n, options->repetitions);
	bench_done(micro->session, micro->weight * options->indexes.n, "%s/%s, %zu VMAs",
		   kase->name, kase->mode, micro->layout->vmas);
	for (size_t i = 0; i < micro->n; i++) {
		if (kase->close)
			kase->close(&micro->runs[i]);
	}
	free(stream);
	bench_case_end(micro->session);
}

/* ---- memory ---- */

/* What its memory takes of the arena, or what it says where that is not the arena's. */
static double per_vma(const struct bench_space *space, const struct arena_stats *stats,
		      size_t footprint)
{
	if (space->ops->caps & VMA_INDEX_OWN_MALLOC)
		return (double)footprint / space->layout->vmas;
	return (double)stats->used / space->layout->vmas + space->ops->node_size;
}

static void micro_memory(struct bench_session *session, const struct bench_space *space)
{
	double vmas = space->layout->vmas;

	bench_memory(session, json_pack("{s:s, s:I, s:s, s:I, s:f, s:f, s:f, s:f}", "index",
					space->ops->name, "vmas", (json_int_t)vmas, "aged_by",
					space->by_edits ? "edits" : "build", "node_size",
					(json_int_t)space->ops->node_size, "fresh_bytes_per_vma",
					per_vma(space, &space->fresh, space->fresh_footprint),
					"aged_bytes_per_vma",
					per_vma(space, &space->aged, space->aged_footprint),
					"fresh_footprint_per_vma", space->fresh_footprint / vmas,
					"aged_footprint_per_vma", space->aged_footprint / vmas));
}

/* The indexes hold the same after ageing, or nothing of this size counts. */
static bool same_contents(struct micro *micro, unsigned n)
{
	const struct bench_space *first = NULL;

	for (unsigned i = 0; i < n; i++) {
		const struct bench_space *space = micro->spaces[i];

		if (!space || space->ops->caps & VMA_INDEX_NULL)
			continue;
		if (first && first->contents != space->contents) {
			bench_fail(micro->session, "memory", "aged", micro->layout->vmas,
				   "the indexes do not hold the same after ageing");
			return false;
		}
		first = space;
	}
	return true;
}

/* ---- one number of VMAs ---- */

static void micro_space(struct micro *micro, unsigned i, size_t stride)
{
	const struct bench_options *options = bench_options(micro->session);
	const struct vma_index_ops *ops = options->indexes.ops[i];
	struct bench_space *space;

	bench_done(micro->session, 0, "ageing %s, %zu VMAs", ops->name, micro->layout->vmas);
	space = bench_space_create(ops, micro->layout, stride, options->limit * AGE_SECONDS);
	micro->spaces[i] = space;
	if (space && !space->by_edits)
		bench_skip(micro->session, ops->name, "memory", "aged", micro->layout->vmas,
			   "ageing by edits would take too long: built as it would have become");
	bench_done(micro->session, micro->layout->vmas * 4e-6, "%s is aged", ops->name);
}

/* Two sets of VMAs for each index, and half as much for the indexes and the layout. */
static bool enough_memory(struct bench_session *session, size_t vmas, size_t stride)
{
	size_t need = vmas * stride * bench_options(session)->indexes.n * 5 / 2;
	size_t have = host_memory_available();
	char reason[160];

	if (!have || need <= have)
		return true;
	snprintf(reason, sizeof(reason), "needs %zu MB of memory, %zu MB are available", need >> 20,
		 have >> 20);
	bench_case_begin(session, "all", "all", vmas);
	bench_skip(session, "all", "all", "all", vmas, reason);
	bench_case_end(session);
	return false;
}

/* Ageing them is part of the case "memory", which is not repeated by a run that is resumed. */
static bool micro_spaces(struct micro *micro, size_t stride)
{
	struct bench_session *session = micro->session;
	const struct bench_options *options = bench_options(session);
	bool same;

	bench_case_begin(session, "memory", "aged", micro->layout->vmas);
	for (unsigned i = 0; i < options->indexes.n && !saved_stopped(); i++)
		micro_space(micro, i, stride);
	same = same_contents(micro, options->indexes.n);
	for (unsigned i = 0; same && i < options->indexes.n && !options->count; i++) {
		if (micro->spaces[i] && bench_wanted(session, "memory", "aged") &&
		    !(options->indexes.ops[i]->caps & VMA_INDEX_NULL))
			micro_memory(session, micro->spaces[i]);
	}
	bench_case_end(session);
	return same;
}

static bool left(const struct bench_session *session, const char *name, const char *mode,
		 size_t vmas)
{
	return bench_wanted(session, name, mode) && bench_case_left(session, name, mode, vmas);
}

/* Is any case of the size wanted that is not there yet? */
static bool any_left(const struct bench_session *session, size_t vmas)
{
	bool any = left(session, "memory", "aged", vmas);

	for (size_t i = 0; i < ncases && !any; i++)
		any = left(session, cases[i]->name, cases[i]->mode, vmas);
	return any;
}

static void micro_size(struct bench_session *session, size_t vmas)
{
	const struct bench_options *options = bench_options(session);
	size_t stride = bench_stride(&options->indexes);
	struct micro micro = {
		.session = session,
		.weight = micro_weight(options, vmas),
	};

	if (!any_left(session, vmas) || !enough_memory(session, vmas, stride))
		return;
	micro.layout = layout_create(vmas, options->seed);
	if (micro.layout && micro_spaces(&micro, stride)) {
		for (size_t i = 0; i < ncases; i++) {
			if (left(session, cases[i]->name, cases[i]->mode, vmas))
				micro_case(&micro, cases[i]);
		}
	}
	for (unsigned i = 0; i < options->indexes.n; i++)
		bench_space_destroy(micro.spaces[i]);
	layout_destroy(micro.layout);
}

bool bench_micro_known(const char *glob)
{
	bool any = bench_matches(glob, "memory", "aged") || bench_matches(glob, "latency", "load");

	for (size_t i = 0; i < ncases && !any; i++)
		any = bench_matches(glob, cases[i]->name, cases[i]->mode);
	return any;
}

void bench_micro_plan(struct bench_session *session)
{
	const struct bench_options *options = bench_options(session);

	for (unsigned s = 0; s < options->nsizes; s++) {
		size_t vmas = options->sizes[s];
		double weight = options->indexes.n * micro_weight(options, vmas);

		if (any_left(session, vmas))
			bench_plan(session, options->indexes.n * vmas * 4e-6);
		for (size_t i = 0; i < ncases; i++) {
			if (left(session, cases[i]->name, cases[i]->mode, vmas))
				bench_plan(session, weight);
		}
	}
}

void bench_micro(struct bench_session *session)
{
	const struct bench_options *options = bench_options(session);

	for (unsigned s = 0; s < options->nsizes; s++)
		micro_size(session, options->sizes[s]);
}
