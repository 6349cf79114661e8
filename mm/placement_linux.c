/*
 * placement_linux - the kernel's own placement policy
 *
 *	mmap_min_addr                       mmap_base     task_size
 *	|  program, heap …      <- topdown search |  stack  |
 *
 * Source: the behaviour of Linux 6.12–6.18 on x86-64 (rules A1–A9).
 */
#include "mm/placement.h"

#include <errno.h>

#include "mm/mman.h"

/* where hints stop to reach when an address space is larger than this */
#define DEFAULT_MAP_WINDOW ((1UL << 47) - PAGE_SIZE)

/* How the place must stand: congruent to off modulo align, where that is not 0. */
struct alignment {
	unsigned long align, off;
};

/* Where an address space ends for a mapping: only who asks for what is above the window gets it. */
static unsigned long end_for(const struct mm_struct *mm, unsigned long addr)
{
	unsigned long task_size = mm->machine->config.task_size;

	return addr > DEFAULT_MAP_WINDOW ? task_size : min(task_size, DEFAULT_MAP_WINDOW);
}

static unsigned long area_bottomup(struct mm_struct *mm, unsigned long addr, unsigned long len,
				   unsigned long flags, struct alignment a)
{
	struct gap_search s = {
		.mm = mm,
		.len = len,
		.low_limit = mm->mmap_base,
		.high_limit = end_for(mm, addr),
	};

	if (!mm->legacy_layout)
		s.low_limit = PAGE_ALIGN(end_for(mm, 0) / 3);
	if (flags & MAP_32BIT) { /* A7 */
		s.low_limit = 0x40000000;
		s.high_limit = 0x80000000;
	}
	if (len > s.high_limit)
		return -ENOMEM;
	if (addr) {
		addr = PAGE_ALIGN(addr);
		if (s.high_limit - len >= addr && placement_hint_is_free(mm, addr, len))
			return addr;
	}
	return a.align ? gap_bottomup_aligned(&s, a.align, a.off) : gap_bottomup(&s);
}

static bool mmap_address_hint_valid(const struct mm_struct *mm, unsigned long addr,
				    unsigned long len)
{
	if (mm->machine->config.task_size - len < addr)
		return false;
	return (addr > DEFAULT_MAP_WINDOW) == (addr + len > DEFAULT_MAP_WINDOW);
}

static unsigned long area_topdown(struct mm_struct *mm, unsigned long addr, unsigned long len,
				  unsigned long flags, struct alignment a)
{
	unsigned long task_size = mm->machine->config.task_size;
	unsigned long hint = addr & PAGE_MASK;
	struct gap_search s = {
		.mm = mm,
		.len = len,
		.low_limit = PAGE_SIZE,
		.high_limit = mm->mmap_base,
	};

	if (flags & MAP_32BIT)
		return area_bottomup(mm, addr, len, flags, a);
	if (hint && mmap_address_hint_valid(mm, hint, len) && placement_hint_is_free(mm, hint, len))
		return hint;
	if (flags & MAP_ABOVE4G)
		s.low_limit = 1UL << 32;
	if (hint > DEFAULT_MAP_WINDOW)
		s.high_limit += task_size - DEFAULT_MAP_WINDOW;
	addr = a.align ? gap_topdown_aligned(&s, a.align, a.off) : gap_topdown(&s);
	return IS_ERR_VALUE(addr) ? area_bottomup(mm, hint, len, flags, a) : addr;
}

/* arch_get_unmapped_area of the mm's layout. */
static unsigned long aligned_area(struct mm_struct *mm, unsigned long addr, unsigned long len,
				  unsigned long flags, struct alignment a)
{
	if (len > mm->machine->config.task_size)
		return -ENOMEM;
	if (mm->legacy_layout)
		return area_bottomup(mm, addr, len, flags, a);
	return area_topdown(mm, addr, len, flags, a);
}

static unsigned long plain_area(struct mm_struct *mm, unsigned long addr, unsigned long len,
				unsigned long flags)
{
	return aligned_area(mm, addr, len, flags, (struct alignment){ 0 });
}

/* A10: huge pages of pools stand where they can be mapped as such. */
static unsigned long hugetlb_area(const struct placement *p, const struct hstate *h)
{
	struct alignment a = { huge_page_size(h), p->pgoff << PAGE_SHIFT };
	unsigned long addr = p->addr + (a.align - 1);

	if (p->mm->machine->config.hugetlb_hint_down)
		return aligned_area(p->mm, p->addr & ~(a.align - 1), p->len,
				    p->flags & ~(unsigned long)(MAP_32BIT | MAP_ABOVE4G),
				    (struct alignment){ a.align, 0 });
	return aligned_area(p->mm, addr & ~(a.align - 1), p->len, p->flags, a);
}

/*
 * A2: a place whose address is congruent to the offset modulo 2 MiB, so that
 * huge pages fit; 0 where that makes no sense or finds no room.
 */
static unsigned long thp_area_padded(struct mm_struct *mm, unsigned long addr, unsigned long len,
				     unsigned long off, unsigned long flags)
{
	unsigned long off_end = off + len;
	unsigned long off_align = (off + PMD_SIZE - 1) & ~(PMD_SIZE - 1);
	unsigned long padded = len + PMD_SIZE;

	/* the kernel's offsets have a sign: near the largest file this one is negative */
	if ((long)off_end <= (long)off_align || off_end - off_align < PMD_SIZE)
		return 0;
	if (padded < len || off + padded < off)
		return 0;

	unsigned long area = plain_area(mm, addr, padded, flags);
	if (IS_ERR_VALUE(area))
		return 0;
	if (area == addr) /* the hint was free */
		return addr;
	unsigned long slack = (off - area) & (PMD_SIZE - 1);
	if (!mm->legacy_layout && !slack)
		return area + PMD_SIZE;
	return area + slack;
}

static unsigned long thp_area(struct mm_struct *mm, unsigned long addr, unsigned long len,
			      unsigned long off, unsigned long flags)
{
	unsigned long area = thp_area_padded(mm, addr, len, off, flags);

	return area ? area : plain_area(mm, addr, len, flags);
}

/* A1: who decides, by what is mapped. */
static bool wants_thp_area(const struct mm_struct *mm, const struct file *file, unsigned long addr,
			   unsigned long len, unsigned long flags)
{
	if (mm->machine->config.leave_out & LEAVE_OUT_THP_ALIGNMENT)
		return false;
	if (file && file->inode->kind == FILE_ZERO)
		return (flags & MAP_TYPE) == MAP_PRIVATE || mm->machine->config.shmem_thp;
	if (file)
		return file->inode->kind == FILE_REGULAR ||
		       ((file->inode->kind == FILE_SHMEM || file->inode->kind == FILE_SYSV_SHM) &&
			mm->machine->config.shmem_thp);
	if ((flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE)
		return mm->machine->config.shmem_thp;
	return !addr && !(len & (PMD_SIZE - 1));
}

static unsigned long linux_select(const struct placement *p)
{
	unsigned long off = p->file ? p->pgoff << PAGE_SHIFT : 0;

	if (hstate_file(p->file))
		return hugetlb_area(p, hstate_file(p->file));
	if (wants_thp_area(p->mm, p->file, p->addr, p->len, p->flags))
		return thp_area(p->mm, p->addr, p->len, off, p->flags);
	return plain_area(p->mm, p->addr, p->len, p->flags);
}

const struct placement_policy placement_linux = {
	"linux",
	"the kernel's: the highest gap, hints and huge page alignment",
	linux_select,
};
