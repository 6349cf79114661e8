/*
 * anon_vma - what the anonymous pages of related VMAs hang on, and when it is born
 *
 *	parent's VMA ──── avc ────── anon_vma P            a page: its anon_vma and offset, by
 *	                  avc ──────┘     │ parent         which all VMAs are found that may
 *	child's VMA ──┬── avc ──────┘     │                map it: those in the anon_vma's tree
 *	              └── avc ────── anon_vma C
 *
 * A VMA's presence here decides which VMAs may merge (rules C3, C4, F1–F5), too.
 *
 *  1. A VMA that was written to has an anon_vma, where its new pages go, and a chain of
 *     links: one to it, and one to each anon_vma where pages may be that it got by fork.
 *  2. Each link is in its anon_vma's interval tree with the offsets of its VMA.
 *  3. Whoever links to an anon_vma links to its parent as well: the parent outlives it.
 *  4. An anon_vma is freed with its last link.
 *
 * Without config.rmap there are no links but their number, and no trees.
 *
 * Source: the behaviour of Linux 6.12's mm/rmap.c, locks apart.  It differs in that
 * VMAs with different anon_vmas may merge where the merge rule lets them: the one then has
 * the links of both.
 */
#include "mm/internal.h"

#include <errno.h>
#include <string.h>

static struct anon_vma *anon_vma_alloc(struct machine *machine)
{
	struct anon_vma *anon_vma = arena_alloc(machine->arena, sizeof(*anon_vma), 0);

	if (!anon_vma)
		return NULL;
	*anon_vma = (struct anon_vma){ .links = 0 };
	this_cpu(machine)->anon_vmas++;
	return anon_vma;
}

static void anon_vma_free(struct machine *machine, struct anon_vma *anon_vma)
{
	this_cpu(machine)->anon_vmas--;
	arena_free(machine->arena, anon_vma, sizeof(*anon_vma), 0);
}

/* ---- links ---- */

/* A new link of vma to anon_vma, which may be one that nobody else has: 0 or -ENOMEM. */
static int anon_vma_link(struct vm_area_struct *vma, struct anon_vma *anon_vma)
{
	struct machine *machine = vma->vm_mm->machine;

	if (machine->config.rmap) {
		struct anon_vma_chain *avc = arena_alloc(machine->arena, sizeof(*avc), 0);

		if (!avc)
			return -ENOMEM;
		*avc = (struct anon_vma_chain){
			.vma = vma,
			.anon_vma = anon_vma,
			.next = vma->anon_vma_chain,
		};
		vma->anon_vma_chain = avc;
		interval_tree_set(&anon_vma->rb_root, &avc->rb, vma->vm_pgoff,
				  vma->vm_pgoff + vma_pages(vma) - 1);
		this_cpu(machine)->anon_vma_chains++;
	}
	vma->anon_vma_links++;
	anon_vma->links++;
	return 0;
}

static bool anon_vma_linked(const struct vm_area_struct *vma, const struct anon_vma *anon_vma)
{
	const struct anon_vma_chain *avc = vma->anon_vma_chain;

	while (avc && avc->anon_vma != anon_vma)
		avc = avc->next;
	return avc;
}

static void set_anon_vma(struct vm_area_struct *vma, struct anon_vma *anon_vma)
{
	__atomic_store_n(&vma->anon_vma, anon_vma, __ATOMIC_RELEASE);
	anon_vma->num_active_vmas++;
}

/* One that has lost its last link no longer counts as a child: a root is its own parent. */
static void anon_vma_unlink(struct anon_vma *anon_vma)
{
	if (!--anon_vma->links)
		anon_vma->parent->num_children--;
}

/* Parents have their last links here too, perhaps: none is freed before all are undone. */
static void free_chain(struct machine *machine, struct anon_vma_chain *avc)
{
	while (avc) {
		struct anon_vma_chain *next = avc->next;

		if (!avc->anon_vma->links)
			anon_vma_free(machine, avc->anon_vma);
		arena_free(machine->arena, avc, sizeof(*avc), 0);
		this_cpu(machine)->anon_vma_chains--;
		avc = next;
	}
}

static void unlink_all(struct machine *machine, struct vm_area_struct *vma)
{
	struct anon_vma_chain *chain = vma->anon_vma_chain;
	struct anon_vma *anon_vma = vma->anon_vma;

	for (struct anon_vma_chain *avc = chain; avc; avc = avc->next) {
		interval_tree_remove(&avc->anon_vma->rb_root, &avc->rb);
		anon_vma_unlink(avc->anon_vma);
	}
	if (anon_vma)
		anon_vma->num_active_vmas--;
	free_chain(machine, chain);
	if (anon_vma && !machine->config.rmap && !--anon_vma->links)
		anon_vma_free(machine, anon_vma);
	vma->anon_vma = NULL;
	vma->anon_vma_chain = NULL;
	vma->anon_vma_links = 0;
}

void unlink_anon_vmas(struct vm_area_struct *vma)
{
	struct machine *machine = vma->vm_mm->machine;

	if (!vma->anon_vma)
		return;
	rmap_lock(machine);
	unlink_all(machine, vma);
	rmap_unlock(machine);
}

/* ---- birth ---- */

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
	if (!owner->anon_vma || owner->anon_vma_links != 1 || !anon_vma_compatible(a, b))
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

/* A new one for vma, below parent, or a root where that is NULL: 0 or -ENOMEM. */
static int new_anon_vma(struct vm_area_struct *vma, struct anon_vma *parent)
{
	struct machine *machine = vma->vm_mm->machine;
	struct anon_vma *anon_vma = anon_vma_alloc(machine);

	if (!anon_vma)
		return -ENOMEM;
	if (anon_vma_link(vma, anon_vma)) {
		anon_vma_free(machine, anon_vma);
		return -ENOMEM;
	}
	anon_vma->parent = parent ? parent : anon_vma;
	anon_vma->parent->num_children++;
	set_anon_vma(vma, anon_vma);
	return 0;
}

static int join_anon_vma(struct vm_area_struct *vma, struct anon_vma *anon_vma)
{
	if (anon_vma_link(vma, anon_vma))
		return -ENOMEM;
	set_anon_vma(vma, anon_vma);
	return 0;
}

int anon_vma_prepare(struct vm_area_struct *vma)
{
	struct machine *machine = vma->vm_mm->machine;
	int err = 0;

	if (vma_anon_vma(vma))
		return 0;
	rmap_lock(machine);
	if (!vma->anon_vma) { /* nobody else was faster */
		struct anon_vma *anon_vma = find_mergeable_anon_vma(vma);

		err = anon_vma ? join_anon_vma(vma, anon_vma) : new_anon_vma(vma, NULL);
	}
	rmap_unlock(machine);
	return err;
}

/* ---- copies ---- */

/* dst links to all that src links to and it does not yet: 0, or -ENOMEM and some are there. */
static int link_likewise(struct vm_area_struct *dst, const struct vm_area_struct *src)
{
	for (const struct anon_vma_chain *avc = src->anon_vma_chain; avc; avc = avc->next) {
		if (!anon_vma_linked(dst, avc->anon_vma) && anon_vma_link(dst, avc->anon_vma))
			return -ENOMEM;
	}
	return 0;
}

/* dst, which has none, hangs on the same: 0, or -ENOMEM and it has none. */
static int clone_all(struct machine *machine, struct vm_area_struct *dst,
		     const struct vm_area_struct *src)
{
	if (!machine->config.rmap) {
		dst->anon_vma_links = src->anon_vma_links;
		src->anon_vma->links++;
	} else if (link_likewise(dst, src)) {
		unlink_all(machine, dst);
		return -ENOMEM;
	}
	set_anon_vma(dst, src->anon_vma);
	return 0;
}

int anon_vma_clone(struct vm_area_struct *dst, const struct vm_area_struct *src)
{
	struct machine *machine = dst->vm_mm->machine;

	if (!src->anon_vma)
		return 0;
	rmap_lock(machine);
	/* if it has one, it is the same, unless the merge rule did not ask for that */
	int err = dst->anon_vma ? link_likewise(dst, src) : clone_all(machine, dst, src);
	rmap_unlock(machine);
	return err;
}

/*
 * An anon_vma whose VMAs have all gone, and that has one child at most, may take a forked
 * VMA's new pages: so chains of forks do not make ever more.  A root, its own child, never does.
 */
static struct anon_vma *idle_anon_vma(const struct vm_area_struct *vma)
{
	const struct anon_vma_chain *avc = vma->anon_vma_chain;

	while (avc && (avc->anon_vma->num_children > 1 || avc->anon_vma->num_active_vmas))
		avc = avc->next;
	return avc ? avc->anon_vma : NULL;
}

static int fork_all(struct machine *machine, struct vm_area_struct *vma,
		    const struct vm_area_struct *pvma)
{
	bool rmap = machine->config.rmap;

	if (link_likewise(vma, pvma))
		return -ENOMEM;
	struct anon_vma *idle = idle_anon_vma(vma);
	if (idle) {
		set_anon_vma(vma, idle);
		return 0;
	}
	if (new_anon_vma(vma, rmap ? pvma->anon_vma : NULL))
		return -ENOMEM;
	if (!rmap)
		vma->anon_vma_links = pvma->anon_vma_links + 1;
	return 0;
}

int anon_vma_fork(struct vm_area_struct *vma, const struct vm_area_struct *pvma)
{
	struct machine *machine = vma->vm_mm->machine;

	if (!pvma->anon_vma)
		return 0;
	rmap_lock(machine);
	int err = fork_all(machine, vma, pvma);
	if (err)
		unlink_all(machine, vma);
	rmap_unlock(machine);
	return err;
}
