/*
 * trace_writer - writes a trace
 *
 * While the program runs, frames go to a spool, quickly packed: a file that has no
 * name, beside the trace.  trace_finish packs them well, behind the header, into
 * the trace, which is written as base/outfile.h says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/outfile.h"
#include "workloads/format/anonymize.h"
#include "workloads/format/trace_internal.h"

enum { LEVEL_SPOOL = 3, LEVEL_FINAL = 19 };

struct trace_writer {
	char *path;
	struct outfile out;
	struct frame_io spool, final;
	struct trace_codec codec;
	struct trace_rules rules;
	struct bytes raw;
	struct anonymizer *anonymizer; /* NULL: names stay */
	uint64_t events, frames;
};

/* The trace can be written where it is to be, and has a spool there. */
static int writer_open(struct trace_writer *writer, struct trace_error *error)
{
	int fd;

	if (outfile_open(&writer->out, writer->path, 0600))
		return trace_fail(error, writer->path, 0, "%s", writer->out.why);
	if (writer->out.through)
		return trace_fail(error, writer->path, 0, "exists and is not a regular file");
	fd = outfile_spool(&writer->out);
	if (fd < 0)
		return trace_fail(error, writer->path, 0, "%s", writer->out.why);
	frame_io_init(&writer->spool, writer->path, fd);
	return 0;
}

struct trace_writer *trace_create(const char *path, struct trace_error *error)
{
	struct trace_writer *writer = calloc(1, sizeof(*writer));

	if (!writer || !(writer->path = strdup(path))) {
		trace_fail(error, path, 0, "out of memory");
		free(writer);
		return NULL;
	}
	writer->codec.version = TRACE_VERSION;
	rules_init(&writer->rules, NULL);
	if (!writer_open(writer, error))
		return writer;
	outfile_close(&writer->out);
	free(writer->path);
	free(writer);
	return NULL;
}

int trace_anonymize(struct trace_writer *writer)
{
	if (!writer->anonymizer)
		writer->anonymizer = anonymizer_create();
	return writer->anonymizer ? 0 : -1;
}

static int writer_fail(struct trace_writer *writer, const char *reason, struct trace_error *error)
{
	return trace_fail(error, writer->path, writer->spool.offset, "%s", reason);
}

static int writer_flush(struct trace_writer *writer, struct trace_error *error)
{
	if (!writer->codec.events)
		return 0;
	if (codec_flush(&writer->codec, &writer->raw))
		return writer_fail(writer, "out of memory", error);
	writer->frames++;
	return frame_write(&writer->spool, FRAME_EVENTS, writer->raw.data, writer->raw.len,
			   LEVEL_SPOOL, error);
}

int trace_write(struct trace_writer *writer, const struct trace_event *event,
		struct trace_error *error)
{
	const char *reason = rules_check(&writer->rules, event);
	struct trace_event nameless = *event;

	if (writer->anonymizer) {
		nameless.name = anonymize_name(writer->anonymizer, event);
		if (!nameless.name)
			return writer_fail(writer, "out of memory", error);
		event = &nameless;
	}
	if (reason)
		return trace_fail(error, writer->path, writer->spool.offset,
				  "the event to be written is against the rules: %s", reason);
	if (codec_put(&writer->codec, event))
		return writer_fail(writer, "out of memory", error);
	writer->events++;
	if (writer->codec.events < FRAME_EVENTS_MAX &&
	    codec_size(&writer->codec) < FRAME_EVENTS_RAW - 2 * TRACE_MAX_NAME)
		return 0;
	return writer_flush(writer, error);
}

uint64_t trace_bytes(const struct trace_writer *writer)
{
	return writer->spool.offset;
}

/* Magic, version and the header frame. */
static int writer_head(struct trace_writer *writer, const struct trace_info *info,
		       struct trace_error *error)
{
	uint8_t start[TRACE_START] = TRACE_MAGIC;
	char *json = info_to_json(info);
	int status;

	if (!json)
		return writer_fail(writer, "out of memory", error);
	store_le(start + sizeof(TRACE_MAGIC), TRACE_VERSION, 4);
	status = frame_write_bytes(&writer->final, start, sizeof(start), error);
	if (!status)
		status = frame_write(&writer->final, FRAME_INFO, json, strlen(json), LEVEL_FINAL,
				     error);
	free(json);
	return status;
}

/* All frames of the spool, packed well. */
static int writer_repack(struct trace_writer *writer, struct trace_error *error)
{
	enum frame_type type;

	writer->spool.offset = 0;
	for (uint64_t i = 0; i < writer->frames; i++) {
		if (frame_read(&writer->spool, &type, &writer->raw, error) ||
		    frame_write(&writer->final, type, writer->raw.data, writer->raw.len,
				LEVEL_FINAL, error))
			return -1;
	}
	return 0;
}

static int writer_tail(struct trace_writer *writer, struct trace_error *error)
{
	uint8_t end[24];

	store_le(end, writer->events, 8);
	store_le(end + 8, writer->frames, 8);
	store_le(end + 16, writer->final.chain, 8);
	return frame_write(&writer->final, FRAME_END, end, sizeof(end), LEVEL_FINAL, error);
}

int trace_finish(struct trace_writer *writer, const struct trace_info *info,
		 struct trace_error *error)
{
	const char *reason = rules_end(&writer->rules);
	struct trace_info nameless;
	char why[TRACE_WHY];

	if (!reason)
		reason = info_check(info, why);
	if (!reason)
		reason = rules_info(&writer->rules, info);
	if (reason)
		return writer_fail(writer, reason, error);
	if (writer->anonymizer) {
		nameless = anonymize_info(info);
		info = &nameless;
	}
	if (writer_flush(writer, error))
		return -1;
	if (outfile_begin(&writer->out))
		return writer_fail(writer, writer->out.why, error);
	frame_io_init(&writer->final, writer->path, writer->out.fd);
	if (writer_head(writer, info, error) || writer_repack(writer, error) ||
	    writer_tail(writer, error))
		return -1;
	if (outfile_commit(&writer->out))
		return writer_fail(writer, writer->out.why, error);
	trace_abandon(writer);
	return 0;
}

void trace_abandon(struct trace_writer *writer)
{
	outfile_close(&writer->out);
	close(writer->spool.fd);
	frame_io_end(&writer->spool);
	frame_io_end(&writer->final);
	codec_end(&writer->codec);
	rules_free(&writer->rules);
	anonymizer_destroy(writer->anonymizer);
	free(writer->raw.data);
	free(writer->path);
	free(writer);
}
