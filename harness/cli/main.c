/*
 * vmabench - the program: finds the verb, hands over to it, and sees that stdout was written
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/util.h"
#include "harness/cli/verb.h"

static const struct verb {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "list", "the indexes, benchmark cases and workloads there are", cmd_list },
	{ "record", "run a program and record what its address spaces go through", cmd_record },
	{ "anonymize", "a copy of a trace without command, paths and names", cmd_anonymize },
	{ "info", "what traces hold and where they come from", cmd_info },
	{ "dump", "the events of a trace, a line each", cmd_dump },
	{ "maps", "the address spaces of a recorded program, like /proc/PID/maps", cmd_maps },
	{ "coredump", "what a core dump of a recorded program would hold", cmd_coredump },
	{ "replay", "do again what traces hold, over each index, and compare", cmd_replay },
	{ "whatif", "recorded programs with other placement policies and merge rules", cmd_whatif },
	{ "check", "random operations on all indexes in lockstep", cmd_check },
	{ "bench", "time every case and every recorded program on every index", cmd_bench },
	{ "threads", "several threads on one index or one address space, by locking", cmd_threads },
	{ "worst", "the slowest of many random edits, in instructions", cmd_worst },
	{ "compare", "two result files, case by case", cmd_compare },
	{ "plot", "draw the plots of result files", cmd_plot },
	{ "report", "write BENCHMARKS.md from result files", cmd_report },
	{ "save", "write stdin to a file, whole or not at all: for scripts", cmd_save },
};

static int usage(FILE *out, int status)
{
	fprintf(out, "Usage: vmabench VERB [OPTION...]\n\n"
		     "Which index should hold an address space's VMAs?\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	fprintf(out, "\n'vmabench VERB --help' tells more.\n");
	return status;
}

/*
 * At the end of every verb, however it ends: what was printed has arrived, or the exit status is 2.
 * A pipe that nobody reads any more ends the program as it would any other, by SIGPIPE.
 */
static void check_stdout(void)
{
	bool failed = ferror(stdout);

	errno = 0;
	if (!fflush(stdout) && !failed)
		return;
	if (!errno)
		(void)!write(STDOUT_FILENO, "\n", 1); /* for the reason: some is missing already */
	if (errno == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	fprintf(stderr, "vmabench: stdout: %s\n", errno ? strerror(errno) : "not all was written");
	_exit(STATUS_BAD_INPUT);
}

/* Does nothing; unlike SIG_IGN it is not inherited by a program that is started. */
static void take_no_notice(int signal)
{
	(void)signal;
}

int main(int argc, char **argv)
{
	char name[64];

	argp_err_exit_status = STATUS_BAD_INPUT;
	atexit(check_stdout);
	/* a file beyond the limit is an error, said as one */
	if (signal(SIGXFSZ, take_no_notice) == SIG_IGN)
		signal(SIGXFSZ, SIG_IGN);
	if (argc < 2)
		return usage(stderr, STATUS_BAD_INPUT);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?") || !strcmp(argv[1], "help"))
		return usage(stdout, STATUS_OK);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(argv[1], verbs[i].name))
			continue;
		snprintf(name, sizeof(name), "vmabench %s", verbs[i].name);
		argv[1] = name;
		return verbs[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr, "vmabench: no verb '%s'\n", escape_text(argv[1]));
	return usage(stderr, STATUS_BAD_INPUT);
}
