/*
 * Tests of result files: read, refused, summed up, compared, plotted, reported.
 */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/measure/results.h"
#include "harness/cli/verb.h"
#include "tests/suite.h"

static char dir[] = "/tmp/vmabench-results-XXXXXX";

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat, (void)type, (void)walk;
	return remove(path);
}

static void remove_dir(void)
{
	ck_assert_int_eq(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static const char *path(const char *name)
{
	static char text[4][256];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "%s/%s", dir, name);
	return text[turn];
}

static const char *write_text(const char *name, const char *text)
{
	const char *to = path(name);
	FILE *file = fopen(to, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	return to;
}

/* Three repetitions of a case of two indexes; factor on rbtree's times. */
static json_t *sample(double factor)
{
	json_t *root =
		json_pack("{s:i, s:{s:s}, s:[], s:[{s:s, s:i, s:f, s:f}], s:[], s:[]}", "schema",
			  RESULTS_SCHEMA, "context", "cpu", "a `processor`", "benchmarks", "memory",
			  "index", "rbtree", "vmas", 100, "fresh_bytes_per_vma", 48.0,
			  "aged_bytes_per_vma", 49.0, "skipped", "failed");
	static const char *const indexes[] = { "btree", "rbtree" };
	static const double times[] = { 10.5, 10.0, 11.0 };

	for (unsigned i = 0; i < 6; i++) {
		json_array_append_new(
			json_object_get(root, "benchmarks"),
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:f, s:s, s:s}", "run_name",
				  i < 3 ? "b" : "r", "run_type", "iteration", "index",
				  indexes[i / 3], "case", "find-dependent", "mode", "no-touch",
				  "name", i < 3 ? "b" : "r", "vmas", 100, "cpu_time",
				  times[i % 3] * (i < 3 ? 1 : factor), "time_unit",
				  i < 3 ? "us" : "ns", "hash", "0123456789abcdef"));
	}
	return root;
}

/* root as a file: 0, or -1. */
static int save_json(const json_t *root, const char *to)
{
	struct outfile out;
	int bad = outfile_open(&out, to, 0666) || results_put(root, &out) ? -1 : 0;

	outfile_close(&out);
	return bad;
}

START_TEST(test_sums)
{
	json_t *root = sample(1);
	struct results results;
	const struct result *row;
	char why[256];

	ck_assert_int_eq(save_json(root, path("a.json")), 0);
	ck_assert_int_ne(save_json(root, "/nonexistent/a.json"), 0);
	ck_assert_int_eq(results_load(&results, path("a.json"), why, sizeof(why)), 0);
	ck_assert_uint_eq(results.n, 2);
	row = results_find(&results, "btree", "find-dependent", "no-touch", 100);
	ck_assert_ptr_nonnull(row);
	ck_assert_uint_eq(row->repetitions, 3);
	ck_assert_double_eq_tol(row->median, 10500, 1e-6);
	ck_assert_double_eq_tol(row->fastest, 10000, 1e-6);
	ck_assert_double_eq_tol(row->slowest, 11000, 1e-6);
	ck_assert_ptr_null(results_find(&results, "btree", "find-dependent", "touch", 100));
	results_free(&results);
	json_decref(root);
}
END_TEST

START_TEST(test_refused)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "end of file" },
		{ "{", "end of file" },
		{ "[1]", "not a result file" },
		{ "{\"a\": 1, \"a\": 2}", "duplicate" },
		{ "{\"context\": {}, \"benchmarks\": []}", "schema" },
		{ "{\"schema\": 99, \"context\": {}, \"benchmarks\": []}", "schema 99" },
		{ "{\"schema\": 1, \"context\": {}, \"benchmarks\": [{\"run_type\": "
		  "\"iteration\"}]}",
		  "no field \"run_name\"" },
		{ "{\"schema\": 1, \"context\": {}, \"benchmarks\": [{\"run_type\": \"iteration\", "
		  "\"run_name\": \"x\", \"index\": \"x\", \"case\": \"x\", \"mode\": \"x\", "
		  "\"time_unit\": \"ns\", \"vmas\": \"many\", \"cpu_time\": 1}]}",
		  "vmas" },
		{ "{\"schema\": 1, \"context\": {}, \"benchmarks\": [{\"run_type\": \"iteration\", "
		  "\"run_name\": \"x\", \"index\": \"x\", \"case\": \"x\", \"mode\": \"x\", "
		  "\"time_unit\": \"parsec\", \"vmas\": 1, \"cpu_time\": 1}]}",
		  "not a time" },
	};
	struct results results;
	char why[256];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *file = write_text("bad.json", bad[i].text);

		ck_assert_int_eq(results_load(&results, file, why, sizeof(why)), -1);
		ck_assert_msg(strstr(why, bad[i].why), "'%s' gives '%s'", bad[i].text, why);
	}
	ck_assert_int_eq(results_load(&results, path("missing"), why, sizeof(why)), -1);
}
END_TEST

/* Runs a verb with these arguments; what it prints is in text. */
#define verb(run, text, size, ...) \
	run_verb(run, text, size, (const char *[]){ "vmabench verb", __VA_ARGS__, NULL })

static int run_verb(int (*run)(int argc, char **argv), char *text, size_t size, const char **argv)
{
	int argc = 1, status, saved = dup(STDOUT_FILENO);
	FILE *file = tmpfile();
	size_t n;

	while (argv[argc])
		argc++;
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	status = run(argc, (char **)argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	n = fread(text, 1, size - 1, file);
	text[n] = 0;
	fclose(file);
	return status;
}

static void save(const char *name, double factor)
{
	json_t *root = sample(factor);

	ck_assert_int_eq(save_json(root, path(name)), 0);
	json_decref(root);
}

START_TEST(test_compare)
{
	char text[65536];

	save("old", 1);
	save("near", 1.05); /* the ranges 10 to 11 and 10.5 to 11.6 meet */
	save("far", 1.5);
	save("fast", 0.5);
	ck_assert_int_eq(verb(cmd_compare, text, sizeof(text), path("old"), path("old"), NULL), 0);
	ck_assert_ptr_nonnull(strstr(text, "2 compared, 0 faster, 0 slower"));
	ck_assert_int_eq(verb(cmd_compare, text, sizeof(text), path("old"), path("near"), NULL), 0);
	ck_assert_ptr_nonnull(strstr(text, "2 compared, 0 faster, 0 slower"));
	ck_assert_int_eq(verb(cmd_compare, text, sizeof(text), path("old"), path("far"), NULL), 0);
	ck_assert_ptr_nonnull(strstr(text, "1.500  SLOWER"));
	ck_assert_ptr_nonnull(strstr(text, "2 compared, 0 faster, 1 slower"));
	ck_assert_int_eq(verb(cmd_compare, text, sizeof(text), path("old"), path("fast"), "-c"), 0);
	ck_assert_ptr_nonnull(strstr(text, "0.500  faster"));
	ck_assert_ptr_null(strstr(text, " btree "));
	write_text("bad", "{}");
	ck_assert_int_eq(verb(cmd_compare, text, sizeof(text), path("old"), path("bad"), NULL),
			 STATUS_BAD_INPUT);
	ck_assert_int_eq(verb(cmd_compare, text, sizeof(text), path("missing"), path("old"), NULL),
			 STATUS_BAD_INPUT);
}
END_TEST

START_TEST(test_report)
{
	char text[65536];

	save("a", 500);
	ck_assert_int_eq(verb(cmd_report, text, sizeof(text), path("a"), NULL, NULL), 0);
	ck_assert_ptr_nonnull(strstr(text, "| processor | a \\`processor\\` |"));
	ck_assert_ptr_nonnull(strstr(text, "| find-dependent/no-touch | 100 | **5250** | "
					   "10.5k (2.00) | - |"));
	ck_assert_ptr_nonnull(strstr(text, "## How to reproduce"));
	ck_assert_int_eq(verb(cmd_report, text, sizeof(text), path("missing"), NULL, NULL),
			 STATUS_BAD_INPUT);
}
END_TEST

static json_t *part(const char *name, double seconds, double ratio, bool same, int equal, int hits)
{
	return json_pack("{s:s, s:s, s:s, s:f, s:f, s:b, s:i, s:i, s:i, s:i}", "case", "parts-x",
			 "index", "rbtree", "part", name, "seconds", seconds, "ratio", ratio,
			 "same_state", same, "results", 10, "results_equal", equal, "finds", 1000,
			 "find_cache_hits", hits);
}

START_TEST(test_report_parts)
{
	json_t *root = sample(1), *parts = json_array();
	char text[65536];

	json_array_append_new(parts, part("whole", 0.004, 1, true, 10, 900));
	json_array_append_new(parts, part("no-find-cache", 0.005, 1.25, true, 10, 0));
	json_array_append_new(parts, part("finger", 0.0045, 1.125, true, 10, 800));
	json_array_append_new(parts, part("no-faults", 0.002, 0.5, false, 7, 900));
	json_object_set_new(root, "parts", parts);
	ck_assert_int_eq(save_json(root, path("parts.json")), 0);
	json_decref(root);
	ck_assert_int_eq(verb(cmd_report, text, sizeof(text), path("parts.json"), NULL, NULL), 0);
	ck_assert_ptr_nonnull(strstr(text, "| x | 4.00 | 1.25 | - | - | - | 0.50 \\* "
					   "(3 results differ) | - | - |"));
	ck_assert_ptr_nonnull(strstr(text, "| x | 1000 | - | 90.0 % (0.80) | 80.0 % (0.90) |"));
}
END_TEST

/* A result of one repetition: what the table of targets is read from. */
static void add_result(json_t *root, const char *index, const char *name, const char *mode,
		       size_t vmas, double ns)
{
	char run[128];

	snprintf(run, sizeof(run), "%s/%s/%zu/%s", name, mode, vmas, index);
	json_array_append_new(json_object_get(root, "benchmarks"),
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:f, s:s, s:s}", "run_name",
					run, "run_type", "iteration", "index", index, "case", name,
					"mode", mode, "vmas", (json_int_t)vmas, "cpu_time", ns,
					"time_unit", "ns", "hash", "0123456789abcdef"));
}

static json_t *with_peers(void)
{
	json_t *root = sample(1);

	add_result(root, "btree", "find-local", "no-touch", 65536, 10);
	add_result(root, "linux-maple", "find-local", "no-touch", 65536, 31);
	add_result(root, "judy", "find-local", "no-touch", 65536, 11);
	add_result(root, "static-stree", "find-local", "no-touch", 65536, 3);
	add_result(root, "btree", "iterate", "no-touch", 100, 2);
	add_result(root, "judy", "iterate", "no-touch", 100, 1);
	add_result(root, "absl-btree", "iterate", "no-touch", 100, 5);
	add_result(root, "btree", "replay-ls", "index", 49, 100);
	add_result(root, "linux-maple", "replay-ls", "index", 49, 200);
	add_result(root, "btree", "replay-cc", "index", 49, 900);
	add_result(root, "linux-maple", "replay-cc", "index", 49, 1000);
	add_result(root, "btree", "order", "random", 100, 10);
	add_result(root, "btree", "order", "sorted", 100, 25);
	json_object_set_new(root, "speed",
			    json_pack("[{s:I, s:I, s:f, s:f, s:f, s:f}]", "calls",
				      (json_int_t)3000000, "faults", (json_int_t)1000000,
				      "call_seconds", 1.0, "fault_seconds", 0.5, "replay_seconds",
				      1.5, "decode_seconds", 0.5));
	return root;
}

START_TEST(test_targets)
{
	static const char *const lines[] = {
		"| find, 90 % local | 65536 | 10.0 | 3.00 | 31.0 | 3.10 | ≥ 3 met | 11.0 | judy | "
		"**1.10** | ≥ 1.2 **missed** |",
		/* judy is faster, but not the one to compare with; the kernel's is missing */
		"| iterate | 100 | 2.00 | - | - | - | | 5.00 | absl-btree | 2.50 | ≥ 1.5 met |",
		"| time, all 2 programs | **0.83** | ≤ 0.4 **missed** |",
		"| time, the worst (cc) | **0.90** | ≤ 0.8 **missed** |",
		"| instructions, all 1 programs | 0.30 | ≤ 0.4 met |",
		"| order/sorted | 100 | **2.50** | ≤ 2 **missed** |",
		"| btree | 100 | 5000 | 300 | 3000 | split | 10.00 | ≤ 20 met |",
		"| million calls of memory a second | 3.00 | ≥ 2 met |",
		"| million faults a second | **2.00** | ≥ 5 **missed** |",
		"| decoding, share of all | **0.25** | ≤ 0.2 **missed** |",
		"Not in these results: linux-maple-rcu, linux-rbtree, critnib, std-map.",
		"Peers, and times btree:",
	};
	char text[65536], arguments[2][320];
	json_t *root = with_peers();

	ck_assert_int_eq(save_json(root, path("a")), 0);
	json_decref(root);
	snprintf(arguments[0], sizeof(arguments[0]), "--counts=%s",
		 write_text("counts",
			    "{\"counts\": ["
			    "{\"case\": \"replay-ls\", \"mode\": \"index\", \"index\": \"btree\", "
			    "\"instructions\": 30}, {\"case\": \"replay-ls\", \"mode\": \"index\", "
			    "\"index\": \"linux-maple\", \"instructions\": 100}]}"));
	snprintf(arguments[1], sizeof(arguments[1]), "--worst=%s",
		 write_text("worst",
			    "{\"worst\": [{\"index\": \"btree\", \"vmas\": 100, \"edits\": 5000, "
			    "\"median\": 300, \"slowest\": 3000, \"which\": \"split\"}]}"));
	ck_assert_int_eq(
		verb(cmd_report, text, sizeof(text), path("a"), arguments[0], arguments[1]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		ck_assert_msg(strstr(text, lines[i]), "no line: %s\nin:\n%s", lines[i], text);
}
END_TEST

/* Of the results of another set of instructions only the table of targets is shown. */
START_TEST(test_scalar)
{
	char text[65536], option[320];
	json_t *root = with_peers();

	ck_assert_int_eq(save_json(root, path("a")), 0);
	json_object_set_new(json_object_get(root, "context"), "simd", json_string("plain"));
	add_result(root, "btree", "find-independent", "no-touch", 100, 20);
	add_result(root, "judy", "find-independent", "no-touch", 100, 30);
	snprintf(option, sizeof(option), "--scalar=%s", path("b"));
	ck_assert_int_eq(save_json(root, path("b")), 0);
	json_decref(root);
	ck_assert_int_eq(verb(cmd_report, text, sizeof(text), path("a"), option, NULL), 0);
	ck_assert_ptr_nonnull(strstr(text, "| btree, plain | bound, plain |"));
	ck_assert_ptr_nonnull(strstr(text,
				     "| find, independent | 100 | - | 20.0 | - | - | - | 30.0 "
				     "| judy | 1.50 |\n"));
	ck_assert_ptr_nonnull(strstr(text, "| find, 90 % local | 65536 | 10.0 | 10.0 | 3.00 | 31.0 "
					   "| 3.10 | 11.0 | judy | 1.10 |\n"));
}
END_TEST

START_TEST(test_plot)
{
	char text[65536], option[300], output[300];
	struct stat stat_svg;

	save("a", 1);
	write_text("one.gp",
		   "# needs: find-dependent-no-touch\nload 'data/indexes.gp'\n"
		   "load 'shared.inc'\nset terminal svg\nset output 'one.svg'\nset logscale\n"
		   "plot for [i=1:n] 'data/find-dependent-no-touch.dat' index i-1 using 1:2 "
		   "with points title word(names, i)\n");
	write_text("shared.inc", "set title 'shared'\n");
	write_text("two.gp", "# needs: something else\nset output 'two.svg'\n");
	snprintf(option, sizeof(option), "--dir=%s", dir);
	snprintf(output, sizeof(output), "--output=%s", path("out"));
	ck_assert_int_eq(mkdir(path("out"), 0755), 0);
	ck_assert_int_eq(mkdir(path("out/data"), 0755), 0);
	write_text("out/data/mine.dat", "1 2\n");
	ck_assert_int_eq(verb(cmd_plot, text, sizeof(text), option, output, path("a")), 0);
	ck_assert_ptr_nonnull(strstr(text, "not drawn: two.gp: the results have no something"));
	ck_assert_int_eq(stat(path("out/one.svg"), &stat_svg), 0);
	ck_assert_int_gt(stat_svg.st_size, 1000);
	ck_assert_int_eq(access(path("one.svg"), F_OK), -1);
	ck_assert_int_eq(access(path("out/two.svg"), F_OK), -1);
	ck_assert_int_eq(access(path("out/data/mine.dat"), F_OK), 0);
	ck_assert_int_eq(access(path("out/data/indexes.gp"), F_OK), 0);
	write_text("bad.gp", "set output 'bad.svg'\nplot nothing\n");
	ck_assert_int_eq(verb(cmd_plot, text, sizeof(text), option, output, path("a")),
			 STATUS_BAD_INPUT);
	ck_assert_int_eq(access(path("out/bad.svg"), F_OK), -1);
}
END_TEST

/* A row of `vmabench threads`. */
static void add_threads(json_t *rows, const char *workload, const char *index, const char *locking,
			int threads, double rate, double writer_rate)
{
	json_t *row = json_pack(
		"{s:s, s:s, s:s, s:i, s:i, s:f, s:i, s:i, s:i, s:{s:i, s:i, s:i, s:i}}", "workload",
		workload, "index", index, "locking", locking, "vmas", 65536, "threads", threads,
		"rate", rate, "faults", 1000, "fallbacks", 5, "grace_periods", 7, "latency", "p50",
		50, "p99", 60, "p99.9", 70, "max", 80);

	if (writer_rate > 0)
		json_object_set_new(row, "writer_rate", json_real(writer_rate));
	json_array_append_new(rows, row);
}

START_TEST(test_threads)
{
	static const char *const lines[] = {
		"| fault-beside-mmap | maple | per-vma | 65536 | 2.00M | 1.90M | 0.95 | 300k |",
		"keep 0.95 of their rate beside a writer (≥ 0.9: met), 3.8 times that of rbtree "
		"and mmap_lock (≥ 5: **missed**)",
		"| maple | per-vma | 65536 | 2.00M | 1.90M | 50 | 60 | 70 | 80 | 0.50 | 7 |",
		"| index | locking | VMAs | 1 thread, ops/s | 2 threads, ops/s |",
	};
	char text[65536], option[300], line[64] = "";
	json_t *root = json_pack("{s:i, s:{}, s:[], s:[]}", "schema", RESULTS_SCHEMA, "context",
				 "benchmarks", "threads");
	json_t *rows = json_object_get(root, "threads");

	add_threads(rows, "fault-beside-mmap", "maple", "per-vma", 1, 2e6, 0);
	add_threads(rows, "fault-beside-mmap", "rbtree", "mmap_lock", 2, 5e5, 1e5);
	add_threads(rows, "fault-beside-mmap", "maple", "per-vma", 2, 1.9e6, 3e5);
	ck_assert_int_eq(save_json(root, path("t")), 0);
	json_decref(root);
	save("a", 1);
	ck_assert_int_eq(verb(cmd_report, text, sizeof(text), path("a"), path("t"), NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		ck_assert_msg(strstr(text, lines[i]), "no line: %s\nin:\n%s", lines[i], text);

	write_text("none.gp", "# needs: something else\n");
	snprintf(option, sizeof(option), "--dir=%s", dir);
	ck_assert_int_eq(
		verb(cmd_plot, text, sizeof(text), option, "-o", dir, path("a"), path("t")), 0);
	FILE *file = fopen(path("data/threads.gp"), "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
	fclose(file);
	ck_assert_str_eq(line, "curves = 'maple/per-vma rbtree/mmap_lock '\n");
	file = fopen(path("data/threads-fault-beside-mmap.dat"), "r");
	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	ck_assert_str_eq(text, "1 2e+06\n2 1.9e+06\n\n\n2 500000\n\n\n");
}
END_TEST

START_TEST(test_numbers)
{
	static const struct {
		double number;
		const char *text;
	} numbers[] = {
		{ 0.123, "0.12" },    { 1.987, "1.99" },    { 12.34, "12.3" },
		{ 123.4, "123" },     { 1234, "1234" },     { 12345, "12.3k" },
		{ 123456, "123k" },   { 1234567, "1.23M" }, { 123456789, "123M" },
		{ 1.234e9, "1.23G" },
	};
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		ck_assert_str_eq(results_number(numbers[i].number, text, sizeof(text)),
				 numbers[i].text);
}
END_TEST

TEST_SUITE(results)
{
	Suite *suite = suite_create("results");
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(files, make_dir, remove_dir);
	tcase_add_test(files, test_sums);
	tcase_add_test(files, test_refused);
	tcase_add_test(files, test_compare);
	tcase_add_test(files, test_report);
	tcase_add_test(files, test_report_parts);
	tcase_add_test(files, test_targets);
	tcase_add_test(files, test_scalar);
	tcase_add_test(files, test_plot);
	tcase_add_test(files, test_threads);
	tcase_add_test(files, test_numbers);
	suite_add_tcase(suite, files);
	return suite;
}
