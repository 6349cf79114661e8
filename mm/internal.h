/*
 * internal.h - what the files of mm have of each other, by the file that does it (see mm.h)
 */
#ifndef MM_INTERNAL_H
#define MM_INTERNAL_H

#include "mm/mm.h"

/* ---- machine.c: one emulated computer ---- */

struct file *get_file(struct file *file);

/* ---- drivers.c: what files do with the VMAs that show them ---- */

/*
 * What the driver of file says of a new mapping of len bytes before it is placed among others: 0
 * and
 * its flags, which are *vm_flags before; or -errno.
 */
must_check int mmap_prepare(const struct mm_struct *mm, const struct file *file, unsigned long len,
			    vm_flags_t *vm_flags);
#define DRIVER_WAYS  32 /* of mapping a file */
#define DRIVER_FLAGS (VM_MAY_FLAGS | VM_SPECIAL | VM_DONTCOPY | VM_DONTDUMP | VM_WIPEONFORK)
/*
 * The file's own mmap: vma, which is new, shows it and is not in an index yet, gets vm_ops,
 * vm_private_data and flags of its own: VM_SPECIAL, VM_DONTDUMP, VM_DONTCOPY, VM_HUGETLB
 * and no others, for the rest has been counted.  0, or -errno and the driver forgets it.
 */
must_check int vma_mmap(struct vm_area_struct *vma);
/* The driver is told of a VMA that copies another's vm_ops and vm_private_data: it is there. */
void vma_open(struct vm_area_struct *vma);
/* The driver is told that vma goes; then vma has none. */
void vma_close(struct vm_area_struct *vma);
/* A merge may make vma go: its driver does not want to hear of it (C5). */
bool can_merge_remove_vma(const struct vm_area_struct *vma);

/* ---- fork.c: the life of an address space ---- */

/* allocate_mm: the bare struct; mm_alloc: with an empty index and page table, one user. */
must_check struct mm_struct *allocate_mm(struct machine *machine);
must_check struct mm_struct *mm_alloc(struct machine *machine);
/* Frees what mm_alloc made; no VMAs may be left. */
void free_mm(struct mm_struct *mm);
void exit_mmap(struct mm_struct *mm);
must_check struct mm_struct *dup_mm(struct mm_struct *oldmm);

/* ---- vma.c: VMAs and how they are found ---- */

/* What a new mapping is to be; or a VMA's properties while they are compared. */
struct vma_desc {
	unsigned long start, end;
	vm_flags_t flags;
	unsigned long pgoff;
	struct file *file; /* borrowed */
	unsigned policy;
	uint64_t uffd, anon_name;
	struct anon_vma *anon_vma;          /* what pages that come along hang on; borrowed */
	struct vm_area_struct *copied_from; /* mremap's source: its anon_vma is handed on */
	bool limits_checked;      /* RLIMIT_AS, DATA and overcommit are the caller's matter */
	unsigned long shmem;      /* pages of shared memory that is made for it, accounted */
	bool grows;               /* the VMA before it grows: no merge, though it looks so */
	bool expand_only;         /* brk: may grow the VMA before it, never joins the next, */
	unsigned long prev_limit; /* nor what ends here or lower */
};

/*
 * A new VMA as desc says, in no index yet, with references of its own; NULL when memory is
 * out.  No driver knows of it: vma_mmap, or vma_open if it is copied_from another.
 */
must_check struct vm_area_struct *vm_area_alloc(struct mm_struct *mm, const struct vma_desc *desc);
/* A copy of from likewise, for mm, but without anon_vma: vma_open. */
must_check struct vm_area_struct *vm_area_dup(struct mm_struct *mm,
					      const struct vm_area_struct *from);
/* Frees a VMA that no driver knows of; its memory, where faults may have found it, later. */
void vm_area_free(struct vm_area_struct *vma);
/* Frees that memory. */
void vm_area_free_memory(struct machine *machine, struct vm_area_struct *vma);
/* Frees a VMA that was in an index or could have been: its driver is told. */
void remove_vma(struct vm_area_struct *vma);
/* As find_vma, and *pprev is the VMA before it (the last one if there is none). */
struct vm_area_struct *find_vma_prev(struct mm_struct *mm, unsigned long addr,
				     struct vm_area_struct **pprev);

/* ---- find_cache.c: what find_vma asks before the index ---- */

/* tsk, which gets another mm, forgets. */
void vmacache_flush(struct task_struct *tsk);

/*
 * Adds a VMA whose bounds are set, without merging: 0, or -ENOMEM if something
 * is there already or out of memory; the VMA stays the caller's then.
 */
must_check int insert_vm_struct(struct mm_struct *mm, struct vm_area_struct *vma);

/* vm_start less the guard gap below a stack; 0 if that goes below 0. */
unsigned long vm_start_gap(const struct vm_area_struct *vma);

/* May mm grow by npages under RLIMIT_AS and, for data, RLIMIT_DATA? */
bool may_expand_vm(const struct mm_struct *mm, vm_flags_t flags, unsigned long npages);
/* Counts npages more (less, if negative) of a mapping with these flags, in mm and machine. */
void vm_stat_account(struct mm_struct *mm, vm_flags_t flags, long npages);
/* The part of it that is mm's: total_vm, exec_vm, stack_vm, data_vm. */
void vm_count_pages(struct mm_struct *mm, vm_flags_t flags, long npages);

/* ---- overcommit.c ---- */

/*
 * May npages more be committed to mm, by vm.overcommit_memory?  0 or -ENOMEM.
 * Promises nothing: vm_stat_account counts what is mapped with VM_ACCOUNT.
 */
must_check int security_vm_enough_memory_mm(struct mm_struct *mm, unsigned long npages);

/* ---- edit.c: changes to the layout, each one edit of the index ---- */

/*
 * Unmaps [start, end), and maps desc there, if given (start and end are then
 * desc's): one edit that truncates at either end, makes a gap in the middle,
 * removes all between, and merges the new mapping with what stands beside it.
 * Returns 0 and *result (may be NULL), the VMA that holds the new range; or -ENOMEM, or what
 * the new mapping's driver says, and nothing has changed.
 */
must_check int vma_replace(struct mm_struct *mm, unsigned long start, unsigned long end,
			   const struct vma_desc *desc, struct vm_area_struct **result);

/* What calls change of a part of a VMA. */
struct vma_attr {
	vm_flags_t flags;
	unsigned policy;
	uint64_t uffd, anon_name;
};

static inline struct vma_attr vma_attr(const struct vm_area_struct *vma)
{
	return (struct vma_attr){ vma->vm_flags, vma->vm_policy, vma->vm_userfaultfd_ctx,
				  vma->anon_name };
}

/*
 * Gives the part [start, end) of *vma other properties: merges it with its
 * neighbours where they have become alike, else splits *vma as needed.
 * 0 and *vma, the VMA that holds the part now; -ENOMEM (memory or max_map_count; like
 * the kernel's, a split that was done before stays), -EINVAL (it may not be split).
 */
must_check int vma_modify(struct mm_struct *mm, struct vm_area_struct **vma, unsigned long start,
			  unsigned long end, const struct vma_attr *attr);

/* Moves vma's start down to start; nothing is mapped in between. 0 or -ENOMEM. */
must_check int vma_grow_down(struct vm_area_struct *vma, unsigned long start);

/*
 * Cuts vma in two at addr, inside it: 0, -EINVAL (not this one), -ENOMEM (memory, max_map_count).
 */
must_check int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr);

/* ---- pkeys.c ---- */

/* mm has allocated what a new program has: key 0, if there are keys. */
void mm_pkeys_init(struct mm_struct *mm);
/* mm, whose past is not known, has a VMA with these flags: its key was allocated. */
void mm_pkeys_learn(struct mm_struct *mm, vm_flags_t flags);
/* May the program ask for that key?  Not for the execute-only one. */
bool mm_pkey_is_allocated(const struct mm_struct *mm, int pkey);
/*
 * The key of vma after an mprotect to prot: pkey, or if that is -1 its own, but
 * execute-only memory comes and goes by itself (B5, D3).
 */
unsigned override_mprotect_pkey(struct vm_area_struct *vma, unsigned long prot, int pkey);

/* ---- ksm.c ---- */

/* Memory with these flags may have VM_MERGEABLE. */
bool ksm_compatible(vm_flags_t flags);
/* The flags of a new mapping, after PR_SET_MEMORY_MERGE perhaps with VM_MERGEABLE. */
vm_flags_t ksm_vma_flags(const struct mm_struct *mm, vm_flags_t flags);
/* PR_SET_MEMORY_MERGE: all VMAs get or lose VM_MERGEABLE where they stand; none merges. */
void ksm_set_merge_any(struct mm_struct *mm, bool merge_any);

/* ---- prctl.c ---- */

/* The bits of PR_SET_MDWE that a fork's child and the next program have. */
unsigned mdwe_inherited(const struct mm_struct *mm);
/* PR_SET_MDWE forbids memory with flags old (a new mapping: new) to become new. */
bool map_deny_write_exec(const struct mm_struct *mm, vm_flags_t old, vm_flags_t new);
/* vma is the child's copy of a VMA: it stays registered only where the feature says so. */
void dup_userfaultfd(struct vm_area_struct *vma);
/* new_vma is where mremap moved to; [start, end) of it has the pages. */
void mremap_userfaultfd_prep(struct vm_area_struct *new_vma, unsigned long start,
			     unsigned long end);
/*
 * UFFDIO_COPY, _ZEROPAGE: pages of registered anonymous memory that are missing get these contents,
 * a word each, or are zero; wp: write-protected.  How many bytes were done, or if none -EEXIST (a
 * page is there), -ENOENT (not registered), -EINVAL, -ENOMEM.
 */
long userfaultfd_copy(struct mm_struct *mm, unsigned long start, unsigned long len,
		      const uint64_t *contents, bool wp);
long userfaultfd_zeropage(struct mm_struct *mm, unsigned long start, unsigned long len);
/* UFFDIO_WRITEPROTECT: pages that are there, of memory registered for it; else -ENOENT. */
int userfaultfd_writeprotect(struct mm_struct *mm, unsigned long start, unsigned long len, bool wp);
/* Before a fault is handled: 0: go on; 1: look again from the start; or -errno. */
int handle_userfault(struct vm_area_struct *vma, unsigned long addr, unsigned flags);
/* Is there room under RLIMIT_MEMLOCK for a mapping with these flags? */
bool mlock_future_ok(const struct mm_struct *mm, vm_flags_t flags, unsigned long bytes);
/* May the one who acts lock anything at all? */
bool can_do_mlock(const struct mm_struct *mm);

/* ---- fault.c ---- */

#define FAULT_FLAG_FILL 4u /* a prefault (GUP): never grows a stack */
/* The same with an MMU, by one who has asked already: vma is what find_vma(mm, addr) answers. */
int handle_found_fault(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr,
		       unsigned flags);
/*
 * The same in vma, which holds addr and which nobody changes meanwhile, inside an RCU read
 * section: -EAGAIN, and nothing has changed, where more than this VMA has to be looked at.
 * _locked: addr's page table is locked.
 */
int handle_vma_fault(struct vm_area_struct *vma, unsigned long addr, unsigned flags);
int handle_vma_fault_locked(struct vm_area_struct *vma, unsigned long addr, unsigned flags);
/*
 * Prefaults [start, end) as MAP_POPULATE and mlock do: what can be written is
 * written to.  Stops at the first gap or VMA that refuses with -ENOMEM or
 * -EFAULT, unless errors are to be ignored (rule F6).
 */
int mm_populate(struct mm_struct *mm, unsigned long start, unsigned long end, bool ignore_errors);
/* The rights of a page of vma as page-table bits, without WRITE where a fault must come first. */
uint64_t vm_get_page_prot(vm_flags_t flags);
/* The rights of [start, end), which have changed, reach the page tables. */
void change_protection(struct vm_area_struct *vma, unsigned long start, unsigned long end);
/* Grows the stack vma down to addr: 0 or -ENOMEM. */
must_check int expand_stack(struct vm_area_struct *vma, unsigned long addr);

/* ---- anon_vma.c ---- */

/* dst hangs on what src hangs on (split, merge, mremap): 0, or -ENOMEM and what it had stays. */
must_check int anon_vma_clone(struct vm_area_struct *dst, const struct vm_area_struct *src);
/* A child's copy of pvma gets one of its own: 0 or -ENOMEM. */
must_check int anon_vma_fork(struct vm_area_struct *vma, const struct vm_area_struct *pvma);
void unlink_anon_vmas(struct vm_area_struct *vma);
/* The VMA is a forked child's: its pages may hang on more than its own anon_vma. */
static inline bool vma_is_fork_child(const struct vm_area_struct *vma)
{
	return vma && vma->anon_vma && vma->anon_vma_links > 1;
}

/* ---- rmap.c: who maps a page, who shows a file ---- */

static inline void rmap_unlock(struct machine *machine)
{
	if (machine->config.locking)
		spin_unlock(&machine->rmap_lock);
}

/* The page at addr is vma's own: its anon_vma is where it is found. */
static inline void page_set_anon(const struct vm_area_struct *vma, unsigned long addr, pfn_t pfn)
{
	struct page *page = pfn_to_page(vma->vm_mm->machine->frames, pfn);

	page->mapping = (uintptr_t)vma->anon_vma | PAGE_ANON;
	page->index = linear_page_index(vma, addr);
}
bool rmap_walk(struct machine *machine, pfn_t pfn, rmap_fn fn, void *arg);

/* What leads from pages to vma heeds its bounds and offset, which have just been set. */
void rmap_set(struct vm_area_struct *vma);
/* Nothing leads from its file to vma any more. */
void unlink_file_vma(struct vm_area_struct *vma);

/* ---- vmscan.c ---- */

/*
 * Reclaim looks at npages page frames, going round: what was not touched since it came by
 * last is swapped out, written to its file or dropped.  Locked, special and droppable mappings keep
 * their pages.  Returns how many frames became free.  Nobody else is at the machine.
 */
unsigned long shrink_pages(struct machine *machine, unsigned long npages);
/* All entries that map a file's page lose DIRTY and WRITE: the next write is noticed.  How many. */
unsigned page_mkclean(struct machine *machine, pfn_t pfn);

/* ---- truncate.c ---- */

/*
 * The pages [first, last] of inode are unmapped wherever they are mapped, and with
 * even_cows the private copies of them too.  Guard pages stay.
 */
void unmap_mapping_range(struct inode *inode, unsigned long first, unsigned long last,
			 bool even_cows);
/* These pages of inode are as if nobody had ever written to them; private copies stay. */
void punch_hole(struct machine *machine, struct inode *inode, unsigned long first,
		unsigned long last);

/* ---- merge.c: the merge rules, pure ---- */

/* Flags that may differ: the whole has what a part had. */
static inline vm_flags_t merge_rule_ignores(const struct merge_rule *rule)
{
	return VM_IGNORE_MERGE | (rule->account ? 0 : VM_ACCOUNT);
}

/* A neighbour as it will stand: a VMA may be about to lose a part. */
struct vma_side {
	struct vm_area_struct *vma; /* NULL: there is none */
	unsigned long start, end, pgoff;
};

struct vma_merge {
	const struct vma_side *prev, *next;
	const struct vma_desc *range;  /* the range in question, as it is to be */
	struct vm_area_struct *middle; /* whose part the range is now; NULL: a new mapping */
	const struct merge_rule *rule;
	unsigned leave_out; /* of the rules, as in config */
};

enum vma_merge_kind {
	MERGE_NONE,  /* PPPP  RRRR  NNNN */
	MERGE_LEFT,  /* PPPPPPPPPP  NNNN     prev grows over the range */
	MERGE_RIGHT, /* PPPP  NNNNNNNNNN     next grows over the range */
	MERGE_BOTH,  /* PPPPPPPPPPPPPPPP     prev grows over the range and next */
};

/* What the range may become one with. */
enum vma_merge_kind vma_merge(const struct vma_merge *merge);

/* ---- maps.c, coredump.c, state.c ---- */

/* The bits of /proc/PID/coredump_filter that mean something here. */
#define MMF_DUMP_ANON_PRIVATE    1UL
#define MMF_DUMP_ANON_SHARED     2UL
#define MMF_DUMP_MAPPED_PRIVATE  4UL
#define MMF_DUMP_MAPPED_SHARED   8UL
#define MMF_DUMP_ELF_HEADERS     16UL
#define MMF_DUMP_HUGETLB_PRIVATE 32UL
#define MMF_DUMP_HUGETLB_SHARED  64UL

/*
 * Digest of the VMAs and what is in their pages: it does not depend on what is in
 * memory and what was reclaimed.
 */
uint64_t mm_contents_hash(struct mm_struct *mm, uint64_t hash);

#endif
