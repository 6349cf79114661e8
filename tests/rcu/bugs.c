/*
 * Bugs of a concurrent index, built into maple on purpose: each is caught by the test
 * named beside it.  The same source, compiled here again, with what it calls changed.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/rcu.h"
#include "base/backlog.h"
#include "indexes/btree/btree.h"
#include "tests/bed.h"
#include "tests/rcu/stage.h"
#include "tests/suite.h"

#ifdef __SANITIZE_THREAD__
#define MOST 1 /* plays */
#else
#define MOST 200
#endif

/* What is wrong with the index, while a test runs. */
static enum bug {
	BUG_NONE,
	BUG_EARLY_FREE, /* old nodes are used again at once */
	BUG_UNFILLED,   /* a leaf is published, then written */
	BUG_IN_PLACE,   /* a published leaf is changed */
	BUG_TORN,       /* an edit is published in two steps */
	BUG_LOST,       /* a new leaf is not published, where the old one had as many VMAs */
	BUG_STALE_GAP,  /* the gap beside a pointer stays as it was */
	BUG_NARROWED,   /* a leaf's end is raised, and the next leaf stays */
	BUG_NO_BARRIER, /* pointers are stored without release */
} bug;

static struct backlog_item *bug_backlog_take(struct backlog *backlog)
{
	return bug == BUG_EARLY_FREE ? backlog_take_at_end(backlog) : backlog_take(backlog);
}

#undef rcu_store
#define rcu_store(p, value)                                                   \
	(bug == BUG_NO_BARRIER ? __atomic_store_n(p, value, __ATOMIC_RELAXED) \
			       : __atomic_store_n(p, value, __ATOMIC_RELEASE))
#define btree_end(node, level, i) \
	(bug == BUG_NARROWED && !strcmp(__func__, "maple_span") ? ~0UL : btree_end(node, level, i))
/* What is freed early is used again, but not given back: that AddressSanitizer would report. */
#define btree_pool_keep(tree, keep)    (bug == BUG_EARLY_FREE ? (void)0 : btree_pool_keep(tree, keep))
#define backlog_take                   bug_backlog_take
#define maple_plan                     bug_maple_plan
#define maple_drop_plans               bug_maple_drop_plans
#define maple_save                     bug_maple_save
#define maple_load                     bug_maple_load
#define maple_flush                    bug_maple_flush
#define maple_reserve                  bug_maple_reserve
#define maple_commit                   bug_maple_commit
#define maple_unreserve                bug_maple_unreserve
#define maple_build                    bug_maple_build
#define maple_clone                    bug_maple_clone
#define maple_destroy                  bug_maple_destroy
#define btree_follow_simd(ops, shared) bug_follow(ops)
#define vma_index_register(ops)        ((void)0)

static void bug_follow(struct vma_index_ops *ops);

#include "indexes/maple/commit.c"
#include "indexes/maple/maple.c"
#include "indexes/maple/plan.c"

static void bug_follow(struct vma_index_ops *ops)
{
	ops->find = btree_simd->find_shared;
	ops->seek = btree_simd->seek_shared;
	ops->find_gap = btree_simd->find_gap;
}

/* The writer leaves readers some time to notice, at times its processor. */
static void dwell(void)
{
	static unsigned dwells;

	if (++dwells % 16 == 0)
		sched_yield();
	for (unsigned i = 0; i < 300; i++)
		__asm__ volatile("" ::: "memory");
}

/* ---- commits that go wrong ---- */

static void commit_unfilled(struct maple *maple, const struct vma_edit *edit)
{
	const struct btree_step *step = &maple->tree.path.at[1];
	struct btree_node *copy = maple->plans[0].copy;
	unsigned char saved[2048];
	size_t size = copy ? btree_size(0, copy->cap) - sizeof(struct btree_links) : 0;

	if (!copy || !maple->tree.root->level) {
		maple_commit(&maple->tree.index, edit);
		return;
	}
	memcpy(saved, copy, size);
	memset(copy->lanes, 0, size - sizeof(*copy));
	maple_store_child(&maple->tree, step->node, step->slot, copy);
	dwell();
	memcpy(copy, saved, size);
	maple_commit(&maple->tree.index, edit);
}

/* The old leaf becomes what the new one is, entry by entry. */
static void commit_in_place(struct maple *maple, const struct vma_edit *edit)
{
	struct btree_node *copy = maple->plans[0].copy, *old = maple->tree.path.at[0].node;

	if (copy) {
		memcpy(old->lanes, copy->lanes, 16 * 4);
		dwell();
		memcpy(old->lanes, copy->lanes,
		       btree_size(0, copy->cap) - sizeof(*copy) - sizeof(struct btree_links));
		old->n = copy->n;
	}
	maple_commit(&maple->tree.index, edit);
}

/* Without its last put, then with it. */
static void commit_torn(struct maple *maple, const struct vma_edit *edit)
{
	struct vma_edit part = *edit;

	if (edit->nput) {
		maple_unreserve(&maple->tree.index);
		part.nput--;
		if (maple_reserve(&maple->tree.index, &part, 1))
			return;
		maple_commit(&maple->tree.index, &part);
		dwell();
		if (maple_reserve(&maple->tree.index, edit, 1))
			return;
	}
	maple_commit(&maple->tree.index, edit);
}

/* The new leaf takes the old one's place on paper only. */
static void commit_lost(struct maple *maple, const struct vma_edit *edit)
{
	const struct btree_step *step = maple->tree.path.at;
	struct btree_node *copy = maple->plans[0].copy, *old = step->node;

	maple_commit(&maple->tree.index, edit);
	if (!copy || copy == maple->tree.root)
		return;
	maple_store_child(&maple->tree, step[1].node, step[1].slot, old);
	dwell();
	maple_store_child(&maple->tree, step[1].node, step[1].slot, copy);
}

static void commit_stale_gap(struct maple *maple, const struct vma_edit *edit)
{
	struct btree_step *step = &maple->tree.path.at[1];
	bool below = maple->plans[0].copy && maple->tree.root->level;
	unsigned long gap = below ? btree_get(step->node, 1, BTREE_GAP_INSIDE, step->slot) : 0;

	maple_commit(&maple->tree.index, edit);
	if (below)
		btree_put(step->node, 1, BTREE_GAP_INSIDE, step->slot, gap);
}

static void bug_commit(struct vma_index *index, const struct vma_edit *edit)
{
	static void (*const commits[])(struct maple * maple, const struct vma_edit *edit) = {
		[BUG_UNFILLED] = commit_unfilled,   [BUG_IN_PLACE] = commit_in_place,
		[BUG_TORN] = commit_torn,           [BUG_LOST] = commit_lost,
		[BUG_STALE_GAP] = commit_stale_gap, [BUG_NO_BARRIER] = NULL,
	};

	if (commits[bug])
		commits[bug](maple_of(index), edit);
	else
		maple_commit(index, edit);
}

/* ---- the tests ---- */

/* Whether some play of the index with the bug goes wrong; with none, all must go well. */
static bool caught(enum bug which, char *why, size_t size)
{
	struct vma_index_ops ops = maple_ops;
	bool wrong = false;

	bug_follow(&ops);
	ops.commit = bug_commit;
	bug = which;
	for (unsigned i = 0; !wrong && i < (which ? MOST : 4); i++) {
		struct stage_play play = {
			.ops = &ops,
			.readers = 2,
			.rounds = 5,
			.edits = 1500,
			.vmas = 300,
			.seed = test_seed() + i,
		};

		wrong = !stage_run(&play, why, size);
	}
	return wrong;
}

#ifdef __SANITIZE_THREAD__

/* These the sanitizer reports, whether readers notice or not: then it ends the test with 66. */
START_TEST(test_reported)
{
	static const enum bug bugs[] = { BUG_NO_BARRIER, BUG_EARLY_FREE, BUG_IN_PLACE };
	char why[300];

	(void)caught(bugs[_i], why, sizeof(why));
}
END_TEST

#else

static const struct {
	enum bug bug;
	const char *name;
} bugs[] = {
	{ BUG_EARLY_FREE, "early free" },
	{ BUG_UNFILLED, "published before it is filled" },
	{ BUG_IN_PLACE, "a published leaf is changed" },
	{ BUG_TORN, "an edit in two steps" },
	{ BUG_LOST, "done before it is published" },
	{ BUG_STALE_GAP, "stale gap" },
};

START_TEST(test_bugs)
{
	char why[300];

	ck_assert_msg(caught(bugs[_i].bug, why, sizeof(why)), "not caught: %s", bugs[_i].name);
	printf("bug caught: %s: %s\n", bugs[_i].name, why);
	fflush(stdout);
}
END_TEST

#endif

/*
 * Who has got to an inner node stays there for two edits, and goes on: whether its answer
 * was true at some moment.
 *
 *	inner nodes      P    |    Q             it is at Q, for an address in front of C
 *	VMAs        AAAA BBBB |  ? CCCC DDDD
 *	then        AAAA BBBB | BB CCCC DDDD     up to C: true; then D was never the answer
 *	            AAAA BBBB | BB .... DDDD
 */
static bool held_reader_is_right(enum bug which)
{
	static struct vma_bounds ranges[30000];
	struct vm_area_struct *b, *c, *told;
	struct vma_index_ops ops = maple_ops;
	const struct btree_node *q;
	struct vma_edit edit;
	struct bed bed;

	bug_follow(&ops);
	bug = which;
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct vma_bounds){ (8 * i + 1) * PAGE_SIZE, (8 * i + 4) * PAGE_SIZE };
	bed_init(&bed, &ops);
	ck_assert_int_eq(bed_build(&bed, ranges, ARRAY_SIZE(ranges)), 0);
	const struct btree *tree = &maple_of(bed.index)->tree;
	ck_assert_uint_eq(tree->root->level, 2);
	q = btree_child(tree, tree->root, 1);
	c = ops.find(bed.index, btree_start(q, 1, 0) << PAGE_SHIFT);
	b = ops.find(bed.index, vma_start(c) - 8 * PAGE_SIZE);
	edit = (struct vma_edit){ .lo = vma_start(b), .hi = vma_end(b) + PAGE_SIZE, .nput = 1 };
	edit.put[0] = (struct vma_put){ b, edit.lo, edit.hi };
	ck_assert_int_eq(bed_edit(&bed, &edit), 0);
	edit = (struct vma_edit){ .lo = vma_start(c), .hi = vma_end(c) };
	ck_assert_int_eq(bed_edit(&bed, &edit), 0);
	told = btree_ptr(tree, btree_child(tree, q, 0), 0, 0);
	ck_assert(bed_same_all(&bed) && maple_of(bed.index)->backlog.grace_periods == 0);
	ck_assert(bed_done(&bed));
	return told == c;
}

START_TEST(test_held_reader)
{
	ck_assert(held_reader_is_right(BUG_NONE));
	ck_assert_msg(!held_reader_is_right(BUG_NARROWED), "not caught: a narrowed leaf");
}
END_TEST

/* The same index without a bug is right. */
START_TEST(test_no_bug)
{
	char why[300];

	ck_assert_msg(!caught(BUG_NONE, why, sizeof(why)), "%s", why);
}
END_TEST

TEST_SUITE(bugs)
{
	Suite *suite = suite_create("bugs");
	TCase *tcase = tcase_create("bugs");

	tcase_add_test(tcase, test_no_bug);
	tcase_add_test(tcase, test_held_reader);
#ifdef __SANITIZE_THREAD__
	tcase_add_loop_exit_test(tcase, test_reported, 66, 0, 3);
#else
	tcase_add_loop_test(tcase, test_bugs, 0, ARRAY_SIZE(bugs));
#endif
	suite_add_tcase(suite, tcase);
	return suite;
}
