/*
 * nommu - address spaces without page tables: an address is the memory itself, for all alike
 *
 *	regions    [ region 8 pages  ]   [ region 4 ]   [ region 16     ]    by address, all mms'
 *	             ^     ^                ^                ^
 *	mm A       [ vma ] │              [ vma ]            │
 *	mm B             [ vma ]                           [ vma ]
 *
 *  1. A region is as many pages as a power of two; what is not needed is given back, if that
 *     is config.nr_trim_pages pages or more (0: never).  It lives as long as VMAs show it.
 *  2. Only what is shared, or private and read-only, of one file shares a region; nobody
 *     cuts that, nor a private copy of a file.
 *  3. A VMA that is cut leaves the parts of its region to as many regions.
 *  4. Nothing faults, nothing is copied on write: no fork, no MAP_FIXED, no change of rights.
 *
 * Source: the behaviour of Linux 6.12's mm/nommu.c.  Contents are not modelled; a region that
 * shrank does not grow again; and one mm cannot show a region twice at the same place, for an
 * index holds no two VMAs there.
 */
#include "mm/nommu.h"

#include <errno.h>

#include "mm/mman.h"

struct vm_region {
	struct vm_region *next; /* by address */
	unsigned refs;          /* VMAs that show it */
	bool shareable;
	unsigned long vm_start, vm_end, vm_top; /* asked for up to vm_end, taken up to vm_top */
	unsigned long vm_pgoff;                 /* of vm_start in vm_file, pages */
	struct file *vm_file;                   /* NULL: anonymous */
};

/* ---- regions ---- */

static struct vm_region *region_alloc(struct machine *machine, const struct vm_region *from)
{
	struct vm_region *region = arena_alloc(machine->arena, sizeof(*region), 0);

	if (!region)
		return NULL;
	*region = *from;
	region->refs = 1;
	get_file(region->vm_file);
	return region;
}

static void region_free(struct machine *machine, struct vm_region *region)
{
	fput(region->vm_file);
	arena_free(machine->arena, region, sizeof(*region), 0);
}

static void region_link(struct machine *machine, struct vm_region *region)
{
	struct vm_region **link = &machine->regions;

	while (*link && (*link)->vm_start < region->vm_start)
		link = &(*link)->next;
	region->next = *link;
	*link = region;
}

void put_nommu_region(struct machine *machine, struct vm_region *region)
{
	struct vm_region **link = &machine->regions;

	if (--region->refs)
		return;
	while (*link != region)
		link = &(*link)->next;
	*link = region->next;
	region_free(machine, region);
}

/* The lowest free memory of that many bytes, a power of two, at a multiple of it; or 0. */
static unsigned long region_place(const struct machine *machine, unsigned long size)
{
	const struct config *config = &machine->config;
	unsigned long lo = PAGE_ALIGN(max(config->mmap_min_addr, PAGE_SIZE));
	unsigned long hi = config->ram ? lo + (config->ram << PAGE_SHIFT) : config->task_size;
	unsigned long at = (lo + size - 1) & ~(size - 1);

	for (const struct vm_region *r = machine->regions; r && at + size > r->vm_start;
	     r = r->next)
		at = max(at, (r->vm_top + size - 1) & ~(size - 1));
	return at + size <= hi ? at : 0;
}

/* A region for len bytes that is not linked yet: 0 or -ENOMEM. */
static int region_new(struct machine *machine, struct vm_region *wanted, unsigned long len,
		      struct vm_region **region)
{
	unsigned long size = PAGE_SIZE, trim = machine->config.nr_trim_pages << PAGE_SHIFT;

	while (size < len)
		size *= 2;
	wanted->vm_start = region_place(machine, size);
	if (!wanted->vm_start)
		return -ENOMEM;
	wanted->vm_end = wanted->vm_start + len;
	wanted->vm_top = wanted->vm_start + (trim && size - len >= trim ? len : size);
	*region = region_alloc(machine, wanted);
	return *region ? 0 : -ENOMEM;
}

/* Files whose memory can be shown as it is, not as a copy of it. */
static bool can_map_directly(const struct file *file)
{
	enum file_kind kind = file->inode->kind;

	return kind == FILE_SHMEM || kind == FILE_SYSV_SHM || kind == FILE_DEVICE;
}

/* A region that shows the same of the file, or NULL: 0; -EINVAL: a copy has a part of it only. */
static int region_shared(const struct machine *machine, const struct vm_region *wanted,
			 unsigned long len, struct vm_region **region)
{
	unsigned long end = wanted->vm_pgoff + (len >> PAGE_SHIFT);
	int err = 0;

	*region = NULL;
	for (struct vm_region *r = machine->regions; r && wanted->shareable; r = r->next) {
		unsigned long r_end = r->vm_pgoff + ((r->vm_end - r->vm_start) >> PAGE_SHIFT);

		if (!r->shareable || r->vm_file->inode != wanted->vm_file->inode ||
		    wanted->vm_pgoff >= r_end || end <= r->vm_pgoff)
			continue;
		if (wanted->vm_pgoff >= r->vm_pgoff && end <= r_end) {
			*region = r;
			return 0;
		}
		if (!can_map_directly(wanted->vm_file))
			err = -EINVAL;
	}
	return err;
}

/* ---- mmap ---- */

static int check_mapping(const struct file *file, unsigned long len, unsigned long prot,
			 unsigned long flags, unsigned long pgoff)
{
	bool shared = (flags & MAP_TYPE) == MAP_SHARED;

	if ((flags & MAP_FIXED) || (!shared && (flags & MAP_TYPE) != MAP_PRIVATE) || !len)
		return -EINVAL;
	if (!PAGE_ALIGN(len))
		return -ENOMEM;
	if (pgoff + (PAGE_ALIGN(len) >> PAGE_SHIFT) < pgoff)
		return -EOVERFLOW;
	if (!file)
		return 0;
	if (!can_mmap_file(file))
		return -ENODEV;
	if (!file->readable || (shared && (prot & PROT_WRITE) && !file->writable))
		return -EACCES;
	return shared && !can_map_directly(file) ? -ENODEV : 0;
}

/* Shows region from its page pgoff on: the address, or -errno, and the region has one user less. */
static unsigned long map_region(struct mm_struct *mm, struct vm_region *region, unsigned long pgoff,
				unsigned long len, vm_flags_t vm_flags)
{
	unsigned long start = region->vm_start + ((pgoff - region->vm_pgoff) << PAGE_SHIFT);
	struct vma_desc desc = {
		.start = start,
		.end = start + len,
		.flags = vm_flags,
		.pgoff = pgoff,
		.file = region->vm_file,
	};
	struct vm_area_struct *vma;
	int err = may_expand_vm(mm, vm_flags, len >> PAGE_SHIFT) ? 0 : -ENOMEM;

	vma = err ? NULL : vm_area_alloc(mm, &desc);
	if (!vma) {
		put_nommu_region(mm->machine, region);
		return (unsigned long)-ENOMEM;
	}
	vma->vm_region = region;
	err = vma->vm_file ? vma_mmap(vma) : 0;
	if (err) {
		vm_area_free(vma);
		return (unsigned long)err;
	}
	err = insert_vm_struct(mm, vma);
	if (err)
		remove_vma(vma);
	return err ? (unsigned long)err : start;
}

unsigned long nommu_mmap(struct mm_struct *mm, struct file *file, unsigned long len,
			 unsigned long prot, unsigned long flags, unsigned long pgoff)
{
	int err = check_mapping(file, len, prot, flags, pgoff);
	bool shared = (flags & MAP_TYPE) == MAP_SHARED;
	vm_flags_t vm_flags = (prot & VM_ACCESS_FLAGS) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC |
			      (shared ? VM_SHARED | VM_MAYSHARE : 0);
	struct vm_region *region, wanted = {
		.shareable = file && (shared || !(prot & PROT_WRITE)),
		.vm_pgoff = file ? pgoff : 0,
		.vm_file = file,
	};

	if (err)
		return (unsigned long)err;
	len = PAGE_ALIGN(len);
	err = region_shared(mm->machine, &wanted, len, &region);
	if (err)
		return (unsigned long)err;
	if (region) {
		region->refs++;
		return map_region(mm, region, pgoff, len, vm_flags);
	}
	err = region_new(mm->machine, &wanted, len, &region);
	if (err)
		return (unsigned long)err;
	region_link(mm->machine, region);
	return map_region(mm, region, wanted.vm_pgoff, len, vm_flags);
}

/* ---- munmap, mremap ---- */

/* [start, end) of the anonymous vma goes, not all of it: its region loses that part. */
static int cut_region(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_region *region = vma->vm_region, *above = NULL;
	bool keeps_low = start > vma->vm_start;

	if (keeps_low && end < vma->vm_end) {
		above = region_alloc(mm->machine, region);
		if (!above)
			return -ENOMEM;
		above->vm_start = end;
	}
	int err = vma_replace(mm, start, end, NULL, NULL);
	if (err) {
		if (above)
			region_free(mm->machine, above);
		return err;
	}
	if (keeps_low)
		region->vm_end = region->vm_top = start;
	else
		region->vm_start = end;
	if (above) {
		region_link(mm->machine, above);
		find_vma(mm, end)->vm_region = above;
	}
	return 0;
}

int nommu_munmap(struct mm_struct *mm, unsigned long start, unsigned long len)
{
	unsigned long end = start + PAGE_ALIGN(len);
	struct vm_area_struct *vma = vma_lookup(mm, start);

	if (!PAGE_ALIGN(len) || end < start || !vma || end > vma->vm_end || (start & ~PAGE_MASK))
		return -EINVAL;
	if (start == vma->vm_start && end == vma->vm_end)
		return vma_replace(mm, start, end, NULL, NULL);
	return vma->vm_file ? -EINVAL : cut_region(vma, start, end);
}

unsigned long nommu_mremap(struct mm_struct *mm, unsigned long addr, unsigned long old_len,
			   unsigned long new_len, unsigned long flags, unsigned long new_addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	old_len = PAGE_ALIGN(old_len);
	new_len = PAGE_ALIGN(new_len);
	if (!old_len || !new_len || (addr & ~PAGE_MASK) ||
	    ((flags & MREMAP_FIXED) && new_addr != addr))
		return (unsigned long)-EINVAL;
	if (!vma || vma->vm_start != addr)
		return (unsigned long)-EINVAL;
	if (vma->vm_end != addr + old_len)
		return (unsigned long)-EFAULT;
	if (vma->vm_region->shareable)
		return (unsigned long)-EPERM;
	if (new_len > old_len)
		return (unsigned long)-ENOMEM;
	int err =
		new_len < old_len ? vma_replace(mm, addr + new_len, addr + old_len, NULL, NULL) : 0;
	return err ? (unsigned long)err : addr;
}

const char *nommu_verify(const struct mm_struct *mm, const struct vm_area_struct *vma)
{
	const struct vm_region *region = vma->vm_region;

	if (!mm->machine->config.nommu)
		return region ? "a region where there is an MMU" : NULL;
	if (!region || vma->vm_start < region->vm_start || vma->vm_end > region->vm_end)
		return "a VMA outside of its region";
	if (region->vm_end > region->vm_top ||
	    (region->next && region->vm_top > region->next->vm_start))
		return "regions overlap";
	return region->refs > 1 && !region->shareable ? "a private region of two VMAs" : NULL;
}
