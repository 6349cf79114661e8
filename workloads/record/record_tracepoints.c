/*
 * record_tracepoints - reads the tracepoints' format files, and their records by these
 *
 *	field:unsigned long args[6];	offset:16;	size:48;	signed:0;
 *
 * The files stand in tracefs, which is mounted for this process alone, at no place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workloads/record/record_tracepoints.h"

/* The tracepoints, and the fields that are read: n values each. */
static const struct {
	const char *name;
	struct {
		const char *name;
		unsigned n;
	} fields[POINT_FIELDS];
} points_wanted[NPOINTS] = {
	[POINT_USER] = { "exceptions/page_fault_user", { { "address", 1 }, { "error_code", 1 } } },
	[POINT_KERNEL] = { "exceptions/page_fault_kernel",
			   { { "address", 1 }, { "error_code", 1 } } },
	[POINT_LOCK] = { "mmap_lock/mmap_lock_acquire_returned",
			 { { "write", 1 }, { "success", 1 } } },
	[POINT_ENTER] = { "raw_syscalls/sys_enter", { { "id", 1 }, { "args", 6 } } },
	[POINT_EXIT] = { "raw_syscalls/sys_exit", { { "id", 1 }, { "ret", 1 } } },
};

/* ---- a format file ---- */

/* Is it name that a line declares, whose declaration ends before end? */
static bool format_declares(const char *line, const char *end, const char *name)
{
	size_t len = strlen(name);
	const char *bracket = memchr(line, '[', end - line);

	if (bracket)
		end = bracket;
	return (size_t)(end - line) > len && !memcmp(end - len, name, len) &&
	       strchr(" *\t", end[-len - 1]);
}

/* The line of a field behind its declaration, or NULL. */
static const char *format_find(const char *text, const char *name)
{
	static const char start[] = "field:";
	const char *line = text, *end;

	while ((line = strstr(line, start))) {
		line += strlen(start);
		end = strchr(line, ';');
		if (end && format_declares(line, end, name))
			return end;
	}
	return NULL;
}

static bool format_field(const char *text, const char *name, unsigned n, struct point_field *field)
{
	const char *line = format_find(text, name);
	unsigned size, is_signed;

	if (!line ||
	    sscanf(line, "; offset:%u; size:%u; signed:%u", &field->offset, &size, &is_signed) != 3)
		return false;
	field->n = n;
	field->size = size / n;
	field->is_signed = is_signed;
	return field->size * n == size &&
	       (field->size == 1 || field->size == 2 || field->size == 4 || field->size == 8);
}

bool tracepoint_parse(enum tracepoint_number which, const char *text, struct tracepoint *point,
		      char *why, size_t size)
{
	const char *line = strstr(text, "ID:");

	if (!line || sscanf(line, "ID: %d", &point->id) != 1) {
		snprintf(why, size, "the format of %s has no number", points_wanted[which].name);
		point->id = -1;
		return false;
	}
	for (unsigned i = 0; i < POINT_FIELDS; i++) {
		if (format_field(text, points_wanted[which].fields[i].name,
				 points_wanted[which].fields[i].n, &point->field[i]))
			continue;
		snprintf(why, size, "the format of %s has no %s that is understood",
			 points_wanted[which].name, points_wanted[which].fields[i].name);
		point->id = -1;
		return false;
	}
	return true;
}

/* ---- tracefs ---- */

static void tracepoint_read(int tracefs, enum tracepoint_number which, struct tracepoint *point,
			    char *why, size_t size)
{
	char path[128], text[8192];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "events/%s/format", points_wanted[which].name);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		snprintf(why, size, "%s: %s", points_wanted[which].name, strerror(errno));
	if (fd >= 0)
		close(fd);
	text[max(n, (ssize_t)0)] = 0;
	if (n < 0 || !tracepoint_parse(which, text, point, why, size))
		point->id = -1;
}

void tracepoints_find(struct tracepoint points[NPOINTS], char *why, size_t size)
{
	bool mounted = !access("/sys/kernel/tracing/events", F_OK);
	/* where it is mounted, another mount could take back that one's options */
	int tracefs = mounted ? open("/sys/kernel/tracing", O_PATH | O_DIRECTORY | O_CLOEXEC)
			      : record_mount("tracefs");

	why[0] = 0;
	for (unsigned i = 0; i < NPOINTS; i++)
		tracepoint_read(tracefs, i, &points[i], why, size);
	if (tracefs >= 0)
		close(tracefs);
}

/* ---- records ---- */

static uint64_t field_value(const struct point_field *field, const uint8_t *record, unsigned i)
{
	unsigned bits = field->size * 8;
	uint64_t value = 0;

	memcpy(&value, record + field->offset + (size_t)i * field->size, field->size);
	if (field->is_signed && bits < 64 && value >> (bits - 1))
		value |= ~0ull << bits;
	return value;
}

/* Which tracepoint a record is of, all fields of it being in the record; or NPOINTS. */
static enum tracepoint_number tracepoints_which(const struct tracepoint points[NPOINTS],
						const uint8_t *record, size_t len)
{
	unsigned which = 0;
	uint16_t id;

	if (len < sizeof(id))
		return NPOINTS;
	memcpy(&id, record, sizeof(id));
	while (which < NPOINTS && points[which].id != id)
		which++;
	for (unsigned i = 0; which < NPOINTS && i < POINT_FIELDS; i++) {
		const struct point_field *field = &points[which].field[i];

		if ((size_t)field->offset + (size_t)field->size * field->n > len)
			return NPOINTS;
	}
	return which;
}

bool tracepoints_sample(const struct tracepoint points[NPOINTS], const void *record, size_t len,
			struct sample *sample)
{
	enum tracepoint_number which = tracepoints_which(points, record, len);
	const struct point_field *field = which < NPOINTS ? points[which].field : NULL;

	switch (which) {
	case POINT_USER:
	case POINT_KERNEL:
		sample->kind = SAMPLE_FAULT;
		sample->address = field_value(&field[0], record, 0);
		sample->bits = field_value(&field[1], record, 0) &
			       (TRACE_FAULT_PRESENT | TRACE_FAULT_WRITE | TRACE_FAULT_USER |
				TRACE_FAULT_INSTR);
		return true;
	case POINT_LOCK:
		sample->kind = SAMPLE_LOCK;
		sample->bits = field_value(&field[0], record, 0) != 0;
		return true;
	case POINT_ENTER:
		sample->kind = SAMPLE_ENTER;
		sample->nr = (int64_t)field_value(&field[0], record, 0);
		for (unsigned i = 0; i < ARRAY_SIZE(sample->arg); i++)
			sample->arg[i] = field_value(&field[1], record, i);
		return true;
	case POINT_EXIT:
		sample->kind = SAMPLE_RETURN;
		sample->nr = (int64_t)field_value(&field[0], record, 0);
		sample->arg[0] = field_value(&field[1], record, 0);
		return true;
	default:
		return false;
	}
}
