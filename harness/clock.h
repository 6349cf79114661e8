/*
 * clock - what time it is, in seconds
 */
#ifndef HARNESS_CLOCK_H
#define HARNESS_CLOCK_H

#include <time.h>

static inline double clock_seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Since some time or other; for how long something took. */
static inline double wall_seconds(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

/* That this thread has run so far. */
static inline double cpu_seconds(void)
{
	return clock_seconds(CLOCK_THREAD_CPUTIME_ID);
}

#endif
