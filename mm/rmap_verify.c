/*
 * rmap_verify - the oracle of reverse maps: a full walk of all page tables against rmap_walk
 *
 * What rmap_walk finds are entries that hold the page, each once since the VMAs of a
 * tree are all different ones: if they are as many as the walk has counted, they are the same.
 */
#include "mm/internal.h"

#include <stdlib.h>

/* ---- the trees ---- */

/* Is node in that tree, for these offsets?  Who is its root checks it all. */
static bool interval_right(const struct rb_root *tree, const struct interval *node,
			   const struct vm_area_struct *vma)
{
	const struct rb_node *root = &node->rb;

	if (!rb_linked(&node->rb) || node->start != vma->vm_pgoff ||
	    node->last != vma->vm_pgoff + vma_pages(vma) - 1)
		return false;
	while (rb_parent(root))
		root = rb_parent(root);
	return root == tree->node && (root != &node->rb || interval_tree_verify(tree));
}

static const char *links_verify(const struct vm_area_struct *vma)
{
	unsigned links = 0;
	bool own = !vma->anon_vma;

	for (const struct anon_vma_chain *avc = vma->anon_vma_chain; avc; avc = avc->next) {
		if (avc->vma != vma || !interval_right(&avc->anon_vma->rb_root, &avc->rb, vma))
			return "a link to an anon_vma";
		own |= avc->anon_vma == vma->anon_vma;
		links++;
	}
	if (links != vma->anon_vma_links)
		return "the number of links to anon_vmas";
	return own ? NULL : "an anon_vma without a link to it";
}

static const char *vma_verify(const struct vm_area_struct *vma)
{
	if (vma->vm_file && !interval_right(&vma->vm_file->inode->i_mmap, &vma->shared, vma))
		return "a VMA's place in i_mmap";
	return links_verify(vma);
}

/* ---- the pages ---- */

/* Counts the entries of mm, by page frame and by slot. */
static void count_entries(const struct mm_struct *mm, unsigned *entries, unsigned *slots)
{
	unsigned long addr = 0;
	uint64_t entry;

	for (; pt_next(&mm->pgd, &addr, pt_end(&mm->pgd), &entry); addr += PAGE_SIZE) {
		if (entry & PTE_SWAP)
			slots[PTE_PFN(entry)]++;
		else
			entries[PTE_PFN(entry)]++;
	}
}

static bool count_mapping(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, void *arg)
{
	(void)vma, (void)addr, (void)entry;
	++*(unsigned *)arg;
	return true;
}

static const char *pages_verify(struct machine *machine, const unsigned *entries, FILE *report)
{
	pfn_t end = frames_end(machine->frames);

	for (pfn_t pfn = 1; pfn < end; pfn++) {
		const struct page *page = pfn_to_page(machine->frames, pfn);
		unsigned found = 0;

		if (!page->_refcount)
			continue;
		rmap_walk(machine, pfn, count_mapping, &found);
		if (found == entries[pfn])
			continue;
		if (report)
			fprintf(report,
				"page %lu at offset %#lx of %s: %u entries, rmap finds %u\n",
				(unsigned long)pfn, page->index,
				page->mapping & PAGE_ANON ? "an anon_vma" : "a file", entries[pfn],
				found);
		return "a page's reverse map";
	}
	return NULL;
}

static const char *slots_verify(const struct machine *machine, const unsigned *slots)
{
	for (pfn_t slot = 1; slot < frames_end(machine->swap); slot++) {
		if ((unsigned)pfn_to_page(machine->swap, slot)->_refcount != slots[slot])
			return "the count of a swap slot";
	}
	return NULL;
}

const char *rmap_verify(struct machine *machine, FILE *report)
{
	pfn_t end = frames_end(machine->frames);
	unsigned *entries, *slots;
	const char *wrong = NULL;

	if (!machine->config.rmap)
		return NULL;
	entries = calloc(end + frames_end(machine->swap), sizeof(*entries));
	if (!entries)
		return "out of memory: verifying";
	slots = entries + end;
	for (struct mm_struct *mm = machine->mm_list; mm && !wrong; mm = mm->mm_next) {
		struct vma_walk walk;
		struct vm_area_struct *vma = vma_walk_from(&walk, mm->mm_mt, 0);

		for (; vma && !wrong; vma = vma_walk_next(&walk))
			wrong = vma_verify(vma);
		count_entries(mm, entries, slots);
	}
	if (!wrong)
		wrong = pages_verify(machine, entries, report);
	if (!wrong)
		wrong = slots_verify(machine, slots);
	free(entries);
	return wrong;
}
