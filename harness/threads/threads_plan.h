/*
 * threads_plan - what each event of a recorded program waits for, if several threads replay it
 *
 *	task 1   mmap A ── mmap B ──────────── munmap A      time goes to the right
 *	            │         │                    │
 *	task 2      └── fault A ── fault A' ───────┘         │: the right one waits for the left one
 *	task 3                └── fault B ── fault B'
 *
 *  1. A task's events are done in their recorded order; a task's first after its birth.
 *  2. So are the calls of one mm, which change its layout, and stacks that grow.
 *  3. A fault that gives its VMA an anon_vma, and a call, are done after the last ones that looked
 *     at, or changed, these VMAs or their neighbours.
 *  4. Any other fault is done after whatever last changed its VMA, and after the last event
 *     that touched its page; so is a call for each page of its range.  Pages of files that
 *     someone shares count for all mms together, and the end of an mm looks at all that it shows.
 *  5. What concerns a whole mm (fork, exec, its last exit, mlockall and the like) is done after
 *     all of that mm before it, and before all behind it.
 *  6. What concerns the machine's tables (2.'s fork, exec, last exit; layouts; shmat) is done in
 *     recorded order, and what cuts files short after all before it and before all behind it.
 *
 * Which VMAs an event looks at, and what it leaves, a serial replay tells: the plan is made
 * beside one.  Where memory is committed strictly (overcommit 2) all mms' calls are one order.
 */
#ifndef HARNESS_THREADS_PLAN_H
#define HARNESS_THREADS_PLAN_H

#include "harness/replay/program.h"
#include "harness/replay/replay.h"

/* Of one program of n events. */
struct threads_plan {
	const struct program *program;
	/* event i waits for after[first[i]] to after[first[i + 1] - 1], events of other tasks */
	uint32_t *first, *after; /* [n + 1], [nafter] */
	size_t nafter, room;
	uint64_t *digest; /* [n]: of what each returned, and of the mm that it ended */
	uint64_t live;    /* of the mms there are at the end */
	uint32_t tasks;   /* their highest number */
};

/* 0 or -ENOMEM; to be ended by threads_plan_done. */
must_check int threads_plan_make(struct threads_plan *plan, const struct program *program);
void threads_plan_done(struct threads_plan *plan);

/*
 * How long n threads take that wait for nothing else, in events that all take the same time; or 0
 * when out of memory.  As many as tasks: the longest chain of events that wait for each other.
 */
uint32_t threads_plan_length(const struct threads_plan *plan, unsigned n);

/* A world for it, with all files open and room for all tasks, or NULL if out of memory. */
must_check struct replay_world *threads_world(const struct threads_plan *plan,
					      const struct vma_index_ops *ops,
					      const struct mm_locking *locking, unsigned threads);

/* Event i, which is no TRACE_FILE: 0 and its digest, whoever does it; or -ENOMEM. */
must_check int threads_step(struct replay_world *world, const struct threads_plan *plan, uint32_t i,
			    uint64_t *digest);

#endif
