/*
 * vmabench record - runs a program and writes the trace of its address spaces
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/option.h"
#include "harness/cli/verb.h"
#include "workloads/record/record.h"

enum { OPT_ALLOW_LOST = 256, OPT_ANONYMIZE, OPT_NO_FAULTS, OPT_SECONDS, OPT_ORDER, OPT_RING_SIZE };

#define MAX_PIDS 64

static pid_t record_pids[MAX_PIDS + 1];

static const struct argp_option record_argp_options[] = {
	{ "output", 'o', "FILE", 0, "The trace to write (.vmt)", 0 },
	{ "pid", 'p', "PID", 0,
	  "Attach to this running process instead of running a command (may be repeated)", 0 },
	{ "seconds", OPT_SECONDS, "N", 0, "With -p: record for N seconds, then let go", 0 },
	{ "allow-lost", OPT_ALLOW_LOST, NULL, 0,
	  "Be content with a trace in which some records are lost", 0 },
	{ "anonymize", OPT_ANONYMIZE, NULL, 0,
	  "Leave out command, versions, paths and names: numbers instead", 0 },
	{ "order", OPT_ORDER, "WAY", 0,
	  "How the order of calls is found: perf (tracepoints; root), serial (one call at a time) "
	  "or best (default): perf if that is allowed",
	  0 },
	{ "ring-size", OPT_RING_SIZE, "BYTES", OPTION_HIDDEN, "Of perf's rings, a power of two",
	  0 },
	{ "no-faults", OPT_NO_FAULTS, NULL, 0, "Leave page faults out", 0 },
	{ 0 },
};

static void record_add_pid(struct record_options *options, const char *arg,
			   struct argp_state *state)
{
	pid_t pid = (pid_t)option_number(state, "-p", arg, 1, INT32_MAX);
	unsigned n = 0;

	while (record_pids[n])
		n++;
	if (n == MAX_PIDS)
		argp_error(state, "at most %d processes", MAX_PIDS);
	record_pids[n] = pid;
	options->pids = record_pids;
}

static void record_set_order(struct record_options *options, const char *arg,
			     struct argp_state *state)
{
	static const char *const ways[] = {
		[RECORD_ORDER_BEST] = "best",
		[RECORD_ORDER_PERF] = "perf",
		[RECORD_ORDER_SERIAL] = "serial",
	};
	size_t way = 0;

	while (way < ARRAY_SIZE(ways) && strcmp(arg, ways[way]))
		way++;
	if (way == ARRAY_SIZE(ways))
		argp_error(state, "not a way to find the order: %s (best, perf, serial)", arg);
	options->order = way;
}

static void record_set_ring_size(struct record_options *options, const char *arg,
				 struct argp_state *state)
{
	options->ring_size = option_number(state, "--ring-size", arg, PAGE_SIZE, 1UL << 30);
	if (options->ring_size & (options->ring_size - 1))
		argp_error(state, "--ring-size: %s is not a power of two", arg);
}

static error_t record_parse(int key, char *arg, struct argp_state *state)
{
	struct record_options *options = state->input;

	switch (key) {
	case 'o':
		options->output = arg;
		return 0;
	case 'p':
		record_add_pid(options, arg, state);
		return 0;
	case OPT_SECONDS:
		options->seconds = option_seconds(state, "--seconds", arg, 1e9);
		return 0;
	case OPT_ALLOW_LOST:
		options->allow_lost = true;
		return 0;
	case OPT_ANONYMIZE:
		options->anonymize = true;
		return 0;
	case OPT_NO_FAULTS:
		options->faults = false;
		return 0;
	case OPT_ORDER:
		record_set_order(options, arg, state);
		return 0;
	case OPT_RING_SIZE:
		record_set_ring_size(options, arg, state);
		return 0;
	case ARGP_KEY_ARGS:
		options->command = state->argv + state->next;
		return 0;
	case ARGP_KEY_END:
		if (!options->output)
			argp_error(state, "where to? (-o FILE)");
		if (!options->command == !options->pids)
			argp_error(state, "either a command or processes (-p)");
		if (options->pids && options->order == RECORD_ORDER_PERF)
			argp_error(state, "calls of running processes (-p) run one at a time");
		if (options->seconds && !options->pids)
			argp_error(state, "--seconds is for processes (-p)");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp record_argp = {
	.options = record_argp_options,
	.parser = record_parse,
	.args_doc = "-o FILE -- COMMAND...\n-o FILE -p PID",
	.doc = "Run COMMAND and record the memory system calls of all its threads and children, "
	       "and their page faults where that is allowed (as root)."
	       "\vThe exit status is that of COMMAND, 128 + the signal that killed it, or 2 if "
	       "there is no trace.\n\n"
	       "With -p the program is slower than under a command's recording, because all "
	       "its system calls stop it.  Children that it has already are not recorded unless "
	       "named by -p as well.  SIGINT or SIGTERM ends the recording, the program goes on; "
	       "the exit status is 0, or 2.",
};

/* Unlike SIG_IGN not inherited by the command. */
static void take_no_notice(int signal)
{
	(void)signal;
}

int cmd_record(int argc, char **argv)
{
	struct record_options options = { .faults = true, .progress = isatty(STDERR_FILENO) };

	argp_parse(&record_argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
	/* a message that nobody reads does not end the recording */
	if (signal(SIGPIPE, take_no_notice) == SIG_IGN)
		signal(SIGPIPE, SIG_IGN);
	return record_run(&options);
}
