/*
 * check_kernel_compare - a process in /proc, and its emulation
 *
 * Layouts are compared by smaps, pages by pagemap, contents by /proc/PID/mem.
 * Of pages, what an entry holds must be alike: an anonymous page, the zero
 * page, a file's.  A file's pages may be there or not: the kernel maps some
 * around a fault, and reclaims others.
 */
#include "harness/check/check_kernel.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What says what happened, not what is allowed; and what kernels show differently. */
#define NOT_COMPARED (VM_SOFTDIRTY | VM_MAYBE_GUARD | VM_ARCH_1)
#define CHUNK        512 /* pages */

#define PM_PRESENT (1UL << 63)
#define PM_SWAPPED (1UL << 62)
#define PM_FILE    (1UL << 61)
#define PM_GUARD   (1UL << 58) /* since Linux 6.15 */

/* ---- smaps ---- */

static bool parse_head(const char *line, struct kernel_vma *vma)
{
	unsigned long start, end, offset, ino;
	char perms[5];
	int at = 0;

	if (sscanf(line, "%lx-%lx %4s %lx %*x:%*x %lu %n", &start, &end, perms, &offset, &ino,
		   &at) < 5)
		return false;
	*vma = (struct kernel_vma){
		.start = start,
		.end = end,
		.pgoff = offset >> PAGE_SHIFT,
		.ino = ino,
		.file = line[at] == '/',
		.stack = !strncmp(line + at, "[stack]", 7),
	};
	return true;
}

static void parse_detail(const char *line, struct kernel_vma *vma)
{
	unsigned long number;

	if (!strncmp(line, "VmFlags:", 8))
		vma->flags |= vm_flags_from_smaps(line + 8);
	else if (sscanf(line, "Anonymous: %lu", &number) == 1)
		vma->anon = number > 0;
	else if (sscanf(line, "ProtectionKey: %lu", &number) == 1)
		vma->flags |= number << VM_PKEY_SHIFT & VM_PKEY_MASK;
}

static struct kernel_vma *room_for(struct kernel_vma **vmas, size_t *room, size_t n)
{
	if (n == *room) {
		size_t more = *room ? *room * 2 : 256;
		struct kernel_vma *grown = realloc(*vmas, more * sizeof(*grown));

		if (!grown)
			return NULL;
		*vmas = grown;
		*room = more;
	}
	return &(*vmas)[n];
}

long kernel_smaps(pid_t pid, struct kernel_vma **vmas, size_t *room)
{
	struct kernel_vma *vma = NULL, next;
	char path[64], line[4400];
	long n = 0;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	setvbuf(file, NULL, _IOFBF, 1 << 16);
	while (fgets(line, sizeof(line), file)) {
		if (line[0] >= 'A' && line[0] <= 'Z') {
			if (vma)
				parse_detail(line, vma);
			continue;
		}
		if (!parse_head(line, &next) || next.start >= 1UL << 63) /* [vsyscall] */
			break;
		vma = room_for(vmas, room, (size_t)n);
		if (!vma) {
			n = -1;
			break;
		}
		*vma = next;
		n++;
	}
	fclose(file);
	return n;
}

/* Fields 28 and 47 of /proc/PID/stat. */
static bool read_stat(pid_t pid, uint64_t *start_stack, uint64_t *start_brk)
{
	char path[64], text[2048], *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	at = strrchr(text, ')');
	for (unsigned field = 3; at && (at = strchr(at + 1, ' ')) && field <= 47; field++) {
		if (field == 28)
			*start_stack = strtoull(at + 1, NULL, 10);
		if (field == 47)
			*start_brk = strtoull(at + 1, NULL, 10);
	}
	return at && *start_stack && *start_brk;
}

int kernel_exec_event(pid_t pid, const struct kernel_vma *vmas, long n, bool legacy,
		      struct trace_event *event)
{
	uint64_t mmap_base = 0, start_stack = 0, start_brk = 0;

	for (long i = 0; i < n && !vmas[i].stack; i++) { /* A8: [vvar], [vdso] are first */
		if (!vmas[i].file && !(legacy && mmap_base))
			mmap_base = legacy ? vmas[i].start : vmas[i].end;
	}
	if (!read_stat(pid, &start_stack, &start_brk) || !mmap_base)
		return -1;
	*event = (struct trace_event){
		.kind = TRACE_EXEC,
		.task = 1,
		.name = "kernel-subject",
		.arg = { mmap_base, start_brk, start_brk, start_stack },
	};
	return 0;
}

/* ---- words ---- */

bool kernel_words_has(const struct kernel_words *words, uint64_t word)
{
	for (size_t i = mix64(word); words->size; i++) {
		uint64_t there = words->slot[i & (words->size - 1)];

		if (!there || there == word)
			return there;
	}
	return false;
}

static int words_grow(struct kernel_words *words)
{
	struct kernel_words more = { .size = words->size ? words->size * 2 : 1024 };

	more.slot = calloc(more.size, sizeof(*more.slot));
	if (!more.slot)
		return -1;
	for (size_t i = 0; i < words->size; i++) {
		if (words->slot[i] && kernel_words_add(&more, words->slot[i]))
			abort(); /* there is room */
	}
	free(words->slot);
	*words = more;
	return 0;
}

int kernel_words_add(struct kernel_words *words, uint64_t word)
{
	size_t i = mix64(word);

	if (kernel_words_has(words, word))
		return 0;
	if (words->n * 2 >= words->size && words_grow(words))
		return -1;
	while (words->slot[i & (words->size - 1)])
		i++;
	words->slot[i & (words->size - 1)] = word;
	words->n++;
	return 0;
}

/* ---- VMAs ---- */

#define ANY_INODE (~0UL) /* shared memory without a name: mm numbers it itself */

static uint64_t inode_of(const struct kernel_bed *bed, const struct vm_area_struct *vma)
{
	uint64_t number = vma->vm_file->inode->number;

	for (unsigned i = 0; i < ARRAY_SIZE(bed->file); i++) {
		if (bed->file[i].inode == number)
			return bed->file[i].ino;
	}
	return ANY_INODE;
}

static bool is_mapped_file(const struct vm_area_struct *vma)
{
	return vma->vm_file && vma->vm_file->inode->kind != FILE_SPECIAL;
}

unsigned long kernel_look(const struct kernel_bed *bed, struct mm_struct *mm, unsigned long at,
			  struct subject_vma *out)
{
	const struct vm_area_struct *vma = mm->mm_mt->ops->find(mm->mm_mt, at);

	*out = (struct subject_vma){ 0 };
	if (!vma)
		return 0;
	out->start = vma->vm_start;
	out->end = vma->vm_end;
	out->flags = (vma->vm_flags & VM_ACCESS_FLAGS) | (vma->vm_flags & VM_MAYSHARE ? 8 : 0);
	if (is_mapped_file(vma)) {
		out->offset = vma->vm_pgoff << PAGE_SHIFT;
		out->inode = inode_of(bed, vma);
	}
	return out->end;
}

bool kernel_same_vma(const struct subject_vma *real, const struct subject_vma *emulated)
{
	return real->start == emulated->start && real->end == emulated->end &&
	       (real->flags & 15) == emulated->flags && real->offset == emulated->offset &&
	       (real->inode == emulated->inode || (emulated->inode == ANY_INODE && real->inode));
}

static bool same_vma(const struct kernel_bed *bed, const struct vm_area_struct *vma,
		     const struct kernel_vma *real)
{
	if (vma->vm_start != real->start || vma->vm_end != real->end ||
	    ((vma->vm_flags ^ real->flags) & ~NOT_COMPARED))
		return false;
	if (!is_mapped_file(vma))
		return !real->file;
	if (vma->vm_pgoff != real->pgoff)
		return false;
	uint64_t ino = inode_of(bed, vma);
	return real->file && (ino == ANY_INODE || ino == real->ino);
}

static void tell_vma(const struct kernel_vma *real, const struct vm_area_struct *vma, char *what,
		     size_t size)
{
	char a[160] = "", b[160] = "";

	if (real)
		vm_flags_to_smaps(real->flags & ~NOT_COMPARED, a, sizeof(a));
	if (vma)
		vm_flags_to_smaps(vma->vm_flags & ~NOT_COMPARED, b, sizeof(b));
	snprintf(what, size,
		 "layout:\n  kernel %lx-%lx [%s] offset %lx"
		 "\n  ours   %lx-%lx [%s] offset %lx",
		 real ? real->start : 0, real ? real->end : 0, a, real ? real->pgoff : 0,
		 vma ? vma->vm_start : 0, vma ? vma->vm_end : 0, b,
		 vma && is_mapped_file(vma) ? vma->vm_pgoff : 0);
}

static enum kernel_difference compare_layout(struct kernel_compare *compare, pid_t pid,
					     struct mm_struct *mm, char *what, size_t size)
{
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	struct vma_cursor cursor = { .index = mm->mm_mt };
	struct vm_area_struct *vma = ops->seek(&cursor, 0);
	long n = kernel_smaps(pid, &compare->vmas, &compare->room);

	if (n < 0) {
		snprintf(what, size, "smaps of process %d cannot be read", pid);
		return KERNEL_LAYOUT;
	}
	for (long i = 0; i < n || vma; i++, vma = ops->next(&cursor)) {
		const struct kernel_vma *real = i < n ? &compare->vmas[i] : NULL;

		if (real && vma && same_vma(compare->bed, vma, real))
			continue;
		tell_vma(real, vma, what, size);
		return KERNEL_LAYOUT;
	}
	return KERNEL_SAME;
}

/* total_vm, and data_vm with stack_vm: fields 1 and 6 of statm. */
static enum kernel_difference compare_sizes(pid_t pid, const struct mm_struct *mm, char *what,
					    size_t size)
{
	unsigned long total = 0, data = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	FILE *file = fopen(path, "re");
	if (file && fscanf(file, "%lu %*u %*u %*u %*u %lu", &total, &data) != 2)
		total = 0;
	if (file)
		fclose(file);
	if (total == mm->total_vm && data == mm->data_vm + mm->stack_vm)
		return KERNEL_SAME;
	snprintf(what, size, "sizes in pages: kernel %lu, of them data %lu; ours %lu, data %lu",
		 total, data, mm->total_vm, mm->data_vm + mm->stack_vm);
	return KERNEL_LAYOUT;
}

/* ---- pages ---- */

/* NULL if the two go together, else what is wrong. */
static const char *page_differs(const struct kernel_compare *compare, uint64_t entry, uint64_t real)
{
	bool there = real & (PM_PRESENT | PM_SWAPPED), file = real & PM_FILE;

	if (entry & PTE_GUARD)
		return compare->bed->guards && !(real & PM_GUARD) ? "a guard page is missing"
								  : NULL;
	if (real & PM_GUARD)
		return "a guard page too many";

	if (entry & PTE_ANON)
		return !there ? "an anonymous page is missing"
		       : file ? "a file's page instead of an anonymous one"
			      : NULL;
	if (entry && !PTE_PFN(entry))
		return !there && compare->no_thp ? "the zero page is missing" : NULL;
	if (there && !file && compare->no_thp)
		return entry ? "an anonymous page instead of a file's"
			     : "an anonymous page too many";
	return NULL;
}

static enum kernel_difference compare_word(const struct kernel_compare *compare, int mem,
					   struct mm_struct *mm, unsigned long addr, uint64_t entry,
					   char *what, size_t size)
{
	uint64_t content = pfn_to_page(mm->machine->frames, PTE_PFN(entry))->content;
	uint64_t expected = kernel_words_has(compare->words, content) ? content : 0, word = 0;

	if (pread(mem, &word, sizeof(word), (off_t)addr) == sizeof(word) && word == expected)
		return KERNEL_SAME;
	snprintf(what, size, "contents at %lx: kernel %#" PRIx64 ", ours %#" PRIx64, addr, word,
		 expected);
	return KERNEL_WORDS;
}

static enum kernel_difference compare_chunk(const struct kernel_compare *compare, int mem,
					    struct mm_struct *mm, unsigned long start,
					    const uint64_t *real, size_t n, char *what, size_t size)
{
	unsigned long end = start + n * PAGE_SIZE;

	for (size_t i = 0; i < n; i++) {
		uint64_t entry = pt_get(&mm->pgd, start + i * PAGE_SIZE);
		const char *wrong = page_differs(compare, entry, real[i]);

		if (wrong) {
			snprintf(what, size, "page %lx: %s", start + i * PAGE_SIZE, wrong);
			return KERNEL_PAGES;
		}
	}
	uint64_t entry;
	for (unsigned long addr = start; pt_next(&mm->pgd, &addr, end, &entry); addr += PAGE_SIZE) {
		enum kernel_difference difference =
			entry & PTE_ANON ? compare_word(compare, mem, mm, addr, entry, what, size)
					 : KERNEL_SAME;
		if (difference)
			return difference;
	}
	return KERNEL_SAME;
}

/* The subject's own pages came with its program: they were never emulated. */
static bool is_subjects(const struct kernel_bed *bed, const struct vm_area_struct *vma)
{
	if (vma->vm_start >= 0x7ffffff00000 ||
	    ((vma->vm_flags & VM_SPECIAL) && !(vma->vm_flags & VM_HUGETLB)))
		return true;
	return vma->vm_file &&
	       (vma->vm_file->inode->number == bed->file[KERNEL_FILE_SUBJECT].inode ||
		vma->vm_file->inode->number == bed->file[KERNEL_FILE_BOARD].inode);
}

static enum kernel_difference compare_pages(const struct kernel_compare *compare, int pagemap,
					    int mem, struct vm_area_struct *vma, char *what,
					    size_t size)
{
	uint64_t real[CHUNK];
	enum kernel_difference difference = KERNEL_SAME;

	for (unsigned long at = vma->vm_start; at < vma->vm_end && !difference;) {
		size_t n = min((vma->vm_end - at) >> PAGE_SHIFT, (unsigned long)CHUNK);
		ssize_t want = (ssize_t)(n * sizeof(*real));

		if (pread(pagemap, real, (size_t)want, (off_t)((at >> PAGE_SHIFT) * 8)) != want) {
			snprintf(what, size, "pagemap cannot be read at %lx", at);
			return KERNEL_PAGES;
		}
		difference = compare_chunk(compare, mem, vma->vm_mm, at, real, n, what, size);
		at += n * PAGE_SIZE;
	}
	return difference;
}

static int open_proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

enum kernel_difference kernel_compare(struct kernel_compare *compare, pid_t pid,
				      struct mm_struct *mm, char *what, size_t size)
{
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	struct vma_cursor cursor = { .index = mm->mm_mt };
	enum kernel_difference difference = compare_layout(compare, pid, mm, what, size);

	if (!difference)
		difference = compare_sizes(pid, mm, what, size);
	if (difference)
		return difference;

	int pagemap = open_proc(pid, "pagemap"), mem = open_proc(pid, "mem");
	for (struct vm_area_struct *vma = ops->seek(&cursor, 0); vma && !difference;
	     vma = ops->next(&cursor)) {
		if (!is_subjects(compare->bed, vma))
			difference = compare_pages(compare, pagemap, mem, vma, what, size);
	}
	if (pagemap >= 0)
		close(pagemap);
	if (mem >= 0)
		close(mem);
	return difference;
}
