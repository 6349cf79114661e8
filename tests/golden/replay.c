/*
 * All shipped traces by all indexes in lockstep: one state hash, every recorded
 * result and layout equal, nothing left out.  With AddressSanitizer, which makes it
 * ten times as long, each trace by some of them in turn; TEST_LONG=1: by all.
 */
#include <glob.h>
#include <stdlib.h>

#include "harness/measure/index_list.h"
#include "harness/replay/replay.h"
#include "tests/suite.h"

static glob_t traces;

struct lockstep {
	struct index_list indexes;
	struct replay_world *world[INDEX_LIST_MAX];
	struct trace_reader *reader;
	const char *path;
};

static void print_difference(const struct replay_difference *difference, void *arg)
{
	fprintf(stderr, "%s: event %lu: %s\n", (const char *)arg, (unsigned long)difference->event,
		difference->text ? difference->text : trace_kind_name(difference->recorded->kind));
}

/* Some indexes, others for each trace. */
static void take_turns(struct index_list *indexes, unsigned turn)
{
#ifdef __SANITIZE_ADDRESS__
	struct index_list all = *indexes;

	if (getenv("TEST_LONG"))
		return;
	indexes->n = min(all.n, 3u);
	for (unsigned i = 0; i < indexes->n; i++)
		indexes->ops[i] = all.ops[(turn + i) % all.n];
#else
	(void)indexes, (void)turn;
#endif
}

static void lockstep_open(struct lockstep *l, unsigned turn)
{
	const char *path = traces.gl_pathv[turn];
	struct replay_options options;
	struct trace_error error;

	*l = (struct lockstep){ .path = path };
	l->reader = trace_open(path, &error);
	ck_assert_msg(l->reader != NULL, "%s: %s", path, error.reason);
	replay_options_default(&options);
	options.on_difference = print_difference;
	options.arg = (void *)path;
	index_list_all(&l->indexes);
	take_turns(&l->indexes, turn);
	ck_assert_uint_ge(l->indexes.n, 2);
	for (unsigned i = 0; i < l->indexes.n; i++) {
		l->world[i] = replay_create(l->indexes.ops[i], trace_info(l->reader), &options);
		ck_assert_ptr_nonnull(l->world[i]);
		options.on_difference = NULL; /* the first one tells; they must agree anyway */
	}
}

static void lockstep_event(struct lockstep *l, const struct trace_event *event, uint64_t number)
{
	for (unsigned i = 0; i < l->indexes.n; i++) {
		ck_assert_int_eq(replay_event(l->world[i], event), 0);
		ck_assert_msg(replay_hash(l->world[i]) == replay_hash(l->world[0]),
			      "%s: event %lu: %s does not agree with %s", l->path,
			      (unsigned long)number, l->indexes.ops[i]->name,
			      l->indexes.ops[0]->name);
	}
}

static void lockstep_verify(struct lockstep *l)
{
	for (unsigned i = 0; i < l->indexes.n; i++) {
		const char *wrong = replay_verify(l->world[i], stderr);

		ck_assert_msg(!wrong, "%s: %s: %s", l->path, l->indexes.ops[i]->name, wrong);
	}
}

static void lockstep_close(struct lockstep *l)
{
	uint64_t hash = replay_finish(l->world[0]);

	for (unsigned i = 0; i < l->indexes.n; i++) {
		const struct replay_counts *counts = replay_counts(l->world[i]);

		if (i)
			ck_assert_uint_eq(replay_finish(l->world[i]), hash);
		ck_assert_uint_gt(counts->results.compared, 0);
		ck_assert_uint_eq(counts->results.equal, counts->results.compared);
		ck_assert_uint_eq(counts->placements.equal, counts->placements.compared);
		ck_assert_uint_gt(counts->layouts.compared, 0);
		ck_assert_uint_eq(counts->layouts.equal, counts->layouts.compared);
		ck_assert_uint_eq(counts->bad_events, 0);
		replay_destroy(l->world[i]);
	}
	trace_close(l->reader);
}

START_TEST(test_trace)
{
	struct lockstep l;
	struct trace_error error;
	struct trace_event event;
	uint64_t number = 0;
	int more;

	lockstep_open(&l, (unsigned)_i);
	while ((more = trace_next(l.reader, &event, &error)) > 0) {
		lockstep_event(&l, &event, ++number);
		if (number % 100000 == 0)
			lockstep_verify(&l);
	}
	ck_assert_msg(more == 0, "%s: %s", l.path, error.reason);
	lockstep_close(&l);
}
END_TEST

START_TEST(test_there_are_traces)
{
	ck_assert_msg(traces.gl_pathc >= 8,
		      "%zu traces in workloads/traces: run from the top folder",
		      (size_t)traces.gl_pathc);
}
END_TEST

TEST_SUITE(replay)
{
	Suite *suite = suite_create("replay");
	TCase *tcase = tcase_create("shipped traces");

	glob("workloads/traces/*.vmt", 0, NULL, &traces);
	tcase_set_timeout(tcase, 1200);
	tcase_add_test(tcase, test_there_are_traces);
	tcase_add_loop_test(tcase, test_trace, 0, (int)traces.gl_pathc);
	suite_add_tcase(suite, tcase);
	return suite;
}
