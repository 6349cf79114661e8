/*
 * results - result files (see results.h)
 */
#include "harness/measure/results.h"
#include "base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_REPETITIONS 1000
#define LONGEST         1e18 /* ns */

/* ---- reading ---- */

static const char *text_field(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));

	return text ? text : "";
}

static double nanoseconds(const json_t *entry)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1e3 },
		{ "ms", 1e6 },
		{ "s", 1e9 },
	};
	double time = json_number_value(json_object_get(entry, "cpu_time"));

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!strcmp(text_field(entry, "time_unit"), units[i].unit))
			return time * units[i].ns;
	}
	return NAN;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sums up the repetitions of one run, which stand together in the file. */
static void sum_up(struct result *row, double *times, unsigned n)
{
	qsort(times, n, sizeof(*times), compare_doubles);
	row->repetitions = n;
	row->fastest = times[0];
	row->slowest = times[n - 1];
	row->median = n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

/* Whether entry can be used; if not, why. */
static bool entry_good(const json_t *entry, char *why, size_t size)
{
	static const char *const wanted[] = { "run_name", "index", "case", "mode", "time_unit" };

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (*text_field(entry, wanted[i]))
			continue;
		snprintf(why, size, "a benchmark has no field \"%s\": not written by vmabench",
			 wanted[i]);
		return false;
	}
	if (!json_is_integer(json_object_get(entry, "vmas")) ||
	    !json_is_number(json_object_get(entry, "cpu_time"))) {
		snprintf(why, size, "%.100s: no vmas or no cpu_time",
			 text_field(entry, "run_name"));
		return false;
	}
	if (!(nanoseconds(entry) > 0 && nanoseconds(entry) <= LONGEST)) {
		snprintf(why, size, "%.100s: \"cpu_time\" is not a time above 0",
			 text_field(entry, "run_name"));
		return false;
	}
	return true;
}

static int read_rows(struct results *results, const json_t *benchmarks, char *why, size_t size)
{
	double times[MAX_REPETITIONS];
	const char *run = NULL;
	unsigned n = 0;
	json_t *entry;
	size_t i;

	json_array_foreach(benchmarks, i, entry) {
		struct result *row = &results->rows[results->n - (run != NULL)];

		if (strcmp(text_field(entry, "run_type"), "iteration"))
			continue;
		if (!entry_good(entry, why, size))
			return -1;
		if (!run || strcmp(run, text_field(entry, "run_name"))) {
			row = &results->rows[results->n++];
			run = text_field(entry, "run_name");
			n = 0;
			*row = (struct result){
				.index = text_field(entry, "index"),
				.name = text_field(entry, "case"),
				.mode = text_field(entry, "mode"),
				.hash = text_field(entry, "hash"),
				.vmas = json_integer_value(json_object_get(entry, "vmas")),
				.entry = entry,
			};
		}
		if (n < MAX_REPETITIONS)
			times[n++] = nanoseconds(entry);
		sum_up(row, times, n);
	}
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct result *x = *(const struct result *const *)a;
	const struct result *y = *(const struct result *const *)b;
	int order = strcmp(x->index, y->index);

	order = order ? order : strcmp(x->name, y->name);
	order = order ? order : strcmp(x->mode, y->mode);
	return order ? order : (x->vmas > y->vmas) - (x->vmas < y->vmas);
}

/* No case is there twice: which of the two counts?  Two files may have the same one. */
static int check_twice(const struct results *results, char *why, size_t size)
{
	const struct result **sorted = calloc(results->n + 1, sizeof(*sorted));
	int bad = 0;

	for (size_t i = 0; sorted && i < results->n; i++)
		sorted[i] = &results->rows[i];
	if (sorted)
		qsort(sorted, results->n, sizeof(*sorted), compare_rows);
	for (size_t i = 1; sorted && i < results->n && !bad; i++) {
		if (compare_rows(&sorted[i - 1], &sorted[i]))
			continue;
		snprintf(why, size, "%.60s/%.60s/%zu/%.60s is there twice", sorted[i]->name,
			 sorted[i]->mode, sorted[i]->vmas, sorted[i]->index);
		bad = -1;
	}
	free(sorted);
	return bad;
}

int results_of(struct results *results, json_t *root, char *why, size_t size)
{
	const json_t *benchmarks = json_object_get(root, "benchmarks");
	const json_t *schema = json_object_get(root, "schema");

	*results = (struct results){ 0 };
	if (!json_is_array(benchmarks) || !json_is_object(json_object_get(root, "context"))) {
		snprintf(why, size, "no \"context\" and \"benchmarks\": not a result file");
		return -1;
	}
	if (json_integer_value(schema) != RESULTS_SCHEMA) {
		snprintf(why, size, "schema %d, but this program knows %d",
			 (int)json_integer_value(schema), RESULTS_SCHEMA);
		return -1;
	}
	if (results_check(root, why, size))
		return -1;
	results->root = json_incref(root);
	results->rows = calloc(json_array_size(benchmarks) + 1, sizeof(*results->rows));
	if (!results->rows) {
		snprintf(why, size, "out of memory");
		results_free(results);
		return -1;
	}
	if (read_rows(results, benchmarks, why, size) || check_twice(results, why, size)) {
		results_free(results);
		return -1;
	}
	return 0;
}

/* The file, if it is one that ends and never blocks; or NULL and why. */
static FILE *open_regular(const char *path, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0) {
		snprintf(why, size, "cannot open: %s", strerror(errno));
		return NULL;
	}
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= RESULTS_MAX_BYTES)
		return fdopen(fd, "r");
	snprintf(why, size,
		 !S_ISREG(st.st_mode) ? "not a regular file" : "larger than any results");
	close(fd);
	return NULL;
}

json_t *results_read(const char *path, char *why, size_t size)
{
	FILE *file = open_regular(path, why, size);
	json_error_t error;
	json_t *root;

	if (!file)
		return NULL;
	root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	fclose(file);
	if (!root)
		snprintf(why, size, "line %d: %s", error.line, error.text);
	return root;
}

int results_load(struct results *results, const char *path, char *why, size_t size)
{
	json_t *root = results_read(path, why, size);
	int bad;

	*results = (struct results){ 0 };
	if (!root)
		return -1;
	bad = results_of(results, root, why, size);
	json_decref(root);
	return bad;
}

void results_free(struct results *results)
{
	free(results->rows);
	json_decref(results->root);
	*results = (struct results){ 0 };
}

const struct result *results_find(const struct results *results, const char *index,
				  const char *name, const char *mode, size_t vmas)
{
	for (size_t i = 0; i < results->n; i++) {
		const struct result *row = &results->rows[i];

		if (row->vmas == vmas && !strcmp(row->index, index) && !strcmp(row->name, name) &&
		    !strcmp(row->mode, mode))
			return row;
	}
	return NULL;
}

bool results_incomplete(const struct results *results)
{
	return json_object_get(results->root, "incomplete") != NULL;
}

bool results_is_program(const struct result *row)
{
	return !strncmp(row->name, RESULTS_PROGRAM, strlen(RESULTS_PROGRAM));
}

int results_files_add(struct results_files *files, const char *path)
{
	if (files->n == RESULTS_MAX_FILES)
		return -1;
	files->path[files->n++] = path;
	return 0;
}

/* What more says is added to all. */
static void extend(json_t *all, const json_t *more)
{
	static const char *const lists[] = { "benchmarks", "memory", "speed", "threads",   "parts",
					     "skipped",    "failed", "notes", "incomplete" };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		json_t *to = json_object_get(all, lists[i]);
		json_t *from = json_object_get(more, lists[i]);

		if (to)
			json_array_extend(to, from);
		else if (from)
			json_object_set(all, lists[i], from);
	}
}

int results_files_load(const struct results_files *files, struct results *results, const char *who)
{
	static const struct results_files usual = { { RESULTS_DEFAULT }, 1 };
	json_t *all = NULL;
	char why[256];
	int bad = 0;

	files = files->n ? files : &usual;
	for (size_t i = 0; i < files->n; i++) {
		if (results_load(results, files->path[i], why, sizeof(why))) {
			fprintf(stderr, "%s: %s: %s\n", who, escape_text(files->path[i]),
				escape_text(why));
			json_decref(all);
			return -1;
		}
		if (results_incomplete(results))
			fprintf(stderr, "%s: %s: is incomplete: --resume of its run goes on\n", who,
				files->path[i]);
		if (all)
			extend(all, results->root);
		else
			all = json_incref(results->root);
		results_free(results);
	}
	bad = results_of(results, all, why, sizeof(why));
	if (bad)
		fprintf(stderr, "%s: %s\n", who, escape_text(why));
	json_decref(all);
	return bad;
}

size_t results_indexes(const struct results *results, const char **names, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < results->n; i++) {
		const struct result *row = &results->rows[i];
		size_t j = 0;

		while (j < n && strcmp(names[j], row->index))
			j++;
		if (j == n && n < max && *row->hash)
			names[n++] = row->index;
	}
	return n;
}

/* ---- writing ---- */

int results_put(const json_t *root, struct outfile *out)
{
	char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	int bad;

	if (!text) {
		snprintf(out->why, sizeof(out->why), "out of memory");
		return -1;
	}
	bad = outfile_begin(out) || outfile_write(out, text, strlen(text)) ||
	      outfile_write(out, "\n", 1) || outfile_commit(out);
	if (bad)
		outfile_abandon(out);
	free(text);
	return bad ? -1 : 0;
}

/* ---- for people ---- */

const char *results_number(double number, char *text, size_t size)
{
	if (!isfinite(number))
		snprintf(text, size, "-");
	else if (number >= 1e9)
		snprintf(text, size, "%.3gG", number / 1e9);
	else if (number >= 1e6)
		snprintf(text, size, "%.*fM", number < 1e7 ? 2 : number < 1e8, number / 1e6);
	else if (number >= 1e4)
		snprintf(text, size, "%.*fk", number < 1e5 ? 1 : 0, number / 1e3);
	else
		snprintf(text, size, "%.*f", number < 10 ? 2 : number < 100 ? 1 : 0, number);
	return text;
}

/* Are they in one table?  Recorded programs are, by mode. */
static bool same_table(const struct result *a, const struct result *b)
{
	return !strcmp(a->mode, b->mode) &&
	       (!strcmp(a->name, b->name) || (results_is_program(a) && results_is_program(b)));
}

static bool same_line(const struct result *a, const struct result *b)
{
	return a->vmas == b->vmas && !strcmp(a->name, b->name) && !strcmp(a->mode, b->mode);
}

static void table_head(const struct result *first, const char **indexes, size_t nindexes, FILE *out)
{
	bool program = results_is_program(first);

	fprintf(out, "\n%s/%s: ns per %s\n",
		program ? "recorded programs" : escape_text(first->name), escape_text(first->mode),
		program ? "whole program" : "operation");
	fprintf(out, "%22s", program ? "program, peak VMAs" : "VMAs");
	for (size_t i = 0; i < nindexes; i++)
		fprintf(out, " %14s",
			strcmp(indexes[i], "null") ? escape_text(indexes[i]) : "(harness)");
	fputc('\n', out);
}

static void table_line(const struct results *results, const struct result *first,
		       const char **indexes, size_t nindexes, FILE *out)
{
	const struct result *base =
		results_find(results, "rbtree", first->name, first->mode, first->vmas);
	size_t skip = results_is_program(first) ? strlen(RESULTS_PROGRAM) : strlen(first->name);
	char text[32], cell[64];

	fprintf(out, "%-15s%7zu", escape_text(first->name + skip), first->vmas);
	for (size_t i = 0; i < nindexes; i++) {
		const struct result *row =
			results_find(results, indexes[i], first->name, first->mode, first->vmas);

		if (row)
			results_number(row->median, text, sizeof(text));
		if (!row)
			snprintf(cell, sizeof(cell), "-");
		else if (!base || !*row->hash)
			snprintf(cell, sizeof(cell), "%s", text);
		else
			snprintf(cell, sizeof(cell), "%s %5.2fx", text, row->median / base->median);
		fprintf(out, " %14s", cell);
	}
	fputc('\n', out);
}

/* The table that begins with row i. */
static void table(const struct results *results, size_t i, const char **indexes, size_t nindexes,
		  FILE *out)
{
	const struct result *first = &results->rows[i];

	table_head(first, indexes, nindexes, out);
	for (size_t j = i; j < results->n; j++) {
		const struct result *row = &results->rows[j];
		size_t before = i;

		while (before < j && !same_line(&results->rows[before], row))
			before++;
		if (before == j && same_table(first, row))
			table_line(results, row, indexes, nindexes, out);
	}
}

void results_table(const struct results *results, FILE *out)
{
	const char *indexes[64];
	size_t nindexes = results_indexes(results, indexes, ARRAY_SIZE(indexes) - 1);

	indexes[nindexes++] = "null";
	fprintf(out, "\nCPU time, median, and times rbtree's\n");
	for (size_t i = 0; i < results->n; i++) {
		size_t before = 0;

		while (before < i && !same_table(&results->rows[before], &results->rows[i]))
			before++;
		if (before == i)
			table(results, i, indexes, nindexes, out);
	}
}
