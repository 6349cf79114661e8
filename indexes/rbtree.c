/*
 * rbtree - a red-black tree of VMAs, linked as a list, with the largest hole of each subtree
 *
 *                  ┌──────── D 3 ────────┐          each node: its VMA and `gap`, the
 *             ┌─ B 3 ─┐              ┌─ F 2 ─┐      largest hole in front of a VMA of
 *            A 1     C 3            E 1     G 2     its subtree
 *   before <-> A <-> B <-> C <-> D <-> E <-> F <-> G <-> after
 *   [0, 0)                                               [END, END)
 *
 * A node stands right in front of its VMA: 48 bytes, and with the two bounds
 * one cache line.  The list's two ends look like VMAs that hold no address, so
 * each hole lies between two neighbours; they are not in the tree, and the hole
 * above the last VMA is in no gap.
 *
 * find goes down without a branch on the comparison, and stops at a VMA that
 * holds the address: the lowest levels are those that miss the cache.  An edit erases
 * what leaves the window, sets bounds, and hangs new VMAs beside their list
 * neighbours; a new VMA that can stand where another leaves takes its place in
 * the tree.  Between these steps every gap is right, so that a rotation may
 * hand it on.  No memory is needed.
 *
 * Invariants
 *  1. From before to after, node->next->prev == node, with vmas VMAs between.
 *  2. Each VMA is page-aligned, not empty and ends at or below VMA_INDEX_END;
 *     none starts below the end of the one before it.
 *  3. The tree in order is the list, and each child knows its parent.
 *  4. The root is black, and so is each child of a red node.
 *  5. Each way from the root down to a missing child has as many black nodes.
 *  6. gap is the largest hole in front of a VMA of the subtree.
 *
 * Rebalancing after Cormen, Leiserson, Rivest and Stein, "Introduction to
 * Algorithms", chapter 13, without a sentinel for the leaves.  The layout is
 * that of Linux 4.9 to 6.0, where an edit is several calls, each with its own
 * rebalancing, and vm_prev of the first VMA is NULL.
 */
#include <errno.h>

#include "indexes/vma_index.h"

enum { LOWER, HIGHER };

#define BLACK 1UL                       /* in bit 0 of parent; red is 0 */
#define MAX_DEPTH 128                   /* twice the logarithm of any number of VMAs */

struct rbtree_node {
	struct rbtree_node *child[2];
	unsigned long parent;           /* and the colour */
	unsigned long gap;
	struct rbtree_node *next, *prev;
	unsigned long start, end;       /* the VMA begins here */
};

#define NODE_SIZE offsetof(struct rbtree_node, start)

struct rbtree {
	struct vma_index index;
	struct rbtree_node *root;
	size_t vmas;
	struct rbtree_node before, after;
};

static struct rbtree *rbtree_of(const struct vma_index *index)
{
	return container_of(index, struct rbtree, index);
}

static struct rbtree_node *rbtree_node(const struct vm_area_struct *vma)
{
	return (struct rbtree_node *)((char *)vma - NODE_SIZE);
}

static struct vm_area_struct *rbtree_vma(struct rbtree_node *node)
{
	return (struct vm_area_struct *)&node->start;
}

static void rbtree_link(struct rbtree_node *node, struct rbtree_node *next)
{
	node->next = next;
	next->prev = node;
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

/* ---- parents and colours ---- */

static struct rbtree_node *rbtree_parent(const struct rbtree_node *node)
{
	return (struct rbtree_node *)(node->parent & ~BLACK);
}

static bool rbtree_red(const struct rbtree_node *node)
{
	return node && !(node->parent & BLACK);
}

static void rbtree_paint_red(struct rbtree_node *node)
{
	node->parent &= ~BLACK;
}

static void rbtree_paint_black(struct rbtree_node *node)
{
	node->parent |= BLACK;
}

/* Makes child, which may be NULL, that child of node; its colour stays. */
static void rbtree_adopt(struct rbtree_node *node, unsigned side, struct rbtree_node *child)
{
	node->child[side] = child;
	if (child)
		child->parent = (unsigned long)node | (child->parent & BLACK);
}

/* Makes node, which may be NULL, the child of parent, or the root, instead of old. */
static void rbtree_hang(struct rbtree *tree, struct rbtree_node *parent,
			const struct rbtree_node *old, struct rbtree_node *node)
{
	if (parent) {
		rbtree_adopt(parent, parent->child[HIGHER] == old, node);
	} else {
		tree->root = node;
		if (node)
			node->parent &= BLACK;
	}
}

/* ---- gaps ---- */

/* The hole in front of node. */
static unsigned long rbtree_hole(const struct rbtree_node *node)
{
	return node->start - node->prev->end;
}

static unsigned long rbtree_gap(const struct rbtree_node *node)
{
	return node ? node->gap : 0;
}

/* What node->gap has to be. */
static unsigned long rbtree_widest(const struct rbtree_node *node)
{
	unsigned long below = max(rbtree_gap(node->child[LOWER]), rbtree_gap(node->child[HIGHER]));

	return max(rbtree_hole(node), below);
}

/*
 * After a change of node's hole or of its children: corrects gap there and
 * above, as far as it changes.  A parent is computed anew only where this
 * child's old gap may have been its largest.
 */
static void rbtree_update(struct rbtree_node *node)
{
	while (node) {
		unsigned long was = node->gap, gap = rbtree_widest(node);

		if (gap == was)
			return;
		node->gap = gap;
		node = rbtree_parent(node);
		for (; node && node->gap < gap; node = rbtree_parent(node))
			node->gap = gap;
		if (node && node->gap != was)
			return;
	}
}

/* ---- the tree ---- */

/* node goes down to that side, its other child comes up in its place. */
static void rbtree_rotate(struct rbtree *tree, struct rbtree_node *node, unsigned side)
{
	struct rbtree_node *up = node->child[!side];

	rbtree_hang(tree, rbtree_parent(node), node, up);
	rbtree_adopt(node, !side, up->child[side]);
	rbtree_adopt(up, side, node);
	up->gap = node->gap;
	node->gap = rbtree_widest(node);
}

/* node is red and may have a red parent. */
static void rbtree_insert_fix(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *parent;

	while (rbtree_red(parent = rbtree_parent(node))) {
		struct rbtree_node *grand = rbtree_parent(parent);
		unsigned side = grand->child[HIGHER] == parent;
		struct rbtree_node *uncle = grand->child[!side];

		if (!rbtree_red(uncle)) {
			if (parent->child[!side] == node) {
				rbtree_rotate(tree, parent, side);
				parent = node;
			}
			rbtree_paint_black(parent);
			rbtree_paint_red(grand);
			rbtree_rotate(tree, grand, !side);
			return;
		}
		rbtree_paint_black(parent);
		rbtree_paint_black(uncle);
		rbtree_paint_red(grand);
		node = grand;
	}
	rbtree_paint_black(tree->root);
}

/* Hangs node, which is linked in the list already, into the tree. */
static void rbtree_insert(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *next = node->next, *parent = NULL;

	node->child[LOWER] = node->child[HIGHER] = NULL;
	node->parent = 0;
	node->gap = rbtree_hole(node);
	if (!tree->root) {
		tree->root = node;
	} else if (next != &tree->after && !next->child[LOWER]) {
		parent = next;
		rbtree_adopt(parent, LOWER, node);
	} else {
		parent = node->prev;
		rbtree_adopt(parent, HIGHER, node);
	}
	rbtree_update(parent);
	if (parent != next)
		rbtree_update(next);
	rbtree_insert_fix(tree, node);
	tree->vmas++;
}

/* The ways through the missing child of parent lack a black node. */
static void rbtree_erase_fix(struct rbtree *tree, struct rbtree_node *parent)
{
	for (struct rbtree_node *node = NULL; parent; parent = rbtree_parent(node)) {
		unsigned side = parent->child[HIGHER] == node;
		struct rbtree_node *sibling = parent->child[!side];

		if (rbtree_red(sibling)) {
			rbtree_paint_black(sibling);
			rbtree_paint_red(parent);
			rbtree_rotate(tree, parent, side);
			sibling = parent->child[!side];
		}
		if (rbtree_red(sibling->child[side]) && !rbtree_red(sibling->child[!side])) {
			rbtree_paint_black(sibling->child[side]);
			rbtree_paint_red(sibling);
			rbtree_rotate(tree, sibling, !side);
			sibling = parent->child[!side];
		}
		if (rbtree_red(sibling->child[!side])) {
			sibling->parent = (sibling->parent & ~BLACK) | (parent->parent & BLACK);
			rbtree_paint_black(parent);
			rbtree_paint_black(sibling->child[!side]);
			rbtree_rotate(tree, parent, side);
			return;
		}
		rbtree_paint_red(sibling);
		if (rbtree_red(parent)) {
			rbtree_paint_black(parent);
			return;
		}
		node = parent;
	}
}

/* node has two children: its successor leaves its own place, below low, and takes node's. */
static struct rbtree_node *rbtree_inherit(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *heir = node->next, *low = rbtree_parent(heir);

	if (low == node) {
		low = heir;
	} else {
		rbtree_adopt(low, LOWER, heir->child[HIGHER]);
		rbtree_adopt(heir, HIGHER, node->child[HIGHER]);
	}
	rbtree_adopt(heir, LOWER, node->child[LOWER]);
	rbtree_hang(tree, rbtree_parent(node), node, heir);
	heir->parent = node->parent;
	heir->gap = node->gap;
	rbtree_update(low);
	if (low != heir)
		rbtree_update(heir);
	return low;
}

/* Takes node out of the tree but not out of the list: no hole changes. */
static void rbtree_erase(struct rbtree *tree, struct rbtree_node *node)
{
	struct rbtree_node *child, *low;        /* of the place that goes, and above it */
	bool red;

	if (node->child[LOWER] && node->child[HIGHER]) {
		child = node->next->child[HIGHER];
		red = rbtree_red(node->next);
		low = rbtree_inherit(tree, node);
	} else {
		child = node->child[!node->child[LOWER]];
		red = rbtree_red(node);
		low = rbtree_parent(node);
		rbtree_hang(tree, low, node, child);
		rbtree_update(low);
	}
	if (child)
		rbtree_paint_black(child);
	else if (!red)
		rbtree_erase_fix(tree, low);
	tree->vmas--;
}

/* Takes the VMAs from first up to end out of tree and list, in rising order. */
static void rbtree_erase_run(struct rbtree *tree, struct rbtree_node *first,
			     struct rbtree_node *end)
{
	struct rbtree_node *prev = first->prev;

	if (first == end)
		return;
	for (; first != end; first = first->next)
		rbtree_erase(tree, first);
	rbtree_link(prev, end);
	rbtree_update(end);
}

/* node takes old's place in tree and list, and for now its bounds. */
static void rbtree_replace(struct rbtree *tree, struct rbtree_node *old, struct rbtree_node *node)
{
	*node = *old;
	rbtree_link(node->prev, node);
	rbtree_link(node, node->next);
	rbtree_adopt(node, LOWER, node->child[LOWER]);
	rbtree_adopt(node, HIGHER, node->child[HIGHER]);
	rbtree_hang(tree, rbtree_parent(node), old, node);
}

/* ---- readers ---- */

/* The first node that ends above addr, or after. */
static struct rbtree_node *rbtree_first(struct rbtree *tree, unsigned long addr)
{
	struct rbtree_node *node = tree->root, *first = &tree->after;

	while (node) {
		bool above = node->end > addr;

		if (addr - node->start < node->end - node->start)
			return node;
		first = above ? node : first;
		node = node->child[!above];
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

static struct vm_area_struct *rbtree_prev(struct vma_cursor *cursor)
{
	return rbtree_stand(cursor, ((struct rbtree_node *)cursor->node)->prev);
}

/* Has the hole in front of node enough bytes inside the limits? */
static bool rbtree_fits(const struct rbtree_node *node, const struct vma_gap *gap)
{
	unsigned long lo = max(node->prev->end, gap->lo), hi = min(node->start, gap->hi);

	return lo < hi && hi - lo >= gap->len;
}

/* The node of a subtree that has one with the lowest, or highest, hole of len bytes. */
static struct rbtree_node *rbtree_outermost(struct rbtree_node *node, unsigned long len,
					    unsigned side)
{
	for (;;) {
		/* A hole is in front of its node: beyond what is lower, before what is higher. */
		if (rbtree_gap(node->child[side]) >= len)
			node = node->child[side];
		else if (rbtree_hole(node) >= len)
			return node;
		else
			node = node->child[!side];
	}
}

/*
 * The lowest hole of len bytes that ends at or above reach, limits apart: down
 * to the border between the holes below and above reach as long as there is a
 * hole of len bytes, then up again over the nodes above the border.
 */
static struct rbtree_node *rbtree_gap_above(struct rbtree *tree, unsigned long len,
					    unsigned long reach)
{
	struct rbtree_node *last = NULL;

	for (struct rbtree_node *node = tree->root; rbtree_gap(node) >= len;) {
		last = node;
		node = node->child[node->start < reach];
	}
	for (; last; last = rbtree_parent(last)) {
		if (last->start < reach)
			continue;
		if (rbtree_hole(last) >= len)
			return last;
		if (rbtree_gap(last->child[HIGHER]) >= len)
			return rbtree_outermost(last->child[HIGHER], len, LOWER);
	}
	return &tree->after;
}

/*
 * The highest hole of len bytes that starts at or below reach.  All nodes that
 * start at or below it have such a hole in front of them, and so may the next
 * one, which is the last where the way down turned to the lower side.
 */
static struct rbtree_node *rbtree_gap_below(struct rbtree *tree, unsigned long len,
					    unsigned long reach)
{
	struct rbtree_node *last = NULL, *next = NULL;

	for (struct rbtree_node *node = tree->root; rbtree_gap(node) >= len;) {
		last = node;
		next = node->start > reach ? node : next;
		node = node->child[node->start <= reach];
	}
	if (next && next->prev->end <= reach && rbtree_hole(next) >= len)
		return next;
	for (; last; last = rbtree_parent(last)) {
		if (last->start > reach)
			continue;
		if (rbtree_hole(last) >= len)
			return last;
		if (rbtree_gap(last->child[LOWER]) >= len)
			return rbtree_outermost(last->child[LOWER], len, HIGHER);
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
		node = rbtree_gap_above(tree, gap->len, gap->lo + gap->len);
	else if (!rbtree_fits(node, gap))
		node = rbtree_gap_below(tree, gap->len, gap->hi - gap->len);
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
	struct rbtree_node *first, *end;        /* from first up to end, which is behind it */
	unsigned old;                           /* puts that are in the window */
	unsigned placed;                        /* and those that keep or have taken a place */
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

static void rbtree_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_window window = { .old = 0 };
	struct rbtree_node *prev;

	rbtree_look(tree, edit, &window);
	prev = window.first->prev;
	rbtree_leave(tree, edit->nput, &window);
	for (unsigned i = 0; i < edit->nput; i++) {
		if (window.placed & 1u << i)
			vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	}
	for (unsigned i = 0; i < edit->nput; i++) {
		if (window.placed & 1u << i)
			rbtree_update(window.put[i]);
	}
	if (window.placed)
		rbtree_update(window.end);
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

/*
 * A balanced subtree of n nodes of the list, from *next on; level counts down
 * to 0, the lowest level of the whole tree, which alone is red.  Halving differs
 * by one node at most, so all levels but this are full: it is as deep as the
 * logarithm of n, and so is the recursion.
 */
static struct rbtree_node *rbtree_balanced(struct rbtree_node **next, size_t n, unsigned level)
{
	struct rbtree_node *lower, *node;

	if (!n)
		return NULL;
	lower = rbtree_balanced(next, n / 2, level - 1);
	node = *next;
	*next = node->next;
	node->parent = level ? BLACK : 0;
	rbtree_adopt(node, LOWER, lower);
	rbtree_adopt(node, HIGHER, rbtree_balanced(next, n - n / 2 - 1, level - 1));
	node->gap = rbtree_widest(node);
	return node;
}

static int rbtree_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_node *last = &tree->before;
	unsigned level = 0;

	for (size_t i = 0; i < n; i++) {
		rbtree_link(last, rbtree_node(vmas[i]));
		last = last->next;
	}
	rbtree_link(last, &tree->after);
	while (n >> level > 1)
		level++;
	last = tree->before.next;
	tree->root = rbtree_balanced(&last, n, level);
	if (tree->root)
		rbtree_paint_black(tree->root);
	tree->vmas = n;
	return 0;
}

/* ---- self-help ---- */

static unsigned rbtree_verify_list(const struct rbtree *tree, FILE *report)
{
	const struct vma_index *index = &tree->index;
	const struct rbtree_node *node = &tree->before;
	size_t vmas = 0;

	for (; node != &tree->after && vmas <= tree->vmas; node = node->next, vmas++) {
		if (node->next->prev != node)
			return vma_index_broken(index, 1, report, "the links at VMA %zu", vmas);
	}
	if (node != &tree->after || vmas != tree->vmas + 1)
		return vma_index_broken(index, 1, report, "not %zu VMAs linked", tree->vmas);
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (!vma_bounds_valid((const struct vm_area_struct *)&node->start))
			return vma_index_broken(index, 2, report, "bounds %#lx-%#lx", node->start,
						node->end);
		if (node->start < node->prev->end)
			return vma_index_broken(index, 2, report, "%#lx starts below %#lx",
						node->start, node->prev->end);
	}
	return 0;
}

/* Is the subtree, in order, the list from *next on?  Moves *next behind it. */
static bool rbtree_in_order(const struct rbtree_node *node, const struct rbtree_node *parent,
			    const struct rbtree_node **next, unsigned depth)
{
	if (!node)
		return true;
	if (depth == MAX_DEPTH || rbtree_parent(node) != parent ||
	    !rbtree_in_order(node->child[LOWER], node, next, depth + 1) || node != *next)
		return false;
	*next = node->next;
	return rbtree_in_order(node->child[HIGHER], node, next, depth + 1);
}

/* The black nodes on each way down, 1 for a missing child; 0 if they differ. */
static unsigned rbtree_black_height(const struct rbtree_node *node)
{
	unsigned lower, higher;

	if (!node)
		return 1;
	lower = rbtree_black_height(node->child[LOWER]);
	higher = rbtree_black_height(node->child[HIGHER]);
	return lower == higher && lower ? lower + !rbtree_red(node) : 0;
}

static unsigned rbtree_verify(const struct vma_index *index, FILE *report)
{
	struct rbtree *tree = rbtree_of(index);
	const struct rbtree_node *node = tree->before.next;
	unsigned broken = rbtree_verify_list(tree, report);

	if (broken)
		return broken;
	if (!rbtree_in_order(tree->root, NULL, &node, 0) || node != &tree->after)
		return vma_index_broken(index, 3, report, "the tree is not the list at %#lx",
					node->start);
	if (rbtree_red(tree->root))
		return vma_index_broken(index, 4, report, "the root is red");
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (rbtree_red(node) && rbtree_red(rbtree_parent(node)))
			return vma_index_broken(index, 4, report, "%#lx and its parent are red",
						node->start);
	}
	if (!rbtree_black_height(tree->root))
		return vma_index_broken(index, 5, report, "black nodes on some way down");
	for (node = tree->before.next; node != &tree->after; node = node->next) {
		if (node->gap != rbtree_widest(node))
			return vma_index_broken(index, 6, report, "gap of %#lx is %#lx, not %#lx",
						node->start, node->gap, rbtree_widest(node));
	}
	return 0;
}

/* A leaf below a black parent changes its colour: right, but for the number of black nodes. */
static int rbtree_corrupt_height(struct rbtree *tree)
{
	for (struct rbtree_node *node = tree->before.next; node != &tree->after; node = node->next) {
		if (node->child[LOWER] || node->child[HIGHER] || rbtree_red(rbtree_parent(node)))
			continue;
		node->parent ^= BLACK;
		return 0;
	}
	return -ENOENT;
}

static int rbtree_corrupt(struct vma_index *index, unsigned n)
{
	struct rbtree *tree = rbtree_of(index);
	struct rbtree_node *root = tree->root, *lower;

	if (tree->vmas < 3)
		return -ENOENT;
	switch (n) {
	case 1:
		root->next->prev = root->prev;
		break;
	case 2:
		root->end = root->start;
		break;
	case 3:
		lower = root->child[LOWER];
		root->child[LOWER] = root->child[HIGHER];
		root->child[HIGHER] = lower;
		break;
	case 4:
		rbtree_paint_red(root);
		break;
	case 5:
		return rbtree_corrupt_height(tree);
	default:
		root->gap += PAGE_SIZE;
	}
	return 0;
}

static void rbtree_dump_node(const struct rbtree_node *node, unsigned depth, FILE *out)
{
	if (!node || depth == MAX_DEPTH)
		return;
	rbtree_dump_node(node->child[LOWER], depth + 1, out);
	fprintf(out, "%*s%#lx-%#lx %s gap %#lx\n", 2 * depth + 2, "", node->start, node->end,
		rbtree_red(node) ? "red" : "black", node->gap);
	rbtree_dump_node(node->child[HIGHER], depth + 1, out);
}

static void rbtree_dump(const struct vma_index *index, FILE *out)
{
	struct rbtree *tree = rbtree_of(index);

	fprintf(out, "rbtree of %zu VMAs, the root furthest left\n", tree->vmas);
	rbtree_dump_node(tree->root, 0, out);
}

static unsigned rbtree_height(const struct rbtree_node *node)
{
	unsigned lower, higher;

	if (!node)
		return 0;
	lower = rbtree_height(node->child[LOWER]);
	higher = rbtree_height(node->child[HIGHER]);
	return 1 + max(lower, higher);
}

static void rbtree_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	struct rbtree *tree = rbtree_of(index);

	*footprint = (struct vma_footprint){
		.vmas = tree->vmas,
		.bytes = sizeof(*tree) + tree->vmas * NODE_SIZE,
		.height = rbtree_height(tree->root),
	};
}

static const struct vma_index_ops rbtree_ops = {
	.name = "rbtree",
	.summary = "red-black tree, linked, with the largest hole of each subtree",
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
