/*
 * state - the state hash of an address space, and whether it contradicts itself
 */
#include "mm/internal.h"
#include "mm/nommu.h"

#include "base/hash.h"

static uint64_t vma_hash(const struct vm_area_struct *vma, uint64_t hash)
{
	hash = hash_add(hash, vma->vm_start);
	hash = hash_add(hash, vma->vm_end);
	hash = hash_add(hash, vma->vm_flags);
	hash = hash_add(hash, vma->vm_pgoff);
	hash = hash_add(hash, vma->vm_file ? vma->vm_file->inode->number + 1 : 0);
	hash = hash_add(hash, vma->vm_file ? vma->vm_file->number + 1 : 0);
	hash = hash_add(hash, vma->anon_vma ? vma->anon_vma_links : 0);
	hash = hash_add(hash, vma->vm_policy);
	hash = hash_add(hash, vma->anon_name);
	return hash_add(hash, vma->vm_userfaultfd_ctx);
}

uint64_t mm_hash(struct mm_struct *mm, uint64_t hash)
{
	struct vm_area_struct *vma;
	struct vma_walk walk;

	for_each_vma(&walk, mm->mm_mt, vma)
		hash = vma_hash(vma, hash);
	hash = hash_add(hash, mm->map_count);
	hash = hash_add(hash, mm->brk);
	hash = hash_add(hash, mm->total_vm);
	hash = hash_add(hash, mm->locked_vm);
	hash = hash_add(hash, mm->data_vm);
	hash = hash_add(hash, mm->exec_vm);
	hash = hash_add(hash, mm->stack_vm);
	hash = hash_add(hash, pt_rss(&mm->pgd));
	hash = hash_add(hash, mm->pgd.tables);
	return pt_hash(&mm->pgd, hash);
}

uint64_t mm_contents_hash(struct mm_struct *mm, uint64_t hash)
{
	struct vm_area_struct *vma;
	struct vma_walk walk;
	unsigned long addr = 0;
	uint64_t entry;

	for_each_vma(&walk, mm->mm_mt, vma)
		hash = vma_hash(vma, hash);
	for (; pt_next(&mm->pgd, &addr, pt_end(&mm->pgd), &entry); addr += PAGE_SIZE) {
		if (!(entry & PTE_ANON)) /* others can be read in again */
			continue;
		hash = hash_add(hash, addr);
		hash = hash_add(hash, pt_content(&mm->pgd, entry));
	}
	return hash;
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
	if (vma->vm_file && !vma->vm_ops && vma->vm_file->inode->kind != FILE_ZERO)
		return "a file whose driver was not called";
	if (nommu_verify(mm, vma))
		return nommu_verify(mm, vma);
	if (vma->vm_ops && !vma->vm_file)
		return "a driver without a file";
	if (!vma->anon_vma != !vma->anon_vma_links)
		return "an anon_vma without a chain, or the other way round";
	return NULL;
}

/* A huge page around addr is the VMA's from end to end. */
static bool huge_page_inside(const struct vm_area_struct *vma, unsigned long addr, uint64_t entry)
{
	unsigned long size = entry & PTE_HUGETLB ? vma_kernel_pagesize(vma) : PMD_SIZE;
	unsigned long start = addr & ~(size - 1);

	return start >= vma->vm_start && start + size <= vma->vm_end;
}

/* Every page-table entry is inside a VMA. */
static const char *pagetable_verify(struct mm_struct *mm, FILE *report)
{
	struct vma_walk walk;
	struct vm_area_struct *vma = vma_walk_from(&walk, mm->mm_mt, 0);
	unsigned long addr = 0;
	uint64_t entry;

	if (pt_verify(&mm->pgd, report))
		return "the page tables' own invariants";
	for (; pt_next(&mm->pgd, &addr, pt_end(&mm->pgd), &entry); addr += PAGE_SIZE) {
		while (vma && vma->vm_end <= addr)
			vma = vma_walk_next(&walk);
		if (!vma || vma->vm_start > addr)
			return "a page-table entry outside of all VMAs";
		if ((entry & PTE_HUGE) && !huge_page_inside(vma, addr, entry))
			return "a huge page across the end of a VMA";
		if (!(entry & PTE_HUGETLB) != !(vma->vm_flags & VM_HUGETLB))
			return "a page of a pool where none can be, or the other way round";
		if ((entry & PTE_WRITE) && !(vma->vm_flags & VM_WRITE))
			return "a writable entry in a VMA that is not";
	}
	return NULL;
}

/* What counts pages of VMAs, as it must be: sums holds what was found. */
static const char *counters_verify(const struct mm_struct *mm, const struct mm_struct *sums)
{
	if (mm->map_count != sums->map_count)
		return "map_count";
	if (mm->total_vm != sums->total_vm)
		return "total_vm";
	if (mm->locked_vm != sums->locked_vm + mm->locked_forgotten)
		return "locked_vm";
	if (mm->data_vm != sums->data_vm || mm->exec_vm != sums->exec_vm ||
	    mm->stack_vm != sums->stack_vm)
		return "data_vm, exec_vm or stack_vm";
	return NULL;
}

const char *mm_verify(struct mm_struct *mm, FILE *report)
{
	const struct find_cache *cache = mm->machine->config.find_cache;
	unsigned cached = cache->holds ? cache->holds(mm, NULL) : 0;
	struct mm_struct sums = { 0 };
	struct vm_area_struct *vma;
	struct vma_walk walk;
	unsigned long prev_end = 0;
	const char *wrong;

	if (mm->mm_mt->ops->verify(mm->mm_mt, report))
		return "the index's own invariants";
	for_each_vma(&walk, mm->mm_mt, vma) {
		wrong = vma_verify(mm, vma, prev_end);
		if (wrong)
			return wrong;
		prev_end = vma->vm_end;
		sums.map_count++;
		sums.locked_vm += vma->vm_flags & VM_LOCKED ? vma_pages(vma) : 0;
		vm_count_pages(&sums, vma->vm_flags, (long)vma_pages(vma));
		cached -= cached ? cache->holds(mm, vma) : 0;
	}
	wrong = counters_verify(mm, &sums);
	if (wrong)
		return wrong;
	if (cached)
		return "the find cache holds what is not a VMA of this mm";
	return pagetable_verify(mm, report);
}
