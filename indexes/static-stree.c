/*
 * static-stree - a B+-tree without pointers, made anew by every edit: the bound for find
 *
 *	level 1   | 16 keys |                     a block is a cache line of 16 ends, in
 *	          /    |    \                     pages above base, compared at once;
 *	level 0  leaf leaf .. leaf (17)           key j: the last end below child j
 *	         | 16 keys | 16 VMAs |            of 4 bytes each, in 8-byte units from origin
 *
 * Nothing in it has room to spare, it is as low as can be, and a leaf's two lines
 * are asked for at the same time: what a tree that changes can be measured
 * against.  Where the ends are 2^32 pages apart or more, or the VMAs 32 GB, it is
 * wide: its keys are 64 bits, from 0, and so are its VMAs.
 *
 * Blocks are numbered on each level; block b has the children 17 b to 17 b + 16.
 * Keys that are not in use are above all others.  All VMAs are in a list as
 * well, which an edit changes and from which it writes the blocks.
 *
 * Invariants: those of ordered.h.  The second looks for each VMA, so that a
 * wrong key is noticed.
 *
 * After Slotin, "Static B-Trees" (S+ trees) in Algorithms for Modern Hardware;
 * here the levels are those of the number of VMAs at hand, and the keys are
 * short.
 */
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "indexes/btree/simd.h"
#include "indexes/ordered.h"

#define KEYS 16
#define CHILDREN (KEYS + 1)
#define MAX_HEIGHT 15 /* 2^57 pages */
#define MAX_DELTA 0xfffffffeUL
#define MAX_FAR (1UL << 35) /* bytes from origin to the VMAs of a narrow tree */

struct stree_leaf {
	uint32_t key[KEYS], vma[KEYS];
};

struct stree_wide_leaf {
	uint64_t key[KEYS];
	struct vm_area_struct *vma[KEYS];
};

struct stree {
	struct ordered ordered;
	unsigned long base, last; /* pages: what keys count from, the highest end */
	uintptr_t origin; /* what a narrow leaf's VMAs count from */
	uintptr_t lowest, highest; /* of all VMAs that ever came */
	/* The leaf and slot of the first VMA that ends above page, which is below last. */
	size_t (*first)(const struct stree *stree, unsigned long page);
	void *keys; /* leaves, then the blocks of the levels above them */
	unsigned height;
	bool wide;
	size_t at[MAX_HEIGHT]; /* the first block of each level above, in blocks from keys */
	struct vm_area_struct **vma; /* all of them, in order */
	size_t n; /* VMAs in vma: what ordered.vmas must be */
	size_t room, keys_size; /* VMAs that vma has room for, bytes of keys */
};

static struct stree *stree_of(const struct vma_index *index)
{
	return container_of(index, struct stree, ordered.index);
}

/* ---- how many of 16 keys are at or below one, for each instruction set ---- */

#define STREE_FIRST(simd, target)                                                                  \
	target static size_t stree_first_##simd(const struct stree *stree, unsigned long page)     \
	{                                                                                          \
		const uint32_t(*keys)[KEYS] = stree->keys;                                         \
		const struct stree_leaf *leaves = stree->keys;                                     \
		uint32_t key = max(page, stree->base) - stree->base;                               \
		size_t block = 0;                                                                  \
                                                                                                   \
		for (unsigned level = stree->height - 1; level; level--)                           \
			block = CHILDREN * block +                                                 \
				stree_rank_##simd(keys[stree->at[level] + block], key);            \
		__builtin_prefetch(leaves[block].vma);                                             \
		return KEYS * block + stree_rank_##simd(leaves[block].key, key);                   \
	}                                                                                          \
	_Static_assert(1, "")

#ifdef __x86_64__
#define STREE_AVX512 __attribute__((target("avx512f,popcnt")))
#define STREE_AVX2 __attribute__((target("avx2,popcnt")))

STREE_AVX512 static inline unsigned stree_rank_avx512(const uint32_t *keys, uint32_t key)
{
	__m512i all = _mm512_load_si512(keys);

	return __builtin_popcount(_mm512_cmple_epu32_mask(all, _mm512_set1_epi32((int)key)));
}

/* A byte of 8 bits: which of 8 keys are at or below it. */
STREE_AVX2 static inline unsigned stree_upto_avx2(const uint32_t *keys, __m256i key)
{
	__m256i some = _mm256_load_si256((const __m256i *)keys);
	__m256i upto = _mm256_cmpeq_epi32(_mm256_min_epu32(some, key), some);

	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(upto));
}

STREE_AVX2 static inline unsigned stree_rank_avx2(const uint32_t *keys, uint32_t key)
{
	__m256i k = _mm256_set1_epi32((int)key);

	return __builtin_popcount(stree_upto_avx2(keys, k) | stree_upto_avx2(keys + 8, k) << 8);
}

STREE_FIRST(avx512, STREE_AVX512);
STREE_FIRST(avx2, STREE_AVX2);
#endif

/* For SSE2 and NEON the compiler makes vectors of it. */
static inline unsigned stree_rank_any(const uint32_t *keys, uint32_t key)
{
	unsigned upto = 0;

	for (unsigned i = 0; i < KEYS; i++)
		upto += keys[i] <= key;
	return upto;
}

/* Binary search without branches. */
static inline unsigned stree_rank_scalar(const uint32_t *keys, uint32_t key)
{
	unsigned at = 0;

	for (unsigned half = KEYS / 2; half; half /= 2)
		at += keys[at + half - 1] <= key ? half : 0;
	return at + (keys[at] <= key);
}

STREE_FIRST(any, );
STREE_FIRST(scalar, );

static size_t stree_first_wide(const struct stree *stree, unsigned long page)
{
	const uint64_t(*keys)[KEYS] = stree->keys;
	size_t block = 0;

	for (unsigned level = stree->height; level--;) {
		const uint64_t *key = keys[level ? stree->at[level] + block : 2 * block];
		unsigned upto = 0;

		for (unsigned i = 0; i < KEYS; i++)
			upto += key[i] <= page;
		block = (level ? CHILDREN : KEYS) * block + upto;
	}
	return block;
}

/* The search by the instructions that --simd has chosen. */
static void stree_choose(struct stree *stree)
{
	const char *simd = btree_simd_used();

	stree->first = stree_first_any;
	if (!strcmp(simd, "scalar"))
		stree->first = stree_first_scalar;
#ifdef __x86_64__
	else if (!strcmp(simd, "avx512"))
		stree->first = stree_first_avx512;
	else if (!strcmp(simd, "avx2"))
		stree->first = stree_first_avx2;
#endif
	if (stree->wide)
		stree->first = stree_first_wide;
}

/* ---- readers ---- */

/* The number of VMAs that end at or below addr. */
static inline size_t stree_before(const struct stree *stree, unsigned long addr)
{
	unsigned long page = addr >> PAGE_SHIFT;

	return page < stree->last ? stree->first(stree, page) : stree->n;
}

static struct vm_area_struct *stree_find(const struct vma_index *index, unsigned long addr)
{
	const struct stree *stree = stree_of(index);
	unsigned long page = addr >> PAGE_SHIFT;

	size_t first;

	if (page >= stree->last)
		return NULL;
	first = stree->first(stree, page);
	if (unlikely(stree->wide))
		return ((struct stree_wide_leaf *)stree->keys)[first / KEYS].vma[first % KEYS];
	return (void *)(stree->origin +
			8UL * ((struct stree_leaf *)stree->keys)[first / KEYS].vma[first % KEYS]);
}

/* The cursor's slot is the VMA's place plus one: 0 is before the first, n + 1 after the last. */
static inline struct vm_area_struct *stree_stand(struct vma_cursor *cursor, size_t slot)
{
	const struct stree *stree = stree_of(cursor->index);

	cursor->slot = slot;
	return cursor->vma = slot - 1 < stree->n ? stree->vma[slot - 1] : NULL;
}

static struct vm_area_struct *stree_seek(struct vma_cursor *cursor, unsigned long addr)
{
	return stree_stand(cursor, stree_before(stree_of(cursor->index), addr) + 1);
}

static struct vm_area_struct *stree_next(struct vma_cursor *cursor)
{
	size_t end = stree_of(cursor->index)->n + 1;

	return stree_stand(cursor, min(cursor->slot + 1, end));
}

static struct vm_area_struct *stree_prev(struct vma_cursor *cursor)
{
	return stree_stand(cursor, cursor->slot - (cursor->slot > 0));
}

static int stree_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	return ordered_find_gap(index, gap, stree_seek, stree_next, stree_prev);
}

/* ---- the writer ---- */

/*
 * The blocks of a tree of n VMAs, of which a leaf is two; where each level begins, and
 * how many there are.
 */
static size_t stree_layout(size_t n, size_t at[MAX_HEIGHT], unsigned *height)
{
	size_t blocks = (n + KEYS - 1) / KEYS, sum = 0;

	for (*height = 0; blocks; (*height)++) {
		at[*height] = sum;
		sum += *height ? blocks : 2 * blocks;
		blocks = blocks > 1 ? (blocks + CHILDREN - 1) / CHILDREN : 0;
	}
	return sum;
}

static bool stree_is_wide(const struct stree *stree, unsigned long base, unsigned long last)
{
	return last - base > MAX_DELTA || stree->highest - stree->lowest >= MAX_FAR;
}

/* A VMA that may come. */
static void stree_expect(struct stree *stree, const struct vm_area_struct *vma)
{
	stree->lowest = min(stree->lowest, (uintptr_t)vma);
	stree->highest = max(stree->highest, (uintptr_t)vma);
}

/* Word i of the blocks, 4 or 8 bytes each. */
static void stree_set(struct stree *stree, size_t i, unsigned long value)
{
	if (stree->wide)
		((uint64_t *)stree->keys)[i] = value;
	else
		((uint32_t *)stree->keys)[i] = min(value, UINT32_MAX + 0UL);
}

/* The end of the last VMA below entry i of a level, a VMA or a block; ~0 if it is not full. */
static unsigned long stree_last_end(const struct stree *stree, unsigned level, size_t i)
{
	size_t behind = (i + 1) * (level ? KEYS : 1);

	for (; level > 1; level--)
		behind *= CHILDREN;
	return behind <= stree->n ? vma_end(stree->vma[behind - 1]) >> PAGE_SHIFT : ~0UL;
}

/* Writes the leaves: the ends of the VMAs, and where they are. */
static void stree_make_leaves(struct stree *stree, size_t leaves)
{
	for (size_t i = 0; i < leaves * KEYS; i++) {
		size_t word = i / KEYS * 2 * KEYS + i % KEYS;
		uintptr_t vma = i < stree->n ? (uintptr_t)stree->vma[i] : stree->origin;

		stree_set(stree, word, stree_last_end(stree, 0, i) - stree->base);
		stree_set(stree, word + KEYS, stree->wide ? vma : (vma - stree->origin) / 8);
	}
}

/* Writes all blocks, from the list of VMAs. */
static void stree_make(struct stree *stree)
{
	size_t n = stree->n, blocks = (n + KEYS - 1) / KEYS;

	stree_layout(n, stree->at, &stree->height);
	stree->last = n ? vma_end(stree->vma[n - 1]) >> PAGE_SHIFT : 0;
	stree->base = n ? (vma_end(stree->vma[0]) >> PAGE_SHIFT) - 1 : 0;
	stree->wide = stree_is_wide(stree, stree->base, stree->last);
	stree->base = stree->wide ? 0 : stree->base;
	stree->origin = stree->lowest;
	stree_make_leaves(stree, blocks);
	for (unsigned level = 1; level < stree->height; level++) {
		blocks = (blocks + CHILDREN - 1) / CHILDREN;
		for (size_t i = 0; i < blocks * KEYS; i++) {
			size_t child = i / KEYS * CHILDREN + i % KEYS;

			stree_set(stree, stree->at[level] * KEYS + i,
				  stree_last_end(stree, level, child) - stree->base);
		}
	}
	stree_choose(stree);
}

static size_t stree_keys_size(size_t n, bool wide)
{
	size_t at[MAX_HEIGHT];
	unsigned height;

	return stree_layout(n, at, &height) * KEYS * (wide ? sizeof(uint64_t) : sizeof(uint32_t));
}

static void stree_free(struct stree *stree)
{
	struct arena *arena = stree->ordered.index.arena;

	arena_free(arena, stree->keys, stree->keys_size, 64);
	arena_free(arena, stree->vma, stree->room * sizeof(*stree->vma), 0);
}

/* Room for n VMAs and such keys: what is there is kept, 0 or -ENOMEM. */
static int stree_grow(struct stree *stree, size_t n, bool wide)
{
	struct arena *arena = stree->ordered.index.arena;
	size_t room = max(n, stree->room), keys_size = stree_keys_size(room, wide);
	struct vm_area_struct **vma;
	void *keys;

	if (n <= stree->room && keys_size <= stree->keys_size)
		return 0;
	keys_size = max(keys_size, stree->keys_size);
	keys = arena_alloc(arena, keys_size, 64);
	vma = arena_alloc(arena, room * sizeof(*vma), 0);
	if (!keys || !vma) {
		arena_free(arena, keys, keys_size, 64);
		arena_free(arena, vma, room * sizeof(*vma), 0);
		return -ENOMEM;
	}
	if (stree->room) {
		memcpy(keys, stree->keys, stree->keys_size);
		memcpy(vma, stree->vma, stree->n * sizeof(*vma));
	}
	stree_free(stree);
	stree->keys = keys;
	stree->vma = vma;
	stree->room = room;
	stree->keys_size = keys_size;
	return 0;
}

static int stree_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct stree *stree = stree_of(index);
	size_t need = stree->n;
	unsigned long base = ~0UL, last = stree->last;

	if (need)
		base = (vma_end(stree->vma[0]) >> PAGE_SHIFT) - 1;
	for (unsigned i = 0; i < n; i++) {
		need += edits[i].nput;
		base = min(base, edits[i].lo >> PAGE_SHIFT);
		last = max(last, edits[i].hi >> PAGE_SHIFT);
		for (unsigned j = 0; j < edits[i].nput; j++)
			stree_expect(stree, edits[i].put[j].vma);
	}
	if (need > stree->room)
		need += need / 2;
	return stree_grow(stree, need, stree_is_wide(stree, base, last));
}

static void stree_unreserve(struct vma_index *index)
{
	(void)index;
}

static void stree_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct stree *stree = stree_of(index);
	size_t n = stree->n;
	size_t first = stree_before(stree, edit->lo), tail = first;

	while (tail < n && vma_start(stree->vma[tail]) < edit->hi)
		tail++;
	if (tail < n)
		memmove(&stree->vma[first + edit->nput], &stree->vma[tail],
			(n - tail) * sizeof(*stree->vma));
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		stree->vma[first + i] = put->vma;
		vma_set_bounds(put->vma, put->start, put->end);
	}
	stree->n = n - (tail - first) + edit->nput;
	stree->ordered.vmas = stree->ordered.vmas - (tail - first) + edit->nput;
	stree_make(stree);
}

static int stree_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct stree *stree = stree_of(index);

	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		stree_expect(stree, vmas[i]);
	if (stree_grow(stree, n,
		       stree_is_wide(stree, (vma_end(vmas[0]) >> PAGE_SHIFT) - 1,
				     vma_end(vmas[n - 1]) >> PAGE_SHIFT)))
		return -ENOMEM;
	memcpy(stree->vma, vmas, n * sizeof(*vmas));
	stree->n = stree->ordered.vmas = n;
	stree_make(stree);
	return 0;
}

/* ---- the index ---- */

static int stree_init(struct vma_index *index)
{
	struct stree *stree = stree_of(index);

	stree->lowest = ~0UL;
	stree_choose(stree);
	return 0;
}

static void stree_destroy(struct vma_index *index)
{
	stree_free(stree_of(index));
}

static void stree_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	const struct stree *stree = stree_of(index);

	*footprint = (struct vma_footprint){
		.vmas = stree->ordered.vmas,
		.nodes = stree->room > 0,
		.bytes = sizeof(*stree) + stree->keys_size + stree->room * sizeof(*stree->vma),
		.height = stree->height,
	};
}

static const struct vma_index_ops stree_ops = {
	.name = "static-stree",
	.summary = "static B+-tree of 16 keys a line, made anew by every edit: the bound for find",
	.abi = VMA_INDEX_ABI,
	.invariants = ORDERED_INVARIANTS,
	.size = sizeof(struct stree),
	.init = stree_init,
	.destroy = stree_destroy,
	.find = stree_find,
	.seek = stree_seek,
	.next = stree_next,
	.prev = stree_prev,
	.find_gap = stree_find_gap,
	.reserve = stree_reserve,
	.commit = stree_commit,
	.unreserve = stree_unreserve,
	.build = stree_build,
	.verify = ordered_verify,
	.corrupt = ordered_corrupt,
	.dump = ordered_dump,
	.footprint = stree_footprint,
};

VMA_INDEX_REGISTER(stree_ops);
