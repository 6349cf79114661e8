/*
 * truncate - a file becomes shorter: what showed its end shows nothing any more
 *
 *	file     |----------|xxxxxx      the part that goes
 *	vma 1       [-------|xxxxxxxx]   loses these entries, private copies too
 *	vma 2    [----]                  is not looked at: i_mmap is ordered by offset
 *
 * The VMAs stay as they are; who touches the lost part again gets SIGBUS.
 *
 * Source: the behaviour of Linux 6.12's mm/truncate.c and mm/memory.c.  No bytes are emulated,
 * so the rest of the last page is not zeroed.
 */
#include "mm/internal.h"

static void unmap_mapping_range_vma(struct vm_area_struct *vma, unsigned long first,
				    unsigned long last, unsigned kinds)
{
	unsigned long lo = max(first, vma->shared.start) - vma->vm_pgoff;
	unsigned long hi = min(last, vma->shared.last) - vma->vm_pgoff + 1;

	pt_zap_kinds(&vma->vm_mm->pgd, vma->vm_start + (lo << PAGE_SHIFT),
		     vma->vm_start + (hi << PAGE_SHIFT), kinds);
}

void unmap_mapping_range(struct inode *inode, unsigned long first, unsigned long last,
			 bool even_cows)
{
	struct interval *node = interval_tree_first(&inode->i_mmap, first, last);

	for (; node; node = interval_tree_next(node, first, last))
		unmap_mapping_range_vma(container_of(node, struct vm_area_struct, shared), first,
					last, even_cows ? PT_PAGES : PT_FILE);
}

void punch_hole(struct machine *machine, struct inode *inode, unsigned long first,
		unsigned long last)
{
	if (inode->hstate) {
		hugetlb_punch_hole(machine, inode, first, last);
		return;
	}
	unmap_mapping_range(inode, first, last, false);
	page_cache_punch(&inode->cache, machine->frames, first, last);
}

void truncate_setsize(struct machine *machine, struct inode *inode, unsigned long pages)
{
	bool shrinks = pages < inode->pages;

	if (inode->hstate) {
		hugetlb_truncate(machine, inode, pages);
		return;
	}

	inode->pages = pages;
	if (!shrinks)
		return;
	unmap_mapping_range(inode, pages, ~0UL, true);
	page_cache_punch(&inode->cache, machine->frames, pages, ~0UL);
}
