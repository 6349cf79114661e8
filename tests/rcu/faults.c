/*
 * Faults beside calls, of each locking: every fault's result was right at some moment
 * between its beginning and its end.
 *
 *	caller    |..mmap 7..|   |..munmap 8..|  |..mprotect 9..|
 *	faulters       [ write to page p: -EFAULT  ]
 *	               from 6                    to 8
 *
 * The caller numbers its calls and notes what each makes of a page: nothing, read-only
 * or writable.  A faulter notes the last call that was done when it began, and the last
 * one begun when it ended: behind one of the calls from there to there the page must have
 * been so that the fault ends as it did.  A page is changed once by a call, whatever the call
 * does to others; so each page is looked at by itself.  When nobody runs, mm_verify finds
 * no fault, and no page has rights that its VMA has not.
 *
 * TEST_LONG=1: 10^8 operations in all, 2 * 10^7 with ThreadSanitizer.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rcu.h"
#include "base/rng.h"
#include "mm/internal.h"
#include "mm/mman.h"
#include "tests/bed.h"
#include "tests/suite.h"

#define PAGES    64UL
#define BASE     0x40000000UL
#define CALLS    1000UL /* a round */
#define FAULTERS 2
#define ANSWERS  20000 /* of each faulter, a round, at most */

#ifdef __SANITIZE_THREAD__
#define LONG_OPS 20000000UL
#else
#define LONG_OPS 100000000UL
#endif

enum state { NOTHING, READABLE, WRITABLE };

struct answer {
	unsigned page;
	bool write, good;
	uint64_t from, to;
};

struct faults {
	struct machine *machine;
	struct mm_struct *mm;
	struct rng rng;
	uint64_t begun, done;                   /* calls */
	unsigned char states[CALLS + 1][PAGES]; /* behind each call; 0: as the round began */
	bool calling;
};

struct faulter {
	struct faults *all;
	unsigned number;
	struct rng rng;
	size_t n;
	struct answer answers[ANSWERS];
};

/* ---- the caller ---- */

/* One call on [page, page + n), and what it makes of these pages. */
static void call(struct faults *f, unsigned long page, unsigned long n, unsigned char *now)
{
	unsigned long addr = BASE + page * PAGE_SIZE, len = n * PAGE_SIZE;
	enum state to = rng_below(&f->rng, 3);
	bool mapped = true;

	for (unsigned long i = page; i < page + n; i++)
		mapped &= now[i] != NOTHING;
	memset(now + page, to, n);
	if (to == NOTHING)
		ck_assert_int_eq(do_munmap(f->mm, addr, len), 0);
	else if (mapped && !rng_one_in(&f->rng, 3))
		ck_assert_int_eq(do_mprotect(f->mm, addr, len,
					     PROT_READ | (to == WRITABLE ? PROT_WRITE : 0), -1),
				 0);
	else
		ck_assert_uint_eq(do_mmap(f->mm, NULL, addr, len,
					  PROT_READ | (to == WRITABLE ? PROT_WRITE : 0),
					  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, 0),
				  addr);
}

static void *caller_main(void *arg)
{
	struct faults *f = arg;

	rcu_register_thread();
	mm_thread_enter(0);
	for (uint64_t i = 1; i <= CALLS; i++) {
		unsigned long page = rng_below(&f->rng, PAGES);
		unsigned long n =
			min(rng_between(&f->rng, 1, 1UL << rng_below(&f->rng, 5)), PAGES - page);

		memcpy(f->states[i], f->states[i - 1], PAGES);
		__atomic_store_n(&f->begun, i, __ATOMIC_SEQ_CST);
		mm_call_begin(f->mm, BASE + page * PAGE_SIZE, BASE + (page + n) * PAGE_SIZE);
		call(f, page, n, f->states[i]);
		mm_call_end(f->mm);
		__atomic_store_n(&f->done, i, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&f->calling, false, __ATOMIC_RELEASE);
	rcu_unregister_thread();
	return NULL;
}

/* ---- faulters ---- */

static void *faulter_main(void *arg)
{
	struct faulter *me = arg;
	struct faults *f = me->all;

	rcu_register_thread();
	mm_thread_enter(me->number);
	while (me->n < ANSWERS && __atomic_load_n(&f->calling, __ATOMIC_ACQUIRE)) {
		struct answer *answer = &me->answers[me->n++];
		unsigned flags;

		answer->page = rng_below(&me->rng, PAGES);
		answer->write = rng_one_in(&me->rng, 2);
		flags = answer->write ? FAULT_FLAG_WRITE : 0;
		answer->from = __atomic_load_n(&f->done, __ATOMIC_SEQ_CST);
		answer->good = !mm_user_fault(f->mm, BASE + answer->page * PAGE_SIZE, flags);
		answer->to = __atomic_load_n(&f->begun, __ATOMIC_SEQ_CST);
	}
	rcu_unregister_thread();
	return NULL;
}

/* ---- what was true ---- */

static bool was_true(const struct faults *f, const struct answer *answer)
{
	enum state needed = answer->write ? WRITABLE : READABLE;

	for (uint64_t i = answer->from; i <= answer->to; i++) {
		if ((f->states[i][answer->page] >= needed) == answer->good)
			return true;
	}
	return false;
}

static void check_answers(const struct faults *f, const struct faulter *faulter)
{
	for (size_t i = 0; i < faulter->n; i++) {
		const struct answer *answer = &faulter->answers[i];

		ck_assert_msg(was_true(f, answer),
			      "%s, %s: a %s of page %u %s, which was right "
			      "behind none of the calls %lu to %lu",
			      f->machine->index_ops->name, f->machine->config.locking->name,
			      answer->write ? "write" : "read", answer->page,
			      answer->good ? "went well" : "was refused",
			      (unsigned long)answer->from, (unsigned long)answer->to);
	}
}

/* Nobody runs: pages are in VMAs, and can be written to only where these allow it. */
static void check_mm(const struct faults *f)
{
	const char *wrong = mm_verify(f->mm, stderr);

	ck_assert_msg(!wrong, "%s, %s: %s", f->machine->index_ops->name,
		      f->machine->config.locking->name, wrong);
	for (unsigned long page = 0; page < PAGES; page++) {
		uint64_t entry = pt_get(&f->mm->pgd, BASE + page * PAGE_SIZE);
		const struct vm_area_struct *vma = vma_lookup(f->mm, BASE + page * PAGE_SIZE);
		enum state state = !vma ? NOTHING : vma->vm_flags & VM_WRITE ? WRITABLE : READABLE;

		ck_assert_int_eq(state, f->states[CALLS][page]);
		ck_assert(!entry || vma);
		ck_assert(!(entry & PTE_WRITE) || (vma->vm_flags & VM_WRITE));
	}
}

/* ---- rounds ---- */

static uint64_t round_of(struct faults *f, struct faulter *faulters)
{
	pthread_t threads[FAULTERS + 1];
	uint64_t ops = CALLS;

	f->begun = f->done = 0;
	f->calling = true;
	for (unsigned i = 0; i < FAULTERS; i++) {
		faulters[i].all = f;
		faulters[i].number = i + 1;
		faulters[i].n = 0;
		rng_seed(&faulters[i].rng, rng_next(&f->rng));
		ck_assert_int_eq(pthread_create(&threads[i], NULL, faulter_main, &faulters[i]), 0);
	}
	ck_assert_int_eq(pthread_create(&threads[FAULTERS], NULL, caller_main, f), 0);
	for (unsigned i = 0; i <= FAULTERS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < FAULTERS; i++) {
		check_answers(f, &faulters[i]);
		ops += faulters[i].n;
	}
	check_mm(f);
	memcpy(f->states[0], f->states[CALLS], PAGES);
	return ops;
}

static void faults_beside_calls(const struct vma_index_ops *ops, const struct mm_locking *locking,
				uint64_t wanted)
{
	struct faults *f = calloc(1, sizeof(*f));
	struct faulter *faulters = calloc(FAULTERS, sizeof(*faulters));
	struct task_struct task = { 0 };
	struct config config;

	ck_assert(f && faulters);
	config_default(&config);
	config.locking = locking;
	config.threads = FAULTERS + 1;
	config.find_cache = find_cache_lookup("none");
	f->machine = machine_create(ops, &config, 0);
	ck_assert_ptr_nonnull(f->machine);
	ck_assert_int_eq(exec_mmap(f->machine, &task, NULL, 0, 1UL << 46, 1UL << 45, 1UL << 45,
				   (1UL << 46) + PAGE_SIZE),
			 0);
	f->mm = task.mm;
	rng_seed(&f->rng, test_seed());
	for (uint64_t done = 0; done < wanted;)
		done += round_of(f, faulters);
	mmput(f->mm);
	machine_destroy(f->machine);
	free(faulters);
	free(f);
}

/* Races that the sanitizer finds in the Linux kernel's code, and what they hide, are not ours. */
static bool left_out(const struct vma_index_ops *ops)
{
#ifdef __SANITIZE_THREAD__
	if (ops->caps & VMA_INDEX_RCU_PARTS) {
		printf("index tests leave out %s: it is not for ThreadSanitizer\n", ops->name);
		return true;
	}
#endif
	return ops->caps & VMA_INDEX_NULL;
}

static unsigned schemes(void)
{
	unsigned n = 0;

	while (mm_locking(n))
		n++;
	return n;
}

START_TEST(test_faults)
{
	const struct vma_index_ops *ops = bed_type((unsigned)_i / schemes());
	bool long_one = getenv("TEST_LONG") && ops->caps & VMA_INDEX_RCU;

	if (left_out(ops))
		return;
	faults_beside_calls(ops, mm_locking((unsigned)_i % schemes()),
			    long_one ? LONG_OPS / schemes() : 40000);
}
END_TEST

TEST_SUITE(faults)
{
	Suite *suite = suite_create("faults");
	TCase *cases = tcase_create("faults");

	tcase_set_timeout(cases, getenv("TEST_LONG") ? 7200 : 600);
	tcase_add_loop_test(cases, test_faults, 0, (int)(bed_plain_types() * schemes()));
	suite_add_tcase(suite, cases);
	return suite;
}
