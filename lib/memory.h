/*
 * memory - the arena of an index in libvmaindex: its memory, and the edits it has memory for
 */
#ifndef LIB_MEMORY_H
#define LIB_MEMORY_H

#include "lib/vmaindex.h"

struct arena {
	struct vmaindex_memory memory;
	unsigned nreserved;               /* edits that are reserved and not committed */
	struct vmaindex_edit reserved[2]; /* the last nreserved of them */
};

/* An arena whose memory comes from there, as of vmaindex_create; NULL if out of memory. */
struct arena *memory_arena(const struct vmaindex_memory *memory);

/* Ends it; what was allocated from it has to be freed before. */
void memory_arena_end(struct arena *arena);

#endif
