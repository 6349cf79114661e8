/*
 * What replay.c (the world), replay_calls.c (system calls), replay_fault.c (page
 * faults), replay_layout.c (recorded layouts) and replay_whatif.c (other policies) share.
 */
#ifndef HARNESS_REPLAY_INTERNAL_H
#define HARNESS_REPLAY_INTERNAL_H

#include "harness/replay/replay.h"
#include "harness/replay/translation.h"

/* A recorded layout on its way in: its VMA events follow one by one. */
struct replay_layout {
	enum trace_layout reason;
	size_t wanted, n, room;
	struct vma_layout *vmas;
};

struct replay_task {
	struct task_struct tsk;
	struct translation *map;   /* of tsk.mm, where options.whatif is set; else NULL */
	unsigned long personality; /* ADDR_COMPAT_LAYOUT, ADDR_NO_RANDOMIZE count */
	uint64_t process;          /* its first task's number: limits are theirs together, */
	struct limits limits;      /* capabilities are its own */
	bool alive;
};

#define REPLAY_SPECIALS 8

/* What a trace tells of a file, beyond what mm needs. */
struct replay_facts {
	uint64_t magic, mode, rdev;
};

struct replay_world {
	struct machine *machine;
	struct trace_info info; /* its strings are the reader's and not used here */
	bool writes_told;       /* faults of unknown kind: the recorder told which wrote */
	struct replay_options options;
	struct replay_counts counts;
	struct replay_task *tasks;      /* by number */
	struct file **files;            /* by number, NULL where there is none */
	struct inode **inodes;          /* by number */
	size_t ntasks, nfiles, ninodes; /* of the tables above, all from replay_budget */
	struct trace_event exec;        /* the exec whose layout is coming */
	struct replay_layout layout;
	struct arena *translations;
	struct replay_segment *segments; /* of huge pages (replay_hugetlb.c) */
	size_t nsegments;
	struct file **special; /* [vdso], [vvar] and their like, by name; NULL: free */
	size_t reclaim_at;     /* with so many pages in use, RAM is short */
	struct replay_name not_modelled[REPLAY_NAMES + 1];
	struct replay_facts *facts; /* of files, by number */
	size_t nfacts;
	int64_t result; /* of the last system call */
	uint64_t hash;
};

/*
 * For threads: the tables of tasks move no more up to that number; 0 or -ENOMEM.  Another view of
 * the same world, with results and counts of its own, or NULL if out of memory; files are
 * opened, and new tasks reserved, before there is one.  join ends it, and world has its counts.
 */
must_check int replay_reserve_tasks(struct replay_world *world, uint64_t number);
must_check struct replay_world *replay_beside(const struct replay_world *world);
void replay_join(struct replay_world *world, struct replay_world *beside);

void replay_difference(struct replay_world *world, const struct trace_event *recorded,
		       int64_t result, const char *text);

/* Counts a call without a rule in mm under a name, printf style. */
void replay_not_modelled(struct replay_world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- replay_files.c ---- */

/* FILE, FILE_SIZE, FILE_MORE, FILE_SEALS, FILE_FLAGS: 0 or -ENOMEM. */
must_check int replay_file_event(struct replay_world *world, const struct trace_event *event);

/* An mmap of a file of which mm has no rule: its driver is believed, and it is counted. */
void replay_count_driver(struct replay_world *world, const struct file *file);

/* Makes the table reach up to number, zeroed: 0 or -ENOMEM. */
must_check int replay_reach(void **table, size_t *n, size_t size, uint64_t number);

/* The open file of that number, NULL if it was never defined. */
struct file *replay_file(const struct replay_world *world, uint64_t number);

/* What the kernel maps itself under that name; NULL if out of memory. */
struct file *replay_special(struct replay_world *world, const char *name);

/* That task acts from here on: its limits count. Its mm, or NULL. */
struct mm_struct *replay_act_as(struct replay_world *world, uint32_t number);

/* The task of that number, born now if it was not; NULL if out of memory. */
struct replay_task *replay_task_born(struct replay_world *world, uint64_t number);

/* A task is about to leave its mm: if it is the last one, what mm is goes into the digest. */
void replay_digest(struct replay_world *world, const struct replay_task *task);

/* One system call of a task with an mm: done, compared. 0 or -ENOMEM. */
must_check int replay_call(struct replay_world *world, struct mm_struct *mm,
			   const struct trace_event *event);

/* What a call did, beside its result. */
struct outcome {
	int64_t result;
	bool placed;       /* the emulation chose the place */
	bool random;       /* the kernel rolled dice for it */
	bool unknown;      /* mm has no rule for the result */
	unsigned long len; /* of what was placed */
};

/* Does the call, as it is. */
void replay_perform(struct replay_world *world, struct mm_struct *mm,
		    const struct trace_event *event, struct outcome *out);

/* Are the two the same to a program?  VMAs of memory without a file have none. */
bool replay_same_file(const struct vm_area_struct *vma, const struct vma_layout *recorded);

/* Tells of a VMA that differs from the recorded one; either may be NULL. */
void replay_tell_layout(struct replay_world *world, const char *what,
			const struct vm_area_struct *vma, const struct vma_layout *recorded);

/* ---- replay_hugetlb.c ---- */

void replay_hugetlb_config(struct config *config, const struct trace_info *info);
/* Can mmap with these flags be modelled?  file: NULL for MAP_ANONYMOUS. */
bool replay_hugetlb_known(struct replay_world *world, const struct file *file, unsigned long flags);
/* What the recorder found of a file and of a pool: 0 or -ENOMEM. */
must_check int replay_huge_file(struct replay_world *world, const struct trace_event *event);
void replay_huge_pool(struct replay_world *world, const struct trace_event *event);
void replay_shmget(struct replay_world *world, const struct trace_event *e, struct outcome *out);
/* file is an attach of the segment with that id. */
void replay_hugetlb_attach(struct replay_world *world, struct file *file, uint64_t id);

/* ---- replay_whatif.c, replay_whatif_shape.c: where addresses are translated ---- */

/* The call, translated, with what it does to the translation. 0 or -ENOMEM. */
must_check int replay_whatif_call(struct replay_world *world, struct mm_struct *mm,
				  const struct trace_event *event, struct outcome *out);

/* A new program: everything is where it was. 0 or -ENOMEM. */
must_check int replay_whatif_exec(struct replay_world *world, struct replay_task *task);

/* Is all of the recorded layout in mm, and nothing else? */
bool replay_whatif_layout_equal(struct replay_world *world, struct mm_struct *mm,
				const struct translation *map);

/* After each event of a task with an mm. */
void replay_whatif_watch(struct replay_world *world, const struct replay_task *task);

/* A page fault. 0 or -ENOMEM. */
must_check int replay_fault(struct replay_world *world, const struct trace_event *event);

/* LAYOUT and VMA events, and what follows from them: exec, comparison. 0 or -ENOMEM. */
must_check int replay_layout_begin(struct replay_world *world, const struct trace_event *event);
void replay_layout_free(struct replay_layout *layout);
must_check int replay_layout_vma(struct replay_world *world, const struct trace_event *event);

#endif
