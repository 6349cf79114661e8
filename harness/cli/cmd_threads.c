/*
 * vmabench threads - several threads on one index or one address space
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "harness/cli/option.h"
#include "harness/measure/results.h"
#include "harness/threads/threads_bench.h"
#include "harness/cli/verb.h"

static const char doc[] =
	"Runs concurrent workloads over indexes, locking schemes, numbers of threads and of VMAs, "
	"and "
	"prints operations a second, what a single one took, and how often a fault fell back to "
	"the lock of the whole address space.\v"
	"A thread does a fixed number of operations, pinned to a processor. In the end what they "
	"ran on must hold what it should, or nothing that was run on it counts and the exit status "
	"is 1. Workloads of an index alone read it under RCU where it can be, else under a rwlock. "
	"Locking 'none' is for one thread only; by default it is every one there is.";

enum {
	KEY_LIST = 256,
	KEY_LOCKING,
	KEY_NO_LATENCY,
	KEY_OPS,
	KEY_RESUME,
	KEY_SECONDS,
	KEY_SEED,
	KEY_TRACE
};

static const struct argp_option argp_options[] = {
	{ "workload", 'w', "GLOB,GLOB", 0, "these workloads only", 0 },
	{ "locking", KEY_LOCKING, "A,B", 0,
	  "these locking schemes only, of none and what --list names", 0 },
	{ "threads", 't', "N,N", 0, "how many threads (1 up to the processors there are)", 0 },
	{ "vmas", 'n', "N,N", 0, "VMAs in the address space (65536)", 0 },
	{ "repetitions", 'r', "N", 0, "how often each is run (3)", 0 },
	{ "seconds", KEY_SECONDS, "S", 0, "what a run takes, about (0.015)", 0 },
	{ "ops", KEY_OPS, "N", 0, "operations of each thread, in place of --seconds", 0 },
	{ "no-latency", KEY_NO_LATENCY, NULL, 0, "no runs that time each operation", 0 },
	{ "trace", KEY_TRACE, "FILE", 0,
	  "replay a recorded program, its tasks distributed over the threads; may be repeated", 0 },
	{ "seed", KEY_SEED, "N", 0, "of everything random (1)", 0 },
	{ "json", 'j', "FILE", 0, "write the results to FILE, or - for stdout", 0 },
	{ "resume", KEY_RESUME, NULL, 0,
	  "go on with the run that left FILE incomplete: same build, machine and options", 0 },
	{ "list", KEY_LIST, NULL, 0, "the workloads and locking schemes there are", 0 },
	{ 0 }
};

struct arguments {
	struct threads_options options;
	struct saved saved;
	bool list;
};

/* ---- options ---- */

/* The next of a list of numbers, which rise; one more than there is room for is refused. */
static uint64_t next_of(struct argp_state *state, const char *what, const char *text, unsigned n,
			uint64_t before, uint64_t hi)
{
	uint64_t number = option_number(state, what, text, 1, hi);

	if (n == THREADS_LIST)
		argp_error(state, "%s: more than %d numbers", what, THREADS_LIST);
	if (number <= before)
		argp_error(state, "%s: the numbers must rise", what);
	return number;
}

static void take_threads(struct argp_state *state, struct threads_options *options, char *list)
{
	options->nthreads = 0;
	for (char *text; (text = strsep(&list, ","));) {
		unsigned before = options->nthreads ? options->threads[options->nthreads - 1] : 0;

		options->threads[options->nthreads] =
			next_of(state, "--threads", text, options->nthreads, before, THREADS_MAX);
		options->nthreads++;
	}
	if (!options->nthreads)
		argp_error(state, "--threads: no number");
}

static void take_sizes(struct argp_state *state, struct threads_options *options, char *list)
{
	options->nsizes = 0;
	for (char *text; (text = strsep(&list, ","));) {
		size_t before = options->nsizes ? options->sizes[options->nsizes - 1] : 0;

		options->sizes[options->nsizes] =
			next_of(state, "--vmas", text, options->nsizes, before, LAYOUT_MAX_VMAS);
		options->nsizes++;
	}
	if (!options->nsizes)
		argp_error(state, "--vmas: no number");
}

static void take_locking_schemes(struct argp_state *state, struct threads_options *options,
				 char *list)
{
	options->nschemes = 0;
	for (char *name; (name = strsep(&list, ","));) {
		const struct mm_locking *locking = mm_locking_lookup(name);

		if (!locking && strcmp(name, "none"))
			argp_error(state, "no locking '%s' (see vmabench threads --list)", name);
		if (options->nschemes == THREADS_LIST)
			argp_error(state, "--locking: more than %d", THREADS_LIST);
		options->schemes[options->nschemes++] = locking;
	}
	if (!options->nschemes)
		argp_error(state, "--locking: none named");
}

/* Those that any of the globs matches, in the table's order; each glob must match some. */
static void take_workloads(struct argp_state *state, struct threads_options *options, char *list)
{
	const struct threads_workload *workload;
	bool wanted[THREADS_LIST] = { false };

	for (char *glob; (glob = strsep(&list, ","));) {
		bool some = false;

		for (unsigned i = 0; (workload = threads_workload(i)); i++) {
			if (fnmatch(glob, workload->name, 0))
				continue;
			some = wanted[i] = true;
		}
		if (!some)
			argp_error(state, "no workload '%s' (see vmabench threads --list)", glob);
	}
	options->nworkloads = 0;
	for (unsigned i = 0; (workload = threads_workload(i)); i++) {
		if (wanted[i])
			options->workloads[options->nworkloads++] = workload;
	}
	if (!options->nworkloads)
		argp_error(state, "--workload: none named");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	struct threads_options *options = &arguments->options;

	switch (key) {
	case ARGP_KEY_INIT:
		options->indexes.no_null = true;
		state->child_inputs[0] = &options->indexes;
		return 0;
	case 'w':
		take_workloads(state, options, arg);
		return 0;
	case KEY_LOCKING:
		take_locking_schemes(state, options, arg);
		return 0;
	case 't':
		take_threads(state, options, arg);
		return 0;
	case 'n':
		take_sizes(state, options, arg);
		return 0;
	case 'r':
		options->repetitions =
			option_number(state, "--repetitions", arg, 1, THREADS_REPETITIONS);
		return 0;
	case KEY_SECONDS:
		options->seconds = option_seconds(state, "--seconds", arg, 1e4);
		return 0;
	case KEY_OPS:
		options->ops = option_number(state, "--ops", arg, 1, 1UL << 40);
		return 0;
	case KEY_NO_LATENCY:
		options->latency = false;
		return 0;
	case KEY_TRACE:
		if (options->ntraces == THREADS_LIST)
			argp_error(state, "--trace: more than %d", THREADS_LIST);
		option_file(state, "--trace", arg);
		options->traces[options->ntraces++] = arg;
		return 0;
	case KEY_SEED:
		options->seed = option_number(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case 'j':
		arguments->saved.path = arg;
		options->talk = strcmp(arg, "-") ? stdout : stderr;
		return 0;
	case KEY_RESUME:
		arguments->saved.resume = true;
		return 0;
	case KEY_LIST:
		arguments->list = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", escape_text(arg));
	}
	return ARGP_ERR_UNKNOWN;
}

/* ---- what is taken where nothing is said ---- */

static void usual_indexes(struct index_list *list)
{
	static const char *const usual[] = { "rbtree", "btree", "maple", "linux-maple-rcu" };

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		const struct vma_index_ops *ops = vma_index_lookup(usual[i]);

		if (ops)
			list->ops[list->n++] = ops;
	}
}

/* 1, 2, 4, ... and all processors. */
static void usual_threads(struct threads_options *options)
{
	unsigned all = min(threads_processors(), (unsigned)THREADS_MAX);

	for (unsigned n = 1; n < all; n *= 2)
		options->threads[options->nthreads++] = n;
	options->threads[options->nthreads++] = all;
}

/* Every one there is: no such call says otherwise. */
static void usual_schemes(struct threads_options *options)
{
	const struct mm_locking *locking;

	options->schemes[options->nschemes++] = NULL;
	while ((locking = mm_locking(options->nschemes - 1)))
		options->schemes[options->nschemes++] = locking;
}

static void usual(struct threads_options *options)
{
	const struct threads_workload *workload;

	if (!options->indexes.n)
		usual_indexes(&options->indexes);
	if (!options->nthreads)
		usual_threads(options);
	if (!options->nschemes)
		usual_schemes(options);
	if (!options->nworkloads && !options->ntraces) {
		for (unsigned i = 0; (workload = threads_workload(i)); i++)
			options->workloads[i] = workload;
	}
	while (options->workloads[options->nworkloads])
		options->nworkloads++;
	if (!options->nsizes)
		options->sizes[options->nsizes++] = 65536;
}

static int list(void)
{
	const struct threads_workload *workload;
	const struct mm_locking *locking;

	puts("Workloads:");
	for (unsigned i = 0; (workload = threads_workload(i)); i++)
		printf("  %-18s %s: %s\n", workload->name,
		       workload->ground->has_mm ? "mm" : "index", workload->summary);
	puts("\nLockings of an mm:");
	printf("  %-18s %s\n", "none", "one thread only");
	for (unsigned i = 0; (locking = mm_locking(i)); i++)
		printf("  %-18s %s\n", locking->name, locking->summary);
	return STATUS_OK;
}

/* Too few VMAs that stay or move for so many threads. */
static const char *impossible(const struct threads_options *options)
{
	static char text[128];

	if (options->sizes[0] >= 8 * (size_t)options->threads[options->nthreads - 1])
		return NULL;
	snprintf(text, sizeof(text), "%zu VMAs are too few for %u threads: 8 for each",
		 options->sizes[0], options->threads[options->nthreads - 1]);
	return text;
}

static json_t *schemes(const struct threads_options *options)
{
	json_t *names = json_array();

	for (unsigned i = 0; i < options->nschemes; i++)
		json_array_append_new(
			names,
			json_string(options->schemes[i] ? options->schemes[i]->name : "none"));
	return names;
}

static json_t *numbers(const struct threads_options *options)
{
	json_t *sizes = json_array(), *threads = json_array();

	for (unsigned i = 0; i < options->nsizes; i++)
		json_array_append_new(sizes, json_integer((json_int_t)options->sizes[i]));
	for (unsigned i = 0; i < options->nthreads; i++)
		json_array_append_new(threads, json_integer(options->threads[i]));
	return json_pack("{s:o, s:o, s:o, s:i, s:f, s:I, s:I, s:b}", "vmas", sizes, "threads",
			 threads, "locking", schemes(options), "repetitions",
			 (int)options->repetitions, "seconds", options->seconds, "ops",
			 (json_int_t)options->ops, "seed", (json_int_t)options->seed, "latency",
			 options->latency);
}

/* What decides the results: a run that is resumed must have had the same. */
static json_t *deciding(const struct threads_options *options)
{
	json_t *all = numbers(options), *indexes = json_array(), *names = json_array();

	for (unsigned i = 0; i < options->indexes.n; i++)
		json_array_append_new(indexes, json_string(options->indexes.ops[i]->name));
	for (unsigned i = 0; i < options->nworkloads; i++)
		json_array_append_new(names, json_string(options->workloads[i]->name));
	for (unsigned i = 0; i < options->ntraces; i++)
		json_array_append_new(names, json_string(options->traces[i]));
	json_object_set_new(all, "index", indexes);
	json_object_set_new(all, "workload", names);
	return all;
}

int cmd_threads(int argc, char **argv)
{
	static const struct argp argp = {
		argp_options, parse, NULL, doc, option_replay_children, NULL, NULL,
	};
	struct arguments arguments = {
		.options = { .repetitions = 3,
			     .seconds = 0.015,
			     .seed = 1,
			     .latency = true,
			     .progress = true,
			     .talk = stdout },
		.saved = { .who = "vmabench threads" },
	};
	const char *why;
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (arguments.list)
		return list();
	usual(&arguments.options);
	why = impossible(&arguments.options);
	if (why) {
		fprintf(stderr, "vmabench threads: %s\n", why);
		return STATUS_BAD_INPUT;
	}
	arguments.options.saved = &arguments.saved;
	arguments.saved.options = deciding(&arguments.options);
	json_decref(threads_bench(&arguments.options, &status));
	saved_leave(&arguments.saved);
	return status;
}
