/*
 * vmabench dump - the events of a trace, a readable line each
 *
 *	  SECONDS  TASK  EVENT arguments = result
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/verb.h"
#include "mm/vm_flags.h"
#include "workloads/trace.h"

/* ---- names of bits and numbers ---- */

struct dump_name {
	uint64_t value;
	const char *name;
};

static const struct dump_name prot_names[] = {
	{ 1, "READ" }, { 2, "WRITE" }, { 4, "EXEC" }, { 8, "SEM" },
	{ 0x01000000, "GROWSDOWN" }, { 0x02000000, "GROWSUP" }, { 0 },
};
static const struct dump_name map_names[] = {
	{ 0x10, "FIXED" }, { 0x20, "ANONYMOUS" }, { 0x40, "32BIT" }, { 0x100, "GROWSDOWN" },
	{ 0x800, "DENYWRITE" }, { 0x1000, "EXECUTABLE" }, { 0x2000, "LOCKED" },
	{ 0x4000, "NORESERVE" }, { 0x8000, "POPULATE" }, { 0x10000, "NONBLOCK" },
	{ 0x20000, "STACK" }, { 0x40000, "HUGETLB" }, { 0x80000, "SYNC" },
	{ 0x100000, "FIXED_NOREPLACE" }, { 0 },
};
static const struct dump_name mremap_names[] = {
	{ 1, "MAYMOVE" }, { 2, "FIXED" }, { 4, "DONTUNMAP" }, { 0 },
};
static const struct dump_name clone_names[] = {
	{ 0x100, "VM" }, { 0x200, "FS" }, { 0x400, "FILES" }, { 0x800, "SIGHAND" },
	{ 0x1000, "PIDFD" }, { 0x2000, "PTRACE" }, { 0x4000, "VFORK" }, { 0x8000, "PARENT" },
	{ 0x10000, "THREAD" }, { 0x20000, "NEWNS" }, { 0x40000, "SYSVSEM" },
	{ 0x80000, "SETTLS" }, { 0x100000, "PARENT_SETTID" }, { 0x200000, "CHILD_CLEARTID" },
	{ 0x400000, "DETACHED" }, { 0x800000, "UNTRACED" }, { 0x1000000, "CHILD_SETTID" },
	{ 0 },
};
static const struct dump_name fault_names[] = {
	{ TRACE_FAULT_PRESENT, "present" }, { TRACE_FAULT_WRITE, "write" },
	{ TRACE_FAULT_USER, "user" }, { TRACE_FAULT_INSTR, "exec" }, { 0 },
};
static const struct dump_name mlockall_names[] = {
	{ 1, "CURRENT" }, { 2, "FUTURE" }, { 4, "ONFAULT" }, { 0 },
};
static const struct dump_name layout_names[] = {
	{ TRACE_AFTER_EXEC, "after exec" }, { TRACE_AT_EXIT, "at exit" },
	{ TRACE_AT_ATTACH, "at attach" }, { 0 },
};
static const struct dump_name map_type_names[] = {
	{ 1, "SHARED" }, { 2, "PRIVATE" }, { 3, "SHARED_VALIDATE" }, { 8, "DROPPABLE" }, { 0 },
};
static const struct dump_name advice_names[] = {
	{ 0, "NORMAL" }, { 1, "RANDOM" }, { 2, "SEQUENTIAL" }, { 3, "WILLNEED" },
	{ 4, "DONTNEED" }, { 8, "FREE" }, { 9, "REMOVE" }, { 10, "DONTFORK" }, { 11, "DOFORK" },
	{ 12, "MERGEABLE" }, { 13, "UNMERGEABLE" }, { 14, "HUGEPAGE" }, { 15, "NOHUGEPAGE" },
	{ 16, "DONTDUMP" }, { 17, "DODUMP" }, { 18, "WIPEONFORK" }, { 19, "KEEPONFORK" },
	{ 20, "COLD" }, { 21, "PAGEOUT" }, { 22, "POPULATE_READ" }, { 23, "POPULATE_WRITE" },
	{ 24, "DONTNEED_LOCKED" }, { 25, "COLLAPSE" }, { 102, "GUARD_INSTALL" },
	{ 103, "GUARD_REMOVE" }, { 0 },
};
static const struct dump_name rlimit_names[] = {
	{ 2, "DATA" }, { 3, "STACK" }, { 8, "MEMLOCK" }, { 9, "AS" }, { 0 },
};
static const struct dump_name prctl_names[] = {
	{ 35, "SET_MM" }, { 41, "SET_THP_DISABLE" }, { 67, "SET_MEMORY_MERGE" },
	{ 0x53564d41, "SET_VMA" }, { 0 },
};

/* Bits by name, the rest as a number: "READ|WRITE|0x100", or "0". */
static void dump_bits(uint64_t value, const struct dump_name *names)
{
	const char *separator = "";

	for (; names->name; names++) {
		if (!(value & names->value))
			continue;
		printf("%s%s", separator, names->name);
		separator = "|";
		value &= ~names->value;
	}
	if (value)
		printf("%s%#" PRIx64, separator, value);
	else if (!*separator)
		putchar('0');
}

static void dump_choice(uint64_t value, const struct dump_name *names)
{
	while (names->name && names->value != value)
		names++;
	if (names->name)
		fputs(names->name, stdout);
	else
		printf("%#" PRIx64, value);
}

/* ---- arguments that mean more than a number ---- */

static void dump_map_flags(uint64_t value)
{
	dump_choice(value & 0xf, map_type_names);
	if (value & ~0xfull) {
		putchar('|');
		dump_bits(value & ~0xfull, map_names);
	}
}

static void dump_vm_flags(uint64_t value)
{
	char text[256];

	printf("{%s}", vm_flags_to_smaps(value, text, sizeof(text)));
}

static void dump_octal(uint64_t value)
{
	printf("%#" PRIo64, value);
}

static void dump_decimal(uint64_t value)
{
	printf("%" PRId64, (int64_t)value);
}

static const struct dump_argument {
	enum trace_kind kind;
	unsigned arg;
	const char *label;
	const struct dump_name *bits, *choice;
	void (*show)(uint64_t value);
} arguments[] = {
	{ .kind = TRACE_FILE, .arg = 1, .label = "inode ", .show = dump_decimal },
	{ .kind = TRACE_FILE, .arg = 2, .label = "fs " },
	{ .kind = TRACE_FILE, .arg = 3, .label = "mode ", .show = dump_octal },
	{ .kind = TRACE_FILE, .arg = 4, .label = "flags ", .show = dump_octal },
	{ .kind = TRACE_FORK, .arg = 0, .label = "task ", .show = dump_decimal },
	{ .kind = TRACE_FORK, .arg = 1, .bits = clone_names },
	{ .kind = TRACE_EXEC, .arg = 0, .label = "mmap_base " },
	{ .kind = TRACE_EXEC, .arg = 1, .label = "start_brk " },
	{ .kind = TRACE_EXEC, .arg = 2, .label = "brk " },
	{ .kind = TRACE_EXEC, .arg = 3, .label = "start_stack " },
	{ .kind = TRACE_LAYOUT, .arg = 0, .choice = layout_names },
	{ .kind = TRACE_LAYOUT, .arg = 1, .label = "VMAs: ", .show = dump_decimal },
	{ .kind = TRACE_VMA, .arg = 2, .show = dump_vm_flags },
	{ .kind = TRACE_VMA, .arg = 3, .label = "pgoff " },
	{ .kind = TRACE_VMA, .arg = 5, .label = "anon_vma ", .show = dump_decimal },
	{ .kind = TRACE_FAULT, .arg = 1, .bits = fault_names },
	{ .kind = TRACE_MMAP, .arg = 2, .bits = prot_names },
	{ .kind = TRACE_MMAP, .arg = 3, .show = dump_map_flags },
	{ .kind = TRACE_MPROTECT, .arg = 2, .bits = prot_names },
	{ .kind = TRACE_MPROTECT, .arg = 3, .label = "pkey ", .show = dump_decimal },
	{ .kind = TRACE_MREMAP, .arg = 3, .bits = mremap_names },
	{ .kind = TRACE_MADVISE, .arg = 2, .choice = advice_names },
	{ .kind = TRACE_MLOCKALL, .arg = 0, .bits = mlockall_names },
	{ .kind = TRACE_PRCTL, .arg = 0, .choice = prctl_names },
	{ .kind = TRACE_SETRLIMIT, .arg = 0, .choice = rlimit_names },
};

static const struct dump_argument *dump_find(enum trace_kind kind, unsigned arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
		if (arguments[i].kind == kind && arguments[i].arg == arg)
			return &arguments[i];
	}
	return NULL;
}

static void dump_file(uint64_t number)
{
	if (number == TRACE_NO_FILE)
		fputs("no file", stdout);
	else if (number == TRACE_BAD_FILE)
		fputs("bad file", stdout);
	else
		printf("file %" PRIu64, number);
}

static void dump_argument(const struct trace_event *event, unsigned i, char field)
{
	const struct dump_argument *how = dump_find(event->kind, i);
	uint64_t value = event->arg[i];

	if (how && how->label)
		fputs(how->label, stdout);
	if (how && how->show)
		how->show(value);
	else if (how && how->bits)
		dump_bits(value, how->bits);
	else if (how && how->choice)
		dump_choice(value, how->choice);
	else if (field == 'f')
		dump_file(value);
	else
		printf("%#" PRIx64, value);
}

/* ---- a line ---- */

/* A name without anything that would disturb a terminal or the line. */
static void dump_text(const char *text)
{
	putchar('"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c < 32 || *c == 127 || *c == '"' || *c == '\\')
			printf("\\x%02x", *c);
		else
			putchar(*c);
	}
	putchar('"');
}

static void dump_result(int64_t result)
{
	const char *name = result < 0 && result >= -4095 ? strerrorname_np(-result) : NULL;

	if (name)
		printf(" = -%s", name);
	else if (result < 0 && result >= -4095)
		printf(" = %" PRId64, result);
	else if (result >= 0 && result < 65536)
		printf(" = %" PRId64, result);
	else
		printf(" = %#" PRIx64, (uint64_t)result);
}

static void dump_event(const struct trace_event *event)
{
	const char *field = trace_kind_fields(event->kind), *separator = " ";

	printf("%11.6f %5u  %s", event->time / 1e6, event->task, trace_kind_name(event->kind));
	for (unsigned i = 0; *field && *field != 'r' && *field != 'n'; i++, field++) {
		fputs(separator, stdout);
		separator = ", ";
		dump_argument(event, i, *field);
	}
	if (*field == 'n' && *event->name) {
		putchar(' ');
		dump_text(event->name);
	}
	if (*field == 'r')
		dump_result(event->result);
	putchar('\n');
}

static int dump_file_events(const char *path)
{
	struct trace_event event;
	struct trace_error error;
	struct trace_reader *reader = trace_open(path, &error);
	int status = -1;

	while (reader && (status = trace_next(reader, &event, &error)) > 0 && !ferror(stdout))
		dump_event(&event);
	fflush(stdout);
	if (status < 0)
		trace_error_print(&error);
	trace_close(reader);
	return status < 0 ? STATUS_BAD_INPUT : STATUS_OK;
}

static error_t dump_parse(int key, char *arg, struct argp_state *state)
{
	int *status = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (dump_file_events(arg))
			*status = STATUS_BAD_INPUT;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which file?");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp dump_argp = {
	.parser = dump_parse,
	.args_doc = "FILE...",
	.doc = "Print the events of traces, a line each: seconds, task, event, arguments, result.",
};

int cmd_dump(int argc, char **argv)
{
	int status = STATUS_OK;

	argp_parse(&dump_argp, argc, argv, 0, NULL, &status);
	return status;
}
