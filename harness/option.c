/*
 * option - arguments of command-line options (see option.h)
 */
#include "harness/option.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/verb.h"
#include "indexes/btree/simd.h"

uint64_t option_number(struct argp_state *state, const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (!*text || *end || *text == '-')
		argp_error(state, "'%s' is not a number", text);
	return n;
}

unsigned option_levels(struct argp_state *state, const char *text)
{
	uint64_t levels = option_number(state, text);

	if (levels != 4 && levels != 5)
		argp_error(state, "--levels is 4 or 5, not '%s'", text);
	return (unsigned)levels;
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
	{ "plugin", KEY_PLUGIN, "FILE.so", 0, "load the indexes of a shared object, too", 0 },
	{ 0 }
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

const struct placement_policy *option_placement(struct argp_state *state, const char *name)
{
	const struct placement_policy *policy = placement_policy_lookup(name);

	if (!policy)
		argp_error(state, "no placement policy '%s': linux, topdown, bottomup, best-fit, "
				  "random", name);
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
