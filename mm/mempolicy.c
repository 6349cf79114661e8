/*
 * mempolicy - mbind: which NUMA nodes a range's pages come from
 *
 * Only what it does to VMAs: other policies keep neighbours from merging (rule H6).
 */
#include "mm/mm.h"

#include <errno.h>

#include "base/rng.h"

#define MPOL_DEFAULT 0

/* Equal policies have equal numbers; 0 is the default. */
static unsigned policy_number(unsigned long mode, unsigned long nodes)
{
	return mode == MPOL_DEFAULT ? 0 : (unsigned)mix64(mode ^ mix64(nodes)) | 1;
}

static int mbind_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		      void *arg)
{
	unsigned policy = *(unsigned *)arg;

	struct vma_attr attr = vma_attr(vma);

	if (vma->vm_policy == policy)
		return 0;
	attr.policy = policy;
	return vma_modify(vma->vm_mm, &vma, start, end, &attr);
}

int do_mbind(struct mm_struct *mm, unsigned long start, unsigned long len, unsigned long mode,
	     unsigned long nodes)
{
	unsigned policy = policy_number(mode, nodes);
	unsigned long end = start + PAGE_ALIGN(len);

	if ((start & ~PAGE_MASK) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (!find_vma_intersection(mm, start, end))
		return -EFAULT;
	if (mode != MPOL_DEFAULT && vma_walk(mm, start, end, HOLE_STOPS, NULL, NULL))
		return -EFAULT;
	return vma_walk(mm, start, end, HOLE_IGNORED, mbind_part, &policy);
}
