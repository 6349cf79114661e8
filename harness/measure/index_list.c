/*
 * index_list - the indexes that a command line names (see index_list.h)
 */
#include "harness/measure/index_list.h"

#include <string.h>

static bool listed(const struct index_list *list, const struct vma_index_ops *ops)
{
	unsigned i = 0;

	while (i < list->n && list->ops[i] != ops)
		i++;
	return i < list->n;
}

static int add(struct index_list *list, const char *name)
{
	const struct vma_index_ops *ops = vma_index_lookup(name);

	if (!ops) {
		snprintf(list->error, sizeof(list->error), "no index '%s' (see vmabench list)",
			 name);
		return -1;
	}
	if (list->no_null && (ops->caps & VMA_INDEX_NULL)) {
		snprintf(list->error, sizeof(list->error),
			 "index '%s' keeps nothing: only bench has a use for it", name);
		return -1;
	}
	if (listed(list, ops)) {
		snprintf(list->error, sizeof(list->error), "index '%s' is named twice", name);
		return -1;
	}
	if (list->n == INDEX_LIST_MAX) {
		snprintf(list->error, sizeof(list->error), "more than %d indexes", INDEX_LIST_MAX);
		return -1;
	}
	list->ops[list->n++] = ops;
	return 0;
}

int index_list_parse(struct index_list *list, const char *names)
{
	char name[64];

	do {
		size_t len = strcspn(names, ",");

		snprintf(name, sizeof(name), "%.*s", (int)min(len, sizeof(name) - 1), names);
		if (add(list, name))
			return -1;
		names += len;
	} while (*names++);
	return 0;
}

void index_list_all(struct index_list *list)
{
	const struct vma_index_ops *ops;

	for (unsigned i = 0; (ops = vma_index_type(i)) && list->n < INDEX_LIST_MAX; i++) {
		if (!(ops->caps & VMA_INDEX_NULL))
			list->ops[list->n++] = ops;
	}
}
