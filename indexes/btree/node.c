/*
 * node - one node of the B+-tree: packing, unpacking, changing; and the pool of spare nodes
 */
#include <errno.h>
#include <string.h>

#include "indexes/btree/btree.h"

/*
 * A compressed node without an elided gap keeps numbers as they are: arrays are read and written at
 * once, by loops of which the compiler knows whether there are gaps.
 */
static bool btree_plain(const struct btree_node *node)
{
	return !node->uncompressed && !node->elided;
}

static inline __attribute__((always_inline)) void
btree_unpack_plain(const struct btree *tree, const struct btree_node *node, bool inner,
		   unsigned from, unsigned to, struct btree_entry *out)
{
	const int32_t *end = btree_lanes(node, inner, BTREE_END);
	const int32_t *start = btree_lanes(node, inner, BTREE_START);
	const uint32_t *ptr = btree_lanes(node, inner, BTREE_PTR);
	const uint32_t *gap = btree_lanes(node, inner, BTREE_GAP_INSIDE);
	uintptr_t origin = tree->origin[inner];
	unsigned long base = node->base;

	for (unsigned i = from; i < to; i++, out++) {
		out->start = base + (long)start[i];
		out->end = base + (long)end[i];
		out->gap = inner ? gap[i] : 0;
		out->ptr = (void *)(origin + 8UL * ptr[i]);
	}
}

/* Writes the arrays; false if a pointer does not fit. */
static inline __attribute__((always_inline)) bool btree_pack_plain(const struct btree *tree,
								   struct btree_node *node,
								   bool inner,
								   const struct btree_entry *e)
{
	uint32_t *end = btree_lanes(node, inner, BTREE_END);
	uint32_t *start = btree_lanes(node, inner, BTREE_START);
	uint32_t *ptr = btree_lanes(node, inner, BTREE_PTR);
	uint32_t *gap = btree_lanes(node, inner, BTREE_GAP_INSIDE);
	uint32_t *most = btree_lanes(node, inner, BTREE_MAX_GAP);
	uintptr_t origin = tree->origin[inner], far = 0;
	unsigned long base = node->base, below = e->start;

	for (unsigned i = 0, n = node->n; i < n; i++, e++) {
		uintptr_t to = (uintptr_t)e->ptr - origin;

		end[i] = e->end - base;
		start[i] = e->start - base;
		ptr[i] = to / 8;
		far |= to;
		if (inner) {
			gap[i] = e->gap;
			most[i] = max(e->gap, e->start - below);
			below = e->end;
		}
	}
	return far >> 35 == 0;
}

struct btree_entry *btree_unpack(const struct btree *tree, const struct btree_node *node,
				 unsigned from, unsigned to, struct btree_entry *out)
{
	unsigned level = node->level;

	if (likely(btree_plain(node))) {
		if (level)
			btree_unpack_plain(tree, node, true, from, to, out);
		else
			btree_unpack_plain(tree, node, false, from, to, out);
		return out + (to - from);
	}
	for (unsigned i = from; i < to; i++) {
		*out++ = (struct btree_entry){
			.start = btree_start(node, level, i),
			.end = btree_end(node, level, i),
			.gap = btree_gap_inside(node, level, i),
			.ptr = btree_ptr(tree, node, level, i),
		};
	}
	return out;
}

struct btree_entry btree_extent(const struct btree_node *node)
{
	return (struct btree_entry){
		.start = btree_start(node, node->level, 0),
		.end = btree_end(node, node->level, node->n - 1),
		.ptr = (void *)node,
	};
}

struct btree_entry btree_summary(const struct btree_node *node)
{
	struct btree_entry e = btree_extent(node);

	e.gap = btree_simd->largest(node);
	return e;
}

/* ---- the elided gap ---- */

/* Where the gap of that many pages is inside the node; there must be one. */
static unsigned long btree_locate_gap(const struct btree *tree, const struct btree_node *node,
				      unsigned long pages)
{
	unsigned level = node->level, i = 0;

	while (btree_gap_inside(node, level, i) != pages) {
		i++;
		if (btree_gap_before(node, level, i) == pages)
			return btree_end(node, level, i - 1);
	}
	return btree_locate_gap(tree, btree_child(tree, node, i), pages);
}

/* The largest gap between the entries or inside one of them. */
static struct btree_entry btree_largest_gap(const struct btree *tree, const struct btree_entry *e,
					    unsigned n)
{
	struct btree_entry gap = { .gap = e[0].gap, .ptr = e[0].ptr };

	for (unsigned i = 1; i < n; i++) {
		if (e[i].start - e[i - 1].end > gap.gap)
			gap = (struct btree_entry){ .start = e[i - 1].end,
						    .gap = e[i].start - e[i - 1].end };
		if (e[i].gap > gap.gap)
			gap = (struct btree_entry){ .gap = e[i].gap, .ptr = e[i].ptr };
	}
	if (gap.ptr && gap.gap)
		gap.start = btree_locate_gap(tree, gap.ptr, gap.gap);
	gap.end = gap.start + gap.gap;
	return gap;
}

/*
 * Gives the node a base and an elided gap by which it holds the entries as a compressed
 * one; false if there are none.  Each side can grow as far into the gap that holds the elided part
 * as away from it.
 */
static bool btree_place(const struct btree *tree, struct btree_node *node,
			const struct btree_entry *e, unsigned n)
{
	unsigned long first = e[0].start, last = e[n - 1].end, below, above;
	struct btree_entry gap;

	node->elided = 0;
	node->base = first - BTREE_MIN_DELTA - (BTREE_MAX_SPAN - (last - first)) / 2;
	if (last - first <= BTREE_MAX_SPAN)
		return true;
	gap = btree_largest_gap(tree, e, n);
	if (gap.start - first >= -(long)BTREE_MIN_DELTA || last - gap.end >= BTREE_MAX_DELTA)
		return false;
	below = (first - BTREE_MIN_DELTA - gap.start + 1) / 2;
	above = (BTREE_MAX_DELTA - (last - gap.end)) / 2;
	if (below + above >= gap.gap)
		return false;
	node->base = gap.start + below;
	node->elided = (gap.gap - below - above) >> BTREE_ELIDED_SHIFT;
	return last - btree_elided(node) - node->base <= BTREE_MAX_DELTA;
}

/* The start of the first VMA below the node that ends above page, or VMA_INDEX_END, in pages. */
static unsigned long btree_start_above(const struct btree *tree, const struct btree_node *node,
				       unsigned long page)
{
	for (;;) {
		unsigned level = node->level, i = 0;

		while (i < node->n && btree_end(node, level, i) <= page)
			i++;
		if (i == node->n)
			return VMA_INDEX_END >> PAGE_SHIFT;
		if (!level || btree_start(node, level, i) > page)
			return btree_start(node, level, i);
		node = btree_child(tree, node, i);
	}
}

bool btree_unelided(const struct btree *tree, const struct btree_node *node, unsigned level,
		    const struct btree_entry *e)
{
	if (btree_off_elided(node, e->start, e->end))
		return true;
	return level && e->start < node->base &&
	       btree_start_above(tree, e->ptr, node->base - 1) >= node->base + btree_elided(node);
}

/* ---- one node ---- */

static bool btree_all_near(const struct btree *tree, unsigned level, const struct btree_entry *e,
			   unsigned n)
{
	uintptr_t origin = tree->origin[level > 0], far = 0;

	for (unsigned i = 0; i < n; i++)
		far |= ((uintptr_t)e[i].ptr - origin) >> 35;
	return !far;
}

bool btree_span_compresses(const struct btree *tree, const struct btree_entry *e, unsigned n)
{
	struct btree_node node;

	return btree_place(tree, &node, e, n);
}

bool btree_fits_compressed(const struct btree *tree, unsigned level, const struct btree_entry *e,
			   unsigned n)
{
	return btree_span_compresses(tree, e, n) && btree_all_near(tree, level, e, n);
}

void btree_pack(const struct btree *tree, struct btree_node *node, unsigned level,
		const struct btree_entry *e, unsigned n)
{
	bool fits = btree_place(tree, node, e, n);

	node->n = n;
	node->level = level;
	node->uncompressed = false;
	if (likely(fits && !node->elided))
		fits = level ? btree_pack_plain(tree, node, true, e)
			     : btree_pack_plain(tree, node, false, e);
	else if (fits)
		fits = btree_all_near(tree, level, e, n);
	if (!fits) {
		node->uncompressed = true;
		node->base = node->elided = 0;
	}
	if (!btree_plain(node)) {
		for (unsigned i = 0; i < n; i++)
			btree_set(tree, node, level, i, &e[i]);
		if (level)
			btree_set_max_gap(node, 0, n);
	}
	btree_pad(node, n, btree_room(node));
}

void btree_move(struct btree_node *node, unsigned at, unsigned to)
{
	unsigned level = node->level;
	size_t width = node->uncompressed ? sizeof(uint64_t) : sizeof(uint32_t);

	for (unsigned f = 0; f < btree_fields(level); f++) {
		unsigned char *lanes = btree_lanes(node, level, f);

		memmove(lanes + at * width, lanes + to * width, (node->n - to) * width);
	}
}

void btree_replace(const struct btree *tree, struct btree_node *node, unsigned from, unsigned to,
		   const struct btree_entry *put, unsigned nput)
{
	unsigned n = node->n - (to - from) + nput;

	if (n != node->n) {
		btree_move(node, from + nput, to);
		if (n < node->n)
			btree_pad(node, n, node->n);
		node->n = n;
	}
	for (unsigned i = 0; i < nput; i++)
		btree_set(tree, node, node->level, from + i, &put[i]);
	if (node->level)
		btree_set_max_gap(node, from, from + nput);
}

/* ---- the pool: nodes chained through their first word ---- */

static void btree_pool_push(struct btree *tree, unsigned kind, struct btree_node *node)
{
	*(struct btree_node **)node = tree->pool[kind];
	tree->pool[kind] = node;
	tree->pooled[kind]++;
}

static struct btree_node *btree_pool_pop(struct btree *tree, unsigned kind)
{
	struct btree_node *node = tree->pool[kind];

	tree->pool[kind] = *(struct btree_node **)node;
	tree->pooled[kind]--;
	return node;
}

/* A new node, which the pool or the tree is to take. */
static struct btree_node *btree_new(struct btree *tree, unsigned kind, unsigned cap)
{
	struct btree_node *node = arena_alloc(tree->index.arena, btree_size(kind, cap), 64);

	if (!node)
		return NULL;
	if (!tree->origin[BTREE_INNER])
		tree->origin[BTREE_INNER] = btree_origin(node);
	if (!btree_near(tree, BTREE_INNER, node))
		tree->far[BTREE_INNER] = true;
	return node;
}

int btree_pool_fill(struct btree *tree, const size_t need[BTREE_KINDS])
{
	for (unsigned kind = 0; kind < BTREE_KINDS; kind++) {
		while (tree->pooled[kind] < need[kind]) {
			struct btree_node *node = btree_new(tree, kind, btree_cap(kind, false));

			if (!node) {
				btree_pool_empty(tree);
				return -ENOMEM;
			}
			btree_pool_push(tree, kind, node);
		}
	}
	return 0;
}

static void btree_free_leaf(struct btree *tree, struct btree_node *leaf)
{
	arena_free(tree->index.arena, leaf, btree_size(0, leaf->cap), 64);
}

void btree_pool_keep(struct btree *tree, const size_t keep[BTREE_KINDS])
{
	for (unsigned kind = 0; kind < BTREE_KINDS; kind++) {
		while (tree->pooled[kind] > keep[kind])
			arena_free(tree->index.arena, btree_pool_pop(tree, kind),
				   btree_size(kind, btree_cap(kind, false)), 64);
	}
	if (tree->grown)
		btree_free_leaf(tree, tree->grown);
	tree->grown = NULL;
}

void btree_pool_empty(struct btree *tree)
{
	tree->keep[BTREE_LEAF] = tree->keep[BTREE_INNER] = 0;
	btree_pool_keep(tree, tree->keep);
}

struct btree_node *btree_take(struct btree *tree, unsigned level)
{
	struct btree_node *node = btree_pool_pop(tree, level > 0);

	tree->nodes[level > 0]++;
	node->cap = btree_cap(level, false);
	return node;
}

void btree_recycle(struct btree *tree, struct btree_node *node)
{
	unsigned kind = node->level > 0;

	if (node->cap == btree_cap(kind, false))
		btree_pool_push(tree, kind, node);
	else
		btree_free_leaf(tree, node);
}

void btree_release(struct btree *tree, struct btree_node *node)
{
	tree->nodes[node->level > 0]--;
	btree_recycle(tree, node);
}

void btree_drop(struct btree *tree, struct btree_node *node)
{
	if (node->level) {
		for (unsigned i = 0; i < node->n; i++)
			btree_drop(tree, btree_child(tree, node, i));
	} else {
		tree->vmas -= node->n;
	}
	btree_release(tree, node);
}

/* ---- a leaf that is the root: one that suits what is in it ---- */

int btree_grow(struct btree *tree, unsigned n, bool uncompressed)
{
	static const uint16_t caps[] = { 24, BTREE_LEAF_CAP, 56, 72, 104, BTREE_ROOT_CAP };
	unsigned i = 0;

	while (i < ARRAY_SIZE(caps) && caps[i] >> uncompressed < (int)n)
		i++;
	if (i == ARRAY_SIZE(caps))
		return -E2BIG;
	if (tree->grown && tree->grown->cap != caps[i]) {
		btree_free_leaf(tree, tree->grown);
		tree->grown = NULL;
	}
	if (!tree->grown)
		tree->grown = btree_new(tree, BTREE_LEAF, caps[i]);
	if (!tree->grown)
		return -ENOMEM;
	tree->grown->cap = caps[i];
	return 0;
}

void btree_plant(struct btree *tree, const struct btree_entry *e, unsigned n)
{
	struct btree_node *leaf = tree->grown;
	struct btree_entry top;

	if (tree->root) {
		btree_release(tree, tree->root);
	} else {
		tree->origin[BTREE_LEAF] = btree_origin(e[0].ptr);
		for (unsigned i = 1; i < n; i++)
			tree->far[BTREE_LEAF] |= !btree_near(tree, 0, e[i].ptr);
	}
	tree->grown = NULL;
	tree->nodes[BTREE_LEAF]++;
	tree->leftmost = tree->rightmost = leaf;
	btree_pack(tree, leaf, 0, e, n);
	*btree_links(leaf) = (struct btree_links){ NULL, NULL };
	top = btree_extent(leaf);
	btree_set_root(tree, &top);
}
