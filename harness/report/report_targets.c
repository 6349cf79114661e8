/*
 * report_targets - what btree is to reach against its peers, and whether it does
 *
 * All targets are data, here at the top.  A ratio says how many times faster btree is
 * than the other; of a target whose numbers the results do not have nothing is said,
 * but the peers that are missing are named.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "harness/report/report.h"

#define OURS        "btree"
#define KERNEL      "linux-maple"
#define BOUND       "static-stree"
#define HARNESS     "null"
#define KERNEL_VMAS 65536 /* where the kernel's tree is compared: its usual limit */
#define NSIZES      4

/* ---- the targets ---- */

static const size_t sizes[NSIZES] = { 100, 1000, 65536, 1000000 };

static const char *const peers[] = {
	KERNEL, "linux-maple-rcu", "linux-rbtree", "judy", "absl-btree", "critnib", "std-map",
};

static const struct target {
	const char *title, *name, *mode;
	double kernel;        /* times faster than KERNEL at KERNEL_VMAS; 0: no target */
	double best[NSIZES];  /* times faster than the best rival at each size; alike */
	const char *rivals;   /* NULL: all peers */
	const char *obstacle; /* what stands in the way where a target is missed */
} targets[] = {
	{ "find, dependent",
	  "find-dependent",
	  "no-touch",
	  2.5,
	  { 1.7, 1.3, 1.3, 1.0 },
	  NULL,
	  NULL },
	{ "find, independent",
	  "find-independent",
	  "no-touch",
	  7,
	  { 4, 2, 2, 2 },
	  NULL,
	  "a leaf's ends and its pointer are not in the second-level cache; how often is the"
	  " host's matter, and the ratio with it" },
	{ "find, 90 % local",
	  "find-local",
	  "no-touch",
	  3,
	  { 1.2, 1.2, 1.2, 1.2 },
	  NULL,
	  "one find in ten goes anywhere, and waits for its leaf from beyond the"
	  " second-level cache" },
	{ "iterate",
	  "iterate",
	  "no-touch",
	  15,
	  { 1.5, 1.5, 1.5, 1.5 },
	  "absl-btree",
	  "1 ns a VMA from cache; where there are many, leaves come from memory as fast as it"
	  " gives them" },
	{ "churn",
	  "churn",
	  "aged",
	  4,
	  { 1.2, 1.2, 1.2, 1.2 },
	  NULL,
	  "of each move two leaves and the VMA's own line are not in the cache; the rest,"
	  " 1,400 instructions, is not what takes the time" },
	{ "split and merge",
	  "split-merge",
	  "aged",
	  4,
	  { 1.5, 1.5, 1.5, 1.5 },
	  NULL,
	  "in small trees 570 instructions an edit, 4.5 a cycle: only fewer of them would"
	  " help; in large ones the lines of leaf and VMA, waited for" },
	{ "gap up, deep",
	  "gap-up",
	  "deep",
	  4,
	  { 1.5, 1.5, 1.5, 1.5 },
	  "linux-rbtree",
	  "each level waits for a comparison of a whole node, some 7 ns; the way down a small"
	  " binary tree is predicted by the branch predictor" },
	{ "gap down, deep", "gap-down", "deep", 4.5, { 1, 1, 1, 1 }, "linux-rbtree", "as gap up" },
	{ "gap up, first fit",
	  "gap-up",
	  "first",
	  10,
	  { 0.9, 0.9, 0.9, 0.9 },
	  NULL,
	  "8 ns from the call to the answer: a tenth of linux-maple's time is less"
	  " than a call takes; in trees of 100 others walk branches that are predicted" },
	{ "gap down, first fit",
	  "gap-down",
	  "first",
	  10,
	  { 0.9, 0.9, 0.9, 0.9 },
	  NULL,
	  "as gap up" },
	{ "gap up, mapped, unmapped", "gap-up", "changing", 0, { 0 }, NULL, NULL },
	{ "gap down, mapped, unmapped", "gap-down", "changing", 0, { 0 }, NULL, NULL },
	{ "fork",
	  "fork",
	  "bulk",
	  15,
	  { 3, 3, 3, 3 },
	  "linux-rbtree absl-btree",
	  "the copy's nodes are new memory: page faults and misses take longer than the"
	  " copying" },
	{ "bulk build", "build", "bulk", 10, { 1, 1, 1, 1 }, "linux-rbtree absl-btree", NULL },
};

#define BYTES_PER_VMA   20.0 /* aged; and fewer than BYTES_RIVAL has */
#define BYTES_RIVAL     "judy"
#define PROGRAMS_TOTAL  0.4  /* of KERNEL's time, all programs together */
#define PROGRAMS_WORST  0.8  /* and of any one */
#define ORDER_RATIO     2.0  /* of the time of random order */
#define WORST_RATIO     20.0 /* slowest edit to median, in instructions */
#define CALLS_A_SECOND  2e6  /* replayed on one core */
#define FAULTS_A_SECOND 5e6
#define DECODE_SHARE    0.2 /* of the time of decoding and replaying */

bool report_is_peer(const char *index)
{
	bool peer = !strcmp(index, BOUND);

	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		peer |= !strcmp(index, peers[i]);
	return peer;
}

static const char *text(const json_t *entry, const char *key)
{
	const char *value = json_string_value(json_object_get(entry, key));

	return value ? value : "";
}

/* ---- verdicts ---- */

struct tally {
	unsigned targets, met;
};

/* Two cells: what is, in bold if it is not enough, and what is wanted, if anything (not 0). */
static void verdict(const struct report *report, struct tally *tally, double is, double wanted,
		    bool least)
{
	bool met = least ? is >= wanted : is <= wanted;
	const char *bold = met ? "" : "**";

	if (wanted == 0) {
		fprintf(report->out, " %.2f | |", is);
		return;
	}
	tally->targets++;
	tally->met += met;
	fprintf(report->out, " %s%.2f%s | %s %g %s |", bold, is, bold, least ? "≥" : "≤", wanted,
		met ? "met" : "**missed**");
}

static void number_cell(const struct report *report, const struct result *row)
{
	char text[32];

	if (row)
		fprintf(report->out, " %s |", results_number(row->median, text, sizeof(text)));
	else
		fputs(" - |", report->out);
}

static const struct result *find(const struct report *report, const struct target *target,
				 const char *index, size_t vmas)
{
	return results_find(report->results, index, target->name, target->mode, vmas);
}

/* Is the word one of a list that blanks separate?  All are in no list. */
static bool listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	if (!list)
		return true;
	for (const char *at = strstr(list, word); at; at = strstr(at + 1, word)) {
		if ((at == list || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	}
	return false;
}

static const struct result *best_rival(const struct report *report, const struct target *target,
				       size_t vmas)
{
	const struct result *best = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(peers); i++) {
		const struct result *row = listed(target->rivals, peers[i])
						   ? find(report, target, peers[i], vmas)
						   : NULL;

		if (row && (!best || row->median < best->median))
			best = row;
	}
	return best;
}

/* ---- cases ---- */

static void case_line(const struct report *report, const struct target *target, unsigned i,
		      struct tally *tally)
{
	const struct result *ours = find(report, target, OURS, sizes[i]);
	const struct result *kernel = find(report, target, KERNEL, sizes[i]);
	const struct result *rival = best_rival(report, target, sizes[i]);

	if (!ours || !(kernel || rival))
		return;
	fprintf(report->out, "| %s | %zu |", target->title, sizes[i]);
	number_cell(report, ours);
	number_cell(report, find(report, target, BOUND, sizes[i]));
	number_cell(report, kernel);
	if (kernel && sizes[i] == KERNEL_VMAS)
		verdict(report, tally, kernel->median / ours->median, target->kernel, true);
	else
		fprintf(report->out, kernel ? " %.2f | |" : " - | |",
			kernel ? kernel->median / ours->median : 0);
	number_cell(report, rival);
	if (rival) {
		fprintf(report->out, " %s |", escape_markdown(rival->index));
		verdict(report, tally, rival->median / ours->median, target->best[i], true);
	} else {
		fputs(" - | - | |", report->out);
	}
	fputc('\n', report->out);
}

static void obstacle_lines(const struct report *report, const bool missed[])
{
	const char *head = "\nWhat stands in the way of those that were missed, as far as it is "
			   "known:\n\n";

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		if (!missed[i])
			continue;
		fprintf(report->out, "%s- %s: %s\n", head, targets[i].title,
			targets[i].obstacle ? targets[i].obstacle : "not known");
		head = "";
	}
}

static void case_lines(const struct report *report, struct tally *tally)
{
	bool missed[ARRAY_SIZE(targets)] = { false };

	fputs("\nns, medians. Ahead: how many times faster btree is. Bound: a static S-tree, which "
	      "can only be searched.\n\n| case | VMAs | btree | bound | " KERNEL
	      " | ahead | wanted "
	      "| best peer | which | ahead | wanted |\n"
	      "|---|---:|---:|---:|---:|---:|---:|---:|---|---:|---:|\n",
	      report->out);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		unsigned before = tally->targets - tally->met;

		for (unsigned j = 0; j < NSIZES; j++)
			case_line(report, &targets[i], j, tally);
		missed[i] = tally->targets - tally->met > before;
	}
	obstacle_lines(report, missed);
}

/* ---- the same cases with another set of instructions ---- */

static void scalar_line(const struct report *report, const struct report *scalar,
			const struct target *target, size_t vmas)
{
	const struct result *ours = find(scalar, target, OURS, vmas);
	const struct result *others[] = {
		find(scalar, target, KERNEL, vmas),
		best_rival(scalar, target, vmas),
	};

	if (!ours)
		return;
	fprintf(report->out, "| %s | %zu |", target->title, vmas);
	number_cell(report, find(report, target, OURS, vmas));
	number_cell(report, ours);
	number_cell(report, find(scalar, target, BOUND, vmas));
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		number_cell(report, others[i]);
		if (i)
			fprintf(report->out, " %s |",
				others[i] ? escape_markdown(others[i]->index) : "-");
		if (others[i])
			fprintf(report->out, " %.2f |", others[i]->median / ours->median);
		else
			fputs(" - |", report->out);
	}
	fputc('\n', report->out);
}

/* What `bench --simd scalar` has found, if it was run. */
static void scalar_lines(const struct report *report)
{
	struct report scalar = *report;
	const char *simd;

	if (!report->scalar)
		return;
	scalar.results = report->scalar;
	simd = text(json_object_get(report->scalar->root, "context"), "simd");
	fprintf(report->out,
		"\nThe same where btree and the bound search with %s, a run of its own. "
		"Ahead: how many times faster that btree is.\n\n| case | VMAs | btree | btree, %s "
		"| bound, "
		"%s | " KERNEL " | ahead | best peer | which | ahead |\n"
		"|---|---:|---:|---:|---:|---:|---:|---:|---|---:|\n",
		escape_markdown(simd), escape_markdown(simd), escape_markdown(simd));
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		for (unsigned j = 0; j < NSIZES; j++)
			scalar_line(report, &scalar, &targets[i], sizes[j]);
	}
}

/* ---- memory ---- */

static double bytes_of(const struct report *report, const char *index, size_t vmas)
{
	const json_t *memory = json_object_get(report->results->root, "memory");
	json_t *entry;
	size_t i;

	json_array_foreach(memory, i, entry) {
		const char *name = json_string_value(json_object_get(entry, "index"));

		if (name && !strcmp(name, index) &&
		    (size_t)json_integer_value(json_object_get(entry, "vmas")) == vmas)
			return json_number_value(json_object_get(entry, "aged_bytes_per_vma"));
	}
	return NAN;
}

static void bytes_line(const struct report *report, struct tally *tally)
{
	double ours = bytes_of(report, OURS, KERNEL_VMAS);
	double rival = bytes_of(report, BYTES_RIVAL, KERNEL_VMAS);
	double kernel = bytes_of(report, KERNEL, KERNEL_VMAS);

	if (isnan(ours))
		return;
	fprintf(report->out,
		"\n| bytes per VMA, aged, %d VMAs | btree | wanted |\n|---|---:|---:|\n"
		"| at most |",
		KERNEL_VMAS);
	verdict(report, tally, ours, BYTES_PER_VMA, false);
	fputc('\n', report->out);
	if (!isnan(rival)) {
		fprintf(report->out, "| below " BYTES_RIVAL "'s %.1f |", rival);
		verdict(report, tally, ours, round(rival * 100) / 100, false);
		fputc('\n', report->out);
	}
	if (!isnan(kernel))
		fprintf(report->out, "| (" KERNEL " %.1f) | | |\n", kernel);
}

/* ---- recorded programs, by time or by instructions ---- */

/* Sums over the programs that both indexes have been through. */
struct programs {
	size_t n;
	double ours, kernel, harness, worst;
	char worst_name[128];
};

static void programs_add(struct programs *programs, const char *name, double ours, double kernel)
{
	programs->n++;
	programs->ours += ours;
	programs->kernel += kernel;
	if (ours / kernel <= programs->worst)
		return;
	programs->worst = ours / kernel;
	snprintf(programs->worst_name, sizeof(programs->worst_name), "%s",
		 name + strlen(RESULTS_PROGRAM));
}

static struct programs programs_timed(const struct report *report)
{
	struct programs programs = { 0 };

	for (size_t i = 0; i < report->results->n; i++) {
		const struct result *ours = &report->results->rows[i], *kernel;

		if (!results_is_program(ours) || strcmp(ours->index, OURS) ||
		    strcmp(ours->mode, "index"))
			continue;
		kernel = results_find(report->results, KERNEL, ours->name, ours->mode, ours->vmas);
		if (kernel)
			programs_add(&programs, ours->name, ours->median, kernel->median);
	}
	return programs;
}

static struct programs programs_counted(const json_t *counts)
{
	struct programs programs = { 0 };
	json_t *ours, *other;
	size_t i, j;

	json_array_foreach(counts, i, ours) {
		const char *name = text(ours, "case");
		double count = json_number_value(json_object_get(ours, "instructions"));

		if (strcmp(text(ours, "index"), OURS))
			continue;
		json_array_foreach(counts, j, other) {
			double others = json_number_value(json_object_get(other, "instructions"));

			if (strcmp(text(other, "case"), name))
				continue;
			if (!strcmp(text(other, "index"), KERNEL))
				programs_add(&programs, name, count, others);
			else if (!strcmp(text(other, "index"), HARNESS))
				programs.harness += others;
		}
	}
	return programs;
}

static void programs_lines(const struct report *report, const struct programs *programs,
			   const char *what, struct tally *tally)
{
	if (!programs->n)
		return;
	fprintf(report->out, "| %s, all %zu programs |", what, programs->n);
	verdict(report, tally, programs->ours / programs->kernel, PROGRAMS_TOTAL, false);
	fprintf(report->out, "\n| %s, the worst (%s) |", what,
		escape_markdown(programs->worst_name));
	verdict(report, tally, programs->worst, PROGRAMS_WORST, false);
	fputc('\n', report->out);
	if (programs->harness > 0)
		fprintf(report->out,
			"| (%s, all, less the harness's, %.0f %% of btree's) | %.2f | |\n", what,
			100 * programs->harness / programs->ours,
			(programs->ours - programs->harness) /
				(programs->kernel - programs->harness));
}

static void programs_table(const struct report *report, struct tally *tally)
{
	struct programs timed = programs_timed(report);
	struct programs counted = programs_counted(json_object_get(report->counts, "counts"));

	if (timed.n + counted.n)
		fputs("\n| recorded programs, index alone | times " KERNEL " | wanted |\n"
		      "|---|---:|---:|\n",
		      report->out);
	programs_lines(report, &timed, "time", tally);
	programs_lines(report, &counted, "instructions", tally);
}

/* ---- orders and worst cases ---- */

static void orders_table(const struct report *report, struct tally *tally)
{
	static const char *const orders[][4] = {
		/* case and mode, and what it is held to */
		{ "order", "sorted", "order", "random" },
		{ "order", "reverse", "order", "random" },
		{ "order", "sawtooth", "order", "random" },
		{ "split-merge", "repeated", "split-merge", "aged" },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(orders) * NSIZES; i++) {
		const char *const *order = orders[i / NSIZES];
		size_t vmas = sizes[i % NSIZES];
		const struct result *bad =
			results_find(report->results, OURS, order[0], order[1], vmas);
		const struct result *random =
			results_find(report->results, OURS, order[2], order[3], vmas);

		if (!bad || !random)
			continue;
		if (!any)
			fputs("\n| bad orders, btree | VMAs | times random order | wanted |\n"
			      "|---|---:|---:|---:|\n",
			      report->out);
		any = true;
		fprintf(report->out, "| %s/%s | %zu |", order[0], order[1], vmas);
		verdict(report, tally, bad->median / random->median, ORDER_RATIO, false);
		fputc('\n', report->out);
	}
}

/* What `vmabench worst` wrote. */
static void worst_table(const struct report *report, struct tally *tally)
{
	const json_t *all = json_object_get(report->worst, "worst");
	json_t *entry;
	size_t i;

	if (json_array_size(all))
		fputs("\n| single edits, instructions | VMAs | edits | median | slowest | which | "
		      "times the median | wanted |\n|---|---:|---:|---:|---:|---|---:|---:|\n",
		      report->out);
	json_array_foreach(all, i, entry) {
		double median = json_number_value(json_object_get(entry, "median"));
		double slowest = json_number_value(json_object_get(entry, "slowest"));

		fprintf(report->out, "| %s | %lld | %lld | %.0f | %.0f | %s |",
			escape_markdown(text(entry, "index")),
			(long long)json_integer_value(json_object_get(entry, "vmas")),
			(long long)json_integer_value(json_object_get(entry, "edits")), median,
			slowest, escape_markdown(text(entry, "which")));
		if (!strcmp(text(entry, "index"), OURS))
			verdict(report, tally, slowest / median, WORST_RATIO, false);
		else
			fprintf(report->out, " %.2f | |", slowest / median);
		fputc('\n', report->out);
	}
}

/* ---- how fast programs are replayed ---- */

static double sum(const json_t *entries, const char *key)
{
	double all = 0;
	json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
		all += json_number_value(json_object_get(entry, key));
	return all;
}

static void speed_table(const struct report *report, struct tally *tally)
{
	const json_t *speed = json_object_get(report->results->root, "speed");
	double decode = sum(speed, "decode_seconds");

	if (!json_array_size(speed))
		return;
	fprintf(report->out,
		"\n| replay of all %zu programs, one core | is | wanted |\n"
		"|---|---:|---:|\n| million calls of memory a second |",
		json_array_size(speed));
	verdict(report, tally, sum(speed, "calls") / sum(speed, "call_seconds") / 1e6,
		CALLS_A_SECOND / 1e6, true);
	fputs("\n| million faults a second |", report->out);
	verdict(report, tally, sum(speed, "faults") / sum(speed, "fault_seconds") / 1e6,
		FAULTS_A_SECOND / 1e6, true);
	fputs("\n| decoding, share of all |", report->out);
	verdict(report, tally, decode / (decode + sum(speed, "replay_seconds")), DECODE_SHARE,
		false);
	fputc('\n', report->out);
}

/* ---- all of it ---- */

/* The peers that the results do not have, and how to get them. */
static void missing(const struct report *report)
{
	bool any = false;

	for (size_t i = 0; i <= ARRAY_SIZE(peers); i++) {
		const char *peer = i < ARRAY_SIZE(peers) ? peers[i] : BOUND;
		size_t j = 0;

		while (j < report->npeers && strcmp(report->peers[j], peer))
			j++;
		if (j < report->npeers)
			continue;
		fprintf(report->out, any ? ", %s" : "\nNot in these results: %s", peer);
		any = true;
	}
	if (any)
		fputs(". `make peers` installs what they are built from; `vmabench list` names "
		      "those that are not built.\n",
		      report->out);
}

void report_targets(const struct report *report)
{
	struct tally tally = { 0 };

	fputs("\n## btree against its peers, and its targets\n", report->out);
	missing(report);
	if (report->npeers)
		case_lines(report, &tally);
	scalar_lines(report);
	bytes_line(report, &tally);
	programs_table(report, &tally);
	orders_table(report, &tally);
	worst_table(report, &tally);
	speed_table(report, &tally);
	fprintf(report->out, "\nTargets met: %u of the %u that these results tell of.\n", tally.met,
		tally.targets);
}
