/*
 * locking - the lockings by name, and who uses the machine's (see locking.h)
 */
#include "mm/locking.h"

#include <string.h>

#include "mm/mm.h"

static const struct mm_locking *const lockings[] = { NULL };

const struct mm_locking *mm_locking(unsigned i)
{
	return i < ARRAY_SIZE(lockings) ? lockings[i] : NULL;
}

const struct mm_locking *mm_locking_lookup(const char *name)
{
	const struct mm_locking *locking = NULL;

	for (unsigned i = 0; (locking = mm_locking(i)); i++) {
		if (!strcmp(locking->name, name))
			break;
	}
	return locking;
}

__thread unsigned mm_thread;

void mm_thread_enter(unsigned n)
{
	mm_thread = n;
}

int mm_user_fault(struct mm_struct *mm, unsigned long addr, unsigned flags)
{
	return handle_mm_fault(mm, addr, flags);
}

void mm_call_begin(struct mm_struct *mm, unsigned long lo, unsigned long hi)
{
	(void)mm, (void)lo, (void)hi;
}

void mm_call_end(struct mm_struct *mm)
{
	(void)mm;
}
