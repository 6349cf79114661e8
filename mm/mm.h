/*
 * mm - the emulated address space: what one can do to it
 *
 *	types.h     its objects
 *	mm.h        what replay, checks, benchmarks and reports call, by the file that does it
 *	internal.h  what the files of mm have of each other; tests may use it, nobody else
 *
 *	machine ─┬─ config          what the kernel and its settings decide
 *	         ├─ frames          physical memory
 *	         └─ mm_struct ─┬─ vma_index ── vm_area_struct ─┬─ file ── inode ── page cache
 *	                       └─ pagetable                    └─ anon_vma
 *
 * The names, the fields and the order of the checks are Linux's (4.9's names,
 * 6.12's rules; "rule C3" and the like in comments number what was found out
 * about them).  System calls return what the kernel returns: an address or 0,
 * or -errno as a number above IS_ERR's border.  Where memory of the emulation
 * is out they return -ENOMEM and nothing has changed, but for calls that work
 * VMA by VMA (mprotect, madvise, mlock), which like the kernel's stop half way,
 * and mremap, whose move is not taken back if the old range cannot be unmapped.
 */
#ifndef MM_MM_H
#define MM_MM_H

#include "mm/types.h"

/* ---- machine.c: one emulated computer ---- */

/* Linux's defaults on x86-64. */
void config_default(struct config *config);

/*
 * A machine whose address spaces use that index; max_pages limits its physical
 * memory (0: no limit), config.budget what all of it takes of the host's.  NULL if out of memory.
 * machine_destroy wants all mms and files gone: what is left is a leak and ends the program with a
 * message.
 */
must_check struct machine *machine_create(const struct vma_index_ops *ops,
					  const struct config *config, size_t max_pages);
void machine_destroy(struct machine *machine);
/* All threads' counts become thread 0's; while no other thread uses the machine. */
void machine_gather(struct machine *machine);

/* An inode's first reference is its creator's. path is copied, and may be NULL. */
must_check struct inode *inode_create(struct machine *machine, uint64_t number, enum file_kind kind,
				      const char *path);
void inode_put(struct machine *machine, struct inode *inode);
/* An open file with a reference to its inode of its own. */
must_check struct file *file_open(struct machine *machine, struct inode *inode, uint64_t number,
				  bool readable, bool writable);
void fput(struct file *file);

/* ---- drivers.c: what files do with the VMAs that show them ---- */

/* There are mappings of such a file. */
bool can_mmap_file(const struct file *file);
/*
 * file becomes FILE_OTHER.  Its mappings with the rights prot, shared or not, have these flags, as
 * far as they are in DRIVER_FLAGS; likewise those of other files of its inode that may be written
 * to as it may.  0 or -ENOMEM.
 */
must_check int driver_tell(struct file *file, unsigned long prot, bool shared, vm_flags_t vm_flags);
/* May vma be cut in two at addr?  0 or -errno. */
must_check int may_split(struct vm_area_struct *vma, unsigned long addr);

/* ---- fork.c: the life of an address space ---- */

/* Drops a user; the last one's exit_mmap unmaps everything. */
void mmput(struct mm_struct *mm);

/*
 * What clone does for tsk: CLONE_VM shares parent's mm, otherwise dup_mm copies
 * it; a parent without an mm has nothing to copy.  0 or -ENOMEM.
 */
must_check int copy_mm(unsigned long clone_flags, struct task_struct *tsk,
		       const struct task_struct *parent);
/* The VMAs and page tables of oldmm into the empty mm: 0 or -ENOMEM, then exit_mmap mm. */
must_check int dup_mmap(struct mm_struct *mm, struct mm_struct *oldmm);

/* One VMA of a layout that the kernel made itself, as exec does. */
struct vma_layout {
	unsigned long start, end;
	vm_flags_t flags;
	unsigned long pgoff; /* pages */
	struct file *file;   /* borrowed; NULL: anonymous */
	bool anon;           /* pages were written already: there is an anon_vma */
};

/*
 * exec: tsk gets a new mm with these VMAs, in address order, and leaves its old
 * one (if any).  0, or -ENOMEM and it keeps the old one.
 */
must_check int exec_mmap(struct machine *machine, struct task_struct *tsk,
			 const struct vma_layout *layout, size_t n, unsigned long mmap_base,
			 unsigned long start_brk, unsigned long brk, unsigned long start_stack);

/* ---- vma.c: VMAs and how they are found ---- */

/* The first VMA that ends above addr, or NULL. */
struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr);
/* The first VMA that overlaps [start, end), or NULL. */
struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, unsigned long start,
					     unsigned long end);
/* The VMA that holds addr, or NULL. */
struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long addr);

/* ---- find_cache.c: what find_vma asks before the index ---- */

struct find_cache {
	const char *name, *summary;
	/* The VMA that holds addr or is the first one after it; NULL: the index has to say. */
	struct vm_area_struct *(*find)(struct mm_struct *mm, unsigned long addr);
	/* What the index says, noted. */
	struct vm_area_struct *(*ask)(struct mm_struct *mm, unsigned long addr);
	/* The index has changed; gone: a VMA has left it. */
	void (*changed)(struct mm_struct *mm, bool gone);
	/* How often it holds vma for who acts; NULL: anything. */
	unsigned (*holds)(const struct mm_struct *mm, const struct vm_area_struct *vma);
};

/* The i-th find cache, NULL past the last; 0 is the usual one. The one of that name, or NULL. */
const struct find_cache *find_cache(unsigned i);
const struct find_cache *find_cache_lookup(const char *name);

/* ---- edit.c: changes to the layout, each one edit of the index ---- */

/*
 * Calls part for the piece of each VMA in [start, end), in order; part may change
 * the layout inside its piece, and says so by returning 0; anything else ends
 * the walk and is returned.  A gap ends it with -ENOMEM (HOLE_STOPS), or is passed over
 * and -ENOMEM is returned at the end (HOLE_NOTED), or is nothing to mention (HOLE_IGNORED).
 * part may be NULL: only gaps are looked for.
 */
enum vma_walk_gaps { HOLE_STOPS, HOLE_NOTED, HOLE_IGNORED };
typedef int (*vma_part_fn)(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			   void *arg);
int vma_walk(struct mm_struct *mm, unsigned long start, unsigned long end, enum vma_walk_gaps gaps,
	     vma_part_fn part, void *arg);

/* ---- system calls; pgoff in pages, everything else as in the manual ---- */

/* mmap.c. file is borrowed; NULL for MAP_ANONYMOUS. */
unsigned long do_mmap(struct mm_struct *mm, struct file *file, unsigned long addr,
		      unsigned long len, unsigned long prot, unsigned long flags,
		      unsigned long pgoff);
int do_munmap(struct mm_struct *mm, unsigned long start, unsigned long len);
unsigned long do_shmat(struct mm_struct *mm, struct file *file, unsigned long addr,
		       unsigned long shmflg, unsigned long size);
int do_shmdt(struct mm_struct *mm, unsigned long addr);
int do_remap_file_pages(struct mm_struct *mm, unsigned long start, unsigned long size,
			unsigned long prot, unsigned long pgoff, unsigned long flags);

/* placement.c: where a mapping would go, by the machine's policy; an address or -errno. */
unsigned long get_unmapped_area(struct mm_struct *mm, struct file *file, unsigned long addr,
				unsigned long len, unsigned long pgoff, unsigned long flags);

/* A placement policy; placement.h has what it is given and what it may use. */
struct placement;
struct placement_policy {
	const char *name, *summary;
	/*
	 * A free place for a mapping that is not MAP_FIXED: page-aligned, or -errno.
	 * Changes no map.
	 */
	unsigned long (*select)(const struct placement *placement);
};

/* The i-th policy, NULL past the last; 0 is Linux's. The one of that name, or NULL. */
const struct placement_policy *placement_policy(unsigned i);
const struct placement_policy *placement_policy_lookup(const char *name);

/* pkey -1: plain mprotect, which leaves a range its key. */
int do_mprotect(struct mm_struct *mm, unsigned long start, unsigned long len, unsigned long prot,
		int pkey);

/* ---- pkeys.c ---- */

/* rights: PKEY_DISABLE_*.  The key, -EINVAL, or -ENOSPC where all are taken or there are none. */
int do_pkey_alloc(struct mm_struct *mm, unsigned long flags, unsigned long rights);
/* VMAs keep the key. 0 or -EINVAL. */
int do_pkey_free(struct mm_struct *mm, int pkey);
/* The key that keeps reads and writes from what is for execution only; below 1 if there is none. */
int execute_only_pkey(struct mm_struct *mm);
/* The key keeps the kernel and the program from reading and writing vma. */
bool pkey_forbids_data(const struct vm_area_struct *vma);

/* ---- prctl.c ---- */

/*
 * prctl(option, arg...): PR_SET_THP_DISABLE, PR_SET_MEMORY_MERGE, PR_SET_MDWE; -ENOSYS for others.
 */
int do_prctl(struct mm_struct *mm, int option, const unsigned long arg[4]);

int do_mseal(struct mm_struct *mm, unsigned long start, unsigned long len, unsigned long flags);
/*
 * As mbind: nodes is the first word of its mask; mask_error: -errno if there is something
 * wrong with the mask, or 0.  All policies are kept as one number.
 */
int do_mbind(struct mm_struct *mm, unsigned long start, unsigned long len, unsigned long mode,
	     unsigned long nodes, unsigned flags, int mask_error);
/*
 * A userfaultfd in one word, not 0: its number, below 2^23, and its features, which decide
 * what mremap and fork leave of its registrations.
 */
uint64_t userfaultfd_ctx(uint64_t number, uint64_t features);
/* ctx: userfaultfd_ctx(); mode: UFFDIO_REGISTER_MODE_* (1 missing, 2 wp, 4 minor). */
int userfaultfd_register(struct mm_struct *mm, uint64_t ctx, unsigned long start, unsigned long len,
			 unsigned long mode);
/* The userfaultfd ctx is closed: all its ranges in mm are ordinary memory. 0 or -ENOMEM. */
must_check int userfaultfd_release(struct mm_struct *mm, uint64_t ctx);
int userfaultfd_unregister(struct mm_struct *mm, uint64_t ctx, unsigned long start,
			   unsigned long len);

unsigned long do_mremap(struct mm_struct *mm, unsigned long addr, unsigned long old_len,
			unsigned long new_len, unsigned long flags, unsigned long new_addr);

/* brk.c: returns the break after the call, as the system call does. */
unsigned long do_brk(struct mm_struct *mm, unsigned long brk);

int do_madvise(struct mm_struct *mm, unsigned long start, unsigned long len, int behavior);
/* PR_SET_VMA_ANON_NAME; name is a hash of it, 0 takes it away. */
int madvise_set_anon_name(struct mm_struct *mm, unsigned long start, unsigned long len,
			  uint64_t name);

/* on_fault: MLOCK_ONFAULT. mlockall's flags: MCL_*. */
int do_mlock(struct mm_struct *mm, unsigned long start, unsigned long len, bool on_fault);
int do_munlock(struct mm_struct *mm, unsigned long start, unsigned long len);
int do_mlockall(struct mm_struct *mm, unsigned long flags);
int do_munlockall(struct mm_struct *mm);

/* ---- fault.c ---- */

#define FAULT_FLAG_WRITE       1u
#define FAULT_FLAG_INSTRUCTION 2u

/* A page fault: 0, or -EFAULT (SIGSEGV), -ENXIO (SIGBUS), -ENOMEM. */
int handle_mm_fault(struct mm_struct *mm, unsigned long addr, unsigned flags);

/* ---- anon_vma.c ---- */

/* vma has an anon_vma afterwards, a neighbour's if that will do: 0 or -ENOMEM. */
must_check int anon_vma_prepare(struct vm_area_struct *vma);

/* ---- rmap.c: who maps a page, who shows a file ---- */

/* Among threads only one at a time changes what leads back; held for one VMA's links. */
static inline void rmap_lock(struct machine *machine)
{
	if (machine->config.locking)
		spin_lock(&machine->rmap_lock);
}

/* The page of the VMA's file, or of the anonymous memory it is numbered by, at addr. */
static inline unsigned long linear_page_index(const struct vm_area_struct *vma, unsigned long addr)
{
	return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

/*
 * Calls fn for each entry that maps the page, with the VMA and address where it is; fn may
 * change that entry, but no VMA.  Returning false ends it, and so does rmap_walk then.
 */
typedef bool (*rmap_fn)(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, void *arg);

/*
 * The oracle: NULL, or the first thing that is wrong, in words, explained on report (may be
 * NULL).  For every page the mappings that rmap_walk finds are exactly the entries of
 * all page tables that hold it; every VMA is where it should be in the trees that lead to it.
 */
const char *rmap_verify(struct machine *machine, FILE *report);

/* ---- vmscan.c ---- */

/* The same once round all of them. */
unsigned long shrink_all(struct machine *machine);

/* ---- truncate.c ---- */

/* inode has so many pages from now on: what was beyond is gone, also where it was mapped. */
void truncate_setsize(struct machine *machine, struct inode *inode, unsigned long pages);

/* ---- merge.c: the merge rules, pure ---- */

/* What keeps neighbours apart, beside their rights and where they are in the file. */
struct merge_rule {
	const char *name, *summary;
	bool growth_only; /* everything but growth does */
	bool anon_vma;    /* different anon_vmas do (C3, C4) */
	bool open_file;   /* different opens of one inode do (C1) */
	bool account;     /* VM_ACCOUNT in one of them does (B2) */
};

/* The i-th rule, NULL past the last; 0 is Linux's. The one of that name, or NULL. */
const struct merge_rule *merge_rule(unsigned i);
const struct merge_rule *merge_rule_lookup(const char *name);

/* ---- maps.c, coredump.c, state.c ---- */

/* The text of /proc/PID/maps; of smaps, what the emulation knows of it. */
void show_maps(struct mm_struct *mm, FILE *out);
void show_smaps(struct mm_struct *mm, FILE *out);
/* A line of maps. */
void show_map_vma(struct vm_area_struct *vma, FILE *out);
#define MMF_DUMP_DEFAULT 0x33UL

/* How many bytes of vma, from its start, a core dump would hold; and *why, in words. */
unsigned long vma_dump_size(struct vm_area_struct *vma, unsigned long filter, const char **why);
/* Digest of everything that must not depend on the index: VMAs, page tables, counters. */
uint64_t mm_hash(struct mm_struct *mm, uint64_t hash);
/*
 * The first thing in mm that contradicts itself, in words, or NULL: the index's
 * own verify, VMAs against their mm, counters, page-table entries outside VMAs.
 */
const char *mm_verify(struct mm_struct *mm, FILE *report);

#endif
