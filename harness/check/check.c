/*
 * check - random operations on several indexes in lockstep (see check.h)
 *
 * The first index's world shows the generator what is mapped.  The events go to
 * the worlds in small batches, one world after the other, so that the clock is
 * read seldom and each index works on warm data of its own.
 */
#include "harness/check/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "harness/measure/clock.h"

#define BATCH 32

void check_options_default(struct check_options *options)
{
	*options = (struct check_options){
		.ops = 1000000,
		.seed = 1,
		.vmas = 250,
		.verify_every = 20000,
		.save = "check-difference.vmt",
		.shrink_seconds = 60,
		.pagetable_levels = 4,
		.placement = placement_policy(0),
		.merge = merge_rule(0),
	};
}

/* ---- worlds ---- */

struct worlds {
	const struct index_list *indexes;
	struct replay_world *world[INDEX_LIST_MAX];
	unsigned n;
};

static void worlds_destroy(struct worlds *w)
{
	while (w->n)
		replay_destroy(w->world[--w->n]);
}

static int worlds_create(struct worlds *w, const struct index_list *indexes,
			 const struct check_options *options)
{
	struct replay_options replay;
	struct trace_info info;

	check_info(&info);
	replay_options_default(&replay);
	replay.compare = false;
	replay.digest = true;
	replay.placement = options->placement;
	replay.merge = options->merge;
	replay.seed = options->seed;
	replay.pagetable_levels = options->pagetable_levels;
	*w = (struct worlds){ .indexes = indexes };
	for (; w->n < indexes->n; w->n++) {
		w->world[w->n] = replay_create(indexes->ops[w->n], &info, &replay);
		if (!w->world[w->n]) {
			worlds_destroy(w);
			return -1;
		}
	}
	return 0;
}

/* Does world i still agree with the first one?  If not, what says so. */
static bool agrees(const struct worlds *w, unsigned i, char *what, size_t size)
{
	const char *name = w->indexes->ops[i]->name, *first = w->indexes->ops[0]->name;

	if (replay_hash(w->world[i]) == replay_hash(w->world[0]))
		return true;
	snprintf(what, size,
		 "%s returned %#" PRIx64 ", %s %#" PRIx64 " (or a fault, fork or exit "
		 "left something else)",
		 name, (uint64_t)replay_result(w->world[i]), first,
		 (uint64_t)replay_result(w->world[0]));
	return false;
}

/* Everything: each index's and mm's own consistency, and that all hold the same. */
static bool all_consistent(const struct worlds *w, char *what, size_t size)
{
	uint64_t hash = replay_live_hash(w->world[0]);

	for (unsigned i = 0; i < w->n; i++) {
		const char *name = w->indexes->ops[i]->name;
		const char *wrong = replay_verify(w->world[i], stderr);

		if (wrong) {
			snprintf(what, size, "%s: %s is wrong", name, wrong);
			return false;
		}
		if (replay_live_hash(w->world[i]) != hash) {
			snprintf(what, size, "%s and %s hold different address spaces", name,
				 w->indexes->ops[0]->name);
			return false;
		}
	}
	return true;
}

/* Do the indexes differ on these events?  *what says how. -1 when out of memory. */
static int indexes_differ(const struct index_list *indexes, const struct check_options *options,
			  const struct check_events *events, char *what, size_t size)
{
	struct worlds w;
	int differs = 0;

	if (worlds_create(&w, indexes, options))
		return -1;
	for (size_t e = 0; e < events->n && !differs; e++) {
		for (unsigned i = 0; i < w.n && !differs; i++) {
			if (replay_event(w.world[i], &events->event[e]))
				differs = -1;
			else if (!agrees(&w, i, what, size))
				differs = 1;
		}
	}
	if (!differs && !all_consistent(&w, what, size))
		differs = 1;
	worlds_destroy(&w);
	return differs;
}

/* ---- the run ---- */

struct run {
	struct worlds worlds;
	const struct check_options *options;
	struct check_report *report;
	struct check_gen gen;
	struct check_events events; /* all so far: to be shrunk if need be */
};

struct trace_event *check_events_add(struct check_events *events)
{
	if (events->n == events->room) {
		size_t room = events->room ? events->room * 2 : 4096;
		struct trace_event *grown = realloc(events->event, room * sizeof(*grown));

		if (!grown)
			return NULL;
		events->event = grown;
		events->room = room;
	}
	return &events->event[events->n++];
}

static bool has_result(const struct trace_event *event)
{
	return strchr(trace_kind_fields(event->kind), 'r') && event->kind != TRACE_FORK;
}

/* One event more, done by the first world, which says what it returned. */
static int lead(struct run *run)
{
	struct trace_event *event = check_events_add(&run->events);

	if (!event)
		return -1;
	check_gen_next(&run->gen, run->worlds.world[0], event);
	if (replay_event(run->worlds.world[0], event))
		return -1;
	if (has_result(event)) {
		event->result = replay_result(run->worlds.world[0]);
		run->report->failed_calls += IS_ERR_VALUE(event->result);
	}
	run->report->forks += event->kind == TRACE_FORK;
	run->report->by_kind[event->kind]++;
	return 0;
}

/* The others do what the first one did; their digests say whether they agree. */
static int follow(struct run *run, unsigned i, size_t from)
{
	for (size_t e = from; e < run->events.n; e++) {
		if (replay_event(run->worlds.world[i], &run->events.event[e]))
			return -1;
	}
	return 0;
}

static int batch(struct run *run)
{
	struct check_report *report = run->report;
	size_t from = run->events.n;
	double start = cpu_seconds();

	for (unsigned k = 0; k < BATCH; k++) {
		if (lead(run))
			return -1;
	}
	for (unsigned i = 0; i < run->worlds.n; i++) {
		if (i && follow(run, i, from))
			return -1;
		double now = cpu_seconds();
		report->seconds[i] += now - start;
		start = now;
		if (!agrees(&run->worlds, i, report->what, sizeof(report->what)))
			report->different = true;
	}
	report->ops += BATCH;
	return 0;
}

static int go_on(struct run *run)
{
	const struct check_options *options = run->options;
	struct check_report *report = run->report;
	uint64_t next_verify = options->verify_every;

	while (report->ops < options->ops && !report->different) {
		if (batch(run))
			return -1;
		if (report->ops < next_verify && report->ops < options->ops)
			continue;
		next_verify += options->verify_every;
		if (!report->different &&
		    !all_consistent(&run->worlds, report->what, sizeof(report->what)))
			report->different = true;
		if (options->progress)
			progress_at(options->progress, (double)report->ops / (double)options->ops,
				    "check: %" PRIu64 " operations", report->ops);
	}
	return 0;
}

/* ---- what is left of a difference ---- */

/* A trace numbers its tasks by birth, without gaps: so do these events afterwards. */
static int renumber_tasks(const struct check_events *events)
{
	uint32_t *number = calloc(TRACE_MAX_TASKS, sizeof(*number)), last = 1;

	if (!number)
		return -1;
	number[1] = 1;
	for (size_t i = 0; i < events->n; i++) {
		struct trace_event *e = &events->event[i];

		e->task = number[e->task];
		if (e->kind == TRACE_FORK)
			e->arg[0] = number[e->arg[0]] = ++last;
	}
	free(number);
	return 0;
}

int check_save(const char *path, const struct trace_info *info, const struct check_events *events)
{
	struct trace_error error;
	struct trace_writer *writer;

	if (renumber_tasks(events))
		return -1;
	writer = trace_create(path, &error);
	for (size_t i = 0; writer && i < events->n; i++) {
		if (trace_write(writer, &events->event[i], &error)) {
			trace_abandon(writer);
			writer = NULL;
		}
	}
	if (writer && !trace_finish(writer, info, &error))
		return 0;
	trace_error_print(&error);
	return -1;
}

static bool run_differs(const struct check_events *events, void *arg)
{
	const struct run *run = arg;
	char what[sizeof(run->report->what)];

	return indexes_differ(run->worlds.indexes, run->options, events, what, sizeof(what)) == 1;
}

/* What the first index returns on the events that are left: a replay follows recorded results. */
static int record_results(const struct run *run, struct check_events *events)
{
	struct index_list first = { .ops = { run->worlds.indexes->ops[0] }, .n = 1 };
	struct worlds w;
	int err = worlds_create(&w, &first, run->options);

	for (size_t e = 0; !err && e < events->n; e++) {
		err = replay_event(w.world[0], &events->event[e]);
		if (has_result(&events->event[e]))
			events->event[e].result = replay_result(w.world[0]);
	}
	worlds_destroy(&w);
	return err ? -1 : 0;
}

static int tell_difference(struct run *run)
{
	struct check_report *report = run->report;
	char what[sizeof(report->what)];
	struct trace_info info;

	report->event = run->events.n;
	check_shrink(&run->events, run->options->shrink_seconds, run_differs, run);
	report->shrunk = run->events.n;
	if (indexes_differ(run->worlds.indexes, run->options, &run->events, what, sizeof(what)) ==
	    1)
		memcpy(report->what, what, sizeof(what));
	if (record_results(run, &run->events))
		return -1;
	check_info(&info);
	return check_save(run->options->save, &info, &run->events);
}

static void finish(struct run *run)
{
	struct check_report *report = run->report;

	report->peak_vmas = replay_machine(run->worlds.world[0])->peak_vmas;
	for (unsigned i = 0; i < run->worlds.n && !report->different; i++) {
		uint64_t hash = replay_finish(run->worlds.world[i]);

		if (i == 0)
			report->hash = hash;
		if (hash == report->hash)
			continue;
		report->different = true;
		snprintf(report->what, sizeof(report->what), "%s ends with another state hash",
			 run->worlds.indexes->ops[i]->name);
	}
}

int check_run(const struct index_list *indexes, const struct check_options *options,
	      struct check_report *report)
{
	struct run run = { .options = options, .report = report };
	int err;

	*report = (struct check_report){ 0 };
	check_gen_start(&run.gen, options->seed, options->vmas);
	if (worlds_create(&run.worlds, indexes, options)) {
		fprintf(stderr, "check: out of memory\n");
		return -1;
	}
	err = go_on(&run);
	if (err)
		fprintf(stderr, "check: out of memory\n");
	else
		finish(&run);
	worlds_destroy(&run.worlds);
	if (!err && report->different)
		err = tell_difference(&run);
	free(run.events.event);
	return err;
}
