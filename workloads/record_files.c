/*
 * record_files - which open file a descriptor is
 *
 *	inode (device, number) --> open file -> open file -> ...
 *	                             a duplicate of it, kept open
 *
 * Linux merges VMAs only of the same open file: two open()s of one inode stay
 * apart, a dup() does not.  So the recorder takes a duplicate of every
 * descriptor that is mapped (pidfd_getfd) and asks kcmp() whether it is one
 * that it has.  As long as it keeps the duplicate, the kernel cannot use the
 * file object, or the inode, for another.  Where the kernel does not allow
 * that, files of one inode and with the same flags are taken for the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "workloads/record_internal.h"

#define FILES_BUCKETS 16384

struct open_file {
	uint32_t number;
	int dup;                        /* -1: given up; it will not be known again */
	int flags;
	struct open_file *next;         /* of the inode, the latest first */
	struct open_file *newer;        /* of all that have a duplicate */
};

struct inode {
	dev_t dev;
	ino_t ino;
	uint32_t number, latest;        /* in the trace; its open file mentioned last */
	uint64_t magic;
	mode_t mode;
	int flags;
	uint64_t size;                  /* as the trace has it; UINT64_MAX: it does not tell */
	char *path;
	struct open_file *files;
	struct inode *next;             /* in its bucket */
};

struct files {
	struct inode *buckets[FILES_BUCKETS];
	uint32_t files, inodes;         /* the largest numbers given */
	struct open_file *oldest, *newest;
	unsigned dups, max_dups;
	bool by_flags;                  /* the kernel did not let us look at a file itself */
};

/* ---- the table of inodes ---- */

struct files *files_create(void)
{
	struct files *files = calloc(1, sizeof(*files));
	struct rlimit limit;

	if (!files)
		return NULL;
	files->files = TRACE_BAD_FILE;
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		/* the rest is for the recorder's own use */
		files->max_dups = limit.rlim_cur > 256 ? min(limit.rlim_cur - 128, 100000ul) : 64;
	}
	return files;
}

void files_free(struct files *files)
{
	for (size_t i = 0; i < FILES_BUCKETS; i++) {
		for (struct inode *inode = files->buckets[i], *next; inode; inode = next) {
			for (struct open_file *file = inode->files, *after; file; file = after) {
				after = file->next;
				if (file->dup >= 0)
					close(file->dup);
				free(file);
			}
			next = inode->next;
			free(inode->path);
			free(inode);
		}
	}
	free(files);
}

const char *files_how(const struct files *files)
{
	return files->by_flags ? "open files told apart by inode and flags"
			       : "open files told apart by kcmp";
}

/*
 * A file system may tell another device in smaps than fstat does (btrfs,
 * overlayfs); then the path decides.
 */
static struct inode *files_find(struct files *files, dev_t dev, ino_t ino, const char *path)
{
	struct inode *inode = files->buckets[ino % FILES_BUCKETS];

	while (inode && (inode->ino != ino || (inode->dev != dev && strcmp(inode->path, path))))
		inode = inode->next;
	return inode;
}

static struct inode *files_new_inode(struct files *files, dev_t dev, ino_t ino, const char *path)
{
	struct inode *inode = calloc(1, sizeof(*inode)), **bucket;

	if (!inode)
		return NULL;
	inode->path = strndup(path, TRACE_MAX_NAME);
	if (!inode->path) {
		free(inode);
		return NULL;
	}
	inode->dev = dev;
	inode->ino = ino;
	inode->number = ++files->inodes;
	inode->size = UINT64_MAX;
	bucket = &files->buckets[ino % FILES_BUCKETS];
	inode->next = *bucket;
	*bucket = inode;
	return inode;
}

/* A new number for a file of the inode, and its FILE event. */
static uint32_t files_announce(struct recorder *r, const struct task *task, struct inode *inode)
{
	struct trace_event event = { .kind = TRACE_FILE, .task = task->number,
				     .name = inode->path };

	inode->latest = ++r->files->files;
	event.arg[0] = inode->latest;
	event.arg[1] = inode->number;
	event.arg[2] = inode->magic;
	event.arg[3] = inode->mode;
	event.arg[4] = inode->flags;
	queue_event(r, &event);
	return inode->latest;
}

/* ---- descriptors ---- */

/* A duplicate of the task's descriptor, or -errno. */
static int files_duplicate(const struct task *task, int fd)
{
	int process = syscall(SYS_pidfd_open, task->tgid, 0), dup;

	if (process < 0)
		return -errno;
	dup = syscall(SYS_pidfd_getfd, process, fd, 0);
	if (dup < 0)
		dup = -errno;
	close(process);
	return dup;
}

static bool files_same(int a, int b)
{
	pid_t self = getpid();

	return !syscall(SYS_kcmp, self, self, KCMP_FILE, a, b);
}

/* The open file of the inode that dup (or, if that is -1, a file with such flags) is. */
static struct open_file *files_known(const struct inode *inode, int dup, int flags)
{
	struct open_file *file = inode->files;

	while (file && (dup >= 0 ? file->dup < 0 || !files_same(dup, file->dup)
				 : file->flags != flags))
		file = file->next;
	return file;
}

/* Keeps dup, and lets go of the oldest one if there are too many. */
static void files_keep(struct recorder *r, struct open_file *file, int dup)
{
	struct files *files = r->files;
	struct open_file *oldest = files->oldest;

	file->dup = dup;
	if (dup < 0)
		return;
	if (files->newest)
		files->newest->newer = file;
	else
		files->oldest = file;
	files->newest = file;
	if (++files->dups <= files->max_dups)
		return;
	close(oldest->dup);
	oldest->dup = -1;
	files->oldest = oldest->newer;
	files->dups--;
	record_missing(r, "open files that are new ones if they are mapped again");
}

/* The number of an open file of the inode; takes dup over. */
static uint32_t files_number(struct recorder *r, const struct task *task, struct inode *inode,
			     int dup)
{
	struct open_file *file = files_known(inode, dup, inode->flags);

	if (file) {
		if (dup >= 0)
			close(dup);
		inode->latest = file->number;
		return file->number;
	}
	file = calloc(1, sizeof(*file));
	if (!file) {
		if (dup >= 0)
			close(dup);
		return TRACE_BAD_FILE;
	}
	file->flags = inode->flags;
	file->next = inode->files;
	inode->files = file;
	file->number = files_announce(r, task, inode);
	files_keep(r, file, dup);
	return file->number;
}

/* The flags of a descriptor that cannot be duplicated, by its fdinfo. */
static int files_read_flags(const struct task *task, int fd)
{
	char path[64], line[128];
	int flags = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", task->tid, fd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info) && sscanf(line, "flags: %o", &flags) != 1)
		;
	if (info)
		fclose(info);
	return flags & ~O_CLOEXEC;
}

/* Where faults find an end: told at each mmap that finds another one than before. */
static void files_tell_size(struct recorder *r, const struct task *task, struct inode *inode,
			    const struct stat *st)
{
	struct trace_event event = {
		.kind = TRACE_FILE_SIZE, .task = task->number, .name = "",
		.arg = { inode->latest, (uint64_t)st->st_size },
	};

	if (!S_ISREG(st->st_mode) || inode->size == event.arg[1])
		return;
	inode->size = event.arg[1];
	queue_event(r, &event);
}

bool files_resized(struct recorder *r, const struct task *task, int fd, struct trace_event *event)
{
	char path[64];
	struct inode *inode;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", task->tid, fd);
	if (stat(path, &st))
		return false;
	inode = files_find(r->files, st.st_dev, st.st_ino, "");
	if (!inode || inode->size == UINT64_MAX)
		return false;
	inode->size = (uint64_t)st.st_size;
	event->arg[0] = inode->latest;
	event->arg[1] = inode->size;
	return true;
}

uint32_t files_of_fd(struct recorder *r, const struct task *task, int fd)
{
	int dup = files_duplicate(task, fd), status;
	char link[64], path[TRACE_MAX_NAME + 1] = "";
	struct inode *inode;
	struct statfs fs;
	struct stat st;

	if (dup == -EBADF)
		return TRACE_BAD_FILE;
	if (dup < 0) {
		r->files->by_flags = true;
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", task->tid, fd);
	} else {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", dup);
	}
	if (stat(link, &st))
		return TRACE_BAD_FILE;
	if (readlink(link, path, sizeof(path) - 1) < 0)
		path[0] = 0;
	inode = files_find(r->files, st.st_dev, st.st_ino, path);
	if (!inode)
		inode = files_new_inode(r->files, st.st_dev, st.st_ino, path);
	if (!inode)
		return TRACE_BAD_FILE;
	status = dup < 0 ? statfs(link, &fs) : fstatfs(dup, &fs);
	inode->magic = status ? 0 : (uint32_t)fs.f_type;
	inode->mode = st.st_mode;
	inode->flags = dup < 0 ? files_read_flags(task, fd) : fcntl(dup, F_GETFL);
	uint32_t number = files_number(r, task, inode, dup);
	if (number != TRACE_BAD_FILE)
		files_tell_size(r, task, inode, &st);
	return number;
}

/* ---- files without a descriptor ---- */

/* SysV segments are files of the kernel's own tmpfs, numbered by their id. */
uint32_t files_of_segment(struct recorder *r, const struct task *task, int id, uint32_t key)
{
	struct inode *inode;
	char path[32];

	snprintf(path, sizeof(path), "/SYSV%08x (deleted)", key);
	inode = files_find(r->files, makedev(0, 1), id, path);
	if (!inode)
		inode = files_new_inode(r->files, makedev(0, 1), id, path);
	if (!inode)
		return TRACE_BAD_FILE;
	inode->magic = TMPFS_MAGIC;
	inode->mode = S_IFREG | 0600;
	inode->flags = O_RDWR;
	return files_announce(r, task, inode);
}

/* What can be found out about a file that is mapped under a path. */
static void files_look_up(const struct task *task, struct inode *inode)
{
	char path[TRACE_MAX_NAME + 32];
	struct statfs fs;
	struct stat st;

	inode->mode = S_IFREG;
	inode->flags = O_RDONLY;
	if (inode->dev == makedev(0, 1)) {      /* shared anonymous memory */
		inode->magic = TMPFS_MAGIC;
		inode->flags = O_RDWR;
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/root%s", task->tid, inode->path);
	if (stat(path, &st) || st.st_ino != inode->ino)
		return;
	inode->mode = st.st_mode;
	if (!statfs(path, &fs))
		inode->magic = (uint32_t)fs.f_type;
}

uint32_t files_of_vma(struct recorder *r, const struct task *task, dev_t dev, ino_t ino,
		      const char *path, bool fresh)
{
	struct inode *inode = files_find(r->files, dev, ino, path);

	if (inode && !fresh)
		return inode->latest;
	if (!inode) {
		inode = files_new_inode(r->files, dev, ino, path);
		if (!inode)
			return TRACE_NO_FILE;
		files_look_up(task, inode);
	}
	return files_announce(r, task, inode);
}
