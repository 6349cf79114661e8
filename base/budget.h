/*
 * budget - how much of the host's memory several holders may have together
 *
 * What a file asks for is bounded by a budget: who wants memory for it takes from the budget
 * first, and gives back what it frees.  NULL is a budget without end.
 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

struct budget {
	size_t limit, taken; /* bytes */
	bool refused;        /* someone wanted more than there was */
	bool shared;         /* threads take and give at the same time */
};

static inline void budget_give(struct budget *budget, size_t bytes)
{
	if (!budget)
		return;
	if (budget->shared)
		__atomic_sub_fetch(&budget->taken, bytes, __ATOMIC_RELAXED);
	else
		budget->taken -= bytes;
}

/* True and the bytes are the caller's, or false and nothing has changed but refused. */
static inline bool budget_take(struct budget *budget, size_t bytes)
{
	size_t taken;

	if (!budget)
		return true;
	if (budget->shared)
		taken = __atomic_add_fetch(&budget->taken, bytes, __ATOMIC_RELAXED);
	else
		taken = budget->taken += bytes;
	if (taken <= budget->limit)
		return true;
	budget_give(budget, bytes);
	__atomic_store_n(&budget->refused, true, __ATOMIC_RELAXED);
	return false;
}

#endif
