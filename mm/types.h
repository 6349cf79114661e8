/*
 * types.h - the objects of the emulated address space (see mm.h), field by field Linux's
 *
 * Fields are written by mm alone; what a test or a report reads of them it may read between calls.
 */
#ifndef MM_TYPES_H
#define MM_TYPES_H

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

#endif
