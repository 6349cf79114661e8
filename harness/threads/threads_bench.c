/*
 * threads_bench - concurrent workloads measured (see threads_bench.h)
 *
 *	for each number of VMAs, for what threads run on (an index, an mm):
 *	    spaces     one for each index, of an mm for each index and locking
 *	    for each workload and number of threads:
 *	        rates      repetitions, the spaces in a new order each time; medians
 *	        latencies  one more run of each that times every operation
 *	        verify     each space, after each workload: else all its rows are void
 *	        save       the rows so far (saved.h)
 *
 * How many operations a thread does is found out for each space and number of threads,
 * and is the same then in all repetitions.
 */
#include "harness/threads/threads_bench.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/exit_status.h"
#include "base/escape.h"
#include "harness/measure/host.h"
#include "harness/measure/progress.h"
#include "harness/measure/results.h"
#include "harness/threads/threads_replay.h"

#define AT_ONCE       4000000 /* VMAs of all spaces that there are at a time */
#define FIRST_OPS     64
#define PROBE_SECONDS 0.001

struct seat;

struct session {
	const struct threads_options *options;
	struct noise noise;
	struct progress progress;
	json_t *context, *rows, *skipped, *failed, *notes;
	const struct seat *seats; /* whose rows are not in rows yet */
	unsigned nseats;
	double steps, done; /* of the progress display */
	int status;
	const char *last; /* workload in the table */
};

/* One space and what was found of it with one workload and number of threads. */
struct seat {
	struct threads_setup setup;
	void *space;
	uint64_t ops;
	double rates[THREADS_REPETITIONS], cpu_rates[THREADS_REPETITIONS],
		writer_rates[THREADS_REPETITIONS];
	unsigned n;
	struct histogram latency;
	struct threads_tally before;
	const char *wrong;
	json_t *rows;
	size_t done; /* rows of workloads that are done */
};

/* ---- one row ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), by_value);
	return n ? (values[(n - 1) / 2] + values[n / 2]) / 2 : 0;
}

static json_t *latencies(const struct histogram *latency)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "p50",
			 (json_int_t)histogram_quantile(latency, 0.5), "p99",
			 (json_int_t)histogram_quantile(latency, 0.99), "p99.9",
			 (json_int_t)histogram_quantile(latency, 0.999), "max",
			 (json_int_t)latency->largest);
}

static json_t *row_of(const struct threads_workload *workload, struct seat *seat, unsigned threads)
{
	struct threads_tally tally = { 0 }, *before = &seat->before;
	double rate = median(seat->rates, seat->n);
	json_t *row = json_pack(
		"{s:s, s:s, s:s, s:I, s:i, s:I, s:f, s:f, s:f, s:f}", "workload", workload->name,
		"index", seat->setup.ops->name, "locking", workload->ground->locking(&seat->setup),
		"vmas", (json_int_t)seat->setup.layout->vmas, "threads", threads, "ops",
		(json_int_t)seat->ops, "rate", rate, "slowest", seat->rates[0], "fastest",
		seat->rates[seat->n - 1], "cpu_rate", median(seat->cpu_rates, seat->n));

	workload->ground->tally(seat->space, &tally);
	if (workload->write && threads > 1)
		json_object_set_new(row, "writer_rate",
				    json_real(median(seat->writer_rates, seat->n)));
	if (workload->ground->has_mm) {
		json_object_set_new(row, "faults", json_integer(tally.faults - before->faults));
		json_object_set_new(row, "fallbacks",
				    json_integer(tally.fallbacks - before->fallbacks));
		json_object_set_new(row, "retries", json_integer(tally.retries - before->retries));
	}
	json_object_set_new(row, "grace_periods",
			    json_integer(tally.grace_periods - before->grace_periods));
	json_object_set_new(row, "held_bytes", json_integer(tally.held));
	json_object_set_new(row, "index_bytes", json_integer(tally.index_bytes));
	json_object_set_new(row, "index_peak_bytes", json_integer(tally.index_peak));
	if (seat->latency.n)
		json_object_set_new(row, "latency", latencies(&seat->latency));
	return row;
}

/* ---- the table ---- */

static double number(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

static void print_row(struct session *session, const json_t *row)
{
	FILE *out = session->options->talk;
	const char *workload = json_string_value(json_object_get(row, "workload"));
	const json_t *latency = json_object_get(row, "latency");
	static const char *const quantiles[] = { "p50", "p99", "p99.9", "max" };
	char rate[32], writer[32] = "-";

	progress_clear(&session->progress);
	if (!session->last || strcmp(session->last, workload))
		fprintf(out, "\n%-17s %8s %-16s %-10s %7s %9s %9s %8s %8s %8s %8s %9s\n", workload,
			"VMAs", "index", "locking", "threads", "ops/s", "writer/s", "p50 ns", "p99",
			"p99.9", "max", "fallbacks");
	session->last = workload;
	results_number(number(row, "rate"), rate, sizeof(rate));
	if (json_object_get(row, "writer_rate"))
		results_number(number(row, "writer_rate"), writer, sizeof(writer));
	fprintf(out, "%-17s %8.0f %-16s %-10s %7.0f %9s %9s", "", number(row, "vmas"),
		json_string_value(json_object_get(row, "index")),
		json_string_value(json_object_get(row, "locking")), number(row, "threads"), rate,
		writer);
	for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++)
		fprintf(out, " %8.0f", latency ? number(latency, quantiles[i]) : 0);
	fprintf(out, " %9.0f\n", number(row, "fallbacks"));
	fflush(out);
}

static void fail(struct session *session, const char *name, const struct threads_ground *ground,
		 const struct seat *seat, unsigned threads)
{
	char reason[256];

	snprintf(reason, sizeof(reason), "%s, %s, %u threads: %s", seat->setup.ops->name,
		 ground->locking(&seat->setup), threads, seat->wrong);
	fprintf(session->options->talk, "FAILED %s at %zu VMAs: %s\n", name,
		seat->setup.layout->vmas, reason);
	json_array_append_new(session->failed,
			      json_pack("{s:s, s:s, s:I, s:s}", "case", name, "mode", "threads",
					"vmas", (json_int_t)seat->setup.layout->vmas, "reason",
					reason));
	session->status = STATUS_DIFFERENCE;
}

/* ---- runs ---- */

/* One run: its times go into the seat unless something went wrong in an earlier one. */
static void run_once(struct session *session, const struct threads_workload *workload,
		     struct seat *seat, unsigned threads, struct histogram *latency)
{
	struct threads_times times;
	int err;

	if (seat->wrong || saved_stopped())
		return;
	err = threads_run(workload, seat->space, threads, seat->ops,
			  session->options->seed + seat->n, latency, &times);
	seat->wrong = err ? strerror(-err) : times.wrong;
	if (seat->wrong || latency)
		return;
	seat->rates[seat->n] = times.rate;
	seat->cpu_rates[seat->n] = times.cpu_rate;
	seat->writer_rates[seat->n++] = times.writer_rate;
}

/* As many operations as each thread does in the time that a run is to take. */
static void find_ops(struct session *session, const struct threads_workload *workload,
		     struct seat *seat, unsigned threads)
{
	const struct threads_options *options = session->options;
	struct threads_times times = { 0 };

	for (seat->ops = FIRST_OPS;
	     !seat->wrong && times.seconds < PROBE_SECONDS && !saved_stopped(); seat->ops *= 4) {
		int err = threads_run(workload, seat->space, threads, seat->ops, options->seed,
				      NULL, &times);

		seat->wrong = err ? strerror(-err) : times.wrong;
	}
	seat->ops = max(times.rate / threads * options->seconds, (double)FIRST_OPS);
}

static bool takes_part(const struct seat *seat, const struct threads_workload *workload,
		       unsigned threads)
{
	return seat->space && (threads == 1 || !workload->ground->has_mm || seat->setup.locking);
}

/* The seats in a new order each time, so that none has the quiet moments. */
static void shuffle(struct rng *rng, unsigned *order, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned j = rng_below(rng, i), swap = order[i - 1];

		order[i - 1] = order[j];
		order[j] = swap;
	}
}

static void measure(struct session *session, const struct threads_workload *workload,
		    struct seat *seats, unsigned n, unsigned threads)
{
	const struct threads_options *options = session->options;
	unsigned order[n];
	struct rng rng;

	rng_seed(&rng, options->seed);
	for (unsigned i = 0; i < n; i++) {
		order[i] = i;
		seats[i].n = 0;
		seats[i].latency = (struct histogram){ 0 };
		if (seats[i].space)
			workload->ground->tally(seats[i].space, &seats[i].before);
	}
	for (unsigned r = 0; r < options->repetitions; r++) {
		shuffle(&rng, order, n);
		for (unsigned i = 0; i < n; i++) {
			if (takes_part(&seats[order[i]], workload, threads))
				run_once(session, workload, &seats[order[i]], threads, NULL);
		}
	}
	for (unsigned i = 0; i < n && options->latency; i++) {
		if (takes_part(&seats[i], workload, threads))
			run_once(session, workload, &seats[i], threads, &seats[i].latency);
	}
}

/* A row, kept with the seat until the space is verified. */
static void conclude(struct session *session, const struct threads_workload *workload,
		     struct seat *seat, unsigned threads)
{
	json_t *row;

	if (!takes_part(seat, workload, threads) || saved_stopped())
		return;
	if (seat->wrong) {
		fail(session, workload->name, workload->ground, seat, threads);
		return;
	}
	row = row_of(workload, seat, threads);
	print_row(session, row);
	json_array_append_new(seat->rows, row);
}

__attribute__((format(printf, 2, 3))) static void step(struct session *session, const char *format,
						       ...)
{
	char text[128];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	progress_at(&session->progress, session->done++ / session->steps, "%s", text);
}

static void run_workload(struct session *session, const struct threads_workload *workload,
			 struct seat *seats, unsigned n)
{
	const struct threads_options *options = session->options;

	for (unsigned t = 0; t < options->nthreads && !saved_stopped(); t++) {
		unsigned threads = options->threads[t];

		step(session, "%s, %zu VMAs, %u threads", workload->name, seats->setup.layout->vmas,
		     threads);
		for (unsigned i = 0; i < n; i++) {
			seats[i].ops = options->ops;
			if (!options->ops && takes_part(&seats[i], workload, threads))
				find_ops(session, workload, &seats[i], threads);
		}
		measure(session, workload, seats, n, threads);
		for (unsigned i = 0; i < n; i++)
			conclude(session, workload, &seats[i], threads);
	}
}

/* ---- spaces ---- */

/* Once: a run that is resumed may find it out again. */
static void add_once(json_t *list, json_t *entry)
{
	json_t *other;
	size_t i;

	json_array_foreach(list, i, other) {
		if (json_equal(other, entry)) {
			json_decref(entry);
			return;
		}
	}
	json_array_append_new(list, entry);
}

static void skip(struct session *session, const struct threads_ground *ground,
		 const struct threads_setup *setup)
{
	fprintf(session->options->talk, "skipped: %s, %s, %zu VMAs: out of memory\n",
		setup->ops->name, ground->locking(setup), setup->layout->vmas);
	add_once(session->skipped,
		 json_pack("{s:s, s:s, s:s, s:I, s:s}", "index", setup->ops->name, "case",
			   "threads", "mode", ground->locking(setup), "vmas",
			   (json_int_t)setup->layout->vmas, "reason", "out of memory"));
}

/* ---- workloads that are done ---- */

static bool has(const struct session *session, const char *name)
{
	return session->options->saved && saved_has(session->options->saved, name);
}

static void done(struct session *session, const char *name)
{
	if (session->options->saved && saved_case(session->options->saved, name))
		session->status = STATUS_BAD_INPUT;
}

/* What should be there is there, or all rows of the seat are void. */
static void verify_seat(struct session *session, const struct threads_ground *ground,
			struct seat *seat)
{
	if (!seat->space || seat->wrong)
		return;
	seat->wrong = ground->verify(seat->space);
	if (seat->wrong)
		fail(session, "all", ground, seat, seat->setup.threads);
	seat->done = json_array_size(seat->rows);
}

/* One workload on all seats: its rows count once the spaces are verified. */
static void run_case(struct session *session, const struct threads_workload *workload,
		     struct seat *seats, unsigned n, unsigned first)
{
	char name[128];

	snprintf(name, sizeof(name), "%s/%zu/%u", workload->name, seats->setup.layout->vmas, first);
	if (has(session, name) || saved_stopped())
		return;
	run_workload(session, workload, seats, n);
	if (saved_stopped())
		return;
	for (unsigned i = 0; i < n; i++)
		verify_seat(session, workload->ground, &seats[i]);
	done(session, name);
}

static void add_rows(json_t *rows, const struct seat *seat)
{
	for (size_t i = 0; i < seat->done && !seat->wrong; i++)
		json_array_append(rows, json_array_get(seat->rows, i));
}

static void end_seat(struct session *session, const struct threads_ground *ground,
		     struct seat *seat)
{
	add_rows(session->rows, seat);
	json_decref(seat->rows);
	if (seat->space)
		ground->close(seat->space);
}

static void run_seats(struct session *session, const struct threads_ground *ground,
		      struct seat *seats, unsigned n, unsigned first)
{
	const struct threads_options *options = session->options;

	for (unsigned i = 0; i < n; i++) {
		seats[i].space = ground->open(&seats[i].setup);
		seats[i].rows = json_array();
		if (!seats[i].space)
			skip(session, ground, &seats[i].setup);
	}
	session->seats = seats;
	session->nseats = n;
	for (unsigned w = 0; w < options->nworkloads; w++) {
		if (options->workloads[w]->ground == ground)
			run_case(session, options->workloads[w], seats, n, first);
	}
	session->nseats = 0;
	for (unsigned i = 0; i < n; i++)
		end_seat(session, ground, &seats[i]);
}

static void run_ground(struct session *session, const struct threads_ground *ground,
		       const struct layout *layout)
{
	const struct threads_options *options = session->options;
	unsigned schemes = ground->has_mm ? options->nschemes : 1, n = 0;
	unsigned all = options->indexes.n * schemes;
	unsigned room = max(min((size_t)all, AT_ONCE / layout->vmas), (size_t)1);
	struct seat *seats = calloc(room, sizeof(*seats));

	for (unsigned i = 0; seats && i < all; i++) {
		seats[n++] =
			(struct seat){ .setup = {
					       .ops = options->indexes.ops[i % options->indexes.n],
					       .layout = layout,
					       .locking = ground->has_mm
								  ? options->schemes
									    [i / options->indexes.n]
								  : NULL,
					       .threads = options->threads[options->nthreads - 1],
				       } };
		if (n < room && i + 1 < all)
			continue;
		run_seats(session, ground, seats, n, i + 1 - n);
		n = 0;
	}
	free(seats);
}

/* ---- recorded programs ---- */

static void replay_seat(struct session *session, const char *name, const struct threads_plan *plan,
			struct seat *seat, unsigned threads)
{
	const struct threads_options *options = session->options;
	struct threads_times times;
	json_t *row;

	for (unsigned r = 0; r < options->repetitions && !seat->wrong && !saved_stopped(); r++) {
		int err =
			threads_replay(plan, seat->setup.ops, seat->setup.locking, threads, &times);

		seat->wrong = err ? strerror(-err) : times.wrong;
		seat->rates[seat->n++] = times.rate;
	}
	if (saved_stopped())
		return;
	if (seat->wrong) {
		fail(session, name, &threads_mm_ground, seat, threads);
		return;
	}
	row = json_pack("{s:s, s:s, s:s, s:I, s:i, s:I, s:f}", "workload", name, "index",
			seat->setup.ops->name, "locking", threads_mm_ground.locking(&seat->setup),
			"vmas", (json_int_t)0, "threads", threads, "ops",
			(json_int_t)plan->program->n, "rate", median(seat->rates, seat->n));
	print_row(session, row);
	json_array_append_new(session->rows, row);
}

/* What the recorded order leaves to gain, if all events took the same time. */
static void print_bound(struct session *session, const char *name, const struct threads_plan *plan,
			unsigned threads)
{
	double one = threads_plan_length(plan, 1);

	progress_clear(&session->progress);
	fprintf(session->options->talk,
		"\n%s: with %u threads at most %.2f times as fast as with one\n", name, threads,
		one / threads_plan_length(plan, threads));
}

static void replay_all(struct session *session, const char *name, const struct threads_plan *plan)
{
	const struct threads_options *options = session->options;
	struct layout none = { 0 };

	for (unsigned t = 0; t < options->nthreads; t++) {
		step(session, "%s, %u threads", name, options->threads[t]);
		if (options->threads[t] > 1)
			print_bound(session, name, plan, options->threads[t]);
		for (unsigned i = 0; i < options->indexes.n * options->nschemes; i++) {
			struct seat *seat = calloc(1, sizeof(*seat));

			if (!seat)
				return;
			seat->setup.layout = &none;
			seat->setup.ops = options->indexes.ops[i % options->indexes.n];
			seat->setup.locking = options->schemes[i / options->indexes.n];
			if (options->threads[t] == 1 || seat->setup.locking)
				replay_seat(session, name, plan, seat, options->threads[t]);
			free(seat);
		}
	}
}

static void replay_trace(struct session *session, const char *path)
{
	struct program program;
	struct threads_plan plan;
	struct trace_error error;
	size_t before = json_array_size(session->rows);
	const char *why;

	if (has(session, path) || saved_stopped())
		return;
	why = program_load(&program, path, &error);
	if (!why) {
		why = program_replay(&program);
		if (!why && threads_plan_make(&plan, &program))
			why = replay_out_of_memory();
		if (why)
			program_free(&program);
	}
	if (why) {
		fprintf(stderr, "vmabench threads: %s: %s\n", escape_text(path), escape_text(why));
		session->status = STATUS_BAD_INPUT;
		return;
	}
	if (*program.note) {
		fprintf(session->options->talk, "note: %s: %s\n", program.name,
			escape_text(program.note));
		json_array_append_new(session->notes,
				      json_pack("{s:s, s:s}", "case", program.name, "reason",
						escape_text(program.note)));
	}
	replay_all(session, program.name, &plan);
	while (saved_stopped() && json_array_size(session->rows) > before)
		json_array_remove(session->rows, before);
	if (!saved_stopped())
		done(session, path);
	threads_plan_done(&plan);
	program_free(&program);
}

/* ---- all ---- */

static void run_size(struct session *session, size_t vmas)
{
	const struct threads_options *options = session->options;
	struct layout *layout = layout_create(vmas, options->seed);
	const struct threads_ground *last = NULL;

	for (unsigned w = 0; layout && w < options->nworkloads; w++) {
		const struct threads_ground *ground = options->workloads[w]->ground;

		if (ground != last)
			run_ground(session, ground, layout);
		last = ground;
	}
	if (!layout)
		fprintf(options->talk, "skipped: %zu VMAs: out of memory\n", vmas);
	layout_destroy(layout);
}

static json_t *results_now(void *ctx)
{
	const struct session *session = ctx;
	struct noise noise = session->noise;
	json_t *context = json_copy(session->context), *rows = json_copy(session->rows);

	json_object_set_new(context, "noise", noise_end(&noise));
	for (unsigned i = 0; i < session->nseats; i++)
		add_rows(rows, &session->seats[i]);
	return json_pack("{s:i, s:o, s:[], s:o, s:O, s:O, s:O}", "schema", RESULTS_SCHEMA,
			 "context", context, "benchmarks", "threads", rows, "skipped",
			 session->skipped, "failed", session->failed, "notes", session->notes);
}

static void run_all(struct session *session)
{
	const struct threads_options *options = session->options;

	session->steps = (double)options->nthreads *
			 (options->nsizes * options->nworkloads + options->ntraces);
	for (unsigned i = 0; i < options->nsizes && !saved_stopped(); i++) {
		run_size(session, options->sizes[i]);
		noise_sample(&session->noise);
	}
	for (unsigned i = 0; i < options->ntraces; i++)
		replay_trace(session, options->traces[i]);
	progress_clear(&session->progress);
}

/* Takes on what an earlier run left. */
static int begin_saved(struct session *session, struct saved *saved)
{
	const json_t *before;

	saved->results = results_now;
	saved->ctx = session;
	if (saved_begin(saved, session->context))
		return -1;
	before = saved_before(saved);
	if (!before)
		return 0;
	json_array_extend(session->rows, json_object_get(before, "threads"));
	json_array_extend(session->skipped, json_object_get(before, "skipped"));
	json_array_extend(session->notes, json_object_get(before, "notes"));
	json_array_extend(session->failed, json_object_get(before, "failed"));
	if (json_array_size(session->failed))
		session->status = STATUS_DIFFERENCE;
	return 0;
}

json_t *threads_bench(const struct threads_options *options, int *status)
{
	struct session session = {
		.options = options,
		.context = json_object(),
		.rows = json_array(),
		.skipped = json_array(),
		.notes = json_array(),
		.failed = json_array(),
	};
	json_t *results;

	host_describe(session.context);
	json_object_set_new(session.context, "processors", json_integer(threads_processors()));
	json_object_set_new(session.context, "repetitions", json_integer(options->repetitions));
	json_object_set_new(session.context, "seed", json_integer(options->seed));
	noise_begin(&session.noise);
	progress_begin(&session.progress, options->progress);
	if (options->saved && begin_saved(&session, options->saved))
		session.status = STATUS_BAD_INPUT;
	else
		run_all(&session);
	if (session.status != STATUS_BAD_INPUT && options->saved && saved_end(options->saved))
		session.status = STATUS_BAD_INPUT;
	results = results_now(&session);
	json_decref(session.context);
	json_decref(session.rows);
	json_decref(session.skipped);
	json_decref(session.notes);
	json_decref(session.failed);
	*status = session.status;
	return results;
}
