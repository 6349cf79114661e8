/*
 * pkeys - protection keys: which of them a process has allocated, and the one of its own
 * that keeps reads and writes from memory that is for execution only
 *
 * What a key allows is in a register of each thread that the program sets without the kernel:
 * here an allocated key allows everything, and the execute-only key nothing but execution.
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/mprotect.c and arch/x86/mm/pkeys.c (rules B5,
 * D3, H5, K1).
 */
#include "mm/internal.h"

#include <errno.h>

#include "mm/mman.h"

#define PKEYS       16
#define PKEY_RIGHTS 3UL /* PKEY_DISABLE_ACCESS, PKEY_DISABLE_WRITE */

void mm_pkeys_init(struct mm_struct *mm)
{
	mm->pkey_allocation_map = mm->machine->config.pkeys ? 1 : 0;
	mm->execute_only_pkey = -1;
}

void mm_pkeys_learn(struct mm_struct *mm, vm_flags_t flags)
{
	unsigned pkey = (flags & VM_PKEY_MASK) >> VM_PKEY_SHIFT;

	if (!pkey)
		return;
	mm->pkey_allocation_map |= 1u << pkey;
	if ((flags & VM_ACCESS_FLAGS) == VM_EXEC)
		mm->execute_only_pkey = (int)pkey;
}

bool mm_pkey_is_allocated(const struct mm_struct *mm, int pkey)
{
	return pkey >= 0 && pkey < PKEYS && pkey != mm->execute_only_pkey &&
	       mm->pkey_allocation_map >> pkey & 1;
}

/* The first free key, allocated from now on; -1 if there is none. */
static int first_free_pkey(struct mm_struct *mm)
{
	if (!mm->machine->config.pkeys)
		return -1;
	for (int pkey = 0; pkey < PKEYS; pkey++) {
		if (mm->pkey_allocation_map >> pkey & 1)
			continue;
		mm->pkey_allocation_map |= 1u << pkey;
		return pkey;
	}
	return -1;
}

int do_pkey_alloc(struct mm_struct *mm, unsigned long flags, unsigned long rights)
{
	if (flags || (rights & ~PKEY_RIGHTS))
		return -EINVAL;

	int pkey = first_free_pkey(mm);
	return pkey < 0 ? -ENOSPC : pkey;
}

int do_pkey_free(struct mm_struct *mm, int pkey)
{
	if (!mm_pkey_is_allocated(mm, pkey))
		return -EINVAL;
	mm->pkey_allocation_map &= ~(1u << pkey);
	return 0;
}

int execute_only_pkey(struct mm_struct *mm)
{
	if (mm->execute_only_pkey < 0)
		mm->execute_only_pkey = first_free_pkey(mm);
	return mm->execute_only_pkey;
}

static int vma_pkey(const struct vm_area_struct *vma)
{
	return (int)((vma->vm_flags & VM_PKEY_MASK) >> VM_PKEY_SHIFT);
}

bool pkey_forbids_data(const struct vm_area_struct *vma)
{
	int pkey = vma_pkey(vma);

	return pkey && pkey == vma->vm_mm->execute_only_pkey;
}

unsigned override_mprotect_pkey(struct vm_area_struct *vma, unsigned long prot, int pkey)
{
	struct mm_struct *mm = vma->vm_mm;
	bool exec_only = (vma->vm_flags & VM_ACCESS_FLAGS) == VM_EXEC &&
			 vma_pkey(vma) == mm->execute_only_pkey;

	if (!mm->machine->config.pkeys)
		return 0;
	if (pkey != -1)
		return (unsigned)pkey;
	if (prot == PROT_EXEC) {
		if (execute_only_pkey(mm) > 0)
			return (unsigned)mm->execute_only_pkey;
	} else if (exec_only) {
		return 0;
	}
	return (unsigned)vma_pkey(vma);
}
