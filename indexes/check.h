/*
 * check - "check:X": an index X beside the array oracle, compared after every edit
 */
#ifndef INDEXES_CHECK_H
#define INDEXES_CHECK_H

#include "indexes/vma_index.h"

/* The type that wraps inner: one for each inner, kept for good; NULL if out of memory. */
const struct vma_index_ops *check_ops_for(const struct vma_index_ops *inner);

#endif
