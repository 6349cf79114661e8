/*
 * vmaindex - libvmaindex: the index btree, for programs that have no VMAs (see vmaindex.h)
 *
 *	struct vmaindex         is a struct vma_index of the type btree
 *	struct vmaindex_range   is what an index sees of a VMA: its bounds
 *	edits and cursors       are laid out like those of vma_index.h
 *
 * So nothing is converted on the way: a public function checks what a stranger
 * may get wrong, and hands over.  The library consists of this folder, the
 * index, and what all indexes share; it has a registry of one.
 */
#include "lib/vmaindex.h"

#include <errno.h>

#include "indexes/vma_index.h"
#include "lib/memory.h"

#define SAME(type, field, its_type, its_field) \
	_Static_assert(offsetof(struct type, field) == offsetof(struct its_type, its_field), #field)

_Static_assert(sizeof(uint64_t) == sizeof(unsigned long), "a 64-bit processor");
_Static_assert(VMAINDEX_END == VMA_INDEX_END && VMAINDEX_PAGE == PAGE_SIZE, "the same limits");
_Static_assert(sizeof(struct vmaindex_edit) == sizeof(struct vma_edit), "edits");
SAME(vmaindex_range, start, vma_bounds, vm_start);
SAME(vmaindex_range, end, vma_bounds, vm_end);
SAME(vmaindex_edit, start, vma_edit, lo);
SAME(vmaindex_edit, end, vma_edit, hi);
SAME(vmaindex_edit, n, vma_edit, nput);
SAME(vmaindex_edit, put[1].range, vma_edit, put[1].vma);
SAME(vmaindex_edit, put[1].start, vma_edit, put[1].start);
SAME(vmaindex_edit, put[1].end, vma_edit, put[1].end);
_Static_assert(sizeof(struct vmaindex_cursor) == sizeof(struct vma_cursor), "cursors");
SAME(vmaindex_cursor, index, vma_cursor, index);
SAME(vmaindex_cursor, range, vma_cursor, vma);
SAME(vmaindex_cursor, node, vma_cursor, node);
SAME(vmaindex_cursor, slot, vma_cursor, slot);

static const struct vma_index_ops *vmaindex_ops;

/* What registers is the one index that is linked in. */
void vma_index_register(const struct vma_index_ops *ops)
{
	vmaindex_ops = ops;
}

static struct vma_index *vmaindex_of(const struct vmaindex *index)
{
	return (struct vma_index *)index;
}

static struct arena *vmaindex_arena(const struct vmaindex *index)
{
	return vmaindex_of(index)->arena;
}

/* Whether edits are reserved: nothing else may change the index then. */
static bool vmaindex_busy(const struct vmaindex *index)
{
	return vmaindex_arena(index)->nreserved;
}

static size_t vmaindex_count(const struct vmaindex *index)
{
	struct vma_footprint footprint;

	vmaindex_ops->footprint(vmaindex_of(index), &footprint);
	return footprint.vmas;
}

static bool vmaindex_bounds_valid(uint64_t start, uint64_t end)
{
	return start < end && end <= VMAINDEX_END && !((start | end) % VMAINDEX_PAGE);
}

/* Whether range can be in an index, whose nodes may keep pointers without their low 3 bits. */
static bool vmaindex_pointer_valid(const struct vmaindex_range *range)
{
	return range && !((uintptr_t)range % 8);
}

/* Whether range, which may be NULL, is in the index: the bounds of those that are stay. */
static bool vmaindex_holds(const struct vmaindex *index, const struct vmaindex_range *range)
{
	return vmaindex_pointer_valid(range) && vmaindex_find(index, range->start) == range;
}

/* ---- life ---- */

struct vmaindex *vmaindex_create(const struct vmaindex_memory *memory)
{
	struct arena *arena;
	struct vma_index *index;

	if (memory && (!memory->alloc || !memory->free))
		return NULL;
	arena = memory_arena(memory);
	if (!arena)
		return NULL;
	index = vma_index_create(vmaindex_ops, arena);
	if (!index)
		memory_arena_end(arena);
	return (struct vmaindex *)index;
}

void vmaindex_destroy(struct vmaindex *index)
{
	struct arena *arena;

	if (!index)
		return;
	arena = vmaindex_arena(index);
	vmaindex_cancel(index);
	vma_index_destroy(vmaindex_of(index));
	memory_arena_end(arena);
}

int vmaindex_build(struct vmaindex *index, struct vmaindex_range *const *ranges, size_t n)
{
	uint64_t end = 0;

	if (vmaindex_busy(index))
		return -EBUSY;
	if (vmaindex_count(index))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (!vmaindex_pointer_valid(ranges[i]) || ranges[i]->start < end ||
		    !vmaindex_bounds_valid(ranges[i]->start, ranges[i]->end))
			return -EINVAL;
		end = ranges[i]->end;
	}
	return vmaindex_ops->build(vmaindex_of(index), (struct vm_area_struct *const *)ranges, n);
}

/*
 * An object for each range of the index, in order, by copy (NULL: the ranges themselves);
 * returns how many there are, n unless one could not be made.
 */
static size_t vmaindex_copy(const struct vmaindex *from,
			    struct vmaindex_range *(*copy)(void *, struct vmaindex_range *),
			    void *user, struct vmaindex_range **copies)
{
	struct vmaindex_cursor cursor;
	struct vmaindex_range *range;
	size_t made = 0;

	vmaindex_for_each(range, &cursor, from, 0, VMAINDEX_END) {
		struct vmaindex_range *copied = copy ? copy(user, range) : range;

		if (!copied)
			break;
		if (copied != range)
			*copied = *range;
		copies[made++] = copied;
	}
	return made;
}

struct vmaindex *vmaindex_clone(const struct vmaindex *from,
				struct vmaindex_range *(*copy)(void *, struct vmaindex_range *),
				void (*discard)(void *, struct vmaindex_range *), void *user)
{
	struct arena *arena = vmaindex_arena(from);
	struct vmaindex *index = vmaindex_create(&arena->memory);
	size_t n = vmaindex_count(from), made = 0, size = (n + 1) * sizeof(void *);
	struct vmaindex_range **copies = arena_alloc(arena, size, 0);
	bool valid = true;

	if (index && copies)
		made = vmaindex_copy(from, copy, user, copies);
	for (size_t i = 0; i < made; i++)
		valid &= vmaindex_pointer_valid(copies[i]);
	if (!index || !copies || made < n || !valid ||
	    vma_index_clone(vmaindex_of(index), vmaindex_of(from),
			    (struct vm_area_struct *const *)copies, n)) {
		while (made && discard)
			discard(user, copies[--made]);
		vmaindex_destroy(index);
		index = NULL;
	}
	arena_free(arena, copies, size, 0);
	return index;
}

/* ---- questions ---- */

struct vmaindex_range *vmaindex_find(const struct vmaindex *index, uint64_t addr)
{
	return (struct vmaindex_range *)vmaindex_ops->find(vmaindex_of(index), addr);
}

static bool vmaindex_gap(const struct vmaindex *index, struct vma_gap gap,
			 struct vmaindex_range *part)
{
	if (!gap.len || vmaindex_ops->find_gap(vmaindex_of(index), &gap))
		return false;
	part->start = max(gap.start, gap.lo);
	part->end = min(gap.end, gap.hi);
	return true;
}

bool vmaindex_lowest_gap(const struct vmaindex *index, uint64_t len, uint64_t lo, uint64_t hi,
			 struct vmaindex_range *part)
{
	return vmaindex_gap(index, (struct vma_gap){ .len = len, .lo = lo, .hi = hi }, part);
}

bool vmaindex_highest_gap(const struct vmaindex *index, uint64_t len, uint64_t lo, uint64_t hi,
			  struct vmaindex_range *part)
{
	struct vma_gap gap = { .len = len, .lo = lo, .hi = hi, .topdown = true };

	return vmaindex_gap(index, gap, part);
}

struct vmaindex_range *vmaindex_seek(struct vmaindex_cursor *cursor, const struct vmaindex *index,
				     uint64_t addr)
{
	*cursor = (struct vmaindex_cursor){ .index = index };
	return (struct vmaindex_range *)vmaindex_ops->seek((struct vma_cursor *)cursor, addr);
}

struct vmaindex_range *vmaindex_next(struct vmaindex_cursor *cursor)
{
	return (struct vmaindex_range *)vmaindex_ops->next((struct vma_cursor *)cursor);
}

struct vmaindex_range *vmaindex_prev(struct vmaindex_cursor *cursor)
{
	return (struct vmaindex_range *)vmaindex_ops->prev((struct vma_cursor *)cursor);
}

unsigned vmaindex_scan(struct vmaindex_cursor *cursor, struct vmaindex_range **ranges, unsigned n)
{
	return vmaindex_ops->scan((struct vma_cursor *)cursor, (struct vm_area_struct **)ranges, n);
}

/* ---- changes ---- */

/* Whether some range is both inside and outside of [start, end). */
static bool vmaindex_cuts(const struct vmaindex *index, uint64_t start, uint64_t end)
{
	const struct vmaindex_range *range = vmaindex_overlap(index, start, end);

	if (!range)
		return false;
	if (range->start < start || range->end >= end)
		return range->start < start || range->end > end;
	range = vmaindex_find(index, end - 1);
	return range && range->start < end && range->end > end;
}

/* Whether put[] is in order, disjoint and in the window, and each range is in it once. */
static bool vmaindex_puts_valid(const struct vmaindex_edit *edit)
{
	uint64_t end = edit->start;

	for (unsigned i = 0; i < edit->n; i++) {
		if (!vmaindex_pointer_valid(edit->put[i].range) || edit->put[i].start < end ||
		    !vmaindex_bounds_valid(edit->put[i].start, edit->put[i].end))
			return false;
		for (unsigned j = 0; j < i; j++) {
			if (edit->put[j].range == edit->put[i].range)
				return false;
		}
		end = edit->put[i].end;
	}
	return end <= edit->end;
}

static bool vmaindex_inside(const struct vmaindex_range *range, const struct vmaindex_edit *edit)
{
	return range->start >= edit->start && range->end <= edit->end;
}

static bool vmaindex_puts(const struct vmaindex_edit *edit, const struct vmaindex_range *range)
{
	for (unsigned i = 0; i < edit->n; i++) {
		if (edit->put[i].range == range)
			return true;
	}
	return false;
}

/*
 * Whether no range that edit puts stands in the index outside of its window.  One that the
 * edit before it, if there is one, takes out is new by then, and one that it puts is not.
 */
static bool vmaindex_puts_inside(const struct vmaindex *index, const struct vmaindex_edit *edit,
				 const struct vmaindex_edit *before)
{
	for (unsigned i = 0; i < edit->n; i++) {
		const struct vmaindex_range *range = edit->put[i].range;

		if (before && vmaindex_puts(before, range))
			return false;
		if (vmaindex_holds(index, range) && !vmaindex_inside(range, edit) &&
		    !(before && vmaindex_inside(range, before)))
			return false;
	}
	return true;
}

static bool vmaindex_edit_valid(const struct vmaindex *index, const struct vmaindex_edit *edit,
				const struct vmaindex_edit *before)
{
	return vmaindex_bounds_valid(edit->start, edit->end) && edit->n <= VMA_EDIT_PUTS &&
	       vmaindex_puts_valid(edit) && !vmaindex_cuts(index, edit->start, edit->end) &&
	       vmaindex_puts_inside(index, edit, before);
}

/* An edit that needs no check. */
static int vmaindex_do(struct vmaindex *index, const struct vmaindex_edit *edit)
{
	return vma_index_edit(vmaindex_of(index), (const struct vma_edit *)edit);
}

int vmaindex_insert(struct vmaindex *index, struct vmaindex_range *range)
{
	struct vmaindex_edit edit = { .n = 1 };

	if (vmaindex_busy(index))
		return -EBUSY;
	if (!vmaindex_pointer_valid(range) || !vmaindex_bounds_valid(range->start, range->end))
		return -EINVAL;
	if (vmaindex_overlap(index, range->start, range->end))
		return -EEXIST;
	edit.put[0].range = range;
	edit.put[0].start = edit.start = range->start;
	edit.put[0].end = edit.end = range->end;
	return vmaindex_do(index, &edit);
}

int vmaindex_erase(struct vmaindex *index, struct vmaindex_range *range)
{
	struct vmaindex_edit edit = { .n = 0 };

	if (vmaindex_busy(index))
		return -EBUSY;
	if (!vmaindex_holds(index, range))
		return -ENOENT;
	edit.start = range->start;
	edit.end = range->end;
	return vmaindex_do(index, &edit);
}

int vmaindex_resize(struct vmaindex *index, struct vmaindex_range *range, uint64_t start,
		    uint64_t end)
{
	struct vmaindex_edit edit = { .n = 1, .put = { { range, start, end } } };

	if (vmaindex_busy(index))
		return -EBUSY;
	if (!vmaindex_bounds_valid(start, end))
		return -EINVAL;
	if (!vmaindex_holds(index, range))
		return -ENOENT;
	edit.start = min(start, range->start);
	edit.end = max(end, range->end);
	if (vmaindex_overlap(index, edit.start, range->start) ||
	    vmaindex_overlap(index, range->end, edit.end))
		return -EEXIST;
	return vmaindex_do(index, &edit);
}

int vmaindex_apply(struct vmaindex *index, const struct vmaindex_edit *edit)
{
	if (vmaindex_busy(index))
		return -EBUSY;
	return vmaindex_edit_valid(index, edit, NULL) ? vmaindex_do(index, edit) : -EINVAL;
}

int vmaindex_reserve(struct vmaindex *index, const struct vmaindex_edit *edits, unsigned n)
{
	struct arena *arena = vmaindex_arena(index);
	int err;

	if (arena->nreserved)
		return -EBUSY;
	if (n < 1 || n > 2 || !vmaindex_edit_valid(index, &edits[0], NULL))
		return -EINVAL;
	if (n == 2 && (!vmaindex_edit_valid(index, &edits[1], &edits[0]) ||
		       (edits[0].start < edits[1].end && edits[1].start < edits[0].end)))
		return -EINVAL;
	err = vmaindex_ops->reserve(vmaindex_of(index), (const struct vma_edit *)edits, n);
	if (err)
		return err;
	arena->nreserved = n;
	for (unsigned i = 0; i < n; i++)
		arena->reserved[ARRAY_SIZE(arena->reserved) - n + i] = edits[i];
	return 0;
}

static bool vmaindex_same(const struct vmaindex_edit *a, const struct vmaindex_edit *b)
{
	bool same = a->start == b->start && a->end == b->end && a->n == b->n;

	for (unsigned i = 0; same && i < a->n; i++)
		same = a->put[i].range == b->put[i].range && a->put[i].start == b->put[i].start &&
		       a->put[i].end == b->put[i].end;
	return same;
}

int vmaindex_commit(struct vmaindex *index, const struct vmaindex_edit *edit)
{
	struct arena *arena = vmaindex_arena(index);
	size_t next = ARRAY_SIZE(arena->reserved) - arena->nreserved;

	if (!arena->nreserved || !vmaindex_same(edit, &arena->reserved[next]))
		return -EINVAL;
	arena->nreserved--;
	vmaindex_ops->commit(vmaindex_of(index), (const struct vma_edit *)edit);
	return 0;
}

void vmaindex_cancel(struct vmaindex *index)
{
	struct arena *arena = vmaindex_arena(index);

	if (!arena->nreserved)
		return;
	arena->nreserved = 0;
	vmaindex_ops->unreserve(vmaindex_of(index));
}

/* ---- self-help ---- */

void vmaindex_get_stats(const struct vmaindex *index, struct vmaindex_stats *stats)
{
	struct vma_footprint footprint;

	vmaindex_ops->footprint(vmaindex_of(index), &footprint);
	*stats = (struct vmaindex_stats){
		.ranges = footprint.vmas,
		.nodes = footprint.nodes,
		.bytes = footprint.bytes + sizeof(struct arena),
		.height = footprint.height,
	};
}

unsigned vmaindex_verify(const struct vmaindex *index, FILE *report)
{
	return vmaindex_ops->verify(vmaindex_of(index), report);
}

const char *vmaindex_version(void)
{
	return VMAINDEX_VERSION;
}

/* ---- names of version 0.2, for programs that were linked with it ---- */

#undef vmaindex_edit
#undef vmaindex_stats
VMAINDEX_API int vmaindex_edit(struct vmaindex *index, const struct vmaindex_edit *edit)
	__attribute__((alias("vmaindex_apply")));
VMAINDEX_API void vmaindex_stats(const struct vmaindex *index, struct vmaindex_stats *stats)
	__attribute__((alias("vmaindex_get_stats")));
