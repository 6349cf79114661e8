/*
 * Tests of concurrent workloads: histograms, the lock, the verb, every workload on
 * every index under every locking.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/rwlock.h"
#include "harness/threads/threads_bench.h"
#include "tests/command.h"
#include "tests/bed.h"
#include "tests/suite.h"

/* ---- histograms ---- */

START_TEST(test_histogram)
{
	static struct histogram small, all, scaled;

	ck_assert_uint_eq(histogram_quantile(&small, 0.5), 0);
	for (uint64_t i = 1; i <= 60; i++)
		histogram_add(&small, i);
	ck_assert_uint_eq(histogram_quantile(&small, 0.5), 30);
	ck_assert_uint_eq(histogram_quantile(&small, 0), 1);
	ck_assert_uint_eq(histogram_quantile(&small, 1), 60);

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t value = 1UL << bit;

		ck_assert_uint_lt(histogram_bucket(value), HISTOGRAM_BUCKETS);
		ck_assert_uint_ge(histogram_bucket(value), histogram_bucket(value - 1));
		histogram_add(&all, value);
	}
	ck_assert_uint_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	ck_assert_uint_eq(all.largest, 1UL << 63);
	for (unsigned bit = 0; bit < 63; bit++) {
		uint64_t at = histogram_quantile(&all, (bit + 1) / 64.0);

		ck_assert_uint_ge(at, 1UL << bit);
		ck_assert_uint_le(at - (1UL << bit), (1UL << bit) / 32);
	}
	histogram_add_scaled(&scaled, &small, 10);
	ck_assert_uint_eq(scaled.n, 60);
	ck_assert_uint_eq(scaled.largest, 600);
	ck_assert_uint_le(histogram_quantile(&scaled, 0.5), 309);
	ck_assert_uint_ge(histogram_quantile(&scaled, 0.5), 300);
}
END_TEST

/* ---- the lock: numbers that only a writer may change, all at a time ---- */

struct guarded {
	struct rwlock lock;
	unsigned long a, b;
	bool torn;
};

static void *lock_reader(void *arg)
{
	struct guarded *guarded = arg;

	for (unsigned i = 0; i < 20000; i++) {
		rwlock_read_lock(&guarded->lock);
		if (guarded->a != guarded->b)
			__atomic_store_n(&guarded->torn, true, __ATOMIC_RELAXED);
		rwlock_read_unlock(&guarded->lock);
	}
	return NULL;
}

static void *lock_writer(void *arg)
{
	struct guarded *guarded = arg;

	for (unsigned i = 0; i < 5000; i++) {
		rwlock_write_lock(&guarded->lock);
		guarded->a++;
		guarded->b++;
		rwlock_write_unlock(&guarded->lock);
	}
	return NULL;
}

START_TEST(test_lock)
{
	static struct guarded guarded;
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						i < 2 ? lock_writer : lock_reader, &guarded),
				 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert(!guarded.torn);
	ck_assert_uint_eq(guarded.a, 10000);
	ck_assert_uint_eq(guarded.b, 10000);
}
END_TEST

/* ---- runs ---- */

/* All indexes, but for the kernel's own readers beside a writer under ThreadSanitizer. */
static void all_indexes(struct index_list *list)
{
	const struct vma_index_ops *ops;

	for (unsigned i = 0; (ops = vma_index_type(i)); i++) {
#ifdef __SANITIZE_THREAD__
		if (ops->caps & VMA_INDEX_RCU_PARTS)
			continue;
#endif
		if (!bed_leaves_out(ops))
			list->ops[list->n++] = ops;
	}
}

/* Everything there is, few operations of each; quadratic indexes too. */
static void options_tiny(struct threads_options *options)
{
	*options = (struct threads_options){
		.threads = { 1, 3 },
		.nthreads = 2,
		.sizes = { 100 },
		.nsizes = 1,
		.repetitions = 1,
		.ops = 100,
		.seed = test_seed(),
		.latency = true,
		.talk = fopen("/dev/null", "w"),
	};
	while (mm_locking(options->nschemes)) {
		options->schemes[options->nschemes] = mm_locking(options->nschemes);
		options->nschemes++;
	}
	options->schemes[options->nschemes++] = NULL;
	all_indexes(&options->indexes);
	while ((options->workloads[options->nworkloads] = threads_workload(options->nworkloads)))
		options->nworkloads++;
	ck_assert_uint_gt(options->nworkloads, 10);
	ck_assert_ptr_nonnull(options->talk);
}

static void row_good(const json_t *row)
{
	const json_t *latency = json_object_get(row, "latency");
	json_int_t before = 0;

	ck_assert(threads_workload_lookup(json_string_value(json_object_get(row, "workload"))) !=
		  NULL);
	ck_assert(vma_index_lookup(json_string_value(json_object_get(row, "index"))) != NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(row, "vmas")), 100);
	ck_assert_int_eq(json_integer_value(json_object_get(row, "ops")), 100);
	ck_assert(json_real_value(json_object_get(row, "rate")) > 0);
	ck_assert(json_real_value(json_object_get(row, "slowest")) > 0);
	ck_assert(json_is_integer(json_object_get(row, "held_bytes")));
	ck_assert(json_is_object(latency));
	for (unsigned i = 0; i < 4; i++) {
		static const char *const quantiles[] = { "p50", "p99", "p99.9", "max" };
		json_int_t at = json_integer_value(json_object_get(latency, quantiles[i]));

		ck_assert_int_ge(at, before);
		before = at;
	}
}

START_TEST(test_all_of_everything)
{
	struct threads_options options;
	size_t expected = 0, i;
	json_t *results, *row;
	int status;

	options_tiny(&options);
	results = threads_bench(&options, &status);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(json_array_size(json_object_get(results, "failed")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(results, "skipped")), 0);
	for (i = 0; i < options.nworkloads; i++) { /* "none" is for one thread */
		bool mm = options.workloads[i]->ground->has_mm;

		expected += options.indexes.n * (mm ? 2 * options.nschemes - 1 : 2);
	}
	ck_assert_uint_eq(json_array_size(json_object_get(results, "threads")), expected);
	json_array_foreach(json_object_get(results, "threads"), i, row)
		row_good(row);
	json_decref(results);
	fclose(options.talk);
}
END_TEST

/* An index whose find forgets what lies in the upper half of the space. */
static struct vma_index_ops forgetful;

static struct vm_area_struct *forgetful_find(const struct vma_index *index, unsigned long addr)
{
	return addr % (1UL << 21) < 1UL << 20 ? vma_index_lookup("array")->find(index, addr) : NULL;
}

START_TEST(test_wrong_answers_are_noticed)
{
	struct threads_options options;
	json_t *results;
	int status;

	forgetful = *vma_index_lookup("array");
	forgetful.name = "forgetful";
	forgetful.find = forgetful_find;
	options_tiny(&options);
	options.indexes.ops[0] = &forgetful;
	options.indexes.n = 1;
	options.nworkloads = 1;
	ck_assert_str_eq(options.workloads[0]->name, "find");
	results = threads_bench(&options, &status);
	ck_assert_int_eq(status, 1);
	ck_assert_uint_eq(json_array_size(json_object_get(results, "threads")), 0);
	ck_assert_uint_ge(json_array_size(json_object_get(results, "failed")), 1);
	json_decref(results);
	fclose(options.talk);
}
END_TEST

/* ---- the verb ---- */

START_TEST(test_verb)
{
	const char *vmabench = command_vmabench();

	ck_command(0, "fault-beside-mmap", "%s threads --list", vmabench);
	ck_command(2, "no workload 'nothing'", "%s threads -w nothing", vmabench);
	ck_command(2, "no locking 'nothing'", "%s threads --locking nothing", vmabench);
	ck_command(2, "no index 'nothing'", "%s threads --index nothing", vmabench);
	ck_command(2, "index 'null' keeps nothing", "%s threads --index null", vmabench);
	ck_command(2, "must rise", "%s threads -t 2,1", vmabench);
	ck_command(2, "is not from 1 to", "%s threads -t 0", vmabench);
	ck_command(2, "is not a whole number", "%s threads -n many", vmabench);
	ck_command(2, "too few for 20 threads", "%s threads -t 20 -n 100", vmabench);
	ck_command(2, "not a number of seconds", "%s threads --seconds -1", vmabench);
	ck_command(2, "No such file",
		   "%s threads -w find -n 100 -t 1 --ops 10 --index btree "
		   "--json /no/such/file",
		   vmabench);
	ck_command(0, "btree",
		   "%s threads -w 'find*' -n 100 -t 1,2 --ops 10 --index btree "
		   "--no-latency -r 2",
		   vmabench);
}
END_TEST

TEST_SUITE(threads)
{
	Suite *suite = suite_create("threads");
	TCase *cases = tcase_create("threads");

	tcase_set_timeout(cases, 1200);
	tcase_add_test(cases, test_histogram);
	tcase_add_test(cases, test_lock);
	tcase_add_test(cases, test_all_of_everything);
	tcase_add_test(cases, test_wrong_answers_are_noticed);
	tcase_add_test(cases, test_verb);
	suite_add_tcase(suite, cases);
	return suite;
}
