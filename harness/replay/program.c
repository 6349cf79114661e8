/*
 * program - a recorded program in memory, decoded (see program.h)
 */
#include "harness/replay/program.h"
#include "base/escape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/replay/replay.h"

static size_t name_bytes(const char *name)
{
	return strlen(name) + 1;
}

void program_free(struct program *program)
{
	for (size_t i = 0; i < program->n; i++) {
		budget_give(&replay_budget, name_bytes(program->events[i].name));
		free((char *)program->events[i].name);
	}
	budget_give(&replay_budget, program->room * sizeof(*program->events));
	free(program->events);
	trace_close(program->reader);
}

/* Room for one more event: 0 or -ENOMEM. */
static int program_reserve(struct program *program)
{
	size_t room = program->room ? program->room * 2 : 1024;
	size_t more = (room - program->room) * sizeof(*program->events);
	struct trace_event *events = NULL;

	if (program->n < program->room)
		return 0;
	if (!budget_take(&replay_budget, more))
		return -ENOMEM;
	events = realloc(program->events, room * sizeof(*events));
	if (!events) {
		budget_give(&replay_budget, more);
		return -ENOMEM;
	}
	program->events = events;
	program->room = room;
	return 0;
}

static int program_add(struct program *program, const struct trace_event *event)
{
	struct trace_event copy = *event;

	if (program_reserve(program) || !budget_take(&replay_budget, name_bytes(event->name)))
		return -ENOMEM;
	copy.name = strdup(event->name);
	if (!copy.name) {
		budget_give(&replay_budget, name_bytes(event->name));
		return -ENOMEM;
	}
	program->events[program->n++] = copy;
	return 0;
}

void program_name(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');

	base = escape_text(base ? base + 1 : path);
	snprintf(name, size, "replay-%.*s", (int)strcspn(base, "."), base);
}

const char *program_load(struct program *program, const char *path, struct trace_error *error)
{
	const char *why = NULL;
	struct trace_event event;
	int more = 0;

	*program = (struct program){ 0 };
	program_name(path, program->name, sizeof(program->name));
	program->reader = trace_open(path, error);
	if (!program->reader)
		return error->reason;
	replay_budget.refused = false;
	while (!why && (more = trace_next(program->reader, &event, error)) > 0) {
		if (program_add(program, &event))
			why = replay_out_of_memory();
	}
	if (more < 0)
		why = error->reason;
	if (why)
		program_free(program);
	return why;
}

const char *program_replay(struct program *program)
{
	const struct trace_info *info = trace_info(program->reader);
	struct replay_options options;
	struct replay_world *world;
	int err = 0;

	replay_options_default(&options);
	world = replay_create(vma_index_lookup("btree"), info, &options);
	for (size_t i = 0; world && i < program->n && !err; i++)
		err = replay_event(world, &program->events[i]);
	if (world && !err)
		replay_note(info, world, program->note, sizeof(program->note));
	replay_destroy(world);
	return world && !err ? NULL : replay_out_of_memory();
}
