/*
 * slab - where the maple trees of one index get their nodes from
 *
 * The kernel's code allocates without saying for whom, so each call into it
 * that may allocate or free is preceded by linux_slab_use().
 */
#ifndef INDEXES_PEERS_LINUX_SLAB_H
#define INDEXES_PEERS_LINUX_SLAB_H

#include "base/arena.h"
#include "base/backlog.h"

#define LINUX_NODE_SIZE 256 /* and alignment */

struct linux_object;

struct linux_slab {
	struct arena *arena;
	struct linux_object *spare;
	struct backlog deferred; /* what call_rcu was given */
	size_t nspare;
	size_t nodes; /* in the tree, deferred or spare */
};

/* From now on this thread's nodes come from and go to slab. */
void linux_slab_use(struct linux_slab *slab);

/* Makes n nodes spare, so that as many allocations succeed: 0, or -ENOMEM. */
int linux_slab_fill(struct linux_slab *slab, size_t n);

/* Gives spare nodes back to the arena but for keep of them. */
void linux_slab_trim(struct linux_slab *slab, size_t keep);

/*
 * Frees, to the spare ones, what call_rcu has put off: if that is at least batch nodes,
 * behind a grace period; batch 0: all, without one, where no reader is left.
 */
void linux_slab_run_deferred(struct linux_slab *slab, size_t batch);

#endif
