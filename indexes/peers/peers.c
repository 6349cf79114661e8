/*
 * peers - those that are not built (see peers.h); the Makefile says which
 */
#include "indexes/peers/peers.h"

#include <stddef.h>

static const struct peer missing[] = { PEERS_MISSING{ NULL, NULL } };

const struct peer *peer_missing(unsigned i)
{
	const struct peer *peer = missing;

	while (peer->name && i--)
		peer++;
	return peer->name ? peer : NULL;
}

void peers_print_missing(const char *indent, FILE *out)
{
	for (const struct peer *peer = missing; peer->name; peer++)
		fprintf(out, "%s%s: not built, package %s is missing (make peers installs it)\n",
			indent, peer->name, peer->package);
}
