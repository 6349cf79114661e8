/*
 * peers - indexes that other people wrote, behind the same interface
 *
 * Each is built where its Debian package is (`make peers` installs them all);
 * what is not built is named, so that no row is missed silently.
 */
#ifndef INDEXES_PEERS_H
#define INDEXES_PEERS_H

#include <stdio.h>

struct peer {
	const char *name, *package; /* the index, and the Debian package it is built from */
};

/* The i-th peer that is not built because its package was not there, or NULL past the last. */
const struct peer *peer_missing(unsigned i);

/* A line for each that is not built, begun by indent; nothing where all are. */
void peers_print_missing(const char *indent, FILE *out);

#endif
