/*
 * radix - a radix tree over pages: runs folded into one entry, free runs known
 *
 *                       node: 64 slots of 2^27 pages, here in 5 runs
 *   heads    1..........1.......1....1...................1...........
 *   slots   [ a leaf   | VMA D | node| nothing here      | a leaf    ]
 *               |          |      |                          |
 *         +-----+          |   64 slots of 2^21 pages      +-+------+
 *         | A B C D |      |      :                        | X Y Z  |
 *         +---------+   D whole                            +--------+
 *
 * The 45 bits of a page's number are seven levels of six bits and a rest of
 * three.  A node divides its aligned range into 64 slots, and neighbouring
 * slots that hold the same, or little, are one run with one entry: a VMA that
 * covers all of them (folded: its length costs nothing), a leaf with the few
 * VMAs in them, a node (one slot), or nothing.  Levels on which nothing
 * divides are left out.  A VMA that goes beyond a run has a piece in each run
 * that it touches; its pieces follow each other.
 *
 * Of each subtree its parent knows where the VMAs in it begin and end (first,
 * last: the longest free prefix and suffix of its run are the rest of the run)
 * and the longest free run inside.  So find, its mirror image and the search
 * for gaps enter a subtree only if the answer is there; of the search for
 * gaps, that is so but for the two paths to its limits.
 *
 * Cost: at most seven nodes and a leaf on any path; find takes a step a level,
 * the search for gaps 64.  An edit inside one leaf's run moves the pieces behind it
 * and corrects the entries above as far as they change; it needs memory only where
 * the leaf has no room, or too much.  Any other edit makes blocks on the paths to
 * its window's ends anew or patches them, and drops what is between with its
 * parents' entries.
 *
 * What keeps find from being faster where the cache is small: an entry has 32
 * bytes, so that the lowest nodes of a million VMAs are 2 MB, and a step there is
 * a miss before that in the leaf.
 *
 * Invariants
 *   1  A node's slots are of 2^(3 + 6 i) pages, its range is aligned to its
 *      size and inside its run of slots; the root's run is the address space.
 *      Its ref has its level.
 *   2  Bit 0 of heads is set, heads has n bits, and entry[] says the same.  No two
 *      entries should be one: nothing beside nothing or a leaf, the same VMA twice.
 *      A node as entry has one slot.  At least two entries are in use, or the one
 *      is folded.
 *   3  A leaf has 1 .. 63 VMAs and not much more room, which its ref has too.
 *   4  The pieces in a leaf are not empty, in order, disjoint, inside its run;
 *      no two in a row are of one VMA.
 *   5  A folded VMA's first and last are its run's; those of nothing are such
 *      that every search passes by.
 *   6  first and last of a block are those of the VMAs in it.
 *   7  inside is the longest free run between first and last.
 *   8  The pieces of a VMA follow each other without a gap, and together are
 *      [vm_start, vm_end).
 *   9  blocks and bytes are those of the blocks in the tree.
 *
 * Concurrency: one thread at a time.
 *
 * Sources: Morrison's PATRICIA (1968) for the levels left out; Leis et al., "The
 * Adaptive Radix Tree" (2013), and Baskins' Judy arrays (2002) for nodes in many
 * sizes, bitmaps and linear leaves; Knuth's buddy system for aligned runs.  They
 * store keys; here ranges are stored, neighbouring slots share entries, and the
 * free runs of subtrees are kept.
 */
#include "indexes/radix/radix.h"

static int radix_init(struct vma_index *index)
{
	container_of(index, struct radix, index)->root = RADIX_EMPTY;
	return 0;
}

static void radix_destroy(struct vma_index *index)
{
	struct radix *radix = container_of(index, struct radix, index);

	radix_unreserve(index);
	radix_free_tree(radix, radix->root.ref);
}

static const struct vma_index_ops radix_ops = {
	.name = "radix",
	.summary = "radix tree over pages, runs folded, free runs of subtrees known",
	.abi = VMA_INDEX_ABI,
	.invariants = RADIX_INVARIANTS,
	.size = sizeof(struct radix),
	.init = radix_init,
	.destroy = radix_destroy,
	.find = radix_find,
	.seek = radix_seek,
	.next = radix_next,
	.prev = radix_prev,
	.scan = radix_scan,
	.find_gap = radix_find_gap,
	.reserve = radix_reserve,
	.commit = radix_commit,
	.unreserve = radix_unreserve,
	.build = radix_build,
	.verify = radix_verify,
	.corrupt = radix_corrupt,
	.dump = radix_dump,
	.footprint = radix_footprint,
};

VMA_INDEX_REGISTER(radix_ops);
