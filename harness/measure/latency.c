/*
 * latency - how long a load takes that waits for the one before (see latency.h)
 *
 *	line    0      5      2      7   ...      each holds the address of the next
 *	        └──────^──────^──────^
 *
 *  1. The lines of 64 bytes form one cycle through all of them: line i is followed
 *     by line (a * i + c) mod n, n a power of two, which has the full period when a
 *     mod 4 is 1 and c is odd.  No prefetcher knows a.
 *  2. Pages are small, as those of the VMAs and nodes in the benchmark's cases:
 *     large areas show the cost of the TLB's misses too.
 */
#include "harness/measure/latency.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/util.h"
#include "harness/measure/clock.h"
#include "harness/measure/host.h"
#include "harness/measure/saved.h"

#define LINE        64
#define LOADS       (1UL << 18)
#define REPETITIONS 3
#define MULTIPLIER  0x9e3779b97f4a7c15
#define INCREMENT   0x2545f4914f6cdd1d

static const size_t sizes[] = {
	16UL << 10, 256UL << 10, 4UL << 20, 64UL << 20, 512UL << 20, 4UL << 30,
};

static void **latency_chain(size_t bytes)
{
	size_t lines = bytes / LINE;
	char *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	madvise(area, bytes, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < lines && !saved_stopped(); i++) {
		size_t next = (i * MULTIPLIER + INCREMENT) & (lines - 1);

		*(void **)(area + i * LINE) = area + next * LINE;
	}
	return (void **)area;
}

double latency_of(size_t bytes)
{
	void **chain = latency_chain(bytes), **at = chain;
	double best = 0;

	if (!chain)
		return 0;
	for (unsigned k = 0; k < REPETITIONS && !saved_stopped(); k++) {
		double begin = cpu_seconds(), spent;

		for (size_t i = 0; i < LOADS; i++)
			at = *at;
		__asm__ volatile("" : "+r"(at));
		spent = cpu_seconds() - begin;
		best = k ? min(best, spent) : spent;
	}
	munmap(chain, bytes);
	return best / LOADS * 1e9;
}

json_t *latency_measure(void)
{
	size_t have = host_memory_available();
	json_t *all = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(sizes) && !saved_stopped(); i++) {
		double ns = !have || sizes[i] <= have / 2 ? latency_of(sizes[i]) : 0;

		if (ns > 0)
			json_array_append_new(all, json_pack("{s:I, s:f}", "bytes",
							     (json_int_t)sizes[i], "ns", ns));
	}
	return all;
}
