/*
 * mempolicy - mbind: which NUMA nodes a range's pages come from
 *
 * Only what it does to VMAs: other policies keep neighbours from merging (rule H6).  Where
 * a page is, and whether it can move, is not known: MPOL_MF_STRICT never fails here.
 *
 * Source: the behaviour of Linux 6.18's mm/mempolicy.c.
 */
#include "mm/internal.h"

#include <errno.h>
#include <linux/mempolicy.h>

#include "base/rng.h"

#define MODES          7 /* the last one is MPOL_WEIGHTED_INTERLEAVE */
#define STATIC_NODES   (1UL << 15)
#define RELATIVE_NODES (1UL << 14)
#define NUMA_BALANCING (1UL << 13)
#define MODE_FLAGS     (STATIC_NODES | RELATIVE_NODES | NUMA_BALANCING)
#define BIND           2
#define PREFERRED_MANY 5
#define NODES          64 /* in a word; no machine here has more */

struct policy {
	unsigned long mode, flags, user_nodes, nodes;
};

static int check_mode(const struct policy *policy)
{
	if (policy->mode >= MODES)
		return -EINVAL;
	if ((policy->flags & STATIC_NODES) && (policy->flags & RELATIVE_NODES))
		return -EINVAL;
	if ((policy->flags & NUMA_BALANCING) && policy->mode != BIND &&
	    policy->mode != PREFERRED_MANY)
		return -EINVAL;
	return 0;
}

/* The n-th node that the nodes of the caller stand for is the n-th one with memory. */
static unsigned long relative_nodes(unsigned long nodes, unsigned long memory)
{
	unsigned n = (unsigned)__builtin_popcountl(memory);
	unsigned long wanted = 0, found = 0;

	for (unsigned i = 0; i < NODES; i++)
		wanted |= nodes & 1UL << i ? 1UL << i % n : 0;
	for (unsigned i = 0; i < n; i++, memory &= memory - 1)
		found |= wanted & 1UL << i ? memory & -memory : 0;
	return found;
}

/* What the nodes asked for come to on this machine. */
static unsigned long effective_nodes(const struct policy *policy, unsigned long memory)
{
	unsigned long nodes = policy->user_nodes;

	if (memory)
		nodes = policy->flags & RELATIVE_NODES ? relative_nodes(nodes, memory)
						       : nodes & memory;
	return policy->mode == MPOL_PREFERRED ? nodes & -nodes : nodes;
}

/* Modes go with nodes, or without. */
static int make_policy(struct policy *policy, unsigned long memory)
{
	bool relate = policy->flags & (STATIC_NODES | RELATIVE_NODES);

	if (policy->mode == MPOL_DEFAULT)
		return policy->user_nodes ? -EINVAL : 0;
	if (policy->mode == MPOL_PREFERRED && !policy->user_nodes)
		policy->mode = MPOL_LOCAL;
	if (policy->mode == MPOL_LOCAL)
		return policy->user_nodes || relate ? -EINVAL : 0;
	policy->nodes = effective_nodes(policy, memory);
	return policy->nodes ? 0 : -EINVAL;
}

/* Equal policies have equal numbers; 0 is the default. */
static unsigned policy_number(const struct policy *policy)
{
	bool relate = policy->flags & (STATIC_NODES | RELATIVE_NODES);
	uint64_t hash = mix64(policy->mode | policy->flags) ^ policy->nodes;

	if (policy->mode == MPOL_DEFAULT)
		return 0;
	return (unsigned)mix64(mix64(hash) ^ (relate ? policy->user_nodes : 0)) | 1;
}

static int mbind_part(struct vm_area_struct *vma, unsigned long start, unsigned long end, void *arg)
{
	unsigned policy = *(unsigned *)arg;

	struct vma_attr attr = vma_attr(vma);

	if (vma->vm_policy == policy)
		return 0;
	attr.policy = policy;
	return vma_modify(vma->vm_mm, &vma, start, end, &attr);
}

static int check_range(const struct mm_struct *mm, unsigned long start, unsigned long len,
		       unsigned flags)
{
	if (flags & ~(unsigned)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !this_cpu(mm->machine)->current->sys_nice)
		return -EPERM;
	return (start & ~PAGE_MASK) || start + PAGE_ALIGN(len) < start ? -EINVAL : 0;
}

int do_mbind(struct mm_struct *mm, unsigned long start, unsigned long len, unsigned long mode,
	     unsigned long nodes, unsigned flags, int mask_error)
{
	struct policy policy = {
		.mode = (unsigned)mode & ~MODE_FLAGS,
		.flags = mode & MODE_FLAGS,
		.user_nodes = nodes,
	};
	unsigned long end = start + PAGE_ALIGN(len);
	int err = check_mode(&policy);

	if (!err)
		err = mask_error;
	if (!err)
		err = check_range(mm, start, len, flags);
	if (err || end == start)
		return err;
	err = make_policy(&policy, mm->machine->config.memory_nodes);
	if (err)
		return err;
	if (!find_vma_intersection(mm, start, end))
		return -EFAULT;
	if (policy.mode != MPOL_DEFAULT && vma_walk(mm, start, end, HOLE_STOPS, NULL, NULL))
		return -EFAULT;

	unsigned number = policy_number(&policy);
	return vma_walk(mm, start, end, HOLE_IGNORED, mbind_part, &number);
}
