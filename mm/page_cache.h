/*
 * page_cache - the pages of one file (inode) that are in memory
 *
 * A file's bytes are not emulated: a page that is read for the first time has
 * a content made from the inode number and its offset.
 */
#ifndef MM_PAGE_CACHE_H
#define MM_PAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/frames.h"

struct page_cache {
	uint64_t ino;
	size_t pages;    /* cached, or written to the file once */
	size_t capacity; /* of slot[]: 0 or a power of two */
	struct page_cache_slot {
		uint64_t pgoff;  /* offset in the file, in pages */
		pfn_t pfn;       /* 0: not in memory; */
		uint64_t stored; /* what was written to the file there; if 0 too, a free slot */
	} * slot;
};

/* An empty cache; it needs no memory until its first page. */
void page_cache_init(struct page_cache *cache, uint64_t ino);

/* Drops all pages and the cache's own memory; the cache is empty then. */
void page_cache_destroy(struct page_cache *cache, struct frames *frames);

/*
 * The page at pgoff, read in if it was not there; 0 when out of memory.  The
 * reference stays the cache's: get_page() for one of your own.
 */
must_check pfn_t page_cache_get(struct page_cache *cache, struct frames *frames, uint64_t pgoff);

/* Of a cached page: is there in it what is not in the file?  Then write it. */
bool page_cache_dirty(const struct page_cache *cache, const struct page *page);
void page_cache_write(struct page_cache *cache, const struct page *page);
/* Drops the cached page at pgoff: the next page_cache_get reads it in again. */
void page_cache_drop(struct page_cache *cache, struct frames *frames, uint64_t pgoff);

/* The page at pgoff if it is in memory, else 0. */
pfn_t page_cache_peek(const struct page_cache *cache, uint64_t pgoff);

/*
 * The pages [first, last] are gone, from memory and from the file: it has there what it first had.
 */
void page_cache_punch(struct page_cache *cache, struct frames *frames, uint64_t first,
		      uint64_t last);
/* The same, and what is to be done with the cache's reference to each page is drop's matter. */
void page_cache_punch_by(struct page_cache *cache, struct frames *frames, uint64_t first,
			 uint64_t last, void (*drop)(void *arg, pfn_t pfn), void *arg);

#endif
