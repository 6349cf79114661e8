/*
 * vmscan - reclaim: pages that nobody touches give their frames back
 *
 *	        hand
 *	         ▼
 *	 [A][ ][a][A][f][F]...       a clock over all page frames
 *	         │      │
 *	         │      └─ a file's page, cold: written if need be, then dropped by a later round
 *	         └─ anonymous, cold: into a slot of the swap area, a swap entry where it was mapped
 *
 *  1. What the hand meets for the first time since it was touched only loses its
 *     accessed bits; what it meets again untouched is cold.
 *  2. A page is unmapped everywhere, through its reverse map, or nowhere: it stays where one
 *     mapping is locked, special (VM_SPECIAL) or droppable, where somebody else holds it, or
 *     where the swap area is full.
 *
 * Source: the behaviour of Linux 6.12's mm/vmscan.c and mm/rmap.c, as far as it goes: one list
 * instead of many, a second chance instead of generations, and no swap cache: a page that comes
 * back is its mm's own, and who else had it gets another copy of the slot.
 */
#include "mm/internal.h"

/* ---- what stands against it ---- */

struct look {
	bool referenced, keep;
	int entries;
};

static bool look_at(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, void *arg)
{
	struct look *look = arg;

	look->entries++;
	if (vma->vm_flags & (VM_LOCKED | VM_SPECIAL | VM_DROPPABLE))
		look->keep = true;
	if (entry & PTE_ACCESSED) {
		look->referenced = true;
		pt_update(&vma->vm_mm->pgd, addr, entry & ~PTE_ACCESSED);
	}
	return true;
}

/* ---- unmapping ---- */

static bool unmap_huge(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, void *arg)
{
	(void)arg;
	if (entry & PTE_HUGE)
		pt_split_huge(&vma->vm_mm->pgd, addr);
	return true;
}

static bool unmap_to_swap(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, void *arg)
{
	const pfn_t *slot = arg;

	get_page(vma->vm_mm->machine->swap, *slot);
	pt_update(&vma->vm_mm->pgd, addr,
		  pte_make(*slot, PTE_SWAP | PTE_ANON | (entry & PTE_UFFD_WP)));
	return true;
}

static bool unmap_entry(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, void *arg)
{
	(void)entry, (void)arg;
	pt_zap(&vma->vm_mm->pgd, addr, addr + PAGE_SIZE);
	return true;
}

static bool clean_entry(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, void *arg)
{
	if (entry & (PTE_DIRTY | PTE_WRITE)) {
		pt_update(&vma->vm_mm->pgd, addr, entry & ~(PTE_DIRTY | PTE_WRITE));
		++*(unsigned *)arg;
	}
	return true;
}

unsigned page_mkclean(struct machine *machine, pfn_t pfn)
{
	unsigned cleaned = 0;

	rmap_walk(machine, pfn, clean_entry, &cleaned);
	return cleaned;
}

static bool swap_out(struct machine *machine, pfn_t pfn)
{
	pfn_t slot = alloc_page(machine->swap, pfn_to_page(machine->frames, pfn)->content);

	if (!slot)
		return false;
	rmap_walk(machine, pfn, unmap_to_swap, &slot); /* the last entry frees the page */
	put_page(machine->swap, slot);
	machine->reclaim.swapped_out++;
	return true;
}

/* What is not in the file yet is written, and the page stays for a round more. */
static bool drop_file_page(struct machine *machine, pfn_t pfn, const struct page *page)
{
	struct page_cache *cache = (struct page_cache *)page->mapping;

	if (page_cache_dirty(cache, page)) {
		page_mkclean(machine, pfn);
		page_cache_write(cache, page);
		machine->reclaim.written++;
		return false;
	}
	rmap_walk(machine, pfn, unmap_entry, NULL);
	page_cache_drop(cache, machine->frames, page->index);
	machine->reclaim.dropped++;
	return true;
}

/* ---- the clock ---- */

/* Looks at one page frame; true if it is free afterwards and was not before. */
static bool shrink_page(struct machine *machine, pfn_t pfn)
{
	const struct page *page = pfn_to_page(machine->frames, pfn);
	bool anon = page->mapping & PAGE_ANON;
	struct look look = { 0 };

	if (page->_refcount <= 0 || !page->mapping) /* free, within a compound, or nobody's */
		return false;
	if (!anon && container_of((struct page_cache *)page->mapping, struct inode, cache)->hstate)
		return false; /* a pool's */
	machine->reclaim.scanned++;
	rmap_walk(machine, pfn, look_at, &look);
	machine->reclaim.referenced += look.referenced;
	if (look.referenced || look.keep)
		return false;
	rmap_walk(machine, pfn, unmap_huge, NULL);
	if (page->_refcount != look.entries + !anon) /* the page cache's own */
		return false;
	return anon ? swap_out(machine, pfn) : drop_file_page(machine, pfn, page);
}

unsigned long shrink_pages(struct machine *machine, unsigned long npages)
{
	struct reclaim *reclaim = &machine->reclaim;
	unsigned long freed = 0;

	if (!machine->config.rmap)
		return 0;
	for (; npages; npages--) {
		if (reclaim->hand >= frames_end(machine->frames))
			reclaim->hand = 1;
		freed += reclaim->hand < frames_end(machine->frames) &&
			 shrink_page(machine, reclaim->hand);
		reclaim->hand++;
	}
	return freed;
}

unsigned long shrink_all(struct machine *machine)
{
	return shrink_pages(machine, frames_end(machine->frames) - 1);
}
