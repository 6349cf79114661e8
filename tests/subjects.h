/*
 * subjects - programs that are hard to record
 *
 * They are the test program itself, started again with SUBJECT_ENV in its environment
 * naming a function of one of the files subjects*.c; it ends with what the function returns.
 * A name that none of them has ends the test program with an error, before any test.
 */
#ifndef TESTS_SUBJECTS_H
#define TESTS_SUBJECTS_H

#include "base/util.h"

#define SUBJECT_ENV "RECORD_SUBJECT"
#define MARK_LEN    (37 * PAGE_SIZE) /* the length of mappings that the tests look for */
#define RACERS      4                /* threads of the subject "races" */

#endif
