/*
 * machine - one emulated computer: settings, memory, files
 */
#include "mm/mm.h"

#include <stdlib.h>
#include <string.h>

void config_default(struct config *config)
{
	*config = (struct config){
		.placement = placement_policy(0),
		.merge = merge_rule(0),
		.task_size = (1UL << 47) - PAGE_SIZE,
		.mmap_min_addr = 65536,
		.stack_guard_gap = 256 * PAGE_SIZE,
		.max_map_count = 65530,
		.thp = THP_MADVISE,
		.find_cache = find_cache(0),
		.rmap = true,
		.pagetable_levels = 4,
		.overcommit_ratio = 50,
		.limits = {
			.stack = 8UL << 20, .as = ~0UL, .memlock = ~0UL,
			.data = ~0UL, .data_max = ~0UL, .ipc_lock = true, .sys_admin = true,
		},
	};
}

struct machine *machine_create(const struct vma_index_ops *ops, const struct config *config,
			       size_t max_pages)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return NULL;
	machine->index_ops = ops;
	machine->config = *config;
	machine->current = &machine->config.limits;
	rng_seed(&machine->dice, config->seed);
	machine->index_arena = arena_create();
	machine->arena = arena_create();
	machine->frames = frames_create(max_pages);
	if (machine->index_arena && machine->arena && machine->frames)
		return machine;
	frames_destroy(machine->frames);
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
	expect_none("address spaces", machine->mms);
	expect_none("VMAs", machine->vmas);
	expect_none("open files", machine->files);
	expect_none("inodes", machine->inodes);
	expect_none("anon_vmas", machine->anon_vmas);
	if (!(machine->config.leave_out & LEAVE_OUT_ACCOUNT_MERGE))
		expect_none("committed pages", machine->committed);
	expect_none("page frames", frames_in_use(machine->frames));
	arena_stats(machine->index_arena, &nodes);
	arena_stats(machine->arena, &objects);
	expect_none("index nodes", nodes.objects);
	expect_none("objects", objects.objects);
	frames_destroy(machine->frames);
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
		.refs = 1, .number = number, .kind = kind, .pages = NO_END,
	};
	inode->path = path ? strdup(path) : NULL;
	page_cache_init(&inode->cache, number);
	machine->inodes++;
	return inode;
}

void inode_put(struct machine *machine, struct inode *inode)
{
	if (--inode->refs)
		return;
	page_cache_destroy(&inode->cache, machine->frames);
	machine->committed -= inode->committed;
	free(inode->path);
	machine->inodes--;
	arena_free(machine->arena, inode, sizeof(*inode), 0);
}

struct file *file_open(struct machine *machine, struct inode *inode, uint64_t number,
		       bool readable, bool writable)
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
	inode->refs++;
	machine->files++;
	return file;
}

struct file *get_file(struct file *file)
{
	if (file)
		file->refs++;
	return file;
}

void fput(struct file *file)
{
	struct machine *machine;

	if (!file || --file->refs)
		return;
	machine = file->machine;
	inode_put(machine, file->inode);
	machine->files--;
	arena_free(machine->arena, file, sizeof(*file), 0);
}
