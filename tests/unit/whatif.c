/*
 * Replays with another placement policy: calls and faults at recorded addresses, which
 * must find what the policy has put elsewhere.  The events are made up one by one.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "harness/check/check.h"
#include "harness/replay/replay.h"
#include "mm/mman.h"
#include "tests/suite.h"

#define P        PAGE_SIZE
#define BASE     0x7ffff7fff000UL
#define HEAP     0x555555600000UL
#define STACK    0x7fffffffe000UL
#define ANON     (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW       (PROT_READ | PROT_WRITE)
#define RW_FLAGS 0x100073UL /* rd wr mr mw me ac */
#define RO_FLAGS 0x71UL

static struct replay_world *world;
static const struct replay_counts *counts;
static char told[1200];

static void keep_difference(const struct replay_difference *difference, void *arg)
{
	(void)arg;
	snprintf(told, sizeof(told), "event %lu: %s", (unsigned long)difference->event,
		 difference->text ? difference->text : "result");
}

static void event(struct trace_event e)
{
	if (!e.name)
		e.name = "";
	if (!e.task)
		e.task = 1;
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
		.kind = TRACE_VMA, .task = task, .arg = { STACK, STACK + P, 0x100173 } });
}

static void setup(const char *placement, const char *merge)
{
	struct replay_options options;
	struct trace_info info;

	check_info(&info);
	replay_options_default(&options);
	options.on_difference = keep_difference;
	options.placement = placement_policy_lookup(placement);
	options.merge = merge_rule_lookup(merge);
	options.whatif = true;
	*told = '\0';
	world = replay_create(vma_index_lookup("btree"), &info, &options);
	ck_assert_ptr_nonnull(world);
	counts = replay_counts(world);
	exec(1);
}

/* Ends it: nothing differed, and nothing contradicts itself. */
static void done(void)
{
	ck_assert_str_eq(told, "");
	ck_assert_uint_eq(counts->results.equal, counts->results.compared);
	ck_assert_uint_eq(counts->layouts.equal, counts->layouts.compared);
	ck_assert_ptr_null(replay_verify(world, stderr));
	replay_destroy(world);
}

static void call(enum trace_kind kind, unsigned long a, unsigned long b, unsigned long c,
		 int64_t result)
{
	event((struct trace_event){ .kind = kind, .result = result, .arg = { a, b, c, -1UL } });
}

/* len bytes that the kernel put at `at`. */
static void map(unsigned long at, unsigned long len, unsigned long flags)
{
	event((struct trace_event){ .kind = TRACE_MMAP,
				    .result = (int64_t)at,
				    .arg = { flags & MAP_FIXED ? at : 0, len, RW, ANON | flags } });
}

static void remap(unsigned long old, unsigned long old_len, unsigned long new_len,
		  unsigned long flags, unsigned long dest, int64_t result)
{
	event((struct trace_event){ .kind = TRACE_MREMAP,
				    .result = result,
				    .arg = { old, old_len, new_len, flags, dest } });
}

static void fault(uint32_t task, unsigned long addr, unsigned long bits)
{
	event((struct trace_event){
		.kind = TRACE_FAULT, .task = task, .arg = { addr, TRACE_FAULT_USER | bits } });
}

/* The recorded layout, of VMAs besides the page of stack, compared. */
static void layout(uint32_t task, size_t n, const unsigned long vmas[][3])
{
	event((struct trace_event){
		.kind = TRACE_LAYOUT, .task = task, .arg = { TRACE_AT_EXIT, n + 1 } });
	for (size_t i = 0; i < n; i++)
		event((struct trace_event){ .kind = TRACE_VMA,
					    .task = task,
					    .arg = { vmas[i][0], vmas[i][1], vmas[i][2] } });
	event((struct trace_event){
		.kind = TRACE_VMA, .task = task, .arg = { STACK, STACK + P, 0x100173 } });
}

#define LAYOUT(task, ...)                                                                    \
	layout(task, sizeof((unsigned long[][3]){ __VA_ARGS__ }) / sizeof(unsigned long[3]), \
	       (unsigned long[][3]){ __VA_ARGS__ })

static unsigned long here(uint32_t task, unsigned long addr)
{
	return replay_translate(world, task, addr);
}

static struct vm_area_struct *vma_here(uint32_t task, unsigned long addr)
{
	return vma_lookup(replay_mm(world, task), here(task, addr));
}

#define A (BASE - 16 * P)
#define B (BASE - 8 * P)

START_TEST(a_mapping_is_found_elsewhere)
{
	setup("random", "linux");
	map(A, 8 * P, 0);
	ck_assert_uint_ne(here(1, A), A);
	ck_assert_ptr_null(vma_lookup(replay_mm(world, 1), A));
	fault(1, A + 3 * P, TRACE_FAULT_WRITE);
	ck_assert_uint_ne(pt_get(&replay_mm(world, 1)->pgd, here(1, A + 3 * P)), 0);
	fault(1, A - P, TRACE_FAULT_WRITE); /* of nothing: refused */
	ck_assert_uint_eq(replay_machine(world)->faults.anon_write, 1);
	call(TRACE_MPROTECT, A + P, P, PROT_READ, 0);
	LAYOUT(1, { A, A + P, RW_FLAGS }, { A + P, A + 2 * P, RO_FLAGS },
	       { A + 2 * P, A + 8 * P, RW_FLAGS });
	done();
}
END_TEST

START_TEST(a_partial_munmap_leaves_the_rest)
{
	setup("bottomup", "linux");
	map(A, 8 * P, 0);
	call(TRACE_MUNMAP, A + 2 * P, 3 * P, 0, 0);
	ck_assert_ptr_null(vma_lookup(replay_mm(world, 1), here(1, A) + 2 * P));
	ck_assert_uint_eq(here(1, A + 5 * P), here(1, A) + 5 * P);
	LAYOUT(1, { A, A + 2 * P, RW_FLAGS }, { A + 5 * P, A + 8 * P, RW_FLAGS });
	/* gaps are met as they were recorded */
	call(TRACE_MPROTECT, A + P, 3 * P, PROT_READ, -ENOMEM);
	call(TRACE_MADVISE, A, 8 * P, MADV_DONTFORK, -ENOMEM);
	call(TRACE_MSEAL, A, 8 * P, 0, -ENOMEM);
	call(TRACE_MLOCK, A + 2 * P, P, 0, -ENOMEM);
	call(TRACE_MUNMAP, A + 2 * P, P, 0, 0);
	call(TRACE_MUNMAP, A + 1, P, 0, -EINVAL);
	ck_assert(vma_here(1, A + 7 * P)->vm_flags & VM_DONTCOPY);
	done();
}
END_TEST

START_TEST(one_call_two_places)
{
	setup("random", "linux");
	map(B, 8 * P, 0);
	map(A, 8 * P, 0);
	ck_assert_uint_ne(here(1, B) - here(1, A), B - A);
	call(TRACE_MPROTECT, A, 16 * P, PROT_READ, 0);
	ck_assert(!(vma_here(1, A)->vm_flags & VM_WRITE));
	ck_assert(!(vma_here(1, B)->vm_flags & VM_WRITE));
	call(TRACE_MUNMAP, A + 4 * P, 8 * P, 0, 0);
	ck_assert_uint_ge(counts->whatif.in_parts, 2);
	LAYOUT(1, { A, A + 4 * P, RO_FLAGS }, { B + 4 * P, B + 8 * P, RO_FLAGS });
	done();
}
END_TEST

START_TEST(fork_copies_exec_forgets)
{
	setup("random", "linux");
	map(A, 8 * P, 0);
	event((struct trace_event){ .kind = TRACE_FORK, .arg = { 2, 0 } });
	event((struct trace_event){ .kind = TRACE_FORK, .arg = { 3, CLONE_VM } });
	ck_assert_uint_eq(here(2, A), here(1, A));
	event((struct trace_event){ .kind = TRACE_MUNMAP, .task = 2, .arg = { A, 4 * P } });
	ck_assert_uint_eq(here(2, A), A);
	ck_assert_uint_ne(here(1, A), A);
	event((struct trace_event){ .kind = TRACE_MUNMAP, .task = 3, .arg = { A + 4 * P, 4 * P } });
	ck_assert_uint_eq(here(1, A + 4 * P), A + 4 * P); /* shared */
	LAYOUT(1, { A, A + 4 * P, RW_FLAGS });
	LAYOUT(2, { A + 4 * P, A + 8 * P, RW_FLAGS });
	exec(2);
	ck_assert_uint_eq(here(2, A + 4 * P), A + 4 * P);
	layout(2, 0, NULL);
	event((struct trace_event){ .kind = TRACE_EXIT, .task = 3 });
	ck_assert_uint_ne(here(1, A), A); /* 1 is still there */
	done();
}
END_TEST

START_TEST(mremap_of_the_moved)
{
	unsigned long far = BASE - 64 * P;

	setup("random", "linux");
	map(A, 4 * P, 0);
	fault(1, A, TRACE_FAULT_WRITE);
	remap(A, 4 * P, 8 * P, MREMAP_MAYMOVE, 0, (int64_t)far);
	ck_assert_uint_eq(here(1, A), A);
	ck_assert_uint_ne(pt_get(&replay_mm(world, 1)->pgd, here(1, far)), 0);
	remap(far, 8 * P, 2 * P, 0, 0, (int64_t)far);
	LAYOUT(1, { far, far + 2 * P, RW_FLAGS });
	map(A, 4 * P, 0);
	remap(far, 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, A + P, (int64_t)(A + P));
	ck_assert_uint_eq(here(1, A + 2 * P) - here(1, A), 2 * P);
	LAYOUT(1, { A, A + 4 * P, RW_FLAGS });
	remap(A, 4 * P, 1UL << 40, 0, 0, -ENOMEM);
	ck_assert_uint_eq(counts->whatif.not_tried, 1);
	done();
}
END_TEST

/* What is several VMAs here was one when it was recorded. */
START_TEST(mremap_in_parts)
{
	unsigned long far = BASE - 64 * P;

	setup("random", "none");
	map(B, 4 * P, 0);
	map(A + 4 * P, 4 * P, 0);
	fault(1, B, TRACE_FAULT_WRITE);
	remap(A + 4 * P, 8 * P, 10 * P, MREMAP_MAYMOVE, 0, (int64_t)far);
	ck_assert_uint_eq(here(1, far + 9 * P) - here(1, far), 9 * P);
	ck_assert_uint_ne(pt_get(&replay_mm(world, 1)->pgd, here(1, far + 4 * P)), 0);
	LAYOUT(1, { far, far + 10 * P, RW_FLAGS });
	/* split and whole again: it grows where it is */
	call(TRACE_MPROTECT, far, P, PROT_READ, 0);
	call(TRACE_MPROTECT, far, P, RW, 0);
	remap(far, 10 * P, 12 * P, MREMAP_MAYMOVE, 0, (int64_t)far);
	LAYOUT(1, { far, far + 12 * P, RW_FLAGS });
	done();
}
END_TEST

START_TEST(a_fixed_mapping_meets_another)
{
	unsigned long lowest;

	setup("bottomup", "linux");
	map(A, 4 * P, 0);
	lowest = here(1, A);           /* the program knows nothing of it … */
	map(lowest + P, P, MAP_FIXED); /* … and maps there */
	ck_assert_uint_eq(counts->whatif.moved, 1);
	ck_assert_uint_ne(here(1, lowest + P), lowest + P);
	ck_assert_uint_eq(here(1, A), lowest);
	LAYOUT(1, { lowest + P, lowest + 2 * P, RW_FLAGS }, { A, A + 4 * P, RW_FLAGS });
	call(TRACE_MUNMAP, lowest, 4 * P, 0, 0); /* takes its own only */
	LAYOUT(1, { A, A + 4 * P, RW_FLAGS });
	done();
}
END_TEST

START_TEST(a_fixed_mapping_replaces_its_own)
{
	unsigned long at;

	setup("random", "linux");
	map(A, 8 * P, 0);
	at = here(1, A);
	map(A + 2 * P, 2 * P, MAP_FIXED);
	ck_assert_uint_eq(here(1, A + 2 * P), at + 2 * P);
	map(A + 6 * P, 4 * P, MAP_FIXED); /* and beyond it */
	ck_assert_uint_eq(here(1, A + 9 * P), at + 9 * P);
	map(0x10000000, P, MAP_FIXED); /* a place of its own: as it is */
	ck_assert_uint_eq(here(1, 0x10000000), 0x10000000);
	event((struct trace_event){ .kind = TRACE_MMAP,
				    .result = -EEXIST,
				    .arg = { A - P, 2 * P, RW, ANON | MAP_FIXED_NOREPLACE } });
	ck_assert_uint_eq(counts->whatif.moved, 0);
	LAYOUT(1, { 0x10000000, 0x10000000 + P, RW_FLAGS }, { A, A + 10 * P, RW_FLAGS });
	done();
}
END_TEST

/* Over two mappings, which are no neighbours here, and a gap: all of it is one afterwards. */
START_TEST(a_fixed_mapping_over_several)
{
	setup("random", "linux");
	map(A, 4 * P, 0);
	map(B, 4 * P, 0);
	map(A + 2 * P, 8 * P, MAP_FIXED);
	LAYOUT(1, { A, B + 4 * P, RW_FLAGS });
	call(TRACE_MUNMAP, A, 12 * P, 0, 0);
	layout(1, 0, NULL);
	ck_assert_uint_eq(replay_mm(world, 1)->map_count, 1);
	done();
}
END_TEST

START_TEST(heap_and_stack_stay)
{
	setup("random", "linux");
	call(TRACE_BRK, HEAP + 4 * P, 0, 0, (int64_t)(HEAP + 4 * P));
	fault(1, HEAP + P, TRACE_FAULT_WRITE);
	fault(1, STACK - 2 * P, TRACE_FAULT_WRITE);
	ck_assert_uint_eq(here(1, STACK - P), STACK - P);
	ck_assert_uint_eq(vma_here(1, STACK - P)->vm_start, STACK - 2 * P);
	call(TRACE_BRK, HEAP + P, 0, 0, (int64_t)(HEAP + P));
	/* a stack of one's own grows where it is */
	map(A, P, MAP_GROWSDOWN);
	fault(1, A - 2 * P, TRACE_FAULT_WRITE);
	ck_assert_uint_eq(here(1, A - 2 * P), here(1, A) - 2 * P);
	event((struct trace_event){ .kind = TRACE_LAYOUT, .arg = { TRACE_AT_EXIT, 3 } });
	event((struct trace_event){ .kind = TRACE_VMA, .arg = { HEAP, HEAP + P, RW_FLAGS } });
	event((struct trace_event){ .kind = TRACE_VMA, .arg = { A - 2 * P, A + P, 0x100173 } });
	event((struct trace_event){ .kind = TRACE_VMA,
				    .arg = { STACK - 2 * P, STACK + P, 0x100173 } });
	done();
}
END_TEST

/* What the comparison is for: each of these is told. */
START_TEST(differences_are_noticed)
{
	static const char *const texts[] = { "flags", "not mapped", "more is mapped", "result" };

	setup("random", "linux");
	map(A, 4 * P, 0);
	switch (_i) {
	case 0:
		LAYOUT(1, { A, A + 4 * P, RO_FLAGS });
		break;
	case 1:
		LAYOUT(1, { A, A + 5 * P, RW_FLAGS });
		break;
	case 2:
		LAYOUT(1, { A, A + 3 * P, RW_FLAGS });
		break;
	default:
		call(TRACE_MPROTECT, A, P, PROT_READ, -EACCES);
	}
	ck_assert_msg(strstr(told, texts[_i]) != NULL, "told: %s", told);
	ck_assert(counts->layouts.equal < counts->layouts.compared ||
		  counts->results.equal < counts->results.compared);
	replay_destroy(world);
}
END_TEST

/* Random calls by all indexes in lockstep, with each policy and rule. */
START_TEST(indexes_agree)
{
	struct index_list indexes = { .n = 0 };
	struct check_options options;
	struct check_report report;

	check_options_default(&options);
	options.seed = test_seed();
	options.ops = 15000;
	options.verify_every = 1000;
	options.placement = placement_policy((unsigned)_i / 3);
	options.merge = merge_rule((unsigned)_i % 3);
	index_list_all(&indexes);
	ck_assert_int_eq(check_run(&indexes, &options, &report), 0);
	ck_assert_msg(!report.different, "placement %s, merge %s, seed %lu: %s; events in %s",
		      options.placement->name, options.merge->name, (unsigned long)options.seed,
		      report.what, options.save);
}
END_TEST

TEST_SUITE(whatif)
{
	Suite *suite = suite_create("what if");
	TCase *tcase = tcase_create("translated calls");

	tcase_add_test(tcase, a_mapping_is_found_elsewhere);
	tcase_add_test(tcase, a_partial_munmap_leaves_the_rest);
	tcase_add_test(tcase, one_call_two_places);
	tcase_add_test(tcase, fork_copies_exec_forgets);
	tcase_add_test(tcase, mremap_of_the_moved);
	tcase_add_test(tcase, mremap_in_parts);
	tcase_add_test(tcase, a_fixed_mapping_meets_another);
	tcase_add_test(tcase, a_fixed_mapping_replaces_its_own);
	tcase_add_test(tcase, a_fixed_mapping_over_several);
	tcase_add_test(tcase, heap_and_stack_stay);
	tcase_add_loop_test(tcase, differences_are_noticed, 0, 4);
	tcase_add_loop_test(tcase, indexes_agree, 0, 15);
	suite_add_tcase(suite, tcase);
	return suite;
}
