/*
 * tape - what a program asks its indexes, recorded once, asked again of any index alone
 *
 *	program ─> mm ─> tape's index ─> an index        recording: calls and answers
 *	                       │
 *	                       ▼
 *	           | create 1 | find 1 addr | reserve .. | commit .. |
 *	                       │
 *	                       └─> any other index           replaying: no mm in between
 *
 * So the pure cost of an index for a recorded program shows, without that of
 * system calls, page tables and so on, which are the same for all.
 */
#ifndef HARNESS_TAPE_H
#define HARNESS_TAPE_H

#include <stdint.h>

#include "indexes/vma_index.h"

struct tape;

/*
 * A tape that records over inner; its memory ends at limit bytes.  NULL when
 * out of memory.  tape_ops() is an index type as any other, whose indexes record; one
 * tape records at a time.
 */
must_check struct tape *tape_create(const struct vma_index_ops *inner, size_t limit);
const struct vma_index_ops *tape_ops(struct tape *tape);
void tape_destroy(struct tape *tape);

/* After recording: NULL, or why the tape is not whole. */
const char *tape_end(struct tape *tape);

/* How many calls are on it, and the most VMAs there were in one index. */
uint64_t tape_calls(const struct tape *tape);
size_t tape_peak_vmas(const struct tape *tape);
/* The digest of the answers that the recorded index gave, for players with that stride. */
uint64_t tape_digest(const struct tape *tape, size_t stride);

/*
 * A player asks an index type all that is on the tape, any number of times; its VMAs
 * are stride bytes apart, their nodes included.  NULL if out of memory.
 * tape_play: 0 and the digest of the answers, or -ENOMEM.
 */
struct tape_player;
must_check struct tape_player *tape_player_create(const struct tape *tape,
						  const struct vma_index_ops *ops, size_t stride);
must_check int tape_play(struct tape_player *player, uint64_t *digest);
/*
 * The same, untimed, and each index is verified before it ends: 0, -ENOMEM, the
 * number of the invariant that is broken, or -ETIME when it takes longer than limit seconds.
 */
must_check int tape_play_verified(struct tape_player *player, double limit, uint64_t *digest);
void tape_player_destroy(struct tape_player *player);

#endif
