/*
 * What verify says of a red-black tree in which a red node has a red child, wherever that is.
 */
#include <stdlib.h>

#include "indexes/rbtree/rbtree.h"
#include "tests/bed.h"
#include "tests/suite.h"

static void fill(struct bed *bed, size_t n)
{
	struct vma_bounds *ranges = calloc(n, sizeof(*ranges));

	for (size_t i = 0; i < n; i++)
		ranges[i] = (struct vma_bounds){ (3 * i + 1) * PAGE_SIZE, (3 * i + 2) * PAGE_SIZE };
	ck_assert_int_eq(bed_build(bed, ranges, n), 0);
	free(ranges);
}

/* Paints each black node below the root red that has a red child or parent, one at a time. */
START_TEST(red_child_of_a_red_node)
{
	static const size_t sizes[] = { 3, 4, 7, 12, 50, 333 };
	const struct vma_index_ops *ops = vma_index_lookup("rbtree");
	unsigned painted = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bed bed;
		struct rbtree *tree;

		bed_init(&bed, ops);
		fill(&bed, sizes[i]);
		tree = rbtree_of(bed.index);
		for (struct rbtree_node *node = tree->before.next; node != &tree->after;
		     node = node->next) {
			struct rb_node *rb = &node->rb;

			if (rb == tree->root.node || rb_red(rb) ||
			    !(rb_red(rb->child[RB_LOWER]) || rb_red(rb->child[RB_HIGHER]) ||
			      rb_red(rb_parent(rb))))
				continue;
			rb_paint_red(rb);
			ck_assert_uint_eq(ops->verify(bed.index, NULL), 4);
			rb_paint_black(rb);
			ck_assert_uint_eq(ops->verify(bed.index, NULL), 0);
			painted++;
		}
		ck_assert(bed_done(&bed));
	}
	ck_assert_uint_gt(painted, 20);
}
END_TEST

TEST_SUITE(rbtree)
{
	Suite *suite = suite_create("rbtree");
	TCase *tcase = tcase_create("verify");

	tcase_add_test(tcase, red_child_of_a_red_node);
	suite_add_tcase(suite, tcase);
	return suite;
}
