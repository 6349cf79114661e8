/*
 * What mseal and mremap refuse, and each bound beside the last that they take: a refusal
 * leaves the layout as it was.
 */
#include <errno.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define MOVE MREMAP_MAYMOVE
#define TO   (MREMAP_MAYMOVE | MREMAP_FIXED)
#define KEEP (MREMAP_MAYMOVE | MREMAP_DONTUNMAP)

static struct world world;
static struct mm_struct *mm;
static struct config *config;

/* Pages 0 to 7 writable, 8 to 11 readable, 14 to 17 of a file, shared. */
static const char layout[] = "AAAAAAAABBBB..CCCC";

static void setup(int type)
{
	world_init(&world, bed_type(type), NULL);
	mm = world.mm;
	config = &world.machine->config;
	world_map(mm, 0, 8, RW);
	world_map(mm, 8, 4, PROT_READ);
	ck_assert_uint_eq(
		do_mmap(mm, world.file, page_at(14), 4 * P, RW, MAP_SHARED | MAP_FIXED, 0),
		page_at(14));
	ck_layout(mm, layout);
}

static void teardown(void)
{
	world_done(&world);
}

static long mremap_pages(unsigned long page, unsigned long old, unsigned long new,
			 unsigned long flags, unsigned long to)
{
	return (long)do_mremap(mm, page_at(page), old * P, new *P, flags, page_at(to));
}

#define refused(call, error)                           \
	do {                                           \
		ck_assert_int_eq((long)(call), error); \
		ck_layout(mm, layout);                 \
	} while (0)

#define taken(call, page) ck_assert_uint_eq((unsigned long)(call), page_at(page))

START_TEST(mremap_arguments)
{
	unsigned long task_size;

	setup(_i);
	task_size = config->task_size;
	refused(mremap_pages(0, 4, 4, MOVE | 8, 0), -EINVAL);
	refused(mremap_pages(0, 4, 4, 1UL << 32, 0), -EINVAL);
	refused(do_mremap(mm, page_at(0) + 1, P, P, MOVE, 0), -EINVAL);
	refused(mremap_pages(0, 4, 0, MOVE, 0), -EINVAL);
	refused(do_mremap(mm, page_at(0), P, task_size + P, MOVE, 0), -EINVAL);
	refused(do_mremap(mm, page_at(0), P, ~0UL, MOVE, 0), -EINVAL);
	refused(mremap_pages(0, 4, 4, MREMAP_FIXED, 30), -EINVAL);
	refused(mremap_pages(0, 4, 4, MREMAP_DONTUNMAP, 30), -EINVAL);
	refused(mremap_pages(0, 4, 5, KEEP, 30), -EINVAL);
	refused(mremap_pages(0, 4, 3, KEEP, 30), -EINVAL);
	refused(do_mremap(mm, page_at(0), P, P, TO, page_at(30) + 1), -EINVAL);
	refused(do_mremap(mm, page_at(0), 2 * P, 2 * P, TO, task_size - P), -EINVAL);
	refused(do_mremap(mm, page_at(0), P, P, TO, task_size), -EINVAL);
	/* of a hint as much is asked as of a fixed place */
	refused(do_mremap(mm, page_at(0), P, P, KEEP, page_at(30) + 1), -EINVAL);
	refused(do_mremap(mm, page_at(0), P, P, KEEP, task_size), -EINVAL);
	refused(do_mremap(mm, page_at(0), P, task_size, MOVE, 0), -ENOMEM);
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 2 * P, 2 * P, TO, task_size - 2 * P),
			  task_size - 2 * P);
	ck_assert_int_eq(do_munmap(mm, task_size - 2 * P, 2 * P), 0);
	/* lengths are rounded up */
	taken(do_mremap(mm, page_at(2), 6 * P - 1, 5 * P + 1, TO, page_at(40)), 40);
	teardown();
}
END_TEST

START_TEST(mremap_onto_itself)
{
	setup(_i);
	refused(mremap_pages(2, 2, 2, TO, 2), -EINVAL);
	refused(mremap_pages(2, 2, 2, TO, 1), -EINVAL);
	refused(mremap_pages(2, 2, 2, TO, 3), -EINVAL);
	refused(mremap_pages(2, 4, 1, TO, 5), -EINVAL);
	refused(mremap_pages(4, 1, 4, TO, 1), -EINVAL);
	/* beside itself, on either side */
	taken(mremap_pages(2, 2, 2, TO, 4), 4);
	taken(mremap_pages(4, 2, 2, TO, 2), 2);
	teardown();
}
END_TEST

START_TEST(mremap_across_an_end)
{
	setup(_i);
	/* to grow, all of the old range has to be one VMA's */
	refused(mremap_pages(4, 5, 9, MOVE, 0), -EFAULT);
	refused(mremap_pages(4, 5, 9, TO, 30), -EFAULT);
	refused(mremap_pages(10, 3, 4, MOVE, 0), -EFAULT);
	/* to shrink by a move, what is left of it; a fixed place of the same size takes several */
	refused(mremap_pages(4, 7, 5, TO, 30), -EFAULT);
	refused(mremap_pages(4, 5, 5, KEEP, 40), -EFAULT);
	refused(mremap_pages(12, 2, 2, TO, 30), -EFAULT);
	refused(mremap_pages(12, 2, 1, MOVE, 0), -EFAULT);
	taken(mremap_pages(4, 7, 4, TO, 30), 30);
	ck_layout(mm, "AAAA.......B..CCCC............DDDD");
	taken(mremap_pages(2, 10, 10, TO, 50), 50);
	/* to shrink in place, or not at all, nothing is asked but the first page */
	taken(mremap_pages(14, 10, 10, 0, 0), 14);
	taken(mremap_pages(14, 10, 1, 0, 0), 14);
	teardown();
}
END_TEST

/* What has its own say where it is mapped moves alone, or where it comes first not at all. */
START_TEST(mremap_of_several)
{
	static const struct {
		enum file_kind file;
		unsigned long flags;
	} kinds[] = { { FILE_ZERO, MAP_PRIVATE }, { FILE_SYSV_SHM, MAP_SHARED } };

	setup(_i);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct inode *inode = inode_create(world.machine, 9, kinds[i].file, "/own");
		struct file *file = file_open(world.machine, inode, 0, true, true);

		inode_put(world.machine, inode);
		ck_assert_uint_eq(
			do_mmap(mm, file, page_at(12), 2 * P, RW, kinds[i].flags | MAP_FIXED, 0),
			page_at(12));
		fput(file);
		ck_assert_int_eq(mremap_pages(12, 4, 4, TO, 40), -EFAULT);
		ck_layout(mm, "AAAAAAAABBBBCCDDDD");
		ck_assert_int_eq(mremap_pages(10, 4, 4, TO, 40), -EFAULT);
		ck_layout(mm, "AAAAAAAABB..CCDDDD......................EE");
		taken(mremap_pages(12, 2, 2, TO, 50), 50);
		taken(mremap_pages(40, 2, 2, TO, 10), 10);
		ck_assert_int_eq(do_munmap(mm, page_at(50), 2 * P), 0);
		ck_layout(mm, layout);
	}
	teardown();
}
END_TEST

START_TEST(mremap_where_it_may_not_move)
{
	setup(_i);
	refused(mremap_pages(0, 8, 9, 0, 0), -ENOMEM);
	refused(mremap_pages(0, 4, 5, 0, 0), -ENOMEM);
	refused(mremap_pages(8, 4, 7, 0, 0), -ENOMEM);
	taken(mremap_pages(8, 4, 6, 0, 0), 8);
	taken(mremap_pages(8, 6, 6, 0, 0), 8);
	ck_layout(mm, "AAAAAAAABBBBBBCCCC");
	teardown();
}
END_TEST

START_TEST(mremap_up_to_the_last_page)
{
	unsigned long addr;

	setup(_i);
	addr = config->task_size - 3 * P;
	ck_assert_uint_eq(do_mmap(mm, NULL, addr, P, RW, ANON | MAP_FIXED, 0), addr);
	ck_assert_uint_eq(do_mremap(mm, addr, P, 3 * P, 0, 0), addr);
	refused(do_mremap(mm, addr, 3 * P, 4 * P, 0, 0), -ENOMEM);
	teardown();
}
END_TEST

/* What a driver has mapped stays as large as it is, and where it is, but by a plain move. */
START_TEST(mremap_of_a_driver)
{
	static const vm_flags_t flags[] = { VM_DONTEXPAND, VM_PFNMAP };

	setup(_i);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		world_vma(mm, 0)->vm_flags |= flags[i];
		refused(mremap_pages(0, 8, 9, MOVE, 0), -EFAULT);
		refused(mremap_pages(0, 8, 9, TO, 30), -EFAULT);
		refused(mremap_pages(0, 8, 8, KEEP, 40), -EINVAL);
		refused(mremap_pages(0, 8, 8, MOVE, 0), page_at(0));
		world_vma(mm, 0)->vm_flags &= ~flags[i];
	}
	teardown();
}
END_TEST

/* No page may have a number of 2^64 or more in its file. */
START_TEST(mremap_beyond_the_largest_file)
{
	struct vm_area_struct *vma;

	setup(_i);
	vma = world_vma(mm, 14);
	vma->vm_pgoff = -8UL;
	ck_assert_int_eq(mremap_pages(14, 4, 8, 0, 0), -EINVAL);
	ck_assert_int_eq(mremap_pages(16, 2, 6, 0, 0), -EINVAL);
	config->limits.as = mm->total_vm * P; /* what is asked next */
	ck_assert_int_eq(mremap_pages(14, 4, 7, 0, 0), -ENOMEM);
	ck_assert_int_eq(mremap_pages(16, 2, 5, 0, 0), -ENOMEM);
	vma->vm_pgoff = 0;
	teardown();
}
END_TEST

/* Page 22 shows page 12 of the file, wherever it goes. */
START_TEST(mremap_of_a_part_of_a_file)
{
	long moved;

	setup(_i);
	world_map_file(mm, world.file, 20, 4, PROT_READ, 10);
	taken(mremap_pages(22, 2, 2, TO, 40), 40);
	ck_assert_uint_eq(world_vma(mm, 40)->vm_pgoff, 12);
	ck_assert_uint_eq(world_vma(mm, 20)->vm_pgoff, 10);
	taken(mremap_pages(41, 1, 3, TO, 50), 50);
	ck_assert_uint_eq(world_vma(mm, 50)->vm_pgoff, 13);
	/* where it may choose, huge pages would be whole ones of the file */
	moved = mremap_pages(51, 1, 2 * HUGE_PAGES, MOVE, 0);
	ck_assert_int_gt(moved, 0);
	ck_assert_uint_eq(moved / P % HUGE_PAGES, 14);
	teardown();
}
END_TEST

START_TEST(mremap_of_nothing_copies_what_is_shared)
{
	setup(_i);
	refused(mremap_pages(0, 0, 2, MOVE, 0), -EINVAL);
	refused(mremap_pages(8, 0, 2, TO, 30), -EINVAL);
	taken(mremap_pages(14, 0, 2, TO, 30), 30);
	ck_layout(mm, "AAAAAAAABBBB..CCCC............DD");
	teardown();
}
END_TEST

START_TEST(mremap_limits)
{
	long elsewhere;

	setup(_i);
	config->max_map_count = mm->map_count + 5;
	refused(mremap_pages(2, 2, 2, TO, 30), -ENOMEM);
	config->max_map_count++;
	taken(mremap_pages(0, 8, 8, TO, 30), 30);
	config->max_map_count = 100;
	taken(mremap_pages(30, 8, 8, TO, 0), 0);
	config->max_map_count = mm->map_count; /* to shrink may need one more */
	refused(mremap_pages(0, 4, 2, 0, 0), -ENOMEM);
	config->max_map_count = mm->map_count + 3; /* one is enough where it may choose */
	refused(mremap_pages(0, 8, 9, MOVE, 0), -ENOMEM);
	config->max_map_count++;
	elsewhere = mremap_pages(0, 8, 9, MOVE, 0);
	ck_assert_int_gt(elsewhere, page_at(18));
	config->max_map_count = 100;
	taken(do_mremap(mm, elsewhere, 9 * P, 8 * P, TO, page_at(0)), 0);
	config->limits.as = mm->total_vm * P + P;
	refused(mremap_pages(0, 8, 10, MOVE, 0), -ENOMEM);
	refused(mremap_pages(0, 2, 2, KEEP, 40), -ENOMEM);
	ck_assert_int_gt(mremap_pages(0, 1, 1, KEEP, 40), 0);
	teardown();
}
END_TEST

START_TEST(mremap_locked)
{
	setup(_i);
	config->limits.memlock = 9 * P;
	config->limits.ipc_lock = false;
	ck_assert_int_eq(do_mlock(mm, page_at(0), 8 * P, 0), 0);
	ck_assert_int_eq(mremap_pages(0, 8, 10, MOVE, 0), -EAGAIN);
	ck_layout(mm, layout);
	/* what it grows by is there at once, in place and elsewhere */
	taken(mremap_pages(0, 8, 9, TO, 40), 40);
	ck_assert_uint_eq(mm->locked_vm, 9);
	ck_assert_uint_eq(pt_populated(&mm->pgd, page_at(40), page_at(49)), 9);
	config->limits.memlock = 12 * P;
	taken(mremap_pages(40, 9, 12, 0, 0), 40);
	ck_assert_uint_eq(mm->locked_vm, 12);
	ck_assert_uint_eq(pt_populated(&mm->pgd, page_at(0), page_at(64)), 12);
	teardown();
}
END_TEST

/* It stands right before what is left behind, and is not taken for it. */
START_TEST(mremap_locked_leaves_unlocked)
{
	setup(_i);
	world_map(mm, 30, 2, RW);
	ck_assert_int_eq(do_mlock(mm, page_at(30), 2 * P, 0), 0);
	taken(mremap_pages(30, 2, 2, KEEP | MREMAP_FIXED, 28), 28);
	ck_assert(world_vma(mm, 28)->vm_flags & VM_LOCKED);
	ck_assert(!(world_vma(mm, 30)->vm_flags & VM_LOCKED));
	ck_assert_uint_eq(pt_populated(&mm->pgd, page_at(28), page_at(30)), 2);
	ck_assert_uint_eq(pt_populated(&mm->pgd, page_at(30), page_at(32)), 0);
	teardown();
}
END_TEST

START_TEST(mremap_sealed)
{
	setup(_i);
	ck_assert_int_eq(do_mseal(mm, page_at(0), 8 * P, 0), 0);
	refused(mremap_pages(0, 8, 4, 0, 0), -EPERM);
	refused(mremap_pages(0, 8, 8, MOVE, 0), -EPERM);
	refused(mremap_pages(0, 8, 8, TO, 30), -EPERM);
	refused(mremap_pages(0, 8, 8, KEEP, 40), -EPERM);
	refused(mremap_pages(0, 8, 9, MOVE, 0), -EPERM);
	refused(mremap_pages(8, 2, 2, TO, 4), -EPERM);
	teardown();
}
END_TEST

/* At the commit limit: the last page that may be committed, and the one after it. */
START_TEST(commit_limit)
{
	setup(_i);
	config->overcommit = 2;
	config->ram = 100;
	config->overcommit_ratio = 50;
	config->overcommit_pages = config->swap = 0;
	config->admin_reserve = config->user_reserve = 0;
	config->committed = 30;
	ck_assert_uint_eq(world.machine->committed, 8); /* less than 50 in all: 11 more */
	refused(do_mmap(mm, NULL, page_at(30), 12 * P, RW, ANON | MAP_FIXED, 0), -ENOMEM);
	taken(do_mmap(mm, NULL, page_at(30), 8 * P, RW, ANON | MAP_FIXED, 0), 30);
	ck_assert_int_eq(do_mprotect(mm, page_at(8), 4 * P, RW, -1), -ENOMEM);
	ck_assert_int_eq(do_munmap(mm, page_at(37), P), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(8), 4 * P, RW, -1), 0);
	ck_assert_uint_eq(world.machine->committed, 19);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + P), WORLD_HEAP);
	ck_assert_int_eq(mremap_pages(30, 7, 8, 0, 0), -ENOMEM);
	ck_assert_int_eq(mremap_pages(30, 7, 8, MOVE, 0), -ENOMEM);
	ck_assert_int_eq(mremap_pages(30, 1, 1, KEEP, 40), -ENOMEM);
	ck_assert_int_eq((long)do_mmap(mm, NULL, page_at(40), P, RW,
				       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0),
			 -ENOMEM);
	ck_assert_uint_eq(world.machine->committed, 19);
	ck_assert_int_eq(do_munmap(mm, page_at(0), P), 0);
	taken(mremap_pages(30, 7, 8, 0, 0), 30);
	ck_assert_uint_eq(world.machine->committed, 19);
	/* a move promises nothing more, what nobody may write is not committed at all */
	taken(mremap_pages(30, 8, 8, TO, 40), 40);
	do_mmap(mm, NULL, page_at(20), P, PROT_READ, ANON | MAP_FIXED, 0);
	taken(mremap_pages(20, 1, 3, 0, 0), 20);
	ck_assert_uint_eq(world.machine->committed, 19);
	config->committed++; /* by others, who had more: now not even a move */
	ck_assert_int_eq(mremap_pages(40, 8, 8, TO, 30), -ENOMEM);
	taken(mremap_pages(20, 3, 3, TO, 30), 30);
	teardown();
}
END_TEST

START_TEST(mseal_arguments)
{
	setup(_i);
	refused(do_mseal(mm, page_at(0), P, 1), -EINVAL);
	refused(do_mseal(mm, page_at(0), P, 1UL << 63), -EINVAL);
	refused(do_mseal(mm, page_at(0) + 1, P, 0), -EINVAL);
	refused(do_mseal(mm, page_at(0), ~0UL, 0), -EINVAL);
	refused(do_mseal(mm, page_at(0), -P, 0), -EINVAL);
	refused(do_mseal(mm, page_at(0), 0, 0), 0);
	refused(do_mseal(mm, page_at(12), 0, 0), 0);
	refused(do_mseal(mm, page_at(0), -page_at(0), 0), -EINVAL);
	refused(do_mseal(mm, page_at(12), P, 0), -ENOMEM); /* a gap before, behind, within */
	refused(do_mseal(mm, page_at(8), 5 * P, 0), -ENOMEM);
	refused(do_mseal(mm, page_at(13), 2 * P, 0), -ENOMEM);
	refused(do_mseal(mm, page_at(0), 18 * P, 0), -ENOMEM);
	ck_assert_int_eq(do_munmap(mm, page_at(0), 18 * P), 0); /* nothing was sealed */
	teardown();
}
END_TEST

START_TEST(mseal_splits)
{
	setup(_i);
	ck_assert_int_eq(do_mseal(mm, page_at(2), P + 1, 0), 0);
	ck_layout(mm, "AABBCCCCDDDD..EEEE");
	ck_assert_int_eq(do_mseal(mm, page_at(2), 2 * P, 0), 0);
	ck_assert_int_eq(do_mseal(mm, page_at(4), 4 * P, 0), 0);
	ck_layout(mm, "AABBBBBBCCCC..DDDD");
	config->max_map_count = mm->map_count;
	ck_assert_int_eq(do_mseal(mm, page_at(9), P, 0), -ENOMEM);
	ck_layout(mm, "AABBBBBBCCCC..DDDD");
	teardown();
}
END_TEST

TEST_SUITE(refusals)
{
	const TTest *const tests[] = {
		mremap_arguments,
		mremap_onto_itself,
		mremap_across_an_end,
		mremap_of_several,
		mremap_where_it_may_not_move,
		mremap_up_to_the_last_page,
		mremap_of_a_driver,
		mremap_beyond_the_largest_file,
		mremap_of_a_part_of_a_file,
		mremap_of_nothing_copies_what_is_shared,
		mremap_limits,
		mremap_locked,
		mremap_locked_leaves_unlocked,
		mremap_sealed,
		commit_limit,
		mseal_arguments,
		mseal_splits,
	};
	Suite *suite = suite_create("refusals");
	TCase *tcase = tcase_create("refusals");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_loop_test(tcase, tests[i], 0, (int)bed_plain_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
