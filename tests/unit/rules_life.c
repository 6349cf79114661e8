/*
 * The rules of anon_vmas, madvise, mlock, mseal and limits, one test for each: F, H, I.
 */
#include <errno.h>
#include <sys/prctl.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define M2 (2UL << 20)

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

static struct anon_vma *anon_of(struct mm_struct *of, unsigned long page)
{
	return world_vma(of, page)->anon_vma;
}

START_TEST(rule_F1_first_write)
{
	setup(_i);
	world_map(mm, 0, 2, RW);
	world_read(mm, page_at(0));
	ck_assert_ptr_null(anon_of(mm, 0));
	world_write(mm, page_at(0));
	ck_assert_ptr_nonnull(anon_of(mm, 0));
	world_map_file(mm, world.file, 4, 2, RW, 0);
	world_read(mm, page_at(4));
	ck_assert_ptr_null(anon_of(mm, 4));
	world_write(mm, page_at(4));
	ck_assert_ptr_nonnull(anon_of(mm, 4));
	ck_assert_uint_eq(do_mmap(mm, world.file, page_at(8), P, RW, MAP_SHARED | MAP_FIXED, 0),
			  page_at(8));
	world_write(mm, page_at(8));
	ck_assert_ptr_null(anon_of(mm, 8));
	teardown();
}
END_TEST

START_TEST(rule_F2_read_that_could_map_a_huge_page)
{
	unsigned long huge;

	setup(_i);
	huge = do_mmap(mm, NULL, 0, 2 * M2, RW, ANON, 0);
	world_read(mm, huge);
	ck_assert_ptr_null(vma_lookup(mm, huge)->anon_vma);
	ck_assert_int_eq(do_madvise(mm, huge, 2 * M2, MADV_HUGEPAGE), 0);
	world_read(mm, huge + P); /* there is a small page already */
	ck_assert_ptr_null(vma_lookup(mm, huge)->anon_vma);
	world_read(mm, huge + M2 + P);
	ck_assert_ptr_nonnull(vma_lookup(mm, huge)->anon_vma);
	teardown();
}
END_TEST

/* An empty leaf table stays where it is until it lies in a gap or MADV_DONTNEED covers it. */
START_TEST(rule_F2_an_empty_table_is_in_the_way)
{
	unsigned long huge;

	setup(_i);
	huge = do_mmap(mm, NULL, 0, 4 * M2, RW, ANON, 0);
	world_read(mm, huge + P);
	world_read(mm, huge + M2);
	ck_assert_int_eq(do_madvise(mm, huge, 3 * M2, MADV_HUGEPAGE), 0);
	ck_assert_int_eq(do_madvise(mm, huge + P, M2 - P, MADV_DONTNEED), 0);
	world_read(mm, huge + 2 * P);
	ck_assert_ptr_null(vma_lookup(mm, huge)->anon_vma);

	/* what mremap leaves behind nothing of gets a table all the same */
	unsigned long to = huge + 3 * M2;
	ck_assert_int_eq(do_madvise(mm, to, M2, MADV_HUGEPAGE), 0);
	ck_assert_int_eq(do_munmap(mm, huge + M2 + 4 * P, 4 * P), 0);
	ck_assert_uint_eq(
		do_mremap(mm, huge + M2 + 8 * P, P, M2, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	world_read(mm, to + P);
	ck_assert_ptr_null(vma_lookup(mm, to)->anon_vma);

	ck_assert_int_eq(do_madvise(mm, huge, M2, MADV_DONTNEED), 0);
	world_read(mm, huge + 3 * P);
	ck_assert_ptr_nonnull(vma_lookup(mm, huge)->anon_vma);
	teardown();
}
END_TEST

START_TEST(rule_F2_huge_pages_disabled)
{
	unsigned long huge;

	setup(_i);
	huge = do_mmap(mm, NULL, 0, 4 * M2, RW, ANON, 0);
	mm->thp = THP_DISABLED;
	ck_assert_int_eq(do_madvise(mm, huge, 4 * M2, MADV_HUGEPAGE), 0);
	world_read(mm, huge + P);
	ck_assert_ptr_null(vma_lookup(mm, huge)->anon_vma);
	/* but for what is advised; a child has it from its parent */
	world.machine->config.thp = THP_ALWAYS;
	mm->thp = THP_ADVISED_ONLY;
	ck_assert_int_eq(do_madvise(mm, huge, 4 * M2, MADV_NORMAL), 0);
	struct mm_struct *child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	world_read(child, huge + M2 + P);
	ck_assert_ptr_nonnull(vma_lookup(child, huge)->anon_vma);
	struct task_struct task = { .mm = child };
	ck_assert_int_eq(exec_mmap(world.machine, &task, NULL, 0, WORLD_TOP, WORLD_HEAP, WORLD_HEAP,
				   WORLD_STACK),
			 0);
	ck_assert_int_eq(task.mm->thp, THP_ADVISED_ONLY);
	mmput(task.mm);
	teardown();
}
END_TEST

START_TEST(rule_F3_a_neighbours_anon_vma)
{
	struct mm_struct *child;

	setup(_i);
	world_map(mm, 0, 4, RW | PROT_EXEC);
	world_map(mm, 4, 4, RW);
	world_map(mm, 8, 4, RW | PROT_EXEC);
	world_write(mm, page_at(0));
	world_write(mm, page_at(8));
	ck_assert_ptr_ne(anon_of(mm, 0), anon_of(mm, 8));
	world_write(mm, page_at(4));
	ck_assert_ptr_eq(anon_of(mm, 4), anon_of(mm, 8)); /* the next one's first */
	world_map(mm, 20, 4, RW);
	world_map(mm, 24, 4, RW | PROT_EXEC);
	world_write(mm, page_at(20));
	world_write(mm, page_at(24));
	ck_assert_ptr_eq(anon_of(mm, 24), anon_of(mm, 20)); /* else the previous one's */
	/* other flags than R, W, X: its own */
	world_map(mm, 30, 2, RW);
	ck_assert_uint_eq(
		do_mmap(mm, NULL, page_at(32), 2 * P, RW, ANON | MAP_FIXED | MAP_STACK, 0),
		page_at(32));
	world_write(mm, page_at(30));
	world_write(mm, page_at(32));
	ck_assert_ptr_ne(anon_of(mm, 32), anon_of(mm, 30));
	/* a fork child's is not handed on */
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	world_map(child, 28, 2, RW | PROT_EXEC | PROT_READ);
	world_write(child, page_at(28));
	ck_assert_ptr_ne(anon_of(child, 28), anon_of(child, 30));
	ck_assert_ptr_ne(anon_of(child, 28), anon_of(child, 24));
	mmput(child);
	teardown();
}
END_TEST

START_TEST(rule_F4_fork_one_longer)
{
	struct mm_struct *child, *grandchild;

	setup(_i);
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	world_write(mm, page_at(0));
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	grandchild = dup_mm(child);
	ck_assert_ptr_nonnull(grandchild);
	ck_assert_ptr_ne(anon_of(child, 0), anon_of(mm, 0));
	ck_assert_ptr_null(anon_of(child, 4));
	ck_assert_uint_eq(world_vma(mm, 0)->anon_vma_links, 1);
	ck_assert_uint_eq(world_vma(child, 0)->anon_vma_links, 2);
	ck_assert_uint_eq(world_vma(grandchild, 0)->anon_vma_links, 3);
	mmput(child);
	mmput(grandchild);
	teardown();
}
END_TEST

START_TEST(rule_F5_what_fork_leaves_out)
{
	struct mm_struct *child;

	setup(_i);
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	world_map(mm, 8, 2, RW);
	for (unsigned page = 0; page < 12; page += 4)
		world_write(mm, page_at(page));
	ck_assert_int_eq(do_madvise(mm, page_at(0), 2 * P, MADV_DONTFORK), 0);
	ck_assert_int_eq(do_madvise(mm, page_at(4), 2 * P, MADV_WIPEONFORK), 0);
	ck_assert_int_eq(do_mlock(mm, page_at(8), 2 * P, true), 0);
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(3, 0), page_at(8), 2 * P, 1), 0);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_layout(child, "....AA..BB");
	ck_assert_ptr_null(anon_of(child, 4));
	ck_assert_uint_eq(pt_get(&child->pgd, page_at(4)), 0);
	ck_assert_uint_eq(
		world_vma(child, 8)->vm_flags & (VM_LOCKED | VM_LOCKONFAULT | VM_UFFD_MISSING), 0);
	ck_assert_uint_eq(world_vma(child, 8)->vm_userfaultfd_ctx, 0);
	ck_assert_uint_eq(child->locked_vm, 0);
	ck_assert_uint_eq(child->total_vm, 4);
	ck_assert_uint_ne(pt_get(&child->pgd, page_at(8)), 0);
	mmput(child);
	teardown();
}
END_TEST

START_TEST(rule_F6_prefaults)
{
	static const unsigned long asked[] = { MAP_POPULATE, MAP_LOCKED };

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		setup(_i);
		ck_assert_uint_eq(
			do_mmap(mm, NULL, page_at(0), 4 * P, RW, ANON | MAP_FIXED | asked[i], 0),
			page_at(0));
		ck_assert_ptr_nonnull(anon_of(mm, 0));
		ck_assert_uint_eq(mm->pgd.rss, 4);
		ck_assert_uint_eq(do_mmap(mm, NULL, page_at(8), 4 * P, PROT_READ,
					  ANON | MAP_FIXED | asked[i], 0),
				  page_at(8));
		ck_assert_ptr_null(anon_of(mm, 8));
		ck_assert_uint_eq(mm->pgd.rss, 8);
		teardown();
	}

	setup(_i);
	world_map(mm, 0, 2, RW);
	ck_assert_int_eq(do_madvise(mm, page_at(0), P, MADV_POPULATE_READ), 0);
	ck_assert_ptr_null(anon_of(mm, 0));
	ck_assert_int_eq(do_madvise(mm, page_at(0), P, MADV_POPULATE_WRITE), 0);
	ck_assert_ptr_nonnull(anon_of(mm, 0));
	/* mlock locks all and then stops filling at what nobody may touch */
	world_map(mm, 8, 2, PROT_NONE);
	world_map(mm, 10, 2, RW | PROT_EXEC);
	ck_assert_int_eq(do_mlock(mm, page_at(8), 4 * P, false), -ENOMEM);
	ck_assert_uint_eq(mm->locked_vm, 4);
	ck_assert_ptr_null(anon_of(mm, 10));
	/* mlockall's filling goes on */
	ck_assert_int_eq(do_mlockall(mm, MCL_CURRENT), 0);
	ck_assert_ptr_nonnull(anon_of(mm, 10));
	teardown();
}
END_TEST

/* Whether exec-only memory can be filled in depends on protection keys. */
START_TEST(rule_F6_execute_only)
{
	setup(_i);
	world_map(mm, 0, 2, PROT_EXEC);
	ck_assert_int_eq(do_mlock(mm, page_at(0), 2 * P, false), 0);
	ck_assert_uint_eq(mm->pgd.rss, 2);
	world.machine->config.pkeys = true;
	mm_pkeys_init(mm);
	world_map(mm, 4, 2, PROT_EXEC);
	ck_assert_int_eq(do_mlock(mm, page_at(4), 2 * P, false), -ENOMEM);
	ck_assert_uint_eq(mm->pgd.rss, 2);
	teardown();
}
END_TEST

START_TEST(rule_F7_guard_pages)
{
	setup(_i);
	world_map(mm, 0, 8, PROT_READ);
	ck_assert_int_eq(do_madvise(mm, page_at(2), P, MADV_GUARD_INSTALL), 0);
	ck_layout(mm, "AAAAAAAA");
	ck_assert_ptr_nonnull(anon_of(mm, 7));
	ck_assert(world_vma(mm, 0)->vm_flags & VM_MAYBE_GUARD);
	world_map_file(mm, world.file, 10, 8, RW, 0);
	ck_assert_int_eq(do_madvise(mm, page_at(12), P, MADV_GUARD_INSTALL), 0);
	ck_assert_ptr_null(anon_of(mm, 10)); /* for anonymous memory only */
	ck_assert_int_eq(handle_mm_fault(mm, page_at(12), 0), -EFAULT);
	world_write(mm, page_at(11));
	teardown();
}
END_TEST

/* What page holds a guard, of eight from that one on: "..G.....". */
static void ck_guards(struct mm_struct *of, unsigned long page, const char *drawn)
{
	for (size_t i = 0; drawn[i]; i++)
		ck_assert_msg(!(pt_get(&of->pgd, page_at(page + i)) & PTE_GUARD) ==
				      (drawn[i] != 'G'),
			      "page %zu of %s", i, drawn);
}

/*
 * Where guards prepare files as well, what lies between two guarded mappings of a file joins one of
 * them only.
 */
START_TEST(rule_F7_guard_pages_of_files_may_prepare)
{
	struct mm_struct *child;

	setup(_i);
	for (unsigned prepare = 0; prepare < 2; prepare++) {
		unsigned long base = prepare * 10;

		world.machine->config.file_guards_prepare = prepare;
		for (unsigned long page = 0; page < 3; page += 2) {
			ck_assert_uint_eq(do_mmap(mm, world.file, page_at(base + page), P, RW,
						  MAP_SHARED | MAP_FIXED, page),
					  page_at(base + page));
			ck_assert_int_eq(
				do_madvise(mm, page_at(base + page), P, MADV_GUARD_INSTALL), 0);
			ck_assert(!anon_of(mm, base + page) == !prepare);
		}
		do_mmap(mm, world.file, page_at(base + 1), P, RW, MAP_SHARED | MAP_FIXED, 1);
		ck_assert_uint_eq(world_vma(mm, base)->vm_end, page_at(base + (prepare ? 2 : 3)));
	}
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_assert_ptr_null(anon_of(child, 0));
	ck_assert_ptr_nonnull(anon_of(child, 10));
	ck_assert_ptr_ne(anon_of(child, 10), anon_of(mm, 10));
	ck_guards(child, 10, "G.G");
	mmput(child);
	teardown();
}
END_TEST

START_TEST(rule_F7_what_guard_pages_survive)
{
	struct mm_struct *child;

	setup(_i);
	world_map(mm, 0, 8, RW);
	world_write(mm, page_at(2));
	world_write(mm, page_at(4));
	ck_assert_int_eq(do_madvise(mm, page_at(1), 3 * P, MADV_GUARD_INSTALL), 0);
	ck_guards(mm, 0, ".GGG....");
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 1);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(2), FAULT_FLAG_WRITE), -EFAULT);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(2), 0), -EFAULT);
	ck_assert_uint_eq(world.machine->faults.segv, 2);
	ck_assert_int_eq(do_madvise(mm, page_at(0), 8 * P, MADV_POPULATE_READ), -EFAULT);
	ck_assert_int_eq(do_mlock(mm, page_at(0), 8 * P, false), -ENOMEM);
	ck_assert_int_eq(do_madvise(mm, page_at(0), P, MADV_GUARD_INSTALL), -EINVAL);
	ck_assert_int_eq(do_munlock(mm, page_at(0), 8 * P), 0);
	/* other advice, mprotect, fork and mremap leave them */
	ck_assert_int_eq(do_madvise(mm, page_at(0), 8 * P, MADV_DONTNEED), 0);
	ck_assert_int_eq(do_madvise(mm, page_at(0), 8 * P, MADV_FREE), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 8 * P, PROT_NONE, -1), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 8 * P, RW, -1), 0);
	ck_guards(mm, 0, ".GGG....");
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 0);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_guards(child, 0, ".GGG....");
	mmput(child);
	ck_assert_int_eq(do_madvise(mm, page_at(0), 8 * P, MADV_WIPEONFORK), 0);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_guards(child, 0, "........");
	mmput(child);
	ck_assert_uint_eq(
		do_mremap(mm, page_at(0), 8 * P, 8 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(16)),
		page_at(16));
	ck_guards(mm, 16, ".GGG....");
	/* removing them and unmapping end them */
	ck_assert_int_eq(do_madvise(mm, page_at(18), P, MADV_GUARD_REMOVE), 0);
	ck_guards(mm, 16, ".G.G....");
	world_write(mm, page_at(18));
	ck_assert_int_eq(do_madvise(mm, page_at(16), 8 * P, MADV_GUARD_REMOVE), 0);
	ck_guards(mm, 16, "........");
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 1);
	ck_assert_int_eq(do_madvise(mm, page_at(16), 8 * P, MADV_GUARD_INSTALL), 0);
	world_map(mm, 17, 2, RW);
	ck_guards(mm, 16, "G..GGGGG");
	teardown();
}
END_TEST

START_TEST(fault_beyond_the_end_of_a_file)
{
	setup(_i);
	world.inode->pages = 3;
	world_map_file(mm, world.file, 0, 8, RW, 1);
	world_read(mm, page_at(1));
	ck_assert_int_eq(handle_mm_fault(mm, page_at(2), 0), -ENXIO);
	ck_assert_uint_eq(world.machine->faults.sigbus, 1);
	ck_assert_ptr_null(anon_of(mm, 0));
	/* a private write prepares, and then finds no page */
	ck_assert_int_eq(handle_mm_fault(mm, page_at(2), FAULT_FLAG_WRITE), -ENXIO);
	ck_assert_ptr_nonnull(anon_of(mm, 0));
	ck_assert_int_eq(do_madvise(mm, page_at(0), 8 * P, MADV_POPULATE_READ), -EFAULT);
	ck_assert_int_eq(do_mlock(mm, page_at(0), 8 * P, false), -ENOMEM);
	world.inode->pages = 4;
	world_write(mm, page_at(2));
	teardown();
}
END_TEST

/* ---- madvise, mlock, mseal ---- */

START_TEST(rule_H1_advice)
{
	static const int flags[] = { MADV_SEQUENTIAL, MADV_RANDOM,    MADV_DONTFORK,
				     MADV_WIPEONFORK, MADV_DONTDUMP,  MADV_MERGEABLE,
				     MADV_HUGEPAGE,   MADV_NOHUGEPAGE };
	static const int back[] = { MADV_NORMAL,     MADV_NORMAL, MADV_DOFORK,
				    MADV_KEEPONFORK, MADV_DODUMP, MADV_UNMERGEABLE };

	setup(_i);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		world_map(mm, 0, 8, RW);
		ck_assert_int_eq(do_madvise(mm, page_at(2), 4 * P, flags[i]), 0);
		ck_layout(mm, "AABBBBCC");
		if (i < ARRAY_SIZE(back)) {
			ck_assert_int_eq(do_madvise(mm, page_at(2), 4 * P, back[i]), 0);
			ck_layout(mm, "AAAAAAAA");
		}
		ck_assert_int_eq(do_munmap(mm, page_at(0), 8 * P), 0);
	}
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	ck_assert_int_eq(do_madvise(mm, page_at(1), 4 * P, MADV_DONTFORK), -ENOMEM);
	ck_layout(mm, "AB..CD");
	world_map_file(mm, world.file, 8, 2, PROT_READ, 0);
	ck_assert_int_eq(do_madvise(mm, page_at(8), P, MADV_WIPEONFORK), -EINVAL);
	world_vma(mm, 8)->vm_flags |= VM_IO;
	ck_assert_int_eq(do_madvise(mm, page_at(8), P, MADV_DOFORK), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, page_at(8), P, MADV_DODUMP), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, page_at(8), P, 77), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, page_at(8) + 1, P, MADV_NORMAL), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, page_at(40), 0, MADV_NORMAL), 0);
	ck_layout(mm, "AB..CD..EE");
	/* a hole beyond the largest file of a file system cannot be */
	world.inode->max_pages = 10;
	ck_assert_uint_eq(
		do_mmap(mm, world.file, page_at(40), 4 * P, RW, MAP_SHARED | MAP_FIXED, 8),
		page_at(40));
	ck_assert_int_eq(do_madvise(mm, page_at(40), 2 * P, MADV_REMOVE), 0);
	ck_assert_int_eq(do_madvise(mm, page_at(40), 3 * P, MADV_REMOVE), -EFBIG);
	teardown();
}
END_TEST

START_TEST(rule_H2_sealed)
{
	setup(_i);
	world_map(mm, 0, 4, RW);
	world_map(mm, 4, 4, PROT_READ);
	world_map(mm, 10, 2, RW);
	ck_assert_int_eq(do_mseal(mm, page_at(4), 8 * P, 0), -ENOMEM);
	ck_layout(mm, "AAAABBBB..CC");
	ck_assert_int_eq(do_mseal(mm, page_at(4), 4 * P, 0), 0);
	ck_assert_int_eq(do_munmap(mm, page_at(5), P), -EPERM);
	ck_assert_int_eq(do_mprotect(mm, page_at(5), P, RW, -1), -EPERM);
	ck_assert_int_eq((long)do_mmap(mm, NULL, page_at(5), P, RW, ANON | MAP_FIXED, 0), -EPERM);
	ck_assert_int_eq((long)do_mremap(mm, page_at(4), P, 2 * P, MREMAP_MAYMOVE, 0), -EPERM);
	ck_layout(mm, "AAAABBBB..CC");
	/* the split at the start stays */
	ck_assert_int_eq(do_munmap(mm, page_at(2), 4 * P), -EPERM);
	ck_layout(mm, "AADDBBBB..CC");
	ck_assert_int_eq((long)do_mmap(mm, NULL, page_at(1), 8 * P, RW, ANON | MAP_FIXED, 0),
			 -EPERM);
	ck_layout(mm, "AEDDBBBB..CC");
	teardown();
}
END_TEST

START_TEST(rule_H3_discarding_what_is_sealed)
{
	static const int refused[] = { MADV_DONTFORK, MADV_WIPEONFORK, MADV_GUARD_INSTALL,
				       MADV_DONTNEED, MADV_FREE };

	setup(_i);
	world_map(mm, 0, 2, PROT_READ);
	world_map(mm, 4, 2, RW);
	world_map_file(mm, world.file, 8, 2, PROT_READ, 0);
	for (unsigned page = 0; page < 12; page += 4)
		ck_assert_int_eq(do_mseal(mm, page_at(page), 2 * P, 0), 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		ck_assert_int_eq(do_madvise(mm, page_at(0), P, refused[i]), -EPERM);
		ck_assert_int_eq(do_madvise(mm, page_at(4), P, refused[i]), 0);
		ck_assert_int_ne(do_madvise(mm, page_at(8), P, refused[i]), -EPERM);
	}
	ck_assert_int_eq(do_madvise(mm, page_at(0), P, MADV_DONTDUMP), 0);
	teardown();
}
END_TEST

START_TEST(rule_H4_mlock)
{
	setup(_i);
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	ck_assert_int_eq(do_mlock(mm, page_at(0), 6 * P, true), -ENOMEM);
	ck_assert_uint_eq(mm->locked_vm, 2);
	ck_assert_int_eq(do_munlock(mm, page_at(0), 6 * P), -ENOMEM);
	ck_assert_uint_eq(mm->locked_vm, 0);
	ck_assert_uint_eq(
		do_mmap(mm, NULL, page_at(8), P, RW, MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED, 0),
		page_at(8));
	world_map_file(mm, world.file, 9, 1, PROT_READ, 0);
	world_vma(mm, 9)->vm_flags |= VM_DONTEXPAND;
	ck_assert_int_eq(do_mlock(mm, page_at(8), 2 * P, true), 0);
	ck_assert_uint_eq(mm->locked_vm, 0);
	teardown();
}
END_TEST

/* A process of a processor with protection keys. */
static void setup_with_keys(int type)
{
	struct config config;

	config_default(&config);
	config.pkeys = true;
	world_init(&world, bed_type(type), &config);
	mm = world.mm;
}

static unsigned key_of(unsigned long page)
{
	return (world_vma(mm, page)->vm_flags & VM_PKEY_MASK) >> VM_PKEY_SHIFT;
}

START_TEST(rule_H5_protection_keys)
{
	setup_with_keys(_i);
	world_map(mm, 0, 8, RW);
	world_write(mm, page_at(0));
	ck_assert_int_eq(do_pkey_alloc(mm, 0, 0), 1);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), 4 * P, RW, 1), 0);
	ck_layout(mm, "AABBBBCC");
	ck_assert_uint_eq(key_of(2), 1);
	/* plain mprotect leaves the key */
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 8 * P, PROT_READ, -1), 0);
	ck_layout(mm, "AABBBBCC");
	ck_assert_int_eq(do_mprotect(mm, page_at(2), 4 * P, PROT_READ, 0), 0);
	ck_layout(mm, "AAAAAAAA");
	teardown();
}
END_TEST

START_TEST(rule_K1_keys_that_are_not_allocated)
{
	struct mm_struct *child;

	setup_with_keys(_i);
	world_map(mm, 0, 8, RW);
	/* before anything is looked up, but after the arguments */
	ck_assert_int_eq(do_mprotect(mm, page_at(20), P, RW, 1), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, page_at(20), 0, RW, 1), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(20), -1UL - page_at(10), RW, 1), -ENOMEM);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, RW, -2), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, RW, 16), -EINVAL);
	ck_assert_int_eq(do_pkey_alloc(mm, 1, 0), -EINVAL);
	ck_assert_int_eq(do_pkey_alloc(mm, 0, 4), -EINVAL);
	for (int key = 1; key < 16; key++)
		ck_assert_int_eq(do_pkey_alloc(mm, 0, 3), key);
	ck_assert_int_eq(do_pkey_alloc(mm, 0, 0), -ENOSPC);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), 2 * P, RW, 9), 0);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	/* a key that is given back stays where it is, and may be given again */
	ck_assert_int_eq(do_pkey_free(mm, 9), 0);
	ck_assert_int_eq(do_pkey_free(mm, 9), -EINVAL);
	ck_assert_int_eq(do_pkey_free(mm, 16), -EINVAL);
	ck_assert_int_eq(do_pkey_free(mm, -1), -EINVAL);
	ck_assert_uint_eq(key_of(2), 9);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, RW, 9), -EINVAL);
	ck_assert_int_eq(do_mprotect(child, page_at(0), P, RW, 9), 0); /* it has its own */
	ck_assert_int_eq(do_pkey_alloc(mm, 0, 0), 9);
	mmput(child);
	teardown();
}
END_TEST

/* It is nobody's: not to be asked for, not to be given back, and out of reach for data. */
START_TEST(rule_K1_the_key_of_execute_only_memory)
{
	setup_with_keys(_i);
	ck_assert_int_eq(do_pkey_alloc(mm, 0, 0), 1);
	world_map(mm, 0, 4, PROT_EXEC);
	ck_assert_uint_eq(key_of(0), 2);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, RW, 2), -EINVAL);
	ck_assert_int_eq(do_pkey_free(mm, 2), -EINVAL);
	ck_assert_int_eq(do_pkey_alloc(mm, 0, 0), 3);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(0), 0), -EFAULT);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(0), FAULT_FLAG_INSTRUCTION), 0);
	/* a key of its own: no longer the execute-only one */
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 2 * P, PROT_EXEC, 1), 0);
	ck_assert_uint_eq(key_of(0), 1);
	world_read(mm, page_at(0));
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 4 * P, PROT_READ, -1), 0);
	ck_assert_uint_eq(key_of(0), 1);
	ck_assert_uint_eq(key_of(2), 0);
	teardown();
}
END_TEST

START_TEST(rule_K1_without_keys)
{
	setup(_i);
	world_map(mm, 0, 4, RW);
	ck_assert_int_eq(do_pkey_alloc(mm, 0, 0), -ENOSPC);
	ck_assert_int_eq(do_pkey_free(mm, 0), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, RW, 0), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 4 * P, PROT_EXEC, -1), 0);
	ck_assert_uint_eq(key_of(0), 0);
	world_read(mm, page_at(0));
	teardown();
}
END_TEST

/* ---- what a process decides about all of its memory ---- */

static int prctl1(struct mm_struct *of, int option, unsigned long value)
{
	return do_prctl(of, option, (const unsigned long[4]){ value });
}

START_TEST(prctl_refuses_write_and_exec)
{
	struct mm_struct *child, *grandchild;

	setup(_i);
	world_map(mm, 0, 2, RW | PROT_EXEC);
	world_map(mm, 2, 2, PROT_READ);
	ck_assert_int_eq(prctl1(mm, PR_SET_MDWE, 2), -EINVAL);
	ck_assert_int_eq(prctl1(mm, PR_SET_MDWE, 5), -EINVAL);
	ck_assert_int_eq(do_prctl(mm, PR_SET_MDWE, (const unsigned long[4]){ 1, 0, 0, 1 }),
			 -EINVAL);
	ck_assert_int_eq(prctl1(mm, PR_SET_MDWE, 0), 0);
	ck_assert_int_eq(prctl1(mm, PR_SET_MDWE, 3), 0);
	ck_assert_int_eq(prctl1(mm, PR_SET_MDWE, 3), 0);
	ck_assert_int_eq(prctl1(mm, PR_SET_MDWE, 0), -EPERM);
	ck_assert_int_eq(
		(long)do_mmap(mm, NULL, page_at(0), P, PROT_WRITE | PROT_EXEC, ANON | MAP_FIXED, 0),
		-EACCES);
	ck_layout(mm, "AABB"); /* nothing was unmapped */
	world_map(mm, 4, 2, PROT_READ | PROT_EXEC);
	/* nothing becomes executable, what is stays so without write */
	ck_assert_int_eq(do_mprotect(mm, page_at(2), P, PROT_EXEC, -1), -EACCES);
	ck_assert_int_eq(do_mprotect(mm, page_at(4), P, RW | PROT_EXEC, -1), -EACCES);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, RW | PROT_EXEC, -1), -EACCES);
	ck_assert_int_eq(do_mprotect(mm, page_at(4), P, PROT_EXEC, -1), 0);
	child = dup_mm(mm); /* 2: not inherited */
	ck_assert_ptr_nonnull(child);
	ck_assert_int_eq(do_mprotect(child, page_at(2), P, PROT_EXEC, -1), 0);
	ck_assert_int_eq(prctl1(child, PR_SET_MDWE, 1), 0);
	grandchild = dup_mm(child);
	ck_assert_ptr_nonnull(grandchild);
	ck_assert_int_eq(do_mprotect(grandchild, page_at(3), P, PROT_EXEC, -1), -EACCES);
	mmput(grandchild);
	mmput(child);
	teardown();
}
END_TEST

/* Of /dev/zero it has the flag only after it has not merged. */
static void merge_zero(void)
{
	struct inode *inode = inode_create(world.machine, 9, FILE_ZERO, "/dev/zero");
	struct file *zero = file_open(world.machine, inode, 9, true, true);

	inode_put(world.machine, inode);
	world_map_file(mm, zero, 20, 1, RW, 0);
	world_map_file(mm, zero, 21, 1, RW, 1);
	ck_layout(mm, "ABBB....C...........DE");
	ck_assert_uint_eq(world_vma(mm, 21)->vm_flags & VM_MERGEABLE, VM_MERGEABLE);
	ck_assert_int_eq(do_munmap(mm, page_at(20), 2 * P), 0);
	fput(zero);
}

START_TEST(prctl_memory_merge)
{
	struct mm_struct *child;

	setup(_i);
	world_map(mm, 0, 4, RW);
	ck_assert_int_eq(do_madvise(mm, page_at(0), P, MADV_MERGEABLE), 0);
	ck_layout(mm, "ABBB");
	ck_assert_int_eq(do_prctl(mm, PR_SET_MEMORY_MERGE, (const unsigned long[4]){ 1, 1 }),
			 -EINVAL);
	ck_assert_int_eq(prctl1(mm, PR_SET_MEMORY_MERGE, 0), 0); /* it is off: nothing */
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_MERGEABLE, VM_MERGEABLE);
	ck_assert_int_eq(prctl1(mm, PR_SET_MEMORY_MERGE, 1), 0);
	ck_layout(mm, "ABBB"); /* the flags are alike, and nothing merges */
	ck_assert_uint_eq(world_vma(mm, 3)->vm_flags & VM_MERGEABLE, VM_MERGEABLE);
	ck_assert_uint_eq(
		do_mmap(mm, NULL, page_at(8), P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0),
		page_at(8));
	ck_assert_uint_eq(world_vma(mm, 8)->vm_flags & VM_MERGEABLE, 0);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	world_map(child, 4, 2, RW); /* a new mapping has the flag before it merges */
	ck_layout(child, "ABBBBB..C");
	mmput(child);
	merge_zero();
	ck_assert_int_eq(prctl1(mm, PR_SET_MEMORY_MERGE, 0), 0);
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_MERGEABLE, 0);
	ck_layout(mm, "ABBB....C");
	teardown();
}
END_TEST

START_TEST(prctl_thp_disable)
{
	setup(_i);
	ck_assert_int_eq(do_prctl(mm, PR_SET_THP_DISABLE, (const unsigned long[4]){ 1, 1 }),
			 -EINVAL);
	ck_assert_int_eq(do_prctl(mm, PR_SET_THP_DISABLE, (const unsigned long[4]){ 0, 2 }),
			 -EINVAL);
	ck_assert_int_eq(do_prctl(mm, PR_SET_THP_DISABLE, (const unsigned long[4]){ 1, 2 }), 0);
	ck_assert_int_eq((int)mm->thp, THP_ADVISED_ONLY);
	ck_assert_int_eq(prctl1(mm, PR_SET_THP_DISABLE, 1), 0);
	ck_assert_int_eq((int)mm->thp, THP_DISABLED);
	ck_assert_int_eq(prctl1(mm, PR_SET_VMA, 1), -ENOSYS);
	teardown();
}
END_TEST

/* ---- mbind ---- */

static int bind_pages(unsigned long mode, unsigned long nodes, unsigned flags)
{
	return do_mbind(mm, page_at(0), P, mode, nodes, flags, 0);
}

START_TEST(mbind_modes_and_nodes)
{
	setup(_i);
	world.machine->config.memory_nodes = 0x5;
	world_map(mm, 0, 4, RW);
	ck_assert_int_eq(bind_pages(7, 1, 0), -EINVAL);
	ck_assert_int_eq(bind_pages(-1UL, 1, 0), -EINVAL);
	ck_assert_int_eq(bind_pages(0, 1, 0), -EINVAL);         /* DEFAULT has none, */
	ck_assert_int_eq(bind_pages(4, 1, 0), -EINVAL);         /* LOCAL neither, */
	ck_assert_int_eq(bind_pages(2, 0, 0), -EINVAL);         /* BIND has some */
	ck_assert_int_eq(bind_pages(2, 1UL << 60, 0), -EINVAL); /* without memory */
	ck_assert_int_eq(bind_pages(2, 2, 0), -EINVAL);
	ck_assert_int_eq(bind_pages(2 | 3 << 14, 1, 0), -EINVAL); /* static and relative */
	ck_assert_int_eq(bind_pages(3 | 1 << 13, 1, 0), -EINVAL); /* balancing is BIND's */
	ck_assert_int_eq(bind_pages(1 | 1 << 15, 0, 0), -EINVAL);
	ck_assert_int_eq(bind_pages(2, 1, 8), -EINVAL);
	ck_assert_int_eq(do_mbind(mm, page_at(0), P, 2, 1, 0, -EFAULT), -EFAULT);
	ck_assert_int_eq(do_mbind(mm, page_at(0), P, 7, 1, 0, -EFAULT), -EINVAL);
	ck_assert_int_eq(do_mbind(mm, page_at(0), 0, 0, 1, 0, 0), 0);
	world.machine->config.limits.sys_nice = false;
	ck_assert_int_eq(bind_pages(2, 1, 4), -EPERM);
	/* what comes to the same policy is the same: nodes without memory do not count, */
	ck_assert_int_eq(bind_pages(2, 7, 0), 0);
	ck_assert_int_eq(do_mbind(mm, page_at(1), P, 2, 5, 0, 0), 0);
	ck_layout(mm, "AABB");
	/* nor any but the first preferred one; but those that were asked for, if static */
	ck_assert_int_eq(bind_pages(1, 4, 0), 0);
	ck_assert_int_eq(do_mbind(mm, page_at(1), P, 1, 6, 0, 0), 0);
	ck_layout(mm, "AABB");
	ck_assert_int_eq(bind_pages(2 | 1 << 15, 5, 0), 0);
	ck_assert_int_eq(do_mbind(mm, page_at(1), P, 2 | 1 << 15, 7, 0, 0), 0);
	ck_layout(mm, "ABCC");
	/* the second of two is node 2 */
	ck_assert_int_eq(bind_pages(3 | 1 << 14, 2, 0), 0);
	ck_assert_int_eq(do_mbind(mm, page_at(1), P, 3 | 1 << 14, 2, 0, 0), 0);
	ck_layout(mm, "AABB");
	/* no preferred node is LOCAL */
	ck_assert_int_eq(bind_pages(1, 0, 0), 0);
	ck_assert_int_eq(do_mbind(mm, page_at(1), P, 4, 0, 0, 0), 0);
	ck_layout(mm, "AABB");
	teardown();
}
END_TEST

START_TEST(rule_H6_mbind_and_userfaultfd)
{
	setup(_i);
	world_map(mm, 0, 8, RW);
	ck_assert_int_eq(do_mbind(mm, page_at(2), 2 * P, 2, 1, 0, 0), 0);
	ck_assert_int_eq(do_mbind(mm, page_at(4), 2 * P, 2, 1, 0, 0), 0); /* the same policy */
	ck_layout(mm, "AABBBBCC");
	ck_assert_int_eq(do_mbind(mm, page_at(0), 8 * P, 0, 0, 0, 0), 0);
	ck_layout(mm, "AAAAAAAA");
	ck_assert_int_eq(do_mbind(mm, page_at(6), 4 * P, 2, 1, 0, 0), -EFAULT); /* a gap */
	ck_assert_int_eq(do_mbind(mm, page_at(6), 4 * P, 0, 0, 0, 0), 0);
	ck_assert_int_eq(do_mbind(mm, page_at(20), 4 * P, 0, 0, 0, 0), -EFAULT);
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(1, 0), page_at(2), 4 * P, 1), 0);
	ck_layout(mm, "AABBBBCC");
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(2, 0), page_at(4), 4 * P, 1),
			 -EBUSY);
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(1, 0), page_at(4), 4 * P, 8),
			 -EINVAL);
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(1, 0), page_at(4), 4 * P, 1), 0);
	ck_layout(mm, "AABBBBBB");
	ck_assert_int_eq(userfaultfd_unregister(mm, userfaultfd_ctx(1, 0), page_at(0), 8 * P), 0);
	ck_layout(mm, "AAAAAAAA");
	teardown();
}
END_TEST

/* ---- limits ---- */

START_TEST(rule_I1_map_count)
{
	unsigned long most;

	setup(_i);
	world.machine->config.max_map_count = most = 10;
	for (unsigned i = 0; i < most + 1; i++)
		world_map(mm, 3 * i, i ? 1 : 2, RW);
	ck_assert_uint_eq(mm->map_count, most + 1);
	ck_assert_int_eq((long)do_mmap(mm, NULL, page_at(40), P, RW, ANON | MAP_FIXED, 0), -ENOMEM);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, PROT_READ, -1), -ENOMEM);
	ck_assert_int_eq(do_munmap(mm, page_at(30), P), 0);
	/* a split fails at the limit, a mapping only above it */
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, PROT_READ, -1), -ENOMEM);
	ck_assert_int_eq(split_vma(mm, world_vma(mm, 0), page_at(1)), -ENOMEM);
	world_map(mm, 40, 1, RW);
	ck_assert_int_eq(do_munmap(mm, page_at(40), P), 0);
	ck_assert_int_eq(do_munmap(mm, page_at(27), P), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), P, PROT_READ, -1), 0);
	/* a gap in the middle needs one more */
	world_map(mm, 40, 3, RW);
	ck_assert_int_eq(do_munmap(mm, page_at(41), P), -ENOMEM);
	ck_assert_int_eq(do_munmap(mm, page_at(42), P), 0);
	teardown();
}
END_TEST

START_TEST(rule_I2_shmdt)
{
	struct inode *inode;
	struct file *one, *two;

	setup(_i);
	inode = inode_create(world.machine, 9, FILE_SYSV_SHM, "/SYSV00000000 (deleted)");
	one = file_open(world.machine, inode, 0, true, true);
	two = file_open(world.machine, inode, 0, true, true);
	inode_put(world.machine, inode);
	ck_assert_uint_eq(do_shmat(mm, one, page_at(0), 0, 8 * P), page_at(0));
	ck_assert_uint_eq(do_shmat(mm, two, page_at(8), 0, 8 * P), page_at(8));
	ck_layout(mm, "AAAAAAAABBBBBBBB");
	ck_assert_int_eq((long)do_shmat(mm, one, page_at(4), 0, 8 * P), -EINVAL);
	ck_assert_int_eq((long)do_shmat(mm, one, page_at(4) + 1, 0, 8 * P), -EINVAL);
	/* a piece moved away has another distance and stays */
	world_map(mm, 2, 1, RW);
	ck_assert_uint_eq(
		do_mremap(mm, page_at(5), P, P, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(30)),
		page_at(30));
	ck_layout(mm, "AABCC.DDEEEEEEEE..............F");
	ck_assert_int_eq(do_shmdt(mm, page_at(0)), 0);
	ck_layout(mm, "..B.....EEEEEEEE..............F");
	ck_assert_int_eq(do_shmdt(mm, page_at(17)), -EINVAL);
	ck_assert_int_eq(do_shmdt(mm, page_at(8)), 0);
	ck_layout(mm, "..B...........................F");
	fput(one);
	fput(two);
	teardown();
}
END_TEST

TEST_SUITE(rules_life)
{
	Suite *suite = suite_create("rules of life");
	TCase *anon = tcase_create("F"), *calls = tcase_create("H and I");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(anon, rule_F1_first_write, 0, types);
	tcase_add_loop_test(anon, rule_F2_read_that_could_map_a_huge_page, 0, types);
	tcase_add_loop_test(anon, rule_F2_an_empty_table_is_in_the_way, 0, types);
	tcase_add_loop_test(anon, rule_F2_huge_pages_disabled, 0, types);
	tcase_add_loop_test(anon, rule_F3_a_neighbours_anon_vma, 0, types);
	tcase_add_loop_test(anon, rule_F4_fork_one_longer, 0, types);
	tcase_add_loop_test(anon, rule_F5_what_fork_leaves_out, 0, types);
	tcase_add_loop_test(anon, rule_F6_prefaults, 0, types);
	tcase_add_loop_test(anon, rule_F6_execute_only, 0, types);
	tcase_add_loop_test(anon, rule_F7_guard_pages, 0, types);
	tcase_add_loop_test(anon, rule_F7_guard_pages_of_files_may_prepare, 0, types);
	tcase_add_loop_test(anon, rule_F7_what_guard_pages_survive, 0, types);
	tcase_add_loop_test(anon, fault_beyond_the_end_of_a_file, 0, types);
	suite_add_tcase(suite, anon);
	tcase_add_loop_test(calls, rule_H1_advice, 0, types);
	tcase_add_loop_test(calls, rule_H2_sealed, 0, types);
	tcase_add_loop_test(calls, rule_H3_discarding_what_is_sealed, 0, types);
	tcase_add_loop_test(calls, rule_H4_mlock, 0, types);
	tcase_add_loop_test(calls, rule_H5_protection_keys, 0, types);
	tcase_add_loop_test(calls, rule_K1_keys_that_are_not_allocated, 0, types);
	tcase_add_loop_test(calls, rule_K1_the_key_of_execute_only_memory, 0, types);
	tcase_add_loop_test(calls, rule_K1_without_keys, 0, types);
	tcase_add_loop_test(calls, prctl_refuses_write_and_exec, 0, types);
	tcase_add_loop_test(calls, prctl_memory_merge, 0, types);
	tcase_add_loop_test(calls, prctl_thp_disable, 0, types);
	tcase_add_loop_test(calls, mbind_modes_and_nodes, 0, types);
	tcase_add_loop_test(calls, rule_H6_mbind_and_userfaultfd, 0, types);
	tcase_add_loop_test(calls, rule_I1_map_count, 0, types);
	tcase_add_loop_test(calls, rule_I2_shmdt, 0, types);
	suite_add_tcase(suite, calls);
	return suite;
}
