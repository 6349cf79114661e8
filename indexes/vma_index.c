/*
 * vma_index - what every index has in common (see vma_index.h)
 */
#include "indexes/vma_index.h"

#include <stdarg.h>
#include <string.h>

struct vma_index *vma_index_create(const struct vma_index_ops *ops, struct arena *arena)
{
	struct vma_index *index = arena_alloc(arena, ops->size, 64);

	if (!index)
		return NULL;
	memset(index, 0, ops->size);
	index->ops = ops;
	index->arena = arena;
	if (ops->init(index)) {
		arena_free(arena, index, ops->size, 64);
		return NULL;
	}
	return index;
}

void vma_index_destroy(struct vma_index *index)
{
	if (!index)
		return;
	index->ops->destroy(index);
	arena_free(index->arena, index, index->ops->size, 64);
}

int vma_index_edit(struct vma_index *index, const struct vma_edit *edit)
{
	int err = index->ops->reserve(index, edit, 1);

	if (!err)
		index->ops->commit(index, edit);
	return err;
}

unsigned vma_index_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	const struct vma_index_ops *ops = cursor->index->ops;

	return ops->scan ? ops->scan(cursor, vmas, n) : vma_scan_by(cursor, vmas, n, ops->next);
}

int vma_index_clone(struct vma_index *index, const struct vma_index *from,
		    struct vm_area_struct *const *copies, size_t n)
{
	if (index->ops->clone)
		return index->ops->clone(index, from, copies);
	return index->ops->build(index, copies, n);
}

unsigned vma_index_broken(const struct vma_index *index, unsigned n, FILE *report,
			  const char *format, ...)
{
	va_list args;

	if (!report)
		return n;
	fprintf(report, "%s: invariant %u is broken: ", index->ops->name, n);
	va_start(args, format);
	vfprintf(report, format, args);
	va_end(args);
	fputc('\n', report);
	return n;
}
