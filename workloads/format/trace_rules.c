/*
 * trace_rules - what a sequence of events may be
 *
 *  1. Times never fall.
 *  2. Task 1 is there from the start; the others are born by a FORK that gives
 *     them the next number; after its EXIT a task does nothing.
 *  3. Files, and inodes, get the next number at the FILE event that first names
 *     them; no other event uses a number before that.
 *     A VMA is never one of a directory, a pipe or a link.
 *  4. An EXEC is followed at once by its layout, and a LAYOUT by as many VMAs
 *     as it says, of the same task, in order and without overlap.
 *  5. Fields are in range (trace_ranges.c); nothing is beyond the header's task_size.
 *
 * Reader and writer keep the same rules, so that a replay may trust them.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "workloads/format/trace_internal.h"

void rules_init(struct trace_rules *rules, const struct trace_info *info)
{
	*rules = (struct trace_rules){
		.tasks = 1,
		.files = TRACE_BAD_FILE,
		.task_size = info ? info->task_size : TRACE_MAX_ADDRESS,
	};
}

const char *rules_info(const struct trace_rules *rules, const struct trace_info *info)
{
	return rules->top > info->task_size ? "an address is beyond the header's task_size" : NULL;
}

void rules_free(struct trace_rules *rules)
{
	free(rules->dead.bits);
	free(rules->unmappable.bits);
	rules->dead = rules->unmappable = (struct trace_bitmap){ 0 };
}

/* ---- which tasks have exited, and which files nobody can map ---- */

static bool bitmap_get(const struct trace_bitmap *map, uint64_t i)
{
	return i / 8 < map->bytes && map->bits[i / 8] & 1 << i % 8;
}

static const char *bitmap_set(struct trace_bitmap *map, uint64_t i)
{
	if (i / 8 >= map->bytes) {
		size_t bytes = max((size_t)i / 8 + 1, map->bytes * 2);
		uint8_t *bits = realloc(map->bits, bytes);

		if (!bits)
			return "out of memory";
		memset(bits + map->bytes, 0, bytes - map->bytes);
		map->bits = bits;
		map->bytes = bytes;
	}
	map->bits[i / 8] |= 1 << i % 8;
	return NULL;
}

/* ---- the kinds with rules of their own ---- */

static const char *rules_file(struct trace_rules *rules, const struct trace_event *event)
{
	if (event->arg[0] != rules->files + 1 || event->arg[0] > TRACE_MAX_FILES)
		return "a file that is not the next one, or one too many";
	if (!event->arg[1] || event->arg[1] > rules->inodes + 1)
		return "an inode that is neither known nor the next one";
	rules->files++;
	rules->inodes = max(rules->inodes, event->arg[1]);
	if (S_ISDIR(event->arg[3]) || S_ISLNK(event->arg[3]) || S_ISFIFO(event->arg[3]))
		return bitmap_set(&rules->unmappable, event->arg[0]);
	return NULL;
}

static const char *rules_fork(struct trace_rules *rules, const struct trace_event *event)
{
	if (event->result < 0)
		return event->arg[0] ? "a fork that failed and has a child" : NULL;
	if (event->arg[0] != rules->tasks + 1 || event->arg[0] > TRACE_MAX_TASKS)
		return "a child that is not the next task, or one too many";
	rules->tasks++;
	return NULL;
}

static const char *rules_layout(struct trace_rules *rules, const struct trace_event *event)
{
	if (rules->exec && event->arg[0] != TRACE_AFTER_EXEC && event->arg[0] != TRACE_AT_ATTACH)
		return "an exec without its layout";
	rules->exec = false;
	rules->vmas = event->arg[1];
	rules->vma_end = 0;
	rules->layout_task = event->task;
	return NULL;
}

static const char *rules_vma(struct trace_rules *rules, const struct trace_event *event)
{
	if (!rules->vmas)
		return "a VMA outside of a layout";
	if (event->arg[0] >= event->arg[1] || event->arg[0] < rules->vma_end)
		return "a VMA that is empty, or overlaps the one before";
	if (event->arg[3] > (UINT64_MAX - (event->arg[1] - event->arg[0])) >> PAGE_SHIFT)
		return "a VMA that shows more than the largest file";
	if (event->arg[4] == TRACE_BAD_FILE)
		return "a VMA of a file that is not open";
	if (bitmap_get(&rules->unmappable, event->arg[4]))
		return "a VMA of a directory, a pipe or a link";
	rules->vmas--;
	rules->vma_end = event->arg[1];
	return NULL;
}

static const char *rules_exec(struct trace_rules *rules, const struct trace_event *event)
{
	if (event->arg[1] > event->arg[2])
		return "an exec whose break is below its start";
	rules->exec = true;
	rules->layout_task = event->task;
	return NULL;
}

/* The size, and of a pool the counts. */
static const char *rules_pool(const struct trace_event *event)
{
	const uint64_t *arg = event->arg;

	if (event->kind == TRACE_HUGE_FILE)
		return pool_check(&(struct trace_pool){ .size = arg[1] });
	return pool_check(&(struct trace_pool){ arg[0], arg[1], arg[2], arg[3], arg[4], arg[5] });
}

static const char *rules_kind(struct trace_rules *rules, const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_FILE:
		return rules_file(rules, event);
	case TRACE_FORK:
		return rules_fork(rules, event);
	case TRACE_EXEC:
		return rules_exec(rules, event);
	case TRACE_EXIT:
		return bitmap_set(&rules->dead, event->task);
	case TRACE_LAYOUT:
		return rules_layout(rules, event);
	case TRACE_VMA:
		return rules_vma(rules, event);
	case TRACE_HUGE_FILE:
	case TRACE_HUGE_POOL:
		return rules_pool(event);
	default:
		return NULL;
	}
}

/* ---- the rules of all kinds ---- */

static const char *rules_fields(const struct trace_rules *rules, const struct trace_event *event)
{
	const char *fields = trace_kind_fields(event->kind);

	for (unsigned i = 0; fields[i] && fields[i] != 'r' && fields[i] != 'n'; i++) {
		if (fields[i] == 'f' && event->kind != TRACE_FILE && event->arg[i] > rules->files)
			return "a file that no event defined";
	}
	if (strnlen(event->name, TRACE_MAX_NAME + 1) > TRACE_MAX_NAME)
		return "a name that is too long";
	return NULL;
}

static const char *rules_expected(const struct trace_rules *rules, const struct trace_event *event)
{
	if (rules->exec && (event->kind != TRACE_LAYOUT || event->task != rules->layout_task))
		return "an exec without its layout";
	if (rules->vmas && (event->kind != TRACE_VMA || event->task != rules->layout_task))
		return "a layout without all its VMAs";
	return NULL;
}

const char *rules_check(struct trace_rules *rules, const struct trace_event *event)
{
	const char *reason;

	if ((unsigned)event->kind >= TRACE_NKINDS)
		return "an unknown kind of event";
	if (!event->task || event->task > TRACE_MAX_TASKS)
		return "a task's number out of range";
	if (event->task > rules->tasks)
		return "a task that was not born";
	if (bitmap_get(&rules->dead, event->task))
		return "a task that has exited";
	if (event->time < rules->time)
		return "a time that falls";
	reason = rules_expected(rules, event);
	if (!reason)
		reason = ranges_check(rules, event);
	if (!reason)
		reason = rules_fields(rules, event);
	if (!reason)
		reason = rules_kind(rules, event);
	rules->time = event->time;
	return reason;
}

const char *rules_end(const struct trace_rules *rules)
{
	return rules->exec || rules->vmas ? "the trace ends inside a layout" : NULL;
}
