/*
 * replay - a recorded program once more, in the emulated mm, over one index
 *
 * A world is one emulated machine that follows a trace event by event.  Each
 * recorded result and layout is compared with what the emulation has; where
 * they differ the difference is counted (and handed to whoever wants to show
 * it), and the emulation follows the recording, so that one difference does
 * not become thousands.  No event is skipped.
 */
#ifndef HARNESS_REPLAY_H
#define HARNESS_REPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "mm/mm.h"
#include "workloads/format/trace.h"

/* How many were compared, and how many agreed. */
struct replay_tally {
	uint64_t compared, equal;
};

/* What an address space looks like. */
struct replay_shape {
	uint64_t vmas, gaps;  /* gaps: between VMAs */
	uint64_t largest_gap; /* bytes, from mmap_min_addr to task_size */
	uint64_t span;        /* bytes that all places chosen so far lie within */
	uint64_t tables;      /* page-table pages */
};

/* What a replay with another policy or rule has to say. */
struct replay_whatif {
	struct replay_shape widest; /* the mm with the most VMAs, then (within 2 %) */
	uint64_t end_vmas;          /* of all mms when their last tasks left them */
	uint64_t peak_tables;       /* page-table pages, the most in any one mm */
	uint64_t merges;            /* ranges that became one with a neighbour */
	/* what was done otherwise, so that the program could go on */
	uint64_t moved;        /* MAP_FIXED, where another stood: placed elsewhere */
	uint64_t in_parts;     /* calls whose range is in several places */
	uint64_t not_tried;    /* mremaps that the kernel refused: layout decides */
	uint64_t beyond_limit; /* calls that left more VMAs than max_map_count */
	uint64_t below_limit;  /* calls that failed for it, and do not here */
};

struct replay_counts {
	uint64_t events, syscalls, faults;
	struct replay_tally results;    /* of system calls: address, 0 or errno */
	struct replay_tally placements; /* of those: where mmap, mremap, shmat chose the place */
	struct replay_tally layouts;    /* of an mm when its last task leaves it */
	uint64_t random_placements;     /* MAP_32BIT under ASLR: random by design, not compared */
	uint64_t not_modelled;          /* calls without a rule in mm: left out, or as recorded */
	uint64_t huge_pages_told;       /* times that pools or files had others than here */
	uint64_t faults_guessed;        /* of them: read or write, that was not recorded */
	uint64_t faults_inferred;       /* beside them: no faults, but pages found written */
	uint64_t faults_without_mm;     /* of tasks that have left theirs */
	uint64_t tasks, mms;            /* ever */
	uint64_t peak_vmas;             /* the most in any one mm */
	uint64_t bad_events;            /* that contradict the trace itself, as a task born twice */
	struct replay_whatif whatif;    /* where options.whatif is set */
};

/* A difference between the recording and the emulation, for whoever shows it. */
struct replay_difference {
	uint64_t event;                     /* its number, from 1 */
	const struct trace_event *recorded; /* NULL when it is about a layout */
	int64_t result;                     /* the emulation's */
	const char *text;                   /* in words, where recorded is NULL */
};
typedef void (*replay_difference_fn)(const struct replay_difference *difference, void *arg);

/* What was not modelled, by name, and how often; REPLAY_NAMES and more share the last. */
#define REPLAY_NAMES 32
struct replay_name {
	char name[96];
	uint64_t times;
};

struct replay_options {
	const struct find_cache *find_cache; /* in front of find_vma */
	unsigned pagetable_levels;           /* 4 or 5 */
	enum thp huge_pages;                 /* which anonymous memory gets some */
	unsigned leave_out;                  /* enum leave_out of mm.h */
	unsigned without;                    /* enum part of mm.h */
	bool no_rmap, no_faults;             /* nor these: recorded faults are passed over */
	bool digest;                         /* compare layouts, digest each mm as it ends */
	bool compare;                        /* results with the recording's, and follow it */
	const struct placement_policy *placement;
	const struct merge_rule *merge;
	const struct mm_locking *locking; /* one thread does it all, but by these rules; */
	unsigned threads;                 /* or so many (threads_replay.h); 0 is 1 */
	uint64_t seed;                    /* of the random placement */
	uint64_t reclaim;                 /* after so many events each time: shrink_all; 0: never */
	int (*mmap_hook)(struct vm_area_struct *vma); /* as in config of mm.h */
	/*
	 * Places are the emulation's own, and recorded addresses are translated;
	 * compared is what the program would see: results but for addresses, and at
	 * the end each recorded byte with its rights, file and offset.  Needed where
	 * placement or merge is not Linux's and events are recorded ones.
	 */
	bool whatif;
	replay_difference_fn on_difference; /* may be NULL */
	void *arg;
};

struct replay_world;

/*
 * What all worlds together, and what is read for them, may take of the host's memory: no
 * trace eats the host, whatever it asks for.  replay_budget.limit may be set before the first.
 */
#define REPLAY_MEMORY ((size_t)400 << 20)
extern struct budget replay_budget;

/* The usual options: cache, 4 levels, digest, compare, Linux's policy and rule, tell nobody. */
void replay_options_default(struct replay_options *options);

/* A new world for a trace with this header, or NULL if out of memory. */
must_check struct replay_world *replay_create(const struct vma_index_ops *ops,
					      const struct trace_info *info,
					      const struct replay_options *options);

/*
 * The next event: 0, or -ENOMEM (then only destroy it): the budget, the recorded machine's RAM
 * and swap, or the host's memory are out, whatever the call itself may have returned.
 */
must_check int replay_event(struct replay_world *world, const struct trace_event *event);

/* After NULL of replay_create, or -ENOMEM of replay_event: what is out, in words. */
const char *replay_out_of_memory(void);

/* What the last system call returned here. */
int64_t replay_result(const struct replay_world *world);

/* Digest of all results and of all address spaces that ended so far. */
uint64_t replay_hash(const struct replay_world *world);

/* Digest of the address spaces that are alive now. */
uint64_t replay_live_hash(const struct replay_world *world);

/*
 * The end of the trace: address spaces that are still alive go into the digest,
 * which is returned. Only counts, machine and destroy may follow.
 */
uint64_t replay_finish(struct replay_world *world);

const struct replay_counts *replay_counts(const struct replay_world *world);
/* counts.not_modelled by name; the first that has no times ends them. */
const struct replay_name *replay_names(const struct replay_world *world);
/* Was everything as it was recorded? */
bool replay_equal(const struct replay_counts *counts);
/*
 * What was not as recorded: differences, and calls without a rule, the first of them by name. "" if
 * there is nothing.  Returns text, of size bytes.
 */
char *replay_unlike(const struct replay_world *world, char *text, size_t size);
/* The same with faults and calls that were not recorded: to be said beside any number of it. */
char *replay_note(const struct trace_info *info, const struct replay_world *world, char *text,
		  size_t size);
const struct machine *replay_machine(const struct replay_world *world);

/* Where the kernel's addr is here, for tests; addr itself where nothing is translated. */
unsigned long replay_translate(const struct replay_world *world, uint32_t task, unsigned long addr);

/* The mm of a task, or NULL: for those who look into a world between events. */
struct mm_struct *replay_mm(const struct replay_world *world, uint32_t task);

/* What mm_verify says of the first mm that contradicts itself, or rmap_verify, or NULL. */
const char *replay_verify(const struct replay_world *world, FILE *report);

void replay_destroy(struct replay_world *world);

#endif
