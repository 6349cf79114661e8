/*
 * file_kind - which of mm's rules a recorded file follows
 */
#ifndef WORKLOADS_FILE_KIND_H
#define WORKLOADS_FILE_KIND_H

#include "mm/mm.h"

/*
 * By what a FILE event tells: f_type of its file system, st_mode, path.  FILE_OTHER: no rule knows
 * what its driver does with a mapping.
 */
enum file_kind file_kind(uint64_t magic, uint64_t mode, const char *path);
/* Of a character device, by its number, which the first traces lack. */
enum file_kind file_kind_of_device(uint64_t rdev);
/* For people: "anon_inode:[io_uring]", "socket", "/dev/kvm (10:232)", ... */
void file_kind_name(uint64_t magic, uint64_t mode, uint64_t rdev, const char *path, char *name,
		    size_t size);

#endif
