/*
 * bench_space - an index under test with its VMAs (see bench.h)
 *
 *	slab   | node bounds value ... | node bounds value ... | ...
 *	         VMA 0                   VMA 1
 *
 * VMA numbers have nothing to do with addresses, so the VMAs lie shuffled in
 * memory, and in the same way for all indexes.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "harness/bench/bench.h"
#include "harness/measure/clock.h"

#define LOOK_EVERY 64 /* moves between two looks at the clock, but for the first */

size_t bench_stride(const struct index_list *indexes)
{
	size_t stride = BENCH_VMA_SIZE;

	for (unsigned i = 0; i < indexes->n; i++) {
		size_t size = indexes->ops[i]->node_size + sizeof(struct bench_vma);

		stride = max(stride, (size + 63) & ~(size_t)63);
	}
	return stride;
}

/* Builds the index of the VMAs where places says they are. */
static bool space_build(struct bench_space *space, const uint32_t *places, const uint32_t *order)
{
	const struct layout *layout = space->layout;
	struct vm_area_struct **vmas = malloc(layout->vmas * sizeof(*vmas));
	bool built;

	if (!vmas)
		return false;
	for (size_t i = 0; i < layout->vmas; i++) {
		const struct place *place = &layout->places[places[order[i]]];

		vmas[i] = bench_vma(space, order[i]);
		vma_set_bounds(vmas[i], place->start, place->end);
	}
	vma_index_destroy(space->index);
	space->index = vma_index_create(space->ops, space->arena);
	built = space->index && !space->ops->build(space->index, vmas, layout->vmas);
	free(vmas);
	return built;
}

static void space_memory(const struct bench_space *space, struct arena_stats *stats,
			 size_t *footprint)
{
	struct vma_footprint all;

	arena_stats(space->arena, stats);
	space->ops->footprint(space->index, &all);
	*footprint = all.bytes;
}

bool bench_move(struct bench_space *space, struct vm_area_struct *vma, const struct place *place)
{
	struct vma_edit erase = { .lo = vma_start(vma), .hi = vma_end(vma) };
	struct vma_edit insert = {
		.lo = place->start,
		.hi = place->end,
		.nput = 1,
		.put = { { vma, place->start, place->end } },
	};

	return !vma_index_edit(space->index, &erase) && !vma_index_edit(space->index, &insert);
}

/* Ages by edits: 1 done, 0 it takes too long, -1 out of memory, or the run is to end. */
static int space_age(struct bench_space *space, double limit)
{
	const struct layout *layout = space->layout;
	double begin = cpu_seconds();

	for (size_t i = 0; i < layout->nmoves; i++) {
		const struct move *move = &layout->moves[i];

		if (!bench_move(space, bench_vma(space, move->vma), &layout->places[move->to]))
			return -1;
		if (i < LOOK_EVERY ? !(i & (i + 1)) : i % LOOK_EVERY == 0) {
			double spent = cpu_seconds() - begin;

			if (saved_stopped())
				return -1;
			if (spent > limit / 100 && spent / (i + 1) * layout->nmoves > limit)
				return 0;
		}
	}
	return 1;
}

static bool space_fill(struct bench_space *space, double limit)
{
	const struct layout *layout = space->layout;
	int aged;

	if (!space_build(space, layout->fresh, layout->fresh_order))
		return false;
	space_memory(space, &space->fresh, &space->fresh_footprint);
	aged = space_age(space, limit);
	if (aged < 0 || (!aged && !space_build(space, layout->aged, layout->aged_order)))
		return false;
	space->by_edits = aged;
	space_memory(space, &space->aged, &space->aged_footprint);
	space->contents = bench_contents(space);
	return true;
}

struct bench_space *bench_space_create(const struct vma_index_ops *ops, const struct layout *layout,
				       size_t stride, double limit)
{
	struct bench_space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	space->ops = ops;
	space->layout = layout;
	space->stride = stride;
	space->slab_size = (layout->vmas + BENCH_SPARE_VMAS) * stride;
	space->slab = mmap(NULL, space->slab_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (space->slab == MAP_FAILED) {
		free(space);
		return NULL;
	}
	for (size_t i = 0; i < layout->vmas + BENCH_SPARE_VMAS; i++)
		((struct bench_vma *)bench_vma(space, i))->value = mix64(i);
	space->arena = arena_create();
	if (!space->arena || !space_fill(space, limit)) {
		bench_space_destroy(space);
		return NULL;
	}
	return space;
}

void bench_space_destroy(struct bench_space *space)
{
	if (!space)
		return;
	vma_index_destroy(space->index);
	arena_destroy(space->arena);
	munmap(space->slab, space->slab_size);
	free(space);
}

uint64_t bench_contents(const struct bench_space *space)
{
	struct vma_cursor cursor = { .index = space->index };
	uint64_t hash = HASH_START;

	for (space->ops->seek(&cursor, 0); cursor.vma; space->ops->next(&cursor)) {
		hash = hash_add(hash, vma_start(cursor.vma));
		hash = hash_add(hash, vma_end(cursor.vma));
		hash = hash_add(hash, bench_vma_number(space, cursor.vma));
	}
	return hash;
}
