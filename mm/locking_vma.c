/*
 * locking_vma - per-VMA locks: a fault locks the VMA that it found under RCU
 *
 *	fault    find ── readers + 1 ── number? ── the page ── readers - 1
 *	call                 number ── readers 0? ── edit, page tables ── through
 *
 * Each first writes and then reads what the other writes: either the fault sees the number
 * and lets go, or the call sees the reader and waits.
 */
#include "mm/locking_internal.h"

#include <errno.h>
#include <sched.h>

#include "base/rcu.h"

static void vma_end_read(struct vm_area_struct *vma)
{
	__atomic_fetch_sub(&vma->vm_readers, 1, __ATOMIC_RELEASE);
}

static bool vma_start_read(struct vm_area_struct *vma, uint64_t done)
{
	__atomic_fetch_add(&vma->vm_readers, 1, __ATOMIC_SEQ_CST);
	if (vma_untouched(vma, done))
		return true;
	vma_end_read(vma);
	return false;
}

/* Finds the VMA of addr and locks it: NULL if there is none, or a call has it. */
static struct vm_area_struct *lock_vma_under_rcu(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = NULL;

	rcu_read_lock();
	for (unsigned i = 0; i < FAULT_TRIES; i++) {
		uint64_t done = calls_done(mm);

		vma = find_vma_beside(mm, addr);
		fault_point(mm, FAULT_FOUND);
		if (!vma_holds(vma, addr)) {
			vma = NULL;
			break;
		}
		if (vma_start_read(vma, done))
			break;
		vma = NULL;
		count_retry(mm);
	}
	rcu_read_unlock();
	return vma;
}

static int per_vma_fault(struct mm_struct *mm, unsigned long addr, unsigned flags)
{
	struct vm_area_struct *vma = lock_vma_under_rcu(mm, addr);
	int err = -EAGAIN;

	if (!vma)
		return -EAGAIN;
	rcu_read_lock(); /* for the page tables */
	fault_point(mm, FAULT_LOCKED);
	if (vma_holds(vma, addr))
		err = handle_vma_fault(vma, addr, flags);
	rcu_read_unlock();
	vma_end_read(vma);
	return err;
}

static void per_vma_drain(struct vm_area_struct *vma)
{
	while (__atomic_load_n(&vma->vm_readers, __ATOMIC_SEQ_CST))
		sched_yield();
}

const struct mm_locking locking_per_vma = {
	.name = "per-vma",
	.summary = "a fault locks its VMA, found by RCU, against calls that touch it (Linux 6.4)",
	.beside = true,
	.fault = per_vma_fault,
	.drain = per_vma_drain,
};
