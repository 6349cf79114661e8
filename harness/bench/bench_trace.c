/*
 * bench_trace - recorded programs as benchmark cases
 *
 *	replay-NAME/mm      the whole program through the emulated mm, over each index
 *	replay-NAME/index   what mm asked its indexes, of each index alone (tape.h)
 *	replay-NAME/speed   events a second with the best index (bench_speed.c)
 *	parts-NAME          the replay with each part of mm switched off in turn (bench_parts.c)
 *
 * A trace is decoded before the clock runs.  One operation is the whole program,
 * and before each the branch predictor is flushed: a program of a few thousand calls
 * would be learnt by heart when it runs again, as no kernel learns it (the array
 * looks a quarter faster then than it is).
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/bench/bench.h"
#include "harness/measure/clock.h"
#include "harness/replay/program.h"
#include "harness/replay/replay.h"
#include "harness/bench/tape.h"

#define LOOK_EVERY    64 /* events between two looks at the clock */
#define TRACE_SECONDS 5  /* what the times of one trace may take in all */
#define FEWEST        2  /* repetitions, whatever they take */

/* ---- mode mm ---- */

struct mm_run {
	const struct program *program;
	const struct vma_index_ops *ops;
	bool again;               /* expected is set */
	uint64_t expected, wrong; /* the digest of a run without layouts; runs with another */
	uint64_t hash;            /* with layouts */
};

/* The whole program: 0, -ENOMEM, -ETIME past the deadline (0: none), -EINVAL if verify fails. */
static int mm_replay(const struct mm_run *run, bool digest, double deadline, uint64_t *hash,
		     size_t *peak)
{
	struct replay_options options;
	struct replay_world *world;
	int err = 0;

	replay_options_default(&options);
	options.digest = digest;
	world = replay_create(run->ops, trace_info(run->program->reader), &options);
	if (!world)
		return -ENOMEM;
	for (size_t i = 0; !err && i < run->program->n; i++) {
		err = replay_event(world, &run->program->events[i]);
		if (!err && deadline > 0 && i % LOOK_EVERY == 0 && cpu_seconds() > deadline)
			err = -ETIME;
	}
	if (!err && digest && replay_verify(world, stderr))
		err = -EINVAL;
	if (!err)
		*hash = replay_finish(world);
	if (peak)
		*peak = replay_counts(world)->peak_vmas;
	replay_destroy(world);
	return err;
}

static const char *mm_entry_run(void *ctx, uint64_t n)
{
	struct mm_run *run = ctx;
	uint64_t hash = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (mm_replay(run, false, 0, &hash, NULL))
			return replay_out_of_memory();
		if (run->again && hash != run->expected)
			run->wrong++;
		run->expected = hash;
		run->again = true;
	}
	return NULL;
}

static const char *mm_entry_verify(void *ctx)
{
	struct mm_run *run = ctx;

	return run->wrong ? "the answers were not the same each time" : NULL;
}

/* ---- mode index ---- */

struct tape_run {
	const struct vma_index_ops *ops;
	struct tape_player *player;
	uint64_t expected, wrong;
};

static const char *tape_entry_run(void *ctx, uint64_t n)
{
	struct tape_run *run = ctx;
	uint64_t digest;

	for (uint64_t i = 0; i < n; i++) {
		if (tape_play(run->player, &digest))
			return "out of memory";
		if (digest != run->expected)
			run->wrong++;
	}
	return NULL;
}

static const char *tape_entry_verify(void *ctx)
{
	struct tape_run *run = ctx;

	return run->wrong ? "the answers are not those of the recorded index" : NULL;
}

/* The calls that mm makes of its indexes; NULL and why. */
static struct tape *tape_record(const struct program *program, const char **why)
{
	const struct vma_index_ops *inner = vma_index_lookup("rbtree");
	struct tape *tape =
		tape_create(inner ? inner : vma_index_lookup("array"), replay_budget.limit / 4);
	struct mm_run run = { .program = program };
	uint64_t hash;
	int err;

	*why = "out of memory";
	if (!tape)
		return NULL;
	run.ops = tape_ops(tape);
	err = mm_replay(&run, false, 0, &hash, NULL);
	*why = err ? replay_out_of_memory() : tape_end(tape);
	if (!err && !*why)
		return tape;
	tape_destroy(tape);
	return NULL;
}

/* ---- one program on all indexes ---- */

struct traced {
	struct bench_session *session;
	struct program program;
	struct tape *tape;
	struct mm_run mm[INDEX_LIST_MAX];
	struct tape_run tapes[INDEX_LIST_MAX];
	struct bench_entry entries[2 * INDEX_LIST_MAX];
	size_t n;
	double seconds; /* what one operation of each entry takes together */
};

/* Why an index has no times in a mode, in a line; or a failure. */
static void traced_without(struct traced *traced, const struct vma_index_ops *ops, const char *mode,
			   int err)
{
	const struct program *program = &traced->program;
	char reason[160];

	if (err == -ETIME)
		snprintf(reason, sizeof(reason), "takes longer than %g s",
			 bench_options(traced->session)->limit);
	else
		snprintf(reason, sizeof(reason), "%s", replay_out_of_memory());
	if (err == -ETIME || err == -ENOMEM) {
		bench_skip(traced->session, ops->name, program->name, mode, program->peak_vmas,
			   reason);
		return;
	}
	snprintf(reason, sizeof(reason), "%s: verify finds fault", ops->name);
	bench_fail(traced->session, program->name, mode, program->peak_vmas, reason);
}

static void traced_flush_predictor(void *ctx)
{
	(void)ctx;
	bench_flush_predictor();
}

static void traced_add(struct traced *traced, struct bench_entry entry, double seconds)
{
	entry.name = traced->program.name;
	entry.vmas = traced->program.peak_vmas;
	entry.unit = entry.batch = entry.cycle = 1;
	entry.restore = traced_flush_predictor;
	entry.op_seconds = seconds;
	traced->seconds += max(seconds, bench_options(traced->session)->min_time);
	traced->entries[traced->n++] = entry;
}

static void traced_mm(struct traced *traced, unsigned i)
{
	const struct bench_options *options = bench_options(traced->session);
	struct mm_run *run = &traced->mm[i];
	double begin = cpu_seconds();
	int err;

	*run = (struct mm_run){ .program = &traced->program, .ops = options->indexes.ops[i] };
	err = mm_replay(run, true, begin + options->limit, &run->hash, &traced->program.peak_vmas);
	if (err) {
		traced_without(traced, run->ops, "mm", err);
		return;
	}
	traced_add(traced,
		   (struct bench_entry){
			   .index = run->ops->name,
			   .mode = "mm",
			   .ctx = run,
			   .run = mm_entry_run,
			   .verify = mm_entry_verify,
			   .digest = run->hash,
		   },
		   cpu_seconds() - begin);
}

static void traced_tape(struct traced *traced, unsigned i, size_t stride)
{
	const struct bench_options *options = bench_options(traced->session);
	const struct vma_index_ops *ops = options->indexes.ops[i];
	struct tape_run *run = &traced->tapes[i];
	double begin = cpu_seconds();
	uint64_t digest = 0;
	int err;

	*run = (struct tape_run){
		.ops = ops,
		.expected = tape_digest(traced->tape, stride),
		.player = tape_player_create(traced->tape, ops, stride),
	};
	err = run->player ? tape_play_verified(run->player, options->limit, &digest) : -ENOMEM;
	if (err) {
		traced_without(traced, ops, "index", err);
		return;
	}
	run->wrong = digest != run->expected;
	traced_add(traced,
		   (struct bench_entry){
			   .index = ops->name,
			   .mode = "index",
			   .ctx = run,
			   .run = tape_entry_run,
			   .verify = tape_entry_verify,
			   .digest = digest,
			   .null = ops->caps & VMA_INDEX_NULL,
		   },
		   cpu_seconds() - begin);
}

/* The recorded index is one of those that have to agree. */
static void traced_tapes(struct traced *traced)
{
	const struct bench_options *options = bench_options(traced->session);
	size_t stride = bench_stride(&options->indexes);
	const char *why;

	traced->tape = tape_record(&traced->program, &why);
	if (!traced->tape) {
		bench_skip(traced->session, "all", traced->program.name, "index",
			   traced->program.peak_vmas, why);
		return;
	}
	traced->program.peak_vmas = tape_peak_vmas(traced->tape);
	for (unsigned i = 0; i < options->indexes.n && !saved_stopped(); i++)
		traced_tape(traced, i, stride);
}

static void run_trace(struct bench_session *session, const char *path)
{
	const struct bench_options *options = bench_options(session);
	struct traced traced = { .session = session };
	struct trace_error error;
	const char *why = program_load(&traced.program, path, &error);
	bool mm = bench_wanted(session, traced.program.name, "mm");
	unsigned repetitions;

	bench_done(session, 0, "%s", traced.program.name);
	if (!why && (why = program_replay(&traced.program)))
		program_free(&traced.program);
	if (why) {
		bench_fail(session, traced.program.name, "all", 0, why);
		return;
	}
	if (*traced.program.note)
		bench_note(session, traced.program.name, traced.program.note);
	if (bench_wanted(session, traced.program.name, "speed"))
		bench_program_speed(session, &traced.program);
	if (bench_parts_wanted(session, traced.program.name))
		bench_program_parts(session, &traced.program);
	if (bench_wanted(session, traced.program.name, "index"))
		traced_tapes(&traced);
	for (unsigned i = 0; mm && i < options->indexes.n && !saved_stopped(); i++) {
		if (!(options->indexes.ops[i]->caps & VMA_INDEX_NULL))
			traced_mm(&traced, i);
	}
	repetitions = max(TRACE_SECONDS / max(traced.seconds, 1e-3), (double)FEWEST);
	bench_time(session, traced.entries, traced.n, min(repetitions, options->repetitions));
	for (unsigned i = 0; i < options->indexes.n; i++)
		tape_player_destroy(traced.tapes[i].player);
	tape_destroy(traced.tape);
	program_free(&traced.program);
	bench_done(session, TRACE_SECONDS, "%s", path);
}

static void trace_case(struct bench_session *session, const char *path)
{
	char name[128];

	program_name(path, name, sizeof(name));
	if (!bench_case_left(session, name, "all", 0))
		return;
	bench_case_begin(session, name, "all", 0);
	run_trace(session, path);
	bench_case_end(session);
}

/* ---- all programs ---- */

static bool matches(const char *globs, const char *path)
{
	char name[128];

	program_name(path, name, sizeof(name));
	return bench_matches(globs, name, "mm") || bench_matches(globs, name, "index") ||
	       bench_matches(globs, name, "speed") || bench_parts_matches(globs, name);
}

/* The traces of the folder, in their order; to be globfree'd. */
static void find_traces(const char *dir, glob_t *found)
{
	char pattern[4096];

	snprintf(pattern, sizeof(pattern), "%s/*.vmt", dir);
	if (glob(pattern, 0, NULL, found))
		found->gl_pathc = 0;
}

bool bench_traces_known(const char *glob, const char *trace_dir)
{
	bool any = false;
	glob_t found;

	find_traces(trace_dir, &found);
	for (size_t i = 0; i < found.gl_pathc && !any; i++)
		any = matches(glob, found.gl_pathv[i]);
	globfree(&found);
	return any;
}

/* The traces of which anything is wanted, one after the other, to do. */
static void for_each_trace(struct bench_session *session,
			   void (*todo)(struct bench_session *session, const char *path))
{
	const struct bench_options *options = bench_options(session);
	glob_t found;

	find_traces(options->trace_dir, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (matches(options->case_glob, found.gl_pathv[i]))
			todo(session, found.gl_pathv[i]);
	}
	globfree(&found);
}

static void trace_plan(struct bench_session *session, const char *path)
{
	char name[128];

	program_name(path, name, sizeof(name));
	if (bench_case_left(session, name, "all", 0))
		bench_plan(session, TRACE_SECONDS);
}

void bench_traces_plan(struct bench_session *session)
{
	for_each_trace(session, trace_plan)
		;
}

void bench_traces(struct bench_session *session)
{
	for_each_trace(session, trace_case)
		;
}
