/*
 * threads_mm - an address space for several threads, and what they do with it
 *
 *	0x1000000    0x10000000 ...          0x600000000000 ...            mmap_base
 *	| heap ▶     | the layout's VMAs     | each thread's own, 1 GiB    ◀ what mm places |
 *
 *  1. The layout's VMAs are there under each workload, so that their number is an axis.
 *     Every second one stays, its first page written to; two beside each other are
 *     never alike, or they would become one.
 *  2. A thread unmaps only what it, or in the pipeline the one before it, has mapped; so
 *     every call and every fault has one right result.
 *  3. Calls are made inside of mm_call_begin() and mm_call_end(), faults are
 *     mm_user_fault()'s.
 */
#ifndef HARNESS_THREADS_MM_H
#define HARNESS_THREADS_MM_H

#include "harness/threads/threads.h"
#include "mm/mm.h"

#define THREADS_HEAP         0x1000000UL
#define THREADS_FILE_PAGES   2048UL /* of each thread's file */
#define THREADS_GLOBAL_PAGES 8192UL
#define THREADS_RING         64

/* Regions on their way from a thread, which writes head, to the next, which writes tail. */
struct threads_ring {
	unsigned long head __attribute__((aligned(64)));
	unsigned long tail __attribute__((aligned(64)));
	unsigned long regions[THREADS_RING];
} __attribute__((aligned(64)));

struct threads_mm {
	struct machine *machine;
	struct mm_struct *mm;
	const struct layout *layout;
	struct threads_places places;
	unsigned threads;           /* the most at a time */
	struct file **files;        /* one for each thread */
	struct threads_ring *rings; /* likewise */
	unsigned long global;       /* a region for all, THREADS_GLOBAL_PAGES */
};

/* An address in an area of the thread's own. */
static inline unsigned long threads_own(unsigned number, unsigned long offset)
{
	return 0x600000000000UL + ((unsigned long)number << 30) + offset;
}

/* The rights of what is mapped at that place: its neighbours have others. */
unsigned long threads_prot(uint32_t place);

#endif
