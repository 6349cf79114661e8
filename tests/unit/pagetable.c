/*
 * Tests of mm/pagetable.c, one matter at a time; random operations are in
 * pagetable_random.c.
 */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "mm/pagetable.h"
#include "tests/suite.h"

#define MB2   (1UL << 21)
#define GB1   (1UL << 30)
#define GB512 (1UL << 39)
#define RW    (PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX | PTE_ACCESSED | PTE_DIRTY)
#define ANON  (RW | PTE_ANON | PTE_EXCLUSIVE)

static struct arena *arena;
static struct frames *frames;
static struct pt_counters counters;

static void setup(void)
{
	arena = arena_create();
	frames = frames_create(0, NULL);
	memset(&counters, 0, sizeof(counters));
}

static size_t arena_objects(void)
{
	struct arena_stats stats;

	arena_stats(arena, &stats);
	return stats.objects;
}

/* All page tables are destroyed: nothing may be left of them. */
static void teardown(void)
{
	ck_assert_uint_eq(arena_objects(), 0);
	ck_assert_uint_eq(frames_in_use(frames), 0);
	ck_assert_int_eq(pfn_to_page(frames, 0)->_refcount, 1);
	ck_assert_int_eq(pfn_to_page(frames, 0)->_mapcount, 0);
	for (unsigned level = 0; level < PT_LEVELS_MAX; level++)
		ck_assert_uint_eq(counters.tables_allocated[level], counters.tables_freed[level]);
	frames_destroy(frames);
	arena_destroy(arena);
}

static void make(struct pagetable *pt, unsigned levels)
{
	ck_assert_int_eq(pt_init(pt, levels, arena, frames, &counters), 0);
}

static void verify(const struct pagetable *pt)
{
	ck_assert_uint_eq(pt_verify(pt, stderr), 0);
}

static struct page *page_at(const struct pagetable *pt, unsigned long addr)
{
	return pfn_to_page(frames, PTE_PFN(pt_get(pt, addr)));
}

/* A new page with its address as content. */
static void map(struct pagetable *pt, unsigned long addr, uint64_t bits)
{
	pfn_t pfn = alloc_page(frames, addr);

	ck_assert_int_eq(pt_map(pt, addr, pfn, bits), 0);
}

static void map_range(struct pagetable *pt, unsigned long lo, unsigned long hi, uint64_t bits)
{
	for (; lo < hi; lo += PAGE_SIZE)
		map(pt, lo, bits);
}

/* [lo, hi) has all its pages, each with the content of the address less delta. */
static void expect_range(const struct pagetable *pt, unsigned long lo, unsigned long hi,
			 unsigned long delta)
{
	ck_assert_uint_eq(pt_populated(pt, lo, hi), (hi - lo) / PAGE_SIZE);
	for (; lo < hi; lo += PAGE_SIZE) {
		if (!pt_get(pt, lo) || page_at(pt, lo)->content != lo - delta)
			ck_abort_msg("wrong page at %#lx", lo);
	}
}

START_TEST(test_levels)
{
	unsigned levels = _i;
	struct pagetable pt;

	make(&pt, levels);
	ck_assert_uint_eq(pt_end(&pt), levels == 4 ? 1UL << 48 : 1UL << 57);
	ck_assert_uint_eq(pt.tables, 1);
	verify(&pt);

	map(&pt, 0x1234567, ANON);
	ck_assert_uint_eq(pt.tables, levels);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, 0x1234000)), ANON);
	ck_assert_uint_eq(pt_get(&pt, 0x1234fff), pt_get(&pt, 0x1234000));
	ck_assert_uint_eq(pt_get(&pt, 0x1235000), 0);
	ck_assert_int_eq(page_at(&pt, 0x1234000)->_mapcount, 1);
	ck_assert_int_eq(page_at(&pt, 0x1234000)->_refcount, 1);

	map(&pt, pt_end(&pt) - 1, ANON);
	ck_assert_uint_eq(pt.tables, 2 * levels - 1);
	ck_assert_uint_eq(pt_get(&pt, pt_end(&pt) / 2), 0);
	ck_assert_uint_eq(pt.rss, 2);
	verify(&pt);
	pt_destroy(&pt);
}
END_TEST

/* Neighbours on both sides of a table's edge, at every level. */
START_TEST(test_edges)
{
	static const unsigned long edge[] = { MB2, GB1, GB512, 1UL << 48, 3 * GB512, 7 * GB1 };
	struct pagetable pt;

	make(&pt, 5);
	for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
		map(&pt, edge[i] - PAGE_SIZE, ANON);
		map(&pt, edge[i], ANON);
		verify(&pt);
		expect_range(&pt, edge[i] - PAGE_SIZE, edge[i] + PAGE_SIZE, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(edge); i++) {
		pt_zap(&pt, edge[i] - PAGE_SIZE, edge[i]);
		ck_assert_uint_eq(pt_get(&pt, edge[i] - PAGE_SIZE), 0);
		ck_assert_uint_eq(page_at(&pt, edge[i])->content, edge[i]);
		verify(&pt);
	}
	ck_assert_uint_eq(pt.rss, ARRAY_SIZE(edge));
	pt_destroy(&pt);
}
END_TEST

/* Memory and work follow what is mapped, not how far apart it is. */
START_TEST(test_proportion)
{
	struct pagetable pt;
	unsigned long addr = 0;
	uint64_t entry;

	make(&pt, 4);
	map(&pt, 0, ANON);
	map(&pt, (1UL << 46) + 5 * MB2, ANON);
	map(&pt, pt_end(&pt) - PAGE_SIZE, ANON);
	ck_assert_uint_eq(pt.tables, 1 + 3 * 3);
	ck_assert_uint_eq(arena_objects(), 1 + 3 * 3);
	ck_assert(pt_next(&pt, &addr, pt_end(&pt), &entry) && addr == 0);
	addr = 1;
	ck_assert(pt_next(&pt, &addr, pt_end(&pt), &entry) && addr == (1UL << 46) + 5 * MB2);
	ck_assert(!pt_next(&pt, &addr, addr, &entry));
	ck_assert_uint_eq(pt_populated(&pt, 0, pt_end(&pt)), 3);

	uint64_t before = counters.entries_touched;
	pt_protect(&pt, 0, pt_end(&pt), PTE_PRESENT | PTE_USER, 0);
	ck_assert_uint_eq(counters.entries_touched - before, 3 * PT_ENTRIES);
	ck_assert_uint_eq(counters.tlb_flushes, 1);
	ck_assert_uint_eq(counters.tlb_pages, 3);
	verify(&pt);
	pt_zap(&pt, PAGE_SIZE, pt_end(&pt));
	ck_assert_uint_eq(pt.tables, 1 + 3 * 3);
	pt_free_tables(&pt, PAGE_SIZE, pt_end(&pt), PAGE_SIZE, pt_end(&pt));
	ck_assert_uint_eq(pt.tables, 4);
	pt_zap(&pt, 0, PAGE_SIZE);
	pt_free_tables(&pt, 0, PAGE_SIZE, 0, pt_end(&pt));
	ck_assert_uint_eq(pt.tables, 1);
	ck_assert_uint_eq(counters.tlb_flushes, 3);
	pt_zap(&pt, 0, pt_end(&pt)); /* nothing there: no flush */
	ck_assert_uint_eq(counters.tlb_flushes, 3);
	verify(&pt);
	pt_destroy(&pt);
}
END_TEST

START_TEST(test_zap)
{
	struct pagetable pt;

	make(&pt, 4);
	map_range(&pt, GB1 - 3 * MB2, GB1 + 3 * MB2, ANON);
	ck_assert_uint_eq(pt.tables, 1 + 1 + 2 + 6);
	ck_assert_uint_eq(frames_in_use(frames), 6 * PT_ENTRIES);

	pt_zap(&pt, GB1 - 2 * MB2 + PAGE_SIZE, GB1 + MB2); /* 3 tables but for a page */
	ck_assert_uint_eq(pt.tables, 1 + 1 + 2 + 6);
	ck_assert(pt_has_table(&pt, GB1) && !pt_has_table(&pt, GB1 + 3 * MB2));
	pt_free_tables(&pt, GB1 - 2 * MB2 + PAGE_SIZE, GB1 + MB2, GB1 - MB2 + PAGE_SIZE, GB1 + MB2);
	ck_assert_uint_eq(pt.tables, 1 + 1 + 2 + 5); /* the floor is in the second one */
	ck_assert(!pt_has_table(&pt, GB1) && pt_has_table(&pt, GB1 - MB2));
	pt_free_tables(&pt, GB1 - 2 * MB2 + PAGE_SIZE, GB1 + MB2, 0, pt_end(&pt));
	ck_assert_uint_eq(pt.tables, 1 + 1 + 2 + 4);
	ck_assert_uint_eq(pt.rss, 3 * PT_ENTRIES + 1);
	ck_assert_uint_eq(frames_in_use(frames), pt.rss);
	ck_assert_uint_eq(counters.tlb_pages, 3 * PT_ENTRIES - 1);
	expect_range(&pt, GB1 - 3 * MB2, GB1 - 2 * MB2 + PAGE_SIZE, 0);
	expect_range(&pt, GB1 + MB2, GB1 + 3 * MB2, 0);
	verify(&pt);
	pt_destroy(&pt);
}
END_TEST

/* The table that pt_map() remembers comes and goes. */
START_TEST(test_last)
{
	struct pagetable pt;

	make(&pt, 4);
	for (int i = 0; i < 3; i++) {
		map(&pt, GB1, ANON);
		map(&pt, GB1 + PAGE_SIZE, ANON);
		verify(&pt);
		if (i == 1)
			map(&pt, GB1 + MB2, ANON); /* keeps the table above */
		pt_zap(&pt, GB1, GB1 + MB2);
		ck_assert_uint_eq(pt_get(&pt, GB1), 0);
		verify(&pt);
	}
	pt_destroy(&pt);
}
END_TEST

START_TEST(test_update)
{
	struct pagetable pt;
	pfn_t copy;

	make(&pt, 4);
	ck_assert_int_eq(pt_map(&pt, MB2, 0, PTE_PRESENT | PTE_USER), 0); /* read: zero page */
	get_page(frames, 0);
	copy = alloc_page(frames, 77);
	pt_update(&pt, MB2, pte_make(copy, ANON)); /* write: a page */
	ck_assert_int_eq(pfn_to_page(frames, 0)->_refcount, 1);
	ck_assert_int_eq(pfn_to_page(frames, copy)->_mapcount, 1);
	ck_assert_uint_eq(counters.tlb_pages, 1);

	pt_update(&pt, MB2, pt_get(&pt, MB2) & ~PTE_WRITE);
	ck_assert_uint_eq(counters.tlb_pages, 2);
	pt_update(&pt, MB2, pt_get(&pt, MB2) | PTE_WRITE); /* more rights need no flush */
	pt_update(&pt, MB2, pt_get(&pt, MB2) & ~PTE_ACCESSED);
	ck_assert_uint_eq(counters.tlb_pages, 2);
	pt_update(&pt, MB2, pt_get(&pt, MB2) & ~PTE_DIRTY);
	ck_assert_uint_eq(counters.tlb_flushes, 3);
	ck_assert_int_eq(pfn_to_page(frames, copy)->_refcount, 1);
	verify(&pt);
	pt_destroy(&pt);
}
END_TEST

START_TEST(test_protect)
{
	const unsigned long lo = GB1 - PAGE_SIZE, hi = GB1 + 3 * PAGE_SIZE;
	const uint64_t prot_r = PTE_PRESENT | PTE_USER | PTE_NX, prot_rw = prot_r | PTE_WRITE;
	const uint64_t kept = PTE_ANON | PTE_ACCESSED | PTE_DIRTY;
	struct pagetable pt;

	make(&pt, 4);
	map_range(&pt, lo, hi, ANON);
	map(&pt, hi, ANON);
	pt_protect(&pt, lo, hi, prot_r, 0);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, lo)), prot_r | kept | PTE_EXCLUSIVE);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, hi)), ANON);
	ck_assert_uint_eq(counters.tlb_pages, 4);
	ck_assert_uint_eq(counters.tlb_flushes, 1);

	/* WRITE comes back where the page is known to be this mm's alone */
	pt_update(&pt, GB1, pt_get(&pt, GB1) & ~PTE_EXCLUSIVE);
	pt_protect(&pt, lo, hi, prot_rw, PTE_EXCLUSIVE);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, lo)), prot_rw | kept | PTE_EXCLUSIVE);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, GB1)), prot_r | kept);
	ck_assert_uint_eq(counters.tlb_flushes, 1);
	pt_protect(&pt, lo, hi, prot_rw & ~PTE_NX, ~(uint64_t)0);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, GB1)), (prot_rw & ~PTE_NX) | kept);
	ck_assert_uint_eq(counters.tlb_flushes, 1);
	pt_protect(&pt, lo, hi, prot_rw, PTE_DIRTY); /* NX is a right less */
	ck_assert_uint_eq(counters.tlb_flushes, 2);

	/* PROT_NONE keeps the pages; the next mprotect brings them back */
	pt_protect(&pt, lo, hi, PTE_PROTNONE, 0);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, lo)), PTE_PROTNONE | kept | PTE_EXCLUSIVE);
	ck_assert_uint_eq(pt.rss, 5);
	expect_range(&pt, lo, hi, 0);
	verify(&pt);
	ck_assert_uint_eq(counters.tlb_flushes, 3);
	pt_protect(&pt, lo, hi, prot_rw, PTE_EXCLUSIVE);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, lo)), prot_rw | kept | PTE_EXCLUSIVE);
	ck_assert_uint_eq(PTE_BITS(pt_get(&pt, GB1)), prot_r | kept);
	ck_assert_uint_eq(counters.tlb_flushes, 3); /* the TLB had nothing of it */
	expect_range(&pt, lo, hi, 0);
	verify(&pt);
	pt_destroy(&pt);
}
END_TEST

/* Whole tables where both places are aligned, entries otherwise. */
static const struct move_case {
	unsigned long old, new, len;
	uint64_t tables, entries; /* moved */
} move_cases[] = {
	{ GB1, 3 * GB1, 2 * MB2, 2, 0 },
	{ GB1, GB1 + 2 * MB2, 2 * MB2, 2, 0 },
	{ GB1, GB512 + GB1 + MB2, MB2 + PAGE_SIZE, 1, 1 },
	{ GB1 - PAGE_SIZE, GB512 - PAGE_SIZE, 3 * MB2, 2, 512 },
	{ GB1, GB512 - PAGE_SIZE, 2 * MB2, 0, 1024 },
	{ GB1, GB1 + 3 * PAGE_SIZE, 3 * PAGE_SIZE, 0, 3 },
	{ GB1 + 3 * PAGE_SIZE, GB1, 3 * PAGE_SIZE, 0, 3 },
	/* down by its own length, so that a table is emptied before it is filled again */
	{ GB1 + GB1 / 2, GB1 / 2, GB1, 512, 0 },
	{ GB1 + GB1 / 2 + MB2, GB1 / 2 + PAGE_SIZE, MB2, 0, 512 },
	{ 0, (1UL << 48) - MB2, MB2, 1, 0 },
};

START_TEST(test_move)
{
	const struct move_case *c = &move_cases[_i];
	size_t pages = c->len / PAGE_SIZE;
	struct pagetable pt;

	make(&pt, 4);
	map_range(&pt, c->old, c->old + c->len, ANON);
	ck_assert_uint_eq(counters.entries_touched, pages);
	ck_assert_int_eq(pt_move(&pt, c->old, c->new, c->len), 0);
	ck_assert_uint_eq(counters.entries_touched - pages, 2 * c->entries);
	verify(&pt);
	ck_assert_uint_eq(pt_populated(&pt, c->old, c->old + c->len), 0);
	expect_range(&pt, c->new, c->new + c->len, c->new - c->old);
	ck_assert_uint_eq(pt.rss, pages);
	ck_assert_uint_eq(counters.tables_moved, c->tables);
	ck_assert_uint_eq(counters.entries_moved, c->entries);
	ck_assert_uint_eq(counters.tlb_pages, pages);
	ck_assert_uint_eq(counters.tlb_flushes, 1);
	pt_destroy(&pt);
}
END_TEST

/* A few pages in a wide range, with gaps where a table would be. */
START_TEST(test_move_sparse)
{
	const unsigned long old = GB512 + 3 * PAGE_SIZE, new = 7 * GB512 + 9 * PAGE_SIZE;
	const unsigned long at[] = { 0, 5 * PAGE_SIZE, MB2 - PAGE_SIZE, 9 * GB1, GB512 };
	struct pagetable pt;

	make(&pt, 4);
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		map(&pt, old + at[i], ANON);
	ck_assert_int_eq(pt_move(&pt, old, new, 2 * GB512), 0);
	verify(&pt);
	ck_assert_uint_eq(pt.rss, ARRAY_SIZE(at));
	for (size_t i = 0; i < ARRAY_SIZE(at); i++)
		expect_range(&pt, new + at[i], new + at[i] + PAGE_SIZE, new - old);
	pt_destroy(&pt);
}
END_TEST

START_TEST(test_fork_private)
{
	const unsigned long lo = GB1 - 2 * PAGE_SIZE, hi = GB1 + 2 * PAGE_SIZE;
	struct pagetable parent, child;
	pfn_t copy;

	make(&parent, 4);
	make(&child, 4);
	map_range(&parent, lo, hi, ANON);
	get_page(frames, 0);
	ck_assert_int_eq(pt_map(&parent, hi, 0, PTE_PRESENT | PTE_USER | PTE_NX), 0);
	ck_assert_int_eq(pt_copy(&child, &parent, lo, hi + PAGE_SIZE, true), 0);
	ck_assert_uint_eq(counters.tlb_flushes, 0);
	pt_flush(&parent);
	pt_flush(&parent);
	ck_assert_uint_eq(counters.tlb_flushes, 1);
	ck_assert_uint_eq(counters.tlb_pages, 4);
	ck_assert_uint_eq(counters.entries_copied, 5);
	verify(&parent);
	verify(&child);
	ck_assert_uint_eq(frames_in_use(frames), 4);
	ck_assert_int_eq(page_at(&child, lo)->_mapcount, 2);
	ck_assert_int_eq(page_at(&child, lo)->_refcount, 2);
	ck_assert_uint_eq(pt_get(&parent, lo) & (PTE_WRITE | PTE_EXCLUSIVE), 0);
	ck_assert_uint_eq(pt_get(&child, lo), pt_get(&parent, lo) & ~PTE_ACCESSED);
	ck_assert_uint_ne(pt_get(&child, lo) & PTE_DIRTY, 0);

	/* the child writes: a copy for it, and the parent has the page to itself again */
	copy = alloc_page(frames, page_at(&child, lo)->content + 1);
	pt_update(&child, lo, pte_make(copy, ANON));
	ck_assert_uint_eq(page_at(&parent, lo)->content, lo);
	ck_assert_uint_eq(page_at(&child, lo)->content, lo + 1);
	ck_assert_int_eq(page_at(&parent, lo)->_mapcount, 1);
	verify(&parent);
	verify(&child);
	pt_destroy(&parent);
	ck_assert_uint_eq(frames_in_use(frames), 4);
	expect_range(&child, lo + PAGE_SIZE, hi, 0);
	pt_destroy(&child);
}
END_TEST

START_TEST(test_fork_shared)
{
	struct pagetable parent, child;

	make(&parent, 5);
	make(&child, 5);
	map(&parent, 1UL << 50, RW);
	ck_assert_int_eq(pt_copy(&child, &parent, 1UL << 50, 1UL << 51, false), 0);
	pt_flush(&parent);
	ck_assert_uint_eq(counters.tlb_flushes, 0);
	ck_assert_uint_eq(PTE_BITS(pt_get(&parent, 1UL << 50)), RW);
	ck_assert_uint_eq(PTE_BITS(pt_get(&child, 1UL << 50)), RW & ~(PTE_ACCESSED | PTE_DIRTY));
	page_at(&parent, 1UL << 50)->content = 5;
	ck_assert_uint_eq(page_at(&child, 1UL << 50)->content, 5);
	verify(&parent);
	verify(&child);
	pt_destroy(&child);
	pt_destroy(&parent);
}
END_TEST

/* The hash depends on addresses, bits and contents, and not on the frames. */
START_TEST(test_hash)
{
	struct pagetable a, b;
	uint64_t hash;

	make(&a, 4);
	make(&b, 4);
	ck_assert_uint_eq(pt_hash(&a, HASH_START), HASH_START);
	map_range(&a, GB1, GB1 + MB2, ANON);
	for (unsigned long addr = GB1 + MB2; addr > GB1; addr -= PAGE_SIZE)
		map(&b, addr - PAGE_SIZE, ANON);
	hash = pt_hash(&a, HASH_START);
	ck_assert_uint_eq(pt_hash(&b, HASH_START), hash);
	ck_assert_uint_ne(pt_hash(&b, 1), hash);

	page_at(&b, GB1)->content++;
	ck_assert_uint_ne(pt_hash(&b, HASH_START), hash);
	page_at(&b, GB1)->content--;
	pt_update(&b, GB1, pt_get(&b, GB1) & ~PTE_DIRTY);
	ck_assert_uint_ne(pt_hash(&b, HASH_START), hash);
	pt_update(&b, GB1, pt_get(&b, GB1) | PTE_DIRTY);
	ck_assert_uint_eq(pt_hash(&b, HASH_START), hash);
	ck_assert_int_eq(pt_move(&b, GB1, 2 * GB1, MB2), 0);
	ck_assert_uint_ne(pt_hash(&b, HASH_START), hash);
	pt_destroy(&a);
	pt_destroy(&b);
}
END_TEST

/* Each allocation of an operation fails in turn, and leaves nothing behind. */
START_TEST(test_fail)
{
	const struct move_case *c = &move_cases[_i];
	size_t objects, in_use;
	struct pagetable pt, child;
	uint64_t hash;
	pfn_t pfn;
	int err;

	arena_fail_at(arena, 1);
	ck_assert_int_eq(pt_init(&pt, 5, arena, frames, &counters), -ENOMEM);
	arena_fail_at(arena, 0);
	make(&pt, 5);
	make(&child, 5);
	pfn = alloc_page(frames, 0);
	for (unsigned long n = 1; n <= 4; n++) {
		arena_fail_at(arena, n);
		ck_assert_int_eq(pt_map(&pt, 1UL << 56, pfn, ANON), -ENOMEM);
		ck_assert_uint_eq(arena_objects(), 2);
		verify(&pt);
	}
	arena_fail_at(arena, 5);
	ck_assert_int_eq(pt_map(&pt, 1UL << 56, pfn, ANON), 0);
	arena_fail_at(arena, 0);

	map_range(&pt, c->old, c->old + c->len, ANON);
	hash = pt_hash(&pt, HASH_START);
	objects = arena_objects();
	in_use = frames_in_use(frames);
	for (unsigned long n = 1;; n++) {
		arena_fail_at(arena, n);
		err = pt_move(&pt, c->old, c->new, c->len);
		if (!err)
			break;
		ck_assert_int_eq(err, -ENOMEM);
		ck_assert_uint_eq(arena_objects(), objects);
		ck_assert_uint_eq(pt_hash(&pt, HASH_START), hash);
		verify(&pt);
	}
	ck_assert_uint_eq(counters.tlb_flushes, 1);
	expect_range(&pt, c->new, c->new + c->len, c->new - c->old);

	for (unsigned long n = 1;; n++) {
		arena_fail_at(arena, n);
		err = pt_copy(&child, &pt, 0, pt_end(&pt), true);
		verify(&pt);
		verify(&child);
		if (!err)
			break;
		ck_assert_int_eq(err, -ENOMEM);
		pt_zap(&child, 0, pt_end(&child));
		pt_free_tables(&child, 0, pt_end(&child), 0, pt_end(&child));
		ck_assert_uint_eq(child.tables, 1);
		ck_assert_uint_eq(frames_in_use(frames), in_use);
	}
	expect_range(&pt, c->new, c->new + c->len, c->new - c->old);
	expect_range(&child, c->new, c->new + c->len, c->new - c->old);
	arena_fail_at(arena, 0);
	pt_destroy(&pt);
	pt_destroy(&child);
}
END_TEST

/* pt_verify names each invariant that is broken on purpose. */
START_TEST(test_verify)
{
	struct pagetable pt;
	uint64_t *upper, *up, *pte, kept;
	struct page *page;

	make(&pt, 4);
	map(&pt, GB1, ANON);
	verify(&pt);
	up = pt.last;
	pte = &pt_table(*up)[0];
	page = page_at(&pt, GB1);

	*up += PT_COUNT_ONE;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 1);
	*up -= PT_COUNT_ONE;
	pt.root += PT_COUNT_ONE;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 1);
	pt.root -= PT_COUNT_ONE;

	upper = &pt_table(pt_table(pt.root)[0])[1];
	kept = *up;
	*up = 0;
	*upper -= PT_COUNT_ONE;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 2);
	*up = kept;
	*upper += PT_COUNT_ONE;

	pt.rss++;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 3);
	pt.rss--;
	pt.tables--;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 3);
	pt.tables++;

	*pte ^= PTE_PRESENT;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 4);
	*pte ^= PTE_PRESENT | PTE_ANON;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 4);
	*pte ^= PTE_ANON;

	page->_mapcount = 0;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 5);
	page->_mapcount = 2;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 5);
	page->_refcount = 2; /* enough for two, but it is EXCLUSIVE */
	ck_assert_uint_eq(pt_verify(&pt, NULL), 5);
	page->_mapcount = page->_refcount = 1;

	pt.last_addr += MB2;
	ck_assert_uint_eq(pt_verify(&pt, NULL), 6);
	pt.last_addr -= MB2;
	verify(&pt);
	pt_destroy(&pt);
}
END_TEST

TEST_SUITE(pagetable)
{
	Suite *suite = suite_create("pagetable");
	TCase *tcase = tcase_create("page tables");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_levels, 4, 6);
	tcase_add_test(tcase, test_edges);
	tcase_add_test(tcase, test_proportion);
	tcase_add_test(tcase, test_zap);
	tcase_add_test(tcase, test_last);
	tcase_add_test(tcase, test_update);
	tcase_add_test(tcase, test_protect);
	tcase_add_loop_test(tcase, test_move, 0, ARRAY_SIZE(move_cases));
	tcase_add_test(tcase, test_move_sparse);
	tcase_add_test(tcase, test_fork_private);
	tcase_add_test(tcase, test_fork_shared);
	tcase_add_test(tcase, test_hash);
	tcase_add_loop_test(tcase, test_fail, 0, ARRAY_SIZE(move_cases));
	tcase_add_test(tcase, test_verify);
	suite_add_tcase(suite, tcase);
	return suite;
}
