/*
 * latency - how long a load takes that waits for the one before, by the size of what is walked
 */
#ifndef HARNESS_LATENCY_H
#define HARNESS_LATENCY_H

#include <jansson.h>
#include <stddef.h>

/* ns a load, of one line after the other all over bytes; 0 when out of memory. */
double latency_of(size_t bytes);

/* [{"bytes":, "ns":}, ...]: from the first cache to 4 GiB, or to half of what memory is free. */
json_t *latency_measure(void);

#endif
