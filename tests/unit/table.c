/*
 * mm/README.md's table: every test that it names exists.
 */
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/suite.h"

static char *read_all(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "re");

	ck_assert_msg(file != NULL, "%s cannot be read", path);
	ck_assert_int_gt(getdelim(&text, &size, '\0', file), 0);
	fclose(file);
	return text;
}

static bool is_test(const glob_t *files, const char *name, int len)
{
	char start[200];
	bool found = false;

	snprintf(start, sizeof(start), "START_TEST(%.*s)", len, name);
	for (size_t i = 0; i < files->gl_pathc && !found; i++) {
		char *text = read_all(files->gl_pathv[i]);

		found = strstr(text, start);
		free(text);
	}
	return found;
}

START_TEST(tests_of_the_table_exist)
{
	char *table = read_all("mm/README.md");
	unsigned named = 0;
	glob_t files;

	ck_assert_int_eq(glob("tests/unit/*.c", 0, NULL, &files), 0);
	ck_assert_int_eq(glob("tests/rcu/*.c", GLOB_APPEND, NULL, &files), 0);
	for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n")) {
		char *name = strrchr(line, '|') ? strstr(line, "| `") : NULL;

		for (; name && (name = strchr(name, '`')); named++) {
			int len = (int)strcspn(++name, "`");

			ck_assert_msg(is_test(&files, name, len), "no test %.*s", len, name);
			name += len + 1;
		}
	}
	ck_assert_uint_ge(named, 60);
	globfree(&files);
	free(table);
}
END_TEST

TEST_SUITE(table)
{
	Suite *suite = suite_create("table of rules");
	TCase *tcase = tcase_create("mm/README.md");

	tcase_add_test(tcase, tests_of_the_table_exist);
	suite_add_tcase(suite, tcase);
	return suite;
}
