/*
 * stage - one writer and some readers on an index, each answer held against history
 *
 *	round   | edits, and questions beside them | edits ... |      then all threads meet,
 *	        |                          checked |           |      and the answers are checked
 *
 * The writer makes random edits of all shapes: VMAs come, go, grow, shrink, are
 * split and merged, windows span many.  Readers find, seek and go on from there, in
 * a read section, or under a rwlock where the index has no readers beside its writer.
 * Where it has, but they may see an edit in parts, answers are not held against history.
 * A VMA that left the index is not used again before a grace period.
 */
#ifndef TESTS_RCU_STAGE_H
#define TESTS_RCU_STAGE_H

#include <stdint.h>

#include "indexes/vma_index.h"

struct stage_play {
	const struct vma_index_ops *ops;
	unsigned readers, rounds, edits; /* edits in each round */
	uint64_t operations; /* rounds go on until there were so many edits and answers */
	bool locked;    /* under a rwlock, though the index may have readers beside its writer */
	size_t vmas;    /* about so many at a time */
	unsigned shift; /* VMAs are at multiples of 1 << shift pages */
	unsigned long seed;
};

/* Plays it all; true, or the first thing that was wrong is in why[size]. */
bool stage_run(const struct stage_play *play, char *why, size_t size);

#endif
