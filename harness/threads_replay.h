/*
 * threads_replay - a recorded program by several threads, each with a share of its tasks
 *
 *	recorded   c1  f2  c3  f4  f5  c6        c: call, f: fault, in the order of the trace
 *	thread 0   c1 ──────── f4 ─────── c6
 *	thread 1       f2  c3 ─────── f5
 *
 *  1. Each thread does the events of its tasks in their recorded order; with as many threads
 *     as tasks there is one for each.
 *  2. Calls are done in their recorded order, and after the faults before them that touch
 *     what they change.
 *  3. A fault waits for the last call before it that touches its page, so that what was
 *     mapped for it is there; else it is free.
 *  4. What concerns the world (forks, execs, exits, files, limits), and faults that were
 *     inferred, are done when all before them is, and before all behind them.
 *
 * To look only so far back, 2 and 3 heed the last THREADS_LOOK_BACK calls or events one by
 * one, and what came before these as if it touched everything.
 */
#ifndef HARNESS_THREADS_REPLAY_H
#define HARNESS_THREADS_REPLAY_H

#include "harness/program.h"
#include "harness/replay.h"
#include "harness/threads.h"

#define THREADS_LOOK_BACK 256

/* What each event waits for. */
struct threads_plan {
	const struct program *program;
	uint32_t *turns_done;   /* so many of calls and the like must be done, */
	uint32_t *all_done;     /* and all events before this one */
};

/* 0 or -ENOMEM; to be ended by threads_plan_done. */
must_check int threads_plan_make(struct threads_plan *plan, const struct program *program);
void threads_plan_done(struct threads_plan *plan);

/*
 * Replays it on that index under that locking with n threads, and verifies: 0 and the time,
 * a rate in events, and times->wrong if a call had another result than recorded or an mm
 * contradicts itself; or -errno.
 */
must_check int threads_replay(const struct threads_plan *plan, const struct vma_index_ops *ops,
			      const struct mm_locking *locking, unsigned n,
			      struct threads_times *times);

#endif
