/*
 * The library's sources are right whatever compiler and flags its users build them with: a
 * program that compares it with plain arrays (flags/gaps.c) is built in two ways, and
 * with TEST_LONG in many.  Compilers make mistakes, too: see btree_bits_avx512.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/command.h"
#include "tests/suite.h"

#define UNDEFINED "-fsanitize=undefined -fno-sanitize-recover=all"

static const char *dir;

static void folder(void)
{
	dir = command_folder();
}

static void built_with(const char *compiler, const char *flags)
{
	if (command("command -v %s", compiler)->status) {
		printf("lib_flags: %s is not installed: left out\n", compiler);
		return;
	}
	ck_command(0, "", "tests/lib/flags/build %s/gaps %s %s", dir, compiler, flags);
	ck_command(0, " 0 wrong\n", "%s/gaps", dir);
}

/* As most users build, and as a compiler's mistake showed. */
START_TEST(test_some)
{
	built_with("gcc", _i ? "-O1 -march=native " UNDEFINED : "-O2");
}
END_TEST

START_TEST(test_many)
{
	static const char *const levels[] = { "-O0", "-O1", "-O2", "-O3", "-Os" };
	static const char *const machines[] = { "", "-march=native" };
	static const char *const checks[] = { "",
					      UNDEFINED,
					      "-fsanitize=null",
					      "-fsanitize=pointer-overflow",
					      "-fsanitize=address",
					      "-flto=auto" };
	char flags[256];

	for (unsigned i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		for (unsigned j = 0; j < sizeof(machines) / sizeof(machines[0]); j++) {
			for (unsigned k = 0; k < sizeof(checks) / sizeof(checks[0]); k++) {
				snprintf(flags, sizeof(flags), "%s %s %s", levels[i], machines[j],
					 checks[k]);
				built_with(_i ? "clang" : "gcc", flags);
			}
		}
	}
}
END_TEST

TEST_SUITE(lib_flags)
{
	Suite *suite = suite_create("lib_flags");
	TCase *tcase = tcase_create("flags");

	tcase_set_timeout(tcase, 3600);
	tcase_add_checked_fixture(tcase, folder, command_folder_remove);
	tcase_add_loop_test(tcase, test_some, 0, 2);
	if (getenv("TEST_LONG"))
		tcase_add_loop_test(tcase, test_many, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
