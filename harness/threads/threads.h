/*
 * threads - concurrent workloads: several threads on one index, or on one address space
 *
 *	space       an index, or a machine with one mm, that holds N VMAs
 *	run         so many threads, pinned, each with so many operations of a workload
 *
 *	main     make threads ──────▶ go ─────────────────────────────▶ join
 *	readers  pin, begin ──▶ wait ──▶ ops operations each ──▶ the last one: stop
 *	writer   pin, begin ──▶ wait ──▶ as many as it can until stop
 *
 * The work is a number of operations, not a time: a rate is operations over the time
 * that the thread took for them, by the wall-clock time, summed over the threads.
 * In the end the space must hold what it should, or nothing that was run on it counts.
 */
#ifndef HARNESS_THREADS_H
#define HARNESS_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "harness/measure/histogram.h"
#include "indexes/vma_index.h"
#include "mm/locking.h"
#include "workloads/generate/layout.h"

#define THREADS_MAX 1024

/* What a space is made of. */
struct threads_setup {
	const struct vma_index_ops *ops;
	const struct mm_locking *locking; /* of an mm; an index alone has its own */
	const struct layout *layout;
	unsigned threads; /* the most that will run at a time */
};

/* One thread of a run. */
struct threads_thread {
	void *space;
	unsigned number, of; /* from 0; how many threads there are */
	struct rng rng;
	uint64_t done;        /* operations so far */
	const char *wrong;    /* NULL, or what went wrong: ends the run */
	const bool *stop;     /* true: another one went wrong; see threads_stopped */
	unsigned long own[4]; /* the workload's, 0 at first */
	void *memory;         /* the workload's, NULL at first; free() ends it */
};

/* For whoever waits for another thread: that one may never come. */
static inline bool threads_stopped(const struct threads_thread *thread)
{
	return __atomic_load_n(thread->stop, __ATOMIC_RELAXED);
}

/* What happened inside a space since it was made. */
struct threads_tally {
	uint64_t faults, fallbacks, retries; /* of an mm */
	uint64_t grace_periods;
	uint64_t held;                    /* bytes of VMAs that waited for one, the most */
	uint64_t index_bytes, index_peak; /* the index's memory now, and the most it was */
};

/* What threads run on: an index alone, or an mm. */
struct threads_ground {
	/* A space that holds layout's VMAs, or NULL: out of memory. */
	void *(*open)(const struct threads_setup *setup);
	void (*close)(void *space);
	/* NULL, or what is not as it should be; nobody runs. */
	const char *(*verify)(void *space);
	void (*tally)(void *space, struct threads_tally *tally);
	/* What its locks are called. */
	const char *(*locking)(const struct threads_setup *setup);
	bool has_mm;
};

struct threads_workload {
	const char *name, *summary;
	const char *operation; /* what one is */
	const struct threads_ground *ground;
	/* n operations, or fewer and thread->wrong */
	void (*run)(struct threads_thread *thread, uint64_t n);
	/* the writer's, where the last of two threads or more is one; else NULL */
	void (*write)(struct threads_thread *thread, uint64_t n);
	/* takes away what the thread left, untimed; may be NULL */
	void (*leave)(struct threads_thread *thread);
};

/* What a run found. */
struct threads_times {
	double rate, writer_rate; /* operations a second, summed; the writer's */
	double cpu_rate;          /* a second of the threads' own CPU time, summed */
	double seconds;           /* until the last was done */
	uint64_t writes;
	const char *wrong; /* NULL, or what went wrong */
};

/* The i-th workload, NULL past the last; the one of that name, or NULL. */
const struct threads_workload *threads_workload(unsigned i);
const struct threads_workload *threads_workload_lookup(const char *name);

/* Processors that this process may run on. */
unsigned threads_processors(void);
/* This thread to the processor of that number among those; where that fails, anywhere. */
void threads_pin(unsigned number);

/*
 * n threads, each with ops operations.  With a histogram every operation is timed, in
 * ns, and counted there.  0, or -errno where threads cannot be made; nothing is verified.
 */
must_check int threads_run(const struct threads_workload *workload, void *space, unsigned n,
			   uint64_t ops, uint64_t seed, struct histogram *latency,
			   struct threads_times *times);

/*
 * Where VMAs stand, for workloads that move them: those with an even number stay, of
 * the others each thread moves a share of its own to a share of the empty places.
 */
struct threads_places {
	const struct layout *layout;
	uint32_t *standing; /* the place of each VMA */
	bool *stays;        /* of each place: a VMA is there and stays */
	uint32_t *empty;    /* the places without a VMA */
	size_t nempty;
};

must_check bool threads_places_init(struct threads_places *places, const struct layout *layout);
void threads_places_done(struct threads_places *places);
/* A random move of thread number of so many, noted as done. */
struct move threads_places_move(struct threads_places *places, struct rng *rng, unsigned number,
				unsigned of);
/* A random VMA that stays, and its place. */
const struct place *threads_places_stay(const struct threads_places *places, struct rng *rng);

extern const struct threads_ground threads_mm_ground;

/* Of an index, of an mm; one without a name ends each. */
extern const struct threads_workload threads_index_workloads[], threads_mm_workloads[];

#endif
