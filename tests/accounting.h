/*
 * accounting - a driver that keeps books of the VMAs it is told of
 *
 * As config.mmap_hook it stands in front of the driver of every VMA that is not anonymous
 * and hands each call on.  It ends the test where a VMA is opened twice, closed twice or
 * not opened at all, and where it is asked something by a VMA that it does not know.
 * One test at a time uses it.
 */
#ifndef TESTS_ACCOUNTING_H
#define TESTS_ACCOUNTING_H

#include "mm/internal.h"

struct accounting {
	unsigned long mapped, opened, closed;   /* VMAs; mapped: by a new mapping of their file */
	unsigned long moved, faults;            /* calls of mremap and fault */
	unsigned long alive;                    /* mapped or opened, and not closed */
	int mmap_says, mremap_says, split_says; /* 0, or the error that the driver has for all */
};

extern struct accounting accounting;

/* The hook. */
int accounting_mmap(struct vm_area_struct *vma);

/* All books closed, or the test ends: every VMA that came has gone. They start anew. */
void accounting_settle(void);

#endif
