/*
 * vmabench list - the indexes, benchmark cases, generators and recorded programs there are
 */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "harness/bench/bench.h"
#include "harness/cli/option.h"
#include "harness/cli/place.h"
#include "harness/cli/verb.h"
#include "indexes/peers/peers.h"
#include "workloads/generate/gen.h"
#include "workloads/format/trace.h"

static const char doc[] =
	"Shows the indexes, the benchmark cases, the generators and the recorded "
	"programs.\vExit status: 0, or 2 where a folder or a plug-in cannot be read.";

enum { KEY_NAMES = 256, KEY_TRACES, KEY_LOCKING };

static const struct argp_option options[] = {
	{ "names", KEY_NAMES, "indexes|cases", 0, "only these names, one a line, for scripts", 0 },
	{ "locking", KEY_LOCKING, NULL, 0,
	  "only the locking schemes, and under which an index needs a lock of its own", 0 },
	{ "traces", KEY_TRACES, "DIR", 0, "where recorded programs are (workloads/traces)", 0 },
	{ 0 }
};

struct arguments {
	const char *names, *traces;
	bool locking;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case KEY_NAMES:
		if (strcmp(arg, "indexes") && strcmp(arg, "cases"))
			argp_error(state, "--names: indexes or cases, not '%s'", escape_text(arg));
		arguments->names = arg;
		return 0;
	case KEY_LOCKING:
		arguments->locking = true;
		return 0;
	case KEY_TRACES:
		option_folder(state, "--traces", arg);
		arguments->traces = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", escape_text(arg));
	}
	return ARGP_ERR_UNKNOWN;
}

/* What scripts go through: indexes that hold something, cases that are timed. */
static void list_names(bool indexes)
{
	const struct vma_index_ops *ops;
	const struct bench_case *kase;

	for (unsigned i = 0; indexes && (ops = vma_index_type(i)); i++) {
		if (!(ops->caps & VMA_INDEX_NULL))
			puts(ops->name);
	}
	for (size_t i = 0; !indexes && (kase = bench_case_at(i)); i++)
		printf("%s/%s\n", kase->name, kase->mode);
}

/* The indexes that need a lock of their own for lookups beside a call, or those that don't. */
static void list_indexes_by_lock(const struct mm_locking *locking, bool inner)
{
	const struct vma_index_ops *ops;

	for (unsigned i = 0; (ops = vma_index_type(i)); i++) {
		if (mm_locking_inner(locking, ops) == inner && !(ops->caps & VMA_INDEX_NULL))
			printf(" %s", ops->name);
	}
	putchar('\n');
}

static void list_locking_schemes(void)
{
	const struct mm_locking *locking;

	for (unsigned i = 0; (locking = mm_locking(i)); i++) {
		printf("%-12s %s\n", locking->name, locking->summary);
		if (!locking->beside)
			continue;
		printf("%-12s   faults look into these beside a call:", "");
		list_indexes_by_lock(locking, false);
		printf("%-12s   into these under a lock of the index:", "");
		list_indexes_by_lock(locking, true);
	}
}

static void list_traces(const char *dir)
{
	char pattern[4096];
	glob_t found;

	printf("\nRecorded programs (%s), each with the modes mm and index\n", dir);
	snprintf(pattern, sizeof(pattern), "%s/*.vmt", dir);
	if (glob(pattern, 0, NULL, &found))
		puts("  none");
	else
		for (size_t i = 0; i < found.gl_pathc; i++) {
			struct trace_error error;
			struct trace_reader *reader = trace_open(found.gl_pathv[i], &error);
			const char *name = strrchr(found.gl_pathv[i], '/') + 1;

			printf("  %-28s %.60s\n", name,
			       reader ? trace_info(reader)->command : error.reason);
			trace_close(reader);
		}
	globfree(&found);
}

int cmd_list(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, doc, option_plugin_children,
					  NULL,    NULL };
	struct arguments arguments = { .traces = place_of("workloads/traces") };
	const struct vma_index_ops *ops;
	const struct bench_case *kase;
	const struct gen *gen;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (arguments.names) {
		list_names(!strcmp(arguments.names, "indexes"));
		return STATUS_OK;
	}
	if (arguments.locking) {
		list_locking_schemes();
		return STATUS_OK;
	}
	puts("Indexes");
	for (unsigned i = 0; (ops = vma_index_type(i)); i++)
		printf("  %-28s %s\n", ops->name, ops->summary);
	puts("  check:NAME                   NAME beside the array oracle, compared at every step");
	peers_print_missing("  ", stdout);
	puts("\nBenchmark cases, by the operation that is timed");
	for (size_t i = 0; (kase = bench_case_at(i)); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s/%s", kase->name, kase->mode);
		printf("  %-28s %s\n", name, kase->operation);
	}
	puts("  memory/aged                  bytes per VMA, fresh and aged");
	puts("\nGenerators");
	for (size_t i = 0; (gen = gen_at(i)); i++)
		printf("  %-28s %s\n", gen->name, gen->summary);
	list_traces(arguments.traces);
	return STATUS_OK;
}
