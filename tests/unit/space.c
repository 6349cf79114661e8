/*
 * Tests of whole address spaces: clone, exec, exit, faults, contents, maps, hash and verify.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
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

/* ---- life ---- */

START_TEST(clone_shares_or_copies)
{
	struct task_struct thread, child, kthread = { NULL }, none;
	uint64_t hash;

	setup(_i);
	world_map(mm, 0, 4, RW);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + P), WORLD_HEAP + P);
	hash = mm_hash(mm, 0);
	ck_assert_int_eq(copy_mm(CLONE_VM, &thread, &world.task), 0);
	ck_assert_ptr_eq(thread.mm, mm);
	ck_assert_uint_eq(mm->mm_users, 2);
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	ck_assert_ptr_ne(child.mm, mm);
	ck_assert_uint_eq(mm_hash(child.mm, 0), hash);
	ck_assert_uint_eq(child.mm->start_brk, mm->start_brk);
	ck_assert_uint_eq(child.mm->mmap_base, mm->mmap_base);
	ck_assert_int_eq(copy_mm(0, &none, &kthread), 0);
	ck_assert_ptr_null(none.mm);
	ck_assert_int_eq(copy_mm(CLONE_VM, &none, &kthread), 0);
	ck_assert_ptr_null(none.mm);
	mmput(thread.mm);
	ck_assert_uint_eq(mm_hash(mm, 0), hash); /* another user is left */
	ck_assert_int_eq(do_munmap(child.mm, page_at(0), P), 0);
	ck_layout(mm, "AAAA");
	ck_layout(child.mm, ".AAA");
	mmput(child.mm);
	ck_assert_uint_eq(world.machine->mms, 1);
	teardown();
}
END_TEST

START_TEST(exec_starts_anew)
{
	struct mm_struct *old;

	setup(_i);
	const struct vma_layout layout[] = {
		{ page_at(1), page_at(3), VM_READ | VM_EXEC | VM_MAY_FLAGS, 0, world.file, false },
		{ page_at(3), page_at(4), VM_READ | VM_WRITE | VM_MAY_FLAGS, 2, world.file, true },
		{ page_at(8), page_at(9), VM_READ | VM_WRITE | VM_MAY_FLAGS | VM_GROWSDOWN,
		  page_at(8) >> PAGE_SHIFT, NULL, true },
	};
	world_map(mm, 0, 4, RW);
	old = mm;
	old->mm_users++;
	ck_assert_int_eq(exec_mmap(world.machine, &world.task, layout, ARRAY_SIZE(layout),
				   WORLD_TOP - P, WORLD_HEAP + P, WORLD_HEAP + 2 * P, page_at(8)),
			 0);
	ck_layout(old, "AAAA");
	mmput(old);
	world.mm = mm = world.task.mm;
	ck_layout(mm, ".AAB....C");
	ck_assert_ptr_null(world_vma(mm, 1)->anon_vma);
	ck_assert_ptr_nonnull(world_vma(mm, 3)->anon_vma);
	ck_assert_uint_eq(mm->mmap_base, WORLD_TOP - P);
	ck_assert_uint_eq(mm->start_brk, WORLD_HEAP + P);
	ck_assert_uint_eq(mm->brk, WORLD_HEAP + 2 * P);
	ck_assert_uint_eq(mm->total_vm, 4);
	ck_assert_uint_eq(mm->stack_vm, 1);
	ck_assert_uint_eq(mm->exec_vm, 2);
	ck_assert_uint_eq(mm->data_vm, 1);
	teardown();
}
END_TEST

/* ---- contents ---- */

START_TEST(contents_after_fork)
{
	struct mm_struct *child;
	struct fault_counters *faults;
	uint64_t before, own;

	setup(_i);
	faults = &world.machine->faults;
	world_map(mm, 0, 2, RW);
	world_write(mm, page_at(0));
	world_write(mm, page_at(1));
	before = world_content(mm, page_at(0));
	ck_assert_uint_ne(before, world_content(mm, page_at(1)));
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_assert_uint_eq(world_content(child, page_at(0)), before);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 2);
	world_write(child, page_at(0));
	own = world_content(child, page_at(0));
	ck_assert_uint_ne(own, before);
	ck_assert_uint_eq(world_content(mm, page_at(0)), before);
	ck_assert_uint_eq(faults->cow_copy, 1);
	/* nobody else has the old page now: it is written to where it is */
	world_write(mm, page_at(0));
	ck_assert_uint_eq(faults->cow_reuse, 1);
	ck_assert_uint_ne(world_content(mm, page_at(0)), before);
	ck_assert_uint_eq(world_content(child, page_at(0)), own);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 3);
	world_write(mm, page_at(0));
	ck_assert_uint_eq(faults->spurious, 1);
	mmput(child);
	world_write(mm, page_at(1));
	ck_assert_uint_eq(faults->cow_reuse, 2);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 2);
	teardown();
}
END_TEST

START_TEST(contents_of_files)
{
	struct mm_struct *child;
	uint64_t read, shared;

	setup(_i);
	world_map_file(mm, world.file, 0, 1, RW, 3);
	ck_assert_uint_eq(do_mmap(mm, world.again, page_at(4), P, RW, MAP_SHARED | MAP_FIXED, 3),
			  page_at(4));
	world_read(mm, page_at(0));
	read = world_content(mm, page_at(0));
	world_read(mm, page_at(4));
	ck_assert_uint_eq(world_content(mm, page_at(4)), read);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	world_write(child, page_at(4));
	shared = world_content(child, page_at(4));
	ck_assert_uint_ne(shared, read);
	/* both see it: the other process, and the private mapping that is not written to */
	world_read(mm, page_at(4));
	ck_assert_uint_eq(world_content(mm, page_at(4)), shared);
	ck_assert_uint_eq(world_content(mm, page_at(0)), shared);
	world_write(mm, page_at(0));
	ck_assert_uint_ne(world_content(mm, page_at(0)), shared);
	ck_assert_uint_eq(world_content(mm, page_at(4)), shared);
	mmput(child);
	teardown();
}
END_TEST

START_TEST(faults_are_counted)
{
	struct fault_counters *faults;

	setup(_i);
	faults = &world.machine->faults;
	world_map(mm, 0, 4, RW);
	world_map_file(mm, world.file, 8, 4, RW, 0);
	ck_assert_uint_eq(
		do_mmap(mm, world.file, page_at(16), 4 * P, RW, MAP_SHARED | MAP_FIXED, 8),
		page_at(16));
	world_map(mm, 24, 1, PROT_READ);
	world_read(mm, page_at(0));
	world_write(mm, page_at(0));
	world_write(mm, page_at(1));
	ck_assert_uint_eq(faults->anon_zero, 1);
	ck_assert_uint_eq(faults->cow_zero, 1);
	ck_assert_uint_eq(faults->anon_write, 1);
	world_read(mm, page_at(8));
	world_write(mm, page_at(8));
	world_write(mm, page_at(9));
	ck_assert_uint_eq(faults->file_read, 1);
	ck_assert_uint_eq(faults->file_cow, 2);
	world_read(mm, page_at(16));
	world_write(mm, page_at(16));
	world_write(mm, page_at(17));
	ck_assert_uint_eq(faults->file_read, 2);
	ck_assert_uint_eq(faults->file_shared_write, 2);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(24), FAULT_FLAG_WRITE), -EFAULT);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(24), FAULT_FLAG_INSTRUCTION), -EFAULT);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(40), 0), -EFAULT);
	ck_assert_uint_eq(faults->segv, 3);
	ck_assert_uint_eq(faults->spurious, 0);
	teardown();
}
END_TEST

/* A prefault copies a private file page, but nobody has written to the copy. */
START_TEST(prefault_copies)
{
	uint64_t read;

	setup(_i);
	world_map_file(mm, world.file, 0, 2, RW, 0);
	world_map_file(mm, world.again, 4, 2, PROT_READ, 0);
	world_read(mm, page_at(4));
	read = world_content(mm, page_at(4));
	ck_assert_int_eq(do_mlock(mm, page_at(0), 2 * P, false), 0);
	ck_assert_uint_eq(world_content(mm, page_at(0)), read);
	ck_assert_ptr_nonnull(world_vma(mm, 0)->anon_vma);
	world_write(mm, page_at(0));
	ck_assert_int_eq(do_munlockall(mm), 0);
	teardown();
}
END_TEST

/* Shared memory without a name is as long as it was made, however long its mapping is now. */
START_TEST(shared_memory_ends)
{
	unsigned long addr;

	setup(_i);
	addr = do_mmap(mm, NULL, 0, 2 * P, RW, MAP_SHARED | MAP_ANONYMOUS, 0);
	addr = do_mremap(mm, addr, 2 * P, 4 * P, MREMAP_MAYMOVE, 0);
	ck_assert(!IS_ERR_VALUE(addr));
	world_write(mm, addr + P);
	ck_assert_int_eq(handle_mm_fault(mm, addr + 2 * P, FAULT_FLAG_WRITE), -ENXIO);
	ck_assert_int_eq(handle_mm_fault(mm, addr + 3 * P, 0), -ENXIO);
	ck_assert_uint_eq(world.machine->faults.sigbus, 2);
	teardown();
}
END_TEST

/* mremap fills in what a locked mapping has gained, not what it had. */
START_TEST(locked_growth_is_filled)
{
	unsigned long addr;

	setup(_i);
	world_map(mm, 0, 4, RW);
	world_map(mm, 4, 1, PROT_READ); /* in the way: it has to move */
	ck_assert_int_eq(do_mlock(mm, page_at(0), 4 * P, false), 0);
	ck_assert_int_eq(do_madvise(mm, page_at(1), 2 * P, MADV_DONTNEED_LOCKED), 0);
	addr = do_mremap(mm, page_at(0), 4 * P, 6 * P, MREMAP_MAYMOVE, 0);
	ck_assert(!IS_ERR_VALUE(addr) && addr != page_at(0));
	ck_assert_uint_eq(pt_populated(&mm->pgd, addr, addr + 4 * P), 2);
	ck_assert_uint_eq(pt_populated(&mm->pgd, addr + 4 * P, addr + 6 * P), 2);
	ck_assert_int_eq(do_munlockall(mm), 0);
	teardown();
}
END_TEST

/* fork copies the entries of a VMA that may hold guard pages, even if it has no anon_vma. */
START_TEST(fork_copies_beside_guards)
{
	struct mm_struct *child;

	setup(_i);
	world_map_file(mm, world.file, 0, 4, PROT_READ, 0);
	world_map_file(mm, world.again, 8, 4, PROT_READ, 0);
	world_read(mm, page_at(0));
	world_read(mm, page_at(8));
	ck_assert_int_eq(do_madvise(mm, page_at(2), P, MADV_GUARD_INSTALL), 0);
	ck_assert_ptr_null(world_vma(mm, 0)->anon_vma);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_assert_uint_eq(pt_populated(&child->pgd, page_at(0), page_at(4)), 2);
	ck_assert_uint_eq(pt_populated(&child->pgd, page_at(8), page_at(12)), 0);
	mmput(child);
	teardown();
}
END_TEST

START_TEST(protection_none_and_back)
{
	uint64_t content;

	setup(_i);
	world_map(mm, 0, 3, RW);
	world_write(mm, page_at(0));
	world_read(mm, page_at(1));
	content = world_content(mm, page_at(0));
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 3 * P, PROT_NONE, -1), 0);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(0), 0), -EFAULT);
	ck_assert(pt_get(&mm->pgd, page_at(0)) & PTE_PROTNONE);
	ck_assert_uint_eq(world_content(mm, page_at(0)), content);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 3 * P, RW, -1), 0);
	ck_assert_uint_eq(pt_get(&mm->pgd, page_at(0)) & (PTE_PRESENT | PTE_WRITE),
			  PTE_PRESENT | PTE_WRITE);
	ck_assert_uint_eq(pt_get(&mm->pgd, page_at(1)) & (PTE_PRESENT | PTE_WRITE), PTE_PRESENT);
	ck_assert_uint_eq(world_content(mm, page_at(0)), content);
	world_write(mm, page_at(1));
	ck_assert_uint_eq(world.machine->faults.cow_zero, 1);
	ck_layout(mm, "AAA");
	teardown();
}
END_TEST

/* ---- text, hash, verify ---- */

START_TEST(maps)
{
	static const char expected[] = "00500000-00502000 rw-p 00000000 00:00 0 "
				       "                                 [heap]\n"
				       "10000000000-10000001000 r-xp 00003000 00:00 42 "
				       "                          /lib/some.so\n"
				       "10000002000-10000004000 ---p 00000000 00:00 0 \n"
				       "7fffffffe000-7ffffffff000 rw-p 00000000 00:00 0 "
				       "                         [stack]\n";
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	setup(_i);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 2 * P), WORLD_HEAP + 2 * P);
	world_map_file(mm, world.file, 0, 1, PROT_READ | PROT_EXEC, 3);
	world_map(mm, 2, 2, PROT_NONE);
	mm->start_stack = WORLD_STACK - 256;
	ck_assert_uint_eq(
		do_mmap(mm, NULL, WORLD_STACK - P, P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, 0),
		WORLD_STACK - P);
	show_maps(mm, out);
	fclose(out);
	ck_assert_str_eq(text, expected);
	free(text);
	teardown();
}
END_TEST

/* Every field counts, and so does the order of things. */
START_TEST(hash)
{
	struct vm_area_struct *vma;
	struct page *page;
	uint64_t before;

	setup(_i);
	world_map_file(mm, world.file, 0, 4, RW, 5);
	world_write(mm, page_at(1));
	vma = world_vma(mm, 0);
	page = pfn_to_page(world.machine->frames, PTE_PFN(pt_get(&mm->pgd, page_at(1))));
	before = mm_hash(mm, 0);
	ck_assert_uint_eq(mm_hash(mm, 0), before);
	ck_assert_uint_ne(mm_hash(mm, 1), before);
#define COUNTS(field, other)                                     \
	do {                                                     \
		__typeof__(field) saved = field;                 \
		field = (__typeof__(field))(other);              \
		ck_assert_msg(mm_hash(mm, 0) != before, #field); \
		field = saved;                                   \
		ck_assert_uint_eq(mm_hash(mm, 0), before);       \
	} while (0)
	COUNTS(vma->vm_flags, vma->vm_flags ^ VM_SEALED);
	COUNTS(vma->vm_pgoff, vma->vm_pgoff + 1);
	COUNTS(vma->vm_file, world.again);
	COUNTS(vma->vm_file, NULL);
	COUNTS(vma->anon_vma, NULL);
	COUNTS(vma->anon_vma_links, 2);
	COUNTS(vma->vm_policy, 1);
	COUNTS(vma->vm_userfaultfd_ctx, 1);
	COUNTS(mm->map_count, 2);
	COUNTS(mm->brk, 1);
	COUNTS(mm->total_vm, 0);
	COUNTS(mm->locked_vm, 1);
	COUNTS(mm->data_vm, 77);
	COUNTS(mm->exec_vm, 77);
	COUNTS(mm->stack_vm, 77);
	COUNTS(mm->pgd.rss, 2);
	COUNTS(page->content, 1);
#undef COUNTS
	world_read(mm, page_at(2));
	ck_assert_uint_ne(mm_hash(mm, 0), before);
	before = mm_hash(mm, 0);
	ck_assert_int_eq(do_munmap(mm, page_at(3), P), 0);
	ck_assert_uint_ne(mm_hash(mm, 0), before);
	teardown();
}
END_TEST

START_TEST(verify)
{
	struct vm_area_struct *vma;
	unsigned long dummy = 0;

	setup(_i);
	world_map(mm, 0, 4, RW);
	world_write(mm, page_at(1));
	vma = world_vma(mm, 0);
	ck_assert_ptr_null(mm_verify(mm, NULL));
#define NOTICED(field, other)                               \
	do {                                                \
		__typeof__(field) saved = field;            \
		field = (__typeof__(field))(other);         \
		ck_assert_msg(mm_verify(mm, NULL), #field); \
		field = saved;                              \
		ck_assert_ptr_null(mm_verify(mm, NULL));    \
	} while (0)
	NOTICED(mm->map_count, 2);
	NOTICED(mm->total_vm, 3);
	NOTICED(mm->locked_vm, 1);
	NOTICED(mm->data_vm, 3);
	NOTICED(mm->exec_vm, 1);
	NOTICED(mm->stack_vm, 1);
	NOTICED(vma->vm_mm, &dummy);
	NOTICED(vma->anon_vma_links, 0);
	NOTICED(vma->anon_vma, NULL);
	NOTICED(vma->vm_flags, vma->vm_flags & ~VM_WRITE); /* a writable entry in it */
	NOTICED(vma->vm_flags, vma->vm_flags | VM_LOCKED);
	NOTICED(vma->vm_start, page_at(2)); /* an entry outside */
	NOTICED(vma->vm_end, page_at(5));
	NOTICED(mm->pgd.rss, 0);
	NOTICED(world.task.vmacache[0], (void *)world.file);
#undef NOTICED
	teardown();
}
END_TEST

TEST_SUITE(space)
{
	Suite *suite = suite_create("address space");
	TCase *life = tcase_create("life"), *faults = tcase_create("faults and contents");
	TCase *state = tcase_create("maps, hash, verify");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(life, clone_shares_or_copies, 0, types);
	tcase_add_loop_test(life, exec_starts_anew, 0, types);
	suite_add_tcase(suite, life);
	tcase_add_loop_test(faults, contents_after_fork, 0, types);
	tcase_add_loop_test(faults, contents_of_files, 0, types);
	tcase_add_loop_test(faults, faults_are_counted, 0, types);
	tcase_add_loop_test(faults, prefault_copies, 0, types);
	tcase_add_loop_test(faults, shared_memory_ends, 0, types);
	tcase_add_loop_test(faults, locked_growth_is_filled, 0, types);
	tcase_add_loop_test(faults, fork_copies_beside_guards, 0, types);
	tcase_add_loop_test(faults, protection_none_and_back, 0, types);
	suite_add_tcase(suite, faults);
	tcase_add_loop_test(state, maps, 0, types);
	tcase_add_loop_test(state, hash, 0, types);
	tcase_add_loop_test(state, verify, 0, types);
	suite_add_tcase(suite, state);
	return suite;
}
