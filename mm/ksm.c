/*
 * ksm - VM_MERGEABLE: which memory the kernel may look through for pages of equal contents
 *
 * Pages are never shared here; what is kept is which VMAs have the flag, by madvise for a
 * range (madvise.c), or by prctl(PR_SET_MEMORY_MERGE) for all that a process has and will have.
 *
 * Source: the behaviour of Linux 6.18's mm/ksm.c and mm/vma.c (rule B6).
 */
#include "mm/internal.h"

bool ksm_compatible(vm_flags_t flags)
{
	return !(flags & (VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE));
}

vm_flags_t ksm_vma_flags(const struct mm_struct *mm, vm_flags_t flags)
{
	return mm->merge_any && ksm_compatible(flags) ? flags | VM_MERGEABLE : flags;
}

void ksm_set_merge_any(struct mm_struct *mm, bool merge_any)
{
	struct vm_area_struct *vma;
	struct vma_walk walk;

	if (mm->merge_any == merge_any)
		return;
	mm->merge_any = merge_any;
	for_each_vma(&walk, mm->mm_mt, vma) {
		vma_start_write(vma);
		if (!merge_any)
			vma->vm_flags &= ~VM_MERGEABLE;
		else if (ksm_compatible(vma->vm_flags))
			vma->vm_flags |= VM_MERGEABLE;
	}
}
