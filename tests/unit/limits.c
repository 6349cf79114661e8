/*
 * Tests of what limits an address space beside RLIMIT_AS and DATA: capabilities, overcommit.
 */
#include <errno.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

static struct world world;
static struct mm_struct *mm;
static struct config *config;

/* A machine of so many pages. */
static void setup(int type, unsigned overcommit, unsigned long ram, unsigned long swap)
{
	world_init(&world, bed_type(type), NULL);
	mm = world.mm;
	config = &world.machine->config;
	config->overcommit = overcommit;
	config->ram = ram;
	config->swap = swap;
}

static void teardown(void)
{
	world_done(&world);
}

static long map(unsigned long page, unsigned long npages, unsigned long prot, unsigned long flags)
{
	return (long)do_mmap(mm, NULL, page_at(page), npages * P, prot, flags | MAP_FIXED, 0);
}

/* ---- RLIMIT_DATA, RLIMIT_MEMLOCK ---- */

START_TEST(limit_data_counts_the_programs_data)
{
	setup(_i, 0, 0, 0);
	config->limits.data = 4 * P;
	mm->data_size = 2 * P;
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 3 * P), WORLD_HEAP);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 2 * P), WORLD_HEAP + 2 * P);
	teardown();
}
END_TEST

START_TEST(limit_data_of_zero_binds_brk_only)
{
	setup(_i, 0, 0, 0);
	config->limits.data = 0;
	config->limits.data_max = 4 * P;
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + P), WORLD_HEAP);
	world_map(mm, 0, 4, RW);
	ck_assert_int_eq(map(8, 1, RW, ANON), -ENOMEM);
	teardown();
}
END_TEST

START_TEST(limit_memlock_of_zero)
{
	setup(_i, 0, 0, 0);
	world_map(mm, 0, 4, RW);
	config->limits.memlock = 0;
	ck_assert_int_eq(do_mlock(mm, page_at(0), P, false), 0); /* CAP_IPC_LOCK */
	ck_assert_int_eq(do_mlockall(mm, MCL_CURRENT), 0);
	config->limits.ipc_lock = false;
	ck_assert_int_eq(do_mlock(mm, page_at(0), P, false), -EPERM);
	ck_assert_int_eq(do_mlockall(mm, MCL_CURRENT), -EPERM);
	ck_assert_int_eq(do_mlockall(mm, 0), -EINVAL);
	ck_assert_int_eq(map(8, 1, RW, ANON | MAP_LOCKED), -EPERM);
	ck_assert_int_eq(do_munlock(mm, page_at(0), P), 0);
	teardown();
}
END_TEST

START_TEST(limits_are_those_of_who_acts)
{
	struct limits other;

	setup(_i, 0, 0, 0);
	other = config->limits;
	other.as = 2 * P;
	world.machine->current = &other;
	ck_assert_int_eq(map(0, 3, RW, ANON), -ENOMEM);
	world.machine->current = &config->limits;
	ck_assert_int_gt(map(0, 3, RW, ANON), 0);
	teardown();
}
END_TEST

/* ---- overcommit ---- */

START_TEST(overcommit_guess)
{
	setup(_i, 0, 20, 10);
	ck_assert_int_eq(map(0, 31, RW, ANON), -ENOMEM);
	ck_assert_int_gt(map(0, 31, PROT_READ, ANON), 0); /* promises nothing */
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 31 * P, RW, -1), -ENOMEM);
	ck_layout(mm, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & (VM_WRITE | VM_ACCOUNT), 0);
	ck_assert_int_gt(map(0, 31, RW, ANON | MAP_NORESERVE), 0);
	ck_assert_int_gt(map(0, 30, RW, ANON), 0);
	ck_assert_int_gt(map(32, 30, RW, ANON), 0); /* each by itself */
	ck_assert_uint_eq(world.machine->committed, 60);
	/* what replaces such memory counts only for what is more: here nothing */
	config->ram = 1;
	config->swap = 0;
	ck_assert_int_gt(map(0, 30, RW, ANON), 0);
	ck_assert_int_eq(map(0, 32, RW, ANON), -ENOMEM);
	ck_assert_uint_eq(world.machine->committed, 60);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 2 * P), WORLD_HEAP);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + P), WORLD_HEAP + P);
	teardown();
}
END_TEST

START_TEST(overcommit_guess_of_shared_memory)
{
	unsigned long flags = MAP_SHARED | MAP_ANONYMOUS;

	setup(_i, 0, 20, 10);
	world_map(mm, 0, 4, RW);
	ck_assert_int_eq(map(2, 31, PROT_READ, flags), -ENOMEM);
	ck_layout(mm, "AA"); /* noticed when what was there has gone */
	ck_assert_int_gt(map(2, 31, PROT_READ, flags | MAP_NORESERVE), 0);
	ck_assert_uint_eq(world.machine->committed, 2);
	ck_assert_int_gt(map(2, 30, PROT_READ, flags), 0);
	ck_assert_uint_eq(world.machine->committed, 32);
	/* it stays committed as a whole while a part is mapped anywhere */
	struct mm_struct *child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_assert_int_eq(do_munmap(mm, page_at(2), 31 * P), 0);
	ck_assert_int_eq(do_munmap(child, page_at(3), 60 * P), 0);
	ck_assert_uint_eq(world.machine->committed, 34);
	mmput(child);
	ck_assert_uint_eq(world.machine->committed, 2);
	teardown();
}
END_TEST

START_TEST(overcommit_always)
{
	setup(_i, 1, 2, 0);
	ck_assert_int_gt(map(0, 60, RW, ANON), 0);
	teardown();
}
END_TEST

START_TEST(overcommit_unknown_ram)
{
	setup(_i, 2, 0, 0);
	ck_assert_int_gt(map(0, 60, RW, ANON), 0);
	teardown();
}
END_TEST

START_TEST(overcommit_never)
{
	setup(_i, 2, 40, 10); /* the limit: half of 40, and 10; below that */
	ck_assert_int_gt(map(0, 29, RW, ANON | MAP_NORESERVE), 0); /* of no effect here */
	ck_assert_int_eq(map(30, 1, RW, ANON), -ENOMEM);
	ck_assert_int_gt(map(30, 1, PROT_READ, ANON), 0);
	ck_assert_int_eq(do_munmap(mm, page_at(0), 4 * P), 0);
	ck_assert_int_gt(map(40, 4, RW, ANON), 0);
	/* others have committed something too, and reserves are kept */
	config->overcommit_pages = 40;
	ck_assert_int_gt(map(44, 4, RW, ANON), 0);
	config->committed = 10;
	ck_assert_int_eq(map(48, 7, RW, ANON), -ENOMEM);
	ck_assert_int_gt(map(48, 4, RW, ANON), 0);
	config->admin_reserve = 3;
	ck_assert_int_gt(map(52, 1, RW, ANON), 0);
	config->limits.sys_admin = false;
	ck_assert_int_eq(map(53, 1, RW, ANON), -ENOMEM);
	config->admin_reserve = 0;
	config->user_reserve = 8; /* but at most a 32nd of the process */
	ck_assert_int_eq(map(53, 1, RW, ANON), -ENOMEM);
	ck_assert_uint_eq(world.machine->committed, 38);
	teardown();
}
END_TEST

START_TEST(overcommit_in_mremap)
{
	setup(_i, 0, 10, 0);
	world_map(mm, 0, 8, RW);
	/* in place and by moving only what is more counts; DONTUNMAP promises all again */
	ck_assert_int_eq((long)do_mremap(mm, page_at(0), 8 * P, 19 * P, 0, 0), -ENOMEM);
	ck_assert_int_eq((long)do_mremap(mm, page_at(0), 8 * P, 19 * P,
					 MREMAP_MAYMOVE | MREMAP_FIXED, page_at(30)),
			 -ENOMEM);
	ck_layout(mm, "AAAAAAAA");
	ck_assert_int_gt((long)do_mremap(mm, page_at(0), 8 * P, 18 * P,
					 MREMAP_MAYMOVE | MREMAP_FIXED, page_at(30)),
			 0);
	ck_assert_uint_eq(world.machine->committed, 18);
	ck_assert_int_eq((long)do_mremap(mm, page_at(30), 18 * P, 18 * P,
					 MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
			 -ENOMEM);
	ck_assert_int_gt((long)do_mremap(mm, page_at(30), 10 * P, 10 * P,
					 MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
			 0);
	ck_assert_uint_eq(world.machine->committed, 28);
	teardown();
}
END_TEST

START_TEST(overcommit_at_fork)
{
	struct mm_struct *child;

	setup(_i, 2, 60, 0); /* below 30 */
	world_map(mm, 0, 6, RW);
	world_map(mm, 8, 6, RW);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_assert_uint_eq(world.machine->committed, 24);
	ck_assert_ptr_null(dup_mm(mm)); /* the first VMA fits in, the second does not */
	ck_assert_uint_eq(world.machine->committed, 24);
	ck_assert_int_eq(do_madvise(mm, page_at(8), 6 * P, MADV_DONTFORK), 0);
	mmput(child);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_assert_uint_eq(world.machine->committed, 18);
	mmput(child);
	teardown();
}
END_TEST

START_TEST(overcommit_and_stack)
{
	setup(_i, 0, 5, 0);
	ck_assert_int_gt(map(40, 2, RW, ANON | MAP_GROWSDOWN), 0);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(34), FAULT_FLAG_WRITE), -EFAULT);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(35), FAULT_FLAG_WRITE), 0);
	ck_assert_uint_eq(world.machine->committed, 7);
	ck_assert_uint_eq(mm->stack_vm, 7);
	teardown();
}
END_TEST

TEST_SUITE(limits)
{
	const TTest *const tests[] = {
		limit_data_counts_the_programs_data,
		limit_data_of_zero_binds_brk_only,
		limit_memlock_of_zero,
		limits_are_those_of_who_acts,
		overcommit_guess,
		overcommit_guess_of_shared_memory,
		overcommit_always,
		overcommit_unknown_ram,
		overcommit_never,
		overcommit_in_mremap,
		overcommit_at_fork,
		overcommit_and_stack,
	};
	Suite *suite = suite_create("limits");
	TCase *tcase = tcase_create("limits");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_loop_test(tcase, tests[i], 0, (int)bed_plain_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
