/*
 * vmabench worst - the slowest single edit of many random ones, against the median
 */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "harness/measure/host.h"
#include "harness/measure/index_list.h"
#include "harness/cli/option.h"
#include "harness/measure/progress.h"
#include "harness/measure/results.h"
#include "harness/measure/saved.h"
#include "harness/cli/verb.h"
#include "harness/bench/worst.h"
#include "workloads/generate/layout.h"

static const char doc[] =
	"Does the same random edits several times, notes how fast each can be, and counts the "
	"instructions of the slowest ones and of a sample, by stepping through them.\v"
	"With the same seed the same edits meet the same index, so what is slow each time is slow "
	"by itself. Exit status: 0, or 2 where out of memory or processes may not be traced.";

enum { KEY_EDITS = 256, KEY_PASSES, KEY_RESUME, KEY_SEED };

static const struct argp_option options[] = {
	{ "vmas", 'n', "N", 0, "VMAs in the address space (1000000)", 0 },
	{ "edits", KEY_EDITS, "N", 0, "how many edits (1000000)", 0 },
	{ "passes", KEY_PASSES, "N", 0, "how often they are done (3)", 0 },
	{ "seed", KEY_SEED, "N", 0, "of everything random (1)", 0 },
	{ "json", 'j', "FILE", 0, "write the results to FILE, or - for stdout", 0 },
	{ "resume", KEY_RESUME, NULL, 0,
	  "go on with the run that left FILE incomplete: same build, machine and options", 0 },
	{ 0 }
};

struct arguments {
	struct index_list indexes;
	struct worst_options options;
	struct saved saved;
	FILE *talk; /* for the table */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments->indexes.no_null = true;
		state->child_inputs[0] = &arguments->indexes;
		return 0;
	case 'n':
		arguments->options.vmas = option_number(state, "--vmas", arg, 1, LAYOUT_MAX_VMAS);
		return 0;
	case KEY_EDITS:
		arguments->options.edits = option_number(state, "--edits", arg, 1000, 1UL << 30);
		return 0;
	case KEY_PASSES:
		arguments->options.passes = option_number(state, "--passes", arg, 1, 100);
		return 0;
	case KEY_SEED:
		arguments->options.seed = option_number(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case KEY_RESUME:
		arguments->saved.resume = true;
		return 0;
	case 'j':
		arguments->saved.path = arg;
		arguments->talk = strcmp(arg, "-") ? stdout : stderr;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", escape_text(arg));
	}
	return ARGP_ERR_UNKNOWN;
}

static json_t *entry_of(const struct vma_index_ops *ops, const struct worst_options *options,
			const struct worst_result *result)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:I}", "index", ops->name, "vmas",
			 (json_int_t)options->vmas, "edits", (json_int_t)options->edits, "median",
			 (json_int_t)result->median, "slowest", (json_int_t)result->slowest,
			 "number", (json_int_t)result->number, "which", result->which, "seed",
			 (json_int_t)options->seed);
}

/* A line, and an entry of all: 0, or -1 after a message. */
static int worst_of(const struct vma_index_ops *ops, const struct arguments *arguments, json_t *all)
{
	const struct worst_options *options = &arguments->options;
	struct worst_result result;
	int err = worst_measure(ops, options, &result);

	if (err && saved_stopped())
		return 0;
	if (err) {
		fprintf(stderr, "vmabench worst: %s: %s\n", ops->name, strerror(-err));
		return -1;
	}
	json_array_append_new(all, entry_of(ops, options, &result));
	fprintf(arguments->talk,
		"%-16s %10zu %10lu %8lu %8lu %8.2f  %s %lu (%.0f ticks, median "
		"%.0f)\n",
		ops->name, options->vmas, (unsigned long)options->edits,
		(unsigned long)result.median, (unsigned long)result.slowest,
		(double)result.slowest / (double)max(result.median, 1UL), result.which,
		(unsigned long)result.number, result.slowest_ticks, result.median_ticks);
	fflush(arguments->talk);
	return 0;
}

/* What saved.h saves; context is the machine, all the entries. */
struct session {
	json_t *context, *all;
};

static json_t *results_now(void *ctx)
{
	const struct session *session = ctx;

	return json_pack("{s:i, s:O, s:O}", "schema", RESULTS_SCHEMA, "context", session->context,
			 "worst", session->all);
}

/* All indexes that are left: 0, or -1 after a message. */
static int run(struct arguments *arguments, json_t *all)
{
	struct saved *saved = &arguments->saved;

	fprintf(arguments->talk, "%-16s %10s %10s %8s %8s %8s  %s\n", "instructions", "VMAs",
		"edits", "median", "slowest", "times", "which");
	for (unsigned i = 0; i < arguments->indexes.n && !saved_stopped(); i++) {
		const struct vma_index_ops *ops = arguments->indexes.ops[i];

		if (saved_has(saved, ops->name))
			continue;
		if (worst_of(ops, arguments, all))
			return -1;
		if (!saved_stopped() && saved_case(saved, ops->name))
			return -1;
	}
	return saved_end(saved);
}

/* What decides the results: a run that is resumed must have had the same. */
static json_t *deciding(const struct arguments *arguments)
{
	json_t *indexes = json_array();

	for (unsigned i = 0; i < arguments->indexes.n; i++)
		json_array_append_new(indexes, json_string(arguments->indexes.ops[i]->name));
	return json_pack("{s:o, s:I, s:I, s:i, s:I}", "index", indexes, "vmas",
			 (json_int_t)arguments->options.vmas, "edits",
			 (json_int_t)arguments->options.edits, "passes",
			 (int)arguments->options.passes, "seed",
			 (json_int_t)arguments->options.seed);
}

int cmd_worst(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, doc, option_index_children, NULL, NULL,
	};
	struct session session = { .context = json_object(), .all = json_array() };
	struct progress progress;
	struct arguments arguments = {
		.options = { .vmas = 1000000,
			     .edits = 1000000,
			     .passes = 3,
			     .seed = 1,
			     .progress = &progress },
		.saved = { .who = "vmabench worst", .results = results_now, .ctx = &session },
		.talk = stdout,
	};
	int bad;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (!arguments.indexes.n)
		arguments.indexes.ops[arguments.indexes.n++] = vma_index_lookup("btree");
	host_describe(session.context);
	progress_begin(&progress, true);
	arguments.saved.options = deciding(&arguments);
	bad = saved_begin(&arguments.saved, session.context);
	if (!bad && saved_before(&arguments.saved))
		json_array_extend(session.all,
				  json_object_get(saved_before(&arguments.saved), "worst"));
	if (!bad)
		bad = run(&arguments, session.all);
	json_decref(session.context);
	json_decref(session.all);
	saved_leave(&arguments.saved);
	return bad ? STATUS_BAD_INPUT : STATUS_OK;
}
