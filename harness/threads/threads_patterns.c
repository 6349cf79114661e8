/*
 * threads_patterns - what threads do with one address space (see threads_mm.h)
 *
 * Sources: local, pipeline and global are what sv6's mapbench does (Clements et al.,
 * "RadixVM", EuroSys 2013); page_fault, mmap and brk what will-it-scale does, by count;
 * malloc and stacks what glibc asks the kernel for.
 */
#include <sched.h>
#include <stdlib.h>

#include "harness/threads/threads_mm.h"
#include "mm/mman.h"

#define PLAIN     (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

/* ---- calls and faults: each notes what goes wrong ---- */

static struct mm_struct *mm_of(const struct threads_thread *thread)
{
	return ((const struct threads_mm *)thread->space)->mm;
}

/* At addr, or where the kernel wants (0). */
static unsigned long map(struct threads_thread *thread, unsigned long addr, unsigned long len,
			 unsigned long prot, unsigned long flags, struct file *file)
{
	struct mm_struct *mm = mm_of(thread);
	unsigned long at;

	mm_call_begin(mm, addr, addr ? addr + len : ~0UL);
	at = do_mmap(mm, file, addr, len, prot, flags | (addr ? MAP_FIXED : 0), 0);
	mm_call_end(mm);
	if (IS_ERR_VALUE(at))
		thread->wrong = "mmap failed";
	return at;
}

static void unmap(struct threads_thread *thread, unsigned long addr, unsigned long len)
{
	struct mm_struct *mm = mm_of(thread);

	mm_call_begin(mm, addr, addr + len);
	if (do_munmap(mm, addr, len))
		thread->wrong = "munmap failed";
	mm_call_end(mm);
}

static void protect(struct threads_thread *thread, unsigned long addr, unsigned long len,
		    unsigned long prot)
{
	struct mm_struct *mm = mm_of(thread);

	mm_call_begin(mm, addr, addr + len);
	if (do_mprotect(mm, addr, len, prot, -1))
		thread->wrong = "mprotect failed";
	mm_call_end(mm);
}

static void discard(struct threads_thread *thread, unsigned long addr, unsigned long len)
{
	struct mm_struct *mm = mm_of(thread);

	mm_call_begin(mm, addr, addr + len);
	if (do_madvise(mm, addr, len, MADV_DONTNEED))
		thread->wrong = "madvise failed";
	mm_call_end(mm);
}

static void touch(struct threads_thread *thread, unsigned long addr, unsigned flags)
{
	if (mm_user_fault(mm_of(thread), addr, flags))
		thread->wrong = "a fault was refused";
}

static void write_pages(struct threads_thread *thread, unsigned long addr, unsigned long pages)
{
	for (; pages && !thread->wrong; pages--, addr += PAGE_SIZE)
		touch(thread, addr, FAULT_FLAG_WRITE);
}

/* ---- mapbench ---- */

static void local_run(struct threads_thread *thread, uint64_t n)
{
	unsigned long addr = threads_own(thread->number, 0);

	while (n-- && !thread->wrong) {
		map(thread, addr, PAGE_SIZE, PLAIN, ANONYMOUS, NULL);
		touch(thread, addr, FAULT_FLAG_WRITE);
		unmap(thread, addr, PAGE_SIZE);
	}
}

/* Maps the next region and hands it on: false if the next thread lags behind too far. */
static bool pipeline_produce(struct threads_thread *thread)
{
	struct threads_ring *ring = &((struct threads_mm *)thread->space)->rings[thread->number];
	unsigned long i = ring->head % THREADS_RING;

	if (ring->head - __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE) == THREADS_RING)
		return false;
	ring->regions[i] = threads_own(thread->number, i * 2 * PAGE_SIZE);
	map(thread, ring->regions[i], PAGE_SIZE, PLAIN, ANONYMOUS, NULL);
	touch(thread, ring->regions[i], FAULT_FLAG_WRITE);
	__atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Takes a region of the thread before: false if there is none. */
static bool pipeline_consume(struct threads_thread *thread)
{
	unsigned before = (thread->number + thread->of - 1) % thread->of;
	struct threads_ring *ring = &((struct threads_mm *)thread->space)->rings[before];
	unsigned long addr = ring->regions[ring->tail % THREADS_RING];

	if (__atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) == ring->tail)
		return false;
	addr = ring->regions[ring->tail % THREADS_RING];
	touch(thread, addr, FAULT_FLAG_WRITE);
	unmap(thread, addr, PAGE_SIZE);
	__atomic_store_n(&ring->tail, ring->tail + 1, __ATOMIC_RELEASE);
	return true;
}

/* n regions made and n taken: as many by each thread, so none is left. */
static void pipeline_run(struct threads_thread *thread, uint64_t n)
{
	uint64_t made = 0, taken = 0;

	while ((made < n || taken < n) && !thread->wrong) {
		bool some = false;

		if (made < n && pipeline_produce(thread)) {
			made++;
			some = true;
		}
		if (taken < n && pipeline_consume(thread)) {
			taken++;
			some = true;
		}
		if (!some && threads_stopped(thread))
			return;
		if (!some)
			sched_yield();
	}
}

/* All pages by all threads, each in an order of its own; then each drops its share of them. */
static void global_run(struct threads_thread *thread, uint64_t n)
{
	const struct threads_mm *space = thread->space;
	unsigned long *touched = &thread->own[0];

	for (; n-- && !thread->wrong; ++*touched) {
		unsigned long page =
			(*touched * 4097 + thread->number * 1021) % THREADS_GLOBAL_PAGES;

		touch(thread, space->global + page * PAGE_SIZE, FAULT_FLAG_WRITE);
		if (*touched % THREADS_GLOBAL_PAGES == THREADS_GLOBAL_PAGES - 1) {
			unsigned long share = THREADS_GLOBAL_PAGES / thread->of * PAGE_SIZE;

			discard(thread, space->global + thread->number * share, share);
		}
	}
}

/* ---- will-it-scale ---- */

/* A region is mapped, each of its pages written to, then it is unmapped. */
static void fault_pages(struct threads_thread *thread, uint64_t n, unsigned long flags,
			struct file *file)
{
	unsigned long *addr = &thread->own[0], *touched = &thread->own[1];
	const unsigned long len = THREADS_FILE_PAGES * PAGE_SIZE;

	while (n-- && !thread->wrong) {
		if (!*addr)
			*addr = map(thread, 0, len, PLAIN, flags, file);
		if (!thread->wrong)
			touch(thread, *addr + *touched * PAGE_SIZE, FAULT_FLAG_WRITE);
		if (++*touched < THREADS_FILE_PAGES)
			continue;
		unmap(thread, *addr, len);
		*addr = *touched = 0;
	}
}

static void fault_pages_leave(struct threads_thread *thread)
{
	if (thread->own[0])
		unmap(thread, thread->own[0], THREADS_FILE_PAGES * PAGE_SIZE);
}

static struct file *own_file(const struct threads_thread *thread)
{
	return ((const struct threads_mm *)thread->space)->files[thread->number];
}

static void page_fault1_run(struct threads_thread *thread, uint64_t n)
{
	fault_pages(thread, n, ANONYMOUS, NULL);
}

static void page_fault2_run(struct threads_thread *thread, uint64_t n)
{
	fault_pages(thread, n, MAP_PRIVATE, own_file(thread));
}

static void page_fault3_run(struct threads_thread *thread, uint64_t n)
{
	fault_pages(thread, n, MAP_SHARED, own_file(thread));
}

static void map_and_unmap(struct threads_thread *thread, uint64_t n, unsigned long len,
			  unsigned long flags, struct file *file)
{
	while (n-- && !thread->wrong) {
		unsigned long addr = map(thread, 0, len, PLAIN, flags, file);

		if (!thread->wrong)
			unmap(thread, addr, len);
	}
}

static void mmap1_run(struct threads_thread *thread, uint64_t n)
{
	map_and_unmap(thread, n, 128UL << 20, ANONYMOUS, NULL);
}

static void mmap2_run(struct threads_thread *thread, uint64_t n)
{
	map_and_unmap(thread, n, THREADS_FILE_PAGES * PAGE_SIZE, MAP_SHARED, own_file(thread));
}

static void brk_to(struct threads_thread *thread, unsigned long brk)
{
	struct mm_struct *mm = mm_of(thread);

	mm_call_begin(mm, THREADS_HEAP, THREADS_HEAP + (THREADS_MAX + 1) * PAGE_SIZE);
	if (do_brk(mm, brk) != brk)
		thread->wrong = "brk failed";
	mm_call_end(mm);
}

static void brk_run(struct threads_thread *thread, uint64_t n)
{
	while (n-- && !thread->wrong) {
		brk_to(thread, THREADS_HEAP + (thread->number + 1) * PAGE_SIZE);
		brk_to(thread, THREADS_HEAP);
	}
}

/* ---- an allocator ---- */

#define ARENA        (64UL << 20) /* reserved at once */
#define ARENA_STEP   (33 * PAGE_SIZE)
#define ARENA_FULL   (16 * ARENA_STEP)
#define LARGE_BLOCKS 16

struct heap {
	unsigned long arena, top; /* top: bytes of it that may be used */
	struct {
		unsigned long addr, len;
	} large[LARGE_BLOCKS]; /* mapped each for itself; addr 0: none */
};

/* Small blocks: the arena grows by mprotect, and is given back when it is full. */
static void heap_small(struct threads_thread *thread, struct heap *heap)
{
	if (heap->top < ARENA_FULL) {
		protect(thread, heap->arena + heap->top, ARENA_STEP, PLAIN);
		write_pages(thread, heap->arena + heap->top, ARENA_STEP / PAGE_SIZE / 4);
		heap->top += ARENA_STEP;
		return;
	}
	discard(thread, heap->arena, heap->top);
	protect(thread, heap->arena, heap->top, PROT_NONE);
	heap->top = 0;
}

static void heap_large(struct threads_thread *thread, struct heap *heap)
{
	unsigned i = rng_below(&thread->rng, LARGE_BLOCKS);

	if (heap->large[i].addr) {
		unmap(thread, heap->large[i].addr, heap->large[i].len);
		heap->large[i].addr = 0;
		return;
	}
	heap->large[i].len = rng_between(&thread->rng, 33, 1024) * PAGE_SIZE;
	heap->large[i].addr = map(thread, 0, heap->large[i].len, PLAIN, ANONYMOUS, NULL);
	if (!thread->wrong)
		write_pages(thread, heap->large[i].addr, 8);
}

static void malloc_run(struct threads_thread *thread, uint64_t n)
{
	struct heap *heap = thread->memory;

	if (!heap) {
		heap = thread->memory = calloc(1, sizeof(*heap));
		if (!heap) {
			thread->wrong = "out of memory";
			return;
		}
		heap->arena = map(thread, 0, ARENA, PROT_NONE, ANONYMOUS | MAP_NORESERVE, NULL);
	}
	while (n-- && !thread->wrong) {
		if (rng_one_in(&thread->rng, 4))
			heap_large(thread, heap);
		else
			heap_small(thread, heap);
	}
}

static void malloc_leave(struct threads_thread *thread)
{
	struct heap *heap = thread->memory;

	if (!heap)
		return;
	unmap(thread, heap->arena, ARENA);
	for (unsigned i = 0; i < LARGE_BLOCKS; i++) {
		if (heap->large[i].addr)
			unmap(thread, heap->large[i].addr, heap->large[i].len);
	}
}

/* ---- threads with stacks ---- */

#define STACK_SIZE (8UL << 20)

/* A thread's life: its stack with a guard page below, a few pages at its top, and gone. */
static void stacks_run(struct threads_thread *thread, uint64_t n)
{
	const unsigned long len = STACK_SIZE + PAGE_SIZE;

	while (n-- && !thread->wrong) {
		unsigned long addr =
			map(thread, 0, len, PROT_NONE, ANONYMOUS | MAP_NORESERVE | MAP_STACK, NULL);

		if (thread->wrong)
			return;
		protect(thread, addr + PAGE_SIZE, STACK_SIZE, PLAIN);
		write_pages(thread, addr + len - 3 * PAGE_SIZE, 3);
		unmap(thread, addr, len);
	}
}

/* ---- faults beside moves ---- */

static void fault_once(struct threads_thread *thread)
{
	const struct threads_mm *space = thread->space;
	const struct place *place = threads_places_stay(&space->places, &thread->rng);

	touch(thread, place->start, FAULT_FLAG_WRITE);
}

/* A VMA is unmapped here and mapped there. */
static void move_once(struct threads_thread *thread, unsigned number, unsigned of)
{
	struct threads_mm *space = thread->space;
	struct move move = threads_places_move(&space->places, &thread->rng, number, of);
	const struct place *from = &space->layout->places[move.from];
	const struct place *to = &space->layout->places[move.to];

	unmap(thread, from->start, from->end - from->start);
	map(thread, to->start, to->end - to->start, threads_prot(move.to), ANONYMOUS, NULL);
}

static void fault_run(struct threads_thread *thread, uint64_t n)
{
	while (n-- && !thread->wrong)
		fault_once(thread);
}

static void move_run(struct threads_thread *thread, uint64_t n)
{
	while (n-- && !thread->wrong)
		move_once(thread, 0, 1);
}

static void mix(struct threads_thread *thread, uint64_t n, unsigned long faults)
{
	unsigned long *since = &thread->own[0]; /* the last move */

	while (n-- && !thread->wrong) {
		if ((*since)++ < faults) {
			fault_once(thread);
			continue;
		}
		*since = 0;
		move_once(thread, thread->number, thread->of);
	}
}

static void mix_100_run(struct threads_thread *thread, uint64_t n)
{
	mix(thread, n, 100);
}

static void mix_10_run(struct threads_thread *thread, uint64_t n)
{
	mix(thread, n, 10);
}

static void mix_1_run(struct threads_thread *thread, uint64_t n)
{
	mix(thread, n, 1);
}

/* ---- the table ---- */

#define MM .ground = &threads_mm_ground

const struct threads_workload threads_mm_workloads[] = {
	{ "fault", "faults at random VMAs whose page is there: fault to mmap 1:0", "fault", MM,
	  .run = fault_run },
	{ "mix-100:1", "100 faults to one move", "fault or move", MM, .run = mix_100_run },
	{ "mix-10:1", "10 faults to one move", "fault or move", MM, .run = mix_10_run },
	{ "mix-1:1", "one fault to one move", "fault or move", MM, .run = mix_1_run },
	{ "fault-beside-mmap", "one thread moves VMAs (munmap, mmap), the others fault", "fault",
	  MM, .run = fault_run, .write = move_run },
	{ "local", "each maps a page of its own, writes, unmaps", "map, write, unmap", MM,
	  .run = local_run },
	{ "pipeline", "each maps and writes, the next one writes and unmaps", "region", MM,
	  .run = pipeline_run },
	{ "global", "all write to all pages of one region", "fault", MM, .run = global_run },
	{ "page_fault1", "each writes to new pages, anonymous", "fault", MM, .run = page_fault1_run,
	  .leave = fault_pages_leave },
	{ "page_fault2", "the same, of a private file", "fault", MM, .run = page_fault2_run,
	  .leave = fault_pages_leave },
	{ "page_fault3", "the same, of a shared file", "fault", MM, .run = page_fault3_run,
	  .leave = fault_pages_leave },
	{ "mmap1", "each maps and unmaps 128 MiB", "mmap and munmap", MM, .run = mmap1_run },
	{ "mmap2", "the same, of a shared file", "mmap and munmap", MM, .run = mmap2_run },
	{ "brk", "all move the break up and back", "two brks", MM, .run = brk_run },
	{ "malloc", "an allocator for each: an arena that grows, large blocks", "step", MM,
	  .run = malloc_run, .leave = malloc_leave },
	{ "stacks", "threads' stacks come and go", "a thread's life", MM, .run = stacks_run },
	{ 0 }
};
