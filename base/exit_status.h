/*
 * exit_status.h - what ./vmabench and its verbs end with
 */
#ifndef BASE_EXIT_STATUS_H
#define BASE_EXIT_STATUS_H

enum {
	STATUS_OK = 0,
	STATUS_DIFFERENCE = 1, /* a check, a comparison or a replay found one */
	STATUS_BAD_INPUT = 2,  /* or bad usage, or a file that cannot be written */
};

#endif
