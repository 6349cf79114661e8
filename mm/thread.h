/*
 * thread - which of a machine's threads this is: each has counters and free pages of its own
 */
#ifndef MM_THREAD_H
#define MM_THREAD_H

#include <stddef.h>

/* 0 to config.threads - 1; set by mm_thread_enter (locking.h). */
extern __thread unsigned mm_thread;

/* What this thread has in place of *p, which is thread 0's: the machine has one for each. */
#define MM_THREAD_STRIDE 1024
#define this_cpu(p)      ((__typeof__(p))((char *)(p) + (size_t)mm_thread * MM_THREAD_STRIDE))

#endif
