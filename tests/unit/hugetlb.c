/*
 * Tests of mm/hugetlb.c: huge pages of pools, without one in the machine that runs the tests.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>

#include "base/rng.h"
#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define H         PMD_SIZE
#define PER       (H / P)
#define HUGE      (ANON | MAP_HUGETLB)
#define SIZE(log) ((unsigned long)(log) << 26)
#define BASE      WORLD_BASE

static struct world world;
static struct mm_struct *mm;
static struct hstate *pool;

/* A process on a machine with so many pages of 2 MiB and 2 of 1 GiB. */
static void setup_with(struct config *config, unsigned long pages)
{
	config->hugetlb[0] = (struct hstate){ .shift = 21, .pages = pages, .free = pages };
	config->hugetlb[1] = (struct hstate){ .shift = 30, .pages = 2, .free = 2 };
	world_init(&world, vma_index_lookup("rbtree"), config);
	mm = world.mm;
	pool = &world.machine->hstate[0];
}

static void setup(unsigned long pages)
{
	struct config config;

	config_default(&config);
	setup_with(&config, pages);
}

/* When all is unmapped there are no promises, and all pages are free. */
static void teardown(void)
{
	ck_assert_int_eq(do_munmap(mm, P, world.machine->config.task_size - P), 0);
	ck_assert_uint_eq(pool->reserved, 0);
	ck_assert_uint_eq(pool->free, pool->pages);
	ck_assert_uint_eq(pool->surplus, 0);
	world_done(&world);
}

static unsigned long map_at(unsigned long addr, unsigned long pages, unsigned long prot,
			    unsigned long flags)
{
	return do_mmap(mm, NULL, addr, pages * H, prot, flags | MAP_HUGETLB | MAP_FIXED, 0);
}

static struct file *open_huge(unsigned long pages)
{
	struct inode *inode = inode_create(world.machine, 77, FILE_HUGETLB, "/dev/hugepages/f");
	struct file *file = file_open(world.machine, inode, 77, true, true);

	hugetlb_init_inode(inode, pool);
	inode->pages = pages * PER;
	inode_put(world.machine, inode);
	return file;
}

static struct file *open_plain(void)
{
	return get_file(world.file);
}

static void fault(unsigned long addr, bool write, int result)
{
	ck_assert_int_eq(mm_user_fault(mm, addr, write ? FAULT_FLAG_WRITE : 0), result);
	ck_assert_ptr_null(mm_verify(mm, stderr));
}

#define ck_pool(f, r)                                 \
	do {                                          \
		ck_assert_uint_eq(pool->free, f);     \
		ck_assert_uint_eq(pool->reserved, r); \
	} while (0)
#define ck_err(call, error) ck_assert_int_eq((long)(call), -(error))

START_TEST(rule_L1_sizes_and_flags)
{
	setup(8);
	unsigned long addr = do_mmap(mm, NULL, 0, H + 1, RW, HUGE, 0);
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	ck_assert_uint_eq(vma->vm_end - vma->vm_start, 2 * H);
	ck_assert_uint_eq(vma->vm_flags & (VM_HUGETLB | VM_DONTEXPAND), VM_HUGETLB | VM_DONTEXPAND);
	ck_assert_uint_eq(vma->vm_flags & (VM_ACCOUNT | VM_NORESERVE | VM_LOCKED), 0);
	ck_assert_ptr_nonnull(vma->vm_file);
	ck_assert_str_eq(vma->vm_file->inode->path, "/anon_hugepage (deleted)");
	ck_assert_uint_eq(do_mmap(mm, NULL, 0, 1, RW, HUGE | SIZE(21), 0) & (H - 1), 0);
	ck_assert_uint_eq(do_mmap(mm, NULL, 0, 1, RW, HUGE | SIZE(30), 0) & ((1UL << 30) - 1), 0);
	ck_err(do_mmap(mm, NULL, 0, H, RW, HUGE | SIZE(22), 0), EINVAL);
	ck_err(do_mmap(mm, NULL, 0, H, RW, HUGE | SIZE(63), 0), EINVAL);
	ck_err(do_mmap(mm, NULL, 0, 0, RW, HUGE, 0), EINVAL);
	ck_err(do_mmap(mm, NULL, 0, ~0UL, RW, HUGE, 0), EINVAL);
	ck_err(do_mmap(mm, NULL, 0, H, RW, MAP_DROPPABLE | MAP_ANONYMOUS | MAP_HUGETLB, 0), EINVAL);
	ck_err(do_mmap(mm, NULL, 0, H, RW, HUGE | MAP_GROWSDOWN, 0), EINVAL);
	addr = do_mmap(mm, NULL, 0, H, RW, HUGE | MAP_LOCKED | MAP_NORESERVE, 0);
	ck_assert_uint_eq(vma_lookup(mm, addr)->vm_flags & (VM_LOCKED | VM_NORESERVE),
			  VM_NORESERVE);
	ck_assert_uint_eq(mm->locked_vm, 0);
	teardown();
}
END_TEST

START_TEST(rule_L1_files)
{
	setup(8);
	struct file *huge = open_huge(2), *plain = open_plain();

	ck_err(do_mmap(mm, plain, 0, H, RW, MAP_SHARED | MAP_HUGETLB, 0), EINVAL);
	ck_assert(!IS_ERR_VALUE(do_mmap(mm, huge, 0, 1, RW, MAP_SHARED | MAP_HUGETLB, 0)));
	ck_assert(!IS_ERR_VALUE(do_mmap(mm, huge, 0, 1, PROT_READ, MAP_PRIVATE, PER)));
	ck_err(do_mmap(mm, huge, 0, H, RW, MAP_SHARED, 1), EINVAL);
	/* what can be written to makes the file longer, what cannot does not */
	do_mmap(mm, huge, 0, H, PROT_READ, MAP_SHARED, 5 * PER);
	ck_assert_uint_eq(huge->inode->pages, 2 * PER);
	do_mmap(mm, huge, 0, H, RW, MAP_SHARED, 3 * PER);
	ck_assert_uint_eq(huge->inode->pages, 4 * PER);
	fput(huge);
	fput(plain);
	teardown();
}
END_TEST

START_TEST(rule_L2_places)
{
	unsigned long top = WORLD_TOP & ~(H - 1);

	setup(16);
	mm->mmap_base = WORLD_TOP;
	ck_assert_uint_eq(do_mmap(mm, NULL, 0, 2 * H, RW, HUGE, 0), top - 2 * H);
	world_map(mm, 0, 1, RW);
	ck_assert_uint_eq(do_mmap(mm, NULL, 0, H, RW, HUGE, 0), top - 3 * H);
	/* hints go up to where a page begins */
	ck_assert_uint_eq(do_mmap(mm, NULL, BASE + P, H, RW, HUGE, 0), BASE + H);
	ck_assert_uint_eq(do_mmap(mm, NULL, BASE + H + P, H, RW, HUGE, 0), BASE + 2 * H);
	ck_assert_uint_eq(do_mmap(mm, NULL, BASE + 5 * H + P, H, RW, HUGE, 0), BASE + 6 * H);
	ck_assert_uint_lt(do_mmap(mm, NULL, 0, H, RW, HUGE | MAP_32BIT, 0), 1UL << 31);
	ck_err(do_mmap(mm, NULL, BASE + P, H, RW, HUGE | MAP_FIXED, 0), EINVAL);
	ck_err(do_mmap(mm, NULL, BASE + 6 * H, H, RW, HUGE | MAP_FIXED_NOREPLACE, 0), EEXIST);
	teardown();
}
END_TEST

/* Bottom-up, a stack above a gap needs its guard gap behind all the room that was asked for. */
START_TEST(rule_L2_places_below_a_stack)
{
	struct config config;

	config_default(&config);
	config.legacy_layout = true;
	setup_with(&config, 8);
	mm->mmap_base = BASE;
	do_mmap(mm, NULL, BASE, 103 * P, RW, ANON | MAP_FIXED, 0);
	do_mmap(mm, NULL, BASE + 3 * H, P, RW, ANON | MAP_FIXED, 0);
	ck_assert_uint_eq(do_mmap(mm, NULL, 0, H, RW, HUGE, 0), BASE + H);
	do_munmap(mm, BASE + H, H);
	do_mmap(mm, NULL, BASE + 3 * H, P, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, 0);
	ck_assert_uint_eq(do_mmap(mm, NULL, 0, H, RW, HUGE, 0), BASE + 4 * H);
	teardown();
}
END_TEST

START_TEST(rule_L2_places_before_6_13)
{
	struct config config;

	config_default(&config);
	config.hugetlb_hint_down = true;
	setup_with(&config, 16);
	ck_assert_uint_eq(do_mmap(mm, NULL, BASE + H + P, H, RW, HUGE, 0), BASE + H);
	ck_assert_uint_gt(do_mmap(mm, NULL, 0, H, RW, HUGE | MAP_32BIT, 0), 1UL << 31);
	teardown();
}
END_TEST

/* Every policy finds a place where huge pages can be. */
START_TEST(rule_L2_all_policies)
{
	struct config config;

	config_default(&config);
	config.placement = placement_policy((unsigned)_i);
	setup_with(&config, 16);
	for (unsigned i = 0; i < 8; i++) {
		do_mmap(mm, NULL, 0, P, RW, ANON, 0);
		ck_assert_uint_eq(do_mmap(mm, NULL, 0, H, RW, HUGE, 0) & (H - 1), 0);
	}
	ck_assert_ptr_null(mm_verify(mm, stderr));
	teardown();
}
END_TEST

START_TEST(rule_L3_promises)
{
	setup(4);
	ck_assert_uint_eq(map_at(BASE, 3, RW, ANON), BASE);
	ck_pool(4, 3);
	ck_err(map_at(BASE + 8 * H, 2, RW, ANON), ENOMEM);
	ck_assert_ptr_null(find_vma(mm, BASE + 8 * H));
	ck_assert_uint_eq(map_at(BASE + 8 * H, 2, PROT_READ, ANON | MAP_NORESERVE), BASE + 8 * H);
	ck_pool(4, 3);
	fault(BASE, true, 0);
	ck_pool(3, 2);
	fault(BASE + 8 * H, false, 0); /* the one that nobody was promised */
	ck_pool(2, 2);
	fault(BASE + 9 * H, false, -ENXIO);
	ck_assert_uint_eq(world.machine->faults.sigbus, 1);
	ck_assert_int_eq(do_munmap(mm, BASE + H, 2 * H), 0);
	ck_pool(2, 0);
	ck_assert_int_eq(do_munmap(mm, BASE, H), 0);
	ck_pool(3, 0);
	teardown();
}
END_TEST

START_TEST(rule_L3_shared_is_promised_once)
{
	setup(4);
	struct file *file = open_huge(0);

	do_mmap(mm, file, BASE, 3 * H, RW, MAP_SHARED | MAP_FIXED, 0);
	ck_pool(4, 3);
	do_mmap(mm, file, BASE + 8 * H, 4 * H, RW, MAP_SHARED | MAP_FIXED, 0);
	ck_pool(4, 4);
	fault(BASE, true, 0);
	fault(BASE + 8 * H, false, 0); /* the same page */
	ck_pool(3, 3);
	do_munmap(mm, BASE, 16 * H);
	ck_pool(3, 3); /* the file still has them */
	hugetlb_truncate(world.machine, file->inode, 2 * PER);
	ck_pool(3, 1);
	hugetlb_truncate(world.machine, file->inode, 0);
	ck_pool(4, 0);
	fput(file);
	teardown();
}
END_TEST

START_TEST(rule_L3_surplus)
{
	setup(1);
	pool->overcommit = 2;
	ck_assert_uint_eq(map_at(BASE, 3, RW, ANON), BASE);
	ck_assert_uint_eq(pool->pages, 3);
	ck_assert_uint_eq(pool->surplus, 2);
	ck_err(map_at(BASE + 8 * H, 1, RW, ANON), ENOMEM);
	fault(BASE, true, 0);
	do_munmap(mm, BASE, 2 * H);
	ck_assert_uint_eq(pool->surplus, 0);
	ck_pool(1, 1);
	teardown();
}
END_TEST

/* What is replaced gives its pages back before the new mapping asks for some. */
START_TEST(rule_L3_replaced)
{
	setup(2);
	map_at(BASE, 2, RW, ANON);
	fault(BASE, true, 0);
	ck_assert_uint_eq(map_at(BASE, 2, PROT_READ, ANON), BASE);
	ck_pool(2, 2);
	ck_assert_uint_eq(pt_get(&mm->pgd, BASE), 0);
	ck_err(map_at(BASE, 3, RW, ANON), ENOMEM); /* and then there is nothing */
	ck_assert_ptr_null(find_vma(mm, 0));
	teardown();
}
END_TEST

START_TEST(rule_L4_cut_where_pages_begin)
{
	setup(8);
	map_at(BASE, 4, RW, ANON);
	ck_assert_int_eq(do_munmap(mm, BASE + P, P), -EINVAL);
	ck_assert_int_eq(do_munmap(mm, BASE, P), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, BASE + P, P, PROT_READ, -1), -EINVAL);
	ck_assert_int_eq(do_mprotect(mm, BASE + P, P, RW, -1), 0); /* nothing to cut */
	ck_assert_int_eq(do_madvise(mm, BASE + P, P, MADV_DONTFORK), -EINVAL);
	ck_err(do_mmap(mm, NULL, BASE + P, P, RW, ANON | MAP_FIXED, 0), EINVAL);
	ck_assert_uint_eq(mm->map_count, 1);
	ck_assert_int_eq(do_mprotect(mm, BASE + H, H, PROT_READ, -1), 0);
	ck_assert_uint_eq(mm->map_count, 3);
	ck_assert_int_eq(do_mprotect(mm, BASE + H, H, RW, -1), 0);
	ck_assert_uint_eq(mm->map_count, 3); /* they never merge */
	ck_assert_int_eq(do_munmap(mm, BASE + H, 2 * H), 0);
	ck_assert_uint_eq(mm->map_count, 2);
	ck_assert_ptr_null(mm_verify(mm, stderr));
	teardown();
}
END_TEST

START_TEST(rule_L5_mremap)
{
	setup(8);
	map_at(BASE, 4, RW, ANON);
	fault(BASE + H, true, 0);
	ck_err(do_mremap(mm, BASE, 4 * H, 5 * H, MREMAP_MAYMOVE, 0), EINVAL);
	ck_err(do_mremap(mm, BASE + P, H, H, 0, 0), EINVAL);
	ck_err(do_mremap(mm, BASE, 2 * H, H, MREMAP_MAYMOVE, P), EINVAL);
	ck_err(do_mremap(mm, BASE, H, H, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0), EINVAL);
	ck_err(do_mremap(mm, BASE, 0, H, MREMAP_MAYMOVE, 0), EINVAL);
	ck_assert_uint_eq(do_mremap(mm, BASE, 4 * H, 3 * H + P, 0, 0), BASE);
	ck_assert_ptr_nonnull(vma_lookup(mm, BASE + 3 * H)); /* rounded up: nothing to do */
	ck_assert_uint_eq(do_mremap(mm, BASE, 4 * H, 3 * H, 0, 0), BASE);
	ck_pool(7, 2);
	uint64_t content = world_content(mm, BASE + H);
	ck_assert_uint_eq(
		do_mremap(mm, BASE, 3 * H, 3 * H, MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 8 * H),
		BASE + 8 * H);
	ck_pool(7, 2);
	ck_assert_uint_eq(world_content(mm, BASE + 9 * H), content);
	ck_assert_ptr_eq(find_vma(mm, BASE), vma_lookup(mm, BASE + 8 * H));
	fault(BASE + 8 * H, true, 0);
	ck_pool(6, 1);
	teardown();
}
END_TEST

/* Pages of 1 GiB move as those of 2 MiB do: one entry each. */
START_TEST(rule_L5_mremap_gigantic)
{
	const unsigned long G = 1UL << 30, to = BASE + 8 * G;
	uint64_t content, moved;

	setup(0);
	ck_assert_uint_eq(do_mmap(mm, NULL, BASE, 2 * G, RW, HUGE | MAP_FIXED | SIZE(30), 0), BASE);
	fault(BASE + G, true, 0);
	content = world_content(mm, BASE + G);
	moved = world.machine->pt.entries_moved;
	ck_err(do_mremap(mm, BASE, 2 * G, 2 * G, MREMAP_MAYMOVE | MREMAP_FIXED, to + H), EINVAL);
	ck_assert_uint_eq(do_mremap(mm, BASE, 2 * G, 2 * G, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	ck_assert_uint_eq(world_content(mm, to + G), content);
	ck_assert_uint_eq(pt_get(&mm->pgd, BASE + G), 0);
	ck_assert_uint_eq(world.machine->pt.entries_moved - moved, 1);
	ck_assert_uint_eq(mm->pgd.hugetlb, G / P);
	ck_assert_ptr_null(mm_verify(mm, stderr));
	teardown();
}
END_TEST

/* The reservation goes along with the part that moves: what is left behind has none. */
START_TEST(rule_L5_mremap_of_a_part)
{
	setup(4);
	map_at(BASE, 4, RW, ANON);
	do_mremap(mm, BASE, H, H, MREMAP_MAYMOVE | MREMAP_FIXED, BASE + 8 * H);
	ck_pool(4, 4);
	fault(BASE + 8 * H, true, 0);
	ck_pool(3, 3);
	fault(BASE + H, true, -ENXIO);
	do_munmap(mm, BASE, 16 * H);
	ck_pool(4, 3); /* as in the kernel: nobody gives these back */
	pool->reserved = 0;
	teardown();
}
END_TEST

START_TEST(rule_L6_advice)
{
	setup(8);
	map_at(BASE, 4, RW, ANON);
	for (unsigned i = 0; i < 4; i++)
		fault(BASE + i * H, true, 0);
	ck_pool(4, 0);
	ck_assert_int_eq(do_madvise(mm, BASE + P, H, MADV_DONTNEED), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, BASE, P, MADV_DONTNEED), 0);
	ck_assert_uint_ne(pt_get(&mm->pgd, BASE), 0); /* less than a page */
	ck_assert_int_eq(do_madvise(mm, BASE, 2 * H - P, MADV_DONTNEED), 0);
	ck_assert_uint_eq(pt_get(&mm->pgd, BASE), 0);
	ck_assert_uint_ne(pt_get(&mm->pgd, BASE + H), 0);
	ck_pool(5, 1); /* it is promised again */
	fault(BASE, false, 0);
	ck_pool(4, 0);
	ck_assert_int_eq(do_madvise(mm, BASE, H, MADV_FREE), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, BASE, H, MADV_COLD), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, BASE, H, MADV_GUARD_INSTALL), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, BASE, H, MADV_COLLAPSE), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, BASE, H, MADV_WIPEONFORK), -EINVAL);
	ck_assert_int_eq(do_madvise(mm, BASE, H, MADV_MERGEABLE), 0);
	ck_assert_int_eq(do_madvise(mm, BASE, H, MADV_DODUMP), 0);
	ck_assert_int_eq(do_madvise(mm, BASE, H, MADV_WILLNEED), 0);
	ck_assert_int_eq(madvise_set_anon_name(mm, BASE, H, 5), -EBADF);
	ck_assert_int_eq(do_mlock(mm, BASE, P, false), 0);
	ck_assert_uint_eq(mm->locked_vm, 0);
	ck_assert_uint_eq(mm->map_count, 1);
	teardown();
}
END_TEST

START_TEST(rule_L6_populate)
{
	setup(2);
	ck_assert_uint_eq(map_at(BASE, 2, RW, ANON | MAP_POPULATE), BASE);
	ck_pool(0, 0);
	map_at(BASE + 8 * H, 1, RW, ANON | MAP_NORESERVE | MAP_POPULATE);
	ck_assert_int_eq(do_madvise(mm, BASE + 8 * H, H, MADV_POPULATE_WRITE), -EFAULT);
	ck_assert_int_eq(do_madvise(mm, BASE, 2 * H, MADV_POPULATE_READ), 0);
	ck_assert_uint_eq(world.machine->faults.sigbus, 0);
	teardown();
}
END_TEST

START_TEST(rule_L7_faults)
{
	setup(8);
	map_at(BASE, 3, RW, ANON);
	fault(BASE + H + 5 * P, false, 0);
	struct vm_area_struct *vma = vma_lookup(mm, BASE);
	ck_assert_ptr_nonnull(vma->anon_vma); /* a read has a page of its own already */
	uint64_t entry = pt_get(&mm->pgd, BASE + H);
	ck_assert(entry & PTE_HUGETLB);
	ck_assert(!(entry & PTE_WRITE));
	fault(BASE + H, true, 0); /* reused, not copied */
	ck_pool(7, 2);
	ck_assert_uint_eq(world.machine->faults.cow_reuse, 1);
	ck_assert_uint_eq(PTE_PFN(pt_get(&mm->pgd, BASE + H + P)), PTE_PFN(entry));
	ck_assert_uint_eq(pt_rss(&mm->pgd), 0);
	ck_assert_uint_eq(mm->pgd.hugetlb, PER);
	ck_assert_uint_eq(mm->pgd.tables, 3); /* no leaf table */
	/* what was lost is not given back before the next write */
	do_mprotect(mm, BASE + H, H, PROT_READ, -1);
	do_mprotect(mm, BASE + H, H, RW, -1);
	ck_assert(!(pt_get(&mm->pgd, BASE + H) & PTE_WRITE));
	fault(BASE + H, true, 0);
	ck_assert_uint_eq(world.machine->faults.cow_reuse, 2);
	teardown();
}
END_TEST

START_TEST(rule_L7_gigantic)
{
	setup(0);
	unsigned long size = 1UL << 30, addr = do_mmap(mm, NULL, 0, size, RW, HUGE | SIZE(30), 0);

	fault(addr + size - P, true, 0);
	ck_assert_uint_eq(mm->pgd.tables, 2);
	ck_assert_uint_eq(world.machine->hstate[1].free, 1);
	ck_assert_int_eq(do_munmap(mm, addr, H), -EINVAL);
	ck_err(do_mmap(mm, NULL, 0, 2 * size, RW, HUGE | SIZE(30), 0), ENOMEM);
	teardown();
}
END_TEST

START_TEST(rule_L7_the_file_ends)
{
	setup(8);
	struct file *file = open_huge(1);

	do_mmap(mm, file, BASE, 2 * H, PROT_READ, MAP_SHARED | MAP_FIXED, 0);
	fault(BASE, false, 0);
	fault(BASE + H, false, -ENXIO);
	do_mmap(mm, file, BASE + 4 * H, H, RW, MAP_PRIVATE | MAP_FIXED, 0);
	fault(BASE + 4 * H, false, 0);
	ck_assert_uint_eq(PTE_PFN(pt_get(&mm->pgd, BASE)), PTE_PFN(pt_get(&mm->pgd, BASE + 4 * H)));
	ck_pool(7, 2);
	fault(BASE + 4 * H, true, 0); /* a copy, which was promised */
	ck_pool(6, 1);
	ck_assert_uint_ne(PTE_PFN(pt_get(&mm->pgd, BASE)), PTE_PFN(pt_get(&mm->pgd, BASE + 4 * H)));
	fput(file);
	teardown();
}
END_TEST

START_TEST(rule_L8_fork)
{
	struct task_struct child;

	setup(4);
	map_at(BASE, 2, RW, ANON);
	fault(BASE, true, 0);
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	ck_assert_ptr_null(rmap_verify(world.machine, stderr));
	ck_pool(3, 1);
	/* the child was promised nothing: it takes what is not promised to others */
	ck_assert_int_eq(mm_user_fault(child.mm, BASE + H, FAULT_FLAG_WRITE), 0);
	ck_assert_int_eq(mm_user_fault(child.mm, BASE, FAULT_FLAG_WRITE), 0);
	ck_pool(1, 1);
	fault(BASE + H, true, 0);
	ck_pool(0, 0);
	ck_assert_ptr_null(rmap_verify(world.machine, stderr));
	mmput(child.mm);
	ck_pool(2, 0);
	teardown();
}
END_TEST

/* The pool is empty when the parent wants its copy: the child loses the page instead. */
START_TEST(rule_L8_the_child_is_robbed)
{
	struct task_struct child;

	setup(1);
	map_at(BASE, 1, RW, ANON);
	fault(BASE, true, 0);
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	ck_assert_int_eq(mm_user_fault(child.mm, BASE, FAULT_FLAG_WRITE), -ENXIO);
	ck_assert_int_eq(mm_user_fault(child.mm, BASE, 0), 0);
	fault(BASE, true, 0);
	ck_assert_uint_eq(pt_get(&child.mm->pgd, BASE), 0);
	ck_assert_int_eq(mm_user_fault(child.mm, BASE, 0), -ENXIO);
	ck_assert_ptr_null(rmap_verify(world.machine, stderr));
	mmput(child.mm);
	teardown();
}
END_TEST

START_TEST(rule_L9_holes)
{
	setup(8);
	struct file *file = open_huge(4);

	do_mmap(mm, file, BASE, 4 * H, RW, MAP_SHARED | MAP_FIXED, 0);
	for (unsigned i = 0; i < 4; i++)
		fault(BASE + i * H, true, 0);
	ck_pool(4, 0);
	ck_assert_int_eq(do_madvise(mm, BASE + P, 2 * H, MADV_REMOVE), 0);
	ck_pool(5, 0); /* one whole page; it was promised once only */
	ck_assert_uint_eq(pt_get(&mm->pgd, BASE + H), 0);
	ck_assert_uint_ne(pt_get(&mm->pgd, BASE + 2 * H), 0);
	fault(BASE + H, true, 0);
	ck_pool(4, 0);
	fput(file);
	teardown();
}
END_TEST

START_TEST(rule_L9_segments)
{
	setup(4);
	struct inode *inode =
		inode_create(world.machine, 9, FILE_SYSV_SHM, "/SYSV00000000 (deleted)");
	struct file *file = file_open(world.machine, inode, 9, true, true);

	ck_assert_int_eq(hugetlb_promise(world.machine, pool, 2), 0);
	ck_assert_int_eq(hugetlb_promise(world.machine, pool, 3), -ENOMEM);
	hugetlb_init_segment(world.machine, inode, pool, 2);
	inode_put(world.machine, inode);
	ck_pool(4, 2);
	ck_err(do_shmat(mm, file, BASE + P, 0, H + 1), EINVAL);
	ck_assert_uint_eq(do_shmat(mm, file, BASE, 0, H + 1), BASE);
	ck_assert_uint_eq(vma_lookup(mm, BASE)->vm_end, BASE + 2 * H);
	ck_pool(4, 2);
	fault(BASE, true, 0);
	ck_pool(3, 1);
	ck_assert_int_eq(do_shmdt(mm, BASE), 0);
	ck_pool(3, 1);
	fput(file);
	ck_pool(4, 0);
	teardown();
}
END_TEST

START_TEST(rule_L9_userfaultfd)
{
	setup(4);
	map_at(BASE, 2, RW, ANON);
	ck_assert_int_eq(userfaultfd_register(mm, 1, BASE + P, H, 1), -EINVAL);
	ck_assert_int_eq(userfaultfd_register(mm, 1, BASE, H, 1), 0);
	ck_assert_uint_eq(mm->map_count, 2);
	teardown();
}
END_TEST

START_TEST(hugetlb_is_shown)
{
	char *text = NULL;
	const char *why;
	size_t size;

	setup(4);
	map_at(BASE, 2, RW, ANON);
	fault(BASE, true, 0);
	FILE *out = open_memstream(&text, &size);
	show_smaps(mm, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "Rss:                   0 kB"));
	ck_assert_ptr_nonnull(strstr(text, "Private_Hugetlb:    2048 kB"));
	ck_assert_ptr_nonnull(strstr(text, "KernelPageSize:     2048 kB"));
	ck_assert_ptr_nonnull(strstr(text, " de ht"));
	free(text);
	ck_assert_uint_eq(vma_dump_size(vma_lookup(mm, BASE), MMF_DUMP_DEFAULT, &why), 2 * H);
	ck_assert_uint_eq(vma_dump_size(vma_lookup(mm, BASE), MMF_DUMP_ANON_PRIVATE, &why), 0);
	teardown();
}
END_TEST

/* The map against a field of bits. */
START_TEST(resv_map_random)
{
	struct arena *arena = arena_create();
	struct resv_map map = { .refs = 1 };
	bool set[64] = { false };
	struct rng rng;

	rng_seed(&rng, 7);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned long from = rng_below(&rng, 64), to = rng_between(&rng, from, 64);
		bool add = rng_one_in(&rng, 2);
		long changed = 0, there = 0;

		for (unsigned long n = from; n < to; n++) {
			there += set[n];
			changed += set[n] != add;
		}
		ck_assert_uint_eq(resv_map_count(&map, from, to), (unsigned long)there);
		ck_assert_int_eq(add ? resv_map_add(arena, &map, from, to)
				     : resv_map_del(arena, &map, from, to),
				 changed);
		for (unsigned long n = from; n < to; n++)
			set[n] = add;
	}
	resv_map_clear(arena, &map);
	arena_destroy(arena);
}
END_TEST

TEST_SUITE(hugetlb)
{
	Suite *suite = suite_create("hugetlb");
	TCase *rules = tcase_create("L"), *map = tcase_create("resv_map");
	int policies = 0;

	while (placement_policy((unsigned)policies))
		policies++;
	tcase_add_test(rules, rule_L1_sizes_and_flags);
	tcase_add_test(rules, rule_L1_files);
	tcase_add_test(rules, rule_L2_places);
	tcase_add_test(rules, rule_L2_places_below_a_stack);
	tcase_add_test(rules, rule_L2_places_before_6_13);
	tcase_add_loop_test(rules, rule_L2_all_policies, 0, policies);
	tcase_add_test(rules, rule_L3_promises);
	tcase_add_test(rules, rule_L3_shared_is_promised_once);
	tcase_add_test(rules, rule_L3_surplus);
	tcase_add_test(rules, rule_L3_replaced);
	tcase_add_test(rules, rule_L4_cut_where_pages_begin);
	tcase_add_test(rules, rule_L5_mremap);
	tcase_add_test(rules, rule_L5_mremap_gigantic);
	tcase_add_test(rules, rule_L5_mremap_of_a_part);
	tcase_add_test(rules, rule_L6_advice);
	tcase_add_test(rules, rule_L6_populate);
	tcase_add_test(rules, rule_L7_faults);
	tcase_add_test(rules, rule_L7_gigantic);
	tcase_add_test(rules, rule_L7_the_file_ends);
	tcase_add_test(rules, rule_L8_fork);
	tcase_add_test(rules, rule_L8_the_child_is_robbed);
	tcase_add_test(rules, rule_L9_holes);
	tcase_add_test(rules, rule_L9_segments);
	tcase_add_test(rules, rule_L9_userfaultfd);
	tcase_add_test(rules, hugetlb_is_shown);
	suite_add_tcase(suite, rules);
	tcase_add_test(map, resv_map_random);
	suite_add_tcase(suite, map);
	return suite;
}
