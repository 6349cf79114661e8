/*
 * replay - the world: tasks, files, faults, and which event goes where
 */
#include "harness/replay/replay_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

#include "base/hash.h"

struct budget replay_budget = { .limit = REPLAY_MEMORY };
static bool frames_exhausted; /* of the last world that ended so */

void replay_options_default(struct replay_options *options)
{
	*options = (struct replay_options){
		.find_cache = find_cache(0),
		.pagetable_levels = 4,
		.digest = true,
		.compare = true,
		.placement = placement_policy(0),
		.merge = merge_rule(0),
	};
}

/* ---- made and ended ---- */

static int thp_mode(const char *setting)
{
	if (!setting || strstr(setting, "never"))
		return THP_NEVER;
	return strstr(setting, "always") ? THP_ALWAYS : THP_MADVISE;
}

static void set_capabilities(struct limits *limits, uint64_t lacks)
{
	limits->ipc_lock = !(lacks & 1ULL << CAP_IPC_LOCK);
	limits->sys_admin = !(lacks & 1ULL << CAP_SYS_ADMIN);
	limits->sys_nice = !(lacks & 1ULL << CAP_SYS_NICE);
	limits->sys_rawio = !(lacks & 1ULL << CAP_SYS_RAWIO);
}

static void limits_from(struct limits *limits, const struct trace_info *info)
{
	*limits = (struct limits){
		.stack = info->rlimit_stack,
		.as = info->rlimit_as,
		.memlock = info->rlimit_memlock,
		.data = info->rlimit_data,
		.data_max = ~0UL,
	};
	set_capabilities(limits, info->lacks_capabilities);
}

/* As wanted, but no fewer than reach all addresses of the recorded machine. */
static unsigned pagetable_levels(unsigned wanted, unsigned long task_size)
{
	return task_size > 1UL << (PAGE_SHIFT + 4 * PT_SHIFT) ? 5 : wanted;
}

static void config_from(struct config *config, const struct trace_info *info,
			const struct replay_options *options)
{
	config_default(config);
	config->task_size = info->task_size;
	config->mmap_min_addr = PAGE_ALIGN(max(info->mmap_min_addr, info->least_hint));
	config->dac_mmap_min_addr = info->mmap_min_addr;
	config->memory_nodes = info->memory_nodes;
	config->mdwe = (unsigned)info->mdwe;
	config->merge_any = info->memory_merge;
	config->file_guards_prepare = info->file_guards_prepare;
	config->stack_guard_gap = info->stack_guard_gap << PAGE_SHIFT;
	config->max_map_count = info->max_map_count;
	config->overcommit = (unsigned)info->overcommit;
	config->legacy_layout = info->legacy_layout;
	config->thp = thp_mode(info->thp);
	config->shmem_thp = info->shmem_thp && *info->shmem_thp &&
			    !strstr(info->shmem_thp, "never") && !strstr(info->shmem_thp, "deny");
	config->placement = options->placement;
	config->merge = options->merge;
	config->locking = options->locking;
	config->threads = options->threads;
	config->seed = options->seed;
	config->find_cache = options->find_cache;
	config->pkeys = info->pkeys;
	config->pagetable_levels = pagetable_levels(options->pagetable_levels, config->task_size);
	config->huge_pages = options->huge_pages;
	config->leave_out = options->leave_out;
	config->without = options->without;
	config->rmap = !options->no_rmap;
	config->mmap_hook = options->mmap_hook;
	config->budget = &replay_budget;
	replay_hugetlb_config(config, info);
	config->ram = info->ram >> PAGE_SHIFT;
	config->swap = info->swap >> PAGE_SHIFT;
	config->committed = info->committed >> PAGE_SHIFT;
	config->overcommit_ratio = (unsigned)info->overcommit_ratio;
	config->overcommit_pages = info->overcommit_kbytes >> (PAGE_SHIFT - 10);
	config->admin_reserve = info->admin_reserve_kbytes >> (PAGE_SHIFT - 10);
	config->user_reserve = info->user_reserve_kbytes >> (PAGE_SHIFT - 10);
	limits_from(&config->limits, info);
}

struct replay_world *replay_create(const struct vma_index_ops *ops, const struct trace_info *info,
				   const struct replay_options *options)
{
	struct replay_world *world = calloc(1, sizeof(*world));
	struct config config;

	if (!world)
		return NULL;
	replay_budget.refused = frames_exhausted = false;
	config_from(&config, info, options);
	world->info = *info;
	world->writes_told = info->fault_source && strstr(info->fault_source, "pagemap");
	world->options = *options;
	world->hash = HASH_START;
	world->machine = machine_create(ops, &config, config.ram ? config.ram + config.swap : 0);
	world->reclaim_at = (config.ram + config.swap) / 8 * 7;
	world->translations = arena_create();
	world->special = calloc(REPLAY_SPECIALS, sizeof(*world->special));
	if (world->machine && world->translations && world->special) {
		arena_set_budget(world->translations, &replay_budget);
		return world;
	}
	replay_destroy(world);
	return NULL;
}

static void free_table(void *table, size_t bytes)
{
	budget_give(&replay_budget, bytes);
	free(table);
}

void replay_destroy(struct replay_world *world)
{
	if (!world)
		return;
	for (size_t i = 0; i < world->ntasks; i++) {
		if (world->tasks[i].tsk.mm)
			mmput(world->tasks[i].tsk.mm);
		translation_put(world->tasks[i].map);
	}
	arena_destroy(world->translations);
	for (size_t i = 0; world->special && i < REPLAY_SPECIALS; i++)
		fput(world->special[i]);
	for (size_t i = 0; i < world->nfiles; i++)
		fput(world->files[i]);
	for (size_t i = 0; i < world->ninodes; i++) {
		if (world->inodes[i])
			inode_put(world->machine, world->inodes[i]);
	}
	machine_destroy(world->machine);
	replay_layout_free(&world->layout);
	free(world->special);
	free(world->segments);
	free_table(world->tasks, world->ntasks * sizeof(*world->tasks));
	free_table(world->files, world->nfiles * sizeof(*world->files));
	free_table(world->facts, world->nfacts * sizeof(*world->facts));
	free_table(world->inodes, world->ninodes * sizeof(*world->inodes));
	free(world);
}

int replay_reach(void **table, size_t *n, size_t size, uint64_t number)
{
	if (number < *n)
		return 0;

	size_t room = max((size_t)number + 1, *n * 2);
	if (!budget_take(&replay_budget, (room - *n) * size))
		return -ENOMEM;
	char *grown = realloc(*table, room * size);
	if (!grown) {
		budget_give(&replay_budget, (room - *n) * size);
		return -ENOMEM;
	}
	memset(grown + *n * size, 0, (room - *n) * size);
	*table = grown;
	*n = room;
	return 0;
}

/* ---- what was not modelled ---- */

static void add_name(struct replay_name *names, const char *name, uint64_t times)
{
	unsigned i = 0;

	while (i < REPLAY_NAMES - 1 && names[i].times && strcmp(names[i].name, name))
		i++;
	if (!names[i].times)
		snprintf(names[i].name, sizeof(names[i].name), "%s", name);
	names[i].times += times;
}

void replay_not_modelled(struct replay_world *world, const char *format, ...)
{
	char name[sizeof(world->not_modelled[0].name)];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	add_name(world->not_modelled, name, 1);
	world->counts.not_modelled++;
}

const struct replay_name *replay_names(const struct replay_world *world)
{
	return world->not_modelled;
}

int replay_reserve_tasks(struct replay_world *world, uint64_t number)
{
	return replay_reach((void **)&world->tasks, &world->ntasks, sizeof(*world->tasks), number);
}

struct replay_world *replay_beside(const struct replay_world *world)
{
	struct replay_world *beside = malloc(sizeof(*beside));

	if (!beside)
		return NULL;
	*beside = *world;
	beside->counts = (struct replay_counts){ 0 };
	memset(beside->not_modelled, 0, sizeof(beside->not_modelled));
	beside->layout = (struct replay_layout){ 0 };
	return beside;
}

void replay_join(struct replay_world *world, struct replay_world *beside)
{
	uint64_t *sum = (uint64_t *)&world->counts, *part = (uint64_t *)&beside->counts;

	for (size_t i = 0; i < sizeof(world->counts) / sizeof(*sum); i++)
		sum[i] += part[i];
	for (const struct replay_name *n = beside->not_modelled; n->times; n++)
		add_name(world->not_modelled, n->name, n->times);
	replay_layout_free(&beside->layout);
	free(beside);
}

void replay_difference(struct replay_world *world, const struct trace_event *recorded,
		       int64_t result, const char *text)
{
	struct replay_difference difference = {
		.event = world->counts.events,
		.recorded = recorded,
		.result = result,
		.text = text,
	};

	if (world->options.on_difference)
		world->options.on_difference(&difference, world->options.arg);
}

/* ---- files ---- */

struct file *replay_file(const struct replay_world *world, uint64_t number)
{
	return number < world->nfiles ? world->files[number] : NULL;
}

/* Names beyond what there is room for, which no kernel has, share the last file. */
struct file *replay_special(struct replay_world *world, const char *name)
{
	struct file **special = world->special;

	while (*special && strcmp((*special)->inode->path, name) &&
	       special < world->special + REPLAY_SPECIALS - 1)
		special++;
	if (*special)
		return *special;

	struct inode *inode = inode_create(world->machine, ~0UL, FILE_SPECIAL, name);
	if (!inode)
		return NULL;
	*special = file_open(world->machine, inode, 0, true, false);
	inode_put(world->machine, inode);
	return *special;
}

static void set_features(struct replay_world *world, const struct trace_event *event)
{
	struct file *file = replay_file(world, event->arg[0]);

	if (!file)
		return;
	file->uffd_features = event->arg[1];
	file->uffd_told = true;
}

/* ---- tasks ---- */

static struct replay_task *task_of(const struct replay_world *world, uint64_t number)
{
	return number < world->ntasks ? &world->tasks[number] : NULL;
}

struct mm_struct *replay_mm(const struct replay_world *world, uint32_t task)
{
	return task < world->ntasks ? world->tasks[task].tsk.mm : NULL;
}

struct mm_struct *replay_act_as(struct replay_world *world, uint32_t number)
{
	struct replay_task *task = task_of(world, number);

	this_cpu(world->machine)->current = task ? &task->limits : &world->machine->config.limits;
	this_cpu(world->machine)->task = task ? &task->tsk : NULL;
	return task ? task->tsk.mm : NULL;
}

/* What an exec, or a change of user, made of a task. */
static int do_process(struct replay_world *world, const struct trace_event *event)
{
	struct replay_task *task = replay_task_born(world, event->task);

	if (!task)
		return -ENOMEM;
	set_capabilities(&task->limits, event->arg[0]);
	if (!task->tsk.mm)
		return 0;
	task->tsk.mm->data_size = event->arg[1];
	if (event->arg[2] & TRACE_NO_THP)
		task->tsk.mm->thp = THP_DISABLED;
	return 0;
}

struct replay_task *replay_task_born(struct replay_world *world, uint64_t number)
{
	this_cpu(world->machine)->task = NULL; /* the tasks may move */
	if (replay_reach((void **)&world->tasks, &world->ntasks, sizeof(*world->tasks), number))
		return NULL;

	struct replay_task *task = &world->tasks[number];
	if (!task->alive) {
		world->counts.tasks++;
		task->process = number;
		task->limits = world->machine->config.limits;
		task->personality = (world->info.legacy_layout ? ADDR_COMPAT_LAYOUT : 0) |
				    (world->info.aslr ? 0 : ADDR_NO_RANDOMIZE);
	}
	task->alive = true;
	return task;
}

/* Nobody has the userfaultfd any more: wherever it was registered, memory is as usual. */
static int close_userfaultfd(struct replay_world *world, const struct trace_event *event)
{
	const struct file *file = replay_file(world, event->arg[0]);
	uint64_t ctx = userfaultfd_ctx(event->arg[0], file ? file->uffd_features : 0);
	int err = 0;

	for (size_t i = 0; i < world->ntasks && !err; i++) {
		if (world->tasks[i].tsk.mm)
			err = userfaultfd_release(world->tasks[i].tsk.mm, ctx);
	}
	return err;
}

/* What overcommit would refuse here has been granted there: the child is born all the same. */
static int copy_or_insist(struct replay_world *world, const struct trace_event *event,
			  struct replay_task *child, const struct replay_task *parent)
{
	struct machine *machine = world->machine;
	uint64_t refused = this_cpu(machine)->commits_refused;
	unsigned overcommit = machine->config.overcommit;
	bool copied = parent->tsk.mm && !(event->arg[1] & CLONE_VM);

	this_cpu(machine)->current = &parent->limits;
	if (copied)
		mm_call_begin(parent->tsk.mm, 0, ~0UL);
	int err = copy_mm(event->arg[1], &child->tsk, &parent->tsk);
	if (copied)
		mm_call_end(parent->tsk.mm);
	if (!err || this_cpu(machine)->commits_refused == refused)
		return err;
	replay_difference(world, event, -ENOMEM, NULL);
	machine->config.overcommit = 1;
	err = copy_mm(event->arg[1], &child->tsk, &parent->tsk);
	machine->config.overcommit = overcommit;
	return err;
}

static int do_fork(struct replay_world *world, const struct trace_event *event)
{
	uint64_t number = event->arg[0];
	struct replay_task *child, *parent;

	if (!number) /* it failed */
		return 0;
	child = replay_task_born(world, number);
	if (!child || !replay_task_born(world, event->task))
		return -ENOMEM;
	child = task_of(world, number);
	parent = task_of(world, event->task);
	if (child->tsk.mm) {
		world->counts.bad_events++;
		return 0;
	}
	if (parent->tsk.mm && !(event->arg[1] & CLONE_VM))
		world->counts.mms++;
	child->personality = parent->personality;
	child->limits = parent->limits;
	if (event->arg[1] & CLONE_THREAD)
		child->process = parent->process;
	if (event->arg[1] & CLONE_NEWUSER)
		set_capabilities(&child->limits, ~0ULL);
	if (parent->map) {
		child->map = event->arg[1] & CLONE_VM ? translation_get(parent->map)
						      : translation_copy(parent->map);
		if (!child->map)
			return -ENOMEM;
	}
	return copy_or_insist(world, event, child, parent);
}

void replay_digest(struct replay_world *world, const struct replay_task *task)
{
	struct mm_struct *mm = task->tsk.mm;

	if (__atomic_load_n(&mm->mm_users, __ATOMIC_RELAXED) != 1)
		return;
	if (world->options.digest)
		world->hash = mm_hash(mm, world->hash);
	world->counts.whatif.end_vmas += mm->map_count;
}

static void leave_mm(struct replay_world *world, struct replay_task *task)
{
	struct mm_struct *mm = task->tsk.mm;

	if (!mm)
		return;
	replay_digest(world, task);
	translation_put(task->map);
	task->map = NULL;
	task->tsk.mm = NULL;
	mmput(mm);
}

static void do_exit(struct replay_world *world, const struct trace_event *event)
{
	struct replay_task *task = task_of(world, event->task);

	if (!task)
		return;
	leave_mm(world, task);
	task->alive = false;
}

/* ---- events ---- */

static int do_call(struct replay_world *world, const struct trace_event *event)
{
	struct mm_struct *mm = replay_act_as(world, event->task);
	int err;

	world->counts.syscalls++;
	if (!mm) {
		world->counts.bad_events++;
		return 0;
	}
	this_cpu(world->machine)->driver_says =
		IS_ERR_VALUE(event->result) ? (int)event->result : 0;
	err = replay_call(world, mm, event);
	this_cpu(world->machine)->driver_says = 0;
	return err;
}

/* The recorded machine had no more RAM and swap: it must have dropped pages, too. */
static void reclaim_if_short(struct replay_world *world)
{
	struct machine *machine = world->machine;
	size_t all = machine->config.ram + machine->config.swap;

	if (!machine->config.ram || machine->config.locking ||
	    frames_in_use(machine->frames) <= world->reclaim_at)
		return;
	shrink_all(machine);
	shrink_all(machine); /* what had been touched, too */
	world->reclaim_at = max(all / 8 * 7, frames_in_use(machine->frames) + all / 16);
}

static bool out_of_memory(const struct replay_world *world)
{
	if (likely(!replay_budget.refused && !world->machine->frames->exhausted))
		return false;
	__atomic_store_n(&frames_exhausted, world->machine->frames->exhausted, __ATOMIC_RELAXED);
	return true;
}

const char *replay_out_of_memory(void)
{
	static char text[96];

	if (replay_budget.refused) {
		snprintf(text, sizeof(text), "it takes more than %zu MB (--memory MB allows more)",
			 replay_budget.limit >> 20);
		return text;
	}
	if (frames_exhausted)
		return "it takes more pages than the recorded machine had in RAM and swap";
	return "out of memory";
}

static int do_event(struct replay_world *world, const struct trace_event *event)
{
	int err;

	if (world->options.reclaim && world->counts.events % world->options.reclaim == 0)
		shrink_all(world->machine);
	reclaim_if_short(world);
	world->counts.events++;
	switch (event->kind) {
	case TRACE_FILE:
	case TRACE_FILE_SIZE:
	case TRACE_FILE_MORE:
	case TRACE_FILE_SEALS:
	case TRACE_FILE_FLAGS:
		return replay_file_event(world, event);
	case TRACE_FORK:
		return do_fork(world, event);
	case TRACE_EXEC:
		world->exec = *event;
		return replay_task_born(world, event->task) ? 0 : -ENOMEM;
	case TRACE_EXIT:
		do_exit(world, event);
		return 0;
	case TRACE_LAYOUT:
		return replay_layout_begin(world, event);
	case TRACE_VMA:
		return replay_layout_vma(world, event);
	case TRACE_FAULT:
		err = replay_fault(world, event);
		break;
	case TRACE_PROCESS:
		return do_process(world, event);
	case TRACE_UFFD_FEATURES:
		set_features(world, event);
		return 0;
	case TRACE_HUGE_FILE:
		return replay_huge_file(world, event);
	case TRACE_HUGE_POOL:
		replay_huge_pool(world, event);
		return 0;
	case TRACE_UFFD_CLOSE:
		return close_userfaultfd(world, event);
	default:
		err = do_call(world, event);
	}
	if (world->options.whatif && replay_mm(world, event->task))
		replay_whatif_watch(world, &world->tasks[event->task]);
	return err;
}

int replay_event(struct replay_world *world, const struct trace_event *event)
{
	int err = do_event(world, event);

	return unlikely(out_of_memory(world)) ? -ENOMEM : err;
}

int64_t replay_result(const struct replay_world *world)
{
	return world->result;
}

uint64_t replay_hash(const struct replay_world *world)
{
	return world->hash;
}

uint64_t replay_live_hash(const struct replay_world *world)
{
	uint64_t hash = HASH_START;

	for (size_t i = 0; i < world->ntasks; i++) {
		if (world->tasks[i].tsk.mm)
			hash = mm_hash(world->tasks[i].tsk.mm, hash);
	}
	return hash;
}

static void hash_counters(struct replay_world *world)
{
	const struct fault_counters *f = &world->machine->faults;
	const struct pt_counters *pt = &world->machine->pt;
	const uint64_t numbers[] = {
		f->anon_zero,
		f->anon_write,
		f->file_read,
		f->file_shared_write,
		f->file_cow,
		f->cow_copy,
		f->cow_zero,
		f->cow_reuse,
		f->spurious,
		f->stack_growth,
		f->segv,
		pt->entries_touched,
		pt->tlb_flushes,
		pt->tlb_pages,
		pt->tables_allocated[0],
		pt->tables_freed[0],
		world->machine->peak_vmas,
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		world->hash = hash_add(world->hash, numbers[i]);
}

uint64_t replay_finish(struct replay_world *world)
{
	for (size_t i = 0; i < world->ntasks; i++)
		leave_mm(world, &world->tasks[i]);
	hash_counters(world);
	world->counts.peak_vmas = world->machine->peak_vmas;
	world->counts.whatif.merges = world->machine->merges;
	return world->hash;
}

const struct replay_counts *replay_counts(const struct replay_world *world)
{
	return &world->counts;
}

bool replay_equal(const struct replay_counts *counts)
{
	return counts->results.equal == counts->results.compared &&
	       counts->layouts.equal == counts->layouts.compared && !counts->bad_events;
}

#define NOTE_NAMES 3

/* One more reason, behind those that are there. */
__attribute__((format(printf, 3, 4))) static void note(char *text, size_t size, const char *format,
						       ...)
{
	size_t n = strlen(text);
	va_list args;

	n += (size_t)snprintf(text + n, size - n, "%s", n ? "; " : "");
	if (n >= size)
		return;
	va_start(args, format);
	vsnprintf(text + n, size - n, format, args);
	va_end(args);
}

/* The first of them by name, as the text's last reason. */
static void note_names(const struct replay_name *name, char *text, size_t size)
{
	size_t n = strlen(text);

	for (unsigned i = 0; name[i].times && n < size; i++) {
		if (i == NOTE_NAMES) {
			snprintf(text + n, size - n, " and others");
			return;
		}
		n += (size_t)snprintf(text + n, size - n, "%s%s (%" PRIu64 ")", i ? ", " : ": ",
				      name[i].name, name[i].times);
	}
}

char *replay_unlike(const struct replay_world *world, char *text, size_t size)
{
	const struct replay_counts *counts = &world->counts;
	const struct {
		const char *what;
		uint64_t n, of;
	} numbers[] = {
		{ "results differ", counts->results.compared - counts->results.equal,
		  counts->results.compared },
		{ "layouts differ", counts->layouts.compared - counts->layouts.equal,
		  counts->layouts.compared },
		{ "events contradict the trace", counts->bad_events, counts->events },
		{ "calls have no rule", counts->not_modelled, counts->syscalls },
	};

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (numbers[i].n)
			note(text, size, "%" PRIu64 " of %" PRIu64 " %s", numbers[i].n,
			     numbers[i].of, numbers[i].what);
	}
	note_names(world->not_modelled, text, size);
	return text;
}

char *replay_note(const struct trace_info *info, const struct replay_world *world, char *text,
		  size_t size)
{
	replay_unlike(world, text, size);
	if (info->lost)
		note(text, size, "%" PRIu64 " of %" PRIu64 " records of faults were lost",
		     info->lost, world->counts.faults + info->lost);
	if (!info->faults)
		note(text, size, *info->fault_source ? "faults by %s only" : "no faults%s",
		     info->fault_source);
	if (*info->missing)
		note(text, size, "not recorded: %s", info->missing);
	return text;
}

const struct machine *replay_machine(const struct replay_world *world)
{
	return world->machine;
}

const char *replay_verify(const struct replay_world *world, FILE *report)
{
	for (size_t i = 0; i < world->ntasks; i++) {
		struct mm_struct *mm = world->tasks[i].tsk.mm;
		const char *wrong = mm ? mm_verify(mm, report) : NULL;

		if (wrong)
			return wrong;
	}
	return rmap_verify(world->machine, report);
}
