/*
 * record_ring - reads the records in a ring, those too that go around its end
 *
 *	data                                          data + size
 *	|rd 8 | free | record 5 | record 6 | record 7 | reco|
 *	      head   tail
 */
#include <string.h>

#include "workloads/record/record_ring.h"

/* Records are padded to 8 bytes, so that the header of one is never cut. */
static const struct perf_event_header *ring_record(const char *data, size_t size, uint64_t tail,
						   void *room)
{
	size_t at = tail & (size - 1), first = size - at;
	const struct perf_event_header *record = (const void *)(data + at);

	if (record->size <= first)
		return record;
	memcpy(room, record, first);
	memcpy((char *)room + first, data, record->size - first);
	return room;
}

uint64_t ring_read(const void *data, size_t size, uint64_t tail, uint64_t head,
		   void (*take)(void *arg, const struct perf_event_header *record), void *arg,
		   void *room)
{
	while (tail < head) {
		const struct perf_event_header *record = ring_record(data, size, tail, room);

		if (record->size < sizeof(*record) || record->size > head - tail)
			break;
		take(arg, record);
		tail += record->size;
	}
	return tail;
}
