/*
 * huge_frames - huge pages of the emulated physical memory (see frames.h)
 *
 *	compound   [ head | tail | tail | ... ]    the head has the counts of the whole,
 *	           refs n  TAIL    TAIL            content is each page's own
 *	split      [ page | page | page | ... ]    each page has its own: at first what the
 *	           refs n   n      n               head had; a page without any is free
 *	free       huge_free -> [ 512 ] -> [ 512 ] -> 0    through content of the first one
 *
 * A huge page is cut from pages that were never used, or was one before: single pages
 * never become one again.  Where single pages run out, cache_fill breaks a free one.
 */
#include <assert.h>

#include "mm/frames.h"

#define TAIL (-1) /* _refcount of all pages of a compound but the first */

static bool page_is_compound(struct frames *frames, pfn_t pfn)
{
	return pfn && page_count(pfn_to_page(frames, pfn + 1)) == TAIL;
}

struct page *compound_head(struct frames *frames, pfn_t pfn)
{
	struct page *page = pfn_to_page(frames, pfn);

	return page_count(page) == TAIL ? pfn_to_page(frames, pfn & ~(HUGE_PAGES - 1)) : page;
}

/* Pages that were in use, or are passed over, become free single ones; wants the lock. */
static void free_row(struct frames *frames, pfn_t pfn, pfn_t end)
{
	for (; pfn < end; pfn++) {
		*pfn_to_page(frames, pfn) = (struct page){ .content = frames->free };
		frames->free = pfn;
	}
}

static pfn_t huge_pop(struct frames *frames)
{
	pfn_t pfn = frames->huge_free;

	if (pfn)
		frames->huge_free = pfn_to_page(frames, pfn)->content;
	return pfn;
}

void break_huge_page(struct frames *frames)
{
	pfn_t pfn = huge_pop(frames);

	if (pfn)
		free_row(frames, pfn, pfn + HUGE_PAGES);
}

/* A row of pages that were never used; 0: no host memory. */
static pfn_t huge_new(struct frames *frames)
{
	pfn_t pfn = (frames->next + HUGE_PAGES - 1) & ~(HUGE_PAGES - 1);

	if (pfn >> CHUNK_SHIFT == frames->nchunks && frames_grow(frames))
		return 0;
	free_row(frames, frames->next, pfn);
	frames->next = pfn + HUGE_PAGES;
	return pfn;
}

static pfn_t huge_take(struct frames *frames)
{
	pfn_t pfn = 0;

	if (frames->max_pages - frames->taken < HUGE_PAGES)
		return 0;
	pfn = huge_pop(frames);
	if (!pfn)
		pfn = huge_new(frames);
	frames->taken += pfn ? HUGE_PAGES : 0;
	return pfn;
}

pfn_t alloc_huge_page(struct frames *frames, uint64_t content)
{
	spin_lock(&frames->lock);
	pfn_t pfn = huge_take(frames);
	spin_unlock(&frames->lock);
	for (unsigned i = 0; pfn && i < HUGE_PAGES; i++)
		*pfn_to_page(frames, pfn + i) =
			(struct page){ ._refcount = i ? TAIL : 1, .content = content };
	return pfn;
}

/* Pages whose counts are those of the whole: one of a compound, all of one that was split. */
static unsigned counting_pages(struct frames *frames, pfn_t pfn)
{
	return page_is_compound(frames, pfn) ? 1 : HUGE_PAGES;
}

void get_huge_page(struct frames *frames, pfn_t pfn)
{
	for (unsigned i = pfn ? counting_pages(frames, pfn) : 0; i--;)
		get_page(frames, pfn + i);
}

static void free_huge_page(struct frames *frames, pfn_t pfn, struct page *page)
{
	for (unsigned i = 1; i < HUGE_PAGES; i++)
		page[i]._refcount = 0;
	spin_lock(&frames->lock);
	page->content = frames->huge_free;
	frames->huge_free = pfn;
	frames->taken -= HUGE_PAGES;
	spin_unlock(&frames->lock);
}

void put_huge_page(struct frames *frames, pfn_t pfn)
{
	struct page *page = pfn_to_page(frames, pfn);

	if (!pfn)
		return;
	if (!page_is_compound(frames, pfn)) {
		for (unsigned i = HUGE_PAGES; i--;)
			put_page(frames, pfn + i);
		return;
	}
	assert(page->_refcount > 0);
	if (!page_add(frames, &page->_refcount, -1))
		free_huge_page(frames, pfn, page);
}

void map_huge_page(struct frames *frames, pfn_t pfn, int n)
{
	for (unsigned i = pfn ? counting_pages(frames, pfn) : 0; i--;)
		page_add(frames, &pfn_to_page(frames, pfn + i)->_mapcount, n);
}

void split_huge_page(struct frames *frames, pfn_t pfn)
{
	struct page *page = pfn_to_page(frames, pfn);

	if (!page_is_compound(frames, pfn))
		return;
	for (unsigned i = 1; i < HUGE_PAGES; i++) {
		page[i]._refcount = page->_refcount;
		page[i]._mapcount = page->_mapcount;
	}
}

bool huge_page_exclusive(struct frames *frames, pfn_t pfn)
{
	for (unsigned i = counting_pages(frames, pfn); i--;) {
		if (page_count(pfn_to_page(frames, pfn + i)) != 1)
			return false;
	}
	return true;
}
