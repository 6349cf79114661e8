/*
 * Every call of mm/ with every allocation failing in turn.
 *
 * A script of calls runs once undisturbed, which tells what each step's state
 * hash must be.  Then each step is tried with its 1st, 2nd, 3rd … allocation
 * failing, of mm's objects and of the index's nodes, until it succeeds.  A
 * step that fails says -ENOMEM (or what the call makes of that), contradicts
 * itself nowhere, and leaves the state as it was if it is all or nothing;
 * what works VMA by VMA may have done a part, and done again does the rest.
 */
#include <errno.h>
#include <string.h>

#include "tests/accounting.h"
#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

static struct world world;
static struct file *shm, *device;
static struct mm_struct *child;

#define MM (world.mm)

/* What a failed step may leave behind. */
enum effect {
	WHOLE,    /* nothing */
	PARTS,    /* a part: done VMA by VMA, or a split at an end */
	SUCCEEDS, /* what could not be filled in or unmapped; tidy settles it */
};

struct step {
	const char *name;
	enum effect effect;
	long (*run)(void);
	long (*tidy)(void);
};

static long map(unsigned long page, unsigned long n, unsigned long prot, unsigned long flags,
		struct file *file)
{
	return (long)do_mmap(MM, file, page_at(page), n * P, prot, flags | MAP_FIXED, page);
}

static long map_first(void)
{
	return map(0, 12, RW, ANON, NULL);
}

static long map_file(void)
{
	return map(12, 4, RW, MAP_PRIVATE, world.file);
}

static long map_over_all(void)
{
	return map(2, 12, PROT_READ, ANON, NULL);
}

static long map_gap(void)
{
	return map(3, 1, RW, ANON, NULL);
}

static long map_shared(void)
{
	return map(20, 4, RW, MAP_SHARED | MAP_ANONYMOUS, NULL);
}

static long map_anywhere(void)
{
	return (long)do_mmap(MM, world.file, 0, 3UL << 20, PROT_READ, MAP_PRIVATE, 0);
}

static long map_populated(void)
{
	return map(30, 3, PROT_READ, ANON | MAP_POPULATE, NULL);
}

static long map_again(void)
{
	return do_munmap(MM, page_at(30), 3 * P) ? -ENOMEM : map_populated();
}

static long map_device(void)
{
	return map(40, 2, RW, MAP_SHARED, device);
}

static long unmap_middle(void)
{
	return do_munmap(MM, page_at(3), P);
}

static long unmap_many(void)
{
	return do_munmap(MM, page_at(1), 9 * P);
}

static long write_fault(void)
{
	return handle_mm_fault(MM, page_at(0), FAULT_FLAG_WRITE);
}

static long write_file(void)
{
	return handle_mm_fault(MM, page_at(14), FAULT_FLAG_WRITE);
}

static long read_fault(void)
{
	return handle_mm_fault(MM, page_at(15), 0);
}

static long protect(void)
{
	return do_mprotect(MM, page_at(1), 13 * P, PROT_NONE, -1);
}

static long unprotect(void)
{
	return do_mprotect(MM, page_at(0), 13 * P, RW, -1);
}

static long advise(void)
{
	return do_madvise(MM, page_at(1), 13 * P, MADV_DONTFORK);
}

static long unadvise(void)
{
	return do_madvise(MM, page_at(0), 14 * P, MADV_DOFORK);
}

static long guard(void)
{
	return do_madvise(MM, page_at(31), P, MADV_GUARD_INSTALL);
}

static long lock(void)
{
	return do_mlock(MM, page_at(20), 2 * P, true);
}

static long unlock(void)
{
	return do_munlock(MM, page_at(20), 4 * P);
}

static long bind(void)
{
	return do_mbind(MM, page_at(0), 2 * P, 2, 1, 0, 0);
}

static long watch(void)
{
	return userfaultfd_register(MM, userfaultfd_ctx(4, 0), page_at(21), 2 * P, 1);
}

static long unwatch(void)
{
	return userfaultfd_unregister(MM, userfaultfd_ctx(4, 0), page_at(20), 4 * P);
}

static long grow_brk(void)
{
	return do_brk(MM, WORLD_HEAP + 5 * P) == WORLD_HEAP + 5 * P ? 0 : -ENOMEM;
}

static long shrink_brk(void)
{
	return do_brk(MM, WORLD_HEAP + 2 * P) == WORLD_HEAP + 2 * P ? 0 : -ENOMEM;
}

static long stack(void)
{
	return (long)do_mmap(MM, NULL, page_at(1000), P, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, 0);
}

static long grow_stack(void)
{
	return handle_mm_fault(MM, page_at(990), FAULT_FLAG_WRITE) ? -ENOMEM : 0;
}

static long attach(void)
{
	return (long)do_shmat(MM, shm, page_at(50), 0, 4 * P);
}

static long detach(void)
{
	return do_shmdt(MM, page_at(50));
}

static long remap_grow(void)
{
	return (long)do_mremap(MM, page_at(30), 3 * P, 5 * P, 0, 0);
}

static long remap_move(void)
{
	return (long)do_mremap(MM, page_at(31), 2 * P, 4 * P, MREMAP_MAYMOVE, 0);
}

static long remap_fixed(void)
{
	return (long)do_mremap(MM, page_at(33), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED,
			       page_at(1200));
}

/* As in the kernel, the old range may stay when it cannot be unmapped after the move. */
static long unmap_source(void)
{
	return do_munmap(MM, page_at(31), 2 * P);
}

static long unmap_fixed_source(void)
{
	return do_munmap(MM, page_at(33), 2 * P);
}

static long remap_file_offset(void)
{
	return do_remap_file_pages(MM, page_at(21), P, 0, 3, 0);
}

static long seal(void)
{
	return do_mseal(MM, page_at(41), P, 0);
}

static long fork_child(void)
{
	child = dup_mm(MM);
	return child ? 0 : -ENOMEM;
}

static long write_shared_page(void)
{
	return handle_mm_fault(MM, page_at(0), FAULT_FLAG_WRITE);
}

static long end_child(void)
{
	mmput(child);
	return 0;
}

static long split_one(void)
{
	return split_vma(MM, world_vma(MM, 14), page_at(15));
}

static long exec(void)
{
	struct vma_layout layout[] = {
		{ page_at(0), page_at(2), VM_READ | VM_MAY_FLAGS, 0, world.file, false },
		{ page_at(4), page_at(5), VM_READ | VM_WRITE | VM_MAY_FLAGS, 0, NULL, true },
	};
	int err = exec_mmap(world.machine, &world.task, layout, 2, WORLD_TOP, WORLD_HEAP,
			    WORLD_HEAP, WORLD_STACK);

	world.mm = world.task.mm;
	return err;
}

static const struct step script[] = {
	{ "mmap", WHOLE, map_first, NULL },
	{ "mmap of a file", WHOLE, map_file, NULL },
	{ "write", PARTS, write_fault, NULL },
	{ "write to a file's page", PARTS, write_file, NULL },
	{ "read", WHOLE, read_fault, NULL },
	{ "shared", WHOLE, map_shared, NULL },
	{ "device", WHOLE, map_device, NULL },
	{ "populate", SUCCEEDS, map_populated, map_again },
	{ "anywhere", WHOLE, map_anywhere, NULL },
	{ "munmap of the middle", WHOLE, unmap_middle, NULL },
	{ "a gap filled", WHOLE, map_gap, NULL },
	{ "mprotect", PARTS, protect, NULL },
	{ "mprotect back", PARTS, unprotect, NULL },
	{ "madvise", PARTS, advise, NULL },
	{ "madvise back", PARTS, unadvise, NULL },
	{ "guard", WHOLE, guard, NULL },
	{ "mlock", PARTS, lock, NULL },
	{ "fork", PARTS, fork_child, NULL },
	{ "copy on write", WHOLE, write_shared_page, NULL },
	{ "child's end", WHOLE, end_child, NULL },
	{ "munlock", PARTS, unlock, NULL },
	{ "mbind", PARTS, bind, NULL },
	{ "userfaultfd", PARTS, watch, NULL },
	{ "userfaultfd back", PARTS, unwatch, NULL },
	{ "brk", WHOLE, grow_brk, NULL },
	{ "brk back", WHOLE, shrink_brk, NULL },
	{ "stack", WHOLE, stack, NULL },
	{ "stack growth", PARTS, grow_stack, NULL },
	{ "shmat", WHOLE, attach, NULL },
	{ "shmdt", PARTS, detach, NULL },
	{ "mremap in place", WHOLE, remap_grow, NULL },
	{ "mremap elsewhere", SUCCEEDS, remap_move, unmap_source },
	{ "mremap to a fixed place", SUCCEEDS, remap_fixed, unmap_fixed_source },
	{ "remap_file_pages", WHOLE, remap_file_offset, NULL },
	{ "split", WHOLE, split_one, NULL },
	{ "munmap of many", WHOLE, unmap_many, NULL },
	{ "MAP_FIXED over many", WHOLE, map_over_all, NULL },
	{ "mseal", PARTS, seal, NULL },
	{ "exec", WHOLE, exec, NULL },
};

static void start(int type)
{
	struct config config;
	struct inode *inode;

	config_default(&config);
	config.mmap_hook = accounting_mmap; /* who is told of a VMA is told of its end */
	world_init(&world, bed_type(type), &config);
	inode = inode_create(world.machine, 9, FILE_SYSV_SHM, "/SYSV00000000 (deleted)");
	shm = file_open(world.machine, inode, 0, true, true);
	inode_put(world.machine, inode);
	inode = inode_create(world.machine, 10, FILE_DEVICE, "/dev/some");
	device = file_open(world.machine, inode, 0, true, true);
	inode_put(world.machine, inode);
}

static void finish(void)
{
	fput(shm);
	fput(device);
	world_done(&world);
	accounting_settle();
}

static void check_whole(const struct step *step, const char *when)
{
	const char *wrong = mm_verify(MM, stderr);

	ck_assert_msg(!wrong, "%s, %s: %s", step->name, when, wrong);
}

/* Tries a step until it succeeds, each time one allocation later; returns how often it failed. */
static unsigned try_step(const struct step *step, struct arena *arena)
{
	unsigned failures = 0;

	for (unsigned nth = 1;; nth++) {
		uint64_t before = mm_hash(MM, 0);
		struct arena_stats stats;
		unsigned long allocs;

		arena_stats(arena, &stats);
		allocs = stats.allocs;
		arena_fail_at(arena, nth);
		long result = step->run();
		arena_fail_at(arena, 0);
		arena_stats(arena, &stats);
		check_whole(step, "failing");
		if (!IS_ERR_VALUE(result)) {
			/* an index may know a way without: judy's removals wait for memory */
			ck_assert_msg(stats.allocs - allocs < nth || step->effect == SUCCEEDS ||
					      arena == world.machine->index_arena,
				      "%s: succeeds without memory", step->name);
			return failures;
		}
		failures++;
		ck_assert_msg(result == -ENOMEM || (result == -EAGAIN && step->effect == PARTS),
			      "%s: %ld", step->name, result);
		if (step->effect == WHOLE)
			ck_assert_msg(mm_hash(MM, 0) == before, "%s: allocation %u left something",
				      step->name, nth);
		ck_assert_uint_lt(nth, 1000);
	}
}

START_TEST(each_allocation_fails_once)
{
	uint64_t must[ARRAY_SIZE(script)];
	unsigned failures = 0;

	start(_i);
	for (size_t i = 0; i < ARRAY_SIZE(script); i++) {
		ck_assert_msg(!IS_ERR_VALUE(script[i].run()), "%s", script[i].name);
		check_whole(&script[i], "undisturbed");
		must[i] = mm_hash(MM, 0);
	}
	finish();
	for (unsigned which = 0; which < 2; which++) {
		start(_i);
		for (size_t i = 0; i < ARRAY_SIZE(script); i++) {
			failures += try_step(&script[i], which ? world.machine->index_arena
							       : world.machine->arena);
			if (script[i].tidy)
				ck_assert(!IS_ERR_VALUE(script[i].tidy()));
			ck_assert_msg(mm_hash(MM, 0) == must[i], "%s: not what it is undisturbed",
				      script[i].name);
		}
		finish();
	}
	ck_assert_uint_gt(failures, ARRAY_SIZE(script));
}
END_TEST

/* The machine's physical memory ends: faults are refused, and nothing is lost. */
START_TEST(no_page_frames_left)
{
	struct config config;
	struct machine *machine;
	struct task_struct task = { NULL };
	unsigned long page = 0;

	config_default(&config);
	machine = machine_create(bed_type(_i), &config, 5);
	ck_assert_ptr_nonnull(machine);
	ck_assert_int_eq(
		exec_mmap(machine, &task, NULL, 0, WORLD_TOP, WORLD_HEAP, WORLD_HEAP, WORLD_STACK),
		0);
	world_map(task.mm, 0, 10, RW);
	while (!handle_mm_fault(task.mm, page_at(page), FAULT_FLAG_WRITE))
		page++;
	ck_assert_uint_eq(page, 5);
	ck_assert_int_eq(handle_mm_fault(task.mm, page_at(page), FAULT_FLAG_WRITE), -ENOMEM);
	ck_assert_int_eq(handle_mm_fault(task.mm, page_at(page), 0), 0); /* the zero page */
	ck_assert_int_eq(handle_mm_fault(task.mm, page_at(page), FAULT_FLAG_WRITE), -ENOMEM);
	ck_assert_int_eq(do_munmap(task.mm, page_at(0), P), 0);
	ck_assert_int_eq(handle_mm_fault(task.mm, page_at(page), FAULT_FLAG_WRITE), 0);
	ck_layout(task.mm, ".AAAAAAAAA");
	mmput(task.mm);
	machine_destroy(machine);
}
END_TEST

TEST_SUITE(torture_mm)
{
	Suite *suite = suite_create("torture of mm");
	TCase *tcase = tcase_create("memory ends");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(tcase, each_allocation_fails_once, 0, types);
	tcase_add_loop_test(tcase, no_page_frames_left, 0, types);
	suite_add_tcase(suite, tcase);
	return suite;
}
