/*
 * Tests of huge pages: mm/fault.c, mm/pagetable.c and mm/frames.c with config.huge_pages.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define NUMBER ((unsigned long)HUGE_PAGES) /* of pages in a huge one */

static struct world world;
static struct mm_struct *mm;

/* Page tables of 4 levels, or 5. */
static void setup(unsigned levels, enum thp huge_pages)
{
	struct config config;

	config_default(&config);
	config.thp = config.huge_pages = huge_pages;
	config.pagetable_levels = levels;
	world_init(&world, vma_index_lookup("btree"), &config);
	mm = world.mm;
}

static void teardown(void)
{
	world_done(&world);
}

static struct page *page_of(struct mm_struct *of, unsigned long page)
{
	uint64_t entry = pt_get(&of->pgd, page_at(page));

	ck_assert_uint_ne(entry, 0);
	return pfn_to_page(of->machine->frames, PTE_PFN(entry));
}

static void ck_fine(struct mm_struct *of)
{
	const char *wrong = mm_verify(of, stderr);

	ck_assert_msg(!wrong, "mm_verify: %s", wrong);
}

static void ck_huge(struct mm_struct *of, size_t huge, size_t rss)
{
	ck_assert_uint_eq(of->pgd.huge, huge);
	ck_assert_uint_eq(pt_rss(&of->pgd), rss);
	ck_fine(of);
}

/* What is not 2 MB of one VMA, or has a page already, gets single pages. */
START_TEST(huge_first_touch)
{
	setup(4 + (unsigned)_i, THP_ALWAYS);
	world_map(mm, 10, 3 * NUMBER, RW);
	world_write(mm, page_at(20));
	ck_huge(mm, 0, 1);
	world_write(mm, page_at(NUMBER + 7));
	ck_huge(mm, 1, NUMBER + 1);
	ck_assert_uint_ne(world_content(mm, page_at(NUMBER + 7)), 0);
	ck_assert_uint_eq(world_content(mm, page_at(NUMBER + 8)), 0);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), NUMBER + 1);
	world_write(mm, page_at(3 * NUMBER + 9)); /* the VMA ends behind it */
	ck_huge(mm, 1, NUMBER + 2);
	ck_assert_uint_eq(world.machine->faults.huge_write, 1);
	world_write(mm, page_at(2 * NUMBER - 1));
	ck_assert_uint_eq(world.machine->faults.spurious, 1);
	teardown();
}
END_TEST

START_TEST(huge_zero_page)
{
	setup(4 + (unsigned)_i, THP_ALWAYS);
	world_map(mm, 0, NUMBER, RW);
	world_read(mm, page_at(5));
	ck_huge(mm, 1, NUMBER);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 0);
	ck_assert_ptr_nonnull(world_vma(mm, 0)->anon_vma);
	world_write(mm, page_at(6)); /* split: one page is written, the others are zero */
	ck_huge(mm, 0, NUMBER);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 1);
	ck_assert_uint_eq(world_content(mm, page_at(7)), 0);
	ck_assert_uint_ne(world_content(mm, page_at(6)), 0);
	ck_assert_uint_eq(world.machine->pt.huge_split, 1);
	teardown();
}
END_TEST

/* Whose pages may be huge: by the setting, advice, prctl. */
START_TEST(huge_where_allowed)
{
	static const struct {
		enum thp setting;
		int advice, prctl;
		bool huge;
	} cases[] = {
		{ THP_NEVER, MADV_HUGEPAGE, THP_AS_USUAL, false },
		{ THP_MADVISE, 0, THP_AS_USUAL, false },
		{ THP_MADVISE, MADV_HUGEPAGE, THP_AS_USUAL, true },
		{ THP_ALWAYS, 0, THP_AS_USUAL, true },
		{ THP_ALWAYS, MADV_NOHUGEPAGE, THP_AS_USUAL, false },
		{ THP_ALWAYS, 0, THP_DISABLED, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		setup(4, cases[i].setting);
		mm->thp = cases[i].prctl;
		world_map(mm, 0, NUMBER, RW);
		if (cases[i].advice)
			ck_assert_int_eq(do_madvise(mm, page_at(0), NUMBER * P, cases[i].advice),
					 0);
		world_write(mm, page_at(0));
		ck_assert_msg((mm->pgd.huge == 1) == cases[i].huge, "case %zu", i);
		ck_fine(mm);
		teardown();
	}
}
END_TEST

static void unmap_part(void)
{
	ck_assert_int_eq(do_munmap(mm, page_at(100), 10 * P), 0);
	ck_huge(mm, 1, 2 * NUMBER - 10);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), 2 * NUMBER - 10);
}

static void protect_part(void)
{
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 10 * P, PROT_READ, -1), 0);
	ck_huge(mm, 1, 2 * NUMBER);
	ck_assert(!(pt_get(&mm->pgd, page_at(9)) & PTE_WRITE));
	ck_assert(pt_get(&mm->pgd, page_at(10)) & PTE_WRITE);
}

static void discard_part(void)
{
	ck_assert_int_eq(do_madvise(mm, page_at(500), 100 * P, MADV_DONTNEED), 0);
	ck_huge(mm, 0, 2 * NUMBER - 100);
}

static void lock_part(void) /* only the VMA is split */
{
	ck_assert_int_eq(do_mlock(mm, page_at(3), P, false), 0);
	ck_huge(mm, 1, 2 * NUMBER);
}

static void protect_whole(void)
{
	ck_assert_int_eq(do_mprotect(mm, page_at(0), NUMBER * P, PROT_READ, -1), 0);
	ck_huge(mm, 2, 2 * NUMBER);
	ck_assert(!(pt_get(&mm->pgd, page_at(9)) & PTE_WRITE));
	ck_assert_int_eq(do_mprotect(mm, page_at(0), NUMBER * P, RW, -1), 0);
	ck_assert(pt_get(&mm->pgd, page_at(9)) & PTE_WRITE);
	ck_huge(mm, 2, 2 * NUMBER);
}

static void move_whole(void)
{
	ck_assert_uint_eq(do_mremap(mm, page_at(0), NUMBER * P, NUMBER * P,
				    MREMAP_MAYMOVE | MREMAP_FIXED, page_at(8 * NUMBER)),
			  page_at(8 * NUMBER));
	ck_huge(mm, 2, 2 * NUMBER);
}

static void move_askew(void)
{
	ck_assert_uint_eq(do_mremap(mm, page_at(0), NUMBER * P, NUMBER * P,
				    MREMAP_MAYMOVE | MREMAP_FIXED, page_at(8 * NUMBER + 1)),
			  page_at(8 * NUMBER + 1));
	ck_huge(mm, 1, 2 * NUMBER);
}

/* Two huge pages side by side, and what is done to a part of them. */
START_TEST(huge_is_split)
{
	static void (*const parts[])(void) = {
		unmap_part,    protect_part, discard_part, lock_part,
		protect_whole, move_whole,   move_askew,
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		setup(4 + (unsigned)_i, THP_ALWAYS);
		world_map(mm, 0, 2 * NUMBER, RW);
		world_write(mm, page_at(1));
		world_write(mm, page_at(NUMBER + 1));
		parts[i]();
		teardown();
	}
}
END_TEST

/* After a fork both have the whole; who writes splits, and copies one page. */
START_TEST(huge_fork)
{
	struct task_struct child;

	setup(4 + (unsigned)_i, THP_ALWAYS);
	world_map(mm, 0, NUMBER, RW);
	world_write(mm, page_at(1));
	uint64_t content = world_content(mm, page_at(1));
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	ck_huge(child.mm, 1, NUMBER);
	ck_huge(mm, 1, NUMBER);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), NUMBER);
	world_write(child.mm, page_at(1));
	ck_huge(child.mm, 0, NUMBER);
	ck_huge(mm, 1, NUMBER);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), NUMBER + 1);
	ck_assert_uint_eq(world_content(mm, page_at(1)), content);
	ck_assert_uint_ne(world_content(child.mm, page_at(1)), content);
	ck_assert_ptr_eq(page_of(mm, 2), page_of(child.mm, 2));
	mmput(child.mm);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), NUMBER);
	world_write(mm, page_at(3)); /* nobody else has it any more: the whole is reused */
	ck_huge(mm, 1, NUMBER);
	ck_assert_uint_eq(world.machine->faults.cow_reuse, 1);
	teardown();
}
END_TEST

/* No room for a huge page: single ones. What a huge page left is used again. */
START_TEST(huge_fallback)
{
	struct frames *frames = frames_create(2 * NUMBER - 1, NULL);
	pfn_t one = alloc_page(frames, 1), huge = alloc_huge_page(frames, 2);

	ck_assert_uint_ne(huge, 0);
	ck_assert_uint_eq(huge % NUMBER, 0);
	ck_assert_uint_eq(alloc_huge_page(frames, 3), 0);
	put_huge_page(frames, huge);
	ck_assert_uint_eq(frames_in_use(frames), 1);
	ck_assert_uint_eq(alloc_huge_page(frames, 3), huge);
	split_huge_page(frames, huge);
	put_page(frames, huge + 5);
	ck_assert_uint_eq(alloc_page(frames, 3), huge + 5);
	for (unsigned long i = 0; i < NUMBER; i++)
		put_page(frames, huge + i);
	put_page(frames, one);
	ck_assert_uint_eq(frames_in_use(frames), 0);
	frames_destroy(frames);
}
END_TEST

/* ---- random operations beside what each page must hold ---- */

#define AREA (4 * NUMBER)

struct shadow {
	struct task_struct task;
	uint64_t content[AREA]; /* 0: nothing was written */
};

static void shadow_write(struct shadow *s, unsigned long page, uint64_t value)
{
	struct vm_area_struct *vma = vma_lookup(s->task.mm, page_at(page));
	int err = handle_mm_fault(s->task.mm, page_at(page), FAULT_FLAG_WRITE);

	ck_assert_int_eq(err, vma && (vma->vm_flags & VM_WRITE) ? 0 : -EFAULT);
	if (err)
		return;
	ck_assert(pt_get(&s->task.mm->pgd, page_at(page)) & PTE_WRITE);
	page_of(s->task.mm, page)->content = s->content[page] = value;
}

static void shadow_check(const struct shadow *s)
{
	ck_fine(s->task.mm);
	for (unsigned long i = 0; i < AREA; i++) {
		uint64_t there =
			pt_get(&s->task.mm->pgd, page_at(i)) ? page_of(s->task.mm, i)->content : 0;

		ck_assert_msg(there == s->content[i], "page %lu: %#lx, not %#lx", i,
			      (unsigned long)there, (unsigned long)s->content[i]);
	}
}

/* Of one VMA: several leave at the new place what stands where they have gaps. */
static void shadow_move(struct shadow *s, unsigned long from, unsigned long to, unsigned long n)
{
	struct vm_area_struct *vma = vma_lookup(s->task.mm, page_at(from));

	if (!vma || page_at(from + n) > vma->vm_end)
		return;
	if ((from < to ? to - from : from - to) < n || max(from, to) + n > AREA)
		return;
	ck_assert_uint_eq(do_mremap(s->task.mm, page_at(from), n * P, n * P,
				    MREMAP_MAYMOVE | MREMAP_FIXED, page_at(to)),
			  page_at(to));
	memcpy(s->content + to, s->content + from, n * sizeof(uint64_t));
	memset(s->content + from, 0, n * sizeof(uint64_t));
}

static void shadow_change(struct shadow *s, struct rng *rng)
{
	unsigned long n = rng_one_in(rng, 2) ? NUMBER : rng_between(rng, 1, 600);
	unsigned long page = rng_one_in(rng, 2) ? rng_below(rng, 4) * NUMBER : rng_below(rng, AREA);
	struct mm_struct *of = s->task.mm;

	n = min(n, AREA - page);
	switch (rng_below(rng, 6)) {
	case 0:
	case 1:
		world_map(of, page, n, RW);
		memset(s->content + page, 0, n * sizeof(uint64_t));
		break;
	case 2:
		ck_assert_int_eq(do_munmap(of, page_at(page), n * P), 0);
		memset(s->content + page, 0, n * sizeof(uint64_t));
		break;
	case 3:
		do_mprotect(of, page_at(page), n * P, rng_one_in(rng, 3) ? PROT_READ : RW, -1);
		break;
	case 4:
		do_madvise(of, page_at(page), n * P, MADV_DONTNEED);
		memset(s->content + page, 0, n * sizeof(uint64_t));
		break;
	default:
		shadow_move(s, page,
			    rng_one_in(rng, 2) ? rng_below(rng, 4) * NUMBER : rng_below(rng, AREA),
			    n);
	}
}

/* Two processes, parent and child by turns, that write, read, change and fork. */
START_TEST(huge_random)
{
	static struct shadow shadows[2];
	uint64_t value = 0;
	struct rng rng;

	setup(4 + (unsigned)_i, THP_ALWAYS);
	memset(shadows, 0, sizeof(shadows));
	shadows[0].task = world.task;
	ck_assert_int_eq(copy_mm(0, &shadows[1].task, &shadows[0].task), 0);
	rng_seed(&rng, test_seed());
	for (unsigned i = 0; i < 6000; i++) {
		struct shadow *s = &shadows[rng_below(&rng, 2)], *other = shadows + (s == shadows);

		if (rng_one_in(&rng, 100) && s == shadows) {
			mmput(other->task.mm);
			ck_assert_int_eq(copy_mm(0, &other->task, &s->task), 0);
			memcpy(other->content, s->content, sizeof(s->content));
		} else if (rng_one_in(&rng, 10)) {
			shadow_change(s, &rng);
		} else if (rng_one_in(&rng, 4)) {
			handle_mm_fault(s->task.mm, page_at(rng_below(&rng, AREA)), 0);
		} else {
			shadow_write(s, rng_below(&rng, AREA), ++value);
		}
		if (i % 50 == 0) {
			shadow_check(&shadows[0]);
			shadow_check(&shadows[1]);
		}
	}
	ck_assert_uint_gt(world.machine->faults.huge_write, 10);
	ck_assert_uint_gt(world.machine->pt.huge_split, 10);
	mmput(shadows[1].task.mm);
	teardown();
}
END_TEST

/* Every allocation fails in turn, of a fault, a fork and a move: nothing has changed then. */
START_TEST(huge_no_memory)
{
	setup(4 + (unsigned)_i, THP_ALWAYS);
	world_map(mm, 0, 2 * NUMBER, RW);
	world_write(mm, page_at(NUMBER));
	for (int step = 0; step < 3; step++) {
		struct task_struct child = { 0 };
		long err = -ENOMEM;

		for (uint64_t fail = 1; err == -ENOMEM; fail++) {
			size_t rss = pt_rss(&mm->pgd), used = frames_in_use(world.machine->frames);

			arena_fail_at(world.machine->arena, fail);
			if (step == 0)
				err = handle_mm_fault(mm, page_at(0), FAULT_FLAG_WRITE);
			else if (step == 1)
				err = copy_mm(0, &child, &world.task);
			else
				err = (long)do_mremap(mm, page_at(0), NUMBER * P, NUMBER * P,
						      MREMAP_MAYMOVE | MREMAP_FIXED,
						      page_at(9 * NUMBER));
			arena_fail_at(world.machine->arena, 0);
			ck_fine(mm);
			if (err == -ENOMEM) {
				ck_assert_uint_eq(pt_rss(&mm->pgd), rss);
				ck_assert_uint_eq(frames_in_use(world.machine->frames), used);
			}
		}
		ck_assert(!IS_ERR_VALUE(err));
		if (child.mm)
			mmput(child.mm);
	}
	ck_huge(mm, 2, 2 * NUMBER);
	teardown();
}
END_TEST

TEST_SUITE(huge)
{
	Suite *suite = suite_create("huge pages");
	TCase *tcase = tcase_create("huge pages"), *random = tcase_create("at random");

	tcase_add_loop_test(tcase, huge_first_touch, 0, 2);
	tcase_add_loop_test(tcase, huge_zero_page, 0, 2);
	tcase_add_test(tcase, huge_where_allowed);
	tcase_add_loop_test(tcase, huge_is_split, 0, 2);
	tcase_add_loop_test(tcase, huge_fork, 0, 2);
	tcase_add_test(tcase, huge_fallback);
	tcase_add_loop_test(tcase, huge_no_memory, 0, 2);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(random, huge_random, 0, 2);
	suite_add_tcase(suite, random);
	return suite;
}
