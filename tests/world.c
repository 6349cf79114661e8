/*
 * world - one emulated process for the tests of mm/ (see world.h)
 */
#include "tests/world.h"

#include <check.h>
#include <string.h>

void world_init(struct world *world, const struct vma_index_ops *ops, const struct config *config)
{
	struct config usual;

	config_default(&usual);
	*world = (struct world){ .machine = machine_create(ops, config ? config : &usual, 0) };
	ck_assert_ptr_nonnull(world->machine);
	world->inode = inode_create(world->machine, 42, FILE_REGULAR, "/lib/some.so");
	ck_assert_ptr_nonnull(world->inode);
	world->file = file_open(world->machine, world->inode, 1, true, true);
	world->again = file_open(world->machine, world->inode, 2, true, true);
	ck_assert(world->file && world->again);
	ck_assert_int_eq(exec_mmap(world->machine, &world->task, NULL, 0, WORLD_TOP, WORLD_HEAP,
				   WORLD_HEAP, WORLD_STACK),
			 0);
	world->mm = world->task.mm;
	world->machine->task = &world->task;
}

static void verify(struct mm_struct *mm)
{
	const char *wrong = mm_verify(mm, stderr);

	ck_assert_msg(!wrong, "mm_verify: %s", wrong);
	wrong = rmap_verify(mm->machine, stderr);
	ck_assert_msg(!wrong, "rmap_verify: %s", wrong);
}

void world_done(struct world *world)
{
	verify(world->mm);
	mmput(world->mm);
	fput(world->file);
	fput(world->again);
	inode_put(world->machine, world->inode);
	machine_destroy(world->machine);
}

void world_map(struct mm_struct *mm, unsigned long page, unsigned long npages, unsigned long prot)
{
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(page), npages * P, prot, ANON | MAP_FIXED, 0),
			  page_at(page));
}

void world_map_file(struct mm_struct *mm, struct file *file, unsigned long page,
		    unsigned long npages, unsigned long prot, unsigned long pgoff)
{
	ck_assert_uint_eq(
		do_mmap(mm, file, page_at(page), npages * P, prot, MAP_PRIVATE | MAP_FIXED, pgoff),
		page_at(page));
}

void world_write(struct mm_struct *mm, unsigned long addr)
{
	ck_assert_int_eq(handle_mm_fault(mm, addr, FAULT_FLAG_WRITE), 0);
}

void world_read(struct mm_struct *mm, unsigned long addr)
{
	ck_assert_int_eq(handle_mm_fault(mm, addr, 0), 0);
}

struct vm_area_struct *world_vma(struct mm_struct *mm, unsigned long page)
{
	struct vm_area_struct *vma = vma_lookup(mm, page_at(page));

	ck_assert_ptr_nonnull(vma);
	return vma;
}

uint64_t world_content(struct mm_struct *mm, unsigned long addr)
{
	uint64_t entry = pt_get(&mm->pgd, addr);

	ck_assert_uint_ne(entry, 0);
	return pfn_to_page(mm->machine->frames, PTE_PFN(entry))->content;
}

/* ---- layouts as text ---- */

/* The same drawing with the letters A, B, C in order. */
static void rename_runs(const char *drawn, char *text)
{
	char name = 'A' - 1;

	for (size_t i = 0; i < WORLD_PAGES; i++) {
		bool end = i >= strlen(drawn);

		if (!end && drawn[i] != '.' && (i == 0 || drawn[i] != drawn[i - 1]))
			name++;
		text[i] = end || drawn[i] == '.' ? '.' : name;
	}
	text[WORLD_PAGES] = '\0';
}

static void draw(struct mm_struct *mm, char *text)
{
	struct vm_area_struct *vma, *last = NULL;
	char name = 'A' - 1;

	for (size_t i = 0; i < WORLD_PAGES; i++) {
		vma = mm->mm_mt->ops->find(mm->mm_mt, page_at(i));
		if (vma && vma->vm_start > page_at(i))
			vma = NULL;
		if (vma && vma != last)
			name++;
		last = vma;
		text[i] = vma ? name : '.';
	}
	text[WORLD_PAGES] = '\0';
}

void world_layout_check(struct mm_struct *mm, const char *drawn, const char *file, int line)
{
	char must[WORLD_PAGES + 1], is[WORLD_PAGES + 1];

	rename_runs(drawn, must);
	draw(mm, is);
	ck_assert_msg(!strcmp(must, is), "%s:%d: the layout\n  is      %s\n  must be %s", file,
		      line, is, must);
	verify(mm);
}
