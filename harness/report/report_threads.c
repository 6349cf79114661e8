/*
 * report_threads - what several threads at a time do: targets, a table for each workload
 */
#include <string.h>

#include "base/escape.h"
#include "harness/report/report.h"
#include "harness/threads/threads.h"

/* What readers under RCU are to reach beside a writer, and against the old way. */
#define OURS        "maple"
#define OUR_LOCKING "per-vma"
#define OLD         "rbtree"
#define OLD_LOCKING "mmap_lock"
#define VMAS        65536
#define BESIDE      0.9 /* of the rate without the writer */
#define TIMES_OLD   5.0

#define MAX_COUNTS 32 /* numbers of threads in a table */

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "?";
}

static double number_of(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

static const json_t *rows_of(const struct report *report)
{
	return json_object_get(report->results->root, "threads");
}

static const json_t *find_row(const struct report *report, const char *workload, const char *index,
			      const char *locking, double vmas, double threads)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows_of(report), i, row) {
		if (!strcmp(text_of(row, "workload"), workload) &&
		    !strcmp(text_of(row, "index"), index) &&
		    !strcmp(text_of(row, "locking"), locking) && number_of(row, "vmas") == vmas &&
		    number_of(row, "threads") == threads)
			return row;
	}
	return NULL;
}

/* ---- one reader beside one writer ---- */

static const char *verdict(double is, double wanted)
{
	return is >= wanted ? "met" : "**missed**";
}

static void beside_line(const struct report *report, const json_t *beside)
{
	const char *index = text_of(beside, "index"), *locking = text_of(beside, "locking");
	double vmas = number_of(beside, "vmas");
	const json_t *alone =
		find_row(report, text_of(beside, "workload"), index, locking, vmas, 1);
	char rates[3][32];

	if (!alone)
		return;
	fprintf(report->out, "| %s | %s | %s | %.0f | %s | %s | %.2f | %s |\n",
		escape_markdown(text_of(beside, "workload")), escape_markdown(index),
		escape_markdown(locking), vmas,
		results_number(number_of(alone, "rate"), rates[0], 32),
		results_number(number_of(beside, "rate"), rates[1], 32),
		number_of(beside, "rate") / number_of(alone, "rate"),
		results_number(number_of(beside, "writer_rate"), rates[2], 32));
}

static void beside_targets(const struct report *report)
{
	const char *name = "fault-beside-mmap";
	const json_t *ours = find_row(report, name, OURS, OUR_LOCKING, VMAS, 2);
	const json_t *alone = find_row(report, name, OURS, OUR_LOCKING, VMAS, 1);
	const json_t *old = find_row(report, name, OLD, OLD_LOCKING, VMAS, 2);
	double kept, times;

	if (!ours || !alone || !old)
		return;
	kept = number_of(ours, "rate") / number_of(alone, "rate");
	times = number_of(ours, "rate") / number_of(old, "rate");
	fprintf(report->out,
		"\nFaults under " OURS " and " OUR_LOCKING " at %d VMAs keep %.2f of "
		"their rate beside a writer (≥ %g: %s), %.1f times that of " OLD " and " OLD_LOCKING
		" (≥ %g: %s).\n",
		VMAS, kept, BESIDE, verdict(kept, BESIDE), times, TIMES_OLD,
		verdict(times, TIMES_OLD));
}

static void beside(const struct report *report)
{
	bool any = false;
	json_t *row;
	size_t i;

	json_array_foreach(rows_of(report), i, row) {
		if (!json_object_get(row, "writer_rate") || number_of(row, "threads") != 2)
			continue;
		if (!any)
			fputs("\n**One reader, and one writer at full speed**\n\n| workload | "
			      "index | "
			      "locking | VMAs | reader alone, ops/s | beside the writer | ratio | "
			      "writer, ops/s |\n|---|---|---|---:|---:|---:|---:|---:|\n",
			      report->out);
		any = true;
		beside_line(report, row);
	}
	beside_targets(report);
}

/* ---- a table for each workload ---- */

/* The numbers of threads that a workload was run with, rising. */
static size_t counts_of(const struct report *report, const char *workload, double *counts)
{
	size_t n = 0, i;
	json_t *row;

	json_array_foreach(rows_of(report), i, row) {
		double threads = number_of(row, "threads");
		size_t at = 0;

		if (strcmp(text_of(row, "workload"), workload))
			continue;
		while (at < n && counts[at] < threads)
			at++;
		if (n == MAX_COUNTS || (at < n && counts[at] == threads))
			continue;
		memmove(&counts[at + 1], &counts[at], (n++ - at) * sizeof(*counts));
		counts[at] = threads;
	}
	return n;
}

static void head(const struct report *report, const struct threads_workload *workload,
		 const double *counts, size_t n)
{
	fprintf(report->out, "\n**%s**: %s\n\n| index | locking | VMAs |", workload->name,
		workload->summary);
	for (size_t i = 0; i < n; i++)
		fprintf(report->out, " %.0f thread%s, ops/s |", counts[i],
			counts[i] == 1 ? "" : "s");
	fputs(" p50 ns | p99 | p99.9 | max | fallbacks, % | grace periods |\n|---|---|---:|",
	      report->out);
	for (size_t i = 0; i < n + 6; i++)
		fputs("---:|", report->out);
	fputc('\n', report->out);
}

/* Rates with each number of threads; latencies and the rest with the most. */
static void line(const struct report *report, const json_t *first, const double *counts, size_t n)
{
	static const char *const quantiles[] = { "p50", "p99", "p99.9", "max" };
	const json_t *row = NULL, *latency;
	char text[32];

	fprintf(report->out, "| %s | %s | %.0f |", escape_markdown(text_of(first, "index")),
		escape_markdown(text_of(first, "locking")), number_of(first, "vmas"));
	for (size_t i = 0; i < n; i++) {
		const json_t *one =
			find_row(report, text_of(first, "workload"), text_of(first, "index"),
				 text_of(first, "locking"), number_of(first, "vmas"), counts[i]);

		fprintf(report->out, " %s |",
			one ? results_number(number_of(one, "rate"), text, sizeof(text)) : "-");
		row = one ? one : row;
	}
	latency = json_object_get(row, "latency");
	for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++) {
		if (latency)
			fprintf(report->out, " %.0f |", number_of(latency, quantiles[i]));
		else
			fputs(" - |", report->out);
	}
	if (number_of(row, "faults") > 0)
		fprintf(report->out, " %.2f |",
			100 * number_of(row, "fallbacks") / number_of(row, "faults"));
	else
		fputs(" - |", report->out);
	fprintf(report->out, " %.0f |\n", number_of(row, "grace_periods"));
}

static bool first_of_line(const struct report *report, size_t at)
{
	const json_t *row = json_array_get(rows_of(report), at);

	for (size_t i = 0; i < at; i++) {
		const json_t *other = json_array_get(rows_of(report), i);

		if (!strcmp(text_of(row, "workload"), text_of(other, "workload")) &&
		    !strcmp(text_of(row, "index"), text_of(other, "index")) &&
		    !strcmp(text_of(row, "locking"), text_of(other, "locking")) &&
		    number_of(row, "vmas") == number_of(other, "vmas"))
			return false;
	}
	return true;
}

static void table(const struct report *report, const struct threads_workload *workload)
{
	double counts[MAX_COUNTS];
	size_t n = counts_of(report, workload->name, counts);

	if (!n)
		return;
	head(report, workload, counts, n);
	for (size_t i = 0; i < json_array_size(rows_of(report)); i++) {
		const json_t *row = json_array_get(rows_of(report), i);

		if (!strcmp(text_of(row, "workload"), workload->name) && first_of_line(report, i))
			line(report, row, counts, n);
	}
}

/* Recorded programs: workloads that are in no table of ours. */
static void programs(const struct report *report)
{
	const char *last = "";
	json_t *row;
	size_t i;

	json_array_foreach(rows_of(report), i, row) {
		const char *name = text_of(row, "workload");
		struct threads_workload program = {
			.name = name,
			.summary = "events of a recorded program, its tasks distributed over the "
				   "threads",
		};

		if (strncmp(name, RESULTS_PROGRAM, strlen(RESULTS_PROGRAM)) || !strcmp(name, last))
			continue;
		table(report, &program);
		last = name;
	}
}

void report_threads(const struct report *report)
{
	const struct threads_workload *workload;

	if (!json_array_size(rows_of(report)))
		return;
	fputs("\n## Several threads\n\nThreads pinned to processors, a fixed number of operations "
	      "each; operations a second by the wall-clock time, summed over the threads, medians. "
	      "Latencies of single operations are from runs of their own, with the most threads. "
	      "Fallbacks: faults that had to take the lock of the whole address space. Of an index "
	      "alone `rcu` and `rwlock` say how readers go beside the writer; `none` is one thread "
	      "without locks. After each workload the space held what it should.\n",
	      report->out);
	report_plot(report, "threads.svg");
	beside(report);
	for (unsigned i = 0; (workload = threads_workload(i)); i++)
		table(report, workload);
	programs(report);
}
