/*
 * vmabench anonymize - a copy of a trace without command, paths and names
 */
#include <errno.h>
#include <stdio.h>

#include "harness/cli/verb.h"
#include "workloads/format/trace.h"

struct arguments {
	const char *from, *to;
};

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "The trace to write (.vmt)", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'o':
		arguments->to = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->from)
			argp_error(state, "one trace at a time");
		arguments->from = arg;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->from)
			argp_error(state, "which file?");
		if (!arguments->to)
			argp_error(state, "missing -o FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "FILE -o FILE",
	.doc = "Copy a trace without what tells of a person or a machine: each distinct path or "
	       "name becomes a number, the command and the versions are left out.  What the kernel "
	       "names, as [stack] and /dev/zero, stays.  Its replay gives the same as before.",
};

/* 0 or -1 and *error; the writer is used up either way. */
static int copy(struct trace_reader *reader, struct trace_writer *writer, struct trace_error *error)
{
	struct trace_event event;
	int more = trace_anonymize(writer);

	if (more)
		fputs("vmabench anonymize: out of memory\n", stderr);
	while (more >= 0 && (more = trace_next(reader, &event, error)) > 0)
		more = trace_write(writer, &event, error);
	if (!more && !trace_finish(writer, trace_info(reader), error))
		return 0;
	trace_abandon(writer);
	return -1;
}

int cmd_anonymize(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct trace_error error = { .file = "" };
	struct trace_reader *reader;
	struct trace_writer *writer = NULL;
	int bad = -1;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	reader = trace_open(arguments.from, &error);
	if (reader)
		writer = trace_create(arguments.to, &error);
	if (writer)
		bad = copy(reader, writer, &error);
	if (bad && *error.file)
		trace_error_print(&error);
	trace_close(reader);
	return bad ? STATUS_BAD_INPUT : STATUS_OK;
}
