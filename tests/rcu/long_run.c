/*
 * Readers beside one writer, of each index, for as long as one likes: every answer was
 * true at some moment between question and answer (harness/history.h).
 *
 *	round   writer: random edits of one window each: inserts, erases, resizes, splits,
 *	                merges, whole stretches replaced
 *	        readers: find; seek and a few steps of next, or a scan
 *	        then nobody runs: all answers are checked, the index verified
 *
 * What an index with VMA_INDEX_RCU is asked needs no lock; of all others each
 * call is made under a rwlock.  TEST_LONG=1: 10^8 operations of each index that needs
 * none, 2 * 10^7 with ThreadSanitizer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/rcu.h"
#include "base/rng.h"
#include "base/rwlock.h"
#include "harness/history.h"
#include "tests/bed.h"
#include "tests/suite.h"

#define PAGES    600UL
#define EDITS    1500                   /* a round */
#define READERS  2
#define ANSWERS  20000                  /* of each reader, a round, at most */
#define POOL     (PAGES + VMA_EDIT_PUTS * EDITS)

#ifdef __SANITIZE_THREAD__
#define LONG_OPS 20000000UL
#else
#define LONG_OPS 100000000UL
#endif

struct readers {
	const struct vma_index_ops *ops;
	struct arena *arena;
	struct vma_index *index;
	struct history *history;
	bool locked;
	struct rwlock lock;
	char *memory;                           /* of the pool's VMAs */
	struct vm_area_struct *pool[POOL];      /* nfree that are in no index, and may be put in */
	size_t nfree;
	struct vm_area_struct *gone[POOL];      /* left the index in this round */
	size_t ngone;
	struct vm_area_struct *owner[PAGES];    /* what is in the index, by page */
	struct rng rng;
	bool writing;
};

struct reader {
	struct readers *all;
	struct rng rng;
	size_t n;
	struct history_answer *answers;         /* ANSWERS of them */
};

/* ---- the writer ---- */

/* Neither end of the window cuts a VMA. */
static void widen(const struct readers *r, unsigned long *lo, unsigned long *hi)
{
	while (*lo > 0 && r->owner[*lo] && r->owner[*lo - 1] == r->owner[*lo])
		--*lo;
	while (*hi < PAGES && r->owner[*hi] && r->owner[*hi - 1] == r->owner[*hi])
		++*hi;
}

/* A VMA of the window that is not put yet, or a new one. */
static struct vm_area_struct *some_vma(struct readers *r, const struct vma_edit *edit,
				       unsigned long lo, unsigned long hi)
{
	struct vm_area_struct *vma = r->owner[rng_between(&r->rng, lo, hi - 1)];

	for (unsigned i = 0; i < edit->nput; i++) {
		if (edit->put[i].vma == vma)
			vma = NULL;
	}
	return vma && !rng_one_in(&r->rng, 3) ? vma : r->pool[--r->nfree];
}

static struct vma_edit random_edit(struct readers *r)
{
	unsigned long lo = rng_below(&r->rng, PAGES), at;
	unsigned long hi = lo + rng_between(&r->rng, 1, 1UL << rng_below(&r->rng, 7));
	unsigned puts = rng_below(&r->rng, VMA_EDIT_PUTS + 1);
	struct vma_edit edit = { 0 };

	hi = min(hi, PAGES);
	widen(r, &lo, &hi);
	edit.lo = lo * PAGE_SIZE;
	edit.hi = hi * PAGE_SIZE;
	for (at = lo; edit.nput < puts && at < hi; edit.nput++) {
		unsigned long start = rng_between(&r->rng, at, hi - 1);
		unsigned long end = rng_between(&r->rng, start + 1, hi);

		edit.put[edit.nput].vma = some_vma(r, &edit, lo, hi);
		edit.put[edit.nput].start = start * PAGE_SIZE;
		edit.put[edit.nput].end = end * PAGE_SIZE;
		at = end;
	}
	return edit;
}

/* What the edit has done, by page; VMAs that left are not used again in this round. */
static void note(struct readers *r, const struct vma_edit *edit)
{
	struct vm_area_struct *before = NULL;

	for (unsigned long page = edit->lo / PAGE_SIZE; page < edit->hi / PAGE_SIZE; page++) {
		struct vm_area_struct *vma = r->owner[page];
		bool stays = !vma || vma == before;

		before = vma;
		r->owner[page] = NULL;
		for (unsigned i = 0; i < edit->nput; i++) {
			stays |= edit->put[i].vma == vma;
			if (page * PAGE_SIZE >= edit->put[i].start &&
			    page * PAGE_SIZE < edit->put[i].end)
				r->owner[page] = edit->put[i].vma;
		}
		if (!stays)
			r->gone[r->ngone++] = vma;
	}
}

static void write_once(struct readers *r)
{
	struct vma_edit edit = random_edit(r);

	for (unsigned i = 0; i < edit.nput; i++) {
		if (vma_end(edit.put[i].vma) == 0)
			vma_set_bounds(edit.put[i].vma, edit.put[i].start, edit.put[i].end);
	}
	ck_assert_int_eq(r->ops->reserve(r->index, &edit, 1), 0);
	ck_assert_int_eq(history_begin(r->history, &edit), 0);
	r->ops->commit(r->index, &edit);
	history_done(r->history);
	note(r, &edit);
}

static void *writer_main(void *arg)
{
	struct readers *r = arg;

	rcu_register_thread();
	for (unsigned i = 0; i < EDITS; i++) {
		if (r->locked)
			rwlock_write_lock(&r->lock);
		write_once(r);
		if (r->locked)
			rwlock_write_unlock(&r->lock);
	}
	__atomic_store_n(&r->writing, false, __ATOMIC_RELEASE);
	rcu_unregister_thread();
	return NULL;
}

/* ---- readers ---- */

static void begin_read(struct readers *r)
{
	if (r->locked)
		rwlock_read_lock(&r->lock);
	else
		rcu_read_lock();
}

static void end_read(struct readers *r)
{
	if (r->locked)
		rwlock_read_unlock(&r->lock);
	else
		rcu_read_unlock();
}

static void told(struct reader *reader, unsigned long addr, const void *after, const void *vma,
		 uint64_t from)
{
	reader->answers[reader->n++] = (struct history_answer){
		.addr = addr, .after = after, .vma = vma, .from = from,
		.to = history_told(reader->all->history),
	};
}

static void ask_find(struct reader *reader, unsigned long addr)
{
	struct readers *r = reader->all;
	uint64_t from = history_ask(r->history);

	told(reader, addr, NULL, r->ops->find(r->index, addr), from);
}

static void ask_walk(struct reader *reader, unsigned long addr)
{
	struct readers *r = reader->all;
	struct vma_cursor cursor = { .index = r->index };
	uint64_t from = history_ask(r->history);
	const struct vm_area_struct *vma = r->ops->seek(&cursor, addr), *before;

	told(reader, addr, NULL, vma, from);
	for (unsigned steps = rng_below(&reader->rng, 4); steps && vma; steps--) {
		before = vma;
		vma = r->ops->next(&cursor);
		told(reader, addr, before, vma, from);
	}
}

/* All from an address on, three at a time: as by next, so nothing that was there is passed by. */
static void ask_scan(struct reader *reader, unsigned long addr)
{
	struct readers *r = reader->all;
	struct vma_cursor cursor = { .index = r->index };
	uint64_t from = history_ask(r->history);
	const struct vm_area_struct *before = NULL;
	struct vm_area_struct *vmas[3];
	unsigned n;

	r->ops->seek(&cursor, addr);
	n = vma_index_scan(&cursor, vmas, ARRAY_SIZE(vmas));
	for (unsigned i = 0; i < n; i++) {
		told(reader, addr, before, vmas[i], from);
		before = vmas[i];
	}
	told(reader, addr, before, cursor.vma, from);
}

static void *reader_main(void *arg)
{
	struct reader *reader = arg;
	struct readers *r = reader->all;

	rcu_register_thread();
	while (reader->n + 4 < ANSWERS && __atomic_load_n(&r->writing, __ATOMIC_ACQUIRE)) {
		unsigned long addr = rng_below(&reader->rng, PAGES * PAGE_SIZE);

		begin_read(r);
		if (rng_one_in(&reader->rng, 4))
			ask_walk(reader, addr);
		else if (rng_one_in(&reader->rng, 4))
			ask_scan(reader, addr);
		else
			ask_find(reader, addr);
		end_read(r);
	}
	rcu_unregister_thread();
	return NULL;
}

/* ---- rounds ---- */

/* One round, and what its readers were told: how many operations it had. */
static uint64_t round_of(struct readers *r, struct history_answer *answers)
{
	struct reader readers[READERS];
	pthread_t threads[READERS + 1];
	size_t n = 0;
	char why[200] = "";

	r->writing = true;
	for (unsigned i = 0; i < READERS; i++) {
		readers[i] = (struct reader){ .all = r, .answers = answers + i * ANSWERS };
		rng_seed(&readers[i].rng, rng_next(&r->rng));
		ck_assert_int_eq(pthread_create(&threads[i], NULL, reader_main, &readers[i]), 0);
	}
	ck_assert_int_eq(pthread_create(&threads[READERS], NULL, writer_main, r), 0);
	for (unsigned i = 0; i <= READERS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < READERS; i++) {
		memmove(answers + n, readers[i].answers, readers[i].n * sizeof(*answers));
		n += readers[i].n;
	}
	int err = history_check(r->history, answers, n, why, sizeof(why));
	ck_assert_msg(!err, "%s: %s: %s", r->ops->name, strerror(-err), why);
	ck_assert_msg(!r->ops->verify(r->index, stderr), "%s: verify finds fault", r->ops->name);
	while (r->ngone) {
		vma_set_bounds(r->gone[--r->ngone], 0, 0);
		r->pool[r->nfree++] = r->gone[r->ngone];
	}
	return n + EDITS;
}

static void readers_beside_a_writer(const struct vma_index_ops *ops, bool locked,
				    uint64_t ops_wanted)
{
	struct readers *r = calloc(1, sizeof(*r));
	struct history_answer *answers = malloc(READERS * ANSWERS * sizeof(*answers));
	size_t stride = (ops->node_size + 64 + 63) & ~63UL;

	ck_assert(r && answers);
	r->ops = ops;
	r->locked = locked;
	r->arena = arena_create();
	r->index = vma_index_create(ops, r->arena);
	r->history = history_create();
	r->memory = aligned_alloc(64, POOL * stride);
	ck_assert(r->index && r->history && r->memory);
	memset(r->memory, 0, POOL * stride);
	for (; r->nfree < POOL; r->nfree++)
		r->pool[r->nfree] = (struct vm_area_struct *)(r->memory + r->nfree * stride +
							      ops->node_size);
	rng_seed(&r->rng, test_seed());
	for (uint64_t done = 0; done < ops_wanted;)
		done += round_of(r, answers);
	vma_index_destroy(r->index);
	history_destroy(r->history);
	arena_destroy(r->arena);
	free(r->memory);
	free(answers);
	free(r);
}

START_TEST(test_long_run)
{
	const struct vma_index_ops *ops = bed_type(_i);
	bool locked = !(ops->caps & VMA_INDEX_RCU) || (ops->caps & VMA_INDEX_RCU_PARTS);
	uint64_t some = 100000;

	if (getenv("TEST_LONG"))
		some = locked ? LONG_OPS / 100 : LONG_OPS;
	readers_beside_a_writer(ops, locked, some);
}
END_TEST

TEST_SUITE(long_run)
{
	Suite *suite = suite_create("long_run");
	TCase *cases = tcase_create("long_run");

	tcase_set_timeout(cases, getenv("TEST_LONG") ? 7200 : 600);
	tcase_add_loop_test(cases, test_long_run, 0, bed_plain_types());
	suite_add_tcase(suite, cases);
	return suite;
}
