/*
 * The B+-tree beside plain arrays, built with other compilers and flags than the rest: finds
 * and gaps of every length between many ranges, with each set of instructions that this
 * machine has, on narrow nodes, wide ones and such with an elided gap.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "indexes/btree/simd.h"
#include "lib/vmaindex.h"

#define N 600
#define P VMAINDEX_PAGE

static struct vmaindex_range ranges[N], *ordered[N];
static unsigned long asked, wrong;

static void check(const char *set, const char *what, uint64_t len, uint64_t lo, uint64_t hi,
		  bool right)
{
	asked++;
	if (!right && !wrong++)
		printf("%s: %s of %" PRIx64 " in [%" PRIx64 ", %" PRIx64 ") is wrong\n", set, what,
		       len, lo, hi);
}

/* Ranges of 1 to 3 pages behind gaps of 1 to 5; far: larger ones, which wide nodes take. */
static void make(unsigned n, uint64_t far)
{
	uint64_t at = 7 * P;

	for (unsigned i = 0; i < n; i++) {
		at += P * (1 + i % 5) + (far && i % 50 == 49 ? far : 0);
		ranges[i].start = at;
		at += P * (1 + i % 3);
		ranges[i].end = at;
		ordered[i] = &ranges[i];
	}
}

/* The lowest or the highest gap, by looking at all of them. */
static bool gap_by_all(unsigned n, uint64_t len, uint64_t lo, uint64_t hi, bool highest,
		       struct vmaindex_range *gap)
{
	bool found = false;

	for (unsigned i = 0; i <= n; i++) {
		uint64_t from = i ? ranges[i - 1].end : 0,
			 to = i < n ? ranges[i].start : VMAINDEX_END;

		from = from > lo ? from : lo;
		to = to < hi ? to : hi;
		if (from >= to || to - from < len || (found && !highest))
			continue;
		*gap = (struct vmaindex_range){ from, to };
		found = true;
	}
	return found;
}

static void check_gap(const struct vmaindex *map, const char *set, unsigned n, uint64_t len,
		      uint64_t lo, uint64_t hi, bool highest)
{
	struct vmaindex_range got = { 0, 0 }, right = { 0, 0 };
	bool found = highest ? vmaindex_highest_gap(map, len, lo, hi, &got)
			     : vmaindex_lowest_gap(map, len, lo, hi, &got);
	bool there = gap_by_all(n, len, lo, hi, highest, &right);

	check(set, highest ? "the highest gap" : "the lowest gap", len, lo, hi,
	      found == there && got.start == right.start && got.end == right.end);
}

static void check_all(const struct vmaindex *map, const char *set, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct vmaindex_range *range = &ranges[i],
					    *next = i + 1 < n ? range + 1 : NULL;

		check(set, "find", 0, range->start, range->end,
		      vmaindex_find(map, range->start) == range &&
			      vmaindex_find(map, range->end - 1) == range &&
			      vmaindex_find(map, range->end) == next);
		for (unsigned pages = 1; pages < 7; pages++) {
			check_gap(map, set, n, pages * P, range->start, VMAINDEX_END, false);
			check_gap(map, set, n, pages * P, 0, range->start + P, true);
		}
	}
}

static void check_set(const char *set, unsigned n, uint64_t far)
{
	struct vmaindex *map = vmaindex_create(NULL);

	make(n, far);
	if (!map || vmaindex_build(map, ordered, n))
		exit(2);
	check_all(map, set, n);
	for (unsigned i = 0; i < n; i += 7) {
		struct vmaindex_range range = ranges[i];

		check(set, "erase", 0, range.start, range.end,
		      !vmaindex_erase(map, &ranges[i]) && !vmaindex_insert(map, &ranges[i]) &&
			      ranges[i].start == range.start);
	}
	check_all(map, set, n);
	check(set, "verify", 0, 0, 0, !vmaindex_verify(map, stdout));
	vmaindex_destroy(map);
}

int main(void)
{
	static const unsigned sizes[] = { 10, 60, 100, N };
	static const uint64_t fars[] = { 0, UINT64_C(1) << 33, UINT64_C(1) << 46,
					 UINT64_C(1) << 51 };
	const char *set;

	for (unsigned i = 0; (set = btree_simd_name(i)); i++) {
		if (!btree_set_simd(set))
			continue;
		for (unsigned j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			for (unsigned k = 0; k < sizeof(fars) / sizeof(fars[0]); k++)
				check_set(set, sizes[j], fars[k]);
		}
	}
	printf("%lu asked, %lu wrong\n", asked, wrong);
	return wrong != 0;
}
