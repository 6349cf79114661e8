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

static bool slot_taken(const struct page_cache_slot *slot)
{
	return slot->pfn || slot->stored;
}

/* What a file that nobody has written to has there. */
static uint64_t first_content(const struct page_cache *cache, uint64_t pgoff)
{
	return mix64(mix64(cache->ino) + pgoff);
}

static size_t page_cache_home(const struct page_cache *cache, uint64_t pgoff)
{
	return mix64(pgoff) & (cache->capacity - 1);
}

/* The slot of pgoff, or the free one where it belongs. */
static struct page_cache_slot *page_cache_find(const struct page_cache *cache, uint64_t pgoff)
{
	size_t i = page_cache_home(cache, pgoff);

	while (slot_taken(&cache->slot[i]) && cache->slot[i].pgoff != pgoff)
		i = (i + 1) & (cache->capacity - 1);
	return &cache->slot[i];
}

/* Moves all pages to a new table; -1: no memory, nothing changed. */
static int page_cache_resize(struct page_cache *cache, struct budget *budget, size_t capacity)
{
	struct page_cache old = *cache;
	struct page_cache_slot *slot;

	if (!budget_take(budget, capacity * sizeof(*slot)))
		return -1;
	slot = calloc(capacity, sizeof(*slot));
	if (!slot) {
		budget_give(budget, capacity * sizeof(*slot));
		return -1;
	}
	cache->slot = slot;
	cache->capacity = capacity;
	for (size_t i = 0; i < old.capacity; i++) {
		if (slot_taken(&old.slot[i]))
			*page_cache_find(cache, old.slot[i].pgoff) = old.slot[i];
	}
	budget_give(budget, old.capacity * sizeof(*slot));
	free(old.slot);
	return 0;
}

/* Frees slot[i] and closes the gap: what follows moves back as far as its home allows. */
static void page_cache_remove(struct page_cache *cache, size_t i)
{
	size_t mask = cache->capacity - 1;

	for (size_t j = (i + 1) & mask; slot_taken(&cache->slot[j]); j = (j + 1) & mask) {
		size_t home = page_cache_home(cache, cache->slot[j].pgoff);

		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		cache->slot[i] = cache->slot[j];
		i = j;
	}
	cache->slot[i] = (struct page_cache_slot){ .pfn = 0 };
	cache->pages--;
}

void page_cache_init(struct page_cache *cache, uint64_t ino)
{
	*cache = (struct page_cache){ .ino = ino };
}

void page_cache_destroy(struct page_cache *cache, struct frames *frames)
{
	page_cache_punch(cache, frames, 0, UINT64_MAX);
}

pfn_t page_cache_get(struct page_cache *cache, struct frames *frames, uint64_t pgoff)
{
	struct page_cache_slot *slot = NULL;

	if (cache->capacity) {
		slot = page_cache_find(cache, pgoff);
		if (slot->pfn)
			return slot->pfn;
	}
	if (!(slot && slot->stored) && 4 * (cache->pages + 1) > 3 * cache->capacity) {
		if (page_cache_resize(cache, frames->budget,
				      max(2 * cache->capacity, (size_t)MIN_CAPACITY)))
			return 0;
		slot = page_cache_find(cache, pgoff);
	}
	pfn_t pfn = alloc_page(frames, slot->stored ? slot->stored : first_content(cache, pgoff));
	if (!pfn)
		return 0;
	pfn_to_page(frames, pfn)->mapping = (uintptr_t)cache;
	pfn_to_page(frames, pfn)->index = pgoff;
	cache->pages += !slot_taken(slot);
	slot->pgoff = pgoff;
	slot->pfn = pfn;
	return pfn;
}

bool page_cache_dirty(const struct page_cache *cache, const struct page *page)
{
	const struct page_cache_slot *slot = page_cache_find(cache, page->index);
	uint64_t stored = slot->stored ? slot->stored : first_content(cache, page->index);

	return page->content != stored;
}

void page_cache_write(struct page_cache *cache, const struct page *page)
{
	struct page_cache_slot *slot = page_cache_find(cache, page->index);

	slot->stored = page->content;
}

void page_cache_drop(struct page_cache *cache, struct frames *frames, uint64_t pgoff)
{
	struct page_cache_slot *slot = page_cache_find(cache, pgoff);

	put_page(frames, slot->pfn);
	slot->pfn = 0;
	if (!slot->stored)
		page_cache_remove(cache, (size_t)(slot - cache->slot));
}

pfn_t page_cache_peek(const struct page_cache *cache, uint64_t pgoff)
{
	return cache->capacity ? page_cache_find(cache, pgoff)->pfn : 0;
}

/*
 * A page that moves back over the end of the table was looked at before, and
 * one that moves into slot i is looked at next, so one round sees them all.
 */
void page_cache_punch_by(struct page_cache *cache, struct frames *frames, uint64_t first,
			 uint64_t last, void (*drop)(void *arg, pfn_t pfn), void *arg)
{
	for (size_t i = 0; i < cache->capacity; i++) {
		while (slot_taken(&cache->slot[i]) && cache->slot[i].pgoff >= first &&
		       cache->slot[i].pgoff <= last) {
			if (cache->slot[i].pfn)
				drop(arg, cache->slot[i].pfn);
			page_cache_remove(cache, i);
		}
	}
	if (!cache->pages) {
		budget_give(frames->budget, cache->capacity * sizeof(*cache->slot));
		free(cache->slot);
		page_cache_init(cache, cache->ino);
		return;
	}
	size_t capacity = cache->capacity;
	while (capacity > MIN_CAPACITY && 4 * cache->pages <= capacity)
		capacity /= 2;
	if (capacity < cache->capacity)
		page_cache_resize(cache, frames->budget,
				  capacity); /* without memory it stays large */
}

static void put_frame(void *frames, pfn_t pfn)
{
	put_page(frames, pfn);
}

void page_cache_punch(struct page_cache *cache, struct frames *frames, uint64_t first,
		      uint64_t last)
{
	page_cache_punch_by(cache, frames, first, last, put_frame, frames);
}
