/*
 * Tests of mm/userfaultfd.c: faults that go to a handler.
 */
#include <errno.h>
#include <sched.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define MISSING 1
#define WP      2
/* features */
#define FORK  2
#define REMAP 4
#define ASYNC (1 << 15)

static struct world world;
static struct mm_struct *mm;
static unsigned missing, protected; /* faults that came */
static int refuse;                  /* what the handler says, if not 0 */
static bool idle;                   /* it does nothing */

/* Fills in the page's number, or lifts the protection. */
static int handler(struct vm_area_struct *vma, unsigned long addr, vm_flags_t reason)
{
	uint64_t content = 1000 + (addr - WORLD_BASE) / P;

	missing += reason == VM_UFFD_MISSING;
	protected += reason == VM_UFFD_WP;
	if (refuse || idle)
		return refuse;
	if (reason == VM_UFFD_WP)
		return userfaultfd_writeprotect(vma->vm_mm, addr, P, false);
	return userfaultfd_copy(vma->vm_mm, addr, P, &content, false) == P ? 0 : -EFAULT;
}

static void setup(unsigned long mode)
{
	struct config config;

	config_default(&config);
	config.userfault = handler;
	config.huge_pages = THP_ALWAYS;
	world_init(&world, vma_index_lookup("rbtree"), &config);
	mm = world.mm;
	missing = protected = 0;
	refuse = 0;
	idle = false;
	world_map(mm, 0, 8, RW);
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(1, 0), page_at(2), 4 * P, mode),
			 0);
}

START_TEST(userfault_missing)
{
	setup(MISSING);
	world_read(mm, page_at(3));
	ck_assert_uint_eq(missing, 1);
	ck_assert_uint_eq(world_content(mm, page_at(3)), 1003);
	world_write(mm, page_at(3)); /* it is there, and writable */
	world_write(mm, page_at(1)); /* not registered */
	ck_assert_uint_eq(missing, 1);
	world_write(mm, page_at(4));
	ck_assert_uint_eq(missing, 2);
	ck_assert_uint_eq(protected, 0);
	ck_assert_int_eq(userfaultfd_zeropage(mm, page_at(5), P), P);
	world_read(mm, page_at(5));
	ck_assert_uint_eq(world_content(mm, page_at(5)), 0);
	world_write(mm, page_at(5)); /* the zero page is there, too */
	ck_assert_uint_eq(missing, 2);
	ck_assert_int_eq(do_madvise(mm, page_at(3), P, MADV_DONTNEED), 0);
	world_read(mm, page_at(3));
	ck_assert_uint_eq(missing, 3);
	ck_assert_int_eq(userfaultfd_unregister(mm, userfaultfd_ctx(1, 0), page_at(2), 4 * P), 0);
	world_read(mm, page_at(2));
	ck_assert_uint_eq(missing, 3);
	world_done(&world);
}
END_TEST

START_TEST(userfault_write_protect)
{
	struct task_struct child;

	setup(WP);
	for (unsigned long page = 2; page < 6; page++)
		world_write(mm, page_at(page));
	ck_assert_uint_eq(missing, 0); /* not registered for that */
	ck_assert_int_eq(userfaultfd_writeprotect(mm, page_at(2), 3 * P, true), 0);
	world_read(mm, page_at(2));
	ck_assert_uint_eq(protected, 0);
	uint64_t before = world_content(mm, page_at(2));
	world_write(mm, page_at(2));
	ck_assert_uint_eq(protected, 1);
	ck_assert_uint_ne(world_content(mm, page_at(2)), before);
	world_write(mm, page_at(5)); /* not protected */
	ck_assert_uint_eq(protected, 1);
	/* mprotect and back gives no rights to what is protected */
	ck_assert_int_eq(do_mprotect(mm, page_at(2), 4 * P, PROT_READ, -1), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), 4 * P, RW, -1), 0);
	ck_assert(!(pt_get(&mm->pgd, page_at(3)) & PTE_WRITE));
	ck_assert(pt_get(&mm->pgd, page_at(5)) & PTE_WRITE);
	world_write(mm, page_at(3));
	ck_assert_uint_eq(protected, 2);
	/* a child is not registered; who unregisters has no marks */
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	world_write(child.mm, page_at(4));
	ck_assert_uint_eq(protected, 2);
	mmput(child.mm);
	ck_assert_int_eq(userfaultfd_unregister(mm, userfaultfd_ctx(1, 0), page_at(2), 4 * P), 0);
	world_write(mm, page_at(4));
	ck_assert_uint_eq(protected, 2);
	world_done(&world);
}
END_TEST

/* A huge page is split where a part of it is protected. */
START_TEST(userfault_huge_page)
{
	setup(WP);
	world_map(mm, 512, 512, RW);
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(2, 0), page_at(512), 512 * P, WP),
			 0);
	world_write(mm, page_at(600));
	ck_assert_uint_eq(mm->pgd.huge, 1);
	ck_assert_int_eq(userfaultfd_writeprotect(mm, page_at(700), P, true), 0);
	ck_assert_uint_eq(mm->pgd.huge, 0);
	world_write(mm, page_at(701));
	ck_assert_uint_eq(protected, 0);
	world_write(mm, page_at(700));
	ck_assert_uint_eq(protected, 1);
	world_done(&world);
}
END_TEST

START_TEST(userfault_refused)
{
	static const uint64_t contents[4] = { 1, 2, 3, 4 };

	setup(MISSING);
	refuse = -ENXIO;
	ck_assert_int_eq(handle_mm_fault(mm, page_at(2), 0), -ENXIO);
	refuse = 0;
	idle = true; /* nothing has changed: no endless loop */
	ck_assert_int_eq(handle_mm_fault(mm, page_at(2), 0), -EFAULT);
	ck_assert_uint_eq(pt_get(&mm->pgd, page_at(2)), 0);
	ck_assert_int_eq(userfaultfd_copy(mm, page_at(4), P, contents, false), P);
	ck_assert_int_eq(userfaultfd_copy(mm, page_at(4), P, contents, false), -EEXIST);
	ck_assert_int_eq(userfaultfd_copy(mm, page_at(3), 2 * P, contents, false), P);
	ck_assert_int_eq(userfaultfd_copy(mm, page_at(2), P, contents, true), -EINVAL);
	ck_assert_int_eq(userfaultfd_copy(mm, page_at(2), 0, contents, false), -EINVAL);
	ck_assert_int_eq(userfaultfd_copy(mm, page_at(2) + 1, P, contents, false), -EINVAL);
	ck_assert_int_eq(userfaultfd_copy(mm, page_at(1), P, contents, false), -ENOENT);
	ck_assert_int_eq(userfaultfd_zeropage(mm, page_at(5), 2 * P), -ENOENT);
	ck_assert_int_eq(userfaultfd_writeprotect(mm, page_at(2), P, true), -ENOENT);
	ck_assert_int_eq(userfaultfd_writeprotect(mm, page_at(20), P, true), -ENOENT);
	world_done(&world);
}
END_TEST

/* ---- what the features decide ---- */

static struct vm_area_struct *move(uint64_t ctx)
{
	ck_assert_int_eq(userfaultfd_register(mm, ctx, page_at(2), 4 * P, WP), 0);
	world_write(mm, page_at(2));
	ck_assert_int_eq(userfaultfd_writeprotect(mm, page_at(2), P, true), 0);
	ck_assert_uint_eq(
		do_mremap(mm, page_at(2), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(20)),
		page_at(20));
	return world_vma(mm, 20);
}

/* Without EVENT_REMAP what moves is registered no longer, nor are its pages protected. */
START_TEST(userfault_of_what_mremap_moves)
{
	struct vm_area_struct *vma;

	setup(WP);
	ck_assert_int_eq(userfaultfd_unregister(mm, userfaultfd_ctx(1, 0), page_at(2), 4 * P), 0);
	vma = move(userfaultfd_ctx(1, _i * REMAP));
	ck_assert_uint_eq(vma->vm_userfaultfd_ctx, _i ? userfaultfd_ctx(1, REMAP) : 0);
	ck_assert_uint_eq(vma->vm_flags & VM_UFFD_FLAGS, _i ? VM_UFFD_WP : 0);
	ck_assert_uint_eq(!(pt_get(&mm->pgd, page_at(20)) & PTE_UFFD_WP), !_i);
	ck_assert_uint_eq(world_vma(mm, 4)->vm_flags & VM_UFFD_FLAGS, VM_UFFD_WP);
	world_done(&world);
}
END_TEST

/* Without EVENT_FORK a child has none; with it, one of its own for all of its memory. */
START_TEST(userfault_of_what_fork_copies)
{
	uint64_t ctx = userfaultfd_ctx(1, _i * FORK);
	struct mm_struct *one, *two;

	setup(WP);
	ck_assert_int_eq(userfaultfd_unregister(mm, userfaultfd_ctx(1, 0), page_at(2), 4 * P), 0);
	ck_assert_int_eq(userfaultfd_register(mm, ctx, page_at(0), P, WP), 0);
	ck_assert_int_eq(userfaultfd_register(mm, ctx, page_at(4), P, WP), 0);
	one = dup_mm(mm);
	two = dup_mm(mm);
	ck_assert(one && two);
	uint64_t child = world_vma(one, 0)->vm_userfaultfd_ctx;
	ck_assert_uint_eq(world_vma(one, 4)->vm_userfaultfd_ctx, child);
	ck_assert_uint_eq(world_vma(one, 4)->vm_flags & VM_UFFD_FLAGS, _i ? VM_UFFD_WP : 0);
	ck_assert(!child == !_i);
	ck_assert(!_i || (child != ctx && child != world_vma(two, 0)->vm_userfaultfd_ctx));
	mmput(one);
	mmput(two);
	world_done(&world);
}
END_TEST

/* Minor faults are shared memory's; asynchronous write protection is for all. */
START_TEST(userfault_by_what_is_mapped)
{
	uint64_t ctx = userfaultfd_ctx(1, 0), async = userfaultfd_ctx(1, ASYNC);

	setup(MISSING);
	world_map_file(mm, world.file, 20, 2, PROT_READ, 0);
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(30), 2 * P, RW,
				  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0),
			  page_at(30));
	ck_assert_int_eq(userfaultfd_register(mm, ctx, page_at(0), P, 4), -EINVAL);
	ck_assert_int_eq(userfaultfd_register(mm, ctx, page_at(30), P, 4), 0);
	ck_assert_int_eq(userfaultfd_register(mm, ctx, page_at(20), P, WP), -EINVAL);
	ck_assert_int_eq(userfaultfd_register(mm, async, page_at(20), P, WP | MISSING), -EINVAL);
	ck_assert_int_eq(userfaultfd_register(mm, async, page_at(20), P, WP), 0);
	ck_assert_int_eq(userfaultfd_unregister(mm, async, page_at(20), P), 0);
	world_done(&world);
}
END_TEST

TEST_SUITE(userfault)
{
	Suite *suite = suite_create("userfaultfd's handler");
	TCase *tcase = tcase_create("faults");

	tcase_add_test(tcase, userfault_missing);
	tcase_add_test(tcase, userfault_write_protect);
	tcase_add_test(tcase, userfault_huge_page);
	tcase_add_test(tcase, userfault_refused);
	tcase_add_loop_test(tcase, userfault_of_what_mremap_moves, 0, 2);
	tcase_add_loop_test(tcase, userfault_of_what_fork_copies, 0, 2);
	tcase_add_test(tcase, userfault_by_what_is_mapped);
	suite_add_tcase(suite, tcase);
	return suite;
}
