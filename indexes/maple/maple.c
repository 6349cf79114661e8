/*
 * maple - a copy-on-write B+-tree of ranges on the nodes of btree, whose readers never wait
 *
 *	       R                 the nodes of btree, but without links of leaves
 *	     /   \
 *	    P     Q              readers     root, child, leaf: three loads, no lock, no retry
 *	  / | \   | \            the writer  a new leaf B', and one store: P's pointer to it;
 *	 A [B] C  D  E                       B waits for a grace period
 *	    B'
 *
 * Nodes, bounds as 32-bit distances, elided gaps, uncompressed nodes, the search of many bounds
 * at once, and what is largest where: see btree.c; all that is used as it is.
 * What differs is who may write what, and when:
 *
 *	            head, ends      pointers            starts, gaps, max_gap
 *	leaf        never           never               never
 *	inner node  never           one at a time, to   by the writer, for
 *	                            such a leaf or node the writer
 *
 * Of an inner node readers look at ends and pointers only.  A pointer is changed
 * to a node with the same end as the one before, which is the entry's; so on
 * its way down a reader finds an end above its address on every level, and
 * never has to look at a neighbour.  plan.c says how an edit becomes one store,
 * commit.c in which order, README.md why a reader sees all or nothing of it.
 *
 * A cursor keeps its leaf, which stays as it is through the read section, and
 * goes down again by address at either end of it.
 *
 * Invariants
 *  1. Shape, 2. elided gaps, 3. order, 4. leaves and VMAs, 5. bounds, 6. gaps and 7. max_gap of inner
 *     entries: as in btree.
 *  8. The outermost leaves are known, and no node that waits for a grace period is
 *     in the tree.
 *  9. The counts, bounds and gap are those of what is in the tree.
 * 10. The answer that is kept is what a search would find.
 *  And, of what changes, which no look at one moment can tell:
 * 11. What readers look at in a published node is never written again, but for a
 *     pointer, which keeps its end.
 * 12. The range of a node, from the end of the one in front of it to its own,
 *     only grows, to the left, as long as it is in the tree.
 *
 * Any number of readers, in read sections, concurrent with one writer.
 *
 * Ideas, and how this differs: Linux's maple tree replaces nodes under RCU too,
 * but its ranges tile the address space, gaps are entries, a reader may meet
 * a node that died and start again, and some edits change nodes in place. Copying the
 * way to the root is what persistent trees do (Driscoll et al., 1989), also in
 * LMDB; here it ends, as in Bonsai (Clements et al., ASPLOS 2012), where one
 * pointer can publish the whole edit, and ends that never change under a node are what
 * lets that be mostly the leaf's parent.  B-link trees (Lehman and Yao, 1981) let a
 * reader move right instead.
 */
#include "indexes/maple/maple.h"

#include <errno.h>

static int maple_init(struct vma_index *index)
{
	struct maple *maple = maple_of(index);

	maple->work.index = *index;
	return 0;
}

/* ---- the cursor: leaf and slot; without a VMA slot ~0 is in front of the first ---- */

#define MAPLE_BEFORE (~0UL)

static inline struct vm_area_struct *maple_stand(struct vma_cursor *cursor, unsigned long slot)
{
	cursor->slot = slot;
	return cursor->vma = btree_ptr(btree_of(cursor->index), cursor->node, 0, slot);
}

static struct vm_area_struct *maple_next(struct vma_cursor *cursor)
{
	const struct btree_node *leaf = cursor->node;

	if (!cursor->vma)
		return cursor->slot == MAPLE_BEFORE ? btree_simd->seek_shared(cursor, 0) : NULL;
	if (likely(cursor->slot + 1 < leaf->n))
		return maple_stand(cursor, cursor->slot + 1);
	return btree_simd->seek_shared(cursor, btree_end(leaf, 0, leaf->n - 1) << PAGE_SHIFT);
}

static unsigned maple_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	return btree_scan_by(cursor, vmas, n, maple_next);
}

static struct vm_area_struct *maple_prev(struct vma_cursor *cursor)
{
	unsigned long below = VMA_INDEX_END >> PAGE_SHIFT;

	if (cursor->vma) {
		if (cursor->slot)
			return maple_stand(cursor, cursor->slot - 1);
		below = btree_start(cursor->node, 0, 0);
	} else if (cursor->slot == MAPLE_BEFORE) {
		return NULL;
	}
	if (!btree_simd->seek_below_shared(cursor, below))
		cursor->slot = MAPLE_BEFORE;
	return cursor->vma;
}

/* ---- self-help ---- */

static void maple_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	const struct maple *maple = maple_of(index);
	const struct btree *tree = &maple->tree, *work = &maple->work;
	size_t leaves = tree->nodes[BTREE_LEAF] + work->pooled[BTREE_LEAF];
	size_t inner = tree->nodes[BTREE_INNER] + work->pooled[BTREE_INNER];
	size_t bytes = sizeof(*maple) + maple->backlog.bytes +
		       leaves * btree_size(0, BTREE_LEAF_CAP) +
		       inner * btree_size(1, BTREE_INNER_CAP);

	if (tree->root && !tree->root->level) /* a leaf of another size, perhaps */
		bytes += btree_size(0, tree->root->cap) - btree_size(0, BTREE_LEAF_CAP);
	bytes += maple->nroots * btree_size(0, maple->nroots ? maple->roots->cap : 0);
	if (work->grown)
		bytes += btree_size(0, work->grown->cap);
	*footprint = (struct vma_footprint){
		.vmas = tree->vmas,
		.nodes = tree->nodes[BTREE_LEAF] + tree->nodes[BTREE_INNER],
		.bytes = bytes,
		.height = tree->root ? tree->root->level + 1 : 0,
	};
}

/* Whether the node is where the tree has its range. */
static bool maple_is_in_tree(const struct btree *tree, const struct btree_node *node)
{
	unsigned long page = btree_end(node, node->level, node->n - 1) - 1;
	struct btree_path path;

	if (!tree->root || node->level > tree->root->level)
		return false;
	btree_simd->descend(tree, page, &path);
	return path.at[node->level].node == node;
}

static bool maple_check_edges(const struct maple *maple, FILE *report)
{
	const struct btree *tree = &maple->tree;
	const struct btree_node *left = tree->root, *right = tree->root;

	while (left && left->level)
		left = btree_child(tree, left, 0);
	while (right && right->level)
		right = btree_child(tree, right, right->n - 1);
	if (left != tree->leftmost || right != tree->rightmost) {
		vma_index_broken(&tree->index, 8, report, "the outermost leaves are %p and %p",
				 (void *)left, (void *)right);
		return false;
	}
	for (struct backlog_item *item = maple->backlog.items; item; item = item->next) {
		struct btree_node *node = container_of(item, struct btree_links, next)->prev;

		if (!maple_is_in_tree(tree, node))
			continue;
		vma_index_broken(&tree->index, 8, report, "node %p waits and is in the tree",
				 (void *)node);
		return false;
	}
	return true;
}

static unsigned maple_verify(const struct vma_index *index, FILE *report)
{
	const struct maple *maple = maple_of(index);
	unsigned broken = btree_verify_nodes(&maple->tree, report);

	if (broken && broken < 8)
		return broken;
	return maple_check_edges(maple, report) ? broken : 8;
}

static int maple_corrupt(struct vma_index *index, unsigned n)
{
	struct btree *tree = &maple_of(index)->tree;

	if (n != 8)
		return btree_corrupt(index, n);
	if (!tree->root)
		return -ENOENT;
	tree->leftmost = NULL;
	return 0;
}

static void maple_dump(const struct vma_index *index, FILE *out)
{
	const struct maple *maple = maple_of(index);

	fprintf(out,
		"maple: %zu nodes of %zu bytes wait for a grace period, at most %zu did, "
		"%lu were waited for, %u + %u spare\n",
		maple->backlog.n, maple->backlog.bytes, maple->backlog.peak_bytes,
		maple->backlog.grace_periods, maple->work.pooled[BTREE_LEAF],
		maple->work.pooled[BTREE_INNER]);
	btree_dump(index, out);
}

static struct vma_index_ops maple_ops = {
	.name = "maple",
	.summary = "copy-on-write B+-tree on btree's nodes, for readers under RCU",
	.abi = VMA_INDEX_ABI,
	.caps = VMA_INDEX_RCU,
	.invariants = MAPLE_INVARIANTS,
	.size = sizeof(struct maple),
	.init = maple_init,
	.destroy = maple_destroy,
	.next = maple_next,
	.prev = maple_prev,
	.scan = maple_scan,
	.reserve = maple_reserve,
	.commit = maple_commit,
	.unreserve = maple_unreserve,
	.build = maple_build,
	.clone = maple_clone,
	.verify = maple_verify,
	.corrupt = maple_corrupt,
	.dump = maple_dump,
	.footprint = maple_footprint,
};

__attribute__((constructor)) static void maple_register(void)
{
	btree_follow_simd(&maple_ops, true);
	vma_index_register(&maple_ops);
}
