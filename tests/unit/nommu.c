/*
 * Tests of mm/nommu.c: machines without an MMU.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

static struct world world;
static struct mm_struct *mm;
static struct file *shm;

static void setup(int type, unsigned long nr_trim_pages, unsigned long ram)
{
	struct config config;

	config_default(&config);
	config.nommu = true;
	config.nr_trim_pages = nr_trim_pages;
	config.ram = ram;
	config.overcommit = 1;
	world_init(&world, bed_type(type), &config);
	mm = world.mm;
	struct inode *inode = inode_create(world.machine, 7, FILE_SHMEM, "/dev/shm/x");
	ck_assert_ptr_nonnull(inode);
	shm = file_open(world.machine, inode, 3, true, true);
	inode_put(world.machine, inode);
}

static void teardown(void)
{
	fput(shm);
	world_done(&world);
}

static unsigned long map(struct mm_struct *of, struct file *file, unsigned long npages,
			 unsigned long prot, unsigned long flags, unsigned long pgoff)
{
	return do_mmap(of, file, 0, npages * P, prot, flags, pgoff);
}

static void ck_fine(struct mm_struct *of)
{
	const char *wrong = mm_verify(of, stderr);

	ck_assert_msg(!wrong, "mm_verify: %s", wrong);
}

/* A region is a power of two at a multiple of it; what is too much may be given back. */
START_TEST(nommu_regions)
{
	for (unsigned long trim = 0; trim < 2; trim++) {
		setup(_i, trim, 64);
		unsigned long a = map(mm, NULL, 5, RW, ANON, 0), b = map(mm, NULL, 2, RW, ANON, 0);

		ck_assert(!IS_ERR_VALUE(a) && !IS_ERR_VALUE(b));
		ck_assert_uint_eq(a % (8 * P), 0);
		ck_assert_uint_eq(b, a + (trim ? 6 : 8) * P);
		ck_assert_uint_eq(mm->total_vm, 7);
		ck_assert_int_eq(handle_mm_fault(mm, a, FAULT_FLAG_WRITE), 0);
		ck_assert_uint_eq(pt_rss(&mm->pgd), 0);
		/* all have one memory: nobody else is given what is taken */
		ck_assert_uint_eq(map(mm, NULL, 33, RW, ANON, 0), -ENOMEM);
		ck_assert_int_eq(do_munmap(mm, a, 5 * P), 0);
		ck_assert_uint_eq(map(mm, NULL, 8, RW, ANON, 0), trim ? a + 8 * P : a);
		ck_fine(mm);
		teardown();
	}
}
END_TEST

/* Two processes share a region where they may; the last one's end is its end. */
START_TEST(nommu_shared)
{
	struct task_struct other = { 0 };

	setup(_i, 1, 0);
	ck_assert_int_eq(exec_mmap(world.machine, &other, NULL, 0, WORLD_TOP, WORLD_HEAP,
				   WORLD_HEAP, WORLD_STACK),
			 0);
	unsigned long a = map(mm, shm, 8, RW, MAP_SHARED, 4);
	ck_assert(!IS_ERR_VALUE(a));
	ck_assert_uint_eq(map(other.mm, shm, 2, RW, MAP_SHARED, 6), a + 2 * P);
	ck_assert_ptr_eq(find_vma(mm, a)->vm_region, find_vma(other.mm, a + 2 * P)->vm_region);
	/* private and read-only: the same copy; writable: one's own */
	unsigned long text = map(mm, world.file, 4, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0);
	ck_assert_uint_eq(map(other.mm, world.file, 4, PROT_READ | PROT_EXEC, MAP_PRIVATE, 0),
			  text);
	unsigned long data = map(mm, world.file, 4, RW, MAP_PRIVATE, 0);
	ck_assert_uint_ne(data, text);
	ck_assert_uint_ne(map(other.mm, world.file, 4, RW, MAP_PRIVATE, 0), data);
	/* a copy that is there in part only */
	ck_assert_uint_eq(map(other.mm, world.file, 4, PROT_READ, MAP_PRIVATE, 2), -EINVAL);
	ck_assert_uint_eq(map(mm, world.file, 4, PROT_READ, MAP_PRIVATE, 0), -ENOMEM); /* twice */
	ck_fine(mm);
	ck_fine(other.mm);
	ck_assert_int_eq(do_munmap(mm, a, 8 * P), 0);
	ck_fine(other.mm);
	mmput(other.mm);
	ck_assert_uint_eq(map(mm, NULL, 8, RW, ANON, 0), a); /* its memory is free again */
	teardown();
}
END_TEST

START_TEST(nommu_unmap)
{
	setup(_i, 1, 0);
	unsigned long a = map(mm, NULL, 8, RW, ANON, 0), file = map(mm, shm, 4, RW, MAP_SHARED, 0);

	ck_assert_int_eq(do_munmap(mm, file, P), -EINVAL); /* of files all or nothing */
	ck_assert_int_eq(do_munmap(mm, file + P, 3 * P), -EINVAL);
	ck_assert_int_eq(do_munmap(mm, a, 9 * P), -EINVAL); /* more than one */
	ck_assert_int_eq(do_munmap(mm, a + 100 * P, P), -EINVAL);
	ck_assert_int_eq(do_munmap(mm, a, 0), -EINVAL);
	ck_assert_int_eq(do_munmap(mm, a, P), 0);
	ck_assert_int_eq(do_munmap(mm, a + 7 * P, P), 0);
	ck_fine(mm);
	ck_assert_int_eq(do_munmap(mm, a + 3 * P, 2 * P), 0); /* the middle: two regions */
	ck_fine(mm);
	ck_assert_ptr_ne(find_vma(mm, a + P)->vm_region, find_vma(mm, a + 5 * P)->vm_region);
	ck_assert_uint_eq(mm->map_count, 3);
	ck_assert_uint_eq(mm->total_vm, 8);
	ck_assert_uint_eq(map(mm, NULL, 1, RW, ANON, 0), a);
	/* mremap makes smaller what is not shared */
	ck_assert_uint_eq(do_mremap(mm, a + P, 2 * P, P, 0, 0), a + P);
	ck_assert_uint_eq(do_mremap(mm, a + P, P, 2 * P, MREMAP_MAYMOVE, 0), -ENOMEM);
	ck_assert_uint_eq(do_mremap(mm, file, 4 * P, P, 0, 0), -EPERM);
	ck_assert_uint_eq(do_mremap(mm, a + 2 * P, P, P, 0, 0), -EINVAL);
	ck_assert_uint_eq(do_mremap(mm, a + 5 * P, P, P, 0, 0), -EFAULT);
	ck_fine(mm);
	teardown();
}
END_TEST

START_TEST(nommu_refuses)
{
	struct task_struct child;

	setup(_i, 1, 0);
	unsigned long a = map(mm, NULL, 2, RW, ANON, 0);

	ck_assert_uint_eq(do_mmap(mm, NULL, a, P, RW, ANON | MAP_FIXED, 0), -EINVAL);
	ck_assert_uint_eq(map(mm, NULL, 0, RW, ANON, 0), -EINVAL);
	ck_assert_uint_eq(map(mm, NULL, 1, RW, MAP_ANONYMOUS, 0), -EINVAL);
	ck_assert_uint_eq(map(mm, world.file, 1, RW, MAP_SHARED, 0), -ENODEV);
	ck_assert_int_eq(do_mprotect(mm, a, P, PROT_READ, -1), -ENOSYS);
	ck_assert_int_eq(do_madvise(mm, a, P, MADV_DONTNEED), -ENOSYS);
	ck_assert_int_eq(do_mlock(mm, a, P, false), -ENOSYS);
	ck_assert_int_eq(do_mlockall(mm, MCL_CURRENT), -ENOSYS);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + P), WORLD_HEAP);
	ck_assert_int_eq(copy_mm(0, &child, &world.task), -EINVAL);
	ck_assert_int_eq(copy_mm(CLONE_VM | CLONE_VFORK, &child, &world.task), 0);
	mmput(child.mm);
	ck_fine(mm);
	teardown();
}
END_TEST

/* Two processes at random; each failing allocation leaves what was. */
START_TEST(nommu_random)
{
	struct task_struct tasks[2] = { { 0 } };
	struct rng rng;

	setup(_i, 1, 256);
	tasks[0] = world.task;
	ck_assert_int_eq(exec_mmap(world.machine, &tasks[1], NULL, 0, WORLD_TOP, WORLD_HEAP,
				   WORLD_HEAP, WORLD_STACK),
			 0);
	rng_seed(&rng, test_seed());
	for (unsigned i = 0; i < 3000; i++) {
		struct mm_struct *of = tasks[rng_below(&rng, 2)].mm;
		struct vm_area_struct *vma = find_vma(of, rng_below(&rng, 256) * P);
		unsigned long n = rng_between(&rng, 1, 12), hash = mm_hash(of, 1);
		bool fail = rng_one_in(&rng, 5), file = rng_one_in(&rng, 3);
		long result;

		if (fail)
			arena_fail_at(world.machine->arena, rng_between(&rng, 1, 3));
		if (rng_one_in(&rng, 2))
			result = (long)map(of, file ? shm : NULL, n, RW, file ? MAP_SHARED : ANON,
					   file ? rng_below(&rng, 16) : 0);
		else if (vma && rng_one_in(&rng, 2))
			result = do_munmap(of, vma->vm_start, vma->vm_end - vma->vm_start);
		else
			result = vma ? do_munmap(of, vma->vm_start + rng_below(&rng, 4) * P, n * P)
				     : 0;
		arena_fail_at(world.machine->arena, 0);
		if (IS_ERR_VALUE(result))
			ck_assert_uint_eq(mm_hash(of, 1), hash);
		ck_fine(tasks[0].mm);
		ck_fine(tasks[1].mm);
	}
	mmput(tasks[1].mm);
	teardown();
}
END_TEST

TEST_SUITE(nommu)
{
	Suite *suite = suite_create("without an MMU");
	TCase *tcase = tcase_create("regions");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(tcase, nommu_regions, 0, types);
	tcase_add_loop_test(tcase, nommu_shared, 0, types);
	tcase_add_loop_test(tcase, nommu_unmap, 0, types);
	tcase_add_loop_test(tcase, nommu_refuses, 0, types);
	tcase_add_loop_test(tcase, nommu_random, 0, types);
	suite_add_tcase(suite, tcase);
	return suite;
}
