/*
 * trace - recorded programs: what an event is, and how traces are read and written
 *
 * A trace (.vmt) holds, in the order the kernel did them, the memory system
 * calls of all tasks of a program with arguments and results, its forks,
 * execs and exits, its page faults where they were recorded, and the layout
 * of each address space after exec and at exit.  workloads/README.md describes
 * the file format.
 */
#ifndef WORKLOADS_TRACE_H
#define WORKLOADS_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

/*
 * The kinds of event.  X(NAME, "name", fields): fields is a letter for each of
 * arg[0..], in order: a address, l length or other unsigned, s signed,
 * f file number, t task number; r at the end: there is a result; n: a name.
 */
/* clang-format off */
#define TRACE_KINDS(X) \
	/* the world */ \
	X(FILE,         "file",         "fllll" "n")    /* number, inode number, fs magic, st_mode, open flags; path */ \
	X(FORK,         "fork",         "tl" "r")       /* child task (0 if it failed), clone flags */ \
	X(EXEC,         "exec",         "aaaa" "n")     /* mmap_base, start_brk, brk, start_stack; path. A layout follows */ \
	X(EXIT,         "exit",         "")             /* of one task; a layout comes before the last one of an mm */ \
	X(LAYOUT,       "layout",       "ll")           /* enum trace_layout, number of VMA events that follow */ \
	X(VMA,          "vma",          "aallfl" "n")   /* start, end, vm_flags, pgoff, file, has anon_vma; "" or "[stack]" */ \
	X(FAULT,        "fault",        "al")           /* address, enum trace_fault bits */ \
	/* system calls: arguments as in their manual pages, but files by number */ \
	X(MMAP,         "mmap",         "allllf" "r")   /* addr, len, prot, flags, offset in bytes, file */ \
	X(MUNMAP,       "munmap",       "al" "r") \
	X(MPROTECT,     "mprotect",     "alls" "r")     /* addr, len, prot, pkey (-1: plain mprotect) */ \
	X(MREMAP,       "mremap",       "allla" "r")    /* old, old_len, new_len, flags, new address */ \
	X(BRK,          "brk",          "a" "r") \
	X(MADVISE,      "madvise",      "als" "r") \
	X(MLOCK,        "mlock",        "all" "r")      /* addr, len, mlock2's flags */ \
	X(MUNLOCK,      "munlock",      "al" "r") \
	X(MLOCKALL,     "mlockall",     "l" "r") \
	X(MUNLOCKALL,   "munlockall",   "" "r") \
	X(MSEAL,        "mseal",        "all" "r") \
	X(MBIND,        "mbind",        "allll" "r")    /* addr, len, mode, first word of the nodemask, flags and enum trace_mbind */ \
	X(REMAP_FILE,   "remap_file_pages", "allll" "r") /* addr, len, prot, pgoff, flags */ \
	X(SHMAT,        "shmat",        "falll" "r")    /* file, addr, shmflg, segment's size, its id */ \
	X(SHMDT,        "shmdt",        "a" "r") \
	X(PRCTL,        "prctl",        "lllll" "r")    /* only options that touch memory */ \
	X(PERSONALITY,  "personality",  "l" "r") \
	X(SETRLIMIT,    "setrlimit",    "lll" "r")      /* resource, soft, hard; STACK, AS, DATA, MEMLOCK only */ \
	X(UFFD_REGISTER, "uffd_register", "lall" "r")   /* context, start, len, mode */ \
	X(UFFD_UNREGISTER, "uffd_unregister", "lal" "r") \
	/* more of the world */ \
	X(PROCESS,      "process",      "lll")          /* capabilities lacked, bytes of data, enum trace_process bits */ \
	X(FILE_SIZE,    "file_size",    "fl")           /* the size of its inode in bytes, from here on */ \
	X(PKEY_ALLOC,   "pkey_alloc",   "ll" "r")       /* flags, rights */ \
	X(PKEY_FREE,    "pkey_free",    "s" "r") \
	X(UFFD_FEATURES, "uffd_features", "fl")         /* a userfaultfd, its features as fdinfo tells them */ \
	X(HUGE_FILE,    "huge_file",    "fll")          /* its inode has pages of a pool: bytes of one; how many are in memory */ \
	X(HUGE_POOL,    "huge_pool",    "llllll")       /* struct trace_pool, as it was found before the next call */ \
	X(SHMGET,       "shmget",       "lll" "r")      /* key, size, shmflg; with SHM_HUGETLB only */ \
	X(FILE_MORE,    "file_more",    "fll")          /* of a character device: its number; enum trace_mount bits */ \
	X(FILE_SEALS,   "file_seals",   "fl")           /* F_SEAL_* of its inode, from here on */ \
	X(FILE_FLAGS,   "file_flags",   "flll")         /* of which mm has no rule: a mapping with such prot and flags gets these vm_flags */ \
	X(UFFD_CLOSE,   "uffd_close",   "f")            /* nobody has it any more: its ranges are ordinary memory */
/* clang-format on */

enum trace_kind {
#define X(NAME, name, fields) TRACE_##NAME,
	TRACE_KINDS(X)
#undef X
		TRACE_NKINDS
};

enum trace_layout {
	TRACE_AFTER_EXEC, /* the address space the new program starts with */
	TRACE_AT_EXIT,    /* what the last task of an mm leaves behind */
	TRACE_AT_ATTACH,  /* the start of a recording of a running program; after its EXEC event */
	TRACE_AT_DETACH,  /* what it goes on with when the recording ends */
};

/* The bits of x86's error code, whatever the machine. */
enum trace_fault {
	TRACE_FAULT_PRESENT = 1, /* there was an entry, its rights were too few */
	TRACE_FAULT_WRITE = 2,
	TRACE_FAULT_USER = 4, /* else: the kernel, on the program's behalf */
	TRACE_FAULT_INSTR = 16,
	/* not the machine's: */
	TRACE_FAULT_UNKNOWN = 256,  /* nobody told whether it was a write */
	TRACE_FAULT_INFERRED = 512, /* no fault was seen, but a page that only a write can leave */
};

enum trace_process {
	TRACE_NO_THP = 1, /* PR_SET_THP_DISABLE */
};

/* What is wrong with a mask of nodes: beside the 32 bits of mbind's flags. */
enum trace_mbind {
	TRACE_NODES_BEYOND = 1,     /* << 32: a node is named that no kernel knows */
	TRACE_NODES_UNREADABLE = 2, /* << 32: there is nothing at the address */
};
#define TRACE_NODES_SHIFT 32

enum trace_mount {
	TRACE_NOEXEC = 1, /* nothing may be executed there */
};

#define TRACE_MAX_ARGS 6
#define TRACE_NO_FILE  0 /* MAP_ANONYMOUS, or a VMA without a file */
#define TRACE_BAD_FILE 1 /* a descriptor that was not open */
/* file numbers defined by FILE events start at 2 */

/* Limits: a file that goes beyond them is refused. */
#define TRACE_MAX_TASKS (1u << 22)
#define TRACE_MAX_FILES (1u << 22)
#define TRACE_MAX_NAME  4096u

struct trace_event {
	enum trace_kind kind;
	uint32_t task; /* who; tasks are numbered from 1, by birth */
	uint64_t time; /* microseconds since the recording began, never falling */
	uint64_t arg[TRACE_MAX_ARGS];
	int64_t result;   /* as the kernel returned it: an address, a number or -errno */
	const char *name; /* "" where the kind has none; the reader's own, until its next call */
};

/* A pool of huge pages, counted in these. */
struct trace_pool {
	uint64_t size; /* of a page, in bytes */
	uint64_t pages, free, reserved, surplus, overcommit;
};

#define TRACE_MAX_POOLS      4
#define TRACE_MAX_POOL_PAGES (1ULL << 40)

/* The header: what was recorded, where, and the settings that decide what Linux does. */
struct trace_info {
	char *command;      /* what was run, as a shell would take it */
	char *versions;     /* the package or --version of the program */
	char *kernel;       /* uname -r */
	char *arch;         /* x86_64, aarch64 */
	char *date;         /* YYYY-MM-DD */
	char *recorder;     /* "ptrace", ... : how the order was found */
	char *missing;      /* what was seen and could not be recorded; "" if nothing */
	bool faults;        /* page faults are in the trace, all of them and in full */
	char *fault_source; /* "tracepoint+pagemap", "software", ..., "": see README.md */
	uint64_t lost;      /* fault records that the kernel dropped */
	bool aslr, legacy_layout;
	char *thp, *shmem_thp; /* sysfs: always, madvise, never, ... */
	uint64_t task_size;    /* one past the last user address */
	uint64_t max_map_count, mmap_min_addr, stack_guard_gap;        /* the last in pages */
	uint64_t overcommit;                                           /* vm.overcommit_memory */
	uint64_t rlimit_stack, rlimit_as, rlimit_data, rlimit_memlock; /* bytes, at the start */
	/* The rest is 0 in the first traces: then nothing is refused because of it. */
	uint64_t lacks_capabilities; /* a bit for each that the first task has not */
	bool pkeys;                  /* the processor has protection keys, the kernel uses them */
	uint64_t ram, swap;          /* bytes */
	uint64_t committed;          /* bytes committed to other processes at the start */
	uint64_t overcommit_ratio, overcommit_kbytes, admin_reserve_kbytes, user_reserve_kbytes;
	uint64_t least_hint;      /* to which mmap raises lower hints */
	uint64_t memory_nodes;    /* NUMA nodes with memory that the program may use, a bit each */
	uint64_t mdwe;            /* PR_SET_MDWE's bits, at the start */
	bool memory_merge;        /* PR_SET_MEMORY_MERGE, at the start */
	bool file_guards_prepare; /* MADV_GUARD_INSTALL gives VMAs of files an anon_vma, too */
	char *hugetlb;            /* the pools at the start, the usual size first; "": not known */
};

/*
 * The pools in info->hugetlb, "BYTES=PAGES,FREE,RESERVED,SURPLUS,OVERCOMMIT ...": how many, at most
 * TRACE_MAX_POOLS, or -1: it is none such, or a number is out of range.
 */
int trace_pools(const char *text, struct trace_pool *pools);

/* Where and why a trace was refused. */
struct trace_error {
	char file[256];
	uint64_t offset; /* in bytes, of the frame at fault */
	char reason[256];
};

/* The kind's name, and its fields as in TRACE_KINDS. */
const char *trace_kind_name(enum trace_kind kind);
const char *trace_kind_fields(enum trace_kind kind);

/*
 * Reading.  Memory stays below a few frames (16 MB), whatever the file holds.
 *
 * trace_open: NULL and *error for a file that cannot be read, is empty, is not
 * a trace, is of another version, or whose header is damaged.
 * trace_next: 1 and *event; 0 at the end of a whole trace; -1 and *error where
 * the file is truncated, damaged or beyond the limits. After 0 or -1 it returns the
 * same again.
 * trace_rewind: back to the first event, 0; or -1 and *error.
 */
struct trace_reader;
must_check struct trace_reader *trace_open(const char *path, struct trace_error *error);
const struct trace_info *trace_info(const struct trace_reader *reader);
must_check int trace_next(struct trace_reader *reader, struct trace_event *event,
			  struct trace_error *error);
must_check int trace_rewind(struct trace_reader *reader, struct trace_error *error);
/* How much of the file has been read, from 0 to 1: for a progress display. */
double trace_position(const struct trace_reader *reader);
void trace_close(struct trace_reader *reader);

/*
 * Writing.  The trace is written beside path under a temporary name, and gets its name
 * in trace_finish, after fsync: there is never half a trace.  A new one is its owner's alone
 * to read (mode 0600): what a program maps tells a lot; one that is replaced keeps its mode.
 *
 * All return 0, or -1 and *error; after an error, or instead of finish,
 * trace_abandon removes what was written.
 */
struct trace_writer;
must_check struct trace_writer *trace_create(const char *path, struct trace_error *error);
must_check int trace_write(struct trace_writer *writer, const struct trace_event *event,
			   struct trace_error *error);
/*
 * Before the first event: command, versions and names are replaced on the way, as
 * workloads/format/anonymize.h says.  0, or -1: out of memory.
 */
must_check int trace_anonymize(struct trace_writer *writer);
/* What has been written so far takes about so many bytes. */
uint64_t trace_bytes(const struct trace_writer *writer);
/* info is written last: it may say what the recording found out. */
must_check int trace_finish(struct trace_writer *writer, const struct trace_info *info,
			    struct trace_error *error);
void trace_abandon(struct trace_writer *writer);

/* Prints "FILE: offset N: REASON" to stderr. */
void trace_error_print(const struct trace_error *error);

#endif
