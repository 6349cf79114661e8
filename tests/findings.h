/*
 * findings - what a trace says happened, checked on the way to be possible
 */
#ifndef TESTS_FINDINGS_H
#define TESTS_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "workloads/format/trace.h"

#define MAX_TASKS 65536

struct span {
	uint64_t start, end;
	unsigned mm;
};

/* What is gathered of a trace, while it is checked that it may be true. */
struct findings {
	unsigned tasks, exits, execs, layouts_at_exit, layouts_after_exec, mms, faults;
	unsigned calls[TRACE_NKINDS], failed[TRACE_NKINDS];
	unsigned marks; /* mappings of MARK_LEN */
	unsigned mm_of[MAX_TASKS], users[MAX_TASKS];
	bool left[MAX_TASKS];        /* a layout at the end of this mm */
	struct span live[MAX_TASKS]; /* mappings of MARK_LEN that are there */
	unsigned nlive;
	uint64_t mark_files[8];
	bool has_faults;
};

/*
 * Reads the whole trace at path; fails the test where what it says cannot have been.
 * The findings are valid until the next call.
 */
struct findings *see_trace(const char *path);

/* Replays the trace at path over the array: are all results and layouts the kernel's? */
bool see_replay(const char *path);

/* Does the header of the trace at path say that this is missing? */
bool see_missing(const char *path, const char *what);

#endif
