/*
 * Random edits of all shapes on every index, beside a plain array; a failure
 * is shrunk to a few edits and printed so that a person can read and run it.
 *
 * A case is an index, a regime of addresses, a seed and the numbers of the
 * operations to do.  What operation i does depends on the seed, on i and on
 * what is in the array, so any of them can be left out and the rest still make
 * sense: that is all that shrinking does.  Each run is a child process, so that
 * a crash is a failure like any other.
 *
 *	MODEL_CASE='rbtree dense 12345 0,5,17' build/test-check1/run-tests model
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bed.h"
#include "tests/suite.h"

#define P   PAGE_SIZE
#define END VMA_INDEX_END

/* Where the addresses come from: `clusters` places, each of `pages` pages. */
static const struct regime {
	const char *name;
	unsigned clusters;
	unsigned long pages;
	unsigned max_shift; /* up to which power of two addresses are aligned */
	size_t target;      /* VMAs at which as many go as come */
	size_t built;       /* by bulk, before the first operation */
	unsigned ops;
} regimes[] = {
	{ "tiny", 1, 24, 12, 6, 0, 40000 },
	{ "dense", 1, 4000, 14, 700, 0, 80000 },
	{ "sparse", 1, END / P, 16, 300, 0, 40000 },
	{ "folded", 1, END / P, 56, 60, 0, 60000 },
	{ "halves", 2, 1UL << 21, 32, 90, 0, 60000 },
	{ "apart", 2, 1UL << 30, 40, 500, 600, 60000 },
	{ "clusters", 7, 1UL << 21, 32, 400, 0, 60000 },
	{ "aged", 3, 1UL << 16, 16, 4000, 5000, 100000 },
};

struct model_case {
	const struct vma_index_ops *ops;
	const struct regime *regime;
	uint64_t seed;
	unsigned *list; /* the operations' numbers */
	unsigned n;
	FILE *text;     /* where each operation is described, or NULL */
	double seconds; /* stop after that much CPU time */
	unsigned hung;  /* a run of that much CPU time hangs: it fails */
};

/* What a child tells: shared memory. */
struct outcome {
	bool failed;
	unsigned done; /* operations begun, the failing one included */
	char difference[512];
};

/* ---- one operation ---- */

static unsigned long draw_address(const struct regime *regime, struct rng *rng)
{
	unsigned shift = rng_between(rng, PAGE_SHIFT, regime->max_shift);
	unsigned long span = regime->pages * P, cluster = rng_below(rng, regime->clusters);
	unsigned long base = cluster ? mix64(cluster) % (END - span) & PAGE_MASK : 0;
	unsigned long addr = base + (rng_below(rng, span) >> shift << shift);

	if (cluster && cluster + 1 == regime->clusters)
		addr += END - span - base; /* the last cluster is the top */
	if (rng_one_in(rng, 4))
		addr += rng_one_in(rng, 2) ? P : -P;
	return min(addr & (2 * END - 1), END - P);
}

/* A window from about an address over a few VMAs, cutting none. */
static void draw_window(const struct bed *bed, const struct regime *regime, struct rng *rng,
			struct vma_edit *edit)
{
	unsigned long addr = draw_address(regime, rng), room;
	size_t first = bed_first(bed, addr), count = rng_below(rng, 3);

	if (rng_one_in(rng, 20))
		count = rng_below(rng, 21);
	else if (bed->n > regime->target)
		count += rng_below(rng, 4);
	if (first < bed->n && bed->ranges[first].start < addr)
		addr = bed->ranges[first].start;
	if (first < bed->n && bed->ranges[first].start == addr)
		count += !count;
	count = min(count, bed->n - first);
	edit->lo = addr;
	edit->hi = count ? bed->ranges[first + count - 1].end : addr + P;
	room = (first + count < bed->n ? bed->ranges[first + count].start : END) - edit->hi;
	if (room && !rng_one_in(rng, 3)) {
		unsigned shift = rng_between(rng, PAGE_SHIFT, 57);

		edit->hi += rng_below(rng, min(room, 1UL << shift) / P + 1) * P;
	}
}

/* A page boundary in the window: often its ends or those of a VMA in it. */
static unsigned long draw_bound(const struct bed *bed, struct rng *rng, const struct vma_edit *edit,
				size_t first, size_t count)
{
	const struct bed_range *range = &bed->ranges[first + (count ? rng_below(rng, count) : 0)];
	unsigned long addr;

	switch (rng_below(rng, 6)) {
	case 0:
		return rng_one_in(rng, 2) ? edit->lo : edit->hi;
	case 1:
	case 2:
		return !count ? edit->lo : rng_one_in(rng, 2) ? range->start : range->end;
	case 3:
		addr = edit->lo + P * rng_below(rng, min((edit->hi - edit->lo) / P, 8UL) + 1);
		return addr;
	default:
		return edit->lo + P * rng_below(rng, (edit->hi - edit->lo) / P + 1);
	}
}

static int by_address(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

/* A VMA of the window that is not put yet, or a new one. */
static struct vm_area_struct *draw_vma(struct bed *bed, struct rng *rng,
				       const struct vma_edit *edit, size_t first, size_t count)
{
	struct vm_area_struct *vma;

	if (!count || rng_one_in(rng, 3))
		return bed_vma(bed);
	vma = bed->ranges[first + rng_below(rng, count)].vma;
	for (unsigned i = 0; i < edit->nput; i++) {
		if (edit->put[i].vma == vma)
			return bed_vma(bed);
	}
	return vma;
}

static void draw_puts(struct bed *bed, const struct regime *regime, struct rng *rng,
		      struct vma_edit *edit)
{
	size_t first = bed_first(bed, edit->lo), count = bed_first(bed, edit->hi - 1) - first;
	unsigned want = rng_below(rng, VMA_EDIT_PUTS + 1);
	unsigned long bounds[2 * VMA_EDIT_PUTS];

	/* A VMA that ends at hi is not yet past hi - 1. */
	count += first + count < bed->n && bed->ranges[first + count].start < edit->hi;
	if (bed->n < regime->target && want < count + 1)
		want = min(count + 1, (size_t)VMA_EDIT_PUTS);
	for (unsigned i = 0; i < 2 * want; i++)
		bounds[i] = draw_bound(bed, rng, edit, first, count);
	qsort(bounds, 2 * want, sizeof(bounds[0]), by_address);
	edit->nput = 0;
	for (unsigned i = 0; i < 2 * want; i += 2) {
		struct vma_put *put = &edit->put[edit->nput];

		if (rng_one_in(rng, 3) && i > 0) /* touching the one before */
			bounds[i] = bounds[i - 1];
		if (bounds[i] == bounds[i + 1])
			continue;
		put->vma = draw_vma(bed, rng, edit, first, count);
		put->start = bounds[i];
		put->end = bounds[i + 1];
		edit->nput++;
	}
}

static void print_edit(FILE *text, const struct bed *bed, const struct vma_edit *edit)
{
	fprintf(text, "edit %#lx-%#lx:", edit->lo, edit->hi);
	for (size_t i = bed_first(bed, edit->lo); i < bed->n && bed->ranges[i].start < edit->hi;
	     i++)
		fprintf(text, " %#lx-%#lx", bed->ranges[i].start, bed->ranges[i].end);
	fputs(" becomes", text);
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];
		size_t at = 0;

		while (at < bed->n && bed->ranges[at].vma != put->vma)
			at++;
		fprintf(text, " %#lx-%#lx", put->start, put->end);
		if (at < bed->n)
			fprintf(text, " (was %#lx-%#lx)", bed->ranges[at].start,
				bed->ranges[at].end);
	}
	fputs(edit->nput ? "\n" : " nothing\n", text);
}

static bool bed_out_of_memory(struct bed *bed, const char *what)
{
	snprintf(bed->difference, sizeof(bed->difference), "%s: %s fails", bed->ops->name, what);
	return false;
}

/* One edit, or two with windows apart that are reserved together; or none after all. */
static bool do_edits(struct bed *bed, const struct model_case *c, struct rng *rng,
		     struct vma_edit edits[2])
{
	unsigned n = 1;

	draw_window(bed, c->regime, rng, &edits[0]);
	if (rng_one_in(rng, 6)) {
		draw_window(bed, c->regime, rng, &edits[1]);
		n += edits[1].hi <= edits[0].lo || edits[1].lo >= edits[0].hi;
	}
	for (unsigned i = 0; i < n; i++) {
		draw_puts(bed, c->regime, rng, &edits[i]);
		if (c->text)
			print_edit(c->text, bed, &edits[i]);
	}
	if (bed->ops->reserve(bed->index, edits, n))
		return bed_out_of_memory(bed, "reserve");
	if (rng_one_in(rng, 50)) {
		if (c->text)
			fputs("  ... unreserved\n", c->text);
		bed->ops->unreserve(bed->index);
		return bed_same_all(bed); /* the new VMAs go with their arena */
	}
	for (unsigned i = 0; i < n; i++) {
		bed->ops->commit(bed->index, &edits[i]);
		bed_apply(bed, &edits[i]);
	}
	return true;
}

static bool do_build(struct bed *bed, const struct model_case *c)
{
	struct vma_bounds *bounds = calloc(bed->n + 1, sizeof(*bounds));
	size_t n = bed->n;
	int err;

	if (!bounds)
		return bed_out_of_memory(bed, "the test");
	for (size_t i = 0; i < n; i++)
		bounds[i] = (struct vma_bounds){ bed->ranges[i].start, bed->ranges[i].end };
	if (c->text)
		fprintf(c->text, "erase all, build %zu VMAs\n", n);
	bed_clear(bed);
	err = bed_build(bed, bounds, n);
	free(bounds);
	return err ? bed_out_of_memory(bed, "build") : true;
}

/* Questions with a gap of the index in mind: of its size, at its edges. */
static bool same_gaps(struct bed *bed, const struct regime *regime, struct rng *rng)
{
	struct vma_gap gap = { .lo = 0, .hi = END, .topdown = rng_one_in(rng, 2) };
	size_t i = bed->n ? rng_below(rng, bed->n) : 0;
	unsigned long end = i < bed->n ? bed->ranges[i].start : END;
	unsigned long start = i > 0 ? bed->ranges[i - 1].end : 0;

	if (rng_one_in(rng, 2))
		gap.lo = rng_one_in(rng, 2) ? start + (end - start) / 2 : draw_address(regime, rng);
	if (rng_one_in(rng, 2))
		gap.hi = rng_one_in(rng, 2) ? end - (end - start) / 3 : draw_address(regime, rng);
	gap.len = rng_one_in(rng, 2) ? end - start : P * rng_between(rng, 1, 16);
	if (rng_one_in(rng, 4))
		gap.len = 1UL << rng_between(rng, PAGE_SHIFT, 57);
	gap.len += !gap.len;
	if (!bed_same_gap(bed, gap))
		return false;
	gap.topdown = !gap.topdown;
	gap.len += P;
	return bed_same_gap(bed, gap);
}

static bool same_around(struct bed *bed, unsigned long lo, unsigned long hi)
{
	return bed_same_find(bed, lo - 1) && bed_same_find(bed, lo) && bed_same_find(bed, hi - 1) &&
	       bed_same_find(bed, hi) && bed_same_walk(bed, lo);
}

/* Operation number i, and comparisons: of everything, while that is cheap. */
static bool do_operation(struct bed *bed, const struct model_case *c, unsigned i)
{
	struct vma_edit edits[2] = { { .hi = P }, { .hi = P } };
	unsigned long addr;
	struct rng rng;

	rng_seed(&rng, mix64(c->seed) + i);
	if (rng_one_in(&rng, bed->n + 100) ? !do_build(bed, c) : !do_edits(bed, c, &rng, edits))
		return false;
	addr = draw_address(c->regime, &rng);
	return same_around(bed, edits[0].lo, edits[0].hi) && bed_same_find(bed, addr) &&
	       bed_same_walk(bed, addr) && same_gaps(bed, c->regime, &rng) &&
	       (i % (1 + bed->n / 8) != 0 || bed_same_all(bed));
}

/* ---- one case ---- */

static bool build_first(struct bed *bed, const struct model_case *c)
{
	size_t n = c->regime->built;
	struct vma_bounds *bounds = calloc(n + 1, sizeof(*bounds));
	unsigned long addr = 0;
	struct rng rng;

	if (!bounds)
		return bed_out_of_memory(bed, "the test");
	rng_seed(&rng, c->seed);
	for (size_t i = 0; i < n; i++) {
		addr += rng_below(&rng, 8) * P;
		bounds[i].vm_start = addr;
		addr += rng_between(&rng, 1, 8) * P;
		bounds[i].vm_end = addr;
	}
	if (c->text && n)
		fprintf(c->text, "build %zu VMAs\n", n);
	if (bed_build(bed, bounds, n))
		return bed_out_of_memory(bed, "build");
	free(bounds);
	return bed_same_all(bed);
}

static void run_here(const struct model_case *c, struct outcome *outcome)
{
	double end = bed_seconds() + c->seconds;
	struct bed bed;
	bool same;

	bed_init(&bed, c->ops);
	same = build_first(&bed, c);
	for (unsigned i = 0; i < c->n && same && bed_seconds() < end; i++) {
		outcome->done = i + 1;
		if (c->text)
			fprintf(c->text, "%u: ", c->list[i]);
		same = do_operation(&bed, c, c->list[i]);
		if (c->text)
			fflush(c->text);
	}
	same = same && bed_same_all(&bed);
	snprintf(outcome->difference, sizeof(outcome->difference), "%s", bed.difference);
	if (!bed_done(&bed) && same) {
		snprintf(outcome->difference, sizeof(outcome->difference),
			 "%s: memory is left over", c->ops->name);
		same = false;
	}
	outcome->failed = !same;
}

/* Runs the case in a child; outcome is shared memory. stderr is for cases with text. */
static void run_case(const struct model_case *c, struct outcome *outcome)
{
	int status;
	pid_t pid;

	*outcome = (struct outcome){ .failed = true };
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct rlimit limit = { c->hung, c->hung + 1 };

		if (setrlimit(RLIMIT_CPU, &limit) ||
		    (!c->text && !freopen("/dev/null", "w", stderr)))
			_exit(EXIT_FAILURE);
		run_here(c, outcome);
		_exit(EXIT_SUCCESS);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
		return;
	outcome->failed = true;
	snprintf(outcome->difference, sizeof(outcome->difference), "%s: %s", c->ops->name,
		 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "the program ended");
}

/* ---- shrinking ---- */

/*
 * Leaves out operations as long as the case still fails: in blocks of half of
 * them, of a quarter, ... of one, until no single one can go (Zeller and
 * Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
 */
static void shrink(struct model_case *c, struct outcome *outcome)
{
	unsigned *whole = malloc(c->n * sizeof(*whole));
	bool less = true;

	ck_assert_ptr_nonnull(whole);
	c->n = max(outcome->done, 1u);
	for (unsigned block = (c->n + 1) / 2; block > 1 || less; block = (block + 1) / 2) {
		less = false;
		for (unsigned at = 0; at < c->n;) {
			unsigned size = min(block, c->n - at), n = c->n;

			memcpy(whole, c->list, n * sizeof(*whole));
			memmove(c->list + at, c->list + at + size,
				(n - at - size) * sizeof(*whole));
			c->n = n - size;
			run_case(c, outcome);
			if (outcome->failed) {
				c->n = min(c->n, outcome->done);
				less = true;
				continue;
			}
			memcpy(c->list, whole, n * sizeof(*whole));
			c->n = n;
			at += size;
		}
	}
	free(whole);
	run_case(c, outcome);
}

static void explain(struct model_case *c, struct outcome *outcome)
{
	printf("\nThe index '%s' beside the model:\n"
	       "  MODEL_CASE='%s %s %#lx ",
	       c->ops->name, c->ops->name, c->regime->name, (unsigned long)c->seed);
	for (unsigned i = 0; i < c->n; i++)
		printf("%s%u", i ? "," : "", c->list[i]);
	printf("'\nthat is\n");
	c->text = stdout;
	run_case(c, outcome);
	c->text = NULL;
	printf("%s\n", outcome->failed ? outcome->difference : "no difference");
	fflush(stdout);
}

static struct outcome *shared_outcome(void)
{
	void *outcome = mmap(NULL, sizeof(struct outcome), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(outcome, MAP_FAILED);
	return outcome;
}

static void first_operations(struct model_case *c, unsigned n)
{
	c->n = n;
	c->list = calloc(n, sizeof(*c->list));
	ck_assert_ptr_nonnull(c->list);
	for (unsigned i = 0; i < n; i++)
		c->list[i] = i;
}

/* ---- the tests ---- */

/* CPU seconds for one regime on one index: a slow index does fewer operations. */
#define REGIME_SECONDS 0.6

START_TEST(test_random_edits)
{
	struct outcome *outcome = shared_outcome();
	struct model_case c = { .ops = bed_type(_i), .seconds = REGIME_SECONDS, .hung = 20 };

	for (size_t r = 0; r < ARRAY_SIZE(regimes); r++) {
		c.regime = &regimes[r];
		c.seed = mix64(test_seed() + r);
		first_operations(&c, regimes[r].ops);
		run_case(&c, outcome);
		if (outcome->failed) {
			c.seconds = c.hung = 5; /* it did not take REGIME_SECONDS */
			printf("\nThe index '%s' fails; the shortest case follows.", c.ops->name);
			shrink(&c, outcome);
			explain(&c, outcome);
			ck_abort_msg("%s", outcome->difference);
		}
		ck_assert_uint_gt(outcome->done, 0);
		free(c.list);
	}
}
END_TEST

/* The case in MODEL_CASE, if there is one. */
START_TEST(test_given_case)
{
	const char *given = getenv("MODEL_CASE");
	struct outcome *outcome = shared_outcome();
	struct model_case c = { .seconds = 1e9, .hung = 600 };
	char name[64], regime[64], seed[64];
	int at;

	if (!given)
		return;
	ck_assert_msg(sscanf(given, "%63s %63s %63s %n", name, regime, seed, &at) == 3,
		      "MODEL_CASE: INDEX REGIME SEED NUMBER,NUMBER...");
	c.ops = vma_index_lookup(name);
	c.seed = strtoul(seed, NULL, 0);
	for (size_t r = 0; r < ARRAY_SIZE(regimes); r++) {
		if (!strcmp(regimes[r].name, regime))
			c.regime = &regimes[r];
	}
	ck_assert_msg(c.ops && c.regime, "MODEL_CASE: no such index or regime");
	first_operations(&c, strlen(given));
	c.n = 0;
	for (char *end, *next = (char *)given + at; *next; next = *end ? end + 1 : end)
		c.list[c.n++] = strtoul(next, &end, 0);
	explain(&c, outcome);
	ck_assert_msg(!outcome->failed, "%s", outcome->difference);
	free(c.list);
}
END_TEST

static struct vm_area_struct *find_wrongly(const struct vma_index *index, unsigned long addr)
{
	struct vma_footprint footprint;

	index->ops->footprint(index, &footprint);
	return vma_index_lookup("array")->find(index, addr - (footprint.vmas > 3));
}

/* An array whose find is off by one above three VMAs: found, and shrunk to a handful. */
START_TEST(test_shrinking)
{
	struct outcome *outcome = shared_outcome();
	struct vma_index_ops broken = *vma_index_lookup("array");
	struct model_case c = {
		.ops = &broken, .regime = &regimes[1], .seed = 1, .seconds = 60, .hung = 60
	};

	broken.name = "broken";
	broken.find = find_wrongly;
	first_operations(&c, 1000);
	run_case(&c, outcome);
	ck_assert(outcome->failed);
	shrink(&c, outcome);
	ck_assert(outcome->failed);
	ck_assert_uint_ge(c.n, 2); /* three puts at most in an edit */
	ck_assert_uint_le(c.n, 4);
	ck_assert_ptr_nonnull(strstr(outcome->difference, "broken: find"));
	free(c.list);
}
END_TEST

TEST_SUITE(model)
{
	Suite *suite = suite_create("model");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 3600);
	tcase_add_test(tcase, test_given_case);
	tcase_add_test(tcase, test_shrinking);
	tcase_add_loop_test(tcase, test_random_edits, 0, bed_plain_types());
	suite_add_tcase(suite, tcase);
	return suite;
}
