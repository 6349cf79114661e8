/*
 * host - the facts about machine and build (see host.h)
 */
#include "harness/measure/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "base/util.h"
#include "harness/measure/clock.h"

/* The Makefile tells both. */
#ifndef BUILD_FLAGS
#define BUILD_FLAGS "unknown"
#endif
#ifndef BUILD_COMMIT
#define BUILD_COMMIT "unknown"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define SPINS       1000000
#define SPINS_FIRST 5 /* samples at the beginning, while the clock rate goes up */

/* The text behind the first "key" that begins a line of a file, in line; "" if there is none. */
static char *fact(const char *path, const char *key, char *line, int size)
{
	FILE *file = fopen(path, "r");
	size_t len = strlen(key);
	char *value = NULL;

	while (file && !value && fgets(line, size, file)) {
		if (!strncmp(line, key, len))
			value = line + len + strspn(line + len, "\t :=\"");
	}
	if (file)
		fclose(file);
	if (!value)
		value = line + size - 1;
	value[strcspn(value, "\"\n")] = 0;
	return value;
}

/* The word in brackets, as in "always [madvise] never". */
static const char *chosen(char *text)
{
	char *begin = strchr(text, '['), *end = strchr(text, ']');

	if (!begin || !end || end < begin)
		return text;
	*end = 0;
	return begin + 1;
}

static void set(json_t *context, const char *key, const char *value)
{
	json_object_set_new(context, key, json_string(*value ? value : "unknown"));
}

static const char *processor(char *line, int size)
{
	const char *name = fact("/proc/cpuinfo", "model name", line, size);

	return *name ? name : fact("/proc/cpuinfo", "CPU part", line, size);
}

void host_describe(json_t *context)
{
	struct utsname names;
	char line[512];

	if (!uname(&names)) {
		set(context, "kernel", names.release);
		set(context, "arch", names.machine);
	}
	set(context, "os", fact("/etc/os-release", "PRETTY_NAME", line, sizeof(line)));
	set(context, "cpu", processor(line, sizeof(line)));
	set(context, "memory", fact("/proc/meminfo", "MemTotal", line, sizeof(line)));
	set(context, "thp",
	    chosen(fact("/sys/kernel/mm/transparent_hugepage/enabled", "", line, sizeof(line))));
	set(context, "compiler", COMPILER);
	set(context, "flags", BUILD_FLAGS);
	set(context, "commit", BUILD_COMMIT);
	set(context, "host_name", "-");
}

size_t host_memory_available(void)
{
	char line[256];

	return strtoul(fact("/proc/meminfo", "MemAvailable", line, sizeof(line)), NULL, 10) * 1024;
}

/* ---- noise ---- */

static double load_average(void)
{
	double load = 0;

	return getloadavg(&load, 1) == 1 ? load : 0;
}

static long switches(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? 0 : usage.ru_nivcsw;
}

/* Each step waits for the one before: as fast as the clock of the processor, no faster. */
static double spin(void)
{
	double begin = cpu_seconds();
	unsigned long x = 1;

	for (unsigned i = 0; i < SPINS; i++) {
		x = x * 5 + 1;
		__asm__ volatile("" : "+r"(x));
	}
	return cpu_seconds() - begin;
}

void noise_begin(struct noise *noise)
{
	*noise = (struct noise){
		.fastest = spin(),
		.load_begin = load_average(),
		.switches = switches(),
	};
	for (unsigned i = 0; i < SPINS_FIRST; i++)
		noise->fastest = min(noise->fastest, spin());
	noise->slowest = noise->fastest;
}

void noise_sample(struct noise *noise)
{
	double now = spin();

	noise->samples++;
	noise->fastest = min(noise->fastest, now);
	noise->slowest = max(noise->slowest, now);
}

json_t *noise_end(struct noise *noise)
{
	noise->load_end = load_average();
	noise->switches = switches() - noise->switches;
	return json_pack("{s:i, s:f, s:f, s:f, s:I}", "samples", noise->samples, "spread",
			 noise->slowest / noise->fastest - 1, "load_begin", noise->load_begin,
			 "load_end", noise->load_end, "involuntary_switches",
			 (json_int_t)noise->switches);
}
