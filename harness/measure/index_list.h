/*
 * index_list - the indexes that a command line names: --index btree,check:radix
 */
#ifndef HARNESS_INDEX_LIST_H
#define HARNESS_INDEX_LIST_H

#include "indexes/vma_index.h"

#define INDEX_LIST_MAX 32

struct index_list {
	const struct vma_index_ops *ops[INDEX_LIST_MAX];
	unsigned n;
	const char *names; /* what --index said, or NULL */
	bool no_null;      /* an index that keeps nothing makes no sense here */
	char error[128];   /* why index_list_parse failed */
};

/* Adds the indexes of "A,B,C", none of them twice: 0, or -1 and list->error. */
must_check int index_list_parse(struct index_list *list, const char *names);

/* Adds every registered index that does something. */
void index_list_all(struct index_list *list);

#endif
