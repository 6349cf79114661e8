/*
 * Reclaim: cold pages are swapped out, written and dropped, and come back as they were.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

static struct world world;
static struct mm_struct *mm;

static void setup_with(int type, const struct config *config)
{
	world_init(&world, bed_type(type), config);
	mm = world.mm;
}

static void setup(int type)
{
	setup_with(type, NULL);
}

static void oracle(void)
{
	ck_assert_ptr_null(rmap_verify(world.machine, stderr));
}

/* Two rounds: the first takes the accessed bits of all that was touched. */
static void pressure(void)
{
	shrink_all(world.machine);
	shrink_all(world.machine);
	oracle();
}

/* s: swapped out, #: a page, 0: the zero page, .: nothing. */
static void pages_are(struct mm_struct *of, const char *drawn)
{
	char is[WORLD_PAGES + 1] = "";

	for (size_t i = 0; drawn[i]; i++) {
		uint64_t entry = pt_get(&of->pgd, page_at(i));

		is[i] = entry & PTE_SWAP ? 's' : !entry ? '.' : pte_has_page(entry) ? '#' : '0';
	}
	ck_assert_str_eq(is, drawn);
}

static uint64_t content(struct mm_struct *of, unsigned long page)
{
	return pt_content(&of->pgd, pt_get(&of->pgd, page_at(page)));
}

START_TEST(cold_pages_are_swapped_out_and_in)
{
	uint64_t was[4], hash;

	setup(_i);
	world_map(mm, 0, 6, RW);
	for (unsigned long i = 0; i < 4; i++) {
		world_write(mm, page_at(i));
		was[i] = content(mm, i);
	}
	world_read(mm, page_at(4));
	hash = mm_contents_hash(mm, 0);
	ck_assert_uint_eq(shrink_all(world.machine), 0); /* all were touched */
	world_write(mm, page_at(1)); /* present: no fault would tell, so nor is the bit set */
	ck_assert_uint_eq(shrink_all(world.machine), 4);
	oracle();
	pages_are(mm, "ssss0.");
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 0);
	ck_assert_uint_eq(frames_in_use(world.machine->swap), 4);
	was[1] = content(mm, 1);
	ck_assert_uint_ne(mm_contents_hash(mm, 0), hash);
	hash = mm_contents_hash(mm, 0);

	world_read(mm, page_at(0));
	ck_assert_uint_eq(mm_contents_hash(mm, 0), hash);
	world_write(mm, page_at(2));
	pages_are(mm, "#s#s0.");
	ck_assert_uint_eq(content(mm, 0), was[0]);
	ck_assert_uint_eq(content(mm, 1), was[1]);
	ck_assert_uint_ne(content(mm, 2), was[2]);
	ck_assert_uint_eq(world.machine->faults.swap_in, 2);
	ck_assert_int_eq(do_madvise(mm, page_at(1), P, MADV_DONTNEED), 0);
	ck_assert_int_eq(do_munmap(mm, page_at(3), P), 0);
	ck_assert_uint_eq(frames_in_use(world.machine->swap), 0);
	world_done(&world);
}
END_TEST

START_TEST(fork_shares_slots)
{
	setup(_i);
	world_map(mm, 0, 3, RW);
	for (unsigned long i = 0; i < 3; i++)
		world_write(mm, page_at(i));
	struct mm_struct *child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	pressure();
	pages_are(mm, "sss");
	pages_are(child, "sss");
	ck_assert_uint_eq(frames_in_use(world.machine->swap), 3);
	struct mm_struct *grandchild = dup_mm(child);
	ck_assert_ptr_nonnull(grandchild);
	oracle();
	world_write(child, page_at(0));
	ck_assert_uint_ne(content(child, 0), content(mm, 0));
	ck_assert_uint_eq(content(grandchild, 0), content(mm, 0));
	world_read(grandchild, page_at(0));
	world_read(mm, page_at(0));
	ck_assert_uint_eq(content(grandchild, 0), content(mm, 0));
	ck_assert_uint_eq(frames_in_use(world.machine->swap), 2);
	/* what moves and what splits takes its slots along */
	ck_assert_uint_eq(
		do_mremap(mm, page_at(1), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(10)),
		page_at(10));
	ck_assert_int_eq(do_mprotect(mm, page_at(10), P, PROT_READ, -1), 0);
	pages_are(mm, "#.........ss");
	oracle();
	ck_assert_int_eq(handle_mm_fault(mm, page_at(10), FAULT_FLAG_WRITE), -EFAULT);
	world_read(mm, page_at(10));
	ck_assert(!(pt_get(&mm->pgd, page_at(10)) & PTE_WRITE));
	mmput(child);
	mmput(grandchild);
	world_done(&world);
}
END_TEST

START_TEST(files_are_written_and_dropped)
{
	uint64_t written;

	setup(_i);
	world_map_file(mm, world.file, 0, 2, RW, 0);
	ck_assert_uint_eq(do_mmap(mm, world.file, page_at(4), 2 * P, RW, MAP_SHARED | MAP_FIXED, 0),
			  page_at(4));
	world_read(mm, page_at(0));
	world_write(mm, page_at(1)); /* a private copy */
	world_write(mm, page_at(4)); /* for all to see */
	written = content(mm, 0);
	ck_assert_uint_eq(content(mm, 4), written);
	shrink_all(world.machine);
	pages_are(mm, "##..#.");
	shrink_all(world.machine); /* written to the file, noticed if it is again */
	pages_are(mm, "#s..#.");
	ck_assert_uint_eq(world.machine->reclaim.written, 1);
	ck_assert(!(pt_get(&mm->pgd, page_at(4)) & (PTE_WRITE | PTE_DIRTY)));
	world_write(mm, page_at(4));
	ck_assert(pt_get(&mm->pgd, page_at(4)) & PTE_DIRTY);
	written = content(mm, 0);
	shrink_all(world.machine);
	pressure();
	pages_are(mm, ".s....");
	world_read(mm, page_at(0));
	ck_assert_uint_eq(content(mm, 0), written);
	pressure();
	truncate_setsize(world.machine, world.inode, 0); /* what was written goes too */
	truncate_setsize(world.machine, world.inode, 2);
	pages_are(mm, "......");
	world_read(mm, page_at(4));
	ck_assert_uint_ne(content(mm, 4), written);
	world_done(&world);
}
END_TEST

START_TEST(page_mkclean_cleans_all_mappings)
{
	setup(_i);
	for (unsigned long at = 0; at < 12; at += 4)
		ck_assert_uint_eq(
			do_mmap(mm, world.file, page_at(at), 2 * P, RW, MAP_SHARED | MAP_FIXED, 0),
			page_at(at));
	struct mm_struct *child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	world_write(mm, page_at(0));
	world_write(mm, page_at(4));
	world_read(mm, page_at(8));
	world_write(child, page_at(0));
	pfn_t pfn = PTE_PFN(pt_get(&mm->pgd, page_at(0)));
	ck_assert_uint_eq(page_mkclean(world.machine, pfn), 3);
	ck_assert_uint_eq(page_mkclean(world.machine, pfn), 0);
	ck_assert(!(pt_get(&child->pgd, page_at(0)) & PTE_WRITE));
	mmput(child);
	world_done(&world);
}
END_TEST

START_TEST(what_is_locked_or_special_stays)
{
	struct inode *inode;

	setup(_i);
	inode = inode_create(world.machine, 9, FILE_DEVICE, "/dev/some");
	struct file *device = file_open(world.machine, inode, 0, true, true);
	inode_put(world.machine, inode);
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	ck_assert_uint_eq(do_mmap(mm, device, page_at(8), 2 * P, RW, MAP_SHARED | MAP_FIXED, 0),
			  page_at(8));
	for (unsigned long i = 0; i < 2; i++) {
		world_write(mm, page_at(i));
		world_write(mm, page_at(4 + i));
		world_write(mm, page_at(8 + i));
	}
	ck_assert_int_eq(do_mlock(mm, page_at(4), P, false), 0);
	pressure();
	pages_are(mm, "ss..#s..##");
	ck_assert_int_eq(do_munlock(mm, page_at(4), P), 0);
	pressure();
	pages_are(mm, "ss..ss..##");
	ck_assert_int_eq(do_mlock(mm, page_at(5), P, false), 0); /* fills it in again */
	pressure();
	pages_are(mm, "ss..s#..##");
	fput(device);
	world_done(&world);
}
END_TEST

/* What userfaultfd has protected it goes on protecting, swapped out or in. */
START_TEST(write_protection_survives_swap)
{
	setup(_i);
	world_map(mm, 0, 4, RW);
	for (unsigned long i = 0; i < 3; i++)
		world_write(mm, page_at(i));
	ck_assert_int_eq(userfaultfd_register(mm, userfaultfd_ctx(1, 0), page_at(0), 4 * P, 2), 0);
	ck_assert_int_eq(userfaultfd_writeprotect(mm, page_at(0), P, true), 0);
	pressure();
	ck_assert_int_eq(userfaultfd_writeprotect(mm, page_at(1), P, true), 0);
	pages_are(mm, "sss.");
	for (unsigned long i = 0; i < 3; i++)
		world_read(mm, page_at(i));
	pages_are(mm, "###.");
	for (unsigned long i = 0; i < 3; i++) {
		uint64_t entry = pt_get(&mm->pgd, page_at(i));

		ck_assert_int_eq(!(entry & PTE_UFFD_WP), i == 2);
		ck_assert_int_eq(!(entry & PTE_WRITE), i != 2);
	}
	world_done(&world);
}
END_TEST

START_TEST(smaps_shows_swap)
{
	char *text = NULL;
	size_t size;

	setup(_i);
	world_map(mm, 0, 3, RW);
	for (unsigned long i = 0; i < 3; i++)
		world_write(mm, page_at(i));
	pressure();
	world_read(mm, page_at(1));
	FILE *out = open_memstream(&text, &size);
	show_smaps(mm, out);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "Swap:                  8 kB"));
	ck_assert_ptr_nonnull(strstr(text, "Rss:                   4 kB"));
	free(text);
	world_done(&world);
}
END_TEST

START_TEST(swap_area_ends)
{
	struct config config;

	config_default(&config);
	config.swap = 3;
	setup_with(_i, &config);
	world_map(mm, 0, 5, RW);
	for (unsigned long i = 0; i < 5; i++)
		world_write(mm, page_at(i));
	pressure();
	pages_are(mm, "sss##");
	ck_assert_int_eq(do_munmap(mm, page_at(1), P), 0);
	pressure();
	pages_are(mm, "s.ss#");
	world_done(&world);
}
END_TEST

START_TEST(huge_pages_are_split_first)
{
	struct config config;
	unsigned long at = (WORLD_BASE + (2UL << 20) - 1) & ~((2UL << 20) - 1);

	config_default(&config);
	config.thp = config.huge_pages = THP_ALWAYS;
	setup_with(_i, &config);
	ck_assert_uint_eq(do_mmap(mm, NULL, at, 2UL << 20, RW, ANON | MAP_FIXED, 0), at);
	world_write(mm, at + 5 * P);
	ck_assert(pt_get(&mm->pgd, at) & PTE_HUGE);
	uint64_t hash = mm_contents_hash(mm, 0);
	oracle();
	pressure();
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 0);
	ck_assert_uint_eq(frames_in_use(world.machine->swap), 512);
	ck_assert_uint_eq(mm_contents_hash(mm, 0), hash);
	world_done(&world);
}
END_TEST

TEST_SUITE(reclaim)
{
	Suite *suite = suite_create("reclaim");
	TCase *tcase = tcase_create("pressure");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(tcase, cold_pages_are_swapped_out_and_in, 0, types);
	tcase_add_loop_test(tcase, fork_shares_slots, 0, types);
	tcase_add_loop_test(tcase, files_are_written_and_dropped, 0, types);
	tcase_add_loop_test(tcase, page_mkclean_cleans_all_mappings, 0, types);
	tcase_add_loop_test(tcase, what_is_locked_or_special_stays, 0, types);
	tcase_add_loop_test(tcase, write_protection_survives_swap, 0, types);
	tcase_add_loop_test(tcase, smaps_shows_swap, 0, types);
	tcase_add_loop_test(tcase, swap_area_ends, 0, types);
	tcase_add_loop_test(tcase, huge_pages_are_split_first, 0, types);
	suite_add_tcase(suite, tcase);
	return suite;
}
