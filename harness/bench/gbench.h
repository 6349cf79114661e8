/*
 * gbench - Google Benchmark for C: registers functions, runs them interleaved, returns its JSON
 *
 *	gbench_add(case), gbench_add(case), ...; text = gbench_run(repetitions)
 *
 * Case i is called "i" in the JSON, counted from 0 since the last gbench_run().
 */
#ifndef HARNESS_GBENCH_H
#define HARNESS_GBENCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gbench_case {
	void *ctx;
	/* Does n operations, timed; NULL, or why it could not. n is always batch. */
	const char *(*run)(void *ctx, uint64_t n);
	/* Not timed, each may be NULL: before and after a repetition, after each batch. */
	void (*begin)(void *ctx);
	void (*end)(void *ctx);
	void (*restore)(void *ctx); /* costs the time of its batch about half a microsecond */
	uint64_t batch;             /* operations a call: enough to hide its cost */
	uint64_t operations;        /* a repetition: a multiple of batch */
	unsigned repetitions;
};

/* The case is copied. */
void gbench_add(const struct gbench_case *bench);

/*
 * Runs the repetitions of all cases added since the last time, in random order,
 * and forgets them.  The result is Google Benchmark's JSON, to be freed; NULL
 * when out of memory.
 */
char *gbench_run(void);

#ifdef __cplusplus
}
#endif

#endif
