/*
 * array - a sorted array of VMAs: the simple oracle
 *
 *   entries  | start end vma | start end vma | start end vma | room ...
 *
 * Simple enough to be right by inspection: find is a binary search, an edit
 * moves the tail, O(n).  The array keeps its own copy of the bounds and reads
 * those in the VMAs in build and verify only, so that it can stand beside
 * another index that changes them first (check.c).
 *
 * Invariants
 *  1. There is room for at least n entries.
 *  2. The bounds of each entry are those of its VMA.
 *  3. Each entry is page-aligned, not empty and ends at or below VMA_INDEX_END.
 *  4. No entry starts below the end of the one before it.
 */
#include <errno.h>
#include <string.h>

#include "indexes/vma_index.h"

struct array_entry {
	unsigned long start, end;
	struct vm_area_struct *vma;
};

struct array {
	struct vma_index index;
	struct array_entry *entries;
	size_t n, room;
};

static struct array *array_of(const struct vma_index *index)
{
	return container_of(index, struct array, index);
}

static void array_destroy(struct vma_index *index)
{
	struct array *array = array_of(index);

	arena_free(index->arena, array->entries, array->room * sizeof(*array->entries), 0);
}

/* ---- readers ---- */

/* The number of entries that end at or below addr: where the first above it is. */
static size_t array_first(const struct array *array, unsigned long addr)
{
	size_t lo = 0, hi = array->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (array->entries[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct vm_area_struct *array_find(const struct vma_index *index, unsigned long addr)
{
	struct array *array = array_of(index);
	size_t i = array_first(array, addr);

	return i < array->n ? array->entries[i].vma : NULL;
}

/* The cursor's slot is the entry's place plus one: 0 is before the first, n + 1 after the last. */
static struct vm_area_struct *array_stand(struct vma_cursor *cursor, size_t slot)
{
	struct array *array = array_of(cursor->index);

	cursor->slot = slot;
	cursor->vma = slot > 0 && slot <= array->n ? array->entries[slot - 1].vma : NULL;
	return cursor->vma;
}

static struct vm_area_struct *array_seek(struct vma_cursor *cursor, unsigned long addr)
{
	return array_stand(cursor, array_first(array_of(cursor->index), addr) + 1);
}

static struct vm_area_struct *array_next(struct vma_cursor *cursor)
{
	size_t last = array_of(cursor->index)->n + 1;

	return array_stand(cursor, min(cursor->slot + 1, last));
}

static unsigned array_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	return vma_scan_by(cursor, vmas, n, array_next);
}

static struct vm_area_struct *array_prev(struct vma_cursor *cursor)
{
	return array_stand(cursor, cursor->slot > 0 ? cursor->slot - 1 : 0);
}

/* The gap in front of entry i, if gap takes it. */
static bool array_take_gap(const struct array *array, size_t i, struct vma_gap *gap)
{
	return vma_gap_take(gap, i > 0 ? array->entries[i - 1].end : 0,
			    i < array->n ? array->entries[i].start : VMA_INDEX_END);
}

static int array_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	struct array *array = array_of(index);
	size_t first = array_first(array, gap->lo), last = array_first(array, gap->hi);

	/* The gap around hi is in front of last, or of the entry that hi cuts: the same. */
	for (size_t i = first; i <= last; i++) {
		if (array_take_gap(array, gap->topdown ? last - (i - first) : i, gap))
			return 0;
	}
	return -ENOMEM;
}

/* ---- the writer ---- */

/* Room for n entries: exactly n if there is not enough. */
static int array_grow(struct array *array, size_t n)
{
	struct arena *arena = array->index.arena;
	struct array_entry *entries;

	if (n <= array->room)
		return 0;
	entries = arena_alloc(arena, n * sizeof(*entries), 0);
	if (!entries)
		return -ENOMEM;
	if (array->n)
		memcpy(entries, array->entries, array->n * sizeof(*entries));
	arena_free(arena, array->entries, array->room * sizeof(*entries), 0);
	array->entries = entries;
	array->room = n;
	return 0;
}

static int array_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct array *array = array_of(index);
	size_t need = array->n;

	for (unsigned i = 0; i < n; i++)
		need += edits[i].nput;
	return need <= array->room ? 0 : array_grow(array, need + need / 2);
}

static void array_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct array *array = array_of(index);
	struct array_entry *entries = array->entries;
	size_t first = array_first(array, edit->lo), tail = first;

	while (tail < array->n && entries[tail].start < edit->hi)
		tail++;
	if (tail < array->n)
		memmove(&entries[first + edit->nput], &entries[tail],
			(array->n - tail) * sizeof(*entries));
	array->n = array->n - (tail - first) + edit->nput;
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		entries[first + i] = (struct array_entry){ put->start, put->end, put->vma };
		vma_set_bounds(put->vma, put->start, put->end);
	}
}

static int array_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct array *array = array_of(index);

	if (array_grow(array, n))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		array->entries[i] = (struct array_entry){
			vma_start(vmas[i]),
			vma_end(vmas[i]),
			vmas[i],
		};
	}
	array->n = n;
	return 0;
}

/* ---- self-help ---- */

static unsigned array_verify(const struct vma_index *index, FILE *report)
{
	struct array *array = array_of(index);
	struct array_entry *entries = array->entries;

	if (array->n > array->room)
		return vma_index_broken(index, 1, report, "%zu entries, room for %zu", array->n,
					array->room);
	for (size_t i = 0; i < array->n; i++) {
		unsigned long start = vma_start(entries[i].vma), end = vma_end(entries[i].vma);

		if (entries[i].start != start || entries[i].end != end)
			return vma_index_broken(index, 2, report, "entry %#lx-%#lx, VMA %#lx-%#lx",
						entries[i].start, entries[i].end, start, end);
	}
	for (size_t i = 0; i < array->n; i++) {
		if (!vma_bounds_valid(entries[i].vma))
			return vma_index_broken(index, 3, report, "bounds %#lx-%#lx",
						entries[i].start, entries[i].end);
	}
	for (size_t i = 1; i < array->n; i++) {
		if (entries[i].start < entries[i - 1].end)
			return vma_index_broken(index, 4, report, "%#lx starts below %#lx",
						entries[i].start, entries[i - 1].end);
	}
	return 0;
}

static int array_corrupt(struct vma_index *index, unsigned n)
{
	struct array *array = array_of(index);
	struct array_entry *first = array->entries;

	if (array->n < 2)
		return -ENOENT;
	if (n == 1) {
		array->n = array->room + 1;
		return 0;
	}
	if (n == 2)
		first->end += PAGE_SIZE;
	else if (n == 3)
		first->start = first->end;
	else
		first->end = first[1].end;
	if (n != 2)
		vma_set_bounds(first->vma, first->start, first->end);
	return 0;
}

/* What is beyond the room of a broken array is not looked at. */
static void array_dump(const struct vma_index *index, FILE *out)
{
	struct array *array = array_of(index);

	fprintf(out, "array of %zu VMAs, room for %zu\n", array->n, array->room);
	for (size_t i = 0; i < min(array->n, array->room); i++)
		fprintf(out, "  %#lx-%#lx\n", array->entries[i].start, array->entries[i].end);
}

static void array_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	struct array *array = array_of(index);

	*footprint = (struct vma_footprint){
		.vmas = array->n,
		.nodes = array->room > 0,
		.bytes = sizeof(*array) + array->room * sizeof(*array->entries),
	};
}

static const struct vma_index_ops array_ops = {
	.name = "array",
	.summary = "sorted array, binary search: the oracle",
	.abi = VMA_INDEX_ABI,
	.invariants = 4,
	.size = sizeof(struct array),
	.destroy = array_destroy,
	.find = array_find,
	.seek = array_seek,
	.next = array_next,
	.prev = array_prev,
	.scan = array_scan,
	.find_gap = array_find_gap,
	.reserve = array_reserve,
	.commit = array_commit,
	.build = array_build,
	.verify = array_verify,
	.corrupt = array_corrupt,
	.dump = array_dump,
	.footprint = array_footprint,
};

VMA_INDEX_REGISTER(array_ops);
