/*
 * defaults.h - the ops that an index may leave out, made of those that it has
 */
#ifndef INDEXES_DEFAULTS_H
#define INDEXES_DEFAULTS_H

#include "indexes/vma_index.h"

/*
 * Fills in what ops leaves out of the ops that vma_index.h says may be missing, but for
 * scan and clone.  Returns the name of another op that is missing, or NULL.
 */
const char *vma_index_fill(struct vma_index_ops *ops);

#endif
