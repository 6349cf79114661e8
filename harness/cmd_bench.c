/*
 * vmabench bench - runs the benchmark cases over the indexes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/bench.h"
#include "harness/option.h"
#include "harness/results.h"
#include "harness/verb.h"
#include "indexes/peers/peers.h"

static const char doc[] =
	"Times every benchmark case and every recorded program on every index.\v"
	"Before anything is timed, each case is run once and checked: all indexes must end with "
	"the same state hash, or the case shows no number and the exit status is 1. Cases that "
	"would take too long for an index are skipped, with a line.\n\n"
	"A GLOB is matched with CASE and with CASE/MODE: 'find-*', '*/touch', 'replay-*'; "
	"`vmabench list` shows the cases.";

enum { KEY_COUNT = 256, KEY_CYCLE, KEY_LIMIT, KEY_SEED, KEY_TRACES };

static const struct argp_option argp_options[] = {
	{ "case", 'c', "GLOB,GLOB", 0, "these cases only", 0 },
	{ "vmas", 'n', "N,N", 0, "numbers of VMAs (100,1000,65536,1000000)", 0 },
	{ "repetitions", 'r', "N", 0, "how often each is timed (5)", 0 },
	{ "min-time", 't', "SECONDS", 0, "how long each time at least (0.02)", 0 },
	{ "limit", KEY_LIMIT, "SECONDS", 0,
	  "skip a case on an index if one pass of it would take longer (1)", 0 },
	{ "json", 'j', "FILE", 0, "write the results to FILE, or - for stdout", 0 },
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
	const char *json;
};

static unsigned long number(struct argp_state *state, const char *what, const char *text,
			    unsigned long lo, unsigned long hi)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (!*text || *end || n < lo || n > hi)
		argp_error(state, "%s: '%s' is not a number from %lu to %lu", what, text, lo, hi);
	return n;
}

static double seconds(struct argp_state *state, const char *what, const char *text)
{
	char *end;
	double n = strtod(text, &end);

	if (!*text || *end || !(n > 0 && n < 1e6))
		argp_error(state, "%s: '%s' is not a number of seconds", what, text);
	return n;
}

static void take_sizes(struct argp_state *state, struct bench_options *options, char *list)
{
	options->nsizes = 0;
	for (char *size = strtok(list, ","); size; size = strtok(NULL, ",")) {
		if (options->nsizes == BENCH_MAX_SIZES)
			argp_error(state, "more than %d numbers of VMAs", BENCH_MAX_SIZES);
		options->sizes[options->nsizes++] =
			number(state, "--vmas", size, 1, LAYOUT_MAX_VMAS);
	}
	if (!options->nsizes)
		argp_error(state, "no number of VMAs");
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
		options->repetitions = number(state, "--repetitions", arg, 1, 1000);
		return 0;
	case 't':
		options->min_time = seconds(state, "--min-time", arg);
		return 0;
	case KEY_LIMIT:
		options->limit = seconds(state, "--limit", arg);
		return 0;
	case 'j':
		arguments->json = arg;
		options->talk = strcmp(arg, "-") ? stdout : stderr;
		return 0;
	case 'q':
		options->nsizes = 2;
		options->sizes[0] = 100;
		options->sizes[1] = 1000;
		options->repetitions = 3;
		options->min_time = 0.005;
		return 0;
	case KEY_SEED:
		options->seed = number(state, "--seed", arg, 0, INT64_MAX);
		return 0;
	case KEY_CYCLE:
		/* whole batches, of edits and gap searches too */
		options->cycle = max(number(state, "--cycle", arg, 1, BENCH_MAX_CYCLE), 2048UL) &
				 ~2047UL;
		return 0;
	case KEY_TRACES:
		options->trace_dir = arg;
		return 0;
	case KEY_COUNT:
		options->count = number(state, "--count", arg, 1, UINT32_MAX);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static int write_results(json_t *root, const char *path)
{
	int err;

	if (!strcmp(path, "-"))
		return json_dumpf(root, stdout, JSON_INDENT(1)) || puts("") == EOF ? -1 : 0;
	err = results_save(root, path);
	if (err)
		fprintf(stderr, "vmabench bench: %s: %s\n", path, strerror(-err));
	else
		printf("\nwritten: %s\n", path);
	return err;
}

static int report(json_t *root, const struct arguments *arguments)
{
	bool to_stdout = arguments->json && !strcmp(arguments->json, "-");
	struct results results;
	char why[256];

	if (results_of(&results, root, why, sizeof(why))) {
		fprintf(stderr, "vmabench bench: %s\n", why);
		return STATUS_BAD_INPUT;
	}
	if (!to_stdout)
		results_table(&results, stdout);
	results_free(&results);
	if (arguments->json && write_results(root, arguments->json))
		return STATUS_BAD_INPUT;
	return STATUS_OK;
}

/* All that there are, null too: what the harness itself costs. */
static void all_indexes(struct index_list *list)
{
	const struct vma_index_ops *ops;

	while (list->n < INDEX_LIST_MAX && (ops = vma_index_type(list->n)))
		list->ops[list->n++] = ops;
}

int cmd_bench(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse, NULL, doc, option_index_children, NULL, NULL
	};
	struct arguments arguments = {
		.options = {
			.sizes = { 100, 1000, 65536, 1000000 }, .nsizes = 4,
			.trace_dir = "workloads/traces", .repetitions = 5, .min_time = 0.02,
			.limit = 1, .seed = 1, .cycle = BENCH_CYCLE, .talk = stdout,
		},
	};
	struct bench_options *options = &arguments.options;
	struct bench_session *session;
	int status, written;
	json_t *root;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (!options->indexes.n) {
		all_indexes(&options->indexes);
		peers_print_missing("", options->talk);
	}
	session = bench_begin(options);
	if (!session) {
		fprintf(stderr, "vmabench bench: memory is out\n");
		return STATUS_BAD_INPUT;
	}
	bench_micro_plan(session);
	bench_traces_plan(session);
	bench_latency(session);
	bench_micro(session);
	bench_traces(session);
	root = bench_finish(session, &status);
	written = options->count ? STATUS_OK : report(root, &arguments);
	json_decref(root);
	return status ? status : written;
}
