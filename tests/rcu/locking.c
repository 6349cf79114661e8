/*
 * Tests of the locking schemes with several threads: what a fault may meet at its worst moments,
 * and that each rule of locking.h which is left out is noticed.
 *
 *	fault    find ─────────┬───────── lock ─────────┬───── the page
 *	                 FAULT_FOUND              FAULT_LOCKED
 *	another            does its call            starts a call, which has to wait
 *
 * The moments are config.fault_hook's, so nothing here depends on how fast threads are; but
 * that somebody waits is seen by his not being through after a while.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/rcu.h"
#include "base/rng.h"
#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

#define PMD     (1UL << 21)
#define SCHEMES 4
#define FAR     65 /* a page table with another lock */

static struct world world;
static struct mm_struct *mm;

/* ---- somebody else ---- */

struct other {
	pthread_t thread;
	void (*act)(void);
	unsigned number;
	bool through;
};

static struct other other;

static void *other_main(void *arg)
{
	struct other *self = arg;

	rcu_register_thread();
	mm_thread_enter(self->number);
	self->act();
	__atomic_store_n(&self->through, true, __ATOMIC_RELEASE);
	rcu_unregister_thread();
	return NULL;
}

static void other_start(void (*act)(void))
{
	other = (struct other){ .act = act, .number = 1 };
	ck_assert_int_eq(pthread_create(&other.thread, NULL, other_main, &other), 0);
}

/* Whoever waits is not through after some time, however long: with a bug he may need some. */
static bool other_is_through(bool expected)
{
	for (unsigned i = 0; i < (expected ? 20000 : 100); i++) {
		if (__atomic_load_n(&other.through, __ATOMIC_ACQUIRE))
			return true;
		usleep(100);
	}
	return false;
}

static void other_join(void)
{
	ck_assert_int_eq(pthread_join(other.thread, NULL), 0);
}

/* ---- a fault, and what happens meanwhile ---- */

static struct scene {
	enum fault_point at;
	void (*act)(void);    /* of another thread */
	bool waits;           /* it has to wait until the fault is over, */
	bool waited, started; /* and did; it has begun at all */
} scene;

static void on_fault(struct mm_struct *there, enum fault_point point)
{
	if (there != mm || point != scene.at || !scene.act || scene.started || mm_thread)
		return;
	scene.started = true;
	other_start(scene.act);
	scene.waited = !other_is_through(!scene.waits);
}

static void setup(unsigned locking, const struct vma_index_ops *ops, unsigned leave_out)
{
	struct config config;

	config_default(&config);
	config.locking = mm_locking(locking);
	config.threads = 4;
	config.thp = THP_NEVER;
	config.leave_out = leave_out;
	config.fault_hook = on_fault;
	world_init(&world, ops, &config);
	mm = world.mm;
	scene = (struct scene){ .act = NULL };
	rcu_register_thread();
}

static void teardown(void)
{
	rcu_unregister_thread();
	scene.act = NULL;
	world_done(&world);
}

/* Does the fault while the other one acts at that moment; what the fault returns. */
static int fault_while(unsigned long addr, unsigned flags, enum fault_point at, bool waits,
		       void (*act)(void))
{
	scene = (struct scene){ .at = at, .act = act, .waits = waits };
	int err = mm_user_fault(mm, addr, flags);
	if (scene.started)
		other_join();
	return err;
}

/* Two regions of page tables, none of them there yet; the VMA has an anon_vma. */
static void map_two(void)
{
	unsigned long base = WORLD_BASE;

	ck_assert_uint_eq(do_mmap(mm, NULL, base, 2 * PMD, RW, ANON | MAP_FIXED, 0), base);
	ck_assert_int_eq(anon_vma_prepare(find_vma(mm, base)), 0);
}

static void unmap_two(void)
{
	mm_call_begin(mm, WORLD_BASE, WORLD_BASE + 2 * PMD);
	ck_assert_int_eq(do_munmap(mm, WORLD_BASE, 2 * PMD), 0);
	mm_call_end(mm);
}

static void protect_two(void)
{
	mm_call_begin(mm, WORLD_BASE, WORLD_BASE + 2 * PMD);
	ck_assert_int_eq(do_mprotect(mm, WORLD_BASE, 2 * PMD, PROT_READ, -1), 0);
	mm_call_end(mm);
}

static void replace_two(void)
{
	mm_call_begin(mm, WORLD_BASE, WORLD_BASE + 2 * PMD);
	ck_assert_int_eq(do_munmap(mm, WORLD_BASE, 2 * PMD), 0);
	ck_assert_uint_eq(do_mmap(mm, NULL, WORLD_BASE, PMD, PROT_READ, ANON | MAP_FIXED, 0),
			  WORLD_BASE);
	mm_call_end(mm);
}

static const char *verdict(void)
{
	return mm_verify(mm, NULL);
}

/* ---- calls that come between a fault's search and its lock: only where they can ---- */

static bool found_is_a_moment(unsigned locking)
{
	return !strcmp(mm_locking(locking)->name, "per-vma") ||
	       !strcmp(mm_locking(locking)->name, "rcu");
}

/* One index that needs a lock while it is changed, and one that does not. */
static const struct vma_index_ops *type_of(int i)
{
	return vma_index_lookup(i / SCHEMES ? "maple" : "btree");
}

START_TEST(found_vma_goes)
{
	if (!found_is_a_moment(_i % SCHEMES))
		return;
	setup(_i % SCHEMES, type_of(_i), 0);
	map_two();
	ck_assert_int_eq(
		fault_while(WORLD_BASE + PMD, FAULT_FLAG_WRITE, FAULT_FOUND, false, unmap_two),
		-EFAULT);
	ck_assert(scene.started && !scene.waited);
	ck_assert_uint_eq(pt_rss(&mm->pgd), 0);
	machine_gather(world.machine);
	ck_assert_uint_ge(world.machine->locking.retries, 1);
	teardown();
}
END_TEST

START_TEST(found_vma_loses_rights)
{
	if (!found_is_a_moment(_i % SCHEMES))
		return;
	setup(_i % SCHEMES, type_of(_i), 0);
	map_two();
	ck_assert_int_eq(fault_while(WORLD_BASE, FAULT_FLAG_WRITE, FAULT_FOUND, false, protect_two),
			 -EFAULT);
	ck_assert(scene.started && !scene.waited);
	ck_assert_uint_eq(pt_get(&mm->pgd, WORLD_BASE), 0);
	teardown();
}
END_TEST

START_TEST(found_vma_is_replaced)
{
	if (!found_is_a_moment(_i % SCHEMES))
		return;
	setup(_i % SCHEMES, type_of(_i), 0);
	map_two();
	ck_assert_int_eq(fault_while(WORLD_BASE, 0, FAULT_FOUND, false, replace_two), 0);
	ck_assert_uint_eq(pt_get(&mm->pgd, WORLD_BASE) & PTE_WRITE, 0);
	ck_assert_uint_eq(pt_rss(&mm->pgd), 1);
	teardown();
}
END_TEST

/* ---- calls that come while a fault has its lock: they wait for it ---- */

START_TEST(call_waits_for_fault)
{
	static void (*const calls[])(void) = { unmap_two, protect_two, replace_two };

	if (!mm_locking(_i % SCHEMES)->fault)
		return; /* under mmap_lock there is no such moment */
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		setup(_i % SCHEMES, type_of(_i), 0);
		map_two();
		ck_assert_int_eq(fault_while(WORLD_BASE + PMD, FAULT_FLAG_WRITE, FAULT_LOCKED, true,
					     calls[i]),
				 0);
		ck_assert(scene.started && scene.waited);
		ck_assert_uint_eq(pt_get(&mm->pgd, WORLD_BASE + PMD) & PTE_WRITE, 0);
		teardown();
	}
}
END_TEST

static int others_fault;

static void fault_first_page(void)
{
	others_fault = mm_user_fault(mm, WORLD_BASE, FAULT_FLAG_WRITE);
}

START_TEST(fault_waits_for_call)
{
	setup(_i % SCHEMES, type_of(_i), 0);
	map_two();
	mm_call_begin(mm, WORLD_BASE, WORLD_BASE + 2 * PMD);
	ck_assert_int_eq(do_mprotect(mm, WORLD_BASE, 2 * PMD, PROT_READ, -1), 0);
	other_start(fault_first_page);
	ck_assert(!other_is_through(false));
	ck_assert_int_eq(do_munmap(mm, WORLD_BASE, PMD), 0);
	mm_call_end(mm);
	other_join();
	ck_assert_int_eq(others_fault, -EFAULT);
	teardown();
}
END_TEST

static void fault_far_away(void)
{
	others_fault = mm_user_fault(mm, WORLD_BASE + FAR * PMD, FAULT_FLAG_WRITE);
}

/* What a call does not touch goes on meanwhile; under mmap_lock nothing does. */
START_TEST(fault_elsewhere_goes_on)
{
	unsigned long far = WORLD_BASE + FAR * PMD;

	setup(_i % SCHEMES, type_of(_i), 0);
	map_two();
	ck_assert_uint_eq(do_mmap(mm, NULL, far, PMD, RW, ANON | MAP_FIXED, 0), far);
	ck_assert_int_eq(anon_vma_prepare(find_vma(mm, far)), 0);
	mm_call_begin(mm, WORLD_BASE, WORLD_BASE + 2 * PMD);
	ck_assert_int_eq(do_mprotect(mm, WORLD_BASE, 2 * PMD, PROT_READ, -1), 0);
	other_start(fault_far_away);
	ck_assert(other_is_through(mm_locking(_i % SCHEMES)->beside) ==
		  mm_locking(_i % SCHEMES)->beside);
	mm_call_end(mm);
	other_join();
	ck_assert_int_eq(others_fault, 0);
	ck_assert_uint_ne(pt_get(&mm->pgd, far), 0);
	teardown();
}
END_TEST

/* ---- one page at a time ---- */

static bool second_waited, driver_gives_up;

/* A driver in whose middle somebody else wants the same page. */
static int slow_fault(struct vm_area_struct *vma, unsigned long pgoff, pfn_t *pfn)
{
	struct machine *machine = vma->vm_mm->machine;

	*pfn = page_cache_get(&vma->vm_file->inode->cache, machine->frames, pgoff);
	if (mm_thread)
		return 0;
	other_start(fault_first_page);
	second_waited = !other_is_through(driver_gives_up);
	return driver_gives_up ? -ENXIO : 0;
}

static const struct vm_operations_struct slow_ops = { .fault = slow_fault };

static int slow_mmap(struct vm_area_struct *vma)
{
	vma->vm_ops = &slow_ops;
	return 0;
}

static void fault_twice(unsigned locking, const struct vma_index_ops *ops, unsigned leave_out)
{
	setup(locking, ops, leave_out);
	world.machine->config.mmap_hook = slow_mmap;
	ck_assert_uint_eq(do_mmap(mm, world.file, WORLD_BASE, P, RW, MAP_SHARED | MAP_FIXED, 0),
			  WORLD_BASE);
	driver_gives_up = leave_out;
	ck_assert_int_eq(mm_user_fault(mm, WORLD_BASE, FAULT_FLAG_WRITE), leave_out ? -ENXIO : 0);
	other_join();
	ck_assert_int_eq(others_fault, 0);
	ck_assert_uint_eq(pt_rss(&mm->pgd), 1);
}

START_TEST(two_faults_of_a_page)
{
	fault_twice(_i % SCHEMES, type_of(_i), 0);
	ck_assert(second_waited);
	machine_gather(world.machine);
	ck_assert_uint_eq(world.machine->faults.spurious, 1);
	teardown();
}
END_TEST

/* ---- memory of VMAs that are gone ---- */

static size_t objects(void)
{
	struct arena_stats stats;

	arena_stats(world.machine->arena, &stats);
	return stats.objects;
}

static size_t objects_less;

static void unmap_elsewhere(void)
{
	size_t before = objects();

	mm_call_begin(mm, WORLD_BASE + FAR * PMD, WORLD_BASE + (FAR + 1) * PMD);
	ck_assert_int_eq(do_munmap(mm, WORLD_BASE + FAR * PMD, PMD), 0);
	mm_call_end(mm);
	objects_less = before - objects();
}

/* A fault might have found the one that goes. */
static void unmap_in_read_section(unsigned locking, const struct vma_index_ops *ops,
				  unsigned leave_out)
{
	unsigned long far = WORLD_BASE + FAR * PMD;

	setup(locking, ops, leave_out);
	map_two();
	ck_assert_uint_eq(do_mmap(mm, NULL, far, PMD, RW, ANON | MAP_FIXED, 0), far);
	ck_assert_int_eq(
		fault_while(WORLD_BASE, FAULT_FLAG_WRITE, FAULT_LOCKED, false, unmap_elsewhere), 0);
	ck_assert(scene.started && !scene.waited);
}

START_TEST(gone_vma_waits_for_readers)
{
	if (!mm_locking(_i % SCHEMES)->beside)
		return;
	unmap_in_read_section(_i % SCHEMES, type_of(_i), 0);
	ck_assert_uint_eq(objects_less, 0);
	ck_assert_uint_eq(mm->locks->gone.n, 1);
	teardown();
}
END_TEST

/* What waits is freed now and then, whatever is mapped meanwhile. */
START_TEST(backlog_stays_small)
{
	enum { ROUNDS = 5000 };
	size_t before;

	setup(_i % SCHEMES, bed_type(0), 0);
	before = objects();
	for (unsigned i = 0; i < ROUNDS; i++) {
		mm_call_begin(mm, WORLD_BASE, WORLD_BASE + P);
		world_map(mm, 0, 1, RW);
		ck_assert_int_eq(do_munmap(mm, page_at(0), P), 0);
		mm_call_end(mm);
		ck_assert_uint_le(mm->locks->gone.bytes, MM_BACKLOG_BYTES);
	}
	ck_assert_uint_le(objects() - before, MM_BACKLOG_BYTES / sizeof(struct vm_area_struct));
	teardown();
}
END_TEST

/* ---- bugs: what the tests above look for is there when a rule is left out ---- */

static void bug_found(unsigned leave_out, const char *locking)
{
	unsigned i = 0;

	while (strcmp(mm_locking(i)->name, locking))
		i++;
	setup(i, vma_index_lookup("btree"), leave_out);
	map_two();
	ck_assert_int_eq(fault_while(WORLD_BASE + PMD, 0, FAULT_FOUND, false, unmap_two), 0);
	ck_assert_str_eq(verdict(), "a page-table entry outside of all VMAs");
}

START_TEST(bug_no_recheck)
{
	bug_found(LEAVE_OUT_VMA_RECHECK, _i ? "rcu" : "per-vma");
}
END_TEST

START_TEST(bug_no_mark)
{
	bug_found(LEAVE_OUT_VMA_MARK, _i ? "rcu" : "per-vma");
}
END_TEST

START_TEST(bug_no_drain)
{
	if (!mm_locking((unsigned)_i)->fault)
		return;
	setup((unsigned)_i, vma_index_lookup("btree"), LEAVE_OUT_VMA_DRAIN);
	map_two();
	ck_assert_int_eq(fault_while(WORLD_BASE + PMD, 0, FAULT_LOCKED, false, unmap_two), 0);
	ck_assert(scene.started && !scene.waited);
	ck_assert_str_eq(verdict(), "a page-table entry outside of all VMAs");
}
END_TEST

START_TEST(bug_window_not_heeded)
{
	setup(3, vma_index_lookup("btree"), LEAVE_OUT_VMA_RECHECK);
	map_two();
	mm_call_begin(mm, WORLD_BASE, WORLD_BASE + 2 * PMD);
	other_start(fault_first_page);
	ck_assert(other_is_through(true));
	mm_call_end(mm);
	other_join();
}
END_TEST

START_TEST(bug_no_grace_period)
{
	if (!mm_locking((unsigned)_i)->beside)
		return;
	unmap_in_read_section((unsigned)_i, vma_index_lookup("btree"), LEAVE_OUT_GRACE_PERIOD);
	ck_assert_uint_eq(objects_less, 1);
}
END_TEST

/* Under rcu there is no fault without it: bug_no_recheck. */
START_TEST(bug_no_page_lock)
{
	if (!strcmp(mm_locking((unsigned)_i)->name, "rcu"))
		return;
	fault_twice((unsigned)_i, vma_index_lookup("btree"), LEAVE_OUT_PAGE_LOCK);
	ck_assert(!second_waited);
}
END_TEST

/* ---- all at once ---- */

enum { STORM_THREADS = 4, STORM_ROUNDS = 4, STORM_OPS = 500, STORM_PAGES = 256 };

struct storm {
	struct other other;
	struct rng rng;
	bool calls;
};

static struct storm storms[STORM_THREADS];

static void storm_fault(struct rng *rng)
{
	unsigned long addr = page_at(rng_below(rng, STORM_PAGES) * (rng_one_in(rng, 2) ? 1 : 257));
	int err = mm_user_fault(mm, addr, rng_one_in(rng, 3) ? 0 : FAULT_FLAG_WRITE);

	if (err && err != -EFAULT)
		ck_abort_msg("a fault returned %d", err);
}

static void storm_call(struct rng *rng)
{
	unsigned long page = rng_below(rng, STORM_PAGES) * (rng_one_in(rng, 2) ? 1 : 257);
	unsigned long start = page_at(page), len = (1 + rng_below(rng, 40)) * P;
	struct file *file = rng_one_in(rng, 4) ? world.file : NULL;
	unsigned long prot = rng_one_in(rng, 4) ? PROT_READ : RW;

	mm_call_begin(mm, start, start + len);
	switch (rng_below(rng, 5)) {
	case 0:
	case 1:
		do_mmap(mm, file, start, len, prot,
			MAP_FIXED | (file ? rng_one_in(rng, 2) ? MAP_SHARED : MAP_PRIVATE : ANON),
			page);
		break;
	case 2:
		do_munmap(mm, start, len);
		break;
	case 3:
		do_mprotect(mm, start, len, prot, -1);
		break;
	default:
		do_madvise(mm, start, len, rng_one_in(rng, 2) ? MADV_DONTNEED : MADV_GUARD_INSTALL);
	}
	mm_call_end(mm);
}

static void *storm_main(void *arg)
{
	struct storm *self = arg;

	rcu_register_thread();
	mm_thread_enter(self->other.number);
	for (unsigned i = 0; i < STORM_OPS; i++)
		self->calls ? storm_call(&self->rng) : storm_fault(&self->rng);
	rcu_unregister_thread();
	return NULL;
}

/* A forked child does as its parent: pages are shared among mms. */
static void storm_round(uint64_t seed)
{
	for (unsigned i = 0; i < STORM_THREADS; i++) {
		struct storm *self = &storms[i];

		*self = (struct storm){ .other.number = i, .calls = !i };
		rng_seed(&self->rng, seed + i);
		ck_assert_int_eq(pthread_create(&self->other.thread, NULL, storm_main, self), 0);
	}
	for (unsigned i = 0; i < STORM_THREADS; i++)
		pthread_join(storms[i].other.thread, NULL);
	ck_assert_msg(!mm_verify(mm, stderr), "%s", mm_verify(mm, NULL));
}

static size_t cached_pages(void)
{
	return world.inode->cache.pages;
}

/* The storm's calls are one thread's; all others fault, and with what they left all is well. */
START_TEST(storm)
{
	const struct vma_index_ops *ops = bed_type((unsigned)_i / SCHEMES);
	struct task_struct child = { 0 };

#ifdef __SANITIZE_THREAD__
	if (ops->caps & VMA_INDEX_RCU_PARTS)
		return; /* the kernel's publishes by barriers that TSan does not know */
#endif
	setup(_i % SCHEMES, ops, 0);
	for (unsigned round = 0; round < STORM_ROUNDS; round++) {
		storm_round(test_seed() + 1000 * round);
		if (round == STORM_ROUNDS / 2)
			ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	}
	ck_assert_msg(!mm_verify(child.mm, stderr), "the child");
	mmput(child.mm);
	ck_assert_int_eq(do_munmap(mm, 0, world.machine->config.task_size), 0);
	ck_assert_uint_eq(pt_rss(&mm->pgd), 0);
	ck_assert_uint_eq(frames_in_use(world.machine->frames), cached_pages());
	machine_gather(world.machine);
	ck_assert_uint_eq(world.machine->locking.faults,
			  (STORM_THREADS - 1UL) * STORM_ROUNDS * STORM_OPS);
	ck_assert_uint_eq(world.machine->vmas, 0);
	teardown();
}
END_TEST

TEST_SUITE(locking_threads)
{
	Suite *suite = suite_create("locking_threads");
	TCase *moments = tcase_create("moments"), *bugs = tcase_create("bugs");
	TCase *storms_case = tcase_create("storms");
	int all = 2 * SCHEMES;

	tcase_add_loop_test(moments, found_vma_goes, 0, all);
	tcase_add_loop_test(moments, found_vma_loses_rights, 0, all);
	tcase_add_loop_test(moments, found_vma_is_replaced, 0, all);
	tcase_add_loop_test(moments, call_waits_for_fault, 0, all);
	tcase_add_loop_test(moments, fault_waits_for_call, 0, all);
	tcase_add_loop_test(moments, fault_elsewhere_goes_on, 0, all);
	tcase_add_loop_test(moments, two_faults_of_a_page, 0, SCHEMES);
	tcase_add_loop_test(moments, gone_vma_waits_for_readers, 0, all);
	tcase_add_loop_test(moments, backlog_stays_small, 0, SCHEMES);
	suite_add_tcase(suite, moments);
	tcase_add_loop_test(bugs, bug_no_recheck, 0, 2);
	tcase_add_loop_test(bugs, bug_no_mark, 0, 2);
	tcase_add_loop_test(bugs, bug_no_drain, 0, SCHEMES);
	tcase_add_test(bugs, bug_window_not_heeded);
	tcase_add_loop_test(bugs, bug_no_grace_period, 0, SCHEMES);
	tcase_add_loop_test(bugs, bug_no_page_lock, 0, SCHEMES);
	suite_add_tcase(suite, bugs);
	tcase_add_loop_test(storms_case, storm, 0, (int)bed_plain_types() * SCHEMES);
	suite_add_tcase(suite, storms_case);
	return suite;
}
