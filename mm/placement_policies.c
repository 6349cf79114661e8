/*
 * placement_policies - what else a kernel might do: topdown, bottomup, best-fit, random
 *
 *	mmap_min_addr   task_size/3    program  heap, its room        top      stack
 *	|.................|============|======|xxxxxxxxxxx|===========|.........|
 *	                   first choice: =                             second: all
 *
 * All of them take a hint whose place is free, as any kernel does, and leave
 * room for the heap to grow: nothing goes there as long as there is another
 * place.  None aligns for huge pages.  MAP_32BIT means 1 to 2 GB.
 *
 * The start at a third of the address space is Linux's for its bottom-up
 * layout; it keeps the low 4 GB for those who ask for them.  Random places and
 * room kept for the heap are OpenBSD's ideas (uvm_addr.c: uaddr_rnd picks any
 * address and takes the first gap from there on; uaddr_stack_brk is the last
 * resort); there the room is 32 GB or less by architecture.
 */
#include "mm/placement.h"

#include <errno.h>

#include "mm/mman.h"

#define HEAP_ROOM (64UL << 30)

typedef unsigned long (*gap_fn)(const struct gap_search *s);

/* Where the stack's room begins: mmap_base, or in the legacy layout what it would be. */
static unsigned long top(const struct mm_struct *mm)
{
	unsigned long task_size = mm->machine->config.task_size;
	unsigned long stack = this_cpu(mm->machine)->current->stack;
	unsigned long room = min(max(stack, 128UL << 20), task_size / 6 * 5);

	return mm->legacy_layout ? (task_size - room) & PAGE_MASK : mm->mmap_base;
}

static bool hint_is_good(const struct placement *p, unsigned long hint)
{
	unsigned long task_size = p->mm->machine->config.task_size;

	if (!hint || hint > task_size - p->len)
		return false;
	if ((p->flags & MAP_32BIT) && hint + p->len > 0x80000000)
		return false;
	return placement_hint_is_free(p->mm, hint, p->len);
}

static unsigned long select_by(const struct placement *p, gap_fn gap)
{
	struct mm_struct *mm = p->mm;
	struct gap_search s = { .mm = mm, .len = p->len };
	unsigned long task_size = mm->machine->config.task_size, hint = p->addr & PAGE_MASK, area;

	if (hint_is_good(p, hint))
		return hint;
	if (p->flags & MAP_32BIT) {
		s.low_limit = 0x40000000;
		s.high_limit = 0x80000000;
		return gap(&s);
	}
	s.low_limit = PAGE_ALIGN(task_size / 3);
	s.high_limit = top(mm);
	s.kept_lo = mm->start_brk & PAGE_MASK;
	s.kept_hi = PAGE_ALIGN(mm->brk) + HEAP_ROOM;
	area = gap(&s);
	if (!IS_ERR_VALUE(area))
		return area;
	s = (struct gap_search){ .mm = mm, .len = p->len, .high_limit = task_size };
	return gap(&s);
}

/* ---- topdown: the highest gap that fits ---- */

static unsigned long topdown_select(const struct placement *p)
{
	return select_by(p, gap_topdown);
}

const struct placement_policy placement_topdown = {
	"topdown",
	"the highest place that fits",
	topdown_select,
};

/* ---- bottomup: the lowest ---- */

static unsigned long bottomup_select(const struct placement *p)
{
	return select_by(p, gap_bottomup);
}

const struct placement_policy placement_bottomup = {
	"bottomup",
	"the lowest place that fits",
	bottomup_select,
};

/* ---- best-fit: the end of the smallest gap that fits, the lowest of several ---- */

struct best {
	unsigned long len, start, end;
};

static void best_consider(struct best *best, unsigned long start, unsigned long end)
{
	if (start < end && end - start >= best->len &&
	    (!best->end || end - start < best->end - best->start)) {
		best->start = start;
		best->end = end;
	}
}

/* A gap, or what the kept range leaves of it at either side. */
static void best_consider_gap(struct best *best, const struct gap_search *s, unsigned long start,
			      unsigned long end)
{
	end = min(end, s->high_limit);
	if (start >= s->kept_hi || end <= s->kept_lo) {
		best_consider(best, start, end);
		return;
	}
	best_consider(best, start, s->kept_lo);
	best_consider(best, s->kept_hi, end);
}

static unsigned long best_gap(const struct gap_search *s)
{
	const struct vma_index_ops *ops = s->mm->mm_mt->ops;
	struct vma_cursor cursor = { .index = s->mm->mm_mt };
	unsigned long from = max(s->low_limit, s->mm->machine->config.mmap_min_addr);
	struct vm_area_struct *vma = ops->seek(&cursor, from);
	struct best best = { .len = s->len };

	for (; vma && vma->vm_start < s->high_limit; vma = ops->next(&cursor)) {
		best_consider_gap(&best, s, from, vm_start_gap(vma));
		from = max(from, vma->vm_end);
	}
	best_consider_gap(&best, s, from, vma ? vm_start_gap(vma) : s->high_limit);
	return best.end ? best.end - s->len : (unsigned long)-ENOMEM;
}

static unsigned long best_fit_select(const struct placement *p)
{
	return select_by(p, best_gap);
}

const struct placement_policy placement_best_fit = {
	"best-fit",
	"the end of the smallest gap that fits",
	best_fit_select,
};

/* ---- random: any address, or the first place above it, or the last below ---- */

static unsigned long random_gap(const struct gap_search *s)
{
	unsigned long lo = max(s->low_limit, s->mm->machine->config.mmap_min_addr), at, area;
	struct gap_search part = *s;

	if (lo >= s->high_limit || s->high_limit - lo < s->len)
		return -ENOMEM;
	at = rng_between(&this_cpu(s->mm->machine)->dice, lo >> PAGE_SHIFT,
			 (s->high_limit - s->len) >> PAGE_SHIFT)
	     << PAGE_SHIFT;
	part.low_limit = at;
	area = gap_bottomup(&part);
	if (!IS_ERR_VALUE(area))
		return area;
	part.low_limit = lo;
	part.high_limit = at + s->len;
	return gap_topdown(&part);
}

static unsigned long random_select(const struct placement *p)
{
	return select_by(p, random_gap);
}

const struct placement_policy placement_random = {
	"random",
	"any place that fits, by seeded dice",
	random_select,
};
