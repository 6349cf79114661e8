/*
 * keyed.h - an index of VMAs on an ordered map of words, whose inserts may run out of memory
 *
 * The key is the end of a VMA without its KEYED_SHIFT lowest bits, at most
 * PAGE_SHIFT, so that the first key above that of an address is what find wants.
 *
 * reserve makes the inserts: the keys that an edit will need stand in the map,
 * with no VMA, and readers step over them.  commit gives them their VMAs and
 * removes what else is in the window; unreserve removes them again.  Where even
 * a removal needs memory and finds none, its key stays without a VMA, and the
 * next reserve sweeps it up.
 *
 * The file that includes this one defines KEYED_SHIFT before, and KEYED(name), its
 * prefix in front of a name; and the functions declared here afterwards; its struct
 * starts with a struct keyed.
 */
#include "indexes/ordered.h"

#define KEYED_NONE 0UL    /* no VMA ends there */
#define KEYED_LAST (~0UL) /* above all keys */

struct keyed {
	struct vma_index index;
	size_t vmas;
	unsigned npending; /* keys that reserve has added and commit has not given a VMA */
	unsigned long pending[2 * VMA_EDIT_PUTS];
	bool littered; /* other keys may have no VMA */
};

/* The VMA, or NULL, of the next key above *key, which becomes that key or KEYED_NONE. */
static struct vm_area_struct *KEYED(above)(const struct vma_index *index, unsigned long *key);
static struct vm_area_struct *KEYED(below)(const struct vma_index *index, unsigned long *key);
/* 1 if the key had no VMA and is there now; 0 if it has one; -ENOMEM. */
static int KEYED(add)(struct vma_index *index, unsigned long key);
/* The last of reserve: 0, put will need no memory; or -ENOMEM. */
static int KEYED(ready)(struct vma_index *index);
/* Gives a key that is there a VMA. */
static void KEYED(put)(struct vma_index *index, unsigned long key, struct vm_area_struct *vma);
/* Removes a key that is there; false if that needed memory: it stays, with no VMA. */
static bool KEYED(remove)(struct vma_index *index, unsigned long key);

static struct keyed *keyed_of(const struct vma_index *index)
{
	return container_of(index, struct keyed, index);
}

/* ---- readers ---- */

/* above and below, past keys without a VMA. */
static inline struct vm_area_struct *KEYED(up)(const struct vma_index *index, unsigned long *key)
{
	struct vm_area_struct *vma;

	do
		vma = KEYED(above)(index, key);
	while (unlikely(!vma) && *key != KEYED_NONE);
	return vma;
}

static inline struct vm_area_struct *KEYED(down)(const struct vma_index *index, unsigned long *key)
{
	struct vm_area_struct *vma;

	do
		vma = KEYED(below)(index, key);
	while (unlikely(!vma) && *key != KEYED_NONE);
	return vma;
}

/* The cursor's slot is its VMA's key: KEYED_NONE before the first, KEYED_LAST after the last. */
static struct vm_area_struct *KEYED(next)(struct vma_cursor *cursor)
{
	cursor->vma = KEYED(up)(cursor->index, &cursor->slot);
	if (!cursor->vma)
		cursor->slot = KEYED_LAST;
	return cursor->vma;
}

static unsigned KEYED(scan)(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
{
	return vma_scan_by(cursor, vmas, n, KEYED(next));
}

static struct vm_area_struct *KEYED(prev)(struct vma_cursor *cursor)
{
	return cursor->vma = KEYED(down)(cursor->index, &cursor->slot);
}

static struct vm_area_struct *KEYED(seek)(struct vma_cursor *cursor, unsigned long addr)
{
	cursor->slot = addr >> KEYED_SHIFT;
	return KEYED(next)(cursor);
}

static int KEYED(find_gap)(const struct vma_index *index, struct vma_gap *gap)
{
	return ordered_find_gap(index, gap, KEYED(seek), KEYED(next), KEYED(prev));
}

/* ---- the writer ---- */

static void KEYED(drop)(struct vma_index *index, unsigned long key)
{
	if (!KEYED(remove)(index, key))
		keyed_of(index)->littered = true;
}

static void KEYED(unreserve)(struct vma_index *index)
{
	struct keyed *keyed = keyed_of(index);

	while (keyed->npending)
		KEYED(drop)(index, keyed->pending[--keyed->npending]);
}

/* Removes the keys without a VMA; nothing is pending. */
static void KEYED(sweep)(struct vma_index *index)
{
	unsigned long key = KEYED_NONE;

	keyed_of(index)->littered = false;
	do {
		if (!KEYED(above)(index, &key) && key != KEYED_NONE)
			KEYED(drop)(index, key);
	} while (key != KEYED_NONE);
}

static int KEYED(reserve_edit)(struct vma_index *index, const struct vma_edit *edit)
{
	struct keyed *keyed = keyed_of(index);

	for (unsigned i = 0; i < edit->nput; i++) {
		unsigned long key = edit->put[i].end >> KEYED_SHIFT;
		int added = KEYED(add)(index, key);

		if (added < 0)
			return added;
		if (added)
			keyed->pending[keyed->npending++] = key;
	}
	return KEYED(ready)(index);
}

static int KEYED(reserve)(struct vma_index *index, const struct vma_edit *edits, unsigned n)
{
	if (unlikely(keyed_of(index)->littered))
		KEYED(sweep)(index);
	for (unsigned i = 0; i < n; i++) {
		if (KEYED(reserve_edit)(index, &edits[i])) {
			KEYED(unreserve)(index);
			return -ENOMEM;
		}
	}
	return 0;
}

static void KEYED(commit)(struct vma_index *index, const struct vma_edit *edit)
{
	struct keyed *keyed = keyed_of(index);
	unsigned long key = edit->lo >> KEYED_SHIFT, last = edit->hi >> KEYED_SHIFT;
	struct vm_area_struct *vma;
	unsigned i = 0;

	while (key < last) {
		vma = KEYED(above)(index, &key);
		if (key == KEYED_NONE || key > last)
			break;
		keyed->vmas -= vma != NULL;
		if (i == edit->nput || key != edit->put[i].end >> KEYED_SHIFT) {
			KEYED(drop)(index, key);
			continue;
		}
		keyed->npending -= vma == NULL;
		if (vma != edit->put[i].vma)
			KEYED(put)(index, key, edit->put[i].vma);
		i++;
	}
	keyed->vmas += edit->nput;
	for (i = 0; i < edit->nput; i++)
		vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
}
