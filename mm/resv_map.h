/*
 * resv_map - a set of page numbers, kept as runs: which huge pages a reservation is about
 *
 * Numbers are those of huge pages in a file.  Of a file's own map they are the pages that were ever
 * promised or taken; of a private mapping's those whose promise was used up (hugetlb.c).
 */
#ifndef MM_RESV_MAP_H
#define MM_RESV_MAP_H

#include "base/arena.h"
#include "base/util.h"

struct resv_region;

struct resv_map {
	struct resv_region *regions; /* by number; no two touch */
	unsigned refs;               /* of VMAs, where it is a private mapping's */
};

/* Adds [from, to): how many were not in it, or -ENOMEM and nothing has changed. */
must_check long resv_map_add(struct arena *arena, struct resv_map *map, unsigned long from,
			     unsigned long to);
/* Takes [from, to) out: how many were in it, or -ENOMEM and nothing has changed. */
must_check long resv_map_del(struct arena *arena, struct resv_map *map, unsigned long from,
			     unsigned long to);
/* How many of [from, to) are in it. */
unsigned long resv_map_count(const struct resv_map *map, unsigned long from, unsigned long to);
/* Takes all out. */
void resv_map_clear(struct arena *arena, struct resv_map *map);

#endif
