/*
 * record_beside - what an inode's mappings showed lately, and whether a new one continues them
 *
 *	file    0        1        2        3            pages
 *	VMA     |--------|                              of open file A
 *	mmap             |########|                     of A, or of one that looks like A?
 *
 * Linux makes one VMA of both if their open file is the same, and two if not.  So where two open
 * files look alike (record_marks), what became of the mapping tells them apart.
 *
 *  1. Only mappings that show the file on in the same way can merge: nothing else is remembered.
 *  2. The latest BESIDE_MAX of an inode are known.  What happened to them since, smaps tells
 *     where it matters (layout_beside).
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "workloads/record/record_internal.h"

#define BESIDE_MAX 1024

struct shown {
	uint64_t start; /* 0: where the kernel placed it was not seen */
	uint64_t pages, pgoff;
	uint32_t number, way;
};

void beside_free(struct beside *beside)
{
	free(beside->shown);
}

/* Room for one more, which takes the place of the oldest at last; or NULL. */
static struct shown *beside_room(struct beside *beside)
{
	size_t n = beside->n;

	if (n < BESIDE_MAX && !(n & (n - 1))) {
		size_t cap = max((size_t)1, 2 * n);
		struct shown *shown = realloc(beside->shown, cap * sizeof(*shown));

		if (!shown)
			return NULL;
		beside->shown = shown;
	}
	beside->n++;
	return &beside->shown[n % BESIDE_MAX];
}

void beside_add(struct beside *beside, const struct trace_event *mmap, uint64_t start, uint32_t way)
{
	struct shown *shown = beside_room(beside);

	if (shown)
		*shown = (struct shown){
			.start = start,
			.pages = PAGE_ALIGN(mmap->arg[1]) >> PAGE_SHIFT,
			.pgoff = mmap->arg[4] >> PAGE_SHIFT,
			.number = (uint32_t)mmap->arg[5],
			.way = way,
		};
}

bool beside_has(const struct beside *beside, uint32_t number)
{
	for (size_t i = 0; i < min(beside->n, (size_t)BESIDE_MAX); i++) {
		if (beside->shown[i].number == number)
			return true;
	}
	return false;
}

/* Who showed page pgoff last, at address if that is known (not 0), in that way; or NULL. */
static const struct shown *beside_find(const struct beside *beside, uint64_t address,
				       uint64_t pgoff, uint32_t way)
{
	for (size_t i = 0; i < min(beside->n, (size_t)BESIDE_MAX); i++) {
		const struct shown *shown = &beside->shown[(beside->n - 1 - i) % BESIDE_MAX];
		bool known = address && shown->start;
		uint64_t page =
			known ? (address - shown->start) >> PAGE_SHIFT : pgoff - shown->pgoff;

		if (page >= shown->pages)
			continue;
		if (shown->way == way && shown->pgoff + page == pgoff)
			return shown;
		if (known)
			return NULL;
	}
	return NULL;
}

uint32_t beside_number(const struct beside *beside, const struct trace_event *mmap, uint64_t start,
		       uint32_t way, bool after)
{
	uint64_t length = PAGE_ALIGN(mmap->arg[1]), pgoff = mmap->arg[4] >> PAGE_SHIFT;
	const struct shown *shown = NULL;

	if (after)
		shown = beside_find(beside, start ? start + length : 0,
				    pgoff + (length >> PAGE_SHIFT), way);
	else if (pgoff)
		shown = beside_find(beside, start ? start - PAGE_SIZE : 0, pgoff - 1, way);
	return shown ? shown->number : TRACE_NO_FILE;
}
