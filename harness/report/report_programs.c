/*
 * report_programs - instructions of each index for each recorded program (make counts-programs)
 *
 * What the harness itself takes is in every number, and beside them; the last two columns
 * say what it hides.
 */
#include <string.h>

#include "base/escape.h"
#include "harness/report/report.h"

#define OURS    "btree"
#define KERNEL  "linux-maple"
#define HARNESS "null"

static const char *text(const json_t *entry, const char *key)
{
	const char *value = json_string_value(json_object_get(entry, key));

	return value ? value : "";
}

/* Instructions of the index in the case, of which the entry is one; 0 if it was not counted. */
static double count_of(const json_t *counts, const char *name, const char *index)
{
	json_t *entry;
	size_t i;

	json_array_foreach(counts, i, entry) {
		if (!strcmp(text(entry, "case"), name) && !strcmp(text(entry, "index"), index))
			return json_number_value(json_object_get(entry, "instructions"));
	}
	return 0;
}

/* The indexes of the first case, the harness last; how many. */
static size_t columns(const json_t *counts, const char *names[REPORT_MAX_INDEXES])
{
	const char *name = text(json_array_get(counts, 0), "case");
	json_t *entry;
	size_t i, n = 0;

	json_array_foreach(counts, i, entry) {
		if (!strcmp(text(entry, "case"), name) && strcmp(text(entry, "index"), HARNESS) &&
		    n + 1 < REPORT_MAX_INDEXES)
			names[n++] = text(entry, "index");
	}
	names[n++] = HARNESS;
	return n;
}

/* Two cells: ours by the kernel's, as counted and without the harness. */
static void ratios(const struct report *report, double ours, double kernel, double harness)
{
	if (ours && kernel)
		fprintf(report->out, " %.2f |", ours / kernel);
	else
		fputs(" - |", report->out);
	if (ours && kernel > harness && harness)
		fprintf(report->out, " %.2f |\n", (ours - harness) / (kernel - harness));
	else
		fputs(" - |\n", report->out);
}

static const char *program_of(const char *name)
{
	size_t len = strlen(RESULTS_PROGRAM);

	return strncmp(name, RESULTS_PROGRAM, len) ? name : name + len;
}

static void line(const struct report *report, const json_t *counts, const json_t *first,
		 const char *const *names, size_t n)
{
	const char *name = text(first, "case");
	char number[32];

	fprintf(report->out, "| %s | %lld |", escape_markdown(program_of(name)),
		(long long)json_integer_value(json_object_get(first, "vmas")));
	for (size_t i = 0; i < n; i++) {
		double count = count_of(counts, name, names[i]);

		fprintf(report->out, " %s |",
			count ? results_number(count, number, sizeof(number)) : "-");
	}
	ratios(report, count_of(counts, name, OURS), count_of(counts, name, KERNEL),
	       count_of(counts, name, HARNESS));
}

void report_programs(const struct report *report)
{
	const json_t *counts = json_object_get(report->counts, "counts");
	json_t *entry;
	const char *names[REPORT_MAX_INDEXES];
	size_t i, n;

	if (!json_array_size(counts))
		return;
	n = columns(counts, names);
	fputs("\n## Recorded programs, index alone, in instructions\n\nCounted by callgrind: no "
	      "noise, and no cache misses either. \"harness\" is in each number.\n\n"
	      "| program | VMAs |",
	      report->out);
	for (i = 0; i < n; i++)
		fprintf(report->out, " %s |",
			strcmp(names[i], HARNESS) ? escape_markdown(names[i]) : "harness");
	fputs(" " OURS " by " KERNEL " | less the harness |\n|---|---:|", report->out);
	for (i = 0; i < n + 2; i++)
		fputs("---:|", report->out);
	fputc('\n', report->out);
	json_array_foreach(counts, i, entry) {
		if (!strcmp(text(entry, "index"), OURS))
			line(report, counts, entry, names, n);
	}
}
