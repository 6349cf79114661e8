/*
 * madvise - advice on the use of a range: some changes VMAs, some pages, some nothing
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/madvise.c (rules H1, H3, F6, F7).
 */
#include "mm/internal.h"

#include <errno.h>

#include "mm/mman.h"

/* The flags that a VMA gets by advice: 0 and *flags, -EINVAL, or 1: not about flags. */
static int advised_flags(const struct vm_area_struct *vma, int behavior, vm_flags_t *flags)
{
	switch (behavior) {
	case MADV_NORMAL:
		*flags &= ~(VM_RAND_READ | VM_SEQ_READ);
		return 0;
	case MADV_SEQUENTIAL:
		*flags = (*flags & ~VM_RAND_READ) | VM_SEQ_READ;
		return 0;
	case MADV_RANDOM:
		*flags = (*flags & ~VM_SEQ_READ) | VM_RAND_READ;
		return 0;
	case MADV_DONTFORK:
		*flags |= VM_DONTCOPY;
		return 0;
	case MADV_DOFORK:
		*flags &= ~VM_DONTCOPY;
		return vma->vm_flags & VM_IO ? -EINVAL : 0;
	case MADV_WIPEONFORK:
		*flags |= VM_WIPEONFORK;
		return vma->vm_file || (vma->vm_flags & VM_SHARED) ? -EINVAL : 0;
	case MADV_KEEPONFORK:
		*flags &= ~VM_WIPEONFORK;
		return vma->vm_flags & VM_DROPPABLE ? -EINVAL : 0;
	case MADV_DONTDUMP:
		*flags |= VM_DONTDUMP;
		return 0;
	case MADV_DODUMP:
		*flags &= ~VM_DONTDUMP;
		if (vma->vm_flags & VM_HUGETLB)
			return 0;
		return vma->vm_flags & (VM_SPECIAL | VM_DROPPABLE) ? -EINVAL : 0;
	case MADV_MERGEABLE:
		if (ksm_compatible(vma->vm_flags))
			*flags |= VM_MERGEABLE;
		return 0;
	case MADV_UNMERGEABLE:
		*flags &= ~VM_MERGEABLE;
		return 0;
	case MADV_HUGEPAGE:
		*flags = (*flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
		return 0;
	case MADV_NOHUGEPAGE:
		*flags = (*flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
		return 0;
	default:
		return 1;
	}
}

/* H3: advice that would lose the contents of sealed memory that cannot be written. */
static bool discards_sealed(const struct vm_area_struct *vma, int behavior)
{
	switch (behavior) {
	case MADV_FREE:
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_REMOVE:
	case MADV_DONTFORK:
	case MADV_WIPEONFORK:
	case MADV_GUARD_INSTALL:
		return (vma->vm_flags & VM_SEALED) && vma_is_anonymous(vma) &&
		       !(vma->vm_flags & VM_WRITE);
	default:
		return false;
	}
}

/* F7: whatever was in the pages has gone, and nobody may touch them any more. */
static int install_guards(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	struct pagetable *pgd = &vma->vm_mm->pgd;

	if (vma->vm_flags & (VM_SPECIAL | VM_HUGETLB | VM_LOCKED))
		return -EINVAL;
	if ((vma_is_anonymous(vma) || vma->vm_mm->machine->config.file_guards_prepare) &&
	    anon_vma_prepare(vma))
		return -ENOMEM;
	vma_start_write(vma);
	vma->vm_flags |= VM_MAYBE_GUARD;
	pt_zap(pgd, start, end);
	for (; start < end; start += PAGE_SIZE) {
		get_page(pgd->frames, 0);
		pt_lock(pgd, start);
		int err = pt_map(pgd, start, 0, PTE_GUARD);
		pt_unlock(pgd, start);
		if (err) {
			put_page(pgd->frames, 0);
			return err;
		}
	}
	return 0;
}

/* Whole huge pages only: a length that ends within one leaves it there. */
static int dontneed_hugetlb(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	unsigned long size = vma_kernel_pagesize(vma);

	if (start & (size - 1))
		return -EINVAL;
	hugetlb_zap(vma, start, end & ~(size - 1));
	return 0;
}

static int advise_pages(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			int behavior)
{
	struct pagetable *pgd = &vma->vm_mm->pgd;

	switch (behavior) {
	case MADV_DONTNEED:
		if (vma->vm_flags & VM_LOCKED)
			return -EINVAL;
		/* fall through */
	case MADV_DONTNEED_LOCKED:
		if (vma->vm_flags & VM_HUGETLB)
			return dontneed_hugetlb(vma, start, end);
		if (vma->vm_flags & VM_PFNMAP)
			return -EINVAL;
		pt_zap_kinds(pgd, start, end, PT_PAGES);
		pt_free_tables(pgd, start, end, start, end); /* CONFIG_PT_RECLAIM */
		return 0;
	case MADV_FREE: /* the pages stay until memory is short */
		return vma_is_anonymous(vma) &&
				       !(vma->vm_flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB))
			       ? 0
			       : -EINVAL;
	case MADV_REMOVE:
		if ((vma->vm_flags & VM_LOCKED) || !vma->vm_file)
			return -EINVAL;
		if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE))
			return -EACCES;
		if (linear_page_index(vma, end) > vma->vm_file->inode->max_pages)
			return -EFBIG;
		if (!(vma->vm_flags & VM_HUGETLB))
			pt_zap_kinds(pgd, start, end, PT_PAGES);
		punch_hole(vma->vm_mm->machine, vma->vm_file->inode, linear_page_index(vma, start),
			   linear_page_index(vma, end) - 1);
		return 0;
	case MADV_COLD:
	case MADV_PAGEOUT:
		return vma->vm_flags & (VM_LOCKED | VM_PFNMAP | VM_HUGETLB) ? -EINVAL : 0;
	case MADV_GUARD_INSTALL:
		return install_guards(vma, start, end);
	case MADV_GUARD_REMOVE:
		if (vma->vm_flags & (VM_SPECIAL | VM_HUGETLB))
			return -EINVAL;
		pt_zap_kinds(pgd, start, end, PT_GUARDS);
		return 0;
	case MADV_COLLAPSE:
		return vma->vm_flags & VM_HUGETLB ? -EINVAL : 0;
	default: /* WILLNEED: nothing to keep */
		return 0;
	}
}

static int madvise_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			void *arg)
{
	int behavior = *(const int *)arg;
	vm_flags_t flags = vma->vm_flags;

	if (discards_sealed(vma, behavior))
		return -EPERM;
	int err = advised_flags(vma, behavior, &flags);
	if (err == 1)
		return advise_pages(vma, start, end, behavior);
	if (err || flags == vma->vm_flags)
		return err;
	struct vma_attr attr = vma_attr(vma);
	attr.flags = flags;
	err = vma_modify(vma->vm_mm, &vma, start, end, &attr);
	return err == -ENOMEM ? -EAGAIN : err;
}

static int name_part(struct vm_area_struct *vma, unsigned long start, unsigned long end, void *arg)
{
	struct vma_attr attr = vma_attr(vma);

	/* of files only shared memory without a name may have one */
	if (vma->vm_file && (vma->vm_file->number || vma->vm_file->inode->kind != FILE_SHMEM))
		return -EBADF;
	if (attr.anon_name == *(const uint64_t *)arg)
		return 0;
	attr.anon_name = *(const uint64_t *)arg;
	int err = vma_modify(vma->vm_mm, &vma, start, end, &attr);
	return err == -ENOMEM ? -EAGAIN : err;
}

int madvise_set_anon_name(struct mm_struct *mm, unsigned long start, unsigned long len,
			  uint64_t name)
{
	unsigned long end = start + PAGE_ALIGN(len);

	if ((start & ~PAGE_MASK) || (len && !PAGE_ALIGN(len)) || end < start)
		return -EINVAL;
	return vma_walk(mm, start, end, HOLE_NOTED, name_part, &name);
}

static int populate_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			 void *arg)
{
	unsigned flags =
		FAULT_FLAG_FILL | (*(const int *)arg == MADV_POPULATE_WRITE ? FAULT_FLAG_WRITE : 0);

	if ((vma->vm_flags & (VM_PFNMAP | VM_IO)) || vma_is_secretmem(vma))
		return -EINVAL;
	if (!(vma->vm_flags & (flags & FAULT_FLAG_WRITE ? VM_WRITE : VM_READ)))
		return -EINVAL;
	for (; start < end; start = (start | (vma_kernel_pagesize(vma) - 1)) + 1) {
		int err = handle_mm_fault(vma->vm_mm, start, flags);

		if (err)
			return err == -ENXIO ? -EFAULT : err; /* EFAULT: a guard page */
	}
	return 0;
}

static bool behavior_valid(int behavior)
{
	return (behavior >= MADV_NORMAL && behavior <= MADV_WILLNEED) ||
	       behavior == MADV_DONTNEED || (behavior >= MADV_FREE && behavior <= MADV_COLLAPSE) ||
	       behavior == MADV_GUARD_INSTALL || behavior == MADV_GUARD_REMOVE;
}

int do_madvise(struct mm_struct *mm, unsigned long start, unsigned long len, int behavior)
{
	unsigned long end;

	if (mm->machine->config.nommu)
		return -ENOSYS;
	if (!behavior_valid(behavior) || (start & ~PAGE_MASK))
		return -EINVAL;
	if (len && !PAGE_ALIGN(len))
		return -EINVAL;
	end = start + PAGE_ALIGN(len);
	if (end < start)
		return -EINVAL;
	if (behavior == MADV_POPULATE_READ || behavior == MADV_POPULATE_WRITE)
		return vma_walk(mm, start, end, HOLE_STOPS, populate_part, &behavior);
	return vma_walk(mm, start, end, HOLE_NOTED, madvise_part, &behavior);
}
