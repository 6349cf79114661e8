/*
 * reserve - the memory that edits of the B+-tree can need, there before they begin
 */
#include <errno.h>

#include "indexes/btree/btree.h"

#define BTREE_DECAY 16 /* a part of what is kept goes at each edit that is not planned */

/* Whether the put VMAs fit the compressed nodes on the path above the leaf. */
static bool btree_path_fits(const struct btree *tree, const struct btree_spot *spot,
			    const struct btree_change *change)
{
	for (unsigned level = 1; change->nput && level <= tree->root->level; level++) {
		const struct btree_node *node = spot->left.at[level].node;

		if (!node->uncompressed &&
		    !btree_holds(node, change->put[0].start, change->put[change->nput - 1].end))
			return false;
	}
	return true;
}

/* Whether all that can be rebuilt together on this level is sure to stay compressed. */
static bool btree_stays_compressed(const struct btree *tree, struct btree_spot *spot,
				   unsigned level, const struct btree_change *change)
{
	unsigned long start = tree->first, end = tree->last;

	if (tree->far[level > 0])
		return false;
	if (level < tree->root->level) {
		struct btree_step up = *btree_left(spot, level + 1);

		start = btree_start(up.node, level + 1, up.slot - (up.slot > 0));
		end = btree_end(up.node, level + 1, up.slot + (up.slot + 1 < up.node->n));
	}
	if (change->nput) {
		start = min(start, change->put[0].start);
		end = max(end, change->put[change->nput - 1].end);
	}
	return end - start <= BTREE_MAX_SPAN;
}

/* What any one edit can need at most. */
static void btree_need_worst_case(const struct btree *tree, size_t need[BTREE_KINDS])
{
	unsigned height = tree->root->level + 1;

	need[BTREE_LEAF] += 2 * BTREE_UNCOMPRESSED_GROWTH;
	need[BTREE_INNER] += BTREE_UNCOMPRESSED_GROWTH * height * height + 1;
}

/*
 * What this edit can need.  Up from the level where the two paths meet (the
 * leaf, unless it spans) grow is the most nodes that the level below adds.
 */
static void btree_need(const struct btree *tree, struct btree_spot *spot,
		       const struct btree_change *change, size_t need[BTREE_KINDS])
{
	unsigned top = tree->root->level, level = 0, grow = 1;

	bool fits = btree_path_fits(tree, spot, change);

	if (fits && !spot->spanning && btree_stays(tree, spot, 0, change))
		return;
	if (!fits || tree->far[BTREE_INNER]) {
		btree_need_worst_case(tree, need);
		return;
	}
	if (!spot->spanning) {
		const struct btree_node *leaf = btree_left(spot, 0)->node;

		if (btree_stays_compressed(tree, spot, 0, change))
			grow = leaf->n - (change->to - change->from) + change->nput >
			       BTREE_LEAF_CAP;
		else
			grow = BTREE_UNCOMPRESSED_GROWTH;
		need[BTREE_LEAF] += grow;
		level++;
	} else {
		while (btree_left(spot, level)->node != btree_right(spot, level)->node)
			need[level++ > 0]++;
		if (btree_left(spot, level)->node->uncompressed ||
		    btree_left(spot, level)->node->elided) {
			btree_need_worst_case(tree, need);
			return;
		}
	}
	for (; level <= top; level++) {
		const struct btree_step *left = btree_left(spot, level);
		unsigned gone = btree_right(spot, level)->slot - left->slot + 1;
		unsigned n = left->node->n;

		if (spot->spanning)
			gone += top; /* the second pass */
		if (n + grow <= btree_cap(level, left->node->uncompressed) &&
		    (level == top || n >= gone + btree_low(level)))
			return;
		if (btree_stays_compressed(tree, spot, level, change))
			grow = n + grow > BTREE_INNER_CAP;
		else
			grow = BTREE_UNCOMPRESSED_GROWTH;
		need[BTREE_INNER] += grow;
	}
	need[BTREE_INNER] += grow > 0;
}

/* Whether an edit changes nothing but one leaf, whatever happens to its siblings. */
static bool btree_is_small(const struct btree *tree, struct btree_spot *spot,
			   const struct btree_change *change)
{
	unsigned n = spot->left.at[0].node->n - (change->to - change->from) + change->nput;

	return !spot->spanning && (n >= btree_low(0) || !tree->root->level) &&
	       btree_path_fits(tree, spot, change) && btree_stays(tree, spot, 0, change);
}

/* What two edits can need: nothing where they are small and in two leaves. */
static void btree_need_two(const struct btree *tree, const struct vma_edit *edits,
			   size_t need[BTREE_KINDS])
{
	const struct btree_node *leaf = NULL;
	struct btree_change change;
	struct btree_spot spot;

	for (unsigned i = 0; i < 2; i++) {
		btree_locate(tree, &edits[i], &spot, &change);
		if (!btree_is_small(tree, &spot, &change) || leaf == spot.left.at[0].node) {
			btree_need_worst_case(tree, need);
			btree_need_worst_case(tree, need);
			need[BTREE_INNER] +=
				2 * BTREE_UNCOMPRESSED_GROWTH * (tree->root->level + 2);
			return;
		}
		leaf = spot.left.at[0].node;
	}
}

/* What remains to be done for a root that is a leaf and gets too small, or for none. */
static int btree_reserve_root(struct btree *tree, const struct vma_edit *edits, unsigned n,
			      size_t need[BTREE_KINDS])
{
	unsigned most = tree->root ? tree->root->n : 0;
	bool uncompressed = !tree->root || tree->root->uncompressed;
	int error;

	for (unsigned i = 0; i < n; i++) {
		most += edits[i].nput;
		for (unsigned j = 0; j < edits[i].nput && !uncompressed; j++)
			uncompressed = !btree_near(tree, 0, edits[i].put[j].vma) ||
				       !btree_holds(tree->root, edits[i].put[j].start >> PAGE_SHIFT,
						    edits[i].put[j].end >> PAGE_SHIFT);
	}
	if (tree->root && most <= btree_room(tree->root) &&
	    uncompressed == tree->root->uncompressed)
		return 0;
	error = btree_grow(tree, most, uncompressed);
	if (error != -E2BIG)
		return error;
	need[BTREE_LEAF] = BTREE_MAX_JOIN;
	need[BTREE_INNER] = 1;
	if (n > 1) {
		need[BTREE_LEAF] += 2 * BTREE_UNCOMPRESSED_GROWTH;
		need[BTREE_INNER] += BTREE_UNCOMPRESSED_GROWTH * 3 * 3 + 1;
	}
	return 0;
}

static void btree_reserve_nodes(struct btree *tree, const struct vma_edit *edits, unsigned n,
				size_t need[BTREE_KINDS])
{
	struct btree_change change;
	struct btree_spot spot;

	if (n > 1) {
		btree_need_two(tree, edits, need);
		return;
	}
	btree_locate(tree, edits, &spot, &change);
	btree_need(tree, &spot, &change, need);
}

/* As many nodes as these edits need stay spare, or what stayed before, less a part. */
static void btree_keep(struct btree *tree, const size_t need[BTREE_KINDS])
{
	bool tall = tree->root && tree->root->level;

	for (unsigned kind = 0; kind < BTREE_KINDS; kind++) {
		size_t keep = tree->keep[kind];

		tree->keep[kind] =
			tall ? max(keep - (keep + BTREE_DECAY - 1) / BTREE_DECAY, need[kind]) : 0;
	}
}

/* The VMAs that come are on their way to be written; those far away are noted. */
static void btree_meet(struct btree *tree, const struct vma_edit *edit)
{
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vm_area_struct *vma = edit->put[i].vma;

		__builtin_prefetch(vma, 1);
		tree->far[BTREE_LEAF] |= tree->root && !btree_near(tree, 0, vma);
	}
}

int btree_reserve_more(struct btree *tree, const struct vma_edit *edits, unsigned n)
{
	bool far;

	for (unsigned i = 0; i < n; i++)
		btree_meet(tree, &edits[i]);

	do {
		size_t need[BTREE_KINDS] = { 0, 0 };

		far = tree->far[BTREE_INNER];
		if (tree->root && tree->root->level)
			btree_reserve_nodes(tree, edits, n, need);
		else if (btree_reserve_root(tree, edits, n, need))
			return -ENOMEM;
		btree_keep(tree, need);
		if (btree_pool_fill(tree, need))
			return -ENOMEM;
	} while (far != tree->far[BTREE_INNER]);
	tree->pending = n;
	return 0;
}
