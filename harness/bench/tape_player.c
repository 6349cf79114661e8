/*
 * tape_player - asks an index all that is on a tape (see tape.h)
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "harness/measure/clock.h"
#include "harness/bench/tape_internal.h"

#define LOOK_EVERY 256 /* calls between two looks at the clock */

struct tape_player {
	const struct tape *tape;
	const struct vma_index_ops *ops;
	struct arena *arena;
	char *slab; /* VMA number i is at i * stride */
	size_t stride, slab_size;
	struct vma_index **spaces;
	struct vma_cursor cursors[TAPE_CURSORS];
	struct vm_area_struct **list; /* for build: as many as there are VMAs */
	bool verify;
	double deadline; /* while verify, in cpu_seconds() */
	unsigned broken; /* the invariant that verify found broken */
	struct tape_digest digest;
};

struct tape_player *tape_player_create(const struct tape *tape, const struct vma_index_ops *ops,
				       size_t stride)
{
	struct tape_player *player = calloc(1, sizeof(*player));

	if (!player)
		return NULL;
	player->tape = tape;
	player->ops = ops;
	player->stride = stride;
	player->slab_size = (tape->vmas + 1) * stride;
	player->slab = mmap(NULL, player->slab_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	player->arena = arena_create();
	player->spaces = calloc(tape->spaces + 1, sizeof(*player->spaces));
	player->list =
		calloc(max(tape->vmas + 1, (size_t)tape->longest_scan), sizeof(*player->list));
	if (player->slab == MAP_FAILED || !player->arena || !player->spaces || !player->list) {
		tape_player_destroy(player);
		return NULL;
	}
	return player;
}

/* What is still there when the tape ends, or breaks off. */
static void destroy_spaces(struct tape_player *player)
{
	for (uint32_t i = 0; i < player->tape->spaces; i++) {
		vma_index_destroy(player->spaces[i]);
		player->spaces[i] = NULL;
	}
}

void tape_player_destroy(struct tape_player *player)
{
	if (!player)
		return;
	if (player->spaces)
		destroy_spaces(player);
	if (player->slab != MAP_FAILED)
		munmap(player->slab, player->slab_size);
	arena_destroy(player->arena);
	free(player->spaces);
	free(player->list);
	free(player);
}

static struct vm_area_struct *player_vma(const struct tape_player *player, uint64_t number)
{
	return (struct vm_area_struct *)(player->slab + number * player->stride +
					 player->ops->node_size);
}

static void player_answer(struct tape_player *player, const struct vm_area_struct *vma)
{
	uint64_t answer = vma ? (const char *)vma - player->ops->node_size - player->slab : 0;

	player->digest.vmas = tape_mix(player->digest.vmas, answer);
}

static const uint64_t *player_edit(const struct tape_player *player, const uint64_t *word,
				   struct vma_edit *edit)
{
	edit->lo = *word++;
	edit->hi = *word++;
	edit->nput = *word++;
	for (unsigned i = 0; i < edit->nput; i++, word += 3)
		edit->put[i] = (struct vma_put){
			player_vma(player, word[0]),
			word[1],
			word[2],
		};
	return word;
}

static const uint64_t *player_gap(struct tape_player *player, const struct vma_index *index,
				  const uint64_t *word, bool topdown)
{
	struct vma_gap gap = { .len = word[0], .lo = word[1], .hi = word[2], .topdown = topdown };
	int err = player->ops->find_gap(index, &gap);

	player->digest.gaps = tape_mix(player->digest.gaps, err ? 1 : gap.start + gap.end * 3);
	return word + 3;
}

static const uint64_t *player_reserve(struct tape_player *player, struct vma_index *index,
				      const uint64_t *word, unsigned n, int *err)
{
	struct vma_edit edits[2];

	for (unsigned i = 0; i < n; i++)
		word = player_edit(player, word, &edits[i]);
	*err = player->ops->reserve(index, edits, n);
	return word;
}

/* Fills an index: like from, or from nothing. */
static const uint64_t *player_fill(struct tape_player *player, struct vma_index *index,
				   const struct vma_index *from, const uint64_t *word, int *err)
{
	uint64_t n = *word++;

	for (uint64_t i = 0; i < n; i++, word += 3) {
		player->list[i] = player_vma(player, word[0]);
		vma_set_bounds(player->list[i], word[1], word[2]);
	}
	*err = from ? vma_index_clone(index, from, player->list, n)
		    : player->ops->build(index, player->list, n);
	return word;
}

static void player_seek(struct tape_player *player, const struct vma_index *index, unsigned cursor,
			uint64_t addr)
{
	player->cursors[cursor].index = index;
	player_answer(player, player->ops->seek(&player->cursors[cursor], addr));
}

static void player_scan(struct tape_player *player, struct vma_cursor *cursor, unsigned n)
{
	unsigned done = vma_index_scan(cursor, player->list, n);

	for (unsigned i = 0; i < done; i++)
		player_answer(player, player->list[i]);
	player_answer(player, cursor->vma);
}

static void player_end(struct tape_player *player, uint32_t space)
{
	struct vma_index *index = player->spaces[space];

	if (player->verify && !player->broken)
		player->broken = player->ops->verify(index, stderr);
	vma_index_destroy(index);
	player->spaces[space] = NULL;
}

/* One call; returns the word behind it. */
static const uint64_t *player_call(struct tape_player *player, const uint64_t *word, int *err)
{
	const struct vma_index_ops *ops = player->ops;
	enum tape_kind kind = *word & 0xff;
	unsigned detail = *word >> 8 & 0xffffff;
	uint32_t space = *word++ >> 32;
	struct vma_index *index = player->spaces[space];
	struct vma_edit edit;

	switch (kind) {
	case TAPE_CREATE:
		player->spaces[space] = vma_index_create(ops, player->arena);
		*err = player->spaces[space] ? 0 : -ENOMEM;
		return word;
	case TAPE_DESTROY:
		player_end(player, space);
		return word;
	case TAPE_FIND:
		player_answer(player, ops->find(index, *word));
		return word + 1;
	case TAPE_SEEK:
		player_seek(player, index, detail, *word);
		return word + 1;
	case TAPE_NEXT:
		player_answer(player, ops->next(&player->cursors[detail]));
		return word;
	case TAPE_PREV:
		player_answer(player, ops->prev(&player->cursors[detail]));
		return word;
	case TAPE_SCAN:
		player_scan(player, &player->cursors[detail], *word);
		return word + 1;
	case TAPE_FIND_GAP:
		return player_gap(player, index, word, detail);
	case TAPE_RESERVE:
		return player_reserve(player, index, word, detail, err);
	case TAPE_COMMIT:
		word = player_edit(player, word, &edit);
		ops->commit(index, &edit);
		return word;
	case TAPE_UNRESERVE:
		ops->unreserve(index);
		return word;
	case TAPE_BUILD:
		return player_fill(player, index, NULL, word, err);
	case TAPE_CLONE:
		return player_fill(player, index, player->spaces[word[0]], word + 1, err);
	}
	abort();
}

int tape_play(struct tape_player *player, uint64_t *digest)
{
	const uint64_t *word = player->tape->words, *end = word + player->tape->n;
	uint64_t calls = 0;
	int err = 0;

	player->digest = (struct tape_digest){ 0 };
	while (word < end && !err) {
		word = player_call(player, word, &err);
		if (player->verify && calls++ % LOOK_EVERY == 0 && cpu_seconds() > player->deadline)
			err = -ETIME;
	}
	destroy_spaces(player);
	*digest = hash_add(player->digest.vmas, player->digest.gaps);
	return err;
}

int tape_play_verified(struct tape_player *player, double limit, uint64_t *digest)
{
	int err;

	player->verify = true;
	player->deadline = cpu_seconds() + limit;
	player->broken = 0;
	err = tape_play(player, digest);
	player->verify = false;
	return err ? err : (int)player->broken;
}
