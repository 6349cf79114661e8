/*
 * check_kernel_gen - random operations that the subject can do without harm to itself
 *
 * They crowd in a small window, near what is mapped there, so that VMAs meet;
 * some go where the kernel puts them.  The subject's own ranges and the stack
 * are left alone, memory stays small.
 */
#include "harness/check/check_kernel.h"

#include <fcntl.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "mm/mman.h"

#define WINDOW         0x10000000000UL
#define WINDOW_PAGES   160
#define LOWEST         0x10000UL
#define HUGETLB_WINDOW 0x380000000000UL
#define HUGETLB_SLOTS  12
#define HUGE_PLACE     0x300000000000UL
#define STACKS         0x7ffffff00000UL /* the subject's stack and its guard gap */
#define MOST_VMAS      150
#define MOST_PAGES     20000
#define FILE_BYTES     (60UL << 20) /* mappings of a file begin below */

/* ---- where ---- */

static bool is_own(const struct kernel_gen *gen, unsigned long start, unsigned long len)
{
	unsigned long end = PAGE_ALIGN(start + len);

	if (start < LOWEST || end > STACKS || end < start)
		return true;
	for (unsigned i = 0; i < gen->nown; i++) {
		if (start < gen->own[i].end && gen->own[i].start < end)
			return true;
	}
	return false;
}

static struct vm_area_struct *random_vma(struct kernel_gen *gen, struct mm_struct *mm)
{
	struct vma_cursor cursor = { .index = mm->mm_mt };
	struct vm_area_struct *vma = mm->mm_mt->ops->seek(&cursor, 0);

	for (unsigned long k = rng_below(&gen->rng, mm->map_count); k && vma; k--)
		vma = mm->mm_mt->ops->next(&cursor);
	return vma && !is_own(gen, vma->vm_start, vma->vm_end - vma->vm_start) ? vma : NULL;
}

static unsigned long small_length(struct kernel_gen *gen)
{
	static const unsigned char most[] = { 1, 1, 1, 4, 4, 16, 16, 40 };

	return rng_between(&gen->rng, 1, most[rng_below(&gen->rng, ARRAY_SIZE(most))]) * PAGE_SIZE;
}

/* A range that shares an edge with a VMA, or lies in one. */
static void range_near(struct kernel_gen *gen, const struct vm_area_struct *vma,
		       unsigned long *start, unsigned long *len)
{
	*start = vma->vm_start;
	*len = small_length(gen);
	switch (rng_below(&gen->rng, 6)) {
	case 0:
		*len = vma->vm_end - vma->vm_start;
		break;
	case 1:
		break;
	case 2:
		*len = min(*len, vma->vm_end - vma->vm_start);
		*start = vma->vm_end - *len;
		break;
	case 3:
		*start += rng_below(&gen->rng, vma_pages(vma)) * PAGE_SIZE;
		break;
	case 4:
		*start = vma->vm_end;
		break;
	default:
		*start -= *len;
	}
}

static void some_range(struct kernel_gen *gen, struct mm_struct *mm, unsigned long *start,
		       unsigned long *len)
{
	do {
		struct vm_area_struct *vma =
			rng_below(&gen->rng, 10) < 7 ? random_vma(gen, mm) : NULL;

		*start = WINDOW + rng_below(&gen->rng, WINDOW_PAGES) * PAGE_SIZE;
		*len = small_length(gen);
		if (vma)
			range_near(gen, vma, start, len);
		if (rng_one_in(&gen->rng, 200))
			*start += rng_below(&gen->rng, PAGE_SIZE);
		if (rng_one_in(&gen->rng, 300))
			*len = 0;
		if (rng_one_in(&gen->rng, 50))
			*len += rng_below(&gen->rng, PAGE_SIZE);
	} while (is_own(gen, *start, *len + PAGE_SIZE));
}

static unsigned long some_prot(struct kernel_gen *gen)
{
	static const unsigned char prot[] = { 3, 3, 3, 3, 3, 1, 1, 1, 0, 0, 0, 7, 5, 2, 4 };

	return prot[rng_below(&gen->rng, ARRAY_SIZE(prot))];
}

/* ---- mmap ---- */

static void place_mmap(struct kernel_gen *gen, struct trace_event *e, unsigned long at)
{
	unsigned how = (unsigned)rng_below(&gen->rng, 10);

	if (how < 7)
		e->arg[0] = at;
	if (how < 5)
		e->arg[3] |= MAP_FIXED;
	else if (how < 6)
		e->arg[3] |= MAP_FIXED_NOREPLACE;
	else if (how < 7)
		return;
	else if (rng_one_in(&gen->rng, 4))
		e->arg[1] = rng_between(&gen->rng, 1, 3) << 21;
	else if (rng_one_in(&gen->rng, 4))
		e->arg[1] = rng_between(&gen->rng, 1, 4 << 20);
}

/* Goes on where vma's file ends, with its properties, so that the two may merge. */
static void continue_file(struct kernel_gen *gen, const struct vm_area_struct *vma,
			  struct trace_event *e)
{
	e->arg[5] = vma->vm_file->number;
	e->arg[4] = (vma->vm_pgoff + vma_pages(vma)) << PAGE_SHIFT;
	e->arg[0] = vma->vm_end;
	e->arg[2] = vma->vm_flags & (PROT_READ | PROT_WRITE | PROT_EXEC);
	e->arg[3] = (e->arg[3] & ~(uint64_t)MAP_TYPE) |
		    (vma->vm_flags & VM_MAYSHARE ? MAP_SHARED : MAP_PRIVATE);
	if (is_own(gen, e->arg[0], e->arg[1])) {
		e->arg[0] = 0;
		e->arg[3] &= ~(uint64_t)(MAP_FIXED | MAP_FIXED_NOREPLACE);
	}
}

/* A trace does not say what is mounted noexec: pipes are. */
static bool is_noexec(const struct kernel_gen *gen, const struct trace_event *e)
{
	return !(e->arg[3] & MAP_ANONYMOUS) && e->arg[5] >= 2 &&
	       S_ISFIFO(gen->bed->file[e->arg[5] - 2].mode) && (e->arg[2] & PROT_EXEC);
}

static void mmap_file(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	struct vm_area_struct *vma = random_vma(gen, mm);

	e->arg[5] = 2 + rng_below(&gen->rng, KERNEL_FILES);
	e->arg[4] = rng_one_in(&gen->rng, 3) ? rng_below(&gen->rng, 64) << PAGE_SHIFT
					     : e->arg[0] & 0xfff000;
	if (vma && vma->vm_file && vma->vm_file->number >= 2 &&
	    vma->vm_file->number < 2 + KERNEL_FILES && rng_one_in(&gen->rng, 2))
		continue_file(gen, vma, e);
	if (e->arg[4] + e->arg[1] > FILE_BYTES)
		e->arg[4] = 0;
	if (is_noexec(gen, e))
		e->arg[2] &= ~(uint64_t)PROT_EXEC;
}

static void mmap_anonymous(struct kernel_gen *gen, struct trace_event *e)
{
	e->arg[3] |= MAP_ANONYMOUS;
	if (rng_one_in(&gen->rng, 20))
		e->arg[3] |= MAP_STACK;
	if (rng_one_in(&gen->rng, 12))
		e->arg[3] |= MAP_GROWSDOWN;
	if (gen->bed->droppable && rng_one_in(&gen->rng, 30))
		e->arg[3] = (e->arg[3] & ~(uint64_t)MAP_TYPE) | MAP_DROPPABLE;
}

static void gen_mmap(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	unsigned long at = e->arg[0];

	e->kind = TRACE_MMAP;
	e->arg[0] = 0;
	e->arg[2] = some_prot(gen);
	e->arg[3] = rng_one_in(&gen->rng, 5) ? MAP_SHARED : MAP_PRIVATE;
	place_mmap(gen, e, at);
	if (rng_one_in(&gen->rng, 3))
		mmap_file(gen, mm, e);
	else
		mmap_anonymous(gen, e);
	if (rng_one_in(&gen->rng, 12))
		e->arg[3] |= MAP_NORESERVE;
	if (e->arg[1] <= 64 * PAGE_SIZE) {
		if (rng_one_in(&gen->rng, 20))
			e->arg[3] |= MAP_POPULATE;
		if (rng_one_in(&gen->rng, 20))
			e->arg[3] |= MAP_LOCKED;
	}
	if (rng_one_in(&gen->rng, 60))
		e->arg[3] |= MAP_32BIT;
	if (rng_one_in(&gen->rng, 60))
		e->arg[3] |= MAP_ABOVE4G;
}

/* ---- keys ---- */

/* One that there may be, seldom one that there cannot be. */
static uint64_t some_pkey(struct kernel_gen *gen)
{
	return rng_one_in(&gen->rng, 20) ? rng_below(&gen->rng, 40) - 20 : rng_below(&gen->rng, 6);
}

/*
 * Never key 0, that of all other memory; and all rights, for the threads' registers are not
 * seen.  Without keys kernels refuse to allocate one in different ways.
 */
static void gen_pkey(struct kernel_gen *gen, struct trace_event *e)
{
	bool alloc = gen->bed->info.pkeys && rng_one_in(&gen->rng, 2);

	e->kind = alloc ? TRACE_PKEY_ALLOC : TRACE_PKEY_FREE;
	e->arg[0] = e->arg[1] = 0;
	if (e->kind == TRACE_PKEY_FREE)
		e->arg[0] = max(some_pkey(gen), 1UL);
	else if (rng_one_in(&gen->rng, 10))
		e->arg[rng_below(&gen->rng, 2)] = rng_between(&gen->rng, 4, 40);
}

/* ---- other calls; arg[0], arg[1] are a range already ---- */

static bool gen_mprotect(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	struct vm_area_struct *vma = find_vma(mm, e->arg[0]);

	e->kind = TRACE_MPROTECT;
	e->arg[2] = some_prot(gen);
	e->arg[3] = (uint64_t)-1;
	if (rng_one_in(&gen->rng, gen->bed->info.pkeys ? 6 : 60))
		e->arg[3] = some_pkey(gen);
	if (rng_one_in(&gen->rng, 80))
		e->arg[2] |= PROT_GROWSUP;
	if (rng_one_in(&gen->rng, 40)) { /* reaches down to where vma starts */
		e->arg[2] |= PROT_GROWSDOWN;
		return !vma || !is_own(gen, vma->vm_start, vma->vm_end - vma->vm_start);
	}
	return true;
}

static bool gen_mremap(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	unsigned long len = e->arg[1], other_len;

	e->kind = TRACE_MREMAP;
	some_range(gen, mm, &e->arg[4], &other_len);
	e->arg[2] = len;
	switch (rng_below(&gen->rng, 5)) {
	case 0:
		break;
	case 1:
		e->arg[2] = small_length(gen);
		break;
	case 2:
		e->arg[2] += small_length(gen);
		break;
	case 3:
		e->arg[2] /= 2;
		break;
	default:
		e->arg[2] = other_len;
	}
	e->arg[3] = rng_one_in(&gen->rng, 4) ? 0 : MREMAP_MAYMOVE;
	if (rng_one_in(&gen->rng, 3))
		e->arg[3] |= MREMAP_FIXED;
	if (rng_one_in(&gen->rng, 8)) {
		e->arg[3] |= MREMAP_DONTUNMAP;
		if (rng_below(&gen->rng, 4))
			e->arg[2] = len;
	}
	if (rng_one_in(&gen->rng, 10))
		e->arg[2] = rng_between(&gen->rng, 1, 2) << 21;
	if (rng_one_in(&gen->rng, 40))
		e->arg[1] = 0;
	return !is_own(gen, e->arg[4], e->arg[2]);
}

static void gen_madvise(struct kernel_gen *gen, struct trace_event *e)
{
	e->kind = TRACE_MADVISE;
	e->arg[2] = (uint64_t)gen->bed->advice[rng_below(&gen->rng, gen->bed->nadvice)];
}

static bool gen_mlock(struct kernel_gen *gen, struct trace_event *e)
{
	unsigned dice = (unsigned)rng_below(&gen->rng, 300);

	if (dice < 3) {
		e->kind = TRACE_MLOCKALL;
		e->arg[0] = rng_below(&gen->rng, 8) & ~(uint64_t)MCL_FUTURE;
		e->arg[1] = 0;
	} else if (dice < 6) {
		e->kind = TRACE_MUNLOCKALL;
		e->arg[0] = e->arg[1] = 0;
	} else if (dice < 120) {
		e->kind = TRACE_MUNLOCK;
	} else {
		e->kind = TRACE_MLOCK;
		e->arg[2] = dice < 180;
	}
	return true;
}

static bool gen_fault(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	struct vm_area_struct *vma = random_vma(gen, mm);

	e->kind = TRACE_FAULT;
	e->arg[0] &= PAGE_MASK;
	e->arg[1] = TRACE_FAULT_USER | (rng_one_in(&gen->rng, 3) ? 0 : TRACE_FAULT_WRITE);
	if (vma && rng_below(&gen->rng, 3))
		e->arg[0] = vma->vm_start + rng_below(&gen->rng, vma_pages(vma)) * PAGE_SIZE;
	if (vma && (vma->vm_flags & VM_GROWSDOWN) && rng_one_in(&gen->rng, 3))
		e->arg[0] = vma->vm_start - rng_between(&gen->rng, 1, 20) * PAGE_SIZE;
	vma = find_vma(mm, e->arg[0]); /* a huge page has one word, at its start */
	if (vma && vma->vm_start <= e->arg[0] && (vma->vm_flags & VM_HUGETLB))
		e->arg[0] &= ~(vma_kernel_pagesize(vma) - 1);
	return !is_own(gen, e->arg[0], PAGE_SIZE);
}

static void gen_brk(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	e->kind = TRACE_BRK;
	e->arg[0] = mm->brk + rng_below(&gen->rng, 40) * 2048 - 20 * 2048;
	if (rng_one_in(&gen->rng, 20))
		e->arg[0] = mm->start_brk + rng_below(&gen->rng, 60) * 1024;
	if (mm->brk - mm->start_brk > 2 << 20)
		e->arg[0] = mm->start_brk;
	e->arg[1] = 0;
}

static void gen_shmat(struct kernel_gen *gen, struct trace_event *e)
{
	unsigned long at = e->arg[0] & PAGE_MASK, flags = 0;

	if (rng_one_in(&gen->rng, 3))
		flags |= SHM_RDONLY;
	if (rng_one_in(&gen->rng, 3))
		flags |= SHM_REMAP;
	if (rng_one_in(&gen->rng, 3) || is_own(gen, at, KERNEL_SEGMENT_PAGES * PAGE_SIZE))
		at = 0;
	gen->pending = *e;
	gen->pending.kind = TRACE_SHMAT;
	gen->pending.arg[0] = gen->next_file;
	gen->pending.arg[1] = at;
	gen->pending.arg[2] = flags;
	gen->pending.arg[3] = KERNEL_SEGMENT_PAGES * PAGE_SIZE;
	gen->pending.arg[4] = (uint64_t)gen->bed->segment;
	kernel_bed_file(gen->bed, KERNEL_FILE_SEGMENT, gen->next_file++, e);
	if (flags & SHM_RDONLY)
		e->arg[4] = O_RDONLY;
}

static bool gen_shm(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	if (rng_below(&gen->rng, 5) < 3) {
		gen_shmat(gen, e);
		return true;
	}
	for (unsigned i = 0; i < 30; i++) {
		struct vm_area_struct *vma = random_vma(gen, mm);

		if (!vma || !vma->vm_file || vma->vm_file->inode->kind != FILE_SYSV_SHM)
			continue;
		e->kind = TRACE_SHMDT;
		e->arg[0] = vma->vm_start;
		e->arg[1] = 0;
		if (rng_below(&gen->rng, 4))
			e->arg[0] -= vma->vm_pgoff << PAGE_SHIFT;
		return true;
	}
	return false;
}

static void gen_limit(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	static const int resource[] = {
		RLIMIT_AS,
		RLIMIT_DATA,
		RLIMIT_STACK,
		RLIMIT_MEMLOCK,
	};
	unsigned which = (unsigned)rng_below(&gen->rng, 4);
	bool tight = rng_one_in(&gen->rng, 3);
	unsigned long pages = which == 0   ? mm->total_vm
			      : which == 1 ? mm->data_vm
			      : which == 2 ? 64
					   : mm->locked_vm;

	e->kind = TRACE_SETRLIMIT;
	e->arg[0] = (uint64_t)resource[which];
	e->arg[1] = which == 2 ? 8UL << 20 : ~0UL;
	e->arg[2] = ~0UL;
	if (tight)
		e->arg[1] = pages * PAGE_SIZE + rng_below(&gen->rng, 100000);
	if (which == 3) {
		e->arg[2] = gen->bed->memlock_max;
		e->arg[1] = rng_one_in(&gen->rng, 20) ? 0 : min(e->arg[1], e->arg[2]);
	}
}

/* A file ends elsewhere: never within a word that a store may have left. */
static bool gen_truncate(struct kernel_gen *gen, struct trace_event *e)
{
	unsigned i = (unsigned)rng_below(&gen->rng, KERNEL_FILES);
	const struct kernel_file *file = &gen->bed->file[i];

	if (!file->size)
		return false;
	e->kind = TRACE_FILE_SIZE;
	e->arg[0] = 2 + i;
	e->arg[1] = (uint64_t)file->size;
	if (rng_below(&gen->rng, 3)) {
		e->arg[1] = rng_below(&gen->rng, 64) << PAGE_SHIFT;
		if (rng_one_in(&gen->rng, 2))
			e->arg[1] += rng_between(&gen->rng, sizeof(uint64_t), PAGE_SIZE - 1);
	}
	return true;
}

/* About as much as there is in the machine, far from all else, and gone at once. */
static bool gen_huge(struct kernel_gen *gen, struct trace_event *e)
{
	uint64_t most = (gen->bed->info.ram + gen->bed->info.swap) & PAGE_MASK;

	if (!most)
		return false;
	e->kind = TRACE_MMAP;
	e->arg[0] = HUGE_PLACE;
	e->arg[1] = most + (rng_below(&gen->rng, 4) - 1) * PAGE_SIZE;
	e->arg[2] = rng_one_in(&gen->rng, 4) ? PROT_READ : PROT_READ | PROT_WRITE;
	e->arg[3] = MAP_ANONYMOUS | MAP_FIXED |
		    (rng_one_in(&gen->rng, 4) ? MAP_SHARED : MAP_PRIVATE) |
		    (rng_one_in(&gen->rng, 4) ? MAP_NORESERVE : 0);
	gen->pending = (struct trace_event){
		.kind = TRACE_MUNMAP,
		.task = e->task,
		.name = "",
		.arg = { e->arg[0], e->arg[1] },
	};
	return true;
}

/* All but MPOL_MF_STRICT: which pages are where is not known. */
static void gen_mbind(struct kernel_gen *gen, struct trace_event *e)
{
	static const unsigned char modes[] = {
		MPOL_DEFAULT, MPOL_DEFAULT, MPOL_DEFAULT,    MPOL_LOCAL, MPOL_LOCAL, MPOL_PREFERRED,
		MPOL_BIND,    MPOL_BIND,    MPOL_INTERLEAVE, 5,          6,          7,
	};

	e->kind = TRACE_MBIND;
	e->arg[2] = modes[rng_below(&gen->rng, ARRAY_SIZE(modes))];
	if (e->arg[2] != MPOL_DEFAULT && e->arg[2] != MPOL_LOCAL)
		e->arg[3] = gen->bed->info.memory_nodes;
	if (rng_one_in(&gen->rng, 6))
		e->arg[3] = 1UL << rng_below(&gen->rng, 64) | rng_below(&gen->rng, 4);
	if (rng_one_in(&gen->rng, 6))
		e->arg[2] |= rng_below(&gen->rng, 8) << 13; /* MPOL_F_* */
	if (rng_one_in(&gen->rng, 20))
		e->arg[4] = rng_below(&gen->rng, 16) & ~(uint64_t)MPOL_MF_STRICT;
	if (rng_one_in(&gen->rng, 30))
		e->arg[4] |= (uint64_t)TRACE_NODES_UNREADABLE << TRACE_NODES_SHIFT;
}

/* MDWE cannot be taken back: not in the task that stays. */
static void gen_prctl(struct kernel_gen *gen, struct trace_event *e)
{
	bool mdwe = rng_one_in(&gen->rng, 4) && e->task != gen->task[0];

	e->kind = TRACE_PRCTL;
	e->arg[0] = mdwe ? PR_SET_MDWE : PR_SET_MEMORY_MERGE;
	e->arg[1] = rng_below(&gen->rng, mdwe ? 6 : 2);
	if (rng_one_in(&gen->rng, 10))
		e->arg[rng_between(&gen->rng, 2, 4)] = 1;
}

static bool gen_rare(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	switch (rng_below(&gen->rng, 15)) {
	case 12:
		gen_prctl(gen, e);
		return true;
	case 13:
	case 14:
		gen_pkey(gen, e);
		return true;
	case 10:
	case 11:
		return gen_truncate(gen, e);
	case 0:
		if (rng_one_in(&gen->rng, 4))
			return gen_huge(gen, e);
		/* fall through */
	case 1:
		gen_mbind(gen, e);
		return true;
	case 2:
		e->kind = TRACE_REMAP_FILE;
		e->arg[3] = rng_below(&gen->rng, 20);
		return true;
	case 3:
	case 4:
	case 5:
		return gen_shm(gen, mm, e);
	case 6: /* cannot be undone: not in the task that stays */
		e->kind = TRACE_MSEAL;
		return gen->bed->mseal && e->task != gen->task[0];
	default:
		gen_limit(gen, mm, e);
		return true;
	}
}

/* ---- huge pages of the pool: near each other, in a window of their own ---- */

static bool is_hugetlb(const struct vm_area_struct *vma, unsigned long end)
{
	return vma && vma->vm_start < end && (vma->vm_flags & VM_HUGETLB);
}

/*
 * Such a mapping never moves, for where a part moves alone the kernel forgets what was committed to
 * the rest, and the pool lacks it for ever; what is shrunk from a difference might do that.
 */
static void keep_hugetlb(struct mm_struct *mm, struct trace_event *e)
{
	unsigned long start = e->arg[0] & PAGE_MASK, end = start + PAGE_ALIGN(e->arg[1]) + 1;
	struct vm_area_struct *vma = find_vma(mm, start);

	while (vma && vma->vm_start < end && !is_hugetlb(vma, end))
		vma = find_vma(mm, vma->vm_end);
	if (is_hugetlb(vma, end))
		e->arg[3] &= ~(uint64_t)(MREMAP_FIXED | MREMAP_DONTUNMAP);
}

static void mmap_hugetlb(struct kernel_gen *gen, struct trace_event *e)
{
	static const unsigned log[] = { 0, 0, 0, 0, 0, 0, 21, 21, 22, 30 };
	unsigned how = (unsigned)rng_below(&gen->rng, 10);

	e->kind = TRACE_MMAP;
	e->arg[2] = some_prot(gen);
	e->arg[3] = MAP_ANONYMOUS | MAP_HUGETLB |
		    (unsigned long)log[rng_below(&gen->rng, ARRAY_SIZE(log))] << 26 |
		    (rng_one_in(&gen->rng, 3) ? MAP_SHARED : MAP_PRIVATE) |
		    (rng_one_in(&gen->rng, 4) ? MAP_NORESERVE : 0) |
		    (rng_one_in(&gen->rng, 8) ? MAP_POPULATE : 0) |
		    (rng_one_in(&gen->rng, 16) ? MAP_LOCKED : 0) |
		    (how < 6   ? MAP_FIXED
		     : how < 7 ? MAP_FIXED_NOREPLACE
			       : 0);
	if (how < 6) /* what a file gives back that is replaced comes after the prefaults there */
		e->arg[3] &= ~(uint64_t)(MAP_POPULATE | MAP_LOCKED);
	if (how == 9)
		e->arg[0] = 0;
	if (rng_one_in(&gen->rng, 10))
		e->arg[4] = rng_below(&gen->rng, 3) * PMD_SIZE;
	if (rng_one_in(&gen->rng, 40))
		e->arg[4] += PAGE_SIZE;
}

static bool gen_hugetlb(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	unsigned dice = (unsigned)rng_below(&gen->rng, 20);

	e->arg[0] = HUGETLB_WINDOW + rng_below(&gen->rng, HUGETLB_SLOTS) * PMD_SIZE;
	e->arg[1] = rng_between(&gen->rng, 1, 3) * PMD_SIZE;
	if (rng_one_in(&gen->rng, 12))
		e->arg[0] += rng_below(&gen->rng, 512) * PAGE_SIZE;
	if (rng_one_in(&gen->rng, 12))
		e->arg[1] -= rng_below(&gen->rng, 512) * PAGE_SIZE;
	if (dice < 6) {
		mmap_hugetlb(gen, e);
	} else if (dice < 8) {
		e->kind = TRACE_MUNMAP;
	} else if (dice < 10) {
		return gen_mprotect(gen, mm, e);
	} else if (dice < 12) {
		gen_madvise(gen, e);
	} else if (dice < 13) {
		e->kind = TRACE_MLOCK;
	} else if (dice < 15) {
		e->kind = TRACE_MREMAP;
		e->arg[2] = rng_between(&gen->rng, 1, 3) * PMD_SIZE;
		e->arg[3] = rng_below(&gen->rng, 2) * MREMAP_MAYMOVE;
		e->arg[4] = HUGETLB_WINDOW + rng_below(&gen->rng, HUGETLB_SLOTS) * PMD_SIZE;
		if (rng_one_in(&gen->rng, 12))
			e->arg[4] += PAGE_SIZE;
	} else {
		e->kind = TRACE_FAULT;
		e->arg[1] = TRACE_FAULT_USER | (rng_one_in(&gen->rng, 3) ? 0 : TRACE_FAULT_WRITE);
		e->arg[0] &= ~(PMD_SIZE - 1);
	}
	return true;
}

/* ---- arguments that no program should give ---- */

/* What an argument is: an address, a length, bits of a long or of an int; ' ': left alone. */
static const char extremes[TRACE_NKINDS][TRACE_MAX_ARGS + 1] = {
	[TRACE_MMAP] = "albba ",      [TRACE_MUNMAP] = "al",     [TRACE_MPROTECT] = "alb",
	[TRACE_MREMAP] = "allba",     [TRACE_BRK] = "a",         [TRACE_MADVISE] = "ali",
	[TRACE_MLOCK] = "ali",        [TRACE_MUNLOCK] = "al",    [TRACE_MLOCKALL] = "i",
	[TRACE_MSEAL] = "alb",        [TRACE_MBIND] = "al ",     [TRACE_SHMDT] = "a",
	[TRACE_REMAP_FILE] = "albab", [TRACE_PKEY_ALLOC] = "bb", [TRACE_PKEY_FREE] = "i",
};

/* Longer ones could be granted, and would take long to compare; from IMPOSSIBLE on nothing is. */
#define LONGEST    (16UL << 20)
#define IMPOSSIBLE (1UL << 56)

static uint64_t some_extreme(struct kernel_gen *gen, uint64_t start)
{
	static const uint64_t values[] = {
		0,         1,         PAGE_SIZE - 1, PAGE_SIZE, LOWEST - PAGE_SIZE, 1UL << 31,
		1UL << 32, 1UL << 47, IMPOSSIBLE,    1UL << 62, 1UL << 63,
	};
	uint64_t value = values[rng_below(&gen->rng, ARRAY_SIZE(values))];

	if (rng_one_in(&gen->rng, 2))
		value = -value;
	if (rng_one_in(&gen->rng, 4))
		value -= start; /* with it, around 0 */
	if (rng_one_in(&gen->rng, 3))
		value += (rng_below(&gen->rng, 5) - 2) * PAGE_SIZE;
	return value;
}

/* Does [start, start + len), as a call may take it, reach what the subject lives on? */
static bool reaches_own(const struct kernel_gen *gen, uint64_t start, uint64_t len)
{
	uint64_t last = start + len;

	if (last < start)
		return false; /* it wraps, and is refused */
	start &= PAGE_MASK;
	for (unsigned i = 0; i < gen->nown; i++) {
		if (start < gen->own[i].end && gen->own[i].start <= last)
			return true;
	}
	return start < 1UL << 47 && last > STACKS;
}

static bool too_long(uint64_t len)
{
	return len > LONGEST && len < IMPOSSIBLE;
}

/* What the kernel might grant leaves the subject alive, and as small as it was. */
static bool is_harmless(const struct kernel_gen *gen, const struct trace_event *e)
{
	switch (e->kind) {
	case TRACE_MMAP:
		return !too_long(e->arg[1]) && !(e->arg[3] & MAP_HUGETLB) && !is_noexec(gen, e) &&
		       (!(e->arg[3] & MAP_FIXED) || !reaches_own(gen, e->arg[0], e->arg[1]));
	case TRACE_MREMAP:
		return !too_long(e->arg[2]) &&
		       !reaches_own(gen, e->arg[0], max(e->arg[1], e->arg[2])) &&
		       !reaches_own(gen, e->arg[4], e->arg[2]);
	case TRACE_BRK:
		return e->arg[0] >= IMPOSSIBLE;
	case TRACE_MADVISE: /* no tests of memory failures, nothing that the kernel may do or not */
		return (int)e->arg[2] != 100 && (int)e->arg[2] != 101 &&
		       (int)e->arg[2] != MADV_COLLAPSE && (int)e->arg[2] != MADV_PAGEOUT &&
		       !reaches_own(gen, e->arg[0], e->arg[1]);
	case TRACE_MLOCKALL:
		return !(e->arg[0] & MCL_FUTURE) || e->arg[0] > 7;
	case TRACE_PKEY_ALLOC:
		return e->arg[0] || !e->arg[1] || e->arg[1] > 3;
	case TRACE_PKEY_FREE:
		return e->arg[0];
	case TRACE_MPROTECT: /* that to the start of a VMA is made with more care */
		return !(e->arg[2] & PROT_GROWSDOWN) && !reaches_own(gen, e->arg[0], e->arg[1]);
	default:
		return !reaches_own(gen, e->arg[0], e->arg[1]);
	}
}

/* One argument, or two, becomes what the kernel has to refuse, or nearly so. */
static bool gen_extreme(struct kernel_gen *gen, struct trace_event *e)
{
	const char *all = extremes[e->kind];

	if (!*all)
		return true;
	do {
		unsigned i = (unsigned)rng_below(&gen->rng, strlen(all));

		switch (all[i]) {
		case 'a':
		case 'l':
			e->arg[i] = some_extreme(gen, e->arg[0]);
			break;
		case 'b':
			e->arg[i] ^= 1UL << rng_below(&gen->rng, 64);
			break;
		case 'i':
			e->arg[i] = (uint32_t)(e->arg[i] ^ 1UL << rng_below(&gen->rng, 32));
			break;
		default:
			break;
		}
	} while (rng_one_in(&gen->rng, 3));
	return is_harmless(gen, e);
}

/* ---- all ---- */

/* Something large goes, or many small ones: memory of both sides has an end. */
static bool gen_less(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	struct vm_area_struct *vma = random_vma(gen, mm);
	bool many = mm->map_count > MOST_VMAS, much = mm->total_vm > MOST_PAGES;

	if (!vma || (!many && !much) || rng_one_in(&gen->rng, 2))
		return false;
	for (unsigned i = 0; much && i < 20; i++) {
		struct vm_area_struct *other = random_vma(gen, mm);

		if (other && vma_pages(other) > vma_pages(vma))
			vma = other;
	}
	e->kind = TRACE_MUNMAP;
	e->arg[0] = vma->vm_start;
	e->arg[1] = max(vma->vm_end - vma->vm_start, 256 * PAGE_SIZE);
	return !is_own(gen, e->arg[0], e->arg[1]);
}

static bool gen_call(struct kernel_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	unsigned dice = (unsigned)rng_below(&gen->rng, 1340);

	if (gen_less(gen, mm, e))
		return true;
	if (gen->huge_pages && rng_one_in(&gen->rng, 10))
		return gen_hugetlb(gen, mm, e);
	some_range(gen, mm, &e->arg[0], &e->arg[1]);
	if (dice < 300) {
		gen_mmap(gen, mm, e);
	} else if (dice < 400) {
		e->kind = TRACE_MUNMAP;
		if (rng_one_in(&gen->rng, 30)) {
			e->arg[0] = WINDOW;
			e->arg[1] = WINDOW_PAGES * PAGE_SIZE;
		}
	} else if (dice < 600) {
		return gen_mprotect(gen, mm, e);
	} else if (dice < 720) {
		bool possible = gen_mremap(gen, mm, e);

		keep_hugetlb(mm, e);
		return possible;
	} else if (dice < 840) {
		gen_madvise(gen, e);
	} else if (dice < 900) {
		return gen_mlock(gen, e);
	} else if (dice < 1210) {
		return gen_fault(gen, mm, e);
	} else if (dice < 1260) {
		gen_brk(gen, mm, e);
	} else {
		return gen_rare(gen, mm, e);
	}
	return true;
}

static bool gen_task(struct kernel_gen *gen, uint32_t task, struct trace_event *e)
{
	unsigned slot = (unsigned)rng_between(&gen->rng, 1, KERNEL_TASKS - 1);

	/* kernels differ in when a page that a child has too is committed to its owner again */
	if (gen->huge_pages)
		return false;
	if (!gen->task[slot]) {
		gen->task[slot] = gen->next_task++;
		e->kind = TRACE_FORK;
		e->arg[0] = gen->task[slot];
		return true;
	}
	if (gen->task[slot] != task)
		return false;
	gen->task[slot] = 0;
	e->kind = TRACE_EXIT;
	return true;
}

uint32_t kernel_gen_task(struct kernel_gen *gen)
{
	if (gen->pending.kind != TRACE_FILE)
		return gen->pending.task;

	uint32_t task = gen->task[rng_below(&gen->rng, KERNEL_TASKS)];

	return task ? task : gen->task[0];
}

void kernel_gen_next(struct kernel_gen *gen, const struct replay_world *world, uint32_t task,
		     struct trace_event *event)
{
	if (gen->pending.kind != TRACE_FILE) {
		*event = gen->pending;
		gen->pending.kind = TRACE_FILE;
		return;
	}
	do {
		*event = (struct trace_event){ .task = task, .name = "" };
	} while (!(rng_one_in(&gen->rng, 150) && gen_task(gen, task, event)) &&
		 !(gen_call(gen, replay_mm(world, task), event) &&
		   (rng_below(&gen->rng, 25) || gen_extreme(gen, event))));
	if (event->kind == TRACE_MREMAP)
		keep_hugetlb(replay_mm(world, task), event);
}
