/*
 * The way back, from pages and files to those who map them: interval trees, i_mmap, truncation.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/rng.h"
#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

/* ---- interval trees ---- */

#define NODES   300
#define OFFSETS 200

static bool overlaps(const struct interval *node, unsigned long start, unsigned long last)
{
	return rb_linked(&node->rb) && node->start <= last && node->last >= start;
}

/* What a search visits: each that overlaps once, in the order of the starts. */
static void check_search(const struct rb_root *tree, const struct interval *nodes,
			 unsigned long start, unsigned long last)
{
	unsigned found = 0, there = 0;
	unsigned long before = 0;
	bool right = true;

	for (const struct interval *node = interval_tree_first(tree, start, last); right && node;
	     node = interval_tree_next(node, start, last)) {
		right &= overlaps(node, start, last) && before <= node->start && ++found <= NODES;
		before = node->start;
	}
	ck_assert(right);
	for (unsigned i = 0; i < NODES; i++)
		there += overlaps(&nodes[i], start, last);
	ck_assert_uint_eq(found, there);
}

START_TEST(interval_tree_random)
{
	static struct interval nodes[NODES];
	struct rb_root tree = { NULL };
	struct rng rng;

	rng_seed(&rng, test_seed());
	for (unsigned i = 0; i < 20000; i++) {
		struct interval *node = &nodes[rng_below(&rng, NODES)];
		unsigned long start = rng_below(&rng, OFFSETS);
		unsigned long last = start + rng_below(&rng, rng_one_in(&rng, 10) ? OFFSETS : 8);

		if (rng_one_in(&rng, 3))
			interval_tree_remove(&tree, node);
		else
			interval_tree_set(&tree, node, rng_one_in(&rng, 3) ? node->start : start,
					  last + node->start);
		if (i % 100 == 0)
			ck_assert(interval_tree_verify(&tree));
		check_search(&tree, nodes, start, start + rng_below(&rng, 30));
	}
	for (unsigned i = 0; i < NODES; i++)
		interval_tree_remove(&tree, &nodes[i]);
	ck_assert_ptr_null(tree.node);
	ck_assert(interval_tree_verify(&tree));
}
END_TEST

START_TEST(interval_tree_verify_notices)
{
	static struct interval nodes[8];
	struct rb_root tree = { NULL };

	for (unsigned long i = 0; i < 8; i++)
		interval_tree_set(&tree, &nodes[i], i, i + 3);
	ck_assert(interval_tree_verify(&tree));
	nodes[2].last = 50; /* and nobody above knows */
	ck_assert(!interval_tree_verify(&tree));
	nodes[2].last = 5;
	nodes[1].start = 7;
	ck_assert(!interval_tree_verify(&tree));
	nodes[1].start = 1;
	tree.node->parent &= ~RB_BLACK;
	ck_assert(!interval_tree_verify(&tree));
}
END_TEST

/* ---- truncation ---- */

static struct world world;
static struct mm_struct *mm;

static void setup(int type)
{
	world_init(&world, bed_type(type), NULL);
	mm = world.mm;
}

static void populated(struct mm_struct *of, const char *drawn)
{
	char is[WORLD_PAGES + 1] = "";

	for (size_t i = 0; drawn[i]; i++)
		is[i] = pt_get(&of->pgd, page_at(i)) ? '#' : '.';
	ck_assert_str_eq(is, drawn);
}

/* Pages 1 to 8 of a file of 9: read, written privately, and in a child. */
START_TEST(truncate_takes_what_is_mapped)
{
	setup(_i);
	truncate_setsize(world.machine, world.inode, 9);
	world_map_file(mm, world.file, 0, 8, RW, 1);
	for (unsigned long i = 0; i < 8; i++)
		i % 2 ? world_write(mm, page_at(i)) : world_read(mm, page_at(i));
	struct mm_struct *child = dup_mm(mm);
	ck_assert_ptr_nonnull(child);
	populated(mm, "########");
	size_t frames = frames_in_use(world.machine->frames);

	truncate_setsize(world.machine, world.inode, 4);
	populated(mm, "###.....");
	populated(child, "###.....");
	ck_assert_uint_lt(frames_in_use(world.machine->frames), frames);
	ck_assert_int_eq(handle_mm_fault(mm, page_at(3), 0), -ENXIO);
	ck_assert_int_eq(handle_mm_fault(child, page_at(3), FAULT_FLAG_WRITE), -ENXIO);
	ck_layout(mm, "AAAAAAAA");

	truncate_setsize(world.machine, world.inode, 9); /* new pages, none of the old */
	populated(mm, "###.....");
	world_write(mm, page_at(5));
	populated(mm, "###..#..");
	mmput(child);
	world_done(&world);
}
END_TEST

/* Each VMA that shows the end is found, however it came about: split, moved, grown, cut. */
START_TEST(truncate_finds_all_vmas)
{
	unsigned long moved;

	setup(_i);
	truncate_setsize(world.machine, world.inode, 100);
	world_map_file(mm, world.file, 0, 20, RW, 0);
	world_map_file(mm, world.again, 30, 5, PROT_READ, 8);
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, PROT_READ, -1), 0);
	ck_assert_int_eq(do_munmap(mm, page_at(12), 2 * P), 0);
	moved = do_mremap(mm, page_at(16), 4 * P, 6 * P, MREMAP_MAYMOVE | MREMAP_FIXED,
			  page_at(40));
	ck_assert_uint_eq(moved, page_at(40));
	ck_layout(mm, "AAAABBBBCCCC..DD..............EEEEE.....FFFFFF");
	for (unsigned long i = 0; i < 46; i++)
		ck_assert_int_ge(handle_mm_fault(mm, page_at(i), 0), -EFAULT);
	populated(mm, "############..##..............#####.....######");
	truncate_setsize(world.machine, world.inode, 18);
	populated(mm, "############..##..............#####.....##....");
	truncate_setsize(world.machine, world.inode, 10);
	populated(mm, "##########....................##..............");
	truncate_setsize(world.machine, world.inode, 0);
	populated(mm, "..............................................");
	world_done(&world);
}
END_TEST

/* A hole is punched: what was copied before stays, guards too. */
START_TEST(unmap_mapping_range_without_cows)
{
	setup(_i);
	world_map_file(mm, world.file, 0, 8, RW, 0);
	for (unsigned long i = 0; i < 8; i++)
		i % 2 ? world_write(mm, page_at(i)) : world_read(mm, page_at(i));
	ck_assert_int_eq(do_madvise(mm, page_at(4), P, MADV_GUARD_INSTALL), 0);
	unmap_mapping_range(world.inode, 1, 5, false);
	populated(mm, "##.#####");
	unmap_mapping_range(world.inode, 1, 5, true);
	populated(mm, "#...#.##");
	world_done(&world);
}
END_TEST

/* What one mapping removes is gone for all, and what is read there next is as new. */
START_TEST(remove_is_for_all_who_map)
{
	setup(_i);
	for (unsigned long at = 0; at <= 8; at += 8)
		ck_assert_uint_eq(
			do_mmap(mm, world.file, page_at(at), 4 * P, RW, MAP_SHARED | MAP_FIXED, 2),
			page_at(at));
	world_map_file(mm, world.again, 16, 6, RW, 0);
	world_write(mm, page_at(20)); /* a private copy of page 4 of the file */
	world_read(mm, page_at(0));
	uint64_t fresh = world_content(mm, page_at(0));
	for (unsigned long i = 0; i < 4; i++)
		world_write(mm, page_at(i));
	world_read(mm, page_at(9));
	world_read(mm, page_at(18));
	world_read(mm, page_at(19));
	populated(mm, "####.....#........###.");
	ck_assert_int_eq(do_madvise(mm, page_at(8), 3 * P, MADV_REMOVE), 0);
	populated(mm, "...#................#.");
	world_read(mm, page_at(18));
	ck_assert_uint_eq(world_content(mm, page_at(18)), fresh);
	world_done(&world);
}
END_TEST

/* Nobody knows who maps a file: as it was before there were reverse maps. */
START_TEST(rmap_switched_off)
{
	struct config config;

	config_default(&config);
	config.rmap = false;
	world_init(&world, bed_type(_i), &config);
	world_map_file(world.mm, world.file, 0, 2, RW, 0);
	world_read(world.mm, page_at(1));
	truncate_setsize(world.machine, world.inode, 0);
	populated(world.mm, ".#");
	ck_assert_int_eq(handle_mm_fault(world.mm, page_at(0), 0), -ENXIO);
	world_done(&world);
}
END_TEST

/* ---- pages ---- */

static bool count_mappings(struct vm_area_struct *vma, unsigned long addr, uint64_t entry,
			   void *arg)
{
	ck_assert_uint_eq(pt_get(&vma->vm_mm->pgd, addr), entry);
	++*(unsigned *)arg;
	return true;
}

/* How many entries the reverse map finds of the page at that page of the layout. */
static unsigned mappings(struct mm_struct *of, unsigned long page)
{
	unsigned found = 0;

	ck_assert(rmap_walk(of->machine, PTE_PFN(pt_get(&of->pgd, page_at(page))), count_mappings,
			    &found));
	return found;
}

static struct mm_struct *fork_of(struct mm_struct *parent)
{
	struct mm_struct *child = dup_mm(parent);

	ck_assert_ptr_nonnull(child);
	ck_assert_ptr_null(rmap_verify(world.machine, stderr));
	return child;
}

START_TEST(walk_finds_parent_and_child)
{
	setup(_i);
	world_map(mm, 0, 4, RW);
	for (unsigned long i = 0; i < 4; i++)
		world_write(mm, page_at(i));
	struct mm_struct *child = fork_of(mm), *grandchild = fork_of(child);
	ck_assert_uint_eq(mappings(mm, 0), 3);
	world_write(child, page_at(0)); /* a copy in its own anon_vma */
	ck_assert_uint_eq(mappings(mm, 0), 2);
	ck_assert_uint_eq(mappings(child, 0), 1);
	struct mm_struct *late = fork_of(child);
	ck_assert_uint_eq(mappings(child, 0), 2);
	ck_assert_uint_eq(mappings(late, 1), 4);
	/* split, moved and cut in one of them: all the same pages */
	ck_assert_int_eq(do_mprotect(child, page_at(1), P, PROT_READ, -1), 0);
	ck_assert_uint_eq(do_mremap(late, page_at(2), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED,
				    page_at(20)),
			  page_at(20));
	ck_assert_int_eq(do_munmap(grandchild, page_at(1), P), 0);
	ck_assert_uint_eq(mappings(mm, 1), 3);
	ck_assert_uint_eq(mappings(mm, 2), 4);
	ck_assert_uint_eq(mappings(late, 21), 4);
	ck_layout(child, "ABCC");
	mmput(child); /* grandchild and late go on */
	ck_assert_uint_eq(mappings(late, 21), 3);
	ck_layout(grandchild, "A.BB");
	mmput(grandchild);
	mmput(late);
	world_done(&world);
}
END_TEST

/* Whose VMAs have all gone takes a later child's pages: a row of forks has few anon_vmas. */
START_TEST(idle_anon_vma_is_used_again)
{
	setup(_i);
	world_map(mm, 0, 2, RW);
	world_write(mm, page_at(0));
	for (unsigned i = 0; i < 20; i++) {
		struct mm_struct *child = fork_of(mm);

		world_write(child, page_at(0));
		mmput(mm);
		world.mm = world.task.mm = mm = child;
		vmacache_flush(&world.task);
		ck_assert_uint_le(world.machine->anon_vmas, 4);
	}
	ck_assert_uint_gt(world_vma(mm, 0)->anon_vma_links, 1);
	world_done(&world);
}
END_TEST

/* With the eager rule one VMA holds pages of two anon_vmas: both lead to it. */
START_TEST(walk_after_an_eager_merge)
{
	struct config config;

	config_default(&config);
	config.merge = merge_rule_lookup("eager");
	world_init(&world, bed_type(_i), &config);
	mm = world.mm;
	world_map(mm, 0, 2, RW);
	world_map(mm, 4, 2, RW);
	world_write(mm, page_at(0));
	world_write(mm, page_at(5));
	world_map(mm, 2, 2, RW);
	ck_layout(mm, "AAAAAA");
	ck_assert_uint_eq(world_vma(mm, 0)->anon_vma_links, 2);
	ck_assert_uint_eq(mappings(mm, 0), 1);
	ck_assert_uint_eq(mappings(mm, 5), 1);
	world_done(&world);
}
END_TEST

START_TEST(verify_notices)
{
	setup(_i);
	world_map(mm, 0, 4, RW);
	world_map_file(mm, world.file, 8, 4, RW, 3);
	world_write(mm, page_at(1));
	world_read(mm, page_at(9));
	struct vm_area_struct *anon = world_vma(mm, 0), *file = world_vma(mm, 8);
	struct page *page =
		pfn_to_page(world.machine->frames, PTE_PFN(pt_get(&mm->pgd, page_at(1))));

	ck_assert_ptr_null(rmap_verify(world.machine, NULL));
	page->index++;
	ck_assert_str_eq(rmap_verify(world.machine, NULL), "a page's reverse map");
	page->index--;
	anon->anon_vma_links++;
	ck_assert_str_eq(rmap_verify(world.machine, NULL), "the number of links to anon_vmas");
	anon->anon_vma_links--;
	anon->anon_vma_chain->rb.last++;
	ck_assert_str_eq(rmap_verify(world.machine, NULL), "a link to an anon_vma");
	anon->anon_vma_chain->rb.last--;
	interval_tree_remove(&world.inode->i_mmap, &file->shared);
	ck_assert_str_eq(rmap_verify(world.machine, NULL), "a VMA's place in i_mmap");
	rmap_set(file);
	world_done(&world);
}
END_TEST

/* The range moves, its pages stay in the source's place, and it merges with the source itself. */
START_TEST(dontunmap_merges_with_its_source)
{
	setup(_i);
	world_map(mm, 4, 4, RW);
	ck_assert_uint_eq(do_mremap(mm, page_at(4), 4 * P, 4 * P,
				    MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, page_at(8)),
			  page_at(8));
	ck_layout(mm, "....AAAAAAAA");
	world_write(mm, page_at(5));
	world_write(mm, page_at(10));
	ck_assert_uint_eq(mappings(mm, 5), 1);
	world_done(&world);
}
END_TEST

TEST_SUITE(rmap)
{
	Suite *suite = suite_create("reverse maps");
	TCase *trees = tcase_create("interval trees"), *files = tcase_create("truncation");
	TCase *pages = tcase_create("pages");
	int types = (int)bed_plain_types();

	tcase_add_test(trees, interval_tree_random);
	tcase_add_test(trees, interval_tree_verify_notices);
	suite_add_tcase(suite, trees);
	tcase_add_loop_test(files, truncate_takes_what_is_mapped, 0, types);
	tcase_add_loop_test(files, truncate_finds_all_vmas, 0, types);
	tcase_add_loop_test(files, unmap_mapping_range_without_cows, 0, types);
	tcase_add_loop_test(files, remove_is_for_all_who_map, 0, types);
	tcase_add_loop_test(files, rmap_switched_off, 0, types);
	suite_add_tcase(suite, files);
	tcase_add_loop_test(pages, walk_finds_parent_and_child, 0, types);
	tcase_add_loop_test(pages, idle_anon_vma_is_used_again, 0, types);
	tcase_add_loop_test(pages, walk_after_an_eager_merge, 0, types);
	tcase_add_loop_test(pages, verify_notices, 0, types);
	tcase_add_loop_test(pages, dontunmap_merges_with_its_source, 0, types);
	suite_add_tcase(suite, pages);
	return suite;
}
