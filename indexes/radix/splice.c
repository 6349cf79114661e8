/*
 * splice - an edit inside one leaf, in place: what most edits are
 *
 *   starts, ends, VMAs   A B C D E F G          the pieces i .. j leave, up to three
 *                            i   j              come in, and those from j on move
 *
 * reserve finds the leaf and the place in it; it allocates only where the pieces
 * need a leaf of another size.  commit moves them, and corrects what the parents
 * know from the leaf upwards, as far as it changes.  Nothing else is touched.
 */
#include "indexes/radix/radix.h"

#include <errno.h>
#include <string.h>

#define LEAF_SPARE 8 /* a leaf keeps room for so many more, and no more */

/* The longest free run in front of the pieces i .. j, both included, but not of the first. */
static uint64_t inside_between(const struct radix_leaf *leaf, unsigned i, unsigned j)
{
	const uint32_t *start = leaf_starts(leaf), *end = leaf->end;
	uint32_t inside = 0;

	j = min(j, leaf->n - 1u);
	for (i = max(i, 1u); i <= j; i++)
		inside = max(inside, start[i] - end[i - 1]);
	return inside;
}

struct radix_sub radix_leaf_summary(const struct radix_leaf *leaf)
{
	return (struct radix_sub){
		.ref = leaf_ref(leaf),
		.first = leaf_start(leaf, 0),
		.last = leaf_end(leaf, leaf->n - 1),
		.inside = inside_between(leaf, 1, leaf->n - 1),
	};
}

bool radix_leaf_roomy(const struct radix_leaf *leaf, unsigned n)
{
	return n <= leaf->cap && leaf->cap <= radix_leaf_cap(n + LEAF_SPARE);
}

/* The way down to the leaf whose run holds the whole window; NULL: there is none. */
static struct radix_leaf *splice_find(struct radix_splice *splice, struct radix_sub *sub,
				      uint64_t lo, uint64_t hi)
{
	unsigned depth = 0;

	while (radix_kind(sub->ref) == RADIX_NODE) {
		struct radix_node *node = radix_node(sub->ref);
		uint64_t a = (lo - node->base) >> node->shift;
		uint64_t b = (hi - 1 - node->base) >> node->shift;

		if (lo < node->base || b >= RADIX_SLOTS ||
		    (slots_upto(b) & ~slots_upto(a) & node->heads))
			return NULL;
		splice->path[depth++] = sub;
		sub = &node->sub[node_entry(node, a)];
	}
	splice->path[depth] = sub;
	splice->depth = depth;
	return radix_kind(sub->ref) == RADIX_LEAF ? radix_leaf(sub->ref) : NULL;
}

/* Where the first of n pieces will begin and the last will end, when the edit is made. */
static void splice_ends(const struct radix_splice *splice, const struct radix_leaf *leaf,
			const struct vma_edit *edit, uint64_t *first, uint64_t *last)
{
	unsigned n = edit->nput;

	*first = splice->i ? leaf_start(leaf, 0)
		 : n       ? edit->put[0].start >> PAGE_SHIFT
			   : leaf_start(leaf, splice->j);
	*last = splice->j < leaf->n ? leaf_end(leaf, leaf->n - 1)
		: n                 ? edit->put[n - 1].end >> PAGE_SHIFT
				    : leaf_end(leaf, splice->i - 1);
}

int radix_splice_reserve(struct radix *radix, const struct vma_edit *edit)
{
	struct radix_splice *splice = &radix->splice;
	uint64_t lo = edit->lo >> PAGE_SHIFT, hi = edit->hi >> PAGE_SHIFT, first, last;
	struct radix_leaf *leaf = splice_find(splice, &radix->root, lo, hi);
	unsigned i, j, n;

	if (!leaf)
		return 0;
	i = lo < leaf_end(leaf, leaf->n - 1) ? leaf_after(leaf, lo) : leaf->n;
	for (j = i; j < leaf->n && leaf_start(leaf, j) < hi;)
		j++;
	n = leaf->n - (j - i) + edit->nput;
	if (!n || n > RADIX_LEAF_MAX || (n < RADIX_LEAF_LOW && n < leaf->n && splice->depth))
		return 0;
	splice->i = i;
	splice->j = j;
	splice_ends(splice, leaf, edit, &first, &last);
	splice->to = leaf;
	if (radix_leaf_roomy(leaf, n) && last - min(first, (uint64_t)leaf->base) <= RADIX_LEAF_SPAN)
		return 1;
	splice->to = NULL;
	if (last - first > RADIX_LEAF_SPAN)
		return 0;
	splice->to = radix_new_leaf(radix, &radix->stage[0], n);
	if (!splice->to)
		return -ENOMEM;
	splice->to->base = first;
	return 1;
}

void radix_splice_unreserve(struct radix *radix)
{
	struct radix_splice *splice = &radix->splice;

	if (splice->to && splice->to != radix_leaf(splice->path[splice->depth]->ref))
		radix_free_block(radix, leaf_ref(splice->to));
	splice->to = NULL;
}

static void leaf_rebase(struct radix_leaf *leaf, uint64_t base)
{
	uint32_t shift = leaf->base - base;

	for (unsigned i = 0; i < leaf->n; i++) {
		leaf_starts(leaf)[i] += shift;
		leaf->end[i] += shift;
	}
	leaf->base = base;
}

/* Moves n pieces from place k of one leaf to place i of another, or of the same. */
static void leaf_move(struct radix_leaf *to, unsigned i, const struct radix_leaf *from, unsigned k,
		      unsigned n)
{
	uint32_t shift = from->base - to->base;

	memmove(leaf_vmas(to) + i, leaf_vmas(from) + k, n * sizeof(*leaf_vmas(to)));
	memmove(leaf_starts(to) + i, leaf_starts(from) + k, n * sizeof(to->end[0]));
	memmove(to->end + i, from->end + k, n * sizeof(to->end[0]));
	for (unsigned m = i; shift && m < i + n; m++) {
		leaf_starts(to)[m] += shift;
		to->end[m] += shift;
	}
}

static void leaf_put(struct radix_leaf *leaf, unsigned i, const struct vma_put *put)
{
	vma_set_bounds(put->vma, put->start, put->end);
	leaf_starts(leaf)[i] = (put->start >> PAGE_SHIFT) - leaf->base;
	leaf->end[i] = (put->end >> PAGE_SHIFT) - leaf->base;
	leaf_vmas(leaf)[i] = put->vma;
}

/* Corrects what the path's entries know, the leaf's being *now. */
static void splice_tell(const struct radix_splice *splice, struct radix_sub now)
{
	for (unsigned d = splice->depth; d; d--) {
		struct radix_sub *entry = splice->path[d], *up = splice->path[d - 1], was = *entry;
		bool same =
			now.first == was.first && now.last == was.last && now.inside == was.inside;
		struct radix_sub sum = *up;

		if (!same)
			sum = radix_summary_after(up, entry - radix_node(up->ref)->sub, &now);
		*entry = now;
		if (same)
			return;
		now = sum;
	}
	*splice->path[0] = now;
}

void radix_splice_commit(struct radix *radix, const struct vma_edit *edit)
{
	struct radix_splice *splice = &radix->splice;
	const struct radix_sub *was = splice->path[splice->depth];
	struct radix_leaf *leaf = radix_leaf(was->ref), *to = splice->to;
	unsigned i = splice->i, j = splice->j, next = i + edit->nput, tail = leaf->n - j;
	struct radix_sub now = { .ref = leaf_ref(to) };
	uint64_t inside = inside_between(leaf, i, j);
	bool widest = was->inside == inside;

	if (to != leaf)
		leaf_move(to, 0, leaf, 0, i);
	else if (edit->nput && edit->put[0].start >> PAGE_SHIFT < leaf->base)
		leaf_rebase(leaf, edit->put[0].start >> PAGE_SHIFT);
	if (to != leaf || next != j)
		leaf_move(to, next, leaf, j, tail);
	for (unsigned k = 0; k < edit->nput; k++)
		leaf_put(to, i + k, &edit->put[k]);
	to->n = next + tail;
	inside = inside_between(to, i, next);
	if (inside < was->inside)
		inside = widest ? inside_between(to, 1, to->n - 1) : was->inside;
	now.first = leaf_start(to, 0);
	now.last = leaf_end(to, to->n - 1);
	now.inside = inside;
	splice->to = NULL;
	if (to != leaf)
		radix_free_block(radix, leaf_ref(leaf));
	splice_tell(splice, now);
}
