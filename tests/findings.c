/*
 * findings - what a trace says happened (see findings.h)
 */
#include "tests/findings.h"

#include <check.h>
#include <errno.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>

#include "harness/replay/replay.h"
#include "indexes/vma_index.h"
#include "tests/subjects.h"

/* A mapping of MARK_LEN must not overlap another one of its mm: else the order is wrong. */
static void see_mmap(struct findings *f, const struct trace_event *event)
{
	unsigned mm = f->mm_of[event->task];
	uint64_t start = event->result, end = start + MARK_LEN;

	if (event->arg[1] != MARK_LEN)
		return;
	if (event->arg[5] && f->marks < ARRAY_SIZE(f->mark_files))
		f->mark_files[f->marks] = event->arg[5];
	f->marks++;
	if (event->result < 0)
		return;
	for (unsigned i = 0; i < f->nlive; i++)
		ck_assert_msg(f->live[i].mm != mm || end <= f->live[i].start ||
				      f->live[i].end <= start,
			      "mappings overlap: wrong order");
	ck_assert_uint_lt(f->nlive, MAX_TASKS);
	f->live[f->nlive++] = (struct span){ start, end, mm };
}

static void see_munmap(struct findings *f, const struct trace_event *event)
{
	for (unsigned i = 0; i < f->nlive; i++) {
		if (f->live[i].start == event->arg[0] && f->live[i].mm == f->mm_of[event->task]) {
			f->live[i] = f->live[--f->nlive];
			return;
		}
	}
	ck_assert_msg(event->arg[1] != MARK_LEN, "unmaps what is not mapped: wrong order");
}

static void see_new_mm(struct findings *f, unsigned task, unsigned parent)
{
	unsigned mm = ++f->mms, n = f->nlive;

	ck_assert_uint_lt(mm, MAX_TASKS);
	f->mm_of[task] = mm;
	f->users[mm] = 1;
	for (unsigned i = 0; parent && i < n; i++) {
		if (f->live[i].mm == f->mm_of[parent]) {
			ck_assert_uint_lt(f->nlive, MAX_TASKS);
			f->live[f->nlive] = f->live[i];
			f->live[f->nlive++].mm = mm;
		}
	}
}

/* Spans of an mm that ended would only fill the table. */
static void see_leave_mm(struct findings *f, unsigned task)
{
	unsigned mm = f->mm_of[task], left = 0;

	f->mm_of[task] = 0;
	if (!mm || --f->users[mm])
		return;
	for (unsigned i = 0; i < f->nlive; i++) {
		if (f->live[i].mm != mm)
			f->live[left++] = f->live[i];
	}
	f->nlive = left;
}

static void see_fork(struct findings *f, const struct trace_event *event)
{
	unsigned child = event->arg[0];

	if (event->result < 0)
		return;
	f->tasks++;
	ck_assert_uint_lt(child, MAX_TASKS);
	if (event->arg[1] & CLONE_VM) {
		f->mm_of[child] = f->mm_of[event->task];
		f->users[f->mm_of[child]]++;
	} else {
		see_new_mm(f, child, event->task);
	}
}

static void see_layout(struct findings *f, const struct trace_event *event)
{
	ck_assert_uint_gt(event->arg[1], 0);
	if (event->arg[0] == TRACE_AFTER_EXEC) {
		f->layouts_after_exec++;
		return;
	}
	ck_assert_uint_eq(f->users[f->mm_of[event->task]], 1);
	f->left[f->mm_of[event->task]] = true;
	f->layouts_at_exit++;
}

static void see_event(struct findings *f, const struct trace_event *event)
{
	f->calls[event->kind]++;
	f->failed[event->kind] += event->result < 0;
	switch (event->kind) {
	case TRACE_FORK:
		see_fork(f, event);
		break;
	case TRACE_EXEC:
		f->execs++;
		ck_assert_uint_ne(event->arg[0], 0);
		ck_assert_uint_ne(event->arg[1], 0);
		see_leave_mm(f, event->task);
		see_new_mm(f, event->task, 0);
		break;
	case TRACE_EXIT:
		f->exits++;
		see_leave_mm(f, event->task);
		break;
	case TRACE_LAYOUT:
		see_layout(f, event);
		break;
	case TRACE_MMAP:
		see_mmap(f, event);
		break;
	case TRACE_MUNMAP:
		see_munmap(f, event);
		break;
	case TRACE_FAULT:
		f->faults++;
		break;
	default:
		break;
	}
}

struct findings *see_trace(const char *path)
{
	static struct findings f;
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	int status;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	memset(&f, 0, sizeof(f));
	f.tasks = 1;
	f.has_faults = trace_info(reader)->faults;
	ck_assert_uint_eq(trace_info(reader)->lost, 0);
	while ((status = trace_next(reader, &event, &error)) > 0)
		see_event(&f, &event);
	ck_assert_msg(status == 0, "%s", error.reason);
	trace_close(reader);

	ck_assert_uint_eq(f.exits, f.tasks);
	ck_assert_uint_eq(f.execs, f.layouts_after_exec);
	ck_assert_uint_le(f.layouts_at_exit, f.mms);
	if (f.has_faults)
		ck_assert_uint_gt(f.faults, 0);
	return &f;
}

static void see_difference(const struct replay_difference *difference, void *arg)
{
	const struct trace_event *recorded = difference->recorded;

	(void)arg;
	if (recorded)
		printf("event %llu, %s: recorded %lld, replayed %lld\n",
		       (unsigned long long)difference->event, trace_kind_name(recorded->kind),
		       (long long)recorded->result, (long long)difference->result);
	else
		puts(difference->text);
	fflush(stdout);
}

bool see_replay(const char *path)
{
	struct replay_options options;
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	struct replay_world *world;
	const struct replay_counts *counts;
	bool equal;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	replay_options_default(&options);
	options.on_difference = see_difference;
	world = replay_create(vma_index_lookup("array"), trace_info(reader), &options);
	ck_assert_ptr_nonnull(world);
	while (trace_next(reader, &event, &error) > 0)
		ck_assert_int_eq(replay_event(world, &event), 0);
	counts = replay_counts(world);
	ck_assert_uint_ge(counts->layouts.compared, 1);
	equal = counts->results.equal == counts->results.compared &&
		counts->layouts.equal == counts->layouts.compared;
	replay_destroy(world);
	trace_close(reader);
	return equal;
}

bool see_missing(const char *path, const char *what)
{
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	bool says;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	says = strstr(trace_info(reader)->missing, what) != NULL;
	trace_close(reader);
	return says;
}
