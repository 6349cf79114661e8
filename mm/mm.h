/*
 * mm - the emulated address space: its objects and everything one can do to it
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/rng.h"
#include "base/util.h"
#include "indexes/vma_index.h"
#include "mm/frames.h"
#include "mm/hugetlb.h"
#include "mm/locking.h"
#include "mm/interval_tree.h"
#include "mm/page_cache.h"
#include "mm/pagetable.h"
#include "mm/resv_map.h"
#include "mm/thread.h"
#include "mm/vm_flags.h"

/* ---- objects ---- */

/* Rules that can be left out, to see that a checker notices: bits of config.leave_out. */
enum leave_out {
	LEAVE_OUT_THP_ALIGNMENT = 1, /* A2 */
	LEAVE_OUT_ACCOUNT_MERGE = 2, /* B2: VM_ACCOUNT keeps VMAs apart */
	LEAVE_OUT_MAP_STACK = 4,     /* B1 */
	LEAVE_OUT_ANON_VMA = 8,      /* C3, C4 */
	/* of locking (locking.h); for tests of the tests, that these are missed */
	LEAVE_OUT_VMA_MARK = 16,      /* a call gives VMAs that it touches no number */
	LEAVE_OUT_VMA_DRAIN = 32,     /* a call does not wait for faults that have begun */
	LEAVE_OUT_VMA_RECHECK = 64,   /* a fault believes what it has found */
	LEAVE_OUT_GRACE_PERIOD = 128, /* VMAs are freed at once */
	LEAVE_OUT_PAGE_LOCK = 256,    /* a fault does not lock its page table */
};

/* Parts that can be switched off, to see what they cost: bits of config.without. */
enum part {
	PART_DRIVERS = 1,    /* no VMA's open, close or mremap is called */
	PART_ACCOUNTING = 2, /* no totals, no limits, no promises */
};

/* What binds the process that acts: its limits, in bytes, and some of its capabilities. */
struct limits {
	unsigned long stack, as, memlock;
	unsigned long data, data_max; /* RLIMIT_DATA, soft and hard */
	bool ipc_lock, sys_admin;     /* CAP_IPC_LOCK, CAP_SYS_ADMIN */
	bool sys_nice, sys_rawio;     /* CAP_SYS_NICE, CAP_SYS_RAWIO */
};

struct placement_policy;
struct vm_region;
struct merge_rule;
struct vm_area_struct;

/* Moments of a fault beside others: it has found its VMA; it has locked what it locks. */
enum fault_point { FAULT_FOUND, FAULT_LOCKED };

/* What kernel version, settings and hardware decide. config_default() fills it. */
struct config {
	const struct placement_policy *placement; /* where mappings go (placement.c) */
	const struct merge_rule *merge;           /* which become one (merge.c) */
	const struct mm_locking *locking;         /* NULL: one thread only (locking.h) */
	unsigned threads;                /* that many may use the machine at a time; 0 is 1 */
	uint64_t seed;                   /* of the machine's dice: random placement */
	unsigned long task_size;         /* one past the last user address */
	unsigned long mmap_min_addr;     /* bytes; low hints are raised to it (K18) */
	unsigned long dac_mmap_min_addr; /* vm.mmap_min_addr: below it needs CAP_SYS_RAWIO */
	unsigned long memory_nodes;      /* NUMA nodes with memory, a bit each; 0: not known */
	unsigned long stack_guard_gap;   /* bytes */
	unsigned long max_map_count;
	unsigned overcommit;       /* vm.overcommit_memory: 0, 1 or 2 */
	unsigned long ram, swap;   /* pages; no ram: not known, nothing is refused for it; */
				   /* no swap: none to promise, and reclaim takes what it needs */
	unsigned long committed;   /* pages committed to others than these address spaces */
	unsigned overcommit_ratio; /* per cent of ram, for mode 2, */
	unsigned long overcommit_pages;            /* or if not 0 so many pages */
	unsigned long admin_reserve, user_reserve; /* pages of them that are kept back */
	bool legacy_layout; /* new address spaces have the old layout, bottom-up */
	enum thp { THP_NEVER, THP_MADVISE, THP_ALWAYS } thp; /* of anonymous memory */
	bool shmem_thp;                                      /* shmem huge pages are not 'never' */
	enum thp huge_pages; /* which huge pages the page tables get; as thp if all */
	const struct find_cache *find_cache; /* what find_vma asks before the index */
	bool rmap;                           /* pages and files know who maps them (rmap.c) */
	bool pkeys;                          /* the processor has protection keys */
	unsigned mdwe; /* PR_SET_MDWE, PR_SET_MEMORY_MERGE: of the first programs */
	bool merge_any;
	bool file_guards_prepare; /* guard pages give VMAs of files an anon_vma, too (F7) */
	struct hstate hugetlb[HUGETLB_POOLS]; /* as it begins; the usual one first, then shift 0 */
	bool hugetlb_hint_down;      /* before Linux 6.13: hints round down, MAP_32BIT is nothing */
	unsigned pagetable_levels;   /* 4 or 5 */
	bool nommu;                  /* no page tables, no faults, no fork: nommu.c */
	unsigned long nr_trim_pages; /* there: how many pages too many are given back; 0: none */
	unsigned leave_out;          /* enum leave_out; 0 but where a checker is checked */
	unsigned without;            /* enum part; 0 but where their cost is measured */
	/*
	 * who stands in front of the drivers: called after a file's own mmap, and may fail likewise
	 */
	int (*mmap_hook)(struct vm_area_struct *vma);
	/* what a test does in the middle of a fault, under a locking; or NULL */
	void (*fault_hook)(struct mm_struct *mm, enum fault_point point);
	/*
	 * The handler of all userfaultfds: page addr of vma is missing (VM_UFFD_MISSING) or write-
	 * protected (VM_UFFD_WP).  0: it is no longer, by userfaultfd_copy and the like, and the
	 * access is done again; or -errno, what the fault returns.  It may change the layout.
	 * NULL: faults are as if nobody had registered.  Threads: called with what a fault locks.
	 */
	int (*userfault)(struct vm_area_struct *vma, unsigned long addr, vm_flags_t reason);
	struct budget *budget; /* of the host's memory; NULL: without end */
	struct limits limits;  /* of whoever acts, while nobody else is machine.current */
};

struct locking_counters {
	uint64_t faults;        /* by mm_user_fault */
	uint64_t fallbacks;     /* of them: had to take the lock of the whole mm */
	uint64_t retries;       /* tries that a call beside them made worthless */
	uint64_t grace_periods; /* that calls waited for, to free VMAs */
	uint64_t backlog_peak;  /* bytes of VMAs that waited, the most of any one mm */
};

/* Where a thread's fault is (locking_range.c). */
struct fault_place {
	struct mm_struct *mm; /* NULL: nowhere */
	unsigned long addr;
};

struct fault_counters {
	uint64_t anon_zero;             /* read of anonymous memory: the shared zero page */
	uint64_t anon_write;            /* first write: a fresh page */
	uint64_t file_read;             /* a page of the page cache, mapped for reading */
	uint64_t file_shared_write;     /* … or for writing by all */
	uint64_t file_cow;              /* write to a private file page: a copy */
	uint64_t cow_copy;              /* write to a page shared after fork: a copy */
	uint64_t cow_zero;              /* write where the zero page was */
	uint64_t cow_reuse;             /* write to a page that nobody shares any more */
	uint64_t huge_write, huge_zero; /* a fresh huge page, the huge zero page */
	uint64_t huge_fallback;         /* there was no huge page */
	uint64_t spurious;              /* the entry was good already */
	uint64_t swap_in;               /* a page that reclaim had taken */
	uint64_t stack_growth;          /* faults that grew a stack first */
	uint64_t segv, sigbus;          /* refused */
};

struct find_counters {
	uint64_t calls, cache_hits;
};

/* What reclaim did (vmscan.c). */
struct reclaim {
	pfn_t hand;                   /* the next page that it looks at */
	uint64_t scanned, referenced; /* pages looked at; of them touched since the last time */
	uint64_t swapped_out, written, dropped; /* anonymous; a file's: to the file, from memory */
};

/* All that the address spaces of one emulated computer share. */
struct machine {
	const struct vma_index_ops *index_ops;
	struct arena *index_arena; /* the indexes' nodes */
	struct arena *arena;       /* everything else of mm */
	struct frames *frames;
	struct vm_region *regions; /* without an MMU: what all address spaces have, by address */
	struct frames *swap;       /* the swap area: its slots have counts and contents as pages */
	struct config config;
	unsigned long committed;             /* vm_committed_as, but for config.committed; pages */
	struct hstate hstate[HUGETLB_POOLS]; /* huge pages set aside: hugetlb.c */
	bool hugetlb_used;                   /* some were mapped */
	struct spinlock hugetlb_lock;        /* of these and who has some, among threads */
	struct spinlock rmap_lock; /* of all i_mmaps, anon_vmas and this, among threads: */
	struct mm_struct *mm_list; /* all there are */
	struct reclaim reclaim;
	uint64_t forks; /* address spaces copied so far */
	/*
	 * From here on thread 0's, reached by this_cpu(machine): each thread has all this
	 * for itself.  Sums are known after machine_gather().
	 */
	const struct limits *current; /* of the task that acts now; borrowed */
	struct task_struct *task;     /* that task, or NULL: its vmacache counts; borrowed */
	struct pt_counters pt;
	struct fault_counters faults;
	struct find_counters finds;
	struct locking_counters locking;
	struct fault_place place;
	uint64_t merges; /* ranges that became one with a neighbour */
	uint64_t commits_refused;
	int driver_says; /* FILE_OTHER: how its driver refuses the call that comes; or 0 */
	struct rng dice; /* for policies that want some */
	unsigned long mms, vmas, files, inodes, anon_vmas, anon_vma_chains; /* alive now */
	unsigned long peak_vmas; /* the most in any one mm so far */
	uint64_t anon_inodes;    /* numbers given to inodes without a name */
	uint64_t writes;         /* emulated stores: each leaves a content of its own */
};

/* As many threads have a place; what that thread sees as this_cpu(machine). */
static inline unsigned machine_threads(const struct machine *machine)
{
	return machine->config.locking ? max(machine->config.threads, 1u) : 1;
}

static inline struct machine *machine_of_thread(struct machine *machine, unsigned n)
{
	return (struct machine *)((char *)machine + (size_t)n * MM_THREAD_STRIDE);
}

/* Only where there are threads at all. */
static inline void machine_lock(const struct machine *machine, struct spinlock *lock)
{
	if (machine->config.locking)
		spin_lock(lock);
}

static inline void machine_unlock(const struct machine *machine, struct spinlock *lock)
{
	if (machine->config.locking)
		spin_unlock(lock);
}

/* Adds to a number that threads share; what it is then. */
#define machine_add(machine, counter, n)                                              \
	((machine)->config.locking ? __atomic_add_fetch(counter, n, __ATOMIC_ACQ_REL) \
				   : (*(counter) += (n)))

/* What kind of file it is, as far as mmap cares. */
enum file_kind {
	FILE_REGULAR,   /* on a disk file system: placement may be THP-aligned */
	FILE_SHMEM,     /* tmpfs, memfd, shared anonymous memory */
	FILE_SYSV_SHM,  /* attached by shmat: its VMAs have a close op */
	FILE_ZERO,      /* /dev/zero */
	FILE_DEVICE,    /* a character device that maps its own memory */
	FILE_PLAIN,     /* mmap works, placement is never THP-aligned */
	FILE_NO_MMAP,   /* a directory, a pipe, a socket, /dev/null: ENODEV */
	FILE_HUGETLB,   /* on hugetlbfs, MFD_HUGETLB, MAP_HUGETLB: pages of a pool */
	FILE_SECRETMEM, /* memfd_secret: locked, shared only */
	FILE_OTHER,     /* no rule knows it: what was told of it is believed */
	FILE_SPECIAL,   /* not a file: [vdso], [vvar], which the kernel maps itself */
};

#define NO_END (~0UL)

struct inode {
	unsigned refs;
	uint64_t number;
	enum file_kind kind;
	struct page_cache cache;
	struct spinlock lock;     /* of its page cache */
	struct rb_root i_mmap;    /* the VMAs that show it, by offset */
	unsigned long pages;      /* its size; NO_END where that is not known */
	unsigned long max_pages;  /* of the largest file of its file system */
	unsigned long committed;  /* pages that it is accounted for, whoever maps it */
	unsigned long shm_nattch; /* FILE_SYSV_SHM: VMAs that show it */
	struct hstate *hstate;    /* the pool of its pages, or NULL; then there is: */
	struct resv_map resv;     /* which huge pages were committed to it (hugetlb.c) */
	bool reserved;            /* by shmget: mmap promises nothing */
	unsigned long present;    /* huge pages from its start that were there before */
	unsigned seals;           /* FILE_SHMEM: F_SEAL_* */
	uint32_t told;            /* FILE_OTHER: a bit for each way of mapping that was told ... */
	vm_flags_t *told_flags;   /* ... and what flags that gives, of DRIVER_FLAGS; or NULL */
	char *path;
};

/* An open file: what a descriptor stands for, and what merging compares (rule C1). */
struct file {
	struct machine *machine;
	unsigned refs;
	uint64_t number;         /* the trace's, 0 for files that mm made */
	bool readable, writable; /* f_mode */
	bool uffd_told;          /* it is a userfaultfd with these UFFD_FEATURE_* */
	uint64_t uffd_features;
	bool noexec;    /* on a mount where nothing may be executed */
	bool path_only; /* O_PATH: no call takes it but those on paths */
	struct inode *inode;
};

/* What the anonymous pages of related VMAs hang on. */
struct anon_vma {
	struct rb_root rb_root;  /* the links of all VMAs where its pages may be, by offset */
	struct anon_vma *parent; /* whose VMA was forked; a root's own self */
	unsigned links;
	unsigned num_children;    /* anon_vmas that it is the parent of */
	unsigned num_active_vmas; /* VMAs whose anon_vma it is: their new pages go there */
};

/* A link between a VMA and an anon_vma where pages of it may be (anon_vma.c). */
struct anon_vma_chain {
	struct interval rb; /* in the anon_vma's tree: the offsets of the VMA */
	struct vm_area_struct *vma;
	struct anon_vma *anon_vma;
	struct anon_vma_chain *next; /* of the same VMA */
};

struct mm_struct;

/* A driver's say in the life of the VMAs that show its file (drivers.c). Each may be NULL. */
struct vm_operations_struct {
	void (*open)(struct vm_area_struct *vma);  /* one more VMA: a copy, a part split off */
	void (*close)(struct vm_area_struct *vma); /* it goes; no merge removes it (C5) */
	int (*may_split)(struct vm_area_struct *vma, unsigned long addr); /* 0 or -errno */
	/*
	 * vma shows what another one did, whose pages it gets next: 0, or -errno and it goes again
	 */
	int (*mremap)(struct vm_area_struct *vma);
	/* The page of the file at pgoff, still the driver's: 0, -ENXIO (SIGBUS) or -ENOMEM. */
	int (*fault)(struct vm_area_struct *vma, unsigned long pgoff, pfn_t *pfn);
	const char *(*name)(struct vm_area_struct *vma); /* of what is not a file; or NULL */
};

struct vm_area_struct {
	/* What a fault looks at: one cache line, where the index has no node in front of it. */
	unsigned long vm_start, vm_end; /* first: the index's; see vma_index.h */
	vm_flags_t vm_flags;
	const struct vm_operations_struct *vm_ops; /* NULL: anonymous */
	struct anon_vma *anon_vma;                 /* NULL: never written to */
	struct mm_struct *vm_mm;
	/* its own, and no copy's (locking.h) */
	uint64_t vm_lock_seq; /* the call that touched it last */
	unsigned vm_readers;  /* faults that have it locked (locking_vma.c) */
	/* The rest. */
	unsigned vm_policy;          /* memory policy's number, 0 is the default */
	unsigned long vm_pgoff;      /* offset in vm_file, or where it was first mapped; pages */
	struct file *vm_file;        /* NULL: anonymous; /dev/zero may be, too */
	void *vm_private_data;       /* the driver's own */
	struct interval shared;      /* of the file's pages, in its inode's i_mmap */
	struct vm_region *vm_region; /* without an MMU: the memory it shows; else NULL */
	struct anon_vma_chain *anon_vma_chain; /* to all anon_vmas where its pages may be; */
	unsigned anon_vma_links; /* so many: above 1 where it has a share of its parents' pages */
	uint64_t vm_userfaultfd_ctx; /* userfaultfd_ctx(); 0: none */
	uint64_t anon_name;          /* PR_SET_VMA_ANON_NAME: a hash of the name, 0: none */
	union {                      /* links VMAs on their way out, and those that went */
		struct vm_area_struct *vm_next_gone;
		struct backlog_item vm_gone;
	};
};

/* A place in the index; see find_cache.c. */
struct find_finger {
	struct vma_cursor cursor; /* its vma is NULL where it is out of date */
	unsigned long from;       /* the first address whose VMA it is */
};

struct mm_struct {
	struct machine *machine;
	struct mm_struct *mm_next, **mm_pprev; /* in the machine's list */
	struct vma_index *mm_mt;               /* the index under test */
	struct mm_locks *locks;                /* NULL: one thread only */
	struct pagetable pgd;                  /* behind it all that calls write */
	unsigned mm_users;
	unsigned long map_count;
	unsigned long mmap_base;
	unsigned long start_brk, brk, start_stack;
	unsigned long total_vm, locked_vm, data_vm, exec_vm, stack_vm; /* pages */
	unsigned long locked_forgotten; /* of locked_vm: left by MREMAP_DONTUNMAP */
	vm_flags_t def_flags;           /* mlockall(MCL_FUTURE) */
	bool merge_any;                 /* PR_SET_MEMORY_MERGE */
	unsigned mdwe;                  /* PR_SET_MDWE: the bits that were set */
	bool read_implies_exec;         /* personality */
	enum { THP_AS_USUAL, THP_DISABLED, THP_ADVISED_ONLY } thp; /* PR_SET_THP_DISABLE */
	unsigned pkey_allocation_map; /* a bit for each protection key that is in use */
	int execute_only_pkey;        /* -1: no mapping was for execution only so far */
	bool legacy_layout;           /* mmap searches bottom-up, from mmap_base */
	unsigned long data_size;      /* bytes of the program's data, which brk's limit counts */
	struct vm_area_struct *mmap_cache; /* of the find caches one is in use (find_cache.c) */
	uint64_t vmacache_seqnum;
	struct find_finger finger;
};

#define VMACACHE_SIZE 4

struct task_struct {
	struct mm_struct *mm; /* NULL for a kernel thread, or after exit */
	struct vm_area_struct *vmacache[VMACACHE_SIZE];
	uint64_t vmacache_seqnum; /* the mm's, when the cache was true */
};

#define IS_ERR_VALUE(x) ((unsigned long)(x) >= (unsigned long)-4095)

static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return !vma->vm_ops;
}

static inline bool vma_is_secretmem(const struct vm_area_struct *vma)
{
	return vma->vm_file && vma->vm_file->inode->kind == FILE_SECRETMEM;
}

/* Its anon_vma, which another thread's fault may be giving it now. */
static inline struct anon_vma *vma_anon_vma(const struct vm_area_struct *vma)
{
	return __atomic_load_n(&vma->anon_vma, __ATOMIC_ACQUIRE);
}

/* Is there a VMA, and addr in it? */
static inline bool vma_holds(const struct vm_area_struct *vma, unsigned long addr)
{
	return vma && vma_start(vma) <= addr && addr < vma_end(vma);
}

static inline unsigned long vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}

/* ---- machine.c: one emulated computer ---- */

/* Linux's defaults on x86-64. */
void config_default(struct config *config);

/*
 * A machine whose address spaces use that index; max_pages limits its physical
 * memory (0: no limit), config.budget what all of it takes of the host's.  NULL if out of memory.
 * machine_destroy wants all
 * mms and files gone: what is left is a leak and ends the program with a message.
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
struct file *get_file(struct file *file);
void fput(struct file *file);

/* ---- drivers.c: what files do with the VMAs that show them ---- */

/* There are mappings of such a file. */
bool can_mmap_file(const struct file *file);
/*
 * What the driver of file says of a new mapping of len bytes before it is placed among others: 0
 * and
 * its flags, which are *vm_flags before; or -errno.
 */
must_check int mmap_prepare(const struct mm_struct *mm, const struct file *file, unsigned long len,
			    vm_flags_t *vm_flags);
/*
 * file becomes FILE_OTHER.  Its mappings with the rights prot, shared or not, have these flags, as
 * far
 * as they are in DRIVER_FLAGS; likewise those of other files of its inode that may be written to as
 * it
 * may.  0 or -ENOMEM.
 */
must_check int driver_tell(struct file *file, unsigned long prot, bool shared, vm_flags_t vm_flags);
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
/* May vma be cut in two at addr?  0 or -errno. */
must_check int may_split(struct vm_area_struct *vma, unsigned long addr);
/* A merge may make vma go: its driver does not want to hear of it (C5). */
bool can_merge_remove_vma(const struct vm_area_struct *vma);

/* ---- fork.c: the life of an address space ---- */

/* allocate_mm: the bare struct; mm_alloc: with an empty index and page table, one user. */
must_check struct mm_struct *allocate_mm(struct machine *machine);
must_check struct mm_struct *mm_alloc(struct machine *machine);
/* Frees what mm_alloc made; no VMAs may be left. */
void free_mm(struct mm_struct *mm);
/* Drops a user; the last one's exit_mmap unmaps everything. */
void mmput(struct mm_struct *mm);
void exit_mmap(struct mm_struct *mm);

/*
 * What clone does for tsk: CLONE_VM shares parent's mm, otherwise dup_mm copies
 * it; a parent without an mm has nothing to copy.  0 or -ENOMEM.
 */
must_check int copy_mm(unsigned long clone_flags, struct task_struct *tsk,
		       const struct task_struct *parent);
must_check struct mm_struct *dup_mm(struct mm_struct *oldmm);
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

/* The first VMA that ends above addr, or NULL. */
struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr);
/* The same, and *pprev is the VMA before it (the last one if there is none). */
struct vm_area_struct *find_vma_prev(struct mm_struct *mm, unsigned long addr,
				     struct vm_area_struct **pprev);
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

/* mm has allocated what a new program has: key 0, if there are keys. */
void mm_pkeys_init(struct mm_struct *mm);
/* mm, whose past is not known, has a VMA with these flags: its key was allocated. */
void mm_pkeys_learn(struct mm_struct *mm, vm_flags_t flags);
/* May the program ask for that key?  Not for the execute-only one. */
bool mm_pkey_is_allocated(const struct mm_struct *mm, int pkey);
/* rights: PKEY_DISABLE_*.  The key, -EINVAL, or -ENOSPC where all are taken or there are none. */
int do_pkey_alloc(struct mm_struct *mm, unsigned long flags, unsigned long rights);
/* VMAs keep the key. 0 or -EINVAL. */
int do_pkey_free(struct mm_struct *mm, int pkey);
/* The key that keeps reads and writes from what is for execution only; below 1 if there is none. */
int execute_only_pkey(struct mm_struct *mm);
/* The key keeps the kernel and the program from reading and writing vma. */
bool pkey_forbids_data(const struct vm_area_struct *vma);
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

/*
 * prctl(option, arg...): PR_SET_THP_DISABLE, PR_SET_MEMORY_MERGE, PR_SET_MDWE; -ENOSYS for others.
 */
int do_prctl(struct mm_struct *mm, int option, const unsigned long arg[4]);
/* The bits of PR_SET_MDWE that a fork's child and the next program have. */
unsigned mdwe_inherited(const struct mm_struct *mm);
/* PR_SET_MDWE forbids memory with flags old (a new mapping: new) to become new. */
bool map_deny_write_exec(const struct mm_struct *mm, vm_flags_t old, vm_flags_t new);

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
/* vma is the child's copy of a VMA: it stays registered only where the feature says so. */
void dup_userfaultfd(struct vm_area_struct *vma);
/* new_vma is where mremap moved to; [start, end) of it has the pages. */
void mremap_userfaultfd_prep(struct vm_area_struct *new_vma, unsigned long start,
			     unsigned long end);
/* ctx: userfaultfd_ctx(); mode: UFFDIO_REGISTER_MODE_* (1 missing, 2 wp, 4 minor). */
int userfaultfd_register(struct mm_struct *mm, uint64_t ctx, unsigned long start, unsigned long len,
			 unsigned long mode);
/* The userfaultfd ctx is closed: all its ranges in mm are ordinary memory. 0 or -ENOMEM. */
must_check int userfaultfd_release(struct mm_struct *mm, uint64_t ctx);
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
/* Is there room under RLIMIT_MEMLOCK for a mapping with these flags? */
bool mlock_future_ok(const struct mm_struct *mm, vm_flags_t flags, unsigned long bytes);
/* May the one who acts lock anything at all? */
bool can_do_mlock(const struct mm_struct *mm);

/* ---- fault.c ---- */

#define FAULT_FLAG_WRITE       1u
#define FAULT_FLAG_INSTRUCTION 2u
#define FAULT_FLAG_FILL        4u /* a prefault (GUP): never grows a stack */

/* A page fault: 0, or -EFAULT (SIGSEGV), -ENXIO (SIGBUS), -ENOMEM. */
int handle_mm_fault(struct mm_struct *mm, unsigned long addr, unsigned flags);
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

/* vma has an anon_vma afterwards, a neighbour's if that will do: 0 or -ENOMEM. */
must_check int anon_vma_prepare(struct vm_area_struct *vma);
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

/* Among threads only one at a time changes what leads back; held for one VMA's links. */
static inline void rmap_lock(struct machine *machine)
{
	if (machine->config.locking)
		spin_lock(&machine->rmap_lock);
}

static inline void rmap_unlock(struct machine *machine)
{
	if (machine->config.locking)
		spin_unlock(&machine->rmap_lock);
}

/* The page of the VMA's file, or of the anonymous memory it is numbered by, at addr. */
static inline unsigned long linear_page_index(const struct vm_area_struct *vma, unsigned long addr)
{
	return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

/* The page at addr is vma's own: its anon_vma is where it is found. */
static inline void page_set_anon(const struct vm_area_struct *vma, unsigned long addr, pfn_t pfn)
{
	struct page *page = pfn_to_page(vma->vm_mm->machine->frames, pfn);

	page->mapping = (uintptr_t)vma->anon_vma | PAGE_ANON;
	page->index = linear_page_index(vma, addr);
}

/*
 * Calls fn for each entry that maps the page, with the VMA and address where it is; fn may
 * change that entry, but no VMA.  Returning false ends it, and so does rmap_walk then.
 */
typedef bool (*rmap_fn)(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, void *arg);
bool rmap_walk(struct machine *machine, pfn_t pfn, rmap_fn fn, void *arg);

/*
 * The oracle: NULL, or the first thing that is wrong, in words, explained on report (may be
 * NULL).  For every page the mappings that rmap_walk finds are exactly the entries of
 * all page tables that hold it; every VMA is where it should be in the trees that lead to it.
 */
const char *rmap_verify(struct machine *machine, FILE *report);

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
/* The same once round all of them. */
unsigned long shrink_all(struct machine *machine);
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

/* Flags that may differ: the whole has what a part had. */
static inline vm_flags_t merge_rule_ignores(const struct merge_rule *rule)
{
	return VM_IGNORE_MERGE | (rule->account ? 0 : VM_ACCOUNT);
}

/* The i-th rule, NULL past the last; 0 is Linux's. The one of that name, or NULL. */
const struct merge_rule *merge_rule(unsigned i);
const struct merge_rule *merge_rule_lookup(const char *name);

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

/* The text of /proc/PID/maps; of smaps, what the emulation knows of it. */
void show_maps(struct mm_struct *mm, FILE *out);
void show_smaps(struct mm_struct *mm, FILE *out);
/* A line of maps. */
void show_map_vma(struct vm_area_struct *vma, FILE *out);

/* The bits of /proc/PID/coredump_filter that mean something here. */
#define MMF_DUMP_ANON_PRIVATE    1UL
#define MMF_DUMP_ANON_SHARED     2UL
#define MMF_DUMP_MAPPED_PRIVATE  4UL
#define MMF_DUMP_MAPPED_SHARED   8UL
#define MMF_DUMP_ELF_HEADERS     16UL
#define MMF_DUMP_HUGETLB_PRIVATE 32UL
#define MMF_DUMP_HUGETLB_SHARED  64UL
#define MMF_DUMP_DEFAULT         0x33UL

/* How many bytes of vma, from its start, a core dump would hold; and *why, in words. */
unsigned long vma_dump_size(struct vm_area_struct *vma, unsigned long filter, const char **why);

/*
 * Digest of the VMAs and what is in their pages: it does not depend on what is in
 * memory and what was reclaimed.
 */
uint64_t mm_contents_hash(struct mm_struct *mm, uint64_t hash);
/* Digest of everything that must not depend on the index: VMAs, page tables, counters. */
uint64_t mm_hash(struct mm_struct *mm, uint64_t hash);
/*
 * The first thing in mm that contradicts itself, in words, or NULL: the index's
 * own verify, VMAs against their mm, counters, page-table entries outside VMAs.
 */
const char *mm_verify(struct mm_struct *mm, FILE *report);

#endif
