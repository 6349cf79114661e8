/*
 * history: answers that were true at some moment pass, all others are named.
 */
#include <errno.h>
#include <string.h>

#include "tests/rcu/history.h"
#include "tests/suite.h"

#define P PAGE_SIZE

/* VMAs that nobody looks into. */
#define VMA(i) ((struct vm_area_struct *)(64UL + 64 * (i)))

static void edit(struct history *history, unsigned long lo, unsigned long hi, unsigned vma,
		 unsigned long start, unsigned long end)
{
	struct vma_edit edit = { lo, hi, end > start, { { VMA(vma), start, end } } };

	ck_assert_int_eq(history_begin(history, &edit), 0);
	history_done(history);
}

/*
 *	edit      1      2      3          4          5
 *	          A 2-4  B 6-8  A 2-5      B gone     C 5-7
 */
static struct history *example(void)
{
	struct history *history = history_create();

	ck_assert_ptr_nonnull(history);
	ck_assert_uint_eq(history_ask(history), 0);
	edit(history, 2 * P, 4 * P, 0, 2 * P, 4 * P);
	edit(history, 6 * P, 8 * P, 1, 6 * P, 8 * P);
	edit(history, 2 * P, 5 * P, 0, 2 * P, 5 * P);
	edit(history, 6 * P, 8 * P, 1, 0, 0);
	edit(history, 5 * P, 7 * P, 2, 5 * P, 7 * P);
	ck_assert_uint_eq(history_told(history), 5);
	return history;
}

START_TEST(test_answers)
{
	static const struct {
		unsigned long page;
		int after, vma; /* numbers; -1: none */
		unsigned from, to;
		bool ok;
	} rows[] = {
		{ 0, -1, -1, 0, 0, true },  { 0, -1, -1, 0, 1, true }, { 0, -1, -1, 1, 5, false },
		{ 0, -1, 0, 0, 0, false },  { 0, -1, 0, 0, 1, true },  { 4, -1, -1, 1, 1, true },
		{ 4, -1, 1, 1, 1, false },  { 4, -1, 1, 1, 2, true },  { 4, -1, 1, 2, 2, true },
		{ 4, -1, 1, 3, 5, false },  { 4, -1, 0, 3, 3, true },  { 4, -1, 0, 2, 2, false },
		{ 6, -1, 2, 4, 4, false },  { 6, -1, 2, 4, 5, true },  { 6, -1, -1, 3, 5, true },
		{ 6, -1, -1, 5, 5, false }, { 6, -1, 1, 4, 5, false }, { 2, 0, 1, 2, 3, true },
		{ 2, 0, 1, 3, 4, true },    { 2, 0, 1, 4, 5, false },  { 2, 0, -1, 4, 5, true },
		{ 2, 0, 2, 4, 4, false },   { 2, 0, 2, 4, 5, true },   { 2, 0, 0, 2, 3, true },
		{ 2, 0, 0, 3, 5, false },
	};
	char why[200];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct history *history = example();
		struct history_answer answer = {
			.addr = rows[i].page * P,
			.after = rows[i].after < 0 ? NULL : VMA(rows[i].after),
			.vma = rows[i].vma < 0 ? NULL : VMA(rows[i].vma),
			.from = rows[i].from,
			.to = rows[i].to,
		};
		int err = history_check(history, &answer, 1, why, sizeof(why));

		ck_assert_msg(err == (rows[i].ok ? 0 : -EILSEQ), "row %zu: %d", i, err);
		ck_assert(rows[i].ok || strstr(why, "never true"));
		history_destroy(history);
	}
}
END_TEST

/* Many answers at once, in rounds: what is true in one is known in the next. */
START_TEST(test_rounds)
{
	struct history *history = example();
	struct history_answer answers[] = {
		{ .addr = 4 * P, .vma = VMA(0), .from = 2, .to = 3 },
		{ .addr = 0, .vma = NULL, .from = 0, .to = 1 },
		{ .addr = 6 * P, .vma = VMA(2), .from = 5, .to = 5 },
	};
	char why[200];

	ck_assert_int_eq(history_check(history, answers, ARRAY_SIZE(answers), why, sizeof(why)), 0);
	edit(history, 0, P, 3, 0, P);
	answers[0] = (struct history_answer){ .addr = 0, .vma = VMA(3), .from = 5, .to = 6 };
	answers[1] = (struct history_answer){
		.addr = 0, .after = VMA(0), .vma = VMA(2), .from = 6, .to = 6
	};
	ck_assert_int_eq(history_check(history, answers, 2, why, sizeof(why)), 0);
	answers[0] = (struct history_answer){ .addr = 0, .vma = VMA(0), .from = 6, .to = 6 };
	ck_assert_int_eq(history_check(history, answers, 1, why, sizeof(why)), -EILSEQ);
	history_destroy(history);
}
END_TEST

TEST_SUITE(history)
{
	Suite *suite = suite_create("history");
	TCase *tcase = tcase_create("history");

	tcase_add_test(tcase, test_answers);
	tcase_add_test(tcase, test_rounds);
	suite_add_tcase(suite, tcase);
	return suite;
}
