/*
 * threads_replay - a recorded program by several threads (see threads_replay.h)
 */
#include "harness/threads_replay.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/rcu.h"
#include "harness/clock.h"
#include "harness/replay_internal.h"
#include "mm/mm.h"

/* ---- what waits for what ---- */

/* A range of addresses; of calls whose range is not plain to see, all of them. */
struct reach {
	uint64_t lo, hi;
};

static struct reach reach_of(const struct trace_event *e)
{
	switch (e->kind) {
	case TRACE_FAULT:
		return (struct reach){ e->arg[0], e->arg[0] + 1 };
	case TRACE_MMAP:
		return (struct reach){ (uint64_t)e->result, (uint64_t)e->result + e->arg[1] };
	case TRACE_MUNMAP:
	case TRACE_MPROTECT:
	case TRACE_MADVISE:
		return (struct reach){ e->arg[0], e->arg[0] + e->arg[1] };
	default:
		return (struct reach){ 0, UINT64_MAX };
	}
}

/* Faults by pages: what is near counts, too. */
static bool touch(const struct trace_event *a, const struct trace_event *b)
{
	struct reach x = reach_of(a), y = reach_of(b);

	return x.lo < y.hi + PAGE_SIZE && y.lo < x.hi + PAGE_SIZE;
}

enum event_class { CLASS_FAULT, CLASS_CALL, CLASS_WORLD };

static enum event_class class_of(const struct trace_event *e)
{
	switch (e->kind) {
	case TRACE_FAULT:
		return e->arg[1] & (TRACE_FAULT_INFERRED | TRACE_FAULT_UNKNOWN) ? CLASS_WORLD
										: CLASS_FAULT;
	case TRACE_MMAP:
	case TRACE_MUNMAP:
	case TRACE_MPROTECT:
	case TRACE_MADVISE:
	case TRACE_MREMAP:
	case TRACE_BRK:
		return CLASS_CALL;
	default:
		return CLASS_WORLD;
	}
}

/* All events before which one must be done before call i: the last fault that it touches. */
static size_t faults_before(const struct trace_event *events, size_t i)
{
	size_t oldest = i > THREADS_LOOK_BACK ? i - THREADS_LOOK_BACK : 0;

	for (size_t k = i; k > oldest; k--) {
		if (class_of(&events[k - 1]) == CLASS_FAULT && touch(&events[k - 1], &events[i]))
			return k;
	}
	return oldest;
}

/* How many of the turns before event i must be done before that fault. */
static uint32_t calls_before(const struct trace_event *events, const uint32_t *calls,
			     uint32_t ncalls, size_t i)
{
	uint32_t oldest = ncalls > THREADS_LOOK_BACK ? ncalls - THREADS_LOOK_BACK : 0;

	for (uint32_t k = ncalls; k > oldest; k--) {
		const struct trace_event *call = &events[calls[k - 1]];

		if (class_of(call) == CLASS_WORLD || touch(call, &events[i]))
			return k;
	}
	return oldest;
}

int threads_plan_make(struct threads_plan *plan, const struct program *program)
{
	size_t n = program->n;
	uint32_t *calls = calloc(n + 1, sizeof(*calls)), ncalls = 0;

	*plan = (struct threads_plan){
		.program = program,
		.turns_done = calloc(n + 1, sizeof(*plan->turns_done)),
		.all_done = calloc(n + 1, sizeof(*plan->all_done)),
	};
	if (!calls || !plan->turns_done || !plan->all_done) {
		free(calls);
		threads_plan_done(plan);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const struct trace_event *event = &program->events[i];
		enum event_class class = class_of(event);

		plan->turns_done[i] = class == CLASS_FAULT ? calls_before(program->events, calls, ncalls, i)
							   : ncalls;
		plan->all_done[i] = class == CLASS_WORLD  ? i
				    : class == CLASS_CALL ? faults_before(program->events, i)
							  : 0;
		if (class != CLASS_FAULT)
			calls[ncalls++] = i;
	}
	free(calls);
	return 0;
}

void threads_plan_done(struct threads_plan *plan)
{
	free(plan->turns_done);
	free(plan->all_done);
}

/* ---- the replay ---- */

struct replayer;

struct replay_run {
	const struct threads_plan *plan;
	struct replay_world *world;
	struct replayer *replayers;
	unsigned n;
	uint32_t turns;                 /* calls and the like that are done */
	bool out_of_memory, stop;
};

/* One thread. */
struct replayer {
	struct replay_run *run;
	unsigned number;
	pthread_t id;
	uint32_t at;                    /* all its events before this one are done */
} __attribute__((aligned(64)));

static bool all_are_done(const struct replay_run *run, uint32_t event)
{
	for (unsigned i = 0; i < run->n; i++) {
		if (__atomic_load_n(&run->replayers[i].at, __ATOMIC_ACQUIRE) < event)
			return false;
	}
	return true;
}

static void stop(struct replay_run *run)
{
	__atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
}

static bool stopped(const struct replay_run *run)
{
	return __atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}

static void no_memory(struct replay_run *run)
{
	__atomic_store_n(&run->out_of_memory, true, __ATOMIC_RELAXED);
	stop(run);
}

/* Or until the run is stopped. */
static void wait_for_turn(const struct replay_run *run, size_t i)
{
	const struct threads_plan *plan = run->plan;
	unsigned spins = 0;

	while ((__atomic_load_n(&run->turns, __ATOMIC_ACQUIRE) < plan->turns_done[i] ||
		!all_are_done(run, plan->all_done[i])) && !stopped(run)) {
		if (++spins % 64 == 0)
			sched_yield();
	}
}

static void replay_one(struct replay_run *run, const struct trace_event *event)
{
	struct mm_struct *mm;
	unsigned flags = event->arg[1] & TRACE_FAULT_WRITE ? FAULT_FLAG_WRITE : 0;

	if (class_of(event) != CLASS_FAULT) {
		if (replay_event(run->world, event))
			no_memory(run);
		__atomic_store_n(&run->turns, run->turns + 1, __ATOMIC_RELEASE);
		return;
	}
	mm = replay_act_as(run->world, event->task);
	if (event->arg[1] & TRACE_FAULT_INSTR)
		flags |= FAULT_FLAG_INSTRUCTION;
	if (mm && mm_user_fault(mm, event->arg[0], flags) == -ENOMEM)
		no_memory(run);
}

static void *replayer_main(void *arg)
{
	struct replayer *me = arg;
	struct replay_run *run = me->run;
	const struct program *program = run->plan->program;

	threads_pin(me->number);
	rcu_register_thread();
	mm_thread_enter(me->number);
	for (size_t i = 0; i < program->n && !stopped(run); i++) {
		if (program->events[i].task % run->n != me->number)
			continue;
		__atomic_store_n(&me->at, i, __ATOMIC_RELEASE);
		wait_for_turn(run, i);
		replay_one(run, &program->events[i]);
	}
	__atomic_store_n(&me->at, UINT32_MAX, __ATOMIC_RELEASE);
	rcu_unregister_thread();
	return NULL;
}

static const char *verdict(struct replay_run *run)
{
	const struct replay_counts *counts = replay_counts(run->world);

	if (run->out_of_memory)
		return "memory is out";
	if (counts->results.equal != counts->results.compared)
		return "a call had another result than recorded";
	return replay_verify(run->world, stderr);
}

static int run_replayers(struct replay_run *run)
{
	unsigned made = 0;
	int err = 0;

	for (unsigned i = 0; i < run->n; i++)
		run->replayers[i] = (struct replayer){ .run = run, .number = i };
	while (made < run->n && !err) {
		err = pthread_create(&run->replayers[made].id, NULL, replayer_main,
				     &run->replayers[made]);
		made += !err;
	}
	if (err)
		stop(run);
	for (unsigned i = 0; i < made; i++)
		pthread_join(run->replayers[i].id, NULL);
	return -err;
}

int threads_replay(const struct threads_plan *plan, const struct vma_index_ops *ops,
		   const struct mm_locking *locking, unsigned n, struct threads_times *times)
{
	struct replay_run run = { .plan = plan, .n = n };
	struct replay_options options;
	double begin;
	int err;

	*times = (struct threads_times){ 0 };
	replay_options_default(&options);
	options.locking = locking;
	options.threads = n;
	options.find_cache = find_cache_lookup("none");
	run.world = replay_create(ops, trace_info(plan->program->reader), &options);
	run.replayers = aligned_alloc(64, n * sizeof(*run.replayers));
	if (!run.world || !run.replayers) {
		replay_destroy(run.world);
		free(run.replayers);
		return -ENOMEM;
	}
	begin = wall_seconds();
	err = run_replayers(&run);
	times->seconds = wall_seconds() - begin;
	times->rate = (double)plan->program->n / times->seconds;
	if (!err)
		times->wrong = verdict(&run);
	replay_destroy(run.world);
	free(run.replayers);
	return err;
}
