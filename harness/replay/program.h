/*
 * program - a recorded program in memory, decoded
 */
#ifndef HARNESS_PROGRAM_H
#define HARNESS_PROGRAM_H

#include "workloads/format/trace.h"

struct program {
	char name[128];              /* the file's, without .vmt, behind "replay-" */
	struct trace_reader *reader; /* owns the header */
	struct trace_event *events;
	size_t n, room;
	size_t peak_vmas;
	char note[512]; /* replay_note() of it, once program_replay() was called */
};

/* "dir/gcc.vmt" -> "replay-gcc" */
void program_name(const char *path, char *name, size_t size);

/* NULL, or why the trace cannot be used; then there is nothing to free. */
must_check const char *program_load(struct program *program, const char *path,
				    struct trace_error *error);
/* Compares it once with the recording, for its note: NULL, or why it cannot be replayed. */
must_check const char *program_replay(struct program *program);
void program_free(struct program *program);

#endif
