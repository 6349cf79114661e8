/*
 * null - an index that is always empty
 *
 * It takes every edit, sets the bounds and keeps nothing, so that what a benchmark of it
 * measures is the harness.  Every check fails on it: VMA_INDEX_NULL says so.
 */
#include <errno.h>

#include "indexes/vma_index.h"

static struct vm_area_struct *null_seek(struct vma_cursor *cursor, unsigned long addr)
{
	(void)addr;
	return cursor->vma = NULL;
}

static struct vm_area_struct *null_step(struct vma_cursor *cursor)
{
	return cursor->vma = NULL;
}

static int null_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	(void)index;
	gap->start = 0;
	gap->end = VMA_INDEX_END;
	return 0;
}

static void null_commit(struct vma_index *index, const struct vma_edit *edit)
{
	(void)index;
	for (unsigned i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
}

static int null_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	(void)index, (void)vmas, (void)n;
	return 0;
}

static const struct vma_index_ops null_ops = {
	.name = "null",
	.summary = "keeps nothing: shows what the harness itself costs",
	.abi = VMA_INDEX_ABI,
	.caps = VMA_INDEX_NULL,
	.size = sizeof(struct vma_index),
	.seek = null_seek,
	.next = null_step,
	.prev = null_step,
	.find_gap = null_find_gap,
	.commit = null_commit,
	.build = null_build,
};

VMA_INDEX_REGISTER(null_ops);
