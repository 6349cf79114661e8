/*
 * vmabench coredump - what a core dump of a recorded program would hold
 */
#include <argp.h>
#include <stdio.h>

#include "harness/cli/option.h"
#include "harness/cli/snapshot.h"
#include "harness/cli/verb.h"

enum { KEY_FILTER = 256 };

struct arguments {
	struct snapshot snapshot;
	unsigned long filter; /* as /proc/PID/coredump_filter */
	bool list;
};

static const struct argp_option options[] = {
	{ "list", 'l', NULL, 0, "name the VMAs: kB of each in the dump, why, and its line of maps",
	  0 },
	{ "filter", KEY_FILTER, "BITS", 0, "as /proc/PID/coredump_filter (0x33)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->snapshot;
		return 0;
	case 'l':
		arguments->list = true;
		return 0;
	case KEY_FILTER:
		arguments->filter = option_number(state, "--filter", arg, 0, UINT32_MAX);
		return 0;
	case ARGP_KEY_END:
		if (!arguments->list)
			argp_error(state, "--list is all that there is: dumps are not written");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.children = snapshot_children,
	.args_doc = "--list FILE",
	.doc = "Tell what a core dump of a recorded program's address spaces would hold."
	       "\vExit status: 0, or 2 where the trace cannot be read or has no such event.",
};

static void show(struct mm_struct *mm, void *arg)
{
	const struct arguments *arguments = arg;
	struct vm_area_struct *vma;
	unsigned long total = 0;
	struct vma_walk walk;
	const char *why;

	for_each_vma(&walk, mm->mm_mt, vma) {
		unsigned long bytes = vma_dump_size(vma, arguments->filter, &why);

		printf("%8lu kB  %-26s  ", bytes >> 10, why);
		show_map_vma(vma, stdout);
		total += bytes;
	}
	printf("%8lu kB  in all\n", total >> 10);
}

int cmd_coredump(int argc, char **argv)
{
	struct arguments arguments = { .filter = MMF_DUMP_DEFAULT };

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	return snapshot_show(&arguments.snapshot, show, &arguments);
}
