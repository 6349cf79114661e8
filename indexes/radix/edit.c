/*
 * edit - the writer: reserve works an edit out, commit publishes it
 *
 * An edit makes new blocks along the path to its window and shares all others.
 * reserve does all this, into a stage with a root of its own (a second edit
 * starts from the first one's root); commit stores the root and frees what it
 * replaced; unreserve frees what is new.
 *
 * Most edits change one leaf, and in the nodes above it no more than an entry
 * each.  If the edit is the only one reserved, the nodes are not made anew: the
 * entries are patched, by commit.
 */
#include "indexes/radix/radix.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LEAF_FULL  40           /* VMAs in each leaf when many are laid out at once */
#define LEAF_LOW   13           /* a leaf with fewer takes its neighbours in, */
#define LEAF_MERGE 40           /* up to this many in all */
#define LIST_MAX   (3 * RADIX_LEAF_MAX)         /* two leaves, puts, neighbours */

/* A VMA, or what of it lies in some range. */
struct piece {
	uint64_t start, end;
	struct vm_area_struct *vma;
};

/* Pieces in order: in an array of their own, or (pieces is NULL) VMAs as they are. */
struct source {
	const struct piece *pieces;
	struct vm_area_struct *const *vmas;
};

struct list {
	unsigned n;
	struct piece piece[LIST_MAX];
};

/* A node in the making. */
struct draft {
	uint64_t base, heads;
	unsigned shift, n;
	struct radix_sub sub[RADIX_SLOTS];
};

struct work {
	struct radix *radix;
	struct radix_stage *stage;
	bool alone;                     /* no other edit is reserved with this one */
	uint64_t lo, hi;                /* the window */
	unsigned nput;
	struct piece put[VMA_EDIT_PUTS];
};

static bool is_node(const struct radix_sub *sub)
{
	return radix_kind(sub->ref) == RADIX_NODE;
}

static void retire(struct work *work, uintptr_t ref, uint64_t drop)
{
	struct radix_stage *stage = work->stage;

	if (radix_kind(ref) == RADIX_VMA)
		return;
	assert(stage->nretired < ARRAY_SIZE(stage->retired));
	stage->retired[stage->nretired++] = (struct radix_retired){ ref, drop };
}

/* ---- lists of pieces ---- */

static struct piece source_get(const struct source *src, size_t i)
{
	if (src->pieces)
		return src->pieces[i];
	return (struct piece){ vma_start(src->vmas[i]) >> PAGE_SHIFT,
			       vma_end(src->vmas[i]) >> PAGE_SHIFT, src->vmas[i] };
}

/* The first of the pieces i .. j that does not begin below page, or j. */
static size_t source_upto(const struct source *src, size_t i, size_t j, uint64_t page)
{
	while (i < j) {
		size_t mid = i + (j - i) / 2;

		if (source_get(src, mid).start < page)
			i = mid + 1;
		else
			j = mid;
	}
	return i;
}

/* Adds what of a piece lies in [start, end); two parts of one VMA become one again. */
static void list_add(struct list *list, struct piece piece, uint64_t start, uint64_t end)
{
	struct piece *last = list->n ? &list->piece[list->n - 1] : NULL;

	piece.start = max(piece.start, start);
	piece.end = min(piece.end, end);
	if (piece.start >= piece.end)
		return;
	if (last && last->vma == piece.vma) {
		last->end = piece.end;
		return;
	}
	assert(list->n < LIST_MAX);
	list->piece[list->n++] = piece;
}

static void list_add_leaf(struct list *list, const struct radix_leaf *leaf, uint64_t start,
			  uint64_t end)
{
	unsigned i = 0;

	while (i < leaf->n && leaf_end(leaf, i) <= start)
		i++;
	assert(list->n + leaf->n <= LIST_MAX);
	for (bool first = true; i < leaf->n && leaf_start(leaf, i) < end; i++, first = false) {
		struct piece piece = { leaf_start(leaf, i), leaf_end(leaf, i), leaf_vmas(leaf)[i] };

		if (first)
			list_add(list, piece, start, end);
		else
			list->piece[list->n++] = piece;
	}
}

/* Adds the pieces of a leaf or a single VMA that lie in [start, end), cutting none. */
static void list_add_sub(struct list *list, const struct radix_sub *sub, uint64_t start,
			 uint64_t end)
{
	if (radix_kind(sub->ref) == RADIX_LEAF)
		list_add_leaf(list, radix_leaf(sub->ref), start, end);
	else if (sub->ref)
		list_add(list, (struct piece){ sub->first, sub->last, radix_vma(sub->ref) },
			 start, end);
}

static void list_add_puts(struct list *list, const struct work *work, uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < work->nput; i++)
		list_add(list, work->put[i], start, end);
}

/* ---- from pieces to blocks ---- */

static bool fits_leaf(size_t n, uint64_t first, uint64_t last)
{
	return n <= RADIX_LEAF_MAX && last - first <= RADIX_LEAF_SPAN;
}

static int make_sub(struct work *work, const struct source *src, size_t i, size_t j,
		    uint64_t start, uint64_t end, struct radix_sub *sub);

/* A leaf of the pieces i .. j, n > 0 of them, cut to [start, end). */
static int make_leaf(struct work *work, const struct source *src, size_t i, size_t j,
		     uint64_t start, uint64_t end, struct radix_sub *sub)
{
	struct radix_leaf *leaf = radix_new_leaf(work->radix, work->stage, j - i);

	if (!leaf)
		return -ENOMEM;
	leaf->base = max(source_get(src, i).start, start);
	for (unsigned k = 0; k < j - i; k++) {
		struct piece piece = source_get(src, i + k);

		leaf_starts(leaf)[k] = max(piece.start, start) - leaf->base;
		leaf->end[k] = min(piece.end, end) - leaf->base;
		leaf_vmas(leaf)[k] = piece.vma;
	}
	*sub = radix_summary((uintptr_t)leaf + RADIX_LEAF);
	return 0;
}

static uint64_t draft_page(const struct draft *draft, unsigned slot)
{
	return draft->base + ((uint64_t)slot << draft->shift);
}

/* The smallest node that holds [first, last). */
static void draft_init(struct draft *draft, uint64_t first, uint64_t last)
{
	unsigned bits = 64 - __builtin_clzl((first ^ (last - 1)) | 1);

	draft->shift = RADIX_SHIFT_MIN;
	while (draft->shift + RADIX_BITS < bits)
		draft->shift += RADIX_BITS;
	draft->base = first >> (draft->shift + RADIX_BITS) << (draft->shift + RADIX_BITS);
	draft->heads = 0;
	draft->n = 0;
}

/* Continues the node at slot; free slots beside a leaf go to the leaf. */
static void draft_push(struct draft *draft, unsigned slot, const struct radix_sub *sub)
{
	struct radix_sub *prev = draft->n ? &draft->sub[draft->n - 1] : NULL;

	if (prev && !sub->ref && (!prev->ref || radix_kind(prev->ref) == RADIX_LEAF))
		return;
	if (prev && !prev->ref && radix_kind(sub->ref) == RADIX_LEAF) {
		*prev = *sub;
		return;
	}
	if (prev && radix_kind(sub->ref) == RADIX_VMA && sub->ref == prev->ref) {
		prev->last = sub->last;
		return;
	}
	draft->heads |= 1UL << slot;
	draft->sub[draft->n++] = *sub;
}

/*
 * How far from slot one leaf can go, at most to slot b: with no more than
 * target of the pieces i .. j, but for the first slot, which may fill it.
 */
static unsigned leaf_run(const struct draft *draft, unsigned slot, unsigned b,
			 const struct source *src, size_t i, size_t j, size_t target, size_t *upto)
{
	uint64_t first = i < j ? max(source_get(src, i).start, draft_page(draft, slot)) : 0;
	unsigned end = slot;

	for (size_t k = *upto = i; end < b; end++, *upto = k) {
		uint64_t last, page = draft_page(draft, end + 1);

		while (k < j && k - i <= RADIX_LEAF_MAX && source_get(src, k).start < page)
			k++;
		if (k == i)
			continue;
		last = min(source_get(src, k - 1).end, page);
		if (!fits_leaf(k - i, first, last) || (end > slot && k - i > target))
			break;
	}
	return end;
}

/* Lays the pieces i .. j out over the slots a .. b, cut to these: leaves of even size. */
static int draft_fill(struct work *work, struct draft *draft, unsigned a, unsigned b,
		      const struct source *src, size_t i, size_t j)
{
	size_t n = j - i, leaves = n <= RADIX_LEAF_MAX ? 1 : (n + LEAF_FULL - 1) / LEAF_FULL;
	size_t target = (n + leaves - 1) / leaves;

	for (unsigned end; a < b; a = end) {
		uint64_t start = draft_page(draft, a);
		struct radix_sub sub;
		size_t upto;

		if (i < j && source_get(src, i).end <= start)
			i++;
		end = leaf_run(draft, a, b, src, i, j, target, &upto);
		if (end == a)
			upto = source_upto(src, i, j, draft_page(draft, ++end));
		if (make_sub(work, src, i, upto, start, draft_page(draft, end), &sub))
			return -ENOMEM;
		draft_push(draft, a, &sub);
		i = upto > i ? upto - 1 : i;
	}
	return 0;
}

static struct radix_node *make_node(struct work *work, const struct draft *draft)
{
	struct radix_node *node = radix_new_node(work->radix, work->stage, draft->n);

	if (!node)
		return NULL;
	node->heads = draft->heads;
	node->base = draft->base;
	node->shift = draft->shift;
	memcpy(node->sub, draft->sub, draft->n * sizeof(node->sub[0]));
	return node;
}

/* The subtree of a draft: its node, or less if the node would hold one block only. */
static int draft_finish(struct work *work, const struct draft *draft, struct radix_sub *sub)
{
	const struct radix_sub *only = NULL;
	unsigned used = 0;
	struct radix_node *node;

	for (unsigned i = 0; i < draft->n; i++) {
		if (draft->sub[i].ref) {
			only = &draft->sub[i];
			used++;
		}
	}
	*sub = used ? *only : RADIX_EMPTY;
	if (used == 1 && radix_kind(only->ref) == RADIX_VMA &&
	    fits_leaf(1, only->first, only->last)) {
		struct piece piece = { only->first, only->last, radix_vma(only->ref) };

		return make_leaf(work, &(struct source){ .pieces = &piece }, 0, 1, piece.start,
				 piece.end, sub);
	}
	if (used == 0 || (used == 1 && radix_kind(only->ref) != RADIX_VMA))
		return 0;
	node = make_node(work, draft);
	if (!node)
		return -ENOMEM;
	*sub = radix_summary((uintptr_t)node + RADIX_NODE);
	return 0;
}

/* The subtree of the pieces i .. j, cut to [start, end), the pages of one run of slots. */
static int make_sub(struct work *work, const struct source *src, size_t i, size_t j,
		    uint64_t start, uint64_t end, struct radix_sub *sub)
{
	uint64_t first, last;
	struct draft draft;

	*sub = RADIX_EMPTY;
	if (i == j)
		return 0;
	first = max(source_get(src, i).start, start);
	last = min(source_get(src, j - 1).end, end);
	if (j - i == 1 && first == start && last == end) {
		*sub = (struct radix_sub){ (uintptr_t)source_get(src, i).vma, first, last, 0 };
		return 0;
	}
	if (fits_leaf(j - i, first, last))
		return make_leaf(work, src, i, j, start, end, sub);
	draft_init(&draft, first, last);
	if (draft_fill(work, &draft, 0, RADIX_SLOTS, src, i, j))
		return -ENOMEM;
	return draft_finish(work, &draft, sub);
}

/* ---- an edit ---- */

static int edit_sub(struct work *work, const struct radix_sub *old, uint64_t start, uint64_t end,
		    struct radix_sub *sub);

/*
 * What an edit replaces in a node: the slots a .. b, the entries i .. j, by
 * the pieces of list.  A node in which the window begins (ends) stays a node
 * and is left (right) of these pieces.
 */
struct region {
	unsigned i, j, a, b;
	uint64_t drop;                  /* entries that go, with all below them */
	struct radix_sub left, right;
	struct list list;
};

/* True if the window takes a part of a node only, or may. */
static bool cuts_node(const struct work *work, const struct radix_sub *sub)
{
	return is_node(sub) && (sub->first < work->lo || sub->last > work->hi);
}

/* Edits the node at entry i, in slot; it may end up as pieces of the list or as *pinned. */
static int edit_child(struct work *work, const struct radix_node *node, unsigned i, unsigned slot,
		      struct region *region, struct radix_sub *pinned)
{
	uint64_t start = node_page(node, slot), end = node_page(node, slot + 1);

	region->drop &= ~(1UL << i);
	return edit_sub(work, &node->sub[i], start, end, pinned);
}

/* If a child is not a node any more, its pieces join the list. */
static void take_pieces(struct work *work, struct region *region, struct radix_sub *pinned)
{
	if (is_node(pinned))
		return;
	list_add_sub(&region->list, pinned, 0, RADIX_PAGES);
	retire(work, pinned->ref, 0);
	*pinned = RADIX_EMPTY;
}

static int region_gather(struct work *work, const struct radix_node *node, struct region *region)
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
		list_add_sub(&region->list, first, 0, work->lo);
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
		list_add_sub(&region->list, last, work->hi, RADIX_PAGES);
	return 0;
}

/* How many pieces an entry would add to a list; too many if it is a node. */
static unsigned pieces_in(const struct radix_sub *sub)
{
	static const unsigned few[RADIX_KINDS] = { [RADIX_VMA] = 1, [RADIX_NODE] = LIST_MAX };

	if (radix_kind(sub->ref) == RADIX_LEAF)
		return radix_leaf(sub->ref)->n;
	return sub->ref ? few[radix_kind(sub->ref)] : 0;
}

/* Takes small neighbours in, so that leaves stay full. */
static void region_widen(const struct radix_node *node, struct region *region)
{
	struct list *list = &region->list;

	if (list->n >= LEAF_LOW)
		return;
	while (region->i > 0 && !region->left.ref) {
		const struct radix_sub *sub = &node->sub[region->i - 1];
		unsigned n = list->n;
		struct piece piece[LEAF_MERGE];

		if (n + pieces_in(sub) > LEAF_MERGE)
			break;
		memcpy(piece, list->piece, n * sizeof(piece[0]));
		list->n = 0;
		list_add_sub(list, sub, 0, RADIX_PAGES);
		for (unsigned k = 0; k < n; k++)
			list_add(list, piece[k], 0, RADIX_PAGES);
		region->a = run_start(node->heads, region->a - 1);
		region->drop |= 1UL << --region->i;
	}
	while (region->j + 1 < node->n && !region->right.ref) {
		const struct radix_sub *sub = &node->sub[region->j + 1];

		if (list->n + pieces_in(sub) > LEAF_MERGE)
			break;
		list_add_sub(list, sub, 0, RADIX_PAGES);
		region->b = run_end(node->heads, region->b);
		region->drop |= 1UL << ++region->j;
	}
}

/* Adds the entries of the slots a .. b as they are. */
static void draft_copy(struct draft *draft, const struct radix_node *node, unsigned a, unsigned b)
{
	for (; a < b; a = run_end(node->heads, a))
		draft_push(draft, a, &node->sub[node_entry(node, a)]);
}

/* The longest free run in a node that entry i, were it *entry, has a part in. */
static uint64_t runs_around(const struct radix_node *node, unsigned i,
			    const struct radix_sub *entry)
{
	const struct radix_sub *prev = entry, *next = entry;
	uint64_t inside = entry->inside;

	for (unsigned k = i; k-- > 0 && prev == entry;)
		prev = node->sub[k].ref ? &node->sub[k] : prev;
	for (unsigned k = i; ++k < node->n && next == entry;)
		next = node->sub[k].ref ? &node->sub[k] : next;
	if (prev != entry)
		inside = max(inside, entry->first - prev->last);
	if (next != entry)
		inside = max(inside, next->first - entry->last);
	return inside;
}

/* The summary of a node that was *old when its entry i becomes *entry; neither is empty. */
static struct radix_sub summary_after(const struct radix_sub *old, unsigned i,
				      const struct radix_sub *entry)
{
	const struct radix_node *node = radix_node(old->ref);
	const struct radix_sub *was = &node->sub[i];
	uint64_t inside = runs_around(node, i, entry);
	struct radix_sub sum = *old;

	if (inside < old->inside && runs_around(node, i, was) == old->inside)
		return radix_summary_with(node, i, entry);
	sum.inside = max(inside, old->inside);
	sum.first = was->first == old->first ? entry->first : old->first;
	sum.last = was->last == old->last ? entry->last : old->last;
	return sum;
}

/* The common edit: an entry in use becomes another, its run stays as it is. */
static int replace_entry(struct work *work, const struct radix_sub *old, unsigned i,
			 const struct radix_sub *entry, uint64_t drop, struct radix_sub *sub)
{
	struct radix *radix = work->radix;
	struct radix_node *from = radix_node(old->ref), *node;

	*sub = summary_after(old, i, entry);
	if (work->alone && radix->npatches < RADIX_LEVELS) {
		radix->patch[radix->npatches++] = (struct radix_patch){ &from->sub[i], *entry };
		if (drop)
			retire(work, from->sub[i].ref, 0);
		return 0;
	}
	node = radix_new_node(radix, work->stage, from->n);
	if (!node)
		return -ENOMEM;
	node->heads = from->heads;
	node->base = from->base;
	node->shift = from->shift;
	memcpy(node->sub, from->sub, from->n * sizeof(from->sub[0]));
	node->sub[i] = *entry;
	retire(work, old->ref, drop);
	sub->ref = (uintptr_t)node + RADIX_NODE;
	return 0;
}

/* Copies n pieces from place k of one leaf to place i of another. */
static void leaf_copy(struct radix_leaf *to, unsigned i, const struct radix_leaf *from, unsigned k,
		      unsigned n)
{
	uint32_t shift = from->base - to->base;

	memcpy(leaf_vmas(to) + i, leaf_vmas(from) + k, n * sizeof(*leaf_vmas(to)));
	for (unsigned m = 0; m < n; m++)
		leaf_starts(to)[i + m] = leaf_starts(from)[k + m] + shift;
	for (unsigned m = 0; m < n; m++)
		to->end[i + m] = from->end[k + m] + shift;
}

/*
 * The most common edit of all: old, a leaf, stays one in its run [start, end)
 * and neither overflows nor runs low.  1 if so, 0 if it is another case.
 */
static int splice_leaf(struct work *work, const struct radix_leaf *old, uint64_t start,
		       uint64_t end, struct radix_sub *sub)
{
	unsigned i = 0, j = old->n, n;
	struct radix_leaf *leaf;
	struct list puts;
	uint64_t first, last;

	puts.n = 0;
	list_add_puts(&puts, work, start, end);
	while (i < j && leaf_end(old, i) <= work->lo)
		i++;
	while (i < j && leaf_start(old, j - 1) >= work->hi)
		j--;
	n = i + puts.n + old->n - j;
	if (n < LEAF_LOW || n > RADIX_LEAF_MAX)
		return 0;
	first = i ? old->base : puts.n ? puts.piece[0].start : leaf_start(old, j);
	last = j < old->n ? leaf_end(old, old->n - 1)
	       : puts.n	  ? puts.piece[puts.n - 1].end : leaf_end(old, i - 1);
	if (!fits_leaf(n, first, last))
		return 0;
	leaf = radix_new_leaf(work->radix, work->stage, n);
	if (!leaf)
		return -ENOMEM;
	leaf->base = first;
	leaf_copy(leaf, 0, old, 0, i);
	for (unsigned k = 0; k < puts.n; k++) {
		leaf_starts(leaf)[i + k] = puts.piece[k].start - first;
		leaf->end[i + k] = puts.piece[k].end - first;
		leaf_vmas(leaf)[i + k] = puts.piece[k].vma;
	}
	leaf_copy(leaf, i + puts.n, old, j, old->n - j);
	*sub = radix_summary((uintptr_t)leaf + RADIX_LEAF);
	return 1;
}

/* Tries that on the node's entry that the window is in: 1 if it was done. */
static int edit_leaf(struct work *work, const struct radix_sub *old, struct radix_sub *sub)
{
	const struct radix_node *node = radix_node(old->ref);
	unsigned a = run_start(node->heads, node_slot(node, work->lo));
	unsigned b = run_end(node->heads, a), i = node_entry(node, a);
	struct radix_sub leaf;
	int spliced;

	if (radix_kind(node->sub[i].ref) != RADIX_LEAF || node_slot(node, work->hi - 1) >= b)
		return 0;
	spliced = splice_leaf(work, radix_leaf(node->sub[i].ref), node_page(node, a),
			      node_page(node, b), &leaf);
	if (spliced <= 0)
		return spliced;
	return replace_entry(work, old, i, &leaf, 1UL << i, sub) ? -ENOMEM : 1;
}

/* Edits the subtree old, a node whose range holds all puts, into *sub. */
static int edit_node(struct work *work, const struct radix_sub *old, struct radix_sub *sub)
{
	const struct radix_node *node = radix_node(old->ref);
	int done = edit_leaf(work, old, sub);
	struct region region;
	struct draft draft;
	unsigned a, b;

	if (done)
		return min(done, 0);
	if (region_gather(work, node, &region))
		return -ENOMEM;
	if (region.left.ref && region.i == region.j)
		return replace_entry(work, old, region.i, &region.left, 0, sub);
	region_widen(node, &region);
	draft_init(&draft, node->base, node_page(node, RADIX_SLOTS));
	a = region.a;
	b = region.b;
	draft_copy(&draft, node, 0, a);
	if (region.left.ref)
		draft_push(&draft, a++, &region.left);
	if (region.right.ref)
		b--;
	if (draft_fill(work, &draft, a, b, &(struct source){ .pieces = region.list.piece }, 0,
		       region.list.n))
		return -ENOMEM;
	if (region.right.ref)
		draft_push(&draft, b, &region.right);
	draft_copy(&draft, node, region.b, RADIX_SLOTS);
	retire(work, old->ref, region.drop);
	return draft_finish(work, &draft, sub);
}

/* Puts a node above *sub, a node, that holds [first, last) too; it has nothing else in it. */
static int grow(struct work *work, struct radix_sub *sub, uint64_t first, uint64_t last)
{
	const struct radix_node *node = radix_node(sub->ref);
	struct radix_sub empty = RADIX_EMPTY;
	struct draft draft;
	unsigned slot;

	draft_init(&draft, min(first, node->base), max(last, node_page(node, RADIX_SLOTS)));
	slot = (node->base - draft.base) >> draft.shift;
	if (slot > 0)
		draft_push(&draft, 0, &empty);
	draft_push(&draft, slot, sub);
	if (slot + 1 < RADIX_SLOTS)
		draft_push(&draft, slot + 1, &empty);
	node = make_node(work, &draft);
	if (!node)
		return -ENOMEM;
	sub->ref = (uintptr_t)node + RADIX_NODE;
	return 0;
}

/* Edits the subtree old in [start, end), into *sub. */
static int edit_sub(struct work *work, const struct radix_sub *old, uint64_t start, uint64_t end,
		    struct radix_sub *sub)
{
	const struct radix_node *node;
	struct radix_sub grown;
	struct list list;

	list.n = 0;
	if (!is_node(old)) {
		list_add_sub(&list, old, 0, work->lo);
		list_add_puts(&list, work, start, end);
		list_add_sub(&list, old, work->hi, RADIX_PAGES);
		retire(work, old->ref, 0);
		return make_sub(work, &(struct source){ .pieces = list.piece }, 0, list.n, start,
				end, sub);
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
	struct work work = {
		.radix = radix,
		.stage = stage,
		.alone = alone,
		.lo = edit->lo >> PAGE_SHIFT,
		.hi = edit->hi >> PAGE_SHIFT,
		.nput = edit->nput,
	};

	for (unsigned i = 0; i < edit->nput; i++)
		work.put[i] = (struct piece){ edit->put[i].start >> PAGE_SHIFT,
					      edit->put[i].end >> PAGE_SHIFT, edit->put[i].vma };
	stage->fresh = 0;
	stage->nretired = 0;
	return edit_sub(&work, root, 0, RADIX_PAGES, &stage->root);
}

int radix_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct radix *radix = container_of(index, struct radix, index);
	const struct radix_sub *root = &radix->root;

	radix->npatches = 0;
	radix->done = 0;
	for (radix->staged = 0; radix->staged < n;) {
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

static void free_fresh(struct radix *radix, struct radix_stage *stage)
{
	while (stage->fresh) {
		uintptr_t ref = stage->fresh;

		stage->fresh = *(uintptr_t *)(ref - radix_kind(ref));
		radix_free_block(radix, ref);
	}
}

void radix_unreserve(struct vma_index *index)
{
	struct radix *radix = container_of(index, struct radix, index);

	while (radix->done < radix->staged)
		free_fresh(radix, &radix->stage[radix->done++]);
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
	struct radix_stage *stage = &radix->stage[radix->done++];

	assert(radix->done <= radix->staged);
	radix->root = stage->root;
	for (unsigned i = 0; i < radix->npatches; i++)
		*radix->patch[i].entry = radix->patch[i].now;
	for (unsigned i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	for (unsigned i = 0; i < stage->nretired; i++)
		free_retired(radix, &stage->retired[i]);
}

int radix_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct radix *radix = container_of(index, struct radix, index);
	struct radix_stage *stage = &radix->stage[0];
	struct work work = { .radix = radix, .stage = stage };
	struct source src = { .vmas = vmas };

	stage->fresh = 0;
	if (make_sub(&work, &src, 0, n, 0, RADIX_PAGES, &stage->root)) {
		free_fresh(radix, stage);
		return -ENOMEM;
	}
	radix->root = stage->root;
	return 0;
}
