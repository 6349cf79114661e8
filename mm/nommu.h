/*
 * nommu - what is otherwise where config.nommu says that there is no MMU (see nommu.c)
 */
#ifndef MM_NOMMU_H
#define MM_NOMMU_H

#include "mm/internal.h"

/* do_mmap, do_munmap and do_mremap of such a machine; hints are not heeded. */
unsigned long nommu_mmap(struct mm_struct *mm, struct file *file, unsigned long len,
			 unsigned long prot, unsigned long flags, unsigned long pgoff);
int nommu_munmap(struct mm_struct *mm, unsigned long start, unsigned long len);
unsigned long nommu_mremap(struct mm_struct *mm, unsigned long addr, unsigned long old_len,
			   unsigned long new_len, unsigned long flags, unsigned long new_addr);
/* A VMA less shows the region; the last one's goes. */
void put_nommu_region(struct machine *machine, struct vm_region *region);
/* What is wrong with the region of a VMA of mm, in words; or NULL. */
const char *nommu_verify(const struct mm_struct *mm, const struct vm_area_struct *vma);

#endif
