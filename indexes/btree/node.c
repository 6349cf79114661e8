/*
 * node - one node of the B+-tree: packing, unpacking, changing; and the pool of spare nodes
 */
#include <errno.h>
#include <string.h>

#include "indexes/btree/btree.h"

static inline void btree_put(struct btree_node *node, unsigned level, enum btree_field field,
			     unsigned i, unsigned long value)
{
	void *lanes = btree_lanes(node, level, field);

	if (node->wide)
		((uint64_t *)lanes)[i] = value;
	else
		((uint32_t *)lanes)[i] = value;
}

void btree_set(const struct btree *tree, struct btree_node *node, unsigned level, unsigned i,
	       const struct btree_entry *e)
{
	uintptr_t ptr = (uintptr_t)e->ptr;

	btree_put(node, level, BTREE_END, i, e->end - node->base);
	btree_put(node, level, BTREE_START, i, e->start - node->base);
	btree_put(node, level, BTREE_PTR, i,
		  node->wide ? ptr : (ptr - tree->origin[level > 0]) / 8);
	if (level)
		btree_put(node, level, BTREE_GAP, i, e->gap);
}

struct btree_entry *btree_unpack(const struct btree *tree, const struct btree_node *node,
				 unsigned from, unsigned to, struct btree_entry *out)
{
	unsigned level = node->level;

	for (unsigned i = from; i < to; i++) {
		*out++ = (struct btree_entry){
			.start = btree_start(node, level, i),
			.end = btree_end(node, level, i),
			.gap = btree_gap(node, level, i),
			.ptr = btree_ptr(tree, node, level, i),
		};
	}
	return out;
}

unsigned long btree_largest(const struct btree_node *node)
{
	unsigned level = node->level;
	unsigned long gap = btree_gap(node, level, 0);

	for (unsigned i = 1; i < node->n; i++) {
		gap = max(gap, btree_gap(node, level, i));
		gap = max(gap, btree_get(node, level, BTREE_START, i) -
				       btree_get(node, level, BTREE_END, i - 1));
	}
	return gap;
}

struct btree_entry btree_summary(const struct btree_node *node)
{
	return (struct btree_entry){
		.start = btree_start(node, node->level, 0),
		.end = btree_end(node, node->level, node->n - 1),
		.gap = btree_largest(node),
		.ptr = (void *)node,
	};
}

/* ends of unused slots are above any page, so that a search never counts them */
static void btree_pad(struct btree_node *node, unsigned from, unsigned to)
{
	size_t width = node->wide ? sizeof(uint64_t) : sizeof(uint32_t);

	memset(node->lanes + from * width, node->wide ? 0x7f : 0xff, (to - from) * width);
}

bool btree_fits_narrow(const struct btree *tree, unsigned level, const struct btree_entry *e,
		       unsigned n)
{
	if (e[n - 1].end - e[0].start > BTREE_MAX_DELTA)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!btree_near(tree, level, e[i].ptr))
			return false;
	}
	return true;
}

void btree_pack(const struct btree *tree, struct btree_node *node, unsigned level,
		const struct btree_entry *e, unsigned n)
{
	unsigned long span = e[n - 1].end - e[0].start;

	node->n = n;
	node->level = level;
	node->wide = !btree_fits_narrow(tree, level, e, n);
	node->unused = 0;
	/* as much room for growth below as above */
	node->base = node->wide ? 0 : e[0].start - min(e[0].start, (BTREE_MAX_DELTA - span) / 2);
	for (unsigned i = 0; i < n; i++)
		btree_set(tree, node, level, i, &e[i]);
	btree_pad(node, n, btree_cap(level, node->wide));
}

void btree_replace(const struct btree *tree, struct btree_node *node, unsigned from, unsigned to,
		   const struct btree_entry *put, unsigned nput)
{
	unsigned level = node->level, fields = level ? BTREE_GAP + 1 : BTREE_PTR + 1;
	size_t width = node->wide ? sizeof(uint64_t) : sizeof(uint32_t);
	unsigned n = node->n - (to - from) + nput;

	if (n != node->n) {
		for (unsigned f = 0; f < fields; f++) {
			unsigned char *lanes = btree_lanes(node, level, f);

			memmove(lanes + (from + nput) * width, lanes + to * width,
				(node->n - to) * width);
		}
		if (n < node->n)
			btree_pad(node, n, node->n);
		node->n = n;
	}
	for (unsigned i = 0; i < nput; i++)
		btree_set(tree, node, level, from + i, &put[i]);
}

/* ---- the pool: nodes chained through their first word ---- */

static void btree_pool_push(struct btree *tree, unsigned kind, struct btree_node *node)
{
	*(struct btree_node **)node = tree->pool[kind];
	tree->pool[kind] = node;
	tree->pooled[kind]++;
}

static struct btree_node *btree_pool_pop(struct btree *tree, unsigned kind)
{
	struct btree_node *node = tree->pool[kind];

	tree->pool[kind] = *(struct btree_node **)node;
	tree->pooled[kind]--;
	return node;
}

int btree_pool_fill(struct btree *tree, const size_t need[BTREE_KINDS])
{
	for (unsigned kind = 0; kind < BTREE_KINDS; kind++) {
		while (tree->pooled[kind] < need[kind]) {
			struct btree_node *node =
				arena_alloc(tree->index.arena, btree_size(kind), 64);

			if (!node) {
				btree_pool_trim(tree, 0);
				return -ENOMEM;
			}
			if (!tree->origin[BTREE_INNER])
				tree->origin[BTREE_INNER] = (uintptr_t)node - (1UL << 34);
			if (!btree_near(tree, BTREE_INNER, node))
				tree->far[BTREE_INNER] = true;
			btree_pool_push(tree, kind, node);
		}
	}
	return 0;
}

void btree_pool_trim(struct btree *tree, size_t keep)
{
	for (unsigned kind = 0; kind < BTREE_KINDS; kind++) {
		while (tree->pooled[kind] > keep)
			arena_free(tree->index.arena, btree_pool_pop(tree, kind),
				   btree_size(kind), 64);
	}
}

struct btree_node *btree_take(struct btree *tree, unsigned level)
{
	tree->nodes[level > 0]++;
	return btree_pool_pop(tree, level > 0);
}

void btree_release(struct btree *tree, struct btree_node *node)
{
	unsigned kind = node->level > 0;

	tree->nodes[kind]--;
	btree_pool_push(tree, kind, node);
}

void btree_drop(struct btree *tree, struct btree_node *node)
{
	if (node->level) {
		for (unsigned i = 0; i < node->n; i++)
			btree_drop(tree, btree_child(tree, node, i));
	} else {
		tree->vmas -= node->n;
	}
	btree_release(tree, node);
}
