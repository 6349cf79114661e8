/*
 * counters - the processor's event counters (see counters.h)
 */
#include "harness/measure/counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/util.h"

#define CACHE(cache, op, result)                                          \
	(PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_##op << 8 | \
	 PERF_COUNT_HW_CACHE_RESULT_##result << 16)

static const struct counter_event processor_events[] = {
	{ "cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	{ "instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	{ "branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES },
	{ "cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
	{ "dtlb_misses", PERF_TYPE_HW_CACHE, CACHE(DTLB, READ, MISS) },
};

static int open_event(const struct counter_event *event)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = event->type,
		.config = event->config,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int counters_open(struct counters *counters, const struct counter_event *events, unsigned n)
{
	if (!events) {
		events = processor_events;
		n = ARRAY_SIZE(processor_events);
	}
	memset(counters, 0, sizeof(*counters));
	for (unsigned i = 0; i < n && counters->n < COUNTERS_MAX; i++) {
		int fd = open_event(&events[i]);

		if (fd < 0 && i == 0)
			return -errno;
		if (fd < 0)
			continue;
		counters->name[counters->n] = events[i].name;
		counters->fd[counters->n++] = fd;
	}
	return 0;
}

void counters_start(struct counters *counters)
{
	for (unsigned i = 0; i < counters->n; i++)
		ioctl(counters->fd[i], PERF_EVENT_IOC_RESET, 0);
	for (unsigned i = 0; i < counters->n; i++)
		ioctl(counters->fd[i], PERF_EVENT_IOC_ENABLE, 0);
}

void counters_stop(struct counters *counters)
{
	for (unsigned i = 0; i < counters->n; i++)
		ioctl(counters->fd[i], PERF_EVENT_IOC_DISABLE, 0);
	for (unsigned i = 0; i < counters->n; i++) {
		uint64_t read_out[3] = { 0 }; /* value, time enabled, time running */

		counters->value[i] = 0;
		if (read(counters->fd[i], read_out, sizeof(read_out)) != sizeof(read_out))
			continue;
		if (read_out[2])
			counters->value[i] = (double)read_out[0] * read_out[1] / read_out[2];
	}
}

void counters_close(struct counters *counters)
{
	for (unsigned i = 0; i < counters->n; i++)
		close(counters->fd[i]);
	counters->n = 0;
}
