/*
 * layout - an address space of N VMAs as data (see layout.h)
 */
#include "workloads/generate/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEEP    32 /* deep gaps on each side */
#define SPACE_START 0x10000000UL

/* 1 to 2^bits, each power of two as likely as the others. */
static unsigned long log_uniform(struct rng *rng, unsigned bits)
{
	return rng_between(rng, 1, 1UL << rng_below(rng, bits + 1));
}

/* ---- places ---- */

struct builder {
	struct layout *layout;
	struct rng rng;
	size_t n;         /* places so far */
	unsigned long at; /* where the next one may begin */
};

/* The deep gap in front of place i, if there is one: 1 for the first from an end, and so on. */
static unsigned long deep_before(const struct layout *layout, size_t i)
{
	size_t quarter = layout->nplaces / 4, step = max(quarter / layout->deep, (size_t)1);
	size_t up = i - quarter, down = 3 * quarter - i;

	if (i >= quarter && up % step == 0 && up / step < layout->deep)
		return up / step + 1;
	if (i <= 3 * quarter && down % step == 0 && down / step < layout->deep)
		return down / step + 1;
	return 0;
}

/* A place of that many pages, right behind the one before unless a deep gap comes there. */
static void add_place(struct builder *b, unsigned long pages)
{
	struct layout *layout = b->layout;

	if (b->n == layout->nplaces)
		return;
	b->at += deep_before(layout, b->n) * LAYOUT_DEEP;
	layout->places[b->n++] = (struct place){ b->at, b->at + pages * PAGE_SIZE };
	b->at += pages * PAGE_SIZE;
}

/* What programs map: parts of a library, a stack and its guard, a heap, small mixed protections. */
static void add_cluster(struct builder *b)
{
	static const unsigned char library_bits[] = { 5, 9, 6, 2, 2 };
	unsigned kind = rng_below(&b->rng, 10);

	if (kind < 4) {
		for (size_t i = 0; i < ARRAY_SIZE(library_bits); i++)
			add_place(b, log_uniform(&b->rng, library_bits[i]));
	} else if (kind < 6) {
		add_place(b, 1);
		add_place(b, 2048);
	} else if (kind < 9) {
		add_place(b, log_uniform(&b->rng, 12));
	} else {
		for (unsigned i = rng_between(&b->rng, 2, 16); i > 0; i--)
			add_place(b, log_uniform(&b->rng, 2));
	}
	b->at += log_uniform(&b->rng, 6) * PAGE_SIZE;
}

/* ---- who stands where ---- */

static void shuffle(struct rng *rng, uint32_t *numbers, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		size_t j = rng_below(rng, i);
		uint32_t swap = numbers[i - 1];

		numbers[i - 1] = numbers[j];
		numbers[j] = swap;
	}
}

/* A random VMA to a random free place; standing[vma] is its place, free places come behind. */
static struct move random_move(const struct layout *layout, struct rng *rng, uint32_t *standing)
{
	size_t vmas = layout->vmas, vma = rng_below(rng, vmas);
	size_t empty = vmas + rng_below(rng, layout->nplaces - vmas);
	struct move move = { vma, standing[vma], standing[empty] };

	standing[vma] = move.to;
	standing[empty] = move.from;
	return move;
}

/* The VMAs in address order, when VMA i has place standing[i]. */
static void sort_by_place(const struct layout *layout, const uint32_t *standing, uint32_t *owner,
			  uint32_t *order)
{
	memset(owner, 0xff, layout->nplaces * sizeof(*owner));
	for (size_t i = 0; i < layout->vmas; i++)
		owner[standing[i]] = i;
	for (size_t i = 0; i < layout->nplaces; i++) {
		if (owner[i] != LAYOUT_NO_VMA)
			*order++ = owner[i];
	}
}

static int fill(struct layout *layout, uint64_t seed)
{
	struct builder b = { .layout = layout, .at = SPACE_START };
	uint32_t *standing = calloc(layout->nplaces, sizeof(*standing));
	uint32_t *owner = calloc(layout->nplaces, sizeof(*owner));

	if (!standing || !owner) {
		free(standing);
		free(owner);
		return -ENOMEM;
	}
	rng_seed(&b.rng, seed);
	while (b.n < layout->nplaces)
		add_cluster(&b);

	for (size_t i = 0; i < layout->nplaces; i++)
		standing[i] = i;
	shuffle(&b.rng, standing, layout->nplaces);
	memcpy(layout->fresh, standing, layout->vmas * sizeof(*standing));
	sort_by_place(layout, standing, owner, layout->fresh_order);
	for (size_t i = 0; i < layout->nmoves; i++)
		layout->moves[i] = random_move(layout, &b.rng, standing);
	memcpy(layout->aged, standing, layout->vmas * sizeof(*standing));
	sort_by_place(layout, standing, owner, layout->aged_order);
	free(standing);
	free(owner);
	return 0;
}

struct layout *layout_create(size_t vmas, uint64_t seed)
{
	struct layout *layout = calloc(1, sizeof(*layout));

	if (!layout)
		return NULL;
	layout->vmas = vmas;
	layout->nplaces = vmas + vmas / 4 + 8;
	layout->nmoves = vmas + 8192;
	layout->deep = min(max(vmas / 16, (size_t)1), (size_t)MAX_DEEP);
	layout->places = calloc(layout->nplaces, sizeof(*layout->places));
	layout->moves = calloc(layout->nmoves, sizeof(*layout->moves));
	layout->fresh = calloc(vmas, sizeof(*layout->fresh));
	layout->aged = calloc(vmas, sizeof(*layout->aged));
	layout->fresh_order = calloc(vmas, sizeof(*layout->fresh_order));
	layout->aged_order = calloc(vmas, sizeof(*layout->aged_order));
	if (!layout->places || !layout->moves || !layout->fresh || !layout->aged ||
	    !layout->fresh_order || !layout->aged_order || fill(layout, seed)) {
		layout_destroy(layout);
		return NULL;
	}
	return layout;
}

void layout_destroy(struct layout *layout)
{
	if (!layout)
		return;
	free(layout->places);
	free(layout->moves);
	free(layout->fresh);
	free(layout->aged);
	free(layout->fresh_order);
	free(layout->aged_order);
	free(layout);
}

int layout_churn(const struct layout *layout, struct rng *rng, struct move *out, size_t n)
{
	uint32_t *standing = calloc(layout->nplaces, sizeof(*standing));
	unsigned char *taken = calloc(layout->nplaces, 1);

	if (!standing || !taken) {
		free(standing);
		free(taken);
		return -ENOMEM;
	}
	for (size_t i = 0; i < layout->vmas; i++) {
		standing[i] = layout->aged[i];
		taken[standing[i]] = 1;
	}
	for (size_t i = 0, empty = layout->vmas; i < layout->nplaces; i++) {
		if (!taken[i])
			standing[empty++] = i;
	}
	for (size_t i = 0; i < n; i++) {
		out[i] = random_move(layout, rng, standing);
		out[2 * n - 1 - i] = (struct move){ out[i].vma, out[i].to, out[i].from };
	}
	free(standing);
	free(taken);
	return 0;
}

/* More than the gap k - 1 from an end has, with what may be free beside it; at most the k-th's. */
unsigned long layout_deep_length(const struct layout *layout, struct rng *rng)
{
	unsigned long k = rng_between(rng, 1, layout->deep);

	return rng_between(rng, (k * LAYOUT_DEEP - LAYOUT_DEEP / 2) >> PAGE_SHIFT,
			   (k * LAYOUT_DEEP) >> PAGE_SHIFT)
	       << PAGE_SHIFT;
}
