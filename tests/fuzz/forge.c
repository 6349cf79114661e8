/*
 * forge - traces that no recorder would write (see forge.h)
 *
 * The same codec and frames as the writer's, but not its rules.
 */
#include "tests/fuzz/forge.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void give_up(const char *path, const char *why)
{
	fprintf(stderr, "forge: %s: %s\n", path, why);
	exit(EXIT_FAILURE);
}

static void *or_give_up(void *memory)
{
	if (!memory)
		give_up("memory", "out of memory");
	return memory;
}

void forge_insert(struct forge *forge, size_t i, const struct trace_event *event)
{
	if (forge->n == forge->room) {
		forge->room = forge->room ? 2 * forge->room : 64;
		forge->events =
			or_give_up(realloc(forge->events, forge->room * sizeof(*forge->events)));
	}
	memmove(forge->events + i + 1, forge->events + i, (forge->n - i) * sizeof(*forge->events));
	forge->n++;
	forge->events[i] = *event;
	forge->events[i].name = or_give_up(strdup(event->name));
}

void forge_remove(struct forge *forge, size_t i)
{
	free((char *)forge->events[i].name);
	forge->n--;
	memmove(forge->events + i, forge->events + i + 1, (forge->n - i) * sizeof(*forge->events));
}

void forge_load(struct forge *forge, const char *path, size_t max)
{
	struct trace_error error;
	struct trace_event event;
	struct trace_reader *reader = trace_open(path, &error);
	int more = 0;

	*forge = (struct forge){ 0 };
	if (!reader)
		give_up(path, error.reason);
	forge->header = or_give_up(info_to_json(trace_info(reader)));
	while (forge->n < max && (more = trace_next(reader, &event, &error)) > 0)
		forge_insert(forge, forge->n, &event);
	if (more < 0)
		give_up(path, error.reason);
	trace_close(reader);
}

void forge_copy(struct forge *forge, const struct forge *from)
{
	*forge = (struct forge){ .header = or_give_up(strdup(from->header)) };
	for (size_t i = 0; i < from->n; i++)
		forge_insert(forge, i, &from->events[i]);
}

void forge_free(struct forge *forge)
{
	while (forge->n)
		forge_remove(forge, forge->n - 1);
	free(forge->events);
	free(forge->header);
}

/* ---- writing ---- */

struct writing {
	const char *path;
	struct frame_io io;
	struct trace_codec codec;
	struct bytes raw;
	uint64_t events, frames;
	struct trace_error error;
};

static void write_frame(struct writing *w, enum frame_type type, const void *raw, size_t len)
{
	if (frame_write(&w->io, type, raw, len, 1, &w->error))
		give_up(w->path, w->error.reason);
}

static void write_events(struct writing *w)
{
	if (!w->codec.events)
		return;
	if (codec_flush(&w->codec, &w->raw))
		give_up(w->path, "out of memory");
	w->frames++;
	write_frame(w, FRAME_EVENTS, w->raw.data, w->raw.len);
}

static void write_all(struct writing *w, const struct forge *forge)
{
	uint8_t start[TRACE_START] = TRACE_MAGIC, end[24];

	store_le(start + sizeof(TRACE_MAGIC), TRACE_VERSION, 4);
	if (frame_write_bytes(&w->io, start, sizeof(start), &w->error))
		give_up(w->path, w->error.reason);
	write_frame(w, FRAME_INFO, forge->header, strlen(forge->header));
	for (size_t i = 0; i < forge->n; i++) {
		if ((unsigned)forge->events[i].kind >= TRACE_NKINDS)
			continue;
		if (codec_put(&w->codec, &forge->events[i]))
			give_up(w->path, "out of memory");
		w->events++;
		if (codec_size(&w->codec) > FRAME_EVENTS_RAW - 2 * TRACE_MAX_NAME)
			write_events(w);
	}
	write_events(w);
	store_le(end, w->events, 8);
	store_le(end + 8, w->frames, 8);
	store_le(end + 16, w->io.chain, 8);
	write_frame(w, FRAME_END, end, sizeof(end));
}

void forge_write(const struct forge *forge, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct writing w = { .path = path, .codec.version = TRACE_VERSION };

	if (fd < 0)
		give_up(path, "cannot be created");
	frame_io_init(&w.io, path, fd);
	write_all(&w, forge);
	frame_io_end(&w.io);
	codec_end(&w.codec);
	free(w.raw.data);
	close(fd);
}
