/*
 * placement - where a new mapping goes: get_unmapped_area, and the search for a gap
 *
 *	do_mmap, do_mremap ── get_unmapped_area ── policy->select ── find_gap of the index
 *	                            │
 *	                            └─ checks the answer: aligned, below task_size, free
 *
 *  1. A policy changes nothing but the state of the machine's dice.
 *  2. The index answers where the gaps are; hints, limits, guard gaps and
 *     alignment are decided here, by asking it again with narrower limits.
 *
 * Source of the seam: OpenBSD's uvm_addr.h, whose selectors may not change the map
 * either and whose answers are checked.  Here a policy is one function, and holds
 * for a whole machine rather than for a part of an address space.
 */
#include "mm/placement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mm/mman.h"

static const struct placement_policy *const policies[] = {
	&placement_linux,    &placement_topdown, &placement_bottomup,
	&placement_best_fit, &placement_random,
};

const struct placement_policy *placement_policy(unsigned i)
{
	return i < ARRAY_SIZE(policies) ? policies[i] : NULL;
}

const struct placement_policy *placement_policy_lookup(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(policies); i++) {
		if (!strcmp(policies[i]->name, name))
			return policies[i];
	}
	return NULL;
}

/* ---- gaps ---- */

/* A5: the VMA above is a stack whose guard gap reaches below end. */
static bool guard_in_the_way(const struct vm_area_struct *above, unsigned long end)
{
	return above && (above->vm_flags & VM_GROWSDOWN) && vm_start_gap(above) < end;
}

/* The VMA that starts where this gap ends. */
static struct vm_area_struct *above_gap(struct mm_struct *mm, const struct vma_gap *gap)
{
	return mm->mm_mt->ops->find(mm->mm_mt, gap->end);
}

static bool kept_in_the_way(const struct gap_search *s, unsigned long start)
{
	return start < s->kept_hi && start + s->len > s->kept_lo;
}

unsigned long gap_topdown(const struct gap_search *s)
{
	struct vma_index *index = s->mm->mm_mt;
	struct vma_gap gap = {
		.len = s->len,
		.topdown = true,
		.hi = s->high_limit,
		.lo = max(s->low_limit, s->mm->machine->config.mmap_min_addr),
	};

	while (gap.lo < gap.hi && !index->ops->find_gap(index, &gap)) {
		unsigned long end = min(gap.end, gap.hi);
		struct vm_area_struct *above = above_gap(s->mm, &gap);

		if (guard_in_the_way(above, end))
			gap.hi = vm_start_gap(above);
		else if (kept_in_the_way(s, end - s->len))
			gap.hi = s->kept_lo;
		else
			return end - s->len;
	}
	return -ENOMEM;
}

/* The lowest place that is congruent to off modulo align; s->len has room for any alignment. */
static unsigned long bottomup(const struct gap_search *s, unsigned long align, unsigned long off)
{
	struct vma_index *index = s->mm->mm_mt;
	struct vma_gap gap = {
		.len = s->len,
		.hi = s->high_limit,
		.lo = max(s->low_limit, s->mm->machine->config.mmap_min_addr),
	};

	while (gap.lo < gap.hi && !index->ops->find_gap(index, &gap)) {
		unsigned long start = max(gap.start, gap.lo);
		struct vm_area_struct *above = above_gap(s->mm, &gap);

		start += (off - start) & (align - 1);
		/* as in the kernel, the room for alignment is to be free behind it once more */
		if (guard_in_the_way(above, start + s->len - 1))
			gap.lo = above->vm_end;
		else if (kept_in_the_way(s, start))
			gap.lo = s->kept_hi;
		else
			return start;
	}
	return -ENOMEM;
}

unsigned long gap_bottomup(const struct gap_search *s)
{
	return bottomup(s, PAGE_SIZE, 0);
}

/* Room for any alignment is asked for; then the highest or lowest place in it is taken. */
static struct gap_search padded(const struct gap_search *s, unsigned long align)
{
	struct gap_search wide = *s;

	wide.len += align - PAGE_SIZE;
	return wide;
}

unsigned long gap_topdown_aligned(const struct gap_search *s, unsigned long align,
				  unsigned long off)
{
	struct gap_search wide = padded(s, align);
	unsigned long area = gap_topdown(&wide);

	if (IS_ERR_VALUE(area))
		return area;
	area += wide.len - s->len;
	return area - ((area - off) & (align - 1));
}

unsigned long gap_bottomup_aligned(const struct gap_search *s, unsigned long align,
				   unsigned long off)
{
	struct gap_search wide = padded(s, align);

	return bottomup(&wide, align, off);
}

bool placement_hint_is_free(struct mm_struct *mm, unsigned long addr, unsigned long len)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	return !vma || addr + len <= vm_start_gap(vma);
}

/* ---- the seam ---- */

/* An error of the policy's programmer ends the program. */
static void expect_free(const struct placement *p, unsigned long area)
{
	const struct vma_index *index = p->mm->mm_mt;
	struct vm_area_struct *vma = CHECK_LEVEL ? index->ops->find(index, area) : NULL;

	if (!vma || vma->vm_start >= area + p->len)
		return;
	fprintf(stderr, "placement %s: %#lx for %#lx bytes is not free\n",
		p->mm->machine->config.placement->name, area, p->len);
	abort();
}

/* Policies but the kernel's own know nothing of huge pages: they choose room for any alignment. */
static unsigned long select_area(struct placement *p)
{
	const struct placement_policy *policy = p->mm->machine->config.placement;
	const struct hstate *h = hstate_file(p->file);
	struct placement wide = *p;

	if (!h || policy == &placement_linux)
		return policy->select(p);
	wide.len += huge_page_size(h) - PAGE_SIZE;
	unsigned long area = policy->select(&wide);
	return IS_ERR_VALUE(area) ? area
				  : (area + huge_page_size(h) - 1) & ~(huge_page_size(h) - 1);
}

unsigned long get_unmapped_area(struct mm_struct *mm, struct file *file, unsigned long addr,
				unsigned long len, unsigned long pgoff, unsigned long flags)
{
	const struct config *config = &mm->machine->config;
	struct placement p = {
		.mm = mm,
		.file = file,
		.addr = addr,
		.len = len,
		.pgoff = pgoff,
		.flags = flags,
	};

	if (len > config->task_size)
		return -ENOMEM;
	if (hstate_file(file)) {
		int err = hugetlb_check_area(hstate_file(file), addr, len, flags);

		if (err)
			return (unsigned long)err;
	}
	unsigned long area = flags & MAP_FIXED ? addr : select_area(&p);
	if (IS_ERR_VALUE(area))
		return area;
	if (area > config->task_size - len)
		return -ENOMEM;
	if (area & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_FIXED))
		expect_free(&p, area);
	if (area < config->dac_mmap_min_addr && !this_cpu(mm->machine)->current->sys_rawio)
		return -EPERM;
	return area;
}
