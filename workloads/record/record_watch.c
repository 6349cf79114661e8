/*
 * record_watch - what perf does not tell, where it tells the order
 *
 *	a told call --> waits for this process: arguments in memory, the open file --> runs
 *	execs, births and exits of processes --> ptrace stops: layouts
 *
 *  1. Threads are not traced.  Nor do their calls stop, but for the told ones, those of
 *     which perf does not tell all: see record_calls.
 *  2. A task is traced if it is a process' first, or has called fork or exec: a call that
 *     waits to be told of can be seized.  (A thread's clone3() is not told of, for it makes
 *     mostly threads; a process that it makes is traced a moment later.)
 *  3. A process that is ending, whose first thread is in its exit stop, waits there
 *     until the other threads are gone; then its VMAs are those it leaves behind.  If
 *     one of them is in an exec, that exec waits for the first thread: it goes on.
 *  4. Here a task's number is its tid: the stream knows the numbers.
 *  5. A task that the program traces itself is let go, and not seized again.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <sys/reg.h>
#endif

#include "workloads/record/record_internal.h"

/* As long as a process is at its end, its threads are looked at so often. */
#define WATCH_HELD_MS 1
/* Whatever comes or is lost, there is another look so often. */
#define WATCH_MS    100
#define WATCH_CALLS 64 /* that wait, handled between two looks at everything else */
/* A task that the program wants to trace stops within this time, or the program cannot. */
#define WATCH_PATIENCE 2000000000u /* ns */

/* The kernel's own: a call is to be done again, if its handler wants that, or always. */
#define ERESTARTSYS_    512L
#define ERESTARTNOINTR_ 513L

/* ---- tasks ---- */

/* A thread's process. */
static pid_t watch_tgid(pid_t tid)
{
	return record_status_number(tid, "Tgid: %d");
}

/* That a task was made by a fork does not say that it is no thread: clone() has both flags. */
static struct task *watch_task(struct recorder *r, pid_t tid)
{
	struct task *task = r->by_tid[tid];

	if (task)
		return task;
	task = task_new(r, tid);
	task->number = tid;
	task->tgid = watch_tgid(tid) ?: tid;
	return task;
}

static void watch_resume(struct task *task, int request, int signal)
{
	if (task->leaves) {
		request = PTRACE_DETACH;
		task->leaves = false;
		task->left = true;
	}
	if (ptrace(request, task->tid, 0, (void *)(long)signal) && errno != ESRCH)
		perror("vmabench record: ptrace");
}

/* How many threads a process has; those that the kernel has forgotten do not count. */
static unsigned watch_threads(pid_t tgid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/task", tgid);
	return stat(path, &st) ? 0 : st.st_nlink - 2;
}

/* A task that waits in a told call is traced from here on, unless somebody else traces it. */
static struct task *watch_seize(struct recorder *r, pid_t tid)
{
	struct task *task = r->by_tid[tid];

	if (task)
		return task;
	task = watch_task(r, tid);
	if (!ptrace(PTRACE_SEIZE, tid, 0, WATCH_OPTIONS))
		return task;
	if (errno != ESRCH && !record_traces(tid))
		record_missing(r, "forks and execs of threads that could not be traced");
	task->left = !record_traces(tid);
	return task;
}

void watch_died(struct recorder *r, pid_t tid)
{
	if (r->by_tid[tid] && r->by_tid[tid]->left)
		task_free(r, r->by_tid[tid]);
}

void watch_adopt(struct recorder *r, pid_t tid)
{
	if (!r->by_tid[tid] && !ptrace(PTRACE_SEIZE, tid, 0, WATCH_OPTIONS))
		watch_task(r, tid);
}

#if defined(__x86_64__)
static long watch_register(const struct task *task, unsigned reg)
{
	return ptrace(PTRACE_PEEKUSER, task->tid, sizeof(long) * reg, 0);
}
#endif

/* ---- what becomes of a told call ---- */

enum answer {
	ANSWER_RUN,   /* it runs */
	ANSWER_DONE,  /* it has succeeded, without */
	ANSWER_AGAIN, /* its task stops, and then makes it again */
	ANSWER_LATER,
};

static void watch_answer(int listener, uint64_t id, enum answer answer)
{
	calls_answer(listener, id, answer == ANSWER_RUN ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
		     answer == ANSWER_AGAIN ? -ERESTARTNOINTR_ : 0);
}

/* ---- a program that traces ---- */

/* A call that waits until another task is let go. */
struct waiting {
	uint64_t id, since;
	pid_t target;
	struct waiting *next;
};

static enum answer trace_wait(struct recorder *r, uint64_t id, pid_t target)
{
	struct waiting *waiting = malloc(sizeof(*waiting));

	if (!waiting)
		return ANSWER_RUN; /* it fails */
	*waiting = (struct waiting){ id, r->now, target, r->waiting };
	r->waiting = waiting;
	return ANSWER_LATER;
}

/* Those whose target is let go, or does not stop. */
static void trace_answer_waiting(struct recorder *r, int listener)
{
	struct waiting **at = &r->waiting, *waiting;

	while ((waiting = *at)) {
		const struct task *target = r->by_tid[waiting->target];

		if (target && !target->left && record_clock() - waiting->since < WATCH_PATIENCE) {
			at = &waiting->next;
			continue;
		}
		watch_answer(listener, waiting->id, ANSWER_RUN);
		*at = waiting->next;
		free(waiting);
	}
}

/*
 * The program wants to trace one of its tasks, which can have one tracer: it is let go.  What it
 * does is told still, up to its next exec.  A child of the recorder has nobody else to trace it.
 */
static enum answer told_trace(struct recorder *r, const struct task *caller, uint64_t id)
{
	bool self = caller->arg[0] == PTRACE_TRACEME;
	uint64_t tid = self ? (uint64_t)caller->tid : caller->arg[1];
	struct task *task = tid <= RECORD_MAX_TID ? r->by_tid[tid] : NULL;
	enum answer answer = ANSWER_RUN;

	if (self && record_status_number(caller->tid, "PPid: %d") == getpid()) {
		answer = ANSWER_DONE;
	} else if (task && !task->left) {
		task->leaves = true;
		ptrace(PTRACE_INTERRUPT, task->tid, 0, 0);
		answer = self ? ANSWER_AGAIN : trace_wait(r, id, tid);
	}
	if (answer != ANSWER_AGAIN)
		record_missing_trace(r, "they are not recorded from their next exec on");
	return answer;
}

/* ---- told calls ---- */

static void told_exec(struct recorder *r, struct task *task)
{
	layout_free(task->layout);
	task->layout = NULL;
	if (!task->shares && watch_threads(task->tgid) == 1) {
		written_anywhere(r, task);
		task->layout = layout_read(r, task);
	}
}

/* No stop will tell what the exec of a task that the program traces makes of it. */
static void told_unseen_exec(struct recorder *r, struct task *task)
{
	if (task->layout)
		layout_queue(r, task, task->layout, TRACE_AT_EXIT);
	layout_free(task->layout);
	task->layout = NULL;
	stream_note(r, NOTE_LEAVES, task->tid, NULL);
}

/* How large the file will be: its size is told when the call has returned, or not at all. */
static uint64_t told_size(const struct task *task, uint64_t size)
{
	if (task->call->nr == SYS_ftruncate)
		return task->arg[1];
	return task->arg[1] ? size : max(size, task->arg[2] + task->arg[3]); /* it grows */
}

/* What is there afterwards can be seen afterwards: the task stops as the call returns. */
static void told_until_return(struct recorder *r, const struct task *task)
{
	struct task *traced = watch_seize(r, task->tid);

	if (traced->left)
		return;
	traced->call = task->call;
	traced->event = task->event;
	traced->told = r->now;
	ptrace(PTRACE_INTERRUPT, task->tid, 0, 0);
}

/* What the trace needs of a call that waits. */
static void told_call(struct recorder *r, const struct record_call *call, struct task *task)
{
	task->call = call;
	closes_see(r, task);
	if (call->how == CALL_MISSING) {
		record_missing(r, call->name);
	} else if (call->how == CALL_EXEC) {
		task = watch_seize(r, task->tid);
		task->call = call;
		told_exec(r, task);
		if (task->left)
			told_unseen_exec(r, task);
	} else if (call->kind == TRACE_PROCESS) {
		told_until_return(r, task);
	} else if (calls_fill(r, task)) {
		if (call->kind == TRACE_FILE_SIZE)
			task->event.arg[1] = told_size(task, task->event.arg[1]);
		if (call->how == CALL_FORK)
			watch_seize(r, task->tid);
		written_before(r, task);
		if (!calls_is_told(call, task->arg))
			return;
		stream_note(r, NOTE_CALL, task->tid, &task->event);
		if (files_wants_result(r, &task->event))
			told_until_return(r, task);
		else
			files_mapped_unseen(r, &task->event);
	}
}

static enum answer watch_told(struct recorder *r, const struct seccomp_notif *told)
{
	struct task task = { .tid = told->pid, .number = told->pid };
	unsigned which;

	if (!r->started)
		return ANSWER_RUN;
	for (unsigned i = 0; i < ARRAY_SIZE(task.arg); i++)
		task.arg[i] = told->data.args[i];
	which = calls_find(told->data.arch, told->data.nr, task.arg);
	if (which == CALLS_FOREIGN) {
		record_missing(r, "system calls of 32-bit programs, which are not recorded");
		stream_note(r, NOTE_FOREIGN, task.tid, NULL);
	} else if (which != CALLS_OTHER) {
		if (r->by_tid[task.tid])
			task.tgid = r->by_tid[task.tid]->tgid;
		else if (record_calls[which].how == CALL_MEMORY && record_calls[which].told)
			task.tgid = watch_tgid(task.tid);
		if (record_calls[which].nr == SYS_ptrace)
			return told_trace(r, &task, told->id);
		told_call(r, &record_calls[which], &task);
	}
	return ANSWER_RUN;
}

/* Calls that wait: some of them, for stops, signals and the trace have their turn, too. */
static void watch_listen(struct recorder *r, const struct launch *launch)
{
	struct seccomp_notif told;

	for (unsigned i = 0; i < WATCH_CALLS && listen_take(launch->listen, &told); i++) {
		enum answer answer = ANSWER_RUN;

		r->now = record_clock();
		if (told.pid && told.pid <= RECORD_MAX_TID)
			answer = watch_told(r, &told);
		if (answer != ANSWER_LATER)
			watch_answer(launch->listener, told.id, answer);
		listen_done(launch->listen);
	}
}

/* ---- the end of a process ---- */

/* Is a task in its exit stop, or one that is blocked, in the middle of an exec? */
static bool task_is_in_exec(pid_t tid)
{
	char path[64], text[32] = "";
	FILE *file;
	long nr;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return sscanf(text, "%ld", &nr) == 1 && (nr == SYS_execve || nr == SYS_execveat);
}

static bool process_is_in_exec(const struct recorder *r, pid_t tgid)
{
	bool found = false;
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", tgid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);
		const struct task *task = tid > 0 ? r->by_tid[tid] : NULL;

		found = task && tid != tgid && task->call && task_is_in_exec(tid);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Was a task in its exit stop killed inside an exec, which may have changed its mm? */
static bool killed_in_exec(const struct task *task)
{
#if defined(__x86_64__)
	long nr = watch_register(task, ORIG_RAX);

	return task->call && (nr == SYS_execve || nr == SYS_execveat) &&
	       watch_register(task, RAX) == -ENOSYS;
#else
	(void)task;
	return false;
#endif
}

/* The last task of its process in its exit stop: what it leaves behind. */
static void watch_end(struct recorder *r, struct task *task)
{
	struct layout *layout = NULL;

	if (killed_in_exec(task)) { /* of the old VMAs there is what was read */
		layout = task->layout;
		task->layout = NULL;
	} else if (!task->shares) {
		written_anywhere(r, task);
		layout = layout_read(r, task);
	}
	if (layout)
		layout_queue(r, task, layout, TRACE_AT_EXIT);
	layout_free(layout);
	watch_resume(task, PTRACE_CONT, 0);
}

/* May it end now, or must it wait on? */
static bool watch_try_end(struct recorder *r, struct task *task)
{
	if (watch_threads(task->tgid) <= 1)
		watch_end(r, task);
	else if (process_is_in_exec(r, task->tgid))
		watch_resume(task, PTRACE_CONT, 0);
	else
		return false;
	return true;
}

static void watch_hold(struct recorder *r, struct task *task)
{
	task->held = true;
	task->next = r->again;
	r->again = task;
}

static void watch_try_held(struct recorder *r)
{
	struct task **at = &r->again;

	while (*at) {
		struct task *task = *at;

		r->now = record_clock();
		if (watch_try_end(r, task)) {
			*at = task->next;
			task->held = false;
		} else {
			at = &task->next;
		}
	}
}

/* It is held no more, because it was killed. */
static void watch_forget(struct recorder *r, struct task *task)
{
	struct task **at = &r->again;

	while (*at && *at != task)
		at = &(*at)->next;
	if (*at)
		*at = task->next;
}

/* ---- stops ---- */

static void watch_fork(struct recorder *r, struct task *parent)
{
	unsigned long tid;

	if (!ptrace(PTRACE_GETEVENTMSG, parent->tid, 0, &tid) && tid <= RECORD_MAX_TID)
		watch_task(r, tid)->shares =
			!syscall(SYS_kcmp, parent->tid, (pid_t)tid, KCMP_VM, 0, 0);
	watch_resume(parent, PTRACE_CONT, 0);
}

static void watch_exec(struct recorder *r, struct task *task)
{
	struct trace_event note = { .task = task->tid, .name = "" };
	struct task *former;
	unsigned long tid;

	if (ptrace(PTRACE_GETEVENTMSG, task->tid, 0, &tid) || tid > RECORD_MAX_TID)
		tid = task->tid;
	former = r->by_tid[tid];
	if (!r->started) {
		r->started = true;
		r->start = r->now;
	}
	note.arg[0] = tid;
	stream_note(r, NOTE_EXEC, task->tid, &note);
	if (former == task && task->layout)
		layout_queue(r, task, task->layout, TRACE_AT_EXIT);
	layout_free(task->layout);
	task->layout = NULL;
	task->call = NULL;
	task->shares = false;
	if (former && former != task)
		task_free(r, former);
	layout_queue_exec(r, task, TRACE_AFTER_EXEC);
	watch_resume(task, PTRACE_CONT, 0);
}

static void watch_exit(struct recorder *r, struct task *task)
{
	if (r->started && r->cgroup && !cgroup_holds(r->cgroup, task->tid))
		record_missing(r, "calls of tasks that left the recorder's control group");
	if (!r->started || task->tid != task->tgid)
		watch_resume(task, PTRACE_CONT, 0);
	else if (!watch_try_end(r, task))
		watch_hold(r, task);
}

/*
 * A signal has found the task waiting in a told call that nobody had listened to yet.
 * That must not fail with EINTR, as no such call does: it is told again behind the handler.
 */
static void watch_restart_told(const struct recorder *r, const struct task *task)
{
#if defined(__x86_64__)
	static const unsigned regs[6] = { RDI, RSI, RDX, R10, R8, R9 };
	uint64_t args[6];
	unsigned which;

	if (watch_register(task, RAX) != -ERESTARTSYS_)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(regs); i++)
		args[i] = watch_register(task, regs[i]);
	which = calls_find_native(watch_register(task, ORIG_RAX), args);
	if (which != CALLS_OTHER && calls_waits(&record_calls[which], args, r->infers))
		ptrace(PTRACE_POKEUSER, task->tid, sizeof(long) * RAX, -ERESTARTNOINTR_);
#else
	(void)r, (void)task;
#endif
}

static void watch_process(struct recorder *r, const struct task *task)
{
	struct trace_event event;

	layout_process_event(task, &event);
	queue_event(r, &event);
}

/* What is found out belongs before the call. */
static void watch_mapped(struct recorder *r, struct task *task)
{
#if defined(__x86_64__)
	uint64_t now = r->now, file = task->event.arg[5];

	r->now = task->told;
	files_mapped(r, task, &task->event, watch_register(task, RAX));
	if (task->event.arg[5] != file)
		stream_note(r, NOTE_CALL, task->tid, &task->event);
	r->now = now;
#else
	(void)r, (void)task;
#endif
}

/* The call has returned of which more is to be seen then. */
static void watch_returned(struct recorder *r, struct task *task)
{
	const struct record_call *call = task->call;

	if (!call || (call->kind != TRACE_PROCESS && call->kind != TRACE_MMAP))
		return;
	task->call = NULL;
	if (call->kind == TRACE_PROCESS)
		watch_process(r, task);
	else
		watch_mapped(r, task);
}

static void watch_signal(const struct recorder *r, struct task *task, int event, int signal)
{
	bool group =
		signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;

	if (event == PTRACE_EVENT_STOP) {
		watch_resume(task, group ? PTRACE_LISTEN : PTRACE_CONT, 0);
	} else {
		watch_restart_told(r, task);
		task->leaves |= record_faults_for_ever(task->tid, signal);
		watch_resume(task, PTRACE_CONT, signal);
	}
}

static void watch_stop(struct recorder *r, pid_t tid, int status)
{
	struct task *task = watch_task(r, tid);
	int event = status >> 16;

	r->now = record_clock();
	if (task->held)
		watch_forget(r, task);
	task->held = task->left = false;
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (tid == r->first)
			r->status = status;
		task_free(r, task);
		return;
	}
	switch (event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		watch_fork(r, task);
		break;
	case PTRACE_EVENT_EXEC:
		watch_exec(r, task);
		break;
	case PTRACE_EVENT_EXIT:
		watch_exit(r, task);
		break;
	case PTRACE_EVENT_STOP:
		watch_returned(r, task);
		/* fall through */
	default:
		watch_signal(r, task, event, WSTOPSIG(status));
	}
}

/* ---- waiting ---- */

/* The listener hangs up when no task has its filter any more. */
static void watch_close_listener(struct launch *launch)
{
	listen_free(launch->listen);
	launch->listen = NULL;
	close(launch->listener);
	launch->listener = -1;
	launch->told = false;
}

/*
 * Whoever has the filter may be untraced for a moment (a thread's child), so what ends the wait is
 * the guard's end.  Before Linux 6.11 a dead child has it until its parent waits for it, which
 * may be never.
 */
static void watch_end_guard(struct recorder *r, const struct launch *launch)
{
	if (launch->guard > 0 && r->started && !r->ntasks && !stream_is_alive(r->stream))
		kill(launch->guard, SIGKILL);
}

bool watch_once(struct recorder *r, struct launch *launch)
{
	bool awaited = launch->told && launch->listener < 0;
	int fd = awaited ? launch->error[0] : launch->listen ? listen_fd(launch->listen) : -1;
	short events = signals_wait(&r->signals, fd, r->again ? WATCH_HELD_MS : WATCH_MS);
	int status;
	pid_t tid;

	if (awaited && events) {
		launch_take_listener(launch);
		launch->told = launch->listener >= 0;
	} else if (events & POLLIN) {
		watch_listen(r, launch);
	} else if (!events) {
		watch_end_guard(r, launch);
	}
	if (launch->listen && listen_ended(launch->listen, !events))
		watch_close_listener(launch);
	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		if (tid == launch->guard)
			launch->guard = 0;
		else
			watch_stop(r, tid, status);
	}
	watch_try_held(r);
	trace_answer_waiting(r, launch->listener);
	return !tid;
}
