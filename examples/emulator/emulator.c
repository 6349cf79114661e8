/*
 * emulator - the memory map of a guest, kept with libvmaindex
 *
 *	0x00000000  ram        8 MB, in the end with a gap that a balloon has taken
 *	0x10000000  uart       a device: what is written there appears on the screen
 *	0xffff0000  rom        64 KB
 *	            video      placed by the emulator, as high as it fits below 4 GB
 *
 * Regions are the user's own objects that begin with a struct vmaindex_range.
 * C, and C++ as well.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vmaindex.h>

struct region {
	struct vmaindex_range range; /* first: a region is found by a cast */
	const char *name;
	unsigned char *host;                 /* where range.start is, or NULL: a device, */
	void (*device)(unsigned char value); /* which gets what is stored */
	struct region *next_gone;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "emulator: %s: %s\n", what, strerror(-err));
	exit(EXIT_FAILURE);
}

static void uart(unsigned char value)
{
	printf("uart: %c\n", value);
}

static struct region *region_new(const char *name, unsigned char *host)
{
	struct region *region = (struct region *)calloc(1, sizeof(*region));

	if (region) {
		region->name = name;
		region->host = host;
		region->device = host ? NULL : uart;
	}
	return region;
}

static unsigned char *host_memory(size_t size)
{
	unsigned char *memory = (unsigned char *)calloc(1, size);

	if (!memory)
		die("memory of the guest", -ENOMEM);
	return memory;
}

static void guest_map(struct vmaindex *map, const char *name, uint64_t start, uint64_t len,
		      unsigned char *host)
{
	struct region *region = region_new(name, host);
	int err = -ENOMEM;

	if (region) {
		region->range.start = start;
		region->range.end = start + len;
		err = vmaindex_insert(map, &region->range);
	}
	if (err)
		die(name, err);
}

/*
 * Nothing is mapped in [start, end) afterwards: one edit, whatever was there.
 *
 *	     start            end
 *	[AAAAAA|AA]  [BB]  [CC|CC]      first is A, last is C; both may be the same
 *	[AAAAAA]              [CC]
 */
static int guest_unmap(struct vmaindex *map, uint64_t start, uint64_t end)
{
	struct region *first = (struct region *)vmaindex_overlap(map, start, end);
	struct region *last = first, *gone = NULL, *tail = NULL;
	struct vmaindex_cursor cursor;
	struct vmaindex_range *range;
	struct vmaindex_edit edit;
	int err;

	if (!first)
		return 0;
	vmaindex_for_each(range, &cursor, map, start, end) {
		last = (struct region *)range;
		if (range->start >= start && range->end <= end) {
			last->next_gone = gone;
			gone = last;
		}
	}
	memset(&edit, 0, sizeof(edit));
	edit.start = first->range.start < start ? first->range.start : start;
	edit.end = last->range.end > end ? last->range.end : end;
	if (edit.start < start) {
		edit.put[edit.n].range = &first->range;
		edit.put[edit.n].start = edit.start;
		edit.put[edit.n++].end = start;
	}
	if (edit.end > end) {
		tail = last;
		if (first == last && edit.start < start)
			tail = region_new(last->name, last->host);
		if (!tail)
			return -ENOMEM;
		edit.put[edit.n].range = &tail->range;
		edit.put[edit.n].start = end;
		edit.put[edit.n++].end = edit.end;
	}
	uint64_t cut = end - last->range.start;

	err = vmaindex_apply(map, &edit);
	if (err) {
		if (tail != last)
			free(tail);
		return err;
	}
	if (tail && tail->host)
		tail->host += cut;
	while (gone) {
		struct region *next = gone->next_gone;

		free(gone);
		gone = next;
	}
	return 0;
}

/* ---- what the guest's instructions do ---- */

static void guest_store(const struct vmaindex *map, uint64_t addr, unsigned char value)
{
	struct region *region = (struct region *)vmaindex_at(map, addr);

	printf("store 0x%09" PRIx64 " %s\n", addr, region ? region->name : "fault");
	if (region && region->host)
		region->host[addr - region->range.start] = value;
	else if (region)
		region->device(value);
}

static void guest_load(const struct vmaindex *map, uint64_t addr)
{
	struct region *region = (struct region *)vmaindex_at(map, addr);

	printf("load  0x%09" PRIx64 " %s", addr, region ? region->name : "fault");
	if (region && region->host)
		printf(" %#x", region->host[addr - region->range.start]);
	putchar('\n');
}

static void print_map(const struct vmaindex *map)
{
	struct vmaindex_cursor cursor;
	struct vmaindex_range *range;
	struct vmaindex_stats stats;

	vmaindex_get_stats(map, &stats);
	printf("%zu regions\n", stats.ranges);
	vmaindex_for_each(range, &cursor, map, 0, VMAINDEX_END)
		printf("  0x%09" PRIx64 "-0x%09" PRIx64 " %s\n", range->start, range->end,
		       ((struct region *)range)->name);
}

int main(void)
{
	const uint64_t MB = 1 << 20;
	unsigned char *ram = host_memory(8 * MB), *rom = host_memory(65536);
	unsigned char *video = host_memory(MB);
	struct vmaindex *map = vmaindex_create(NULL);
	struct vmaindex_range gap;

	if (!map)
		die("memory map", -ENOMEM);
	guest_map(map, "ram", 0, 8 * MB, ram);
	guest_map(map, "uart", 0x10000000, 4096, NULL);
	guest_map(map, "rom", 0xffff0000, 65536, rom);
	if (!vmaindex_highest_gap(map, MB, 0, 0x100000000, &gap))
		die("video", -ENOMEM);
	guest_map(map, "video", gap.end - MB, MB, video);
	print_map(map);

	guest_store(map, 0x500123, 42);
	guest_load(map, 0x500123);
	guest_store(map, 0x10000000, 'x');
	guest_load(map, 0x900000);

	puts("the balloon takes [4 MB, 5 MB)");
	int err = guest_unmap(map, 4 * MB, 5 * MB);
	if (err)
		die("balloon", err);
	print_map(map);
	guest_load(map, 0x500123);
	guest_load(map, 0x400000);

	puts("the guest ends");
	err = guest_unmap(map, 0, 0x100000000);
	if (err)
		die("end", err);
	print_map(map);
	vmaindex_destroy(map);
	free(ram);
	free(rom);
	free(video);
	return 0;
}
