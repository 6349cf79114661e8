/*
 * option - arguments of command-line options that several verbs take
 */
#ifndef HARNESS_OPTION_H
#define HARNESS_OPTION_H

#include <argp.h>
#include <stdint.h>

/* The number in text; anything else ends the program with a usage error. */
uint64_t option_number(struct argp_state *state, const char *text);

/* The argument of --levels, 4 or 5; anything else likewise. */
unsigned option_levels(struct argp_state *state, const char *text);

#endif
