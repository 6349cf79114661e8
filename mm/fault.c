/*
 * fault - what happens when a page is touched that the page tables do not allow
 *
 *	a guard page                  refused
 *	no entry   anonymous   read   the shared zero page, read-only
 *	                       write  a fresh page
 *	                       either a huge page, where config.huge_pages and rule F2 allow it
 *	           file        read   the page cache's page
 *	                       write  private: a copy; shared: the page itself
 *	swapped out                   a fresh page with what the slot holds
 *	write to a read-only entry    zero page: a fresh page
 *	                              anonymous: a copy, or reuse if nobody else has it
 *	                              file: private: a copy; shared: made writable
 *	                              huge: reuse if nobody else has it; else split first
 *
 * Source: the behaviour of Linux 6.12's mm/memory.c and mm/vma.c (rules E3, F1, F2, F6).
 */
#include "mm/internal.h"

#include <errno.h>

#include "base/rng.h"

/* ---- rights ---- */

#define PAGE_READONLY_EXEC (PTE_PRESENT | PTE_USER)
#define PAGE_READONLY      (PAGE_READONLY_EXEC | PTE_NX)
#define PAGE_SHARED_EXEC   (PAGE_READONLY_EXEC | PTE_WRITE)
#define PAGE_SHARED        (PAGE_READONLY | PTE_WRITE)

/* By VM_READ, WRITE, EXEC and SHARED: x86-64 reads what it may write or execute. */
static const uint64_t protection_map[16] = {
	PTE_PROTNONE,       PAGE_READONLY,      /* private: ---, r-- */
	PAGE_READONLY,      PAGE_READONLY,      /* -w-, rw-: a write makes a copy first */
	PAGE_READONLY_EXEC, PAGE_READONLY_EXEC, /* --x, r-x */
	PAGE_READONLY_EXEC, PAGE_READONLY_EXEC, /* -wx, rwx */
	PTE_PROTNONE,       PAGE_READONLY,      /* shared */
	PAGE_SHARED,        PAGE_SHARED,        PAGE_READONLY_EXEC,
	PAGE_READONLY_EXEC, PAGE_SHARED_EXEC,   PAGE_SHARED_EXEC,
};

uint64_t vm_get_page_prot(vm_flags_t flags)
{
	return protection_map[flags & (VM_ACCESS_FLAGS | VM_SHARED)];
}

/* A page's rights in a VMA with these flags where no fault has to come first. */
static uint64_t page_prot(vm_flags_t flags)
{
	return vm_get_page_prot(flags | VM_SHARED);
}

/* The first write to a page of a shared mapping of a disk file must be noticed. */
static bool tracks_writes(const struct vm_area_struct *vma)
{
	return vma->vm_file && vma->vm_file->inode->kind == FILE_REGULAR;
}

void change_protection(struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	uint64_t write_if = !(vma->vm_flags & VM_SHARED) ? PTE_EXCLUSIVE
			    : tracks_writes(vma)         ? PTE_DIRTY
							 : ~0UL;

	if (vma->vm_flags & VM_HUGETLB) /* private pages wait for the next write */
		pt_protect(&vma->vm_mm->pgd, start, end, vm_get_page_prot(vma->vm_flags), ~0UL);
	else
		pt_protect(&vma->vm_mm->pgd, start, end, page_prot(vma->vm_flags), write_if);
}

static bool access_allowed(const struct vm_area_struct *vma, unsigned flags)
{
	if (!(flags & FAULT_FLAG_INSTRUCTION) && pkey_forbids_data(vma))
		return false;
	if (flags & FAULT_FLAG_WRITE)
		return vma->vm_flags & VM_WRITE;
	if (flags & FAULT_FLAG_INSTRUCTION)
		return vma->vm_flags & VM_EXEC;
	return vma->vm_flags & VM_ACCESS_FLAGS;
}

/* ---- pages ---- */

/* No other store leaves the same. */
static uint64_t store_value(struct machine *machine)
{
	return mix64(++this_cpu(machine)->writes);
}

/* The write itself: every one leaves something of its own in the page; a prefault only says so. */
static inline void store(struct machine *machine, pfn_t pfn, unsigned flags)
{
	if (!(flags & FAULT_FLAG_FILL))
		page_set_content(pfn_to_page(machine->frames, pfn), store_value(machine));
}

/* Maps a page that others hold too. */
static int map_page(struct mm_struct *mm, unsigned long addr, pfn_t pfn, uint64_t bits)
{
	struct frames *frames = mm->machine->frames;

	get_page(frames, pfn);
	int err = pt_map(&mm->pgd, addr, pfn, bits);
	if (err)
		put_page(frames, pfn);
	return err;
}

/* A fresh page, a copy of from, written to, in place of the entry that is there (0: none). */
static int map_private(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, pfn_t from,
		       unsigned flags)
{
	struct mm_struct *mm = vma->vm_mm;
	uint64_t bits =
		page_prot(vma->vm_flags) | PTE_ACCESSED | PTE_DIRTY | PTE_ANON | PTE_EXCLUSIVE;

	if (anon_vma_prepare(vma))
		return -ENOMEM;
	struct frames *frames = mm->machine->frames;
	pfn_t pfn = alloc_page(frames, page_content(pfn_to_page(frames, from)));
	if (!pfn)
		return -ENOMEM;
	page_set_anon(vma, addr, pfn);
	if (entry) {
		pt_update(&mm->pgd, addr, pte_make(pfn, bits));
	} else if (pt_map(&mm->pgd, addr, pfn, bits)) {
		put_page(mm->machine->frames, pfn);
		return -ENOMEM;
	}
	store(mm->machine, pfn, flags);
	return 0;
}

/* May huge pages, by that setting, be in vma? */
static bool wants_huge_pages(const struct vm_area_struct *vma, enum thp thp)
{
	if (thp == THP_NEVER || vma->vm_mm->thp == THP_DISABLED || (vma->vm_flags & VM_NOHUGEPAGE))
		return false;
	return (vma->vm_flags & VM_HUGEPAGE) ||
	       (thp == THP_ALWAYS && vma->vm_mm->thp != THP_ADVISED_ONLY);
}

/* F2: a read that could map a huge page, by that setting, prepares the VMA as a write does. */
static bool may_map_pmd(const struct vm_area_struct *vma, unsigned long addr, enum thp thp)
{
	unsigned long start = addr & ~(PMD_SIZE - 1);

	return wants_huge_pages(vma, thp) && start >= vma->vm_start &&
	       start + PMD_SIZE <= vma->vm_end && !pt_has_table(&vma->vm_mm->pgd, addr);
}

/* Where nothing is in 2 MB that may be a huge page: 0, -ENOMEM, or -EAGAIN: there is none. */
static int do_huge_pmd_anonymous_page(struct vm_area_struct *vma, unsigned long addr,
				      unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	unsigned long start = addr & ~(PMD_SIZE - 1);
	uint64_t bits = page_prot(vma->vm_flags) | PTE_ACCESSED;
	bool write = flags & FAULT_FLAG_WRITE;
	pfn_t pfn = 0;

	if (anon_vma_prepare(vma))
		return -ENOMEM;
	if (write) {
		pfn = alloc_huge_page(machine->frames, 0);
		if (!pfn)
			return -EAGAIN;
		bits |= PTE_DIRTY | PTE_ANON | PTE_EXCLUSIVE;
	} else {
		get_huge_page(machine->frames, 0);
		bits &= ~PTE_WRITE;
	}
	if (pt_map_huge(&vma->vm_mm->pgd, start, pfn, bits)) {
		put_huge_page(machine->frames, pfn);
		return -ENOMEM;
	}
	for (unsigned long i = 0; write && i < HUGE_PAGES; i++)
		page_set_anon(vma, start + (i << PAGE_SHIFT), pfn + i);
	if (write)
		store(machine, pfn + ((addr - start) >> PAGE_SHIFT), flags);
	struct fault_counters *faults = &this_cpu(machine)->faults;
	*(write ? &faults->huge_write : &faults->huge_zero) += 1;
	return 0;
}

static int do_anonymous_page(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	struct mm_struct *mm = vma->vm_mm;
	const struct config *config = &mm->machine->config;

	if (!config->locking && may_map_pmd(vma, addr, config->huge_pages)) {
		int err = do_huge_pmd_anonymous_page(vma, addr, flags);

		if (err != -EAGAIN)
			return err;
		this_cpu(mm->machine)->faults.huge_fallback++;
	}
	if (flags & FAULT_FLAG_WRITE) {
		this_cpu(mm->machine)->faults.anon_write++;
		return map_private(vma, addr, 0, 0, flags);
	}
	this_cpu(mm->machine)->faults.anon_zero++;
	if (may_map_pmd(vma, addr, config->thp) && anon_vma_prepare(vma))
		return -ENOMEM;
	return map_page(mm, addr, 0, (page_prot(vma->vm_flags) & ~PTE_WRITE) | PTE_ACCESSED);
}

/* The driver's page there, which stays its own: 0, -ENXIO (SIGBUS) or -ENOMEM. */
static int file_page(struct vm_area_struct *vma, unsigned long addr, unsigned flags, pfn_t *pfn)
{
	int err = -ENXIO;

	if (vma->vm_ops->fault)
		err = vma->vm_ops->fault(vma, linear_page_index(vma, addr), pfn);

	if (err == -ENXIO && !(flags & FAULT_FLAG_FILL))
		this_cpu(vma->vm_mm->machine)->faults.sigbus++;
	return err;
}

static int do_file_page(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	bool write = flags & FAULT_FLAG_WRITE;
	uint64_t bits = vm_get_page_prot(vma->vm_flags) | PTE_ACCESSED;

	/* before it is known that there is such a page */
	if (write && !(vma->vm_flags & VM_SHARED) && anon_vma_prepare(vma))
		return -ENOMEM;
	pfn_t pfn;
	int err = file_page(vma, addr, flags, &pfn);
	if (err)
		return err;
	if (write && !(vma->vm_flags & VM_SHARED)) {
		this_cpu(machine)->faults.file_cow++;
		return map_private(vma, addr, 0, pfn, flags);
	}
	if (write) {
		this_cpu(machine)->faults.file_shared_write++;
		bits |= PTE_DIRTY;
	} else {
		this_cpu(machine)->faults.file_read++;
		if (tracks_writes(vma))
			bits &= ~PTE_WRITE;
	}
	err = map_page(vma->vm_mm, addr, pfn, bits);
	if (write && !err)
		store(machine, pfn, flags);
	return err;
}

/* A write where the entry is there, but read-only. */
static int do_wp_page(struct vm_area_struct *vma, unsigned long addr, uint64_t entry,
		      unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	struct page *page = pfn_to_page(machine->frames, PTE_PFN(entry));

	if (vma->vm_flags & VM_SHARED) {
		this_cpu(machine)->faults.file_shared_write++;
		store(machine, PTE_PFN(entry), flags);
		pt_update(&vma->vm_mm->pgd, addr, entry | PTE_WRITE | PTE_DIRTY | PTE_ACCESSED);
		return 0;
	}
	if ((entry & PTE_ANON) && page_count(page) == 1) {
		this_cpu(machine)->faults.cow_reuse++;
		page_set_anon(vma, addr, PTE_PFN(entry)); /* nobody else's any more */
		store(machine, PTE_PFN(entry), flags);
		pt_update(&vma->vm_mm->pgd, addr,
			  entry | PTE_WRITE | PTE_DIRTY | PTE_ACCESSED | PTE_EXCLUSIVE);
		return 0;
	}
	if (entry & PTE_ANON)
		this_cpu(machine)->faults.cow_copy++;
	else if (PTE_PFN(entry))
		this_cpu(machine)->faults.file_cow++;
	else
		this_cpu(machine)->faults.cow_zero++;
	return map_private(vma, addr, entry, PTE_PFN(entry), flags);
}

/* A write to a huge page that is read-only: done to the whole, or it is split and nothing done. */
static bool do_huge_pmd_wp_page(struct vm_area_struct *vma, unsigned long addr, uint64_t entry,
				unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	pfn_t pfn = PTE_PFN(entry);

	if (!pfn || !((entry & PTE_EXCLUSIVE) ||
		      huge_page_exclusive(machine->frames, pfn & ~(HUGE_PAGES - 1)))) {
		pt_split_huge(&vma->vm_mm->pgd, addr);
		return false;
	}
	this_cpu(machine)->faults.cow_reuse++;
	store(machine, pfn, flags);
	pt_update(&vma->vm_mm->pgd, addr,
		  entry | PTE_WRITE | PTE_DIRTY | PTE_ACCESSED | PTE_EXCLUSIVE);
	return true;
}

/* What was swapped out comes back, as a page of vma's own, whoever else has the slot. */
static int do_swap_page(struct vm_area_struct *vma, unsigned long addr, uint64_t entry,
			unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	uint64_t bits =
		page_prot(vma->vm_flags) | PTE_ACCESSED | PTE_DIRTY | PTE_ANON | PTE_EXCLUSIVE;
	pfn_t pfn = alloc_page(machine->frames, pt_content(&vma->vm_mm->pgd, entry));

	if (!pfn)
		return -ENOMEM;
	if ((entry & PTE_UFFD_WP) && !(flags & FAULT_FLAG_WRITE))
		bits = (bits & ~PTE_WRITE) | PTE_UFFD_WP;
	page_set_anon(vma, addr, pfn);
	pt_update(&vma->vm_mm->pgd, addr, pte_make(pfn, bits));
	this_cpu(machine)->faults.swap_in++;
	if (flags & FAULT_FLAG_WRITE)
		store(machine, pfn, flags);
	return 0;
}

static int bad_access(struct mm_struct *mm, unsigned flags)
{
	if (!(flags & FAULT_FLAG_FILL))
		this_cpu(mm->machine)->faults.segv++;
	return -EFAULT;
}

static int do_page(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	struct mm_struct *mm = vma->vm_mm;
	uint64_t entry = pt_get(&mm->pgd, addr);

	if (!entry)
		return vma_is_anonymous(vma) ? do_anonymous_page(vma, addr, flags)
					     : do_file_page(vma, addr, flags);
	if (entry & PTE_GUARD)
		return bad_access(mm, flags);
	if (entry & PTE_SWAP)
		return do_swap_page(vma, addr, entry, flags);
	if ((flags & FAULT_FLAG_WRITE) && !(entry & PTE_WRITE)) {
		if (!(entry & PTE_HUGE))
			return do_wp_page(vma, addr, entry, flags);
		if (do_huge_pmd_wp_page(vma, addr, entry, flags))
			return 0;
		return do_wp_page(vma, addr, entry & ~PTE_HUGE, flags);
	}
	if (!(flags & FAULT_FLAG_FILL))
		this_cpu(mm->machine)->faults.spurious++;
	if (flags & FAULT_FLAG_WRITE)
		store(mm->machine, PTE_PFN(entry), flags);
	return 0;
}

/* ---- the stack ---- */

/* Is what stands below far enough? */
static bool room_below(struct vm_area_struct *vma, unsigned long addr)
{
	struct vm_area_struct *prev;

	find_vma_prev(vma->vm_mm, vma->vm_start, &prev);
	return !prev || (prev->vm_flags & VM_GROWSDOWN) || !(prev->vm_flags & VM_ACCESS_FLAGS) ||
	       addr - prev->vm_end >= vma->vm_mm->machine->config.stack_guard_gap;
}

static bool growth_allowed(struct vm_area_struct *vma, unsigned long addr)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long grow = (vma->vm_start - addr) >> PAGE_SHIFT;

	return grow <= vma->vm_pgoff &&
	       vma->vm_end - addr <= this_cpu(mm->machine)->current->stack &&
	       may_expand_vm(mm, vma->vm_flags, grow) &&
	       mlock_future_ok(mm, vma->vm_flags, grow << PAGE_SHIFT) &&
	       !security_vm_enough_memory_mm(mm, grow);
}

/* E3; where a limit refuses, the anon_vma stays prepared. */
int expand_stack(struct vm_area_struct *vma, unsigned long addr)
{
	struct mm_struct *mm = vma->vm_mm;

	addr &= PAGE_MASK;
	if (addr < mm->machine->config.mmap_min_addr)
		return -EPERM;
	if (!room_below(vma, addr) || anon_vma_prepare(vma) || !growth_allowed(vma, addr))
		return -ENOMEM;
	unsigned long grow = (vma->vm_start - addr) >> PAGE_SHIFT;
	if (vma_grow_down(vma, addr))
		return -ENOMEM;
	if (vma->vm_flags & VM_LOCKED)
		mm->locked_vm += grow;
	vm_stat_account(mm, vma->vm_flags, (long)grow);
	this_cpu(mm->machine)->faults.stack_growth++;
	return 0;
}

/* ---- the fault ---- */

static int do_page_locked(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	struct pagetable *pgd = &vma->vm_mm->pgd;

	if (vma->vm_mm->machine->config.leave_out & LEAVE_OUT_PAGE_LOCK)
		return do_page(vma, addr, flags);
	pt_lock(pgd, addr);
	int err = do_page(vma, addr, flags);
	pt_unlock(pgd, addr);
	return err;
}

int handle_found_fault(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr,
		       unsigned flags)
{
	if (!vma)
		return bad_access(mm, flags);
	if (vma->vm_start > addr) {
		if (!(vma->vm_flags & VM_GROWSDOWN) || (flags & FAULT_FLAG_FILL) ||
		    expand_stack(vma, addr))
			return bad_access(mm, flags);
	}
	if (!access_allowed(vma, flags))
		return bad_access(mm, flags);
	if (unlikely(vma->vm_flags & VM_UFFD_FLAGS) && mm->machine->config.userfault) {
		int err = handle_userfault(vma, addr & PAGE_MASK, flags);

		if (err)
			return err < 0 ? err : handle_mm_fault(mm, addr, flags);
	}
	if (vma->vm_flags & VM_HUGETLB)
		return hugetlb_fault(vma, addr, flags);
	return do_page_locked(vma, addr & PAGE_MASK, flags);
}

int handle_mm_fault(struct mm_struct *mm, unsigned long addr, unsigned flags)
{
	if (mm->machine->config.nommu)
		return 0;
	return handle_found_fault(mm, find_vma(mm, addr), addr, flags);
}

/* Neighbours have a say in the anon_vma, and others in what is refused or somebody else's. */
static bool vma_is_enough(const struct vm_area_struct *vma, unsigned flags)
{
	if (!access_allowed(vma, flags) || (vma->vm_flags & (VM_UFFD_FLAGS | VM_HUGETLB)))
		return false;
	if ((vma->vm_flags & VM_SHARED) || vma_anon_vma(vma))
		return true;
	return !(flags & FAULT_FLAG_WRITE) &&
	       !(vma_is_anonymous(vma) && wants_huge_pages(vma, vma->vm_mm->machine->config.thp));
}

int handle_vma_fault_locked(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	if (!vma_is_enough(vma, flags))
		return -EAGAIN;
	return do_page(vma, addr & PAGE_MASK, flags);
}

int handle_vma_fault(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	if (!vma_is_enough(vma, flags))
		return -EAGAIN;
	return do_page_locked(vma, addr & PAGE_MASK, flags);
}

/* F6: what can be written privately is written to; a key keeps others from exec-only memory. */
static int populate_part(struct vm_area_struct *vma, unsigned long start, unsigned long end,
			 void *arg)
{
	bool write = (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
	unsigned flags = FAULT_FLAG_FILL | (write ? FAULT_FLAG_WRITE : 0);
	int err = 0;

	if ((vma->vm_flags & (VM_IO | VM_PFNMAP)) || (vma->vm_flags & VM_LOCKONFAULT))
		return 0;
	if (!(vma->vm_flags & VM_ACCESS_FLAGS) || vma_is_secretmem(vma))
		err = -EFAULT;
	for (; start < end && !err; start = (start | (vma_kernel_pagesize(vma) - 1)) + 1)
		err = handle_mm_fault(vma->vm_mm, start, flags);
	if (err == -ENXIO)
		err = -EFAULT;
	return *(const bool *)arg ? 0 : err;
}

int mm_populate(struct mm_struct *mm, unsigned long start, unsigned long end, bool ignore_errors)
{
	return vma_walk(mm, start, end, ignore_errors ? HOLE_IGNORED : HOLE_STOPS, populate_part,
			&ignore_errors);
}
