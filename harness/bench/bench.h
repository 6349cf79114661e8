/*
 * bench - benchmark cases, and how they are checked, timed, counted and reported
 *
 *	bench_micro.c   layouts of N VMAs x cases (bench_find.c, ...) x indexes ─┐
 *	bench_trace.c   recorded programs x indexes                             ─┤ entries
 *	                                                                         ▼
 *	bench.c         one whole pass of each: hash, cost ─> all hashes agree? ─> gbench
 *	                                                                         ▼
 *	                                                              results (JSON, results.h)
 *
 * A case has a cycle: a fixed number of operations after which it begins anew
 * and the index is as it was.  Each cycle gives a digest of all answers, so
 * that whatever number of operations is timed, the answers are known to be
 * the same as in the checked pass, and the same for all indexes.
 *
 * Streams are so long that the processor cannot learn them: a branch predictor
 * of today remembers how thousands of queries went, and hits every branch of a
 * search when they come again, as no program's would.  Measured on a Zen 5 at 100
 * VMAs, ns a dependent find against the queries of a cycle (vmabench bench --cycle N):
 *
 *	queries   1 Ki  4 Ki  8 Ki  16 Ki  32 Ki  64 Ki  128 Ki  256 Ki  1 Mi
 *	array      9.1  12.0  31.0   35.1   36.9   38.0    38.4    37.4  38.7
 *	rbtree    20.0  18.8  19.0   23.8   24.4   27.1    27.4    26.4  32.1
 *
 * Edits grow to 32 Ki, gap searches to 4 Ki.  So a cycle is four times what the
 * worst of each kind needs: 256 Ki queries, half of that for edits, an eighth for gaps.
 */
#ifndef HARNESS_BENCH_H
#define HARNESS_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/measure/index_list.h"
#include "harness/measure/saved.h"
#include "indexes/vma_index.h"
#include "workloads/generate/layout.h"

#define BENCH_MAX_SIZES 16
#define BENCH_CYCLE     (1 << 18) /* the usual bench_options.cycle: see "Streams" */
#define BENCH_MAX_CYCLE (1 << 24)

struct bench_options {
	struct index_list indexes;
	size_t sizes[BENCH_MAX_SIZES]; /* numbers of VMAs */
	unsigned nsizes;
	const char *case_glob; /* GLOB,GLOB, for CASE and CASE/MODE; NULL: all */
	const char *trace_dir; /* where recorded programs are */
	unsigned repetitions;
	double min_time; /* seconds a repetition, at least */
	double limit;    /* seconds: a case with a longer cycle is skipped */
	uint64_t seed;
	uint64_t cycle; /* queries after which a stream begins anew */
	uint64_t count; /* not 0: that many operations of each, no times */
	FILE *talk;     /* for lines about what is skipped */
	bool quiet;     /* no progress display */
};

/* One benchmark of one index: what a family of cases hands over. */
struct bench_entry {
	const char *index, *name, *mode;
	size_t vmas;
	bool null; /* VMA_INDEX_NULL: exempt from comparisons */
	void *ctx;
	const char *(*run)(void *ctx, uint64_t n); /* as in gbench.h */
	void (*restore)(void *ctx);                /* after each run, untimed; may be NULL */
	void (*rewind)(void *ctx);                 /* back to where the cycle begins; may be NULL */
	uint64_t (*hash)(void *ctx); /* of the first cycle's answers and what it left */
	/* NULL, or what is wrong with the answers or the index; not for null indexes. */
	const char *(*verify)(void *ctx);
	uint64_t unit, batch, cycle; /* operations: the fewest, in a run, in all */

	/* found out by bench_check() */
	uint64_t digest;
	double op_seconds; /* what one operation takes, restore included */
	uint64_t probed;   /* operations of the last probe */
	bool skipped;
};

/* ---- a session: everything of one run of the benchmark (bench.c) ---- */

struct bench_session;

must_check struct bench_session *bench_begin(const struct bench_options *options);
/* The results, to be json_decref'd; *status is STATUS_OK or STATUS_DIFFERENCE. */
must_check json_t *bench_finish(struct bench_session *session, int *status);
const struct bench_options *bench_options(const struct bench_session *session);

/*
 * The results so far, a new reference: for saved.h, whose ctx is the session.
 */
json_t *bench_results(void *session);
/* From now on saved has the results after each case; those that it has already are taken on. */
must_check int bench_save(struct bench_session *session, struct saved *saved);

/* Is the case to be run: the run goes on, and saved does not have it yet? */
bool bench_case_left(const struct bench_session *session, const char *name, const char *mode,
		     size_t vmas);
/*
 * A case of saved.h lies between begin and end: it is done then, and saved.  What it has added
 * to the results is taken back if the run was stopped, or if saved has it already.
 */
void bench_case_begin(struct bench_session *session, const char *name, const char *mode,
		      size_t vmas);
void bench_case_end(struct bench_session *session);

/* Does GLOB,GLOB match the case NAME or NAME/MODE?  globs may be NULL: all. */
bool bench_matches(const char *globs, const char *name, const char *mode);
/* Is there any case, or recorded program in trace_dir, that it matches? */
bool bench_micro_known(const char *glob);
bool bench_traces_known(const char *glob, const char *trace_dir);

/* Is the case wanted by --case? */
bool bench_wanted(const struct bench_session *session, const char *name, const char *mode);
/* A line for the user, and a record in the results' "skipped". */
void bench_skip(struct bench_session *session, const char *index, const char *name,
		const char *mode, size_t vmas, const char *reason);
/* What has to be said beside all numbers of a program: a line, and a record in "notes". */
void bench_note(struct bench_session *session, const char *name, const char *note);
/* An entry of the results' "memory", "parts", "speed"; stolen. */
void bench_memory(struct bench_session *session, json_t *memory);
void bench_part(struct bench_session *session, json_t *part);
void bench_speed(struct bench_session *session, json_t *speed);
/* The latency of the machine's memory, into the results' context. */
void bench_latency(struct bench_session *session);
/* A difference between indexes: the run fails. A line, and a record in "failed". */
void bench_fail(struct bench_session *session, const char *name, const char *mode, size_t vmas,
		const char *reason);
/* For the progress display: so much more is to be done; so much, called that, is done. */
void bench_plan(struct bench_session *session, double weight);
void bench_done(struct bench_session *session, double weight, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Runs one cycle, which warms up, tells the cost and gives the digest.
 * An entry whose cycle would take longer than the limit is skipped, with a line.
 */
void bench_check(struct bench_session *session, struct bench_entry *entry);
/*
 * Times the entries that are not skipped, interleaved, if the digests of each
 * (name, mode, vmas) agree; verifies them; adds them to the results.
 */
void bench_time(struct bench_session *session, struct bench_entry *entries, size_t n,
		unsigned repetitions);

/* The families: each says how much there is to do, and does what is wanted. */
void bench_micro_plan(struct bench_session *session);
void bench_micro(struct bench_session *session);
void bench_traces_plan(struct bench_session *session);
void bench_traces(struct bench_session *session);
/* One program, decoded: how fast it is read and replayed (bench_speed.c). */
struct program;
void bench_program_speed(struct bench_session *session, const struct program *program);
/* What each part of mm costs it, where the case parts-NAME is wanted (bench_parts.c). */
bool bench_parts_matches(const char *globs, const char *program);
bool bench_parts_wanted(const struct bench_session *session, const char *program);
void bench_program_parts(struct bench_session *session, const struct program *program);

/*
 * Flushes the branch predictor, about a millisecond long: before a program
 * that is so short that the processor learns it when it runs again and again.
 */
void bench_flush_predictor(void);

/* ---- an index under test with its VMAs (bench_space.c) ---- */

#define BENCH_SPARE_VMAS 2 /* beyond the layout's, for splits */

/* The size of Linux's vm_area_struct, its node included. */
#define BENCH_VMA_SIZE 192

struct bench_vma {
	unsigned long vm_start, vm_end;
	uint64_t value; /* stands where vm_flags does; follows from the number */
};

struct bench_space {
	const struct vma_index_ops *ops;
	const struct layout *layout;
	struct arena *arena;
	struct vma_index *index;
	char *slab;    /* the VMAs, by number: shuffled against their addresses */
	size_t stride; /* bytes a VMA: the same for all indexes */
	size_t slab_size;
	bool by_edits;                  /* aged by edits; else built as it would have become */
	bool clean;                     /* verified since the last edit */
	uint64_t contents;              /* bench_contents() when it was made */
	struct arena_stats fresh, aged; /* memory after building, after ageing */
	size_t fresh_footprint, aged_footprint;
};

static inline struct vm_area_struct *bench_vma(const struct bench_space *space, size_t number)
{
	return (struct vm_area_struct *)(space->slab + number * space->stride +
					 space->ops->node_size);
}

static inline size_t bench_vma_number(const struct bench_space *space,
				      const struct vm_area_struct *vma)
{
	return ((const char *)vma - space->ops->node_size - space->slab) / space->stride;
}

static inline uint64_t bench_vma_value(const struct vm_area_struct *vma)
{
	return ((const struct bench_vma *)vma)->value;
}

/* Bytes that each VMA has to have so that it is the same for all these indexes. */
size_t bench_stride(const struct index_list *indexes);

/*
 * The layout in an index: built, aged by the layout's moves, or built as aged
 * where the moves would take longer than limit seconds.  NULL if out of memory.
 */
must_check struct bench_space *bench_space_create(const struct vma_index_ops *ops,
						  const struct layout *layout, size_t stride,
						  double limit);
void bench_space_destroy(struct bench_space *space);

/* The digest of what the index holds: bounds and number of each VMA, in order. */
uint64_t bench_contents(const struct bench_space *space);

/* VMA from where it stands to place: two edits. False when out of memory. */
bool bench_move(struct bench_space *space, struct vm_area_struct *vma, const struct place *place);

/* ---- a case over layouts (bench_find.c, bench_gap.c, bench_edit.c, and so on) ---- */

struct bench_run {
	const struct bench_case *kase;
	struct bench_space *space;
	const void *stream;          /* what prepare made, shared by all indexes */
	void *own;                   /* what open made */
	uint64_t unit, batch, cycle; /* as in bench_entry; prepare sets them */
	uint64_t mirror;             /* of so many the second half undoes the first; 0: of none */
	uint64_t pos;                /* in the cycle */
	uint64_t since;              /* operations since the last restore */
	uint64_t digest;             /* of the answers since the cycle began */
	uint64_t contents;           /* of what an edit left, in the first cycle */
	uint64_t expected;           /* the digest at the end of the first cycle */
	uint64_t cycles, wrong;      /* whole ones; those with another digest */
	bool failed;                 /* out of memory */
};

struct bench_case {
	const char *name, *mode;
	const char *operation; /* what one operation is, for people */
	bool edits;            /* changes the index */
	/*
	 * Sets unit, batch, mirror, and cycle, which was options->cycle; returns the stream, to
	 * be freed, or NULL: no memory.
	 */
	void *(*prepare)(const struct layout *layout, struct bench_run *run, struct rng *rng);
	bool (*open)(struct bench_run *run);  /* may be NULL; false: no memory */
	void (*close)(struct bench_run *run); /* may be NULL */
	/* Operations pos to pos + n - 1 of the cycle; returns the digest, continued. */
	uint64_t (*run)(struct bench_run *run, uint64_t pos, uint64_t n, uint64_t digest);
	void (*restore)(struct bench_run *run); /* the last run->since ones; may be NULL */
};

/* Adds a case; before main(). */
void bench_case_register(const struct bench_case *kase);
/* The i-th case by name, or NULL past the last. */
const struct bench_case *bench_case_at(size_t i);

#define BENCH_CASES_REGISTER(cases)                                     \
	__attribute__((constructor)) static void cases##_register(void) \
	{                                                               \
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)          \
			bench_case_register(&(cases)[i]);               \
	}                                                               \
	_Static_assert(1, "")

/* Cheap enough to take part in what is timed; not as strong as hash_add. */
static inline uint64_t bench_digest(uint64_t digest, uint64_t answer)
{
	return digest * 0x9e3779b97f4a7c15 + answer;
}

/* The answer "this VMA", without touching it; the same number for all indexes. */
static inline uint64_t bench_which(const struct bench_space *space,
				   const struct vm_area_struct *vma)
{
	return (uintptr_t)vma - (uintptr_t)space->slab - space->ops->node_size;
}

/* 0, which the compiler does not know: makes one operation wait for another's answer. */
static inline uint64_t bench_zero(void)
{
	uint64_t zero = 0;

	__asm__ volatile("" : "+r"(zero));
	return zero;
}

#endif
