/*
 * tape - recording what is asked of the indexes (see tape.h); tape_player.c replays it
 *
 * The index that records stands before an inner one and writes each call down,
 * VMAs by number: a VMA's memory is a number, from 1, whatever lives there later.
 * Cursors get the number of a few that are remembered by their place in memory;
 * where one is not known (it has been copied), a seek to where it stands comes first.
 */
#include "harness/bench/tape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "harness/bench/tape_internal.h"

struct tape_index {
	struct vma_index index;
	struct vma_index *inner;
	uint32_t space; /* its number, never used again */
	size_t vmas;
};

static struct tape_index *tape_of(const struct vma_index *index)
{
	return container_of(index, struct tape_index, index);
}

static struct tape *tape_owner(const struct vma_index *index)
{
	return container_of(index->ops, struct tape, ops);
}

/* ---- writing ---- */

static void tape_word(struct tape *tape, uint64_t word)
{
	if (tape->why)
		return;
	if (tape->n == tape->room) {
		size_t room = tape->room ? tape->room * 2 : 4096;
		uint64_t *words;

		if (room * sizeof(*words) > tape->limit) {
			tape->why = "the recording of index calls gets too long";
			return;
		}
		words = realloc(tape->words, room * sizeof(*words));
		if (!words) {
			tape->why = "out of memory";
			return;
		}
		tape->words = words;
		tape->room = room;
	}
	tape->words[tape->n++] = word;
}

static void tape_call(const struct vma_index *index, enum tape_kind kind, unsigned detail)
{
	struct tape *tape = tape_owner(index);

	tape->calls++;
	tape_word(tape, tape_head(kind, detail, tape_of(index)->space));
}

/* Makes the table of VMA numbers twice as large. */
static bool numbers_grow(struct tape *tape)
{
	size_t room = tape->numbers_room ? tape->numbers_room * 2 : 1024;
	struct tape_number *old = tape->numbers, *table = calloc(room, sizeof(*table));

	if (!table)
		return false;
	for (size_t i = 0; i < tape->numbers_room; i++) {
		size_t at = mix64((uintptr_t)old[i].vma) & (room - 1);

		while (old[i].vma && table[at].vma)
			at = (at + 1) & (room - 1);
		if (old[i].vma)
			table[at] = old[i];
	}
	free(old);
	tape->numbers = table;
	tape->numbers_room = room;
	return true;
}

static uint64_t tape_number(struct tape *tape, const struct vm_area_struct *vma)
{
	size_t at;

	if (!vma)
		return 0;
	if (tape->vmas * 2 >= tape->numbers_room && !numbers_grow(tape)) {
		tape->why = "out of memory";
		return 0;
	}
	at = mix64((uintptr_t)vma) & (tape->numbers_room - 1);
	while (tape->numbers[at].vma && tape->numbers[at].vma != vma)
		at = (at + 1) & (tape->numbers_room - 1);
	if (!tape->numbers[at].vma)
		tape->numbers[at] = (struct tape_number){ vma, ++tape->vmas };
	return tape->numbers[at].number;
}

/* An answer: which VMA. */
static struct vm_area_struct *tape_answer(struct tape *tape, struct vm_area_struct *vma)
{
	tape->digest.vmas = tape_mix(tape->digest.vmas, tape_number(tape, vma));
	return vma;
}

static void tape_edit(struct tape *tape, const struct vma_edit *edit)
{
	tape_word(tape, edit->lo);
	tape_word(tape, edit->hi);
	tape_word(tape, edit->nput);
	for (unsigned i = 0; i < edit->nput; i++) {
		tape_word(tape, tape_number(tape, edit->put[i].vma));
		tape_word(tape, edit->put[i].start);
		tape_word(tape, edit->put[i].end);
	}
}

/* Every change of an index invalidates its cursors. */
static void tape_forget_cursors(const struct vma_index *index)
{
	struct tape *tape = tape_owner(index);

	for (unsigned i = 0; i < TAPE_CURSORS; i++) {
		if (tape->cursors[i].index == index)
			tape->cursors[i].index = NULL;
	}
}

/* ---- the index that records ---- */

static int tape_init(struct vma_index *index)
{
	struct tape *tape = tape_owner(index);
	struct tape_index *recording = tape_of(index);

	recording->inner = vma_index_create(tape->inner, index->arena);
	if (!recording->inner)
		return -ENOMEM;
	recording->space = tape->spaces++;
	tape_call(index, TAPE_CREATE, 0);
	return 0;
}

static void tape_index_destroy(struct vma_index *index)
{
	tape_call(index, TAPE_DESTROY, 0);
	tape_forget_cursors(index);
	vma_index_destroy(tape_of(index)->inner);
}

static struct vm_area_struct *tape_find(const struct vma_index *index, unsigned long addr)
{
	struct vma_index *inner = tape_of(index)->inner;

	tape_call(index, TAPE_FIND, 0);
	tape_word(tape_owner(index), addr);
	return tape_answer(tape_owner(index), inner->ops->find(inner, addr));
}

/* The number of the cursor, a new one in turn if it is not known as it stands. */
static unsigned cursor_number(struct tape *tape, const struct vma_cursor *cursor, bool *known)
{
	for (unsigned i = 0; i < TAPE_CURSORS; i++) {
		if (tape->cursors[i].cursor == cursor) {
			*known = tape->cursors[i].vma == cursor->vma &&
				 tape->cursors[i].index == cursor->index;
			return i;
		}
	}
	*known = false;
	return tape->next_cursor++ % TAPE_CURSORS;
}

/* Does what step does with the inner index's cursor, and remembers where it stands. */
static struct vm_area_struct *cursor_step(struct vma_cursor *cursor, unsigned number,
					  enum tape_kind kind, unsigned long addr)
{
	const struct vma_index *index = cursor->index;
	struct tape *tape = tape_owner(index);
	const struct vma_index_ops *ops = tape->inner;

	tape_call(index, kind, number);
	if (kind == TAPE_SEEK)
		tape_word(tape, addr);
	cursor->index = tape_of(index)->inner;
	if (kind == TAPE_SEEK)
		ops->seek(cursor, addr);
	else if (kind == TAPE_NEXT)
		ops->next(cursor);
	else
		ops->prev(cursor);
	cursor->index = index;
	tape->cursors[number] = (struct tape_cursor){ cursor, index, cursor->vma };
	return tape_answer(tape, cursor->vma);
}

static struct vm_area_struct *tape_seek(struct vma_cursor *cursor, unsigned long addr)
{
	bool known;
	unsigned number = cursor_number(tape_owner(cursor->index), cursor, &known);

	return cursor_step(cursor, number, TAPE_SEEK, addr);
}

/* The number of a cursor that is to move; where it stands is recorded if it is not known. */
static unsigned cursor_place(struct vma_cursor *cursor)
{
	struct tape *tape = tape_owner(cursor->index);
	bool known;
	unsigned number = cursor_number(tape, cursor, &known);

	if (!known && cursor->vma)
		cursor_step(cursor, number, TAPE_SEEK, vma_start(cursor->vma));
	else if (!known)
		tape->why = "a cursor was copied while it stood off an end";
	return number;
}

static struct vm_area_struct *tape_next(struct vma_cursor *cursor)
{
	return cursor_step(cursor, cursor_place(cursor), TAPE_NEXT, 0);
}

static struct vm_area_struct *tape_prev(struct vma_cursor *cursor)
{
	return cursor_step(cursor, cursor_place(cursor), TAPE_PREV, 0);
}

static unsigned tape_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	const struct vma_index *index = cursor->index;
	struct tape *tape = tape_owner(index);
	unsigned number = cursor_place(cursor), done;

	tape_call(index, TAPE_SCAN, number);
	tape_word(tape, n);
	tape->longest_scan = max(tape->longest_scan, n);
	cursor->index = tape_of(index)->inner;
	done = vma_index_scan(cursor, vmas, n);
	cursor->index = index;
	tape->cursors[number] = (struct tape_cursor){ cursor, index, cursor->vma };
	for (unsigned i = 0; i < done; i++)
		tape_answer(tape, vmas[i]);
	tape_answer(tape, cursor->vma);
	return done;
}

static int tape_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	struct tape *tape = tape_owner(index);
	struct vma_index *inner = tape_of(index)->inner;
	int err;

	tape_call(index, TAPE_FIND_GAP, gap->topdown);
	tape_word(tape, gap->len);
	tape_word(tape, gap->lo);
	tape_word(tape, gap->hi);
	err = inner->ops->find_gap(inner, gap);
	tape->digest.gaps = tape_mix(tape->digest.gaps, err ? 1 : gap->start + gap->end * 3);
	return err;
}

static int tape_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct tape *tape = tape_owner(index);
	struct vma_index *inner = tape_of(index)->inner;
	int err = inner->ops->reserve(inner, edits, n);

	if (err)
		return err;
	tape_call(index, TAPE_RESERVE, n);
	for (unsigned i = 0; i < n; i++)
		tape_edit(tape, &edits[i]);
	return 0;
}

static void tape_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct tape *tape = tape_owner(index);
	struct tape_index *recording = tape_of(index);
	struct vma_index *inner = recording->inner;
	struct vma_cursor cursor = { .index = inner };

	tape_call(index, TAPE_COMMIT, 0);
	tape_edit(tape, edit);
	for (inner->ops->seek(&cursor, edit->lo); cursor.vma && vma_start(cursor.vma) < edit->hi;
	     inner->ops->next(&cursor))
		recording->vmas--;
	inner->ops->commit(inner, edit);
	tape_forget_cursors(index);
	recording->vmas += edit->nput;
	tape->peak = max(tape->peak, recording->vmas);
}

static void tape_unreserve(struct vma_index *index)
{
	struct vma_index *inner = tape_of(index)->inner;

	tape_call(index, TAPE_UNRESERVE, 0);
	inner->ops->unreserve(inner);
}

/* The VMAs that an index was filled with. */
static void tape_filled(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct tape *tape = tape_owner(index);

	tape_forget_cursors(index);
	tape_word(tape, n);
	for (size_t i = 0; i < n; i++) {
		tape_word(tape, tape_number(tape, vmas[i]));
		tape_word(tape, vma_start(vmas[i]));
		tape_word(tape, vma_end(vmas[i]));
	}
	tape_of(index)->vmas = n;
	tape->peak = max(tape->peak, n);
}

static int tape_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct vma_index *inner = tape_of(index)->inner;
	int err = inner->ops->build(inner, vmas, n);

	if (err)
		return err;
	tape_call(index, TAPE_BUILD, 0);
	tape_filled(index, vmas, n);
	return 0;
}

static int tape_clone(struct vma_index *index, const struct vma_index *from,
		      struct vm_area_struct *const *copies)
{
	const struct tape_index *original = tape_of(from);
	int err = vma_index_clone(tape_of(index)->inner, original->inner, copies, original->vmas);

	if (err)
		return err;
	tape_call(index, TAPE_CLONE, 0);
	tape_word(tape_owner(index), original->space);
	tape_filled(index, copies, original->vmas);
	return 0;
}

/* Self-help goes through and is not recorded. */
static unsigned tape_verify(const struct vma_index *index, FILE *report)
{
	return tape_owner(index)->inner->verify(tape_of(index)->inner, report);
}

static int tape_corrupt(struct vma_index *index, unsigned n)
{
	return tape_owner(index)->inner->corrupt(tape_of(index)->inner, n);
}

static void tape_dump(const struct vma_index *index, FILE *out)
{
	tape_owner(index)->inner->dump(tape_of(index)->inner, out);
}

static void tape_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	tape_owner(index)->inner->footprint(tape_of(index)->inner, footprint);
}

static const struct vma_index_ops tape_template = {
	.name = "tape",
	.summary = "records what is asked of the index behind it",
	.abi = VMA_INDEX_ABI,
	.size = sizeof(struct tape_index),
	.init = tape_init,
	.destroy = tape_index_destroy,
	.find = tape_find,
	.seek = tape_seek,
	.next = tape_next,
	.prev = tape_prev,
	.scan = tape_scan,
	.find_gap = tape_find_gap,
	.reserve = tape_reserve,
	.commit = tape_commit,
	.unreserve = tape_unreserve,
	.build = tape_build,
	.clone = tape_clone,
	.verify = tape_verify,
	.corrupt = tape_corrupt,
	.dump = tape_dump,
	.footprint = tape_footprint,
};

/* ---- the tape ---- */

struct tape *tape_create(const struct vma_index_ops *inner, size_t limit)
{
	struct tape *tape = calloc(1, sizeof(*tape));

	if (!tape)
		return NULL;
	tape->inner = inner;
	tape->limit = limit;
	tape->ops = tape_template;
	tape->ops.node_size = inner->node_size;
	tape->ops.invariants = inner->invariants;
	return tape;
}

const struct vma_index_ops *tape_ops(struct tape *tape)
{
	return &tape->ops;
}

void tape_destroy(struct tape *tape)
{
	if (!tape)
		return;
	free(tape->words);
	free(tape->numbers);
	free(tape);
}

const char *tape_end(struct tape *tape)
{
	free(tape->numbers);
	tape->numbers = NULL;
	tape->numbers_room = 0;
	return tape->why;
}

uint64_t tape_calls(const struct tape *tape)
{
	return tape->calls;
}

size_t tape_peak_vmas(const struct tape *tape)
{
	return tape->peak;
}

uint64_t tape_digest(const struct tape *tape, size_t stride)
{
	return hash_add(tape->digest.vmas * stride, tape->digest.gaps);
}
