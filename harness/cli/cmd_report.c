/*
 * vmabench report - BENCHMARKS.md from results and plots
 *
 * Every word that depends on a number is made from the numbers.
 */
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "harness/cli/option.h"
#include "harness/report/report.h"
#include "harness/cli/verb.h"

#define LEVEL 1.05 /* up to that ratio to the fastest an index is level with it */

static const char doc[] =
	"Writes a page of tables and conclusions from result files (results/bench.json), and from "
	"what else is named: nothing is taken from a file that is not.\v"
	"Exit status: 0, or 2 where a file cannot be read or written or holds no results.";

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "write to FILE, not to stdout", 0 },
	{ "plots", 'p', "DIR", 0, "with the plots that `vmabench plot` has drawn in DIR", 0 },
	{ "counts", 'c', "FILE", 0, "with what `make counts-programs` wrote", 0 },
	{ "worst", 'w', "FILE", 0, "with what `vmabench worst --json` wrote", 0 },
	{ "scalar", 's', "FILE", 0,
	  "with results of `bench --simd scalar`, as `make bench` writes them", 0 },
	{ 0 }
};

struct arguments {
	const char *output, *plots, *counts, *worst, *scalar;
	struct results_files files;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'o':
		arguments->output = arg;
		return 0;
	case 'p':
		option_folder(state, "--plots", arg);
		arguments->plots = arg;
		return 0;
	case 'c':
		arguments->counts = arg;
		return 0;
	case 'w':
		arguments->worst = arg;
		return 0;
	case 's':
		arguments->scalar = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (results_files_add(&arguments->files, arg))
			argp_error(state, "too many files");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* The parts of the report: which cases, which plot, and what is measured, in a sentence or two. */
static const struct section {
	const char *title, *glob, *plot, *text;
} sections[] = {
	{ "Recorded programs, index alone", RESULTS_PROGRAM "*/index", "programs.svg",
	  "Everything that mm asked its indexes while the program was replayed, asked again of "
	  "each index without mm: ns for the whole program. Between two runs the branch predictor "
	  "is flushed, or it would know a short program by heart. VMAs: the most there "
	  "were in one address space." },
	{ "Recorded programs, whole mm", RESULTS_PROGRAM "*/mm", NULL,
	  "The whole replay, with system calls, page tables and faults of the emulated mm: ns for "
	  "the whole program. What no index can change is in it too, so the ratios are closer." },
	{ "find", "find-*/*", "find.svg",
	  "dependent: a query begins when the answer to the one before is there; independent: the "
	  "processor may overlap them; all other cases are dependent. local: nine of ten are near "
	  "the one before; zipf: some VMAs are asked for much more often; miss: addresses in "
	  "gaps. touch: the VMA found is read, as a page fault does." },
	{ "find_gap", "gap-*/*", "gap.svg",
	  "deep: only gaps far from both ends are large enough; first: a few pages, which the "
	  "first gaps have. changing: both, and each answer is mapped and unmapped again (two "
	  "edits "
	  "more)." },
	{ "Changes", "churn/* split-merge/* munmap-many/* order/*", "churn.svg",
	  "churn: a VMA is erased here and inserted there (two edits). split-merge: one VMA "
	  "becomes three and one again (two edits), as an mprotect of its middle and back do; "
	  "repeated: 16 times at each place. order: the same VMAs erased and inserted at random, "
	  "sorted, in reverse, tooth by tooth (one edit each). munmap-many: up to 64 VMAs erased "
	  "in one edit; "
	  "putting them back is not timed." },
	{ "All VMAs at a time", "iterate/* build/* fork/*", NULL,
	  "ns per VMA. iterate: next from one end to the other. build: an index from a sorted "
	  "list. fork: a walk over the parent's index, and a clone; the VMAs themselves are "
	  "there." },
	{ "Other cases", "*", NULL, "" },
};

/* Does the row belong there, and to no section before? */
static bool in_section(const struct result *row, const struct section *section)
{
	char name[256], globs[256];

	snprintf(name, sizeof(name), "%s/%s", row->name, row->mode);
	for (const struct section *other = sections; other <= section; other++) {
		bool matches = false;

		snprintf(globs, sizeof(globs), "%s", other->glob);
		for (char *glob = strtok(globs, " "); glob; glob = strtok(NULL, " "))
			matches |= !fnmatch(glob, name, 0);
		if (matches)
			return other == section;
	}
	return false;
}

/* Is it the first row in the file of its case, mode and number of VMAs? */
static bool first_of_line(const struct results *results, const struct result *row)
{
	for (const struct result *other = results->rows; other < row; other++) {
		if (other->vmas == row->vmas && !strcmp(other->name, row->name) &&
		    !strcmp(other->mode, row->mode))
			return false;
	}
	return true;
}

static const struct result *beside(const struct report *report, const struct result *row,
				   const char *index)
{
	return results_find(report->results, index, row->name, row->mode, row->vmas);
}

/* The fastest of the line, and what it is ahead of the next. */
static const struct result *fastest(const struct report *report, const struct result *line)
{
	const struct result *best = NULL;

	for (size_t i = 0; i < report->n; i++) {
		const struct result *row = beside(report, line, report->indexes[i]);

		if (row && (!best || row->median < best->median))
			best = row;
	}
	return best;
}

/* ---- what to conclude ---- */

/* How index does against rbtree over the lines of a section; lines counted, geometric mean. */
struct standing {
	size_t lines, wins;
	double mean, best, worst; /* times rbtree */
	const struct result *best_row, *worst_row;
};

static struct standing standing(const struct report *report, const struct section *section,
				const char *index)
{
	struct standing standing = { .best = INFINITY, .worst = 0 };
	double logs = 0;

	for (size_t i = 0; i < report->results->n; i++) {
		const struct result *line = &report->results->rows[i], *row, *base;
		double ratio;

		if (!in_section(line, section) || !first_of_line(report->results, line))
			continue;
		row = beside(report, line, index);
		base = beside(report, line, "rbtree");
		if (!row || !base)
			continue;
		ratio = row->median / base->median;
		standing.lines++;
		standing.wins += row->median <= fastest(report, line)->median * LEVEL;
		logs += log(ratio);
		if (ratio < standing.best) {
			standing.best = ratio;
			standing.best_row = row;
		}
		if (ratio > standing.worst) {
			standing.worst = ratio;
			standing.worst_row = row;
		}
	}
	standing.mean = standing.lines ? exp(logs / standing.lines) : NAN;
	return standing;
}

static const char *row_text(const struct result *row, char *text, size_t size)
{
	if (results_is_program(row))
		snprintf(text, size, "%s", escape_markdown(row->name + strlen(RESULTS_PROGRAM)));
	else
		snprintf(text, size, "%s/%s at %zu", escape_markdown(row->name),
			 escape_markdown(row->mode), row->vmas);
	return text;
}

static void conclude_section(const struct report *report, const struct section *section)
{
	bool any = false;

	for (size_t i = 0; i < report->n; i++) {
		struct standing s = standing(report, section, report->indexes[i]);
		char best[256], worst[256];

		if (!s.lines)
			continue;
		if (!any)
			fprintf(report->out,
				"\n**%s**\n\n| index | fastest or level | geometric "
				"mean, times rbtree | best | worst |\n|---|---:|---:|---|---|\n",
				section->title);
		any = true;
		fprintf(report->out, "| %s | %zu of %zu |", escape_markdown(report->indexes[i]),
			s.wins, s.lines);
		if (!strcmp(report->indexes[i], "rbtree"))
			fputs(" 1 | - | - |\n", report->out);
		else
			fprintf(report->out, " %.2f | %.2f (%s) | %.2f (%s) |\n", s.mean, s.best,
				row_text(s.best_row, best, sizeof(best)), s.worst,
				row_text(s.worst_row, worst, sizeof(worst)));
	}
}

/* Which index serves which program best. */
static void conclude_programs(const struct report *report)
{
	bool any = false;

	for (size_t i = 0; i < report->results->n; i++) {
		const struct result *line = &report->results->rows[i], *best, *base;

		if (!in_section(line, &sections[0]) || !first_of_line(report->results, line))
			continue;
		best = fastest(report, line);
		base = beside(report, line, "rbtree");
		if (!best)
			continue;
		if (!any)
			fputs("\n| program | peak VMAs | served best by | times rbtree | level "
			      "with it |\n|---|---:|---|---:|---|\n",
			      report->out);
		any = true;
		fprintf(report->out, "| %s | %zu | %s |",
			escape_markdown(line->name + strlen(RESULTS_PROGRAM)), line->vmas,
			escape_markdown(best->index));
		fprintf(report->out, base ? " %.2f |" : " - |",
			base ? best->median / base->median : 0);
		for (size_t j = 0; j < report->n; j++) {
			const struct result *row = beside(report, line, report->indexes[j]);

			if (row && row != best && row->median <= best->median * LEVEL)
				fprintf(report->out, " %s", escape_markdown(row->index));
		}
		fputs(" |\n", report->out);
	}
}

static void conclude(const struct report *report)
{
	fputs("\n## What to conclude\n\n"
	      "Times rbtree: a case's median divided by rbtree's; below 1 is faster. Level: within "
	      "5 % of the fastest. An index missing in a line was skipped there (see the end).\n",
	      report->out);
	conclude_programs(report);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		conclude_section(report, &sections[i]);
}

/* ---- what was run where ---- */

static void latency_line(const struct report *report, const json_t *latency)
{
	json_t *entry;
	size_t i;

	if (!json_array_size(latency))
		return;
	fputs("| latency of a load that waits for the one before, ns |", report->out);
	json_array_foreach(latency, i, entry) {
		json_int_t bytes = json_integer_value(json_object_get(entry, "bytes"));

		fprintf(report->out, "%s %.*f in %lld %s", i ? "," : "", bytes < 1 << 20 ? 1 : 0,
			json_number_value(json_object_get(entry, "ns")),
			(long long)(bytes < 1 << 20 ? bytes >> 10 : bytes >> 20),
			bytes < 1 << 20 ? "KiB" : "MiB");
	}
	fputs(" |\n", report->out);
}

static void facts(const struct report *report)
{
	static const char *const keys[][2] = {
		{ "cpu", "processor" },
		{ "memory", "memory" },
		{ "kernel", "kernel" },
		{ "os", "system" },
		{ "thp", "transparent huge pages" },
		{ "simd", "btree searches with" },
		{ "compiler", "compiler" },
		{ "flags", "flags" },
		{ "commit", "commit" },
		{ "date", "date" },
	};
	const json_t *context = json_object_get(report->results->root, "context");
	const json_t *noise = json_object_get(context, "noise");

	fputs("\n## What was run where\n\n| | |\n|---|---|\n", report->out);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = json_string_value(json_object_get(context, keys[i][0]));

		fprintf(report->out, "| %s | %s |\n", keys[i][1],
			value ? escape_markdown(value) : "unknown");
	}
	fprintf(report->out, "| processors | %lld |\n",
		(long long)json_integer_value(json_object_get(context, "num_cpus")));
	fprintf(report->out,
		"| noise | a loop of fixed length took up to %.1f %% longer than at "
		"best; load %.1f to %.1f; %lld involuntary context switches |\n",
		100 * json_number_value(json_object_get(noise, "spread")),
		json_number_value(json_object_get(noise, "load_begin")),
		json_number_value(json_object_get(noise, "load_end")),
		(long long)json_integer_value(json_object_get(noise, "involuntary_switches")));
	latency_line(report, json_object_get(context, "latency"));
	fprintf(report->out,
		"\nCPU time, medians of up to %lld repetitions, the indexes of a case "
		"interleaved at random. VMAs are 192 bytes, nodes inside them included, shuffled "
		"in memory; an index of N VMAs is aged by N + 8,192 moves. Each case has ended in "
		"the same state hash on all indexes; one that does not shows no number. "
		"\"harness\" is the index `null`, which does nothing: what the measuring itself "
		"costs. ±: half the range of the repetitions, where it is 10 %% or more.\n",
		(long long)json_integer_value(json_object_get(context, "repetitions")));
}

/* ---- tables ---- */

/* A table shows ours or the peers, each with btree or rbtree as what its ratios refer to. */
struct table {
	const char *const *columns;
	size_t n;
	const char *base;
};

static void table_cell(const struct report *report, const struct table *table,
		       const struct result *line, const char *index)
{
	const struct result *row = beside(report, line, index);
	const struct result *base = beside(report, line, table->base);
	const struct result *best = fastest(report, line);
	const char *bold = row && row == best ? "**" : "";
	double half;
	char text[32];

	if (!row) {
		fputs(" - |", report->out);
		return;
	}
	half = 50 * (row->slowest - row->fastest) / row->median;
	results_number(row->median, text, sizeof(text));
	fprintf(report->out, " %s%s%s", bold, text, bold);
	if (base && base != row && *row->hash)
		fprintf(report->out, " (%.2f)", row->median / base->median);
	if (half >= 10)
		fprintf(report->out, " ±%.0f %%", half);
	fputs(" |", report->out);
}

static void table_head(const struct report *report, const struct table *table)
{
	fputs("\n| case | VMAs |", report->out);
	for (size_t i = 0; i < table->n; i++)
		fprintf(report->out, " %s |",
			strcmp(table->columns[i], "null") ? escape_markdown(table->columns[i])
							  : "harness");
	fputs("\n|---|---:|", report->out);
	for (size_t i = 0; i < table->n; i++)
		fputs("---:|", report->out);
	fputc('\n', report->out);
}

void report_plot(const struct report *report, const char *plot)
{
	char path[4096];

	if (!report->plots)
		return;
	snprintf(path, sizeof(path), "%s/%s", report->plots, plot);
	if (!access(path, R_OK))
		fprintf(report->out, "\n![%.*s](%s)\n", (int)strcspn(plot, "."), plot, path);
}

static void table_line(const struct report *report, const struct table *table,
		       const struct result *line)
{
	const char *name = line->name;

	if (results_is_program(line))
		fprintf(report->out, "| %s | %zu |",
			escape_markdown(name + strlen(RESULTS_PROGRAM)), line->vmas);
	else
		fprintf(report->out, "| %s/%s | %zu |", escape_markdown(name),
			escape_markdown(line->mode), line->vmas);
	for (size_t i = 0; i < table->n; i++)
		table_cell(report, table, line, table->columns[i]);
	fputc('\n', report->out);
}

/* The lines of the case and mode that begins at row, one for each number of VMAs. */
static void table_case(const struct report *report, const struct table *table,
		       const struct result *row)
{
	const struct result *end = report->results->rows + report->results->n;

	for (const struct result *line = row; line < end; line++) {
		if (!strcmp(line->name, row->name) && !strcmp(line->mode, row->mode) &&
		    first_of_line(report->results, line))
			table_line(report, table, line);
	}
}

static bool first_of_case(const struct results *results, const struct result *row)
{
	for (const struct result *other = results->rows; other < row; other++) {
		if (!strcmp(other->name, row->name) && !strcmp(other->mode, row->mode))
			return false;
	}
	return true;
}

/* The lines of a section, if there are any, in a table. */
static void section_lines(const struct report *report, const struct section *section,
			  const struct table *table)
{
	table_head(report, table);
	for (size_t i = 0; i < report->results->n; i++) {
		const struct result *row = &report->results->rows[i];

		if (in_section(row, section) && first_of_case(report->results, row))
			table_case(report, table, row);
	}
}

static void section_table(const struct report *report, const struct section *section)
{
	const char *columns[REPORT_MAX_INDEXES + 1];
	struct table ours = { columns, report->n + 1, "rbtree" };
	size_t i = 0;

	while (i < report->results->n && !in_section(&report->results->rows[i], section))
		i++;
	if (i == report->results->n)
		return;
	fprintf(report->out, "\n## %s\n\n%s\n", section->title, section->text);
	if (section->plot)
		report_plot(report, section->plot);
	memcpy(columns, report->indexes, report->n * sizeof(columns[0]));
	columns[report->n] = "null";
	section_lines(report, section, &ours);
	if (!report->npeers)
		return;
	columns[0] = "btree";
	memcpy(columns + 1, report->peers, report->npeers * sizeof(columns[0]));
	fputs("\nPeers, and times btree:\n", report->out);
	section_lines(report, section, &(struct table){ columns, report->npeers + 1, "btree" });
}

static void memory_table(const struct report *report)
{
	const json_t *memory = json_object_get(report->results->root, "memory");
	json_t *entry;
	size_t i;

	if (!json_array_size(memory))
		return;
	fputs("\n## Memory\n\nBytes per VMA, counted from the allocator, with the nodes that stand "
	      "in the VMAs. Fresh: built in one go; aged: after the moves. Own count: what the "
	      "index says itself.\n",
	      report->out);
	report_plot(report, "memory.svg");
	fputs("\n| index | VMAs | fresh | aged | of these in each VMA | own count, fresh | own "
	      "count, aged | aged by |\n|---|---:|---:|---:|---:|---:|---:|---|\n",
	      report->out);
	json_array_foreach(memory, i, entry) {
		const char *index = json_string_value(json_object_get(entry, "index"));
		const char *aged_by = json_string_value(json_object_get(entry, "aged_by"));

		fprintf(report->out, "| %s | %lld | %.1f | %.1f | %lld | %.1f | %.1f | %s |\n",
			index ? escape_markdown(index) : "?",
			(long long)json_integer_value(json_object_get(entry, "vmas")),
			json_number_value(json_object_get(entry, "fresh_bytes_per_vma")),
			json_number_value(json_object_get(entry, "aged_bytes_per_vma")),
			(long long)json_integer_value(json_object_get(entry, "node_size")),
			json_number_value(json_object_get(entry, "fresh_footprint_per_vma")),
			json_number_value(json_object_get(entry, "aged_footprint_per_vma")),
			aged_by ? aged_by : "?");
	}
}

static void reasons(const struct report *report, const char *key, const char *title)
{
	const json_t *list = json_object_get(report->results->root, key);
	json_t *entry;
	size_t i;

	if (!json_array_size(list))
		return;
	fprintf(report->out, "\n## %s\n\n", title);
	json_array_foreach(list, i, entry) {
		const char *index = json_string_value(json_object_get(entry, "index"));
		const char *name = json_string_value(json_object_get(entry, "case"));
		const char *mode = json_string_value(json_object_get(entry, "mode"));
		const char *reason = json_string_value(json_object_get(entry, "reason"));

		fprintf(report->out, "- %s%s%s/%s, %lld VMAs: %s\n",
			index ? escape_markdown(index) : "", index ? ", " : "",
			name ? escape_markdown(name) : "?", mode ? escape_markdown(mode) : "?",
			(long long)json_integer_value(json_object_get(entry, "vmas")),
			reason ? escape_markdown(reason) : "?");
	}
}

/* Peers that have no column because they were not built. */
static void not_built(const struct report *report)
{
	const json_t *context = json_object_get(report->results->root, "context");
	json_t *name;
	size_t i;

	json_array_foreach(json_object_get(context, "not_built"), i, name)
		fprintf(report->out, "%s%s",
			i ? ", " : "\nNot built there, their packages missing: ",
			json_string_value(name) ? escape_markdown(json_string_value(name)) : "?");
	if (i)
		fputs(".\n", report->out);
}

/* Programs that are not in every way as they were recorded. */
static void notes(const struct report *report)
{
	const json_t *list = json_object_get(report->results->root, "notes");
	json_t *entry;
	size_t i;

	if (!json_array_size(list))
		return;
	fputs("\n## Recorded programs whose numbers need a word\n\n", report->out);
	json_array_foreach(list, i, entry) {
		fprintf(report->out, "- %s:",
			escape_markdown(json_string_value(json_object_get(entry, "case"))));
		fprintf(report->out, " %s\n",
			escape_markdown(json_string_value(json_object_get(entry, "reason"))));
	}
}

/* What the results have, in all their lists. */
static size_t results_size(const struct results *results)
{
	static const char *const lists[] = { "memory", "speed", "parts", "threads" };
	size_t size = results->n;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		size += json_array_size(json_object_get(results->root, lists[i]));
	return size;
}

static void write_report(const struct report *report)
{
	fputs("# Benchmarks\n\nWritten by `vmabench report` from results and plots; changes by "
	      "hand get lost.\n",
	      report->out);
	if (results_incomplete(report->results))
		fputs("\n**Incomplete: the run was ended before all of its cases were done.**\n",
		      report->out);
	facts(report);
	reasons(report, "failed", "Failed: the indexes did not agree");
	notes(report);
	report_targets(report);
	conclude(report);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		section_table(report, &sections[i]);
	report_parts(report);
	report_programs(report);
	memory_table(report);
	report_threads(report);
	not_built(report);
	reasons(report, "skipped", "Skipped");
	fputs("\n## How to reproduce\n\n"
	      "```\nmake bench              # everything: table, results/bench.json, plots, this "
	      "file\n./vmabench bench --case 'find-*' --index btree,rbtree --vmas 65536\n"
	      "./vmabench compare OLD.json NEW.json\n"
	      "make counts             # instructions per operation, the same on every run\n"
	      "make counts-programs    # the same of the recorded programs\n```\n",
	      report->out);
}

/* Ours, in the usual order, and apart from them the peers. */
static void sort_indexes(struct report *report)
{
	static const char *const usual[] = { "rbtree", "btree", "radix" };
	const char *names[REPORT_MAX_INDEXES];
	size_t n = results_indexes(report->results, names, REPORT_MAX_INDEXES);

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		for (size_t j = 0; j < n; j++) {
			if (!strcmp(names[j], usual[i]))
				report->indexes[report->n++] = names[j];
		}
	}
	for (size_t j = 0; j < n; j++) {
		bool first = false;

		for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
			first |= !strcmp(names[j], usual[i]);
		if (report_is_peer(names[j]))
			report->peers[report->npeers++] = names[j];
		else if (!first)
			report->indexes[report->n++] = names[j];
	}
}

/* The whole page, to be freed; NULL: out of memory. */
static char *report_text(struct report *report, size_t *len)
{
	char *text = NULL;

	report->out = open_memstream(&text, len);
	if (!report->out)
		return NULL;
	sort_indexes(report);
	write_report(report);
	if (!fclose(report->out))
		return text;
	free(text);
	return NULL;
}

static int report_refuse(const char *why)
{
	fprintf(stderr, "vmabench report: %s\n", escape_text(why));
	return -1;
}

/* A file of --counts or --worst: it has to have a list of that name. */
static json_t *load_list(const char *path, const char *list)
{
	char why[256];
	json_t *root = results_read(path, why, sizeof(why));
	bool bad = !root || results_check(root, why, sizeof(why));

	if (!bad && json_array_size(json_object_get(root, list)))
		return root;
	if (!bad)
		snprintf(why, sizeof(why), "has no \"%s\"", list);
	fprintf(stderr, "vmabench report: %s: %s\n", escape_text(path), escape_text(why));
	json_decref(root);
	return NULL;
}

/* What the options name: 0, or -1 after a message. */
static int load_given(struct report *report, const struct arguments *arguments)
{
	static struct results scalar;
	char why[256];

	if (arguments->counts && !(report->counts = load_list(arguments->counts, "counts")))
		return -1;
	if (arguments->worst && !(report->worst = load_list(arguments->worst, "worst")))
		return -1;
	if (!arguments->scalar)
		return 0;
	if (!results_load(&scalar, arguments->scalar, why, sizeof(why))) {
		report->scalar = &scalar;
		return 0;
	}
	fprintf(stderr, "vmabench report: %s: %s\n", escape_text(arguments->scalar),
		escape_text(why));
	return -1;
}

static void free_given(struct report *report)
{
	json_decref(report->counts);
	json_decref(report->worst);
	if (report->scalar)
		results_free(report->scalar);
}

/* To a file that is opened already, or to stdout. */
static int save_page(struct report *report, struct outfile *out)
{
	size_t len;
	char *text = report_text(report, &len);
	int bad = 0;

	if (!text) {
		fprintf(stderr, "vmabench report: out of memory\n");
		return -1;
	}
	if (!out)
		fwrite(text, 1, len, stdout);
	else if (outfile_put(out, text, len))
		bad = report_refuse(out->why);
	free(text);
	return bad;
}

int cmd_report(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "[RESULTS.json...]", doc, NULL, NULL, NULL,
	};
	struct arguments arguments = { 0 };
	struct results results;
	struct report report = { .results = &results };
	struct outfile out;
	int bad;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (results_files_load(&arguments.files, &results, argv[0]))
		return STATUS_BAD_INPUT;
	report.plots = arguments.plots;
	bad = results_size(&results) ? load_given(&report, &arguments)
				     : report_refuse("the files have no results");
	if (!bad && arguments.output) {
		bad = outfile_open(&out, arguments.output, 0666) ? report_refuse(out.why)
								 : save_page(&report, &out);
		outfile_close(&out);
	} else if (!bad) {
		bad = save_page(&report, NULL);
	}
	free_given(&report);
	results_free(&results);
	return bad ? STATUS_BAD_INPUT : STATUS_OK;
}
