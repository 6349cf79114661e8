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
 * The file that includes it has defined btree_keep_larger().
 */
static const btree_words btree_iota = { 0, 1, 2, 3, 4, 5, 6, 7 };

/* The largest of 8 words. */
static inline uint32_t btree_largest_word(const btree_unsigned *words)
{
	btree_unsigned x = *words, y;

	y = __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
	btree_keep_larger(&x, &y);
	y = __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
	btree_keep_larger(&x, &y);
	y = __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
	btree_keep_larger(&x, &y);
	return x[0];
}

/* The largest number that a search of an inner node compares. */
static inline unsigned long btree_max_gap_inside(const struct btree_node *node)
{
	const uint32_t *inside = btree_lanes(node, 1, BTREE_MAX_GAP);
	btree_words n = (btree_words){ 0 } + (int)node->n;
	btree_unsigned most = { 0 };

	SIMD_UNROLL
	for (int i = 0; i < BTREE_INNER_CAP; i += VECTOR_WORDS) {
		btree_words used = btree_iota + i < n;
		btree_unsigned x = *(const btree_unsigned *)(inside + i) & (btree_unsigned)used;

		btree_keep_larger(&most, &x);
	}
	return btree_largest_word(&most);
}

/* The largest distance between two of a leaf's first n entries; room >= n. */
static inline __attribute__((always_inline)) unsigned long
btree_max_gap_between(const struct btree_node *leaf, unsigned room)
{
	const uint32_t *end = btree_lanes(leaf, 0, BTREE_END);
	const uint32_t *start = btree_lanes(leaf, 0, BTREE_START);
	btree_words n = (btree_words){ 0 } + (int)leaf->n;
	btree_unsigned most = { 0 };

	SIMD_UNROLL
	for (int i = 0; i < (int)room; i += VECTOR_WORDS) {
		btree_words at = btree_iota + i, used = at < n;
		btree_unsigned x = *(const btree_unsigned *)(start + i) -
				   *(const btree_unsigned *)(end + i - 1);

		if (!i)
			used &= at > 0;
		x &= (btree_unsigned)used;
		btree_keep_larger(&most, &x);
	}
	return btree_largest_word(&most);
}

/* The same of all entries of a compressed node. */
static inline unsigned long btree_max_gap32(const struct btree_node *node)
{
	if (node->level)
		return btree_max_gap_inside(node);
	if (likely(node->cap == BTREE_LEAF_CAP))
		return btree_max_gap_between(node, BTREE_LEAF_CAP);
	return btree_max_gap_between(node, node->n);
}

/* What an array's words i on are to be: those before from stay, the others were below. */
static inline __attribute__((always_inline)) void
btree_move_words(btree_words *to, const int32_t *words, const int32_t *below, int i, int from)
{
	btree_words moves = btree_iota + i >= from;
	btree_words x = *(const btree_words *)below;

	*to = (x & moves) | (*(const btree_words *)words & ~moves);
}

/*
 * A leaf's arrays, of a size that is known, into the same or another leaf: no branch
 * depends on what moves.
 */
static inline void btree_shift_leaf(struct btree_node *to, const struct btree_node *leaf, int from,
				    int by)
{
	const int32_t *lane = (const int32_t *)leaf->lanes;
	const int32_t *below = lane - by;
	int32_t *out = (int32_t *)to->lanes;

	SIMD_UNROLL
	for (unsigned field = 0; field <= BTREE_PTR; field++) {
		btree_words x[BTREE_LEAF_CAP / VECTOR_WORDS];

		SIMD_UNROLL
		for (int i = 0; i < BTREE_LEAF_CAP; i += VECTOR_WORDS)
			btree_move_words(&x[i / VECTOR_WORDS], lane + i, below + i, i, from);
		SIMD_UNROLL
		for (int i = 0; i < BTREE_LEAF_CAP; i += VECTOR_WORDS)
			*(btree_words *)(out + i) = x[i / VECTOR_WORDS];
		lane += BTREE_LEAF_CAP;
		below += BTREE_LEAF_CAP;
		out += BTREE_LEAF_CAP;
	}
}

/* Those of a root, of which n words are in use, before or after: one vector after the other. */
static __attribute__((noinline)) void btree_shift_root(struct btree_node *leaf, int from, int by,
						       int n)
{
	int first = from & -VECTOR_WORDS, last = (n - 1) & -VECTOR_WORDS;
	long step = by > 0 ? -VECTOR_WORDS : VECTOR_WORDS, below = by, cap = leaf->cap;
	int32_t *lane = (int32_t *)leaf->lanes + first;
	int32_t *to = by > 0 ? lane + (last - first) : lane + VECTOR_WORDS;
	btree_words x[BTREE_PTR + 1];

	SIMD_UNROLL
	for (long field = 0; field <= BTREE_PTR; field++)
		btree_move_words(&x[field], lane + field * cap, lane + field * cap - by, first,
				 from);
	for (int left = last - first; left; left -= VECTOR_WORDS, to += step) {
		*(btree_words *)to = *(btree_words *)(to - below);
		*(btree_words *)(to + cap) = *(btree_words *)(to + cap - below);
		*(btree_words *)(to + 2 * cap) = *(btree_words *)(to + 2 * cap - below);
	}
	SIMD_UNROLL
	for (long field = 0; field <= BTREE_PTR; field++)
		*(btree_words *)(lane + field * cap) = x[field];
}

/*
 * Words [from, n) of each array of a leaf, at least one, are now what was by words below
 * them (by < 0: above), at most 4; those behind n are undefined.
 */
static inline void btree_shift(struct btree_node *leaf, int from, int by, int n)
{
	if (likely(leaf->cap == BTREE_LEAF_CAP))
		btree_shift_leaf(leaf, leaf, from, by);
	else
		btree_shift_root(leaf, from, by, max(n, n - by));
}
