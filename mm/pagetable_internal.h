/*
 * What pagetable.c, pagetable_huge.c and pagetable_verify.c share: tables, entries, the way to
 * them.
 */
#ifndef MM_PAGETABLE_INTERNAL_H
#define MM_PAGETABLE_INTERNAL_H

#include <assert.h>

#include "mm/pagetable.h"
#include "mm/thread.h"

#define TABLE_SIZE (PT_ENTRIES * sizeof(uint64_t))
#define TABLE_BITS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

/* Bytes that an entry of this level stands for. */
static inline unsigned long pt_span(unsigned level)
{
	return 1UL << (PAGE_SHIFT + PT_SHIFT * level);
}

static inline unsigned pt_slot(unsigned long addr, unsigned level)
{
	return addr >> (PAGE_SHIFT + PT_SHIFT * level) & (PT_ENTRIES - 1);
}

/* ---- tables ---- */

/* An entry that leads to a table. */
static inline uint64_t pt_load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

static inline void pt_store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* The table that entry leads to has n more in use, or fewer. */
static inline void pt_add_count(uint64_t *entry, int n)
{
	pt_store(entry, pt_load(entry) + (uint64_t)n * PT_COUNT_ONE);
}

static inline void pt_add_rss(struct pagetable *pt, unsigned long addr, long n)
{
	if (unlikely(pt->regions))
		pt_region(pt, addr)->rss += n;
	else
		pt->rss += (size_t)n;
}

/* ---- entries ---- */

/* What the entry of addr would be if its huge page were mapped by single ones. */
static inline uint64_t pte_of_huge(uint64_t entry, unsigned long addr)
{
	pfn_t pfn = PTE_PFN(entry);

	if (entry & PTE_HUGETLB) /* one page frame */
		return entry;
	return pte_make(pfn ? pfn + pt_slot(addr, 0) : 0, PTE_BITS(entry));
}

/* Whether the TLB may hold a right of the old entry that the new one has not. */
static inline bool pte_outdated(uint64_t old, uint64_t new)
{
	uint64_t lost = old & ~new &(PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_DIRTY);

	return (old & PTE_PRESENT) &&
	       (lost || (new & ~old &PTE_NX) || PTE_PFN(old) != PTE_PFN(new));
}

static inline bool pte_valid(uint64_t entry)
{
	if (entry & PTE_GUARD)
		return entry == PTE_GUARD;
	if (entry & PTE_SWAP)
		return PTE_BITS(entry & ~PTE_UFFD_WP) == (PTE_SWAP | PTE_ANON) && PTE_PFN(entry);
	return !(entry & PTE_PRESENT) != !(entry & PTE_PROTNONE) && !(entry & PT_COUNT_MASK);
}

/* ---- the way to a table ---- */

/* The way from the root to an address: up[l] is the entry that leads to the table of level l. */
struct path {
	unsigned level; /* of the deepest table on it */
	uint64_t *up[PT_LEVELS_MAX];
};

/* The entry of addr in the table of this level. */
static inline uint64_t *path_entry(const struct path *path, unsigned long addr, unsigned level)
{
	return pt_table(pt_load(path->up[level])) + pt_slot(addr, level);
}

/* Follows addr as deep as there are tables; to level 1 where a huge page is. */
static inline void pt_descend(struct pagetable *pt, unsigned long addr, struct path *path)
{
	assert(addr < pt_end(pt));
	path->level = pt->levels - 1;
	path->up[path->level] = &pt->root;
	while (path->level) {
		uint64_t *entry = path_entry(path, addr, path->level);

		uint64_t there = pt_load(entry);

		if (!(there & PTE_PRESENT) || (there & PTE_HUGE))
			break;
		path->up[--path->level] = entry;
	}
}

/*
 * Follows addr down to level and makes the tables that are missing.  These are
 * empty: use them or pt_prune().  -ENOMEM: nothing has changed.
 */
must_check int pt_descend_make(struct pagetable *pt, unsigned long addr, unsigned level,
			       struct path *path);

/* An empty table, counted, or NULL if out of memory; and back. */
must_check uint64_t *pt_table_alloc(struct pagetable *pt, unsigned level);
void pt_table_free(struct pagetable *pt, uint64_t *table, unsigned level);

/* ---- the range walker ---- */

/* Visits, in address order, the leaf tables and huge pages that overlap a range. */
struct walk {
	struct pagetable *pt;
	unsigned long next, hi; /* what is left of the range */
	uint64_t seen;          /* leaf entries visited */
	bool lock, locked;      /* it locks the table where it stands; it has */
	unsigned long locked_addr;
	/* where it stands: */
	unsigned long addr; /* of the first entry in the range */
	uint64_t *pte;      /* that entry; and how many follow in this table */
	unsigned n;
	struct path path; /* down to the table; path.level is 0, at a huge page 1 or 2 */
};

/* Is it at a huge page, of whatever level?  Then pte is that one entry. */
static inline bool walk_huge(const struct walk *w)
{
	return w->path.level;
}

/* ---- huge pages at a walk (pagetable_huge.c) ---- */

/* It goes. */
void pt_zap_huge(struct walk *w);
/* What fork copies of it: the entries lose these bits, the old one and the copy. 0 or -ENOMEM. */
must_check int pt_copy_huge(struct pagetable *dst, struct walk *w, uint64_t lose,
			    uint64_t lose_copy);

#endif
