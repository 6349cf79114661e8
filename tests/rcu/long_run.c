/*
 * Readers beside a writer on every index, for as long as one likes: each answer must have
 * been true at some moment (see stage.h).
 *
 * What an index with VMA_INDEX_RCU is asked needs no lock; of all others, and of those whose
 * readers may see an edit in parts, each call is made under a rwlock.  TEST_LONG=1: 10^8
 * operations of each index that needs none, 2 * 10^7 with ThreadSanitizer.
 */
#include <stdlib.h>

#include "tests/bed.h"
#include "tests/rcu/stage.h"
#include "tests/suite.h"

#define SOME_OPS 100000UL
#ifdef __SANITIZE_THREAD__
#define LONG_OPS 20000000UL
#else
#define LONG_OPS 100000000UL
#endif

START_TEST(test_long_run)
{
	const struct vma_index_ops *ops = bed_type(_i);
	struct stage_play play = {
		.ops = ops,
		.readers = 2,
		.edits = 1500,
		.operations = SOME_OPS,
		.locked = !(ops->caps & VMA_INDEX_RCU) || (ops->caps & VMA_INDEX_RCU_PARTS),
		.vmas = 150,
		.seed = test_seed(),
	};
	char why[300];

	if (getenv("TEST_LONG"))
		play.operations = play.locked ? LONG_OPS / 100 : LONG_OPS;
	ck_assert_msg(stage_run(&play, why, sizeof(why)), "%s", why);
}
END_TEST

TEST_SUITE(long_run)
{
	Suite *suite = suite_create("long_run");
	TCase *cases = tcase_create("long_run");

	tcase_set_timeout(cases, getenv("TEST_LONG") ? 7200 : 600);
	tcase_add_loop_test(cases, test_long_run, 0, bed_plain_types());
	suite_add_tcase(suite, cases);
	return suite;
}
