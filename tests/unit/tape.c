/*
 * Tests of the tape: what was asked of one index, asked of all others.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/rng.h"
#include "harness/bench/tape.h"
#include "tests/suite.h"

#define VMAS   64
#define STRIDE 256
#define LIMIT  ((size_t)64 << 20)

/* A program, as an index sees it: VMAs in places of their own, in two address spaces. */
struct program {
	struct rng rng;
	struct arena *arena;
	char *memory; /* of the VMAs */
	size_t node_size;
	bool mapped[VMAS];
	struct vma_index *parent;
};

static struct vm_area_struct *program_vma(struct program *program, size_t i)
{
	return (struct vm_area_struct *)(program->memory + i * STRIDE + program->node_size);
}

static void change(struct program *program)
{
	size_t i = rng_below(&program->rng, VMAS);
	unsigned long start = (i + 1) * 16 * PAGE_SIZE;
	struct vma_edit edit = { .lo = start, .hi = start + 8 * PAGE_SIZE };

	if (!program->mapped[i]) {
		edit.nput = 1;
		edit.put[0] = (struct vma_put){
			program_vma(program, i),
			start,
			start + rng_between(&program->rng, 1, 8) * PAGE_SIZE,
		};
	}
	program->mapped[i] = !program->mapped[i];
	ck_assert_int_eq(program->parent->ops->reserve(program->parent, &edit, 1), 0);
	if (rng_one_in(&program->rng, 8)) {
		program->parent->ops->unreserve(program->parent);
		ck_assert_int_eq(program->parent->ops->reserve(program->parent, &edit, 1), 0);
	}
	program->parent->ops->commit(program->parent, &edit);
}

static void ask(struct program *program)
{
	const struct vma_index_ops *ops = program->parent->ops;
	struct vma_cursor cursor = { .index = program->parent }, copy;
	struct vma_gap gap = {
		.len = rng_between(&program->rng, 1, 32) * PAGE_SIZE,
		.lo = PAGE_SIZE,
		.hi = (VMAS + 4) * 16 * PAGE_SIZE,
		.topdown = rng_below(&program->rng, 2),
	};
	unsigned long addr = rng_below(&program->rng, (VMAS + 2) * 16 * PAGE_SIZE);

	ops->find(program->parent, addr);
	ops->find_gap(program->parent, &gap);
	if (!ops->seek(&cursor, addr))
		return;
	copy = cursor; /* the tape has not seen this one seek */
	for (unsigned n = rng_below(&program->rng, 4); n > 0; n--)
		ops->next(&cursor);
	ops->prev(&copy);
	ops->prev(&cursor);
}

/* A child with VMAs of its own, which dies at once. */
static void do_fork(struct program *program)
{
	const struct vma_index_ops *ops = program->parent->ops;
	struct vma_index *child = vma_index_create(ops, program->arena);
	struct vma_cursor cursor = { .index = program->parent };
	struct vm_area_struct *list[VMAS], *some[8];
	unsigned step = rng_below(&program->rng, ARRAY_SIZE(some)) + 1, found;
	size_t n = 0;

	for (ops->seek(&cursor, 0); (found = vma_index_scan(&cursor, some, step));) {
		for (unsigned i = 0; i < found; i++, n++) {
			list[n] = program_vma(program, VMAS + n);
			vma_set_bounds(list[n], vma_start(some[i]), vma_end(some[i]));
		}
	}
	if (rng_one_in(&program->rng, 2))
		ck_assert_int_eq(vma_index_clone(child, program->parent, list, n), 0);
	else
		ck_assert_int_eq(ops->build(child, list, n), 0);
	ops->find(child, rng_below(&program->rng, VMAS * 16 * PAGE_SIZE));
	vma_index_destroy(child);
}

static void run_program(const struct vma_index_ops *ops, uint64_t seed, unsigned steps)
{
	struct program program = {
		.arena = arena_create(),
		.node_size = ops->node_size,
		.memory = calloc(2 * VMAS, STRIDE),
	};

	rng_seed(&program.rng, seed);
	program.parent = vma_index_create(ops, program.arena);
	for (unsigned i = 0; i < steps; i++) {
		change(&program);
		ask(&program);
		if (rng_one_in(&program.rng, 50))
			do_fork(&program);
	}
	vma_index_destroy(program.parent);
	arena_destroy(program.arena);
	free(program.memory);
}

START_TEST(test_round_trip)
{
	const struct vma_index_ops *recorded = vma_index_type(_i), *ops;
	struct tape *tape = tape_create(recorded, LIMIT);

	if (recorded->caps & VMA_INDEX_NULL) {
		tape_destroy(tape);
		return;
	}
	run_program(tape_ops(tape), test_seed(), 2000);
	ck_assert_ptr_null(tape_end(tape));
	ck_assert_uint_gt(tape_calls(tape), 2000 * 5);
	ck_assert(tape_peak_vmas(tape) > VMAS / 4 && tape_peak_vmas(tape) <= VMAS);
	for (unsigned k = 0; (ops = vma_index_type(k)); k++) {
		struct tape_player *player = tape_player_create(tape, ops, STRIDE);
		uint64_t digest = 0;

		ck_assert_ptr_nonnull(player);
		ck_assert_int_eq(tape_play_verified(player, 100, &digest), 0);
		for (unsigned again = 0; again < 2; again++) {
			if (ops->caps & VMA_INDEX_NULL)
				ck_assert_uint_ne(digest, tape_digest(tape, STRIDE));
			else
				ck_assert_uint_eq(digest, tape_digest(tape, STRIDE));
			ck_assert_int_eq(tape_play(player, &digest), 0);
		}
		tape_player_destroy(player);
	}
	tape_destroy(tape);
}
END_TEST

/* Goes back where it should go on, at times. */
static struct vm_area_struct *wrong_next(struct vma_cursor *cursor)
{
	const struct vma_index_ops *array = vma_index_lookup("array");

	return cursor->slot == 7 ? array->prev(cursor) : array->next(cursor);
}

START_TEST(test_wrong_index_is_noticed)
{
	struct vma_index_ops ops = *vma_index_lookup("array");
	struct tape *tape = tape_create(&ops, LIMIT);
	struct tape_player *player;
	uint64_t digest;

	run_program(tape_ops(tape), 1, 300);
	ck_assert_ptr_null(tape_end(tape));
	ops.next = wrong_next;
	player = tape_player_create(tape, &ops, STRIDE);
	ck_assert_int_eq(tape_play(player, &digest), 0);
	ck_assert_uint_ne(digest, tape_digest(tape, STRIDE));
	tape_player_destroy(player);
	tape_destroy(tape);
}
END_TEST

START_TEST(test_limits)
{
	struct tape *tape = tape_create(vma_index_lookup("array"), 100000);
	struct tape_player *player;
	uint64_t digest;

	run_program(tape_ops(tape), 1, 5000);
	ck_assert_ptr_nonnull(tape_end(tape));
	tape_destroy(tape);

	tape = tape_create(vma_index_lookup("array"), LIMIT);
	run_program(tape_ops(tape), 1, 1000);
	ck_assert_ptr_null(tape_end(tape));
	player = tape_player_create(tape, vma_index_lookup("list"), STRIDE);
	ck_assert_int_eq(tape_play_verified(player, 0, &digest), -ETIME);
	ck_assert_int_eq(tape_play_verified(player, 100, &digest), 0);
	ck_assert_uint_eq(digest, tape_digest(tape, STRIDE));
	tape_player_destroy(player);
	tape_destroy(tape);
}
END_TEST

TEST_SUITE(tape)
{
	Suite *suite = suite_create("tape");
	TCase *tapes = tcase_create("tapes");
	int types = 0;

	while (vma_index_type(types))
		types++;
	tcase_add_loop_test(tapes, test_round_trip, 0, types);
	tcase_add_test(tapes, test_wrong_index_is_noticed);
	tcase_add_test(tapes, test_limits);
	suite_add_tcase(suite, tapes);
	return suite;
}
