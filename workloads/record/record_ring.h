/*
 * record_ring - the records in a ring that the kernel fills
 */
#ifndef WORKLOADS_RECORD_RING_H
#define WORKLOADS_RECORD_RING_H

#include <linux/perf_event.h>
#include <stddef.h>
#include <stdint.h>

#include "base/util.h"

#define RING_RECORD 65536 /* no record is longer, for its size has 16 bits */

/*
 * Calls take(arg, record) for each record of the ring of size bytes (a power of two) at data that
 * stands between tail and head.  One that goes around the ring's end is put together in room, which
 * has RING_RECORD bytes.  Returns the new tail: head, or that of a record that cannot be one.
 */
must_check uint64_t ring_read(const void *data, size_t size, uint64_t tail, uint64_t head,
			      void (*take)(void *arg, const struct perf_event_header *record),
			      void *arg, void *room);

#endif
