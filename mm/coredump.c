/*
 * coredump - what a core dump would hold of each VMA
 *
 * Source: the behaviour of Linux 6.12's fs/coredump.c, vma_dump_size.  Whether a file starts with
 * an ELF header is not known here, for files have no bytes: one that the address space also
 * maps for execution is taken to.
 */
#include "mm/internal.h"

static bool is_mapped_executable(struct mm_struct *mm, const struct inode *inode)
{
	struct vm_area_struct *vma;
	struct vma_walk walk;

	for_each_vma(&walk, mm->mm_mt, vma) {
		if ((vma->vm_flags & VM_EXEC) && vma->vm_file && vma->vm_file->inode == inode)
			return true;
	}
	return false;
}

/* Of shared memory without a name: nobody can find it any more. */
static bool is_nameless(const struct file *file)
{
	return !file || file->number == 0 || file->inode->kind == FILE_SYSV_SHM;
}

static unsigned long whole_if(const struct vm_area_struct *vma, bool wanted)
{
	return wanted ? vma->vm_end - vma->vm_start : 0;
}

unsigned long vma_dump_size(struct vm_area_struct *vma, unsigned long filter, const char **why)
{
	*why = "the kernel's own";
	if (vma->vm_ops && vma->vm_ops->name && vma->vm_ops->name(vma))
		return whole_if(vma, true);
	*why = "DONTDUMP";
	if (vma->vm_flags & VM_DONTDUMP)
		return 0;
	*why = "I/O memory";
	if (vma->vm_flags & VM_IO)
		return 0;
	*why = vma->vm_flags & VM_SHARED ? "shared huge pages" : "private huge pages";
	if (vma->vm_flags & VM_HUGETLB)
		return whole_if(vma,
				filter & (vma->vm_flags & VM_SHARED ? MMF_DUMP_HUGETLB_SHARED
								    : MMF_DUMP_HUGETLB_PRIVATE));
	if (vma->vm_flags & VM_SHARED) {
		bool nameless = is_nameless(vma->vm_file);

		*why = nameless ? "shared" : "shared file";
		return whole_if(
			vma, filter & (nameless ? MMF_DUMP_ANON_SHARED : MMF_DUMP_MAPPED_SHARED));
	}
	*why = "written";
	if (vma->anon_vma && (filter & MMF_DUMP_ANON_PRIVATE))
		return whole_if(vma, true);
	*why = vma->anon_vma ? "written, but not asked for" : "never written";
	if (!vma->vm_file)
		return 0;
	*why = "file";
	if (filter & MMF_DUMP_MAPPED_PRIVATE)
		return whole_if(vma, true);
	*why = "file, not written";
	if (!(filter & MMF_DUMP_ELF_HEADERS) || vma->vm_pgoff || !(vma->vm_flags & VM_READ) ||
	    !is_mapped_executable(vma->vm_mm, vma->vm_file->inode))
		return 0;
	*why = "ELF header";
	return PAGE_SIZE;
}
