/*
 * check_shrink - few events that still show a difference
 *
 * Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
 * Failure-Inducing Input", 2002), on complements only: pieces of the events are
 * left out, larger pieces first, as long as what is left still differs.
 */
#include "harness/check/check.h"

#include <stdlib.h>
#include <string.h>

#include "harness/measure/clock.h"

/* Keeps what a trace may hold: events of tasks that are alive, files and layouts as they came. */
static void keep_possible(struct check_events *events, bool *alive)
{
	size_t n = 0;

	memset(alive, 0, TRACE_MAX_TASKS);
	alive[1] = true;

	for (size_t i = 0; i < events->n; i++) {
		const struct trace_event *e = &events->event[i];

		if (!alive[e->task])
			continue;
		if (e->kind == TRACE_FORK)
			alive[e->arg[0]] = true;
		if (e->kind == TRACE_EXIT)
			alive[e->task] = false;
		events->event[n++] = *e;
	}
	events->n = n;
}

static bool is_fixed(const struct trace_event *e)
{
	switch (e->kind) {
	case TRACE_FILE:
	case TRACE_FILE_SIZE:
	case TRACE_FILE_MORE:
	case TRACE_FILE_SEALS:
	case TRACE_FILE_FLAGS:
	case TRACE_HUGE_FILE:
	case TRACE_EXEC:
	case TRACE_LAYOUT:
	case TRACE_VMA:
		return true;
	default:
		return false;
	}
}

/* out = events without those of [from, to) that may go. */
static void without(const struct check_events *events, size_t from, size_t to,
		    struct check_events *out)
{
	static bool alive[TRACE_MAX_TASKS];

	out->n = 0;
	for (size_t i = 0; i < events->n; i++) {
		if (i < from || i >= to || is_fixed(&events->event[i]))
			out->event[out->n++] = events->event[i];
	}
	keep_possible(out, alive);
}

/* Leaves out pieces of that size wherever it can; true if any went. */
static bool pass(struct check_events *events, struct check_events *spare, size_t piece,
		 double deadline, check_differs_fn differs, void *arg)
{
	bool went = false;

	for (size_t from = 0; from < events->n && wall_seconds() < deadline;) {
		without(events, from, from + piece, spare);
		if (spare->n < events->n && differs(spare, arg)) {
			struct check_events swap = *events;

			*events = *spare;
			*spare = swap;
			went = true;
		} else {
			from += piece;
		}
	}
	return went;
}

void check_shrink(struct check_events *events, double seconds, check_differs_fn differs, void *arg)
{
	double deadline = wall_seconds() + seconds;
	struct check_events spare = { .room = events->room };
	size_t piece = events->n / 2;

	spare.event = malloc(spare.room * sizeof(*spare.event));
	while (spare.event && piece && wall_seconds() < deadline) {
		bool went = pass(events, &spare, piece, deadline, differs, arg);

		if (!went || piece > 1)
			piece = piece > 1 ? piece / 2 : 0;
	}
	free(spare.event);
}
