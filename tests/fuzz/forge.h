/*
 * forge - traces that no recorder would write: any header, any events, with right checksums
 */
#ifndef TESTS_FUZZ_FORGE_H
#define TESTS_FUZZ_FORGE_H

#include "workloads/format/trace_internal.h"

/* A trace in memory that can be changed at will. */
struct forge {
	char *header;               /* its JSON */
	struct trace_event *events; /* their names are the forge's own */
	size_t n, room;
};

/* Takes over the header and up to max events of a good trace; ends the test if it is not one. */
void forge_load(struct forge *forge, const char *path, size_t max);
/* A copy, to be changed. */
void forge_copy(struct forge *forge, const struct forge *from);
void forge_free(struct forge *forge);

/* Puts a copy of an event before the i-th, or takes that one out. */
void forge_insert(struct forge *forge, size_t i, const struct trace_event *event);
void forge_remove(struct forge *forge, size_t i);

/* Writes the file as it is, without any rule; events of unknown kinds are left out. */
void forge_write(const struct forge *forge, const char *path);

#endif
