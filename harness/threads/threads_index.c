/*
 * threads_index - workloads of an index alone: readers find, one writer edits beside them
 *
 *	places   |AA|....|BB|CC|....|DD|       layout.h; every second VMA stays where it is
 *	writer   |AA|....|BB|..|....|DD|       erases C, an object of VMA,
 *	         |AA|....|BB|..|CC'.|DD|       and inserts C', another one
 *	retired  C ... ──grace period──▶ free  where readers take no lock
 *
 *  1. An index whose readers go beside a writer is read inside rcu_read_lock(), any other under a
 *     rwlock that starves neither side.
 *  2. What a reader finds was there: a VMA that holds the address has the place's bounds,
 *     one behind it begins behind the place; a VMA that stays is always found.
 *  3. An object that has left the index is not used again before a grace period, as mm
 *     does with its VMAs; with a lock, at once.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/rcu.h"
#include "base/rwlock.h"
#include "harness/bench/bench.h"
#include "harness/threads/threads.h"

#define SPARES 1024 /* objects beyond the layout's VMAs, retired or free */

struct index_space {
	const struct vma_index_ops *ops;
	const struct layout *layout;
	struct arena *arena;
	struct vma_index *index;
	bool rcu;
	struct rwlock lock;
	char *slab;
	size_t stride, slab_size;
	struct threads_places places;
	struct vm_area_struct **objects;       /* of each VMA, the one that is in the index */
	struct vm_area_struct *spares[SPARES]; /* nfree that are free, then the retired ones */
	unsigned nfree;
	uint64_t grace_periods;
};

/* An edit that is seen in parts is fine here: each is of one VMA. */
static bool beside_writer(const struct vma_index_ops *ops)
{
	return ops->caps & (VMA_INDEX_RCU | VMA_INDEX_RCU_PARTS);
}

/* ---- made and ended ---- */

static struct vm_area_struct *object(const struct index_space *space, size_t i)
{
	return (struct vm_area_struct *)(space->slab + i * space->stride + space->ops->node_size);
}

static void index_close(void *arg)
{
	struct index_space *space = arg;

	vma_index_destroy(space->index);
	arena_destroy(space->arena);
	if (space->slab)
		munmap(space->slab, space->slab_size);
	threads_places_done(&space->places);
	free(space->objects);
	free(space);
}

static bool index_allocate(struct index_space *space)
{
	const struct index_list one = { .ops = { space->ops }, .n = 1 };
	const struct layout *layout = space->layout;

	space->stride = bench_stride(&one);
	space->slab_size = (layout->vmas + SPARES) * space->stride;
	space->slab = mmap(NULL, space->slab_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (space->slab == MAP_FAILED)
		space->slab = NULL;
	space->objects = malloc(layout->vmas * sizeof(*space->objects));
	space->arena = arena_create();
	space->index = space->arena ? vma_index_create(space->ops, space->arena) : NULL;
	return threads_places_init(&space->places, layout) && space->slab && space->objects &&
	       space->index;
}

/* Objects are shuffled against addresses, as VMA numbers are. */
static bool index_fill(struct index_space *space)
{
	const struct layout *layout = space->layout;
	struct vm_area_struct **sorted = malloc(layout->vmas * sizeof(*sorted));
	bool built;

	if (!sorted)
		return false;
	for (size_t i = 0; i < layout->vmas; i++) {
		const struct place *place = layout_aged(layout, i);

		space->objects[i] = object(space, i);
		vma_set_bounds(space->objects[i], place->start, place->end);
	}
	for (size_t i = 0; i < layout->vmas; i++)
		sorted[i] = space->objects[layout->aged_order[i]];
	built = !space->ops->build(space->index, sorted, layout->vmas);
	free(sorted);
	return built;
}

static void *index_open(const struct threads_setup *setup)
{
	struct index_space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	space->ops = setup->ops;
	space->layout = setup->layout;
	space->rcu = beside_writer(setup->ops);
	if (!index_allocate(space) || !index_fill(space)) {
		index_close(space);
		return NULL;
	}
	while (space->nfree < SPARES) {
		space->spares[space->nfree] = object(space, setup->layout->vmas + space->nfree);
		space->nfree++;
	}
	return space;
}

static const char *index_locking(const struct threads_setup *setup)
{
	return beside_writer(setup->ops) ? "rcu" : "rwlock";
}

static void index_tally(void *arg, struct threads_tally *tally)
{
	const struct index_space *space = arg;

	struct arena_stats stats;

	arena_stats(space->arena, &stats);
	tally->grace_periods = space->grace_periods;
	tally->index_bytes = stats.used;
	tally->index_peak = stats.peak_used;
}

/* ---- what must be there ---- */

static const char *index_verify(void *arg)
{
	struct index_space *space = arg;
	struct vma_footprint footprint;

	if (space->ops->verify(space->index, stderr))
		return "verify finds fault with the index";
	space->ops->footprint(space->index, &footprint);
	if (footprint.vmas != space->layout->vmas)
		return "VMAs came or went";
	for (size_t i = 0; i < space->layout->vmas; i++) {
		const struct place *place = &space->layout->places[space->places.standing[i]];

		if (space->ops->find(space->index, place->start) != space->objects[i] ||
		    vma_start(space->objects[i]) != place->start ||
		    vma_end(space->objects[i]) != place->end)
			return "a VMA is not where it was put";
	}
	return NULL;
}

/* ---- readers ---- */

static bool answer_good(const struct index_space *space, size_t place,
			const struct vm_area_struct *vma)
{
	const struct place *asked = &space->layout->places[place];

	if (vma && vma_start(vma) <= asked->start)
		return vma_start(vma) == asked->start && vma_end(vma) == asked->end;
	return !space->places.stays[place] && (!vma || vma_start(vma) >= asked->end);
}

static void find_rcu(struct threads_thread *thread, uint64_t n)
{
	const struct index_space *space = thread->space;

	while (n--) {
		size_t place = rng_below(&thread->rng, space->layout->nplaces);
		unsigned long addr = space->layout->places[place].start;

		rcu_read_lock();
		if (!answer_good(space, place, space->ops->find(space->index, addr)))
			thread->wrong = "find gave what was never there";
		rcu_read_unlock();
	}
}

static void find_locked(struct threads_thread *thread, uint64_t n)
{
	struct index_space *space = thread->space;

	while (n--) {
		size_t place = rng_below(&thread->rng, space->layout->nplaces);
		unsigned long addr = space->layout->places[place].start;

		rwlock_read_lock(&space->lock);
		if (!answer_good(space, place, space->ops->find(space->index, addr)))
			thread->wrong = "find gave what was never there";
		rwlock_read_unlock(&space->lock);
	}
}

static void find_run(struct threads_thread *thread, uint64_t n)
{
	const struct index_space *space = thread->space;

	if (space->rcu)
		find_rcu(thread, n);
	else
		find_locked(thread, n);
}

/* ---- the writer ---- */

/* Spares: free ones, then those that left the index, oldest last; together all. */
static struct vm_area_struct *take(struct index_space *space)
{
	if (!space->nfree) {
		synchronize_rcu();
		space->grace_periods++;
		space->nfree = SPARES;
	}
	return space->spares[--space->nfree];
}

/* In the place of the one that was taken: readers may still see it. */
static void retire(struct index_space *space, struct vm_area_struct *vma)
{
	space->spares[space->nfree] = vma;
	space->nfree += !space->rcu;
}

static const char *edit(struct index_space *space, const struct vma_edit *edit)
{
	int err;

	if (space->rcu)
		return vma_index_edit(space->index, edit) ? "out of memory" : NULL;
	rwlock_write_lock(&space->lock);
	err = vma_index_edit(space->index, edit);
	rwlock_write_unlock(&space->lock);
	return err ? "out of memory" : NULL;
}

static void move(struct threads_thread *thread)
{
	struct index_space *space = thread->space;
	struct move move = threads_places_move(&space->places, &thread->rng, 0, 1);
	const struct place *from = &space->layout->places[move.from];
	const struct place *to = &space->layout->places[move.to];
	struct vm_area_struct *fresh = take(space);
	struct vma_edit erase = { .lo = from->start, .hi = from->end };
	struct vma_edit insert = {
		.lo = to->start,
		.hi = to->end,
		.nput = 1,
		.put = { { fresh, to->start, to->end } },
	};

	vma_set_bounds(fresh, to->start, to->end); /* as mm does: before it can be found */
	thread->wrong = edit(space, &erase);
	if (!thread->wrong)
		thread->wrong = edit(space, &insert);
	retire(space, space->objects[move.vma]);
	space->objects[move.vma] = fresh;
}

static void move_run(struct threads_thread *thread, uint64_t n)
{
	while (n-- && !thread->wrong)
		move(thread);
}

/* ---- the table ---- */

static const struct threads_ground index_ground = {
	.open = index_open,
	.close = index_close,
	.verify = index_verify,
	.tally = index_tally,
	.locking = index_locking,
};

const struct threads_workload threads_index_workloads[] = {
	{ .name = "find",
	  .operation = "find",
	  .ground = &index_ground,
	  .run = find_run,
	  .summary = "all threads find random places" },
	{ .name = "find-beside-churn",
	  .operation = "find",
	  .ground = &index_ground,
	  .run = find_run,
	  .write = move_run,
	  .summary = "one thread moves VMAs (two edits each), the others find" },
	{ 0 }
};
