/*
 * What indexes tell of themselves to a person (the dump operation): the text of small ones,
 * the lines of nodes of a larger one, and of all types each VMA in address order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bed.h"
#include "tests/suite.h"

#define P    PAGE_SIZE
#define FAR  (1UL << 40)
#define MANY 80

static const struct vma_bounds few[] = {
	{ 2 * P, 3 * P }, { 3 * P, 5 * P }, { 9 * P, 10 * P }, { FAR, FAR + P }
};

#define PLAIN "  0x2000-0x3000\n  0x3000-0x5000\n  0x9000-0xa000\n  0x10000000000-0x10000001000\n"
#define BTREE                                                                                 \
	"btree: 4 VMAs in 1 leaves and 0 inner nodes, 0 + 0 spare, [0x2000, 0x10000001000)\n" \
	"compressed node PTR: level 0, 4 of 24 entries, base 0x8404043000, elided 0\n"        \
	"  [0x2000, 0x3000) vma #0\n"                                                         \
	"  [0x3000, 0x5000) vma #1\n"                                                         \
	"  [0x9000, 0xa000) vma #2\n"                                                         \
	"  [0x10000000000, 0x10000001000) vma #3\n"

static const struct {
	const char *type, *empty, *text;
} dumps[] = {
	{ "array", "array of 0 VMAs, room for 0\n", "array of 4 VMAs, room for 4\n" PLAIN },
	{ "list", "list\n", "list\n" PLAIN },
	{ "static-stree", "static-stree\n", "static-stree\n" PLAIN },
	{ "btree", "btree: 0 VMAs in 0 leaves and 0 inner nodes, 0 + 0 spare, [0, 0)\n", BTREE },
	{ "check:btree", "btree: 0 VMAs in 0 leaves and 0 inner nodes, 0 + 0 spare, [0, 0)\n",
	  BTREE },
	{ "maple",
	  "maple: 0 nodes of 0 bytes wait for a grace period, at most 0 did, 0 were waited for, "
	  "0 + 0 spare\n"
	  "btree: 0 VMAs in 0 leaves and 0 inner nodes, 0 + 0 spare, [0, 0)\n",
	  "maple: 0 nodes of 0 bytes wait for a grace period, at most 0 did, 0 were waited for, "
	  "0 + 0 spare\n" BTREE },
	{ "rbtree", "rbtree of 0 VMAs, the root furthest left\n",
	  "rbtree of 4 VMAs, the root furthest left\n"
	  "      0x2000-0x3000 red gap 0x2000\n"
	  "    0x3000-0x5000 black gap 0x2000\n"
	  "  0x9000-0xa000 black gap 0xffffff6000\n"
	  "    0x10000000000-0x10000001000 black gap 0xffffff6000\n" },
	{ "radix", "radix: 0 blocks of 0 bytes\n",
	  "radix: 1 blocks of 128 bytes\n"
	  "0x2000-0x10000001000 leaf PTR, 4 of 7, inside 268435446\n"
	  "  0x2000-0x3000 VMA #0\n"
	  "  0x3000-0x5000 VMA #1\n"
	  "  0x9000-0xa000 VMA #2\n"
	  "  0x10000000000-0x10000001000 VMA #3\n" },
};

/* "#i" for a pointer to the bed's i-th VMA, "PTR" for another one. */
static void name_pointer(const struct bed *bed, const void *pointer, FILE *out)
{
	for (size_t i = 0; i < bed->n; i++) {
		if (bed->ranges[i].vma == pointer) {
			fprintf(out, "#%zu", i);
			return;
		}
	}
	fputs("PTR", out);
}

/* The index's dump, pointers by name; to be freed. */
static char *dump(const struct bed *bed)
{
	char *text = NULL, *named = NULL, *at, *end;
	size_t size;
	FILE *out = open_memstream(&text, &size), *again;

	bed->ops->dump(bed->index, out);
	fclose(out);
	again = open_memstream(&named, &size);
	for (at = text; *at; at = end) {
		bool pointer = at >= text + 5 &&
			       (!strncasecmp(at - 5, " vma 0x", 7) ||
				!strncmp(at - 5, "node 0x", 7) || !strncmp(at - 5, "leaf 0x", 7));

		if (pointer) {
			name_pointer(bed, (void *)strtoul(at, &end, 16), again);
		} else {
			putc(*at, again);
			end = at + 1;
		}
	}
	fclose(again);
	free(text);
	return named;
}

static void ck_dump(const struct bed *bed, const char *expected)
{
	char *text = dump(bed);

	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(small)
{
	struct bed bed;

	bed_init(&bed, vma_index_lookup(dumps[_i].type));
	ck_dump(&bed, dumps[_i].empty);
	ck_assert_int_eq(bed_build(&bed, few, ARRAY_SIZE(few)), 0);
	ck_dump(&bed, dumps[_i].text);
	bed_clear(&bed);
	ck_assert(bed_done(&bed));
}
END_TEST

/* A VMA of a page every 2^33 pages, so that nodes are wide and few fit into one. */
static void build_many(struct bed *bed)
{
	struct vma_bounds many[MANY];

	for (unsigned long i = 0; i < MANY; i++)
		many[i] = (struct vma_bounds){ (i + 1) * FAR, (i + 1) * FAR + P };
	ck_assert_int_eq(bed_build(bed, many, MANY), 0);
}

/* The lines that have no VMA. */
static char *nodes_of(const struct bed *bed)
{
	char *text = dump(bed), *to = text, *line, *end;

	for (line = text; *line; line = end) {
		end = strchr(line, '\n') + 1;
		if (memmem(line, (size_t)(end - line), " #", 2))
			continue;
		memmove(to, line, (size_t)(end - line));
		to += end - line;
	}
	*to = '\0';
	return text;
}

START_TEST(large)
{
#define LEAF   "  uncompressed node PTR: level 0, 18 of 20 entries, base 0, elided 0\n"
#define INSIDE "inside 268435455\n" /* the largest gap, in pages */
	static const struct {
		const char *type, *nodes;
	} cases[] = {
		{ "btree", "btree: 80 VMAs in 5 leaves and 1 inner nodes, 0 + 0 spare, "
			   "[0x10000000000, 0x500000001000), largest gap 0xfffffff000\n"
			   "uncompressed node PTR: level 1, 5 of 30 entries, base 0, elided 0\n"
			   "  [0x10000000000, 0x120000001000) gap 0xfffffff000\n" LEAF
			   "  [0x130000000000, 0x240000001000) gap 0xfffffff000\n" LEAF
			   "  [0x250000000000, 0x360000001000) gap 0xfffffff000\n" LEAF
			   "  [0x370000000000, 0x480000001000) gap 0xfffffff000\n" LEAF
			   "  [0x490000000000, 0x500000001000) gap 0xfffffff000\n"
			   "  compressed node PTR: level 0, 8 of 40 entries, base 0x4c8404042000, "
			   "elided 0\n" },
		{ "radix", "radix: 10 blocks of 2432 bytes\n"
			   "0x10000000000-0x500000001000 node PTR at 0, "
			   "slots of 2^33 pages, heads 0xf, " INSIDE
			   "  0x10000000000-0x1f0000001000 node PTR at 0, "
			   "slots of 2^27 pages, heads 0x400000001, " INSIDE
			   "    0x10000000000-0x100000001000 leaf PTR, 16 of 19, " INSIDE
			   "    0x110000000000-0x1f0000001000 leaf PTR, 15 of 15, " INSIDE
			   "  0x200000000000-0x3f0000001000 node PTR at 0x200000000000, "
			   "slots of 2^27 pages, heads 0x100000001, " INSIDE
			   "    0x200000000000-0x2f0000001000 leaf PTR, 16 of 19, " INSIDE
			   "    0x300000000000-0x3f0000001000 leaf PTR, 16 of 19, " INSIDE
			   "  0x400000000000-0x500000001000 node PTR at 0x400000000000, "
			   "slots of 2^27 pages, heads 0x100000001, " INSIDE
			   "    0x400000000000-0x4f0000001000 leaf PTR, 16 of 19, " INSIDE
			   "    0x500000000000-0x500000001000 leaf PTR, 1 of 3, inside 0\n" },
	};
	struct bed bed;
	char *nodes;

	bed_init(&bed, vma_index_lookup(cases[_i].type));
	build_many(&bed);
	nodes = nodes_of(&bed);
	ck_assert_str_eq(nodes, cases[_i].nodes);
	free(nodes);
	bed_clear(&bed);
	ck_assert(bed_done(&bed));
}
END_TEST

/* Each VMA's start and end follow those of the one before. */
START_TEST(all_in_order)
{
	struct bed bed;
	char *text, *at, number[32];

	bed_init(&bed, bed_type((unsigned)_i));
	build_many(&bed);
	at = text = dump(&bed);
	for (size_t i = 0; i < 2 * bed.n; i++) {
		const struct bed_range *range = &bed.ranges[i / 2];

		snprintf(number, sizeof(number), "%lx", i % 2 ? range->end : range->start);
		at = strstr(at, number);
		ck_assert_msg(at, "%s: %s is missing in: %s", bed.ops->name, number, text);
		at += strlen(number);
	}
	free(text);
	bed_clear(&bed);
	ck_assert(bed_done(&bed));
}
END_TEST

TEST_SUITE(index_dumps)
{
	Suite *suite = suite_create("index_dumps");
	TCase *tcase = tcase_create("dumps");

	tcase_add_loop_test(tcase, small, 0, ARRAY_SIZE(dumps));
	tcase_add_loop_test(tcase, large, 0, 2);
	tcase_add_loop_test(tcase, all_in_order, 0, (int)bed_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
