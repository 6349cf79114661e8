/*
 * defaults - an index that leaves out all ops that it may is whole all the same
 *
 * It is list with the ops that it needs, and those that defaults.c makes of them.
 */
#include <errno.h>

#include "base/rng.h"
#include "indexes/defaults.h"
#include "tests/bed.h"
#include "tests/suite.h"

#define P PAGE_SIZE

static struct vma_index_ops least(void)
{
	const struct vma_index_ops *list = vma_index_lookup("list");

	return (struct vma_index_ops){
		.name = "least",
		.summary = list->summary,
		.abi = list->abi,
		.size = list->size,
		.node_size = list->node_size,
		.init = list->init,
		.seek = list->seek,
		.next = list->next,
		.prev = list->prev,
		.commit = list->commit,
	};
}

#define ck_same(bed, what) ck_assert_msg(bed_same_##what, "%s", (bed)->difference)

static void same(struct bed *bed, struct rng *rng)
{
	unsigned long addr = rng_below(rng, 600) * P;
	struct vma_gap gap = {
		.len = rng_between(rng, 1, 20) * P,
		.lo = addr,
		.hi = rng_one_in(rng, 3) ? VMA_INDEX_END : addr + rng_below(rng, 300) * P,
		.topdown = rng_one_in(rng, 2),
	};

	ck_same(bed, find(bed, addr));
	ck_same(bed, gap(bed, gap));
	ck_same(bed, all(bed));
}

START_TEST(least_is_whole)
{
	struct vma_index_ops ops = least();
	struct vma_bounds ranges[100];
	struct bed bed;
	struct rng rng;

	rng_seed(&rng, test_seed());
	for (unsigned long i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct vma_bounds){ (6 * i + 1) * P, (6 * i + 2 + i % 5) * P };
	ck_assert_ptr_null(vma_index_fill(&ops));
	bed_init(&bed, &ops);
	ck_assert_int_eq(bed_build(&bed, ranges, ARRAY_SIZE(ranges)), 0);
	for (unsigned i = 0; i < 500; i++) {
		size_t at = rng_below(&rng, bed.n);
		struct vma_edit edit = { bed.ranges[at].start, bed.ranges[at].end, 0, { { 0 } } };

		if (rng_one_in(&rng, 2)) {
			edit.hi = edit.lo + 6 * P;
			edit.hi = min(edit.hi, at + 1 < bed.n ? bed.ranges[at + 1].start : edit.hi);
			edit.nput = 1;
			edit.put[0] = bed_new(&bed, edit.lo, edit.lo + P);
		}
		if (bed.n < 20 && !edit.nput)
			continue;
		ck_assert_int_eq(bed_edit(&bed, &edit), 0);
		same(&bed, &rng);
	}
	ck_assert(bed_done(&bed));
}
END_TEST

START_TEST(default_verify_notices)
{
	static const struct vma_bounds ranges[] = { { P, 3 * P },
						    { 4 * P, 6 * P },
						    { 9 * P, 10 * P } };
	struct vma_index_ops ops = least();
	struct bed bed;

	ck_assert_ptr_null(vma_index_fill(&ops));
	bed_init(&bed, &ops);
	ck_assert_int_eq(ops.corrupt(bed.index, _i), -ENOENT);
	ck_assert_int_eq(bed_build(&bed, ranges, ARRAY_SIZE(ranges)), 0);
	ck_assert_uint_eq(ops.verify(bed.index, NULL), 0);
	ck_assert_int_eq(ops.corrupt(bed.index, _i), 0);
	ck_assert_uint_ne(ops.verify(bed.index, NULL), 0);
	ck_assert_uint_ge(ops.invariants, _i);
	(void)bed_done(&bed);
}
END_TEST

START_TEST(needed_ops_are_named)
{
	struct vma_index_ops ops = least();

	ops.seek = NULL;
	ck_assert_str_eq(vma_index_fill(&ops), "seek");
	ops = least();
	ops.commit = NULL;
	ck_assert_str_eq(vma_index_fill(&ops), "commit");
	ops = least();
	ops.reserve = vma_index_lookup("btree")->reserve; /* its edits need memory: so does build */
	ck_assert_str_eq(vma_index_fill(&ops), "build");
	ops = least();
	ops.invariants = 2;
	ck_assert_str_eq(vma_index_fill(&ops), "verify");
	ops.verify = vma_index_lookup("list")->verify;
	ck_assert_str_eq(vma_index_fill(&ops), "corrupt");
}
END_TEST

TEST_SUITE(defaults)
{
	Suite *suite = suite_create("defaults");
	TCase *tcase = tcase_create("ops left out");

	tcase_add_test(tcase, least_is_whole);
	tcase_add_loop_test(tcase, default_verify_notices, 1, 4);
	tcase_add_test(tcase, needed_ops_are_named);
	suite_add_tcase(suite, tcase);
	return suite;
}
