/*
 * frames - the emulated physical memory of one machine (see frames.h)
 *
 *   chunk[]  -> [ zero | page | free | page | ... ]   CHUNK_PAGES pages each
 *            -> [ page | free | ----- never used ]    next: the first never used
 *                   |       |
 *   free -----------+       |                         through content, 0 ends it
 *   cache[thread].free -----+
 *
 * Chunks are added at the end and stay, so a struct page never moves, and the
 * memory is in proportion to the most pages that ever were in use at a time.
 * A thread takes pages from its own list and gives them back there; batches go to and
 * from the common list, under the lock.
 */
#include "mm/frames.h"

#include <errno.h>
#include <stdlib.h>

#include "mm/thread.h"

#define BATCH         64
#define CHUNK_BYTES   (CHUNK_PAGES * sizeof(struct page))
#define SHARED_CHUNKS (1UL << 15) /* 512 GiB of pages */

/* A thread's free pages, on a cache line of their own. */
struct frame_cache {
	pfn_t free;      /* the first of those that were in use before, */
	size_t n;        /* how many there are; */
	pfn_t next, end; /* and some that never were */
	char rest[32];
};

int frames_grow(struct frames *frames)
{
	if (frames->nchunks == frames->max_chunks) {
		if (frames->shared)
			return -1;
		size_t room = frames->max_chunks ? 2 * frames->max_chunks : 16;
		struct page **chunk = realloc(frames->chunk, room * sizeof(*chunk));

		if (!chunk)
			return -1;
		frames->chunk = chunk;
		frames->max_chunks = room;
	}
	if (!budget_take(frames->budget, CHUNK_BYTES))
		return -1;
	struct page *pages = calloc(1, CHUNK_BYTES);
	if (!pages) {
		budget_give(frames->budget, CHUNK_BYTES);
		return -1;
	}
	frames->chunk[frames->nchunks++] = pages;
	return 0;
}

struct frames *frames_create(size_t max_pages, struct budget *budget)
{
	struct frames *frames = calloc(1, sizeof(*frames));

	if (!frames)
		return NULL;
	frames->threads = 1;
	frames->budget = budget;
	frames->spill_at = SIZE_MAX;
	frames->cache = calloc(1, sizeof(*frames->cache));
	if (!frames->cache || frames_grow(frames)) {
		frames_destroy(frames);
		return NULL;
	}
	*pfn_to_page(frames, 0) = (struct page){ ._refcount = 1 };
	frames->next = 1;
	frames->max_pages = max_pages ? max_pages : SIZE_MAX;
	return frames;
}

int frames_share(struct frames *frames, unsigned threads)
{
	struct frame_cache *cache;
	struct page **chunk;

	chunk = realloc(frames->chunk, SHARED_CHUNKS * sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	frames->chunk = chunk;
	frames->max_chunks = SHARED_CHUNKS;
	cache = aligned_alloc(sizeof(*cache), threads * sizeof(*cache));
	if (!cache)
		return -ENOMEM;
	cache[0] = frames->cache[0];
	for (unsigned i = 1; i < threads; i++)
		cache[i] = (struct frame_cache){ 0 };
	free(frames->cache);
	frames->cache = cache;
	frames->threads = threads;
	frames->shared = true;
	frames->spill_at = 2 * BATCH;
	return 0;
}

void frames_destroy(struct frames *frames)
{
	if (!frames)
		return;
	for (size_t i = 0; i < frames->nchunks; i++)
		free(frames->chunk[i]);
	budget_give(frames->budget, frames->nchunks * CHUNK_BYTES);
	free(frames->chunk);
	free(frames->cache);
	free(frames);
}

/* ---- free pages ---- */

/* The first page of a list that is linked through content: not 0. */
static pfn_t pop(struct frames *frames, pfn_t *list)
{
	pfn_t pfn = *list;

	*list = pfn_to_page(frames, pfn)->content;
	return pfn;
}

static void push(struct frames *frames, pfn_t *list, pfn_t pfn)
{
	pfn_to_page(frames, pfn)->content = *list;
	*list = pfn;
}

/* A batch for a thread that has none: used ones, else new ones, or what is left. */
static __attribute__((noinline)) void cache_fill(struct frames *frames, struct frame_cache *cache)
{
	size_t room;

	spin_lock(&frames->lock);
	room = min(frames->max_pages - frames->taken, (size_t)BATCH);
	if (!frames->free)
		break_huge_page(frames);
	for (; frames->free && cache->n < room; cache->n++)
		push(frames, &cache->free, pop(frames, &frames->free));
	frames->taken += cache->n;
	if (!cache->n && (frames->next >> CHUNK_SHIFT < frames->nchunks || !frames_grow(frames))) {
		room = min(room, CHUNK_PAGES - (frames->next & (CHUNK_PAGES - 1)));
		cache->next = frames->next;
		cache->end = frames->next += room;
		frames->taken += room;
	}
	spin_unlock(&frames->lock);
}

/* A batch of a thread that has two. */
static __attribute__((noinline)) void cache_spill(struct frames *frames, struct frame_cache *cache)
{
	spin_lock(&frames->lock);
	for (; cache->n > BATCH; cache->n--, frames->taken--)
		push(frames, &frames->free, pop(frames, &cache->free));
	spin_unlock(&frames->lock);
}

/* There is no page: because there are max_pages, or because the host has no more. */
static void note_exhausted(struct frames *frames)
{
	if (frames->taken == frames->max_pages)
		__atomic_store_n(&frames->exhausted, true, __ATOMIC_RELAXED);
}

pfn_t alloc_page(struct frames *frames, uint64_t content)
{
	struct frame_cache *cache = &frames->cache[mm_thread];
	pfn_t pfn;

	if (!cache->free && cache->next == cache->end)
		cache_fill(frames, cache);
	if (cache->free) {
		pfn = pop(frames, &cache->free);
		cache->n--;
	} else if (cache->next < cache->end) {
		pfn = cache->next++;
	} else {
		note_exhausted(frames);
		return 0;
	}
	*pfn_to_page(frames, pfn) = (struct page){ ._refcount = 1, .content = content };
	return pfn;
}

void free_page(struct frames *frames, pfn_t pfn, struct page *page)
{
	struct frame_cache *cache = &frames->cache[mm_thread];

	page->content = cache->free;
	cache->free = pfn;
	if (++cache->n == frames->spill_at)
		cache_spill(frames, cache);
}

size_t frames_in_use(const struct frames *frames)
{
	size_t in_use = frames->taken;

	for (unsigned i = 0; i < frames->threads; i++)
		in_use -= frames->cache[i].n + (frames->cache[i].end - frames->cache[i].next);
	return in_use;
}

size_t frames_bytes(const struct frames *frames)
{
	return sizeof(*frames) + frames->max_chunks * sizeof(frames->chunk[0]) +
	       frames->threads * sizeof(*frames->cache) +
	       frames->nchunks * CHUNK_PAGES * sizeof(struct page);
}
