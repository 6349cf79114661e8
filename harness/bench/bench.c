/*
 * bench - how benchmark cases are checked, timed, counted and reported (see bench.h)
 */
#include "harness/bench/bench.h"

#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit_status.h"
#include "base/escape.h"
#include "harness/measure/clock.h"
#include "harness/measure/counters.h"
#include "harness/bench/gbench.h"
#include "harness/measure/host.h"
#include "harness/measure/latency.h"
#include "harness/measure/progress.h"
#include "harness/measure/results.h"
#include "indexes/btree/simd.h"
#include "indexes/peers/peers.h"

#define PROBE_SECONDS 0.002 /* a case's cost is guessed from a run that takes this long */
#define PROBES        4     /* before a case is found to be slow, each shorter than */
#define SURE_SECONDS  0.05  /* this: nothing that comes between takes so long */
#define LONG_SECONDS  0.1   /* a batch that takes longer is repeated 3 times at the most */
#define LOOKS         20    /* at the clock, while a case's first cycle runs */

/* The lists of the results. */
enum { BENCHMARKS, MEMORY, SPEED, PARTS, SKIPPED, FAILED, NOTES, LISTS };

static const char *const list_names[LISTS] = {
	"benchmarks", "memory", "speed", "parts", "skipped", "failed", "notes",
};

struct bench_session {
	const struct bench_options *options;
	struct progress progress;
	struct noise noise;
	struct counters counters;
	json_t *context, *lists[LISTS];
	struct saved *saved;  /* NULL: nobody wants it */
	char name[320];       /* of the case that runs */
	size_t before[LISTS]; /* how long the lists were when it began */
	int families;         /* as Google Benchmark counts them */
	int status;
};

/* ---- a session ---- */

/* Names of peers whose package is missing. */
static json_t *not_built(void)
{
	json_t *names = json_array();
	const struct peer *peer;

	for (unsigned i = 0; (peer = peer_missing(i)); i++)
		json_array_append_new(names, json_string(peer->name));
	return names;
}

struct bench_session *bench_begin(const struct bench_options *options)
{
	struct bench_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->options = options;
	session->context = json_object();
	for (unsigned i = 0; i < LISTS; i++)
		session->lists[i] = json_array();
	host_describe(session->context);
	json_object_set_new(session->context, "not_built", not_built());
	json_object_set_new(session->context, "repetitions", json_integer(options->repetitions));
	json_object_set_new(session->context, "simd", json_string(btree_simd_used()));
	json_object_set_new(session->context, "cycle", json_integer(options->cycle));
	json_object_set_new(session->context, "seed", json_integer(options->seed));
	if (counters_open(&session->counters, NULL, 0) && !options->count)
		fprintf(options->talk, "no counters: no PMU here, or none that we may use\n");
	noise_begin(&session->noise);
	progress_begin(&session->progress, !options->quiet);
	return session;
}

json_t *bench_results(void *ctx)
{
	struct bench_session *session = ctx;
	struct noise noise = session->noise;
	json_t *results = json_object(), *context = json_copy(session->context);

	json_object_set_new(context, "noise", noise_end(&noise));
	json_object_set_new(results, "schema", json_integer(RESULTS_SCHEMA));
	json_object_set_new(results, "context", context);
	for (unsigned i = 0; i < LISTS; i++)
		json_object_set(results, list_names[i], session->lists[i]);
	return results;
}

json_t *bench_finish(struct bench_session *session, int *status)
{
	json_t *results = bench_results(session);

	progress_clear(&session->progress);
	counters_close(&session->counters);
	json_decref(session->context);
	for (unsigned i = 0; i < LISTS; i++)
		json_decref(session->lists[i]);
	*status = session->status;
	free(session);
	return results;
}

/* ---- cases that are done ---- */

/* What an earlier run has left: its lists, and what it found out about the machine. */
static void take_on(struct bench_session *session, const json_t *before)
{
	json_t *value;
	const char *key;

	json_object_foreach(json_object_get(before, "context"), key, value) {
		if (!json_object_get(session->context, key))
			json_object_set(session->context, key, value);
	}
	for (unsigned i = 0; i < LISTS; i++)
		json_array_extend(session->lists[i], json_object_get(before, list_names[i]));
	session->families = (int)json_array_size(session->lists[BENCHMARKS]);
	if (json_array_size(session->lists[FAILED]))
		session->status = STATUS_DIFFERENCE;
}

int bench_save(struct bench_session *session, struct saved *saved)
{
	saved->results = bench_results;
	saved->ctx = session;
	if (saved_begin(saved, session->context))
		return -1;
	if (saved_before(saved))
		take_on(session, saved_before(saved));
	session->saved = saved;
	return 0;
}

static void case_name(char *text, size_t size, const char *name, const char *mode, size_t vmas)
{
	snprintf(text, size, "%s/%s/%zu", name, mode, vmas);
}

bool bench_case_left(const struct bench_session *session, const char *name, const char *mode,
		     size_t vmas)
{
	char text[sizeof(session->name)];

	case_name(text, sizeof(text), name, mode, vmas);
	return !saved_stopped() && !(session->saved && saved_has(session->saved, text));
}

void bench_case_begin(struct bench_session *session, const char *name, const char *mode,
		      size_t vmas)
{
	case_name(session->name, sizeof(session->name), name, mode, vmas);
	for (unsigned i = 0; i < LISTS; i++)
		session->before[i] = json_array_size(session->lists[i]);
}

static void take_back(struct bench_session *session)
{
	for (unsigned i = 0; i < LISTS; i++) {
		while (json_array_size(session->lists[i]) > session->before[i])
			json_array_remove(session->lists[i], session->before[i]);
	}
}

void bench_case_end(struct bench_session *session)
{
	struct saved *saved = session->saved;

	if (saved_stopped() || (saved && saved_has(saved, session->name)))
		take_back(session);
	else if (saved && saved_case(saved, session->name))
		session->status = STATUS_BAD_INPUT;
}

const struct bench_options *bench_options(const struct bench_session *session)
{
	return session->options;
}

bool bench_matches(const char *globs, const char *name, const char *mode)
{
	char full[256], glob[256];
	size_t len;

	snprintf(full, sizeof(full), "%s/%s", name, mode);
	for (const char *at = globs; at; at = at[len] ? at + len + 1 : NULL) {
		len = strcspn(at, ",");
		snprintf(glob, sizeof(glob), "%.*s", (int)len, at);
		if (!fnmatch(glob, name, 0) || !fnmatch(glob, full, 0))
			return true;
	}
	return !globs;
}

bool bench_wanted(const struct bench_session *session, const char *name, const char *mode)
{
	return bench_matches(session->options->case_glob, name, mode);
}

void bench_skip(struct bench_session *session, const char *index, const char *name,
		const char *mode, size_t vmas, const char *reason)
{
	progress_clear(&session->progress);
	fprintf(session->options->talk, "skipped: %s, %s/%s, %zu VMAs: %s\n", index, name, mode,
		vmas, escape_text(reason));
	fflush(session->options->talk);
	json_array_append_new(session->lists[SKIPPED],
			      json_pack("{s:s, s:s, s:s, s:I, s:s}", "index", index, "case", name,
					"mode", mode, "vmas", (json_int_t)vmas, "reason", reason));
}

void bench_note(struct bench_session *session, const char *name, const char *note)
{
	progress_clear(&session->progress);
	fprintf(session->options->talk, "note: %s: %s\n", name, escape_text(note));
	fflush(session->options->talk);
	json_array_append_new(session->lists[NOTES],
			      json_pack("{s:s, s:s}", "case", name, "reason", escape_text(note)));
}

void bench_fail(struct bench_session *session, const char *name, const char *mode, size_t vmas,
		const char *reason)
{
	progress_clear(&session->progress);
	fprintf(stderr, "FAILED: %s/%s, %zu VMAs: %s\n", name, mode, vmas, escape_text(reason));
	session->status = STATUS_DIFFERENCE;
	json_array_append_new(session->lists[FAILED],
			      json_pack("{s:s, s:s, s:I, s:s}", "case", name, "mode", mode, "vmas",
					(json_int_t)vmas, "reason", reason));
}

void bench_memory(struct bench_session *session, json_t *memory)
{
	json_array_append_new(session->lists[MEMORY], memory);
}

void bench_part(struct bench_session *session, json_t *part)
{
	json_array_append_new(session->lists[PARTS], part);
}

void bench_speed(struct bench_session *session, json_t *speed)
{
	json_array_append_new(session->lists[SPEED], speed);
}

void bench_latency(struct bench_session *session)
{
	if (session->options->count || !bench_wanted(session, "latency", "load") ||
	    !bench_case_left(session, "latency", "load", 0))
		return;
	bench_done(session, 0, "latency of the memory");
	bench_case_begin(session, "latency", "load", 0);
	json_object_set_new(session->context, "latency", latency_measure());
	if (saved_stopped())
		json_object_del(session->context, "latency");
	bench_case_end(session);
}

void bench_plan(struct bench_session *session, double weight)
{
	progress_plan(&session->progress, weight);
}

void bench_done(struct bench_session *session, double weight, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	progress_done(&session->progress, weight, format, args);
	va_end(args);
}

/* ---- the checked pass ---- */

static bool same_case(const struct bench_entry *a, const struct bench_entry *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->mode, b->mode) && a->vmas == b->vmas;
}

/* The entry's case failed: none of its numbers may be shown. */
static void fail_case(struct bench_session *session, struct bench_entry *entries, size_t n,
		      const struct bench_entry *entry, const char *reason)
{
	bench_fail(session, entry->name, entry->mode, entry->vmas, reason);
	for (size_t i = 0; i < n; i++) {
		if (same_case(&entries[i], entry))
			entries[i].skipped = true;
	}
}

/* The numbers of an entry that is wrong by itself are not compared or timed. */
static void fail_entry(struct bench_session *session, struct bench_entry *entry, const char *reason)
{
	char text[512];

	snprintf(text, sizeof(text), "%s: %s", entry->index, reason);
	bench_fail(session, entry->name, entry->mode, entry->vmas, text);
	entry->skipped = true;
}

static const char *run_and_restore(struct bench_entry *entry, uint64_t n)
{
	const char *error = entry->run(entry->ctx, n);

	if (entry->restore)
		entry->restore(entry->ctx);
	return error;
}

/*
 * Runs a few operations, more each time, until their cost shows.  Sets op_seconds, to what
 * one takes, restored, and probed; returns what all of the last run took.
 */
static double probe(struct bench_entry *entry, const char **error)
{
	double spent = 0;
	uint64_t n = entry->unit;

	for (;; n *= 2) {
		double begin = cpu_seconds();

		n = min(n, entry->batch);
		*error = run_and_restore(entry, n);
		spent = cpu_seconds() - begin;
		if (entry->rewind)
			entry->rewind(entry->ctx);
		if (*error || spent > PROBE_SECONDS || n == entry->batch)
			break;
	}
	entry->op_seconds = spent / n;
	entry->probed = n;
	return spent;
}

/* Would a cycle take longer than the limit?  The best of several probes says so. */
static bool is_slow(struct bench_entry *entry, double limit, const char **error)
{
	double spent, best = INFINITY;
	unsigned probes = 0;

	do {
		spent = probe(entry, error);
		best = entry->op_seconds = min(best, entry->op_seconds);
	} while (!*error && best * entry->cycle > limit && spent < SURE_SECONDS &&
		 ++probes < PROBES);
	return best * entry->cycle > limit;
}

/*
 * One cycle, in steps that are short against the limit; false if it takes
 * longer than that nevertheless.  Sets op_seconds, from what was done.
 */
static bool run_cycle(struct bench_entry *entry, double limit, const char **error)
{
	uint64_t step = limit / LOOKS / max(entry->op_seconds, 1e-9), done = 0;
	double begin = cpu_seconds(), spent = 0;

	step = min(max(step / entry->unit, (uint64_t)1) * entry->unit, entry->batch);
	while (!*error && done < entry->cycle && spent <= limit && !saved_stopped()) {
		uint64_t now = min(step, entry->cycle - done);

		*error = run_and_restore(entry, now);
		done += now;
		spent = cpu_seconds() - begin;
		entry->op_seconds = spent / done;
	}
	return done == entry->cycle;
}

static void skip_slow(struct bench_session *session, struct bench_entry *entry)
{
	char reason[160];

	snprintf(reason, sizeof(reason),
		 "an operation takes %.3g ms, a pass of %lu %.3g s: more "
		 "than %g s",
		 entry->op_seconds * 1e3, (unsigned long)entry->cycle,
		 entry->op_seconds * entry->cycle, session->options->limit);
	bench_skip(session, entry->index, entry->name, entry->mode, entry->vmas, reason);
	entry->skipped = true;
}

void bench_check(struct bench_session *session, struct bench_entry *entry)
{
	double limit = session->options->limit;
	const char *error = NULL;

	if (saved_stopped()) {
		entry->skipped = true;
		return;
	}
	bool slow = is_slow(entry, limit, &error);

	if (!error &&
	    (slow || (entry->probed < entry->cycle && !run_cycle(entry, limit, &error)))) {
		if (entry->rewind)
			entry->rewind(entry->ctx);
		if (saved_stopped())
			entry->skipped = true;
		else
			skip_slow(session, entry);
		return;
	}
	entry->digest = entry->hash(entry->ctx);
	if (error)
		fail_entry(session, entry, error);
}

/* All entries of a case have the digest of the first one that counts, or the case fails. */
static void compare_digests(struct bench_session *session, struct bench_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bench_entry *a = &entries[i];

		if (a->skipped || a->null)
			continue;
		for (size_t j = i + 1; j < n; j++) {
			struct bench_entry *b = &entries[j];
			char reason[256];

			if (b->skipped || b->null || !same_case(a, b) || a->digest == b->digest)
				continue;
			snprintf(reason, sizeof(reason),
				 "the state hashes differ: %s %016lx, %s %016lx", a->index,
				 (unsigned long)a->digest, b->index, (unsigned long)b->digest);
			fail_case(session, entries, n, a, reason);
			break;
		}
	}
}

/* ---- times ---- */

/* What Google Benchmark's wrapper calls; the entry with the session beside it. */
struct timed {
	struct bench_session *session;
	struct bench_entry *entry;
	json_t *results; /* its repetitions and their aggregates */
	int family;
};

static const char *timed_run(void *ctx, uint64_t n)
{
	struct timed *timed = ctx;

	return saved_stopped() ? "stopped" : timed->entry->run(timed->entry->ctx, n);
}

static void timed_restore(void *ctx)
{
	struct timed *timed = ctx;

	timed->entry->restore(timed->entry->ctx);
}

static void timed_end(void *ctx)
{
	struct timed *timed = ctx;
	struct bench_entry *entry = timed->entry;

	if (entry->rewind)
		entry->rewind(entry->ctx);
	bench_done(timed->session, 0, "%s/%s, %zu VMAs: %s", entry->name, entry->mode, entry->vmas,
		   entry->index);
}

/* A batch that takes long is a long mean by itself. */
static unsigned repetitions_of(const struct bench_entry *entry, unsigned repetitions)
{
	return entry->op_seconds * entry->batch > LONG_SECONDS ? min(repetitions, 3u) : repetitions;
}

/* Whole batches that take at least min_time. */
static uint64_t repetition(const struct bench_options *options, const struct bench_entry *entry)
{
	double batches = options->min_time / max(entry->op_seconds * entry->batch, 1e-9);

	return max((uint64_t)batches, (uint64_t)1) * entry->batch;
}

static void add_timed(struct timed *timed, unsigned repetitions)
{
	const struct bench_entry *entry = timed->entry;
	struct gbench_case bench = {
		.ctx = timed,
		.run = timed_run,
		.restore = entry->restore ? timed_restore : NULL,
		.end = timed_end,
		.batch = entry->batch,
		.operations = repetition(timed->session->options, entry),
		.repetitions = repetitions_of(entry, repetitions),
	};

	gbench_add(&bench);
}

/* Google Benchmark's entry gets our names and fields. */
static void name_result(const struct timed *timed, json_t *result)
{
	const struct bench_entry *entry = timed->entry;
	const char *aggregate = json_string_value(json_object_get(result, "aggregate_name"));
	char name[320], full[352], hash[32];

	snprintf(name, sizeof(name), "%s/%s/%zu/%s", entry->name, entry->mode, entry->vmas,
		 entry->index);
	snprintf(full, sizeof(full), "%s%s%s", name, aggregate ? "_" : "",
		 aggregate ? aggregate : "");
	snprintf(hash, sizeof(hash), "%016lx", (unsigned long)entry->digest);
	json_object_set_new(result, "name", json_string(full));
	json_object_set_new(result, "run_name", json_string(name));
	json_object_set_new(result, "family_index", json_integer(timed->family));
	json_object_set_new(result, "index", json_string(entry->index));
	json_object_set_new(result, "case", json_string(entry->name));
	json_object_set_new(result, "vmas", json_integer(entry->vmas));
	json_object_set_new(result, "mode", json_string(entry->mode));
	if (!entry->null)
		json_object_set_new(result, "hash", json_string(hash));
}

/* Gives each result to its entry; the results are named by the number of the entry. */
static void take_results(struct bench_session *session, struct timed *timed, const char *text)
{
	json_error_t error;
	json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, &error), *result, *value;
	const char *key;
	size_t i;

	if (!all) {
		fprintf(stderr, "vmabench: Google Benchmark's JSON: %s\n", error.text);
		abort();
	}
	json_object_foreach(json_object_get(all, "context"), key, value) {
		if (!json_object_get(session->context, key))
			json_object_set(session->context, key, value);
	}
	json_array_foreach(json_object_get(all, "benchmarks"), i, result) {
		const char *name = json_string_value(json_object_get(result, "run_name"));
		struct timed *whose = &timed[strtoul(name, NULL, 10)];

		value = json_object_get(result, "error_message");
		if (value && !whose->entry->skipped && !saved_stopped())
			fail_entry(session, whose->entry, json_string_value(value));
		name_result(whose, result);
		json_array_append(whose->results, result);
	}
	json_decref(all);
}

/* A pass of its own, as long as a repetition, with the processor's counters on. */
static void count_events(struct bench_session *session, struct timed *timed)
{
	struct bench_entry *entry = timed->entry;
	uint64_t n = repetition(session->options, entry);
	json_t *result;
	size_t i;

	if (!session->counters.n)
		return;
	double sum[COUNTERS_MAX] = { 0 };

	for (uint64_t done = 0; done < n; done += entry->batch) {
		counters_start(&session->counters);
		entry->run(entry->ctx, entry->batch);
		counters_stop(&session->counters);
		for (unsigned k = 0; k < session->counters.n; k++)
			sum[k] += session->counters.value[k];
		if (entry->restore)
			entry->restore(entry->ctx);
	}
	if (entry->rewind)
		entry->rewind(entry->ctx);
	json_array_foreach(timed->results, i, result) {
		for (unsigned k = 0; k < session->counters.n; k++)
			json_object_set_new(result, session->counters.name[k],
					    json_real(sum[k] / n));
	}
}

/* For callgrind: the only function it looks into, once for each entry. */
__attribute__((noinline)) static const char *bench_counted(struct bench_entry *entry, uint64_t n)
{
	const char *error = entry->run(entry->ctx, n);

	__asm__ volatile("" ::: "memory");
	return error;
}

/* Instead of times: exactly that many operations of each, rounded up to whole batches. */
static void run_counted(struct bench_session *session, struct bench_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct bench_entry *entry = &entries[i];
		uint64_t done = 0;

		if (entry->skipped)
			continue;
		for (; done < session->options->count; done += entry->batch) {
			const char *error = bench_counted(entry, entry->batch);

			if (error)
				fail_entry(session, entry, error);
			if (entry->restore)
				entry->restore(entry->ctx);
		}
		if (entry->rewind)
			entry->rewind(entry->ctx);
		printf("%s/%s %zu %s operations %lu\n", entry->name, entry->mode, entry->vmas,
		       entry->index, (unsigned long)done);
	}
}

static void verify_all(struct bench_session *session, struct bench_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *error;
		char reason[512];

		if (entries[i].skipped || entries[i].null)
			continue;
		error = entries[i].verify(entries[i].ctx);
		if (!error)
			continue;
		snprintf(reason, sizeof(reason), "%s: %s", entries[i].index, error);
		fail_case(session, entries, n, &entries[i], reason);
	}
}

void bench_time(struct bench_session *session, struct bench_entry *entries, size_t n,
		unsigned repetitions)
{
	struct timed *timed = calloc(n + 1, sizeof(*timed));
	size_t ntimed = 0;

	if (!saved_stopped())
		compare_digests(session, entries, n);
	if (session->options->count)
		run_counted(session, entries, n);
	for (size_t i = 0; timed && !session->options->count && !saved_stopped() && i < n; i++) {
		if (entries[i].skipped)
			continue;
		timed[ntimed] = (struct timed){
			.session = session,
			.entry = &entries[i],
			.results = json_array(),
			.family = session->families++,
		};
		add_timed(&timed[ntimed++], repetitions);
	}
	if (ntimed) {
		char *text = gbench_run();

		take_results(session, timed, text);
		free(text);
	}
	for (size_t i = 0; i < ntimed && !saved_stopped(); i++) {
		if (!timed[i].entry->skipped)
			count_events(session, &timed[i]);
	}
	if (!saved_stopped())
		verify_all(session, entries, n);
	for (size_t i = 0; i < ntimed; i++) {
		if (!timed[i].entry->skipped)
			json_array_extend(session->lists[BENCHMARKS], timed[i].results);
		json_decref(timed[i].results);
	}
	noise_sample(&session->noise);
	free(timed);
}
