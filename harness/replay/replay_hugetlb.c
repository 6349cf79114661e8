/*
 * replay_hugetlb - huge pages of pools: what the trace tells of pools, files and segments
 *
 * The emulation counts the pools' pages itself, from the header on.  It does not see other programs
 * that use them, files that are closed, or faults that were not recorded: a HUGE_POOL or HUGE_FILE
 * event tells what the recorder found, and is heeded; where that is not what was emulated
 * it is counted (huge_pages_told).  Calls about a pool that the trace does not tell of, or about a
 * size of pages that is not modelled, are not modelled: they have no effect.
 */
#include "harness/replay/replay_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/shm.h>

#include "mm/mman.h"

/* A segment of huge pages, by the id that shmget returned. */
struct replay_segment {
	uint64_t id;
	struct hstate *h;
	unsigned long pages;
};

static unsigned log2_of(uint64_t size)
{
	return (unsigned)__builtin_ctzll(size);
}

static struct hstate pool_from(const struct trace_pool *pool)
{
	return (struct hstate){
		.shift = log2_of(pool->size),
		.pages = pool->pages,
		.free = pool->free,
		.reserved = pool->reserved,
		.surplus = pool->surplus,
		.overcommit = pool->overcommit,
	};
}

/* Linux 6.13 places huge pages as other files. */
static bool is_before_6_13(const char *kernel)
{
	unsigned version, sub;

	return kernel && sscanf(kernel, "%u.%u", &version, &sub) == 2 &&
	       (version < 6 || (version == 6 && sub < 13));
}

void replay_hugetlb_config(struct config *config, const struct trace_info *info)
{
	struct trace_pool pools[TRACE_MAX_POOLS];
	int n = trace_pools(info->hugetlb ? info->hugetlb : "", pools);

	for (int i = 0; i < HUGETLB_POOLS; i++)
		config->hugetlb[i] = i < n ? pool_from(&pools[i]) : (struct hstate){ 0 };
	config->hugetlb_hint_down = is_before_6_13(info->kernel);
}

/* ---- what is not modelled ---- */

static bool pools_known(const struct replay_world *world)
{
	return world->machine->hstate[0].shift;
}

static bool is_modelled(const struct hstate *h)
{
	return !h || hugetlb_size_modelled(h->shift);
}

bool replay_hugetlb_known(struct replay_world *world, const struct file *file, unsigned long flags)
{
	if (file)
		return file->inode->kind != FILE_HUGETLB || file->inode->hstate;
	if (!(flags & MAP_ANONYMOUS) || !(flags & MAP_HUGETLB))
		return true;
	return pools_known(world) &&
	       is_modelled(hstate_sizelog(world->machine, hugetlb_flags_log(flags)));
}

/* ---- what the recorder found ---- */

/* Nobody has mapped it: the inode may still become another kind. */
static bool is_fresh(const struct file *file)
{
	if (file->machine->config.rmap)
		return !file->inode->i_mmap.node;
	return file->refs == 1 && file->inode->refs == 2;
}

int replay_huge_file(struct replay_world *world, const struct trace_event *event)
{
	struct file *file = replay_file(world, event->arg[0]);
	struct hstate *h = hstate_sizelog(world->machine, log2_of(event->arg[1]));

	if (!file || !h || !hugetlb_size_modelled(h->shift))
		return 0;
	struct inode *inode = file->inode;
	if (!inode->hstate && (inode->kind != FILE_HUGETLB || !is_fresh(file))) {
		world->counts.bad_events++;
		return 0;
	}
	if (!inode->hstate)
		hugetlb_init_inode(inode, h);
	if (event->arg[2] == hugetlb_cached(inode))
		return 0;
	world->counts.huge_pages_told++;
	/* which ones is known only of all */
	if (event->arg[2] << (h->shift - PAGE_SHIFT) == inode->pages)
		return hugetlb_present(world->machine, inode, event->arg[2]);
	return 0;
}

void replay_huge_pool(struct replay_world *world, const struct trace_event *event)
{
	const uint64_t *arg = event->arg;
	struct hstate *h = hstate_sizelog(world->machine, log2_of(arg[0]));

	if (!h)
		return;
	if (h->pages == arg[1] && h->free == arg[2] && h->reserved == arg[3] &&
	    h->surplus == arg[4] && h->overcommit == arg[5])
		return;
	world->counts.huge_pages_told++;
	h->pages = arg[1];
	h->free = arg[2];
	h->reserved = arg[3];
	h->surplus = arg[4];
	h->overcommit = arg[5];
}

/* ---- System V segments ---- */

static struct replay_segment *segment_of(const struct replay_world *world, uint64_t id)
{
	for (size_t i = 0; i < world->nsegments; i++) {
		if (world->segments[i].id == id)
			return &world->segments[i];
	}
	return NULL;
}

static struct replay_segment *segment_new(struct replay_world *world, uint64_t id)
{
	struct replay_segment *grown = segment_of(world, id);

	if (grown) /* an id is used again when a segment has gone */
		return grown;
	grown = realloc(world->segments, (world->nsegments + 1) * sizeof(*grown));
	if (!grown)
		return NULL;
	world->segments = grown;
	return &grown[world->nsegments++];
}

/*
 * What is there already, forbidden or too large is not known here: only whether the pool has
 * enough.
 */
static bool asks_the_pool(const struct replay_world *world, const struct trace_event *e)
{
	const struct replay_segment *known = segment_of(world, (uint64_t)e->result);

	if (e->result < 0)
		return e->result == -ENOMEM;
	return (e->arg[2] & IPC_CREAT) && (!known || e->arg[0] == IPC_PRIVATE);
}

void replay_shmget(struct replay_world *world, const struct trace_event *e, struct outcome *out)
{
	struct hstate *h = hstate_sizelog(world->machine, hugetlb_flags_log(e->arg[2]));

	out->result = e->result;
	out->unknown = !pools_known(world) || !is_modelled(h) || (h && !asks_the_pool(world, e));
	if (!pools_known(world) || !is_modelled(h))
		replay_not_modelled(world, "shmget of huge pages");
	if (out->unknown)
		return;
	if (!h) {
		out->result = -EINVAL;
		return;
	}
	unsigned long pages = (e->arg[1] + huge_page_size(h) - 1) >> h->shift;
	int err = e->arg[2] & SHM_NORESERVE ? 0 : hugetlb_promise(world->machine, h, pages);
	if (err || e->result < 0) {
		out->result = err;
		return;
	}
	struct replay_segment *segment = segment_new(world, (uint64_t)e->result);
	if (segment)
		*segment = (struct replay_segment){ (uint64_t)e->result, h, pages };
}

void replay_hugetlb_attach(struct replay_world *world, struct file *file, uint64_t id)
{
	const struct replay_segment *segment = segment_of(world, id);

	if (segment && !file->inode->hstate && is_fresh(file))
		hugetlb_init_segment(world->machine, file->inode, segment->h, segment->pages);
}
