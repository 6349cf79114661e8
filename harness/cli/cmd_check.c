/*
 * vmabench check - random operations on all indexes in lockstep
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/outfile.h"
#include "harness/check/check.h"
#include "harness/cli/option.h"
#include "harness/cli/verb.h"

struct arguments {
	struct index_list indexes;
	struct check_options options;
	bool kernel, verify_given;
};

enum {
	OPT_OPS = 256,
	OPT_SEED,
	OPT_VMAS,
	OPT_VERIFY,
	OPT_SAVE,
	OPT_LEVELS,
	OPT_KERNEL,
	OPT_LEAVE_OUT,
	OPT_PLACEMENT,
	OPT_MERGE
};

static const struct argp_option options[] = {
	{ "kernel", OPT_KERNEL, 0, 0,
	  "compare one index (default btree) with this kernel: everything is also done for real, "
	  "by a child process",
	  0 },
	{ "ops", OPT_OPS, "N", 0, "operations (default 1000000)", 0 },
	{ "seed", OPT_SEED, "S", 0, "any number: the same seed, the same operations (default 1)",
	  0 },
	{ "vmas", OPT_VMAS, "N", 0, "about how many VMAs an address space has (default 250)", 0 },
	{ "verify", OPT_VERIFY, "N", 0,
	  "operations between full checks (default 20000, 3000 with "
	  "--kernel)",
	  0 },
	{ "save", OPT_SAVE, "FILE", 0,
	  "where a difference is written, shrunk, as a trace (default check-difference.vmt)", 0 },
	{ "placement", OPT_PLACEMENT, "POLICY", 0,
	  "linux (default), topdown, bottomup, best-fit, random; not with --kernel", 0 },
	{ "merge", OPT_MERGE, "RULE", 0, "linux (default), none, eager; not with --kernel", 0 },
	{ "leave-out", OPT_LEAVE_OUT, "RULE", OPTION_HIDDEN, "a rule that is to be forgotten", 0 },
	{ "levels", OPT_LEVELS, "4|5", 0, "levels of the page tables (default 4)", 0 },
	{ "quiet", 'q', 0, 0, "the last line only", 0 },
	{ 0 },
};

/* The rules that can be left out, to see that it is noticed. */
static unsigned rule(struct argp_state *state, const char *name)
{
	static const struct {
		const char *name;
		unsigned rule;
	} rules[] = {
		{ "thp-alignment", LEAVE_OUT_THP_ALIGNMENT },
		{ "account-merge", LEAVE_OUT_ACCOUNT_MERGE },
		{ "map-stack", LEAVE_OUT_MAP_STACK },
		{ "anon-vma", LEAVE_OUT_ANON_VMA },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!strcmp(rules[i].name, name))
			return rules[i].rule;
	}
	argp_error(state, "no rule '%s': thp-alignment, account-merge, map-stack, anon-vma", name);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		args->indexes.no_null = true;
		state->child_inputs[0] = &args->indexes;
		return 0;
	case 'q':
		args->options.quiet = true;
		return 0;
	case OPT_KERNEL:
		args->kernel = true;
		return 0;
	case OPT_LEAVE_OUT:
		args->options.leave_out |= rule(state, arg);
		return 0;
	case OPT_PLACEMENT:
		args->options.placement = option_placement(state, arg);
		return 0;
	case OPT_MERGE:
		args->options.merge = option_merge(state, arg);
		return 0;
	case OPT_OPS:
		args->options.ops = option_number(state, "--ops", arg, 0, UINT64_MAX);
		return 0;
	case OPT_SEED:
		args->options.seed = option_number(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case OPT_VMAS:
		args->options.vmas = option_number(state, "--vmas", arg, 1, 1000000);
		return 0;
	case OPT_VERIFY:
		args->options.verify_every = option_number(state, "--verify", arg, 1, UINT64_MAX);
		args->verify_given = true;
		return 0;
	case OPT_SAVE:
		args->options.save = arg;
		return 0;
	case OPT_LEVELS:
		args->options.pagetable_levels = option_levels(state, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = option_index_children,
	.doc = "Does random memory operations in one emulated address space for each index (all "
	       "but null), in lockstep, and compares what they return and hold.\v"
	       "Exit status: 0 no difference, 1 a difference, shrunk and saved as a trace that "
	       "'vmabench replay' and 'vmabench dump' take.",
};

static void print_kinds(const struct check_report *report)
{
	printf("  operations:");
	for (unsigned kind = 0; kind < TRACE_NKINDS; kind++) {
		if (report->by_kind[kind])
			printf(" %s %" PRIu64, trace_kind_name(kind), report->by_kind[kind]);
	}
	printf("\n  %" PRIu64 " calls failed, as they should; at most %" PRIu64
	       " VMAs in one address space\n",
	       report->failed_calls, report->peak_vmas);
}

static void print_rates(const struct arguments *args, const struct check_report *report)
{
	double total = 0;

	for (unsigned i = 0; i < args->indexes.n; i++) {
		total += report->seconds[i];
		printf("  %-16s %9.0f operations a second%s\n", args->indexes.ops[i]->name,
		       (double)report->ops / report->seconds[i],
		       i ? "" : " (making them up included)");
	}
	printf("  %-16s %9.0f operations a second\n", "together", (double)report->ops / total);
}

/* What was not said. */
static void choose(struct arguments *args)
{
	if (args->kernel && !args->verify_given)
		args->options.verify_every = 3000;
	if (!args->indexes.n && args->kernel)
		args->indexes.ops[args->indexes.n++] = vma_index_lookup("btree");
	else if (!args->indexes.n)
		index_list_all(&args->indexes);
}

/* A difference that is found after hours can be saved. */
static int can_save(const char *path)
{
	struct outfile out;
	int bad = outfile_open(&out, path, 0666);

	if (!bad && out.through)
		bad = snprintf(out.why, sizeof(out.why), "%s: is not a regular file", path);
	if (bad)
		fprintf(stderr, "vmabench check: --save %s\n", escape_text(out.why));
	outfile_close(&out);
	return bad;
}

int cmd_check(int argc, char **argv)
{
	struct arguments args = { 0 };
	struct check_report report;
	struct progress progress;

	check_options_default(&args.options);
	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return STATUS_BAD_INPUT;
	choose(&args);
	if (args.kernel && args.indexes.n != 1) {
		fprintf(stderr, "vmabench check: --kernel takes one index\n");
		return STATUS_BAD_INPUT;
	}
	if (args.kernel && (args.options.placement != placement_policy(0) ||
			    args.options.merge != merge_rule(0))) {
		fprintf(stderr, "vmabench check: the kernel has its own placement and merging\n");
		return STATUS_BAD_INPUT;
	}
	if (can_save(args.options.save))
		return STATUS_BAD_INPUT;
	progress_begin(&progress, !args.options.quiet);
	args.options.progress = &progress;
	int err = args.kernel ? check_kernel(args.indexes.ops[0], &args.options, &report)
			      : check_run(&args.indexes, &args.options, &report);
	progress_clear(&progress);
	if (err)
		return STATUS_BAD_INPUT;
	if (!args.options.quiet) {
		print_kinds(&report);
		print_rates(&args, &report);
	}
	if (report.different)
		printf("check seed=%" PRIu64 " difference at event %" PRIu64 ": %s; shrunk to %zu "
		       "events in %s\n",
		       args.options.seed, report.event, report.what, report.shrunk,
		       args.options.save);
	else
		printf("check seed=%" PRIu64 " ops=%" PRIu64 " differences=0 hash=%016" PRIx64 "\n",
		       args.options.seed, report.ops, report.hash);
	return report.different ? STATUS_DIFFERENCE : STATUS_OK;
}
