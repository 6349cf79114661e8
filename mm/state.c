/*
 * state - the state hash of an address space, and whether it contradicts itself
 */
#include "mm/mm.h"

#include "base/hash.h"

static uint64_t vma_hash(const struct vm_area_struct *vma, uint64_t hash)
{
	hash = hash_add(hash, vma->vm_start);
	hash = hash_add(hash, vma->vm_end);
	hash = hash_add(hash, vma->vm_flags);
	hash = hash_add(hash, vma->vm_pgoff);
	hash = hash_add(hash, vma->vm_file ? vma->vm_file->inode->number + 1 : 0);
	hash = hash_add(hash, vma->vm_file ? vma->vm_file->number + 1 : 0);
	hash = hash_add(hash, vma->anon_vma ? vma->anon_vma_chain : 0);
	hash = hash_add(hash, vma->vm_policy);
	return hash_add(hash, vma->vm_userfaultfd_ctx);
}

uint64_t mm_hash(struct mm_struct *mm, uint64_t hash)
{
	struct vma_cursor cursor = { .index = mm->mm_mt };
	const struct vma_index_ops *ops = mm->mm_mt->ops;

	for (struct vm_area_struct *vma = ops->seek(&cursor, 0); vma; vma = ops->next(&cursor))
		hash = vma_hash(vma, hash);
	hash = hash_add(hash, mm->map_count);
	hash = hash_add(hash, mm->brk);
	hash = hash_add(hash, mm->total_vm);
	hash = hash_add(hash, mm->locked_vm);
	hash = hash_add(hash, mm->data_vm);
	hash = hash_add(hash, mm->pgd.rss);
	hash = hash_add(hash, mm->pgd.tables);
	return pt_hash(&mm->pgd, hash);
}

static const char *vma_verify(const struct mm_struct *mm, const struct vm_area_struct *vma,
			      unsigned long prev_end)
{
	if (vma->vm_mm != mm)
		return "a VMA of another mm";
	if (vma->vm_start >= vma->vm_end || (vma->vm_start | vma->vm_end) & ~PAGE_MASK)
		return "a VMA's bounds";
	if (vma->vm_start < prev_end)
		return "VMAs overlap or are out of order";
	if (!vma->anon_vma != !vma->anon_vma_chain)
		return "an anon_vma without a chain, or the other way round";
	return NULL;
}

/* Every page-table entry is inside a VMA. */
static const char *pagetable_verify(struct mm_struct *mm, FILE *report)
{
	unsigned long addr = 0;
	uint64_t entry;

	if (pt_verify(&mm->pgd, report))
		return "the page tables' own invariants";
	while (pt_next(&mm->pgd, &addr, pt_end(&mm->pgd), &entry)) {
		struct vm_area_struct *vma = mm->mm_mt->ops->find(mm->mm_mt, addr);

		if (!vma || vma->vm_start > addr)
			return "a page-table entry outside of all VMAs";
		if ((entry & PTE_WRITE) && !(vma->vm_flags & VM_WRITE))
			return "a writable entry in a VMA that is not";
		addr += PAGE_SIZE;
	}
	return NULL;
}

const char *mm_verify(struct mm_struct *mm, FILE *report)
{
	struct vma_cursor cursor = { .index = mm->mm_mt };
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	unsigned long n = 0, pages = 0, locked = 0, prev_end = 0;

	if (ops->verify(mm->mm_mt, report))
		return "the index's own invariants";
	for (struct vm_area_struct *vma = ops->seek(&cursor, 0); vma; vma = ops->next(&cursor)) {
		const char *wrong = vma_verify(mm, vma, prev_end);

		if (wrong)
			return wrong;
		prev_end = vma->vm_end;
		n++;
		pages += vma_pages(vma);
		locked += vma->vm_flags & VM_LOCKED ? vma_pages(vma) : 0;
	}
	if (n != mm->map_count)
		return "map_count";
	if (pages != mm->total_vm)
		return "total_vm";
	if (locked != mm->locked_vm)
		return "locked_vm";
	return pagetable_verify(mm, report);
}
