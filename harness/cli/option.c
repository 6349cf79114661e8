/*
 * option - arguments of command-line options (see option.h)
 */
#include "harness/cli/option.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/replay/replay.h"
#include "harness/cli/verb.h"
#include "indexes/btree/simd.h"

uint64_t option_number(struct argp_state *state, const char *option, const char *text, uint64_t lo,
		       uint64_t hi)
{
	bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end = NULL;
	uint64_t n = 0;

	errno = 0;
	if (isdigit((unsigned char)text[0]))
		n = strtoull(text, &end, hexadecimal ? 16 : 10);
	if (!end || *end)
		argp_error(state, "%s: '%s' is not a whole number", option, text);
	else if (errno || n < lo || n > hi)
		argp_error(state, "%s: '%s' is not from %" PRIu64 " to %" PRIu64, option, text, lo,
			   hi);
	return n;
}

double option_seconds(struct argp_state *state, const char *option, const char *text, double max)
{
	char *end = NULL;
	double n = 0;

	if (isdigit((unsigned char)text[0]) || text[0] == '.')
		n = strtod(text, &end);
	if (!end || *end || text[strspn(text, "0123456789.eE+-")] || !(n > 0 && n <= max))
		argp_error(state, "%s: '%s' is not a number of seconds, above 0 and up to %.0f",
			   option, text, max);
	return n;
}

static void check_path(struct argp_state *state, const char *option, const char *path, bool folder)
{
	struct stat st;

	if (stat(path, &st) || access(path, folder ? R_OK | X_OK : R_OK))
		argp_failure(state, STATUS_BAD_INPUT, errno, "%s %s", option, path);
	else if (S_ISDIR(st.st_mode) != folder)
		argp_failure(state, STATUS_BAD_INPUT, 0, "%s %s: is %s folder", option, path,
			     folder ? "not a" : "a");
}

void option_folder(struct argp_state *state, const char *option, const char *path)
{
	check_path(state, option, path, true);
}

void option_file(struct argp_state *state, const char *option, const char *path)
{
	check_path(state, option, path, false);
}

unsigned option_levels(struct argp_state *state, const char *text)
{
	return (unsigned)option_number(state, "--levels", text, 4, 5);
}

enum thp option_thp(struct argp_state *state, const char *name)
{
	static const char *const names[] = { "never", "madvise", "always" };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i], name))
			return (enum thp)i;
	}
	argp_error(state, "--thp is never, madvise or always, not '%s'", name);
	return THP_NEVER;
}

/* ---- --plugin FILE ---- */

enum { KEY_PLUGIN = 0x1000 };

static error_t parse_plugin(int key, char *arg, struct argp_state *state)
{
	char why[512];

	if (key != KEY_PLUGIN)
		return ARGP_ERR_UNKNOWN;
	if (vma_index_load(arg, why, sizeof(why)))
		argp_failure(state, STATUS_BAD_INPUT, 0, "--plugin %s: %s", arg, why);
	return 0;
}

static const struct argp_option plugin_options[] = {
	{ "plugin", KEY_PLUGIN, "FILE.so", 0, "load the indexes of a shared object, too", 0 }, { 0 }
};

static const struct argp plugin_argp = { .options = plugin_options, .parser = parse_plugin };

const struct argp_child option_plugin_children[] = { { &plugin_argp, 0, NULL, 0 }, { 0 } };

/* ---- --simd NAME ---- */

enum { KEY_SIMD = KEY_PLUGIN + 1 };

static void take_simd(struct argp_state *state, const char *text)
{
	const char *name;
	char all[128] = "auto";

	if (btree_set_simd(text))
		return;
	for (unsigned i = 0; (name = btree_simd_name(i)); i++) {
		if (!strcmp(name, text))
			argp_error(state, "--simd: this processor has no %s", text);
		snprintf(all + strlen(all), sizeof(all) - strlen(all), ", %s", name);
	}
	argp_error(state, "--simd: no '%s' here, there are %s", text, all);
}

/* ---- --index A,B: looked up at the end, when all plug-ins are loaded ---- */

static error_t parse_index(int key, char *arg, struct argp_state *state)
{
	struct index_list *list = state->input;

	switch (key) {
	case 'i':
		list->names = arg;
		return 0;
	case KEY_SIMD:
		take_simd(state, arg);
		return 0;
	case ARGP_KEY_END:
		if (list->names && index_list_parse(list, list->names))
			argp_failure(state, STATUS_BAD_INPUT, 0, "%s", list->error);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option index_options[] = {
	{ "index", 'i', "A,B", 0, "these indexes only ('vmabench list' names them)", 0 },
	{ "simd", KEY_SIMD, "NAME", 0,
	  "btree searches its nodes with avx512, avx2, sse2, neon, scalar, or the best (auto)", 0 },
	{ 0 }
};

static const struct argp index_argp = {
	.options = index_options,
	.parser = parse_index,
	.children = option_plugin_children,
};

const struct argp_child option_index_children[] = { { &index_argp, 0, NULL, 0 }, { 0 } };

/* ---- --memory MB ---- */

enum { KEY_MEMORY = KEY_SIMD + 1 };

static error_t parse_memory(int key, char *arg, struct argp_state *state)
{
	if (key != KEY_MEMORY)
		return ARGP_ERR_UNKNOWN;
	replay_budget.limit = option_number(state, "--memory", arg, 1, SIZE_MAX >> 20) << 20;
	return 0;
}

static const struct argp_option memory_options[] = {
	{ "memory", KEY_MEMORY, "MB", 0,
	  "what all replays together may take of this machine's memory (400)", 0 },
	{ 0 }
};

static const struct argp memory_argp = { .options = memory_options, .parser = parse_memory };

const struct argp_child option_memory_children[] = { { &memory_argp, 0, NULL, 0 }, { 0 } };
const struct argp_child option_replay_children[] = { { &index_argp, 0, NULL, 0 },
						     { &memory_argp, 0, NULL, 0 },
						     { 0 } };

const struct placement_policy *option_placement(struct argp_state *state, const char *name)
{
	const struct placement_policy *policy = placement_policy_lookup(name);

	if (!policy)
		argp_error(state,
			   "no placement policy '%s': linux, topdown, bottomup, best-fit, "
			   "random",
			   name);
	return policy;
}

const struct merge_rule *option_merge(struct argp_state *state, const char *name)
{
	const struct merge_rule *rule = merge_rule_lookup(name);

	if (!rule)
		argp_error(state, "no merge rule '%s': linux, none, eager", name);
	return rule;
}

const struct mm_locking *option_locking(struct argp_state *state, const char *name)
{
	const struct mm_locking *locking = mm_locking_lookup(name);

	if (!locking && strcmp(name, "none"))
		argp_error(state, "no locking '%s': none, mmap_lock, per-vma, rcu, range", name);
	return locking;
}

const struct find_cache *option_find_cache(struct argp_state *state, const char *name)
{
	const struct find_cache *cache = find_cache_lookup(name);

	if (!cache)
		argp_error(state, "no find cache '%s': vmacache, none, mmap_cache, finger", name);
	return cache;
}
