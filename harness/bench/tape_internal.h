/*
 * What tape.c (recording) and tape_player.c (replaying) share: what is on a tape.
 *
 *	head: kind, detail, space      then, by kind
 *	TAPE_FIND, TAPE_SEEK           address
 *	TAPE_SCAN                      how many
 *	TAPE_FIND_GAP                  len, lo, hi
 *	TAPE_RESERVE                   detail times an edit
 *	TAPE_COMMIT                    an edit: lo, hi, nput, then nput times number, start, end
 *	TAPE_BUILD                     n, then n times number, start, end
 *	TAPE_CLONE                     the space it is like, n, then n times number, start, end
 *
 * detail is a cursor's number, whether a gap is searched topdown, or how many edits.
 */
#ifndef HARNESS_TAPE_INTERNAL_H
#define HARNESS_TAPE_INTERNAL_H

#include "harness/bench/tape.h"

#define TAPE_CURSORS 8

enum tape_kind {
	TAPE_CREATE,
	TAPE_DESTROY,
	TAPE_FIND,
	TAPE_SEEK,
	TAPE_NEXT,
	TAPE_PREV,
	TAPE_SCAN,
	TAPE_FIND_GAP,
	TAPE_RESERVE,
	TAPE_COMMIT,
	TAPE_UNRESERVE,
	TAPE_BUILD,
	TAPE_CLONE,
};

/* Of the VMAs that were answers, by number; of the gaps that were. */
struct tape_digest {
	uint64_t vmas, gaps;
};

struct tape {
	struct vma_index_ops ops; /* of the index that records */
	const struct vma_index_ops *inner;
	uint64_t *words;
	size_t n, room, limit; /* words, words, bytes */
	const char *why;       /* the tape is not whole; NULL while it is */
	uint64_t calls;
	uint32_t spaces;
	size_t peak, vmas; /* in one index; numbers given */
	struct tape_digest digest;
	struct tape_number {
		const struct vm_area_struct *vma;
		uint64_t number;
	} * numbers;         /* hashed by address */
	size_t numbers_room; /* a power of two */
	struct tape_cursor {
		const struct vma_cursor *cursor;
		const struct vma_index *index;    /* NULL after a change of it */
		const struct vm_area_struct *vma; /* where it stood last */
	} cursors[TAPE_CURSORS];
	unsigned next_cursor;
	unsigned longest_scan;
};

static inline uint64_t tape_head(enum tape_kind kind, unsigned detail, uint32_t space)
{
	return (uint64_t)space << 32 | detail << 8 | kind;
}

/* Linear: of numbers times the stride it is the digest times the stride. */
static inline uint64_t tape_mix(uint64_t digest, uint64_t answer)
{
	return digest * 0x9e3779b97f4a7c15 + answer;
}

#endif
