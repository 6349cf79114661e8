/*
 * edit - one edit of the B+-tree: reserve finds the place, commit changes it
 *
 *	planned    most edits change one leaf only, and at times the bounds and
 *	           gaps above it: plan (change.h) walks down once and keeps the way
 *	finger     where the last of these was, the next edit or search often is too:
 *	           the way is kept until the tree changes elsewhere
 *	grown      a leaf that is the root moves to a larger or smaller one
 *	           (while the tree is small this is all that there is)
 *	else       the leaf gets too full or too empty, or the window spans
 *	           several: see rebalance.c
 */
#include "indexes/btree/btree.h"

/* ---- where ---- */

static void btree_read_edit(const struct vma_edit *edit, struct btree_change *change)
{
	change->nput = edit->nput;
	for (unsigned i = 0; i < edit->nput; i++) {
		change->put[i] = (struct btree_entry){
			.start = edit->put[i].start >> PAGE_SHIFT,
			.end = edit->put[i].end >> PAGE_SHIFT,
			.ptr = edit->put[i].vma,
		};
	}
}

void btree_locate(const struct btree *tree, const struct vma_edit *edit, struct btree_spot *spot,
		  struct btree_change *change)
{
	unsigned long hi = edit->hi >> PAGE_SHIFT;
	const struct btree_node *leaf;
	unsigned to;

	btree_simd->descend(tree, edit->lo >> PAGE_SHIFT, &spot->left);
	leaf = spot->left.at[0].node;
	to = change->from = spot->left.at[0].slot;
	while (to < leaf->n && btree_start(leaf, 0, to) < hi)
		to++;
	spot->spanning = to == leaf->n && btree_spans(tree, &spot->left, hi);
	if (spot->spanning) {
		btree_simd->descend(tree, hi, &spot->right);
		to = spot->right.at[0].slot;
	}
	change->to = to;
	btree_read_edit(edit, change);
}

/* ---- the gap that is remembered ---- */

/* Whether the window is full behind the edit, so that no gap gets longer. */
static bool btree_fills(const struct vma_edit *edit)
{
	unsigned long at = edit->lo;

	for (unsigned i = 0; i < edit->nput && edit->put[i].start == at; i++)
		at = edit->put[i].end;
	return at == edit->hi;
}

/*
 * What the edit makes of an answer.  Of a gap that VMAs come into the part that a search
 * meets first is left, or the other one.  Where some gap gets longer, nothing is.
 */
static void btree_mend_fit(struct btree_fit *fit, const struct vma_edit *edit)
{
	struct btree_fit above = *fit, below = *fit;
	unsigned long size = 0;

	if (btree_fills(edit)) {
		if (edit->hi <= fit->start || edit->lo >= fit->end)
			return;
		above.start = edit->hi;
		below.end = edit->lo;
		*fit = fit->topdown ? above : below;
		if (btree_fit_size(fit) < fit->min)
			*fit = fit->topdown ? below : above;
		size = btree_fit_size(fit);
	}
	if (size && size >= fit->min)
		fit->span = size - fit->min;
	else
		*fit = (struct btree_fit){ .from = 0 };
}

void btree_keep_fit(struct btree *tree, const struct vma_edit *edit)
{
	struct btree_fit *kept = &tree->kept;

	if (tree->asked)
		*kept = tree->fresh;
	tree->asked = false;
	if (kept->topdown ? edit->hi >= kept->start : edit->lo <= kept->end)
		btree_mend_fit(kept, edit);
	tree->mark = !kept->end ? ~0UL : kept->topdown ? kept->start : 0;
}

/* ---- planned ---- */

void btree_refresh(struct btree *tree, const struct btree_node *leaf, unsigned long gap)
{
	struct btree_entry now = btree_extent(leaf);

	now.gap = gap;
	if (leaf != tree->root) {
		tree->finger = now.start;
		tree->reach = now.end - now.start;
	}
	for (unsigned level = 1; level <= tree->root->level; level++) {
		struct btree_node *node = tree->path.at[level].node;
		unsigned i = tree->path.at[level].slot;

		if (now.gap == btree_gap_inside(node, level, i) &&
		    now.start == btree_start(node, level, i) &&
		    now.end == btree_end(node, level, i))
			return;
		btree_set(tree, node, level, i, &now);
		btree_set_max_gap(node, i, i + 1);
		now = btree_summary(node);
	}
	btree_set_root(tree, &now);
}

void btree_change_uncompressed(struct btree *tree, const struct vma_edit *edit)
{
	struct btree_node *leaf = tree->path.at[0].node;
	struct btree_change change;

	for (unsigned i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	btree_read_edit(edit, &change);
	btree_replace(tree, leaf, tree->from, tree->to, change.put, change.nput);
	btree_refresh(tree, leaf, btree_simd->largest(leaf));
}

/* ---- a leaf that is the root ---- */

/* Rewrites the leaf, in its other form perhaps, or moves to the one in reserve; or neither. */
static bool btree_commit_root(struct btree *tree, const struct btree_change *change)
{
	struct btree_entry e[BTREE_ROOT_CAP + VMA_EDIT_PUTS], *end = e, top;
	struct btree_node *leaf = tree->root;
	bool compressed;

	end = btree_unpack(tree, leaf, 0, change->from, end);
	for (unsigned i = 0; i < change->nput; i++)
		*end++ = change->put[i];
	end = btree_unpack(tree, leaf, change->to, leaf->n, end);
	compressed = btree_fits_compressed(tree, 0, e, end - e);
	if (end - e > leaf->cap >> !compressed) {
		if (tree->grown)
			btree_plant(tree, e, end - e);
		return tree->root != leaf;
	}
	btree_pack(tree, leaf, 0, e, end - e);
	top = btree_extent(leaf);
	btree_set_root(tree, &top);
	return true;
}

/* A leaf with much more room than it needs makes way for a smaller one, if there is memory. */
static void btree_shrink(struct btree *tree)
{
	struct btree_entry e[BTREE_ROOT_CAP];
	unsigned n = tree->root->n;

	if (btree_grow(tree, 2 * n, tree->root->uncompressed))
		return;
	btree_unpack(tree, tree->root, 0, n, e);
	btree_plant(tree, e, n);
}

/* The tree is empty, but for a leaf in reserve: another edit may follow. */
static void btree_clear(struct btree *tree)
{
	struct btree_node *leaf = tree->root;

	if (leaf->level) {
		btree_drop(tree, leaf);
		leaf = btree_take(tree, 0);
	}
	if (tree->grown) {
		btree_release(tree, leaf);
	} else {
		tree->grown = leaf;
		tree->nodes[BTREE_LEAF]--;
	}
	tree->root = tree->leftmost = tree->rightmost = NULL;
	tree->first = tree->last = tree->gap = tree->vmas = 0;
}

/* ---- commit ---- */

void btree_commit_other(struct btree *tree, const struct vma_edit *edit)
{
	struct btree_change change = { .nput = 0 };
	struct btree_spot spot = { .spanning = false };

	tree->reach = 0;
	for (unsigned i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	if (!tree->root) {
		btree_read_edit(edit, &change);
		if (edit->nput)
			btree_plant(tree, change.put, change.nput);
		tree->vmas = edit->nput;
		return;
	}
	if (!edit->nput && edit->lo >> PAGE_SHIFT <= tree->first &&
	    edit->hi >> PAGE_SHIFT >= tree->last) {
		btree_clear(tree);
		return;
	}
	btree_locate(tree, edit, &spot, &change);
	tree->vmas += (size_t)change.from + edit->nput - change.to;
	if (spot.spanning)
		tree->vmas -= spot.left.at[0].node->n;
	if (tree->root->level || !btree_commit_root(tree, &change))
		btree_apply(tree, &spot, 0, &change);
}

void btree_settle(struct btree *tree)
{
	if (btree_is_roomy(tree))
		btree_shrink(tree);
	if (tree->grown || tree->pooled[BTREE_LEAF] > tree->keep[BTREE_LEAF] ||
	    tree->pooled[BTREE_INNER] > tree->keep[BTREE_INNER])
		btree_pool_keep(tree, tree->keep);
}

void btree_unreserve(struct vma_index *index)
{
	struct btree *tree = btree_of(index);

	tree->planned = false;
	tree->pending = 0;
	btree_settle(tree);
}
