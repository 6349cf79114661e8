/*
 * Readers beside a writer on trees of many shapes, for indexes that have such readers: one
 * leaf, two levels, three, and VMAs so far apart that nodes are wide or folded.  Each
 * answer must have been true at some moment (the suite long_run has all indexes).
 */
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

START_TEST(test_shapes)
{
	const struct vma_index_ops *ops = bed_type(_i);
	char why[300];

	for (size_t i = 0; i < ARRAY_SIZE(plays) && ops->caps & VMA_INDEX_RCU; i++) {
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

TEST_SUITE(shapes)
{
	Suite *suite = suite_create("shapes");
	TCase *tcase = tcase_create("shapes");

	tcase_set_timeout(tcase, 600);
	tcase_add_loop_test(tcase, test_shapes, 0, bed_plain_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
