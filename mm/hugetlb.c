/*
 * hugetlb - huge pages that were set aside in pools (see hugetlb.h)
 *
 *	pool (hstate)   pages = free + in use, of free: reserved
 *	                          mmap: a promise for each page  ──> reserved
 *	                          fault: a page is taken         ──> free, and reserved if promised
 *	                          the last mapping or file goes  ──> back to free
 *
 *	who was promised what is kept in maps of page numbers:
 *	shared (VM_MAYSHARE)    the inode's:  in it: promised once, perhaps there by now
 *	private, by who mapped  vm_private_data: in it: the promise was used up.  It is shared with
 *	                        what was split off; a fork's child, or what mremap left, has none
 *
 *  1. reserved <= free <= pages, surplus <= pages, as long as nobody else changes the pool.
 *  2. VMAs have VM_HUGETLB and VM_DONTEXPAND, so that none ever merges or grows; bounds and
 *     cuts are multiples of the page size.
 *  3. A page is one page frame and one entry of a page table (PTE_HUGETLB).
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/hugetlb.c and fs/hugetlbfs/inode.c.  It differs in
 * that there are no nodes, limits of cgroups or of mounts, and page tables are not shared; a file
 * that MAP_FIXED replaced gives its pages back before the new mapping is prefaulted; and a page
 * that a child maps too is promised to its owner again by the last of them, as in newer kernels.
 */
#include "mm/hugetlb.h"

#include <errno.h>

#include "mm/internal.h"
#include "mm/mman.h"

static void pools_lock(struct machine *machine)
{
	machine_lock(machine, &machine->hugetlb_lock);
}

static void pools_unlock(struct machine *machine)
{
	machine_unlock(machine, &machine->hugetlb_lock);
}

/* ---- sizes ---- */

bool hugetlb_size_modelled(unsigned shift)
{
	return shift == PAGE_SHIFT + PT_SHIFT || shift == PAGE_SHIFT + 2 * PT_SHIFT;
}

static unsigned huge_page_level(const struct hstate *h)
{
	return (h->shift - PAGE_SHIFT) / PT_SHIFT;
}

static unsigned long huge_page_mask(const struct hstate *h)
{
	return ~(huge_page_size(h) - 1);
}

/* Pages of 4 kB in one: a power of two, of this order. */
static unsigned huge_page_order(const struct hstate *h)
{
	return h->shift - PAGE_SHIFT;
}

/* Only pages that the page allocator has can be surplus. */
static bool hstate_is_gigantic(const struct hstate *h)
{
	return h->shift > PAGE_SHIFT + PT_SHIFT;
}

struct hstate *hstate_sizelog(struct machine *machine, unsigned log)
{
	for (unsigned i = 0; i < HUGETLB_POOLS && machine->hstate[i].shift; i++) {
		if (!log || machine->hstate[i].shift == log)
			return &machine->hstate[i];
	}
	return NULL;
}

struct hstate *hstate_file(const struct file *file)
{
	return file ? file->inode->hstate : NULL;
}

struct hstate *hstate_vma(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_HUGETLB ? hstate_file(vma->vm_file) : NULL;
}

unsigned long vma_kernel_pagesize(const struct vm_area_struct *vma)
{
	const struct hstate *h = hstate_vma(vma);

	return h ? huge_page_size(h) : PAGE_SIZE;
}

/* ---- the pool's counts ---- */

/* So many surplus pages more: there may be, and the machine has the memory. */
static bool may_make_surplus(const struct machine *machine, const struct hstate *h,
			     unsigned long pages)
{
	unsigned long ram = machine->config.ram >> huge_page_order(h);

	if (hstate_is_gigantic(h) || pages > h->overcommit || h->surplus > h->overcommit - pages)
		return false;
	return !ram || h->pages + pages <= ram;
}

static int promise(const struct machine *machine, struct hstate *h, unsigned long pages)
{
	unsigned long available = h->free > h->reserved ? h->free - h->reserved : 0;

	if (pages > available) {
		unsigned long more = pages - available;

		if (!may_make_surplus(machine, h, more))
			return -ENOMEM;
		h->pages += more;
		h->surplus += more;
		h->free += more;
	}
	h->reserved += pages;
	return 0;
}

/* Promises that nobody will use: surplus pages that were made for them go. */
static void unpromise(struct hstate *h, unsigned long pages)
{
	unsigned long gone = min(min(pages, h->surplus), h->free);

	h->reserved -= min(pages, h->reserved);
	h->surplus -= gone;
	h->pages -= gone;
	h->free -= gone;
}

/* Nobody has these pages any more: surplus ones go. */
static void free_pages_of(struct hstate *h, unsigned long pages)
{
	unsigned long gone = min(pages, h->surplus);

	h->surplus -= gone;
	h->pages -= gone;
	h->free += pages - gone;
}

/* A reference less; the last one's page goes back; restore: promised again to who had it. */
static void put_huge(struct machine *machine, struct hstate *h, pfn_t pfn, bool restore)
{
	if (page_count(pfn_to_page(machine->frames, pfn)) == 1) {
		free_pages_of(h, 1);
		h->reserved += restore;
	}
	put_page(machine->frames, pfn);
}

/* ---- who was promised what ---- */

/* In place of a private mapping's map: a page was taken from it, for who was promised it. */
static struct resv_map robbed;

static bool is_robbed(const struct vm_area_struct *vma)
{
	return vma->vm_private_data == &robbed;
}

/* The map of who mapped it privately, and only of that; or NULL. */
static struct resv_map *owned_map(const struct vm_area_struct *vma)
{
	bool none = (vma->vm_flags & VM_MAYSHARE) || is_robbed(vma);

	return none ? NULL : vma->vm_private_data;
}

static struct resv_map *map_of(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYSHARE ? &vma->vm_file->inode->resv : owned_map(vma);
}

static unsigned long index_of(const struct vm_area_struct *vma, unsigned long addr)
{
	return linear_page_index(vma, addr) >> huge_page_order(hstate_vma(vma));
}

/* Is the page promised to vma and not there yet? */
static bool is_promised(const struct vm_area_struct *vma, unsigned long idx)
{
	const struct resv_map *map = map_of(vma);

	if (!map)
		return false;
	return resv_map_count(map, idx, idx + 1) == !!(vma->vm_flags & VM_MAYSHARE);
}

static struct resv_map *map_create(struct machine *machine)
{
	struct resv_map *map = arena_alloc(machine->arena, sizeof(*map), 0);

	if (map)
		*map = (struct resv_map){ .refs = 1 };
	return map;
}

static void map_put(struct machine *machine, struct resv_map *map)
{
	if (--map->refs)
		return;
	resv_map_clear(machine->arena, map);
	arena_free(machine->arena, map, sizeof(*map), 0);
}

/* The pages [from, to) of a file: all that were not promised before are now. */
static int reserve_shared(struct machine *machine, struct inode *inode, unsigned long from,
			  unsigned long to)
{
	struct hstate *h = inode->hstate;
	unsigned long more = to - from - resv_map_count(&inode->resv, from, to);
	int err = promise(machine, h, more);

	if (!err && resv_map_add(machine->arena, &inode->resv, from, to) < 0) {
		unpromise(h, more);
		err = -ENOMEM;
	}
	return err;
}

static int reserve_private(struct vm_area_struct *vma, unsigned long pages)
{
	struct machine *machine = vma->vm_mm->machine;
	struct resv_map *map = map_create(machine);

	if (!map)
		return -ENOMEM;
	if (promise(machine, hstate_vma(vma), pages)) {
		map_put(machine, map);
		return -ENOMEM;
	}
	vma->vm_private_data = map;
	return 0;
}

/* Of [lo, hi) in vma: what was promised privately and has not been used. */
static void unreserve(struct vm_area_struct *vma, unsigned long lo, unsigned long hi)
{
	const struct resv_map *map = owned_map(vma);
	unsigned long from, to;

	if (!map)
		return;
	from = index_of(vma, lo);
	to = index_of(vma, hi);
	unpromise(hstate_vma(vma), to - from - resv_map_count(map, from, to));
}

/* ---- files ---- */

void hugetlb_init_inode(struct inode *inode, struct hstate *h)
{
	inode->hstate = h;
	if (inode->pages == NO_END)
		inode->pages = 0;
}

struct file *hugetlb_file_setup(struct machine *machine, struct hstate *h, unsigned long size)
{
	uint64_t number = (this_cpu(machine)->anon_inodes + 1) | 1UL << 63;
	struct inode *inode =
		inode_create(machine, number, FILE_HUGETLB, "/anon_hugepage (deleted)");
	struct file *file;

	if (!inode)
		return NULL;
	hugetlb_init_inode(inode, h);
	inode->pages = size >> PAGE_SHIFT;
	file = file_open(machine, inode, 0, true, true);
	inode_put(machine, inode);
	return file;
}

int hugetlb_promise(struct machine *machine, struct hstate *h, unsigned long pages)
{
	pools_lock(machine);
	int err = promise(machine, h, pages);
	pools_unlock(machine);
	return err;
}

void hugetlb_init_segment(struct machine *machine, struct inode *inode, struct hstate *h,
			  unsigned long pages)
{
	hugetlb_init_inode(inode, h);
	inode->reserved = true;
	inode->pages = pages << huge_page_order(h);
	/* without memory its faults want pages that nobody was promised */
	(void)!resv_map_add(machine->arena, &inode->resv, 0, pages);
}

unsigned long hugetlb_cached(const struct inode *inode)
{
	return max(inode->cache.pages, inode->present);
}

int hugetlb_present(struct machine *machine, struct inode *inode, unsigned long pages)
{
	inode->present = pages;
	return resv_map_add(machine->arena, &inode->resv, 0, pages) < 0 ? -ENOMEM : 0;
}

/* What goes from a file's page cache. */
struct leaving {
	struct machine *machine;
	struct inode *inode;
	bool hole; /* what is promised of other pages stays promised */
	unsigned long pages;
};

static void leave_cache(void *arg, pfn_t pfn)
{
	struct leaving *l = arg;
	const struct page *page = pfn_to_page(l->machine->frames, pfn);
	unsigned long idx = page->index >> huge_page_order(l->inode->hstate);

	l->pages += idx >= l->inode->present; /* those present are counted afterwards, */
	if (idx < l->inode->present) {        /* and go back to the pool then */
		put_page(l->machine->frames, pfn);
		return;
	}
	if (l->hole) /* without memory it stays: promised, but not there */
		(void)!resv_map_del(l->machine->arena, &l->inode->resv, idx, idx + 1);
	put_huge(l->machine, l->inode->hstate, pfn, false);
}

/* The huge pages [from, to) of a file, of which nobody has one mapped, go: how many there were. */
static unsigned long drop_cached(struct machine *machine, struct inode *inode, unsigned long from,
				 unsigned long to, bool hole)
{
	unsigned order = huge_page_order(inode->hstate);
	struct leaving leaving = { machine, inode, hole, 0 };

	page_cache_punch_by(&inode->cache, machine->frames, from << order,
			    to > ~0UL >> order ? ~0UL : (to << order) - 1, leave_cache, &leaving);
	if (inode->present > from) {
		free_pages_of(inode->hstate, inode->present - from);
		leaving.pages += inode->present - from;
		inode->present = from;
	}
	return leaving.pages;
}

/* The huge pages from that one on are gone from the file, and what was promised of them. */
static void cut_off(struct machine *machine, struct inode *inode, unsigned long from)
{
	unsigned long dropped = drop_cached(machine, inode, from, ~0UL, false);
	long promised = resv_map_del(machine->arena, &inode->resv, from, ~0UL);

	if (promised > 0 && (unsigned long)promised > dropped)
		unpromise(inode->hstate, (unsigned long)promised - dropped);
}

void hugetlb_evict_inode(struct machine *machine, struct inode *inode)
{
	pools_lock(machine);
	cut_off(machine, inode, 0);
	pools_unlock(machine);
}

/* ---- VMAs ---- */

int hugetlb_check_area(const struct hstate *h, unsigned long addr, unsigned long len,
		       unsigned long flags)
{
	unsigned long unaligned = len | (flags & MAP_FIXED ? addr : 0);

	return unaligned & ~huge_page_mask(h) ? -EINVAL : 0;
}

bool hugetlb_fits(const struct vm_area_struct *vma)
{
	const struct hstate *h = hstate_file(vma->vm_file);
	unsigned long bytes = vma->vm_start | vma->vm_end | vma->vm_pgoff << PAGE_SHIFT;

	return h && !(bytes & ~huge_page_mask(h));
}

static int reserve(struct vm_area_struct *vma)
{
	struct inode *inode = vma->vm_file->inode;
	unsigned order = huge_page_order(inode->hstate);

	if ((vma->vm_flags & VM_NORESERVE) || inode->reserved)
		return 0;
	if (vma->vm_flags & VM_MAYSHARE)
		return reserve_shared(vma->vm_mm->machine, inode, vma->vm_pgoff >> order,
				      (vma->vm_pgoff + vma_pages(vma)) >> order);
	return reserve_private(vma, vma_pages(vma) >> order);
}

/*
 * A mapping that was there before anybody looked has its flags, and its reservation is not known.
 */
int hugetlb_mmap(struct vm_area_struct *vma)
{
	struct machine *machine = vma->vm_mm->machine;
	struct inode *inode = vma->vm_file->inode;
	const struct hstate *h = inode->hstate;
	bool taken_over = vma->vm_flags & VM_HUGETLB;

	vma->vm_private_data = NULL;
	if (!h) /* not known which pages: an old layout may have it */
		return taken_over ? 0 : -ENODEV;
	vma->vm_flags |= VM_HUGETLB | VM_DONTEXPAND;
	machine->hugetlb_used = true;
	if (vma->vm_pgoff & ~(huge_page_mask(h) >> PAGE_SHIFT))
		return -EINVAL;
	if (taken_over)
		return 0;
	pools_lock(machine);
	int err = reserve(vma);
	pools_unlock(machine);
	if (!err && (vma->vm_flags & VM_WRITE))
		inode->pages = max(inode->pages, vma->vm_pgoff + vma_pages(vma));
	return err;
}

void hugetlb_open(struct vm_area_struct *vma)
{
	struct resv_map *map = owned_map(vma);

	if (map)
		map->refs++;
}

void hugetlb_close(struct vm_area_struct *vma)
{
	struct machine *machine = vma->vm_mm->machine;
	struct resv_map *map = owned_map(vma);

	if (!map)
		return;
	pools_lock(machine);
	unreserve(vma, vma->vm_start, vma->vm_end);
	pools_unlock(machine);
	map_put(machine, map);
	vma->vm_private_data = NULL;
}

int hugetlb_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	const struct hstate *h = hstate_file(vma->vm_file);

	return h && (addr & ~huge_page_mask(h)) ? -EINVAL : 0;
}

void hugetlb_dup_private(struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_MAYSHARE))
		vma->vm_private_data = NULL;
}

void hugetlb_clear_reservation(struct vm_area_struct *vma)
{
	struct resv_map *map = owned_map(vma);

	if (map)
		map_put(vma->vm_mm->machine, map);
	hugetlb_dup_private(vma);
}

void hugetlb_unmap_part(struct vm_area_struct *vma, unsigned long lo, unsigned long hi)
{
	struct machine *machine = vma->vm_mm->machine;

	hugetlb_zap(vma, lo, hi);
	pools_lock(machine);
	unreserve(vma, lo, hi);
	pools_unlock(machine);
}

/* ---- pages that come ---- */

/* Is there a page, for who was promised it or for anybody? */
static bool may_take(const struct machine *machine, const struct hstate *h, bool promised)
{
	return h->free > (promised ? 0 : h->reserved) || may_make_surplus(machine, h, 1);
}

static void take(struct hstate *h, bool promised)
{
	if (h->free > (promised ? 0 : h->reserved)) {
		h->free--;
	} else {
		h->pages++;
		h->surplus++;
	}
	h->reserved -= promised && h->reserved;
}

/* Among the pages that are known now, and one whose page is not promised any more. */
static int use_up(struct vm_area_struct *vma, unsigned long idx)
{
	struct resv_map *map = map_of(vma);

	if (map && resv_map_add(vma->vm_mm->machine->arena, map, idx, idx + 1) < 0)
		return -ENOMEM;
	return 0;
}

/*
 * A page for vma from the pool, for its own promise unless beyond: *pfn is 0 where a file's page
 * cache has to make it.  0, -ENXIO: the pool has none for it, or -ENOMEM.
 */
static int take_page(struct vm_area_struct *vma, unsigned long idx, bool beyond, uint64_t content,
		     pfn_t *pfn)
{
	struct machine *machine = vma->vm_mm->machine;
	struct hstate *h = hstate_vma(vma);
	bool promised = !beyond && is_promised(vma, idx);

	if (!may_take(machine, h, promised))
		return -ENXIO;
	*pfn = vma->vm_flags & VM_MAYSHARE
		       ? page_cache_get(&vma->vm_file->inode->cache, machine->frames,
					idx << huge_page_order(h))
		       : alloc_page(machine->frames, content);
	if (!*pfn)
		return -ENOMEM;
	if (use_up(vma, idx)) {
		if (vma->vm_flags & VM_MAYSHARE)
			page_cache_drop(&vma->vm_file->inode->cache, machine->frames,
					idx << huge_page_order(h));
		else
			put_page(machine->frames, *pfn);
		return -ENOMEM;
	}
	take(h, promised);
	return 0;
}

/*
 * The file's page there, if it is in memory, taken from the pool or present before; else *pfn is 0.
 */
static int find_cached(struct vm_area_struct *vma, unsigned long idx, pfn_t *pfn)
{
	struct inode *inode = vma->vm_file->inode;
	unsigned long pgoff = idx << huge_page_order(inode->hstate);

	*pfn = page_cache_peek(&inode->cache, pgoff);
	if (*pfn || idx >= inode->present)
		return 0;
	*pfn = page_cache_get(&inode->cache, vma->vm_mm->machine->frames, pgoff);
	return *pfn ? 0 : -ENOMEM;
}

/* A private page that goes with its last mapping is promised again to who was promised it. */
static bool restores_promise(struct vm_area_struct *vma, unsigned long addr, uint64_t bits,
			     pfn_t pfn)
{
	struct machine *machine = vma->vm_mm->machine;
	struct resv_map *map = owned_map(vma);
	unsigned long idx = index_of(vma, addr);

	if (!map || !(bits & PTE_ANON) || hstate_vma(vma)->surplus ||
	    pfn_to_page(machine->frames, pfn)->_mapcount)
		return false;
	return resv_map_del(machine->arena, map, idx, idx + 1) >= 0;
}

static uint64_t store_value(struct machine *machine)
{
	return mix64(++this_cpu(machine)->writes);
}

static void store(struct machine *machine, pfn_t pfn, unsigned flags)
{
	if ((flags & FAULT_FLAG_WRITE) && !(flags & FAULT_FLAG_FILL))
		page_set_content(pfn_to_page(machine->frames, pfn), store_value(machine));
}

/* ---- faults ---- */

static int no_page_left(struct machine *machine, unsigned flags)
{
	if (!(flags & FAULT_FLAG_FILL))
		this_cpu(machine)->faults.sigbus++;
	return -ENXIO;
}

/* Another VMA of the file that was not promised the page loses it, and will not get another. */
static void rob(struct vm_area_struct *vma, unsigned long pgoff, pfn_t pfn)
{
	unsigned long addr = vma->vm_start + ((pgoff - vma->vm_pgoff) << PAGE_SHIFT);
	uint64_t entry = pt_get(&vma->vm_mm->pgd, addr);

	if (!(vma->vm_flags & VM_HUGETLB) || (vma->vm_flags & VM_MAYSHARE) || owned_map(vma) ||
	    !(entry & PTE_HUGETLB) || PTE_PFN(entry) != pfn)
		return;
	put_huge(vma->vm_mm->machine, hstate_vma(vma), pt_unmap_hugetlb(&vma->vm_mm->pgd, addr),
		 false);
	pt_flush(&vma->vm_mm->pgd);
	vma->vm_private_data = &robbed;
}

/* Who was promised the page writes to it, there is none for a copy: children go without. */
static void rob_children(struct vm_area_struct *vma, unsigned long addr, pfn_t pfn)
{
	unsigned long pgoff = linear_page_index(vma, addr);
	struct rb_root *tree = &vma->vm_file->inode->i_mmap;
	struct interval *node = interval_tree_first(tree, pgoff, pgoff);

	for (; node; node = interval_tree_next(node, pgoff, pgoff)) {
		struct vm_area_struct *other = container_of(node, struct vm_area_struct, shared);

		if (other != vma)
			rob(other, pgoff, pfn);
	}
}

static uint64_t writable_bits(const struct vm_area_struct *vma)
{
	return vm_get_page_prot(vma->vm_flags | VM_SHARED) | PTE_HUGE | PTE_HUGETLB | PTE_ACCESSED |
	       PTE_DIRTY;
}

/* Nobody else has the page that the entry maps: it is vma's own. */
static void reuse(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, unsigned flags)
{
	page_set_anon(vma, addr, PTE_PFN(entry));
	store(vma->vm_mm->machine, PTE_PFN(entry), flags);
	pt_update(&vma->vm_mm->pgd, addr,
		  pte_make(PTE_PFN(entry), writable_bits(vma) | PTE_ANON | PTE_EXCLUSIVE));
}

static int copy_page(struct vm_area_struct *vma, unsigned long addr, uint64_t entry, bool beyond,
		     unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	struct hstate *h = hstate_vma(vma);
	pfn_t pfn;
	int err = take_page(vma, index_of(vma, addr), beyond,
			    page_content(pfn_to_page(machine->frames, PTE_PFN(entry))), &pfn);

	if (err)
		return err;
	if (anon_vma_prepare(vma)) { /* there is one already where beyond */
		put_huge(machine, h, pfn, restores_promise(vma, addr, PTE_ANON, pfn));
		return -ENOMEM;
	}
	page_set_anon(vma, addr, pfn);
	store(machine, pfn, flags);
	get_page(machine->frames, PTE_PFN(entry));
	pt_update(&vma->vm_mm->pgd, addr,
		  pte_make(pfn, writable_bits(vma) | PTE_ANON | PTE_EXCLUSIVE));
	put_huge(machine, h, PTE_PFN(entry), false);
	return 0;
}

/* A write to a page that is mapped read-only. */
static int hugetlb_wp(struct vm_area_struct *vma, unsigned long addr, uint64_t entry,
		      unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	struct fault_counters *faults = &this_cpu(machine)->faults;
	const struct page *page = pfn_to_page(machine->frames, PTE_PFN(entry));
	bool anon = entry & PTE_ANON, beyond = anon && owned_map(vma);

	if (vma->vm_flags & VM_MAYSHARE) {
		faults->file_shared_write++;
		store(machine, PTE_PFN(entry), flags);
		pt_update(&vma->vm_mm->pgd, addr, entry | PTE_WRITE | PTE_DIRTY | PTE_ACCESSED);
		return 0;
	}
	if (!anon || page->_mapcount != 1) {
		int err = copy_page(vma, addr, entry, beyond, flags);

		*(anon ? &faults->cow_copy : &faults->file_cow) += !err;
		if (err == -ENXIO && beyond)
			rob_children(vma, addr, PTE_PFN(entry));
		if (err != -ENXIO || !anon || page->_mapcount != 1)
			return err == -ENXIO ? no_page_left(machine, flags) : err;
	}
	faults->cow_reuse++;
	reuse(vma, addr, entry, flags);
	return 0;
}

static int hugetlb_no_page(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	struct hstate *h = hstate_vma(vma);
	unsigned long idx = index_of(vma, addr);
	bool shared = vma->vm_flags & VM_MAYSHARE, fresh;
	uint64_t bits = vm_get_page_prot(vma->vm_flags) | PTE_ACCESSED;
	pfn_t pfn;
	int err;

	if (is_robbed(vma))
		return no_page_left(machine, flags);
	err = find_cached(vma, idx, &pfn);
	if (err)
		return err;
	fresh = !pfn;
	if (fresh) {
		if (idx >= vma->vm_file->inode->pages >> huge_page_order(h))
			return no_page_left(machine, flags);
		if (!shared && anon_vma_prepare(vma))
			return -ENOMEM;
		err = take_page(vma, idx, false, 0, &pfn);
		if (err)
			return err == -ENXIO ? no_page_left(machine, flags) : err;
	}
	if (fresh && !shared)
		bits |= PTE_ANON;
	else
		get_page(machine->frames, pfn);
	if (bits & PTE_ANON)
		page_set_anon(vma, addr, pfn);
	if (pt_map_hugetlb(&vma->vm_mm->pgd, addr, huge_page_level(h), pfn, bits)) {
		put_huge(machine, h, pfn, restores_promise(vma, addr, bits, pfn));
		return -ENOMEM;
	}
	if ((flags & FAULT_FLAG_WRITE) && !(vma->vm_flags & VM_SHARED))
		return hugetlb_wp(vma, addr, pte_make(pfn, bits | PTE_HUGE | PTE_HUGETLB), flags);
	this_cpu(machine)->faults.file_read += !(flags & FAULT_FLAG_WRITE);
	this_cpu(machine)->faults.file_shared_write += !!(flags & FAULT_FLAG_WRITE);
	store(machine, pfn, flags);
	return 0;
}

int hugetlb_fault(struct vm_area_struct *vma, unsigned long addr, unsigned flags)
{
	struct machine *machine = vma->vm_mm->machine;
	int err = 0;

	addr &= huge_page_mask(hstate_vma(vma));
	pools_lock(machine);
	uint64_t entry = pt_get(&vma->vm_mm->pgd, addr);
	if (!entry) {
		err = hugetlb_no_page(vma, addr, flags);
	} else if ((flags & FAULT_FLAG_WRITE) && !(entry & PTE_WRITE)) {
		err = hugetlb_wp(vma, addr, entry, flags);
	} else {
		this_cpu(machine)->faults.spurious += !(flags & FAULT_FLAG_FILL);
		store(machine, PTE_PFN(entry), flags);
	}
	pools_unlock(machine);
	return err;
}

/* ---- pages that go, or move ---- */

static void zap_page(struct vm_area_struct *vma, unsigned long addr, uint64_t entry)
{
	pfn_t pfn = pt_unmap_hugetlb(&vma->vm_mm->pgd, addr);

	put_huge(vma->vm_mm->machine, hstate_vma(vma), pfn,
		 restores_promise(vma, addr, entry, pfn));
}

static void zap_locked(struct vm_area_struct *vma, unsigned long lo, unsigned long hi)
{
	struct pagetable *pgd = &vma->vm_mm->pgd;
	uint64_t entry;

	for (; pt_next(pgd, &lo, hi, &entry); lo += vma_kernel_pagesize(vma))
		zap_page(vma, lo, entry);
	pt_flush(pgd);
}

void hugetlb_zap(struct vm_area_struct *vma, unsigned long lo, unsigned long hi)
{
	struct machine *machine = vma->vm_mm->machine;

	pools_lock(machine);
	zap_locked(vma, lo, hi);
	pools_unlock(machine);
}

int hugetlb_copy_pages(struct vm_area_struct *vma, struct vm_area_struct *src)
{
	bool cow = (src->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
	struct pagetable *pgd = &src->vm_mm->pgd;
	struct machine *machine = vma->vm_mm->machine;
	unsigned long addr = src->vm_start;
	uint64_t entry;
	int err = 0;

	pools_lock(machine);
	for (; !err && pt_next(pgd, &addr, src->vm_end, &entry); addr += vma_kernel_pagesize(src)) {
		uint64_t kept = entry & ~(PTE_EXCLUSIVE | (cow ? PTE_WRITE : 0));

		err = pt_map_hugetlb(&vma->vm_mm->pgd, addr, huge_page_level(hstate_vma(vma)),
				     PTE_PFN(entry), PTE_BITS(kept & ~PTE_UFFD_WP));
		if (err)
			break;
		get_page(machine->frames, PTE_PFN(entry));
		if (kept != entry)
			pt_update(pgd, addr, kept);
		this_cpu(machine)->pt.entries_copied++;
	}
	pools_unlock(machine);
	return err;
}

/* The entries of [lo, hi) go; the references are those of others. */
static void forget_entries(struct pagetable *pgd, unsigned long lo, unsigned long hi,
			   unsigned long size)
{
	uint64_t entry;

	for (; pt_next(pgd, &lo, hi, &entry); lo += size)
		pt_unmap_hugetlb(pgd, lo);
	pt_flush(pgd);
}

int hugetlb_move_pages(struct vm_area_struct *new_vma, unsigned long old, unsigned long new,
		       unsigned long len)
{
	struct pagetable *pgd = &new_vma->vm_mm->pgd;
	unsigned long addr = old, size = vma_kernel_pagesize(new_vma);
	unsigned level = huge_page_level(hstate_vma(new_vma));
	uint64_t entry;

	for (; pt_next(pgd, &addr, old + len, &entry); addr += size) {
		if (pt_map_hugetlb(pgd, addr - old + new, level, PTE_PFN(entry), PTE_BITS(entry))) {
			forget_entries(pgd, new, addr - old + new, size);
			return -ENOMEM;
		}
		this_cpu(new_vma->vm_mm->machine)->pt.entries_moved++;
	}
	forget_entries(pgd, old, old + len, size);
	return 0;
}

/* ---- a file that becomes shorter ---- */

/* The pages [first, last] of 4 kB are unmapped wherever they are mapped, private copies too. */
static void unmap_all(struct inode *inode, unsigned long first, unsigned long last)
{
	struct interval *node = interval_tree_first(&inode->i_mmap, first, last);

	for (; node; node = interval_tree_next(node, first, last)) {
		struct vm_area_struct *vma = container_of(node, struct vm_area_struct, shared);
		unsigned long lo = max(first, node->start) - vma->vm_pgoff;
		unsigned long hi = min(last, node->last) - vma->vm_pgoff + 1;

		zap_locked(vma, vma->vm_start + (lo << PAGE_SHIFT),
			   vma->vm_start + (hi << PAGE_SHIFT));
	}
}

void hugetlb_truncate(struct machine *machine, struct inode *inode, unsigned long pages)
{
	unsigned order = huge_page_order(inode->hstate);

	pages = (pages + (1UL << order) - 1) >> order << order;
	pools_lock(machine);
	if (pages < inode->pages) {
		unmap_all(inode, pages, ~0UL);
		cut_off(machine, inode, pages >> order);
	}
	inode->pages = pages;
	pools_unlock(machine);
}

void hugetlb_punch_hole(struct machine *machine, struct inode *inode, unsigned long first,
			unsigned long last)
{
	unsigned order = huge_page_order(inode->hstate);
	unsigned long from = (first + (1UL << order) - 1) >> order, to = (last + 1) >> order;

	if (from >= to)
		return;
	pools_lock(machine);
	unmap_all(inode, from << order, (to << order) - 1);
	drop_cached(machine, inode, from, to, true);
	pools_unlock(machine);
}
