/*
 * translation - where what the kernel had at an address is in the emulation
 *
 *	recorded   AAAABB......CCCC          stretches: each a range and the
 *	            |  |        |            distance that it has moved
 *	emulated   ...AAAA..CCCC..BB
 *
 *  1. Stretches hold exactly what is mapped in the recording, be it moved or not.
 *  2. They are disjoint, and where two touch they have moved differently.
 *  3. No two lead to the same place: what is mapped in the emulation is mapped once.
 */
#ifndef HARNESS_TRANSLATION_H
#define HARNESS_TRANSLATION_H

#include "harness/replay/range_map.h"

struct translation;

/* A range that is one stretch, or a part of one, or what lies between two. */
struct piece {
	unsigned long start, end;
	unsigned long delta; /* emulated minus recorded address, modulo 2^64 */
	bool mapped;         /* false: nothing is mapped here, delta is 0 */
};

/* Empty, with one user; its memory comes from arena. NULL if out of memory. */
must_check struct translation *translation_create(struct arena *arena);
/* The same stretches once more, as fork copies an address space. */
must_check struct translation *translation_copy(const struct translation *t);
struct translation *translation_get(struct translation *t);
/* Drops a user; NULL is allowed. */
void translation_put(struct translation *t);

/* A place that the emulation chose; span: from the lowest to the highest of them, in bytes. */
void translation_placed(struct translation *t, unsigned long start, unsigned long end);
unsigned long translation_span(const struct translation *t);

/* The piece that holds addr, cut to [lo, hi), which must hold addr too. */
struct piece translation_at(const struct translation *t, unsigned long addr, unsigned long lo,
			    unsigned long hi);

/* [start, end) has moved by delta from now on, or is mapped no longer: 0 or -ENOMEM. */
must_check int translation_set(struct translation *t, unsigned long start, unsigned long end,
			       unsigned long delta);
must_check int translation_clear(struct translation *t, unsigned long start, unsigned long end);

#endif
