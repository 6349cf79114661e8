/*
 * mutate - damages traces and results (see mutate.h)
 */
#include "tests/fuzz/mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- numbers ---- */

static const uint64_t extremes[] = {
	0,
	1,
	2,
	3,
	0xfff,
	0x1000,
	0x1001,
	0x10000,
	0x200000,
	1ULL << 30,
	1ULL << 31,
	1ULL << 32,
	1ULL << 40,
	1ULL << 46,
	(1ULL << 47) - 0x2000,
	(1ULL << 47) - 0x1000,
	1ULL << 47,
	1ULL << 52,
	1ULL << 56,
	1ULL << 57,
	INT64_MAX,
	1ULL << 63,
	UINT64_MAX - 0xfff,
	UINT64_MAX,
};

/* A neighbour of value, something extreme, or something else. */
static uint64_t mutate_number(uint64_t value, struct rng *rng)
{
	switch (rng_below(rng, 8)) {
	case 0:
		return extremes[rng_below(rng, ARRAY_SIZE(extremes))];
	case 1:
		return value + rng_between(rng, 0, 2) - 1;
	case 2:
		return value + (rng_between(rng, 0, 32) - 16) * PAGE_SIZE;
	case 3:
		return value ^ 1ULL << rng_below(rng, 64);
	case 4:
		return value << rng_below(rng, 24);
	case 5:
		return value >> rng_below(rng, 24);
	case 6:
		return rng_next(rng) >> rng_below(rng, 64);
	default:
		return value + extremes[rng_below(rng, ARRAY_SIZE(extremes))];
	}
}

/* ---- the header ---- */

static json_t *mutate_value(json_t *value, struct rng *rng)
{
	static const char *const texts[] = {
		"",       "always", "never", "madvise", "tracepoint",    "software+pagemap",
		"x86_64", "0x",     "-1",    "0x1g",    "\x1b[31m|`<b>", "0xffffffffffffffffffff",
	};
	const char *text = json_string_value(value);

	if (rng_one_in(rng, 30))
		return json_integer((json_int_t)rng_next(rng));
	if (json_is_boolean(value))
		return json_boolean(rng_one_in(rng, 2));
	if (text && !strncmp(text, "0x", 2) && !rng_one_in(rng, 20))
		return json_sprintf(
			"0x%llx", (unsigned long long)mutate_number(strtoull(text, NULL, 16), rng));
	return json_string(texts[rng_below(rng, ARRAY_SIZE(texts))]);
}

static void mutate_header(struct forge *forge, struct rng *rng)
{
	json_t *root = json_loads(forge->header, 0, NULL), *value;
	uint64_t which = rng_below(rng, max(json_object_size(root), (size_t)1));
	const char *key;
	void *next;

	json_object_foreach_safe(root, next, key, value) {
		if (which--)
			continue;
		if (rng_one_in(rng, 100))
			json_object_del(root, key);
		else
			json_object_set_new(root, key, mutate_value(value, rng));
		break;
	}
	free(forge->header);
	forge->header = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
}

/* ---- events ---- */

static unsigned fields_of(const struct trace_event *event)
{
	return (unsigned)strcspn(trace_kind_fields(event->kind), "rn");
}

/* A number that means something in this trace: any event's. */
static uint64_t number_of(const struct forge *forge, struct rng *rng)
{
	const struct trace_event *event = &forge->events[rng_below(rng, forge->n)];
	unsigned i = (unsigned)rng_below(rng, TRACE_MAX_ARGS + 1);

	return i == TRACE_MAX_ARGS ? (uint64_t)event->result : event->arg[i];
}

static void mutate_name(struct trace_event *event, struct rng *rng)
{
	static const char *const names[] = {
		"",
		"[stack]",
		"[heap]",
		"[vdso]",
		"[vvar]",
		"[vvar_vclock]",
		"[anon:x]",
		"/dev/zero",
		"/SYSV00000000 (deleted)",
		"/memfd:x (deleted)",
		"anon_inode:[io_uring]",
		"a\nb|c`<d>",
	};
	char text[TRACE_MAX_NAME + 1] = { 0 };

	if (rng_one_in(rng, 20))
		memset(text, 'a' + (int)rng_below(rng, 26), rng_below(rng, TRACE_MAX_NAME + 1));
	else
		strcpy(text, names[rng_below(rng, ARRAY_SIZE(names))]);
	free((char *)event->name);
	event->name = strdup(text);
}

static void mutate_field(struct forge *forge, struct trace_event *event, struct rng *rng)
{
	unsigned n = fields_of(event), i = (unsigned)rng_below(rng, n + 1);
	uint64_t old = i < n ? event->arg[i] : (uint64_t)event->result;
	uint64_t value = rng_one_in(rng, 3) ? number_of(forge, rng) : mutate_number(old, rng);

	if (i < n)
		event->arg[i] = value;
	else if (rng_one_in(rng, 2))
		event->result = (int64_t)value;
	else if (trace_kind_fields(event->kind)[n] == 'n')
		mutate_name(event, rng);
	else
		event->result = -(int64_t)rng_below(rng, 140);
}

/* The flags and advice that do the most: memory that is filled, locked, shared, cut. */
static void likely_arguments(struct trace_event *event, struct rng *rng)
{
	static const uint64_t map[] = { 0x22,     0x21,  0x32,    0x8022, 0x2022, 0x4022,
					0x100022, 0x62,  1,       2,      0x12,   0x11,
					0x8021,   0x122, 0x20022, 0x28,   0x40022 };

	switch (event->kind) {
	case TRACE_MMAP:
		event->arg[2] = rng_below(rng, 8);
		event->arg[3] = map[rng_below(rng, ARRAY_SIZE(map))];
		break;
	case TRACE_MREMAP:
		event->arg[3] = rng_below(rng, 8);
		break;
	case TRACE_MADVISE:
		event->arg[2] = rng_below(rng, 26) + (rng_one_in(rng, 4) ? 80 : 0);
		break;
	case TRACE_MPROTECT:
		event->arg[2] = rng_below(rng, 8);
		event->arg[3] = rng_one_in(rng, 4) ? rng_below(rng, 17) : ~0ULL;
		break;
	case TRACE_MLOCKALL:
		event->arg[0] = rng_below(rng, 8);
		break;
	case TRACE_FAULT:
		event->arg[1] = rng_below(rng, 8) | (rng_one_in(rng, 4) ? 16 : 0);
		break;
	case TRACE_FORK:
		event->arg[1] = rng_one_in(rng, 2) ? 0x100 | rng_below(rng, 2) << 16 : 17;
		event->result = 1000;
		break;
	default:
		break;
	}
}

static void insert_event(struct forge *forge, size_t at, struct rng *rng)
{
	const struct trace_event *near = &forge->events[at];
	struct trace_event event = {
		.kind = rng_below(rng, TRACE_NKINDS),
		.task = near->task,
		.time = near->time,
		.name = "",
	};

	for (unsigned i = 0; i < fields_of(&event); i++) {
		char field = trace_kind_fields(event.kind)[i];

		event.arg[i] = number_of(forge, rng);
		if (field == 'f')
			event.arg[i] = rng_below(rng, 6);
		else if (field == 'l' && rng_one_in(rng, 2))
			event.arg[i] = PAGE_SIZE << rng_below(rng, 20);
		else if (rng_one_in(rng, 4))
			event.arg[i] = mutate_number(event.arg[i], rng);
	}
	likely_arguments(&event, rng);
	if (rng_one_in(rng, 3))
		event.result = (int64_t)number_of(forge, rng);
	forge_insert(forge, at + 1, &event);
}

static void swap_events(struct forge *forge, size_t i, size_t k)
{
	struct trace_event event = forge->events[i];
	uint64_t time = forge->events[k].time;

	forge->events[i] = forge->events[k];
	forge->events[i].time = event.time;
	forge->events[k] = event;
	forge->events[k].time = time;
}

static void mutate_events(struct forge *forge, struct rng *rng)
{
	/* what stands early decides about the rest */
	size_t at = rng_one_in(rng, 3) ? rng_below(rng, min(forge->n, (size_t)32))
				       : rng_below(rng, forge->n);
	struct trace_event *event = &forge->events[at];

	switch (rng_below(rng, 12)) {
	case 0:
		if (forge->n > 1)
			forge_remove(forge, at);
		break;
	case 1:
		forge_insert(forge, at, event);
		break;
	case 2:
		swap_events(forge, at, rng_below(rng, forge->n));
		break;
	case 3:
		event->kind = rng_below(rng, TRACE_NKINDS);
		break;
	case 4:
		event->task = (uint32_t)mutate_number(event->task, rng);
		break;
	case 5:
		likely_arguments(event, rng);
		break;
	case 6:
	case 7:
	case 8:
		insert_event(forge, at, rng);
		break;
	default:
		mutate_field(forge, event, rng);
	}
}

void mutate_trace(struct forge *forge, struct rng *rng)
{
	unsigned n = 1U << rng_below(rng, 6);

	if (rng_one_in(rng, 3))
		mutate_header(forge, rng);
	while (n-- && forge->n)
		mutate_events(forge, rng);
}

/* ---- mended ---- */

/* Its VMAs are those that follow, as far as they rise. */
static void mend_layout(struct forge *forge, size_t i)
{
	struct trace_event *layout = &forge->events[i++];
	uint64_t end = 0;

	layout->arg[1] = 0;
	while (i < forge->n && forge->events[i].kind == TRACE_VMA) {
		const struct trace_event *vma = &forge->events[i];

		if (vma->arg[0] < end || vma->arg[0] >= vma->arg[1]) {
			forge_remove(forge, i);
			continue;
		}
		end = vma->arg[1];
		layout->arg[1]++;
		forge->events[i++].task = layout->task;
	}
}

/* The numbers that the next file, inode or child has to have. */
static void mend_numbers(const struct trace_rules *rules, struct trace_event *event)
{
	event->time = max(event->time, rules->time);
	if (event->task > rules->tasks || !event->task)
		event->task = 1 + (uint32_t)(event->task % rules->tasks);
	if (event->kind == TRACE_FILE) {
		event->arg[0] = rules->files + 1;
		event->arg[1] = 1 + event->arg[1] % (rules->inodes + 1);
	}
	if (event->kind == TRACE_FORK)
		event->arg[0] = event->result < 0 ? 0 : rules->tasks + 1;
	for (unsigned i = 0; i < fields_of(event); i++) {
		if (trace_kind_fields(event->kind)[i] == 'f' && event->kind != TRACE_FILE)
			event->arg[i] %= rules->files + 1;
	}
}

static bool has_layout(const struct forge *forge, size_t i)
{
	return i + 1 < forge->n && forge->events[i + 1].kind == TRACE_LAYOUT &&
	       forge->events[i + 1].task == forge->events[i].task &&
	       forge->events[i + 1].arg[0] % 2 == 0;
}

/* Takes the event, mended if need be: false if it has to go. */
static bool mend_event(struct forge *forge, struct trace_rules *rules, size_t i)
{
	struct trace_event *event = &forge->events[i];

	mend_numbers(rules, event);
	if (event->kind == TRACE_LAYOUT)
		mend_layout(forge, i);
	if (event->kind == TRACE_EXEC && !has_layout(forge, i))
		return false;
	if (!rules_check(rules, event))
		return true;
	if (rules->vmas) { /* a VMA that cannot be: the layout has one fewer */
		size_t layout = i;

		while (forge->events[layout].kind != TRACE_LAYOUT)
			layout--;
		forge->events[layout].arg[1]--;
		rules->vmas--;
	}
	return false;
}

void mutate_mend(struct forge *forge)
{
	struct trace_info info;
	struct trace_rules rules;
	char why[TRACE_WHY];

	if (info_from_json(&info, forge->header, strlen(forge->header), why))
		return;
	rules_init(&rules, &info);
	for (size_t i = 0; i < forge->n;) {
		if (mend_event(forge, &rules, i))
			i++;
		else
			forge_remove(forge, i);
	}
	rules_free(&rules);
	info_clear(&info);
}

/* ---- bytes ---- */

void mutate_bytes(const char *path, struct rng *rng)
{
	FILE *file = fopen(path, "r+");
	unsigned n = 1U << rng_below(rng, 4);
	long size;

	if (!file || fseek(file, 0, SEEK_END))
		return;
	size = ftell(file);
	while (size && n--) {
		fseek(file, (long)rng_below(rng, (uint64_t)size), SEEK_SET);
		fputc((int)rng_below(rng, 256), file);
	}
	fclose(file);
	if (size && rng_one_in(rng, 3) && truncate(path, (off_t)rng_below(rng, (uint64_t)size)))
		perror(path);
}

/* ---- JSON ---- */

static json_t *extreme_json(struct rng *rng)
{
	static const double reals[] = { 0, -1, 1e-308, 1e308, -1e308, 0.5, 1e18 };
	static const char *const texts[] = { "",  "btree", "rbtree", "ns",
					     "s", "nan",   "-",      "|`<b>\x1b" };

	switch (rng_below(rng, 8)) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(rng_one_in(rng, 2));
	case 2:
		return json_string(texts[rng_below(rng, ARRAY_SIZE(texts))]);
	case 3:
		return json_array();
	case 4:
		return json_object();
	case 5:
		return json_real(reals[rng_below(rng, ARRAY_SIZE(reals))]);
	default:
		return json_integer((json_int_t)extremes[rng_below(rng, ARRAY_SIZE(extremes))]);
	}
}

/* A value like the old one, more often than not. */
static json_t *changed_json(const json_t *old, struct rng *rng)
{
	if (rng_one_in(rng, 3) || !json_is_number(old))
		return extreme_json(rng);
	if (json_is_integer(old))
		return json_integer(
			(json_int_t)mutate_number((uint64_t)json_integer_value(old), rng));
	return json_real(json_real_value(old) * (rng_one_in(rng, 2) ? 1e-9 : 1e9));
}

static void mutate_object(json_t *object, struct rng *rng)
{
	uint64_t which = rng_below(rng, max(json_object_size(object), (size_t)1));
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, key, value) {
		if (which--)
			continue;
		if (json_is_object(value) || json_is_array(value)) {
			if (!rng_one_in(rng, 20)) {
				mutate_json(value, rng);
				break;
			}
		}
		if (rng_one_in(rng, 4))
			json_object_del(object, key);
		else
			json_object_set_new(object, key, changed_json(value, rng));
		break;
	}
}

static void mutate_array(json_t *array, struct rng *rng)
{
	size_t n = json_array_size(array), at = n ? rng_below(rng, n) : 0;
	json_t *value = json_array_get(array, at);

	if (!n || rng_one_in(rng, 50))
		json_array_append_new(array, extreme_json(rng));
	else if (rng_one_in(rng, 6))
		json_array_remove(array, at);
	else if (rng_one_in(rng, 6))
		json_array_insert_new(array, rng_below(rng, n), json_deep_copy(value));
	else if (json_is_object(value) || json_is_array(value))
		mutate_json(value, rng);
	else
		json_array_set_new(array, at, changed_json(value, rng));
}

/* One field of all entries of a list. */
static void mutate_column(json_t *root, struct rng *rng)
{
	static const char *const lists[] = { "benchmarks", "memory", "speed",   "threads", "parts",
					     "counts",     "worst",  "skipped", "failed" };
	json_t *list = json_object_get(root, lists[rng_below(rng, ARRAY_SIZE(lists))]), *entry;
	json_t *first = json_array_get(list, 0), *value = extreme_json(rng);
	uint64_t which = rng_below(rng, max(json_object_size(first), (size_t)1));
	void *at = json_object_iter(first);
	size_t i;

	while (at && which--)
		at = json_object_iter_next(first, at);
	json_array_foreach(list, i, entry) {
		if (at && entry != first)
			json_object_set(entry, json_object_iter_key(at), value);
	}
	if (at)
		json_object_iter_set(first, at, value);
	json_decref(value);
}

void mutate_json(json_t *root, struct rng *rng)
{
	bool all = json_is_object(root) && json_object_get(root, "schema");
	unsigned n = all ? 1U << rng_below(rng, 6) : 1;

	if (all && rng_one_in(rng, 2)) {
		mutate_column(root, rng);
		return;
	}
	while (n--) {
		if (json_is_object(root))
			mutate_object(root, rng);
		else
			mutate_array(root, rng);
	}
}
