/*
 * xarray - entries that are no pointer of the user's: bits 1-0 are 10, the rest says what
 */
#ifndef LINUX_XARRAY_H
#define LINUX_XARRAY_H

#include <linux/kernel.h>

#define MAX_ERRNO 4095
#define XA_RETRY  256UL
#define XA_ZERO   257UL

static inline void *xa_mk_internal(unsigned long value)
{
	return (void *)(value << 2 | 2);
}

static inline unsigned long xa_to_internal(const void *entry)
{
	return (unsigned long)entry >> 2;
}

static inline bool xa_is_internal(const void *entry)
{
	return ((unsigned long)entry & 3) == 2;
}

static inline bool xa_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
}

static inline unsigned long xa_to_value(const void *entry)
{
	return (unsigned long)entry >> 1;
}

static inline bool xa_is_zero(const void *entry)
{
	return unlikely(entry == xa_mk_internal(XA_ZERO));
}

static inline bool xa_is_node(const void *entry)
{
	return xa_is_internal(entry) && (unsigned long)entry > 4096;
}

static inline bool xa_is_advanced(const void *entry)
{
	return xa_is_internal(entry) && xa_to_internal(entry) <= XA_RETRY;
}

/* The -errno in an entry, or 0. */
static inline int xa_err(const void *entry)
{
	long value = (long)entry >> 2;

	return xa_is_internal(entry) && value < 0 && value >= -MAX_ERRNO ? value : 0;
}

#endif
