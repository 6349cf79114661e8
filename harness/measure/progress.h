/*
 * progress - one line on a terminal: what is being done, how far it is, how long it still takes
 *
 *	[ 42 %, 1:20 left] churn, 65536 VMAs: btree
 */
#ifndef HARNESS_PROGRESS_H
#define HARNESS_PROGRESS_H

#include <stdarg.h>
#include <stdbool.h>

struct progress {
	bool shown;           /* stderr is a terminal */
	double begin, drawn;  /* when, in wall_seconds() */
	double planned, done; /* in any unit */
};

void progress_begin(struct progress *progress, bool wanted);
void progress_plan(struct progress *progress, double weight);
void progress_done(struct progress *progress, double weight, const char *format, va_list args);
/* The same, where done is known and not a sum: a part of 1. */
__attribute__((format(printf, 3, 4))) void progress_at(struct progress *progress, double part,
						       const char *format, ...);
/* Takes the line away, so that something else can be printed. */
void progress_clear(struct progress *progress);

#endif
