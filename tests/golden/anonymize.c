/*
 * A trace without command, paths and names: none of them is in it any more, all else is, and
 * its replay gives the same.  New traces are their owner's alone to read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/command.h"
#include "tests/suite.h"
#include "workloads/format/anonymize.h"

static const char *dir;

static void folder(void)
{
	dir = command_folder();
}

static const char *anonymized(struct anonymizer *anonymizer, enum trace_kind kind, uint64_t mode,
			      const char *name)
{
	struct trace_event event = { .kind = kind, .arg = { 2, 1, 0, mode }, .name = name };

	return anonymize_name(anonymizer, &event);
}

START_TEST(test_names)
{
	static const struct {
		enum trace_kind kind;
		uint64_t mode;
		const char *name, *becomes;
	} names[] = {
		{ TRACE_FILE, S_IFREG, "/home/me/secret", "/1" },
		{ TRACE_FILE, S_IFREG, "/home/me/secret (deleted)", "/2 (deleted)" },
		{ TRACE_EXEC, 0, "/home/me/secret", "/1" },
		{ TRACE_EXEC, 0, "relative", "/3" },
		{ TRACE_VMA, 0, "", "" },
		{ TRACE_VMA, 0, "[stack]", "[stack]" },
		{ TRACE_VMA, 0, "[heap]", "[heap]" },
		{ TRACE_VMA, 0, "[vdso]", "[vdso]" },
		{ TRACE_VMA, 0, "[anon:my secret]", "[anon:4]" },
		{ TRACE_VMA, 0, "[my secret]", "[5]" },
		{ TRACE_FILE, S_IFCHR, "/dev/zero", "/dev/zero" },
		{ TRACE_FILE, S_IFREG, "/dev/zero (deleted)", "/dev/zero (deleted)" },
		{ TRACE_FILE, S_IFCHR, "/dev/null", "/dev/null" },
		{ TRACE_FILE, S_IFREG, "/dev/shm/secret", "/6" },
		{ TRACE_FILE, S_IFREG, "/dev/secret", "/7" },
		{ TRACE_FILE, S_IFREG, "/SYSV0000abcd (deleted)", "/SYSV00000008 (deleted)" },
		{ TRACE_FILE, S_IFREG, "/memfd:secret (deleted)", "/memfd:9 (deleted)" },
		{ TRACE_FILE, 0, "anon_inode:[io_uring]", "anon_inode:[io_uring]" },
		{ TRACE_FILE, 0, "anon_inode:/home/me", "/10" },
		{ TRACE_FILE, S_IFSOCK, "socket:[12345]", "socket:[11]" },
		{ TRACE_FILE, S_IFIFO, "pipe:[12345]", "pipe:[12]" },
	};
	struct anonymizer *anonymizer = anonymizer_create();

	for (int twice = 0; twice < 2; twice++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			ck_assert_str_eq(
				anonymized(anonymizer, names[i].kind, names[i].mode, names[i].name),
				names[i].becomes);
	}
	anonymizer_destroy(anonymizer);
}
END_TEST

/* The next event, or false at the end. */
static bool next(struct trace_reader *reader, struct trace_event *event)
{
	struct trace_error error;
	int more = trace_next(reader, event, &error);

	ck_assert_msg(more >= 0, "%s", error.reason);
	return more;
}

static void same_but_for_names(const char *from, const char *to)
{
	struct trace_error error;
	struct trace_reader *a = trace_open(from, &error), *b = trace_open(to, &error);
	struct trace_event x, y;

	ck_assert(a && b);
	ck_assert_str_eq(trace_info(b)->command, "anonymized");
	ck_assert_str_eq(trace_info(b)->versions, "anonymized");
	ck_assert_str_eq(trace_info(b)->kernel, trace_info(a)->kernel);
	ck_assert_uint_eq(trace_info(b)->ram, trace_info(a)->ram);
	while (next(a, &x)) {
		ck_assert(next(b, &y));
		if (*x.name && *x.name != '[' && strcmp(x.name, "/dev/zero") &&
		    strcmp(x.name, "/dev/zero (deleted)") && strncmp(x.name, "anon_inode:", 11))
			ck_assert_str_ne(x.name, y.name);
		ck_assert_int_eq(!*x.name, !*y.name);
		x.name = y.name = "";
		ck_assert(x.kind == y.kind && x.task == y.task && x.time == y.time &&
			  x.result == y.result && !memcmp(x.arg, y.arg, sizeof(x.arg)));
	}
	ck_assert(!next(b, &y));
	trace_close(a);
	trace_close(b);
}

/* What replay prints, without the trace's name and without the version in a table. */
static void replay(const char *trace, char text[1 << 16])
{
	const struct command *done =
		command("%s replay --index btree,list %s | sed 's|%s||; s|file=.*||'",
			command_vmabench(), trace, trace);

	ck_assert_int_eq(done->status, 0);
	strcpy(text, done->output);
}

START_TEST(test_copies)
{
	static const char *const traces[] = { "ls", "sqlite", "perl", "nginx", "postgres" };
	static char before[1 << 16], after[1 << 16];
	char from[64], to[128];
	struct stat st;

	snprintf(from, sizeof(from), "workloads/traces/%s.vmt", traces[_i]);
	snprintf(to, sizeof(to), "%s/copy.vmt", dir);
	ck_command(0, "", "%s anonymize %s -o %s", command_vmabench(), from, to);
	same_but_for_names(from, to);
	replay(from, before);
	replay(to, after);
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(stat(to, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_command(1, "", "%s dump %s | grep -aE '/usr|/lib|/home|/bin|/etc|/proc'",
		   command_vmabench(), to);
}
END_TEST

START_TEST(test_recording)
{
	struct stat st;
	char to[128];

	snprintf(to, sizeof(to), "%s/new.vmt", dir);
	ck_command(0, "",
		   "%s record --order serial --no-faults --anonymize -o %s -- /bin/true secret",
		   command_vmabench(), to);
	ck_command(0, "command        anonymized\n", "%s info %s", command_vmabench(), to);
	ck_command(1, "",
		   "{ %s dump %s; %s info %s; } | grep -aE 'true|secret|/usr|/lib|/bin|ld-linux'",
		   command_vmabench(), to, command_vmabench(), to);
	ck_command(0, "\"/1\"", "%s dump %s", command_vmabench(), to);
	ck_command(0, "", "%s replay --strict --index btree %s", command_vmabench(), to);
	ck_assert_int_eq(stat(to, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

/* The peak is what a replay has, not what was left at the end. */
START_TEST(test_peak)
{
	ck_command(0, "peak VMAs      20047\n", "%s info workloads/traces/mmaps.vmt",
		   command_vmabench());
	ck_command(0, "\"peak_vmas\": 11049,", "%s info --json workloads/traces/mapfiles.vmt",
		   command_vmabench());
}
END_TEST

START_TEST(test_refused)
{
	ck_command(2, "which file?", "%s anonymize -o %s/x", command_vmabench(), dir);
	ck_command(2, "missing -o FILE", "%s anonymize workloads/traces/ls.vmt",
		   command_vmabench());
	ck_command(2, "one trace at a time",
		   "%s anonymize workloads/traces/ls.vmt README.md -o %s/x", command_vmabench(),
		   dir);
	ck_command(2, "README.md: offset 0: ", "%s anonymize README.md -o %s/x", command_vmabench(),
		   dir);
	ck_command(0, "", "head -c 1500 workloads/traces/ls.vmt > %s/cut.vmt", dir);
	ck_command(2, "cut.vmt: offset ", "%s anonymize %s/cut.vmt -o %s/x", command_vmabench(),
		   dir, dir);
	ck_command(2, "", "ls %s/x", dir);
}
END_TEST

TEST_SUITE(anonymize)
{
	Suite *suite = suite_create("anonymize");
	TCase *tcase = tcase_create("anonymize");

	tcase_add_checked_fixture(tcase, folder, command_folder_remove);
	tcase_add_test(tcase, test_names);
	tcase_add_loop_test(tcase, test_copies, 0, 5);
	tcase_add_test(tcase, test_recording);
	tcase_add_test(tcase, test_peak);
	tcase_add_test(tcase, test_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}
