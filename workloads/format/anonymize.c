/*
 * anonymize - takes what tells about a person or a machine out of a trace (see anonymize.h)
 */
#include "workloads/format/anonymize.h"

#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DELETED " (deleted)"

/* A name that was met; number counts from 1. */
struct name {
	unsigned number;
	char text[];
};

struct anonymizer {
	void *names; /* a tree of struct name, as of tsearch */
	unsigned n;
	char text[64]; /* the last answer */
};

struct anonymizer *anonymizer_create(void)
{
	return calloc(1, sizeof(struct anonymizer));
}

void anonymizer_destroy(struct anonymizer *anonymizer)
{
	if (anonymizer)
		tdestroy(anonymizer->names, free);
	free(anonymizer);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

/* The number of a name, a new one if it is new; 0: out of memory. */
static unsigned number_of(struct anonymizer *anonymizer, const char *text)
{
	struct name *name = malloc(sizeof(*name) + strlen(text) + 1), **found;

	if (!name)
		return 0;
	strcpy(name->text, text);
	name->number = anonymizer->n + 1;
	found = tsearch(name, &anonymizer->names, by_text);
	if (!found || *found != name)
		free(name);
	else
		anonymizer->n++;
	return found ? (*found)->number : 0;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool ends(const char *text, const char *with)
{
	size_t len = strlen(text), tail = strlen(with);

	return len >= tail && !strcmp(text + len - tail, with);
}

/* Whether a name is one that the kernel gives, and says nothing of who recorded. */
static bool is_kernels(const struct trace_event *event)
{
	static const char *const all[] = { "",           "[stack]",
					   "[heap]",     "[vdso]",
					   "[vvar]",     "[vvar_vclock]",
					   "[vsyscall]", "[uprobes]",
					   "/dev/zero",  "/dev/zero" DELETED };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!strcmp(event->name, all[i]))
			return true;
	}
	if (begins(event->name, "anon_inode:"))
		return strchr(event->name, '/') == NULL;
	return event->kind == TRACE_FILE && !S_ISREG(event->arg[3]) &&
	       begins(event->name, "/dev/") && !strchr(event->name + strlen("/dev/"), '/');
}

const char *anonymize_name(struct anonymizer *anonymizer, const struct trace_event *event)
{
	static const struct {
		const char *begin, *format;
	} kinds[] = {
		{ "[anon:", "[anon:%u]" },
		{ "[anon_shmem:", "[anon_shmem:%u]" },
		{ "/SYSV", "/SYSV%08x" },
		{ "/memfd:", "/memfd:%u" },
		{ "socket:[", "socket:[%u]" },
		{ "pipe:[", "pipe:[%u]" },
		{ "[", "[%u]" },
		{ "", "/%u" },
	};
	const char *name = event->name;
	unsigned number, i = 0;

	if (is_kernels(event))
		return name;
	number = number_of(anonymizer, name);
	if (!number)
		return NULL;
	while (!begins(name, kinds[i].begin))
		i++;
	snprintf(anonymizer->text, sizeof(anonymizer->text), kinds[i].format, number);
	if (ends(name, DELETED))
		strcat(anonymizer->text, DELETED);
	return anonymizer->text;
}

struct trace_info anonymize_info(const struct trace_info *info)
{
	static char anonymized[] = "anonymized";
	struct trace_info copy = *info;

	copy.command = anonymized;
	copy.versions = anonymized;
	return copy;
}
