/*
 * check - random operations on several indexes in lockstep
 *
 * The operations are events as recorded programs have them, made up by a seeded
 * generator; each index has a world (replay.h) that follows them.  All
 * must return the same and hold the same; where they do not, the events are
 * shrunk to few and written as a trace that replays.
 */
#ifndef HARNESS_CHECK_H
#define HARNESS_CHECK_H

#include "base/rng.h"
#include "harness/measure/index_list.h"
#include "harness/measure/progress.h"
#include "harness/replay/replay.h"
#include "workloads/format/trace.h"

struct check_options {
	uint64_t ops, seed;
	unsigned long vmas;        /* about how many to keep in an mm */
	uint64_t verify_every;     /* events between full checks of everything */
	const char *save;          /* where a shrunk difference goes */
	struct progress *progress; /* may be NULL */
	double shrink_seconds;     /* how long shrinking may take */
	unsigned pagetable_levels;
	const struct placement_policy *placement;
	const struct merge_rule *merge;
	unsigned leave_out; /* enum leave_out: rules that the emulation forgets */
	bool quiet;
};

void check_options_default(struct check_options *options);

struct check_report {
	uint64_t ops;                   /* done by every index */
	double seconds[INDEX_LIST_MAX]; /* CPU time of each index's world */
	uint64_t peak_vmas, forks;
	uint64_t by_kind[TRACE_NKINDS];
	uint64_t failed_calls; /* that returned an error: they are tests too */
	uint64_t hash;         /* the state hash at the end */
	bool different;
	uint64_t event; /* of the difference, from 1 */
	char what[640]; /* the difference, in words */
	size_t shrunk;  /* events that are left of it */
};

/*
 * Runs: 0 and report (report->different says whether all agreed), or -1 when
 * out of memory or options->save cannot be written, with a message on stderr.
 */
must_check int check_run(const struct index_list *indexes, const struct check_options *options,
			 struct check_report *report);

/* The same for one index beside the running kernel; see check_kernel.h. */
must_check int check_kernel(const struct vma_index_ops *index, const struct check_options *options,
			    struct check_report *report);

/* ---- check_gen.c: the events ---- */

#define CHECK_TASKS  4
#define CHECK_PLACES 64
#define CHECK_FILES  7 /* the last one is a System V segment */

struct check_gen {
	struct rng rng;
	unsigned long vmas; /* to keep about */
	unsigned prologue;  /* events of the beginning given out so far */
	uint32_t next_task;
	uint32_t task[CHECK_TASKS];         /* alive, 0: none */
	unsigned long places[CHECK_PLACES]; /* where calls placed something, of late */
};

/* The header of a synthetic trace. */
void check_info(struct trace_info *info);

void check_gen_start(struct check_gen *gen, uint64_t seed, unsigned long vmas);

/* The next event; world tells what is mapped where. */
void check_gen_next(struct check_gen *gen, const struct replay_world *world,
		    struct trace_event *event);

/* ---- check.c: events and what is left of them ---- */

struct check_events {
	struct trace_event *event;
	size_t n, room;
};

/* One more, at the end; NULL if out of memory. */
struct trace_event *check_events_add(struct check_events *events);

/* Writes them as a trace, their tasks renumbered: 0, or -1 with a message. */
must_check int check_save(const char *path, const struct trace_info *info,
			  const struct check_events *events);

/* ---- check_shrink.c ---- */

/* Do these events still show the difference? */
typedef bool (*check_differs_fn)(const struct check_events *events, void *arg);

/* Leaves few events that still do, taking about so many seconds at most. */
void check_shrink(struct check_events *events, double seconds, check_differs_fn differs, void *arg);

#endif
