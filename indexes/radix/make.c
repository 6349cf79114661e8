/*
 * make - lists of pieces, and the leaves and nodes that are made of them
 */
#include "indexes/radix/make.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define LEAF_FULL 40 /* VMAs in each leaf when many are laid out at once */

/* ---- lists of pieces ---- */

static struct radix_piece source_get(const struct radix_source *src, size_t i)
{
	if (src->pieces)
		return src->pieces[i];
	return (struct radix_piece){ vma_start(src->vmas[i]) >> PAGE_SHIFT,
				     vma_end(src->vmas[i]) >> PAGE_SHIFT, src->vmas[i] };
}

/* The first of the pieces i .. j that does not begin below page, or j. */
static size_t source_upto(const struct radix_source *src, size_t i, size_t j, uint64_t page)
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

void radix_list_add(struct radix_list *list, struct radix_piece piece, uint64_t start, uint64_t end)
{
	struct radix_piece *last = list->n ? &list->piece[list->n - 1] : NULL;

	piece.start = max(piece.start, start);
	piece.end = min(piece.end, end);
	if (piece.start >= piece.end)
		return;
	if (last && last->vma == piece.vma) {
		last->end = piece.end;
		return;
	}
	assert(list->n < RADIX_LIST_MAX);
	list->piece[list->n++] = piece;
}

static void list_add_leaf(struct radix_list *list, const struct radix_leaf *leaf, uint64_t start,
			  uint64_t end)
{
	unsigned i = 0;

	while (i < leaf->n && leaf_end(leaf, i) <= start)
		i++;
	assert(list->n + leaf->n <= RADIX_LIST_MAX);
	for (bool first = true; i < leaf->n && leaf_start(leaf, i) < end; i++, first = false) {
		struct radix_piece piece = { leaf_start(leaf, i), leaf_end(leaf, i),
					     leaf_vmas(leaf)[i] };

		if (first)
			radix_list_add(list, piece, start, end);
		else
			list->piece[list->n++] = piece;
	}
}

void radix_list_add_sub(struct radix_list *list, const struct radix_sub *sub, uint64_t start,
			uint64_t end)
{
	if (radix_kind(sub->ref) == RADIX_LEAF)
		list_add_leaf(list, radix_leaf(sub->ref), start, end);
	else if (sub->ref)
		radix_list_add(list,
			       (struct radix_piece){ sub->first, sub->last, radix_vma(sub->ref) },
			       start, end);
}

/* ---- from pieces to blocks ---- */

bool radix_fits_leaf(size_t n, uint64_t first, uint64_t last)
{
	return n <= RADIX_LEAF_MAX && last - first <= RADIX_LEAF_SPAN;
}

/* A leaf of the pieces i .. j, n > 0 of them, cut to [start, end). */
static int make_leaf(struct radix_work *work, const struct radix_source *src, size_t i, size_t j,
		     uint64_t start, uint64_t end, struct radix_sub *sub)
{
	struct radix_leaf *leaf = radix_new_leaf(work->radix, work->stage, j - i);

	if (!leaf)
		return -ENOMEM;
	leaf->base = max(source_get(src, i).start, start);
	for (unsigned k = 0; k < j - i; k++) {
		struct radix_piece piece = source_get(src, i + k);

		leaf_starts(leaf)[k] = max(piece.start, start) - leaf->base;
		leaf->end[k] = min(piece.end, end) - leaf->base;
		leaf_vmas(leaf)[k] = piece.vma;
	}
	*sub = radix_leaf_summary(leaf);
	return 0;
}

static uint64_t draft_page(const struct radix_draft *draft, unsigned slot)
{
	return draft->base + ((uint64_t)slot << draft->shift);
}

void radix_draft_init(struct radix_draft *draft, uint64_t first, uint64_t last)
{
	unsigned bits = 64 - __builtin_clzl((first ^ (last - 1)) | 1);

	draft->shift = RADIX_SHIFT_MIN;
	while (draft->shift + RADIX_BITS < bits)
		draft->shift += RADIX_BITS;
	draft->base = first >> (draft->shift + RADIX_BITS) << (draft->shift + RADIX_BITS);
	draft->heads = 0;
	draft->n = 0;
}

void radix_draft_push(struct radix_draft *draft, unsigned slot, const struct radix_sub *sub)
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
static unsigned leaf_run(const struct radix_draft *draft, unsigned slot, unsigned b,
			 const struct radix_source *src, size_t i, size_t j, size_t target,
			 size_t *upto)
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
		if (!radix_fits_leaf(k - i, first, last) || (end > slot && k - i > target))
			break;
	}
	return end;
}

int radix_draft_fill(struct radix_work *work, struct radix_draft *draft, unsigned a, unsigned b,
		     const struct radix_source *src, size_t i, size_t j)
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
		if (radix_make_sub(work, src, i, upto, start, draft_page(draft, end), &sub))
			return -ENOMEM;
		radix_draft_push(draft, a, &sub);
		i = upto > i ? upto - 1 : i;
	}
	return 0;
}

struct radix_node *radix_make_node(struct radix_work *work, const struct radix_draft *draft)
{
	struct radix_node *node = radix_new_node(work->radix, work->stage, draft->n);

	if (!node)
		return NULL;
	node->heads = draft->heads;
	node->base = draft->base;
	node->shift = draft->shift;
	for (unsigned slot = 0, i = 0; slot < RADIX_SLOTS; slot++) {
		i += slot && draft->heads >> slot & 1;
		node->entry[slot] = i;
	}
	memcpy(node->sub, draft->sub, draft->n * sizeof(node->sub[0]));
	return node;
}

int radix_draft_finish(struct radix_work *work, const struct radix_draft *draft,
		       struct radix_sub *sub)
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
	    radix_fits_leaf(1, only->first, only->last)) {
		struct radix_piece piece = { only->first, only->last, radix_vma(only->ref) };

		return make_leaf(work, &(struct radix_source){ .pieces = &piece }, 0, 1,
				 piece.start, piece.end, sub);
	}
	if (used == 0 || (used == 1 && radix_kind(only->ref) != RADIX_VMA))
		return 0;
	node = radix_make_node(work, draft);
	if (!node)
		return -ENOMEM;
	*sub = radix_summary(node_ref(node));
	return 0;
}

int radix_make_sub(struct radix_work *work, const struct radix_source *src, size_t i, size_t j,
		   uint64_t start, uint64_t end, struct radix_sub *sub)
{
	uint64_t first, last;
	struct radix_draft draft;

	*sub = RADIX_EMPTY;
	if (i == j)
		return 0;
	first = max(source_get(src, i).start, start);
	last = min(source_get(src, j - 1).end, end);
	if (j - i == 1 && first == start && last == end) {
		*sub = (struct radix_sub){ (uintptr_t)source_get(src, i).vma, first, last, 0 };
		return 0;
	}
	if (radix_fits_leaf(j - i, first, last))
		return make_leaf(work, src, i, j, start, end, sub);
	radix_draft_init(&draft, first, last);
	if (radix_draft_fill(work, &draft, 0, RADIX_SLOTS, src, i, j))
		return -ENOMEM;
	return radix_draft_finish(work, &draft, sub);
}

void radix_free_fresh(struct radix *radix, struct radix_stage *stage)
{
	while (stage->fresh) {
		uintptr_t ref = stage->fresh;

		stage->fresh = *(uintptr_t *)(ref - radix_kind(ref));
		radix_free_block(radix, ref);
	}
}

int radix_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct radix *radix = container_of(index, struct radix, index);
	struct radix_stage *stage = &radix->stage[0];
	struct radix_work work = { .radix = radix, .stage = stage };
	struct radix_source src = { .vmas = vmas };

	stage->fresh = 0;
	if (radix_make_sub(&work, &src, 0, n, 0, RADIX_PAGES, &stage->root)) {
		radix_free_fresh(radix, stage);
		return -ENOMEM;
	}
	radix->root = stage->root;
	return 0;
}
