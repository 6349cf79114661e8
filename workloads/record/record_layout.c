/*
 * record_layout - smaps to LAYOUT and VMA events
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mm/vm_flags.h"
#include "workloads/record/record_internal.h"

struct layout_vma {
	uint64_t start, end, flags, pgoff;
	dev_t dev;
	ino_t ino;
	bool anon_vma;
	char *name; /* as in smaps */
	uint32_t file;
};

struct layout {
	struct layout_vma *vmas;
	size_t n, cap;
};

void layout_free(struct layout *layout)
{
	if (!layout)
		return;
	for (size_t i = 0; i < layout->n; i++)
		free(layout->vmas[i].name);
	free(layout->vmas);
	free(layout);
}

/* "start-end perms offset major:minor inode   name": true and *vma if the line is one. */
static bool layout_parse_head(char *line, struct layout_vma *vma)
{
	unsigned long start, end, offset, ino;
	unsigned major_dev, minor_dev;
	int at = 0;

	if (sscanf(line, "%lx-%lx %*4s %lx %x:%x %lu %n", &start, &end, &offset, &major_dev,
		   &minor_dev, &ino, &at) < 6)
		return false;
	line[strcspn(line, "\n")] = 0;
	*vma = (struct layout_vma){
		.start = start,
		.end = end,
		.pgoff = offset >> PAGE_SHIFT,
		.dev = makedev(major_dev, minor_dev),
		.ino = ino,
	};
	vma->name = strdup(line + at);
	return vma->name != NULL;
}

/* The lines below a head that matter here. */
static void layout_parse_detail(const char *line, struct layout_vma *vma)
{
	unsigned long number;

	if (sscanf(line, "Anonymous: %lu", &number) == 1)
		vma->anon_vma = number > 0;
	else if (sscanf(line, "ProtectionKey: %lu", &number) == 1)
		vma->flags |= number << VM_PKEY_SHIFT & VM_PKEY_MASK;
	else if (!strncmp(line, "VmFlags:", 8))
		vma->flags |= vm_flags_from_smaps(line + 8);
}

static struct layout_vma *layout_add(struct layout *layout, const struct layout_vma *vma)
{
	if (layout->n == layout->cap) {
		size_t cap = max((size_t)32, layout->cap * 2);
		struct layout_vma *vmas = realloc(layout->vmas, cap * sizeof(*vmas));

		if (!vmas)
			return NULL;
		layout->vmas = vmas;
		layout->cap = cap;
	}
	layout->vmas[layout->n] = *vma;
	return &layout->vmas[layout->n++];
}

static bool layout_parse(struct layout *layout, FILE *smaps)
{
	struct layout_vma *vma = NULL, next;
	char line[8192];

	while (fgets(line, sizeof(line), smaps)) {
		if (layout_parse_head(line, &next)) {
			if (!strcmp(next.name, "[vsyscall]")) { /* the same page in all, no VMA */
				free(next.name);
				break;
			}
			vma = layout_add(layout, &next);
			if (!vma) {
				free(next.name);
				return false;
			}
		} else if (vma) {
			layout_parse_detail(line, vma);
		}
	}
	return layout->n > 0;
}

struct layout *layout_read(struct recorder *r, const struct task *task)
{
	struct layout *layout = calloc(1, sizeof(*layout));
	char path[64];
	FILE *smaps;

	closes_see(r, task);
	snprintf(path, sizeof(path), "/proc/%d/smaps", task->tid);
	smaps = fopen(path, "re");
	if (smaps && layout) {
		setvbuf(smaps, NULL, _IOFBF, 1 << 16);
		if (layout_parse(layout, smaps)) {
			fclose(smaps);
			return layout;
		}
	}
	if (smaps)
		fclose(smaps);
	layout_free(layout);
	record_missing(r, "layouts that could not be read");
	return NULL;
}

/* The VMA at address, without its name, or false. */
static bool layout_read_vma(const struct task *task, uint64_t address, struct layout_vma *vma)
{
	struct layout_vma next;
	char path[64], line[8192];
	bool there = false, known = false;
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%d/smaps", task->tid);
	smaps = fopen(path, "re");
	while (smaps && !known && fgets(line, sizeof(line), smaps)) {
		if (layout_parse_head(line, &next)) {
			free(next.name);
			next.name = NULL;
			*vma = next;
			there = vma->start <= address && address < vma->end;
		} else if (there) {
			layout_parse_detail(line, vma);
			known = !strncmp(line, "VmFlags:", 8);
		}
	}
	if (smaps)
		fclose(smaps);
	return known;
}

bool layout_read_flags(const struct task *task, uint64_t address, uint64_t *flags)
{
	struct layout_vma vma;

	if (!layout_read_vma(task, address, &vma))
		return false;
	*flags = vma.flags;
	return true;
}

/* Nothing that can be seen keeps them apart. */
static bool layout_continues(const struct layout_vma *vma, const struct layout_vma *next)
{
	return vma->end == next->start && vma->dev == next->dev && vma->ino == next->ino &&
	       vma->pgoff + ((vma->end - vma->start) >> PAGE_SHIFT) == next->pgoff &&
	       !((vma->flags ^ next->flags) & ~VM_IGNORE_MERGE) && !vma->anon_vma &&
	       !next->anon_vma;
}

enum beside_what layout_beside(const struct task *task, uint64_t start, uint64_t end, bool after)
{
	struct layout_vma vma, other;

	if (!layout_read_vma(task, start, &vma))
		return BESIDE_UNKNOWN;
	if (after ? vma.end > end : vma.start < start)
		return BESIDE_MERGED;
	if (!layout_read_vma(task, after ? end : start - 1, &other))
		return BESIDE_UNKNOWN;
	return layout_continues(after ? &vma : &other, after ? &other : &vma) ? BESIDE_APART
									      : BESIDE_UNKNOWN;
}

/* ---- events ---- */

/* A VMA's file: the same for all VMAs of an inode, fresh or not. */
static void layout_number_files(struct recorder *r, const struct task *task, struct layout *layout,
				bool fresh)
{
	for (size_t i = 0; i < layout->n; i++) {
		struct layout_vma *vma = &layout->vmas[i];
		size_t j = 0;

		if (!vma->ino)
			continue;
		while (fresh && j < i &&
		       (layout->vmas[j].ino != vma->ino || layout->vmas[j].dev != vma->dev))
			j++;
		if (fresh && j < i)
			vma->file = layout->vmas[j].file;
		else
			vma->file = files_of_vma(r, task, vma->dev, vma->ino, vma->name, fresh);
	}
}

static void layout_queue_vma(struct recorder *r, const struct task *task,
			     const struct layout_vma *vma)
{
	struct trace_event event = {
		.kind = TRACE_VMA,
		.task = task->number,
		.name = strcmp(vma->name, "[stack]") ? "" : "[stack]",
		.arg = { vma->start, vma->end, vma->flags, vma->pgoff, vma->file, vma->anon_vma },
	};

	queue_event(r, &event);
}

static void layout_queue_vmas(struct recorder *r, const struct task *task,
			      const struct layout *layout, enum trace_layout kind)
{
	struct trace_event event = {
		.kind = TRACE_LAYOUT,
		.task = task->number,
		.name = "",
		.arg = { kind, layout ? layout->n : 0 },
	};

	queue_event(r, &event);
	for (size_t i = 0; layout && i < layout->n; i++)
		layout_queue_vma(r, task, &layout->vmas[i]);
}

void layout_queue(struct recorder *r, const struct task *task, struct layout *layout,
		  enum trace_layout kind)
{
	if (layout)
		layout_number_files(r, task, layout, false);
	layout_queue_vmas(r, task, layout, kind);
}

/* ---- what an exec sets up beside the VMAs ---- */

/* Is this one of the mappings that the kernel placed from mmap_base on? */
static bool layout_is_placed(const struct layout_vma *vma, dev_t exe_dev, ino_t exe_ino)
{
	if (vma->ino)
		return vma->ino != exe_ino || vma->dev != exe_dev;
	return vma->name[0] == '[' && strcmp(vma->name, "[heap]");
}

/* 0 if nothing was placed from it on. */
static uint64_t layout_mmap_base(const struct task *task, const struct layout *layout)
{
	unsigned long persona = 0;
	char path[64];
	struct stat exe = { 0 };
	uint64_t base = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/personality", task->tid);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "%lx", &persona) != 1)
			persona = 0;
		fclose(file);
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", task->tid);
	if (stat(path, &exe))
		exe.st_ino = 0;
	for (size_t i = 0; i < layout->n && strcmp(layout->vmas[i].name, "[stack]"); i++) {
		const struct layout_vma *vma = &layout->vmas[i];

		/* the interpreter's .bss has no name, but follows it */
		if (!layout_is_placed(vma, exe.st_dev, exe.st_ino) && vma->start != base)
			continue;
		if (persona & ADDR_COMPAT_LAYOUT)
			return vma->start; /* bottom-up: the lowest */
		base = vma->end;
	}
	return base;
}

/* What /proc/PID/stat tells of an address space: fields 28, 45, 46 and 47. */
struct layout_stat {
	uint64_t start_stack, start_data, end_data, start_brk;
};

static void layout_read_stat(const struct task *task, struct layout_stat *stat)
{
	char path[64], text[2048], *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", task->tid);
	file = fopen(path, "re");
	if (!file)
		return;
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	at = strrchr(text, ')'); /* the end of field 2, which may hold anything */
	for (unsigned field = 3; at && (at = strchr(at + 1, ' ')) && field <= 47; field++) {
		if (field == 28)
			stat->start_stack = strtoull(at + 1, NULL, 10);
		if (field == 45)
			stat->start_data = strtoull(at + 1, NULL, 10);
		if (field == 46)
			stat->end_data = strtoull(at + 1, NULL, 10);
		if (field == 47)
			stat->start_brk = strtoull(at + 1, NULL, 10);
	}
}

/* The end of the heap, which is the break but for its last page. */
static uint64_t layout_brk(const struct layout *layout, uint64_t start_brk)
{
	uint64_t brk = start_brk;

	for (size_t i = 0; i < layout->n; i++) {
		if (!strcmp(layout->vmas[i].name, "[heap]"))
			brk = layout->vmas[i].end;
	}
	return brk;
}

void layout_process_event(const struct task *task, struct trace_event *event)
{
	struct layout_stat stat = { 0 };
	bool no_thp;

	*event = (struct trace_event){ .kind = TRACE_PROCESS, .task = task->number, .name = "" };
	layout_read_stat(task, &stat);
	info_status(task->tid, &event->arg[0], &no_thp);
	event->arg[1] = stat.end_data - stat.start_data;
	event->arg[2] = no_thp ? TRACE_NO_THP : 0;
}

void layout_queue_exec(struct recorder *r, const struct task *task, enum trace_layout kind)
{
	struct layout *layout = layout_read(r, task);
	struct layout_stat stat = { 0 };
	char path[64], exe[TRACE_MAX_NAME + 1] = "";
	struct trace_event event = { .kind = TRACE_EXEC, .task = task->number, .name = exe };

	snprintf(path, sizeof(path), "/proc/%d/exe", task->tid);
	if (readlink(path, exe, sizeof(exe) - 1) < 0)
		exe[0] = 0;
	layout_read_stat(task, &stat);
	event.arg[1] = event.arg[2] = stat.start_brk;
	event.arg[3] = stat.start_stack;
	if (layout) {
		event.arg[0] = layout_mmap_base(task, layout);
		if (kind == TRACE_AT_ATTACH)
			event.arg[2] = layout_brk(layout, event.arg[1]);
		layout_number_files(r, task, layout, true);
	}
	queue_event(r, &event);
	layout_queue_vmas(r, task, layout, kind);
	layout_free(layout);
	layout_process_event(task, &event);
	queue_event(r, &event);
}
