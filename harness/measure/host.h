/*
 * host - the facts about machine and build that a result depends on; no names of machines
 */
#ifndef HARNESS_HOST_H
#define HARNESS_HOST_H

#include <jansson.h>

/* Sets kernel, os, cpu, memory, thp, compiler, flags and commit in context. */
void host_describe(json_t *context);

/*
 * Noise: a loop that takes the same number of cycles each time is timed now and
 * then; by how much it varies is what the machine adds.
 */
struct noise {
	unsigned samples;
	double fastest, slowest;     /* CPU seconds */
	double load_begin, load_end; /* average of a minute */
	long switches;               /* involuntary context switches since the beginning */
};

void noise_begin(struct noise *noise);
void noise_sample(struct noise *noise);
/* What was found, as an object. */
json_t *noise_end(struct noise *noise);

/* Bytes of memory that could be had now; 0 if that cannot be found out. */
size_t host_memory_available(void);

#endif
