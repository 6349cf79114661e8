/*
 * record - waits for what the program does, ends the trace
 *
 * There are two ways to know the order of calls:
 *
 *	perf	calls, their order and faults come in through perf.  ptrace and a listener
 *		to the filter tell what perf does not: record_watch, record_stream.
 *	serial	the filter stops all threads at memory calls, and one runs at a time:
 *		record_stops, record_queue.  Faults come in through perf, where they may.
 *
 * The second needs no rights but that to trace its own child.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workloads/record/record.h"
#include "workloads/record/record_internal.h"

enum { RECORD_FAILED = 2 };

#define RECORD_TICK_MS  200
#define RECORD_FLUSH_NS 100000000u

uint64_t record_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

void record_missing(struct recorder *r, const char *what)
{
	struct missing **at = &r->missing;

	while (*at && strcmp((*at)->what, what))
		at = &(*at)->next;
	if (!*at)
		*at = calloc(1, sizeof(**at));
	if (!*at)
		return;
	(*at)->what = what;
	(*at)->times++;
}

void record_missing_trace(struct recorder *r, const char *consequence)
{
	static const char what[] = "processes that the program traces itself";
	const struct missing *m = r->missing;

	while (m && m->what != what)
		m = m->next;
	if (!m)
		fprintf(stderr,
			"vmabench record: the program traces its own processes (ptrace): "
			"%s\n",
			consequence);
	record_missing(r, what);
}

/* ---- signals to the recorder ---- */

/* Has the time come to let the programs that ran before go? */
static void record_see_end(struct recorder *r)
{
	double seconds = r->options->seconds;

	if (!r->detaching &&
	    (r->signals.asked || (seconds > 0 && record_clock() - r->start > seconds * 1e9)))
		attach_ask_to_stop(r);
}

/* A terminal's SIGINT reaches the program by itself; the others are handed on. */
static void record_hand_signal_on(struct recorder *r, int signal)
{
	if (!(r->signals.asked & 1u << signal))
		return;
	if (!r->started)
		kill(r->first, signal);
	for (pid_t tid = 1; r->started && tid <= r->max_tid; tid++) {
		if (r->by_tid[tid] && r->by_tid[tid]->tgid == tid)
			kill(tid, signal);
	}
}

/* What the signals ask for. */
static void record_obey(struct recorder *r)
{
	if (r->attached) {
		record_see_end(r);
	} else if (r->signals.asked) {
		record_hand_signal_on(r, SIGTERM);
		record_hand_signal_on(r, SIGHUP);
		r->signals.asked = 0;
	}
}

/* ---- the loops ---- */

static void record_show_progress(const struct recorder *r)
{
	if (r->options->progress && r->started)
		fprintf(stderr, "\rrecording: %llu events, %u tasks, %.1f MB\033[K\r",
			(unsigned long long)queue_written(r->queue), r->tasks,
			trace_bytes(r->writer) / 1e6);
}

/* Has so long passed since *last? Then that is now. */
static bool record_is_time(uint64_t *last, uint64_t ns)
{
	uint64_t now = record_clock();

	if (now - *last < ns)
		return false;
	*last = now;
	return true;
}

/* Calls serialised: every stop of every thread. */
static void record_loop(struct recorder *r)
{
	uint64_t flushed = 0, ticked = record_clock();
	int status;
	pid_t tid;

	while (!attach_ready_to_end(r)) {
		tid = waitpid(-1, &status, __WALL | WNOHANG);
		if (tid < 0)
			break;
		if (signals_wait(&r->signals, r->let_go, tid ? 0 : RECORD_TICK_MS))
			let_go_serve(r);
		if (tid > 0 && !let_go_is_guard(r, tid))
			stops_handle(r, tid, status);
		record_obey(r);
		if (record_is_time(&ticked, RECORD_TICK_MS * 1000000ull)) {
			record_show_progress(r);
			stops_tick(r);
		}
		if (record_is_time(&flushed, RECORD_FLUSH_NS))
			queue_flush(r, false);
	}
}

/* Ordered by perf. */
static void record_watch_loop(struct recorder *r, struct launch *launch)
{
	uint64_t flushed = 0;

	while (watch_once(r, launch)) {
		record_obey(r);
		if (!record_is_time(&flushed, RECORD_FLUSH_NS))
			continue;
		record_show_progress(r);
		stream_flush(r, false);
	}
}

/* ---- the end ---- */

static char *record_list_missing(const struct recorder *r)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (const struct missing *m = r->missing; m; m = m->next)
		fprintf(out, "%s%s (%llu)", m == r->missing ? "" : ", ", m->what,
			(unsigned long long)m->times);
	fclose(out);
	return text;
}

static void record_free_info(struct trace_info *info)
{
	char *strings[] = { info->command, info->versions,  info->kernel,  info->arch,
			    info->date,    info->recorder,  info->missing, info->fault_source,
			    info->thp,     info->shmem_thp, info->hugetlb };

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
}

static const char *record_fault_source(const struct recorder *r)
{
	if (!r->options->faults)
		return "";
	if (!r->perf)
		return r->infers ? "pagemap" : "";
	if (perf_complete(r->perf))
		return r->infers ? "tracepoint+pagemap" : "tracepoint";
	return r->infers ? "software+pagemap" : "software";
}

static uint64_t record_lost(const struct recorder *r)
{
	return (r->perf ? perf_lost(r->perf) : 0) + (r->stream ? stream_late(r->stream) : 0);
}

/* Writes the header and gives the trace its name: 0 or -1, with a message. */
static int record_finish(struct recorder *r, struct trace_info *info)
{
	info->missing = record_list_missing(r);
	info->faults = r->options->faults && r->perf && perf_complete(r->perf);
	info->fault_source = strdup(record_fault_source(r));
	info->lost = record_lost(r);
	if (asprintf(&info->recorder, "%s; %s",
		     r->stream ? "perf, calls in the order of the mmap lock"
			       : "ptrace, one memory call of an mm at a time",
		     files_how(r->files)) < 0)
		info->recorder = NULL;
	if (!r->failed && !trace_finish(r->writer, info, &r->error)) {
		if (info->missing && info->missing[0])
			fprintf(stderr, "vmabench record: not in the trace: %s\n", info->missing);
		return 0;
	}
	trace_error_print(&r->error);
	trace_abandon(r->writer);
	return -1;
}

static int record_exit_status(const struct recorder *r, const struct trace_info *info)
{
	if (info->lost) {
		fprintf(stderr, "vmabench record: %llu %s were lost%s\n",
			(unsigned long long)info->lost, r->stream ? "records" : "page faults",
			r->options->allow_lost ? ""
			: r->stream ? ": --order serial loses no calls (--allow-lost takes that)"
				    : " (--allow-lost takes that)");
		if (!r->options->allow_lost)
			return RECORD_FAILED;
	}
	if (r->attached)
		return 0;
	return WIFSIGNALED(r->status) ? 128 + WTERMSIG(r->status) : WEXITSTATUS(r->status);
}

void record_open_faults(struct recorder *r, pid_t pid)
{
	struct perf_wanted wanted = {
		.pid = pid, .cgroup = -1, .faults = true, .ring_size = r->options->ring_size
	};
	char why[128];

	if (!r->options->faults)
		return;
	r->perf = perf_open(&wanted, why, sizeof(why));
	r->infers = written_supported();
	if (!r->perf)
		fprintf(stderr, "vmabench record: page faults are missing: %s\n", why);
	else if (!perf_complete(r->perf))
		fprintf(stderr, "vmabench record: page faults without the kernel's own (%s)\n",
			why);
}

/* Can a filter with a listener be installed here?  There can be but one. */
static bool record_can_listen(void)
{
	int status = 1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(calls_install_listener(false) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* perf tells of the program's control group, or else of the whole machine. */
static void record_open_calls(struct recorder *r, struct perf_wanted *wanted, char *why,
			      size_t size)
{
	r->cgroup = cgroup_create();
	wanted->cgroup = r->cgroup ? cgroup_fd(r->cgroup) : -1;
	r->perf = perf_open(wanted, why, size);
	if (r->perf || !r->cgroup)
		return;
	cgroup_free(r->cgroup);
	r->cgroup = NULL;
	wanted->cgroup = -1;
	r->perf = perf_open(wanted, why, size);
}

/* Begins to record calls and their order by perf, if that is allowed; else says why not. */
static bool record_open_order(struct recorder *r)
{
	char calls[1024], why[128] = "a filter that has a listener is in force already";
	struct perf_wanted wanted = { .calls = calls,
				      .faults = r->options->faults,
				      .ring_size = r->options->ring_size };

	if (r->options->order == RECORD_ORDER_SERIAL)
		return false;
	r->infers = r->options->faults && written_supported();
	calls_perf_filter(calls, sizeof(calls));
	if (record_can_listen())
		record_open_calls(r, &wanted, why, sizeof(why));
	if (r->perf) {
		r->stream = stream_create();
		if (r->stream)
			return true;
		perf_close(r->perf);
		r->perf = NULL;
		snprintf(why, sizeof(why), "out of memory");
	}
	fprintf(stderr, "vmabench record: the order of calls cannot come from perf (%s)%s\n", why,
		r->options->order == RECORD_ORDER_PERF ? ""
						       : ": they run one at a time, more slowly");
	return false;
}

/* From the first stop to the last; launch NULL: of programs that ran before. */
static void record_stops(struct recorder *r, struct launch *launch)
{
	if (r->stream)
		record_watch_loop(r, launch);
	else
		record_loop(r);
	if (r->options->progress)
		fputs("\r\033[K", stderr);
}

/* The trace of what was recorded; returns the exit status. */
static int record_end(struct recorder *r, struct trace_info *info)
{
	int status;

	if (r->stream)
		stream_flush(r, true);
	else
		queue_flush(r, true);
	status = record_finish(r, info) ? RECORD_FAILED : record_exit_status(r, info);
	r->writer = NULL;
	return status;
}

static int record_program(struct recorder *r, struct trace_info *info)
{
	struct launch launch = { .told = record_open_order(r) };
	int error, status;

	if (!launch.told && r->options->order == RECORD_ORDER_PERF)
		return RECORD_FAILED;
	launch.looks = r->infers;
	error = launch_start(r, &launch);
	if (error) {
		fprintf(stderr, "vmabench record: cannot trace: %s\n", strerror(-error));
		return RECORD_FAILED;
	}
	r->first = launch.pid;
	if (!launch.told)
		record_open_faults(r, launch.pid);
	if (r->cgroup && cgroup_add(r->cgroup, launch.pid))
		record_missing(r, "calls of tasks that are not in the recorder's control group");
	launch_go(&launch);
	record_stops(r, &launch);
	if (r->started) {
		status = record_end(r, info);
	} else {
		status = RECORD_FAILED;
		fprintf(stderr, "vmabench record: cannot run %s: %s\n", r->options->command[0],
			launch_error(&launch));
	}
	launch_close(&launch);
	return status;
}

static int record_running(struct recorder *r, struct trace_info *info)
{
	if (attach_begin(r))
		return RECORD_FAILED; /* the kernel lets go of all at this process' end */
	record_stops(r, NULL);
	if (r->detaching) {
		queue_take_faults(r);
		stops_queue_last_layouts(r);
		attach_end(r);
	}
	return record_end(r, info);
}

static int record_all(struct recorder *r)
{
	struct trace_info info = { 0 };
	int status = RECORD_FAILED;

	/* before limits are raised */
	getrlimit(RLIMIT_NOFILE, &r->nofile);
	if (r->options->pids)
		info_collect_running(&info, r->options->pids[0]);
	else
		info_collect(&info, r->options->command);
	r->files = files_create();
	r->closes = closes_create();
	if (!r->files || !r->closes)
		fprintf(stderr, "vmabench record: out of memory\n");
	else if (r->options->pids)
		status = record_running(r, &info);
	else
		status = record_program(r, &info);
	stops_end(r);
	perf_close(r->perf);
	cgroup_free(r->cgroup);
	if (r->stream)
		stream_free(r->stream);
	if (r->files)
		files_free(r->files);
	if (r->closes)
		closes_free(r->closes);
	record_free_info(&info);
	return status;
}

/* With the signals taken. */
static int record_write(struct recorder *r)
{
	int status = RECORD_FAILED;

	r->writer = trace_create(r->options->output, &r->error);
	if (!r->writer) {
		trace_error_print(&r->error);
		return RECORD_FAILED;
	}
	r->queue = queue_create();
	r->by_tid = calloc(RECORD_MAX_TID + 1, sizeof(*r->by_tid));
	if (r->queue && r->by_tid && (!r->options->anonymize || !trace_anonymize(r->writer)))
		status = record_all(r);
	else
		fprintf(stderr, "vmabench record: out of memory\n");
	if (r->writer)
		trace_abandon(r->writer);
	if (r->queue)
		queue_free(r->queue);
	free(r->by_tid);
	for (struct missing *m = r->missing, *next; m; m = next) {
		next = m->next;
		free(m);
	}
	return status;
}

int record_run(const struct record_options *options)
{
	struct recorder r = { .options = options, .let_go = -1 };
	int status = RECORD_FAILED, error = signals_take(&r.signals);

	if (error)
		fprintf(stderr, "vmabench record: signalfd: %s\n", strerror(-error));
	else
		status = record_write(&r);
	signals_let_go(&r.signals);
	return status;
}
