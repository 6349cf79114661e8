/*
 * libvmaindex at its edges: empty, inverted and misaligned ranges, the end of the address
 * space, ranges that are in already or not at all, edits that put what stands elsewhere,
 * calls while edits are reserved, functions that are missing.  A call that fails has
 * changed nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/vmaindex.h"
#include "tests/suite.h"

#define P VMAINDEX_PAGE

/* An index with a at pages [10, 12), b at [20, 22) and, where it is wanted, many more above. */
static struct vmaindex *map;
static struct vmaindex_range a, b, many[1000];

static void begin(unsigned more)
{
	a = (struct vmaindex_range){ 10 * P, 12 * P };
	b = (struct vmaindex_range){ 20 * P, 22 * P };
	map = vmaindex_create(NULL);
	ck_assert_ptr_nonnull(map);
	ck_assert_int_eq(vmaindex_insert(map, &a), 0);
	ck_assert_int_eq(vmaindex_insert(map, &b), 0);
	for (unsigned i = 0; i < more; i++) {
		many[i] = (struct vmaindex_range){ (100 + 2 * i) * P, (101 + 2 * i) * P };
		ck_assert_int_eq(vmaindex_insert(map, &many[i]), 0);
	}
}

/* The index is as begin() left it. */
static void unchanged(unsigned more)
{
	struct vmaindex_cursor cursor;
	struct vmaindex_range *range;
	unsigned i = 0;

	ck_assert(a.start == 10 * P && a.end == 12 * P && b.start == 20 * P && b.end == 22 * P);
	vmaindex_for_each(range, &cursor, map, 0, VMAINDEX_END) {
		ck_assert_ptr_eq(range, i == 0 ? &a : i == 1 ? &b : &many[i - 2]);
		i++;
	}
	ck_assert_uint_eq(i, more + 2);
	ck_assert_uint_eq(vmaindex_verify(map, stderr), 0);
}

static void end(void)
{
	vmaindex_destroy(map);
}

static struct vmaindex_edit edit_of(uint64_t start, uint64_t stop)
{
	return (struct vmaindex_edit){ .start = start, .end = stop };
}

static void put(struct vmaindex_edit *edit, struct vmaindex_range *range, uint64_t start,
		uint64_t stop)
{
	edit->put[edit->n].range = range;
	edit->put[edit->n].start = start;
	edit->put[edit->n++].end = stop;
}

/* ---- ranges that have no address ---- */

START_TEST(test_questions_of_empty_ranges)
{
	static const uint64_t at[] = { 0,
				       1,
				       9 * P,
				       10 * P,
				       11 * P,
				       12 * P,
				       15 * P,
				       21 * P,
				       VMAINDEX_END - P,
				       VMAINDEX_END,
				       UINT64_MAX - 1,
				       UINT64_MAX };
	struct vmaindex_range gap = { 1, 2 }, *range;
	struct vmaindex_cursor cursor;

	begin(_i);
	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		for (unsigned j = 0; j <= i; j++) {
			ck_assert_ptr_null(vmaindex_overlap(map, at[i], at[j]));
			vmaindex_for_each(range, &cursor, map, at[i], at[j])
				ck_abort_msg("a range in [%" PRIx64 ", %" PRIx64 ")", at[i], at[j]);
			ck_assert(!vmaindex_lowest_gap(map, P, at[i], at[j], &gap));
			ck_assert(!vmaindex_highest_gap(map, 1, at[i], at[j], &gap));
		}
	}
	ck_assert(!vmaindex_lowest_gap(map, 0, 0, VMAINDEX_END, &gap));
	ck_assert(!vmaindex_highest_gap(map, 0, 0, VMAINDEX_END, &gap));
	ck_assert(gap.start == 1 && gap.end == 2);
	unchanged(_i);
	end();
}
END_TEST

START_TEST(test_questions_at_the_end)
{
	struct vmaindex_range last = { VMAINDEX_END - P, VMAINDEX_END }, gap, *some[2];
	struct vmaindex_cursor cursor;

	begin(_i);
	ck_assert_int_eq(vmaindex_insert(map, &last), 0);
	ck_assert_ptr_eq(vmaindex_at(map, VMAINDEX_END - 1), &last);
	for (unsigned bit = 57; bit <= 64; bit++) {
		uint64_t addr = bit < 64 ? UINT64_C(1) << bit : UINT64_MAX;

		ck_assert_ptr_null(vmaindex_find(map, addr));
		ck_assert_ptr_null(vmaindex_at(map, addr));
		ck_assert_ptr_null(vmaindex_overlap(map, addr, UINT64_MAX));
		ck_assert_ptr_null(vmaindex_seek(&cursor, map, addr));
		ck_assert_uint_eq(vmaindex_scan(&cursor, some, 2), 0);
		ck_assert_ptr_eq(vmaindex_prev(&cursor), &last);
		ck_assert(!vmaindex_lowest_gap(map, 1, addr, UINT64_MAX, &gap));
		ck_assert(!vmaindex_highest_gap(map, 1, addr, UINT64_MAX, &gap));
	}
	ck_assert_ptr_eq(vmaindex_overlap(map, VMAINDEX_END - 1, UINT64_MAX), &last);
	ck_assert_ptr_eq(vmaindex_seek(&cursor, map, VMAINDEX_END - 1), &last);
	ck_assert_uint_eq(vmaindex_scan(&cursor, some, 0), 0);
	ck_assert_ptr_eq(cursor.range, &last);
	ck_assert(!vmaindex_lowest_gap(map, UINT64_MAX, 0, UINT64_MAX, &gap));
	ck_assert(!vmaindex_highest_gap(map, UINT64_MAX - P + 2, 0, UINT64_MAX, &gap));
	ck_assert(!vmaindex_lowest_gap(map, VMAINDEX_END, 0, UINT64_MAX, &gap));
	ck_assert(vmaindex_highest_gap(map, P, 0, UINT64_MAX, &gap));
	ck_assert_uint_eq(gap.end, VMAINDEX_END - P);
	ck_assert_int_eq(vmaindex_erase(map, &last), 0);
	ck_assert(vmaindex_highest_gap(map, P, 0, UINT64_MAX, &gap));
	ck_assert_uint_eq(gap.end, VMAINDEX_END);
	unchanged(_i);
	end();
}
END_TEST

/* Bounds that no range can have: empty, inverted, not of whole pages, above the end. */
static const struct vmaindex_range wrong[] = {
	{ 0, 0 },
	{ 14 * P, 14 * P },
	{ 15 * P, 14 * P },
	{ 14 * P + 1, 15 * P },
	{ 14 * P, 15 * P - 1 },
	{ 14 * P + 8, 14 * P + 16 },
	{ VMAINDEX_END, VMAINDEX_END + P },
	{ VMAINDEX_END - P, VMAINDEX_END + P },
	{ 0 - P, 0 },
	{ 14 * P, UINT64_MAX },
	{ UINT64_MAX, UINT64_MAX },
};

START_TEST(test_changes_of_wrong_bounds)
{
	begin(_i);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct vmaindex_range range = wrong[i], *ranges[] = { &range };
		struct vmaindex_edit window = edit_of(range.start, range.end),
				     inside = edit_of(13 * P, 19 * P);
		struct vmaindex *empty = vmaindex_create(NULL);

		put(&inside, &range, range.start, range.end);
		ck_assert_int_eq(vmaindex_insert(map, &range), -EINVAL);
		ck_assert_int_eq(vmaindex_resize(map, &a, range.start, range.end), -EINVAL);
		ck_assert_int_eq(vmaindex_apply(map, &window), -EINVAL);
		ck_assert_int_eq(vmaindex_apply(map, &inside), -EINVAL);
		ck_assert_int_eq(vmaindex_reserve(map, &window, 1), -EINVAL);
		ck_assert_int_eq(vmaindex_reserve(map, &inside, 1), -EINVAL);
		ck_assert_int_eq(vmaindex_build(empty, ranges, 1), -EINVAL);
		ck_assert_int_eq(vmaindex_erase(map, &range), -ENOENT);
		vmaindex_destroy(empty);
		unchanged(_i);
	}
	end();
}
END_TEST

/* ---- objects ---- */

START_TEST(test_wrong_objects)
{
	char room[64] __attribute__((aligned(8)));
	struct vmaindex_range *crooked = (struct vmaindex_range *)(void *)(room + 4);
	struct vmaindex_range *const ranges[] = { NULL }, *const crooked_ranges[] = { crooked };
	struct vmaindex_range bounds = { 14 * P, 15 * P };
	struct vmaindex *empty = vmaindex_create(NULL);

	begin(_i);
	memcpy(crooked, &bounds, sizeof(bounds));
	for (int i = 0; i < 2; i++) {
		struct vmaindex_range *range = i ? crooked : NULL;
		struct vmaindex_edit edit = edit_of(13 * P, 19 * P);

		put(&edit, range, 14 * P, 15 * P);
		ck_assert_int_eq(vmaindex_insert(map, range), -EINVAL);
		ck_assert_int_eq(vmaindex_erase(map, range), -ENOENT);
		ck_assert_int_eq(vmaindex_resize(map, range, 14 * P, 16 * P), -ENOENT);
		ck_assert_int_eq(vmaindex_apply(map, &edit), -EINVAL);
		ck_assert_int_eq(vmaindex_reserve(map, &edit, 1), -EINVAL);
		ck_assert_int_eq(vmaindex_build(empty, i ? crooked_ranges : ranges, 1), -EINVAL);
	}
	ck_assert_int_eq(vmaindex_build(empty, NULL, 0), 0);
	vmaindex_destroy(empty);
	unchanged(_i);
	end();
}
END_TEST

START_TEST(test_in_or_not_in)
{
	struct vmaindex_range twin = { 10 * P, 12 * P }, absent = { 14 * P, 15 * P };

	begin(_i);
	ck_assert_int_eq(vmaindex_insert(map, &a), -EEXIST);
	ck_assert_int_eq(vmaindex_insert(map, &twin), -EEXIST);
	ck_assert_int_eq(vmaindex_erase(map, &twin), -ENOENT);
	ck_assert_int_eq(vmaindex_erase(map, &absent), -ENOENT);
	ck_assert_int_eq(vmaindex_resize(map, &twin, 10 * P, 11 * P), -ENOENT);
	ck_assert_int_eq(vmaindex_resize(map, &a, 10 * P, 21 * P), -EEXIST);
	ck_assert_int_eq(vmaindex_resize(map, &a, 30 * P, 31 * P), -EEXIST);
	ck_assert_int_eq(vmaindex_resize(map, &b, 5 * P, 6 * P), -EEXIST);
	ck_assert_int_eq(vmaindex_resize(map, &a, 10 * P, 12 * P), 0);
	unchanged(_i);
	ck_assert_int_eq(vmaindex_erase(map, &a), 0);
	ck_assert_int_eq(vmaindex_erase(map, &a), -ENOENT);
	ck_assert_int_eq(vmaindex_insert(map, &a), 0);
	unchanged(_i);
	end();
}
END_TEST

/* ---- edits ---- */

START_TEST(test_edit_puts_what_stands_elsewhere)
{
	struct vmaindex_range new = { 1, 0 }; /* what its bounds were before says nothing */
	struct vmaindex_edit below = edit_of(0, 5 * P), above = edit_of(30 * P, 40 * P),
			     second = edit_of(14 * P, 19 * P), good = edit_of(9 * P, 23 * P);

	begin(_i);
	put(&below, &a, 0, 2 * P);
	put(&above, &b, 30 * P, 32 * P);
	put(&second, &new, 14 * P, 15 * P);
	put(&second, &b, 16 * P, 18 * P);
	ck_assert_int_eq(vmaindex_apply(map, &below), -EINVAL);
	ck_assert_int_eq(vmaindex_apply(map, &above), -EINVAL);
	ck_assert_int_eq(vmaindex_apply(map, &second), -EINVAL);
	ck_assert_int_eq(vmaindex_reserve(map, &below, 1), -EINVAL);
	unchanged(_i);
	put(&good, &new, 9 * P, 10 * P);
	put(&good, &b, 12 * P, 14 * P);
	put(&good, &a, 20 * P, 21 * P);
	ck_assert_int_eq(vmaindex_apply(map, &good), 0);
	ck_assert_uint_eq(vmaindex_verify(map, stderr), 0);
	ck_assert_ptr_eq(vmaindex_at(map, 9 * P), &new);
	ck_assert_ptr_eq(vmaindex_at(map, 12 * P), &b);
	ck_assert_ptr_eq(vmaindex_at(map, 20 * P), &a);
	end();
}
END_TEST

START_TEST(test_edit_of_many_mistakes)
{
	struct vmaindex_range new = { 0, 0 }, other = { 0, 0 };
	struct vmaindex_edit cuts = edit_of(11 * P, 15 * P), cut = edit_of(5 * P, 21 * P),
			     four = edit_of(13 * P, 19 * P), twice = four, order = four,
			     overlap = four, outside = four;

	begin(_i);
	four.n = 4;
	put(&twice, &new, 13 * P, 14 * P);
	put(&twice, &new, 15 * P, 16 * P);
	put(&order, &new, 15 * P, 16 * P);
	put(&order, &other, 13 * P, 14 * P);
	put(&overlap, &new, 13 * P, 15 * P);
	put(&overlap, &other, 14 * P, 16 * P);
	put(&outside, &new, 18 * P, 20 * P);

	const struct vmaindex_edit *const all[] = { &cuts,  &cut,     &four,   &twice,
						    &order, &overlap, &outside };

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		ck_assert_int_eq(vmaindex_apply(map, all[i]), -EINVAL);
		ck_assert_int_eq(vmaindex_reserve(map, all[i], 1), -EINVAL);
	}
	unchanged(_i);
	end();
}
END_TEST

/* ---- reserved edits ---- */

static void moves(struct vmaindex_edit edits[2])
{
	edits[0] = edit_of(10 * P, 12 * P);
	edits[1] = edit_of(30 * P, 40 * P);
	put(&edits[1], &a, 31 * P, 33 * P);
}

START_TEST(test_reserve_a_move)
{
	struct vmaindex_edit edits[2];

	begin(_i);
	moves(edits);
	ck_assert_int_eq(vmaindex_reserve(map, edits, 2), 0);
	ck_assert_int_eq(vmaindex_commit(map, &edits[1]), -EINVAL);
	unchanged(_i);
	ck_assert_int_eq(vmaindex_commit(map, &edits[0]), 0);
	ck_assert_int_eq(vmaindex_commit(map, &edits[0]), -EINVAL);
	ck_assert_int_eq(vmaindex_commit(map, &edits[1]), 0);
	ck_assert_int_eq(vmaindex_commit(map, &edits[1]), -EINVAL);
	ck_assert_uint_eq(vmaindex_verify(map, stderr), 0);
	ck_assert_ptr_eq(vmaindex_at(map, 31 * P), &a);
	ck_assert_ptr_null(vmaindex_at(map, 10 * P));
	end();
}
END_TEST

START_TEST(test_reserve_mistakes)
{
	struct vmaindex_range new = { 0, 0 };
	struct vmaindex_edit edits[2], keeps[2], back[2], both[2], overlap[2];

	begin(_i);
	moves(edits);
	memcpy(keeps, edits, sizeof(edits)); /* the first keeps what the second puts */
	put(&keeps[0], &a, 10 * P, 11 * P);
	back[0] = edits[1]; /* the second takes out what the first puts */
	back[1] = edits[0];
	memset(both, 0, sizeof(both)); /* a new range in both */
	both[0] = edit_of(13 * P, 19 * P);
	both[1] = edit_of(30 * P, 40 * P);
	put(&both[0], &new, 13 * P, 14 * P);
	put(&both[1], &new, 31 * P, 32 * P);
	overlap[0] = edit_of(5 * P, 15 * P);
	overlap[1] = edit_of(14 * P, 19 * P);
	ck_assert_int_eq(vmaindex_reserve(map, keeps, 2), -EINVAL);
	ck_assert_int_eq(vmaindex_reserve(map, back, 2), -EINVAL);
	ck_assert_int_eq(vmaindex_reserve(map, both, 2), -EINVAL);
	ck_assert_int_eq(vmaindex_reserve(map, overlap, 2), -EINVAL);
	ck_assert_int_eq(vmaindex_reserve(map, edits, 0), -EINVAL);
	ck_assert_int_eq(vmaindex_reserve(map, edits, 3), -EINVAL);
	unchanged(_i);
	end();
}
END_TEST

START_TEST(test_busy)
{
	struct vmaindex_range new = { 13 * P, 14 * P };
	struct vmaindex_edit edits[2], other = edit_of(13 * P, 14 * P);

	begin(_i);
	moves(edits);
	vmaindex_cancel(map); /* of nothing */
	ck_assert_int_eq(vmaindex_reserve(map, edits, 2), 0);
	ck_assert_int_eq(vmaindex_insert(map, &new), -EBUSY);
	ck_assert_int_eq(vmaindex_erase(map, &b), -EBUSY);
	ck_assert_int_eq(vmaindex_resize(map, &b, 20 * P, 21 * P), -EBUSY);
	ck_assert_int_eq(vmaindex_apply(map, &other), -EBUSY);
	ck_assert_int_eq(vmaindex_reserve(map, &other, 1), -EBUSY);
	ck_assert_int_eq(vmaindex_build(map, NULL, 0), -EBUSY);
	ck_assert_int_eq(vmaindex_commit(map, &other), -EINVAL);
	unchanged(_i);
	vmaindex_cancel(map);
	unchanged(_i);
	ck_assert_int_eq(vmaindex_reserve(map, edits, 2), 0);
	ck_assert_int_eq(vmaindex_commit(map, &edits[0]), 0);
	vmaindex_cancel(map); /* of the second alone */
	ck_assert_int_eq(vmaindex_commit(map, &edits[1]), -EINVAL);
	ck_assert_ptr_null(vmaindex_at(map, 10 * P));
	ck_assert_int_eq(vmaindex_insert(map, &new), 0);
	ck_assert_uint_eq(vmaindex_verify(map, stderr), 0);
	ck_assert_int_eq(vmaindex_reserve(map, &edits[1], 1), 0);
	end(); /* ends what is reserved, too */
}
END_TEST

/* ---- functions of the user's ---- */

struct counts {
	size_t bytes;
	unsigned long allocs, fail_at, copies, copy_fails_at, discarded;
};

static void *counted_alloc(void *user, size_t size, size_t align)
{
	struct counts *counts = user;

	if (++counts->allocs == counts->fail_at)
		return NULL;
	counts->bytes += size;
	return aligned_alloc(align, (size + align - 1) & ~(align - 1));
}

static void counted_free(void *user, void *ptr, size_t size)
{
	((struct counts *)user)->bytes -= size;
	free(ptr);
}

static struct vmaindex_range *counted_copy(void *user, struct vmaindex_range *range)
{
	struct counts *counts = user;

	(void)range;
	return ++counts->copies == counts->copy_fails_at ? NULL
							 : calloc(1, sizeof(struct vmaindex_range));
}

static void counted_discard(void *user, struct vmaindex_range *range)
{
	((struct counts *)user)->discarded++;
	free(range);
}

START_TEST(test_missing_functions)
{
	struct counts counts = { 0 };
	const struct vmaindex_memory no_alloc = { NULL, counted_free, &counts },
				     no_free = { counted_alloc, NULL, &counts };
	struct vmaindex *shared;

	ck_assert_ptr_null(vmaindex_create(&no_alloc));
	ck_assert_ptr_null(vmaindex_create(&no_free));
	ck_assert_uint_eq(counts.allocs, 0);
	begin(_i);
	shared = vmaindex_clone(map, NULL, NULL, NULL);
	ck_assert_ptr_nonnull(shared);
	ck_assert_ptr_eq(vmaindex_at(shared, 10 * P), &a);
	ck_assert_uint_eq(vmaindex_verify(shared, stderr), 0);
	vmaindex_destroy(shared);
	unchanged(_i);
	end();
}
END_TEST

/* Every allocation of a clone fails in turn, then every copy. */
START_TEST(test_clone_that_fails)
{
	struct counts counts = { 0 };
	const struct vmaindex_memory memory = { counted_alloc, counted_free, &counts };
	struct vmaindex *from = vmaindex_create(&memory), *index = NULL;
	struct vmaindex_range *ranges[1000];
	size_t bytes;

	for (int i = 0; i < 1000; i++) {
		many[i] = (struct vmaindex_range){ (100 + 2 * i) * P, (101 + 2 * i) * P };
		ranges[i] = &many[i];
	}
	ck_assert_int_eq(vmaindex_build(from, ranges, 1000), 0);
	bytes = counts.bytes;
	for (unsigned long fails = 1; !index; fails++) {
		counts.fail_at = counts.allocs + fails;
		counts.copies = counts.discarded = 0;
		index = vmaindex_clone(from, counted_copy, counted_discard, &counts);
		if (index)
			break;
		ck_assert_uint_eq(counts.bytes, bytes);
		ck_assert_uint_eq(counts.copies, counts.discarded);
	}
	ck_assert_uint_eq(counts.copies, 1000);
	ck_assert_uint_eq(counts.discarded, 0);
	for (unsigned i = 0; i < 1000; i++)
		free(vmaindex_at(index, many[i].start));
	vmaindex_destroy(index);
	for (counts.copy_fails_at = 1; counts.copy_fails_at <= 1000; counts.copy_fails_at += 111) {
		counts.copies = counts.discarded = 0;
		ck_assert_ptr_null(vmaindex_clone(from, counted_copy, counted_discard, &counts));
		ck_assert_uint_eq(counts.bytes, bytes);
		ck_assert_uint_eq(counts.discarded, counts.copy_fails_at - 1);
	}
	ck_assert_uint_eq(vmaindex_verify(from, stderr), 0);
	vmaindex_destroy(from);
	ck_assert_uint_eq(counts.bytes, 0);
}
END_TEST

START_TEST(test_version)
{
	struct vmaindex_stats stats;

	ck_assert_str_eq(vmaindex_version(), VMAINDEX_VERSION);
	begin(0);
	vmaindex_stats(map, &stats); /* the older name */
	ck_assert_uint_eq(stats.ranges, 2);
	end();
}
END_TEST

TEST_SUITE(lib_edges)
{
	static const unsigned sizes[] = { 0, 1000 }; /* a root that is a leaf; a tree */
	const TTest *const tests[] = {
		test_questions_of_empty_ranges,
		test_questions_at_the_end,
		test_changes_of_wrong_bounds,
		test_wrong_objects,
		test_in_or_not_in,
		test_edit_puts_what_stands_elsewhere,
		test_edit_of_many_mistakes,
		test_reserve_a_move,
		test_reserve_mistakes,
		test_busy,
		test_missing_functions,
	};
	Suite *suite = suite_create("lib_edges");
	TCase *tcase = tcase_create("edges");

	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		for (unsigned j = 0; j < 2; j++)
			tcase_add_loop_test(tcase, tests[i], sizes[j], sizes[j] + 1);
	}
	tcase_add_test(tcase, test_clone_that_fails);
	tcase_add_test(tcase, test_version);
	suite_add_tcase(suite, tcase);
	return suite;
}
