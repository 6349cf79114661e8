/*
 * stage - one writer and some readers on an index (see stage.h)
 */
#include "tests/rcu/stage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rcu.h"
#include "base/rng.h"
#include "base/rwlock.h"
#include "tests/rcu/history.h"

#define STAGE_READERS 4
#define STAGE_ANSWERS 40000 /* of one reader in one round */
#define STAGE_RETIRED 64    /* VMAs that wait for a grace period together */
#define STAGE_STEPS   8     /* of a cursor behind a seek */

struct stage_range {
	unsigned long start, end;
	struct vm_area_struct *vma;
};

struct stage {
	const struct stage_play *play;
	struct arena *arena;
	struct vma_index *index;
	struct history *history;
	struct rwlock lock;
	pthread_barrier_t barrier;
	bool rcu;        /* else under the lock */
	bool parts;      /* of an edit may be seen */
	bool over, done; /* done: the writer, with this round; over: all rounds */
	char *slab;
	size_t stride, nslab;
	bool *used; /* each VMA of the slab: not free to be used again */
	struct vm_area_struct **spare, *retired[STAGE_RETIRED];
	size_t nspare, nretired;
	struct stage_range *ranges; /* the writer's own, in address order */
	size_t n;
	struct history_answer *answers; /* of all readers */
	size_t told[STAGE_READERS];
	uint64_t operations; /* edits and answers, in all rounds so far */
	const char *wrong;   /* set by readers */
};

struct stage_reader {
	struct stage *stage;
	unsigned number;
	struct rng rng;
	pthread_t thread;
};

/* ---- the objects ---- */

static size_t stage_number(const struct stage *stage, const struct vm_area_struct *vma)
{
	return ((char *)vma - stage->play->ops->node_size - stage->slab) / stage->stride;
}

static struct vm_area_struct *stage_new(struct stage *stage)
{
	struct vm_area_struct *vma = stage->spare[--stage->nspare];

	__atomic_store_n(&stage->used[stage_number(stage, vma)], true, __ATOMIC_RELEASE);
	return vma;
}

static void stage_free(struct stage *stage, struct vm_area_struct *vma)
{
	__atomic_store_n(&stage->used[stage_number(stage, vma)], false, __ATOMIC_RELEASE);
	stage->spare[stage->nspare++] = vma;
}

static void stage_retire(struct stage *stage, struct vm_area_struct *vma)
{
	stage->retired[stage->nretired++] = vma;
	if (stage->nretired < STAGE_RETIRED)
		return;
	synchronize_rcu();
	while (stage->nretired)
		stage_free(stage, stage->retired[--stage->nretired]);
}

/* ---- the writer ---- */

static unsigned long stage_page(const struct stage *stage, struct rng *rng)
{
	return (rng_below(rng, 4 * stage->play->vmas) << stage->play->shift) * PAGE_SIZE;
}

static size_t stage_first(const struct stage *stage, unsigned long addr)
{
	size_t lo = 0, hi = stage->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (stage->ranges[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* A window from about a random address over a few VMAs; *first and *count say over which. */
static void stage_window(const struct stage *stage, struct rng *rng, struct vma_edit *edit,
			 size_t *first, size_t *count)
{
	unsigned long unit = PAGE_SIZE << stage->play->shift, room;

	edit->lo = stage_page(stage, rng);
	*first = stage_first(stage, edit->lo);
	*count = rng_below(rng, rng_one_in(rng, 300) ? 90 : 3);
	if (*first < stage->n && stage->ranges[*first].start <= edit->lo) {
		edit->lo = stage->ranges[*first].start;
		*count += !*count;
	}
	*count = min(*count, stage->n - *first);
	edit->hi = *count ? stage->ranges[*first + *count - 1].end : edit->lo;
	room = *first + *count < stage->n ? stage->ranges[*first + *count].start : VMA_INDEX_END;
	room = min(room - edit->hi, 4 * unit);
	edit->hi += room / unit ? rng_below(rng, room / unit + 1) * unit : 0;
	if (edit->hi == edit->lo)
		edit->hi += unit;
}

/* What stands in the window afterwards: old VMAs of it, in any order, and new ones. */
static void stage_puts(struct stage *stage, struct rng *rng, struct vma_edit *edit, size_t first,
		       size_t count)
{
	unsigned long unit = PAGE_SIZE << stage->play->shift, at = edit->lo;
	unsigned want = stage->n < stage->play->vmas ? 1 + rng_below(rng, 3) : rng_below(rng, 3);

	edit->nput = 0;
	for (unsigned i = 0; i < want && at < edit->hi; i++) {
		struct vma_put *put = &edit->put[edit->nput++];
		size_t old = first + i;

		put->start = at + rng_below(rng, 2) * unit;
		put->start = min(put->start, edit->hi - unit);
		put->end = put->start + (1 + rng_below(rng, (edit->hi - put->start) / unit)) * unit;
		put->vma = i < count && !rng_one_in(rng, 4) ? stage->ranges[old].vma
							    : stage_new(stage);
		at = put->end;
	}
}

static bool stage_stays(const struct vma_edit *edit, const struct vm_area_struct *vma)
{
	for (unsigned i = 0; i < edit->nput; i++) {
		if (edit->put[i].vma == vma)
			return true;
	}
	return false;
}

/* The edit, done to the index; history knows of it. */
static bool stage_commit(struct stage *stage, const struct vma_edit *edit)
{
	const struct vma_index_ops *ops = stage->play->ops;
	bool ok;

	if (!stage->rcu)
		rwlock_write_lock(&stage->lock);
	ok = !ops->reserve(stage->index, edit, 1) && !history_begin(stage->history, edit);
	if (ok) {
		ops->commit(stage->index, edit);
		history_done(stage->history);
	}
	if (!stage->rcu)
		rwlock_write_unlock(&stage->lock);
	return ok;
}

static bool stage_edit(struct stage *stage, struct rng *rng)
{
	struct stage_range gone[96];
	struct vma_edit edit;
	size_t first, count;

	stage_window(stage, rng, &edit, &first, &count);
	stage_puts(stage, rng, &edit, first, count);
	if (!stage_commit(stage, &edit))
		return false;
	memcpy(gone, stage->ranges + first, count * sizeof(*gone));
	memmove(stage->ranges + first + edit.nput, stage->ranges + first + count,
		(stage->n - first - count) * sizeof(*gone));
	stage->n += edit.nput - count;
	for (unsigned i = 0; i < edit.nput; i++)
		stage->ranges[first + i] =
			(struct stage_range){ edit.put[i].start, edit.put[i].end, edit.put[i].vma };
	for (size_t i = 0; i < count; i++) {
		if (!stage_stays(&edit, gone[i].vma))
			stage_retire(stage, gone[i].vma);
	}
	return true;
}

/* ---- readers ---- */

static void stage_begin(struct stage *stage)
{
	if (stage->rcu)
		rcu_read_lock();
	else
		rwlock_read_lock(&stage->lock);
}

static void stage_end(struct stage *stage)
{
	if (stage->rcu)
		rcu_read_unlock();
	else
		rwlock_read_unlock(&stage->lock);
}

/* Notes the answer; what is told must be a VMA, and not one that is free. */
static void stage_note(struct stage *stage, unsigned reader, struct history_answer answer)
{
	const char *wrong = NULL;
	size_t number;

	answer.to = history_told(stage->history);
	if (answer.vma) {
		number = stage_number(stage, answer.vma);
		if (number >= stage->nslab || answer.vma != stage->slab + number * stage->stride +
								    stage->play->ops->node_size)
			wrong = "an answer is not a VMA";
		else if (!__atomic_load_n(&stage->used[number], __ATOMIC_ACQUIRE))
			wrong = "an answer is a VMA that was freed";
	}
	if (wrong)
		__atomic_store_n(&stage->wrong, wrong, __ATOMIC_RELAXED);
	else if (!stage->parts)
		stage->answers[reader * STAGE_ANSWERS + stage->told[reader]++] = answer;
}

/* A seek, some steps up, one down; those up are noted. */
static void stage_walk(struct stage *stage, struct stage_reader *reader, unsigned long addr)
{
	const struct vma_index_ops *ops = stage->play->ops;
	struct vma_cursor cursor = { .index = stage->index };
	uint64_t from = history_ask(stage->history);

	ops->seek(&cursor, addr);
	stage_note(stage, reader->number,
		   (struct history_answer){ .addr = addr, .vma = cursor.vma, .from = from });
	for (unsigned i = 0; i < STAGE_STEPS && cursor.vma; i++) {
		const void *after = cursor.vma;

		ops->next(&cursor);
		stage_note(stage, reader->number,
			   (struct history_answer){
				   .addr = addr, .after = after, .vma = cursor.vma, .from = from });
	}
	ops->prev(&cursor);
}

static void stage_question(struct stage *stage, struct stage_reader *reader)
{
	unsigned long addr = stage_page(stage, &reader->rng);
	struct history_answer answer = { .addr = addr };

	stage_begin(stage);
	if (rng_one_in(&reader->rng, 8)) {
		stage_walk(stage, reader, addr);
	} else {
		answer.from = history_ask(stage->history);
		answer.vma = stage->play->ops->find(stage->index, addr);
		stage_note(stage, reader->number, answer);
	}
	stage_end(stage);
}

static void *stage_read(void *arg)
{
	struct stage_reader *reader = arg;
	struct stage *stage = reader->stage;
	size_t *told = &stage->told[reader->number];

	rcu_register_thread();
	for (;;) {
		pthread_barrier_wait(&stage->barrier);
		if (stage->over)
			break;
		for (unsigned i = 0; !__atomic_load_n(&stage->done, __ATOMIC_ACQUIRE) &&
				     i < STAGE_ANSWERS && *told + STAGE_STEPS + 1 < STAGE_ANSWERS;
		     i++)
			stage_question(stage, reader);
		pthread_barrier_wait(&stage->barrier);
	}
	rcu_unregister_thread();
	return NULL;
}

/* ---- rounds ---- */

/* Puts the answers of all readers in a row; returns how many there are. */
static size_t stage_gather(struct stage *stage)
{
	size_t n = 0;

	for (unsigned i = 0; i < stage->play->readers; i++) {
		memmove(stage->answers + n, stage->answers + i * STAGE_ANSWERS,
			stage->told[i] * sizeof(*stage->answers));
		n += stage->told[i];
		stage->told[i] = 0;
	}
	return n;
}

static bool stage_check(struct stage *stage, char *why, size_t size)
{
	size_t n = stage_gather(stage);
	unsigned broken;

	stage->operations += stage->play->edits + n;
	if (stage->wrong) {
		snprintf(why, size, "%s: %s", stage->play->ops->name, stage->wrong);
		return false;
	}
	if (history_check(stage->history, stage->answers, n, why, size))
		return false;
	broken = stage->play->ops->verify(stage->index, NULL);
	if (broken)
		snprintf(why, size, "%s: verify finds invariant %u broken", stage->play->ops->name,
			 broken);
	return !broken;
}

static bool stage_round(struct stage *stage, struct rng *rng, char *why, size_t size)
{
	bool ok = true;

	__atomic_store_n(&stage->done, false, __ATOMIC_RELEASE);
	pthread_barrier_wait(&stage->barrier);
	for (unsigned i = 0; ok && i < stage->play->edits; i++)
		ok = stage_edit(stage, rng);
	__atomic_store_n(&stage->done, true, __ATOMIC_RELEASE);
	pthread_barrier_wait(&stage->barrier);
	if (ok)
		return stage_check(stage, why, size);
	snprintf(why, size, "%s: out of memory", stage->play->ops->name);
	return false;
}

__attribute__((noreturn)) static void stage_fails(void)
{
	fputs("tests: out of memory, or of threads\n", stderr);
	exit(EXIT_FAILURE);
}

static void *stage_alloc(size_t n, size_t each)
{
	void *memory = calloc(n, each);

	if (!memory)
		stage_fails();
	return memory;
}

static void stage_open(struct stage *stage, const struct stage_play *play)
{
	*stage = (struct stage){
		.play = play,
		.rcu = play->ops->caps & VMA_INDEX_RCU && !play->locked,
		.parts = play->ops->caps & VMA_INDEX_RCU_PARTS && !play->locked,
		.arena = arena_create(),
		.history = history_create(),
		.stride = (play->ops->node_size + sizeof(struct vma_bounds) + 63) & ~63UL,
		.nslab = 2 * play->vmas + 2 * STAGE_RETIRED + 100,
	};
	stage->slab = stage_alloc(stage->nslab, stage->stride);
	stage->used = stage_alloc(stage->nslab, sizeof(*stage->used));
	stage->spare = stage_alloc(stage->nslab, sizeof(void *));
	stage->ranges = stage_alloc(stage->nslab, sizeof(*stage->ranges));
	stage->answers = stage_alloc(play->readers * STAGE_ANSWERS, sizeof(*stage->answers));
	stage->index = stage->arena ? vma_index_create(play->ops, stage->arena) : NULL;
	if (!stage->index || !stage->history)
		stage_fails();
	for (size_t i = 0; i < stage->nslab; i++)
		stage->spare[stage->nspare++] =
			(struct vm_area_struct *)(stage->slab + i * stage->stride +
						  play->ops->node_size);
	pthread_barrier_init(&stage->barrier, NULL, play->readers + 1);
}

static void stage_close(struct stage *stage)
{
	pthread_barrier_destroy(&stage->barrier);
	vma_index_destroy(stage->index);
	arena_destroy(stage->arena);
	history_destroy(stage->history);
	free(stage->slab);
	free(stage->used);
	free(stage->spare);
	free(stage->ranges);
	free(stage->answers);
}

bool stage_run(const struct stage_play *play, char *why, size_t size)
{
	struct stage_reader readers[STAGE_READERS];
	struct stage stage;
	struct rng rng;
	bool ok = true;

	stage_open(&stage, play);
	rng_seed(&rng, play->seed);
	for (size_t i = 0; ok && i < 2 * play->vmas; i++)
		ok = stage_edit(&stage, &rng);
	for (unsigned i = 0; i < play->readers; i++) {
		readers[i] = (struct stage_reader){ .stage = &stage, .number = i };
		rng_seed(&readers[i].rng, mix64(play->seed) + i);
		if (pthread_create(&readers[i].thread, NULL, stage_read, &readers[i]))
			stage_fails();
	}
	for (unsigned i = 0; ok && (i < play->rounds || stage.operations < play->operations); i++)
		ok = stage_round(&stage, &rng, why, size);
	stage.over = true;
	pthread_barrier_wait(&stage.barrier);
	for (unsigned i = 0; i < play->readers; i++)
		pthread_join(readers[i].thread, NULL);
	stage_close(&stage);
	return ok;
}
