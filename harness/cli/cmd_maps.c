/*
 * vmabench maps - the address spaces of a recorded program, like /proc/PID/maps and smaps
 */
#include <argp.h>
#include <stdio.h>

#include "harness/cli/snapshot.h"
#include "harness/cli/verb.h"

struct arguments {
	struct snapshot snapshot;
	bool smaps;
};

static const struct argp_option options[] = {
	{ "smaps", 's', NULL, 0, "with sizes and flags, like smaps", 0 }, { 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->snapshot;
		return 0;
	case 's':
		arguments->smaps = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = snapshot_children,
	.args_doc = "FILE",
	.doc = "Print the address spaces of a recorded program at an event of its trace."
	       "\vExit status: 0, or 2 where the trace cannot be read or has no such event.",
};

static void show(struct mm_struct *mm, void *arg)
{
	const struct arguments *arguments = arg;

	if (arguments->smaps)
		show_smaps(mm, stdout);
	else
		show_maps(mm, stdout);
}

int cmd_maps(int argc, char **argv)
{
	struct arguments arguments = { 0 };

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	return snapshot_show(&arguments.snapshot, show, &arguments);
}
