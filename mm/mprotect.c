/*
 * mprotect - other rights for a range, VMA by VMA
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/mprotect.c (rules D1–D4, H2, H5).
 */
#include "mm/internal.h"

#include <errno.h>

#include "mm/mman.h"

struct mprotect {
	unsigned long prot;
	int pkey;
};

/*
 * D1, D2: memory that becomes writable is counted; it stops to be only if
 * nothing was ever written to it.
 */
static vm_flags_t account_write(const struct vm_area_struct *vma, vm_flags_t newflags)
{
	vm_flags_t oldflags = vma->vm_flags;

	if (newflags & VM_WRITE) {
		if (!(oldflags & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE)))
			newflags |= VM_ACCOUNT;
	} else if ((oldflags & VM_ACCOUNT) && vma_is_anonymous(vma) && !vma->anon_vma) {
		newflags &= ~VM_ACCOUNT;
	}
	return newflags;
}

static int mprotect_fixup(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			  vm_flags_t newflags)
{
	struct mm_struct *mm = vma->vm_mm;
	vm_flags_t oldflags = vma->vm_flags;
	long npages = (long)((end - start) >> PAGE_SHIFT);

	if (oldflags & VM_SEALED)
		return -EPERM;
	if (newflags == oldflags)
		return 0;
	if ((newflags & VM_WRITE) && !may_expand_vm(mm, newflags, (unsigned long)npages) &&
	    may_expand_vm(mm, oldflags, (unsigned long)npages))
		return -ENOMEM;
	newflags = account_write(vma, newflags);
	if ((newflags & ~oldflags & VM_ACCOUNT) &&
	    security_vm_enough_memory_mm(mm, (unsigned long)npages))
		return -ENOMEM;
	struct vma_attr attr = vma_attr(vma);
	attr.flags = newflags;
	int err = vma_modify(mm, &vma, start, end, &attr);
	if (err)
		return err;
	change_protection(vma, start, end);
	if ((oldflags & VM_LOCKED) && (newflags & VM_WRITE) && !(oldflags & VM_WRITE) &&
	    !(newflags & VM_SHARED))
		mm_populate(mm, start, end, true);
	vm_stat_account(mm, oldflags, -npages);
	vm_stat_account(mm, newflags, npages);
	return 0;
}

static int mprotect_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			 void *arg)
{
	const struct mprotect *request = arg;
	unsigned long prot = request->prot;
	vm_flags_t newflags;

	if (vma->vm_mm->read_implies_exec && (prot & PROT_READ) && (vma->vm_flags & VM_MAYEXEC))
		prot |= PROT_EXEC;
	newflags = calc_vm_prot_bits(prot, override_mprotect_pkey(vma, prot, request->pkey)) |
		   (vma->vm_flags & ~VM_ACCESS_FLAGS & ~VM_PKEY_MASK);
	if (newflags & ~(newflags >> 4) & VM_ACCESS_FLAGS) /* D3: not among the MAY bits */
		return -EACCES;
	if (map_deny_write_exec(vma->vm_mm, vma->vm_flags, newflags))
		return -EACCES;
	return mprotect_fixup(vma, start, end, newflags);
}

int do_mprotect(struct mm_struct *mm, unsigned long start, unsigned long len, unsigned long prot,
		int pkey)
{
	unsigned long grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP), end;
	struct mprotect request = { .prot = prot & ~grows, .pkey = pkey };
	struct vm_area_struct *vma;

	if (mm->machine->config.nommu)
		return -ENOSYS;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (start & ~PAGE_MASK))
		return -EINVAL;
	if (!len)
		return 0;
	len = PAGE_ALIGN(len);
	end = start + len;
	if (end <= start)
		return -ENOMEM;
	if (request.prot & ~(unsigned long)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	if (pkey != -1 && !mm_pkey_is_allocated(mm, pkey)) /* K1 */
		return -EINVAL;

	vma = find_vma(mm, start);
	if (!vma)
		return -ENOMEM;
	if (grows == PROT_GROWSDOWN) {
		if (vma->vm_start >= end)
			return -ENOMEM;
		if (!(vma->vm_flags & VM_GROWSDOWN))
			return -EINVAL;
		start = vma->vm_start;
	} else if (vma->vm_start > start) {
		return -ENOMEM;
	} else if (grows == PROT_GROWSUP) { /* D4: no such VMAs here */
		return -EINVAL;
	}
	return vma_walk(mm, start, end, HOLE_STOPS, mprotect_part, &request);
}
