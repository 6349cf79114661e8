/*
 * replay_whatif_shape - what an address space has become where places are our own
 *
 * A recorded layout is all there if each byte of it, where it is now, has the
 * rights, the file and the offset that it had, and if nothing else is mapped.
 * Where one VMA ends and the next begins is the merge rule's matter, and so
 * is VM_ACCOUNT, which depends on what had merged when rights changed.
 */
#include "harness/replay/replay_internal.h"

#define NOT_COMPARED (VM_SOFTDIRTY | VM_MAYBE_GUARD | VM_ARCH_1 | VM_PKEY_MASK | VM_ACCOUNT)

/* ---- the recorded layout ---- */

/* The first way in which vma, which has the recorded addr at `here`, is not what was there. */
static const char *byte_differs(const struct vm_area_struct *vma, const struct vma_layout *recorded,
				unsigned long addr, unsigned long here)
{
	if ((vma->vm_flags ^ recorded->flags) & ~NOT_COMPARED)
		return "flags";
	if (!replay_same_file(vma, recorded))
		return "file";
	if (vma->vm_file && vma->vm_file->inode->kind != FILE_SPECIAL &&
	    vma->vm_pgoff + ((here - vma->vm_start) >> PAGE_SHIFT) !=
		    recorded->pgoff + ((addr - recorded->start) >> PAGE_SHIFT))
		return "offset";
	return NULL;
}

/* Where the recorder did not see all faults, how far a stack has grown is not known. */
static bool length_unknown(const struct replay_world *world, vm_flags_t flags)
{
	return !world->info.faults && (flags & VM_GROWSDOWN);
}

/* The pages of one recorded VMA that are here as they were; 0, and told, if one is not. */
static unsigned long vma_pages_equal(struct replay_world *world, struct mm_struct *mm,
				     const struct translation *map,
				     const struct vma_layout *recorded)
{
	unsigned long addr = recorded->start, pages = 0, end;
	const char *what = NULL;

	for (; addr < recorded->end && !what; addr = end) {
		struct piece p = translation_at(map, addr, addr, recorded->end);
		struct vm_area_struct *vma = p.mapped ? vma_lookup(mm, addr + p.delta) : NULL;

		end = vma ? min(p.end, vma->vm_end - p.delta) : p.end;
		if (!vma && length_unknown(world, recorded->flags))
			continue;
		what = vma ? byte_differs(vma, recorded, addr, addr + p.delta) : "not mapped";
		if (what)
			replay_tell_layout(world, what, vma, recorded);
		pages += (end - addr) >> PAGE_SHIFT;
	}
	return what ? 0 : pages;
}

bool replay_whatif_layout_equal(struct replay_world *world, struct mm_struct *mm,
				const struct translation *map)
{
	const struct replay_layout *layout = &world->layout;
	struct vm_area_struct *vma;
	struct vma_walk walk;
	unsigned long recorded = 0, here = 0, equal;

	for (size_t i = 0; i < layout->n; i++) {
		bool open = length_unknown(world, layout->vmas[i].flags);

		equal = vma_pages_equal(world, mm, map, &layout->vmas[i]);
		if (!equal && !open)
			return false;
		recorded += open ? 0 : equal;
	}
	for_each_vma(&walk, mm->mm_mt, vma)
		here += length_unknown(world, vma->vm_flags) ? 0 : vma_pages(vma);
	if (here != recorded)
		replay_tell_layout(world, "more is mapped than there was", NULL, NULL);
	return here == recorded;
}

/* ---- its shape ---- */

static void take_shape(struct replay_shape *shape, const struct mm_struct *mm,
		       const struct translation *map)
{
	struct vm_area_struct *vma;
	struct vma_walk walk;
	unsigned long end = mm->machine->config.mmap_min_addr;

	*shape = (struct replay_shape){
		.vmas = mm->map_count,
		.tables = mm->pgd.tables,
		.span = translation_span(map),
	};
	for_each_vma(&walk, mm->mm_mt, vma) {
		if (vma->vm_start > end) {
			shape->largest_gap =
				max(shape->largest_gap, (uint64_t)(vma->vm_start - end));
			shape->gaps++;
		}
		end = max(end, vma->vm_end);
	}
}

void replay_whatif_watch(struct replay_world *world, const struct replay_task *task)
{
	struct replay_whatif *whatif = &world->counts.whatif;
	const struct mm_struct *mm = task->tsk.mm;

	whatif->peak_tables = max(whatif->peak_tables, (uint64_t)mm->pgd.tables);
	if (mm->map_count > whatif->widest.vmas + whatif->widest.vmas / 64)
		take_shape(&whatif->widest, mm, task->map); /* not at each VMA more */
}
