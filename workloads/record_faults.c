/*
 * record_faults - page faults, from the kernel through perf
 *
 *	exceptions:page_fault_user    faults of the program itself
 *	exceptions:page_fault_kernel  faults of the kernel at the program's addresses
 *	mmap_lock:mmap_lock_acquire_returned
 *	                              the moment at which a call has its effect: faults of
 *	                              other threads came before or after it; if it is there
 *	page-faults                   where the two are refused: the software event, that
 *	                              knows the address, and neither reads from writes nor
 *	                              (without rights) the kernel's own faults
 *
 * One ring a CPU serves all events; they are inherited by every thread and
 * child of the recorded process, and by nobody else.  A thread empties the
 * rings, so that a program that faults while the recorder waits loses nothing.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workloads/record_internal.h"

enum { EVENT_LOCK = 2, NEVENTS };
static const char *const event_names[NEVENTS] = {
	"exceptions/page_fault_user",
	"exceptions/page_fault_kernel",
	"mmap_lock/mmap_lock_acquire_returned",
};
#define LOCK_FILTER "write == 1 && success == 1"

#define RING_MAX (8u << 20)
#define RING_MIN (64u << 10)

struct ring {
	struct perf_event_mmap_page *page;
	int cpu;
	int fd[NEVENTS];                /* the ring is the first one's; -1: none */
};

struct faults {
	pthread_t thread;
	pthread_mutex_t lock;           /* of all below */
	bool stop;
	struct fault *list;
	size_t n, cap;
	uint64_t lost;
	int ids[NEVENTS];               /* the tracepoints'; -1: the software event instead */
	size_t ring_size;
	int *more;                      /* events of threads that were there before */
	size_t nmore;
	unsigned nrings;
	struct ring rings[];
};

/* ---- the tracepoints' numbers ---- */

/* The number in DIR/events/NAME/id, or -1; checks the layout of a fault's records. */
static int faults_read_id(const char *dir, unsigned event)
{
	const char *name = event_names[event];
	char path[256], text[2048] = "";
	int id = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/events/%s/id", dir, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &id) != 1)
		id = -1;
	fclose(file);
	if (event == EVENT_LOCK)        /* nothing in its records is read but what it is */
		return id;
	snprintf(path, sizeof(path), "%s/events/%s/format", dir, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	if (!strstr(text, "address;\toffset:8;\tsize:8") ||
	    !strstr(text, "error_code;\toffset:24;\tsize:8"))
		return -1;
	return id;
}

static bool faults_read_ids(const char *dir, int ids[NEVENTS])
{
	for (unsigned i = 0; i < NEVENTS; i++) {
		ids[i] = faults_read_id(dir, i);
		if (ids[i] < 0 && i != EVENT_LOCK)
			return false;
	}
	return true;
}

/* The same by a helper process, in a mount namespace of its own. */
static bool faults_mount_and_read_ids(int ids[NEVENTS])
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
		    !mount("tracefs", "/sys", "tracefs", 0, NULL) &&
		    faults_read_ids("/sys", ids) && write(fds[1], ids, size) < 0)
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

static bool faults_find_ids(int ids[NEVENTS])
{
	return faults_read_ids("/sys/kernel/tracing", ids) ||
	       faults_read_ids("/sys/kernel/debug/tracing", ids) ||
	       faults_mount_and_read_ids(ids);
}

/* ---- the rings ---- */

/* What a record of ours looks like, with PERF_SAMPLE_TID, _TIME and _ADDR or _RAW. */
struct sample {
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

static bool faults_parse(const struct faults *faults, const struct sample *sample,
			 uint64_t *address, uint64_t *bits)
{
	uint16_t id;

	if (!faults_complete(faults)) {
		*address = sample->address;
		*bits = TRACE_FAULT_USER | TRACE_FAULT_UNKNOWN;
		return true;
	}
	memcpy(&id, sample->raw, sizeof(id));
	if (id == faults->ids[EVENT_LOCK]) {
		*address = 0;
		*bits = FAULT_IS_LOCK;
		return true;
	}
	if (sample->raw_size < 32)
		return false;
	memcpy(address, sample->raw + 8, 8);
	memcpy(bits, sample->raw + 24, 8);
	*bits &= TRACE_FAULT_PRESENT | TRACE_FAULT_WRITE | TRACE_FAULT_USER | TRACE_FAULT_INSTR;
	return true;
}

static int faults_add(struct faults *faults, const struct sample *sample)
{
	uint64_t address, bits;

	if (!faults_parse(faults, sample, &address, &bits))
		return 0;
	if (address >> 63)
		return 0;               /* the kernel's own */
	if (faults->n == faults->cap) {
		size_t cap = max((size_t)4096, faults->cap * 2);
		struct fault *list = realloc(faults->list, cap * sizeof(*list));

		if (!list) {
			faults->lost++;
			return -ENOMEM;
		}
		faults->list = list;
		faults->cap = cap;
	}
	faults->list[faults->n++] = (struct fault){
		.time = sample->time, .address = address, .tid = sample->tid, .bits = bits,
	};
	return 0;
}

static void faults_record(struct faults *faults, const struct perf_event_header *header)
{
	if (header->type == PERF_RECORD_SAMPLE)
		faults_add(faults, (const struct sample *)header);
	else if (header->type == PERF_RECORD_LOST)      /* header, id, number */
		faults->lost += ((const uint64_t *)header)[2];
}

static void faults_drain_ring(struct faults *faults, struct ring *ring)
{
	const char *data = (const char *)ring->page + ring->page->data_offset;
	uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = ring->page->data_tail, copy[32];

	while (tail < head) {
		size_t at = tail % faults->ring_size, first;
		const struct perf_event_header *header = (const void *)(data + at);
		size_t size = header->size;

		first = min(size, faults->ring_size - at);
		if (first < size && size <= sizeof(copy)) {     /* it goes around the end */
			memcpy(copy, data + at, first);
			memcpy((char *)copy + first, data, size - first);
			header = (const void *)copy;
		}
		faults_record(faults, header);
		tail += size;
	}
	__atomic_store_n(&ring->page->data_tail, tail, __ATOMIC_RELEASE);
}

static void faults_drain(struct faults *faults)
{
	for (unsigned i = 0; i < faults->nrings; i++)
		faults_drain_ring(faults, &faults->rings[i]);
}

static void *faults_thread(void *arg)
{
	struct faults *faults = arg;
	struct pollfd fds[faults->nrings];
	bool stop = false;

	for (unsigned i = 0; i < faults->nrings; i++)
		fds[i] = (struct pollfd){ .fd = faults->rings[i].fd[0], .events = POLLIN };
	while (!stop) {
		poll(fds, faults->nrings, 50);
		/* a ring whose process has ended hangs up for ever */
		for (unsigned i = 0; i < faults->nrings; i++) {
			if (fds[i].revents & (POLLHUP | POLLERR))
				fds[i].fd = -1;
		}
		pthread_mutex_lock(&faults->lock);
		faults_drain(faults);
		stop = faults->stop;
		pthread_mutex_unlock(&faults->lock);
	}
	return NULL;
}

/* ---- opening ---- */

static bool faults_has(const struct faults *faults, unsigned event)
{
	return faults_complete(faults) ? faults->ids[event] >= 0 : event == 0;
}

static int faults_open_event(const struct faults *faults, unsigned event, pid_t pid, int cpu)
{
	bool tracepoint = faults_complete(faults);
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = tracepoint ? PERF_TYPE_TRACEPOINT : PERF_TYPE_SOFTWARE,
		.config = tracepoint ? faults->ids[event] : PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			       (tracepoint ? PERF_SAMPLE_RAW : PERF_SAMPLE_ADDR),
		.exclude_kernel = !tracepoint,
		.inherit = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = faults->ring_size / 8,
	};

	int fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 || event != EVENT_LOCK || !ioctl(fd, PERF_EVENT_IOC_SET_FILTER, LOCK_FILTER))
		return fd;
	close(fd);
	return -1;
}

static void faults_close_ring(const struct faults *faults, struct ring *ring)
{
	if (ring->page)
		munmap(ring->page, sysconf(_SC_PAGESIZE) + faults->ring_size);
	for (unsigned i = 0; i < NEVENTS; i++) {
		if (ring->fd[i] >= 0)
			close(ring->fd[i]);
	}
}

/* 0, or -errno and the ring is closed. */
static int faults_open_ring(struct faults *faults, struct ring *ring, pid_t pid, int cpu)
{
	int error;

	*ring = (struct ring){ .cpu = cpu, .fd = { -1, -1, -1 } };
	for (unsigned i = 0; i < NEVENTS; i++) {
		if (!faults_has(faults, i))
			continue;
		ring->fd[i] = faults_open_event(faults, i, pid, cpu);
		if (ring->fd[i] < 0 && i != EVENT_LOCK)
			goto fail;
		if (ring->fd[i] < 0)
			faults->ids[i] = -1;    /* it goes without */
	}
	ring->page = mmap(NULL, sysconf(_SC_PAGESIZE) + faults->ring_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, ring->fd[0], 0);
	if (ring->page == MAP_FAILED)
		ring->page = NULL;
	if (!ring->page)
		goto fail;
	for (unsigned i = 1; i < NEVENTS; i++) {
		if (ring->fd[i] >= 0 && ioctl(ring->fd[i], PERF_EVENT_IOC_SET_OUTPUT, ring->fd[0]))
			goto fail;
	}
	return 0;
fail:
	error = -errno;
	faults_close_ring(faults, ring);
	return error;
}

static void faults_close_rings(struct faults *faults)
{
	while (faults->nrings)
		faults_close_ring(faults, &faults->rings[--faults->nrings]);
}

/* A ring for each CPU, of faults->ring_size: 0 or -errno, and there is none. */
static int faults_open_rings(struct faults *faults, pid_t pid, long cpus)
{
	int error;

	for (int cpu = 0; cpu < cpus; cpu++) {
		error = faults_open_ring(faults, &faults->rings[faults->nrings], pid, cpu);
		if (!error) {
			faults->nrings++;
		} else if (error != -ENODEV) {          /* a CPU that is off */
			faults_close_rings(faults);
			return error;
		}
	}
	return 0;
}

/* The largest rings that are allowed: without rights, perf_event_mlock_kb limits them. */
static int faults_open_largest(struct faults *faults, pid_t pid, long cpus)
{
	int error;

	faults->ring_size = RING_MAX;
	do {
		error = faults_open_rings(faults, pid, cpus);
		faults->ring_size /= error ? 2 : 1;
	} while (error == -EPERM && faults->ring_size >= RING_MIN);
	return error;
}

struct faults *faults_open(pid_t pid, char *why, size_t size)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct faults *faults = calloc(1, sizeof(*faults) + cpus * sizeof(struct ring));
	int error = -EPERM;

	snprintf(why, size, "no memory");
	if (!faults)
		return NULL;
	if (faults_find_ids(faults->ids))
		error = faults_open_largest(faults, pid, cpus);
	if (error) {
		faults->ids[0] = -1;
		error = faults_open_largest(faults, pid, cpus);
	}
	snprintf(why, size, "perf_event_open: %s", strerror(-error));
	if (error)
		goto close_faults;
	pthread_mutex_init(&faults->lock, NULL);
	if (!pthread_create(&faults->thread, NULL, faults_thread, faults))
		return faults;
	snprintf(why, size, "no thread to read them");
close_faults:
	faults_close_rings(faults);
	free(faults);
	return NULL;
}

/* What it finds goes to the ring of its CPU. */
static bool faults_follow_event(struct faults *faults, struct ring *ring, unsigned event,
				pid_t tid)
{
	int *more = realloc(faults->more, (faults->nmore + 1) * sizeof(*more));
	int fd;

	if (!more)
		return false;
	faults->more = more;
	fd = faults_open_event(faults, event, tid, ring->cpu);
	if (fd < 0)
		return false;
	faults->more[faults->nmore++] = fd;
	return !ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd[0]);
}

bool faults_follow(struct faults *faults, pid_t tid)
{
	bool all = true;

	for (unsigned i = 0; i < faults->nrings; i++) {
		for (unsigned j = 0; j < NEVENTS; j++) {
			if (faults_has(faults, j))
				all &= faults_follow_event(faults, &faults->rings[i], j, tid);
		}
	}
	return all;
}

bool faults_complete(const struct faults *faults)
{
	return faults->ids[0] >= 0;
}

int faults_take(struct faults *faults, struct fault **list, size_t *n, size_t *cap)
{
	int status = 0;

	pthread_mutex_lock(&faults->lock);
	faults_drain(faults);
	if (*cap - *n < faults->n) {
		size_t more = max(*n + faults->n, *cap * 2);
		struct fault *grown = realloc(*list, more * sizeof(*grown));

		if (grown) {
			*list = grown;
			*cap = more;
		} else {
			status = -ENOMEM;
		}
	}
	if (!status && faults->n) {
		memcpy(*list + *n, faults->list, faults->n * sizeof(**list));
		*n += faults->n;
		faults->n = 0;
	}
	pthread_mutex_unlock(&faults->lock);
	return status;
}

uint64_t faults_lost(struct faults *faults)
{
	pthread_mutex_lock(&faults->lock);
	uint64_t lost = faults->lost;
	pthread_mutex_unlock(&faults->lock);
	return lost;
}

void faults_close(struct faults *faults)
{
	if (!faults)
		return;
	pthread_mutex_lock(&faults->lock);
	faults->stop = true;
	pthread_mutex_unlock(&faults->lock);
	pthread_join(faults->thread, NULL);
	while (faults->nmore)
		close(faults->more[--faults->nmore]);
	free(faults->more);
	faults_close_rings(faults);
	pthread_mutex_destroy(&faults->lock);
	free(faults->list);
	free(faults);
}
