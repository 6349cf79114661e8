/*
 * subjects - programs that are hard to record
 *
 * They are the test program itself, started again with SUBJECT_ENV in its environment
 * naming one of the functions of subjects.c; it ends with what the function returns.
 */
#ifndef TESTS_SUBJECTS_H
#define TESTS_SUBJECTS_H

#include "base/util.h"

#define SUBJECT_ENV     "RECORD_SUBJECT"
#define MARK_LEN        (37 * PAGE_SIZE)        /* the length of mappings that the tests look for */
#define RACERS          4                       /* threads of the subject "races" */

#endif
