/*
 * The rules of placement and of a new mapping's flags, one test for each: A1–A9, B1–B7.
 */
#include <errno.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define M2 (2UL << 20)

static struct world world;
static struct mm_struct *mm;

static void setup(int type, const struct config *config)
{
	world_init(&world, bed_type(type), config);
	mm = world.mm;
}

static void teardown(void)
{
	world_done(&world);
}

static unsigned long anon(unsigned long addr, unsigned long len, unsigned long flags)
{
	return do_mmap(mm, NULL, addr, len, RW, MAP_ANONYMOUS | flags, 0);
}

static struct file *open_kind(enum file_kind kind, bool readable, bool writable)
{
	struct inode *inode = inode_create(world.machine, 7, kind, "/some/file");
	struct file *file = file_open(world.machine, inode, 3, readable, writable);

	ck_assert_ptr_nonnull(file);
	inode_put(world.machine, inode);
	return file;
}

START_TEST(rule_A1_who_decides)
{
	struct file *shm, *zero;

	setup(_i, NULL);
	shm = open_kind(FILE_SHMEM, true, true);
	zero = open_kind(FILE_ZERO, true, true);
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE), WORLD_TOP - P);
	/* private anonymous memory: THP only if all of it can be huge pages */
	ck_assert_uint_eq(anon(0, M2, MAP_PRIVATE) % M2, 0);
	ck_assert_uint_ne(anon(0, M2 + P, MAP_PRIVATE) % M2, 0);
	/* and not with a hint, even one that is of no use */
	ck_assert_uint_ne(anon(WORLD_TOP - P, M2, MAP_PRIVATE) % M2, 0);
	ck_assert_uint_ne(anon(0, M2, MAP_SHARED) % M2, 0);
	ck_assert_uint_ne(do_mmap(mm, shm, 0, M2, PROT_READ, MAP_SHARED, 0) % M2, 0);
	ck_assert_uint_eq(do_mmap(mm, zero, 0, M2 + P, RW, MAP_PRIVATE, 0) % M2, 0);
	ck_assert_uint_eq(do_mmap(mm, world.file, 0, M2 + P, PROT_READ, MAP_PRIVATE, 0) % M2, 0);
	fput(shm);
	fput(zero);
	teardown();
}
END_TEST

START_TEST(rule_A2_congruent_to_the_offset)
{
	unsigned long top = WORLD_TOP & ~(M2 - 1), at;

	setup(_i, NULL);
	at = do_mmap(mm, world.file, 0, 2 * M2, PROT_READ, MAP_PRIVATE, 5);
	ck_assert_uint_eq(at % M2, 5 * P);
	ck_assert_uint_lt(at, WORLD_TOP - 2 * M2);
	/* [off, off + len) without a whole huge page: plain */
	ck_assert_uint_eq(do_mmap(mm, world.file, 0, M2 + P, PROT_READ, MAP_PRIVATE, 5),
			  at - M2 - P);
	teardown();

	/* congruent already: 2 MiB further up, where the search was padded */
	setup(_i, NULL);
	mm->mmap_base = top;
	ck_assert_uint_eq(anon(0, M2, MAP_PRIVATE), top - M2);
	teardown();

	/* no room for the padding: as if there were no rule */
	setup(_i, NULL);
	mm->mmap_base = world.machine->config.mmap_min_addr + M2;
	ck_assert_uint_eq(anon(mm->mmap_base, world.machine->config.task_size - mm->mmap_base,
			       MAP_PRIVATE | MAP_FIXED),
			  mm->mmap_base);
	ck_assert_uint_eq(do_mmap(mm, world.file, 0, M2, PROT_READ, MAP_PRIVATE, 0),
			  world.machine->config.mmap_min_addr);
	teardown();
}
END_TEST

START_TEST(rule_A3_shmem_by_its_setting)
{
	struct config config;
	struct file *shm;

	config_default(&config);
	config.shmem_thp = true;
	setup(_i, &config);
	shm = open_kind(FILE_SHMEM, true, true);
	ck_assert_uint_eq(do_mmap(mm, shm, 0, M2 + P, PROT_READ, MAP_SHARED, 0) % M2, 0);
	ck_assert_uint_eq(anon(0, M2 + P, MAP_SHARED) % M2, 0);
	fput(shm);
	teardown();
}
END_TEST

START_TEST(rule_A4_hint)
{
	unsigned long gap = 256 * P, stack = page_at(1024);

	setup(_i, NULL);
	ck_assert_uint_eq(anon(page_at(3) + 100, P, MAP_PRIVATE), page_at(3));
	/* taken: in the next page, rounded down, with the one before it in the way of nothing */
	ck_assert_uint_eq(anon(page_at(4) + P - 1, 2 * P, MAP_PRIVATE), page_at(4));
	ck_assert_uint_eq(anon(page_at(2), 2 * P, MAP_PRIVATE), WORLD_TOP - 2 * P);
	ck_assert_uint_eq(anon(page_at(2), P, MAP_PRIVATE), page_at(2));
	/* the guard gap of the stack that follows must stay free */
	ck_assert_uint_eq(anon(stack, P, MAP_PRIVATE | MAP_FIXED | MAP_GROWSDOWN), stack);
	ck_assert_uint_eq(anon(stack - gap, P, MAP_PRIVATE), WORLD_TOP - 3 * P);
	ck_assert_uint_eq(anon(stack - gap - P, P, MAP_PRIVATE), stack - gap - P);
	/* but nobody asks what stands before the hint */
	ck_assert_uint_eq(anon(stack + P, P, MAP_PRIVATE), stack + P);
	ck_assert_uint_eq(anon(world.machine->config.task_size, P, MAP_PRIVATE), WORLD_TOP - 4 * P);
	teardown();
}
END_TEST

START_TEST(rule_A4_falls_back_bottom_up)
{
	unsigned long third;

	setup(_i, NULL);
	third = PAGE_ALIGN(world.machine->config.task_size / 3);
	mm->mmap_base = world.machine->config.mmap_min_addr + 4 * P;
	ck_assert_uint_eq(anon(0, 3 * P, MAP_PRIVATE), mm->mmap_base - 3 * P);
	ck_assert_uint_eq(anon(0, 2 * P, MAP_PRIVATE), third);
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE), world.machine->config.mmap_min_addr);
	ck_assert_uint_eq(anon(0, 1UL << 46, MAP_PRIVATE), (third + M2) & ~(M2 - 1));
	ck_assert_int_eq((long)anon(0, 1UL << 46, MAP_PRIVATE), -ENOMEM);
	teardown();
}
END_TEST

START_TEST(rule_A5_guard_gaps)
{
	unsigned long gap = 256 * P, stack = WORLD_TOP - 400 * P;
	struct config config;

	setup(_i, NULL);
	ck_assert_uint_eq(anon(stack, 400 * P, MAP_PRIVATE | MAP_FIXED | MAP_GROWSDOWN), stack);
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE), stack - gap - P);
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE), stack - gap - 2 * P);
	teardown();

	config_default(&config);
	config.legacy_layout = true;
	setup(_i, &config);
	mm->mmap_base = WORLD_BASE;
	ck_assert_uint_eq(anon(page_at(250), P, MAP_PRIVATE | MAP_FIXED | MAP_GROWSDOWN),
			  page_at(250));
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE), page_at(251));
	teardown();
}
END_TEST

START_TEST(rule_A6_low_hints_and_noreplace)
{
	unsigned long min_addr;

	setup(_i, NULL);
	min_addr = world.machine->config.mmap_min_addr;
	ck_assert_uint_eq(anon(P, P, MAP_PRIVATE), min_addr);
	world_map(mm, 0, 4, RW);
	ck_assert_int_eq((long)anon(page_at(3), 2 * P, MAP_PRIVATE | MAP_FIXED_NOREPLACE), -EEXIST);
	ck_assert_uint_eq(anon(page_at(4), P, MAP_PRIVATE | MAP_FIXED_NOREPLACE), page_at(4));
	ck_assert_int_eq((long)anon(page_at(4) + 1, P, MAP_PRIVATE | MAP_FIXED), -EINVAL);
	ck_layout(mm, "AAAAA");
	teardown();
}
END_TEST

START_TEST(rule_K18_the_least_hint)
{
	setup(_i, NULL);
	world.machine->config.dac_mmap_min_addr = 2 * P; /* the security module's is larger */
	ck_assert_uint_eq(anon(P, P, MAP_PRIVATE), 16 * P);
	ck_assert_uint_eq(anon(2 * P, P, MAP_PRIVATE | MAP_FIXED), 2 * P);
	ck_assert_uint_eq(anon(P, P, MAP_PRIVATE | MAP_FIXED), P);
	world.machine->config.limits.sys_rawio = false;
	ck_assert_int_eq((long)anon(P, P, MAP_PRIVATE | MAP_FIXED), -EPERM);
	ck_assert_uint_eq(anon(2 * P, P, MAP_PRIVATE | MAP_FIXED), 2 * P);
	ck_assert_int_eq((long)do_mremap(mm, 2 * P, P, P, MREMAP_MAYMOVE | MREMAP_FIXED, P),
			 -EPERM);
	teardown();
}
END_TEST

/* Above 2^47 is only who asks for it, though there is room. */
START_TEST(large_address_space_has_a_window)
{
	unsigned long window = (1UL << 47) - P;
	struct config config;

	config_default(&config);
	config.task_size = (1UL << 56) - P;
	config.pagetable_levels = 5;
	config.legacy_layout = true;
	setup(_i, &config);
	mm->mmap_base = window - 4 * P;
	ck_assert_uint_eq(anon(0, 2 * P, MAP_PRIVATE), window - 4 * P);
	ck_assert_int_eq((long)anon(0, 4 * P, MAP_PRIVATE), -ENOMEM);
	ck_assert_int_eq((long)anon(window, 4 * P, MAP_PRIVATE), -ENOMEM);
	ck_assert_uint_eq(anon(window + P, 4 * P, MAP_PRIVATE), window + P);
	ck_assert_uint_eq(anon(1UL << 50, 4 * P, MAP_PRIVATE), 1UL << 50);
	teardown();
}
END_TEST

/* The kernel's offsets have a sign: near the largest file a huge page's border is below 0. */
START_TEST(rule_A2_offset_near_the_largest_file)
{
	unsigned long last = ~0UL >> 1 >> PAGE_SHIFT, got;

	setup(_i, NULL);
	got = do_mmap(mm, world.file, 0, P, PROT_READ, MAP_PRIVATE, last - 1);
	ck_assert_uint_eq((got >> PAGE_SHIFT) % 512, (last - 1) % 512);
	got = do_mmap(mm, world.file, 0, P, PROT_READ, MAP_PRIVATE, last - 1024);
	ck_assert_uint_ne((got >> PAGE_SHIFT) % 512, (last - 1024) % 512);
	teardown();
}
END_TEST

START_TEST(offset_beyond_the_largest_file)
{
	unsigned long last = ~0UL >> 1 >> PAGE_SHIFT; /* the page with the largest offset */

	setup(_i, NULL);
	ck_assert_uint_eq(do_mmap(mm, world.file, page_at(0), P, PROT_READ, MAP_PRIVATE | MAP_FIXED,
				  last - 1),
			  page_at(0));
	ck_assert_int_eq((long)do_mmap(mm, world.file, 0, P, PROT_READ, MAP_PRIVATE, last + 1),
			 -EOVERFLOW);
	ck_assert_int_eq((long)do_mmap(mm, world.file, 0, 2 * P, PROT_READ, MAP_PRIVATE, last),
			 -EOVERFLOW);
	ck_assert_int_eq((long)do_mmap(mm, world.file, 0, 2 * P, PROT_READ, MAP_PRIVATE, ~0UL),
			 -EOVERFLOW);
	/* in the last page no mremap asks: only where the number itself comes to an end */
	ck_assert_uint_eq(do_mremap(mm, page_at(0), P, 3 * P, 0, 0), page_at(0));
	teardown();
}
END_TEST

START_TEST(rule_A7_32bit)
{
	setup(_i, NULL);
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE | MAP_32BIT), 0x40000000);
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE | MAP_32BIT), 0x40001000);
	ck_assert_int_eq((long)anon(0, 0x40000000, MAP_PRIVATE | MAP_32BIT), -ENOMEM);
	teardown();
}
END_TEST

START_TEST(rule_A8_highest_gap_below_mmap_base)
{
	setup(_i, NULL);
	ck_assert_uint_eq(anon(0, 8 * P, MAP_PRIVATE), WORLD_TOP - 8 * P);
	ck_assert_int_eq(do_munmap(mm, WORLD_TOP - 6 * P, 2 * P), 0);
	ck_assert_uint_eq(anon(0, 3 * P, MAP_PRIVATE), WORLD_TOP - 11 * P);
	ck_assert_uint_eq(anon(0, 2 * P, MAP_PRIVATE), WORLD_TOP - 6 * P);
	ck_assert_uint_eq(mm->map_count, 1);
	teardown();
}
END_TEST

START_TEST(rule_A9_legacy)
{
	struct config config;

	config_default(&config);
	config.legacy_layout = true;
	setup(_i, &config);
	mm->mmap_base = WORLD_BASE;
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE), page_at(0));
	ck_assert_uint_eq(anon(0, P, MAP_PRIVATE), page_at(1));
	ck_assert_uint_eq(anon(page_at(8) + 1, P, MAP_PRIVATE), page_at(8)); /* page-masked */
	ck_assert_uint_eq(get_unmapped_area(mm, NULL, page_at(9) + 1, P, 0, ANON), page_at(10));
	/* aligned upwards from where it would have been */
	ck_assert_uint_eq(anon(0, M2, MAP_PRIVATE), WORLD_BASE + M2);
	/* and congruent already, it stays */
	mm->mmap_base = WORLD_BASE + 4 * M2;
	ck_assert_uint_eq(anon(0, M2, MAP_PRIVATE), WORLD_BASE + 4 * M2);
	teardown();
}
END_TEST

/* ---- flags ---- */

static vm_flags_t flags_of(unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	ck_assert_ptr_nonnull(vma);
	return vma->vm_flags;
}

START_TEST(rule_B1_stacks_have_no_huge_pages)
{
	setup(_i, NULL);
	world_map(mm, 0, 4, RW);
	ck_assert_uint_eq(anon(page_at(4), 4 * P, MAP_PRIVATE | MAP_STACK), page_at(4));
	ck_assert(flags_of(page_at(4)) & VM_NOHUGEPAGE);
	ck_layout(mm, "AAAABBBB");
	teardown();
}
END_TEST

START_TEST(rule_B2_account)
{
	setup(_i, NULL);
	ck_assert(flags_of(anon(0, P, MAP_PRIVATE)) & VM_ACCOUNT);
	ck_assert(!(flags_of(anon(0, P, MAP_SHARED)) & VM_ACCOUNT));
	ck_assert(!(flags_of(anon(0, P, MAP_PRIVATE | MAP_NORESERVE)) & VM_ACCOUNT));
	/* and takes part in the comparison: what became writable is not what always was */
	world_map(mm, 0, 2, PROT_READ);
	ck_assert(!(flags_of(page_at(0)) & VM_ACCOUNT));
	world_map(mm, 4, 2, RW);
	world_write(mm, page_at(4));
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 2 * P, PROT_READ, -1), 0);
	world_map(mm, 2, 2, PROT_READ);
	ck_layout(mm, "AAAABB");
	teardown();
}
END_TEST

START_TEST(rule_B3_shared_but_not_writable)
{
	struct file *readonly;
	vm_flags_t flags;

	setup(_i, NULL);
	readonly = open_kind(FILE_REGULAR, true, false);
	flags = flags_of(do_mmap(mm, readonly, 0, P, PROT_READ, MAP_SHARED, 0));
	ck_assert_uint_eq(flags & (VM_SHARED | VM_MAYSHARE | VM_MAYWRITE), VM_MAYSHARE);
	ck_assert_int_eq((long)do_mmap(mm, readonly, 0, P, RW, MAP_SHARED, 0), -EACCES);
	flags = flags_of(do_mmap(mm, world.file, 0, P, PROT_READ, MAP_SHARED, 0));
	ck_assert_uint_eq(flags & (VM_SHARED | VM_MAYSHARE | VM_MAYWRITE),
			  VM_SHARED | VM_MAYSHARE | VM_MAYWRITE);
	flags = flags_of(do_mmap(mm, readonly, 0, P, RW, MAP_PRIVATE, 0));
	ck_assert_uint_eq(flags & (VM_SHARED | VM_MAYSHARE | VM_MAYWRITE), VM_MAYWRITE);
	fput(readonly);
	teardown();
}
END_TEST

/*
 * /dev/zero open for reading is no shared memory: it stays what it is, without a file of its own.
 */
START_TEST(rule_B3_dev_zero)
{
	struct file *reads, *writes;
	struct vm_area_struct *vma;

	setup(_i, NULL);
	reads = open_kind(FILE_ZERO, true, false);
	writes = open_kind(FILE_ZERO, true, true);
	vma = vma_lookup(mm, do_mmap(mm, reads, 0, P, PROT_READ, MAP_SHARED, 0));
	ck_assert(vma->vm_file == reads && vma_is_anonymous(vma));
	vma = vma_lookup(mm, do_mmap(mm, writes, 0, P, PROT_READ, MAP_SHARED, 0));
	ck_assert(vma->vm_file != writes && !vma_is_anonymous(vma));
	fput(reads);
	fput(writes);
	teardown();
}
END_TEST

/* MAP_SHARED_VALIDATE takes only flags it knows, MAP_SHARED any. */
START_TEST(shared_validate)
{
	setup(_i, NULL);
	ck_assert_int_eq((long)do_mmap(mm, world.file, 0, P, RW, MAP_SHARED_VALIDATE | 0x400, 0),
			 -EOPNOTSUPP);
	ck_assert(!IS_ERR_VALUE(do_mmap(mm, world.file, 0, P, RW, MAP_SHARED | 0x400, 0)));
	ck_assert(!IS_ERR_VALUE(
		do_mmap(mm, world.file, 0, P, RW, MAP_SHARED_VALIDATE | MAP_POPULATE, 0)));
	teardown();
}
END_TEST

START_TEST(rule_B4_flags_asked_for)
{
	const vm_flags_t droppable = VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP;

	setup(_i, NULL);
	ck_assert_uint_eq(flags_of(anon(0, P, MAP_DROPPABLE)),
			  VM_READ | VM_WRITE | VM_MAY_FLAGS | droppable);
	ck_assert(flags_of(anon(0, P, MAP_PRIVATE | MAP_NORESERVE)) & VM_NORESERVE);
	ck_assert(flags_of(anon(0, P, MAP_PRIVATE | MAP_LOCKED)) & VM_LOCKED);
	ck_assert(flags_of(anon(page_at(0), P, MAP_PRIVATE | MAP_GROWSDOWN)) & VM_GROWSDOWN);
	ck_assert_int_eq((long)anon(0, P, MAP_DROPPABLE | MAP_LOCKED), -EINVAL);
	ck_assert_int_eq((long)anon(0, P, MAP_SHARED | MAP_GROWSDOWN), -EINVAL);
	ck_assert_uint_eq(mm->locked_vm, 1);
	teardown();
}
END_TEST

START_TEST(rule_B5_execute_only_has_a_key)
{
	setup(_i, NULL);
	world.machine->config.pkeys = true;
	mm_pkeys_init(mm);
	world_map(mm, 0, 4, PROT_EXEC);
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_PKEY_MASK, 1UL << VM_PKEY_SHIFT);
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 4 * P, PROT_READ, -1), 0);
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_PKEY_MASK, 0); /* D3 */
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 2 * P, PROT_EXEC, -1), 0);
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_PKEY_MASK, 1UL << VM_PKEY_SHIFT);
	ck_layout(mm, "AABB");
	/* a key that was asked for stays */
	ck_assert_int_eq(do_pkey_alloc(mm, 0, 0), 2);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), 2 * P, PROT_READ, 2), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), 2 * P, RW, -1), 0);
	ck_assert_uint_eq(world_vma(mm, 2)->vm_flags & VM_PKEY_MASK, 2UL << VM_PKEY_SHIFT);
	teardown();
}
END_TEST

START_TEST(rule_B6_default_flags)
{
	struct mm_struct *child;

	setup(_i, NULL);
	ck_assert_int_eq(do_mlockall(mm, MCL_FUTURE), 0);
	world_map(mm, 0, 4, RW);
	ck_assert_uint_eq(flags_of(page_at(0)) & VM_LOCKED, VM_LOCKED);
	ck_assert_uint_eq(mm->locked_vm, 4);
	child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	ck_assert_uint_eq(child->def_flags, 0);
	ck_assert_uint_eq(child->locked_vm, 0);
	world_map(child, 8, 4, RW);
	ck_assert(!(world_vma(child, 8)->vm_flags & VM_LOCKED));
	mmput(child);
	teardown();
}
END_TEST

START_TEST(rule_B7_offsets_of_anonymous_memory)
{
	struct vm_area_struct *one, *two;

	setup(_i, NULL);
	world_map(mm, 0, 1, RW);
	ck_assert_uint_eq(world_vma(mm, 0)->vm_pgoff, page_at(0) >> PAGE_SHIFT);
	ck_assert_uint_eq(
		do_mmap(mm, NULL, page_at(2), P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 99),
		page_at(2));
	ck_assert_uint_eq(
		do_mmap(mm, NULL, page_at(3), P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 1),
		page_at(3));
	one = world_vma(mm, 2);
	two = world_vma(mm, 3);
	ck_assert_uint_eq(one->vm_pgoff, 0);
	ck_assert_uint_eq(two->vm_pgoff, 0);
	ck_assert(one->vm_file && one->vm_file != two->vm_file &&
		  one->vm_file->inode != two->vm_file->inode);
	teardown();
}
END_TEST

TEST_SUITE(rules_place)
{
	Suite *suite = suite_create("rules of placement");
	TCase *tcase = tcase_create("A and B");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(tcase, rule_A1_who_decides, 0, types);
	tcase_add_loop_test(tcase, rule_A2_congruent_to_the_offset, 0, types);
	tcase_add_loop_test(tcase, rule_A3_shmem_by_its_setting, 0, types);
	tcase_add_loop_test(tcase, rule_A4_hint, 0, types);
	tcase_add_loop_test(tcase, rule_A4_falls_back_bottom_up, 0, types);
	tcase_add_loop_test(tcase, rule_A5_guard_gaps, 0, types);
	tcase_add_loop_test(tcase, rule_A6_low_hints_and_noreplace, 0, types);
	tcase_add_loop_test(tcase, rule_K18_the_least_hint, 0, types);
	tcase_add_loop_test(tcase, offset_beyond_the_largest_file, 0, types);
	tcase_add_loop_test(tcase, large_address_space_has_a_window, 0, types);
	tcase_add_loop_test(tcase, rule_A2_offset_near_the_largest_file, 0, types);
	tcase_add_loop_test(tcase, rule_A7_32bit, 0, types);
	tcase_add_loop_test(tcase, rule_A8_highest_gap_below_mmap_base, 0, types);
	tcase_add_loop_test(tcase, rule_A9_legacy, 0, types);
	tcase_add_loop_test(tcase, rule_B1_stacks_have_no_huge_pages, 0, types);
	tcase_add_loop_test(tcase, rule_B2_account, 0, types);
	tcase_add_loop_test(tcase, rule_B3_shared_but_not_writable, 0, types);
	tcase_add_loop_test(tcase, rule_B3_dev_zero, 0, types);
	tcase_add_loop_test(tcase, shared_validate, 0, types);
	tcase_add_loop_test(tcase, rule_B4_flags_asked_for, 0, types);
	tcase_add_loop_test(tcase, rule_B5_execute_only_has_a_key, 0, types);
	tcase_add_loop_test(tcase, rule_B6_default_flags, 0, types);
	tcase_add_loop_test(tcase, rule_B7_offsets_of_anonymous_memory, 0, types);
	suite_add_tcase(suite, tcase);
	return suite;
}
