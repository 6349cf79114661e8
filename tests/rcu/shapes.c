/*
 * Readers beside a writer on trees of many shapes, for indexes that have such readers: one
 * leaf, two levels, three, and VMAs so far apart that nodes are uncompressed or folded.  Each
 * answer must have been true at some moment (the suite long_run has all indexes).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rcu.h"
#include "base/rng.h"
#include "tests/bed.h"
#include "tests/rcu/stage.h"
#include "tests/suite.h"

#ifdef __SANITIZE_THREAD__
#define EDITS 400
#else
#define EDITS 1500
#endif

static const struct {
	size_t vmas;
	unsigned shift, rounds;
} plays[] = {
	{ 5, 0, 4 }, { 60, 0, 6 }, { 300, 0, 10 }, { 300, 32, 6 }, { 3000, 0, 6 }, { 3000, 30, 3 },
};

/* Races that the sanitizer finds in the Linux kernel's code are not ours. */
static bool has_readers(const struct vma_index_ops *ops)
{
#ifdef __SANITIZE_THREAD__
	if (ops->caps & VMA_INDEX_RCU_PARTS) {
		printf("index tests leave out %s: its own races are not for ThreadSanitizer\n",
		       ops->name);
		return false;
	}
#endif
	return ops->caps & VMA_INDEX_RCU;
}

START_TEST(test_shapes)
{
	const struct vma_index_ops *ops = bed_type(_i);
	char why[300];

	for (size_t i = 0; i < ARRAY_SIZE(plays) && has_readers(ops); i++) {
		struct stage_play play = {
			.ops = ops,
			.readers = 2,
			.rounds = plays[i].rounds,
			.edits = EDITS,
			.vmas = plays[i].vmas,
			.shift = plays[i].shift,
			.seed = test_seed() + i,
		};

		ck_assert_msg(stage_run(&play, why, sizeof(why)), "%zu VMAs, shift %u: %s",
			      plays[i].vmas, plays[i].shift, why);
	}
}
END_TEST

/* ---- what waits for a grace period is bounded ---- */

#define CHURN_VMAS    2000
#define CHURN_READING 64 /* finds in a read section */

struct churn {
	const struct vma_index_ops *ops;
	struct vma_index *index;
	bool over;
};

static void *churn_read(void *arg)
{
	struct churn *churn = arg;
	struct rng rng;

	rcu_register_thread();
	rng_seed(&rng, test_seed());
	while (!__atomic_load_n(&churn->over, __ATOMIC_ACQUIRE)) {
		rcu_read_lock();
		for (unsigned i = 0; i < CHURN_READING; i++)
			churn->ops->find(churn->index, rng_below(&rng, 4 * CHURN_VMAS) * PAGE_SIZE);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

/* The i-th of the slab's VMAs has a place of its own, and comes and goes there. */
static void churn_edit(struct churn *churn, char *slab, bool *there, struct rng *rng)
{
	size_t i = rng_below(rng, CHURN_VMAS);
	unsigned long lo = 4 * i * PAGE_SIZE;
	struct vma_edit edit = { .lo = lo, .hi = lo + 4 * PAGE_SIZE, .nput = !there[i] };

	edit.put[0] = (struct vma_put){
		.vma = (struct vm_area_struct *)(slab + i * (64 + churn->ops->node_size) +
						 churn->ops->node_size),
		.start = lo + PAGE_SIZE,
		.end = lo + 3 * PAGE_SIZE,
	};
	there[i] = !there[i];
	ck_assert_int_eq(vma_index_edit(churn->index, &edit), 0);
}

/* At no moment is the index twice as large as it is on average. */
static void churn_beside_reader(const struct vma_index_ops *ops, uint64_t edits)
{
	struct churn churn = { .ops = ops };
	struct arena *arena = arena_create();
	char *slab = calloc(CHURN_VMAS, 64 + ops->node_size);
	bool there[CHURN_VMAS] = { false };
	struct vma_footprint footprint;
	uint64_t most = 0, sum = 0, seen = 0;
	pthread_t reader;
	struct rng rng;

	ck_assert(arena && slab);
	churn.index = vma_index_create(ops, arena);
	ck_assert_ptr_nonnull(churn.index);
	rng_seed(&rng, test_seed());
	for (unsigned i = 0; i < 4 * CHURN_VMAS; i++)
		churn_edit(&churn, slab, there, &rng);
	ck_assert_int_eq(pthread_create(&reader, NULL, churn_read, &churn), 0);
	for (uint64_t i = 0; i < edits; i++) {
		churn_edit(&churn, slab, there, &rng);
		ops->footprint(churn.index, &footprint);
		most = max(most, footprint.bytes);
		sum += footprint.bytes;
		seen++;
		ck_assert_msg(most <= 2 * sum / seen, "%s: %lu bytes, %lu on average", ops->name,
			      most, sum / seen);
	}
	__atomic_store_n(&churn.over, true, __ATOMIC_RELEASE);
	pthread_join(reader, NULL);
	printf("%s: %lu edits held %lu bytes at most, %lu on average\n", ops->name, edits, most,
	       sum / seen);
	vma_index_destroy(churn.index);
	arena_destroy(arena);
	free(slab);
}

/* TEST_LONG=1: as many edits as take an hour beside a reader, at 3.6 microseconds each. */
START_TEST(test_memory)
{
	const struct vma_index_ops *ops = bed_type(_i);

	if (has_readers(ops))
		churn_beside_reader(ops, getenv("TEST_LONG") ? 1000000000UL : 100000);
}
END_TEST

TEST_SUITE(shapes)
{
	Suite *suite = suite_create("shapes");
	TCase *tcase = tcase_create("shapes");

	if (getenv("TEST_LONG"))
		tcase_set_timeout(tcase, 7200);
	tcase_add_loop_test(tcase, test_shapes, 0, bed_plain_types());
	tcase_add_loop_test(tcase, test_memory, 0, bed_plain_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
