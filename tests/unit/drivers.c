/*
 * What drivers are told of their VMAs: of each once as it comes and once as it goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "tests/accounting.h"
#include "tests/bed.h"
#include "tests/suite.h"
#include "tests/world.h"

static struct world world;
static struct mm_struct *mm;

#define TO (MREMAP_MAYMOVE | MREMAP_FIXED)

static void setup(int type)
{
	struct config config;

	config_default(&config);
	config.mmap_hook = accounting_mmap;
	world_init(&world, bed_type(type), &config);
	mm = world.mm;
}

static void teardown(void)
{
	world_done(&world);
	accounting_settle();
}

/* Since the last time: VMAs that were mapped, opened, closed. */
static void told(unsigned long mapped, unsigned long opened, unsigned long closed)
{
	static struct accounting before;

	if (!accounting.mapped)
		before = (struct accounting){ 0 };
	ck_assert_uint_eq(accounting.mapped - before.mapped, mapped);
	ck_assert_uint_eq(accounting.opened - before.opened, opened);
	ck_assert_uint_eq(accounting.closed - before.closed, closed);
	before = accounting;
}

START_TEST(driver_is_told_of_mmap_and_munmap)
{
	setup(_i);
	world_map(mm, 40, 4, RW); /* anonymous memory has no driver */
	ck_assert(vma_is_anonymous(world_vma(mm, 40)));
	world_map_file(mm, world.file, 0, 8, RW, 0);
	told(1, 0, 0);
	world_map_file(mm, world.file, 8, 8, RW, 8); /* the VMA that is there grows */
	told(0, 0, 0);
	ck_layout(mm, "AAAAAAAAAAAAAAAA........................BBBB");
	ck_assert_int_eq(do_munmap(mm, page_at(4), 4 * P), 0);
	told(0, 1, 0); /* two are left of one */
	ck_assert_int_eq(do_munmap(mm, page_at(8), P), 0);
	told(0, 0, 0); /* an edge moves */
	world_map(mm, 0, 4, RW);
	told(0, 0, 1);
	world_map_file(mm, world.again, 8, 8, RW, 8); /* another one's place */
	told(1, 0, 1);
	ck_assert_int_eq(do_munmap(mm, page_at(0), 64 * P), 0);
	told(0, 0, 1);
	teardown();
}
END_TEST

START_TEST(driver_is_told_of_splits)
{
	setup(_i);
	world_map_file(mm, world.file, 0, 12, RW, 0);
	told(1, 0, 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, PROT_READ, -1), 0);
	told(0, 2, 0);
	ck_layout(mm, "AAAABBBBCCCC");
	/* C5: what has a close op is not merged away, but edges move */
	ck_assert_int_eq(do_mprotect(mm, page_at(4), 4 * P, RW, -1), 0);
	ck_layout(mm, "AAAABBBBCCCC");
	ck_assert_int_eq(do_mprotect(mm, page_at(0), 2 * P, PROT_READ, -1), 0);
	told(0, 1, 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), P, PROT_READ, -1), 0);
	told(0, 0, 0);
	ck_layout(mm, "AAABCCCCDDDD");
	ck_assert_int_eq(split_vma(mm, world_vma(mm, 8), page_at(10)), 0);
	told(0, 1, 0);
	teardown();
}
END_TEST

START_TEST(driver_is_told_of_fork_and_exit)
{
	struct task_struct child;

	setup(_i);
	world_map_file(mm, world.file, 0, 4, RW, 0);
	world_map_file(mm, world.file, 8, 4, RW, 0);
	world_map_file(mm, world.file, 16, 4, RW, 0);
	ck_assert_int_eq(do_madvise(mm, page_at(8), 4 * P, MADV_DONTFORK), 0);
	told(3, 0, 0);
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	told(0, 2, 0);
	mmput(child.mm);
	told(0, 0, 2);
	ck_assert_int_eq(copy_mm(CLONE_VM, &child, &world.task), 0);
	mmput(child.mm);
	told(0, 0, 0);
	ck_assert_int_eq(exec_mmap(world.machine, &world.task, NULL, 0, WORLD_TOP, WORLD_HEAP,
				   WORLD_HEAP, WORLD_STACK),
			 0);
	told(0, 0, 3);
	mm = world.mm = world.task.mm;
	teardown();
}
END_TEST

START_TEST(driver_is_told_of_mremap)
{
	setup(_i);
	world_map_file(mm, world.file, 0, 4, RW, 0);
	told(1, 0, 0);
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 4 * P, 6 * P, 0, 0), page_at(0));
	told(0, 0, 0); /* in place */
	ck_assert_uint_eq(do_mremap(mm, page_at(0), 6 * P, 6 * P, TO, page_at(10)), page_at(10));
	told(0, 1, 1);
	ck_assert_uint_eq(accounting.moved, 1);
	ck_assert_uint_eq(do_mremap(mm, page_at(12), 2 * P, 2 * P, TO, page_at(20)), page_at(20));
	told(0, 2, 0); /* the new one, and the third part */
	ck_layout(mm, "..........AA..BB....CC");
	ck_assert_uint_eq(do_mremap(mm, page_at(10), 2 * P, 2 * P,
				    MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, page_at(30)),
			  page_at(30));
	told(0, 1, 0);
	ck_layout(mm, "..........AA..BB....CC........DD");
	teardown();
}
END_TEST

/* A driver that refuses: nothing has changed, and no VMA is left over. */
START_TEST(driver_refuses)
{
	uint64_t before;

	setup(_i);
	world_map_file(mm, world.file, 0, 8, RW, 0);
	world_write(mm, page_at(1));
	world_read(mm, page_at(2));
	ck_assert_uint_eq(accounting.faults, 2);
	before = mm_hash(mm, 0);
	accounting.mmap_says = -ENXIO;
	ck_assert_int_eq(
		(long)do_mmap(mm, world.again, page_at(2), 4 * P, RW, MAP_PRIVATE | MAP_FIXED, 0),
		-ENXIO);
	ck_assert_int_eq((long)do_mmap(mm, world.again, 0, 4 * P, RW, MAP_SHARED, 0), -ENXIO);
	accounting.mmap_says = 0;
	accounting.split_says = -EBUSY;
	ck_assert_int_eq(do_munmap(mm, page_at(2), P), -EBUSY);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), P, PROT_READ, -1), -EBUSY);
	ck_assert_int_eq((long)do_mremap(mm, page_at(2), P, P, TO, page_at(20)), -EBUSY);
	accounting.split_says = 0;
	accounting.mremap_says = -EFAULT;
	told(1, 0, 0);
	ck_assert_int_eq((long)do_mremap(mm, page_at(0), 8 * P, 8 * P, TO, page_at(20)), -EFAULT);
	told(0, 1, 1); /* it was there for a moment */
	ck_assert_uint_eq(mm_hash(mm, 0), before);
	ck_layout(mm, "AAAAAAAA");
	accounting.mremap_says = 0;
	teardown();
}
END_TEST

/* How many show a segment is its driver's to know. */
START_TEST(driver_of_sysv_segments_counts)
{
	struct inode *inode;
	struct task_struct child;
	struct file *shm;

	setup(_i);
	inode = inode_create(world.machine, 9, FILE_SYSV_SHM, "/SYSV00000000 (deleted)");
	shm = file_open(world.machine, inode, 0, true, true);
	ck_assert_uint_eq(do_shmat(mm, shm, page_at(0), 0, 8 * P), page_at(0));
	ck_assert_uint_eq(inode->shm_nattch, 1);
	ck_assert_int_eq(copy_mm(0, &child, &world.task), 0);
	ck_assert_uint_eq(inode->shm_nattch, 2);
	ck_assert_int_eq(do_mprotect(mm, page_at(2), P, PROT_READ, -1), 0);
	ck_assert_uint_eq(inode->shm_nattch, 4);
	mmput(child.mm);
	ck_assert_int_eq(do_shmdt(mm, page_at(0)), 0);
	ck_assert_uint_eq(inode->shm_nattch, 0);
	accounting.mmap_says = -ENXIO; /* the segment's own mmap has been called by then */
	ck_assert_int_eq((long)do_shmat(mm, shm, page_at(0), 0, 8 * P), -ENXIO);
	ck_assert_uint_eq(inode->shm_nattch, 0);
	fput(shm);
	inode_put(world.machine, inode);
	accounting.mmap_says = 0;
	teardown();
}
END_TEST

/* Locking what a device maps has no effect. */
START_TEST(driver_of_a_device_sets_flags)
{
	struct vm_area_struct *vma;
	struct inode *inode;
	struct file *device;

	setup(_i);
	inode = inode_create(world.machine, 9, FILE_DEVICE, "/dev/some");
	device = file_open(world.machine, inode, 9, true, true);
	inode_put(world.machine, inode);
	ck_assert_uint_eq(
		do_mmap(mm, device, page_at(0), 4 * P, RW, MAP_SHARED | MAP_FIXED | MAP_LOCKED, 0),
		page_at(0));
	vma = world_vma(mm, 0);
	ck_assert_uint_eq(vma->vm_flags & (VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP),
			  VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	ck_assert_uint_eq(vma->vm_flags & VM_LOCKED, 0);
	ck_assert_uint_eq(mm->locked_vm, 0);
	fput(device);
	teardown();
}
END_TEST

/* A disk refuses MAP_SYNC, but only after what was there has gone. */
START_TEST(driver_of_a_disk_refuses_sync)
{
	setup(_i);
	world_map(mm, 0, 4, RW);
	ck_assert_int_eq((long)do_mmap(mm, world.file, page_at(1), P, PROT_READ,
				       MAP_PRIVATE | MAP_SYNC | MAP_FIXED, 0),
			 -EOPNOTSUPP);
	ck_layout(mm, "A.BB");
	ck_assert_int_eq((long)do_mmap(mm, world.file, page_at(2), P, PROT_READ,
				       MAP_SHARED_VALIDATE | MAP_SYNC | MAP_FIXED, 0),
			 -EOPNOTSUPP);
	ck_layout(mm, "A..B");
	ck_assert_uint_eq(do_mmap(mm, NULL, page_at(1), P, RW, ANON | MAP_SYNC | MAP_FIXED, 0),
			  page_at(1));
	ck_layout(mm, "AB.C");
	teardown();
}
END_TEST

/* ---- files that refuse some mappings, and later rights ---- */

/* What is not as usual of a file and the mount that it is on. */
struct odd {
	unsigned seals;
	bool noexec, path_only;
};

/* Maps four pages of a new file of that kind at page 0: 0 or -errno. */
static long map_kind(enum file_kind kind, struct odd odd, unsigned long prot, unsigned long flags)
{
	struct inode *inode = inode_create(world.machine, 9, kind, "/some");
	struct file *file = file_open(world.machine, inode, 9, true, true);
	long result;

	inode->seals = odd.seals;
	file->noexec = odd.noexec;
	file->path_only = odd.path_only;
	inode_put(world.machine, inode);
	result = (long)do_mmap(mm, file, page_at(0), 4 * P, prot, flags | MAP_FIXED, 0);
	fput(file);
	return result < 0 ? result : 0;
}

static const struct odd usual, noexec = { .noexec = true }, path_only = { .path_only = true };

static void settings(int type)
{
	struct config config;

	config_default(&config);
	world_init(&world, bed_type(type), &config);
	mm = world.mm;
}

START_TEST(driver_of_sealed_memory)
{
	static const unsigned seals[] = { F_SEAL_WRITE, F_SEAL_FUTURE_WRITE };
	const struct odd about_size = { .seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW };

	settings(_i);
	for (size_t i = 0; i < ARRAY_SIZE(seals); i++) {
		struct odd sealed = { .seals = seals[i] };

		ck_assert_int_eq(map_kind(FILE_SHMEM, sealed, RW, MAP_SHARED), -EPERM);
		ck_assert_int_eq(map_kind(FILE_SHMEM, sealed, RW, MAP_PRIVATE), 0);
		ck_assert_int_eq(map_kind(FILE_SHMEM, sealed, PROT_READ, MAP_SHARED), 0);
		ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_MAYWRITE, 0);
		ck_assert_int_eq(do_mprotect(mm, page_at(1), P, RW, -1), -EACCES);
	}
	ck_assert_int_eq(map_kind(FILE_SHMEM, about_size, RW, MAP_SHARED), 0);
	ck_assert_int_eq(do_munmap(mm, page_at(0), 64 * P), 0);
	world_done(&world);
}
END_TEST

/* On a mount without execution. */
START_TEST(driver_without_execution)
{
	settings(_i);
	ck_assert_int_eq(map_kind(FILE_REGULAR, noexec, PROT_EXEC, MAP_PRIVATE), -EPERM);
	ck_assert_int_eq(map_kind(FILE_REGULAR, noexec, RW, MAP_PRIVATE), 0);
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_MAYEXEC, 0);
	ck_assert_int_eq(do_mprotect(mm, page_at(1), P, PROT_READ | PROT_EXEC, -1), -EACCES);
	/* a program whose memory can all be executed does without that, here */
	mm->read_implies_exec = true;
	ck_assert_int_eq(map_kind(FILE_REGULAR, noexec, PROT_READ, MAP_PRIVATE), 0);
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_EXEC, 0);
	ck_assert_int_eq(map_kind(FILE_REGULAR, usual, PROT_READ, MAP_PRIVATE), 0);
	ck_assert_uint_eq(world_vma(mm, 0)->vm_flags & VM_EXEC, VM_EXEC);
	ck_assert_int_eq(do_munmap(mm, page_at(0), 64 * P), 0);
	world_done(&world);
}
END_TEST

START_TEST(driver_of_secret_memory)
{
	struct config *config;
	vm_flags_t flags;

	settings(_i);
	ck_assert_int_eq(map_kind(FILE_SECRETMEM, usual, RW, MAP_PRIVATE), -EINVAL);
	ck_assert_int_eq(map_kind(FILE_SECRETMEM, usual, RW | PROT_EXEC, MAP_SHARED), -EPERM);
	ck_assert_int_eq(map_kind(FILE_SECRETMEM, usual, RW, MAP_SHARED), 0);
	flags = world_vma(mm, 0)->vm_flags;
	ck_assert_uint_eq(flags & (VM_LOCKED | VM_DONTDUMP | VM_MAYEXEC), VM_LOCKED | VM_DONTDUMP);
	ck_assert_uint_eq(mm->locked_vm, 4);
	ck_assert_int_eq(do_munlock(mm, page_at(0), 2 * P), 0); /* it stays locked */
	ck_assert_uint_eq(mm->locked_vm, 4);
	ck_layout(mm, "AAAA");
	ck_assert_int_eq(do_madvise(mm, page_at(0), P, MADV_POPULATE_READ), -EINVAL);
	config = &world.machine->config;
	config->limits.ipc_lock = false;
	config->limits.memlock = 7 * P;
	ck_assert_int_eq(do_munmap(mm, page_at(0), P), 0);
	ck_assert_int_eq(map_kind(FILE_SECRETMEM, usual, RW, MAP_SHARED), 0);
	ck_assert_int_eq((long)do_mmap(mm, world_vma(mm, 0)->vm_file, page_at(8), 4 * P, RW,
				       MAP_SHARED | MAP_FIXED, 0),
			 -EAGAIN);
	ck_assert_int_eq(do_munmap(mm, page_at(0), 64 * P), 0);
	world_done(&world);
}
END_TEST

/* /dev/null, pipes and sockets cannot be mapped, a descriptor by O_PATH stands for no file. */
START_TEST(driver_there_is_none)
{
	settings(_i);
	world_map(mm, 0, 4, RW);
	ck_assert_int_eq(map_kind(FILE_NO_MMAP, usual, RW, MAP_SHARED), -ENODEV);
	ck_assert_int_eq(map_kind(FILE_NO_MMAP, usual, PROT_READ, MAP_PRIVATE), -ENODEV);
	ck_assert_int_eq(map_kind(FILE_NO_MMAP, noexec, PROT_EXEC, MAP_PRIVATE), -EPERM);
	ck_assert_int_eq(map_kind(FILE_REGULAR, path_only, PROT_READ, MAP_PRIVATE), -EBADF);
	ck_assert_int_eq(map_kind(FILE_NO_MMAP, path_only, PROT_EXEC, MAP_PRIVATE), -EBADF);
	ck_layout(mm, "AAAA"); /* what was there is there */
	ck_assert(vma_is_anonymous(world_vma(mm, 0)));
	ck_assert_int_eq(do_munmap(mm, page_at(0), 64 * P), 0);
	world_done(&world);
}
END_TEST

/* Linux's table for x86-64: what may be written privately is written to by a fault. */
START_TEST(protection_by_flags)
{
	static const struct {
		vm_flags_t flags;
		uint64_t prot;
	} cases[] = {
		{ 0, PTE_PROTNONE },
		{ VM_SHARED, PTE_PROTNONE },
		{ VM_READ, PTE_PRESENT | PTE_USER | PTE_NX },
		{ VM_WRITE, PTE_PRESENT | PTE_USER | PTE_NX },
		{ VM_READ | VM_WRITE, PTE_PRESENT | PTE_USER | PTE_NX },
		{ VM_EXEC, PTE_PRESENT | PTE_USER },
		{ VM_READ | VM_EXEC, PTE_PRESENT | PTE_USER },
		{ VM_WRITE | VM_EXEC, PTE_PRESENT | PTE_USER },
		{ VM_READ | VM_WRITE | VM_EXEC, PTE_PRESENT | PTE_USER },
		{ VM_SHARED | VM_READ, PTE_PRESENT | PTE_USER | PTE_NX },
		{ VM_SHARED | VM_WRITE, PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX },
		{ VM_SHARED | VM_READ | VM_WRITE, PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX },
		{ VM_SHARED | VM_EXEC, PTE_PRESENT | PTE_USER },
		{ VM_SHARED | VM_READ | VM_EXEC, PTE_PRESENT | PTE_USER },
		{ VM_SHARED | VM_WRITE | VM_EXEC, PTE_PRESENT | PTE_USER | PTE_WRITE },
		{ VM_SHARED | VM_READ | VM_WRITE | VM_EXEC, PTE_PRESENT | PTE_USER | PTE_WRITE },
	};

	ck_assert_uint_eq(ARRAY_SIZE(cases), 16);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_uint_eq(vm_get_page_prot(cases[i].flags), cases[i].prot);
		/* no other flag matters */
		ck_assert_uint_eq(vm_get_page_prot(cases[i].flags | VM_MAY_FLAGS | VM_ACCOUNT |
						   VM_LOCKED | VM_IO),
				  cases[i].prot);
	}
}
END_TEST

TEST_SUITE(drivers)
{
	Suite *suite = suite_create("drivers");
	TCase *tcase = tcase_create("vm_operations_struct");
	int types = (int)bed_plain_types();

	tcase_add_loop_test(tcase, driver_is_told_of_mmap_and_munmap, 0, types);
	tcase_add_loop_test(tcase, driver_is_told_of_splits, 0, types);
	tcase_add_loop_test(tcase, driver_is_told_of_fork_and_exit, 0, types);
	tcase_add_loop_test(tcase, driver_is_told_of_mremap, 0, types);
	tcase_add_loop_test(tcase, driver_refuses, 0, types);
	tcase_add_loop_test(tcase, driver_of_sysv_segments_counts, 0, types);
	tcase_add_loop_test(tcase, driver_of_a_device_sets_flags, 0, types);
	tcase_add_loop_test(tcase, driver_of_a_disk_refuses_sync, 0, types);
	tcase_add_loop_test(tcase, driver_of_sealed_memory, 0, types);
	tcase_add_loop_test(tcase, driver_without_execution, 0, types);
	tcase_add_loop_test(tcase, driver_of_secret_memory, 0, types);
	tcase_add_loop_test(tcase, driver_there_is_none, 0, types);
	tcase_add_test(tcase, protection_by_flags);
	suite_add_tcase(suite, tcase);
	return suite;
}
