/*
 * Recorded programs by several threads: what waits for what, and all shipped programs that
 * have more than one task: each event leaves what it leaves when one thread does them all.
 *
 * TEST_LONG=1 (make check-long) does each of them under all locking schemes with several numbers of
 * threads, else those of more than SMALL bytes under one in turn.
 */
#include <glob.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "harness/threads/threads_replay.h"
#include "mm/mman.h"
#include "tests/suite.h"

#define SMALL 30000
#define A     0x10000000UL
#define B     0x20000000UL
#define LEN   0x4000UL
#define STACK 0x7fffffffe000UL

static glob_t traces;

/* ---- what waits for what ---- */

static struct trace_event map(uint32_t task, unsigned long addr)
{
	return (struct trace_event){
		.kind = TRACE_MMAP,
		.task = task,
		.result = (int64_t)addr,
		.name = "",
		.arg = { addr, LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED },
	};
}

static struct trace_event store(uint32_t task, unsigned long addr)
{
	return (struct trace_event){
		.kind = TRACE_FAULT,
		.task = task,
		.arg = { addr, TRACE_FAULT_WRITE },
		.name = "",
	};
}

static struct trace_event plain(enum trace_kind kind, uint32_t task, uint64_t arg0, uint64_t arg1)
{
	return (struct trace_event){
		.kind = kind, .task = task, .arg = { arg0, arg1 }, .name = ""
	};
}

/* The program of these events, of which the third is its stack; its reader is to be closed. */
static struct program program_of(struct trace_event *events, size_t n)
{
	struct trace_error error;
	struct program program = {
		.reader = trace_open("workloads/traces/ls.vmt", &error),
		.events = events,
		.n = n,
	};

	ck_assert_ptr_nonnull(program.reader);
	events[2].arg[2] = 0x173;
	return program;
}

#define NOTHING (~0u)

START_TEST(test_plan)
{
	struct trace_event events[] = {
		plain(TRACE_EXEC, 1, STACK, A),
		plain(TRACE_LAYOUT, 1, TRACE_AFTER_EXEC, 1),
		plain(TRACE_VMA, 1, STACK, STACK + PAGE_SIZE),
		plain(TRACE_FORK, 1, 2, CLONE_VM | CLONE_THREAD),
		map(1, A),
		map(1, B),
		store(2, A + PAGE_SIZE),        /* 6: the first there, for the mmap */
		store(2, B),                    /* 7 */
		store(1, A + 2 * PAGE_SIZE),    /* 8: for the fault that gave it an anon_vma */
		store(2, A + 3 * PAGE_SIZE),    /* 9: for the mmap */
		plain(TRACE_MUNMAP, 1, A, LEN), /* 10: for the last fault in there */
		store(1, B),                    /* 11: for the one before at that page */
		store(2, B + PAGE_SIZE),        /* 12: for the mmap, not for what happened to A */
		plain(TRACE_EXIT, 2, 0, 0),
		plain(TRACE_EXIT, 1, 0, 0), /* 14: for all of the mm */
	};
	static const uint32_t after[] = { NOTHING, NOTHING, NOTHING, NOTHING, NOTHING,
					  NOTHING, 4,       5,       6,       4,
					  9,       7,       5,       2,       13 };
	struct program program = program_of(events, ARRAY_SIZE(events));
	struct threads_plan plan;

	ck_assert_int_eq(threads_plan_make(&plan, &program), 0);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		ck_assert_msg(plan.first[i + 1] - plan.first[i] == (after[i] != NOTHING),
			      "event %zu waits for %u others", i,
			      plan.first[i + 1] - plan.first[i]);
		if (after[i] != NOTHING)
			ck_assert_uint_eq(plan.after[plan.first[i]], after[i]);
	}
	ck_assert_uint_eq(threads_plan_length(&plan, 1), ARRAY_SIZE(events));
	ck_assert_uint_eq(threads_plan_length(&plan, 2), 11);
	threads_plan_done(&plan);
	trace_close(program.reader);
}
END_TEST

/* Another program than the one that the plan was made of leaves something else. */
START_TEST(test_difference_is_noticed)
{
	struct trace_event events[] = {
		plain(TRACE_EXEC, 1, STACK, A),
		plain(TRACE_LAYOUT, 1, TRACE_AFTER_EXEC, 1),
		plain(TRACE_VMA, 1, STACK, STACK + PAGE_SIZE),
		plain(TRACE_FORK, 1, 2, CLONE_VM | CLONE_THREAD),
		map(1, A),
		store(2, A),
		plain(TRACE_EXIT, 2, 0, 0),
		plain(TRACE_EXIT, 1, 0, 0),
	};
	struct program program = program_of(events, ARRAY_SIZE(events));
	struct threads_times times;
	struct threads_plan plan;

	ck_assert_int_eq(threads_plan_make(&plan, &program), 0);
	ck_assert_int_eq(threads_replay(&plan, vma_index_lookup("btree"), mm_locking(0), 2, &times),
			 0);
	ck_assert_ptr_null(times.wrong);
	events[5].arg[1] = 0; /* a read leaves another page than the store did */
	ck_assert_int_eq(threads_replay(&plan, vma_index_lookup("btree"), mm_locking(0), 2, &times),
			 0);
	ck_assert_ptr_nonnull(times.wrong);
	threads_plan_done(&plan);
	trace_close(program.reader);
}
END_TEST

/* ---- the shipped programs ---- */

static void replay(const struct threads_plan *plan, unsigned turn)
{
	static const char *const indexes[] = { "btree", "maple", "rbtree" };
	static const unsigned threads[] = { 2, 3, 5 };
	const struct mm_locking *locking = mm_locking(turn % 4);
	const char *index = indexes[turn / 4 % ARRAY_SIZE(indexes)];
	unsigned n = threads[turn / 2 % ARRAY_SIZE(threads)];
	struct threads_times times;

	ck_assert_int_eq(threads_replay(plan, vma_index_lookup(index), locking, n, &times), 0);
	ck_assert_msg(!times.wrong, "%s, %s, %s, %u threads: %s", plan->program->name, index,
		      locking->name, n, times.wrong);
	ck_assert(times.rate > 0);
}

START_TEST(test_trace)
{
	const char *path = traces.gl_pathv[_i];
	struct trace_error error;
	struct threads_plan plan;
	struct program program;
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_ptr_null(program_load(&program, path, &error));
	ck_assert_int_eq(threads_plan_make(&plan, &program), 0);
	if (plan.tasks > 1) {
		unsigned turns = getenv("TEST_LONG") ? 12 : st.st_size > SMALL ? 1 : 4;

		for (unsigned i = 0; i < turns; i++)
			replay(&plan, (unsigned)_i + 3 * i);
	}
	threads_plan_done(&plan);
	program_free(&program);
}
END_TEST

TEST_SUITE(replay_threads)
{
	Suite *suite = suite_create("replay_threads");
	TCase *made_up = tcase_create("made up"), *shipped = tcase_create("shipped traces");

	glob("workloads/traces/*.vmt", 0, NULL, &traces);
	tcase_add_test(made_up, test_plan);
	tcase_add_test(made_up, test_difference_is_noticed);
	tcase_set_timeout(shipped, 1800);
	tcase_add_loop_test(shipped, test_trace, 0, (int)traces.gl_pathc);
	suite_add_tcase(suite, made_up);
	suite_add_tcase(suite, shipped);
	return suite;
}
