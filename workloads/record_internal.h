/*
 * record_internal - what the parts of the recorder share
 *
 *	record.c         starts the program, waits for stops, ends the trace
 *	record_attach.c  attaches to running programs, and detaches
 *	record_stops.c   what to do at each stop: order, births, execs, deaths
 *	record_calls.c   the system calls of interest, the seccomp filter, arguments to events
 *	record_files.c   which open file a descriptor is
 *	record_layout.c  smaps to LAYOUT and VMA events
 *	record_faults.c  page faults, from perf
 *	record_written.c what was written to, where perf does not tell
 *	record_queue.c   events and faults merged by time, into the trace
 *	record_info.c    the header: the settings of this machine
 */
#ifndef WORKLOADS_RECORD_INTERNAL_H
#define WORKLOADS_RECORD_INTERNAL_H

#include <linux/filter.h>
#include <sys/types.h>

#include "workloads/record.h"
#include "workloads/trace.h"

#define RECORD_OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT)

#define RECORD_MAX_TID  (1 << 22)       /* the kernel's PID_MAX_LIMIT */

/* An address space as the recorder knows it. */
struct record_mm {
	unsigned users;                 /* tasks, but not those that are dying */
	unsigned busy;                  /* calls of it in flight that others must wait for */
	uint64_t since;                 /* when the last of them began, ns */
	struct task *held, **held_end;  /* tasks that wait, in order */
	int maps, pagemap;              /* its files in /proc; -1: not open */
	bool told;                      /* its layout at the detaching is in the trace */
	uint64_t brk;                   /* as the last brk call returned it */
	struct record_mm *next, **prev; /* all of them */
};

enum call_how {
	CALL_MEMORY,                    /* recorded, one at a time in an mm */
	CALL_FORK,                      /* likewise, but only if the child gets a copy of the mm */
	CALL_EXEC,
	CALL_MISSING,                   /* changes what the trace has no word for: counted */
};

struct task;
struct recorder;

struct record_call {
	long nr;
	const char *name;
	enum call_how how;
	enum trace_kind kind;
	const char *plan;               /* see calls_fill */
	/* Fills what plan does not; false: not of interest after all. May be NULL. */
	bool (*fill)(struct recorder *r, struct task *task, struct trace_event *event);
	unsigned narg, only[4];         /* filter: argument narg must be one of only[], up to a 0 */
};

struct layout;

struct task {
	pid_t tid, tgid;
	uint32_t number;                /* in the trace; 0: not known yet, its fork was not seen */
	int status;                     /* a stop it is in that was not handled yet; 0: none */
	struct task *again;             /* in the recorder's list of such */
	struct record_mm *mm;           /* NULL once it is dying */
	const struct record_call *call; /* in flight or held; NULL: none */
	bool parked;                    /* stopped for the detaching */
	bool in_vfork;                  /* cannot stop before its child lets go of the mm */
	bool stray;                     /* has no number and will not get one: not recorded */
	bool held, busy;                /* waits in mm->held; counted in mm->busy */
	uint64_t locked;                /* when the call in flight got the mm's lock, ns; 0: unseen */
	uint64_t arg[6];                /* the call's, as in the registers */
	struct trace_event event;       /* the call's, but for its result */
	struct layout *layout;          /* before an exec: what the exec may leave behind */
	struct task *next;              /* in mm->held */
};

struct recorder {
	const struct record_options *options;
	struct trace_writer *writer;
	struct trace_error error;
	bool failed;                    /* error says why; nothing more is written */
	bool started;                   /* the program's first exec is done */
	bool attached;                  /* it ran before: no filter, all its calls stop */
	uint64_t detaching;             /* ns, since when; 0: not yet */
	uint64_t start, now;            /* ns; now: of the stop being handled */
	pid_t first;                    /* the program's own process */
	int status;                     /* its wait status */
	uint32_t tasks;                 /* numbers given so far */
	struct task *again;             /* tasks whose status can be handled now */
	unsigned forks;                 /* fork calls in flight */
	unsigned unborn;                /* tasks that have stopped, but have no number yet */
	pid_t max_tid;                  /* the largest seen */
	struct task **by_tid;           /* RECORD_MAX_TID + 1 */
	struct record_mm *mms;
	struct queue *queue;
	struct faults *faults;          /* NULL: not recorded */
	bool infers;                    /* writes are found in the pagemap */
	struct files *files;
	struct missing {
		const char *what;
		uint64_t times;
		struct missing *next;
	} *missing;
};

uint64_t record_clock(void);            /* CLOCK_MONOTONIC, ns */
/* Something that the trace lacks: counted under a name that stays valid. */
void record_missing(struct recorder *r, const char *what);

/* Begins to record faults, of pid first, as far as that is wanted and allowed. */
void record_open_faults(struct recorder *r, pid_t pid);
/* Does this process trace tid? */
bool record_traces(pid_t tid);

/* ---- record_attach.c ---- */

/* All processes asked for are traced and recorded from here on: 0, or -errno and a message. */
must_check int attach_begin(struct recorder *r);
void attach_ask_to_stop(struct recorder *r);
/* Everything has stopped that will. */
bool attach_ready_to_end(const struct recorder *r);
/* What has stopped runs on, untraced. */
void attach_end(struct recorder *r);

/* ---- record_stops.c ---- */

/* A thread that runs already, of process tgid, whose first it is or has been adopted. */
void stops_adopt(struct recorder *r, pid_t tid, pid_t tgid, int status);
void stops_run_adopted(struct recorder *r);
/* The layouts that the programs go on with. */
void stops_queue_last_layouts(struct recorder *r);

/* One result of waitpid(). */
void stops_handle(struct recorder *r, pid_t tid, int status);
/* Now and then: lets go of calls that wait for one that does not end. */
void stops_tick(struct recorder *r);
void stops_end(struct recorder *r);

/* ---- record_calls.c ---- */

extern const struct record_call record_calls[];

/* For a call of another architecture; for one of no interest (never from the filter). */
enum { CALLS_FOREIGN = 0xffff, CALLS_OTHER = 0xfffe };

/* Installs the filter in this process: 0 or -errno. */
must_check int calls_install_filter(void);
/* What the filter would say of a call. */
unsigned calls_find(uint32_t arch, uint64_t nr, const uint64_t *args);
/* task->event from task->call and task->arg, when the call is about to run. False: leave it out. */
must_check bool calls_fill(struct recorder *r, struct task *task);
/* task->event is complete but for what only a result can tell. */
void calls_result(struct recorder *r, struct task *task, int64_t result);
/* len bytes at address of the task: all of them, or false. */
must_check bool calls_peek(const struct task *task, uint64_t address, void *to, size_t len);

/* ---- record_files.c ---- */

must_check struct files *files_create(void);
void files_free(struct files *files);
/* The number of a task's descriptor; its FILE event is queued if it is new. */
uint32_t files_of_fd(struct recorder *r, const struct task *task, int fd);
/*
 * The FILE_SIZE event of what a descriptor is, as large as it is now; false if it was never mapped by
 * one, so that nobody asks.
 */
bool files_resized(struct recorder *r, const struct task *task, int fd, struct trace_event *event);
/* A new attach of a SysV segment. */
uint32_t files_of_segment(struct recorder *r, const struct task *task, int id, uint32_t key);
/* A VMA's file by what smaps tells; fresh: as opened by the exec that has just been done. */
uint32_t files_of_vma(struct recorder *r, const struct task *task, dev_t dev, ino_t ino,
		      const char *path, bool fresh);
/* How open files were told apart, for the header. */
const char *files_how(const struct files *files);

/* ---- record_layout.c ---- */

/* The VMAs of a stopped task, or NULL, and it is counted as missing. */
struct layout *layout_read(struct recorder *r, const struct task *task);
/* Queues LAYOUT and VMA events, and FILE events before them. layout NULL: an empty one. */
void layout_queue(struct recorder *r, const struct task *task, struct layout *layout,
		  enum trace_layout kind);
/* EXEC with its layout: of a task in its exec stop, or (AT_ATTACH) of one just seized. */
void layout_queue_exec(struct recorder *r, const struct task *task, enum trace_layout kind);
/* PROCESS: after an exec, or when a task may have got or lost capabilities. */
void layout_process_event(const struct task *task, struct trace_event *event);
void layout_free(struct layout *layout);

/* ---- record_faults.c ---- */

struct fault {
	uint64_t time;                  /* ns */
	uint64_t address;
	uint32_t tid, bits;             /* enum trace_fault, or FAULT_IS_LOCK */
};

/* No fault: tid got an mmap lock for writing.  Only if faults_complete(). */
#define FAULT_IS_LOCK (1u << 31)

/*
 * Faults of process pid and its children from now on; or NULL and *why.  By the
 * tracepoints, or, if those are refused, by the software event: then the program's
 * own only, all TRACE_FAULT_UNKNOWN.
 */
must_check struct faults *faults_open(pid_t pid, char *why, size_t size);
/* The same of another thread; false: not all of its faults will be seen. */
must_check bool faults_follow(struct faults *faults, pid_t tid);
bool faults_complete(const struct faults *faults);      /* by the tracepoints */
/* Appends what has been seen since the last call to (*list)[*n], reallocating; 0 or -ENOMEM. */
must_check int faults_take(struct faults *faults, struct fault **list, size_t *n, size_t *cap);
uint64_t faults_lost(struct faults *faults);
void faults_close(struct faults *faults);

/* ---- record_written.c ---- */

/* Can this kernel be asked? */
bool written_supported(void);
/* mm is that of tid, which has stopped or not run yet. */
void written_open(struct recorder *r, struct record_mm *mm, pid_t tid);
void written_close(struct record_mm *mm);
/* Queues inferred faults: before task's call runs, and when it has returned. */
void written_before(struct recorder *r, const struct task *task);
void written_after(struct recorder *r, const struct task *task, int64_t result);
/* Finds out whether a fault of unknown kind was a write, if its page tells. */
void written_classify(const struct record_mm *mm, struct fault *fault);

/* ---- record_queue.c ---- */

/*
 * Marks stand between the events and tell the queue whose faults are whose.
 */
enum queue_mark {
	MARK_BIRTH,             /* tid is this task now; its faults that came early follow */
	MARK_EXEC,              /* likewise, but those that came early are dropped */
	MARK_CALLS_EXEC,        /* faults of tid may come from its next address space: kept back */
	MARK_EXEC_FAILED,       /* they did not */
	MARK_DEAD,              /* later faults of tid are dropped */
	MARK_GONE,              /* tid means nothing any more */
};

must_check struct queue *queue_create(void);
void queue_free(struct queue *queue);
/* At r->now. The name is copied. */
void queue_event(struct recorder *r, const struct trace_event *event);
/* The event of task's call, which has returned: among the faults where it got the mm's lock. */
void queue_call(struct recorder *r, const struct task *task, const struct trace_event *event);
void queue_mark(struct recorder *r, enum queue_mark mark, pid_t tid, uint32_t number);
/* Takes what faults have come: before a call may take their pages away. */
void queue_take_faults(struct recorder *r);
/* Writes what is old enough to have its faults beside it; last: everything. */
void queue_flush(struct recorder *r, bool last);
uint64_t queue_written(const struct queue *queue);

/* ---- record_info.c ---- */

/* Fills what is the machine's and the command's; the rest is the caller's. To be cleared. */
void info_collect(struct trace_info *info, char **command);
/* The same of a process that runs already. */
void info_collect_running(struct trace_info *info, pid_t pid);
/*
 * What a task (0: this process) lacks: capabilities, those in a user namespace being none, and huge
 * pages by PR_SET_THP_DISABLE.
 */
void info_status(pid_t tid, uint64_t *lacks_capabilities, bool *no_thp);

#endif
