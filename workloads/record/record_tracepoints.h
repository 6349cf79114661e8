/*
 * record_tracepoints - the kernel's tracepoints, and what their records hold
 *
 * Where a field of a record stands differs from kernel to kernel: the format file of each
 * tracepoint tells.
 */
#ifndef WORKLOADS_RECORD_TRACEPOINTS_H
#define WORKLOADS_RECORD_TRACEPOINTS_H

#include <stdint.h>

#include "workloads/record/record_internal.h"

enum tracepoint_number { POINT_USER, POINT_KERNEL, POINT_LOCK, POINT_ENTER, POINT_EXIT, NPOINTS };

#define POINT_FIELDS 2

/* Where a field stands in a record: n values of size bytes each, one after the other. */
struct point_field {
	unsigned offset, size, n;
	bool is_signed;
};

struct tracepoint {
	int id; /* perf's number for it; -1: not to be had */
	struct point_field field[POINT_FIELDS];
};

/*
 * What the text of a format file tells of tracepoint which.  False if it is not such a text, or
 * lacks a field, or has it in a way that is not understood: then point->id is -1 and why says
 * which.
 */
must_check bool tracepoint_parse(enum tracepoint_number which, const char *text,
				 struct tracepoint *point, char *why, size_t size);
/* All of them, as this kernel has them; why tells of the last one that is missing, or is "". */
void tracepoints_find(struct tracepoint points[NPOINTS], char *why, size_t size);
/* Fills kind and arguments of a sample from a record of len bytes; false: it is of none of them. */
must_check bool tracepoints_sample(const struct tracepoint points[NPOINTS], const void *record,
				   size_t len, struct sample *sample);

#endif
