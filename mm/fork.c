/*
 * fork - the life of an address space: made, copied, replaced by exec, ended
 */
#include "mm/internal.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

/* ---- made and freed ---- */

#define MM_ALIGN 64 /* what a fault reads of it is one line */

struct mm_struct *allocate_mm(struct machine *machine)
{
	struct mm_struct *mm = arena_alloc(machine->arena, sizeof(*mm), MM_ALIGN);

	if (!mm)
		return NULL;
	memset(mm, 0, sizeof(*mm));
	mm->machine = machine;
	rmap_lock(machine);
	mm->mm_next = machine->mm_list;
	mm->mm_pprev = &machine->mm_list;
	if (mm->mm_next)
		mm->mm_next->mm_pprev = &mm->mm_next;
	machine->mm_list = mm;
	rmap_unlock(machine);
	this_cpu(machine)->mms++;
	return mm;
}

static void deallocate_mm(struct mm_struct *mm)
{
	rmap_lock(mm->machine);
	*mm->mm_pprev = mm->mm_next;
	if (mm->mm_next)
		mm->mm_next->mm_pprev = mm->mm_pprev;
	rmap_unlock(mm->machine);
	this_cpu(mm->machine)->mms--;
	arena_free(mm->machine->arena, mm, sizeof(*mm), MM_ALIGN);
}

struct mm_struct *mm_alloc(struct machine *machine)
{
	const struct config *config = &machine->config;
	struct mm_struct *mm = allocate_mm(machine);

	if (!mm)
		return NULL;
	mm->mm_users = 1;
	mm->mmap_base = config->task_size;
	mm->legacy_layout = config->legacy_layout;
	mm_pkeys_init(mm);
	mm->mm_mt = vma_index_create(machine->index_ops, machine->index_arena);
	if (!mm->mm_mt)
		goto free_mm;
	if (mm_locks_create(mm))
		goto free_index;
	if (pt_init(&mm->pgd, config->pagetable_levels, machine->arena, machine->frames,
		    &machine->pt))
		goto free_locks;
	mm->pgd.swap = machine->swap;
	if (config->locking && pt_share(&mm->pgd))
		goto free_tables;
	return mm;

free_tables:
	pt_destroy(&mm->pgd);

free_locks:
	mm_locks_destroy(mm);
free_index:
	vma_index_destroy(mm->mm_mt);
free_mm:
	deallocate_mm(mm);
	return NULL;
}

void free_mm(struct mm_struct *mm)
{
	pt_destroy(&mm->pgd);
	vma_index_destroy(mm->mm_mt);
	mm_locks_destroy(mm);
	deallocate_mm(mm);
}

void exit_mmap(struct mm_struct *mm)
{
	struct vm_area_struct *vma, *gone = NULL;
	struct vma_walk walk;

	for_each_vma(&walk, mm->mm_mt, vma) {
		vma->vm_next_gone = gone;
		gone = vma;
	}
	while (gone) {
		vma = gone;
		gone = vma->vm_next_gone;
		if (vma->vm_flags & VM_HUGETLB)
			hugetlb_zap(vma, vma->vm_start, vma->vm_end);
		vm_stat_account(mm, vma->vm_flags, -(long)vma_pages(vma));
		remove_vma(vma);
	}
	free_mm(mm); /* destroy does not look at the VMAs */
}

void mmput(struct mm_struct *mm)
{
	if (!machine_add(mm->machine, &mm->mm_users, -1))
		exit_mmap(mm);
}

/* ---- filled at once: by fork and by exec ---- */

/* VMAs in address order that are on their way into an empty mm. */
struct batch {
	struct mm_struct *mm;
	struct vm_area_struct **vmas;
	size_t n, room;
};

static int batch_start(struct batch *batch, struct mm_struct *mm, size_t room)
{
	*batch = (struct batch){ .mm = mm, .room = room };
	batch->vmas = arena_alloc(mm->machine->arena, (room + 1) * sizeof(*batch->vmas), 0);
	return batch->vmas ? 0 : -ENOMEM;
}

static void batch_end(struct batch *batch)
{
	arena_free(batch->mm->machine->arena, batch->vmas, (batch->room + 1) * sizeof(*batch->vmas),
		   0);
}

static void batch_drop(struct batch *batch)
{
	while (batch->n) {
		struct vm_area_struct *vma = batch->vmas[--batch->n];

		vm_stat_account(batch->mm, vma->vm_flags, -(long)vma_pages(vma));
		remove_vma(vma);
	}
	batch_end(batch);
}

/* From here on its pages count, also against what is committed to the next one; and are found. */
static void batch_add(struct batch *batch, struct vm_area_struct *vma)
{
	vm_stat_account(batch->mm, vma->vm_flags, (long)vma_pages(vma));
	batch->vmas[batch->n++] = vma;
	rmap_set(vma);
}

/*
 * Puts the VMAs, which are copies of all that oldmm (unless NULL) has, into the
 * index; 0, or -ENOMEM and they are gone.
 */
static int batch_commit(struct batch *batch, const struct mm_struct *oldmm)
{
	struct mm_struct *mm = batch->mm;
	struct vma_index *index = mm->mm_mt;
	int err = oldmm ? vma_index_clone(index, oldmm->mm_mt, batch->vmas, batch->n)
			: index->ops->build(index, batch->vmas, batch->n);

	if (err) {
		batch_drop(batch);
		return err;
	}
	mm->map_count = batch->n;
	this_cpu(mm->machine)->peak_vmas = max(this_cpu(mm->machine)->peak_vmas, mm->map_count);
	batch_end(batch);
	return 0;
}

/* ---- fork ---- */

/* F5: a child's copy of one VMA; NULL also where it would be committed too much. */
static struct vm_area_struct *dup_vma(struct mm_struct *mm, const struct vm_area_struct *mpnt)
{
	struct vm_area_struct *vma;

	if ((mpnt->vm_flags & VM_ACCOUNT) &&
	    security_vm_enough_memory_mm(mpnt->vm_mm, vma_pages(mpnt)))
		return NULL;
	vma = vm_area_dup(mm, mpnt);

	if (!vma)
		return NULL;
	vma->vm_flags &= ~VM_LOCKED_MASK;
	dup_userfaultfd(vma);
	if (vma->vm_flags & VM_HUGETLB)
		hugetlb_dup_private(vma);
	if (!(mpnt->vm_flags & VM_WIPEONFORK) && anon_vma_fork(vma, mpnt)) {
		vm_area_free(vma);
		return NULL;
	}
	vma_open(vma);
	return vma;
}

/* A child needs the entries of memory that a fault could not bring back, guard pages among it. */
static bool vma_needs_copy(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & VM_WIPEONFORK) &&
	       (vma->anon_vma || (vma->vm_flags & (VM_PFNMAP | VM_MIXEDMAP | VM_MAYBE_GUARD)));
}

static bool is_cow_mapping(vm_flags_t flags)
{
	return (flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
}

static int copy_page_tables(struct mm_struct *mm, struct mm_struct *oldmm)
{
	struct vm_area_struct *mpnt;
	struct vma_walk walk;
	int err = 0;

	for_each_vma(&walk, oldmm->mm_mt, mpnt) {
		if ((mpnt->vm_flags & VM_DONTCOPY) || !vma_needs_copy(mpnt))
			continue;
		if (mpnt->vm_flags & VM_HUGETLB)
			err = hugetlb_copy_pages(find_vma(mm, mpnt->vm_start), mpnt);
		else
			err = pt_copy(&mm->pgd, &oldmm->pgd, mpnt->vm_start, mpnt->vm_end,
				      is_cow_mapping(mpnt->vm_flags));
		if (err)
			break;
	}
	pt_flush(&oldmm->pgd);
	return err;
}

int dup_mmap(struct mm_struct *mm, struct mm_struct *oldmm)
{
	struct vm_area_struct *mpnt;
	struct vma_walk walk;
	struct batch batch;

	if (batch_start(&batch, mm, oldmm->map_count))
		return -ENOMEM;
	for_each_vma(&walk, oldmm->mm_mt, mpnt) {
		if (mpnt->vm_flags & VM_DONTCOPY)
			continue;
		vma_start_write(mpnt);
		struct vm_area_struct *vma = dup_vma(mm, mpnt);
		if (!vma) {
			batch_drop(&batch);
			return -ENOMEM;
		}
		batch_add(&batch, vma);
	}
	if (batch_commit(&batch, batch.n == oldmm->map_count ? oldmm : NULL))
		return -ENOMEM;
	return copy_page_tables(mm, oldmm);
}

struct mm_struct *dup_mm(struct mm_struct *oldmm)
{
	struct mm_struct *mm = mm_alloc(oldmm->machine);

	if (!mm)
		return NULL;
	mm->mmap_base = oldmm->mmap_base;
	mm->start_brk = oldmm->start_brk;
	mm->brk = oldmm->brk;
	mm->start_stack = oldmm->start_stack;
	mm->def_flags = oldmm->def_flags & ~VM_LOCKED_MASK;
	mm->merge_any = oldmm->merge_any;
	mm->mdwe = mdwe_inherited(oldmm);
	mm->read_implies_exec = oldmm->read_implies_exec;
	mm->legacy_layout = oldmm->legacy_layout;
	mm->data_size = oldmm->data_size;
	mm->thp = oldmm->thp;
	mm->pkey_allocation_map = oldmm->pkey_allocation_map;
	mm->execute_only_pkey = oldmm->execute_only_pkey;
	machine_add(mm->machine, &mm->machine->forks, 1);
	if (dup_mmap(mm, oldmm)) {
		mmput(mm);
		return NULL;
	}
	return mm;
}

int copy_mm(unsigned long clone_flags, struct task_struct *tsk, const struct task_struct *parent)
{
	tsk->mm = NULL;
	vmacache_flush(tsk);
	if (!parent->mm)
		return 0;
	if (clone_flags & CLONE_VM) {
		tsk->mm = parent->mm;
		machine_add(tsk->mm->machine, &tsk->mm->mm_users, 1);
		return 0;
	}
	if (parent->mm->machine->config.nommu)
		return -EINVAL;
	tsk->mm = dup_mm(parent->mm);
	return tsk->mm ? 0 : -ENOMEM;
}

/* ---- exec ---- */

static struct vm_area_struct *layout_vma(struct mm_struct *mm, const struct vma_layout *layout)
{
	struct vma_desc desc = {
		.start = layout->start,
		.end = layout->end,
		.flags = layout->flags,
		.pgoff = layout->pgoff,
		.file = layout->file,
	};
	struct vm_area_struct *vma = vm_area_alloc(mm, &desc);

	if (!vma)
		return NULL;
	if (vma->vm_file && vma_mmap(vma)) {
		vm_area_free(vma);
		return NULL;
	}
	vma->vm_flags = layout->flags; /* of the kernel's drivers */
	if (!hugetlb_fits(vma))
		vma->vm_flags &= ~VM_HUGETLB;
	return vma;
}

/* F8: what was written to before the program's first instruction. */
static int prepare_layout(struct mm_struct *mm, const struct vma_layout *layout, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (layout[i].anon && anon_vma_prepare(find_vma(mm, layout[i].start)))
			return -ENOMEM;
	}
	return 0;
}

int exec_mmap(struct machine *machine, struct task_struct *tsk, const struct vma_layout *layout,
	      size_t n, unsigned long mmap_base, unsigned long start_brk, unsigned long brk,
	      unsigned long start_stack)
{
	struct mm_struct *mm = mm_alloc(machine);
	struct batch batch;

	if (!mm)
		return -ENOMEM;
	if (batch_start(&batch, mm, n))
		goto drop_mm;
	for (size_t i = 0; i < n; i++) {
		struct vm_area_struct *vma = layout_vma(mm, &layout[i]);
		if (!vma) {
			batch_drop(&batch);
			goto drop_mm;
		}
		batch_add(&batch, vma);
		mm_pkeys_learn(mm, layout[i].flags);
	}
	if (batch_commit(&batch, NULL) || prepare_layout(mm, layout, n))
		goto drop_mm;
	mm->mmap_base = mmap_base;
	mm->start_brk = start_brk;
	mm->brk = brk;
	mm->start_stack = start_stack;
	mm->merge_any = machine->config.merge_any;
	mm->mdwe = machine->config.mdwe;
	if (tsk->mm) { /* what prctl has set outlives an exec */
		mm->thp = tsk->mm->thp;
		mm->merge_any = tsk->mm->merge_any;
		mm->mdwe = mdwe_inherited(tsk->mm);
		mmput(tsk->mm);
	}
	tsk->mm = mm;
	vmacache_flush(tsk);
	return 0;

drop_mm:
	mmput(mm);
	return -ENOMEM;
}
