/*
 * report_parts - what each part of mm costs, and how often find_vma's caches know the answer
 */
#include <math.h>
#include <string.h>

#include "base/escape.h"
#include "harness/report/report.h"

#define CASE "parts-"

static const struct column {
	const char *part, *title;
} columns[] = {
	{ "no-find-cache", "no find cache" }, { "no-drivers", "no drivers called" },
	{ "no-accounting", "no accounting" }, { "no-rmap", "no rmap" },
	{ "no-faults", "no faults" },         { "no-merging", "no merging" },
	{ "huge-pages", "with huge pages" },
};

/* In the order of the table's columns; whole is vmacache. */
static const char *const caches[] = { "mmap_cache", "whole", "finger" };

static const char *text_of(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));

	return text ? text : "";
}

static double number_of(const json_t *entry, const char *key)
{
	return json_number_value(json_object_get(entry, key));
}

/* The entry of that program's part, or NULL. */
static const json_t *part_of(const json_t *parts, const char *name, const char *part)
{
	json_t *entry;
	size_t i;

	json_array_foreach(parts, i, entry) {
		if (!strcmp(text_of(entry, "case"), name) && !strcmp(text_of(entry, "part"), part))
			return entry;
	}
	return NULL;
}

static bool is_whole(const json_t *entry)
{
	return !strcmp(text_of(entry, "part"), "whole") &&
	       !strncmp(text_of(entry, "case"), CASE, strlen(CASE));
}

/* Geometric mean of the part's ratios. */
static double mean_ratio(const json_t *parts, const char *part)
{
	double logs = 0, n = 0;
	json_t *entry;
	size_t i;

	json_array_foreach(parts, i, entry) {
		if (!strcmp(text_of(entry, "part"), part) && number_of(entry, "ratio") > 0) {
			logs += log(number_of(entry, "ratio"));
			n++;
		}
	}
	return exp(logs / fmax(n, 1));
}

static void ratio_cell(FILE *out, const json_t *entry)
{
	double lost = number_of(entry, "results") - number_of(entry, "results_equal");

	if (!entry) {
		fputs(" - |", out);
		return;
	}
	fprintf(out, " %.2f%s", number_of(entry, "ratio"),
		json_is_true(json_object_get(entry, "same_state")) ? "" : " \\*");
	if (lost > 0)
		fprintf(out, " (%.0f results differ)", lost);
	fputs(" |", out);
}

static void cost_table(FILE *out, const json_t *parts)
{
	json_t *whole;
	size_t i;

	fputs("\n| program | all parts, ms |", out);
	for (size_t j = 0; j < ARRAY_SIZE(columns); j++)
		fprintf(out, " %s |", columns[j].title);
	fputs("\n|---|---:|", out);
	for (size_t j = 0; j < ARRAY_SIZE(columns); j++)
		fputs("---:|", out);
	json_array_foreach(parts, i, whole) {
		const char *name = text_of(whole, "case");

		if (!is_whole(whole))
			continue;
		fprintf(out, "\n| %s | %.2f |", escape_markdown(name + strlen(CASE)),
			number_of(whole, "seconds") * 1e3);
		for (size_t j = 0; j < ARRAY_SIZE(columns); j++)
			ratio_cell(out, part_of(parts, name, columns[j].part));
	}
	fputs("\n| geometric mean | |", out);
	for (size_t j = 0; j < ARRAY_SIZE(columns); j++)
		fprintf(out, " %.2f |", mean_ratio(parts, columns[j].part));
	fputc('\n', out);
}

static void hits_cell(FILE *out, const json_t *entry, const json_t *none)
{
	if (!entry || !none) {
		fputs(" - |", out);
		return;
	}
	fprintf(out, " %.1f %% (%.2f) |",
		100 * number_of(entry, "find_cache_hits") / fmax(number_of(entry, "finds"), 1),
		number_of(entry, "seconds") / fmax(number_of(none, "seconds"), 1e-9));
}

static void cache_table(FILE *out, const json_t *parts)
{
	json_t *whole;
	size_t i;

	fputs("\n## find_vma's caches\n\nHow many calls of find_vma each cache answers, and the "
	      "time "
	      "of the replay, times that without a cache. mmap_cache: one answer for each mm, as "
	      "Linux "
	      "2.6; vmacache: four for each task, as 3.15 to 6.0; finger: the last answer, its "
	      "gap and the VMA after it, until the next change. All end in the same state.\n\n"
	      "| program | find_vma calls | mmap_cache | vmacache | finger |\n"
	      "|---|---:|---:|---:|---:|\n",
	      out);
	json_array_foreach(parts, i, whole) {
		const char *name = text_of(whole, "case");

		if (!is_whole(whole))
			continue;
		fprintf(out, "| %s | %.0f |", escape_markdown(name + strlen(CASE)),
			number_of(whole, "finds"));
		for (size_t j = 0; j < ARRAY_SIZE(caches); j++)
			hits_cell(out, part_of(parts, name, caches[j]),
				  part_of(parts, name, "no-find-cache"));
		fputc('\n', out);
	}
}

void report_parts(const struct report *report)
{
	const json_t *parts = json_object_get(report->results->root, "parts");

	if (!json_array_size(parts))
		return;
	fprintf(report->out,
		"\n## What each part costs\n\nThe whole replay over %s with one part of mm "
		"switched off, times that with all of them; below 1: the part costs what is "
		"missing. "
		"Huge pages are not in the whole: with them, for all anonymous memory. \\*: the "
		"part "
		"is in the state, which is another one then. Without faults there are no pages, so "
		"what is done with pages costs less, too.\n",
		escape_markdown(text_of(json_array_get(parts, 0), "index")));
	report_plot(report, "parts.svg");
	cost_table(report->out, parts);
	cache_table(report->out, parts);
}
