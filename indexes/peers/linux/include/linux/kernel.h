/*
 * kernel - what lib/maple_tree.c and lib/rbtree.c take for granted (see ../../README.md)
 */
#ifndef LINUX_KERNEL_H
#define LINUX_KERNEL_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

typedef unsigned gfp_t;

#define __init
#define __rcu
#define __must_hold(lock)
#define __maybe_unused       __attribute__((unused))
#define noinline             __attribute__((noinline))
#define fallthrough          __attribute__((fallthrough))
#define DIV_ROUND_UP(n, d)   (((n) + (d)-1) / (d))
#define READ_ONCE(x)         (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))
#define EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_GPL(symbol)

/* A warning of the kernel's is an error of whoever calls it: both end the program. */
#define WARN_ON(condition)                                                              \
	({                                                                              \
		bool true_ = (condition);                                               \
		if (unlikely(true_)) {                                                  \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
		true_;                                                                  \
	})
#define WARN_ON_ONCE(condition) WARN_ON(condition)
#define BUG_ON(condition)       ((void)WARN_ON(condition))

#endif
