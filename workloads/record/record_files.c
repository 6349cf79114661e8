/*
 * record_files - which open file a descriptor is
 *
 *	inode (device, number, birth) --> open file -> open file -> ...
 *	                                  its place (record_marks), where it was seen last
 *
 * Linux merges VMAs only of the same open file: two open()s of one inode stay
 * apart, a dup() does not.  The recorder holds none of them, for that would be seen: a
 * program that is written to cannot be run, a socket has no end, a lock stays.
 *
 *  1. Two descriptors show the same file if inode, way of access and place are equal, and kcmp()
 *     does not say otherwise, where the descriptor at which the known file was seen last still has it.
 *  2. A file that is neither mapped nor open has no use for its number: that a later one
 *     gets the same does no harm.
 *  3. Where the kernel does not let the recorder ask, inode and way of access decide.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "workloads/format/file_kind.h"
#include "workloads/record/record_internal.h"

#define FILES_BUCKETS 16384

/* Those of open() that fcntl() does not change. */
#define FIXED_FLAGS (O_ACCMODE | O_PATH)

struct open_file {
	uint32_t number;
	int place;                      /* among the marks; -1: not known */
	int flags;
	pid_t tid;                      /* where it was seen last */
	int fd;
	struct open_file *next;         /* of the inode, the latest first */
};

struct record_inode {
	dev_t dev;
	ino_t ino;
	uint64_t born;                  /* ns; 0: the file system does not tell */
	uint32_t number, latest;        /* in the trace; its open file mentioned last */
	uint64_t magic;
	mode_t mode;
	dev_t rdev;
	int flags;
	bool noexec;
	uint64_t size;                  /* as the trace has it; UINT64_MAX: it does not tell */
	unsigned seals;                 /* likewise */
	uint32_t ways;                  /* of mapping it whose flags the trace has: see files_way */
	char *path;
	struct open_file *files;
	struct record_inode *next;             /* in its bucket, the latest first */
};

struct files {
	struct record_inode *buckets[FILES_BUCKETS];
	struct record_inode **by_number;       /* of open files: their inodes; NULL where there is none */
	size_t cap;
	uint32_t files, inodes;         /* the largest numbers given */
	struct marks *marks;
	bool by_flags;                  /* the kernel did not let us look at a file itself */
};

/* ---- the table of inodes ---- */

struct files *files_create(void)
{
	struct files *files = calloc(1, sizeof(*files));

	if (!files)
		return NULL;
	files->files = TRACE_BAD_FILE;
	files->marks = marks_create();
	if (files->marks)
		return files;
	free(files);
	return NULL;
}

void files_free(struct files *files)
{
	for (size_t i = 0; i < FILES_BUCKETS; i++) {
		for (struct record_inode *inode = files->buckets[i], *next; inode; inode = next) {
			for (struct open_file *file = inode->files, *after; file; file = after) {
				after = file->next;
				free(file);
			}
			next = inode->next;
			free(inode->path);
			free(inode);
		}
	}
	marks_free(files->marks);
	free(files->by_number);
	free(files);
}

const char *files_how(const struct files *files)
{
	return files->by_flags ? "open files told apart by inode and flags"
			       : "open files told apart by kcmp";
}

/*
 * A file system may tell another device in smaps than fstat does (btrfs,
 * overlayfs), and all files without an inode share one; then the path decides.  born 0: the
 * latest of that number.
 */
static bool files_share_inode(const char *path)
{
	return !strncmp(path, "anon_inode:", 11);
}

static struct record_inode *files_find(struct files *files, dev_t dev, ino_t ino, uint64_t born,
				const char *path)
{
	struct record_inode *inode = files->buckets[ino % FILES_BUCKETS];

	while (inode && (inode->ino != ino ||
			 ((inode->dev != dev || files_share_inode(path)) &&
			  strcmp(inode->path, path)) ||
			 (born && inode->born && born != inode->born)))
		inode = inode->next;
	return inode;
}

static struct record_inode *files_new_inode(struct files *files, dev_t dev, ino_t ino,
					    const char *path)
{
	struct record_inode *inode = calloc(1, sizeof(*inode)), **bucket;

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

static void files_remember(struct files *files, struct record_inode *inode)
{
	if (inode->latest >= files->cap) {
		size_t cap = max((size_t)1024, 2 * files->cap);
		struct record_inode **by_number = realloc(files->by_number, cap * sizeof(*by_number));

		if (!by_number)
			return;
		memset(by_number + files->cap, 0, (cap - files->cap) * sizeof(*by_number));
		files->by_number = by_number;
		files->cap = cap;
	}
	files->by_number[inode->latest] = inode;
}

static void files_announce_more(struct recorder *r, const struct task *task,
				const struct record_inode *inode)
{
	struct trace_event event = {
		.kind = TRACE_FILE_MORE, .task = task->number, .name = "",
		.arg = { inode->latest, inode->rdev, inode->noexec ? TRACE_NOEXEC : 0 },
	};

	queue_event(r, &event);
}

/* A new number for a file of the inode, and its FILE event. */
static uint32_t files_announce(struct recorder *r, const struct task *task,
			       struct record_inode *inode)
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
	files_remember(r->files, inode);
	if (inode->rdev || inode->noexec)
		files_announce_more(r, task, inode);
	return inode->latest;
}

/* ---- descriptors ---- */

/* What there is to see of a descriptor: the file that it stands for. */
struct sight {
	pid_t tid;
	int fd, place, flags;
	struct stat st;
	uint64_t born, magic;
	bool noexec;
	char path[TRACE_MAX_NAME + 1];
};

/* The flags of a descriptor, by its fdinfo. */
static int files_read_flags(pid_t tid, int fd)
{
	char path[64], line[128];
	int flags = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, fd);
	info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info) && sscanf(line, "flags: %o", &flags) != 1)
		;
	if (info)
		fclose(info);
	return flags & ~O_CLOEXEC;
}

/* When the inode at path was made, ns, or 0: the number of one that is gone is given again. */
static uint64_t files_read_birth(const char *path)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, 0, STATX_BTIME, &stx) || !(stx.stx_mask & STATX_BTIME))
		return 0;
	return (uint64_t)stx.stx_btime.tv_sec * 1000000000u + stx.stx_btime.tv_nsec;
}

/* False: there is no such descriptor. */
static bool files_see(struct recorder *r, const struct task *task, int fd, struct sight *sight)
{
	char link[64];
	struct statfs fs;
	ssize_t len;

	sight->tid = task->tid;
	sight->fd = fd;
	sight->place = marks_place(r->files->marks, task->tid, fd);
	if (sight->place == -EBADF)
		return false;
	if (sight->place < 0) {
		r->files->by_flags = true;
		sight->place = -1;
		record_missing(r, "open files told apart by inode and flags only");
	}
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", task->tid, fd);
	if (stat(link, &sight->st))
		return false;
	len = readlink(link, sight->path, sizeof(sight->path) - 1);
	sight->path[max(len, (ssize_t)0)] = 0;
	if (statfs(link, &fs))
		fs = (struct statfs){ 0 };
	sight->magic = (uint32_t)fs.f_type;
	sight->noexec = fs.f_flags & ST_NOEXEC;
	sight->born = files_read_birth(link);
	sight->flags = files_read_flags(task->tid, fd);
	return true;
}

/* Does the descriptor where the file was seen last show that there are two of that place? */
static bool files_told_apart(const struct files *files, const struct open_file *file,
			     const struct sight *sight)
{
	return marks_differ(file->tid, file->fd, sight->tid, sight->fd) &&
	       marks_place(files->marks, file->tid, file->fd) == file->place;
}

/* The open file of the inode that is seen, or NULL. */
static struct open_file *files_known(const struct files *files, const struct record_inode *inode,
				     const struct sight *sight)
{
	struct open_file *file = inode->files;

	while (file && (file->place != sight->place || (file->flags ^ sight->flags) & FIXED_FLAGS ||
			(file->place >= 0 && files_told_apart(files, file, sight))))
		file = file->next;
	return file;
}

/* The number of the open file of the inode that is seen. */
static uint32_t files_number(struct recorder *r, const struct task *task,
			     struct record_inode *inode, const struct sight *sight)
{
	struct open_file *file = files_known(r->files, inode, sight);

	if (!file) {
		file = calloc(1, sizeof(*file));
		if (!file)
			return TRACE_BAD_FILE;
		file->place = sight->place;
		file->next = inode->files;
		inode->files = file;
		file->number = files_announce(r, task, inode);
	}
	file->flags = sight->flags;
	file->tid = sight->tid;
	file->fd = sight->fd;
	inode->latest = file->number;
	return file->number;
}

/*
 * Seals, which only a descriptor of one's own tells, held for a moment.  Only memory that
 * memfd_create made may have them.
 */
static void files_tell_seals(struct recorder *r, const struct task *task,
			     struct record_inode *inode, const struct sight *sight)
{
	struct trace_event event = { .kind = TRACE_FILE_SEALS, .task = task->number, .name = "" };
	int process, fd, seals;

	if (strncmp(sight->path, "/memfd:", 7))
		return;
	process = syscall(SYS_pidfd_open, task->tgid, 0);
	fd = syscall(SYS_pidfd_getfd, process, sight->fd, 0);
	seals = fcntl(fd, F_GET_SEALS);
	if (fd >= 0)
		close(fd);
	if (process >= 0)
		close(process);
	if (seals < 0)
		record_missing(r, "seals that could not be read");
	if (seals < 0 || (unsigned)seals == inode->seals)
		return;
	event.arg[0] = inode->latest;
	event.arg[1] = inode->seals = seals;
	queue_event(r, &event);
}

/* Where faults find an end: told at each mmap that finds another one than before. */
static void files_tell_size(struct recorder *r, const struct task *task, struct record_inode *inode,
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
	struct record_inode *inode;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", task->tid, fd);
	if (stat(path, &st))
		return false;
	inode = files_find(r->files, st.st_dev, st.st_ino, files_read_birth(path), "");
	if (!inode || inode->size == UINT64_MAX)
		return false;
	inode->size = (uint64_t)st.st_size;
	event->arg[0] = inode->latest;
	event->arg[1] = inode->size;
	return true;
}

uint32_t files_of_fd(struct recorder *r, const struct task *task, int fd)
{
	struct record_inode *inode;
	struct sight sight;
	uint32_t number;

	if (!files_see(r, task, fd, &sight))
		return TRACE_BAD_FILE;
	inode = files_find(r->files, sight.st.st_dev, sight.st.st_ino, sight.born, sight.path);
	if (!inode)
		inode = files_new_inode(r->files, sight.st.st_dev, sight.st.st_ino, sight.path);
	if (!inode)
		return TRACE_BAD_FILE;
	inode->born = sight.born;
	inode->magic = sight.magic;
	inode->mode = sight.st.st_mode;
	inode->rdev = S_ISCHR(inode->mode) ? sight.st.st_rdev : 0;
	inode->flags = sight.flags;
	inode->noexec = sight.noexec;
	number = files_number(r, task, inode, &sight);
	if (number == TRACE_BAD_FILE)
		return number;
	files_tell_size(r, task, inode, &sight.st);
	files_tell_seals(r, task, inode, &sight);
	if (sight.magic == HUGETLBFS_MAGIC && S_ISREG(sight.st.st_mode))
		hugetlb_tell_file(r, task, number, (uint64_t)sight.st.st_blksize,
				  (uint64_t)sight.st.st_blocks);
	return number;
}

/* ---- what the kernel makes of a mapping, where mm has no rule ---- */

/* A way of mapping it: rights, shared or not, open for writing or not. */
static uint32_t files_way(const struct record_inode *inode, const struct trace_event *mmap)
{
	unsigned type = mmap->arg[3] & MAP_TYPE;
	bool shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
	bool writable = (inode->flags & O_ACCMODE) != O_RDONLY;

	return 1u << ((mmap->arg[2] & 7) | shared << 3 | writable << 4);
}

static struct record_inode *files_without_rule(const struct files *files,
					       const struct trace_event *mmap)
{
	uint64_t number = mmap->arg[5];
	struct record_inode *inode = number < files->cap ? files->by_number[number] : NULL;
	enum file_kind kind;

	if (mmap->kind != TRACE_MMAP || !inode)
		return NULL;
	kind = inode->rdev ? file_kind_of_device(inode->rdev)
			   : file_kind(inode->magic, inode->mode, inode->path);
	return kind == FILE_OTHER || kind == FILE_NO_MMAP ? inode : NULL;
}

bool files_wants_flags(const struct recorder *r, const struct trace_event *mmap)
{
	const struct record_inode *inode = files_without_rule(r->files, mmap);

	return inode && !(inode->ways & files_way(inode, mmap));
}

void files_mapped(struct recorder *r, const struct task *task, const struct trace_event *mmap,
		  int64_t result)
{
	struct trace_event event = {
		.kind = TRACE_FILE_FLAGS, .task = task->number, .name = "",
		.arg = { mmap->arg[5], mmap->arg[2] & 7, mmap->arg[3] },
	};
	struct record_inode *inode;

	if ((uint64_t)result >= -4095ull || !files_wants_flags(r, mmap))
		return;
	inode = files_without_rule(r->files, mmap);
	if (!layout_read_flags(task, result, &event.arg[3])) {
		record_missing(r, "flags of mappings that could not be read");
		return;
	}
	inode->ways |= files_way(inode, mmap);
	queue_event(r, &event);
}

/* ---- files without a descriptor ---- */

/* SysV segments are files of the kernel's own tmpfs, numbered by their id. */
uint32_t files_of_segment(struct recorder *r, const struct task *task, int id, uint32_t key)
{
	struct record_inode *inode;
	char path[32];

	snprintf(path, sizeof(path), "/SYSV%08x (deleted)", key);
	inode = files_find(r->files, makedev(0, 1), id, 0, path);
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
static void files_look_up(const struct task *task, struct record_inode *inode)
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
	struct record_inode *inode = files_find(r->files, dev, ino, 0, path);

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
