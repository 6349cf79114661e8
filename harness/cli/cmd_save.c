/*
 * vmabench save - what scripts write goes through the one writer, too
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/outfile.h"
#include "harness/cli/verb.h"

static const char doc[] =
	"Writes what stdin has to FILE, as all verbs write files: whole or not at all.\v"
	"Exit status: 0, or 2 where FILE cannot be written.";

static const struct argp_option options[] = {
	{ "check", 'c', NULL, 0, "write nothing: only see whether FILE can be written", 0 }, { 0 }
};

struct arguments {
	const char *path;
	bool check;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		arguments->check = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->path)
			argp_error(state, "unexpected argument '%s'", arg);
		arguments->path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "missing FILE");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* All of stdin, to be freed, or NULL after a message. */
static char *read_all(size_t *len)
{
	char part[1 << 16], *text = NULL;
	FILE *all = open_memstream(&text, len);
	size_t n;

	while (all && (n = fread(part, 1, sizeof(part), stdin)) > 0)
		fwrite(part, 1, n, all);
	if (all && !ferror(stdin) && !ferror(all) && !fclose(all))
		return text;
	fprintf(stderr, "vmabench save: stdin: %s\n", strerror(errno));
	free(text);
	return NULL;
}

static int save(struct outfile *out)
{
	size_t len;
	char *text = read_all(&len);
	int bad = text ? outfile_put(out, text, len) : -1;

	if (text && bad)
		fprintf(stderr, "vmabench save: %s\n", escape_text(out->why));
	free(text);
	return bad;
}

int cmd_save(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "FILE", doc, NULL, NULL, NULL };
	struct arguments arguments = { 0 };
	struct outfile out;
	int bad;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	bad = outfile_open(&out, arguments.path, 0666);
	if (bad)
		fprintf(stderr, "vmabench save: %s\n", escape_text(out.why));
	else if (!arguments.check)
		bad = save(&out);
	outfile_close(&out);
	return bad ? STATUS_BAD_INPUT : STATUS_OK;
}
