/*
 * anon_vma - what the anonymous pages of related VMAs hang on, and when it is born
 *
 * Its presence and identity decide which VMAs may merge (rules C3, C4, F1–F5).
 * Of the chain only the length is kept: above one means a forked child's VMA.
 */
#include "mm/mm.h"

#include <errno.h>

static struct anon_vma *anon_vma_alloc(struct machine *machine)
{
	struct anon_vma *anon_vma = arena_alloc(machine->arena, sizeof(*anon_vma), 0);

	if (anon_vma) {
		anon_vma->refs = 1;
		this_cpu(machine)->anon_vmas++;
	}
	return anon_vma;
}

static void anon_vma_put(struct machine *machine, struct anon_vma *anon_vma)
{
	if (machine_add(machine, &anon_vma->refs, -1))
		return;
	this_cpu(machine)->anon_vmas--;
	arena_free(machine->arena, anon_vma, sizeof(*anon_vma), 0);
}

/* Could the two be one VMA, but for what may be done to them? */
static bool anon_vma_compatible(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	return a->vm_end == b->vm_start && a->vm_policy == b->vm_policy &&
	       a->vm_file == b->vm_file &&
	       !((a->vm_flags ^ b->vm_flags) & ~(VM_ACCESS_FLAGS | VM_IGNORE_MERGE)) &&
	       b->vm_pgoff == a->vm_pgoff + vma_pages(a);
}

static struct anon_vma *reusable_anon_vma(const struct vm_area_struct *owner,
					  const struct vm_area_struct *a,
					  const struct vm_area_struct *b)
{
	if (!owner->anon_vma || owner->anon_vma_chain != 1 || !anon_vma_compatible(a, b))
		return NULL;
	return owner->anon_vma;
}

/* F3: the next one's, then the previous one's. */
static struct anon_vma *find_mergeable_anon_vma(const struct vm_area_struct *vma)
{
	struct vm_area_struct *prev, *next;
	struct anon_vma *anon_vma = NULL;

	next = find_vma(vma->vm_mm, vma->vm_end);
	if (next)
		anon_vma = reusable_anon_vma(next, vma, next);
	if (anon_vma)
		return anon_vma;
	find_vma_prev(vma->vm_mm, vma->vm_start, &prev);
	return prev ? reusable_anon_vma(prev, prev, vma) : NULL;
}

int anon_vma_prepare(struct vm_area_struct *vma)
{
	if (vma->anon_vma)
		return 0;

	struct anon_vma *anon_vma = find_mergeable_anon_vma(vma);
	if (anon_vma)
		anon_vma->refs++;
	else
		anon_vma = anon_vma_alloc(vma->vm_mm->machine);
	if (!anon_vma)
		return -ENOMEM;
	vma->anon_vma = anon_vma;
	vma->anon_vma_chain = 1;
	return 0;
}

void anon_vma_clone(struct vm_area_struct *dst, const struct vm_area_struct *src)
{
	if (dst->anon_vma || !src->anon_vma)
		return;
	src->anon_vma->refs++;
	dst->anon_vma = src->anon_vma;
	dst->anon_vma_chain = src->anon_vma_chain;
}

int anon_vma_fork(struct vm_area_struct *vma, const struct vm_area_struct *pvma)
{
	if (!pvma->anon_vma)
		return 0;
	vma->anon_vma = anon_vma_alloc(vma->vm_mm->machine);
	if (!vma->anon_vma)
		return -ENOMEM;
	vma->anon_vma_chain = pvma->anon_vma_chain + 1;
	return 0;
}

void unlink_anon_vmas(struct vm_area_struct *vma)
{
	if (!vma->anon_vma)
		return;
	anon_vma_put(vma->vm_mm->machine, vma->anon_vma);
	vma->anon_vma = NULL;
	vma->anon_vma_chain = 0;
}
