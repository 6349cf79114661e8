/*
 * threads_mm - the address space on which threads run: made, verified (see threads_mm.h)
 */
#include "harness/threads/threads_mm.h"

#include <stdlib.h>

#include "mm/mman.h"

#define MMAP_BASE  0x7ffff0000000UL
#define STACK      0x7ffffffff000UL
#define PROT_PLAIN (PROT_READ | PROT_WRITE)

unsigned long threads_prot(uint32_t place)
{
	return PROT_PLAIN | (place % 2 ? PROT_EXEC : 0);
}

/* ---- made and ended ---- */

static void mm_close(void *arg)
{
	struct threads_mm *space = arg;

	if (space->mm)
		mmput(space->mm);
	for (unsigned i = 0; space->files && i < space->threads; i++)
		fput(space->files[i]);
	machine_destroy(space->machine);
	threads_places_done(&space->places);
	free(space->files);
	free(space->rings);
	free(space);
}

static bool open_files(struct threads_mm *space)
{
	space->files = calloc(space->threads, sizeof(*space->files));
	for (unsigned i = 0; space->files && i < space->threads; i++) {
		struct inode *inode = inode_create(space->machine, i + 1, FILE_SHMEM, "/tmp/file");

		if (!inode)
			return false;
		inode->pages = THREADS_FILE_PAGES;
		space->files[i] = file_open(space->machine, inode, i + 1, true, true);
		inode_put(space->machine, inode);
		if (!space->files[i])
			return false;
	}
	return space->files;
}

static bool make_machine(struct threads_mm *space, const struct threads_setup *setup)
{
	struct task_struct task = { 0 };
	struct config config;

	config_default(&config);
	config.locking = setup->locking;
	config.threads = setup->threads;
	config.max_map_count = 2 * setup->layout->vmas + 1000UL * setup->threads;
	config.overcommit = 1;
	config.thp = THP_NEVER;
	config.find_cache = find_cache_lookup("none");
	space->machine = machine_create(setup->ops, &config, 0);
	if (!space->machine ||
	    exec_mmap(space->machine, &task, NULL, 0, MMAP_BASE, THREADS_HEAP, THREADS_HEAP, STACK))
		return false;
	space->mm = task.mm;
	return true;
}

/* The layout's VMAs; the first page of those that stay. */
static bool map_layout(struct threads_mm *space)
{
	const struct layout *layout = space->layout;

	for (size_t i = 0; i < layout->vmas; i++) {
		const struct place *place = layout_aged(layout, i);

		if (do_mmap(space->mm, NULL, place->start, place->end - place->start,
			    threads_prot(layout->aged[i]), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			    0) != place->start)
			return false;
		if (space->places.stays[layout->aged[i]] &&
		    handle_mm_fault(space->mm, place->start, FAULT_FLAG_WRITE))
			return false;
	}
	space->global = do_mmap(space->mm, NULL, 0, THREADS_GLOBAL_PAGES << PAGE_SHIFT, PROT_PLAIN,
				MAP_PRIVATE | MAP_ANONYMOUS, 0);
	return !IS_ERR_VALUE(space->global);
}

static void *mm_open(const struct threads_setup *setup)
{
	struct threads_mm *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	space->layout = setup->layout;
	space->threads = setup->threads;
	space->rings = aligned_alloc(64, setup->threads * sizeof(*space->rings));
	for (unsigned i = 0; space->rings && i < setup->threads; i++)
		space->rings[i] = (struct threads_ring){ 0 };
	if (space->rings && make_machine(space, setup) && open_files(space) &&
	    threads_places_init(&space->places, setup->layout) && map_layout(space))
		return space;
	mm_close(space);
	return NULL;
}

/* ---- what must be there ---- */

static const char *place_verify(const struct threads_mm *space, uint32_t number)
{
	const struct place *place = &space->layout->places[number];
	struct vm_area_struct *vma = vma_lookup(space->mm, place->start);

	if (!vma || vma->vm_start != place->start || vma->vm_end != place->end)
		return "a VMA is not where it was put";
	if (space->places.stays[number] && !pt_get(&space->mm->pgd, place->start))
		return "a page that was written to is gone";
	return NULL;
}

static const char *mm_ground_verify(void *arg)
{
	struct threads_mm *space = arg;
	const char *wrong = mm_verify(space->mm, stderr);

	for (size_t i = 0; i < space->layout->vmas && !wrong; i++)
		wrong = place_verify(space, space->places.standing[i]);
	if (!wrong && space->mm->map_count != space->layout->vmas + 1)
		wrong = "VMAs came or went";
	if (!wrong && space->mm->brk != THREADS_HEAP)
		wrong = "the break is not where it was";
	return wrong;
}

static void mm_tally(void *arg, struct threads_tally *tally)
{
	struct machine *machine = ((struct threads_mm *)arg)->machine;
	const struct locking_counters *counters = &machine->locking;
	struct arena_stats stats;

	arena_stats(machine->index_arena, &stats);
	tally->index_bytes = stats.used;
	tally->index_peak = stats.peak_used;
	machine_gather(machine);
	tally->faults = counters->faults;
	tally->fallbacks = counters->fallbacks;
	tally->retries = counters->retries;
	tally->grace_periods = counters->grace_periods;
	tally->held = counters->backlog_peak;
}

static const char *mm_locking_name(const struct threads_setup *setup)
{
	return setup->locking ? setup->locking->name : "none";
}

const struct threads_ground threads_mm_ground = {
	.open = mm_open,
	.close = mm_close,
	.verify = mm_ground_verify,
	.tally = mm_tally,
	.locking = mm_locking_name,
	.has_mm = true,
};
