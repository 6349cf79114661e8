/*
 * Random operations on mm/pagetable.c, a parent's and a child's tables, against
 * arrays of what must be where.  Allocations fail now and then.
 */
#include <string.h>

#include "base/rng.h"
#include "mm/page_cache.h"
#include "mm/pagetable.h"
#include "tests/suite.h"

#define STEPS   30000
#define MMS     2
#define WINDOW  1400 /* pages: two to four leaf tables */
#define WINDOWS ARRAY_SIZE(window)
#define PAGES   (WINDOWS * WINDOW)
#define RIGHTS  (PTE_PRESENT | PTE_USER | PTE_NX)

/* The pages that the test uses: windows at and across edges of tables, in address order. */
static const unsigned long window[] = {
	0,
	(1UL << 30) - 600 * PAGE_SIZE,
	(1UL << 30) + (1UL << 23),
	(1UL << 39) - 3 * PAGE_SIZE,
	(1UL << 40),
	(1UL << 48) - WINDOW *PAGE_SIZE,
};

/* What is at a page: nothing if bits is 0. */
struct expected {
	uint64_t bits, content;
};

static struct arena *arena;
static struct frames *frames;
static struct pt_counters counters;
static struct page_cache file;
static struct rng rng;
static struct pagetable pt[MMS];
static struct expected expected[MMS][PAGES];
static uint64_t contents; /* the last one that was written */

static unsigned long page_addr(size_t i)
{
	return window[i / WINDOW] + i % WINDOW * PAGE_SIZE;
}

/* A range of pages, mostly short, mostly within a window; as addresses. */
static void random_range(unsigned long *lo, unsigned long *hi)
{
	size_t from = rng_below(&rng, PAGES), most = PAGES - from;

	if (!rng_one_in(&rng, 30))
		most = min(most, (size_t)(rng_one_in(&rng, 3) ? WINDOW : 20));
	*lo = page_addr(from);
	*hi = page_addr(from + rng_below(&rng, most)) + PAGE_SIZE;
}

static void do_fault(unsigned mm)
{
	size_t i = rng_below(&rng, PAGES);
	struct expected *e = &expected[mm][i];
	unsigned long addr = page_addr(i) + rng_below(&rng, PAGE_SIZE);
	uint64_t bits = RIGHTS | PTE_ACCESSED, entry = pt_get(&pt[mm], addr);
	pfn_t pfn;

	switch (rng_below(&rng, 3)) {
	case 0: /* the zero page */
		pfn = 0;
		get_page(frames, pfn);
		break;
	case 1: /* a file's page */
		pfn = page_cache_get(&file, frames, i);
		get_page(frames, pfn);
		break;
	default: /* an anonymous one: also a copy of whatever is there */
		pfn = alloc_page(frames, ++contents);
		bits |= PTE_ANON | PTE_EXCLUSIVE | PTE_WRITE | PTE_DIRTY;
	}
	if (entry) {
		if (PTE_PFN(entry) == pfn)
			put_page(frames, pfn); /* the entry has a reference already */
		pt_update(&pt[mm], addr, pte_make(pfn, bits));
	} else if (pt_map(&pt[mm], addr, pfn, bits)) {
		put_page(frames, pfn);
		return;
	}
	*e = (struct expected){ bits, pfn_to_page(frames, pfn)->content };
}

/* Only the bits change: those that a CPU or a fault would change. */
static void do_bits(unsigned mm)
{
	size_t i = rng_below(&rng, PAGES);
	struct expected *e = &expected[mm][i];

	if (!e->bits)
		return;
	e->bits ^= rng_next(&rng) & (PTE_ACCESSED | PTE_DIRTY | PTE_WRITE | PTE_NX);
	pt_update(&pt[mm], page_addr(i), pte_make(PTE_PFN(pt_get(&pt[mm], page_addr(i))), e->bits));
}

static void do_zap(unsigned mm)
{
	unsigned long lo, hi;

	random_range(&lo, &hi);
	pt_zap(&pt[mm], lo, hi);
	for (size_t i = 0; i < PAGES; i++) {
		if (page_addr(i) >= lo && page_addr(i) < hi)
			expected[mm][i].bits = 0;
	}
}

static void do_protect(unsigned mm)
{
	static const uint64_t write_if[] = { 0, PTE_EXCLUSIVE, PTE_DIRTY, ~(uint64_t)0 };
	uint64_t given = write_if[rng_below(&rng, ARRAY_SIZE(write_if))], prot = PTE_PROTNONE;
	unsigned long lo, hi;

	if (!rng_one_in(&rng, 4))
		prot = RIGHTS | (rng_next(&rng) & PTE_WRITE);
	random_range(&lo, &hi);
	pt_protect(&pt[mm], lo, hi, prot, given);
	for (size_t i = 0; i < PAGES; i++) {
		struct expected *e = &expected[mm][i];
		bool may_write = e->bits & given;

		if (!e->bits || page_addr(i) < lo || page_addr(i) >= hi)
			continue;
		e->bits = (e->bits & (PTE_ACCESSED | PTE_DIRTY | PTE_ANON | PTE_EXCLUSIVE)) | prot;
		if (!may_write)
			e->bits &= ~PTE_WRITE;
	}
}

/* The page at the start of i's leaf table, if that is in the same window; or i. */
static size_t table_start(size_t i)
{
	size_t back = page_addr(i) / PAGE_SIZE % PT_ENTRIES;

	return back <= i % WINDOW ? i - back : i;
}

/* From window to window; every other time aligned, so that tables may move whole. */
static void do_move(unsigned mm)
{
	size_t from = rng_below(&rng, PAGES), to = rng_below(&rng, PAGES), most, len;
	struct expected *e = expected[mm];

	if (rng_one_in(&rng, 2)) {
		from = table_start(from);
		to = table_start(to);
	}
	most = WINDOW - max(from % WINDOW, to % WINDOW);
	len = 1 + rng_below(&rng, rng_one_in(&rng, 2) ? most : min(most, (size_t)20));
	if (from < to + len && to < from + len)
		return;
	pt_zap(&pt[mm], page_addr(to), page_addr(to) + len * PAGE_SIZE);
	memset(&e[to], 0, len * sizeof(*e));
	if (pt_move(&pt[mm], page_addr(from), page_addr(to), len * PAGE_SIZE))
		return;
	memcpy(&e[to], &e[from], len * sizeof(*e));
	memset(&e[from], 0, len * sizeof(*e));
}

/* What a copy that failed did to an entry of the parent: nothing, or all of it. */
static void half_forked(struct expected *e, uint64_t bits, uint64_t lost)
{
	if (bits != e->bits && bits != (e->bits & ~lost))
		ck_abort_msg("a failed copy left %#lx of %#lx", bits, e->bits);
	e->bits = bits;
}

/* The other mm is emptied, and becomes this one's child. */
static void do_fork(unsigned mm)
{
	struct pagetable *parent = &pt[mm], *child = &pt[!mm];
	bool cow = rng_next(&rng) & 1;
	uint64_t lost = PTE_EXCLUSIVE | (cow ? PTE_WRITE : 0);
	unsigned long lo, hi;
	int err;

	pt_zap(child, 0, pt_end(child));
	memset(expected[!mm], 0, sizeof(expected[0]));
	random_range(&lo, &hi);
	err = pt_copy(child, parent, lo, hi, cow);
	if (err)
		pt_zap(child, 0, pt_end(child));
	pt_flush(parent);
	for (size_t i = 0; i < PAGES; i++) {
		struct expected *from = &expected[mm][i], *to = &expected[!mm][i];

		if (!from->bits || page_addr(i) < lo || page_addr(i) >= hi)
			continue;
		if (err) {
			half_forked(from, PTE_BITS(pt_get(parent, page_addr(i))), lost);
			continue;
		}
		from->bits &= ~lost;
		*to = *from;
		to->bits &= ~(PTE_ACCESSED | (cow ? 0 : PTE_DIRTY));
	}
}

/* Everything that is in the page tables is expected, and the other way round. */
static void compare(unsigned mm)
{
	unsigned long addr = 0;
	uint64_t entry;

	for (size_t i = 0; i < PAGES; i++) {
		const struct expected *e = &expected[mm][i];

		if (!e->bits)
			continue;
		if (!pt_next(&pt[mm], &addr, pt_end(&pt[mm]), &entry) || addr != page_addr(i))
			ck_abort_msg("no page at %#lx, or one before", page_addr(i));
		if (PTE_BITS(entry) != e->bits)
			ck_abort_msg("%#lx: bits %#lx, not %#lx", addr, PTE_BITS(entry), e->bits);
		if (pfn_to_page(frames, PTE_PFN(entry))->content != e->content)
			ck_abort_msg("%#lx: another page's content", addr);
		addr += PAGE_SIZE;
	}
	if (pt_next(&pt[mm], &addr, pt_end(&pt[mm]), &entry))
		ck_abort_msg("a page at %#lx", addr);
	ck_assert_uint_eq(pt_verify(&pt[mm], stderr), 0);
}

/* pt_populated and pt_get, which have ways of their own. */
static void compare_range(unsigned mm)
{
	size_t populated = 0, i = rng_below(&rng, PAGES);
	unsigned long lo, hi;

	random_range(&lo, &hi);
	for (size_t j = 0; j < PAGES; j++) {
		if (page_addr(j) >= lo && page_addr(j) < hi)
			populated += expected[mm][j].bits != 0;
	}
	ck_assert_uint_eq(pt_populated(&pt[mm], lo, hi), populated);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt[mm], page_addr(i))), expected[mm][i].bits);
}

static void random_step(void)
{
	unsigned mm = rng_below(&rng, MMS), what = rng_below(&rng, 100);

	if (rng_one_in(&rng, 4))
		arena_fail_at(arena, rng_between(&rng, 1, 6));
	if (what < 25) {
		for (unsigned n = rng_below(&rng, 200); n; n--)
			do_fault(mm);
	} else if (what < 45) {
		do_bits(mm);
	} else if (what < 60) {
		do_zap(mm);
	} else if (what < 78) {
		do_protect(mm);
	} else if (what < 98) {
		do_move(mm);
	} else {
		do_fork(mm);
	}
	arena_fail_at(arena, 0);
}

static void expect_nothing_left(void)
{
	struct arena_stats stats;

	arena_stats(arena, &stats);
	ck_assert_uint_eq(stats.objects, 0);
	page_cache_destroy(&file, frames);
	ck_assert_uint_eq(frames_in_use(frames), 0);
	ck_assert_int_eq(pfn_to_page(frames, 0)->_refcount, 1);
	for (unsigned level = 0; level < PT_LEVELS_MAX; level++)
		ck_assert_uint_eq(counters.tables_allocated[level], counters.tables_freed[level]);
}

START_TEST(test_random)
{
	arena = arena_create();
	frames = frames_create(0, NULL);
	page_cache_init(&file, 1);
	rng_seed(&rng, test_seed() + _i);
	memset(expected, 0, sizeof(expected));
	memset(&counters, 0, sizeof(counters));
	for (unsigned mm = 0; mm < MMS; mm++)
		ck_assert_int_eq(pt_init(&pt[mm], _i, arena, frames, &counters), 0);
	for (int step = 0; step < STEPS; step++) {
		random_step();
		if (rng_one_in(&rng, 16)) {
			compare(0);
			compare(1);
		}
		compare_range(step & 1);
	}
	ck_assert_uint_gt(counters.tables_moved, 0);
	ck_assert_uint_gt(counters.entries_moved, 0);
	ck_assert_uint_gt(counters.entries_copied, 0);
	for (unsigned mm = 0; mm < MMS; mm++)
		pt_destroy(&pt[mm]);
	expect_nothing_left();
	frames_destroy(frames);
	arena_destroy(arena);
}
END_TEST

TEST_SUITE(pagetable_random)
{
	Suite *suite = suite_create("pagetable_random");
	TCase *tcase = tcase_create("random operations");

	tcase_add_loop_test(tcase, test_random, 4, 6);
	suite_add_tcase(suite, tcase);
	return suite;
}
