/*
 * pagetable - the page tables of one mm: which page frame is at which address
 *
 * Page tables take ranges of addresses and know nothing of VMAs.  Entries have
 * the bits of x86-64; a table's physical address is its address in the host.
 * There are 4 levels (48 bits of address) or 5 (57 bits), and level 0 is that
 * of the leaf entries, which map pages.
 *
 * Addresses and lengths are in bytes.  Ranges are half-open, lo <= hi, multiples of
 * PAGE_SIZE and not above pt_end(); an address of one page need not be aligned.
 * A range operation touches only where tables are: the time for a range
 * without tables does not grow with its length.
 *
 * One thread at a time uses the page tables of a machine, unless they are shared
 * (pt_share).  Then, of one mm's, at any time
 *	any threads     pt_get, pt_map, pt_update of an address that they have locked,
 *			inside an RCU read section
 *	one thread      everything else, which locks for itself what it touches; but
 *			pt_populated needs the lock, where it is about what one lock covers
 * and for the rest, reports and oracles, none of the others may be at it.
 */
#ifndef MM_PAGETABLE_H
#define MM_PAGETABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/spinlock.h"
#include "base/util.h"
#include "mm/frames.h"

#define PT_LEVELS_MAX 5
#define PT_SHIFT      9 /* 512 entries of 8 bytes in a table */
#define PT_ENTRIES    (1u << PT_SHIFT)

/*
 * An entry is 0 (empty), or has one of PRESENT, PROTNONE, GUARD and SWAP.  PROTNONE keeps
 * the page of a range that has no rights at all (PROT_NONE).  GUARD marks a page that
 * nobody may touch (MADV_GUARD_INSTALL): it has page frame 0 and no other bits, and
 * stays what it is when rights change.  SWAP has a slot of the swap area in place of a page frame,
 * ANON, perhaps UFFD_WP, and no other bits, whatever the rights are.
 */
#define PTE_PRESENT   ((uint64_t)1 << 0)
#define PTE_WRITE     ((uint64_t)1 << 1)
#define PTE_USER      ((uint64_t)1 << 2)
#define PTE_UFFD_WP   ((uint64_t)1 << 3) /* software: a write is userfaultfd's matter; no WRITE */
#define PTE_HUGETLB   ((uint64_t)1 << 4) /* software: with HUGE, a page of a pool: see below */
#define PTE_ACCESSED  ((uint64_t)1 << 5)
#define PTE_DIRTY     ((uint64_t)1 << 6)
#define PTE_HUGE      ((uint64_t)1 << 7) /* one level up: HUGE_PAGES pages in one entry */
#define PTE_PROTNONE  ((uint64_t)1 << 8)
#define PTE_ANON      ((uint64_t)1 << 9)  /* software: not a file's, not zero */
#define PTE_GUARD     ((uint64_t)1 << 11) /* software */
#define PTE_EXCLUSIVE ((uint64_t)1 << 10) /* software: ANON, this mm's alone */
#define PTE_SWAP      ((uint64_t)1 << 62) /* no page: with ANON, a slot of the swap area */
#define PTE_NX        ((uint64_t)1 << 63)
#define PMD_SIZE      (1UL << (PAGE_SHIFT + PT_SHIFT)) /* bytes of a leaf table or huge page */

#define PTE_ADDRESS   ((((uint64_t)1 << 52) - 1) & ~(uint64_t)(PAGE_SIZE - 1))
#define PTE_PFN(pte)  (((pte)&PTE_ADDRESS) >> PAGE_SHIFT)
#define PTE_BITS(pte) ((pte) & ~PTE_ADDRESS)
#define PTE_PROT      (PTE_PRESENT | PTE_PROTNONE | PTE_WRITE | PTE_USER | PTE_NX)

static inline uint64_t pte_make(pfn_t pfn, uint64_t bits)
{
	return pfn << PAGE_SHIFT | bits;
}

/* A page that is counted: neither nothing nor a guard, the zero page or a swap entry. */
static inline bool pte_has_page(uint64_t entry)
{
	return PTE_PFN(entry) && !(entry & PTE_SWAP);
}

/*
 * An entry that is not a leaf leads to a table, and says in the bits that x86
 * leaves to software (52..61) how many entries of that table are in use.
 */
#define PT_COUNT_ONE  ((uint64_t)1 << 52)
#define PT_COUNT_MASK ((uint64_t)0x3ff << 52)

static inline uint64_t *pt_table(uint64_t entry)
{
	return (uint64_t *)(uintptr_t)(entry & PTE_ADDRESS);
}

static inline unsigned pt_count(uint64_t entry)
{
	return (entry & PT_COUNT_MASK) / PT_COUNT_ONE;
}

/* What happened in all page tables of a machine; only ever growing. */
struct pt_counters {
	uint64_t tables_allocated[PT_LEVELS_MAX]; /* by level, [0]: leaf tables */
	uint64_t tables_freed[PT_LEVELS_MAX];
	uint64_t entries_touched;         /* leaf entries read or written, empty ones too */
	uint64_t entries_copied;          /* leaf entries that fork copied */
	uint64_t entries_moved;           /* leaf entries that mremap moved one by one, */
	uint64_t tables_moved;            /* and leaf tables it moved whole */
	uint64_t huge_mapped, huge_split; /* huge pages; entries that became a table */
	uint64_t tlb_flushes;             /* invalidations, however many pages each has */
	uint64_t tlb_pages;               /* pages in them */
};

/* The locks of shared page tables: each covers the PMD_SIZEs that fall to it. */
#define PT_REGIONS 64

struct pt_region {
	struct spinlock lock;
	long rss;      /* what was mapped and unmapped under it */
	char rest[48]; /* a cache line of its own */
};

struct pagetable {
	uint64_t root;       /* the entry that leads to the top table (CR3) */
	unsigned levels;     /* 4 or 5 */
	struct arena *arena; /* gives the tables */
	struct frames *frames;
	struct frames *swap; /* what swap entries lead to: a slot has a count and a content */
	struct pt_counters *counters;
	struct pt_region *regions; /* PT_REGIONS of them if it is shared, else NULL */
	struct spinlock upper;     /* if shared, of what level 1 and up have in use; and of */
	uint64_t *retired;         /* tables that await a grace period, linked by entry 0 */
	size_t tables;             /* of all levels, the top one and deposits included */
	size_t rss;                /* what was mapped and unmapped without a region: pt_rss() */
	size_t huge;               /* huge pages mapped, by one entry each */
	size_t hugetlb;            /* pages of 4 kB in those of pools: no part of rss */
	uint64_t *deposit;         /* a leaf table for each: a split needs no memory */
	size_t stale;              /* pages that await pt_flush() */
	uint64_t *last;            /* the entry of the leaf table that pt_map() used last, */
	unsigned long last_addr;   /* and an address in it; last may be NULL */
};

/* One past the last address that can be mapped. */
static inline unsigned long pt_end(const struct pagetable *pt)
{
	return 1UL << (PAGE_SHIFT + PT_SHIFT * pt->levels);
}

/* Empty page tables, the top table allocated: 0, or -ENOMEM and nothing to destroy. */
must_check int pt_init(struct pagetable *pt, unsigned levels, struct arena *arena,
		       struct frames *frames, struct pt_counters *counters);

/* From now on threads may use it side by side, as said above: 0 or -ENOMEM. */
must_check int pt_share(struct pagetable *pt);

/*
 * Nobody else is at the leaf table of addr, or makes one there, until pt_unlock.  One
 * such lock at a time; where pt is not shared it is none.
 */
static inline struct pt_region *pt_region(const struct pagetable *pt, unsigned long addr)
{
	return &pt->regions[addr / PMD_SIZE % PT_REGIONS];
}

static inline void pt_lock(const struct pagetable *pt, unsigned long addr)
{
	if (unlikely(pt->regions))
		spin_lock(&pt_region(pt, addr)->lock);
}

static inline void pt_unlock(const struct pagetable *pt, unsigned long addr)
{
	if (unlikely(pt->regions))
		spin_unlock(&pt_region(pt, addr)->lock);
}

/* Waits until each lock of the range has been free: who had one before is through. */
void pt_barrier(struct pagetable *pt, unsigned long lo, unsigned long hi);

/* Frees what was taken out before the last grace period: where pt->retired is not NULL. */
void pt_free_retired(struct pagetable *pt);

/* Leaf entries in use: PROTNONE, GUARD, zero page too. */
size_t pt_rss(const struct pagetable *pt);

/* Zaps everything and frees the top table too. */
void pt_destroy(struct pagetable *pt);

/*
 * The leaf entry of addr, 0 if there is none.  Counts nothing.  A huge page shows, here and
 * in pt_next(), as entries of single pages that have PTE_HUGE.
 */
uint64_t pt_get(const struct pagetable *pt, unsigned long addr);

/*
 * The empty entry of addr gets a page. bits has PRESENT or PROTNONE, or is GUARD.  The
 * entry takes over the caller's reference.  -ENOMEM: nothing has changed and
 * the reference is the caller's still.
 */
must_check int pt_map(struct pagetable *pt, unsigned long addr, pfn_t pfn, uint64_t bits);

/*
 * The same of a huge page, addr a multiple of PMD_SIZE, where not even a table is.  Page tables
 * that are shared have none.
 * A split into single pages changes no other entry of theirs but for PTE_HUGE.
 */
must_check int pt_map_huge(struct pagetable *pt, unsigned long addr, pfn_t pfn, uint64_t bits);
/* The huge page at addr, if there is one, is mapped by 512 entries afterwards, and no compound. */
void pt_split_huge(struct pagetable *pt, unsigned long addr);
/* No huge page reaches across addr afterwards. */
static inline void pt_cut(struct pagetable *pt, unsigned long addr)
{
	if (pt->huge && (addr & (PMD_SIZE - 1)))
		pt_split_huge(pt, addr);
}

/*
 * A page of a pool (hugetlb.c), 2 MiB or 1 GiB by the entry's level: 1 or 2.  It is one page frame
 * with one content, never split, and shows in pt_next() once, at its start.  pt_map_hugetlb is
 * as pt_map, where not even a table is; pt_unmap_hugetlb hands the entry's reference to the caller.
 */
must_check int pt_map_hugetlb(struct pagetable *pt, unsigned long addr, unsigned level, pfn_t pfn,
			      uint64_t bits);
pfn_t pt_unmap_hugetlb(struct pagetable *pt, unsigned long addr);

/*
 * Writes the entry of addr, which is in use and stays so: of a huge page the one of all its
 * pages, whose pfn stays (not a pool's).  A new pfn comes with
 * the caller's reference, which the entry takes over; the old page loses one.
 * Flushes one page if the TLB may hold what is no longer true: another pfn,
 * fewer rights, DIRTY taken away.
 */
void pt_update(struct pagetable *pt, unsigned long addr, uint64_t entry);

/*
 * Unmaps a range: references dropped, one flush if anything was there.  Leaf tables stay, even
 * if they are empty now.
 */
void pt_zap(struct pagetable *pt, unsigned long lo, unsigned long hi);
/* The same of some entries: GUARDs, those with ANON, all others. */
enum pt_kind { PT_GUARDS = 1, PT_ANON = 2, PT_FILE = 4, PT_PAGES = PT_ANON | PT_FILE };
void pt_zap_kinds(struct pagetable *pt, unsigned long lo, unsigned long hi, unsigned kinds);

/*
 * Frees the empty leaf tables that reach into [lo, hi) and lie in [floor, ceiling): after an
 * unmapping, the end of the VMA before and the start of the one behind (free_pgtables).
 */
void pt_free_tables(struct pagetable *pt, unsigned long lo, unsigned long hi, unsigned long floor,
		    unsigned long ceiling);

/*
 * After mprotect: all entries of the range but GUARDs get prot instead of their PTE_PROT
 * bits: PROTNONE alone, or PRESENT | USER and WRITE, NX.  WRITE reaches only
 * entries that have a bit of write_if; the others fault first:
 *	PTE_EXCLUSIVE   a private mapping
 *	PTE_DIRTY       a shared one where the first write to a page is tracked
 *	~0              any other shared one
 * One flush if a right was taken away anywhere.
 */
void pt_protect(struct pagetable *pt, unsigned long lo, unsigned long hi, uint64_t prot,
		uint64_t write_if);

/*
 * mremap: the entries of [old, old + len) move to [new, new + len), which is
 * empty and does not overlap.  A leaf table moves whole where all of it moves
 * and both its places are aligned; else it stays, and there is one for the new place,
 * even if no entry moves.  One flush if anything was there.
 * -ENOMEM: nothing has changed.
 */
must_check int pt_move(struct pagetable *pt, unsigned long old, unsigned long new,
		       unsigned long len);

/*
 * fork: the entries of a range are copied to dst, of the same machine and as
 * many levels, where the range is empty; each page gets a reference and a mapping
 * more.  EXCLUSIVE goes, here and there; with cow (a private mapping) WRITE too,
 * without it the rights stay and the copy is not DIRTY.  No copy is ACCESSED.
 * Where a fault can fill in the pages again, don't call it at all.
 * -ENOMEM: dst has a part of it, src may have lost WRITE and EXCLUSIVE.
 * Does not flush: call pt_flush(src) once after the last range of a fork.
 */
must_check int pt_copy(struct pagetable *dst, struct pagetable *src, unsigned long lo,
		       unsigned long hi, bool cow);

/* Counts one flush of all pages that became stale since the last one, if there are any. */
void pt_flush(struct pagetable *pt);

/* The rest counts nothing and changes nothing: for reports, tests and oracles. */

/* Has addr a leaf table, if only an empty one?  Then no huge page can be mapped there. */
bool pt_has_table(const struct pagetable *pt, unsigned long addr);

/* Entries in use in a range. */
size_t pt_populated(const struct pagetable *pt, unsigned long lo, unsigned long hi);

/* Finds the first entry in use at or above *addr and below hi; *addr becomes its address. */
bool pt_next(const struct pagetable *pt, unsigned long *addr, unsigned long hi, uint64_t *entry);

/* The content of the page or slot that the entry, in use, leads to. */
uint64_t pt_content(const struct pagetable *pt, uint64_t entry);

/* hash, and then address, bits and content of all entries in address order; not the pfns. */
uint64_t pt_hash(const struct pagetable *pt, uint64_t hash);

/*
 * 0, or the number of the first invariant (see pagetable.c) that is broken,
 * explained on report (may be NULL).
 */
unsigned pt_verify(const struct pagetable *pt, FILE *report);

#endif
