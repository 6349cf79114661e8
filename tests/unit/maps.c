/*
 * maps, smaps and what a core dump would hold; and the verbs that show them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bed.h"
#include "tests/command.h"
#include "tests/suite.h"
#include "tests/world.h"

static struct world world;
static struct mm_struct *mm;

static void setup(void)
{
	world_init(&world, vma_index_lookup("array"), NULL);
	mm = world.mm;
}

static struct file *open_new(enum file_kind kind, uint64_t number, const char *path)
{
	struct inode *inode = inode_create(world.machine, number, kind, path);
	struct file *file = file_open(world.machine, inode, number, true, true);

	inode_put(world.machine, inode);
	return file;
}

/* The figure of that name in smaps' text of the VMA at the page; kB. */
static unsigned long figure(struct mm_struct *of, unsigned long page, const char *name)
{
	char start[32], *text = NULL;
	unsigned long value;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	show_smaps(of, out);
	fclose(out);
	snprintf(start, sizeof(start), "%08lx-", page_at(page));
	char *at = strstr(text, start);
	ck_assert_msg(at != NULL, "no %s in %s", start, text);
	at = strstr(at, name);
	ck_assert_msg(at != NULL && sscanf(at + strlen(name), ": %lu kB", &value) == 1, "%s", name);
	free(text);
	return value;
}

START_TEST(smaps_counts_pages)
{
	struct task_struct child;

	setup();
	world_map(mm, 0, 8, RW);
	world_write(mm, page_at(0));
	world_write(mm, page_at(1));
	world_read(mm, page_at(2)); /* the zero page is nobody's */
	world_map_file(mm, world.file, 20, 4, RW, 0);
	world_read(mm, page_at(20));
	world_write(mm, page_at(21));
	ck_assert_uint_eq(figure(mm, 0, "Size"), 32);
	ck_assert_uint_eq(figure(mm, 0, "Rss"), 8);
	ck_assert_uint_eq(figure(mm, 0, "Private_Dirty"), 8);
	ck_assert_uint_eq(figure(mm, 0, "Anonymous"), 8);
	ck_assert_uint_eq(figure(mm, 0, "Referenced"), 8);
	ck_assert_uint_eq(figure(mm, 20, "Rss"), 8);
	ck_assert_uint_eq(figure(mm, 20, "Private_Clean"), 4);
	ck_assert_uint_eq(figure(mm, 20, "Anonymous"), 4);
	ck_assert_uint_eq(figure(mm, 20, "Swap"), 0);
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	world_write(child.mm, page_at(0)); /* of its own again; page 1 is both's */
	ck_assert_uint_eq(figure(mm, 0, "Rss"), 8);
	ck_assert_uint_eq(figure(mm, 0, "Private_Dirty"), 4);
	ck_assert_uint_eq(figure(mm, 0, "Shared_Dirty"), 4);
	ck_assert_uint_eq(figure(mm, 0, "Pss"), 6);
	mmput(child.mm);
	ck_assert_uint_eq(figure(mm, 0, "Pss"), 8);
	world_done(&world);
}
END_TEST

static unsigned long dumped(unsigned long page, unsigned long filter)
{
	const char *why;
	unsigned long bytes = vma_dump_size(world_vma(mm, page), filter, &why);

	ck_assert_ptr_nonnull(why);
	return bytes / P;
}

START_TEST(coredump_holds)
{
	struct file *device, *special, *shm;

	setup();
	device = open_new(FILE_DEVICE, 7, "/dev/some");
	special = open_new(FILE_SPECIAL, 8, "[vdso]");
	shm = open_new(FILE_SHMEM, 9, "/dev/shm/some");
	world_map(mm, 0, 4, RW); /* written */
	world_write(mm, page_at(0));
	world_map(mm, 6, 4, PROT_READ); /* never written */
	world_map(mm, 12, 4, RW);       /* DONTDUMP */
	world_write(mm, page_at(12));
	ck_assert_int_eq(do_madvise(mm, page_at(12), 4 * P, MADV_DONTDUMP), 0);
	world_map_file(mm, world.file, 18, 2, PROT_READ, 0);             /* an ELF file's header, */
	world_map_file(mm, world.file, 20, 2, PROT_READ | PROT_EXEC, 2); /* code, */
	world_map_file(mm, world.file, 22, 2, RW, 4);                    /* and data */
	world_write(mm, page_at(22));
	world_map_file(mm, device, 26, 2, PROT_READ, 0);
	world_map_file(mm, special, 30, 2, PROT_READ, 0);
	ck_assert_uint_eq(do_mmap(mm, shm, page_at(34), 2 * P, RW, MAP_SHARED | MAP_FIXED, 0),
			  page_at(34));
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(38), 2 * P, RW,
				  MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 0),
			  page_at(38));
	world_map_file(mm, shm, 42, 2, PROT_READ, 0); /* read, and no ELF file */

	const struct {
		unsigned long page, by_default, with_files, with_nothing;
	} cases[] = {
		{ 0, 4, 4, 0 },  { 6, 0, 0, 0 },  { 12, 0, 0, 0 }, { 18, 1, 2, 0 },
		{ 20, 0, 2, 0 }, { 22, 2, 2, 0 }, { 26, 0, 0, 0 }, { 30, 2, 2, 2 },
		{ 34, 0, 2, 0 }, { 38, 2, 2, 0 }, { 42, 0, 2, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long page = cases[i].page;

		ck_assert_msg(dumped(page, MMF_DUMP_DEFAULT) == cases[i].by_default, "%lu", page);
		ck_assert_msg(dumped(page, 0x3f) == cases[i].with_files, "%lu", page);
		ck_assert_msg(dumped(page, 0) == cases[i].with_nothing, "%lu", page);
	}
	fput(device);
	fput(special);
	fput(shm);
	world_done(&world);
}
END_TEST

#define LS "workloads/traces/ls.vmt"

START_TEST(verbs_show_a_trace)
{
	const char *vmabench = command_vmabench();

	ck_command(0, "[vdso]", "%s maps --mm 1 " LS " | grep vdso", vmabench);
	ck_command(0, "[stack]", "%s maps " LS " | grep stack", vmabench);
	ck_command(0, "# task 1, after event", "%s maps " LS, vmabench);
	ck_command(0, "/usr/bin/ls", "%s maps --event 100 " LS, vmabench);
	ck_command(0, "VmFlags: rd", "%s maps -s --at end " LS, vmabench);
	ck_command(0, "Swap: 4",
		   "%s maps -s --reclaim 20 " LS " | sed -n 's/^Swap:  *[1-9][0-9]* kB$/Swap: 4/p'",
		   vmabench);
	ck_command(0, "ELF header", "%s coredump --list --mm 1 " LS, vmabench);
	ck_command(0, "in all", "%s coredump --list --filter 0 --event 100 " LS, vmabench);
	ck_command(2, "--list", "%s coredump " LS, vmabench);
	ck_command(2, "events, not 100000000", "%s maps --event 100000000 " LS, vmabench);
	ck_command(2, "no such address space", "%s maps --mm 77 " LS, vmabench);
	ck_command(2, "no such address space", "%s maps --event 1 " LS, vmabench);
	ck_command(2, "/no/such", "%s maps /no/such", vmabench);
	ck_command(2, "which file", "%s maps", vmabench);
}
END_TEST

TEST_SUITE(maps)
{
	Suite *suite = suite_create("maps");
	TCase *tcase = tcase_create("of an mm");

	tcase_add_test(tcase, smaps_counts_pages);
	tcase_add_test(tcase, coredump_holds);
	tcase_add_test(tcase, verbs_show_a_trace);
	suite_add_tcase(suite, tcase);
	return suite;
}
