/*
 * page_cache - the pages of one file that are in memory (see page_cache.h)
 *
 * A hash table of pgoff with open addressing, linear probing and deletion by
 * moving back (Knuth, The Art of Computer Programming 3, 6.4, algorithm R).
 * Invariants: 1. at most 3/4 of the slots are taken; 2. between the slot a
 * page hashes to and the one it is in, no slot is free.
 */
#include "mm/page_cache.h"

#include <stdlib.h>

#include "base/rng.h"

#define MIN_CAPACITY 8

static size_t page_cache_home(const struct page_cache *cache, uint64_t pgoff)
{
	return mix64(pgoff) & (cache->capacity - 1);
}

/* The slot of pgoff, or the free one where it belongs. */
static struct page_cache_slot *page_cache_find(const struct page_cache *cache, uint64_t pgoff)
{
	size_t i = page_cache_home(cache, pgoff);

	while (cache->slot[i].pfn && cache->slot[i].pgoff != pgoff)
		i = (i + 1) & (cache->capacity - 1);
	return &cache->slot[i];
}

/* Moves all pages to a new table; -1: no memory, nothing changed. */
static int page_cache_resize(struct page_cache *cache, size_t capacity)
{
	struct page_cache old = *cache;
	struct page_cache_slot *slot = calloc(capacity, sizeof(*slot));

	if (!slot)
		return -1;
	cache->slot = slot;
	cache->capacity = capacity;
	for (size_t i = 0; i < old.capacity; i++) {
		if (old.slot[i].pfn)
			*page_cache_find(cache, old.slot[i].pgoff) = old.slot[i];
	}
	free(old.slot);
	return 0;
}

/* Frees slot[i] and closes the gap: what follows moves back as far as its home allows. */
static void page_cache_remove(struct page_cache *cache, size_t i)
{
	size_t mask = cache->capacity - 1;

	for (size_t j = (i + 1) & mask; cache->slot[j].pfn; j = (j + 1) & mask) {
		size_t home = page_cache_home(cache, cache->slot[j].pgoff);

		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		cache->slot[i] = cache->slot[j];
		i = j;
	}
	cache->slot[i].pfn = 0;
	cache->pages--;
}

void page_cache_init(struct page_cache *cache, uint64_t ino)
{
	*cache = (struct page_cache){ .ino = ino };
}

void page_cache_destroy(struct page_cache *cache, struct frames *frames)
{
	page_cache_truncate(cache, frames, 0);
}

pfn_t page_cache_get(struct page_cache *cache, struct frames *frames, uint64_t pgoff)
{
	struct page_cache_slot *slot = NULL;

	if (cache->capacity) {
		slot = page_cache_find(cache, pgoff);
		if (slot->pfn)
			return slot->pfn;
	}
	if (4 * (cache->pages + 1) > 3 * cache->capacity) {
		if (page_cache_resize(cache, max(2 * cache->capacity, (size_t)MIN_CAPACITY)))
			return 0;
		slot = page_cache_find(cache, pgoff);
	}
	pfn_t pfn = alloc_page(frames, mix64(mix64(cache->ino) + pgoff));
	if (pfn) {
		pfn_to_page(frames, pfn)->mapping = (uintptr_t)cache;
		pfn_to_page(frames, pfn)->index = pgoff;
		*slot = (struct page_cache_slot){ .pgoff = pgoff, .pfn = pfn };
		cache->pages++;
	}
	return pfn;
}

/*
 * A page that moves back over the end of the table was looked at before, and
 * one that moves into slot i is looked at next, so one round sees them all.
 */
void page_cache_truncate(struct page_cache *cache, struct frames *frames, uint64_t pgoff)
{
	for (size_t i = 0; i < cache->capacity; i++) {
		while (cache->slot[i].pfn && cache->slot[i].pgoff >= pgoff) {
			put_page(frames, cache->slot[i].pfn);
			page_cache_remove(cache, i);
		}
	}
	if (!cache->pages) {
		free(cache->slot);
		page_cache_init(cache, cache->ino);
		return;
	}
	size_t capacity = cache->capacity;
	while (capacity > MIN_CAPACITY && 4 * cache->pages <= capacity)
		capacity /= 2;
	if (capacity < cache->capacity)
		page_cache_resize(cache, capacity);     /* without memory it stays large */
}
