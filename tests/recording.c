/*
 * recording - a subject recorded by a process of its own (see recording.h)
 */
#include "tests/recording.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

char recording_path[] = "/tmp/vmabench-recording.XXXXXX";

void recording_setup(void)
{
	int fd;

	strcpy(recording_path + strlen(recording_path) - 6, "XXXXXX");
	fd = mkstemp(recording_path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot work under ptrace */
}

void recording_teardown(void)
{
	unlink(recording_path);
}

void recording_become_user(void)
{
	if (geteuid())
		return;
	if (chown(recording_path, 65534, 65534) || setgid(65534) || setuid(65534) ||
	    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		_exit(91);
}

pid_t recording_start(const char *subject, enum recording_way way)
{
	char *command[] = { "/proc/self/exe", NULL };
	struct record_options options = {
		.output = recording_path,
		.command = command,
		.faults = true,
		.order = way == RECORDING_BEST ? RECORD_ORDER_BEST : RECORD_ORDER_SERIAL,
	};
	sigset_t term, before;
	pid_t pid;

	setenv(SUBJECT_ENV, subject, 1);
	fflush(NULL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		signal(SIGTERM, SIG_DFL); /* check has a handler, which is not for others */
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (!pid) {
		if (way == RECORDING_USER)
			recording_become_user();
		exit(record_run(&options));
	}
	return pid;
}

int recording_end(pid_t recorder)
{
	int status;

	ck_assert_int_eq(waitpid(recorder, &status, 0), recorder);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int recording_of(const char *subject, enum recording_way way)
{
	return recording_end(recording_start(subject, way));
}
