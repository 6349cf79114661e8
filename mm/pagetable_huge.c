/*
 * pagetable_huge - entries of level 1 that are huge pages
 *
 *   A huge page is an entry of level 1 with HUGE in place of a leaf table:
 *            [ e . HUGE . e ]                    and for each of them
 *                    |                           deposit -> [ table ] -> [ table ] -> 0
 *                    +--> pfn << 12 | bits       that its split will need
 *
 * Source: the behaviour of Linux 6.12's mm/huge_memory.c.
 */
#include "mm/pagetable_internal.h"

#include <errno.h>

static uint64_t *deposit_pop(struct pagetable *pt)
{
	uint64_t *table = pt->deposit;

	pt->deposit = (uint64_t *)(uintptr_t)table[0];
	table[0] = 0;
	return table;
}

static void deposit_push(struct pagetable *pt, uint64_t *table)
{
	table[0] = (uintptr_t)pt->deposit;
	pt->deposit = table;
}

int pt_map_huge(struct pagetable *pt, unsigned long addr, pfn_t pfn, uint64_t bits)
{
	uint64_t *table = pt_table_alloc(pt, 0), *entry;
	struct path path;

	assert(pte_valid(bits) && !(addr & (PMD_SIZE - 1)) && !pt->regions);
	if (!table)
		return -ENOMEM;
	if (pt_descend_make(pt, addr, 1, &path)) {
		pt_table_free(pt, table, 0);
		return -ENOMEM;
	}
	entry = path_entry(&path, addr, 1);
	assert(path.level == 1 && !*entry);
	deposit_push(pt, table);
	*entry = pte_make(pfn, bits | PTE_HUGE);
	pt_add_count(path.up[1], 1);
	pt_add_rss(pt, addr, PT_ENTRIES);
	pt->huge++;
	map_huge_page(pt->frames, pfn, 1);
	this_cpu(pt->counters)->huge_mapped++;
	this_cpu(pt->counters)->entries_touched++;
	return 0;
}

void pt_split_huge(struct pagetable *pt, unsigned long addr)
{
	struct path path;

	pt_descend(pt, addr, &path);
	uint64_t *entry = path_entry(&path, addr, path.level), huge = *entry;
	if (!path.level || !(huge & PTE_HUGE) || (huge & PTE_HUGETLB))
		return;
	uint64_t *table = deposit_pop(pt);
	split_huge_page(pt->frames, PTE_PFN(huge));
	for (unsigned long i = 0; i < PT_ENTRIES; i++)
		table[i] = pte_of_huge(huge & ~PTE_HUGE, i << PAGE_SHIFT);
	*entry = ((uintptr_t)table | TABLE_BITS) + PT_ENTRIES * PT_COUNT_ONE;
	pt->huge--;
	this_cpu(pt->counters)->huge_split++;
	this_cpu(pt->counters)->entries_touched += PT_ENTRIES;
	pt->stale++;
	pt_flush(pt);
}

void pt_zap_huge(struct walk *w)
{
	struct pagetable *pt = w->pt;
	pfn_t pfn = PTE_PFN(*w->pte);

	assert(!(*w->pte & PTE_HUGETLB)); /* hugetlb_zap comes first */
	*w->pte = 0;
	pt_add_count(w->path.up[1], -1);
	pt_add_rss(pt, w->addr, -(long)PT_ENTRIES);
	pt->huge--;
	pt->stale++;
	pt_table_free(pt, deposit_pop(pt), 0);
	map_huge_page(pt->frames, pfn, -1);
	put_huge_page(pt->frames, pfn);
}

int pt_copy_huge(struct pagetable *dst, struct walk *w, uint64_t lose, uint64_t lose_copy)
{
	uint64_t old = *w->pte;
	pfn_t pfn = PTE_PFN(old);

	get_huge_page(dst->frames, pfn);
	if (pt_map_huge(dst, w->addr, pfn, PTE_BITS(old) & ~lose_copy)) {
		put_huge_page(dst->frames, pfn);
		return -ENOMEM;
	}
	*w->pte = old & ~lose;
	w->pt->stale += pte_outdated(old, *w->pte);
	this_cpu(dst->counters)->entries_copied++;
	return 0;
}
