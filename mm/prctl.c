/*
 * prctl - what a process decides about all of its memory
 *
 * Source: the behaviour of Linux 6.18's kernel/sys.c.
 */
#include "mm/internal.h"

#include <errno.h>
#include <sys/prctl.h>

#include "mm/mman.h"

#define MDWE_REFUSE_EXEC_GAIN 1UL
#define MDWE_NO_INHERIT       2UL
#define THP_EXCEPT_ADVISED    2UL

static int set_thp_disable(struct mm_struct *mm, const unsigned long arg[4])
{
	if (arg[2] || arg[3] || (!arg[0] && arg[1]) || (arg[1] & ~THP_EXCEPT_ADVISED))
		return -EINVAL;
	mm->thp = !arg[0] ? THP_AS_USUAL : arg[1] ? THP_ADVISED_ONLY : THP_DISABLED;
	return 0;
}

static int set_memory_merge(struct mm_struct *mm, const unsigned long arg[4])
{
	if (arg[1] || arg[2] || arg[3])
		return -EINVAL;
	ksm_set_merge_any(mm, arg[0]);
	return 0;
}

/* What has been refused once stays so. */
static int set_mdwe(struct mm_struct *mm, const unsigned long arg[4])
{
	if (arg[1] || arg[2] || arg[3] || (arg[0] & ~(MDWE_REFUSE_EXEC_GAIN | MDWE_NO_INHERIT)) ||
	    arg[0] == MDWE_NO_INHERIT)
		return -EINVAL;
	if (mm->mdwe && mm->mdwe != arg[0])
		return -EPERM;
	mm->mdwe = (unsigned)arg[0];
	return 0;
}

int do_prctl(struct mm_struct *mm, int option, const unsigned long arg[4])
{
	switch (option) {
	case PR_SET_THP_DISABLE:
		return set_thp_disable(mm, arg);
	case PR_SET_MEMORY_MERGE:
		return set_memory_merge(mm, arg);
	case PR_SET_MDWE:
		return set_mdwe(mm, arg);
	default:
		return -ENOSYS;
	}
}

unsigned mdwe_inherited(const struct mm_struct *mm)
{
	return mm->mdwe & MDWE_NO_INHERIT ? 0 : mm->mdwe;
}

bool map_deny_write_exec(const struct mm_struct *mm, vm_flags_t old, vm_flags_t new)
{
	return mm->mdwe && (new &VM_EXEC) && ((new &VM_WRITE) || !(old & VM_EXEC));
}
