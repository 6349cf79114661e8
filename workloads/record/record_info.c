/*
 * record_info - the header of a recording: where it was made, and with which settings
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workloads/record/record.h"
#include "workloads/record/record_internal.h"

/* Newer than the oldest headers this must build with. */
#define PR_GET_MDWE_         66
#define PR_GET_MEMORY_MERGE_ 68
#define MDWE_NO_INHERIT      2

/* ---- small files ---- */

/* The first line of a file, without its end; "" if there is none. */
static void info_read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");

	line[0] = 0;
	if (file && fgets(line, size, file))
		line[strcspn(line, "\n")] = 0;
	if (file)
		fclose(file);
}

static uint64_t info_read_number(const char *path, uint64_t fallback)
{
	char line[64];

	info_read_line(path, line, sizeof(line));
	return line[0] ? strtoull(line, NULL, 10) : fallback;
}

/* The word in brackets of a sysfs choice; "" if there is no such file. */
static char *info_read_choice(const char *path)
{
	char line[256], *open, *close;

	info_read_line(path, line, sizeof(line));
	open = strchr(line, '[');
	close = open ? strchr(open, ']') : NULL;
	return close ? strndup(open + 1, close - open - 1) : strdup("");
}

uint64_t info_find_number(const char *path, const char *key, uint64_t fallback)
{
	char line[4096], *at;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		at = strstr(line, key);
		if (at) {
			fallback = strtoull(at + strlen(key), NULL, 0);
			break;
		}
	}
	if (file)
		fclose(file);
	return fallback;
}

/* ---- the command ---- */

static bool info_is_plain(const char *word)
{
	return *word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_-+=./:,@%")];
}

static bool info_needs_escapes(const char *word)
{
	for (const unsigned char *c = (const unsigned char *)word; *c; c++) {
		if (*c == '\'' || *c == '\\' || *c < 32 || *c > 126)
			return true;
	}
	return false;
}

/* A word as a shell would take it, in ASCII. */
static void info_quote(FILE *out, const char *word)
{
	if (info_is_plain(word)) {
		fputs(word, out);
		return;
	}
	fputs(info_needs_escapes(word) ? "$'" : "'", out);
	for (const unsigned char *c = (const unsigned char *)word; *c; c++) {
		if (*c == '\'' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if (*c < 32 || *c > 126)
			fprintf(out, "\\x%02x", *c);
		else
			fputc(*c, out);
	}
	fputc('\'', out);
}

static char *info_command(char **command)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (char **word = command; *word; word++) {
		if (word != command)
			fputc(' ', out);
		info_quote(out, *word);
	}
	fclose(out);
	return text;
}

/* The path that execvp() would run; "" if there is none. */
static void info_find_program(const char *name, char *path, size_t size)
{
	const char *dirs = getenv("PATH");

	if (strchr(name, '/')) {
		snprintf(path, size, "%s", name);
		return;
	}
	for (dirs = dirs ? dirs : "/bin:/usr/bin"; *dirs; dirs += *dirs == ':') {
		int len = strcspn(dirs, ":");

		snprintf(path, size, "%.*s/%s", len, dirs, name);
		if (!access(path, X_OK))
			return;
		dirs += len;
	}
	path[0] = 0;
}

/* The first line that argv prints, or "". */
static void info_ask(char **argv, char *line, size_t size)
{
	int fds[2];
	FILE *file;
	pid_t pid;

	line[0] = 0;
	if (pipe2(fds, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	file = fdopen(fds[0], "r");
	if (file && fgets(line, size, file))
		line[strcspn(line, "\n")] = 0;
	if (file)
		fclose(file);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* "package version" of the program, where dpkg knows it; else "". */
static char *info_versions(const char *name)
{
	char found[4096], *path, line[4096] = "", *colon;

	info_find_program(name, found, sizeof(found));
	path = realpath(found, NULL);
	if (!path)
		return strdup("");
	info_ask((char *[]){ "dpkg-query", "-S", path, NULL }, line, sizeof(line));
	if (!line[0] && !strncmp(path, "/usr/", 5)) /* dpkg may know it as /bin/... */
		info_ask((char *[]){ "dpkg-query", "-S", path + 4, NULL }, line, sizeof(line));
	free(path);
	colon = strstr(line, ": ");
	if (!colon)
		return strdup("");
	*colon = 0;
	info_ask((char *[]){ "dpkg-query", "-W", "-f", "${Package} ${Version}\n", line, NULL },
		 found, sizeof(found));
	return strdup(found);
}

/* ---- the machine ---- */

/* One past the last address that a program can map. */
static uint64_t info_task_size(void)
{
#if defined(__x86_64__)
	unsigned bits = info_find_number("/proc/cpuinfo", " la57", 1) ? 47 : 56;

	return (1ULL << bits) - PAGE_SIZE;
#else
	return 1ULL << 48;
#endif
}

static uint64_t info_rlimit(pid_t pid, int resource)
{
	struct rlimit limit;

	return prlimit(pid, resource, NULL, &limit) ? RLIM_INFINITY : limit.rlim_cur;
}

/* A file of process pid, or (0) of this one. */
static void info_proc_path(char *path, size_t size, pid_t pid, const char *name)
{
	if (pid)
		snprintf(path, size, "/proc/%d/%s", pid, name);
	else
		snprintf(path, size, "/proc/self/%s", name);
}

/*
 * The kernel asks for the first user namespace's capabilities, which maps all users to themselves.
 */
static bool info_in_first_namespace(pid_t pid)
{
	unsigned long inside, outside, n;
	char path[64], line[256];

	info_proc_path(path, sizeof(path), pid, "uid_map");
	info_read_line(path, line, sizeof(line));
	return sscanf(line, "%lu %lu %lu", &inside, &outside, &n) == 3 && !inside && !outside &&
	       n == UINT32_MAX;
}

void info_status(pid_t tid, uint64_t *lacks_capabilities, bool *no_thp)
{
	char path[64], line[256];
	unsigned long long has = ~0ULL;
	unsigned thp = 1;
	FILE *file;

	info_proc_path(path, sizeof(path), tid, "status");
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "CapEff: %llx", &has) != 1)
			sscanf(line, "THP_enabled: %u", &thp);
	}
	if (file)
		fclose(file);
	*lacks_capabilities = info_in_first_namespace(tid) ? ~has : ~0ULL;
	*no_thp = !thp;
}

/* kB of a line of /proc/meminfo, in bytes. */
static uint64_t info_meminfo(const char *key)
{
	return info_find_number("/proc/meminfo", key, 0) << 10;
}

static void info_collect_overcommit(struct trace_info *info)
{
	info->overcommit = info_read_number("/proc/sys/vm/overcommit_memory", 0);
	info->overcommit_ratio = info_read_number("/proc/sys/vm/overcommit_ratio", 50);
	info->overcommit_kbytes = info_read_number("/proc/sys/vm/overcommit_kbytes", 0);
	info->admin_reserve_kbytes = info_read_number("/proc/sys/vm/admin_reserve_kbytes", 0);
	info->user_reserve_kbytes = info_read_number("/proc/sys/vm/user_reserve_kbytes", 0);
	info->ram = info_meminfo("MemTotal:");
	info->swap = info_meminfo("SwapTotal:");
	info->committed = info_meminfo("Committed_AS:");
}

/* Where a hint of one page goes: to the least that is left, which a security module may raise. */
static uint64_t info_least_hint(uint64_t min_addr)
{
	void *at =
		mmap((void *)PAGE_SIZE, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return min_addr;
	munmap(at, PAGE_SIZE);
	return (uintptr_t)at < 1ULL << 32 ? (uintptr_t)at : min_addr;
}

/* The low word of a mask as /proc/PID/status shows it: words of 32 bits, the highest first. */
static uint64_t info_mask(pid_t pid, const char *key)
{
	char path[64], line[4096], *at = NULL;
	uint64_t mask = 0;
	FILE *file;

	info_proc_path(path, sizeof(path), pid, "status");
	file = fopen(path, "re");
	while (file && !at && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, key, strlen(key)))
			at = line + strlen(key);
	}
	if (file)
		fclose(file);
	for (; at && *at; at = strpbrk(at, ",")) {
		at += *at == ',';
		mask = mask << 32 | strtoul(at, NULL, 16);
	}
	return mask;
}

/* Bits of a list of numbers and ranges, "0-1,3", below 64. */
static uint64_t info_list(const char *path)
{
	char line[4096], *at = line;
	uint64_t bits = 0;

	info_read_line(path, line, sizeof(line));
	while (*at) {
		unsigned long first = strtoul(at, &at, 10), last = first;

		if (*at == '-')
			last = strtoul(at + 1, &at, 10);
		for (; first <= last && first < 64; first++)
			bits |= 1ULL << first;
		at += *at ? 1 : 0;
	}
	return bits;
}

/* What a program inherits from its parent, which can be asked of this process only. */
static void info_collect_inherited(struct trace_info *info, pid_t pid)
{
	int mdwe = pid ? 0 : prctl(PR_GET_MDWE_, 0, 0, 0, 0);

	info->mdwe = mdwe > 0 && !(mdwe & MDWE_NO_INHERIT) ? mdwe : 0;
	info->memory_merge = !pid && prctl(PR_GET_MEMORY_MERGE_, 0, 0, 0, 0) == 1;
}

static unsigned long info_personality(pid_t pid)
{
	char path[64], line[64];

	if (!pid)
		return personality(0xffffffff);
	snprintf(path, sizeof(path), "/proc/%d/personality", pid);
	info_read_line(path, line, sizeof(line));
	return strtoul(line, NULL, 16);
}

static char *info_date(void)
{
	char date[16];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	return strdup(date);
}

/* What is the machine's, and the settings of process pid (0: this one). */
static void info_collect_settings(struct trace_info *info, pid_t pid)
{
	unsigned long persona = info_personality(pid);
	struct utsname uts;
	bool no_thp; /* told after each exec */

	uname(&uts);
	info->kernel = strdup(uts.release);
	info->arch = strdup(uts.machine);
	info->date = info_date();
	info->aslr = !(persona & ADDR_NO_RANDOMIZE) &&
		     info_read_number("/proc/sys/kernel/randomize_va_space", 2);
	info->legacy_layout = persona & ADDR_COMPAT_LAYOUT ||
			      info_read_number("/proc/sys/vm/legacy_va_layout", 0);
	info->thp = info_read_choice("/sys/kernel/mm/transparent_hugepage/enabled");
	info->shmem_thp = info_read_choice("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
	info->task_size = info_task_size();
	info->max_map_count = info_read_number("/proc/sys/vm/max_map_count", 65530);
	info->mmap_min_addr = info_read_number("/proc/sys/vm/mmap_min_addr", 65536);
	info->least_hint = info_least_hint(info->mmap_min_addr);
	info->memory_nodes =
		info_mask(pid, "Mems_allowed:") & info_list("/sys/devices/system/node/has_memory");
	info_collect_inherited(info, pid);
	info->file_guards_prepare = rules_file_guards_prepare();
	info->stack_guard_gap = info_find_number("/proc/cmdline", "stack_guard_gap=", 256);
	info_collect_overcommit(info);
	info_status(pid, &info->lacks_capabilities, &no_thp);
	info->hugetlb = hugetlb_collect();
	info->pkeys = info_find_number("/proc/cpuinfo", " ospke", 1) == 0;
	info->rlimit_stack = info_rlimit(pid, RLIMIT_STACK);
	info->rlimit_as = info_rlimit(pid, RLIMIT_AS);
	info->rlimit_data = info_rlimit(pid, RLIMIT_DATA);
	info->rlimit_memlock = info_rlimit(pid, RLIMIT_MEMLOCK);
}

void record_settings(struct trace_info *info)
{
	*info = (struct trace_info){ 0 };
	info_collect_settings(info, 0);
}

void info_collect(struct trace_info *info, char **command)
{
	info->command = info_command(command);
	info->versions = info_versions(command[0]);
	info_collect_settings(info, 0);
}

void info_collect_running(struct trace_info *info, pid_t pid)
{
	char path[64], text[4096] = "", *words[256] = { NULL };
	size_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	if (file) {
		text[fread(text, 1, sizeof(text) - 1, file)] = 0;
		fclose(file);
	}
	for (char *at = text; *at && n < ARRAY_SIZE(words) - 1; at += strlen(at) + 1)
		words[n++] = at;
	info->command = info_command(words);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	info->versions = info_versions(path);
	info_collect_settings(info, pid);
}
