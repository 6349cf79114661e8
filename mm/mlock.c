/*
 * mlock - memory that must stay: mlock, mlock2, munlock, mlockall, munlockall
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/mlock.c (rules F6, H4, B6).
 */
#include "mm/internal.h"

#include <errno.h>

#include "mm/mman.h"

bool mlock_future_ok(const struct mm_struct *mm, vm_flags_t flags, unsigned long bytes)
{
	const struct limits *limits = this_cpu(mm->machine)->current;

	if (!(flags & VM_LOCKED) || limits->ipc_lock)
		return true;
	return mm->locked_vm + (bytes >> PAGE_SHIFT) <= limits->memlock >> PAGE_SHIFT;
}

bool can_do_mlock(const struct mm_struct *mm)
{
	return this_cpu(mm->machine)->current->memlock || this_cpu(mm->machine)->current->ipc_lock;
}

/* The part gets VM_LOCKED, VM_LOCKONFAULT as *arg says. */
static int mlock_fixup(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		       void *arg)
{
	struct mm_struct *mm = vma->vm_mm;
	vm_flags_t oldflags = vma->vm_flags;
	vm_flags_t newflags = (oldflags & ~VM_LOCKED_MASK) | *(const vm_flags_t *)arg;
	unsigned long npages = (end - start) >> PAGE_SHIFT;

	if (newflags == oldflags || (oldflags & (VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE)) ||
	    vma_is_secretmem(vma))
		return 0;
	struct vma_attr attr = vma_attr(vma);
	attr.flags = newflags;
	int err = vma_modify(mm, &vma, start, end, &attr);
	if (err)
		return err;
	if (!(newflags & VM_LOCKED))
		mm->locked_vm -= npages;
	else if (!(oldflags & VM_LOCKED))
		mm->locked_vm += npages;
	return 0;
}

static int apply_vma_lock_flags(struct mm_struct *mm, unsigned long start, unsigned long len,
				vm_flags_t flags)
{
	unsigned long end = start + len;

	if (end < start)
		return -EINVAL;
	return vma_walk(mm, start, end, HOLE_STOPS, mlock_fixup, &flags);
}

/* mlock's own way of saying what went wrong while it filled in the pages. */
static int mlock_posix_error(int err)
{
	return err == -EFAULT ? -ENOMEM : err == -ENOMEM ? -EAGAIN : err;
}

static int count_locked(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			void *arg)
{
	unsigned long *npages = arg;

	if (vma->vm_flags & VM_LOCKED)
		*npages += (end - start) >> PAGE_SHIFT;
	return 0;
}

/* Room under the limit for all of the range; what is locked there already counts once. */
static bool may_lock(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	unsigned long locked = mm->locked_vm + (len >> PAGE_SHIFT), already = 0;
	unsigned long limit = this_cpu(mm->machine)->current->memlock >> PAGE_SHIFT;

	if (locked <= limit || this_cpu(mm->machine)->current->ipc_lock)
		return true;
	vma_walk(mm, start, start + len, HOLE_IGNORED, count_locked, &already);
	return locked - already <= limit;
}

int do_mlock(struct mm_struct *mm, unsigned long start, unsigned long len, bool on_fault)
{
	vm_flags_t flags = VM_LOCKED | (on_fault ? VM_LOCKONFAULT : 0);

	if (mm->machine->config.nommu)
		return -ENOSYS;
	if (!can_do_mlock(mm))
		return -EPERM;
	len = PAGE_ALIGN(len + (start & ~PAGE_MASK));
	start &= PAGE_MASK;
	if (!may_lock(mm, start, len))
		return -ENOMEM;
	int err = apply_vma_lock_flags(mm, start, len, flags);
	if (err)
		return err;
	return mlock_posix_error(mm_populate(mm, start, start + len, false));
}

int do_munlock(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	len = PAGE_ALIGN(len + (start & ~PAGE_MASK));
	return apply_vma_lock_flags(mm, start & PAGE_MASK, len, 0);
}

/* A VMA that cannot be changed is passed over. */
static int mlock_try(struct vm_area_struct *vma, unsigned long start, unsigned long end, void *arg)
{
	(void)mlock_fixup(vma, start, end, arg);
	return 0;
}

static void apply_to_all(struct mm_struct *mm, vm_flags_t flags)
{
	vma_walk(mm, 0, mm->machine->config.task_size, HOLE_IGNORED, mlock_try, &flags);
}

int do_mlockall(struct mm_struct *mm, unsigned long flags)
{
	vm_flags_t lock = VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);
	const struct limits *limits = this_cpu(mm->machine)->current;

	if (mm->machine->config.nommu)
		return -ENOSYS;
	if (!flags || (flags & ~(unsigned long)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) ||
	    flags == MCL_ONFAULT)
		return -EINVAL;
	if (!can_do_mlock(mm))
		return -EPERM;
	if ((flags & MCL_CURRENT) && !limits->ipc_lock &&
	    mm->total_vm > limits->memlock >> PAGE_SHIFT)
		return -ENOMEM;
	mm->def_flags &= ~VM_LOCKED_MASK;
	if (flags & MCL_FUTURE)
		mm->def_flags |= lock;
	if (flags & MCL_CURRENT) {
		apply_to_all(mm, lock);
		mm_populate(mm, 0, mm->machine->config.task_size, true);
	}
	return 0;
}

int do_munlockall(struct mm_struct *mm)
{
	mm->def_flags &= ~VM_LOCKED_MASK;
	apply_to_all(mm, 0);
	return 0;
}
