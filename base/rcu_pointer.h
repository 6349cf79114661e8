/*
 * rcu_pointer - a pointer that is published by a writer and followed by concurrent readers
 *
 * rcu_store writes it, behind all that it points to; rcu_load reads it.  Apart from rcu.h,
 * because whoever only follows such pointers needs no liburcu.
 */
#ifndef BASE_RCU_POINTER_H
#define BASE_RCU_POINTER_H

#define rcu_load(p)         __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define rcu_store(p, value) __atomic_store_n(p, value, __ATOMIC_RELEASE)

#endif
