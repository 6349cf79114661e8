/*
 * hash - the state hash: an order-dependent 64-bit digest of numbers
 *
 * Every index must end a run with the same state hash, or no number of that
 * run counts.  Not cryptographic.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/rng.h"

#define HASH_START 0x766d6162656e6368ULL /* "vmabench" */

/* The digest of everything so far, and then x. */
static inline uint64_t hash_add(uint64_t hash, uint64_t x)
{
	return mix64(hash ^ mix64(x)) + (hash << 1);
}

#endif
