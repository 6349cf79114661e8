/*
 * record - programs that are hard to trace, recorded for real
 *
 * The programs are this test program itself, started again with
 * RECORD_HELPER naming one of the helpers below.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/replay.h"
#include "indexes/vma_index.h"
#include "tests/suite.h"
#include "workloads/record.h"
#include "workloads/trace.h"

#define MARK_LEN (37 * PAGE_SIZE)       /* the length of mappings that the tests look for */

/* ================================ the programs ================================ */

static void *helper_map(size_t len, int prot)
{
	void *at = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		_exit(99);
	return at;
}

/* Maps and unmaps, so that a wrong order shows as an overlap. */
static void *helper_churn(void *arg)
{
	for (long i = 0; i < (long)arg; i++) {
		char *at = helper_map(MARK_LEN, PROT_READ | PROT_WRITE);

		at[0] = 1;
		mprotect(at, PAGE_SIZE, PROT_READ);
		munmap(at, MARK_LEN);
	}
	return NULL;
}

static void helper_wait_for(pid_t pid, int expected)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != expected)
		_exit(98);
}

static void helper_start(pthread_t *threads, unsigned n, void *(*run)(void *), long arg)
{
	for (unsigned i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, run, (void *)arg))
			_exit(97);
	}
}

/* Threads, while one of them forks, vforks and execs. */
static int helper_threads(void)
{
	pthread_t threads[8];

	helper_start(threads, 8, helper_churn, 60);
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (!pid) {
			helper_churn((void *)3);
			_exit(5);
		}
		helper_wait_for(pid, 5 << 8);
		pid = vfork();
		if (!pid) {
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		helper_wait_for(pid, 0);
	}
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	return 7;
}

static void *helper_exec_true(void *arg)
{
	usleep(20000);
	execl("/bin/true", "true", NULL);
	return arg;
}

/* A thread that is not the first execs; the others are in the middle of things. */
static int helper_thread_execs(void)
{
	pthread_t threads[5];

	helper_start(threads, 4, helper_churn, 1000000);
	helper_start(threads + 4, 1, helper_exec_true, 0);
	pause();
	return 1;
}

/* exit_group() with many threads, all of them mapping. */
static int helper_exits_amid_threads(void)
{
	pthread_t threads[30];

	helper_start(threads, 30, helper_churn, 1000000);
	usleep(20000);
	_exit(3);
}

/* A child with threads is killed; another stops and goes on; a signal is handled. */
static volatile sig_atomic_t helper_signalled;

static void helper_on_signal(int signal)
{
	helper_signalled = signal;
}

static int helper_signals(void)
{
	pthread_t threads[4];
	pid_t pid = fork();
	int status;

	if (!pid) {
		helper_start(threads, 4, helper_churn, 1000000);
		pause();
	}
	usleep(20000);
	kill(pid, SIGKILL);
	helper_wait_for(pid, SIGKILL);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		helper_churn((void *)1);
		_exit(4);
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		_exit(96);
	kill(pid, SIGCONT);
	helper_wait_for(pid, 4 << 8);
	signal(SIGUSR1, helper_on_signal);
	raise(SIGUSR1);
	if (helper_signalled != SIGUSR1)
		_exit(95);
	raise(SIGTERM);
	return 1;
}

/* A child that outlives its parent, and maps when that is gone. */
static int helper_orphan(void)
{
	int fds[2];
	char byte;

	if (pipe(fds))
		_exit(94);
	if (!fork()) {
		close(fds[1]);
		if (!read(fds[0], &byte, 1))
			helper_churn((void *)11);
		_exit(0);
	}
	return 2;
}

/* Files opened once, twice, duplicated; calls that fail; a segment; what prctl tells. */
static int helper_calls(void)
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
	void *at = helper_map(MARK_LEN, PROT_NONE);
	at = mremap(at, MARK_LEN, 2 * MARK_LEN, MREMAP_MAYMOVE);
	madvise(at, MARK_LEN, MADV_DONTFORK);
	syscall(SYS_mlock, at, PAGE_SIZE);      /* sanitizers swallow mlock() */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	return 0;
}

static void *helper_forks(void *arg)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return arg;
}

static void *helper_vforks(void *arg)
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

static void *helper_clones(void *arg)
{
	for (;;) {
		pthread_t thread;

		helper_start(&thread, 1, helper_churn, 1);
		pthread_join(thread, NULL);
	}
	return arg;
}

/* Processes that are killed in the middle of forks, vforks and clones. */
static int helper_storm(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (!pid) {
			helper_start(&threads[0], 1, helper_forks, 0);
			helper_start(&threads[1], 1, helper_vforks, 0);
			helper_start(&threads[2], 1, helper_clones, 0);
			pause();
		}
		usleep(500 + i * 1234 % 20000);
		kill(pid, i % 3 ? SIGKILL : SIGTERM);
		helper_wait_for(pid, i % 3 ? SIGKILL : SIGTERM);
	}
	return 6;
}

/*
 * Until SIGTERM: threads, forks, vforks and writes, all of which must come out right.
 * The lock, because a fault of one thread amid a call of another has no place in the
 * trace that is certain.
 */
static pthread_mutex_t helper_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned helper_at_work;         /* threads that have been all the way round once */

static void *helper_churn_on(void *arg)
{
	bool first = true;

	while (!helper_signalled) {
		pthread_mutex_lock(&helper_lock);
		char *at = helper_map(MARK_LEN, PROT_READ | PROT_WRITE);

		memset(at, 7, MARK_LEN);
		mprotect(at, PAGE_SIZE, PROT_READ);
		pthread_mutex_unlock(&helper_lock);
		usleep(500);
		pthread_mutex_lock(&helper_lock);
		for (size_t i = 0; i < MARK_LEN; i++) {
			if (at[i] != 7)
				_exit(93);
		}
		munmap(at, MARK_LEN);
		helper_at_work += first;
		first = false;
		pthread_mutex_unlock(&helper_lock);
	}
	return arg;
}

/* By then they have touched all that they touch outside of the lock. */
static void helper_wait_for_work(unsigned threads)
{
	unsigned at_work = 0;

	while (at_work < threads) {
		usleep(1000);
		pthread_mutex_lock(&helper_lock);
		at_work = helper_at_work;
		pthread_mutex_unlock(&helper_lock);
	}
}

static int helper_runs(void)
{
	pthread_t threads[4];

	signal(SIGTERM, helper_on_signal);
	helper_start(threads, 4, helper_churn_on, 0);
	helper_wait_for_work(4);
	if (write(STDOUT_FILENO, "", 1) != 1)   /* it runs: see start_runs() */
		_exit(94);
	while (!helper_signalled) {
		pthread_mutex_lock(&helper_lock);
		pid_t pid = fork();

		if (!pid) {
			helper_churn((void *)3);
			_exit(5);
		}
		pthread_mutex_unlock(&helper_lock);
		helper_wait_for(pid, 5 << 8);
		pid = vfork();
		if (!pid) {
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		helper_wait_for(pid, 0);
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
enum { RACERS = 4, RACED_PAGES = 64 };
static char *helper_raced;

static void *helper_race(void *arg)
{
	const int plain = MAP_PRIVATE | MAP_ANONYMOUS;
	unsigned random = (long)arg * 7919 + 1;

	for (int i = 0; i < 1500; i++) {
		random = random * 1103515245 + 12345;
		char *at = helper_raced + (random >> 16) % (RACED_PAGES - 4) * PAGE_SIZE;
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

static int helper_races(void)
{
	pthread_t threads[RACERS];

	helper_raced = helper_map(RACED_PAGES * PAGE_SIZE, PROT_READ);
	for (long i = 0; i < RACERS; i++)
		helper_start(&threads[i], 1, helper_race, i);
	for (int i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	return 9;
}

/* Threads that fork and spawn while others map. */
static void *helper_forks_some(void *arg)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		helper_wait_for(pid, 0);
		if (system("true"))
			_exit(92);
	}
	return arg;
}

static int helper_forking_threads(void)
{
	pthread_t threads[6];

	helper_start(threads, 3, helper_churn, 60);
	helper_start(threads + 3, 3, helper_forks_some, 0);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	return 10;
}

/* The first thread ends before the others. */
static int helper_leader_ends(void)
{
	pthread_t threads[4];

	helper_start(threads, 4, helper_churn, 300);
	syscall(SYS_exit, 0);
	return 1;
}

static const struct {
	const char *name;
	int (*run)(void);
} helpers[] = {
	{ "threads", helper_threads },
	{ "thread_execs", helper_thread_execs },
	{ "exits_amid_threads", helper_exits_amid_threads },
	{ "signals", helper_signals },
	{ "orphan", helper_orphan },
	{ "calls", helper_calls },
	{ "storm", helper_storm },
	{ "runs", helper_runs },
	{ "races", helper_races },
	{ "forking_threads", helper_forking_threads },
	{ "leader_ends", helper_leader_ends },
};

__attribute__((constructor)) static void helper_main(void)
{
	const char *name = getenv("RECORD_HELPER");

	for (size_t i = 0; name && i < ARRAY_SIZE(helpers); i++) {
		if (!strcmp(name, helpers[i].name))
			_exit(helpers[i].run());
	}
}

/* ============================ what their traces say ============================ */

static char path[] = "/tmp/vmabench-record.XXXXXX";

static enum record_order order;

static void setup(void)
{
	order = RECORD_ORDER_BEST;
	strcpy(path + strlen(path) - 6, "XXXXXX");
	int fd = mkstemp(path);

	ck_assert(fd >= 0);
	close(fd);
}

static void setup_serial(void)
{
	setup();
	order = RECORD_ORDER_SERIAL;
}

static void teardown(void)
{
	unlink(path);
}

/* Records a helper; returns the exit status. */
static int record(const char *name)
{
	char *command[] = { "/proc/self/exe", NULL };
	struct record_options options = { .output = path, .command = command, .faults = true,
					  .order = order };

	setenv("RECORD_HELPER", name, 1);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);    /* it cannot work under ptrace */
	return record_run(&options);
}

#define MAX_TASKS 65536

struct span {
	uint64_t start, end;
	unsigned mm;
};

/* What is gathered of a trace, while it is checked that it may be true. */
struct findings {
	unsigned tasks, exits, execs, layouts_at_exit, layouts_after_exec, mms, faults;
	unsigned calls[TRACE_NKINDS], failed[TRACE_NKINDS];
	unsigned marks;                         /* mappings of MARK_LEN */
	unsigned mm_of[MAX_TASKS], users[MAX_TASKS];
	bool left[MAX_TASKS];                   /* a layout at the end of this mm */
	struct span live[MAX_TASKS];            /* mappings of MARK_LEN that are there */
	unsigned nlive;
	uint64_t mark_files[8];
	bool has_faults;
};

/* A mapping of MARK_LEN must not overlap another one of its mm: else the order is wrong. */
static void see_mmap(struct findings *f, const struct trace_event *event)
{
	unsigned mm = f->mm_of[event->task];
	uint64_t start = event->result, end = start + MARK_LEN;

	if (event->arg[1] != MARK_LEN)
		return;
	if (event->arg[5] && f->marks < ARRAY_SIZE(f->mark_files))
		f->mark_files[f->marks] = event->arg[5];
	f->marks++;
	if (event->result < 0)
		return;
	for (unsigned i = 0; i < f->nlive; i++)
		ck_assert_msg(f->live[i].mm != mm || end <= f->live[i].start ||
			      f->live[i].end <= start, "mappings overlap: wrong order");
	ck_assert_uint_lt(f->nlive, MAX_TASKS);
	f->live[f->nlive++] = (struct span){ start, end, mm };
}

static void see_munmap(struct findings *f, const struct trace_event *event)
{
	for (unsigned i = 0; i < f->nlive; i++) {
		if (f->live[i].start == event->arg[0] && f->live[i].mm == f->mm_of[event->task]) {
			f->live[i] = f->live[--f->nlive];
			return;
		}
	}
	ck_assert_msg(event->arg[1] != MARK_LEN, "unmaps what is not mapped: wrong order");
}

static void see_new_mm(struct findings *f, unsigned task, unsigned parent)
{
	unsigned mm = ++f->mms, n = f->nlive;

	ck_assert_uint_lt(mm, MAX_TASKS);
	f->mm_of[task] = mm;
	f->users[mm] = 1;
	for (unsigned i = 0; parent && i < n; i++) {
		if (f->live[i].mm == f->mm_of[parent]) {
			ck_assert_uint_lt(f->nlive, MAX_TASKS);
			f->live[f->nlive] = f->live[i];
			f->live[f->nlive++].mm = mm;
		}
	}
}

/* Spans of an mm that ended would only fill the table. */
static void see_leave_mm(struct findings *f, unsigned task)
{
	unsigned mm = f->mm_of[task], left = 0;

	f->mm_of[task] = 0;
	if (!mm || --f->users[mm])
		return;
	for (unsigned i = 0; i < f->nlive; i++) {
		if (f->live[i].mm != mm)
			f->live[left++] = f->live[i];
	}
	f->nlive = left;
}

static void see_fork(struct findings *f, const struct trace_event *event)
{
	unsigned child = event->arg[0];

	if (event->result < 0)
		return;
	f->tasks++;
	ck_assert_uint_lt(child, MAX_TASKS);
	if (event->arg[1] & CLONE_VM) {
		f->mm_of[child] = f->mm_of[event->task];
		f->users[f->mm_of[child]]++;
	} else {
		see_new_mm(f, child, event->task);
	}
}

static void see_layout(struct findings *f, const struct trace_event *event)
{
	ck_assert_uint_gt(event->arg[1], 0);
	if (event->arg[0] == TRACE_AFTER_EXEC) {
		f->layouts_after_exec++;
		return;
	}
	ck_assert_uint_eq(f->users[f->mm_of[event->task]], 1);
	f->left[f->mm_of[event->task]] = true;
	f->layouts_at_exit++;
}

static void see_event(struct findings *f, const struct trace_event *event)
{
	f->calls[event->kind]++;
	f->failed[event->kind] += event->result < 0;
	switch (event->kind) {
	case TRACE_FORK:
		see_fork(f, event);
		break;
	case TRACE_EXEC:
		f->execs++;
		ck_assert_uint_ne(event->arg[0], 0);
		ck_assert_uint_ne(event->arg[1], 0);
		see_leave_mm(f, event->task);
		see_new_mm(f, event->task, 0);
		break;
	case TRACE_EXIT:
		f->exits++;
		see_leave_mm(f, event->task);
		break;
	case TRACE_LAYOUT:
		see_layout(f, event);
		break;
	case TRACE_MMAP:
		see_mmap(f, event);
		break;
	case TRACE_MUNMAP:
		see_munmap(f, event);
		break;
	case TRACE_FAULT:
		f->faults++;
		break;
	default:
		break;
	}
}

static struct findings *see_trace(void)
{
	static struct findings f;
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	int status;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	memset(&f, 0, sizeof(f));
	f.tasks = 1;
	f.has_faults = trace_info(reader)->faults;
	ck_assert_uint_eq(trace_info(reader)->lost, 0);
	while ((status = trace_next(reader, &event, &error)) > 0)
		see_event(&f, &event);
	ck_assert_msg(status == 0, "%s", error.reason);
	trace_close(reader);

	ck_assert_uint_eq(f.exits, f.tasks);
	ck_assert_uint_eq(f.execs, f.layouts_after_exec);
	ck_assert_uint_le(f.layouts_at_exit, f.mms);
	if (f.has_faults)
		ck_assert_uint_gt(f.faults, 0);
	return &f;
}

START_TEST(threads)
{
	struct findings *f;

	ck_assert_int_eq(record("threads"), 7);
	f = see_trace();
	ck_assert_uint_eq(f->tasks, 1 + 8 + 20);
	ck_assert_uint_eq(f->execs, 1 + 10);
	ck_assert_uint_eq(f->mms, 1 + 20);
	ck_assert_uint_eq(f->layouts_at_exit, f->mms);
	ck_assert_uint_eq(f->marks, 8 * 60 + 10 * 3);
}
END_TEST

START_TEST(thread_execs)
{
	struct findings *f;

	ck_assert_int_eq(record("thread_execs"), 0);
	f = see_trace();
	ck_assert_uint_eq(f->tasks, 6);
	ck_assert_uint_eq(f->execs, 2);
	ck_assert(f->left[2]);
}
END_TEST

START_TEST(exits_amid_threads)
{
	struct findings *f;

	ck_assert_int_eq(record("exits_amid_threads"), 3);
	f = see_trace();
	ck_assert_uint_eq(f->tasks, 31);
	ck_assert_uint_eq(f->layouts_at_exit, 1);
}
END_TEST

START_TEST(signals)
{
	struct findings *f;

	ck_assert_int_eq(record("signals"), 128 + SIGTERM);
	f = see_trace();
	ck_assert_uint_eq(f->tasks, 1 + 5 + 1);
	ck_assert_uint_eq(f->mms, 3);
}
END_TEST

START_TEST(orphan)
{
	struct findings *f;

	ck_assert_int_eq(record("orphan"), 2);
	f = see_trace();
	ck_assert_uint_eq(f->tasks, 2);
	ck_assert_uint_eq(f->marks, 11);
	ck_assert_uint_eq(f->layouts_at_exit, 2);
}
END_TEST

START_TEST(storm)
{
	ck_assert_int_eq(record("storm"), 6);
	ck_assert_uint_ge(see_trace()->tasks, 1 + 40);
}
END_TEST

START_TEST(calls)
{
	struct findings *f;

	ck_assert_int_eq(record("calls"), 0);
	f = see_trace();
	ck_assert_uint_eq(f->execs, 1);
	ck_assert_uint_gt(f->mark_files[0], TRACE_BAD_FILE);
	ck_assert_uint_gt(f->mark_files[1], f->mark_files[0]);
	ck_assert_uint_eq(f->mark_files[2], f->mark_files[0]);
	ck_assert_uint_eq(f->mark_files[3], TRACE_BAD_FILE);
	ck_assert_uint_ge(f->failed[TRACE_MMAP], 1);
	ck_assert_uint_eq(f->failed[TRACE_MUNMAP], 1);
	ck_assert_uint_eq(f->calls[TRACE_SHMAT], 1);
	ck_assert_uint_eq(f->calls[TRACE_SHMDT], 1);
	ck_assert_uint_eq(f->calls[TRACE_MREMAP], 1);
	ck_assert_uint_ge(f->calls[TRACE_MADVISE], 1);
	ck_assert_uint_eq(f->calls[TRACE_MLOCK], 1);
	ck_assert_uint_eq(f->calls[TRACE_PRCTL], 1);
}
END_TEST

static int record_command(char **command, const char *output)
{
	struct record_options options = { .output = output, .command = command, .faults = true,
					  .order = order };

	return record_run(&options);
}

START_TEST(pipeline)
{
	char *command[] = { "/bin/sh", "-c", "echo a | cat | grep -q b; exit 9", NULL };
	struct findings *f;

	ck_assert_int_eq(record_command(command, path), 9);
	f = see_trace();
	ck_assert_uint_ge(f->execs, 3);
	ck_assert_uint_ge(f->tasks, 4);
	ck_assert_uint_eq(f->layouts_at_exit, f->mms);
}
END_TEST

/* Without rights: the same trace, but for the faults. */
START_TEST(unprivileged)
{
	if (!geteuid()) {
		ck_assert_int_eq(chown(path, 65534, 65534), 0);
		ck_assert(!setgid(65534) && !setuid(65534));
		/* what changes its user may not be looked at, until it says so */
		ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
	}
	char *command[] = { "/bin/sh", "-c", "/bin/true; exit 4", NULL };

	ck_assert_int_eq(record_command(command, path), 4);
	ck_assert_uint_eq(see_trace()->execs, 2);
}
END_TEST

START_TEST(cannot_start)
{
	char *missing[] = { "/nonexistent", NULL }, *good[] = { "/bin/true", NULL };

	unlink(path);
	ck_assert_int_eq(record_command(missing, path), 2);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(record_command(good, "/nonexistent/x.vmt"), 2);
}
END_TEST

START_TEST(killed_at_once)
{
	char *command[] = { "/bin/sh", "-c", "kill -9 $$", NULL };

	ck_assert_int_eq(record_command(command, path), 128 + SIGKILL);
	see_trace();
}
END_TEST

/* ---- a program that runs already ---- */

/* The program "runs", which says by a byte on its standard output that it is at work. */
static pid_t start_runs(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		dup2(ready[1], STDOUT_FILENO);
		close(ready[0]);
		close(ready[1]);
		setenv("RECORD_HELPER", "runs", 1);
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		unsetenv("CK_RUN_SUITE");
		execl("/proc/self/exe", "runs", NULL);
		_exit(99);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_runs(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGTERM), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 8 << 8);
}

/* Replays what was recorded: all results and layouts are the kernel's. How many results? */
static uint64_t replay_recorded(uint64_t min_results, uint64_t min_layouts)
{
	struct replay_options options;
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	struct replay_world *world;
	const struct replay_counts *counts;
	uint64_t results;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	replay_options_default(&options);
	world = replay_create(vma_index_lookup("array"), trace_info(reader), &options);
	ck_assert_ptr_nonnull(world);
	while (trace_next(reader, &event, &error) > 0)
		ck_assert_int_eq(replay_event(world, &event), 0);
	counts = replay_counts(world);
	ck_assert_uint_eq(counts->results.equal, counts->results.compared);
#ifdef __SANITIZE_ADDRESS__
	puts("not tested: attach: layouts; the sanitizer's own memory is touched amid calls");
#else
	ck_assert_uint_eq(counts->layouts.equal, counts->layouts.compared);
#endif
	results = counts->results.compared;
	ck_assert_uint_ge(results, min_results);
	ck_assert_uint_ge(counts->layouts.compared, min_layouts);
	replay_destroy(world);
	trace_close(reader);
	return results;
}

/* The order of the mmap lock: nothing is serialised. */
START_TEST(races)
{
	ck_assert_int_eq(record("races"), 9);
	replay_recorded(RACERS * 1500, 1);
}
END_TEST

START_TEST(forking_threads)
{
	struct findings *f;

	ck_assert_int_eq(record("forking_threads"), 10);
	f = see_trace();
	ck_assert_uint_eq(f->layouts_at_exit, f->mms);
	ck_assert_uint_eq(f->marks, 3 * 60);
	ck_assert_uint_ge(f->execs, 1 + 15);
}
END_TEST

START_TEST(leader_ends)
{
	struct findings *f;

	ck_assert_int_eq(record("leader_ends"), 0);
	f = see_trace();
	ck_assert_uint_eq(f->tasks, 5);
	ck_assert_uint_eq(f->layouts_at_exit, 1);
	replay_recorded(4 * 300 * 3, 1);
}
END_TEST

/* Rings that are too small: there is no trace without a word about it. */
START_TEST(lost)
{
	char *command[] = { "/proc/self/exe", NULL };
	struct record_options options = { .output = path, .command = command, .faults = true,
					  .order = RECORD_ORDER_PERF, .ring_size = PAGE_SIZE };
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader;
	int status;

	if (geteuid()) {
		printf("the test of lost records cannot run: perf's tracepoints need root\n");
		return;
	}
	setenv("RECORD_HELPER", "races", 1);
	ck_assert_int_eq(record_run(&options), 2);
	options.allow_lost = true;
	ck_assert_int_eq(record_run(&options), 9);
	reader = trace_open(path, &error);
	ck_assert_msg(reader != NULL, "%s", error.reason);
	ck_assert_uint_gt(trace_info(reader)->lost, 0);
	while ((status = trace_next(reader, &event, &error)) > 0)
		;
	ck_assert_msg(status == 0, "%s", error.reason);
	trace_close(reader);
}
END_TEST

/* By a process of its own: a tracer that ends lets go of all that it traced, as the program does. */
static int record_apart(const struct record_options *options)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(record_run(options));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Again for twice as long, until there is enough: the machine may be busy. */
START_TEST(attach)
{
	pid_t first = start_runs(), second = start_runs();
	pid_t pids[] = { first, second, 0 };
	struct record_options options = { .output = path, .pids = pids, .faults = true,
					  .seconds = 0.5 };

	do {
		ck_assert_int_eq(record_apart(&options), 0);
		options.seconds *= 2;
	} while (replay_recorded(0, 2) < 20);
	end_runs(first);
	end_runs(second);
}
END_TEST

START_TEST(attach_to_nothing)
{
	pid_t pids[] = { 1 << 22, 0 };
	struct record_options options = { .output = path, .pids = pids };

	unlink(path);
	ck_assert_int_eq(record_run(&options), 2);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

TEST_SUITE(record)
{
	Suite *suite = suite_create("record");
	TCase *tcase = tcase_create("programs"), *serial = tcase_create("serialised");
	TCase *both[] = { tcase, serial };

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_checked_fixture(serial, setup_serial, teardown);
	for (unsigned i = 0; i < ARRAY_SIZE(both); i++) {
		tcase_set_timeout(both[i], 120);
		tcase_add_test(both[i], threads);
		tcase_add_test(both[i], thread_execs);
		tcase_add_test(both[i], exits_amid_threads);
		tcase_add_test(both[i], signals);
		tcase_add_test(both[i], orphan);
		tcase_add_test(both[i], calls);
		tcase_add_test(both[i], storm);
		tcase_add_test(both[i], pipeline);
		tcase_add_test(both[i], races);
		tcase_add_test(both[i], forking_threads);
		tcase_add_test(both[i], leader_ends);
		tcase_add_test(both[i], cannot_start);
		tcase_add_test(both[i], killed_at_once);
		suite_add_tcase(suite, both[i]);
	}
	tcase_add_test(tcase, lost);
	tcase_add_test(tcase, unprivileged);
	tcase_add_test(tcase, attach);
	tcase_add_test(tcase, attach_to_nothing);
	return suite;
}
