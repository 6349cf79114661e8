/*
 * record_attach - running programs: how recording begins and ends there
 *
 *	seize every thread, and stop it --> none new? --> layouts, faults --> all run on
 *	    ^------- a new thread ------------+
 *
 *	asked to end --> all are asked to stop --> each stops where no call is in flight
 *	    --> layouts --> all run on, untraced
 *
 * No filter can be put into a running program, so each of its calls stops it
 * twice, whatever the call is.  If the recorder is killed, the program goes on;
 * so do, when it ends, those that had not stopped: vfork's parents.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

#define ATTACH_PATIENCE 10000000000u /* ns; a machine may be very busy */

/* A thread that this process traces, or is about to. */
struct seized {
	pid_t tid;
	int status; /* of its stop; 0: it runs */
};

struct crowd {
	struct seized *list;
	size_t n, cap;
};

static struct seized *crowd_find(const struct crowd *crowd, pid_t tid)
{
	for (size_t i = 0; i < crowd->n; i++) {
		if (crowd->list[i].tid == tid)
			return &crowd->list[i];
	}
	return NULL;
}

static bool crowd_add(struct crowd *crowd, pid_t tid, int status)
{
	if (crowd->n == crowd->cap) {
		size_t cap = max((size_t)64, crowd->cap * 2);
		struct seized *list = realloc(crowd->list, cap * sizeof(*list));

		if (!list)
			return false;
		crowd->list = list;
		crowd->cap = cap;
	}
	crowd->list[crowd->n++] = (struct seized){ tid, status };
	return true;
}

/* Seizes the threads that are not yet: how many, or -errno if there is one that cannot be. */
static int attach_seize_new(struct crowd *crowd, pid_t pid)
{
	char path[64];
	struct dirent *entry;
	int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (found >= 0 && (entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);

		if (tid <= 0 || crowd_find(crowd, tid))
			continue;
		if (!ptrace(PTRACE_SEIZE, tid, 0, RECORD_OPTIONS))
			found = crowd_add(crowd, tid, 0) ? found + 1 : -ENOMEM;
		else if (errno != ESRCH && !record_traces(tid))
			found = -errno;
		else if (errno != ESRCH) /* born to one that was seized */
			found = crowd_add(crowd, tid, 0) ? found + 1 : -ENOMEM;
		if (found > 0)
			ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	}
	closedir(dir);
	return found;
}

/* One result of waitpid() while the threads are being stopped. */
static bool attach_see(struct crowd *crowd, pid_t tid, int status)
{
	struct seized *seized = crowd_find(crowd, tid);

	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		if (seized)
			*seized = crowd->list[--crowd->n];
		return true;
	}
	if (!seized && !crowd_add(crowd, tid, 0))
		return false;
	seized = crowd_find(crowd, tid);
	if (status >> 16 == PTRACE_EVENT_STOP) {
		seized->status = status;
		return true;
	}
	/* a fork, an exec or a signal came first, and made it forget that it was to stop */
	ptrace(PTRACE_CONT, tid, 0, status >> 16 ? 0L : (long)WSTOPSIG(status));
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	return true;
}

static bool attach_all_stopped(const struct crowd *crowd)
{
	for (size_t i = 0; i < crowd->n; i++) {
		if (!crowd->list[i].status)
			return false;
	}
	return true;
}

/* All threads of pid are stopped, and in crowd: 0 or -errno. */
static int attach_stop_all(struct crowd *crowd, pid_t pid)
{
	uint64_t start = record_clock();
	int found, status;
	pid_t tid;

	while ((found = attach_seize_new(crowd, pid)) > 0 || !attach_all_stopped(crowd)) {
		if (found < 0)
			return found;
		while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
			if (!attach_see(crowd, tid, status))
				return -ENOMEM;
		}
		if (record_clock() - start > ATTACH_PATIENCE)
			return -ETIMEDOUT;
		usleep(1000);
	}
	if (found < 0)
		return found;
	return crowd->n ? 0 : -ESRCH;
}

static void attach_follow_faults(struct recorder *r, pid_t tid)
{
	if (r->perf && !perf_follow(r->perf, tid))
		record_missing(r, "page faults of threads that perf does not take");
}

/*
 * A child that was born while the threads were being stopped came along: a process of its
 * own, but for vfork's, which has the mm of pid.
 */
static void attach_adopt(struct recorder *r, pid_t pid, const struct seized *seized)
{
	pid_t tid = seized->tid, tgid = record_status_number(tid, "Tgid: %d");
	bool shares = tid != pid && !syscall(SYS_kcmp, pid, tid, KCMP_VM, 0, 0);

	if (r->perf || tid != pid)
		attach_follow_faults(r, tid);
	else
		record_open_faults(r, tid);
	stops_adopt(r, tid, tgid, shares ? pid : tgid == tid ? 0 : tgid, seized->status);
}

static int attach_process(struct recorder *r, pid_t pid)
{
	struct crowd crowd = { 0 };
	int error = attach_stop_all(&crowd, pid);
	struct seized *leader = crowd_find(&crowd, pid);

	r->now = record_clock();
	if (!error && !leader)
		error = -ESRCH;
	if (!error)
		attach_adopt(r, pid, leader);
	for (size_t i = 0; i < crowd.n && !error; i++) {
		if (&crowd.list[i] != leader)
			attach_adopt(r, pid, &crowd.list[i]);
	}
	free(crowd.list);
	return error;
}

int attach_begin(struct recorder *r)
{
	r->attached = true;
	for (const pid_t *pid = r->options->pids; *pid; pid++) {
		int error = attach_process(r, *pid);

		if (error) {
			fprintf(stderr, "vmabench record: cannot attach to %d: %s\n", *pid,
				strerror(-error));
			return error;
		}
	}
	stops_run_adopted(r);
	return 0;
}

void attach_ask_to_stop(struct recorder *r)
{
	r->detaching = record_clock();
	for (pid_t tid = 1; tid <= r->max_tid; tid++) {
		if (r->by_tid[tid])
			ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	}
}

bool attach_ready_to_end(const struct recorder *r)
{
	if (!r->detaching)
		return false;
	if (record_clock() - r->detaching > ATTACH_PATIENCE)
		return true;
	for (pid_t tid = 1; tid <= r->max_tid; tid++) {
		const struct task *task = r->by_tid[tid];

		if (task && task->mm && !task->parked && !task->in_vfork)
			return false;
	}
	return true;
}

void attach_end(struct recorder *r)
{
	for (pid_t tid = 1; tid <= r->max_tid; tid++) {
		if (r->by_tid[tid] && r->by_tid[tid]->parked)
			ptrace(PTRACE_DETACH, tid, 0, 0);
	}
}
