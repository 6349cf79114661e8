/*
 * layout - an address space of N VMAs as data: where they lie, and how they got there
 *
 *	places   |####|##|...|#|#######|.....|##|         more than there are VMAs
 *	fresh     0    2      -  1            -            which VMA is where at first
 *	moves     VMA 1 from place 3 to place 2, ...       how the space ages
 *	aged      0    2      1  -            -            and then
 *
 * Each VMA stands in a place of its own, and there are some places more, so
 * that a move (unmap here, map there) is valid without asking any index.  The
 * same seed gives the same layout on every machine.
 *
 * Some gaps get larger towards the middle of the space, from both ends: a
 * gap of a given length has to be looked for deep.
 *
 *	..  ...  .....  .......  .....  ...  ..
 */
#ifndef WORKLOADS_LAYOUT_H
#define WORKLOADS_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/util.h"

#define LAYOUT_MAX_VMAS 10000000
#define LAYOUT_NO_VMA   UINT32_MAX
#define LAYOUT_DEEP     (8UL << 30) /* the k-th deep gap from an end: k times this, and a bit */

struct place {
	unsigned long start, end;
};

struct move {
	uint32_t vma, from, to; /* a VMA's number, two places */
};

struct layout {
	size_t vmas, nplaces, nmoves;
	struct place *places;               /* in address order */
	uint32_t *fresh, *aged;             /* the place of each VMA, before and after the moves */
	uint32_t *fresh_order, *aged_order; /* the VMAs in address order */
	struct move *moves;
	unsigned deep; /* deep gaps on each side */
};

/* A layout of 1 to LAYOUT_MAX_VMAS VMAs; NULL if out of memory. */
must_check struct layout *layout_create(size_t vmas, uint64_t seed);
void layout_destroy(struct layout *layout);

/* Where VMA number vma lies in the aged layout. */
static inline const struct place *layout_aged(const struct layout *layout, uint32_t vma)
{
	return &layout->places[layout->aged[vma]];
}

/*
 * n moves that start from the aged layout, and, in out[n] to out[2n - 1], the same
 * ones backwards: after them the layout is as before.  0, or -ENOMEM.
 */
must_check int layout_churn(const struct layout *layout, struct rng *rng, struct move *out,
			    size_t n);

/* A length for which only a deep gap will do, found after a different walk each time. */
unsigned long layout_deep_length(const struct layout *layout, struct rng *rng);

#endif
