/*
 * check_kernel_bed - what the subject's operations need, and what this kernel can do
 */
#include "harness/check/check_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mm/mman.h"
#include "workloads/record/record.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define LARGE_FILE ((off_t)1 << 40) /* sparse: nothing reaches its end */
#define SMALL_FILE (24 * (off_t)PAGE_SIZE + 100)

static int bed_error(const char *what)
{
	fprintf(stderr, "check --kernel: %s: %s\n", what, strerror(errno));
	return -1;
}

/* ---- files ---- */

/* A file without a name, on disk if TMPDIR or /tmp is. */
static int open_nameless(void)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/vmabench-kernel-XXXXXX", dir ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int reopen(int fd, int access)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, access | O_CLOEXEC);
}

/* File i is fd; it shares its inode with an earlier one if both are the same. */
static int add_file(struct kernel_bed *bed, unsigned i, int fd, unsigned access, const char *path)
{
	struct kernel_file *file = &bed->file[i];
	struct statfs fs;
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat) || fstatfs(fd, &fs))
		return bed_error(path);
	*file = (struct kernel_file){
		.fd = fd,
		.inode = ++bed->inodes,
		.magic = (uint64_t)fs.f_type,
		.mode = stat.st_mode,
		.access = access,
		.dev = stat.st_dev,
		.ino = stat.st_ino,
		.path = path,
	};
	for (unsigned j = 0; j < i; j++) {
		if (bed->file[j].ino != file->ino || bed->file[j].dev != file->dev)
			continue;
		file->inode = bed->file[j].inode;
		bed->inodes--;
		break;
	}
	return 0;
}

static int open_files(struct kernel_bed *bed)
{
	int disk = open_nameless(), shared = memfd_create("vmabench", MFD_CLOEXEC), ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return bed_error("a pipe");
	close(ends[1]);
	return add_file(bed, 0, disk, O_RDWR, "a file") ||
			       add_file(bed, 1, reopen(disk, O_RDWR), O_RDWR, "a file") ||
			       add_file(bed, 2, reopen(disk, O_RDONLY), O_RDONLY, "a file") ||
			       add_file(bed, 3, shared, O_RDWR, "a memfd") ||
			       add_file(bed, 4, reopen(shared, O_RDONLY), O_RDONLY, "a memfd") ||
			       add_file(bed, 5, open("/dev/zero", O_RDWR | O_CLOEXEC), O_RDWR,
					"/dev/zero") ||
			       add_file(bed, 6, ends[0], O_RDONLY, "a pipe") ||
			       add_file(bed, 7, open_nameless(), O_RDWR, "a small file") ||
			       add_file(bed, KERNEL_FILE_SUBJECT,
					open(bed->subject, O_RDONLY | O_CLOEXEC), O_RDONLY,
					bed->subject) ||
			       add_file(bed, KERNEL_FILE_BOARD, bed->board_fd, O_RDWR, "the board")
		       ? -1
		       : 0;
}

void kernel_bed_file(const struct kernel_bed *bed, unsigned i, uint64_t number,
		     struct trace_event *event)
{
	const struct kernel_file *file = &bed->file[i];

	*event = (struct trace_event){
		.kind = TRACE_FILE,
		.task = 1,
		.name = file->path,
		.arg = { number, file->inode, file->magic, file->mode, file->access },
	};
}

static int fresh_segment(struct kernel_bed *bed)
{
	if (bed->attached)
		shmdt(bed->attached);
	bed->attached = NULL;
	bed->segment = shmget(IPC_PRIVATE, KERNEL_SEGMENT_PAGES * PAGE_SIZE, 0600 | IPC_CREAT);
	if (bed->segment < 0)
		return bed_error("a System V segment");
	bed->attached = shmat(bed->segment, NULL, 0);
	struct shmid_ds ds;
	if (shmctl(bed->segment, IPC_STAT, &ds) || bed->attached == (void *)-1) {
		shmctl(bed->segment, IPC_RMID, NULL);
		bed->attached = NULL;
		return bed_error("a System V segment");
	}
	shmctl(bed->segment, IPC_RMID, NULL); /* it lives while somebody has it attached */
	bed->file[KERNEL_FILE_SEGMENT] = (struct kernel_file){
		.fd = -1,
		.inode = bed->inodes + 1,
		.magic = TMPFS_MAGIC,
		.mode = S_IFREG | 0600,
		.access = O_RDWR,
		.path = "/SYSV00000000 (deleted)",
		.ino = (ino_t)bed->segment, /* what smaps shows for one */
	};
	return 0;
}

int kernel_bed_fresh(struct kernel_bed *bed)
{
	static const struct {
		unsigned i;
		off_t size;
	} sized[] = {
		{ 0, LARGE_FILE },
		{ 3, LARGE_FILE },
		{ 7, SMALL_FILE },
	};

	for (unsigned k = 0; k < ARRAY_SIZE(sized); k++) {
		struct kernel_file *file = &bed->file[sized[k].i];

		file->size = sized[k].size;
		if (ftruncate(file->fd, 0) || ftruncate(file->fd, file->size))
			return bed_error(file->path);
	}
	return fresh_segment(bed);
}

/* ---- what this kernel can do ---- */

static bool has_advice(int advice)
{
	void *page =
		mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has = page != MAP_FAILED && !madvise(page, PAGE_SIZE, advice);

	if (page != MAP_FAILED)
		munmap(page, PAGE_SIZE);
	return has || advice == MADV_REMOVE; /* refuses such a page */
}

static void find_advice(struct kernel_bed *bed, bool quiet)
{
	static const struct {
		int advice;
		unsigned weight;
		const char *name;
	} all[] = {
		{ MADV_NORMAL, 1, "NORMAL" },
		{ MADV_RANDOM, 1, "RANDOM" },
		{ MADV_SEQUENTIAL, 1, "SEQUENTIAL" },
		{ MADV_WILLNEED, 1, "WILLNEED" },
		{ MADV_DONTNEED, 3, "DONTNEED" },
		{ MADV_FREE, 1, "FREE" },
		{ MADV_REMOVE, 1, "REMOVE" },
		{ MADV_DONTFORK, 2, "DONTFORK" },
		{ MADV_DOFORK, 2, "DOFORK" },
		{ MADV_MERGEABLE, 1, "MERGEABLE" },
		{ MADV_UNMERGEABLE, 1, "UNMERGEABLE" },
		{ MADV_HUGEPAGE, 2, "HUGEPAGE" },
		{ MADV_NOHUGEPAGE, 2, "NOHUGEPAGE" },
		{ MADV_DONTDUMP, 1, "DONTDUMP" },
		{ MADV_DODUMP, 1, "DODUMP" },
		{ MADV_WIPEONFORK, 1, "WIPEONFORK" },
		{ MADV_KEEPONFORK, 1, "KEEPONFORK" },
		{ MADV_COLD, 1, "COLD" },
		{ MADV_POPULATE_READ, 1, "POPULATE_READ" },
		{ MADV_POPULATE_WRITE, 1, "POPULATE_WRITE" },
		{ MADV_DONTNEED_LOCKED, 1, "DONTNEED_LOCKED" },
		{ MADV_GUARD_INSTALL, 1, "GUARD_INSTALL" },
		{ MADV_GUARD_REMOVE, 1, "GUARD_REMOVE" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		if (!has_advice(all[i].advice)) {
			if (!quiet)
				fprintf(stderr, "check --kernel: no MADV_%s here: left out\n",
					all[i].name);
			continue;
		}
		for (unsigned k = 0; k < all[i].weight; k++)
			bed->advice[bed->nadvice++] = all[i].advice;
	}
}

/* Does pagemap say that a page is a guard? */
static bool tells_guards(void)
{
	char *page =
		mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (page == MAP_FAILED)
		return false;
	if (madvise(page, PAGE_SIZE, MADV_GUARD_INSTALL) ||
	    pread(pagemap, &entry, sizeof(entry), (off_t)((uintptr_t)page >> PAGE_SHIFT) * 8) !=
		    sizeof(entry))
		entry = 0;
	if (pagemap >= 0)
		close(pagemap);
	munmap(page, PAGE_SIZE);
	return entry >> 58 & 1;
}

static bool has_droppable(void)
{
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);

	return page != MAP_FAILED && !munmap(page, PAGE_SIZE);
}

static bool has_looks(void)
{
	struct subject_query query = {
		.size = sizeof(query),
		.query_flags = SUBJECT_COVERING_OR_NEXT,
	};
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	bool has = fd >= 0 && !ioctl(fd, SUBJECT_PROCMAP_QUERY, &query);

	if (fd >= 0)
		close(fd);
	return has;
}

/* Can CAP_IPC_LOCK be taken from the subject?  A child tries it. */
static bool may_drop_lock(const struct trace_info *info)
{
	int status = -1;
	pid_t pid = info->lacks_capabilities >> CAP_IPC_LOCK & 1 ? -1 : fork();

	if (!pid)
		_exit(prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0) ? 1 : 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status && !geteuid();
}

static void find_memlock(struct kernel_bed *bed)
{
	struct rlimit limit;

	bed->may_drop = may_drop_lock(&bed->info);
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	bed->info.rlimit_memlock = limit.rlim_cur;
	bed->memlock_max = limit.rlim_max;
}

/* vm.legacy_va_layout; the subject's personality does not ask for it, but where a session does. */
static bool read_legacy_sysctl(void)
{
	FILE *file = fopen("/proc/sys/vm/legacy_va_layout", "re");
	int legacy = 0;

	if (file && fscanf(file, "%d", &legacy) != 1)
		legacy = 0;
	if (file)
		fclose(file);
	return legacy;
}

/* ---- huge pages ---- */

/* Some pages, all of them free; else whoever has them would disturb. */
static bool pool_is_ours(const struct kernel_bed *bed)
{
	struct trace_pool pools[TRACE_MAX_POOLS];

	return trace_pools(bed->info.hugetlb, pools) > 0 && pools[0].size == PMD_SIZE &&
	       pools[0].free == pools[0].pages && pools[0].free >= pools[0].reserved + 4 &&
	       !pools[0].overcommit;
}

/* Processes that were killed give their pages back a little later. */
int kernel_bed_wait_for_pool(const struct kernel_bed *bed)
{
	for (unsigned tries = 0; bed->huge_pages && tries < 500; tries++) {
		char *now = hugetlb_collect();
		bool same = now && !strcmp(now, bed->info.hugetlb);

		free(now);
		if (same)
			return 0;
		usleep(10000);
	}
	if (!bed->huge_pages)
		return 0;
	fprintf(stderr, "check --kernel: others use the pool of huge pages (%s at first)\n",
		bed->info.hugetlb);
	return -1;
}

static void find_abilities(struct kernel_bed *bed, bool quiet)
{
	bed->mseal = !syscall(SYS_mseal, 0, 0, 0);
	bed->droppable = has_droppable();
	bed->board->looks = has_looks();
	find_memlock(bed);
	bed->guards = tells_guards();
	find_advice(bed, quiet);
	bed->huge_pages = pool_is_ours(bed);
	if (quiet)
		return;
	if (kernel_is_older(bed->info.kernel))
		fprintf(stderr,
			"check --kernel: Linux %s is older than %u.%u, whose rules are emulated: "
			"a difference may be the version's\n",
			bed->info.kernel, KERNEL_MAJOR, KERNEL_MINOR);
	if (!bed->huge_pages)
		fprintf(stderr, "check --kernel: no free pool of huge pages of 2 MiB here "
				"(nr_hugepages): MAP_HUGETLB left out\n");
	if (!bed->mseal)
		fprintf(stderr, "check --kernel: no mseal here: left out\n");
	if (!bed->droppable)
		fprintf(stderr, "check --kernel: no MAP_DROPPABLE here: left out\n");
	if (!bed->info.pkeys)
		fprintf(stderr, "check --kernel: no protection keys here: left out\n");
	if (!bed->may_drop)
		fprintf(stderr,
			"check --kernel: CAP_IPC_LOCK cannot be dropped: always as it is\n");
	if (!bed->board->looks)
		fprintf(stderr, "check --kernel: no PROCMAP_QUERY here: whole layouts instead, "
				"after every batch\n");
}

/* ---- the settings of this machine ---- */

static void read_settings(struct trace_info *info)
{
	record_settings(info);
	info->command = strdup("vmabench check --kernel");
	info->versions = strdup("");
	info->recorder = strdup("check --kernel");
	info->faults = true;
	info->aslr = false;
	info->legacy_layout = read_legacy_sysctl();
	info->rlimit_stack = 8UL << 20;
	info->rlimit_as = info->rlimit_data = info->rlimit_memlock = RLIM_INFINITY;
	info->committed = 0;
	if (info->overcommit) /* what others promise meanwhile would count */
		info->ram = info->swap = 0;
}

/* Nothing can be said where other processes decide what is granted to the subject. */
static int check_settings(const struct trace_info *info)
{
	if (info->overcommit != 2)
		return 0;
	fprintf(stderr,
		"check --kernel: vm.overcommit_memory is 2: what other processes are committed "
		"decides which calls fail; set it to 0 or 1\n");
	return -1;
}

/* Is this kernel older than the rules that are emulated? */
bool kernel_is_older(const char *release)
{
	unsigned major = 0, minor = 0;

	sscanf(release, "%u.%u", &major, &minor);
	return major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR);
}

/* ---- made and ended ---- */

/* The subject stands in build/, wherever this program does, or is installed as that is. */
static int find_subject(struct kernel_bed *bed)
{
	static const char *const places[] = { "build/kernel-subject", "../kernel-subject",
					      "../libexec/vmabench/kernel-subject" };
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return bed_error("/proc/self/exe");
	self[len] = 0;
	*strrchr(self, '/') = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(bed->subject, sizeof(bed->subject), "%s/%s", self, places[i]);
		if (!access(bed->subject, X_OK))
			return 0;
	}
	return bed_error("build/kernel-subject");
}

static int make_board(struct kernel_bed *bed)
{
	bed->board_fd = memfd_create("vmabench-board", MFD_CLOEXEC);
	if (bed->board_fd < 0 || ftruncate(bed->board_fd, sizeof(*bed->board)))
		return bed_error("the board");
	bed->board = mmap(NULL, sizeof(*bed->board), PROT_READ | PROT_WRITE, MAP_SHARED,
			  bed->board_fd, 0);
	if (bed->board == MAP_FAILED) {
		bed->board = NULL;
		return bed_error("the board");
	}
	bed->board->checker = getpid();
	return 0;
}

int kernel_bed_make(struct kernel_bed *bed, bool quiet)
{
	*bed = (struct kernel_bed){ .board_fd = -1 };
	for (unsigned i = 0; i < ARRAY_SIZE(bed->file); i++)
		bed->file[i].fd = -1;
	if (find_subject(bed) || make_board(bed) || open_files(bed) || kernel_bed_fresh(bed)) {
		kernel_bed_end(bed);
		return -1;
	}
	read_settings(&bed->info);
	if (check_settings(&bed->info)) {
		kernel_bed_end(bed);
		return -1;
	}
	find_abilities(bed, quiet);
	return 0;
}

void kernel_bed_info(const struct kernel_bed *bed, struct kernel_mood mood, struct trace_info *info)
{
	static char never[] = "never";

	*info = bed->info;
	info->legacy_layout |= mood.legacy;
	if (mood.no_thp)
		info->thp = never;
	if (mood.no_lock)
		info->lacks_capabilities |= 1ULL << CAP_IPC_LOCK;
}

void kernel_bed_end(struct kernel_bed *bed)
{
	char *const texts[] = {
		bed->info.command, bed->info.versions,  bed->info.kernel,
		bed->info.arch,    bed->info.date,      bed->info.recorder,
		bed->info.thp,     bed->info.shmem_thp, bed->info.hugetlb,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(bed->file); i++) {
		if (bed->file[i].fd >= 0)
			close(bed->file[i].fd);
	}
	if (bed->attached)
		shmdt(bed->attached);
	if (bed->board)
		munmap(bed->board, sizeof(*bed->board));
}
