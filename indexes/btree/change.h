/*
 * change.h - the ordinary edit of the B+-tree, within one leaf; compiled like read.h
 *
 *	plan      down to the leaf, and whether the edit can be made in place: the way is kept
 *	change    the arrays are moved, what comes is written, bounds of VMAs are set
 *	gap       the largest gap inside the leaf mostly stays: what goes and what comes tells
 *
 * All of that is in reserve and commit themselves: an ordinary edit is two calls.
 */
#define CHANGE_REACH 4 /* entries that a vector may reach over either end of the arrays */

/* ---- the largest gap ---- */

static unsigned long btree_largest64(const struct btree_node *node)
{
	const uint64_t *end = btree_lanes(node, node->level, BTREE_END);
	const uint64_t *start = btree_lanes(node, node->level, BTREE_START);
	const uint64_t *inside = btree_lanes(node, node->level, BTREE_MAX_GAP);
	unsigned long gap = 0;

	if (node->level) {
		for (unsigned i = 0; i < node->n; i++)
			gap = max(gap, inside[i]);
	} else {
		for (unsigned i = 1; i < node->n; i++)
			gap = max(gap, start[i] - end[i - 1]);
	}
	return gap;
}

static unsigned long btree_largest(const struct btree_node *node)
{
	unsigned long gap;
	unsigned at;

	if (unlikely(node->uncompressed))
		return btree_largest64(node);
	gap = btree_max_gap32(node);
	return node->elided ? max(gap, btree_across_elided(node, &at)) : gap;
}

/* ---- plan ---- */

/*
 * Whether the node, if it is compressed, can hold all that comes; inside: between two of its
 * entries, so that only its elided gap can be in the way.
 */
static inline bool btree_takes(const struct btree_node *node, const struct vma_edit *edit,
			       bool inside)
{
	if (node->uncompressed || (inside && !node->elided))
		return true;
	return btree_holds(node, edit->put[0].start >> PAGE_SHIFT,
			   edit->put[edit->nput - 1].end >> PAGE_SHIFT);
}

/*
 * Whether a compressed leaf cannot point to all VMAs that come; they are on their way to be
 * written.
 */
static inline bool btree_any_far(const struct btree *tree, const struct vma_edit *edit)
{
	uintptr_t far = 0;

	for (unsigned i = 0; i < edit->nput; i++) {
		__builtin_prefetch(edit->put[i].vma, 1);
		far |= ((uintptr_t)edit->put[i].vma - tree->origin[BTREE_LEAF]) >> 35;
	}
	return far;
}

/* The entry of the leaf from which on none is in a window that ends at page hi. */
static inline unsigned btree_window_end(const struct btree_node *leaf, unsigned from,
					unsigned long hi)
{
	const int32_t *start = btree_lanes(leaf, 0, BTREE_START);
	unsigned to = from, n = leaf->n;
	long distance;

	if (unlikely(leaf->uncompressed)) {
		while (to < n && btree_start(leaf, 0, to) < hi)
			to++;
		return to;
	}
	distance = btree_distance(leaf, hi);
	while (to < n && start[to] < distance)
		to++;
	return to;
}

/*
 * Whether a leaf with n entries, that had more, had better look for siblings
 * to merge with: each time it is very empty, at times if it is not.
 */
static inline bool btree_sparse(unsigned n)
{
	return n < btree_low(0) && (n % 4 == 0 || n < btree_min(0));
}

/* Of an edit that is not in a root: whether leaf may have n entries, and what is above fits. */
static inline __attribute__((always_inline)) bool
btree_plan_above(const struct btree *tree, const struct vma_edit *edit, unsigned n)
{
	const struct btree_node *leaf = tree->path.at[0].node;
	bool inside = tree->from && tree->to < leaf->n;

	if ((n < leaf->n && btree_sparse(n)) || n < btree_min(0))
		return false;
	if (tree->to == leaf->n && btree_spans(tree, &tree->path, edit->hi >> PAGE_SHIFT))
		return false;
	for (unsigned level = 1; edit->nput && level <= tree->root->level; level++) {
		if (!btree_takes(tree->path.at[level].node, edit, inside))
			return false;
	}
	return true;
}

/* Makes tree->path lead to the first VMA that ends above page; its slot. */
static inline __attribute__((always_inline)) unsigned btree_follow(struct btree *tree,
								   unsigned long page)
{
	if (page - tree->finger < tree->reach)
		return tree->path.at[0].slot =
			       btree_rank(tree->path.at[0].node, BTREE_LEAF_CAP, page);
	if (tree->reach)
		tree->reach = 0;
	btree_walk(tree, page, &tree->path);
	return tree->path.at[0].slot;
}

static inline __attribute__((always_inline)) bool btree_plan_edit(struct btree *tree,
								  const struct vma_edit *edit)
{
	bool far = btree_any_far(tree, edit);
	const struct btree_node *leaf;
	unsigned from, to, n;

	from = tree->from = btree_follow(tree, edit->lo >> PAGE_SHIFT);
	leaf = tree->path.at[0].node;
	to = tree->to = btree_window_end(leaf, from, edit->hi >> PAGE_SHIFT);
	n = leaf->n - (to - from) + edit->nput;
	if (!n || n > btree_room(leaf))
		return false;
	if (edit->nput && !btree_takes(leaf, edit, from && to < leaf->n))
		return false;
	if (unlikely(far)) {
		tree->far[BTREE_LEAF] = true;
		if (!leaf->uncompressed)
			return false;
	}
	return leaf == tree->root || btree_plan_above(tree, edit, n);
}

static bool btree_plan(struct btree *tree, const struct vma_edit *edit)
{
	return btree_plan_edit(tree, edit);
}

/* ---- change ---- */

/* Makes room for nput entries instead of those [from, to) of a compressed leaf. */
static inline __attribute__((always_inline)) void
btree_make_room(struct btree_node *leaf, unsigned from, unsigned to, unsigned nput)
{
	int by = (int)(from + nput) - (int)to, n = leaf->n + by;
	int32_t *end = btree_lanes(leaf, 0, BTREE_END);

	if (by < -CHANGE_REACH) {
		btree_move(leaf, from + nput, to);
		btree_pad(leaf, n, leaf->n);
	} else {
		if ((int)(from + nput) < n)
			btree_shift(leaf, from + nput, by, n);
		for (int i = by; i < 0; i++) /* those that were in use, and what came from behind */
			end[n - by + i] = end[leaf->cap + i] = BTREE_PAD;
	}
	leaf->n = n;
}

static inline void btree_change_leaf(const struct btree *tree, struct btree_node *leaf,
				     const struct vma_edit *edit)
{
	unsigned from = tree->from, to = tree->to;

	if (from + edit->nput != to)
		btree_make_room(leaf, from, to, edit->nput);
	for (const struct vma_put *put = edit->put, *last = put + edit->nput; put < last; put++)
		vma_set_bounds(put->vma, put->start, put->end);
	btree_set_compressed(tree, leaf, from, edit);
}

/* The largest gap in front of entries [from, to] of a compressed leaf without an elided gap. */
static inline unsigned long btree_gap_near(const struct btree_node *leaf, unsigned from,
					   unsigned to)
{
	const uint32_t *end = btree_lanes(leaf, 0, BTREE_END);
	const uint32_t *last = end + to - (to == leaf->n);
	const uint32_t *start = end + leaf->cap + from;
	unsigned long gap = 0;

	end += from;
	if (!from) {
		end++;
		start++;
	}
	for (; end <= last; end++, start++)
		gap = max(gap, (unsigned long)(*start - end[-1]));
	return gap;
}

/* The largest gap of the leaf, which was gap, now that those that were near are gone. */
static inline unsigned long btree_gap_now(const struct btree *tree, const struct btree_node *leaf,
					  unsigned nput, unsigned long gap, unsigned long gone)
{
	unsigned long come;

	if (unlikely(leaf->elided))
		return btree_largest(leaf);
	come = btree_gap_near(leaf, tree->from, tree->from + nput);
	if (come >= gap)
		return come;
	return gone < gap ? gap : btree_largest(leaf);
}

static inline __attribute__((always_inline)) void btree_commit_planned(struct btree *tree,
								       const struct vma_edit *edit)
{
	struct btree_node *leaf = tree->path.at[0].node;
	const struct btree_step *up = &tree->path.at[1];
	bool inside = tree->from && tree->to < leaf->n, root = leaf == tree->root;
	unsigned long gap = 0, gone = 0, now = 0;

	tree->vmas += (size_t)tree->from + edit->nput - tree->to;
	if (unlikely(leaf->uncompressed)) {
		btree_change_uncompressed(tree, edit);
		return;
	}
	if (!root) {
		gap = btree_gap_inside(up->node, 1, up->slot);
		gone = btree_gap_near(leaf, tree->from, tree->to);
	}
	btree_change_leaf(tree, leaf, edit);
	if (!root)
		now = btree_gap_now(tree, leaf, edit->nput, gap, gone);
	if (!inside || now != gap) {
		btree_refresh(tree, leaf, now);
	} else if (!root && !tree->reach) {
		tree->finger = btree_start(up->node, 1, up->slot);
		tree->reach = btree_end(up->node, 1, up->slot) - tree->finger;
	}
}

/* ---- the ops ---- */

static int btree_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct btree *tree = (struct btree *)index;

	tree->planned = n == 1 && tree->root && btree_plan_edit(tree, edits);
	return likely(tree->planned) ? 0 : btree_reserve_more(tree, edits, n);
}

static void btree_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct btree *tree = (struct btree *)index;
	bool planned = tree->planned;

	if (edit->hi >= tree->mark)
		btree_keep_fit(tree, edit);
	if (likely(planned) || (tree->root && btree_simd->plan(tree, edit)))
		btree_commit_planned(tree, edit);
	else
		btree_commit_other(tree, edit);
	tree->planned = false;
	if (planned ? btree_is_roomy(tree) : !--tree->pending)
		btree_settle(tree);
}
