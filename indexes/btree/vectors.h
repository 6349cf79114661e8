/*
 * vectors.h - arrays of a node moved and searched for the largest by whole vectors
 *
 * The tail of each array moves by whole vectors, which stand 8 words apart from its
 * beginning; in the first a mask keeps what stays.
 *
 *	before  | a b c d e f g h | i j k - - - - - |     one in front of f
 *	moved   | a b c d e e f g | h i j k - - - - |     loads one word lower
 *	mask    | 0 0 0 0 0 1 1 1 | 1 1 1 1 1 1 1 1 |
 *
 * The file that includes it has defined SIMD_LARGER(a, b): of each two unsigned words
 * the larger.
 */
#define VECTOR_WORDS 8

typedef int32_t SIMD_FN(words) __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t SIMD_FN(unsigned) __attribute__((vector_size(32), aligned(4), may_alias));

static const SIMD_FN(words) SIMD_FN(iota) = {0, 1, 2, 3, 4, 5, 6, 7};

/* The largest of 8 words. */
SIMD_TARGET static inline uint32_t SIMD_FN(largest_word)(const SIMD_FN(unsigned) * words)
{
	SIMD_FN(unsigned) x = *words;

	x = SIMD_LARGER(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3));
	x = SIMD_LARGER(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5));
	x = SIMD_LARGER(x, __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6));
	return x[0];
}

/* The largest number that a search of an inner node compares. */
SIMD_TARGET static inline unsigned long SIMD_FN(most_inside)(const struct btree_node *node)
{
	const uint32_t *inside = btree_lanes(node, 1, BTREE_MOST);
	SIMD_FN(words) n = (SIMD_FN(words)){0} + (int)node->n;
	SIMD_FN(unsigned) most = {0};

	SIMD_UNROLL
	for (int i = 0; i < BTREE_INNER_CAP; i += VECTOR_WORDS) {
		SIMD_FN(words) used = SIMD_FN(iota) + i < n;
		SIMD_FN(unsigned) x = *(const SIMD_FN(unsigned) *)(inside + i);

		most = SIMD_LARGER(most, x & (SIMD_FN(unsigned))used);
	}
	return SIMD_FN(largest_word)(&most);
}

/* The largest distance between two of a leaf's first n entries; room >= n. */
SIMD_TARGET static inline __attribute__((always_inline)) unsigned long
SIMD_FN(most_between)(const struct btree_node *leaf, unsigned room)
{
	const uint32_t *end = btree_lanes(leaf, 0, BTREE_END);
	const uint32_t *start = btree_lanes(leaf, 0, BTREE_START);
	SIMD_FN(words) n = (SIMD_FN(words)){0} + (int)leaf->n;
	SIMD_FN(unsigned) most = {0};

	SIMD_UNROLL
	for (int i = 0; i < (int)room; i += VECTOR_WORDS) {
		SIMD_FN(words) at = SIMD_FN(iota) + i, used = at < n;
		SIMD_FN(unsigned)
		x = *(const SIMD_FN(unsigned) *)(start + i) -
		    *(const SIMD_FN(unsigned) *)(end + i - 1);

		if (!i)
			used &= at > 0;
		most = SIMD_LARGER(most, x & (SIMD_FN(unsigned))used);
	}
	return SIMD_FN(largest_word)(&most);
}

/* The same of all entries of a narrow node. */
SIMD_TARGET static inline unsigned long SIMD_FN(most32)(const struct btree_node *node)
{
	if (node->level)
		return SIMD_FN(most_inside)(node);
	if (likely(node->cap == BTREE_LEAF_CAP))
		return SIMD_FN(most_between)(node, BTREE_LEAF_CAP);
	return SIMD_FN(most_between)(node, node->n);
}

/* What an array's words i on are to be: those before from stay, the others were below. */
SIMD_TARGET static inline __attribute__((always_inline)) void
SIMD_FN(move)(SIMD_FN(words) * to, const int32_t *words, const int32_t *below, int i, int from)
{
	SIMD_FN(words) moves = SIMD_FN(iota) + i >= from;
	SIMD_FN(words) x = *(const SIMD_FN(words) *)below;

	*to = (x & moves) | (*(const SIMD_FN(words) *)words & ~moves);
}

/*
 * A leaf's arrays, of a size that is known, into the same or another leaf: no branch
 * depends on what moves.
 */
SIMD_TARGET static inline void SIMD_FN(shift_leaf)(struct btree_node *to,
						   const struct btree_node *leaf, int from, int by)
{
	const int32_t *lane = (const int32_t *)leaf->lanes;
	const int32_t *below = lane - by;
	int32_t *out = (int32_t *)to->lanes;

	SIMD_UNROLL
	for (unsigned field = 0; field <= BTREE_PTR; field++) {
		SIMD_FN(words) x[BTREE_LEAF_CAP / VECTOR_WORDS];

		SIMD_UNROLL
		for (int i = 0; i < BTREE_LEAF_CAP; i += VECTOR_WORDS)
			SIMD_FN(move)(&x[i / VECTOR_WORDS], lane + i, below + i, i, from);
		SIMD_UNROLL
		for (int i = 0; i < BTREE_LEAF_CAP; i += VECTOR_WORDS)
			*(SIMD_FN(words) *)(out + i) = x[i / VECTOR_WORDS];
		lane += BTREE_LEAF_CAP;
		below += BTREE_LEAF_CAP;
		out += BTREE_LEAF_CAP;
	}
}

/* Those of a root, of which n words are in use, before or after: one vector after the other. */
SIMD_TARGET static __attribute__((noinline)) void SIMD_FN(shift_root)(struct btree_node *leaf,
								      int from, int by, int n)
{
	int first = from & -VECTOR_WORDS, last = (n - 1) & -VECTOR_WORDS;
	long step = by > 0 ? -VECTOR_WORDS : VECTOR_WORDS, below = by, cap = leaf->cap;
	int32_t *lane = (int32_t *)leaf->lanes + first;
	int32_t *to = by > 0 ? lane + (last - first) : lane + VECTOR_WORDS;
	SIMD_FN(words) x[BTREE_PTR + 1];

	SIMD_UNROLL
	for (long field = 0; field <= BTREE_PTR; field++)
		SIMD_FN(move)(&x[field], lane + field * cap, lane + field * cap - by, first, from);
	for (int left = last - first; left; left -= VECTOR_WORDS, to += step) {
		*(SIMD_FN(words) *)to = *(SIMD_FN(words) *)(to - below);
		*(SIMD_FN(words) *)(to + cap) = *(SIMD_FN(words) *)(to + cap - below);
		*(SIMD_FN(words) *)(to + 2 * cap) = *(SIMD_FN(words) *)(to + 2 * cap - below);
	}
	SIMD_UNROLL
	for (long field = 0; field <= BTREE_PTR; field++)
		*(SIMD_FN(words) *)(lane + field * cap) = x[field];
}

/*
 * Words [from, n) of each array of a leaf, at least one, are now what was by words below
 * them (by < 0: above), at most 4; those behind n are undefined.
 */
SIMD_TARGET static inline void SIMD_FN(shift)(struct btree_node *leaf, int from, int by, int n)
{
	if (likely(leaf->cap == BTREE_LEAF_CAP))
		SIMD_FN(shift_leaf)(leaf, leaf, from, by);
	else
		SIMD_FN(shift_root)(leaf, from, by, max(n, n - by));
}
