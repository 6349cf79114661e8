/*
 * maple.h - the tree that replaces nodes and what an edit of it plans, for its own files (see
 * maple.c)
 */
#ifndef INDEXES_MAPLE_MAPLE_H
#define INDEXES_MAPLE_MAPLE_H

#include "base/backlog.h"
#include "indexes/btree/btree.h"

#define MAPLE_EDITS       2            /* that may be reserved together */
#define MAPLE_BATCH_SHARE 4            /* of the tree's bytes may wait for a grace period ... */
#define MAPLE_BATCH_MIN   (2UL << 10)  /* ... but so many at least ... */
#define MAPLE_BATCH_MAX   (64UL << 10) /* ... and at most, beside one edit's own */

/* What a tree is, but for its spare nodes. */
struct maple_state {
	struct btree_node *root, *leftmost, *rightmost;
	unsigned long first, last, gap;
	uintptr_t origin[BTREE_KINDS];
	size_t vmas;
	size_t nodes[BTREE_KINDS];
};

/*
 * An edit that is built and waits for its commit: nodes that nobody can reach,
 * and the one pointer that will be stored.
 */
struct maple_plan {
	struct btree_node *copy; /* all there is to it: takes the place of the path's leaf */
	unsigned long gap;       /* the largest gap inside it, if it is not the root */
	/* or, if there is no copy: */
	struct btree_node *born, *dead; /* chains, by links->next and links->prev */
	bool swap;                      /* one node takes another's place, below the root: */
	unsigned level;                 /* of the node that points to it */
	struct btree_entry top;         /* the new node */
	struct maple_state after; /* the tree then; where swap, but for root, bounds and gap */
};

struct maple {
	struct btree tree; /* as published; its path leads to where the first plan swaps */
	struct btree work; /* as it will be; and all spare nodes are its */
	struct backlog backlog;
	struct btree_node *roots; /* spare ones of the root's size, by links->next */
	unsigned nroots;
	struct maple_plan plans[MAPLE_EDITS];
	unsigned planned, committed;
	unsigned pooled[BTREE_KINDS]; /* spare nodes before reserve */
};

static inline struct maple *maple_of(const struct vma_index *index)
{
	return container_of(index, struct maple, tree.index);
}

/* ---- plan.c: the replacement of all nodes that an edit changes ---- */

/*
 * Plans an edit of the published tree, or (first false) of the tree as it is
 * behind the plan before.  alone: nothing else is planned, a swap will do.
 * 0; or -ENOMEM, and the plan is as it has got, to be dropped.
 */
must_check int maple_plan(struct maple *maple, struct maple_plan *plan, const struct vma_edit *edit,
			  bool first, bool alone);

/* Plans that will not be committed: their nodes are spare again. */
void maple_drop_plans(struct maple *maple);

void maple_save(const struct btree *tree, struct maple_state *state);
void maple_load(struct btree *tree, const struct maple_state *state);

/* ---- commit.c: publishing, and what waits for a grace period ---- */

/* Waits for a grace period and recycles what has waited for it. */
void maple_flush(struct maple *maple);

int maple_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n);
void maple_commit(struct vma_index *index, const struct vma_edit *edit);
void maple_unreserve(struct vma_index *index);
int maple_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n);
int maple_clone(struct vma_index *index, const struct vma_index *from,
		struct vm_area_struct *const *copies);
void maple_destroy(struct vma_index *index);

#define MAPLE_INVARIANTS 10

#endif
