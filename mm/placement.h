/*
 * placement - what placement policies share: the search for a gap
 *
 * A policy selects a place and changes nothing; get_unmapped_area (placement.c)
 * checks its answer.
 */
#ifndef MM_PLACEMENT_H
#define MM_PLACEMENT_H

#include "mm/internal.h"

/* What a new mapping wants; nothing of it is MAP_FIXED. */
struct placement {
	struct mm_struct *mm;
	struct file *file;  /* NULL: anonymous */
	unsigned long addr; /* the hint, 0 for none */
	unsigned long len, pgoff, flags;
};

/* len bytes inside [low_limit, high_limit) and outside [kept_lo, kept_hi), if that is not empty. */
struct gap_search {
	struct mm_struct *mm;
	unsigned long len, low_limit, high_limit, kept_lo, kept_hi;
};

/* The highest place, or the lowest: an address, or -ENOMEM. Guard gaps of stacks stay free. */
unsigned long gap_topdown(const struct gap_search *s);
unsigned long gap_bottomup(const struct gap_search *s);

/* The same where the place is congruent to off modulo align, a power of two. */
unsigned long gap_topdown_aligned(const struct gap_search *s, unsigned long align,
				  unsigned long off);
unsigned long gap_bottomup_aligned(const struct gap_search *s, unsigned long align,
				   unsigned long off);

/* Nothing stands in [addr, addr + len), nor does a guard gap of what follows (A4). */
bool placement_hint_is_free(struct mm_struct *mm, unsigned long addr, unsigned long len);

extern const struct placement_policy placement_linux, placement_topdown, placement_bottomup,
	placement_best_fit, placement_random;

#endif
