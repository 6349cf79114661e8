/*
 * spinlock - a lock for a few dozen instructions, four bytes, unlocked where zeroed
 *
 * Who waits gives its processor away now and then: there may be more threads than processors.
 */
#ifndef BASE_SPINLOCK_H
#define BASE_SPINLOCK_H

#include <sched.h>

struct spinlock {
	unsigned taken;
};

/* Until it looks free. */
static __attribute__((noinline, cold, unused)) void spin_wait(const struct spinlock *lock)
{
	for (unsigned tries = 1; __atomic_load_n(&lock->taken, __ATOMIC_RELAXED); tries++) {
		if (tries % 128 == 0)
			sched_yield();
	}
}

static inline void spin_lock(struct spinlock *lock)
{
	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE))
		spin_wait(lock);
}

static inline void spin_unlock(struct spinlock *lock)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif
