/*
 * record_perf - what the kernel tells through perf, as samples
 *
 *	exceptions:page_fault_user    faults of the program itself
 *	exceptions:page_fault_kernel  faults of the kernel at the program's addresses
 *	mmap_lock:mmap_lock_acquire_returned
 *	                              the moment at which a call has its effect: faults and
 *	                              calls of other threads came before or after it
 *	raw_syscalls:sys_enter, sys_exit
 *	                              the calls themselves, those of the recorder's table
 *	task records                  births and deaths
 *	page-faults                   where the tracepoints are refused: the software event, that
 *	                              knows the address, and neither reads from writes nor
 *	                              (without rights) the kernel's own faults
 *
 *  1. One ring a CPU serves all events.  A thread empties the rings, so that a program
 *     that faults while the recorder waits loses nothing; what is lost is counted.
 *  2. Where perf tells of the calls, its events are those of the whole machine, and who
 *     reads the samples picks the recorded tasks: an event that each of thousands of
 *     threads inherits costs them more.  Where it tells of faults alone, the events are
 *     inherited by every thread and child of the recorded process, and nobody else's.
 *
 * The tracepoints' numbers stand in tracefs.  Where it is not mounted, a
 * helper process mounts it for itself alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workloads/record_internal.h"

enum { EVENT_USER, EVENT_KERNEL, EVENT_LOCK, EVENT_ENTER, EVENT_EXIT, NEVENTS };

/* The tracepoints, and what of their records' layout is relied on. */
static const struct {
	const char *name, *fields[2];
} perf_events[NEVENTS] = {
	{ "exceptions/page_fault_user",
	  { "address;\toffset:8;\tsize:8", "error_code;\toffset:24;\tsize:8" } },
	{ "exceptions/page_fault_kernel",
	  { "address;\toffset:8;\tsize:8", "error_code;\toffset:24;\tsize:8" } },
	{ "mmap_lock/mmap_lock_acquire_returned",
	  { "write;\toffset:24;\tsize:1", "success;\toffset:25;\tsize:1" } },
	{ "raw_syscalls/sys_enter", { "id;\toffset:8;\tsize:8", "args[6];\toffset:16;\tsize:48" } },
	{ "raw_syscalls/sys_exit", { "id;\toffset:8;\tsize:8", "ret;\toffset:16;\tsize:8" } },
};

#define RING_MAX   (16u << 20)
#define RINGS_MAX  (512u << 20)         /* all of them */
#define RING_MIN   (64u << 10)

struct ring {
	struct perf_event_mmap_page *page;
	int cpu;
	int fd[NEVENTS];                /* -1: none */
	int first;                      /* the fd that the ring is of */
};

struct perf {
	struct perf_wanted wanted;
	pthread_t thread;
	pthread_mutex_t lock;           /* of all below */
	bool stop;
	struct sample *list;
	size_t n, cap;
	uint64_t lost;
	int ids[NEVENTS];               /* the tracepoints' */
	bool tracepoints;               /* else: the software event */
	size_t ring_size;
	int *more;                      /* events of threads that were there before */
	size_t nmore;
	unsigned nrings;
	struct ring rings[];
};

/* Is this event to be had, and asked for? */
static bool perf_has(const struct perf *perf, unsigned event)
{
	if (!perf->tracepoints)
		return event == EVENT_USER;
	if (perf->ids[event] < 0)
		return false;
	switch (event) {
	case EVENT_USER:
	case EVENT_KERNEL:
		return perf->wanted.faults;
	case EVENT_ENTER:
	case EVENT_EXIT:
		return perf->wanted.calls != NULL;
	default:
		return true;
	}
}

/* ---- the tracepoints' numbers ---- */

/* The number in DIR/events/NAME/id, or -1; checks the layout of its records. */
static int perf_read_id(const char *dir, unsigned event)
{
	char path[256], text[4096] = "";
	int id = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/events/%s/id", dir, perf_events[event].name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &id) != 1)
		id = -1;
	fclose(file);
	snprintf(path, sizeof(path), "%s/events/%s/format", dir, perf_events[event].name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	for (unsigned i = 0; i < ARRAY_SIZE(perf_events[event].fields); i++) {
		if (!strstr(text, perf_events[event].fields[i]))
			return -1;
	}
	return id;
}

/* False if there are not even faults; what else is missing is -1. */
static bool perf_read_ids(const char *dir, int ids[NEVENTS])
{
	for (unsigned i = 0; i < NEVENTS; i++)
		ids[i] = perf_read_id(dir, i);
	return ids[EVENT_USER] >= 0 && ids[EVENT_KERNEL] >= 0;
}

/* The same by a helper process, in a mount namespace of its own. */
static bool perf_mount_and_read_ids(int ids[NEVENTS])
{
	const size_t size = NEVENTS * sizeof(ids[0]);
	int fds[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid) {
		if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("tracefs", "/sys", "tracefs", 0, NULL) && perf_read_ids("/sys", ids) &&
		    write(fds[1], ids, size) < 0)
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], ids, size);
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return n == (ssize_t)size;
}

static bool perf_find_ids(int ids[NEVENTS])
{
	return perf_read_ids("/sys/kernel/tracing", ids) ||
	       perf_read_ids("/sys/kernel/debug/tracing", ids) || perf_mount_and_read_ids(ids);
}

/* ---- the rings ---- */

/* What a sample of ours looks like, with PERF_SAMPLE_TID, _TIME and _ADDR or _RAW. */
struct perf_sample {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t time;
	union {
		uint64_t address;
		struct {
			uint32_t raw_size;
			uint8_t raw[];
		};
	};
};

/* PERF_RECORD_FORK and PERF_RECORD_EXIT. */
struct perf_task {
	struct perf_event_header header;
	uint32_t pid, ppid, tid, ptid;
	uint64_t time;
};

/* The raw data of a tracepoint; size: so much of it is there. */
static bool perf_parse_raw(const struct perf *perf, const uint8_t *raw, size_t size,
			   struct sample *sample)
{
	uint64_t error;
	uint16_t id;

	memcpy(&id, raw, sizeof(id));
	if (id == perf->ids[EVENT_LOCK] && size >= 26) {
		sample->kind = SAMPLE_LOCK;
		sample->bits = raw[24];
	} else if (id == perf->ids[EVENT_ENTER] && size >= 64) {
		sample->kind = SAMPLE_ENTER;
		memcpy(&sample->nr, raw + 8, 8);
		memcpy(sample->arg, raw + 16, 48);
	} else if (id == perf->ids[EVENT_EXIT] && size >= 24) {
		sample->kind = SAMPLE_RETURN;
		memcpy(&sample->nr, raw + 8, 8);
		memcpy(sample->arg, raw + 16, 8);
	} else if (size >= 32) {
		sample->kind = SAMPLE_FAULT;
		memcpy(&sample->address, raw + 8, 8);
		memcpy(&error, raw + 24, 8);
		sample->bits = error & (TRACE_FAULT_PRESENT | TRACE_FAULT_WRITE | TRACE_FAULT_USER |
					TRACE_FAULT_INSTR);
	} else {
		return false;
	}
	return true;
}

static bool perf_parse(const struct perf *perf, const struct perf_event_header *header,
		       struct sample *sample)
{
	const struct perf_sample *record = (const void *)header;
	const struct perf_task *task = (const void *)header;

	switch (header->type) {
	case PERF_RECORD_SAMPLE:
		sample->time = record->time;
		sample->tid = record->tid;
		if (perf->tracepoints)
			return perf_parse_raw(perf, record->raw, record->raw_size, sample);
		sample->kind = SAMPLE_FAULT;
		sample->address = record->address;
		sample->bits = TRACE_FAULT_USER | TRACE_FAULT_UNKNOWN;
		return true;
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		sample->time = task->time;
		sample->tid = task->tid;
		sample->kind = header->type == PERF_RECORD_FORK ? SAMPLE_BIRTH : SAMPLE_DEATH;
		sample->arg[0] = task->ptid;
		sample->bits = task->pid == task->ppid;
		return true;
	default:
		return false;
	}
}

static void perf_record(struct perf *perf, const struct perf_event_header *header)
{
	struct sample sample = { 0 };

	if (header->type == PERF_RECORD_LOST)   /* header, id, number */
		perf->lost += ((const uint64_t *)header)[2];
	if (!perf_parse(perf, header, &sample))
		return;
	if (sample.kind == SAMPLE_FAULT && sample.address >> 63)
		return;                 /* the kernel's own */
	if (sample.tid > RECORD_MAX_TID)
		return;                 /* of another PID namespace */
	if (perf->n == perf->cap) {
		size_t cap = max((size_t)4096, perf->cap * 2);
		struct sample *list = realloc(perf->list, cap * sizeof(*list));

		if (!list) {
			perf->lost++;
			return;
		}
		perf->list = list;
		perf->cap = cap;
	}
	perf->list[perf->n++] = sample;
}

static void perf_drain_ring(struct perf *perf, struct ring *ring)
{
	const char *data = (const char *)ring->page + ring->page->data_offset;
	uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->page->data_tail, copy[32];

	while (tail < head) {
		size_t at = tail % perf->ring_size, first;
		const struct perf_event_header *header = (const void *)(data + at);
		size_t size = header->size;

		first = min(size, perf->ring_size - at);
		if (first < size && size <= sizeof(copy)) {     /* it goes around the end */
			memcpy(copy, data + at, first);
			memcpy((char *)copy + first, data, size - first);
			header = (const void *)copy;
		}
		perf_record(perf, header);
		tail += size;
	}
	__atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
}

static void perf_drain(struct perf *perf)
{
	for (unsigned i = 0; i < perf->nrings; i++)
		perf_drain_ring(perf, &perf->rings[i]);
}

static void *perf_thread(void *arg)
{
	struct perf *perf = arg;
	struct pollfd fds[perf->nrings];
	bool stop = false;
	sigset_t all;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	/* Before the program, if it may be. */
	setpriority(PRIO_PROCESS, gettid(), -20);
	for (unsigned i = 0; i < perf->nrings; i++)
		fds[i] = (struct pollfd){ .fd = perf->rings[i].first, .events = POLLIN };
	while (!stop) {
		poll(fds, perf->nrings, 50);
		/* a ring whose process has ended hangs up for ever */
		for (unsigned i = 0; i < perf->nrings; i++) {
			if (fds[i].revents & (POLLHUP | POLLERR))
				fds[i].fd = -1;
		}
		pthread_mutex_lock(&perf->lock);
		perf_drain(perf);
		stop = perf->stop;
		pthread_mutex_unlock(&perf->lock);
	}
	return NULL;
}

/* ---- opening ---- */

static bool perf_filter(const struct perf *perf, unsigned event, int fd)
{
	const char *filter = NULL;

	if (event == EVENT_LOCK)
		filter = perf->wanted.calls ? "success == 1" : "write == 1 && success == 1";
	else if (event == EVENT_ENTER || event == EVENT_EXIT)
		filter = perf->wanted.calls;
	return !filter || !ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter);
}

static int perf_open_event(const struct perf *perf, unsigned event, pid_t pid, int cpu)
{
	bool tracepoint = perf->tracepoints, all = perf->wanted.calls;
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = tracepoint ? PERF_TYPE_TRACEPOINT : PERF_TYPE_SOFTWARE,
		.config = tracepoint ? perf->ids[event] : PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			       (tracepoint ? PERF_SAMPLE_RAW : PERF_SAMPLE_ADDR),
		.exclude_kernel = !tracepoint,
		.inherit = !all,
		.task = all && event == EVENT_LOCK,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = perf->ring_size / 8,
	};
	int fd = syscall(SYS_perf_event_open, &attr, all ? -1 : pid, cpu, -1,
			 PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 || perf_filter(perf, event, fd))
		return fd;
	close(fd);
	return -1;
}

static void perf_close_ring(const struct perf *perf, struct ring *ring)
{
	if (ring->page)
		munmap(ring->page, sysconf(_SC_PAGESIZE) + perf->ring_size);
	for (unsigned i = 0; i < NEVENTS; i++) {
		if (ring->fd[i] >= 0)
			close(ring->fd[i]);
	}
}

/* 0, or -errno and the ring is closed. */
static int perf_open_ring(struct perf *perf, struct ring *ring, pid_t pid, int cpu)
{
	int error;

	*ring = (struct ring){ .cpu = cpu, .fd = { -1, -1, -1, -1, -1 }, .first = -1 };
	for (unsigned i = 0; i < NEVENTS; i++) {
		if (!perf_has(perf, i))
			continue;
		ring->fd[i] = perf_open_event(perf, i, pid, cpu);
		if (ring->fd[i] < 0 && (i != EVENT_LOCK || perf->wanted.calls))
			goto fail;
		if (ring->fd[i] < 0)
			perf->ids[i] = -1;      /* it goes without */
		else if (ring->first < 0)
			ring->first = ring->fd[i];
	}
	ring->page = mmap(NULL, sysconf(_SC_PAGESIZE) + perf->ring_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, ring->first, 0);
	if (ring->page == MAP_FAILED)
		ring->page = NULL;
	if (!ring->page)
		goto fail;
	for (unsigned i = 0; i < NEVENTS; i++) {
		if (ring->fd[i] >= 0 && ring->fd[i] != ring->first &&
		    ioctl(ring->fd[i], PERF_EVENT_IOC_SET_OUTPUT, ring->first))
			goto fail;
	}
	return 0;
fail:
	error = -errno;
	perf_close_ring(perf, ring);
	return error;
}

static void perf_close_rings(struct perf *perf)
{
	while (perf->nrings)
		perf_close_ring(perf, &perf->rings[--perf->nrings]);
}

/* A ring for each CPU, of perf->ring_size: 0 or -errno, and there is none. */
static int perf_open_rings(struct perf *perf, long cpus)
{
	int error;

	for (int cpu = 0; cpu < cpus; cpu++) {
		error = perf_open_ring(perf, &perf->rings[perf->nrings], perf->wanted.pid, cpu);
		if (!error) {
			perf->nrings++;
		} else if (error != -ENODEV) {          /* a CPU that is off */
			perf_close_rings(perf);
			return error;
		}
	}
	return 0;
}

/* The largest rings that are allowed: without rights, perf_event_mlock_kb limits them. */
static int perf_open_largest(struct perf *perf, long cpus)
{
	int error;

	perf->ring_size = perf->wanted.ring_size;
	if (perf->ring_size)
		return perf_open_rings(perf, cpus);
	perf->ring_size = RING_MAX;
	while (perf->ring_size > RING_MIN && perf->ring_size * cpus > RINGS_MAX)
		perf->ring_size /= 2;
	do {
		error = perf_open_rings(perf, cpus);
		perf->ring_size /= error ? 2 : 1;
	} while (error == -EPERM && perf->ring_size >= RING_MIN);
	return error;
}

/* Opens what is wanted of it: 0 or -errno. */
static int perf_open_wanted(struct perf *perf, long cpus)
{
	const int *ids = perf->ids;
	int error = -EPERM;

	perf->tracepoints = perf_find_ids(perf->ids);
	if (perf->wanted.calls &&
	    (ids[EVENT_LOCK] < 0 || ids[EVENT_ENTER] < 0 || ids[EVENT_EXIT] < 0))
		return -ENOENT;
	if (perf->tracepoints)
		error = perf_open_largest(perf, cpus);
	if (!error || perf->wanted.calls)
		return error;
	perf->tracepoints = false;
	return perf_open_largest(perf, cpus);
}

struct perf *perf_open(const struct perf_wanted *wanted, char *why, size_t size)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct perf *perf = calloc(1, sizeof(*perf) + cpus * sizeof(struct ring));
	int error;

	snprintf(why, size, "no memory");
	if (!perf)
		return NULL;
	perf->wanted = *wanted;
	error = perf_open_wanted(perf, cpus);
	snprintf(why, size, error == -ENOENT ? "no such tracepoints" : "perf_event_open: %s",
		 strerror(-error));
	if (error)
		goto close_rings;
	pthread_mutex_init(&perf->lock, NULL);
	if (!pthread_create(&perf->thread, NULL, perf_thread, perf))
		return perf;
	snprintf(why, size, "no thread to read them");
close_rings:
	perf_close_rings(perf);
	free(perf);
	return NULL;
}

/* What it finds goes to the ring of its CPU. */
static bool perf_follow_event(struct perf *perf, struct ring *ring, unsigned event, pid_t tid)
{
	int *more = realloc(perf->more, (perf->nmore + 1) * sizeof(*more));
	int fd;

	if (!more)
		return false;
	perf->more = more;
	fd = perf_open_event(perf, event, tid, ring->cpu);
	if (fd < 0)
		return false;
	perf->more[perf->nmore++] = fd;
	return !ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->first);
}

bool perf_follow(struct perf *perf, pid_t tid)
{
	bool all = true;

	for (unsigned i = 0; i < perf->nrings; i++) {
		for (unsigned j = 0; j < NEVENTS; j++) {
			if (perf_has(perf, j))
				all &= perf_follow_event(perf, &perf->rings[i], j, tid);
		}
	}
	return all;
}

int sample_compare(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

bool perf_complete(const struct perf *perf)
{
	return perf->tracepoints;
}

int perf_take(struct perf *perf, struct sample **list, size_t *n, size_t *cap)
{
	int status = 0;

	pthread_mutex_lock(&perf->lock);
	perf_drain(perf);
	if (*cap - *n < perf->n) {
		size_t more = max(*n + perf->n, *cap * 2);
		struct sample *grown = realloc(*list, more * sizeof(*grown));

		if (grown) {
			*list = grown;
			*cap = more;
		} else {
			status = -ENOMEM;
		}
	}
	if (!status && perf->n) {
		memcpy(*list + *n, perf->list, perf->n * sizeof(**list));
		*n += perf->n;
		perf->n = 0;
	}
	pthread_mutex_unlock(&perf->lock);
	return status;
}

uint64_t perf_lost(struct perf *perf)
{
	pthread_mutex_lock(&perf->lock);
	uint64_t lost = perf->lost;
	pthread_mutex_unlock(&perf->lock);
	return lost;
}

void perf_close(struct perf *perf)
{
	if (!perf)
		return;
	pthread_mutex_lock(&perf->lock);
	perf->stop = true;
	pthread_mutex_unlock(&perf->lock);
	pthread_join(perf->thread, NULL);
	while (perf->nmore)
		close(perf->more[--perf->nmore]);
	free(perf->more);
	perf_close_rings(perf);
	pthread_mutex_destroy(&perf->lock);
	free(perf->list);
	free(perf);
}
