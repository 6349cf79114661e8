/*
 * Recorded programs under pressure: what was not touched lately is swapped out and dropped again
 * and again, and the program sees no difference: results, layouts, and what is in its memory.
 *
 * TEST_LONG=1 (make check-long) does all traces, else those of at most SMALL bytes.
 */
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "harness/check/check.h"
#include "harness/measure/index_list.h"
#include "harness/replay/replay.h"
#include "mm/internal.h"
#include "tests/suite.h"

#define SMALL    25000
#define PRESSURE 53  /* events between rounds of reclaim */
#define LOOK     211 /* events between comparisons */

static glob_t traces;

static uint64_t contents(const struct replay_world *world)
{
	uint64_t hash = HASH_START;

	for (uint32_t task = 1; task <= replay_counts(world)->tasks; task++) {
		struct mm_struct *mm = replay_mm(world, task);

		if (mm)
			hash = mm_contents_hash(mm, hash);
	}
	return hash;
}

static void replay_both(struct replay_world *world[2], struct trace_reader *reader,
			const char *path)
{
	struct trace_error error;
	struct trace_event event;
	uint64_t n = 0;
	int more;

	while ((more = trace_next(reader, &event, &error)) > 0) {
		ck_assert_int_eq(replay_event(world[0], &event), 0);
		ck_assert_int_eq(replay_event(world[1], &event), 0);
		if (++n % LOOK)
			continue;
		ck_assert_msg(contents(world[0]) == contents(world[1]),
			      "%s: event %lu: not the same in memory", path, (unsigned long)n);
		if (n % (20 * LOOK) == 0)
			ck_assert_ptr_null(replay_verify(world[1], stderr));
	}
	ck_assert_int_eq(more, 0);
	ck_assert_ptr_null(replay_verify(world[1], stderr));
}

START_TEST(program_under_pressure)
{
	char *path = traces.gl_pathv[_i];
	struct replay_world *world[2];
	struct replay_options options;
	struct index_list indexes = { .n = 0 };
	struct trace_error error;
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	if (st.st_size > SMALL && !getenv("TEST_LONG"))
		return;
	struct trace_reader *reader = trace_open(path, &error);
	ck_assert_msg(reader != NULL, "%s: %s", path, error.reason);
	index_list_all(&indexes);
	replay_options_default(&options);
	world[0] = replay_create(indexes.ops[0], trace_info(reader), &options);
	options.reclaim = PRESSURE;
	world[1] = replay_create(indexes.ops[0], trace_info(reader), &options);
	ck_assert(world[0] && world[1]);
	replay_both(world, reader, path);
	for (unsigned i = 0; i < 2; i++) {
		const struct replay_counts *counts = replay_counts(world[i]);

		replay_finish(world[i]);
		ck_assert_uint_eq(counts->results.equal, counts->results.compared);
		ck_assert_uint_eq(counts->layouts.equal, counts->layouts.compared);
	}
	ck_assert_uint_gt(replay_machine(world[1])->reclaim.dropped, 0);
	ck_assert_uint_eq(replay_machine(world[0])->reclaim.scanned, 0);
	replay_destroy(world[0]); /* ends the test if a frame or slot is left */
	replay_destroy(world[1]);
	trace_close(reader);
}
END_TEST

/* Synthetic operations of several tasks: each returns what it does without pressure. */
START_TEST(random_under_pressure)
{
	struct index_list indexes = { .n = 0 };
	struct replay_options options;
	struct replay_world *world[2];
	struct trace_event event;
	struct check_gen gen;
	struct trace_info info;

	index_list_all(&indexes);
	check_info(&info);
	check_gen_start(&gen, test_seed() + (unsigned)_i, 100);
	replay_options_default(&options);
	options.compare = options.digest = false;
	options.huge_pages = _i ? THP_ALWAYS : THP_NEVER;
	world[0] = replay_create(indexes.ops[0], &info, &options);
	options.reclaim = 17;
	world[1] = replay_create(indexes.ops[0], &info, &options);
	ck_assert(world[0] && world[1]);
	for (unsigned n = 1; n <= 20000; n++) {
		check_gen_next(&gen, world[0], &event);
		ck_assert_int_eq(replay_event(world[0], &event), 0);
		ck_assert_int_eq(replay_event(world[1], &event), 0);
		ck_assert_uint_eq(replay_hash(world[0]), replay_hash(world[1]));
		if (n % 100)
			continue;
		ck_assert_ptr_null(replay_verify(world[1], stderr));
		ck_assert_uint_eq(contents(world[0]), contents(world[1]));
	}
	ck_assert_uint_gt(replay_machine(world[1])->reclaim.swapped_out, 0);
	ck_assert_uint_gt(replay_machine(world[1])->faults.swap_in, 0);
	replay_destroy(world[0]);
	replay_destroy(world[1]);
}
END_TEST

TEST_SUITE(replay_reclaim)
{
	Suite *suite = suite_create("replay under pressure");
	TCase *tcase = tcase_create("traces");

	glob("workloads/traces/*.vmt", 0, NULL, &traces);
	tcase_set_timeout(tcase, 3600);
	tcase_add_loop_test(tcase, program_under_pressure, 0, (int)traces.gl_pathc);
	tcase_add_loop_test(tcase, random_under_pressure, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
