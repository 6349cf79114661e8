/*
 * rcupdate - RCU for the kernel's code: the read section is its caller's
 *
 * Pointers are published as the kernel does it, and call_rcu puts off (slab.c).
 */
#ifndef LINUX_RCUPDATE_H
#define LINUX_RCUPDATE_H

#include <linux/kernel.h>

#include "base/backlog.h"

struct rcu_head {
	struct backlog_item item;
	void (*func)(struct rcu_head *head);
};

/* func(head) behind a grace period, at the end of the edit that makes a batch full. */
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));

#define rcu_read_lock()                    ((void)0)
#define rcu_read_unlock()                  ((void)0)
#define rcu_assign_pointer(p, value)       __atomic_store_n(&(p), value, __ATOMIC_RELEASE)
#define rcu_dereference_raw(p)             READ_ONCE(p)
#define rcu_dereference_check(p, held)     READ_ONCE(p)
#define rcu_dereference_protected(p, held) (p)
#define RCU_INIT_POINTER(p, value)         WRITE_ONCE(p, value)

#endif
