/*
 * bench_bulk - all VMAs at a time: iteration, build, fork
 *
 * An operation is one VMA.  The VMAs of the new indexes are a second set with
 * the same bounds, there before the clock runs: what fork copies of a VMA is mm's
 * work, not the index's.  Destroying is not timed.  A step costs less than a
 * multiplication takes: iteration sums up its answers.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "harness/bench/bench.h"

#define COPIES_VMAS 16384 /* small indexes are built until there are that many VMAs */

/* ---- iteration ---- */

static void *iterate_nothing(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	(void)rng;
	run->unit = run->batch = run->cycle = layout->vmas;
	return malloc(1);
}

static inline __attribute__((always_inline)) uint64_t iterate_all(struct bench_run *run, uint64_t n,
								  uint64_t digest, bool touch)
{
	struct vma_cursor cursor = { .index = run->space->index };
	struct vm_area_struct *vmas[VMA_WALK_BATCH];
	uint64_t sum = 0, sums = 0; /* of which the second depends on the order, as digests do */
	uint64_t seen = 0;
	unsigned some;

	for (run->space->ops->seek(&cursor, 0); cursor.vma && seen < n; seen += some) {
		some = vma_index_scan(&cursor, vmas, VMA_WALK_BATCH);
		for (unsigned i = 0; i < some; i++) {
			sum += touch ? bench_vma_value(vmas[i]) : bench_which(run->space, vmas[i]);
			sums += sum;
		}
	}
	return bench_digest(bench_digest(digest, sums), seen);
}

static uint64_t iterate(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	(void)pos;
	return iterate_all(run, n, digest, false);
}

static uint64_t iterate_touch(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	(void)pos;
	return iterate_all(run, n, digest, true);
}

/* ---- build and fork ---- */

/* What a run has: room for the copies, and the second set of VMAs. */
struct bulk {
	size_t vmas, ncopies;
	struct vm_area_struct **list; /* the second set, in address order */
	char *slab;
	size_t slab_size;
	struct arena *arena;
	struct vma_index *copies[];
};

static size_t bulk_copies(const struct layout *layout)
{
	return max(COPIES_VMAS / layout->vmas, (size_t)1);
}

static void *bulk_nothing(const struct layout *layout, struct bench_run *run, struct rng *rng)
{
	(void)rng;
	run->unit = layout->vmas;
	run->batch = run->cycle = bulk_copies(layout) * layout->vmas;
	return malloc(1);
}

static void bulk_close(struct bench_run *run)
{
	struct bulk *bulk = run->own;

	if (!bulk)
		return;
	for (size_t i = 0; i < bulk->ncopies; i++)
		vma_index_destroy(bulk->copies[i]);
	if (bulk->slab != MAP_FAILED)
		munmap(bulk->slab, bulk->slab_size);
	arena_destroy(bulk->arena);
	free(bulk->list);
	free(bulk);
	run->own = NULL;
}

/* VMA number i of the second set: where number i of the first is, in the other slab. */
static struct vm_area_struct *bulk_twin(const struct bench_space *space, const struct bulk *bulk,
					const struct vm_area_struct *vma)
{
	return (struct vm_area_struct *)(bulk->slab + ((const char *)vma - space->slab));
}

static bool bulk_open(struct bench_run *run)
{
	const struct bench_space *space = run->space;
	const struct layout *layout = space->layout;
	size_t ncopies = bulk_copies(layout);
	struct bulk *bulk = calloc(1, sizeof(*bulk) + ncopies * sizeof(bulk->copies[0]));

	if (!bulk)
		return false;
	run->own = bulk;
	bulk->vmas = layout->vmas;
	bulk->ncopies = ncopies;
	bulk->arena = arena_create();
	bulk->list = malloc(layout->vmas * sizeof(*bulk->list));
	bulk->slab_size = space->slab_size;
	bulk->slab = mmap(NULL, bulk->slab_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!bulk->arena || !bulk->list || bulk->slab == MAP_FAILED)
		return false;
	for (size_t i = 0; i < layout->vmas; i++) {
		struct vm_area_struct *vma = bench_vma(space, layout->aged_order[i]);

		bulk->list[i] = bulk_twin(space, bulk, vma);
		vma_set_bounds(bulk->list[i], vma_start(vma), vma_end(vma));
	}
	return true;
}

/* As dup_mmap does: walk the parent, find the child's VMA for each; then it is cloned. */
static size_t fork_walk(struct bench_run *run)
{
	const struct bench_space *space = run->space;
	struct bulk *bulk = run->own;
	struct vm_area_struct *vma;
	struct vma_walk walk;
	size_t n = 0;

	for_each_vma(&walk, space->index, vma)
		bulk->list[n++] = bulk_twin(space, bulk, vma);
	return n;
}

static uint64_t bulk_build(struct bench_run *run, uint64_t n, uint64_t digest, bool fork)
{
	struct bulk *bulk = run->own;

	for (size_t i = 0; i < n / bulk->vmas; i++) {
		size_t vmas = fork ? fork_walk(run) : bulk->vmas;
		struct vma_index *copy = vma_index_create(run->space->ops, bulk->arena);

		bulk->copies[i] = copy;
		if (!copy || (fork ? vma_index_clone(copy, run->space->index, bulk->list, vmas)
				   : copy->ops->build(copy, bulk->list, vmas)))
			run->failed = true;
		digest = bench_digest(digest, vmas);
	}
	return digest;
}

static uint64_t build(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	(void)pos;
	return bulk_build(run, n, digest, false);
}

static uint64_t fork_all(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest)
{
	(void)pos;
	return bulk_build(run, n, digest, true);
}

/* The first time the last copy is looked at: the earlier ones' VMAs have been taken over. */
static void bulk_restore(struct bench_run *run)
{
	struct bulk *bulk = run->own;
	size_t last = run->since / bulk->vmas - 1;

	if (!run->contents && bulk->copies[last]) {
		struct bench_space copy = *run->space;

		copy.slab = bulk->slab;
		copy.index = bulk->copies[last];
		run->contents = bench_contents(&copy);
		if (copy.ops->verify(copy.index, stderr))
			run->wrong++;
	}
	for (size_t i = 0; i < bulk->ncopies; i++) {
		vma_index_destroy(bulk->copies[i]);
		bulk->copies[i] = NULL;
	}
}

static const struct bench_case bulk_cases[] = {
	{
		.name = "iterate",
		.mode = "no-touch",
		.operation = "VMA, of all, 64 a call",
		.prepare = iterate_nothing,
		.run = iterate,
	},
	{
		.name = "iterate",
		.mode = "touch",
		.operation = "VMA, of all, 64 a call",
		.prepare = iterate_nothing,
		.run = iterate_touch,
	},
	{
		.name = "build",
		.mode = "bulk",
		.operation = "build, per VMA",
		.prepare = bulk_nothing,
		.open = bulk_open,
		.close = bulk_close,
		.run = build,
		.restore = bulk_restore,
	},
	{
		.name = "fork",
		.mode = "bulk",
		.operation = "walk and clone, per VMA",
		.prepare = bulk_nothing,
		.open = bulk_open,
		.close = bulk_close,
		.run = fork_all,
		.restore = bulk_restore,
	},
};

BENCH_CASES_REGISTER(bulk_cases);
