/*
 * history - was what readers were told beside a writer ever true? (linearisability)
 *
 *	writer   |..edit 7..|   |..edit 8..|  |.edit 9.|
 *	reader        [ find(addr) = vma  ]
 *	              from 6               to 8
 *
 * The writer numbers its edits and tells when each begins and is done.  A reader
 * notes the last one done when it asked, and the last one begun when it was
 * answered: the answer must be true behind one of the edits from there to there.
 *
 * That is checked afterwards, when nobody runs: the edits are done again on a
 * sorted array, and each answer is compared behind every edit of its own until
 * it is true.  A long run does so in rounds.
 *
 * A VMA is told by its address.  It must not come back as another one while a
 * reader that may have been told it is still in its read section.
 */
#ifndef TESTS_RCU_HISTORY_H
#define TESTS_RCU_HISTORY_H

#include <stdint.h>

#include "indexes/vma_index.h"

struct history;

/* What a reader asked and was told. */
struct history_answer {
	unsigned long addr; /* the first VMA that ends above addr; */
	const void *after;  /* or not NULL: the one behind this one, as a cursor goes */
	const void *vma;    /* the answer, may be NULL */
	uint64_t from, to;
};

/* A history whose writer's index is empty; NULL if out of memory. */
struct history *history_create(void);
void history_destroy(struct history *history);

/* The writer, around each commit: 0, or -ENOMEM and the edit must not be made. */
must_check int history_begin(struct history *history, const struct vma_edit *edit);
void history_done(struct history *history);

/*
 * A reader: history_ask, then the question, then history_told with the answer.
 * For the step of a cursor `from` stays what it was at its seek.
 */
uint64_t history_ask(const struct history *history);
uint64_t history_told(const struct history *history);

/*
 * Checks n answers to readers of all edits since the last check; nobody else may
 * use the history.  Sorts answers.  0; -ENOMEM; or -EILSEQ, and the first answer
 * found that was never true is in why[size], described.
 */
must_check int history_check(struct history *history, struct history_answer *answers, size_t n,
			     char *why, size_t size);

#endif
