/*
 * vmabench bench - runs the benchmark cases over the indexes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "harness/bench/bench.h"
#include "harness/cli/option.h"
#include "harness/cli/place.h"
#include "harness/measure/results.h"
#include "harness/measure/saved.h"
#include "harness/cli/verb.h"
#include "indexes/btree/simd.h"
#include "indexes/peers/peers.h"

static const char doc[] =
	"Times every benchmark case and every recorded program on every index.\v"
	"Before anything is timed, each case is run once and checked: all indexes must end with "
	"the same state hash, or the case shows no number and the exit status is 1. Cases that "
	"would take too long for an index are skipped, with a line.\n\n"
	"A GLOB is matched with CASE and with CASE/MODE: 'find-*', '*/touch', 'replay-*'; "
	"`vmabench list` shows the cases.";

#define MAX_SECONDS 1e6

enum { KEY_COUNT = 256, KEY_CYCLE, KEY_RESUME, KEY_LIMIT, KEY_SEED, KEY_TRACES };

static const struct argp_option argp_options[] = {
	{ "case", 'c', "GLOB,GLOB", 0, "these cases only", 0 },
	{ "vmas", 'n', "N,N", 0, "numbers of VMAs (100,1000,65536,1000000)", 0 },
	{ "repetitions", 'r', "N", 0, "how often each is timed (5)", 0 },
	{ "min-time", 't', "SECONDS", 0, "how long each time at least (0.02)", 0 },
	{ "limit", KEY_LIMIT, "SECONDS", 0,
	  "skip a case on an index if one pass of it would take longer (1)", 0 },
	{ "json", 'j', "FILE", 0, "write the results to FILE, or - for stdout", 0 },
	{ "resume", KEY_RESUME, NULL, 0,
	  "go on with the run that left FILE incomplete: same build, machine and options", 0 },
	{ "quick", 'q', NULL, 0, "a quick look: 100 and 1000 VMAs, 3 times 0.005 s", 0 },
	{ "seed", KEY_SEED, "N", 0, "of everything random (1)", 0 },
	{ "cycle", KEY_CYCLE, "N", 0,
	  "after N queries a stream begins anew (262144, so that no processor learns it)", 0 },
	{ "traces", KEY_TRACES, "DIR", 0, "where recorded programs are (workloads/traces)", 0 },
	{ "count", KEY_COUNT, "N", 0,
	  "no times: just run N operations of each, for perf and callgrind", 0 },
	{ 0 }
};

struct arguments {
	struct bench_options options;
	struct saved saved;
};

static void take_sizes(struct argp_state *state, struct bench_options *options, char *list)
{
	options->nsizes = 0;
	for (char *size; (size = strsep(&list, ","));) {
		if (options->nsizes == BENCH_MAX_SIZES)
			argp_error(state, "more than %d numbers of VMAs", BENCH_MAX_SIZES);
		options->sizes[options->nsizes++] =
			option_number(state, "--vmas", size, 1, LAYOUT_MAX_VMAS);
	}
	if (!options->nsizes)
		argp_error(state, "no number of VMAs");
}

/* Names what there is, where a glob of --case means none of it. */
static void no_case(struct argp_state *state, const char *glob, const char *trace_dir)
{
	const struct bench_case *kase;
	const char *last = "";

	fprintf(stderr, "%s: no case '%s'; there are", state->name, escape_text(glob));
	for (size_t i = 0; (kase = bench_case_at(i)); i++) {
		if (strcmp(kase->name, last))
			fprintf(stderr, " %s", kase->name);
		last = kase->name;
	}
	fprintf(stderr, " memory latency, and replay-NAME parts-NAME for each %s/NAME.vmt\n",
		trace_dir);
	exit(STATUS_BAD_INPUT);
}

/* Each glob of --case must match something. */
static void check_cases(struct argp_state *state, const struct bench_options *options)
{
	char *list = strdup(options->case_glob ? options->case_glob : ""), *rest = list;

	for (char *glob; options->case_glob && (glob = strsep(&rest, ","));) {
		if (!bench_micro_known(glob) && !bench_traces_known(glob, options->trace_dir))
			no_case(state, glob, options->trace_dir);
	}
	free(list);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	struct bench_options *options = &arguments->options;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->indexes;
		return 0;
	case 'c':
		options->case_glob = arg;
		return 0;
	case 'n':
		take_sizes(state, options, arg);
		return 0;
	case 'r':
		options->repetitions = option_number(state, "--repetitions", arg, 1, 1000);
		return 0;
	case 't':
		options->min_time = option_seconds(state, "--min-time", arg, MAX_SECONDS);
		return 0;
	case KEY_LIMIT:
		options->limit = option_seconds(state, "--limit", arg, MAX_SECONDS);
		return 0;
	case 'j':
		arguments->saved.path = arg;
		options->talk = strcmp(arg, "-") ? stdout : stderr;
		return 0;
	case KEY_RESUME:
		arguments->saved.resume = true;
		return 0;
	case 'q':
		options->nsizes = 2;
		options->sizes[0] = 100;
		options->sizes[1] = 1000;
		options->repetitions = 3;
		options->min_time = 0.005;
		return 0;
	case KEY_SEED:
		options->seed = option_number(state, "--seed", arg, 0, INT64_MAX);
		return 0;
	case KEY_CYCLE:
		/* whole batches, of edits and gap searches too */
		options->cycle =
			max(option_number(state, "--cycle", arg, 1, BENCH_MAX_CYCLE), 2048UL) &
			~2047UL;
		return 0;
	case KEY_TRACES:
		option_folder(state, "--traces", arg);
		options->trace_dir = arg;
		return 0;
	case KEY_COUNT:
		options->count = option_number(state, "--count", arg, 1, UINT32_MAX);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", escape_text(arg));
		return 0;
	case ARGP_KEY_END:
		if (options->count && arguments->saved.path)
			argp_error(state, "--count gives no times: no --json with it");
		check_cases(state, options);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* What decides the results: a run that is resumed must have had the same. */
static json_t *deciding(const struct bench_options *options)
{
	json_t *indexes = json_array(), *sizes = json_array();

	for (unsigned i = 0; i < options->indexes.n; i++)
		json_array_append_new(indexes, json_string(options->indexes.ops[i]->name));
	for (unsigned i = 0; i < options->nsizes; i++)
		json_array_append_new(sizes, json_integer((json_int_t)options->sizes[i]));
	return json_pack("{s:o, s:o, s:s, s:s, s:i, s:f, s:f, s:I, s:I, s:s}", "index", indexes,
			 "vmas", sizes, "case", options->case_glob ? options->case_glob : "*",
			 "traces", options->trace_dir, "repetitions", (int)options->repetitions,
			 "min-time", options->min_time, "limit", options->limit, "seed",
			 (json_int_t)options->seed, "cycle", (json_int_t)options->cycle, "simd",
			 btree_simd_used());
}

/* A table for people; the file has the results already. */
static int show(json_t *root, const struct arguments *arguments)
{
	struct results results;
	char why[256];
	size_t some = 0;

	if (results_of(&results, root, why, sizeof(why))) {
		fprintf(stderr, "vmabench bench: %s\n", why);
		return STATUS_BAD_INPUT;
	}
	if (arguments->options.talk == stdout && results.n)
		results_table(&results, stdout);
	if (arguments->options.talk == stdout && arguments->saved.path && !saved_stopped())
		printf("\nwritten: %s\n", escape_text(arguments->saved.path));
	some = results.n + json_array_size(json_object_get(root, "memory")) +
	       json_array_size(json_object_get(root, "speed")) +
	       json_array_size(json_object_get(root, "parts")) +
	       json_array_size(json_object_get(json_object_get(root, "context"), "latency"));
	results_free(&results);
	if (some || saved_stopped())
		return STATUS_OK;
	fprintf(stderr, "vmabench bench: nothing was measured\n");
	return STATUS_BAD_INPUT;
}

/* All that there are, null too: what the harness itself costs. */
static void all_indexes(struct index_list *list)
{
	const struct vma_index_ops *ops;

	while (list->n < INDEX_LIST_MAX && (ops = vma_index_type(list->n)))
		list->ops[list->n++] = ops;
}

static void run_cases(struct bench_session *session)
{
	bench_micro_plan(session);
	bench_traces_plan(session);
	bench_latency(session);
	bench_micro(session);
	bench_traces(session);
}

/* All cases, saved and then shown; returns the exit status. */
static int run(struct arguments *arguments)
{
	struct bench_session *session = bench_begin(&arguments->options);
	struct saved *saved = &arguments->saved;
	int status, bad, shown = STATUS_OK;
	json_t *root;

	if (!session) {
		fprintf(stderr, "vmabench bench: out of memory\n");
		return STATUS_BAD_INPUT;
	}
	saved->who = "vmabench bench";
	saved->options = deciding(&arguments->options);
	bad = bench_save(session, saved);
	if (!bad) {
		run_cases(session);
		bad = saved_end(saved);
	}
	root = bench_finish(session, &status);
	if (!bad && !arguments->options.count)
		shown = show(root, arguments);
	json_decref(root);
	saved_leave(saved);
	return bad ? STATUS_BAD_INPUT : status ? status : shown;
}

int cmd_bench(int argc, char **argv)
{
	static const struct argp argp = { argp_options,           parse, NULL, doc,
					  option_replay_children, NULL,  NULL };
	struct arguments arguments = {
		.options = {
			.sizes = { 100, 1000, 65536, 1000000 }, .nsizes = 4,
			.trace_dir = place_of("workloads/traces"), .repetitions = 5, .min_time = 0.02,
			.limit = 1, .seed = 1, .cycle = BENCH_CYCLE, .talk = stdout,
		},
	};
	struct bench_options *options = &arguments.options;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (!options->indexes.n) {
		all_indexes(&options->indexes);
		peers_print_missing("", options->talk);
	}
	return run(&arguments);
}
