/*
 * mseal - a range that nobody may unmap, move or change any more
 *
 * Source: the behaviour of Linux 6.10–6.18's mm/mseal.c (rules H2, H3).
 */
#include "mm/internal.h"

#include <errno.h>

static int mseal_part(struct vm_area_struct *vma, unsigned long start, unsigned long end, void *arg)
{
	struct vma_attr attr = vma_attr(vma);

	(void)arg;
	if (vma->vm_flags & VM_SEALED)
		return 0;
	attr.flags |= VM_SEALED;
	return vma_modify(vma->vm_mm, &vma, start, end, &attr);
}

int do_mseal(struct mm_struct *mm, unsigned long start, unsigned long len, unsigned long flags)
{
	unsigned long end;

	if (flags || (start & ~PAGE_MASK))
		return -EINVAL;
	if (len && !PAGE_ALIGN(len))
		return -EINVAL;
	end = start + PAGE_ALIGN(len);
	if (end < start)
		return -EINVAL;
	if (vma_walk(mm, start, end, HOLE_STOPS, NULL, NULL))
		return -ENOMEM;
	return vma_walk(mm, start, end, HOLE_STOPS, mseal_part, NULL);
}
