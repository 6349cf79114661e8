/*
 * backlog - what readers under RCU may still see, to be freed behind a grace period
 *
 *	backlog_add ─▶ item ─▶ item ─▶ item      waits, in memory of its own
 *	backlog_take:  one grace period for all of them
 *
 * A writer adds what it has replaced, and now and then, when enough is there,
 * takes all of it and frees it.  So it is the writer who waits, as often
 * as it chooses, and what is held back has the size that it chooses.
 * A backlog belongs to one thread at a time.
 */
#ifndef BASE_BACKLOG_H
#define BASE_BACKLOG_H

#include <stddef.h>

/* Stands in each object, where no reader looks. */
struct backlog_item {
	struct backlog_item *next;
};

struct backlog {
	struct backlog_item *items;  /* the latest first */
	size_t n, bytes;             /* waiting now */
	size_t peak_bytes;           /* the most that ever waited */
	unsigned long grace_periods; /* waited for so far */
};

/* The object of that many bytes is not published any more: its memory is freed later. */
static inline void backlog_add(struct backlog *backlog, struct backlog_item *item, size_t bytes)
{
	item->next = backlog->items;
	backlog->items = item;
	backlog->n++;
	backlog->bytes += bytes;
	if (backlog->bytes > backlog->peak_bytes)
		backlog->peak_bytes = backlog->bytes;
}

/*
 * Waits until no reader can see what is in the backlog, and empties it; returns
 * its items, which are the caller's to free.  Not inside a read section.
 */
struct backlog_item *backlog_take(struct backlog *backlog);

/* The same without waiting, where there are no readers any more. */
struct backlog_item *backlog_take_at_end(struct backlog *backlog);

#endif
