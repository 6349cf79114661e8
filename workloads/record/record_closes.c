/*
 * record_closes - which userfaultfds are closed, without holding them
 *
 *	the program's descriptors --> userfaultfd <-- this epoll instance, which holds it not
 *
 * As the last descriptor of a userfaultfd is closed, its ranges are ordinary memory again: an event
 * of which no call tells.  An epoll instance forgets a file when that is gone, and its fdinfo lists
 * those that it watches.  So that is looked at before calls, as long as there are such files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

#define CLOSES_MAX 64

struct closes {
	int epoll;
	unsigned n;
	uint32_t files[CLOSES_MAX]; /* their numbers, of those that are open */
};

struct closes *closes_create(void)
{
	struct closes *closes = calloc(1, sizeof(*closes));

	if (closes)
		closes->epoll = epoll_create1(EPOLL_CLOEXEC);
	return closes;
}

void closes_free(struct closes *closes)
{
	if (closes->epoll >= 0)
		close(closes->epoll);
	free(closes);
}

static bool closes_knows(const struct closes *closes, uint32_t number)
{
	for (unsigned i = 0; i < closes->n; i++) {
		if (closes->files[i] == number)
			return true;
	}
	return false;
}

void closes_watch(struct recorder *r, const struct task *task, int fd, uint32_t number)
{
	struct closes *closes = r->closes;
	struct epoll_event event = { .data.u64 = number };
	int process, held, status = -1;

	if (closes_knows(closes, number))
		return;
	process = syscall(SYS_pidfd_open, task->tgid, 0);
	held = syscall(SYS_pidfd_getfd, process, fd, 0);
	if (held >= 0 && closes->n < CLOSES_MAX)
		status = epoll_ctl(closes->epoll, EPOLL_CTL_ADD, held, &event);
	if (held >= 0)
		close(held);
	if (process >= 0)
		close(process);
	if (status)
		record_missing(r, "the end of a userfaultfd");
	else
		closes->files[closes->n++] = number;
}

/* Those of the instance that are open: how many, or -1. */
static int closes_read(const struct closes *closes, uint32_t *open)
{
	unsigned long long number;
	char path[64], line[128];
	int n = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", closes->epoll);
	info = fopen(path, "re");
	if (!info)
		return -1;
	while (n < CLOSES_MAX && fgets(line, sizeof(line), info)) {
		if (sscanf(line, "tfd: %*d events: %*x data: %llx", &number) == 1)
			open[n++] = number;
	}
	fclose(info);
	return n;
}

void closes_see(struct recorder *r, const struct task *task)
{
	struct closes *closes = r->closes, now = { .epoll = closes->epoll };
	struct trace_event event = { .kind = TRACE_UFFD_CLOSE, .task = task->number, .name = "" };
	int n = closes->n ? closes_read(closes, now.files) : 0;

	if (n < 0 || !closes->n)
		return;
	now.n = n;
	for (unsigned i = 0; i < closes->n; i++) {
		event.arg[0] = closes->files[i];
		if (closes_knows(&now, closes->files[i]))
			continue;
		queue_event(r, &event);
		if (r->stream)
			record_missing(r, "the moment when a userfaultfd was closed");
	}
	*closes = now;
}
