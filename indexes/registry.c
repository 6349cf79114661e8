/*
 * registry - the index types there are, by name
 *
 * Types add themselves through VMA_INDEX_REGISTER: those of the program before
 * main() runs, those of a plug-in while it is loaded.
 */
#include "indexes/vma_index.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "indexes/defaults.h"

#define MAX_TYPES 64

static struct vma_index_ops *types[MAX_TYPES]; /* sorted by name; what was left out is filled in */
static unsigned ntypes;

static struct wrapper {
	const char *prefix;
	vma_index_wrap *wrap;
} wrappers[4];
static unsigned nwrappers;

/* While a plug-in is loaded: what it has registered, or why it may not. */
static struct loading {
	unsigned types;
	char *why;
	size_t size;
	bool refused;
} * loading;

static void refuse(const char *name, const char *why)
{
	static const char format[] = "cannot register index '%s': %s";

	if (!loading) {
		fputs("vma_index: ", stderr);
		fprintf(stderr, format, escape_text(name), why);
		fputc('\n', stderr);
		exit(EXIT_FAILURE);
	}
	if (!loading->refused)
		snprintf(loading->why, loading->size, format, escape_text(name), why);
	loading->refused = true;
}

/* Why this type cannot be added, or NULL, and what it leaves out is filled in. */
static const char *objection(struct vma_index_ops *ops)
{
	static char missing[64];
	const char *op;

	if (!ops->name || !*ops->name)
		return "it has no name";
	if (ops->name[strspn(ops->name, "abcdefghijklmnopqrstuvwxyz0123456789.+-_")])
		return "a name has lower case letters, digits and .+-_ only";
	if (ops->abi != VMA_INDEX_ABI)
		return "built for another version of vma_index.h";
	op = vma_index_fill(ops);
	if (op) {
		snprintf(missing, sizeof(missing), "op '%s' is missing", op);
		return missing;
	}
	if (ops->node_size % sizeof(long))
		return "node_size is not a multiple of 8";
	if (ntypes == MAX_TYPES)
		return "too many index types";
	for (unsigned i = 0; i < ntypes; i++) {
		if (!strcmp(types[i]->name, ops->name))
			return "the name is taken";
	}
	return NULL;
}

void vma_index_register(const struct vma_index_ops *given)
{
	struct vma_index_ops *ops = malloc(sizeof(*ops));
	const char *why = "out of memory";
	unsigned i = ntypes;

	if (ops) {
		*ops = *given;
		why = objection(ops);
	}
	if (why) {
		refuse(given->name && *given->name ? given->name : "?", why);
		free(ops);
		return;
	}
	while (i > 0 && strcmp(types[i - 1]->name, ops->name) > 0)
		i--;
	memmove(&types[i + 1], &types[i], (ntypes++ - i) * sizeof(types[0]));
	types[i] = ops;
	if (loading)
		loading->types++;
}

void vma_index_register_wrapper(const char *prefix, vma_index_wrap *wrap)
{
	if (nwrappers == ARRAY_SIZE(wrappers))
		refuse(prefix, "too many wrappers");
	else
		wrappers[nwrappers++] = (struct wrapper){ prefix, wrap };
}

/* What dlerror() says, without the file's name in front. */
static void tell_dlerror(const char *path, char *why, size_t size)
{
	const char *error = dlerror();
	size_t len = strlen(path);

	if (!strncmp(error, path, len) && !strncmp(error + len, ": ", 2))
		error += len + 2;
	snprintf(why, size, "%s", error);
}

int vma_index_load(const char *file, char *why, size_t size)
{
	struct loading plugin = { .why = why, .size = size };
	char path[PATH_MAX];
	void *object;

	/* without a slash it would be looked for among the system's libraries */
	snprintf(path, sizeof(path), "%s%s", strchr(file, '/') ? "" : "./", file);
	if (dlopen(path, RTLD_LAZY | RTLD_NOLOAD)) {
		snprintf(why, size, "it is loaded already");
		return -1;
	}
	dlerror();
	loading = &plugin;
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	loading = NULL;
	if (!object) {
		tell_dlerror(path, why, size);
		return -1;
	}
	if (!plugin.types && !plugin.refused)
		snprintf(why, size, "it registers no index (VMA_INDEX_REGISTER)");
	return plugin.types && !plugin.refused ? 0 : -1;
}

const struct vma_index_ops *vma_index_type(unsigned i)
{
	return i < ntypes ? types[i] : NULL;
}

const struct vma_index_ops *vma_index_lookup(const char *name)
{
	for (unsigned i = 0; i < nwrappers; i++) {
		size_t len = strlen(wrappers[i].prefix);

		if (!strncmp(name, wrappers[i].prefix, len)) {
			const struct vma_index_ops *inner = vma_index_lookup(name + len);

			return inner ? wrappers[i].wrap(inner) : NULL;
		}
	}
	for (unsigned i = 0; i < ntypes; i++) {
		if (!strcmp(types[i]->name, name))
			return types[i];
	}
	return NULL;
}
