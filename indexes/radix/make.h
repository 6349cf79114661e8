/*
 * make.h - what makes blocks: lists of pieces, nodes in the making
 *
 * Functions that return int give 0 or -ENOMEM; what they made until then is on
 * the stage's list of new blocks.
 */
#ifndef INDEXES_RADIX_MAKE_H
#define INDEXES_RADIX_MAKE_H

#include "indexes/radix/radix.h"

#define RADIX_LIST_MAX (3 * RADIX_LEAF_MAX) /* two leaves, puts, neighbours */

/* A VMA, or what of it lies in some range. */
struct radix_piece {
	uint64_t start, end;
	struct vm_area_struct *vma;
};

/* Pieces in order: in an array of their own, or (pieces is NULL) VMAs as they are. */
struct radix_source {
	const struct radix_piece *pieces;
	struct vm_area_struct *const *vmas;
};

struct radix_list {
	unsigned n;
	struct radix_piece piece[RADIX_LIST_MAX];
};

/* A node in the making. */
struct radix_draft {
	uint64_t base, heads;
	unsigned shift, n;
	struct radix_sub sub[RADIX_SLOTS];
};

struct radix_work {
	struct radix *radix;
	struct radix_stage *stage;
	bool alone;      /* no other edit is reserved with this one */
	uint64_t lo, hi; /* the window */
	unsigned nput;
	struct radix_piece put[VMA_EDIT_PUTS];
};

/* Adds what of a piece lies in [start, end); two parts of one VMA become one again. */
void radix_list_add(struct radix_list *list, struct radix_piece piece, uint64_t start,
		    uint64_t end);

/* Adds the pieces of a leaf or a single VMA that lie in [start, end), cutting none. */
void radix_list_add_sub(struct radix_list *list, const struct radix_sub *sub, uint64_t start,
			uint64_t end);

/* True if one leaf can hold n pieces from page first to page last. */
bool radix_fits_leaf(size_t n, uint64_t first, uint64_t last);

/* The subtree of the pieces i .. j, cut to [start, end), the pages of one run of slots. */
int radix_make_sub(struct radix_work *work, const struct radix_source *src, size_t i, size_t j,
		   uint64_t start, uint64_t end, struct radix_sub *sub);

/* An empty draft of the smallest node that holds [first, last). */
void radix_draft_init(struct radix_draft *draft, uint64_t first, uint64_t last);

/* Continues the node at slot; free slots beside a leaf go to the leaf. */
void radix_draft_push(struct radix_draft *draft, unsigned slot, const struct radix_sub *sub);

/* Lays the pieces i .. j out over the slots a .. b, cut to these: leaves of even size. */
int radix_draft_fill(struct radix_work *work, struct radix_draft *draft, unsigned a, unsigned b,
		     const struct radix_source *src, size_t i, size_t j);

/* The node of a draft, whatever is in it; NULL: no memory. */
struct radix_node *radix_make_node(struct radix_work *work, const struct radix_draft *draft);

/* The subtree of a draft: its node, or less if the node would hold one block only. */
int radix_draft_finish(struct radix_work *work, const struct radix_draft *draft,
		       struct radix_sub *sub);

/* Frees all blocks made for a stage. */
void radix_free_fresh(struct radix *radix, struct radix_stage *stage);

#endif
