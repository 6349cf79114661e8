/*
 * What mm/pagetable.c counts, and what it tells of how much there is: every operation by
 * exact numbers, of all counters, those that stay the same too.
 */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "mm/pagetable.h"
#include "tests/suite.h"

#define MB2  (1UL << 21)
#define GB1  (1UL << 30)
#define RW   (PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX | PTE_ACCESSED | PTE_DIRTY)
#define RO   (PTE_PRESENT | PTE_USER | PTE_NX)
#define ANON (RW | PTE_ANON | PTE_EXCLUSIVE)

static struct arena *arena;
static struct frames *frames;
static struct pt_counters counters, before;
static struct pagetable pt, child;

static const char *const names[] = {
	"tables_allocated[0]", "tables_allocated[1]", "tables_allocated[2]", "tables_allocated[3]",
	"tables_allocated[4]", "tables_freed[0]",     "tables_freed[1]",     "tables_freed[2]",
	"tables_freed[3]",     "tables_freed[4]",     "entries_touched",     "entries_copied",
	"entries_moved",       "tables_moved",        "huge_mapped",         "huge_split",
	"tlb_flushes",         "tlb_pages",
};
_Static_assert(sizeof(counters) == ARRAY_SIZE(names) * sizeof(uint64_t), "a name is missing");

/* All that was counted since the last time; fields that are not named: nothing. */
#define counted(...) check_counted(&(struct pt_counters){ __VA_ARGS__ }, __LINE__)

static void check_counted(const struct pt_counters *expected, int line)
{
	const uint64_t *right = (const uint64_t *)expected, *now = (const uint64_t *)&counters;
	const uint64_t *then = (const uint64_t *)&before;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_msg(now[i] - then[i] == right[i], "line %d: %s: %lu, not %lu", line,
			      names[i], now[i] - then[i], right[i]);
	before = counters;
}

static void setup(void)
{
	arena = arena_create();
	frames = frames_create(0, NULL);
	memset(&counters, 0, sizeof(counters));
	memset(&before, 0, sizeof(before));
	ck_assert_int_eq(pt_init(&pt, 4, arena, frames, &counters), 0);
	counted(.tables_allocated = { 0, 0, 0, 1 });
	ck_assert_int_eq(pt_init(&child, 4, arena, frames, &counters), 0);
	before = counters;
}

static void teardown(void)
{
	ck_assert_uint_eq(pt_verify(&pt, stderr), 0);
	pt_destroy(&pt);
	pt_destroy(&child);
	ck_assert_uint_eq(frames_in_use(frames), 0);
	frames_destroy(frames);
	arena_destroy(arena);
}

static void map(unsigned long addr, uint64_t bits)
{
	ck_assert_int_eq(pt_map(&pt, addr, alloc_page(frames, addr), bits), 0);
}

static void map_huge(unsigned long addr)
{
	ck_assert_int_eq(pt_map_huge(&pt, addr, alloc_huge_page(frames, addr), ANON), 0);
}

START_TEST(one_page)
{
	map(GB1, ANON);
	counted(.tables_allocated = { 1, 1, 1 }, .entries_touched = 1);
	map(GB1 + PAGE_SIZE, ANON);
	counted(.entries_touched = 1);
	map(GB1 - PAGE_SIZE, ANON);
	counted(.tables_allocated = { 1, 1 }, .entries_touched = 1);
	pt_update(&pt, GB1, pt_get(&pt, GB1));
	counted(.entries_touched = 1);
	pt_update(&pt, GB1, pt_get(&pt, GB1) & ~PTE_WRITE);
	counted(.entries_touched = 1, .tlb_flushes = 1, .tlb_pages = 1);
	arena_fail_at(arena, 2); /* one table is made, and goes again */
	ck_assert_int_eq(pt_map(&pt, 3 * GB1, 1, ANON), -ENOMEM);
	arena_fail_at(arena, 0);
	counted(.tables_allocated = { 0, 1 }, .tables_freed = { 0, 1 });
}
END_TEST

/* Each visits all entries of the part of the range that has tables, empty ones too. */
START_TEST(ranges)
{
	const unsigned long lo = GB1 - 3 * PAGE_SIZE, hi = GB1 + 7 * PAGE_SIZE;

	map(GB1 - PAGE_SIZE, ANON);
	map(GB1, RW);
	map(GB1 + PAGE_SIZE, ANON);
	map(hi, ANON);
	before = counters;
	pt_protect(&pt, lo, hi, RO | PTE_WRITE, 0);
	counted(.entries_touched = 10, .tlb_flushes = 1, .tlb_pages = 3);
	pt_protect(&pt, lo, hi, RO, 0);
	counted(.entries_touched = 10);
	pt_zap_kinds(&pt, lo, hi, PT_GUARDS);
	counted(.entries_touched = 10);
	pt_zap_kinds(&pt, lo, hi, PT_FILE);
	counted(.entries_touched = 10, .tlb_flushes = 1, .tlb_pages = 1);
	pt_zap(&pt, 0, GB1 + MB2);
	counted(.entries_touched = 1024, .tlb_flushes = 1, .tlb_pages = 3);
	pt_zap(&pt, 0, pt_end(&pt)); /* empty tables are visited as others are */
	counted(.entries_touched = 1024);
	pt_free_tables(&pt, lo, hi, GB1, pt_end(&pt));
	counted(.tables_freed = { 1, 1 });
	pt_free_tables(&pt, lo, hi, 0, GB1 - 1);
	counted();
	pt_free_tables(&pt, lo, hi, 0, GB1);
	counted(.tables_freed = { 1, 1, 1 });
	pt_zap(&pt, 0, pt_end(&pt));
	counted();
}
END_TEST

/* Entries seen, and those written in the copy. */
START_TEST(copies)
{
	map(GB1 - PAGE_SIZE, ANON);
	map(GB1, RW);
	map(GB1 + 9 * PAGE_SIZE, ANON);
	before = counters;
	ck_assert_int_eq(pt_copy(&child, &pt, GB1 - 2 * PAGE_SIZE, GB1 + 9 * PAGE_SIZE, true), 0);
	counted(.tables_allocated = { 2, 2, 1 }, .entries_touched = 11 + 2, .entries_copied = 2);
	pt_flush(&pt);
	counted(.tlb_flushes = 1, .tlb_pages = 2);
	ck_assert_int_eq(pt_copy(&child, &pt, GB1 + 9 * PAGE_SIZE, GB1 + MB2, false), 0);
	counted(.entries_touched = 503 + 1, .entries_copied = 1);
	pt_flush(&pt);
	counted();
	ck_assert_uint_eq(pt_rss(&child), 3);
}
END_TEST

START_TEST(moves)
{
	map(GB1, ANON);
	map(GB1 + MB2, ANON);
	map(GB1 + MB2 + 5 * PAGE_SIZE, ANON);
	before = counters;
	/* a table whole, and of the next one an entry; the last is behind the range */
	ck_assert_int_eq(pt_move(&pt, GB1, 5 * GB1, MB2 + 5 * PAGE_SIZE), 0);
	counted(.tables_allocated = { 1, 1 }, .entries_touched = 5 + 1, .entries_moved = 1,
		.tables_moved = 1, .tlb_flushes = 1, .tlb_pages = 2);
	/* a table without anything in it goes along; where nothing is, nothing happens */
	pt_zap(&pt, 5 * GB1, 5 * GB1 + MB2);
	before = counters;
	ck_assert_int_eq(pt_move(&pt, 5 * GB1, 7 * GB1, MB2), 0);
	counted(.tables_allocated = { 0, 1 }, .tables_moved = 1);
	ck_assert_int_eq(pt_move(&pt, 20 * GB1, 30 * GB1, GB1), 0);
	counted();
}
END_TEST

START_TEST(huge_pages)
{
	map_huge(GB1);
	counted(.tables_allocated = { 1, 1, 1 }, .huge_mapped = 1, .entries_touched = 1);
	ck_assert_int_eq(pt_copy(&child, &pt, GB1, GB1 + MB2, true), 0);
	/* the old entry; the new one as it is mapped, and as it is copied */
	counted(.tables_allocated = { 1, 1, 1 }, .huge_mapped = 1, .entries_touched = 3,
		.entries_copied = 1);
	pt_flush(&pt);
	counted(.tlb_flushes = 1, .tlb_pages = 1);
	pt_protect(&pt, GB1, GB1 + MB2, RO, 0);
	counted(.entries_touched = 1);
	pt_protect(&pt, GB1, GB1 + MB2, PTE_PROTNONE, 0);
	counted(.entries_touched = 1, .tlb_flushes = 1, .tlb_pages = 1);
	pt_protect(&pt, GB1, GB1 + MB2, RO, 0);
	before = counters;
	pt_zap(&child, GB1, GB1 + MB2);
	counted(.tables_freed = { 1, 1, 1 }, .entries_touched = 1, .tlb_flushes = 1,
		.tlb_pages = 1);
	ck_assert_int_eq(pt_move(&pt, GB1, GB1 + MB2, MB2), 0);
	counted(.entries_touched = 2, .entries_moved = 1, .tlb_flushes = 1, .tlb_pages = 1);
	ck_assert_uint_eq(pt.huge, 1);
	ck_assert_uint_eq(child.huge, 0);
	pt_split_huge(&pt, GB1 + MB2);
	counted(.huge_split = 1, .entries_touched = 512, .tlb_flushes = 1, .tlb_pages = 1);
	pt_split_huge(&pt, GB1 + MB2); /* it is none any more */
	pt_split_huge(&pt, GB1);
	counted();
	map_huge(GB1);
	before = counters;
	pt_zap(&pt, GB1 + PAGE_SIZE, GB1 + 2 * PAGE_SIZE);
	counted(.huge_split = 1, .entries_touched = 512 + 1, .tlb_flushes = 2, .tlb_pages = 2);
	for (unsigned long n = 1; n <= 2; n++) { /* the deposit, or the way to the entry */
		arena_fail_at(arena, n);
		ck_assert_int_eq(pt_map_huge(&pt, 8 * GB1, 0, ANON), -ENOMEM);
		counted(.tables_allocated = { n - 1 }, .tables_freed = { n - 1 });
	}
	arena_fail_at(arena, 0);
}
END_TEST

/* A page of a pool is one entry of level 1 or 2. */
START_TEST(pool_pages)
{
	for (unsigned level = 1; level <= 2; level++) {
		pfn_t pfn = alloc_page(frames, 7);

		ck_assert_int_eq(pt_map_hugetlb(&pt, GB1, level, pfn, ANON), 0);
		counted(.tables_allocated = { 0, level == 1, 1 }, .entries_touched = 1);
		ck_assert_uint_eq(pt.hugetlb, level == 1 ? 512 : 512 * 512);
		ck_assert_uint_eq(pt_rss(&pt), 0);
		pt_update(&pt, GB1, pt_get(&pt, GB1) & ~PTE_WRITE);
		counted(.entries_touched = 1, .tlb_flushes = 1, .tlb_pages = 1);
		ck_assert_uint_eq(pt_unmap_hugetlb(&pt, GB1), pfn);
		counted(.tables_freed = { 0, level == 1, 1 }, .entries_touched = 1);
		pt_flush(&pt);
		counted(.tlb_flushes = 1, .tlb_pages = 1);
		ck_assert_uint_eq(pt.hugetlb, 0);
		put_page(frames, pfn);
	}
}
END_TEST

/* How much there is in any part of a range; asking counts nothing. */
START_TEST(populated)
{
	static const struct {
		unsigned long lo, hi;
		size_t pages;
	} cases[] = {
		{ 0, 1UL << 48, 3 + 512 },
		{ 0, GB1, 1 },
		{ GB1, GB1, 0 },
		{ GB1, GB1 + PAGE_SIZE, 1 },
		{ GB1 + PAGE_SIZE, GB1 + 3 * PAGE_SIZE, 0 },
		{ GB1 - PAGE_SIZE, GB1 + PAGE_SIZE, 2 },
		{ GB1 + PAGE_SIZE, GB1 + MB2, 1 },
		{ GB1, GB1 + MB2, 2 },
		{ GB1, GB1 + MB2 - PAGE_SIZE, 1 },
		{ GB1 + MB2, GB1 + 2 * MB2, 512 },
		{ GB1 + MB2, GB1 + MB2 + PAGE_SIZE, 1 },
		{ GB1 + MB2 + 3 * PAGE_SIZE, GB1 + MB2 + 10 * PAGE_SIZE, 7 },
		{ GB1 + MB2 - PAGE_SIZE, GB1 + MB2 + 3 * PAGE_SIZE, 4 },
		{ GB1 + 2 * MB2 - PAGE_SIZE, 1UL << 48, 1 },
		{ GB1 + 2 * MB2, 1UL << 48, 0 },
	};

	map(GB1 - PAGE_SIZE, ANON);
	map(GB1, RW);
	map(GB1 + MB2 - PAGE_SIZE, PTE_PROTNONE | PTE_ANON);
	map_huge(GB1 + MB2);
	before = counters;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(pt_populated(&pt, cases[i].lo, cases[i].hi) == cases[i].pages,
			      "case %zu: %zu", i, pt_populated(&pt, cases[i].lo, cases[i].hi));
	ck_assert_uint_eq(pt_rss(&pt), 3 + 512);
	ck_assert(pt_has_table(&pt, GB1) && !pt_has_table(&pt, GB1 + MB2));
	pt_hash(&pt, HASH_START);
	counted();
}
END_TEST

/* Shared: the same numbers, and what each region has is part of the sum. */
START_TEST(shared)
{
	map(GB1 + 3 * MB2, ANON);
	ck_assert_int_eq(pt_share(&pt), 0);
	before = counters;
	for (unsigned long i = 0; i < 3; i++)
		map(i * MB2, ANON);
	counted(.tables_allocated = { 3, 1 }, .entries_touched = 3);
	ck_assert_uint_eq(pt_rss(&pt), 4);
	pt_zap(&pt, 0, pt_end(&pt));
	counted(.entries_touched = 4 * 512, .tlb_flushes = 1, .tlb_pages = 4);
	ck_assert_uint_eq(pt_rss(&pt), 0);
	pt_free_tables(&pt, 0, pt_end(&pt), 0, pt_end(&pt));
	counted(.tables_freed = { 4, 2, 1 });
	ck_assert_ptr_nonnull(pt.retired); /* of the upper ones, after a grace period */
	pt_free_retired(&pt);
	ck_assert_ptr_null(pt.retired);
	counted();
}
END_TEST

TEST_SUITE(pagetable_counters)
{
	const TTest *const tests[] = {
		one_page, ranges, copies, moves, huge_pages, pool_pages, populated, shared,
	};
	Suite *suite = suite_create("pagetable_counters");
	TCase *tcase = tcase_create("counters");

	tcase_add_checked_fixture(tcase, setup, teardown);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	return suite;
}
