/*
 * range_map - a value for each range of addresses that has one (see range_map.h)
 */
#include "harness/replay/range_map.h"

#include <errno.h>

struct range_map {
	struct arena *arena;
	struct vma_index *index;
};

/* To the index this is a VMA: its bounds come first, and its node before them. */
struct stretch {
	struct vma_bounds bounds;
	unsigned long value;
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

static size_t stretch_bytes(const struct range_map *map)
{
	return map->index->ops->node_size + sizeof(struct stretch);
}

static struct stretch *stretch_new(struct range_map *map, unsigned long start, unsigned long end,
				   unsigned long value)
{
	char *raw = arena_alloc(map->arena, stretch_bytes(map), STRETCH_ALIGN);

	if (!raw)
		return NULL;
	struct stretch *stretch = (struct stretch *)(raw + map->index->ops->node_size);
	*stretch = (struct stretch){ .bounds = { start, end }, .value = value };
	return stretch;
}

static void stretch_free(struct range_map *map, struct stretch *stretch)
{
	if (!stretch)
		return;
	arena_free(map->arena, vma_node(map->index->ops, vma_of(stretch)), stretch_bytes(map),
		   STRETCH_ALIGN);
}

static void free_stretches(struct range_map *map, struct stretch *gone)
{
	while (gone) {
		struct stretch *next = gone->gone;

		stretch_free(map, gone);
		gone = next;
	}
}

/* ---- made, copied, ended ---- */

struct range_map *range_map_create(struct arena *arena)
{
	struct range_map *map = arena_alloc(arena, sizeof(*map), 0);

	if (!map)
		return NULL;
	map->arena = arena;
	map->index = vma_index_create(vma_index_lookup("btree"), arena);
	if (!map->index) {
		arena_free(arena, map, sizeof(*map), 0);
		return NULL;
	}
	return map;
}

void range_map_destroy(struct range_map *map)
{
	struct stretch *gone = NULL;
	struct vm_area_struct *vma;
	struct vma_walk walk;

	if (!map)
		return;
	for_each_vma(&walk, map->index, vma) {
		stretch_of(vma)->gone = gone;
		gone = stretch_of(vma);
	}
	free_stretches(map, gone);
	vma_index_destroy(map->index);
	arena_free(map->arena, map, sizeof(*map), 0);
}

struct range_map *range_map_copy(const struct range_map *from)
{
	struct range_map *map = range_map_create(from->arena);
	struct vma_cursor cursor = { .index = from->index };

	for (struct vm_area_struct *vma = from->index->ops->seek(&cursor, 0); map && vma;
	     vma = from->index->ops->next(&cursor)) {
		if (range_map_set(map, vma_start(vma), vma_end(vma), stretch_of(vma)->value)) {
			range_map_destroy(map);
			return NULL;
		}
	}
	return map;
}

/* ---- asked ---- */

struct range range_map_at(const struct range_map *map, unsigned long addr, unsigned long lo,
			  unsigned long hi)
{
	struct vma_cursor cursor = { .index = map->index };
	struct vm_area_struct *vma = map->index->ops->seek(&cursor, addr);
	struct range range = { .start = lo, .end = hi };

	if (vma && vma_start(vma) <= addr) {
		range.start = max(lo, vma_start(vma));
		range.end = min(hi, vma_end(vma));
		range.value = stretch_of(vma)->value;
		range.mapped = true;
		return range;
	}
	if (vma)
		range.end = min(hi, vma_start(vma));
	vma = map->index->ops->prev(&cursor);
	if (vma)
		range.start = max(lo, vma_end(vma));
	return range;
}

/* ---- changed ---- */

/* A change on its way: what stays of the stretches at either side, and what goes. */
struct change {
	unsigned long start, end;   /* the new stretch, grown over those like it */
	struct stretch *low, *high; /* may be one and the same: it is cut in two */
	struct stretch *gone;
};

/* One that overlaps or touches [start, end), which is to be like fresh (NULL: empty). */
static void change_add(struct change *c, struct stretch *s, unsigned long start, unsigned long end,
		       const struct stretch *fresh)
{
	if (fresh && s->value == fresh->value) {
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
	edit->put[edit->nput++] = (struct vma_put){ vma_of(s), start, end };
	edit->lo = min(edit->lo, start);
	edit->hi = max(edit->hi, end);
}

/* [start, end) becomes fresh, which is freed if that fails, or empty. */
static int change(struct range_map *map, unsigned long start, unsigned long end,
		  struct stretch *fresh)
{
	const struct vma_index_ops *ops = map->index->ops;
	struct vma_cursor cursor = { .index = map->index };
	struct change c = { .start = start, .end = end };
	struct vm_area_struct *vma = ops->seek(&cursor, start ? start - 1 : 0);
	struct stretch *upper = NULL;

	for (; vma && vma_start(vma) <= end; vma = ops->next(&cursor))
		change_add(&c, stretch_of(vma), start, end, fresh);
	if (!fresh && !c.low && !c.high && !c.gone)
		return 0;

	struct vma_edit edit = { .lo = c.start, .hi = c.end };
	if (c.low)
		put(&edit, c.low, c.low->bounds.vm_start, start);
	if (fresh)
		put(&edit, fresh, c.start, c.end);
	if (c.high && c.high == c.low) {
		upper = stretch_new(map, end, c.high->bounds.vm_end, c.high->value);
		if (!upper)
			goto no_memory;
	}
	if (c.high)
		put(&edit, upper ? upper : c.high, end, c.high->bounds.vm_end);
	if (vma_index_edit(map->index, &edit))
		goto no_memory;
	free_stretches(map, c.gone);
	return 0;

no_memory:
	stretch_free(map, upper);
	stretch_free(map, fresh);
	return -ENOMEM;
}

int range_map_set(struct range_map *map, unsigned long start, unsigned long end,
		  unsigned long value)
{
	struct stretch *fresh = stretch_new(map, start, end, value);

	return fresh ? change(map, start, end, fresh) : -ENOMEM;
}

int range_map_clear(struct range_map *map, unsigned long start, unsigned long end)
{
	return change(map, start, end, NULL);
}
