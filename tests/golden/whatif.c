/*
 * Recorded programs under each placement policy and merge rule: no program sees a
 * difference but addresses, and the rules do what they are for.
 *
 * Each pair takes as long as a replay of all traces: TEST_LONG=1 (make check-long) does them
 * all, else those of at most SMALL bytes go through all pairs, and the others through none.
 */
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "harness/replay/replay.h"
#include "tests/suite.h"

#define SMALL 33000
#define PAIRS 15

static glob_t traces;

static void tell(const struct replay_difference *difference, void *arg)
{
	fprintf(stderr, "%s: event %lu: %s\n", (const char *)arg, (unsigned long)difference->event,
		difference->text ? difference->text : "another result");
}

static void options_of(struct replay_options *options, unsigned pair, char *path)
{
	replay_options_default(options);
	options->placement = placement_policy(pair / 3);
	options->merge = merge_rule(pair % 3);
	options->whatif = true;
	options->on_difference = tell;
	options->arg = path;
}

static void replay_trace(char *path, unsigned pair)
{
	struct replay_options options;
	struct trace_error error;
	struct trace_event event;
	struct trace_reader *reader = trace_open(path, &error);
	int more;

	ck_assert_msg(reader != NULL, "%s: %s", path, error.reason);
	options_of(&options, pair, path);
	struct replay_world *world =
		replay_create(vma_index_lookup("btree"), trace_info(reader), &options);
	ck_assert_ptr_nonnull(world);
	while ((more = trace_next(reader, &event, &error)) > 0)
		ck_assert_int_eq(replay_event(world, &event), 0);
	ck_assert_int_eq(more, 0);
	ck_assert_ptr_null(replay_verify(world, stderr));
	replay_finish(world);

	const struct replay_counts *counts = replay_counts(world);
	ck_assert_uint_gt(counts->results.compared, 0);
	ck_assert_uint_eq(counts->results.equal, counts->results.compared);
	ck_assert_uint_gt(counts->layouts.compared, 0);
	ck_assert_uint_eq(counts->layouts.equal, counts->layouts.compared);
	if (options.merge == merge_rule_lookup("none"))
		ck_assert_uint_eq(counts->whatif.merges, 0);
	replay_destroy(world);
	trace_close(reader);
}

START_TEST(programs_see_addresses_only)
{
	unsigned done = 0;

	for (size_t i = 0; i < traces.gl_pathc; i++) {
		struct stat st;

		ck_assert_int_eq(stat(traces.gl_pathv[i], &st), 0);
		if (st.st_size > SMALL && !getenv("TEST_LONG"))
			continue;
		replay_trace(traces.gl_pathv[i], (unsigned)_i);
		done++;
	}
	ck_assert_uint_ge(done, 5);
}
END_TEST

TEST_SUITE(replay_whatif)
{
	Suite *suite = suite_create("recorded programs, what if");
	TCase *tcase = tcase_create("placement and merge");

	glob("workloads/traces/*.vmt", 0, NULL, &traces);
	tcase_set_timeout(tcase, 3600);
	tcase_add_loop_test(tcase, programs_see_addresses_only, 0, PAIRS);
	suite_add_tcase(suite, tcase);
	return suite;
}
