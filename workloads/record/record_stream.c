/*
 * record_stream - the order that perf tells: samples and notes merged by time, into the trace
 *
 *	rings  -> samples: calls, locks, faults, births, deaths --+
 *	                                                          +--> by time --> out --> trace
 *	stops  -> notes: layouts, files, arguments in memory -----+
 *
 *	a call	ENTER ... LOCK for writing ............ RETURN
 *	              its place in out, still empty     its result fills it
 *
 *  1. A call's place is where it got its mm's lock for writing: that is the order in
 *     which the kernel did the calls, and nobody had to wait for it.  A call that takes
 *     no such lock has its place at its return, a fork with CLONE_VM at the birth.
 *  2. A fault's place is its beginning; if it then takes the mm's lock (it does where it
 *     makes an anon_vma or grows the stack), that moment.
 *  3. out is written up to the first place that is empty, and not the last moments of it,
 *     so that a fault can still move.
 *  4. A task is a tid until then: it has its number by its birth, and a tid that was
 *     never born is somebody else's.
 *  5. Of an mm with other users no layout is left.
 */
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "workloads/record/record_internal.h"

/* What happened so long ago has reached its ring. */
#define STREAM_DELAY 100000000u /* ns */
/* Between a fault's beginning and its lock; a fork of a large mm may hold that. */
#define STREAM_FAULT 20000000u /* ns */

struct note {
	uint64_t time;
	enum note_kind kind;
	pid_t tid;
	struct trace_event event; /* its name is the note's own */
};

/* An event at its place. */
struct place {
	uint64_t time;
	enum { PLACE_EMPTY, PLACE_FULL, PLACE_VOID } state;
	struct trace_event event; /* its name is the place's own, unless it is empty */
};

struct shared_mm {
	unsigned users;
	bool left; /* its last layout was there */
};

struct actor {
	uint32_t number;
	struct shared_mm *mm;
	const struct record_call *call; /* in flight */
	struct trace_event event;       /* its */
	struct trace_event told;        /* of the next one; kind TRACE_NKINDS: none */
	bool foreign;                   /* the next one is of no interest */
	uint64_t place;                 /* the call's in out; 0: none yet */
	uint64_t fault;                 /* that of the last fault, which may be going on; 0: none */
	struct sample *kept;            /* faults while it execs: of the old mm, if that fails */
	size_t nkept, kept_cap;
};

struct stream {
	struct sample *samples;
	size_t nsamples, samples_cap;
	struct note *notes;
	size_t nnotes, notes_cap;
	struct place *out;
	size_t nout, out_cap;
	uint64_t written; /* places before out[0]; they count from 1 */
	uint64_t merged;  /* all before this time is in out, ns */
	uint64_t late;
	pid_t max_tid;
	unsigned living; /* actors */
	bool skips;      /* the VMAs of a layout that is left out */
	struct actor *by_tid[RECORD_MAX_TID + 1];
};

struct stream *stream_create(void)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream)
		stream->written = 1;
	return stream;
}

uint64_t stream_late(const struct stream *stream)
{
	return stream->late;
}

bool stream_is_alive(const struct stream *stream)
{
	return stream->living;
}

/* Room for one more in an array of n elements; false: no memory. */
static bool stream_grow(struct recorder *r, void **array, size_t n, size_t *cap, size_t size)
{
	size_t more = max((size_t)1024, *cap * 2);
	void *grown;

	if (n < *cap)
		return true;
	grown = realloc(*array, more * size);
	if (!grown) {
		queue_fail(r);
		return false;
	}
	*array = grown;
	*cap = more;
	return true;
}

/* ---- out ---- */

/* The number of a new place, or 0. */
static uint64_t out_add(struct recorder *r, uint64_t time, const struct trace_event *event)
{
	struct stream *stream = r->stream;

	if (!stream_grow(r, (void **)&stream->out, stream->nout, &stream->out_cap,
			 sizeof(*stream->out)))
		return 0;
	stream->out[stream->nout++] = (struct place){
		.time = time,
		.state = event ? PLACE_FULL : PLACE_EMPTY,
	};
	if (event)
		stream->out[stream->nout - 1].event = *event;
	return stream->written + stream->nout - 1;
}

/* NULL: it is written already. */
static struct place *out_at(struct stream *stream, uint64_t place)
{
	return place >= stream->written ? &stream->out[place - stream->written] : NULL;
}

/* The event goes where its call got the lock, or else here. */
static void out_fill(struct recorder *r, struct actor *actor, uint64_t time)
{
	struct place *place = actor->place ? out_at(r->stream, actor->place) : NULL;

	if (place) {
		place->event = actor->event;
		place->state = PLACE_FULL;
	} else {
		out_add(r, time, &actor->event);
	}
	actor->place = 0;
}

/* Nothing comes there. */
static void out_give_up(struct stream *stream, struct actor *actor)
{
	struct place *place = actor->place ? out_at(stream, actor->place) : NULL;

	if (place)
		place->state = PLACE_VOID;
	actor->place = 0;
}

static void out_write(struct recorder *r, uint64_t until, bool last)
{
	struct stream *stream = r->stream;
	size_t i = 0;

	for (; i < stream->nout; i++) {
		struct place *place = &stream->out[i];

		if (!last && (place->state == PLACE_EMPTY || place->time >= until))
			break;
		if (place->state != PLACE_FULL)
			continue;
		queue_write(r, &place->event, place->time);
		if (place->event.name[0])
			free((char *)place->event.name);
	}
	if (i)
		memmove(stream->out, stream->out + i, (stream->nout - i) * sizeof(*stream->out));
	stream->nout -= i;
	stream->written += i;
}

/* ---- tasks ---- */

static struct actor *actor_new(struct recorder *r, pid_t tid, struct shared_mm *mm)
{
	struct stream *stream = r->stream;
	struct actor *actor = calloc(1, sizeof(*actor));

	if (actor && !mm)
		mm = calloc(1, sizeof(*mm));
	if (!actor || !mm) {
		free(actor);
		queue_fail(r);
		return NULL;
	}
	mm->users++;
	actor->mm = mm;
	actor->number = ++r->tasks;
	actor->told.kind = TRACE_NKINDS;
	stream->by_tid[tid] = actor;
	stream->living++;
	stream->max_tid = max(stream->max_tid, tid);
	return actor;
}

static void actor_leave_mm(struct actor *actor)
{
	if (!--actor->mm->users)
		free(actor->mm);
	actor->mm = NULL;
}

static void actor_free(struct stream *stream, pid_t tid)
{
	struct actor *actor = stream->by_tid[tid];

	actor_leave_mm(actor);
	free(actor->kept);
	free(actor);
	stream->by_tid[tid] = NULL;
	stream->living--;
}

static void actor_dies(struct recorder *r, pid_t tid, uint64_t time)
{
	struct actor *actor = r->stream->by_tid[tid];
	struct trace_event event = { .kind = TRACE_EXIT, .task = actor->number, .name = "" };

	if (actor->mm->users == 1 && !actor->mm->left)
		record_missing(r, "layouts at the exit of killed tasks");
	out_give_up(r->stream, actor);
	out_add(r, time, &event);
	actor_free(r->stream, tid);
}

/* Whoever lives: for files of a task of which nothing is known. */
static struct actor *actor_any(const struct stream *stream)
{
	for (pid_t tid = 1; tid <= stream->max_tid; tid++) {
		if (stream->by_tid[tid])
			return stream->by_tid[tid];
	}
	return NULL;
}

/* ---- samples ---- */

/*
 * The flags of clone3(), which only the task's memory has, as far as they matter: who
 * copies an mm locks it.
 */
static uint64_t birth_flags(struct recorder *r, struct actor *parent, const struct sample *sample)
{
	if (sample->bits)
		return CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
	return parent->place && out_at(r->stream, parent->place) ? 0 : CLONE_VM | CLONE_VFORK;
}

static void sample_birth(struct recorder *r, const struct sample *sample)
{
	struct stream *stream = r->stream;
	struct actor *parent =
		sample->arg[0] <= RECORD_MAX_TID ? stream->by_tid[sample->arg[0]] : NULL;
	struct trace_event worker = { .kind = TRACE_FORK,
				      .name = "",
				      .arg[1] = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD };
	struct trace_event *event = &worker;
	struct actor *child;

	if (!parent)
		return;
	if (stream->by_tid[sample->tid]) /* its death was lost */
		actor_dies(r, sample->tid, sample->time);
	/* what is no call's child is a worker of the kernel's, in the program's mm */
	if (parent->call && parent->call->how == CALL_FORK)
		event = &parent->event;
	if (parent->call && parent->call->nr == SYS_clone3)
		event->arg[1] = birth_flags(r, parent, sample);
	child = actor_new(r, sample->tid, event->arg[1] & CLONE_VM ? parent->mm : NULL);
	if (!child)
		return;
	if (!sample->bits)
		watch_adopt(r, sample->tid);
	event->task = parent->number;
	event->arg[0] = child->number;
	event->result = sample->tid;
	if (event == &worker) {
		out_add(r, sample->time, event);
		return;
	}
	if (event->arg[1] & CLONE_VM)
		out_give_up(stream, parent);
	out_fill(r, parent, sample->time);
}

static void sample_fault(struct recorder *r, struct actor *actor, const struct sample *sample)
{
	struct trace_event event = {
		.kind = TRACE_FAULT,
		.task = actor->number,
		.name = "",
		.arg = { sample->address, sample->bits },
	};

	if (!actor->call || actor->call->how != CALL_EXEC)
		actor->fault = out_add(r, sample->time, &event);
	else if (stream_grow(r, (void **)&actor->kept, actor->nkept, &actor->kept_cap,
			     sizeof(*sample)))
		actor->kept[actor->nkept++] = *sample;
}

/* The fault that goes on got the lock here: it moves. */
static void sample_lock_of_fault(struct recorder *r, struct actor *actor, uint64_t time)
{
	struct place *place = out_at(r->stream, actor->fault);

	if (place && time - place->time < STREAM_FAULT) {
		struct trace_event event = place->event;

		place->state = PLACE_VOID;
		out_add(r, time, &event);
	}
	actor->fault = 0;
}

/* Is a lock for writing that the task gets now what its call waits for? */
static bool call_is_placed_by_lock(const struct actor *actor)
{
	if (!actor->call || actor->place || actor->call->how == CALL_EXEC)
		return false;
	return actor->call->how != CALL_FORK || !(actor->event.arg[1] & CLONE_VM);
}

static void sample_lock(struct recorder *r, struct actor *actor, const struct sample *sample)
{
	if (sample->bits && call_is_placed_by_lock(actor))
		actor->place = out_add(r, sample->time, NULL); /* a fork's first is the parent's */
	else if (actor->fault)
		sample_lock_of_fault(r, actor, sample->time);
}

/* What the call's event is, as far as its arguments tell. */
static bool sample_fill(struct recorder *r, struct actor *actor, const struct sample *sample)
{
	struct task task = { .tid = sample->tid, .call = actor->call, .number = actor->number };

	if (sample->nr == SYS_clone3) { /* see birth_flags */
		actor->event = (struct trace_event){ .kind = TRACE_FORK,
						     .task = actor->number,
						     .name = "" };
		return true;
	}
	if (calls_is_told(actor->call, sample->arg)) {
		actor->event = actor->told;
		actor->told.kind = TRACE_NKINDS;
		return actor->event.kind != TRACE_NKINDS;
	}
	memcpy(task.arg, sample->arg, sizeof(task.arg));
	if (!calls_fill(r, &task))
		return false;
	actor->event = task.event;
	return true;
}

static void sample_enter(struct recorder *r, struct actor *actor, const struct sample *sample)
{
	unsigned which = calls_find_native(sample->nr, sample->arg);
	bool foreign = actor->foreign;

	actor->foreign = false;
	actor->fault = 0;
	out_give_up(r->stream, actor); /* if its return was lost */
	actor->call = NULL;
	if (foreign || which == CALLS_OTHER || record_calls[which].how == CALL_MISSING)
		return;
	actor->call = &record_calls[which];
	if (actor->call->how != CALL_EXEC && !sample_fill(r, actor, sample))
		actor->call = NULL;
}

static void sample_return(struct recorder *r, struct actor *actor, const struct sample *sample)
{
	const struct record_call *call = actor->call;
	int64_t result = sample->arg[0];

	actor->fault = 0;
	if (!call || call->nr != sample->nr)
		return;
	actor->call = NULL;
	if (call->how == CALL_EXEC) { /* it failed */
		for (size_t i = 0; i < actor->nkept; i++)
			sample_fault(r, actor, &actor->kept[i]);
		actor->nkept = actor->fault = 0;
	} else if (call->how == CALL_FORK && result >= 0) {
		out_give_up(r->stream, actor); /* the child is born already, or was lost */
	} else if (call->kind == TRACE_FILE_SIZE && result < 0) {
		out_give_up(r->stream, actor);
	} else {
		actor->event.result = result;
		out_fill(r, actor, sample->time);
	}
}

static void stream_take_sample(struct recorder *r, const struct sample *sample)
{
	struct actor *actor = r->stream->by_tid[sample->tid];

	if (sample->kind == SAMPLE_BIRTH) {
		sample_birth(r, sample);
		return;
	}
	if (sample->kind == SAMPLE_DEATH)
		watch_died(r, sample->tid);
	if (!actor)
		return;
	switch ((enum sample_kind)sample->kind) {
	case SAMPLE_FAULT:
		sample_fault(r, actor, sample);
		break;
	case SAMPLE_LOCK:
		sample_lock(r, actor, sample);
		break;
	case SAMPLE_ENTER:
		sample_enter(r, actor, sample);
		break;
	case SAMPLE_RETURN:
		sample_return(r, actor, sample);
		break;
	default:
		actor_dies(r, sample->tid, sample->time);
	}
}

/* ---- notes ---- */

static void note_exec(struct recorder *r, const struct note *note)
{
	struct stream *stream = r->stream;
	pid_t former = note->event.arg[0];
	struct actor *actor = stream->by_tid[former];

	if (!r->tasks) {
		actor_new(r, note->tid, NULL);
	} else if (actor && former != note->tid) {
		if (stream->by_tid[note->tid])
			actor_dies(r, note->tid, note->time);
		stream->by_tid[note->tid] = actor;
		stream->by_tid[former] = NULL;
	}
}

/* The EXEC event itself: from here on the task has another mm. */
static void note_new_mm(struct recorder *r, struct actor *actor)
{
	struct shared_mm *mm = calloc(1, sizeof(*mm));

	actor->call = NULL;
	actor->nkept = 0;
	if (!mm) {
		queue_fail(r);
		return;
	}
	actor_leave_mm(actor);
	actor->mm = mm;
	mm->users = 1;
}

/* Does the event belong to a layout of an mm that goes on? */
static bool note_is_left_out(struct stream *stream, const struct actor *actor,
			     const struct trace_event *event)
{
	if (event->kind != TRACE_VMA)
		stream->skips = event->kind == TRACE_LAYOUT && event->arg[0] == TRACE_AT_EXIT &&
				actor->mm->users > 1;
	return stream->skips;
}

static void note_event(struct recorder *r, struct actor *actor, struct note *note)
{
	struct trace_event event = note->event;

	if (event.kind == TRACE_FILE && !actor)
		actor = actor_any(r->stream);
	if (!actor || note_is_left_out(r->stream, actor, &event)) {
		free((char *)event.name);
		return;
	}
	event.task = actor->number;
	if (event.kind == TRACE_EXEC)
		note_new_mm(r, actor);
	if (event.kind == TRACE_LAYOUT)
		actor->mm->left = event.arg[0] == TRACE_AT_EXIT;
	if (!event.name[0]) {
		free((char *)event.name);
		event.name = "";
	}
	out_add(r, note->time, &event);
}

static void note_call(struct recorder *r, struct actor *actor, const struct note *note)
{
	const struct actor *whose = r->stream->by_tid[note->event.task];

	actor->told = note->event;
	actor->told.name = "";
	actor->told.task = whose ? whose->number : actor->number;
}

static void stream_take_note(struct recorder *r, struct note *note)
{
	struct actor *actor = r->stream->by_tid[note->tid];

	switch (note->kind) {
	case NOTE_EVENT:
		note_event(r, actor, note);
		break;
	case NOTE_CALL:
		if (actor)
			note_call(r, actor, note);
		break;
	case NOTE_FOREIGN:
		if (actor)
			actor->foreign = true;
		break;
	case NOTE_LEAVES:
		if (actor)
			actor_dies(r, note->tid, note->time);
		break;
	case NOTE_EXEC:
		note_exec(r, note);
	}
}

/* Behind all that are as old: what is found out late may belong further back. */
static void notes_add(struct stream *stream, const struct note *note)
{
	size_t i = stream->nnotes++;

	for (; i && stream->notes[i - 1].time > note->time; i--)
		stream->notes[i] = stream->notes[i - 1];
	stream->notes[i] = *note;
}

void stream_note(struct recorder *r, enum note_kind kind, pid_t tid,
		 const struct trace_event *event)
{
	struct stream *stream = r->stream;
	struct note note = { .time = r->now, .kind = kind, .tid = tid };

	if (event)
		note.event = *event;
	if (kind == NOTE_EVENT)
		note.event.name = strdup(event->name);
	if ((kind == NOTE_EVENT && !note.event.name) ||
	    !stream_grow(r, (void **)&stream->notes, stream->nnotes, &stream->notes_cap,
			 sizeof(note))) {
		free(kind == NOTE_EVENT ? (char *)note.event.name : NULL);
		queue_fail(r);
		return;
	}
	notes_add(stream, &note);
}

/* ---- merging ---- */

static void stream_take_samples(struct recorder *r)
{
	struct stream *stream = r->stream;
	size_t had = stream->nsamples;

	if (perf_take(r->perf, &stream->samples, &stream->nsamples, &stream->samples_cap))
		queue_fail(r);
	for (size_t i = had; i < stream->nsamples; i++)
		stream->late += stream->samples[i].time < stream->merged &&
				stream->by_tid[stream->samples[i].tid];
	if (stream->nsamples)
		qsort(stream->samples, stream->nsamples, sizeof(*stream->samples), sample_compare);
}

void stream_flush(struct recorder *r, bool last)
{
	struct stream *stream = r->stream;
	uint64_t until = last ? UINT64_MAX : record_clock() - STREAM_DELAY;
	size_t i = 0, s = 0;

	stream_take_samples(r);
	while (i < stream->nnotes && stream->notes[i].time < until) {
		struct note *note = &stream->notes[i++];

		while (s < stream->nsamples && stream->samples[s].time < note->time)
			stream_take_sample(r, &stream->samples[s++]);
		stream_take_note(r, note);
	}
	while (s < stream->nsamples && stream->samples[s].time < until)
		stream_take_sample(r, &stream->samples[s++]);
	if (i)
		memmove(stream->notes, stream->notes + i,
			(stream->nnotes - i) * sizeof(*stream->notes));
	if (s)
		memmove(stream->samples, stream->samples + s,
			(stream->nsamples - s) * sizeof(*stream->samples));
	stream->nnotes -= i;
	stream->nsamples -= s;
	stream->merged = until;
	out_write(r, until - STREAM_FAULT, last);
}

void stream_free(struct stream *stream)
{
	for (pid_t tid = 1; tid <= stream->max_tid; tid++) {
		if (stream->by_tid[tid])
			actor_free(stream, tid);
	}
	for (size_t i = 0; i < stream->nnotes; i++)
		free(stream->notes[i].kind == NOTE_EVENT ? (char *)stream->notes[i].event.name
							 : NULL);
	for (size_t i = 0; i < stream->nout; i++) {
		if (stream->out[i].state == PLACE_FULL && stream->out[i].event.name[0])
			free((char *)stream->out[i].event.name);
	}
	free(stream->samples);
	free(stream->notes);
	free(stream->out);
	free(stream);
}
