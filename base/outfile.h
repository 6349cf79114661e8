/*
 * outfile - the one writer of all verbs: a file is written whole or not at all
 *
 *	the path names                        what happens
 *	nothing                               a new file, its mode less the umask
 *	a regular file                        it is replaced; its permissions, and its owner where
 *	                                      that is allowed, stay
 *	a symbolic link                       the file that it leads to is written; the link stays
 *	a device, a FIFO, this program's      written through, never replaced
 *	own stdout or stderr
 *	a folder, a socket, a link to         refused, with the reason in out->why
 *	nothing, a FIFO without a reader
 *
 *  1. A regular file is written as FOLDER/.vmabench-XXXXXXXXXXXXXXXX, a name that cannot be
 *     predicted, opened with O_EXCL; then fsync, rename, fsync of the folder.  Whoever opens the
 *     target finds the old contents or the new ones, at any moment, also after a crash.
 *  2. A writer holds a lock (flock) on its temporary file.  One without a lock was left by a
 *     process that was killed: the next outfile_open in that folder removes those of its own user.
 *     So what is left behind does not grow.
 *  3. Any number of processes may write the same target: each replaces it as a whole, the last
 * wins.
 *  4. Descriptors are 3 or more and close on exec: a program that is started with stdout closed
 * does
 *     not print into its results.
 *
 * Functions return 0, or -1 and the reason in out->why; the target is unharmed then.
 */
#ifndef BASE_OUTFILE_H
#define BASE_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/util.h"

struct outfile {
	int fd;        /* between begin and commit: what is written to; else -1 */
	bool through;  /* not a regular file: what was written stays written */
	char why[256]; /* the last failure, with the path */

	/* outfile.c's own */
	char *target, *folder; /* the file that is replaced, and where it is */
	char *temporary;       /* NULL while there is none */
	int device;            /* what is written through, opened; -1 */
	mode_t mode;           /* of a new file, before the umask */
};

/*
 * Looks at the target, and whether a file can be created, written and enlarged beside it: call it
 * before a long run.  outfile_close must follow, also after a failure.
 */
must_check int outfile_open(struct outfile *out, const char *path, mode_t mode);
void outfile_close(struct outfile *out);

/*
 * One version of the file: begin, then write to out->fd, then commit.  outfile_abandon, or
 * outfile_close, drops what was begun.  It may be done again: the next version replaces the last.
 */
must_check int outfile_begin(struct outfile *out);
must_check int outfile_write(struct outfile *out, const void *data, size_t len);
must_check int outfile_commit(struct outfile *out);
void outfile_abandon(struct outfile *out);

/* All three, for len bytes of data. */
must_check int outfile_put(struct outfile *out, const void *data, size_t len);

/* open, put and close; on failure the reason is in why, which may be NULL. */
must_check int outfile_save(const char *path, const void *data, size_t len, char *why, size_t size);

/* A file without a name in the target's folder: a descriptor to be closed, or -1. */
must_check int outfile_spool(struct outfile *out);

/*
 * A new private folder in the folder given, with a name and a lock as temporary files have: its
 * path, or NULL and the reason in why.  lock is kept until outfile_remove_folder, which frees path.
 */
must_check char *outfile_make_folder(const char *in, int *lock, char *why, size_t size);
void outfile_remove_folder(char *path, int lock);

#endif
