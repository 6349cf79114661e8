/*
 * The rules of merging, mprotect, brk, stacks and mremap, one test for each: C, D, E, G.
 */
#include <errno.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define TO (MREMAP_MAYMOVE | MREMAP_FIXED)

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

/* The process goes on as its own child; the parent's memory is the test's to end. */
static struct mm_struct *become_child(void)
{
	struct mm_struct *parent = mm;

	world.mm = world.task.mm = mm = dup_mm(parent);
	vmacache_flush(&world.task);
	ck_assert_ptr_nonnull(mm);
	return parent;
}

START_TEST(rule_C1_what_must_be_the_same)
{
	setup(_i);
	world_map(mm, 0, 12, PROT_READ);
	ck_assert_int_eq(do_mbind(mm, page_at(4), 4 * P, 2, 1, 0, 0), 0);
	ck_layout(mm, "AAAABBBBCCCC");
	ck_assert_int_eq(do_mbind(mm, page_at(4), 4 * P, 0, 0, 0, 0), 0);
	ck_layout(mm, "AAAAAAAAAAAA");
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(5, 0), page_at(4), 4 * P, 1), 0);
	ck_layout(mm, "AAAABBBBCCCC");
	ck_assert_int_eq(userfaultfd_unregister(mm, userfaultfd_ctx(5, 0), page_at(4), 4 * P), 0);
	ck_layout(mm, "AAAAAAAAAAAA");
	/* the open file, not the inode */
	world_map_file(mm, world.file, 16, 2, PROT_READ, 0);
	world_map_file(mm, world.again, 18, 2, PROT_READ, 2);
	world_map_file(mm, world.again, 20, 2, PROT_READ, 4);
	ck_layout(mm, "AAAAAAAAAAAA....BBCCCC");
	/* SOFTDIRTY and MAYBE_GUARD keep nothing apart, and are not lost */
	ck_assert_int_eq(do_munmap(mm, page_at(0), 64 * P), 0);
	world_map(mm, 0, 2, RW);
	ck_assert_int_eq(do_madvise(mm, page_at(0), P, MADV_GUARD_INSTALL), 0);
	world_map(mm, 2, 2, RW);
	ck_layout(mm, "AAAA");
	world_map(mm, 5, 2, RW);
	world_map(mm, 4, 1, RW);
	ck_layout(mm, "AAAAAAA");
	ck_assert(world_vma(mm, 0)->vm_flags & VM_MAYBE_GUARD);
	teardown();
}
END_TEST

START_TEST(rule_C1_names)
{
	setup(_i);
	world_map(mm, 0, 12, RW);
	ck_assert_int_eq(madvise_set_anon_name(mm, page_at(4), 4 * P, 77), 0);
	ck_layout(mm, "AAAABBBBCCCC");
	ck_assert_int_eq(madvise_set_anon_name(mm, page_at(8), P, 77), 0);
	ck_layout(mm, "AAAABBBBBCCC");
	ck_assert_uint_eq(do_mremap(mm, page_at(4), 2 * P, 2 * P, TO, page_at(20)), page_at(20));
	ck_assert_uint_eq(world_vma(mm, 20)->anon_name, 77);
	world_map(mm, 4, 2, RW); /* without a name */
	ck_layout(mm, "AAAAAABBBCCC........DD");
	ck_assert_int_eq(madvise_set_anon_name(mm, page_at(0), 12 * P, 0), 0);
	ck_layout(mm, "AAAAAAAAAAAA........BB");
	ck_assert_int_eq(madvise_set_anon_name(mm, page_at(10), 4 * P, 78), -ENOMEM);
	ck_layout(mm, "AAAAAAAAAABB........CC");
	ck_assert_int_eq(madvise_set_anon_name(mm, page_at(0) + 1, P, 78), -EINVAL);
	world_map_file(mm, world.file, 30, 2, RW, 0);
	ck_assert_int_eq(madvise_set_anon_name(mm, page_at(30), P, 78), -EBADF);
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(40), 2 * P, RW,
				  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0),
			  page_at(40));
	ck_assert_int_eq(madvise_set_anon_name(mm, page_at(40), P, 78), 0);
	teardown();
}
END_TEST

/* What the kernel maps itself is never cut in two. */
START_TEST(rule_C2_special_stays_whole)
{
	struct inode *inode;
	struct file *vdso;

	setup(_i);
	inode = inode_create(world.machine, 9, FILE_SPECIAL, NULL);
	ck_assert_ptr_nonnull(inode);
	vdso = file_open(world.machine, inode, 9, true, false);
	ck_assert_ptr_nonnull(vdso);
	inode_put(world.machine, inode);
	world_map(mm, 0, 4, RW);
	world_map_file(mm, vdso, 4, 4, PROT_READ, 0);
	world_vma(mm, 4)->vm_flags |= VM_DONTEXPAND;
	ck_assert_int_eq(do_munmap(mm, page_at(5), P), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, page_at(4), P, PROT_READ | PROT_EXEC, -1), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, page_at(4), P, MADV_DONTFORK), -EINVAL);
	ck_assert_int_eq((long)do_mremap(mm, page_at(4), P, P, TO, page_at(20)), -EINVAL);
	ck_assert_int_eq((long)do_mmap(mm, NULL, page_at(7), P, RW, ANON | MAP_FIXED, 0), -EINVAL);
	ck_layout(mm, "AAAABBBB");
	/* what is cut before it is noticed stays so */
	ck_assert_int_eq(do_munmap(mm, page_at(2), 4 * P), -EINVAL);
	ck_layout(mm, "AABBCCCC");
	ck_assert_int_eq(do_mlock(mm, page_at(4), P, true), 0); /* special: passed over */
	ck_assert_uint_eq(do_mremap(mm, page_at(4), 4 * P, 4 * P, TO, page_at(20)), page_at(20));
	ck_assert_int_eq(do_munmap(mm, page_at(20), 4 * P), 0);
	ck_layout(mm, "AABB");
	fput(vdso);
	teardown();
}
END_TEST

START_TEST(rule_C2_offsets_and_special)
{
	struct inode *inode;
	struct file *device;

	setup(_i);
	world_map_file(mm, world.file, 0, 2, PROT_READ, 8);
	world_map_file(mm, world.file, 2, 2, PROT_READ, 11);
	world_map_file(mm, world.file, 4, 2, PROT_READ, 13);
	ck_layout(mm, "AABBBB");
	inode = inode_create(world.machine, 9, FILE_DEVICE, "/dev/some");
	device = file_open(world.machine, inode, 9, true, true);
	inode_put(world.machine, inode);
	world_map_file(mm, device, 8, 2, PROT_READ, 0);
	world_map_file(mm, device, 10, 2, PROT_READ, 2);
	ck_layout(mm, "AABBBB..CCDD");
	fput(device);
	teardown();
}
END_TEST

START_TEST(rule_C3_one_side_has_an_anon_vma)
{
	setup(_i);
	/* source none, target some; source some, target none */
	world_map(mm, 0, 4, RW);
	world_write(mm, page_at(0));
	world_map(mm, 4, 4, RW);
	ck_layout(mm, "AAAAAAAA");
	world_map(mm, 12, 4, RW);
	world_map(mm, 8, 4, PROT_READ | PROT_WRITE | PROT_EXEC);
	world_write(mm, page_at(8));
	ck_assert_ptr_ne(world_vma(mm, 8)->anon_vma, NULL);
	ck_assert_int_eq(do_mprotect(mm, page_at(8), 4 * P, RW, -1), 0);
	ck_layout(mm, "AAAAAAAAAAAAAAAA");
	teardown();
}
END_TEST

START_TEST(rule_C3_fork_child)
{
	struct mm_struct *parent;

	setup(_i);
	world_map(mm, 0, 4, RW);
	world_write(mm, page_at(0));
	world_map(mm, 8, 4, RW);
	parent = become_child();
	ck_assert_uint_eq(world_vma(mm, 0)->anon_vma_links, 2);
	world_map(mm, 4, 2, RW); /* a fork child is not grown ... */
	ck_layout(mm, "AAAABB..CCCC");
	world_map(mm, 6, 2, RW); /* ... what was never written to is */
	ck_layout(mm, "AAAABBBBBBBB");
	/* in the parent all is as it was */
	world_map(parent, 4, 4, RW);
	ck_layout(parent, "AAAAAAAAAAAA");
	/* a part that a fork child lost is taken back: they hang on the same */
	ck_assert_int_eq(do_mprotect(mm, page_at(1), 2 * P, PROT_READ, -1), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(1), 2 * P, RW, -1), 0);
	ck_layout(mm, "AAAABBBBBBBB");
	/* a source that is a fork child does not join an untouched target */
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 4 * P, 4 * P, TO, page_at(16)), page_at(16));
	world_map(mm, 20, 2, RW);
	ck_layout(mm, "....AAAAAAAA....BBBBCC");
	mmput(parent);
	teardown();
}
END_TEST

START_TEST(rule_C4_both_sides_must_agree)
{
	setup(_i);
	world_map(mm, 0, 4, RW);
	world_map(mm, 8, 4, RW);
	world_write(mm, page_at(0));
	world_write(mm, page_at(8));
	ck_assert_ptr_ne(world_vma(mm, 0)->anon_vma, world_vma(mm, 8)->anon_vma);
	world_map(mm, 4, 4, RW);
	ck_layout(mm, "AAAAAAAABBBB");
	teardown();
}
END_TEST

START_TEST(rule_C5_close)
{
	struct inode *inode;
	struct file *shm;

	setup(_i);
	inode = inode_create(world.machine, 9, FILE_SYSV_SHM, "/SYSV00000000 (deleted)");
	shm = file_open(world.machine, inode, 0, true, true);
	inode_put(world.machine, inode);
	ck_assert_uint_eq(do_shmat(mm, shm, page_at(0), 0, 12 * P), page_at(0));
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, PROT_READ, -1), 0);
	ck_layout(mm, "AAAABBBBCCCC");
	/* alike again: none of the three may go */
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, RW, -1), 0);
	ck_layout(mm, "AAAABBBBCCCC");
	/* but an edge may move */
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, PROT_READ, -1), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 2 * P, RW, -1), 0);
	ck_layout(mm, "AAAAAABBCCCC");
	ck_assert_int_eq(do_shmdt(mm, page_at(0)), 0);
	ck_layout(mm, "");
	fput(shm);
	teardown();
}
END_TEST

START_TEST(rule_C6_only_at_an_edge)
{
	struct anon_vma *anon;

	setup(_i);
	world_map(mm, 0, 12, RW);
	world_write(mm, page_at(10));
	anon = world_vma(mm, 0)->anon_vma;
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, PROT_READ, -1), 0);
	ck_layout(mm, "AAAABBBBCCCC");
	ck_assert_int_eq(do_mprotect(mm, page_at(5), P, RW, -1), 0);
	ck_layout(mm, "AAAABCDDEEEE");
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, RW, -1), 0);
	ck_layout(mm, "AAAAAAAAAAAA");
	ck_assert_ptr_eq(world_vma(mm, 0)->anon_vma, anon);
	teardown();
}
END_TEST

/* The one that remains gets next's anon_vma, or the middle's where next has none. */
START_TEST(rule_C6_inheritance)
{
	for (unsigned written = 4; written <= 8; written += 4) {
		struct anon_vma *anon;

		setup(_i);
		world_map(mm, 0, 4, RW);
		world_map(mm, 8, 4, RW);
		world_map(mm, 4, 4, RW | PROT_EXEC);
		world_write(mm, page_at(written));
		anon = world_vma(mm, written)->anon_vma;
		ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, RW, -1), 0);
		ck_layout(mm, "AAAAAAAAAAAA");
		ck_assert_ptr_eq(world_vma(mm, 0)->anon_vma, anon);
		teardown();
	}
}
END_TEST

START_TEST(rule_C7_fixed_unmaps_first)
{
	setup(_i);
	world_map(mm, 0, 4, RW);
	world_map(mm, 4, 4, PROT_READ);
	world_map(mm, 8, 4, RW);
	world_map(mm, 3, 6, RW);
	ck_layout(mm, "AAAAAAAAAAAA");
	ck_assert_uint_eq(mm->total_vm, 12);
	teardown();
}
END_TEST

/* ---- mprotect ---- */

START_TEST(rule_D1_gaining_write)
{
	setup(_i);
	world_map(mm, 0, 2, PROT_READ);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 2 * P, RW, -1), 0);
	ck_assert(world_vma(mm, 0)->vm_flags & VM_ACCOUNT);
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(4), 2 * P, PROT_READ,
				  ANON | MAP_FIXED | MAP_NORESERVE, 0),
			  page_at(4));
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(8), 2 * P, PROT_READ,
				  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0),
			  page_at(8));
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 2 * P, RW, -1), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(8), 2 * P, RW, -1), 0);
	ck_assert(!(world_vma(mm, 4)->vm_flags & VM_ACCOUNT));
	ck_assert(!(world_vma(mm, 8)->vm_flags & VM_ACCOUNT));
	teardown();
}
END_TEST

START_TEST(rule_D2_losing_write)
{
	setup(_i);
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	world_map_file(mm, world.file, 8, 2, RW, 0);
	world_write(mm, page_at(4));
	for (unsigned page = 0; page < 12; page += 4)
		ck_assert_int_eq(do_mprotect(mm, page_at(page), 2 * P, PROT_READ, -1), 0);
	ck_assert(!(world_vma(mm, 0)->vm_flags & VM_ACCOUNT));
	ck_assert(world_vma(mm, 4)->vm_flags & VM_ACCOUNT);
	ck_assert(world_vma(mm, 8)->vm_flags & VM_ACCOUNT);
	teardown();
}
END_TEST

START_TEST(rule_D3_earlier_vmas_have_changed)
{
	struct inode *inode;
	struct file *readonly;

	setup(_i);
	inode = inode_create(world.machine, 9, FILE_REGULAR, "/read/only");
	readonly = file_open(world.machine, inode, 9, true, false);
	inode_put(world.machine, inode);
	world_map(mm, 0, 2, RW);
	ck_assert_uint_eq(
		do_mmap(mm, readonly, page_at(2), 2 * P, PROT_READ, MAP_SHARED | MAP_FIXED, 0),
		page_at(2));
	ck_assert_int_eq(do_mprotect(mm, page_at(1), 2 * P, RW | PROT_EXEC, -1), -EACCES);
	ck_layout(mm, "ABCC");
	ck_assert(world_vma(mm, 1)->vm_flags & VM_EXEC);
	world_map(mm, 6, 2, RW);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), 6 * P, PROT_READ | PROT_EXEC, -1), -ENOMEM);
	ck_assert(world_vma(mm, 2)->vm_flags & VM_EXEC);
	ck_assert(!(world_vma(mm, 6)->vm_flags & VM_EXEC));
	ck_assert_int_eq(do_mprotect(mm, page_at(5), 2 * P, PROT_READ, -1), -ENOMEM);
	ck_assert_int_eq(do_mprotect(mm, page_at(6) + 1, 2 * P, PROT_READ, -1), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, page_at(6), 2 * P, 0x100, -1), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, page_at(5), 0, PROT_READ, -1), 0);
	fput(readonly);
	teardown();
}
END_TEST

START_TEST(rule_D4_grows)
{
	setup(_i);
	world_map(mm, 0, 2, RW);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, PROT_READ | PROT_GROWSUP, -1), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, PROT_READ | PROT_GROWSDOWN, -1), -EINVAL);
	ck_assert_uint_eq(
		do_mmap(mm, NULL, page_at(8), 4 * P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, 0),
		page_at(8));
	ck_assert_int_eq(do_mprotect(mm, page_at(10), P, PROT_READ | PROT_GROWSDOWN, -1), 0);
	ck_layout(mm, "AA......BBBC");
	ck_assert(!(world_vma(mm, 8)->vm_flags & VM_WRITE));
	teardown();
}
END_TEST

/* ---- brk and stacks ---- */

START_TEST(rule_E1_brk)
{
	struct vm_area_struct *bss, *heap;

	setup(_i);
	ck_assert_uint_eq(do_mmap(mm, NULL, WORLD_HEAP - 2 * P, 2 * P, RW, ANON | MAP_FIXED, 0),
			  WORLD_HEAP - 2 * P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 2 * P), WORLD_HEAP + 2 * P);
	bss = vma_lookup(mm, WORLD_HEAP - P);
	heap = vma_lookup(mm, WORLD_HEAP);
	ck_assert(bss && heap && bss != heap);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 4 * P), WORLD_HEAP + 4 * P);
	ck_assert_uint_eq(mm->map_count, 2);
	/* what follows is not joined, and a page and the stack's guard gap are left free */
	ck_assert_uint_eq(do_mmap(mm, NULL, WORLD_HEAP + 300 * P, P, RW, ANON | MAP_FIXED, 0),
			  WORLD_HEAP + 300 * P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 300 * P), WORLD_HEAP + 4 * P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 299 * P), WORLD_HEAP + 299 * P);
	ck_assert_int_eq(do_munmap(mm, WORLD_HEAP + 300 * P, P), 0);
	ck_assert_uint_eq(
		do_mmap(mm, NULL, WORLD_HEAP + 600 * P, P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, 0),
		WORLD_HEAP + 600 * P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 344 * P), WORLD_HEAP + 299 * P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 343 * P), WORLD_HEAP + 343 * P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP - 1), WORLD_HEAP + 343 * P);
	/* rounded up it is 0: still a growth, and refused */
	ck_assert_uint_eq(do_brk(mm, ~0UL), WORLD_HEAP + 343 * P);
	ck_assert_uint_eq(do_brk(mm, -P + 1), WORLD_HEAP + 343 * P);
	ck_assert_uint_eq(do_brk(mm, -P), WORLD_HEAP + 343 * P);
	ck_assert_uint_eq(do_brk(mm, world.machine->config.task_size), WORLD_HEAP + 343 * P);
	teardown();
}
END_TEST

START_TEST(rule_E2_a_fork_childs_second_heap)
{
	struct mm_struct *parent;

	setup(_i);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 2 * P), WORLD_HEAP + 2 * P);
	world_write(mm, WORLD_HEAP);
	parent = become_child();
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 4 * P), WORLD_HEAP + 4 * P);
	ck_assert_uint_eq(mm->map_count, 2);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 6 * P), WORLD_HEAP + 6 * P);
	ck_assert_uint_eq(mm->map_count, 2);
	ck_assert_uint_eq(do_brk(parent, WORLD_HEAP + 4 * P), WORLD_HEAP + 4 * P);
	ck_assert_uint_eq(parent->map_count, 1);
	mmput(parent);
	teardown();
}
END_TEST

START_TEST(rule_E3_stack_growth)
{
	const unsigned long stack = page_at(1000);
	struct vm_area_struct *vma;

	setup(_i);
	ck_assert_uint_eq(do_mmap(mm, NULL, stack, 2 * P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, 0),
			  stack);
	world_map(mm, 700, 1, RW);
	world_read(mm, stack - 4 * P);
	vma = vma_lookup(mm, stack);
	ck_assert_uint_eq(vma->vm_start, stack - 4 * P);
	ck_assert_ptr_nonnull(vma->anon_vma); /* prepared, even by a read */
	ck_assert_uint_eq(vma->vm_pgoff, vma->vm_start >> PAGE_SHIFT);
	ck_assert_uint_eq(world.machine->faults.stack_growth, 1);
	ck_assert_uint_eq(mm->stack_vm, 6);
	/* 256 pages from what can be accessed, and no further */
	ck_assert_int_eq(handle_mm_fault(mm, page_at(956), 0), -EFAULT);
	world_read(mm, page_at(957));
	/* inaccessible memory may be near, and so may another stack */
	ck_assert_int_eq(do_mprotect(mm, page_at(700), P, PROT_NONE, -1), 0);
	world_read(mm, page_at(701));
	world.machine->config.limits.stack = vma->vm_end - vma->vm_start;
	ck_assert_int_eq(do_munmap(mm, page_at(700), P), 0);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(700), 0), -EFAULT);
	/* a limit comes after the anon_vma */
	ck_assert_uint_eq(
		do_mmap(mm, NULL, page_at(5000), P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, 0),
		page_at(5000));
	ck_assert_int_eq(handle_mm_fault(mm, page_at(3000), 0), -EFAULT);
	ck_assert_ptr_nonnull(vma_lookup(mm, page_at(5000))->anon_vma);
	teardown();
}
END_TEST

/* ---- mremap ---- */

START_TEST(rule_G1_growth_in_place_or_anywhere)
{
	unsigned long top = WORLD_TOP & ~((2UL << 20) - 1);

	setup(_i);
	world_map(mm, 0, 4, RW);
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 4 * P, 8 * P, 0, 0), page_at(0));
	/* not at the VMA's end: no growth in place */
	ck_assert_int_eq((long)do_mremap(mm, page_at(0), 2 * P, 4 * P, 0, 0), -ENOMEM);
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 2 * P, 4 * P, MREMAP_MAYMOVE, 0),
			  WORLD_TOP - 4 * P);
	ck_layout(mm, "..AAAAAA");
	world_map(mm, 9, 1, RW);
	ck_assert_int_eq((long)do_mremap(mm, page_at(6), 2 * P, 4 * P, 0, 0), -ENOMEM);
	ck_assert_uint_eq(do_mremap(mm, page_at(6), 2 * P, 3 * P, 0, 0), page_at(6));
	ck_layout(mm, "..AAAAAAAA");
	/* elsewhere: a search without a hint, huge pages' alignment included */
	ck_assert_uint_eq(do_mremap(mm, page_at(8), P, 2UL << 20, MREMAP_MAYMOVE, 0),
			  top - (2UL << 20));
	ck_layout(mm, "..AAAAAA.B");
	teardown();
}
END_TEST

START_TEST(rule_G2_offset_after_a_move)
{
	setup(_i);
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	world_write(mm, page_at(4));
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 2 * P, 2 * P, TO, page_at(10)), page_at(10));
	ck_assert_uint_eq(do_mremap(mm, page_at(4), 2 * P, 2 * P, TO, page_at(20)), page_at(20));
	ck_assert_uint_eq(world_vma(mm, 10)->vm_pgoff, page_at(10) >> PAGE_SHIFT);
	ck_assert_uint_eq(world_vma(mm, 20)->vm_pgoff, page_at(4) >> PAGE_SHIFT);
	/* back to where it came from it is what it was */
	world_map(mm, 6, 2, RW);
	ck_assert_uint_eq(do_mremap(mm, page_at(20), 2 * P, 2 * P, TO, page_at(4)), page_at(4));
	ck_layout(mm, "....AAAA..BB");
	teardown();
}
END_TEST

START_TEST(rule_G3_to_a_fixed_place)
{
	uint64_t content;

	setup(_i);
	world_map(mm, 0, 6, RW);
	world_write(mm, page_at(1));
	content = world_content(mm, page_at(1));
	world_map(mm, 20, 8, PROT_READ);
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 6 * P, 2 * P, TO, page_at(22)), page_at(22));
	ck_layout(mm, "....................AABBCCCC");
	ck_assert_uint_eq(world_content(mm, page_at(23)), content);
	ck_assert_int_eq((long)do_mremap(mm, page_at(22), 2 * P, 2 * P, TO, page_at(23)), -EINVAL);
	ck_assert_int_eq((long)do_mremap(mm, page_at(22), 2 * P, 2 * P, MREMAP_FIXED, page_at(40)),
			 -EINVAL);
	/* DONTUNMAP alone passes its address on as a hint */
	ck_assert_uint_eq(do_mremap(mm, page_at(22), 2 * P, 2 * P,
				    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, page_at(40)),
			  page_at(40));
	ck_layout(mm, "....................AABBCCCC............DD");
	/* a source that goes with what was at the destination; its length is not looked at */
	ck_assert_int_eq((long)do_mremap(mm, page_at(40), -1UL << 31, P, TO, page_at(40)), -EFAULT);
	ck_layout(mm, "....................AABBCCCC.............D");
	teardown();
}
END_TEST

START_TEST(rule_G4_several_vmas)
{
	setup(_i);
	world_map(mm, 0, 2, RW);
	world_map(mm, 2, 2, PROT_READ);
	world_map(mm, 6, 2, RW);
	world_map(mm, 34, 6, RW | PROT_EXEC);
	ck_assert_uint_eq(do_mremap(mm, page_at(1), 6 * P, 6 * P, TO, page_at(31)), page_at(31));
	/* the gap is kept, and what was mapped in it stays */
	ck_layout(mm, "A......B.......................CDDEEFGGG");
	ck_assert_int_eq((long)do_mremap(mm, page_at(2), 8 * P, 8 * P, TO, page_at(50)), -EFAULT);
	ck_assert_int_eq((long)do_mremap(mm, page_at(31), 6 * P, 7 * P, TO, page_at(50)), -EFAULT);
	teardown();
}
END_TEST

START_TEST(rule_G5_dontunmap)
{
	unsigned flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	unsigned long pgoff = page_at(0) >> PAGE_SHIFT;

	setup(_i);
	world_map(mm, 0, 4, RW);
	world_write(mm, page_at(0));
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 4 * P, 4 * P, flags, page_at(10)), page_at(10));
	ck_layout(mm, "AAAA......BBBB");
	ck_assert_ptr_null(world_vma(mm, 0)->anon_vma);
	ck_assert_uint_eq(pt_get(&mm->pgd, page_at(0)), 0);
	ck_assert_ptr_nonnull(world_vma(mm, 10)->anon_vma);
	ck_assert_uint_eq(world_vma(mm, 10)->vm_pgoff, pgoff);
	/* moved away whole and back elsewhere: the offset that it kept is stale */
	ck_assert_uint_eq(do_mremap(mm, page_at(10), 4 * P, 4 * P, flags, page_at(20)),
			  page_at(20));
	ck_assert_uint_eq(world_vma(mm, 10)->vm_pgoff, pgoff);
	ck_assert_ptr_null(world_vma(mm, 10)->anon_vma);
	/* a part moved: the rest still needs its anon_vma */
	ck_assert_uint_eq(do_mremap(mm, page_at(20), P, P, flags, page_at(30)), page_at(30));
	ck_assert_ptr_nonnull(world_vma(mm, 21)->anon_vma);
	/* an unfaulted VMA may become one with its own copy */
	world_map(mm, 40, 4, RW);
	ck_assert_uint_eq(do_mremap(mm, page_at(40), 4 * P, 4 * P, flags, page_at(44)),
			  page_at(44));
	ck_assert_ptr_eq(world_vma(mm, 40), world_vma(mm, 44));
	teardown();
}
END_TEST

TEST_SUITE(rules_vma)
{
	Suite *suite = suite_create("rules of VMAs");
	TCase *merge = tcase_create("C"), *calls = tcase_create("D, E and G");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(merge, rule_C1_what_must_be_the_same, 0, types);
	tcase_add_loop_test(merge, rule_C1_names, 0, types);
	tcase_add_loop_test(merge, rule_C2_offsets_and_special, 0, types);
	tcase_add_loop_test(merge, rule_C2_special_stays_whole, 0, types);
	tcase_add_loop_test(merge, rule_C3_one_side_has_an_anon_vma, 0, types);
	tcase_add_loop_test(merge, rule_C3_fork_child, 0, types);
	tcase_add_loop_test(merge, rule_C4_both_sides_must_agree, 0, types);
	tcase_add_loop_test(merge, rule_C5_close, 0, types);
	tcase_add_loop_test(merge, rule_C6_only_at_an_edge, 0, types);
	tcase_add_loop_test(merge, rule_C6_inheritance, 0, types);
	tcase_add_loop_test(merge, rule_C7_fixed_unmaps_first, 0, types);
	suite_add_tcase(suite, merge);
	tcase_add_loop_test(calls, rule_D1_gaining_write, 0, types);
	tcase_add_loop_test(calls, rule_D2_losing_write, 0, types);
	tcase_add_loop_test(calls, rule_D3_earlier_vmas_have_changed, 0, types);
	tcase_add_loop_test(calls, rule_D4_grows, 0, types);
	tcase_add_loop_test(calls, rule_E1_brk, 0, types);
	tcase_add_loop_test(calls, rule_E2_a_fork_childs_second_heap, 0, types);
	tcase_add_loop_test(calls, rule_E3_stack_growth, 0, types);
	tcase_add_loop_test(calls, rule_G1_growth_in_place_or_anywhere, 0, types);
	tcase_add_loop_test(calls, rule_G2_offset_after_a_move, 0, types);
	tcase_add_loop_test(calls, rule_G3_to_a_fixed_place, 0, types);
	tcase_add_loop_test(calls, rule_G4_several_vmas, 0, types);
	tcase_add_loop_test(calls, rule_G5_dontunmap, 0, types);
	suite_add_tcase(suite, calls);
	return suite;
}
