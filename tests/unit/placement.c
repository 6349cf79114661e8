/*
 * Placement policies, one test for each and for what they share; rules_place.c has Linux's.
 */
#include <errno.h>
#include <signal.h>

#include "mm/placement.h"
#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define LOWEST PAGE_ALIGN(((1UL << 47) - PAGE_SIZE) / 3) /* where the search begins */
#define GIB    (1UL << 30)
#define M2     (2UL << 20)

static struct world world;
static struct mm_struct *mm;

static void setup(int type, const char *policy)
{
	struct config config;

	config_default(&config);
	config.placement = placement_policy_lookup(policy);
	config.seed = 7;
	world_init(&world, bed_type(type), &config);
	mm = world.mm;
}

static unsigned long anon(unsigned long addr, unsigned long len, unsigned long flags)
{
	return do_mmap(mm, NULL, addr, len, RW, MAP_ANONYMOUS | MAP_PRIVATE | flags, 0);
}

/* Not to be merged with what stands beside it. */
static unsigned long apart(unsigned long addr, unsigned long len)
{
	return do_mmap(mm, NULL, addr, len, PROT_READ,
		       MAP_ANONYMOUS | MAP_PRIVATE | MAP_STACK | (addr ? MAP_FIXED : 0), 0);
}

START_TEST(policies_by_name)
{
	for (unsigned i = 0; placement_policy(i); i++)
		ck_assert_ptr_eq(placement_policy_lookup(placement_policy(i)->name),
				 placement_policy(i));
	ck_assert_str_eq(placement_policy(0)->name, "linux");
	ck_assert_ptr_null(placement_policy_lookup("worst-fit"));
}
END_TEST

START_TEST(topdown_takes_the_highest)
{
	setup(_i, "topdown");
	/* no huge page alignment */
	ck_assert_uint_eq(anon(0, M2, 0), WORLD_TOP - M2);
	ck_assert_uint_eq(anon(0, 3 * P, 0), WORLD_TOP - M2 - 3 * P);
	ck_assert_int_eq(do_munmap(mm, WORLD_TOP - P, P), 0);
	ck_assert_uint_eq(anon(0, 2 * P, 0), WORLD_TOP - M2 - 5 * P);
	ck_assert_uint_eq(anon(0, P, 0), WORLD_TOP - P);
	world_done(&world);
}
END_TEST

START_TEST(bottomup_takes_the_lowest)
{
	setup(_i, "bottomup");
	ck_assert_uint_eq(anon(0, 4 * P, 0), LOWEST);
	ck_assert_uint_eq(anon(0, M2, 0), LOWEST + 4 * P);
	ck_assert_int_eq(do_munmap(mm, LOWEST + P, 2 * P), 0);
	ck_assert_uint_eq(anon(0, 3 * P, 0), LOWEST + 4 * P + M2);
	ck_assert_uint_eq(anon(0, P, 0), LOWEST + P);
	world_done(&world);
}
END_TEST

START_TEST(best_fit_takes_the_smallest)
{
	setup(_i, "best-fit");
	/* gaps of 4, 2 and 3 pages, and two endless ones */
	world_map(mm, 0, 1, RW);
	mm->mmap_base = LOWEST + GIB;
	for (unsigned long page = 0; page <= 12; page++) {
		if (page == 0 || page == 5 || page == 8 || page == 12)
			ck_assert_uint_eq(apart(LOWEST + GIB - (20 - page) * P, P),
					  LOWEST + GIB - (20 - page) * P);
	}
	unsigned long base = LOWEST + GIB - 20 * P;

	ck_assert_uint_eq(anon(0, 3 * P, 0), base + 9 * P);
	ck_assert_uint_eq(anon(0, P, 0), base + 7 * P); /* at the end of the gap of 2 */
	ck_assert_uint_eq(anon(0, P, 0), base + 6 * P);
	ck_assert_uint_eq(anon(0, 2 * P, 0), base + 3 * P);  /* of that of 4 */
	ck_assert_uint_eq(anon(0, 5 * P, 0), base + 15 * P); /* of that of 7 above all */
	ck_assert_uint_eq(anon(0, 6 * P, 0), base - 6 * P);
	world_done(&world);
}
END_TEST

START_TEST(random_is_anywhere_and_the_same_again)
{
	unsigned long at[64], lowest = ~0UL, highest = 0;

	setup(_i, "random");
	for (unsigned i = 0; i < 64; i++) {
		at[i] = anon(0, 4 * P, 0);
		ck_assert_uint_ge(at[i], LOWEST);
		ck_assert_uint_le(at[i], WORLD_TOP - 4 * P);
		lowest = min(lowest, at[i]);
		highest = max(highest, at[i]);
	}
	ck_assert_uint_gt(highest - lowest, (WORLD_TOP - LOWEST) / 2);
	world_done(&world);

	setup(_i, "random");
	for (unsigned i = 0; i < 64; i++)
		ck_assert_uint_eq(anon(0, 4 * P, 0), at[i]);
	world_done(&world);
}
END_TEST

/* The last places are found, wherever the dice fall. */
START_TEST(random_fills_what_there_is)
{
	setup(_i, "random");
	mm->mmap_base = LOWEST + 64 * P;
	for (unsigned i = 0; i < 64; i++) {
		unsigned long at = anon(0, P, 0);

		ck_assert_uint_ge(at, LOWEST);
		ck_assert_uint_lt(at, LOWEST + 64 * P);
	}
	ck_assert_uint_ge(anon(0, P, 0), P); /* then somewhere else */
	world_done(&world);
}
END_TEST

static const char *const others[] = { "topdown", "bottomup", "best-fit", "random" };

static void setup_pair(int i)
{
	setup(i / (int)ARRAY_SIZE(others), others[i % (int)ARRAY_SIZE(others)]);
}

START_TEST(a_free_hint_is_taken)
{
	setup_pair(_i);
	ck_assert_uint_eq(anon(page_at(3) + 100, P, 0), page_at(3));
	ck_assert_uint_ne(anon(page_at(2), 2 * P, 0), page_at(2));
	ck_assert_uint_eq(anon(page_at(2), P, 0), page_at(2));
	world_done(&world);
}
END_TEST

START_TEST(the_heap_has_room)
{
	unsigned long heap = LOWEST + 8 * P, room_end = heap + 64 * GIB;

	setup_pair(_i);
	mm->start_brk = mm->brk = heap;
	mm->mmap_base = room_end + 8 * P;
	for (unsigned i = 0; i < 16; i++) { /* all there is beside the room, page by page */
		unsigned long at = anon(0, P, 0);

		ck_assert(at >= LOWEST && at < mm->mmap_base);
		ck_assert(at < heap || at >= room_end);
	}
	ck_assert(!IS_ERR_VALUE(anon(0, P, 0))); /* anywhere then */
	world_done(&world);
}
END_TEST

START_TEST(guard_gaps_stay_free)
{
	unsigned long stack = LOWEST + 600 * P, at;

	setup_pair(_i);
	mm->mmap_base = stack + P;
	ck_assert_uint_eq(anon(stack, P, MAP_FIXED | MAP_GROWSDOWN), stack);
	for (unsigned i = 0; i < 300; i++) {
		at = anon(0, P, 0);
		ck_assert(at >= LOWEST && at <= stack - 257 * P);
	}
	world_done(&world);
}
END_TEST

START_TEST(map_32bit_is_low)
{
	setup_pair(_i);
	for (unsigned i = 0; i < 8; i++) {
		unsigned long at = anon(0, P, MAP_32BIT);

		ck_assert(at >= 0x40000000 && at < 0x80000000);
	}
	ck_assert_uint_eq(anon(0, 2 * GIB, MAP_32BIT), (unsigned long)-ENOMEM);
	world_done(&world);
}
END_TEST

START_TEST(too_much_is_refused)
{
	setup_pair(_i);
	ck_assert_uint_eq(anon(0, 1UL << 47, 0), (unsigned long)-ENOMEM);
	ck_assert_uint_eq(anon(0, (1UL << 47) - 2 * P, 0), (unsigned long)-ENOMEM);
	world_done(&world);
}
END_TEST

static unsigned long wrong_select(const struct placement *p)
{
	(void)p;
	return page_at(0);
}

/* The seam notices a place that is not free. */
START_TEST(wrong_answers_end_the_program)
{
	static const struct placement_policy wrong = { "wrong", "", wrong_select };

	setup(0, "linux");
	world.machine->config.placement = &wrong;
	ck_assert_uint_eq(anon(0, P, 0), page_at(0));
	anon(0, P, 0);
}
END_TEST

TEST_SUITE(placement)
{
	Suite *suite = suite_create("placement policies");
	TCase *tcase = tcase_create("by index");
	int types = (int)bed_types(), pairs = types * (int)ARRAY_SIZE(others);

	tcase_add_test(tcase, policies_by_name);
	tcase_add_loop_test(tcase, topdown_takes_the_highest, 0, types);
	tcase_add_loop_test(tcase, bottomup_takes_the_lowest, 0, types);
	tcase_add_loop_test(tcase, best_fit_takes_the_smallest, 0, types);
	tcase_add_loop_test(tcase, random_is_anywhere_and_the_same_again, 0, types);
	tcase_add_loop_test(tcase, random_fills_what_there_is, 0, types);
	tcase_add_loop_test(tcase, a_free_hint_is_taken, 0, pairs);
	tcase_add_loop_test(tcase, the_heap_has_room, 0, pairs);
	tcase_add_loop_test(tcase, guard_gaps_stay_free, 0, pairs);
	tcase_add_loop_test(tcase, map_32bit_is_low, 0, pairs);
	tcase_add_loop_test(tcase, too_much_is_refused, 0, pairs);
	tcase_add_test_raise_signal(tcase, wrong_answers_end_the_program, SIGABRT);
	suite_add_tcase(suite, tcase);
	return suite;
}
