/*
 * locking - which faults and calls of one address space run side by side
 *
 *	             call [lo, hi)                    fault
 *	(none)       one thread only: nothing is locked
 *	mmap_lock    ─── waits for all faults ───     waits for calls
 *	per-vma      waits for faults in its VMAs     waits for calls in its VMA
 *	rcu          the same                         never waits, but for its page table
 *	range        waits for faults in [lo, hi)     waits for calls on its page
 *
 * config.locking chooses one for a machine.  Calls of one mm wait for each other
 * under each of them: an index has one writer.
 *
 *  1. Between threads a machine is used by mm_user_fault() and, inside of the bracket
 *     mm_call_begin() ... mm_call_end(), by everything else; copy_mm wants the bracket round
 *     the parent's whole mm, mmput of the last user wants none.
 *  2. A thread that uses machines has a number below config.threads of its own.
 */
#ifndef MM_LOCKING_H
#define MM_LOCKING_H

#include <stddef.h>
#include <stdint.h>

struct mm_struct;
struct vm_area_struct;
struct machine;

struct mm_locking {
	const char *name, *summary;
};

/* The i-th locking, NULL past the last. The one of that name, or NULL. */
const struct mm_locking *mm_locking(unsigned i);
const struct mm_locking *mm_locking_lookup(const char *name);

/* This thread is number n, 0 to config.threads - 1, of all machines; one that never says is 0. */
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

#endif
