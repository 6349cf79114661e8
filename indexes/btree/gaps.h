/*
 * gaps.h - find_gap of the B+-tree: the first gap that is long enough; compiled like read.h
 *
 *	inner node    | b      | d      | e      |   max_gap: the longer of the gap in front
 *	              |        |        |        |   of an entry and the largest inside it
 *	leaf          start[i] - end[i - 1], all at once
 *
 * One comparison of a node's array finds the first (or last) entry with such a
 * gap; only then two numbers say whether it is in front of the entry or inside.
 * In front of a node's first entry is a gap of its parent.
 *
 * What mmap asks is mostly what it asked before, less what it has put there: one
 * answer is remembered.  Readers share the tree, so they do not write it, but for
 * the first of them behind each commit: it leaves its answer for the next commit to keep.
 */

/* ---- one node ---- */

/* The first entry that ends above the elided gap: the elided gap is in front of it or inside it. */
static inline unsigned btree_above_elided(const struct btree_node *node)
{
	return node->level ? btree_rank(node, BTREE_INNER_CAP, node->base)
			   : btree_rank_root(node, node->base);
}

/*
 * The gap that the elided gap is in, in front of entry *at or inside it; 0 if all entries are
 * on one side of the elided gap.
 */
static unsigned long btree_across_elided(const struct btree_node *node, unsigned *at)
{
	unsigned level = node->level, i = *at = btree_above_elided(node);

	if (i == node->n)
		return 0;
	if ((long)btree_get(node, level, BTREE_START, i) < 0)
		return btree_gap_inside(node, level, i);
	return i ? btree_gap_before(node, level, i) : 0;
}

/*
 * The bit of the gap that holds the elided part, if it has at least len pages; bit 0 is entry
 * first.
 */
static __attribute__((noinline)) uint64_t btree_elided_bit(const struct btree_node *node,
							   unsigned first, unsigned long len)
{
	unsigned i;

	return btree_across_elided(node, &i) >= len && i - first < 64 ? 1UL << (i - first) : 0;
}

/* Bit i: the gap behind entry i of an uncompressed leaf, which has no more than 60, is as long. */
static uint64_t btree_gaps64(const struct btree_node *leaf, unsigned long len)
{
	const uint64_t *start = btree_lanes(leaf, 0, BTREE_START);
	const uint64_t *end = btree_lanes(leaf, 0, BTREE_END);
	uint64_t gaps = 0;

	for (unsigned i = 0; i + 1 < leaf->n; i++)
		gaps |= (uint64_t)(start[i + 1] - end[i] >= len) << i;
	return gaps;
}

/* Bit i: the gap between entries at + i and at + i + 1 of a leaf has at least len pages. */
static inline uint64_t btree_gaps(const struct btree_node *leaf, unsigned at, unsigned long len)
{
	const uint32_t *start = (uint32_t *)btree_lanes(leaf, 0, BTREE_START) + at + 1;
	const uint32_t *end = (uint32_t *)btree_lanes(leaf, 0, BTREE_END) + at;
	unsigned n = leaf->n - at - 1; /* gaps */
	uint64_t gaps = 0;

	if (unlikely(leaf->uncompressed))
		return btree_gaps64(leaf, len);
	if (likely(len <= BTREE_MAX_SPAN)) {
		if (n < BTREE_LEAF_CAP)
			gaps = btree_gaps32(start, end, BTREE_LEAF_CAP, (uint32_t)len);
		else
			gaps = btree_gaps32(start, end, 64, (uint32_t)len);
		if (n < 64)
			gaps &= (1UL << n) - 1;
	}
	return unlikely(leaf->elided) ? gaps | btree_elided_bit(leaf, at + 1, len) : gaps;
}

/* Bit i: in front of entry i > 0 or inside its child there is a gap of at least len pages. */
static inline uint64_t btree_longer(const struct btree_node *node, unsigned long len)
{
	uint64_t longer = 0;

	if (unlikely(node->uncompressed)) {
		const uint64_t *most = btree_lanes(node, 1, BTREE_MAX_GAP);

		for (unsigned i = 0; i < node->n; i++)
			longer |= (uint64_t)(most[i] >= len) << i;
		return longer;
	}
	if (likely(len <= BTREE_MAX_SPAN))
		longer = btree_least32(node, (uint32_t)len) & ((1UL << node->n) - 1);
	return unlikely(node->elided) ? longer | btree_elided_bit(node, 0, len) : longer;
}

/* The bits from i on. */
static inline uint64_t btree_bits_from(unsigned i)
{
	return i < 64 ? ~0UL << i : 0;
}

/* ---- one subtree: the answer is the entry that the gap is in front of, or no node ---- */

static const struct btree_step btree_nowhere;

/*
 * Whether the gap in front of entry i is in a compressed leaf and long enough.  The two that
 * come first are tried so, before many are compared at once: what mmap asks is often
 * there, and a predicted branch waits for nothing.
 */
static inline bool btree_fits_here(const struct btree_node *leaf, unsigned i, unsigned long len)
{
	const uint32_t *start = btree_lanes(leaf, 0, BTREE_START);
	const uint32_t *end = btree_lanes(leaf, 0, BTREE_END);

	return likely(!leaf->uncompressed && !leaf->elided) && start[i] - end[i - 1] >= len;
}

/*
 * The lowest gap in front of a leaf's entries from that one on.  A root may have
 * more than 64: those that come first are compared first.
 */
static inline struct btree_step btree_lowest_in_leaf(struct btree_node *leaf, unsigned from,
						     unsigned long len)
{
	unsigned first = max(from, 1u) - 1, at = leaf->n > 65 ? first : 0;
	uint64_t gaps;

	for (unsigned i = first + 1; i < min(first + 3, (unsigned)leaf->n); i++) {
		if (btree_fits_here(leaf, i, len))
			return (struct btree_step){ leaf, i };
	}
	gaps = btree_gaps(leaf, at, len) & btree_bits_from(first - at);

	if (!gaps && leaf->n - at > 65) {
		at += 64;
		gaps = btree_gaps(leaf, at, len);
	}
	if (!gaps)
		return btree_nowhere;
	return (struct btree_step){ leaf, at + 1 + (unsigned)__builtin_ctzl(gaps) };
}

/* The highest one in front of a leaf's entries below that one, alike; below > 0. */
static inline struct btree_step btree_highest_in_leaf(struct btree_node *leaf, unsigned below,
						      unsigned long len)
{
	unsigned end = below - 1, at = max(end, 64u) - 64;
	uint64_t gaps;

	for (unsigned i = end; i && i + 2 > end; i--) {
		if (btree_fits_here(leaf, i, len))
			return (struct btree_step){ leaf, i };
	}
	gaps = btree_gaps(leaf, at, len) & ~btree_bits_from(end - at);

	if (!gaps && at) {
		gaps = btree_gaps(leaf, 0, len) & ~btree_bits_from(at);
		at = 0;
	}
	if (!gaps)
		return btree_nowhere;
	return (struct btree_step){ leaf, at + 64 - (unsigned)__builtin_clzl(gaps) };
}

/*
 * The lowest gap of len pages inside node that is in front of entry from, in
 * it, or above it.  Where the first entry has one, as it mostly has for what is
 * short, the way down waits for no comparison of many.
 */
static struct btree_step btree_lowest(const struct btree *tree, struct btree_node *node,
				      unsigned from, unsigned long len)
{
	for (unsigned i; node->level; node = btree_child(tree, node, i), from = 0) {
		uint64_t longer;

		i = 0;
		if (!from && btree_get(node, 1, BTREE_MAX_GAP, 0) >= len)
			continue;
		longer = btree_longer(node, len) & btree_bits_from(from);
		if (!longer)
			return btree_nowhere;
		i = __builtin_ctzl(longer);
		if (i && btree_gap_before(node, 1, i) >= len)
			return (struct btree_step){ node, i };
	}
	return btree_lowest_in_leaf(node, from, len);
}

/* The highest one that is inside node and below the gap in front of its entry below. */
static struct btree_step btree_highest(const struct btree *tree, struct btree_node *node,
				       unsigned below, unsigned long len)
{
	for (unsigned i; node->level; node = btree_child(tree, node, i), below = node->n) {
		uint64_t longer;

		i = below - 1;
		if (below == node->n && btree_get(node, 1, BTREE_GAP_INSIDE, i) >= len)
			continue;
		longer = btree_longer(node, len) & ~btree_bits_from(below);
		if (!longer)
			return btree_nowhere;
		i = 63 - __builtin_clzl(longer);
		if (btree_gap_inside(node, 1, i) < len)
			return (struct btree_step){ node, i };
	}
	return btree_highest_in_leaf(node, below, len);
}

/* ---- the whole tree ---- */

/* Takes the gap in front of an entry that is not its node's first, if it fits. */
static inline bool btree_take_at(struct vma_gap *gap, struct btree_step at)
{
	unsigned level = at.node->level;

	return vma_gap_take(gap, btree_end(at.node, level, at.slot - 1) << PAGE_SHIFT,
			    btree_start(at.node, level, at.slot) << PAGE_SHIFT);
}

/* The same of the gap in front of where the path leads. */
static inline bool btree_take_here(const struct btree *tree, const struct btree_path *path,
				   struct vma_gap *gap)
{
	for (unsigned level = 0; level <= tree->root->level; level++) {
		if (path->at[level].slot)
			return btree_take_at(gap, path->at[level]);
	}
	return vma_gap_take(gap, 0, tree->first << PAGE_SHIFT);
}

/* Whether there can be a gap of len pages inside the path's node of that level. */
static inline bool btree_may(const struct btree *tree, const struct btree_path *path,
			     unsigned level, unsigned long len)
{
	const struct btree_step *up = &path->at[level + 1];

	return (level == tree->root->level
			? tree->gap
			: btree_gap_inside(up->node, level + 1, up->slot)) >= len;
}

/* The lowest gap of len pages behind where the path leads. */
static struct btree_step btree_lowest_behind(const struct btree *tree,
					     const struct btree_path *path, unsigned long len)
{
	for (unsigned level = 0; level <= tree->root->level; level++) {
		const struct btree_step *step = &path->at[level];
		struct btree_step found = btree_nowhere;

		if (btree_may(tree, path, level, len))
			found = btree_lowest(tree, step->node, step->slot + 1, len);
		if (found.node)
			return found;
	}
	return btree_nowhere;
}

/* The highest one below the gap in front of where the path leads. */
static struct btree_step btree_highest_below(const struct btree *tree,
					     const struct btree_path *path, unsigned long len)
{
	bool passed = false; /* on a lower level there are entries in front of the path's */

	for (unsigned level = 0; level <= tree->root->level; level++) {
		const struct btree_step *step = &path->at[level];
		struct btree_step found = btree_nowhere;

		if (!step->slot)
			continue;
		if (passed && btree_gap_before(step->node, level, step->slot) >= len)
			return *step;
		if (btree_may(tree, path, level, len))
			found = btree_highest(tree, step->node, step->slot, len);
		if (found.node)
			return found;
		passed = true;
	}
	return btree_nowhere;
}

/*
 * Upwards.  Only the gap that lo is in can be cut by lo.  Those above it are
 * searched whole: the lowest that is long enough is the answer, or, if hi
 * cuts it, there is none.  Where lo is not above the first VMA's start, all
 * gaps between VMAs are above it, and no way down to lo is needed.
 */
static inline bool btree_gap_up(const struct btree *tree, struct vma_gap *gap)
{
	unsigned long len = PAGE_ALIGN(gap->len) >> PAGE_SHIFT, page = gap->lo >> PAGE_SHIFT;
	struct btree_step found = btree_nowhere;

	if (page <= tree->first) {
		if (vma_gap_take(gap, 0, tree->first << PAGE_SHIFT))
			return true;
		if (tree->gap >= len)
			found = btree_lowest(tree, tree->root, 0, len);
	} else if (page < tree->last) {
		struct btree_path path;

		btree_descend(tree, page, &path);
		if (btree_take_here(tree, &path, gap))
			return true;
		if (tree->gap >= len)
			found = btree_lowest_behind(tree, &path, len);
	}
	if (found.node)
		return btree_take_at(gap, found);
	return vma_gap_take(gap, tree->last << PAGE_SHIFT, VMA_INDEX_END);
}

/* Downwards: the mirror image. */
static inline bool btree_gap_down(const struct btree *tree, struct vma_gap *gap, unsigned long hi)
{
	unsigned long len = PAGE_ALIGN(gap->len) >> PAGE_SHIFT;
	struct btree_step found = btree_nowhere;

	if (hi >> PAGE_SHIFT >= tree->last) {
		if (vma_gap_take(gap, tree->last << PAGE_SHIFT, VMA_INDEX_END))
			return true;
		if (tree->gap >= len)
			found = btree_highest(tree, tree->root, tree->root->n, len);
	} else {
		struct btree_path path;

		btree_descend(tree, (hi - 1) >> PAGE_SHIFT, &path);
		if (btree_take_here(tree, &path, gap))
			return true;
		if (tree->gap >= len)
			found = btree_highest_below(tree, &path, len);
	}
	if (found.node)
		return btree_take_at(gap, found);
	return vma_gap_take(gap, 0, tree->first << PAGE_SHIFT);
}

/* Leaves the answer of a search that began at from for the next commit, if it is the first. */
static inline void btree_leave(struct btree *tree, const struct vma_gap *gap, unsigned long from)
{
	struct btree_fit *fit = &tree->fresh;

	if (__atomic_load_n(&tree->asked, __ATOMIC_RELAXED) ||
	    __atomic_exchange_n(&tree->asked, true, __ATOMIC_RELAXED))
		return;
	*fit = (struct btree_fit){
		.from = from,
		.min = gap->len,
		.start = gap->start,
		.end = gap->end,
		.topdown = gap->topdown,
	};
	fit->span = btree_fit_size(fit) - fit->min;
	tree->mark = 0;
}

static int btree_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	const struct btree *tree = (const struct btree *)index;
	unsigned long hi = min(gap->hi, VMA_INDEX_END), from = gap->topdown ? hi : gap->lo;
	const struct btree_fit *kept = &tree->kept;
	bool found;

	if (hi <= gap->lo || hi - gap->lo < gap->len)
		return -ENOMEM;
	if (gap->len - kept->min <= kept->span && from == kept->from &&
	    gap->topdown == kept->topdown)
		return vma_gap_take(gap, kept->start, kept->end) ? 0 : -ENOMEM;
	if (!tree->root)
		return vma_gap_take(gap, 0, VMA_INDEX_END) ? 0 : -ENOMEM;
	found = gap->topdown ? btree_gap_down(tree, gap, hi) : btree_gap_up(tree, gap);
	if (!found)
		return -ENOMEM;
	btree_leave((struct btree *)tree, gap, from);
	return 0;
}
