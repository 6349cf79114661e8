/*
 * check:X ends the program when X is wrong: an array with one op made wrong at
 * a time, each of which must be noticed, and the right one, which must not.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "indexes/check.h"
#include "tests/bed.h"
#include "tests/suite.h"

#define P       PAGE_SIZE
#define REFUSED 11

static const struct vma_index_ops *right; /* the array */

static struct vm_area_struct *wrong_find(const struct vma_index *index, unsigned long addr)
{
	return right->find(index, addr - 1);
}

static struct vm_area_struct *wrong_seek(struct vma_cursor *cursor, unsigned long addr)
{
	return right->seek(cursor, addr + P);
}

static struct vm_area_struct *wrong_next(struct vma_cursor *cursor)
{
	right->next(cursor);
	return right->next(cursor);
}

/* Passes by the second. */
static unsigned wrong_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	vmas[0] = cursor->vma;
	right->next(cursor);
	right->next(cursor);
	return 1 + right->scan(cursor, vmas + 1, n - 1);
}

/* Wrong off the end only: it does not find back. */
static struct vm_area_struct *wrong_prev(struct vma_cursor *cursor)
{
	unsigned long slot = cursor->slot;

	if (right->prev(cursor) && !right->next(cursor)) {
		cursor->slot = slot;
		return NULL;
	}
	cursor->slot = slot;
	return right->prev(cursor);
}

static int wrong_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	int err = right->find_gap(index, gap);

	gap->start = max(gap->start, gap->lo); /* clipped */
	return err;
}

/* Keeps the VMA, leaves its bounds as they were. */
static void wrong_bounds(struct vma_index *index, const struct vma_edit *edit)
{
	struct vm_area_struct *vma = edit->nput ? edit->put[0].vma : NULL;

	right->commit(index, edit);
	if (vma && edit->put[0].start == 4 * P)
		vma_set_bounds(vma, 4 * P, 5 * P);
}

/* Forgets edits that only erase. */
static void wrong_commit(struct vma_index *index, const struct vma_edit *edit)
{
	if (edit->nput)
		right->commit(index, edit);
}

static int wrong_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	return right->build(index, vmas, n ? n - 1 : 0);
}

static unsigned wrong_verify(const struct vma_index *index, FILE *report)
{
	return vma_index_broken(index, 1, report, "always");
}

static const struct {
	const char *what;
	struct vma_index_ops ops; /* one op, the rest is the array's */
} rows[] = {
	{ "nothing", { 0 } },
	{ "find", { .find = wrong_find } },
	{ "seek", { .seek = wrong_seek } },
	{ "next", { .next = wrong_next } },
	{ "prev", { .prev = wrong_prev } },
	{ "scan", { .scan = wrong_scan } },
	{ "find_gap", { .find_gap = wrong_find_gap } },
	{ "bounds", { .commit = wrong_bounds } },
	{ "commit", { .commit = wrong_commit } },
	{ "build", { .build = wrong_build } },
	{ "verify", { .verify = wrong_verify } },
};

static void use(const struct vma_index_ops *ops)
{
	static const struct vma_bounds ranges[] = { { 2 * P, 3 * P }, { 6 * P, 8 * P } };
	struct bed bed;

	bed_init(&bed, ops);
	if (bed_build(&bed, ranges, ARRAY_SIZE(ranges)) ||
	    bed_edit(&bed,
		     &(struct vma_edit){ 4 * P, 6 * P, 1, { bed_new(&bed, 4 * P, 6 * P) } }) ||
	    bed_edit(&bed, &(struct vma_edit){ .lo = 2 * P, .hi = 3 * P }) || !bed_same_all(&bed))
		_exit(EXIT_FAILURE);
	_exit(bed_done(&bed) ? EXIT_SUCCESS : EXIT_FAILURE);
}

START_TEST(test_notices)
{
	struct vma_index_ops ops;
	int status;
	pid_t pid;

	right = vma_index_lookup("array");
	ops = *right;
	ops.name = "wrong";
#define TAKE(op) (ops.op = rows[_i].ops.op ? rows[_i].ops.op : ops.op)
	TAKE(find);
	TAKE(seek);
	TAKE(next);
	TAKE(prev);
	TAKE(scan);
	TAKE(find_gap);
	TAKE(commit);
	TAKE(build);
	TAKE(verify);
#undef TAKE
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (_i > 0 && !freopen("/dev/null", "w", stderr))
			_exit(EXIT_FAILURE);
		use(check_ops_for(&ops));
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (_i == 0)
		ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the array is not right");
	else
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
			      "a wrong %s is not noticed", rows[_i].what);
}
END_TEST

/* Each of these breaks a rule of vma_index.h for edits. */
START_TEST(test_refuses)
{
	static const struct vma_bounds ranges[] = { { 2 * P, 4 * P } };
	struct bed bed;

	bed_init(&bed, vma_index_lookup("check:array"));
	ck_assert(!bed_build(&bed, ranges, ARRAY_SIZE(ranges)));
	const struct vma_put put = bed_new(&bed, 6 * P, 7 * P);
	const struct vma_edit edits[] = {
		{ .lo = 2 * P, .hi = 2 * P },
		{ .lo = 2 * P, .hi = 3 * P },
		{ .lo = 3 * P, .hi = 4 * P },
		{ .lo = 4 * P, .hi = 2 * VMA_INDEX_END },
		{ .lo = 4 * P + 1, .hi = 5 * P },
		{ 6 * P, 8 * P, 1, { { put.vma, 5 * P, 7 * P } } },
		{ 6 * P, 8 * P, 1, { { put.vma, 6 * P, 6 * P } } },
		{ 6 * P, 8 * P, 1, { { put.vma, 6 * P, 7 * P + 1 } } },
		{ 6 * P, 9 * P, 2, { put, { put.vma, 8 * P, 9 * P } } },
		{ 6 * P, 9 * P, 2, { put, { bed_vma(&bed), 6 * P, 9 * P } } },
		{ 6 * P, 8 * P, 4, { put } },
	};

	ck_assert_uint_eq(ARRAY_SIZE(edits), REFUSED);
	if (!freopen("/dev/null", "w", stderr))
		return;
	(void)bed_edit(&bed, &edits[_i]); /* SIGABRT is the test's success */
}
END_TEST

START_TEST(test_lookup)
{
	const struct vma_index_ops *list = vma_index_lookup("list");

	ck_assert_ptr_nonnull(vma_index_lookup("check:list"));
	ck_assert_ptr_eq(vma_index_lookup("check:list"), check_ops_for(list));
	ck_assert_str_eq(vma_index_lookup("check:list")->name, "check:list");
	ck_assert_uint_eq(vma_index_lookup("check:list")->node_size, list->node_size);
	ck_assert_ptr_null(vma_index_lookup("check:nothing"));
	ck_assert_ptr_null(vma_index_lookup("check:"));
}
END_TEST

TEST_SUITE(check)
{
	Suite *suite = suite_create("check");
	TCase *tcase = tcase_create("check");

	tcase_add_loop_test(tcase, test_notices, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test_raise_signal(tcase, test_refuses, SIGABRT, 0, REFUSED);
	tcase_add_test(tcase, test_lookup);
	suite_add_tcase(suite, tcase);
	return suite;
}
