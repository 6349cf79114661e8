/*
 * bench_speed - how fast whole programs are decoded and replayed
 *
 *	decode     file ─> events, as `replay` reads them
 *	             mmap munmap │ fault fault fault │ mmap │ fork │ fault ...
 *	replay       ├──────────┤├─────────────────┤├──────┤├──────┤├──────
 *	               calls        faults            calls  others
 *
 *  1. Events of all kinds come mixed, and each finds what those before it left; so
 *     nothing is taken out.  The ticks between two changes of kind are that kind's, its
 *     share of the ticks is its share of the CPU time.  The counter's own cost is in it.
 *  2. Others are what a trace holds beside system calls on memory and faults: fork,
 *     exec, exit, files, layouts.  The replay is their times together.
 *  3. Of several passes the fastest counts: nothing but noise makes one slower.
 */
#include <string.h>

#include "harness/bench/bench.h"
#include "harness/measure/clock.h"
#include "harness/replay/program.h"
#include "harness/replay/replay.h"

#define PASSES 3

enum speed_kind { SPEED_CALL, SPEED_FAULT, SPEED_OTHER, SPEED_KINDS };

struct speed {
	uint64_t events[SPEED_KINDS];
	double seconds[SPEED_KINDS];
	double decode, replay; /* seconds */
};

static enum speed_kind speed_kind(const struct trace_event *event)
{
	if (event->kind == TRACE_FAULT)
		return SPEED_FAULT;
	return event->kind >= TRACE_MMAP ? SPEED_CALL : SPEED_OTHER;
}

/* Replays the events of a world: 0, or -ENOMEM; the ticks that each kind took. */
static int speed_events(struct replay_world *world, const struct program *program,
			struct speed *speed, uint64_t *ticks)
{
	enum speed_kind kind = SPEED_OTHER;
	uint64_t begin = clock_ticks();
	int err = 0;

	for (size_t i = 0; !err && i < program->n; i++) {
		enum speed_kind now = speed_kind(&program->events[i]);

		if (now != kind) {
			uint64_t end = clock_ticks();

			ticks[kind] += end - begin;
			begin = end;
			kind = now;
		}
		speed->events[kind]++;
		err = replay_event(world, &program->events[i]);
	}
	ticks[kind] += clock_ticks() - begin;
	return err;
}

static int speed_replay(const struct vma_index_ops *ops, const struct program *program,
			struct speed *speed)
{
	uint64_t ticks[SPEED_KINDS] = { 0 }, all = 0;
	struct replay_options options;
	struct replay_world *world;
	double begin;
	int err;

	replay_options_default(&options);
	options.digest = false;
	world = replay_create(ops, trace_info(program->reader), &options);
	if (!world)
		return -1;
	begin = cpu_seconds();
	err = speed_events(world, program, speed, ticks);
	speed->replay = cpu_seconds() - begin;
	replay_destroy(world);
	for (unsigned i = 0; i < SPEED_KINDS; i++)
		all += ticks[i];
	for (unsigned i = 0; i < SPEED_KINDS; i++)
		speed->seconds[i] = speed->replay * (double)ticks[i] / (double)max(all, 1UL);
	return err;
}

/* Reads the trace from its file, which is in the page cache by now: 0 or -1. */
static int speed_decode(const struct program *program, double *seconds)
{
	struct trace_error error;
	struct trace_event event;
	double begin = cpu_seconds();
	int more = -1;

	if (!trace_rewind(program->reader, &error)) {
		do
			more = trace_next(program->reader, &event, &error);
		while (more > 0);
	}
	*seconds = cpu_seconds() - begin;
	return more;
}

static int speed_measure(const struct vma_index_ops *ops, const struct program *program,
			 struct speed *best)
{
	double decode = 0;

	for (unsigned i = 0; i < PASSES; i++) {
		struct speed speed = { 0 };

		if (speed_replay(ops, program, &speed) || speed_decode(program, &speed.decode))
			return -1;
		decode = i ? min(decode, speed.decode) : speed.decode;
		if (!i || speed.replay < best->replay)
			*best = speed;
	}
	best->decode = decode;
	return 0;
}

/* btree, or else the first index of the run that holds something. */
static const struct vma_index_ops *speed_index(const struct index_list *indexes)
{
	const struct vma_index_ops *best = indexes->ops[0];

	for (unsigned i = 0; i < indexes->n; i++) {
		if ((best->caps & VMA_INDEX_NULL) || !strcmp(indexes->ops[i]->name, "btree"))
			best = indexes->ops[i];
	}
	return best->caps & VMA_INDEX_NULL ? NULL : best;
}

void bench_program_speed(struct bench_session *session, const struct program *program)
{
	const struct vma_index_ops *ops = speed_index(&bench_options(session)->indexes);
	struct speed speed;

	if (!ops || bench_options(session)->count)
		return;
	if (speed_measure(ops, program, &speed)) {
		bench_skip(session, ops->name, program->name, "speed", 0, replay_out_of_memory());
		return;
	}
	bench_speed(session, json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "case",
				       program->name, "index", ops->name, "calls",
				       (json_int_t)speed.events[SPEED_CALL], "faults",
				       (json_int_t)speed.events[SPEED_FAULT], "others",
				       (json_int_t)speed.events[SPEED_OTHER], "call_seconds",
				       speed.seconds[SPEED_CALL], "fault_seconds",
				       speed.seconds[SPEED_FAULT], "other_seconds",
				       speed.seconds[SPEED_OTHER], "replay_seconds", speed.replay,
				       "decode_seconds", speed.decode));
}
