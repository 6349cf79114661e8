/*
 * replay_files - recorded files: what a trace tells of them, and what mm makes of it
 */
#include "harness/replay/replay_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>

#include "mm/mman.h"
#include "workloads/format/file_kind.h"

#ifndef O_PATH
#define O_PATH 010000000
#endif

#define EXT4_MAX_PAGES UINT32_MAX /* its block numbers in a file have 32 bits */

static int open_file(struct replay_world *world, const struct trace_event *event)
{
	uint64_t number = event->arg[0], ino = event->arg[1], access = event->arg[4] & O_ACCMODE;
	struct inode **inode;
	struct file *file;

	if (replay_reach((void **)&world->files, &world->nfiles, sizeof(*world->files), number) ||
	    replay_reach((void **)&world->inodes, &world->ninodes, sizeof(*world->inodes), ino) ||
	    replay_reach((void **)&world->facts, &world->nfacts, sizeof(*world->facts), number))
		return -ENOMEM;
	if (world->files[number]) {
		world->counts.bad_events++;
		return 0;
	}
	inode = &world->inodes[ino];
	if (!*inode)
		*inode = inode_create(world->machine, ino,
				      file_kind(event->arg[2], event->arg[3], event->name),
				      event->name);
	file = *inode ? file_open(world->machine, *inode, number, access != O_WRONLY,
				  access != O_RDONLY)
		      : NULL;
	if (!file)
		return -ENOMEM;
	if (event->arg[2] == EXT4_SUPER_MAGIC)
		(*inode)->max_pages = EXT4_MAX_PAGES;
	file->path_only = event->arg[4] & O_PATH;
	world->files[number] = file;
	world->facts[number] = (struct replay_facts){ event->arg[2], event->arg[3], 0 };
	return 0;
}

static void set_more(struct replay_world *world, const struct trace_event *event, struct file *file)
{
	enum file_kind kind = file->inode->kind;

	file->noexec = event->arg[2] & TRACE_NOEXEC;
	world->facts[file->number].rdev = event->arg[1];
	if (event->arg[1] && (kind == FILE_DEVICE || kind == FILE_ZERO))
		file->inode->kind = file_kind_of_device(event->arg[1]);
}

static int set_flags(const struct trace_event *event, struct file *file)
{
	unsigned long type = event->arg[2] & MAP_TYPE;

	return driver_tell(file, event->arg[1], type == MAP_SHARED || type == MAP_SHARED_VALIDATE,
			   event->arg[3]);
}

int replay_file_event(struct replay_world *world, const struct trace_event *event)
{
	struct file *file;

	if (event->kind == TRACE_FILE)
		return open_file(world, event);
	file = replay_file(world, event->arg[0]);
	if (!file)
		return 0;
	switch (event->kind) {
	case TRACE_FILE_SIZE:
		truncate_setsize(world->machine, file->inode,
				 PAGE_ALIGN(event->arg[1]) >> PAGE_SHIFT);
		return 0;
	case TRACE_FILE_MORE:
		set_more(world, event, file);
		return 0;
	case TRACE_FILE_SEALS:
		file->inode->seals = (unsigned)event->arg[1];
		return 0;
	default:
		return set_flags(event, file);
	}
}

void replay_count_driver(struct replay_world *world, const struct file *file)
{
	const struct replay_facts *facts = &world->facts[file->number];
	char name[64];

	file_kind_name(facts->magic, facts->mode, facts->rdev, file->inode->path, name,
		       sizeof(name));
	replay_not_modelled(world, "mmap of %s", name);
}
