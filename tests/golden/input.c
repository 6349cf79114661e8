/*
 * input - what the program is given and cannot be: said so in a line, with status 2
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mm/mman.h"
#include "mm/vm_flags.h"
#include "tests/command.h"
#include "tests/fuzz/forge.h"
#include "tests/suite.h"

static char path[128], fifo[128];

static void setup(void)
{
	const char *folder = command_folder();

	snprintf(path, sizeof(path), "%s/a.vmt", folder);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
}

/* ---- traces whose checksums are right ---- */

#define STACK_END 0x7ffffffff000ULL

/* The header of a trace of /bin/ls, one value replaced: key is NULL where none is. */
static char *header(const char *key, const char *value)
{
	struct forge ls;
	json_t *root;
	char *text;

	forge_load(&ls, "workloads/traces/ls.vmt", 1);
	root = json_loads(ls.header, 0, NULL);
	if (key)
		json_object_set_new(root, key, json_string(value));
	text = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	forge_free(&ls);
	return text;
}

/* A program that has a file of that mode mapped, and a stack; then it does one call. */
static void forge_program(char *head, uint64_t mode, uint64_t brk, const struct trace_event *call)
{
	const struct trace_event events[] = {
		{ .kind = TRACE_FILE, .task = 1, .arg = { 2, 1, 0xef53, mode }, .name = "/bin/x" },
		{ .kind = TRACE_EXEC,
		  .task = 1,
		  .name = "/bin/x",
		  .arg = { 0x7ffff7fff000, 0x555555740000, brk, 0x7fffffffe000 } },
		{ .kind = TRACE_LAYOUT, .task = 1, .arg = { TRACE_AFTER_EXEC, 2 }, .name = "" },
		{ .kind = TRACE_VMA,
		  .task = 1,
		  .name = "",
		  .arg = { 0x400000, 0x401000, VM_READ | VM_EXEC | VM_MAY_FLAGS, 0, 2, 0 } },
		{ .kind = TRACE_VMA,
		  .task = 1,
		  .name = "[stack]",
		  .arg = { STACK_END - 0x21000, STACK_END,
			   VM_READ | VM_WRITE | VM_MAY_FLAGS | VM_GROWSDOWN | VM_ACCOUNT,
			   0x7fffffffd, TRACE_NO_FILE, 1 } },
	};
	struct forge forge = { .header = head };

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		forge_insert(&forge, forge.n, &events[i]);
	forge_insert(&forge, forge.n, call);
	forge_write(&forge, path);
	forge_free(&forge);
}

static const struct trace_event small_mmap = {
	.kind = TRACE_MMAP,
	.task = 1,
	.name = "",
	.result = 0x7ffff7ffe000,
	.arg = { 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS },
};

/* Every verb that replays refuses it, and says why and where. */
static void all_refuse(const char *why)
{
	static const char *const verbs[] = {
		"info",
		"dump",
		"replay",
		"replay --placement random",
		"replay --reclaim 10",
		"whatif",
		"maps",
		"coredump --list",
		"threads -t 1 --trace",
	};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		ck_command(2, why, "%s %s %s", command_vmabench(), verbs[i], path);
}

START_TEST(values_out_of_range)
{
	forge_program(header(NULL, NULL), S_IFREG | 0755, 0x555555760000, &small_mmap);
	ck_command(0, "results=1/1", "%s replay %s", command_vmabench(), path);
	forge_program(header(NULL, NULL), S_IFDIR | 0755, 0x555555760000, &small_mmap);
	all_refuse("a VMA of a directory, a pipe or a link");
	forge_program(header(NULL, NULL), S_IFREG | 0755, 1ULL << 57, &small_mmap);
	all_refuse("brk 0x200000000000000 is beyond the address space");
	forge_program(header(NULL, NULL), S_IFREG | 0755, 0x555555730000, &small_mmap);
	all_refuse("an exec whose break is below its start");
	forge_program(header("task_size", "0x92051300000000"), S_IFREG | 0755, 0x555555760000,
		      &small_mmap);
	all_refuse("\"task_size\" is that of no machine");
	forge_program(header("task_size", "0x100000000"), S_IFREG | 0755, 0x555555760000,
		      &small_mmap);
	all_refuse("beyond the address space");
	forge_program(header("ram", "12"), S_IFREG | 0755, 0x555555760000, &small_mmap);
	all_refuse("\"ram\" is not a number such as");
}
END_TEST

/* No kernel has shared memory without a file; a layout may say so. */
START_TEST(shared_without_a_file)
{
	const struct trace_event layout[] = {
		{ .kind = TRACE_LAYOUT, .task = 1, .arg = { TRACE_AFTER_EXEC, 1 }, .name = "" },
		{ .kind = TRACE_VMA,
		  .task = 1,
		  .name = "",
		  .arg = { 0x400000, 0x401000, VM_READ | VM_WRITE | VM_SHARED, 0, 0, 0 } },
	};
	struct forge forge;

	forge_load(&forge, "workloads/traces/ls.vmt", 1);
	forge_remove(&forge, 0);
	for (size_t i = 0; i < ARRAY_SIZE(layout); i++)
		forge_insert(&forge, i, &layout[i]);
	forge_write(&forge, path);
	forge_free(&forge);
	ck_command(0, "shared", "%s coredump --list %s", command_vmabench(), path);
}
END_TEST

/* All levels of page tables that its addresses need are there. */
START_TEST(large_address_space)
{
	struct trace_event high = small_mmap;

	high.arg[0] = 1ULL << 54;
	high.arg[3] |= MAP_FIXED | MAP_POPULATE;
	high.result = 1LL << 54;
	forge_program(header("task_size", "0xfffffffffff000"), S_IFREG | 0755, 0x555555760000,
		      &high);
	ck_command(0, "results=1/1", "%s replay --levels 4 %s", command_vmabench(), path);
	ck_command(0, "random", "%s whatif %s", command_vmabench(), path);
}
END_TEST

/* ---- one call that wants more memory than there is ---- */

static void forge_populate(const char *key, const char *value, uint64_t len)
{
	struct trace_event populate = small_mmap;

	populate.arg[1] = len;
	populate.arg[0] = populate.result = 0x100000000000;
	populate.arg[3] |= MAP_FIXED | MAP_NORESERVE | MAP_POPULATE;
	forge_program(header(key, value), S_IFREG | 0755, 0x555555760000, &populate);
}

/* All of them, with little memory so that it takes no time. */
static void replays_refuse(const char *why)
{
	static const char *const verbs[] = {
		"replay", "replay --strict", "replay --merge none",  "whatif",
		"maps",   "coredump --list", "threads -t 1 --trace",
	};

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		ck_command(2, why, "%s %s %s --memory 30", command_vmabench(), verbs[i], path);
}

START_TEST(memory_is_bounded)
{
	struct rusage usage;

	forge_populate(NULL, NULL, 1ULL << 46);
	replays_refuse("it takes more than 30 MB (--memory MB allows more)");
	forge_populate("ram", "0x100000000000000", 1ULL << 46);
	replays_refuse("it takes more than 30 MB (--memory MB allows more)");
	forge_populate("ram", "0x2000000", 64 << 20);
	replays_refuse("more pages than the recorded machine had in RAM and swap");
	forge_populate("ram", "0x0", 128 << 20);
	ck_command(0, "results=1/1", "%s replay --index btree --memory 30 %s", command_vmabench(),
		   path);
	forge_populate("ram", "0x0", 1ULL << 46);
	ck_command(2, "it takes more than 400 MB (--memory MB allows more)", "%s replay %s",
		   command_vmabench(), path);
	ck_assert_int_eq(getrusage(RUSAGE_CHILDREN, &usage), 0);
#ifndef __SANITIZE_ADDRESS__
	ck_assert_int_lt(usage.ru_maxrss, 512 << 10);
#endif
}
END_TEST

/* ---- programs whose replay is not what was recorded ---- */

START_TEST(no_number_without_a_word)
{
	struct trace_event wrong = { .kind = TRACE_MUNMAP,
				     .task = 1,
				     .name = "",
				     .result = -12,
				     .arg = { 0x400000, 4096 } };
	const struct trace_event unknown = {
		.kind = TRACE_PRCTL, .task = 1, .name = "", .arg = { 1 }
	};
	const char *vmabench = command_vmabench();
	char folder[128];

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	forge_program(header(NULL, NULL), S_IFREG | 0755, 0x555555760000, &wrong);
	ck_command(1, "results=0/1", "%s replay %s", vmabench, path);
	ck_command(1, "\"equal\":false,\"note\":\"1 of 1 results differ", "%s replay --json %s",
		   vmabench, path);
	ck_command(1, "1 of 1 results differ", "%s whatif %s", vmabench, path);
	ck_command(1, "note: replay-a: 1 of 1 results differ", "%s threads -t 1 --trace %s",
		   vmabench, path);
	ck_command(
		0, "note: replay-a: 1 of 1 results differ",
		"%s bench --traces %s --case 'replay-a/index' --index btree,rbtree -r 1 -t 0.0001 "
		"--json %s/a.json",
		vmabench, folder, folder);
	ck_command(0, "- replay-a: 1 of 1 results differ", "%s report %s/a.json", vmabench, folder);
	forge_program(header("missing", "shadow stacks (3)"), S_IFREG | 0755, 0x555555760000,
		      &small_mmap);
	ck_command(0, "not recorded: shadow stacks (3)", "%s replay %s", vmabench, path);
	ck_command(0, "not recorded: shadow stacks (3)", "%s whatif %s", vmabench, path);
	forge_program(header(NULL, NULL), S_IFREG | 0755, 0x555555760000, &unknown);
	ck_command(0, "1 of 1 calls have no rule: prctl 1 (1)", "%s replay --json %s", vmabench,
		   path);
	ck_command(0, "1 of 1 calls have no rule: prctl 1 (1)", "%s info %s", vmabench, path);
	ck_command(0, "\"unlike\": \"1 of 1 calls have no rule: prctl 1 (1)\"", "%s info --json %s",
		   vmabench, path);
	ck_command(0, "1 of 1 calls have no rule: prctl 1 (1)", "%s whatif %s", vmabench, path);
	ck_command(0, "calls have no rule: prctl 1 (1)", "%s threads -t 1 --trace %s", vmabench,
		   path);
	ck_command(0, "calls have no rule: prctl 1 (1)",
		   "%s bench --traces %s --case 'replay-*' "
		   "--index btree --count 1",
		   vmabench, folder);
	forge_program(header("lost", "0x7"), S_IFREG | 0755, 0x555555760000, &small_mmap);
	ck_command(0, "records of faults that were lost: 7", "%s replay %s", vmabench, path);
	ck_command(0, "7 of 7 records of faults were lost",
		   "%s bench --traces %s --case 'replay-*' "
		   "--index btree --count 1",
		   vmabench, folder);
	ck_assert_int_eq(truncate(path, 100), 0);
	ck_command(1, "FAILED: replay-a/all", "%s bench --traces %s --case 'replay-*' --count 1",
		   vmabench, folder);
}
END_TEST

/* ---- files that are none ---- */

#define RESULTS "report results/reference-scalar.json"

START_TEST(not_a_file)
{
	static const char *const verbs[] = {
		"info",
		"dump",
		"replay",
		"whatif",
		"maps",
		"coredump --list",
		"threads -t 1 --trace",
		"report",
		"plot -o /tmp/vmabench-no-plots",
		"compare results/reference-scalar.json",
		RESULTS " --counts",
		RESULTS " --worst",
		RESULTS " --scalar",
	};
	const char *const files[] = { "/dev/zero", "/dev/null", "/", "/nonexistent", fifo };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(files); k++)
			ck_command(2, files[k], "timeout 20 %s %s %s", command_vmabench(), verbs[i],
				   files[k]);
	}
}
END_TEST

/* ---- results ---- */

#define ROW(index, rest)                                                \
	"{\"run_type\":\"iteration\",\"run_name\":\"c/m/9/" index "\"," \
	"\"case\":\"c\",\"mode\":\"m\",\"index\":\"" index "\",\"hash\":\"1\"," rest "}"
#define TIME "\"vmas\":9,\"time_unit\":\"ns\",\"cpu_time\":"
#define GOOD ROW("btree", TIME "5.5")

/* A result file with these rows, and with more. */
static void write_results(const char *rows, const char *more)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fprintf(file, "{\"schema\":1,\"context\":{},\"benchmarks\":[%s]%s}\n", rows, more);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(results_out_of_range)
{
	static const struct {
		const char *rows, *more, *why;
	} bad[] = {
		{ ROW("btree", TIME "0"), "", "not a time above 0" },
		{ ROW("btree", TIME "-1"), "", "not a time above 0" },
		{ ROW("btree", TIME "1e300"), "", "not a time above 0" },
		{ ROW("btree", TIME "\"5\""), "", "no vmas or no cpu_time" },
		{ ROW("btree", "\"vmas\":-9,\"time_unit\":\"ns\",\"cpu_time\":1"), "",
		  "\"vmas\" is not a whole number" },
		{ ROW("", TIME "5"), "", "\"index\" is not a text" },
		{ "5", "", "entry 1" },
		{ GOOD "," ROW("rbtree", TIME "4") "," GOOD, "", "is there twice" },
		{ GOOD, ",\"memory\":5", "\"memory\" is not a list" },
		{ GOOD, ",\"memory\":[{\"index\":5}]", "\"index\" is not a text" },
		{ GOOD, ",\"threads\":[{\"workload\":\"fault\"}]", "\"index\" is not a text" },
		{ GOOD, ",\"parts\":[null]", "\"parts\", entry 1" },
		{ GOOD, ",\"speed\":[{}]", "\"calls\" is not a whole number" },
		{ GOOD, ",\"failed\":{}", "\"failed\" is not a list" },
	};
	static const char *const verbs[] = { "report", "compare results/reference-scalar.json",
					     RESULTS " --scalar",
					     "plot -o /tmp/vmabench-no-plots" };

	write_results(GOOD, "");
	ck_command(0, "1 compared, 0 faster, 0 slower; 0 only in the old, 0 only in the new",
		   "%s compare %s %s", command_vmabench(), path, path);
	ck_command(0, "# Benchmarks", "%s report %s", command_vmabench(), path);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_results(bad[i].rows, bad[i].more);
		for (size_t k = 0; k < ARRAY_SIZE(verbs); k++)
			ck_command(2, bad[i].why, "%s %s %s", command_vmabench(), verbs[k], path);
	}
}
END_TEST

/* ---- numbers in options ---- */

START_TEST(numbers_in_options)
{
	static const char *const options[] = {
		"check --ops",
		"check --seed",
		"check --vmas",
		"check --verify",
		"replay --show",
		"replay --verify",
		"replay --seed",
		"replay --reclaim",
		"replay --levels",
		"replay --memory",
		"whatif --seed",
		"whatif --memory",
		"maps --event",
		"maps --mm",
		"maps --reclaim",
		"coredump --list --filter",
		"bench --vmas",
		"bench --repetitions",
		"bench --min-time",
		"bench --limit",
		"bench --seed",
		"bench --cycle",
		"bench --count",
		"threads --threads",
		"threads --vmas",
		"threads --repetitions",
		"threads --seconds",
		"threads --ops",
		"threads --seed",
		"worst --vmas",
		"worst --edits",
		"worst --seed",
		"record -o x -p",
		"record -o x --seconds",
		"record -o x --ring-size",
	};
	static const char *const numbers[] = {
		"''",
		"' '",
		"' 5'",
		"'5 '",
		"-1",
		"+1",
		"5x",
		"0x",
		"1e99",
		"nan",
		"inf",
		"99999999999999999999999999",
		"0x1ffffffffffffffff",
		"1,,2",
		"--",
		"''$'\\n'1",
	};

	/* all of them once, and with each option some */
	for (size_t k = 0; k < ARRAY_SIZE(numbers); k++)
		ck_command(2, "is not ", "%s check --ops %s", command_vmabench(), numbers[k]);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		for (size_t k = i % 4; k < ARRAY_SIZE(numbers); k += 4)
			ck_command(2, "is not ", "%s %s %s", command_vmabench(), options[i],
				   numbers[k]);
	}
}
END_TEST

START_TEST(indexes_that_make_no_sense)
{
	static const char *const verbs[] = { "check --ops 10", "replay /nonexistent", "worst",
					     "threads -t 1" };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		ck_command(2, "index 'null' keeps nothing", "%s %s --index btree,null",
			   command_vmabench(), verbs[i]);
		ck_command(2, "index 'check:null' keeps nothing", "%s %s --index check:null",
			   command_vmabench(), verbs[i]);
		ck_command(2, "index 'btree' is named twice", "%s %s --index btree,array,btree",
			   command_vmabench(), verbs[i]);
		ck_command(2, "no index ''", "%s %s --index btree,,array", command_vmabench(),
			   verbs[i]);
	}
}
END_TEST

TEST_SUITE(input)
{
	Suite *suite = suite_create("input");
	TCase *tcase = tcase_create("input");

	tcase_add_checked_fixture(tcase, setup, command_folder_remove);
	tcase_add_test(tcase, values_out_of_range);
	tcase_add_test(tcase, shared_without_a_file);
	tcase_add_test(tcase, large_address_space);
	tcase_add_test(tcase, memory_is_bounded);
	tcase_add_test(tcase, no_number_without_a_word);
	tcase_add_test(tcase, not_a_file);
	tcase_add_test(tcase, results_out_of_range);
	tcase_add_test(tcase, numbers_in_options);
	tcase_add_test(tcase, indexes_that_make_no_sense);
	suite_add_tcase(suite, tcase);
	return suite;
}
