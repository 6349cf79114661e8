/*
 * The merge rules none and eager, by what system calls make of them; merge.c has Linux's.
 */
#include <errno.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

static struct world world;
static struct mm_struct *mm;

static void setup(int type, const char *rule)
{
	struct config config;

	config_default(&config);
	config.merge = merge_rule_lookup(rule);
	ck_assert_ptr_nonnull(config.merge);
	world_init(&world, bed_type(type), &config);
	mm = world.mm;
}

static void protect(unsigned long page, unsigned long npages, unsigned long prot)
{
	ck_assert_int_eq(do_mprotect(mm, page_at(page), npages * P, prot, -1), 0);
}

START_TEST(rules_by_name)
{
	for (unsigned i = 0; merge_rule(i); i++)
		ck_assert_ptr_eq(merge_rule_lookup(merge_rule(i)->name), merge_rule(i));
	ck_assert_str_eq(merge_rule(0)->name, "linux");
	ck_assert_ptr_null(merge_rule_lookup("sometimes"));
}
END_TEST

START_TEST(none_keeps_mappings_apart)
{
	setup(_i, "none");
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	world_map(mm, 2, 2, RW);
	ck_layout(mm, "AABBCC");
	protect(2, 2, PROT_READ);
	protect(2, 2, RW);
	ck_layout(mm, "AABBCC");
	protect(1, 1, PROT_READ); /* what splits stays split */
	protect(1, 1, RW);
	ck_layout(mm, "ABCCDD");
	ck_assert_int_eq(do_madvise(mm, page_at(0), 6 * P, MADV_DONTFORK), 0);
	ck_assert_int_eq(do_madvise(mm, page_at(0), 6 * P, MADV_DOFORK), 0);
	ck_assert_int_eq(do_mlock(mm, page_at(3), P, false), 0);
	ck_assert_int_eq(do_munlock(mm, page_at(3), P), 0);
	ck_layout(mm, "ABCDEE");
	world_map(mm, 1, 3, RW);
	ck_layout(mm, "ABBBCC");
	ck_assert_uint_eq(world.machine->merges, 0);
	world_done(&world);
}
END_TEST

START_TEST(none_lets_mremap_grow)
{
	setup(_i, "none");
	world_map(mm, 0, 2, RW);
	world_map(mm, 6, 2, RW);
	world_write(mm, page_at(1));
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 2 * P, 6 * P, 0, 0), page_at(0));
	ck_layout(mm, "AAAAAABB"); /* up to the next one, which stays */
	ck_assert_uint_eq(
		do_mremap(mm, page_at(6), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(10)),
		page_at(10));
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 6 * P, 3 * P, 0, 0), page_at(0));
	ck_layout(mm, "AAA.......BB");
	ck_assert_uint_eq(world.machine->merges, 0);
	world_done(&world);
}
END_TEST

START_TEST(none_lets_heap_and_stack_grow)
{
	struct vm_area_struct *stack;
	unsigned long at = page_at(32);

	setup(_i, "none");
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + P), WORLD_HEAP + P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 3 * P), WORLD_HEAP + 3 * P);
	ck_assert_uint_eq(mm->map_count, 1);
	ck_assert_uint_eq(do_mmap(mm, NULL, at, P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, 0), at);
	world_write(mm, at - 3 * P);
	stack = vma_lookup(mm, at);
	ck_assert_uint_eq(stack->vm_start, at - 3 * P);
	ck_assert_uint_eq(mm->map_count, 2);
	ck_assert_uint_eq(world.machine->merges, 0);
	world_done(&world);
}
END_TEST

START_TEST(eager_ignores_anon_vmas)
{
	struct task_struct child = { 0 };
	uint64_t content[2];

	setup(_i, "eager");
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	world_write(mm, page_at(1));
	world_write(mm, page_at(4));
	ck_assert_ptr_ne(world_vma(mm, 0)->anon_vma, world_vma(mm, 4)->anon_vma);
	content[0] = world_content(mm, page_at(1));
	content[1] = world_content(mm, page_at(4));
	world_map(mm, 2, 2, RW);
	ck_layout(mm, "AAAAAA");
	ck_assert_uint_eq(world_content(mm, page_at(1)), content[0]);
	ck_assert_uint_eq(world_content(mm, page_at(4)), content[1]);
	/* a fork child's too */
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	world_map(child.mm, 6, 2, RW);
	ck_layout(child.mm, "AAAAAAAA");
	world_write(child.mm, page_at(7));
	mmput(child.mm);
	world_done(&world);
}
END_TEST

START_TEST(eager_counts_the_whole)
{
	setup(_i, "eager");
	world_map(mm, 0, 2, RW);
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(2), 2 * P, PROT_READ, ANON | MAP_FIXED, 0),
			  page_at(2));
	world_write(mm, page_at(0));
	ck_layout(mm, "AABB");
	protect(0, 2, PROT_READ); /* keeps VM_ACCOUNT, since it was written to */
	ck_layout(mm, "AAAA");
	ck_assert(world_vma(mm, 3)->vm_flags & VM_ACCOUNT);
	/* the other way round: what becomes counted joins what is not */
	world_map(mm, 8, 1, RW);
	world_write(mm, page_at(8));
	protect(8, 1, PROT_READ);
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(7), P, PROT_READ, ANON | MAP_FIXED, 0),
			  page_at(7));
	ck_layout(mm, "AAAA...BB");
	ck_assert(world_vma(mm, 7)->vm_flags & VM_ACCOUNT);
	world_done(&world);
}
END_TEST

START_TEST(eager_compares_inodes)
{
	setup(_i, "eager");
	world_map_file(mm, world.file, 0, 2, PROT_READ, 0);
	world_map_file(mm, world.again, 2, 2, PROT_READ, 2);
	ck_layout(mm, "AAAA");
	world_map_file(mm, world.file, 4, 2, PROT_READ, 7); /* does not go on in the file */
	world_map_file(mm, world.file, 6, 2, RW, 9);        /* other rights */
	ck_layout(mm, "AAAABBCC");
	ck_assert_uint_eq(world.machine->merges, 1);
	world_done(&world);
}
END_TEST

/* The same calls by Linux's rule: what keeps them apart is what eager leaves out. */
START_TEST(linux_keeps_them_apart)
{
	setup(_i, "linux");
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	world_write(mm, page_at(1));
	world_write(mm, page_at(4));
	world_map(mm, 2, 2, RW);
	ck_layout(mm, "AAAABB");
	world_map_file(mm, world.file, 10, 2, PROT_READ, 0);
	world_map_file(mm, world.again, 12, 2, PROT_READ, 2);
	ck_layout(mm, "AAAABB....CCDD");
	world_done(&world);
}
END_TEST

TEST_SUITE(merge_rules)
{
	Suite *suite = suite_create("merge rules");
	TCase *tcase = tcase_create("by index");
	int types = (int)bed_types();

	tcase_add_test(tcase, rules_by_name);
	tcase_add_loop_test(tcase, none_keeps_mappings_apart, 0, types);
	tcase_add_loop_test(tcase, none_lets_mremap_grow, 0, types);
	tcase_add_loop_test(tcase, none_lets_heap_and_stack_grow, 0, types);
	tcase_add_loop_test(tcase, eager_ignores_anon_vmas, 0, types);
	tcase_add_loop_test(tcase, eager_counts_the_whole, 0, types);
	tcase_add_loop_test(tcase, eager_compares_inodes, 0, types);
	tcase_add_loop_test(tcase, linux_keeps_them_apart, 0, types);
	suite_add_tcase(suite, tcase);
	return suite;
}
