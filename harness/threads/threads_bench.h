/*
 * threads_bench - concurrent workloads measured over indexes, locking schemes, threads, VMAs
 */
#ifndef HARNESS_THREADS_BENCH_H
#define HARNESS_THREADS_BENCH_H

#include <jansson.h>
#include <stdio.h>

#include "harness/measure/index_list.h"
#include "harness/measure/saved.h"
#include "harness/threads/threads.h"

#define THREADS_LIST        32
#define THREADS_REPETITIONS 100 /* at most */

struct threads_options {
	struct index_list indexes;
	const struct mm_locking *schemes[THREADS_LIST]; /* NULL: none, one thread only */
	unsigned nschemes;
	const struct threads_workload *workloads[THREADS_LIST];
	unsigned nworkloads;
	unsigned threads[THREADS_LIST];
	unsigned nthreads;
	size_t sizes[THREADS_LIST];
	unsigned nsizes;
	const char *traces[THREADS_LIST]; /* recorded programs to replay */
	unsigned ntraces;
	unsigned repetitions;
	double seconds; /* what a run is to take */
	uint64_t ops;   /* of each thread; 0: as many as fit in seconds */
	uint64_t seed;
	bool latency;        /* and a run that times each operation */
	FILE *talk;          /* for the table and for what is skipped */
	bool progress;       /* a line on a terminal */
	struct saved *saved; /* the file that has the results after each workload; NULL: none */
};

/*
 * Measures, prints a table; the results, to be json_decref'd, with a list "threads" of
 * rows (results/README.md); *status is STATUS_OK, STATUS_DIFFERENCE where something
 * went wrong, which is in "failed" then, or STATUS_BAD_INPUT where saved cannot be written.
 */
must_check json_t *threads_bench(const struct threads_options *options, int *status);

#endif
