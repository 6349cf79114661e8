/*
 * A user's program that names all that vmaindex.h declares; compiled as C and as C++ with the
 * warnings that users have on, against what is installed.
 */
#include <vmaindex.h>

static void *alloc_some(void *user, size_t size, size_t align)
{
	(void)user, (void)size, (void)align;
	return NULL;
}

static void free_some(void *user, void *ptr, size_t size)
{
	(void)user, (void)ptr, (void)size;
}

static struct vmaindex_range *copy_one(void *user, struct vmaindex_range *range)
{
	(void)user;
	return range;
}

static void discard_one(void *user, struct vmaindex_range *copied)
{
	(void)user, (void)copied;
}

static int changes(struct vmaindex *map, struct vmaindex_range *range)
{
	struct vmaindex_edit edit = { VMAINDEX_PAGE,
				      9 * VMAINDEX_PAGE,
				      1,
				      { { range, 2 * VMAINDEX_PAGE, 3 * VMAINDEX_PAGE } } };
	int failed = vmaindex_insert(map, range) != 0;

	failed |= vmaindex_resize(map, range, VMAINDEX_PAGE, 4 * VMAINDEX_PAGE);
	failed |= vmaindex_apply(map, &edit);
	failed |= vmaindex_edit(map, &edit);
	failed |= vmaindex_reserve(map, &edit, 1);
	failed |= vmaindex_commit(map, &edit);
	vmaindex_cancel(map);
	return failed | vmaindex_erase(map, range);
}

static unsigned questions(const struct vmaindex *map)
{
	struct vmaindex_cursor cursor;
	struct vmaindex_range gap, *range, *some[4];
	struct vmaindex_stats stats;
	unsigned n = 0;

	vmaindex_get_stats(map, &stats);
	vmaindex_stats(map, &stats);
	vmaindex_for_each(range, &cursor, map, 0, VMAINDEX_END)
		n++;
	n += vmaindex_seek(&cursor, map, 0) != NULL;
	n += vmaindex_next(&cursor) != NULL;
	n += vmaindex_prev(&cursor) != NULL;
	n += vmaindex_scan(&cursor, some, 4);
	n += vmaindex_find(map, 0) != NULL;
	n += vmaindex_at(map, 0) != NULL;
	n += vmaindex_overlap(map, 0, 1) != NULL;
	n += !vmaindex_lowest_gap(map, 1, 0, 9, &gap);
	n += !vmaindex_highest_gap(map, 1, 0, 9, &gap);
	return n + (unsigned)stats.ranges + vmaindex_verify(map, NULL);
}

int main(void)
{
	struct vmaindex_memory none = { alloc_some, free_some, NULL };
	struct vmaindex_range range = { VMAINDEX_PAGE, 2 * VMAINDEX_PAGE }, *ranges[] = { &range };
	struct vmaindex *map = vmaindex_create(NULL), *clone;
	int failed = vmaindex_create(&none) != NULL || !map;

	failed |= changes(map, &range) || questions(map);
	range.start = VMAINDEX_PAGE;
	failed |= vmaindex_build(map, ranges, 1);
	clone = vmaindex_clone(map, copy_one, discard_one, NULL);
	failed |= !clone;
	vmaindex_destroy(clone);
	vmaindex_destroy(map);
	failed |= vmaindex_version()[0] != VMAINDEX_VERSION[0];
	return failed;
}
