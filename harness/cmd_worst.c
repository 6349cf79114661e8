/*
 * vmabench worst - the slowest single edit of many random ones, against the median
 */
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/index_list.h"
#include "harness/option.h"
#include "harness/results.h"
#include "harness/verb.h"
#include "harness/worst.h"
#include "workloads/layout.h"

static const char doc[] =
	"Does the same random edits several times, notes how fast each can be, and counts the "
	"instructions of the slowest ones and of a sample, by stepping through them.\v"
	"With the same seed the same edits meet the same index, so what is slow each time is slow "
	"by itself. Exit status: 0, or 2 where memory is out or processes may not be traced.";

enum { KEY_EDITS = 256, KEY_PASSES, KEY_SEED };

static const struct argp_option options[] = {
	{ "vmas", 'n', "N", 0, "VMAs in the address space (1000000)", 0 },
	{ "edits", KEY_EDITS, "N", 0, "how many edits (1000000)", 0 },
	{ "passes", KEY_PASSES, "N", 0, "how often they are done (3)", 0 },
	{ "seed", KEY_SEED, "N", 0, "of everything random (1)", 0 },
	{ "json", 'j', "FILE", 0, "write the results to FILE", 0 },
	{ 0 }
};

struct arguments {
	struct index_list indexes;
	struct worst_options options;
	const char *json;
};

static uint64_t within(struct argp_state *state, const char *what, const char *text, uint64_t lo,
		       uint64_t hi)
{
	uint64_t n = option_number(state, text);

	if (n < lo || n > hi)
		argp_error(state, "--%s is from %lu to %lu, not %s", what, (unsigned long)lo,
			   (unsigned long)hi, text);
	return n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->indexes;
		return 0;
	case 'n':
		arguments->options.vmas = within(state, "vmas", arg, 1, LAYOUT_MAX_VMAS);
		return 0;
	case KEY_EDITS:
		arguments->options.edits = within(state, "edits", arg, 1000, 1UL << 30);
		return 0;
	case KEY_PASSES:
		arguments->options.passes = within(state, "passes", arg, 1, 100);
		return 0;
	case KEY_SEED:
		arguments->options.seed = option_number(state, arg);
		return 0;
	case 'j':
		arguments->json = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "what is '%s'?", arg);
	}
	return ARGP_ERR_UNKNOWN;
}

static json_t *worst_of(const struct vma_index_ops *ops, const struct worst_options *options)
{
	struct worst_result result;
	int err = worst_measure(ops, options, &result);

	if (err) {
		fprintf(stderr, "vmabench worst: %s: %s\n", ops->name, strerror(-err));
		return NULL;
	}
	printf("%-16s %10zu %10lu %8lu %8lu %8.2f  %s %lu (%.0f ticks, median %.0f)\n", ops->name,
	       options->vmas, (unsigned long)options->edits, (unsigned long)result.median,
	       (unsigned long)result.slowest, (double)result.slowest / (double)result.median,
	       result.which, (unsigned long)result.number, result.slowest_ticks,
	       result.median_ticks);
	fflush(stdout);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:I}", "index", ops->name, "vmas",
			 (json_int_t)options->vmas, "edits", (json_int_t)options->edits, "median",
			 (json_int_t)result.median, "slowest", (json_int_t)result.slowest, "number",
			 (json_int_t)result.number, "which", result.which, "seed",
			 (json_int_t)options->seed);
}

int cmd_worst(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, NULL, doc, option_index_children, NULL, NULL,
	};
	struct arguments arguments = {
		.options = { .vmas = 1000000, .edits = 1000000, .passes = 3, .seed = 1 },
	};
	json_t *all = json_array(), *root;
	bool bad = false;
	int err = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (!arguments.indexes.n)
		arguments.indexes.ops[arguments.indexes.n++] = vma_index_lookup("btree");
	printf("%-16s %10s %10s %8s %8s %8s  %s\n", "instructions", "VMAs", "edits", "median",
	       "slowest", "times", "which");
	for (unsigned i = 0; i < arguments.indexes.n && !bad; i++) {
		json_t *one = worst_of(arguments.indexes.ops[i], &arguments.options);

		bad = !one || json_array_append_new(all, one);
	}
	root = json_pack("{s:i, s:o}", "schema", RESULTS_SCHEMA, "worst", all);
	if (!bad && arguments.json)
		err = results_save(root, arguments.json);
	if (err)
		fprintf(stderr, "vmabench worst: %s: %s\n", arguments.json, strerror(-err));
	json_decref(root);
	return bad || err ? STATUS_BAD_INPUT : STATUS_OK;
}
