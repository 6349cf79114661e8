/*
 * 'vmabench check': random operations on all indexes agree; and an index that is
 * wrong is found out, and what shows it is shrunk and saved as a trace.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/check/check.h"
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

/* All events, their names too. */
static struct check_events read_events(struct trace_reader *reader)
{
	struct check_events events = { .n = 0 };
	struct trace_error error;
	struct trace_event event, *copy;
	int more;

	while ((more = trace_next(reader, &event, &error)) > 0) {
		copy = check_events_add(&events);
		ck_assert_ptr_nonnull(copy);
		*copy = event;
		copy->name = strdup(event.name);
		ck_assert_ptr_nonnull(copy->name);
	}
	ck_assert_int_eq(more, 0);
	return events;
}

/* Do the events, but for one, lead the wrong index elsewhere, or to what contradicts itself? */
static bool wrong_without(const struct check_events *events, size_t left_out,
			  const struct trace_info *info, const struct vma_index_ops *wrong)
{
	struct replay_options options;
	struct replay_world *a, *b;
	bool differs;

	replay_options_default(&options);
	options.compare = left_out == events->n; /* the recorded results are those of all */
	options.digest = true;
	a = replay_create(good, info, &options);
	b = replay_create(wrong, info, &options);
	for (size_t i = 0; i < events->n; i++) {
		if (i == left_out)
			continue;
		ck_assert_int_eq(replay_event(a, &events->event[i]), 0);
		ck_assert_int_eq(replay_event(b, &events->event[i]), 0);
	}
	differs = replay_verify(b, NULL) != NULL || replay_hash(a) != replay_hash(b);
	differs |= replay_finish(a) != replay_finish(b);
	replay_destroy(a);
	replay_destroy(b);
	return differs;
}

/* May it be left out, and the others stay a trace?  Forks are left to check_shrink(). */
static bool may_go(const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_FILE:
	case TRACE_FILE_SIZE:
	case TRACE_EXEC:
	case TRACE_LAYOUT:
	case TRACE_VMA:
	case TRACE_FORK:
	case TRACE_EXIT:
		return false;
	default:
		return true;
	}
}

/* What is left shows the difference, and not one call of it is too many. */
static void check_shrunk_trace(const char *path, const struct vma_index_ops *wrong)
{
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	struct check_events events;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	events = read_events(reader);
	ck_assert(wrong_without(&events, events.n, trace_info(reader), wrong));
	for (size_t i = 0; i < events.n; i++) {
		if (may_go(&events.event[i]))
			ck_assert_msg(!wrong_without(&events, i, trace_info(reader), wrong),
				      "event %zu of %zu could go too", i + 1, events.n);
	}
	for (size_t i = 0; i < events.n; i++)
		free((char *)events.event[i].name);
	free(events.event);
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
	options.shrink_seconds =
		600; /* it takes a second or two; a slow machine may take its time */
	snprintf(path, sizeof(path), "/tmp/vmabench-lockstep-%d.vmt", getpid());
	options.save = path;

	ck_assert_int_eq(check_run(&indexes, &options, &report), 0);
	ck_assert(report.different);
	ck_assert_uint_lt(report.shrunk, report.event);
	check_shrunk_trace(path, &wrong);
	unlink(path);
}
END_TEST

TEST_SUITE(lockstep)
{
	Suite *suite = suite_create("lockstep");
	TCase *agree = tcase_create("check"), *shrink = tcase_create("shrink");

	tcase_set_timeout(agree, 1200);
	tcase_add_loop_test(agree, test_all_agree, 0, 2);
	suite_add_tcase(suite, agree);
	tcase_set_timeout(shrink, 1200);
	tcase_add_test(shrink, test_wrong_index_is_found_and_shrunk);
	suite_add_tcase(suite, shrink);
	return suite;
}
