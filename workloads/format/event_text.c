/*
 * event_text - an event of a trace as a line that a person can read
 */
#include "workloads/format/event_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "mm/vm_flags.h"

/* ---- names of bits and numbers ---- */

struct event_name {
	uint64_t value;
	const char *name;
};

static const struct event_name prot_names[] = {
	{ 1, "READ" },
	{ 2, "WRITE" },
	{ 4, "EXEC" },
	{ 8, "SEM" },
	{ 0x01000000, "GROWSDOWN" },
	{ 0x02000000, "GROWSUP" },
	{ 0 },
};
static const struct event_name map_names[] = {
	{ 0x10, "FIXED" },
	{ 0x20, "ANONYMOUS" },
	{ 0x40, "32BIT" },
	{ 0x100, "GROWSDOWN" },
	{ 0x800, "DENYWRITE" },
	{ 0x1000, "EXECUTABLE" },
	{ 0x2000, "LOCKED" },
	{ 0x4000, "NORESERVE" },
	{ 0x8000, "POPULATE" },
	{ 0x10000, "NONBLOCK" },
	{ 0x20000, "STACK" },
	{ 0x40000, "HUGETLB" },
	{ 0x80000, "SYNC" },
	{ 0x100000, "FIXED_NOREPLACE" },
	{ 0 },
};
static const struct event_name mremap_names[] = {
	{ 1, "MAYMOVE" },
	{ 2, "FIXED" },
	{ 4, "DONTUNMAP" },
	{ 0 },
};
static const struct event_name clone_names[] = {
	{ 0x100, "VM" },
	{ 0x200, "FS" },
	{ 0x400, "FILES" },
	{ 0x800, "SIGHAND" },
	{ 0x1000, "PIDFD" },
	{ 0x2000, "PTRACE" },
	{ 0x4000, "VFORK" },
	{ 0x8000, "PARENT" },
	{ 0x10000, "THREAD" },
	{ 0x20000, "NEWNS" },
	{ 0x40000, "SYSVSEM" },
	{ 0x80000, "SETTLS" },
	{ 0x100000, "PARENT_SETTID" },
	{ 0x200000, "CHILD_CLEARTID" },
	{ 0x400000, "DETACHED" },
	{ 0x800000, "UNTRACED" },
	{ 0x1000000, "CHILD_SETTID" },
	{ 0 },
};
static const struct event_name fault_names[] = {
	{ TRACE_FAULT_PRESENT, "present" },
	{ TRACE_FAULT_WRITE, "write" },
	{ TRACE_FAULT_USER, "user" },
	{ TRACE_FAULT_INSTR, "exec" },
	{ TRACE_FAULT_UNKNOWN, "unknown" },
	{ TRACE_FAULT_INFERRED, "inferred" },
	{ 0 },
};
static const struct event_name mlockall_names[] = {
	{ 1, "CURRENT" },
	{ 2, "FUTURE" },
	{ 4, "ONFAULT" },
	{ 0 },
};
static const struct event_name layout_names[] = {
	{ TRACE_AFTER_EXEC, "after exec" },
	{ TRACE_AT_EXIT, "at exit" },
	{ TRACE_AT_ATTACH, "at attach" },
	{ TRACE_AT_DETACH, "at detach" },
	{ 0 },
};
static const struct event_name map_type_names[] = {
	{ 1, "SHARED" }, { 2, "PRIVATE" }, { 3, "SHARED_VALIDATE" }, { 8, "DROPPABLE" }, { 0 },
};
static const struct event_name advice_names[] = {
	{ 0, "NORMAL" },          { 1, "RANDOM" },
	{ 2, "SEQUENTIAL" },      { 3, "WILLNEED" },
	{ 4, "DONTNEED" },        { 8, "FREE" },
	{ 9, "REMOVE" },          { 10, "DONTFORK" },
	{ 11, "DOFORK" },         { 12, "MERGEABLE" },
	{ 13, "UNMERGEABLE" },    { 14, "HUGEPAGE" },
	{ 15, "NOHUGEPAGE" },     { 16, "DONTDUMP" },
	{ 17, "DODUMP" },         { 18, "WIPEONFORK" },
	{ 19, "KEEPONFORK" },     { 20, "COLD" },
	{ 21, "PAGEOUT" },        { 22, "POPULATE_READ" },
	{ 23, "POPULATE_WRITE" }, { 24, "DONTNEED_LOCKED" },
	{ 25, "COLLAPSE" },       { 102, "GUARD_INSTALL" },
	{ 103, "GUARD_REMOVE" },  { 0 },
};
static const struct event_name rlimit_names[] = {
	{ 2, "DATA" }, { 3, "STACK" }, { 8, "MEMLOCK" }, { 9, "AS" }, { 0 },
};
static const struct event_name prctl_names[] = {
	{ 35, "SET_MM" },           { 41, "SET_THP_DISABLE" }, { 65, "SET_MDWE" },
	{ 67, "SET_MEMORY_MERGE" }, { 0x53564d41, "SET_VMA" }, { 0 },
};

static const struct event_name mount_names[] = {
	{ TRACE_NOEXEC, "noexec" },
	{ 0 },
};

static const struct event_name process_names[] = {
	{ TRACE_NO_THP, "no huge pages" },
	{ 0 },
};

/* Bits by name, the rest as a number: "READ|WRITE|0x100", or "0". */
static void event_bits(FILE *out, uint64_t value, const struct event_name *names)
{
	const char *separator = "";

	for (; names->name; names++) {
		if (!(value & names->value))
			continue;
		fprintf(out, "%s%s", separator, names->name);
		separator = "|";
		value &= ~names->value;
	}
	if (value)
		fprintf(out, "%s%#" PRIx64, separator, value);
	else if (!*separator)
		putc('0', out);
}

static void event_choice(FILE *out, uint64_t value, const struct event_name *names)
{
	while (names->name && names->value != value)
		names++;
	if (names->name)
		fputs(names->name, out);
	else
		fprintf(out, "%#" PRIx64, value);
}

/* ---- arguments that mean more than a number ---- */

static void event_map_flags(FILE *out, uint64_t value)
{
	event_choice(out, value & 0xf, map_type_names);
	if (value & ~0xfull) {
		putc('|', out);
		event_bits(out, value & ~0xfull, map_names);
	}
}

static void event_vm_flags(FILE *out, uint64_t value)
{
	char text[256];

	fprintf(out, "{%s}", vm_flags_to_smaps(value, text, sizeof(text)));
}

static void event_octal(FILE *out, uint64_t value)
{
	fprintf(out, "%#" PRIo64, value);
}

static void event_decimal(FILE *out, uint64_t value)
{
	fprintf(out, "%" PRId64, (int64_t)value);
}

static const struct event_argument {
	enum trace_kind kind;
	unsigned arg;
	const char *label;
	const struct event_name *bits, *choice;
	void (*show)(FILE *out, uint64_t value);
} arguments[] = {
	{ .kind = TRACE_FILE, .arg = 1, .label = "inode ", .show = event_decimal },
	{ .kind = TRACE_FILE, .arg = 2, .label = "fs " },
	{ .kind = TRACE_FILE, .arg = 3, .label = "mode ", .show = event_octal },
	{ .kind = TRACE_FILE, .arg = 4, .label = "flags ", .show = event_octal },
	{ .kind = TRACE_FORK, .arg = 0, .label = "task ", .show = event_decimal },
	{ .kind = TRACE_FORK, .arg = 1, .bits = clone_names },
	{ .kind = TRACE_EXEC, .arg = 0, .label = "mmap_base " },
	{ .kind = TRACE_EXEC, .arg = 1, .label = "start_brk " },
	{ .kind = TRACE_EXEC, .arg = 2, .label = "brk " },
	{ .kind = TRACE_EXEC, .arg = 3, .label = "start_stack " },
	{ .kind = TRACE_LAYOUT, .arg = 0, .choice = layout_names },
	{ .kind = TRACE_LAYOUT, .arg = 1, .label = "VMAs: ", .show = event_decimal },
	{ .kind = TRACE_VMA, .arg = 2, .show = event_vm_flags },
	{ .kind = TRACE_VMA, .arg = 3, .label = "pgoff " },
	{ .kind = TRACE_VMA, .arg = 5, .label = "anon_vma ", .show = event_decimal },
	{ .kind = TRACE_FAULT, .arg = 1, .bits = fault_names },
	{ .kind = TRACE_MMAP, .arg = 2, .bits = prot_names },
	{ .kind = TRACE_MMAP, .arg = 3, .show = event_map_flags },
	{ .kind = TRACE_MPROTECT, .arg = 2, .bits = prot_names },
	{ .kind = TRACE_MPROTECT, .arg = 3, .label = "pkey ", .show = event_decimal },
	{ .kind = TRACE_MREMAP, .arg = 3, .bits = mremap_names },
	{ .kind = TRACE_MADVISE, .arg = 2, .choice = advice_names },
	{ .kind = TRACE_MLOCKALL, .arg = 0, .bits = mlockall_names },
	{ .kind = TRACE_PKEY_FREE, .arg = 0, .label = "pkey ", .show = event_decimal },
	{ .kind = TRACE_UFFD_FEATURES, .arg = 1, .label = "features " },
	{ .kind = TRACE_PRCTL, .arg = 0, .choice = prctl_names },
	{ .kind = TRACE_SETRLIMIT, .arg = 0, .choice = rlimit_names },
	{ .kind = TRACE_FILE_SIZE, .arg = 1, .label = "bytes ", .show = event_decimal },
	{ .kind = TRACE_HUGE_FILE, .arg = 1, .label = "page size ", .show = event_decimal },
	{ .kind = TRACE_HUGE_FILE, .arg = 2, .label = "in memory ", .show = event_decimal },
	{ .kind = TRACE_HUGE_POOL, .arg = 0, .label = "page size ", .show = event_decimal },
	{ .kind = TRACE_HUGE_POOL, .arg = 1, .label = "pages ", .show = event_decimal },
	{ .kind = TRACE_HUGE_POOL, .arg = 2, .label = "free ", .show = event_decimal },
	{ .kind = TRACE_HUGE_POOL, .arg = 3, .label = "reserved ", .show = event_decimal },
	{ .kind = TRACE_HUGE_POOL, .arg = 4, .label = "surplus ", .show = event_decimal },
	{ .kind = TRACE_HUGE_POOL, .arg = 5, .label = "overcommit ", .show = event_decimal },
	{ .kind = TRACE_FILE_MORE, .arg = 1, .label = "device " },
	{ .kind = TRACE_FILE_MORE, .arg = 2, .bits = mount_names },
	{ .kind = TRACE_FILE_SEALS, .arg = 1, .label = "seals " },
	{ .kind = TRACE_FILE_FLAGS, .arg = 1, .bits = prot_names },
	{ .kind = TRACE_FILE_FLAGS, .arg = 2, .show = event_map_flags },
	{ .kind = TRACE_FILE_FLAGS, .arg = 3, .show = event_vm_flags },
	{ .kind = TRACE_PROCESS, .arg = 0, .label = "lacks capabilities " },
	{ .kind = TRACE_PROCESS, .arg = 1, .label = "data " },
	{ .kind = TRACE_PROCESS, .arg = 2, .bits = process_names },
};

static const struct event_argument *event_find(enum trace_kind kind, unsigned arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
		if (arguments[i].kind == kind && arguments[i].arg == arg)
			return &arguments[i];
	}
	return NULL;
}

static void event_file(FILE *out, uint64_t number)
{
	if (number == TRACE_NO_FILE)
		fputs("no file", out);
	else if (number == TRACE_BAD_FILE)
		fputs("bad file", out);
	else
		fprintf(out, "file %" PRIu64, number);
}

static void event_argument(FILE *out, const struct trace_event *event, unsigned i, char field)
{
	const struct event_argument *how = event_find(event->kind, i);
	uint64_t value = event->arg[i];

	if (how && how->label)
		fputs(how->label, out);
	if (how && how->show)
		how->show(out, value);
	else if (how && how->bits)
		event_bits(out, value, how->bits);
	else if (how && how->choice)
		event_choice(out, value, how->choice);
	else if (field == 'f')
		event_file(out, value);
	else
		fprintf(out, "%#" PRIx64, value);
}

/* ---- a line ---- */

static void event_string(FILE *out, const char *text)
{
	putc('"', out);
	escape_text_to(out, text, "\"\\");
	putc('"', out);
}

void event_print_result(FILE *out, int64_t result)
{
	const char *name = result < 0 && result >= -4095 ? strerrorname_np(-result) : NULL;

	if (name)
		fprintf(out, "-%s", name);
	else if (result < 0 && result >= -4095)
		fprintf(out, "%" PRId64, result);
	else if (result >= 0 && result < 65536)
		fprintf(out, "%" PRId64, result);
	else
		fprintf(out, "%#" PRIx64, (uint64_t)result);
}

void event_print(FILE *out, const struct trace_event *event)
{
	const char *field = trace_kind_fields(event->kind), *separator = " ";

	fprintf(out, "%11.6f %5u  %s", event->time / 1e6, event->task,
		trace_kind_name(event->kind));
	for (unsigned i = 0; *field && *field != 'r' && *field != 'n'; i++, field++) {
		fputs(separator, out);
		separator = ", ";
		event_argument(out, event, i, *field);
	}
	if (*field == 'n' && *event->name) {
		putc(' ', out);
		event_string(out, event->name);
	}
	if (*field == 'r') {
		fputs(" = ", out);
		event_print_result(out, event->result);
	}
	putc('\n', out);
}

void trace_base_name(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	const char *dot = strrchr(base, '.');

	snprintf(name, size, "%.*s", dot ? (int)(dot - base) : (int)strlen(base), base);
}
