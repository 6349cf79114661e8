/*
 * Every allocation fails in turn: a call that fails must have changed nothing,
 * and must succeed later.
 *
 * Each edit of a random run is tried with its first allocation failing, then
 * with its second, and so on until it succeeds; so is each bulk build, each
 * clone, and the making of an index.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/bed.h"
#include "tests/suite.h"

#define P   PAGE_SIZE
#define END VMA_INDEX_END

/* CPU seconds for one run of edits on one index: a slow index does fewer. */
#define RUN_SECONDS 0.7

#define ck_same(bed, what) ck_assert_msg(bed_same_##what, "%s", (bed)->difference)

/* Content, structure and gaps of each size are what the array says. */
static void unchanged(struct bed *bed, struct rng *rng)
{
	ck_same(bed, all(bed));
	for (unsigned i = 0; i < 4; i++) {
		struct vma_gap gap = { .lo = 0, .hi = END, .topdown = i & 1 };

		gap.len = 1UL << rng_between(rng, PAGE_SHIFT, 57);
		if (i & 2)
			gap.lo = rng_below(rng, END);
		ck_same(bed, gap(bed, gap));
	}
}

/* A window over a few VMAs and their gaps, with 0 to 3 puts, one of them an old VMA. */
static void draw_edit(struct bed *bed, struct rng *rng, unsigned long max_len,
		      struct vma_edit *edit)
{
	unsigned long addr = rng_below(rng, END / P) * P, step;
	size_t first, count = rng_below(rng, rng_one_in(rng, 10) ? 40 : 3);

	if (bed->n && !rng_one_in(rng, 4))
		addr = bed->ranges[rng_below(rng, bed->n)].end % END;
	first = bed_first(bed, addr);
	if (first < bed->n && bed->ranges[first].start <= addr) {
		addr = bed->ranges[first].start;
		count += !count;
	}
	count = min(count, bed->n - first);
	edit->lo = addr;
	edit->hi = count ? bed->ranges[first + count - 1].end
			 : min(addr + max_len, first < bed->n ? bed->ranges[first].start : END);
	edit->nput = rng_below(rng, VMA_EDIT_PUTS + 1);
	if (bed->n < 400 && !rng_one_in(rng, 5))
		edit->nput = VMA_EDIT_PUTS;
	edit->nput = min((unsigned long)edit->nput, (edit->hi - edit->lo) / P);
	step = edit->nput ? (edit->hi - edit->lo) / edit->nput & PAGE_MASK : 0;
	for (unsigned i = 0; i < edit->nput; i++) {
		unsigned long start = edit->lo + i * step;
		unsigned long end = rng_one_in(rng, 2) ? start + step : start + P;

		edit->put[i] = bed_new(bed, start, end);
	}
	if (count && edit->nput && rng_one_in(rng, 2)) {
		bed_free(bed, edit->put[0].vma);
		edit->put[0].vma = bed->ranges[first].vma;
	}
}

/*
 * Reserves n edits with every allocation failing in turn; returns how many
 * could fail.
 */
static unsigned reserve_hard(struct bed *bed, struct rng *rng, const struct vma_edit *edits,
			     unsigned n)
{
	for (unsigned nth = 1;; nth++) {
		int err;

		arena_fail_at(bed->memory, nth);
		err = bed->ops->reserve(bed->index, edits, n);
		if (!err)
			return nth - 1;
		arena_fail_at(bed->memory, 0);
		ck_assert_int_eq(err, -ENOMEM);
		unchanged(bed, rng);
	}
}

/* Random edits; memory stays out from reserve to the end of commit. */
static unsigned torture_edits(const struct vma_index_ops *ops, unsigned long max_len,
			      unsigned long seed)
{
	double end = bed_seconds() + RUN_SECONDS;
	unsigned failures = 0;
	struct rng rng;
	struct bed bed;

	rng_seed(&rng, seed);
	bed_init(&bed, ops);
	for (unsigned i = 0; i < 3000 && bed_seconds() < end; i++) {
		struct vma_edit edits[2];
		unsigned n = 1;

		draw_edit(&bed, &rng, max_len, &edits[0]);
		if (rng_one_in(&rng, 5)) {
			draw_edit(&bed, &rng, max_len, &edits[1]);
			n += edits[1].hi <= edits[0].lo || edits[1].lo >= edits[0].hi;
		}
		failures += reserve_hard(&bed, &rng, edits, n);
		arena_fail_at(bed.memory, 1);
		for (unsigned j = 0; j < n; j++) {
			bed.ops->commit(bed.index, &edits[j]);
			bed_apply(&bed, &edits[j]);
		}
		arena_fail_at(bed.memory, 0);
		ck_same(&bed, walk(&bed, edits[0].lo));
		if (i % 16 == 0)
			unchanged(&bed, &rng);
	}
	unchanged(&bed, &rng);
	ck_assert_msg(bed_done(&bed), "%s: memory of the index is left over", ops->name);
	return failures;
}

/* Short VMAs, then such as fill all the address space. */
START_TEST(test_edits)
{
	const struct vma_index_ops *ops = bed_type(_i);
	unsigned failures = 0;

	failures += torture_edits(ops, 8 * P, test_seed());
	failures += torture_edits(ops, 1UL << 40, test_seed() + 1);
	failures += torture_edits(ops, END, test_seed() + 2);
	printf("torture: %u failed allocations in edits of %s\n", failures, ops->name);
	if (ops->caps & VMA_INDEX_OWN_MALLOC)
		printf("torture: %s has its memory from malloc, where none was made to fail\n",
		       ops->name);
	fflush(stdout);
}
END_TEST

START_TEST(test_builds)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 20, 100, 1000, 5000 };
	const struct vma_index_ops *ops = bed_type(_i);
	struct vma_bounds ranges[5000];
	struct rng rng;
	struct bed bed;

	rng_seed(&rng, test_seed());
	bed_init(&bed, ops);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		double end = bed_seconds() + RUN_SECONDS;
		unsigned nth = 1;

		for (size_t j = 0; j < sizes[i]; j++)
			ranges[j] = (struct vma_bounds){ (j * 7 + 2) * P, (j * 7 + 5 + j % 4) * P };
		for (arena_fail_at(bed.memory, nth); bed_build(&bed, ranges, sizes[i]);) {
			arena_fail_at(bed.memory, 0);
			unchanged(&bed, &rng);
			nth += bed_seconds() < end ? 1 : nth;
			arena_fail_at(bed.memory, nth);
		}
		arena_fail_at(bed.memory, 0);
		unchanged(&bed, &rng);
		bed_clear(&bed);
	}
	ck_assert_msg(bed_done(&bed), "%s: memory of the index is left over", ops->name);
}
END_TEST

START_TEST(test_clones)
{
	static const size_t sizes[] = { 1, 20, 100, 1000 };
	const struct vma_index_ops *ops = bed_type(_i);
	struct vma_bounds ranges[1000];
	struct bed bed, clone;
	struct rng rng;

	rng_seed(&rng, test_seed());
	bed_init(&bed, ops);
	bed_init(&clone, ops);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct vma_bounds){ (i * 7 + 2) * P, (i * 7 + 5 + i % 4) * P };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned nth = 1;

		ck_assert_int_eq(bed_build(&bed, ranges, sizes[i]), 0);
		for (arena_fail_at(clone.memory, nth); bed_clone(&clone, &bed);) {
			arena_fail_at(clone.memory, 0);
			unchanged(&clone, &rng);
			arena_fail_at(clone.memory, ++nth);
		}
		arena_fail_at(clone.memory, 0);
		unchanged(&clone, &rng);
		unchanged(&bed, &rng);
		bed_clear(&clone);
		bed_clear(&bed);
	}
	ck_assert_msg(bed_done(&bed) && bed_done(&clone), "%s: memory of the index is left over",
		      ops->name);
}
END_TEST

START_TEST(test_create)
{
	const struct vma_index_ops *ops = bed_type(_i);
	struct arena *arena = arena_create();
	struct vma_index *index = NULL;
	struct arena_stats stats;

	ck_assert_ptr_nonnull(arena);
	for (unsigned nth = 1; !index; nth++) {
		arena_fail_at(arena, nth);
		index = vma_index_create(ops, arena);
		arena_stats(arena, &stats);
		ck_assert_msg(index || !stats.objects, "%s: init has left memory over", ops->name);
	}
	vma_index_destroy(index);
	arena_stats(arena, &stats);
	ck_assert_uint_eq(stats.objects, 0);
	arena_destroy(arena);
}
END_TEST

TEST_SUITE(torture)
{
	Suite *suite = suite_create("torture");
	TCase *tcase = tcase_create("torture");

	tcase_add_loop_test(tcase, test_edits, 0, bed_types());
	tcase_add_loop_test(tcase, test_builds, 0, bed_types());
	tcase_add_loop_test(tcase, test_clones, 0, bed_types());
	tcase_add_loop_test(tcase, test_create, 0, bed_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
