/*
 * record_marks - which open file a descriptor is, without holding it
 *
 *	marks:       m0 < m1 < m2 < ...         files of the recorder's own
 *	another file:          ^ its place, between two of them
 *
 * kcmp() orders all open files by their address in the kernel, which it scrambles, and tells
 * no more of it.  A file's place among many files of the recorder's own is so a fingerprint
 * of that address: it stays the same as long as the file lives, in whichever process it is
 * asked for, and nothing of the program is held for it.
 *
 *  1. Two files that live at the same time have different addresses.  They have the same place with
 *     a probability of 2 in the number of marks.
 *  2. A file that lives no more may have had any place: no VMA shows it either.
 *  3. The marks are a binary tree that is built where it is searched: a mark keeps those below it
 *     in a list until somebody comes by.  So the place between two marks does not change.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

#define MARKS_MAX 16384

struct mark {
	int fd;
	int below[2];       /* the roots of those before it and after it; -1: none */
	int unsorted, next; /* below it as well: a list; -1: its end */
};

struct marks {
	int n; /* the root is marks[0] */
	struct mark marks[MARKS_MAX];
};

/* 0: the same file, 1: the first comes before, 2: after; or -errno. */
static int marks_compare(pid_t tid, int fd, pid_t other, int other_fd)
{
	int order = syscall(SYS_kcmp, tid, other, KCMP_FILE, fd, other_fd);

	return order < 0 ? -errno : order;
}

/* As many as there may be, if half of the descriptors are left for other uses. */
static int marks_wanted(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return min(limit.rlim_cur / 2, (rlim_t)MARKS_MAX);
}

static void mark_add(struct marks *marks, int fd)
{
	struct mark *root = &marks->marks[0], *mark = &marks->marks[marks->n];

	*mark = (struct mark){ .fd = fd, .below = { -1, -1 }, .unsorted = -1, .next = -1 };
	if (mark != root) {
		mark->next = root->unsorted;
		root->unsorted = marks->n;
	}
	marks->n++;
}

struct marks *marks_create(void)
{
	struct marks *marks = malloc(sizeof(*marks));
	int wanted = marks_wanted(), fd = 0;

	if (!marks)
		return NULL;
	marks->n = 0;
	while (marks->n < wanted && fd >= 0) {
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
		if (fd >= 0)
			mark_add(marks, fd);
	}
	return marks;
}

void marks_free(struct marks *marks)
{
	for (int i = 0; i < marks->n; i++)
		close(marks->marks[i].fd);
	free(marks);
}

/* Those below a mark that no search has sorted yet go one level down. */
static void mark_sort(struct marks *marks, struct mark *mark)
{
	pid_t self = getpid();

	while (mark->unsorted >= 0) {
		int i = mark->unsorted;
		struct mark *other = &marks->marks[i];
		int *below = &mark->below[marks_compare(self, other->fd, self, mark->fd) == 2];

		mark->unsorted = other->next;
		other->next = -1;
		if (*below < 0) {
			*below = i;
		} else {
			other->next = marks->marks[*below].unsorted;
			marks->marks[*below].unsorted = i;
		}
	}
}

int marks_place(struct marks *marks, pid_t tid, int fd)
{
	int order = marks_compare(tid, fd, tid, fd), at = 0, place = 0;

	while (order >= 0 && at >= 0 && at < marks->n) {
		struct mark *mark = &marks->marks[at];

		mark_sort(marks, mark);
		order = marks_compare(tid, fd, getpid(), mark->fd);
		place = 2 * at + (order == 2);
		at = mark->below[order == 2];
	}
	return order < 0 ? order : place;
}

bool marks_differ(pid_t tid, int fd, pid_t other, int other_fd)
{
	return marks_compare(tid, fd, other, other_fd) > 0;
}
