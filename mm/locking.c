/*
 * locking - brackets, faults under mmap_lock, and the locking schemes by name (see locking.h)
 */
#include "mm/locking.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/rcu.h"
#include "mm/locking_internal.h"

/* ---- by name ---- */

static const struct mm_locking locking_mmap_lock = {
	.name = "mmap_lock",
	.summary = "faults share one lock, which a call has alone (Linux up to 6.3)",
};

static const struct mm_locking *const schemes[] = {
	&locking_mmap_lock,
	&locking_per_vma,
	&locking_rcu,
	&locking_range,
};

const struct mm_locking *mm_locking(unsigned i)
{
	return i < ARRAY_SIZE(schemes) ? schemes[i] : NULL;
}

const struct mm_locking *mm_locking_lookup(const char *name)
{
	const struct mm_locking *locking;

	for (unsigned i = 0; (locking = mm_locking(i)) && strcmp(locking->name, name);)
		i++;
	return locking;
}

bool mm_locking_inner(const struct mm_locking *locking, const struct vma_index_ops *ops)
{
	return locking && locking->beside && !(ops->caps & (VMA_INDEX_RCU | VMA_INDEX_RCU_PARTS));
}

/* ---- threads ---- */

__thread unsigned mm_thread;

void mm_thread_enter(unsigned n)
{
	mm_thread = n;
}

/* ---- an mm's locks ---- */

int mm_locks_create(struct mm_struct *mm)
{
	struct machine *machine = mm->machine;
	struct mm_locks *locks;

	if (!machine->config.locking)
		return 0;
	locks = arena_alloc(machine->arena, sizeof(*locks), MM_LOCKS_ALIGN);
	if (!locks)
		return -ENOMEM;
	*locks = (struct mm_locks){ .call = 0 };
	mm->locks = locks;
	return 0;
}

static void free_gone(struct machine *machine, struct backlog_item *item)
{
	while (item) {
		struct backlog_item *next = item->next;

		vm_area_free_memory(machine, container_of(item, struct vm_area_struct, vm_gone));
		item = next;
	}
}

void mm_locks_destroy(struct mm_struct *mm)
{
	struct mm_locks *locks = mm->locks;

	if (!locks)
		return;
	free_gone(mm->machine, backlog_take_at_end(&locks->gone));
	arena_free(mm->machine->arena, locks, sizeof(*locks), MM_LOCKS_ALIGN);
	mm->locks = NULL;
}

/* ---- calls ---- */

void mm_call_begin(struct mm_struct *mm, unsigned long lo, unsigned long hi)
{
	const struct mm_locking *locking = mm->machine->config.locking;

	if (!locking)
		return;
	rwlock_write_lock(&mm->locks->mmap_lock);
	mm->locks->call++;
	if (locking->begin)
		locking->begin(mm, lo, hi);
}

/* One grace period for what is gone, while faults and the next call may go on. */
static void end_grace_period(struct mm_struct *mm)
{
	struct locking_counters *counters = &this_cpu(mm->machine)->locking;

	counters->backlog_peak = max(counters->backlog_peak, (uint64_t)mm->locks->gone.bytes);
	counters->grace_periods++;
	synchronize_rcu();
	free_gone(mm->machine, backlog_take_at_end(&mm->locks->gone));
	pt_free_retired(&mm->pgd);
}

void mm_call_end(struct mm_struct *mm)
{
	const struct mm_locking *locking = mm->machine->config.locking;
	struct mm_locks *locks = mm->locks;

	if (!locking)
		return;
	if (locks->gone.bytes >= MM_BACKLOG_BYTES || mm->pgd.retired)
		end_grace_period(mm);
	if (locking->end)
		locking->end(mm);
	__atomic_store_n(&locks->done, locks->call, __ATOMIC_RELEASE);
	rwlock_write_unlock(&locks->mmap_lock);
}

void vma_start_write(struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;
	const struct mm_locking *locking = mm->machine->config.locking;

	if (!locking || !locking->drain || vma->vm_lock_seq == mm->locks->call ||
	    (mm->machine->config.leave_out & LEAVE_OUT_VMA_MARK))
		return;
	__atomic_store_n(&vma->vm_lock_seq, mm->locks->call, __ATOMIC_SEQ_CST);
	if (!(mm->machine->config.leave_out & LEAVE_OUT_VMA_DRAIN))
		locking->drain(vma);
}

/* ---- faults ---- */

struct vm_area_struct *find_vma_beside(struct mm_struct *mm, unsigned long addr)
{
	const struct vma_index *index = mm->mm_mt;
	struct vm_area_struct *vma;

	if (!mm->locks || !mm_locking_inner(mm->machine->config.locking, index->ops))
		return index->ops->find(index, addr);
	rwlock_read_lock(&mm->locks->index_lock);
	vma = index->ops->find(index, addr);
	rwlock_read_unlock(&mm->locks->index_lock);
	return vma;
}

/* A stack that grows changes the layout, and a handler of userfaultfd page tables. */
static bool is_call_itself(const struct vm_area_struct *vma, unsigned long addr)
{
	if (!vma)
		return false;
	if (vma->vm_start > addr)
		return vma->vm_flags & VM_GROWSDOWN;
	return (vma->vm_flags & VM_UFFD_FLAGS) && vma->vm_mm->machine->config.userfault;
}

/* Beside other faults, but no call. */
static int fault_under_mmap_lock(struct mm_struct *mm, unsigned long addr, unsigned flags)
{
	struct rwlock *mmap_lock = &mm->locks->mmap_lock;
	struct vm_area_struct *vma;
	int err;

	rwlock_read_lock(mmap_lock);
	vma = find_vma(mm, addr);
	if (!is_call_itself(vma, addr)) {
		err = handle_found_fault(mm, vma, addr, flags);
		rwlock_read_unlock(mmap_lock);
		return err;
	}
	rwlock_read_unlock(mmap_lock);
	mm_call_begin(mm, 0, ~0UL);
	err = handle_mm_fault(mm, addr, flags);
	mm_call_end(mm);
	return err;
}

int mm_user_fault(struct mm_struct *mm, unsigned long addr, unsigned flags)
{
	const struct mm_locking *locking = mm->machine->config.locking;
	struct locking_counters *counters = &this_cpu(mm->machine)->locking;
	int err;

	if (!locking || mm->machine->config.nommu)
		return handle_mm_fault(mm, addr, flags);
	counters->faults++;
	if (locking->fault) {
		err = locking->fault(mm, addr, flags);
		if (err != -EAGAIN)
			return err;
		counters->fallbacks++;
	}
	return fault_under_mmap_lock(mm, addr, flags);
}
