/*
 * record_mount - a kernel's own file system, mounted at no place: nobody else sees it
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

/* Newer than the oldest headers this must build with (Linux 5.2). */
#define NR_fsopen        430
#define NR_fsconfig      431
#define NR_fsmount       432
#define FS_CLOSE_ON_EXEC 1u /* of fsopen and fsmount */
#define FS_CREATE        6u /* of fsconfig */

int record_mount(const char *type)
{
	int context = syscall(NR_fsopen, type, FS_CLOSE_ON_EXEC), mount = -1, error;

	if (context < 0)
		return -errno;
	if (!syscall(NR_fsconfig, context, FS_CREATE, NULL, NULL, 0))
		mount = syscall(NR_fsmount, context, FS_CLOSE_ON_EXEC, 0);
	error = -errno;
	close(context);
	return mount < 0 ? error : mount;
}
