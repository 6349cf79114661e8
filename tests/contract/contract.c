/*
 * Each clause of vma_index.h, on every index: what a reader may ask and what
 * a writer may do, from the empty index to the last byte there can be.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bed.h"
#include "tests/suite.h"

#define P   PAGE_SIZE
#define END VMA_INDEX_END

/* The test's condition is a comparison of the bed. */
#define ck_same(bed, what) ck_assert_msg(bed_same_##what, "%s", (bed)->difference)

static void build(struct bed *bed, const struct vma_bounds *ranges, size_t n)
{
	ck_assert_int_eq(bed_build(bed, ranges, n), 0);
}

/* n VMAs of two pages, two pages apart, the first at page 2. */
static void build_spaced(struct bed *bed, size_t n)
{
	struct vma_bounds *ranges = calloc(n + 1, sizeof(*ranges));

	ck_assert_ptr_nonnull(ranges);
	for (size_t i = 0; i < n; i++)
		ranges[i] = (struct vma_bounds){ (4 * i + 2) * P, (4 * i + 4) * P };
	build(bed, ranges, n);
	free(ranges);
}

static void edit(struct bed *bed, const struct vma_edit *change)
{
	ck_assert_int_eq(bed_edit(bed, change), 0);
}

static void insert(struct bed *bed, unsigned long start, unsigned long end)
{
	edit(bed, &(struct vma_edit){ start, end, 1, { bed_new(bed, start, end) } });
}

static void both_gaps(struct bed *bed, unsigned long len, unsigned long lo, unsigned long hi)
{
	ck_same(bed, gap(bed, (struct vma_gap){ len, lo, hi, false, 0, 0 }));
	ck_same(bed, gap(bed, (struct vma_gap){ len, lo, hi, true, 0, 0 }));
}

/* Every kind of question at the edges of every VMA and of the address space. */
static void questions(struct bed *bed)
{
	static const unsigned long ends[] = { 0, 1, END - 1, END, END + P, ULONG_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		ck_same(bed, find(bed, ends[i]));
		ck_same(bed, walk(bed, ends[i]));
	}
	for (size_t i = 0; i < bed->n; i++) {
		unsigned long start = bed->ranges[i].start, end = bed->ranges[i].end;

		ck_same(bed, find(bed, start - 1));
		ck_same(bed, find(bed, start));
		ck_same(bed, find(bed, end - 1));
		ck_same(bed, find(bed, end));
		ck_same(bed, walk(bed, start));
		ck_same(bed, walk(bed, end));
		both_gaps(bed, P, start, END);
		both_gaps(bed, P, 0, end);
	}
	both_gaps(bed, P, 0, END);
	both_gaps(bed, END, 0, END);
	ck_same(bed, all(bed));
}

static void finish(struct bed *bed)
{
	ck_assert_msg(bed_done(bed), "%s: memory of the index is left over", bed->ops->name);
}

START_TEST(test_empty)
{
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	questions(&bed);
	both_gaps(&bed, END + P, 0, END);
	both_gaps(&bed, P, P, P);
	both_gaps(&bed, P, 3 * P, P);
	both_gaps(&bed, P, P, 2 * P);
	both_gaps(&bed, 2 * P, P, 2 * P);
	both_gaps(&bed, 1, 5, 6);
	both_gaps(&bed, ULONG_MAX, 0, ULONG_MAX);
	both_gaps(&bed, P, END, ULONG_MAX);
	build(&bed, NULL, 0);
	questions(&bed);
	bed_clear(&bed);
	questions(&bed);
	finish(&bed);
}
END_TEST

/* The first page, the last, both, and all there is; a VMA at each power of two. */
START_TEST(test_address_space)
{
	static const struct vma_bounds ends[] = { { 0, P }, { END - P, END } };
	static const struct vma_bounds whole[] = { { 0, END } };
	struct vma_bounds powers[2 * 57];
	struct bed bed;
	size_t n = 0;

	bed_init(&bed, bed_type(_i));
	for (unsigned first = 0; first < 2; first++) {
		for (unsigned count = 1; first + count <= 2; count++) {
			build(&bed, ends + first, count);
			questions(&bed);
			bed_clear(&bed);
		}
	}
	build(&bed, whole, 1);
	questions(&bed);
	bed_clear(&bed);
	for (unsigned bit = PAGE_SHIFT; bit < 57; bit++) {
		insert(&bed, 1UL << bit, (1UL << bit) + P);
		powers[n++] = (struct vma_bounds){ 1UL << bit, 2UL << bit };
	}
	questions(&bed);
	bed_clear(&bed);
	build(&bed, powers, n); /* no gap but page 0 */
	questions(&bed);
	finish(&bed);
}
END_TEST

/* From one place on to the end and beyond, n at a time. */
static void scan_all(struct bed *bed, struct vma_cursor *cursor, size_t i, unsigned n)
{
	while (cursor->vma) {
		ck_same(bed, scan(bed, cursor, i, n));
		i += n;
	}
	ck_same(bed, scan(bed, cursor, bed->n, n));
	ck_assert_ptr_eq(bed->ops->prev(cursor), bed->n ? bed->ranges[bed->n - 1].vma : NULL);
	if (bed->n)
		ck_same(bed, scan(bed, cursor, bed->n - 1, n));
}

/* Scans of every size, from the first VMA, from inside, after prev, and off both ends. */
START_TEST(test_scan)
{
	static const size_t counts[] = { 0, 1, 2, 7, 40, 64, 120, 300 };
	static const unsigned sizes[] = { 1, 2, 7, 64, SCAN_MOST };
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	for (size_t i = 0; i < ARRAY_SIZE(counts) * ARRAY_SIZE(sizes); i++) {
		size_t n = counts[i / ARRAY_SIZE(sizes)];
		unsigned size = sizes[i % ARRAY_SIZE(sizes)];
		struct vma_cursor cursor = { .index = bed.index };

		if (i % ARRAY_SIZE(sizes) == 0) {
			bed_clear(&bed);
			build_spaced(&bed, n);
		}
		bed.ops->seek(&cursor, 0);
		scan_all(&bed, &cursor, 0, size);
		bed.ops->seek(&cursor, (4 * (n / 2) + 2) * P);
		if (bed.ops->prev(&cursor))
			scan_all(&bed, &cursor, n / 2 - 1, size);
		bed.ops->seek(&cursor, 0);
		bed.ops->prev(&cursor);
		ck_assert_uint_eq(vma_index_scan(&cursor, &(struct vm_area_struct *){ NULL }, 1),
				  0);
		ck_assert_ptr_eq(bed.ops->next(&cursor), n ? bed.ranges[0].vma : NULL);
		scan_all(&bed, &cursor, 0, size);
	}
	finish(&bed);
}
END_TEST

/* The answers of find_gap as numbers, so that the bed's own are tested too. */
START_TEST(test_gap_table)
{
	/* pages        0 1 2 3 4 5 6 7 8 9 10 11 12 13 ...
	 *              . A A . . B C . . . D  .  .  .  */
	static const struct vma_bounds ranges[] = {
		{ 1 * P, 3 * P },
		{ 5 * P, 6 * P },
		{ 6 * P, 7 * P },
		{ 10 * P, 11 * P },
	};
	static const struct {
		unsigned long len, lo, hi;
		bool topdown;
		unsigned long start, end; /* both 0: no such gap */
	} rows[] = {
		{ 1 * P, 0, END, false, 0, 1 * P },
		{ 2 * P, 0, END, false, 3 * P, 5 * P },
		{ 3 * P, 0, END, false, 7 * P, 10 * P },
		{ 4 * P, 0, END, false, 11 * P, END },
		{ END - 11 * P, 0, END, false, 11 * P, END },
		{ END - 10 * P, 0, END, false, 0, 0 },
		{ 1 * P, 0, END, true, 11 * P, END },
		{ 1 * P, 0, 11 * P, true, 7 * P, 10 * P },
		{ 2 * P, 0, 9 * P, true, 7 * P, 10 * P }, /* whole, though cut by hi */
		{ 3 * P, 0, 9 * P, true, 0, 0 },
		{ 2 * P, 0, 8 * P, true, 3 * P, 5 * P },
		{ 1 * P, 4 * P, END, false, 3 * P, 5 * P }, /* whole, though cut by lo */
		{ 2 * P, 4 * P, END, false, 7 * P, 10 * P },
		{ 2 * P, 8 * P, 9 * P, false, 0, 0 }, /* cut by both */
		{ 1 * P, 8 * P, 9 * P, true, 7 * P, 10 * P },
		{ 1 * P, 1 * P, 3 * P, false, 0, 0 }, /* inside a VMA */
		{ 1 * P, 5 * P, 7 * P, true, 0, 0 },
		{ 3 * P, 20 * P, 23 * P, true, 11 * P, END },
		{ 3 * P, 20 * P, 23 * P, false, 11 * P, END },
		{ 3 * P, 20 * P, 22 * P, false, 0, 0 },
		{ 1, 1 * P - 1, 1 * P, true, 0, 1 * P }, /* bytes, not pages */
		{ 2, 1 * P - 1, 1 * P + 5, true, 0, 0 },
	};
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	build(&bed, ranges, ARRAY_SIZE(ranges));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vma_gap gap = { rows[i].len, rows[i].lo, rows[i].hi, rows[i].topdown, 1, 1 };
		int err = bed.ops->find_gap(bed.index, &gap);
		bool none = !rows[i].end;

		ck_assert_msg(err == (none ? -ENOMEM : 0) &&
				      gap.start == (none ? 1 : rows[i].start) &&
				      gap.end == (none ? 1 : rows[i].end),
			      "%s: row %zu gives %d %#lx-%#lx", bed.ops->name, i, err, gap.start,
			      gap.end);
	}
	finish(&bed);
}
END_TEST

/* Every len, lo and hi, half pages too, over a few small layouts. */
START_TEST(test_gap_every_question)
{
	enum { PAGES = 14 };
	struct rng rng;
	struct bed bed;

	rng_seed(&rng, test_seed());
	bed_init(&bed, bed_type(_i));
	for (unsigned layout = 0; layout < 6; layout++) {
		for (unsigned long page = rng_below(&rng, 3); page < PAGES;) {
			unsigned long end = page + 1 + rng_below(&rng, 2);

			insert(&bed, page * P, end * P);
			page = end + rng_below(&rng, 4);
		}
		for (unsigned long lo = 0; lo <= PAGES * P; lo += P / 2) {
			for (unsigned long hi = lo; hi <= PAGES * P; hi += P / 2) {
				for (unsigned long len = P / 2; len <= 4 * P; len += P / 2)
					both_gaps(&bed, len, lo, hi);
			}
		}
		bed_clear(&bed);
	}
	finish(&bed);
}
END_TEST

/* A put of the window's nth VMA, or of a new one for n past the last. */
static struct vma_put put_nth(struct bed *bed, size_t first, unsigned window, unsigned n,
			      unsigned long start, unsigned long end)
{
	if (n >= window)
		return bed_new(bed, start, end);
	return (struct vma_put){ bed->ranges[first + n].vma, start, end };
}

/*
 * One edit whose window is around `window` VMAs of nine.  sources, a number of
 * base window + 1, says for each put which VMA it is; layout says where.
 */
static bool try_edit(struct bed *bed, unsigned window, unsigned nput, unsigned sources,
		     unsigned layout)
{
	size_t first = (9 - window) / 2;
	unsigned long lo = (4 * first + 1 + (layout & 1)) * P, hi;
	struct vma_edit change = { .nput = nput };
	unsigned used = 0;

	hi = (4 * (first + window - 1) + 5 - (layout & 1)) * P;
	if (!window) { /* a gap, or half of it */
		lo = 4 * first * P;
		hi = lo + (2 - (layout & 1)) * P;
	}
	for (unsigned i = 0; i < nput; i++) {
		unsigned n = sources % (window + 1);
		unsigned long step = (hi - lo) / nput & PAGE_MASK;
		unsigned long start = lo + i * step;
		unsigned long end = layout & 2 && i + 1 < nput ? start + step : start + P;

		if (!step || (n < window && used & 1u << n))
			return false; /* no room, or one VMA twice */
		used |= 1u << n;
		sources /= window + 1;
		change.put[i].start = start;
		change.put[i].end = layout & 2 && i + 1 == nput ? hi : end;
		change.put[i].vma = (void *)(uintptr_t)n;
	}
	build_spaced(bed, 9);
	change.lo = lo;
	change.hi = hi;
	for (unsigned i = 0; i < nput; i++)
		change.put[i] = put_nth(bed, first, window, (uintptr_t)change.put[i].vma,
					change.put[i].start, change.put[i].end);
	edit(bed, &change);
	return true;
}

/* Windows around 0 to 6 VMAs of nine, 0 to 3 puts, of every mix of new and kept VMAs. */
START_TEST(test_every_edit)
{
	struct bed bed;
	unsigned edits = 0;

	bed_init(&bed, bed_type(_i));
	for (unsigned window = 0; window <= 6; window++) {
		for (unsigned nput = 0, mixes = 1; nput <= 3; nput++, mixes *= window + 1) {
			for (unsigned i = 0; i < 4 * mixes; i++) {
				if (!try_edit(&bed, window, nput, i / 4, i % 4))
					continue;
				edits++;
				questions(&bed);
				bed_clear(&bed);
			}
		}
	}
	ck_assert_uint_gt(edits, 1000);
	finish(&bed);
}
END_TEST

/* Windows over very many VMAs. */
START_TEST(test_wide_edits)
{
	static const size_t widths[] = { 1, 2, 10, 100, 1000, 4000, 4998, 4999, 5000 };
	enum { VMAS = 5000 };
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		for (unsigned nput = 0; nput <= 3; nput++) {
			size_t first = (VMAS - widths[i]) / (nput + 1);
			size_t last = first + widths[i] - 1;
			struct vma_edit change = { .nput = nput };

			build_spaced(&bed, VMAS);
			change.lo = bed.ranges[first].start;
			change.hi = bed.ranges[last].end;
			if (widths[i] == 1 && nput == 3)
				change.hi += P;
			if (nput > 0) /* the first VMA, shortened */
				change.put[0] = (struct vma_put){ bed.ranges[first].vma, change.lo,
								  change.lo + P };
			if (nput > 1)
				change.put[nput - 1] = bed_new(&bed, change.hi - P, change.hi);
			if (nput > 2)
				change.put[1] = bed_new(&bed, change.lo + P, change.hi - P);
			edit(&bed, &change);
			ck_same(&bed, all(&bed));
			ck_same(&bed, walk(&bed, change.lo));
			both_gaps(&bed, 3 * P, 0, END);
			both_gaps(&bed, 3 * P, change.lo, change.hi);
			bed_clear(&bed);
			ck_same(&bed, all(&bed));
		}
	}
	finish(&bed);
}
END_TEST

/* VMAs that touch: no gap between them, and one where one is taken out. */
START_TEST(test_adjacent)
{
	enum { VMAS = 1000 };
	struct vma_bounds ranges[VMAS];
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	for (size_t i = 0; i < VMAS; i++)
		ranges[i] = (struct vma_bounds){ i * P, (i + 1) * P };
	build(&bed, ranges, VMAS);
	ck_same(&bed, all(&bed));
	both_gaps(&bed, P, 0, END);
	both_gaps(&bed, P, 0, VMAS * P);
	for (size_t i = 0; i < VMAS; i += 37) {
		edit(&bed, &(struct vma_edit){ .lo = i * P, .hi = (i + 1) * P });
		both_gaps(&bed, P, 0, VMAS * P);
		both_gaps(&bed, P, i * P, END);
		both_gaps(&bed, P, 0, (i + 1) * P);
		ck_same(&bed, find(&bed, i * P));
		insert(&bed, i * P, (i + 1) * P);
	}
	ck_same(&bed, all(&bed));
	finish(&bed);
}
END_TEST

/* Two edits reserved together, in and against address order, as mremap does. */
START_TEST(test_reserve_two)
{
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	build_spaced(&bed, 200);
	for (size_t i = 0; i < 60; i++) {
		size_t from = i * 3, to = (i * 7 + 40) % 190;
		unsigned long lo = bed.ranges[from].start, hi = bed.ranges[from].end;
		unsigned long free = bed.ranges[to].end;
		struct vma_edit edits[2] = {
			{ free, free + P, 1, { bed_new(&bed, free, free + P) } },
			{ lo,
			  hi,
			  2,
			  { bed_new(&bed, lo, lo + P), { bed.ranges[from].vma, lo + P, hi } } },
		};

		if (hi - lo < 2 * P || from == to)
			continue;
		ck_assert_int_eq(bed.ops->reserve(bed.index, edits, 2), 0);
		for (unsigned e = 0; e < 2; e++) {
			bed.ops->commit(bed.index, &edits[e]);
			bed_apply(&bed, &edits[e]);
			ck_same(&bed, all(&bed));
		}
	}
	finish(&bed);
}
END_TEST

/* Reserving and giving up changes nothing and does not pile up memory. */
START_TEST(test_unreserve)
{
	struct vma_footprint before, after;
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	build_spaced(&bed, 500);
	for (unsigned i = 0; i < 100; i++) {
		unsigned long lo = bed.ranges[i].end;
		struct vma_edit edits[2] = {
			{ lo, lo + P, 1, { bed_new(&bed, lo, lo + P) } },
			{ .lo = bed.ranges[i + 100].start, .hi = bed.ranges[i + 300].end },
		};

		ck_assert_int_eq(bed.ops->reserve(bed.index, edits, 1 + i % 2), 0);
		bed.ops->unreserve(bed.index);
		bed_free(&bed, edits[0].put[0].vma);
		bed.ops->footprint(bed.index, i == 10 ? &before : &after);
	}
	ck_assert_uint_eq(before.bytes, after.bytes);
	questions(&bed);
	insert(&bed, 0, P);
	ck_same(&bed, all(&bed));
	finish(&bed);
}
END_TEST

/* Bulk build of each small size and of some large ones; then it is an index like any other. */
START_TEST(test_build_sizes)
{
	static const size_t large[] = {
		127, 128, 129, 255, 256, 257, 511, 512, 513, 1000, 4095, 4096, 4097, 20000, 65537,
	};
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	for (size_t i = 0; i < 72 + ARRAY_SIZE(large); i++) {
		size_t n = i < 72 ? i : large[i - 72];

		build_spaced(&bed, n);
		ck_same(&bed, all(&bed));
		ck_same(&bed, walk(&bed, 2 * n * P));
		both_gaps(&bed, 3 * P, 0, END);
		insert(&bed, 0, P);
		insert(&bed, 4 * n * P + 4 * P, END);
		for (size_t j = 1; j < min(n, (size_t)40); j += 3)
			insert(&bed, 4 * j * P, 4 * j * P + P);
		ck_same(&bed, all(&bed));
		bed_clear(&bed);
	}
	finish(&bed);
}
END_TEST

/* An aged index and its clone: the same, and then each on its own; the first one may go first. */
START_TEST(test_clone)
{
	static const size_t sizes[] = { 0, 1, 2, 7, 40, 41, 100, 1000, 5000 };
	struct bed bed, clone;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i];

		bed_init(&bed, bed_type(_i));
		bed_init(&clone, bed_type(_i));
		build_spaced(&bed, n);
		for (size_t j = 0; j < n; j += 3)
			edit(&bed, &(struct vma_edit){ .lo = 4 * j * P, .hi = (4 * j + 4) * P });
		for (size_t j = 0; j < n; j += 6)
			insert(&bed, 4 * j * P, 4 * j * P + P);
		ck_assert_int_eq(bed_clone(&clone, &bed), 0);
		ck_same(&clone, all(&clone));
		insert(&bed, (4 * n + 4) * P, END);
		insert(&clone, 0, P);
		ck_same(&bed, all(&bed));
		finish(&bed);
		both_gaps(&clone, 3 * P, 0, END);
		for (size_t j = 1; j < min(n, (size_t)400); j += 2)
			insert(&clone, 4 * j * P, 4 * j * P + P);
		ck_same(&clone, all(&clone));
		finish(&clone);
	}
}
END_TEST

/*
 * One by one, rising, falling and from the middle outwards, up to 20,000 VMAs
 * or what the index does in a twentieth of a second; then all out again the same way.
 */
START_TEST(test_growth)
{
	enum { VMAS = 20000 };
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	for (unsigned order = 0; order < 3; order++) {
		double end = bed_seconds() + 0.05;
		size_t n = 0;

#define PLACE(i)                                \
	((order == 0   ? (i)                    \
	  : order == 1 ? VMAS - (i)             \
	  : (i)&1      ? VMAS / 2 + (i) / 2 + 1 \
		       : VMAS / 2 - (i) / 2) *       \
	 2 * P)
		for (; n < VMAS && bed_seconds() < end; n++)
			insert(&bed, PLACE(n), PLACE(n) + P);
		ck_same(&bed, all(&bed));
		for (size_t i = 0; i < n; i++) {
			edit(&bed, &(struct vma_edit){ .lo = PLACE(i), .hi = PLACE(i) + P });
			if (i == n / 2)
				ck_same(&bed, all(&bed));
		}
#undef PLACE
		ck_assert_uint_eq(bed.n, 0);
		ck_same(&bed, all(&bed));
	}
	finish(&bed);
}
END_TEST

static void accounted(struct bed *bed)
{
	struct vma_footprint footprint;
	struct arena_stats stats;

	bed->ops->footprint(bed->index, &footprint);
	arena_stats(bed->memory, &stats);
	ck_assert_msg(bed->ops->caps & VMA_INDEX_OWN_MALLOC
			      ? footprint.bytes > stats.asked
			      : footprint.bytes == stats.asked + bed->n * bed->ops->node_size,
		      "%s: footprint says %zu bytes, its arena %zu and %zu in the VMAs",
		      bed->ops->name, footprint.bytes, stats.asked, bed->n * bed->ops->node_size);
	ck_assert_uint_eq(footprint.vmas, bed->n);
}

START_TEST(test_footprint)
{
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	if (bed.ops->caps & VMA_INDEX_OWN_MALLOC)
		printf("contract: %s has its memory from malloc: its footprint is its own count\n",
		       bed.ops->name);
	accounted(&bed);
	build_spaced(&bed, 3000);
	accounted(&bed);
	for (unsigned long i = 0; i < 2000; i++) {
		insert(&bed, 4 * i * P, 4 * i * P + P);
		accounted(&bed);
	}
	for (unsigned long i = 0; i < 2000; i++) {
		edit(&bed, &(struct vma_edit){ .lo = 4 * i * P, .hi = (4 * i + 4) * P });
		accounted(&bed);
	}
	bed_clear(&bed);
	accounted(&bed);
	finish(&bed);
}
END_TEST

/* Answers no question, but must not fall over. */
START_TEST(test_dump)
{
	char *text = NULL;
	size_t size;
	FILE *out;
	struct bed bed;

	bed_init(&bed, bed_type(_i));
	for (size_t n = 0; n < 300; n += 50) {
		build_spaced(&bed, n);
		out = open_memstream(&text, &size);
		ck_assert_ptr_nonnull(out);
		bed.ops->dump(bed.index, out);
		fclose(out);
		ck_assert_uint_gt(size, 0);
		free(text);
		bed_clear(&bed);
	}
	finish(&bed);
}
END_TEST

static void print_left_out(void)
{
	printf("index tests leave out:");
	for (unsigned i = 0; vma_index_type(i); i++) {
		const struct vma_index_ops *ops = vma_index_type(i);

		if (bed_leaves_out(ops))
			printf(" %s (%s)", ops->name,
			       ops->caps & VMA_INDEX_NULL
				       ? "it does nothing"
				       : "with this sanitizer only by TEST_LONG=1");
		if (ops->caps & VMA_INDEX_PEER)
			printf(" check:%s", ops->name);
	}
	puts("");
	fflush(stdout);
}

TEST_SUITE(contract)
{
	const TTest *const tests[] = {
		test_empty,      test_address_space,      test_scan,
		test_gap_table,  test_gap_every_question, test_every_edit,
		test_wide_edits, test_adjacent,           test_reserve_two,
		test_unreserve,  test_build_sizes,        test_clone,
		test_growth,     test_footprint,          test_dump,
	};
	Suite *suite = suite_create("contract");
	TCase *tcase = tcase_create("contract");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_loop_test(tcase, tests[i], 0, bed_types());
	suite_add_tcase(suite, tcase);
	print_left_out();
	return suite;
}
