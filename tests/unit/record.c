/*
 * record - programs that are hard to record (tests/subjects.c), recorded for real
 */
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/replay/replay.h"
#include "indexes/vma_index.h"
#include "tests/findings.h"
#include "tests/subjects.h"
#include "tests/suite.h"
#include "workloads/record/record.h"
#include "workloads/record/record_internal.h"
#include "workloads/format/trace.h"

static char path[] = "/tmp/vmabench-record.XXXXXX";

static enum record_order order;

static void setup(void)
{
	order = RECORD_ORDER_BEST;
	strcpy(path + strlen(path) - 6, "XXXXXX");
	int fd = mkstemp(path);

	ck_assert(fd >= 0);
	close(fd);
}

static void setup_serial(void)
{
	setup();
	order = RECORD_ORDER_SERIAL;
}

static void teardown(void)
{
	unlink(path);
}

/* Records a subject; returns the exit status. */
static int record(const char *name)
{
	char *command[] = { "/proc/self/exe", NULL };
	struct record_options options = {
		.output = path, .command = command, .faults = true, .order = order
	};

	setenv(SUBJECT_ENV, name, 1);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot work under ptrace */
	return record_run(&options);
}

START_TEST(threads)
{
	struct findings *f;

	ck_assert_int_eq(record("threads"), 7);
	f = see_trace(path);
	ck_assert_uint_eq(f->tasks, 1 + 8 + 20);
	ck_assert_uint_eq(f->execs, 1 + 10);
	ck_assert_uint_eq(f->mms, 1 + 20);
	ck_assert_uint_eq(f->layouts_at_exit, f->mms);
	ck_assert_uint_eq(f->marks, 8 * 60 + 10 * 3);
}
END_TEST

START_TEST(thread_execs)
{
	struct findings *f;

	ck_assert_int_eq(record("thread_execs"), 0);
	f = see_trace(path);
	ck_assert_uint_eq(f->tasks, 6);
	ck_assert_uint_eq(f->execs, 2);
	ck_assert(f->left[2]);
}
END_TEST

START_TEST(exits_amid_threads)
{
	struct findings *f;

	ck_assert_int_eq(record("exits_amid_threads"), 3);
	f = see_trace(path);
	ck_assert_uint_eq(f->tasks, 31);
	ck_assert_uint_eq(f->layouts_at_exit, 1);
}
END_TEST

START_TEST(signals)
{
	struct findings *f;

	ck_assert_int_eq(record("signals"), 128 + SIGTERM);
	f = see_trace(path);
	ck_assert_uint_eq(f->tasks, 1 + 5 + 1);
	ck_assert_uint_eq(f->mms, 3);
}
END_TEST

START_TEST(orphan)
{
	struct findings *f;

	ck_assert_int_eq(record("orphan"), 2);
	f = see_trace(path);
	ck_assert_uint_eq(f->tasks, 2);
	ck_assert_uint_eq(f->marks, 11);
	ck_assert_uint_eq(f->layouts_at_exit, 2);
}
END_TEST

START_TEST(storm)
{
	ck_assert_int_eq(record("storm"), 6);
	ck_assert_uint_ge(see_trace(path)->tasks, 1 + 40);
}
END_TEST

START_TEST(calls)
{
	struct findings *f;

	ck_assert_int_eq(record("calls"), 0);
	f = see_trace(path);
	ck_assert_uint_eq(f->execs, 1);
	ck_assert_uint_gt(f->mark_files[0], TRACE_BAD_FILE);
	ck_assert_uint_gt(f->mark_files[1], f->mark_files[0]);
	ck_assert_uint_eq(f->mark_files[2], f->mark_files[0]);
	ck_assert_uint_eq(f->mark_files[3], TRACE_BAD_FILE);
	ck_assert_uint_ge(f->failed[TRACE_MMAP], 1);
	ck_assert_uint_eq(f->failed[TRACE_MUNMAP], 1);
	ck_assert_uint_eq(f->calls[TRACE_SHMAT], 1);
	ck_assert_uint_eq(f->calls[TRACE_SHMDT], 1);
	ck_assert_uint_eq(f->calls[TRACE_MREMAP], 1);
	ck_assert_uint_ge(f->calls[TRACE_MADVISE], 1);
	ck_assert_uint_eq(f->calls[TRACE_MLOCK], 1);
	ck_assert_uint_eq(f->calls[TRACE_PRCTL], 1);
}
END_TEST

static int record_command(char **command, const char *output)
{
	struct record_options options = {
		.output = output, .command = command, .faults = true, .order = order
	};

	return record_run(&options);
}

START_TEST(pipeline)
{
	char *command[] = { "/bin/sh", "-c", "echo a | cat | grep -q b; exit 9", NULL };
	struct findings *f;

	ck_assert_int_eq(record_command(command, path), 9);
	f = see_trace(path);
	ck_assert_uint_ge(f->execs, 3);
	ck_assert_uint_ge(f->tasks, 4);
	ck_assert_uint_eq(f->layouts_at_exit, f->mms);
}
END_TEST

static void drop_rights(void)
{
	if (geteuid())
		return;
	ck_assert_int_eq(chown(path, 65534, 65534), 0);
	ck_assert(!setgid(65534) && !setuid(65534));
	/* what changes its user may not be looked at, until it says so */
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
}

/* Without rights: the same trace, but for the faults. */
START_TEST(unprivileged)
{
	drop_rights();
	char *command[] = { "/bin/sh", "-c", "/bin/true; exit 4", NULL };

	ck_assert_int_eq(record_command(command, path), 4);
	ck_assert_uint_eq(see_trace(path)->execs, 2);
}
END_TEST

START_TEST(cannot_start)
{
	char *missing[] = { "/nonexistent", NULL }, *good[] = { "/bin/true", NULL };

	unlink(path);
	ck_assert_int_eq(record_command(missing, path), 2);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(record_command(good, "/nonexistent/x.vmt"), 2);
}
END_TEST

/* The program to record is this test program: without a subject it would run all tests. */
START_TEST(unknown_subject)
{
	ck_assert_int_eq(record("nosuch"), 1);
	ck_assert_uint_eq(see_trace(path)->execs, 1);
}
END_TEST

START_TEST(killed_at_once)
{
	char *command[] = { "/bin/sh", "-c", "kill -9 $$", NULL };

	ck_assert_int_eq(record_command(command, path), 128 + SIGKILL);
	see_trace(path);
}
END_TEST

/* ---- a program that runs already ---- */

/* The program "runs", which says by a byte on its standard output that it is at work. */
static pid_t start_runs(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		dup2(ready[1], STDOUT_FILENO);
		close(ready[0]);
		close(ready[1]);
		setenv(SUBJECT_ENV, "runs", 1);
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		unsetenv("CK_RUN_SUITE");
		execl("/proc/self/exe", "runs", NULL);
		_exit(99);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_runs(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 8 << 8);
}

/* Replays what was recorded: all results and layouts are the kernel's. How many results? */
static uint64_t replay_recorded(uint64_t min_results, uint64_t min_layouts)
{
	struct replay_options options;
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	struct replay_world *world;
	const struct replay_counts *counts;
	uint64_t results;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	replay_options_default(&options);
	world = replay_create(vma_index_lookup("array"), trace_info(reader), &options);
	ck_assert_ptr_nonnull(world);
	while (trace_next(reader, &event, &error) > 0)
		ck_assert_int_eq(replay_event(world, &event), 0);
	counts = replay_counts(world);
	ck_assert_uint_eq(counts->results.equal, counts->results.compared);
	ck_assert_uint_eq(counts->layouts.equal, counts->layouts.compared);
	results = counts->results.compared;
	ck_assert_uint_ge(results, min_results);
	ck_assert_uint_ge(counts->layouts.compared, min_layouts);
	replay_destroy(world);
	trace_close(reader);
	return results;
}

/* The order of the mmap lock: nothing is serialised. */
START_TEST(races)
{
	ck_assert_int_eq(record("races"), 9);
	replay_recorded(RACERS * 1500, 1);
}
END_TEST

START_TEST(forking_threads)
{
	struct findings *f;

	ck_assert_int_eq(record("forking_threads"), 10);
	f = see_trace(path);
	ck_assert_uint_eq(f->layouts_at_exit, f->mms);
	ck_assert_uint_eq(f->marks, 3 * 60);
	ck_assert_uint_ge(f->execs, 1 + 15);
}
END_TEST

START_TEST(leader_ends)
{
	struct findings *f;

	ck_assert_int_eq(record("leader_ends"), 0);
	f = see_trace(path);
	ck_assert_uint_eq(f->tasks, 5);
	ck_assert_uint_eq(f->layouts_at_exit, 1);
	replay_recorded(4 * 300 * 3, 1);
}
END_TEST

/* What the kernel refused, and what was decided for all of a process: the replay is equal. */
START_TEST(arguments)
{
	ck_assert_int_eq(record("arguments"), 11);
	replay_recorded(200, 4);
}
END_TEST

START_TEST(arguments_unprivileged)
{
	drop_rights();
	ck_assert_int_eq(record("arguments"), 11);
	replay_recorded(200, 4);
}
END_TEST

/* Of pages that the kernel writes for others no fault tells, but a look at the pagemap does. */
static void check_written_for_others(const char *source)
{
	struct trace_error error;
	struct trace_reader *reader;
	const char *told;

	ck_assert_int_eq(record("written_for_others"), 12);
	reader = trace_open(path, &error);
	ck_assert_msg(reader != NULL, "%s", error.reason);
	told = trace_info(reader)->fault_source;
	if (strstr(told, "pagemap"))
		ck_assert_msg(!source || !strcmp(told, source), "%s", told);
	else
		printf("the test of what the kernel writes for others cannot run: Linux 6.11\n");
	if (strstr(told, "pagemap"))
		replay_recorded(20, 2);
	trace_close(reader);
}

START_TEST(written_for_others)
{
	check_written_for_others(geteuid() ? NULL : "tracepoint+pagemap");
}
END_TEST

START_TEST(written_for_others_unprivileged)
{
	drop_rights();
	check_written_for_others(NULL);
}
END_TEST

/* Without this right the thread that empties perf's rings runs when others let it. */
static void drop_nice(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
	data[0].effective &= ~(1u << CAP_SYS_NICE);
	data[0].permitted &= ~(1u << CAP_SYS_NICE);
	ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

/* Rings that are too small: no trace without a word.  (Without faults no call waits for a look.) */
START_TEST(lost)
{
	char *command[] = { "/proc/self/exe", NULL };
	struct record_options options = { .output = path,
					  .command = command,
					  .faults = false,
					  .order = RECORD_ORDER_PERF,
					  .ring_size = PAGE_SIZE };
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader;
	int status;

	if (geteuid()) {
		printf("the test of lost records cannot run: perf's tracepoints need root\n");
		return;
	}
	drop_nice();
	setenv(SUBJECT_ENV, "races", 1);
	ck_assert_int_eq(record_run(&options), 2);
	options.allow_lost = true;
	ck_assert_int_eq(record_run(&options), 9);
	reader = trace_open(path, &error);
	ck_assert_msg(reader != NULL, "%s", error.reason);
	ck_assert_uint_gt(trace_info(reader)->lost, 0);
	while ((status = trace_next(reader, &event, &error)) > 0)
		;
	ck_assert_msg(status == 0, "%s", error.reason);
	trace_close(reader);
}
END_TEST

enum { BUSY = 8 };

/* Processes that map, write to and unmap memory all the time; they end with this one. */
static void start_busy(pid_t pids[BUSY])
{
	for (unsigned i = 0; i < BUSY; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			char *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			*page = 1;
			munmap(page, PAGE_SIZE);
		}
	}
}

/* What others do on a busy machine takes no room in the rings. */
START_TEST(busy)
{
	char *command[] = { "/proc/self/exe", NULL };
	struct record_options options = { .output = path,
					  .command = command,
					  .faults = true,
					  .order = RECORD_ORDER_PERF,
					  .ring_size = 256 << 10 };
	struct cgroup *group = cgroup_create();
	pid_t pids[BUSY], recorder;
	int status;

	if (geteuid() || !group) {
		printf("the test of a busy machine cannot run: it needs root and control groups\n");
		return;
	}
	cgroup_free(group);
	setenv(SUBJECT_ENV, "races", 1);
	start_busy(pids);
	/* apart, for it waits for all its children */
	recorder = fork();
	if (!recorder)
		_exit(record_run(&options));
	ck_assert_int_eq(waitpid(recorder, &status, 0), recorder);
	for (unsigned i = 0; i < BUSY; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	ck_assert_int_eq(status, 9 << 8);
	replay_recorded(RACERS * 1500, 1);
}
END_TEST

/*
 * By a process of its own: a tracer that ends lets go of all that it traced, as the program does.
 */
static int record_apart(const struct record_options *options)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(record_run(options));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Again for twice as long, until there is enough: the machine may be busy. */
START_TEST(attach)
{
	pid_t first = start_runs(), second = start_runs();
	pid_t pids[] = { first, second, 0 };
	struct record_options options = {
		.output = path, .pids = pids, .faults = true, .seconds = 0.5
	};

	do {
		ck_assert_int_eq(record_apart(&options), 0);
		options.seconds *= 2;
	} while (replay_recorded(0, 2) < 20);
	end_runs(first);
	end_runs(second);
}
END_TEST

START_TEST(attach_to_nothing)
{
	pid_t pids[] = { 1 << 22, 0 };
	struct record_options options = { .output = path, .pids = pids };

	unlink(path);
	ck_assert_int_eq(record_run(&options), 2);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

TEST_SUITE(record)
{
	Suite *suite = suite_create("record");
	TCase *tcase = tcase_create("programs"), *serial = tcase_create("serialised");
	TCase *both[] = { tcase, serial };

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_checked_fixture(serial, setup_serial, teardown);
	for (unsigned i = 0; i < ARRAY_SIZE(both); i++) {
		tcase_add_test(both[i], threads);
		tcase_add_test(both[i], thread_execs);
		tcase_add_test(both[i], exits_amid_threads);
		tcase_add_test(both[i], signals);
		tcase_add_test(both[i], orphan);
		tcase_add_test(both[i], calls);
		tcase_add_test(both[i], storm);
		tcase_add_test(both[i], pipeline);
		tcase_add_test(both[i], races);
		tcase_add_test(both[i], forking_threads);
		tcase_add_test(both[i], leader_ends);
		tcase_add_test(both[i], written_for_others);
		tcase_add_test(both[i], arguments);
		tcase_add_test(both[i], cannot_start);
		tcase_add_test(both[i], unknown_subject);
		tcase_add_test(both[i], killed_at_once);
		suite_add_tcase(suite, both[i]);
	}
	tcase_add_test(tcase, lost);
	tcase_add_test(tcase, busy);
	tcase_add_test(tcase, written_for_others_unprivileged);
	tcase_add_test(tcase, unprivileged);
	tcase_add_test(tcase, arguments_unprivileged);
	tcase_add_test(tcase, attach);
	tcase_add_test(tcase, attach_to_nothing);
	return suite;
}
