/*
 * What locking.c and the locking schemes share (see locking.h).
 */
#ifndef MM_LOCKING_INTERNAL_H
#define MM_LOCKING_INTERNAL_H

#include "mm/internal.h"

extern const struct mm_locking locking_per_vma, locking_rcu, locking_range;

/* Where a test may do something behind a fault's back. */
static inline void fault_point(struct mm_struct *mm, enum fault_point point)
{
	if (mm->machine->config.fault_hook)
		mm->machine->config.fault_hook(mm, point);
}

/* The last call that is through: to be asked before the index is. */
static inline uint64_t calls_done(const struct mm_struct *mm)
{
	return __atomic_load_n(&mm->locks->done, __ATOMIC_ACQUIRE);
}

/* Has no call touched vma since that one?  Now, that is. */
static inline bool vma_untouched(const struct vm_area_struct *vma, uint64_t done)
{
	return __atomic_load_n(&vma->vm_lock_seq, __ATOMIC_SEQ_CST) <= done ||
	       (vma->vm_mm->machine->config.leave_out & LEAVE_OUT_VMA_RECHECK);
}

/* A fault notes that a call was in its way, and may try again. */
static inline void count_retry(struct mm_struct *mm)
{
	this_cpu(mm->machine)->locking.retries++;
}

#define FAULT_TRIES 3

#endif
