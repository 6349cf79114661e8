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
 *     does not say otherwise, where the descriptor at which the known file was seen last still
 *     has it.
 *  2. Where a mapping comes beside one that it can merge with, whether it does so decides.
 *  3. A file that is neither mapped nor open has no use for its number: that a later one
 *     gets the same does no harm.
 *  4. Where the kernel does not let the recorder ask, inode and way of access decide.
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
	int place; /* among the marks; -1: not known */
	int flags;
	pid_t tid, tgid;        /* where it was seen last */
	int fd;                 /* -1: nobody knows */
	bool doubtful;          /* seen elsewhere now, and no more where it was before */
	struct open_file *next; /* of the inode, the latest seen first */
};

struct record_inode {
	dev_t dev;
	ino_t ino;
	uint64_t born;           /* ns; 0: the file system does not tell */
	uint32_t number, latest; /* in the trace; its open file mentioned last */
	uint64_t magic;
	mode_t mode;
	dev_t rdev;
	int flags;
	bool noexec;
	uint64_t size;  /* as the trace has it; UINT64_MAX: it does not tell */
	unsigned seals; /* likewise */
	uint32_t ways;  /* of mapping it whose flags the trace has: see files_way */
	char *path;
	struct open_file *files;
	struct beside beside;
	struct record_inode *next; /* in its bucket, the latest first */
};

struct files {
	struct record_inode *buckets[FILES_BUCKETS];
	struct record_inode **by_number; /* of open files: their inodes, or NULL */
	size_t cap;
	uint32_t files, inodes; /* the largest numbers given */
	struct marks *marks;
	bool by_flags;     /* the kernel did not let us look at a file itself */
	bool pipes_noexec; /* newer kernels: EPERM comes before ENODEV */
};

/* ---- the table of inodes ---- */

/* The mount of pipes may be one without execution, which its statfs() does not tell. */
static bool files_pipes_noexec(void)
{
	int ends[2];
	bool noexec;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	noexec = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, ends[0], 0) ==
			 MAP_FAILED &&
		 errno == EPERM;
	close(ends[0]);
	close(ends[1]);
	return noexec;
}

struct files *files_create(void)
{
	struct files *files = calloc(1, sizeof(*files));

	if (!files)
		return NULL;
	files->files = TRACE_BAD_FILE;
	files->pipes_noexec = files_pipes_noexec();
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
			beside_free(&inode->beside);
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

	while (inode &&
	       (inode->ino != ino ||
		((inode->dev != dev || files_share_inode(path)) && strcmp(inode->path, path)) ||
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
		struct record_inode **grown = realloc(files->by_number, cap * sizeof(*grown));

		if (!grown)
			return;
		memset(grown + files->cap, 0, (cap - files->cap) * sizeof(*grown));
		files->by_number = grown;
		files->cap = cap;
	}
	files->by_number[inode->latest] = inode;
}

static void files_announce_more(struct recorder *r, const struct task *task,
				const struct record_inode *inode)
{
	struct trace_event event = {
		.kind = TRACE_FILE_MORE,
		.task = task->number,
		.name = "",
		.arg = { inode->latest, inode->rdev, inode->noexec ? TRACE_NOEXEC : 0 },
	};

	queue_event(r, &event);
}

/* A new number for a file of the inode, and its FILE event. */
static uint32_t files_announce(struct recorder *r, const struct task *task,
			       struct record_inode *inode)
{
	struct trace_event event = { .kind = TRACE_FILE,
				     .task = task->number,
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
	sight->noexec =
		fs.f_flags & ST_NOEXEC || (sight->magic == PIPEFS_MAGIC && r->files->pipes_noexec);
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

static bool files_alike(const struct open_file *file, const struct sight *sight)
{
	return file->place == sight->place && !((file->flags ^ sight->flags) & FIXED_FLAGS);
}

/* The first of a list of open files of the inode that is seen, or NULL. */
static struct open_file *files_known(const struct files *files, struct open_file *file,
				     const struct sight *sight)
{
	while (file && (!files_alike(file, sight) ||
			(file->place >= 0 && files_told_apart(files, file, sight))))
		file = file->next;
	return file;
}

/* It is this one, or NULL: one that was never seen.  It becomes the first of its inode's list. */
static struct open_file *files_seen(struct recorder *r, const struct task *task,
				    struct record_inode *inode, struct open_file *file,
				    const struct sight *sight)
{
	struct open_file **at = &inode->files;

	if (file) {
		while (*at != file)
			at = &(*at)->next;
		*at = file->next;
	} else {
		file = calloc(1, sizeof(*file));
		if (!file)
			return NULL;
		file->number = files_announce(r, task, inode);
	}
	file->next = inode->files;
	inode->files = file;
	file->place = sight->place;
	file->flags = sight->flags;
	file->tid = sight->tid;
	file->tgid = task->tgid;
	file->fd = sight->fd;
	inode->latest = file->number;
	return file;
}

/* Has a known file come to another descriptor of the process, and left the one where it was? */
static bool files_moved(const struct files *files, const struct task *task,
			const struct open_file *file, const struct sight *sight)
{
	return file->tgid == task->tgid && file->fd >= 0 && file->fd != sight->fd &&
	       marks_place(files->marks, file->tid, file->fd) != file->place;
}

/* The number of the open file of the inode that is seen. */
static uint32_t files_number(struct recorder *r, const struct task *task,
			     struct record_inode *inode, const struct sight *sight)
{
	struct open_file *file = files_known(r->files, inode->files, sight);
	bool doubtful = file && files_moved(r->files, task, file, sight);

	file = files_seen(r, task, inode, file, sight);
	if (!file)
		return TRACE_BAD_FILE;
	file->doubtful = doubtful;
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
		.kind = TRACE_FILE_SIZE,
		.task = task->number,
		.name = "",
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

/* The inode of an mmap's open file, or NULL. */
static struct record_inode *files_inode(const struct files *files, const struct trace_event *mmap)
{
	uint64_t number = mmap->arg[5];

	return mmap->kind == TRACE_MMAP && number < files->cap ? files->by_number[number] : NULL;
}

/* Does the trace lack what the kernel makes of such an mmap, of which mm has no rule? */
static bool files_wants_flags(const struct record_inode *inode, const struct trace_event *mmap)
{
	enum file_kind kind = inode->rdev ? file_kind_of_device(inode->rdev)
					  : file_kind(inode->magic, inode->mode, inode->path);

	return (kind == FILE_OTHER || kind == FILE_NO_MMAP) &&
	       !(inode->ways & files_way(inode, mmap));
}

static void files_tell_flags(struct recorder *r, const struct task *task,
			     struct record_inode *inode, const struct trace_event *mmap,
			     uint64_t start)
{
	struct trace_event event = {
		.kind = TRACE_FILE_FLAGS,
		.task = task->number,
		.name = "",
		.arg = { mmap->arg[5], mmap->arg[2] & 7, mmap->arg[3] },
	};

	if (!layout_read_flags(task, start, &event.arg[3])) {
		record_missing(r, "flags of mappings that could not be read");
		return;
	}
	inode->ways |= files_way(inode, mmap);
	queue_event(r, &event);
}

/* ---- open files that look alike: what the kernel merges is the same ---- */

static struct open_file *files_of_number(const struct record_inode *inode, uint32_t number)
{
	struct open_file *file = inode->files;

	while (file && file->number != number)
		file = file->next;
	return file;
}

/* The open file of the mapping beside that mmap, if it looks like its own; or NULL. */
static struct open_file *files_beside(const struct record_inode *inode,
				      const struct trace_event *mmap, uint64_t start, bool after)
{
	uint32_t number = beside_number(&inode->beside, mmap, start, files_way(inode, mmap), after);
	struct open_file *file = files_of_number(inode, (uint32_t)mmap->arg[5]);
	struct open_file *other = number == TRACE_NO_FILE ? NULL : files_of_number(inode, number);

	return file && other && file->place == other->place &&
			       !((file->flags ^ other->flags) & FIXED_FLAGS)
		       ? other
		       : NULL;
}

/*
 * What was taken for file is other, which the kernel merged it with; or, if it was taken for other,
 * with which the kernel did not merge it, the next that looks so, or a new one.
 */
static struct open_file *files_mend(struct recorder *r, const struct task *task,
				    struct record_inode *inode, struct open_file *file,
				    struct open_file *other, bool merged)
{
	struct sight sight = {
		.tid = file->tid,
		.fd = file->fd,
		.place = file->place,
		.flags = file->flags,
	};

	if ((file == other) == merged)
		return file;
	file->fd = -1;
	if (!merged)
		other = files_known(r->files, file->next, &sight);
	return files_seen(r, task, inode, other, &sight);
}

/* Which open file the mapping shows, by what became of it and those beside it; false: unsaid. */
static bool files_settle(struct recorder *r, const struct task *task, struct record_inode *inode,
			 struct trace_event *mmap, uint64_t start)
{
	uint64_t end = start + PAGE_ALIGN(mmap->arg[1]);
	bool settled = false;

	for (int after = 0; after < 2; after++) {
		struct open_file *file = files_of_number(inode, (uint32_t)mmap->arg[5]);
		struct open_file *other = files_beside(inode, mmap, start, after);
		enum beside_what what =
			other ? layout_beside(task, start, end, after) : BESIDE_UNKNOWN;

		if (what == BESIDE_UNKNOWN)
			continue;
		settled = true;
		file = files_mend(r, task, inode, file, other, what == BESIDE_MERGED);
		mmap->arg[5] = file ? file->number : TRACE_BAD_FILE;
	}
	return settled;
}

/* Keeps in mind that it is mapped there; 0: somewhere. */
static void files_remember_mapping(struct recorder *r, struct record_inode *inode,
				   const struct trace_event *mmap, uint64_t start, bool settled)
{
	uint32_t number = (uint32_t)mmap->arg[5];
	const struct open_file *file = files_of_number(inode, number);

	if (file && file->doubtful && !settled && beside_has(&inode->beside, number))
		record_missing(r, "whether a file was passed on or opened again");
	beside_add(&inode->beside, mmap, start, files_way(inode, mmap));
}

/* Where it will be, if that is sure; 0. */
static uint64_t files_fixed(const struct trace_event *mmap)
{
	return mmap->arg[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE) ? mmap->arg[0] : 0;
}

bool files_wants_result(const struct recorder *r, const struct trace_event *mmap)
{
	const struct record_inode *inode = files_inode(r->files, mmap);
	uint64_t start = files_fixed(mmap);

	return inode &&
	       (files_wants_flags(inode, mmap) || files_beside(inode, mmap, start, false) ||
		files_beside(inode, mmap, start, true));
}

void files_mapped(struct recorder *r, const struct task *task, struct trace_event *mmap,
		  int64_t result)
{
	struct record_inode *inode = files_inode(r->files, mmap);
	bool settled;

	if ((uint64_t)result >= -4095ull || !inode)
		return;
	if (files_wants_flags(inode, mmap))
		files_tell_flags(r, task, inode, mmap, result);
	settled = files_settle(r, task, inode, mmap, result);
	files_remember_mapping(r, inode, mmap, result, settled);
}

void files_mapped_unseen(struct recorder *r, const struct trace_event *mmap)
{
	struct record_inode *inode = files_inode(r->files, mmap);

	if (inode)
		files_remember_mapping(r, inode, mmap, files_fixed(mmap), false);
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
	if (inode->dev == makedev(0, 1)) { /* shared anonymous memory */
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
