/*
 * threads_places - where VMAs stand, and who moves which (see threads.h)
 */
#include <stdlib.h>

#include "harness/threads/threads.h"

bool threads_places_init(struct threads_places *places, const struct layout *layout)
{
	bool *taken = calloc(layout->nplaces, sizeof(*taken));

	*places = (struct threads_places){
		.layout = layout,
		.standing = malloc(layout->vmas * sizeof(*places->standing)),
		.stays = calloc(layout->nplaces, sizeof(*places->stays)),
		.empty = malloc(layout->nplaces * sizeof(*places->empty)),
	};
	if (!taken || !places->standing || !places->stays || !places->empty) {
		free(taken);
		return false;
	}
	for (size_t i = 0; i < layout->vmas; i++) {
		places->standing[i] = layout->aged[i];
		places->stays[layout->aged[i]] = i % 2 == 0;
		taken[layout->aged[i]] = true;
	}
	for (size_t i = 0; i < layout->nplaces; i++) {
		if (!taken[i])
			places->empty[places->nempty++] = i;
	}
	free(taken);
	return true;
}

void threads_places_done(struct threads_places *places)
{
	free(places->standing);
	free(places->stays);
	free(places->empty);
}

/* A random one of n that are distributed over so many threads in blocks. */
static size_t share(struct rng *rng, size_t n, unsigned number, unsigned of)
{
	size_t lo = n * number / of, hi = n * (number + 1) / of;

	return rng_between(rng, lo, hi - 1);
}

struct move threads_places_move(struct threads_places *places, struct rng *rng, unsigned number,
				unsigned of)
{
	uint32_t vma = 2 * share(rng, places->layout->vmas / 2, number, of) + 1;
	uint32_t *empty = &places->empty[share(rng, places->nempty, number, of)];
	struct move move = { vma, places->standing[vma], *empty };

	places->standing[vma] = move.to;
	*empty = move.from;
	return move;
}

const struct place *threads_places_stay(const struct threads_places *places, struct rng *rng)
{
	size_t vma = 2 * rng_below(rng, (places->layout->vmas + 1) / 2);

	return &places->layout->places[places->standing[vma]];
}
