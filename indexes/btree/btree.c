/*
 * btree - a B+-tree of ranges: compressed bounds, searched many at once
 *
 *	        root          level 2   each entry is a child, seen as one range
 *	      /      \                  with gaps inside
 *	   node      node     level 1
 *	  /  |  \    /  \
 *	leaf=leaf=leaf=leaf   level 0   each entry is a VMA
 *
 *	compressed node (an inner one)                      0      16
 *	  head    base elided n cap level uncompressed  +------+----------------+
 *	  end     4 bytes each, pages from base, signed | head | end[0] ...     |
 *	  start   4 bytes each, pages from base, signed | end ...               |
 *	  ptr     4 bytes each, 8-byte units            | start ...             |
 *	          from tree->origin                     | ptr ...               |
 *	  gap     4 bytes each, pages (not in a leaf)   | gap ...               |
 *	  max_gap 4 bytes each, pages (not in a leaf)   | max_gap ...           |
 *	  links   prev, next (of a leaf)                +-----------------------+
 *
 * A compressed node reaches over nearly 2^32 pages (16 TB), and its pointers over
 * 32 GB: a leaf keeps a VMA in 12 bytes, without touching the VMA.
 *
 * A program's heap and its libraries are 42 TB apart.  Of a node with such a
 * gap inside a part is left out, its elided gap: what is above it counts as if it
 * were that much lower, and so does the address that is searched.
 *
 *	pages      ####..|...................|..####
 *	               base               base + elided
 *	distances  ####..|..####       -6 to 6, below 0 below the elided gap
 *
 * The gap that the elided gap is in, between two entries or inside a child, is kept
 * less the elided gap as well.  A VMA that comes into the elided gap has the node rewritten.
 *
 * Where all that does not do, the same node is uncompressed: its arrays stand where they
 * stood, but each element is the 8 bytes of two, absolute, and there are half
 * as many.
 *
 * Up to 120 VMAs, which most programs never have, the tree is one leaf, of one
 * of six sizes (btree_grow): one search finds, one change edits.  A leaf that
 * is not the root has 40 entries.
 *
 * A search compares all ends of a node with the key and counts, without a
 * branch; signed numbers, as AVX2 and SSE2 compare no others.  The pointers
 * are in lines of their own, asked for at the same time.  Ends that are not in
 * use are above any key, so that a search need not know n.
 *
 * The largest gap inside each child stands beside its bounds, and the gap in
 * front of it is the distance of two entries: so a node knows all gaps between
 * its first and its last VMA, and an edit changes nothing but the nodes above
 * it, never a neighbour.  A search for a gap compares the longer of the two, which
 * stands there as well (gaps.h).  The gap below the first VMA and the one above the
 * last are the tree's own.
 *
 * Invariants
 *  1. Shape: a child's level is one less than its node's.  A node has at most
 *     as many entries as its form has room for, and, but for the root, at least
 *     btree_min(); an inner root has at least 2.  All leaves but the root have
 *     one size.
 *  2. The elided gap of a compressed node is free of VMAs, and so is the page below it; an
 *     uncompressed node has none.
 *  3. Order: the entries of a node are not empty, disjoint and in address order,
 *     and the ends that are not in use are above all of them.
 *  4. A leaf's entry has the bounds of its VMA.
 *  5. An inner entry starts where its child's first entry starts and ends where
 *     its last one ends.
 *  6. An inner entry's gap is the largest gap inside its child.
 *  7. An inner entry's max_gap is the longer of its gap and the gap in front of it in
 *     the node, each less the elided gap that is in it.
 *  8. The links chain all leaves in address order, from leftmost to rightmost.
 *  9. The tree's counts, bounds and gap are those of what is in it.
 * 10. The answer that is kept is what a search would find.
 *
 * One thread at a time: readers share, a writer is alone.
 *
 * Ideas, and how this differs: many keys compared at once and counted, as in
 * S-trees (Slotin, "Static B-trees") and FAST (Kim et al., SIGMOD 2010), which
 * do not change; entries moved by whole masked vectors, as in his B- tree,
 * which only grows; ends without a key that a search passes by, as in the BS-
 * tree (Tsitsigkos et al., 2025), whose gaps are anywhere in a node; keys as
 * short distances from a base, as prefixes are cut in prefix B-trees (Bayer and
 * Unterauer, 1977) and Masstree (Mao et al., EuroSys 2012), but with one
 * compare for the whole rest of the key; several forms of a node as in ART
 * (Leis et al., ICDE 2013) and HOT (Binna et al., SIGMOD 2018), but two and of
 * one size; two nodes split into three as in the B*-tree (Knuth, vol. 3);
 * aggregates beside the keys as in any augmented tree, here of gaps, as
 * rb_subtree_gap and the maple tree of Linux have them.
 */
#include "indexes/btree/btree.h"

#include <string.h>

#include "indexes/btree/simd.h"

extern const struct btree_simd btree_simd_scalar;
#ifdef __x86_64__
extern const struct btree_simd btree_simd_sse2, btree_simd_avx2, btree_simd_avx512;
#endif
#ifdef __aarch64__
extern const struct btree_simd btree_simd_neon;
#endif

static const struct btree_simd *const btree_simds[] = {
#ifdef __x86_64__
	&btree_simd_avx512, &btree_simd_avx2, &btree_simd_sse2,
#endif
#ifdef __aarch64__
	&btree_simd_neon,
#endif
	&btree_simd_scalar,
};

const struct btree_simd *btree_simd = &btree_simd_scalar;

static int btree_init(struct vma_index *index)
{
	(void)index;
	return 0;
}

static void btree_destroy(struct vma_index *index)
{
	struct btree *tree = btree_of(index);

	if (tree->root)
		btree_drop(tree, tree->root);
	btree_pool_empty(tree);
}

/* ---- the cursor: node and slot; slot n behind the last VMA, ~0 before the first ---- */

static inline struct vm_area_struct *btree_stand(struct vma_cursor *cursor, struct btree_node *leaf,
						 unsigned long slot)
{
	const struct btree *tree = (const struct btree *)cursor->index;

	cursor->node = leaf;
	cursor->slot = slot;
	return cursor->vma = btree_ptr(tree, leaf, 0, slot);
}

static struct vm_area_struct *btree_stand_off(struct vma_cursor *cursor, unsigned long slot)
{
	cursor->slot = slot;
	return cursor->vma = NULL;
}

static struct vm_area_struct *btree_next(struct vma_cursor *cursor)
{
	struct btree_node *leaf = cursor->node, *next;

	if (!leaf)
		return NULL;
	if (likely(cursor->slot + 1 < leaf->n))
		return btree_stand(cursor, leaf, cursor->slot + 1);
	next = btree_links(leaf)->next;
	if (!next)
		return btree_stand_off(cursor, leaf->n);
	if (btree_links(next)->next)
		btree_prefetch_pointers(btree_links(next)->next);
	return btree_stand(cursor, next, 0);
}

static unsigned btree_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	return btree_scan_by(cursor, vmas, n, btree_next);
}

static struct vm_area_struct *btree_prev(struct vma_cursor *cursor)
{
	struct btree_node *leaf = cursor->node, *prev;

	if (!leaf || cursor->slot == ~0UL)
		return NULL;
	if (cursor->slot)
		return btree_stand(cursor, leaf, cursor->slot - 1);
	prev = btree_links(leaf)->prev;
	if (!prev)
		return btree_stand_off(cursor, ~0UL);
	return btree_stand(cursor, prev, prev->n - 1);
}

static void btree_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	const struct btree *tree = btree_of(index);
	size_t leaves = tree->nodes[BTREE_LEAF] + tree->pooled[BTREE_LEAF];
	size_t inner = tree->nodes[BTREE_INNER] + tree->pooled[BTREE_INNER];
	size_t bytes = sizeof(*tree) + leaves * btree_size(0, BTREE_LEAF_CAP) +
		       inner * btree_size(1, BTREE_INNER_CAP);

	if (tree->root && !tree->root->level) /* a leaf of another size, perhaps */
		bytes += btree_size(0, tree->root->cap) - btree_size(0, BTREE_LEAF_CAP);

	*footprint = (struct vma_footprint){
		.vmas = tree->vmas,
		.nodes = tree->nodes[BTREE_LEAF] + tree->nodes[BTREE_INNER],
		.bytes = bytes,
		.height = tree->root ? tree->root->level + 1 : 0,
	};
}

/* Its readers are those of the best instruction set, or of the one that was asked for. */
static struct vma_index_ops btree_ops = {
	.name = "btree",
	.summary = "B+-tree: 32-bit bounds searched by SIMD, largest gaps, linked leaves",
	.abi = VMA_INDEX_ABI,
	.invariants = BTREE_INVARIANTS,
	.size = sizeof(struct btree),
	.init = btree_init,
	.destroy = btree_destroy,
	.next = btree_next,
	.prev = btree_prev,
	.scan = btree_scan,
	.unreserve = btree_unreserve,
	.build = btree_build,
	.clone = btree_clone,
	.verify = btree_verify,
	.corrupt = btree_corrupt,
	.dump = btree_dump,
	.footprint = btree_footprint,
};

/* ---- the instruction set ---- */

const char *btree_simd_name(unsigned i)
{
	return i < ARRAY_SIZE(btree_simds) ? btree_simds[i]->name : NULL;
}

const char *btree_simd_used(void)
{
	return btree_simd->name;
}

/* Index types whose readers are those of the set in use. */
static struct btree_follower {
	struct vma_index_ops *ops;
	bool shared;
} btree_followers[4];

static void btree_set_readers(const struct btree_follower *follower)
{
	struct vma_index_ops *ops = follower->ops;

	ops->find = follower->shared ? btree_simd->find_shared : btree_simd->find;
	ops->seek = follower->shared ? btree_simd->seek_shared : btree_simd->seek;
	ops->find_gap = btree_simd->find_gap;
	if (!follower->shared) {
		ops->reserve = btree_simd->reserve;
		ops->commit = btree_simd->commit;
	}
}

void btree_follow_simd(struct vma_index_ops *ops, bool shared)
{
	unsigned i = 0;

	while (btree_followers[i].ops)
		i++;
	btree_followers[i] = (struct btree_follower){ ops, shared };
	btree_set_readers(&btree_followers[i]);
}

bool btree_set_simd(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(btree_simds); i++) {
		const struct btree_simd *simd = btree_simds[i];

		if ((strcmp(name, "auto") && strcmp(name, simd->name)) ||
		    (simd->usable && !simd->usable()))
			continue;
		btree_simd = simd;
		for (unsigned j = 0; j < ARRAY_SIZE(btree_followers); j++) {
			if (btree_followers[j].ops)
				btree_set_readers(&btree_followers[j]);
		}
		return true;
	}
	return false;
}

__attribute__((constructor)) static void btree_register(void)
{
	btree_follow_simd(&btree_ops, false);
	btree_set_simd("auto");
	vma_index_register(&btree_ops);
}
