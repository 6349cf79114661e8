/*
 * anonymize - takes what tells about a person or a machine out of a trace's events and header
 *
 * Each distinct name becomes a number, the same one wherever it stands.  What the kernel
 * names, and what replay or a reader tells kinds of mappings by, stays:
 *
 *	[stack] [heap] [vdso] ...       as they are
 *	[anon:NAME]                     [anon:7]
 *	/dev/zero, a device in /dev     as they are
 *	/SYSV0000abcd (deleted)         /SYSV00000007 (deleted)
 *	/memfd:NAME (deleted)           /memfd:7 (deleted)
 *	anon_inode:[io_uring]           as they are
 *	socket:[12345]                  socket:[7]
 *	/home/me/x (deleted)            /7 (deleted)
 *
 * The command and the versions become "anonymized".
 */
#ifndef WORKLOADS_ANONYMIZE_H
#define WORKLOADS_ANONYMIZE_H

#include "workloads/format/trace.h"

struct anonymizer;

/* NULL: out of memory. */
struct anonymizer *anonymizer_create(void);
void anonymizer_destroy(struct anonymizer *anonymizer);

/* What stands for the event's name, until the next call; NULL: out of memory. */
const char *anonymize_name(struct anonymizer *anonymizer, const struct trace_event *event);

/* The header without what tells; its strings are info's or constant. */
struct trace_info anonymize_info(const struct trace_info *info);

#endif
