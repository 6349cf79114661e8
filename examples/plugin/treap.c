/*
 * treap - a treap of VMAs, as a plug-in
 *
 *	             C 93                each node has a random priority that no
 *	            /    \               node below it exceeds: so the tree is as
 *	        A 41      E 77           deep as one that was filled in random
 *	            \    /    \          order, whatever the order was
 *	          B 12  D 5   F 60
 *
 * A treap has two operations, and an edit of a window is made of them:
 *
 *	split at lo and at hi     AAAA | BBBB | CCCC
 *	drop what was between     AAAA          CCCC
 *	merge with what is put    AAAA . put .. CCCC
 *
 * The nodes stand in front of the VMAs (node_size): an edit needs no memory.
 * Each node sums up the subtree below it: its bounds, its largest gap, its
 * VMAs.  So a search for a gap enters no subtree that lacks one.  A cursor is
 * an address: next and prev search again from the root.
 *
 * Invariants
 *  1. No node has a higher priority than its parent.
 *  2. Each VMA is page-aligned, not empty and ends at or below VMA_INDEX_END.
 *  3. In order, no VMA starts below the end of the one before it.
 *  4. Each node's first, last, gap and count are those of its subtree.
 *
 * Source: Seidel and Aragon, "Randomized Search Trees", 1996; the largest gaps
 * are like rb_subtree_gap of Linux, but between the VMAs of a subtree only.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>

#include "indexes/vma_index.h"

struct treap_node {
	struct treap_node *child[2]; /* below, above */
	uint32_t priority;
	uint32_t count;            /* of the subtree: its VMAs, */
	unsigned long first, last; /* where it starts and ends, */
	unsigned long gap;         /* its largest gap between two VMAs */
};

struct treap {
	struct vma_index index;
	struct treap_node *root;
	uint32_t random;
};

static struct treap *treap_of(const struct vma_index *index)
{
	return container_of(index, struct treap, index);
}

static struct vm_area_struct *treap_vma(const struct treap_node *node)
{
	return (struct vm_area_struct *)(node + 1);
}

static struct treap_node *treap_node(const struct vm_area_struct *vma)
{
	return (struct treap_node *)vma - 1;
}

static unsigned long treap_start(const struct treap_node *node)
{
	return vma_start(treap_vma(node));
}

static unsigned long treap_end(const struct treap_node *node)
{
	return vma_end(treap_vma(node));
}

static int treap_init(struct vma_index *index)
{
	treap_of(index)->random = 1;
	return 0;
}

/* ---- readers ---- */

static struct vm_area_struct *treap_find(const struct vma_index *index, unsigned long addr)
{
	const struct treap_node *node = treap_of(index)->root, *found = NULL;

	while (node) {
		bool above = treap_end(node) <= addr;

		if (!above)
			found = node;
		node = node->child[above];
	}
	return found ? treap_vma(found) : NULL;
}

/* The last VMA that starts below addr, or NULL. */
static struct vm_area_struct *treap_find_below(const struct treap *treap, unsigned long addr)
{
	const struct treap_node *node = treap->root, *found = NULL;

	while (node) {
		bool above = treap_start(node) < addr;

		if (above)
			found = node;
		node = node->child[above];
	}
	return found ? treap_vma(found) : NULL;
}

enum { TREAP_ON, TREAP_BEFORE, TREAP_AFTER }; /* cursor->slot */

static struct vm_area_struct *treap_seek(struct vma_cursor *cursor, unsigned long addr)
{
	cursor->vma = treap_find(cursor->index, addr);
	cursor->slot = cursor->vma ? TREAP_ON : TREAP_AFTER;
	return cursor->vma;
}

static struct vm_area_struct *treap_next(struct vma_cursor *cursor)
{
	if (cursor->slot == TREAP_AFTER)
		return NULL;
	return treap_seek(cursor, cursor->slot == TREAP_BEFORE ? 0 : vma_end(cursor->vma));
}

static struct vm_area_struct *treap_prev(struct vma_cursor *cursor)
{
	unsigned long addr = cursor->slot == TREAP_AFTER ? ULONG_MAX : 0;

	if (cursor->slot == TREAP_ON)
		addr = vma_start(cursor->vma);
	cursor->vma = treap_find_below(treap_of(cursor->index), addr);
	cursor->slot = cursor->vma ? TREAP_ON : TREAP_BEFORE;
	return cursor->vma;
}

/* The gap between node and its subtree on that side. */
static bool treap_fits_beside(const struct treap_node *node, unsigned side, struct vma_gap *gap)
{
	const struct treap_node *child = node->child[side];

	if (!child)
		return false;
	return side ? vma_gap_take(gap, treap_end(node), child->first)
		    : vma_gap_take(gap, child->last, treap_start(node));
}

/* The gaps inside a subtree, from the side where the search begins. */
static bool treap_fits_inside(const struct treap_node *node, struct vma_gap *gap)
{
	unsigned side = gap->topdown;

	if (!node || node->gap < gap->len || node->last <= gap->lo || node->first >= gap->hi)
		return false;
	return treap_fits_inside(node->child[side], gap) || treap_fits_beside(node, side, gap) ||
	       treap_fits_beside(node, !side, gap) || treap_fits_inside(node->child[!side], gap);
}

static int treap_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	const struct treap_node *root = treap_of(index)->root;
	unsigned long first = root ? root->first : VMA_INDEX_END;
	unsigned long last = root ? root->last : VMA_INDEX_END;
	bool found;

	if (gap->topdown)
		found = vma_gap_take(gap, last, VMA_INDEX_END) || treap_fits_inside(root, gap) ||
			vma_gap_take(gap, 0, first);
	else
		found = vma_gap_take(gap, 0, first) || treap_fits_inside(root, gap) ||
			vma_gap_take(gap, last, VMA_INDEX_END);
	return found ? 0 : -ENOMEM;
}

/* ---- split and merge ---- */

/* What first, last, gap and count of node must be. */
static struct treap_node treap_sum(const struct treap_node *node)
{
	const struct treap_node *below = node->child[0], *above = node->child[1];
	struct treap_node sum = { .count = 1, .first = treap_start(node), .last = treap_end(node) };

	if (below) {
		sum.gap = max(below->gap, sum.first - below->last);
		sum.first = below->first;
		sum.count += below->count;
	}
	if (above) {
		sum.gap = max(sum.gap, max(above->gap, above->first - sum.last));
		sum.last = above->last;
		sum.count += above->count;
	}
	return sum;
}

static void treap_sum_up(struct treap_node *node)
{
	struct treap_node sum = treap_sum(node);

	node->count = sum.count;
	node->first = sum.first;
	node->last = sum.last;
	node->gap = sum.gap;
}

/* The VMAs that start below addr to *below, the others to *above. */
static void treap_split(struct treap_node *node, unsigned long addr, struct treap_node **below,
			struct treap_node **above)
{
	if (!node) {
		*below = *above = NULL;
		return;
	}
	if (treap_start(node) < addr) {
		*below = node;
		treap_split(node->child[1], addr, &node->child[1], above);
	} else {
		*above = node;
		treap_split(node->child[0], addr, below, &node->child[0]);
	}
	treap_sum_up(node);
}

/* All of below stands below all of above. */
static struct treap_node *treap_merge(struct treap_node *below, struct treap_node *above)
{
	struct treap_node *top;

	if (!below || !above)
		return below ? below : above;
	if (below->priority > above->priority) {
		top = below;
		top->child[1] = treap_merge(top->child[1], above);
	} else {
		top = above;
		top->child[0] = treap_merge(below, top->child[0]);
	}
	treap_sum_up(top);
	return top;
}

/* The VMA, whose bounds are set, as a treap of its own. */
static struct treap_node *treap_single(struct treap *treap, struct vm_area_struct *vma)
{
	struct treap_node *node = treap_node(vma);

	/* xorshift32: Marsaglia, "Xorshift RNGs", 2003 */
	treap->random ^= treap->random << 13;
	treap->random ^= treap->random >> 17;
	treap->random ^= treap->random << 5;
	*node = (struct treap_node){ .priority = treap->random };
	treap_sum_up(node);
	return node;
}

/* ---- the writer ---- */

static void treap_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct treap *treap = treap_of(index);
	struct treap_node *below, *gone, *above;

	treap_split(treap->root, edit->lo, &below, &above);
	treap_split(above, edit->hi, &gone, &above);
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		vma_set_bounds(put->vma, put->start, put->end);
		below = treap_merge(below, treap_single(treap, put->vma));
	}
	treap->root = treap_merge(below, above);
}

static int treap_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct treap *treap = treap_of(index);

	for (size_t i = 0; i < n; i++)
		treap->root = treap_merge(treap->root, treap_single(treap, vmas[i]));
	return 0;
}

/* ---- self-help ---- */

/* Whether an invariant is broken in this subtree, whose VMAs must start at *end or above. */
static unsigned treap_verify_below(const struct treap *treap, const struct treap_node *node,
				   unsigned invariant, unsigned long *end, FILE *report)
{
	unsigned long at = node ? treap_start(node) : 0;
	struct treap_node sum;
	unsigned broken = 0;

	if (!node)
		return 0;
	broken = treap_verify_below(treap, node->child[0], invariant, end, report);
	if (broken)
		return broken;
	for (unsigned side = 0; invariant == 1 && side < 2; side++)
		broken |= node->child[side] && node->child[side]->priority > node->priority;
	if (invariant == 2)
		broken = !vma_bounds_valid(treap_vma(node));
	if (invariant == 3)
		broken = at < *end;
	if (invariant == 4) {
		sum = treap_sum(node);
		broken = sum.count != node->count || sum.first != node->first ||
			 sum.last != node->last || sum.gap != node->gap;
	}
	if (broken)
		return vma_index_broken(&treap->index, invariant, report, "at VMA %#lx-%#lx", at,
					treap_end(node));
	*end = treap_end(node);
	return treap_verify_below(treap, node->child[1], invariant, end, report);
}

static unsigned treap_verify(const struct vma_index *index, FILE *report)
{
	const struct treap *treap = treap_of(index);
	unsigned broken = 0;

	for (unsigned invariant = 1; !broken && invariant <= 4; invariant++) {
		unsigned long end = 0;

		broken = treap_verify_below(treap, treap->root, invariant, &end, report);
	}
	return broken;
}

static int treap_corrupt(struct vma_index *index, unsigned n)
{
	struct treap_node *root = treap_of(index)->root;
	struct treap_node *child;

	if (!root || root->count < 2)
		return -ENOENT;
	child = root->child[0] ? root->child[0] : root->child[1];
	if (n == 1)
		root->priority = 0;
	else if (n == 2)
		vma_set_bounds(treap_vma(root), treap_end(root), treap_start(root));
	else if (n == 3)
		vma_set_bounds(treap_vma(root), treap_start(child), treap_end(child));
	else
		child->gap++;
	return 0;
}

static void treap_dump_below(const struct treap_node *node, int depth, FILE *out)
{
	if (!node)
		return;
	treap_dump_below(node->child[0], depth + 1, out);
	fprintf(out, "%*s%#lx-%#lx priority %u, %u VMAs, largest gap %#lx\n", 2 * depth, "",
		treap_start(node), treap_end(node), node->priority, node->count, node->gap);
	treap_dump_below(node->child[1], depth + 1, out);
}

static void treap_dump(const struct vma_index *index, FILE *out)
{
	const struct treap_node *root = treap_of(index)->root;

	fprintf(out, "treap of %u VMAs\n", root ? root->count : 0);
	treap_dump_below(root, 1, out);
}

static unsigned treap_height(const struct treap_node *node)
{
	return node ? 1 + max(treap_height(node->child[0]), treap_height(node->child[1])) : 0;
}

static void treap_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	const struct treap_node *root = treap_of(index)->root;
	size_t vmas = root ? root->count : 0;

	*footprint = (struct vma_footprint){
		.vmas = vmas,
		.bytes = sizeof(struct treap) + vmas * sizeof(struct treap_node),
		.height = treap_height(root),
	};
}

static const struct vma_index_ops treap_ops = {
	.name = "treap",
	.summary = "treap: split, drop, merge; a plug-in",
	.abi = VMA_INDEX_ABI,
	.invariants = 4,
	.size = sizeof(struct treap),
	.node_size = sizeof(struct treap_node),
	.init = treap_init,
	.find = treap_find,
	.seek = treap_seek,
	.next = treap_next,
	.prev = treap_prev,
	.find_gap = treap_find_gap,
	.commit = treap_commit,
	.build = treap_build,
	.verify = treap_verify,
	.corrupt = treap_corrupt,
	.dump = treap_dump,
	.footprint = treap_footprint,
};

VMA_INDEX_REGISTER(treap_ops);
