/*
 * brk - the end of the heap
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/mmap.c and mm/vma.c (rules E1, E2).
 */
#include "mm/internal.h"

#include <errno.h>

#include "mm/mman.h"

/* A page and a stack's guard gap stay free above the heap. */
static bool room_above(struct mm_struct *mm, unsigned long oldbrk, unsigned long newbrk)
{
	struct vm_area_struct *next = find_vma(mm, oldbrk);
	unsigned long gap = mm->machine->config.stack_guard_gap;

	return !next || next->vm_start >= newbrk + PAGE_SIZE + gap ||
	       newbrk + PAGE_SIZE <= vm_start_gap(next);
}

/* E1: what grows is a VMA of the heap, not the program's data below it. */
static int grow(struct mm_struct *mm, unsigned long oldbrk, unsigned long newbrk)
{
	unsigned long npages = (newbrk - oldbrk) >> PAGE_SHIFT;
	struct vma_desc desc = {
		.start = oldbrk,
		.end = newbrk,
		.pgoff = oldbrk >> PAGE_SHIFT,
		.flags = ksm_vma_flags(mm, VM_READ | VM_WRITE | VM_MAY_FLAGS | VM_ACCOUNT |
						   mm->def_flags |
						   (mm->read_implies_exec ? VM_EXEC : 0)),
		.grows = true,
		.expand_only = true,
		.prev_limit = mm->start_brk,
	};

	if (!newbrk || newbrk > mm->machine->config.task_size ||
	    !mlock_future_ok(mm, mm->def_flags, newbrk - oldbrk))
		return -EAGAIN;
	if (!room_above(mm, oldbrk, newbrk) || mm->map_count > mm->machine->config.max_map_count)
		return -ENOMEM;
	int err = vma_replace(mm, oldbrk, newbrk, &desc, NULL);
	if (!err && (desc.flags & VM_LOCKED))
		mm->locked_vm += npages;
	return err;
}

static int shrink(struct mm_struct *mm, unsigned long newbrk, unsigned long oldbrk)
{
	struct vm_area_struct *brkvma = find_vma_intersection(mm, newbrk, oldbrk);

	if (!brkvma)
		return -EINVAL;
	return vma_replace(mm, newbrk, oldbrk, NULL, NULL);
}

unsigned long do_brk(struct mm_struct *mm, unsigned long brk)
{
	unsigned long newbrk = PAGE_ALIGN(brk),
		      oldbrk = PAGE_ALIGN(mm->brk); /* newbrk: 0 at the top */
	int err = 0;

	if (mm->machine->config.nommu || brk < mm->start_brk ||
	    brk - mm->start_brk + mm->data_size > this_cpu(mm->machine)->current->data)
		return mm->brk;
	if (newbrk != oldbrk)
		err = brk > mm->brk ? grow(mm, oldbrk, newbrk) : shrink(mm, newbrk, oldbrk);
	if (err)
		return mm->brk;
	mm->brk = brk;
	if (newbrk > oldbrk && (mm->def_flags & VM_LOCKED))
		mm_populate(mm, oldbrk, newbrk, true);
	return brk;
}
