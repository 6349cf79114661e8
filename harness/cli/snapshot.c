/*
 * snapshot - the address spaces of a recorded program at one event (see snapshot.h)
 */
#include "harness/cli/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/escape.h"
#include "harness/cli/option.h"
#include "harness/replay/replay.h"
#include "harness/cli/verb.h"
#include "workloads/format/trace.h"

struct viewer {
	const struct snapshot *snapshot;
	snapshot_fn show;
	void *arg;
	struct replay_world *world;
	uint64_t event; /* how many were replayed */
	uint32_t tasks; /* the highest number seen */
	unsigned shown;
};

static void show_mm(struct viewer *viewer, uint32_t task)
{
	if (!viewer->snapshot->task)
		printf("# task %" PRIu32 ", after event %" PRIu64 "\n", task, viewer->event);
	viewer->show(replay_mm(viewer->world, task), viewer->arg);
	viewer->shown++;
}

static bool has_lower_task(const struct viewer *viewer, uint32_t task)
{
	const struct mm_struct *mm = replay_mm(viewer->world, task);
	uint32_t lower = 1;

	if (mm->mm_users == 1)
		return false;
	while (replay_mm(viewer->world, lower) != mm)
		lower++;
	return lower < task;
}

/* Each mm that is there now, once. */
static void show_all(struct viewer *viewer)
{
	for (uint32_t task = 1; task <= viewer->tasks; task++) {
		if (!replay_mm(viewer->world, task))
			continue;
		if (viewer->snapshot->task ? task == viewer->snapshot->task
					   : !has_lower_task(viewer, task))
			show_mm(viewer, task);
	}
}

/* The task's mm is about to end for it, or altogether. */
static void show_leaving(struct viewer *viewer, const struct trace_event *event)
{
	const struct mm_struct *mm = replay_mm(viewer->world, event->task);

	if (!mm || (event->kind != TRACE_EXIT && event->kind != TRACE_EXEC))
		return;
	if (viewer->snapshot->task ? event->task == viewer->snapshot->task : mm->mm_users == 1)
		show_mm(viewer, event->task);
}

static void note_tasks(struct viewer *viewer, const struct trace_event *event)
{
	viewer->tasks = max(viewer->tasks, event->task);
	if (event->kind == TRACE_FORK)
		viewer->tasks = max(viewer->tasks, (uint32_t)event->arg[0]);
}

/* Replays up to the event, or all: 0, -1 (a message is printed). */
static int view_events(struct viewer *viewer, struct trace_reader *reader)
{
	const uint64_t last = viewer->snapshot->event;
	struct trace_event event;
	struct trace_error error;
	int more = 1;

	while ((!last || viewer->event < last) && (more = trace_next(reader, &event, &error)) > 0) {
		note_tasks(viewer, &event);
		if (!last)
			show_leaving(viewer, &event);
		if (replay_event(viewer->world, &event)) {
			fprintf(stderr, "%s: event %" PRIu64 ": %s\n", viewer->snapshot->path,
				viewer->event + 1, replay_out_of_memory());
			return -1;
		}
		viewer->event++;
	}
	if (more < 0)
		trace_error_print(&error);
	else if (viewer->event < last)
		fprintf(stderr, "%s: has %" PRIu64 " events, not %" PRIu64 "\n",
			escape_text(viewer->snapshot->path), viewer->event, last);
	return more < 0 || viewer->event < last ? -1 : 0;
}

static int view(struct viewer *viewer, struct trace_reader *reader)
{
	if (view_events(viewer, reader))
		return STATUS_BAD_INPUT;
	show_all(viewer);
	fflush(stdout);
	if (viewer->shown)
		return STATUS_OK;
	fprintf(stderr, "%s: no such address space then\n", escape_text(viewer->snapshot->path));
	return STATUS_BAD_INPUT;
}

int snapshot_show(const struct snapshot *snapshot, snapshot_fn show, void *arg)
{
	struct viewer viewer = { .snapshot = snapshot, .show = show, .arg = arg };
	struct replay_options options;
	struct trace_error error;
	struct trace_reader *reader = trace_open(snapshot->path, &error);
	int status = STATUS_BAD_INPUT;

	if (!reader) {
		trace_error_print(&error);
		return status;
	}
	replay_options_default(&options);
	options.digest = false;
	options.reclaim = snapshot->reclaim;
	viewer.world = replay_create(vma_index_lookup("btree"), trace_info(reader), &options);
	if (viewer.world)
		status = view(&viewer, reader);
	else
		fprintf(stderr, "%s: %s\n", snapshot->path, replay_out_of_memory());
	replay_destroy(viewer.world);
	trace_close(reader);
	return status;
}

/* ---- options ---- */

enum { KEY_EVENT = 0x1100, KEY_AT, KEY_MM, KEY_RECLAIM };

static const struct argp_option snapshot_options[] = {
	{ "event", KEY_EVENT, "N", 0, "after the trace's event N, counted from 1", 0 },
	{ "at", KEY_AT, "end", 0, "each as its last task leaves it (this is the default)", 0 },
	{ "mm", KEY_MM, "TASK", 0, "only the address space of that task ('vmabench dump' has them)",
	  0 },
	{ "reclaim", KEY_RECLAIM, "N", 0,
	  "memory is short: after each N events, what was not touched since is swapped out or "
	  "dropped",
	  0 },
	{ 0 }
};

static error_t snapshot_parse(int key, char *arg, struct argp_state *state)
{
	struct snapshot *snapshot = state->input;

	switch (key) {
	case KEY_EVENT:
		snapshot->event = option_number(state, "--event", arg, 1, UINT64_MAX);
		return 0;
	case KEY_AT:
		if (strcasecmp(arg, "end"))
			argp_error(state, "--at end, or --event N");
		snapshot->event = 0;
		return 0;
	case KEY_MM:
		snapshot->task = (uint32_t)option_number(state, "--mm", arg, 1, TRACE_MAX_TASKS);
		return 0;
	case KEY_RECLAIM:
		snapshot->reclaim = option_number(state, "--reclaim", arg, 0, UINT64_MAX);
		return 0;
	case ARGP_KEY_ARG:
		if (snapshot->path)
			argp_error(state, "one file at a time");
		snapshot->path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which file?");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp snapshot_argp = {
	.options = snapshot_options,
	.parser = snapshot_parse,
	.children = option_memory_children,
};

const struct argp_child snapshot_children[] = { { &snapshot_argp, 0, NULL, 0 }, { 0 } };
