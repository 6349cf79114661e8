/*
 * verify notices: each numbered invariant is broken in turn, in indexes of
 * several sizes, and verify has to name that one.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/bed.h"
#include "tests/suite.h"

#define P PAGE_SIZE

/* n VMAs with gaps; then some edits, so that the index is not as fresh as built. */
static void fill(struct bed *bed, size_t n)
{
	struct vma_bounds *ranges = calloc(n, sizeof(*ranges));

	ck_assert_ptr_nonnull(ranges);
	for (size_t i = 0; i < n; i++)
		ranges[i] = (struct vma_bounds){ (5 * i + 1) * P, (5 * i + 4) * P };
	ck_assert_int_eq(bed_build(bed, ranges, n), 0);
	free(ranges);
	for (size_t i = 2; i < n; i += 7) {
		struct vma_edit change = { bed->ranges[i].start, bed->ranges[i].end, 0, { { 0 } } };

		if (i % 2) {
			change.nput = 2;
			change.put[0] = bed_new(bed, change.lo, change.lo + P);
			change.put[1] = bed_new(bed, change.hi - P, change.hi);
		}
		ck_assert_int_eq(bed_edit(bed, &change), 0);
	}
	ck_assert_msg(bed_same_all(bed), "%s", bed->difference);
}

/* Returns false if the index is too small to break that invariant. */
static bool broken_and_named(const struct vma_index_ops *ops, size_t vmas, unsigned invariant)
{
	char *report = NULL, *dump = NULL;
	size_t report_size, dump_size;
	FILE *out;
	struct bed bed;
	bool broken;

	bed_init(&bed, ops);
	fill(&bed, vmas);
	broken = !ops->corrupt(bed.index, invariant);
	if (broken) {
		out = open_memstream(&report, &report_size);
		ck_assert_ptr_nonnull(out);
		ck_assert_msg(ops->verify(bed.index, out) == invariant,
			      "%s: not invariant %u is found in %zu VMAs but %u", ops->name,
			      invariant, vmas, ops->verify(bed.index, NULL));
		fclose(out);
		ck_assert_msg(report_size > 0, "%s: verify reports nothing", ops->name);
		out = open_memstream(&dump, &dump_size);
		ck_assert_ptr_nonnull(out);
		ops->dump(bed.index, out);
		fclose(out);
	} else {
		ck_assert_msg(bed_same_all(&bed), "%s", bed.difference);
	}
	free(report);
	free(dump);
	(void)bed_done(&bed); /* it may not find all its memory any more */
	return broken;
}

START_TEST(test_corrupt)
{
	static const size_t sizes[] = { 4, 40, 700, 5000 };
	const struct vma_index_ops *ops = bed_type(_i);

	ck_assert_uint_gt(ops->invariants, 0);
	for (unsigned invariant = 1; invariant <= ops->invariants; invariant++) {
		bool broken = false;

		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			broken = broken_and_named(ops, sizes[i], invariant);
		ck_assert_msg(broken, "%s: invariant %u cannot be broken in %zu VMAs", ops->name,
			      invariant, sizes[ARRAY_SIZE(sizes) - 1]);
	}
}
END_TEST

TEST_SUITE(corrupt)
{
	Suite *suite = suite_create("corrupt");
	TCase *tcase = tcase_create("corrupt");

	tcase_add_loop_test(tcase, test_corrupt, 0, bed_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
