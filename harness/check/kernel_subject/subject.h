/*
 * subject - what 'vmabench check --kernel' and its subject share
 *
 * The subject is a program without a C library that does system calls as it is
 * told, in an address space with as little in it as possible.  Orders and
 * answers go through one piece of shared memory, the board; a futex in it
 * says whose turn it is.
 *
 *	checker   orders … turn = task ─┐          ┌─ compares
 *	subject                         └─ does them, turn = 0
 *
 * The subject and the children that it forks are tasks with numbers; each
 * waits for its own.
 */
#ifndef KERNEL_SUBJECT_H
#define KERNEL_SUBJECT_H

#include <stdint.h>

#define SUBJECT_FD      200           /* the board's descriptor */
#define SUBJECT_MAPS_FD 201           /* each task's own /proc/self/maps */
#define SUBJECT_BOARD   0x200000000UL /* where the board is mapped there */
#define SUBJECT_ORDERS  256
#define SUBJECT_VMAS    5

/* PROCMAP_QUERY of Linux 6.11, which older headers lack. */
struct subject_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define SUBJECT_PROCMAP_QUERY 0xc0686611UL /* _IOWR('f', 17, struct subject_query) */
/* query_flags; the answer in vma_flags: 1 read, 2 write, 4 execute, 8 shared */
#define SUBJECT_COVERING_OR_NEXT 0x10

struct subject_vma {
	uint64_t start, end, flags, offset, inode; /* all 0: there is none */
};

struct subject_order {
	int64_t nr; /* of the system call */
	uint64_t arg[6];
	uint32_t child;   /* clone: the child's task number */
	uint64_t look[2]; /* afterwards three VMAs from here on, and two */
	uint64_t data[2]; /* what arguments may point to */
	int64_t result;
	struct subject_vma vma[SUBJECT_VMAS];
};

struct subject_board {
	uint32_t turn; /* a task's number; 0: the checker's */
	uint32_t orders;
	int32_t checker; /* its process; the tasks end when it is gone */
	uint32_t looks;  /* 0: no PROCMAP_QUERY here */
	struct subject_order order[SUBJECT_ORDERS];
};

#endif
