/*
 * check_kernel - the same operations for real and emulated (see check_kernel.h)
 */
#include "harness/check/check_kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/hash.h"
#include "harness/measure/clock.h"
#include "mm/mman.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define SESSION     50000       /* operations of one subject */
#define FILE_NUMBER 2           /* of the bed's first file in the trace */
#define NOWHERE     (1UL << 63) /* the kernel's: nobody can read it */
#define PAST_FILES  (FILE_NUMBER + KERNEL_FILES + 3)

/* What the emulation did with one event of a batch, and what the subject is to do. */
struct kernel_step {
	size_t event;   /* in session.events */
	bool ordered;   /* the subject does something */
	int64_t result; /* as the subject should return it */
	bool reads;     /* data[0] should be: */
	uint64_t word;
	bool looks;
	struct subject_order order; /* with the VMAs that should be there */
};

struct kernel_batch {
	uint32_t task;
	unsigned n;
	struct kernel_step step[SUBJECT_ORDERS];
};

struct kernel_session {
	struct kernel_bed *bed;
	const struct check_options *options;
	struct replay_world *world;
	pid_t pid;   /* of the subject */
	bool legacy; /* its layout */
	struct kernel_process {
		uint32_t task;
		pid_t pid;
	} process[64];
	unsigned nprocesses; /* alive */
	struct kernel_words words;
	struct kernel_compare compare;
	struct check_events events;
	struct kernel_batch batch[2]; /* the emulation's, the subject's */
	unsigned turn;
	size_t posted; /* events that the subject has done or is doing */
	enum kernel_difference difference;
	size_t at; /* the event that shows it */
	char what[600];
};

/* ---- processes ---- */

static struct kernel_process *process_of(struct kernel_session *s, uint32_t task)
{
	for (unsigned i = 0; i < s->nprocesses; i++) {
		if (s->process[i].task == task)
			return &s->process[i];
	}
	return NULL;
}

static void differ(struct kernel_session *s, enum kernel_difference difference, size_t event)
{
	s->difference = difference;
	s->at = event;
}

/* ---- an event as an order ---- */

static void order_call(struct subject_order *order, long nr, const uint64_t *arg, unsigned n)
{
	order->nr = nr;
	for (unsigned i = 0; i < ARRAY_SIZE(order->arg); i++)
		order->arg[i] = i < n ? arg[i] : 0;
}

static uint64_t data_address(unsigned slot)
{
	return SUBJECT_BOARD + offsetof(struct subject_board, order) +
	       slot * sizeof(struct subject_order) + offsetof(struct subject_order, data);
}

static void order_mmap(const struct trace_event *e, struct subject_order *order)
{
	order_call(order, SYS_mmap, e->arg, 4);
	order->arg[4] = e->arg[3] & MAP_ANONYMOUS ? (uint64_t)-1 : 100 + e->arg[5] - FILE_NUMBER;
	order->arg[5] = e->arg[4];
}

static void order_mbind(const struct trace_event *e, unsigned slot, struct subject_order *order)
{
	bool unreadable = e->arg[4] >> TRACE_NODES_SHIFT;
	const uint64_t arg[] = { e->arg[0], e->arg[1],
				 e->arg[2], unreadable ? NOWHERE : data_address(slot),
				 65,        (uint32_t)e->arg[4] };

	order_call(order, SYS_mbind, arg, 6);
	order->data[0] = e->arg[3];
}

static void order_rlimit(const struct trace_event *e, unsigned slot, struct subject_order *order)
{
	const uint64_t arg[] = { 0, e->arg[0], data_address(slot), 0 };

	order_call(order, SYS_prlimit64, arg, 4);
	order->data[0] = e->arg[1];
	order->data[1] = e->arg[2];
}

/* Plain calls: the number, and how many arguments the event has of it. */
static const struct {
	long nr;
	unsigned args;
} calls[TRACE_NKINDS] = {
	[TRACE_MUNMAP] = { SYS_munmap, 2 },
	[TRACE_MREMAP] = { SYS_mremap, 5 },
	[TRACE_BRK] = { SYS_brk, 1 },
	[TRACE_MADVISE] = { SYS_madvise, 3 },
	[TRACE_MLOCK] = { SYS_mlock2, 3 },
	[TRACE_MUNLOCK] = { SYS_munlock, 2 },
	[TRACE_MLOCKALL] = { SYS_mlockall, 1 },
	[TRACE_MUNLOCKALL] = { SYS_munlockall, 0 },
	[TRACE_MSEAL] = { SYS_mseal, 3 },
	[TRACE_REMAP_FILE] = { SYS_remap_file_pages, 5 },
	[TRACE_SHMDT] = { SYS_shmdt, 1 },
	[TRACE_PRCTL] = { SYS_prctl, 5 },
	[TRACE_PKEY_ALLOC] = { SYS_pkey_alloc, 2 },
	[TRACE_PKEY_FREE] = { SYS_pkey_free, 1 },
};

/* False if there is nothing to do for real. */
static bool order_fill(const struct kernel_bed *bed, const struct trace_event *e, unsigned slot,
		       struct subject_order *order)
{
	switch (e->kind) {
	case TRACE_MMAP:
		order_mmap(e, order);
		return true;
	case TRACE_MBIND:
		order_mbind(e, slot, order);
		return true;
	case TRACE_MPROTECT:
		order_call(order, (int64_t)e->arg[3] == -1 ? SYS_mprotect : SYS_pkey_mprotect,
			   e->arg, 4);
		return true;
	case TRACE_FILE_SIZE:
		order_call(order, SYS_ftruncate,
			   (const uint64_t[]){ 100 + e->arg[0] - FILE_NUMBER, e->arg[1] }, 2);
		return true;
	case TRACE_SHMAT:
		order_call(order, SYS_shmat,
			   (const uint64_t[]){ (uint64_t)bed->segment, e->arg[1], e->arg[2] }, 3);
		return true;
	case TRACE_SETRLIMIT:
		order_rlimit(e, slot, order);
		return true;
	case TRACE_FAULT: /* the kernel copies a word there, or from there */
		order_call(order, e->arg[1] & TRACE_FAULT_WRITE ? SYS_pread64 : SYS_pwrite64,
			   (const uint64_t[]){ SUBJECT_FD, e->arg[0], sizeof(uint64_t),
					       data_address(slot) - SUBJECT_BOARD },
			   4);
		return true;
	case TRACE_FORK:
		order_call(order, SYS_clone, (const uint64_t[]){ SIGCHLD }, 1);
		order->child = (uint32_t)e->arg[0];
		return true;
	case TRACE_EXIT:
		order_call(order, SYS_exit_group, NULL, 0);
		return true;
	default:
		order_call(order, calls[e->kind].nr, e->arg, calls[e->kind].args);
		return calls[e->kind].nr;
	}
}

/* Where to look after an event. */
static void order_looks(const struct trace_event *e, int64_t result, struct subject_order *order)
{
	uint64_t start = e->arg[0], len = e->arg[1], other;
	bool failed = IS_ERR_VALUE(result);

	switch (e->kind) {
	case TRACE_MMAP:
		start = failed ? e->arg[0] : (uint64_t)result;
		break;
	case TRACE_SHMAT:
		start = failed ? e->arg[1] : (uint64_t)result;
		len = e->arg[3];
		break;
	case TRACE_FAULT:
		len = PAGE_SIZE;
		break;
	case TRACE_BRK:
		start = (uint64_t)result;
		len = 0;
		break;
	default:
		break;
	}
	other = start + len;
	if (e->kind == TRACE_MREMAP && !failed) {
		other = start;
		start = (uint64_t)result;
	}
	order->look[0] = start > PAGE_SIZE ? start - PAGE_SIZE : start;
	order->look[1] = other > PAGE_SIZE ? other - PAGE_SIZE : other;
}

/* ---- the emulation's part ---- */

/* What a touch should do; a write leaves the emulation's word in the page. */
static int plan_touch(struct kernel_session *s, struct kernel_step *step, uint64_t writes_before)
{
	const struct trace_event *e = &s->events.event[step->event];
	struct mm_struct *mm = replay_mm(s->world, e->task);
	bool write = e->arg[1] & TRACE_FAULT_WRITE;
	const struct vm_area_struct *vma = vma_lookup(mm, e->arg[0]);
	uint64_t entry = pt_get(&mm->pgd, e->arg[0]);

	if (!vma || pkey_forbids_data(vma) || !(entry & PTE_PRESENT) ||
	    (write && !(entry & PTE_WRITE))) {
		step->result = -EFAULT;
		return 0;
	}
	uint64_t content = pfn_to_page(mm->machine->frames, PTE_PFN(entry))->content;
	if (write && mm->machine->writes != writes_before && kernel_words_add(&s->words, content))
		return -1;
	step->result = sizeof(uint64_t);
	step->word = kernel_words_has(&s->words, content) ? content : 0;
	step->order.data[0] = write ? step->word : ~0UL;
	step->reads = true;
	return 0;
}

static void plan_looks(struct kernel_session *s, struct kernel_step *step)
{
	struct mm_struct *mm = replay_mm(s->world, s->events.event[step->event].task);
	unsigned long at;

	order_looks(&s->events.event[step->event], step->result, &step->order);
	at = step->order.look[0];
	for (unsigned i = 0; i < SUBJECT_VMAS; i++) {
		if (i == 3)
			at = step->order.look[1];
		at = kernel_look(s->bed, mm, at, &step->order.vma[i]);
	}
	step->looks = true;
}

/* The last event is emulated, and becomes a step of the batch: 0 or -1. */
static int plan(struct kernel_session *s, struct kernel_batch *batch)
{
	struct kernel_step *step = &batch->step[batch->n];
	struct trace_event *e = &s->events.event[s->events.n - 1];
	uint64_t writes = replay_machine(s->world)->writes;

	step->event = s->events.n - 1;
	step->result = 0;
	step->reads = step->looks = false;
	step->order.data[0] = step->order.data[1] = 0;
	if (replay_event(s->world, e))
		return -1;
	if (strchr(trace_kind_fields(e->kind), 'r'))
		e->result = step->result = replay_result(s->world);
	if (e->kind == TRACE_SETRLIMIT)
		e->result = step->result = 0;
	if (e->kind == TRACE_FORK)
		e->result = 0;
	step->ordered = order_fill(s->bed, e, batch->n, &step->order);
	if (!step->ordered)
		return 0;
	if (e->kind == TRACE_FAULT && plan_touch(s, step, writes))
		return -1;
	if (e->kind != TRACE_EXIT && s->bed->board->looks)
		plan_looks(s, step);
	batch->n++;
	return 0;
}

/* ---- the subject's part ---- */

static void post(struct kernel_session *s, const struct kernel_batch *batch)
{
	struct subject_board *board = s->bed->board;

	for (unsigned i = 0; i < batch->n; i++) {
		board->order[i] = batch->step[i].order;
		memset(board->order[i].vma, 0, sizeof(board->order[i].vma));
	}
	board->orders = batch->n;
	kernel_subject_go(s->bed, batch->task);
	s->posted = s->events.n;
}

static void tell_step(struct kernel_session *s, const struct kernel_step *step, const char *what,
		      uint64_t real, uint64_t ours)
{
	const struct trace_event *e = &s->events.event[step->event];
	size_t len = (size_t)snprintf(s->what, sizeof(s->what), "%s(", trace_kind_name(e->kind));

	for (unsigned i = 0; i < strcspn(trace_kind_fields(e->kind), "rn"); i++)
		len += (size_t)snprintf(s->what + len, sizeof(s->what) - len, "%s%#" PRIx64,
					i ? ", " : "", e->arg[i]);
	snprintf(s->what + len, sizeof(s->what) - len, "): %s: kernel %#" PRIx64 ", ours %#" PRIx64,
		 what, real, ours);
}

static void compare_looks(struct kernel_session *s, const struct kernel_step *step,
			  const struct subject_order *done)
{
	for (unsigned i = 0; i < SUBJECT_VMAS; i++) {
		const struct subject_vma *real = &done->vma[i], *ours = &step->order.vma[i];

		if (kernel_same_vma(real, ours))
			continue;
		tell_step(s, step, "what is near", real->start, ours->start);
		size_t len = strlen(s->what);
		snprintf(s->what + len, sizeof(s->what) - len,
			 "\n  kernel %" PRIx64 "-%" PRIx64 " flags %" PRIx64 " offset %" PRIx64
			 "\n  ours   %" PRIx64 "-%" PRIx64 " flags %" PRIx64 " offset %" PRIx64,
			 real->start, real->end, real->flags & 15, real->offset, ours->start,
			 ours->end, ours->flags, ours->offset);
		differ(s, KERNEL_LAYOUT, step->event);
		return;
	}
}

static int compare_step(struct kernel_session *s, const struct kernel_step *step,
			const struct subject_order *done)
{
	struct trace_event *e = &s->events.event[step->event];

	if (e->kind == TRACE_EXIT) {
		*process_of(s, e->task) = s->process[s->nprocesses - 1];
		s->nprocesses--;
		return 0;
	}
	if (e->kind == TRACE_FORK) {
		if (done->result <= 0 || s->nprocesses == ARRAY_SIZE(s->process)) {
			fprintf(stderr, "check --kernel: fork: %s\n", strerror((int)-done->result));
			return -1;
		}
		s->process[s->nprocesses++] =
			(struct kernel_process){ (uint32_t)e->arg[0], (pid_t)done->result };
	} else if (done->result != step->result) {
		tell_step(s, step, "result", (uint64_t)done->result, (uint64_t)step->result);
		e->result = done->result;
		differ(s, KERNEL_RESULT, step->event);
	} else if (step->reads && done->data[0] != step->word) {
		tell_step(s, step, "contents", done->data[0], step->word);
		differ(s, KERNEL_WORDS, step->event);
	}
	if (!s->difference && step->looks)
		compare_looks(s, step, done);
	return 0;
}

/* Waits for the batch that was posted, and compares what it did: 0, or -1 and a message. */
static int collect(struct kernel_session *s, const struct kernel_batch *batch)
{
	struct kernel_process *process = process_of(s, batch->task);

	if (!batch->n)
		return 0;
	if (kernel_subject_wait(s->bed, process ? process->pid : s->pid))
		return -1;
	for (unsigned i = 0; i < batch->n && !s->difference; i++) {
		if (compare_step(s, &batch->step[i], &s->bed->board->order[i]))
			return -1;
	}
	return 0;
}

/* Everything of every process; nothing may be on the way. */
static void compare_all(struct kernel_session *s)
{
	for (unsigned i = 0; i < s->nprocesses && !s->difference; i++) {
		enum kernel_difference difference = kernel_compare(
			&s->compare, s->process[i].pid, replay_mm(s->world, s->process[i].task),
			s->what, sizeof(s->what));
		if (difference)
			differ(s, difference, s->events.n - 1);
	}
}

/* ---- a session ---- */

static int start_emulation(struct kernel_session *s, const struct vma_index_ops *index,
			   struct trace_info *info)
{
	struct replay_options replay;

	replay_options_default(&replay);
	replay.compare = replay.digest = false;
	replay.pagetable_levels = s->options->pagetable_levels;
	replay.leave_out = s->options->leave_out;
	s->world = replay_create(index, info, &replay);
	return s->world ? 0 : -1;
}

static int session_start(struct kernel_session *s, struct kernel_bed *bed,
			 const struct vma_index_ops *index, const struct check_options *options,
			 struct kernel_mood mood)
{
	struct trace_info info;

	*s = (struct kernel_session){ .bed = bed, .options = options, .pid = -1 };
	s->compare =
		(struct kernel_compare){ .bed = bed, .words = &s->words, .no_thp = mood.no_thp };
	if (kernel_bed_fresh(bed) || kernel_bed_wait_for_pool(bed))
		return -1;
	kernel_bed_info(bed, mood, &info);
	s->legacy = info.legacy_layout;
	s->pid = kernel_subject_start(bed, mood);
	if (s->pid < 0)
		return -1;
	s->process[s->nprocesses++] = (struct kernel_process){ 1, s->pid };
	return start_emulation(s, index, &info);
}

static void session_end(struct kernel_session *s)
{
	for (unsigned i = 0; i < s->nprocesses; i++) {
		if (s->process[i].pid != s->pid)
			kill(s->process[i].pid, SIGKILL);
	}
	if (s->pid > 0)
		kernel_subject_stop(s->pid);
	replay_destroy(s->world);
	free(s->words.slot);
	free(s->compare.vmas);
	free(s->events.event);
}

/* The prologue: files, exec, and what exec left; the emulation takes it over. */
static int add_and_do(struct kernel_session *s, const struct trace_event *event)
{
	struct trace_event *e = check_events_add(&s->events);

	if (!e)
		return -1;
	*e = *event;
	return replay_event(s->world, e);
}

static uint64_t file_number(const struct kernel_bed *bed, const struct kernel_vma *vma)
{
	if (!vma->file)
		return TRACE_NO_FILE;
	for (unsigned i = 0; i <= KERNEL_FILE_SEGMENT; i++) {
		if (bed->file[i].ino == vma->ino)
			return FILE_NUMBER + i;
	}
	return FILE_NUMBER + 3; /* shared memory without a name: any such file will do */
}

static void layout_event(const struct kernel_bed *bed, const struct kernel_vma *vma,
			 struct trace_event *e)
{
	*e = (struct trace_event){
		.kind = TRACE_VMA,
		.task = 1,
		.name = vma->stack ? "[stack]" : "",
		.arg = { vma->start, vma->end, vma->flags, vma->pgoff, file_number(bed, vma),
			 vma->anon },
	};
}

static int prologue_layout(struct kernel_session *s, const struct kernel_vma *vmas, long n)
{
	struct trace_event layout = {
		.kind = TRACE_LAYOUT,
		.task = 1,
		.name = "",
		.arg = { TRACE_AFTER_EXEC, (uint64_t)n },
	};
	int err = add_and_do(s, &layout);

	for (long i = 0; i < n && !err; i++) {
		struct trace_event e;

		layout_event(s->bed, &vmas[i], &e);
		err = add_and_do(s, &e);
	}
	return err;
}

static int prologue(struct kernel_session *s, struct kernel_gen *gen)
{
	struct trace_event e;
	long n = kernel_smaps(s->pid, &s->compare.vmas, &s->compare.room);

	if (n <= 0 || kernel_exec_event(s->pid, s->compare.vmas, n, s->legacy, &e)) {
		fprintf(stderr, "check --kernel: /proc/%d cannot be read\n", s->pid);
		return -1;
	}
	struct trace_event exec = e;
	for (unsigned i = 0; i <= KERNEL_FILE_SEGMENT; i++) {
		kernel_bed_file(s->bed, i, FILE_NUMBER + i, &e);
		if (add_and_do(s, &e))
			return -1;
		e = (struct trace_event){
			.kind = TRACE_FILE_SIZE,
			.task = 1,
			.name = "",
			.arg = { FILE_NUMBER + i, (uint64_t)s->bed->file[i].size },
		};
		if (e.arg[1] && add_and_do(s, &e))
			return -1;
	}
	for (long i = 0; i < n && gen; i++) {
		gen->own[gen->nown].start = s->compare.vmas[i].start;
		gen->own[gen->nown++].end = s->compare.vmas[i].end;
	}
	if (add_and_do(s, &exec) || prologue_layout(s, s->compare.vmas, n))
		return -1;
	compare_all(s);
	return 0;
}

/* What comes next in a session: made up, or read from a list. */
struct kernel_source {
	struct kernel_gen *gen;
	const struct check_events *list;
	size_t next; /* in list */
};

static bool source_ended(const struct kernel_source *source)
{
	return source->list && source->next >= source->list->n;
}

/* Fills the batch: of one task, up to an exit. */
static int fill(struct kernel_session *s, struct kernel_source *source, struct kernel_batch *batch)
{
	unsigned most = SUBJECT_ORDERS;
	bool exits = false;

	if (source->gen)
		most = (unsigned)rng_between(&source->gen->rng, 16, SUBJECT_ORDERS);
	batch->n = 0;
	if (source_ended(source))
		return 0;
	batch->task =
		source->gen ? kernel_gen_task(source->gen) : source->list->event[source->next].task;
	while (batch->n < most && !exits) {
		if (source->list && (source_ended(source) ||
				     (source->list->event[source->next].kind != TRACE_FILE &&
				      source->list->event[source->next].task != batch->task)))
			break;
		struct trace_event *e = check_events_add(&s->events);
		if (!e)
			return -1;
		if (source->gen)
			kernel_gen_next(source->gen, s->world, batch->task, e);
		else
			*e = source->list->event[source->next++];
		exits = e->kind == TRACE_EXIT;
		if (plan(s, batch))
			return -1;
	}
	return 0;
}

/*
 * One batch more: emulated while the subject does the one before.  full: then waits for
 * both and compares everything.
 */
static int session_step(struct kernel_session *s, struct kernel_source *source, bool full)
{
	struct kernel_batch *mine = &s->batch[s->turn], *before = &s->batch[!s->turn];

	if (fill(s, source, mine) || collect(s, before))
		return -1;
	before->n = 0;
	if (s->difference)
		return 0;
	if (mine->n)
		post(s, mine);
	s->turn = !s->turn;
	if (!full)
		return 0;
	if (collect(s, mine))
		return -1;
	mine->n = 0;
	if (!s->difference)
		compare_all(s);
	return 0;
}

/* What is on the way is awaited, and everything is compared. */
static int session_finish(struct kernel_session *s)
{
	struct check_events none = { 0 };
	struct kernel_source source = { .list = &none };

	return session_step(s, &source, true);
}

/* ---- the run ---- */

struct kernel_run {
	struct kernel_bed bed;
	const struct vma_index_ops *index;
	const struct check_options *options;
	struct check_report *report;
	struct kernel_session session;
	enum kernel_difference kind; /* of what was found, while it is shrunk */
	struct kernel_mood mood;
};

static void count(struct kernel_run *run, size_t from)
{
	struct check_report *report = run->report;
	const struct check_events *events = &run->session.events;

	for (; from < events->n; from++) {
		const struct trace_event *e = &events->event[from];

		report->by_kind[e->kind]++;
		report->forks += e->kind == TRACE_FORK;
		report->failed_calls += e->kind > TRACE_FAULT && IS_ERR_VALUE(e->result);
		report->ops += e->kind != TRACE_FILE;
	}
}

static int go_on(struct kernel_run *run, struct kernel_gen *gen, uint64_t until)
{
	struct kernel_session *s = &run->session;
	struct check_report *report = run->report;
	struct kernel_source source = { .gen = gen };
	uint64_t every = run->bed.board->looks ? run->options->verify_every : 1;
	uint64_t next = report->ops + every;

	while (report->ops < until && !s->difference) {
		size_t from = s->events.n;
		bool full = report->ops >= next;

		if (session_step(s, &source, full))
			return -1;
		count(run, from);
		if (full)
			next = report->ops + every;
	}
	return s->difference ? 0 : session_finish(s);
}

/* Does a list of events show a difference of that kind? */
static int list_differs(struct kernel_run *run, const struct check_events *events)
{
	struct kernel_session *s = &run->session;
	struct kernel_source source = { .list = events };
	int err = session_start(s, &run->bed, run->index, run->options, run->mood);

	if (!err)
		err = prologue(s, NULL);
	source.next = s->events.n;
	while (!err && !s->difference && !source_ended(&source))
		err = session_step(s, &source, false);
	return err || s->difference ? err : session_finish(s);
}

static bool still_differs(const struct check_events *events, void *arg)
{
	struct kernel_run *run = arg;
	bool differs = !list_differs(run, events) && run->session.difference == run->kind;

	session_end(&run->session);
	return differs;
}

/* ---- what is left of a difference ---- */

/* How the kernel's address spaces look in the end, for whoever replays the trace. */
static int add_layouts(struct kernel_session *s, struct check_events *events)
{
	for (unsigned i = 0; i < s->nprocesses; i++) {
		uint32_t task = s->process[i].task;
		long n = kernel_smaps(s->process[i].pid, &s->compare.vmas, &s->compare.room);
		struct trace_event *e = check_events_add(events);

		if (n < 0 || !e)
			return -1;
		*e = (struct trace_event){ .kind = TRACE_LAYOUT,
					   .task = task,
					   .name = "",
					   .arg = { TRACE_AT_EXIT, (uint64_t)n } };
		for (long k = 0; k < n; k++) {
			e = check_events_add(events);
			if (!e)
				return -1;
			layout_event(s->bed, &s->compare.vmas[k], e);
			e->task = task;
		}
		e = check_events_add(events);
		if (!e)
			return -1;
		*e = (struct trace_event){ .kind = TRACE_EXIT, .task = task, .name = "" };
	}
	return 0;
}

static bool is_attached(const struct check_events *events, uint64_t file)
{
	for (size_t i = 0; i < events->n; i++) {
		if (events->event[i].kind == TRACE_SHMAT && events->event[i].arg[0] == file)
			return true;
	}
	return false;
}

/* Segments that nobody attaches any more go; the others get the next numbers. */
static void drop_segments(struct check_events *events)
{
	uint64_t old = 0, number = PAST_FILES;
	size_t n = 0;

	for (size_t i = 0; i < events->n; i++) {
		struct trace_event e = events->event[i];

		if (e.kind == TRACE_FILE && e.arg[0] >= PAST_FILES) {
			old = e.arg[0];
			if (!is_attached(events, old))
				continue;
			e.arg[0] = number;
		}
		if (e.kind == TRACE_SHMAT && e.arg[0] == old) /* its file came just before */
			e.arg[0] = number++;
		events->event[n++] = e;
	}
	events->n = n;
}

/* Does what is left once more, now for the trace. */
static int save_difference(struct kernel_run *run, struct check_events *events)
{
	struct kernel_session *s = &run->session;
	struct check_report *report = run->report;
	struct trace_info info;
	int err = list_differs(run, events);

	if (!err && s->difference) {
		memcpy(report->what, s->what, min(sizeof(report->what), sizeof(s->what)));
		events->n = s->posted;
		memcpy(events->event, s->events.event, events->n * sizeof(*events->event));
		err = add_layouts(s, events);
	}
	kernel_bed_info(&run->bed, run->mood, &info);
	if (!err)
		err = check_save(run->options->save, &info, events);
	session_end(s);
	return err;
}

static int tell_difference(struct kernel_run *run)
{
	struct kernel_session *s = &run->session;
	struct check_report *report = run->report;
	struct check_events events = s->events;

	report->different = true;
	report->event = report->ops;
	memcpy(report->what, s->what, min(sizeof(report->what), sizeof(s->what)));
	run->kind = s->difference;
	events.n = s->at + 1;
	s->events = (struct check_events){ 0 };
	session_end(s);
	check_shrink(&events, run->options->shrink_seconds, still_differs, run);
	drop_segments(&events);
	report->shrunk = events.n;
	int err = save_difference(run, &events);
	free(events.event);
	return err;
}

/* ---- all sessions ---- */

static int session(struct kernel_run *run, uint64_t number)
{
	const struct check_options *options = run->options;
	struct kernel_gen gen = {
		.bed = &run->bed,
		.task = { 1 },
		.next_task = 2,
		.next_file = PAST_FILES,
		.huge_pages = run->bed.huge_pages && number % 3 == 1,
	};
	uint64_t until = min(options->ops, run->report->ops + SESSION);

	rng_seed(&gen.rng, mix64(options->seed) + number);
	uint64_t kind = number + options->seed;
	run->mood = (struct kernel_mood){
		.no_thp = kind % 2, /* only without huge pages can all pages be compared */
		.no_lock = run->bed.may_drop && kind / 2 % 2,
		.legacy = kind / 4 % 2,
	};
	int err = session_start(&run->session, &run->bed, run->index, options, run->mood);
	if (!err)
		err = prologue(&run->session, &gen);
	if (!err && !run->session.difference)
		err = go_on(run, &gen, until);
	if (!err && run->session.difference)
		return tell_difference(run);
	if (!err) {
		run->report->peak_vmas =
			max(run->report->peak_vmas, replay_machine(run->session.world)->peak_vmas);
		run->report->hash = hash_add(run->report->hash, replay_finish(run->session.world));
	}
	session_end(&run->session);
	return err;
}

int check_kernel(const struct vma_index_ops *index, const struct check_options *options,
		 struct check_report *report)
{
	struct kernel_run run = { .index = index, .options = options, .report = report };
	double start = wall_seconds();

	*report = (struct check_report){ .hash = HASH_START };
	if (kernel_bed_make(&run.bed, options->quiet))
		return -1;
	int err = 0;
	for (uint64_t number = 0; report->ops < options->ops && !report->different && !err;
	     number++) {
		err = session(&run, number);
		report->seconds[0] = wall_seconds() - start;
		if (options->progress && !err)
			progress_at(options->progress, (double)report->ops / (double)options->ops,
				    "check --kernel: %" PRIu64 " operations", report->ops);
	}
	kernel_bed_end(&run.bed);
	return err;
}
