/*
 * record_internal - what the parts of the recorder share
 *
 *	record.c         waits for what the program does, ends the trace
 *	record_launch.c  starts the program
 *	record_signals.c signals to the recorder itself
 *	record_calls.c   the system calls of interest, the seccomp filters, arguments to events
 *	record_tasks.c   tasks and address spaces
 *	record_files.c   files, inodes and their numbers
 *	record_marks.c   which open file a descriptor is
 *	record_beside.c  which mappings of a file a new one continues
 *	record_closes.c  which userfaultfds are closed
 *	record_layout.c  smaps to LAYOUT and VMA events
 *	record_perf.c    faults, calls, locks, births and deaths, from perf
 *	record_tracepoints.c, record_ring.c
 *	                 how perf's records and their fields are found
 *	record_mount.c   tracefs and cgroup2, mounted at no place
 *	record_written.c what was written to, where nobody tells: looks at pages before calls
 *	record_info.c    the header: the settings of this machine
 *
 * Where perf tells the order:
 *	record_listen.c  receives the calls that wait to be told of or looked at
 *	record_watch.c   what perf does not tell: layouts, files, arguments in memory
 *	record_stream.c  both merged by time, into the trace
 *	record_cgroup.c  a control group of the program's own, so that perf tells of it alone
 *
 * Where it does not, and calls are serialised:
 *	record_stops.c   what to do at each stop: order, births, execs, deaths
 *	record_let_go.c  what the program traces itself
 *	record_attach.c  attaches to running programs, and detaches
 *	record_queue.c   events and faults merged by time, into the trace
 */
#ifndef WORKLOADS_RECORD_INTERNAL_H
#define WORKLOADS_RECORD_INTERNAL_H

#include <linux/filter.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "workloads/record/record.h"
#include "workloads/format/trace.h"

#define RECORD_OPTIONS                                                                            \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT)

#define RECORD_MAX_TID (1 << 22) /* the kernel's PID_MAX_LIMIT */

/* An address space as the recorder knows it. */
struct record_mm {
	unsigned users;                 /* tasks, but not those that are dying */
	unsigned busy;                  /* calls of it in flight that others must wait for */
	uint64_t since;                 /* when the last of them began, ns */
	struct task *held, **held_end;  /* tasks that wait, in order */
	int maps, pagemap;              /* its files in /proc; -1: not open */
	bool told;                      /* its layout at the detaching is in the trace */
	struct record_mm *next, **prev; /* all of them */
};

enum call_how {
	CALL_MEMORY, /* recorded, one at a time in an mm */
	CALL_FORK,   /* likewise, but only if the child gets a copy of the mm */
	CALL_EXEC,
	CALL_MISSING, /* changes what the trace has no word for: counted */
};

struct task;
struct recorder;

struct record_call {
	long nr;
	const char *name;
	enum call_how how;
	enum trace_kind kind;
	const char *plan; /* see calls_fill */
	/* Fills what plan does not; false: not of interest after all. May be NULL. */
	bool (*fill)(struct recorder *r, struct task *task, struct trace_event *event);
	unsigned narg;            /* filter: argument narg must be one of only[nonly] */
	unsigned nonly, only[5];  /* nonly 0: any */
	bool told;                /* perf does not tell all of it ... */
	uint32_t unless, despite; /* ... unless argument narg has one of these bits, and no such */
	uint32_t needs;           /* of interest only if it has one of these */
	bool looked;              /* its effect depends on what was written to ... */
	uint32_t looked_if;       /* ... if argument narg has one of these bits; 0: always */
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
	bool shares;                    /* a child with its parent's mm (record_watch) */
	long untraced;                  /* a clone's number: see untraced_hide(); 0: no such */
	bool leaves, left;              /* is to be let go: the program traces it itself; was so */
	pid_t awaits;                   /* its ptrace() waits until this task is let go; 0: none */
	uint64_t awaited;               /* ... since when, ns */
	bool held, busy;                /* waits in mm->held, or at its exit; counted in mm->busy */
	uint64_t told;            /* when it was told of a call whose return it waits for, ns */
	uint64_t locked;          /* when the call in flight got the mm's lock, ns; 0: unseen */
	uint64_t arg[6];          /* the call's, as in the registers */
	struct trace_event event; /* the call's, but for its result */
	struct layout *layout;    /* before an exec: what the exec may leave behind */
	struct task *next;        /* of those that are held */
};

/* ---- record_signals.c ---- */

struct signals {
	int fd;         /* a signalfd of all that are taken */
	unsigned asked; /* SIGTERM, SIGHUP, SIGINT that came: bits */
	sigset_t mask;  /* as the recorder was given them */
	struct sigaction child_action;
};

/* From here on signals come in by signals_wait() alone: 0 or -errno.  There is one thread yet. */
must_check int signals_take(struct signals *signals);
/* Waits for any signal, for fd (-1: none) or so long: what there is of fd, POLL*. */
short signals_wait(struct signals *signals, int fd, int ms);
/* As they were given: in a child, before it becomes the program. */
void signals_restore(const struct signals *signals);
/* The same in the recorder; what came too late to be obeyed is forgotten. */
void signals_let_go(struct signals *signals);

struct recorder {
	const struct record_options *options;
	struct signals signals;
	struct trace_writer *writer;
	struct trace_error error;
	bool failed;             /* error says why; nothing more is written */
	bool started;            /* the program's first exec is done */
	bool attached;           /* it ran before: no filter, all its calls stop */
	uint64_t detaching;      /* ns, since when; 0: not yet */
	uint64_t start, now;     /* ns; now: of the stop being handled */
	pid_t first;             /* the program's own process */
	int status;              /* its wait status */
	uint32_t tasks;          /* numbers given so far */
	struct task *again;      /* tasks whose status can be handled now */
	struct waiting *waiting; /* see record_watch */
	int let_go;              /* an epoll of the listeners of record_let_go; -1: none */
	pid_t guards[64];        /* theirs; 0: none */
	unsigned awaiting;       /* tasks that await another's letting go */
	unsigned forks;          /* fork calls in flight */
	unsigned unborn;         /* tasks that have stopped, but have no number yet */
	unsigned ntasks;         /* in by_tid */
	pid_t max_tid;           /* the largest seen */
	struct task **by_tid;    /* RECORD_MAX_TID + 1 */
	struct record_mm *mms;
	struct queue *queue;
	struct perf *perf;     /* NULL: faults are not recorded */
	struct cgroup *cgroup; /* of the program alone; NULL: perf tells of all */
	struct stream *stream; /* perf tells the order; NULL: calls are serialised */
	bool infers;           /* writes that nobody tells are found in the pagemap */
	struct files *files;
	struct closes *closes;
	struct rlimit nofile;                     /* the program's: the recorder raises its own */
	struct trace_pool pools[TRACE_MAX_POOLS]; /* as the trace tells them */
	unsigned npools;                          /* 0: not looked at yet */
	struct missing {
		const char *what;
		uint64_t times;
		struct missing *next;
	} * missing;
};

uint64_t record_clock(void); /* CLOCK_MONOTONIC, ns */
/* Something that the trace lacks: counted under a name that stays valid. */
void record_missing(struct recorder *r, const char *what);
/*
 * That the program traces one of its tasks: the first time, it is said at once, and what follows.
 */
void record_missing_trace(struct recorder *r, const char *consequence);

/* Begins to record faults, of pid first, as far as that is wanted and allowed: calls serialised. */
void record_open_faults(struct recorder *r, pid_t pid);

/* ---- record_launch.c ---- */

struct launch {
	pid_t pid;             /* the program's first process */
	bool looks;            /* looks at what was written to, too */
	bool told;             /* its filter has a listener ... */
	int listener;          /* ... which is here; -1: not yet, or not any more */
	struct listen *listen; /* receives from it; NULL: as listener */
	pid_t guard;           /* keeps it open */
	int go[2];             /* a byte when the program may run */
	int error[2];          /* its errno if it cannot; but first, if told, its listener */
};

/* Forks the program, which is traced and waits: 0 or -errno. */
must_check int launch_start(struct recorder *r, struct launch *launch);
/* It installs its filter, and execs. */
void launch_go(struct launch *launch);
/* Takes the listener, when the program has said in launch->error which it is. */
void launch_take_listener(struct launch *launch);
/* The guard of a listener: a child of this process, or -1. */
pid_t launch_guard(int listener);
/* Why the program did not start; it has ended. */
const char *launch_error(const struct launch *launch);
void launch_close(struct launch *launch);

/* ---- record_tasks.c ---- */

/* They end the process if there is no memory. */
struct record_mm *mm_new(struct recorder *r);
struct task *task_new(struct recorder *r, pid_t tid);
void mm_enter(struct task *task, struct record_mm *mm);
/* May free the mm. */
void mm_leave(struct task *task);
void task_free(struct recorder *r, struct task *task);
/* A number that a line of /proc/TID/status has, or 0. */
int record_status_number(pid_t tid, const char *format);
/*
 * Will the fault that signal tells of come again and again?  The kernel lets it end the first
 * process of a PID namespace only if that is not traced.
 */
bool record_faults_for_ever(pid_t tid, int signal);
/* Does this process trace tid? */
bool record_traces(pid_t tid);

/* The calling thread runs before the program and all else, as far as it may. */
void record_raise_priority(void);

/* ---- record_hugetlb.c ---- */

/* Tells of the pools: before a call of task that uses huge pages. */
void hugetlb_look(struct recorder *r, const struct task *task);
/* The same for a call about such a file, of which blocks of 512 bytes are in memory. */
void hugetlb_tell_file(struct recorder *r, const struct task *task, uint32_t number,
		       uint64_t page_size, uint64_t blocks);

/* ---- record_attach.c ---- */

/* All processes asked for are traced and recorded from here on: 0, or -errno and a message. */
must_check int attach_begin(struct recorder *r);
void attach_ask_to_stop(struct recorder *r);
/* Everything has stopped that will. */
bool attach_ready_to_end(const struct recorder *r);
/* What has stopped runs on, untraced. */
void attach_end(struct recorder *r);

/* ---- record_stops.c ---- */

/*
 * A thread that runs already, of process tgid, with the mm of sharer, adopted before; 0: its own.
 */
void stops_adopt(struct recorder *r, pid_t tid, pid_t tgid, pid_t sharer, int status);
void stops_run_adopted(struct recorder *r);
/* The layouts that the programs go on with. */
void stops_queue_last_layouts(struct recorder *r);

/* One result of waitpid(). */
void stops_handle(struct recorder *r, pid_t tid, int status);
/* Now and then: lets go of calls that wait for one that does not end. */
void stops_tick(struct recorder *r);
void stops_end(struct recorder *r);

/* ---- record_let_go.c ---- */

/*
 * A stopped task does without its tracer from here on; in_call: it has stopped before a call, which
 * it will make again.  Returns the signal to detach it with, or -1: it cannot, and all is as
 * before.
 */
must_check int let_go_filter(struct recorder *r, struct task *task, bool in_call);
/* Lets calls run that wait in r->let_go. */
void let_go_serve(struct recorder *r);
/* Is that a guard, which has ended? */
bool let_go_is_guard(struct recorder *r, pid_t pid);

/* ---- record_calls.c ---- */

extern const struct record_call record_calls[];

/* For a call of another architecture; for one of no interest (never from the filter). */
enum { CALLS_FOREIGN = 0xffff, CALLS_OTHER = 0xfffe };

/* Installs the filter whose calls stop in this process: 0 or -errno. */
must_check int calls_install_filter(void);
/* That whose calls that wait, as below, wait for a listener: its descriptor, or -errno. */
must_check int calls_install_listener(bool looks);
#define CALLS_FILTER_MAX 512
/* A told call is not told again because of a signal that does not kill (Linux 5.19). */
#define CALLS_WAIT_KILLABLE (1u << 5)

/* CALLS_FILTER_MAX of code: a filter that tells a listener of all calls of interest. Its length. */
unsigned short calls_filter_all(struct sock_filter *code);
/* Answers a call that waits for a listener, if it still does; flags: SECCOMP_USER_NOTIF_FLAG_*. */
void calls_answer(int listener, uint64_t id, unsigned flags, int error);
/* Is that call told?  If not, perf tells all of it. */
bool calls_is_told(const struct record_call *call, const uint64_t *args);
/*
 * Does that call wait for the listener: is it told, or (looks) does it need a look at the memory?
 */
bool calls_waits(const struct record_call *call, const uint64_t *args, bool looks);
/* The filter for perf's events of calls. */
void calls_perf_filter(char *text, size_t size);
/* What the filter would say of a call. */
unsigned calls_find(uint32_t arch, uint64_t nr, const uint64_t *args);
unsigned calls_find_native(uint64_t nr, const uint64_t *args);
/* task->event from task->call and task->arg, when the call is about to run. False: leave it out. */
must_check bool calls_fill(struct recorder *r, struct task *task);
/* task->event is complete but for what only a result can tell. */
void calls_result(struct recorder *r, struct task *task, int64_t result);
/* len bytes at address of the task: all of them, or false. */
must_check bool calls_peek(const struct task *task, uint64_t address, void *to, size_t len);

/* ---- record_marks.c ---- */

must_check struct marks *marks_create(void);
void marks_free(struct marks *marks);
/*
 * A fingerprint of the open file that fd is in tid: the same in all processes while it lives; or
 * -errno: -EBADF if there is no such descriptor.
 */
int marks_place(struct marks *marks, pid_t tid, int fd);
/* True: both descriptors are there, and are different open files. */
bool marks_differ(pid_t tid, int fd, pid_t other, int other_fd);

/* ---- record_beside.c ---- */

/* The latest mappings of an inode: all zero to begin with. */
struct beside {
	struct shown *shown;
	size_t n; /* ever */
};

void beside_free(struct beside *beside);
/* A mapping that succeeded; start: where, 0 if that is not known; way: all that must be equal. */
void beside_add(struct beside *beside, const struct trace_event *mmap, uint64_t start,
		uint32_t way);
/* Is there one of that open file? */
bool beside_has(const struct beside *beside, uint32_t number);
/* The open file of the mapping that one there (0: anywhere) comes beside; or TRACE_NO_FILE. */
uint32_t beside_number(const struct beside *beside, const struct trace_event *mmap, uint64_t start,
		       uint32_t way, bool after);

/* ---- record_closes.c ---- */

must_check struct closes *closes_create(void);
void closes_free(struct closes *closes);
/* From here on it is noticed when nobody has the userfaultfd any more. */
void closes_watch(struct recorder *r, const struct task *task, int fd, uint32_t number);
/* Queues UFFD_CLOSE events: before a call of task. */
void closes_see(struct recorder *r, const struct task *task);

/* ---- record_files.c ---- */

must_check struct files *files_create(void);
void files_free(struct files *files);
/* The number of a task's descriptor; its FILE event is queued if it is new. */
uint32_t files_of_fd(struct recorder *r, const struct task *task, int fd);
/*
 * The FILE_SIZE event of what a descriptor is, as large as it is now; false if it was never mapped
 * by one, so that nobody asks.
 */
bool files_resized(struct recorder *r, const struct task *task, int fd, struct trace_event *event);
/* Is there more to see of that mmap when it has returned? */
bool files_wants_result(const struct recorder *r, const struct trace_event *mmap);
/*
 * It has returned result: queues events that must stand before it, and mends its open file, if the
 * kernel's merging shows that it is another.
 */
void files_mapped(struct recorder *r, const struct task *task, struct trace_event *mmap,
		  int64_t result);
/* Nobody sees its result. */
void files_mapped_unseen(struct recorder *r, const struct trace_event *mmap);
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
/* The flags of the VMA at address of a task that has stopped, or false. */
must_check bool layout_read_flags(const struct task *task, uint64_t address, uint64_t *flags);

enum beside_what {
	BESIDE_MERGED,  /* one VMA */
	BESIDE_APART,   /* two, and only their open files can be why */
	BESIDE_UNKNOWN, /* two, and there may be other reasons */
};

/* What became of a new mapping of a file and the one before or after it, of a stopped task. */
enum beside_what layout_beside(const struct task *task, uint64_t start, uint64_t end, bool after);

/* ---- record_mount.c ---- */

/* The root of a new mount of a file system of the kernel's own, to open files in; or -errno. */
must_check int record_mount(const char *type);

/* ---- record_cgroup.c ---- */

/* A new group below that of this process; NULL if the system has or allows none. */
must_check struct cgroup *cgroup_create(void);
int cgroup_fd(const struct cgroup *group);
/* Moves a process, with all it will start: 0 or -errno. */
must_check int cgroup_add(const struct cgroup *group, pid_t pid);
/* Is that task still in the group, or in one below?  True if nobody knows. */
bool cgroup_holds(const struct cgroup *group, pid_t tid);
/* All that was in it must have ended. */
void cgroup_free(struct cgroup *group);

/* ---- record_perf.c ---- */

enum sample_kind {
	SAMPLE_FAULT,
	SAMPLE_LOCK, /* tid got an mmap lock */
	SAMPLE_ENTER,
	SAMPLE_RETURN, /* a call */
	SAMPLE_BIRTH,
	SAMPLE_DEATH, /* of tid */
};

struct sample {
	uint64_t time; /* ns */
	uint32_t tid;
	uint16_t kind; /* enum sample_kind */
	uint16_t bits; /* FAULT: trace_fault; LOCK: to write?; BIRTH: a thread? */
	union {
		uint64_t address; /* FAULT */
		int64_t nr;       /* ENTER, RETURN */
	};
	uint64_t arg[6]; /* ENTER; RETURN: the result; BIRTH: the parent's tid */
};

int sample_compare(const void *a, const void *b); /* by time, for qsort() */

struct perf_wanted {
	pid_t pid;         /* of this process and its children ... */
	const char *calls; /* NULL, or ... of all, these calls too, births and deaths */
	int cgroup;        /* with calls: of this control group alone; -1: of all */
	bool faults;
	size_t ring_size; /* bytes, a power of two; 0: what is good */
};

/*
 * Samples from now on; or NULL and *why.  Without calls: if the tracepoints are refused,
 * which *why tells, the software event is taken: the program's own faults only, all
 * TRACE_FAULT_UNKNOWN; LOCK samples are those for writing.
 */
must_check struct perf *perf_open(const struct perf_wanted *wanted, char *why, size_t size);
/* The same of another thread; false: not all of its faults will be seen. */
must_check bool perf_follow(struct perf *perf, pid_t tid);
bool perf_complete(const struct perf *perf); /* by the tracepoints */
/* Appends what has been seen since the last call to (*list)[*n], reallocating; 0 or -ENOMEM. */
must_check int perf_take(struct perf *perf, struct sample **list, size_t *n, size_t *cap);
uint64_t perf_lost(struct perf *perf);
void perf_close(struct perf *perf);

/* ---- record_listen.c ---- */

struct seccomp_notif;

/* Receives the calls that wait for that descriptor, from now on; NULL: it cannot. */
must_check struct listen *listen_create(int listener);
int listen_fd(const struct listen *listen); /* readable where listen_take has one */
/* The next call that waits, until it is answered.  False: there is none. */
must_check bool listen_take(struct listen *listen, struct seccomp_notif *told);
/* That call needs no more of the recorder's attention: another can be received. */
void listen_done(struct listen *listen);
/*
 * Has no task the filter any more?  Where nothing has come for a while (idle), the kernel is asked.
 */
bool listen_ended(const struct listen *listen, bool idle);
/* What is not answered waits until the descriptor is closed. */
void listen_free(struct listen *listen);

/* ---- record_watch.c ---- */

#define WATCH_OPTIONS                                                                         \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | \
	 PTRACE_O_EXITKILL)

/* Waits for a told call, a stop or a signal, not for long; handles them.  False: all is over. */
bool watch_once(struct recorder *r, struct launch *launch);
/* What is known of a task that was let go, and whose end nobody else tells, is forgotten. */
void watch_died(struct recorder *r, pid_t tid);
/* A process that a thread made of which nothing was told is traced from here on, if it lives. */
void watch_adopt(struct recorder *r, pid_t tid);

/* ---- record_stream.c ---- */

enum note_kind {
	NOTE_EVENT,   /* the event, now; its task is a tid */
	NOTE_CALL,    /* the event will be tid's next call */
	NOTE_FOREIGN, /* tid's next call is no such call as its number says */
	NOTE_LEAVES,  /* tid is not recorded any more */
	NOTE_EXEC,    /* tid has execed, and was event->arg[0] before */
};

must_check struct stream *stream_create(void);
void stream_free(struct stream *stream);
/* At r->now, of what is stopped.  event may be NULL where it says nothing. */
void stream_note(struct recorder *r, enum note_kind kind, pid_t tid,
		 const struct trace_event *event);
/* Writes what is old enough to have all samples beside it; last: everything. */
void stream_flush(struct recorder *r, bool last);
/* Does a task of the program live, as far as it is known by now? */
bool stream_is_alive(const struct stream *stream);
/* Samples that came too late to be put in order. */
uint64_t stream_late(const struct stream *stream);

/* ---- record_written.c ---- */

/* Can this kernel be asked? */
bool written_supported(void);
/* mm is that of tid, which has stopped or not run yet. */
void written_open(struct recorder *r, struct record_mm *mm, pid_t tid);
void written_close(struct record_mm *mm);
/*
 * Queues inferred faults: before task's call runs, when it has returned, and before its layout
 * is read.  Of a task without mm the first and the last look into what it has now.
 */
void written_before(struct recorder *r, struct task *task);
void written_after(struct recorder *r, const struct task *task, int64_t result);
void written_anywhere(struct recorder *r, struct task *task);
/* Finds out whether a fault of unknown kind was a write, if its page tells. */
void written_classify(const struct record_mm *mm, struct sample *fault);

/* ---- record_queue.c ---- */

/*
 * Marks stand between the events and tell the queue whose faults are whose.
 */
enum queue_mark {
	MARK_BIRTH,       /* tid is this task now; its faults that came early follow */
	MARK_EXEC,        /* likewise, but those that came early are dropped */
	MARK_CALLS_EXEC,  /* faults of tid may come from its next address space: kept back */
	MARK_EXEC_FAILED, /* they did not */
	MARK_DEAD,        /* later faults of tid are dropped */
	MARK_GONE,        /* tid means nothing any more */
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
/* At once: numbers its tasks as the trace has it, and takes care that times do not fall. */
void queue_write(struct recorder *r, struct trace_event *event, uint64_t time);
/* There is no memory: nothing more is written. */
void queue_fail(struct recorder *r);

/* ---- record_info.c ---- */

/* Fills what is the machine's and the command's; the rest is the caller's. To be cleared. */
void info_collect(struct trace_info *info, char **command);
/* The same of a process that runs already. */
void info_collect_running(struct trace_info *info, pid_t pid);
/* The number behind key in a file that has it in some line. */
uint64_t info_find_number(const char *path, const char *key, uint64_t fallback);
/*
 * What a task (0: this process) lacks: capabilities, those in a user namespace being none, and huge
 * pages by PR_SET_THP_DISABLE.
 */
void info_status(pid_t tid, uint64_t *lacks_capabilities, bool *no_thp);

/* ---- record_rules.c ---- */

/* Does MADV_GUARD_INSTALL give VMAs of files an anon_vma?  False where it cannot be tried. */
bool rules_file_guards_prepare(void);

#endif
