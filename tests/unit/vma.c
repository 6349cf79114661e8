/*
 * Tests of mm/vma.c, mm/edit.c and of the limits: finding, inserting, splitting, counting.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

static struct world world;
static struct mm_struct *mm;

static void setup(int type)
{
	world_init(&world, bed_type(type), NULL);
	mm = world.mm;
}

static void teardown(void)
{
	world_done(&world);
}

START_TEST(find)
{
	struct vm_area_struct *a, *b, *prev;

	setup(_i);
	ck_assert_ptr_null(find_vma(mm, 0));
	ck_assert_ptr_null(find_vma_prev(mm, page_at(0), &prev));
	ck_assert_ptr_null(prev);
	world_map(mm, 2, 2, RW);
	world_map(mm, 6, 2, RW);
	a = world_vma(mm, 2);
	b = world_vma(mm, 6);
	for (int round = 0; round < 2; round++) {
		ck_assert_ptr_eq(find_vma(mm, 0), a);
		ck_assert_ptr_eq(find_vma(mm, page_at(4) - 1), a);
		ck_assert_ptr_eq(find_vma(mm, page_at(4)), b);
		ck_assert_ptr_null(find_vma(mm, page_at(8)));
		ck_assert_ptr_null(vma_lookup(mm, page_at(4)));
		ck_assert_ptr_eq(vma_lookup(mm, page_at(6)), b);
		ck_assert_ptr_null(vma_lookup(mm, page_at(8)));
		ck_assert_ptr_null(find_vma_intersection(mm, page_at(0), page_at(2)));
		ck_assert_ptr_null(find_vma_intersection(mm, page_at(4), page_at(6)));
		ck_assert_ptr_eq(find_vma_intersection(mm, page_at(0), page_at(2) + 1), a);
		ck_assert_ptr_eq(find_vma_intersection(mm, page_at(3), page_at(9)), a);
		ck_assert_ptr_eq(find_vma_intersection(mm, page_at(4), page_at(9)), b);
		ck_assert_ptr_eq(find_vma_prev(mm, page_at(2), &prev), a);
		ck_assert_ptr_null(prev);
		ck_assert_ptr_eq(find_vma_prev(mm, page_at(5), &prev), b);
		ck_assert_ptr_eq(prev, a);
		ck_assert_ptr_null(find_vma_prev(mm, page_at(9), &prev));
		ck_assert_ptr_eq(prev, b);
	}
	ck_assert_uint_gt(world.machine->finds.cache_hits, 0);
	teardown();
}
END_TEST

/* The same random change in mm and other. */
static void change_both(struct mm_struct *other, struct rng *rng)
{
	unsigned long page = rng_below(rng, WORLD_PAGES), n = rng_between(rng, 1, 5);
	unsigned long prot = rng_one_in(rng, 2) ? RW : PROT_READ;

	switch (rng_below(rng, 4)) {
	case 0:
		world_map(mm, page, n, prot);
		world_map(other, page, n, prot);
		break;
	case 1:
		ck_assert_int_eq(do_munmap(mm, page_at(page), n * P),
				 do_munmap(other, page_at(page), n * P));
		break;
	case 2:
		ck_assert_int_eq(do_mprotect(mm, page_at(page), n * P, prot, -1),
				 do_mprotect(other, page_at(page), n * P, prot, -1));
	}
}

/* Lookups nearby and far away find the same in both. */
static void find_in_both(struct mm_struct *other, struct rng *rng)
{
	unsigned long addr = page_at(rng_below(rng, WORLD_PAGES + 8));

	for (unsigned i = 0; i < 6; i++, addr += rng_below(rng, 3) * P) {
		struct vm_area_struct *a = find_vma(mm, addr), *b = find_vma(other, addr);

		ck_assert_int_eq(!a, !b);
		if (a && (a->vm_start != b->vm_start || a->vm_end != b->vm_end))
			ck_abort_msg("%s: %#lx: %#lx, %#lx", mm->machine->config.find_cache->name,
				     addr, a->vm_start, b->vm_start);
	}
}

static void changes_nothing(int type, const struct find_cache *cache)
{
	struct task_struct thread = { 0 };
	struct config config;
	struct world other;
	struct rng rng;

	config_default(&config);
	config.find_cache = cache;
	world_init(&world, bed_type(type), &config);
	mm = world.mm;
	config.find_cache = find_cache_lookup("none");
	world_init(&other, bed_type(type), &config);
	ck_assert_int_eq(copy_mm(CLONE_VM, &thread, &world.task), 0);
	rng_seed(&rng, test_seed());
	for (unsigned i = 0; i < 1500; i++) {
		world.machine->task = rng_one_in(&rng, 2) ? &thread : &world.task;
		change_both(other.mm, &rng);
		find_in_both(other.mm, &rng);
		if (i % 100 == 0)
			ck_assert_ptr_null(mm_verify(mm, stderr));
	}
	ck_assert_uint_eq(mm_hash(mm, 1), mm_hash(other.mm, 1));
	ck_assert_uint_eq(world.machine->finds.calls, other.machine->finds.calls);
	ck_assert_int_eq(world.machine->finds.cache_hits > 0, cache->find != NULL);
	ck_assert_uint_eq(other.machine->finds.cache_hits, 0);
	mmput(mm);
	world_done(&other);
	teardown();
}

/* Random changes and lookups of two threads: with each find cache and with none, the same. */
START_TEST(find_cache_changes_nothing)
{
	const struct find_cache *cache;

	for (unsigned i = 0; (cache = find_cache(i)); i++)
		changes_nothing(_i, cache);
}
END_TEST

/* Each find of addrs, of pages, hits if hits says so ('+'). */
static void ck_hits(const char *name, const char *pages, const char *hits)
{
	uint64_t *count = &world.machine->finds.cache_hits;

	for (unsigned i = 0; pages[i]; i++) {
		uint64_t before = *count;

		find_vma(mm, page_at((unsigned long)(pages[i] - 'a')));
		ck_assert_msg((*count > before) == (hits[i] == '+'), "%s: find %u of %s", name, i,
			      pages);
	}
}

/* What each cache knows: VMAs at pages b, d, f and h. */
START_TEST(find_caches_hit)
{
	static const struct {
		const char *cache, *pages, *hits;
	} cases[] = {
		{ "none", "bbbbb", "-----" },
		{ "mmap_cache", "bbddbab", "-+-+--+" }, /* a: before b, no hit, but b stays */
		{ "vmacache", "bbdfbdf", "-+---+-" },   /* b and f want the same slot */
		{ "finger", "bbdfhgfa", "-+++++--" },
		{ "finger", "acdbfj", "-++---" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config;

		config_default(&config);
		config.find_cache = find_cache_lookup(cases[i].cache);
		ck_assert_ptr_nonnull(config.find_cache);
		world_init(&world, bed_type(_i), &config);
		mm = world.mm;
		for (unsigned long page = 1; page <= 7; page += 2)
			world_map(mm, page, 1, RW);
		ck_hits(cases[i].cache, cases[i].pages, cases[i].hits);
		ck_assert_int_eq(do_munmap(mm, page_at(7), P), 0);
		ck_hits(cases[i].cache, "b", "-"); /* a VMA has gone: it is empty */
		teardown();
	}
	ck_assert_ptr_null(find_cache_lookup("no such"));
}
END_TEST

static struct vm_area_struct *new_vma(unsigned long page, unsigned long npages)
{
	struct vma_desc desc = {
		.start = page_at(page),
		.end = page_at(page + npages),
		.flags = VM_READ,
		.pgoff = page_at(page) >> PAGE_SHIFT,
	};
	struct vm_area_struct *vma = vm_area_alloc(mm, &desc);

	ck_assert_ptr_nonnull(vma);
	return vma;
}

START_TEST(insert)
{
	static const unsigned long overlaps[][2] = {
		{ 1, 2 }, { 4, 1 }, { 5, 2 }, { 0, 9 }, { 2, 4 },
	};

	setup(_i);
	ck_assert_int_eq(insert_vm_struct(mm, new_vma(2, 4)), 0);
	ck_assert_int_eq(insert_vm_struct(mm, new_vma(6, 2)), 0); /* no merging */
	ck_assert_int_eq(insert_vm_struct(mm, new_vma(0, 1)), 0);
	ck_layout(mm, "A.BBBBCC");
	for (size_t i = 0; i < ARRAY_SIZE(overlaps); i++) {
		struct vm_area_struct *vma = new_vma(overlaps[i][0], overlaps[i][1]);

		ck_assert_int_eq(insert_vm_struct(mm, vma), -ENOMEM);
		vm_area_free(vma);
	}
	ck_layout(mm, "A.BBBBCC");
	ck_assert_uint_eq(mm->total_vm, 7);
	teardown();
}
END_TEST

START_TEST(split)
{
	struct vm_area_struct *low, *high;

	setup(_i);
	world_map_file(mm, world.file, 0, 8, RW, 100);
	world_write(mm, page_at(6));
	ck_assert_int_eq(split_vma(mm, world_vma(mm, 0), page_at(3)), 0);
	ck_layout(mm, "AAABBBBB");
	low = world_vma(mm, 0);
	high = world_vma(mm, 3);
	ck_assert_uint_eq(low->vm_pgoff, 100);
	ck_assert_uint_eq(high->vm_pgoff, 103);
	ck_assert_ptr_eq(low->anon_vma, high->anon_vma);
	ck_assert_uint_eq(low->vm_flags, high->vm_flags);
	ck_assert_ptr_eq(high->vm_file, world.file);
	ck_assert_uint_eq(mm->map_count, 2);
	ck_assert_uint_eq(mm->total_vm, 8);
	teardown();
}
END_TEST

static int note_part(struct vm_area_struct *vma, unsigned long start, unsigned long end, void *arg)
{
	char **at = arg;

	(void)vma;
	*at += sprintf(*at, "%lu-%lu ", (start - WORLD_BASE) / P, (end - WORLD_BASE) / P);
	return start == page_at(20) ? -EACCES : 0;
}

START_TEST(walk)
{
	static const struct {
		unsigned long start, end;
		enum vma_walk_gaps gaps;
		int result;
		const char *parts;
	} cases[] = {
		{ 1, 7, HOLE_STOPS, 0, "1-4 4-7 " },
		{ 1, 11, HOLE_STOPS, -ENOMEM, "1-4 4-8 " },
		{ 1, 11, HOLE_NOTED, -ENOMEM, "1-4 4-8 10-11 " },
		{ 1, 11, HOLE_IGNORED, 0, "1-4 4-8 10-11 " },
		{ 8, 10, HOLE_STOPS, -ENOMEM, "" },
		{ 8, 10, HOLE_NOTED, -ENOMEM, "" },
		{ 8, 10, HOLE_IGNORED, 0, "" },
		{ 11, 60, HOLE_IGNORED, -EACCES, "11-12 20-22 " },
		{ 11, 11, HOLE_STOPS, 0, "" },
	};

	setup(_i);
	world_map(mm, 0, 4, RW);
	world_map(mm, 4, 4, PROT_READ);
	world_map(mm, 10, 2, RW);
	world_map(mm, 20, 2, RW);
	world_map(mm, 30, 2, RW);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[100] = "", *at = text;

		ck_assert_int_eq(vma_walk(mm, page_at(cases[i].start), page_at(cases[i].end),
					  cases[i].gaps, note_part, &at),
				 cases[i].result);
		ck_assert_str_eq(text, cases[i].parts);
	}
	ck_assert_int_eq(vma_walk(mm, page_at(0), page_at(8), HOLE_STOPS, NULL, NULL), 0);
	ck_assert_int_eq(vma_walk(mm, page_at(0), page_at(9), HOLE_STOPS, NULL, NULL), -ENOMEM);
	teardown();
}
END_TEST

/* ---- limits ---- */

static long map_anywhere(unsigned long npages, unsigned long prot)
{
	return (long)do_mmap(mm, NULL, 0, npages * P, prot, ANON, 0);
}

START_TEST(limit_as)
{
	setup(_i);
	world.machine->config.limits.as = 10 * P;
	world_map(mm, 0, 8, RW);
	ck_assert_int_eq(map_anywhere(3, RW), -ENOMEM);
	ck_assert_int_eq((long)do_mremap(mm, page_at(0), 8 * P, 11 * P, MREMAP_MAYMOVE, 0),
			 -ENOMEM);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 3 * P), WORLD_HEAP);
	/* refused in the middle of a VMA: it has been cut at both ends by then */
	world.machine->config.limits.as = 7 * P;
	ck_assert_int_eq((long)do_mmap(mm, NULL, page_at(2), 2 * P, RW, ANON | MAP_FIXED, 0),
			 -ENOMEM);
	ck_layout(mm, "AABBCCCC");
	world.machine->config.limits.as = 10 * P;
	/* what is replaced does not count */
	world_map(mm, 0, 10, PROT_READ);
	ck_assert_int_eq(do_munmap(mm, page_at(2), 2 * P), 0);
	ck_assert_int_gt(map_anywhere(2, RW), 0);
	ck_assert_int_eq(map_anywhere(1, RW), -ENOMEM);
	teardown();
}
END_TEST

START_TEST(limit_data)
{
	setup(_i);
	world.machine->config.limits.data = 10 * P;
	world_map(mm, 0, 8, RW);
	world_map(mm, 20, 8, PROT_READ);
	ck_assert_uint_eq(mm->data_vm, 8);
	ck_assert_int_eq(map_anywhere(3, RW), -ENOMEM);
	ck_assert_int_gt(map_anywhere(3, PROT_READ), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(20), 3 * P, RW, -1), -ENOMEM);
	ck_assert_int_eq(do_mprotect(mm, page_at(20), 2 * P, RW, -1), 0);
	ck_assert_uint_eq(mm->data_vm, 10);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + P), WORLD_HEAP);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 4 * P, PROT_NONE, -1), 0);
	ck_assert_uint_eq(mm->data_vm, 6);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + P), WORLD_HEAP + P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 11 * P), WORLD_HEAP + P);
	teardown();
}
END_TEST

START_TEST(limit_memlock)
{
	setup(_i);
	world.machine->config.limits.ipc_lock = false;
	world.machine->config.limits.memlock = 4 * P;
	world_map(mm, 0, 8, RW);
	ck_assert_int_eq(do_mlock(mm, page_at(0), 5 * P, false), -ENOMEM);
	ck_assert_int_eq(do_mlock(mm, page_at(0), 4 * P, false), 0);
	ck_assert_int_eq(do_mlock(mm, page_at(0), 4 * P, false), 0); /* locked already */
	ck_assert_int_eq(do_mlock(mm, page_at(4), P, false), -ENOMEM);
	ck_assert_int_eq((long)do_mmap(mm, NULL, 0, P, RW, ANON | MAP_LOCKED, 0), -EAGAIN);
	ck_assert_int_eq((long)do_mremap(mm, page_at(0), 4 * P, 5 * P, MREMAP_MAYMOVE, 0), -EAGAIN);
	ck_assert_int_eq(do_mlockall(mm, MCL_CURRENT), -ENOMEM);
	ck_assert_int_eq(do_munlock(mm, page_at(0), 8 * P), 0);
	ck_assert_int_eq(do_mlockall(mm, MCL_FUTURE), 0);
	ck_assert_int_eq((long)do_mmap(mm, NULL, 0, 5 * P, RW, ANON, 0), -EAGAIN);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 5 * P), WORLD_HEAP);
	ck_assert_uint_eq(mm->locked_vm, 0);
	teardown();
}
END_TEST

/* ---- locked memory is counted right ---- */

START_TEST(locked_vm)
{
	setup(_i);
	world_map(mm, 0, 8, RW);
	ck_assert_int_eq(do_mlock(mm, page_at(1) + 5, 2 * P, false), 0); /* rounded */
	ck_layout(mm, "ABBBCCCC");
	ck_assert_uint_eq(mm->locked_vm, 3);
	ck_assert_uint_eq(
		do_mremap(mm, page_at(1), 3 * P, 3 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(20)),
		page_at(20));
	ck_assert_uint_eq(mm->locked_vm, 3);
	ck_assert_uint_eq(do_mremap(mm, page_at(20), 3 * P, 5 * P, 0, 0), page_at(20));
	ck_assert_uint_eq(mm->locked_vm, 5);
	ck_assert_uint_eq(mm->pgd.rss, 5); /* what grew is filled */
	ck_assert_uint_eq(do_mremap(mm, page_at(20), 5 * P, P, 0, 0), page_at(20));
	ck_assert_uint_eq(mm->locked_vm, 1);
	ck_assert_int_eq(do_mlockall(mm, MCL_CURRENT | MCL_FUTURE), 0);
	ck_assert_uint_eq(mm->locked_vm, mm->total_vm);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 2 * P), WORLD_HEAP + 2 * P);
	world_map(mm, 40, 2, RW);
	ck_assert_uint_eq(mm->locked_vm, mm->total_vm);
	ck_assert_uint_eq(mm->pgd.rss, mm->total_vm);
	ck_assert_int_eq(do_madvise(mm, page_at(0), P, MADV_DONTNEED), -EINVAL);
	ck_assert_int_eq(do_munmap(mm, page_at(40), P), 0);
	ck_assert_uint_eq(mm->locked_vm, mm->total_vm);
	ck_assert_int_eq(do_munlockall(mm), 0);
	ck_assert_uint_eq(mm->locked_vm, 0);
	world_map(mm, 50, 2, RW);
	ck_assert_uint_eq(mm->locked_vm, 0);
	ck_assert_int_eq(do_mlockall(mm, 0), -EINVAL);
	ck_assert_int_eq(do_mlockall(mm, MCL_ONFAULT), -EINVAL);
	teardown();
}
END_TEST

TEST_SUITE(vma)
{
	Suite *suite = suite_create("vma");
	TCase *finding = tcase_create("finding and editing"), *limits = tcase_create("limits");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(finding, find, 0, types);
	tcase_add_loop_test(finding, find_cache_changes_nothing, 0, types);
	tcase_add_loop_test(finding, find_caches_hit, 0, types);
	tcase_add_loop_test(finding, insert, 0, types);
	tcase_add_loop_test(finding, split, 0, types);
	tcase_add_loop_test(finding, walk, 0, types);
	suite_add_tcase(suite, finding);
	tcase_add_loop_test(limits, limit_as, 0, types);
	tcase_add_loop_test(limits, limit_data, 0, types);
	tcase_add_loop_test(limits, limit_memlock, 0, types);
	tcase_add_loop_test(limits, locked_vm, 0, types);
	suite_add_tcase(suite, limits);
	return suite;
}
