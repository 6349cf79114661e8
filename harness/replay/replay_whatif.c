/*
 * replay_whatif - recorded calls where mappings are placed and merged in another way
 *
 * The program has addresses that the kernel gave it; here its mappings are
 * elsewhere, and each call is translated (translation.h):
 *
 *	recorded   munmap [AAAAAAAABBBBB)      one call, two places:
 *	emulated   munmap [AAAAAAAA) …  munmap [BBBBB)
 *
 *  1. A range that is in several places, or partly nowhere, becomes several calls;
 *     a part that is mapped nowhere is asked about at a page that is free here.
 *  2. A fixed place is kept relative to what it replaces or stands beside, or as
 *     it is; where something else is mapped there it becomes a place of our choice.
 *  3. What the kernel let pass is not refused for max_map_count; how often that would
 *     have happened is counted.
 *  4. An mremap that the kernel refused is not tried: layout decides whether
 *     there is room, and whether a range is one VMA.
 */
#include "harness/replay/replay_internal.h"

#include <errno.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/shm.h>

#include "mm/mman.h"

/* All that a translated call works on. */
struct call {
	struct replay_world *world;
	struct replay_whatif *counts;
	struct mm_struct *mm;
	struct translation *map;
	const struct trace_event *event; /* as recorded */
	struct outcome *out;
	bool out_of_memory; /* the host's */
};

static bool succeeded(const struct trace_event *event)
{
	if (event->kind == TRACE_BRK)
		return !event->arg[0] || (uint64_t)event->result == event->arg[0];
	return !IS_ERR_VALUE(event->result);
}

static struct piece piece_at(const struct call *c, unsigned long addr, unsigned long end)
{
	return translation_at(c->map, addr, addr, end);
}

/* ---- the translation follows ---- */

/* [start, end) of the recording is mapped no longer. */
static void forget(struct call *c, unsigned long start, unsigned long end)
{
	if (start < end && translation_clear(c->map, start, end))
		c->out_of_memory = true;
}

/* It is at `here` from now on; what stood for it elsewhere goes. */
static void adopt(struct call *c, unsigned long start, unsigned long len, unsigned long here)
{
	unsigned long end = start + len, addr = start, delta = here - start;

	while (addr < end) {
		struct piece p = piece_at(c, addr, end);

		if (p.mapped && p.delta != delta &&
		    do_munmap(c->mm, p.start + p.delta, p.end - p.start))
			c->out_of_memory = true;
		addr = p.end;
	}
	if (len && translation_set(c->map, start, end, delta))
		c->out_of_memory = true;
}

/* Forgets the parts of one piece that are not mapped here any more. */
static void forget_unmapped(struct call *c, const struct piece *p)
{
	unsigned long addr = p->start + p->delta, end = p->end + p->delta;

	while (addr < end) {
		struct vm_area_struct *vma = find_vma(c->mm, addr);
		unsigned long next = vma ? min(vma->vm_start, end) : end;

		if (next > addr)
			forget(c, addr - p->delta, next - p->delta);
		addr = vma ? max(next, min(vma->vm_end, end)) : end;
	}
}

static void forget_all_unmapped(struct call *c)
{
	unsigned long addr = 0;

	while (addr < VMA_INDEX_END) {
		struct piece p = piece_at(c, addr, VMA_INDEX_END);

		if (p.mapped)
			forget_unmapped(c, &p);
		addr = p.end;
	}
}

/* ---- fixed places ---- */

/* Would [start, end), moved by delta, replace nothing but what stands for it? */
static bool fits(const struct call *c, unsigned long start, unsigned long end, unsigned long delta)
{
	unsigned long task_size = c->mm->machine->config.task_size, addr = start;

	if (end <= start || start + delta > task_size || end + delta > task_size ||
	    end + delta <= start + delta)
		return false;
	while (addr < end) {
		struct piece p = piece_at(c, addr, end);

		if (p.mapped ? p.delta != delta
			     : find_vma_intersection(c->mm, p.start + delta, p.end + delta) != NULL)
			return false;
		addr = p.end;
	}
	return true;
}

/* The first of it that is mapped, or what stands right before or behind it; or it is nowhere. */
static struct piece kin(const struct call *c, unsigned long start, unsigned long end)
{
	struct piece p = piece_at(c, start, end);

	if (!p.mapped && p.end < end)
		p = piece_at(c, p.end, end);
	if (!p.mapped && start)
		p = piece_at(c, start - 1, start);
	if (!p.mapped && end < VMA_INDEX_END)
		p = piece_at(c, end, end + 1);
	return p;
}

/* Where a mapping belongs that the program wants at start: true and *delta, or nowhere. */
static bool fixed_place(const struct call *c, unsigned long start, unsigned long len,
			unsigned long *delta)
{
	unsigned long end = start + PAGE_ALIGN(len);

	start &= PAGE_MASK;
	if (end <= start || end > VMA_INDEX_END) {
		*delta = 0; /* no range: refused by the call itself */
		return true;
	}
	*delta = kin(c, start, end).delta;
	if (fits(c, start, end, *delta))
		return true;
	*delta = 0;
	return fits(c, start, end, 0);
}

/* ---- calls that place something ---- */

/* The result stands for the recorded one; what the kernel refused leaves nothing behind. */
static void placed(struct call *c, unsigned long len, bool chosen)
{
	unsigned long here = (unsigned long)c->out->result;

	if (IS_ERR_VALUE(here))
		return;
	if (!succeeded(c->event)) {
		do_munmap(c->mm, here, len);
		c->counts->below_limit += c->event->result == -ENOMEM;
		return;
	}
	adopt(c, (unsigned long)c->event->result, len, here);
	if (chosen)
		translation_placed(c->map, here, here + len);
}

static void whatif_mmap(struct call *c)
{
	struct trace_event e = *c->event;
	bool fixed = e.arg[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE), there;
	unsigned long start = e.arg[0] & PAGE_MASK, len = PAGE_ALIGN(e.arg[1]), delta;

	there = fixed_place(c, start, len, &delta);
	if (fixed && e.result == -EEXIST) { /* by what is there */
		e.arg[0] += kin(c, start, start + len).delta;
	} else if (there) {
		e.arg[0] += e.arg[0] ? delta : 0;
	} else {
		e.arg[0] = 0;
		e.arg[3] &= ~(uint64_t)(MAP_FIXED | MAP_FIXED_NOREPLACE);
		c->counts->moved += fixed;
	}
	replay_perform(c->world, c->mm, &e, c->out);
	placed(c, len, !fixed && !c->event->arg[0]);
}

static void whatif_shmat(struct call *c)
{
	struct trace_event e = *c->event;
	unsigned long delta;

	if (e.arg[1] && fixed_place(c, e.arg[1] & ~(SHMLBA - 1UL), e.arg[3], &delta)) {
		e.arg[1] += delta;
	} else if (e.arg[1] && succeeded(c->event)) {
		e.arg[1] = 0;
		e.arg[2] &= ~(uint64_t)SHM_REMAP;
		c->counts->moved++;
	}
	replay_perform(c->world, c->mm, &e, c->out);
	placed(c, PAGE_ALIGN(e.arg[3]), !c->event->arg[1]);
}

static void whatif_brk(struct call *c)
{
	unsigned long old = PAGE_ALIGN(c->mm->brk), new;

	replay_perform(c->world, c->mm, c->event, c->out);
	new = PAGE_ALIGN(c->mm->brk);
	if (new > old)
		adopt(c, old, new - old, old);
	else
		forget(c, new, old);
}

/* ---- calls on a range ---- */

/* What a part of a range that is mapped nowhere does to the rest. */
enum gaps {
	HOLES_SILENT,  /* nothing, if anything is mapped: munmap, userfaultfd */
	HOLES_IN_TURN, /* they are met on the way: mprotect, mlock */
	HOLES_NOTED,   /* likewise, and the call goes on: madvise */
	HOLES_FIRST,   /* they are looked for before anything changes: mseal, mbind */
};

static enum gaps gaps_of(const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_PRCTL:
		return HOLES_NOTED;
	case TRACE_MADVISE:
		return event->arg[2] == MADV_POPULATE_READ || event->arg[2] == MADV_POPULATE_WRITE
			       ? HOLES_IN_TURN
			       : HOLES_NOTED;
	case TRACE_MPROTECT:
	case TRACE_MLOCK:
	case TRACE_MUNLOCK:
		return HOLES_IN_TURN;
	case TRACE_MSEAL:
		return HOLES_FIRST;
	case TRACE_MBIND:
		return event->arg[2] ? HOLES_FIRST : HOLES_SILENT; /* 0: MPOL_DEFAULT */
	default:
		return HOLES_SILENT;
	}
}

/* A call on a range: which argument is its start; the length follows. */
static unsigned range_argument(const struct trace_event *event)
{
	if (event->kind == TRACE_PRCTL)
		return 2;
	return event->kind == TRACE_UFFD_REGISTER || event->kind == TRACE_UFFD_UNREGISTER;
}

/* The call for [start, end) only, which is at `here`. */
static int64_t part(struct call *c, unsigned long start, unsigned long end, unsigned long here)
{
	struct trace_event e = *c->event;
	unsigned a = range_argument(&e);
	struct outcome out = { 0 };

	e.arg[a] = here;
	e.arg[a + 1] = end - start;
	replay_perform(c->world, c->mm, &e, &out);
	if (e.kind == TRACE_MUNMAP && !out.result)
		forget(c, start & PAGE_MASK, PAGE_ALIGN(end));
	c->out->unknown |= out.unknown;
	return out.result;
}

/* What the call says of memory that is not mapped: a free page is asked. */
static int64_t part_unmapped(struct call *c)
{
	const struct vma_index *index = c->mm->mm_mt;
	struct vma_gap gap = {
		.len = PAGE_SIZE,
		.lo = c->mm->machine->config.mmap_min_addr,
		.hi = c->mm->machine->config.task_size,
	};

	if (index->ops->find_gap(index, &gap))
		return -ENOMEM;
	gap.start = max(gap.start, gap.lo);
	return part(c, gap.start, gap.start + PAGE_SIZE, gap.start);
}

static int64_t range_in_parts(struct call *c, unsigned long start, unsigned long end,
			      enum gaps gaps)
{
	int64_t noted = 0, err;

	for (unsigned long addr = start; addr < end;) {
		struct piece p = piece_at(c, addr, end);

		addr = p.end;
		if (p.mapped)
			err = part(c, p.start, p.end, p.start + p.delta);
		else if (gaps == HOLES_IN_TURN || gaps == HOLES_NOTED)
			err = part_unmapped(c);
		else
			continue;
		if (err && (p.mapped || gaps != HOLES_NOTED))
			return err;
		noted = err ? err : noted;
	}
	return noted;
}

/* Is any of [start, end) mapped, and is any not? */
static void what_is_there(const struct call *c, unsigned long start, unsigned long end,
			  bool *mapped, bool *gaps)
{
	*mapped = *gaps = false;
	while (start < end && !(*mapped && *gaps)) {
		struct piece p = piece_at(c, start, end);

		*(p.mapped ? mapped : gaps) = true;
		start = p.end;
	}
}

static bool is_range(const struct call *c, unsigned long start, unsigned long len)
{
	enum trace_kind kind = c->event->kind;
	bool rounds = kind == TRACE_MLOCK || kind == TRACE_MUNLOCK;
	unsigned long end = PAGE_ALIGN(start + len);

	if (!len || end <= start || end > VMA_INDEX_END || (!rounds && (start & ~PAGE_MASK)))
		return false;
	return kind != TRACE_MUNMAP || end <= c->mm->machine->config.task_size;
}

static void whatif_range(struct call *c)
{
	unsigned a = range_argument(c->event);
	unsigned long start = c->event->arg[a], len = c->event->arg[a + 1], end;
	enum gaps says = gaps_of(c->event);
	bool mapped, gaps;

	if (!is_range(c, start, len)) { /* refused before anything is touched */
		replay_perform(c->world, c->mm, c->event, c->out);
		return;
	}
	end = PAGE_ALIGN(start + len);
	struct piece p = piece_at(c, start, end);
	if (p.mapped && p.end == end) {
		c->out->result = part(c, start, start + len, start + p.delta);
		return;
	}
	what_is_there(c, start, end, &mapped, &gaps);
	c->counts->in_parts += mapped;
	if (!mapped || (gaps && says == HOLES_FIRST))
		c->out->result = part_unmapped(c);
	else
		c->out->result = range_in_parts(c, start, end, says);
}

/* ---- mremap ---- */

/* What an mremap wants, lengths in whole pages. */
struct remap {
	unsigned long old, old_len, new_len, flags, dest;
	bool fits; /* it may go to dest */
};

static unsigned long do_remap(struct call *c, unsigned long here, const struct remap *r)
{
	unsigned long flags = r->flags | MREMAP_MAYMOVE;

	if (!r->fits)
		flags &= ~(unsigned long)MREMAP_FIXED;
	return do_mremap(c->mm, here, r->old_len, r->new_len, flags, r->fits ? r->dest : 0);
}

/* Moves what is mapped of the old range, VMA by VMA, to where it was from `to` on. */
static int move_parts(struct call *c, const struct remap *r, unsigned long to)
{
	unsigned long end = r->old + min(r->old_len, r->new_len), addr = r->old;
	unsigned long flags = MREMAP_MAYMOVE | MREMAP_FIXED | (r->flags & MREMAP_DONTUNMAP);

	while (addr < end) {
		struct piece p = piece_at(c, addr, end);
		struct vm_area_struct *vma = find_vma(c->mm, addr + p.delta);

		addr = p.end;
		if (!p.mapped || !vma)
			continue;
		addr = min(addr, vma->vm_end - p.delta);
		unsigned long len = addr - p.start;
		unsigned long moved = do_mremap(c->mm, p.start + p.delta, len, len, flags,
						to + (p.start - r->old));
		if (IS_ERR_VALUE(moved))
			return (int)moved;
	}
	return 0;
}

/* The last VMA of [at, at + old_len) grows in place, so that it is new_len: at, or -errno. */
static unsigned long grow_last(struct call *c, const struct remap *r, unsigned long at)
{
	unsigned long end = at + r->old_len;
	struct vm_area_struct *vma = vma_lookup(c->mm, end - PAGE_SIZE);
	unsigned long from = vma ? max(vma->vm_start, at) : at;
	unsigned long result = do_mremap(c->mm, from, end - from, at + r->new_len - from, 0, 0);

	return IS_ERR_VALUE(result) ? result : at;
}

/* A range of several VMAs, or in several places. */
static unsigned long remap_in_parts(struct call *c, const struct remap *r)
{
	struct piece first = piece_at(c, r->old, r->old + r->old_len);
	struct vm_area_struct *vma = find_vma(c->mm, r->old + first.delta);
	bool together = first.mapped && first.end == r->old + r->old_len;
	unsigned long to = r->dest;
	int err = 0;

	c->counts->in_parts++;
	if (together && !(r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
		to = grow_last(c, r, r->old + first.delta);
		if (!IS_ERR_VALUE(to))
			return to;
	}
	if (r->fits)
		err = do_munmap(c->mm, to, r->new_len);
	else
		to = get_unmapped_area(c->mm, vma ? vma->vm_file : NULL, 0, r->new_len, 0,
				       MAP_PRIVATE);
	if (err || IS_ERR_VALUE(to))
		return err ? (unsigned long)err : to;
	err = move_parts(c, r, to);
	if (err)
		return (unsigned long)err;
	return r->new_len > r->old_len ? grow_last(c, r, to) : to;
}

/* Is the old range one VMA here, or nothing but a place to look at (length 0)? */
static bool is_one_vma(const struct call *c, const struct remap *r)
{
	unsigned long end = r->old + max(r->old_len, PAGE_SIZE);
	struct piece p = piece_at(c, r->old, end);
	struct vm_area_struct *vma = vma_lookup(c->mm, r->old + p.delta);

	return p.mapped && p.end == end && vma && vma->vm_end >= end + p.delta;
}

/* Without a new place a shorter length is an munmap of the rest. */
static void shrink(struct call *c, const struct remap *r)
{
	struct trace_event rest = {
		.kind = TRACE_MUNMAP,
		.arg = { r->old + r->new_len, r->old_len - r->new_len },
	};
	struct call unmap = *c;

	unmap.event = &rest;
	if (rest.arg[1])
		whatif_range(&unmap);
	c->out_of_memory = unmap.out_of_memory;
	if (!c->out->result)
		c->out->result = (int64_t)(r->old + piece_at(c, r->old, r->old + 1).delta);
}

static void whatif_mremap(struct call *c)
{
	const struct trace_event *e = c->event;
	struct remap r = {
		.old = e->arg[0],
		.old_len = PAGE_ALIGN(e->arg[1]),
		.new_len = PAGE_ALIGN(e->arg[2]),
		.flags = e->arg[3],
	};
	unsigned long delta = 0, here;

	if (!succeeded(e)) {
		c->counts->not_tried++;
		c->out->result = e->result;
		c->out->unknown = true;
		return;
	}
	if (!(r.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && r.old_len && r.new_len <= r.old_len) {
		shrink(c, &r);
		return;
	}
	if (r.flags & MREMAP_FIXED) {
		r.fits = fixed_place(c, e->arg[4], r.new_len, &delta);
		r.dest = e->arg[4] + delta;
		c->counts->moved += !r.fits;
	}
	here = is_one_vma(c, &r) ? do_remap(c, r.old + piece_at(c, r.old, r.old + 1).delta, &r)
				 : remap_in_parts(c, &r);
	c->out->result = (int64_t)here;
	if (IS_ERR_VALUE(here))
		return;
	if (!(r.flags & MREMAP_DONTUNMAP))
		forget(c, r.old, r.old + r.old_len);
	placed(c, r.new_len, !(r.flags & MREMAP_FIXED) && (uint64_t)e->result != e->arg[0]);
}

/* ---- the call ---- */

/* Calls that name a mapping by one address in it. */
static void whatif_point(struct call *c)
{
	struct trace_event e = *c->event;

	if (e.arg[0] < VMA_INDEX_END)
		e.arg[0] += piece_at(c, e.arg[0], VMA_INDEX_END).delta;
	replay_perform(c->world, c->mm, &e, c->out);
	if (e.kind == TRACE_SHMDT)
		forget_all_unmapped(c);
}

static void translated(struct call *c)
{
	switch (c->event->kind) {
	case TRACE_MMAP:
		whatif_mmap(c);
		break;
	case TRACE_MREMAP:
		whatif_mremap(c);
		break;
	case TRACE_SHMAT:
		whatif_shmat(c);
		break;
	case TRACE_BRK:
		whatif_brk(c);
		break;
	case TRACE_SHMDT:
	case TRACE_REMAP_FILE:
		whatif_point(c);
		break;
	case TRACE_PRCTL:
		if (c->event->arg[0] == PR_SET_VMA)
			whatif_range(c);
		else
			replay_perform(c->world, c->mm, c->event, c->out);
		break;
	case TRACE_MUNMAP:
	case TRACE_MPROTECT:
	case TRACE_MADVISE:
	case TRACE_MLOCK:
	case TRACE_MUNLOCK:
	case TRACE_MSEAL:
	case TRACE_MBIND:
	case TRACE_UFFD_REGISTER:
	case TRACE_UFFD_UNREGISTER:
		whatif_range(c);
		break;
	default:
		replay_perform(c->world, c->mm, c->event, c->out);
	}
}

int replay_whatif_call(struct replay_world *world, struct mm_struct *mm,
		       const struct trace_event *event, struct outcome *out)
{
	struct config *config = &world->machine->config;
	unsigned long limit = config->max_map_count;
	struct call c = {
		.world = world,
		.counts = &world->counts.whatif,
		.mm = mm,
		.map = world->tasks[event->task].map,
		.event = event,
		.out = out,
	};

	if (succeeded(event))
		config->max_map_count = LONG_MAX;
	translated(&c);
	config->max_map_count = limit;
	c.counts->beyond_limit += mm->map_count > limit;
	return c.out_of_memory ? -ENOMEM : 0;
}

int replay_whatif_exec(struct replay_world *world, struct replay_task *task)
{
	const struct replay_layout *layout = &world->layout;

	translation_put(task->map);
	task->map = translation_create(world->translations);
	if (!task->map)
		return -ENOMEM;
	for (size_t i = 0; i < layout->n; i++) {
		if (translation_set(task->map, layout->vmas[i].start, layout->vmas[i].end, 0))
			return -ENOMEM;
	}
	return 0;
}

unsigned long replay_translate(const struct replay_world *world, uint32_t task, unsigned long addr)
{
	const struct translation *map = task < world->ntasks ? world->tasks[task].map : NULL;

	return map ? addr + translation_at(map, addr, 0, VMA_INDEX_END).delta : addr;
}
