/*
 * simd.h - which instructions the B+-tree searches its nodes with
 */
#ifndef INDEXES_BTREE_SIMD_H
#define INDEXES_BTREE_SIMD_H

#include <stdbool.h>

/* The i-th instruction set that was compiled in, best first, or NULL past the last. */
const char *btree_simd_name(unsigned i);

/* The one in use. */
const char *btree_simd_used(void);

/*
 * Searches with this set from now on; "auto" is the best that the machine has,
 * as at the start.  False, and nothing changes, if it is not compiled in or the
 * machine lacks it.  Trees that exist may be used on: all read the same nodes.
 */
bool btree_set_simd(const char *name);

#endif
