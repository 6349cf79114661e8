/*
 * rmap - the way back: from a file to the VMAs that show it, from a page to who maps it
 *
 *	inode ── i_mmap ─┬─ vma      an interval tree of the offsets that each VMA shows
 *	  │ page cache   └─ vma
 *	page: mapping, index         an inode's page, or an anon_vma's
 *	  │
 *	anon_vma ── rb_root ─┬─ link ── vma      likewise (anon_vma.c)
 *	                     └─ link ── vma
 *
 *  1. A VMA with a file, from its first commit or its place in a batch on until it is
 *     freed, is in its inode's i_mmap with [vm_pgoff, vm_pgoff + vma_pages).
 *  2. So are its links in their anon_vmas' trees.
 *  3. A page that is mapped, the zero page apart, knows its page cache or anon_vma, and its
 *     offset; each VMA that maps it is in that tree, with the page at that offset.
 *
 * With config.rmap off no trees are kept: truncation then reaches nobody's pages.
 *
 * Source: the behaviour of Linux 6.12's mm/rmap.c and mm/interval_tree.c.  It differs
 * in that an interval changes after the VMA, at once, where the kernel takes it out before.
 */
#include "mm/internal.h"

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
	struct machine *machine = vma->vm_mm->machine;

	if (!machine->config.rmap || !vma->vm_file)
		return;
	rmap_lock(machine);
	if (rb_linked(&vma->shared.rb))
		interval_tree_remove(&vma->vm_file->inode->i_mmap, &vma->shared);
	rmap_unlock(machine);
}

/* ---- from a page ---- */

/* Where vma has the page, if it has it: its entry, or 0. */
static uint64_t page_entry(const struct vm_area_struct *vma, const struct page *page, pfn_t pfn,
			   unsigned long *addr)
{
	*addr = vma->vm_start + ((page->index - vma->vm_pgoff) << PAGE_SHIFT);
	uint64_t entry = pt_get(&vma->vm_mm->pgd, *addr);

	return pte_has_page(entry) && PTE_PFN(entry) == pfn ? entry : 0;
}

static struct rb_root *page_tree(const struct page *page)
{
	if (page->mapping & PAGE_ANON)
		return &((struct anon_vma *)(page->mapping & ~PAGE_ANON))->rb_root;
	return &container_of((struct page_cache *)page->mapping, struct inode, cache)->i_mmap;
}

static struct vm_area_struct *interval_vma(const struct page *page, struct interval *node)
{
	if (page->mapping & PAGE_ANON)
		return container_of(node, struct anon_vma_chain, rb)->vma;
	return container_of(node, struct vm_area_struct, shared);
}

bool rmap_walk(struct machine *machine, pfn_t pfn, rmap_fn fn, void *arg)
{
	const struct page now = *pfn_to_page(machine->frames, pfn), *page = &now;
	struct interval *node;

	if (!page->mapping)
		return true; /* fn may free it: what is looked at is a copy */
	for (node = interval_tree_first(page_tree(page), page->index, page->index); node;
	     node = interval_tree_next(node, page->index, page->index)) {
		struct vm_area_struct *vma = interval_vma(page, node);
		unsigned long addr;
		uint64_t entry = page_entry(vma, page, pfn, &addr);

		if (entry && !fn(vma, addr, entry, arg))
			return false;
	}
	return true;
}
