/*
 * record_hugetlb - the pools of huge pages: what they hold, at the start and before each call
 *
 * Who takes a page from a pool, or gives one back, is not always the recorded program, nor
 * always by a call that is recorded.  So before each call that wants huge pages the trace tells
 * what the pools hold, also if it told the same before: the emulation may have come to
 * something else meanwhile, as where the program closed a file.
 */
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workloads/record/record.h"
#include "workloads/record/record_internal.h"

#define POOLS "/sys/kernel/mm/hugepages"

static uint64_t pool_number(uint64_t size, const char *name)
{
	char path[128], line[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), POOLS "/hugepages-%" PRIu64 "kB/%s", size >> 10, name);
	file = fopen(path, "re");
	if (file && !fgets(line, sizeof(line), file))
		line[0] = 0;
	if (file)
		fclose(file);
	return strtoull(line, NULL, 10);
}

/* The counts are read one after the other: what changes meanwhile is cut to what can be. */
static struct trace_pool pool_read(uint64_t size)
{
	struct trace_pool pool = {
		.size = size,
		.pages = pool_number(size, "nr_hugepages"),
		.free = pool_number(size, "free_hugepages"),
		.reserved = pool_number(size, "resv_hugepages"),
		.surplus = pool_number(size, "surplus_hugepages"),
		.overcommit = min(pool_number(size, "nr_overcommit_hugepages"),
				  (uint64_t)TRACE_MAX_POOL_PAGES),
	};

	pool.free = min(pool.free, pool.pages);
	pool.reserved = min(pool.reserved, pool.free);
	pool.surplus = min(pool.surplus, pool.pages);
	return pool;
}

/* The sizes of pages that there are pools of, the usual one first; how many. */
static unsigned pool_sizes(uint64_t *sizes)
{
	uint64_t usual = info_find_number("/proc/meminfo", "Hugepagesize:", 0) << 10;
	unsigned n = 0;

	if (usual)
		sizes[n++] = usual;
	for (unsigned shift = 16; shift <= 34 && usual && n < TRACE_MAX_POOLS; shift++) {
		char path[128];

		snprintf(path, sizeof(path), POOLS "/hugepages-%" PRIu64 "kB",
			 (uint64_t)1 << (shift - 10));
		if (1ULL << shift != usual && !access(path, F_OK))
			sizes[n++] = 1ULL << shift;
	}
	return n;
}

char *hugetlb_collect(void)
{
	uint64_t sizes[TRACE_MAX_POOLS];
	unsigned n = pool_sizes(sizes);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (unsigned i = 0; out && i < n; i++) {
		struct trace_pool p = pool_read(sizes[i]);

		fprintf(out,
			"%s%" PRIu64 "=%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
			i ? " " : "", p.size, p.pages, p.free, p.reserved, p.surplus, p.overcommit);
	}
	if (out)
		fclose(out);
	return text;
}

static void pool_tell(struct recorder *r, const struct task *task, struct trace_pool *told)
{
	struct trace_pool p = pool_read(told->size);
	struct trace_event event = {
		.kind = TRACE_HUGE_POOL,
		.task = task->number,
		.name = "",
		.arg = { p.size, p.pages, p.free, p.reserved, p.surplus, p.overcommit },
	};

	if (!p.pages && !memcmp(&p, told, sizeof(p))) /* nobody can have a page of it */
		return;
	*told = p;
	queue_event(r, &event);
}

void hugetlb_look(struct recorder *r, const struct task *task)
{
	uint64_t sizes[TRACE_MAX_POOLS];

	if (!r->npools) {
		r->npools = pool_sizes(sizes);
		for (unsigned i = 0; i < r->npools; i++)
			r->pools[i].size = sizes[i];
	}
	for (unsigned i = 0; i < r->npools; i++)
		pool_tell(r, task, &r->pools[i]);
}

void hugetlb_tell_file(struct recorder *r, const struct task *task, uint32_t number,
		       uint64_t page_size, uint64_t blocks)
{
	struct trace_event event = {
		.kind = TRACE_HUGE_FILE,
		.task = task->number,
		.name = "",
		.arg = { number, page_size, blocks / (page_size >> 9) },
	};

	hugetlb_look(r, task);
	queue_event(r, &event);
}
