/*
 * linux-rbtree - the Linux kernel's red-black tree behind vma_index.h: what its files share
 */
#ifndef INDEXES_PEERS_LINUX_RBTREE_H
#define INDEXES_PEERS_LINUX_RBTREE_H

#include <linux/rbtree_augmented.h>

#include "indexes/vma_index.h"

struct linux_rbtree_node {
	struct rb_node rb;
	unsigned long gap; /* the largest gap in front of a VMA of the subtree */
	struct linux_rbtree_node *next, *prev;
	unsigned long start, end; /* the VMA begins here */
};

#define LINUX_RBTREE_NODE_SIZE  offsetof(struct linux_rbtree_node, start)
#define LINUX_RBTREE_INVARIANTS 6

struct linux_rbtree {
	struct vma_index index;
	struct rb_root root;
	size_t vmas;
	struct linux_rbtree_node before, after;
};

static inline struct linux_rbtree *linux_rbtree_of(const struct vma_index *index)
{
	return container_of(index, struct linux_rbtree, index);
}

/* The node that holds rb, or NULL. */
static inline struct linux_rbtree_node *linux_rbtree_entry(const struct rb_node *rb)
{
	return rb ? rb_entry(rb, struct linux_rbtree_node, rb) : NULL;
}

/* The gap in front of node. */
static inline unsigned long linux_rbtree_gap_before(const struct linux_rbtree_node *node)
{
	return node->start - node->prev->end;
}

/* ---- rbtree_verify.c ---- */

unsigned linux_rbtree_verify(const struct vma_index *index, FILE *report);
int linux_rbtree_corrupt(struct vma_index *index, unsigned n);
void linux_rbtree_dump(const struct vma_index *index, FILE *out);
void linux_rbtree_footprint(const struct vma_index *index, struct vma_footprint *footprint);

#endif
