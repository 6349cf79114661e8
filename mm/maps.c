/*
 * maps - the text of /proc/PID/maps and smaps for an emulated address space
 *
 * smaps' figures are those that page tables and frames tell.  Whether a page is dirty is known of
 * its entries only: one that was written back or through another mapping counts as clean.
 */
#include "base/escape.h"
#include "mm/internal.h"

static const char *vma_name(struct vm_area_struct *vma)
{
	const struct mm_struct *mm = vma->vm_mm;
	const char *name = vma->vm_ops && vma->vm_ops->name ? vma->vm_ops->name(vma) : NULL;

	if (name)
		return name;
	if (vma->vm_file)
		return vma->vm_file->inode->path ? vma->vm_file->inode->path : "";
	if (vma->vm_start < mm->brk && vma->vm_end > mm->start_brk)
		return "[heap]";
	if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		return "[stack]";
	return "";
}

void show_map_vma(struct vm_area_struct *vma, FILE *out)
{
	bool file = vma->vm_file && vma->vm_file->inode->kind != FILE_SPECIAL;
	const char *name = vma_name(vma);
	vm_flags_t flags = vma->vm_flags;
	int len;

	len = fprintf(out, "%08lx-%08lx %c%c%c%c %08lx 00:%02x %lu ", vma->vm_start, vma->vm_end,
		      flags & VM_READ ? 'r' : '-', flags & VM_WRITE ? 'w' : '-',
		      flags & VM_EXEC ? 'x' : '-', flags & VM_MAYSHARE ? 's' : 'p',
		      file ? vma->vm_pgoff << PAGE_SHIFT : 0, 0,
		      file ? (unsigned long)vma->vm_file->inode->number : 0);
	if (*name) {
		fprintf(out, "%*s", len < 73 ? 73 - len : 0, "");
		escape_text_to(out, name, "");
	}
	fputc('\n', out);
}

void show_maps(struct mm_struct *mm, FILE *out)
{
	struct vm_area_struct *vma;
	struct vma_walk walk;

	for_each_vma(&walk, mm->mm_mt, vma)
		show_map_vma(vma, out);
}

/* ---- smaps ---- */

struct smaps {
	unsigned long rss, pss_shifted; /* bytes; pss_shifted: 4096ths of them */
	unsigned long shared_clean, shared_dirty, private_clean, private_dirty;
	unsigned long referenced, anonymous, anon_huge, swap;
	unsigned long shared_hugetlb, private_hugetlb;
};

/* A share of a page is not a whole number of bytes. */
#define PSS_SHIFT 12

/* size: of a page of vma. Those of pools are counted by themselves. */
static void smaps_account(struct smaps *s, const struct page *page, uint64_t entry,
			  unsigned long size)
{
	unsigned long mapped = (unsigned long)page->_mapcount;
	bool dirty = entry & PTE_DIRTY;

	if (entry & PTE_HUGETLB) {
		*(mapped > 1 ? &s->shared_hugetlb : &s->private_hugetlb) += size;
		return;
	}
	s->rss += PAGE_SIZE;
	s->pss_shifted += (PAGE_SIZE << PSS_SHIFT) / mapped;
	if (mapped > 1)
		*(dirty ? &s->shared_dirty : &s->shared_clean) += PAGE_SIZE;
	else
		*(dirty ? &s->private_dirty : &s->private_clean) += PAGE_SIZE;
	if (entry & PTE_ACCESSED)
		s->referenced += PAGE_SIZE;
	if (entry & PTE_ANON)
		s->anonymous += PAGE_SIZE;
	if (entry & PTE_HUGE)
		s->anon_huge += PAGE_SIZE;
}

/* The zero page and guards are nobody's memory, nor is a device's. */
static void smap_gather(const struct vm_area_struct *vma, struct smaps *s)
{
	const struct mm_struct *mm = vma->vm_mm;
	unsigned long addr = vma->vm_start;
	uint64_t entry;

	*s = (struct smaps){ 0 };
	if (vma->vm_flags & VM_PFNMAP)
		return;
	for (; pt_next(&mm->pgd, &addr, vma->vm_end, &entry); addr += PAGE_SIZE) {
		if (entry & PTE_SWAP)
			s->swap += PAGE_SIZE;
		else if (PTE_PFN(entry))
			smaps_account(s, compound_head(mm->machine->frames, PTE_PFN(entry)), entry,
				      vma_kernel_pagesize(vma));
	}
}

static void show_smap(struct vm_area_struct *vma, FILE *out)
{
	const vm_flags_t flags = vma->vm_flags;
	struct smaps s;
	char codes[160];

	smap_gather(vma, &s);
	const struct {
		const char *name;
		unsigned long bytes;
	} figures[] = {
		{ "Size:", vma->vm_end - vma->vm_start },
		{ "KernelPageSize:", vma_kernel_pagesize(vma) },
		{ "Rss:", s.rss },
		{ "Pss:", s.pss_shifted >> PSS_SHIFT },
		{ "Shared_Clean:", s.shared_clean },
		{ "Shared_Dirty:", s.shared_dirty },
		{ "Private_Clean:", s.private_clean },
		{ "Private_Dirty:", s.private_dirty },
		{ "Referenced:", s.referenced },
		{ "Anonymous:", s.anonymous },
		{ "AnonHugePages:", s.anon_huge },
		{ "Shared_Hugetlb:", s.shared_hugetlb },
		{ "Private_Hugetlb:", s.private_hugetlb },
		{ "Swap:", s.swap },
	};

	show_map_vma(vma, out);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		fprintf(out, "%-16s%8lu kB\n", figures[i].name, figures[i].bytes >> 10);
	if (vma->vm_mm->machine->config.pkeys)
		fprintf(out, "%-16s%8lu\n",
			"ProtectionKey:", (flags & VM_PKEY_MASK) >> VM_PKEY_SHIFT);
	fprintf(out, "VmFlags: %s\n", vm_flags_to_smaps(flags, codes, sizeof(codes)));
}

void show_smaps(struct mm_struct *mm, FILE *out)
{
	struct vm_area_struct *vma;
	struct vma_walk walk;

	for_each_vma(&walk, mm->mm_mt, vma)
		show_smap(vma, out);
}
