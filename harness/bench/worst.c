/*
 * worst - the slowest single edit of many, in instructions (see worst.h)
 *
 *	passes   e e e e e e e e e e e     ticks of each edit, the fewest of all passes
 *	                 ▼       ▼
 *	count    e e e e E e e e E e e     before those: fork; the child is stepped through E
 *
 *  1. The same seed gives the same edits on the same layout, built anew and aged in
 *     each pass: edit i finds the index in the same state every time.  What only noise made
 *     slow is fast in another pass.
 *  2. Time only picks the candidates, the CANDIDATES slowest; what counts is their number
 *     of instructions, found by stepping with ptrace, which any machine can do.  The median
 *     is that of a sample of SAMPLES edits, picked evenly, counted the same way.
 *  3. Edits come in fours: a random VMA is erased, and inserted at a random free place;
 *     a random VMA is split into three, and merged again.
 *  4. What is around the edit is counted by itself and taken off.  A repeated string
 *     instruction counts once for each repetition: moving a large array is many.
 */
#include "harness/bench/worst.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/bench/bench.h"
#include "harness/measure/clock.h"
#include "harness/measure/saved.h"

#define CANDIDATES 32
#define SAMPLES    101
#define LOOK_EVERY 4096 /* edits */
#define NO_LIMIT   1e9  /* seconds: it is aged by edits, whatever they take */

static const char *const kinds[] = { "erase", "insert", "split", "merge" };

/* ---- stepping ---- */

static void __attribute__((noreturn)) worst_child(void (*fn)(void *arg), void *arg)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	fn(arg);
	raise(SIGSTOP);
	_exit(0);
}

static int wait_for_stop(pid_t child, int *signal)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		return -errno;
	if (!WIFSTOPPED(status))
		return -ECHILD;
	*signal = WSTOPSIG(status);
	return 0;
}

/* From the child's one stop to the other: the instructions between, or -errno. */
static int worst_step(pid_t child, uint64_t *count)
{
	int signal = 0, err = wait_for_stop(child, &signal);

	for (*count = 0; !err; ++*count) {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL))
			return -errno;
		err = wait_for_stop(child, &signal);
		if (!err && signal == SIGSTOP)
			return 0;
		if (!err && signal != SIGTRAP)
			err = -EFAULT;
	}
	return err;
}

static int worst_count_all(void (*fn)(void *arg), void *arg, uint64_t *count)
{
	pid_t child = fork();
	int err;

	if (child < 0)
		return -errno;
	if (!child)
		worst_child(fn, arg);
	err = worst_step(child, count);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return err;
}

static void worst_nothing(void *arg)
{
	(void)arg;
}

int worst_count(void (*fn)(void *arg), void *arg, uint64_t *count)
{
	uint64_t around;
	int err = worst_count_all(worst_nothing, NULL, &around);

	if (!err)
		err = worst_count_all(fn, arg, count);
	if (!err)
		*count -= around;
	return err;
}

/* ---- the edits ---- */

struct worst {
	const struct vma_index_ops *ops;
	const struct worst_options *options;
	struct layout *layout;
	struct move *moves; /* one for each four edits, and their undoing */
	uint32_t *place;    /* of each VMA now */
	uint32_t *ticks;    /* of each edit, the fewest so far */
	struct bench_space *space;
	struct rng rng; /* for which VMA is split */
	uint32_t split; /* the VMA that is split, to be merged */
};

/* A random VMA of three pages or more, or LAYOUT_NO_VMA where none is. */
static uint32_t worst_large(struct worst *w)
{
	size_t vmas = w->layout->vmas, vma = rng_below(&w->rng, vmas);

	for (size_t tries = vmas; tries > 0; tries--, vma = (vma + 1) % vmas) {
		const struct place *place = &w->layout->places[w->place[vma]];

		if (place->end - place->start >= 3 * PAGE_SIZE)
			return vma;
	}
	return LAYOUT_NO_VMA;
}

static struct vma_edit worst_split(const struct worst *w, bool merge)
{
	size_t vmas = w->layout->vmas;
	const struct place *place = &w->layout->places[w->place[w->split]];
	unsigned long third = (place->end - place->start) / 3 & PAGE_MASK;
	struct vm_area_struct *vma = bench_vma(w->space, w->split);
	struct vma_edit edit = {
		.lo = place->start, .hi = place->end, .nput = 3, .put = {
			{ vma, place->start, place->start + third },
			{ bench_vma(w->space, vmas), place->start + third, place->end - third },
			{ bench_vma(w->space, vmas + 1), place->end - third, place->end },
		},
	};

	if (merge) {
		edit.nput = 1;
		edit.put[0].end = place->end;
	}
	return edit;
}

/* Edit number i; its predecessors have been done. */
static struct vma_edit worst_edit(struct worst *w, uint64_t i)
{
	const struct move *move = &w->moves[i / 4];
	const struct place *from = &w->layout->places[move->from];
	const struct place *to = &w->layout->places[move->to];

	switch (i % 4) {
	case 0:
		return (struct vma_edit){ .lo = from->start, .hi = from->end };
	case 1:
		w->place[move->vma] = move->to;
		return (struct vma_edit){
			.lo = to->start,
			.hi = to->end,
			.nput = 1,
			.put = { { bench_vma(w->space, move->vma), to->start, to->end } },
		};
	case 2:
		w->split = worst_large(w);
		/* fall through */
	default:
		return worst_split(w, i % 4 == 3);
	}
}

/* ---- passes ---- */

static void worst_end_pass(struct worst *w)
{
	bench_space_destroy(w->space);
	w->space = NULL;
}

static int worst_begin_pass(struct worst *w)
{
	const struct index_list one = { .ops = { w->ops }, .n = 1 };

	w->space = bench_space_create(w->ops, w->layout, bench_stride(&one), NO_LIMIT);
	rng_seed(&w->rng, w->options->seed + 1);
	memcpy(w->place, w->layout->aged, w->layout->vmas * sizeof(*w->place));
	return w->space ? 0 : -ENOMEM;
}

/* Now and then, between edits: how far it is, and whether to go on. */
static int worst_look(const struct worst *w, unsigned pass, uint64_t i)
{
	const struct worst_options *options = w->options;
	double part = (pass + (double)i / (double)options->edits) / (options->passes + 1);

	if (options->progress)
		progress_at(options->progress, part, "%s", w->ops->name);
	return saved_stopped() ? -EINTR : 0;
}

static int worst_pass(struct worst *w, unsigned pass)
{
	int err = worst_begin_pass(w);

	for (uint64_t i = 0; !err && i < w->options->edits; i++) {
		struct vma_edit edit = worst_edit(w, i);
		uint64_t begin = clock_ticks(), took;

		err = vma_index_edit(w->space->index, &edit);
		took = min(clock_ticks() - begin, (uint64_t)UINT32_MAX);
		w->ticks[i] = min(w->ticks[i], (uint32_t)took);
		if (!err && i % LOOK_EVERY == 0)
			err = worst_look(w, pass, i);
	}
	worst_end_pass(w);
	return err;
}

/* ---- which edits are counted, and what they take ---- */

struct counted {
	uint64_t number, instructions;
	bool candidate; /* one of the slowest; else of the sample */
};

/* The slowest edits and the sample, by their numbers; how many. */
static size_t worst_pick(const struct worst *w, struct counted *picked)
{
	uint64_t edits = w->options->edits, slow[CANDIDATES];
	size_t nslow = 0, n = 0;

	for (uint64_t i = 0; i < edits; i++) {
		size_t at = nslow;

		if (nslow == CANDIDATES && w->ticks[i] <= w->ticks[slow[nslow - 1]])
			continue;
		at = nslow == CANDIDATES ? nslow - 1 : nslow++;
		for (; at > 0 && w->ticks[slow[at - 1]] < w->ticks[i]; at--)
			slow[at] = slow[at - 1];
		slow[at] = i;
	}
	for (size_t i = 0; i < nslow; i++)
		picked[n++] = (struct counted){ .number = slow[i], .candidate = true };
	for (uint64_t i = 0; i < SAMPLES; i++)
		picked[n++] = (struct counted){ .number = (2 * i + 1) * edits / (2 * SAMPLES) };
	return n;
}

static int by_number(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int by_instructions(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;

	return (x->instructions > y->instructions) - (x->instructions < y->instructions);
}

struct stepped {
	struct vma_index *index;
	const struct vma_edit *edit;
};

static void worst_stepped(void *arg)
{
	const struct stepped *stepped = arg;

	if (vma_index_edit(stepped->index, stepped->edit))
		_exit(1);
}

/* One more pass; the picked edits, in their order, are counted before they are done. */
static int worst_count_pass(struct worst *w, struct counted *picked, size_t n)
{
	int err = worst_begin_pass(w);
	size_t next = 0;

	for (uint64_t i = 0; !err && next < n && i < w->options->edits; i++) {
		struct vma_edit edit = worst_edit(w, i);
		struct stepped stepped = { w->space->index, &edit };

		for (; !err && next < n && picked[next].number == i; next++)
			err = worst_count(worst_stepped, &stepped, &picked[next].instructions);
		if (!err)
			err = vma_index_edit(w->space->index, &edit);
		if (!err && i % LOOK_EVERY == 0)
			err = worst_look(w, w->options->passes, i);
	}
	worst_end_pass(w);
	return err;
}

static int worst_sum_up(struct worst *w, struct worst_result *result)
{
	struct counted picked[CANDIDATES + SAMPLES];
	size_t n = worst_pick(w, picked), sample = 0;
	int err;

	qsort(picked, n, sizeof(*picked), by_number);
	err = worst_count_pass(w, picked, n);
	if (err)
		return err;
	qsort(picked, n, sizeof(*picked), by_instructions);
	for (size_t i = 0; i < n; i++) {
		if (picked[i].candidate || sample++ != SAMPLES / 2)
			continue;
		result->median = picked[i].instructions;
		result->median_ticks = w->ticks[picked[i].number];
	}
	result->slowest = picked[n - 1].instructions;
	result->number = picked[n - 1].number;
	result->slowest_ticks = w->ticks[result->number];
	result->which = kinds[result->number % 4];
	return 0;
}

static void worst_free(struct worst *w)
{
	layout_destroy(w->layout);
	free(w->moves);
	free(w->place);
	free(w->ticks);
}

int worst_measure(const struct vma_index_ops *ops, const struct worst_options *options,
		  struct worst_result *result)
{
	struct worst w = { .ops = ops, .options = options };
	size_t nmoves = options->edits / 4 + 1;
	int err = -ENOMEM;

	w.layout = layout_create(options->vmas, options->seed);
	w.moves = malloc(2 * nmoves * sizeof(*w.moves));
	w.place = malloc(options->vmas * sizeof(*w.place));
	w.ticks = malloc(options->edits * sizeof(*w.ticks));
	if (w.layout && w.moves && w.place && w.ticks) {
		rng_seed(&w.rng, options->seed);
		memset(w.ticks, 0xff, options->edits * sizeof(*w.ticks));
		err = layout_churn(w.layout, &w.rng, w.moves, nmoves);
	}
	for (unsigned i = 0; !err && i < options->passes; i++)
		err = worst_pass(&w, i);
	if (!err)
		err = worst_sum_up(&w, result);
	if (options->progress)
		progress_clear(options->progress);
	worst_free(&w);
	return err;
}
