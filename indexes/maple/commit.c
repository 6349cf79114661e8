/*
 * commit - what was planned is published by one store, and what it replaces waits
 *
 * Order of a commit
 *  1. The bounds of the VMAs are written.
 *  2. One pointer is stored, with release: the parent's or the tree's.  From
 *     here on readers who come see all of the edit, and those on their way see
 *     all or nothing of it.
 *  3. What only the writer reads is put right: starts and gaps above, counts.
 *  4. The old nodes go to the backlog; readers may be on them.  When
 *     it is full, a grace period, and then they are spare.
 */
#include <errno.h>

#include "base/rcu.h"
#include "indexes/maple/maple.h"

/* ---- what waits ---- */

static size_t maple_node_bytes(const struct btree_node *node)
{
	return btree_size(node->level, node->cap);
}

/* Bytes that may wait. */
static size_t maple_batch(const struct maple *maple)
{
	size_t bytes = maple->tree.nodes[BTREE_LEAF] * btree_size(0, BTREE_LEAF_CAP) +
		       maple->tree.nodes[BTREE_INNER] * btree_size(1, BTREE_INNER_CAP);

	return min(max(bytes / MAPLE_BATCH_SHARE, MAPLE_BATCH_MIN), MAPLE_BATCH_MAX);
}

/* A node that waits is known by its links: next is the backlog's, prev the node itself. */
static void maple_retire(struct maple *maple, struct btree_node *dead)
{
	while (dead) {
		struct btree_links *links = btree_links(dead);
		struct btree_node *next = links->prev;

		links->prev = dead;
		backlog_add(&maple->backlog, (struct backlog_item *)&links->next,
			    maple_node_bytes(dead));
		dead = next;
	}
}

/* Roots that nobody has wanted since the last time go; what was the root's size may be again. */
static void maple_drop_roots(struct maple *maple)
{
	while (maple->roots) {
		struct btree_node *leaf = maple->roots;

		maple->roots = btree_links(leaf)->next;
		btree_recycle(&maple->work, leaf);
	}
	maple->nroots = 0;
}

static void maple_recycle(struct maple *maple, struct backlog_item *item)
{
	const struct btree_node *root = maple->tree.root;

	maple_drop_roots(maple);
	while (item) {
		struct backlog_item *next = item->next;
		struct btree_node *node = container_of(item, struct btree_links, next)->prev;

		if (root && !node->level && node->cap == root->cap && node->cap != BTREE_LEAF_CAP) {
			btree_links(node)->next = maple->roots;
			maple->roots = node;
			maple->nroots++;
		} else {
			btree_recycle(&maple->work, node);
		}
		item = next;
	}
}

void maple_flush(struct maple *maple)
{
	size_t batch = maple_batch(maple);
	size_t keep[BTREE_KINDS] = {
		[BTREE_LEAF] = batch / btree_size(0, BTREE_LEAF_CAP),
		[BTREE_INNER] = batch / 4 / btree_size(1, BTREE_INNER_CAP),
	};

	maple_recycle(maple, backlog_take(&maple->backlog));
	btree_pool_keep(&maple->work, keep);
}

/* ---- publishing ---- */

/* The pointer of a node's entry becomes this one. */
static void maple_store_child(const struct btree *tree, struct btree_node *node, unsigned slot,
			      const struct btree_node *child)
{
	void *lane = btree_lanes(node, 1, BTREE_PTR);

	if (node->uncompressed)
		rcu_store((uint64_t *)lane + slot, (uintptr_t)child);
	else
		rcu_store((uint32_t *)lane + slot,
			  (uint32_t)(((uintptr_t)child - tree->origin[BTREE_INNER]) / 8));
}

/* An entry's start and gap, which no reader looks at, become those of *e; what follows is in *e. */
static void maple_refresh_entry(struct btree_node *node, unsigned slot, unsigned long gap,
				struct btree_entry *e)
{
	unsigned long gone = btree_largest_near(node, slot, slot + 1), come;

	btree_put(node, node->level, BTREE_START, slot, btree_distance(node, e->start));
	btree_put(node, node->level, BTREE_GAP_INSIDE, slot,
		  e->gap - btree_elided_inside(node, slot));
	btree_set_max_gap(node, slot, slot + 1);
	come = btree_largest_near(node, slot, slot + 1);
	if (come >= gap)
		gap = come;
	else if (gone == gap)
		gap = btree_simd->largest(node);
	e->start = btree_start(node, node->level, 0);
	e->gap = gap;
}

/* A node below the path at this level has this start and gap now. */
static void maple_refresh(struct btree *tree, unsigned level, struct btree_entry e)
{
	for (; level <= tree->root->level; level++) {
		const struct btree_step *step = &tree->path.at[level], *up = step + 1;
		bool root = level == tree->root->level;

		if (e.start == btree_start(step->node, level, step->slot) &&
		    e.gap == btree_gap_inside(step->node, level, step->slot))
			return;
		maple_refresh_entry(
			step->node, step->slot,
			root ? tree->gap : btree_gap_inside(up->node, level + 1, up->slot), &e);
	}
	tree->first = e.start;
	tree->gap = e.gap;
}

/* The new root, and where its pointers count from, which changes only when nobody reads them. */
static void maple_publish_root(struct btree *tree, const struct maple_state *after)
{
	for (unsigned kind = 0; kind < BTREE_KINDS; kind++) {
		if (tree->origin[kind] != after->origin[kind])
			tree->origin[kind] = after->origin[kind];
	}
	rcu_store(&tree->root, after->root);
}

static void maple_publish(struct maple *maple, const struct maple_plan *plan)
{
	struct btree *tree = &maple->tree;
	const struct btree_step *step = &tree->path.at[plan->level];

	if (plan->swap)
		maple_store_child(tree, step->node, step->slot, plan->top.ptr);
	else
		maple_publish_root(tree, &plan->after);
	maple_load(tree, &plan->after);
	if (plan->swap)
		maple_refresh(tree, plan->level, plan->top);
}

/* The leaf's copy takes its place: most edits are no more. */
static void maple_publish_leaf(struct maple *maple, const struct maple_plan *plan, unsigned nput)
{
	struct btree *tree = &maple->tree;
	struct btree_node *leaf = tree->path.at[0].node, *copy = plan->copy;
	struct btree_entry top = btree_extent(copy);

	if (leaf == tree->root) {
		rcu_store(&tree->root, copy);
		tree->first = top.start;
		tree->last = top.end;
	} else {
		maple_store_child(tree, tree->path.at[1].node, tree->path.at[1].slot, copy);
		top.gap = plan->gap;
		maple_refresh(tree, 1, top);
	}
	if (leaf == tree->leftmost)
		tree->leftmost = copy;
	if (leaf == tree->rightmost)
		tree->rightmost = copy;
	tree->vmas += (size_t)tree->from + nput - tree->to;
	btree_links(leaf)->prev = NULL;
	maple_retire(maple, leaf);
}

/* ---- the ops ---- */

int maple_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct maple *maple = maple_of(index);
	int err = 0;

	maple->pooled[BTREE_LEAF] = maple->work.pooled[BTREE_LEAF];
	maple->pooled[BTREE_INNER] = maple->work.pooled[BTREE_INNER];
	while (!err && maple->planned < n) {
		struct maple_plan *plan = &maple->plans[maple->planned];

		err = maple_plan(maple, plan, &edits[maple->planned], !maple->planned, n == 1);
		maple->planned++;
	}
	if (err)
		maple_unreserve(index);
	return err;
}

void maple_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct maple *maple = maple_of(index);
	struct maple_plan *plan = &maple->plans[maple->committed++];

	if (edit->hi >= maple->tree.mark)
		btree_keep_fit(&maple->tree, edit);
	for (unsigned i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	if (plan->copy) {
		maple_publish_leaf(maple, plan, edit->nput);
	} else {
		maple_publish(maple, plan);
		maple_retire(maple, plan->dead);
	}
	if (maple->committed < maple->planned)
		return;
	maple->planned = maple->committed = 0;
	if (maple->backlog.bytes >= maple_batch(maple))
		maple_flush(maple);
}

void maple_unreserve(struct vma_index *index)
{
	struct maple *maple = maple_of(index);
	size_t keep[BTREE_KINDS] = { maple->pooled[BTREE_LEAF], maple->pooled[BTREE_INNER] };

	maple_drop_plans(maple);
	btree_pool_keep(&maple->work, keep);
}

/* The work is a whole tree, made in an index that was empty: it is published. */
static int maple_made(struct maple *maple, int err)
{
	struct maple_state after;

	if (err)
		return err;
	maple_save(&maple->work, &after);
	maple_load(&maple->tree, &after);
	maple_publish_root(&maple->tree, &after);
	return 0;
}

int maple_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct maple *maple = maple_of(index);

	maple_flush(maple); /* as origins change */
	maple->work.root = NULL;
	return maple_made(maple, btree_build(&maple->work.index, vmas, n));
}

int maple_clone(struct vma_index *index, const struct vma_index *from,
		struct vm_area_struct *const *copies)
{
	struct maple *maple = maple_of(index);

	maple_flush(maple);
	maple->work.root = NULL;
	return maple_made(maple, btree_clone(&maple->work.index, from, copies));
}

/* No reader is left. */
void maple_destroy(struct vma_index *index)
{
	struct maple *maple = maple_of(index);

	maple_drop_plans(maple);
	maple_recycle(maple, backlog_take_at_end(&maple->backlog));
	maple_drop_roots(maple);
	if (maple->tree.root)
		btree_drop(&maple->work, maple->tree.root);
	btree_pool_empty(&maple->work);
}
