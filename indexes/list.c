/*
 * list - a sorted doubly linked list of VMAs
 *
 *   before <-> VMA <-> VMA <-> VMA <-> after
 *   [0, 0)                             [END, END)
 *
 * The links stand right in front of each VMA, so the list needs no memory of
 * its own.  Its two ends look like VMAs that hold no address: no operation
 * meets a NULL, and each gap lies between two neighbours.  Every search walks
 * from the front, O(n).
 *
 * Invariants
 *  1. From before to after, node->next->prev == node, with vmas VMAs between.
 *  2. Each VMA is page-aligned, not empty and ends at or below VMA_INDEX_END.
 *  3. No VMA starts below the end of the one before it.
 *
 * After the mmap list of Linux 2.6, which had a tree beside it to find a VMA;
 * this is the list alone.
 */
#include <errno.h>

#include "indexes/vma_index.h"

struct list_node {
	struct list_node *next, *prev;
};

struct list_end {
	struct list_node node;
	struct vma_bounds bounds;
};

struct list {
	struct vma_index index;
	struct list_end before, after;
	size_t vmas;
};

static const struct vma_index_ops list_ops;

static struct list *list_of(const struct vma_index *index)
{
	return container_of(index, struct list, index);
}

static struct list_node *list_node(const struct vm_area_struct *vma)
{
	return vma_node(&list_ops, vma);
}

/* The VMA behind node; at an end of the list something with bounds only. */
static struct vm_area_struct *list_vma(const struct list_node *node)
{
	return (struct vm_area_struct *)(node + 1);
}

static void list_link(struct list_node *node, struct list_node *next)
{
	node->next = next;
	next->prev = node;
}

static int list_init(struct vma_index *index)
{
	struct list *list = list_of(index);

	list->before.node.prev = &list->before.node;
	list->after.node.next = &list->after.node;
	list->after.bounds = (struct vma_bounds){ VMA_INDEX_END, VMA_INDEX_END };
	list_link(&list->before.node, &list->after.node);
	return 0;
}

/* ---- readers ---- */

/* The first node that ends above addr, or after. */
static struct list_node *list_first(const struct list *list, unsigned long addr)
{
	struct list_node *node = list->before.node.next;

	while (node != &list->after.node && vma_end(list_vma(node)) <= addr)
		node = node->next;
	return node;
}

static struct vm_area_struct *list_find(const struct vma_index *index, unsigned long addr)
{
	struct list *list = list_of(index);
	struct list_node *node = list_first(list, addr);

	return node == &list->after.node ? NULL : list_vma(node);
}

static struct vm_area_struct *list_stand(struct vma_cursor *cursor, struct list_node *node)
{
	struct list *list = list_of(cursor->index);
	bool off = node == &list->before.node || node == &list->after.node;

	cursor->node = node;
	cursor->vma = off ? NULL : list_vma(node);
	return cursor->vma;
}

static struct vm_area_struct *list_seek(struct vma_cursor *cursor, unsigned long addr)
{
	return list_stand(cursor, list_first(list_of(cursor->index), addr));
}

static struct vm_area_struct *list_next(struct vma_cursor *cursor)
{
	return list_stand(cursor, ((struct list_node *)cursor->node)->next);
}

static unsigned list_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	return vma_scan_by(cursor, vmas, n, list_next);
}

static struct vm_area_struct *list_prev(struct vma_cursor *cursor)
{
	return list_stand(cursor, ((struct list_node *)cursor->node)->prev);
}

/* The gap behind node, if gap takes it. */
static bool list_take_gap(const struct list_node *node, struct vma_gap *gap)
{
	return vma_gap_take(gap, vma_end(list_vma(node)), vma_start(list_vma(node->next)));
}

static int list_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	struct list *list = list_of(index);
	struct list_node *node;

	if (gap->topdown) {
		for (node = list->after.node.prev;; node = node->prev) {
			if (list_take_gap(node, gap))
				return 0;
			if (node == &list->before.node)
				return -ENOMEM;
		}
	}
	for (node = &list->before.node; node != &list->after.node; node = node->next) {
		if (list_take_gap(node, gap))
			return 0;
	}
	return -ENOMEM;
}

/* ---- the writer ---- */

static void list_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct list *list = list_of(index);
	struct list_node *node = list_first(list, edit->lo), *last = node->prev;

	for (; vma_start(list_vma(node)) < edit->hi; node = node->next)
		list->vmas--;
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		vma_set_bounds(put->vma, put->start, put->end);
		list_link(last, list_node(put->vma));
		last = last->next;
	}
	list_link(last, node);
	list->vmas += edit->nput;
}

static int list_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct list *list = list_of(index);
	struct list_node *last = &list->before.node;

	for (size_t i = 0; i < n; i++) {
		list_link(last, list_node(vmas[i]));
		last = last->next;
	}
	list_link(last, &list->after.node);
	list->vmas = n;
	return 0;
}

/* ---- self-help ---- */

static unsigned list_verify(const struct vma_index *index, FILE *report)
{
	struct list *list = list_of(index);
	struct list_node *node = &list->before.node;
	size_t vmas = 0;

	for (; node != &list->after.node && vmas <= list->vmas; node = node->next, vmas++) {
		if (node->next->prev != node)
			return vma_index_broken(index, 1, report, "the links at VMA %zu", vmas);
	}
	if (node != &list->after.node || vmas != list->vmas + 1)
		return vma_index_broken(index, 1, report, "not %zu VMAs linked", list->vmas);
	for (node = list->before.node.next; node != &list->after.node; node = node->next) {
		if (!vma_bounds_valid(list_vma(node)))
			return vma_index_broken(index, 2, report, "bounds %#lx-%#lx",
						vma_start(list_vma(node)), vma_end(list_vma(node)));
	}
	for (node = list->before.node.next; node != &list->after.node; node = node->next) {
		if (vma_start(list_vma(node)) < vma_end(list_vma(node->prev)))
			return vma_index_broken(index, 3, report, "%#lx starts below %#lx",
						vma_start(list_vma(node)),
						vma_end(list_vma(node->prev)));
	}
	return 0;
}

static int list_corrupt(struct vma_index *index, unsigned n)
{
	struct list *list = list_of(index);
	struct list_node *first = list->before.node.next, *second = first->next;

	if (list->vmas < 2)
		return -ENOENT;
	if (n == 1)
		second->prev = second;
	else if (n == 2)
		vma_set_bounds(list_vma(first), vma_end(list_vma(first)), 0);
	else
		vma_set_bounds(list_vma(first), vma_start(list_vma(first)),
			       vma_end(list_vma(second)));
	return 0;
}

static const struct vma_index_ops list_ops = {
	.name = "list",
	.summary = "sorted doubly linked list, walked from the front",
	.abi = VMA_INDEX_ABI,
	.invariants = 3,
	.size = sizeof(struct list),
	.node_size = sizeof(struct list_node),
	.init = list_init,
	.find = list_find,
	.seek = list_seek,
	.next = list_next,
	.prev = list_prev,
	.scan = list_scan,
	.find_gap = list_find_gap,
	.commit = list_commit,
	.build = list_build,
	.verify = list_verify,
	.corrupt = list_corrupt,
};

VMA_INDEX_REGISTER(list_ops);
