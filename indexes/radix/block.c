/*
 * block - the memory of leaves and nodes, and what a parent keeps of them
 */
#include "indexes/radix/radix.h"

/* Sizes grow in steps of a quarter: what the allocator would round up to is put to use. */
static size_t size_class(size_t bytes)
{
	size_t step = max((size_t)1 << (61 - __builtin_clzl(bytes - 1)), (size_t)RADIX_BLOCK_ALIGN);

	return (bytes + step - 1) & ~(step - 1);
}

static size_t node_bytes(unsigned n)
{
	return size_class(sizeof(struct radix_node) + n * sizeof(struct radix_sub));
}

static size_t leaf_bytes(unsigned cap)
{
	return (cap + 1) * 16;
}

unsigned radix_leaf_cap(unsigned n)
{
	return size_class(leaf_bytes(n)) / 16 - 1;
}

size_t radix_block_bytes(uintptr_t ref)
{
	switch (radix_kind(ref)) {
	case RADIX_LEAF:
		return leaf_bytes(radix_leaf(ref)->cap);
	case RADIX_NODE:
		return node_bytes(radix_node(ref)->n);
	default:
		return 0;
	}
}

static void *block_alloc(struct radix *radix, struct radix_stage *stage, size_t bytes,
			 enum radix_kind kind)
{
	uintptr_t *block = arena_alloc(radix->index.arena, bytes, RADIX_BLOCK_ALIGN);

	if (!block)
		return NULL;
	radix->blocks++;
	radix->bytes += bytes;
	*block = stage->fresh;
	stage->fresh = (uintptr_t)block + kind;
	return block;
}

struct radix_leaf *radix_new_leaf(struct radix *radix, struct radix_stage *stage, unsigned n)
{
	unsigned cap = radix_leaf_cap(n);
	struct radix_leaf *leaf = block_alloc(radix, stage, leaf_bytes(cap), RADIX_LEAF);

	if (leaf) {
		leaf->n = n;
		leaf->cap = cap;
	}
	return leaf;
}

struct radix_node *radix_new_node(struct radix *radix, struct radix_stage *stage, unsigned n)
{
	struct radix_node *node = block_alloc(radix, stage, node_bytes(n), RADIX_NODE);

	if (node)
		node->n = n;
	return node;
}

void radix_free_block(struct radix *radix, uintptr_t ref)
{
	size_t bytes = radix_block_bytes(ref);

	if (!bytes)
		return;
	radix->blocks--;
	radix->bytes -= bytes;
	arena_free(radix->index.arena, (void *)(ref & -(uintptr_t)RADIX_BLOCK_ALIGN), bytes,
		   RADIX_BLOCK_ALIGN);
}

void radix_free_tree(struct radix *radix, uintptr_t ref)
{
	if (radix_kind(ref) == RADIX_NODE) {
		for (unsigned i = 0; i < radix_node(ref)->n; i++)
			radix_free_tree(radix, radix_node(ref)->sub[i].ref);
	}
	radix_free_block(radix, ref);
}

struct radix_sub radix_summary_with(const struct radix_node *node, unsigned i,
				    const struct radix_sub *entry)
{
	struct radix_sub sum = RADIX_EMPTY;

	sum.ref = node_ref(node);
	for (unsigned k = 0; k < node->n; k++) {
		const struct radix_sub *sub = k == i ? entry : &node->sub[k];

		if (!sub->ref)
			continue;
		if (sum.last)
			sum.inside = max(sum.inside, sub->first - sum.last);
		else
			sum.first = sub->first;
		sum.inside = max(sum.inside, sub->inside);
		sum.last = sub->last;
	}
	return sum;
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

struct radix_sub radix_summary_after(const struct radix_sub *old, unsigned i,
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

struct radix_sub radix_summary(uintptr_t ref)
{
	return radix_kind(ref) == RADIX_LEAF
		       ? radix_leaf_summary(radix_leaf(ref))
		       : radix_summary_with(radix_node(ref), 0, radix_node(ref)->sub);
}
