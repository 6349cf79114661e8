/*
 * saved - the results of a run are in its file while it goes on
 *
 *	saved_begin   the file is looked at before anything is measured (base/outfile.h)
 *	saved_case    a case is done: the results so far replace the file; its field "incomplete"
 *	              names the cases that it has
 *	saved_end     all of them, without that field; or, after a signal, those that are done
 *	saved_leave   ends the process where a signal asked for it; what there is is shown before
 *
 *  1. What is in the file is whole at any moment, also after SIGKILL.  Where saving takes long
 *     against the cases, some of them are saved together: it takes a tenth of the time at most.
 *  2. The first SIGINT, SIGTERM or SIGHUP makes saved_stopped() true: the run drops the case that
 *     it is at, and saved_leave ends the process by that signal when the file is written.  The
 *     second one ends it at once.  Where no case was done, a file that is there is left alone.
 *  3. A pipe that nobody reads any more does not end a run that has a file.
 *  4. Resumed, a run does the cases that are missing.  The file must be of the same build, machine
 *     and options.  A file that is not there yet is begun, a complete one is left as it is.
 *  5. A device, a FIFO or stdout gets the results once, in the end.
 */
#ifndef HARNESS_SAVED_H
#define HARNESS_SAVED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/outfile.h"
#include "base/util.h"

struct saved {
	const char *who;  /* "vmabench VERB", for messages */
	const char *path; /* NULL: nothing is saved, but signals are taken all the same */
	bool resume;
	json_t *options;               /* what decides the results; owned */
	json_t *(*results)(void *ctx); /* all results now, a new reference */
	void *ctx;

	/* saved.c's own */
	json_t *before; /* what a run that is resumed left; else NULL */
	json_t *done;   /* names of cases */
	size_t cases;   /* done by this run */
	struct outfile out;
	double at, took; /* when the file was saved, and how many seconds it took */
};

/* 0; or -1 after a message: the file cannot be written or resumed.  saved_leave must follow. */
must_check int saved_begin(struct saved *saved, const json_t *context);
/* The results to go on with, borrowed; or NULL. */
const json_t *saved_before(const struct saved *saved);
/* Is the case in the file already? */
bool saved_has(const struct saved *saved, const char *name);
/* It is done; 0, or -1 after a message, when the file cannot be written any more. */
int saved_case(struct saved *saved, const char *name);

/* Is the run to end now? */
bool saved_stopped(void);

/* The last version of the file: 0, or -1 after a message. */
must_check int saved_end(struct saved *saved);
/* Frees what is in saved.  Does not return after a signal. */
void saved_leave(struct saved *saved);

#endif
