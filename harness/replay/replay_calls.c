/*
 * replay_calls - recorded system calls: done once more, and compared
 */
#include "harness/replay/replay_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>

#include "base/hash.h"
#include "mm/mman.h"

/* Where it goes is the driver's choice, too. */
static void mmap_other(struct replay_world *world, struct mm_struct *mm,
		       const struct trace_event *e, struct file *file, struct outcome *out)
{
	unsigned long addr = e->arg[0], flags = e->arg[3];

	replay_count_driver(world, file);
	if (out->placed && !IS_ERR_VALUE(e->result) && world->options.compare &&
	    !world->options.whatif) {
		addr = (unsigned long)e->result;
		flags |= MAP_FIXED;
		out->placed = false;
	}
	out->result = (int64_t)do_mmap(mm, file, addr, e->arg[1], e->arg[2], flags,
				       e->arg[4] >> PAGE_SHIFT);
}

static void call_mmap(struct replay_world *world, struct mm_struct *mm, const struct trace_event *e,
		      struct outcome *out)
{
	unsigned long flags = e->arg[3], offset = e->arg[4];
	struct file *file = flags & MAP_ANONYMOUS ? NULL : replay_file(world, e->arg[5]);

	out->placed = !(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE));
	out->random = out->placed && (flags & MAP_32BIT) &&
		      !(world->tasks[e->task].personality & ADDR_NO_RANDOMIZE);
	out->len = PAGE_ALIGN(e->arg[1]);
	if (!replay_hugetlb_known(world, file, flags)) {
		replay_not_modelled(world, "mmap of huge pages");
		out->unknown = true;
		out->placed = false;
		out->result = e->result;
		return;
	}
	if (offset & ~PAGE_MASK)
		out->result = -EINVAL;
	else if (!(flags & MAP_ANONYMOUS) && !file)
		out->result = -EBADF;
	else if (file && file->inode->kind == FILE_OTHER && !file->path_only)
		mmap_other(world, mm, e, file, out);
	else
		out->result = (int64_t)do_mmap(mm, file, e->arg[0], e->arg[1], e->arg[2], flags,
					       offset >> PAGE_SHIFT);
}

static void call_mremap(struct mm_struct *mm, const struct trace_event *e, struct outcome *out)
{
	out->placed = !(e->arg[3] & MREMAP_FIXED);
	out->len = PAGE_ALIGN(e->arg[2]);
	out->result = (int64_t)do_mremap(mm, e->arg[0], e->arg[1], e->arg[2], e->arg[3], e->arg[4]);
}

/*
 * Who may attach a segment its owner and its mode decide, which no trace tells: EACCES is believed,
 * and so is what the kernel says of a segment that the recorder could not look up.
 */
static void call_shmat(struct replay_world *world, struct mm_struct *mm,
		       const struct trace_event *e, struct outcome *out)
{
	struct file *file = replay_file(world, e->arg[0]);

	if (!file || e->result == -EACCES) {
		out->result = e->result;
		out->unknown = !IS_ERR_VALUE(e->result);
		if (out->unknown)
			replay_not_modelled(world, "shmat of an unknown segment");
		return;
	}
	/* only here the trace says that it is a segment, and opened how */
	file->inode->kind = FILE_SYSV_SHM;
	file->writable = !(e->arg[2] & SHM_RDONLY);
	replay_hugetlb_attach(world, file, e->arg[4]);
	out->placed = !e->arg[1];
	out->len = PAGE_ALIGN(e->arg[3]);
	out->result = (int64_t)do_shmat(mm, file, e->arg[1], e->arg[2], e->arg[3]);
}

/* A kernel that knows no names, or not this one, says EINVAL, whatever the range is. */
static void set_anon_name(struct mm_struct *mm, const struct trace_event *e, struct outcome *out)
{
	if (e->arg[1] != PR_SET_VMA_ANON_NAME || e->result == -EINVAL || e->result == -EFAULT)
		return;
	out->unknown = false;
	out->result = madvise_set_anon_name(mm, e->arg[2], e->arg[3], e->arg[4]);
}

static void call_prctl(struct replay_world *world, struct mm_struct *mm,
		       const struct trace_event *e, struct outcome *out)
{
	/* EINVAL is also what a kernel without the option says */
	int result = e->result == -EINVAL ? -ENOSYS : do_prctl(mm, (int)e->arg[0], &e->arg[1]);

	out->result = result;
	if (result != -ENOSYS)
		return;
	out->result = e->result;
	out->unknown = true;
	if (e->arg[0] == PR_SET_VMA)
		set_anon_name(mm, e, out);
	else if (!e->result)
		replay_not_modelled(world, "prctl %" PRIu64, e->arg[0]);
}

/* Where a page is, which MPOL_MF_STRICT asks, no trace tells: EIO is believed. */
static void call_mbind(struct mm_struct *mm, const struct trace_event *e, struct outcome *out)
{
	unsigned wrong = (unsigned)(e->arg[4] >> TRACE_NODES_SHIFT);

	out->result = do_mbind(mm, e->arg[0], e->arg[1], e->arg[2], e->arg[3], (unsigned)e->arg[4],
			       wrong == TRACE_NODES_UNREADABLE ? -EFAULT
			       : wrong                         ? -EINVAL
							       : 0);
	if (e->result == -EIO && !out->result && (e->arg[4] & MPOL_MF_STRICT))
		out->result = -EIO;
}

/* Kernels say in two ways that the processor has no keys. */
static void call_pkey_alloc(struct mm_struct *mm, const struct trace_event *e, struct outcome *out)
{
	out->result = do_pkey_alloc(mm, e->arg[0], e->arg[1]);
	if (out->result == -ENOSPC && !mm->machine->config.pkeys && e->result == -EINVAL)
		out->result = -EINVAL;
}

static uint64_t context_of(const struct replay_world *world, const struct trace_event *e)
{
	const struct file *file = replay_file(world, e->arg[0]);

	return userfaultfd_ctx(e->arg[0], file ? file->uffd_features : 0);
}

/* Its features are not chosen yet, if they are told at all. */
static bool is_not_ready(const struct replay_world *world, const struct trace_event *e)
{
	const struct file *file = replay_file(world, e->arg[0]);

	return file && file->uffd_told && !file->uffd_features;
}

static void call_userfaultfd(struct replay_world *world, struct mm_struct *mm,
			     const struct trace_event *e, struct outcome *out)
{
	uint64_t ctx = context_of(world, e);

	if (is_not_ready(world, e))
		out->result = -EINVAL;
	else if (e->kind == TRACE_UFFD_REGISTER)
		out->result = userfaultfd_register(mm, ctx, e->arg[1], e->arg[2], e->arg[3]);
	else
		out->result = userfaultfd_unregister(mm, ctx, e->arg[1], e->arg[2]);
}

static void set_limit(struct limits *limits, const struct trace_event *e)
{
	switch (e->arg[0]) {
	case RLIMIT_STACK:
		limits->stack = e->arg[1];
		break;
	case RLIMIT_AS:
		limits->as = e->arg[1];
		break;
	case RLIMIT_DATA:
		limits->data = e->arg[1];
		limits->data_max = e->arg[2];
		break;
	case RLIMIT_MEMLOCK:
		limits->memlock = e->arg[1];
		break;
	default:
		break;
	}
}

/* Of all threads of the process. */
static void call_setrlimit(struct replay_world *world, const struct trace_event *e,
			   struct outcome *out)
{
	out->result = e->result;
	out->unknown = true;
	if (e->result)
		return;
	for (size_t i = 0; i < world->ntasks; i++) {
		if (world->tasks[i].process == world->tasks[e->task].process)
			set_limit(&world->tasks[i].limits, e);
	}
}

/* What an exec will heed, and what the mm heeds at once. */
static void call_personality(struct replay_world *world, struct mm_struct *mm,
			     const struct trace_event *e, struct outcome *out)
{
	out->result = e->result;
	out->unknown = true;
	if (e->result < 0 || (uint32_t)e->arg[0] == 0xffffffff)
		return;
	mm->read_implies_exec = e->arg[0] & READ_IMPLIES_EXEC;
	world->tasks[e->task].personality = e->arg[0];
}

static void perform(struct replay_world *world, struct mm_struct *mm, const struct trace_event *e,
		    struct outcome *out)
{
	switch (e->kind) {
	case TRACE_MMAP:
		call_mmap(world, mm, e, out);
		break;
	case TRACE_MREMAP:
		call_mremap(mm, e, out);
		break;
	case TRACE_SHMAT:
		call_shmat(world, mm, e, out);
		break;
	case TRACE_MUNMAP:
		out->result = do_munmap(mm, e->arg[0], e->arg[1]);
		break;
	case TRACE_MPROTECT:
		out->result = do_mprotect(mm, e->arg[0], e->arg[1], e->arg[2], (int)e->arg[3]);
		break;
	case TRACE_BRK:
		out->result = (int64_t)do_brk(mm, e->arg[0]);
		break;
	case TRACE_MADVISE:
		out->result = do_madvise(mm, e->arg[0], e->arg[1], (int)e->arg[2]);
		break;
	case TRACE_MLOCK:
		out->result = e->arg[2] & ~(uint64_t)1
				      ? -EINVAL
				      : do_mlock(mm, e->arg[0], e->arg[1], e->arg[2] & 1);
		break;
	case TRACE_MUNLOCK:
		out->result = do_munlock(mm, e->arg[0], e->arg[1]);
		break;
	case TRACE_MLOCKALL:
		out->result = do_mlockall(mm, e->arg[0]);
		break;
	case TRACE_MUNLOCKALL:
		out->result = do_munlockall(mm);
		break;
	case TRACE_MSEAL:
		out->result = do_mseal(mm, e->arg[0], e->arg[1], e->arg[2]);
		break;
	case TRACE_MBIND:
		call_mbind(mm, e, out);
		break;
	case TRACE_REMAP_FILE:
		out->result = do_remap_file_pages(mm, e->arg[0], e->arg[1], e->arg[2], e->arg[3],
						  e->arg[4]);
		break;
	case TRACE_SHMDT:
		out->result = do_shmdt(mm, e->arg[0]);
		break;
	case TRACE_UFFD_REGISTER:
	case TRACE_UFFD_UNREGISTER:
		call_userfaultfd(world, mm, e, out);
		break;
	case TRACE_PKEY_ALLOC:
		call_pkey_alloc(mm, e, out);
		break;
	case TRACE_PKEY_FREE:
		out->result = do_pkey_free(mm, (int)e->arg[0]);
		break;
	case TRACE_PRCTL:
		call_prctl(world, mm, e, out);
		break;
	case TRACE_SETRLIMIT:
		call_setrlimit(world, e, out);
		break;
	case TRACE_SHMGET:
		replay_shmget(world, e, out);
		break;
	case TRACE_PERSONALITY:
		call_personality(world, mm, e, out);
		break;
	default:
		out->unknown = true;
		replay_not_modelled(world, "%s", trace_kind_name(e->kind));
	}
}

void replay_perform(struct replay_world *world, struct mm_struct *mm, const struct trace_event *e,
		    struct outcome *out)
{
	mm_call_begin(mm, 0, ~0UL);
	perform(world, mm, e, out);
	mm_call_end(mm);
}

/* The emulation chose another place: what it placed goes where the kernel put it. */
static int follow_placement(struct replay_world *world, struct mm_struct *mm,
			    const struct trace_event *e, const struct outcome *out)
{
	struct trace_event fixed = *e;
	struct outcome again = { 0 };

	if (IS_ERR_VALUE(e->result) || IS_ERR_VALUE(out->result))
		return 0;
	if (e->kind == TRACE_MREMAP) {
		/* back to front: from where it went to where it should be */
		do_mremap(mm, (unsigned long)out->result, out->len, out->len,
			  MREMAP_MAYMOVE | MREMAP_FIXED, (unsigned long)e->result);
		return 0;
	}
	int err = do_munmap(mm, (unsigned long)out->result, out->len);
	if (err)
		return err;
	if (e->kind == TRACE_MMAP) {
		fixed.arg[0] = (uint64_t)e->result;
		fixed.arg[3] |= MAP_FIXED;
	} else {
		fixed.arg[1] = (uint64_t)e->result;
	}
	replay_perform(world, mm, &fixed, &again);
	return again.result == -ENOMEM ? -ENOMEM : 0;
}

static void tally(struct replay_tally *tally, bool equal)
{
	tally->compared++;
	tally->equal += equal;
}

/* To the program the results are alike: addresses are as good as each other. */
static bool alike(const struct trace_event *event, const struct outcome *out)
{
	if (event->kind == TRACE_MMAP || event->kind == TRACE_MREMAP || event->kind == TRACE_SHMAT)
		return out->result == event->result ||
		       (!IS_ERR_VALUE(out->result) && !IS_ERR_VALUE(event->result));
	return out->result == event->result;
}

static int call_whatif(struct replay_world *world, struct mm_struct *mm,
		       const struct trace_event *event)
{
	struct outcome out = { 0 };
	int err = replay_whatif_call(world, mm, event, &out);

	world->result = out.result;
	world->hash = hash_add(world->hash, (uint64_t)out.result);
	if (out.unknown || !world->options.compare)
		return err;
	tally(&world->counts.results, alike(event, &out));
	if (!alike(event, &out))
		replay_difference(world, event, out.result, NULL);
	return err;
}

int replay_call(struct replay_world *world, struct mm_struct *mm, const struct trace_event *event)
{
	struct outcome out = { 0 };

	if (world->options.whatif)
		return call_whatif(world, mm, event);
	replay_perform(world, mm, event, &out);
	world->result = out.result;
	world->hash = hash_add(world->hash, (uint64_t)out.result);
	if (out.unknown || !world->options.compare)
		return 0;

	bool equal = out.result == event->result;
	bool chosen = out.placed && !IS_ERR_VALUE(event->result);
	if (out.random && chosen) {
		world->counts.random_placements++;
		return equal ? 0 : follow_placement(world, mm, event, &out);
	}
	tally(&world->counts.results, equal);
	if (chosen)
		tally(&world->counts.placements, equal);
	if (equal)
		return 0;
	replay_difference(world, event, out.result, NULL);
	return out.placed ? follow_placement(world, mm, event, &out) : 0;
}
