/*
 * edit - every change of the layout, each as one edit of the index
 *
 * All go the same way: gather what stands in the range and beside it, decide,
 * allocate and reserve; then the point of no return; then complete.
 *
 *	                 start            end
 *	   PPPP   LLLLLLLLL|GGGG   GGGGGG  |HHHHHHHHH   NNNN
 *	   prev      low       gone             high    next
 *
 * low and high are cut by the range and keep their parts outside it (they may be
 * one and the same VMA); what is wholly inside is gone afterwards.
 */
#include "mm/internal.h"

#include <errno.h>
#include <string.h>

struct gathered {
	unsigned long start, end;
	struct vm_area_struct *low, *high; /* NULL: nothing is cut there */
	struct vm_area_struct *gone;       /* linked by vm_next_gone */
	struct vma_side prev, next;        /* what will stand beside the range */
	unsigned long nvmas;               /* low, high and gone */
	unsigned long npages;              /* mapped in the range now, */
	unsigned long naccounted;          /* of them committed */
	bool sealed, low_sealed;           /* something inside must not go */
};

static struct vma_side whole_side(struct vm_area_struct *vma)
{
	if (!vma)
		return (struct vma_side){ 0 };
	return (struct vma_side){ vma, vma->vm_start, vma->vm_end, vma->vm_pgoff };
}

static struct vma_side low_part(struct vm_area_struct *vma, unsigned long end)
{
	return (struct vma_side){ vma, vma->vm_start, end, vma->vm_pgoff };
}

static struct vma_side high_part(struct vm_area_struct *vma, unsigned long start)
{
	return (struct vma_side){ vma, start, vma->vm_end,
				  vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT) };
}

static void gather_one(struct gathered *g, struct vm_area_struct *vma)
{
	unsigned long lo = max(vma->vm_start, g->start), hi = min(vma->vm_end, g->end);

	g->nvmas++;
	g->npages += (hi - lo) >> PAGE_SHIFT;
	if (vma->vm_flags & VM_ACCOUNT)
		g->naccounted += (hi - lo) >> PAGE_SHIFT;
	if (vma->vm_flags & VM_SEALED)
		g->sealed = true;
	if (vma->vm_start < g->start) {
		g->low = vma;
		g->low_sealed = vma->vm_flags & VM_SEALED;
	}
	if (vma->vm_end > g->end)
		g->high = vma;
	if (vma != g->low && vma != g->high) {
		vma->vm_next_gone = g->gone;
		g->gone = vma;
	}
}

static void gather(struct mm_struct *mm, struct gathered *g, unsigned long start, unsigned long end)
{
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	struct vma_cursor cursor = { .index = mm->mm_mt };
	struct vm_area_struct *vma = ops->seek(&cursor, start), *prev = NULL;

	*g = (struct gathered){ .start = start, .end = end };
	if (!vma || vma->vm_start >= start) {
		prev = ops->prev(&cursor);
		vma = ops->next(&cursor);
	}
	for (; vma && vma->vm_start < end; vma = ops->next(&cursor)) {
		gather_one(g, vma);
		if (vma->vm_end > end)
			break;
	}
	g->prev = g->low ? low_part(g->low, start) : whole_side(prev);
	g->next = g->high ? high_part(g->high, end) : whole_side(vma);
}

/* ---- the edit as it takes shape ---- */

static void put(struct vma_edit *edit, struct vm_area_struct *vma, unsigned long start,
		unsigned long end)
{
	edit->put[edit->nput++] = (struct vma_put){ vma, start, end };
	edit->lo = min(edit->lo, min(start, vma->vm_start));
	edit->hi = max(edit->hi, max(end, vma->vm_end));
}

/* Faults beside this call wait for the index, where it cannot be looked into during an edit. */
static void index_lock(struct mm_struct *mm)
{
	if (mm_locking_inner(mm->machine->config.locking, mm->mm_mt->ops))
		rwlock_write_lock(&mm->locks->index_lock);
}

static void index_unlock(struct mm_struct *mm)
{
	if (mm_locking_inner(mm->machine->config.locking, mm->mm_mt->ops))
		rwlock_write_unlock(&mm->locks->index_lock);
}

static int reserve(struct mm_struct *mm, const struct vma_edit *edit)
{
	index_lock(mm);
	int err = mm->mm_mt->ops->reserve(mm->mm_mt, edit, 1);
	index_unlock(mm);
	return err;
}

/* The point of no return. nvmas: how many VMAs stood in the window; gone: one leaves the index. */
static void commit(struct mm_struct *mm, const struct vma_edit *edit, unsigned long nvmas,
		   bool gone)
{
	struct machine *machine = mm->machine;
	const struct find_cache *cache = machine->config.find_cache;

	for (unsigned i = 0; i < edit->nput; i++) {
		struct vm_area_struct *vma = edit->put[i].vma;

		pt_cut(&mm->pgd, edit->put[i].start);
		pt_cut(&mm->pgd, edit->put[i].end);
		vma->vm_pgoff +=
			(unsigned long)((long)(edit->put[i].start - vma->vm_start) >> PAGE_SHIFT);
	}
	index_lock(mm);
	mm->mm_mt->ops->commit(mm->mm_mt, edit);
	index_unlock(mm);
	if (cache->changed)
		cache->changed(mm, gone);
	for (unsigned i = 0; i < edit->nput; i++)
		rmap_set(edit->put[i].vma);
	mm->map_count += edit->nput - nvmas;
	this_cpu(machine)->peak_vmas = max(this_cpu(machine)->peak_vmas, mm->map_count);
}

static void free_gone(struct vm_area_struct *gone)
{
	while (gone) {
		struct vm_area_struct *next = gone->vm_next_gone;

		remove_vma(gone);
		gone = next;
	}
}

/* ---- splitting ---- */

/* Another VMA object for a part of vma, hanging on the same pages; not opened yet. */
static struct vm_area_struct *part_of(struct vm_area_struct *vma)
{
	struct vm_area_struct *part = vm_area_dup(vma->vm_mm, vma);

	if (part && anon_vma_clone(part, vma)) {
		vm_area_free(part);
		return NULL;
	}
	return part;
}

/*
 * Cuts [start, end) out of vma, which becomes that part; the parts before
 * and behind get objects of their own.
 */
static int cut_out(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
		   unsigned long end)
{
	struct vma_edit edit = { .lo = vma->vm_start, .hi = vma->vm_end };
	struct vm_area_struct *below = NULL, *above = NULL;
	unsigned long vm_end = vma->vm_end;

	if (start > vma->vm_start && !(below = part_of(vma)))
		return -ENOMEM;
	if (end < vma->vm_end && !(above = part_of(vma)))
		goto free_below;
	if (below)
		put(&edit, below, vma->vm_start, start);
	put(&edit, vma, start, end);
	if (above)
		put(&edit, above, end, vm_end);
	vma_start_write(vma);
	if (reserve(mm, &edit))
		goto free_above;
	commit(mm, &edit, 1, false);
	if (below)
		vma_open(below);
	if (above)
		vma_open(above);
	return 0;

free_above:
	if (above)
		vm_area_free(above);
free_below:
	if (below)
		vm_area_free(below);
	return -ENOMEM;
}

int split_vma(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long addr)
{
	if (mm->map_count >= mm->machine->config.max_map_count)
		return -ENOMEM;
	int err = may_split(vma, addr);
	return err ? err : cut_out(mm, vma, vma->vm_start, addr);
}

static int split_at(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	return vma && vma->vm_start < addr ? cut_out(mm, vma, vma->vm_start, addr) : 0;
}

/* ---- replacing a range: munmap, mmap ---- */

/* What the pages of [lo, hi) counted for, as they go. */
static void unaccount(struct mm_struct *mm, const struct vm_area_struct *vma, unsigned long lo,
		      unsigned long hi)
{
	long npages = (long)((min(vma->vm_end, hi) - max(vma->vm_start, lo)) >> PAGE_SHIFT);

	vm_stat_account(mm, vma->vm_flags, -npages);
	if (vma->vm_flags & VM_LOCKED)
		mm->locked_vm -= (unsigned long)npages;
}

/* Huge pages of pools go by their own way, before the page tables are emptied. */
static void unmap_hugetlb(const struct gathered *g)
{
	for (struct vm_area_struct *vma = g->gone; vma; vma = vma->vm_next_gone) {
		if (vma->vm_flags & VM_HUGETLB)
			hugetlb_zap(vma, vma->vm_start, vma->vm_end);
	}
	if (g->low && (g->low->vm_flags & VM_HUGETLB))
		hugetlb_unmap_part(g->low, g->start, min(g->low->vm_end, g->end));
	if (g->high && g->high != g->low && (g->high->vm_flags & VM_HUGETLB))
		hugetlb_unmap_part(g->high, g->high->vm_start, g->end);
}

static void unaccount_all(struct mm_struct *mm, const struct gathered *g)
{
	for (struct vm_area_struct *vma = g->gone; vma; vma = vma->vm_next_gone)
		unaccount(mm, vma, g->start, g->end);
	if (g->low)
		unaccount(mm, g->low, g->start, g->end);
	if (g->high && g->high != g->low)
		unaccount(mm, g->high, g->start, g->end);
}

/* The new objects that a replacement needs. */
struct fresh {
	struct vm_area_struct *upper; /* the part above a gap in the middle of one VMA */
	struct vm_area_struct *vma;   /* the new mapping, if it merges with nothing */
};

static void free_fresh(struct fresh *fresh)
{
	if (fresh->upper)
		vm_area_free(fresh->upper);
	if (fresh->vma)
		vm_area_free(fresh->vma);
}

static int alloc_fresh(struct mm_struct *mm, const struct gathered *g, const struct vma_desc *desc,
		       enum vma_merge_kind kind, struct fresh *fresh)
{
	bool one_cut = g->low && g->low == g->high;

	*fresh = (struct fresh){ 0 };
	if (one_cut && kind != MERGE_BOTH) {
		fresh->upper = part_of(g->low);
		if (!fresh->upper)
			return -ENOMEM;
	}
	if (desc && kind == MERGE_NONE) {
		fresh->vma = vm_area_alloc(mm, desc);
		if (!fresh->vma) {
			free_fresh(fresh);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Is the new VMA one more mapping of its file, rather than a copy of another VMA? */
static bool maps_anew(const struct vma_desc *desc, const struct fresh *fresh)
{
	return fresh->vma && fresh->vma->vm_file && !desc->copied_from;
}

static void open_fresh(const struct vma_desc *desc, const struct fresh *fresh)
{
	if (fresh->upper)
		vma_open(fresh->upper);
	if (fresh->vma && desc->copied_from)
		vma_open(fresh->vma);
}

/* Lays out what stands in the window afterwards; returns the VMA that holds the range. */
static struct vm_area_struct *shape(const struct gathered *g, const struct vma_desc *desc,
				    enum vma_merge_kind kind, const struct fresh *fresh,
				    struct vma_edit *edit)
{
	struct vm_area_struct *high = fresh->upper ? fresh->upper : g->next.vma;
	struct vm_area_struct *holder = NULL;

	*edit = (struct vma_edit){ .lo = g->start, .hi = g->end };
	if (kind == MERGE_LEFT || kind == MERGE_BOTH) {
		holder = g->prev.vma;
		put(edit, holder, g->prev.start, kind == MERGE_BOTH ? g->next.end : g->end);
	} else if (g->low) {
		put(edit, g->low, g->prev.start, g->start);
	}
	if (desc && kind == MERGE_NONE) {
		holder = fresh->vma;
		put(edit, holder, g->start, g->end);
	}
	if (kind == MERGE_RIGHT) {
		holder = high;
		put(edit, holder, g->start, g->next.end);
	} else if (g->high && kind != MERGE_BOTH) {
		put(edit, high, g->end, g->next.end);
	}
	if (kind == MERGE_BOTH) /* next goes away: the window takes it in */
		edit->hi = max(edit->hi, g->next.end);
	return holder;
}

/* How many VMAs of the old layout stand in the window. */
static unsigned long window_vmas(const struct gathered *g, enum vma_merge_kind kind)
{
	unsigned long n = g->nvmas;

	if ((kind == MERGE_LEFT || kind == MERGE_BOTH) && !g->low)
		n++;
	if ((kind == MERGE_RIGHT || kind == MERGE_BOTH) && !g->high)
		n++;
	return n;
}

/* Sealed memory stays; but as in the kernel the split at the start stays too (rule H2). */
static int refuse_sealed(struct mm_struct *mm, const struct gathered *g)
{
	if (g->low && !g->low_sealed && split_at(mm, g->start))
		return -ENOMEM;
	return -EPERM;
}

/* What merging does not compare holds for the whole if it held for a part. */
static void inherit_flags(struct vm_area_struct *holder, vm_flags_t flags)
{
	holder->vm_flags |= flags & merge_rule_ignores(holder->vm_mm->machine->config.merge);
}

/*
 * What must stay whole is not cut; where that is noticed at the end, the split at the start stays.
 */
static int may_cut(struct mm_struct *mm, const struct gathered *g)
{
	int err = g->low ? may_split(g->low, g->start) : 0;

	if (err || !g->high)
		return err;
	err = may_split(g->high, g->end);
	if (err && g->low && split_at(mm, g->start))
		return -ENOMEM;
	return err;
}

/* A limit is noticed late: as in the kernel the range has been cut out by then. */
static int refuse_for_limits(struct mm_struct *mm, const struct gathered *g)
{
	if (g->low && split_at(mm, g->start))
		return -ENOMEM;
	if (g->high && split_at(mm, g->end))
		return -ENOMEM;
	return -ENOMEM;
}

/* A part that had other flags has become committed memory. */
static void charge(const struct vm_area_struct *holder, vm_flags_t before, unsigned long bytes)
{
	struct machine *machine = holder->vm_mm->machine;

	if ((holder->vm_flags & ~before & VM_ACCOUNT) &&
	    !(machine->config.without & PART_ACCOUNTING))
		machine_add(machine, &machine->committed, bytes >> PAGE_SHIFT);
}

/* The VMA that will hold the range gets the anon_vmas of the pages that come: 0 or -ENOMEM. */
static int hand_on_anon_vmas(struct vm_area_struct *holder, const struct gathered *g,
			     const struct vma_desc *desc, enum vma_merge_kind kind)
{
	if (kind == MERGE_BOTH && anon_vma_clone(holder, g->next.vma))
		return -ENOMEM;
	return desc && desc->copied_from ? anon_vma_clone(holder, desc->copied_from) : 0;
}

/* The merge hands flags on to the VMA that holds the range now. */
static void inherit(struct vm_area_struct *holder, const struct gathered *g,
		    const struct vma_desc *desc, enum vma_merge_kind kind)
{
	const struct vma_side *own = kind == MERGE_RIGHT ? &g->next : &g->prev;
	vm_flags_t before = holder->vm_flags;

	inherit_flags(holder, desc->flags);
	if (kind == MERGE_BOTH) {
		inherit_flags(holder, g->next.vma->vm_flags);
		charge(holder, g->next.vma->vm_flags, g->next.end - g->next.start);
	}
	charge(holder, desc->flags, desc->end - desc->start);
	if (kind != MERGE_NONE)
		charge(holder, before, own->end - own->start);
}

static enum vma_merge_kind decide(const struct mm_struct *mm, const struct gathered *g,
				  const struct vma_desc *desc)
{
	struct vma_merge merge = {
		.prev = &g->prev,
		.next = &g->next,
		.range = desc,
		.rule = mm->machine->config.merge,
		.leave_out = mm->machine->config.leave_out,
	};

	return desc ? vma_merge(&merge) : MERGE_NONE;
}

/* Is there enough memory for what is committed, less what was committed for the range before? */
static int may_commit(struct mm_struct *mm, const struct gathered *g, const struct vma_desc *desc)
{
	unsigned long npages = (g->end - g->start) >> PAGE_SHIFT;

	if (!(desc->flags & VM_ACCOUNT) || npages == g->naccounted)
		return 0;
	return security_vm_enough_memory_mm(mm, npages - g->naccounted);
}

/* May the range be replaced at all?  0 or -errno. */
static int may_replace(struct mm_struct *mm, const struct gathered *g, const struct vma_desc *desc)
{
	if (g->low && g->low == g->high && mm->map_count >= mm->machine->config.max_map_count)
		return -ENOMEM;
	if (g->sealed)
		return refuse_sealed(mm, g);
	int err = may_cut(mm, g);
	if (err || !desc || desc->limits_checked)
		return err;

	unsigned long more = ((g->end - g->start) >> PAGE_SHIFT) - g->npages;
	if (!may_expand_vm(mm, desc->flags, more) || may_commit(mm, g, desc))
		return refuse_for_limits(mm, g);
	if (!desc->shmem || !security_vm_enough_memory_mm(mm, desc->shmem))
		return 0;
	(void)!vma_replace(mm, g->start, g->end, NULL, NULL); /* so late that this has gone */
	return -ENOMEM;
}

/* All VMAs that the replacement changes or takes away. */
static void start_write_all(const struct gathered *g, enum vma_merge_kind kind)
{
	if (g->low || kind == MERGE_LEFT || kind == MERGE_BOTH)
		vma_start_write(g->prev.vma);
	if (g->high || kind == MERGE_RIGHT || kind == MERGE_BOTH)
		vma_start_write(g->next.vma);
	for (struct vm_area_struct *vma = g->gone; vma; vma = vma->vm_next_gone)
		vma_start_write(vma);
}

/* The pages of the range go, and the page tables that no VMA needs any more. */
static void unmap_pages(struct mm_struct *mm, const struct gathered *g)
{
	pt_zap(&mm->pgd, g->start, g->end);
	pt_free_tables(&mm->pgd, g->start, g->end, g->prev.end,
		       g->next.vma ? g->next.start : pt_end(&mm->pgd));
}

/*
 * What stood there has given back what was committed to it before the new mapping wants some; but
 * files go after the call, and what was committed to them.
 */
static int replace_by_hugetlb(struct mm_struct *mm, const struct gathered *g,
			      const struct vma_desc *desc, struct vm_area_struct **result)
{
	size_t bytes = g->nvmas * sizeof(struct file *), n = 0;
	struct file **files = arena_alloc(mm->machine->arena, bytes, 0);
	struct vma_desc checked = *desc;

	checked.limits_checked = true; /* while what stood there counted */
	if (!files)
		return -ENOMEM;
	for (const struct vm_area_struct *vma = g->gone; vma; vma = vma->vm_next_gone)
		files[n++] = get_file(vma->vm_file);
	int err = vma_replace(mm, g->start, g->end, NULL, NULL);
	if (!err)
		err = vma_replace(mm, desc->start, desc->end, &checked, result);
	while (n)
		fput(files[--n]);
	arena_free(mm->machine->arena, files, bytes, 0);
	return err;
}

int vma_replace(struct mm_struct *mm, unsigned long start, unsigned long end,
		const struct vma_desc *desc, struct vm_area_struct **result)
{
	struct gathered g;
	struct fresh fresh;
	struct vma_edit edit;

	gather(mm, &g, start, end);
	if (!desc && !g.nvmas)
		return 0;
	int err = may_replace(mm, &g, desc);
	if (err)
		return err;
	if (desc && hstate_file(desc->file) && g.nvmas)
		return replace_by_hugetlb(mm, &g, desc, result);

	enum vma_merge_kind kind = decide(mm, &g, desc);
	err = alloc_fresh(mm, &g, desc, kind, &fresh);
	if (err)
		return err;
	start_write_all(&g, kind);
	struct vm_area_struct *holder = shape(&g, desc, kind, &fresh, &edit);
	unsigned long nvmas = window_vmas(&g, kind);
	bool faulted = holder && holder->anon_vma;
	err = hand_on_anon_vmas(holder, &g, desc, kind);
	if (!err)
		err = reserve(mm, &edit);
	if (!err && maps_anew(desc, &fresh)) {
		err = vma_mmap(fresh.vma);
		if (err)
			mm->mm_mt->ops->unreserve(mm->mm_mt);
	}
	if (err) {
		if (holder && !faulted)
			unlink_anon_vmas(holder);
		free_fresh(&fresh);
		return err;
	}

	unaccount_all(mm, &g);
	unmap_hugetlb(&g);
	if (g.nvmas)
		unmap_pages(mm, &g);
	if (desc)
		inherit(holder, &g, desc, kind);
	this_cpu(mm->machine)->merges += kind != MERGE_NONE && !(desc->grows && kind == MERGE_LEFT);
	if (kind == MERGE_BOTH && g.next.vma != g.low) {
		g.next.vma->vm_next_gone = g.gone;
		g.gone = g.next.vma;
	}
	commit(mm, &edit, nvmas, g.gone);
	open_fresh(desc, &fresh);
	free_gone(g.gone);
	if (desc)
		vm_stat_account(mm, desc->flags, (long)((end - start) >> PAGE_SHIFT));
	if (result)
		*result = holder;
	return 0;
}

int vma_grow_down(struct vm_area_struct *vma, unsigned long start)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vma_edit edit = { .lo = start, .hi = vma->vm_end };

	put(&edit, vma, start, vma->vm_end);
	vma_start_write(vma);
	if (reserve(mm, &edit))
		return -ENOMEM;
	commit(mm, &edit, 1, false);
	return 0;
}

int insert_vm_struct(struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct vma_edit edit = {
		.lo = vma->vm_start,
		.hi = vma->vm_end,
		.nput = 1,
		.put = { { vma, vma->vm_start, vma->vm_end } },
	};

	if (find_vma_intersection(mm, vma->vm_start, vma->vm_end))
		return -ENOMEM;
	if ((vma->vm_flags & VM_ACCOUNT) && security_vm_enough_memory_mm(mm, vma_pages(vma)))
		return -ENOMEM;
	if (reserve(mm, &edit))
		return -ENOMEM;
	commit(mm, &edit, 0, false);
	vm_stat_account(mm, vma->vm_flags, (long)vma_pages(vma));
	return 0;
}

/* ---- changing a part of one VMA: mprotect, madvise, mlock ---- */

/* Splits at start, then at end, each only below max_map_count, as the kernel does. */
static int split_out(struct mm_struct *mm, struct vm_area_struct *vma, unsigned long start,
		     unsigned long end)
{
	unsigned long room = mm->machine->config.max_map_count;
	unsigned long splits = (start > vma->vm_start) + (end < vma->vm_end);

	if (splits && mm->map_count < room) {
		int err = start > vma->vm_start ? may_split(vma, start) : 0;

		if (!err && end < vma->vm_end && splits <= room - mm->map_count) {
			err = may_split(vma, end);
			if (err && start > vma->vm_start && cut_out(mm, vma, start, vma->vm_end))
				return -ENOMEM; /* else that split stays */
		}
		if (err)
			return err;
	}
	room = room > mm->map_count ? room - mm->map_count : 0;
	if (splits <= room)
		return splits ? cut_out(mm, vma, start, end) : 0;
	if (room && cut_out(mm, vma, start, vma->vm_end))
		return -ENOMEM;
	return -ENOMEM;
}

/* The part joins prev, next or both; what is left of vma shrinks or goes. */
static struct vm_area_struct *join(struct mm_struct *mm, struct vm_area_struct *vma,
				   const struct vma_merge *merge, enum vma_merge_kind kind)
{
	struct vm_area_struct *prev = merge->prev->vma, *next = merge->next->vma;
	struct vm_area_struct *holder = kind == MERGE_RIGHT ? next : prev;
	unsigned long start = merge->range->start, end = merge->range->end;
	struct vma_edit edit = { .lo = vma->vm_start, .hi = vma->vm_end };
	bool whole = start == vma->vm_start && end == vma->vm_end;

	if (kind == MERGE_RIGHT) {
		if (!whole)
			put(&edit, vma, vma->vm_start, start);
		put(&edit, next, start, next->vm_end);
	} else {
		put(&edit, prev, prev->vm_start, kind == MERGE_BOTH ? next->vm_end : end);
		if (!whole)
			put(&edit, vma, end, vma->vm_end);
	}
	vma_start_write(vma);
	vma_start_write(holder);
	if (kind == MERGE_BOTH)
		vma_start_write(next);
	bool faulted = holder->anon_vma;
	if (anon_vma_clone(holder, kind == MERGE_BOTH && next->anon_vma ? next : vma) ||
	    anon_vma_clone(holder, vma) || reserve(mm, &edit)) {
		if (!faulted)
			unlink_anon_vmas(holder);
		return NULL;
	}
	vm_flags_t before = holder->vm_flags;
	inherit_flags(holder, merge->range->flags);
	if (kind == MERGE_BOTH) {
		inherit_flags(holder, next->vm_flags);
		charge(holder, next->vm_flags, next->vm_end - next->vm_start);
	}
	charge(holder, merge->range->flags, end - start);
	charge(holder, before, holder->vm_end - holder->vm_start);
	this_cpu(mm->machine)->merges++;
	commit(mm, &edit, kind == MERGE_BOTH ? 3 : 2, whole);
	if (kind == MERGE_BOTH)
		remove_vma(next);
	if (whole)
		remove_vma(vma);
	return holder;
}

int vma_modify(struct mm_struct *mm, struct vm_area_struct **pvma, unsigned long start,
	       unsigned long end, const struct vma_attr *attr)
{
	struct vm_area_struct *vma = *pvma;
	struct vma_desc range = {
		.start = start,
		.end = end,
		.flags = attr->flags,
		.pgoff = vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT),
		.file = vma->vm_file,
		.policy = attr->policy,
		.uffd = attr->uffd,
		.anon_name = attr->anon_name,
		.anon_vma = vma->anon_vma,
	};
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	struct vma_cursor cursor = { .index = mm->mm_mt };

	ops->seek(&cursor, vma->vm_start);
	struct vma_side prev = whole_side(start == vma->vm_start ? ops->prev(&cursor) : NULL);
	if (start == vma->vm_start)
		ops->next(&cursor);
	struct vma_side next = whole_side(end == vma->vm_end ? ops->next(&cursor) : NULL);
	struct vma_merge merge = {
		.prev = &prev,
		.next = &next,
		.range = &range,
		.middle = vma,
		.rule = mm->machine->config.merge,
		.leave_out = mm->machine->config.leave_out,
	};
	enum vma_merge_kind kind = vma_merge(&merge);

	if (kind != MERGE_NONE) {
		*pvma = join(mm, vma, &merge, kind);
		return *pvma ? 0 : -ENOMEM;
	}
	int err = split_out(mm, vma, start, end);
	if (err)
		return err;
	vma_start_write(vma);
	vma->vm_flags = attr->flags;
	vma->vm_policy = attr->policy;
	vma->vm_userfaultfd_ctx = attr->uffd;
	vma->anon_name = attr->anon_name;
	return 0;
}
