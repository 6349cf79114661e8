/*
 * option - arguments of command-line options (see option.h)
 */
#include "harness/option.h"

#include <stdlib.h>

uint64_t option_number(struct argp_state *state, const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 0);

	if (!*text || *end || *text == '-')
		argp_error(state, "'%s' is not a number", text);
	return n;
}

unsigned option_levels(struct argp_state *state, const char *text)
{
	uint64_t levels = option_number(state, text);

	if (levels != 4 && levels != 5)
		argp_error(state, "--levels is 4 or 5, not '%s'", text);
	return (unsigned)levels;
}
