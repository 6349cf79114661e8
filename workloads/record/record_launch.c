/*
 * record_launch - starts the program that is recorded
 *
 *	recorder --seize--> child: waits, installs the seccomp filter, execs
 *
 * Where calls are told, their filter has a listener, and a call that waits for a listener which
 * is closed fails with ENOSYS.  A guard, a process of its own, keeps it open: it ends when no
 * task has the filter any more; if the recorder is killed first, the kernel kills what is traced,
 * and the guard kills whatever else comes with a call, so that no program ever sees that error.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

enum { LAUNCH_FAILED = 2 };

/* ---- the child ---- */

/* Installs the filter: 0 or errno. */
static int launch_filter(const struct launch *launch)
{
	int listener;

	if (!launch->told)
		return -calls_install_filter();
	listener = calls_install_listener(launch->looks);
	if (write(launch->error[1], &listener, sizeof(listener)) < 0)
		return errno;
	return listener < 0 ? -listener : 0;
}

__attribute__((noreturn)) static void launch_child(const struct recorder *r,
						   const struct launch *launch)
{
	char **command = r->options->command;
	int error;
	char go;

	close(launch->go[1]);
	if (read(launch->go[0], &go, 1) != 1)
		_exit(LAUNCH_FAILED);
	error = launch_filter(launch);
	if (!error) {
		signals_restore(&r->signals);
		setrlimit(RLIMIT_NOFILE, &r->nofile);
		execvp(command[0], command);
		error = errno;
	}
	if (write(launch->error[1], &error, sizeof(error)) < 0)
		_exit(LAUNCH_FAILED);
	_exit(LAUNCH_FAILED);
}

int launch_start(struct recorder *r, struct launch *launch)
{
	int options = launch->told ? WATCH_OPTIONS
				   : RECORD_OPTIONS | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;

	launch->listener = -1;
	if (pipe2(launch->go, O_CLOEXEC) || pipe2(launch->error, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	launch->pid = fork();
	if (launch->pid < 0)
		return -errno;
	if (!launch->pid)
		launch_child(r, launch);
	close(launch->go[0]);
	close(launch->error[1]);
	if (ptrace(PTRACE_SEIZE, launch->pid, 0, options)) {
		int error = -errno;

		kill(launch->pid, SIGKILL);
		waitpid(launch->pid, NULL, 0);
		return error;
	}
	return 0;
}

void launch_go(struct launch *launch)
{
	if (write(launch->go[1], "", 1) != 1)
		perror("vmabench record");
	close(launch->go[1]);
}

const char *launch_error(const struct launch *launch)
{
	int error;

	if (read(launch->error[0], &error, sizeof(error)) == sizeof(error))
		return strerror(error);
	return "it was killed before it began";
}

/* ---- the guard ---- */

static void guard_keep_only(unsigned listener, unsigned recorder)
{
	unsigned low = min(listener, recorder), high = max(listener, recorder);

	if (low)
		syscall(SYS_close_range, 0, low - 1, 0);
	if (low + 1 < high)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0u, 0);
}

/* Kills whoever waits for the listener, and is not being killed yet. */
static void guard_kill_one(int listener)
{
	union { /* the kernel's may be larger */
		struct seccomp_notif told;
		char room[256];
	} in = { 0 };

	if (!ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in) && in.told.pid)
		kill(in.told.pid, SIGKILL);
}

/* recorder: its pidfd, which can be read when it is dead. */
__attribute__((noreturn)) static void guard_run(int listener, int recorder)
{
	struct pollfd fds[] = { { .fd = recorder, .events = POLLIN }, { .fd = listener } };

	guard_keep_only(listener, recorder);
	for (;;) {
		poll(fds, ARRAY_SIZE(fds), -1);
		if (fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
			_exit(0);
		if (fds[1].revents & POLLIN)
			guard_kill_one(listener);
		if (fds[0].revents) {
			fds[0].fd = -1;
			fds[1].events = POLLIN;
		}
	}
}

pid_t launch_guard(int listener)
{
	int recorder = syscall(SYS_pidfd_open, getpid(), 0);
	pid_t guard = recorder < 0 ? -1 : fork();

	if (!guard)
		guard_run(listener, recorder);
	if (recorder >= 0)
		close(recorder);
	return guard;
}

void launch_take_listener(struct launch *launch)
{
	int process, fd;

	if (read(launch->error[0], &fd, sizeof(fd)) != sizeof(fd) || fd < 0)
		return; /* launch_error() says why */
	process = syscall(SYS_pidfd_open, launch->pid, 0);
	launch->listener = syscall(SYS_pidfd_getfd, process, fd, 0);
	close(process);
	if (launch->listener >= 0)
		launch->guard = launch_guard(launch->listener);
	if (launch->listener >= 0)
		launch->listen = listen_create(launch->listener);
	if (!launch->listen || launch->guard < 0)
		kill(launch->pid, SIGKILL); /* its exec would wait for ever */
}

void launch_close(struct launch *launch)
{
	close(launch->error[0]);
	listen_free(launch->listen);
	if (launch->listener >= 0)
		close(launch->listener);
}
