/*
 * report - BENCHMARKS.md: what its parts share
 *
 *	cmd_report.c       where it was run, conclusions, a table for each section
 *	report_threads.c   what several threads do at a time
 *	report_targets.c   what btree is to reach against its peers, met or missed
 *	report_parts.c     what each part of mm costs
 */
#ifndef HARNESS_REPORT_H
#define HARNESS_REPORT_H

#include "harness/measure/results.h"

#define REPORT_MAX_INDEXES 32

struct report {
	const struct results *results;
	const char *plots;      /* the folder; NULL: none */
	json_t *counts, *worst; /* what is given of these, or NULL */
	struct results *scalar;
	FILE *out;
	const char *indexes[REPORT_MAX_INDEXES]; /* all but the peers */
	size_t n;
	const char *peers[REPORT_MAX_INDEXES];
	size_t npeers;
};

/* Did other people write this index, or is it the bound?  Then it is shown beside ours. */
bool report_is_peer(const char *index);

/* The table of targets, programs, orders, worst edits, speed of replays: what is there. */
void report_targets(const struct report *report);

/* A section for the instructions of recorded programs, if they were counted. */
void report_programs(const struct report *report);

/* A section for concurrent workloads, if the results have any. */
void report_threads(const struct report *report);

/* A link to a plot, if it was drawn. */
void report_plot(const struct report *report, const char *plot);

/* What each part of mm costs, and the find caches' hits, if the results have it. */
void report_parts(const struct report *report);

#endif
