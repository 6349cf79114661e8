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
 *  1. One ring a CPU serves all events.  A thread that runs before all others empties the
 *     rings, so that a program that faults while the recorder waits loses nothing; what is
 *     lost is counted.
 *  2. An event that each of thousands of threads inherits costs them more than one of a CPU. So
 *     where perf tells of the calls, its events are those of a control group that holds the
 *     program alone; where there can be none, of the whole machine, and who reads the samples
 *     picks the recorded tasks.
 *  3. Where it tells of faults alone, the events are inherited by every thread and child
 *     of the recorded process, and nobody else's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"
#include "workloads/record/record_ring.h"
#include "workloads/record/record_tracepoints.h"

#define RING_MAX  (16u << 20)
#define RINGS_MAX (512u << 20) /* all of them */
#define RING_MIN  (64u << 10)

struct ring {
	struct perf_event_mmap_page *page;
	int cpu;
	int fd[NPOINTS]; /* -1: none */
	int first;       /* the fd that the ring is of */
};

struct perf {
	struct perf_wanted wanted;
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	bool stop;
	struct sample *list;
	size_t n, cap;
	uint64_t lost;
	struct tracepoint points[NPOINTS];
	bool tracepoints; /* else: the software event */
	size_t ring_size;
	int *more; /* events of threads that were there before */
	size_t nmore;
	char room[RING_RECORD]; /* for a record that goes around a ring's end */
	unsigned nrings;
	struct ring rings[];
};

/* Is this event to be had, and asked for? */
static bool perf_has(const struct perf *perf, unsigned event)
{
	if (!perf->tracepoints)
		return event == POINT_USER;
	if (perf->points[event].id < 0)
		return false;
	switch (event) {
	case POINT_USER:
	case POINT_KERNEL:
		return perf->wanted.faults;
	case POINT_ENTER:
	case POINT_EXIT:
		return perf->wanted.calls != NULL;
	default:
		return true;
	}
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
			return tracepoints_sample(perf->points, record->raw, record->raw_size,
						  sample);
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

static void perf_record(void *arg, const struct perf_event_header *header)
{
	struct sample sample = { 0 };
	struct perf *perf = arg;

	if (header->type == PERF_RECORD_LOST) /* header, id, number */
		perf->lost += ((const uint64_t *)header)[2];
	if (!perf_parse(perf, header, &sample))
		return;
	if (sample.kind == SAMPLE_FAULT && sample.address >> 63)
		return; /* the kernel's own */
	if (sample.tid > RECORD_MAX_TID)
		return; /* of another PID namespace */
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
	uint64_t tail = ring_read(data, perf->ring_size, ring->page->data_tail, head, perf_record,
				  perf, perf->room);

	perf->lost += tail != head;
	__atomic_store_n(&ring->page->data_tail, head, __ATOMIC_RELEASE);
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

	record_raise_priority();
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

	if (event == POINT_LOCK)
		filter = perf->wanted.calls ? "success == 1" : "write == 1 && success == 1";
	else if (event == POINT_ENTER || event == POINT_EXIT)
		filter = perf->wanted.calls;
	return !filter || !ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter);
}

static int perf_open_event(const struct perf *perf, unsigned event, pid_t pid, int cpu)
{
	bool tracepoint = perf->tracepoints, all = perf->wanted.calls;
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = tracepoint ? PERF_TYPE_TRACEPOINT : PERF_TYPE_SOFTWARE,
		.config = tracepoint ? perf->points[event].id : PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			       (tracepoint ? PERF_SAMPLE_RAW : PERF_SAMPLE_ADDR),
		.exclude_kernel = !tracepoint,
		.inherit = !all,
		.task = all && event == POINT_LOCK,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = perf->ring_size / 8,
	};
	bool group = all && perf->wanted.cgroup >= 0;
	int fd = syscall(SYS_perf_event_open, &attr,
			 group ? perf->wanted.cgroup
			 : all ? -1
			       : pid,
			 cpu, -1, PERF_FLAG_FD_CLOEXEC | (group ? PERF_FLAG_PID_CGROUP : 0));

	if (fd < 0 || perf_filter(perf, event, fd))
		return fd;
	close(fd);
	return -1;
}

static void perf_close_ring(const struct perf *perf, struct ring *ring)
{
	if (ring->page)
		munmap(ring->page, sysconf(_SC_PAGESIZE) + perf->ring_size);
	for (unsigned i = 0; i < NPOINTS; i++) {
		if (ring->fd[i] >= 0)
			close(ring->fd[i]);
	}
}

/* 0, or -errno and the ring is closed. */
static int perf_open_ring(struct perf *perf, struct ring *ring, pid_t pid, int cpu)
{
	int error;

	*ring = (struct ring){ .cpu = cpu, .fd = { -1, -1, -1, -1, -1 }, .first = -1 };
	for (unsigned i = 0; i < NPOINTS; i++) {
		if (!perf_has(perf, i))
			continue;
		ring->fd[i] = perf_open_event(perf, i, pid, cpu);
		if (ring->fd[i] < 0 && (i != POINT_LOCK || perf->wanted.calls))
			goto fail;
		if (ring->fd[i] < 0)
			perf->points[i].id = -1; /* it goes without */
		else if (ring->first < 0)
			ring->first = ring->fd[i];
	}
	ring->page = mmap(NULL, sysconf(_SC_PAGESIZE) + perf->ring_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, ring->first, 0);
	if (ring->page == MAP_FAILED)
		ring->page = NULL;
	if (!ring->page)
		goto fail;
	for (unsigned i = 0; i < NPOINTS; i++) {
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
		} else if (error != -ENODEV) { /* a CPU that is off */
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
	} while ((error == -EPERM || error == -ENOMEM) && perf->ring_size >= RING_MIN);
	return error;
}

/* Are all tracepoints there that are wanted? */
static bool perf_has_tracepoints(const struct perf *perf)
{
	const struct tracepoint *points = perf->points;

	if (perf->wanted.calls &&
	    (points[POINT_LOCK].id < 0 || points[POINT_ENTER].id < 0 || points[POINT_EXIT].id < 0))
		return false;
	return points[POINT_USER].id >= 0 && points[POINT_KERNEL].id >= 0;
}

/* Opens what is wanted of it: 0 or -errno; why, where it is not by the tracepoints. */
static int perf_open_wanted(struct perf *perf, long cpus, char *why, size_t size)
{
	int error = -ENOENT;

	tracepoints_find(perf->points, why, size);
	perf->tracepoints = perf_has_tracepoints(perf);
	if (perf->tracepoints) {
		error = perf_open_largest(perf, cpus);
		snprintf(why, size, "perf_event_open: %s", strerror(-error));
	}
	if (!error || perf->wanted.calls)
		return error;
	perf->tracepoints = false;
	return perf_open_largest(perf, cpus);
}

/* Who holds it runs as soon as the thread that empties the rings waits for it. */
static void perf_init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

struct perf *perf_open(const struct perf_wanted *wanted, char *why, size_t size)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct perf *perf = calloc(1, sizeof(*perf) + cpus * sizeof(struct ring));
	int error;

	snprintf(why, size, "out of memory");
	if (!perf)
		return NULL;
	perf->wanted = *wanted;
	error = perf_open_wanted(perf, cpus, why, size);
	if (error)
		goto close_rings;
	perf_init_lock(&perf->lock);
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
		for (unsigned j = 0; j < NPOINTS; j++) {
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
	struct sample *taken;
	size_t ntaken;
	int status = 0;

	pthread_mutex_lock(&perf->lock);
	perf_drain(perf);
	taken = perf->list;
	ntaken = perf->n;
	perf->list = NULL;
	perf->n = perf->cap = 0;
	pthread_mutex_unlock(&perf->lock);
	if (*cap - *n < ntaken) {
		size_t more = max(*n + ntaken, *cap * 2);
		struct sample *grown = realloc(*list, more * sizeof(*grown));

		if (grown) {
			*list = grown;
			*cap = more;
		} else {
			status = -ENOMEM;
		}
	}
	if (!status && ntaken) {
		memcpy(*list + *n, taken, ntaken * sizeof(**list));
		*n += ntaken;
	}
	free(taken);
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
