/*
 * judy - JudyL: a compressed radix tree of 256-way nodes in many forms, by Doug Baskins
 *
 *	VMA's end / 256 -> VMA          JudyLNext is find, next and prev (see keyed.h)
 *
 * Judy's digits are of 8 bits.  With 256ths of addresses the last digit is one
 * of 16, a small leaf, and the digits above are whole: at 65,536 VMAs of a
 * layout, find takes 0.6 of the time that it takes with page numbers, and the
 * tree 18 bytes a VMA, not 22 (with bytes 0.6 and 19).
 *
 * Judy takes its memory by JudyMalloc and JudyFree, which a program may replace:
 * here they are the arena of the index that is at work.
 *
 * What an insert or a removal needs Judy does not tell, and Judy 1.0.5 loses
 * nodes when it gets none in the middle of one.  So each is begun only with a
 * last resort at hand, CALL_WORDS that it may use up: it comes to its end in any
 * case, and only then it is told whether the arena had memory for it.  Inserts
 * are made in reserve, a removal waits for memory if it must (keyed.h).
 *
 * CALL_WORDS: a call makes at most one branch of 256 (512 words), and beside it
 * what one leaf of at most 32 keys becomes: a branch and leaves of 32 keys and
 * values in all, in blocks at most twice as large.
 *
 * Invariants: those of ordered.h.
 */
#include <Judy.h>

#include "indexes/vma_index.h"

#define KEYED_SHIFT 8
#define KEYED(name) judy_##name
#include "indexes/peers/keyed.h"

#define CALL_WORDS 1024

/* Memory for a call that finds none in the arena. */
struct judy_resort {
	struct judy_resort *next;
	size_t used, live; /* words given out; blocks given out and not back */
	Word_t words[CALL_WORDS];
};

struct judy {
	struct keyed keyed;
	void *array;
	size_t nodes, bytes;        /* that Judy has of the arena */
	struct judy_resort *resort; /* the first is for the next call if it is unused */
	size_t resorts, live;       /* how many, and the blocks that Judy has of them */
	bool out;                   /* the arena had no memory */
};

static __thread struct judy *judy_at_work; /* whose array changes */

static struct judy *judy_of(const struct vma_index *index)
{
	return container_of(index, struct judy, keyed.index);
}

/* ---- what Judy calls ---- */

static void *judy_resort_take(struct judy *judy, Word_t words)
{
	struct judy_resort *resort = judy->resort;
	void *node = &resort->words[resort->used];

	judy->out = true;
	if (words > CALL_WORDS - resort->used)
		return NULL;
	resort->used += words;
	resort->live++;
	judy->live++;
	return node;
}

static void judy_resort_free(struct judy *judy, struct judy_resort **at)
{
	struct judy_resort *resort = *at;

	*at = resort->next;
	judy->resorts--;
	arena_free(judy->keyed.index.arena, resort, sizeof(*resort), 0);
}

/* Takes a block back if it is one of a last resort. */
static bool judy_resort_give(struct judy *judy, Word_t *node)
{
	struct judy_resort **at = &judy->resort, *resort;

	for (; (resort = *at); at = &resort->next) {
		if (node >= resort->words && node < resort->words + CALL_WORDS)
			break;
	}
	if (!resort)
		return false;
	judy->live--;
	if (!--resort->live && resort != judy->resort)
		judy_resort_free(judy, at);
	return true;
}

/* Before a call that changes the array: is there a last resort for it? */
static bool judy_begin(struct judy *judy)
{
	struct judy_resort *resort = judy->resort;

	judy_at_work = judy;
	judy->out = false;
	if (resort && !resort->live)
		resort->used = 0;
	if (likely(resort && !resort->used))
		return true;
	resort = arena_alloc(judy->keyed.index.arena, sizeof(*resort), 0);
	if (!resort)
		return false;
	resort->next = judy->resort;
	resort->used = resort->live = 0;
	judy->resort = resort;
	judy->resorts++;
	return true;
}

Word_t JudyMalloc(Word_t words)
{
	struct judy *judy = judy_at_work;
	void *node = arena_alloc(judy->keyed.index.arena, words * sizeof(words), 0);

	if (unlikely(!node))
		return (Word_t)judy_resort_take(judy, words);
	judy->nodes++;
	judy->bytes += words * sizeof(words);
	return (Word_t)node;
}

void JudyFree(void *node, Word_t words)
{
	struct judy *judy = judy_at_work;

	if (unlikely(judy->live) && judy_resort_give(judy, node))
		return;
	judy->nodes--;
	judy->bytes -= words * sizeof(words);
	arena_free(judy->keyed.index.arena, node, words * sizeof(words), 0);
}

Word_t JudyMallocVirtual(Word_t words)
{
	return JudyMalloc(words);
}

void JudyFreeVirtual(void *node, Word_t words)
{
	JudyFree(node, words);
}

/* ---- what keyed.h asks for ---- */

static inline struct vm_area_struct *judy_found(void **at, unsigned long *key)
{
	if (likely(at))
		return *at;
	*key = KEYED_NONE;
	return NULL;
}

static inline struct vm_area_struct *judy_above(const struct vma_index *index, unsigned long *key)
{
	return judy_found(JudyLNext(judy_of(index)->array, key, PJE0), key);
}

static inline struct vm_area_struct *judy_below(const struct vma_index *index, unsigned long *key)
{
	return judy_found(JudyLPrev(judy_of(index)->array, key, PJE0), key);
}

static bool judy_remove(struct vma_index *index, unsigned long key)
{
	struct judy *judy = judy_of(index);

	if (likely(judy_begin(judy)))
		return JudyLDel(&judy->array, key, PJE0) == 1;
	*JudyLGet(judy->array, key, PJE0) = NULL;
	return false;
}

static int judy_add(struct vma_index *index, unsigned long key)
{
	struct judy *judy = judy_of(index);
	void **at;

	if (!judy_begin(judy))
		return -ENOMEM;
	at = JudyLIns(&judy->array, key, PJE0);
	if (likely(!judy->out))
		return !*at;
	if (!*at)
		judy_drop(index, key);
	return -ENOMEM;
}

static int judy_ready(struct vma_index *index)
{
	(void)index;
	return 0;
}

static void judy_put(struct vma_index *index, unsigned long key, struct vm_area_struct *vma)
{
	*JudyLGet(judy_of(index)->array, key, PJE0) = vma;
}

/* ---- the index ---- */

static int judy_init(struct vma_index *index)
{
	(void)index;
	return 0;
}

static void judy_destroy(struct vma_index *index)
{
	struct judy *judy = judy_of(index);

	judy_at_work = judy;
	JudyLFreeArray(&judy->array, PJE0);
	while (judy->resort)
		judy_resort_free(judy, &judy->resort);
}

static struct vm_area_struct *judy_find(const struct vma_index *index, unsigned long addr)
{
	unsigned long key = addr >> KEYED_SHIFT;

	return judy_up(index, &key);
}

static int judy_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct judy *judy = judy_of(index);

	for (size_t i = 0; i < n; i++) {
		void **at = NULL;

		if (judy_begin(judy))
			at = JudyLIns(&judy->array, vma_end(vmas[i]) >> KEYED_SHIFT, PJE0);
		if (!at || judy->out) {
			judy_destroy(index);
			return -ENOMEM;
		}
		*at = vmas[i];
	}
	judy->keyed.vmas = n;
	return 0;
}

static void judy_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	const struct judy *judy = judy_of(index);

	*footprint = (struct vma_footprint){
		.vmas = judy->keyed.vmas,
		.nodes = judy->nodes,
		.bytes = sizeof(*judy) + judy->bytes + judy->resorts * sizeof(*judy->resort),
	};
}

static const struct vma_index_ops judy_ops = {
	.name = "judy",
	.summary = "JudyL of ends: compressed 256-way radix tree",
	.abi = VMA_INDEX_ABI,
	.caps = VMA_INDEX_PEER,
	.size = sizeof(struct judy),
	.init = judy_init,
	.destroy = judy_destroy,
	.find = judy_find,
	.seek = judy_seek,
	.next = judy_next,
	.prev = judy_prev,
	.scan = judy_scan,
	.find_gap = judy_find_gap,
	.reserve = judy_reserve,
	.commit = judy_commit,
	.unreserve = judy_unreserve,
	.build = judy_build,
	.footprint = judy_footprint,
};

VMA_INDEX_REGISTER(judy_ops);
