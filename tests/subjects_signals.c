/*
 * subjects_signals - programs with odd births, signals and tracers (see subjects.h)
 *
 * Each ends with 0 where all is as it is without a recorder.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "tests/subjects.h"

static void churn(int n)
{
	for (int i = 0; i < n; i++) {
		char *at = mmap(NULL, MARK_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);

		if (at == MAP_FAILED)
			_exit(99);
		at[0] = 1;
		munmap(at, MARK_LEN);
	}
}

static void wait_for(pid_t pid, int expected)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, __WALL) != pid || status != expected)
		_exit(98);
}

/* ---- births ---- */

static char stack[1 << 16] __attribute__((aligned(PAGE_SIZE)));

static volatile int child_tid;

/* A thread that the C library knows nothing of: it must not touch what is the library's. */
static int raw_thread(void *arg)
{
	syscall(SYS_exit, 0);
	return arg != NULL;
}

static int raw_child(void *arg)
{
	churn(5);
	_exit((long)arg);
}

/* A thread made with these flags besides, which ends. */
static void run_raw_thread(int flags)
{
	const int thread = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_CHILD_CLEARTID;
	struct timespec patience = { 60, 0 };
	int tid = -1;

	child_tid = -1;
	if (clone(raw_thread, stack + sizeof(stack), thread | flags, NULL, NULL, NULL, &child_tid) <
	    0)
		_exit(97);
	while ((tid = child_tid) != 0) {
		if (syscall(SYS_futex, &child_tid, FUTEX_WAIT, tid, &patience) &&
		    errno == ETIMEDOUT)
			_exit(96);
	}
}

static int subject_odd_threads(void)
{
	static const int flags[] = { SIGCHLD, CLONE_VFORK,    CLONE_VFORK | SIGCHLD,
				     SIGUSR1, CLONE_UNTRACED, CLONE_UNTRACED | SIGCHLD };

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		run_raw_thread(flags[i]);
		churn(1);
	}
	return 0;
}

static pid_t run_clone3(uint64_t flags, int signal)
{
	struct clone_args args = { .flags = flags, .exit_signal = signal };
	pid_t pid = syscall(SYS_clone3, &args, sizeof(args));

	if (args.flags != flags)
		_exit(95);
	if (!pid) {
		churn(5);
		_exit(7);
	}
	return pid;
}

/* Children that the recorder must not be told of, whose death sends nothing, or another signal. */
static int subject_odd_children(void)
{
	static const int flags[] = { CLONE_UNTRACED | SIGCHLD,
				     CLONE_UNTRACED | CLONE_VM | SIGCHLD,
				     CLONE_UNTRACED,
				     CLONE_VM | CLONE_VFORK | SIGCHLD,
				     SIGUSR1,
				     0,
				     CLONE_VM | SIGWINCH };

	signal(SIGUSR1, SIG_IGN);
	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
		wait_for(clone(raw_child, stack + sizeof(stack), flags[i], (void *)6), 6 << 8);
		churn(1);
	}
	wait_for(run_clone3(CLONE_UNTRACED, SIGCHLD), 7 << 8);
	wait_for(run_clone3(CLONE_UNTRACED, 0), 7 << 8);
	wait_for(run_clone3(0, SIGUSR1), 7 << 8);
	return 0;
}

/* Not its parent waits for it: it says itself that it has ended. */
static int subject_sibling(void)
{
	int fds[2];
	char byte;

	if (pipe(fds))
		return 1;
	for (int i = 0; i < 3; i++) {
		int untraced = i == 1 ? CLONE_UNTRACED : 0;
		pid_t pid = syscall(SYS_clone, CLONE_PARENT | untraced | SIGCHLD, NULL, NULL, NULL,
				    NULL);

		if (!pid) {
			churn(5);
			_exit(write(fds[1], "", 1) != 1);
		}
		if (pid < 0 || read(fds[0], &byte, 1) != 1)
			return 2;
	}
	return 0;
}

/* Its last process is one that nobody was told of, and goes on when the others are gone. */
static int subject_left_alone(void)
{
	clone(raw_child, stack + sizeof(stack), CLONE_UNTRACED | SIGCHLD, (void *)0);
	run_clone3(CLONE_UNTRACED, 0);
	return 0;
}

/* ---- signals ---- */

/* As the test has set them: see inherits(). */
static int subject_inherited(void)
{
	struct sigaction action;
	sigset_t mask;
	bool right = !sigprocmask(SIG_BLOCK, NULL, &mask);

	for (int i = 1; i < 32; i++)
		right = right && sigismember(&mask, i) == (i == SIGUSR1 || i == SIGALRM);
	right = right && !sigaction(SIGCHLD, NULL, &action) && action.sa_handler == SIG_IGN;
	right = right && !sigaction(SIGHUP, NULL, &action) && action.sa_handler == SIG_IGN;
	right = right && !sigaction(SIGINT, NULL, &action) && action.sa_handler == SIG_DFL;
	right = right && !sigaction(SIGQUIT, NULL, &action) && action.sa_handler == SIG_DFL;
	right = right && !sigaction(SIGTERM, NULL, &action) && action.sa_handler == SIG_DFL;
	return !right;
}

/* Has two threads and a child, which all say when a call fails, until it is killed. */
static void *maps_on(void *arg)
{
	for (;;) {
		int fd = syscall(SYS_openat, -100, "/proc/self/exe", 0);
		void *at = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);

		if (at == MAP_FAILED || munmap(at, PAGE_SIZE) || mprotect(&stack, 0, PROT_READ)) {
			if (write(STDOUT_FILENO, "!", 1) != 1)
				_exit(93);
		}
		syscall(SYS_close, fd);
	}
	return arg;
}

static int subject_maps_on(void)
{
	pthread_t thread;

	fork();
	if (pthread_create(&thread, NULL, maps_on, NULL) || write(STDOUT_FILENO, "+", 1) != 1)
		return 94;
	maps_on(NULL);
	return 1;
}

/* ---- tracers ---- */

static pid_t start_waiting_child(int fds[2])
{
	char byte;
	pid_t pid;

	if (pipe(fds))
		_exit(94);
	pid = fork();
	if (!pid) {
		close(fds[1]);
		churn(2);
		_exit(read(fds[0], &byte, 1) ? 1 : 9);
	}
	close(fds[0]);
	return pid;
}

static bool stops(pid_t pid, int expected)
{
	int status;

	return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) &&
	       WSTOPSIG(status) == expected;
}

/* Its child asks to be traced, is seen to stop, and goes on. */
static int subject_traced_child(void)
{
	pid_t pid = fork();

	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		churn(3);
		_exit(7);
	}
	if (!stops(pid, SIGSTOP) || ptrace(PTRACE_CONT, pid, NULL, NULL))
		return 2;
	wait_for(pid, 7 << 8);
	return 0;
}

/* The same, and it execs, as under a debugger. */
static int subject_traced_exec(void)
{
	pid_t pid = fork();

	if (!pid) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		unsetenv(SUBJECT_ENV);
		execl("/bin/sh", "sh", "-c", "/bin/true; exit 5", NULL);
		_exit(2);
	}
	if (!stops(pid, SIGTRAP) || ptrace(PTRACE_CONT, pid, NULL, NULL))
		return 2;
	for (int status; waitpid(pid, &status, 0) == pid;) {
		if (WIFEXITED(status))
			return WEXITSTATUS(status) != 5;
		if (ptrace(PTRACE_CONT, pid, NULL, (void *)(long)WSTOPSIG(status)))
			return 3;
	}
	return 4;
}

static int subject_seizes(void)
{
	int fds[2];
	pid_t pid = start_waiting_child(fds);

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) ||
	    !stops(pid, SIGTRAP) || ptrace(PTRACE_CONT, pid, NULL, NULL))
		return 2;
	close(fds[1]);
	wait_for(pid, 9 << 8);
	return 0;
}

/* Also the child that has stopped itself, and one that has a blocked call; more than once. */
static int subject_attaches(void)
{
	int fds[2];
	pid_t pid = start_waiting_child(fds);

	for (int i = 0; i < 20; i++) {
		if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) || !stops(pid, SIGSTOP) ||
		    ptrace(PTRACE_DETACH, pid, NULL, NULL))
			return 2;
	}
	kill(pid, SIGSTOP);
	if (waitpid(pid, NULL, WUNTRACED) != pid)
		return 3;
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) || !stops(pid, SIGSTOP) ||
	    ptrace(PTRACE_DETACH, pid, NULL, NULL) || kill(pid, SIGCONT))
		return 4;
	close(fds[1]);
	wait_for(pid, 9 << 8);
	return 0;
}

/* A process that asks whether it is being debugged. */
static int subject_traces_itself(void)
{
	churn(1);
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0;
}

/* A fault ends the first process of a PID namespace, as it does any other. */
static int subject_init_faults(void)
{
	int status = 0;

	if (unshare(CLONE_NEWUSER | CLONE_NEWPID)) {
		printf("PID namespaces cannot be tested: %s\n", strerror(errno));
		return 0;
	}
	if (!fork()) {
		signal(SIGSEGV, SIG_DFL); /* sanitizers have a handler */
		*(volatile char *)mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
	}
	wait(&status);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 0 : 1;
}

static const struct {
	const char *name;
	int (*run)(void);
} subjects[] = {
	{ "odd_threads", subject_odd_threads },
	{ "odd_children", subject_odd_children },
	{ "sibling", subject_sibling },
	{ "left_alone", subject_left_alone },
	{ "inherited", subject_inherited },
	{ "maps_on", subject_maps_on },
	{ "traced_child", subject_traced_child },
	{ "traced_exec", subject_traced_exec },
	{ "seizes", subject_seizes },
	{ "attaches", subject_attaches },
	{ "traces_itself", subject_traces_itself },
	{ "init_faults", subject_init_faults },
};

__attribute__((constructor)) static void subjects_signals_main(void)
{
	const char *name = getenv(SUBJECT_ENV);

	for (size_t i = 0; name && i < ARRAY_SIZE(subjects); i++) {
		if (!strcmp(name, subjects[i].name))
			exit(subjects[i].run());
	}
}
