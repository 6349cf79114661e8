/*
 * frames - the emulated physical memory of one machine (see frames.h)
 *
 *   chunk[]  -> [ zero | page | free | page | ... ]   CHUNK_PAGES pages each
 *            -> [ page | free | ----- never used ]    next: the first never used
 *                          |
 *   free ------------------+--> free --> 0            through content
 *
 * Chunks are added at the end and stay, so a struct page never moves, and the
 * memory is in proportion to the most pages that ever were in use at a time.
 */
#include "mm/frames.h"

#include <assert.h>
#include <stdlib.h>

#define CHUNK_SHIFT     12
#define CHUNK_PAGES     (1UL << CHUNK_SHIFT)

struct frames {
	struct page **chunk;
	size_t nchunks, max_chunks;     /* there are; chunk[] has room for */
	pfn_t next;                     /* the lowest frame that was never used */
	pfn_t free;                     /* the first free one below next, or 0 */
	size_t in_use, max_pages;
};

static int frames_grow(struct frames *frames)
{
	if (frames->nchunks == frames->max_chunks) {
		size_t room = frames->max_chunks ? 2 * frames->max_chunks : 16;
		struct page **chunk = realloc(frames->chunk, room * sizeof(*chunk));

		if (!chunk)
			return -1;
		frames->chunk = chunk;
		frames->max_chunks = room;
	}
	struct page *pages = malloc(CHUNK_PAGES * sizeof(*pages));
	if (!pages)
		return -1;
	frames->chunk[frames->nchunks++] = pages;
	return 0;
}

struct frames *frames_create(size_t max_pages)
{
	struct frames *frames = calloc(1, sizeof(*frames));

	if (!frames)
		return NULL;
	if (frames_grow(frames)) {
		frames_destroy(frames);
		return NULL;
	}
	*pfn_to_page(frames, 0) = (struct page){ ._refcount = 1 };
	frames->next = 1;
	frames->max_pages = max_pages ? max_pages : SIZE_MAX;
	return frames;
}

void frames_destroy(struct frames *frames)
{
	if (!frames)
		return;
	for (size_t i = 0; i < frames->nchunks; i++)
		free(frames->chunk[i]);
	free(frames->chunk);
	free(frames);
}

pfn_t alloc_page(struct frames *frames, uint64_t content)
{
	pfn_t pfn = frames->free;

	if (frames->in_use == frames->max_pages)
		return 0;
	if (pfn) {
		frames->free = pfn_to_page(frames, pfn)->content;
	} else {
		if (frames->next >> CHUNK_SHIFT == frames->nchunks && frames_grow(frames))
			return 0;
		pfn = frames->next++;
	}
	*pfn_to_page(frames, pfn) = (struct page){ ._refcount = 1, .content = content };
	frames->in_use++;
	return pfn;
}

struct page *pfn_to_page(struct frames *frames, pfn_t pfn)
{
	return &frames->chunk[pfn >> CHUNK_SHIFT][pfn & (CHUNK_PAGES - 1)];
}

void get_page(struct frames *frames, pfn_t pfn)
{
	pfn_to_page(frames, pfn)->_refcount++;
}

void put_page(struct frames *frames, pfn_t pfn)
{
	struct page *page = pfn_to_page(frames, pfn);

	assert(page->_refcount > 0);
	if (--page->_refcount)
		return;
	assert(pfn && !page->_mapcount);
	page->content = frames->free;
	frames->free = pfn;
	frames->in_use--;
}

size_t frames_in_use(const struct frames *frames)
{
	return frames->in_use;
}

size_t frames_bytes(const struct frames *frames)
{
	return sizeof(*frames) + frames->max_chunks * sizeof(frames->chunk[0]) +
	       frames->nchunks * CHUNK_PAGES * sizeof(struct page);
}
