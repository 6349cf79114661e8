/*
 * ordered.h - the search for a gap in an index that only keeps its VMAs in order: VMA by VMA
 */
#ifndef INDEXES_ORDERED_H
#define INDEXES_ORDERED_H

#include <errno.h>

#include "indexes/vma_index.h"

typedef struct vm_area_struct *ordered_seek_fn(struct vma_cursor *cursor, unsigned long addr);
typedef struct vm_area_struct *ordered_step_fn(struct vma_cursor *cursor);

/* The lowest gap: from lo upwards, and back for the start of the one that lo is in. */
static inline __attribute__((always_inline)) int
ordered_gap_up(struct vma_cursor *cursor, struct vma_gap *gap, ordered_seek_fn *seek,
	       ordered_step_fn *next, ordered_step_fn *prev)
{
	struct vm_area_struct *vma = seek(cursor, gap->lo), *below;
	unsigned long start, end = vma ? vma_start(vma) : VMA_INDEX_END;

	if (vma_gap_fits(gap, gap->lo, end)) {
		below = prev(cursor);
		gap->start = below ? vma_end(below) : 0;
		gap->end = end;
		return 0;
	}
	while (vma && end < gap->hi) {
		start = vma_end(vma);
		vma = next(cursor);
		end = vma ? vma_start(vma) : VMA_INDEX_END;
		if (vma_gap_take(gap, start, end))
			return 0;
	}
	return -ENOMEM;
}

/* The highest gap: from hi downwards. */
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
		if (vma_gap_take(gap, start, end))
			return 0;
	} while (vma && start > gap->lo);
	return -ENOMEM;
}

/* find_gap for an index with these ops, which become part of it. */
static inline __attribute__((always_inline)) int
ordered_find_gap(const struct vma_index *index, struct vma_gap *gap, ordered_seek_fn *seek,
		 ordered_step_fn *next, ordered_step_fn *prev)
{
	struct vma_cursor cursor = { index, NULL, NULL, 0 };

	if (gap->hi <= gap->lo || gap->hi - gap->lo < gap->len)
		return -ENOMEM;
	return gap->topdown ? ordered_gap_down(&cursor, gap, seek, prev)
			    : ordered_gap_up(&cursor, gap, seek, next, prev);
}

#endif
