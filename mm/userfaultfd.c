/*
 * userfaultfd - ranges whose faults another part of the program handles
 *
 *	fault ──> handle_userfault ──> config.userfault ──> userfaultfd_copy, _zeropage, _writeprotect
 *	  ^                                                        │
 *	  └───────────────── done again <──────────────────────────┘
 *
 *  1. Registering splits and merges VMAs (rule H6).
 *  2. PTE_UFFD_WP marks single pages, never one with WRITE, and only in VMAs that are
 *     registered for it; a fork's child has none.
 *
 * Source: the behaviour of Linux 6.12's fs/userfaultfd.c and mm/userfaultfd.c.  Faults of shared
 * memory and minor faults reach no handler here, pages that are swapped out lose the mark, and a
 * handler works at once where a kernel lets the thread wait.
 */
#include "mm/mm.h"

#include <errno.h>

static int validate_range(const struct mm_struct *mm, unsigned long start, unsigned long len)
{
	unsigned long task_size = mm->machine->config.task_size;

	if ((start & ~PAGE_MASK) || (len & ~PAGE_MASK) || !len)
		return -EINVAL;
	if (start < mm->machine->config.mmap_min_addr || start >= task_size ||
	    len > task_size - start)
		return -EINVAL;
	return 0;
}

/* ---- what handlers do ---- */

/* The marks of what is there in [start, end). */
static void write_protect(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			  bool wp)
{
	struct pagetable *pgd = &vma->vm_mm->pgd;
	uint64_t entry;

	for (; pt_next(pgd, &start, end, &entry); start += PAGE_SIZE) {
		if ((entry & PTE_GUARD) || !(entry & PTE_UFFD_WP) != wp)
			continue;
		pt_split_huge(pgd, start);
		entry &= ~PTE_HUGE;
		pt_lock(pgd, start);
		pt_update(pgd, start,
			  wp ? (entry & ~PTE_WRITE) | PTE_UFFD_WP : entry & ~PTE_UFFD_WP);
		pt_unlock(pgd, start);
	}
}

static int protect_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			void *arg)
{
	if (!(vma->vm_flags & VM_UFFD_WP))
		return -ENOENT;
	write_protect(vma, start, end, *(const bool *)arg);
	return 0;
}

int userfaultfd_writeprotect(struct mm_struct *mm, unsigned long start, unsigned long len, bool wp)
{
	int err = validate_range(mm, start, len);

	if (err)
		return err;
	if (!find_vma_intersection(mm, start, start + len))
		return -ENOENT;
	return vma_walk(mm, start, start + len, HOLE_IGNORED, protect_part, &wp);
}

/* A missing page of vma becomes one with that content, or (NULL) the zero page. */
static int fill_page(struct vm_area_struct *vma, unsigned long addr, const uint64_t *content,
		     bool wp)
{
	struct pagetable *pgd = &vma->vm_mm->pgd;
	uint64_t bits = vm_get_page_prot(vma->vm_flags | VM_SHARED) | PTE_ACCESSED;
	pfn_t pfn = 0;

	if (pt_get(pgd, addr))
		return -EEXIST;
	if (anon_vma_prepare(vma))
		return -ENOMEM;
	if (content) {
		pfn = alloc_page(vma->vm_mm->machine->frames, *content);
		if (!pfn)
			return -ENOMEM;
		page_set_anon(vma, addr, pfn);
		bits |= PTE_DIRTY | PTE_ANON | PTE_EXCLUSIVE;
	}
	if (wp || !content)
		bits = (bits & ~PTE_WRITE) | (wp ? PTE_UFFD_WP : 0);
	if (pt_map(pgd, addr, pfn, bits)) {
		put_page(vma->vm_mm->machine->frames, pfn);
		return -ENOMEM;
	}
	return 0;
}

static long fill(struct mm_struct *mm, unsigned long start, unsigned long len,
		 const uint64_t *contents, bool wp)
{
	int err = validate_range(mm, start, len);

	if (err)
		return err;
	struct vm_area_struct *vma = vma_lookup(mm, start);
	if (!vma || !vma->vm_userfaultfd_ctx || start + len > vma->vm_end)
		return -ENOENT;
	if (!vma_is_anonymous(vma) || (wp && !(vma->vm_flags & VM_UFFD_WP)))
		return -EINVAL;
	for (unsigned long done = 0; done < len; done += PAGE_SIZE) {
		pt_lock(&mm->pgd, start + done);
		err = fill_page(vma, start + done, contents ? &contents[done >> PAGE_SHIFT] : NULL,
				wp);
		pt_unlock(&mm->pgd, start + done);
		if (err)
			return done ? (long)done : err;
	}
	return (long)len;
}

long userfaultfd_copy(struct mm_struct *mm, unsigned long start, unsigned long len,
		      const uint64_t *contents, bool wp)
{
	return fill(mm, start, len, contents, wp);
}

long userfaultfd_zeropage(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	return fill(mm, start, len, NULL, false);
}

/* ---- faults ---- */

/* What userfaultfd has to do with an access to a page of vma: VM_UFFD_*, or 0. */
static vm_flags_t userfault_reason(const struct vm_area_struct *vma, unsigned long addr,
				   unsigned flags)
{
	uint64_t entry = pt_get(&vma->vm_mm->pgd, addr);

	if (!entry)
		return vma_is_anonymous(vma) ? vma->vm_flags & VM_UFFD_MISSING : 0;
	return (flags & FAULT_FLAG_WRITE) && (entry & PTE_UFFD_WP) ? VM_UFFD_WP : 0;
}

int handle_userfault(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	struct mm_struct *mm = vma->vm_mm;
	vm_flags_t reason = userfault_reason(vma, addr, flags);

	if (!reason)
		return 0;
	int err = mm->machine->config.userfault(vma, addr, reason);
	if (err)
		return err;
	vma = vma_lookup(mm, addr);
	/* a handler that has done nothing would be asked for ever */
	return vma && userfault_reason(vma, addr, flags) == reason ? -EFAULT : 1;
}

/* ---- registering ---- */

struct registration {
	uint64_t ctx; /* of the caller */
	vm_flags_t flags; /* VM_UFFD_*; 0: unregister */
};

static bool vma_can_userfault(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & VM_DROPPABLE) &&
	       (vma_is_anonymous(vma) || vma->vm_file->inode->kind == FILE_SHMEM);
}

static int check_part(struct vm_area_struct *vma, unsigned long start, unsigned long end, void *arg)
{
	const struct registration *reg = arg;

	(void)start, (void)end;
	if (!vma_can_userfault(vma) || (reg->flags && !(vma->vm_flags & VM_MAYWRITE)))
		return reg->flags && vma_can_userfault(vma) ? -EPERM : -EINVAL;
	if (vma->vm_userfaultfd_ctx && vma->vm_userfaultfd_ctx != reg->ctx)
		return reg->flags ? -EBUSY : -EINVAL;
	return 0;
}

static int apply_part(struct vm_area_struct *vma, unsigned long start, unsigned long end, void *arg)
{
	const struct registration *reg = arg;
	uint64_t ctx = reg->flags ? reg->ctx : 0;

	if (vma->vm_userfaultfd_ctx == ctx && (vma->vm_flags & VM_UFFD_FLAGS) == reg->flags)
		return 0;
	if ((vma->vm_flags & VM_UFFD_WP) && !(reg->flags & VM_UFFD_WP))
		write_protect(vma, start, end, false);
	struct vma_attr attr = vma_attr(vma);
	attr.flags = (vma->vm_flags & ~VM_UFFD_FLAGS) | reg->flags;
	attr.uffd = ctx;
	return vma_modify(vma->vm_mm, &vma, start, end, &attr);
}

static int change(struct mm_struct *mm, unsigned long start, unsigned long len,
		  struct registration *reg)
{
	int err = validate_range(mm, start, len);

	if (err)
		return err;
	if (!find_vma_intersection(mm, start, start + len))
		return -EINVAL;
	err = vma_walk(mm, start, start + len, HOLE_IGNORED, check_part, reg);
	if (err)
		return err;
	return vma_walk(mm, start, start + len, HOLE_IGNORED, apply_part, reg);
}

int userfaultfd_register(struct mm_struct *mm, uint64_t ctx, unsigned long start, unsigned long len,
			 unsigned long mode)
{
	struct registration reg = {
		.ctx = ctx,
		.flags = (mode & 1 ? VM_UFFD_MISSING : 0) | (mode & 2 ? VM_UFFD_WP : 0) |
			 (mode & 4 ? VM_UFFD_MINOR : 0),
	};

	if (!reg.flags || (mode & ~7UL))
		return -EINVAL;
	return change(mm, start, len, &reg);
}

int userfaultfd_unregister(struct mm_struct *mm, uint64_t ctx, unsigned long start,
			   unsigned long len)
{
	struct registration reg = {.ctx = ctx};

	return change(mm, start, len, &reg);
}
