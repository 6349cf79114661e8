/*
 * The test program: runs all suites, or those named on its command line; --list
 * names them.  TEST_PLUGIN=FILE.so in the environment is loaded first.  With SUBJECT_ENV
 * in it, it is a program to be recorded instead: see subjects.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "indexes/vma_index.h"
#include "tests/subjects.h"
#include "tests/suite.h"

#define MAX_SUITES 128
#define HANGS      "600" /* seconds: a test that takes so long hangs, on any machine */

static struct {
	const char *name;
	suite_fn make;
} suites[MAX_SUITES];
static unsigned nsuites;

void suite_add(const char *name, suite_fn make)
{
	if (nsuites == MAX_SUITES) {
		fprintf(stderr, "tests: more than %d suites\n", MAX_SUITES);
		exit(EXIT_FAILURE);
	}
	suites[nsuites].name = name;
	suites[nsuites++].make = make;
}

unsigned long test_seed(void)
{
	static unsigned long seed;

	if (!seed) {
		const char *given = getenv("TEST_SEED");

		seed = given ? strtoul(given, NULL, 0) : (unsigned long)time(NULL);
		printf("random tests: TEST_SEED=%lu\n", seed);
		fflush(stdout);
	}
	return seed;
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return 1;
	}
	return argc == 1;
}

static int list(void)
{
	for (unsigned i = 0; i < nsuites; i++)
		puts(suites[i].name);
	return EXIT_SUCCESS;
}

static void load_plugin(void)
{
	const char *file = getenv("TEST_PLUGIN");
	char why[512];

	if (!file || !vma_index_load(file, why, sizeof(why)))
		return;
	fprintf(stderr, "tests: TEST_PLUGIN=%s: %s\n", file, why);
	exit(EXIT_FAILURE);
}

/* A subject that there is has ended the program by now: its file runs it before main(). */
static void refuse_unknown_subject(void)
{
	const char *name = getenv(SUBJECT_ENV);

	if (!name)
		return;
	fprintf(stderr, "tests: %s=%s: no subject of that name\n", SUBJECT_ENV, name);
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	refuse_unknown_subject();
	if (argc == 2 && !strcmp(argv[1], "--list"))
		return list();

	SRunner *runner = srunner_create(NULL);

	load_plugin();
	setenv("CK_DEFAULT_TIMEOUT", HANGS, 0);
	test_seed(); /* before check forks: one seed for all */
	for (unsigned i = 0; i < nsuites; i++) {
		if (wanted(suites[i].name, argc, argv))
			srunner_add_suite(runner, suites[i].make());
	}
	srunner_run_all(runner, CK_NORMAL);

	int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
	srunner_free(runner);
	if (!run)
		fprintf(stderr, "tests: no suite of that name\n");
	return failed || !run ? EXIT_FAILURE : EXIT_SUCCESS;
}
