/*
 * change.h - the ordinary edit of the B+-tree, within one leaf; compiled like read.h
 */
#define CHANGE_REACH 4 /* words that a vector may reach over either end of the arrays */

/* The hole that the fold is in, or 0 if all entries are on one side of it. */
SIMD_TARGET static unsigned long SIMD_FN(across_fold)(const struct btree_node *node)
{
	unsigned level = node->level, i = SIMD_FN(above_fold)(node);

	if (i == node->n)
		return 0;
	if ((long)btree_get(node, level, BTREE_START, i) < 0)
		return btree_gap(node, level, i);
	return i ? btree_hole(node, level, i) : 0;
}

SIMD_TARGET static unsigned long SIMD_FN(largest)(const struct btree_node *node)
{
	unsigned long gap = 0;

	if (likely(!node->wide)) {
		gap = SIMD_FN(most32)(node);
		return node->fold ? max(gap, SIMD_FN(across_fold)(node)) : gap;
	}
	for (unsigned i = 0; i < node->n; i++) {
		gap = max(gap, btree_gap(node, node->level, i));
		if (i)
			gap = max(gap, btree_hole(node, node->level, i));
	}
	return gap;
}

/* Makes room for nput entries instead of those [from, to). */
SIMD_TARGET static inline void SIMD_FN(make_room)(struct btree_node *leaf, unsigned from,
						  unsigned to, unsigned nput, unsigned words)
{
	int by = ((int)(from + nput) - (int)to) * (int)words;
	unsigned n = leaf->n + (from + nput) - to;
	uint32_t *end = btree_lanes(leaf, 0, BTREE_END);

	if (by >= -CHANGE_REACH && by <= CHANGE_REACH)
		SIMD_FN(shift)(leaf, (from + nput) * words, n * words, by);
	else
		btree_move(leaf, from + nput, to);
	for (int i = by; i < 0; i++)
		end[(int)(n * words) - by + i] = BTREE_PAD_BYTE * 0x01010101u;
	leaf->n = n;
}

/* The largest hole in front of entries [from, to]. */
SIMD_TARGET static inline unsigned long SIMD_FN(holes_near)(const struct btree_node *leaf,
							    unsigned from, unsigned to)
{
	unsigned long gap = 0;

	to = min(to, leaf->n - 1u);
	for (unsigned i = max(from, 1u); i <= to; i++)
		gap = max(gap, btree_hole(leaf, 0, i));
	return gap;
}

SIMD_TARGET static unsigned long
SIMD_FN(change_leaf)(struct btree *tree, const struct vma_edit *edit, unsigned long gap)
{
	struct btree_node *leaf = tree->path.at[0].node;
	unsigned from = tree->from, to = tree->to;
	unsigned long gone = SIMD_FN(holes_near)(leaf, from, to), come;

	if (from + edit->nput != to)
		SIMD_FN(make_room)(leaf, from, to, edit->nput, leaf->wide ? 2 : 1);
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		vma_set_bounds(put->vma, put->start, put->end);
		btree_set(tree, leaf, 0, from + i,
			  &(struct btree_entry){.start = put->start >> PAGE_SHIFT,
						.end = put->end >> PAGE_SHIFT,
						.ptr = put->vma});
	}
	come = SIMD_FN(holes_near)(leaf, from, from + edit->nput);
	if (come >= gap)
		return come;
	return gone == gap ? SIMD_FN(largest)(leaf) : gap;
}
