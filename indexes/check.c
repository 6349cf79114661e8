/*
 * check - "check:X": an index X beside the array oracle, compared after every edit
 *
 *   edit ──> X.commit, then oracle.commit, then both compared around the window
 *   read ──> X's answer, if the oracle's is the same
 *
 * A difference prints the index, the question and both answers, dumps X where
 * it is small, and aborts; so does an edit that vma_index.h does not allow.  X commits first, so
 * the oracle must not read the bounds in the VMAs, and does not.
 *
 * The cursor is X's own.  The oracle has none: it seeks to where the cursor
 * stood.  A cursor off an end does not tell which one, so what it must do next
 * is tried on a copy when it gets there.
 *
 * Invariants: those of X, and one more
 *  N + 1. X and the oracle hold the same VMAs, in order, and X can be walked
 *         both ways.
 */
#include "indexes/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#define DUMP_VMAS 100 /* an index up to this size is dumped */

struct check_ops {
	struct vma_index_ops ops; /* of check:X */
	const struct vma_index_ops *inner;
	struct check_ops *next;
};

struct check {
	struct vma_index index;
	struct vma_index *inner, *oracle;
	size_t vmas;  /* at the last full comparison */
	size_t edits; /* since then */
};

static struct check *check_of(const struct vma_index *index)
{
	return container_of(index, struct check, index);
}

static const struct vma_index_ops *check_inner(const struct vma_index *index)
{
	return container_of(index->ops, struct check_ops, ops)->inner;
}

__attribute__((format(printf, 2, 3), noreturn)) static void check_fail(const struct check *check,
								       const char *format, ...)
{
	struct vma_footprint footprint;
	va_list args;

	fprintf(stderr, "%s: ", check->index.ops->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	check->oracle->ops->footprint(check->oracle, &footprint);
	if (footprint.vmas <= DUMP_VMAS) {
		check->inner->ops->dump(check->inner, stderr);
		check->oracle->ops->dump(check->oracle, stderr);
	}
	abort();
}

/* How a VMA reads in a message; good for two of them at a time. */
static const char *check_text(const struct vm_area_struct *vma)
{
	static char text[2][64];
	static unsigned turn;

	if (!vma)
		return "nothing";
	turn ^= 1;
	snprintf(text[turn], sizeof(text[turn]), "%#lx-%#lx (VMA %p)", vma_start(vma), vma_end(vma),
		 (const void *)vma);
	return text[turn];
}

static struct vm_area_struct *check_same(const struct check *check, const char *question,
					 unsigned long addr, struct vm_area_struct *answer,
					 struct vm_area_struct *oracle)
{
	if (answer != oracle)
		check_fail(check, "%s %#lx gives %s, the oracle %s", question, addr,
			   check_text(answer), check_text(oracle));
	return answer;
}

/* ---- life ---- */

static void check_destroy(struct vma_index *index)
{
	vma_index_destroy(check_of(index)->inner);
	vma_index_destroy(check_of(index)->oracle);
}

static int check_init(struct vma_index *index)
{
	struct check *check = check_of(index);

	check->oracle = vma_index_create(vma_index_lookup("array"), index->arena);
	check->inner = vma_index_create(check_inner(index), index->arena);
	if (check->inner && check->oracle)
		return 0;
	check_destroy(index);
	return -ENOMEM;
}

/* ---- readers ---- */

static struct vm_area_struct *check_find(const struct vma_index *index, unsigned long addr)
{
	struct check *check = check_of(index);

	return check_same(check, "find", addr, check->inner->ops->find(check->inner, addr),
			  check->oracle->ops->find(check->oracle, addr));
}

/* The oracle's answer to where the cursor goes from a VMA: up or down by one. */
static struct vm_area_struct *check_expect(const struct check *check,
					   const struct vm_area_struct *from, bool up)
{
	const struct vma_index_ops *ops = check->oracle->ops;
	struct vma_cursor cursor = { .index = check->oracle };

	ops->seek(&cursor, vma_start(from));
	return up ? ops->next(&cursor) : ops->prev(&cursor);
}

/* The oracle's answer to where the cursor comes back: up to the first VMA or down to the last. */
static struct vm_area_struct *check_end(const struct check *check, bool up)
{
	const struct vma_index_ops *ops = check->oracle->ops;
	struct vma_cursor cursor = { .index = check->oracle };

	if (up)
		return ops->find(check->oracle, 0);
	ops->seek(&cursor, VMA_INDEX_END);
	return ops->prev(&cursor);
}

/* One step of X's cursor that check's cursor stands for. */
static struct vm_area_struct *check_step(const struct check *check, struct vma_cursor *cursor,
					 bool up)
{
	const struct vma_index *index = cursor->index;

	cursor->index = check->inner;
	if (up)
		check->inner->ops->next(cursor);
	else
		check->inner->ops->prev(cursor);
	cursor->index = index;
	return cursor->vma;
}

/* The cursor went off an end, upwards or downwards: it must stay there and find back. */
static void check_off(const struct check *check, struct vma_cursor copy, bool up)
{
	check_same(check, up ? "next after the last" : "prev before the first", 0,
		   check_step(check, &copy, up), NULL);
	check_same(check, up ? "prev after the last" : "next before the first", 0,
		   check_step(check, &copy, !up), check_end(check, !up));
}

static struct vm_area_struct *check_seek(struct vma_cursor *cursor, unsigned long addr)
{
	const struct vma_index *index = cursor->index;
	struct check *check = check_of(index);

	cursor->index = check->inner;
	check->inner->ops->seek(cursor, addr);
	cursor->index = index;
	check_same(check, "seek", addr, cursor->vma, check->oracle->ops->find(check->oracle, addr));
	if (!cursor->vma)
		check_off(check, *cursor, true);
	return cursor->vma;
}

static struct vm_area_struct *check_move(struct vma_cursor *cursor, bool up)
{
	struct check *check = check_of(cursor->index);
	struct vm_area_struct *from = cursor->vma;
	struct vm_area_struct *to = check_step(check, cursor, up);

	if (from)
		check_same(check, up ? "next of" : "prev of", vma_start(from), to,
			   check_expect(check, from, up));
	else if (to)
		check_same(check, up ? "next before" : "prev after", 0, to, check_end(check, up));
	if (from && !to)
		check_off(check, *cursor, up);
	return to;
}

static struct vm_area_struct *check_next(struct vma_cursor *cursor)
{
	return check_move(cursor, true);
}

static struct vm_area_struct *check_prev(struct vma_cursor *cursor)
{
	return check_move(cursor, false);
}

static unsigned check_scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	const struct vma_index *index = cursor->index;
	struct check *check = check_of(index);
	struct vm_area_struct *expect = cursor->vma;
	unsigned done;

	cursor->index = check->inner;
	done = vma_index_scan(cursor, vmas, n);
	cursor->index = index;
	if (done > n || (done < n && cursor->vma))
		check_fail(check, "scan of %u stops after %u at %s", n, done,
			   check_text(cursor->vma));
	for (unsigned i = 0; i < done; i++) {
		check_same(check, "number in a scan:", i, vmas[i], expect);
		expect = check_expect(check, expect, true);
	}
	check_same(check, "behind a scan of", done, cursor->vma, expect);
	if (done && !cursor->vma)
		check_off(check, *cursor, true);
	return done;
}

static int check_find_gap(const struct vma_index *index, struct vma_gap *gap)
{
	struct check *check = check_of(index);
	struct vma_gap oracle = *gap;
	int err = check->inner->ops->find_gap(check->inner, gap);
	int expect = check->oracle->ops->find_gap(check->oracle, &oracle);

	if (err != expect || gap->start != oracle.start || gap->end != oracle.end ||
	    gap->len != oracle.len || gap->lo != oracle.lo || gap->hi != oracle.hi)
		check_fail(check,
			   "find_gap %#lx bytes in %#lx-%#lx %s gives %d, %#lx-%#lx, "
			   "the oracle %d, %#lx-%#lx",
			   oracle.len, oracle.lo, oracle.hi,
			   oracle.topdown ? "topdown" : "bottom-up", err, gap->start, gap->end,
			   expect, oracle.start, oracle.end);
	return err;
}

/* ---- comparisons after a change ---- */

static unsigned check_verify(const struct vma_index *index, FILE *report)
{
	struct check *check = check_of(index);
	const struct vma_index_ops *inner = check->inner->ops, *oracle = check->oracle->ops;
	struct vma_cursor a = { .index = check->inner }, b = { .index = check->oracle };
	unsigned broken = inner->verify(check->inner, report);

	if (broken)
		return broken;
	broken = inner->invariants + 1;
	if (oracle->verify(check->oracle, report))
		return broken;
	inner->seek(&a, 0);
	oracle->seek(&b, 0);
	while (a.vma && a.vma == b.vma) {
		inner->next(&a);
		oracle->next(&b);
	}
	if (a.vma != b.vma)
		return vma_index_broken(index, broken, report,
					"walking up it has %s, the oracle %s", check_text(a.vma),
					check_text(b.vma));
	do {
		inner->prev(&a);
		oracle->prev(&b);
	} while (a.vma && a.vma == b.vma);
	if (a.vma != b.vma)
		return vma_index_broken(index, broken, report,
					"walking down it has %s, the oracle %s", check_text(a.vma),
					check_text(b.vma));
	return 0;
}

/* Everything, when as many edits have been made as there were VMAs. */
static void check_all_at_times(struct check *check)
{
	struct vma_footprint footprint;

	if (check->edits++ < check->vmas)
		return;
	if (check_verify(&check->index, stderr))
		check_fail(check, "broken after an edit");
	check->oracle->ops->footprint(check->oracle, &footprint);
	check->vmas = footprint.vmas;
	check->edits = 0;
}

/* Both ends of vma, from inside and outside. */
static void check_edges(const struct vma_index *index, const struct vm_area_struct *vma)
{
	struct vma_cursor cursor = { .index = index };

	check_seek(&cursor, vma_start(vma));
	check_seek(&cursor, vma_end(vma) - 1);
	check_find(index, vma_start(vma) - 1);
	check_find(index, vma_start(vma));
	check_find(index, vma_end(vma) - 1);
	check_find(index, vma_end(vma));
}

/* The lowest and highest gap of len bytes in [lo, hi). */
static void check_gaps(const struct vma_index *index, unsigned long len, unsigned long lo,
		       unsigned long hi)
{
	struct vma_gap up = { .len = len, .lo = lo, .hi = hi }, down = up;

	down.topdown = true;
	(void)check_find_gap(index, &up);
	(void)check_find_gap(index, &down);
}

/* The window, the VMA on each side and the gaps between, walked up and down. */
static void check_around(const struct vma_index *index, unsigned long lo, unsigned long hi)
{
	struct vma_cursor cursor = { .index = index };
	unsigned long below = 0, above = VMA_INDEX_END;

	check_seek(&cursor, lo);
	if (check_prev(&cursor)) {
		check_edges(index, cursor.vma);
		below = vma_start(cursor.vma);
	}
	while (check_next(&cursor) && vma_start(cursor.vma) < hi)
		check_edges(index, cursor.vma);
	if (cursor.vma) {
		check_edges(index, cursor.vma);
		above = vma_end(cursor.vma);
	}
	while (check_prev(&cursor) && vma_start(cursor.vma) >= lo)
		;
	check_gaps(index, PAGE_SIZE, lo, hi);
	check_gaps(index, PAGE_SIZE, below, above);
	check_gaps(index, hi - lo, below, above);
}

/* ---- the writer ---- */

static void check_unreserve(struct vma_index *index)
{
	struct check *check = check_of(index);

	check->inner->ops->unreserve(check->inner);
	check->oracle->ops->unreserve(check->oracle);
}

/* Is [start, end) of whole pages, not empty and within [lo, hi)? */
static bool check_range(unsigned long start, unsigned long end, unsigned long lo, unsigned long hi)
{
	return lo <= start && start < end && end <= hi && !((start | end) & ~PAGE_MASK);
}

/* The caller's part: the edit is one that vma_index.h allows. */
static void check_edit(const struct check *check, const struct vma_edit *edit)
{
	unsigned long ends[] = { edit->lo, edit->hi }, lo = edit->lo;

	if (!check_range(edit->lo, edit->hi, 0, VMA_INDEX_END) || edit->nput > VMA_EDIT_PUTS)
		check_fail(check, "the edit's window is %#lx-%#lx, with %u puts", edit->lo,
			   edit->hi, edit->nput);
	for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
		const struct vm_area_struct *vma = check->oracle->ops->find(check->oracle, ends[i]);

		if (vma && vma_start(vma) < ends[i])
			check_fail(check, "the edit's window %#lx-%#lx cuts %s", edit->lo, edit->hi,
				   check_text(vma));
	}
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		if (!check_range(put->start, put->end, lo, edit->hi))
			check_fail(check, "the edit %#lx-%#lx puts %#lx-%#lx", edit->lo, edit->hi,
				   put->start, put->end);
		for (unsigned j = 0; j < i; j++) {
			if (put->vma == edit->put[j].vma)
				check_fail(check, "the edit puts %#lx-%#lx twice", put->start,
					   put->end);
		}
		lo = put->end;
	}
}

static int check_reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	struct check *check = check_of(index);

	for (unsigned i = 0; i < n; i++)
		check_edit(check, &edits[i]);
	if (check->oracle->ops->reserve(check->oracle, edits, n))
		return -ENOMEM;
	if (!check->inner->ops->reserve(check->inner, edits, n))
		return 0;
	check->oracle->ops->unreserve(check->oracle);
	return -ENOMEM;
}

static void check_commit(struct vma_index *index, const struct vma_edit *edit)
{
	struct check *check = check_of(index);

	check->inner->ops->commit(check->inner, edit);
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		if (vma_start(put->vma) != put->start || vma_end(put->vma) != put->end)
			check_fail(check, "commit has put %s, not %#lx-%#lx", check_text(put->vma),
				   put->start, put->end);
	}
	check->oracle->ops->commit(check->oracle, edit);
	check_around(index, edit->lo, edit->hi);
	check_all_at_times(check);
}

/* After the oracle was filled: the inner one's error, or both are compared. */
static int check_filled(struct check *check, int err)
{
	static const struct vma_edit nothing = { .lo = 0, .hi = VMA_INDEX_END };

	if (err) {
		check->oracle->ops->commit(check->oracle, &nothing);
		return err;
	}
	check->edits = check->vmas;
	check_all_at_times(check);
	return 0;
}

static int check_build(struct vma_index *index, struct vm_area_struct *const *vmas, size_t n)
{
	struct check *check = check_of(index);

	if (check->oracle->ops->build(check->oracle, vmas, n))
		return -ENOMEM;
	return check_filled(check, check->inner->ops->build(check->inner, vmas, n));
}

static int check_clone(struct vma_index *index, const struct vma_index *from,
		       struct vm_area_struct *const *copies)
{
	struct check *check = check_of(index), *original = check_of(from);
	struct vma_footprint footprint;

	original->oracle->ops->footprint(original->oracle, &footprint);
	if (check->oracle->ops->build(check->oracle, copies, footprint.vmas))
		return -ENOMEM;
	return check_filled(check,
			    vma_index_clone(check->inner, original->inner, copies, footprint.vmas));
}

/* ---- self-help ---- */

static int check_corrupt(struct vma_index *index, unsigned n)
{
	struct check *check = check_of(index);
	struct vm_area_struct *first = check->oracle->ops->find(check->oracle, 0);

	if (n <= check->inner->ops->invariants)
		return check->inner->ops->corrupt(check->inner, n);
	if (!first)
		return -ENOENT;
	check->oracle->ops->commit(check->oracle, &(struct vma_edit){
							  .lo = vma_start(first),
							  .hi = vma_end(first),
						  });
	return 0;
}

static void check_dump(const struct vma_index *index, FILE *out)
{
	check_of(index)->inner->ops->dump(check_of(index)->inner, out);
}

static void check_footprint(const struct vma_index *index, struct vma_footprint *footprint)
{
	struct check *check = check_of(index);
	struct vma_footprint oracle;

	check->inner->ops->footprint(check->inner, footprint);
	check->oracle->ops->footprint(check->oracle, &oracle);
	footprint->bytes += sizeof(*check) + oracle.bytes;
}

static const struct vma_index_ops check_template = {
	.abi = VMA_INDEX_ABI,
	.size = sizeof(struct check),
	.init = check_init,
	.destroy = check_destroy,
	.find = check_find,
	.seek = check_seek,
	.next = check_next,
	.prev = check_prev,
	.scan = check_scan,
	.find_gap = check_find_gap,
	.reserve = check_reserve,
	.commit = check_commit,
	.unreserve = check_unreserve,
	.build = check_build,
	.clone = check_clone,
	.verify = check_verify,
	.corrupt = check_corrupt,
	.dump = check_dump,
	.footprint = check_footprint,
};

const struct vma_index_ops *check_ops_for(const struct vma_index_ops *inner)
{
	static struct check_ops *all;
	struct check_ops *check;
	char *name;

	for (check = all; check; check = check->next) {
		if (check->inner == inner)
			return &check->ops;
	}
	if (asprintf(&name, "check:%s", inner->name) < 0)
		return NULL;
	check = malloc(sizeof(*check));
	if (!check) {
		free(name);
		return NULL;
	}
	check->ops = check_template;
	check->ops.name = name;
	check->ops.summary = "beside the array oracle, compared after every edit";
	check->ops.invariants = inner->invariants + 1;
	check->ops.caps = inner->caps;
	check->ops.node_size = inner->node_size;
	check->inner = inner;
	check->next = all;
	return &(all = check)->ops;
}

__attribute__((constructor)) static void check_register(void)
{
	vma_index_register_wrapper("check:", check_ops_for);
}
