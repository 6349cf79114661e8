/*
 * change.h - the ordinary edit of the B+-tree, within one leaf; compiled like read.h
 *
 * The tail of each array moves by whole vectors, of which a mask takes the
 * words that change: what the compiler makes of them differs, the text does not.
 *
 *	before  | a b c d e f g h | i j k - - - - - |     one in front of f
 *	moved   | . . . . . . f g | h i j k - - - - |     loads one word lower
 *	mask    | 0 0 0 0 0 0 1 1 | 1 1 1 1 0 0 0 0 |
 */
#define CHANGE_WORDS 8
#define CHANGE_REACH 4 /* words that a load may reach over either end of the arrays */

typedef int32_t SIMD_FN(words) __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t SIMD_FN(unsigned) __attribute__((vector_size(32), aligned(4), may_alias));

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
	const SIMD_FN(words) iota = {0, 1, 2, 3, 4, 5, 6, 7};
	const uint32_t *end = btree_lanes(node, node->level, BTREE_END);
	const uint32_t *start = btree_lanes(node, node->level, BTREE_START);
	const uint32_t *inside = btree_lanes(node, node->level, BTREE_GAP);
	SIMD_FN(unsigned) most = {0};
	unsigned long gap = 0;

	if (unlikely(node->wide)) {
		gap = btree_gap(node, node->level, 0);
		for (unsigned i = 1; i < node->n; i++) {
			gap = max(gap, btree_gap(node, node->level, i));
			gap = max(gap, btree_hole(node, node->level, i));
		}
		return gap;
	}
	if (node->fold)
		gap = SIMD_FN(across_fold)(node);
	for (int i = 0; i < node->n; i += CHANGE_WORDS) {
		SIMD_FN(words) at = iota + i, used = at < (int)node->n, behind = used & (at > 0);
		SIMD_FN(unsigned) x, more;

		x = *(const SIMD_FN(unsigned) *)(start + i) -
		    *(const SIMD_FN(unsigned) *)(end + i - 1);
		x &= (SIMD_FN(unsigned))behind;
		more = (SIMD_FN(unsigned))(x > most);
		most = (x & more) | (most & ~more);
		if (!node->level)
			continue;
		x = *(const SIMD_FN(unsigned) *)(inside + i) & (SIMD_FN(unsigned))used;
		more = (SIMD_FN(unsigned))(x > most);
		most = (x & more) | (most & ~more);
	}
	for (unsigned i = 0; i < CHANGE_WORDS; i++)
		gap = max(gap, (unsigned long)most[i]);
	return gap;
}

/* Words [from, to) of each array are now what was by words below them (by < 0: above). */
SIMD_TARGET static inline void SIMD_FN(shift)(struct btree_node *leaf, int from, int to, int by)
{
	const SIMD_FN(words) iota = {0, 1, 2, 3, 4, 5, 6, 7};
	int first = from & -CHANGE_WORDS, last = (to - 1) & -CHANGE_WORDS;
	int step = by > 0 ? -CHANGE_WORDS : CHANGE_WORDS;
	int32_t *words = (int32_t *)leaf->lanes + (by > 0 ? last : first);
	SIMD_FN(words) at = iota + (by > 0 ? last : first);

	for (int i = first; i <= last; i += CHANGE_WORDS, words += step, at += step) {
		SIMD_FN(words) moves = (at >= from) & (at < to), x;
		int32_t *lane = words;

		SIMD_UNROLL
		for (unsigned field = 0; field <= BTREE_PTR; field++, lane += leaf->cap) {
			x = *(SIMD_FN(words) *)(lane - by) & moves;
			*(SIMD_FN(words) *)lane = x | (*(SIMD_FN(words) *)lane & ~moves);
		}
	}
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
