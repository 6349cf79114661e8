/*
 * static-stree - a B+-tree without pointers, made anew by every edit: the bound for find
 *
 *	level 1      | keys |                  a block is 1 to 8 cache lines of 16 ends, in
 *	           /   |  \    \                  pages above base, compared at once;
 *	level 0  leaf leaf .. leaf             key j: the last end below child j
 *	          v    v       v
 *	place    VMAs VMAs ..  VMAs            of 4 bytes each, in 8-byte units from origin
 *
 * Nothing in it has room to spare, and where a leaf's VMAs are is asked for while
 * it is searched: what a tree that changes can be measured against.  The more
 * lines a block has, the longer a level takes and the fewer levels there are: all
 * blocks of a tree have as many as serve its number of VMAs and the instructions
 * in use best, so that up to 128 VMAs are one block.
 *
 * Where the ends are 2^32 pages apart or more, or the VMAs 32 GB, it is uncompressed: its
 * keys are 64 bits, from 0, and it has no places.
 *
 * Blocks are numbered on each level; block b has the children (keys + 1) b and
 * so on.  Keys that are not in use are above all others.  All VMAs are in a list
 * as well, which an edit changes and from which it writes the rest.
 *
 * Invariants: those of defaults.c.  The first looks for each VMA, so that a
 * wrong key is noticed.
 *
 * After Slotin, "Static B-Trees" (S+ trees) in Algorithms for Modern Hardware;
 * here the levels and the size of a block are those of the number of VMAs at
 * hand, and the keys are short.
 */
#include <stdint.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "indexes/btree/simd.h"
#include "indexes/ordered.h"

#define LINE       16 /* keys */
#define MAX_LINES  8  /* of a block */
#define LEVEL_COST 8  /* what a level costs beside its lines, as stree_search.line counts */
#define MAX_HEIGHT 15 /* 2^57 pages */
#define MAX_DELTA  0xfffffffeUL
#define MAX_FAR    (1UL << 35) /* bytes from origin to the VMAs of a compressed tree */

struct stree {
	struct vma_index index;
	unsigned long base, last;  /* pages: what keys count from, the highest end */
	uintptr_t origin;          /* what places count from */
	uintptr_t lowest, highest; /* of all VMAs that ever came */
	/* The place in order of the first VMA that ends above page, which is below last. */
	size_t (*first)(const struct stree *stree, unsigned long page);
	void *keys;      /* the leaves, then the blocks of the levels above them */
	uint32_t *place; /* of the VMAs in order; behind the keys */
	unsigned height;
	unsigned lines; /* of a block */
	bool uncompressed;
	size_t at[MAX_HEIGHT];       /* the first block of each level, in blocks from keys */
	struct vm_area_struct **vma; /* all of them, in order */
	size_t n;                    /* VMAs in vma */
	size_t room, keys_size;      /* VMAs that vma has room for, bytes of keys and places */
};

static struct stree *stree_of(const struct vma_index *index)
{
	return container_of(index, struct stree, index);
}

/* ---- how many keys of a block are at or below one, for each instruction set ---- */

#define STREE_FIRST(simd, target, lines)                                                      \
	target static size_t stree_first_##simd##_##lines(const struct stree *stree,          \
							  unsigned long page)                 \
	{                                                                                     \
		enum { KEYS = LINE * lines };                                                 \
		const uint32_t(*keys)[KEYS] = stree->keys;                                    \
		uint32_t key = page - stree->base;                                            \
		size_t block = 0;                                                             \
                                                                                              \
		if (unlikely(page < stree->base))                                             \
			return 0;                                                             \
		for (unsigned level = stree->height - 1; level; level--) {                    \
			block = (KEYS + 1) * block +                                          \
				stree_rank_##simd(keys[stree->at[level] + block], KEYS, key); \
			for (unsigned i = 0; level == 1 && i < KEYS; i += LINE)               \
				__builtin_prefetch(&stree->place[KEYS * block + i]);          \
		}                                                                             \
		return KEYS * block + stree_rank_##simd(keys[block], KEYS, key);              \
	}                                                                                     \
	_Static_assert(1, "")

/* How a set of instructions searches, and what a line of a block costs it. */
struct stree_search {
	const char *simd;
	unsigned line;
	size_t (*first[MAX_LINES])(const struct stree *stree,
				   unsigned long page); /* by lines - 1 */
};

#define STREE_SEARCH(simd, target, line)                                                  \
	STREE_FIRST(simd, target, 1);                                                     \
	STREE_FIRST(simd, target, 2);                                                     \
	STREE_FIRST(simd, target, 3);                                                     \
	STREE_FIRST(simd, target, 4);                                                     \
	STREE_FIRST(simd, target, 5);                                                     \
	STREE_FIRST(simd, target, 6);                                                     \
	STREE_FIRST(simd, target, 7);                                                     \
	STREE_FIRST(simd, target, 8);                                                     \
	static const struct stree_search stree_search_##simd = {                          \
		#simd,                                                                    \
		line,                                                                     \
		{ stree_first_##simd##_1, stree_first_##simd##_2, stree_first_##simd##_3, \
		  stree_first_##simd##_4, stree_first_##simd##_5, stree_first_##simd##_6, \
		  stree_first_##simd##_7, stree_first_##simd##_8 },                       \
	}

#ifdef __x86_64__
#define STREE_AVX512 __attribute__((target("avx512f,popcnt")))
#define STREE_AVX2   __attribute__((target("avx2,popcnt")))

STREE_AVX512 static inline __attribute__((always_inline)) unsigned
stree_rank_avx512(const uint32_t *keys, unsigned n, uint32_t key)
{
	__m512i k = _mm512_set1_epi32((int)key);
	unsigned upto = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i += LINE)
		upto += __builtin_popcountl(
			_mm512_cmple_epu32_mask(_mm512_load_si512(keys + i), k));
	return upto;
}

/* A byte of 8 bits: which of 8 keys are at or below it. */
STREE_AVX2 static inline unsigned stree_upto_avx2(const uint32_t *keys, __m256i key)
{
	__m256i some = _mm256_load_si256((const __m256i *)keys);
	__m256i upto = _mm256_cmpeq_epi32(_mm256_min_epu32(some, key), some);

	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(upto));
}

STREE_AVX2 static inline __attribute__((always_inline)) unsigned
stree_rank_avx2(const uint32_t *keys, unsigned n, uint32_t key)
{
	__m256i k = _mm256_set1_epi32((int)key);
	unsigned upto = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i += LINE)
		upto += __builtin_popcount(stree_upto_avx2(keys + i, k) |
					   stree_upto_avx2(keys + i + 8, k) << 8);
	return upto;
}

STREE_SEARCH(avx512, STREE_AVX512, 1);
STREE_SEARCH(avx2, STREE_AVX2, 2);
#endif

/* For SSE2 and NEON the compiler makes vectors of it. */
static inline __attribute__((always_inline)) unsigned stree_rank_any(const uint32_t *keys,
								     unsigned n, uint32_t key)
{
	unsigned upto = 0;

	for (unsigned i = 0; i < n; i++)
		upto += keys[i] <= key;
	return upto;
}

/* The line by counting, in it binary search without branches. */
static inline __attribute__((always_inline)) unsigned stree_rank_scalar(const uint32_t *keys,
									unsigned n, uint32_t key)
{
	unsigned at = 0;

#pragma GCC unroll 8
	for (unsigned i = LINE; i < n; i += LINE)
		at += LINE & -(unsigned)(keys[i - 1] <= key);
#pragma GCC unroll 8
	for (unsigned half = LINE / 2; half; half /= 2)
		at += half & -(unsigned)(keys[at + half - 1] <= key);
	return at + (keys[at] <= key);
}

STREE_SEARCH(any, , 4);
STREE_SEARCH(scalar, , 1);

static size_t stree_first_uncompressed(const struct stree *stree, unsigned long page)
{
	const uint64_t *keys = stree->keys;
	size_t n = (size_t)LINE * stree->lines, block = 0;

	for (unsigned level = stree->height; level--;) {
		const uint64_t *key = keys + n * (stree->at[level] + block);
		unsigned upto = 0;

		for (unsigned i = 0; i < n; i++)
			upto += key[i] <= page;
		block = (level ? n + 1 : n) * block + upto;
	}
	return block;
}

/* The searches by the instructions that --simd has chosen. */
static const struct stree_search *stree_search(void)
{
	static const struct stree_search *const all[] = {
#ifdef __x86_64__
		&stree_search_avx512,
		&stree_search_avx2,
#endif
		&stree_search_scalar,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		if (!strcmp(all[i]->simd, btree_simd_used()))
			return all[i];
	}
	return &stree_search_any;
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
	if (unlikely(stree->uncompressed))
		return stree->vma[first];
	return (void *)(stree->origin + 8UL * stree->place[first]);
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

static unsigned stree_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	return vma_scan_by(cursor, vmas, n, stree_next);
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

/* The blocks of a tree of n VMAs: where each level begins, and how many there are. */
static size_t stree_layout(size_t n, unsigned lines, size_t at[MAX_HEIGHT], unsigned *height)
{
	size_t keys = (size_t)LINE * lines, blocks = (n + keys - 1) / keys, sum = 0;

	for (*height = 0; blocks; (*height)++) {
		at[*height] = sum;
		sum += blocks;
		blocks = blocks > 1 ? (blocks + keys) / (keys + 1) : 0;
	}
	return sum;
}

/* The lines of a block with which n VMAs are found fastest. */
static unsigned stree_best_lines(const struct stree_search *search, size_t n)
{
	unsigned best = 1, best_cost = ~0u;

	for (unsigned lines = 1; lines <= MAX_LINES; lines++) {
		size_t at[MAX_HEIGHT];
		unsigned height, cost;

		stree_layout(n, lines, at, &height);
		cost = height * (LEVEL_COST + (search->line * lines));
		if (cost < best_cost) {
			best = lines;
			best_cost = cost;
		}
	}
	return best;
}

static bool stree_is_uncompressed(const struct stree *stree, unsigned long base, unsigned long last)
{
	return last - base > MAX_DELTA || stree->highest - stree->lowest >= MAX_FAR;
}

/* A VMA that may come. */
static void stree_expect(struct stree *stree, const struct vm_area_struct *vma)
{
	stree->lowest = min(stree->lowest, (uintptr_t)vma);
	stree->highest = max(stree->highest, (uintptr_t)vma);
}

/* Key i of the blocks, 4 or 8 bytes each. */
static void stree_set(struct stree *stree, size_t i, unsigned long key)
{
	if (stree->uncompressed)
		((uint64_t *)stree->keys)[i] = key;
	else
		((uint32_t *)stree->keys)[i] = min(key, UINT32_MAX + 0UL);
}

/* The end of the last VMA below entry i of a level, a VMA or a block; ~0 if it is not full. */
static unsigned long stree_last_end(const struct stree *stree, unsigned level, size_t i)
{
	size_t keys = (size_t)LINE * stree->lines, behind = (i + 1) * (level ? keys : 1);

	for (; level > 1; level--)
		behind *= keys + 1;
	return behind <= stree->n ? vma_end(stree->vma[behind - 1]) >> PAGE_SHIFT : ~0UL;
}

static size_t stree_keys_size(size_t n, bool uncompressed)
{
	size_t at[MAX_HEIGHT], most = 0;
	unsigned height;

	for (unsigned lines = 1; lines <= MAX_LINES; lines++)
		most = max(most, stree_layout(n, lines, at, &height) * lines);
	return (most * LINE + (uncompressed ? 0 : n)) *
	       (uncompressed ? sizeof(uint64_t) : sizeof(uint32_t));
}
/* Writes the keys of a level that has so many blocks. */
static void stree_make_level(struct stree *stree, unsigned level, size_t blocks)
{
	size_t keys = (size_t)LINE * stree->lines;

	for (size_t i = 0; i < blocks * keys; i++) {
		size_t child = level ? i / keys * (keys + 1) + i % keys : i;

		stree_set(stree, stree->at[level] * keys + i,
			  stree_last_end(stree, level, child) - stree->base);
	}
}

/* Writes where the VMAs are, behind so many blocks. */
static void stree_make_places(struct stree *stree, size_t blocks)
{
	stree->origin = stree->lowest;
	stree->place = (uint32_t *)stree->keys + blocks * LINE * stree->lines;
	for (size_t i = 0; i < stree->n; i++)
		stree->place[i] = ((uintptr_t)stree->vma[i] - stree->origin) / 8;
}

/* Writes all but the list of VMAs, from that. */
static void stree_make(struct stree *stree)
{
	const struct stree_search *search = stree_search();
	size_t n = stree->n, blocks;

	stree->last = n ? vma_end(stree->vma[n - 1]) >> PAGE_SHIFT : 0;
	stree->base = n ? (vma_end(stree->vma[0]) >> PAGE_SHIFT) - 1 : 0;
	stree->uncompressed = stree_is_uncompressed(stree, stree->base, stree->last);
	stree->base = stree->uncompressed ? 0 : stree->base;
	stree->lines = stree_best_lines(search, n);
	stree->first =
		stree->uncompressed ? stree_first_uncompressed : search->first[stree->lines - 1];
	blocks = stree_layout(n, stree->lines, stree->at, &stree->height);
	for (unsigned level = 0; level < stree->height; level++) {
		size_t end = level + 1 < stree->height ? stree->at[level + 1] : blocks;

		stree_make_level(stree, level, end - stree->at[level]);
	}
	if (!stree->uncompressed)
		stree_make_places(stree, blocks);
}

static void stree_free(struct stree *stree)
{
	struct arena *arena = stree->index.arena;

	arena_free(arena, stree->keys, stree->keys_size, 64);
	arena_free(arena, stree->vma, stree->room * sizeof(*stree->vma), 0);
}

/* Room for n VMAs and such keys: what is there is kept, 0 or -ENOMEM. */
static int stree_grow(struct stree *stree, size_t n, bool uncompressed)
{
	struct arena *arena = stree->index.arena;
	size_t room = max(n, stree->room), keys_size = stree_keys_size(room, uncompressed);
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
	if (stree->n && !stree->uncompressed)
		stree->place =
			(void *)((char *)keys + ((char *)stree->place - (char *)stree->keys));
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
	return stree_grow(stree, need, stree_is_uncompressed(stree, base, last));
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
		       stree_is_uncompressed(stree, (vma_end(vmas[0]) >> PAGE_SHIFT) - 1,
					     vma_end(vmas[n - 1]) >> PAGE_SHIFT)))
		return -ENOMEM;
	memcpy(stree->vma, vmas, n * sizeof(*vmas));
	stree->n = n;
	stree_make(stree);
	return 0;
}

/* ---- the index ---- */

static int stree_init(struct vma_index *index)
{
	stree_of(index)->lowest = ~0UL;
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
		.vmas = stree->n,
		.nodes = stree->room > 0,
		.bytes = sizeof(*stree) + stree->keys_size + stree->room * sizeof(*stree->vma),
		.height = stree->height,
	};
}

static const struct vma_index_ops stree_ops = {
	.name = "static-stree",
	.summary = "static B+-tree of whole lines of keys, made anew by every edit: the bound for "
		   "find",
	.abi = VMA_INDEX_ABI,
	.size = sizeof(struct stree),
	.init = stree_init,
	.destroy = stree_destroy,
	.find = stree_find,
	.seek = stree_seek,
	.next = stree_next,
	.prev = stree_prev,
	.scan = stree_scan,
	.find_gap = stree_find_gap,
	.reserve = stree_reserve,
	.commit = stree_commit,
	.build = stree_build,
	.footprint = stree_footprint,
};

VMA_INDEX_REGISTER(stree_ops);
