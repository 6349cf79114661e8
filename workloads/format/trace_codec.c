/*
 * trace_codec - events to bytes and back
 *
 * A frame's payload:
 *
 *	number of events | bytes of each stream | head | time | addr | len | result | name
 *
 * Each stream holds the fields of one nature of all events, one after the
 * other, so that zstd finds like beside like.  Numbers are varints (seven bits
 * a byte, low ones first, the top bit says that more follow); differences are
 * zig-zag coded (0, -1, 1, -2, ... as 0, 1, 2, 3, ...).
 *
 *	head    kind, and three flags in one byte; a kind from 31 on in a byte of its own;
 *	        the task's difference if not the same
 *	time    difference to the event before
 *	addr    fields 'a', and results that are addresses: difference to the last
 *	        address of the same task
 *	len     all other fields: difference to the same field of the last event of that kind
 *	result  results that are not addresses, and not 0
 *	name    length and bytes
 *
 * All differences start from 0 in each frame: a frame needs no other.
 * codec_event is both directions: it says once what an event looks like.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/format/trace_internal.h"

enum {
	HEAD_KIND = 31, /* the kind, or if these bits are all set: it follows */
	HEAD_SAME_TASK = 32,
	HEAD_ADDR_RESULT = 64,
	HEAD_ZERO_RESULT = 128,
};
_Static_assert(TRACE_NKINDS <= UINT8_MAX + 1, "the kind is one byte");

#define VARINT_MAX 10
/* No event needs more than this in one stream. */
#define EVENT_MAX_STREAM (TRACE_MAX_NAME + (TRACE_MAX_ARGS + 2) * VARINT_MAX)

static const char *const kind_names[] = {
#define X(NAME, name, fields) name,
	TRACE_KINDS(X)
#undef X
};
static const char *const kind_fields[] = {
#define X(NAME, name, fields) fields,
	TRACE_KINDS(X)
#undef X
};

const char *trace_kind_name(enum trace_kind kind)
{
	return kind_names[kind];
}

const char *trace_kind_fields(enum trace_kind kind)
{
	return kind_fields[kind];
}

static uint64_t codec_zigzag(uint64_t difference)
{
	return (difference << 1) ^ -(difference >> 63);
}

static uint64_t codec_unzigzag(uint64_t code)
{
	return (code >> 1) ^ -(code & 1);
}

/* ---- one number, either way: false if the stream has no such number ---- */

static bool codec_byte(struct trace_codec *codec, enum codec_stream stream, uint8_t *byte)
{
	if (codec->writing) {
		struct bytes *out = &codec->out[stream];

		out->data[out->len++] = *byte;
		return true;
	}
	if (codec->in[stream] == codec->end[stream])
		return false;
	*byte = *codec->in[stream]++;
	return true;
}

static bool codec_varint(struct trace_codec *codec, enum codec_stream stream, uint64_t *value)
{
	uint64_t rest = *value, result = 0;
	uint8_t byte;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		byte = (rest & 127) | (rest > 127) << 7;
		if (!codec_byte(codec, stream, &byte))
			return false;
		if (shift == 63 && byte > 1)
			return false;
		result |= (uint64_t)(byte & 127) << shift;
		rest >>= 7;
		if (!(byte & 128)) {
			*value = result;
			return true;
		}
	}
	return false;
}

/* *value as its difference to *last, which becomes *value. */
static bool codec_delta(struct trace_codec *codec, enum codec_stream stream, uint64_t *value,
			uint64_t *last)
{
	uint64_t code = codec_zigzag(*value - *last);

	if (!codec_varint(codec, stream, &code))
		return false;
	*value = *last = *last + codec_unzigzag(code);
	return true;
}

static bool codec_name(struct trace_codec *codec, const char **name)
{
	uint64_t len = codec->writing ? strlen(*name) : 0;

	if (!codec_varint(codec, STREAM_NAME, &len) || len > TRACE_MAX_NAME)
		return false;
	if (codec->writing) {
		memcpy(codec->out[STREAM_NAME].data + codec->out[STREAM_NAME].len, *name, len);
		codec->out[STREAM_NAME].len += len;
		return true;
	}
	if ((size_t)(codec->end[STREAM_NAME] - codec->in[STREAM_NAME]) < len ||
	    memchr(codec->in[STREAM_NAME], 0, len))
		return false;
	memcpy(codec->name, codec->in[STREAM_NAME], len);
	codec->name[len] = 0;
	codec->in[STREAM_NAME] += len;
	*name = codec->name;
	return true;
}

/* ---- one event, either way ---- */

static uint8_t codec_make_head(const struct trace_codec *codec, const struct trace_event *event)
{
	uint8_t head = min((unsigned)event->kind, (unsigned)HEAD_KIND);

	if (event->task == codec->task)
		head |= HEAD_SAME_TASK;
	if (!event->result)
		head |= HEAD_ZERO_RESULT;
	else if (event->result > 0xffff)
		head |= HEAD_ADDR_RESULT;
	return head;
}

/* The kind, of those that the format's version has. */
static bool codec_kind(struct trace_codec *codec, uint8_t head, enum trace_kind *kind)
{
	uint8_t byte = codec->writing ? *kind : head & HEAD_KIND;

	if ((head & HEAD_KIND) == HEAD_KIND && !codec_byte(codec, STREAM_HEAD, &byte))
		return false;
	*kind = byte;
	return byte < (codec->version == 1 ? TRACE_KINDS_OF_VERSION_1 : TRACE_NKINDS);
}

static bool codec_task(struct trace_codec *codec, uint8_t head, struct trace_event *event)
{
	uint64_t task = codec->writing ? event->task : codec->task;

	if (!(head & HEAD_SAME_TASK) && !codec_delta(codec, STREAM_HEAD, &task, &codec->task))
		return false;
	event->task = task;
	return task == event->task;
}

static bool codec_result(struct trace_codec *codec, uint8_t head, int64_t *result, uint64_t *addr)
{
	uint64_t value = *result, zero = 0;

	if (head & HEAD_ZERO_RESULT)
		value = 0;
	else if (head & HEAD_ADDR_RESULT ? !codec_delta(codec, STREAM_ADDR, &value, addr)
					 : !codec_delta(codec, STREAM_RESULT, &value, &zero))
		return false;
	*result = value;
	return true;
}

static bool codec_event(struct trace_codec *codec, struct trace_event *event)
{
	uint8_t head = codec->writing ? codec_make_head(codec, event) : 0;
	unsigned i = 0;

	if (!codec_byte(codec, STREAM_HEAD, &head) || !codec_kind(codec, head, &event->kind) ||
	    !codec_task(codec, head, event) ||
	    !codec_delta(codec, STREAM_TIME, &event->time, &codec->time))
		return false;

	uint64_t *addr = &codec->addr[event->task % CODEC_TASKS];
	for (const char *field = kind_fields[event->kind]; *field; field++) {
		bool ok;

		if (*field == 'r')
			ok = codec_result(codec, head, &event->result, addr);
		else if (*field == 'n')
			ok = codec_name(codec, &event->name);
		else if (*field == 'a')
			ok = codec_delta(codec, STREAM_ADDR, &event->arg[i++], addr);
		else
			ok = codec_delta(codec, STREAM_LEN, &event->arg[i],
					 &codec->column[event->kind][i]),
			i++;
		if (!ok)
			return false;
	}
	return true;
}

/* ---- a frame of them ---- */

static void codec_fresh(struct trace_codec *codec, bool writing)
{
	codec->writing = writing;
	codec->events = 0;
	codec->time = codec->task = 0;
	memset(codec->addr, 0, sizeof(codec->addr));
	memset(codec->column, 0, sizeof(codec->column));
}

int codec_put(struct trace_codec *codec, const struct trace_event *event)
{
	struct trace_event copy = *event;

	if (!codec->events)
		codec_fresh(codec, true);
	if (!strchr(kind_fields[event->kind], 'r'))
		copy.result = 0;
	for (unsigned i = 0; i < NSTREAMS; i++) {
		if (bytes_reserve(&codec->out[i], EVENT_MAX_STREAM))
			return -ENOMEM;
	}
	codec_event(codec, &copy);
	codec->events++;
	return 0;
}

size_t codec_size(const struct trace_codec *codec)
{
	size_t size = 0;

	for (unsigned i = 0; i < NSTREAMS; i++)
		size += codec->out[i].len;
	return size;
}

int codec_flush(struct trace_codec *codec, struct bytes *raw)
{
	uint8_t *at;

	raw->len = 0;
	if (bytes_reserve(raw, 8 + 4 * NSTREAMS + codec_size(codec)))
		return -ENOMEM;
	at = raw->data;
	store_le(at, codec->events, 8);
	at += 8;
	for (unsigned i = 0; i < NSTREAMS; i++, at += 4)
		store_le(at, codec->out[i].len, 4);
	for (unsigned i = 0; i < NSTREAMS; i++) {
		if (codec->out[i].len)
			memcpy(at, codec->out[i].data, codec->out[i].len);
		at += codec->out[i].len;
		codec->out[i].len = 0;
	}
	raw->len = at - raw->data;
	codec->events = 0;
	return 0;
}

const char *codec_load(struct trace_codec *codec, const struct bytes *raw)
{
	const uint8_t *at = raw->data + 8 + 4 * NSTREAMS, *end = raw->data + raw->len;

	codec_fresh(codec, false);
	if (raw->len < 8 + 4 * NSTREAMS)
		return "the frame is too short to hold events";
	for (unsigned i = 0; i < NSTREAMS; i++) {
		uint64_t len = load_le(raw->data + 8 + 4 * i, 4);

		if (len > (size_t)(end - at))
			return "a stream of the frame is longer than the frame";
		codec->in[i] = at;
		codec->end[i] = at += len;
	}
	if (at != end)
		return "the frame is longer than its streams";
	codec->events = load_le(raw->data, 8);
	if (codec->events > raw->len)
		return "the frame is too short for its number of events";
	return NULL;
}

const char *codec_get(struct trace_codec *codec, struct trace_event *event)
{
	memset(event, 0, sizeof(*event));
	event->name = "";
	if (!codec_event(codec, event))
		return "an event of the frame cannot be read";
	if (--codec->events)
		return NULL;
	for (unsigned i = 0; i < NSTREAMS; i++) {
		if (codec->in[i] != codec->end[i])
			return "the frame holds more than its events";
	}
	return NULL;
}

void codec_end(struct trace_codec *codec)
{
	for (unsigned i = 0; i < NSTREAMS; i++)
		free(codec->out[i].data);
}
