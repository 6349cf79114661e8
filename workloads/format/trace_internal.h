/*
 * trace_internal - what the parts of the trace format share
 *
 *	trace_codec.c   events to bytes and back
 *	trace_frame.c   bytes to checked, compressed frames and back
 *	trace_info.c    the header's JSON
 *	trace_ranges.c  what each field of an event may be
 *	trace_rules.c   what a sequence of events may be
 *	trace_reader.c  trace_writer.c  the interface of trace.h
 */
#ifndef WORKLOADS_TRACE_INTERNAL_H
#define WORKLOADS_TRACE_INTERNAL_H

#include <zstd.h>

#include "workloads/format/trace.h"

#define TRACE_MAGIC              "vmt\r\n\x1a\n" /* 8 bytes with the 0 at its end */
#define TRACE_VERSION            2u              /* what is written; 1 is read too */
#define TRACE_KINDS_OF_VERSION_1 29u             /* the first kinds; version 2 has all */
#define TRACE_START              12u             /* bytes of magic and version */
#define FRAME_HEADER             16u             /* bytes of a frame's header */
#define FRAME_MAX_RAW            (16u << 20)
#define FRAME_EVENTS_RAW         (1u << 20) /* a writer's frames: at most so many bytes */
#define FRAME_EVENTS_MAX         65536u     /* and so many events */
#define INFO_MAX_RAW             (1u << 20)
#define TRACE_WHY                160 /* bytes of a reason */

/* Fills *error, cutting what is too long. Returns -1. */
__attribute__((format(printf, 4, 5))) int trace_fail(struct trace_error *error, const char *file,
						     uint64_t offset, const char *format, ...);

/* ---- bytes ---- */

struct bytes {
	uint8_t *data;
	size_t len, cap;
};

/* Makes room for more bytes after len: 0, or -ENOMEM. */
must_check int bytes_reserve(struct bytes *bytes, size_t more);

void store_le(uint8_t *at, uint64_t value, unsigned size);
uint64_t load_le(const uint8_t *at, unsigned size);

/* ---- frames ---- */

enum frame_type { FRAME_INFO = 1, FRAME_EVENTS = 2, FRAME_END = 3 };

struct frame_io {
	const char *path; /* for messages */
	int fd;
	uint64_t offset;     /* of the next frame */
	uint64_t frame;      /* of the one read or written last */
	uint32_t chain;      /* CRC32 of the CRC32s of all frames so far */
	struct bytes packed; /* scratch */
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
};

void frame_io_init(struct frame_io *io, const char *path, int fd);
void frame_io_end(struct frame_io *io); /* does not close fd */
/* Both 0, or -1 and *error. frame_read puts the payload into raw and its type into *type. */
must_check int frame_write(struct frame_io *io, enum frame_type type, const void *raw, size_t len,
			   int level, struct trace_error *error);
must_check int frame_read(struct frame_io *io, enum frame_type *type, struct bytes *raw,
			  struct trace_error *error);
/* write(2) of all len bytes at io->offset: 0, or -1 and *error. */
must_check int frame_write_bytes(struct frame_io *io, const void *data, size_t len,
				 struct trace_error *error);

/* ---- events ---- */

/* What is kept apart within a frame, so that like stands beside like. */
enum codec_stream {
	STREAM_HEAD,
	STREAM_TIME,
	STREAM_ADDR,
	STREAM_LEN,
	STREAM_RESULT,
	STREAM_NAME,
	NSTREAMS
};

#define CODEC_TASKS 64

struct trace_codec {
	bool writing;
	unsigned version;                            /* of the format; stays */
	struct bytes out[NSTREAMS];                  /* writing */
	const uint8_t *in[NSTREAMS], *end[NSTREAMS]; /* reading */
	uint64_t events;                             /* written to the frame, or left in it */
	/* What the next event is told apart from; fresh in every frame. */
	uint64_t time, task;
	uint64_t addr[CODEC_TASKS]; /* last address, by task modulo CODEC_TASKS */
	uint64_t column[TRACE_NKINDS][TRACE_MAX_ARGS];
	char name[TRACE_MAX_NAME + 1];
};

/* Appends one event, which keeps the rules: 0, or -ENOMEM. */
must_check int codec_put(struct trace_codec *codec, const struct trace_event *event);
/* Raw bytes of the frame so far. */
size_t codec_size(const struct trace_codec *codec);
/* The frame's payload into *raw, and a fresh frame: 0, or -ENOMEM. */
must_check int codec_flush(struct trace_codec *codec, struct bytes *raw);
/* Starts on a payload, which must stay: NULL, or why it is refused. */
must_check const char *codec_load(struct trace_codec *codec, const struct bytes *raw);
/* The next event of codec->events: NULL, or why it is refused. event->name lives until the next. */
must_check const char *codec_get(struct trace_codec *codec, struct trace_event *event);
void codec_end(struct trace_codec *codec);

/* ---- rules ---- */

/* A bit a number, as far as one was set. */
struct trace_bitmap {
	uint8_t *bits;
	size_t bytes;
};

struct trace_rules {
	uint64_t tasks, files, inodes; /* the largest numbers given so far */
	uint64_t time;
	uint64_t vmas;                  /* of the layout begun, still to come */
	uint64_t vma_end;               /* of its last VMA */
	uint32_t layout_task;           /* whose it is */
	bool exec;                      /* an EXEC waits for its layout */
	struct trace_bitmap dead;       /* tasks */
	struct trace_bitmap unmappable; /* files */
	uint64_t task_size;             /* the header's; the largest before it is known */
	uint64_t top;                   /* no address so far is above it */
	char why[TRACE_WHY];            /* of what was refused */
};

/* info is NULL as long as there is no header; a header that comes last is checked by rules_info. */
void rules_init(struct trace_rules *rules, const struct trace_info *info);
/* NULL, or why the events so far cannot have this header. */
must_check const char *rules_info(const struct trace_rules *rules, const struct trace_info *info);
/* Takes one event: NULL, or the rule it breaks. */
must_check const char *rules_check(struct trace_rules *rules, const struct trace_event *event);
/* May the trace end here? NULL, or why not. */
must_check const char *rules_end(const struct trace_rules *rules);
void rules_free(struct trace_rules *rules);

/* ---- ranges ---- */

#define TRACE_MAX_ADDRESS (1ULL << 57)

/* What a field may be: 0 to max, without any bit of never. */
struct trace_range {
	const char *what; /* NULL: there is no such field */
	uint64_t max, never;
	bool address; /* not above the header's task_size either */
};

const struct trace_range *range_of(enum trace_kind kind, unsigned field);
/* All fields and the result: NULL, or why one is refused. */
must_check const char *ranges_check(struct trace_rules *rules, const struct trace_event *event);

/* ---- the header ---- */

/* JSON of info, to be freed, or NULL: no memory. */
must_check char *info_to_json(const struct trace_info *info);
/*
 * NULL, or why a number is refused. why has TRACE_WHY bytes, here and below, for that to stand in.
 */
must_check const char *info_check(const struct trace_info *info, char *why);
/* NULL and *info, to be cleared; or why it is refused. */
must_check const char *info_from_json(struct trace_info *info, const char *json, size_t len,
				      char *why);
/* NULL, or why there can be no such pool. */
const char *pool_check(const struct trace_pool *pool);
void info_clear(struct trace_info *info);

#endif
