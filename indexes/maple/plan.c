/*
 * plan - the replacement of all nodes that an edit changes, built in reserve
 *
 *	       P                 a leaf that keeps its end: a copy of it with the
 *	     / | \               change; P's pointer will be swapped
 *	    A  B  C
 *	       B'                B' is not reachable before
 *
 *	   R        R'           else: up from the leaves, each node that the edit
 *	  / \      / \           changes is copied with its change, or redistributed
 *	 P   Q    P'  \          with a sibling or two, until one new node
 *	/ \  |\   |\   \         takes the place of one old node and keeps its
 *	A B  C D  A B'  Q        end; at the latest this is the root
 *
 * A node's end is the key by which a reader goes there, so it never changes.  An
 * edit that would raise the end of a leaf takes the next leaf too: what a reader
 * on an old way can still reach, of the range where the edit is, is all old.
 *
 * Where two edits are reserved, or a spanning window leaves nodes with too few
 * entries, new nodes are changed by further new nodes before any is
 * published; then it is the root that is replaced.
 */
#include <errno.h>
#include <string.h>

#include "indexes/maple/maple.h"

void maple_save(const struct btree *tree, struct maple_state *state)
{
	*state = (struct maple_state){
		.root = tree->root,
		.leftmost = tree->leftmost,
		.rightmost = tree->rightmost,
		.first = tree->first,
		.last = tree->last,
		.gap = tree->gap,
		.origin = { tree->origin[BTREE_LEAF], tree->origin[BTREE_INNER] },
		.vmas = tree->vmas,
		.nodes = { tree->nodes[BTREE_LEAF], tree->nodes[BTREE_INNER] },
	};
}

/* All but root and origin, which readers look at. */
void maple_load(struct btree *tree, const struct maple_state *state)
{
	tree->leftmost = state->leftmost;
	tree->rightmost = state->rightmost;
	tree->first = state->first;
	tree->last = state->last;
	tree->gap = state->gap;
	tree->vmas = state->vmas;
	memcpy(tree->nodes, state->nodes, sizeof(tree->nodes));
}

/* ---- nodes that come and go ---- */

/* A spare node; NULL if out of memory. */
static struct btree_node *maple_take(struct btree *work, unsigned level)
{
	size_t need[BTREE_KINDS] = { level == 0, level > 0 };

	if (!work->pooled[level > 0] && btree_pool_fill(work, need))
		return NULL;
	return btree_take(work, level);
}

/* The node is written, and the plan's. */
static void maple_bear(struct maple_plan *plan, struct btree_node *node)
{
	btree_links(node)->next = plan->born;
	plan->born = node;
}

/* The node is not in the tree any more once the plan is committed. */
static void maple_kill(struct btree *work, struct maple_plan *plan, struct btree_node *node)
{
	btree_links(node)->prev = plan->dead;
	plan->dead = node;
	work->nodes[node->level > 0]--;
	if (node == work->leftmost)
		work->leftmost = NULL;
	if (node == work->rightmost)
		work->rightmost = NULL;
}

static void maple_kill_subtree(struct btree *work, struct maple_plan *plan, struct btree_node *node)
{
	for (unsigned i = 0; node->level && i < node->n; i++)
		maple_kill_subtree(work, plan, btree_child(work, node, i));
	if (!node->level)
		work->vmas -= node->n;
	maple_kill(work, plan, node);
}

/* What lies between the two paths below this level goes. */
static void maple_kill_between(struct btree *work, struct maple_plan *plan, struct btree_spot *spot,
			       unsigned level)
{
	const struct btree_step *left = btree_left(spot, level), *right = btree_right(spot, level);
	unsigned i = left->slot + 1;

	if (left->node != right->node) {
		while (i < left->node->n)
			maple_kill_subtree(work, plan, btree_child(work, left->node, i++));
		i = 0;
	}
	while (i < right->slot)
		maple_kill_subtree(work, plan, btree_child(work, right->node, i++));
}

void maple_drop_plans(struct maple *maple)
{
	for (unsigned i = maple->committed; i < maple->planned; i++) {
		struct btree_node *node = maple->plans[i].born;

		if (maple->plans[i].copy)
			btree_recycle(&maple->work, maple->plans[i].copy);
		while (node) {
			struct btree_node *next = btree_links(node)->next;

			btree_recycle(&maple->work, node);
			node = next;
		}
	}
	maple->planned = maple->committed = 0;
}

/* ---- one level ---- */

/* A copy of the node with the change; it is of the same size. */
static struct btree_node *maple_copy(struct btree *work, const struct btree_node *node,
				     const struct btree_change *change)
{
	struct btree_node *copy;

	if (node->cap == btree_cap(node->level, false)) {
		copy = maple_take(work, node->level);
	} else if (btree_grow(work, btree_room(node), node->uncompressed)) {
		copy = NULL;
	} else {
		copy = work->grown;
		work->grown = NULL;
		work->nodes[BTREE_LEAF]++;
	}
	if (!copy)
		return NULL;
	memcpy(copy, node, btree_size(node->level, node->cap) - sizeof(struct btree_links));
	btree_replace(work, copy, change->from, change->to, change->put, change->nput);
	return copy;
}

/* A root that is a leaf, rewritten in a leaf of the size that suits; or -E2BIG. */
static int maple_rewrite_root(struct btree *work, struct maple_plan *plan, struct btree_node *leaf,
			      struct btree_change *change)
{
	struct btree_entry e[BTREE_ROOT_CAP + VMA_EDIT_PUTS], *end = e;
	int err;

	if (leaf)
		end = btree_unpack(work, leaf, 0, change->from, end);
	memcpy(end, change->put, change->nput * sizeof(*end));
	end += change->nput;
	if (leaf)
		end = btree_unpack(work, leaf, change->to, leaf->n, end);
	if (end > e) {
		err = btree_grow(work, end - e, !btree_fits_compressed(work, 0, e, end - e));
		if (err)
			return err;
		btree_pack(work, work->grown, 0, e, end - e);
		maple_bear(plan, work->grown);
		change->put[0] = btree_extent(work->grown);
		work->grown = NULL;
		work->nodes[BTREE_LEAF]++;
	}
	change->nput = end > e;
	if (leaf)
		maple_kill(work, plan, leaf);
	return 0;
}

/* The nodes at the spot and the siblings that they need become new ones. */
static int maple_redistribute(struct btree *work, struct maple_plan *plan, struct btree_spot *spot,
			      unsigned level, struct btree_change *change,
			      struct btree_redist *redist)
{
	const struct btree_entry *e = redist->e;

	btree_redistribute(work, spot, level, change, redist);
	for (unsigned i = 0; i < redist->k; i++) {
		struct btree_node *node = maple_take(work, level);

		if (!node)
			return -ENOMEM;
		btree_pack(work, node, level, e, redist->size[i]);
		maple_bear(plan, node);
		change->put[i] = btree_summary(node);
		e += redist->size[i];
	}
	change->nput = redist->k;
	for (unsigned i = 0; i < redist->nin; i++)
		maple_kill(work, plan, redist->in[i]);
	return 0;
}

/* Whether a leaf has much more room than it needs then; others than the root never have. */
static bool maple_is_roomy(const struct btree_node *node, unsigned gone, unsigned come)
{
	unsigned n = node->n - gone + come;

	return !node->level && node->cap > BTREE_LEAF_CAP && n * 4 < btree_room(node);
}

/*
 * Replaces the nodes at the spot on this level; the change becomes that of the
 * level above.  *sparse: one has too few entries now and has no sibling yet.
 */
static int maple_replace(struct btree *work, struct maple_plan *plan, struct btree_spot *spot,
			 unsigned level, struct btree_change *change, bool *sparse)
{
	const struct btree_step *left = btree_left(spot, level), *right = btree_right(spot, level);
	bool root = level == work->root->level;
	struct btree_redist redist;
	int err;

	*sparse = redist.join_left = redist.join_right = false;
	if (left->node == right->node && btree_stays(work, spot, level, change) &&
	    !maple_is_roomy(left->node, change->to - change->from, change->nput)) {
		struct btree_node *copy = maple_copy(work, left->node, change);

		if (!copy)
			return -ENOMEM;
		maple_bear(plan, copy);
		maple_kill(work, plan, left->node);
		change->put[0] = btree_summary(copy);
		change->nput = 1;
	} else {
		err = level || !root ? -E2BIG : maple_rewrite_root(work, plan, left->node, change);
		if (err == -E2BIG) {
			err = maple_redistribute(work, plan, spot, level, change, &redist);
			*sparse = !root && redist.k && redist.n < btree_min(level);
		}
		if (err)
			return err;
	}
	if (root)
		return 0;
	maple_kill_between(work, plan, spot, level + 1);
	change->from = left[1].slot - redist.join_left;
	change->to = right[1].slot + 1 + redist.join_right;
	return 0;
}

/* ---- up to where it ends ---- */

/* The root's place is taken by the entries, if there are any; perhaps below one more node. */
static int maple_set_root(struct btree *work, struct maple_plan *plan, struct btree_change *change)
{
	struct btree_entry top = change->put[0];
	struct btree_node *node = top.ptr;

	if (!change->nput) {
		work->root = NULL;
		work->first = work->last = work->gap = 0;
		return 0;
	}
	if (change->nput > 1) {
		unsigned level = node->level + 1;

		node = maple_take(work, level);
		if (!node)
			return -ENOMEM;
		btree_pack(work, node, level, change->put, change->nput);
		maple_bear(plan, node);
		top = btree_summary(node);
	}
	while (node->level && node->n == 1) {
		struct btree_node *only = btree_child(work, node, 0);

		maple_kill(work, plan, node);
		node = only;
	}
	work->root = node;
	work->first = top.start;
	work->last = top.end;
	work->gap = node->level ? top.gap : ~0UL; /* not known of a leaf, as in btree */
	return 0;
}

/* The lowest level from which on all nodes of the path can get bounds as the edit's in place. */
static unsigned maple_holds_from(const struct btree *tree, const struct btree_path *path,
				 const struct vma_edit *edit)
{
	unsigned from = 1;

	for (unsigned level = 1; edit->nput && level <= tree->root->level; level++) {
		const struct btree_node *node = path->at[level].node;

		if (!node->uncompressed &&
		    !btree_holds(node, edit->put[0].start >> PAGE_SHIFT,
				 edit->put[edit->nput - 1].end >> PAGE_SHIFT))
			from = level + 1;
	}
	return from;
}

/* Whether the change is that one node takes another's place and has its end. */
static bool maple_is_swap(const struct btree *tree, struct btree_spot *spot, unsigned level,
			  const struct btree_change *change)
{
	const struct btree_node *node = btree_left(spot, level)->node;

	return node == btree_right(spot, level)->node && change->nput == 1 &&
	       change->to == change->from + 1 &&
	       change->put[0].end == btree_end(node, level, change->from) &&
	       (node->uncompressed || btree_near(tree, level, change->put[0].ptr));
}

/*
 * Makes the change at the spot from this level up, to the root or, from level
 * `swaps` on, to where a swap will do.
 */
static int maple_apply(struct btree *work, struct maple_plan *plan, struct btree_spot *spot,
		       unsigned level, struct btree_change *change, unsigned swaps)
{
	unsigned top = work->root->level, thin = 0;
	unsigned long at[BTREE_MAX_HEIGHT];
	bool sparse;
	int err;

	for (; level <= top; level++) {
		if (level >= swaps && !thin && maple_is_swap(work, spot, level, change)) {
			plan->swap = true;
			plan->level = level;
			plan->top = change->put[0];
			spot->left.at[level].slot = change->from;
			return 0;
		}
		err = maple_replace(work, plan, spot, level, change, &sparse);
		if (err)
			return err;
		if (sparse) {
			thin |= 1u << level;
			at[level] = change->put[0].end - 1;
		}
	}
	err = maple_set_root(work, plan, change);
	while (!err && thin && work->root) {
		level = 31 - __builtin_clz(thin);
		thin ^= 1u << level;
		if (level >= work->root->level)
			continue;
		spot->spanning = false;
		btree_simd->descend(work, at[level], &spot->left);
		change->from = change->to = change->nput = 0;
		err = maple_apply(work, plan, spot, level, change, BTREE_MAX_HEIGHT);
	}
	return err;
}

/* ---- the edit ---- */

/* Where the edit would raise the end of its leaf, the next one is a part of it too. */
static void maple_span(const struct btree *tree, struct btree_spot *spot,
		       struct btree_change *change)
{
	const struct btree_node *leaf = spot->left.at[0].node;
	unsigned long end = btree_end(leaf, 0, leaf->n - 1);

	if (spot->spanning || end == tree->last || change->to < leaf->n || !change->nput ||
	    change->put[change->nput - 1].end <= end)
		return;
	btree_simd->descend(tree, end, &spot->right);
	spot->spanning = true;
	change->to = 0;
}

/* An edit of an empty tree; compressed pointers to VMAs count from what suits the first of all. */
static int maple_plan_first(struct maple *maple, struct maple_plan *plan,
			    const struct vma_edit *edit)
{
	struct btree *work = &maple->work;
	struct btree_change change = { .nput = edit->nput };
	int err;

	for (unsigned i = 0; i < edit->nput; i++)
		change.put[i] = (struct btree_entry){ .start = edit->put[i].start >> PAGE_SHIFT,
						      .end = edit->put[i].end >> PAGE_SHIFT,
						      .ptr = edit->put[i].vma };
	if (edit->nput && !maple->tree.root && !btree_near(work, 0, edit->put[0].vma)) {
		maple_flush(maple); /* nobody reads a leaf that counts from elsewhere */
		work->origin[BTREE_LEAF] = btree_origin(edit->put[0].vma);
	}
	err = maple_rewrite_root(work, plan, NULL, &change);
	work->leftmost = work->rightmost = NULL;
	work->vmas = edit->nput;
	return err ? err : maple_set_root(work, plan, &change);
}

/* Everything goes and nothing comes. */
static int maple_plan_last(struct btree *work, struct maple_plan *plan)
{
	struct btree_change none = { .nput = 0 };

	maple_kill_subtree(work, plan, work->root);
	return maple_set_root(work, plan, &none);
}

/* Plans any edit of work. */
static int maple_plan_any(struct maple *maple, struct maple_plan *plan, const struct vma_edit *edit,
			  bool alone)
{
	struct btree *work = &maple->work;
	struct btree_change change;
	struct btree_spot spot;
	unsigned swaps = BTREE_MAX_HEIGHT;
	int err;

	if (!work->root)
		return maple_plan_first(maple, plan, edit);
	if (!edit->nput && edit->lo >> PAGE_SHIFT <= work->first &&
	    edit->hi >> PAGE_SHIFT >= work->last)
		return maple_plan_last(work, plan);
	btree_locate(work, edit, &spot, &change);
	work->vmas += (size_t)change.from + edit->nput - change.to;
	if (spot.spanning)
		work->vmas -= spot.left.at[0].node->n;
	maple_span(work, &spot, &change);
	if (alone)
		swaps = maple_holds_from(work, &spot.left, edit);
	err = maple_apply(work, plan, &spot, 0, &change, swaps);
	if (plan->swap)
		maple->tree.path = spot.left;
	return err;
}

/* A spare leaf of that cap; where it is a root's, one that a root was before, if there is one. */
static struct btree_node *maple_take_leaf(struct maple *maple, unsigned cap)
{
	struct btree *work = &maple->work;
	struct btree_node *leaf = maple->roots;

	if (cap == BTREE_LEAF_CAP)
		return maple_take(work, 0);
	if (leaf && leaf->cap == cap) {
		maple->roots = btree_links(leaf)->next;
		maple->nroots--;
	} else if (!btree_grow(work, cap, false)) {
		leaf = work->grown;
		work->grown = NULL;
	} else {
		return NULL;
	}
	return leaf;
}

/*
 * Most edits: one leaf changes and keeps its end, or is the root.  -EAGAIN if this is no
 * such one.  The leaf's copy is all that the plan needs.
 */
static int maple_plan_leaf(struct maple *maple, struct maple_plan *plan,
			   const struct vma_edit *edit)
{
	struct btree *tree = &maple->tree;
	struct btree_node *leaf, *copy;

	if (!tree->root || !btree_simd->plan(tree, edit))
		return -EAGAIN;
	leaf = tree->path.at[0].node;
	if (leaf->uncompressed ||
	    (leaf == tree->root && maple_is_roomy(leaf, tree->to - tree->from, edit->nput)))
		return -EAGAIN;
	if (leaf != tree->root && tree->to == leaf->n &&
	    (!edit->nput ||
	     edit->put[edit->nput - 1].end >> PAGE_SHIFT != btree_end(leaf, 0, leaf->n - 1)))
		return -EAGAIN;
	copy = maple_take_leaf(maple, leaf->cap);
	if (!copy)
		return -ENOMEM;
	if (leaf != tree->root && !tree->path.at[1].node->uncompressed &&
	    !btree_near(tree, 1, copy)) {
		btree_recycle(&maple->work, copy);
		return -EAGAIN;
	}
	plan->gap = btree_simd->copy_leaf(tree, edit, copy);
	plan->copy = copy;
	return 0;
}

/* The outermost leaves, where the plan has replaced them. */
static void maple_set_outermost(struct btree *work, const struct maple_plan *plan)
{
	struct btree_node *top = plan->swap ? plan->top.ptr : work->root, *node = top;

	while (top && !work->leftmost && node->level)
		node = btree_child(work, node, 0);
	if (!work->leftmost)
		work->leftmost = node;
	node = top;
	while (top && !work->rightmost && node->level)
		node = btree_child(work, node, node->n - 1);
	if (!work->rightmost)
		work->rightmost = node;
}

int maple_plan(struct maple *maple, struct maple_plan *plan, const struct vma_edit *edit,
	       bool first, bool alone)
{
	struct btree *work = &maple->work;
	struct maple_state now;
	int err = -EAGAIN;

	plan->copy = plan->born = plan->dead = NULL;
	plan->swap = false;
	if (alone)
		err = maple_plan_leaf(maple, plan, edit);
	if (err != -EAGAIN)
		return err;
	if (first) {
		maple_save(&maple->tree, &now);
		maple_load(work, &now);
		work->root = now.root;
	}
	err = maple_plan_any(maple, plan, edit, alone);
	if (!err)
		maple_set_outermost(work, plan);
	maple_save(work, &plan->after);
	return err;
}
