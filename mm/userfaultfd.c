/*
 * userfaultfd - ranges whose faults another part of the program handles
 *
 * Only what registering does to VMAs: it splits and merges them (rule H6).
 */
#include "mm/mm.h"

#include <errno.h>

struct registration {
	uint64_t ctx;           /* of the caller */
	vm_flags_t flags;       /* VM_UFFD_*; 0: unregister */
};

static int validate_range(const struct mm_struct *mm, unsigned long start, unsigned long len)
{
	unsigned long task_size = mm->machine->config.task_size;

	if ((start & ~PAGE_MASK) || (len & ~PAGE_MASK) || !len)
		return -EINVAL;
	if (start < mm->machine->config.mmap_min_addr || start >= task_size ||
	    len > task_size - start)
		return -EINVAL;
	return 0;
}

static bool vma_can_userfault(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & VM_DROPPABLE) &&
	       (vma_is_anonymous(vma) || vma->vm_file->inode->kind == FILE_SHMEM);
}

static int check_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		      void *arg)
{
	const struct registration *reg = arg;

	(void)start, (void)end;
	if (!vma_can_userfault(vma) || (reg->flags && !(vma->vm_flags & VM_MAYWRITE)))
		return reg->flags && vma_can_userfault(vma) ? -EPERM : -EINVAL;
	if (vma->vm_userfaultfd_ctx && vma->vm_userfaultfd_ctx != reg->ctx)
		return reg->flags ? -EBUSY : -EINVAL;
	return 0;
}

static int apply_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		      void *arg)
{
	const struct registration *reg = arg;
	uint64_t ctx = reg->flags ? reg->ctx : 0;

	if (vma->vm_userfaultfd_ctx == ctx && (vma->vm_flags & VM_UFFD_FLAGS) == reg->flags)
		return 0;
	struct vma_attr attr = vma_attr(vma);
	attr.flags = (vma->vm_flags & ~VM_UFFD_FLAGS) | reg->flags;
	attr.uffd = ctx;
	return vma_modify(vma->vm_mm, &vma, start, end, &attr);
}

static int change(struct mm_struct *mm, unsigned long start, unsigned long len,
		  struct registration *reg)
{
	int err = validate_range(mm, start, len);

	if (err)
		return err;
	if (!find_vma_intersection(mm, start, start + len))
		return -EINVAL;
	err = vma_walk(mm, start, start + len, HOLE_IGNORED, check_part, reg);
	if (err)
		return err;
	return vma_walk(mm, start, start + len, HOLE_IGNORED, apply_part, reg);
}

int userfaultfd_register(struct mm_struct *mm, uint64_t ctx, unsigned long start,
			 unsigned long len, unsigned long mode)
{
	struct registration reg = {
		.ctx = ctx,
		.flags = (mode & 1 ? VM_UFFD_MISSING : 0) | (mode & 2 ? VM_UFFD_WP : 0) |
			 (mode & 4 ? VM_UFFD_MINOR : 0),
	};

	if (!reg.flags || (mode & ~7UL))
		return -EINVAL;
	return change(mm, start, len, &reg);
}

int userfaultfd_unregister(struct mm_struct *mm, uint64_t ctx, unsigned long start,
			   unsigned long len)
{
	struct registration reg = { .ctx = ctx };

	return change(mm, start, len, &reg);
}
