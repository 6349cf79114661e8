/*
 * Readers beside a writer on trees of many shapes, for indexes that have such readers: one
 * leaf, two levels, three, and VMAs so far apart that nodes are wide or folded.  Each
 * answer must have been true at some moment (the suite long_run has all indexes).
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bed.h"
#include "tests/rcu/stage.h"
#include "tests/suite.h"

#ifdef __SANITIZE_THREAD__
#define EDITS 400
#else
#define EDITS 1500
#endif

static const struct {
	size_t vmas;
	unsigned shift, rounds;
} plays[] = {
	{5, 0, 4}, {60, 0, 6}, {300, 0, 10}, {300, 32, 6}, {3000, 0, 6}, {3000, 30, 3},
};

/* Races that the sanitizer finds in the Linux kernel's code are not ours. */
static bool has_readers(const struct vma_index_ops *ops)
{
#ifdef __SANITIZE_THREAD__
	if (ops->caps & VMA_INDEX_RCU_PARTS) {
		printf("index tests leave out %s: its own races are not for ThreadSanitizer\n",
		       ops->name);
		return false;
	}
#endif
	return ops->caps & VMA_INDEX_RCU;
}

START_TEST(test_shapes)
{
	const struct vma_index_ops *ops = bed_type(_i);
	char why[300];

	for (size_t i = 0; i < ARRAY_SIZE(plays) && has_readers(ops); i++) {
		struct stage_play play = {
			.ops = ops,
			.readers = 2,
			.rounds = plays[i].rounds,
			.edits = EDITS,
			.vmas = plays[i].vmas,
			.shift = plays[i].shift,
			.seed = test_seed() + i,
		};

		ck_assert_msg(stage_run(&play, why, sizeof(why)), "%zu VMAs, shift %u: %s",
			      plays[i].vmas, plays[i].shift, why);
	}
}
END_TEST

/*
 * What waits for a grace period is bounded: through 100,000 edits the index is at no moment
 * twice as large as it is on average.
 */
START_TEST(test_memory)
{
	enum { VMAS = 2000, EDITS_DONE = 100000 };
	const struct vma_index_ops *ops = bed_type(_i);
	struct vma_footprint footprint;
	struct vma_bounds *ranges = calloc(VMAS, sizeof(*ranges));
	size_t most = 0, sum = 0;
	struct rng rng;
	struct bed bed;

	ck_assert_ptr_nonnull(ranges);
	rng_seed(&rng, test_seed());
	for (size_t i = 0; i < VMAS; i++)
		ranges[i] = (struct vma_bounds){(4 * i + 1) * PAGE_SIZE, (4 * i + 3) * PAGE_SIZE};
	bed_init(&bed, ops);
	ck_assert_int_eq(bed_build(&bed, ranges, VMAS), 0);
	for (unsigned i = 0; i < EDITS_DONE && ops->caps & VMA_INDEX_RCU; i++) {
		unsigned long lo = 4 * rng_below(&rng, VMAS) * PAGE_SIZE;
		struct vma_edit edit = {.lo = lo, .hi = lo + 4 * PAGE_SIZE};

		edit.nput = rng_one_in(&rng, 3) ? 0 : 1;
		if (edit.nput)
			edit.put[0] = bed_new(&bed, lo + PAGE_SIZE, lo + 3 * PAGE_SIZE);
		ck_assert_int_eq(bed_edit(&bed, &edit), 0);
		ops->footprint(bed.index, &footprint);
		most = max(most, footprint.bytes);
		sum += footprint.bytes;
	}
	ck_assert_msg(most <= 2 * sum / EDITS_DONE, "%s: %zu bytes at most, %zu on average",
		      ops->name, most, sum / EDITS_DONE);
	ck_assert(bed_done(&bed));
	free(ranges);
}
END_TEST

TEST_SUITE(shapes)
{
	Suite *suite = suite_create("shapes");
	TCase *tcase = tcase_create("shapes");

	tcase_add_loop_test(tcase, test_shapes, 0, bed_plain_types());
	tcase_add_loop_test(tcase, test_memory, 0, bed_plain_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
