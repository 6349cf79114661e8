/*
 * mremap - a mapping grows, shrinks or moves
 *
 *	AAAAAA....BB   grow in place   AAAAAAAA..BB
 *	AAAAAABB....   grow by moving  ......BB..AAAAAAAA
 *	AAAAAA......   shrink          AAA.........
 *	AAAAAA......   MREMAP_FIXED    .......AAAAAA
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/mremap.c (rules G1–G5).
 */
#include "mm/internal.h"

#include <errno.h>

#include "mm/mman.h"
#include "mm/nommu.h"

struct remap {
	unsigned long addr, old_len, new_len, new_addr, flags;
};

static bool to_fixed_place(const struct remap *r)
{
	return r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
}

static int check_params(const struct mm_struct *mm, const struct remap *r)
{
	const struct config *config = &mm->machine->config;

	if (r->flags & ~(unsigned long)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((r->addr & ~PAGE_MASK) || !r->new_len || r->new_len > config->task_size)
		return -EINVAL;
	if (!to_fixed_place(r))
		return 0;
	if (r->new_addr > config->task_size - r->new_len || (r->new_addr & ~PAGE_MASK))
		return -EINVAL;
	if (!(r->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && r->old_len != r->new_len)
		return -EINVAL;
	if (r->addr + r->old_len > r->new_addr && r->new_addr + r->new_len > r->addr)
		return -EINVAL;
	return mm->map_count + 2 >= config->max_map_count - 3 ? -ENOMEM : 0;
}

/* Huge pages of pools move and go as such, and such a mapping never grows. */
static int align_hugetlb(const struct vm_area_struct *vma, struct remap *r)
{
	unsigned long rest = vma_kernel_pagesize(vma) - 1;

	if (!(vma->vm_flags & VM_HUGETLB))
		return 0;
	r->old_len = (r->old_len + rest) & ~rest;
	r->new_len = (r->new_len + rest) & ~rest;
	return ((r->addr | r->new_addr) & rest) || r->new_len > r->old_len ? -EINVAL : 0;
}

/* May vma's part be mapped anew, larger or elsewhere? */
static int check_vma(const struct vm_area_struct *vma, struct remap *r)
{
	const struct mm_struct *mm = vma->vm_mm;

	if (vma->vm_flags & VM_SEALED)
		return -EPERM;
	int err = align_hugetlb(vma, r);
	if (err)
		return err;
	unsigned long delta = r->new_len - r->old_len;
	if (!to_fixed_place(r) && r->old_len && r->new_len <= r->old_len)
		return 0;
	if (!r->old_len && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP)))
		return -EINVAL;
	if (min(r->old_len, r->new_len) > vma->vm_end - r->addr)
		return -EFAULT;
	if (r->new_len <= r->old_len)
		return 0;
	unsigned long pgoff = vma->vm_pgoff + ((r->addr - vma->vm_start) >> PAGE_SHIFT);
	if (pgoff + (r->new_len >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	if (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
		return -EFAULT;
	if (!mlock_future_ok(mm, vma->vm_flags, delta))
		return -EAGAIN;
	return may_expand_vm(mm, vma->vm_flags, delta >> PAGE_SHIFT) ? 0 : -ENOMEM;
}

static struct vma_desc describe(const struct vm_area_struct *vma, unsigned long start,
				unsigned long len, unsigned long pgoff)
{
	return (struct vma_desc){
		.start = start,
		.end = start + len,
		.flags = vma->vm_flags,
		.pgoff = pgoff,
		.file = vma->vm_file,
		.policy = vma->vm_policy,
		.uffd = vma->vm_userfaultfd_ctx,
		.anon_name = vma->anon_name,
		.anon_vma = vma->anon_vma,
		.limits_checked = true,
	};
}

/*
 * The memory committed in addition: with DONTUNMAP all of it a second time.  Even a move that
 * commits nothing more is refused where more is committed than may be.
 */
static int may_commit(const struct vm_area_struct *vma, const struct remap *r)
{
	unsigned long before = r->flags & MREMAP_DONTUNMAP ? 0 : r->old_len;

	if (!(vma->vm_flags & VM_ACCOUNT))
		return 0;
	return security_vm_enough_memory_mm(vma->vm_mm, (r->new_len - before) >> PAGE_SHIFT);
}

/* G1: the range ends with its VMA, and behind it there is room. */
static bool can_expand_in_place(struct vm_area_struct *vma, const struct remap *r)
{
	unsigned long end = r->addr + r->new_len;

	if (r->old_len != vma->vm_end - r->addr || (vma->vm_flags & VM_SPECIAL))
		return false;
	return end <= vma->vm_mm->machine->config.task_size &&
	       !find_vma_intersection(vma->vm_mm, vma->vm_end, end);
}

static unsigned long expand_in_place(struct vm_area_struct *vma, const struct remap *r)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long old_end = vma->vm_end, delta = r->new_len - r->old_len;
	struct vma_desc desc = describe(vma, old_end, delta, vma->vm_pgoff + vma_pages(vma));

	if (may_commit(vma, r))
		return -ENOMEM;
	desc.grows = true;
	int err = vma_replace(mm, desc.start, desc.end, &desc, NULL);
	if (err)
		return (unsigned long)err;
	if (desc.flags & VM_LOCKED) {
		mm->locked_vm += delta >> PAGE_SHIFT;
		mm_populate(mm, old_end, old_end + delta, true);
	}
	return r->addr;
}

/*
 * What DONTUNMAP leaves behind: nothing in it, and nothing that it hangs on if all of it
 * moved.  It is no longer locked, but as in the kernel locked_vm goes on counting it.
 */
static void empty_source(struct vm_area_struct *vma, const struct vm_area_struct *new_vma,
			 const struct remap *r)
{
	if (vma->vm_flags & VM_LOCKED)
		vma->vm_mm->locked_forgotten += vma_pages(vma);
	vma->vm_flags &= ~VM_LOCKED_MASK;
	if (new_vma != vma && vma->vm_start == r->addr && vma->vm_end == r->addr + r->old_len)
		unlink_anon_vmas(vma);
}

/* Is it a part of what may not be split?  0 or -errno. */
static int may_split_off(struct vm_area_struct *vma, const struct remap *r)
{
	unsigned long end = r->addr + r->old_len;
	int err = vma->vm_start != r->addr ? may_split(vma, r->addr) : 0;

	return err || vma->vm_end == end ? err : may_split(vma, end);
}

/* The driver agrees, and the pages go along. */
static int move_pages(struct vm_area_struct *new_vma, const struct remap *r)
{
	const struct vm_operations_struct *ops = new_vma->vm_ops;
	int err = ops && ops->mremap ? ops->mremap(new_vma) : 0;

	if (!err && (new_vma->vm_flags & VM_HUGETLB))
		return hugetlb_move_pages(new_vma, r->addr, r->new_addr, r->old_len);
	return err ? err
		   : pt_move(&new_vma->vm_mm->pgd, r->addr, r->new_addr,
			     min(r->old_len, r->new_len));
}

/* G2: first the new range appears, merged where it can be, then the old one goes. */
static unsigned long move_vma(struct vm_area_struct *vma, const struct remap *r)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long pgoff = vma->vm_pgoff + ((r->addr - vma->vm_start) >> PAGE_SHIFT);
	bool unfaulted = vma_is_anonymous(vma) && !vma->anon_vma;
	struct vma_desc desc = describe(vma, r->new_addr, r->new_len,
					unfaulted ? r->new_addr >> PAGE_SHIFT : pgoff);
	struct vm_area_struct *new_vma;

	if (mm->map_count >= mm->machine->config.max_map_count - 3)
		return -ENOMEM;
	int err = may_split_off(vma, r);
	if (err)
		return (unsigned long)err;
	if (may_commit(vma, r))
		return -ENOMEM;
	desc.copied_from = vma;
	err = vma_replace(mm, desc.start, desc.end, &desc, &new_vma);
	if (err)
		return (unsigned long)err;
	if (new_vma->vm_start <= r->addr && r->addr < new_vma->vm_end)
		vma = new_vma; /* old and new range became one VMA, perhaps not the old one */
	vma_start_write(vma);
	err = move_pages(new_vma, r);
	if (!err && (vma->vm_flags & VM_HUGETLB))
		hugetlb_clear_reservation(vma);
	if (err) {
		/* the kernel too leaves the new range if it cannot be taken back */
		if (vma_replace(mm, desc.start, desc.end, NULL, NULL))
			return -ENOMEM;
		return (unsigned long)err;
	}
	mremap_userfaultfd_prep(new_vma, r->new_addr, r->new_addr + min(r->old_len, r->new_len));
	if (desc.flags & VM_LOCKED)
		mm->locked_vm += r->new_len >> PAGE_SHIFT;
	if (r->flags & MREMAP_DONTUNMAP)
		empty_source(vma, new_vma, r);
	else if (r->old_len)
		err = vma_replace(mm, r->addr, r->addr + r->old_len, NULL, NULL);
	(void)err; /* as in the kernel: the move is done, the old range stays */
	if (desc.flags & VM_LOCKED)
		mm_populate(mm, r->new_addr + r->old_len, r->new_addr + r->new_len, true);
	return r->new_addr;
}

static unsigned long area_for(const struct vm_area_struct *vma, const struct remap *r,
			      unsigned long hint)
{
	unsigned long flags = (vma->vm_flags & VM_MAYSHARE ? MAP_SHARED : MAP_PRIVATE) |
			      (r->flags & MREMAP_FIXED ? MAP_FIXED : 0);
	unsigned long pgoff = vma->vm_pgoff + ((r->addr - vma->vm_start) >> PAGE_SHIFT);

	return get_unmapped_area(vma->vm_mm, vma->vm_file, hint, r->new_len, pgoff, flags);
}

/* G3: unmap the destination, shrink the source, search, move. */
static unsigned long remap_to(struct mm_struct *mm, struct remap *r)
{
	struct vm_area_struct *vma;
	int err = 0;

	if (r->flags & MREMAP_FIXED)
		err = do_munmap(mm, r->new_addr, r->new_len);
	if (!err && !vma_lookup(mm, r->addr)) /* the source was a part of the destination */
		err = -EFAULT;
	if (!err && r->old_len > r->new_len) {
		err = do_munmap(mm, r->addr + r->new_len, r->old_len - r->new_len);
		r->old_len = r->new_len;
	}
	if (err)
		return (unsigned long)err;
	vma = vma_lookup(mm, r->addr);
	if ((r->flags & MREMAP_DONTUNMAP) &&
	    !may_expand_vm(mm, vma->vm_flags, r->old_len >> PAGE_SHIFT))
		return -ENOMEM;
	r->new_addr = area_for(vma, r, r->new_addr);
	return IS_ERR_VALUE(r->new_addr) ? r->new_addr : move_vma(vma, r);
}

/* A file that has its own say in placement moves alone; so do userfaultfd's ranges. */
static bool may_move_with_others(const struct vm_area_struct *vma)
{
	const struct file *file = vma->vm_file;

	return !vma->vm_userfaultfd_ctx &&
	       (!file || (file->inode->kind != FILE_ZERO && file->inode->kind != FILE_SYSV_SHM));
}

/* G4: one VMA or several, which keep their distances at the fixed place. */
static unsigned long remap_move(struct mm_struct *mm, const struct remap *r)
{
	unsigned long end = r->addr + r->old_len, addr = r->addr;
	struct vm_area_struct *vma = vma_lookup(mm, addr);
	int err;

	if (!vma)
		return -EFAULT;
	while (vma) {
		struct remap one = *r;

		one.addr = max(addr, vma->vm_start);
		one.old_len = one.new_len = min(end, vma->vm_end) - one.addr;
		one.new_addr = r->new_addr + (one.addr - r->addr);
		if ((addr > r->addr || vma->vm_end < end) && !may_move_with_others(vma))
			return -EFAULT;
		addr = one.addr + one.old_len;
		err = check_vma(vma, &one);
		if (err)
			return (unsigned long)err;
		unsigned long result = remap_to(mm, &one);
		if (IS_ERR_VALUE(result))
			return result;
		vma = addr < end ? find_vma_intersection(mm, addr, end) : NULL;
	}
	return r->new_addr;
}

static unsigned long expand(struct vm_area_struct *vma, struct remap *r)
{
	if (can_expand_in_place(vma, r))
		return expand_in_place(vma, r);
	if (!(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	r->new_addr = area_for(vma, r, 0);
	return IS_ERR_VALUE(r->new_addr) ? r->new_addr : move_vma(vma, r);
}

unsigned long do_mremap(struct mm_struct *mm, unsigned long addr, unsigned long old_len,
			unsigned long new_len, unsigned long flags, unsigned long new_addr)
{
	struct remap r = { addr, PAGE_ALIGN(old_len), PAGE_ALIGN(new_len), new_addr, flags };
	struct vm_area_struct *vma;
	int err = check_params(mm, &r);

	if (mm->machine->config.nommu)
		return nommu_mremap(mm, addr, old_len, new_len, flags, new_addr);
	if (err)
		return (unsigned long)err;
	if ((flags & MREMAP_FIXED) && r.old_len == r.new_len)
		return remap_move(mm, &r);
	vma = vma_lookup(mm, addr);
	if (!vma)
		return -EFAULT;
	err = check_vma(vma, &r);
	if (err)
		return (unsigned long)err;
	if (to_fixed_place(&r))
		return remap_to(mm, &r);
	if (r.new_len > r.old_len)
		return expand(vma, &r);
	if (r.new_len < r.old_len) {
		err = do_munmap(mm, addr + r.new_len, r.old_len - r.new_len);
		if (err)
			return (unsigned long)err;
	}
	return addr;
}
