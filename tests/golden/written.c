/*
 * Tests of what verbs write: whole after SIGKILL at any moment, saved before it is shown, gone on
 * with, refused before a run begins; and what they say and return where there is nothing to do.
 */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/util.h"
#include "tests/command.h"
#include "tests/suite.h"

#define TRACE "workloads/traces/xz.vmt"
#define SMALL \
	"--index btree,rbtree --vmas 100 -r 1 -t 0.0001 --cycle 2048 --case find-*,churn,memory"
#define THREADS "-w find,fault -i btree -t 1 -n 1000 -r 1 --seconds 0.001 --locking none,mmap_lock"
#define WORST   "--index btree --vmas 100 --edits 1000 --passes 1"

static const char *folder, *vmabench;
static char old_page[256], new_page[256];

static void begin(void)
{
	folder = command_folder();
	vmabench = command_vmabench();
}

static char *in_folder(const char *name)
{
	static char text[4][256];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "%s/%s", folder, name);
	return text[turn];
}

static unsigned kills(void)
{
	return getenv("TEST_LONG") ? 100 : 5;
}

/* ---- SIGKILL ---- */

static pid_t start(const char *line)
{
	char text[4200];
	pid_t child = fork();

	if (child)
		return child;
	snprintf(text, sizeof(text), "exec %s >/dev/null 2>&1", line);
	execl("/bin/bash", "bash", "-c", text, (char *)NULL);
	_exit(127);
}

static unsigned temporary_files(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	while (dir && (entry = readdir(dir)))
		n += !strncmp(entry->d_name, ".vmabench-", 10);
	if (dir)
		closedir(dir);
	return n;
}

/* How long the command takes when nobody kills it, in microseconds. */
static uint64_t duration(const char *line)
{
	struct timespec begin, end;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	waitpid(start(line), &status, 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%s: status %#x", line, status);
	return (uint64_t)(end.tv_sec - begin.tv_sec) * 1000000 +
	       (uint64_t)(end.tv_nsec - begin.tv_nsec + 1000000000) / 1000 - 1000000;
}

/* At random moments; each time what is there must be whole, and little of what is not is left. */
static void kill_often(const char *format, const char *target, void (*check)(const char *target))
{
	char line[4096];
	uint64_t whole;
	struct rng rng;

	snprintf(line, sizeof(line), format, vmabench, target);
	rng_seed(&rng, test_seed());
	whole = duration(line);
	check(target);
	for (unsigned i = 0; i < kills(); i++) {
		pid_t child = start(line);

		usleep((useconds_t)rng_below(&rng, whole));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		check(target);
		ck_assert_uint_le(temporary_files(folder), 2);
	}
	duration(line);
	check(target);
	ck_assert_uint_eq(temporary_files(folder), 0);
}

/* Whole JSON; complete, or with the cases that it has. */
static void check_results(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, 0, &error), *done;

	ck_assert_msg(root != NULL, "%s: line %d: %s", path, error.line, error.text);
	done = json_object_get(root, "incomplete");
	ck_assert(!done || json_array_size(done) > 0);
	json_decref(root);
}

START_TEST(test_kill_bench)
{
	kill_often("%s bench " SMALL " --json %s", in_folder("bench.json"), check_results);
}
END_TEST

START_TEST(test_kill_threads)
{
	kill_often("%s threads " THREADS " --json %s", in_folder("threads.json"), check_results);
}
END_TEST

START_TEST(test_kill_worst)
{
	kill_often("%s worst " WORST " --json %s", in_folder("worst.json"), check_results);
}
END_TEST

static void check_trace(const char *path)
{
	ck_command(0, "", "%s info %s", vmabench, path);
}

START_TEST(test_kill_record)
{
	kill_often("%s record --allow-lost -o %s -- /bin/true", in_folder("a.vmt"), check_trace);
}
END_TEST

/* One of two pages, as a whole. */
static void check_page(const char *path)
{
	ck_command(0, "", "cmp -s %s %s || cmp -s %s %s", path, old_page, path, new_page);
}

START_TEST(test_kill_report)
{
	char line[1024];

	snprintf(old_page, sizeof(old_page), "%s", in_folder("old.md"));
	snprintf(new_page, sizeof(new_page), "%s", in_folder("new.md"));
	ck_command(0, "", "%s bench " SMALL " --json %s/a.json", vmabench, folder);
	ck_command(0, "", "%s report -o %s %s/a.json", vmabench, new_page, folder);
	ck_command(0, "", "echo old >%s; cp %s %s/page.md", old_page, old_page, folder);
	snprintf(line, sizeof(line), "%%s report -o %%s %s/a.json", folder);
	kill_often(line, in_folder("page.md"), check_page);
}
END_TEST

START_TEST(test_kill_save)
{
	char line[1024];

	snprintf(old_page, sizeof(old_page), "%s", in_folder("old"));
	snprintf(new_page, sizeof(new_page), "%s", in_folder("new"));
	ck_command(0, "", "echo old >%s; head -c 8000000 /dev/zero >%s; cp %s %s/target", old_page,
		   new_page, old_page, folder);
	snprintf(line, sizeof(line), "%%s save %%s <%s", new_page);
	kill_often(line, in_folder("target"), check_page);
}
END_TEST

static void check_plots(const char *path)
{
	ck_command(0, "",
		   "for f in %s/*.svg; do tail -n 2 $f | grep -q '^</svg>' || exit 1; done; "
		   "cmp %s/data/mine %s/old",
		   path, path, folder);
}

START_TEST(test_kill_plot)
{
	char line[1024];

	ck_command(0, "",
		   "mkdir -p %s/out/data %s/scripts; echo mine >%s/old; "
		   "cp %s/old %s/out/data/mine",
		   folder, folder, folder, folder, folder);
	ck_command(0, "", "echo \"set terminal svg; set output 'x.svg'; plot x\" >%s/scripts/x.gp",
		   folder);
	ck_command(0, "", "%s bench " SMALL " --json %s/a.json", vmabench, folder);
	snprintf(line, sizeof(line), "%%s plot -d %s/scripts -o %%s %s/a.json", folder, folder);
	kill_often(line, in_folder("out"), check_plots);
}
END_TEST

/* ---- a run is not lost ---- */

static size_t rows(const char *path, const char *list, bool *incomplete)
{
	json_t *root = json_load_file(path, 0, NULL);
	size_t n = json_array_size(json_object_get(root, list));

	ck_assert_ptr_nonnull(root);
	*incomplete = json_object_get(root, "incomplete");
	json_decref(root);
	return n;
}

/* Ended by the signal when its file has some rows, then resumed: nothing is missing in the end. */
static void end_and_resume(const char *verb, const char *list, int signal)
{
	char line[1024], path[256], whole_path[256];
	bool incomplete;
	pid_t child;
	int status;

	snprintf(whole_path, sizeof(whole_path), "%s", in_folder("whole.json"));
	snprintf(path, sizeof(path), "%s", in_folder("part.json"));
	ck_command(0, "", "%s %s --json %s", vmabench, verb, whole_path);
	snprintf(line, sizeof(line), "%s %s --json %s", vmabench, verb, path);
	child = start(line);
	while (access(path, F_OK) && !waitpid(child, &status, WNOHANG))
		usleep(1000);
	kill(child, signal);
	if (waitpid(child, &status, 0) == child && !WIFEXITED(status)) {
		ck_assert_int_eq(WTERMSIG(status), signal);
		rows(path, list, &incomplete);
		ck_assert(incomplete);
		ck_command(2, "--resume: ", "%s --seed 77 --resume", line);
		ck_command(0, "", "%s --resume", line);
	}
	ck_assert_uint_eq(rows(path, list, &incomplete), rows(whole_path, list, &incomplete));
	ck_assert(!incomplete);
	ck_command(2, "nothing is missing", "%s --resume", line);
}

START_TEST(test_resume)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	end_and_resume("bench " SMALL, "benchmarks", signals[_i]);
}
END_TEST

START_TEST(test_resume_threads)
{
	end_and_resume("threads " THREADS, "threads", SIGTERM);
}
END_TEST

START_TEST(test_resume_worst)
{
	end_and_resume("worst --index btree,rbtree --vmas 100 --edits 1000 --passes 1", "worst",
		       SIGINT);
}
END_TEST

/* Before the first case is done: what is there stays; where nothing is, the file says so. */
START_TEST(test_nothing_done)
{
	bool incomplete;

	ck_command(0, "", "%s bench " SMALL " --json %s/old.json; cp %s/old.json %s/copy", vmabench,
		   folder, folder, folder);
	for (unsigned i = 0; i < 2; i++)
		ck_command(124, "",
			   "timeout -s INT 0.3 %s bench --index btree --vmas 1000000 "
			   "--json %s",
			   vmabench, in_folder(i ? "new.json" : "old.json"));
	ck_command(0, "", "cmp %s/old.json %s/copy", folder, folder);
	rows(in_folder("new.json"), "benchmarks", &incomplete);
	ck_assert(incomplete);
}
END_TEST

START_TEST(test_pipe)
{
	bool incomplete;

	ck_command(0, "", "%s bench " SMALL " --json %s/b.json | head -n 1", vmabench, folder);
	ck_assert_uint_gt(rows(in_folder("b.json"), "benchmarks", &incomplete), 0);
	ck_assert(!incomplete);
	ck_command(0, "", "%s threads " THREADS " --json %s/t.json | head -n 1", vmabench, folder);
	ck_assert_uint_gt(rows(in_folder("t.json"), "threads", &incomplete), 0);
	ck_assert(!incomplete);
}
END_TEST

/* ---- refused before a run begins ---- */

static const char *const writers[] = {
	"bench --json", "threads --json", "worst --json", "record -o", "check --save",
};

START_TEST(test_refused_at_once)
{
	const char *more = strstr(writers[_i], "record") ? "-- sleep 60" : "";

	ck_command(2, "is a folder", "timeout 20 %s %s %s %s", vmabench, writers[_i], folder, more);
	ck_command(2, "No such file or directory", "timeout 20 %s %s %s/missing/x %s", vmabench,
		   writers[_i], folder, more);
	ck_command(0, "", "ln -s nothing %s/link", folder);
	ck_command(2, "symbolic link to nothing", "timeout 20 %s %s %s/link %s", vmabench,
		   writers[_i], folder, more);
	ck_command(0, "", "mkfifo %s/fifo", folder);
	ck_command(2, "", "timeout 20 %s %s %s/fifo %s", vmabench, writers[_i], folder, more);
	ck_command(0, "", "test -p %s/fifo -a -L %s/link", folder, folder);
}
END_TEST

START_TEST(test_full_disk)
{
	const char *more = strstr(writers[_i], "record") ? "-- sleep 60" : "";
	const struct command *result =
		command("unshare -m bash -c 'mount -t tmpfs -o size=64k none %s && cat /dev/zero "
			">%s/fill 2>/dev/null; timeout 20 %s %s %s/x %s'",
			folder, folder, vmabench, writers[_i], folder, more);

	if (strstr(result->output, "unshare")) {
		printf("not tested: a full disk: %s", result->output);
		return;
	}
	ck_assert_msg(result->status == 2 && strstr(result->output, "No space left on device"),
		      "status %d: %s", result->status, result->output);
}
END_TEST

START_TEST(test_device)
{
	ck_command(0, "", "%s bench " SMALL " --json /dev/null && test -c /dev/null", vmabench);
	ck_command(2, "No space left", "%s bench " SMALL " --json /dev/full", vmabench);
	ck_command(2, "not a regular file", "%s record -o /dev/null -- /bin/true", vmabench);
	ck_command(0, "\"schema\"", "%s bench " SMALL " --json - | cat", vmabench);
	ck_command(0, "\"schema\"", "%s worst " WORST " --json /dev/stdout >%s/out; cat %s/out",
		   vmabench, folder, folder);
}
END_TEST

/* ---- stdout ---- */

static const char *const printers[] = {
	"--help",
	"list",
	"list --help",
	"info " TRACE,
	"dump " TRACE,
	"maps " TRACE,
	"coredump --list " TRACE,
	"replay -i btree " TRACE,
	"whatif --merge none " TRACE,
	"check --ops 1000 -q -i btree",
	"bench " SMALL,
	"threads --list",
	"worst --help",
	"compare results/reference.json results/reference.json",
	"report results/reference.json",
};

START_TEST(test_stdout)
{
	ck_command(2, "stdout: No space left on device", "{ %s %s 2>&3 >/dev/full; } 3>&1",
		   vmabench, printers[_i]);
	ck_command(2, "stdout: Bad file descriptor", "{ %s %s 2>&3 >&-; } 3>&1", vmabench,
		   printers[_i]);
}
END_TEST

/* ---- words and exit status ---- */

static const struct {
	int status;
	const char *text, *line;
} words[] = {
	{ 2, "no case 'nosuch'; there are build churn", "bench --case 'churn,nosuch'" },
	{ 2, "no case ''", "bench --case ''" },
	{ 2, "--traces /nonexistent: No such file", "bench --traces /nonexistent" },
	{ 2, "--traces /nonexistent: No such file", "list --traces /nonexistent" },
	{ 2, "--trace /nonexistent: No such file", "threads --trace /nonexistent" },
	{ 2, "--resume needs --json FILE", "bench --resume" },
	{ 2, "--count gives no times", "bench --count 1 --json x" },
	{ 2, "has no \"counts\"", "report --counts results/worst.json results/reference.json" },
	{ 2, "has no \"worst\"", "report --worst results/programs.json results/reference.json" },
	{ 2, "/nonexistent", "report --scalar /nonexistent results/reference.json" },
	{ 2, "/nonexistent", "report --plots /nonexistent results/reference.json" },
	{ 2, "missing -o OUT", "plot results/reference.json" },
	{ 2, "no case is in both",
	  "compare results/reference.json results/reference-threads.json" },
	{ 0, "replay-xz", "report results/reference.json | sed 's/| xz/replay-xz/'" },
	{ 0, "recorded programs/index: ns per whole program",
	  "bench -i btree --case replay-xz/index -r 1 -t 0.0001" },
	{ 0, "find-local/touch: ns per operation", "bench " SMALL },
};

START_TEST(test_words)
{
	ck_command(words[_i].status, words[_i].text, "timeout 60 %s %s", vmabench, words[_i].line);
}
END_TEST

/* A page has what is named, and nothing of this repository besides. */
START_TEST(test_report_takes_what_is_named)
{
	ck_command(1, "",
		   "%s report results/reference.json | grep -E 'in instructions|single edits|"
		   "!\\[|with plain'",
		   vmabench);
	ck_command(0, "single edits", "%s report --worst results/worst.json results/reference.json",
		   vmabench);
	ck_command(0, "",
		   "%s report --counts results/programs.json results/reference.json | "
		   "grep -q 'alone, in instructions'",
		   vmabench);
}
END_TEST

START_TEST(test_empty_results)
{
	ck_command(0, "", "echo '{\"schema\": 1, \"context\": {}, \"benchmarks\": []}' >%s/e",
		   folder);
	ck_command(2, "have no results", "%s report %s/e", vmabench, folder);
	ck_command(2, "have no times", "%s plot -o %s/out %s/e", vmabench, folder, folder);
	ck_command(2, "nothing was measured", "%s bench --index null --vmas 1 --case memory/aged",
		   vmabench);
}
END_TEST

static const char *const verbs[] = {
	"list",  "record", "info",    "dump",  "maps",    "coredump", "replay", "whatif",
	"check", "bench",  "threads", "worst", "compare", "plot",     "report", "save",
};

START_TEST(test_exit_status_is_documented)
{
	ck_command(0, "xit status", "%s %s --help | tr '\\n' ' ' | tr -s ' '", vmabench, verbs[_i]);
	ck_command(2, "", "%s %s --nosuch", vmabench, verbs[_i]);
}
END_TEST

TEST_SUITE(written)
{
	Suite *suite = suite_create("written");
	TCase *killed = tcase_create("killed"), *runs = tcase_create("runs");

	tcase_set_timeout(killed, 1800);
	tcase_add_checked_fixture(killed, begin, command_folder_remove);
	tcase_add_test(killed, test_kill_bench);
	tcase_add_test(killed, test_kill_threads);
	tcase_add_test(killed, test_kill_worst);
	tcase_add_test(killed, test_kill_record);
	tcase_add_test(killed, test_kill_report);
	tcase_add_test(killed, test_kill_save);
	tcase_add_test(killed, test_kill_plot);
	suite_add_tcase(suite, killed);
	tcase_add_checked_fixture(runs, begin, command_folder_remove);
	tcase_add_loop_test(runs, test_resume, 0, 3);
	tcase_add_test(runs, test_resume_threads);
	tcase_add_test(runs, test_resume_worst);
	tcase_add_test(runs, test_nothing_done);
	tcase_add_test(runs, test_pipe);
	tcase_add_loop_test(runs, test_refused_at_once, 0, ARRAY_SIZE(writers));
	tcase_add_loop_test(runs, test_full_disk, 0, ARRAY_SIZE(writers));
	tcase_add_test(runs, test_device);
	tcase_add_loop_test(runs, test_stdout, 0, ARRAY_SIZE(printers));
	tcase_add_loop_test(runs, test_words, 0, ARRAY_SIZE(words));
	tcase_add_test(runs, test_report_takes_what_is_named);
	tcase_add_test(runs, test_empty_results);
	tcase_add_loop_test(runs, test_exit_status_is_documented, 0, ARRAY_SIZE(verbs));
	suite_add_tcase(suite, runs);
	return suite;
}
