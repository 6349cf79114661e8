/*
 * suite - how a test file gives its suites to the one test program
 *
 *	TEST_SUITE(contract)
 *	{
 *		Suite *suite = suite_create("contract");
 *		...
 *		return suite;
 *	}
 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>

typedef Suite *(*suite_fn)(void);

/* Adds a suite to the test program; called before main(). */
void suite_add(const char *name, suite_fn make);

#define TEST_SUITE(name)                                                \
	static Suite *name##_suite(void);                               \
	__attribute__((constructor)) static void name##_suite_add(void) \
	{                                                               \
		suite_add(#name, name##_suite);                         \
	}                                                               \
	static Suite *name##_suite(void)

/* The seed of this run's random tests: TEST_SEED from the environment, or a new one; printed. */
unsigned long test_seed(void);

#endif
