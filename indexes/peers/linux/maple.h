/*
 * linux-maple - the Linux kernel's maple tree behind vma_index.h: what its files share
 */
#ifndef INDEXES_PEERS_LINUX_MAPLE_H
#define INDEXES_PEERS_LINUX_MAPLE_H

#include <linux/maple_tree.h>

#include "indexes/peers/linux/slab.h"
#include "indexes/vma_index.h"

/* A store of one entry, found by reserve and prepared by mas_preallocate. */
struct linux_maple_store {
	struct ma_state mas;
	void *entry;
};

struct linux_maple {
	struct vma_index index;
	struct maple_tree tree;
	struct linux_slab slab;
	struct linux_maple_store store; /* the only one of the edit that is reserved */
	bool prepared;                  /* there is such a one */
	unsigned pending;               /* commits that reserve has committed nodes to */
	size_t keep;                    /* spare nodes between edits: what edits needed lately */
};

static inline struct linux_maple *linux_maple_of(const struct vma_index *index)
{
	return container_of(index, struct linux_maple, index);
}

/* ---- maple_verify.c ---- */

#define LINUX_MAPLE_INVARIANTS 7

unsigned linux_maple_verify(const struct vma_index *index, FILE *report);
int linux_maple_corrupt(struct vma_index *index, unsigned n);
void linux_maple_dump(const struct vma_index *index, FILE *out);
void linux_maple_footprint(const struct vma_index *index, struct vma_footprint *footprint);

#endif
