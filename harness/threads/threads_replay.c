/*
 * threads_replay - a recorded program by several threads (see threads_replay.h)
 */
#include "harness/threads/threads_replay.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/rcu.h"
#include "harness/measure/clock.h"
#include "harness/replay/replay_internal.h"

struct replayer;

struct replay_run {
	const struct threads_plan *plan;
	struct replay_world *world;
	struct replayer *replayers;
	unsigned n;
	unsigned patience; /* so many looks less 1, a power of 2, before others may run */
	bool *awaited;     /* by event: another thread waits for it */
	const char *wrong; /* set: the run is over */
};

/* An event of another thread's. */
struct wait {
	uint32_t replayer, event;
};

/* An event, after waits[first_wait] and those behind it, up to the next event's first. */
struct step {
	uint32_t event, first_wait;
};

/* One thread. */
struct replayer {
	struct replay_run *run;
	unsigned number;
	pthread_t id;
	struct replay_world *world; /* the run's, seen by this thread */
	struct step *steps;         /* [n + 1] */
	struct wait *waits;
	uint32_t n, nwaits;
	/* all its events before this one are done; told where someone waits for it */
	uint32_t at __attribute__((aligned(64)));
} __attribute__((aligned(64)));

static void stop(struct replay_run *run, const char *why)
{
	const char *nothing = NULL;

	__atomic_compare_exchange_n(&run->wrong, &nothing, why, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
}

static bool stopped(const struct replay_run *run)
{
	return __atomic_load_n(&run->wrong, __ATOMIC_RELAXED);
}

/* Until that event is done, or the run is stopped. */
static void wait_for(const struct replay_run *run, const struct wait *wait)
{
	const uint32_t *at = &run->replayers[wait->replayer].at;
	unsigned spins = 0;

	while (__atomic_load_n(at, __ATOMIC_ACQUIRE) <= wait->event && !stopped(run)) {
		if (!(++spins & run->patience))
			sched_yield();
	}
}

static void *replayer_main(void *arg)
{
	struct replayer *me = arg;
	struct replay_run *run = me->run;
	const struct threads_plan *plan = run->plan;
	uint64_t digest;

	threads_pin(me->number);
	rcu_register_thread();
	mm_thread_enter(me->number);
	for (uint32_t k = 0; k < me->n && !stopped(run); k++) {
		uint32_t i = me->steps[k].event;

		for (uint32_t w = me->steps[k].first_wait; w < me->steps[k + 1].first_wait; w++)
			wait_for(run, &me->waits[w]);
		if (stopped(run))
			break;
		if (threads_step(me->world, plan, i, &digest))
			stop(run, replay_out_of_memory());
		else if (digest != plan->digest[i])
			stop(run, "an event left something else than when one thread did it all");
		if (run->awaited[i])
			__atomic_store_n(&me->at, i + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&me->at, UINT32_MAX, __ATOMIC_RELEASE);
	rcu_unregister_thread();
	return NULL;
}

static const char *verdict(struct replay_run *run)
{
	const struct replay_counts *counts = replay_counts(run->world);

	if (run->wrong)
		return run->wrong;
	if (counts->results.equal != counts->results.compared)
		return "a call had another result than recorded";
	if (counts->layouts.equal != counts->layouts.compared)
		return "an address space had another layout than recorded";
	if (replay_live_hash(run->world) != run->plan->live)
		return "an address space is another in the end than when one thread did it all";
	return replay_verify(run->world, stderr);
}

/* ---- made and ended ---- */

/* Room for its steps, and for as many waits as there can be: 0 or -ENOMEM. */
static int replayer_init(struct replayer *replayer)
{
	const struct threads_plan *plan = replayer->run->plan;
	size_t n = 0, waits = 0;

	for (size_t i = 0; i < plan->program->n; i++) {
		if (plan->program->events[i].task % replayer->run->n == replayer->number) {
			n++;
			waits += plan->first[i + 1] - plan->first[i];
		}
	}
	replayer->steps = malloc((n + 1) * sizeof(*replayer->steps));
	replayer->waits = malloc((waits + 1) * sizeof(*replayer->waits));
	replayer->world = replay_beside(replayer->run->world);
	return replayer->steps && replayer->waits && replayer->world ? 0 : -ENOMEM;
}

/* known: marks by thread, what it has waited for before, and all its events before that. */
static void add_step(struct replayer *replayer, uint32_t event, uint32_t *known)
{
	const struct threads_plan *plan = replayer->run->plan;
	uint32_t first = replayer->nwaits;

	replayer->steps[replayer->n++] = (struct step){ event, first };
	for (uint32_t k = plan->first[event]; k < plan->first[event + 1]; k++) {
		uint32_t after = plan->after[k];
		uint32_t of = plan->program->events[after].task % replayer->run->n;

		if (of == replayer->number || known[of] > after)
			continue;
		known[of] = after + 1;
		replayer->run->awaited[after] = true;
		replayer->waits[replayer->nwaits++] = (struct wait){ of, after };
	}
}

/* The thread's share: all events of its tasks, without waits that others make needless. */
static int deal(struct replayer *replayer)
{
	const struct program *program = replayer->run->plan->program;
	uint32_t *known = calloc(replayer->run->n, sizeof(*known));
	int err = known ? replayer_init(replayer) : -ENOMEM;

	for (size_t i = 0; i < program->n && !err; i++) {
		if (program->events[i].kind != TRACE_FILE &&
		    program->events[i].task % replayer->run->n == replayer->number)
			add_step(replayer, (uint32_t)i, known);
	}
	if (!err)
		replayer->steps[replayer->n].first_wait = replayer->nwaits;
	free(known);
	return err;
}

static int run_create(struct replay_run *run, const struct vma_index_ops *ops,
		      const struct mm_locking *locking)
{
	int err = 0;

	run->world = threads_world(run->plan, ops, locking, run->n);
	run->replayers = aligned_alloc(64, run->n * sizeof(*run->replayers));
	run->awaited = calloc(run->plan->program->n + 1, sizeof(*run->awaited));
	if (!run->world || !run->replayers || !run->awaited)
		return -ENOMEM;
	for (unsigned i = 0; i < run->n; i++)
		run->replayers[i] = (struct replayer){ .run = run, .number = i };
	for (unsigned i = 0; i < run->n && !err; i++)
		err = deal(&run->replayers[i]);
	return err;
}

/* The threads' counts become the world's. */
static void join_all(struct replay_run *run)
{
	for (unsigned i = 0; run->world && run->replayers && i < run->n; i++) {
		struct replayer *replayer = &run->replayers[i];

		if (replayer->world)
			replay_join(run->world, replayer->world);
		free(replayer->steps);
		free(replayer->waits);
	}
	free(run->replayers);
	free(run->awaited);
}

static int run_replayers(struct replay_run *run)
{
	unsigned made = 0;
	int err = 0;

	while (made < run->n && !err) {
		err = pthread_create(&run->replayers[made].id, NULL, replayer_main,
				     &run->replayers[made]);
		made += !err;
	}
	if (err)
		stop(run, "no more threads");
	for (unsigned i = 0; i < made; i++)
		pthread_join(run->replayers[i].id, NULL);
	return -err;
}

int threads_replay(const struct threads_plan *plan, const struct vma_index_ops *ops,
		   const struct mm_locking *locking, unsigned n, struct threads_times *times)
{
	struct replay_run run = {
		.plan = plan,
		.n = n,
		.patience = n <= threads_processors() ? 0xffff : 63,
	};
	int err = run_create(&run, ops, locking);

	*times = (struct threads_times){ 0 };
	if (!err) {
		double begin = wall_seconds();

		err = run_replayers(&run);
		times->seconds = wall_seconds() - begin;
		times->rate = (double)plan->program->n / times->seconds;
	}
	join_all(&run);
	if (!err)
		times->wrong = verdict(&run);
	replay_destroy(run.world);
	return err;
}
