/*
 * range_map - a value for each range of addresses that has one
 *
 *	AAAAAABBB......CCCC          ranges: addresses that have the same value
 *
 *  1. Ranges are disjoint, and where two touch their values differ.
 *
 * They are kept in one of our own indexes: a change is one edit of it.
 */
#ifndef HARNESS_RANGE_MAP_H
#define HARNESS_RANGE_MAP_H

#include "indexes/vma_index.h"

struct range_map;

/* A range that has a value, or a part of one, or what lies between two. */
struct range {
	unsigned long start, end;
	unsigned long value; /* 0 where there is none */
	bool mapped;         /* there is one */
};

/* Empty; its memory comes from arena. NULL if out of memory. */
must_check struct range_map *range_map_create(struct arena *arena);
/* The same ranges once more, or NULL if out of memory. */
must_check struct range_map *range_map_copy(const struct range_map *from);
/* NULL is allowed. */
void range_map_destroy(struct range_map *map);

/* The range that holds addr, cut to [lo, hi), which must hold addr too. */
struct range range_map_at(const struct range_map *map, unsigned long addr, unsigned long lo,
			  unsigned long hi);

/* [start, end), page-aligned, has that value from now on, or none: 0 or -ENOMEM. */
must_check int range_map_set(struct range_map *map, unsigned long start, unsigned long end,
			     unsigned long value);
must_check int range_map_clear(struct range_map *map, unsigned long start, unsigned long end);

#endif
