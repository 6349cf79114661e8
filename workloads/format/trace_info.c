/*
 * trace_info - the header's JSON
 *
 * One flat object with every field of struct trace_info under its own name:
 * strings, booleans, and 64-bit numbers as strings in hexadecimal ("0x1000"),
 * because JSON's numbers do not hold them.  Each number has a range.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/format/trace_internal.h"

enum info_type { INFO_STRING, INFO_BOOL, INFO_U64 };

/* clang-format off */
static const struct info_field {
	const char *key;
	enum info_type type;
	size_t offset;
	bool newer;             /* the first traces lack it: it is 0 */
	uint64_t min, max;      /* of a number */
} info_fields[] = {
#define FIELD(TYPE, name) { #name, INFO_##TYPE, offsetof(struct trace_info, name), false, 0, 0 }
#define NEWER(TYPE, name) { #name, INFO_##TYPE, offsetof(struct trace_info, name), true, 0, 0 }
#define NUMBER(name, min, max) \
	{ #name, INFO_U64, offsetof(struct trace_info, name), false, min, max }
#define NEWER_NUMBER(name, min, max) \
	{ #name, INFO_U64, offsetof(struct trace_info, name), true, min, max }
	FIELD(STRING, command),
	FIELD(STRING, versions),
	FIELD(STRING, kernel),
	FIELD(STRING, arch),
	FIELD(STRING, date),
	FIELD(STRING, recorder),
	FIELD(STRING, missing),
	FIELD(BOOL, faults),
	NEWER(STRING, fault_source),
	NUMBER(lost, 0, UINT64_MAX),
	FIELD(BOOL, aslr),
	FIELD(BOOL, legacy_layout),
	FIELD(STRING, thp),
	FIELD(STRING, shmem_thp),
	NUMBER(task_size, 1ULL << 32, TRACE_MAX_ADDRESS),
	NUMBER(max_map_count, 0, INT32_MAX),
	NUMBER(mmap_min_addr, 0, 1ULL << 32),
	NUMBER(stack_guard_gap, 0, 1ULL << 32),
	NUMBER(overcommit, 0, 2),
	NUMBER(rlimit_stack, 0, UINT64_MAX),
	NUMBER(rlimit_as, 0, UINT64_MAX),
	NUMBER(rlimit_data, 0, UINT64_MAX),
	NUMBER(rlimit_memlock, 0, UINT64_MAX),
	NEWER_NUMBER(lacks_capabilities, 0, UINT64_MAX),
	NEWER(BOOL, pkeys),
	NEWER_NUMBER(ram, 0, TRACE_MAX_ADDRESS),
	NEWER_NUMBER(swap, 0, TRACE_MAX_ADDRESS),
	NEWER_NUMBER(committed, 0, INT64_MAX),
	NEWER_NUMBER(overcommit_ratio, 0, INT32_MAX),
	NEWER_NUMBER(overcommit_kbytes, 0, INT64_MAX >> 10),
	NEWER_NUMBER(admin_reserve_kbytes, 0, INT64_MAX >> 10),
	NEWER_NUMBER(user_reserve_kbytes, 0, INT64_MAX >> 10),
	NEWER_NUMBER(least_hint, 0, 1ULL << 32),
	NEWER_NUMBER(memory_nodes, 0, UINT64_MAX),
	NEWER_NUMBER(mdwe, 0, 3),
	NEWER(BOOL, memory_merge),
	NEWER(BOOL, file_guards_prepare),
	NEWER(STRING, hugetlb),
#undef FIELD
#undef NEWER
#undef NUMBER
#undef NEWER_NUMBER
};
/* clang-format on */

static void *info_member(const struct trace_info *info, const struct info_field *field)
{
	return (char *)info + field->offset;
}

/* A JSON string of text, with '?' for all that is not ASCII if it is not UTF-8. */
static json_t *info_string(const char *text)
{
	json_t *string = json_string(text ? text : "");
	char *copy;

	if (string)
		return string;
	copy = strdup(text);
	if (!copy)
		return NULL;
	for (char *c = copy; *c; c++) {
		if ((unsigned char)*c > 127)
			*c = '?';
	}
	string = json_string(copy);
	free(copy);
	return string;
}

static json_t *info_value(const struct trace_info *info, const struct info_field *field)
{
	const void *member = info_member(info, field);

	switch (field->type) {
	case INFO_STRING:
		return info_string(*(char *const *)member);
	case INFO_BOOL:
		return json_boolean(*(const bool *)member);
	case INFO_U64:
		return json_sprintf("0x%llx", (unsigned long long)*(const uint64_t *)member);
	}
	return NULL;
}

char *info_to_json(const struct trace_info *info)
{
	json_t *object = json_object();
	char *json = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(info_fields); i++) {
		if (json_object_set_new(object, info_fields[i].key,
					info_value(info, &info_fields[i])))
			goto free_object;
	}
	json = json_dumps(object, JSON_INDENT(1));
free_object:
	json_decref(object);
	return json;
}

static bool info_parse_u64(const json_t *value, uint64_t *number)
{
	const char *text = json_string_value(value);
	char *end;

	if (!text || strncmp(text, "0x", 2) || !isxdigit((unsigned char)text[2]))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 16);
	return !*end && !errno;
}

/* Writes the reason into why, and returns it. */
static const char *info_refuse(char *why, const struct info_field *field, const char *how)
{
	snprintf(why, TRACE_WHY, "the header's \"%s\" %s", field->key, how);
	return why;
}

static const char *info_set(struct trace_info *info, const struct info_field *field,
			    const json_t *value, char *why)
{
	void *member = info_member(info, field);

	if (!value)
		return field->newer ? NULL : info_refuse(why, field, "is missing");
	switch (field->type) {
	case INFO_STRING:
		if (!json_is_string(value))
			return info_refuse(why, field, "is not a string");
		*(char **)member = strdup(json_string_value(value));
		return *(char **)member ? NULL : "out of memory";
	case INFO_BOOL:
		if (!json_is_boolean(value))
			return info_refuse(why, field, "is not a boolean");
		*(bool *)member = json_is_true(value);
		return NULL;
	case INFO_U64:
		if (!info_parse_u64(value, member))
			return info_refuse(why, field, "is not a number such as \"0x1000\"");
		return NULL;
	}
	return NULL;
}

/* A string that an older trace lacks; *member is the info's. */
static const char *info_default(char **member, const char *text)
{
	if (!*member)
		*member = strdup(text);
	return *member ? NULL : "out of memory";
}

/* Sets those fields that the object has, each of which it must have. */
static const char *info_set_all(struct trace_info *info, const json_t *object, char *why)
{
	const char *reason = NULL;
	size_t known = 0;

	for (size_t i = 0; i < ARRAY_SIZE(info_fields) && !reason; i++) {
		const json_t *value = json_object_get(object, info_fields[i].key);

		known += value != NULL;
		reason = info_set(info, &info_fields[i], value, why);
	}
	if (!reason && json_object_size(object) != known)
		reason = "the header has a field that is not known";
	if (!reason)
		reason = info_default(&info->fault_source, info->faults ? "tracepoint" : "");
	if (!reason)
		reason = info_default(&info->hugetlb, "");
	return reason;
}

/* An address space ends at a power of two, or up to a page of 64 kB before it. */
static bool info_is_task_size(uint64_t size)
{
	uint64_t power = TRACE_MAX_ADDRESS;

	while (power / 2 >= size)
		power /= 2;
	return !(size & ~PAGE_MASK) && power - size <= 65536;
}

/* What a pool may be: the same in the header and in events. */
const char *pool_check(const struct trace_pool *pool)
{
	if (pool->size < 1UL << 16 || pool->size > 1UL << 34 || (pool->size & (pool->size - 1)))
		return "no size of huge pages";
	if (pool->pages > TRACE_MAX_POOL_PAGES || pool->overcommit > TRACE_MAX_POOL_PAGES)
		return "more huge pages than there can be";
	if (pool->free > pool->pages || pool->surplus > pool->pages || pool->reserved > pool->free)
		return "a pool with more huge pages of a kind than it has";
	return NULL;
}

int trace_pools(const char *text, struct trace_pool *pools)
{
	int n = 0;

	while (*text) {
		struct trace_pool *p = &pools[n];
		int len = 0;

		if (n == TRACE_MAX_POOLS)
			return -1;
		sscanf(text,
		       "%20" SCNu64 "=%20" SCNu64 ",%20" SCNu64 ",%20" SCNu64 ",%20" SCNu64
		       ",%20" SCNu64 "%n",
		       &p->size, &p->pages, &p->free, &p->reserved, &p->surplus, &p->overcommit,
		       &len);
		if (!len || pool_check(p) || (text[len] && text[len] != ' '))
			return -1;
		n++;
		text += len + (text[len] == ' ');
	}
	return n;
}

const char *info_check(const struct trace_info *info, char *why)
{
	struct trace_pool pools[TRACE_MAX_POOLS];

	for (size_t i = 0; i < ARRAY_SIZE(info_fields); i++) {
		const struct info_field *field = &info_fields[i];
		const uint64_t *number = info_member(info, field);

		if (field->type == INFO_U64 && (*number < field->min || *number > field->max))
			return info_refuse(why, field, "is out of range");
	}
	if (info->hugetlb && trace_pools(info->hugetlb, pools) < 0)
		return "the header's \"hugetlb\" is no list of pools";
	return info_is_task_size(info->task_size) ? NULL
						  : "the header's \"task_size\" is that of no "
						    "machine: a power of two, or a page less";
}

const char *info_from_json(struct trace_info *info, const char *json, size_t len, char *why)
{
	json_t *object = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	const char *reason;

	*info = (struct trace_info){ 0 };
	reason = json_is_object(object) ? info_set_all(info, object, why)
					: "the header is not the JSON object that it should be";
	if (!reason)
		reason = info_check(info, why);
	json_decref(object);
	if (reason)
		info_clear(info);
	return reason;
}

void info_clear(struct trace_info *info)
{
	for (size_t i = 0; i < ARRAY_SIZE(info_fields); i++) {
		if (info_fields[i].type == INFO_STRING)
			free(*(char **)info_member(info, &info_fields[i]));
	}
	*info = (struct trace_info){ 0 };
}
