/*
 * threads - how the threads of a run are made, started together, timed (see threads.h)
 */
#include "harness/threads/threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/rcu.h"
#include "harness/measure/clock.h"

#define CHUNK       256 /* operations between two looks at whether all goes well */
#define WRITE_CHUNK 16

struct run {
	const struct threads_workload *workload;
	uint64_t ops;
	bool timed; /* each operation by itself */
	unsigned ready, readers;
	bool go, stop;
};

struct worker {
	struct threads_thread thread;
	struct run *run;
	struct histogram *latency; /* in ticks */
	pthread_t id;
	bool writes;
	double seconds, cpu;
	uint64_t ticks;
} __attribute__((aligned(64)));

unsigned threads_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

void threads_pin(unsigned number)
{
	cpu_set_t all, one;

	if (sched_getaffinity(0, sizeof(all), &all))
		return;
	number %= (unsigned)CPU_COUNT(&all);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all) || number--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
		return;
	}
}

/* ---- a thread ---- */

static bool stopped(const struct run *run)
{
	return __atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}

static void stop(struct run *run)
{
	__atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
}

static void work_timed(struct worker *worker, uint64_t n)
{
	struct threads_thread *thread = &worker->thread;

	while (n-- && !thread->wrong) {
		uint64_t begin = clock_ticks();

		worker->run->workload->run(thread, 1);
		histogram_add(worker->latency, clock_ticks() - begin);
	}
}

static void work(struct worker *worker)
{
	struct threads_thread *thread = &worker->thread;
	struct run *run = worker->run;

	while (thread->done < run->ops && !thread->wrong && !stopped(run)) {
		uint64_t n = min(run->ops - thread->done, (uint64_t)CHUNK);

		if (run->timed)
			work_timed(worker, n);
		else
			run->workload->run(thread, n);
		thread->done += n;
	}
	if (thread->wrong || !__atomic_sub_fetch(&run->readers, 1, __ATOMIC_RELAXED))
		stop(run);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct threads_thread *thread = &worker->thread;
	struct run *run = worker->run;

	threads_pin(thread->number);
	rcu_register_thread();
	mm_thread_enter(thread->number);
	__atomic_add_fetch(&run->ready, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&run->go, __ATOMIC_ACQUIRE))
		sched_yield();
	double wall = wall_seconds(), cpu = cpu_seconds();
	uint64_t ticks = clock_ticks();
	if (!worker->writes)
		work(worker);
	else
		for (; !stopped(run) && !thread->wrong; thread->done += WRITE_CHUNK)
			run->workload->write(thread, WRITE_CHUNK);
	worker->ticks = clock_ticks() - ticks;
	worker->seconds = wall_seconds() - wall;
	worker->cpu = cpu_seconds() - cpu;
	if (thread->wrong)
		stop(run);
	if (run->workload->leave)
		run->workload->leave(thread);
	rcu_unregister_thread();
	return NULL;
}

/* ---- a run ---- */

static int start(struct run *run, struct worker *workers, unsigned n)
{
	unsigned started = 0;
	int err = 0;

	while (started < n && !err) {
		err = pthread_create(&workers[started].id, NULL, worker_main, &workers[started]);
		started += !err;
	}
	while (!err && __atomic_load_n(&run->ready, __ATOMIC_ACQUIRE) < n)
		sched_yield();
	if (err)
		stop(run);
	__atomic_store_n(&run->go, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < started; i++)
		pthread_join(workers[i].id, NULL);
	return -err;
}

static void sum_up(const struct worker *worker, struct histogram *latency,
		   struct threads_times *times)
{
	const struct threads_thread *thread = &worker->thread;
	double ns = worker->ticks ? worker->seconds * 1e9 / (double)worker->ticks : 0;

	times->seconds = max(times->seconds, worker->seconds);
	if (thread->wrong)
		times->wrong = thread->wrong;
	if (worker->writes) {
		times->writes = thread->done;
		times->writer_rate = (double)thread->done / worker->seconds;
		return;
	}
	times->rate += (double)thread->done / worker->seconds;
	times->cpu_rate += (double)thread->done / worker->cpu;
	if (latency)
		histogram_add_scaled(latency, worker->latency, ns);
}

static struct worker *workers_create(struct run *run, void *space, unsigned n, uint64_t seed)
{
	struct worker *workers = aligned_alloc(64, n * sizeof(*workers));
	bool good = workers;

	for (unsigned i = 0; workers && i < n; i++) {
		workers[i] = (struct worker){
			.thread = { .space = space, .number = i, .of = n, .stop = &run->stop },
			.run = run,
			.writes = run->workload->write && n > 1 && i == n - 1,
			.latency = run->timed ? calloc(1, sizeof(*workers[i].latency)) : NULL,
		};
		rng_seed(&workers[i].thread.rng, seed + i);
		good &= workers[i].latency || !run->timed;
		run->readers += !workers[i].writes;
	}
	if (good)
		return workers;
	for (unsigned i = 0; workers && i < n; i++)
		free(workers[i].latency);
	free(workers);
	return NULL;
}

int threads_run(const struct threads_workload *workload, void *space, unsigned n, uint64_t ops,
		uint64_t seed, struct histogram *latency, struct threads_times *times)
{
	struct run run = { .workload = workload, .ops = ops, .timed = latency };
	struct worker *workers = workers_create(&run, space, n, seed);
	int err = -ENOMEM;

	*times = (struct threads_times){ 0 };
	if (workers)
		err = start(&run, workers, n);
	for (unsigned i = 0; workers && i < n; i++) {
		if (!err)
			sum_up(&workers[i], latency, times);
		free(workers[i].latency);
		free(workers[i].thread.memory);
	}
	free(workers);
	return err;
}

/* ---- the workloads there are ---- */

const struct threads_workload *threads_workload(unsigned i)
{
	const struct threads_workload *workload = threads_index_workloads;

	for (; workload->name && i; i--)
		workload++;
	if (!workload->name)
		workload = threads_mm_workloads;
	for (; workload->name && i; i--)
		workload++;
	return workload->name ? workload : NULL;
}

const struct threads_workload *threads_workload_lookup(const char *name)
{
	const struct threads_workload *workload;

	for (unsigned i = 0; (workload = threads_workload(i)); i++) {
		if (!strcmp(workload->name, name))
			return workload;
	}
	return NULL;
}
