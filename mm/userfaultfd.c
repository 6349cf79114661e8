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
 *  3. What mremap moves, and what fork copies, is registered no longer, unless the features of the
 *     userfaultfd say that its handler is told.
 *
 * Source: the behaviour of Linux 6.12's fs/userfaultfd.c and mm/userfaultfd.c.  Faults of shared
 * memory and minor faults reach no handler here, pages that are swapped out lose the mark, and a
 * handler works at once where a kernel lets the thread wait.
 */
#include "mm/internal.h"

#include <errno.h>
#include <linux/userfaultfd.h>

#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

/* ---- which userfaultfd ---- */

#define CTX_FEATURES    0xffffUL /* the bits that decide something here are among these */
#define CTX_NUMBER_BITS 23

uint64_t userfaultfd_ctx(uint64_t number, uint64_t features)
{
	return number << 16 | (features & CTX_FEATURES);
}

/* That of the child: the handler gets a descriptor of its own for each fork. */
static uint64_t ctx_of_child(uint64_t ctx, uint64_t forks)
{
	return ((forks + 1) << CTX_NUMBER_BITS ^ (ctx >> 16)) << 16 | (ctx & CTX_FEATURES);
}

static void reset_ctx(struct vm_area_struct *vma)
{
	vma->vm_userfaultfd_ctx = 0;
	vma->vm_flags &= ~VM_UFFD_FLAGS;
}

void dup_userfaultfd(struct vm_area_struct *vma)
{
	uint64_t ctx = vma->vm_userfaultfd_ctx;

	if (ctx & UFFD_FEATURE_EVENT_FORK)
		vma->vm_userfaultfd_ctx = ctx_of_child(ctx, vma->vm_mm->machine->forks);
	else
		reset_ctx(vma);
}

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
		if (!(entry & PTE_HUGETLB)) {
			pt_split_huge(pgd, start);
			entry &= ~PTE_HUGE;
		}
		pt_lock(pgd, start);
		pt_update(pgd, start,
			  wp ? (entry & ~PTE_WRITE) | PTE_UFFD_WP : entry & ~PTE_UFFD_WP);
		pt_unlock(pgd, start);
	}
}

/* As in the kernel all of new_vma is reset, also what it has merged with. */
void mremap_userfaultfd_prep(struct vm_area_struct *new_vma, unsigned long start, unsigned long end)
{
	if (!new_vma->vm_userfaultfd_ctx ||
	    (new_vma->vm_userfaultfd_ctx & UFFD_FEATURE_EVENT_REMAP))
		return;
	write_protect(new_vma, start, end, false);
	reset_ctx(new_vma);
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
	uint64_t ctx;     /* of the caller */
	vm_flags_t flags; /* VM_UFFD_*; 0: unregister */
};

/* For these of VM_UFFD_*: minor faults are shared memory's, and asynchronous wp is for all. */
static bool vma_can_userfault(const struct vm_area_struct *vma, vm_flags_t flags, uint64_t ctx)
{
	bool hugetlb = vma->vm_flags & VM_HUGETLB;
	bool shared =
		hugetlb || (!vma_is_anonymous(vma) && vma->vm_file->inode->kind == FILE_SHMEM);

	if ((vma->vm_flags & VM_DROPPABLE) || (!hugetlb && (vma->vm_flags & VM_SPECIAL)))
		return false;
	if ((flags & VM_UFFD_MINOR) && !shared)
		return false;
	if ((ctx & UFFD_FEATURE_WP_ASYNC) && flags == VM_UFFD_WP)
		return true;
	return vma_is_anonymous(vma) || shared;
}

static int check_part(struct vm_area_struct *vma, unsigned long start, unsigned long end, void *arg)
{
	const struct registration *reg = arg;
	vm_flags_t flags = reg->flags ? reg->flags : vma->vm_flags & VM_UFFD_FLAGS;

	if ((start | end) & (vma_kernel_pagesize(vma) - 1))
		return -EINVAL;
	if (!vma_can_userfault(vma, flags, reg->ctx))
		return -EINVAL;
	if (reg->flags && !(vma->vm_flags & VM_MAYWRITE))
		return -EPERM;
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
	struct registration reg = { .ctx = ctx };

	return change(mm, start, len, &reg);
}

/* As unregister, but of this context alone. */
static int release_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			void *arg)
{
	const struct registration *reg = arg;

	if (vma->vm_userfaultfd_ctx != reg->ctx)
		return 0;
	return apply_part(vma, start, end, arg);
}

int userfaultfd_release(struct mm_struct *mm, uint64_t ctx)
{
	struct registration reg = { .ctx = ctx };

	return vma_walk(mm, 0, mm->machine->config.task_size, HOLE_IGNORED, release_part, &reg);
}
