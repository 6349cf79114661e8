/*
 * vmabench replay - recorded programs once more, over each index, in lockstep
 *
 * The trace is decoded once; every index has a world of its own that follows
 * it.  After each event all worlds must have given the same answers so far, so
 * that an index that goes wrong is caught at the event where it does.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "workloads/format/event_text.h"
#include "harness/measure/index_list.h"
#include "harness/cli/option.h"
#include "harness/measure/progress.h"
#include "harness/replay/replay.h"
#include "harness/cli/verb.h"

struct arguments {
	struct index_list indexes;
	struct replay_options options;
	bool json, markdown, stop, quiet;
	uint64_t verify_every;
	uint64_t show; /* differences to print for each trace */
	uint64_t shown;
	char **files;
	int nfiles;
};

/* ---- differences ---- */

static void show_difference(const struct replay_difference *difference, void *arg)
{
	struct arguments *args = arg;

	if (args->shown++ >= args->show)
		return;
	if (!difference->recorded) {
		fprintf(stderr, "event %" PRIu64 ": %s\n", difference->event,
			escape_text(difference->text));
		return;
	}
	fprintf(stderr, "event %" PRIu64 ": ", difference->event);
	event_print(stderr, difference->recorded);
	fputs("  but ours is ", stderr);
	event_print_result(stderr, difference->result);
	fputc('\n', stderr);
}

/* ---- one trace ---- */

struct session {
	const char *path;
	struct trace_reader *reader;
	struct replay_world *world[INDEX_LIST_MAX];
	unsigned n;
	uint64_t hash[INDEX_LIST_MAX];
};

static int session_open(struct session *s, struct arguments *args)
{
	struct trace_error error;

	s->reader = trace_open(s->path, &error);
	if (!s->reader) {
		trace_error_print(&error);
		return STATUS_BAD_INPUT;
	}
	for (s->n = 0; s->n < args->indexes.n; s->n++) {
		struct replay_options options = args->options;

		if (s->n == 0) /* one of them tells; they all agree or the replay fails */
			options.on_difference = show_difference;
		options.arg = args;
		s->world[s->n] =
			replay_create(args->indexes.ops[s->n], trace_info(s->reader), &options);
		if (!s->world[s->n]) {
			fprintf(stderr, "%s: %s\n", escape_text(s->path), replay_out_of_memory());
			return STATUS_BAD_INPUT;
		}
	}
	return STATUS_OK;
}

static void session_close(struct session *s)
{
	while (s->n)
		replay_destroy(s->world[--s->n]);
	if (s->reader)
		trace_close(s->reader);
}

static int session_event(struct session *s, const struct arguments *args,
			 const struct trace_event *event)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (replay_event(s->world[i], event)) {
			fprintf(stderr, "%s: event %" PRIu64 ": %s\n", escape_text(s->path),
				replay_counts(s->world[i])->events, replay_out_of_memory());
			return STATUS_BAD_INPUT;
		}
	}
	for (unsigned i = 1; i < s->n; i++) {
		if (replay_hash(s->world[i]) == replay_hash(s->world[0]))
			continue;
		fprintf(stderr, "%s: event %" PRIu64 " (%s): %s and %s no longer agree\n",
			escape_text(s->path), replay_counts(s->world[0])->events,
			trace_kind_name(event->kind), args->indexes.ops[0]->name,
			args->indexes.ops[i]->name);
		return STATUS_DIFFERENCE;
	}
	return STATUS_OK;
}

static int session_verify(struct session *s, const struct arguments *args)
{
	for (unsigned i = 0; i < s->n; i++) {
		const char *wrong = replay_verify(s->world[i], stderr);

		if (!wrong)
			continue;
		fprintf(stderr, "%s: event %" PRIu64 ": %s: %s is wrong\n", escape_text(s->path),
			replay_counts(s->world[i])->events, args->indexes.ops[i]->name, wrong);
		return STATUS_DIFFERENCE;
	}
	return STATUS_OK;
}

static int session_run(struct session *s, const struct arguments *args)
{
	struct trace_error error;
	struct trace_event event;
	struct progress progress;
	uint64_t events = 0;
	int more, status = STATUS_OK;

	progress_begin(&progress, true);
	while ((more = trace_next(s->reader, &event, &error)) > 0) {
		status = session_event(s, args, &event);
		events++;
		if (!status && args->verify_every && events % args->verify_every == 0)
			status = session_verify(s, args);
		if (args->stop && args->shown)
			status = STATUS_DIFFERENCE;
		if (status)
			break;
		if (events % 4096 == 0)
			progress_at(&progress, trace_position(s->reader), "replay of %s", s->path);
	}
	progress_clear(&progress);
	if (more < 0) {
		trace_error_print(&error);
		return STATUS_BAD_INPUT;
	}
	return status;
}

static int session_finish(struct session *s, const struct arguments *args)
{
	int status = STATUS_OK;

	for (unsigned i = 0; i < s->n; i++)
		s->hash[i] = replay_finish(s->world[i]);
	for (unsigned i = 1; i < s->n; i++) {
		if (s->hash[i] == s->hash[0])
			continue;
		fprintf(stderr, "%s: state hash of %s %016" PRIx64 ", of %s %016" PRIx64 "\n",
			escape_text(s->path), args->indexes.ops[0]->name, s->hash[0],
			args->indexes.ops[i]->name, s->hash[i]);
		status = STATUS_DIFFERENCE;
	}
	return status;
}

/* ---- what it came to ---- */

static void print_faults(const struct machine *m)
{
	const struct fault_counters *f = &m->faults;

	printf("  faults: anonymous %" PRIu64 " zero, %" PRIu64 " write; file %" PRIu64
	       " read, %" PRIu64 " shared write, %" PRIu64 " copied; after fork %" PRIu64
	       " copied, %" PRIu64 " reused; zero page replaced %" PRIu64 "; spurious %" PRIu64
	       "; refused %" PRIu64 "; stack grown %" PRIu64 "\n",
	       f->anon_zero, f->anon_write, f->file_read, f->file_shared_write, f->file_cow,
	       f->cow_copy, f->cow_reuse, f->cow_zero, f->spurious, f->segv + f->sigbus,
	       f->stack_growth);
	printf("  page tables: allocated by level");
	for (unsigned level = 0; level < m->config.pagetable_levels; level++)
		printf(" %" PRIu64, m->pt.tables_allocated[level]);
	printf("; entries touched %" PRIu64 ", copied %" PRIu64 "; TLB flushes %" PRIu64
	       " of %" PRIu64 " pages\n",
	       m->pt.entries_touched, m->pt.entries_copied, m->pt.tlb_flushes, m->pt.tlb_pages);
	if (m->config.huge_pages)
		printf("  huge pages: %" PRIu64 " of a write, %" PRIu64
		       " of the zero page, %" PRIu64 " where there was none; mapped %" PRIu64
		       ", split %" PRIu64 "\n",
		       f->huge_write, f->huge_zero, f->huge_fallback, m->pt.huge_mapped,
		       m->pt.huge_split);
	if (m->reclaim.scanned)
		printf("  reclaim: %" PRIu64 " pages looked at, %" PRIu64
		       " of them touched; %" PRIu64 " swapped out, %" PRIu64
		       " in again; of files %" PRIu64 " written, %" PRIu64 " dropped\n",
		       m->reclaim.scanned, m->reclaim.referenced, m->reclaim.swapped_out,
		       f->swap_in, m->reclaim.written, m->reclaim.dropped);
	printf("  find_vma: %" PRIu64 " calls, %.1f %% answered by the cache (%s)\n",
	       m->finds.calls,
	       m->finds.calls ? 100.0 * (double)m->finds.cache_hits / (double)m->finds.calls : 0.0,
	       m->config.find_cache->name);
}

/* What a replay lacks where faults were not recorded in full. */
static void print_fault_source(const struct trace_info *info, const struct replay_counts *c)
{
	if (info->faults)
		return;
	printf("  faults by %s: %" PRIu64 " guessed to be reads or writes, %" PRIu64
	       " inferred from pages found written; how far stacks grew is not compared%s\n",
	       *info->fault_source ? escape_text(info->fault_source) : "nothing", c->faults_guessed,
	       c->faults_inferred,
	       strstr(info->fault_source, "pagemap")
		       ? ""
		       : ", and merges that depend on what was written may differ");
}

static void print_not_modelled(const struct session *s)
{
	const struct replay_name *name = replay_names(s->world[0]);

	for (unsigned i = 0; name[i].times; i++)
		printf("%s%s (%" PRIu64 ")",
		       i ? ", " : "  not modelled, left out or as recorded: ", name[i].name,
		       name[i].times);
	if (name->times)
		putchar('\n');
}

static void print_counts(const struct session *s, const struct replay_counts *c)
{
	printf("%s: %" PRIu64 " events, %" PRIu64 " system calls, %" PRIu64 " faults%s; %" PRIu64
	       " tasks, %" PRIu64 " address spaces, at most %" PRIu64 " VMAs in one\n",
	       escape_text(s->path), c->events, c->syscalls, c->faults,
	       trace_info(s->reader)->faults ? "" : " (not all that there were)", c->tasks, c->mms,
	       c->peak_vmas);
	print_fault_source(trace_info(s->reader), c);
	if (c->random_placements)
		printf("  MAP_32BIT under ASLR: %" PRIu64
		       " random placements followed, not compared\n",
		       c->random_placements);
	print_not_modelled(s);
	if (c->huge_pages_told)
		printf("  huge pages: %" PRIu64 " times a pool or a file had others than emulated; "
		       "the recording was followed\n",
		       c->huge_pages_told);
	if (c->faults_without_mm)
		printf("  faults of tasks that had left their mm: %" PRIu64 "\n",
		       c->faults_without_mm);
	if (trace_info(s->reader)->lost)
		printf("  records of faults that were lost: %" PRIu64 "\n",
		       trace_info(s->reader)->lost);
	if (*trace_info(s->reader)->missing)
		printf("  not recorded: %s\n", escape_text(trace_info(s->reader)->missing));
	if (c->bad_events)
		printf("  events that contradict the trace: %" PRIu64 "\n", c->bad_events);
}

/* Another policy or rule: what came of it, and what had to be done otherwise. */
static void print_whatif(const struct arguments *args, const struct replay_counts *c)
{
	const struct replay_whatif *w = &c->whatif;

	printf("  placement %s, merge %s: %" PRIu64 " VMAs at most, %" PRIu64
	       " at the end of all; %" PRIu64 " page-table pages at most; %" PRIu64 " merges\n",
	       args->options.placement->name, args->options.merge->name, c->peak_vmas, w->end_vmas,
	       w->peak_tables, w->merges);
	printf("  the address space with the most: %" PRIu64 " VMAs, %" PRIu64
	       " gaps, the largest %.1f GiB; places chosen within %.3f GiB\n",
	       w->widest.vmas, w->widest.gaps, (double)w->widest.largest_gap / (1 << 30),
	       (double)w->widest.span / (1 << 30));
	printf("  otherwise than recorded: %" PRIu64 " fixed mappings moved, %" PRIu64
	       " calls in parts, %" PRIu64 " refused mremaps not tried, %" PRIu64
	       " calls beyond max_map_count, %" PRIu64 " below it now\n",
	       w->moved, w->in_parts, w->not_tried, w->beyond_limit, w->below_limit);
}

/* The last line: key=value, easy to parse. */
static void print_summary(const struct session *s, const struct arguments *args, int status)
{
	const struct replay_counts *c = replay_counts(s->world[0]);

	printf("replay index=");
	for (unsigned i = 0; i < s->n; i++)
		printf("%s%s", i ? "," : "", args->indexes.ops[i]->name);
	printf(" hash=%016" PRIx64 " agree=%s results=%" PRIu64 "/%" PRIu64 " placements=%" PRIu64
	       "/%" PRIu64 " layouts=%" PRIu64 "/%" PRIu64 " not_modelled=%" PRIu64 " file=%s\n",
	       s->hash[0], status ? "no" : "yes", c->results.equal, c->results.compared,
	       c->placements.equal, c->placements.compared, c->layouts.equal, c->layouts.compared,
	       c->not_modelled, escape_text(s->path));
}

static json_t *json_tally(const struct replay_tally *tally)
{
	return json_pack("{s:I, s:I}", "compared", (json_int_t)tally->compared, "equal",
			 (json_int_t)tally->equal);
}

static json_t *json_names(const struct replay_name *name)
{
	json_t *object = json_object();

	for (; name->times; name++)
		json_object_set_new(object, name->name, json_integer((json_int_t)name->times));
	return object;
}

static void print_json(const struct session *s, const struct arguments *args, int status)
{
	const struct replay_counts *c = replay_counts(s->world[0]);
	const struct machine *m = replay_machine(s->world[0]);
	json_t *indexes = json_array(), *root;
	char hash[32], note[512];

	for (unsigned i = 0; i < s->n; i++) {
		snprintf(hash, sizeof(hash), "%016" PRIx64, s->hash[i]);
		json_array_append_new(indexes, json_pack("{s:s, s:s}", "index",
							 args->indexes.ops[i]->name, "hash", hash));
	}
	root = json_pack(
		"{s:s, s:b, s:b, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, "
		"s:I, s:I, s:s, s:I, s:I}",
		"file", escape_text(s->path), "agree", status == STATUS_OK, "equal",
		replay_equal(c), "note",
		escape_text(replay_note(trace_info(s->reader), s->world[0], note, sizeof(note))),
		"indexes", indexes, "events", (json_int_t)c->events, "syscalls",
		(json_int_t)c->syscalls, "faults", (json_int_t)c->faults, "tasks",
		(json_int_t)c->tasks, "mms", (json_int_t)c->mms, "peak_vmas",
		(json_int_t)c->peak_vmas, "results", json_tally(&c->results), "placements",
		json_tally(&c->placements), "layouts", json_tally(&c->layouts), "random_placements",
		(json_int_t)c->random_placements, "not_modelled", (json_int_t)c->not_modelled,
		"huge_pages_told", (json_int_t)c->huge_pages_told, "bad_events",
		(json_int_t)c->bad_events, "find_cache", m->config.find_cache->name, "finds",
		(json_int_t)m->finds.calls, "find_cache_hits", (json_int_t)m->finds.cache_hits);
	json_object_set_new(root, "not_modelled_names", json_names(replay_names(s->world[0])));
	json_dumpf(root, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(root);
}

/* A row of workloads/README.md's table. */
static void print_row(const struct session *s, const struct replay_counts *c)
{
	const struct fault_counters *f = &replay_machine(s->world[0])->faults;
	const struct trace_info *info = trace_info(s->reader);
	char name[256];

	trace_base_name(s->path, name, sizeof(name));
	printf("| %s | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64
	       " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 "/%" PRIu64 " | %" PRIu64
	       "/%" PRIu64 " | %s |\n",
	       escape_markdown(name), c->peak_vmas, c->syscalls, c->faults,
	       f->anon_zero + f->anon_write, f->file_read + f->file_shared_write,
	       f->file_cow + f->cow_copy + f->cow_zero + f->cow_reuse, c->tasks, c->mms,
	       c->results.equal, c->results.compared, c->layouts.equal, c->layouts.compared,
	       *info->versions ? escape_markdown(info->versions) : "its own");
}

static const char row_head[] =
	"| program | peak VMAs | calls | faults | anonymous | file | copy-on-write | tasks "
	"| address spaces | results equal | layouts equal | version |\n"
	"|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n";

static int replay_file_of(struct arguments *args, const char *path)
{
	struct session s = { .path = path };

	args->shown = 0;
	int status = session_open(&s, args);
	if (!status)
		status = session_run(&s, args);
	if (status) {
		session_close(&s);
		return status;
	}
	status = session_finish(&s, args);
	const struct replay_counts *c = replay_counts(s.world[0]);
	if (args->shown > args->show)
		fprintf(stderr, "... and %" PRIu64 " differences more (--show N)\n",
			args->shown - args->show);
	if (args->json) {
		print_json(&s, args, status);
	} else if (args->markdown) {
		print_row(&s, c);
	} else {
		if (!args->quiet) {
			print_counts(&s, c);
			print_faults(replay_machine(s.world[0]));
			if (args->options.whatif)
				print_whatif(args, c);
		}
		print_summary(&s, args, status);
	}
	if (!status && !replay_equal(c))
		status = STATUS_DIFFERENCE;
	session_close(&s);
	return status;
}

/* ---- command line ---- */

enum {
	OPT_FIND_CACHE = 256,
	OPT_LEVELS,
	OPT_THP,
	OPT_RECLAIM,
	OPT_JSON,
	OPT_MARKDOWN,
	OPT_STRICT,
	OPT_STOP,
	OPT_SHOW,
	OPT_VERIFY,
	OPT_PLACEMENT,
	OPT_MERGE,
	OPT_LOCKING,
	OPT_SEED
};

static const struct argp_option options[] = {
	{ "json", OPT_JSON, 0, 0, "one JSON object a trace, on a line of its own", 0 },
	{ "markdown", OPT_MARKDOWN, 0, 0, "a table, a row for each trace", 0 },
	{ "quiet", 'q', 0, 0, "the last line only", 0 },
	{ "strict", OPT_STRICT, 0, OPTION_HIDDEN, "as it always is: differences make the status 1",
	  0 },
	{ "stop", OPT_STOP, 0, 0, "stop at the first difference from the recording, with status 1",
	  0 },
	{ "show", OPT_SHOW, "N", 0, "differences to show for each trace (default 10)", 0 },
	{ "verify", OPT_VERIFY, "N", 0, "check every address space and index after each N events",
	  0 },
	{ "placement", OPT_PLACEMENT, "POLICY", 0,
	  "what if mappings went elsewhere: linux (default), topdown, bottomup, best-fit, random",
	  0 },
	{ "merge", OPT_MERGE, "RULE", 0,
	  "what if neighbours merged by another rule: linux (default), none, eager", 0 },
	{ "locking", OPT_LOCKING, "LOCKING", 0,
	  "faults and calls take these locks: none (default), mmap_lock, per-vma, rcu, range", 0 },
	{ "seed", OPT_SEED, "S", 0, "of random placement (default 0)", 0 },
	{ "find-cache", OPT_FIND_CACHE, "CACHE", 0,
	  "what find_vma asks before the index: vmacache (default), none, mmap_cache, finger", 0 },
	{ "reclaim", OPT_RECLAIM, "N", 0,
	  "memory is short: after each N events, what was not touched since is swapped out or "
	  "dropped",
	  0 },
	{ "thp", OPT_THP, "SETTING", 0,
	  "which anonymous memory gets huge pages: never (default), madvise, always", 0 },
	{ "levels", OPT_LEVELS, "4|5", 0, "levels of the page tables (default 4)", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		args->indexes.no_null = true;
		state->child_inputs[0] = &args->indexes;
		return 0;
	case 'q':
		args->quiet = true;
		return 0;
	case OPT_JSON:
		args->json = true;
		return 0;
	case OPT_MARKDOWN:
		args->markdown = true;
		return 0;
	case OPT_STRICT:
		return 0;
	case OPT_STOP:
		args->stop = true;
		return 0;
	case OPT_SHOW:
		args->show = option_number(state, "--show", arg, 0, UINT64_MAX);
		return 0;
	case OPT_VERIFY:
		args->verify_every = option_number(state, "--verify", arg, 0, UINT64_MAX);
		return 0;
	case OPT_PLACEMENT:
		args->options.placement = option_placement(state, arg);
		return 0;
	case OPT_MERGE:
		args->options.merge = option_merge(state, arg);
		return 0;
	case OPT_LOCKING:
		args->options.locking = option_locking(state, arg);
		return 0;
	case OPT_SEED:
		args->options.seed = option_number(state, "--seed", arg, 0, UINT64_MAX);
		return 0;
	case OPT_FIND_CACHE:
		args->options.find_cache = option_find_cache(state, arg);
		return 0;
	case OPT_RECLAIM:
		args->options.reclaim = option_number(state, "--reclaim", arg, 0, UINT64_MAX);
		return 0;
	case OPT_THP:
		args->options.huge_pages = option_thp(state, arg);
		return 0;
	case OPT_LEVELS:
		args->options.pagetable_levels = option_levels(state, arg);
		return 0;
	case ARGP_KEY_ARGS:
		args->files = state->argv + state->next;
		args->nfiles = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "no trace given");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "FILE...",
	.children = option_replay_children,
	.doc = "Replays recorded programs through the emulated mm over each index (all but null), "
	       "in lockstep.\v"
	       "Every recorded result is compared, and the layout of each address space at its "
	       "end. Exit status: 0 all indexes agree with each other and with the recording, 1 "
	       "they "
	       "do not, 2 a file cannot be read or out of memory.",
};

int cmd_replay(int argc, char **argv)
{
	struct arguments args = { .show = 10 };
	int status = STATUS_OK;

	replay_options_default(&args.options);
	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return STATUS_BAD_INPUT;
	if (!args.indexes.n)
		index_list_all(&args.indexes);
	args.options.whatif = args.options.placement != placement_policy(0) ||
			      args.options.merge != merge_rule(0);
	if (args.markdown)
		fputs(row_head, stdout);
	for (int i = 0; i < args.nfiles; i++)
		status = max(status, replay_file_of(&args, args.files[i]));
	return status;
}
