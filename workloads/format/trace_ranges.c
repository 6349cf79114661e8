/*
 * trace_ranges - what each field of an event may be
 *
 * What a program gave to a system call may be anything: the kernel refused what it did not
 * like, and a replay has to do the same.  What the kernel or the recorder said has a
 * range, and so has what a call returned.  A kind of event without a line here does not compile.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mm/vm_flags.h"
#include "workloads/format/trace_internal.h"

/* clang-format off */
#define ANY(what)               { what, UINT64_MAX, 0, false }
#define UP_TO(what, max)        { what, max, 0, false }
#define BITS(what, known)       { what, UINT64_MAX, ~(uint64_t)(known), false }
#define ADDRESS(what)           { what, TRACE_MAX_ADDRESS, 0, true }
#define PAGE(what)              { what, TRACE_MAX_ADDRESS, ~PAGE_MASK, true }

#define PGOFF_MAX       (UINT64_MAX >> PAGE_SHIFT)
#define FAULT_BITS      (TRACE_FAULT_PRESENT | TRACE_FAULT_WRITE | TRACE_FAULT_USER | \
			 TRACE_FAULT_INSTR | TRACE_FAULT_UNKNOWN | TRACE_FAULT_INFERRED)
#define VM_FLAG(NAME, value, code) | (value)
#define VM_FLAGS_KNOWN  (VM_PKEY_MASK VM_FLAGS(VM_FLAG))

/* ---- by kind, each field in its order ---- */

#define NONE            { { NULL, 0, 0, false } }
#define CALL            { ANY("argument 1"), ANY("argument 2"), ANY("argument 3"), \
			  ANY("argument 4"), ANY("argument 5"), ANY("argument 6") }

#define RANGES_FILE     { UP_TO("number", TRACE_MAX_FILES), UP_TO("inode", TRACE_MAX_FILES), \
			  UP_TO("file system", UINT32_MAX), UP_TO("st_mode", S_IFMT | 07777), \
			  UP_TO("open flags", UINT32_MAX) }
#define RANGES_FORK     { UP_TO("child", TRACE_MAX_TASKS), UP_TO("clone flags", UINT64_MAX >> 1) }
#define RANGES_EXEC     { PAGE("mmap_base"), ADDRESS("start_brk"), ADDRESS("brk"), \
			  ADDRESS("start_stack") }
#define RANGES_EXIT     NONE
#define RANGES_LAYOUT   { UP_TO("kind", TRACE_AT_DETACH), UP_TO("number of VMAs", UINT32_MAX) }
#define RANGES_VMA      { PAGE("start"), PAGE("end"), BITS("flags", VM_FLAGS_KNOWN), \
			  UP_TO("offset", PGOFF_MAX), UP_TO("file", TRACE_MAX_FILES), \
			  UP_TO("anon_vma", 1) }
#define RANGES_FAULT    { ANY("address"), BITS("error code", FAULT_BITS) }
#define RANGES_MMAP     CALL
#define RANGES_MUNMAP   CALL
#define RANGES_MPROTECT CALL
#define RANGES_MREMAP   CALL
#define RANGES_BRK      CALL
#define RANGES_MADVISE  CALL
#define RANGES_MLOCK    CALL
#define RANGES_MUNLOCK  CALL
#define RANGES_MLOCKALL CALL
#define RANGES_MUNLOCKALL CALL
#define RANGES_MSEAL    CALL
#define RANGES_MBIND    { ANY("address"), ANY("length"), ANY("mode"), ANY("nodes"), \
			  UP_TO("flags", (4ULL << TRACE_NODES_SHIFT) - 1) }
#define RANGES_REMAP_FILE CALL
#define RANGES_SHMAT    { UP_TO("file", TRACE_MAX_FILES), ANY("address"), ANY("flags"), \
			  UP_TO("size", INT64_MAX), ANY("id") }
#define RANGES_SHMDT    CALL
#define RANGES_PRCTL    CALL
#define RANGES_PERSONALITY CALL
#define RANGES_SETRLIMIT CALL
#define RANGES_UFFD_REGISTER CALL
#define RANGES_UFFD_UNREGISTER CALL
#define RANGES_PROCESS  { ANY("capabilities"), ADDRESS("bytes of data"), BITS("flags", TRACE_NO_THP) }
#define RANGES_FILE_SIZE { UP_TO("file", TRACE_MAX_FILES), UP_TO("size", INT64_MAX) }
#define RANGES_PKEY_ALLOC CALL
#define RANGES_PKEY_FREE CALL
#define RANGES_UFFD_FEATURES { UP_TO("file", TRACE_MAX_FILES), UP_TO("features", UINT32_MAX) }
#define RANGES_HUGE_FILE { UP_TO("file", TRACE_MAX_FILES), UP_TO("page size", 1UL << 34), \
			  UP_TO("pages", TRACE_MAX_POOL_PAGES) }
#define POOL_PAGES      UP_TO("pages", TRACE_MAX_POOL_PAGES)
#define RANGES_HUGE_POOL { UP_TO("page size", 1UL << 34), POOL_PAGES, POOL_PAGES, POOL_PAGES, \
			   POOL_PAGES, POOL_PAGES }
#define RANGES_SHMGET   CALL
#define RANGES_FILE_MORE { UP_TO("file", TRACE_MAX_FILES), ANY("device"), BITS("mount", TRACE_NOEXEC) }
#define RANGES_FILE_SEALS { UP_TO("file", TRACE_MAX_FILES), UP_TO("seals", UINT32_MAX) }
#define RANGES_FILE_FLAGS { UP_TO("file", TRACE_MAX_FILES), UP_TO("rights", 7), ANY("flags"), \
			    BITS("vm_flags", VM_FLAGS_KNOWN) }
#define RANGES_UFFD_CLOSE { UP_TO("file", TRACE_MAX_FILES) }
/* clang-format on */

static const struct trace_range ranges[TRACE_NKINDS][TRACE_MAX_ARGS] = {
#define X(NAME, name, fields) [TRACE_##NAME] = RANGES_##NAME,
	TRACE_KINDS(X)
#undef X
};

const struct trace_range *range_of(enum trace_kind kind, unsigned field)
{
	return &ranges[kind][field];
}

/* ---- the check ---- */

/* Writes why and returns it. */
static const char *range_fail(struct trace_rules *rules, const struct trace_event *event,
			      const char *what, uint64_t value, const char *how)
{
	snprintf(rules->why, sizeof(rules->why), "%s: %s 0x%llx %s", trace_kind_name(event->kind),
		 what, (unsigned long long)value, how);
	return rules->why;
}

/* What a call that places something returns is a place: its length; 0 for other calls. */
static uint64_t range_placed(const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_MMAP:
		return event->arg[1];
	case TRACE_MREMAP:
		return event->arg[2];
	case TRACE_SHMAT:
		return event->arg[3];
	default:
		return 0;
	}
}

static const char *range_result(struct trace_rules *rules, const struct trace_event *event)
{
	uint64_t len = range_placed(event), start = event->result;

	if (event->result < -4095)
		return range_fail(rules, event, "result", start, "is none that a call returns");
	if (event->result < 0)
		return NULL;
	if (event->kind == TRACE_BRK && start > rules->task_size)
		return range_fail(rules, event, "result", start, "is no address of a program");
	if (!len)
		return NULL;
	if ((start & ~PAGE_MASK) || start > rules->task_size || len > rules->task_size - start)
		return range_fail(rules, event, "result", start, "is no place for what is mapped");
	rules->top = max(rules->top, PAGE_ALIGN(start + len));
	return NULL;
}

const char *ranges_check(struct trace_rules *rules, const struct trace_event *event)
{
	const char *fields = trace_kind_fields(event->kind);

	for (unsigned i = 0; fields[i] && fields[i] != 'r' && fields[i] != 'n'; i++) {
		const struct trace_range *range = &ranges[event->kind][i];
		uint64_t value = event->arg[i];

		if (value > range->max)
			return range_fail(rules, event, range->what, value, "is out of range");
		if (value & range->never)
			return range_fail(rules, event, range->what, value,
					  "has bits that are not known");
		if (range->address && value > rules->task_size)
			return range_fail(rules, event, range->what, value,
					  "is beyond the address space");
		if (range->address)
			rules->top = max(rules->top, value);
	}
	return strchr(fields, 'r') ? range_result(rules, event) : NULL;
}
