/*
 * record_files - programs that would see it if the recorder held their files (tests/subjects_files.c)
 *
 * As the user who runs the tests, in both orders, and, if that is root, as another user too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/findings.h"
#include "tests/subjects.h"
#include "tests/suite.h"
#include "workloads/record.h"

static char path[] = "/tmp/vmabench-record-files.XXXXXX";

enum how { BEST, SERIAL, USER, NHOWS };

static void setup(void)
{
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);    /* it cannot work under ptrace */
}

static void teardown(void)
{
	unlink(path);
}

/* What changes its user may not be looked at, until it says so. */
static void become_user(void)
{
	if (geteuid())
		return;
	if (chown(path, 65534, 65534) || setgid(65534) || setuid(65534) ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		_exit(91);
}

/* Records a subject by a process of its own; returns the exit status. */
static int record(const char *subject, enum how how)
{
	char *command[] = { "/proc/self/exe", NULL };
	struct record_options options = {
		.output = path, .command = command, .faults = true,
		.order = how == BEST ? RECORD_ORDER_BEST : RECORD_ORDER_SERIAL,
	};
	int status;
	pid_t pid;

	setenv(SUBJECT_ENV, subject, 1);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (how == USER)
			become_user();
		exit(record_run(&options));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ck_unchanged(const char *subject, enum how how)
{
	int status = record(subject, how);

	ck_assert_msg(status == 0, "%s, way %d: status %d", subject, how, status);
	ck_assert(see_replay(path));
}

START_TEST(written_program_is_run)
{
	ck_unchanged("writes_program", _i);
}
END_TEST

START_TEST(locks_end)
{
	ck_unchanged("locks", _i);
}
END_TEST

START_TEST(sockets_end)
{
	ck_unchanged("ends", _i);
}
END_TEST

START_TEST(mounts_are_let_go)
{
	ck_unchanged("unmounts", _i);
}
END_TEST

START_TEST(limits_stay)
{
	struct rlimit limit;
	char text[32];

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = min(limit.rlim_cur, (rlim_t)777);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	snprintf(text, sizeof(text), "%lu", (unsigned long)limit.rlim_cur);
	setenv("RECORD_NOFILE", text, 1);
	ck_unchanged("limits", _i);
}
END_TEST

/* Two open files may look alike to the recorder, but seldom: hardly three times in a row. */
static void ck_told_apart(const char *subject, enum how how)
{
	char text[32];
	bool equal = false;

	for (unsigned i = 0; i < 3 && !equal; i++) {
		snprintf(text, sizeof(text), "%lu", test_seed() + i);
		setenv("RECORD_SEED", text, 1);
		ck_assert_int_eq(record(subject, how), 0);
		equal = see_replay(path);
	}
	ck_assert(equal);
}

START_TEST(reopened)
{
	ck_told_apart("reopened", _i);
}
END_TEST

START_TEST(many_files)
{
	ck_told_apart("many_files", _i);
}
END_TEST

TEST_SUITE(record_files)
{
	Suite *suite = suite_create("record_files");
	TCase *tcase = tcase_create("held");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, written_program_is_run, 0, NHOWS);
	tcase_add_loop_test(tcase, locks_end, 0, NHOWS);
	tcase_add_loop_test(tcase, sockets_end, 0, NHOWS);
	tcase_add_loop_test(tcase, mounts_are_let_go, 0, NHOWS);
	tcase_add_loop_test(tcase, limits_stay, 0, NHOWS);
	tcase_add_loop_test(tcase, reopened, 0, NHOWS);
	tcase_add_loop_test(tcase, many_files, 0, NHOWS);
	suite_add_tcase(suite, tcase);
	return suite;
}
