/*
 * pagetable - the page tables of one mm (see pagetable.h)
 *
 *   root ---> [ . . e . . ]            level 3 (4 with 5 levels): 512 entries
 *   (CR3)           |
 *                   +--> [ e . . . ]   level 2, 1: each entry leads to a table
 *                          |             and counts the entries in use there
 *                          +--> ... --> [ pte . pte pte ]   level 0, the leaves
 *                                          |
 *                                          +--> pfn << 12 | bits
 *
 *   Huge pages are entries of level 1, in place of a leaf table: pagetable_huge.c.  Those of
 *   pools (hugetlb.c) are entries of level 1 or 2 with HUGETLB, and one page frame each.
 *
 * Invariants
 *  1. An entry that leads to a table counts the entries in use there.
 *  2. No table is empty but the top one and leaf tables, which pt_free_tables() frees.
 *  3. pt->tables, pt->rss and pt->huge are the numbers of tables, of pages mapped
 *     and of huge pages; there are as many deposits as huge pages.  Those of pools are
 *     in pt->hugetlb alone.
 *  4. A leaf entry in use has either PRESENT or PROTNONE, or is SWAP or GUARD with page
 *     frame 0 and nothing else; EXCLUSIVE only with ANON.
 *  5. A mapped page has at least as many references as mappings, and one at
 *     least; if it is EXCLUSIVE, exactly one mapping.  Of a compound its first
 *     page has the counts.
 *  6. pt->last is NULL, or is the level-1 entry for pt->last_addr.
 *
 * Locks, where it is shared
 *  1. A region's lock covers, for the addresses that fall to it, the leaf tables, and the
 *     level-1 entries that lead to them: whether there is a table and what it counts.
 *  2. upper covers all entries of higher levels, whether there is a table at all, and
 *     pt->tables.  Who wants both takes upper last.
 *  3. So who has a region's lock finds a leaf table without another lock, on a way that
 *     does not change, for it has something in use at each level.  Who finds none might stand in
 *     a table that has been taken out meanwhile: such a table is empty, and is freed
 *     only after a grace period.  With upper it looks again.
 *  4. Entries that lead to tables are read and written as atomics for that.
 *
 * An operation either needs no memory or gets it all before it changes
 * anything, pt_copy excepted.  The tree is Linux's (mm/memory.c, mm/mprotect.c,
 * mm/mremap.c, mm/huge_memory.c).  As there, an empty leaf table stays until the
 * VMAs around it are gone (free_pgtables): where it stands no huge page can be
 * mapped.  Linux counts no entries; here a higher table goes as soon as it is empty.
 */
#include "mm/pagetable_internal.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"

size_t pt_rss(const struct pagetable *pt)
{
	size_t rss = pt->rss;

	for (unsigned i = 0; pt->regions && i < PT_REGIONS; i++)
		rss += (size_t)pt->regions[i].rss;
	return rss;
}

int pt_share(struct pagetable *pt)
{
	pt->regions =
		arena_alloc(pt->arena, PT_REGIONS * sizeof(*pt->regions), sizeof(*pt->regions));
	if (!pt->regions)
		return -ENOMEM;
	memset(pt->regions, 0, PT_REGIONS * sizeof(*pt->regions));
	pt->last = NULL;
	return 0;
}

void pt_barrier(struct pagetable *pt, unsigned long lo, unsigned long hi)
{
	unsigned long n = lo < hi ? (hi - 1) / PMD_SIZE - lo / PMD_SIZE + 1 : 0;

	for (n = min(n, (unsigned long)PT_REGIONS); n; n--, lo += PMD_SIZE) {
		pt_lock(pt, lo);
		pt_unlock(pt, lo);
	}
}

static void pt_lock_all(struct pagetable *pt)
{
	for (unsigned long i = 0; i < PT_REGIONS; i++)
		pt_lock(pt, i * PMD_SIZE);
}

static void pt_unlock_all(struct pagetable *pt)
{
	for (unsigned long i = 0; i < PT_REGIONS; i++)
		pt_unlock(pt, i * PMD_SIZE);
}

static inline void upper_lock(struct pagetable *pt)
{
	if (unlikely(pt->regions))
		spin_lock(&pt->upper);
}

static inline void upper_unlock(struct pagetable *pt)
{
	if (unlikely(pt->regions))
		spin_unlock(&pt->upper);
}

/* ---- tables and the way to them ---- */

uint64_t *pt_table_alloc(struct pagetable *pt, unsigned level)
{
	uint64_t *table = arena_alloc(pt->arena, TABLE_SIZE, PAGE_SIZE);

	if (!table)
		return NULL;
	assert(!((uintptr_t)table & ~PTE_ADDRESS));
	memset(table, 0, TABLE_SIZE);
	pt->tables++;
	this_cpu(pt->counters)->tables_allocated[level]++;
	return table;
}

void pt_table_free(struct pagetable *pt, uint64_t *table, unsigned level)
{
	if (level == 1)
		pt->last = NULL;
	pt->tables--;
	this_cpu(pt->counters)->tables_freed[level]++;
	if (pt->regions && level) { /* the link is not PRESENT: the table stays empty */
		pt_store(table, (uintptr_t)pt->retired);
		pt->retired = table;
		return;
	}
	arena_free(pt->arena, table, TABLE_SIZE, PAGE_SIZE);
}

void pt_free_retired(struct pagetable *pt)
{
	while (pt->retired) {
		uint64_t *table = pt->retired;

		pt->retired = (uint64_t *)(uintptr_t)*table;
		arena_free(pt->arena, table, TABLE_SIZE, PAGE_SIZE);
	}
}

/* Frees the deepest table if it is empty, then the one above if that made it empty, ... */
static void pt_prune_upper(struct pagetable *pt, struct path *path)
{
	while (path->level < pt->levels - 1 && !pt_count(pt_load(path->up[path->level]))) {
		uint64_t *entry = path->up[path->level];
		uint64_t *table = pt_table(pt_load(entry));

		pt_store(entry, 0);
		pt_table_free(pt, table, path->level);
		pt_add_count(path->up[++path->level], -1);
	}
}

static void pt_prune(struct pagetable *pt, struct path *path)
{
	if (path->level == pt->levels - 1 || pt_count(pt_load(path->up[path->level])))
		return;
	upper_lock(pt);
	pt_prune_upper(pt, path);
	upper_unlock(pt);
}

/* Makes the tables that are missing between where path ends and level. */
static int pt_make_tables(struct pagetable *pt, unsigned long addr, unsigned level,
			  struct path *path)
{
	while (path->level > level) {
		uint64_t *entry = path_entry(path, addr, path->level);
		uint64_t *table = pt_table_alloc(pt, path->level - 1);

		if (!table) {
			pt_prune_upper(pt, path);
			return -ENOMEM;
		}
		pt_store(entry, (uintptr_t)table | TABLE_BITS);
		pt_add_count(path->up[path->level], 1);
		path->up[--path->level] = entry;
	}
	return 0;
}

int pt_descend_make(struct pagetable *pt, unsigned long addr, unsigned level, struct path *path)
{
	int err;

	pt_descend(pt, addr, path);
	if (path->level <= level)
		return 0;
	upper_lock(pt);
	if (pt->regions)
		pt_descend(pt, addr, path);
	err = pt_make_tables(pt, addr, level, path);
	upper_unlock(pt);
	return err;
}

/* ---- the range walker ---- */

static struct walk walk_start(const struct pagetable *pt, unsigned long lo, unsigned long hi)
{
	assert(lo <= hi && hi <= pt_end(pt) && !((lo | hi) & (PAGE_SIZE - 1)));
	return (struct walk){ .pt = (struct pagetable *)pt, .next = lo, .hi = hi };
}

/* The same for who changes what is there. */
static struct walk walk_start_locked(struct pagetable *pt, unsigned long lo, unsigned long hi)
{
	struct walk w = walk_start(pt, lo, hi);

	w.lock = pt->regions;
	return w;
}

static inline void walk_lock(struct walk *w)
{
	if (w->lock) {
		w->locked_addr = w->next;
		w->locked = true;
		pt_lock(w->pt, w->next);
	}
}

static inline void walk_unlock(struct walk *w)
{
	if (w->locked)
		pt_unlock(w->pt, w->locked_addr);
	w->locked = false;
}

/* Goes on past the missing table at w->next to the next entry in use of the table above. */
static void walk_skip(struct walk *w)
{
	unsigned level = w->path.level;
	const uint64_t *table = pt_table(pt_load(w->path.up[level]));

	do {
		w->next = (w->next | (pt_span(level) - 1)) + 1;
	} while (w->next < w->hi && pt_slot(w->next, level) &&
		 !pt_load(&table[pt_slot(w->next, level)]));
}

/* Stands on the huge page at w->next, if there is one. */
static bool walk_at_huge(struct walk *w)
{
	unsigned level = w->path.level;

	w->pte = path_entry(&w->path, w->next, level);
	if (!(pt_load(w->pte) & PTE_HUGE))
		return false;
	w->n = 1;
	w->next = min((w->next | (pt_span(level) - 1)) + 1, w->hi);
	w->seen++;
	return true;
}

/* The next leaf table or huge page; it descends anew, so the caller may free the one it is at. */
static bool walk_next(struct walk *w)
{
	walk_unlock(w);
	while (w->next < w->hi) {
		walk_lock(w);
		pt_descend(w->pt, w->next, &w->path);
		w->addr = w->next;
		if (w->path.level) {
			walk_unlock(w);
			if (walk_at_huge(w))
				return true;
			walk_skip(w);
			continue;
		}
		w->pte = path_entry(&w->path, w->addr, 0);
		w->n = min((unsigned long)PT_ENTRIES - pt_slot(w->addr, 0),
			   (w->hi - w->addr) >> PAGE_SHIFT);
		w->next += (unsigned long)w->n << PAGE_SHIFT;
		w->seen += w->n;
		return true;
	}
	return false;
}

/* Narrows what walk_next() found to its first entry in use; false if there is none. */
static bool walk_entry(struct walk *w)
{
	if (walk_huge(w))
		return true;
	for (unsigned i = 0; i < w->n; i++) {
		if (!w->pte[i])
			continue;
		w->seen -= w->n - (i + 1);
		w->pte += i;
		w->n = 1;
		w->addr += (unsigned long)i << PAGE_SHIFT;
		w->next = w->addr + PAGE_SIZE;
		return true;
	}
	return false;
}

/* ---- birth and death ---- */

int pt_init(struct pagetable *pt, unsigned levels, struct arena *arena, struct frames *frames,
	    struct pt_counters *counters)
{
	assert(levels == 4 || levels == PT_LEVELS_MAX);
	*pt = (struct pagetable){
		.levels = levels,
		.arena = arena,
		.frames = frames,
		.counters = counters,
	};
	uint64_t *table = pt_table_alloc(pt, levels - 1);
	if (!table)
		return -ENOMEM;
	pt->root = (uintptr_t)table | TABLE_BITS;
	return 0;
}

void pt_destroy(struct pagetable *pt)
{
	pt_zap(pt, 0, pt_end(pt));
	pt_free_tables(pt, 0, pt_end(pt), 0, pt_end(pt));
	pt_table_free(pt, pt_table(pt->root), pt->levels - 1);
	pt->root = 0;
	pt_free_retired(pt);
	if (pt->regions)
		arena_free(pt->arena, pt->regions, PT_REGIONS * sizeof(*pt->regions),
			   sizeof(*pt->regions));
}

/* ---- one page ---- */

/* The entry that leads to the leaf table of addr, if that is the one used last; or NULL. */
static inline uint64_t *pt_last(const struct pagetable *pt, unsigned long addr)
{
	bool same = pt->last && (addr ^ pt->last_addr) < PMD_SIZE;

	return same && *pt->last && !(*pt->last & PTE_HUGE) ? pt->last : NULL;
}

static inline void pt_set_last(struct pagetable *pt, unsigned long addr, uint64_t *up)
{
	if (likely(!pt->regions)) {
		pt->last = up;
		pt->last_addr = addr;
	}
}

/* The leaf entry of addr, a huge page's too; or NULL where there is no table for it. */
static inline uint64_t *pt_find(const struct pagetable *pt, unsigned long addr)
{
	const uint64_t *up = pt_last(pt, addr);
	struct path path;

	if (up)
		return pt_table(pt_load(up)) + pt_slot(addr, 0);
	pt_descend((struct pagetable *)pt, addr, &path);
	if (path.level) {
		uint64_t *entry = path_entry(&path, addr, path.level);

		return pt_load(entry) & PTE_HUGE ? entry : NULL;
	}
	pt_set_last((struct pagetable *)pt, addr, path.up[0]);
	return path_entry(&path, addr, 0);
}

/* One entry more, or fewer, leads to what it leads to. */
static inline void entry_get(struct pagetable *pt, uint64_t entry)
{
	if (unlikely(entry & PTE_SWAP)) {
		get_page(pt->swap, PTE_PFN(entry));
		return;
	}
	get_page(pt->frames, PTE_PFN(entry));
	page_map(pt->frames, PTE_PFN(entry));
}

static inline void entry_put(struct pagetable *pt, uint64_t entry)
{
	if (unlikely(entry & PTE_SWAP))
		put_page(pt->swap, PTE_PFN(entry));
	else
		page_unmap(pt->frames, PTE_PFN(entry));
}

uint64_t pt_get(const struct pagetable *pt, unsigned long addr)
{
	const uint64_t *pte = pt_find(pt, addr);

	if (!pte)
		return 0;
	return *pte & PTE_HUGE ? pte_of_huge(*pte, addr) : *pte;
}

int pt_map(struct pagetable *pt, unsigned long addr, pfn_t pfn, uint64_t bits)
{
	uint64_t *up = pt_last(pt, addr), *pte;

	assert(pte_valid(bits));
	if (!up) {
		struct path path;

		if (pt_descend_make(pt, addr, 0, &path))
			return -ENOMEM;
		up = path.up[0];
		pt_set_last(pt, addr, up);
	}
	pte = pt_table(pt_load(up)) + pt_slot(addr, 0);
	assert(!*pte);
	*pte = pte_make(pfn, bits);
	pt_add_count(up, 1);
	pt_add_rss(pt, addr, 1);
	page_map(pt->frames, pfn);
	this_cpu(pt->counters)->entries_touched++;
	return 0;
}

int pt_map_hugetlb(struct pagetable *pt, unsigned long addr, unsigned level, pfn_t pfn,
		   uint64_t bits)
{
	struct path path;
	int err;

	assert(pte_valid(bits) && level && !(addr & (pt_span(level) - 1)));
	pt_free_tables(pt, addr, addr + pt_span(level), addr, addr + pt_span(level));
	upper_lock(pt);
	pt_descend(pt, addr, &path);
	err = pt_make_tables(pt, addr, level, &path);
	if (!err) {
		assert(path.level == level && !*path_entry(&path, addr, level));
		pt_store(path_entry(&path, addr, level),
			 pte_make(pfn, bits | PTE_HUGE | PTE_HUGETLB));
		pt_add_count(path.up[level], 1);
		pt->hugetlb += pt_span(level) >> PAGE_SHIFT;
	}
	upper_unlock(pt);
	if (err)
		return err;
	page_map(pt->frames, pfn);
	this_cpu(pt->counters)->entries_touched++;
	return 0;
}

pfn_t pt_unmap_hugetlb(struct pagetable *pt, unsigned long addr)
{
	struct path path;

	upper_lock(pt);
	pt_descend(pt, addr, &path);
	uint64_t *entry = path_entry(&path, addr, path.level);
	pfn_t pfn = PTE_PFN(*entry);
	assert(*entry & PTE_HUGETLB);
	pt_store(entry, 0);
	pt_add_count(path.up[path.level], -1);
	pt->hugetlb -= pt_span(path.level) >> PAGE_SHIFT;
	pt_prune_upper(pt, &path);
	upper_unlock(pt);
	page_add(pt->frames, &pfn_to_page(pt->frames, pfn)->_mapcount, -1);
	this_cpu(pt->counters)->entries_touched++;
	pt->stale++;
	return pfn;
}

static void pt_count_flush(struct pagetable *pt, size_t pages)
{
	this_cpu(pt->counters)->tlb_flushes++;
	this_cpu(pt->counters)->tlb_pages += pages;
}

void pt_update(struct pagetable *pt, unsigned long addr, uint64_t entry)
{
	uint64_t *pte = pt_find(pt, addr), old;

	assert(pte && *pte && pte_valid(entry));
	old = *pte;
	if ((old & PTE_HUGE) && !(old & PTE_HUGETLB))
		entry = pte_make(PTE_PFN(old), PTE_BITS(entry));
	*pte = entry;
	this_cpu(pt->counters)->entries_touched++;
	if (pte_outdated(old, entry))
		pt_count_flush(pt, 1);
	if (!((old ^ entry) & (PTE_ADDRESS | PTE_SWAP)))
		return;
	if (!(entry & PTE_SWAP))
		page_map(pt->frames, PTE_PFN(entry));
	entry_put(pt, old);
}

/* ---- ranges ---- */

/* Huge pages are in [lo, hi) or outside, none reaches across an end. */
static void pt_cut_ends(struct pagetable *pt, unsigned long lo, unsigned long hi)
{
	pt_cut(pt, lo);
	if (hi < pt_end(pt))
		pt_cut(pt, hi);
}

void pt_flush(struct pagetable *pt)
{
	if (!pt->stale)
		return;
	pt_count_flush(pt, pt->stale);
	pt->stale = 0;
}

static inline unsigned pte_kind(uint64_t entry)
{
	return entry & PTE_GUARD ? PT_GUARDS : entry & PTE_ANON ? PT_ANON : PT_FILE;
}

void pt_zap_kinds(struct pagetable *pt, unsigned long lo, unsigned long hi, unsigned kinds)
{
	struct walk w = walk_start_locked(pt, lo, hi);

	pt_cut_ends(pt, lo, hi);
	while (walk_next(&w)) {
		if (walk_huge(&w)) {
			if (pte_kind(*w.pte) & kinds)
				pt_zap_huge(&w);
			pt_prune(pt, &w.path);
			continue;
		}
		int gone = 0, there = (int)pt_count(pt_load(w.path.up[0]));
		for (unsigned i = 0; i < w.n && gone < there; i++) {
			if (!w.pte[i] || !(pte_kind(w.pte[i]) & kinds))
				continue;
			entry_put(pt, w.pte[i]);
			w.pte[i] = 0;
			gone++;
		}
		pt_add_count(w.path.up[0], -gone);
		pt_add_rss(pt, w.addr, -gone);
		pt->stale += (size_t)gone;
	}
	this_cpu(pt->counters)->entries_touched += w.seen;
	pt_flush(pt);
}

void pt_zap(struct pagetable *pt, unsigned long lo, unsigned long hi)
{
	pt_zap_kinds(pt, lo, hi, PT_GUARDS | PT_PAGES);
}

/* Frees the empty ones of the leaf tables at a walk. */
static void free_empty_tables(struct walk w)
{
	while (walk_next(&w)) {
		if (!walk_huge(&w))
			pt_prune(w.pt, &w.path);
	}
}

static unsigned long pmd_down(unsigned long addr)
{
	return addr & ~(PMD_SIZE - 1);
}

void pt_free_tables(struct pagetable *pt, unsigned long lo, unsigned long hi, unsigned long floor,
		    unsigned long ceiling)
{
	unsigned long first = max(pmd_down(lo), pmd_down(floor + PMD_SIZE - 1));
	unsigned long last = min(pmd_down(hi + PMD_SIZE - 1), pmd_down(ceiling));

	if (first < last)
		free_empty_tables(walk_start_locked(pt, first, last));
}

void pt_protect(struct pagetable *pt, unsigned long lo, unsigned long hi, uint64_t prot,
		uint64_t write_if)
{
	struct walk w = walk_start_locked(pt, lo, hi);

	assert(pte_valid(prot) && !(prot & ~PTE_PROT));
	pt_cut_ends(pt, lo, hi);
	while (walk_next(&w)) {
		for (unsigned i = 0; i < w.n; i++) {
			uint64_t old = w.pte[i], new = (old & ~PTE_PROT) | prot;

			if (!old || (old & (PTE_GUARD | PTE_SWAP)))
				continue;
			if (!(old & write_if) || (old & PTE_UFFD_WP))
				new &= ~PTE_WRITE;
			w.pte[i] = new;
			pt->stale += pte_outdated(old, new);
		}
	}
	this_cpu(pt->counters)->entries_touched += w.seen;
	pt_flush(pt);
}

/* Copies what one leaf table of src has in the range, and the table if that is nothing. */
static int pt_copy_leaf(struct pagetable *dst, struct walk *w, bool cow)
{
	uint64_t lose = PTE_EXCLUSIVE | (cow ? PTE_WRITE : 0);
	uint64_t lose_copy = lose | PTE_ACCESSED | PTE_UFFD_WP | (cow ? 0 : PTE_DIRTY);
	struct pagetable *src = w->pt;
	struct path path;

	if (walk_huge(w))
		return pt_copy_huge(dst, w, lose, lose_copy);
	if (pt_descend_make(dst, w->addr, 0, &path))
		return -ENOMEM;
	uint64_t *to = path_entry(&path, w->addr, 0);
	for (unsigned i = 0; i < w->n; i++) {
		uint64_t old = w->pte[i];

		if (!old)
			continue;
		assert(!to[i]);
		w->pte[i] = old & ~lose;
		src->stale += pte_outdated(old, w->pte[i]);
		to[i] = old & ~lose_copy;
		pt_add_count(path.up[0], 1);
		pt_add_rss(dst, w->addr, 1);
		entry_get(dst, old);
		this_cpu(dst->counters)->entries_copied++;
	}
	return 0;
}

int pt_copy(struct pagetable *dst, struct pagetable *src, unsigned long lo, unsigned long hi,
	    bool cow)
{
	struct walk w = walk_start_locked(src, lo, hi);
	uint64_t copied = this_cpu(dst->counters)->entries_copied;
	int err = 0;

	assert(dst->frames == src->frames && dst->levels == src->levels);
	pt_cut_ends(src, lo, hi);
	while (!err && walk_next(&w))
		err = pt_copy_leaf(dst, &w, cow);
	walk_unlock(&w);
	copied = this_cpu(dst->counters)->entries_copied - copied;
	this_cpu(dst->counters)->entries_touched += w.seen + copied;
	return err;
}

/* ---- moving ---- */

/*
 * What moves, piece by piece: a leaf entry (level 0) or a leaf table with all
 * in it (level 1: that of the entry which leads to it), or a huge page (level 1).
 */
struct move {
	struct walk walk;
	unsigned long delta; /* new - old, modulo 2^64 */
	unsigned level;
	uint64_t *from;
	unsigned long to; /* the piece's new address */
};

static struct move move_start(struct pagetable *pt, unsigned long old, unsigned long new,
			      unsigned long len)
{
	return (struct move){ .walk = walk_start(pt, old, old + len), .delta = new - old };
}

static bool move_next(struct move *m)
{
	struct walk *w = &m->walk;

	while (walk_next(w)) {
		m->to = w->addr + m->delta;
		if (walk_huge(w)) {
			m->level = 1;
			m->from = w->pte;
			return true;
		}
		if (w->n == PT_ENTRIES && !(m->to & (PMD_SIZE - 1))) {
			w->seen -= w->n;
			m->level = 1;
			m->from = w->path.up[0];
			return true;
		}
		if (walk_entry(w)) {
			m->to = w->addr + m->delta;
			m->level = 0;
			m->from = w->pte;
			return true;
		}
	}
	return false;
}

/*
 * A leaf table that does not move whole is to be where its part of the range comes to, used or not.
 */
static int pt_move_tables(struct pagetable *pt, unsigned long old, unsigned long new,
			  unsigned long len)
{
	struct walk w = walk_start(pt, old, old + len);
	struct path path;

	while (walk_next(&w)) {
		unsigned long first = w.addr + (new - old);
		unsigned long last = first + ((unsigned long)(w.n - 1) << PAGE_SHIFT);

		if (walk_huge(&w) || (w.n == PT_ENTRIES && !(first & (PMD_SIZE - 1))))
			continue;
		if (pt_descend_make(pt, first, 0, &path) || pt_descend_make(pt, last, 0, &path))
			return -ENOMEM;
	}
	return 0;
}

/*
 * Makes the tables that the move needs, and counts there each piece that will
 * come, so that no table that waits for its first piece looks empty.
 */
static int pt_move_reserve(struct pagetable *pt, unsigned long old, unsigned long new,
			   unsigned long len)
{
	struct move m = move_start(pt, old, new, len);
	struct path path;

	if (pt_move_tables(pt, old, new, len)) {
		free_empty_tables(walk_start(pt, new, new + len));
		return -ENOMEM;
	}
	while (move_next(&m)) {
		if (pt_descend_make(pt, m.to, m.level, &path))
			goto unreserve;
		assert(path.level == m.level && !*path_entry(&path, m.to, m.level));
		pt_add_count(path.up[m.level], 1);
	}
	return 0;

unreserve:
	len = m.walk.addr - old;
	for (m = move_start(pt, old, new, len); move_next(&m);) {
		pt_descend(pt, m.to, &path);
		pt_add_count(path.up[m.level], -1);
		pt_prune(pt, &path);
	}
	free_empty_tables(walk_start(pt, new, m.walk.hi + (new - old)));
	return -ENOMEM;
}

/* Before a move: huge pages that do not move as such are split. */
static void pt_move_cut(struct pagetable *pt, unsigned long old, unsigned long new,
			unsigned long len)
{
	unsigned long first = old & ~(PMD_SIZE - 1);

	pt_cut_ends(pt, old, old + len);
	if (!((old ^ new) & (PMD_SIZE - 1)))
		return;
	for (unsigned long addr = first; pt->huge && addr < old + len; addr += PMD_SIZE)
		pt_split_huge(pt, addr);
}

static int pt_move_locked(struct pagetable *pt, unsigned long old, unsigned long new,
			  unsigned long len)
{
	uint64_t moved = 0;
	struct move m;

	assert(old + len <= new || new + len <= old);
	assert(new + len <= pt_end(pt) && !(new &(PAGE_SIZE - 1)));
	pt_move_cut(pt, old, new, len);
	free_empty_tables(walk_start(pt, new, new + len));
	if (pt_move_reserve(pt, old, new, len))
		return -ENOMEM;
	for (m = move_start(pt, old, new, len); move_next(&m);) {
		struct path *source = &m.walk.path, path;

		pt_descend(pt, m.to, &path);
		pt_store(path_entry(&path, m.to, m.level), *m.from);
		bool table = m.level && !(*m.from & PTE_HUGE);
		pt->stale += table ? pt_count(*m.from) : 1;
		this_cpu(pt->counters)->tables_moved += table;
		moved += !table;
		pt_store(m.from, 0);
		pt_add_count(source->up[m.level], -1);
		source->level = m.level;
		if (m.level)
			pt_prune(pt, source);
	}
	this_cpu(pt->counters)->entries_moved += moved;
	this_cpu(pt->counters)->entries_touched += m.walk.seen + moved;
	pt_flush(pt);
	return 0;
}

/* Two leaf tables change at a time, and the way to them: all others wait. */
int pt_move(struct pagetable *pt, unsigned long old, unsigned long new, unsigned long len)
{
	pt_lock_all(pt);
	int err = pt_move_locked(pt, old, new, len);
	pt_unlock_all(pt);
	return err;
}

/* ---- reports and oracles ---- */

bool pt_has_table(const struct pagetable *pt, unsigned long addr)
{
	struct path path;

	pt_descend((struct pagetable *)pt, addr, &path);
	return !path.level;
}

size_t pt_populated(const struct pagetable *pt, unsigned long lo, unsigned long hi)
{
	struct walk w = walk_start(pt, lo, hi);
	size_t populated = 0;

	while (walk_next(&w)) {
		if (walk_huge(&w)) {
			populated += (w.next - w.addr) >> PAGE_SHIFT;
			continue;
		}
		if (w.n == PT_ENTRIES) {
			populated += pt_count(*w.path.up[0]);
			continue;
		}
		for (unsigned i = 0; i < w.n; i++)
			populated += w.pte[i] != 0;
	}
	return populated;
}

/* The next entry in use from *addr on in the leaf table used last; or NULL, and *addr is behind. */
static const uint64_t *next_in_last(const struct pagetable *pt, unsigned long *addr,
				    unsigned long hi)
{
	const uint64_t *up = *addr < hi ? pt_last(pt, *addr) : NULL;

	if (!up)
		return NULL;
	for (const uint64_t *pte = pt_table(*up) + pt_slot(*addr, 0);; pte++) {
		if (*pte)
			return pte;
		*addr += PAGE_SIZE;
		if (*addr >= hi || !pt_slot(*addr, 0))
			return NULL;
	}
}

bool pt_next(const struct pagetable *pt, unsigned long *addr, unsigned long hi, uint64_t *entry)
{
	unsigned long next = min(PAGE_ALIGN(*addr), hi);
	const uint64_t *pte = next_in_last(pt, &next, hi);

	if (pte) {
		*addr = next;
		*entry = *pte;
		return true;
	}
	struct walk w = walk_start(pt, next, hi);
	while (walk_next(&w)) {
		if (!walk_entry(&w))
			continue;
		if (walk_huge(&w) && (*w.pte & PTE_HUGETLB) &&
		    (w.addr & (pt_span(w.path.level) - 1)))
			continue;
		if (!walk_huge(&w))
			pt_set_last((struct pagetable *)pt, w.addr, w.path.up[0]);
		*addr = w.addr;
		*entry = walk_huge(&w) ? pte_of_huge(*w.pte, w.addr) : *w.pte;
		return true;
	}
	return false;
}

uint64_t pt_content(const struct pagetable *pt, uint64_t entry)
{
	return pfn_to_page(entry & PTE_SWAP ? pt->swap : pt->frames, PTE_PFN(entry))->content;
}

uint64_t pt_hash(const struct pagetable *pt, uint64_t hash)
{
	unsigned long addr = 0;
	uint64_t entry;

	for (; pt_next(pt, &addr, pt_end(pt), &entry); addr += PAGE_SIZE) {
		hash = hash_add(hash, addr);
		hash = hash_add(hash, PTE_BITS(entry));
		hash = hash_add(hash, pt_content(pt, entry));
	}
	return hash;
}
