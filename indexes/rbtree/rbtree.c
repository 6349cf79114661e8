/*
 * rbtree - a red-black tree of VMAs, linked as a list, with the largest gap of each subtree
 *
 *                  ┌──────── D 3 ────────┐          each node: its VMA and `gap`, the
 *             ┌─ B 3 ─┐              ┌─ F 2 ─┐      largest gap in front of a VMA of
 *            A 1     C 3            E 1     G 2     its subtree
 *   before <-> A <-> B <-> C <-> D <-> E <-> F <-> G <-> after
 *   [0, 0)                                               [END, END)
 *
 * A node stands right in front of its VMA: 48 bytes, and with the two bounds
 * one cache line.  The list's two ends look like VMAs that hold no address, so
 * each gap lies between two neighbours; they are not in the tree, and the gap
 * above the last VMA is in no gap.
 *
 * find goes down by branches, and stops at a VMA that holds the address: programs
 * ask near where they asked before, so that the processor is ahead of the
 * loads; without branches random finds would be up to twice as fast, and recorded
 * programs a tenth slower.  An edit erases
 * what leaves the window, sets bounds, and hangs new VMAs beside their list
 * neighbours; a new VMA that can stand where another leaves takes its place in
 * the tree.  Between these steps every gap is right, so that a rotation may
 * hand it on.  No memory is needed.  Tree and list together are in tree.c.
 *
 * Invariants
 *  1. From before to after, node->next->prev == node, with vmas VMAs between.
 *  2. Each VMA is page-aligned, not empty and ends at or below VMA_INDEX_END;
 *     none starts below the end of the one before it.
 *  3. The tree in order is the list, and each child knows its parent.
 *  4. The root is black, and so is each child of a red node.
 *  5. Each way from the root down to a missing child has as many black nodes.
 *  6. gap is the largest gap in front of a VMA of the subtree.
 *
 * The tree is base/rbtree.h's, whose `largest` is the gap.  The layout is that of Linux 4.9
 * to 6.0, where an edit is several calls, each with its own rebalancing, and
 * vm_prev of the first VMA is NULL.
 */
#include "indexes/rbtree/rbtree.h"

#include <errno.h>

static struct rbtree_node *rbtree_node(const struct vm_area_struct *vma)
{
	return (struct rbtree_node *)((char *)vma - NODE_SIZE);
}

static struct vm_area_struct *rbtree_vma(struct rbtree_node *node)
{
	return (struct vm_area_struct *)&node->start;
}

static int rbtree_init(struct vma_index *index)
{
	struct rbtree *tree = rbtree_of(index);

	tree->before.prev = &tree->before;
	tree->after.next = &tree->after;
	tree->after.start = tree->after.end = VMA_INDEX_END;
	rbtree_link(&tree->before, &tree->after);
	return 0;
}

/* destroy and unreserve: there is no memory. */
static void rbtree_no_memory(struct vma_index *index)
{
	(void)index;
}

/* ---- readers ---- */

/* The first node that ends above addr, or after. */
static struct rbtree_node *rbtree_first(struct rbtree *tree, unsigned long addr)
{
	struct rbtree_node *node = rbtree_root(tree), *first = &tree->after;

	while (node) {
		if (node->end <= addr) {
			node = rbtree_child(node, RB_HIGHER);
			continue;
		}
		first = node;
		if (node->start <= addr)
			break;
		node = rbtree_child(node, RB_LOWER);
	}
	return first;
}

static struct vm_area_struct *rbtree_find(const struct vma_index *index, unsigned long addr)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_node *node = rbtree_first(tree, addr);

	return node == &tree->after ? NULL : rbtree_vma(node);
}

static struct vm_area_struct *rbtree_stand(struct vma_cursor *cursor, struct rbtree_node *node)
{
	struct rbtree *tree = rbtree_of(cursor->index);
	bool off = node == &tree->before || node == &tree->after;

	cursor->node = node;
	cursor->vma = off ? NULL : rbtree_vma(node);
	return cursor->vma;
}

static struct vm_area_struct *rbtree_seek(struct vma_cursor *cursor, unsigned long addr)
{
	return rbtree_stand(cursor, rbtree_first(rbtree_of(cursor->index), addr));
}

static struct vm_area_struct *rbtree_next(struct vma_cursor *cursor)
{
	return rbtree_stand(cursor, ((struct rbtree_node *)cursor->node)->next);
}

static unsigned rbtree_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	return vma_scan_by(cursor, vmas, n, rbtree_next);
}

static struct vm_area_struct *rbtree_prev(struct vma_cursor *cursor)
{
	return rbtree_stand(cursor, ((struct rbtree_node *)cursor->node)->prev);
}

/* Does the gap in front of node fit? */
static bool rbtree_fits(const struct rbtree_node *node, const struct vma_gap *gap)
{
	return vma_gap_fits(gap, node->prev->end, node->start);
}

/* That child, if there is a gap of len bytes in its subtree, or NULL. */
static inline struct rbtree_node *rbtree_roomy(const struct rbtree_node *node, unsigned side,
					       unsigned long len)
{
	struct rbtree_node *child = rbtree_child(node, side);

	return child && child->rb.largest >= len ? child : NULL;
}

/*
 * The next node in the order of a search that comes from side `from` and has been below this one.
 */
static inline struct rbtree_node *rbtree_beyond(const struct rbtree_node *node, unsigned from)
{
	const struct rbtree_node *below;

	do {
		below = node;
		node = rbtree_parent(node);
	} while (node && rbtree_child(node, from) != below);
	return (struct rbtree_node *)node;
}

/*
 * The first node, from the lower side on or from the higher one, with a gap in
 * front of it that fits; or after.  Subtrees without a gap of that size are left
 * out, and so are those whose gaps all end below low or start above high.
 */
static inline __attribute__((always_inline)) struct rbtree_node *
rbtree_search(struct rbtree *tree, const struct vma_gap *gap, unsigned from)
{
	unsigned long len = gap->len, low = gap->lo + len, high = gap->hi - len;
	struct rbtree_node *node = rbtree_root(tree), *next = NULL;

	if (rbtree_gap(node) < len)
		return &tree->after;
	for (; node; node = next) {
		bool nearer = from == RB_LOWER ? node->start >= low : node->prev->end <= high;

		next = nearer ? rbtree_roomy(node, from, len) : NULL;
		for (; node && !next; node = rbtree_beyond(node, from)) {
			bool above = node->start >= low, below = node->prev->end <= high;

			if (above && below && rbtree_gap_before(node) >= len)
				return node;
			if (from == RB_LOWER ? !below : !above)
				return &tree->after;
			next = rbtree_roomy(node, !from, len);
			if (next)
				break;
		}
	}
	return &tree->after;
}

static int rbtree_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_node *node = &tree->after;

	if (gap->lo >= gap->hi || gap->hi - gap->lo < gap->len)
		return -ENOMEM;
	if (!gap->topdown)
		node = rbtree_search(tree, gap, RB_LOWER);
	else if (!rbtree_fits(node, gap))
		node = rbtree_search(tree, gap, RB_HIGHER);
	if (!rbtree_fits(node, gap))
		return -ENOMEM;
	gap->start = node->prev->end;
	gap->end = node->start;
	return 0;
}

/* ---- the writer ---- */

static int rbtree_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	(void)index, (void)edits, (void)n;
	return 0;
}

/* What an edit finds in its window. */
struct rbtree_window {
	struct rbtree_node *put[VMA_EDIT_PUTS];
	struct rbtree_node *first, *end; /* from first up to end, which is behind it */
	unsigned old;                    /* puts that are in the window */
	unsigned placed;                 /* and those that keep or have taken a place */
};

/* Which put node is, or nput. */
static unsigned rbtree_which_put(const struct rbtree_window *window, unsigned nput,
				 const struct rbtree_node *node)
{
	unsigned i = 0;

	while (i < nput && window->put[i] != node)
		i++;
	return i;
}

/* VMAs that are put again keep their places if they come in the same order. */
static void rbtree_look(struct rbtree *tree, const struct vma_edit *edit,
			struct rbtree_window *window)
{
	unsigned from = 0;
	struct rbtree_node *node;

	window->old = window->placed = 0;
	for (unsigned i = 0; i < edit->nput; i++)
		window->put[i] = rbtree_node(edit->put[i].vma);
	window->first = rbtree_first(tree, edit->lo);
	for (node = window->first; node->start < edit->hi; node = node->next) {
		unsigned i = rbtree_which_put(window, edit->nput, node);

		if (i == edit->nput)
			continue;
		window->old |= 1u << i;
		if (i >= from) {
			window->placed |= 1u << i;
			from = i + 1;
		}
	}
	window->end = node;
}

/* Erases what leaves, or lets a new VMA take its place. */
static void rbtree_leave(struct rbtree *tree, unsigned nput, struct rbtree_window *window)
{
	struct rbtree_node *node = window->first;

	for (unsigned i = 0; i < nput; i++) {
		struct rbtree_node *put = window->put[i];

		if (window->placed & 1u << i) {
			rbtree_erase_run(tree, node, put);
		} else if (!(window->old & 1u << i) && node != window->end &&
			   rbtree_which_put(window, nput, node) == nput) {
			rbtree_replace(tree, node, put);
			window->placed |= 1u << i;
		} else {
			continue;
		}
		node = put->next;
	}
	rbtree_erase_run(tree, node, window->end);
}

/* What stands in the window leaves, or keeps its place and gets its new bounds. */
static void rbtree_settle(struct rbtree *tree, const struct vma_edit *edit,
			  struct rbtree_window *window)
{
	rbtree_leave(tree, edit->nput, window);
	if (!window->placed)
		return;
	for (unsigned i = 0; i < edit->nput; i++) {
		if (window->placed & 1u << i)
			vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	}
	for (unsigned i = 0; i < edit->nput; i++) {
		if (window->placed & 1u << i)
			rbtree_update(window->put[i]);
	}
	rbtree_update(window->end);
}

static void rbtree_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_window window;
	struct rbtree_node *prev;

	rbtree_look(tree, edit, &window);
	prev = window.first->prev;
	if (window.first != window.end)
		rbtree_settle(tree, edit, &window);
	for (unsigned i = 0; i < edit->nput; i++) {
		struct rbtree_node *put = window.put[i];

		if (!(window.placed & 1u << i)) {
			vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
			rbtree_link(put, prev->next);
			rbtree_link(prev, put);
			rbtree_insert(tree, put);
		}
		prev = put;
	}
}

static int rbtree_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_node *last = &tree->before;

	for (size_t i = 0; i < n; i++) {
		rbtree_link(last, rbtree_node(vmas[i]));
		last = last->next;
	}
	rbtree_link(last, &tree->after);
	rbtree_plant(tree, n);
	return 0;
}

static const struct vma_index_ops rbtree_ops = {
	.name = "rbtree",
	.summary = "red-black tree, linked, with the largest gap of each subtree",
	.abi = VMA_INDEX_ABI,
	.invariants = 6,
	.size = sizeof(struct rbtree),
	.node_size = NODE_SIZE,
	.init = rbtree_init,
	.destroy = rbtree_no_memory,
	.find = rbtree_find,
	.seek = rbtree_seek,
	.next = rbtree_next,
	.prev = rbtree_prev,
	.scan = rbtree_scan,
	.find_gap = rbtree_find_gap,
	.reserve = rbtree_reserve,
	.commit = rbtree_commit,
	.unreserve = rbtree_no_memory,
	.build = rbtree_build,
	.verify = rbtree_verify,
	.corrupt = rbtree_corrupt,
	.dump = rbtree_dump,
	.footprint = rbtree_footprint,
};

VMA_INDEX_REGISTER(rbtree_ops);
