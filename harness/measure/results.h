/*
 * results - result files: read, checked, summed up, written
 *
 * The fields are described in results/README.md.
 */
#ifndef HARNESS_RESULTS_H
#define HARNESS_RESULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/outfile.h"
#include "base/util.h"

#define RESULTS_SCHEMA 1

/* One case of one index: all its repetitions in a line. CPU time in ns. */
struct result {
	const char *index, *name, *mode, *hash; /* hash: "" for null indexes */
	size_t vmas;
	unsigned repetitions;
	double median, fastest, slowest;
	const json_t *entry; /* one of its repetitions */
};

struct results {
	json_t *root;
	struct result *rows; /* in the order of the file */
	size_t n;
};

/* Of a file: the reference run has 12 MB. */
#define RESULTS_MAX_BYTES (40 << 20)

/* The JSON of a file, a regular one; or NULL and why there is none. */
must_check json_t *results_read(const char *path, char *why, size_t size);
/* Do the lists in it have what results_check.c says?  0, or -1 and what not. */
must_check int results_check(const json_t *root, char *why, size_t size);

/*
 * The results of a file or of root (a reference is taken): 0, or -1 and why it is none.
 */
must_check int results_load(struct results *results, const char *path, char *why, size_t size);
must_check int results_of(struct results *results, json_t *root, char *why, size_t size);
void results_free(struct results *results);

/* Result files that a command line names, all taken as one; without any, RESULTS_DEFAULT. */
#define RESULTS_DEFAULT   "results/bench.json"
#define RESULTS_MAX_FILES 64

struct results_files {
	const char *path[RESULTS_MAX_FILES];
	size_t n;
};

/* -1 if there are too many. */
must_check int results_files_add(struct results_files *files, const char *path);
/* The files as one, with the first one's context: 0, or -1 after a message in who's name. */
must_check int results_files_load(const struct results_files *files, struct results *results,
				  const char *who);

/* Was the run ended before all cases were done (saved.h)? */
bool results_incomplete(const struct results *results);

/* Is it a recorded program's?  Then the case's name goes on behind RESULTS_PROGRAM. */
#define RESULTS_PROGRAM "replay-"
bool results_is_program(const struct result *row);

/* The row, or NULL. */
const struct result *results_find(const struct results *results, const char *index,
				  const char *name, const char *mode, size_t vmas);

/* The names of all indexes that hold something, as they come first in the file; how many. */
size_t results_indexes(const struct results *results, const char **names, size_t max);

/* root as the file's new contents: 0, or -1 and the reason in out->why. */
must_check int results_put(const json_t *root, struct outfile *out);

/* Each case with the median of every index and the ratio to rbtree's; for the terminal. */
void results_table(const struct results *results, FILE *out);

/* ns (any size) or a ratio with three digits that count; into text. */
const char *results_number(double number, char *text, size_t size);

#endif
