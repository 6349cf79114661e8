/*
 * file_kind - which of mm's rules a recorded file follows (see file_kind.h)
 */
#include "workloads/format/file_kind.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#ifndef SECRETMEM_MAGIC
#define SECRETMEM_MAGIC 0x5345434d
#endif
#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

/* The file systems of the kernel's own, where each file may have a driver of its own. */
static bool is_pseudo(uint64_t magic)
{
	static const uint64_t magics[] = {
		ANON_INODE_FS_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC,        DEBUGFS_MAGIC,
		TRACEFS_MAGIC,       BPF_FS_MAGIC,     SOCKFS_MAGIC,       NSFS_MAGIC,
		SECURITYFS_MAGIC,    SELINUX_MAGIC,    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC,
		EFIVARFS_MAGIC,
	};

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (magics[i] == magic)
			return true;
	}
	return false;
}

/* Which file systems place mappings so that huge pages fit. */
static enum file_kind kind_on(uint64_t magic)
{
	switch (magic) {
	case TMPFS_MAGIC:
		return FILE_SHMEM;
	case HUGETLBFS_MAGIC:
		return FILE_HUGETLB;
	case SECRETMEM_MAGIC:
		return FILE_SECRETMEM;
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return FILE_REGULAR;
	default:
		return is_pseudo(magic) ? FILE_OTHER : FILE_PLAIN;
	}
}

enum file_kind file_kind(uint64_t magic, uint64_t mode, const char *path)
{
	if (S_ISREG(mode) || is_pseudo(magic))
		return kind_on(magic);
	if (S_ISCHR(mode))
		return strcmp(path, "/dev/zero") ? FILE_DEVICE : FILE_ZERO;
	return S_ISBLK(mode) ? FILE_PLAIN : FILE_NO_MMAP;
}

#define MEM_MAJOR 1
enum { MEM_NULL = 3, MEM_ZERO = 5, MEM_FULL = 7, MEM_RANDOM = 8, MEM_URANDOM = 9, MEM_KMSG = 11 };

enum file_kind file_kind_of_device(uint64_t rdev)
{
	if (major(rdev) != MEM_MAJOR)
		return FILE_OTHER;
	switch (minor(rdev)) {
	case MEM_ZERO:
		return FILE_ZERO;
	case MEM_NULL:
	case MEM_FULL:
	case MEM_RANDOM:
	case MEM_URANDOM:
	case MEM_KMSG:
		return FILE_NO_MMAP;
	default:
		return FILE_OTHER;
	}
}

void file_kind_name(uint64_t magic, uint64_t mode, uint64_t rdev, const char *path, char *name,
		    size_t size)
{
	if (S_ISSOCK(mode))
		snprintf(name, size, "a socket");
	else if (S_ISFIFO(mode))
		snprintf(name, size, "a pipe");
	else if (S_ISCHR(mode))
		snprintf(name, size, "%s (device %u:%u)", path, major(rdev), minor(rdev));
	else if (magic == ANON_INODE_FS_MAGIC)
		snprintf(name, size, "%s", path);
	else
		snprintf(name, size, "a file of file system 0x%llx", (unsigned long long)magic);
}
