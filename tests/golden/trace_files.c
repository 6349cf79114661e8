/*
 * trace_files - the trace format: what is written is read, and what is damaged is refused
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "tests/suite.h"
#include "workloads/format/trace_internal.h"

static char folder[] = "/tmp/vmabench-trace.XXXXXX", path[64], other[64];

static void setup(void)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.vmt", folder);
	snprintf(other, sizeof(other), "%s/b.vmt", folder);
}

static void teardown(void)
{
	unlink(path);
	unlink(other);
	ck_assert_int_eq(rmdir(folder), 0); /* and nothing else was left */
}

static const struct trace_info sample_info = {
	.command = "prog 'an argument' $'\\xff'",
	.versions = "prog 1.0",
	.kernel = "6.12.0",
	.arch = "x86_64",
	.date = "2025-01-31",
	.recorder = "test",
	.missing = "nothing",
	.faults = true,
	.lost = UINT64_MAX,
	.aslr = true,
	.legacy_layout = false,
	.thp = "always",
	.shmem_thp = "never",
	.task_size = 0x7ffffffff000,
	.max_map_count = 65530,
	.mmap_min_addr = 65536,
	.stack_guard_gap = 256,
	.overcommit = 1,
	.rlimit_stack = 8 << 20,
	.rlimit_as = UINT64_MAX,
	.rlimit_data = UINT64_MAX,
	.rlimit_memlock = 0,
	.lacks_capabilities = 1ULL << 63,
	.ram = 1ULL << 40,
	.user_reserve_kbytes = 131072,
};

/* ---- a generator of events that keep the rules and are as wild as these allow ---- */

struct wild {
	struct rng rng;
	uint64_t time, vma_end, vmas;
	uint32_t tasks, files, inodes, layout_task;
	bool exec;
	char name[TRACE_MAX_NAME + 1];
};

static uint64_t wild_number(struct wild *wild)
{
	static const uint64_t extremes[] = { 0, 1, 127, 128, INT64_MAX, 1ULL << 63, UINT64_MAX };

	if (rng_one_in(&wild->rng, 4))
		return extremes[rng_below(&wild->rng, ARRAY_SIZE(extremes))];
	return rng_next(&wild->rng) >> rng_below(&wild->rng, 64);
}

/* What the field may be. */
static uint64_t wild_field(struct wild *wild, enum trace_kind kind, unsigned field)
{
	const struct trace_range *range = range_of(kind, field);
	uint64_t max = range->address ? sample_info.task_size : range->max;
	uint64_t value = wild_number(wild);

	return (value > max ? value % (max + 1) : value) & ~range->never;
}

/* -errno, or something that the call may return. */
static int64_t wild_result(struct wild *wild, const struct trace_event *event)
{
	uint64_t place = wild_number(wild) % sample_info.task_size & PAGE_MASK;

	if (rng_one_in(&wild->rng, 4))
		return -(int64_t)rng_between(&wild->rng, 1, 4095);
	switch (event->kind) {
	case TRACE_MMAP:
		return event->arg[1] > sample_info.task_size - place ? -12 : (int64_t)place;
	case TRACE_MREMAP:
		return event->arg[2] > sample_info.task_size - place ? -12 : (int64_t)place;
	case TRACE_SHMAT:
		return event->arg[3] > sample_info.task_size - place ? -22 : (int64_t)place;
	case TRACE_BRK:
		return (int64_t)place;
	default:
		return (int64_t)(wild_number(wild) & INT64_MAX);
	}
}

static void wild_vma(struct wild *wild, struct trace_event *event)
{
	uint64_t start = wild->vma_end + rng_below(&wild->rng, 3) * PAGE_SIZE;

	event->task = wild->layout_task;
	event->arg[0] = start;
	event->arg[1] = start + rng_between(&wild->rng, 1, 1 << 20) * PAGE_SIZE;
	event->arg[3] >>= 21;
	event->arg[4] = wild->files > 1 ? wild->files : TRACE_NO_FILE;
	event->arg[5] = rng_below(&wild->rng, 2);
	wild->vma_end = event->arg[1];
	wild->vmas--;
}

static void wild_fork(struct wild *wild, struct trace_event *event)
{
	event->result = -11;
	event->arg[0] = 0;
	if (rng_one_in(&wild->rng, 2)) {
		event->result = 1000 + wild->tasks;
		event->arg[0] = ++wild->tasks;
	}
}

/* Makes what wild_event drew keep the rules of its kind. */
static void wild_tame(struct wild *wild, struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_FILE:
		event->arg[0] = ++wild->files;
		event->arg[1] = rng_between(&wild->rng, 1, wild->inodes + 1);
		event->arg[3] = S_IFREG | (event->arg[3] & 07777);
		wild->inodes = max(wild->inodes, (uint32_t)event->arg[1]);
		break;
	case TRACE_FORK:
		wild_fork(wild, event);
		break;
	case TRACE_HUGE_FILE:
		event->arg[1] = 1UL << (16 + event->arg[1] % 19);
		break;
	case TRACE_HUGE_POOL:
		event->arg[0] = 1UL << (16 + event->arg[0] % 19);
		event->arg[2] = min(event->arg[2], event->arg[1]);
		event->arg[3] = min(event->arg[3], event->arg[2]);
		event->arg[4] = min(event->arg[4], event->arg[1]);
		break;
	case TRACE_EXEC:
		event->arg[1] = min(event->arg[1], event->arg[2]);
		wild->exec = true;
		wild->layout_task = event->task;
		break;
	case TRACE_LAYOUT:
		event->arg[0] = wild->exec ? TRACE_AFTER_EXEC : rng_below(&wild->rng, 3);
		event->arg[1] = wild->vmas = rng_below(&wild->rng, 5);
		event->task = wild->exec ? wild->layout_task : event->task;
		wild->layout_task = event->task;
		wild->exec = false;
		wild->vma_end = 0;
		break;
	case TRACE_VMA:
		wild_vma(wild, event);
		break;
	default:
		break;
	}
}

static enum trace_kind wild_kind(struct wild *wild)
{
	enum trace_kind kind;

	if (wild->exec)
		return TRACE_LAYOUT;
	if (wild->vmas)
		return TRACE_VMA;
	do {
		kind = rng_below(&wild->rng, TRACE_NKINDS);
	} while (kind == TRACE_VMA || kind == TRACE_EXIT);
	return kind;
}

static void wild_event(struct wild *wild, struct trace_event *event)
{
	const char *fields;
	uint64_t len;

	*event = (struct trace_event){ .kind = wild_kind(wild), .name = "" };
	fields = trace_kind_fields(event->kind);
	event->task = rng_between(&wild->rng, 1, wild->tasks);
	event->time = wild->time +=
		rng_one_in(&wild->rng, 1000000) ? (uint64_t)1 << 40 : rng_below(&wild->rng, 300);
	for (unsigned i = 0; fields[i]; i++) {
		if (fields[i] == 'r')
			event->result = wild_result(wild, event);
		else if (fields[i] == 'f')
			event->arg[i] = rng_between(&wild->rng, 0, wild->files);
		else if (fields[i] != 'n')
			event->arg[i] = wild_field(wild, event->kind, i);
	}
	if (strchr(fields, 'n')) {
		len = rng_one_in(&wild->rng, 50) ? TRACE_MAX_NAME : rng_below(&wild->rng, 40);
		memset(wild->name, 'a' + rng_below(&wild->rng, 26), len);
		wild->name[len] = 0;
		event->name = wild->name;
	}
	wild_tame(wild, event);
}

static void wild_init(struct wild *wild, uint64_t seed)
{
	*wild = (struct wild){ .tasks = 1, .files = 1 };
	rng_seed(&wild->rng, seed);
}

static bool wild_open(const struct wild *wild)
{
	return wild->exec || wild->vmas;
}

/* Writes at least n events; returns how many. */
static uint64_t write_wild(const char *to, uint64_t seed, uint64_t n)
{
	struct trace_error error;
	struct trace_event event;
	struct trace_writer *writer = trace_create(to, &error);
	struct wild wild;
	uint64_t i = 0;

	ck_assert_ptr_nonnull(writer);
	wild_init(&wild, seed);
	for (; i < n || wild_open(&wild); i++) {
		wild_event(&wild, &event);
		ck_assert_msg(!trace_write(writer, &event, &error), "%s", error.reason);
	}
	ck_assert_msg(!trace_finish(writer, &sample_info, &error), "%s", error.reason);
	return i;
}

/* ---- what is written is read ---- */

static void same_event(const struct trace_event *a, const struct trace_event *b)
{
	const char *fields = trace_kind_fields(a->kind);

	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_uint_eq(a->task, b->task);
	ck_assert_uint_eq(a->time, b->time);
	for (unsigned i = 0; fields[i] && !strchr("rn", fields[i]); i++)
		ck_assert_uint_eq(a->arg[i], b->arg[i]);
	ck_assert_int_eq(a->result, b->result);
	ck_assert_str_eq(a->name, b->name);
}

static void read_wild(struct trace_reader *reader, uint64_t seed, uint64_t n)
{
	struct trace_event event, expected;
	struct trace_error error;
	struct wild wild;

	wild_init(&wild, seed);
	for (uint64_t i = 0; i < n; i++) {
		wild_event(&wild, &expected);
		ck_assert_int_eq(trace_next(reader, &event, &error), 1);
		same_event(&event, &expected);
	}
	ck_assert_int_eq(trace_next(reader, &event, &error), 0);
	ck_assert_int_eq(trace_next(reader, &event, &error), 0);
}

START_TEST(round_trip)
{
	uint64_t seed = test_seed(), n = write_wild(path, seed, 300000);
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	const struct trace_info *info;

	ck_assert_msg(reader != NULL, "%s", error.reason);
	info = trace_info(reader);
	ck_assert_str_eq(info->command, sample_info.command);
	ck_assert_str_eq(info->missing, sample_info.missing);
	ck_assert_uint_eq(info->lost, UINT64_MAX);
	ck_assert(info->faults && info->aslr && !info->legacy_layout);
	ck_assert_uint_eq(info->rlimit_as, UINT64_MAX);
	ck_assert_uint_eq(info->stack_guard_gap, 256);
	ck_assert_uint_eq(info->lacks_capabilities, 1ULL << 63);
	ck_assert_uint_eq(info->ram, 1ULL << 40);
	ck_assert_uint_eq(info->swap, 0);
	ck_assert_uint_eq(info->user_reserve_kbytes, 131072);
	read_wild(reader, seed, n);
	ck_assert_int_eq(trace_rewind(reader, &error), 0);
	read_wild(reader, seed, n);
	trace_close(reader);
}
END_TEST

START_TEST(empty_trace)
{
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader;

	write_wild(path, 1, 0);
	reader = trace_open(path, &error);
	ck_assert_ptr_nonnull(reader);
	ck_assert_int_eq(trace_next(reader, &event, &error), 0);
	trace_close(reader);
}
END_TEST

/* Reads all of a file that must be refused, and say why. */
static void refuse(const char *file, const char *what, size_t at)
{
	struct trace_error error = { .reason = "" };
	struct trace_event event;
	struct trace_reader *reader = trace_open(file, &error);
	int status = -1;

	while (reader && (status = trace_next(reader, &event, &error)) > 0)
		;
	if (reader && status < 0)
		ck_assert_int_eq(trace_next(reader, &event, &error), -1);
	trace_close(reader);
	ck_assert_msg(status < 0, "%s at %zu was not noticed", what, at);
	ck_assert_msg(error.reason[0] && error.file[0], "%s at %zu: no reason", what, at);
}

static size_t slurp(uint8_t **data)
{
	struct stat st;
	int fd = open(path, O_RDONLY);

	ck_assert(fd >= 0 && !fstat(fd, &st));
	*data = malloc(st.st_size + 1);
	ck_assert_int_eq(read(fd, *data, st.st_size), st.st_size);
	close(fd);
	return st.st_size;
}

static void spill(const void *data, size_t len)
{
	int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert(fd >= 0);
	ck_assert_int_eq(write(fd, data, len), (ssize_t)len);
	close(fd);
}

START_TEST(older_and_newer_versions)
{
	const struct trace_event event = { .kind = TRACE_MUNMAP, .task = 1, .name = "" };
	struct trace_error error;
	struct trace_writer *writer = trace_create(path, &error);
	struct trace_event read;
	struct trace_reader *reader;
	uint8_t *data;
	size_t len;

	ck_assert_ptr_nonnull(writer);
	ck_assert(!trace_write(writer, &event, &error));
	ck_assert(!trace_finish(writer, &sample_info, &error));
	len = slurp(&data);
	ck_assert_uint_eq(data[8], 2);
	data[8] = 1;
	spill(data, len);
	reader = trace_open(other, &error);
	ck_assert_msg(reader != NULL, "%s", error.reason);
	ck_assert_int_eq(trace_next(reader, &read, &error), 1);
	same_event(&event, &read);
	ck_assert_int_eq(trace_next(reader, &read, &error), 0);
	trace_close(reader);
	for (unsigned version = 0; version < 256; version += 3) {
		data[8] = version;
		spill(data, len);
		refuse(other, "version", version);
	}
	free(data);
}
END_TEST

START_TEST(abandoned)
{
	struct trace_error error;
	struct trace_writer *writer = trace_create(path, &error);

	ck_assert_ptr_nonnull(writer);
	trace_abandon(writer);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_ptr_null(trace_create("/nonexistent/folder/x.vmt", &error));
	ck_assert_ptr_null(trace_create(folder, &error));
	ck_assert_ptr_null(trace_create("/dev/null", &error));
}
END_TEST

/* ---- what is damaged is refused ---- */

START_TEST(truncated)
{
	uint8_t *data;
	size_t len;

	write_wild(path, 7, 60);
	len = slurp(&data);
	for (size_t cut = 0; cut < len; cut++) {
		spill(data, cut);
		refuse(other, "a cut", cut);
	}
	data[len] = 0;
	spill(data, len + 1);
	refuse(other, "a byte more", len);
	free(data);
}
END_TEST

START_TEST(flipped)
{
	uint8_t *data;
	size_t len;
	int fd;

	write_wild(path, 8, 60);
	len = slurp(&data);
	spill(data, len);
	fd = open(other, O_WRONLY);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		uint8_t flipped = data[bit / 8] ^ 1 << bit % 8;

		ck_assert_int_eq(pwrite(fd, &flipped, 1, bit / 8), 1);
		refuse(other, "a flipped bit", bit);
		ck_assert_int_eq(pwrite(fd, &data[bit / 8], 1, bit / 8), 1);
	}
	close(fd);
	free(data);
}
END_TEST

/* All lengths in the first frame's header that a 32-bit field can hold, sampled. */
START_TEST(oversized)
{
	static const uint32_t lengths[] = { 0,         1,         1 << 20, 16 << 20, (16 << 20) + 1,
					    INT32_MAX, UINT32_MAX };
	uint8_t *data;
	size_t len;

	write_wild(path, 9, 60);
	len = slurp(&data);
	for (size_t field = 16; field <= 20; field += 4) {
		for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
			uint8_t saved[4];

			memcpy(saved, data + field, 4);
			for (unsigned b = 0; b < 4; b++)
				data[field + b] = lengths[i] >> (8 * b);
			spill(data, len);
			refuse(other, "a length", field);
			memcpy(data + field, saved, 4);
		}
	}
	free(data);
}
END_TEST

/* The length in the file of the frame at offset at, its header included. */
static size_t frame_length(const uint8_t *data, size_t at)
{
	return 16 + (data[at + 8] | data[at + 9] << 8 | data[at + 10] << 16 |
		     (size_t)data[at + 11] << 24);
}

/* Frames that are whole, but swapped, doubled or left out. */
START_TEST(shuffled)
{
	size_t at[5] = { 12 }, len;
	uint8_t *data, *mixed;

	write_wild(path, 10, 150000);
	len = slurp(&data);
	mixed = malloc(2 * len);
	for (unsigned i = 1; i < 5; i++)
		at[i] = at[i - 1] + frame_length(data, at[i - 1]);
	ck_assert_uint_lt(at[4], len);

	memcpy(mixed, data, at[1]); /* the header twice */
	memcpy(mixed + at[1], data + at[0], len - at[0]);
	spill(mixed, len + at[1] - at[0]);
	refuse(other, "a frame twice", 0);

	memcpy(mixed + at[1], data + at[2], len - at[2]);
	spill(mixed, len - (at[2] - at[1]));
	refuse(other, "a frame left out", 1);

	memcpy(mixed + at[1], data + at[2], at[3] - at[2]);
	memcpy(mixed + at[1] + at[3] - at[2], data + at[1], at[2] - at[1]);
	memcpy(mixed + at[3], data + at[3], len - at[3]);
	spill(mixed, len);
	refuse(other, "frames swapped", 1);

	spill(data + at[1], len - at[1]);
	refuse(other, "a missing start", 0);
	free(mixed);
	free(data);
}
END_TEST

START_TEST(foreign)
{
	static const char *const files[] = {
		"/dev/zero",  "/dev/null",    "/",           "/proc/self/maps", "/proc/self/exe",
		"/proc/kmsg", "/nonexistent", "/etc/passwd",
	};
	char fifo[80];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		refuse(files[i], "a foreign file", i);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	refuse(fifo, "a fifo", 0);
	unlink(fifo);
	spill("", 0);
	refuse(other, "an empty file", 0);
}
END_TEST

/* ---- the rules ---- */

static const struct trace_event good_start[] = {
	{ .kind = TRACE_FILE, .task = 1, .time = 5, .arg = { 2, 1 }, .name = "/bin/x" },
	{ .kind = TRACE_FORK, .task = 1, .time = 6, .arg = { 2 }, .result = 4, .name = "" },
	{ .kind = TRACE_EXIT, .task = 2, .time = 7, .name = "" },
};

static const struct {
	const char *what;
	struct trace_event event;
} bad_events[] = {
	{ "kind", { .kind = TRACE_NKINDS, .task = 1 } },
	{ "task 0", { .kind = TRACE_BRK, .task = 0 } },
	{ "unborn task", { .kind = TRACE_BRK, .task = 3 } },
	{ "dead task", { .kind = TRACE_BRK, .task = 2 } },
	{ "task too large", { .kind = TRACE_BRK, .task = TRACE_MAX_TASKS + 1 } },
	{ "falling time", { .kind = TRACE_BRK, .task = 1, .time = 6 } },
	{ "undefined file", { .kind = TRACE_MMAP, .task = 1, .arg = { 0, 1, 0, 0, 0, 3 } } },
	{ "file out of order", { .kind = TRACE_FILE, .task = 1, .arg = { 4, 1 } } },
	{ "inode out of order", { .kind = TRACE_FILE, .task = 1, .arg = { 3, 3 } } },
	{ "child out of order", { .kind = TRACE_FORK, .task = 1, .arg = { 4 } } },
	{ "failed fork's child", { .kind = TRACE_FORK, .task = 1, .arg = { 3 }, .result = -1 } },
	{ "kind of layout", { .kind = TRACE_LAYOUT, .task = 1, .arg = { 4 } } },
	{ "VMA without layout", { .kind = TRACE_VMA, .task = 1, .arg = { 0, 4096 } } },
	{ "st_mode", { .kind = TRACE_FILE, .task = 1, .arg = { 3, 2, 0, 0x10000 } } },
	{ "size of a file", { .kind = TRACE_FILE_SIZE, .task = 1, .arg = { 2, 1ULL << 63 } } },
	{ "mount", { .kind = TRACE_FILE_MORE, .task = 1, .arg = { 2, 0, 2 } } },
	{ "seals", { .kind = TRACE_FILE_SEALS, .task = 1, .arg = { 2, 1ULL << 32 } } },
	{ "flags' rights", { .kind = TRACE_FILE_FLAGS, .task = 1, .arg = { 2, 8 } } },
	{ "flags", { .kind = TRACE_FILE_FLAGS, .task = 1, .arg = { 2, 1, 1, 1ULL << 50 } } },
	{ "undefined file's flags",
	  { .kind = TRACE_FILE_FLAGS, .task = 1, .arg = { 3, 1, 1, 0 } } },
	{ "bytes of data", { .kind = TRACE_PROCESS, .task = 1, .arg = { 0, 1ULL << 58 } } },
	{ "bits of a process", { .kind = TRACE_PROCESS, .task = 1, .arg = { 0, 0, 1ULL << 32 } } },
	{ "break's start", { .kind = TRACE_EXEC, .task = 1, .arg = { 0, 4096, 4095 } } },
	{ "break", { .kind = TRACE_EXEC, .task = 1, .arg = { 0, 0, (1ULL << 57) + 1 } } },
	{ "crooked base", { .kind = TRACE_EXEC, .task = 1, .arg = { 0x7ffff7fff001 } } },
	{ "result", { .kind = TRACE_MUNMAP, .task = 1, .result = -4096 } },
	{ "crooked place", { .kind = TRACE_MMAP, .task = 1, .arg = { 0, 1 }, .result = 1 } },
	{ "place beyond all",
	  { .kind = TRACE_MREMAP,
	    .task = 1,
	    .arg = { 0, 1, 1ULL << 56 },
	    .result = (1LL << 56) + 4096 } },
	{ "fault bits", { .kind = TRACE_FAULT, .task = 1, .arg = { 0, 8 } } },
};

static const struct {
	const char *what;
	struct trace_event event[3];
	unsigned n;
} bad_layouts[] = {
	{ "exec without layout", { { .kind = TRACE_EXEC }, { .kind = TRACE_BRK } }, 2 },
	{ "layout cut", { { .kind = TRACE_LAYOUT, .arg = { 1, 1 } }, { .kind = TRACE_BRK } }, 2 },
	{ "empty VMA",
	  { { .kind = TRACE_LAYOUT, .arg = { 1, 1 } },
	    { .kind = TRACE_VMA, .arg = { 4096, 4096 } } },
	  2 },
	{ "crooked VMA",
	  { { .kind = TRACE_LAYOUT, .arg = { 1, 1 } },
	    { .kind = TRACE_VMA, .arg = { 4096, 8193 } } },
	  2 },
	{ "VMA's flags",
	  { { .kind = TRACE_LAYOUT, .arg = { 1, 1 } },
	    { .kind = TRACE_VMA, .arg = { 4096, 8192, 1ULL << 60 } } },
	  2 },
	{ "VMA's offset",
	  { { .kind = TRACE_LAYOUT, .arg = { 1, 1 } },
	    { .kind = TRACE_VMA, .arg = { 4096, 8192, 0, UINT64_MAX >> 12 } } },
	  2 },
	{ "VMA's anon_vma",
	  { { .kind = TRACE_LAYOUT, .arg = { 1, 1 } },
	    { .kind = TRACE_VMA, .arg = { 4096, 8192, 0, 0, 0, 2 } } },
	  2 },
	{ "overlap",
	  { { .kind = TRACE_LAYOUT, .arg = { 1, 2 } },
	    { .kind = TRACE_VMA, .arg = { 4096, 12288 } },
	    { .kind = TRACE_VMA, .arg = { 8192, 16384 } } },
	  3 },
};

static struct trace_writer *start_good(void)
{
	struct trace_error error;
	struct trace_writer *writer = trace_create(path, &error);

	ck_assert_ptr_nonnull(writer);
	for (size_t i = 0; i < ARRAY_SIZE(good_start); i++)
		ck_assert_int_eq(trace_write(writer, &good_start[i], &error), 0);
	return writer;
}

START_TEST(broken_rules)
{
	struct trace_error error;

	for (size_t i = 0; i < ARRAY_SIZE(bad_events); i++) {
		struct trace_writer *writer = start_good();
		struct trace_event event = bad_events[i].event;

		event.name = "";
		event.time = event.time ? event.time : 7;
		ck_assert_msg(trace_write(writer, &event, &error) < 0, "%s", bad_events[i].what);
		trace_abandon(writer);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_layouts); i++) {
		struct trace_writer *writer = start_good();
		int status = 0;

		for (unsigned j = 0; j < bad_layouts[i].n; j++) {
			struct trace_event event = bad_layouts[i].event[j];

			ck_assert_int_eq(status, 0);
			event.name = "";
			event.task = 1;
			event.time = 7;
			status = trace_write(writer, &event, &error);
		}
		ck_assert_msg(status < 0, "%s", bad_layouts[i].what);
		ck_assert_int_eq(trace_finish(writer, &sample_info, &error), -1);
		trace_abandon(writer);
	}
}
END_TEST

/* Every field of every kind has a range. */
START_TEST(ranges_are_complete)
{
	for (int kind = 0; kind < TRACE_NKINDS; kind++) {
		const char *fields = trace_kind_fields(kind);

		for (unsigned i = 0; fields[i] && !strchr("rn", fields[i]); i++)
			ck_assert_msg(range_of(kind, i)->what != NULL,
				      "%s has no range for field %u", trace_kind_name(kind), i);
	}
}
END_TEST

/* ---- the header ---- */

static const struct {
	const char *key;
	size_t offset;
	uint64_t value;
} bad_numbers[] = {
#define BAD(key, value)                                       \
	{                                                     \
#key, offsetof(struct trace_info, key), value \
	}
	BAD(task_size, 0),
	BAD(task_size, 4096),
	BAD(task_size, 0x7fffffffffff),
	BAD(task_size, 0x92051300000000),
	BAD(task_size, UINT64_MAX &PAGE_MASK),
	BAD(max_map_count, UINT64_MAX),
	BAD(mmap_min_addr, 1ULL << 63),
	BAD(stack_guard_gap, 1ULL << 52),
	BAD(overcommit, 3),
	BAD(ram, UINT64_MAX),
	BAD(swap, UINT64_MAX),
	BAD(committed, UINT64_MAX),
	BAD(overcommit_ratio, 1ULL << 31),
	BAD(overcommit_kbytes, 1ULL << 63),
	BAD(admin_reserve_kbytes, 1ULL << 63),
	BAD(user_reserve_kbytes, 1ULL << 63),
#undef BAD
};

START_TEST(header_out_of_range)
{
	struct trace_error error;

	for (size_t i = 0; i < ARRAY_SIZE(bad_numbers); i++) {
		struct trace_writer *writer = start_good();
		struct trace_info info = sample_info;

		*(uint64_t *)((char *)&info + bad_numbers[i].offset) = bad_numbers[i].value;
		ck_assert_msg(trace_finish(writer, &info, &error) < 0, "%s", bad_numbers[i].key);
		ck_assert_msg(strstr(error.reason, bad_numbers[i].key) != NULL, "%s: %s",
			      bad_numbers[i].key, error.reason);
		trace_abandon(writer);
	}
}
END_TEST

/* A VMA that ends where no program of this machine has anything. */
START_TEST(address_beyond_the_header)
{
	struct trace_info small = sample_info;
	struct trace_error error;
	struct trace_writer *writer = start_good();
	const struct trace_event events[] = {
		{ .kind = TRACE_LAYOUT, .task = 1, .time = 8, .arg = { 1, 1 }, .name = "" },
		{ .kind = TRACE_VMA,
		  .task = 1,
		  .time = 8,
		  .arg = { 0x5000, 1ULL << 40 },
		  .name = "" },
	};

	small.task_size = 1ULL << 39;
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		ck_assert_int_eq(trace_write(writer, &events[i], &error), 0);
	ck_assert_int_eq(trace_finish(writer, &small, &error), -1);
	ck_assert_int_eq(trace_finish(writer, &sample_info, &error), 0);
}
END_TEST

TEST_SUITE(trace_files)
{
	Suite *suite = suite_create("trace_files");
	TCase *tcase = tcase_create("format");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, round_trip);
	tcase_add_test(tcase, empty_trace);
	tcase_add_test(tcase, older_and_newer_versions);
	tcase_add_test(tcase, abandoned);
	tcase_add_test(tcase, truncated);
	tcase_add_test(tcase, flipped);
	tcase_add_test(tcase, oversized);
	tcase_add_test(tcase, shuffled);
	tcase_add_test(tcase, foreign);
	tcase_add_test(tcase, broken_rules);
	tcase_add_test(tcase, ranges_are_complete);
	tcase_add_test(tcase, header_out_of_range);
	tcase_add_test(tcase, address_beyond_the_header);
	suite_add_tcase(suite, tcase);
	return suite;
}
