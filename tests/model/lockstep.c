/*
 * 'vmabench check': random operations on all indexes agree; and an index that is
 * wrong is found out, and what shows it is shrunk and saved as a trace.
 */
#include <stdlib.h>
#include <unistd.h>

#include "harness/check.h"
#include "tests/suite.h"

START_TEST(test_all_agree)
{
	struct index_list indexes = { .n = 0 };
	struct check_options options;
	struct check_report report;

	check_options_default(&options);
	options.seed = test_seed() + (unsigned long)_i;
	options.ops = 60000;
	options.pagetable_levels = _i ? 5 : 4;
	options.vmas = _i ? 60 : 600;
	index_list_all(&indexes);
	ck_assert_int_eq(check_run(&indexes, &options, &report), 0);
	ck_assert_msg(!report.different, "seed %lu: %s; the events are in %s",
		      (unsigned long)options.seed, report.what, options.save);
	ck_assert_uint_ge(report.ops, options.ops);
	/* the operations must be worth something */
	ck_assert_uint_gt(report.failed_calls, report.ops / 20);
	ck_assert_uint_lt(report.failed_calls, report.ops / 4 * 3);
	ck_assert_uint_gt(report.forks, 10);
	for (unsigned kind = 0; kind < TRACE_NKINDS; kind++) {
		if (kind == TRACE_MMAP || kind == TRACE_MREMAP || kind == TRACE_FAULT)
			ck_assert_uint_gt(report.by_kind[kind], report.ops / 50);
	}
}
END_TEST

/* ---- an index that is wrong now and then ---- */

static const struct vma_index_ops *good;

/* Misses a VMA of one page when asked for its only page, at one place in 64. */
static struct vm_area_struct *wrong_find(const struct vma_index *index, unsigned long addr)
{
	struct vm_area_struct *vma = good->find(index, addr);

	if (vma && vma_start(vma) == addr && vma_end(vma) == addr + PAGE_SIZE &&
	    (addr >> PAGE_SHIFT) % 64 == 7)
		return good->find(index, vma_end(vma));
	return vma;
}

static void check_shrunk_trace(const char *path, const struct vma_index_ops *wrong)
{
	struct trace_error error;
	struct trace_event event;
	struct replay_options options;
	struct trace_reader *reader = trace_open(path, &error);
	struct replay_world *a, *b;
	int more;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	replay_options_default(&options);
	a = replay_create(good, trace_info(reader), &options);
	b = replay_create(wrong, trace_info(reader), &options);
	while ((more = trace_next(reader, &event, &error)) > 0) {
		ck_assert_int_eq(replay_event(a, &event), 0);
		ck_assert_int_eq(replay_event(b, &event), 0);
	}
	ck_assert_int_eq(more, 0);
	/* the wrong one ends elsewhere, or holds what contradicts itself */
	bool wrong_state = replay_verify(b, NULL) != NULL;
	ck_assert(wrong_state || replay_finish(a) != replay_finish(b));
	replay_destroy(a);
	replay_destroy(b);
	trace_close(reader);
}

START_TEST(test_wrong_index_is_found_and_shrunk)
{
	struct index_list indexes = { .n = 2 };
	struct vma_index_ops wrong;
	struct check_options options;
	struct check_report report;
	char path[64];

	good = vma_index_lookup("list");
	wrong = *good;
	wrong.name = "wrong";
	wrong.find = wrong_find;
	indexes.ops[0] = good;
	indexes.ops[1] = &wrong;
	check_options_default(&options);
	options.seed = test_seed();
	options.ops = 200000;
	options.shrink_seconds = 600;   /* it takes a second or two; a slow machine may take its time */
	snprintf(path, sizeof(path), "/tmp/vmabench-lockstep-%d.vmt", getpid());
	options.save = path;

	ck_assert_int_eq(check_run(&indexes, &options, &report), 0);
	ck_assert(report.different);
	/* the beginning, and few of the calls: how few depends on the seed */
	ck_assert_uint_le(report.shrunk, CHECK_FILES + 5 + 100);
	check_shrunk_trace(path, &wrong);
	unlink(path);
}
END_TEST

TEST_SUITE(lockstep)
{
	Suite *suite = suite_create("lockstep");
	TCase *tcase = tcase_create("check");

	tcase_set_timeout(tcase, 1200);
	tcase_add_loop_test(tcase, test_all_agree, 0, 2);
	tcase_add_test(tcase, test_wrong_index_is_found_and_shrunk);
	suite_add_tcase(suite, tcase);
	return suite;
}
