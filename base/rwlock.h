/*
 * rwlock - a lock for many readers or one writer, which starves neither
 *
 *	readers  ████████        ████████           all that came before the writer,
 *	writers          ██████          ██████     one writer, all that came during it, ...
 *
 * Who has to wait spins, and yields the processor now and then: so it serves too where
 * there are more threads than processors.  All zeros is unlocked.
 *
 * Source: the phase-fair ticket lock of Brandenburg and Anderson, "Spin-Based
 * Reader-Writer Synchronization for Multiprocessor Real-Time Systems", 2010.
 */
#ifndef BASE_RWLOCK_H
#define BASE_RWLOCK_H

#include <sched.h>

#define RWLOCK_READER 4u /* rin and rout count by this; below in rin: */
#define RWLOCK_WRITER 2u /* a writer is there, */
#define RWLOCK_PHASE  1u /* its ticket's lowest bit */
#define RWLOCK_BITS   (RWLOCK_WRITER | RWLOCK_PHASE)
#define RWLOCK_SPINS  256 /* before the processor is yielded */

struct rwlock {
	unsigned rin, rout; /* readers that came, that went */
	unsigned win, wout; /* tickets of writers: the next, the one whose turn it is */
};

/* For the body of a loop that waits. */
static inline void rwlock_wait(unsigned *spins)
{
	if (++*spins % RWLOCK_SPINS == 0)
		sched_yield();
}

static inline void rwlock_read_lock(struct rwlock *lock)
{
	unsigned spins = 0;
	unsigned writer =
		__atomic_fetch_add(&lock->rin, RWLOCK_READER, __ATOMIC_ACQUIRE) & RWLOCK_BITS;

	while (writer && writer == (__atomic_load_n(&lock->rin, __ATOMIC_ACQUIRE) & RWLOCK_BITS))
		rwlock_wait(&spins);
}

static inline void rwlock_read_unlock(struct rwlock *lock)
{
	__atomic_fetch_add(&lock->rout, RWLOCK_READER, __ATOMIC_RELEASE);
}

static inline void rwlock_write_lock(struct rwlock *lock)
{
	unsigned spins = 0, came, ticket = __atomic_fetch_add(&lock->win, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&lock->wout, __ATOMIC_ACQUIRE) != ticket)
		rwlock_wait(&spins);
	came = __atomic_fetch_add(&lock->rin, RWLOCK_WRITER | (ticket & RWLOCK_PHASE),
				  __ATOMIC_RELAXED);
	while (__atomic_load_n(&lock->rout, __ATOMIC_ACQUIRE) != came)
		rwlock_wait(&spins);
}

static inline void rwlock_write_unlock(struct rwlock *lock)
{
	__atomic_fetch_and(&lock->rin, ~RWLOCK_BITS, __ATOMIC_RELEASE);
	__atomic_store_n(&lock->wout, lock->wout + 1, __ATOMIC_RELEASE);
}

#endif
