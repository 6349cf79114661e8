/*
 * Tests of the generators: workloads/generate/gen.c and workloads/generate/layout.c.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suite.h"
#include "workloads/generate/gen.h"
#include "workloads/generate/layout.h"

#define COUNT 100000

static const size_t sizes[] = { 1, 2, 3, 7, 16, 100, 1000, 5000 };

/* A stream of COUNT numbers below n. */
static uint32_t *stream(gen_stream_fn generate, uint32_t n, uint64_t seed)
{
	uint32_t *out = malloc(COUNT * sizeof(*out));
	struct rng rng;

	rng_seed(&rng, seed);
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(generate(&rng, out, COUNT, n), 0);
	for (size_t i = 0; i < COUNT; i++)
		ck_assert_uint_lt(out[i], n);
	return out;
}

static size_t count(const uint32_t *numbers, uint32_t which)
{
	size_t n = 0;

	for (size_t i = 0; i < COUNT; i++)
		n += numbers[i] == which;
	return n;
}

START_TEST(test_seeded)
{
	static const gen_stream_fn all[] = { gen_uniform, gen_zipf, gen_sequential, gen_local };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		uint32_t *a = stream(all[i], 1000, 1), *b = stream(all[i], 1000, 1);
		uint32_t *c = stream(all[i], 1000, 2), *one = stream(all[i], 1, 1);

		ck_assert_mem_eq(a, b, COUNT * sizeof(*a));
		ck_assert_mem_ne(a, c, COUNT * sizeof(*a));
		free(a), free(b), free(c), free(one);
	}
}
END_TEST

START_TEST(test_uniform)
{
	uint32_t *numbers = stream(gen_uniform, 10, test_seed());

	/* 10,000 are expected with a deviation of 95 */
	for (uint32_t i = 0; i < 10; i++)
		ck_assert_uint_lt(labs((long)count(numbers, i) - COUNT / 10), 10 * 95);
	free(numbers);
}
END_TEST

START_TEST(test_zipf)
{
	uint32_t *numbers = stream(gen_zipf, 1000, test_seed());
	double first = count(numbers, 0), tenth = count(numbers, 9);

	/* weights 1 and 10^-0.99 of 7.7 in all: 13,000 and 1,330 */
	ck_assert(first > 12000 && first < 14000);
	ck_assert(tenth > 1000 && tenth < 1700);
	free(numbers);
}
END_TEST

START_TEST(test_sequential)
{
	uint32_t *numbers = stream(gen_sequential, 77, test_seed());

	for (size_t i = 1; i < COUNT; i++)
		ck_assert_uint_eq(numbers[i], (numbers[i - 1] + 1) % 77);
	free(numbers);
}
END_TEST

START_TEST(test_local)
{
	uint32_t *numbers = stream(gen_local, 100000, test_seed());
	size_t near = 0;

	for (size_t i = 1; i < COUNT; i++)
		near += labs((long)numbers[i] - (long)numbers[i - 1]) <= 8;
	ck_assert(near > COUNT * 0.89 && near < COUNT * 0.91);
	free(numbers);
}
END_TEST

/* Each VMA has a place of its own, and order names the VMAs by address. */
static void check_standing(const struct layout *layout, const uint32_t *standing,
			   const uint32_t *order)
{
	unsigned char *taken = calloc(layout->nplaces, 1);

	for (size_t i = 0; i < layout->vmas; i++) {
		ck_assert_uint_lt(standing[i], layout->nplaces);
		ck_assert(!taken[standing[i]]++);
	}
	for (size_t i = 1; i < layout->vmas; i++)
		ck_assert_uint_lt(standing[order[i - 1]], standing[order[i]]);
	free(taken);
}

START_TEST(test_layout)
{
	struct layout *layout = layout_create(sizes[_i], 1), *again = layout_create(sizes[_i], 1);
	unsigned long end = 0;

	ck_assert(layout && again);
	for (size_t i = 0; i < layout->nplaces; i++) {
		const struct place *place = &layout->places[i];

		ck_assert(place->start >= end && place->start < place->end);
		ck_assert_uint_eq((place->start | place->end) & ~PAGE_MASK, 0);
		end = place->end;
	}
	check_standing(layout, layout->fresh, layout->fresh_order);
	check_standing(layout, layout->aged, layout->aged_order);
	ck_assert_mem_eq(layout->places, again->places, layout->nplaces * sizeof(struct place));
	ck_assert_mem_eq(layout->aged, again->aged, layout->vmas * sizeof(uint32_t));
	layout_destroy(layout);
	layout_destroy(again);
}
END_TEST

/* Does the moves with standing, each of which must be possible. */
static void do_moves(const struct layout *layout, uint32_t *standing, const struct move *moves,
		     size_t n)
{
	unsigned char *taken = calloc(layout->nplaces, 1);

	for (size_t i = 0; i < layout->vmas; i++)
		taken[standing[i]] = 1;
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(standing[moves[i].vma], moves[i].from);
		ck_assert(!taken[moves[i].to]);
		taken[moves[i].from] = 0;
		taken[moves[i].to] = 1;
		standing[moves[i].vma] = moves[i].to;
	}
	free(taken);
}

START_TEST(test_moves)
{
	struct layout *layout = layout_create(sizes[_i], test_seed());
	struct move *churn = malloc(2 * 500 * sizeof(*churn));
	struct rng rng;

	ck_assert(layout && churn);
	do_moves(layout, layout->fresh, layout->moves, layout->nmoves);
	ck_assert_mem_eq(layout->fresh, layout->aged, layout->vmas * sizeof(uint32_t));
	rng_seed(&rng, test_seed());
	ck_assert_int_eq(layout_churn(layout, &rng, churn, 500), 0);
	do_moves(layout, layout->fresh, churn, 500);
	if (layout->vmas > 1)
		ck_assert_mem_ne(layout->fresh, layout->aged, layout->vmas * sizeof(uint32_t));
	do_moves(layout, layout->fresh, churn + 500, 500);
	ck_assert_mem_eq(layout->fresh, layout->aged, layout->vmas * sizeof(uint32_t));
	free(churn);
	layout_destroy(layout);
}
END_TEST

/* How many VMAs lie below the first gap of that length (above the last one, if topdown). */
static size_t depth(const struct layout *layout, unsigned long len, bool topdown)
{
	for (size_t i = 1; i < layout->vmas; i++) {
		size_t at = topdown ? layout->vmas - i : i;
		const struct place *below = layout_aged(layout, layout->aged_order[at - 1]);
		const struct place *above = layout_aged(layout, layout->aged_order[at]);

		if (above->start - below->end >= len)
			return i;
	}
	return 0;
}

START_TEST(test_deep)
{
	struct layout *layout = layout_create(5000, test_seed());
	size_t depths[2] = { 0, 0 };
	struct rng rng;

	rng_seed(&rng, test_seed());
	for (unsigned i = 0; i < 200; i++) {
		unsigned long len = layout_deep_length(layout, &rng);

		for (unsigned topdown = 0; topdown < 2; topdown++) {
			size_t now = depth(layout, len, topdown);

			/* a quarter of the space is passed by, and half is not needed */
			ck_assert(now > 5000 * 0.22 && now < 5000 * 0.53);
			depths[topdown] = max(depths[topdown], now);
		}
	}
	/* and not always the same way */
	ck_assert(depths[0] > 5000 * 0.4 && depths[1] > 5000 * 0.4);
	layout_destroy(layout);
}
END_TEST

START_TEST(test_all_named)
{
	size_t n = 0;

	for (const struct gen *gen; (gen = gen_at(n)); n++)
		ck_assert(*gen->name && *gen->summary);
	ck_assert_uint_ge(n, 4);
}
END_TEST

TEST_SUITE(gen)
{
	Suite *suite = suite_create("gen");
	TCase *streams = tcase_create("streams"), *layouts = tcase_create("layouts");

	tcase_add_test(streams, test_seeded);
	tcase_add_test(streams, test_uniform);
	tcase_add_test(streams, test_zipf);
	tcase_add_test(streams, test_sequential);
	tcase_add_test(streams, test_local);
	tcase_add_test(streams, test_all_named);
	suite_add_tcase(suite, streams);
	tcase_add_loop_test(layouts, test_layout, 0, ARRAY_SIZE(sizes));
	tcase_add_loop_test(layouts, test_moves, 0, ARRAY_SIZE(sizes));
	tcase_add_test(layouts, test_deep);
	suite_add_tcase(suite, layouts);
	return suite;
}
