/*
 * resv_map - a set of page numbers, kept as runs (see resv_map.h)
 *
 *	regions -> [0, 3) -> [7, 8) -> [20, 64) -> 0
 *
 * Faults that go upward or downward leave one run, so a list will do.
 */
#include "mm/resv_map.h"

#include <errno.h>

struct resv_region {
	struct resv_region *next;
	unsigned long from, to;
};

static struct resv_region *region_new(struct arena *arena, unsigned long from, unsigned long to,
				      struct resv_region *next)
{
	struct resv_region *region = arena_alloc(arena, sizeof(*region), 0);

	if (region)
		*region = (struct resv_region){ next, from, to };
	return region;
}

static void region_remove(struct arena *arena, struct resv_region **link)
{
	struct resv_region *region = *link;

	*link = region->next;
	arena_free(arena, region, sizeof(*region), 0);
}

unsigned long resv_map_count(const struct resv_map *map, unsigned long from, unsigned long to)
{
	unsigned long n = 0;

	for (const struct resv_region *r = map->regions; r && r->from < to; r = r->next) {
		if (r->to > from)
			n += min(r->to, to) - max(r->from, from);
	}
	return n;
}

long resv_map_add(struct arena *arena, struct resv_map *map, unsigned long from, unsigned long to)
{
	unsigned long added = to - from - resv_map_count(map, from, to);
	struct resv_region **link = &map->regions, *r;

	if (from >= to)
		return 0;
	while (*link && (*link)->to < from)
		link = &(*link)->next;
	r = *link;
	if (!r || r->from > to) {
		struct resv_region *fresh = region_new(arena, from, to, r);

		if (!fresh)
			return -ENOMEM;
		*link = fresh;
		return (long)added;
	}
	r->from = min(r->from, from);
	r->to = max(r->to, to);
	while (r->next && r->next->from <= r->to) {
		r->to = max(r->to, r->next->to);
		region_remove(arena, &r->next);
	}
	return (long)added;
}

long resv_map_del(struct arena *arena, struct resv_map *map, unsigned long from, unsigned long to)
{
	struct resv_region **link = &map->regions, *r;
	unsigned long n = 0;

	while ((r = *link) && r->from < to) {
		unsigned long lo = max(r->from, from), hi = min(r->to, to);

		if (lo >= hi) {
			link = &r->next;
			continue;
		}
		if (r->from < lo && hi < r->to) { /* then no other has a part of it */
			struct resv_region *above = region_new(arena, hi, r->to, r->next);

			if (!above)
				return -ENOMEM;
			r->next = above;
			r->to = lo;
			return (long)(hi - lo);
		}
		n += hi - lo;
		if (r->from == lo && r->to == hi) {
			region_remove(arena, link);
			continue;
		}
		if (r->from < lo)
			r->to = lo;
		else
			r->from = hi;
		link = &r->next;
	}
	return (long)n;
}

void resv_map_clear(struct arena *arena, struct resv_map *map)
{
	while (map->regions)
		region_remove(arena, &map->regions);
}
