/*
 * vmabench plot - draws the plots of result files
 *
 *	results ──> data ──> gnuplot, for each script ──> NAME.svg      in a private folder of OUT
 *	                                                     │
 *	                        OUT/data, OUT/NAME.svg <─────┘          each as base/outfile.h says
 *
 * So what is drawn comes from these results alone, and nothing of OUT is removed.
 */
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/escape.h"
#include "harness/cli/place.h"
#include "harness/measure/results.h"
#include "harness/cli/verb.h"

#define MAX_INDEXES 32

static const char doc[] =
	"Draws the plots of result files (results/bench.json): gnuplot runs each script "
	"SCRIPTS/*.gp; "
	"OUT gets the plots, and in OUT/data the numbers that they are drawn from.\v"
	"Exit status: 0, or 2 where a file cannot be read or written or gnuplot fails.";

static const struct argp_option options[] = {
	{ "output", 'o', "OUT", 0, "the folder that gets the plots, made if it is missing", 0 },
	{ "dir", 'd', "SCRIPTS", 0, "where the scripts are (those of this program)", 0 },
	{ 0 }
};

struct arguments {
	const char *dir, *output;
	struct results_files files;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'd':
		arguments->dir = arg;
		return 0;
	case 'o':
		arguments->output = arg;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->output)
			argp_error(state, "missing -o OUT, the folder that gets the plots");
		return 0;
	case ARGP_KEY_ARG:
		if (results_files_add(&arguments->files, arg))
			argp_error(state, "too many files");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* What is drawn: the indexes, but for those that hold nothing. */
struct plot {
	const struct results *results;
	const char *scripts, *output;
	char *work; /* the private folder */
	const char *indexes[MAX_INDEXES];
	size_t n;
};

static FILE *open_data(const struct plot *plot, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static FILE *open_data(const struct plot *plot, const char *format, ...)
{
	char name[256], path[4096];
	va_list args;
	FILE *file;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	snprintf(path, sizeof(path), "%s/data/%s", plot->work, name);
	file = fopen(path, "w");
	if (!file)
		fprintf(stderr, "vmabench plot: %s: %s\n", path, strerror(errno));
	return file;
}

static int write_indexes(const struct plot *plot, size_t nprograms)
{
	FILE *file = open_data(plot, "indexes.gp");

	if (!file)
		return -1;
	fprintf(file, "n = %zu\nrows = %zu\nnames = '", plot->n, nprograms);
	for (size_t i = 0; i < plot->n; i++)
		fprintf(file, "%s%s", i ? " " : "", escape_gnuplot(plot->indexes[i]));
	fputs("'\n", file);
	return fclose(file);
}

/* A block of lines for each index, of the rows of one case in their order. */
static int write_case(const struct plot *plot, const struct result *first)
{
	FILE *file = open_data(plot, "%s-%s.dat", escape_gnuplot(first->name),
			       escape_gnuplot(first->mode));

	if (!file)
		return -1;
	for (size_t i = 0; i < plot->n; i++) {
		size_t lines = 0;

		for (size_t j = 0; j < plot->results->n; j++) {
			const struct result *row = &plot->results->rows[j];

			if (strcmp(row->index, plot->indexes[i]) ||
			    strcmp(row->name, first->name) || strcmp(row->mode, first->mode))
				continue;
			fprintf(file, "%zu %g %g %g\n", row->vmas, row->median, row->fastest,
				row->slowest);
			lines++;
		}
		fputs(lines ? "\n\n" : "NaN NaN NaN NaN\n\n\n", file);
	}
	return fclose(file);
}

static int write_cases(const struct plot *plot)
{
	for (size_t i = 0; i < plot->results->n; i++) {
		const struct result *row = &plot->results->rows[i];
		size_t same = 0;

		while (same < i && (strcmp(plot->results->rows[same].name, row->name) ||
				    strcmp(plot->results->rows[same].mode, row->mode)))
			same++;
		if (same == i && !results_is_program(row) && write_case(plot, row))
			return -1;
	}
	return 0;
}

static int write_memory(const struct plot *plot)
{
	const json_t *memory = json_object_get(plot->results->root, "memory");
	FILE *file;

	if (!json_array_size(memory))
		return 0;
	file = open_data(plot, "memory.dat");
	if (!file)
		return -1;
	for (size_t i = 0; i < plot->n; i++) {
		size_t lines = 0, j;
		json_t *entry;

		json_array_foreach(memory, j, entry) {
			const json_t *index = json_object_get(entry, "index");

			if (!index || strcmp(json_string_value(index), plot->indexes[i]))
				continue;
			fprintf(file, "%lld %g %g\n",
				(long long)json_integer_value(json_object_get(entry, "vmas")),
				json_number_value(json_object_get(entry, "fresh_bytes_per_vma")),
				json_number_value(json_object_get(entry, "aged_bytes_per_vma")));
			lines++;
		}
		fputs(lines ? "\n\n" : "NaN NaN NaN\n\n\n", file);
	}
	return fclose(file);
}

/* ---- several threads: a curve for each index and locking ---- */

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
	return !strcmp(text_of(a, key), text_of(b, key));
}

/* Rows of an address space; those of an index alone have no faults. */
static bool same_curve(const json_t *a, const json_t *b)
{
	return json_object_get(a, "faults") && json_object_get(b, "faults") &&
	       same_text(a, b, "index") && same_text(a, b, "locking");
}

/* Of the largest number of VMAs: threads, rate; one that has none there is not drawn. */
static void write_curve(FILE *file, const json_t *rows, const json_t *curve, const json_t *workload)
{
	json_int_t vmas = 0;
	size_t lines = 0, i;
	json_t *row;

	json_array_foreach(rows, i, row)
		vmas = max(vmas, json_integer_value(json_object_get(row, "vmas")));
	json_array_foreach(rows, i, row) {
		if (!same_curve(row, curve) || !same_text(row, workload, "workload") ||
		    json_integer_value(json_object_get(row, "vmas")) != vmas)
			continue;
		fprintf(file, "%lld %g\n",
			(long long)json_integer_value(json_object_get(row, "threads")),
			json_number_value(json_object_get(row, "rate")));
		lines++;
	}
	fputs(lines ? "\n\n" : "NaN NaN\n\n\n", file);
}

/* Is it the first of the rows that are the same?  What is not even like itself is not. */
static bool first_row(const json_t *rows, size_t i, bool (*same)(const json_t *a, const json_t *b))
{
	size_t first = 0;

	while (first < i && !same(json_array_get(rows, first), json_array_get(rows, i)))
		first++;
	return first == i && same(json_array_get(rows, i), json_array_get(rows, i));
}

static bool same_workload(const json_t *a, const json_t *b)
{
	return json_object_get(a, "faults") && same_text(a, b, "workload");
}

static int write_workload(const struct plot *plot, const json_t *rows, const json_t *workload)
{
	FILE *file =
		open_data(plot, "threads-%s.dat", escape_gnuplot(text_of(workload, "workload")));

	for (size_t i = 0; file && i < json_array_size(rows); i++) {
		if (first_row(rows, i, same_curve))
			write_curve(file, rows, json_array_get(rows, i), workload);
	}
	return file ? fclose(file) : -1;
}

/* The names of the curves, and a file of data for each workload. */
static int write_threads(const struct plot *plot)
{
	const json_t *rows = json_object_get(plot->results->root, "threads");
	FILE *file = json_array_size(rows) ? open_data(plot, "threads.gp") : NULL;
	json_t *row;
	size_t i;

	if (!file)
		return json_array_size(rows) ? -1 : 0;
	fputs("curves = '", file);
	json_array_foreach(rows, i, row) {
		if (first_row(rows, i, same_curve))
			fprintf(file, "%s/%s ", escape_gnuplot(text_of(row, "index")),
				escape_gnuplot(text_of(row, "locking")));
	}
	fputs("'\n", file);
	if (fclose(file))
		return -1;
	json_array_foreach(rows, i, row) {
		if (first_row(rows, i, same_workload) && write_workload(plot, rows, row))
			return -1;
	}
	return 0;
}

static int by_vmas(const void *a, const void *b)
{
	const struct result *x = *(const struct result *const *)a;
	const struct result *y = *(const struct result *const *)b;

	return (x->vmas > y->vmas) - (x->vmas < y->vmas);
}

/* rbtree's rows of recorded programs, by their VMAs; to be freed. */
static const struct result **programs(const struct plot *plot, size_t *n)
{
	const struct result **rows = calloc(plot->results->n + 1, sizeof(*rows));

	*n = 0;
	for (size_t i = 0; rows && i < plot->results->n; i++) {
		const struct result *row = &plot->results->rows[i];

		if (results_is_program(row) && !strcmp(row->mode, "index") &&
		    !strcmp(row->index, "rbtree"))
			rows[(*n)++] = row;
	}
	if (rows)
		qsort(rows, *n, sizeof(*rows), by_vmas);
	return rows;
}

/* A line for each program: its name and every index's time as a multiple of rbtree's. */
static int write_programs(const struct plot *plot, size_t *n)
{
	const struct result **rows = programs(plot, n);
	FILE *file = rows && *n ? open_data(plot, "programs.dat") : NULL;

	for (size_t i = 0; file && i < *n; i++) {
		const struct result *base = rows[i];

		fprintf(file, "\"%s  %zu\"", escape_gnuplot(base->name + strlen(RESULTS_PROGRAM)),
			base->vmas);
		for (size_t j = 0; j < plot->n; j++) {
			const struct result *row = results_find(plot->results, plot->indexes[j],
								base->name, base->mode, base->vmas);

			fprintf(file, row ? " %g" : " NaN", row ? row->median / base->median : 0);
		}
		fputc('\n', file);
	}
	free(rows);
	return file ? fclose(file) : *n ? -1 : 0;
}

/* A head that names the parts; a line for each program, its times as multiples of the whole. */
static int write_parts(const struct plot *plot)
{
	const json_t *parts = json_object_get(plot->results->root, "parts");
	const char *first = text_of(json_array_get(parts, 0), "case"), *last = "";
	FILE *file = json_array_size(parts) ? open_data(plot, "parts.dat") : NULL;
	json_t *entry;
	size_t i;

	if (!file)
		return json_array_size(parts) ? -1 : 0;
	fputs("program", file);
	json_array_foreach(parts, i, entry) {
		if (!strcmp(text_of(entry, "case"), first))
			fprintf(file, " %s", escape_gnuplot(text_of(entry, "part")));
	}
	json_array_foreach(parts, i, entry) {
		const char *name = text_of(entry, "case");

		if (strcmp(name, last))
			fprintf(file, "\n\"%s\"", escape_gnuplot(name + strcspn(name, "-")) + 1);
		last = name;
		fprintf(file, " %g", json_number_value(json_object_get(entry, "ratio")));
	}
	fputc('\n', file);
	return fclose(file);
}

static int refuse(const char *path, const char *why)
{
	fprintf(stderr, "vmabench plot: %s: %s\n", escape_text(path), escape_text(why));
	return -1;
}

static int make_dir(const char *path)
{
	return mkdir(path, 0777) && errno != EEXIST ? refuse(path, strerror(errno)) : 0;
}

static int write_data(struct plot *plot)
{
	size_t nprograms = 0;
	char path[4096];

	snprintf(path, sizeof(path), "%s/data", plot->work);
	if (make_dir(path))
		return -1;
	if (!write_cases(plot) && !write_memory(plot) && !write_programs(plot, &nprograms) &&
	    !write_threads(plot) && !write_parts(plot) && !write_indexes(plot, nprograms))
		return 0;
	return refuse(path, strerror(errno));
}

/* The first file of data that the script needs and that is not there; "" if all are. */
static const char *missing(const struct plot *plot, const char *script, char *name, size_t size)
{
	FILE *file = fopen(script, "r");
	char line[1024] = "", path[4096];
	bool found = true;

	while (file && fgets(line, sizeof(line), file) && strncmp(line, "# needs:", 8))
		line[0] = 0;
	if (file)
		fclose(file);
	for (char *word = strtok(line[0] ? line + 8 : line, " \n"); word && found;
	     word = strtok(NULL, " \n")) {
		snprintf(path, sizeof(path), "%s/data/%s.dat", plot->work, word);
		found = !access(path, R_OK);
		snprintf(name, size, "%s", found ? "" : word);
	}
	return name;
}

/* In the private folder; what a script loads by its name alone is found among the scripts. */
static int run_gnuplot(const struct plot *plot, const char *script)
{
	char *scripts = realpath(plot->scripts, NULL), *full = realpath(script, NULL);
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = scripts && full ? fork() : -1;
	if (!child) {
		setenv("GNUPLOT_LIB", scripts, 1);
		if (!chdir(plot->work))
			execlp("gnuplot", "gnuplot", full, (char *)NULL);
		fprintf(stderr, "vmabench plot: gnuplot: %s (package gnuplot-nox)\n",
			strerror(errno));
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		refuse("gnuplot", strerror(errno));
	else if (status)
		refuse(script, "gnuplot could not draw it");
	free(scripts);
	free(full);
	return status ? -1 : 0;
}

static int draw(const struct plot *plot)
{
	char pattern[4096];
	glob_t found;
	int bad = 0;

	snprintf(pattern, sizeof(pattern), "%s/*.gp", plot->scripts);
	if (glob(pattern, 0, NULL, &found))
		return refuse(plot->scripts, "no scripts there");
	for (size_t i = 0; i < found.gl_pathc && !bad; i++) {
		const char *script = strrchr(found.gl_pathv[i], '/') + 1;
		char name[128] = "";

		if (!strcmp(script, "style.gp"))
			continue;
		if (*missing(plot, found.gl_pathv[i], name, sizeof(name)))
			printf("not drawn: %s: the results have no %s\n", script, name);
		else
			bad = run_gnuplot(plot, found.gl_pathv[i]);
	}
	globfree(&found);
	return bad;
}

/* ---- what is kept ---- */

/* The file's contents, to be freed; NULL: errno says why. */
static char *contents(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	struct stat st;

	if (!file)
		return NULL;
	if (!fstat(fileno(file), &st) && (text = malloc((size_t)st.st_size + 1)))
		*len = fread(text, 1, (size_t)st.st_size, file);
	fclose(file);
	return text;
}

/* The file from becomes to: 0, or -1 after a message. */
static int keep(const char *from, const char *to)
{
	char why[256];
	size_t len;
	char *text = contents(from, &len);
	int bad;

	if (!text)
		return refuse(from, strerror(errno));
	bad = outfile_save(to, text, len, why, sizeof(why));
	if (bad)
		fprintf(stderr, "vmabench plot: %s\n", escape_text(why));
	free(text);
	return bad;
}

/* All files of that pattern in the private folder, into the same folder of OUT. */
static int keep_all(const struct plot *plot, const char *pattern, const char *told)
{
	char path[4096];
	glob_t found;
	int bad = 0;

	snprintf(path, sizeof(path), "%s/%s", plot->work, pattern);
	if (glob(path, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && !bad; i++) {
		const char *name = found.gl_pathv[i] + strlen(plot->work) + 1;

		snprintf(path, sizeof(path), "%s/%s", plot->output, name);
		bad = keep(found.gl_pathv[i], path);
		if (!bad && told)
			printf("%s: %s\n", told, escape_text(path));
	}
	globfree(&found);
	return bad;
}

static int keep_plots(const struct plot *plot)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/data", plot->output);
	return make_dir(path) || keep_all(plot, "data/*", NULL) || keep_all(plot, "*.*", "drawn");
}

/* Everything, in a folder that is gone afterwards. */
static int make_plots(struct plot *plot)
{
	char why[256];
	int lock, bad;

	if (make_dir(plot->output))
		return -1;
	plot->work = outfile_make_folder(plot->output, &lock, why, sizeof(why));
	if (!plot->work) {
		fprintf(stderr, "vmabench plot: %s\n", escape_text(why));
		return -1;
	}
	bad = write_data(plot) || draw(plot) || keep_plots(plot);
	outfile_remove_folder(plot->work, lock);
	return bad;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int cmd_plot(int argc, char **argv)
{
	static const struct argp argp = {
		options, parse, "[RESULTS.json...]", doc, NULL, NULL, NULL,
	};
	struct arguments arguments = { .dir = place_of("plots") };
	struct results results;
	struct plot plot = { .results = &results };
	int bad;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (results_files_load(&arguments.files, &results, argv[0]))
		return STATUS_BAD_INPUT;
	plot.scripts = arguments.dir;
	plot.output = arguments.output;
	plot.n = results_indexes(&results, plot.indexes, MAX_INDEXES);
	qsort(plot.indexes, plot.n, sizeof(plot.indexes[0]), by_name);
	bad = !plot.n && !json_array_size(json_object_get(results.root, "parts"));
	if (bad)
		fprintf(stderr, "vmabench plot: the results have no times\n");
	if (!bad)
		bad = make_plots(&plot);
	results_free(&results);
	return bad ? STATUS_BAD_INPUT : STATUS_OK;
}
