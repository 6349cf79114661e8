/*
 * record_calls - the system calls of interest
 *
 * One table says which they are, how the seccomp filter picks them, and how
 * their arguments become those of a trace event.  All other calls run at full
 * speed: the filter never stops them.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/hash.h"
#include "workloads/record/record_internal.h"

#if defined(__x86_64__)
#define CALLS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CALLS_ARCH AUDIT_ARCH_AARCH64
#else
#error "vmabench records on x86-64 and aarch64"
#endif

/* Newer than the oldest headers this must build with; the same on all machines. */
#define NR_map_shadow_stack        453
#define NR_mseal                   462
#define NR_set_mempolicy_home_node 450
#define PR_SET_MDWE_               65
#define PR_SET_MEMORY_MERGE_       67
#define ARCH_SHSTK_ENABLE_         0x5001
#define UFFDIO_MOVE_               0xc028aa05u

bool calls_peek(const struct task *task, uint64_t address, void *to, size_t len)
{
	struct iovec local = { to, len }, remote = { (void *)(uintptr_t)address, len };

	return process_vm_readv(task->tid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

/* ---- arguments that a plan cannot tell ---- */

static bool calls_fill_mmap(struct recorder *r, struct task *task, struct trace_event *event)
{
	event->arg[5] = TRACE_NO_FILE;
	if ((event->arg[3] & MAP_ANONYMOUS) && (event->arg[3] & MAP_HUGETLB))
		hugetlb_look(r, task);
	if (!(event->arg[3] & MAP_ANONYMOUS))
		event->arg[5] = files_of_fd(r, task, task->arg[4]);
	return true;
}

/* The new address is read only with these flags; otherwise it is what the register held. */
static bool calls_fill_mremap(struct recorder *r, struct task *task, struct trace_event *event)
{
	(void)r, (void)task;
	if (!(event->arg[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
		event->arg[4] = 0;
	return true;
}

#define MASK_WORDS (PAGE_SIZE / sizeof(uint64_t)) /* no kernel takes a longer mask */

/*
 * The mask of an mbind: maxnode - 1 bits, as the kernel counts them. *nodes is its first word; what
 * is wrong with the rest is told apart, as no kernel knows so many nodes (1,024 are the most).
 */
static unsigned calls_peek_nodes(const struct task *task, uint64_t address, uint64_t maxnode,
				 uint64_t *nodes)
{
	uint64_t mask[MASK_WORDS], bits = maxnode - 1, words = (bits + 63) / 64;

	*nodes = 0;
	if (!bits || !address)
		return 0;
	if (bits > MASK_WORDS * 64)
		return TRACE_NODES_BEYOND;
	if (!calls_peek(task, address, mask, words * sizeof(*mask)))
		return TRACE_NODES_UNREADABLE;
	if (bits % 64)
		mask[words - 1] &= (1ULL << bits % 64) - 1;
	for (uint64_t i = 1; i < words; i++) {
		if (mask[i])
			return TRACE_NODES_BEYOND;
	}
	*nodes = mask[0];
	return 0;
}

static bool calls_fill_mbind(struct recorder *r, struct task *task, struct trace_event *event)
{
	uint64_t wrong = calls_peek_nodes(task, task->arg[3], task->arg[4], &event->arg[3]);

	(void)r;
	event->arg[4] = (uint32_t)task->arg[5] | wrong << TRACE_NODES_SHIFT;
	return true;
}

static bool calls_fill_shmget(struct recorder *r, struct task *task, struct trace_event *event)
{
	(void)event;
	hugetlb_look(r, task);
	return true;
}

/* The same number is another segment in another IPC namespace, which cannot be asked from here. */
static bool calls_same_ipc(const struct task *task)
{
	struct stat ours, its;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", task->tid);
	return stat("/proc/self/ns/ipc", &ours) || stat(path, &its) || ours.st_ino == its.st_ino;
}

static bool calls_fill_shmat(struct recorder *r, struct task *task, struct trace_event *event)
{
	struct shmid_ds segment;
	int id = task->arg[0];

	event->arg[0] = TRACE_BAD_FILE;
	event->arg[3] = 0;
	if (!calls_same_ipc(task)) {
		record_missing(r, "attached segments of another IPC namespace");
		return true;
	}
	if (shmctl(id, IPC_STAT, &segment))
		return true; /* it will fail */
	event->arg[0] = files_of_segment(r, task, id, segment.shm_perm.__key);
	event->arg[3] = segment.shm_segsz;
	return true;
}

static bool calls_fill_prctl(struct recorder *r, struct task *task, struct trace_event *event)
{
	char name[81] = ""; /* the kernel takes 80 with the 0 */

	(void)r;
	if (event->arg[0] != PR_SET_VMA || !event->arg[4])
		return true;
	/* What counts is the name, not where it stands. */
	for (size_t i = 0; i + 1 < sizeof(name); i++) {
		if (!calls_peek(task, task->arg[4] + i, &name[i], 1) || !name[i])
			break;
	}
	event->arg[4] = HASH_START;
	for (const char *c = name; *c; c++)
		event->arg[4] = hash_add(event->arg[4], *c);
	return true;
}

static bool calls_fill_setrlimit(struct recorder *r, struct task *task, struct trace_event *event)
{
	(void)r;
	return calls_peek(task, task->arg[1], &event->arg[1], 16);
}

static bool calls_fill_prlimit(struct recorder *r, struct task *task, struct trace_event *event)
{
	pid_t pid = task->arg[0];
	const struct task *other = pid > 0 && pid <= RECORD_MAX_TID ? r->by_tid[pid] : NULL;

	if (!task->arg[2])
		return false;
	if (pid && !other) {
		record_missing(r, "prlimit64 of another process");
		return false;
	}
	if (other && other->number && (other->mm || r->stream))
		event->task = other->number;
	return calls_peek(task, task->arg[2], &event->arg[1], 16);
}

/* The features of the userfaultfd that a descriptor is: the second number of "API:aa:11f:..." */
static bool calls_read_features(const struct task *task, int fd, uint32_t *features)
{
	char path[64], line[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", task->tid, fd);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "API: %*x:%" SCNx32, features) == 1;
	if (file)
		fclose(file);
	return found;
}

/*
 * ioctl(UFFDIO_REGISTER) and UNREGISTER, of a userfaultfd: struct uffdio_range, and the mode for
 * the first.  Its features go before: the ioctl that chose them may have been another process's.
 */
static bool calls_fill_uffd(struct recorder *r, struct task *task, struct trace_event *event)
{
	struct trace_event told = { .kind = TRACE_UFFD_FEATURES, .task = task->number, .name = "" };
	bool reg = (uint32_t)task->arg[1] == UFFDIO_REGISTER;
	uint32_t features;

	event->kind = reg ? TRACE_UFFD_REGISTER : TRACE_UFFD_UNREGISTER;
	if (!calls_read_features(task, (int)task->arg[0], &features) ||
	    !calls_peek(task, task->arg[2], &event->arg[1], reg ? 24 : 16))
		return false;
	event->arg[0] = told.arg[0] = files_of_fd(r, task, task->arg[0]);
	told.arg[1] = features;
	queue_event(r, &told);
	if (event->arg[0] != TRACE_BAD_FILE)
		closes_watch(r, task, (int)task->arg[0], event->arg[0]);
	return true;
}

/* The size is that afterwards: see calls_result. */
static bool calls_fill_size(struct recorder *r, struct task *task, struct trace_event *event)
{
	return files_resized(r, task, (int)task->arg[0], event);
}

static bool calls_fill_clone3(struct recorder *r, struct task *task, struct trace_event *event)
{
	(void)r;
	if (!calls_peek(task, task->arg[0], &event->arg[1], 8))
		event->arg[1] = 0; /* it will fail */
	return true;
}

#ifdef SYS_vfork
static bool calls_fill_vfork(struct recorder *r, struct task *task, struct trace_event *event)
{
	(void)r, (void)task;
	event->arg[1] = CLONE_VM | CLONE_VFORK | SIGCHLD;
	return true;
}

static bool calls_fill_fork(struct recorder *r, struct task *task, struct trace_event *event)
{
	(void)r, (void)task;
	event->arg[1] = SIGCHLD;
	return true;
}
#endif

/* ---- the table ---- */

#define MEMORY(call, KIND, ...)                                                            \
	{                                                                                  \
		.nr = SYS_##call, .name = #call, .how = CALL_MEMORY, .kind = TRACE_##KIND, \
		__VA_ARGS__                                                                \
	}
#define FORK(call, ...)                                                                            \
	{                                                                                          \
		.nr = SYS_##call, .name = #call, .how = CALL_FORK, .kind = TRACE_FORK, __VA_ARGS__ \
	}
#define EXEC(call)                                                                  \
	{                                                                           \
		.nr = SYS_##call, .name = #call, .how = CALL_EXEC, .plan = "", TOLD \
	}
#define MISSING(number, what, ...)                                                             \
	{                                                                                      \
		.nr = number, .name = what, .how = CALL_MISSING, .plan = "", TOLD, __VA_ARGS__ \
	}
#define ONLY(n, ...) \
	.narg = n, .only = { __VA_ARGS__ }, .nonly = ARRAY_SIZE(((uint32_t[]){ __VA_ARGS__ }))
#define TOLD                  .told = true
#define TOLD_UNLESS(n, flags) .told = true, .narg = n, .unless = flags
#define LOOKED                .looked = true
#define MEMORY_LIMITS         RLIMIT_STACK, RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK

/*
 * plan: where each argument of the event comes from.  0..5: that argument;
 * a..f: its low 32 bits; A..F: these, with their sign; '-': all ones; ' ': 0.
 */
/* clang-format off */
const struct record_call record_calls[] = {
	MEMORY(mmap, MMAP, .plan = "01235", .fill = calls_fill_mmap, TOLD_UNLESS(3, MAP_ANONYMOUS),
	       .despite = MAP_HUGETLB, LOOKED, .looked_if = MAP_FIXED | MAP_FIXED_NOREPLACE),
	MEMORY(munmap, MUNMAP, .plan = "01", LOOKED),
	MEMORY(mprotect, MPROTECT, .plan = "012-", LOOKED),
	MEMORY(pkey_mprotect, MPROTECT, .plan = "012D", LOOKED),
	MEMORY(pkey_alloc, PKEY_ALLOC, .plan = "01"),
	MEMORY(pkey_free, PKEY_FREE, .plan = "A"),
	MEMORY(mremap, MREMAP, .plan = "01234", .fill = calls_fill_mremap, LOOKED),
	MEMORY(brk, BRK, .plan = "0", LOOKED),
	MEMORY(madvise, MADVISE, .plan = "01C", LOOKED),
	MEMORY(mlock, MLOCK, .plan = "01 ", LOOKED),
	MEMORY(mlock2, MLOCK, .plan = "01c", LOOKED),
	MEMORY(munlock, MUNLOCK, .plan = "01", LOOKED),
	MEMORY(mlockall, MLOCKALL, .plan = "a", LOOKED),
	MEMORY(munlockall, MUNLOCKALL, .plan = "", LOOKED),
	{ .nr = NR_mseal, .name = "mseal", .kind = TRACE_MSEAL, .plan = "012", LOOKED },
	MEMORY(mbind, MBIND, .plan = "012", .fill = calls_fill_mbind, TOLD),
	MEMORY(remap_file_pages, REMAP_FILE, .plan = "01234"),
	MEMORY(shmat, SHMAT, .plan = " 1c a", .fill = calls_fill_shmat, TOLD),
	MEMORY(shmget, SHMGET, .plan = "01c", .fill = calls_fill_shmget, TOLD, .narg = 2,
	       .needs = SHM_HUGETLB),
	MEMORY(shmdt, SHMDT, .plan = "0"),
	MEMORY(prctl, PRCTL, .plan = "a1234", .fill = calls_fill_prctl, TOLD,
	       ONLY(0, PR_SET_THP_DISABLE, PR_SET_VMA, PR_SET_MM, PR_SET_MEMORY_MERGE_,
		    PR_SET_MDWE_)),
	MEMORY(personality, PERSONALITY, .plan = "a"),
	MEMORY(setrlimit, SETRLIMIT, .plan = "a", .fill = calls_fill_setrlimit, TOLD,
	       ONLY(0, MEMORY_LIMITS)),
	MEMORY(prlimit64, SETRLIMIT, .plan = "b", .fill = calls_fill_prlimit, TOLD,
	       ONLY(1, MEMORY_LIMITS)),
	MEMORY(ioctl, UFFD_REGISTER, .plan = "", .fill = calls_fill_uffd, TOLD,
	       ONLY(1, UFFDIO_REGISTER, UFFDIO_UNREGISTER)),

	/* what may give or take capabilities */
	MEMORY(setuid, PROCESS, .plan = "", TOLD),
	MEMORY(setreuid, PROCESS, .plan = "", TOLD),
	MEMORY(setresuid, PROCESS, .plan = "", TOLD),
	MEMORY(capset, PROCESS, .plan = "", TOLD),
	MEMORY(unshare, PROCESS, .plan = "", TOLD),
	MEMORY(setns, PROCESS, .plan = "", TOLD),

	MEMORY(ftruncate, FILE_SIZE, .plan = "", .fill = calls_fill_size, TOLD),
	MEMORY(fallocate, FILE_SIZE, .plan = "", .fill = calls_fill_size, TOLD),

	FORK(clone, .plan = " a", TOLD_UNLESS(0, CLONE_THREAD)),
	FORK(clone3, .plan = "", .fill = calls_fill_clone3),
#ifdef SYS_vfork
	FORK(fork, .plan = "", .fill = calls_fill_fork, TOLD),
	FORK(vfork, .plan = "", .fill = calls_fill_vfork, TOLD),
#endif
	EXEC(execve),
	EXEC(execveat),

	MISSING(SYS_io_setup, "io_setup"),
	MISSING(SYS_io_uring_setup, "io_uring, which may do madvise"),
	MISSING(SYS_process_madvise, "process_madvise"),
	MISSING(NR_set_mempolicy_home_node, "set_mempolicy_home_node"),
	MISSING(NR_map_shadow_stack, "map_shadow_stack"),
	MISSING(SYS_ptrace, "ptrace",
		ONLY(0, PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE)),
	MISSING(SYS_ioctl, "userfaultfd's copies",
		ONLY(1, UFFDIO_COPY, UFFDIO_ZEROPAGE, UFFDIO_MOVE_)),
#ifdef SYS_arch_prctl
	MISSING(SYS_arch_prctl, "arch_prctl(ARCH_SHSTK_ENABLE)", ONLY(0, ARCH_SHSTK_ENABLE_)),
#endif
};
/* clang-format on */

#define NCALLS ARRAY_SIZE(record_calls)

static uint64_t calls_planned(const struct task *task, char how)
{
	if (how >= '0' && how <= '5')
		return task->arg[how - '0'];
	if (how >= 'a' && how <= 'f')
		return (uint32_t)task->arg[how - 'a'];
	if (how >= 'A' && how <= 'F')
		return (int64_t)(int32_t)task->arg[how - 'A'];
	return how == '-' ? UINT64_MAX : 0;
}

bool calls_fill(struct recorder *r, struct task *task)
{
	const struct record_call *call = task->call;

	task->event = (struct trace_event){ .kind = call->kind, .task = task->number, .name = "" };
	for (unsigned i = 0; call->plan[i]; i++)
		task->event.arg[i] = calls_planned(task, call->plan[i]);
	return !call->fill || call->fill(r, task, &task->event);
}

void calls_result(struct recorder *r, struct task *task, int64_t result)
{
	struct trace_event *event = &task->event;

	event->result = result;
	files_mapped(r, task, event, result);
	if (event->kind == TRACE_PROCESS)
		layout_process_event(task, event);
	if (event->kind == TRACE_FILE_SIZE && !files_resized(r, task, (int)task->arg[0], event))
		record_missing(r, "sizes of files that could not be read");
}

static bool calls_wants(const struct record_call *call, uint64_t nr, const uint64_t *args)
{
	if ((uint64_t)call->nr != nr || (call->needs && !(args[call->narg] & call->needs)))
		return false;
	for (unsigned i = 0; i < call->nonly; i++) {
		if (call->only[i] == (uint32_t)args[call->narg])
			return true;
	}
	return !call->nonly;
}

unsigned calls_find_native(uint64_t nr, const uint64_t *args)
{
	for (unsigned i = 0; i < NCALLS; i++) {
		if (calls_wants(&record_calls[i], nr, args))
			return i;
	}
	return CALLS_OTHER;
}

unsigned calls_find(uint32_t arch, uint64_t nr, const uint64_t *args)
{
	if (arch != CALLS_ARCH)
		return CALLS_FOREIGN;
#if defined(__x86_64__)
	if (nr >= 0x40000000) /* the x32 calls */
		return CALLS_FOREIGN;
#endif
	return calls_find_native(nr, args);
}

bool calls_is_told(const struct record_call *call, const uint64_t *args)
{
	uint64_t arg = args[call->narg];

	return call->told && (!(arg & call->unless) || (arg & call->despite));
}

bool calls_waits(const struct record_call *call, const uint64_t *args, bool looks)
{
	return calls_is_told(call, args) ||
	       (looks && call->looked &&
		(!call->looked_if || (args[call->narg] & call->looked_if)));
}

void calls_perf_filter(char *text, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < NCALLS && n < size; i++) {
		if (record_calls[i].how != CALL_MISSING)
			n += snprintf(text + n, size - n, "%sid == %ld", i ? " || " : "",
				      record_calls[i].nr);
	}
}

/* ---- the filter ---- */

enum filter_how {
	FILTER_STOPS,        /* for a tracer */
	FILTER_TELLS,        /* a listener, of those calls that are told */
	FILTER_TELLS_LOOKED, /* of those, too, before which a look is needed */
	FILTER_TELLS_ALL,    /* a listener, of all */
};

struct filter {
	enum filter_how how;
	struct sock_filter code[CALLS_FILTER_MAX];
	unsigned short len;
};

static void filter_add(struct filter *filter, struct sock_filter code)
{
	filter->code[filter->len++] = code;
}

static void filter_load(struct filter *filter, unsigned offset)
{
	filter_add(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

/* little-endian: the low word comes first */
static void filter_load_arg(struct filter *filter, unsigned n)
{
	filter_load(filter, offsetof(struct seccomp_data, args) + 8 * n);
}

/* If the loaded word is value goes on with the next instruction, else skips as many. */
static void filter_unless_skip(struct filter *filter, uint32_t value, unsigned skip)
{
	filter_add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip));
}

/* If the loaded word has one of the bits skips as many as yes says, else no. */
static void filter_if_any(struct filter *filter, uint32_t bits, unsigned yes, unsigned no)
{
	filter_add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, yes, no));
}

/* The call, which is the i-th of the table or a special one, is of interest. */
static void filter_take(struct filter *filter, uint32_t i)
{
	filter_add(filter,
		   (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, filter->how == FILTER_STOPS
									 ? SECCOMP_RET_TRACE | i
									 : SECCOMP_RET_USER_NOTIF));
}

/* With the call's number loaded, and again after it: calls as in the table are taken. */
static void filter_call(struct filter *filter, unsigned i)
{
	const struct record_call *call = &record_calls[i];
	bool looks = filter->how == FILTER_TELLS_LOOKED;
	bool some = looks || filter->how == FILTER_TELLS;
	uint32_t despite = call->despite | (looks ? call->looked_if : 0);
	unsigned n = call->nonly;

	if (some && !call->told && !(looks && call->looked))
		return;
	if (n) {
		filter_unless_skip(filter, call->nr, 2 + 2 * n);
		filter_load_arg(filter, call->narg);
		for (unsigned j = 0; j < n; j++) {
			filter_unless_skip(filter, call->only[j], 1);
			filter_take(filter, i);
		}
		filter_load(filter, offsetof(struct seccomp_data, nr));
	} else if (call->needs) {
		filter_unless_skip(filter, call->nr, 4);
		filter_load_arg(filter, call->narg);
		filter_if_any(filter, call->needs, 0, 1);
		filter_take(filter, i);
		filter_load(filter, offsetof(struct seccomp_data, nr));
	} else if (some && call->unless) {
		filter_unless_skip(filter, call->nr, 5);
		filter_load_arg(filter, call->narg);
		filter_if_any(filter, despite, 1, 0);
		filter_if_any(filter, call->unless, 1, 0);
		filter_take(filter, i);
		filter_load(filter, offsetof(struct seccomp_data, nr));
	} else {
		filter_unless_skip(filter, call->nr, 1);
		filter_take(filter, i);
	}
}

static void filter_build(struct filter *filter)
{
	filter_load(filter, offsetof(struct seccomp_data, arch));
	filter_unless_skip(filter, CALLS_ARCH, 1);
	filter_add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0));
	filter_take(filter, CALLS_FOREIGN);
	filter_load(filter, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
	/* the x32 calls */
	filter_add(filter,
		   (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));
	filter_take(filter, CALLS_FOREIGN);
#endif
	for (unsigned i = 0; i < NCALLS; i++)
		filter_call(filter, i);
	filter_add(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

unsigned short calls_filter_all(struct sock_filter *code)
{
	struct filter filter = { .how = FILTER_TELLS_ALL };

	filter_build(&filter);
	memcpy(code, filter.code, sizeof(filter.code));
	return filter.len;
}

static int filter_install(enum filter_how how, unsigned flags)
{
	struct filter filter = { .how = how };
	struct sock_fprog program = { .filter = filter.code };
	int result;

	filter_build(&filter);
	program.len = filter.len;
	/* With the right to, leave setuid programs their powers; else give them up. */
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (result < 0 && errno == EACCES && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	return result < 0 ? -errno : result;
}

int calls_install_filter(void)
{
	return filter_install(FILTER_STOPS, 0);
}

int calls_install_listener(bool looks)
{
	enum filter_how how = looks ? FILTER_TELLS_LOOKED : FILTER_TELLS;
	int result = filter_install(how, SECCOMP_FILTER_FLAG_NEW_LISTENER | CALLS_WAIT_KILLABLE);

	if (result == -EINVAL) /* before Linux 5.19 */
		result = filter_install(how, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	return result;
}

void calls_answer(int listener, uint64_t id, unsigned flags, int error)
{
	union { /* the kernel's may be larger */
		struct seccomp_notif_resp resp;
		char room[256];
	} out = { .resp = { .id = id, .flags = flags, .error = error } };

	while (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out)) {
		if (errno == EINTR) /* the recorder was stopped and continued */
			continue;
		if (errno != ENOENT)
			perror("vmabench record: seccomp");
		break;
	}
}
