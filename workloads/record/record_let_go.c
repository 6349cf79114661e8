/*
 * record_let_go - tasks that get a listener in place of their tracer (serial order)
 *
 *	filter:              call --> stops for the recorder, or fails if it is not the tracer
 *	with another above:  call --> waits for a listener --> runs
 *
 * What a program wants to trace itself must be let go, and has a filter that cannot be taken
 * away.  A second one can be put above it, whose word counts more: of the same calls it tells a
 * listener, who lets all of them run.  The task installs it itself: the recorder has it make the
 * call, while it is stopped, and sees to it that nothing is left of that but the filter.
 *
 * Whoever has that filter inherits it to its children.  A guard keeps the listener open, and
 * the recording going, until none is left.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#if defined(__x86_64__)
#include <sys/user.h>
#undef PAGE_MASK
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

#if defined(__x86_64__)

#define INJECT_PATIENCE 1000000000u /* ns */
#define RED_ZONE        128         /* bytes below the stack pointer that are in use */
#define VDSO_SIZE       (2 * 4096)

/* A stopped task that makes calls for the recorder. */
struct injection {
	pid_t tid;
	struct user_regs_struct saved; /* it goes on with these */
	uint64_t at;                   /* the address of a syscall instruction */
	int signal;                    /* came meanwhile; 0: none */
	int status;                    /* a stop that belongs to others; 0: none */
};

/* ---- calls of a stopped task ---- */

static bool inject_wait(const struct injection *in, int *status)
{
	uint64_t start = record_clock();

	while (waitpid(in->tid, status, __WALL | WNOHANG) != in->tid) {
		if (record_clock() - start > INJECT_PATIENCE)
			return false;
		usleep(50);
	}
	return true;
}

/* Runs up to where a call begins or ends; false: it came to something else, or died. */
static bool inject_run(struct injection *in)
{
	int status, event;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, in->tid, 0, 0) || !inject_wait(in, &status))
			return false;
		event = status >> 16;
		if (!WIFSTOPPED(status) ||
		    (event && event != PTRACE_EVENT_STOP && event != PTRACE_EVENT_SECCOMP)) {
			in->status = status;
			return false;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return true;
		if (!event)
			in->signal = WSTOPSIG(status);
	}
}

/* The result, or -errno. */
static long inject_call(struct injection *in, long nr, long a, long b, long c)
{
	struct user_regs_struct regs = in->saved;

	regs.rip = in->at;
	regs.rax = nr;
	regs.orig_rax = -1;
	regs.rdi = a;
	regs.rsi = b;
	regs.rdx = c;
	if (ptrace(PTRACE_SETREGS, in->tid, 0, &regs) || !inject_run(in) || !inject_run(in) ||
	    ptrace(PTRACE_GETREGS, in->tid, 0, &regs))
		return -ESRCH;
	return regs.rax;
}

/* The vDSO has such an instruction, at the same place in all processes. */
static uint64_t inject_find_instruction(pid_t tid)
{
	const char *own = (const char *)getauxval(AT_SYSINFO_EHDR);
	const char *at = own ? memmem(own, VDSO_SIZE, "\x0f\x05", 2) : NULL;
	Elf64_auxv_t aux[64] = { 0 };
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/auxv", tid);
	file = at ? fopen(path, "re") : NULL;
	if (!file || !fread(aux, sizeof(aux[0]), ARRAY_SIZE(aux) - 1, file))
		at = NULL;
	if (file)
		fclose(file);
	for (unsigned i = 0; at && aux[i].a_type != AT_NULL; i++) {
		if (aux[i].a_type == AT_SYSINFO_EHDR)
			return aux[i].a_un.a_val + (at - own);
	}
	return 0;
}

/* A call that was interrupted is made again: what the kernel does at the end of a signal's stop. */
static void inject_restart(struct user_regs_struct *regs)
{
	enum { RESTARTSYS = 512, RESTARTNOINTR = 513, RESTARTNOHAND = 514, RESTART_BLOCK = 516 };
	long error = -(long)regs->rax;

	if ((long)regs->orig_rax < 0)
		return;
	if (error == RESTARTSYS || error == RESTARTNOINTR || error == RESTARTNOHAND)
		regs->rax = regs->orig_rax;
	else if (error == RESTART_BLOCK)
		regs->rax = SYS_restart_syscall;
	else
		return;
	regs->rip -= 2;
	regs->orig_rax = -1;
}

/* in_call: the task is about to begin a call, which it will begin again. */
static bool inject_begin(struct injection *in, bool in_call)
{
	in->at = inject_find_instruction(in->tid);
	if (!in->at || ptrace(PTRACE_GETREGS, in->tid, 0, &in->saved))
		return false;
	if (!in_call) {
		inject_restart(&in->saved);
		return true;
	}
	in->saved.rax = in->saved.orig_rax;
	in->saved.orig_rax = -1;
	if (ptrace(PTRACE_SETREGS, in->tid, 0, &in->saved) || !inject_run(in))
		return false;
	in->saved.rip -= 2;
	return true;
}

/* ---- the filter ---- */

static long inject_filter(struct injection *in)
{
	struct sock_filter code[CALLS_FILTER_MAX];
	struct sock_fprog program = { .len = calls_filter_all(code) };
	uint64_t to = (in->saved.rsp - RED_ZONE - sizeof(code) - sizeof(program)) & ~15ull;
	struct iovec local[] = { { &program, sizeof(program) }, { code, sizeof(code) } };
	struct iovec remote = { (void *)to, sizeof(program) + sizeof(code) };

	program.filter = (struct sock_filter *)(to + sizeof(program));
	if (process_vm_writev(in->tid, local, 2, &remote, 1, 0) != (ssize_t)remote.iov_len)
		return -EFAULT;
	return inject_call(in, SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			   SECCOMP_FILTER_FLAG_NEW_LISTENER | CALLS_WAIT_KILLABLE, to);
}

/* The recorder's own descriptor of the listener that a task has; or -errno. */
static int inject_take_listener(struct injection *in, long fd)
{
	int tgid = record_status_number(in->tid, "Tgid: %d");
	int process = syscall(SYS_pidfd_open, tgid, 0);
	int listener = syscall(SYS_pidfd_getfd, process, (int)fd, 0);

	if (process >= 0)
		close(process);
	inject_call(in, SYS_close, fd, 0, 0);
	return listener;
}

static bool let_go_guard(struct recorder *r, int listener)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->guards); i++) {
		if (r->guards[i])
			continue;
		r->guards[i] = max(launch_guard(listener), 0);
		return r->guards[i];
	}
	return false;
}

static bool let_go_listen(struct recorder *r, int listener)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };

	if (listener < 0)
		return false;
	if (r->let_go < 0)
		r->let_go = epoll_create1(EPOLL_CLOEXEC);
	return !epoll_ctl(r->let_go, EPOLL_CTL_ADD, listener, &event) && let_go_guard(r, listener);
}

/* Before the task is touched: is there a guard left, and descriptors for its listener? */
static bool let_go_has_room(const struct recorder *r)
{
	unsigned guard = 0, n = 0;
	int fds[4];

	while (guard < ARRAY_SIZE(r->guards) && r->guards[guard])
		guard++;
	while (n < ARRAY_SIZE(fds) && (fds[n] = open("/dev/null", O_PATH | O_CLOEXEC)) >= 0)
		n++;
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	return guard < ARRAY_SIZE(r->guards) && n == ARRAY_SIZE(fds);
}

/* Has the task filters of its own, which may kill it for the calls that are made in its name here? */
static bool let_go_is_filtered(const struct task *task)
{
	const char *line = "Seccomp_filters: %d";

	return record_status_number(task->tid, line) > record_status_number(getpid(), line) + 1;
}

int let_go_filter(struct recorder *r, struct task *task, bool in_call)
{
	struct injection in = { .tid = task->tid };
	bool begun = let_go_has_room(r) && !let_go_is_filtered(task) && inject_begin(&in, in_call);
	bool listens;
	long fd = begun ? inject_filter(&in) : -ESRCH;

	listens = fd >= 0 && let_go_listen(r, inject_take_listener(&in, fd));
	if (begun)
		ptrace(PTRACE_SETREGS, in.tid, 0, &in.saved);
	if (in.status) {
		task->status = in.status;
		task->again = r->again;
		r->again = task;
	}
	return listens && !in.status ? in.signal : -1;
}

#else

int let_go_filter(struct recorder *r, struct task *task, bool in_call)
{
	(void)r, (void)task, (void)in_call;
	return -1;
}

#endif

/* ---- the listeners ---- */

bool let_go_is_guard(struct recorder *r, pid_t pid)
{
	for (unsigned i = 0; i < ARRAY_SIZE(r->guards); i++) {
		if (r->guards[i] == pid) {
			r->guards[i] = 0;
			return true;
		}
	}
	return false;
}

void let_go_serve(struct recorder *r)
{
	union { /* the kernel's may be larger */
		struct seccomp_notif told;
		char room[256];
	} in = { 0 };
	struct epoll_event event;

	if (epoll_wait(r->let_go, &event, 1, 0) != 1)
		return;
	if (!(event.events & EPOLLIN))
		close(event.data.fd); /* nobody has its filter any more */
	else if (!ioctl(event.data.fd, SECCOMP_IOCTL_NOTIF_RECV, &in))
		calls_answer(event.data.fd, in.told.id, SECCOMP_USER_NOTIF_FLAG_CONTINUE, 0);
}
