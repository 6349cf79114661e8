/*
 * memory - the arena of an index in libvmaindex: memory from the user's functions
 *
 * Takes the place of base/arena.c, which counts and needs jemalloc.
 */
#include "lib/memory.h"

#include <stdlib.h>

#include "base/arena.h"

static void *memory_alloc(void *user, size_t size, size_t align)
{
	(void)user;
	return aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

static void memory_free(void *user, void *ptr, size_t size)
{
	(void)user, (void)size;
	free(ptr);
}

struct arena *memory_arena(const struct vmaindex_memory *memory)
{
	static const struct vmaindex_memory system = { memory_alloc, memory_free, NULL };
	struct arena *arena;

	if (!memory)
		memory = &system;
	arena = memory->alloc(memory->user, sizeof(*arena), 16);
	if (arena)
		*arena = (struct arena){ .memory = *memory };
	return arena;
}

void memory_arena_end(struct arena *arena)
{
	struct vmaindex_memory memory = arena->memory;

	memory.free(memory.user, arena, sizeof(*arena));
}

void *arena_alloc(struct arena *arena, size_t size, size_t align)
{
	return arena->memory.alloc(arena->memory.user, size, align ? align : 16);
}

void arena_free(struct arena *arena, void *ptr, size_t size, size_t align)
{
	(void)align;
	if (ptr)
		arena->memory.free(arena->memory.user, ptr, size);
}
