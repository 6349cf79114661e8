/*
 * history - the writer's edits, and answers held against them (see history.h)
 */
#include "tests/rcu/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define HISTORY_ENDS 8 /* of one VMA since the seek of a cursor on it */

struct history_range {
	unsigned long start, end;
	const void *vma;
};

struct history_end {
	const void *vma;
	unsigned long end; /* 0: it is not there */
};

struct history {
	uint64_t begun, done;   /* edits; shared with readers */
	uint64_t base;          /* edits that are done in ranges */
	struct vma_edit *edits; /* number base + 1 and so on */
	size_t nedits, room_edits;
	struct history_range *ranges; /* behind edit number base, in address order */
	size_t n, room;
	struct history_end *ends; /* a hash table */
	size_t nends, room_ends;
};

struct history *history_create(void)
{
	return calloc(1, sizeof(struct history));
}

void history_destroy(struct history *history)
{
	if (!history)
		return;
	free(history->edits);
	free(history->ranges);
	free(history->ends);
	free(history);
}

/* Room for one more in an array: 0, or -ENOMEM. */
static int history_grow(void *array, size_t *room, size_t n, size_t each)
{
	void **p = array, *more;

	if (n < *room)
		return 0;
	more = realloc(*p, (2 * n + 64) * each);
	if (!more)
		return -ENOMEM;
	*p = more;
	*room = 2 * n + 64;
	return 0;
}

/* ---- the writer and the readers ---- */

int history_begin(struct history *history, const struct vma_edit *edit)
{
	if (history_grow(&history->edits, &history->room_edits, history->nedits, sizeof(*edit)))
		return -ENOMEM;
	history->edits[history->nedits++] = *edit;
	__atomic_store_n(&history->begun, history->begun + 1, __ATOMIC_RELEASE);
	return 0;
}

void history_done(struct history *history)
{
	__atomic_store_n(&history->done, history->begun, __ATOMIC_RELEASE);
}

uint64_t history_ask(const struct history *history)
{
	return __atomic_load_n(&history->done, __ATOMIC_ACQUIRE);
}

uint64_t history_told(const struct history *history)
{
	return __atomic_load_n(&history->begun, __ATOMIC_ACQUIRE);
}

/* ---- where each VMA ends now: a table by its address, never emptied ---- */

static struct history_end *history_end(struct history_end *ends, size_t room, const void *vma)
{
	size_t i = mix64((uintptr_t)vma) & (room - 1);

	while (ends[i].vma && ends[i].vma != vma)
		i = (i + 1) & (room - 1);
	return &ends[i];
}

/* Room for as many more VMAs as an edit puts. */
static int history_grow_ends(struct history *history)
{
	size_t room = max(2 * history->room_ends, (size_t)1024);
	struct history_end *ends;

	if (2 * (history->nends + VMA_EDIT_PUTS) < history->room_ends)
		return 0;
	ends = calloc(room, sizeof(*ends));
	if (!ends)
		return -ENOMEM;
	for (size_t i = 0; i < history->room_ends; i++) {
		const struct history_end *old = &history->ends[i];

		if (old->vma)
			*history_end(ends, room, old->vma) = *old;
	}
	free(history->ends);
	history->ends = ends;
	history->room_ends = room;
	return 0;
}

/* The VMA ends there from now on; at 0: it is gone. */
static void history_set_end(struct history *history, const void *vma, unsigned long end)
{
	struct history_end *at = history_end(history->ends, history->room_ends, vma);

	history->nends += !at->vma;
	*at = (struct history_end){ vma, end };
}

/* ---- the edits once more ---- */

/* The number of the first range that ends above addr. */
static size_t history_first(const struct history *history, unsigned long addr)
{
	size_t lo = 0, hi = history->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (history->ranges[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int history_apply(struct history *history, const struct vma_edit *edit)
{
	size_t first = history_first(history, edit->lo), last = first;

	if (history_grow(&history->ranges, &history->room, history->n + VMA_EDIT_PUTS,
			 sizeof(*history->ranges)) ||
	    history_grow_ends(history))
		return -ENOMEM;
	for (; last < history->n && history->ranges[last].start < edit->hi; last++)
		history_set_end(history, history->ranges[last].vma, 0);
	memmove(&history->ranges[first + edit->nput], &history->ranges[last],
		(history->n - last) * sizeof(*history->ranges));
	history->n = history->n - (last - first) + edit->nput;
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		history->ranges[first + i] =
			(struct history_range){ put->start, put->end, put->vma };
		history_set_end(history, put->vma, put->end);
	}
	return 0;
}

/* ---- the answers ---- */

/* An answer that was not true yet; where its `after` has ended since it was open. */
struct history_open {
	const struct history_answer *answer;
	unsigned nends;
	unsigned long ends[HISTORY_ENDS];
};

static bool history_finds(const struct history *history, unsigned long addr, const void *vma)
{
	size_t i = history_first(history, addr);

	return vma == (i < history->n ? history->ranges[i].vma : NULL);
}

/* Whether the answer is true now.  One whose VMA had very many ends is let pass. */
static bool history_is_true(const struct history *history, struct history_open *open)
{
	const struct history_answer *answer = open->answer;
	unsigned long end;
	bool known;

	if (!answer->after)
		return history_finds(history, answer->addr, answer->vma);
	end = history_end(history->ends, history->room_ends, answer->after)->end;
	known = !end;
	for (unsigned i = 0; i < open->nends; i++)
		known |= open->ends[i] == end;
	if (!known && open->nends == HISTORY_ENDS)
		return true;
	if (!known)
		open->ends[open->nends++] = end;
	for (unsigned i = 0; i < open->nends; i++) {
		if (history_finds(history, open->ends[i], answer->vma))
			return true;
	}
	return false;
}

static int history_by_from(const void *a, const void *b)
{
	uint64_t x = ((const struct history_answer *)a)->from;
	uint64_t y = ((const struct history_answer *)b)->from;

	return (x > y) - (x < y);
}

static int history_never_true(const struct history_answer *answer, char *why, size_t size)
{
	snprintf(why, size, "%s %#lx: the answer %p was never true behind edits %lu to %lu",
		 answer->after ? "next after a VMA found near" : "find", answer->addr, answer->vma,
		 (unsigned long)answer->from, (unsigned long)answer->to);
	return -EILSEQ;
}

/* Drops those that are true now; -EILSEQ if one cannot become true any more. */
static int history_compare(const struct history *history, uint64_t edit, struct history_open *open,
			   size_t *nopen, char *why, size_t size)
{
	size_t left = 0;

	for (size_t i = 0; i < *nopen; i++) {
		if (history_is_true(history, &open[i]))
			continue;
		if (open[i].answer->to <= edit)
			return history_never_true(open[i].answer, why, size);
		open[left++] = open[i];
	}
	*nopen = left;
	return 0;
}

int history_check(struct history *history, struct history_answer *answers, size_t n, char *why,
		  size_t size)
{
	size_t at = 0, nopen = 0, room = 0;
	struct history_open *open = NULL;
	int err = history_grow_ends(history);

	qsort(answers, n, sizeof(*answers), history_by_from);
	for (size_t i = 0; !err && i <= history->nedits; i++) {
		uint64_t edit = history->base + i;

		if (i)
			err = history_apply(history, &history->edits[i - 1]);
		for (; !err && at < n && answers[at].from <= edit; at++) {
			err = history_grow(&open, &room, nopen, sizeof(*open));
			if (!err)
				open[nopen++] = (struct history_open){ .answer = &answers[at] };
		}
		if (!err)
			err = history_compare(history, edit, open, &nopen, why, size);
	}
	if (!err && at < n)
		err = history_never_true(&answers[at], why, size);
	free(open);
	history->base += history->nedits;
	history->nedits = 0;
	return err;
}
