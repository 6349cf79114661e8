/*
 * mutate - damages traces and results, so that what comes of it still looks like one
 */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include <jansson.h>

#include "base/rng.h"
#include "tests/fuzz/forge.h"

/* A few changes: of the header's values, of fields, of the order, of what there is. */
void mutate_trace(struct forge *forge, struct rng *rng);

/* What is against the rules goes or is numbered anew, so that a reader takes all the rest. */
void mutate_mend(struct forge *forge);

/* Some bytes of the file at path become others, or are cut off. */
void mutate_bytes(const char *path, struct rng *rng);

/* A few changes of values, keys and elements, anywhere in it. */
void mutate_json(json_t *root, struct rng *rng);

#endif
