/*
 * translation - recorded addresses to emulated ones (see translation.h)
 */
#include "harness/replay/translation.h"

#include <stdlib.h>

struct translation {
	unsigned users;
	struct arena *arena;
	struct range_map *moved;       /* by how much */
	unsigned long lowest, highest; /* of what was placed: emulated addresses */
};

/* With these ranges, which are freed where out of memory. */
static struct translation *translation_with(struct arena *arena, struct range_map *moved)
{
	struct translation *t = moved ? calloc(1, sizeof(*t)) : NULL;

	if (!t) {
		range_map_destroy(moved);
		return NULL;
	}
	*t = (struct translation){ .users = 1, .arena = arena, .moved = moved, .lowest = -1UL };
	return t;
}

struct translation *translation_create(struct arena *arena)
{
	return translation_with(arena, range_map_create(arena));
}

struct translation *translation_copy(const struct translation *from)
{
	struct translation *t = translation_with(from->arena, range_map_copy(from->moved));

	if (t) {
		t->lowest = from->lowest;
		t->highest = from->highest;
	}
	return t;
}

struct translation *translation_get(struct translation *t)
{
	if (t)
		t->users++;
	return t;
}

void translation_put(struct translation *t)
{
	if (!t || --t->users)
		return;
	range_map_destroy(t->moved);
	free(t);
}

void translation_placed(struct translation *t, unsigned long start, unsigned long end)
{
	t->lowest = min(t->lowest, start);
	t->highest = max(t->highest, end);
}

unsigned long translation_span(const struct translation *t)
{
	return t->highest > t->lowest ? t->highest - t->lowest : 0;
}

struct piece translation_at(const struct translation *t, unsigned long addr, unsigned long lo,
			    unsigned long hi)
{
	struct range range = range_map_at(t->moved, addr, lo, hi);

	return (struct piece){ range.start, range.end, range.value, range.mapped };
}

int translation_set(struct translation *t, unsigned long start, unsigned long end,
		    unsigned long delta)
{
	return range_map_set(t->moved, start, end, delta);
}

int translation_clear(struct translation *t, unsigned long start, unsigned long end)
{
	return range_map_clear(t->moved, start, end);
}
