/*
 * radix.h - the blocks of the radix index (its picture and invariants: radix.c)
 *
 * All places and lengths in here are in pages.  A block is a leaf or a node.
 */
#ifndef INDEXES_RADIX_RADIX_H
#define INDEXES_RADIX_RADIX_H

#include <stdint.h>

#include "indexes/vma_index.h"

#define RADIX_PAGES     (VMA_INDEX_END >> PAGE_SHIFT)
#define RADIX_BITS      6 /* one level of the address */
#define RADIX_SLOTS     (1u << RADIX_BITS)
#define RADIX_SHIFT_MIN 3 /* a slot of 8 pages never needs a node */
#define RADIX_LEVELS    7 /* 3 + 7 * 6 = 45 bits of pages */
#define RADIX_LEAF_MAX  63
#define RADIX_LEAF_LOW  13         /* a leaf with fewer takes its neighbours in */
#define RADIX_LEAF_SPAN UINT32_MAX /* pages from a leaf's first to its last */

/*
 * What a ref points at: its two lowest bits. A VMA's address has none; 0 is nothing.
 * Blocks are aligned to 64 bytes; in the bits between, a leaf's ref has its room,
 * a node's its level: so find knows what it will read before it has read any of it.
 */
#define RADIX_BLOCK_ALIGN 64
enum radix_kind { RADIX_VMA, RADIX_LEAF, RADIX_NODE, RADIX_KINDS = 3 };

/* A subtree as its parent knows it. */
struct radix_sub {
	uintptr_t ref;
	uint64_t first, last; /* its VMAs begin here and end here */
	uint64_t inside;      /* the longest free run between the two */
};

/* first and last are such that every search for a VMA passes it by. */
#define RADIX_EMPTY ((struct radix_sub){ .first = UINT64_MAX })

/*
 * A few VMAs, as offsets to base: arrays of cap ends, cap starts and cap VMAs,
 * of which n are in use; 16 (cap + 1) bytes.
 */
struct radix_leaf {
	uintptr_t fresh; /* the next new block of one edit */
	uint64_t base : 48, n : 8, cap : 8;
	uint32_t end[];
};

/*
 * RADIX_SLOTS slots of 2^shift pages each.  Neighbouring slots share an entry:
 * bit i of heads is set where slot i begins a new one, sub[] has one for each.
 */
struct radix_node {
	uintptr_t fresh;
	uint64_t heads, base;
	uint32_t shift, n;
	uint8_t entry[RADIX_SLOTS]; /* which sub[] a slot belongs to */
	struct radix_sub sub[];
};

/* One edit, worked out but not yet seen by readers. */
struct radix_stage {
	struct radix_sub root; /* the tree with the edit made */
	uintptr_t fresh;       /* the blocks made for it */
	unsigned nretired;
	struct radix_retired { /* what it replaces: a block and, */
		uintptr_t ref;
		uint64_t drop; /* of a node, the entries to drop with it */
	} retired[4 * RADIX_LEVELS + 2];
};

/* One edit inside one leaf, reserved but not yet committed (splice.c). */
struct radix_splice {
	struct radix_leaf *to; /* the leaf itself or its heir; NULL: none is reserved */
	unsigned i, j;         /* the pieces that leave */
	unsigned depth;
	struct radix_sub *path[RADIX_LEVELS + 1]; /* the root, entries, at depth the leaf's */
};

struct radix {
	struct vma_index index;
	struct radix_sub root;
	size_t blocks, bytes;
	struct radix_splice splice;
	unsigned staged, done; /* edits reserved, and committed of these */
	struct radix_stage stage[2];
	unsigned npatches; /* entries that the commit of a lone edit changes in place */
	struct radix_patch {
		struct radix_sub *entry, now;
	} patch[RADIX_LEVELS];
};

static inline enum radix_kind radix_kind(uintptr_t ref)
{
	return ref & 3;
}

static inline struct vm_area_struct *radix_vma(uintptr_t ref)
{
	return (struct vm_area_struct *)ref;
}

static inline struct radix_leaf *radix_leaf(uintptr_t ref)
{
	return (struct radix_leaf *)(ref & -(uintptr_t)RADIX_BLOCK_ALIGN);
}

static inline struct radix_node *radix_node(uintptr_t ref)
{
	return (struct radix_node *)(ref & -(uintptr_t)RADIX_BLOCK_ALIGN);
}

static inline uintptr_t node_ref(const struct radix_node *node)
{
	return (uintptr_t)node + (node->shift - RADIX_SHIFT_MIN) / RADIX_BITS * 4 + RADIX_NODE;
}

/* Its shift. */
static inline unsigned node_ref_shift(uintptr_t ref)
{
	unsigned level4 = ref & (RADIX_BLOCK_ALIGN - 4);

	return RADIX_SHIFT_MIN + level4 + level4 / 2;
}

static inline uintptr_t leaf_ref(const struct radix_leaf *leaf)
{
	return (uintptr_t)leaf + (leaf->cap & ~3u) + RADIX_LEAF;
}

/* Its cap, which is 4 i + 3. */
static inline unsigned leaf_ref_room(uintptr_t ref)
{
	return (ref & (RADIX_BLOCK_ALIGN - 1)) | 3;
}

static inline uint32_t *leaf_starts(const struct radix_leaf *leaf)
{
	return (uint32_t *)leaf->end + leaf->cap;
}

static inline struct vm_area_struct **leaf_vmas(const struct radix_leaf *leaf)
{
	return (struct vm_area_struct **)(leaf->end + 2 * leaf->cap);
}

static inline uint64_t leaf_start(const struct radix_leaf *leaf, unsigned i)
{
	return leaf->base + leaf_starts(leaf)[i];
}

static inline uint64_t leaf_end(const struct radix_leaf *leaf, unsigned i)
{
	return leaf->base + leaf->end[i];
}

/* The first VMA that ends above page; leaf ends above page. */
static inline unsigned leaf_after(const struct radix_leaf *leaf, uint64_t page)
{
	uint32_t offset = page < leaf->base ? 0 : page - leaf->base;
	unsigned i = 0;

	for (unsigned n = leaf->n, half = n / 2; half; n -= half, half = n / 2)
		i += half & -(unsigned)(leaf->end[i + half - 1] <= offset);
	return i;
}

/* The last VMA that begins below page; leaf begins below page. */
static inline unsigned leaf_before(const struct radix_leaf *leaf, uint64_t page)
{
	uint32_t offset = min(page - leaf->base, (uint64_t)RADIX_LEAF_SPAN);
	const uint32_t *start = leaf_starts(leaf);
	unsigned i = 0;

	for (unsigned n = leaf->n, half = n / 2; half; n -= half, half = n / 2)
		i += half & -(unsigned)(start[i + half] < offset);
	return i;
}

/* The bits 0 .. slot. */
static inline uint64_t slots_upto(unsigned slot)
{
	return ~0UL >> (RADIX_SLOTS - 1 - slot);
}

/* The entry that a slot belongs to. */
static inline unsigned node_entry(const struct radix_node *node, unsigned slot)
{
	return node->entry[slot];
}

/* The slot of a page; the first or the last one for pages outside of the node. */
static inline unsigned node_slot(const struct radix_node *node, uint64_t page)
{
	uint64_t slot = (page - node->base) >> node->shift;

	return page < node->base ? 0 : min(slot, RADIX_SLOTS - 1UL);
}

/* The first page of a slot; that of slot RADIX_SLOTS is the node's end. */
static inline uint64_t node_page(const struct radix_node *node, unsigned slot)
{
	return node->base + ((uint64_t)slot << node->shift);
}

/* The slot after the run of slots that slot belongs to. */
static inline unsigned run_end(uint64_t heads, unsigned slot)
{
	uint64_t above = heads & ~slots_upto(slot);

	return above ? (unsigned)__builtin_ctzl(above) : RADIX_SLOTS;
}

/* The first slot of the run that slot belongs to. */
static inline unsigned run_start(uint64_t heads, unsigned slot)
{
	return RADIX_SLOTS - 1 - __builtin_clzl(heads & slots_upto(slot));
}

/* ---- block.c ---- */

/* A new block with all but fresh unset, on the stage's list of these; NULL: no memory. */
struct radix_leaf *radix_new_leaf(struct radix *radix, struct radix_stage *stage, unsigned n);
struct radix_node *radix_new_node(struct radix *radix, struct radix_stage *stage, unsigned n);

/* The room in a leaf that is made for n VMAs: what the allocator would round up to. */
unsigned radix_leaf_cap(unsigned n);

/* Bytes of the block at ref; 0 if ref is not a block. */
size_t radix_block_bytes(uintptr_t ref);

/* Frees the block at ref alone; a VMA or nothing is left alone. */
void radix_free_block(struct radix *radix, uintptr_t ref);

/* Frees all blocks of the subtree at ref. */
void radix_free_tree(struct radix *radix, uintptr_t ref);

/* What a parent has to know of the block at ref, from the block alone. */
struct radix_sub radix_summary(uintptr_t ref);

/* The same of a node, were its entry i another one. */
struct radix_sub radix_summary_with(const struct radix_node *node, unsigned i,
				    const struct radix_sub *entry);

/* The summary of a node that was *old when its entry i becomes *entry; neither is empty. */
struct radix_sub radix_summary_after(const struct radix_sub *old, unsigned i,
				     const struct radix_sub *entry);

/* ---- query.c ---- */

struct vm_area_struct *radix_find(const struct vma_index *index, unsigned long addr);
struct vm_area_struct *radix_seek(struct vma_cursor *cursor, unsigned long addr);
struct vm_area_struct *radix_next(struct vma_cursor *cursor);
struct vm_area_struct *radix_prev(struct vma_cursor *cursor);
unsigned radix_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n);
int radix_find_gap(const struct vma_index *index, struct vma_gap *gap);

/* ---- splice.c ---- */

/* What a parent has to know of a leaf. */
struct radix_sub radix_leaf_summary(const struct radix_leaf *leaf);

/* True if n pieces fit in the leaf and would not leave much of it empty. */
bool radix_leaf_roomy(const struct radix_leaf *leaf, unsigned n);

/* 1: the edit is reserved; 0: it is not one inside a leaf; or -ENOMEM. */
int radix_splice_reserve(struct radix *radix, const struct vma_edit *edit);
void radix_splice_commit(struct radix *radix, const struct vma_edit *edit);

/* Gives up what is reserved, if there is anything. */
void radix_splice_unreserve(struct radix *radix);

/* ---- edit.c ---- */

int radix_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n);
void radix_commit(struct vma_index *index, const struct vma_edit *edit);
void radix_unreserve(struct vma_index *index);

/* ---- make.c ---- */

int radix_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n);

/* ---- verify.c ---- */

#define RADIX_INVARIANTS 9

unsigned radix_verify(const struct vma_index *index, FILE *report);
int radix_corrupt(struct vma_index *index, unsigned n);
void radix_dump(const struct vma_index *index, FILE *out);
void radix_footprint(const struct vma_index *index, struct vma_footprint *footprint);

#endif
