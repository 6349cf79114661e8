/*
 * event_text - an event of a trace as a line that a person can read
 *
 *	  SECONDS  TASK  EVENT arguments = result
 */
#ifndef HARNESS_EVENT_TEXT_H
#define HARNESS_EVENT_TEXT_H

#include <stdio.h>

#include "workloads/format/trace.h"

/* The event, and a newline. */
void event_print(FILE *out, const struct trace_event *event);

/* What a system call returned: -ENOMEM, 42, 0x7f0000000000. */
void event_print_result(FILE *out, int64_t result);

/* "traces/gcc.vmt" -> "gcc", in name. */
void trace_base_name(const char *path, char *name, size_t size);

#endif
