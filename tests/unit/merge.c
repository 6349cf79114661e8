/*
 * The merge rule, case by case: vma_merge() itself, then what system calls make of it.
 */
#include <string.h>

#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

/* ---- vma_merge() itself ---- */

static struct anon_vma anon_a, anon_b;
static struct inode plain_inode = { .kind = FILE_REGULAR }, shm_inode = { .kind = FILE_SYSV_SHM };
static struct file file_a = { .inode = &plain_inode }, file_b = { .inode = &plain_inode };
static struct file file_shm = { .inode = &shm_inode };

static void hear_of_end(struct vm_area_struct *vma)
{
	(void)vma;
}

static const struct vm_operations_struct ops = { 0 }, ops_close = { .close = hear_of_end };

/* A drawn case: where prev, the range (*), the rest of its VMA (M) and next are. */
struct drawn {
	struct vm_area_struct prev, middle, next;
	struct vma_side prev_side, next_side;
	struct vma_desc range;
	struct vma_merge merge;
};

static bool find_run(const char *text, const char *letters, unsigned long *start,
		     unsigned long *end)
{
	size_t from = strcspn(text, letters), to = from + strspn(text + from, letters);

	*start = from * P;
	*end = to * P;
	return from < to;
}

/* All alike and contiguous in the file, as one VMA that was cut; M: it is a part of one. */
static struct vm_area_struct drawn_vma(unsigned long start, unsigned long end)
{
	return (struct vm_area_struct){
		.vm_start = start,
		.vm_end = end,
		.vm_flags = VM_READ | VM_WRITE | VM_ACCOUNT,
		.vm_pgoff = 100 + start / P,
		.vm_file = &file_a,
		.vm_ops = &ops,
	};
}

static struct vma_side side_of(struct vm_area_struct *vma, bool there)
{
	return (struct vma_side){ there ? vma : NULL, vma->vm_start, vma->vm_end, vma->vm_pgoff };
}

static void draw_case(struct drawn *d, const char *text)
{
	unsigned long start, end;
	bool there;

	memset(d, 0, sizeof(*d));
	there = find_run(text, "P", &start, &end);
	d->prev = drawn_vma(start, end);
	d->prev_side = side_of(&d->prev, there);
	there = find_run(text, "N", &start, &end);
	d->next = drawn_vma(start, end);
	d->next_side = side_of(&d->next, there);
	find_run(text, "*", &start, &end);
	d->range = (struct vma_desc){
		.start = start,
		.end = end,
		.flags = VM_READ | VM_WRITE | VM_ACCOUNT,
		.pgoff = 100 + start / P,
		.file = &file_a,
	};
	find_run(text, "*M", &start, &end);
	d->middle = drawn_vma(start, end);
	d->merge = (struct vma_merge){
		.prev = &d->prev_side,
		.next = &d->next_side,
		.range = &d->range,
		.rule = merge_rule(0),
	};
}

/* The places alone: everything else is alike. */
static const struct {
	const char *text;
	bool existing;
	enum vma_merge_kind kind;
} places[] = {
	{ "PPPPP*****NNNNN", false, MERGE_BOTH },  { "PPPPP*****.NNNN", false, MERGE_LEFT },
	{ "PPPP.*****NNNNN", false, MERGE_RIGHT }, { "PPPP.*****.NNNN", false, MERGE_NONE },
	{ "PPPPP*****.....", false, MERGE_LEFT },  { ".....*****NNNNN", false, MERGE_RIGHT },
	{ ".....*****.....", false, MERGE_NONE },  { "PPPPP*****NNNNN", true, MERGE_BOTH },
	{ "PPPPP*****.NNNN", true, MERGE_LEFT },   { "PPPP.*****NNNNN", true, MERGE_RIGHT },
	{ "PPPPP*****MMMMM", true, MERGE_LEFT },   { ".....*****MMMMM", true, MERGE_NONE },
	{ "MMMMM*****NNNNN", true, MERGE_RIGHT },  { "MMMMM*****.....", true, MERGE_NONE },
	{ "PP*****MMMNNNNN", true, MERGE_LEFT },   { "PPMMM*****NNNNN", true, MERGE_RIGHT },
	{ "PPPM*****MMNNNN", true, MERGE_NONE },
};

START_TEST(merge_places)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct drawn d;

		draw_case(&d, places[i].text);
		d.merge.middle = places[i].existing ? &d.middle : NULL;
		ck_assert_msg(vma_merge(&d.merge) == places[i].kind, "%s: %d", places[i].text,
			      vma_merge(&d.merge));
	}
}
END_TEST

/* One property of a neighbour that is not the range's. */
enum property {
	SAME,
	FLAG_WRITE,
	FLAG_ACCOUNT,
	FLAG_LOCKED,
	FLAG_PKEY,
	FLAG_SEALED,
	SOFTDIRTY,
	MAYBE_GUARD,
	OTHER_OPEN,
	NO_FILE,
	PGOFF_MORE,
	PGOFF_LESS,
	POLICY,
	UFFD,
	NPROPERTIES
};

static const bool keeps_apart[NPROPERTIES] = {
	[FLAG_WRITE] = true,  [FLAG_ACCOUNT] = true, [FLAG_LOCKED] = true, [FLAG_PKEY] = true,
	[FLAG_SEALED] = true, [OTHER_OPEN] = true,   [NO_FILE] = true,     [PGOFF_MORE] = true,
	[PGOFF_LESS] = true,  [POLICY] = true,       [UFFD] = true,
};

static void differ(struct vm_area_struct *vma, struct vma_side *side, enum property property)
{
	switch (property) {
	case FLAG_WRITE:
		vma->vm_flags ^= VM_WRITE;
		break;
	case FLAG_ACCOUNT:
		vma->vm_flags ^= VM_ACCOUNT;
		break;
	case FLAG_LOCKED:
		vma->vm_flags ^= VM_LOCKED;
		break;
	case FLAG_PKEY:
		vma->vm_flags ^= 1UL << VM_PKEY_SHIFT;
		break;
	case FLAG_SEALED:
		vma->vm_flags ^= VM_SEALED;
		break;
	case SOFTDIRTY:
		vma->vm_flags ^= VM_SOFTDIRTY;
		break;
	case MAYBE_GUARD:
		vma->vm_flags ^= VM_MAYBE_GUARD;
		break;
	case OTHER_OPEN:
		vma->vm_file = &file_b;
		break;
	case NO_FILE:
		vma->vm_file = NULL;
		break;
	case PGOFF_MORE:
		vma->vm_pgoff++, side->pgoff++;
		break;
	case PGOFF_LESS:
		vma->vm_pgoff--, side->pgoff--;
		break;
	case POLICY:
		vma->vm_policy = 7;
		break;
	case UFFD:
		vma->vm_userfaultfd_ctx = 7;
		break;
	default:
		break;
	}
}

/* Every pair of differences, for a new range and for an existing one. */
START_TEST(merge_properties)
{
	for (unsigned left = 0; left < NPROPERTIES; left++) {
		for (unsigned right = 0; right < NPROPERTIES; right++) {
			bool l = !keeps_apart[left], r = !keeps_apart[right];
			enum vma_merge_kind kind = l && r ? MERGE_BOTH
						   : l    ? MERGE_LEFT
						   : r    ? MERGE_RIGHT
							  : MERGE_NONE;
			struct drawn d;

			draw_case(&d, "PPPPP*****NNNNN");
			differ(&d.prev, &d.prev_side, left);
			differ(&d.next, &d.next_side, right);
			ck_assert_msg(vma_merge(&d.merge) == kind, "new: %u %u", left, right);
			d.merge.middle = &d.middle;
			ck_assert_msg(vma_merge(&d.merge) == kind, "existing: %u %u", left, right);
			d.range.expand_only = true;
			d.merge.middle = NULL;
			kind = l ? MERGE_LEFT : MERGE_NONE;
			ck_assert_msg(vma_merge(&d.merge) == kind, "expand_only: %u", left);
		}
	}
}
END_TEST

START_TEST(merge_special)
{
	static const vm_flags_t special[] = { VM_IO, VM_DONTEXPAND, VM_PFNMAP, VM_MIXEDMAP };

	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		struct drawn d;

		draw_case(&d, "PPPPP*****NNNNN");
		d.prev.vm_flags = d.next.vm_flags = d.range.flags |= special[i];
		ck_assert_int_eq(vma_merge(&d.merge), MERGE_NONE);
	}
}
END_TEST

/* 0: none, a and b: two of them, A: a's, and the VMA is a fork child. */
static void hang_on(struct vm_area_struct *vma, char anon)
{
	vma->anon_vma = anon == '0' ? NULL : anon == 'b' ? &anon_b : &anon_a;
	vma->anon_vma_links = anon == '0' ? 0 : anon == 'A' ? 2 : 1;
}

static enum vma_merge_kind kind_of(const char *word)
{
	static const char *const words[] = { "none", "left", "right", "both" };
	unsigned i = 0;

	while (strcmp(words[i], word))
		i++;
	return i;
}

/* anon_vmas of prev, of the range and of next. */
struct anon_case {
	char anons[4];
	const char *kind;
};

/* A new mapping has none of its own ... */
static const struct anon_case anon_new[] = {
	{ "000", "both" },  { "a00", "both" },  { "00a", "both" }, { "a0a", "both" },
	{ "a0b", "left" },  { "A00", "right" }, { "00A", "left" }, { "A0A", "none" },
	{ "A0b", "right" }, { "b0A", "left" },
};

/* ... unless mremap brings the pages of another VMA along. */
static const struct anon_case anon_copied[] = {
	{ "0a0", "both" },  { "aa0", "both" }, { "0aa", "both" },  { "aaa", "both" },
	{ "ba0", "right" }, { "0ab", "left" }, { "bab", "none" },  { "aab", "left" },
	{ "baa", "right" }, { "0A0", "none" }, { "aA0", "left" },  { "0Aa", "right" },
	{ "AAA", "both" },  { "000", "both" }, { "A00", "right" },
};

/* The whole of an existing VMA. */
static const struct anon_case anon_existing[] = {
	{ "000", "both" },  { "0a0", "both" }, { "a00", "both" }, { "00a", "both" },
	{ "aa0", "both" },  { "aaa", "both" }, { "a0a", "both" }, { "a0b", "left" },
	{ "ba0", "right" }, { "0ab", "left" }, { "bab", "none" }, { "0A0", "none" },
	{ "A00", "right" }, { "00A", "left" }, { "AAA", "both" }, { "AA0", "left" },
	{ "0AA", "right" },
};

static void check_anon(const struct anon_case *c, bool existing, bool copied)
{
	struct vm_area_struct from = { 0 };
	struct drawn d;

	draw_case(&d, "PPPPP*****NNNNN");
	hang_on(&d.prev, c->anons[0]);
	hang_on(&d.next, c->anons[2]);
	hang_on(existing ? &d.middle : &from, c->anons[1]);
	d.range.anon_vma = existing ? d.middle.anon_vma : from.anon_vma;
	d.range.copied_from = copied ? &from : NULL;
	d.merge.middle = existing ? &d.middle : NULL;
	ck_assert_msg(vma_merge(&d.merge) == kind_of(c->kind), "%s: %d, not %s", c->anons,
		      vma_merge(&d.merge), c->kind);
}

START_TEST(merge_anon_vma)
{
	for (size_t i = 0; i < ARRAY_SIZE(anon_new); i++)
		check_anon(&anon_new[i], false, false);
	for (size_t i = 0; i < ARRAY_SIZE(anon_copied); i++)
		check_anon(&anon_copied[i], false, true);
	for (size_t i = 0; i < ARRAY_SIZE(anon_existing); i++)
		check_anon(&anon_existing[i], true, false);
}
END_TEST

/* What has a close op is never removed: neither next, nor the middle if all of it would go. */
START_TEST(merge_close)
{
	static const struct {
		const char *text;
		bool existing;
		enum vma_merge_kind kind;
	} cases[] = {
		{ "PPPPP*****NNNNN", false, MERGE_LEFT }, { "PPPP.*****NNNNN", false, MERGE_RIGHT },
		{ "PPPPP*****NNNNN", true, MERGE_NONE },  { "PPPPP*****MMMMM", true, MERGE_LEFT },
		{ "MMMMM*****NNNNN", true, MERGE_RIGHT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct drawn d;

		draw_case(&d, cases[i].text);
		d.prev.vm_file = d.middle.vm_file = d.next.vm_file = d.range.file = &file_shm;
		d.prev.vm_ops = d.middle.vm_ops = d.next.vm_ops = &ops_close;
		d.merge.middle = cases[i].existing ? &d.middle : NULL;
		ck_assert_msg(vma_merge(&d.merge) == cases[i].kind, "%s", cases[i].text);
	}
}
END_TEST

/* ---- through system calls ---- */

static struct world world;

static void setup(int type)
{
	world_init(&world, bed_type(type), NULL);
}

static void teardown(void)
{
	world_done(&world);
}

START_TEST(merge_by_mmap)
{
	struct mm_struct *mm;

	setup(_i);
	mm = world.mm;
	world_map(mm, 0, 5, RW);
	world_map(mm, 10, 5, RW);
	ck_layout(mm, "AAAAA.....BBBBB");
	world_map(mm, 6, 2, RW);
	ck_layout(mm, "AAAAA.BB..CCCCC");
	world_map(mm, 5, 1, RW);
	ck_layout(mm, "AAAAAAAA..CCCCC");
	world_map(mm, 9, 1, RW);
	ck_layout(mm, "AAAAAAAA.CCCCCC");
	world_map(mm, 8, 1, RW);
	ck_layout(mm, "AAAAAAAAAAAAAAA");
	world_map(mm, 5, 5, PROT_READ);
	ck_layout(mm, "AAAAABBBBBCCCCC");
	world_map(mm, 5, 5, RW); /* unmaps first, then all three are one */
	ck_layout(mm, "AAAAAAAAAAAAAAA");
	world_map(mm, 3, 4, RW); /* in the middle of one that is alike */
	ck_layout(mm, "AAAAAAAAAAAAAAA");
	ck_assert_uint_eq(mm->map_count, 1);
	teardown();
}
END_TEST

START_TEST(merge_by_mmap_file)
{
	struct mm_struct *mm;

	setup(_i);
	mm = world.mm;
	world_map_file(mm, world.file, 0, 4, PROT_READ, 10);
	world_map_file(mm, world.file, 8, 4, PROT_READ, 18);
	world_map_file(mm, world.file, 4, 4, PROT_READ, 15); /* contiguous with neither */
	ck_layout(mm, "AAAABBBBCCCC");
	world_map_file(mm, world.again, 4, 4, PROT_READ, 14); /* another open file */
	ck_layout(mm, "AAAABBBBCCCC");
	world_map_file(mm, world.file, 4, 4, PROT_READ, 14);
	ck_layout(mm, "AAAAAAAAAAAA");
	ck_assert_uint_eq(world_vma(mm, 0)->vm_pgoff, 10);
	ck_assert_int_eq(do_munmap(mm, page_at(2), 3 * P), 0);
	ck_layout(mm, "AA...BBBBBBB");
	ck_assert_uint_eq(world_vma(mm, 5)->vm_pgoff, 15);
	world_map_file(mm, world.file, 4, 1, PROT_READ, 14);
	ck_layout(mm, "AA..BBBBBBBB");
	ck_assert_uint_eq(world_vma(mm, 4)->vm_pgoff, 14);
	teardown();
}
END_TEST

START_TEST(merge_by_mprotect)
{
	struct mm_struct *mm;

	setup(_i);
	mm = world.mm;
	world_map(mm, 0, 15, RW);
	world_write(mm, page_at(0)); /* so that losing WRITE keeps ACCOUNT */
	world_write(mm, page_at(14));
	ck_assert_int_eq(do_mprotect(mm, page_at(5), 5 * P, PROT_READ, -1), 0);
	ck_layout(mm, "AAAAABBBBBCCCCC");
	ck_assert_int_eq(do_mprotect(mm, page_at(5), 2 * P, RW, -1), 0);
	ck_layout(mm, "AAAAAAABBBCCCCC");
	ck_assert_int_eq(do_mprotect(mm, page_at(9), 1 * P, RW, -1), 0);
	ck_layout(mm, "AAAAAAABBCCCCCC");
	ck_assert_int_eq(do_mprotect(mm, page_at(7), 2 * P, RW, -1), 0);
	ck_layout(mm, "AAAAAAAAAAAAAAA");
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 5 * P, PROT_READ, -1), 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(10), 5 * P, PROT_READ, -1), 0);
	ck_layout(mm, "AAAAABBBBBCCCCC");
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 15 * P, PROT_READ, -1), 0);
	ck_layout(mm, "AAAAAAAAAAAAAAA");
	teardown();
}
END_TEST

START_TEST(merge_by_madvise_and_mlock)
{
	struct mm_struct *mm;

	setup(_i);
	mm = world.mm;
	world_map(mm, 0, 12, PROT_READ);
	ck_assert_int_eq(do_madvise(mm, page_at(4), 4 * P, MADV_DONTFORK), 0);
	ck_layout(mm, "AAAABBBBCCCC");
	ck_assert_int_eq(do_mlock(mm, page_at(0), 6 * P, true), 0);
	ck_layout(mm, "AAAABBCCDDDD");
	ck_assert_int_eq(do_madvise(mm, page_at(0), 12 * P, MADV_DOFORK), 0);
	ck_layout(mm, "AAAAAABBBBBB");
	ck_assert_uint_eq(mm->locked_vm, 6);
	ck_assert_int_eq(do_munlock(mm, page_at(2), 4 * P), 0);
	ck_layout(mm, "AABBBBBBBBBB");
	ck_assert_int_eq(do_munlock(mm, page_at(0), 12 * P), 0);
	ck_layout(mm, "AAAAAAAAAAAA");
	ck_assert_uint_eq(mm->locked_vm, 0);
	teardown();
}
END_TEST

START_TEST(merge_by_mremap)
{
	struct mm_struct *mm;

	setup(_i);
	mm = world.mm;
	world_map(mm, 0, 4, RW);
	world_map(mm, 8, 4, RW);
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 4 * P, 6 * P, 0, 0), page_at(0));
	ck_layout(mm, "AAAAAA..BBBB");
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 6 * P, 8 * P, 0, 0), page_at(0));
	ck_layout(mm, "AAAAAAAAAAAA"); /* what grew met the next */
	ck_assert_uint_eq(do_mremap(mm, page_at(8), 4 * P, 2 * P, 0, 0), page_at(8));
	ck_layout(mm, "AAAAAAAAAA");
	world_map(mm, 20, 2, RW);
	ck_assert_uint_eq(
		do_mremap(mm, page_at(0), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(22)),
		page_at(22));
	ck_layout(mm, "..AAAAAAAA..........BBBB"); /* untouched memory is renumbered */
	world_write(mm, page_at(2));
	ck_assert_uint_eq(
		do_mremap(mm, page_at(2), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(24)),
		page_at(24));
	ck_layout(mm, "....AAAAAA..........BBBBCC"); /* written memory keeps its pgoff */
	teardown();
}
END_TEST

START_TEST(merge_by_brk)
{
	struct mm_struct *mm;
	struct vm_area_struct *heap;

	setup(_i);
	mm = world.mm;
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 4 * P), WORLD_HEAP + 4 * P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP + 9 * P + 1), WORLD_HEAP + 9 * P + 1);
	heap = vma_lookup(mm, WORLD_HEAP);
	ck_assert_ptr_nonnull(heap);
	ck_assert_uint_eq(heap->vm_end, WORLD_HEAP + 10 * P);
	ck_assert_uint_eq(do_brk(mm, WORLD_HEAP), WORLD_HEAP);
	ck_assert_uint_eq(mm->map_count, 0);
	teardown();
}
END_TEST

/* A gap in the middle, truncation at either end, all between: one call each. */
START_TEST(cut_by_munmap)
{
	struct mm_struct *mm;

	setup(_i);
	mm = world.mm;
	world_map(mm, 0, 12, RW);
	ck_assert_int_eq(do_munmap(mm, page_at(4), 4 * P), 0);
	ck_layout(mm, "AAAA....BBBB");
	ck_assert_int_eq(do_munmap(mm, page_at(0), 1 * P), 0);
	ck_assert_int_eq(do_munmap(mm, page_at(11), 9 * P), 0);
	ck_layout(mm, ".AAA....BBB");
	for (unsigned i = 0; i < 5; i++)
		world_map(mm, 12 + 2 * i, 1, RW);
	ck_layout(mm, ".AAA....BBB.C.D.E.F.G");
	ck_assert_int_eq(do_munmap(mm, page_at(2), 18 * P), 0);
	ck_layout(mm, ".A..................G");
	ck_assert_int_eq(do_munmap(mm, page_at(3), 10 * P), 0); /* nothing there: no error */
	ck_assert_int_eq(do_munmap(mm, page_at(0), 64 * P), 0);
	ck_layout(mm, "");
	ck_assert_uint_eq(mm->total_vm, 0);
	teardown();
}
END_TEST

TEST_SUITE(merge)
{
	Suite *suite = suite_create("merge");
	TCase *rule = tcase_create("vma_merge"), *calls = tcase_create("calls");
	int types = (int)bed_plain_types();

	tcase_add_test(rule, merge_places);
	tcase_add_test(rule, merge_properties);
	tcase_add_test(rule, merge_special);
	tcase_add_test(rule, merge_anon_vma);
	tcase_add_test(rule, merge_close);
	suite_add_tcase(suite, rule);
	tcase_add_loop_test(calls, merge_by_mmap, 0, types);
	tcase_add_loop_test(calls, merge_by_mmap_file, 0, types);
	tcase_add_loop_test(calls, merge_by_mprotect, 0, types);
	tcase_add_loop_test(calls, merge_by_madvise_and_mlock, 0, types);
	tcase_add_loop_test(calls, merge_by_mremap, 0, types);
	tcase_add_loop_test(calls, merge_by_brk, 0, types);
	tcase_add_loop_test(calls, cut_by_munmap, 0, types);
	suite_add_tcase(suite, calls);
	return suite;
}
