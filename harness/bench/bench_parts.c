/*
 * bench_parts - what each part of mm costs: whole programs replayed with one switched off
 *
 *	whole        ├──────────────────────────────────┤
 *	no-rmap      ├─────────────────────────────┤            ratio: below 1, what it costs
 *	no-faults    ├──────────────┤                           above 1, what it saves
 *
 *  1. Some parts are no part of the state: without them the hash must be the same, or the case
 *     fails.  Others are (totals, page tables, merged VMAs): then what counts is that the
 *     calls returned what they did, and how many did is in the results.
 *  2. Passes of all variants alternate; of each variant the fastest counts.
 *  3. Huge pages are not in the whole: that variant switches them on, for all memory.
 */
#include <errno.h>
#include <string.h>

#include "harness/bench/bench.h"
#include "harness/measure/clock.h"
#include "harness/replay/program.h"
#include "harness/replay/replay.h"

#define PASSES  5
#define SECONDS 2 /* that the passes of one program may take in all, but for two */

struct variant {
	const char *name;
	bool same_state; /* must be */
	void (*set)(struct replay_options *options);
};

static void set_nothing(struct replay_options *options)
{
	(void)options;
}

static void set_no_find_cache(struct replay_options *options)
{
	options->find_cache = find_cache_lookup("none");
}

static void set_mmap_cache(struct replay_options *options)
{
	options->find_cache = find_cache_lookup("mmap_cache");
}

static void set_finger(struct replay_options *options)
{
	options->find_cache = find_cache_lookup("finger");
}

static void set_no_rmap(struct replay_options *options)
{
	options->no_rmap = true;
}

static void set_no_drivers(struct replay_options *options)
{
	options->without = PART_DRIVERS;
}

static void set_no_accounting(struct replay_options *options)
{
	options->without = PART_ACCOUNTING;
}

static void set_no_merging(struct replay_options *options)
{
	options->merge = merge_rule_lookup("none");
}

static void set_no_faults(struct replay_options *options)
{
	options->no_faults = true;
}

static void set_huge_pages(struct replay_options *options)
{
	options->huge_pages = THP_ALWAYS;
}

/* The first is what all others are compared with. */
static const struct variant variants[] = {
	{ "whole", true, set_nothing },
	{ "no-find-cache", true, set_no_find_cache },
	{ "mmap_cache", true, set_mmap_cache },
	{ "finger", true, set_finger },
	{ "no-drivers", true, set_no_drivers },
	{ "no-rmap", false, set_no_rmap }, /* a file that becomes shorter keeps its pages */
	{ "no-accounting", false, set_no_accounting },
	{ "no-merging", false, set_no_merging },
	{ "no-faults", false, set_no_faults },
	{ "huge-pages", false, set_huge_pages },
};

#define VARIANTS ARRAY_SIZE(variants)

/* What a pass came to. */
struct pass {
	double seconds;
	uint64_t hash;
	struct replay_tally results;
	struct find_counters finds;
};

static int pass_run(const struct vma_index_ops *ops, const struct program *program,
		    const struct variant *variant, bool digest, struct pass *pass)
{
	struct replay_options options;
	struct replay_world *world;
	double begin;
	int err = 0;

	replay_options_default(&options);
	options.digest = digest;
	variant->set(&options);
	world = replay_create(ops, trace_info(program->reader), &options);
	if (!world)
		return -ENOMEM;
	begin = cpu_seconds();
	for (size_t i = 0; !err && i < program->n; i++)
		err = replay_event(world, &program->events[i]);
	pass->seconds = cpu_seconds() - begin;
	pass->hash = replay_finish(world);
	pass->results = replay_counts(world)->results;
	pass->finds = replay_machine(world)->finds;
	replay_destroy(world);
	return err;
}

/* The checked passes: 0, -ENOMEM, or -EINVAL after a message. */
static int check_variants(struct bench_session *session, const struct vma_index_ops *ops,
			  const struct program *program, const char *name, struct pass *passes)
{
	for (size_t i = 0; i < VARIANTS; i++) {
		int err = pass_run(ops, program, &variants[i], true, &passes[i]);

		if (err)
			return err;
		if (!variants[i].same_state || passes[i].hash == passes[0].hash)
			continue;
		bench_fail(session, name, variants[i].name, program->peak_vmas,
			   "the state hash is another one than with all parts");
		return -EINVAL;
	}
	return 0;
}

static int time_variants(const struct vma_index_ops *ops, const struct program *program,
			 struct pass *passes)
{
	double spent = 0;

	for (unsigned round = 0; round < PASSES && (round < 2 || spent < SECONDS); round++) {
		for (size_t i = 0; i < VARIANTS; i++) {
			struct pass pass;

			bench_flush_predictor();
			if (pass_run(ops, program, &variants[i], false, &pass))
				return -ENOMEM;
			spent += pass.seconds;
			passes[i].seconds =
				round ? min(passes[i].seconds, pass.seconds) : pass.seconds;
		}
	}
	return 0;
}

static void add_variant(struct bench_session *session, const struct vma_index_ops *ops,
			const char *name, const struct pass *pass, const struct pass *whole,
			const struct variant *variant)
{
	bench_part(session,
		   json_pack("{s:s, s:s, s:s, s:f, s:f, s:b, s:I, s:I, s:I, s:I}", "case", name,
			     "index", ops->name, "part", variant->name, "seconds", pass->seconds,
			     "ratio", pass->seconds / max(whole->seconds, 1e-9), "same_state",
			     pass->hash == whole->hash, "results",
			     (json_int_t)pass->results.compared, "results_equal",
			     (json_int_t)pass->results.equal, "finds",
			     (json_int_t)pass->finds.calls, "find_cache_hits",
			     (json_int_t)pass->finds.cache_hits));
}

/* "replay-gcc" -> "parts-gcc" */
static void parts_name(const char *program, char *name, size_t size)
{
	snprintf(name, size, "parts-%s", strchr(program, '-') + 1);
}

bool bench_parts_matches(const char *globs, const char *program)
{
	char name[160];

	parts_name(program, name, sizeof(name));
	return bench_matches(globs, name, "mm");
}

bool bench_parts_wanted(const struct bench_session *session, const char *program)
{
	const struct bench_options *options = bench_options(session);

	return bench_parts_matches(options->case_glob, program) && !options->count;
}

/* rbtree, the kernel's index when most of these parts were there; or else the first of the run. */
static const struct vma_index_ops *parts_index(const struct index_list *indexes)
{
	const struct vma_index_ops *best = NULL;

	for (unsigned i = 0; i < indexes->n; i++) {
		const struct vma_index_ops *ops = indexes->ops[i];

		if (!(ops->caps & VMA_INDEX_NULL) && (!best || !strcmp(ops->name, "rbtree")))
			best = ops;
	}
	return best;
}

void bench_program_parts(struct bench_session *session, const struct program *program)
{
	const struct vma_index_ops *ops = parts_index(&bench_options(session)->indexes);
	struct pass passes[VARIANTS];
	char name[160];

	if (!ops)
		return;
	parts_name(program->name, name, sizeof(name));
	int err = check_variants(session, ops, program, name, passes);
	if (!err)
		err = time_variants(ops, program, passes);
	if (err == -ENOMEM)
		bench_skip(session, ops->name, name, "mm", program->peak_vmas,
			   replay_out_of_memory());
	for (size_t i = 0; !err && i < VARIANTS; i++)
		add_variant(session, ops, name, &passes[i], &passes[0], &variants[i]);
}
