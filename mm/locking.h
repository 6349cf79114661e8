/*
 * locking - which faults and calls of one address space run side by side
 *
 *	             a call in [lo, hi)               a fault
 *	(none)       one thread only: nothing is locked
 *	mmap_lock    waits for all faults             waits for calls
 *	per-vma      waits for faults in its VMAs     locks its VMA, or waits for calls
 *	rcu          the same                         locks nothing but its page table
 *	range        waits for faults in its window   says where it is
 *
 * config.locking chooses one for a machine.  Calls of one mm wait for each other
 * under each of them, for an index has one writer.
 *
 *  1. While threads are at it, an mm is used by mm_user_fault() and, inside of the bracket
 *     mm_call_begin() ... mm_call_end(), by everything else; copy_mm wants the bracket round
 *     all of the parent's mm, and mmput of the last user none.
 *  2. A thread that uses machines has a number below config.threads of its own.
 *  3. A call has a number, and so has each VMA that it changes or takes away, from before it
 *     does so: vma_start_write().  A fault notes the last call that is through, then looks for
 *     its VMA; if the VMA's number is above that, the answer was of another time.
 *  4. What a fault may have found is freed after a grace period.
 *  5. A fault that wants more than one VMA (neighbours, a stack that grows, the
 *     verdict that there is none) is done under mmap_lock: a fallback.
 *  6. The page of a fault is under its page-table lock (pagetable.h) all the time.
 *
 * Machines are truncated, reclaimed and ended while no thread is at them.
 *
 * Sources: the behaviour of Linux 6.4-6.12's mm/memory.c (lock_vma_under_rcu) and
 * include/linux/mm.h (vma_start_read, vma_start_write); range locks: Bueso, LWN 724502, and
 * Kogan, Dice, Issa, EuroSys 2020.
 */
#ifndef MM_LOCKING_H
#define MM_LOCKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/backlog.h"
#include "base/rwlock.h"
#include "indexes/vma_index.h"

struct mm_struct;
struct vm_area_struct;

struct mm_locking {
	const char *name, *summary;
	bool beside; /* faults look VMAs up beside a call, by rule 3 or 5 */
	/* A fault as mm_user_fault: -EAGAIN if it has to be done under mmap_lock. NULL: all. */
	int (*fault)(struct mm_struct *mm, unsigned long addr, unsigned flags);
	/* A call has mmap_lock for writing, is about to let go of it.  Each may be NULL. */
	void (*begin)(struct mm_struct *mm, unsigned long lo, unsigned long hi);
	void (*end)(struct mm_struct *mm);
	/* vma has its call's number: faults that do not know that yet are waited for. */
	void (*drain)(struct vm_area_struct *vma);
};

#define MM_LOCKS_ALIGN 64

/* Of each mm where config.locking is set: what each call writes several times, and the rest. */
struct mm_locks {
	struct rwlock mmap_lock; /* calls write; it starves neither them nor faults */
	uint64_t call;           /* the latest call's number */
	struct backlog gone;     /* VMAs */
	/* what a fault beside a call looks at */
	uint64_t done __attribute__((aligned(MM_LOCKS_ALIGN))); /* the last call that is through */
	unsigned long lo, hi; /* range: the window, while there is one */
	bool window;
	/* of an index without VMA_INDEX_RCU, round its edits */
	struct rwlock index_lock __attribute__((aligned(MM_LOCKS_ALIGN)));
};

/* How VMAs that are gone are freed: so many bytes at a time. */
#define MM_BACKLOG_BYTES (64UL << 10)

/* The i-th locking, NULL past the last. The one of that name, or NULL. */
const struct mm_locking *mm_locking(unsigned i);
const struct mm_locking *mm_locking_lookup(const char *name);

/* Has a fault to take the index's lock to look into it beside a call? */
bool mm_locking_inner(const struct mm_locking *locking, const struct vma_index_ops *ops);

/*
 * This thread is number n, 0 to config.threads - 1, of all machines; one that never says is 0.
 * Beside others it has to be registered with RCU (base/rcu.h), too.
 */
void mm_thread_enter(unsigned n);

/*
 * A page fault of a thread, beside others and beside a call: as handle_mm_fault,
 * which it does under the machine's locking.
 */
int mm_user_fault(struct mm_struct *mm, unsigned long addr, unsigned flags);

/*
 * Round a call that changes mm's layout, or looks at it, in [lo, hi) only: 0 and ~0UL
 * where the place is still to be found.  No brackets in brackets, no mm_user_fault inside.
 */
void mm_call_begin(struct mm_struct *mm, unsigned long lo, unsigned long hi);
void mm_call_end(struct mm_struct *mm);

/* ---- for mm itself; all of them nothing where config.locking is NULL ---- */

/* mm_alloc, free_mm: 0 or -ENOMEM. */
must_check int mm_locks_create(struct mm_struct *mm);
void mm_locks_destroy(struct mm_struct *mm);

/* vma's bounds, rights, or place in the index are about to change, by the call that runs. */
void vma_start_write(struct vm_area_struct *vma);

/* The index's VMA of addr or the one above it, beside a call; in a read section. */
struct vm_area_struct *find_vma_beside(struct mm_struct *mm, unsigned long addr);

#endif
