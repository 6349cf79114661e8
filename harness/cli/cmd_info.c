/*
 * vmabench info - what traces hold and where they come from
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "harness/replay/replay.h"
#include "harness/cli/verb.h"
#include "indexes/vma_index.h"
#include "workloads/format/trace.h"

struct summary {
	const struct trace_info *info;
	uint64_t bytes, events;
	uint64_t mms;                /* address spaces: by fork and by exec */
	uint64_t processes, threads; /* thread groups; tasks beyond the first of each */
	uint64_t layout_vmas;        /* the most VMAs in a layout */
	bool replayed;               /* all events were; else nobody knows what was between */
	uint64_t peak_vmas;          /* the most in any address space of the replay */
	char unlike[512];            /* replay_unlike() of it */
	uint64_t time;               /* of the last event, us */
	uint64_t calls[TRACE_NKINDS], failed[TRACE_NKINDS];
	uint64_t reads, writes, execs, kernel; /* faults; kernel: those that are not USER */
	uint64_t unknown, inferred;            /* and where they were not recorded in full */
};

/* ---- counting ---- */

static void summary_fault(struct summary *sum, uint64_t bits)
{
	if (bits & TRACE_FAULT_INFERRED) {
		sum->inferred++;
		return;
	}
	sum->kernel += !(bits & TRACE_FAULT_USER);
	if (bits & TRACE_FAULT_UNKNOWN)
		sum->unknown++;
	else if (bits & TRACE_FAULT_INSTR)
		sum->execs++;
	else if (bits & TRACE_FAULT_WRITE)
		sum->writes++;
	else
		sum->reads++;
}

static void summary_fork(struct summary *sum, const struct trace_event *event)
{
	if (event->result < 0)
		return;
	sum->mms += !(event->arg[1] & CLONE_VM);
	if (event->arg[1] & CLONE_THREAD)
		sum->threads++;
	else
		sum->processes++;
}

static bool summary_is_call(enum trace_kind kind)
{
	return strchr(trace_kind_fields(kind), 'r') != NULL;
}

static void summary_add(struct summary *sum, const struct trace_event *event)
{
	sum->events++;
	sum->time = event->time;
	sum->calls[event->kind]++;
	if (summary_is_call(event->kind) && event->result < 0 && event->result >= -4095)
		sum->failed[event->kind]++;
	if (event->kind == TRACE_FORK)
		summary_fork(sum, event);
	else if (event->kind == TRACE_EXEC)
		sum->mms++;
	else if (event->kind == TRACE_LAYOUT)
		sum->layout_vmas = max(sum->layout_vmas, event->arg[1]);
	else if (event->kind == TRACE_FAULT)
		summary_fault(sum, event->arg[1]);
}

static uint64_t summary_calls(const struct summary *sum)
{
	uint64_t calls = 0;

	for (int kind = 0; kind < TRACE_NKINDS; kind++)
		calls += summary_is_call(kind) ? sum->calls[kind] : 0;
	return calls;
}

/* ---- text ---- */

static void info_line(const char *label, const char *value)
{
	if (!value || !*value)
		return;
	printf("  %-14s ", label);
	escape_text_to(stdout, value, "");
	putchar('\n');
}

static void info_print_provenance(const struct trace_info *info)
{
	char settings[256];

	info_line("command", info->command);
	info_line("version", info->versions);
	printf("  %-14s %s, Linux %s, %s\n", "recorded", escape_text(info->date),
	       escape_text(info->kernel), escape_text(info->arch));
	info_line("recorder", info->recorder);
	info_line("not recorded", info->missing);
	snprintf(settings, sizeof(settings),
		 "ASLR %s%s, THP %s, shmem THP %s, max_map_count %" PRIu64 ", overcommit %" PRIu64,
		 info->aslr ? "on" : "off", info->legacy_layout ? ", legacy layout" : "",
		 *info->thp ? info->thp : "absent", *info->shmem_thp ? info->shmem_thp : "absent",
		 info->max_map_count, info->overcommit);
	info_line("settings", settings);
}

static void info_print_calls(const struct summary *sum)
{
	printf("  %-14s %" PRIu64 "\n", "system calls", summary_calls(sum));
	for (int kind = 0; kind < TRACE_NKINDS; kind++) {
		if (!summary_is_call(kind) || !sum->calls[kind])
			continue;
		printf("    %-18s %10" PRIu64, trace_kind_name(kind), sum->calls[kind]);
		if (sum->failed[kind])
			printf("  (%" PRIu64 " failed)", sum->failed[kind]);
		putchar('\n');
	}
}

static void info_print_faults(const struct summary *sum)
{
	if (!*sum->info->fault_source) {
		printf("  %-14s not recorded\n", "page faults");
		return;
	}
	printf("  %-14s %" PRIu64 " by %s: %" PRIu64 " read, %" PRIu64 " write, %" PRIu64 " exec",
	       "page faults", sum->calls[TRACE_FAULT] - sum->inferred,
	       escape_text(sum->info->fault_source), sum->reads, sum->writes, sum->execs);
	if (sum->info->faults)
		printf("; %" PRIu64 " of them by the kernel", sum->kernel);
	else
		printf(", %" PRIu64 " unknown; none by the kernel, but %" PRIu64
		       " pages were found "
		       "written",
		       sum->unknown, sum->inferred);
	if (sum->info->lost)
		printf("; %" PRIu64 " lost", sum->info->lost);
	putchar('\n');
}

static void info_print(const char *path, const struct summary *sum)
{
	printf("%s\n", escape_text(path));
	info_print_provenance(sum->info);
	printf("  %-14s %" PRIu64 " (%" PRIu64 " more threads), %" PRIu64 " execs, %" PRIu64
	       " address spaces\n",
	       "processes", sum->processes, sum->threads, sum->calls[TRACE_EXEC], sum->mms);
	if (sum->replayed)
		printf("  %-14s %" PRIu64 "\n", "peak VMAs", sum->peak_vmas);
	else
		printf("  %-14s %" PRIu64 " or more: the most in a layout; it cannot be replayed\n",
		       "peak VMAs", sum->layout_vmas);
	info_line("in its replay", sum->unlike);
	info_print_calls(sum);
	info_print_faults(sum);
	printf("  %-14s %.3f s\n", "time", sum->time / 1e6);
	printf("  %-14s %" PRIu64 " events, %" PRIu64 " bytes, %.2f bytes an event\n", "size",
	       sum->events, sum->bytes, sum->events ? (double)sum->bytes / sum->events : 0.0);
}

/* ---- JSON ---- */

static json_t *info_json_calls(const struct summary *sum)
{
	json_t *calls = json_object();

	for (int kind = 0; kind < TRACE_NKINDS; kind++) {
		if (summary_is_call(kind) && sum->calls[kind])
			json_object_set_new(calls, trace_kind_name(kind),
					    json_pack("{sI sI}", "calls",
						      (json_int_t)sum->calls[kind], "failed",
						      (json_int_t)sum->failed[kind]));
	}
	return calls;
}

/* The counts that stand by themselves. */
static void info_json_counts(json_t *object, const struct summary *sum)
{
	const struct {
		const char *key;
		uint64_t value;
	} counts[] = {
		{ "bytes", sum->bytes },
		{ "events", sum->events },
		{ "processes", sum->processes },
		{ "threads", sum->threads },
		{ "execs", sum->calls[TRACE_EXEC] },
		{ "mms", sum->mms },
		{ "peak_vmas_in_layouts", sum->layout_vmas },
		{ "time_us", sum->time },
		{ "system_calls", summary_calls(sum) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		json_object_set_new(object, counts[i].key, json_integer(counts[i].value));
}

static json_t *info_json_faults(const struct summary *sum)
{
	if (!*sum->info->fault_source)
		return json_null();
	return json_pack("{ss sI sI sI sI sI sI sI}", "source",
			 escape_text(sum->info->fault_source), "unknown", (json_int_t)sum->unknown,
			 "inferred", (json_int_t)sum->inferred, "read", (json_int_t)sum->reads,
			 "write", (json_int_t)sum->writes, "exec", (json_int_t)sum->execs, "kernel",
			 (json_int_t)sum->kernel, "lost", (json_int_t)sum->info->lost);
}

/* A string of JSON, which is UTF-8. */
static json_t *info_json_text(const char *value)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *string = NULL;

	if (out) {
		escape_text_to(out, value, "");
		string = fclose(out) ? NULL : json_string(text);
	}
	free(text);
	return string ? string : json_null();
}

static json_t *info_json(const char *path, const struct summary *sum)
{
	const struct trace_info *info = sum->info;
	json_t *object =
		json_pack("{sb sb}", "aslr", info->aslr, "legacy_layout", info->legacy_layout);
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "file", path },
		{ "command", info->command },
		{ "versions", info->versions },
		{ "kernel", info->kernel },
		{ "arch", info->arch },
		{ "date", info->date },
		{ "recorder", info->recorder },
		{ "missing", info->missing },
		{ "thp", info->thp },
		{ "shmem_thp", info->shmem_thp },
		{ "unlike", sum->unlike },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_object_set_new(object, texts[i].key, info_json_text(texts[i].value));
	info_json_counts(object, sum);
	json_object_set_new(object, "peak_vmas",
			    sum->replayed ? json_integer(sum->peak_vmas) : json_null());
	json_object_set_new(object, "calls", info_json_calls(sum));
	json_object_set_new(object, "faults", info_json_faults(sum));
	return object;
}

/* ---- the verb ---- */

struct info_options {
	bool json;
	int status;
	json_t *list;
};

/* How many VMAs there were between layouts only a replay tells; NULL: no memory for one. */
static struct replay_world *info_replay(const struct trace_info *info)
{
	struct replay_options options;

	replay_options_default(&options);
	options.digest = false;
	return replay_create(vma_index_lookup("btree"), info, &options);
}

/* All events of a trace, counted and replayed: 0, or -1 and *error. */
static int info_count(struct summary *sum, struct trace_reader *reader, struct trace_error *error)
{
	struct replay_world *world = info_replay(trace_info(reader));
	struct trace_event event;
	int status;

	sum->replayed = world != NULL;
	while ((status = trace_next(reader, &event, error)) > 0) {
		summary_add(sum, &event);
		sum->replayed = sum->replayed && !replay_event(world, &event);
	}
	if (world) {
		sum->peak_vmas = max(replay_machine(world)->peak_vmas, sum->layout_vmas);
		replay_unlike(world, sum->unlike, sizeof(sum->unlike));
	}
	replay_destroy(world);
	return status;
}

static void info_file(struct info_options *options, const char *path)
{
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	struct summary sum = { .processes = 1 };
	struct stat st = { 0 };

	if (!reader || info_count(&sum, reader, &error) < 0) {
		trace_error_print(&error);
		options->status = STATUS_BAD_INPUT;
		trace_close(reader);
		return;
	}
	stat(path, &st);
	sum.bytes = st.st_size;
	sum.info = trace_info(reader);
	if (options->json)
		json_array_append_new(options->list, info_json(path, &sum));
	else
		info_print(path, &sum);
	trace_close(reader);
}

static const struct argp_option info_argp_options[] = {
	{ "json", 'j', NULL, 0, "Print a JSON array with an object a file", 0 },
	{ 0 },
};

static error_t info_parse(int key, char *arg, struct argp_state *state)
{
	struct info_options *options = state->input;

	switch (key) {
	case 'j':
		options->json = true;
		return 0;
	case ARGP_KEY_ARG:
		info_file(options, arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which file?");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp info_argp = {
	.options = info_argp_options,
	.parser = info_parse,
	.args_doc = "FILE...",
	.doc = "Tell where traces come from, and what they hold."
	       "\vExit status: 0, or 2 where a trace cannot be read.",
};

int cmd_info(int argc, char **argv)
{
	struct info_options options = { .list = json_array() };

	argp_parse(&info_argp, argc, argv, 0, NULL, &options);
	if (options.json) {
		json_dumpf(options.list, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(options.list);
	return options.status;
}
