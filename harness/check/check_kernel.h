/*
 * check_kernel - the emulation beside the kernel: what the parts share
 *
 *	check_kernel.c          the run: sessions, batches, what is left of a difference
 *	check_kernel_gen.c      which operations
 *	check_kernel_bed.c      what they need: files, settings, what this kernel can do
 *	check_kernel_subject.c  the process that does them for real (kernel_subject/)
 *	check_kernel_compare.c  what is compared
 *
 * The emulation leads: events are made up from what it has mapped, and done by it, a
 * batch at a time, while the subject does the batch before.  A session is a
 * fresh subject and a fresh emulation, so that a difference has few events before it.
 */
#ifndef HARNESS_CHECK_KERNEL_H
#define HARNESS_CHECK_KERNEL_H

#include <sys/types.h>

#include "base/rng.h"
#include "harness/check/check.h"
#include "harness/check/kernel_subject/subject.h"

#define KERNEL_TASKS         4
#define KERNEL_FILES         8 /* that can be mapped by mmap */
#define KERNEL_SEGMENT_PAGES 16
#define KERNEL_ADVICE        32

/* ---- check_kernel_bed.c ---- */

struct kernel_file {
	int fd;                       /* the same in the subject */
	unsigned inode;               /* number in the trace */
	uint64_t magic, mode, access; /* access: O_ACCMODE of open */
	dev_t dev;
	ino_t ino;  /* of dev, whose number smaps need not show */
	off_t size; /* that a session finds it with; 0: it has none */
	const char *path;
};

struct kernel_bed {
	struct trace_info info;
	char subject[4200]; /* the program's path */
	int board_fd;
	struct subject_board *board;
	/* those of mmap, then the subject's own file, the board and the segment */
	struct kernel_file file[KERNEL_FILES + 3];
	unsigned inodes; /* among those that are open */
	int segment;     /* its id */
	void *attached;
	bool mseal, droppable; /* can be tried here */
	bool may_drop;         /* CAP_IPC_LOCK can be taken from the subject */
	uint64_t memlock_max;  /* RLIMIT_MEMLOCK, hard */
	bool guards;           /* pagemap tells guard pages */
	bool huge_pages;       /* there is a pool of 2 MiB pages, and nobody uses it */
	int advice[KERNEL_ADVICE];
	unsigned nadvice;
};

/* The first kernel that has all the rules that are emulated. */
#define KERNEL_MAJOR 6u
#define KERNEL_MINOR 18u
bool kernel_is_older(const char *release); /* "6.12.3-amd64" is */

enum { KERNEL_FILE_SUBJECT = KERNEL_FILES, KERNEL_FILE_BOARD, KERNEL_FILE_SEGMENT };

/* 0, or -1 with a message.  Says on stderr, unless quiet, what this kernel lacks. */
must_check int kernel_bed_make(struct kernel_bed *bed, bool quiet);
void kernel_bed_end(struct kernel_bed *bed);
/* Empties all files, for another session: 0 or -1 with a message. */
must_check int kernel_bed_fresh(struct kernel_bed *bed);
/*
 * The pool of huge pages is as it was at first: 0, or -1 with a message if it does not become so.
 */
must_check int kernel_bed_wait_for_pool(const struct kernel_bed *bed);
/* What sessions differ in. */
struct kernel_mood {
	bool no_thp;  /* there are no huge pages */
	bool no_lock; /* RLIMIT_MEMLOCK binds: there is no CAP_IPC_LOCK */
	bool legacy;  /* its address space has the old layout, bottom-up */
};

/* The header of a session's trace; its strings are the bed's. */
void kernel_bed_info(const struct kernel_bed *bed, struct kernel_mood mood,
		     struct trace_info *info);
/* The FILE event of file i, as file number. */
void kernel_bed_file(const struct kernel_bed *bed, unsigned i, uint64_t number,
		     struct trace_event *event);

/* ---- check_kernel_gen.c ---- */

struct kernel_gen {
	struct rng rng;
	const struct kernel_bed *bed;
	uint32_t task[KERNEL_TASKS]; /* alive, 0: none; the first one stays */
	uint32_t next_task;
	uint64_t next_file;
	bool huge_pages;            /* maps some, and does not fork */
	struct trace_event pending; /* comes next, if it is not TRACE_FILE */
	unsigned nown;              /* ranges of the subject's own: left alone */
	struct {
		unsigned long start, end;
	} own[16];
};

/* A task for the next batch. */
uint32_t kernel_gen_task(struct kernel_gen *gen);
/* The next event of that task; an exit ends the batch. */
void kernel_gen_next(struct kernel_gen *gen, const struct replay_world *world, uint32_t task,
		     struct trace_event *event);

/* ---- check_kernel_subject.c ---- */

/* A subject up to its first wait: its process, or -1 with a message. */
must_check pid_t kernel_subject_start(struct kernel_bed *bed, struct kernel_mood mood);
void kernel_subject_stop(pid_t pid);
/* The orders on the board are task's to do; returns at once. */
void kernel_subject_go(struct kernel_bed *bed, uint32_t task);
/* Until they are done: 0, or -1 with a message if pid has died. */
must_check int kernel_subject_wait(struct kernel_bed *bed, pid_t pid);

/* ---- check_kernel_compare.c ---- */

struct kernel_vma;

/* The EXEC event of a fresh subject with these VMAs, in that layout: 0 or -1. */
must_check int kernel_exec_event(pid_t pid, const struct kernel_vma *vmas, long n, bool legacy,
				 struct trace_event *event);

/* One VMA of a process, as smaps shows it. */
struct kernel_vma {
	unsigned long start, end;
	vm_flags_t flags;
	unsigned long pgoff, ino;
	bool anon, file; /* has written pages; maps a file */
	bool stack;
};

/* The VMAs of a process into *vmas, of *room, reallocated; their number, or -1. */
long kernel_smaps(pid_t pid, struct kernel_vma **vmas, size_t *room);

/* Contents that stores left in emulated pages, and that the subject wrote too. */
struct kernel_words {
	uint64_t *slot; /* 0: free */
	size_t size, n; /* size: a power of two */
};
bool kernel_words_has(const struct kernel_words *words, uint64_t word);
must_check int kernel_words_add(struct kernel_words *words, uint64_t word);

/* What a look from there on would see of mm. */
unsigned long kernel_look(const struct kernel_bed *bed, struct mm_struct *mm, unsigned long at,
			  struct subject_vma *vma);
bool kernel_same_vma(const struct subject_vma *real, const struct subject_vma *emulated);

/* What is compared: a difference stays one of its kind while it is shrunk. */
enum kernel_difference { KERNEL_SAME, KERNEL_RESULT, KERNEL_LAYOUT, KERNEL_PAGES, KERNEL_WORDS };

struct kernel_compare {
	const struct kernel_bed *bed;
	const struct kernel_words *words;
	bool no_thp;             /* there are no huge pages */
	struct kernel_vma *vmas; /* spare room */
	size_t room;
};

/* All of one process with all of mm; *what says how they differ. */
enum kernel_difference kernel_compare(struct kernel_compare *compare, pid_t pid,
				      struct mm_struct *mm, char *what, size_t size);

#endif
