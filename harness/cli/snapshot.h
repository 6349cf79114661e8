/*
 * snapshot - the address spaces of a recorded program at one event of its trace
 */
#ifndef HARNESS_SNAPSHOT_H
#define HARNESS_SNAPSHOT_H

#include <argp.h>
#include <stdint.h>

#include "mm/mm.h"

/* When to look, and at whom. All zero: at each address space as its last task leaves it. */
struct snapshot {
	const char *path; /* of the trace */
	uint64_t event;   /* after that one, counted from 1; 0: at the end of each */
	uint32_t task;    /* whose mm; 0: every one */
	uint64_t reclaim; /* as in replay_options */
};

/* What is shown of one mm. */
typedef void (*snapshot_fn)(struct mm_struct *mm, void *arg);

/*
 * Replays the trace and calls show as snapshot says; before each a line names the task, if
 * there may be several.  Returns the exit status; what was wrong is on stderr.
 */
int snapshot_show(const struct snapshot *snapshot, snapshot_fn show, void *arg);

/*
 * --event, --at, --mm, --reclaim and the trace, a child of a verb's argp, which has to set its
 * child_inputs[0] to a struct snapshot at ARGP_KEY_INIT.
 */
extern const struct argp_child snapshot_children[];

#endif
