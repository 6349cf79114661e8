/*
 * counters - the processor's event counters, where there are any
 *
 * Most virtual machines have none: opening an event is the only way to know.
 */
#ifndef HARNESS_COUNTERS_H
#define HARNESS_COUNTERS_H

#include <stdint.h>

#define COUNTERS_MAX 8

struct counter_event {
	const char *name;
	uint32_t type; /* PERF_TYPE_* */
	uint64_t config;
};

struct counters {
	unsigned n;
	const char *name[COUNTERS_MAX];
	int fd[COUNTERS_MAX];
	double value[COUNTERS_MAX]; /* set by counters_stop; scaled if events took turns */
};

/*
 * Opens events for this thread, those that there are; NULL means cycles,
 * instructions, branch, cache and dTLB misses.  0, or -errno and counters->n is 0
 * when there is not even the first.
 */
int counters_open(struct counters *counters, const struct counter_event *events, unsigned n);
void counters_start(struct counters *counters);
void counters_stop(struct counters *counters);
void counters_close(struct counters *counters);

#endif
