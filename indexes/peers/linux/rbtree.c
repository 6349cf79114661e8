/*
 * linux-rbtree - VMAs in the Linux kernel's red-black tree (lib/rbtree.c), as Linux 4.9 to 6.0
 *
 *                  ┌──────── D 3 ────────┐          each node: its VMA and `gap`, the
 *             ┌─ B 3 ─┐              ┌─ F 2 ─┐      largest gap in front of a VMA of
 *            A 1     C 3            E 1     G 2     its subtree
 *   before <-> A <-> B <-> C <-> D <-> E <-> F <-> G <-> after
 *   [0, 0)                                               [END, END)
 *
 * The tree is the kernel's, its rotations keep `gap` by the callbacks that
 * rbtree_augmented.h makes.  The rest follows what mm/mmap.c did then, in code
 * of its own: find stops at a VMA that holds the address; a search for a gap
 * goes through the VMAs in order and leaves out subtrees without a large enough
 * one; fork appends.  Where mm/mmap.c went down the tree again to link a VMA,
 * the list neighbour tells the place, and a VMA that comes where another leaves
 * takes its node's place.  The list's ends look like VMAs that hold no address.
 *
 * Invariants: see rbtree_verify.c.
 */
#include "indexes/peers/linux/rbtree.h"

RB_DECLARE_CALLBACKS_MAX(static, linux_rbtree_gaps, struct linux_rbtree_node, rb, unsigned long,
			 gap, linux_rbtree_gap_before)

static struct linux_rbtree_node *linux_rbtree_node(const struct vm_area_struct *vma)
{
	return (struct linux_rbtree_node *)((char *)vma - LINUX_RBTREE_NODE_SIZE);
}

static struct vm_area_struct *linux_rbtree_vma(struct linux_rbtree_node *node)
{
	return (struct vm_area_struct *)&node->start;
}

static void linux_rbtree_link(struct linux_rbtree_node *node, struct linux_rbtree_node *next)
{
	node->next = next;
	next->prev = node;
}

static int linux_rbtree_init(struct vma_index *index)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);

	tree->before.prev = &tree->before;
	tree->after.next = &tree->after;
	tree->after.start = tree->after.end = VMA_INDEX_END;
	linux_rbtree_link(&tree->before, &tree->after);
	return 0;
}

/* destroy and unreserve: there is no memory. */
static void linux_rbtree_no_memory(struct vma_index *index)
{
	(void)index;
}

/* ---- readers ---- */

/* The first node that ends above addr, or after. */
static struct linux_rbtree_node *linux_rbtree_first(struct linux_rbtree *tree, unsigned long addr)
{
	struct linux_rbtree_node *first = &tree->after;
	struct rb_node *rb = tree->root.rb_node;

	while (rb) {
		struct linux_rbtree_node *node = rb_entry(rb, struct linux_rbtree_node, rb);

		if (node->end <= addr) {
			rb = rb->rb_right;
			continue;
		}
		first = node;
		if (node->start <= addr)
			break;
		rb = rb->rb_left;
	}
	return first;
}

static struct vm_area_struct *linux_rbtree_find(const struct vma_index *index, unsigned long addr)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);
	struct linux_rbtree_node *node = linux_rbtree_first(tree, addr);

	return node == &tree->after ? NULL : linux_rbtree_vma(node);
}

static struct vm_area_struct *linux_rbtree_stand(struct vma_cursor *cursor,
						 struct linux_rbtree_node *node)
{
	struct linux_rbtree *tree = linux_rbtree_of(cursor->index);
	bool off = node == &tree->before || node == &tree->after;

	cursor->node = node;
	cursor->vma = off ? NULL : linux_rbtree_vma(node);
	return cursor->vma;
}

static struct vm_area_struct *linux_rbtree_seek(struct vma_cursor *cursor, unsigned long addr)
{
	return linux_rbtree_stand(cursor, linux_rbtree_first(linux_rbtree_of(cursor->index), addr));
}

static struct vm_area_struct *linux_rbtree_next(struct vma_cursor *cursor)
{
	return linux_rbtree_stand(cursor, ((struct linux_rbtree_node *)cursor->node)->next);
}

static unsigned linux_rbtree_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas,
				  unsigned n)
{
	return vma_scan_by(cursor, vmas, n, linux_rbtree_next);
}

static struct vm_area_struct *linux_rbtree_prev(struct vma_cursor *cursor)
{
	return linux_rbtree_stand(cursor, ((struct linux_rbtree_node *)cursor->node)->prev);
}

/* The child where the search comes from, or goes to, if it has a gap of len bytes; or NULL. */
static struct linux_rbtree_node *linux_rbtree_roomy(const struct linux_rbtree_node *node,
						    bool right, unsigned long len)
{
	struct rb_node *rb = right ? node->rb.rb_right : node->rb.rb_left;
	struct linux_rbtree_node *child = linux_rbtree_entry(rb);

	return child && child->gap >= len ? child : NULL;
}

/* The next node in the order of the search that is above this one in the tree, or NULL. */
static struct linux_rbtree_node *linux_rbtree_up(const struct linux_rbtree_node *node, bool topdown)
{
	const struct rb_node *child = &node->rb, *rb = rb_parent(child);

	while (rb && child == (topdown ? rb->rb_left : rb->rb_right)) {
		child = rb;
		rb = rb_parent(child);
	}
	return linux_rbtree_entry(rb);
}

/*
 * The first node in the order of the search with a gap that fits in front of
 * it.  Bounds of gaps within reach: one that ends at or above low, one that starts
 * at or below high.
 */
static struct linux_rbtree_node *linux_rbtree_search(struct linux_rbtree *tree,
						     const struct vma_gap *gap)
{
	struct linux_rbtree_node *node = linux_rbtree_entry(tree->root.rb_node), *child;
	unsigned long low = gap->lo + gap->len, high = gap->hi - gap->len;
	bool down = gap->topdown;

	if (!node || node->gap < gap->len)
		return NULL;
	while (node) {
		/* What comes before node, if a gap there can be in reach. */
		if (down ? node->prev->end <= high : node->start >= low) {
			child = linux_rbtree_roomy(node, down, gap->len);
			if (child) {
				node = child;
				continue;
			}
		}
		for (child = NULL; node && !child;) {
			bool above = node->start >= low, below = node->prev->end <= high;

			if (above && below && linux_rbtree_gap_before(node) >= gap->len)
				return node;
			if (down ? !above : !below)
				return NULL;
			child = linux_rbtree_roomy(node, !down, gap->len);
			node = child ? child : linux_rbtree_up(node, down);
		}
	}
	return NULL;
}

static int linux_rbtree_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);
	struct linux_rbtree_node *node, *after = &tree->after;
	bool last;

	if (gap->lo >= gap->hi || gap->hi - gap->lo < gap->len)
		return -ENOMEM;
	/* the gap above all VMAs is in no node's gap */
	last = vma_gap_fits(gap, after->prev->end, after->start);
	node = gap->topdown && last ? after : linux_rbtree_search(tree, gap);
	if (!node && last)
		node = after;
	if (!node)
		return -ENOMEM;
	gap->start = node->prev->end;
	gap->end = node->start;
	return 0;
}

/* ---- the writer ---- */

static int linux_rbtree_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	(void)index, (void)edits, (void)n;
	return 0;
}

/* After a change of the gap in front of node. */
static void linux_rbtree_update(struct linux_rbtree *tree, struct linux_rbtree_node *node)
{
	if (node != &tree->after)
		linux_rbtree_gaps_propagate(&node->rb, NULL);
}

/* node is new, its bounds are set: behind prev. */
static void linux_rbtree_insert(struct linux_rbtree *tree, struct linux_rbtree_node *prev,
				struct linux_rbtree_node *node)
{
	struct linux_rbtree_node *next = prev->next;

	linux_rbtree_link(prev, node);
	linux_rbtree_link(node, next);
	linux_rbtree_update(tree, next);
	if (prev == &tree->before && next == &tree->after)
		rb_link_node(&node->rb, NULL, &tree->root.rb_node);
	else if (next != &tree->after && !next->rb.rb_left)
		rb_link_node(&node->rb, &next->rb, &next->rb.rb_left);
	else
		rb_link_node(&node->rb, &prev->rb, &prev->rb.rb_right);
	node->gap = 0;
	linux_rbtree_update(tree, node);
	rb_insert_augmented(&node->rb, &tree->root, &linux_rbtree_gaps);
	tree->vmas++;
}

/* Takes the VMAs from node up to end out of tree and list. */
static void linux_rbtree_erase(struct linux_rbtree *tree, struct linux_rbtree_node *node,
			       struct linux_rbtree_node *end)
{
	struct linux_rbtree_node *prev = node->prev;

	if (node == end)
		return;
	for (; node != end; node = node->next) {
		rb_erase_augmented(&node->rb, &tree->root, &linux_rbtree_gaps);
		tree->vmas--;
	}
	linux_rbtree_link(prev, end);
	linux_rbtree_update(tree, end);
}

/*
 * node takes old's place in tree and list, and its bounds for now: a rotation
 * hands gaps on, so no gap may change before its gap is updated.
 */
static void linux_rbtree_replace(struct linux_rbtree *tree, struct linux_rbtree_node *old,
				 struct linux_rbtree_node *node)
{
	node->gap = old->gap;
	node->start = old->start;
	node->end = old->end;
	linux_rbtree_link(old->prev, node);
	linux_rbtree_link(node, old->next);
	rb_replace_node(&old->rb, &node->rb, &tree->root);
}

/* Is node put, and which one: or nput. */
static unsigned linux_rbtree_which(const struct vma_edit *edit, struct linux_rbtree_node *node)
{
	unsigned i = 0;

	while (i < edit->nput && edit->put[i].vma != linux_rbtree_vma(node))
		i++;
	return i;
}

/* The puts, as bits, that the window holds already; the node behind it. */
static unsigned linux_rbtree_old(const struct vma_edit *edit, struct linux_rbtree_node *node,
				 struct linux_rbtree_node **end)
{
	unsigned old = 0;

	for (; node->start < edit->hi; node = node->next)
		old |= 1u << linux_rbtree_which(edit, node);
	*end = node;
	return old & ((1u << edit->nput) - 1);
}

/*
 * Between prev and end the puts get their places: an old one keeps its own if
 * all in front of it that are neither put again nor needed leave; a new one
 * takes that of a VMA that leaves.  Returns, as bits, those without a place,
 * which are in no tree.
 */
static unsigned linux_rbtree_place(struct linux_rbtree *tree, const struct vma_edit *edit,
				   struct linux_rbtree_node *node, struct linux_rbtree_node *end,
				   unsigned old)
{
	unsigned homeless = 0;

	for (unsigned i = 0; i < edit->nput; i++) {
		struct linux_rbtree_node *put = linux_rbtree_node(edit->put[i].vma);
		struct linux_rbtree_node *ahead = node;

		while (ahead != end && ahead != put && old & 1u << i)
			ahead = ahead->next;
		if (old & 1u << i && ahead == put) {
			linux_rbtree_erase(tree, node, put);
		} else if (!(old & 1u << i) && node != end &&
			   linux_rbtree_which(edit, node) == edit->nput) {
			linux_rbtree_replace(tree, node, put);
		} else {
			homeless |= 1u << i;
			continue;
		}
		node = put->next;
	}
	linux_rbtree_erase(tree, node, end);
	return homeless;
}

static void linux_rbtree_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);
	struct linux_rbtree_node *first = linux_rbtree_first(tree, edit->lo), *end;
	struct linux_rbtree_node *prev = first->prev;
	unsigned old = linux_rbtree_old(edit, first, &end);
	unsigned homeless = linux_rbtree_place(tree, edit, first, end, old);

	for (unsigned i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	for (unsigned i = 0; i < edit->nput; i++) {
		if (!(homeless & 1u << i))
			linux_rbtree_update(tree, linux_rbtree_node(edit->put[i].vma));
	}
	linux_rbtree_update(tree, end);
	for (unsigned i = 0; i < edit->nput; i++) {
		struct linux_rbtree_node *put = linux_rbtree_node(edit->put[i].vma);

		if (homeless & 1u << i)
			linux_rbtree_insert(tree, prev, put);
		prev = put;
	}
}

static int linux_rbtree_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct linux_rbtree *tree = linux_rbtree_of(index);

	for (size_t i = 0; i < n; i++)
		linux_rbtree_insert(tree, tree->after.prev, linux_rbtree_node(vmas[i]));
	return 0;
}

static const struct vma_index_ops linux_rbtree_ops = {
	.name = "linux-rbtree",
	.summary = "Linux's red-black tree with rb_subtree_gap, as Linux 4.9 to 6.0",
	.abi = VMA_INDEX_ABI,
	.caps = VMA_INDEX_PEER,
	.invariants = LINUX_RBTREE_INVARIANTS,
	.size = sizeof(struct linux_rbtree),
	.node_size = LINUX_RBTREE_NODE_SIZE,
	.init = linux_rbtree_init,
	.destroy = linux_rbtree_no_memory,
	.find = linux_rbtree_find,
	.seek = linux_rbtree_seek,
	.next = linux_rbtree_next,
	.prev = linux_rbtree_prev,
	.scan = linux_rbtree_scan,
	.find_gap = linux_rbtree_find_gap,
	.reserve = linux_rbtree_reserve,
	.commit = linux_rbtree_commit,
	.unreserve = linux_rbtree_no_memory,
	.build = linux_rbtree_build,
	.verify = linux_rbtree_verify,
	.corrupt = linux_rbtree_corrupt,
	.dump = linux_rbtree_dump,
	.footprint = linux_rbtree_footprint,
};

VMA_INDEX_REGISTER(linux_rbtree_ops);
