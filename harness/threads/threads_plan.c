/*
 * threads_plan - which event waits for which (see threads_plan.h)
 *
 * A mark is an event's number + 1; 0: none.
 */
#include "harness/threads/threads_plan.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "harness/replay/range_map.h"
#include "harness/replay/replay_internal.h"
#include "mm/mman.h"

/* ---- one event ---- */

/* So many contents of its own has an event to leave in pages, whichever thread does it. */
#define WRITES_SHIFT 28

struct replay_world *threads_world(const struct threads_plan *plan, const struct vma_index_ops *ops,
				   const struct mm_locking *locking, unsigned threads)
{
	const struct program *program = plan->program;
	struct replay_options options;
	struct replay_world *world;

	replay_options_default(&options);
	options.locking = locking;
	options.threads = threads;
	options.find_cache = find_cache_lookup("none");
	world = replay_create(ops, trace_info(program->reader), &options);
	if (!world)
		return NULL;
	int err = replay_reserve_tasks(world, plan->tasks);
	for (size_t i = 0; i < program->n && !err; i++) {
		if (program->events[i].kind == TRACE_FILE)
			err = replay_event(world, &program->events[i]);
	}
	if (!err)
		return world;
	replay_destroy(world);
	return NULL;
}

int threads_step(struct replay_world *world, const struct threads_plan *plan, uint32_t i,
		 uint64_t *digest)
{
	this_cpu(world->machine)->writes = (uint64_t)i << WRITES_SHIFT;
	this_cpu(world->machine)->anon_inodes = i;
	world->hash = HASH_START;
	int err = replay_event(world, &plan->program->events[i]);
	*digest = world->hash;
	return err;
}

/* ---- what the plan is made with ---- */

struct plan_mm {
	struct plan_mm *next; /* of all there are */
	unsigned users;
	struct range_map *vmas;    /* marks: who looked at or changed the VMAs there last, */
	struct range_map *changed; /* who changed them, */
	struct range_map *pages;   /* and who touched the pages there */
	uint32_t call, alone;      /* marks: the last call; what concerned all of it last */
};

struct plan_task {
	struct plan_mm *mm;   /* stays when the task is gone */
	uint32_t last, birth; /* marks */
};

/* A VMA as it was. */
struct sight {
	unsigned long start, end;
	vm_flags_t flags;
	const struct anon_vma *anon_vma;
};

struct sights {
	struct sight *at;
	size_t n, room;
};

struct planner {
	struct threads_plan *plan;
	struct replay_world *world;
	struct arena *arena;
	struct plan_task *tasks;
	struct plan_mm *mms;
	uint32_t *slot;          /* by task: where it may be among what the event waits for */
	struct range_map *files; /* marks: who touched the files' pages last */
	bool *shared;            /* by inode number: someone maps it shared */
	uint64_t inodes;
	struct sights before, after;
	uint32_t i;                  /* the event */
	uint32_t call, table, alone; /* marks: with overcommit 2; of tables; of all */
	int err;
};

/* How far an event reaches. */
enum reach_kind {
	REACH_TASK,  /* nothing but its task */
	REACH_PAGE,  /* a fault: its page */
	REACH_RANGE, /* [lo, hi)'s pages, and the VMAs that touch [vmas_lo, vmas_hi) */
	REACH_MM,
	REACH_ALL, /* all of its mm; of all */
};

struct reach {
	enum reach_kind kind;
	unsigned long lo, hi, vmas_lo, vmas_hi;
	bool call;  /* in the order of calls */
	bool table; /* in the order of tables */
};

/* ---- waiting ---- */

static void wait_for(struct planner *p, uint32_t mark)
{
	const struct trace_event *events = p->plan->program->events;
	struct threads_plan *plan = p->plan;

	if (!mark || events[mark - 1].task == events[p->i].task)
		return;
	uint32_t *slot = &p->slot[events[mark - 1].task], e = mark - 1;
	if (*slot >= plan->first[p->i] && *slot < plan->nafter &&
	    events[plan->after[*slot]].task == events[e].task) {
		plan->after[*slot] = max(plan->after[*slot], e);
		return;
	}
	if (plan->nafter == plan->room) {
		size_t room = plan->room ? 2 * plan->room : 4096;
		uint32_t *grown = realloc(plan->after, room * sizeof(*grown));

		if (!grown) {
			p->err = -ENOMEM;
			return;
		}
		plan->after = grown;
		plan->room = room;
	}
	*slot = plan->nafter;
	plan->after[plan->nafter++] = e;
}

/* For all marks in [lo, hi), which is this event's from here on. */
static void touch(struct planner *p, struct range_map *map, unsigned long lo, unsigned long hi)
{
	struct range range;

	for (unsigned long addr = lo; addr < hi; addr = range.end) {
		range = range_map_at(map, addr, addr, hi);
		wait_for(p, (uint32_t)range.value);
	}
	if (range_map_set(map, lo, hi, p->i + 1))
		p->err = -ENOMEM;
}

/* For the last events, behind that mark, of all tasks that have ever been in mm; NULL: of all. */
static void wait_for_tasks(struct planner *p, const struct plan_mm *mm, uint32_t mark)
{
	for (uint32_t t = 0; t <= p->plan->tasks; t++) {
		if (p->tasks[t].last > mark && (!mm || p->tasks[t].mm == mm))
			wait_for(p, p->tasks[t].last);
	}
}

/* ---- mms ---- */

static void drop_maps(struct plan_mm *mm)
{
	range_map_destroy(mm->vmas);
	range_map_destroy(mm->changed);
	range_map_destroy(mm->pages);
	mm->vmas = mm->changed = mm->pages = NULL;
}

static struct plan_mm *new_mm(struct planner *p)
{
	struct plan_mm *mm = arena_alloc(p->arena, sizeof(*mm), 0);

	if (!mm) {
		p->err = -ENOMEM;
		return NULL;
	}
	*mm = (struct plan_mm){
		.next = p->mms,
		.users = 1,
		.vmas = range_map_create(p->arena),
		.changed = range_map_create(p->arena),
		.pages = range_map_create(p->arena),
		.alone = p->i + 1,
	};
	if (!mm->vmas || !mm->changed || !mm->pages)
		p->err = -ENOMEM;
	p->mms = mm;
	return mm;
}

static void leave_mm(struct plan_task *task)
{
	if (task->mm && !--task->mm->users)
		drop_maps(task->mm);
}

/* Who is in which mm after the event; was: the mm its task had in the world before. */
static void follow_tasks(struct planner *p, const struct trace_event *e,
			 const struct mm_struct *was)
{
	struct plan_task *task = &p->tasks[e->task];
	struct mm_struct *mm = replay_mm(p->world, e->task);

	if (mm && mm != was) {
		leave_mm(task);
		task->mm = new_mm(p);
	} else if (was && !mm) {
		leave_mm(task);
	}
	if (e->kind != TRACE_FORK || !e->arg[0])
		return;
	struct plan_task *child = &p->tasks[e->arg[0]];
	if (child->birth)
		return;
	const struct mm_struct *childs = replay_mm(p->world, (uint32_t)e->arg[0]);
	child->birth = p->i + 1;
	if (childs && childs != mm) {
		child->mm = new_mm(p);
	} else if (childs) {
		child->mm = task->mm;
		child->mm->users++;
	}
}

/* ---- how far an event reaches ---- */

static struct reach reach_range(unsigned long lo, unsigned long len)
{
	unsigned long end = PAGE_ALIGN(lo + len);

	lo &= PAGE_MASK;
	if (end <= lo || end > VMA_INDEX_END)
		return (struct reach){ .kind = REACH_MM };
	return (struct reach){ REACH_RANGE, lo, end, lo, end, true, false };
}

static struct reach reach_brk(const struct mm_struct *mm, const struct trace_event *e)
{
	unsigned long lo = min(mm->brk, (unsigned long)e->result);
	unsigned long hi = max(mm->brk, (unsigned long)e->result);

	return reach_range(lo & PAGE_MASK, hi - (lo & PAGE_MASK) + 1);
}

/* From the lower of its two places to the upper. */
static struct reach reach_mremap(const struct trace_event *e)
{
	unsigned long to = IS_ERR_VALUE(e->result) ? e->arg[0] : (unsigned long)e->result;
	unsigned long lo = min(e->arg[0], to);
	unsigned long len = max(e->arg[1], e->arg[2]);

	if (e->arg[3] & MREMAP_FIXED)
		return (struct reach){ .kind = REACH_MM };
	return reach_range(lo, max(e->arg[0], to) - lo + len);
}

static struct reach reach_mmap(const struct trace_event *e)
{
	if (IS_ERR_VALUE(e->result) || (e->arg[3] & MAP_32BIT))
		return (struct reach){ .kind = REACH_MM };
	return reach_range((unsigned long)e->result, e->arg[1]);
}

/* Needs a fault in vma nothing else of it than that it is there? */
static bool vma_stays(const struct vm_area_struct *vma, bool write)
{
	return vma->anon_vma || (vma->vm_flags & VM_SHARED) || (!vma_is_anonymous(vma) && !write);
}

static struct reach reach_fault(const struct mm_struct *mm, const struct trace_event *e)
{
	struct vm_area_struct *vma = mm->mm_mt->ops->find(mm->mm_mt, e->arg[0]);
	unsigned long lo = e->arg[0] & PAGE_MASK, hi = lo + PAGE_SIZE;
	struct reach reach = { REACH_RANGE, lo, hi, lo, hi, false, false };

	if (e->arg[1] & (TRACE_FAULT_UNKNOWN | TRACE_FAULT_INFERRED))
		return (struct reach){ .kind = REACH_MM };
	if (!vma)
		return reach;
	if (!vma_holds(vma, e->arg[0])) {
		reach.call = vma->vm_flags & VM_GROWSDOWN;
		reach.vmas_hi = reach.call ? vma->vm_end : hi;
		return reach;
	}
	if (vma_stays(vma, e->arg[1] & TRACE_FAULT_WRITE))
		reach.kind = REACH_PAGE;
	reach.vmas_lo = vma->vm_start;
	reach.vmas_hi = vma->vm_end;
	return reach;
}

static struct reach reach_of(const struct planner *p, const struct trace_event *e)
{
	const struct plan_mm *plan_mm = p->tasks[e->task].mm;
	const struct mm_struct *mm = replay_mm(p->world, e->task);

	switch (e->kind) {
	case TRACE_HUGE_FILE:
	case TRACE_HUGE_POOL:
	case TRACE_SHMGET:
	case TRACE_FILE_SIZE:
	case TRACE_UFFD_FEATURES:
	case TRACE_FILE_MORE:
	case TRACE_FILE_SEALS:
	case TRACE_FILE_FLAGS:
	case TRACE_UFFD_CLOSE:
	case TRACE_SETRLIMIT: /* looks at all tasks for its own */
		return (struct reach){ .kind = REACH_ALL };
	case TRACE_EXEC:
	case TRACE_LAYOUT:
	case TRACE_VMA:
	case TRACE_SHMAT:
		return (struct reach){ .kind = REACH_MM, .table = true };
	default:
		break;
	}
	if (!mm)
		return (struct reach){ .kind = REACH_TASK, .table = true };
	switch (e->kind) {
	case TRACE_FORK:
		if (e->arg[1] & CLONE_VM)
			return (struct reach){ .kind = REACH_TASK };
		return (struct reach){ .kind = REACH_MM, .table = true };
	case TRACE_EXIT:
		if (plan_mm->users > 1)
			return (struct reach){ .kind = REACH_TASK };
		return (struct reach){ .kind = REACH_MM, .table = true };
	case TRACE_FAULT:
		return reach_fault(mm, e);
	case TRACE_MMAP:
		return reach_mmap(e);
	case TRACE_BRK:
		return reach_brk(mm, e);
	case TRACE_MREMAP:
		return reach_mremap(e);
	case TRACE_MADVISE:
		if (e->arg[2] == MADV_REMOVE)
			return (struct reach){ .kind = REACH_ALL };
		return reach_range(e->arg[0], e->arg[1]);
	case TRACE_MPROTECT:
		if (e->arg[2] == PROT_EXEC || (e->arg[2] & (PROT_GROWSDOWN | PROT_GROWSUP)))
			return (struct reach){ .kind = REACH_MM };
		return reach_range(e->arg[0], e->arg[1]);
	case TRACE_MUNMAP:
	case TRACE_MLOCK:
	case TRACE_MUNLOCK:
	case TRACE_MSEAL:
	case TRACE_MBIND:
		return reach_range(e->arg[0], e->arg[1]);
	default:
		return (struct reach){ .kind = REACH_MM };
	}
}

/* ---- VMAs before and after ---- */

/* All that overlap or touch [lo, hi). */
static void look(struct planner *p, struct sights *sights, const struct mm_struct *mm,
		 unsigned long lo, unsigned long hi)
{
	struct vma_cursor cursor = { .index = mm->mm_mt };
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	struct vm_area_struct *vma = ops->seek(&cursor, lo ? lo - 1 : 0);

	sights->n = 0;
	for (; vma && vma->vm_start <= hi; vma = ops->next(&cursor)) {
		if (sights->n == sights->room) {
			size_t room = sights->room ? 2 * sights->room : 64;
			struct sight *grown = realloc(sights->at, room * sizeof(*grown));

			if (!grown) {
				p->err = -ENOMEM;
				return;
			}
			sights->at = grown;
			sights->room = room;
		}
		sights->at[sights->n++] = (struct sight){
			vma->vm_start,
			vma->vm_end,
			vma->vm_flags,
			vma->anon_vma,
		};
	}
}

static bool same_sight(const struct sight *a, const struct sight *b)
{
	return a->start == b->start && a->end == b->end && a->flags == b->flags &&
	       a->anon_vma == b->anon_vma;
}

static void look_before(struct planner *p, struct plan_mm *plan_mm, struct reach *reach)
{
	const struct mm_struct *mm = replay_mm(p->world, p->plan->program->events[p->i].task);
	struct sights *before = &p->before;

	look(p, before, mm, reach->vmas_lo, reach->vmas_hi);
	if (before->n) {
		reach->vmas_lo = min(reach->vmas_lo, before->at[0].start);
		reach->vmas_hi = max(reach->vmas_hi, before->at[before->n - 1].end);
	}
	touch(p, plan_mm->vmas, reach->vmas_lo, reach->vmas_hi);
}

static void look_after(struct planner *p, struct plan_mm *plan_mm, const struct reach *reach)
{
	const struct mm_struct *mm = replay_mm(p->world, p->plan->program->events[p->i].task);
	const struct sight *before = p->before.at, *end = before + p->before.n;

	look(p, &p->after, mm, reach->vmas_lo, reach->vmas_hi);
	for (size_t i = 0; i < p->after.n; i++) {
		const struct sight *now = &p->after.at[i];

		while (before < end && before->start < now->start)
			before++;
		if (before < end && same_sight(before, now))
			continue;
		if (range_map_set(plan_mm->changed, now->start, now->end, p->i + 1))
			p->err = -ENOMEM;
	}
}

/* ---- pages of files ---- */

/* Of pages that nobody maps shared each mm sees what the file holds, always. */
static bool counts_for_all(const struct planner *p, const struct vm_area_struct *vma)
{
	const struct inode *inode = vma->vm_file ? vma->vm_file->inode : NULL;

	return inode && ((vma->vm_flags & VM_SHARED) ||
			 (inode->number < p->inodes && p->shared[inode->number]));
}

/*
 * [start, end) of vma's file, in the map of all files: a slot for each.  Two that share one wait
 * for each other, which does no harm.
 */
static void touch_file(struct planner *p, const struct vm_area_struct *vma, unsigned long start,
		       unsigned long end)
{
	unsigned long slot = mix64((uintptr_t)vma->vm_file->inode) % (VMA_INDEX_END >> 40) << 40;
	unsigned long lo = slot + (linear_page_index(vma, start) << PAGE_SHIFT) % (1UL << 40);

	touch(p, p->files, lo, min(lo + (end - start), VMA_INDEX_END));
}

/* What an event sees of the pages of files, beside its mm's own. */
static void touch_files(struct planner *p, const struct trace_event *e)
{
	const struct replay_layout *layout = &p->world->layout;
	const struct mm_struct *mm = replay_mm(p->world, e->task);
	struct vma_cursor cursor = { .index = mm->mm_mt };
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	bool ends =
		e->kind == TRACE_EXIT || (e->kind == TRACE_VMA && layout->n + 1 == layout->wanted);

	if (e->kind == TRACE_FAULT) {
		const struct vm_area_struct *vma = ops->find(mm->mm_mt, e->arg[0]);
		unsigned long page = e->arg[0] & PAGE_MASK;

		if (vma_holds(vma, page) && counts_for_all(p, vma))
			touch_file(p, vma, page, page + PAGE_SIZE);
	}
	if (!ends || p->tasks[e->task].mm->users > 1)
		return;
	for (struct vm_area_struct *vma = ops->seek(&cursor, 0); vma; vma = ops->next(&cursor)) {
		if (counts_for_all(p, vma))
			touch_file(p, vma, vma->vm_start, vma->vm_end);
	}
}

/* ---- the plan ---- */

/* What the event has to wait for before it is done. */
static void plan_waits(struct planner *p, const struct trace_event *e, struct reach *reach)
{
	struct plan_task *task = &p->tasks[e->task];
	struct plan_mm *mm = task->mm;
	bool strict = p->world->info.overcommit == 2;

	wait_for(p, p->alone);
	if (!task->last)
		wait_for(p, task->birth);
	if (mm)
		wait_for(p, mm->alone);
	if (reach->table) {
		wait_for(p, p->table);
		p->table = p->i + 1;
	}
	if (reach->call || reach->kind == REACH_MM) {
		uint32_t *call = strict || !mm ? &p->call : &mm->call;

		wait_for(p, *call);
		*call = p->i + 1;
	}
	if (reach->kind == REACH_ALL) {
		wait_for_tasks(p, NULL, p->alone);
		p->alone = p->i + 1;
	} else if (reach->kind == REACH_MM && mm) {
		wait_for_tasks(p, mm, mm->alone);
		mm->alone = p->i + 1;
	} else if (reach->kind == REACH_PAGE || reach->kind == REACH_RANGE) {
		touch(p, mm->pages, reach->lo, reach->hi);
	}
	if (reach->kind == REACH_PAGE)
		wait_for(
			p,
			(uint32_t)range_map_at(mm->changed, reach->lo, reach->lo, reach->hi).value);
	if (mm && replay_mm(p->world, e->task))
		touch_files(p, e);
}

/* Who maps huge pages of pools has a say in whether others get some: nothing is side by side. */
static bool uses_pools(const struct planner *p, const struct trace_event *e)
{
	return replay_machine(p->world)->hugetlb_used ||
	       (e->kind == TRACE_MMAP && (e->arg[3] & MAP_HUGETLB));
}

static void plan_event(struct planner *p, const struct trace_event *e)
{
	struct plan_mm *mm = p->tasks[e->task].mm;
	const struct mm_struct *was = replay_mm(p->world, e->task);
	struct reach reach = reach_of(p, e);

	if (uses_pools(p, e))
		reach.kind = REACH_ALL;
	plan_waits(p, e, &reach);
	if (reach.kind == REACH_RANGE)
		look_before(p, mm, &reach);
	if (threads_step(p->world, p->plan, p->i, &p->plan->digest[p->i]))
		p->err = -ENOMEM;
	if (reach.kind == REACH_RANGE)
		look_after(p, mm, &reach);
	follow_tasks(p, e, was);
}

static void plan_all(struct planner *p)
{
	struct threads_plan *plan = p->plan;
	const struct program *program = plan->program;

	for (p->i = 0; p->i < program->n && !p->err; p->i++) {
		const struct trace_event *e = &program->events[p->i];

		plan->first[p->i] = (uint32_t)plan->nafter;
		if (e->kind == TRACE_FILE)
			continue;
		plan_event(p, e);
		p->tasks[e->task].last = p->i + 1;
	}
	plan->first[program->n] = (uint32_t)plan->nafter;
	plan->live = replay_live_hash(p->world);
}

/* Which inodes are mapped shared by anyone, ever; and the numbers that there are. */
static int find_shared(struct planner *p)
{
	const struct program *program = p->plan->program;
	uint64_t files = 0, *inode;

	for (size_t i = 0; i < program->n; i++) {
		const struct trace_event *e = &program->events[i];

		if (e->kind != TRACE_FILE)
			continue;
		files = max(files, e->arg[0] + 1);
		p->inodes = max(p->inodes, e->arg[1] + 1);
	}
	inode = calloc(files + 1, sizeof(*inode));
	p->shared = calloc(p->inodes + 1, sizeof(*p->shared));
	for (size_t i = 0; inode && p->shared && i < program->n; i++) {
		const struct trace_event *e = &program->events[i];

		if (e->kind == TRACE_FILE)
			inode[e->arg[0]] = e->arg[1];
		else if (e->kind == TRACE_MMAP && (e->arg[3] & MAP_SHARED) && e->arg[5] < files)
			p->shared[inode[e->arg[5]]] = true;
	}
	int err = inode && p->shared ? 0 : -ENOMEM;
	free(inode);
	return err;
}

static void find_tasks(struct threads_plan *plan)
{
	for (size_t i = 0; i < plan->program->n; i++) {
		const struct trace_event *e = &plan->program->events[i];

		plan->tasks = max(plan->tasks, e->task);
		if (e->kind == TRACE_FORK)
			plan->tasks = max(plan->tasks, (uint32_t)e->arg[0]);
	}
}

static int planner_init(struct planner *p, struct threads_plan *plan)
{
	*p = (struct planner){ .plan = plan, .arena = arena_create() };
	p->world = threads_world(plan, vma_index_lookup("btree"), NULL, 1);
	p->tasks = calloc(plan->tasks + 1, sizeof(*p->tasks));
	p->slot = calloc(plan->tasks + 1, sizeof(*p->slot));
	p->files = p->arena ? range_map_create(p->arena) : NULL;
	return p->world && p->tasks && p->slot && p->files ? find_shared(p) : -ENOMEM;
}

static void planner_done(struct planner *p)
{
	for (struct plan_mm *mm = p->mms; mm; mm = mm->next)
		drop_maps(mm);
	range_map_destroy(p->files);
	replay_destroy(p->world);
	arena_destroy(p->arena);
	free(p->tasks);
	free(p->slot);
	free(p->shared);
	free(p->before.at);
	free(p->after.at);
}

int threads_plan_make(struct threads_plan *plan, const struct program *program)
{
	struct planner p;
	int err;

	*plan = (struct threads_plan){
		.program = program,
		.first = calloc(program->n + 1, sizeof(*plan->first)),
		.digest = calloc(program->n + 1, sizeof(*plan->digest)),
	};
	find_tasks(plan);
	err = planner_init(&p, plan);
	if (!err && plan->first && plan->digest) {
		plan_all(&p);
		err = p.err;
	} else {
		err = -ENOMEM;
	}
	planner_done(&p);
	if (err)
		threads_plan_done(plan);
	return err;
}

void threads_plan_done(struct threads_plan *plan)
{
	free(plan->first);
	free(plan->after);
	free(plan->digest);
}

uint32_t threads_plan_length(const struct threads_plan *plan, unsigned n)
{
	const struct program *program = plan->program;
	uint32_t *end = calloc(program->n + 1, sizeof(*end)),
		 *free_at = calloc(n, sizeof(*free_at));
	uint32_t length = 0;

	for (size_t i = 0; end && free_at && i < program->n; i++) {
		uint32_t *mine = &free_at[program->events[i].task % n];

		if (program->events[i].kind == TRACE_FILE)
			continue;
		for (uint32_t k = plan->first[i]; k < plan->first[i + 1]; k++)
			*mine = max(*mine, end[plan->after[k]]);
		end[i] = ++*mine;
		length = max(length, end[i]);
	}
	free(end);
	free(free_at);
	return length;
}
