/*
 * frames - the emulated physical memory of one machine
 *
 * A page frame has counts and one word of content, no bytes: enough to check
 * that copy-on-write copies what it must and shares what it may.
 *
 * One thread at a time uses a machine's frames.
 */
#ifndef MM_FRAMES_H
#define MM_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

typedef uint64_t pfn_t;         /* page frame number; 0 is the shared zero page */

struct page {
	int _refcount;          /* leaf entries, page caches and whoever else holds it; 0: free */
	int _mapcount;          /* leaf entries that map it */
	uint64_t content;       /* of a free page: the next free one */
};

struct frames;

/*
 * A machine with the zero page only; NULL when there is no host memory.
 * At most max_pages frames, the zero page not counted, are ever in use at a
 * time, so that a trace cannot eat the host; 0: no limit.
 */
must_check struct frames *frames_create(size_t max_pages);

/* Ends the machine, pages in use included. NULL is allowed. */
void frames_destroy(struct frames *frames);

/*
 * A page that holds content, with one reference (the caller's) and mapped
 * nowhere; 0, which is never handed out, when memory is out.
 */
must_check pfn_t alloc_page(struct frames *frames, uint64_t content);

/* The page of a frame that is in use. It never moves. */
struct page *pfn_to_page(struct frames *frames, pfn_t pfn);

/* One reference more. */
void get_page(struct frames *frames, pfn_t pfn);

/* One reference less; the last one frees the page. The zero page stays. */
void put_page(struct frames *frames, pfn_t pfn);

/* Frames handed out and not freed yet, the zero page not counted. */
size_t frames_in_use(const struct frames *frames);

/* The host's memory that the frames take, in bytes: 16 a page at their peak, and a chunk. */
size_t frames_bytes(const struct frames *frames);

#endif
