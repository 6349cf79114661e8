/*
 * subjects - programs that are hard to record (see subjects.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "tests/subjects.h"

/* Newer than the oldest headers this must build with. */
#define SUBJECT_MDWE           65
#define SUBJECT_MEMORY_MERGE   67
#define SUBJECT_UFFD_USER_MODE 1

static void *subject_map(size_t len, int prot)
{
	void *at = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		_exit(99);
	return at;
}

/* Maps and unmaps, so that a wrong order shows as an overlap. */
static void *subject_churn(void *arg)
{
	for (long i = 0; i < (long)arg; i++) {
		char *at = subject_map(MARK_LEN, PROT_READ | PROT_WRITE);

		at[0] = 1;
		mprotect(at, PAGE_SIZE, PROT_READ);
		munmap(at, MARK_LEN);
	}
	return NULL;
}

static void subject_wait_for(pid_t pid, int expected)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != expected)
		_exit(98);
}

static void subject_start(pthread_t *threads, unsigned n, void *(*run)(void *), long arg)
{
	for (unsigned i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, run, (void *)arg))
			_exit(97);
	}
}

static void subject_vfork_true(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	subject_wait_for(pid, 0);
}

/* Threads, while one of them forks, vforks and execs. */
static int subject_threads(void)
{
	pthread_t threads[8];

	subject_start(threads, 8, subject_churn, 60);
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (!pid) {
			subject_churn((void *)3);
			_exit(5);
		}
		subject_wait_for(pid, 5 << 8);
		subject_vfork_true();
	}
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	return 7;
}

static void *subject_exec_true(void *arg)
{
	usleep(20000);
	execl("/bin/true", "true", NULL);
	return arg;
}

/* A thread that is not the first execs; the others are in the middle of things. */
static int subject_thread_execs(void)
{
	pthread_t threads[5];

	subject_start(threads, 4, subject_churn, 1000000);
	subject_start(threads + 4, 1, subject_exec_true, 0);
	pause();
	return 1;
}

/* exit_group() with many threads, all of them mapping. */
static int subject_exits_amid_threads(void)
{
	pthread_t threads[30];

	subject_start(threads, 30, subject_churn, 1000000);
	usleep(20000);
	_exit(3);
}

/* A child with threads is killed; another stops and goes on; a signal is handled. */
static volatile sig_atomic_t subject_signalled;

static void subject_on_signal(int signal)
{
	subject_signalled = signal;
}

static int subject_signals(void)
{
	pthread_t threads[4];
	int started[2], status;
	char byte = 0;

	if (pipe(started))
		_exit(94);
	pid_t pid = fork();
	if (!pid) {
		subject_start(threads, 4, subject_churn, 1000000);
		if (write(started[1], &byte, 1) != 1)
			_exit(94);
		pause();
	}
	if (read(started[0], &byte, 1) != 1)
		_exit(94);
	kill(pid, SIGKILL);
	subject_wait_for(pid, SIGKILL);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		subject_churn((void *)1);
		_exit(4);
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		_exit(96);
	kill(pid, SIGCONT);
	subject_wait_for(pid, 4 << 8);
	signal(SIGUSR1, subject_on_signal);
	raise(SIGUSR1);
	if (subject_signalled != SIGUSR1)
		_exit(95);
	raise(SIGTERM);
	return 1;
}

/* A child that outlives its parent, and maps when that is gone. */
static int subject_orphan(void)
{
	int fds[2];
	char byte;

	if (pipe(fds))
		_exit(94);
	if (!fork()) {
		close(fds[1]);
		if (!read(fds[0], &byte, 1))
			subject_churn((void *)11);
		_exit(0);
	}
	return 2;
}

/* Files opened once, twice, duplicated; calls that fail; a segment; what prctl tells. */
static int subject_calls(void)
{
	int a = open("/proc/self/exe", O_RDONLY), b = open("/proc/self/exe", O_RDONLY), c = dup(a);
	int id = shmget(IPC_PRIVATE, 2 * PAGE_SIZE, IPC_CREAT | 0600);
	void *segment = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	mmap(NULL, MARK_LEN, PROT_READ, MAP_PRIVATE, a, 0);
	mmap(NULL, MARK_LEN, PROT_READ, MAP_PRIVATE, b, 0);
	mmap(NULL, MARK_LEN, PROT_READ, MAP_PRIVATE, c, 0);
	mmap(NULL, MARK_LEN, PROT_READ, MAP_PRIVATE, 1000, 0);
	munmap((void *)1, 1);
	execl("/nonexistent", "x", NULL);
	shmdt(segment);
	void *at = subject_map(MARK_LEN, PROT_NONE);
	at = mremap(at, MARK_LEN, 2 * MARK_LEN, MREMAP_MAYMOVE);
	madvise(at, MARK_LEN, MADV_DONTFORK);
	syscall(SYS_mlock, at, PAGE_SIZE); /* sanitizers swallow mlock() */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	return 0;
}

static void *subject_forks(void *arg)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return arg;
}

static void *subject_vforks(void *arg)
{
	for (;;) {
		pid_t pid = vfork();

		if (!pid) {
			execl("/bin/true", "true", NULL);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	return arg;
}

static void *subject_clones(void *arg)
{
	for (;;) {
		pthread_t thread;

		subject_start(&thread, 1, subject_churn, 1);
		pthread_join(thread, NULL);
	}
	return arg;
}

/* Processes that are killed in the middle of forks, vforks and clones. */
static int subject_storm(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (!pid) {
			subject_start(&threads[0], 1, subject_forks, 0);
			subject_start(&threads[1], 1, subject_vforks, 0);
			subject_start(&threads[2], 1, subject_clones, 0);
			pause();
		}
		usleep(500 + i * 1234 % 20000);
		kill(pid, i % 3 ? SIGKILL : SIGTERM);
		subject_wait_for(pid, i % 3 ? SIGKILL : SIGTERM);
	}
	return 6;
}

/*
 * Until SIGTERM: threads, forks, vforks and writes, all of which must come out right.
 * The lock, because a fault of one thread amid a call of another has no place in the
 * trace that is certain.
 */
static pthread_mutex_t subject_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned subject_at_work; /* threads that have been all the way round once */

/*
 * All begin at once: a thread's start maps memory for the sanitizer, which may come to lie in
 * what another has just unmapped and is about to map again.
 */
static pthread_barrier_t subject_begin;

/*
 * Between two pages of its own: a recorder that comes later cannot see whether VMAs share
 * an anon_vma, and so not whether what is mapped beside them becomes one with them.
 */
static void *subject_churn_on(void *arg)
{
	char *at = (char *)subject_map(MARK_LEN + 2 * PAGE_SIZE, PROT_NONE) + PAGE_SIZE;
	bool first = true;

	pthread_barrier_wait(&subject_begin);
	while (!subject_signalled) {
		pthread_mutex_lock(&subject_lock);
		if (mmap(at, MARK_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			_exit(99);
		memset(at, 7, MARK_LEN);
		mprotect(at, PAGE_SIZE, PROT_READ);
		pthread_mutex_unlock(&subject_lock);
		usleep(500);
		pthread_mutex_lock(&subject_lock);
		for (size_t i = 0; i < MARK_LEN; i++) {
			if (at[i] != 7)
				_exit(93);
		}
		munmap(at, MARK_LEN);
		subject_at_work += first;
		first = false;
		pthread_mutex_unlock(&subject_lock);
	}
	return arg;
}

/* By then they have touched all that they touch outside of the lock, or are to end before. */
static void subject_wait_for_work(unsigned threads)
{
	unsigned at_work = 0;

	while (at_work < threads && !subject_signalled) {
		usleep(1000);
		pthread_mutex_lock(&subject_lock);
		at_work = subject_at_work;
		pthread_mutex_unlock(&subject_lock);
	}
}

static int subject_runs(void)
{
	pthread_t threads[4];

	signal(SIGTERM, subject_on_signal);
	pthread_barrier_init(&subject_begin, NULL, 4);
	subject_start(threads, 4, subject_churn_on, 0);
	subject_wait_for_work(4);
	if (write(STDOUT_FILENO, "", 1) != 1) /* it runs: see start_runs() */
		_exit(94);
	while (!subject_signalled) {
		pthread_mutex_lock(&subject_lock);
		pid_t pid = fork();

		if (!pid) {
			subject_churn((void *)3);
			_exit(5);
		}
		pthread_mutex_unlock(&subject_lock);
		subject_wait_for(pid, 5 << 8);
		subject_vfork_true();
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 8;
}

/*
 * Threads that map, unmap and protect pages side by side, all at once: what merges with
 * what, and what each call finds, is decided by their order.  Nothing is touched, for a
 * fault amid a call of another has no place that is certain.
 */
enum { RACED_PAGES = 64 };
static char *subject_raced;

static void *subject_race(void *arg)
{
	const int plain = MAP_PRIVATE | MAP_ANONYMOUS;
	unsigned random = (long)arg * 7919 + 1;

	for (int i = 0; i < 1500; i++) {
		random = random * 1103515245 + 12345;
		char *at = subject_raced + (random >> 16) % (RACED_PAGES - 4) * PAGE_SIZE;
		size_t len = ((random >> 8) % 4 + 1) * PAGE_SIZE;

		switch (random >> 28) {
		case 0 ... 5:
			mprotect(at, len, random & 64 ? PROT_READ : PROT_READ | PROT_WRITE);
			break;
		case 6 ... 8:
			munmap(at, len);
			break;
		case 9 ... 10:
			mmap(NULL, len, PROT_READ, plain, -1, 0);
			break;
		default:
			mmap(at, len, PROT_READ, plain | (random & 64 ? MAP_FIXED : 0), -1, 0);
		}
	}
	return NULL;
}

static int subject_races(void)
{
	pthread_t threads[RACERS];

	subject_raced = subject_map(RACED_PAGES * PAGE_SIZE, PROT_READ);
	for (long i = 0; i < RACERS; i++)
		subject_start(&threads[i], 1, subject_race, i);
	for (int i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	return 9;
}

/* Threads that fork and spawn while others map. */
static void *subject_forks_some(void *arg)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		subject_wait_for(pid, 0);
		if (system("true"))
			_exit(92);
	}
	return arg;
}

static int subject_forking_threads(void)
{
	pthread_t threads[6];

	subject_start(threads, 3, subject_churn, 60);
	subject_start(threads + 3, 3, subject_forks_some, 0);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	return 10;
}

/* The first thread ends before the others. */
static int subject_leader_ends(void)
{
	pthread_t threads[4];

	subject_start(threads, 4, subject_churn, 300);
	syscall(SYS_exit, 0);
	return 1;
}

/* ---- pages that the kernel writes for others: no fault tells of them ---- */

static void subject_write_by_vm(char *page)
{
	struct iovec local = { "b", 1 }, remote = { page, 1 };

	if (process_vm_writev(getpid(), &local, 1, &remote, 1, 0) != 1)
		_exit(90);
}

static void subject_write_by_mem(char *page)
{
	int fd = open("/proc/self/mem", O_RDWR);

	if (pwrite(fd, "b", 1, (off_t)(uintptr_t)page) != 1)
		_exit(91);
	close(fd);
}

static char *subject_map_pages(char *at)
{
	return mmap(at, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
}

/* Written memory keeps its offset when it moves, and so does not merge where it comes to stand. */
static void subject_write_and_move(void (*write_page)(char *page))
{
	char *place = subject_map(64 * PAGE_SIZE, PROT_NONE);

	munmap(place, 64 * PAGE_SIZE);
	subject_map_pages(place);
	write_page(place);
	subject_map_pages(place + 20 * PAGE_SIZE);
	mremap(place, 2 * PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
	       place + 22 * PAGE_SIZE);
}

/* Memory of a child that only its parent writes to. */
static void subject_write_to_child(void)
{
	char *page = subject_map_pages(NULL);
	struct iovec local = { "b", 1 }, remote = { page, 1 };
	int go[2];
	pid_t pid;

	if (pipe(go))
		_exit(92);
	pid = fork();
	if (!pid) {
		char byte;

		_exit(read(go[0], &byte, 1) != 1);
	}
	if (process_vm_writev(pid, &local, 1, &remote, 1, 0) != 1 || write(go[1], "", 1) != 1)
		_exit(93);
	subject_wait_for(pid, 0);
}

static int subject_written_for_others(void)
{
	subject_write_and_move(subject_write_by_vm);
	subject_write_and_move(subject_write_by_mem);
	subject_write_to_child();
	return 12;
}

/* ---- calls whose arguments, or what was decided before them, the kernel does not like ---- */

/* Places for it: free, and far from what others map. */
static char *subject_place(size_t pages)
{
	char *at = subject_map(pages * PAGE_SIZE, PROT_NONE);

	munmap(at, pages * PAGE_SIZE);
	return at;
}

static void subject_map_at(char *at, size_t pages, int prot)
{
	if (mmap(at, pages * PAGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
		_exit(91);
}

static void subject_odd_offsets(void)
{
	int memory = memfd_create("odd", 0), zero = open("/dev/zero", O_RDONLY);
	const off_t offsets[] = { INT64_MIN, -(off_t)PAGE_SIZE, INT64_MAX & PAGE_MASK, 1L << 50,
				  1 };

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE, memory, offsets[i]);
		mmap(NULL, 2 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, memory, offsets[i]);
		mmap(NULL, 2 * PAGE_SIZE, PROT_READ, MAP_PRIVATE, zero, offsets[i]);
	}
}

static void subject_odd_places(void)
{
	const uintptr_t hints[] = {
		1, 0x1000, 0x8fff, 0xffff, 0x10000, -1UL, -0x1000UL, 1UL << 47
	};

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		mmap((void *)hints[i], PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		syscall(SYS_brk, hints[i]);
		syscall(SYS_munmap, hints[i], -1UL);
		syscall(SYS_mprotect, hints[i] & PAGE_MASK, -2UL, PROT_READ);
		syscall(SYS_mremap, hints[i] & PAGE_MASK, PAGE_SIZE, -1UL, MREMAP_MAYMOVE, 0);
	}
}

static void subject_odd_policies(char *at)
{
	unsigned long nodes[40] = { 1 }, far[40] = { [39] = 1 }, none = 1UL << 60;

	subject_map_at(at, 4, PROT_READ | PROT_WRITE);
	for (unsigned long mode = 0; mode < 9; mode++) {
		for (unsigned flags = 0; flags < 8; flags++) {
			unsigned long with = mode | (unsigned long)flags << 13;

			syscall(SYS_mbind, at, PAGE_SIZE, with, nodes, 64, 0);
			syscall(SYS_mbind, at + PAGE_SIZE, PAGE_SIZE, with, nodes, 64, flags);
			syscall(SYS_mbind, at + 2 * PAGE_SIZE, PAGE_SIZE, with, NULL, 0, 0);
		}
	}
	syscall(SYS_mbind, at, PAGE_SIZE, 2, &none, 64, 0);
	syscall(SYS_mbind, at, PAGE_SIZE, 2, nodes, 40 * 64, 0);
	syscall(SYS_mbind, at, PAGE_SIZE, 2, far, 40 * 64, 0);
	syscall(SYS_mbind, at, PAGE_SIZE, 2, nodes, 1, 0);
	syscall(SYS_mbind, at, PAGE_SIZE, 2, nodes, -1UL, 0);
	syscall(SYS_mbind, at, PAGE_SIZE, 2, 1UL << 62, 64, 0);
}

static void subject_memory_merge(char *at)
{
	subject_map_at(at, 4, PROT_READ | PROT_WRITE);
	madvise(at, PAGE_SIZE, MADV_MERGEABLE);
	prctl(SUBJECT_MEMORY_MERGE, 1, 1, 0, 0);
	prctl(SUBJECT_MEMORY_MERGE, 1, 0, 0, 0);
	mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	subject_map_at(at + 4 * PAGE_SIZE, 1, PROT_READ | PROT_WRITE);
	syscall(SYS_brk, syscall(SYS_brk, 0) + 3 * PAGE_SIZE);
	pid_t pid = fork();
	if (!pid) {
		subject_map_at(at + 5 * PAGE_SIZE, 1, PROT_READ | PROT_WRITE);
		_exit(0);
	}
	subject_wait_for(pid, 0);
	prctl(SUBJECT_MEMORY_MERGE, 0, 0, 0, 0);
}

static void subject_keys(char *at)
{
	int key = syscall(SYS_pkey_alloc, 0, 0);

	subject_map_at(at, 4, PROT_READ | PROT_WRITE);
	syscall(SYS_pkey_mprotect, at, PAGE_SIZE, PROT_READ, key);
	syscall(SYS_pkey_mprotect, at, PAGE_SIZE, PROT_READ, 0);
	syscall(SYS_pkey_mprotect, at, PAGE_SIZE, PROT_READ, 11);
	syscall(SYS_pkey_mprotect, at + 20 * PAGE_SIZE, PAGE_SIZE, PROT_READ, 11);
	subject_map_at(at + 2 * PAGE_SIZE, 1, PROT_EXEC);
	syscall(SYS_pkey_alloc, 0, 0);
	syscall(SYS_pkey_alloc, 7, 7);
	syscall(SYS_pkey_free, key);
	syscall(SYS_pkey_free, key);
	syscall(SYS_pkey_free, 13);
	syscall(SYS_pkey_mprotect, at + PAGE_SIZE, PAGE_SIZE, PROT_READ, key);
}

/* A userfaultfd, or -1 where there is none for this user; its features are chosen. */
static int subject_userfaultfd(unsigned long features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | SUBJECT_UFFD_USER_MODE);

	if (features != -1UL)
		ioctl(fd, UFFDIO_API, &api);
	return fd;
}

static void subject_register(int fd, char *at, size_t pages, unsigned long mode)
{
	struct uffdio_register range = { .range = { (uintptr_t)at, pages * PAGE_SIZE },
					 .mode = mode };

	ioctl(fd, UFFDIO_REGISTER, &range);
}

static void subject_userfaultfds(char *at)
{
	int plain = subject_userfaultfd(0), not_ready = subject_userfaultfd(-1UL);

	subject_map_at(at, 4, PROT_READ | PROT_WRITE);
	subject_register(not_ready, at, 4, UFFDIO_REGISTER_MODE_MISSING);
	subject_register(plain, at, 4, 4); /* UFFDIO_REGISTER_MODE_MINOR */
	subject_register(plain, at, 4, 8);
	subject_register(plain, at + 1, 4, UFFDIO_REGISTER_MODE_MISSING);
	subject_register(plain, at + PAGE_SIZE, 2, UFFDIO_REGISTER_MODE_MISSING);
	mremap(at + PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
	       at + 20 * PAGE_SIZE);
	pid_t pid = fork();
	if (!pid)
		_exit(0);
	subject_wait_for(pid, 0);
}

/* Last: it cannot be taken back. */
static void subject_mdwe(char *at)
{
	subject_map_at(at, 2, PROT_READ);
	prctl(SUBJECT_MDWE, 8, 0, 0, 0);
	prctl(SUBJECT_MDWE, 3, 0, 0, 0);
	prctl(SUBJECT_MDWE, 1, 0, 0, 0);
	mprotect(at, PAGE_SIZE, PROT_EXEC);
	mmap(NULL, PAGE_SIZE, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	if (!pid) {
		mprotect(at, PAGE_SIZE, PROT_EXEC);
		_exit(0);
	}
	subject_wait_for(pid, 0);
}

static int subject_arguments(void)
{
	char *at = subject_place(400);

	subject_odd_offsets();
	subject_odd_places();
	subject_odd_policies(at);
	subject_memory_merge(at + 100 * PAGE_SIZE);
	subject_keys(at + 200 * PAGE_SIZE);
	subject_userfaultfds(at + 250 * PAGE_SIZE);
	subject_mdwe(at + 300 * PAGE_SIZE);
	return 11;
}

static const struct {
	const char *name;
	int (*run)(void);
} subjects[] = {
	{ "threads", subject_threads },
	{ "thread_execs", subject_thread_execs },
	{ "exits_amid_threads", subject_exits_amid_threads },
	{ "signals", subject_signals },
	{ "orphan", subject_orphan },
	{ "calls", subject_calls },
	{ "storm", subject_storm },
	{ "runs", subject_runs },
	{ "races", subject_races },
	{ "forking_threads", subject_forking_threads },
	{ "leader_ends", subject_leader_ends },
	{ "written_for_others", subject_written_for_others },
	{ "arguments", subject_arguments },
};

__attribute__((constructor)) static void subject_main(void)
{
	const char *name = getenv(SUBJECT_ENV);

	for (size_t i = 0; name && i < ARRAY_SIZE(subjects); i++) {
		if (!strcmp(name, subjects[i].name))
			_exit(subjects[i].run());
	}
}
