/*
 * query - find, the cursor and the search for gaps
 *
 * A parent knows first and last of each subtree, so a search never enters one
 * only to come back without an answer: find and its mirror image are a loop.
 */
#include "indexes/radix/radix.h"

#include <errno.h>
#include <string.h>

#define NODE_LINES 5 /* cache lines: those of a node with seven entries */

/* Cursor off an end: which one, in its slot. */
enum { BEFORE_FIRST, AFTER_LAST };

/*
 * In the node at *sub the first entry that ends above page, where *sub does.  Its
 * first and last keep the search inside the node, whose head is not read; what
 * few entries there mostly are, is asked for at once.
 */
static inline const struct radix_sub *node_after(const struct radix_sub *sub, uint64_t page)
{
	const struct radix_node *node = radix_node(sub->ref);
	uint64_t at = max(page, sub->first) >> node_ref_shift(sub->ref);

	for (unsigned line = 1; line < NODE_LINES; line++)
		__builtin_prefetch((const char *)node + line * RADIX_BLOCK_ALIGN);
	sub = &node->sub[node_entry(node, at % RADIX_SLOTS)];
	while (page >= sub->last)
		sub++;
	return sub;
}

/* The last entry that begins below page, where *sub does. */
static inline const struct radix_sub *node_before(const struct radix_sub *sub, uint64_t page)
{
	const struct radix_node *node = radix_node(sub->ref);
	uint64_t at = (min(page, sub->last) - 1) >> node_ref_shift(sub->ref);

	sub = &node->sub[node_entry(node, at % RADIX_SLOTS)];
	while (sub->first >= page)
		sub--;
	return sub;
}

/* The VMA itself, or the leaf with the first VMA that ends above page; 0: none. */
static uintptr_t tree_after(const struct radix *radix, uint64_t page)
{
	const struct radix_sub *sub = &radix->root;

	if (page >= sub->last)
		return 0;
	while (radix_kind(sub->ref) == RADIX_NODE)
		sub = node_after(sub, page);
	return sub->ref;
}

static uintptr_t tree_before(const struct radix *radix, uint64_t page)
{
	const struct radix_sub *sub = &radix->root;

	if (sub->first >= page)
		return 0;
	while (radix_kind(sub->ref) == RADIX_NODE)
		sub = node_before(sub, page);
	return sub->ref;
}

/*
 * Asks for the cache lines of a leaf that a find may read, the ends and the VMAs,
 * all at once: one miss then takes as long as all of them.
 */
static inline void leaf_prefetch(uintptr_t ref)
{
	const char *leaf = (const char *)radix_leaf(ref);
	unsigned room = leaf_ref_room(ref), ends = sizeof(struct radix_leaf) + 4 * room;

	for (unsigned at = 0; at < ends; at += RADIX_BLOCK_ALIGN)
		__builtin_prefetch(leaf + at);
	for (unsigned at = ends + 4 * room; at < 16 * room; at += RADIX_BLOCK_ALIGN)
		__builtin_prefetch(leaf + at);
}

struct vm_area_struct *radix_find(const struct vma_index *index, unsigned long addr)
{
	uint64_t page = addr >> PAGE_SHIFT;
	uintptr_t ref = tree_after(container_of(index, struct radix, index), page);

	if (radix_kind(ref) == RADIX_VMA)
		return radix_vma(ref);
	leaf_prefetch(ref);
	return leaf_vmas(radix_leaf(ref))[leaf_after(radix_leaf(ref), page)];
}

/* ---- the cursor: node is the leaf it stands in, or NULL; slot its place there ---- */

static struct vm_area_struct *cursor_set(struct vma_cursor *cursor, struct radix_leaf *leaf,
					 unsigned i)
{
	cursor->node = leaf;
	cursor->slot = i;
	return cursor->vma = leaf_vmas(leaf)[i];
}

/* Onto ref, a VMA or nothing: then off the tree's end `off`. */
static struct vm_area_struct *cursor_set_vma(struct vma_cursor *cursor, uintptr_t ref, int off)
{
	cursor->node = NULL;
	cursor->slot = off;
	return cursor->vma = radix_vma(ref);
}

static struct vm_area_struct *cursor_after(struct vma_cursor *cursor, uint64_t page)
{
	uintptr_t ref = tree_after(container_of(cursor->index, struct radix, index), page);

	if (radix_kind(ref) == RADIX_VMA)
		return cursor_set_vma(cursor, ref, AFTER_LAST);
	return cursor_set(cursor, radix_leaf(ref), leaf_after(radix_leaf(ref), page));
}

static struct vm_area_struct *cursor_before(struct vma_cursor *cursor, uint64_t page)
{
	uintptr_t ref = tree_before(container_of(cursor->index, struct radix, index), page);

	if (radix_kind(ref) == RADIX_VMA)
		return cursor_set_vma(cursor, ref, BEFORE_FIRST);
	return cursor_set(cursor, radix_leaf(ref), leaf_before(radix_leaf(ref), page));
}

struct vm_area_struct *radix_seek(struct vma_cursor *cursor, unsigned long addr)
{
	return cursor_after(cursor, addr >> PAGE_SHIFT);
}

struct vm_area_struct *radix_next(struct vma_cursor *cursor)
{
	struct radix_leaf *leaf = cursor->node;

	if (!cursor->vma)
		return cursor->slot == AFTER_LAST ? NULL : cursor_after(cursor, 0);
	if (leaf && cursor->slot + 1 < leaf->n)
		return cursor_set(cursor, leaf, cursor->slot + 1);
	return cursor_after(cursor, vma_end(cursor->vma) >> PAGE_SHIFT);
}

/* A leaf's VMAs are copied at once. */
unsigned radix_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	unsigned done = 0;

	while (done < n && cursor->vma) {
		const struct radix_leaf *leaf = cursor->node;

		if (leaf) {
			unsigned some = min(leaf->n - (unsigned)cursor->slot, n - done);

			memcpy(vmas + done, leaf_vmas(leaf) + cursor->slot, some * sizeof(vmas[0]));
			done += some;
			cursor->slot += some - 1;
			cursor->vma = vmas[done - 1];
		} else {
			vmas[done++] = cursor->vma;
		}
		radix_next(cursor);
	}
	return done;
}

struct vm_area_struct *radix_prev(struct vma_cursor *cursor)
{
	struct radix_leaf *leaf = cursor->node;

	if (!cursor->vma)
		return cursor->slot == BEFORE_FIRST ? NULL : cursor_before(cursor, RADIX_PAGES);
	if (leaf && cursor->slot > 0)
		return cursor_set(cursor, leaf, cursor->slot - 1);
	return cursor_before(cursor, vma_start(cursor->vma) >> PAGE_SHIFT);
}

/* ---- gaps ----
 *
 * One walk for both directions: edge is where the last VMA met ends (topdown:
 * begins), so every further VMA closes a gap between edge and itself.  The
 * walk enters a subtree only if a run inside it is long enough.  Such a
 * subtree has the answer, unless lo or hi cuts it: so two paths at most are
 * walked in vain.
 */

struct gap_walk {
	struct vma_gap *gap;
	uint64_t lo, hi; /* gap's, in pages, rounded outwards */
	uint64_t edge;
};

/* Closes the gap between edge and page. True: it is the answer, and gap has it. */
static inline bool gap_closes(const struct gap_walk *walk, uint64_t page, const bool topdown)
{
	return vma_gap_take(walk->gap, (topdown ? page : walk->edge) << PAGE_SHIFT,
			    (topdown ? walk->edge : page) << PAGE_SHIFT);
}

static inline bool leaf_walk(struct gap_walk *walk, const struct radix_leaf *leaf,
			     const bool topdown)
{
	int n = leaf->n, step = topdown ? -1 : 1;
	int i = topdown ? leaf_before(leaf, walk->hi) : leaf_after(leaf, walk->lo);

	if (i - step >= 0 && i - step < n)
		walk->edge = topdown ? leaf_start(leaf, i + 1) : leaf_end(leaf, i - 1);
	for (; i >= 0 && i < n; i += step) {
		if (gap_closes(walk, topdown ? leaf_end(leaf, i) : leaf_start(leaf, i), topdown))
			return true;
		walk->edge = topdown ? leaf_start(leaf, i) : leaf_end(leaf, i);
	}
	return false;
}

static bool block_up(struct gap_walk *walk, const struct radix_sub *sub);
static bool block_down(struct gap_walk *walk, const struct radix_sub *sub);

static inline bool sub_walk(struct gap_walk *walk, const struct radix_sub *sub, const bool topdown)
{
	if (!sub->ref)
		return false;
	if (gap_closes(walk, topdown ? sub->last : sub->first, topdown))
		return true;
	if (sub->inside << PAGE_SHIFT >= walk->gap->len && sub->first < walk->hi &&
	    sub->last > walk->lo && (topdown ? block_down(walk, sub) : block_up(walk, sub)))
		return true;
	walk->edge = topdown ? sub->first : sub->last;
	return false;
}

static inline bool node_walk(struct gap_walk *walk, const struct radix_sub *sub, const bool topdown)
{
	const struct radix_node *node = radix_node(sub->ref);
	const struct radix_sub *from = node->sub, *to = from + node->n;
	int step = topdown ? -1 : 1;

	sub = topdown ? node_before(sub, walk->hi) : node_after(sub, walk->lo);
	for (const struct radix_sub *past = sub - step; past >= from && past < to; past -= step) {
		if (!past->ref)
			continue;
		walk->edge = topdown ? past->first : past->last;
		break;
	}
	for (; sub >= from && sub < to; sub += step) {
		if (sub_walk(walk, sub, topdown))
			return true;
	}
	return false;
}

static bool block_up(struct gap_walk *walk, const struct radix_sub *sub)
{
	return radix_kind(sub->ref) == RADIX_NODE ? node_walk(walk, sub, false)
						  : leaf_walk(walk, radix_leaf(sub->ref), false);
}

static bool block_down(struct gap_walk *walk, const struct radix_sub *sub)
{
	return radix_kind(sub->ref) == RADIX_NODE ? node_walk(walk, sub, true)
						  : leaf_walk(walk, radix_leaf(sub->ref), true);
}

int radix_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	const struct radix *radix = container_of(index, struct radix, index);
	bool topdown = gap->topdown;
	struct gap_walk walk = {
		.gap = gap,
		.lo = gap->lo >> PAGE_SHIFT,
		.hi = PAGE_ALIGN(min(gap->hi, VMA_INDEX_END)) >> PAGE_SHIFT,
		.edge = topdown ? RADIX_PAGES : 0,
	};

	if (walk.lo >= walk.hi)
		return -ENOMEM;
	if (topdown ? sub_walk(&walk, &radix->root, true) : sub_walk(&walk, &radix->root, false))
		return 0;
	return gap_closes(&walk, topdown ? 0 : RADIX_PAGES, topdown) ? 0 : -ENOMEM;
}
