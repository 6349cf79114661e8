/*
 * linux-maple - the maple tree of Linux 6.12 (lib/maple_tree.c) behind vma_index.h
 *
 *            [0, 9f] [a0, ff] [100, end]  g     a slot is a range, of a VMA or of a gap;
 *             |          |         |            g: the largest gap below each child
 *   [0, f] [10, 4f] [50, 9f]  ...
 *    NULL    VMA      NULL
 *
 * Range maps: each address belongs to a slot, neighbouring gaps are one.  An edit is as
 * few stores as the kernel needs: a VMA that shrinks keeps its slot and what
 * it loses is stored over, a VMA that grows or is new is stored as a whole.
 * Most edits are one store: reserve walks to its place, mas_preallocate takes
 * the very nodes it needs, and commit stores there, as the kernel's mmap does.
 * Before several stores the worst of them is made spare.
 *
 * linux-maple-rcu is the same in the tree's RCU mode, for readers beside the
 * writer: nodes that they may see are replaced, or changed by a store or two, and
 * freed behind a grace period, a batch at a time.  An edit of several stores is
 * seen in parts.
 *
 * The public API does all the work; only verify looks into nodes.  Its ma_state
 * is larger than our cursor, so each thread keeps the one of its cursor that
 * moved last; another cursor looks its place up again.
 *
 * Invariants: see maple_verify.c.
 */
#include "indexes/peers/linux/maple.h"

#include <linux/slab.h>

#define RCU_BATCH   32 /* nodes that wait for a grace period */
#define SPARE_SHARE 8  /* spare nodes between edits: one for so many in the tree ... */
#define SPARE_DECAY 16 /* ... and what edits needed lately, less by such a part at each */

__attribute__((constructor)) static void linux_maple_prepare_nodes(void)
{
	maple_tree_init();
}

static int linux_maple_init_flags(struct vma_index *index, unsigned flags)
{
	struct linux_maple *maple = linux_maple_of(index);

	mt_init_flags(&maple->tree, MT_FLAGS_ALLOC_RANGE | MT_FLAGS_LOCK_EXTERN | flags);
	maple->slab.arena = index->arena;
	return 0;
}

static int linux_maple_init(struct vma_index *index)
{
	return linux_maple_init_flags(index, 0);
}

static int linux_maple_init_rcu(struct vma_index *index)
{
	return linux_maple_init_flags(index, MT_FLAGS_USE_RCU);
}

static void linux_maple_unreserve(struct vma_index *index);

/* No reader is left, so nothing is put off. */
static void linux_maple_destroy(struct vma_index *index)
{
	struct linux_maple *maple = linux_maple_of(index);

	linux_maple_unreserve(index);
	mt_clear_in_rcu(&maple->tree);
	__mt_destroy(&maple->tree);
	linux_slab_run_deferred(&maple->slab, 0);
	linux_slab_trim(&maple->slab, 0);
}

/* ---- readers ---- */

static struct vm_area_struct *linux_maple_find(const struct vma_index *index, unsigned long addr)
{
	return mt_find(&linux_maple_of(index)->tree, &addr, ULONG_MAX);
}

/* Where the cursor of this thread stands that moved last; its slot is turn. */
static _Thread_local struct {
	struct ma_state mas;
	unsigned long turn;
} linux_maple_place;

/* The cursor's node when it is off an end: which one. */
enum { LINUX_MAPLE_BEFORE = 1, LINUX_MAPLE_AFTER };

static struct vm_area_struct *linux_maple_stand(struct vma_cursor *cursor, void *entry,
						unsigned long end)
{
	cursor->vma = entry;
	cursor->node = entry ? NULL : (void *)end;
	cursor->slot = ++linux_maple_place.turn;
	return entry;
}

/* The cursor's ma_state; a new one if another cursor has moved since. */
static struct ma_state *linux_maple_mas(const struct vma_cursor *cursor)
{
	struct ma_state *mas = &linux_maple_place.mas;

	if (linux_maple_place.turn != cursor->slot) {
		mas_init(mas, &linux_maple_of(cursor->index)->tree, vma_start(cursor->vma));
		mas_walk(mas);
	}
	return mas;
}

static struct vm_area_struct *linux_maple_seek(struct vma_cursor *cursor, unsigned long addr)
{
	struct ma_state *mas = &linux_maple_place.mas;

	mas_init(mas, &linux_maple_of(cursor->index)->tree, addr);
	return linux_maple_stand(cursor, mas_find(mas, ULONG_MAX), LINUX_MAPLE_AFTER);
}

static struct vm_area_struct *linux_maple_next(struct vma_cursor *cursor)
{
	if (cursor->vma)
		return linux_maple_stand(cursor, mas_next(linux_maple_mas(cursor), ULONG_MAX),
					 LINUX_MAPLE_AFTER);
	if (cursor->node == (void *)LINUX_MAPLE_AFTER)
		return NULL;
	return linux_maple_seek(cursor, 0);
}

static struct vm_area_struct *linux_maple_prev(struct vma_cursor *cursor)
{
	struct ma_state *mas = &linux_maple_place.mas;

	if (cursor->vma)
		return linux_maple_stand(cursor, mas_prev(linux_maple_mas(cursor), 0),
					 LINUX_MAPLE_BEFORE);
	if (cursor->node == (void *)LINUX_MAPLE_BEFORE)
		return NULL;
	mas_init(mas, &linux_maple_of(cursor->index)->tree, VMA_INDEX_END);
	return linux_maple_stand(cursor, mas_prev(mas, 0), LINUX_MAPLE_BEFORE);
}

/* As the kernel's mas_for_each(), from the cursor's VMA on. */
static unsigned linux_maple_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas,
				 unsigned n)
{
	void *entry = cursor->vma;
	struct ma_state *mas;
	unsigned done = 0;

	if (!entry)
		return 0;
	for (mas = linux_maple_mas(cursor); entry && done < n; entry = mas_find(mas, ULONG_MAX))
		vmas[done++] = entry;
	linux_maple_stand(cursor, entry, LINUX_MAPLE_AFTER);
	return done;
}

/* The tree tells len bytes of the gap; the slot they are in is all of it. */
static int linux_maple_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	MA_STATE(mas, &linux_maple_of(index)->tree, 0, 0);
	unsigned long hi = min(gap->hi, VMA_INDEX_END);
	int err;

	if (gap->lo >= hi || hi - gap->lo < gap->len)
		return -ENOMEM;
	err = gap->topdown ? mas_empty_area_rev(&mas, gap->lo, hi - 1, gap->len)
			   : mas_empty_area(&mas, gap->lo, hi - 1, gap->len);
	if (err)
		return -ENOMEM;
	mas_walk(&mas);
	gap->start = mas.index;
	gap->end = min(mas.last, VMA_INDEX_END - 1) + 1;
	return 0;
}

/* ---- the writer ---- */

/* One range of an edit and what it holds afterwards: a VMA, or NULL for a gap. */
struct linux_maple_piece {
	unsigned long start, last;
	void *entry;
};

/* The puts of an edit and the gaps between them, in address order. */
static unsigned linux_maple_pieces(const struct vma_edit *edit,
				   struct linux_maple_piece pieces[2 * VMA_EDIT_PUTS + 1])
{
	unsigned long at = edit->lo;
	unsigned n = 0;

	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		if (at < put->start)
			pieces[n++] = (struct linux_maple_piece){ at, put->start - 1, NULL };
		pieces[n++] = (struct linux_maple_piece){ put->start, put->end - 1, put->vma };
		at = put->end;
	}
	if (at < edit->hi)
		pieces[n++] = (struct linux_maple_piece){ at, edit->hi - 1, NULL };
	return n;
}

/*
 * Does the tree hold something else in the piece?  If so mas stands where it
 * begins, ready to store it.  What other pieces store makes no difference:
 * each range belongs to one.
 */
static bool linux_maple_differs(struct ma_state *mas, const struct linux_maple_piece *piece)
{
	void *entry;

	mas_set(mas, piece->start);
	entry = mas_walk(mas);
	if (entry == piece->entry && mas->last >= piece->last)
		return false;
	__mas_set_range(mas, piece->start, piece->last);
	return true;
}

/* Counts the stores of an edit on top of *stores; the last of them is left in store. */
static void linux_maple_count(struct linux_maple *maple, const struct vma_edit *edit,
			      struct linux_maple_store *store, unsigned *stores)
{
	struct linux_maple_piece pieces[2 * VMA_EDIT_PUTS + 1];
	unsigned n = linux_maple_pieces(edit, pieces);
	struct ma_state mas;

	mas_init(&mas, &maple->tree, 0);
	for (unsigned i = 0; i < n; i++) {
		if (!linux_maple_differs(&mas, &pieces[i]))
			continue;
		++*stores;
		store->mas = mas;
		store->entry = pieces[i].entry;
	}
}

/*
 * The nodes that so many stores can take: each at most what the tree's own
 * bound says for a store that spans nodes, and the tree may grow once (from
 * nothing, where a store takes one node, twice).
 */
static size_t linux_maple_bound(const struct linux_maple *maple, unsigned stores)
{
	return (size_t)stores * (3 * (mt_height(&maple->tree) + 1) + 1) + 3;
}

static void linux_maple_settle(struct linux_maple *maple)
{
	struct linux_slab *slab = &maple->slab;

	linux_slab_run_deferred(slab, RCU_BATCH);
	linux_slab_trim(slab, max(1 + (slab->nodes - slab->nspare) / SPARE_SHARE, maple->keep));
}

/* All nodes that so many stores can take are spare. */
static int linux_maple_fill(struct linux_maple *maple, unsigned stores)
{
	size_t need = stores ? linux_maple_bound(maple, stores) : 0;

	maple->keep = max(maple->keep, need);
	return linux_slab_fill(&maple->slab, need);
}

static int linux_maple_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct linux_maple *maple = linux_maple_of(index);
	unsigned stores = 0;
	int err;

	linux_slab_use(&maple->slab);
	for (unsigned i = 0; i < n; i++)
		linux_maple_count(maple, &edits[i], &maple->store, &stores);
	maple->prepared = n == 1 && stores == 1;
	if (maple->prepared)
		err = mas_preallocate(&maple->store.mas, maple->store.entry, GFP_KERNEL);
	else
		err = linux_maple_fill(maple, stores);
	maple->pending = n;
	if (err)
		linux_maple_unreserve(index);
	return err;
}

static void linux_maple_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct linux_maple *maple = linux_maple_of(index);
	struct linux_maple_piece pieces[2 * VMA_EDIT_PUTS + 1];
	struct ma_state mas;
	unsigned n;

	linux_slab_use(&maple->slab);
	if (maple->prepared) {
		mas_store_prealloc(&maple->store.mas, maple->store.entry);
		maple->prepared = false;
	} else {
		n = linux_maple_pieces(edit, pieces);
		mas_init(&mas, &maple->tree, 0);
		for (unsigned i = 0; i < n; i++) {
			if (linux_maple_differs(&mas, &pieces[i]))
				BUG_ON(mas_store_gfp(&mas, pieces[i].entry, GFP_KERNEL));
		}
	}
	for (unsigned i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
	if (--maple->pending)
		return;
	linux_maple_settle(maple);
	maple->keep -= (maple->keep + SPARE_DECAY - 1) / SPARE_DECAY;
}

static void linux_maple_unreserve(struct vma_index *index)
{
	struct linux_maple *maple = linux_maple_of(index);

	linux_slab_use(&maple->slab);
	if (maple->prepared)
		mas_destroy(&maple->store.mas);
	maple->prepared = false;
	maple->pending = 0;
	linux_maple_settle(maple);
}

/* All nodes first, then the VMAs in order and, as nobody reads yet, without RCU. */
static int linux_maple_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct linux_maple *maple = linux_maple_of(index);
	bool rcu = mt_in_rcu(&maple->tree);
	MA_STATE(mas, &maple->tree, 0, 0);

	if (!n)
		return 0;
	linux_slab_use(&maple->slab);
	if (mas_expected_entries(&mas, n)) {
		linux_maple_settle(maple);
		return -ENOMEM;
	}
	mt_clear_in_rcu(&maple->tree);
	for (size_t i = 0; i < n; i++) {
		mas.index = vma_start(vmas[i]);
		mas.last = vma_end(vmas[i]) - 1;
		mas_store(&mas, vmas[i]);
	}
	mas_destroy(&mas);
	if (rcu)
		mt_set_in_rcu(&maple->tree);
	linux_maple_settle(maple);
	return 0;
}

/* As fork does: all nodes are copied, then each VMA is stored over the one it is a copy of. */
static int linux_maple_clone(struct vma_index *index, const struct vma_index *from,
			     struct vm_area_struct *const *copies)
{
	struct linux_maple *maple = linux_maple_of(index);
	bool rcu = mt_in_rcu(&maple->tree);
	MA_STATE(mas, &maple->tree, 0, 0);

	linux_slab_use(&maple->slab);
	if (__mt_dup(&linux_maple_of(from)->tree, &maple->tree, GFP_KERNEL)) {
		linux_maple_settle(maple);
		return -ENOMEM;
	}
	mt_clear_in_rcu(&maple->tree);
	while (mas_find(&mas, ULONG_MAX))
		mas_store(&mas, *copies++);
	if (rcu)
		mt_set_in_rcu(&maple->tree);
	return 0;
}

#define LINUX_MAPLE_OPS(name_, summary_, caps_, init_)                                             \
	{                                                                                          \
		.name = name_, .summary = summary_, .abi = VMA_INDEX_ABI,                          \
		.caps = VMA_INDEX_PEER | (caps_), .invariants = LINUX_MAPLE_INVARIANTS,            \
		.size = sizeof(struct linux_maple), .init = init_, .destroy = linux_maple_destroy, \
		.find = linux_maple_find, .seek = linux_maple_seek, .next = linux_maple_next,      \
		.prev = linux_maple_prev, .scan = linux_maple_scan,                                \
		.find_gap = linux_maple_find_gap, .reserve = linux_maple_reserve,                  \
		.commit = linux_maple_commit, .unreserve = linux_maple_unreserve,                  \
		.build = linux_maple_build, .clone = linux_maple_clone,                            \
		.verify = linux_maple_verify, .corrupt = linux_maple_corrupt,                      \
		.dump = linux_maple_dump, .footprint = linux_maple_footprint,                      \
	}

static const struct vma_index_ops linux_maple_ops =
	LINUX_MAPLE_OPS("linux-maple", "the maple tree of Linux 6.12", 0, linux_maple_init);
static const struct vma_index_ops linux_maple_rcu_ops =
	LINUX_MAPLE_OPS("linux-maple-rcu", "the maple tree of Linux 6.12 in its RCU mode",
			VMA_INDEX_RCU | VMA_INDEX_RCU_PARTS, linux_maple_init_rcu);

VMA_INDEX_REGISTER(linux_maple_ops);
VMA_INDEX_REGISTER(linux_maple_rcu_ops);
