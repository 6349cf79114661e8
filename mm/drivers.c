/*
 * drivers - what each kind of file does with the VMAs that show it
 *
 *	                mmap sets                       vm_ops
 *	regular, shmem  vm_ops; regular: no MAP_SYNC     fault: the page cache's page
 *	SysV shm        vm_ops; one more attached       open, close: how many are; fault
 *	huge pages      vm_ops, VM_HUGETLB; reserves    open, close: reservations; may_split
 *	/dev/zero       nothing: anonymous memory       -
 *	device          vm_ops, VM_IO and its like      fault
 *	memfd_secret    vm_ops; VM_LOCKED, VM_DONTDUMP  fault
 *	no rule knows   vm_ops; the flags told of it    may_split: as it was; fault
 *	[vdso]          vm_ops, vm_private_data         may_split: never; name; fault
 *
 *  1. Each VMA with vm_ops is told of once as it comes, by vma_mmap if it is a new mapping of
 *     its file, else (fork, split, mremap) by vma_open; and once as it goes, by vma_close.
 *  2. Who is told cannot fail any more, but vma_mmap: a call that fails has told nobody, or
 *     tells that what it told of goes.
 *  3. vm_ops is NULL if and only if the VMA's memory is anonymous.
 *
 * Source: the behaviour of Linux 6.12's mm/filemap.c, mm/mmap.c (special mappings), ipc/shm.c
 * and drivers/char/mem.c.  It differs in that a VMA which would live within one call only is
 * never made: a kernel that unmaps the middle of one opens two and closes one, here one is opened.
 * And the driver of a new mapping is called before those are told whose place it takes.
 */
#include "mm/internal.h"

#include <errno.h>
#include <fcntl.h>

#include "mm/mman.h"

/* ---- files with a page cache ---- */

static int filemap_fault(struct vm_area_struct *vma, unsigned long pgoff, pfn_t *pfn)
{
	struct machine *machine = vma->vm_mm->machine;
	struct inode *inode = vma->vm_file->inode;

	if (pgoff >= inode->pages)
		return -ENXIO;
	machine_lock(machine, &inode->lock);
	*pfn = page_cache_get(&inode->cache, machine->frames, pgoff);
	machine_unlock(machine, &inode->lock);
	return *pfn ? 0 : -ENOMEM;
}

static const struct vm_operations_struct generic_file_vm_ops = {
	.fault = filemap_fault,
};

static int generic_file_mmap(struct vm_area_struct *vma)
{
	vma->vm_ops = &generic_file_vm_ops;
	return 0;
}

/* A disk without DAX cannot promise what MAP_SYNC asks for. */
static int disk_file_mmap(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_SYNC ? -EOPNOTSUPP : generic_file_mmap(vma);
}

/* ---- System V segments know how many show them ---- */

static void shm_open_vma(struct vm_area_struct *vma)
{
	machine_add(vma->vm_mm->machine, &vma->vm_file->inode->shm_nattch, 1);
}

static void shm_close_vma(struct vm_area_struct *vma)
{
	machine_add(vma->vm_mm->machine, &vma->vm_file->inode->shm_nattch, -1);
}

static const struct vm_operations_struct shm_vm_ops = {
	.open = shm_open_vma,
	.close = shm_close_vma,
	.fault = filemap_fault,
};

/* A segment of huge pages: what was committed, shmget has settled. */
static const struct vm_operations_struct shm_huge_vm_ops = {
	.open = shm_open_vma,
	.close = shm_close_vma,
	.may_split = hugetlb_may_split,
};

static int shm_mmap(struct vm_area_struct *vma)
{
	bool huge = vma->vm_file->inode->hstate;
	int err = huge ? hugetlb_mmap(vma) : 0;

	if (err)
		return err;
	vma->vm_ops = huge ? &shm_huge_vm_ops : &shm_vm_ops;
	shm_open_vma(vma);
	return 0;
}

/* ---- huge pages: their faults are hugetlb.c's own ---- */

static const struct vm_operations_struct hugetlb_vm_ops = {
	.open = hugetlb_open,
	.close = hugetlb_close,
	.may_split = hugetlb_may_split,
};

static int hugetlb_file_mmap(struct vm_area_struct *vma)
{
	vma->vm_ops = &hugetlb_vm_ops;
	return hugetlb_mmap(vma);
}

/* ---- devices ---- */

/* Shared it has been given shared memory of its own instead, before it was placed (mmap.c). */
static int mmap_zero(struct vm_area_struct *vma)
{
	vma->vm_ops = NULL;
	return 0;
}

static int device_mmap(struct vm_area_struct *vma)
{
	vma->vm_ops = &generic_file_vm_ops;
	vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP;
	return 0;
}

/* ---- shared memory that is sealed ---- */

/* What a seal forbids to write cannot be made writable later, either. */
static int shmem_prepare(const struct file *file, vm_flags_t *vm_flags)
{
	bool sealed = file->inode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);

	if (!sealed || !(*vm_flags & VM_SHARED))
		return 0;
	*vm_flags &= ~VM_MAYWRITE;
	return *vm_flags & VM_WRITE ? -EPERM : 0;
}

/* ---- memfd_secret: nobody but the program sees its pages, and they stay in memory ---- */

static int secretmem_prepare(const struct mm_struct *mm, unsigned long len, vm_flags_t *vm_flags)
{
	if (*vm_flags & VM_EXEC) /* the kernel's own mount of it is one without */
		return -EPERM;
	if (!(*vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if (!mlock_future_ok(mm, *vm_flags | VM_LOCKED, len))
		return -EAGAIN;
	*vm_flags = (*vm_flags & ~VM_MAYEXEC) | VM_LOCKED | VM_DONTDUMP;
	return 0;
}

/* ---- what no rule knows: it does what was told of it ---- */

/* As which of the ways of mapping it counts. */
static unsigned driver_way(const struct file *file, unsigned long prot, bool shared)
{
	return (prot & (PROT_READ | PROT_WRITE | PROT_EXEC)) | shared << 3 | file->writable << 4;
}

int driver_tell(struct file *file, unsigned long prot, bool shared, vm_flags_t vm_flags)
{
	struct inode *inode = file->inode;
	unsigned way = driver_way(file, prot, shared);

	if (!inode->told_flags)
		inode->told_flags = arena_alloc(file->machine->arena,
						DRIVER_WAYS * sizeof(*inode->told_flags), 0);
	if (!inode->told_flags)
		return -ENOMEM;
	inode->kind = FILE_OTHER;
	inode->told_flags[way] = vm_flags;
	inode->told |= 1u << way;
	return 0;
}

static int other_prepare(const struct mm_struct *mm, const struct file *file, vm_flags_t *vm_flags)
{
	unsigned long prot = (*vm_flags & VM_READ ? PROT_READ : 0) |
			     (*vm_flags & VM_WRITE ? PROT_WRITE : 0) |
			     (*vm_flags & VM_EXEC ? PROT_EXEC : 0);
	unsigned way = driver_way(file, prot, *vm_flags & VM_MAYSHARE);
	int says = this_cpu(mm->machine)->driver_says;

	if (!says && (file->inode->told & 1u << way))
		*vm_flags =
			(*vm_flags & ~DRIVER_FLAGS) | (file->inode->told_flags[way] & DRIVER_FLAGS);
	return says;
}

static int other_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	(void)addr;
	return this_cpu(vma->vm_mm->machine)->driver_says;
}

static int other_fault(struct vm_area_struct *vma, unsigned long pgoff, pfn_t *pfn)
{
	return this_cpu(vma->vm_mm->machine)->driver_says ? -ENXIO : filemap_fault(vma, pgoff, pfn);
}

static const struct vm_operations_struct other_vm_ops = {
	.may_split = other_may_split,
	.fault = other_fault,
};

static int other_mmap(struct vm_area_struct *vma)
{
	vma->vm_ops = &other_vm_ops;
	return 0;
}

/* ---- what the kernel maps itself: it stays whole, and has a name instead of a path ---- */

static int special_mapping_split(struct vm_area_struct *vma, unsigned long addr)
{
	(void)vma, (void)addr;
	return -EINVAL;
}

static const char *special_mapping_name(struct vm_area_struct *vma)
{
	return vma->vm_private_data;
}

static const struct vm_operations_struct special_mapping_vmops = {
	.may_split = special_mapping_split,
	.fault = filemap_fault,
	.name = special_mapping_name,
};

static int special_mmap(struct vm_area_struct *vma)
{
	vma->vm_ops = &special_mapping_vmops;
	vma->vm_private_data = vma->vm_file->inode->path;
	return 0;
}

/* ---- who is called ---- */

static int (*const mmap_of[])(struct vm_area_struct *vma) = {
	[FILE_REGULAR] = disk_file_mmap,
	[FILE_SHMEM] = generic_file_mmap,
	[FILE_SYSV_SHM] = shm_mmap,
	[FILE_ZERO] = mmap_zero,
	[FILE_DEVICE] = device_mmap,
	[FILE_PLAIN] = generic_file_mmap,
	[FILE_NO_MMAP] = NULL,
	[FILE_HUGETLB] = hugetlb_file_mmap,
	[FILE_SECRETMEM] = generic_file_mmap,
	[FILE_OTHER] = other_mmap,
	[FILE_SPECIAL] = special_mmap,
};

bool can_mmap_file(const struct file *file)
{
	return mmap_of[file->inode->kind];
}

int mmap_prepare(const struct mm_struct *mm, const struct file *file, unsigned long len,
		 vm_flags_t *vm_flags)
{
	switch (file->inode->kind) {
	case FILE_SHMEM:
	case FILE_HUGETLB:
		return shmem_prepare(file, vm_flags);
	case FILE_SECRETMEM:
		return secretmem_prepare(mm, len, vm_flags);
	case FILE_OTHER:
		return other_prepare(mm, file, vm_flags);
	default:
		return 0;
	}
}

int vma_mmap(struct vm_area_struct *vma)
{
	const struct config *config = &vma->vm_mm->machine->config;
	int err = mmap_of[vma->vm_file->inode->kind](vma);

	if (err || !config->mmap_hook)
		return err;
	err = config->mmap_hook(vma);
	if (err)
		vma_close(vma);
	return err;
}

static bool driver_is_told(const struct vm_area_struct *vma)
{
	return vma->vm_ops && (!(vma->vm_mm->machine->config.without & PART_DRIVERS) ||
			       (vma->vm_flags & VM_HUGETLB));
}

void vma_open(struct vm_area_struct *vma)
{
	if (driver_is_told(vma) && vma->vm_ops->open)
		vma->vm_ops->open(vma);
}

void vma_close(struct vm_area_struct *vma)
{
	if (driver_is_told(vma) && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	vma->vm_ops = NULL;
}

int may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return vma->vm_ops && vma->vm_ops->may_split ? vma->vm_ops->may_split(vma, addr) : 0;
}

bool can_merge_remove_vma(const struct vm_area_struct *vma)
{
	return !vma->vm_ops || !vma->vm_ops->close;
}
