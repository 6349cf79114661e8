/*
 * frames - the emulated physical memory of one machine
 *
 * A page frame has counts and one word of content, no bytes: enough to check
 * that copy-on-write copies what it must and shares what it may.
 *
 * One thread at a time uses a machine's frames, unless they are shared.  The zero page,
 * which all have, is not counted: no thread writes what all others read.
 */
#ifndef MM_FRAMES_H
#define MM_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/spinlock.h"
#include "base/util.h"

typedef uint64_t pfn_t; /* page frame number; 0 is the shared zero page */

struct page {
	int _refcount;       /* leaf entries, page caches, others; 0: free; < 0: in a compound */
	int _mapcount;       /* leaf entries that map it */
	uint64_t content;    /* of a free page: the next free one */
	uintptr_t mapping;   /* the page_cache or, with PAGE_ANON, the anon_vma it is in; or 0 */
	unsigned long index; /* and where: its offset, in pages */
};

#define PAGE_ANON 1UL

#define CHUNK_SHIFT 12
#define CHUNK_PAGES (1UL << CHUNK_SHIFT)

struct frame_cache;

/* See frames.c; here only for what is inlined below. */
struct frames {
	struct page **chunk;
	struct frame_cache *cache; /* of each thread */
	bool shared;               /* then chunk[] has all its room from the start, */
	size_t spill_at;           /* and no thread keeps that many free pages */
	unsigned threads;
	struct spinlock lock;       /* of all that follows, if shared */
	size_t nchunks, max_chunks; /* there are; chunk[] has room for */
	pfn_t next;                 /* the lowest frame that was never used */
	pfn_t free;                 /* the first free one below next, or 0 */
	pfn_t huge_free;            /* the first of the first free huge page, or 0 */
	size_t taken, max_pages;    /* in use or in a thread's list; they may be */
	struct budget *budget;      /* of the host's memory, or NULL */
	bool exhausted;             /* a page was refused because of max_pages */
};

/*
 * A machine with the zero page only; NULL when there is no host memory.
 * At most max_pages frames, the zero page not counted, are ever in use at a
 * time; 0: no limit.  What they take of the host's memory comes from budget, if it is not NULL.
 */
must_check struct frames *frames_create(size_t max_pages, struct budget *budget);

/*
 * From now on threads 0 to threads - 1 may use them side by side; of the limit each may
 * hold back a batch of free pages.  0 or -ENOMEM.
 */
must_check int frames_share(struct frames *frames, unsigned threads);

/* Ends the machine, pages in use included. NULL is allowed. */
void frames_destroy(struct frames *frames);

/*
 * A page that holds content, with one reference (the caller's) and mapped
 * nowhere; 0, which is never handed out, when out of memory.
 */
must_check pfn_t alloc_page(struct frames *frames, uint64_t content);

/* Takes a page back that has no reference left. */
void free_page(struct frames *frames, pfn_t pfn, struct page *page);

/* The page of a frame that is in use. It never moves. */
static inline struct page *pfn_to_page(struct frames *frames, pfn_t pfn)
{
	return &frames->chunk[pfn >> CHUNK_SHIFT][pfn & (CHUNK_PAGES - 1)];
}

static inline int page_add(const struct frames *frames, int *count, int n)
{
	if (unlikely(frames->shared))
		return __atomic_add_fetch(count, n, __ATOMIC_ACQ_REL);
	return *count += n;
}

/* How many references there are. */
static inline int page_count(const struct page *page)
{
	return __atomic_load_n(&page->_refcount, __ATOMIC_ACQUIRE);
}

/* What is in it, which others may write or read at the same time. */
static inline uint64_t page_content(const struct page *page)
{
	return __atomic_load_n(&page->content, __ATOMIC_RELAXED);
}

static inline void page_set_content(struct page *page, uint64_t content)
{
	__atomic_store_n(&page->content, content, __ATOMIC_RELAXED);
}

/* One reference more. */
static inline void get_page(struct frames *frames, pfn_t pfn)
{
	if (pfn)
		page_add(frames, &pfn_to_page(frames, pfn)->_refcount, 1);
}

/* One reference less; the last one frees the page. The zero page stays. */
static inline void put_page(struct frames *frames, pfn_t pfn)
{
	struct page *page = pfn_to_page(frames, pfn);

	if (pfn && !page_add(frames, &page->_refcount, -1))
		free_page(frames, pfn, page);
}

/* One leaf entry more maps it; one fewer, which had a reference too. */
static inline void page_map(struct frames *frames, pfn_t pfn)
{
	if (pfn)
		page_add(frames, &pfn_to_page(frames, pfn)->_mapcount, 1);
}

static inline void page_unmap(struct frames *frames, pfn_t pfn)
{
	struct page *page = pfn_to_page(frames, pfn);

	if (!pfn)
		return;
	page_add(frames, &page->_mapcount, -1);
	if (!page_add(frames, &page->_refcount, -1))
		free_page(frames, pfn, page);
}

/* ---- huge_frames.c ---- */

/*
 * A huge page is HUGE_PAGES pages in a row that begin at a multiple of that.  Each has a
 * content of its own.  As long as it is a compound, its first page's counts are those of the
 * whole; split, each page has its own, also where page tables still map the whole.  Page 0
 * stands for the huge zero page, too.  Who maps, gets, puts or splits one is alone at it.
 */
#define HUGE_PAGE_SHIFT 9
#define HUGE_PAGES      (1UL << HUGE_PAGE_SHIFT)

/* A compound with one reference, the caller's, or 0: out of memory. */
must_check pfn_t alloc_huge_page(struct frames *frames, uint64_t content);
/* One reference more or less to the whole, by its first page; the last one frees it. */
void get_huge_page(struct frames *frames, pfn_t pfn);
void put_huge_page(struct frames *frames, pfn_t pfn);
/* So many entries more that map the whole, fewer if negative. */
void map_huge_page(struct frames *frames, pfn_t pfn, int n);
/* From now on its pages stand alone, each with the counts that the whole had. */
void split_huge_page(struct frames *frames, pfn_t pfn);
/* There is one reference to each of its pages, and no more. */
bool huge_page_exclusive(struct frames *frames, pfn_t pfn);
/* The page that has the counts of this one: itself, or the first of its compound. */
struct page *compound_head(struct frames *frames, pfn_t pfn);

/* Under the lock: a chunk more, 0 or -1; the pages of a free huge page become single ones. */
must_check int frames_grow(struct frames *frames);
void break_huge_page(struct frames *frames);

/* All pages that were ever handed out are below; those that are free have no reference. */
static inline pfn_t frames_end(const struct frames *frames)
{
	return frames->next;
}

/* Frames handed out and not freed yet, the zero page not counted; while no thread is at them. */
size_t frames_in_use(const struct frames *frames);

/* The host's memory that the frames take, in bytes: 32 a page at their peak, and a chunk. */
size_t frames_bytes(const struct frames *frames);

#endif
