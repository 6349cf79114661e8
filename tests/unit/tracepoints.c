/*
 * tracepoints - format files of Linux 6.1, 6.12 and 6.18, records that follow them, rings that wrap
 *
 * A format is written here by its facts: for each field its declaration, offset, size and sign.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/suite.h"
#include "workloads/record/record_ring.h"
#include "workloads/record/record_tracepoints.h"

struct fact {
	const char *declaration;
	unsigned offset, size, is_signed;
};

/* Fields that all records begin with. */
static const struct fact common[] = {
	{ "unsigned short common_type", 0, 2, 0 },
	{ "unsigned char common_flags", 2, 1, 0 },
	{ "unsigned char common_preempt_count", 3, 1, 0 },
	{ "int common_pid", 4, 4, 1 },
};

/* 6.1 and 6.12: the path of the memory control group. */
static const struct fact lock_with_path[] = {
	{ "struct mm_struct * mm", 8, 8, 0 },
	{ "__data_loc char[] memcg_path", 16, 4, 0 },
	{ "bool write", 20, 1, 0 },
	{ "bool success", 21, 1, 0 },
};

/* 6.18: its number. */
static const struct fact lock_with_number[] = {
	{ "struct mm_struct * mm", 8, 8, 0 },
	{ "u64 memcg_id", 16, 8, 0 },
	{ "bool write", 24, 1, 0 },
	{ "bool success", 25, 1, 0 },
};

static const struct fact fault[] = {
	{ "unsigned long address", 8, 8, 0 },
	{ "unsigned long ip", 16, 8, 0 },
	{ "unsigned long error_code", 24, 8, 0 },
};

static const struct fact enter[] = {
	{ "long id", 8, 8, 1 },
	{ "unsigned long args[6]", 16, 48, 0 },
};

static const struct fact leave[] = { { "long id", 8, 8, 1 }, { "long ret", 16, 8, 1 } };

static size_t write_facts(char *text, size_t size, const struct fact *facts, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		at += snprintf(
			text + at, size - at, "\tfield:%s;\toffset:%u;\tsize:%u;\tsigned:%u;\n",
			facts[i].declaration, facts[i].offset, facts[i].size, facts[i].is_signed);
	return at;
}

/* The format file of a tracepoint with that number and these fields. */
static const char *format(int id, const struct fact *facts, size_t n)
{
	static char text[4096];
	size_t at = snprintf(text, sizeof(text), "name: some\nID: %d\nformat:\n", id);

	at += write_facts(text + at, sizeof(text) - at, common, ARRAY_SIZE(common));
	at += snprintf(text + at, sizeof(text) - at, "\n");
	at += write_facts(text + at, sizeof(text) - at, facts, n);
	snprintf(text + at, sizeof(text) - at, "\nprint fmt: \"write=%%s\", REC->write\n");
	return text;
}

enum { ID = 500 }; /* that of a tracepoint is its place in the table above this */

static struct tracepoint points[NPOINTS];

static void parse(enum tracepoint_number which, const struct fact *facts, size_t n)
{
	char why[128];

	ck_assert_msg(tracepoint_parse(which, format(ID + which, facts, n), &points[which], why,
				       sizeof(why)),
		      "%s", why);
	ck_assert_int_eq(points[which].id, ID + which);
}

static void parse_all(const struct fact *lock, size_t nlock)
{
	parse(POINT_USER, fault, ARRAY_SIZE(fault));
	parse(POINT_KERNEL, fault, ARRAY_SIZE(fault));
	parse(POINT_LOCK, lock, nlock);
	parse(POINT_ENTER, enter, ARRAY_SIZE(enter));
	parse(POINT_EXIT, leave, ARRAY_SIZE(leave));
}

/* A record of tracepoint which, all other bytes of it set. */
static uint8_t *new_record(enum tracepoint_number which)
{
	static uint8_t record[512];
	uint16_t id = ID + which;

	memset(record, 0xff, sizeof(record));
	memcpy(record, &id, sizeof(id));
	return record;
}

static void put(uint8_t *record, unsigned offset, uint64_t value, size_t size)
{
	memcpy(record + offset, &value, size);
}

static void check_lock(unsigned write_at, size_t len)
{
	uint8_t *record = new_record(POINT_LOCK);
	struct sample sample = { 0 };

	for (unsigned write = 0; write < 2; write++) {
		record[write_at] = write;
		ck_assert(tracepoints_sample(points, record, len, &sample));
		ck_assert_uint_eq(sample.kind, SAMPLE_LOCK);
		ck_assert_uint_eq(sample.bits, write);
	}
	ck_assert(!tracepoints_sample(points, record, write_at + 1, &sample)); /* it is cut */
}

START_TEST(lock_of_each_kernel)
{
	parse_all(lock_with_path, ARRAY_SIZE(lock_with_path));
	check_lock(20, 24);
	check_lock(20, 24 + 256); /* a long path follows */
	parse_all(lock_with_number, ARRAY_SIZE(lock_with_number));
	check_lock(24, 32);
}
END_TEST

START_TEST(faults_and_calls)
{
	struct sample sample = { 0 };
	uint8_t *record;

	parse_all(lock_with_number, ARRAY_SIZE(lock_with_number));
	record = new_record(POINT_KERNEL);
	put(record, 8, 0x7f0000001234, 8);
	put(record, 24, TRACE_FAULT_WRITE | 1 << 15, 8);
	ck_assert(tracepoints_sample(points, record, 32, &sample));
	ck_assert_uint_eq(sample.kind, SAMPLE_FAULT);
	ck_assert_uint_eq(sample.address, 0x7f0000001234);
	ck_assert_uint_eq(sample.bits, TRACE_FAULT_WRITE);

	record = new_record(POINT_ENTER);
	put(record, 8, SYS_mremap, 8);
	for (unsigned i = 0; i < 6; i++)
		put(record, 16 + 8 * i, 0x1000 + i, 8);
	ck_assert(tracepoints_sample(points, record, 68, &sample));
	ck_assert_uint_eq(sample.kind, SAMPLE_ENTER);
	ck_assert_int_eq(sample.nr, SYS_mremap);
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(sample.arg[i], 0x1000 + i);

	record = new_record(POINT_EXIT);
	put(record, 8, SYS_mremap, 8);
	put(record, 16, -12, 8);
	ck_assert(tracepoints_sample(points, record, 28, &sample));
	ck_assert_uint_eq(sample.kind, SAMPLE_RETURN);
	ck_assert_int_eq((int64_t)sample.arg[0], -12);
}
END_TEST

/* Narrow fields keep their sign; what another tracepoint wrote is nobody's. */
START_TEST(other_sizes)
{
	static const struct fact narrow[] = { { "int id", 8, 4, 1 }, { "int ret", 12, 4, 1 } };
	struct sample sample = { 0 };
	uint8_t *record;

	parse_all(lock_with_number, ARRAY_SIZE(lock_with_number));
	parse(POINT_EXIT, narrow, ARRAY_SIZE(narrow));
	record = new_record(POINT_EXIT);
	put(record, 8, 9, 4);
	put(record, 12, -22, 4);
	ck_assert(tracepoints_sample(points, record, 16, &sample));
	ck_assert_int_eq(sample.nr, 9);
	ck_assert_int_eq((int64_t)sample.arg[0], -22);
	ck_assert(!tracepoints_sample(points, new_record(NPOINTS), 64, &sample));
	ck_assert(!tracepoints_sample(points, record, 1, &sample));
	points[POINT_EXIT].id = -1;
	ck_assert(!tracepoints_sample(points, record, 16, &sample));
}
END_TEST

static void check_refused(enum tracepoint_number which, const char *text, const char *says)
{
	struct tracepoint point;
	char why[128] = "";

	ck_assert(!tracepoint_parse(which, text, &point, why, sizeof(why)));
	ck_assert_int_eq(point.id, -1);
	ck_assert_msg(strstr(why, says) != NULL, "%s", why);
}

START_TEST(lacking_fields)
{
	static const struct fact odd[] = { { "bool write", 24, 3, 0 },
					   { "bool success", 27, 1, 0 } };
	static const struct fact few[] = { { "long id", 8, 8, 1 }, { "long args[5]", 16, 40, 0 } };
	static const struct fact near[] = { { "bool rewrite", 24, 1, 0 },
					    { "bool success", 25, 1, 0 } };

	check_refused(POINT_LOCK, format(ID, lock_with_number, 3), "success");
	check_refused(POINT_LOCK, format(ID, odd, 2), "write");
	check_refused(POINT_LOCK, format(ID, near, 2), "write");
	check_refused(POINT_ENTER, format(ID, few, 2), "args");
	check_refused(POINT_USER, format(ID, leave, 2), "address");
	check_refused(POINT_USER, "", "no number");
	check_refused(POINT_USER, "name: x\nID: 5\nformat:\n\tfield:unsigned long address",
		      "address");
}
END_TEST

/* ---- rings ---- */

enum { RING = 4096 };

struct seen {
	unsigned n;
	uint64_t bytes;
	bool whole; /* each byte behind the header is the record's size */
};

static void see(void *arg, const struct perf_event_header *record)
{
	struct seen *seen = arg;
	const uint8_t *byte = (const uint8_t *)record;

	seen->n++;
	seen->bytes += record->size;
	for (size_t i = sizeof(*record); i < record->size; i++)
		seen->whole &= byte[i] == record->size / 8 % 256;
}

/* Puts a record of that size where the ring is at. */
static uint64_t put_record(uint8_t *ring, uint64_t head, uint16_t size)
{
	struct perf_event_header header = { .type = PERF_RECORD_SAMPLE, .size = size };

	memcpy(ring + head % RING, &header, sizeof(header));
	for (unsigned i = sizeof(header); i < size; i++)
		ring[(head + i) % RING] = size / 8 % 256;
	return head + size;
}

/* Records of each size at each place, of short ones up to those as long as the ring. */
START_TEST(wraps)
{
	static uint8_t room[RING_RECORD];
	uint8_t *ring = malloc(RING);

	for (unsigned size = 8; size <= RING; size += size < 600 ? 8 : 488) {
		for (uint64_t start = 0; start < RING; start += 8) {
			struct seen seen = { .whole = true };
			uint64_t head = put_record(ring, start, size);

			if (size < RING - 8)
				head = put_record(ring, head, 16);
			ck_assert_uint_eq(ring_read(ring, RING, start, head, see, &seen, room),
					  head);
			ck_assert(seen.whole);
			ck_assert_uint_eq(seen.bytes, head - start);
		}
	}
	free(ring);
}
END_TEST

START_TEST(damaged_ring)
{
	static uint8_t room[RING_RECORD];
	_Alignas(8) uint8_t ring[RING] = { 0 };
	struct seen seen = { .whole = true };
	uint64_t head = put_record(ring, 0, 64);

	ck_assert_uint_eq(ring_read(ring, RING, 0, head + 8, see, &seen, room), head);
	put_record(ring, head, 128);
	ck_assert_uint_eq(ring_read(ring, RING, 0, head + 64, see, &seen, room), head);
	ck_assert_uint_eq(seen.n, 2);
}
END_TEST

/* ---- a control group ---- */

enum { PAGES = 200 };

/* A child that waits, writes to fresh pages, and ends; a byte lets it go. */
static pid_t start_writer(int *go)
{
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		char byte;

		if (read(fds[0], &byte, 1) != 1)
			_exit(1);
		char *pages = mmap(NULL, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(pages, PAGES * PAGE_SIZE, MADV_NOHUGEPAGE);
		for (unsigned i = 0; i < PAGES; i++)
			pages[i * PAGE_SIZE] = 1;
		_exit(0);
	}
	close(fds[0]);
	*go = fds[1];
	return pid;
}

static void let_go(pid_t pid, int go)
{
	int status;

	ck_assert_int_eq(write(go, "", 1), 1);
	close(go);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* perf tells of the tasks in the control group, and of nobody else. */
START_TEST(group_alone)
{
	struct cgroup *group = cgroup_create();
	char calls[32], why[128];
	struct sample *list = NULL;
	size_t n = 0, cap = 0, faults = 0;
	pid_t inside, outside;
	int go[2];

	if (!group) {
		printf("the test of perf's control groups cannot run: there can be none\n");
		return;
	}
	snprintf(calls, sizeof(calls), "id == %d", SYS_mmap);
	inside = start_writer(&go[0]);
	outside = start_writer(&go[1]);
	ck_assert_int_eq(cgroup_add(group, inside), 0);
	ck_assert(cgroup_holds(group, inside) && !cgroup_holds(group, outside));
	struct perf_wanted wanted = { .calls = calls, .cgroup = cgroup_fd(group), .faults = true };
	struct perf *perf = perf_open(&wanted, why, sizeof(why));
	if (perf) {
		let_go(inside, go[0]);
		let_go(outside, go[1]);
		ck_assert_int_eq(perf_take(perf, &list, &n, &cap), 0);
		ck_assert_uint_eq(perf_lost(perf), 0);
		perf_close(perf);
	} else {
		printf("the test of perf's control groups cannot run: %s\n", why);
		let_go(inside, go[0]);
		let_go(outside, go[1]);
	}
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(list[i].tid, inside);
		faults += list[i].kind == SAMPLE_FAULT;
	}
	ck_assert(!perf || faults >= PAGES);
	free(list);
	cgroup_free(group);
}
END_TEST

TEST_SUITE(tracepoints)
{
	Suite *suite = suite_create("tracepoints");
	TCase *formats = tcase_create("formats"), *rings = tcase_create("rings");
	TCase *groups = tcase_create("groups");

	tcase_add_test(formats, lock_of_each_kernel);
	tcase_add_test(formats, faults_and_calls);
	tcase_add_test(formats, other_sizes);
	tcase_add_test(formats, lacking_fields);
	suite_add_tcase(suite, formats);
	tcase_add_test(rings, wraps);
	tcase_add_test(rings, damaged_ring);
	suite_add_tcase(suite, rings);
	tcase_add_test(groups, group_alone);
	suite_add_tcase(suite, groups);
	return suite;
}
