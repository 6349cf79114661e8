/*
 * find_cache - what find_vma asks before it asks the index
 *
 *	mmap_cache   one answer an mm            [ vma ]                        Linux 2.6
 *	vmacache     four answers a task         [ vma | vma | vma | vma ]      Linux 3.15 to 6.0
 *	             by page, as of a seqnum         ^ addr >> PAGE_SHIFT
 *	finger       one place in the index      [ cursor ]-> next
 *	             an mm, and its successor
 *
 *  1. What a cache holds is in the mm's index: a VMA that goes empties it. vmacache is
 *     emptied by the mm's seqnum, which each task compares with its own.
 *  2. A finger's cursor was made after the last commit; its VMA is the answer for
 *     [finger.from, vm_end).
 *  3. A task's vmacache answers for the task's own mm only.
 *
 * Sources: mm/mmap.c of Linux 2.6, mm/vmacache.c of 4.9. 2.6 leaves the VMA before one
 * that a merge removes in its cache; here it is emptied.
 */
#include "mm/internal.h"

#include <string.h>

static struct vm_area_struct *index_find(struct mm_struct *mm, unsigned long addr)
{
	return mm->mm_mt->ops->find(mm->mm_mt, addr);
}

/* Of what a slot holds, for op holds: is it vma; with none, is it anything? */
static bool slot_holds(const struct vm_area_struct *slot, const struct vm_area_struct *vma)
{
	return slot && (!vma || slot == vma);
}

static const struct find_cache find_cache_none = {
	.name = "none",
	.summary = "the index answers each time",
};

/* ---- mmap_cache ---- */

static struct vm_area_struct *mmap_cache_find(struct mm_struct *mm, unsigned long addr)
{
	return vma_holds(mm->mmap_cache, addr) ? mm->mmap_cache : NULL;
}

static struct vm_area_struct *mmap_cache_ask(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = index_find(mm, addr);

	if (vma)
		mm->mmap_cache = vma;
	return vma;
}

static void mmap_cache_changed(struct mm_struct *mm, bool gone)
{
	if (gone)
		mm->mmap_cache = NULL;
}

static unsigned mmap_cache_holds(const struct mm_struct *mm, const struct vm_area_struct *vma)
{
	return slot_holds(mm->mmap_cache, vma);
}

static const struct find_cache find_cache_mmap_cache = {
	.name = "mmap_cache",
	.summary = "the last answer, one for each mm: Linux 2.6",
	.find = mmap_cache_find,
	.ask = mmap_cache_ask,
	.changed = mmap_cache_changed,
	.holds = mmap_cache_holds,
};

/* ---- vmacache ---- */

static unsigned vmacache_slot(unsigned long addr)
{
	return (addr >> PAGE_SHIFT) % VMACACHE_SIZE;
}

void vmacache_flush(struct task_struct *tsk)
{
	memset(tsk->vmacache, 0, sizeof(tsk->vmacache));
}

/* The cache of who acts, emptied if it is outdated; NULL where mm is not its own. */
static struct vm_area_struct **vmacache_of(struct mm_struct *mm)
{
	struct task_struct *tsk = this_cpu(mm->machine)->task;

	if (!tsk || tsk->mm != mm)
		return NULL;
	if (tsk->vmacache_seqnum != mm->vmacache_seqnum) {
		tsk->vmacache_seqnum = mm->vmacache_seqnum;
		vmacache_flush(tsk);
	}
	return tsk->vmacache;
}

static struct vm_area_struct *vmacache_find(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct **cache = vmacache_of(mm);
	unsigned slot = vmacache_slot(addr);

	for (unsigned i = 0; cache && i < VMACACHE_SIZE; i++) {
		struct vm_area_struct *vma = cache[(slot + i) % VMACACHE_SIZE];

		if (vma_holds(vma, addr))
			return vma;
	}
	return NULL;
}

static struct vm_area_struct *vmacache_ask(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = index_find(mm, addr), **cache = vmacache_of(mm);

	if (vma && cache)
		cache[vmacache_slot(addr)] = vma;
	return vma;
}

static void vmacache_changed(struct mm_struct *mm, bool gone)
{
	mm->vmacache_seqnum += gone;
}

static unsigned vmacache_holds(const struct mm_struct *mm, const struct vm_area_struct *vma)
{
	struct vm_area_struct **cache = vmacache_of((struct mm_struct *)mm);
	unsigned n = 0;

	for (unsigned i = 0; cache && i < VMACACHE_SIZE; i++)
		n += slot_holds(cache[i], vma);
	return n;
}

static const struct find_cache find_cache_vmacache = {
	.name = "vmacache",
	.summary = "four answers by page, for each task: Linux 3.15 to 6.0",
	.find = vmacache_find,
	.ask = vmacache_ask,
	.changed = vmacache_changed,
	.holds = vmacache_holds,
};

/* ---- finger ---- */

static struct vm_area_struct *finger_find(struct mm_struct *mm, unsigned long addr)
{
	struct find_finger *finger = &mm->finger;
	struct vm_area_struct *vma = finger->cursor.vma;

	if (!vma || addr < finger->from)
		return NULL;
	if (addr < vma->vm_end)
		return vma;
	finger->from = vma->vm_end;
	vma = mm->mm_mt->ops->next(&finger->cursor);
	return vma && addr < vma->vm_end ? vma : NULL;
}

static struct vm_area_struct *finger_ask(struct mm_struct *mm, unsigned long addr)
{
	struct find_finger *finger = &mm->finger;
	struct vm_area_struct *vma;

	finger->cursor = (struct vma_cursor){ .index = mm->mm_mt };
	vma = mm->mm_mt->ops->seek(&finger->cursor, addr);
	if (vma)
		finger->from = min(addr, vma->vm_start);
	return vma;
}

static void finger_changed(struct mm_struct *mm, bool gone)
{
	(void)gone;
	mm->finger.cursor.vma = NULL;
}

static unsigned finger_holds(const struct mm_struct *mm, const struct vm_area_struct *vma)
{
	return slot_holds(mm->finger.cursor.vma, vma);
}

static const struct find_cache find_cache_finger = {
	.name = "finger",
	.summary = "the last answer and the VMA after it, by a cursor until the next change",
	.find = finger_find,
	.ask = finger_ask,
	.changed = finger_changed,
	.holds = finger_holds,
};

/* ---- all of them ---- */

const struct find_cache *find_cache(unsigned i)
{
	static const struct find_cache *const all[] = {
		&find_cache_vmacache,
		&find_cache_none,
		&find_cache_mmap_cache,
		&find_cache_finger,
	};

	return i < ARRAY_SIZE(all) ? all[i] : NULL;
}

const struct find_cache *find_cache_lookup(const char *name)
{
	const struct find_cache *cache;

	for (unsigned i = 0; (cache = find_cache(i)) && strcmp(cache->name, name);)
		i++;
	return cache;
}
