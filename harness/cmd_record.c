/*
 * vmabench record - runs a program and writes the trace of its address spaces
 */
#include <stdlib.h>
#include <unistd.h>

#include "harness/verb.h"
#include "workloads/record.h"

enum { OPT_ALLOW_LOST = 256, OPT_NO_FAULTS };

static const struct argp_option record_argp_options[] = {
	{ "output", 'o', "FILE", 0, "The trace to write (.vmt)", 0 },
	{ "allow-lost", OPT_ALLOW_LOST, NULL, 0,
	  "Be content with a trace in which some page faults are lost", 0 },
	{ "no-faults", OPT_NO_FAULTS, NULL, 0, "Leave page faults out", 0 },
	{ 0 },
};

static error_t record_parse(int key, char *arg, struct argp_state *state)
{
	struct record_options *options = state->input;

	switch (key) {
	case 'o':
		options->output = arg;
		return 0;
	case OPT_ALLOW_LOST:
		options->allow_lost = true;
		return 0;
	case OPT_NO_FAULTS:
		options->faults = false;
		return 0;
	case ARGP_KEY_ARGS:
		options->command = state->argv + state->next;
		return 0;
	case ARGP_KEY_END:
		if (!options->output)
			argp_error(state, "where to? (-o FILE)");
		if (!options->command)
			argp_error(state, "what is to be run?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp record_argp = {
	.options = record_argp_options,
	.parser = record_parse,
	.args_doc = "-o FILE -- COMMAND...",
	.doc = "Run COMMAND and record the memory system calls of all its threads and children, "
	       "and their page faults where that is allowed (as root)."
	       "\vThe exit status is that of COMMAND, 128 + the signal that killed it, or 2 if "
	       "there is no trace.",
};

int cmd_record(int argc, char **argv)
{
	struct record_options options = { .faults = true, .progress = isatty(STDERR_FILENO) };

	argp_parse(&record_argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
	return record_run(&options);
}
