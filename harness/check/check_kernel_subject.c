/*
 * check_kernel_subject - the process that does the operations for real: start, turns, end
 */
#include "harness/check/check_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 60 /* seconds that a batch may take */

/* The first soft limits are the same everywhere. */
static int set_limits(void)
{
	static const struct {
		int resource;
		rlim_t soft;
	} limits[] = {
		{ RLIMIT_STACK, 8 << 20 },
		{ RLIMIT_AS, RLIM_INFINITY },
		{ RLIMIT_DATA, RLIM_INFINITY },
		{ RLIMIT_CORE, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit limit;

		if (getrlimit(limits[i].resource, &limit))
			return -1;
		limit.rlim_cur = limits[i].soft;
		if (setrlimit(limits[i].resource, &limit))
			return -1;
	}
	return 0;
}

static void become_subject(const struct kernel_bed *bed, struct kernel_mood mood)
{
	char *argv[] = { (char *)"kernel-subject", NULL }, *envp[] = { NULL };

	for (unsigned i = 0; i < KERNEL_FILES; i++) {
		if (dup2(bed->file[i].fd, 100 + (int)i) < 0)
			return;
	}
	if (dup2(bed->board_fd, SUBJECT_FD) < 0)
		return;
	if (personality(ADDR_NO_RANDOMIZE | (mood.legacy ? ADDR_COMPAT_LAYOUT : 0)) < 0 ||
	    set_limits())
		return;
	setpgid(0, 0);            /* so that none of its children is left when it is stopped */
	signal(SIGCHLD, SIG_IGN); /* children vanish without a wait, */
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* and theirs too */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prctl(PR_SET_THP_DISABLE, mood.no_thp, 0, 0, 0))
		return;
	if (mood.no_lock && prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0))
		return;
	/* the path is part of the stack's content, its length is always the same */
	fexecve(bed->file[KERNEL_FILE_SUBJECT].fd, argv, envp);
}

pid_t kernel_subject_start(struct kernel_bed *bed, struct kernel_mood mood)
{
	__atomic_store_n(&bed->board->turn, 1, __ATOMIC_RELEASE);
	pid_t pid = vfork(); /* fork would copy the emulation's page tables each time */

	if (!pid) {
		become_subject(bed, mood);
		_exit(errno == EPERM ? 126 : 127);
	}
	if (pid < 0) {
		fprintf(stderr, "check --kernel: vfork: %s\n", strerror(errno));
		return -1;
	}
	if (!kernel_subject_wait(bed, pid))
		return pid;
	kernel_subject_stop(pid);
	return -1;
}

void kernel_subject_stop(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void kernel_subject_go(struct kernel_bed *bed, uint32_t task)
{
	__atomic_store_n(&bed->board->turn, task, __ATOMIC_RELEASE);
	syscall(SYS_futex, &bed->board->turn, FUTEX_WAKE, 1000, NULL, NULL, 0);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	if (kill(pid, 0))
		return true;
	return !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == pid;
}

int kernel_subject_wait(struct kernel_bed *bed, pid_t pid)
{
	struct timespec second = { .tv_sec = 1 };
	uint32_t turn;

	for (unsigned seconds = 0; seconds < PATIENCE;) {
		turn = __atomic_load_n(&bed->board->turn, __ATOMIC_ACQUIRE);
		if (!turn)
			return 0;
		if (!syscall(SYS_futex, &bed->board->turn, FUTEX_WAIT, turn, &second, NULL, 0) ||
		    errno != ETIMEDOUT)
			continue;
		seconds++;
		if (has_ended(pid))
			break;
	}
	fprintf(stderr, "check --kernel: the subject (process %d) has died or hangs\n", pid);
	return -1;
}
