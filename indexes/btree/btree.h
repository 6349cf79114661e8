/*
 * btree.h - nodes and tree of the B+-tree of ranges, for its own files (see btree.c)
 *
 * Inside, everything is counted in pages.
 */
#ifndef INDEXES_BTREE_BTREE_H
#define INDEXES_BTREE_BTREE_H

#include <stdint.h>

#include "indexes/vma_index.h"

#define BTREE_LEAF_CAP          40      /* entries of a narrow leaf; a wide one has half */
#define BTREE_INNER_CAP         60
#define BTREE_LEAF_SIZE         512
#define BTREE_INNER_SIZE        1024
#define BTREE_MAX_HEIGHT        12      /* 8 * 12^11 VMAs at the very least */
#define BTREE_MAX_DELTA         0xfffffffeUL
#define BTREE_MAX_JOIN          7       /* nodes that one level of an edit can end in */
#define BTREE_WIDE_GROWTH       5       /* nodes that it can add where wide ones are about */

/* What a node keeps of each entry, an array each; a leaf has no gaps. */
enum btree_field { BTREE_END, BTREE_START, BTREE_PTR, BTREE_GAP };

struct btree_node {
	unsigned long base;             /* what narrow bounds count from; 0 in a wide node */
	uint16_t n;
	uint8_t level;                  /* 0: a leaf */
	uint8_t wide;
	uint32_t unused;
	unsigned char lanes[];
};

/* At the end of each leaf; build() uses them on every level. */
struct btree_links {
	struct btree_node *prev, *next;
};

/* An entry unpacked: a VMA, or a child seen as one range with holes inside. */
struct btree_entry {
	unsigned long start, end;
	unsigned long gap;              /* the largest hole inside; 0 for a VMA */
	void *ptr;
};

struct btree_path {
	struct btree_step {
		struct btree_node *node;
		unsigned slot;
	} at[BTREE_MAX_HEIGHT];         /* by level */
};

/* Where an edit happens: leaf entries from left's slot up to right's slot go. */
struct btree_spot {
	struct btree_path left, right;
	bool spanning;                  /* right is another leaf than left, and set */
};

enum { BTREE_LEAF, BTREE_INNER, BTREE_KINDS };  /* by level > 0 */

struct btree {
	struct vma_index index;
	struct btree_node *root;        /* NULL when empty */
	unsigned long first, last;      /* start of the first VMA, end of the last; 0, 0 */
	unsigned long gap;              /* the largest hole between two VMAs */
	uintptr_t origin[BTREE_KINDS];  /* what narrow pointers count from: to VMAs, to nodes */
	struct btree_node *leftmost, *rightmost;
	size_t vmas;
	size_t nodes[BTREE_KINDS];      /* in the tree */
	struct btree_node *pool[BTREE_KINDS];
	size_t pooled[BTREE_KINDS];
	bool far[BTREE_KINDS];          /* such a pointer did not fit in a narrow node */
	bool planned;                   /* spot is where the next commit happens */
	unsigned pending;               /* commits that reserve has promised memory to */
	struct btree_spot spot;
	unsigned from, to;              /* and which leaf entries go then */
};

/* The readers, compiled once for each instruction set (read.h). */
struct btree_simd {
	const char *name;
	bool (*usable)(void);
	struct vm_area_struct *(*find)(const struct vma_index *index, unsigned long addr);
	struct vm_area_struct *(*seek)(struct vma_cursor *cursor, unsigned long addr);
	int (*find_gap)(const struct vma_index *index, struct vma_gap *gap);
	/* The path to the first VMA that ends above page, or behind the last. Not empty. */
	void (*descend)(const struct btree *tree, unsigned long page, struct btree_path *path);
};

extern const struct btree_simd *btree_simd;     /* in use */

static inline struct btree *btree_of(const struct vma_index *index)
{
	return container_of(index, struct btree, index);
}

static inline unsigned btree_cap(unsigned level, bool wide)
{
	return (level ? BTREE_INNER_CAP : BTREE_LEAF_CAP) >> wide;
}

/* The fewest entries of a node that is not the root. */
static inline unsigned btree_min(unsigned level)
{
	return btree_cap(level, false) / 5;
}

static inline size_t btree_size(unsigned level)
{
	return level ? BTREE_INNER_SIZE : BTREE_LEAF_SIZE;
}

static inline void *btree_lanes(const struct btree_node *node, unsigned level,
				enum btree_field field)
{
	return (void *)(node->lanes + field * btree_cap(level, false) * sizeof(uint32_t));
}

static inline struct btree_links *btree_links(const struct btree_node *node)
{
	return btree_lanes(node, node->level, node->level ? BTREE_GAP + 1 : BTREE_PTR + 1);
}

static inline unsigned long btree_get(const struct btree_node *node, unsigned level,
				      enum btree_field field, unsigned i)
{
	const void *lanes = btree_lanes(node, level, field);

	return node->wide ? ((const uint64_t *)lanes)[i] : ((const uint32_t *)lanes)[i];
}

static inline unsigned long btree_start(const struct btree_node *node, unsigned level, unsigned i)
{
	return node->base + btree_get(node, level, BTREE_START, i);
}

static inline unsigned long btree_end(const struct btree_node *node, unsigned level, unsigned i)
{
	return node->base + btree_get(node, level, BTREE_END, i);
}

static inline unsigned long btree_gap(const struct btree_node *node, unsigned level, unsigned i)
{
	return level ? btree_get(node, level, BTREE_GAP, i) : 0;
}

static inline void *btree_ptr(const struct btree *tree, const struct btree_node *node,
			      unsigned level, unsigned i)
{
	unsigned long ptr = btree_get(node, level, BTREE_PTR, i);

	return (void *)(node->wide ? ptr : tree->origin[level > 0] + 8 * ptr);
}

static inline struct btree_node *btree_child(const struct btree *tree,
					     const struct btree_node *node, unsigned i)
{
	return btree_ptr(tree, node, 1, i);
}

/* Whether a narrow node can point there. */
static inline bool btree_near(const struct btree *tree, unsigned level, const void *ptr)
{
	return ((uintptr_t)ptr - tree->origin[level > 0]) >> 35 == 0;
}

/* ---- node.c: one node, and where nodes come from ---- */

/* Makes entry i what *e says; it must fit the node's form. */
void btree_set(const struct btree *tree, struct btree_node *node, unsigned level, unsigned i,
	       const struct btree_entry *e);

/* Entries [from, to) of node, unpacked; returns one past the last written. */
struct btree_entry *btree_unpack(const struct btree *tree, const struct btree_node *node,
				 unsigned from, unsigned to, struct btree_entry *out);

/* The node seen as one entry of its parent; n > 0. */
struct btree_entry btree_summary(const struct btree_node *node);

/* The largest hole inside the node. */
unsigned long btree_largest(const struct btree_node *node);

/* Whether n > 0 entries can stand in one narrow node. */
bool btree_fits_narrow(const struct btree *tree, unsigned level, const struct btree_entry *e,
		       unsigned n);

/* Writes node anew with n > 0 entries in the form that they need, for which n is not too many. */
void btree_pack(const struct btree *tree, struct btree_node *node, unsigned level,
		const struct btree_entry *e, unsigned n);

/* Entries [from, to) become the nput given ones, which must fit the node's form and room. */
void btree_replace(const struct btree *tree, struct btree_node *node, unsigned from, unsigned to,
		   const struct btree_entry *put, unsigned nput);

/* At least need[] nodes in the pool: 0, or -ENOMEM and the pool is as small as it may be. */
must_check int btree_pool_fill(struct btree *tree, const size_t need[BTREE_KINDS]);

/* Gives nodes back to the arena until the pool has at most keep of each kind. */
void btree_pool_trim(struct btree *tree, size_t keep);

/* A node out of the pool, which must not be empty. */
struct btree_node *btree_take(struct btree *tree, unsigned level);

/* A node that is no more in the tree, into the pool. */
void btree_release(struct btree *tree, struct btree_node *node);

/* Releases a node and all below it; their VMAs are no more counted. */
void btree_drop(struct btree *tree, struct btree_node *node);

/* ---- edit.c, build.c, verify.c: the ops of these names ---- */

int btree_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n);
void btree_commit(struct vma_index *index, const struct vma_edit *edit);
void btree_unreserve(struct vma_index *index);
int btree_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n);
unsigned btree_verify(const struct vma_index *index, FILE *report);
int btree_corrupt(struct vma_index *index, unsigned n);
void btree_dump(const struct vma_index *index, FILE *out);

/* The root, as a tree of one node or more now is, and all that follows from it. */
void btree_set_root(struct btree *tree, const struct btree_entry *top);

#define BTREE_INVARIANTS 7

#endif
