/*
 * check --kernel: the emulation agrees with the running kernel, and a rule left out is noticed
 *
 * Where the environment forbids what it takes (personality, /proc/PID/smaps, memfd) the
 * tests say so and pass.
 */
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/check.h"
#include "tests/suite.h"

static const char *trace_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/vmabench-kernel-%d.vmt", getpid());
	return path;
}

/* The emulation's rules are 6.12's and later; older kernels merge and place otherwise. */
static bool possible(void)
{
	struct utsname uts;
	int major = 0, minor = 0;

	uname(&uts);
	sscanf(uts.release, "%d.%d", &major, &minor);
	if (major < 6 || (major == 6 && minor < 12)) {
		printf("check --kernel: not tested, Linux %s is older than 6.12\n", uts.release);
		return false;
	}
	int before = personality(0xffffffff);
	if (before < 0 || personality((unsigned long)before | ADDR_NO_RANDOMIZE) < 0) {
		printf("check --kernel: not tested, personality() is forbidden here\n");
		return false;
	}
	personality((unsigned long)before);
	if (access("/proc/self/smaps", R_OK) || access("/proc/self/pagemap", R_OK)) {
		printf("check --kernel: not tested, /proc/self/smaps or pagemap cannot be read\n");
		return false;
	}
	return true;
}

static void run(unsigned leave_out, uint64_t ops, struct check_report *report)
{
	struct check_options options;

	check_options_default(&options);
	options.seed = test_seed();
	options.ops = ops;
	options.verify_every = 3000;
	options.leave_out = leave_out;
	options.quiet = true;
	options.save = trace_path();
	options.shrink_seconds = 20;
	ck_assert_int_eq(check_kernel(vma_index_lookup("btree"), &options, report), 0);
}

START_TEST(test_agrees_with_the_kernel)
{
	struct check_report report;

	if (!possible())
		return;
	run(0, 50000, &report);
	ck_assert_msg(!report.different, "%s; see %s", report.what, trace_path());
	ck_assert_uint_ge(report.ops, 50000);
}
END_TEST

static uint64_t differences(const char *path)
{
	struct trace_error error;
	struct trace_event event;
	struct replay_options options;
	struct trace_reader *reader = trace_open(path, &error);
	struct replay_world *world;
	int more;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	replay_options_default(&options);
	options.leave_out = LEAVE_OUT_THP_ALIGNMENT;
	world = replay_create(vma_index_lookup("btree"), trace_info(reader), &options);
	while ((more = trace_next(reader, &event, &error)) > 0)
		ck_assert_int_eq(replay_event(world, &event), 0);
	ck_assert_int_eq(more, 0);

	const struct replay_counts *counts = replay_counts(world);
	uint64_t n = counts->results.compared - counts->results.equal + counts->layouts.compared -
		     counts->layouts.equal;
	replay_destroy(world);
	trace_close(reader);
	return n;
}

START_TEST(test_rule_left_out_is_noticed)
{
	static const unsigned rules[] = {
		LEAVE_OUT_THP_ALIGNMENT, LEAVE_OUT_ACCOUNT_MERGE, LEAVE_OUT_MAP_STACK,
		LEAVE_OUT_ANON_VMA,
	};
	struct check_report report;

	if (!possible())
		return;
	run(rules[_i], 100000, &report);
	ck_assert_msg(report.different, "rule %#x left out, and nothing noticed", rules[_i]);
	ck_assert_uint_le(report.shrunk, 60);
	/* the trace shows the same, to an emulation that lacks the rule */
	if (rules[_i] == LEAVE_OUT_THP_ALIGNMENT)
		ck_assert_uint_gt(differences(trace_path()), 0);
	unlink(trace_path());
}
END_TEST

TEST_SUITE(kernel)
{
	Suite *suite = suite_create("kernel");
	TCase *tcase = tcase_create("check --kernel");

	tcase_add_test(tcase, test_agrees_with_the_kernel);
	tcase_add_loop_test(tcase, test_rule_left_out_is_noticed, 0, 4);
	suite_add_tcase(suite, tcase);
	return suite;
}
