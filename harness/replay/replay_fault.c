/*
 * replay_fault - recorded page faults: done once more, and what they were if nobody told
 *
 *  1. An inferred fault says that a page was written to, not when: whatever
 *     the VMA may be by now, it has an anon_vma.  It is redundant where there
 *     is one already.
 *  2. A fault that may have been a read or a write was a read where writing
 *     is forbidden, and a write where the page had been read before.
 *  3. Otherwise it was a write, what most first touches of writable memory are; but
 *     where the recorder looked at the pages afterwards, writes are told, and it was a read.
 */
#include "harness/replay/replay_internal.h"

#include <errno.h>

#include "base/hash.h"

static bool fault_was_write(const struct replay_world *world, struct mm_struct *mm,
			    unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	if (!vma || !(vma->vm_flags & VM_WRITE))
		return false;
	if (vma->vm_start > addr) /* a stack grows */
		return true;
	if (pt_get(&mm->pgd, addr & PAGE_MASK))
		return true;
	return !world->writes_told;
}

static unsigned fault_flags(struct replay_world *world, struct mm_struct *mm,
			    const struct trace_event *event)
{
	uint64_t bits = event->arg[1];
	bool write = bits & TRACE_FAULT_WRITE;

	if (bits & TRACE_FAULT_UNKNOWN) {
		world->counts.faults_guessed++;
		write = fault_was_write(world, mm, event->arg[0]);
	}
	return (write ? FAULT_FLAG_WRITE : 0) |
	       (bits & TRACE_FAULT_INSTR ? FAULT_FLAG_INSTRUCTION : 0);
}

/* Somewhere before, something wrote to this page. */
static int fault_inferred(struct replay_world *world, struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	world->counts.faults_inferred++;
	if (!vma || vma->anon_vma || (vma->vm_flags & VM_SHARED))
		return 0;
	if (vma->vm_flags & VM_WRITE)
		return mm_user_fault(mm, addr, FAULT_FLAG_WRITE);
	return anon_vma_prepare(vma);
}

static int do_fault(struct replay_world *world, struct mm_struct *mm,
		    const struct trace_event *event)
{
	if (event->arg[1] & TRACE_FAULT_INFERRED)
		return fault_inferred(world, mm, event->arg[0]);
	return mm_user_fault(mm, event->arg[0], fault_flags(world, mm, event));
}

/* The fault where the recorded address is here; a stack that grows takes its range along. */
static int fault_whatif(struct replay_world *world, struct mm_struct *mm,
			const struct trace_event *event)
{
	struct translation *map = world->tasks[event->task].map;
	struct trace_event here = *event;
	struct vm_area_struct *stack;
	struct piece piece, above;

	piece = translation_at(map, event->arg[0], 0, VMA_INDEX_END);
	here.arg[0] += piece.delta;
	if (piece.mapped)
		return do_fault(world, mm, &here);
	if (piece.end == VMA_INDEX_END)
		return -EFAULT;
	above = translation_at(map, piece.end, piece.end, VMA_INDEX_END);
	stack = vma_lookup(mm, piece.end + above.delta);
	if (!stack || !(stack->vm_flags & VM_GROWSDOWN))
		return -EFAULT;
	here.arg[0] += above.delta;
	int err = do_fault(world, mm, &here);
	if (stack->vm_start < piece.end + above.delta &&
	    translation_set(map, stack->vm_start - above.delta, piece.end, above.delta))
		return -ENOMEM;
	return err;
}

int replay_fault(struct replay_world *world, const struct trace_event *event)
{
	struct mm_struct *mm = replay_act_as(world, event->task);
	int err;

	if (world->options.no_faults)
		return 0;
	if (mm && (event->arg[1] & TRACE_FAULT_INFERRED)) {
		err = world->options.whatif ? fault_whatif(world, mm, event)
					    : do_fault(world, mm, event);
		return err == -ENOMEM ? -ENOMEM : 0;
	}
	world->counts.faults++;
	if (!mm) {
		world->counts.faults_without_mm++;
		return 0;
	}
	err = world->options.whatif ? fault_whatif(world, mm, event) : do_fault(world, mm, event);
	world->hash = hash_add(world->hash, (uint64_t)err);
	return err == -ENOMEM ? -ENOMEM : 0;
}
