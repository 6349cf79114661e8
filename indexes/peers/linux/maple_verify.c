/*
 * linux-maple - self-help: verify, corrupt, dump, footprint (see maple.c)
 *
 * All go down the nodes themselves, after include/linux/maple_tree.h.
 *
 * Invariants
 *  1. Each node knows its parent and the slot it is in there, the root its
 *     tree; all leaves are as deep as the tree's height says.
 *  2. The pivots of a node rise, from its own first to its own last address.
 *  3. A slot with a VMA is as large as the VMA, whose bounds are valid.
 *  4. No gap is next to another.
 *  5. The gap beside each child is the largest gap below it, and the lowest
 *     and the highest gap as large as the largest are found.
 *  6. The gap that a node names as its largest is.
 *  7. Nodes in the tree, spare, and put off are those that were allocated.
 */
#include <stdarg.h>

#include "indexes/peers/linux/maple.h"

struct linux_maple_tour {
	const struct linux_maple *maple;
	FILE *dump; /* or NULL */
	size_t nodes, vmas;
	bool gap;                          /* the last slot was one */
	struct vma_bounds lowest, highest; /* of the largest gaps; end is inclusive */
	unsigned broken;                   /* the first invariant that is, or 0 */
	char text[128];
};

/* A node, the addresses it is for, and where it hangs. */
struct linux_maple_node {
	unsigned long enode;  /* the node and its type */
	unsigned long parent; /* what it must say about that */
	unsigned long first, last;
	unsigned depth; /* 1: the root */
};

__attribute__((format(printf, 3, 4))) static void
linux_maple_broken(struct linux_maple_tour *tour, unsigned n, const char *format, ...)
{
	va_list args;

	if (tour->broken && tour->broken <= n)
		return;
	tour->broken = n;
	va_start(args, format);
	vsnprintf(tour->text, sizeof(tour->text), format, args);
	va_end(args);
}

static struct maple_node *linux_maple_node(unsigned long enode)
{
	return (struct maple_node *)(enode & ~MAPLE_NODE_MASK);
}

static enum maple_type linux_maple_type(unsigned long enode)
{
	return enode >> MAPLE_NODE_TYPE_SHIFT & MAPLE_NODE_TYPE_MASK;
}

/* The tree's root as a node; false if it has none. */
static bool linux_maple_root(const struct linux_maple *maple, struct linux_maple_node *root)
{
	*root = (struct linux_maple_node){ (unsigned long)maple->tree.ma_root,
					   (unsigned long)&maple->tree | 1, 0, ULONG_MAX, 1 };
	return root->enode;
}

static void linux_maple_tour_gap(struct linux_maple_tour *tour, unsigned long first,
				 unsigned long last)
{
	unsigned long largest = tour->lowest.vm_end - tour->lowest.vm_start;

	if (tour->gap)
		linux_maple_broken(tour, 4, "a gap before the one at %#lx", first);
	if (!tour->lowest.vm_end || last - first > largest)
		tour->lowest = (struct vma_bounds){ first, last };
	if (last - first >= largest || !tour->highest.vm_end)
		tour->highest = (struct vma_bounds){ first, last };
}

/* A slot of a leaf: the gap's bytes, or 0. */
static unsigned long linux_maple_tour_slot(struct linux_maple_tour *tour,
					   const struct vm_area_struct *vma, unsigned long first,
					   unsigned long last)
{
	if (tour->dump)
		fprintf(tour->dump, "      %#lx-%#lx%s\n", first, last, vma ? "" : " gap");
	if (!vma)
		linux_maple_tour_gap(tour, first, last);
	else if (!vma_bounds_valid(vma) || vma_start(vma) != first || vma_end(vma) - 1 != last)
		linux_maple_broken(tour, 3, "%#lx-%#lx holds the VMA %#lx-%#lx", first, last,
				   vma_start(vma), vma_end(vma));
	tour->gap = !vma;
	tour->vmas += vma != NULL;
	return vma ? 0 : last - first + 1;
}

static unsigned long linux_maple_tour_node(struct linux_maple_tour *tour,
					   const struct linux_maple_node *at);

/* A child of an inner node, whose gap must be right. */
static unsigned long linux_maple_tour_child(struct linux_maple_tour *tour,
					    const struct linux_maple_node *at, unsigned slot,
					    unsigned long first, unsigned long last)
{
	const struct maple_arange_64 *inner = &linux_maple_node(at->enode)->ma64;
	unsigned long parent = (at->enode & ~MAPLE_NODE_MASK) | slot << 3 | 6;
	unsigned long gap = linux_maple_tour_node(
		tour, &(struct linux_maple_node){ (unsigned long)inner->slot[slot], parent, first,
						  last, at->depth + 1 });

	if (inner->gap[slot] != gap)
		linux_maple_broken(tour, 5, "%#lx-%#lx has a gap of %#lx bytes, its gap is %#lx",
				   first, last, gap, inner->gap[slot]);
	return gap;
}

/* All below a node; returns its largest gap's bytes. */
static unsigned long linux_maple_tour_node(struct linux_maple_tour *tour,
					   const struct linux_maple_node *at)
{
	const struct maple_node *node = linux_maple_node(at->enode);
	bool leaf = linux_maple_type(at->enode) == maple_leaf_64;
	const unsigned long *pivots = leaf ? node->mr64.pivot : node->ma64.pivot;
	unsigned slots = leaf ? MAPLE_RANGE64_SLOTS : MAPLE_ARANGE64_SLOTS;
	unsigned long first = at->first, last, gap, largest = 0;

	tour->nodes++;
	if (tour->dump)
		fprintf(tour->dump, "%*s%#lx-%#lx %s\n", (int)(2 * at->depth), "", at->first,
			at->last, leaf ? "leaf" : "node");
	if ((unsigned long)node->parent != at->parent)
		linux_maple_broken(tour, 1, "the node of %#lx-%#lx hangs elsewhere", at->first,
				   at->last);
	if (leaf != (at->depth == mt_height(&tour->maple->tree))) {
		linux_maple_broken(tour, 1, "%#lx-%#lx is at depth %u", at->first, at->last,
				   at->depth);
		return 0;
	}
	for (unsigned i = 0; i < slots; i++, first = last + 1) {
		last = i + 1 < slots && (!i || pivots[i]) ? pivots[i] : at->last;
		if (last < first || last > at->last) {
			linux_maple_broken(tour, 2, "pivot %u of %#lx-%#lx is %#lx", i, at->first,
					   at->last, last);
			return largest;
		}
		gap = leaf ? linux_maple_tour_slot(tour, node->mr64.slot[i], first, last)
			   : linux_maple_tour_child(tour, at, i, first, last);
		largest = max(largest, gap);
		if (last == at->last)
			break;
	}
	if (!leaf && node->ma64.gap[node->ma64.meta.gap] != largest)
		linux_maple_broken(tour, 6, "%#lx-%#lx names a gap that is not its largest",
				   at->first, at->last);
	return largest;
}

static void linux_maple_tour(const struct linux_maple *maple, struct linux_maple_tour *tour,
			     FILE *dump)
{
	struct linux_maple_node root;

	*tour = (struct linux_maple_tour){ .maple = maple, .dump = dump };
	if (linux_maple_root(maple, &root))
		(void)linux_maple_tour_node(tour, &root);
}

/* Does the tree's own search find the gaps that the tour has found? */
static void linux_maple_verify_search(struct linux_maple_tour *tour)
{
	unsigned long len = tour->lowest.vm_end - tour->lowest.vm_start + 1;
	MA_STATE(low, (struct maple_tree *)&tour->maple->tree, 0, 0);
	MA_STATE(high, (struct maple_tree *)&tour->maple->tree, 0, 0);

	if (tour->broken || !tour->vmas || !tour->lowest.vm_end)
		return;
	if (mas_empty_area(&low, 0, ULONG_MAX, len) || low.index != tour->lowest.vm_start)
		linux_maple_broken(tour, 5, "the gap at %#lx is not found upwards",
				   tour->lowest.vm_start);
	if (mas_empty_area_rev(&high, 0, ULONG_MAX, len) || high.index != tour->highest.vm_start)
		linux_maple_broken(tour, 5, "the gap at %#lx is not found downwards",
				   tour->highest.vm_start);
}

unsigned linux_maple_verify(const struct vma_index *index, FILE *report)
{
	const struct linux_maple *maple = linux_maple_of(index);
	const struct linux_slab *slab = &maple->slab;
	struct linux_maple_tour tour;
	size_t known;

	linux_maple_tour(maple, &tour, NULL);
	linux_maple_verify_search(&tour);
	known = tour.nodes + slab->nspare + slab->deferred.n;
	/* one call that is put off may free many nodes */
	if (slab->deferred.n ? known > slab->nodes : known != slab->nodes)
		linux_maple_broken(&tour, 7,
				   "%zu nodes in the tree, %zu spare, %zu put off, not %zu",
				   tour.nodes, slab->nspare, slab->deferred.n, slab->nodes);
	return tour.broken ? vma_index_broken(index, tour.broken, report, "%s", tour.text) : 0;
}

/* Takes a VMA beside a gap away. */
static int linux_maple_corrupt_gap(struct maple_range_64 *leaf)
{
	for (unsigned i = 0; i + 2 < MAPLE_RANGE64_SLOTS && leaf->pivot[i + 1]; i++) {
		if (!leaf->slot[i] != !leaf->slot[i + 1]) {
			leaf->slot[i] = leaf->slot[i + 1] = NULL;
			return 0;
		}
	}
	return -ENOENT;
}

int linux_maple_corrupt(struct vma_index *index, unsigned n)
{
	struct linux_maple *maple = linux_maple_of(index);
	struct maple_node *root, *leaf;
	struct linux_maple_node at;
	unsigned long addr = 0;

	if (!linux_maple_root(maple, &at))
		return -ENOENT;
	root = leaf = linux_maple_node(at.enode);
	for (unsigned height = mt_height(&maple->tree); height > 1; height--)
		leaf = linux_maple_node((unsigned long)leaf->ma64.slot[0]);
	if (leaf == root && (n == 5 || n == 6))
		return -ENOENT;
	switch (n) {
	case 1:
		root->parent = NULL;
		break;
	case 2:
		leaf->mr64.pivot[1] = leaf->mr64.pivot[0];
		break;
	case 3:
		vma_bounds(mt_find(&maple->tree, &addr, ULONG_MAX))->vm_end += PAGE_SIZE;
		break;
	case 4:
		return linux_maple_corrupt_gap(&leaf->mr64);
	case 5:
		root->ma64.gap[0] += PAGE_SIZE;
		break;
	case 6:
		if (root->ma64.gap[0] == root->ma64.gap[root->ma64.meta.gap])
			return -ENOENT;
		root->ma64.meta.gap = 0;
		break;
	default:
		maple->slab.nodes = 0;
	}
	return 0;
}

void linux_maple_dump(const struct vma_index *index, FILE *out)
{
	const struct linux_maple *maple = linux_maple_of(index);
	struct linux_maple_tour tour;

	fprintf(out, "%s of height %u, %zu nodes with %zu spare and %zu put off\n",
		index->ops->name, mt_height(&maple->tree), maple->slab.nodes, maple->slab.nspare,
		maple->slab.deferred.n);
	linux_maple_tour(maple, &tour, out);
}

void linux_maple_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	const struct linux_maple *maple = linux_maple_of(index);
	struct linux_maple_tour tour;

	linux_maple_tour(maple, &tour, NULL);
	*footprint = (struct vma_footprint){
		.vmas = tour.vmas,
		.nodes = tour.nodes,
		.bytes = sizeof(*maple) + maple->slab.nodes * LINUX_NODE_SIZE,
		.height = mt_height(&maple->tree),
	};
}
