/*
 * record_tasks - the tasks and address spaces that the recorder knows
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

/* ---- address spaces ---- */

static void tasks_out_of_memory(void)
{
	fprintf(stderr, "vmabench record: out of memory\n");
	exit(2); /* PTRACE_O_EXITKILL ends the program */
}

struct record_mm *mm_new(struct recorder *r)
{
	struct record_mm *mm = calloc(1, sizeof(*mm));

	if (!mm)
		tasks_out_of_memory();
	mm->held_end = &mm->held;
	mm->maps = mm->pagemap = -1;
	mm->next = r->mms;
	mm->prev = &r->mms;
	if (mm->next)
		mm->next->prev = &mm->next;
	r->mms = mm;
	return mm;
}

void mm_enter(struct task *task, struct record_mm *mm)
{
	mm->users++;
	task->mm = mm;
}

void mm_leave(struct task *task)
{
	struct record_mm *mm = task->mm;

	task->mm = NULL;
	if (!mm || --mm->users)
		return;
	*mm->prev = mm->next;
	if (mm->next)
		mm->next->prev = mm->prev;
	written_close(mm);
	free(mm);
}

/* ---- tasks ---- */

struct task *task_new(struct recorder *r, pid_t tid)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		tasks_out_of_memory();
	task->tid = task->tgid = tid;
	r->by_tid[tid] = task;
	r->max_tid = max(r->max_tid, tid);
	r->ntasks++;
	return task;
}

void task_free(struct recorder *r, struct task *task)
{
	if (r->by_tid[task->tid] == task)
		r->by_tid[task->tid] = NULL;
	layout_free(task->layout);
	free(task);
	r->ntasks--;
}

/* ---- what /proc tells of a task ---- */

int record_status_number(pid_t tid, const char *format)
{
	char path[64], line[128];
	int number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, format, &number) != 1)
		;
	if (file)
		fclose(file);
	return number;
}

bool record_traces(pid_t tid)
{
	return record_status_number(tid, "TracerPid: %d") == getpid();
}

bool record_faults_for_ever(pid_t tid, int signal)
{
	siginfo_t info;

	if (signal != SIGSEGV && signal != SIGBUS && signal != SIGILL && signal != SIGFPE)
		return false;
	return record_status_number(tid, "NStgid: %*d %d") == 1 &&
	       !ptrace(PTRACE_GETSIGINFO, tid, 0, &info) && info.si_code > 0 &&
	       !(record_status_number(tid, "SigCgt: %*8x%x") & 1 << (signal - 1));
}

/* ---- the recorder's own threads ---- */

void record_raise_priority(void)
{
	struct sched_param first = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first))
		setpriority(PRIO_PROCESS, gettid(), -20);
}
