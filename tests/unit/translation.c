/*
 * Recorded addresses to emulated ones: random changes, beside a plain array of pages.
 */
#include "base/rng.h"
#include "harness/replay/translation.h"
#include "tests/suite.h"

#define PAGES   96
#define NOWHERE (~0UL)

static unsigned long moved[PAGES + 1]; /* by page; the last one is never mapped */

static void ck_same(const struct translation *t)
{
	unsigned long addr = 0, end = (PAGES + 1) * PAGE_SIZE;

	while (addr < end) {
		struct piece p = translation_at(t, addr, addr, end);
		unsigned long page = addr >> PAGE_SHIFT;

		ck_assert_uint_eq(p.start, addr);
		ck_assert_uint_gt(p.end, addr);
		for (; addr < p.end; addr += PAGE_SIZE)
			ck_assert_uint_eq(moved[addr >> PAGE_SHIFT], p.mapped ? p.delta : NOWHERE);
		/* pieces are as long as can be */
		if (addr < end)
			ck_assert_uint_ne(moved[addr >> PAGE_SHIFT], moved[page]);
	}
}

/* The piece around addr, also to the left. */
static void ck_around(const struct translation *t, unsigned long page)
{
	unsigned long end = (PAGES + 1) * PAGE_SIZE, first = page, last = page;
	struct piece p = translation_at(t, page * PAGE_SIZE, 0, end);

	while (first && moved[first - 1] == moved[page])
		first--;
	while (last < PAGES && moved[last + 1] == moved[page])
		last++;
	ck_assert_uint_eq(p.start, first * PAGE_SIZE);
	ck_assert_uint_eq(p.end, (last + 1) * PAGE_SIZE);
}

static void change(struct rng *rng, struct translation *t)
{
	unsigned long first = rng_below(rng, PAGES), last = rng_between(rng, first, PAGES - 1);
	unsigned long delta = rng_below(rng, 3) * (1UL << 30);

	last = min(last, first + rng_below(rng, 24));
	if (rng_one_in(rng, 3)) {
		delta = NOWHERE;
		ck_assert_int_eq(translation_clear(t, first * PAGE_SIZE, (last + 1) * PAGE_SIZE),
				 0);
	} else {
		ck_assert_int_eq(
			translation_set(t, first * PAGE_SIZE, (last + 1) * PAGE_SIZE, delta), 0);
	}
	for (; first <= last; first++)
		moved[first] = delta;
}

START_TEST(random_changes)
{
	struct arena *arena = arena_create();
	struct translation *t = translation_create(arena), *copy;
	struct arena_stats stats;
	struct rng rng;

	ck_assert_ptr_nonnull(t);
	rng_seed(&rng, test_seed());
	for (unsigned i = 0; i <= PAGES; i++)
		moved[i] = NOWHERE;
	for (unsigned i = 0; i < 20000; i++) {
		change(&rng, t);
		ck_same(t);
		ck_around(t, rng_below(&rng, PAGES));
	}
	copy = translation_copy(t);
	ck_assert_ptr_nonnull(copy);
	ck_same(copy);
	ck_assert_int_eq(translation_clear(t, 0, PAGES * PAGE_SIZE), 0);
	ck_same(copy); /* its own */
	translation_put(translation_get(copy));
	ck_same(copy);
	translation_put(t);
	translation_put(copy);
	arena_stats(arena, &stats);
	ck_assert_uint_eq(stats.objects, 0);
	arena_destroy(arena);
}
END_TEST

START_TEST(out_of_memory_changes_nothing)
{
	struct arena *arena = arena_create();
	struct translation *t = translation_create(arena);
	unsigned failed = 0;

	for (unsigned i = 0; i <= PAGES; i++)
		moved[i] = NOWHERE;
	for (unsigned i = 0; i < PAGES; i += 3) {
		ck_assert_int_eq(translation_set(t, i * PAGE_SIZE, (i + 2) * PAGE_SIZE, i), 0);
		moved[i] = moved[i + 1] = i;
	}
	for (unsigned n = 1; n < 8; n++) {
		arena_fail_at(arena, n);
		int err = translation_clear(t, 4 * PAGE_SIZE, 5 * PAGE_SIZE);
		if (!err)
			moved[4] = NOWHERE;
		failed += err != 0;
		err = translation_set(t, 10 * PAGE_SIZE, 11 * PAGE_SIZE, 77 * n);
		if (!err)
			moved[10] = 77 * n;
		failed += err != 0;
		arena_fail_at(arena, 0);
		ck_same(t);
	}
	ck_assert_uint_gt(failed, 0);
	translation_put(t);
	arena_destroy(arena);
}
END_TEST

TEST_SUITE(translation)
{
	Suite *suite = suite_create("translation");
	TCase *tcase = tcase_create("stretches");

	tcase_add_test(tcase, random_changes);
	tcase_add_test(tcase, out_of_memory_changes_nothing);
	suite_add_tcase(suite, tcase);
	return suite;
}
