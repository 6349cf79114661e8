/*
 * build - a whole B+-tree at once, level by level, from VMAs in address order
 *
 * Nodes are nine tenths full, so that the first edits find room.  The nodes of
 * a level are chained through their links while the level above is made.
 */
#include <errno.h>

#include "indexes/btree/btree.h"

#define BTREE_PREFETCH 16 /* VMAs ahead whose bounds are on their way */

/* Where the entries of a level come from: the VMAs, or the nodes of the level below. */
struct btree_source {
	struct vm_area_struct *const *vmas;
	struct btree_node *below;
	size_t left;
};

static void btree_read(struct btree *tree, struct btree_source *source, struct btree_entry *e,
		       unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (source->below) {
			e[i] = btree_summary(source->below);
			source->below = btree_links(source->below)->next;
			continue;
		}
		if (source->left - i > BTREE_PREFETCH)
			__builtin_prefetch(source->vmas[BTREE_PREFETCH]);
		e[i] = (struct btree_entry){
			.start = vma_start(*source->vmas) >> PAGE_SHIFT,
			.end = vma_end(*source->vmas) >> PAGE_SHIFT,
			.ptr = *source->vmas,
		};
		tree->far[BTREE_LEAF] |= !btree_near(tree, 0, *source->vmas);
		source->vmas++;
	}
	source->left -= n;
}

/* How many of the entries that are left the next node takes, room being what it can hold. */
static unsigned btree_portion(size_t left, unsigned level, unsigned room)
{
	unsigned full = room * 9 / 10;

	if (left <= full)
		return left;
	return left < full + btree_min(level) ? left / 2 : full;
}

/* Chains up all nodes of one level, or as many as there is memory for; *count says how many. */
static struct btree_node *btree_build_level(struct btree *tree, unsigned level,
					    struct btree_source source, size_t *count, bool *failed)
{
	static const size_t one[BTREE_KINDS][BTREE_KINDS] = { { 1, 0 }, { 0, 1 } };
	struct btree_node *first = NULL, *prev = NULL;
	struct btree_entry e[BTREE_INNER_CAP];
	unsigned have = 0; /* entries that an uncompressed node left over */

	for (*count = 0; source.left + have; ++*count) {
		unsigned n = btree_portion(source.left + have, level, btree_cap(level, false));
		struct btree_node *node;

		if (n > have) {
			btree_read(tree, &source, e + have, n - have);
			have = n;
		}
		if (n > btree_cap(level, true) * 9 / 10 &&
		    !btree_fits_compressed(tree, level, e, n))
			n = btree_portion(source.left + have, level, btree_cap(level, true));
		if (btree_pool_fill(tree, one[level > 0])) {
			*failed = true;
			break;
		}
		node = btree_take(tree, level);
		btree_pack(tree, node, level, e, n);
		*btree_links(node) = (struct btree_links){ prev, NULL };
		if (prev)
			btree_links(prev)->next = node;
		else
			first = node;
		prev = node;
		have -= n;
		for (unsigned i = 0; i < have; i++)
			e[i] = e[n + i];
	}
	if (level == 0) {
		tree->leftmost = first;
		tree->rightmost = prev;
	}
	return first;
}

static void btree_release_chain(struct btree *tree, struct btree_node *node, bool subtrees)
{
	while (node) {
		struct btree_node *next = btree_links(node)->next;

		if (subtrees)
			btree_drop(tree, node);
		else
			btree_release(tree, node);
		node = next;
	}
}

/* All VMAs in one leaf; -E2BIG if it cannot hold them. */
static int btree_build_leaf(struct btree *tree, struct btree_source source, unsigned n)
{
	struct btree_entry e[BTREE_ROOT_CAP];
	int error;

	btree_read(tree, &source, e, n);
	error = btree_grow(tree, n, !btree_fits_compressed(tree, 0, e, n));
	if (!error)
		btree_plant(tree, e, n);
	else if (error == -ENOMEM)
		tree->vmas = 0;
	return error;
}

int btree_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct btree *tree = btree_of(index);
	struct btree_source source = { vmas, NULL, n };
	struct btree_entry top;
	unsigned level = 0;
	bool failed = false;
	size_t count;

	if (!n)
		return 0;
	tree->origin[BTREE_LEAF] = btree_origin(vmas[0]);
	tree->vmas = n;
	if (n <= BTREE_ROOT_CAP) {
		int error = btree_build_leaf(tree, source, n);

		if (error != -E2BIG)
			return error;
	}
	for (;; level++) {
		struct btree_node *first = btree_build_level(tree, level, source, &count, &failed);

		if (failed) {
			btree_release_chain(tree, first, false);
			btree_release_chain(tree, source.below, true);
			btree_pool_empty(tree);
			tree->leftmost = tree->rightmost = NULL;
			tree->vmas = 0;
			return -ENOMEM;
		}
		source = (struct btree_source){ NULL, first, count };
		if (count == 1)
			break;
	}
	top = btree_summary(source.below);
	btree_set_root(tree, &top);
	return 0;
}
