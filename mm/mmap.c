/*
 * mmap - making and ending mappings: mmap, munmap, shmat, shmdt, remap_file_pages
 *
 * The order of the checks decides which error a call returns; it is that of
 * Linux 6.12–6.18's mm/mmap.c and ipc/shm.c.
 */
#include "mm/internal.h"

#include <errno.h>
#include <sys/shm.h>

#include "mm/mman.h"
#include "mm/nommu.h"

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif

/* The flags that MAP_SHARED_VALIDATE lets pass: those that mmap has always had. */
#define VALIDATED_FLAGS                                                                          \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_GROWSDOWN | \
	 MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB |    \
	 MAP_32BIT | MAP_ABOVE4G | MAP_UNINITIALIZED | HUGE_SIZES)

static bool is_shared(unsigned long flags)
{
	return (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
}

/* B2: private writable memory is counted against what there is. */
static bool accountable_mapping(const struct file *file, vm_flags_t flags)
{
	return !hstate_file(file) && /* these have pools of their own */
	       (flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) == VM_WRITE;
}

/* Of MAP_SYNC a disk's driver decides. */
static unsigned long validated_flags(const struct file *file)
{
	return VALIDATED_FLAGS | (file->inode->kind == FILE_REGULAR ? MAP_SYNC : 0);
}

static int check_file_mapping(const struct file *file, unsigned long prot, unsigned long flags,
			      vm_flags_t *vm_flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (flags & ~validated_flags(file))
			return -EOPNOTSUPP;
		/* fall through */
	case MAP_SHARED:
		if ((prot & PROT_WRITE) && !file->writable)
			return -EACCES;
		*vm_flags |= VM_SHARED | VM_MAYSHARE;
		if (!file->writable) /* B3 */
			*vm_flags &= ~(VM_MAYWRITE | VM_SHARED);
		break;
	case MAP_PRIVATE:
		break;
	default:
		return -EINVAL;
	}
	if (!file->readable)
		return -EACCES;
	if (file->noexec && (*vm_flags & VM_EXEC))
		return -EPERM;
	if (file->noexec)
		*vm_flags &= ~VM_MAYEXEC;
	if (!can_mmap_file(file))
		return -ENODEV;
	return *vm_flags & VM_GROWSDOWN ? -EINVAL : 0;
}

static int check_anon_mapping(unsigned long flags, vm_flags_t *vm_flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
		if (*vm_flags & VM_GROWSDOWN)
			return -EINVAL;
		*vm_flags |= VM_SHARED | VM_MAYSHARE;
		return 0;
	case MAP_DROPPABLE: /* B4 */
		if (flags & (MAP_GROWSDOWN | MAP_LOCKED))
			return -EINVAL;
		*vm_flags |= VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP;
		return 0;
	case MAP_PRIVATE:
		return 0;
	default:
		return -EINVAL;
	}
}

/* Shared memory without a name: each mapping has a file of its own (B7). */
static struct file *shmem_zero_setup(struct machine *machine, unsigned long pages)
{
	uint64_t number = (this_cpu(machine)->anon_inodes + 1) | 1UL << 63;
	struct inode *inode = inode_create(machine, number, FILE_SHMEM, "/dev/zero (deleted)");
	struct file *file;

	if (!inode)
		return NULL;
	inode->pages = pages;
	file = file_open(machine, inode, 0, true, true);
	inode_put(machine, inode);
	return file;
}

/* Drivers whose mmap comes after the attempt to merge: only then is VM_MERGEABLE set. */
static bool merges_before_ksm(const struct file *file)
{
	return file && (file->inode->kind == FILE_ZERO || file->inode->kind == FILE_DEVICE ||
			file->inode->hstate);
}

static unsigned long mmap_region(struct mm_struct *mm, struct vma_desc *desc)
{
	/* /dev/zero open for reading only is not shared at all: B3 has cleared VM_SHARED */
	bool makes_file =
		(desc->flags & VM_SHARED) && (!desc->file || desc->file->inode->kind == FILE_ZERO);
	unsigned long npages = (desc->end - desc->start) >> PAGE_SHIFT;

	if (map_deny_write_exec(mm, desc->flags, desc->flags))
		return -EACCES;
	if (accountable_mapping(desc->file, desc->flags))
		desc->flags |= VM_ACCOUNT;
	bool late = merges_before_ksm(desc->file) && !makes_file;
	if (!late)
		desc->flags = ksm_vma_flags(mm, desc->flags);
	if (makes_file) {
		desc->file = shmem_zero_setup(mm->machine, npages);
		if (!desc->file)
			return -ENOMEM;
		desc->shmem = desc->flags & VM_NORESERVE ? 0 : npages;
	}

	struct vm_area_struct *vma;
	int err = vma_replace(mm, desc->start, desc->end, desc, &vma);
	if (!err && desc->shmem) {
		desc->file->inode->committed = desc->shmem;
		machine_add(mm->machine, &mm->machine->committed, desc->shmem);
	}
	if (makes_file)
		fput(desc->file);
	/* a driver that refuses does so after what was there has gone */
	if (err == -EOPNOTSUPP && vma_replace(mm, desc->start, desc->end, NULL, NULL))
		return -ENOMEM;
	if (err)
		return (unsigned long)err;
	this_cpu(mm->machine)->anon_inodes += makes_file;
	if (late && vma->vm_start == desc->start && vma->vm_end == desc->end)
		vma->vm_flags = ksm_vma_flags(mm, vma->vm_flags);
	if (vma->vm_flags & VM_SPECIAL)
		vma->vm_flags &= ~VM_LOCKED_MASK;
	else if (vma->vm_flags & VM_LOCKED)
		mm->locked_vm += npages;
	return desc->start;
}

/* Settles where a mapping goes, and its flags but for the file's: an address or -errno. */
static unsigned long place(struct mm_struct *mm, struct file *file, unsigned long addr,
			   unsigned long len, unsigned long pgoff, unsigned long flags)
{
	addr = get_unmapped_area(mm, file, addr, len, pgoff, flags);
	if (IS_ERR_VALUE(addr))
		return addr;
	if ((flags & MAP_FIXED_NOREPLACE) && find_vma_intersection(mm, addr, addr + len))
		return -EEXIST;
	return addr;
}

/* B5 */
static unsigned new_mapping_pkey(struct mm_struct *mm, unsigned long prot)
{
	int pkey = prot == PROT_EXEC ? execute_only_pkey(mm) : 0;

	return pkey > 0 ? (unsigned)pkey : 0;
}

/* Some devices have offsets beyond the largest file, whose bytes a signed number counts. */
static bool file_mmap_ok(const struct file *file, unsigned long pgoff, unsigned long len)
{
	enum file_kind kind = file->inode->kind;
	unsigned long max =
		kind == FILE_ZERO || kind == FILE_DEVICE || kind == FILE_NO_MMAP ? ~0UL : ~0UL >> 1;

	return len <= max && pgoff <= (max - len) >> PAGE_SHIFT;
}

static bool wants_populate(vm_flags_t vm_flags, unsigned long flags)
{
	return (vm_flags & VM_LOCKED) || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
}

static unsigned long mmap_pgoff(struct mm_struct *mm, struct file *file, unsigned long addr,
				unsigned long len, unsigned long prot, unsigned long flags,
				unsigned long pgoff)
{
	const struct config *config = &mm->machine->config;
	vm_flags_t vm_flags;

	if (!len)
		return -EINVAL;
	if ((prot & PROT_READ) && mm->read_implies_exec && !(file && file->noexec))
		prot |= PROT_EXEC;
	if (flags & MAP_FIXED_NOREPLACE)
		flags |= MAP_FIXED;
	if (config->leave_out & LEAVE_OUT_MAP_STACK)
		flags &= ~(unsigned long)MAP_STACK;
	if (!(flags & MAP_FIXED)) { /* A6 */
		addr &= PAGE_MASK;
		if (addr && addr < config->mmap_min_addr)
			addr = PAGE_ALIGN(config->mmap_min_addr);
	}
	len = PAGE_ALIGN(len);
	if (!len)
		return -ENOMEM;
	if (pgoff + (len >> PAGE_SHIFT) < pgoff)
		return -EOVERFLOW;
	if (mm->map_count > config->max_map_count) /* I1 */
		return -ENOMEM;

	vm_flags = calc_vm_prot_bits(prot, new_mapping_pkey(mm, prot)) | calc_vm_flag_bits(flags) |
		   mm->def_flags | VM_MAY_FLAGS;
	addr = place(mm, file, addr, len, pgoff, flags);
	if (IS_ERR_VALUE(addr))
		return addr;
	if ((flags & MAP_LOCKED) && !can_do_mlock(mm))
		return -EPERM;
	if (!mlock_future_ok(mm, vm_flags, len))
		return -EAGAIN;
	if (file && !file_mmap_ok(file, pgoff, len))
		return -EOVERFLOW;
	int err = file ? check_file_mapping(file, prot, flags, &vm_flags)
		       : check_anon_mapping(flags, &vm_flags);
	if (err)
		return (unsigned long)err;
	if (!file)
		pgoff = is_shared(flags) ? 0 : addr >> PAGE_SHIFT;
	if ((flags & MAP_NORESERVE) && (config->overcommit != 2 || hstate_file(file)))
		vm_flags |= VM_NORESERVE;

	vm_flags_t asked = vm_flags;
	err = file ? mmap_prepare(mm, file, len, &vm_flags) : 0;
	if (err)
		return (unsigned long)err;
	struct vma_desc desc = {
		.start = addr,
		.end = addr + len,
		.flags = vm_flags,
		.pgoff = pgoff,
		.file = file,
	};
	unsigned long result = mmap_region(mm, &desc);
	if (!IS_ERR_VALUE(result) && wants_populate(asked, flags))
		mm_populate(mm, addr, addr + len, true);
	return result;
}

/* Memory of huge pages without a name: each mapping has a file of its own. */
static unsigned long mmap_hugetlb(struct mm_struct *mm, unsigned long addr, unsigned long len,
				  unsigned long prot, unsigned long flags, unsigned long pgoff)
{
	struct machine *machine = mm->machine;
	struct hstate *h = hstate_sizelog(machine, hugetlb_flags_log(flags));

	if (!h)
		return -EINVAL;
	len = (len + huge_page_size(h) - 1) & ~(huge_page_size(h) - 1);
	struct file *file = hugetlb_file_setup(machine, h, len);
	if (!file)
		return -ENOMEM;
	unsigned long result = mmap_pgoff(mm, file, addr, len, prot, flags, pgoff);
	fput(file);
	this_cpu(machine)->anon_inodes += !IS_ERR_VALUE(result);
	return result;
}

unsigned long do_mmap(struct mm_struct *mm, struct file *file, unsigned long addr,
		      unsigned long len, unsigned long prot, unsigned long flags,
		      unsigned long pgoff)
{
	struct hstate *h = hstate_file(file);

	if (file && file->path_only)
		return (unsigned long)-EBADF;
	if (mm->machine->config.nommu)
		return nommu_mmap(mm, file, len, prot, flags, pgoff);
	if (!file && (flags & MAP_HUGETLB))
		return mmap_hugetlb(mm, addr, len, prot, flags, pgoff);
	if (h)
		len = (len + huge_page_size(h) - 1) & ~(huge_page_size(h) - 1);
	else if (flags & MAP_HUGETLB)
		return -EINVAL;
	return mmap_pgoff(mm, file, addr, len, prot, flags, pgoff);
}

int do_munmap(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	unsigned long task_size = mm->machine->config.task_size;

	if (mm->machine->config.nommu)
		return nommu_munmap(mm, start, len);
	if ((start & ~PAGE_MASK) || start > task_size || len > task_size - start)
		return -EINVAL;
	len = PAGE_ALIGN(len);
	if (!len)
		return -EINVAL;
	return vma_replace(mm, start, start + len, NULL, NULL);
}

unsigned long do_shmat(struct mm_struct *mm, struct file *file, unsigned long addr,
		       unsigned long shmflg, unsigned long size)
{
	unsigned long flags = MAP_SHARED;
	unsigned long prot = PROT_READ | (shmflg & SHM_RDONLY ? 0 : PROT_WRITE) |
			     (shmflg & SHM_EXEC ? PROT_EXEC : 0);

	if (addr) {
		if (addr & (SHMLBA - 1)) {
			if (!(shmflg & SHM_RND))
				return -EINVAL;
			addr &= ~(SHMLBA - 1UL);
			if (!addr && (shmflg & SHM_REMAP))
				return -EINVAL;
		}
		flags |= MAP_FIXED;
	} else if (shmflg & SHM_REMAP) {
		return -EINVAL;
	}
	if (hstate_file(file))
		size = file->inode->pages << PAGE_SHIFT;
	if (addr && !(shmflg & SHM_REMAP)) {
		if (addr + size < addr || find_vma_intersection(mm, addr, addr + size))
			return -EINVAL;
	}
	if (file->inode->pages == NO_END) /* a segment keeps its size */
		file->inode->pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	return do_mmap(mm, file, addr, size, prot, flags, 0);
}

/* I2: is this a part of the segment that was attached at addr? */
static bool is_attach_of(const struct vm_area_struct *vma, unsigned long addr,
			 const struct file *file)
{
	return vma->vm_file && vma->vm_file->inode->kind == FILE_SYSV_SHM &&
	       (!file || vma->vm_file == file) &&
	       (vma->vm_start - addr) >> PAGE_SHIFT == vma->vm_pgoff;
}

int do_shmdt(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	const struct file *file = NULL;
	unsigned long size = -1UL; /* what lies beyond, mremap has made */
	int result = -EINVAL;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	for (vma = find_vma(mm, addr); vma;) {
		unsigned long end = vma->vm_end;

		if (file && end - addr > size)
			break;
		if (is_attach_of(vma, addr, file)) {
			if (!file && vma->vm_file->inode->pages != NO_END)
				size = vma->vm_file->inode->pages << PAGE_SHIFT;
			file = vma->vm_file; /* compared only, never followed */
			int err = vma_replace(mm, vma->vm_start, end, NULL, NULL);
			if (err == -ENOMEM)
				return err;
			result = 0; /* even if it is sealed and stays */
		}
		vma = find_vma(mm, end);
	}
	return result;
}

/* Is [vma's start, end) one mapping, though perhaps of several VMAs? */
static bool is_one_mapping(struct mm_struct *mm, const struct vm_area_struct *vma,
			   unsigned long end)
{
	const struct vm_area_struct *next = vma;

	while (next->vm_end < end) {
		next = vma_lookup(mm, next->vm_end);
		if (!next || next->vm_file != vma->vm_file || next->vm_flags != vma->vm_flags)
			return false;
	}
	return true;
}

/* The call that is a mapping of its own since Linux 4.0: the range shows another offset. */
int do_remap_file_pages(struct mm_struct *mm, unsigned long start, unsigned long size,
			unsigned long prot, unsigned long pgoff, unsigned long flags)
{
	struct vm_area_struct *vma;

	start &= PAGE_MASK;
	size &= PAGE_MASK;
	if (prot || start + size <= start || pgoff + (size >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	vma = vma_lookup(mm, start);
	if (!vma || !(vma->vm_flags & VM_SHARED) || !is_one_mapping(mm, vma, start + size))
		return -EINVAL;

	unsigned long vma_prot = (vma->vm_flags & VM_READ ? PROT_READ : 0) |
				 (vma->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
				 (vma->vm_flags & VM_EXEC ? PROT_EXEC : 0);
	struct file *file = get_file(vma->vm_file);
	unsigned long map_flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE | (flags & MAP_NONBLOCK) |
				  (vma->vm_flags & VM_LOCKED ? MAP_LOCKED : 0);
	unsigned long result = -EINVAL; /* here a length is not rounded to huge pages */
	if (!(size & (vma_kernel_pagesize(vma) - 1)))
		result = do_mmap(mm, file, start, size, vma_prot, map_flags, pgoff);
	fput(file);
	return IS_ERR_VALUE(result) ? (int)result : 0;
}
