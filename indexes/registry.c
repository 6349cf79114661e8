/*
 * registry - the index types there are, by name
 *
 * Types add themselves through VMA_INDEX_REGISTER before main() runs.
 */
#include "indexes/vma_index.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "indexes/check.h"

#define MAX_TYPES 64

static const struct vma_index_ops *types[MAX_TYPES];    /* sorted by name */
static unsigned ntypes;

static void refuse(const char *name, const char *why)
{
	fprintf(stderr, "vma_index: cannot register index '%s': %s\n", name, why);
	exit(EXIT_FAILURE);
}

static const char *missing_op(const struct vma_index_ops *ops)
{
#define NEED(op) \
	if (!ops->op) \
		return "op '" #op "' is missing"
	NEED(summary);
	NEED(size);
	NEED(init);
	NEED(destroy);
	NEED(find);
	NEED(seek);
	NEED(next);
	NEED(prev);
	NEED(find_gap);
	NEED(reserve);
	NEED(commit);
	NEED(unreserve);
	NEED(build);
	NEED(verify);
	NEED(corrupt);
	NEED(dump);
	NEED(footprint);
#undef NEED
	return NULL;
}

void vma_index_register(const struct vma_index_ops *ops)
{
	unsigned i = ntypes;

	if (!ops->name || !*ops->name)
		refuse("?", "it has no name");
	if (ops->abi != VMA_INDEX_ABI)
		refuse(ops->name, "built for another version of vma_index.h");
	if (missing_op(ops))
		refuse(ops->name, missing_op(ops));
	if (ops->node_size % sizeof(long))
		refuse(ops->name, "node_size is not a multiple of 8");
	if (ntypes == MAX_TYPES)
		refuse(ops->name, "too many index types");
	for (; i > 0 && strcmp(types[i - 1]->name, ops->name) >= 0; i--) {
		if (!strcmp(types[i - 1]->name, ops->name))
			refuse(ops->name, "the name is taken");
	}
	memmove(&types[i + 1], &types[i], (ntypes++ - i) * sizeof(types[0]));
	types[i] = ops;
}

const struct vma_index_ops *vma_index_type(unsigned i)
{
	return i < ntypes ? types[i] : NULL;
}

const struct vma_index_ops *vma_index_lookup(const char *name)
{
	static const char check_prefix[] = "check:";

	if (!strncmp(name, check_prefix, sizeof(check_prefix) - 1)) {
		const struct vma_index_ops *inner =
			vma_index_lookup(name + sizeof(check_prefix) - 1);

		return inner ? check_ops_for(inner) : NULL;
	}
	for (unsigned i = 0; i < ntypes; i++) {
		if (!strcmp(types[i]->name, name))
			return types[i];
	}
	return NULL;
}

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
