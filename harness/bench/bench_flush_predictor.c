/*
 * bench_flush_predictor - flushes the branch predictor
 *
 * A branch predictor tells branches apart by their address and by how the last
 * ones went.  Random branches in random company take its entries over, those
 * of what ran before among them.
 */
#include "base/rng.h"
#include "harness/bench/bench.h"

#define FORGET_STEPS (1 << 14)

void bench_flush_predictor(void)
{
	static struct rng rng;
	uint64_t sum = 0;

	if (!rng.s[0])
		rng_seed(&rng, 1);
	for (unsigned i = 0; i < FORGET_STEPS; i++) {
		uint64_t bits = rng_next(&rng);

		/* the barriers keep these from becoming conditional moves */
		for (unsigned j = 0; j < 8; j++) {
			if (bits >> j & 1)
				__asm__ volatile("" : "+r"(sum));
			else
				__asm__ volatile("nop" : "+r"(sum));
		}
	}
}
