/*
 * Tests of a replay's world: what events do to it, made up one by one.
 */
#include <sched.h>
#include <sys/personality.h>

#include "harness/check/check.h"
#include "harness/replay/replay.h"
#include "mm/mman.h"
#include "tests/suite.h"

#define BASE  0x7ffff7fff000UL
#define HEAP  0x555555600000UL
#define STACK 0x7fffffffe000UL

static struct replay_world *world;
static unsigned differences;

static void count_difference(const struct replay_difference *difference, void *arg)
{
	(void)difference, (void)arg;
	differences++;
}

static void setup(void)
{
	struct replay_options options;
	struct trace_info info;

	check_info(&info);
	info.aslr = true;
	replay_options_default(&options);
	options.on_difference = count_difference;
	differences = 0;
	world = replay_create(vma_index_lookup("list"), &info, &options);
	ck_assert_ptr_nonnull(world);
}

static void event(struct trace_event e)
{
	e.name = "";
	ck_assert_int_eq(replay_event(world, &e), 0);
}

/* The task's program begins, with one page of stack. */
static void exec(uint32_t task)
{
	event((struct trace_event){
		.kind = TRACE_EXEC, .task = task, .arg = { BASE, HEAP, HEAP } });
	event((struct trace_event){
		.kind = TRACE_LAYOUT, .task = task, .arg = { TRACE_AFTER_EXEC, 1 } });
	event((struct trace_event){
		.kind = TRACE_VMA, .task = task, .arg = { STACK, STACK + PAGE_SIZE, 0x173 } });
}

static void fork_task(uint32_t parent, uint32_t child, uint64_t flags)
{
	event((struct trace_event){ .kind = TRACE_FORK, .task = parent, .arg = { child, flags } });
}

static void call_mmap(uint32_t task, unsigned long flags, int64_t result)
{
	event((struct trace_event){ .kind = TRACE_MMAP,
				    .task = task,
				    .result = result,
				    .arg = { 0, PAGE_SIZE, PROT_READ, flags } });
}

#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

START_TEST(a_personality_waits_for_exec)
{
	setup();
	exec(1);
	event((struct trace_event){
		.kind = TRACE_PERSONALITY, .task = 1, .arg = { ADDR_COMPAT_LAYOUT } });
	ck_assert(!replay_mm(world, 1)->legacy_layout);
	call_mmap(1, ANON, BASE - PAGE_SIZE);
	fork_task(1, 2, 0);
	ck_assert(!replay_mm(world, 2)->legacy_layout);
	exec(2);
	ck_assert(replay_mm(world, 2)->legacy_layout);
	call_mmap(2, ANON, BASE); /* upwards from mmap_base now */
	ck_assert(!replay_mm(world, 1)->legacy_layout);
	ck_assert_uint_eq(differences, 0);
	replay_destroy(world);
}
END_TEST

START_TEST(a_difference_is_followed)
{
	const struct replay_counts *counts;

	setup();
	exec(1);
	call_mmap(1, ANON, BASE - 5 * PAGE_SIZE); /* we would have put it at the top */
	ck_assert_uint_eq(differences, 1);
	ck_assert_ptr_nonnull(vma_lookup(replay_mm(world, 1), BASE - 5 * PAGE_SIZE));
	ck_assert_ptr_null(vma_lookup(replay_mm(world, 1), BASE - PAGE_SIZE));
	call_mmap(1, ANON | MAP_32BIT, 0x50000000); /* random by design */
	ck_assert_uint_eq(differences, 1);
	counts = replay_counts(world);
	ck_assert_uint_eq(counts->random_placements, 1);
	ck_assert_uint_eq(counts->placements.compared, 1);
	ck_assert_uint_eq(counts->placements.equal, 0);
	replay_destroy(world);
}
END_TEST

START_TEST(tasks_share_copy_and_leave)
{
	setup();
	exec(1);
	fork_task(1, 2, CLONE_VM);
	fork_task(1, 3, 0);
	ck_assert_ptr_eq(replay_mm(world, 2), replay_mm(world, 1));
	ck_assert_ptr_ne(replay_mm(world, 3), replay_mm(world, 1));
	event((struct trace_event){ .kind = TRACE_EXIT, .task = 1 });
	ck_assert_ptr_null(replay_mm(world, 1));
	ck_assert_uint_eq(replay_machine(world)->mms, 2); /* 2 still has it */
	event((struct trace_event){ .kind = TRACE_EXIT, .task = 2 });
	ck_assert_uint_eq(replay_machine(world)->mms, 1);
	event((struct trace_event){ .kind = TRACE_FAULT, .task = 2, .arg = { BASE, 0 } });
	ck_assert_uint_eq(replay_counts(world)->faults_without_mm, 1);
	replay_destroy(world);
}
END_TEST

TEST_SUITE(world)
{
	Suite *suite = suite_create("world of a replay");
	TCase *tcase = tcase_create("events");

	tcase_add_test(tcase, a_personality_waits_for_exec);
	tcase_add_test(tcase, a_difference_is_followed);
	tcase_add_test(tcase, tasks_share_copy_and_leave);
	suite_add_tcase(suite, tcase);
	return suite;
}
