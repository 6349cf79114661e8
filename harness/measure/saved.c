/*
 * saved - the results of a run are in its file while it goes on (see saved.h)
 */
#include "harness/measure/saved.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "harness/measure/clock.h"
#include "harness/measure/results.h"

#define SHARE 10 /* saving takes one part in so many of the time */

/* ---- signals ---- */

static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
static volatile sig_atomic_t stopped_by;

static void stop(int signal)
{
	stopped_by = signal;
}

static void take_no_notice(int signal)
{
	(void)signal;
}

/* Unless it is ignored: a handler, for one time where once is said. */
static void take(int signal, void (*handler)(int signal), bool once)
{
	struct sigaction action = { .sa_handler = handler,
				    .sa_flags = SA_RESTART | (once ? (int)SA_RESETHAND : 0) };
	struct sigaction now;

	if (!sigaction(signal, NULL, &now) && now.sa_handler != SIG_IGN)
		sigaction(signal, &action, NULL);
}

bool saved_stopped(void)
{
	return stopped_by;
}

/* ---- going on with an earlier run ---- */

static int refuse(const struct saved *saved, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", saved->who, escape_text(saved->path), escape_text(why));
	return -1;
}

static int differs(const struct saved *saved, const char *key, const json_t *was, const json_t *is)
{
	char *old = was ? json_dumps(was, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
	char *new = is ? json_dumps(is, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

	fprintf(stderr, "%s: %s: --resume: %s was %s, now it is %s\n", saved->who,
		escape_text(saved->path), key, old ? old : "not said", new ? new : "not said");
	free(old);
	free(new);
	return -1;
}

/* Do build, machine and options agree with the file's? */
static int same_run(const struct saved *saved, const json_t *context)
{
	static const char *const keys[] = { "commit", "flags",  "compiler", "cpu", "num_cpus",
					    "memory", "kernel", "arch",     "os",  "thp" };
	const json_t *old = json_object_get(saved->before, "context"), *value;
	const json_t *options = json_object_get(saved->before, "options");
	const char *key;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const json_t *was = json_object_get(old, keys[i]),
			     *is = json_object_get(context, keys[i]);

		if (is && !json_equal(was, is))
			return differs(saved, keys[i], was, is);
	}
	json_object_foreach(saved->options, key, value) {
		if (!json_equal(json_object_get(options, key), value))
			return differs(saved, key, json_object_get(options, key), value);
	}
	return 0;
}

static int load_before(struct saved *saved, const json_t *context)
{
	char why[256];
	json_t *done;

	if (access(saved->path, F_OK) && errno == ENOENT)
		return 0;
	saved->before = results_read(saved->path, why, sizeof(why));
	if (!saved->before)
		return refuse(saved, why);
	if (json_integer_value(json_object_get(saved->before, "schema")) != RESULTS_SCHEMA)
		return refuse(saved, "--resume: not results of this program");
	if (same_run(saved, context))
		return -1;
	done = json_object_get(saved->before, "incomplete");
	if (!json_is_array(done))
		return refuse(saved, "--resume: is complete, nothing is missing");
	json_array_extend(saved->done, done);
	return 0;
}

/* ---- a run ---- */

int saved_begin(struct saved *saved, const json_t *context)
{
	saved->done = json_array();
	saved->out = (struct outfile){ .fd = -1, .device = -1 };
	stopped_by = 0;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		take(ends[i], stop, true);
	if (!saved->path) {
		if (saved->resume)
			fprintf(stderr, "%s: --resume needs --json FILE\n", saved->who);
		return saved->resume ? -1 : 0;
	}
	take(SIGPIPE, take_no_notice, false);
	if (outfile_open(&saved->out, strcmp(saved->path, "-") ? saved->path : "/dev/stdout",
			 0666)) {
		fprintf(stderr, "%s: %s\n", saved->who, escape_text(saved->out.why));
		return -1;
	}
	if (saved->resume && saved->out.through)
		return refuse(saved, "--resume: not a file");
	return saved->resume ? load_before(saved, context) : 0;
}

const json_t *saved_before(const struct saved *saved)
{
	return saved->before;
}

bool saved_has(const struct saved *saved, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach(saved->done, i, one) {
		if (!strcmp(json_string_value(one) ? json_string_value(one) : "", name))
			return true;
	}
	return false;
}

/* The results now, as the file's contents. */
static int put(struct saved *saved, bool complete)
{
	double begin = wall_seconds();
	json_t *root = saved->results(saved->ctx);
	int bad;

	json_object_set(root, "options", saved->options);
	if (!complete)
		json_object_set(root, "incomplete", saved->done);
	bad = results_put(root, &saved->out);
	if (bad)
		fprintf(stderr, "%s: %s\n", saved->who, escape_text(saved->out.why));
	json_decref(root);
	saved->at = wall_seconds();
	saved->took = saved->at - begin;
	return bad;
}

int saved_case(struct saved *saved, const char *name)
{
	json_array_append_new(saved->done, json_string(name));
	saved->cases++;
	if (!saved->path || saved->out.through || wall_seconds() - saved->at < saved->took * SHARE)
		return 0;
	return put(saved, false);
}

int saved_end(struct saved *saved)
{
	if (!saved->path)
		return 0;
	if (stopped_by && !saved->cases && !access(saved->path, F_OK)) {
		fprintf(stderr, "%s: %s is left as it was: no case was done\n", saved->who,
			escape_text(saved->path));
		return 0;
	}
	if (put(saved, !stopped_by))
		return -1;
	if (stopped_by)
		fprintf(stderr,
			"%s: %s has the %zu cases that were done; --resume does the others\n",
			saved->who, escape_text(saved->path), json_array_size(saved->done));
	return 0;
}

void saved_leave(struct saved *saved)
{
	outfile_close(&saved->out);
	json_decref(saved->options);
	json_decref(saved->before);
	json_decref(saved->done);
	if (!stopped_by)
		return;
	fflush(stdout);
	fprintf(stderr, "%s: ended: %s\n", saved->who, strsignal(stopped_by));
	signal(stopped_by, SIG_DFL); /* as if it had not been taken */
	raise(stopped_by);
}
