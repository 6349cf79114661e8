/*
 * record_cgroup - a control group that holds the recorded program and all that it starts
 *
 * perf's events of a control group happen for its tasks alone, whoever they are and whatever else
 * the machine does.  The group has no controllers, so nothing else changes for the program.  Only
 * the unified hierarchy has groups that perf knows by themselves; it is mounted at no place.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

#define CGROUP_NAMES 100 /* so many are tried */

struct cgroup {
	int parent, dir; /* the group that this process is in; the new one */
	char name[64];   /* the new one's, in the parent; "": there is none */
};

/* A task's group, below the mounted root and without the first '/'; false if it is not there. */
static bool cgroup_path(pid_t tid, char *path, size_t size)
{
	char name[64], line[PATH_MAX + 64];
	bool found = false;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", tid);
	file = fopen(name, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, "0::/", 4);
	if (file)
		fclose(file);
	if (!found || strstr(line, "/../"))
		return false;
	line[strcspn(line, "\n")] = 0;
	return (size_t)snprintf(path, size, "%s", line + 4) < size;
}

static int cgroup_move(int dir, pid_t pid)
{
	int fd = openat(dir, "cgroup.procs", O_WRONLY | O_CLOEXEC), error = 0;
	char text[32];

	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%d", pid);
	if (write(fd, text, strlen(text)) < 0)
		error = -errno;
	close(fd);
	return error;
}

/*
 * The unified hierarchy where it is mounted: a mount of one's own would take back the options that
 * the machine has given it.  Mounted only where it is nowhere.
 */
static int cgroup_open_root(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		if (!statfs(places[i], &fs) && fs.f_type == CGROUP2_SUPER_MAGIC)
			return open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return record_mount("cgroup2");
}

static int cgroup_open_parent(void)
{
	int root = cgroup_open_root(), parent;
	char path[PATH_MAX];

	if (root < 0)
		return -1;
	parent = cgroup_path(getpid(), path, sizeof(path))
			 ? openat(root, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			 : -1;
	close(root);
	return parent;
}

static bool cgroup_make(struct cgroup *group)
{
	for (int i = 0; i < CGROUP_NAMES; i++) {
		snprintf(group->name, sizeof(group->name), "vmabench-%d-%d", getpid(), i);
		if (!mkdirat(group->parent, group->name, 0755))
			return true;
		if (errno != EEXIST)
			break;
	}
	group->name[0] = 0;
	return false;
}

struct cgroup *cgroup_create(void)
{
	struct cgroup *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->dir = -1;
	group->parent = cgroup_open_parent();
	if (group->parent >= 0 && cgroup_make(group))
		group->dir = openat(group->parent, group->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* whether a process may be moved there, and back, is tried with this one */
	if (group->dir >= 0 && !cgroup_move(group->dir, 0) && !cgroup_move(group->parent, 0))
		return group;
	cgroup_free(group);
	return NULL;
}

int cgroup_fd(const struct cgroup *group)
{
	return group->dir;
}

int cgroup_add(const struct cgroup *group, pid_t pid)
{
	return cgroup_move(group->dir, pid);
}

bool cgroup_holds(const struct cgroup *group, pid_t tid)
{
	char path[PATH_MAX];

	return !cgroup_path(tid, path, sizeof(path)) || strstr(path, group->name);
}

void cgroup_free(struct cgroup *group)
{
	if (!group)
		return;
	if (group->name[0] && unlinkat(group->parent, group->name, AT_REMOVEDIR))
		fprintf(stderr, "vmabench record: the control group %s stays: %s\n", group->name,
			strerror(errno));
	if (group->dir >= 0)
		close(group->dir);
	if (group->parent >= 0)
		close(group->parent);
	free(group);
}
