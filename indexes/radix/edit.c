/*
 * edit - the writer: reserve works an edit out, commit publishes it
 *
 * An edit makes new blocks along the path to its window and shares all others.
 * reserve does all this, into a stage with a root of its own (a second edit
 * starts from the first one's root); commit stores the root and frees what it
 * replaced; unreserve frees what is new.
 *
 * Most edits change one leaf, in place (splice.c).  Of the others, those that are
 * reserved alone make only the lowest node anew where the two ends of the window
 * part: the entries above it are patched, by commit.
 */
#include "indexes/radix/make.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LEAF_MERGE 40 /* a leaf that runs low takes its neighbours in up to this many in all */

static bool is_node(const struct radix_sub *sub)
{
	return radix_kind(sub->ref) == RADIX_NODE;
}

static void retire(struct radix_work *work, uintptr_t ref, uint64_t drop)
{
	struct radix_stage *stage = work->stage;

	if (radix_kind(ref) == RADIX_VMA)
		return;
	assert(stage->nretired < ARRAY_SIZE(stage->retired));
	stage->retired[stage->nretired++] = (struct radix_retired){ ref, drop };
}

static void list_add_puts(struct radix_list *list, const struct radix_work *work, uint64_t start,
			  uint64_t end)
{
	for (unsigned i = 0; i < work->nput; i++)
		radix_list_add(list, work->put[i], start, end);
}

static int edit_sub(struct radix_work *work, const struct radix_sub *old, uint64_t start,
		    uint64_t end, struct radix_sub *sub);

/*
 * What an edit replaces in a node: the slots a .. b, the entries i .. j, by
 * the pieces of list.  A node in which the window begins (ends) stays a node
 * and is left (right) of these pieces.
 */
struct region {
	unsigned i, j, a, b;
	uint64_t drop; /* entries that go, with all below them */
	struct radix_sub left, right;
	struct radix_list list;
};

/* True if the window takes a part of a node only, or may. */
static bool cuts_node(const struct radix_work *work, const struct radix_sub *sub)
{
	return is_node(sub) && (sub->first < work->lo || sub->last > work->hi);
}

/* Edits the node at entry i, in slot; it may end up as pieces of the list or as *pinned. */
static int edit_child(struct radix_work *work, const struct radix_node *node, unsigned i,
		      unsigned slot, struct region *region, struct radix_sub *pinned)
{
	uint64_t start = node_page(node, slot), end = node_page(node, slot + 1);

	region->drop &= ~(1UL << i);
	return edit_sub(work, &node->sub[i], start, end, pinned);
}

/* If a child is not a node any more, its pieces join the list. */
static void take_pieces(struct radix_work *work, struct region *region, struct radix_sub *pinned)
{
	if (is_node(pinned))
		return;
	radix_list_add_sub(&region->list, pinned, 0, RADIX_PAGES);
	retire(work, pinned->ref, 0);
	*pinned = RADIX_EMPTY;
}

static int region_gather(struct radix_work *work, const struct radix_node *node,
			 struct region *region)
{
	const struct radix_sub *first, *last;
	uint64_t from, to;
	bool cut_left, cut_right;

	region->a = run_start(node->heads, node_slot(node, work->lo));
	region->b = run_end(node->heads, node_slot(node, work->hi - 1));
	region->i = node_entry(node, region->a);
	region->j = node_entry(node, region->b - 1);
	region->drop = slots_upto(region->j) & ~(slots_upto(region->i) >> 1);
	region->left = region->right = RADIX_EMPTY;
	region->list.n = 0;
	first = &node->sub[region->i];
	last = &node->sub[region->j];
	from = node_page(node, region->a);
	to = node_page(node, region->b);
	cut_left = cuts_node(work, first);
	cut_right = last != first && cuts_node(work, last);

	if (cut_left) {
		from = node_page(node, region->a + 1);
		if (edit_child(work, node, region->i, region->a, region, &region->left))
			return -ENOMEM;
		take_pieces(work, region, &region->left);
	} else if (!is_node(first)) {
		radix_list_add_sub(&region->list, first, 0, work->lo);
	}
	if (cut_right) {
		to = node_page(node, region->b - 1);
		if (edit_child(work, node, region->j, region->b - 1, region, &region->right))
			return -ENOMEM;
	}
	list_add_puts(&region->list, work, from, to);
	if (cut_right)
		take_pieces(work, region, &region->right);
	else if (!is_node(last))
		radix_list_add_sub(&region->list, last, work->hi, RADIX_PAGES);
	return 0;
}

/* How many pieces an entry would add to a list; too many if it is a node. */
static unsigned pieces_in(const struct radix_sub *sub)
{
	static const unsigned few[RADIX_KINDS] = { [RADIX_VMA] = 1, [RADIX_NODE] = RADIX_LIST_MAX };

	if (radix_kind(sub->ref) == RADIX_LEAF)
		return radix_leaf(sub->ref)->n;
	return sub->ref ? few[radix_kind(sub->ref)] : 0;
}

/* Takes small neighbours in, so that leaves stay full. */
static void region_widen(const struct radix_node *node, struct region *region)
{
	struct radix_list *list = &region->list;

	if (list->n >= RADIX_LEAF_LOW)
		return;
	while (region->i > 0 && !region->left.ref) {
		const struct radix_sub *sub = &node->sub[region->i - 1];
		unsigned n = list->n;
		struct radix_piece piece[LEAF_MERGE];

		if (n + pieces_in(sub) > LEAF_MERGE)
			break;
		memcpy(piece, list->piece, n * sizeof(piece[0]));
		list->n = 0;
		radix_list_add_sub(list, sub, 0, RADIX_PAGES);
		for (unsigned k = 0; k < n; k++)
			radix_list_add(list, piece[k], 0, RADIX_PAGES);
		region->a = run_start(node->heads, region->a - 1);
		region->drop |= 1UL << --region->i;
	}
	while (region->j + 1 < node->n && !region->right.ref) {
		const struct radix_sub *sub = &node->sub[region->j + 1];

		if (list->n + pieces_in(sub) > LEAF_MERGE)
			break;
		radix_list_add_sub(list, sub, 0, RADIX_PAGES);
		region->b = run_end(node->heads, region->b);
		region->drop |= 1UL << ++region->j;
	}
}

/* Adds the entries of the slots a .. b as they are. */
static void draft_copy(struct radix_draft *draft, const struct radix_node *node, unsigned a,
		       unsigned b)
{
	for (; a < b; a = run_end(node->heads, a))
		radix_draft_push(draft, a, &node->sub[node_entry(node, a)]);
}

/* The common edit: an entry in use becomes another, its run stays as it is. */
static int replace_entry(struct radix_work *work, const struct radix_sub *old, unsigned i,
			 const struct radix_sub *entry, struct radix_sub *sub)
{
	struct radix *radix = work->radix;
	struct radix_node *from = radix_node(old->ref), *node;

	*sub = radix_summary_after(old, i, entry);
	if (work->alone && radix->npatches < RADIX_LEVELS) {
		radix->patch[radix->npatches++] = (struct radix_patch){ &from->sub[i], *entry };
		return 0;
	}
	node = radix_new_node(radix, work->stage, from->n);
	if (!node)
		return -ENOMEM;
	node->heads = from->heads;
	node->base = from->base;
	node->shift = from->shift;
	memcpy(node->entry, from->entry, sizeof(from->entry));
	memcpy(node->sub, from->sub, from->n * sizeof(from->sub[0]));
	node->sub[i] = *entry;
	retire(work, old->ref, 0);
	sub->ref = node_ref(node);
	return 0;
}

/* Edits the subtree old, a node whose range holds all puts, into *sub. */
static int edit_node(struct radix_work *work, const struct radix_sub *old, struct radix_sub *sub)
{
	const struct radix_node *node = radix_node(old->ref);
	struct region region;
	struct radix_draft draft;
	unsigned a, b;

	if (region_gather(work, node, &region))
		return -ENOMEM;
	if (region.left.ref && region.i == region.j)
		return replace_entry(work, old, region.i, &region.left, sub);
	region_widen(node, &region);
	radix_draft_init(&draft, node->base, node_page(node, RADIX_SLOTS));
	a = region.a;
	b = region.b;
	draft_copy(&draft, node, 0, a);
	if (region.left.ref)
		radix_draft_push(&draft, a++, &region.left);
	if (region.right.ref)
		b--;
	if (radix_draft_fill(work, &draft, a, b,
			     &(struct radix_source){ .pieces = region.list.piece }, 0,
			     region.list.n))
		return -ENOMEM;
	if (region.right.ref)
		radix_draft_push(&draft, b, &region.right);
	draft_copy(&draft, node, region.b, RADIX_SLOTS);
	retire(work, old->ref, region.drop);
	return radix_draft_finish(work, &draft, sub);
}

/* Puts a node above *sub, a node, that holds [first, last) too; it has nothing else in it. */
static int grow(struct radix_work *work, struct radix_sub *sub, uint64_t first, uint64_t last)
{
	const struct radix_node *node = radix_node(sub->ref);
	struct radix_sub empty = RADIX_EMPTY;
	struct radix_draft draft;
	unsigned slot;

	radix_draft_init(&draft, min(first, node->base), max(last, node_page(node, RADIX_SLOTS)));
	slot = (node->base - draft.base) >> draft.shift;
	if (slot > 0)
		radix_draft_push(&draft, 0, &empty);
	radix_draft_push(&draft, slot, sub);
	if (slot + 1 < RADIX_SLOTS)
		radix_draft_push(&draft, slot + 1, &empty);
	node = radix_make_node(work, &draft);
	if (!node)
		return -ENOMEM;
	sub->ref = node_ref(node);
	return 0;
}

/* Edits the subtree old in [start, end), into *sub. */
static int edit_sub(struct radix_work *work, const struct radix_sub *old, uint64_t start,
		    uint64_t end, struct radix_sub *sub)
{
	const struct radix_node *node;
	struct radix_sub grown;
	struct radix_list list;

	list.n = 0;
	if (!is_node(old)) {
		radix_list_add_sub(&list, old, 0, work->lo);
		list_add_puts(&list, work, start, end);
		radix_list_add_sub(&list, old, work->hi, RADIX_PAGES);
		retire(work, old->ref, 0);
		return radix_make_sub(work, &(struct radix_source){ .pieces = list.piece }, 0,
				      list.n, start, end, sub);
	}
	list_add_puts(&list, work, start, end);
	*sub = *old;
	if (list.n) {
		uint64_t first = list.piece[0].start, last = list.piece[list.n - 1].end;

		node = radix_node(old->ref);
		if ((first < node->base || last > node_page(node, RADIX_SLOTS)) &&
		    grow(work, sub, first, last))
			return -ENOMEM;
	}
	node = radix_node(sub->ref);
	if (work->hi <= node->base || work->lo >= node_page(node, RADIX_SLOTS))
		return 0;
	grown = *sub;
	return edit_node(work, &grown, sub);
}

/* ---- stages ---- */

static int stage_edit(struct radix *radix, struct radix_stage *stage, bool alone,
		      const struct radix_sub *root, const struct vma_edit *edit)
{
	struct radix_work work = {
		.radix = radix,
		.stage = stage,
		.alone = alone,
		.lo = edit->lo >> PAGE_SHIFT,
		.hi = edit->hi >> PAGE_SHIFT,
		.nput = edit->nput,
	};

	for (unsigned i = 0; i < edit->nput; i++)
		work.put[i] =
			(struct radix_piece){ edit->put[i].start >> PAGE_SHIFT,
					      edit->put[i].end >> PAGE_SHIFT, edit->put[i].vma };
	stage->fresh = 0;
	stage->nretired = 0;
	return edit_sub(&work, root, 0, RADIX_PAGES, &stage->root);
}

int radix_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct radix *radix = container_of(index, struct radix, index);
	const struct radix_sub *root = &radix->root;
	int spliced;

	radix->npatches = 0;
	radix->done = radix->staged = 0;
	spliced = n == 1 ? radix_splice_reserve(radix, edits) : 0;
	if (spliced)
		return min(spliced, 0);
	while (radix->staged < n) {
		struct radix_stage *stage = &radix->stage[radix->staged];

		if (stage_edit(radix, stage, n == 1, root, edits++)) {
			radix->staged++;
			radix_unreserve(index);
			return -ENOMEM;
		}
		radix->staged++;
		root = &stage->root;
	}
	return 0;
}

void radix_unreserve(struct vma_index *index)
{
	struct radix *radix = container_of(index, struct radix, index);

	radix_splice_unreserve(radix);
	while (radix->done < radix->staged)
		radix_free_fresh(radix, &radix->stage[radix->done++]);
}

static void free_retired(struct radix *radix, const struct radix_retired *retired)
{
	for (uint64_t drop = retired->drop; drop; drop &= drop - 1)
		radix_free_tree(radix, radix_node(retired->ref)->sub[__builtin_ctzl(drop)].ref);
	radix_free_block(radix, retired->ref);
}

void radix_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct radix *radix = container_of(index, struct radix, index);
	struct radix_stage *stage;

	if (radix->splice.to) {
		radix_splice_commit(radix, edit);
		return;
	}
	stage = &radix->stage[radix->done++];
	assert(radix->done <= radix->staged);
	radix->root = stage->root;
	for (unsigned i = 0; i < radix->npatches; i++)
		*radix->patch[i].entry = radix->patch[i].now;
	for (unsigned i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	for (unsigned i = 0; i < stage->nretired; i++)
		free_retired(radix, &stage->retired[i]);
}
