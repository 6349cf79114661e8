/*
 * accounting - a driver that keeps books of the VMAs it is told of (see accounting.h)
 *
 *	vma ── vm_private_data ── account ─┬─ vma            back again: nobody else's copy
 *	                                   └─ the driver behind: its vm_ops and private data
 */
#include "tests/accounting.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

struct accounting accounting;

struct account {
	struct vm_area_struct *vma;
	const struct vm_operations_struct *ops;
	void *private_data;
};

static const struct vm_operations_struct accounting_vm_ops;

/* The account of vma, which is its own and not one that was copied along with it. */
static struct account *account_of(const struct vm_area_struct *vma)
{
	struct account *account = vma->vm_private_data;

	ck_assert_ptr_eq(vma->vm_ops, &accounting_vm_ops);
	ck_assert_msg(account->vma == vma, "%#lx-%#lx: its driver was never told of it",
		      vma->vm_start, vma->vm_end);
	return account;
}

static void account_new(struct vm_area_struct *vma, const struct vm_operations_struct *ops)
{
	struct account *account = malloc(sizeof(*account));

	ck_assert_ptr_nonnull(account);
	*account = (struct account){ vma, ops, vma->vm_private_data };
	vma->vm_ops = &accounting_vm_ops;
	vma->vm_private_data = account;
	accounting.alive++;
}

/* The driver behind acts on the VMA as if it were alone. */
static struct account *uncover(struct vm_area_struct *vma)
{
	struct account *account = account_of(vma);

	vma->vm_ops = account->ops;
	vma->vm_private_data = account->private_data;
	return account;
}

static void cover(struct account *account)
{
	account->private_data = account->vma->vm_private_data;
	account->vma->vm_ops = &accounting_vm_ops;
	account->vma->vm_private_data = account;
}

static void accounting_open(struct vm_area_struct *vma)
{
	const struct account *from = vma->vm_private_data;

	ck_assert_ptr_eq(vma->vm_ops, &accounting_vm_ops);
	ck_assert_msg(from->vma != vma, "%#lx-%#lx: opened twice", vma->vm_start, vma->vm_end);
	vma->vm_ops = from->ops;
	vma->vm_private_data = from->private_data;
	vma_open(vma);
	account_new(vma, vma->vm_ops);
	accounting.opened++;
}

static void accounting_close(struct vm_area_struct *vma)
{
	struct account *account = uncover(vma);

	vma_close(vma);
	account->vma = NULL;
	free(account);
	accounting.alive--;
	accounting.closed++;
}

static int accounting_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	if (accounting.split_says)
		return accounting.split_says;

	struct account *account = uncover(vma);
	int err = may_split(vma, addr);

	cover(account);
	/* an edge: where mremap copies a mapping (old_len 0) */
	ck_assert(vma->vm_start <= addr && addr < vma->vm_end);
	return err;
}

static int accounting_mremap(struct vm_area_struct *vma)
{
	account_of(vma);
	accounting.moved++;
	return accounting.mremap_says;
}

static int accounting_fault(struct vm_area_struct *vma, unsigned long pgoff, pfn_t *pfn)
{
	struct account *account = uncover(vma);
	int err = vma->vm_ops->fault(vma, pgoff, pfn);

	cover(account);
	accounting.faults++;
	return err;
}

static const char *accounting_name(struct vm_area_struct *vma)
{
	struct account *account = uncover(vma);
	const char *name = vma->vm_ops->name ? vma->vm_ops->name(vma) : NULL;

	cover(account);
	return name;
}

static const struct vm_operations_struct accounting_vm_ops = {
	.open = accounting_open,
	.close = accounting_close,
	.may_split = accounting_may_split,
	.mremap = accounting_mremap,
	.fault = accounting_fault,
	.name = accounting_name,
};

int accounting_mmap(struct vm_area_struct *vma)
{
	if (accounting.mmap_says)
		return accounting.mmap_says;
	if (vma_is_anonymous(vma))
		return 0;
	account_new(vma, vma->vm_ops);
	accounting.mapped++;
	return 0;
}

void accounting_settle(void)
{
	ck_assert_msg(!accounting.alive, "%lu VMAs were never closed", accounting.alive);
	ck_assert_uint_eq(accounting.mapped + accounting.opened, accounting.closed);
	accounting = (struct accounting){ 0 };
}
