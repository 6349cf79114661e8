/*
 * record_files - programs that would see it if the recorder held their files (subjects_files.c)
 *
 * As the user who runs the tests, in both orders, and, if that is root, as another user too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/findings.h"
#include "tests/recording.h"
#include "tests/suite.h"

static void ck_unchanged(const char *subject, enum recording_way how)
{
	int status = recording_of(subject, how);

	ck_assert_msg(status == 0, "%s, way %d: status %d", subject, how, status);
	ck_assert(see_replay(recording_path));
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

/* Several recordings, each with other open files, and each must be equal. */
static void ck_told_apart(const char *subject, enum recording_way how)
{
	char text[32];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "%lu", test_seed() + i);
		setenv("RECORD_SEED", text, 1);
		ck_unchanged(subject, how);
	}
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

/* With so few descriptors for the recorder's marks many open files look alike. */
static void few_marks(void)
{
	struct rlimit limit = { 100, 100 };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(reopened_and_look_alike)
{
	few_marks();
	for (unsigned i = 0; i < 5; i++)
		ck_told_apart("reopened", _i);
}
END_TEST

START_TEST(many_files_look_alike)
{
	few_marks();
	ck_told_apart("many_files", _i);
}
END_TEST

START_TEST(kinds)
{
	ck_unchanged("kinds", _i);
}
END_TEST

START_TEST(noexec)
{
	ck_unchanged("noexec", _i);
}
END_TEST

START_TEST(segments_are_refused)
{
	ck_unchanged("segments", _i);
}
END_TEST

/* What is attached is not known: the header says so. */
START_TEST(segments_of_another_namespace_are_counted)
{
	struct findings *f;

	ck_assert_int_eq(recording_of("foreign_segment", _i), 0);
	f = see_trace(recording_path);
	if (f->calls[TRACE_SHMAT])
		ck_assert(see_missing(recording_path, "segments of another IPC namespace"));
}
END_TEST

START_TEST(userfaultfd_is_closed)
{
	ck_unchanged("closes_uffd", _i);
}
END_TEST

TEST_SUITE(record_files)
{
	Suite *suite = suite_create("record_files");
	TCase *tcase = tcase_create("held");

	tcase_add_checked_fixture(tcase, recording_setup, recording_teardown);
	tcase_add_loop_test(tcase, written_program_is_run, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, locks_end, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, sockets_end, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, mounts_are_let_go, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, limits_stay, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, reopened, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, many_files, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, reopened_and_look_alike, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, many_files_look_alike, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, kinds, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, segments_are_refused, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, segments_of_another_namespace_are_counted, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, userfaultfd_is_closed, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, noexec, 0, RECORDING_WAYS);
	suite_add_tcase(suite, tcase);
	return suite;
}
