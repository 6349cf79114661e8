/*
 * fuzz - every verb that reads a trace or results, on thousands of damaged ones
 *
 *	recorded program ──mutate──▶ forged trace ──▶ a few verbs, in a child process
 *	result files    ──mutate──▶ results      ──▶ report, compare, plot
 *
 * Most are mended, so that the reader takes them and the rest of the program has to.  A child does
 * a batch.  It is a finding if a verb ends by a signal or a sanitizer, takes more than TIME_LIMIT
 * of CPU time or MEMORY_LIMIT, ends with a status that is none, or keeps memory of the budget.
 * Each is repeated by TEST_SEED and TEST_FUZZ_FIRST=N TEST_FUZZ=1, and its file stays.
 *
 * TEST_FUZZ=N in the environment: so many, not for a few seconds only.
 */
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "harness/replay/replay.h"
#include "harness/cli/verb.h"
#include "tests/fuzz/mutate.h"
#include "tests/suite.h"

#ifdef __SANITIZE_ADDRESS__
#define SLOWER       4
#define MEMORY_LIMIT (2048UL << 10) /* kB: freed memory stays in quarantine */
#else
#define SLOWER       1
#define MEMORY_LIMIT (512UL << 10)
#endif
#define TIME_LIMIT    (10 * SLOWER) /* seconds of CPU time */
#define SHORT_SECONDS 6             /* that a run takes where no number was given */
#define BATCH         64
#define MAX_EVENTS    500
#define MAX_WORDS     24
#define MAX_FINDINGS  10
#define TOO_MUCH      "too much memory"

/*
 * ---- what is run: words of a command line; F is the file, D a folder, I and P and so on choices
 * ----
 */

typedef int (*verb_fn)(int argc, char **argv);

struct line {
	verb_fn verb;
	const char *words;
};

static const struct line trace_lines[] = {
	{ cmd_info, "info F" },
	{ cmd_info, "info --json F" },
	{ cmd_dump, "dump F" },
	{ cmd_replay, "replay -q F" },
	{ cmd_replay, "replay --index I,btree --strict F" },
	{ cmd_replay, "replay --index I --verify 20 --json F" },
	{ cmd_replay, "replay --index I --placement P --merge M F" },
	{ cmd_replay, "replay --index btree --placement P --merge M --seed 7 --verify 50 F" },
	{ cmd_replay, "replay --index I --reclaim 20 --verify 100 F" },
	{ cmd_replay, "replay --index btree,maple --reclaim 7 --find-cache C --thp T F" },
	{ cmd_replay, "replay --index btree --thp T --levels 5 --verify 40 --markdown F" },
	{ cmd_replay, "replay --index maple --find-cache C --locking L F" },
	{ cmd_replay, "replay --index I --placement P --reclaim 30 --thp T F" },
	{ cmd_whatif, "whatif F" },
	{ cmd_whatif, "whatif --pairs --seed 3 F" },
	{ cmd_maps, "maps F" },
	{ cmd_maps, "maps --smaps --reclaim 40 F" },
	{ cmd_maps, "maps --event 9 --mm 1 F" },
	{ cmd_coredump, "coredump --list F" },
	{ cmd_coredump, "coredump --list --filter 0x1ff --reclaim 25 F" },
	{ cmd_bench, "bench --traces D --case replay-*,parts-* --index btree,I --count 1" },
	{ cmd_bench,
	  "bench --traces D --case replay-* --index I,array -r 1 -t 0.0001 --limit 0.5" },
	{ cmd_threads, "threads --trace F -t 1,2 -r 1 --index I --locking none,L --no-latency" },
};

static const struct line results_lines[] = {
	{ cmd_report, "report F" },
	{ cmd_report, "report -o D/page.md --worst F --counts F F" },
	{ cmd_report, "report --scalar F G" },
	{ cmd_report, "report F G" },
	{ cmd_compare, "compare F G" },
	{ cmd_compare, "compare G F" },
	{ cmd_compare, "compare F F" },
	{ cmd_plot, "plot -d D -o D F" },
};

/* What a letter may stand for, if it is not a file. */
static const char *const choices[128] = {
	['I'] = "list maple radix rbtree", ['P'] = "linux topdown bottomup best-fit random",
	['M'] = "linux none eager",        ['C'] = "none mmap_cache vmacache finger",
	['T'] = "never madvise always",    ['L'] = "mmap_lock per-vma rcu range",
};

struct fuzz {
	uint64_t seed;
	char folder[64];
	glob_t traces, results;
};

/* What a child is at, for its parent. */
struct shared {
	uint64_t number;
	char command[512];
	char finding[256];
	unsigned long ended[STATUS_BAD_INPUT + 1]; /* how many verbs with each status */
};

static struct fuzz fuzz;
static struct shared *shared;

/* ---- the inputs ---- */

static void path_of(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", fuzz.folder, name);
}

static void make_trace(const char *path, struct rng *rng)
{
	static struct forge loaded[64];
	size_t which = rng_below(rng, min(fuzz.traces.gl_pathc, ARRAY_SIZE(loaded)));
	struct forge forge;

	if (!loaded[which].n)
		forge_load(&loaded[which], fuzz.traces.gl_pathv[which], MAX_EVENTS);
	forge_copy(&forge, &loaded[which]);
	for (size_t n = 8 + rng_below(rng, 1ULL << rng_between(rng, 3, 9)); forge.n > n;)
		forge_remove(&forge, forge.n - 1);
	mutate_trace(&forge, rng);
	if (!rng_one_in(rng, 10))
		mutate_mend(&forge);
	forge_write(&forge, path);
	forge_free(&forge);
	if (rng_one_in(rng, 20))
		mutate_bytes(path, rng);
}

/* A result file with few of its rows: the reference has thousands. */
static json_t *some_results(struct rng *rng)
{
	static json_t *loaded[16];
	size_t which = rng_below(rng, min(fuzz.results.gl_pathc, ARRAY_SIZE(loaded)));
	json_t *root, *rows;

	if (!loaded[which])
		loaded[which] = json_load_file(fuzz.results.gl_pathv[which], 0, NULL);
	rows = json_object_get(loaded[which], "benchmarks");
	if (!json_array_size(rows))
		return json_deep_copy(loaded[which]);
	root = json_copy(loaded[which]);
	json_object_set_new(root, "benchmarks", json_array());
	for (unsigned n = 30; n--;) {
		for (size_t i = rng_below(rng, json_array_size(rows)), k = 0; k < 6; k++)
			json_array_append(json_object_get(root, "benchmarks"),
					  json_array_get(rows, i + k));
	}
	rows = json_deep_copy(root);
	json_decref(root);
	return rows;
}

static void make_results(const char *path, struct rng *rng)
{
	json_t *root = some_results(rng);

	mutate_json(root, rng);
	json_dump_file(root, path, JSON_INDENT(1) | JSON_ENCODE_ANY);
	json_decref(root);
	if (rng_one_in(rng, 40))
		mutate_bytes(path, rng);
}

/* ---- one command, in the child ---- */

static void finding(const char *what)
{
	snprintf(shared->finding, sizeof(shared->finding), "%s", what);
	fflush(NULL);
	_exit(EXIT_FAILURE);
}

/* One of the words in text, for as long as the line is used. */
static void choose(char *word, size_t size, const char *text, struct rng *rng)
{
	char all[256], *save = NULL, *next;
	unsigned n = 0;

	snprintf(all, sizeof(all), "%s", text);
	for (next = strtok_r(all, " ", &save); next; next = strtok_r(NULL, " ", &save)) {
		if (rng_below(rng, ++n) == 0)
			snprintf(word, size, "%s", next);
	}
}

/* The line's i-th character as text: a capital that stands alone is a choice or a file. */
static void expand(char *command, size_t size, const char *words, const char *file,
		   const char *other, struct rng *rng)
{
	size_t n = 0;

	for (const char *c = words; *c && n < size - 1; c++) {
		bool alone = (c == words || strchr(" ,", c[-1])) && (!c[1] || strchr(" ,/", c[1]));
		char word[256] = { *c };

		if (alone && *c == 'F')
			snprintf(word, sizeof(word), "%s", file);
		else if (alone && *c == 'G')
			snprintf(word, sizeof(word), "%s", other);
		else if (alone && *c == 'D')
			snprintf(word, sizeof(word), "%s", fuzz.folder);
		else if (alone && *c > 0 && choices[(int)*c])
			choose(word, sizeof(word), choices[(int)*c], rng);
		n += (size_t)snprintf(command + n, size - n, "%s", word);
	}
}

static void limit_time(int seconds)
{
	setitimer(ITIMER_PROF, &(struct itimerval){ .it_value.tv_sec = seconds }, NULL);
	alarm((unsigned)seconds * 20); /* it waits for ever */
}

static void run_line(const struct line *line, const char *file, const char *other, struct rng *rng)
{
	char command[512], words[512], *argv[MAX_WORDS], *save = NULL;
	struct rusage usage;
	int argc = 0, status;

	expand(command, sizeof(command), line->words, file, other, rng);
	snprintf(shared->command, sizeof(shared->command), "%s", command);
	strcpy(words, command);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	if (ftruncate(STDERR_FILENO, 0) || lseek(STDERR_FILENO, 0, SEEK_SET))
		finding("no log");
	limit_time(TIME_LIMIT);
	status = line->verb(argc, argv);
	fflush(NULL);
	limit_time(0);
	if (status < STATUS_OK || status > STATUS_BAD_INPUT)
		finding("a status that is none");
	shared->ended[status]++;
	if (replay_budget.taken)
		finding("memory was not given back to the budget");
	if (!getrusage(RUSAGE_SELF, &usage) && usage.ru_maxrss > (long)MEMORY_LIMIT)
		finding(TOO_MUCH);
}

/* The number-th input, and a few lines that read it. */
static void run_one(uint64_t number)
{
	char file[128], other[128];
	struct rng rng;
	bool trace;

	rng_seed(&rng, mix64(fuzz.seed) + number);
	trace = !fuzz.results.gl_pathc || !rng_one_in(&rng, 6);
	path_of(file, sizeof(file), trace ? "x.vmt" : "x.json");
	path_of(other, sizeof(other), "y.json");
	shared->number = number;
	strcpy(shared->command, "making it");
	if (trace) {
		make_trace(file, &rng);
	} else {
		make_results(file, &rng);
		make_results(other, &rng);
	}
	for (unsigned k = 0; k < 4; k++) {
		if (trace)
			run_line(&trace_lines[rng_below(&rng, ARRAY_SIZE(trace_lines))], file,
				 other, &rng);
		else
			run_line(&results_lines[rng_below(&rng, ARRAY_SIZE(results_lines))], file,
				 other, &rng);
	}
}

/* ---- the parent ---- */

/* A verb that ends the process ends with what the child's finding says, or with nothing. */
static void child_main(uint64_t first, uint64_t n)
{
	char log[128];
	int null = open("/dev/null", O_WRONLY), fd;

	path_of(log, sizeof(log), "log");
	fd = open(log, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (null < 0 || fd < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(EXIT_FAILURE);
	for (uint64_t i = first; i < first + n; i++)
		run_one(i);
	_exit(EXIT_SUCCESS);
}

static void show_log(void)
{
	char log[128], line[512];
	FILE *file;

	path_of(log, sizeof(log), "log");
	file = fopen(log, "r");
	for (unsigned n = 0; file && n < 40 && fgets(line, sizeof(line), file); n++)
		printf("    %s", line);
	if (file)
		fclose(file);
}

/* What is needed to look into it stays behind. */
static void keep_file(const char *name)
{
	char from[128], to[160];

	path_of(from, sizeof(from), name);
	snprintf(to, sizeof(to), "/tmp/vmabench-fuzz-%lu-%lu-%s", (unsigned long)fuzz.seed,
		 (unsigned long)shared->number, name);
	if (!strstr(shared->command, name))
		return;
	if (!rename(from, to))
		printf("    kept: %s\n", to);
}

static void report(int status)
{
	printf("finding: TEST_SEED=%lu TEST_FUZZ_FIRST=%lu TEST_FUZZ=1: %s\n",
	       (unsigned long)fuzz.seed, (unsigned long)shared->number, shared->command);
	if (*shared->finding)
		printf("    %s\n", shared->finding);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
		printf("    took more than %d s\n", TIME_LIMIT);
	else if (WIFSIGNALED(status))
		printf("    ended by %s\n", strsignal(WTERMSIG(status)));
	else
		printf("    exited with %d\n", WEXITSTATUS(status));
	show_log();
	keep_file("x.vmt");
	keep_file("x.json");
	keep_file("y.json");
	fflush(stdout);
}

/* [first, first + n): how many were done, the last one with a finding if *found. */
static uint64_t run_batch(uint64_t first, uint64_t n, bool *found)
{
	pid_t child;
	int status;

	shared->number = first;
	shared->finding[0] = '\0';
	fflush(NULL);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child)
		child_main(first, n);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	*found = status != 0;
	if (*found && !strcmp(shared->finding, TOO_MUCH) && shared->number > first) {
		*found = false; /* others may have left it: again, as the first of a child */
		return shared->number - first;
	}
	if (*found)
		report(status);
	return *found ? shared->number - first + 1 : n;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void set_up(void)
{
	char style[128];
	FILE *file;

	fuzz.seed = test_seed();
	strcpy(fuzz.folder, "/tmp/vmabench-fuzz.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fuzz.folder));
	ck_assert(!glob("workloads/traces/*.vmt", 0, NULL, &fuzz.traces));
	if (glob("results/*.json", 0, NULL, &fuzz.results))
		fuzz.results.gl_pathc = 0;
	path_of(style, sizeof(style), "style.gp"); /* a folder of plots without a plot */
	file = fopen(style, "w");
	ck_assert(file && !fclose(file));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert(shared != MAP_FAILED);
}

static void clean_up(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", fuzz.folder);
	ck_assert_int_eq(system(command), 0);
	globfree(&fuzz.traces);
	globfree(&fuzz.results);
	munmap(shared, sizeof(*shared));
}

START_TEST(every_verb)
{
	uint64_t wanted = from_environment("TEST_FUZZ", 0), done = 0;
	uint64_t first = from_environment("TEST_FUZZ_FIRST", 0);
	time_t begin = time(NULL);
	unsigned findings = 0;

	set_up();
	while (wanted ? done < wanted : time(NULL) - begin < SHORT_SECONDS) {
		uint64_t n = wanted ? min(wanted - done, (uint64_t)BATCH) : 8;
		bool found;

		done += run_batch(first + done, n, &found);
		findings += found;
		if (findings == MAX_FINDINGS)
			break;
		if (wanted > 1000 && done % (16 * BATCH) < BATCH) {
			printf("%lu of %lu, %u findings\n", (unsigned long)done,
			       (unsigned long)wanted, findings);
			fflush(stdout);
		}
	}
	printf("fuzz: %lu inputs, %u findings; verbs ended with 0: %lu, 1: %lu, 2: %lu\n",
	       (unsigned long)done, findings, shared->ended[0], shared->ended[1], shared->ended[2]);
	clean_up();
	ck_assert_uint_eq(findings, 0);
}
END_TEST

TEST_SUITE(fuzz)
{
	Suite *suite = suite_create("fuzz");
	TCase *tcase = tcase_create("verbs");

	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, every_verb);
	suite_add_tcase(suite, tcase);
	return suite;
}
