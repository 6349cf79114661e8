/*
 * trace_info - the header's JSON
 *
 * One flat object with every field of struct trace_info under its own name:
 * strings, booleans, and 64-bit numbers as strings in hexadecimal ("0x1000"),
 * because JSON's numbers do not hold them.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/trace_internal.h"

enum info_type { INFO_STRING, INFO_BOOL, INFO_U64 };

static const struct info_field {
	const char *key;
	enum info_type type;
	size_t offset;
	bool newer;             /* the first traces lack it: it is 0 */
} info_fields[] = {
#define FIELD(TYPE, name) { #name, INFO_##TYPE, offsetof(struct trace_info, name), false }
#define NEWER(TYPE, name) { #name, INFO_##TYPE, offsetof(struct trace_info, name), true }
	FIELD(STRING, command),
	FIELD(STRING, versions),
	FIELD(STRING, kernel),
	FIELD(STRING, arch),
	FIELD(STRING, date),
	FIELD(STRING, recorder),
	FIELD(STRING, missing),
	FIELD(BOOL, faults),
	NEWER(STRING, fault_source),
	FIELD(U64, lost),
	FIELD(BOOL, aslr),
	FIELD(BOOL, legacy_layout),
	FIELD(STRING, thp),
	FIELD(STRING, shmem_thp),
	FIELD(U64, task_size),
	FIELD(U64, max_map_count),
	FIELD(U64, mmap_min_addr),
	FIELD(U64, stack_guard_gap),
	FIELD(U64, overcommit),
	FIELD(U64, rlimit_stack),
	FIELD(U64, rlimit_as),
	FIELD(U64, rlimit_data),
	FIELD(U64, rlimit_memlock),
	NEWER(U64, lacks_capabilities),
	NEWER(BOOL, pkeys),
	NEWER(U64, ram),
	NEWER(U64, swap),
	NEWER(U64, committed),
	NEWER(U64, overcommit_ratio),
	NEWER(U64, overcommit_kbytes),
	NEWER(U64, admin_reserve_kbytes),
	NEWER(U64, user_reserve_kbytes),
#undef FIELD
#undef NEWER
};

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

static const char *info_set(struct trace_info *info, const struct info_field *field,
			    const json_t *value)
{
	void *member = info_member(info, field);

	switch (field->type) {
	case INFO_STRING:
		if (!json_is_string(value))
			return "the header has a field that is not a string, and should be";
		*(char **)member = strdup(json_string_value(value));
		return *(char **)member ? NULL : "no memory";
	case INFO_BOOL:
		if (!json_is_boolean(value))
			return "the header has a field that is not a boolean, and should be";
		*(bool *)member = json_is_true(value);
		return NULL;
	case INFO_U64:
		if (!info_parse_u64(value, member))
			return "the header has a field that is not a number as it should be";
		return NULL;
	}
	return NULL;
}

/* Sets those fields that the object has, each of which it must have. */
static const char *info_set_all(struct trace_info *info, const json_t *object)
{
	const char *reason = NULL;
	size_t known = 0;

	for (size_t i = 0; i < ARRAY_SIZE(info_fields) && !reason; i++) {
		const json_t *value = json_object_get(object, info_fields[i].key);

		known += value != NULL;
		if (value || !info_fields[i].newer)
			reason = info_set(info, &info_fields[i], value);
	}
	if (!reason && json_object_size(object) != known)
		reason = "the header has a field that is not known";
	if (!reason && !info->fault_source) {
		info->fault_source = strdup(info->faults ? "tracepoint" : "");
		if (!info->fault_source)
			reason = "no memory";
	}
	return reason;
}

const char *info_from_json(struct trace_info *info, const char *json, size_t len)
{
	json_t *object = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	const char *reason;

	*info = (struct trace_info){ 0 };
	reason = json_is_object(object) ? info_set_all(info, object) :
		 "the header is not the JSON object that it should be";
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
