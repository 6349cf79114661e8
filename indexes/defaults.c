/*
 * defaults - what an index does whose ops leave something out (see vma_index.h)
 *
 * An index that lives in the bytes in front of its VMAs needs no memory: it is
 * whole with name, summary, abi, sizes, seek, next, prev and commit.
 *
 * Invariants that the default verify knows
 *  1. Each VMA is found by its last byte, and not behind it.
 *  2. Each VMA is page-aligned, not empty and ends at or below VMA_INDEX_END.
 *  3. No VMA starts below the end of the one before it.
 */
#include "indexes/defaults.h"
#include "indexes/ordered.h"

#define DEFAULT_INVARIANTS 3

static int default_init(struct vma_index *index)
{
	(void)index;
	return 0;
}

/* destroy and unreserve: there is nothing to free. */
static void default_nothing(struct vma_index *index)
{
	(void)index;
}

static int default_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	(void)index, (void)edits, (void)n;
	return 0;
}

static struct vm_area_struct *default_find(const struct vma_index *index, unsigned long addr)
{
	struct vma_cursor cursor = { .index = index };

	return index->ops->seek(&cursor, addr);
}

static int default_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	const struct vma_index_ops *ops = index->ops;

	return ordered_find_gap(index, gap, ops->seek, ops->next, ops->prev);
}

/* Only where no edit needs memory, so that it cannot fail half-way: see vma_index_fill. */
static int default_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned long start = vma_start(vmas[i]), end = vma_end(vmas[i]);
		struct vma_edit edit = { start, end, 1, { { vmas[i], start, end } } };

		index->ops->commit(index, &edit);
	}
	return 0;
}

/* ---- self-help ---- */

/* The invariant that vma breaks behind a VMA that ends at below; or 0. */
static unsigned default_broken(const struct vma_index *index, const struct vm_area_struct *vma,
			       unsigned long below)
{
	unsigned long end = vma_end(vma);

	if (index->ops->find(index, end - 1) != vma || index->ops->find(index, end) == vma)
		return 1;
	if (!vma_bounds_valid(vma))
		return 2;
	return vma_start(vma) < below ? 3 : 0;
}

static unsigned default_verify(const struct vma_index *index, FILE *report)
{
	static const char *const what[DEFAULT_INVARIANTS + 1] = {
		[1] = "is not found by its end",
		[2] = "has such bounds",
		[3] = "starts below the end of the one before it",
	};
	struct vma_cursor cursor = { .index = index };
	const struct vm_area_struct *vma, *first = NULL;
	unsigned lowest = DEFAULT_INVARIANTS + 1, broken;
	unsigned long below = 0;

	for (vma = index->ops->seek(&cursor, 0); vma; vma = index->ops->next(&cursor)) {
		broken = default_broken(index, vma, below);
		below = vma_end(vma);
		if (broken && broken < lowest) {
			lowest = broken;
			first = vma;
		}
	}
	if (!first)
		return 0;
	return vma_index_broken(index, lowest, report, "VMA %#lx-%#lx %s", vma_start(first),
				vma_end(first), what[lowest]);
}

static int default_corrupt(struct vma_index *index, unsigned n)
{
	struct vma_cursor cursor = { .index = index };
	struct vm_area_struct *first = index->ops->seek(&cursor, 0);
	struct vm_area_struct *second = index->ops->next(&cursor);

	if (!second)
		return -ENOENT;
	struct vma_bounds bounds = *vma_bounds(first);
	if (n == 1) {
		vma_set_bounds(first, vma_start(second), vma_end(second));
		vma_set_bounds(second, bounds.vm_start, bounds.vm_end);
	} else if (n == 2)
		vma_set_bounds(first, bounds.vm_end, bounds.vm_end);
	else
		vma_set_bounds(second, vma_start(first), vma_end(second));
	return 0;
}

static void default_dump(const struct vma_index *index, FILE *out)
{
	struct vma_cursor cursor = { .index = index };
	const struct vm_area_struct *vma;

	fprintf(out, "%s\n", index->ops->name);
	for (vma = index->ops->seek(&cursor, 0); vma; vma = index->ops->next(&cursor))
		fprintf(out, "  %#lx-%#lx\n", vma_start(vma), vma_end(vma));
}

/* Of an index that has no memory but the bytes in front of its VMAs. */
static void default_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	struct vma_cursor cursor = { .index = index };
	size_t vmas = 0;

	for (index->ops->seek(&cursor, 0); cursor.vma; index->ops->next(&cursor))
		vmas++;
	*footprint = (struct vma_footprint){
		.vmas = vmas,
		.bytes = index->ops->size + vmas * index->ops->node_size,
	};
}

const char *vma_index_fill(struct vma_index_ops *ops)
{
#define NEED(op)      \
	if (!ops->op) \
	return #op
	NEED(summary);
	NEED(size);
	NEED(seek);
	NEED(next);
	NEED(prev);
	NEED(commit);
	if (ops->reserve)
		NEED(build);
	if (ops->verify || ops->corrupt || ops->invariants) {
		NEED(verify);
		NEED(corrupt);
	} else {
		ops->verify = default_verify;
		ops->corrupt = default_corrupt;
		ops->invariants = DEFAULT_INVARIANTS;
	}
#undef NEED
#define DEFAULT(op, fallback) \
	if (!ops->op)         \
	ops->op = (fallback)
	DEFAULT(init, default_init);
	DEFAULT(destroy, default_nothing);
	DEFAULT(find, default_find);
	DEFAULT(find_gap, default_find_gap);
	DEFAULT(reserve, default_reserve);
	DEFAULT(unreserve, default_nothing);
	DEFAULT(build, default_build);
	DEFAULT(dump, default_dump);
	DEFAULT(footprint, default_footprint);
#undef DEFAULT
	return NULL;
}
