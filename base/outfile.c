/*
 * outfile - the one writer of all verbs (see outfile.h)
 */
#include "base/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY    ".vmabench-"
#define DIGITS       16         /* hexadecimal, after TEMPORARY */
#define TRIES        100        /* names that somebody else has already */
#define ROOM         (64 << 10) /* bytes: a disk with less left is full */
#define READER_WAITS 20         /* times 50 ms, for the reader of a FIFO */

__attribute__((format(printf, 2, 3))) static int fail(struct outfile *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(out->why, sizeof(out->why), format, args);
	va_end(args);
	return -1;
}

static int fail_errno(struct outfile *out, const char *path, const char *what)
{
	return fail(out, "%s: %s%s", path, what, strerror(errno));
}

/* The same open file as a descriptor above stderr's; closes fd. */
static int above_stderr(int fd)
{
	int high = fd;

	if (fd >= 0 && fd <= STDERR_FILENO) {
		high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(fd);
	}
	return high;
}

/* ---- temporary files ---- */

static void make_name(struct outfile *out)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number = (uint64_t)time(NULL) << 32 ^ (uint64_t)getpid() ^ (uintptr_t)&number;
	sprintf(out->temporary, "%s/" TEMPORARY "%0*" PRIx64, out->folder, DIGITS, number);
}

/* Locks what has just been created: false if its name was removed before it was locked. */
static bool lock_new(int fd)
{
	struct stat st;

	return !flock(fd, LOCK_EX) && !fstat(fd, &st) && st.st_nlink > 0;
}

static int create_file(struct outfile *out)
{
	int fd =
		open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, out->mode);

	return above_stderr(fd);
}

static int create_folder(struct outfile *out)
{
	if (mkdir(out->temporary, 0777))
		return -1;
	return above_stderr(open(out->temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

static void forget_name(struct outfile *out)
{
	free(out->temporary);
	out->temporary = NULL;
}

/* A new file or folder with the name out->temporary, locked: a descriptor, or -1 and why. */
static int create(struct outfile *out, int (*how)(struct outfile *out))
{
	int fd = -1;

	out->temporary = malloc(strlen(out->folder) + sizeof("/" TEMPORARY) + DIGITS);
	if (!out->temporary)
		return fail(out, "%s: out of memory", out->target);
	for (unsigned i = 0; i < TRIES; i++) {
		make_name(out);
		fd = how(out);
		if (fd >= 0 && lock_new(fd))
			return fd;
		if (fd < 0 && errno != EEXIST)
			break;
		if (fd >= 0)
			close(fd);
	}
	fail_errno(out, out->folder, "cannot create a file there: ");
	forget_name(out);
	return -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st, (void)type, (void)walk;
	remove(path);
	return 0;
}

static bool is_temporary(const char *name)
{
	const char *digits = name + strlen(TEMPORARY);

	return !strncmp(name, TEMPORARY, strlen(TEMPORARY)) &&
	       strspn(digits, "0123456789abcdef") == DIGITS && !digits[DIGITS];
}

/* Removes a temporary file or folder of this user whose writer is gone: nobody has it locked. */
static void remove_if_stale(int folder, const char *path, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char full[PATH_MAX];
	struct stat st;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_uid == geteuid() && !flock(fd, LOCK_EX | LOCK_NB)) {
		if (S_ISREG(st.st_mode))
			unlinkat(folder, name, 0);
		else if (S_ISDIR(st.st_mode) &&
			 snprintf(full, sizeof(full), "%s/%s", path, name) < PATH_MAX)
			nftw(full, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	}
	close(fd);
}

static void remove_stale(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		if (is_temporary(entry->d_name))
			remove_if_stale(dirfd(folder), path, entry->d_name);
	}
	if (folder)
		closedir(folder);
}

/* ---- what the path names ---- */

/* Is it the file that stdout or stderr is?  Then a duplicate of that, else -1. */
static int own_output(const struct stat *target)
{
	struct stat st;

	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!fstat(fd, &st) && st.st_dev == target->st_dev && st.st_ino == target->st_ino)
			return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	}
	return -1;
}

/* Waits a second for a FIFO's reader, who may be started at the same time. */
static int open_device(const char *path)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	int fd = -1;

	for (unsigned i = 0; fd < 0 && i < READER_WAITS; i++) {
		fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 && errno != ENXIO)
			return -1;
		if (fd < 0)
			nanosleep(&pause, NULL);
	}
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_WRONLY);
	return above_stderr(fd);
}

static int open_through(struct outfile *out, const char *path, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return fail(out, "%s: is a folder", path);
	if (S_ISSOCK(st->st_mode))
		return fail(out, "%s: is a socket", path);
	out->through = true;
	out->device = open_device(path);
	if (out->device < 0 && errno == ENXIO && S_ISFIFO(st->st_mode))
		return fail(out, "%s: is a FIFO that nobody reads", path);
	return out->device < 0 ? fail_errno(out, path, "") : 0;
}

/* The file that is written, links followed, and its folder. */
static int find_target(struct outfile *out, const char *path, bool exists)
{
	char *copy = NULL;
	struct stat st;

	if (!exists && !lstat(path, &st) && S_ISLNK(st.st_mode))
		return fail(out, "%s: is a symbolic link to nothing", path);
	out->target = exists ? realpath(path, NULL) : strdup(path);
	if (!out->target)
		return fail_errno(out, path, "");
	copy = strdup(out->target);
	if (copy)
		out->folder = strdup(dirname(copy));
	free(copy);
	return out->folder ? 0 : fail(out, "%s: out of memory", path);
}

/* Takes as much room as small results need, so that a full disk shows. */
static int try_room(struct outfile *out)
{
	int err = 0;

	if (outfile_begin(out))
		return -1;
	err = posix_fallocate(out->fd, 0, ROOM);
	outfile_abandon(out);
	errno = err;
	if (err == ENOSPC || err == EDQUOT || err == EFBIG)
		return fail_errno(out, out->target, "");
	return 0;
}

int outfile_open(struct outfile *out, const char *path, mode_t mode)
{
	struct stat st;
	bool exists = !stat(path, &st);

	*out = (struct outfile){ .fd = -1, .device = -1, .mode = mode };
	if (!exists && errno != ENOENT)
		return fail_errno(out, path, "");
	if (!*path || path[strlen(path) - 1] == '/')
		return fail(out, "'%s': is not a file's name", path);
	if (exists && (out->device = own_output(&st)) >= 0)
		out->through = true;
	else if (exists && !S_ISREG(st.st_mode))
		return open_through(out, path, &st);
	if (out->through)
		return 0;
	if (exists && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS))
		return fail_errno(out, path, "");
	if (find_target(out, path, exists))
		return -1;
	remove_stale(out->folder);
	return try_room(out);
}

void outfile_close(struct outfile *out)
{
	outfile_abandon(out);
	if (out->device >= 0)
		close(out->device);
	out->device = -1;
	free(out->target);
	free(out->folder);
	out->target = out->folder = NULL;
}

/* ---- one version ---- */

int outfile_begin(struct outfile *out)
{
	if (out->through)
		fflush(stdout); /* what was printed before comes before */
	out->fd = out->through ? out->device : create(out, create_file);
	return out->fd < 0 ? -1 : 0;
}

int outfile_write(struct outfile *out, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(out->fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail_errno(out, out->through ? "output" : out->target, "");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The new file gets the permissions of the one that it replaces, and its owner where it may. */
static void keep_owner(const struct outfile *out)
{
	struct stat st, now;

	if (stat(out->target, &st) || fstat(out->fd, &now))
		return;
	if ((st.st_uid != now.st_uid || st.st_gid != now.st_gid) &&
	    fchown(out->fd, st.st_uid, st.st_gid))
		(void)!fchown(out->fd, (uid_t)-1, st.st_gid);
	fchmod(out->fd, st.st_mode & 0777);
}

static void sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int outfile_commit(struct outfile *out)
{
	if (out->through) {
		out->fd = -1;
		return 0;
	}
	keep_owner(out);
	if (fsync(out->fd) || rename(out->temporary, out->target)) {
		fail_errno(out, out->target, "");
		outfile_abandon(out);
		return -1;
	}
	forget_name(out);
	sync_folder(out->folder);
	close(out->fd);
	out->fd = -1;
	return 0;
}

void outfile_abandon(struct outfile *out)
{
	if (out->temporary)
		unlink(out->temporary);
	forget_name(out);
	if (out->fd >= 0 && !out->through)
		close(out->fd);
	out->fd = -1;
}

int outfile_put(struct outfile *out, const void *data, size_t len)
{
	if (outfile_begin(out))
		return -1;
	if (!outfile_write(out, data, len) && !outfile_commit(out))
		return 0;
	outfile_abandon(out);
	return -1;
}

int outfile_save(const char *path, const void *data, size_t len, char *why, size_t size)
{
	struct outfile out;
	int bad = outfile_open(&out, path, 0666) || outfile_put(&out, data, len) ? -1 : 0;

	if (bad && why)
		snprintf(why, size, "%s", out.why);
	outfile_close(&out);
	return bad;
}

/* ---- beside the target ---- */

int outfile_spool(struct outfile *out)
{
	int fd = create(out, create_file);

	if (fd >= 0)
		unlink(out->temporary);
	forget_name(out);
	return fd;
}

char *outfile_make_folder(const char *in, int *lock, char *why, size_t size)
{
	struct outfile out = { .folder = strdup(in), .target = strdup(in) };

	*lock = -1;
	if (out.folder && out.target) {
		remove_stale(in);
		*lock = create(&out, create_folder);
	}
	if (*lock < 0)
		snprintf(why, size, "%s", *out.why ? out.why : "out of memory");
	free(out.folder);
	free(out.target);
	return out.temporary;
}

void outfile_remove_folder(char *path, int lock)
{
	nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	close(lock);
	free(path);
}
