/*
 * world - one emulated process for the tests of mm/
 *
 * Layouts are drawn as text, a character for each page from WORLD_BASE on:
 *
 *	"AAAA..BB"      a VMA of four pages, a gap of two, a VMA of two
 *
 * Which letters are used does not matter; where one run of letters ends and
 * another begins, so do VMAs.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "mm/internal.h"
#include "mm/mman.h"

#define P           PAGE_SIZE
#define WORLD_BASE  0x10000000000UL
#define WORLD_PAGES 64
#define WORLD_TOP   0x7ffff7fff000UL /* mmap_base */
#define WORLD_HEAP  0x500000UL       /* start_brk */
#define WORLD_STACK 0x7ffffffff000UL /* where no stack is, but might be */

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

struct world {
	struct machine *machine;
	struct task_struct task;
	struct mm_struct *mm;      /* the task's */
	struct inode *inode;       /* a regular file, number 42, /lib/some.so */
	struct file *file, *again; /* opened twice, to read and write */
};

/* A process without a mapping. config may be NULL: the default one. Ends the test if it fails. */
void world_init(struct world *world, const struct vma_index_ops *ops, const struct config *config);
/* Ends it; nothing may be left, and mm_verify must have nothing to say. */
void world_done(struct world *world);

/* The address of that page of the layout. */
static inline unsigned long page_at(unsigned long page)
{
	return WORLD_BASE + page * P;
}

/* Maps private anonymous memory there, or ends the test. */
void world_map(struct mm_struct *mm, unsigned long page, unsigned long npages, unsigned long prot);
/* The same of a file: page `page` shows page `pgoff` of it. */
void world_map_file(struct mm_struct *mm, struct file *file, unsigned long page,
		    unsigned long npages, unsigned long prot, unsigned long pgoff);
/* A write or read that must succeed. */
void world_write(struct mm_struct *mm, unsigned long addr);
void world_read(struct mm_struct *mm, unsigned long addr);
/* The VMA there, which must be. */
struct vm_area_struct *world_vma(struct mm_struct *mm, unsigned long page);
/* The content of the page at addr, which must be there. */
uint64_t world_content(struct mm_struct *mm, unsigned long addr);

/* Fails the test unless the layout is the drawn one and mm_verify has nothing to say. */
#define ck_layout(mm, drawn) world_layout_check(mm, drawn, __FILE__, __LINE__)
void world_layout_check(struct mm_struct *mm, const char *drawn, const char *file, int line);

#endif
