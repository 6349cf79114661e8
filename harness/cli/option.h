/*
 * option - arguments of command-line options that several verbs take
 */
#ifndef HARNESS_OPTION_H
#define HARNESS_OPTION_H

#include <argp.h>
#include <stdint.h>

#include "harness/measure/index_list.h"
#include "mm/mm.h"

/*
 * The whole number that an option ("--ops") is given, decimal, or hexadecimal behind 0x: lo to hi.
 * Anything else, blanks and signs too, ends the program with a usage error, and so it does below.
 */
uint64_t option_number(struct argp_state *state, const char *option, const char *text, uint64_t lo,
		       uint64_t hi);

/* A time in seconds, above 0 and at most max. */
double option_seconds(struct argp_state *state, const char *option, const char *text, double max);

/* The folder of an option, or the file, can be read. */
void option_folder(struct argp_state *state, const char *option, const char *path);
void option_file(struct argp_state *state, const char *option, const char *path);

/* The argument of --levels, 4 or 5. */
unsigned option_levels(struct argp_state *state, const char *text);

/* The argument of --thp. */
enum thp option_thp(struct argp_state *state, const char *name);

/*
 * --index, --simd and --plugin, a child of a verb's argp, which has to set its
 * child_inputs[0] to a struct index_list at ARGP_KEY_INIT:
 *
 *	.children = option_index_children
 *
 * The list is there when argp_parse() is through, empty if nothing was named;
 * only then do all indexes exist.
 */
extern const struct argp_child option_index_children[];

/* --plugin alone; needs no input. */
extern const struct argp_child option_plugin_children[];

/*
 * --memory alone, what replays may take; needs no input. With all of --index:
 * option_replay_children.
 */
extern const struct argp_child option_memory_children[];
extern const struct argp_child option_replay_children[];

/* What --placement, --merge, --locking and --find-cache name. */
const struct placement_policy *option_placement(struct argp_state *state, const char *name);
const struct merge_rule *option_merge(struct argp_state *state, const char *name);
const struct mm_locking *option_locking(struct argp_state *state, const char *name);
const struct find_cache *option_find_cache(struct argp_state *state, const char *name);

#endif
