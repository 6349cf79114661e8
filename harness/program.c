/*
 * program - a recorded program in memory, decoded (see program.h)
 */
#include "harness/program.h"
#include "base/escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TRACE_BYTES ((size_t)1 << 30)       /* decoded */

void program_free(struct program *program)
{
	for (size_t i = 0; i < program->n; i++)
		free((char *)program->events[i].name);
	free(program->events);
	trace_close(program->reader);
}

static const char *program_add(struct program *program, const struct trace_event *event)
{
	struct trace_event *copy;

	if (program->n == program->room) {
		size_t room = program->room ? program->room * 2 : 4096;

		if (room * sizeof(*copy) > MAX_TRACE_BYTES)
			return "too long to be kept in memory";
		copy = realloc(program->events, room * sizeof(*copy));
		if (!copy)
			return "memory is out";
		program->events = copy;
		program->room = room;
	}
	copy = &program->events[program->n];
	*copy = *event;
	copy->name = strdup(event->name);
	if (!copy->name)
		return "memory is out";
	program->n++;
	return NULL;
}

void program_name(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');

	base = escape_text(base ? base + 1 : path);
	snprintf(name, size, "replay-%.*s", (int)strcspn(base, "."), base);
}

const char *program_load(struct program *program, const char *path,
				struct trace_error *error)
{
	const char *why = NULL;
	struct trace_event event;
	int more = 0;

	*program = (struct program){ 0 };
	program_name(path, program->name, sizeof(program->name));
	program->reader = trace_open(path, error);
	if (!program->reader)
		return error->reason;
	while (!why && (more = trace_next(program->reader, &event, error)) > 0)
		why = program_add(program, &event);
	if (more < 0)
		why = error->reason;
	if (why)
		program_free(program);
	return why;
}
