/*
 * Tests of the benchmark: all cases on all indexes agree, an index that is
 * wrong loses its numbers, slow ones are skipped with a reason.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/bench/bench.h"
#include "harness/measure/counters.h"
#include "harness/measure/latency.h"
#include "harness/measure/results.h"
#include "harness/cli/verb.h"
#include "indexes/btree/simd.h"
#include "tests/suite.h"

#include <linux/perf_event.h>

static FILE *quiet(void)
{
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	return file;
}

static struct bench_options fast(size_t vmas)
{
	return (struct bench_options){
		.sizes = { vmas },
		.nsizes = 1,
		.repetitions = 2,
		.min_time = 1e-5,
		.limit = 100,
		.seed = 1,
		.cycle = 8192,
		.talk = quiet(),
		.quiet = true,
		.trace_dir = "/nonexistent",
	};
}

static struct results run(const struct bench_options *options, int *status)
{
	struct bench_session *session = bench_begin(options);
	struct results results;
	char why[256] = "";
	json_t *root;

	ck_assert_ptr_nonnull(session);
	bench_micro(session);
	bench_traces(session);
	root = bench_finish(session, status);
	ck_assert_msg(!results_of(&results, root, why, sizeof(why)), "%s", why);
	json_decref(root);
	return results;
}

static size_t length(const struct results *results, const char *key)
{
	return json_array_size(json_object_get(results->root, key));
}

START_TEST(test_all_cases_agree)
{
	static const size_t sizes[] = { 1, 2, 3, 100, 300 };
	struct bench_options options = fast(sizes[_i]);
	const struct bench_case *kase;
	struct results results;
	int status;

	for (const struct vma_index_ops *ops; (ops = vma_index_type(options.indexes.n));)
		options.indexes.ops[options.indexes.n++] = ops;
	results = run(&options, &status);
	ck_assert_int_eq(status, STATUS_OK);
	ck_assert_uint_eq(length(&results, "failed"), 0);
	ck_assert_uint_eq(length(&results, "skipped"), 0);
	for (size_t i = 0; (kase = bench_case_at(i)); i++) {
		const struct result *array =
			results_find(&results, "array", kase->name, kase->mode, sizes[_i]);

		ck_assert_ptr_nonnull(array);
		ck_assert_uint_eq(strlen(array->hash), 16);
		for (unsigned k = 0; k < options.indexes.n; k++) {
			const struct vma_index_ops *ops = options.indexes.ops[k];
			const struct result *row = results_find(&results, ops->name, kase->name,
								kase->mode, sizes[_i]);

			ck_assert_ptr_nonnull(row);
			ck_assert_uint_eq(row->repetitions, 2);
			ck_assert(row->median > 0);
			ck_assert_str_eq(row->hash, ops->caps & VMA_INDEX_NULL ? "" : array->hash);
		}
	}
	ck_assert_uint_eq(length(&results, "memory"), options.indexes.n - 1);
	results_free(&results);
}
END_TEST

/* ---- indexes that are wrong: the array with one op of another kind ---- */

static const struct vma_index_ops *array(void)
{
	return vma_index_lookup("array");
}

static struct vm_area_struct *wrong_find(const struct vma_index *index, unsigned long addr)
{
	return array()->find(index, addr >> 14 & 1 ? addr : 0);
}

static int wrong_gap(const struct vma_index *index, struct vma_gap *gap)
{
	int err = array()->find_gap(index, gap);

	gap->end -= PAGE_SIZE;
	return err;
}

static struct vm_area_struct *wrong_next(struct vma_cursor *cursor)
{
	array()->next(cursor);
	return cursor->slot == 50 ? array()->next(cursor) : cursor->vma;
}

/* Drops the second of two puts or more: what is left looks well. */
static void wrong_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct vma_edit less = *edit;

	if (less.nput > 2)
		less.put[1] = less.put[--less.nput];
	array()->commit(index, &less);
}

/* The answer depends on how often it was asked. */
static struct vm_area_struct *moody_find(const struct vma_index *index, unsigned long addr)
{
	static unsigned long times;

	return array()->find(index, ++times > 20000 ? 0 : addr);
}

static struct vma_index_ops wrong(int which)
{
	struct vma_index_ops ops = *array();

	ops.name = "wrong";
	switch (which) {
	case 0:
		ops.find = wrong_find;
		break;
	case 1:
		ops.find_gap = wrong_gap;
		break;
	case 2:
		ops.next = wrong_next;
		ops.scan = NULL;
		break;
	case 3:
		ops.commit = wrong_commit;
		break;
	default:
		ops.find = moody_find;
		break;
	}
	return ops;
}

START_TEST(test_wrong_index_fails)
{
	static const char *const cases[][2] = {
		{ "find-independent", "no-touch" },
		{ "gap-up", "deep" },
		{ "iterate", "touch" },
		{ "munmap-many", "aged" },
		{ "find-dependent", "no-touch" },
	};
	struct bench_options options = fast(100);
	struct vma_index_ops ops = wrong(_i);
	struct results results;
	int status;

	options.min_time = 0.005;
	options.case_glob = cases[_i][0];
	options.indexes.ops[0] = array();
	options.indexes.ops[1] = &ops;
	options.indexes.n = 2;
	results = run(&options, &status);
	ck_assert_int_eq(status, STATUS_DIFFERENCE);
	ck_assert_uint_ge(length(&results, "failed"), 1);
	ck_assert_ptr_null(results_find(&results, "wrong", cases[_i][0], cases[_i][1], 100));
	if (_i < 3) /* the hashes differ: nobody can tell who is right */
		ck_assert_ptr_null(
			results_find(&results, "array", cases[_i][0], cases[_i][1], 100));
	results_free(&results);
}
END_TEST

/* ---- indexes that are slow ---- */

static void dawdle(void)
{
	struct timespec now, begin;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 1000000);
}

static struct vm_area_struct *slow_find(const struct vma_index *index, unsigned long addr)
{
	dawdle();
	return array()->find(index, addr);
}

static void slow_commit(struct vma_index *index, const struct vma_edit *edit)
{
	dawdle();
	array()->commit(index, edit);
}

START_TEST(test_slow_index_is_skipped)
{
	struct bench_options options = fast(100);
	struct vma_index_ops ops = *array();
	struct results results;
	int status;

	ops.name = "slow";
	ops.find = slow_find;
	ops.commit = slow_commit;
	options.limit = 0.2;
	options.indexes.ops[0] = &ops;
	options.indexes.n = 1;
	results = run(&options, &status);
	ck_assert_int_eq(status, STATUS_OK);
	ck_assert_ptr_null(results_find(&results, "slow", "find-dependent", "touch", 100));
	ck_assert_ptr_null(results_find(&results, "slow", "churn", "aged", 100));
	ck_assert_ptr_nonnull(results_find(&results, "slow", "gap-up", "deep", 100));
	ck_assert_ptr_nonnull(results_find(&results, "slow", "munmap-many", "aged", 100));
	ck_assert_uint_ge(length(&results, "skipped"), 14); /* and the ageing */
	results_free(&results);
}
END_TEST

/* ---- streams and instruction sets ---- */

/* Longer than what a branch predictor learns (bench.h), also of few VMAs. */
START_TEST(test_streams_are_long)
{
	struct layout *layout = layout_create(100, 1);
	const struct bench_case *kase;

	ck_assert_ptr_nonnull(layout);
	for (size_t i = 0; (kase = bench_case_at(i)); i++) {
		struct bench_run run = { .kase = kase, .unit = 1, .cycle = BENCH_CYCLE };
		bool gap = !strncmp(kase->name, "gap-", 4);
		struct rng rng;
		void *stream;

		rng_seed(&rng, 1);
		stream = kase->prepare(layout, &run, &rng);
		ck_assert_ptr_nonnull(stream);
		ck_assert_uint_eq(run.batch % run.unit, 0);
		ck_assert_uint_eq(run.cycle % run.unit, 0);
		if (gap || strstr(kase->name, "find-"))
			ck_assert_uint_ge(run.cycle, gap ? 1 << 15 : 1 << 18);
		if (!strcmp(kase->name, "churn") || !strcmp(kase->name, "split-merge"))
			ck_assert_uint_eq(run.cycle, 1 << 17);
		free(stream);
	}
	layout_destroy(layout);
}
END_TEST

/* The results say what btree searched with, and the answers do not depend on it. */
START_TEST(test_simd_is_recorded)
{
	struct bench_options options = fast(300);
	const char *name;
	char hash[32] = "";

	options.case_glob = "find-miss/touch";
	options.indexes.ops[0] = vma_index_lookup("btree");
	options.indexes.n = 1;
	for (unsigned i = 0; (name = btree_simd_name(i)); i++) {
		struct results results;
		const char *used;
		int status;

		if (!btree_set_simd(name)) {
			printf("not tested: this processor has no %s\n", name);
			continue;
		}
		results = run(&options, &status);
		ck_assert_int_eq(status, STATUS_OK);
		used = json_string_value(
			json_object_get(json_object_get(results.root, "context"), "simd"));
		ck_assert_str_eq(used, name);
		if (*hash)
			ck_assert_str_eq(results.rows[0].hash, hash);
		snprintf(hash, sizeof(hash), "%s", results.rows[0].hash);
		results_free(&results);
	}
	ck_assert(*hash);
	ck_assert(!btree_set_simd("mmx"));
	ck_assert(btree_set_simd("auto"));
}
END_TEST

/* ---- what is beside the cases ---- */

START_TEST(test_speed)
{
	struct bench_options options = fast(100);
	struct results results;
	json_t *entry;
	int status;

	options.trace_dir = "workloads/traces";
	options.case_glob = "replay-ls/speed";
	options.indexes.ops[0] = vma_index_lookup("null");
	options.indexes.ops[1] = array();
	options.indexes.n = 2;
	results = run(&options, &status);
	ck_assert_int_eq(status, STATUS_OK);
	ck_assert_uint_eq(length(&results, "speed"), 1);
	entry = json_array_get(json_object_get(results.root, "speed"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(entry, "index")), "array");
	ck_assert_int_gt(json_integer_value(json_object_get(entry, "calls")), 10);
	ck_assert_int_gt(json_integer_value(json_object_get(entry, "faults")), 10);
	ck_assert(json_number_value(json_object_get(entry, "call_seconds")) > 0);
	ck_assert(json_number_value(json_object_get(entry, "decode_seconds")) > 0);
	results_free(&results);
}
END_TEST

/* Each part off in turn, of a short program: who does not count in the state left it as it was. */
START_TEST(test_parts)
{
	struct bench_options options = fast(100);
	struct results results;
	json_t *entry;
	int status;
	size_t i;

	options.trace_dir = "workloads/traces";
	options.case_glob = "parts-ls";
	options.indexes.ops[0] = vma_index_lookup("null");
	options.indexes.ops[1] = array();
	options.indexes.n = 2;
	results = run(&options, &status);
	ck_assert_int_eq(status, STATUS_OK);
	ck_assert_uint_eq(length(&results, "parts"), 10);
	ck_assert_uint_eq(length(&results, "failed"), 0);
	json_array_foreach(json_object_get(results.root, "parts"), i, entry) {
		const char *part = json_string_value(json_object_get(entry, "part"));
		bool same = json_is_true(json_object_get(entry, "same_state"));
		json_int_t hits = json_integer_value(json_object_get(entry, "find_cache_hits"));

		ck_assert(json_number_value(json_object_get(entry, "seconds")) > 0);
		ck_assert_str_eq(json_string_value(json_object_get(entry, "index")), "array");
		ck_assert_int_eq(json_integer_value(json_object_get(entry, "results")),
				 json_integer_value(json_object_get(entry, "results_equal")));
		ck_assert_int_eq(hits > 0, strcmp(part, "no-find-cache") != 0);
		if (!strcmp(part, "no-faults") || !strcmp(part, "no-accounting"))
			ck_assert_msg(!same, "%s", part);
	}
	results_free(&results);
}
END_TEST

START_TEST(test_latency)
{
	ck_assert(latency_of(1 << 14) > 0);
	ck_assert(latency_of((size_t)1 << 60) == 0); /* more than there can be */
}
END_TEST

/* ---- counters ---- */

START_TEST(test_counters)
{
	static const struct counter_event events[] = {
		{ "faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS },
		{ "nonsense", PERF_TYPE_HARDWARE, 0xffff },
	};
	struct counters counters;
	volatile char *pages;

	if (counters_open(&counters, events, 2)) {
		printf("not tested: counters: perf_event_open is not allowed here\n");
		return;
	}
	ck_assert_uint_eq(counters.n, 1);
	pages = aligned_alloc(PAGE_SIZE, 4096 * PAGE_SIZE);
	counters_start(&counters);
	for (size_t i = 0; i < 4096; i++)
		pages[i * PAGE_SIZE] = 1;
	counters_stop(&counters);
	ck_assert(counters.value[0] >= 1 && counters.value[0] < 8192);
	free((void *)pages);
	counters_close(&counters);
	ck_assert_uint_eq(counters.n, 0);
}
END_TEST

TEST_SUITE(bench)
{
	Suite *suite = suite_create("bench");
	TCase *cases = tcase_create("cases");

	tcase_add_loop_test(cases, test_all_cases_agree, 0, 5);
	tcase_add_loop_test(cases, test_wrong_index_fails, 0, 5);
	tcase_add_test(cases, test_slow_index_is_skipped);
	tcase_add_test(cases, test_streams_are_long);
	tcase_add_test(cases, test_simd_is_recorded);
	tcase_add_test(cases, test_speed);
	tcase_add_test(cases, test_parts);
	tcase_add_test(cases, test_latency);
	tcase_add_test(cases, test_counters);
	suite_add_tcase(suite, cases);
	return suite;
}
