/*
 * Recorded programs with an accounting driver behind every VMA that is not anonymous: each
 * is told of once as it comes and once as it goes, and nothing is left in the end.
 *
 * The driver has a close op, so VMAs of files are not merged away (rule C5) and there are more
 * of them than were recorded: what is compared is what the program would see.
 *
 * TEST_LONG=1 (make check-long) does all traces with all indexes, else those of at most SMALL
 * bytes go through them.
 */
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "harness/measure/index_list.h"
#include "harness/replay/replay.h"
#include "tests/accounting.h"
#include "tests/suite.h"

#define SMALL 25000

static glob_t traces;
static struct index_list indexes;

static void tell(const struct replay_difference *difference, void *arg)
{
	fprintf(stderr, "%s: event %lu: %s\n", (const char *)arg, (unsigned long)difference->event,
		difference->text ? difference->text : "another result");
}

/* Of what the program had nothing is left; of what the machine has, machine_destroy is judge. */
static void check_end(const struct replay_world *world)
{
	const struct machine *machine = replay_machine(world);
	const struct replay_counts *counts = replay_counts(world);

	ck_assert_uint_eq(machine->mms, 0);
	ck_assert_uint_eq(machine->vmas, 0);
	ck_assert_uint_eq(machine->anon_vmas, 0);
	ck_assert_uint_eq(machine->anon_vma_chains, 0);
	ck_assert_ptr_null(machine->mm_list);
	ck_assert_uint_eq(frames_in_use(machine->swap), 0);
	ck_assert_uint_gt(counts->results.compared, 0);
	ck_assert_uint_eq(counts->results.equal, counts->results.compared);
	ck_assert_uint_gt(counts->layouts.compared, 0);
	ck_assert_uint_eq(counts->layouts.equal, counts->layouts.compared);
	ck_assert_uint_gt(accounting.mapped, 0);
	ck_assert_uint_eq(accounting.alive, 0);
}

/* Returns the digest, which must be the same with every index. */
static uint64_t replay_trace(char *path, const struct vma_index_ops *ops)
{
	struct replay_options options;
	struct trace_error error;
	struct trace_event event;
	struct trace_reader *reader = trace_open(path, &error);
	int more;

	ck_assert_msg(reader != NULL, "%s: %s", path, error.reason);
	replay_options_default(&options);
	options.whatif = true;
	options.mmap_hook = accounting_mmap;
	options.on_difference = tell;
	options.arg = path;
	struct replay_world *world = replay_create(ops, trace_info(reader), &options);
	ck_assert_ptr_nonnull(world);
	while ((more = trace_next(reader, &event, &error)) > 0)
		ck_assert_int_eq(replay_event(world, &event), 0);
	ck_assert_int_eq(more, 0);
	ck_assert_ptr_null(replay_verify(world, stderr));
	uint64_t hash = replay_finish(world);

	check_end(world);
	replay_destroy(world); /* ends the test if a frame, file or inode is left */
	trace_close(reader);
	accounting_settle();
	return hash;
}

START_TEST(drivers_of_a_trace)
{
	char *path = traces.gl_pathv[_i];
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	if (st.st_size > SMALL && !getenv("TEST_LONG"))
		return;
	index_list_all(&indexes);
	uint64_t hash = replay_trace(path, indexes.ops[0]);
	for (unsigned i = 1; i < indexes.n; i++)
		ck_assert_uint_eq(replay_trace(path, indexes.ops[i]), hash);
}
END_TEST

TEST_SUITE(replay_drivers)
{
	Suite *suite = suite_create("replay with drivers");
	TCase *tcase = tcase_create("traces");

	glob("workloads/traces/*.vmt", 0, NULL, &traces);
	tcase_set_timeout(tcase, 3600);
	tcase_add_loop_test(tcase, drivers_of_a_trace, 0, (int)traces.gl_pathc);
	suite_add_tcase(suite, tcase);
	return suite;
}
