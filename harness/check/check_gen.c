/*
 * check_gen - synthetic events: every operation there is, near what is mapped
 *
 * An address is mostly one where something begins or ends, give or take a
 * page, since that is where merging, splitting and truncating are decided.
 */
#include "harness/check/check.h"

#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "mm/mman.h"

#define TOP          0x7ffff7fff000UL /* mmap_base */
#define STACK        0x7ffffffff000UL /* where the stack ends */
#define HEAP         0x555555600000UL
#define PROGRAM      0x555555554000UL
#define PROGRAM_FILE 4                 /* files[2] */
#define SHM_FILE     (CHECK_FILES + 1) /* the last of files */

void check_info(struct trace_info *info)
{
	static char command[] = "vmabench check", madvise[] = "madvise", never[] = "never";
	static char empty[] = "", arch[] = "x86_64";

	*info = (struct trace_info){
		.command = command,
		.versions = empty,
		.kernel = empty,
		.arch = arch,
		.date = empty,
		.recorder = empty,
		.faults = true,
		.thp = madvise,
		.shmem_thp = never,
		.task_size = (1UL << 47) - PAGE_SIZE,
		.max_map_count = 65530,
		.mmap_min_addr = 65536,
		.stack_guard_gap = 256,
		.rlimit_stack = 8 << 20,
		.rlimit_as = ~0UL,
		.rlimit_data = ~0UL,
		.rlimit_memlock = ~0UL,
	};
}

void check_gen_start(struct check_gen *gen, uint64_t seed, unsigned long vmas)
{
	*gen = (struct check_gen){ .vmas = vmas, .next_task = 2, .task = { 1 } };
	rng_seed(&gen->rng, seed);
}

/* ---- the beginning: files, and the first program ---- */

/* Two opens of one inode, a read-only one, shared memory, /dev/zero. */
static const struct {
	uint64_t inode, magic, mode, flags;
	const char *path;
} files[CHECK_FILES] = {
	{ 1, EXT4_SUPER_MAGIC, S_IFREG | 0644, 2, "/synthetic/a" },
	{ 1, EXT4_SUPER_MAGIC, S_IFREG | 0644, 2, "/synthetic/a" },
	{ 2, EXT4_SUPER_MAGIC, S_IFREG | 0444, 0, "/synthetic/b" },
	{ 3, TMPFS_MAGIC, S_IFREG | 0600, 2, "/dev/shm/synthetic" },
	{ 4, TMPFS_MAGIC, S_IFCHR | 0666, 2, "/dev/zero" },
	{ 5, TMPFS_MAGIC, S_IFIFO | 0600, 2, "/synthetic/fifo" },
	{ 6, TMPFS_MAGIC, S_IFREG | 0600, 2, "/SYSV00000001 (deleted)" },
};

static const struct {
	unsigned long start, pages, flags, pgoff, file;
	const char *name;
} program[] = {
	{ PROGRAM, 2, 0x75, 0, PROGRAM_FILE, "" },
	{ PROGRAM + 0x2000, 4, 0x73 | 1UL << 20, 2, PROGRAM_FILE, "" },
	{ STACK - 33 * PAGE_SIZE, 33, 0x173 | 1UL << 20, 0, 0, "[stack]" },
};

static void event_file(unsigned i, struct trace_event *e)
{
	*e = (struct trace_event){
		.kind = TRACE_FILE,
		.name = files[i].path,
		.arg = { i + 2, files[i].inode, files[i].magic, files[i].mode, files[i].flags },
	};
}

static void event_program_vma(unsigned i, struct trace_event *e)
{
	*e = (struct trace_event){
		.kind = TRACE_VMA,
		.name = program[i].name,
		.arg = { program[i].start, program[i].start + program[i].pages * PAGE_SIZE,
			 program[i].flags, program[i].pgoff, program[i].file, 0 },
	};
}

#define PROLOGUE (CHECK_FILES + 2 + ARRAY_SIZE(program))

static void prologue(struct check_gen *gen, struct trace_event *e)
{
	unsigned i = gen->prologue++;

	if (i < CHECK_FILES) {
		event_file(i, e);
	} else if (i == CHECK_FILES) {
		*e = (struct trace_event){ .kind = TRACE_EXEC,
					   .name = "synthetic",
					   .arg = { TOP, HEAP, HEAP, STACK - 4096 } };
	} else if (i == CHECK_FILES + 1) {
		*e = (struct trace_event){ .kind = TRACE_LAYOUT,
					   .name = "",
					   .arg = { TRACE_AFTER_EXEC, ARRAY_SIZE(program) } };
	} else {
		event_program_vma(i - CHECK_FILES - 2, e);
	}
	e->task = gen->task[0];
}

/* ---- where ---- */

static unsigned long some_length(struct check_gen *gen)
{
	switch (rng_below(&gen->rng, 32)) {
	case 0:
		return rng_below(&gen->rng, 3) << 21;
	case 1:
		return rng_below(&gen->rng, 512) << PAGE_SHIFT;
	case 2:
		return rng_below(&gen->rng, 20000);
	default:
		return rng_between(&gen->rng, 1, 16) << PAGE_SHIFT;
	}
}

/* A page near the edge of some VMA in the part of the address space that mmap fills. */
static unsigned long some_address(struct check_gen *gen, struct mm_struct *mm)
{
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	struct vm_area_struct *first = ops->find(mm->mm_mt, 1UL << 46), *vma;
	unsigned long lo = first ? min(first->vm_start, TOP - (1UL << 20)) : TOP - (1UL << 20);
	unsigned long addr = rng_between(&gen->rng, lo - (1UL << 16), TOP) & PAGE_MASK;
	unsigned long place = gen->places[rng_below(&gen->rng, CHECK_PLACES)];

	if (place && !rng_one_in(&gen->rng, 4))
		addr = place + (rng_below(&gen->rng, 16) << PAGE_SHIFT);

	vma = ops->find(mm->mm_mt, addr);
	if (!vma)
		return addr;
	switch (rng_below(&gen->rng, 6)) {
	default:
		return addr;
	case 0:
		return vma->vm_start;
	case 1:
		return vma->vm_end;
	case 2:
		return vma->vm_start - PAGE_SIZE;
	case 3:
		return vma->vm_end - PAGE_SIZE;
	case 4:
		return vma->vm_start + (rng_below(&gen->rng, vma_pages(vma)) << PAGE_SHIFT);
	}
}

/* ---- what ---- */

static void gen_mmap(struct check_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	static const unsigned long extra[] = {
		MAP_NORESERVE, MAP_STACK, MAP_LOCKED,          MAP_POPULATE,
		MAP_GROWSDOWN, MAP_32BIT, MAP_FIXED_NOREPLACE, MAP_DROPPABLE,
	};
	bool file = rng_one_in(&gen->rng, 4);
	unsigned long flags = rng_one_in(&gen->rng, 8) ? MAP_SHARED : MAP_PRIVATE;

	e->kind = TRACE_MMAP;
	e->arg[1] = some_length(gen);
	e->arg[2] = rng_one_in(&gen->rng, 3) ? rng_below(&gen->rng, 8) : PROT_READ | PROT_WRITE;
	if (rng_one_in(&gen->rng, 2))
		e->arg[0] = some_address(gen, mm);
	if (e->arg[0] && rng_one_in(&gen->rng, 2))
		flags |= MAP_FIXED;
	if (rng_one_in(&gen->rng, 6))
		flags |= extra[rng_below(&gen->rng, ARRAY_SIZE(extra))];
	if (file) {
		e->arg[4] = rng_below(&gen->rng, 40) << PAGE_SHIFT;
		e->arg[5] = 2 + rng_below(&gen->rng, CHECK_FILES - 1);
	} else {
		flags |= MAP_ANONYMOUS;
	}
	if ((flags & (MAP_POPULATE | MAP_LOCKED)) && e->arg[1] > 1 << 20)
		e->arg[1] = 1 << 20;
	e->arg[3] = flags;
}

static void gen_mremap(struct check_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	struct vm_area_struct *vma = find_vma(mm, e->arg[0]);

	e->kind = TRACE_MREMAP;
	if (vma && rng_one_in(&gen->rng, 2)) {
		e->arg[0] = max(e->arg[0], vma->vm_start);
		e->arg[1] = vma->vm_end - e->arg[0];
	}
	e->arg[2] = some_length(gen);
	e->arg[3] = rng_below(&gen->rng, 4) ? MREMAP_MAYMOVE : 0;
	if (rng_one_in(&gen->rng, 3)) {
		e->arg[3] |= MREMAP_FIXED;
		e->arg[4] = some_address(gen, mm);
		if (rng_one_in(&gen->rng, 2))
			e->arg[2] = e->arg[1];
	} else if (rng_one_in(&gen->rng, 8)) {
		e->arg[3] |= MREMAP_DONTUNMAP;
		e->arg[2] = e->arg[1];
	}
}

static void gen_madvise(struct check_gen *gen, struct trace_event *e)
{
	static const int advice[] = {
		MADV_NORMAL,        MADV_RANDOM,        MADV_SEQUENTIAL,
		MADV_WILLNEED,      MADV_DONTNEED,      MADV_FREE,
		MADV_DONTFORK,      MADV_DOFORK,        MADV_MERGEABLE,
		MADV_UNMERGEABLE,   MADV_HUGEPAGE,      MADV_NOHUGEPAGE,
		MADV_DONTDUMP,      MADV_DODUMP,        MADV_WIPEONFORK,
		MADV_KEEPONFORK,    MADV_POPULATE_READ, MADV_POPULATE_WRITE,
		MADV_GUARD_INSTALL, MADV_GUARD_REMOVE,  77,
	};

	e->kind = TRACE_MADVISE;
	e->arg[2] = (uint64_t)advice[rng_below(&gen->rng, ARRAY_SIZE(advice))];
	if (e->arg[1] > 1 << 20)
		e->arg[1] = 1 << 20;
}

static void gen_fault(struct check_gen *gen, struct trace_event *e)
{
	e->kind = TRACE_FAULT;
	e->arg[0] += rng_below(&gen->rng, 16) << PAGE_SHIFT;
	if (rng_one_in(&gen->rng, 100))
		e->arg[0] = STACK - (rng_below(&gen->rng, 2500) << PAGE_SHIFT);
	e->arg[1] = TRACE_FAULT_USER | (rng_one_in(&gen->rng, 3) ? 0 : TRACE_FAULT_WRITE);
}

/* A file ends elsewhere: most mappings of it begin below its 40th page. */
static void gen_truncate(struct check_gen *gen, struct trace_event *e)
{
	e->kind = TRACE_FILE_SIZE;
	e->arg[0] = 2 + rng_below(&gen->rng, 4);
	e->arg[1] = rng_one_in(&gen->rng, 3) ? 1 << 30 : rng_below(&gen->rng, 60 * PAGE_SIZE);
}

static void gen_rare(struct check_gen *gen, struct trace_event *e)
{
	switch (rng_below(&gen->rng, 8)) {
	case 6:
	case 7:
		gen_truncate(gen, e);
		break;
	case 0:
		e->kind = TRACE_MBIND;
		e->arg[2] = rng_below(&gen->rng, 3);
		e->arg[3] = e->arg[2] ? 1 : 0;
		break;
	case 1:
		e->kind = TRACE_UFFD_REGISTER;
		e->arg[2] = e->arg[1];
		e->arg[1] = e->arg[0];
		e->arg[0] = 1 + rng_below(&gen->rng, 2);
		e->arg[3] = 1 + rng_below(&gen->rng, 3);
		break;
	case 2:
		e->kind = TRACE_UFFD_UNREGISTER;
		e->arg[2] = e->arg[1];
		e->arg[1] = e->arg[0];
		e->arg[0] = 1 + rng_below(&gen->rng, 2);
		break;
	case 3:
		e->kind = rng_one_in(&gen->rng, 50) ? TRACE_MSEAL : TRACE_MPROTECT;
		e->arg[2] = 0;
		e->arg[3] = (uint64_t)-1;
		break;
	case 4:
		e->kind = rng_one_in(&gen->rng, 2) ? TRACE_MUNLOCKALL : TRACE_MUNLOCK;
		break;
	default:
		e->kind = rng_one_in(&gen->rng, 2) ? TRACE_SHMAT : TRACE_SHMDT;
		if (e->kind == TRACE_SHMDT)
			break;
		e->arg[0] = SHM_FILE;
		e->arg[1] = 0;
		e->arg[3] = some_length(gen);
		break;
	}
}

/* An mm that has too much is emptied a little; the others get any operation. */
static void gen_call(struct check_gen *gen, struct mm_struct *mm, struct trace_event *e)
{
	unsigned dice = (unsigned)rng_below(&gen->rng, 100);

	e->arg[0] = some_address(gen, mm);
	e->arg[1] = some_length(gen);
	if (mm->map_count > gen->vmas && dice < 40) {
		e->kind = TRACE_MUNMAP;
		e->arg[1] *= 8;
	} else if (dice < 30) {
		memset(e->arg, 0, sizeof(e->arg));
		gen_mmap(gen, mm, e);
	} else if (dice < 42) {
		e->kind = TRACE_MUNMAP;
	} else if (dice < 57) {
		e->kind = TRACE_MPROTECT;
		e->arg[2] = rng_below(&gen->rng, 8);
		e->arg[3] = (uint64_t)-1;
	} else if (dice < 65) {
		gen_mremap(gen, mm, e);
	} else if (dice < 75) {
		gen_madvise(gen, e);
	} else if (dice < 78) {
		e->kind = rng_one_in(&gen->rng, 2) ? TRACE_MLOCK : TRACE_MUNLOCK;
		e->arg[1] = min(e->arg[1], 1UL << 18);
	} else if (dice < 82) {
		e->kind = TRACE_BRK;
		e->arg[0] = HEAP + rng_below(&gen->rng, 1 << 20);
	} else if (dice < 98) {
		gen_fault(gen, e);
	} else {
		gen_rare(gen, e);
	}
}

/* ---- tasks come and go ---- */

static bool gen_task(struct check_gen *gen, unsigned slot, struct trace_event *e)
{
	unsigned other = (unsigned)rng_below(&gen->rng, CHECK_TASKS);

	if (other == slot || other == 0) /* the first one stays */
		return false;
	if (!gen->task[other]) {
		if (gen->next_task >= TRACE_MAX_TASKS)
			return false;
		gen->task[other] = gen->next_task++;
		e->kind = TRACE_FORK;
		e->arg[0] = gen->task[other];
		e->arg[1] = rng_one_in(&gen->rng, 8) ? CLONE_VM | CLONE_THREAD : 0;
		return true;
	}
	e->task = gen->task[other];
	gen->task[other] = 0;
	e->kind = TRACE_EXIT;
	return true;
}

void check_gen_next(struct check_gen *gen, const struct replay_world *world,
		    struct trace_event *event)
{
	unsigned slot = (unsigned)rng_below(&gen->rng, CHECK_TASKS);

	*event = (struct trace_event){ .name = "" };
	if (gen->prologue == PROLOGUE && rng_one_in(&gen->rng, 50000))
		gen->prologue = CHECK_FILES; /* the first task execs again */
	if (gen->prologue < PROLOGUE) {
		prologue(gen, event);
		return;
	}
	if (!IS_ERR_VALUE(replay_result(world)) && replay_result(world))
		gen->places[rng_below(&gen->rng, CHECK_PLACES)] =
			(unsigned long)replay_result(world) & PAGE_MASK;
	if (!gen->task[slot])
		slot = 0;
	event->task = gen->task[slot];
	if (rng_one_in(&gen->rng, 1000) && gen_task(gen, slot, event))
		return;
	gen_call(gen, replay_mm(world, event->task), event);
}
