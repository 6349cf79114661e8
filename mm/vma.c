/*
 * vma - VMAs: made, found, counted
 */
#include "mm/internal.h"
#include "mm/nommu.h"

#include <errno.h>
#include <string.h>

/* ---- made and freed ---- */

/*
 * The index's node stands right in front of vm_start; together they start on a
 * cache line, so that an intrusive node and the bounds share it.
 */
#define VMA_ALIGN 64

static size_t vma_bytes(const struct machine *machine)
{
	return machine->index_ops->node_size + sizeof(struct vm_area_struct);
}

static struct vm_area_struct *vma_new(struct mm_struct *mm)
{
	struct machine *machine = mm->machine;
	char *raw = arena_alloc(machine->arena, vma_bytes(machine), VMA_ALIGN);

	if (!raw)
		return NULL;
	this_cpu(machine)->vmas++;
	return (struct vm_area_struct *)(raw + machine->index_ops->node_size);
}

/* All but the lock. */
static void vma_copy(struct vm_area_struct *vma, const struct vm_area_struct *from)
{
	size_t rest = offsetof(struct vm_area_struct, vm_policy);

	memcpy(vma, from, offsetof(struct vm_area_struct, vm_lock_seq));
	memcpy((char *)vma + rest, (const char *)from + rest, sizeof(*vma) - rest);
}

/* Who finds it before the call that makes it is through waits for that. */
static void vma_lock_init(struct vm_area_struct *vma, const struct mm_struct *mm)
{
	vma->vm_lock_seq = mm->locks ? mm->locks->call : 0;
	vma->vm_readers = 0;
}

struct vm_area_struct *vm_area_alloc(struct mm_struct *mm, const struct vma_desc *desc)
{
	struct vm_area_struct *vma = vma_new(mm);

	if (!vma)
		return NULL;
	*vma = (struct vm_area_struct){
		.vm_start = desc->start,
		.vm_end = desc->end,
		.vm_flags = desc->flags,
		.vm_pgoff = desc->pgoff,
		.vm_file = get_file(desc->file),
		.vm_mm = mm,
		.vm_policy = desc->policy,
		.vm_userfaultfd_ctx = desc->uffd,
		.anon_name = desc->anon_name,
	};
	vma_lock_init(vma, mm);
	if (desc->copied_from) {
		vma->vm_ops = desc->copied_from->vm_ops;
		vma->vm_private_data = desc->copied_from->vm_private_data;
	}
	return vma;
}

struct vm_area_struct *vm_area_dup(struct mm_struct *mm, const struct vm_area_struct *from)
{
	struct vm_area_struct *vma = vma_new(mm);

	if (!vma)
		return NULL;
	vma_copy(vma, from);
	vma_lock_init(vma, mm);
	get_file(vma->vm_file);
	vma->vm_mm = mm;
	vma->shared = (struct interval){ .start = 0 };
	vma->anon_vma = NULL;
	vma->vm_region = NULL;
	vma->anon_vma_chain = NULL;
	vma->anon_vma_links = 0;
	return vma;
}

void vm_area_free(struct vm_area_struct *vma)
{
	struct machine *machine = vma->vm_mm->machine;

	if (vma->vm_region)
		put_nommu_region(machine, vma->vm_region);
	unlink_anon_vmas(vma);
	unlink_file_vma(vma);
	fput(vma->vm_file);
	this_cpu(machine)->vmas--;
	if (!vma->vm_mm->locks || !machine->config.locking->beside ||
	    (machine->config.leave_out & LEAVE_OUT_GRACE_PERIOD))
		vm_area_free_memory(machine, vma);
	else
		backlog_add(&vma->vm_mm->locks->gone, &vma->vm_gone, vma_bytes(machine));
}

void vm_area_free_memory(struct machine *machine, struct vm_area_struct *vma)
{
	arena_free(machine->arena, (char *)vma - machine->index_ops->node_size, vma_bytes(machine),
		   VMA_ALIGN);
}

void remove_vma(struct vm_area_struct *vma)
{
	vma_close(vma);
	vm_area_free(vma);
}

/* ---- found ---- */

struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr)
{
	struct machine *machine = mm->machine;
	const struct find_cache *cache = machine->config.find_cache;
	struct vm_area_struct *vma;

	this_cpu(machine)->finds.calls++;
	if (!cache->find)
		return mm->mm_mt->ops->find(mm->mm_mt, addr);
	vma = cache->find(mm, addr);
	if (!vma)
		return cache->ask(mm, addr);
	this_cpu(machine)->finds.cache_hits++;
	return vma;
}

struct vm_area_struct *find_vma_prev(struct mm_struct *mm, unsigned long addr,
				     struct vm_area_struct **pprev)
{
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	struct vma_cursor cursor = { .index = mm->mm_mt };
	struct vm_area_struct *vma = ops->seek(&cursor, addr);

	*pprev = ops->prev(&cursor);
	return vma;
}

struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, unsigned long start,
					     unsigned long end)
{
	struct vm_area_struct *vma = find_vma(mm, start);

	return vma && vma->vm_start < end ? vma : NULL;
}

struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	return vma && vma->vm_start <= addr ? vma : NULL;
}

int vma_walk(struct mm_struct *mm, unsigned long start, unsigned long end, enum vma_walk_gaps gaps,
	     vma_part_fn part, void *arg)
{
	int gap = gaps == HOLE_IGNORED ? 0 : -ENOMEM;
	int result = 0;

	while (start < end) {
		struct vm_area_struct *vma = find_vma(mm, start);

		if (!vma || vma->vm_start > start) {
			result = gap;
			if (!vma || vma->vm_start >= end || gaps == HOLE_STOPS)
				break;
			start = vma->vm_start;
		}
		unsigned long stop = min(vma->vm_end, end);
		int err = part ? part(vma, start, stop, arg) : 0;
		if (err)
			return err;
		start = stop;
	}
	return result;
}

/* ---- counted ---- */

unsigned long vm_start_gap(const struct vm_area_struct *vma)
{
	unsigned long gap = vma->vm_mm->machine->config.stack_guard_gap;

	if (!(vma->vm_flags & VM_GROWSDOWN))
		return vma->vm_start;
	return vma->vm_start > gap ? vma->vm_start - gap : 0;
}

static bool is_data_mapping(vm_flags_t flags)
{
	return (flags & VM_DATA_FLAGS) == VM_WRITE;
}

bool may_expand_vm(const struct mm_struct *mm, vm_flags_t flags, unsigned long npages)
{
	const struct limits *limits = this_cpu(mm->machine)->current;
	/* who sets a soft limit of 0 means it for brk: the hard one counts */
	unsigned long data = limits->data ? limits->data : limits->data_max;

	if (mm->machine->config.without & PART_ACCOUNTING)
		return true;
	if (mm->total_vm + npages > limits->as >> PAGE_SHIFT)
		return false;
	return !is_data_mapping(flags) || mm->data_vm + npages <= data >> PAGE_SHIFT;
}

void vm_count_pages(struct mm_struct *mm, vm_flags_t flags, long npages)
{
	mm->total_vm += (unsigned long)npages;
	if ((flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC)
		mm->exec_vm += (unsigned long)npages;
	else if (flags & VM_GROWSDOWN)
		mm->stack_vm += (unsigned long)npages;
	else if (is_data_mapping(flags))
		mm->data_vm += (unsigned long)npages;
}

void vm_stat_account(struct mm_struct *mm, vm_flags_t flags, long npages)
{
	if (mm->machine->config.without & PART_ACCOUNTING)
		return;
	vm_count_pages(mm, flags, npages);
	if (flags & VM_ACCOUNT)
		machine_add(mm->machine, &mm->machine->committed, (unsigned long)npages);
}
