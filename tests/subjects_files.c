/*
 * subjects_files - programs that would see it if a recorder held their files (see subjects.h)
 *
 * Each ends with 0 where all is as it is without a recorder.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "tests/subjects.h"

#define F_SEAL_FUTURE_WRITE_ 0x10
#define RW                   (PROT_READ | PROT_WRITE)

static char scratch_name[64];

/* A file of one page of its own, open for reading and writing; its name is scratch_name. */
static int scratch_file(size_t size)
{
	int fd;

	strcpy(scratch_name, "/tmp/vmabench-scratch-XXXXXX");
	fd = mkstemp(scratch_name);
	if (fd < 0 || ftruncate(fd, size))
		_exit(96);
	return fd;
}

static char *map_file(int fd, size_t size, int prot)
{
	char *at = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		_exit(95);
	return at;
}

/* A program that is written through a mapping, and then run: what linkers do. */
static int subject_writes_program(void)
{
	int in = open("/bin/true", O_RDONLY), out, status;
	struct stat st;
	char *at;
	pid_t pid;

	if (in < 0 || fstat(in, &st))
		return 1;
	out = scratch_file(st.st_size);
	at = map_file(out, st.st_size, RW);
	if (read(in, at, st.st_size) != st.st_size || munmap(at, st.st_size) || fchmod(out, 0755) ||
	    close(out))
		return 2;
	pid = fork();
	if (!pid) {
		execl(scratch_name, scratch_name, NULL);
		_exit(errno == ETXTBSY ? 3 : 4);
	}
	waitpid(pid, &status, 0);
	unlink(scratch_name);
	return WEXITSTATUS(status);
}

/* Locks of an open file, and leases, which nobody else may have open, end with the last close. */
static int subject_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	int fd = scratch_file(PAGE_SIZE), again = open(scratch_name, O_RDWR), result;
	char *at = map_file(fd, PAGE_SIZE, PROT_READ);

	if (fcntl(fd, F_OFD_SETLK, &lock) || !fcntl(again, F_OFD_SETLK, &lock))
		return 1;
	munmap(at, PAGE_SIZE);
	close(fd);
	result = fcntl(again, F_OFD_SETLK, &lock) ? 2 : 0;
	if (fcntl(again, F_SETLEASE, F_WRLCK))
		result |= 4;
	unlink(scratch_name);
	return result;
}

/* The other side of a socket, and of a pipe, sees the end; neither can be mapped. */
static int subject_ends(void)
{
	int ends[2], failed = 0;
	char byte;

	for (int i = 0; i < 2; i++) {
		if (i ? pipe(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
			return 1;
		if (mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, ends[i], 0) != MAP_FAILED)
			return 2;
		close(ends[1]);
		alarm(20);
		failed |= read(ends[0], &byte, 1) != 0;
		close(ends[0]);
	}
	return failed ? 3 : 0;
}

/* A mounted file system is let go of as soon as nothing of it is mapped or open. */
static int subject_unmounts(void)
{
	char folder[] = "/tmp/vmabench-mount-XXXXXX", name[64];
	int fd;
	char *at;

	if (!mkdtemp(folder))
		return 1;
	if (mount("vmabench", folder, "tmpfs", 0, NULL)) {
		printf("unmounting cannot be tested: %s\n", strerror(errno));
		rmdir(folder);
		return 0;
	}
	snprintf(name, sizeof(name), "%s/file", folder);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, PAGE_SIZE))
		return 2;
	at = map_file(fd, PAGE_SIZE, RW);
	at[0] = 1;
	munmap(at, PAGE_SIZE);
	close(fd);
	if (umount(folder)) {
		umount2(folder, MNT_DETACH);
		rmdir(folder);
		return 3;
	}
	return rmdir(folder) ? 4 : 0;
}

/* What a program may open is not changed. */
static int subject_limits(void)
{
	struct rlimit limit;
	const char *expected = getenv("RECORD_NOFILE");

	if (!expected || getrlimit(RLIMIT_NOFILE, &limit))
		return 1;
	return limit.rlim_cur == strtoul(expected, NULL, 10) ? 0 : 2;
}

/* ---- which open file it is ---- */

#define SLOTS  8
#define PLACES 600
#define WHOLE  (PLACES * PAGE_SIZE)

static struct {
	char *at; /* the next mapping goes there, and shows what follows */
	unsigned page;
	int inodes[2], slots[SLOTS];
	unsigned random;
} many;

static unsigned many_random(unsigned below)
{
	many.random = many.random * 1103515245 + 12345;
	return (many.random >> 16) % below;
}

/* The area's next page becomes the file's next page: they merge if the file is the same. */
static void many_map(int fd)
{
	if (many.page == PLACES)
		return;
	if (mmap(many.at + many.page * PAGE_SIZE, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd,
		 many.page * PAGE_SIZE) == MAP_FAILED)
		_exit(95);
	many.page++;
}

static int many_open(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", many.inodes[many_random(2)]);
	return open(path, O_RDONLY);
}

/* The same open file comes back through a socket. */
static int many_pass(int fd)
{
	int ends[2];
	char byte = 0, room[CMSG_SPACE(sizeof(fd))] = "";
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	*rights = (struct cmsghdr){ CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || sendmsg(ends[0], &message, 0) != 1)
		_exit(94);
	close(fd);
	if (recvmsg(ends[1], &message, 0) != 1)
		_exit(93);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	close(ends[0]);
	close(ends[1]);
	return fd;
}

static void many_step(int *slot)
{
	int other = many.slots[many_random(SLOTS)];

	switch (many_random(8)) {
	case 0: /* often the same number again */
		close(*slot);
		*slot = many_open();
		break;
	case 1:
		if (*slot != other)
			dup2(other, *slot);
		break;
	case 2:
		*slot = many_pass(*slot);
		break;
	default:
		many_map(*slot);
		if (many_random(3) == 0)
			many_map(other);
	}
}

static void many_fork(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		for (unsigned i = 0; i < 20; i++)
			many_step(&many.slots[many_random(SLOTS)]);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		_exit(92);
}

/* Opened twice, duplicated, passed on, inherited, closed and opened again: mapped side by side. */
static int subject_many_files(void)
{
	many.random = strtoul(getenv("RECORD_SEED"), NULL, 10);
	many.at = mmap(NULL, WHOLE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < 2; i++) {
		many.inodes[i] = scratch_file(WHOLE);
		unlink(scratch_name);
	}
	for (unsigned i = 0; i < SLOTS; i++)
		many.slots[i] = many_open();
	while (many.page < PLACES) {
		many_step(&many.slots[many_random(SLOTS)]);
		if (many_random(100) == 0)
			many_fork();
	}
	return 0;
}

/* Closed, opened again, and mapped beside its first self: two files; a duplicate: the same. */
static int subject_reopened(void)
{
	int fd, again;

	many.at = mmap(NULL, WHOLE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = scratch_file(WHOLE);
	many_map(fd);
	close(fd);
	again = open(scratch_name, O_RDWR);
	many_map(again);
	fd = dup(again);
	close(again);
	many_map(fd);
	again = open(scratch_name, O_RDWR);
	many_map(again);
	many_map(fd);
	unlink(scratch_name);
	return again < 0 || fd < 0;
}

/* ---- what drivers make of mappings ---- */

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

/* Maps it in some ways, changes the rights of what comes of it, and asks for more. */
static void map_kind(int fd)
{
	static const int ways[][2] = {
		{ PROT_READ, MAP_SHARED },
		{ RW, MAP_SHARED },
		{ RW, MAP_PRIVATE },
		{ PROT_READ, MAP_PRIVATE },
		{ PROT_READ | PROT_EXEC, MAP_PRIVATE },
		{ PROT_READ | PROT_EXEC, MAP_SHARED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		char *at = mmap(NULL, 2 * PAGE_SIZE, ways[i][0], ways[i][1], fd, 0);

		if (at == MAP_FAILED)
			continue;
		mprotect(at, PAGE_SIZE, PROT_READ);
		mprotect(at, PAGE_SIZE, PROT_READ | PROT_EXEC);
		mprotect(at, 2 * PAGE_SIZE, RW);
		madvise(at, PAGE_SIZE, MADV_DONTFORK);
		syscall(SYS_munlock, at, PAGE_SIZE);
		syscall(SYS_mlock, at, PAGE_SIZE);
		mremap(at, 2 * PAGE_SIZE, PAGE_SIZE, 0);
	}
}

static void map_sealed(int seals)
{
	int fd = syscall(SYS_memfd_create, "sealed", 2 /* MFD_ALLOW_SEALING */);

	if (fd < 0 || ftruncate(fd, 4 * PAGE_SIZE))
		return;
	mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	fcntl(fd, F_ADD_SEALS, seals);
	map_kind(fd);
}

/* A ring of perf's: each user may have one of a clock of his own. */
static int open_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* Whatever there is here of files that are not on disks; the rest fails with EBADF. */
static int subject_kinds(void)
{
	static const char *const paths[] = {
		"/dev/null",
		"/dev/zero",
		"/dev/full",
		"/dev/urandom",
		"/dev/ptmx",
		"/dev/mem",
		"/dev/kvm",
		"/dev/fuse",
		"/dev/dri/card0",
		"/dev/snd/timer",
		"/proc/self/status",
		"/sys/kernel/mm/transparent_hugepage/enabled",
		"/tmp",
	};
	int ends[2], secret = syscall(SYS_memfd_secret, 0);

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		map_kind(open(paths[i], O_RDONLY));
		map_kind(open(paths[i], O_RDWR));
	}
	map_kind(open("/etc/passwd", O_PATH));
	map_kind(socket(AF_INET, SOCK_STREAM, 0));
	map_kind(socket(AF_UNIX, SOCK_STREAM, 0));
	map_kind(socket(AF_PACKET, SOCK_RAW, 0));
	if (!pipe(ends))
		map_kind(ends[0]);
	map_kind(eventfd(0, 0));
	map_kind(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */));
	map_kind(open_perf());
	map_sealed(F_SEAL_WRITE | F_SEAL_GROW);
	map_sealed(F_SEAL_FUTURE_WRITE_);
	map_sealed(F_SEAL_SHRINK);
	if (secret >= 0 && !ftruncate(secret, 4 * PAGE_SIZE))
		map_kind(secret);
	return 0;
}

/* A mount where nothing may be executed: no right to, now or later. */
static int subject_noexec(void)
{
	char folder[] = "/tmp/vmabench-mount-XXXXXX", name[64];
	int fd;

	if (!mkdtemp(folder))
		return 1;
	if (mount("vmabench", folder, "tmpfs", MS_NOEXEC, NULL)) {
		printf("mounts without execution cannot be tested: %s\n", strerror(errno));
		rmdir(folder);
		return 0;
	}
	snprintf(name, sizeof(name), "%s/file", folder);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	if (fd >= 0 && !ftruncate(fd, 4 * PAGE_SIZE))
		map_kind(fd);
	umount2(folder, MNT_DETACH);
	rmdir(folder);
	return fd < 0;
}

/* ---- System V segments ---- */

/* What owner and mode forbid fails for an ordinary user; each attach that is granted ends. */
static int subject_segments(void)
{
	static const int modes[] = { 0600, 0400, 0200 }, flags[] = { 0, SHM_RDONLY, SHM_EXEC };
	int id = -1;

	for (size_t i = 0; i < ARRAY_SIZE(modes) * ARRAY_SIZE(flags); i++) {
		if (i % ARRAY_SIZE(flags) == 0)
			id = shmget(IPC_PRIVATE, 2 * PAGE_SIZE,
				    IPC_CREAT | modes[i / ARRAY_SIZE(flags)]);
		if (id < 0)
			return 1;
		void *at = shmat(id, NULL, flags[i % ARRAY_SIZE(flags)]);
		if (at != (void *)-1 && shmdt(at))
			return 2;
		if ((i + 1) % ARRAY_SIZE(flags) == 0 && shmctl(id, IPC_RMID, NULL))
			return 3;
	}
	return shmat(id, NULL, 0) == (void *)-1 ? 0 : 4;
}

/* A segment of an IPC namespace that the recorder is not in. */
static int subject_foreign_segment(void)
{
	int id;

	if (unshare(CLONE_NEWUSER | CLONE_NEWIPC)) {
		printf("IPC namespaces cannot be tested: %s\n", strerror(errno));
		return 0;
	}
	id = shmget(IPC_PRIVATE, 2 * PAGE_SIZE, IPC_CREAT | 0600);
	return shmat(id, NULL, 0) == (void *)-1 ? 1 : 0;
}

/* ---- userfaultfd ---- */

/* Its ranges are ordinary memory once it is closed: neighbours merge, and faults are as usual. */
static int subject_closes_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */);
	char *at = mmap(NULL, 4 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = { .range = { (unsigned long)at + PAGE_SIZE, 2 * PAGE_SIZE },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (uffd < 0) {
		printf("userfaultfd cannot be tested: %s\n", strerror(errno));
		return 0;
	}
	if (ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &range))
		return 1;
	at[0] = 1;
	close(uffd);
	alarm(20);
	at[PAGE_SIZE] = 1;
	return mprotect(at, 4 * PAGE_SIZE, PROT_READ) ? 2 : 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} subjects[] = {
	{ "writes_program", subject_writes_program },
	{ "locks", subject_locks },
	{ "ends", subject_ends },
	{ "unmounts", subject_unmounts },
	{ "limits", subject_limits },
	{ "many_files", subject_many_files },
	{ "reopened", subject_reopened },
	{ "kinds", subject_kinds },
	{ "segments", subject_segments },
	{ "foreign_segment", subject_foreign_segment },
	{ "noexec", subject_noexec },
	{ "closes_uffd", subject_closes_uffd },
};

__attribute__((constructor)) static void subjects_files_main(void)
{
	const char *name = getenv(SUBJECT_ENV);

	for (size_t i = 0; name && i < ARRAY_SIZE(subjects); i++) {
		if (!strcmp(name, subjects[i].name))
			exit(subjects[i].run());
	}
}
