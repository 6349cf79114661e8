/*
 * verify - self-help: the invariants of radix.c checked and broken, dump, footprint
 */
#include "indexes/radix/radix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

/* ---- verify ---- */

/*
 * One walk in address order sees everything; of all that is broken the lowest
 * number is kept, and its explanation, so that the order of the walk does not
 * matter.
 */
struct check {
	unsigned broken;
	char why[160];
	size_t blocks, bytes;
	const struct vm_area_struct *vma; /* the VMA whose pieces are being walked */
	uint64_t end;                     /* where the last piece ended */
};

static void __attribute__((format(printf, 3, 4)))
broken(struct check *check, unsigned n, const char *format, ...)
{
	va_list args;

	if (check->broken && check->broken <= n)
		return;
	check->broken = n;
	va_start(args, format);
	vsnprintf(check->why, sizeof(check->why), format, args);
	va_end(args);
}

/* The next piece in address order; vma NULL ends the walk. */
static void check_piece(struct check *check, const struct vm_area_struct *vma, uint64_t start,
			uint64_t end)
{
	if (vma && vma == check->vma && start == check->end) {
		check->end = end;
		return;
	}
	if (check->vma && vma_end(check->vma) != check->end << PAGE_SHIFT)
		broken(check, 8, "VMA %p: its pieces end at page %#" PRIx64 ", it at %#lx",
		       (void *)check->vma, check->end, vma_end(check->vma));
	if (vma && vma_start(vma) != start << PAGE_SHIFT)
		broken(check, 8, "VMA %p: its pieces begin at page %#" PRIx64 ", it at %#lx",
		       (void *)vma, start, vma_start(vma));
	check->vma = vma;
	check->end = end;
}

/* False if the leaf cannot be read at all; so with nodes. */
static bool check_leaf(struct check *check, const struct radix_leaf *leaf, uint64_t start,
		       uint64_t end)
{
	uint64_t from = start;

	if (!leaf->n || leaf->n > RADIX_LEAF_MAX || !radix_leaf_roomy(leaf, leaf->n)) {
		broken(check, 3, "leaf %p: %u VMAs, room for %u", (void *)leaf, leaf->n, leaf->cap);
		return false;
	}
	for (unsigned i = 0; i < leaf->n; i++) {
		uint64_t first = leaf_start(leaf, i), last = leaf_end(leaf, i);
		const struct vm_area_struct *vma = leaf_vmas(leaf)[i];

		if (first < from || first >= last || last > end)
			broken(check, 4, "leaf %p: piece %u is [%#" PRIx64 ", %#" PRIx64 ")",
			       (void *)leaf, i, first, last);
		if (!vma || (i && vma == leaf_vmas(leaf)[i - 1])) {
			broken(check, 4, "leaf %p: no VMA, or the last again, at %u", (void *)leaf,
			       i);
			continue;
		}
		check_piece(check, vma, first, last);
		from = last;
	}
	return true;
}

static void check_sub(struct check *check, const struct radix_sub *sub, uint64_t start,
		      uint64_t end);

/* True if the node's place and its entries' number can be relied on. */
static bool check_shape(struct check *check, const struct radix_node *node, uint64_t start,
			uint64_t end)
{
	unsigned level = (node->shift - RADIX_SHIFT_MIN) / RADIX_BITS, n = 0;

	if (level >= RADIX_LEVELS || node->shift != RADIX_SHIFT_MIN + level * RADIX_BITS ||
	    node->base & (node_page(node, RADIX_SLOTS) - node->base - 1) || node->base < start ||
	    node_page(node, RADIX_SLOTS) > end) {
		broken(check, 1, "node %p: at page %#" PRIx64 ", slots of 2^%u pages", (void *)node,
		       node->base, node->shift);
		return false;
	}
	for (unsigned slot = 0; slot < RADIX_SLOTS; slot++) {
		n += node->heads >> slot & 1;
		if (!n || n > node->n || node->entry[slot] != n - 1)
			break;
		if (slot == RADIX_SLOTS - 1 && n == node->n)
			return true;
	}
	broken(check, 2, "node %p: %u entries, heads %#" PRIx64 ", or slots that belong to others",
	       (void *)node, node->n, node->heads);
	return false;
}

/* Entries that would be one, or no entry at all, in a node built anew. */
static void check_entries(struct check *check, const struct radix_node *node)
{
	unsigned used = 0, folds = 0;

	for (unsigned i = 0, slot = 0; i < node->n; i++, slot = run_end(node->heads, slot)) {
		uintptr_t ref = node->sub[i].ref, prev = i ? node->sub[i - 1].ref : 1;
		enum radix_kind kind = radix_kind(ref);

		used += ref != 0;
		folds += ref && kind == RADIX_VMA;
		if ((!ref && (!prev || (i && radix_kind(prev) == RADIX_LEAF))) ||
		    (kind == RADIX_LEAF && !prev) || (kind == RADIX_VMA && ref == prev))
			broken(check, 2, "node %p: entries %u and %u should be one", (void *)node,
			       i - 1, i);
		if (kind == RADIX_NODE && run_end(node->heads, slot) != slot + 1)
			broken(check, 2, "node %p: entry %u, a node, has more than a slot",
			       (void *)node, i);
	}
	if (used < 2 && !folds)
		broken(check, 2, "node %p: %u entries in use", (void *)node, used);
}

static bool check_node(struct check *check, const struct radix_node *node, uint64_t start,
		       uint64_t end)
{
	if (!check_shape(check, node, start, end))
		return false;
	check_entries(check, node);
	for (unsigned i = 0, slot = 0; i < node->n; i++) {
		unsigned next = run_end(node->heads, slot);

		check_sub(check, &node->sub[i], node_page(node, slot), node_page(node, next));
		slot = next;
	}
	return true;
}

/* An entry without a block: free slots, or slots folded into one VMA. */
static void check_elided(struct check *check, const struct radix_sub *sub, uint64_t start,
			 uint64_t end)
{
	if (sub->ref)
		check_piece(check, radix_vma(sub->ref), start, end);
	else
		start = RADIX_EMPTY.first, end = RADIX_EMPTY.last;
	if (sub->first != start || sub->last != end)
		broken(check, 5, "run of %p: first %#" PRIx64 ", last %#" PRIx64, (void *)sub->ref,
		       sub->first, sub->last);
	if (sub->inside)
		broken(check, 7, "run of %p: inside %" PRIu64, (void *)sub->ref, sub->inside);
}

/* The subtree sub in its run of slots [start, end). */
static void check_sub(struct check *check, const struct radix_sub *sub, uint64_t start,
		      uint64_t end)
{
	enum radix_kind kind = radix_kind(sub->ref);
	struct radix_sub sum;

	if (kind == RADIX_VMA) {
		check_elided(check, sub, start, end);
		return;
	}
	check->blocks++;
	check->bytes += radix_block_bytes(sub->ref);
	if (kind == RADIX_NODE && sub->ref != node_ref(radix_node(sub->ref)))
		broken(check, 1, "node %p: its parent knows of another level", (void *)sub->ref);
	if (kind == RADIX_LEAF && sub->ref != leaf_ref(radix_leaf(sub->ref)))
		broken(check, 3, "leaf %p: its parent knows of other room", (void *)sub->ref);
	if (kind == RADIX_LEAF ? !check_leaf(check, radix_leaf(sub->ref), start, end)
			       : !check_node(check, radix_node(sub->ref), start, end))
		return;
	sum = radix_summary(sub->ref);
	if (sub->first != sum.first || sub->last != sum.last)
		broken(check, 6,
		       "block %p: first %#" PRIx64 ", last %#" PRIx64 ", not %#" PRIx64
		       ", %#" PRIx64,
		       (void *)sub->ref, sub->first, sub->last, sum.first, sum.last);
	if (sub->inside != sum.inside)
		broken(check, 7, "block %p: inside %" PRIu64 ", not %" PRIu64, (void *)sub->ref,
		       sub->inside, sum.inside);
}

unsigned radix_verify(const struct vma_index *index, FILE *report)
{
	const struct radix *radix = container_of(index, struct radix, index);
	struct check check = { .broken = 0 };

	check_sub(&check, &radix->root, 0, RADIX_PAGES);
	check_piece(&check, NULL, 0, 0);
	if (radix->done == radix->staged && !radix->splice.to &&
	    (check.blocks != radix->blocks || check.bytes != radix->bytes))
		broken(&check, 9, "%zu blocks of %zu bytes are in the tree, %zu of %zu counted",
		       check.blocks, check.bytes, radix->blocks, radix->bytes);
	if (check.broken && report)
		fprintf(report, "radix: invariant %u: %s\n", check.broken, check.why);
	return check.broken;
}

/* ---- corrupt ---- */

/* The first subtree of that kind with at least n VMAs in its leaf, entries in its node, or NULL. */
static struct radix_sub *first_sub(struct radix_sub *sub, enum radix_kind kind, unsigned n)
{
	struct radix_node *node = radix_node(sub->ref);
	struct radix_sub *found = NULL;

	if (radix_kind(sub->ref) == kind &&
	    (kind == RADIX_VMA ||
	     n <= (kind == RADIX_LEAF ? radix_leaf(sub->ref)->n : radix_node(sub->ref)->n)))
		return sub;
	if (radix_kind(sub->ref) != RADIX_NODE)
		return NULL;
	for (unsigned i = 0; i < node->n && !found; i++)
		found = first_sub(&node->sub[i], kind, n);
	return found;
}

static void corrupt_node(struct radix_node *node, unsigned n)
{
	if (n == 1)
		node->shift++;
	else
		node->heads ^= 1UL << run_start(node->heads, RADIX_SLOTS - 1);
}

static void corrupt_leaf(struct radix_leaf *leaf, unsigned n)
{
	struct vm_area_struct **vmas = leaf_vmas(leaf), *vma = vmas[0];

	if (n == 3) {
		leaf->n = 0;
	} else if (n == 4) {
		leaf->end[0] = leaf_starts(leaf)[0];
	} else {
		vmas[0] = vmas[1];
		vmas[1] = vma;
	}
}

int radix_corrupt(struct vma_index *index, unsigned n)
{
	static const struct {
		enum radix_kind kind;
		unsigned n;
	} needs[RADIX_INVARIANTS + 1] = {
		[1] = { RADIX_NODE, 2 }, [2] = { RADIX_NODE, 2 }, [3] = { RADIX_LEAF, 1 },
		[4] = { RADIX_LEAF, 1 }, [5] = { RADIX_VMA, 0 },  [6] = { RADIX_LEAF, 1 },
		[7] = { RADIX_LEAF, 1 }, [8] = { RADIX_LEAF, 2 }, [9] = { RADIX_LEAF, 1 },
	};
	struct radix *radix = container_of(index, struct radix, index);
	struct radix_sub *sub;

	if (!n || n > RADIX_INVARIANTS)
		return -ENOENT;
	sub = first_sub(&radix->root, needs[n].kind, needs[n].n);
	if (!sub)
		return -ENOENT;
	if (n <= 2)
		corrupt_node(radix_node(sub->ref), n);
	else if (n <= 4 || n == 8)
		corrupt_leaf(radix_leaf(sub->ref), n);
	else if (n <= 6)
		sub->last++;
	else if (n == 7)
		sub->inside++;
	else
		radix->bytes++;
	return 0;
}

/* ---- dump and footprint ---- */

static void dump_run(FILE *out, unsigned depth, uint64_t start, uint64_t end)
{
	fprintf(out, "%*s%#" PRIx64 "-%#" PRIx64 " ", 2 * (int)depth, "", start << PAGE_SHIFT,
		end << PAGE_SHIFT);
}

static void dump_sub(const struct radix_sub *sub, unsigned depth, FILE *out)
{
	const struct radix_leaf *leaf = radix_leaf(sub->ref);
	const struct radix_node *node = radix_node(sub->ref);

	switch (radix_kind(sub->ref)) {
	case RADIX_LEAF:
		dump_run(out, depth, sub->first, sub->last);
		fprintf(out, "leaf %p, %u of %u, inside %" PRIu64 "\n", (void *)leaf, leaf->n,
			leaf->cap, sub->inside);
		for (unsigned i = 0; i < leaf->n; i++) {
			dump_run(out, depth + 1, leaf_start(leaf, i), leaf_end(leaf, i));
			fprintf(out, "VMA %p\n", (void *)leaf_vmas(leaf)[i]);
		}
		break;
	case RADIX_NODE:
		dump_run(out, depth, sub->first, sub->last);
		fprintf(out,
			"node %p at %#" PRIx64 ", slots of 2^%u pages, heads %#" PRIx64
			", inside %" PRIu64 "\n",
			(void *)node, node->base << PAGE_SHIFT, node->shift, node->heads,
			sub->inside);
		for (unsigned i = 0; i < node->n; i++)
			dump_sub(&node->sub[i], depth + 1, out);
		break;
	default:
		if (!sub->ref)
			break;
		dump_run(out, depth, sub->first, sub->last);
		fprintf(out, "VMA %p, folded\n", (void *)sub->ref);
	}
}

void radix_dump(const struct vma_index *index, FILE *out)
{
	const struct radix *radix = container_of(index, struct radix, index);

	fprintf(out, "radix: %zu blocks of %zu bytes\n", radix->blocks, radix->bytes);
	dump_sub(&radix->root, 0, out);
}

/* Counts the VMAs, whose pieces follow each other, and returns the height. */
static unsigned count_sub(const struct radix_sub *sub, size_t *vmas, uintptr_t *last)
{
	unsigned height = 0;

	if (radix_kind(sub->ref) == RADIX_NODE) {
		const struct radix_node *node = radix_node(sub->ref);

		for (unsigned i = 0; i < node->n; i++)
			height = max(height, count_sub(&node->sub[i], vmas, last));
	} else if (radix_kind(sub->ref) == RADIX_LEAF) {
		const struct radix_leaf *leaf = radix_leaf(sub->ref);

		*vmas += leaf->n - (leaf_vmas(leaf)[0] == radix_vma(*last));
		*last = (uintptr_t)leaf_vmas(leaf)[leaf->n - 1];
	} else if (sub->ref) {
		*vmas += sub->ref != *last;
		*last = sub->ref;
	}
	return sub->ref ? height + 1 : 0;
}

void radix_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	const struct radix *radix = container_of(index, struct radix, index);
	uintptr_t last = 0;

	*footprint = (struct vma_footprint){
		.nodes = radix->blocks,
		.bytes = sizeof(*radix) + radix->bytes,
	};
	footprint->height = count_sub(&radix->root, &footprint->vmas, &last);
}
