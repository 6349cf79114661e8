/*
 * locking_range - a call has a window of addresses for itself
 *
 *	call          [lo ............ hi)          lo, hi: whole VMAs, those that it touches too
 *	fault 1  x                                  goes on
 *	fault 2            x                        waits for the call, under mmap_lock
 *
 * Each thread says where its fault is, on a cache line of its own, and then looks
 * for a window; a call opens its window, and then looks at all threads.  So one of the
 * two sees the other, and no fault writes what another one reads.
 *
 *  1. The window is as wide as the VMAs that overlap or touch [lo, hi): nothing beyond
 *     them changes but the index.
 */
#include "mm/locking_internal.h"

#include <errno.h>
#include <sched.h>

#include "base/rcu.h"

static bool in_window(const struct mm_locks *locks, unsigned long addr)
{
	return __atomic_load_n(&locks->window, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&locks->lo, __ATOMIC_RELAXED) <= addr &&
	       addr < __atomic_load_n(&locks->hi, __ATOMIC_RELAXED);
}

static int range_fault(struct mm_struct *mm, unsigned long addr, unsigned flags)
{
	struct fault_place *place = &this_cpu(mm->machine)->place;
	struct vm_area_struct *vma;
	int err = -EAGAIN;

	__atomic_store_n(&place->addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&place->mm, mm, __ATOMIC_SEQ_CST);
	if (in_window(mm->locks, addr) &&
	    !(mm->machine->config.leave_out & LEAVE_OUT_VMA_RECHECK)) {
		count_retry(mm);
	} else {
		rcu_read_lock();
		vma = find_vma_beside(mm, addr);
		fault_point(mm, FAULT_LOCKED);
		if (vma_holds(vma, addr))
			err = handle_vma_fault(vma, addr, flags);
		rcu_read_unlock();
	}
	__atomic_store_n(&place->mm, NULL, __ATOMIC_RELEASE);
	return err;
}

/* Is that thread at a fault in mm's window? */
static bool is_inside(const struct mm_struct *mm, unsigned thread)
{
	const struct fault_place *place = &machine_of_thread(mm->machine, thread)->place;

	return __atomic_load_n(&place->mm, __ATOMIC_SEQ_CST) == mm &&
	       in_window(mm->locks, __atomic_load_n(&place->addr, __ATOMIC_RELAXED));
}

static void range_begin(struct mm_struct *mm, unsigned long lo, unsigned long hi)
{
	const struct vma_index *index = mm->mm_mt;
	struct mm_locks *locks = mm->locks;
	struct vm_area_struct *below = index->ops->find(index, lo ? lo - 1 : 0);
	struct vm_area_struct *above = index->ops->find(index, hi);

	if (below)
		lo = min(lo, below->vm_start);
	if (above && above->vm_start <= hi)
		hi = above->vm_end;
	__atomic_store_n(&locks->lo, lo, __ATOMIC_RELAXED);
	__atomic_store_n(&locks->hi, hi, __ATOMIC_RELAXED);
	__atomic_store_n(&locks->window, true, __ATOMIC_SEQ_CST);
	if (mm->machine->config.leave_out & LEAVE_OUT_VMA_DRAIN)
		return;
	for (unsigned i = 0; i < machine_threads(mm->machine); i++) {
		while (is_inside(mm, i))
			sched_yield();
	}
}

static void range_end(struct mm_struct *mm)
{
	__atomic_store_n(&mm->locks->window, false, __ATOMIC_SEQ_CST);
}

const struct mm_locking locking_range = {
	.name = "range",
	.summary = "a call has a window of addresses for itself, faults elsewhere go on",
	.beside = true,
	.fault = range_fault,
	.begin = range_begin,
	.end = range_end,
};
