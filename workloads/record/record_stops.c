/*
 * record_stops - what to do when a task stops
 *
 * The life of a call of interest:
 *
 *	seccomp stop --> held, if another call of this mm is in flight
 *	            \--> begin: arguments read, task runs into the kernel
 *	                 exit stop, or a fork's or exec's own stop --> end: the event is queued,
 *	                                                               the next one held begins
 *
 *  1. One memory call at a time is in flight in an mm, forks that copy it
 *     included.  So the events of an mm are in the order in which the kernel
 *     did them, whatever the scheduling.
 *  2. vfork and clone(CLONE_VM) neither wait nor are waited for: vfork does
 *     not return before its child, which may need the mm, has gone.
 *  3. A call that others wait for and that takes longer than STOPS_PATIENCE
 *     (a page of userfaultfd's that one of those who wait must provide) stops
 *     being waited for: order is lost then, and counted.
 *  4. A task has its number when its parent's fork stop has been seen; if it
 *     stops before that, it stays stopped, unless that fork can come no more.
 *  5. A task leaves its mm at its exit stop, where its VMAs are still there.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <sys/reg.h>
#endif

#include "workloads/record/record_internal.h"

#define STOPS_PATIENCE 300000000u /* ns */
/* A task that the program wants to trace stops within this time, or the program cannot. */
#define STOPS_TRACE_PATIENCE 2000000000u /* ns */

/*
 * Lets a task go on from the stop that is being handled.  If it was killed
 * meanwhile, it is in its exit stop now, or dead: that must be seen first.
 */
static void stops_resume(struct recorder *r, struct task *task, int request, int signal)
{
	int status;

	if (waitpid(task->tid, &status, __WALL | WNOHANG) == task->tid) {
		task->status = status;
		task->again = r->again;
		r->again = task;
		return;
	}
	if (r->attached && request == PTRACE_CONT)
		request = PTRACE_SYSCALL;
	if (ptrace(request, task->tid, 0, (void *)(long)signal) && errno != ESRCH)
		perror("vmabench record: ptrace");
	if (r->detaching || task->leaves) /* any stop makes it forget that it was asked to stop */
		ptrace(PTRACE_INTERRUPT, task->tid, 0, 0);
}

/* ---- the order of calls ---- */

static bool call_waits(const struct task *task)
{
	if (task->call->how == CALL_MEMORY)
		return true;
	return task->call->how == CALL_FORK && !(task->event.arg[1] & CLONE_VM);
}

/* Looks at what was written to before the call changes it. */
static void call_take_writes(struct recorder *r, struct task *task)
{
	if (!r->perf || !perf_complete(r->perf))
		queue_take_faults(r);
	written_before(r, task);
}

/*
 * A child made with CLONE_UNTRACED would have the filter and no tracer: all calls of interest would
 * fail.  So the flag is hidden from the kernel while the call runs: it is in a register, or,
 * with clone3(), in memory.
 */
static void untraced_set(const struct task *task, bool set)
{
#if defined(__x86_64__)
	bool memory = task->untraced == SYS_clone3;
	int peek = memory ? PTRACE_PEEKDATA : PTRACE_PEEKUSER;
	int poke = memory ? PTRACE_POKEDATA : PTRACE_POKEUSER;
	uint64_t at = memory ? task->arg[0] : sizeof(long) * RDI;
	long flags = ptrace(peek, task->tid, at, 0);

	flags = set ? flags | CLONE_UNTRACED : flags & ~(long)CLONE_UNTRACED;
	ptrace(poke, task->tid, at, flags);
#else
	(void)task, (void)set;
#endif
}

static void untraced_hide(struct recorder *r, struct task *task)
{
#if defined(__x86_64__)
	(void)r;
	task->untraced = task->call->nr;
	untraced_set(task, false);
#else
	(void)task;
	record_missing(r, "children made with CLONE_UNTRACED");
#endif
}

/* At the first stop behind the call: of its caller, and of the child, which has a copy. */
static void untraced_show(struct task *task)
{
	untraced_set(task, true);
	task->untraced = 0;
}

/* The child has the caller's registers, and its memory, if that is not the caller's own. */
static void untraced_inherit(struct task *child, const struct task *parent, uint64_t flags)
{
	if (!(flags & CLONE_UNTRACED) || (parent->call->nr == SYS_clone3 && flags & CLONE_VM))
		return;
	child->untraced = parent->call->nr;
	child->arg[0] = parent->arg[0];
}

/* Runs the call that the task has stopped for. */
static void call_begin(struct recorder *r, struct task *task)
{
	bool wanted;

	closes_see(r, task);
	wanted = calls_fill(r, task);
	if (!wanted) {
		task->call = NULL;
		stops_resume(r, task, PTRACE_CONT, 0);
		return;
	}
	call_take_writes(r, task);
	if (call_waits(task)) {
		task->busy = true;
		task->locked = 0;
		task->mm->busy++;
		task->mm->since = r->now;
	}
	if (task->call->how == CALL_FORK)
		r->forks++;
	if (task->call->how == CALL_FORK && task->event.arg[1] & CLONE_UNTRACED)
		untraced_hide(r, task);
	stops_resume(r, task, PTRACE_SYSCALL, 0);
}

static void call_hold(struct task *task)
{
	task->held = true;
	task->next = NULL;
	*task->mm->held_end = task;
	task->mm->held_end = &task->next;
}

static void call_unhold(struct task *task)
{
	struct task **at = &task->mm->held;

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
	if (!*at)
		task->mm->held_end = at;
	task->held = false;
}

/* Begins the calls of an mm that nothing in flight keeps waiting any more. */
static void call_begin_held(struct recorder *r, struct record_mm *mm)
{
	while (mm->held && !mm->busy) {
		struct task *task = mm->held;

		call_unhold(task);
		call_begin(r, task);
	}
}

/* The task's call is over, or will never be. */
static void call_end(struct recorder *r, struct task *task)
{
	struct record_mm *mm = task->mm;

	if (!task->call)
		return;
	if (task->held)
		call_unhold(task);
	else if (task->call->how == CALL_FORK)
		r->forks--;
	task->call = NULL;
	if (!task->busy)
		return;
	task->busy = false;
	mm->busy--;
	call_begin_held(r, mm);
}

static void task_awaits_no_more(struct recorder *r, struct task *task)
{
	r->awaiting -= task->awaits != 0;
	task->awaits = 0;
}

static bool task_leaves(const struct recorder *r, pid_t tid)
{
	return r->by_tid[tid] && r->by_tid[tid]->leaves;
}

/* Runs the ptrace() of those whose target is let go, or does not stop. */
static void stops_run_awaiting(struct recorder *r)
{
	for (pid_t tid = 1; r->awaiting && tid <= r->max_tid; tid++) {
		struct task *task = r->by_tid[tid];

		if (!task || !task->awaits ||
		    (task_leaves(r, task->awaits) && r->now - task->awaited < STOPS_TRACE_PATIENCE))
			continue;
		task_awaits_no_more(r, task);
		stops_resume(r, task, PTRACE_CONT, 0);
	}
}

void stops_tick(struct recorder *r)
{
	r->now = record_clock();
	stops_run_awaiting(r);
	for (struct record_mm *mm = r->mms; mm; mm = mm->next) {
		if (!mm->held || r->now - mm->since < STOPS_PATIENCE)
			continue;
		record_missing(r, "the order of calls that one in flight kept waiting");
		struct task *task = mm->held;
		call_unhold(task);
		call_begin(r, task);
	}
}

static bool task_let_go(struct recorder *r, struct task *task, bool in_call);

/* ---- entry and exit of a call ---- */

/* What an mm leaves behind. */
static struct layout *layout_before_end(struct recorder *r, struct task *task)
{
	written_anywhere(r, task);
	return layout_read(r, task);
}

static void stop_exec_entry(struct recorder *r, struct task *task)
{
	queue_take_faults(r);
	layout_free(task->layout);
	task->layout = task->mm->users == 1 ? layout_before_end(r, task) : NULL;
	queue_mark(r, MARK_CALLS_EXEC, task->tid, task->number);
	stops_resume(r, task, PTRACE_SYSCALL, 0);
}

/* Which call it is that a task has stopped for: as the filter says, or would say. */
static unsigned stop_which_call(struct recorder *r, struct task *task)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), &info) < 0) {
		if (errno != ESRCH) /* before Linux 5.3 */
			record_missing(r, "system calls that ptrace did not tell");
		return CALLS_OTHER;
	}
	if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
		memcpy(task->arg, info.seccomp.args, sizeof(task->arg));
		return info.seccomp.ret_data;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return CALLS_OTHER;
	memcpy(task->arg, info.entry.args, sizeof(task->arg));
	return calls_find(info.arch, info.entry.nr, task->arg);
}

/* A child of the recorder has nobody else to trace it: its call succeeds without. */
static void stop_trace_pretend(struct recorder *r, struct task *task)
{
#if defined(__x86_64__)
	ptrace(PTRACE_POKEUSER, task->tid, sizeof(long) * ORIG_RAX, -1L);
	ptrace(PTRACE_POKEUSER, task->tid, sizeof(long) * RAX, 0L);
#endif
	stops_resume(r, task, PTRACE_CONT, 0);
}

static void stop_trace_me(struct recorder *r, struct task *task)
{
	if (record_status_number(task->tid, "PPid: %d") == getpid())
		stop_trace_pretend(r, task);
	else if (!task_let_go(r, task, true))
		stops_resume(r, task, PTRACE_CONT, 0);
}

/* The program wants to trace one of its tasks, which can have one tracer: that task is let go. */
static void stop_trace(struct recorder *r, struct task *caller)
{
	uint64_t tid = caller->arg[1];
	struct task *task = tid <= RECORD_MAX_TID ? r->by_tid[tid] : NULL;

	caller->call = NULL;
	record_missing_trace(r, "these are not recorded any more");
	if (caller->arg[0] == PTRACE_TRACEME) {
		stop_trace_me(r, caller);
	} else if (!task || !task->number || task == caller) {
		stops_resume(r, caller, PTRACE_CONT, 0);
	} else {
		task->leaves = true;
		ptrace(PTRACE_INTERRUPT, task->tid, 0, 0);
		caller->awaits = task->tid;
		caller->awaited = r->now;
		r->awaiting++;
	}
}

static void stop_entry(struct recorder *r, struct task *task)
{
	unsigned which = stop_which_call(r, task);

	if (which == CALLS_OTHER || !r->started) {
		stops_resume(r, task, PTRACE_CONT, 0);
		return;
	}
	if (which == CALLS_FOREIGN) {
		record_missing(r, "system calls of 32-bit programs, which are not recorded");
		stops_resume(r, task, PTRACE_CONT, 0);
		return;
	}
	task->call = &record_calls[which];
	if (task->call->nr == SYS_ptrace) {
		stop_trace(r, task);
		return;
	}
	switch (task->call->how) {
	case CALL_MISSING:
		record_missing(r, task->call->name);
		task->call = NULL;
		stops_resume(r, task, PTRACE_CONT, 0);
		break;
	case CALL_EXEC:
		stop_exec_entry(r, task);
		break;
	case CALL_FORK:
		if (!calls_fill(r, task)) /* its flags decide whether it waits */
			return;
		/* fall through */
	case CALL_MEMORY:
		if (task->mm->busy && call_waits(task))
			call_hold(task);
		else
			call_begin(r, task);
	}
}

/* The call returned result. */
static void call_returned(struct recorder *r, struct task *task, int64_t result)
{
	if (task->call->how == CALL_EXEC) {
		layout_free(task->layout);
		task->layout = NULL;
		queue_mark(r, MARK_EXEC_FAILED, task->tid, task->number);
	} else {
		written_after(r, task, result);
		calls_result(r, task, result);
		queue_call(r, task, &task->event);
	}
	call_end(r, task);
}

static void stop_return(struct recorder *r, struct task *task)
{
	struct __ptrace_syscall_info info;

	if (r->attached && !task->call) { /* it stops at the entry, too */
		stop_entry(r, task);
		return;
	}

	if (task->call && ptrace(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), &info) > 0 &&
	    info.op == PTRACE_SYSCALL_INFO_EXIT)
		call_returned(r, task, info.exit.rval);
	stops_resume(r, task, PTRACE_CONT, 0);
}

/* ---- births ---- */

/* The child of a successful fork call, which may have stopped already. */
static void task_born(struct recorder *r, struct task *parent, pid_t tid, uint64_t flags)
{
	struct trace_event event = { .kind = TRACE_FORK,
				     .task = parent->number,
				     .name = "",
				     .arg = { ++r->tasks, flags },
				     .result = tid };
	struct task *child = r->by_tid[tid] ? r->by_tid[tid] : task_new(r, tid);

	child->number = r->tasks;
	child->stray = false;
	if (child->status)
		r->unborn--;
	if (flags & CLONE_THREAD)
		child->tgid = parent->tgid;
	untraced_inherit(child, parent, flags);
	mm_enter(child, flags & CLONE_VM ? parent->mm : mm_new(r));
	if (!(flags & CLONE_VM))
		written_open(r, child->mm, tid);
	queue_call(r, parent, &event);
	queue_mark(r, MARK_BIRTH, tid, child->number);
	if (child->status) {
		child->again = r->again;
		r->again = child;
	}
}

static uint64_t fork_flags(const struct task *parent, int event)
{
	if (parent->call && parent->call->how == CALL_FORK)
		return parent->event.arg[1];
	return event == PTRACE_EVENT_VFORK ? CLONE_VM | CLONE_VFORK : 0;
}

static void stop_fork(struct recorder *r, struct task *parent, int event)
{
	unsigned long tid;

	if (!ptrace(PTRACE_GETEVENTMSG, parent->tid, 0, &tid) && tid <= RECORD_MAX_TID) {
		task_born(r, parent, tid, fork_flags(parent, event));
		parent->in_vfork = event == PTRACE_EVENT_VFORK;
		call_end(r, parent);
	}
	stops_resume(r, parent, PTRACE_CONT, 0);
}

/* Is this a task that the recorder traces, but has not numbered? */
static bool task_is_unborn(const struct recorder *r, pid_t tid)
{
	return r->by_tid[tid] ? !r->by_tid[tid]->number : record_traces(tid);
}

/*
 * A child whose parent was killed before its fork stop, and nobody knows
 * which that was: it runs on unrecorded.
 */
static void task_stray(struct recorder *r, struct task *task)
{
	record_missing(r, "tasks whose parent was killed before its fork was seen");
	task->stray = true;
	queue_mark(r, MARK_DEAD, task->tid, 0);
}

/* With no fork in flight, whoever waits to be born waits in vain. */
static void task_stray_all(struct recorder *r)
{
	for (pid_t tid = 1; r->unborn && tid <= r->max_tid; tid++) {
		struct task *task = r->by_tid[tid];

		if (!task || task->number || task->stray || !task->status)
			continue;
		r->unborn--;
		task_stray(r, task);
		task->again = r->again;
		r->again = task;
	}
}

/* ---- deaths ---- */

/*
 * Has the call of a task in its exit stop been done?  On x86-64 the result's register tells:
 * it says -ENOSYS until the call has returned.  1 and *result, 0, or -1: nobody knows.
 */
static int call_cut_off(const struct task *task, int64_t *result)
{
#if defined(__x86_64__)
	errno = 0;
	*result = ptrace(PTRACE_PEEKUSER, task->tid, sizeof(long) * RAX, 0);
	return errno ? -1 : *result != -ENOSYS;
#else
	(void)task, (void)result;
	return -1;
#endif
}

/* The end of a task's call at its death. */
static void task_settle_call(struct recorder *r, struct task *task, bool stopped)
{
	int64_t result;
	int done;

	if (!task->call)
		return;
	if (task->call->how == CALL_FORK && !task->held) {
		/* killed after it made a child, and before it could stop and say so */
		if (stopped && call_cut_off(task, &result) > 0 && result > 0 &&
		    result <= RECORD_MAX_TID && task_is_unborn(r, result))
			task_born(r, task, result, task->event.arg[1]);
	} else if (task->call->how == CALL_MEMORY && !task->held) {
		done = stopped ? call_cut_off(task, &result) : -1;
		if (done > 0) {
			call_returned(r, task, result);
			return;
		}
		if (done < 0)
			record_missing(r, "calls perhaps done when their task was killed");
	}
	call_end(r, task);
}

/* The task leaves its mm; stopped: in its exit stop, where the VMAs can be seen. */
static void task_dies(struct recorder *r, struct task *task, bool stopped)
{
	struct trace_event event = { .kind = TRACE_EXIT, .task = task->number, .name = "" };
	bool in_exec = task->call && task->call->how == CALL_EXEC;

	if (!task->mm)
		return;
	if (task->mm->users == 1)
		queue_take_faults(r);
	task_settle_call(r, task, stopped);
	if (task->mm->users == 1) {
		/* killed inside an exec: of the old VMAs there is what was read before */
		struct layout *layout = in_exec   ? task->layout
					: stopped ? layout_before_end(r, task)
						  : NULL;

		if (layout)
			layout_queue(r, task, layout, TRACE_AT_EXIT);
		if (!in_exec)
			layout_free(layout);
	}
	queue_event(r, &event);
	queue_mark(r, MARK_DEAD, task->tid, task->number);
	mm_leave(task);
}

/* A stopped task is not recorded any more, and runs on. */
static void task_detach(struct recorder *r, struct task *task, int signal)
{
	task_dies(r, task, true);
	ptrace(PTRACE_DETACH, task->tid, 0, (long)signal);
	queue_mark(r, MARK_GONE, task->tid, task->number);
	task_free(r, task);
}

/*
 * A stopped task is not recorded any more, and runs on: the program wants to trace it.  False: it
 * cannot be, or has come to another stop.
 */
static bool task_let_go(struct recorder *r, struct task *task, bool in_call)
{
	int signal = r->attached ? 0 : let_go_filter(r, task, in_call);

	task->leaves = false;
	if (signal < 0)
		return false;
	task_detach(r, task, signal);
	return true;
}

static void stop_gone(struct recorder *r, struct task *task, int status)
{
	if (task->tid == r->first)
		r->status = status;
	if (task->mm && !r->started) {
		mm_leave(task);
	} else if (task->mm) {
		if (task->mm->users == 1)
			record_missing(r, "layouts at the exit of killed tasks");
		task_dies(r, task, false);
	}
	queue_mark(r, MARK_GONE, task->tid, task->number);
	task_free(r, task);
}

/* ---- exec ---- */

/* A thread that execs gets its leader's id; the leader, if it was another, is no more. */
static struct task *exec_change_tid(struct recorder *r, struct task *leader)
{
	unsigned long former;
	struct task *task;

	if (ptrace(PTRACE_GETEVENTMSG, leader->tid, 0, &former) || former > RECORD_MAX_TID ||
	    former == (unsigned long)leader->tid || !r->by_tid[former])
		return leader;
	task = r->by_tid[former];
	if (leader->mm)
		task_dies(r, leader, false);
	task->tid = leader->tid;
	task_free(r, leader);
	r->by_tid[former] = NULL;
	r->by_tid[task->tid] = task;
	queue_mark(r, MARK_GONE, former, task->number);
	return task;
}

static void stop_exec(struct recorder *r, struct task *task)
{
	if (!r->started) {
		r->started = true;
		r->start = r->now;
		task->number = r->tasks = 1;
	}
	task = exec_change_tid(r, task);
	call_end(r, task);
	if (task->layout && task->mm->users == 1)
		layout_queue(r, task, task->layout, TRACE_AT_EXIT);
	layout_free(task->layout);
	task->layout = NULL;
	mm_leave(task);
	mm_enter(task, mm_new(r));
	written_open(r, task->mm, task->tid);
	layout_queue_exec(r, task, TRACE_AFTER_EXEC);
	queue_mark(r, MARK_EXEC, task->tid, task->number);
	stops_resume(r, task, PTRACE_CONT, 0);
}

/* ---- all stops ---- */

static void stop_signal(struct recorder *r, struct task *task, int event, int signal)
{
	bool group =
		signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;

	if (event == PTRACE_EVENT_STOP && task->leaves && task_let_go(r, task, false))
		return;
	if (event == PTRACE_EVENT_STOP && r->detaching)
		task->parked = true;
	else if (event == PTRACE_EVENT_STOP)
		stops_resume(r, task, group ? PTRACE_LISTEN : PTRACE_CONT, 0);
	else if (task->number && record_faults_for_ever(task->tid, signal))
		task_detach(r, task, signal);
	else
		stops_resume(r, task, PTRACE_CONT, signal);
}

static void stop_dispatch(struct recorder *r, struct task *task, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (task->untraced)
		untraced_show(task);
	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		stop_entry(r, task);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		stop_fork(r, task, event);
		break;
	case PTRACE_EVENT_EXEC:
		stop_exec(r, task);
		break;
	case PTRACE_EVENT_EXIT:
		if (r->started)
			task_dies(r, task, true);
		stops_resume(r, task, PTRACE_CONT, 0);
		break;
	default:
		if (signal == (SIGTRAP | 0x80))
			stop_return(r, task);
		else
			stop_signal(r, task, event, signal);
	}
}

/* A stop of a task that has no number. */
static void stop_unborn(struct recorder *r, struct task *task, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (!task->stray && r->forks) {
		r->unborn += !task->status;
		task->status = status; /* until its parent's fork is seen */
		return;
	}
	task->status = 0;
	if (!task->stray)
		task_stray(r, task);
	if (!WIFSTOPPED(status)) {
		queue_mark(r, MARK_GONE, task->tid, 0);
		task_free(r, task);
	} else if (event && event != PTRACE_EVENT_STOP) {
		stops_resume(r, task, PTRACE_CONT, 0);
	} else {
		stop_signal(r, task, event, signal == (SIGTRAP | 0x80) ? 0 : signal);
	}
}

static void stops_take(struct recorder *r, pid_t tid, int status)
{
	struct task *task = r->by_tid[tid];
	bool gone = WIFEXITED(status) || WIFSIGNALED(status);

	r->now = record_clock();
	if (!task && gone && tid == r->first) /* it was let go */
		r->status = status;
	if (!task && (!gone || r->forks)) {
		task = task_new(r, tid);
		if (tid == r->first && !r->started)
			mm_enter(task, mm_new(r));
	}
	if (!task)
		return;
	task->in_vfork = false;
	task_awaits_no_more(r, task);
	if (!task->number && tid != r->first) {
		stop_unborn(r, task, status);
	} else if (gone) {
		stop_gone(r, task, status);
	} else {
		stop_dispatch(r, task, status);
	}
}

void stops_handle(struct recorder *r, pid_t tid, int status)
{
	stops_take(r, tid, status);
	if (!r->forks && r->unborn)
		task_stray_all(r);
	while (r->again) {
		struct task *task = r->again;

		r->again = task->again;
		stops_take(r, task->tid, task->status);
	}
	stops_run_awaiting(r);
}

/* ---- attaching and detaching ---- */

void stops_adopt(struct recorder *r, pid_t tid, pid_t tgid, pid_t sharer, int status)
{
	struct task *task = task_new(r, tid), *shares = sharer ? r->by_tid[sharer] : NULL;
	struct trace_event fork = { .kind = TRACE_FORK, .task = 1, .name = "", .result = tid };

	task->status = status;
	task->tgid = tgid;
	task->number = ++r->tasks;
	if (!r->started) {
		r->started = true;
		r->start = r->now;
		r->first = tid;
	} else {
		/* who has an mm of its own is the first one's child, for the trace */
		fork.arg[0] = task->number;
		fork.arg[1] =
			(shares ? CLONE_VM : 0) | (tid == tgid ? 0 : CLONE_SIGHAND | CLONE_THREAD);
		fork.task = shares ? shares->number : 1;
		queue_event(r, &fork);
	}
	mm_enter(task, shares ? shares->mm : mm_new(r));
	if (!shares) {
		written_open(r, task->mm, tid);
		layout_queue_exec(r, task, TRACE_AT_ATTACH);
	}
	queue_mark(r, MARK_BIRTH, tid, task->number);
}

void stops_run_adopted(struct recorder *r)
{
	for (pid_t tid = 1; tid <= r->max_tid; tid++) {
		struct task *task = r->by_tid[tid];
		int status = task ? task->status : 0;

		if (!status)
			continue;
		task->status = 0;
		stop_dispatch(r, task, status);
	}
}

void stops_queue_last_layouts(struct recorder *r)
{
	r->now = record_clock();
	for (pid_t tid = 1; tid <= r->max_tid; tid++) {
		struct task *task = r->by_tid[tid];
		struct layout *layout;

		if (!task || !task->parked || !task->number || !task->mm || task->mm->told)
			continue;
		layout = layout_before_end(r, task);
		if (layout)
			layout_queue(r, task, layout, TRACE_AT_DETACH);
		layout_free(layout);
		task->mm->told = true;
	}
}

void stops_end(struct recorder *r)
{
	for (pid_t tid = 1; tid <= r->max_tid; tid++) {
		if (r->by_tid[tid]) {
			mm_leave(r->by_tid[tid]);
			task_free(r, r->by_tid[tid]);
		}
	}
}
