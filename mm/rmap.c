/*
 * rmap - the way back: from a file to the VMAs that show it
 *
 *	inode ── i_mmap ─┬─ vma    an interval tree of the offsets that each VMA shows
 *	                 └─ vma
 *
 *  1. A VMA with a file, from its first commit or its place in a batch on until it is
 *     freed, is in its inode's i_mmap with [vm_pgoff, vm_pgoff + vma_pages).
 *
 * With config.rmap off nothing of this is kept: truncation then reaches nobody's pages.
 *
 * Source: the behaviour of Linux 6.12's mm/rmap.c and mm/interval_tree.c.  Locks apart, it differs
 * in that an interval changes after the VMA, at once, where the kernel takes it out before.
 */
#include "mm/mm.h"

void rmap_set(struct vm_area_struct *vma)
{
	unsigned long first = vma->vm_pgoff, last = first + vma_pages(vma) - 1;
	struct machine *machine = vma->vm_mm->machine;

	if (!machine->config.rmap || !(vma->vm_file || vma->anon_vma_chain))
		return;
	rmap_lock(machine);
	if (vma->vm_file)
		interval_tree_set(&vma->vm_file->inode->i_mmap, &vma->shared, first, last);
	for (struct anon_vma_chain *avc = vma->anon_vma_chain; avc; avc = avc->next)
		interval_tree_set(&avc->anon_vma->rb_root, &avc->rb, first, last);
	rmap_unlock(machine);
}

void unlink_file_vma(struct vm_area_struct *vma)
{
	if (!rb_linked(&vma->shared.rb))
		return;
	rmap_lock(vma->vm_mm->machine);
	interval_tree_remove(&vma->vm_file->inode->i_mmap, &vma->shared);
	rmap_unlock(vma->vm_mm->machine);
}
