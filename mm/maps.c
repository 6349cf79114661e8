/*
 * maps - the text of /proc/PID/maps for an emulated address space
 */
#include "mm/mm.h"

static const char *vma_name(const struct vm_area_struct *vma)
{
	const struct mm_struct *mm = vma->vm_mm;

	if (vma->vm_file)
		return vma->vm_file->inode->path ? vma->vm_file->inode->path : "";
	if (vma->vm_start < mm->brk && vma->vm_end > mm->start_brk)
		return "[heap]";
	if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		return "[stack]";
	return "";
}

static void show_map_vma(const struct vm_area_struct *vma, FILE *out)
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
	if (*name)
		fprintf(out, "%*s%s", len < 73 ? 73 - len : 0, "", name);
	fputc('\n', out);
}

void show_maps(struct mm_struct *mm, FILE *out)
{
	struct vma_cursor cursor = { .index = mm->mm_mt };
	const struct vma_index_ops *ops = mm->mm_mt->ops;

	for (struct vm_area_struct *vma = ops->seek(&cursor, 0); vma; vma = ops->next(&cursor))
		show_map_vma(vma, out);
}
