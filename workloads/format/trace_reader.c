/*
 * trace_reader - reads a trace, event by event
 *
 * One frame is unpacked at a time.  The reader believes nothing: frames are
 * checked by trace_frame.c, what is in them by trace_codec.c, and what it
 * means by trace_rules.c; the end frame must count what was read and the file
 * must end there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workloads/format/trace_internal.h"

struct trace_reader {
	char *path;
	struct frame_io io;
	struct bytes raw; /* the frame in hand */
	struct trace_codec codec;
	struct trace_rules rules;
	struct trace_info info;
	struct trace_error error; /* if over < 0 */
	int over;                 /* 1: not yet; else what trace_next returns from now on */
	uint64_t first;           /* offset of the first frame of events */
	uint64_t events, frames;
	uint32_t chain; /* as it was there */
};

/* The file, if it is one that ends and never blocks; or -1 and *error. */
static int reader_open(const char *path, struct trace_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return trace_fail(error, path, 0, "cannot open: %s", strerror(errno));
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	trace_fail(error, path, 0, "not a regular file, but %s",
		   S_ISDIR(st.st_mode) ? "a directory" : "a device, pipe or socket");
	close(fd);
	return -1;
}

static int reader_start(struct trace_reader *reader, struct trace_error *error)
{
	uint8_t start[TRACE_START];
	ssize_t n = pread(reader->io.fd, start, sizeof(start), 0);

	if (n < 0)
		return trace_fail(error, reader->path, 0, "cannot read: %s", strerror(errno));
	if (!n)
		return trace_fail(error, reader->path, 0, "the file is empty");
	if (memcmp(start, TRACE_MAGIC, min((size_t)n, sizeof(TRACE_MAGIC))))
		return trace_fail(error, reader->path, 0, "not a trace (.vmt)");
	if (n < (ssize_t)sizeof(start))
		return trace_fail(error, reader->path, 0, "the file is truncated: it ends at %zd",
				  n);
	reader->codec.version = load_le(start + sizeof(TRACE_MAGIC), 4);
	if (reader->codec.version < 1 || reader->codec.version > TRACE_VERSION)
		return trace_fail(error, reader->path, sizeof(TRACE_MAGIC),
				  "version %u of the trace format; this program reads 1 to %u",
				  reader->codec.version, TRACE_VERSION);
	reader->io.offset = TRACE_START;
	return 0;
}

static int reader_header(struct trace_reader *reader, struct trace_error *error)
{
	enum frame_type type;
	char why[TRACE_WHY];
	const char *reason;

	if (frame_read(&reader->io, &type, &reader->raw, error))
		return -1;
	if (type != FRAME_INFO)
		return trace_fail(error, reader->path, reader->io.frame, "no header");
	reason =
		info_from_json(&reader->info, (const char *)reader->raw.data, reader->raw.len, why);
	if (reason)
		return trace_fail(error, reader->path, reader->io.frame, "%s", reason);
	rules_init(&reader->rules, &reader->info);
	reader->first = reader->io.offset;
	reader->chain = reader->io.chain;
	return 0;
}

struct trace_reader *trace_open(const char *path, struct trace_error *error)
{
	int fd = reader_open(path, error);
	struct trace_reader *reader;

	if (fd < 0)
		return NULL;
	reader = calloc(1, sizeof(*reader));
	if (!reader || !(reader->path = strdup(path))) {
		trace_fail(error, path, 0, "out of memory");
		free(reader);
		close(fd);
		return NULL;
	}
	frame_io_init(&reader->io, reader->path, fd);
	reader->over = 1;
	if (reader_start(reader, error) || reader_header(reader, error)) {
		trace_close(reader);
		return NULL;
	}
	return reader;
}

const struct trace_info *trace_info(const struct trace_reader *reader)
{
	return &reader->info;
}

double trace_position(const struct trace_reader *reader)
{
	struct stat st;

	if (fstat(reader->io.fd, &st) || !st.st_size)
		return 1;
	return (double)reader->io.offset / (double)st.st_size;
}

static int reader_fail(struct trace_reader *reader, const char *reason)
{
	return trace_fail(&reader->error, reader->path, reader->io.frame, "%s", reason);
}

/* The end frame is in hand: 0 if all is well, or -1. */
static int reader_end(struct trace_reader *reader, uint32_t chain)
{
	const uint8_t *end = reader->raw.data;
	const char *reason = rules_end(&reader->rules);
	uint8_t more;

	if (reason)
		return reader_fail(reader, reason);
	if (reader->raw.len != 24)
		return reader_fail(reader, "an end frame of the wrong length");
	if (load_le(end, 8) != reader->events || load_le(end + 8, 8) != reader->frames ||
	    load_le(end + 16, 8) != chain)
		return reader_fail(reader, "frames are missing, or not in order");
	reader->io.frame = reader->io.offset;
	if (pread(reader->io.fd, &more, 1, reader->io.offset))
		return reader_fail(reader, "something follows the end of the trace");
	return 0;
}

/* The next frame with events in it: 1; or 0 or -1, and the trace is over. */
static int reader_frame(struct trace_reader *reader)
{
	uint32_t chain = reader->io.chain;
	enum frame_type type;
	const char *reason;

	if (frame_read(&reader->io, &type, &reader->raw, &reader->error))
		return -1;
	if (type == FRAME_END)
		return reader_end(reader, chain);
	if (type != FRAME_EVENTS)
		return reader_fail(reader, "a second header");
	reason = codec_load(&reader->codec, &reader->raw);
	if (!reason && !reader->codec.events)
		reason = "a frame without events";
	if (reason)
		return reader_fail(reader, reason);
	reader->frames++;
	return 1;
}

int trace_next(struct trace_reader *reader, struct trace_event *event, struct trace_error *error)
{
	const char *reason;

	if (reader->over > 0 && !reader->codec.events)
		reader->over = reader_frame(reader);
	if (reader->over > 0) {
		reason = codec_get(&reader->codec, event);
		if (!reason)
			reason = rules_check(&reader->rules, event);
		if (reason)
			reader->over = reader_fail(reader, reason);
		reader->events++;
	}
	if (reader->over < 0)
		*error = reader->error;
	return reader->over;
}

int trace_rewind(struct trace_reader *reader, struct trace_error *error)
{
	struct stat st;

	if (fstat(reader->io.fd, &st))
		return trace_fail(error, reader->path, 0, "cannot read: %s", strerror(errno));
	reader->io.offset = reader->first;
	reader->io.chain = reader->chain;
	reader->codec.events = 0;
	reader->events = reader->frames = 0;
	reader->over = 1;
	rules_free(&reader->rules);
	rules_init(&reader->rules, &reader->info);
	return 0;
}

void trace_close(struct trace_reader *reader)
{
	if (!reader)
		return;
	close(reader->io.fd);
	frame_io_end(&reader->io);
	rules_free(&reader->rules);
	info_clear(&reader->info);
	codec_end(&reader->codec);
	free(reader->raw.data);
	free(reader->path);
	free(reader);
}
