/*
 * bed - a test bed: one index beside a plain sorted array of what must be in it
 *
 * The VMAs are the bed's own, of node_size bytes and the bounds, and poisoned:
 * an index that reads more than vma_index.h allows reads rubbish.  A VMA that
 * leaves the index is poisoned and freed.
 *
 * Functions that compare return true if index and array agree; if not, the
 * difference is explained in bed->difference.
 */
#ifndef TESTS_BED_H
#define TESTS_BED_H

#include "base/rng.h"
#include "indexes/vma_index.h"

struct bed_range {
	unsigned long start, end;
	struct vm_area_struct *vma;
};

struct bed {
	const struct vma_index_ops *ops;
	struct arena *memory; /* the index's */
	struct arena *vmas;
	struct vma_index *index;
	struct bed_range *ranges; /* what must be in the index, in address order */
	size_t n, room;
	char difference[512];
};

/*
 * The index types to test: each registered one, then check:X of each of ours.
 * One that does nothing (VMA_INDEX_NULL) is left out, and check:X of other
 * people's (VMA_INDEX_PEER): check: is the same code around each, and X itself
 * is tested.  With AddressSanitizer, other people's are left out themselves, for
 * they take a third of the time; TEST_LONG=1: they are not.  With TEST_INDEX=NAME
 * in the environment only that one.
 */
bool bed_leaves_out(const struct vma_index_ops *ops);
unsigned bed_plain_types(void);
unsigned bed_types(void);
const struct vma_index_ops *bed_type(unsigned i);

/* An empty index of that type; ends the program where there is no memory. */
void bed_init(struct bed *bed, const struct vma_index_ops *ops);

/* Ends it all; false if the index has not given all its memory back. */
bool bed_done(struct bed *bed);

/* A new VMA, poisoned, in no index. */
struct vm_area_struct *bed_vma(struct bed *bed);
void bed_free(struct bed *bed, struct vm_area_struct *vma);

/* The number of the first range that ends above addr. */
size_t bed_first(const struct bed *bed, unsigned long addr);

/* Reserve, commit and bed_apply; or -ENOMEM and nothing has changed. */
int bed_edit(struct bed *bed, const struct vma_edit *edit);

/* What a commit does, done to the array; VMAs that leave are freed. */
void bed_apply(struct bed *bed, const struct vma_edit *edit);

/* A put of a new VMA. */
struct vma_put bed_new(struct bed *bed, unsigned long start, unsigned long end);

/* Builds the index, which must be empty, of n new VMAs at ranges. */
int bed_build(struct bed *bed, const struct vma_bounds *ranges, size_t n);

/* Makes the index, which must be empty, a clone of from's, with new VMAs. */
int bed_clone(struct bed *bed, const struct bed *from);

/* Erases all VMAs by one edit. */
void bed_clear(struct bed *bed);

/* CPU time of this process so far: a test may do less with a slow index, never fail for it. */
double bed_seconds(void);

bool bed_same_find(struct bed *bed, unsigned long addr);
/* Seeks addr and goes a few VMAs both ways, off the ends too. */
bool bed_same_walk(struct bed *bed, unsigned long addr);
/* One scan of up to n VMAs, at most SCAN_MOST; the cursor is on the i-th, or off an end. */
#define SCAN_MOST 1000
bool bed_same_scan(struct bed *bed, struct vma_cursor *cursor, unsigned long i, unsigned n);
bool bed_same_gap(struct bed *bed, struct vma_gap gap);
/* Each VMA with its bounds, walked both ways and scanned; verify; the footprint's count. */
bool bed_same_all(struct bed *bed);

#endif
