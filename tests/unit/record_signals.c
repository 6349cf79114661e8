/*
 * record_signals - a recording neither hangs, nor ends the program, nor is ended half
 *
 * Signals to the recorder, births that it is not told of, programs that trace their own
 * processes (tests/subjects_signals.c), in each way to record.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/findings.h"
#include "tests/recording.h"
#include "tests/suite.h"
#include "workloads/format/trace.h"

/* ---- births ---- */

START_TEST(odd_threads)
{
	ck_assert_int_eq(recording_of("odd_threads", _i), 0);
	ck_assert_uint_eq(see_trace(recording_path)->tasks, 1 + 6);
	ck_assert(see_replay(recording_path));
}
END_TEST

START_TEST(odd_children)
{
	struct findings *f;

	ck_assert_int_eq(recording_of("odd_children", _i), 0);
	f = see_trace(recording_path);
	ck_assert_uint_eq(f->tasks, 1 + 7 + 3);
	ck_assert_uint_eq(f->marks, 7 * 5 + 7 + 3 * 5);
	ck_assert(see_replay(recording_path));
}
END_TEST

START_TEST(sibling)
{
	struct findings *f;

	ck_assert_int_eq(recording_of("sibling", _i), 0);
	f = see_trace(recording_path);
	ck_assert_uint_eq(f->tasks, 1 + 3);
	ck_assert_uint_eq(f->marks, 3 * 5);
	ck_assert(see_replay(recording_path));
}
END_TEST

START_TEST(left_alone)
{
	struct findings *f;

	ck_assert_int_eq(recording_of("left_alone", _i), 0);
	f = see_trace(recording_path);
	ck_assert_uint_eq(f->tasks, 1 + 2);
	ck_assert_uint_eq(f->marks, 2 * 5);
	ck_assert(see_replay(recording_path));
}
END_TEST

/* ---- signals to the recorder ---- */

/* The program has what the recorder was given, whatever that is. */
START_TEST(inherits)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGALRM);
	signal(SIGHUP, SIG_IGN);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	signal(SIGCHLD, SIG_IGN);
	/* whoever ignores SIGCHLD cannot wait for the recorder: the test's own child does not */
	pid_t pid = fork();
	if (!pid) {
		pid_t recorder;

		signal(SIGCHLD, SIG_DFL);
		recorder = fork();
		if (!recorder) {
			char *command[] = { "/proc/self/exe", NULL };
			struct record_options options = {
				.output = recording_path,
				.command = command,
				.faults = true,
				.order = _i == RECORDING_BEST ? RECORD_ORDER_BEST
							      : RECORD_ORDER_SERIAL,
			};

			signal(SIGCHLD, SIG_IGN);
			setenv(SUBJECT_ENV, "inherited", 1);
			if (_i == RECORDING_USER)
				recording_become_user();
			_exit(record_run(&options));
		}
		_exit(recording_end(recorder));
	}
	signal(SIGCHLD, SIG_DFL);
	ck_assert_int_eq(recording_end(pid), 0);
	see_trace(recording_path);
}
END_TEST

static void *sleep_on(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* Another thread takes each SIGCHLD away: the recorder looks again all the same. */
START_TEST(lost_sigchld)
{
	pid_t pid = fork();

	if (!pid) {
		pthread_t thread;

		pthread_create(&thread, NULL, sleep_on, NULL);
		_exit(recording_of("threads", _i) != 7);
	}
	ck_assert_int_eq(recording_end(pid), 0);
}
END_TEST

/* Signals that end a process, and ask nothing of the recorder, come all the time. */
START_TEST(pestered)
{
	static const int signals[] = { SIGALRM, SIGUSR1, SIGUSR2,   SIGPIPE, SIGCHLD,
				       SIGINT,  SIGQUIT, SIGVTALRM, SIGIO,   SIGXCPU };
	pid_t pester, recorder;
	sigset_t mask;

	sigfillset(&mask); /* the first moments are not the recorder's yet */
	sigprocmask(SIG_BLOCK, &mask, NULL);
	recorder = recording_start("threads", _i);
	pester = fork();
	if (!pester) {
		for (unsigned i = 0; !kill(recorder, signals[i % ARRAY_SIZE(signals)]); i++)
			usleep(100);
		_exit(0);
	}
	ck_assert_int_eq(recording_end(recorder), 7);
	kill(pester, SIGKILL);
	see_trace(recording_path);
}
END_TEST

/* The trace can be read to its end. */
static void ck_whole(void)
{
	struct trace_error error;
	struct trace_reader *reader = trace_open(recording_path, &error);
	struct trace_event event;
	int more;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	while ((more = trace_next(reader, &event, &error)) > 0)
		;
	ck_assert_msg(!more, "%s", error.reason);
	trace_close(reader);
}

/* SIGTERM at any moment: there is a trace, whole, or none; the recorder waits for the program. */
START_TEST(asked_to_end)
{
	for (unsigned i = 0; i < 12; i++) {
		struct stat st;
		pid_t recorder;
		int status;

		ck_assert_int_eq(truncate(recording_path, 0), 0);
		recorder = recording_start("runs", _i);
		usleep(i * 25000);
		kill(recorder, SIGTERM);
		status = recording_end(recorder);
		ck_assert_int_eq(stat(recording_path, &st), 0);
		if (st.st_size)
			ck_whole();
		/* 98: it saw that a child of its own was ended before it was itself */
		ck_assert_msg(st.st_size ? status == 128 + SIGTERM || status == 8 || status == 98
					 : status == 2 || status == -1,
			      "status %d, %ld bytes", status, (long)st.st_size);
	}
}
END_TEST

/* It is stopped and goes on: so does the recording. */
START_TEST(stopped)
{
	pid_t recorder = recording_start("threads", _i);

	for (unsigned i = 0; i < 10; i++) {
		usleep(20000);
		kill(recorder, i % 2 ? SIGSTOP : SIGTSTP);
		usleep(20000);
		kill(recorder, SIGCONT);
	}
	ck_assert_int_eq(recording_end(recorder), 7);
}
END_TEST

/* Of a recorder that is killed the program ends, too, and sees no call fail before. */
START_TEST(killed)
{
	for (unsigned i = 0; i < 8; i++) {
		int fds[2], out = dup(STDOUT_FILENO);
		pid_t recorder;
		char byte;

		ck_assert_int_eq(pipe(fds), 0);
		dup2(fds[1], STDOUT_FILENO);
		recorder = recording_start("maps_on", _i);
		dup2(out, STDOUT_FILENO);
		close(fds[1]);
		ck_assert_int_eq(read(fds[0], &byte, 1), 1);
		ck_assert_int_eq(read(fds[0], &byte, 1), 1);
		usleep(i * 3000);
		kill(recorder, SIGKILL);
		ck_assert_int_eq(recording_end(recorder), -1);
		ck_assert_msg(read(fds[0], &byte, 1) == 0, "a call failed");
		close(fds[0]);
		close(out);
	}
}
END_TEST

/* ---- a program that traces its own processes ---- */

static const char *const tracers[] = { "traced_child", "traced_exec", "seizes", "attaches",
				       "traces_itself" };

START_TEST(traces)
{
	ck_assert_int_eq(recording_of(tracers[_i / RECORDING_WAYS], _i % RECORDING_WAYS), 0);
	see_trace(recording_path);
	ck_assert(see_missing(recording_path, "processes that the program traces itself"));
	ck_assert(see_replay(recording_path));
}
END_TEST

/* A traced one would fault for ever: it is let go. */
START_TEST(first_process_of_a_namespace_faults)
{
	ck_assert_int_eq(recording_of("init_faults", _i), 0);
	see_trace(recording_path);
	ck_assert(see_replay(recording_path));
}
END_TEST

/* ---- many at once ---- */

#define AT_ONCE 3
#define BUSY    4

/* On a machine that has more to do: none hangs, and each has its trace. */
START_TEST(many)
{
	const unsigned each = getenv("TEST_LONG") ? 67 : 7;
	char *command[] = { "/bin/true", NULL };
	pid_t busy[BUSY], pids[AT_ONCE];

	for (unsigned i = 0; i < BUSY; i++) {
		busy[i] = fork();
		if (!busy[i]) {
			for (;;)
				;
		}
	}
	for (unsigned i = 0; i < AT_ONCE; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		recording_setup();
		for (unsigned j = 0; j < each; j++) {
			struct record_options options = {
				.output = recording_path,
				.command = command,
				.faults = true,
				.order = _i == RECORDING_BEST ? RECORD_ORDER_BEST
							      : RECORD_ORDER_SERIAL,
			};

			if (record_run(&options))
				_exit(1);
			see_trace(recording_path);
		}
		recording_teardown();
		_exit(0);
	}
	for (unsigned i = 0; i < AT_ONCE; i++)
		ck_assert_int_eq(recording_end(pids[i]), 0);
	for (unsigned i = 0; i < BUSY; i++)
		kill(busy[i], SIGKILL);
}
END_TEST

TEST_SUITE(record_signals)
{
	Suite *suite = suite_create("record_signals");
	TCase *tcase = tcase_create("whole");

	tcase_add_checked_fixture(tcase, recording_setup, recording_teardown);
	tcase_add_loop_test(tcase, odd_threads, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, odd_children, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, sibling, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, left_alone, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, inherits, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, lost_sigchld, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, pestered, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, asked_to_end, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, stopped, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, killed, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, traces, 0, RECORDING_WAYS * ARRAY_SIZE(tracers));
	tcase_add_loop_test(tcase, first_process_of_a_namespace_faults, 0, RECORDING_WAYS);
	tcase_add_loop_test(tcase, many, 0, RECORDING_SERIAL + 1);
	suite_add_tcase(suite, tcase);
	return suite;
}
