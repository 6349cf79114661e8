/*
 * verify - the B+-tree's invariants, checked one by one, broken one by one, and shown
 */
#include <errno.h>
#include <stdarg.h>

#include "indexes/btree/btree.h"

/* A check of one invariant at one node: false, and why is on report, if it is broken there. */
typedef bool (*btree_check_fn)(const struct btree *tree, const struct btree_node *node,
			       FILE *report);

__attribute__((format(printf, 3, 4))) static bool
btree_broken(FILE *report, const struct btree_node *node, const char *format, ...)
{
	va_list args;

	if (!report)
		return false;
	fprintf(report, "btree: node %p: ", (void *)node);
	va_start(args, format);
	vfprintf(report, format, args);
	va_end(args);
	fputc('\n', report);
	return false;
}

static bool btree_check_shape(const struct btree *tree, const struct btree_node *node, FILE *report)
{
	unsigned level = node->level, least = level ? 2 : 1;

	if (level >= BTREE_MAX_HEIGHT)
		return btree_broken(report, node, "is on level %u", level);
	if (node != tree->root)
		least = btree_min(level);
	if (node->cap != btree_cap(level, false) && (level || node != tree->root))
		return btree_broken(report, node, "on level %u has room for %u", level, node->cap);
	if (node->n < least || node->n > btree_room(node))
		return btree_broken(report, node, "on level %u has %u entries, not %u to %u", level,
				    node->n, least, btree_room(node));
	for (unsigned i = 0; level && i < node->n; i++) {
		const struct btree_node *child = btree_child(tree, node, i);

		if (child->level != level - 1)
			return btree_broken(report, node, "on level %u has a child on level %u",
					    level, child->level);
	}
	return true;
}

/* Of a node with an elided gap: it is in a gap, and both are in the address space. */
static bool btree_check_elided(const struct btree *tree, const struct btree_node *node,
			       FILE *report)
{
	unsigned level = node->level;

	if (!node->elided)
		return true;
	if (node->uncompressed)
		return btree_broken(report, node, "is uncompressed and has an elided gap of %#x",
				    node->elided);
	for (unsigned i = 0; i < node->n; i++) {
		struct btree_entry e;

		btree_unpack(tree, node, i, i + 1, &e);
		if (!btree_unelided(tree, node, level, &e))
			return btree_broken(report, node,
					    "entry %u, [%#lx, %#lx), is in the elided gap", i,
					    e.start, e.end);
	}
	return true;
}

static bool btree_check_order(const struct btree *tree, const struct btree_node *node, FILE *report)
{
	unsigned level = node->level;

	(void)tree;
	for (unsigned i = 0; i < node->n; i++) {
		unsigned long start = btree_start(node, level, i), end = btree_end(node, level, i);

		if (start >= end || end > VMA_INDEX_END >> PAGE_SHIFT)
			return btree_broken(report, node, "entry %u is [%#lx, %#lx)", i, start,
					    end);
		if (i && start < btree_end(node, level, i - 1))
			return btree_broken(report, node, "entry %u overlaps the one before", i);
	}
	for (unsigned i = node->n; i < btree_room(node); i++) {
		unsigned long pad = btree_get(node, level, BTREE_END, i);

		if (pad <= (node->uncompressed ? VMA_INDEX_END >> PAGE_SHIFT
					       : (unsigned long)BTREE_MAX_DELTA))
			return btree_broken(report, node, "end %u, not in use, is %#lx", i, pad);
	}
	return true;
}

static bool btree_check_vmas(const struct btree *tree, const struct btree_node *node, FILE *report)
{
	for (unsigned i = 0; !node->level && i < node->n; i++) {
		unsigned long start = btree_start(node, 0, i) << PAGE_SHIFT;
		unsigned long end = btree_end(node, 0, i) << PAGE_SHIFT;
		const struct vm_area_struct *vma = btree_ptr(tree, node, 0, i);

		if (vma_start(vma) != start || vma_end(vma) != end)
			return btree_broken(report, node,
					    "entry %u is [%#lx, %#lx), its VMA [%#lx, %#lx)", i,
					    start, end, vma_start(vma), vma_end(vma));
	}
	return true;
}

static bool btree_check_bounds(const struct btree *tree, const struct btree_node *node,
			       FILE *report)
{
	unsigned level = node->level;

	for (unsigned i = 0; level && i < node->n; i++) {
		struct btree_entry child = btree_summary(btree_child(tree, node, i));
		unsigned long start = btree_start(node, level, i), end = btree_end(node, level, i);

		if (start != child.start || end != child.end)
			return btree_broken(report, node,
					    "entry %u is [%#lx, %#lx), its child [%#lx, %#lx)", i,
					    start, end, child.start, child.end);
	}
	return true;
}

static bool btree_check_gaps(const struct btree *tree, const struct btree_node *node, FILE *report)
{
	for (unsigned i = 0; node->level && i < node->n; i++) {
		unsigned long inside = btree_simd->largest(btree_child(tree, node, i));
		unsigned long gap = btree_gap_inside(node, node->level, i);

		if (gap != inside)
			return btree_broken(report, node, "gap %u is %#lx, inside is %#lx", i, gap,
					    inside);
	}
	return true;
}

static bool btree_check_max_gap(const struct btree *tree, const struct btree_node *node,
				FILE *report)
{
	(void)tree;
	for (unsigned i = 0; node->level && i < node->n; i++) {
		unsigned long most = btree_get(node, 1, BTREE_GAP_INSIDE, i);

		if (i)
			most = max(most, btree_get(node, 1, BTREE_START, i) -
						 btree_get(node, 1, BTREE_END, i - 1));
		if (btree_get(node, 1, BTREE_MAX_GAP, i) != most)
			return btree_broken(report, node, "most %u is %#lx, must be %#lx", i,
					    btree_get(node, 1, BTREE_MAX_GAP, i), most);
	}
	return true;
}

/* Of a leaf: its links to both sides, and whether a leaf without is the outermost. */
static bool btree_check_links(const struct btree *tree, const struct btree_node *node, FILE *report)
{
	const struct btree_links *links = btree_links(node);
	unsigned long end = btree_end(node, 0, node->n - 1);

	if (node->level)
		return true;
	if (!links->prev != (node == tree->leftmost) || !links->next != (node == tree->rightmost))
		return btree_broken(report, node, "is not linked as the outermost leaf");
	if (!links->next != (end == tree->last))
		return btree_broken(report, node, "is not linked as the last leaf");
	if (!links->next)
		return true;
	if (btree_links(links->next)->prev != node)
		return btree_broken(report, node, "has a next leaf with another prev");
	if (btree_simd->find(&tree->index, end << PAGE_SHIFT) != btree_ptr(tree, links->next, 0, 0))
		return btree_broken(report, node, "has a next leaf that is not the next");
	return true;
}

static bool btree_walk(const struct btree *tree, const struct btree_node *node,
		       btree_check_fn check, FILE *report)
{
	if (!check(tree, node, report))
		return false;
	for (unsigned i = 0; node->level && i < node->n; i++) {
		if (!btree_walk(tree, btree_child(tree, node, i), check, report))
			return false;
	}
	return true;
}

static void btree_count(const struct btree *tree, const struct btree_node *node,
			struct btree *counted)
{
	counted->nodes[node->level > 0]++;
	if (!node->level)
		counted->vmas += node->n;
	for (unsigned i = 0; node->level && i < node->n; i++)
		btree_count(tree, btree_child(tree, node, i), counted);
}

static bool btree_check_totals(const struct btree *tree, FILE *report)
{
	struct btree counted = { .vmas = 0 };
	struct btree_entry top = { .gap = 0 };

	if (tree->root) {
		btree_count(tree, tree->root, &counted);
		top = btree_summary(tree->root);
		if (!tree->root->level)
			top.gap = ~0UL;
	}
	if (tree->vmas != counted.vmas)
		return btree_broken(report, tree->root, "%zu VMAs are counted, %zu are there",
				    tree->vmas, counted.vmas);
	if (tree->nodes[BTREE_LEAF] != counted.nodes[BTREE_LEAF] ||
	    tree->nodes[BTREE_INNER] != counted.nodes[BTREE_INNER])
		return btree_broken(report, tree->root,
				    "%zu + %zu nodes are counted, %zu + %zu are "
				    "there",
				    tree->nodes[BTREE_LEAF], tree->nodes[BTREE_INNER],
				    counted.nodes[BTREE_LEAF], counted.nodes[BTREE_INNER]);
	if (tree->first != top.start || tree->last != top.end || tree->gap != top.gap)
		return btree_broken(report, tree->root,
				    "the tree is [%#lx, %#lx) with gap %#lx, "
				    "its root [%#lx, %#lx) with %#lx",
				    tree->first, tree->last, tree->gap, top.start, top.end,
				    top.gap);
	return true;
}

/* The shortest and the longest gap that the answer is for, by a tree that remembers nothing. */
static bool btree_check_kept(const struct btree *tree, FILE *report)
{
	const struct btree_fit *kept = &tree->kept;
	struct btree bare = *tree;

	bare.kept = (struct btree_fit){ .from = 0 };
	bare.asked = true;
	for (unsigned i = 0; kept->end && i < 2; i++) {
		struct vma_gap gap = {
			.len = kept->min + (i ? kept->span : 0),
			.lo = kept->topdown ? 0 : kept->from,
			.hi = kept->topdown ? kept->from : VMA_INDEX_END,
			.topdown = kept->topdown,
		};

		if (btree_simd->find_gap(&bare.index, &gap) || gap.start != kept->start ||
		    gap.end != kept->end)
			return btree_broken(report, tree->root,
					    "[%#lx, %#lx) is kept for %#lx bytes, found is "
					    "[%#lx, %#lx)",
					    kept->start, kept->end, gap.len, gap.start, gap.end);
	}
	return true;
}

/* The number of the first of n checks that fails, or 0. */
static unsigned btree_check_all(const struct btree *tree, unsigned n, FILE *report)
{
	static const btree_check_fn checks[] = {
		btree_check_shape,  btree_check_elided, btree_check_order,   btree_check_vmas,
		btree_check_bounds, btree_check_gaps,   btree_check_max_gap, btree_check_links,
	};

	for (unsigned i = 0; i < n; i++) {
		if (tree->root && !btree_walk(tree, tree->root, checks[i], report))
			return i + 1;
	}
	if (!btree_check_totals(tree, report))
		return BTREE_INVARIANTS - 1;
	return btree_check_kept(tree, report) ? 0 : BTREE_INVARIANTS;
}

unsigned btree_verify(const struct vma_index *index, FILE *report)
{
	return btree_check_all(btree_of(index), BTREE_INVARIANTS - 2, report);
}

unsigned btree_verify_nodes(const struct btree *tree, FILE *report)
{
	return btree_check_all(tree, BTREE_INVARIANTS - 3, report);
}

int btree_corrupt(struct vma_index *index, unsigned n)
{
	struct btree *tree = btree_of(index);
	struct btree_node *root = tree->root, *leaf = tree->leftmost;
	struct btree_entry e;

	if (!root || (n >= 5 && n <= 7 && !root->level))
		return -ENOENT;
	btree_unpack(tree, root, 0, 1, &e);
	switch (n) {
	case 1:
		leaf->n = 0;
		return 0;
	case 2:
		leaf->elided = 1;
		btree_put(leaf, 0, BTREE_START, 0, -1UL);
		btree_put(leaf, 0, BTREE_END, 0, 0);
		return 0;
	case 3:
		btree_unpack(tree, leaf, 0, 1, &e);
		e.end = e.start;
		btree_set(tree, leaf, 0, 0, &e);
		return 0;
	case 4:
		vma_bounds(btree_ptr(tree, leaf, 0, 0))->vm_end += PAGE_SIZE;
		return 0;
	case 5:
		btree_unpack(tree, root, root->n - 1, root->n, &e);
		e.start--;
		if (e.start < btree_end(root, root->level, root->n - 2))
			e.start += 2;
		btree_set(tree, root, root->level, root->n - 1, &e);
		return 0;
	case 6:
		e.gap++;
		btree_set(tree, root, root->level, 0, &e);
		return 0;
	case 7:
		btree_put(root, 1, BTREE_MAX_GAP, 1, btree_get(root, 1, BTREE_MAX_GAP, 1) + 1);
		return 0;
	case 8:
		btree_links(leaf)->prev = leaf;
		return 0;
	case 9:
		tree->vmas++;
		return 0;
	case 10:
		tree->kept = (struct btree_fit){
			.min = PAGE_SIZE,
			.start = tree->first << PAGE_SHIFT,
			.end = tree->last << PAGE_SHIFT,
		};
		return 0;
	}
	return -ENOENT;
}

static void btree_dump_node(const struct btree *tree, const struct btree_node *node, FILE *out)
{
	unsigned level = node->level, indent = 2 * (tree->root->level - level);

	fprintf(out, "%*s%s node %p: level %u, %u of %u entries, base %#lx, elided %#lx\n", indent,
		"", node->uncompressed ? "uncompressed" : "compressed", (void *)node, level,
		node->n, btree_room(node), node->base << PAGE_SHIFT,
		btree_elided(node) << PAGE_SHIFT);
	for (unsigned i = 0; i < node->n; i++) {
		fprintf(out, "%*s  [%#lx, %#lx)", indent, "",
			btree_start(node, level, i) << PAGE_SHIFT,
			btree_end(node, level, i) << PAGE_SHIFT);
		if (level)
			fprintf(out, " gap %#lx\n", btree_gap_inside(node, level, i) << PAGE_SHIFT);
		else
			fprintf(out, " vma %p\n", btree_ptr(tree, node, level, i));
		if (level)
			btree_dump_node(tree, btree_child(tree, node, i), out);
	}
}

void btree_dump(const struct vma_index *index, FILE *out)
{
	const struct btree *tree = btree_of(index);

	fprintf(out,
		"btree: %zu VMAs in %zu leaves and %zu inner nodes, %u + %u spare, [%#lx, %#lx)",
		tree->vmas, tree->nodes[BTREE_LEAF], tree->nodes[BTREE_INNER],
		tree->pooled[BTREE_LEAF], tree->pooled[BTREE_INNER], tree->first << PAGE_SHIFT,
		tree->last << PAGE_SHIFT);
	if (tree->root && tree->root->level) /* a leaf alone is searched for gaps itself */
		fprintf(out, ", largest gap %#lx", tree->gap << PAGE_SHIFT);
	putc('\n', out);
	if (tree->root)
		btree_dump_node(tree, tree->root, out);
}
