/*
 * machine - one emulated computer: settings, memory, files
 */
#include "mm/internal.h"

#include <stdlib.h>
#include <string.h>

void config_default(struct config *config)
{
	*config = (struct config){
		.placement = placement_policy(0),
		.merge = merge_rule(0),
		.task_size = (1UL << 47) - PAGE_SIZE,
		.mmap_min_addr = 65536,
		.dac_mmap_min_addr = 65536,
		.stack_guard_gap = 256 * PAGE_SIZE,
		.max_map_count = 65530,
		.thp = THP_MADVISE,
		.find_cache = find_cache(0),
		.rmap = true,
		.pagetable_levels = 4,
		.nr_trim_pages = 1,
		.overcommit_ratio = 50,
		.hugetlb = { { .shift = 21 }, { .shift = 30 } },
		.limits = {
			.stack = 8UL << 20, .as = ~0UL, .memlock = ~0UL,
			.data = ~0UL, .data_max = ~0UL, .ipc_lock = true, .sys_admin = true,
			.sys_nice = true, .sys_rawio = true,
		},
	};
}

/* ---- its threads ---- */

#define THREAD_FIRST offsetof(struct machine, current)
_Static_assert(sizeof(struct machine) - THREAD_FIRST <= MM_THREAD_STRIDE,
	       "what a thread has for itself fits");

static size_t machine_bytes(const struct config *config)
{
	const struct machine probe = { .config = *config };

	return THREAD_FIRST + (size_t)machine_threads(&probe) * MM_THREAD_STRIDE;
}

static void threads_init(struct machine *machine)
{
	for (unsigned i = 0; i < machine_threads(machine); i++) {
		struct machine *own = machine_of_thread(machine, i);

		own->current = &machine->config.limits;
		own->writes = own->anon_inodes = (uint64_t)i << 48;
		rng_seed(&own->dice, machine->config.seed + i);
	}
}

/* Where threads are going to be side by side, arenas and frames must stand it: 0 or -ENOMEM. */
static int machine_share(struct machine *machine)
{
	if (!machine->config.locking)
		return 0;
	if (machine->config.budget)
		machine->config.budget->shared = true;
	arena_share(machine->index_arena);
	arena_share(machine->arena);
	return frames_share(machine->frames, machine_threads(machine));
}

/* Adds the words of from to those of to, and leaves 0. */
static void gather(void *to, void *from, size_t size)
{
	uint64_t *sum = to, *part = from;

	for (size_t i = 0; i < size / sizeof(*sum); i++) {
		sum[i] += part[i];
		part[i] = 0;
	}
}

void machine_gather(struct machine *machine)
{
	for (unsigned i = 1; i < machine_threads(machine); i++) {
		struct machine *own = machine_of_thread(machine, i);

		gather(&machine->pt, &own->pt, sizeof(own->pt));
		gather(&machine->faults, &own->faults, sizeof(own->faults));
		gather(&machine->finds, &own->finds, sizeof(own->finds));
		uint64_t peak = max(machine->locking.backlog_peak, own->locking.backlog_peak);
		gather(&machine->locking, &own->locking, sizeof(own->locking));
		machine->locking.backlog_peak = peak;
		gather(&machine->merges, &own->merges, sizeof(own->merges));
		gather(&machine->commits_refused, &own->commits_refused,
		       sizeof(own->commits_refused));
		gather(&machine->mms, &own->mms, sizeof(own->mms));
		gather(&machine->vmas, &own->vmas, sizeof(own->vmas));
		gather(&machine->files, &own->files, sizeof(own->files));
		gather(&machine->inodes, &own->inodes, sizeof(own->inodes));
		gather(&machine->anon_vmas, &own->anon_vmas, sizeof(own->anon_vmas));
		gather(&machine->anon_vma_chains, &own->anon_vma_chains,
		       sizeof(own->anon_vma_chains));
		machine->peak_vmas = max(machine->peak_vmas, own->peak_vmas);
	}
}

/* ---- made and ended ---- */

struct machine *machine_create(const struct vma_index_ops *ops, const struct config *config,
			       size_t max_pages)
{
	struct machine *machine = calloc(1, machine_bytes(config));

	if (!machine)
		return NULL;
	machine->index_ops = ops;
	machine->config = *config;
	memcpy(machine->hstate, config->hugetlb, sizeof(machine->hstate));
	if (config->locking) /* what faults remember they would have to lock */
		machine->config.find_cache = find_cache_lookup("none");
	threads_init(machine);
	machine->index_arena = arena_create();
	machine->arena = arena_create();
	machine->frames = frames_create(max_pages, config->budget);
	machine->swap = frames_create(config->swap, config->budget);
	machine->reclaim.hand = 1;
	if (machine->index_arena && machine->arena && machine->frames && machine->swap) {
		arena_set_budget(machine->index_arena, config->budget);
		arena_set_budget(machine->arena, config->budget);
		if (!machine_share(machine))
			return machine;
	}
	frames_destroy(machine->frames);
	frames_destroy(machine->swap);
	arena_destroy(machine->arena);
	arena_destroy(machine->index_arena);
	free(machine);
	return NULL;
}

static void expect_none(const char *what, size_t left)
{
	if (!left)
		return;
	fprintf(stderr, "machine_destroy: %zu %s left: a leak in mm\n", left, what);
	abort();
}

void machine_destroy(struct machine *machine)
{
	struct arena_stats nodes, objects;

	if (!machine)
		return;
	machine_gather(machine);
	expect_none("address spaces", machine->mms);
	expect_none("VMAs", machine->vmas);
	expect_none("open files", machine->files);
	expect_none("inodes", machine->inodes);
	expect_none("anon_vmas", machine->anon_vmas);
	expect_none("links to anon_vmas", machine->anon_vma_chains);
	if (!(machine->config.leave_out & LEAVE_OUT_ACCOUNT_MERGE))
		expect_none("committed pages", machine->committed);
	expect_none("page frames", frames_in_use(machine->frames));
	expect_none("swap slots", frames_in_use(machine->swap));
	arena_stats(machine->index_arena, &nodes);
	arena_stats(machine->arena, &objects);
	expect_none("index nodes", nodes.objects);
	expect_none("objects", objects.objects);
	frames_destroy(machine->frames);
	frames_destroy(machine->swap);
	arena_destroy(machine->arena);
	arena_destroy(machine->index_arena);
	free(machine);
}

struct inode *inode_create(struct machine *machine, uint64_t number, enum file_kind kind,
			   const char *path)
{
	struct inode *inode = arena_alloc(machine->arena, sizeof(*inode), 0);

	if (!inode)
		return NULL;
	*inode = (struct inode){
		.refs = 1,
		.number = number,
		.kind = kind,
		.pages = NO_END,
		.max_pages = NO_END,
	};
	if (path && !(inode->path = arena_alloc(machine->arena, strlen(path) + 1, 0))) {
		arena_free(machine->arena, inode, sizeof(*inode), 0);
		return NULL;
	}
	if (path)
		strcpy(inode->path, path);
	page_cache_init(&inode->cache, number);
	this_cpu(machine)->inodes++;
	return inode;
}

void inode_put(struct machine *machine, struct inode *inode)
{
	if (machine_add(machine, &inode->refs, -1))
		return;
	if (inode->hstate)
		hugetlb_evict_inode(machine, inode);
	page_cache_destroy(&inode->cache, machine->frames);
	machine_add(machine, &machine->committed, -inode->committed);
	if (inode->path)
		arena_free(machine->arena, inode->path, strlen(inode->path) + 1, 0);
	if (inode->told_flags)
		arena_free(machine->arena, inode->told_flags,
			   DRIVER_WAYS * sizeof(*inode->told_flags), 0);
	this_cpu(machine)->inodes--;
	arena_free(machine->arena, inode, sizeof(*inode), 0);
}

struct file *file_open(struct machine *machine, struct inode *inode, uint64_t number, bool readable,
		       bool writable)
{
	struct file *file = arena_alloc(machine->arena, sizeof(*file), 0);

	if (!file)
		return NULL;
	*file = (struct file){
		.machine = machine,
		.refs = 1,
		.number = number,
		.readable = readable,
		.writable = writable,
		.inode = inode,
	};
	machine_add(machine, &inode->refs, 1);
	this_cpu(machine)->files++;
	return file;
}

struct file *get_file(struct file *file)
{
	if (file)
		machine_add(file->machine, &file->refs, 1);
	return file;
}

void fput(struct file *file)
{
	struct machine *machine;

	if (!file || machine_add(file->machine, &file->refs, -1))
		return;
	machine = file->machine;
	inode_put(machine, file->inode);
	this_cpu(machine)->files--;
	arena_free(machine->arena, file, sizeof(*file), 0);
}
