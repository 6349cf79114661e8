/*
 * vectors.h - arrays of a node moved and searched for the largest by whole vectors
 *
 * The tail of each array moves by whole vectors, of which a mask takes the
 * words that change: what the compiler makes of them differs, the text does not.
 *
 *	before  | a b c d e f g h | i j k - - - - - |     one in front of f
 *	moved   | . . . . . . f g | h i j k - - - - |     loads one word lower
 *	mask    | 0 0 0 0 0 0 1 1 | 1 1 1 1 0 0 0 0 |
 */
#define VECTOR_WORDS 8

typedef int32_t SIMD_FN(words) __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t SIMD_FN(unsigned) __attribute__((vector_size(32), aligned(4), may_alias));

/* The largest distance between two entries of a narrow node, or number of its gaps. */
SIMD_TARGET static inline unsigned long SIMD_FN(most32)(const struct btree_node *node)
{
	const SIMD_FN(words) iota = {0, 1, 2, 3, 4, 5, 6, 7};
	const uint32_t *end = btree_lanes(node, node->level, BTREE_END);
	const uint32_t *start = btree_lanes(node, node->level, BTREE_START);
	const uint32_t *inside = btree_lanes(node, node->level, BTREE_GAP);
	SIMD_FN(unsigned) most = {0};
	unsigned long gap = 0;

	for (int i = 0; i < node->n; i += VECTOR_WORDS) {
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
	for (unsigned i = 0; i < VECTOR_WORDS; i++)
		gap = max(gap, (unsigned long)most[i]);
	return gap;
}

/* Words [from, to) of each array are now what was by words below them (by < 0: above). */
SIMD_TARGET static inline void SIMD_FN(shift)(struct btree_node *leaf, int from, int to, int by)
{
	const SIMD_FN(words) iota = {0, 1, 2, 3, 4, 5, 6, 7};
	int first = from & -VECTOR_WORDS, last = (to - 1) & -VECTOR_WORDS;
	int step = by > 0 ? -VECTOR_WORDS : VECTOR_WORDS;
	int32_t *words = (int32_t *)leaf->lanes + (by > 0 ? last : first);
	SIMD_FN(words) at = iota + (by > 0 ? last : first);

	for (int i = first; i <= last; i += VECTOR_WORDS, words += step, at += step) {
		SIMD_FN(words) moves = (at >= from) & (at < to), x;
		int32_t *lane = words;

		SIMD_UNROLL
		for (unsigned field = 0; field <= BTREE_PTR; field++, lane += leaf->cap) {
			x = *(SIMD_FN(words) *)(lane - by) & moves;
			*(SIMD_FN(words) *)lane = x | (*(SIMD_FN(words) *)lane & ~moves);
		}
	}
}
