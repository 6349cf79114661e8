/*
 * translation - recorded addresses to emulated ones (see translation.h)
 */
#include "harness/translation.h"

#include <errno.h>
#include <stdlib.h>

struct translation {
	unsigned users;
	struct arena *arena;
	struct vma_index *index;
	unsigned long lowest, highest; /* of what was placed: emulated addresses */
};

/* To the index this is a VMA: its bounds come first, and its node before them. */
struct stretch {
	struct vma_bounds bounds;
	unsigned long delta;
	struct stretch *gone; /* links those on their way out */
};

#define STRETCH_ALIGN 16

static struct stretch *stretch_of(struct vm_area_struct *vma)
{
	return (struct stretch *)vma;
}

static struct vm_area_struct *vma_of(struct stretch *stretch)
{
	return (struct vm_area_struct *)stretch;
}

static size_t stretch_bytes(const struct translation *t)
{
	return t->index->ops->node_size + sizeof(struct stretch);
}

static struct stretch *stretch_new(struct translation *t, unsigned long start, unsigned long end,
				   unsigned long delta)
{
	char *raw = arena_alloc(t->arena, stretch_bytes(t), STRETCH_ALIGN);

	if (!raw)
		return NULL;
	struct stretch *stretch = (struct stretch *)(raw + t->index->ops->node_size);
	*stretch = (struct stretch){.bounds = {start, end}, .delta = delta};
	return stretch;
}

static void stretch_free(struct translation *t, struct stretch *stretch)
{
	if (!stretch)
		return;
	arena_free(t->arena, vma_node(t->index->ops, vma_of(stretch)), stretch_bytes(t),
		   STRETCH_ALIGN);
}

/* ---- made, copied, ended ---- */

struct translation *translation_create(struct arena *arena)
{
	struct translation *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->users = 1;
	t->arena = arena;
	t->lowest = -1UL;
	t->index = vma_index_create(vma_index_lookup("btree"), arena);
	if (!t->index) {
		free(t);
		return NULL;
	}
	return t;
}

struct translation *translation_get(struct translation *t)
{
	if (t)
		t->users++;
	return t;
}

void translation_put(struct translation *t)
{
	struct stretch *gone = NULL;
	struct vm_area_struct *vma;
	struct vma_walk walk;

	if (!t || --t->users)
		return;
	for_each_vma(&walk, t->index, vma)
	{
		stretch_of(vma)->gone = gone;
		gone = stretch_of(vma);
	}
	while (gone) {
		struct stretch *next = gone->gone;

		stretch_free(t, gone);
		gone = next;
	}
	vma_index_destroy(t->index);
	free(t);
}

struct translation *translation_copy(const struct translation *from)
{
	struct translation *t = translation_create(from->arena);
	struct vma_cursor cursor = {.index = from->index};

	for (struct vm_area_struct *vma = from->index->ops->seek(&cursor, 0); t && vma;
	     vma = from->index->ops->next(&cursor)) {
		if (translation_set(t, vma_start(vma), vma_end(vma), stretch_of(vma)->delta)) {
			translation_put(t);
			return NULL;
		}
	}
	if (t) {
		t->lowest = from->lowest;
		t->highest = from->highest;
	}
	return t;
}

void translation_placed(struct translation *t, unsigned long start, unsigned long end)
{
	t->lowest = min(t->lowest, start);
	t->highest = max(t->highest, end);
}

unsigned long translation_span(const struct translation *t)
{
	return t->highest > t->lowest ? t->highest - t->lowest : 0;
}

/* ---- asked ---- */

struct piece translation_at(const struct translation *t, unsigned long addr, unsigned long lo,
			    unsigned long hi)
{
	struct vma_cursor cursor = {.index = t->index};
	struct vm_area_struct *vma = t->index->ops->seek(&cursor, addr);
	struct piece piece = {.start = lo, .end = hi};

	if (vma && vma_start(vma) <= addr) {
		piece.start = max(lo, vma_start(vma));
		piece.end = min(hi, vma_end(vma));
		piece.delta = stretch_of(vma)->delta;
		piece.mapped = true;
		return piece;
	}
	if (vma)
		piece.end = min(hi, vma_start(vma));
	vma = t->index->ops->prev(&cursor);
	if (vma)
		piece.start = max(lo, vma_end(vma));
	return piece;
}

/* ---- changed ---- */

/* A change on its way: what stays of the stretches at either side, and what goes. */
struct change {
	unsigned long start, end; /* the new stretch, grown over those like it */
	struct stretch *low, *high; /* may be one and the same: it is cut in two */
	struct stretch *gone;
};

/* One that overlaps or touches [start, end), which is to be like fresh (NULL: empty). */
static void change_add(struct change *c, struct stretch *s, unsigned long start, unsigned long end,
		       const struct stretch *fresh)
{
	if (fresh && s->delta == fresh->delta) {
		c->start = min(c->start, s->bounds.vm_start);
		c->end = max(c->end, s->bounds.vm_end);
	} else if (s->bounds.vm_end <= start || s->bounds.vm_start >= end) {
		return; /* touches only */
	} else if (s->bounds.vm_start < start || s->bounds.vm_end > end) {
		if (s->bounds.vm_start < start)
			c->low = s;
		if (s->bounds.vm_end > end)
			c->high = s;
		return;
	}
	s->gone = c->gone;
	c->gone = s;
}

static void put(struct vma_edit *edit, struct stretch *s, unsigned long start, unsigned long end)
{
	edit->put[edit->nput++] = (struct vma_put){vma_of(s), start, end};
	edit->lo = min(edit->lo, start);
	edit->hi = max(edit->hi, end);
}

/* [start, end) becomes fresh, which is freed if that fails, or empty. */
static int change(struct translation *t, unsigned long start, unsigned long end,
		  struct stretch *fresh)
{
	const struct vma_index_ops *ops = t->index->ops;
	struct vma_cursor cursor = {.index = t->index};
	struct change c = {.start = start, .end = end};
	struct vm_area_struct *vma = ops->seek(&cursor, start ? start - 1 : 0);
	struct stretch *upper = NULL;

	for (; vma && vma_start(vma) <= end; vma = ops->next(&cursor))
		change_add(&c, stretch_of(vma), start, end, fresh);
	if (!fresh && !c.low && !c.high && !c.gone)
		return 0;

	struct vma_edit edit = {.lo = c.start, .hi = c.end};
	if (c.low)
		put(&edit, c.low, c.low->bounds.vm_start, start);
	if (fresh)
		put(&edit, fresh, c.start, c.end);
	if (c.high && c.high == c.low) {
		upper = stretch_new(t, end, c.high->bounds.vm_end, c.high->delta);
		if (!upper)
			goto no_memory;
	}
	if (c.high)
		put(&edit, upper ? upper : c.high, end, c.high->bounds.vm_end);
	if (vma_index_edit(t->index, &edit))
		goto no_memory;
	while (c.gone) {
		struct stretch *next = c.gone->gone;

		stretch_free(t, c.gone);
		c.gone = next;
	}
	return 0;

no_memory:
	stretch_free(t, upper);
	stretch_free(t, fresh);
	return -ENOMEM;
}

int translation_set(struct translation *t, unsigned long start, unsigned long end,
		    unsigned long delta)
{
	struct stretch *fresh = stretch_new(t, start, end, delta);

	return fresh ? change(t, start, end, fresh) : -ENOMEM;
}

int translation_clear(struct translation *t, unsigned long start, unsigned long end)
{
	return change(t, start, end, NULL);
}
