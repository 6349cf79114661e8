/*
 * Names that want to be more than names: what terminals, Markdown and gnuplot would obey is
 * escaped in all that the verbs write, whether it comes from a trace's name, its header, its
 * events, from result files or from a plug-in.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "tests/command.h"
#include "tests/suite.h"
#include "workloads/format/trace.h"

/* A bell, an escape sequence, a new line, a table's cell, a command for gnuplot's quotes. */
#define HOSTILE "x\a\033[2J\n| y\x9b\xc2\x9b`touch HERE`*[a](b)<c>\"'\\"

static const char *dir;

START_TEST(test_text)
{
	static const struct {
		const char *name, *text;
	} names[] = {
		{ "", "" },
		{ "/usr/lib/x-1.so (deleted)", "/usr/lib/x-1.so (deleted)" },
		{ "a\tb\nc\r\x7f", "a\\x09b\\x0ac\\x0d\\x7f" },
		{ "\033]0;title\a", "\\x1b]0;title\\x07" },
		{ "gr\xc3\xb6\xc3\x9f"
		  "e \xe2\x82\xac \xf0\x9f\x98\x80",
		  "gr\xc3\xb6\xc3\x9f"
		  "e \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\xc2\x9b"
		  "2J",
		  "\\xc2\\x9b2J" }, /* a control sequence in UTF-8 */
		{ "a\xe2\x80\xae"
		  "b",
		  "a\\xe2\\x80\\xaeb" }, /* right to left */
		{ "\xff\xfe\x80", "\\xff\\xfe\\x80" },
		{ "\xc0\xaf\xe0\x80\xaf", "\\xc0\\xaf\\xe0\\x80\\xaf" }, /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },                   /* half of a pair */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },          /* beyond the last */
		{ "\xe2\x82", "\\xe2\\x82" },                            /* cut short */
	};
	char text[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		FILE *out = fmemopen(memset(text, 0, sizeof(text)), sizeof(text), "w");

		escape_text_to(out, names[i].name, "");
		fclose(out);
		ck_assert_str_eq(escape_text(names[i].name), names[i].text);
		ck_assert_str_eq(text, names[i].text);
	}
}
END_TEST

START_TEST(test_markdown)
{
	ck_assert_str_eq(escape_markdown("find-dependent/no-touch"), "find-dependent/no-touch");
	ck_assert_str_eq(escape_markdown("page_fault1 -O2"), "page_fault1 -O2");
	ck_assert_str_eq(escape_markdown("_a_"), "\\_a\\_");
	ck_assert_str_eq(escape_markdown("a|b`c*"), "a\\|b\\`c\\*");
	ck_assert_str_eq(escape_markdown("<b>&[x](http://y)\\"),
			 "\\<b\\>\\&\\[x\\](http\\://y)\\\\");
	ck_assert_str_eq(escape_markdown("a\nb"), "a\\\\x0ab");
}
END_TEST

START_TEST(test_gnuplot)
{
	ck_assert_str_eq(escape_gnuplot("linux-maple.1_x+"), "linux-maple.1_x+");
	ck_assert_str_eq(escape_gnuplot("`touch x`\"'\\\n\xc3\xb6"), "-touch-x-------");
	ck_assert_str_eq(escape_gnuplot("../../etc"), "-.-..-etc");
	ck_assert_str_eq(escape_gnuplot(""), "-");
	ck_assert_uint_le(strlen(escape_gnuplot(memset((char[500]){ 0 }, 'x', 499))), 100);
}
END_TEST

START_TEST(test_long)
{
	static char name[3 * ESCAPE_SIZE];
	const char *text;

	memset(name, '|', sizeof(name) - 1);
	text = escape_markdown(name);
	ck_assert_uint_lt(strlen(text), ESCAPE_SIZE);
	ck_assert_str_eq(text + strlen(text) - 3, "...");
	memset(name, '\n', sizeof(name) - 1);
	text = escape_text(name);
	ck_assert_uint_lt(strlen(text), ESCAPE_SIZE);
	ck_assert_str_eq(text + strlen(text) - 3, "...");
}
END_TEST

/* ---- what verbs write ---- */

/* What a command has written has no control character but ends of lines, and all is UTF-8. */
static const char *clean(const struct command *done)
{
	for (const char *line = done->output; *line;) {
		static char text[sizeof(done->output)];
		size_t len = strcspn(line, "\n");

		snprintf(text, sizeof(text), "%.*s", len < ESCAPE_SIZE / 2 ? (int)len : 100, line);
		ck_assert_str_eq(escape_text(text), text);
		line += len + (line[len] == '\n');
	}
	return done->output;
}

static void make_trace(void)
{
	struct trace_info info = {
		.command = HOSTILE,
		.versions = HOSTILE,
		.kernel = HOSTILE,
		.arch = HOSTILE,
		.date = HOSTILE,
		.recorder = HOSTILE,
		.missing = HOSTILE,
		.fault_source = HOSTILE,
		.thp = HOSTILE,
		.shmem_thp = HOSTILE,
		.task_size = 1UL << 47,
		.max_map_count = 65530,
		.stack_guard_gap = 256,
		.rlimit_stack = 8 << 20,
		.rlimit_as = ~0UL,
		.rlimit_data = ~0UL,
		.rlimit_memlock = 8 << 20,
	};
	const struct trace_event events[] = {
		{ .kind = TRACE_FILE,
		  .task = 1,
		  .arg = { 2, 1, 0xef53, 0100644, 0 },
		  .name = HOSTILE },
		{ .kind = TRACE_EXEC,
		  .task = 1,
		  .name = HOSTILE,
		  .arg = { 0x7f0000000000, 0x500000, 0x500000, 0x7ffffffff000 } },
		{ .kind = TRACE_LAYOUT, .task = 1, .arg = { TRACE_AFTER_EXEC, 2 }, .name = "" },
		{ .kind = TRACE_VMA,
		  .task = 1,
		  .name = HOSTILE,
		  .arg = { 0x400000, 0x401000, 0x71, 0, 2, 0 } },
		{ .kind = TRACE_VMA,
		  .task = 1,
		  .name = "[stack]",
		  .arg = { 0x7ffffffde000, 0x7ffffffff000, 0x100173, 0x7ffffffde, 0, 1 } },
	};
	struct trace_error error;
	char path[256];
	struct trace_writer *writer;

	dir = command_folder();
	snprintf(path, sizeof(path),
		 "%s/"
		 "bad\033[2J|`x`\xff.vmt",
		 dir);
	writer = trace_create(path, &error);
	ck_assert_msg(writer != NULL, "%s", error.reason);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		ck_assert_msg(!trace_write(writer, &events[i], &error), "%s", error.reason);
	ck_assert_msg(!trace_finish(writer, &info, &error), "%s", error.reason);
}

START_TEST(test_traces)
{
	static const char *const verbs[] = {
		"info",
		"info --json",
		"dump",
		"maps",
		"maps --smaps",
		"replay",
		"replay --json",
		"replay --markdown",
		"replay --strict",
		"whatif",
		"coredump",
		"bench --quick --case x",
		"threads --quick --trace",
		"check",
		"compare",
		"plot",
		"report",
		"list",
		"x",
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		clean(command("%s %s %s/bad*", command_vmabench(), verbs[i], dir));
	ck_assert_ptr_nonnull(strstr(clean(command("%s info %s/bad*", command_vmabench(), dir)),
				     "command        x\\x07\\x1b[2J\\x0a| y"));
	ck_assert_ptr_nonnull(
		strstr(clean(command("%s info --json %s/bad*", command_vmabench(), dir)),
		       "\\\\x1b[2J|`x`\\\\xff.vmt\""));
	ck_assert_ptr_nonnull(strstr(clean(command("%s maps %s/bad*", command_vmabench(), dir)),
				     "x\\x07\\x1b[2J\\x0a| y"));
	ck_assert_ptr_nonnull(strstr(clean(command("cp %s/bad* '%s/b|`*.vmt' && "
						   "%s replay --markdown %s/b\\|*",
						   dir, dir, command_vmabench(), dir)),
				     "| b\\|\\`\\* |"));
	ck_assert_int_eq(command("truncate -s 100 %s/bad*", dir)->status, 0);
	ck_assert_ptr_nonnull(strstr(clean(command("%s dump %s/bad*", command_vmabench(), dir)),
				     "bad\\x1b[2J|`x`\\xff.vmt: offset"));
}
END_TEST

/* Result files whose every string is hostile. */
static void make_results(void)
{
	json_t *root = json_pack("{s:i, s:{s:s, s:s}, s:[], s:[{s:s, s:i, s:f, s:f}], "
				 "s:[{s:s, s:s, s:s, s:i, s:s}], s:[], s:{s:s}}",
				 "schema", 1, "context", "cpu", "H", "compiler", "H", "benchmarks",
				 "memory", "index", "H", "vmas", 100, "fresh_bytes_per_vma", 48.0,
				 "aged_bytes_per_vma", 49.0, "skipped", "index", "H", "case", "H",
				 "mode", "H", "vmas", 1, "reason", "H", "failed", "x", "y", "z");
	static const char *const indexes[] = { "H", "rbtree" };
	char path[256], *text, hostile[] = "x\a\033[2J\n| y\xc2\x9b`touch HERE`*[a](b)<c>\"'\\";

	ck_assert_ptr_nonnull(root);
	for (unsigned i = 0; i < 4; i++)
		json_array_append_new(
			json_object_get(root, "benchmarks"),
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:f, s:s, s:s}", "run_name",
				  "H", "run_type", "iteration", "index", indexes[i / 2], "case",
				  i % 2 ? "H" : "replay-H", "mode", i % 2 ? "H" : "index", "name",
				  "H", "vmas", 100, "cpu_time", 1.5, "time_unit", "us", "hash",
				  "H"));
	text = json_dumps(root, 0);
	snprintf(path, sizeof(path), "%s/hostile.json", dir);

	FILE *out = fopen(path, "w");
	json_t *name = json_string(hostile);
	char *quoted = json_dumps(name, JSON_ENCODE_ANY);

	for (const char *c = text; *c; c++) {
		if (!strncmp(c, "\"H\"", 3) || !strncmp(c, "H\"", 2)) {
			fputs(*c == 'H' ? quoted + 1 : quoted, out);
			c += *c == 'H' ? 1 : 2;
		} else {
			putc(*c, out);
		}
	}
	fclose(out);
	free(text);
	free(quoted);
	json_decref(name);
	json_decref(root);
}

START_TEST(test_results)
{
	const char *page;

	make_results();
	ck_command(0, "", "cp %s/hostile.json %s/b.json", dir, dir);
	clean(command("%s compare %s/hostile.json %s/b.json", command_vmabench(), dir, dir));
	clean(command("%s plot -o %s/plots %s/hostile.json", command_vmabench(), dir, dir));
	clean(command("cat %s/plots/data/*", dir));
	ck_command(0, "", "%s report -o %s/page.md %s/hostile.json", command_vmabench(), dir, dir);
	page = clean(command("grep -v '^<!--' %s/page.md", dir));
	ck_assert_ptr_nonnull(strstr(page, "x\\\\x07\\\\x1b\\[2J\\\\x0a\\| y\\\\xc2\\\\x9b"
					   "\\`touch HERE\\`\\*\\[a\\](b)\\<c\\>\"'\\\\"));
	ck_assert_ptr_null(strstr(page, "`touch HERE`"));
	ck_command(1, "", "ls HERE %s/HERE %s/plots/HERE plots/HERE 2>/dev/null | grep -a .", dir,
		   dir);
}
END_TEST

START_TEST(test_plugin)
{
	ck_command(0, "",
		   "printf '%%s\\n' '#include \"indexes/vma_index.h\"' 'static struct "
		   "vma_index_ops ops = { .name = \"a|\\033[2J`b`\", .abi = VMA_INDEX_ABI, "
		   ".summary = \"half\" }; VMA_INDEX_REGISTER(ops);' > %s/p.c && "
		   "cc -D_GNU_SOURCE -I. -fPIC -shared -o %s/p.so %s/p.c",
		   dir, dir, dir);
	ck_command(2, "cannot register index 'a|\\x1b[2J`b`': a name has lower case letters",
		   "%s list --plugin %s/p.so", command_vmabench(), dir);
}
END_TEST

TEST_SUITE(escape)
{
	Suite *suite = suite_create("escape");
	TCase *tcase = tcase_create("functions"), *verbs = tcase_create("verbs");

	tcase_add_test(tcase, test_text);
	tcase_add_test(tcase, test_markdown);
	tcase_add_test(tcase, test_gnuplot);
	tcase_add_test(tcase, test_long);
	suite_add_tcase(suite, tcase);
	tcase_add_unchecked_fixture(verbs, make_trace, command_folder_remove);
	tcase_add_test(verbs, test_traces);
	tcase_add_test(verbs, test_results);
	tcase_add_test(verbs, test_plugin);
	suite_add_tcase(suite, verbs);
	return suite;
}
