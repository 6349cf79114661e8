/*
 * locking_rcu - a fault holds nothing but its page table's lock, and looks again under it
 *
 *	fault    find ──── page-table lock ── number? ── the page ── unlock
 *	call       number ── each such lock of the VMA, once ── edit, page tables ── through
 *
 * A fault that had its page table locked before the call came by is through when the call
 * goes on; one that locks it later sees the number.  So a fault writes to no VMA, and the call
 * pays: PT_REGIONS locks at most for a VMA of any size.
 */
#include "mm/locking_internal.h"

#include <errno.h>

#include "base/rcu.h"

/* With addr's page table locked: as handle_vma_fault, or -EAGAIN. */
static int try_fault(struct vm_area_struct *vma, unsigned long addr, unsigned flags, uint64_t done)
{
	if (!vma_untouched(vma, done)) {
		count_retry(vma->vm_mm);
		return -EAGAIN;
	}
	fault_point(vma->vm_mm, FAULT_LOCKED);
	return vma_holds(vma, addr) ? handle_vma_fault_locked(vma, addr, flags) : -EAGAIN;
}

static int rcu_fault(struct mm_struct *mm, unsigned long addr, unsigned flags)
{
	int err = -EAGAIN;

	rcu_read_lock();
	for (unsigned i = 0; i < FAULT_TRIES && err == -EAGAIN; i++) {
		uint64_t done = calls_done(mm), retries = this_cpu(mm->machine)->locking.retries;
		struct vm_area_struct *vma = find_vma_beside(mm, addr);

		fault_point(mm, FAULT_FOUND);
		if (!vma_holds(vma, addr))
			break;
		pt_lock(&mm->pgd, addr);
		err = try_fault(vma, addr, flags, done);
		pt_unlock(&mm->pgd, addr);
		if (retries == this_cpu(mm->machine)->locking.retries)
			break;
	}
	rcu_read_unlock();
	return err;
}

static void rcu_drain(struct vm_area_struct *vma)
{
	pt_barrier(&vma->vm_mm->pgd, vma->vm_start, vma->vm_end);
}

const struct mm_locking locking_rcu = {
	.name = "rcu",
	.summary = "a fault is under RCU and looks again under its page table's lock",
	.beside = true,
	.fault = rcu_fault,
	.drain = rcu_drain,
};
