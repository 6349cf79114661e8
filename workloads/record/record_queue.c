/*
 * record_queue - events and faults merged by time, into the trace
 *
 *	stops  -> events and marks, in order ---+
 *	                                        +--> by time --> trace_write
 *	rings  -> faults, a bit late, by CPU ---+
 *
 * An event's time is taken while its task is stopped, a fault's when it
 * happens.  So by time alone a task's faults lie between its own stops as they
 * did, except those that name a task before its birth (a child may run before
 * its parent's fork is seen) or belong to an address space that an exec is
 * still building.  These wait among the early ones for the mark that decides.
 *
 * The faults of others in the same address space need more: when in a call, between
 * its entry and its return, did it have its effect?  When the caller got the mm's
 * lock for writing, which faults that change a VMA take, too.  So that is the
 * call's time, if it was seen; such an event goes back in the queue, but
 *  1. not before another of its task, so that it stays behind its FILE;
 *  2. tasks get their final numbers as they are written, for FORKs may change places;
 *  3. what may still come from a call in flight is waited for (queue_until).
 *
 * All events of one stop have one time, so that no fault gets between an exec
 * and its layout.  Without faults, events are written at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/record/record_internal.h"

/* A fault that happened so long ago has reached its ring. */
#define QUEUE_DELAY 20000000u /* ns */
/* A call is waited for so long. */
#define QUEUE_PATIENCE 1000000000u /* ns */

struct item {
	uint64_t time; /* ns */
	bool is_mark;
	enum queue_mark mark;
	pid_t tid;
	struct trace_event event; /* for a mark: its task is the number */
};

enum owner_state { OWNER_NONE, OWNER_RUNS, OWNER_EXECS, OWNER_DEAD };

struct owner {
	uint32_t task;
	enum owner_state state;
};

struct queue {
	struct item *items;
	size_t n, cap;
	struct sample *faults; /* sorted up to nsorted */
	size_t nfaults, faults_cap;
	struct sample *early;
	size_t nearly, early_cap;
	struct owner *by_tid; /* RECORD_MAX_TID + 1 */
	uint32_t *numbers;    /* TRACE_MAX_TASKS + 1: the recorder's to the trace's */
	uint32_t born;        /* the last one of the trace's */
	uint64_t time;        /* of the last event written, us */
	uint64_t written;
};

struct queue *queue_create(void)
{
	struct queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return NULL;
	queue->by_tid = calloc(RECORD_MAX_TID + 1, sizeof(*queue->by_tid));
	queue->numbers = calloc(TRACE_MAX_TASKS + 1, sizeof(*queue->numbers));
	if (queue->by_tid && queue->numbers) {
		queue->numbers[1] = queue->born = 1;
		return queue;
	}
	queue_free(queue);
	return NULL;
}

void queue_free(struct queue *queue)
{
	for (size_t i = 0; i < queue->n; i++) {
		if (!queue->items[i].is_mark)
			free((char *)queue->items[i].event.name);
	}
	free(queue->items);
	free(queue->faults);
	free(queue->early);
	free(queue->by_tid);
	free(queue->numbers);
	free(queue);
}

uint64_t queue_written(const struct queue *queue)
{
	return queue->written;
}

void queue_fail(struct recorder *r)
{
	if (r->failed)
		return;
	snprintf(r->error.file, sizeof(r->error.file), "%s", r->options->output);
	snprintf(r->error.reason, sizeof(r->error.reason), "out of memory");
	r->failed = true;
}

/* Tasks are numbered by birth, as the trace has it. */
static void queue_number(struct queue *queue, struct trace_event *event)
{
	if (event->kind == TRACE_FORK && event->arg[0] && event->arg[0] <= TRACE_MAX_TASKS) {
		queue->numbers[event->arg[0]] = ++queue->born;
		event->arg[0] = queue->born;
	}
	if (event->task <= TRACE_MAX_TASKS)
		event->task = queue->numbers[event->task];
}

void queue_write(struct recorder *r, struct trace_event *event, uint64_t time)
{
	uint64_t us = time > r->start ? (time - r->start) / 1000 : 0;

	event->time = r->queue->time = max(us, r->queue->time);
	if (r->failed)
		return;
	r->queue->written++;
	queue_number(r->queue, event);
	r->failed = trace_write(r->writer, event, &r->error) != 0;
}

/* ---- faults ---- */

static void queue_write_fault(struct recorder *r, const struct sample *fault, uint32_t task)
{
	struct trace_event event = {
		.kind = TRACE_FAULT,
		.task = task,
		.name = "",
		.arg = { fault->address, fault->bits },
	};

	queue_write(r, &event, fault->time);
}

static void queue_keep_early(struct recorder *r, const struct sample *fault)
{
	struct queue *queue = r->queue;

	if (queue->nearly == queue->early_cap) {
		size_t cap = max((size_t)64, queue->early_cap * 2);
		struct sample *early = realloc(queue->early, cap * sizeof(*early));

		if (!early) {
			queue_fail(r);
			return;
		}
		queue->early = early;
		queue->early_cap = cap;
	}
	queue->early[queue->nearly++] = *fault;
}

/* The early faults of tid go into the trace as those of task, or nowhere if that is 0. */
static void queue_settle_early(struct recorder *r, pid_t tid, uint32_t task)
{
	struct queue *queue = r->queue;
	size_t left = 0;

	for (size_t i = 0; i < queue->nearly; i++) {
		if (queue->early[i].tid != (uint32_t)tid)
			queue->early[left++] = queue->early[i];
		else if (task)
			queue_write_fault(r, &queue->early[i], task);
	}
	queue->nearly = left;
}

static void queue_fault(struct recorder *r, const struct sample *fault)
{
	const struct owner *owner = &r->queue->by_tid[fault->tid];

	switch (owner->state) {
	case OWNER_RUNS:
		queue_write_fault(r, fault, owner->task);
		break;
	case OWNER_NONE:
	case OWNER_EXECS:
		queue_keep_early(r, fault);
		break;
	case OWNER_DEAD:
		break;
	}
}

/* ---- events and marks ---- */

static void queue_apply_mark(struct recorder *r, const struct item *item)
{
	struct owner *owner = &r->queue->by_tid[item->tid];

	switch (item->mark) {
	case MARK_BIRTH:
		*owner = (struct owner){ item->event.task, OWNER_RUNS };
		queue_settle_early(r, item->tid, owner->task);
		break;
	case MARK_EXEC:
		*owner = (struct owner){ item->event.task, OWNER_RUNS };
		queue_settle_early(r, item->tid, 0);
		break;
	case MARK_CALLS_EXEC:
		owner->state = OWNER_EXECS;
		break;
	case MARK_EXEC_FAILED:
		owner->state = OWNER_RUNS;
		queue_settle_early(r, item->tid, owner->task);
		break;
	case MARK_DEAD:
		owner->state = OWNER_DEAD;
		break;
	case MARK_GONE:
		owner->state = OWNER_NONE;
		queue_settle_early(r, item->tid, 0);
		break;
	}
}

static void queue_add(struct recorder *r, const struct item *item)
{
	struct queue *queue = r->queue;

	if (queue->n == queue->cap) {
		size_t cap = max((size_t)1024, queue->cap * 2);
		struct item *items = realloc(queue->items, cap * sizeof(*items));

		if (!items) {
			queue_fail(r);
			return;
		}
		queue->items = items;
		queue->cap = cap;
	}
	queue->items[queue->n++] = *item;
}

/* Must item stay behind other? */
static bool queue_follows(const struct item *item, const struct item *other)
{
	return other->time <= item->time || other->event.task == item->event.task;
}

/* Moves the last item to where its time belongs. */
static void queue_order_last(struct queue *queue)
{
	size_t i = queue->n - 1;
	struct item item = queue->items[i];

	for (; i && !queue_follows(&item, &queue->items[i - 1]); i--)
		queue->items[i] = queue->items[i - 1];
	if (i)
		item.time = max(item.time, queue->items[i - 1].time);
	queue->items[i] = item;
}

static void queue_event_at(struct recorder *r, const struct trace_event *event, uint64_t time)
{
	struct item item = { .time = time, .event = *event };

	if (!r->perf) {
		queue_write(r, &item.event, time);
		return;
	}
	item.event.name = strdup(event->name);
	if (!item.event.name) {
		queue_fail(r);
		return;
	}
	queue_add(r, &item);
	if (!r->failed)
		queue_order_last(r->queue);
}

void queue_event(struct recorder *r, const struct trace_event *event)
{
	if (r->stream)
		stream_note(r, NOTE_EVENT, event->task, event);
	else
		queue_event_at(r, event, r->now);
}

void queue_call(struct recorder *r, const struct task *task, const struct trace_event *event)
{
	bool ordered = task->busy && r->perf && perf_complete(r->perf);

	if (ordered)
		queue_take_faults(r);
	queue_event_at(r, event, ordered && task->locked ? task->locked : r->now);
}

void queue_mark(struct recorder *r, enum queue_mark mark, pid_t tid, uint32_t number)
{
	struct item item = { .time = r->now,
			     .is_mark = true,
			     .mark = mark,
			     .tid = tid,
			     .event = { .task = number } };

	if (r->perf)
		queue_add(r, &item);
}

static void queue_item(struct recorder *r, struct item *item)
{
	if (item->is_mark) {
		queue_apply_mark(r, item);
		return;
	}
	queue_write(r, &item->event, item->time);
	free((char *)item->event.name);
}

/* Takes the locks out of what has come since there were had faults. */
static void queue_take_locks(struct recorder *r, size_t had)
{
	struct queue *queue = r->queue;
	size_t n = had;

	for (size_t i = had; i < queue->nfaults; i++) {
		const struct sample *fault = &queue->faults[i];
		struct task *task = r->by_tid[fault->tid];

		if (fault->kind != SAMPLE_LOCK)
			queue->faults[n++] = *fault;
		else if (task && task->busy && fault->time >= task->mm->since &&
			 (!task->locked || fault->time < task->locked))
			task->locked = fault->time; /* a fork's first is the parent's */
	}
	queue->nfaults = n;
}

void queue_take_faults(struct recorder *r)
{
	struct queue *queue = r->queue;
	size_t had = queue->nfaults;

	if (!r->perf)
		return;
	if (perf_take(r->perf, &queue->faults, &queue->nfaults, &queue->faults_cap))
		queue_fail(r);
	if (perf_complete(r->perf)) {
		queue_take_locks(r, had);
		return;
	}
	for (size_t i = had; i < queue->nfaults; i++) {
		const struct task *task = r->by_tid[queue->faults[i].tid];

		if (task && task->mm)
			written_classify(task->mm, &queue->faults[i]);
	}
}

/* Nothing will come any more that belongs before this time. */
static uint64_t queue_until(const struct recorder *r)
{
	uint64_t now = record_clock(), until = now - QUEUE_DELAY;

	for (const struct record_mm *mm = r->mms; mm; mm = mm->next) {
		if (mm->busy && now - mm->since < QUEUE_PATIENCE)
			until = min(until, mm->since);
	}
	return until;
}

void queue_flush(struct recorder *r, bool last)
{
	struct queue *queue = r->queue;
	uint64_t until = last ? UINT64_MAX : queue_until(r);
	size_t i = 0, f = 0;

	if (!r->perf)
		return;
	queue_take_faults(r);
	if (queue->nfaults)
		qsort(queue->faults, queue->nfaults, sizeof(*queue->faults), sample_compare);
	while (i < queue->n && queue->items[i].time < until) {
		while (f < queue->nfaults && queue->faults[f].time < queue->items[i].time)
			queue_fault(r, &queue->faults[f++]);
		queue_item(r, &queue->items[i++]);
	}
	while (f < queue->nfaults && queue->faults[f].time < until)
		queue_fault(r, &queue->faults[f++]);
	if (i)
		memmove(queue->items, queue->items + i, (queue->n - i) * sizeof(*queue->items));
	if (f)
		memmove(queue->faults, queue->faults + f,
			(queue->nfaults - f) * sizeof(*queue->faults));
	queue->n -= i;
	queue->nfaults -= f;
}
