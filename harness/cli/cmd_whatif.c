/*
 * vmabench whatif - recorded programs under each placement policy and merge rule: a table
 *
 * A replay for each row, over one index; what an index would make of it is no
 * part of the table, which is the same for every one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "workloads/format/event_text.h"
#include "harness/cli/option.h"
#include "harness/replay/replay.h"
#include "harness/cli/verb.h"

#define INDEX "btree"

struct arguments {
	const struct placement_policy *placement; /* NULL: all */
	const struct merge_rule *merge;
	uint64_t seed;
	bool pairs; /* not one axis at a time */
	char **files;
	int nfiles;
};

static void show_difference(const struct replay_difference *difference, void *arg)
{
	fprintf(stderr, "%s: event %" PRIu64 ": %s\n", escape_text(arg), difference->event,
		difference->text ? difference->text : "another result than recorded");
}

static const char head[] =
	"| program | placement | merge | VMAs, most | VMAs at end | merges | gaps | largest gap, "
	"GiB | chosen within, GiB | page-table pages |\n"
	"|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n";

static void print_row(const char *path, const struct replay_options *options,
		      const struct replay_counts *c)
{
	const struct replay_whatif *w = &c->whatif;
	char name[256];

	trace_base_name(path, name, sizeof(name));
	printf("| %s | %s | %s | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64
	       " | %.0f | %.3f | %" PRIu64 " |\n",
	       escape_markdown(name), options->placement->name, options->merge->name, c->peak_vmas,
	       w->end_vmas, w->merges, w->widest.gaps, (double)w->widest.largest_gap / (1 << 30),
	       (double)w->widest.span / (1 << 30), w->peak_tables);
}

static int run(struct replay_world *world, struct trace_reader *reader, const char *path)
{
	struct trace_error error;
	struct trace_event event;
	int more;

	while ((more = trace_next(reader, &event, &error)) > 0) {
		if (replay_event(world, &event)) {
			fprintf(stderr, "%s: event %" PRIu64 ": %s\n", escape_text(path),
				replay_counts(world)->events, replay_out_of_memory());
			return STATUS_BAD_INPUT;
		}
	}
	if (more < 0) {
		trace_error_print(&error);
		return STATUS_BAD_INPUT;
	}
	replay_finish(world);
	return STATUS_OK;
}

/* One replay, one row. */
static int replay_once(struct trace_reader *reader, char *path,
		       const struct replay_options *options)
{
	struct replay_world *world =
		replay_create(vma_index_lookup(INDEX), trace_info(reader), options);
	struct trace_error error;
	char note[512];

	if (!world) {
		fprintf(stderr, "%s: %s\n", escape_text(path), replay_out_of_memory());
		return STATUS_BAD_INPUT;
	}
	int status = STATUS_BAD_INPUT;
	if (trace_rewind(reader, &error))
		trace_error_print(&error);
	else
		status = run(world, reader, path);
	if (!status) {
		const struct replay_counts *c = replay_counts(world);

		print_row(path, options, c);
		fflush(stdout);
		if (*replay_note(trace_info(reader), world, note, sizeof(note)))
			fprintf(stderr, "%s, placement %s, merge %s: %s\n", escape_text(path),
				options->placement->name, options->merge->name, escape_text(note));
		if (!replay_equal(c))
			status = STATUS_DIFFERENCE;
	}
	replay_destroy(world);
	return status;
}

/* One axis at a time, unless pairs are wanted or one of the pair is said. */
static bool wanted(const struct arguments *args, const struct placement_policy *placement,
		   const struct merge_rule *merge)
{
	if ((args->placement && placement != args->placement) ||
	    (args->merge && merge != args->merge))
		return false;
	return args->pairs || args->placement || args->merge || placement == placement_policy(0) ||
	       merge == merge_rule(0);
}

static int whatif(const struct arguments *args, char *path)
{
	struct replay_options options;
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	int status = STATUS_OK;

	if (!reader) {
		trace_error_print(&error);
		return STATUS_BAD_INPUT;
	}
	replay_options_default(&options);
	options.whatif = true;
	options.seed = args->seed;
	options.on_difference = show_difference;
	options.arg = path;
	for (unsigned i = 0; (options.placement = placement_policy(i)); i++) {
		for (unsigned k = 0; (options.merge = merge_rule(k)); k++) {
			if (status != STATUS_BAD_INPUT &&
			    wanted(args, options.placement, options.merge))
				status = max(status, replay_once(reader, path, &options));
		}
	}
	trace_close(reader);
	return status;
}

enum { OPT_PLACEMENT = 256, OPT_MERGE, OPT_SEED, OPT_PAIRS };

static const struct argp_option options[] = {
	{ "placement", OPT_PLACEMENT, "POLICY", 0,
	  "only this one: linux, topdown, bottomup, best-fit, random", 0 },
	{ "merge", OPT_MERGE, "RULE", 0, "only this one: linux, none, eager", 0 },
	{ "pairs", OPT_PAIRS, 0, 0, "each policy with each rule, not one of the two at a time", 0 },
	{ "seed", OPT_SEED, "S", 0, "of random placement (default 0)", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case OPT_PLACEMENT:
		args->placement = option_placement(state, arg);
		return 0;
	case OPT_MERGE:
		args->merge = option_merge(state, arg);
		return 0;
	case OPT_PAIRS:
		args->pairs = true;
		return 0;
	case OPT_SEED:
		args->seed = option_number(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case ARGP_KEY_ARGS:
		args->files = state->argv + state->next;
		args->nfiles = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no trace given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = option_memory_children,
	.args_doc = "FILE...",
	.doc = "Replays recorded programs as if the kernel placed or merged mappings in another "
	       "way, and prints a row for each.\v"
	       "Gaps, the largest one and the range that places were chosen in are those of the "
	       "address space with the most VMAs, when it has them; VMAs at end are those of all. "
	       "Exit status: 0, 1 if a program would have seen a difference other than "
	       "addresses, 2 a file cannot be read.",
};

int cmd_whatif(int argc, char **argv)
{
	struct arguments args = { 0 };
	int status = STATUS_OK;

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return STATUS_BAD_INPUT;
	fputs(head, stdout);
	for (int i = 0; i < args.nfiles; i++)
		status = max(status, whatif(&args, args.files[i]));
	return status;
}
