/*
 * memory - the arena of an index in libvmaindex
 */
#ifndef LIB_MEMORY_H
#define LIB_MEMORY_H

#include "lib/vmaindex.h"

struct arena;

/* An arena whose memory comes from there, as of vmaindex_create; NULL when memory is out. */
struct arena *memory_arena(const struct vmaindex_memory *memory);

/* Where its memory comes from. */
const struct vmaindex_memory *memory_of(const struct arena *arena);

/* Ends it; what was allocated from it has to be freed before. */
void memory_arena_end(struct arena *arena);

#endif
