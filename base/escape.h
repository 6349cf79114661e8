/*
 * escape - names of strangers in what is written: for a terminal, for Markdown, for gnuplot
 *
 * Commands, paths, names of VMAs, versions and whatever stands in a file may hold anything:
 * sequences that a terminal obeys, line ends, the marks of a table.  Whoever prints such a
 * name calls one of these, so that it stays one name on one line.
 *
 * Control characters, bytes that are no UTF-8 and characters that change the direction of
 * text are shown as \xNN, byte by byte.
 *
 * The strings that are returned are the callers' until this thread has made ESCAPE_KEPT more
 * of them; one of more than ESCAPE_SIZE bytes is cut, and ends in "...".
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stdio.h>

#define ESCAPE_KEPT 6
#define ESCAPE_SIZE 6000

/* As a part of a line of text: for terminals, messages, tables in text. */
const char *escape_text(const char *name);

/* The same into a file, of any length, with those in also escaped alike: "\"\\" within quotes. */
void escape_text_to(FILE *out, const char *name, const char *also);

/* As text within a line or a table's cell of Markdown, without any mark-up of its own. */
const char *escape_markdown(const char *name);

/*
 * As a word that gnuplot takes as it is, inside quotes too, and for a file's name: letters,
 * digits and .+-_ stay, others become '-'; never empty, never hidden, cut at 100.
 */
const char *escape_gnuplot(const char *name);

#endif
