/*
 * hugetlb - huge pages that were set aside in pools: MAP_HUGETLB, hugetlbfs, SHM_HUGETLB
 *
 * Everything that is otherwise for such memory is here or asks here; numbers of pages are those
 * of huge pages, idx is one's place in its file.  Where threads share a machine one lock holds all
 * of it, which no function here leaves locked.
 */
#ifndef MM_HUGETLB_H
#define MM_HUGETLB_H

#include <stdbool.h>

#include "base/util.h"

#define HUGETLB_POOLS 4

/* The pool of one size of huge pages (kernel: hstate). */
struct hstate {
	unsigned shift;           /* log2 of the size; 0: there is no such pool */
	unsigned long pages;      /* all that it has, surplus ones too; */
	unsigned long free;       /* of them nobody's, */
	unsigned long reserved;   /* and of these promised */
	unsigned long surplus;    /* of pages: made when needed, gone when free */
	unsigned long overcommit; /* so many surplus pages there may be */
};

struct machine;
struct mm_struct;
struct vm_area_struct;
struct inode;
struct file;

static inline unsigned long huge_page_size(const struct hstate *h)
{
	return 1UL << h->shift;
}

/* Sizes that an entry of a page table can map: the only ones that are modelled. */
bool hugetlb_size_modelled(unsigned shift);
/* The pool for MAP_HUGETLB's log2 of a size, 0: the first pool; NULL if there is none. */
struct hstate *hstate_sizelog(struct machine *machine, unsigned log);
/* flags of mmap, memfd_create or shmget: the log2 of the size in them. */
static inline unsigned hugetlb_flags_log(unsigned long flags)
{
	return flags >> 26 & 63;
}

/* The pool of its file's pages, or NULL: an ordinary file, or none. */
struct hstate *hstate_file(const struct file *file);
struct hstate *hstate_vma(const struct vm_area_struct *vma);
/* Bytes of the pages that vma's memory consists of. */
unsigned long vma_kernel_pagesize(const struct vm_area_struct *vma);

/*
 * A file without a name of size bytes, as MAP_HUGETLB makes it: file with one reference, or NULL
 * if out of memory.
 */
must_check struct file *hugetlb_file_setup(struct machine *machine, struct hstate *h,
					   unsigned long size);
/* inode, which nobody has mapped, is one of h's pages from now on. */
void hugetlb_init_inode(struct inode *inode, struct hstate *h);
/* shmget(SHM_HUGETLB): so many pages are promised to a segment: 0 or -ENOMEM. */
must_check int hugetlb_promise(struct machine *machine, struct hstate *h, unsigned long pages);
/* inode, which nobody has mapped, is that segment: mmap will promise nothing. */
void hugetlb_init_segment(struct machine *machine, struct inode *inode, struct hstate *h,
			  unsigned long pages);
/* How many of inode's huge pages are in memory. */
unsigned long hugetlb_cached(const struct inode *inode);
/*
 * The first so many pages of inode are there, from before anybody looked; they count for nothing.
 */
must_check int hugetlb_present(struct machine *machine, struct inode *inode, unsigned long pages);
/* All that inode has goes back to the pool: its last user has gone. */
void hugetlb_evict_inode(struct machine *machine, struct inode *inode);

/* -EINVAL where a mapping's length or fixed place does not go in huge pages. */
must_check int hugetlb_check_area(const struct hstate *h, unsigned long addr, unsigned long len,
				  unsigned long flags);
/* VM_HUGETLB makes sense for vma: its file has huge pages, its bounds and its offset are theirs. */
bool hugetlb_fits(const struct vm_area_struct *vma);
/* The driver: vma, which is new, gets its flags and its reservation: 0, -EINVAL or -ENOMEM. */
must_check int hugetlb_mmap(struct vm_area_struct *vma);
/* Its vm_ops' open, close and may_split. */
void hugetlb_open(struct vm_area_struct *vma);
void hugetlb_close(struct vm_area_struct *vma);
int hugetlb_may_split(struct vm_area_struct *vma, unsigned long addr);
/* vma is the child's copy of another's: it has no reservation. */
void hugetlb_dup_private(struct vm_area_struct *vma);
/* mremap took vma's reservation along: what is left of vma has none. */
void hugetlb_clear_reservation(struct vm_area_struct *vma);
/* [lo, hi) of vma goes, of which the rest stays: the pages, and what was promised there. */
void hugetlb_unmap_part(struct vm_area_struct *vma, unsigned long lo, unsigned long hi);

/*
 * A fault as in fault.c: 0, -ENXIO (SIGBUS: the pool has none left, the file has ended), -ENOMEM.
 */
int hugetlb_fault(struct vm_area_struct *vma, unsigned long addr, unsigned flags);
/* The pages of [lo, hi) of vma are unmapped; private ones go back to the pool. */
void hugetlb_zap(struct vm_area_struct *vma, unsigned long lo, unsigned long hi);
/* fork: the child's vma gets what src has mapped: 0 or -ENOMEM. */
must_check int hugetlb_copy_pages(struct vm_area_struct *vma, struct vm_area_struct *src);
/* mremap: what is mapped in [old, old + len) moves to new_vma: 0, or -ENOMEM and nothing has. */
must_check int hugetlb_move_pages(struct vm_area_struct *new_vma, unsigned long old,
				  unsigned long new, unsigned long len);

/* ftruncate to so many pages of 4 kB; a hole of whole huge pages in [first, last] of these. */
void hugetlb_truncate(struct machine *machine, struct inode *inode, unsigned long pages);
void hugetlb_punch_hole(struct machine *machine, struct inode *inode, unsigned long first,
			unsigned long last);

#endif
