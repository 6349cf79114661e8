/*
 * Tests of the locking schemes with one thread: names, and replays that end in the same state.
 */
#include <stdio.h>
#include <string.h>

#include "harness/replay/replay.h"
#include "tests/suite.h"

START_TEST(names)
{
	const struct mm_locking *locking;
	unsigned n = 0;

	for (; (locking = mm_locking(n)); n++) {
		ck_assert_ptr_eq(mm_locking_lookup(locking->name), locking);
		ck_assert_str_ne(locking->summary, "");
	}
	ck_assert_uint_eq(n, 4);
	ck_assert_ptr_null(mm_locking_lookup("none"));
	ck_assert_ptr_null(mm_locking_lookup("per-vm"));
}
END_TEST

/* Which index needs a lock of its own for lookups beside a call. */
START_TEST(inner_lock)
{
	const struct vma_index_ops *btree = vma_index_lookup("btree");
	const struct vma_index_ops *maple = vma_index_lookup("maple");

	ck_assert(!mm_locking_inner(NULL, btree));
	ck_assert(!mm_locking_inner(mm_locking_lookup("mmap_lock"), btree));
	for (unsigned i = 1; mm_locking(i); i++) {
		ck_assert(mm_locking_inner(mm_locking(i), btree));
		ck_assert(!mm_locking_inner(mm_locking(i), maple));
	}
}
END_TEST

struct ending {
	uint64_t hash;
	struct fault_counters faults;
	struct pt_counters pt;
};

static struct ending replayed(const char *trace, const char *index,
			      const struct mm_locking *locking)
{
	struct replay_options options;
	struct trace_error error;
	struct trace_event event;
	struct trace_reader *reader = trace_open(trace, &error);
	struct ending ending;
	int more;

	ck_assert_msg(reader, "%s: %s", trace, error.reason);
	replay_options_default(&options);
	options.find_cache = find_cache_lookup("none");
	options.locking = locking;
	struct replay_world *world =
		replay_create(vma_index_lookup(index), trace_info(reader), &options);
	ck_assert_ptr_nonnull(world);
	while ((more = trace_next(reader, &event, &error)) > 0)
		ck_assert_int_eq(replay_event(world, &event), 0);
	ck_assert_ptr_null(replay_verify(world, stderr));
	ck_assert_int_eq(more, 0);
	ending.hash = replay_finish(world);
	ending.faults = replay_machine(world)->faults;
	ending.pt = replay_machine(world)->pt;
	replay_destroy(world);
	trace_close(reader);
	return ending;
}

START_TEST(replays_end_alike)
{
	static const char *const traces[] = {
		"workloads/traces/gcc.vmt",
		"workloads/traces/git.vmt",
	};
	static const char *const indexes[] = { "rbtree", "maple" };
	struct ending plain = replayed(traces[_i], indexes[_i], NULL);

	for (unsigned i = 0; mm_locking(i); i++) {
		struct ending locked = replayed(traces[_i], indexes[_i], mm_locking(i));

		ck_assert_uint_eq(locked.hash, plain.hash);
		ck_assert_mem_eq(&locked.faults, &plain.faults, sizeof(plain.faults));
		ck_assert_mem_eq(&locked.pt, &plain.pt, sizeof(plain.pt));
	}
}
END_TEST

TEST_SUITE(locking)
{
	Suite *suite = suite_create("locking");
	TCase *tcase = tcase_create("one thread");

	tcase_add_test(tcase, names);
	tcase_add_test(tcase, inner_lock);
	tcase_add_loop_test(tcase, replays_end_alike, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
