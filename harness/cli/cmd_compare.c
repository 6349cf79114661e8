/*
 * vmabench compare - two result files, case by case
 *
 * A case has changed when the ranges of its repetitions do not meet and the
 * medians differ by more than the repetitions of either do among themselves.
 */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "harness/measure/results.h"
#include "harness/cli/verb.h"

static const char doc[] =
	"Compares the times of every case that both files have: NEW's median divided by OLD's.\v"
	"A change is marked when it is beyond noise: the two ranges of repetitions are apart, "
	"and the medians differ by more than either range is wide. Exit status: 0 whatever the "
	"times are, 1 if a case has other answers in the two files, 2 if a file cannot be read or "
	"no case is in both.";

static const struct argp_option options[] = {
	{ "changed", 'c', NULL, 0, "only cases that have changed", 0 }, { 0 }
};

struct arguments {
	const char *file[2];
	unsigned files;
	bool changed;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		arguments->changed = true;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->files == 2)
			argp_error(state, "two files, no more");
		arguments->file[arguments->files++] = arg;
		return 0;
	case ARGP_KEY_END:
		if (arguments->files < 2)
			argp_error(state, "two files: OLD.json NEW.json");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static bool beyond_noise(const struct result *old, const struct result *new)
{
	double width = max(old->slowest - old->fastest, new->slowest - new->fastest);
	double apart = max(new->fastest - old->slowest, old->fastest - new->slowest);
	double change = new->median - old->median;

	return apart > 0 && (change > width || -change > width);
}

static const char *verdict(const struct result *old, const struct result *new)
{
	if (*old->hash && *new->hash && strcmp(old->hash, new->hash))
		return "  other answers: not comparable";
	if (!beyond_noise(old, new))
		return "";
	return new->median > old->median ? "  SLOWER" : "  faster";
}

struct tally {
	size_t compared, slower, faster, other; /* other: answers that differ */
};

static void compare_case(const struct result *a, const struct result *b, bool changed,
			 struct tally *tally)
{
	const char *mark = verdict(a, b);
	char name[256], before[32], after[32];

	tally->compared++;
	tally->slower += strstr(mark, "SLOWER") != NULL;
	tally->faster += strstr(mark, "faster") != NULL;
	tally->other += strstr(mark, "other") != NULL;
	if (changed && !*mark)
		return;
	snprintf(name, sizeof(name), "%s/%s", b->name, b->mode);
	printf("%-34s %9zu %-8s %10s %10s %7.3f%s\n", escape_text(name), b->vmas,
	       escape_text(b->index), results_number(a->median, before, sizeof(before)),
	       results_number(b->median, after, sizeof(after)), b->median / a->median, mark);
}

/* Returns the exit status. */
static int compare(const struct results *old, const struct results *new, bool changed)
{
	struct tally tally = { 0 };

	printf("%-34s %9s %-8s %10s %10s %7s\n", "case", "VMAs", "index", "old ns", "new ns",
	       "ratio");
	for (size_t i = 0; i < new->n; i++) {
		const struct result *b = &new->rows[i];
		const struct result *a = results_find(old, b->index, b->name, b->mode, b->vmas);

		if (a)
			compare_case(a, b, changed, &tally);
	}
	printf("%zu compared, %zu faster, %zu slower; %zu only in the old, %zu only in the new\n",
	       tally.compared, tally.faster, tally.slower, old->n - tally.compared,
	       new->n - tally.compared);
	if (!tally.compared)
		fprintf(stderr, "vmabench compare: no case is in both files\n");
	return !tally.compared ? STATUS_BAD_INPUT : tally.other ? STATUS_DIFFERENCE : STATUS_OK;
}

int cmd_compare(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "OLD.json NEW.json", doc, NULL, NULL, NULL,
	};
	struct arguments arguments = { 0 };
	struct results results[2];
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	for (unsigned i = 0; i < 2; i++) {
		char why[256];

		if (!results_load(&results[i], arguments.file[i], why, sizeof(why))) {
			if (results_incomplete(&results[i]))
				fprintf(stderr, "vmabench compare: %s: is incomplete\n",
					escape_text(arguments.file[i]));
			continue;
		}
		fprintf(stderr, "vmabench compare: %s: %s\n", escape_text(arguments.file[i]),
			escape_text(why));
		if (i)
			results_free(&results[0]);
		return STATUS_BAD_INPUT;
	}
	status = compare(&results[0], &results[1], arguments.changed);
	results_free(&results[0]);
	results_free(&results[1]);
	return status;
}
