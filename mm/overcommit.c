/*
 * overcommit - how much memory may be committed (vm.overcommit_memory)
 *
 *	0 guess    what alone is more than ram and swap together is refused
 *	1 always   nothing is
 *	2 never    all promises together stay below a limit, less reserves
 *
 * Committed are the pages of VMAs with VM_ACCOUNT, and shared memory without a name
 * when it is made.  What the machine has committed to others (config.committed) is a
 * number of the recording's start and does not change.
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/util.c, __vm_enough_memory.
 */
#include "mm/internal.h"

#include <errno.h>

enum { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

static unsigned long commit_limit(const struct config *config)
{
	unsigned long limit = config->overcommit_pages;

	if (!limit)
		limit = config->ram * config->overcommit_ratio / 100;
	return limit + config->swap;
}

/* Some is kept back for root, and a bit of what a large process has for others to end it. */
static unsigned long kept_back(const struct mm_struct *mm)
{
	const struct config *config = &mm->machine->config;

	return (this_cpu(mm->machine)->current->sys_admin ? 0 : config->admin_reserve) +
	       min(mm->total_vm / 32, config->user_reserve);
}

static bool enough(const struct mm_struct *mm, unsigned long npages)
{
	const struct config *config = &mm->machine->config;

	if (!config->ram || config->overcommit == OVERCOMMIT_ALWAYS)
		return true;
	if (config->overcommit == OVERCOMMIT_GUESS)
		return npages <= config->ram + config->swap;
	return config->committed + __atomic_load_n(&mm->machine->committed, __ATOMIC_RELAXED) +
		       npages + kept_back(mm) <
	       commit_limit(config);
}

int security_vm_enough_memory_mm(struct mm_struct *mm, unsigned long npages)
{
	if ((mm->machine->config.without & PART_ACCOUNTING) || enough(mm, npages))
		return 0;
	this_cpu(mm->machine)->commits_refused++;
	return -ENOMEM;
}
