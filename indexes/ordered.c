/*
 * ordered - verify, corrupt and dump for indexes that only keep VMAs in order (see ordered.h)
 */
#include "indexes/ordered.h"

static const struct ordered *ordered_of(const struct vma_index *index)
{
	return container_of(index, struct ordered, index);
}

/* The invariant, of 2 to 4, that vma breaks behind a VMA that ends at below; or 0. */
static unsigned ordered_broken(const struct vma_index *index, const struct vm_area_struct *vma,
			       unsigned long below)
{
	unsigned long end = vma_end(vma);

	if (index->ops->find(index, end - 1) != vma || index->ops->find(index, end) == vma)
		return 2;
	if (!vma_bounds_valid(vma))
		return 3;
	return vma_start(vma) < below ? 4 : 0;
}

unsigned ordered_verify(const struct vma_index *index, FILE *report)
{
	static const char *const what[ORDERED_INVARIANTS + 1] = {
		[2] = "is not found by its end",
		[3] = "has such bounds",
		[4] = "starts below the end of the one before it",
	};
	struct vma_cursor cursor = {.index = index};
	const struct vm_area_struct *vma, *first = NULL;
	unsigned lowest = ORDERED_INVARIANTS + 1, broken;
	unsigned long below = 0;
	size_t vmas = 0;

	for (vma = index->ops->seek(&cursor, 0); vma; vma = index->ops->next(&cursor), vmas++) {
		broken = ordered_broken(index, vma, below);
		below = vma_end(vma);
		if (broken && broken < lowest) {
			lowest = broken;
			first = vma;
		}
	}
	if (vmas != ordered_of(index)->vmas)
		return vma_index_broken(index, 1, report, "it counts %zu VMAs and has %zu",
					ordered_of(index)->vmas, vmas);
	if (first)
		return vma_index_broken(index, lowest, report, "VMA %#lx-%#lx %s", vma_start(first),
					vma_end(first), what[lowest]);
	return 0;
}

int ordered_corrupt(struct vma_index *index, unsigned n)
{
	struct vma_cursor cursor = {.index = index};
	struct vm_area_struct *first = index->ops->seek(&cursor, 0);
	struct vm_area_struct *second = index->ops->next(&cursor);

	if (!second)
		return -ENOENT;
	if (n == 1)
		container_of(index, struct ordered, index)->vmas++;
	else if (n == 2)
		vma_set_bounds(first, vma_start(first), vma_end(first) + PAGE_SIZE);
	else if (n == 3)
		vma_set_bounds(first, vma_end(first), vma_end(first));
	else
		vma_set_bounds(second, vma_start(first), vma_end(second));
	return 0;
}

void ordered_dump(const struct vma_index *index, FILE *out)
{
	struct vma_cursor cursor = {.index = index};
	const struct vm_area_struct *vma;

	fprintf(out, "%s of %zu VMAs, by their ends\n", index->ops->name, ordered_of(index)->vmas);
	for (vma = index->ops->seek(&cursor, 0); vma; vma = index->ops->next(&cursor))
		fprintf(out, "  %#lx-%#lx\n", vma_start(vma), vma_end(vma));
}
