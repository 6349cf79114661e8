/*
 * backlog - what waits for a grace period (see backlog.h)
 */
#include "base/backlog.h"

#include "base/rcu.h"

struct backlog_item *backlog_take_at_end(struct backlog *backlog)
{
	struct backlog_item *items = backlog->items;

	backlog->items = NULL;
	backlog->n = backlog->bytes = 0;
	return items;
}

struct backlog_item *backlog_take(struct backlog *backlog)
{
	if (backlog->items) {
		synchronize_rcu();
		backlog->grace_periods++;
	}
	return backlog_take_at_end(backlog);
}
