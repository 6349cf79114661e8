/*
 * check --kernel: the emulation agrees with the running kernel, and a rule left out is noticed
 *
 * Where the environment forbids what it takes (personality, /proc/PID/smaps, memfd) the
 * tests say so and pass.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/check/check.h"
#include "harness/check/check_kernel.h"
#include "tests/suite.h"

static int overcommit(void)
{
	FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
	int mode = 0;

	if (file && fscanf(file, "%d", &mode) != 1)
		mode = 0;
	if (file)
		fclose(file);
	return mode;
}

static const char *trace_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/vmabench-kernel-%d.vmt", getpid());
	return path;
}

/* Older kernels merge and place otherwise; where others decide, nothing can be said. */
static bool possible(void)
{
	struct utsname uts;

	uname(&uts);
	if (kernel_is_older(uts.release)) {
		printf("check --kernel: not tested, Linux %s is older than the rules (%u.%u)\n",
		       uts.release, KERNEL_MAJOR, KERNEL_MINOR);
		return false;
	}
	if (overcommit() == 2) {
		printf("check --kernel: not tested, vm.overcommit_memory is 2\n");
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

static struct check_options options_of(unsigned leave_out, uint64_t ops)
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
	return options;
}

static void run(unsigned leave_out, uint64_t ops, struct check_report *report)
{
	struct check_options options = options_of(leave_out, ops);

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

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

static bool set_pool(unsigned long pages)
{
	FILE *file = fopen(POOL, "we");

	return file && fprintf(file, "%lu", pages) > 0 && !fclose(file);
}

/* A pool of huge pages for the time of the test, if there is none and one can be made. */
START_TEST(test_agrees_about_huge_pages)
{
	struct check_report report;
	unsigned long before = 0;
	FILE *file = fopen(POOL, "re");

	if (!possible())
		return;
	if (!file || fscanf(file, "%lu", &before) != 1 || (before < 16 && !set_pool(17))) {
		printf("check --kernel: huge pages not tested, no pool of them can be made\n");
		return;
	}
	fclose(file);
	run(0, 100000, &report);
	if (before < 16)
		ck_assert(set_pool(before));
	ck_assert_msg(!report.different, "%s; see %s", report.what, trace_path());
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
		LEAVE_OUT_THP_ALIGNMENT,
		LEAVE_OUT_ACCOUNT_MERGE,
		LEAVE_OUT_MAP_STACK,
		LEAVE_OUT_ANON_VMA,
	};
	struct check_report report;
	uint64_t ops;

	if (!possible())
		return;
	run(rules[_i], 100000, &report);
	ops = report.event;
	ck_assert_msg(report.different, "rule %#x left out, and nothing noticed", rules[_i]);
	ck_assert_uint_le(report.shrunk, 60);
	/* the trace shows the same, to an emulation that lacks the rule */
	if (rules[_i] == LEAVE_OUT_THP_ALIGNMENT)
		ck_assert_uint_gt(differences(trace_path()), 0);
	/* it was the rule: with it the same operations are equal */
	run(0, ops, &report);
	ck_assert_msg(!report.different, "nothing left out, and %s; see %s", report.what,
		      trace_path());
	unlink(trace_path());
}
END_TEST

/* Every kind of session, with few operations each: huge pages, capabilities, layouts. */
START_TEST(test_agrees_in_every_mood)
{
	struct check_options options;
	struct check_report report;

	if (!possible())
		return;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		options = options_of(0, 6000);
		options.seed = seed;
		ck_assert_int_eq(check_kernel(vma_index_lookup("btree"), &options, &report), 0);
		ck_assert_msg(!report.different, "seed %d: %s; see %s", (int)seed, report.what,
			      trace_path());
	}
}
END_TEST

/* Inodes of several file systems of shared memory may have the same number. */
START_TEST(test_files_of_two_file_systems_are_two)
{
	char dir[] = "/dev/shm/vmabench-kernel-XXXXXX", *before = getenv("TMPDIR");
	struct kernel_bed *bed = calloc(1, sizeof(*bed));

	if (!possible() || !mkdtemp(dir)) {
		printf("check --kernel: files of two file systems not tested, no /dev/shm here\n");
		free(bed);
		return;
	}
	before = before ? strdup(before) : NULL;
	setenv("TMPDIR", dir, 1);
	ck_assert_int_eq(kernel_bed_make(bed, true), 0);
	for (unsigned i = 0; i < KERNEL_FILES; i++) {
		for (unsigned j = 0; j < i; j++)
			ck_assert((bed->file[i].inode == bed->file[j].inode) ==
				  (bed->file[i].ino == bed->file[j].ino &&
				   bed->file[i].dev == bed->file[j].dev));
	}
	kernel_bed_end(bed);
	rmdir(dir);
	if (before)
		setenv("TMPDIR", before, 1);
	else
		unsetenv("TMPDIR");
	free(before);
	free(bed);
}
END_TEST

START_TEST(test_older_kernels_are_told)
{
	ck_assert(kernel_is_older("6.17.13+deb13-cloud-amd64"));
	ck_assert(kernel_is_older("5.19"));
	ck_assert(!kernel_is_older("6.18"));
	ck_assert(!kernel_is_older("6.18.44-fc"));
	ck_assert(!kernel_is_older("7.0.4"));
}
END_TEST

TEST_SUITE(kernel)
{
	Suite *suite = suite_create("kernel");
	TCase *tcase = tcase_create("check --kernel");

	tcase_add_test(tcase, test_agrees_with_the_kernel);
	tcase_add_test(tcase, test_agrees_in_every_mood);
	tcase_add_test(tcase, test_files_of_two_file_systems_are_two);
	tcase_add_test(tcase, test_older_kernels_are_told);
	tcase_add_test(tcase, test_agrees_about_huge_pages);
	tcase_add_loop_test(tcase, test_rule_left_out_is_noticed, 0, 4);
	suite_add_tcase(suite, tcase);
	return suite;
}
