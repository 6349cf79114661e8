/*
 * replay_layout - recorded layouts: taken over after exec, compared at exit
 */
#include "harness/replay/replay_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

/* Flags that say what happened rather than what is allowed, or that smaps does not show alike. */
#define NOT_COMPARED (VM_SOFTDIRTY | VM_MAYBE_GUARD | VM_ARCH_1)

static int layout_complete(struct replay_world *world, const struct trace_event *last);

int replay_layout_begin(struct replay_world *world, const struct trace_event *event)
{
	struct replay_layout *layout = &world->layout;

	layout->reason = (enum trace_layout)event->arg[0];
	layout->wanted = event->arg[1];
	layout->n = 0;
	return layout->wanted ? 0 : layout_complete(world, event);
}

/* Traces have no names of what the kernel maps itself: what runs there is [vdso]. */
static const char *special_name(const struct trace_event *event)
{
	if (event->name[0] == '[')
		return event->name;
	return event->arg[2] & VM_EXEC ? "[vdso]" : "[vvar]";
}

int replay_layout_vma(struct replay_world *world, const struct trace_event *event)
{
	struct replay_layout *layout = &world->layout;

	if (layout->n == layout->room) {
		size_t room = layout->room ? layout->room * 2 : 256;
		size_t more = (room - layout->room) * sizeof(*layout->vmas);
		struct vma_layout *grown = NULL;

		if (budget_take(&replay_budget, more))
			grown = realloc(layout->vmas, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		layout->vmas = grown;
		layout->room = room;
	}
	struct file *file = replay_file(world, event->arg[4]);
	if (!file && event->arg[4] == TRACE_NO_FILE && (event->arg[2] & VM_SPECIAL)) {
		file = replay_special(world, special_name(event));
		if (!file)
			return -ENOMEM;
	}
	if (file && !can_mmap_file(file)) /* it was mapped, so there is a way */
		file->inode->kind = FILE_PLAIN;
	layout->vmas[layout->n++] = (struct vma_layout){
		.start = event->arg[0],
		.end = event->arg[1],
		.flags = event->arg[2] & ~VM_SOFTDIRTY,
		.pgoff = event->arg[3],
		.file = file,
		.anon = event->arg[5],
	};
	return layout->n == layout->wanted ? layout_complete(world, event) : 0;
}

void replay_layout_free(struct replay_layout *layout)
{
	budget_give(&replay_budget, layout->room * sizeof(*layout->vmas));
	free(layout->vmas);
}

/* ---- after exec ---- */

/* smaps shows no offset for anonymous memory; it is its place. */
static void number_anonymous(struct replay_layout *layout)
{
	for (size_t i = 0; i < layout->n; i++) {
		struct vma_layout *vma = &layout->vmas[i];

		if (!vma->file)
			vma->pgoff = vma->start >> PAGE_SHIFT;
	}
}

/* An index may rely on order and alignment: a trace that breaks them is not followed. */
static bool layout_valid(const struct replay_layout *layout, unsigned long task_size)
{
	unsigned long end = 0;

	for (size_t i = 0; i < layout->n; i++) {
		const struct vma_layout *vma = &layout->vmas[i];

		if (vma->start < end || vma->start >= vma->end || vma->end > task_size ||
		    ((vma->start | vma->end) & ~PAGE_MASK))
			return false;
		end = vma->end;
	}
	return true;
}

static int layout_exec(struct replay_world *world, uint32_t number)
{
	struct replay_layout *layout = &world->layout;
	struct replay_task *task = replay_task_born(world, number);
	struct trace_event exec = world->exec;

	if (!task)
		return -ENOMEM;
	if (!layout_valid(layout, world->machine->config.task_size)) {
		world->counts.bad_events++;
		return 0;
	}
	if (exec.task != number) /* a recording that began in the middle */
		exec = (struct trace_event){ .arg = { world->machine->config.task_size } };
	number_anonymous(layout);
	world->counts.mms++;
	if (task->tsk.mm)
		replay_digest(world, task);
	int err = exec_mmap(world->machine, &task->tsk, layout->vmas, layout->n, exec.arg[0],
			    exec.arg[1], exec.arg[2], exec.arg[3]);
	if (err)
		return err;
	task->tsk.mm->legacy_layout = task->personality & ADDR_COMPAT_LAYOUT;
	return world->options.whatif ? replay_whatif_exec(world, task) : 0;
}

/* ---- at exit ---- */

bool replay_same_file(const struct vm_area_struct *vma, const struct vma_layout *recorded)
{
	const struct file *file = vma->vm_file;

	if (!file || file->inode->kind == FILE_SPECIAL)
		return !recorded->file || recorded->file->inode->kind == FILE_SPECIAL;
	if (!recorded->file)
		return false;
	/* shared memory without a name got its inode from the emulation: any such one will do */
	if (file->number == 0)
		return recorded->file->inode->kind == FILE_SHMEM ||
		       recorded->file->inode->kind == FILE_HUGETLB ||
		       recorded->file->inode->kind == FILE_PLAIN;
	return file->inode == recorded->file->inode;
}

/* The first way in which the two differ, or NULL. */
static const char *vma_differs(const struct replay_world *world, const struct vm_area_struct *vma,
			       const struct vma_layout *recorded)
{
	bool grows = !world->info.faults && (recorded->flags & VM_GROWSDOWN);

	if (vma->vm_end != recorded->end || (vma->vm_start != recorded->start && !grows))
		return "bounds";
	if ((vma->vm_flags ^ recorded->flags) & ~NOT_COMPARED)
		return "flags";
	if (!replay_same_file(vma, recorded))
		return "file";
	if (vma->vm_file && vma->vm_file->inode->kind != FILE_SPECIAL &&
	    vma->vm_pgoff != recorded->pgoff)
		return "offset";
	if (world->info.faults && recorded->anon && !vma->anon_vma)
		return "pages were written, but there is no anon_vma";
	return NULL;
}

static void describe_side(char *text, size_t size, const char *who, unsigned long start,
			  unsigned long end, vm_flags_t flags, unsigned long pgoff,
			  const struct file *file)
{
	char codes[160];

	snprintf(text, size, "\n  %s %lx-%lx [%s] offset %lx %s", who, start, end,
		 vm_flags_to_smaps(flags & ~NOT_COMPARED, codes, sizeof(codes)), pgoff,
		 file && file->inode->path ? file->inode->path : "");
}

void replay_tell_layout(struct replay_world *world, const char *what,
			const struct vm_area_struct *vma, const struct vma_layout *recorded)
{
	char kernel[512] = "\n  kernel -", ours[512] = "\n  ours   -", text[1200];

	if (recorded)
		describe_side(kernel, sizeof(kernel), "kernel", recorded->start, recorded->end,
			      recorded->flags, recorded->pgoff, recorded->file);
	if (vma)
		describe_side(ours, sizeof(ours), "ours  ", vma->vm_start, vma->vm_end,
			      vma->vm_flags, vma->vm_pgoff, vma->vm_file);
	snprintf(text, sizeof(text), "layout at exit: %s%s%s", what, kernel, ours);
	replay_difference(world, NULL, 0, text);
}

static bool layout_equal(struct replay_world *world, uint32_t task, struct mm_struct *mm)
{
	if (world->options.whatif)
		return replay_whatif_layout_equal(world, mm, world->tasks[task].map);

	const struct replay_layout *layout = &world->layout;
	const struct vma_index_ops *ops = mm->mm_mt->ops;
	struct vma_cursor cursor = { .index = mm->mm_mt };
	struct vm_area_struct *vma = ops->seek(&cursor, 0);

	for (size_t i = 0; i < layout->n; i++, vma = ops->next(&cursor)) {
		const struct vma_layout *recorded = &layout->vmas[i];
		const char *what = vma ? vma_differs(world, vma, recorded) : "a VMA is missing";

		if (what) {
			replay_tell_layout(world, what, vma, recorded);
			return false;
		}
	}
	if (vma)
		replay_tell_layout(world, "a VMA too many", vma, NULL);
	return !vma;
}

static void layout_compare(struct replay_world *world, uint32_t task)
{
	struct mm_struct *mm = replay_mm(world, task);

	if (!world->options.digest)
		return;
	world->counts.layouts.compared++;
	if (mm && layout_equal(world, task, mm))
		world->counts.layouts.equal++;
	else if (!mm)
		replay_difference(world, NULL, 0, "layout at exit: of a task without mm");
}

static int layout_complete(struct replay_world *world, const struct trace_event *last)
{
	if (world->layout.reason == TRACE_AT_EXIT || world->layout.reason == TRACE_AT_DETACH) {
		layout_compare(world, last->task);
		return 0;
	}
	return layout_exec(world, last->task);
}
