/*
 * trace_frame - bytes to checked, compressed frames and back
 *
 *	offset  bytes
 *	0       4      type
 *	4       4      raw length, at most FRAME_MAX_RAW
 *	8       4      length of the payload in the file
 *	12      4      CRC32 of the 12 bytes above and of the payload
 *	16             payload: one zstd frame, with its size and its checksum
 *
 * Numbers are little-endian.  Nothing is allocated or read before its length
 * has been checked, and nothing is unpacked before its CRC32 has.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/escape.h"
#include "workloads/format/trace_internal.h"

int trace_fail(struct trace_error *error, const char *file, uint64_t offset, const char *format,
	       ...)
{
	va_list args;

	snprintf(error->file, sizeof(error->file), "%s", file);
	error->offset = offset;
	va_start(args, format);
	vsnprintf(error->reason, sizeof(error->reason), format, args);
	va_end(args);
	return -1;
}

void trace_error_print(const struct trace_error *error)
{
	fprintf(stderr, "%s: offset %llu: %s\n", escape_text(error->file),
		(unsigned long long)error->offset, escape_text(error->reason));
}

int bytes_reserve(struct bytes *bytes, size_t more)
{
	if (bytes->cap - bytes->len >= more)
		return 0;

	size_t cap = max(bytes->len + more, bytes->cap * 2);
	uint8_t *data = realloc(bytes->data, cap);

	if (!data)
		return -ENOMEM;
	bytes->data = data;
	bytes->cap = cap;
	return 0;
}

void store_le(uint8_t *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = value >> (8 * i);
}

uint64_t load_le(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

void frame_io_init(struct frame_io *io, const char *path, int fd)
{
	*io = (struct frame_io){ .path = path, .fd = fd };
}

void frame_io_end(struct frame_io *io)
{
	free(io->packed.data);
	ZSTD_freeCCtx(io->pack);
	ZSTD_freeDCtx(io->unpack);
}

int frame_write_bytes(struct frame_io *io, const void *data, size_t len, struct trace_error *error)
{
	const uint8_t *at = data;

	while (len) {
		ssize_t n = pwrite(io->fd, at, len, io->offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return trace_fail(error, io->path, io->offset, "cannot write: %s",
					  n ? strerror(errno) : "no progress");
		at += n;
		len -= n;
		io->offset += n;
	}
	return 0;
}

/* The CRC32 of a frame, whose header and payload stand in *packed. */
static uint32_t frame_crc(const uint8_t *header, const uint8_t *payload, size_t len)
{
	return crc32(crc32(0, header, 12), payload, len);
}

static void frame_chain(struct frame_io *io, const uint8_t *header)
{
	io->chain = crc32(io->chain, header + 12, 4);
}

int frame_write(struct frame_io *io, enum frame_type type, const void *raw, size_t len, int level,
		struct trace_error *error)
{
	size_t bound = ZSTD_compressBound(len), packed;

	io->frame = io->offset;
	if (!io->pack)
		io->pack = ZSTD_createCCtx();
	io->packed.len = 0;
	if (!io->pack || bytes_reserve(&io->packed, FRAME_HEADER + bound))
		return trace_fail(error, io->path, io->offset, "out of memory");
	ZSTD_CCtx_setParameter(io->pack, ZSTD_c_checksumFlag, 1);
	ZSTD_CCtx_setParameter(io->pack, ZSTD_c_compressionLevel, level);

	uint8_t *header = io->packed.data;
	packed = ZSTD_compress2(io->pack, header + FRAME_HEADER, bound, raw, len);
	if (ZSTD_isError(packed))
		return trace_fail(error, io->path, io->offset, "cannot compress: %s",
				  ZSTD_getErrorName(packed));
	store_le(header, type, 4);
	store_le(header + 4, len, 4);
	store_le(header + 8, packed, 4);
	store_le(header + 12, frame_crc(header, header + FRAME_HEADER, packed), 4);
	frame_chain(io, header);
	return frame_write_bytes(io, header, FRAME_HEADER + packed, error);
}

/* Reads exactly len bytes at io->offset. */
static int frame_read_bytes(struct frame_io *io, uint8_t *to, size_t len, struct trace_error *error)
{
	while (len) {
		ssize_t n = pread(io->fd, to, len, io->offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return trace_fail(error, io->path, io->frame, "cannot read: %s",
					  strerror(errno));
		if (!n)
			return trace_fail(error, io->path, io->frame,
					  "the file is truncated: it ends at %llu",
					  (unsigned long long)io->offset);
		to += n;
		len -= n;
		io->offset += n;
	}
	return 0;
}

static int frame_unpack(struct frame_io *io, const uint8_t *payload, size_t packed,
			struct bytes *raw, size_t len, struct trace_error *error)
{
	size_t n;

	raw->len = 0;
	if (!io->unpack)
		io->unpack = ZSTD_createDCtx();
	if (!io->unpack || bytes_reserve(raw, len + 1))
		return trace_fail(error, io->path, io->frame, "out of memory");
	n = ZSTD_decompressDCtx(io->unpack, raw->data, len, payload, packed);
	if (ZSTD_isError(n))
		return trace_fail(error, io->path, io->frame, "the frame cannot be unpacked: %s",
				  ZSTD_getErrorName(n));
	if (n != len)
		return trace_fail(error, io->path, io->frame,
				  "the frame unpacks to %zu bytes instead of %zu", n, len);
	raw->len = len;
	return 0;
}

int frame_read(struct frame_io *io, enum frame_type *type, struct bytes *raw,
	       struct trace_error *error)
{
	uint8_t header[FRAME_HEADER];

	io->frame = io->offset;
	if (frame_read_bytes(io, header, FRAME_HEADER, error))
		return -1;

	uint64_t kind = load_le(header, 4), len = load_le(header + 4, 4);
	uint64_t packed = load_le(header + 8, 4), limit;

	if (kind < FRAME_INFO || kind > FRAME_END)
		return trace_fail(error, io->path, io->frame, "unknown type of frame %llu",
				  (unsigned long long)kind);
	limit = kind == FRAME_INFO ? INFO_MAX_RAW : FRAME_MAX_RAW;
	if (len > limit || packed > ZSTD_compressBound(limit))
		return trace_fail(error, io->path, io->frame,
				  "the frame's length %llu, packed %llu, is over the limit of %llu",
				  (unsigned long long)len, (unsigned long long)packed,
				  (unsigned long long)limit);
	io->packed.len = 0;
	if (bytes_reserve(&io->packed, packed))
		return trace_fail(error, io->path, io->frame, "out of memory");
	if (frame_read_bytes(io, io->packed.data, packed, error))
		return -1;
	if (frame_crc(header, io->packed.data, packed) != load_le(header + 12, 4))
		return trace_fail(error, io->path, io->frame,
				  "the frame is damaged: wrong checksum");
	frame_chain(io, header);
	*type = kind;
	return frame_unpack(io, io->packed.data, packed, raw, len, error);
}
