/*
 * results_check - what the lists of a result file may hold
 *
 * A table tells which fields the entries of each list have, and of which type; who reads
 * results may rely on it.  Lists and fields that are not in it may be anything.
 */
#include <math.h>
#include <string.h>

#include "harness/measure/results.h"

enum type {
	TEXT,     /* not empty */
	NUMBER,   /* whole, from 0 on */
	AMOUNT,   /* any number, from 0 on */
	POSITIVE, /* what others are divided by */
	OBJECT,
};

#define LARGEST 1e18 /* of numbers: their sums are numbers, too */

static const struct field {
	const char *list, *key;
	enum type type;
	bool optional;
} fields[] = {
	{ "benchmarks", "run_name", TEXT, true },
	{ "benchmarks", "index", TEXT, true },
	{ "benchmarks", "case", TEXT, true },
	{ "benchmarks", "mode", TEXT, true },
	{ "benchmarks", "vmas", NUMBER, true },
	{ "memory", "index", TEXT, false },
	{ "memory", "vmas", NUMBER, false },
	{ "memory", "fresh_bytes_per_vma", AMOUNT, false },
	{ "memory", "aged_bytes_per_vma", AMOUNT, false },
	{ "speed", "case", TEXT, true },
	{ "speed", "calls", NUMBER, false },
	{ "speed", "faults", NUMBER, false },
	{ "speed", "call_seconds", AMOUNT, false },
	{ "speed", "fault_seconds", AMOUNT, false },
	{ "speed", "replay_seconds", AMOUNT, false },
	{ "speed", "decode_seconds", AMOUNT, false },
	{ "threads", "workload", TEXT, false },
	{ "threads", "index", TEXT, false },
	{ "threads", "locking", TEXT, false },
	{ "threads", "vmas", NUMBER, false },
	{ "threads", "threads", NUMBER, false },
	{ "threads", "rate", POSITIVE, false },
	{ "threads", "writer_rate", AMOUNT, true },
	{ "threads", "latency", OBJECT, true },
	{ "threads", "faults", NUMBER, true },
	{ "threads", "fallbacks", NUMBER, true },
	{ "threads", "grace_periods", NUMBER, true },
	{ "parts", "case", TEXT, false },
	{ "parts", "part", TEXT, false },
	{ "parts", "index", TEXT, false },
	{ "parts", "seconds", AMOUNT, false },
	{ "parts", "ratio", POSITIVE, false },
	{ "parts", "finds", NUMBER, true },
	{ "parts", "find_cache_hits", NUMBER, true },
	{ "skipped", "reason", TEXT, false },
	{ "failed", "reason", TEXT, false },
	{ "notes", "case", TEXT, false },
	{ "notes", "reason", TEXT, false },
	{ "counts", "case", TEXT, false },
	{ "counts", "index", TEXT, false },
	{ "counts", "vmas", NUMBER, true },
	{ "counts", "instructions", AMOUNT, false },
	{ "worst", "index", TEXT, false },
	{ "worst", "vmas", NUMBER, false },
	{ "worst", "edits", NUMBER, false },
	{ "worst", "median", POSITIVE, false },
	{ "worst", "slowest", AMOUNT, false },
	{ "worst", "which", TEXT, false },
};

static const char *const type_names[] = {
	[TEXT] = "a text",
	[NUMBER] = "a whole number",
	[AMOUNT] = "a number from 0 on",
	[POSITIVE] = "a number above 0",
	[OBJECT] = "an object",
};

static bool is_type(const json_t *value, enum type type)
{
	double number = json_number_value(value);

	switch (type) {
	case TEXT:
		return json_string_length(value) > 0;
	case NUMBER:
		return json_is_integer(value) && number >= 0 && number <= LARGEST;
	case AMOUNT:
		return json_is_number(value) && number >= 0 && number <= LARGEST;
	case POSITIVE:
		return json_is_number(value) && number > 0 && number <= LARGEST;
	case OBJECT:
		return json_is_object(value);
	}
	return false;
}

static int check_field(const json_t *list, const struct field *field, char *why, size_t size)
{
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		const json_t *value = json_object_get(entry, field->key);

		if (json_is_object(entry) &&
		    (value ? is_type(value, field->type) : field->optional))
			continue;
		snprintf(why, size, "\"%s\", entry %zu: \"%s\" is not %s", field->list, i + 1,
			 field->key, type_names[field->type]);
		return -1;
	}
	return 0;
}

int results_check(const json_t *root, char *why, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const json_t *list = json_object_get(root, fields[i].list);

		if (list && !json_is_array(list)) {
			snprintf(why, size, "\"%s\" is not a list", fields[i].list);
			return -1;
		}
		if (check_field(list, &fields[i], why, size))
			return -1;
	}
	return 0;
}
