/*
 * Tests of the search for the slowest edit: steps are counted, the slow edit is found.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/bench/worst.h"
#include "tests/suite.h"

static void spin(void *arg)
{
	for (unsigned long i = *(unsigned long *)arg; i > 0; i--)
		__asm__ volatile("" : "+r"(i));
}

static bool may_trace(void)
{
	uint64_t count;
	unsigned long one = 1;
	int err = worst_count(spin, &one, &count);

	ck_assert(!err || err == -EPERM || err == -EACCES);
	if (err)
		printf("not tested: worst: tracing is not allowed here\n");
	return !err;
}

START_TEST(test_steps)
{
	unsigned long n[3] = { 100, 200, 300 };
	uint64_t count[3], again;

	if (!may_trace())
		return;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(worst_count(spin, &n[i], &count[i]), 0);
	ck_assert_uint_ge(count[0], 200);
	ck_assert_uint_eq(count[1] - count[0], count[2] - count[1]);
	ck_assert_int_eq(worst_count(spin, &n[0], &again), 0);
	ck_assert_uint_eq(again, count[0]);
}
END_TEST

/* The array, but dawdling at some of the splits. */
static struct vma_index_ops slow;

static void slow_commit(struct vma_index *index, const struct vma_edit *edit)
{
	unsigned long n = 10000;

	if (edit->nput == 3 && edit->lo >> PAGE_SHIFT & 1)
		spin(&n);
	vma_index_lookup("array")->commit(index, edit);
}

START_TEST(test_slowest_is_found)
{
	struct worst_options options = { .vmas = 50, .edits = 1000, .seed = 1, .passes = 2 };
	struct worst_result result;

	if (!may_trace())
		return;
	slow = *vma_index_lookup("array");
	slow.name = "slow";
	slow.commit = slow_commit;
	ck_assert_int_eq(worst_measure(&slow, &options, &result), 0);
	ck_assert_str_eq(result.which, "split");
	ck_assert_uint_ge(result.slowest, 20000);
	ck_assert_uint_lt(result.median, 20000);
	ck_assert_uint_gt(result.median, 0);
}
END_TEST

TEST_SUITE(worst)
{
	Suite *suite = suite_create("worst");
	TCase *cases = tcase_create("steps");

	tcase_add_test(cases, test_steps);
	tcase_add_test(cases, test_slowest_is_found);
	suite_add_tcase(suite, cases);
	return suite;
}
