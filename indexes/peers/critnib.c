/*
 * critnib - critnib of PMDK: a radix tree of nibbles without nodes of one child
 *
 *	complement of a VMA's end page -> VMA           (see keyed.h)
 *
 * critnib_find_le is its fast path, and gives what is at or below a key: with
 * the complements of the keys that is what is above one.
 *
 * Its memory is malloc's, and there is no way to have it otherwise; what it
 * has ever taken it keeps in lists until its end.  So footprint counts the
 * leaves and the nodes that such a tree of these keys has, not the lists.
 *
 * An update takes a leaf from malloc or its list, and gives it to the list at
 * once.  reserve sees to it that there is one: spares is at most the leaves in
 * that list.  A removal needs no memory.
 *
 * Invariants: those of ordered.h.
 */
#include <critnib.h>

#include "indexes/vma_index.h"

#define KEYED_SHIFT PAGE_SHIFT
#define KEYED(name) critnib_vma_##name
#include "indexes/peers/keyed.h"

#define LEAF_SIZE 16  /* a key and a value */
#define NODE_SIZE 144 /* 16 children, the path to it, and which nibble */
#define TREE_SIZE 344 /* on Linux: root, lists, 16 nodes and leaves that wait, mutex */
#define GRACE     16  /* removals after which a leaf is in the list */

struct critnib_vma {
	struct keyed keyed;
	struct critnib *tree;
	size_t removals, spares;
};

static struct critnib_vma *critnib_vma_of(const struct vma_index *index)
{
	return container_of(index, struct critnib_vma, keyed.index);
}

/* ---- what keyed.h asks for ---- */

static inline struct vm_area_struct *critnib_vma_step(const struct vma_index *index,
						      unsigned long *key, enum find_dir_t dir)
{
	unsigned long found;
	void *vma;

	if (critnib_find(critnib_vma_of(index)->tree, ~*key, dir, &found, &vma)) {
		*key = ~found;
		return vma;
	}
	*key = KEYED_NONE;
	return NULL;
}

static inline struct vm_area_struct *critnib_vma_above(const struct vma_index *index,
						       unsigned long *key)
{
	return critnib_vma_step(index, key, FIND_L);
}

static inline struct vm_area_struct *critnib_vma_below(const struct vma_index *index,
						       unsigned long *key)
{
	return critnib_vma_step(index, key, FIND_G);
}

static int critnib_vma_add(struct vma_index *index, unsigned long key)
{
	struct critnib_vma *self = critnib_vma_of(index);

	switch (critnib_insert(self->tree, ~key, NULL, 0)) {
	case 0:
		self->spares -= self->spares > 0;
		return 1;
	case EEXIST:
		self->spares = max(self->spares, (size_t)1);
		return 0;
	default:
		return -ENOMEM;
	}
}

/* An insert of a key that is there leaves a leaf in the list. */
static int critnib_vma_ready(struct vma_index *index)
{
	struct critnib_vma *self = critnib_vma_of(index);
	struct keyed *keyed = &self->keyed;

	if (self->spares || !keyed->npending)
		return 0;
	return critnib_vma_add(index, keyed->pending[keyed->npending - 1]);
}

static void critnib_vma_put(struct vma_index *index, unsigned long key, struct vm_area_struct *vma)
{
	(void)critnib_insert(critnib_vma_of(index)->tree, ~key, vma, 1);
}

static bool critnib_vma_remove(struct vma_index *index, unsigned long key)
{
	struct critnib_vma *self = critnib_vma_of(index);

	(void)critnib_remove(self->tree, ~key);
	self->spares += self->removals++ >= GRACE;
	return true;
}

/* ---- the index ---- */

static int critnib_vma_init(struct vma_index *index)
{
	struct critnib_vma *self = critnib_vma_of(index);

	self->tree = critnib_new();
	return self->tree ? 0 : -ENOMEM;
}

static void critnib_vma_destroy(struct vma_index *index)
{
	critnib_delete(critnib_vma_of(index)->tree);
}

static struct vm_area_struct *critnib_vma_find(const struct vma_index *index, unsigned long addr)
{
	const struct critnib_vma *self = critnib_vma_of(index);
	unsigned long key = addr >> PAGE_SHIFT;

	if (unlikely(self->keyed.npending)) /* the fast path takes NULL for nothing */
		return critnib_vma_up(index, &key);
	return critnib_find_le(self->tree, ~key - 1);
}

static int critnib_vma_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct critnib_vma *self = critnib_vma_of(index);

	for (size_t i = 0; i < n; i++) {
		if (!critnib_insert(self->tree, ~(vma_end(vmas[i]) >> PAGE_SHIFT), vmas[i], 0))
			continue;
		while (i--)
			(void)critnib_vma_remove(index, vma_end(vmas[i]) >> PAGE_SHIFT);
		return -ENOMEM;
	}
	self->keyed.vmas = n;
	self->spares -= min(self->spares, n);
	return 0;
}

/*
 * The nodes of the tree: one for each place where two keys next to each other
 * part.  On the way up the keys, those that may still branch are in a stack.
 */
static size_t critnib_vma_nodes(const struct vma_index *index)
{
	unsigned long key = KEYED_NONE, before;
	unsigned stack[16], depth = 0, shift;
	size_t nodes = 0;

	if (!critnib_vma_above(index, &key))
		return 0;
	for (before = key; critnib_vma_above(index, &key); before = key) {
		shift = (63 - __builtin_clzl(before ^ key)) / 4;
		while (depth && stack[depth - 1] < shift)
			depth--;
		if (!depth || stack[depth - 1] != shift) {
			stack[depth++] = shift;
			nodes++;
		}
	}
	return nodes;
}

static void critnib_vma_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	const struct critnib_vma *self = critnib_vma_of(index);
	size_t vmas = self->keyed.vmas, nodes = critnib_vma_nodes(index);

	*footprint = (struct vma_footprint){
		.vmas = vmas,
		.nodes = nodes,
		.bytes = sizeof(*self) + TREE_SIZE + vmas * LEAF_SIZE + nodes * NODE_SIZE,
	};
}

static const struct vma_index_ops critnib_vma_ops = {
	.name = "critnib",
	.summary = "critnib of ends: PMDK's radix tree of nibbles",
	.abi = VMA_INDEX_ABI,
	.caps = VMA_INDEX_PEER | VMA_INDEX_OWN_MALLOC,
	.size = sizeof(struct critnib_vma),
	.init = critnib_vma_init,
	.destroy = critnib_vma_destroy,
	.find = critnib_vma_find,
	.seek = critnib_vma_seek,
	.next = critnib_vma_next,
	.prev = critnib_vma_prev,
	.scan = critnib_vma_scan,
	.find_gap = critnib_vma_find_gap,
	.reserve = critnib_vma_reserve,
	.commit = critnib_vma_commit,
	.unreserve = critnib_vma_unreserve,
	.build = critnib_vma_build,
	.footprint = critnib_vma_footprint,
};

VMA_INDEX_REGISTER(critnib_vma_ops);
