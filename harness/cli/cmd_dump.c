/*
 * vmabench dump - the events of a trace, a readable line each
 */
#include <errno.h>
#include <stdio.h>

#include "workloads/format/event_text.h"
#include "harness/cli/verb.h"
#include "workloads/format/trace.h"

static int dump_file_events(const char *path)
{
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	int status = -1;

	while (reader && (status = trace_next(reader, &event, &error)) > 0 && !ferror(stdout))
		event_print(stdout, &event);
	fflush(stdout);
	if (status < 0)
		trace_error_print(&error);
	trace_close(reader);
	return status < 0 ? STATUS_BAD_INPUT : STATUS_OK;
}

static error_t dump_parse(int key, char *arg, struct argp_state *state)
{
	int *status = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (dump_file_events(arg))
			*status = STATUS_BAD_INPUT;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which file?");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp dump_argp = {
	.parser = dump_parse,
	.args_doc = "FILE...",
	.doc = "Print the events of traces, a line each: seconds, task, event, arguments, result."
	       "\vExit status: 0, or 2 where a trace cannot be read.",
};

int cmd_dump(int argc, char **argv)
{
	int status = STATUS_OK;

	argp_parse(&dump_argp, argc, argv, 0, NULL, &status);
	return status;
}
