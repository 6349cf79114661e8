/*
 * pagetable_verify - whether page tables keep their invariants (see pagetable.c)
 */
#include "mm/pagetable_internal.h"

/* What a walk over everything found. */
struct tally {
	const struct pagetable *pt;
	FILE *report;
	size_t tables, rss, huge, hugetlb;
};

static unsigned tally_broken(const struct tally *tally, unsigned n, unsigned long addr,
			     const char *what)
{
	if (tally->report)
		fprintf(tally->report, "page tables: invariant %u at %#lx: %s\n", n, addr, what);
	return n;
}

static unsigned verify_leaf(const struct tally *tally, uint64_t entry, unsigned long addr)
{
	const struct page *page;

	if (!pte_valid(entry))
		return tally_broken(tally, 4, addr, "not one of PRESENT, PROTNONE, GUARD and SWAP");
	if ((entry & PTE_EXCLUSIVE) && !(entry & PTE_ANON))
		return tally_broken(tally, 4, addr, "EXCLUSIVE, but not ANON");
	if (entry & PTE_SWAP)
		return pfn_to_page(tally->pt->swap, PTE_PFN(entry))->_refcount > 0
			       ? 0
			       : tally_broken(tally, 5, addr, "the slot is free");
	page = compound_head(tally->pt->frames, PTE_PFN(entry));
	if (!PTE_PFN(entry))
		return 0;
	if (page->_mapcount < 1 || page->_refcount < page->_mapcount)
		return tally_broken(tally, 5, addr, "the page's counts are too low");
	if ((entry & PTE_EXCLUSIVE) && page->_mapcount != 1)
		return tally_broken(tally, 5, addr, "EXCLUSIVE, but mapped more than once");
	return 0;
}

static unsigned verify_huge(struct tally *tally, uint64_t entry, unsigned level, unsigned long addr)
{
	unsigned broken = 0;

	if (entry & PTE_HUGETLB) {
		tally->hugetlb += pt_span(level) >> PAGE_SHIFT;
		return verify_leaf(tally, entry, addr);
	}
	tally->rss += PT_ENTRIES;
	tally->huge++;
	if (level != 1 || PTE_PFN(entry) & (PT_ENTRIES - 1))
		return tally_broken(tally, 4, addr, "a huge page where none can be");
	for (unsigned long i = 0; i < PT_ENTRIES && !broken; i++)
		broken = verify_leaf(tally, pte_of_huge(entry, i << PAGE_SHIFT),
				     addr + (i << PAGE_SHIFT));
	return broken;
}

static size_t deposits(const struct pagetable *pt)
{
	size_t n = 0;

	for (const uint64_t *table = pt->deposit; table; table = (void *)(uintptr_t)table[0])
		n++;
	return n;
}

/* The table that entry leads to; its first entry is for addr. */
static unsigned verify_table(struct tally *tally, uint64_t entry, unsigned level,
			     unsigned long addr)
{
	const uint64_t *table = pt_table(entry);
	unsigned used = 0, broken = 0;

	for (unsigned i = 0; i < PT_ENTRIES && !broken; i++, addr += pt_span(level)) {
		if (!table[i])
			continue;
		used++;
		if (level && (table[i] & PTE_HUGE))
			broken = verify_huge(tally, table[i], level, addr);
		else if (level)
			broken = verify_table(tally, table[i], level - 1, addr);
		else
			broken = verify_leaf(tally, table[i], addr);
	}
	if (broken)
		return broken;
	addr -= PT_ENTRIES * pt_span(level);
	if (used != pt_count(entry))
		return tally_broken(tally, 1, addr, "the count of a table is wrong");
	if (!used && level && level < tally->pt->levels - 1)
		return tally_broken(tally, 2, addr, "a table is empty");
	tally->tables++;
	tally->rss += level ? 0 : used;
	return 0;
}

/* Invariant 6. */
static bool verify_last(const struct pagetable *pt)
{
	struct path path;

	if (!pt->last)
		return true;
	pt_descend((struct pagetable *)pt, pt->last_addr, &path);
	return path.level <= 1 && pt->last == path_entry(&path, pt->last_addr, 1);
}

unsigned pt_verify(const struct pagetable *pt, FILE *report)
{
	struct tally tally = { .pt = pt, .report = report };
	unsigned broken = verify_table(&tally, pt->root, pt->levels - 1, 0);

	if (broken)
		return broken;
	if (tally.tables + tally.huge != pt->tables || tally.rss != pt_rss(pt))
		return tally_broken(&tally, 3, 0, "tables or rss is wrong");
	if (tally.huge != pt->huge || deposits(pt) != pt->huge)
		return tally_broken(&tally, 3, 0, "huge pages or their deposits are wrong");
	if (tally.hugetlb != pt->hugetlb)
		return tally_broken(&tally, 3, 0, "pages of pools are wrong");
	if (!verify_last(pt))
		return tally_broken(&tally, 6, pt->last_addr, "last leads elsewhere");
	return 0;
}
