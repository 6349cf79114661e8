/*
 * recording - a subject (subjects.h) recorded by a process of its own, in each way there is
 */
#ifndef TESTS_RECORDING_H
#define TESTS_RECORDING_H

#include <sys/types.h>

#include "tests/subjects.h"
#include "workloads/record/record.h"

/* The order by perf, if that is allowed; serial order; the same as another user than root. */
enum recording_way { RECORDING_BEST, RECORDING_SERIAL, RECORDING_USER, RECORDING_WAYS };

extern char recording_path[]; /* the trace */

/* A test's fixture. */
void recording_setup(void);
void recording_teardown(void);
/* In a child: whoever runs the tests is no longer root, and may still be looked at. */
void recording_become_user(void);
/* Starts the recorder in a child, or ends the test. */
pid_t recording_start(const char *subject, enum recording_way way);
/* Its exit status; -1: it was killed. */
int recording_end(pid_t recorder);
/* Both. */
int recording_of(const char *subject, enum recording_way way);

#endif
