/*
 * rcu - read-copy-update: readers that hold nothing up, and what is freed behind them
 *
 *	reader    lock.......unlock          lock....unlock
 *	writer         publish  |  wait for a grace period  |  free what publish replaced
 *
 * liburcu's memb flavour, by its own names: rcu_register_thread and
 * rcu_unregister_thread of each thread that reads, rcu_read_lock and
 * rcu_read_unlock around its reads, synchronize_rcu, never in between them.
 * Where no thread is registered, a grace period costs next to nothing.
 *
 * A pointer that a reader follows is written by rcu_store, behind all that it
 * points to, and read by rcu_load (rcu_pointer.h).  What is to be freed waits in a backlog
 * (backlog.h).
 *
 * ThreadSanitizer does not see inside liburcu: in its build nothing of that is
 * inlined, and it is told what a grace period puts in order.
 */
#ifndef BASE_RCU_H
#define BASE_RCU_H

#ifndef __SANITIZE_THREAD__
#define _LGPL_SOURCE /* a few lines of the library are inlined, as it allows */
#endif
#define URCU_API_MAP /* rcu_read_lock, not urcu_memb_read_lock */
#include <urcu/urcu-memb.h>

#include "base/rcu_pointer.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>

/* What stands for all grace periods. */
#define RCU_TOLD ((void *)urcu_memb_synchronize_rcu)

static inline void rcu_read_unlock_told(void)
{
	__tsan_release(RCU_TOLD);
	rcu_read_unlock();
}

static inline void synchronize_rcu_told(void)
{
	synchronize_rcu();
	__tsan_acquire(RCU_TOLD);
}

#undef rcu_read_unlock
#undef synchronize_rcu
#define rcu_read_unlock rcu_read_unlock_told
#define synchronize_rcu synchronize_rcu_told
#endif

#endif
