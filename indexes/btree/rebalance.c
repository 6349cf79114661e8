/*
 * rebalance - edits of the B+-tree that change its shape, or may
 *
 * A change goes up from a level.  On each, entries [from, to) are replaced by a
 * few others:
 *
 *	in place   the node has room and stays full enough: its arrays are moved,
 *	           and its parent's entry gets new bounds and gap; where they are
 *	           what they were, the edit is done
 *	rebuilt    else what remains of the node (of the first and the last node,
 *	           where the window spans several) is redistributed, together with
 *	           a sibling or two: two full nodes become three, three nodes that
 *	           two can hold become two; the nodes between go as whole subtrees
 *
 * A node left with too few entries and no sibling beside it, as happens after
 * a spanning window, is mended in a second pass, from the top.
 */
#include <string.h>

#include "indexes/btree/btree.h"

/* Which siblings join a node that is rebuilt, and how many nodes they become at best. */
struct btree_join {
	bool left, right;
	unsigned k;
};

/* ---- which way ---- */

/* The sibling on that side (-1 or 1), or NULL. */
static const struct btree_node *btree_sibling(const struct btree *tree, const struct btree_step *up,
					      int side)
{
	unsigned slot = up->slot + side;

	return slot < up->node->n ? btree_child(tree, up->node, slot) : NULL;
}

/* What a node can hold that reaches over this place and both its siblings. */
static unsigned btree_room_around(struct btree_spot *spot, unsigned level,
				  const struct btree_node *left, const struct btree_node *right)
{
	const struct btree_step *l = btree_left(spot, level + 1), *r = btree_right(spot, level + 1);
	unsigned long start = btree_start(l->node, level + 1, l->slot - (l->slot > 0));
	unsigned long end = btree_end(r->node, level + 1, r->slot + (r->slot + 1 < r->node->n));
	bool uncompressed = end - start > BTREE_MAX_SPAN || l[-1].node->uncompressed ||
			    r[-1].node->uncompressed || (left && left->uncompressed) ||
			    (right && right->uncompressed);

	return btree_cap(level, uncompressed);
}

/* For n entries that own nodes (1, or 2 where the window spans) are to hold. */
static struct btree_join btree_choose(const struct btree *tree, struct btree_spot *spot,
				      unsigned level, unsigned own, unsigned n)
{
	unsigned cap = btree_cap(level, false);
	struct btree_join join = { .k = (n + cap - 1) / cap };
	const struct btree_node *l, *r;
	unsigned left, right, room, full;

	if (level == tree->root->level || n == 0)
		return join;
	l = btree_sibling(tree, btree_left(spot, level + 1), -1);
	r = btree_sibling(tree, btree_right(spot, level + 1), 1);
	left = l ? l->n : 0;
	right = r ? r->n : 0;
	room = btree_room_around(spot, level, l, r);
	full = room * 9 / 10;
	if (room < cap && n > room * own && n <= cap * own)
		return join; /* it may well be compressed now */
	if (n > room * own) {
		join.left = left && (!right || left <= right);
		join.right = right && !join.left;
		join.k = own + 1;
		if (n + (join.left ? left : right) > room * join.k - room / 8)
			join.k += join.left || join.right;
	} else if (n >= btree_low(level)) {
		return join;
	} else if (left && left + n <= full) {
		join.left = true;
	} else if (right && right + n <= full) {
		join.right = true;
	} else if (left && right && left + n + right <= 2 * full) {
		join.left = join.right = true;
		join.k = 2;
	} else if (n < btree_min(level)) {
		join.left = left > right;
		join.right = right && !join.left;
		join.k = n + max(left, right) > room ? 2 : 1;
	}
	return join;
}

bool btree_stays(const struct btree *tree, struct btree_spot *spot, unsigned level,
		 const struct btree_change *change)
{
	const struct btree_node *node = btree_left(spot, level)->node;
	unsigned n = node->n - (change->to - change->from) + change->nput;
	struct btree_join join;

	if (n > btree_room(node) || n == 0)
		return false;
	for (unsigned i = 0; !node->uncompressed && i < change->nput; i++) {
		const struct btree_entry *e = &change->put[i];

		if (!btree_reaches(node, e->start, e->end) || !btree_near(tree, level, e->ptr) ||
		    !btree_unelided(tree, node, level, e))
			return false;
	}
	if (level == tree->root->level || n >= btree_low(level) ||
	    (n >= node->n && n >= btree_min(level)))
		return true;
	join = btree_choose(tree, spot, level, 1, n);
	return !join.left && !join.right;
}

/* ---- in place ---- */

unsigned long btree_largest_near(const struct btree_node *node, unsigned from, unsigned to)
{
	unsigned level = node->level;
	unsigned long gap = 0;

	for (unsigned i = from; i <= to && i < node->n; i++) {
		if (i)
			gap = max(gap, btree_gap_before(node, level, i));
		if (i < to)
			gap = max(gap, btree_gap_inside(node, level, i));
	}
	return gap;
}

bool btree_change_in_place(struct btree *tree, const struct btree_path *path, unsigned level,
			   struct btree_change *change)
{
	struct btree_node *node = path->at[level].node;
	const struct btree_step *up = level < tree->root->level ? &path->at[level + 1] : NULL;
	unsigned long gap = up ? btree_gap_inside(up->node, level + 1, up->slot) : tree->gap;
	unsigned long gone, come;
	struct btree_entry *e = &change->put[0];

	gone = btree_largest_near(node, change->from, change->to);
	btree_replace(tree, node, change->from, change->to, change->put, change->nput);
	come = btree_largest_near(node, change->from, change->from + change->nput);
	if (come >= gap)
		gap = come;
	else if (gone == gap)
		gap = btree_simd->largest(node);
	change->nput = 1;
	*e = (struct btree_entry){
		.start = btree_start(node, level, 0),
		.end = btree_end(node, level, node->n - 1),
		.gap = gap,
		.ptr = node,
	};
	if (!up)
		return true;
	change->from = up->slot;
	change->to = up->slot + 1;
	return e->gap != btree_gap_inside(up->node, level + 1, up->slot) ||
	       e->start != btree_start(up->node, level + 1, up->slot) ||
	       e->end != btree_end(up->node, level + 1, up->slot);
}

/* ---- rebuilt ---- */

static void btree_gather(const struct btree *tree, struct btree_node *node, unsigned from,
			 unsigned to, struct btree_redist *redist)
{
	if (!redist->nin || redist->in[redist->nin - 1] != node)
		redist->in[redist->nin++] = node;
	redist->n = btree_unpack(tree, node, from, to, redist->e + redist->n) - redist->e;
}

static void btree_gather_all(const struct btree *tree, struct btree_spot *spot, unsigned level,
			     const struct btree_change *change, struct btree_join join,
			     struct btree_redist *redist)
{
	const struct btree_step *left = btree_left(spot, level), *right = btree_right(spot, level);
	struct btree_node *sibling;

	redist->nin = redist->n = 0;
	if (join.left) {
		sibling = btree_child(tree, left[1].node, left[1].slot - 1);
		btree_gather(tree, sibling, 0, sibling->n, redist);
	}
	btree_gather(tree, left->node, 0, change->from, redist);
	memcpy(redist->e + redist->n, change->put, change->nput * sizeof(change->put[0]));
	redist->n += change->nput;
	btree_gather(tree, right->node, change->to, right->node->n, redist);
	if (join.right) {
		sibling = btree_child(tree, right[1].node, right[1].slot + 1);
		btree_gather(tree, sibling, 0, sibling->n, redist);
	}
}

/*
 * Deals n entries out to k nodes or, where uncompressed ones need it, to more: the size
 * of each to size[], their number is returned.  near: their pointers fit compressed nodes, as
 * far as is known.  Evenly; but where the tree
 * grows at one end (grows -1 or 1) the nodes left behind are filled.
 */
static unsigned btree_share_out(const struct btree *tree, unsigned level,
				const struct btree_entry *e, unsigned n, unsigned k, int grows,
				bool near, unsigned size[BTREE_MAX_JOIN])
{
	unsigned cap = btree_cap(level, false), i;

	for (;; k++, grows = 0) {
		unsigned full = k > 1 ? min(cap * 9 / 10, (n - btree_min(level)) / (k - 1)) : n;
		unsigned at = 0;

		for (i = 0; i < k; i++) {
			if (!grows)
				size[i] = n * (i + 1) / k - n * i / k;
			else if (i == (grows < 0 ? 0 : k - 1))
				size[i] = n - full * (k - 1);
			else
				size[i] = full;
			if (size[i] > btree_cap(level, true) &&
			    (size[i] > cap ||
			     !(near ? btree_span_compresses(tree, e + at, size[i])
				    : btree_fits_compressed(tree, level, e + at, size[i]))))
				break;
			at += size[i];
		}
		if (i == k)
			return k;
	}
}

/* Puts the leaves out[0..k) where in[0..nin) were. */
static void btree_relink(struct btree *tree, struct btree_links around, struct btree_node **out,
			 unsigned k)
{
	struct btree_node *prev = around.prev;

	for (unsigned i = 0; i <= k; i++) {
		struct btree_node *node = i < k ? out[i] : around.next;

		if (node)
			btree_links(node)->prev = prev;
		else
			tree->rightmost = prev;
		if (prev)
			btree_links(prev)->next = node;
		else
			tree->leftmost = node;
		prev = node;
	}
}

/* Whether all pointers fit compressed nodes, as those of compressed nodes do. */
static bool btree_pointers_compress(const struct btree *tree, unsigned level,
				    const struct btree_change *change,
				    const struct btree_redist *redist)
{
	bool near = true;

	for (unsigned i = 0; i < redist->nin; i++)
		near &= !redist->in[i]->uncompressed;
	for (unsigned i = 0; i < change->nput; i++)
		near &= btree_near(tree, level, change->put[i].ptr);
	return near;
}

void btree_redistribute(const struct btree *tree, struct btree_spot *spot, unsigned level,
			const struct btree_change *change, struct btree_redist *redist)
{
	const struct btree_step *left = btree_left(spot, level), *right = btree_right(spot, level);
	bool single = left->node == right->node;
	unsigned n = change->from + change->nput + right->node->n - change->to;
	struct btree_join join = btree_choose(tree, spot, level, single ? 1 : 2, n);
	int grows = 0;

	if (single && (level ? change->to : change->from) == left->node->n && !join.right)
		grows = 1;
	else if (single && (level ? change->from : change->to) == 0 && !join.left)
		grows = -1;
	btree_gather_all(tree, spot, level, change, join, redist);
	redist->join_left = join.left;
	redist->join_right = join.right;
	redist->k = 0;
	if (redist->n)
		redist->k = btree_share_out(tree, level, redist->e, redist->n, join.k, grows,
					    btree_pointers_compress(tree, level, change, redist),
					    redist->size);
}

/* Writes the entries to nodes, old ones first; the change becomes that of the parent. */
static void btree_write(struct btree *tree, unsigned level, struct btree_redist *redist,
			struct btree_change *change)
{
	unsigned k = redist->k;
	struct btree_node *out[BTREE_MAX_JOIN];
	const struct btree_entry *e = redist->e;
	struct btree_links around = { NULL, NULL };
	/* a root leaf of another size goes */
	unsigned kept = redist->in[0]->cap == btree_cap(level, false) ? min(k, redist->nin) : 0;

	if (level == 0) {
		around.prev = btree_links(redist->in[0])->prev;
		around.next = btree_links(redist->in[redist->nin - 1])->next;
	}
	for (unsigned i = 0; i < k; i++) {
		out[i] = i < kept ? redist->in[i] : btree_take(tree, level);
		btree_pack(tree, out[i], level, e, redist->size[i]);
		change->put[i] = btree_summary(out[i]);
		e += redist->size[i];
	}
	change->nput = k;
	if (level == 0)
		btree_relink(tree, around, out, k);
	for (unsigned i = kept; i < redist->nin; i++)
		btree_release(tree, redist->in[i]);
}

/* Releases what lies between the two paths below this level. */
static void btree_drop_between(struct btree *tree, struct btree_spot *spot, unsigned level)
{
	const struct btree_step *left = btree_left(spot, level), *right = btree_right(spot, level);
	unsigned i = left->slot + 1;

	if (left->node != right->node) {
		while (i < left->node->n)
			btree_drop(tree, btree_child(tree, left->node, i++));
		i = 0;
	}
	while (i < right->slot)
		btree_drop(tree, btree_child(tree, right->node, i++));
}

/*
 * Makes the change by redistributing the entries and turns it into that of
 * the parent.  Returns whether a node has too few entries and no sibling yet;
 * *at is a page by which it is found then.
 */
static bool btree_rebuild(struct btree *tree, struct btree_spot *spot, unsigned level,
			  struct btree_change *change, unsigned long *at)
{
	const struct btree_step *left = btree_left(spot, level), *right = btree_right(spot, level);
	bool root = level == tree->root->level;
	struct btree_redist redist;

	btree_redistribute(tree, spot, level, change, &redist);
	*at = redist.n ? redist.e[0].end - 1 : 0;
	btree_write(tree, level, &redist, change);
	if (root)
		return false;
	btree_drop_between(tree, spot, level + 1);
	change->from = left[1].slot - redist.join_left;
	change->to = right[1].slot + 1 + redist.join_right;
	return redist.k && redist.n < btree_min(level);
}

/* ---- the whole edit ---- */

void btree_set_root(struct btree *tree, const struct btree_entry *top)
{
	struct btree_entry only;

	for (tree->root = top->ptr; tree->root->level && tree->root->n == 1; top = &only) {
		btree_unpack(tree, tree->root, 0, 1, &only);
		btree_release(tree, tree->root);
		tree->root = only.ptr;
	}
	tree->first = top->start;
	tree->last = top->end;
	tree->gap = tree->root->level ? top->gap : ~0UL;
}

/* The change of a level above the root: it becomes the new root. */
static void btree_change_root(struct btree *tree, const struct btree_change *change)
{
	if (change->nput == 1) {
		btree_set_root(tree, &change->put[0]);
	} else {
		const struct btree_node *child = change->put[0].ptr;
		struct btree_node *node = btree_take(tree, child->level + 1);
		struct btree_entry top;

		btree_pack(tree, node, child->level + 1, change->put, change->nput);
		top = btree_summary(node);
		btree_set_root(tree, &top);
	}
}

void btree_apply(struct btree *tree, struct btree_spot *spot, unsigned level,
		 struct btree_change *change)
{
	unsigned top = tree->root->level;
	unsigned long at[BTREE_MAX_HEIGHT];
	unsigned sparse = 0; /* bit by level: a node to mend at page at[level] */

	for (; level <= top; level++) {
		if (btree_left(spot, level)->node == btree_right(spot, level)->node &&
		    btree_stays(tree, spot, level, change)) {
			if (!btree_change_in_place(tree, &spot->left, level, change))
				break;
		} else if (btree_rebuild(tree, spot, level, change, &at[level])) {
			sparse |= 1u << level;
		}
	}
	if (level > top)
		btree_change_root(tree, change);
	while (sparse && tree->root) {
		level = 31 - __builtin_clz(sparse);
		sparse ^= 1u << level;
		if (level >= tree->root->level)
			continue;
		spot->spanning = false;
		btree_simd->descend(tree, at[level], &spot->left);
		change->from = change->to = change->nput = 0;
		btree_apply(tree, spot, level, change);
	}
}
