/*
 * libvmaindex beside a plain sorted array: random calls, right and wrong ones,
 * with allocations that fail; each call that fails must have changed nothing.
 *
 * Half of the pages are at the bottom of the address space and half at its top,
 * so that near and far ranges share nodes.  What is linked here is the object
 * that the static and the shared library are made of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "lib/vmaindex.h"
#include "tests/suite.h"

#define PAGES 20000
#define ROOM  (PAGES + 3)
#define OPS   150000

/* As ck_assert, which writes to a pipe each time: too slow for millions. */
#define must(condition)                                 \
	do {                                            \
		if (!(condition))                       \
			ck_abort_msg("%s", #condition); \
	} while (0)

struct object {
	struct vmaindex_range range;
	uint64_t self; /* the index must leave it alone */
};

/* Memory that is counted, and of which the nth allocation from now on fails, n > 0. */
struct memory {
	size_t bytes;
	unsigned long fail_in, failures;
};

struct model {
	struct memory memory;
	struct rng rng;
	struct vmaindex *index;
	struct object *object[ROOM]; /* what must be in it, in address order */
	size_t n;
	unsigned long results[256]; /* of calls, by -errno */
	unsigned long held;         /* edits reserved and committed or cancelled */
};

static void *counted_alloc(void *user, size_t size, size_t align)
{
	struct memory *memory = user;

	if (memory->fail_in && !--memory->fail_in) {
		memory->fail_in = 1;
		memory->failures++;
		return NULL;
	}
	void *ptr = aligned_alloc(align, (size + align - 1) & ~(align - 1));
	must(ptr != NULL);
	memory->bytes += size;
	return memset(ptr, 0xa5, size);
}

static void counted_free(void *user, void *ptr, size_t size)
{
	struct memory *memory = user;

	memory->bytes -= size;
	memset(ptr, 0xa5, size);
	free(ptr);
}

static uint64_t address(size_t page)
{
	return page < PAGES / 2 ? page * VMAINDEX_PAGE
				: VMAINDEX_END - (PAGES - page) * VMAINDEX_PAGE;
}

static struct object *object_new(uint64_t start, uint64_t end)
{
	struct object *object = malloc(sizeof(*object));

	must(object != NULL);
	*object = (struct object){ { start, end }, (uintptr_t)object };
	return object;
}

static void object_free(struct object *object)
{
	must(object->self == (uintptr_t)object);
	memset(object, 0x5a, sizeof(*object));
	free(object);
}

/* ---- what must be ---- */

/* The number of the first object that ends above addr. */
static size_t model_first(const struct model *m, uint64_t addr)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (m->object[mid]->range.end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static struct vmaindex_range *model_range(const struct model *m, size_t i)
{
	return i < m->n ? &m->object[i]->range : NULL;
}

/* Some window, at random; now and then one that fits what is there. */
static struct vmaindex_range model_window(struct model *m)
{
	size_t a = rng_below(&m->rng, PAGES + 1), b = a + 1 + rng_below(&m->rng, 12);
	struct vmaindex_range window;
	size_t i;

	b = rng_one_in(&m->rng, 500) ? rng_below(&m->rng, PAGES + 1) : b < PAGES ? b : PAGES;
	window = (struct vmaindex_range){ address(a < b ? a : b), address(a < b ? b : a) };
	if (a / (PAGES / 2) != b / (PAGES / 2) && !rng_one_in(&m->rng, 20))
		window.end = window.start + VMAINDEX_PAGE;
	if (rng_one_in(&m->rng, 3))
		return window;
	i = model_first(m, window.start);
	if (i < m->n && m->object[i]->range.start < window.start)
		window.start = m->object[i]->range.start;
	i = model_first(m, window.end - 1);
	if (i < m->n && window.end > window.start && m->object[i]->range.start < window.end)
		window.end = m->object[i]->range.end;
	return window;
}

static bool model_cuts(const struct model *m, uint64_t start, uint64_t end)
{
	for (size_t i = model_first(m, start); i < m->n; i++) {
		const struct vmaindex_range *range = &m->object[i]->range;

		if (range->start >= end)
			return false;
		if (range->start < start || range->end > end)
			return true;
	}
	return false;
}

static bool valid(uint64_t start, uint64_t end)
{
	return start < end && end <= VMAINDEX_END && !((start | end) % VMAINDEX_PAGE);
}

/* Done to the index, now to the array; objects that left are freed. */
static void model_apply(struct model *m, const struct vmaindex_edit *edit)
{
	size_t from = model_first(m, edit->start), to = from;

	/* those that stay have their new bounds already, but these are in the window too */
	while (to < m->n && m->object[to]->range.start < edit->end)
		to++;
	for (size_t i = from; i < to; i++) {
		bool stays = false;

		for (unsigned j = 0; j < edit->n; j++)
			stays |= edit->put[j].range == &m->object[i]->range;
		if (!stays)
			object_free(m->object[i]);
	}
	memmove(&m->object[from + edit->n], &m->object[to], (m->n - to) * sizeof(m->object[0]));
	m->n = m->n - (to - from) + edit->n;
	for (unsigned j = 0; j < edit->n; j++) {
		struct object *object = (struct object *)edit->put[j].range;

		must(object->range.start == edit->put[j].start);
		must(object->range.end == edit->put[j].end);
		m->object[from + j] = object;
	}
}

/* ---- the same? ---- */

static void same_all(const struct model *m)
{
	enum { SCANNED = 9 };
	struct vmaindex_range *range, *some[SCANNED];
	struct vmaindex_stats stats;
	struct vmaindex_cursor cursor;
	unsigned found;
	size_t i = 0;

	vmaindex_for_each(range, &cursor, m->index, 0, VMAINDEX_END)
		must(range == model_range(m, i++));
	must(i == m->n);
	while ((range = vmaindex_prev(&cursor)))
		must(range == model_range(m, --i));
	must(i == 0);
	must(vmaindex_next(&cursor) == model_range(m, 0));
	for (; cursor.range; i += found) {
		found = vmaindex_scan(&cursor, some, SCANNED);
		must(found == (m->n - i < SCANNED ? m->n - i : SCANNED));
		for (unsigned k = 0; k < found; k++)
			must(some[k] == model_range(m, i + k));
	}
	must(i == m->n);
	must(vmaindex_scan(&cursor, some, SCANNED) == 0);
	must(vmaindex_verify(m->index, stderr) == 0);
	vmaindex_get_stats(m->index, &stats);
	must(stats.ranges == m->n);
	must(stats.bytes <= m->memory.bytes);
}

static void same_gap(struct model *m, uint64_t len, uint64_t lo, uint64_t hi, bool highest)
{
	struct vmaindex_range gap = { 1, 1 }, best = { 1, 1 };
	size_t i = model_first(m, lo);
	bool there = false, found;

	for (uint64_t at = lo; at < hi; i++) {
		const struct vmaindex_range *range = model_range(m, i);
		uint64_t end = range && range->start < hi ? range->start : hi;

		if (end > VMAINDEX_END)
			end = VMAINDEX_END;
		if (end > at && end - at >= len && (highest || !there)) {
			best = (struct vmaindex_range){ at, end };
			there = true;
		}
		if (!range)
			break;
		at = range->end;
	}
	found = highest ? vmaindex_highest_gap(m->index, len, lo, hi, &gap)
			: vmaindex_lowest_gap(m->index, len, lo, hi, &gap);
	must(found == there);
	must(gap.start == best.start);
	must(gap.end == best.end);
}

static void questions(struct model *m)
{
	struct vmaindex_range window = model_window(m), *range;
	uint64_t addr = window.start + rng_below(&m->rng, 3 * VMAINDEX_PAGE) - VMAINDEX_PAGE;
	uint64_t len = rng_between(&m->rng, 1, 40 * VMAINDEX_PAGE);
	struct vmaindex_cursor cursor;
	size_t i = model_first(m, addr);

	range = model_range(m, i);
	must(vmaindex_find(m->index, addr) == range);
	must(vmaindex_at(m->index, addr) == (range && range->start <= addr ? range : NULL));
	must(vmaindex_seek(&cursor, m->index, addr) == range);
	must(vmaindex_prev(&cursor) == (i ? model_range(m, i - 1) : NULL));
	must(vmaindex_next(&cursor) == range);
	range = model_range(m, model_first(m, window.start));
	must(vmaindex_overlap(m->index, window.start, window.end) ==
	     (range && range->start < window.end ? range : NULL));
	same_gap(m, len, window.start, window.end, false);
	same_gap(m, len, window.start, window.end, true);
	same_gap(m, len, window.start, UINT64_MAX, false);
	same_gap(m, len, 0, window.end, true);
}

/* ---- changes ---- */

/*
 * The call's result.  Often some allocation fails in it at first: then the
 * index must be as it was, and the call is made again.
 */
#define TRY(m, call)                                           \
	({                                                     \
		(m)->memory.fail_in = rng_below(&(m)->rng, 4); \
		int result_ = (call);                          \
		(m)->memory.fail_in = 0;                       \
		if (result_ == -ENOMEM) {                      \
			(m)->results[ENOMEM]++;                \
			same_all(m);                           \
			result_ = (call);                      \
		}                                              \
		must(result_ != -ENOMEM);                      \
		(m)->results[-result_]++;                      \
		result_;                                       \
	})

static void insert(struct model *m)
{
	struct vmaindex_range window = model_window(m);
	uint64_t end = rng_one_in(&m->rng, 50) ? window.start + 100 : window.end;
	struct object *object = object_new(window.start, end);
	struct vmaindex_edit edit = {
		window.start, end, 1, { { &object->range, window.start, end } }
	};
	const struct vmaindex_range *range = model_range(m, model_first(m, window.start));
	int expected = !valid(window.start, end)     ? -EINVAL
		       : range && range->start < end ? -EEXIST
						     : 0;

	must(TRY(m, vmaindex_insert(m->index, &object->range)) == expected);
	if (expected)
		object_free(object);
	else
		model_apply(m, &edit);
}

static void erase(struct model *m)
{
	struct vmaindex_range window = model_window(m);
	struct vmaindex_range *range = model_range(m, model_first(m, window.start));
	struct object *absent = object_new(window.start, window.end);

	must(TRY(m, vmaindex_erase(m->index, &absent->range)) == -ENOENT);
	if (range) {
		struct vmaindex_edit edit = { .start = range->start, .end = range->end };

		must(TRY(m, vmaindex_erase(m->index, range)) == 0);
		model_apply(m, &edit);
	}
	object_free(absent);
}

static void resize(struct model *m)
{
	struct vmaindex_range window = model_window(m);
	size_t i = model_first(m, window.start);
	struct vmaindex_range *range = model_range(m, i), *next = model_range(m, i + 1);
	uint64_t step = VMAINDEX_PAGE >> rng_one_in(&m->rng, 40), start, end;
	int expected = 0;

	if (!range)
		return;
	start = range->start + (rng_below(&m->rng, 7) - 3) * step;
	end = range->end + (rng_below(&m->rng, 7) - 3) * step;
	if (!valid(start, end))
		expected = -EINVAL;
	else if ((next && next->start < end) || (i && model_range(m, i - 1)->end > start))
		expected = -EEXIST;
	must(TRY(m, vmaindex_resize(m->index, range, start, end)) == expected);
	if (!expected) {
		must(range->start == start);
		must(range->end == end);
	}
}

/* Up to three ranges in the window, of objects that are there or new ones. */
static void make_edit(struct model *m, struct vmaindex_range window, struct vmaindex_edit *edit)
{
	uint64_t at = window.start, room;
	size_t i = model_first(m, window.start);
	unsigned n = rng_below(&m->rng, 4);

	*edit = (struct vmaindex_edit){ .start = window.start, .end = window.end };
	while (edit->n < n && (room = (window.end - at) / VMAINDEX_PAGE)) {
		struct vmaindex_range *range = model_range(m, i);
		uint64_t start = at + rng_below(&m->rng, room < 3 ? room : 3) * VMAINDEX_PAGE;
		uint64_t end =
			start + VMAINDEX_PAGE * rng_between(&m->rng, 1,
							    (window.end - start) / VMAINDEX_PAGE);
		bool old = range && range->start >= window.start && range->end <= window.end;

		if (old && !rng_one_in(&m->rng, 3))
			i++;
		else
			range = &object_new(start, end)->range;
		edit->put[edit->n].range = range;
		edit->put[edit->n].start = start;
		edit->put[edit->n++].end = at = end;
	}
}

/* Objects of an edit that was not made, but for those in the index. */
static void drop_edit(struct model *m, const struct vmaindex_edit *edit)
{
	for (unsigned j = 0; j < edit->n; j++) {
		struct vmaindex_range *range = edit->put[j].range;

		if (vmaindex_find(m->index, range->start) != range)
			object_free((struct object *)range);
	}
}

static void replace(struct model *m)
{
	struct vmaindex_range window = model_window(m);
	struct vmaindex_edit edit;
	int expected = 0;

	if (!valid(window.start, window.end))
		return;
	make_edit(m, window, &edit);
	if (model_cuts(m, window.start, window.end))
		expected = -EINVAL;
	if (edit.n && rng_one_in(&m->rng, 30)) {
		edit.put[edit.n - 1].end = rng_one_in(&m->rng, 2) ? edit.end + VMAINDEX_PAGE
								  : edit.put[edit.n - 1].start;
		expected = -EINVAL;
	}
	must(TRY(m, vmaindex_apply(m->index, &edit)) == expected);
	if (expected)
		drop_edit(m, &edit);
	else
		model_apply(m, &edit);
}

/* Two edits reserved together; then nothing may allocate. */
static void replace_two(struct model *m)
{
	struct vmaindex_range a = model_window(m), b = model_window(m);
	struct vmaindex_edit edits[2];
	int expected = 0;

	if (!valid(a.start, a.end) || !valid(b.start, b.end))
		return;
	make_edit(m, a, &edits[0]);
	make_edit(m, b, &edits[1]);
	if (model_cuts(m, a.start, a.end) || model_cuts(m, b.start, b.end) ||
	    (a.start < b.end && b.start < a.end))
		expected = -EINVAL;
	must(TRY(m, vmaindex_reserve(m->index, edits, 2)) == expected);
	m->memory.fail_in = 1;
	unsigned long failures = m->memory.failures;
	if (expected || rng_one_in(&m->rng, 2)) {
		if (!expected)
			vmaindex_cancel(m->index);
		drop_edit(m, &edits[0]);
		drop_edit(m, &edits[1]);
	} else {
		vmaindex_commit(m->index, &edits[0]);
		model_apply(m, &edits[0]);
		vmaindex_commit(m->index, &edits[1]);
		model_apply(m, &edits[1]);
	}
	must(m->memory.failures == failures);
	m->memory.fail_in = 0;
	m->held += !expected;
}

/* ---- clone and build ---- */

struct copies {
	size_t made, discarded, fail_at;
};

static struct vmaindex_range *copy(void *user, struct vmaindex_range *range)
{
	struct copies *copies = user;

	(void)range;
	if (copies->made + 1 == copies->fail_at)
		return NULL;
	copies->made++;
	return &object_new(0, 0)->range;
}

static void discard(void *user, struct vmaindex_range *range)
{
	struct copies *copies = user;

	copies->discarded++;
	object_free((struct object *)range);
}

/* The clone, if there is memory for it, takes the original's place. */
static void clone(struct model *m)
{
	struct copies copies = { .fail_at = rng_one_in(&m->rng, 3) ? m->n / 2 + 1 : 0 };
	size_t bytes = m->memory.bytes;
	struct vmaindex *index;

	m->memory.fail_in = rng_below(&m->rng, 8);
	index = vmaindex_clone(m->index, copy, discard, &copies);
	m->memory.fail_in = 0;
	same_all(m);
	if (!index) {
		must(copies.made == copies.discarded);
		must(m->memory.bytes == bytes);
		m->results[ENOMEM]++;
		return;
	}
	must(copies.made == m->n);
	must(copies.discarded == 0);
	vmaindex_destroy(m->index);
	m->index = index;
	for (size_t i = 0; i < m->n; i++) {
		struct vmaindex_range *range = &m->object[i]->range;
		struct object *twin = (struct object *)vmaindex_at(index, range->start);

		must(twin != NULL);
		must(twin != m->object[i]);
		ck_assert_mem_eq(&twin->range, range, sizeof(*range));
		object_free(m->object[i]);
		m->object[i] = twin;
	}
}

static void rebuild(struct model *m)
{
	const struct vmaindex_memory memory = { counted_alloc, counted_free, &m->memory };
	struct vmaindex *old = m->index;
	struct vmaindex_range **ranges = (struct vmaindex_range **)m->object;

	if (m->n >= 2) {
		struct vmaindex *index = vmaindex_create(&memory);
		struct vmaindex_range *swapped[] = { ranges[1], ranges[0] };

		must(vmaindex_build(old, ranges, m->n) == -EINVAL);
		must(vmaindex_build(index, swapped, 2) == -EINVAL);
		vmaindex_destroy(index);
	}
	m->index = vmaindex_create(&memory);
	must(m->index != NULL);
	m->memory.fail_in = rng_below(&m->rng, 4);
	int err = vmaindex_build(m->index, ranges, m->n);
	m->memory.fail_in = 0;
	if (err) {
		must(err == -ENOMEM);
		must(vmaindex_find(m->index, 0) == NULL);
		must(vmaindex_build(m->index, ranges, m->n) == 0);
	}
	vmaindex_destroy(old);
}

/* ---- the tests ---- */

static void begin(struct model *m)
{
	const struct vmaindex_memory memory = { counted_alloc, counted_free, &m->memory };

	for (unsigned long nth = 1; !m->index; nth++) {
		m->memory.fail_in = nth;
		m->index = vmaindex_create(&memory);
		ck_assert_int_eq(!m->index, m->memory.failures == nth);
		if (!m->index)
			ck_assert_uint_eq(m->memory.bytes, 0);
	}
	m->memory.fail_in = 0;
	ck_assert_uint_ge(m->memory.failures, 1);
}

static void end(struct model *m)
{
	for (size_t i = 0; i < m->n; i++)
		object_free(m->object[i]);
	vmaindex_destroy(m->index);
	ck_assert_uint_eq(m->memory.bytes, 0);
}

START_TEST(test_random)
{
	static void (*const changes[])(struct model *) = {
		insert, insert, insert, insert, erase, resize, replace, replace, replace_two,
	};
	static struct model m;

	rng_seed(&m.rng, test_seed());
	begin(&m);
	for (unsigned long op = 0; op < OPS; op++) {
		changes[rng_below(&m.rng, sizeof(changes) / sizeof(changes[0]))](&m);
		questions(&m);
		if (op % 500 == 0)
			same_all(&m);
		if (op % 3000 == 2999)
			clone(&m);
		if (op % 5000 == 4999)
			rebuild(&m);
	}
	same_all(&m);
	ck_assert_uint_gt(m.n, 500);
	ck_assert_uint_gt(m.held, 100);
	ck_assert_uint_gt(m.results[0], OPS / 10);
	ck_assert_uint_gt(m.results[ENOMEM], 10);
	ck_assert_uint_gt(m.results[EINVAL], 100);
	ck_assert_uint_gt(m.results[EEXIST], 100);
	ck_assert_uint_gt(m.results[ENOENT], 100);
	end(&m);
}
END_TEST

/* With the system's memory; a snapshot shares the ranges. */
static struct vmaindex_range *share(void *user, struct vmaindex_range *range)
{
	(void)user;
	return range;
}

START_TEST(test_snapshot)
{
	struct vmaindex_range a = { 0, VMAINDEX_PAGE },
			      b = { VMAINDEX_END - VMAINDEX_PAGE, VMAINDEX_END };
	struct vmaindex *index = vmaindex_create(NULL), *snapshot;

	ck_assert_ptr_nonnull(index);
	ck_assert_int_eq(vmaindex_insert(index, &a), 0);
	ck_assert_int_eq(vmaindex_insert(index, &b), 0);
	snapshot = vmaindex_clone(index, share, NULL, NULL);
	ck_assert_ptr_nonnull(snapshot);
	ck_assert_int_eq(vmaindex_erase(index, &a), 0);
	ck_assert_ptr_eq(vmaindex_find(index, 0), &b);
	ck_assert_ptr_eq(vmaindex_find(snapshot, 0), &a);
	ck_assert_ptr_eq(vmaindex_find(snapshot, VMAINDEX_END - 1), &b);
	ck_assert_ptr_null(vmaindex_find(snapshot, VMAINDEX_END));
	vmaindex_destroy(index);
	vmaindex_destroy(snapshot);
	vmaindex_destroy(NULL);
}
END_TEST

TEST_SUITE(lib)
{
	Suite *suite = suite_create("lib");
	TCase *tcase = tcase_create("model");

	tcase_add_test(tcase, test_random);
	tcase_add_test(tcase, test_snapshot);
	suite_add_tcase(suite, tcase);
	return suite;
}
