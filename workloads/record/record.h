/*
 * record - runs a program, or attaches to a running one, and writes the trace of its address spaces
 */
#ifndef WORKLOADS_RECORD_H
#define WORKLOADS_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/util.h"

enum record_order {
	RECORD_ORDER_BEST, /* by perf, where that is allowed */
	RECORD_ORDER_PERF,
	RECORD_ORDER_SERIAL,
};

struct record_options {
	const char *output;      /* the trace's path */
	char **command;          /* argv, NULL at its end; with pids: NULL */
	const pid_t *pids;       /* processes that run already, 0 at the end; NULL: command */
	double seconds;          /* with pids: end after so long; 0: when asked to */
	enum record_order order; /* how the order of calls is found; with pids: serial */
	size_t ring_size;        /* of perf's rings, bytes; 0: what is good */
	bool faults;             /* record page faults, where that is allowed */
	bool anonymize;          /* names and the command are left out: anonymize.h */
	bool allow_lost;         /* a trace that lacks some records is fine */
	bool progress;           /* show on stderr how far it is */
};

/*
 * Runs the command under ptrace, with all its threads and children, until the
 * last of them has ended, and writes the trace.  Returns the command's exit
 * status, 128 + the signal that killed it, or 2 (and a message on stderr) if
 * there is no trace, or one that lacks faults and must not.
 *
 * With pids: attaches to these processes, with all their threads and all children
 * they will have, until they have ended, or the seconds are over, or SIGINT,
 * SIGTERM or SIGHUP comes; then they run on as before.  Returns 0, or 2 as above.
 *
 * Takes over waitpid(), SIGTERM, SIGHUP, SIGINT and SIGQUIT of the calling process,
 * which must have one thread and no other children.
 */
must_check int record_run(const struct record_options *options);

struct trace_info;

/*
 * A header's part that is this machine's and this process's: kernel, sysctls, limits, capabilities,
 * what it has inherited; with strings to be freed.  All the rest is 0.
 */
void record_settings(struct trace_info *info);

/* The pools of huge pages of this machine, as trace_info has them; to be freed. */
char *hugetlb_collect(void);

#endif
