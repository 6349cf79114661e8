/*
 * rbtree - the nodes of the red-black tree, and what tree.c does with them
 *
 * rbtree.c says what it all is.  Here are what its three files share: the
 * layout, parents and colours, gaps and gaps.
 */
#ifndef INDEXES_RBTREE_RBTREE_H
#define INDEXES_RBTREE_RBTREE_H

#include "base/rbtree.h"
#include "indexes/vma_index.h"

struct rbtree_node {
	struct rb_node rb; /* first; largest is the gap */
	struct rbtree_node *next, *prev;
	unsigned long start, end; /* the VMA begins here */
};

#define NODE_SIZE offsetof(struct rbtree_node, start)

struct rbtree {
	struct vma_index index;
	struct rb_root root;
	size_t vmas;
	struct rbtree_node before, after;
};

static inline struct rbtree *rbtree_of(const struct vma_index *index)
{
	return container_of(index, struct rbtree, index);
}

static inline void rbtree_link(struct rbtree_node *node, struct rbtree_node *next)
{
	node->next = next;
	next->prev = node;
}

/* A node begins with its rb; NULL stays NULL, both ways. */
static inline struct rbtree_node *rbtree_of_rb(const struct rb_node *rb)
{
	return (struct rbtree_node *)rb;
}

static inline struct rb_node *rbtree_rb(const struct rbtree_node *node)
{
	return (struct rb_node *)node;
}

static inline struct rbtree_node *rbtree_root(const struct rbtree *tree)
{
	return rbtree_of_rb(tree->root.node);
}

static inline struct rbtree_node *rbtree_child(const struct rbtree_node *node, unsigned side)
{
	return rbtree_of_rb(node->rb.child[side]);
}

static inline struct rbtree_node *rbtree_parent(const struct rbtree_node *node)
{
	return rbtree_of_rb(rb_parent(&node->rb));
}

/* The gap in front of node. */
static inline unsigned long rbtree_gap_before(const struct rbtree_node *node)
{
	return node->start - node->prev->end;
}

static inline unsigned long rbtree_gap(const struct rbtree_node *node)
{
	return node ? node->rb.largest : 0;
}

/* The own value of a node: the gap in front of it. */
static inline unsigned long rbtree_own(const struct rb_node *rb)
{
	return rbtree_gap_before(rbtree_of_rb(rb));
}

/* ---- tree.c: after each call every gap is right ---- */

/* After a change of node's gap: corrects gap there and above. */
void rbtree_update(struct rbtree_node *node);

/* Hangs node, which is linked in the list already, into the tree. */
void rbtree_insert(struct rbtree *tree, struct rbtree_node *node);

/* Takes the VMAs from first up to end out of tree and list. */
void rbtree_erase_run(struct rbtree *tree, struct rbtree_node *first, struct rbtree_node *end);

/* node takes old's place in tree and list, and for now its bounds. */
void rbtree_replace(struct rbtree *tree, struct rbtree_node *old, struct rbtree_node *node);

/* Makes a new tree of the list, which has n nodes. */
void rbtree_plant(struct rbtree *tree, size_t n);

/* ---- verify.c ---- */

unsigned rbtree_verify(const struct vma_index *index, FILE *report);
int rbtree_corrupt(struct vma_index *index, unsigned n);
void rbtree_dump(const struct vma_index *index, FILE *out);
void rbtree_footprint(const struct vma_index *index, struct vma_footprint *footprint);

#endif
