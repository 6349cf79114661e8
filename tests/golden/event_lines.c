/*
 * The lines of `vmabench dump`: one of every kind of event, the names of all bits and choices
 * by the system's own numbers, and results.
 */
#include <errno.h>
#include <linux/mman.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "tests/suite.h"
#include "workloads/format/event_text.h"
#include "workloads/format/trace.h"

static const struct {
	struct trace_event event;
	const char *line; /* behind time and task */
} lines[] = {
	{ { .kind = TRACE_FILE, .arg = { 2, 77, 0xef53, 0100755, 02 }, .name = "/lib/a \"b\"\n" },
	  "file file 2, inode 77, fs 0xef53, mode 0100755, flags 02 \"/lib/a \\x22b\\x22\\x0a\"" },
	{ { .kind = TRACE_FORK, .arg = { 3, 0x100 | 17 }, .result = 70000 },
	  "fork task 3, VM|0x11 = 0x11170" },
	{ { .kind = TRACE_EXEC,
	    .arg = { 0x7f0000000000, 0x500000, 0x501000, 0x7ffffffff000 },
	    .name = "/bin/true" },
	  "exec mmap_base 0x7f0000000000, start_brk 0x500000, brk 0x501000, "
	  "start_stack 0x7ffffffff000 \"/bin/true\"" },
	{ { .kind = TRACE_EXIT }, "exit" },
	{ { .kind = TRACE_LAYOUT, .arg = { 1, 12 } }, "layout at exit, VMAs: 12" },
	{ { .kind = TRACE_VMA, .arg = { 0x400000, 0x401000, 0x75, 3, 2, 1 }, .name = "[stack]" },
	  "vma 0x400000, 0x401000, {rd ex mr mw me}, pgoff 0x3, file 2, anon_vma 1 \"[stack]\"" },
	{ { .kind = TRACE_FAULT, .arg = { 0x1234, 2 | 4 | 8 } }, "fault 0x1234, write|user|0x8" },
	{ { .kind = TRACE_MMAP, .arg = { 0, 4096, 3, 0x22, 0, 0 }, .result = 0x7f0000000000 },
	  "mmap 0, 0x1000, READ|WRITE, PRIVATE|ANONYMOUS, 0, no file = 0x7f0000000000" },
	{ { .kind = TRACE_MMAP, .arg = { 0, 4096, 0, 0x1, 0x2000, 1 }, .result = -EBADF },
	  "mmap 0, 0x1000, 0, SHARED, 0x2000, bad file = -EBADF" },
	{ { .kind = TRACE_MUNMAP, .arg = { 0x1000, 0x2000 } }, "munmap 0x1000, 0x2000 = 0" },
	{ { .kind = TRACE_MPROTECT, .arg = { 0x1000, 0x2000, 5, -1UL } },
	  "mprotect 0x1000, 0x2000, READ|EXEC, pkey -1 = 0" },
	{ { .kind = TRACE_MREMAP, .arg = { 0x1000, 0x2000, 0x3000, 3, 0x5000 }, .result = 0x5000 },
	  "mremap 0x1000, 0x2000, 0x3000, MAYMOVE|FIXED, 0x5000 = 20480" },
	{ { .kind = TRACE_BRK, .arg = { 0 }, .result = 65536 }, "brk 0 = 0x10000" },
	{ { .kind = TRACE_MADVISE, .arg = { 0x1000, 0x2000, 7 }, .result = -EINVAL },
	  "madvise 0x1000, 0x2000, 0x7 = -EINVAL" },
	{ { .kind = TRACE_MLOCK, .arg = { 0x1000, 0x2000, 1 } }, "mlock 0x1000, 0x2000, 0x1 = 0" },
	{ { .kind = TRACE_MUNLOCK, .arg = { 0x1000, 0x2000 } }, "munlock 0x1000, 0x2000 = 0" },
	{ { .kind = TRACE_MLOCKALL, .arg = { 8 } }, "mlockall 0x8 = 0" },
	{ { .kind = TRACE_MUNLOCKALL }, "munlockall = 0" },
	{ { .kind = TRACE_MSEAL, .arg = { 0x1000, 0x2000, 0 } }, "mseal 0x1000, 0x2000, 0 = 0" },
	{ { .kind = TRACE_MBIND, .arg = { 0x1000, 0x2000, 2, 1, 3 } },
	  "mbind 0x1000, 0x2000, 0x2, 0x1, 0x3 = 0" },
	{ { .kind = TRACE_REMAP_FILE, .arg = { 0x1000, 0x2000, 0, 5, 0 } },
	  "remap_file_pages 0x1000, 0x2000, 0, 0x5, 0 = 0" },
	{ { .kind = TRACE_SHMAT, .arg = { 4, 0, 010000, 0x2000, 9 }, .result = 0x7f0000000000 },
	  "shmat file 4, 0, 0x1000, 0x2000, 0x9 = 0x7f0000000000" },
	{ { .kind = TRACE_SHMDT, .arg = { 0x1000 } }, "shmdt 0x1000 = 0" },
	{ { .kind = TRACE_PRCTL, .arg = { 1, 2, 3, 4, 5 }, .result = 1 },
	  "prctl 0x1, 0x2, 0x3, 0x4, 0x5 = 1" },
	{ { .kind = TRACE_PERSONALITY, .arg = { 0x40000 } }, "personality 0x40000 = 0" },
	{ { .kind = TRACE_SETRLIMIT, .arg = { 7, 0, -1UL }, .result = -4095 },
	  "setrlimit 0x7, 0, 0xffffffffffffffff = -4095" },
	{ { .kind = TRACE_UFFD_REGISTER, .arg = { 1, 0x1000, 0x2000, 1 } },
	  "uffd_register 0x1, 0x1000, 0x2000, 0x1 = 0" },
	{ { .kind = TRACE_UFFD_UNREGISTER, .arg = { 1, 0x1000, 0x2000 } },
	  "uffd_unregister 0x1, 0x1000, 0x2000 = 0" },
	{ { .kind = TRACE_PROCESS, .arg = { 0x4000, 5, 3 } },
	  "process lacks capabilities 0x4000, data 0x5, no huge pages|0x2" },
	{ { .kind = TRACE_FILE_SIZE, .arg = { 2, 4097 } }, "file_size file 2, bytes 4097" },
	{ { .kind = TRACE_PKEY_ALLOC, .arg = { 0, 2 }, .result = -ENOSPC },
	  "pkey_alloc 0, 0x2 = -ENOSPC" },
	{ { .kind = TRACE_PKEY_FREE, .arg = { -3UL }, .result = -EINVAL },
	  "pkey_free pkey -3 = -EINVAL" },
	{ { .kind = TRACE_UFFD_FEATURES, .arg = { 3, 0x41 } },
	  "uffd_features file 3, features 0x41" },
	{ { .kind = TRACE_HUGE_FILE, .arg = { 2, 2097152, 5 } },
	  "huge_file file 2, page size 2097152, in memory 5" },
	{ { .kind = TRACE_HUGE_POOL, .arg = { 2097152, 6, 5, 4, 3, 2 } },
	  "huge_pool page size 2097152, pages 6, free 5, reserved 4, surplus 3, overcommit 2" },
	{ { .kind = TRACE_SHMGET, .arg = { 0, 4096, 04000 }, .result = 65535 },
	  "shmget 0, 0x1000, 0x800 = 65535" },
	{ { .kind = TRACE_FILE_MORE, .arg = { 2, 0x105, 3 } },
	  "file_more file 2, device 0x105, noexec|0x2" },
	{ { .kind = TRACE_FILE_SEALS, .arg = { 2, 0xf } }, "file_seals file 2, seals 0xf" },
	{ { .kind = TRACE_FILE_FLAGS, .arg = { 2, 1, 1, 0x71 } },
	  "file_flags file 2, READ, SHARED, {rd mr mw me}" },
	{ { .kind = TRACE_UFFD_CLOSE, .arg = { 3 } }, "uffd_close file 3" },
};

/* The line of an event, behind time and task, without its end. */
static const char *line_of(const struct trace_event *event)
{
	static char line[1024];
	struct trace_event whole = *event;
	FILE *out = fmemopen(line, sizeof(line), "w");
	const char *begin = "   1.234567    42  ";

	ck_assert_ptr_nonnull(out);
	whole.time = 1234567;
	whole.task = 42;
	whole.name = event->name ? event->name : "";
	event_print(out, &whole);
	fclose(out);
	ck_assert_msg(!strncmp(line, begin, strlen(begin)), "%s", line);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
	line[strlen(line) - 1] = '\0';
	return line + strlen(begin);
}

START_TEST(every_kind)
{
	bool seen[TRACE_NKINDS] = { false };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		ck_assert_str_eq(line_of(&lines[i].event), lines[i].line);
		seen[lines[i].event.kind] = true;
	}
	for (unsigned kind = 0; kind < TRACE_NKINDS; kind++)
		ck_assert_msg(seen[kind], "no line of %s", trace_kind_name(kind));
}
END_TEST

#define NAMED(kind, arg, prefix, name)         \
	{                                      \
		kind, arg, prefix##name, #name \
	}
#define PROT(name)    NAMED(TRACE_MPROTECT, 2, PROT_, name)
#define MAP(name)     NAMED(TRACE_MMAP, 3, MAP_, name)
#define MREMAP(name)  NAMED(TRACE_MREMAP, 3, MREMAP_, name)
#define CLONE(name)   NAMED(TRACE_FORK, 1, CLONE_, name)
#define ADVICE(name)  NAMED(TRACE_MADVISE, 2, MADV_, name)
#define LOCKALL(name) NAMED(TRACE_MLOCKALL, 0, MCL_, name)
#define LIMIT(name)   NAMED(TRACE_SETRLIMIT, 0, RLIMIT_, name)
#define PRCTL(name)   NAMED(TRACE_PRCTL, 0, PR_, name)

static const struct {
	enum trace_kind kind;
	unsigned arg;
	unsigned long value;
	const char *name;
} named[] = {
	PROT(READ),
	PROT(WRITE),
	PROT(EXEC),
	PROT(SEM),
	PROT(GROWSDOWN),
	PROT(GROWSUP),
	MAP(SHARED),
	MAP(PRIVATE),
	MAP(SHARED_VALIDATE),
	MAP(FIXED),
	MAP(ANONYMOUS),
	MAP(32BIT),
	MAP(GROWSDOWN),
	MAP(DENYWRITE),
	MAP(EXECUTABLE),
	MAP(LOCKED),
	MAP(NORESERVE),
	MAP(POPULATE),
	MAP(NONBLOCK),
	MAP(STACK),
	MAP(HUGETLB),
	MAP(SYNC),
	MAP(FIXED_NOREPLACE),
	MREMAP(MAYMOVE),
	MREMAP(FIXED),
	MREMAP(DONTUNMAP),
	CLONE(VM),
	CLONE(FS),
	CLONE(FILES),
	CLONE(SIGHAND),
	CLONE(PIDFD),
	CLONE(PTRACE),
	CLONE(VFORK),
	CLONE(PARENT),
	CLONE(THREAD),
	CLONE(NEWNS),
	CLONE(SYSVSEM),
	CLONE(SETTLS),
	CLONE(PARENT_SETTID),
	CLONE(CHILD_CLEARTID),
	CLONE(DETACHED),
	CLONE(UNTRACED),
	CLONE(CHILD_SETTID),
	ADVICE(NORMAL),
	ADVICE(RANDOM),
	ADVICE(SEQUENTIAL),
	ADVICE(WILLNEED),
	ADVICE(DONTNEED),
	ADVICE(FREE),
	ADVICE(REMOVE),
	ADVICE(DONTFORK),
	ADVICE(DOFORK),
	ADVICE(MERGEABLE),
	ADVICE(UNMERGEABLE),
	ADVICE(HUGEPAGE),
	ADVICE(NOHUGEPAGE),
	ADVICE(DONTDUMP),
	ADVICE(DODUMP),
	ADVICE(WIPEONFORK),
	ADVICE(KEEPONFORK),
	ADVICE(COLD),
	ADVICE(PAGEOUT),
	ADVICE(POPULATE_READ),
	ADVICE(POPULATE_WRITE),
	ADVICE(DONTNEED_LOCKED),
	ADVICE(COLLAPSE),
	LOCKALL(CURRENT),
	LOCKALL(FUTURE),
	LOCKALL(ONFAULT),
	LIMIT(DATA),
	LIMIT(STACK),
	LIMIT(MEMLOCK),
	LIMIT(AS),
	PRCTL(SET_MM),
	PRCTL(SET_THP_DISABLE),
	PRCTL(SET_VMA),
	/* newer than the oldest headers that this must build with */
	{ TRACE_MMAP, 3, 8, "DROPPABLE" },
	{ TRACE_MADVISE, 2, 102, "GUARD_INSTALL" },
	{ TRACE_MADVISE, 2, 103, "GUARD_REMOVE" },
	{ TRACE_PRCTL, 0, 65, "SET_MDWE" },
	{ TRACE_PRCTL, 0, 67, "SET_MEMORY_MERGE" },
	{ TRACE_LAYOUT, 0, TRACE_AFTER_EXEC, "after exec" },
	{ TRACE_LAYOUT, 0, TRACE_AT_EXIT, "at exit" },
	{ TRACE_LAYOUT, 0, TRACE_AT_ATTACH, "at attach" },
	{ TRACE_LAYOUT, 0, TRACE_AT_DETACH, "at detach" },
	{ TRACE_FAULT, 1, TRACE_FAULT_PRESENT, "present" },
	{ TRACE_FAULT, 1, TRACE_FAULT_WRITE, "write" },
	{ TRACE_FAULT, 1, TRACE_FAULT_USER, "user" },
	{ TRACE_FAULT, 1, TRACE_FAULT_INSTR, "exec" },
	{ TRACE_FAULT, 1, TRACE_FAULT_UNKNOWN, "unknown" },
	{ TRACE_FAULT, 1, TRACE_FAULT_INFERRED, "inferred" },
};

/* The name follows the arguments before it, as "0, " or longer, and nothing else is said. */
START_TEST(names)
{
	for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
		struct trace_event event = { .kind = named[i].kind };
		char expected[64];
		const char *line;

		event.arg[named[i].arg] = named[i].value;
		line = line_of(&event);
		/* what kind of mapping is in the lowest bits: none here, but for its own names */
		snprintf(expected, sizeof(expected), " %s%s%s",
			 named[i].kind == TRACE_MMAP && named[i].value > 0xf ? "0|" : "",
			 named[i].name, named[i].kind == TRACE_LAYOUT ? "," : "");
		ck_assert_msg(strstr(line, expected), "'%s' lacks '%s'", line, expected);
		line = strstr(line, expected) + strlen(expected);
		ck_assert_msg(strchr(", =", *line), "'%s' goes on after the name", line);
	}
}
END_TEST

START_TEST(results)
{
	static const struct {
		int64_t result;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 65535, "65535" },
		{ 65536, "0x10000" },
		{ -1, "-EPERM" },
		{ -ENOMEM, "-ENOMEM" },
		{ -4095, "-4095" },
		{ -4096, "0xfffffffffffff000" },
		{ 0x7fffffffffffffff, "0x7fffffffffffffff" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];
		FILE *out = fmemopen(text, sizeof(text), "w");

		event_print_result(out, cases[i].result);
		fclose(out);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

TEST_SUITE(event_lines)
{
	Suite *suite = suite_create("event_lines");
	TCase *tcase = tcase_create("lines");

	tcase_add_test(tcase, every_kind);
	tcase_add_test(tcase, names);
	tcase_add_test(tcase, results);
	suite_add_tcase(suite, tcase);
	return suite;
}
