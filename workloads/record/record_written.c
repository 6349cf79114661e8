/*
 * record_written - which private memory was written to, asked of the kernel
 *
 * Whether a VMA has an anon_vma decides how calls split, merge and place.  No fault tells of the
 * pages that the kernel writes for others (get_user_pages: O_DIRECT, io_uring's buffers,
 * process_vm_writev, /proc/PID/mem, ptrace, KVM), and without the tracepoints none tells which
 * were written at all.  But they are there, and can be found as long as no call has taken them
 * away:
 *
 *	call about to run   VMAs that it touches or that stand beside them:
 *	                    a page of the program's own? --> FAULT, inferred
 *	fork, exec, exit    the same of all VMAs
 *	call has placed     the same of what stands beside the new mapping (calls serialised)
 *
 *  1. Only writable VMAs are asked for: what is read-only now was looked at
 *     when it became that.
 *  2. A page of one's own is one that is there or swapped out, not a file's
 *     and not the zero page.
 *
 * PROCMAP_QUERY (Linux 6.11) finds the VMAs, PAGEMAP_SCAN (6.7) the first such page of
 * each; no rights are needed.  In the same way one look at the pagemap tells
 * of a fault that came without it whether it was a write.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

/* Newer than the headers this must build with. */
struct vma_query {
	uint64_t size, flags, addr;
	uint64_t vma_start, vma_end, vma_flags, page_size, offset, inode;
	uint32_t dev_major, dev_minor, name_size, build_id_size;
	uint64_t name, build_id;
};
#define VMA_QUERY    _IOWR('f', 17, struct vma_query)
#define VMA_WRITABLE 0x02u
#define VMA_SHARED   0x08u
#define VMA_OR_NEXT  0x10u

struct span {
	uint64_t start, end;
};

struct page_span {
	uint64_t start, end, categories;
};

struct page_query {
	uint64_t size, flags, start, end, walk_end, spans, nspans, max_pages;
	uint64_t inverted, all_of, any_of, returned;
};
#define PAGE_QUERY   _IOWR('f', 16, struct page_query)
#define PAGE_FILE    (1u << 2)
#define PAGE_HERE    (1u << 3)
#define PAGE_SWAPPED (1u << 4)
#define PAGE_ZERO    (1u << 5)

/* An entry of the pagemap. */
#define ENTRY_EXCLUSIVE (1ull << 56)
#define ENTRY_FILE      (1ull << 61)
#define ENTRY_SWAPPED   (1ull << 62)
#define ENTRY_HERE      (1ull << 63)

/* ---- what the kernel is asked ---- */

void written_open(struct recorder *r, struct record_mm *mm, pid_t tid)
{
	char path[64];

	if (!r->infers)
		return;
	snprintf(path, sizeof(path), "/proc/%d/maps", tid);
	mm->maps = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/pagemap", tid);
	mm->pagemap = open(path, O_RDONLY | O_CLOEXEC);
}

void written_close(struct record_mm *mm)
{
	if (mm->maps >= 0)
		close(mm->maps);
	if (mm->pagemap >= 0)
		close(mm->pagemap);
}

/* The writable VMA at addr, or also a later one if or_next. */
static bool written_find_vma(const struct record_mm *mm, uint64_t addr, bool or_next,
			     struct vma_query *vma)
{
	*vma = (struct vma_query){
		.size = sizeof(*vma),
		.addr = addr,
		.flags = VMA_WRITABLE | (or_next ? VMA_OR_NEXT : 0),
	};
	return !ioctl(mm->maps, VMA_QUERY, vma);
}

/* A page of the program's own in [start, end), or 0. */
static uint64_t written_find_page(const struct record_mm *mm, uint64_t start, uint64_t end)
{
	struct page_span span = { 0 };
	struct page_query query = {
		.size = sizeof(query),
		.start = start,
		.end = end,
		.spans = (uintptr_t)&span,
		.nspans = 1,
		.max_pages = 1,
		.inverted = PAGE_FILE | PAGE_ZERO,
		.all_of = PAGE_FILE | PAGE_ZERO,
		.any_of = PAGE_HERE | PAGE_SWAPPED,
		.returned = PAGE_HERE,
	};

	return ioctl(mm->pagemap, PAGE_QUERY, &query) > 0 ? span.start : 0;
}

bool written_supported(void)
{
	struct record_mm self = { .maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC),
				  .pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC) };
	struct vma_query vma;
	uint64_t stack = (uintptr_t)&self & PAGE_MASK;
	bool supported = written_find_vma(&self, stack, false, &vma) &&
			 written_find_page(&self, stack, stack + PAGE_SIZE) == stack;

	written_close(&self);
	return supported;
}

/* ---- what it answers, as events ---- */

static void written_tell(struct recorder *r, const struct task *task, uint64_t start, uint64_t end)
{
	uint64_t page = start < end ? written_find_page(task->mm, start, end) : 0;
	struct trace_event event = {
		.kind = TRACE_FAULT,
		.task = task->number,
		.name = "",
		.arg = { page, TRACE_FAULT_WRITE | TRACE_FAULT_INFERRED },
	};

	if (page)
		queue_event(r, &event);
}

/* Of the VMAs that overlap [start, end) or touch it. */
static void written_around(struct recorder *r, const struct task *task, uint64_t start,
			   uint64_t end)
{
	uint64_t at = start ? (start - 1) & PAGE_MASK : 0;
	struct vma_query vma;

	for (; written_find_vma(task->mm, at, true, &vma) && vma.vma_start <= end;
	     at = vma.vma_end) {
		if (!(vma.vma_flags & VMA_SHARED))
			written_tell(r, task, vma.vma_start, vma.vma_end);
	}
}

/* What must be looked around before a call runs: so many of spans. */
static unsigned written_spans(const struct trace_event *event, struct span spans[2])
{
	const uint64_t *arg = event->arg;

	switch (event->kind) {
	case TRACE_MMAP:
		if (!(arg[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
			return 0;
		/* fall through */
	case TRACE_MUNMAP: /* what is inside does not matter any more */
		spans[0] = (struct span){ arg[0], arg[0] };
		spans[1] = (struct span){ arg[0] + arg[1], arg[0] + arg[1] };
		return 2;
	case TRACE_MREMAP:
		spans[0] = (struct span){ arg[0], arg[0] + max(arg[1], arg[2]) };
		spans[1] = (struct span){ arg[4], arg[4] + arg[2] };
		return arg[4] ? 2 : 1;
	case TRACE_BRK: /* one that grows the heap leaves it what it is */
		spans[0] = (struct span){ arg[0], arg[0] };
		return arg[0] ? 1 : 0;
	case TRACE_UFFD_REGISTER:
	case TRACE_UFFD_UNREGISTER:
		spans[0] = (struct span){ arg[1], arg[1] + arg[2] };
		return 1;
	case TRACE_FORK:
		if (arg[1] & CLONE_VM)
			return 0;
		/* fall through */
	case TRACE_MLOCKALL:
	case TRACE_MUNLOCKALL:
	case TRACE_PRCTL:
		spans[0] = (struct span){ 0, UINT64_MAX };
		return 1;
	case TRACE_SHMGET:
	case TRACE_SHMAT:
	case TRACE_SHMDT:
	case TRACE_PERSONALITY:
	case TRACE_SETRLIMIT:
	case TRACE_PROCESS:
	case TRACE_FILE_SIZE:
	case TRACE_PKEY_ALLOC:
	case TRACE_PKEY_FREE:
		return 0;
	default: /* all others have address and length first */
		spans[0] = (struct span){ arg[0], arg[0] + arg[1] };
		return 1;
	}
}

/* Looks around spans, in files of its own where the task's mm is not known. */
static void written_look(struct recorder *r, struct task *task, const struct span *spans,
			 unsigned n)
{
	struct record_mm mm = { .maps = -1, .pagemap = -1 }, *known = task->mm;

	if (!known) {
		written_open(r, &mm, task->tid);
		task->mm = &mm;
	}
	for (unsigned i = 0; i < n; i++)
		written_around(r, task, spans[i].start, spans[i].end);
	task->mm = known;
	written_close(&mm);
}

void written_before(struct recorder *r, struct task *task)
{
	struct span spans[2];
	unsigned n = r->infers ? written_spans(&task->event, spans) : 0;

	if (n)
		written_look(r, task, spans, n);
}

void written_anywhere(struct recorder *r, struct task *task)
{
	if (r->infers)
		written_look(r, task, &(struct span){ 0, UINT64_MAX }, 1);
}

/* The VMA at addr without what lies outside of [start, end). */
static void written_at(struct recorder *r, const struct task *task, uint64_t addr, uint64_t start,
		       uint64_t end)
{
	struct vma_query vma;

	if (written_find_vma(task->mm, addr, false, &vma) && !(vma.vma_flags & VMA_SHARED))
		written_tell(r, task, max(start, vma.vma_start), min(end, vma.vma_end));
}

void written_after(struct recorder *r, const struct task *task, int64_t result)
{
	const struct trace_event *event = &task->event;
	uint64_t start = result, end;

	if (!r->infers || start >= -4095ull)
		return;
	if (event->kind == TRACE_MMAP)
		end = start + event->arg[1];
	else if (event->kind == TRACE_MREMAP && start != event->arg[0])
		end = start + event->arg[2];
	else
		return;
	end = (end + PAGE_SIZE - 1) & PAGE_MASK;
	written_at(r, task, start - PAGE_SIZE, 0, start);
	written_at(r, task, end, end, UINT64_MAX);
}

void written_classify(const struct record_mm *mm, struct sample *fault)
{
	uint64_t entry;

	if (!(fault->bits & TRACE_FAULT_UNKNOWN) || mm->pagemap < 0 ||
	    pread(mm->pagemap, &entry, 8, fault->address / PAGE_SIZE * 8) != 8 ||
	    !(entry & (ENTRY_HERE | ENTRY_SWAPPED)) || (entry & ENTRY_FILE))
		return;
	fault->bits &= ~TRACE_FAULT_UNKNOWN;
	if (entry & (ENTRY_EXCLUSIVE | ENTRY_SWAPPED))
		fault->bits |= TRACE_FAULT_WRITE;
}
