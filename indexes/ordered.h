/*
 * ordered.h - what indexes that only keep VMAs in order have in common
 *
 * Their structures map a key, the end of each VMA, to the VMA, and know
 * nothing of holes: a search for one is a scan.  What they look like inside is
 * their own; verify sees them through their answers.
 *
 * Invariants
 *  1. The index has as many VMAs as it counts.
 *  2. The key of each VMA is its end.
 *  3. Each VMA is page-aligned, not empty and ends at or below VMA_INDEX_END.
 *  4. No VMA starts below the end of the one before it.
 */
#ifndef INDEXES_ORDERED_H
#define INDEXES_ORDERED_H

#include <errno.h>

#include "indexes/vma_index.h"

#define ORDERED_INVARIANTS 4

/* The head of each such index. */
struct ordered {
	struct vma_index index;
	size_t vmas;
};

/* The ops of these names. */
unsigned ordered_verify(const struct vma_index *index, FILE *report);
int ordered_corrupt(struct vma_index *index, unsigned n);
void ordered_dump(const struct vma_index *index, FILE *out);

typedef struct vm_area_struct *ordered_seek_fn(struct vma_cursor *cursor, unsigned long addr);
typedef struct vm_area_struct *ordered_step_fn(struct vma_cursor *cursor);

static inline bool ordered_fits(const struct vma_gap *gap, unsigned long start, unsigned long end)
{
	unsigned long lo = max(start, gap->lo), hi = min(end, gap->hi);

	return lo < hi && hi - lo >= gap->len;
}

static inline int ordered_answer(struct vma_gap *gap, unsigned long start, unsigned long end)
{
	gap->start = start;
	gap->end = end;
	return 0;
}

/* The lowest hole: from lo upwards, and back for the start of the one that lo is in. */
static inline __attribute__((always_inline)) int
ordered_gap_up(struct vma_cursor *cursor, struct vma_gap *gap, ordered_seek_fn *seek,
	       ordered_step_fn *next, ordered_step_fn *prev)
{
	struct vm_area_struct *vma = seek(cursor, gap->lo), *below;
	unsigned long start, end = vma ? vma_start(vma) : VMA_INDEX_END;

	if (ordered_fits(gap, gap->lo, end)) {
		below = prev(cursor);
		return ordered_answer(gap, below ? vma_end(below) : 0, end);
	}
	while (vma && end < gap->hi) {
		start = vma_end(vma);
		vma = next(cursor);
		end = vma ? vma_start(vma) : VMA_INDEX_END;
		if (ordered_fits(gap, start, end))
			return ordered_answer(gap, start, end);
	}
	return -ENOMEM;
}

/* The highest hole: from hi downwards. */
static inline __attribute__((always_inline)) int ordered_gap_down(struct vma_cursor *cursor,
								  struct vma_gap *gap,
								  ordered_seek_fn *seek,
								  ordered_step_fn *prev)
{
	struct vm_area_struct *vma = seek(cursor, gap->hi);
	unsigned long start, end;

	do {
		end = vma ? vma_start(vma) : VMA_INDEX_END;
		vma = prev(cursor);
		start = vma ? vma_end(vma) : 0;
		if (ordered_fits(gap, start, end))
			return ordered_answer(gap, start, end);
	} while (vma && start > gap->lo);
	return -ENOMEM;
}

/* find_gap for an index with these ops, which become part of it. */
static inline __attribute__((always_inline)) int
ordered_find_gap(const struct vma_index *index, struct vma_gap *gap, ordered_seek_fn *seek,
		 ordered_step_fn *next, ordered_step_fn *prev)
{
	struct vma_cursor cursor = {index, NULL, NULL, 0};

	if (gap->hi <= gap->lo || gap->hi - gap->lo < gap->len)
		return -ENOMEM;
	return gap->topdown ? ordered_gap_down(&cursor, gap, seek, prev)
			    : ordered_gap_up(&cursor, gap, seek, next, prev);
}

#endif
