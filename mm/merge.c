/*
 * merge - may a range become one with its neighbours?  The rules alone, no side effects.
 *
 * A new mapping (middle is NULL) may join what ends where it starts and what
 * starts where it ends:
 *
 *	PPPPP*****NNNNN  ->  PPPPP.....NNNNN   none
 *	                     PPPPPPPPPP NNNNN  left
 *	                     PPPPP NNNNNNNNNN  right
 *	                     PPPPPPPPPPPPPPP   both: next goes away
 *
 * A part of an existing VMA that changes may do so only at an edge of it:
 *
 *	PPPPP****MMMMMM  ->  PPPPPPPPPMMMMMM   left, the rest of the middle stays
 *	PPPPP*****NNNNN  ->  PPPPPPPPPPNNNNN   left, the middle goes away
 *	MMMMM*****NNNNN  ->  MMMMMNNNNNNNNNN   right, likewise
 *	PPPPP*****NNNNN  ->  PPPPPPPPPPPPPPP   both: middle and next go away
 *
 * Three rules share these cases; a and b stand for an anon_vma of one's own:
 *
 *	                        linux          none           eager
 *	PPPPP**** alike         PPPPPPPPP      PPPPP****      PPPPPPPPP
 *	aaaaabbbb               aaaaabbbb      aaaaabbbb      aaaaaaaaa
 *	VM_ACCOUNT in one       PPPPP****      PPPPP****      PPPPPPPPP  counted as a whole
 *	one inode, opened twice PPPPP****      PPPPP****      PPPPPPPPP  prev's file, or next's
 *	brk, mremap: growth     PPPPPPPPP      PPPPPPPPP      PPPPPPPPP
 *
 * none: every call's mapping stays a VMA of its own, and what splits stays split.
 * eager: whatever has the same rights, policy and userfaultfd and continues in the file
 * becomes one.  That is sound: pages hang on what they did, since page tables do not
 * name VMAs, and a kernel would link the one VMA to both anon_vmas, which its
 * chain allows; the offset must go on there too, so that a page is found by it.
 *
 * Source: the behaviour of Linux 6.12–6.18's mm/vma.c (rules C1–C6).
 */
#include "mm/internal.h"

#include <string.h>

static const struct merge_rule rules[] = {
	{ .name = "linux",
	  .summary = "the kernel's",
	  .anon_vma = true,
	  .open_file = true,
	  .account = true },
	{ .name = "none",
	  .summary = "never: what is mapped by itself stays by itself",
	  .growth_only = true,
	  .anon_vma = true,
	  .open_file = true,
	  .account = true },
	{ .name = "eager", .summary = "whatever has the same rights and goes on in the file" },
};

const struct merge_rule *merge_rule(unsigned i)
{
	return i < ARRAY_SIZE(rules) ? &rules[i] : NULL;
}

const struct merge_rule *merge_rule_lookup(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!strcmp(rules[i].name, name))
			return &rules[i];
	}
	return NULL;
}

/* C1: the same open file; a driver that counts its VMAs may tell two opens apart. */
static bool same_file(const struct merge_rule *rule, const struct vm_area_struct *vma,
		      const struct file *file)
{
	if (vma->vm_file == file || rule->open_file || !vma->vm_file || !file)
		return vma->vm_file == file;
	return vma->vm_file->inode == file->inode && can_merge_remove_vma(vma);
}

/* C1: all but place and pages must be the same. */
static bool is_mergeable_vma(const struct vma_merge *merge, const struct vm_area_struct *vma)
{
	const struct vma_desc *range = merge->range;
	vm_flags_t ignored = merge_rule_ignores(merge->rule);

	if (merge->leave_out & LEAVE_OUT_ACCOUNT_MERGE)
		ignored |= VM_ACCOUNT;
	return !((vma->vm_flags ^ range->flags) & ~ignored) &&
	       same_file(merge->rule, vma, range->file) && vma->vm_policy == range->policy &&
	       vma->vm_userfaultfd_ctx == range->uffd && vma->anon_name == range->anon_name;
}

/* C3: may target, which will grow, take over the range's anonymous pages? */
static bool is_mergeable_anon_vma(const struct vma_merge *merge,
				  const struct vm_area_struct *target)
{
	const struct anon_vma *source = merge->range->anon_vma;

	if (!merge->rule->anon_vma || (merge->leave_out & LEAVE_OUT_ANON_VMA))
		return true;
	if (!target->anon_vma && source)
		return !vma_is_fork_child(merge->middle) &&
		       !vma_is_fork_child(merge->range->copied_from);
	if (target->anon_vma && !source)
		return !vma_is_fork_child(target);
	return target->anon_vma == source;
}

static bool can_merge_left(const struct vma_merge *merge)
{
	const struct vma_side *prev = merge->prev;
	const struct vma_desc *range = merge->range;

	return prev->vma && prev->end == range->start && prev->end > range->prev_limit &&
	       is_mergeable_vma(merge, prev->vma) &&
	       prev->pgoff + ((prev->end - prev->start) >> PAGE_SHIFT) == range->pgoff &&
	       is_mergeable_anon_vma(merge, prev->vma);
}

static bool can_merge_right(const struct vma_merge *merge)
{
	const struct vma_side *next = merge->next;
	const struct vma_desc *range = merge->range;

	return next->vma && next->start == range->end && !range->expand_only &&
	       is_mergeable_vma(merge, next->vma) &&
	       range->pgoff + ((range->end - range->start) >> PAGE_SHIFT) == next->pgoff &&
	       is_mergeable_anon_vma(merge, next->vma);
}

/* C4: prev and next must go together as well. */
static bool anon_vmas_compatible(const struct vma_merge *merge)
{
	const struct vm_area_struct *a = merge->prev->vma, *b = merge->next->vma;

	if (!merge->rule->anon_vma || (merge->leave_out & LEAVE_OUT_ANON_VMA))
		return true;
	return !a->anon_vma || !b->anon_vma || a->anon_vma == b->anon_vma;
}

enum vma_merge_kind vma_merge(const struct vma_merge *merge)
{
	const struct vma_desc *range = merge->range;
	const struct vm_area_struct *middle = merge->middle;

	if ((range->flags & VM_SPECIAL) || (merge->rule->growth_only && !range->grows))
		return MERGE_NONE;

	bool left = (!middle || range->start == middle->vm_start) && can_merge_left(merge);
	bool right = !merge->rule->growth_only && (!middle || range->end == middle->vm_end) &&
		     can_merge_right(merge);
	bool whole = middle && range->start == middle->vm_start && range->end == middle->vm_end;

	if (left && right && !anon_vmas_compatible(merge))
		right = false;
	if ((left || right) && whole && !can_merge_remove_vma(middle)) /* C5 */
		return MERGE_NONE;
	if (left && right && !can_merge_remove_vma(merge->next->vma))
		right = false;
	if (left)
		return right ? MERGE_BOTH : MERGE_LEFT;
	return right ? MERGE_RIGHT : MERGE_NONE;
}
