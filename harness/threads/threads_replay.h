/*
 * threads_replay - a recorded program by several threads, each with a share of its tasks
 *
 *	recorded   c1  f2  c3  f4  f5  c6        c: call, f: fault, in the order of the trace
 *	thread 0   c1 ──────── f4 ─────── c6
 *	thread 1       f2  c3 ─────── f5
 *
 *  1. Each thread does the events of its tasks in their recorded order; with as many threads
 *     as tasks there is one for each.
 *  2. An event waits for those of other tasks that the plan names (threads_plan.h), and for
 *     nothing else.
 *  3. Each event leaves what it left when one thread did them all: its result, and of an mm that
 *     ends all VMAs and pages.
 */
#ifndef HARNESS_THREADS_REPLAY_H
#define HARNESS_THREADS_REPLAY_H

#include "harness/threads/threads.h"
#include "harness/threads/threads_plan.h"

/*
 * Replays it on that index under that locking with n threads, and verifies: 0 and the time,
 * a rate in events, and times->wrong if an event left something else than in the plan's serial
 * replay, a call had another result than recorded, or an mm contradicts itself; or -errno.
 */
must_check int threads_replay(const struct threads_plan *plan, const struct vma_index_ops *ops,
			      const struct mm_locking *locking, unsigned n,
			      struct threads_times *times);

#endif
