/*
 * bed - a test bed: one index beside a plain sorted array (see bed.h)
 */
#include "tests/bed.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "indexes/check.h"

#define POISON 0xa5

__attribute__((noreturn)) static void out_of_memory(void)
{
	fputs("tests: out of memory\n", stderr);
	exit(EXIT_FAILURE);
}

/* ---- the types ---- */

bool bed_leaves_out(const struct vma_index_ops *ops)
{
#ifdef __SANITIZE_ADDRESS__
	if (ops->caps & VMA_INDEX_PEER && !getenv("TEST_LONG"))
		return true;
#endif
	return ops->caps & VMA_INDEX_NULL;
}

static const struct vma_index_ops *bed_plain_type(unsigned i)
{
	const char *only = getenv("TEST_INDEX");
	const struct vma_index_ops *ops;

	for (unsigned n = 0; (ops = vma_index_type(n)); n++) {
		if (only ? strcmp(ops->name, only) != 0 : bed_leaves_out(ops))
			continue;
		if (i-- == 0)
			break;
	}
	return ops;
}

unsigned bed_plain_types(void)
{
	unsigned n = 0;

	while (bed_plain_type(n))
		n++;
	return n;
}

/* The i-th type that is also tested within check:, or NULL past the last. */
static const struct vma_index_ops *bed_checked_type(unsigned i)
{
	const struct vma_index_ops *ops;

	for (unsigned n = 0; (ops = bed_plain_type(n)); n++) {
		if (!(ops->caps & VMA_INDEX_PEER) && i-- == 0)
			break;
	}
	return ops;
}

unsigned bed_types(void)
{
	unsigned checked = 0;

	while (bed_checked_type(checked))
		checked++;
	return bed_plain_types() + checked;
}

const struct vma_index_ops *bed_type(unsigned i)
{
	unsigned plain = bed_plain_types();

	return i < plain ? bed_plain_type(i) : check_ops_for(bed_checked_type(i - plain));
}

/* ---- life ---- */

void bed_init(struct bed *bed, const struct vma_index_ops *ops)
{
	*bed = (struct bed){ .ops = ops, .memory = arena_create(), .vmas = arena_create() };
	if (bed->memory)
		bed->index = vma_index_create(ops, bed->memory);
	if (!bed->vmas || !bed->index)
		out_of_memory();
}

bool bed_done(struct bed *bed)
{
	struct arena_stats stats;

	arena_destroy(bed->vmas); /* first: destroy must not look at them */
	vma_index_destroy(bed->index);
	arena_stats(bed->memory, &stats);
	arena_destroy(bed->memory);
	free(bed->ranges);
	return stats.objects == 0 && stats.asked == 0;
}

static size_t vma_size(const struct bed *bed)
{
	return bed->ops->node_size + sizeof(struct vma_bounds);
}

struct vm_area_struct *bed_vma(struct bed *bed)
{
	char *node = arena_alloc(bed->vmas, vma_size(bed), 0);

	if (!node)
		out_of_memory();
	memset(node, POISON, vma_size(bed));
	return (struct vm_area_struct *)(node + bed->ops->node_size);
}

void bed_free(struct bed *bed, struct vm_area_struct *vma)
{
	void *node = vma_node(bed->ops, vma);

	memset(node, POISON, vma_size(bed));
	arena_free(bed->vmas, node, vma_size(bed), 0);
}

/* ---- changes ---- */

static void bed_room(struct bed *bed, size_t n)
{
	if (bed->ranges && n <= bed->room)
		return;
	bed->room = n + n / 2 + 16;
	bed->ranges = realloc(bed->ranges, bed->room * sizeof(*bed->ranges));
	if (!bed->ranges)
		out_of_memory();
}

size_t bed_first(const struct bed *bed, unsigned long addr)
{
	size_t lo = 0, hi = bed->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (bed->ranges[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static bool bed_stays(const struct vma_edit *edit, const struct vm_area_struct *vma)
{
	for (unsigned i = 0; i < edit->nput; i++) {
		if (edit->put[i].vma == vma)
			return true;
	}
	return false;
}

__attribute__((noreturn)) static void bad_edit(const struct vma_edit *edit)
{
	fprintf(stderr, "tests: the edit %#lx-%#lx cuts a VMA\n", edit->lo, edit->hi);
	exit(EXIT_FAILURE);
}

void bed_apply(struct bed *bed, const struct vma_edit *edit)
{
	size_t first = bed_first(bed, edit->lo), last = first;

	bed_room(bed, bed->n + edit->nput);
	if (first < bed->n && bed->ranges[first].start < edit->lo)
		bad_edit(edit);
	for (; last < bed->n && bed->ranges[last].start < edit->hi; last++) {
		if (!bed_stays(edit, bed->ranges[last].vma))
			bed_free(bed, bed->ranges[last].vma);
	}
	if (last > first && bed->ranges[last - 1].end > edit->hi)
		bad_edit(edit);
	memmove(&bed->ranges[first + edit->nput], &bed->ranges[last],
		(bed->n - last) * sizeof(*bed->ranges));
	bed->n = bed->n - (last - first) + edit->nput;
	for (unsigned i = 0; i < edit->nput; i++) {
		const struct vma_put *put = &edit->put[i];

		bed->ranges[first + i] = (struct bed_range){ put->start, put->end, put->vma };
	}
}

int bed_edit(struct bed *bed, const struct vma_edit *edit)
{
	int err = vma_index_edit(bed->index, edit);

	if (!err)
		bed_apply(bed, edit);
	return err;
}

struct vma_put bed_new(struct bed *bed, unsigned long start, unsigned long end)
{
	return (struct vma_put){ bed_vma(bed), start, end };
}

/* New VMAs with these bounds, for an index that holds nothing. */
static struct vm_area_struct **bed_vmas(struct bed *bed, const struct vma_bounds *ranges, size_t n)
{
	struct vm_area_struct **vmas = malloc((n + 1) * sizeof(*vmas));

	if (!vmas)
		out_of_memory();
	bed_room(bed, n + 1);
	for (size_t i = 0; i < n; i++) {
		vmas[i] = bed_vma(bed);
		vma_set_bounds(vmas[i], ranges[i].vm_start, ranges[i].vm_end);
		bed->ranges[i] =
			(struct bed_range){ ranges[i].vm_start, ranges[i].vm_end, vmas[i] };
	}
	return vmas;
}

/* The index was filled with the VMAs, or that failed. */
static int bed_filled(struct bed *bed, struct vm_area_struct **vmas, size_t n, int err)
{
	for (size_t i = 0; err && i < n; i++)
		bed_free(bed, vmas[i]);
	bed->n = err ? 0 : n;
	free(vmas);
	return err;
}

int bed_build(struct bed *bed, const struct vma_bounds *ranges, size_t n)
{
	struct vm_area_struct **vmas = bed_vmas(bed, ranges, n);

	return bed_filled(bed, vmas, n, bed->ops->build(bed->index, vmas, n));
}

int bed_clone(struct bed *bed, const struct bed *from)
{
	struct vma_bounds *ranges = malloc((from->n + 1) * sizeof(*ranges));
	struct vm_area_struct **vmas;

	if (!ranges)
		out_of_memory();
	for (size_t i = 0; i < from->n; i++)
		ranges[i] = (struct vma_bounds){ from->ranges[i].start, from->ranges[i].end };
	vmas = bed_vmas(bed, ranges, from->n);
	free(ranges);
	return bed_filled(bed, vmas, from->n,
			  vma_index_clone(bed->index, from->index, vmas, from->n));
}

void bed_clear(struct bed *bed)
{
	struct vma_edit all = { .lo = 0, .hi = VMA_INDEX_END };

	if (bed_edit(bed, &all))
		out_of_memory();
}

double bed_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

/* ---- comparisons ---- */

__attribute__((format(printf, 2, 3))) static bool differs(struct bed *bed, const char *format, ...)
{
	int len = snprintf(bed->difference, sizeof(bed->difference), "%s: ", bed->ops->name);
	va_list args;

	va_start(args, format);
	vsnprintf(bed->difference + len, sizeof(bed->difference) - len, format, args);
	va_end(args);
	return false;
}

/* Is vma the one of range number i, or NULL where there is no such range (i may be -1)? */
static bool bed_same_vma(struct bed *bed, const char *question, unsigned long addr, long i,
			 const struct vm_area_struct *vma)
{
	const struct bed_range *range = i >= 0 && i < (long)bed->n ? &bed->ranges[i] : NULL;

	if (!range)
		return !vma || differs(bed, "%s %#lx: must be NULL, is a VMA", question, addr);
	if (!vma)
		return differs(bed, "%s %#lx: must be %#lx-%#lx, is NULL", question, addr,
			       range->start, range->end);
	if (vma != range->vma)
		return differs(bed, "%s %#lx: must be %#lx-%#lx, is another VMA", question, addr,
			       range->start, range->end);
	if (vma_start(vma) != range->start || vma_end(vma) != range->end)
		return differs(bed, "%s %#lx: its bounds must be %#lx-%#lx, are %#lx-%#lx",
			       question, addr, range->start, range->end, vma_start(vma),
			       vma_end(vma));
	return true;
}

bool bed_same_find(struct bed *bed, unsigned long addr)
{
	return bed_same_vma(bed, "find", addr, bed_first(bed, addr),
			    bed->ops->find(bed->index, addr));
}

bool bed_same_walk(struct bed *bed, unsigned long addr)
{
	static const char path[] = "pnnnppppnn";
	struct vma_cursor cursor = { .index = bed->index };
	long i = bed_first(bed, addr);
	struct vm_area_struct *vma = bed->ops->seek(&cursor, addr);

	if (!bed_same_vma(bed, "seek", addr, i, vma))
		return false;
	for (const char *step = path; *step; step++) {
		i = *step == 'n' ? min(i + 1, (long)bed->n) : max(i - 1, -1L);
		vma = *step == 'n' ? bed->ops->next(&cursor) : bed->ops->prev(&cursor);
		if (vma != cursor.vma)
			return differs(bed, "cursor from %#lx: vma is not what it returns", addr);
		if (!bed_same_vma(bed, *step == 'n' ? "next from" : "prev from", addr, i, vma))
			return false;
	}
	return true;
}

bool bed_same_scan(struct bed *bed, struct vma_cursor *cursor, unsigned long i, unsigned n)
{
	struct vm_area_struct *vmas[SCAN_MOST + 1] = { 0 };
	unsigned want = cursor->vma ? min(bed->n - i, (unsigned long)n) : 0;
	unsigned done = vma_index_scan(cursor, vmas, n);

	if (done != want || vmas[done])
		return differs(bed, "scan of %u: must find %u, finds %u", n, want, done);
	for (unsigned k = 0; k < done; k++) {
		if (!bed_same_vma(bed, "in a scan", k, i + k, vmas[k]))
			return false;
	}
	return bed_same_vma(bed, "behind a scan of", n, done ? i + done : bed->n, cursor->vma);
}

/* The definition, word for word: every gap in order, the lowest or highest that fits. */
static int bed_find_gap(const struct bed *bed, struct vma_gap *gap)
{
	int err = -ENOMEM;

	for (size_t i = 0; i <= bed->n; i++) {
		unsigned long start = i > 0 ? bed->ranges[i - 1].end : 0;
		unsigned long end = i < bed->n ? bed->ranges[i].start : VMA_INDEX_END;
		unsigned long lo = max(start, gap->lo), hi = min(end, gap->hi);

		if (lo < hi && hi - lo >= gap->len) {
			gap->start = start;
			gap->end = end;
			err = 0;
			if (!gap->topdown)
				break;
		}
	}
	return err;
}

bool bed_same_gap(struct bed *bed, struct vma_gap gap)
{
	struct vma_gap must;
	int err, must_err;

	gap.start = gap.end = 1; /* must stay where there is no gap */
	must = gap;
	must_err = bed_find_gap(bed, &must);
	err = bed->ops->find_gap(bed->index, &gap);
	if (err == must_err && gap.start == must.start && gap.end == must.end)
		return true;
	return differs(bed, "find_gap %#lx in %#lx-%#lx %s: must be %d %#lx-%#lx, is %d %#lx-%#lx",
		       gap.len, gap.lo, gap.hi, gap.topdown ? "topdown" : "bottom-up", must_err,
		       must.start, must.end, err, gap.start, gap.end);
}

static bool bed_same_verify(struct bed *bed)
{
	char *text = NULL;
	size_t size;
	FILE *report = open_memstream(&text, &size);
	unsigned broken;

	if (!report)
		out_of_memory();
	broken = bed->ops->verify(bed->index, report);
	fclose(report);
	if (broken)
		differs(bed, "verify: %u, %s", broken, text);
	free(text);
	return !broken;
}

bool bed_same_all(struct bed *bed)
{
	struct vma_cursor cursor = { .index = bed->index };
	struct vma_footprint footprint;
	long i;

	if (!bed_same_verify(bed))
		return false;
	bed->ops->footprint(bed->index, &footprint);
	if (footprint.vmas != bed->n)
		return differs(bed, "footprint: must be %zu VMAs, are %zu", bed->n, footprint.vmas);
	bed->ops->seek(&cursor, 0);
	for (i = 0; cursor.vma; i += 7) {
		if (!bed_same_scan(bed, &cursor, i, 7))
			return false;
	}
	bed->ops->seek(&cursor, 0);
	for (i = 0; i <= (long)bed->n; i++) {
		if (!bed_same_vma(bed, "walk up at", i, i, cursor.vma))
			return false;
		bed->ops->next(&cursor);
	}
	for (i = bed->n - 1; i >= -1; i--) {
		if (!bed_same_vma(bed, "walk down at", i, i, bed->ops->prev(&cursor)))
			return false;
	}
	return true;
}
