/*
 * record_rules - rules that differ between kernels of one version, found by trying
 *
 * A stable kernel takes changes back, so its release does not tell them.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mm/mman.h"
#include "workloads/record/record_internal.h"

static void *rules_map(char *at, int fd, size_t page)
{
	return mmap(at + page * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, fd, (off_t)(page * PAGE_SIZE));
}

/*
 * Guards in the first and the third page of a file give each an anon_vma, or not; with two
 * different ones, what is mapped between them joins the first only, and mremap says EFAULT
 * to a range of two VMAs.  To a range of one it says ENOMEM: there is no room behind it.
 */
static bool rules_guards_apart(char *at, int fd)
{
	for (size_t page = 0; page < 3; page += 2) {
		if (rules_map(at, fd, page) == MAP_FAILED ||
		    madvise(at + page * PAGE_SIZE, PAGE_SIZE, MADV_GUARD_INSTALL))
			return false;
	}
	return rules_map(at, fd, 1) != MAP_FAILED &&
	       mremap(at, 3 * PAGE_SIZE, 4 * PAGE_SIZE, 0) == MAP_FAILED && errno == EFAULT;
}

bool rules_file_guards_prepare(void)
{
	int fd = memfd_create("vmabench-rules", MFD_CLOEXEC);
	char *at = mmap(NULL, 4 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool prepare = fd >= 0 && at != MAP_FAILED && !ftruncate(fd, 3 * PAGE_SIZE) &&
		       rules_guards_apart(at, fd);

	if (at != MAP_FAILED)
		munmap(at, 4 * PAGE_SIZE);
	if (fd >= 0)
		close(fd);
	return prepare;
}
