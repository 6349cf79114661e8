/*
 * vm_flags - what a VMA may do: the bits of vm_flags, their values and names
 *
 * The values are those of Linux 6.12 on x86-64, whatever the machine, so that
 * recorded layouts can be compared bit by bit.
 */
#ifndef MM_VM_FLAGS_H
#define MM_VM_FLAGS_H

#include <stddef.h>

typedef unsigned long vm_flags_t;

/* X(NAME, value, code): code is the two letters that smaps' VmFlags shows */
/* clang-format off */
#define VM_FLAGS(X) \
	X(READ,         1UL << 0,  "rd") \
	X(WRITE,        1UL << 1,  "wr") \
	X(EXEC,         1UL << 2,  "ex") \
	X(SHARED,       1UL << 3,  "sh") \
	X(MAYREAD,      1UL << 4,  "mr") \
	X(MAYWRITE,     1UL << 5,  "mw") \
	X(MAYEXEC,      1UL << 6,  "me") \
	X(MAYSHARE,     1UL << 7,  "ms") \
	X(GROWSDOWN,    1UL << 8,  "gd") \
	X(UFFD_MISSING, 1UL << 9,  "um") \
	X(PFNMAP,       1UL << 10, "pf") \
	X(MAYBE_GUARD,  1UL << 11, "gu") \
	X(UFFD_WP,      1UL << 12, "uw") \
	X(LOCKED,       1UL << 13, "lo") \
	X(IO,           1UL << 14, "io") \
	X(SEQ_READ,     1UL << 15, "sr") \
	X(RAND_READ,    1UL << 16, "rr") \
	X(DONTCOPY,     1UL << 17, "dc") \
	X(DONTEXPAND,   1UL << 18, "de") \
	X(LOCKONFAULT,  1UL << 19, "lf") \
	X(ACCOUNT,      1UL << 20, "ac") \
	X(NORESERVE,    1UL << 21, "nr") \
	X(HUGETLB,      1UL << 22, "ht") \
	X(SYNC,         1UL << 23, "sf") \
	X(ARCH_1,       1UL << 24, "ar") \
	X(WIPEONFORK,   1UL << 25, "wf") \
	X(DONTDUMP,     1UL << 26, "dd") \
	X(SOFTDIRTY,    1UL << 27, "sd") \
	X(MIXEDMAP,     1UL << 28, "mm") \
	X(HUGEPAGE,     1UL << 29, "hg") \
	X(NOHUGEPAGE,   1UL << 30, "nh") \
	X(MERGEABLE,    1UL << 31, "mg") \
	X(SHADOW_STACK, 1UL << 37, "ss") \
	X(UFFD_MINOR,   1UL << 38, "ui") \
	X(DROPPABLE,    1UL << 40, "dp") \
	X(SEALED,       1UL << 63, "sl")
/* clang-format on */

#define X(NAME, value, code) static const vm_flags_t VM_##NAME = value;
VM_FLAGS(X)
#undef X

/* The protection key of a VMA: four bits, shown by smaps as ProtectionKey. */
#define VM_PKEY_SHIFT 32
#define VM_PKEY_MASK  (0xfUL << VM_PKEY_SHIFT)

#define VM_ACCESS_FLAGS (VM_READ | VM_WRITE | VM_EXEC)
#define VM_MAY_FLAGS    (VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)
/* never merged, never locked */
#define VM_SPECIAL     (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)
#define VM_LOCKED_MASK (VM_LOCKED | VM_LOCKONFAULT)
#define VM_UFFD_FLAGS  (VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR)
/* differ without keeping two VMAs apart: they say what happened, not what is allowed */
#define VM_IGNORE_MERGE (VM_SOFTDIRTY | VM_MAYBE_GUARD)
/* the flags that decide which of data_vm, exec_vm, stack_vm a mapping counts for */
#define VM_DATA_FLAGS (VM_WRITE | VM_SHARED | VM_GROWSDOWN)

/* smaps' VmFlags, "rd wr mr mw me ac", as bits; codes that are not known are left out. */
vm_flags_t vm_flags_from_smaps(const char *codes);

/* The bits as smaps' VmFlags would show them, into text of size bytes; returns text. */
char *vm_flags_to_smaps(vm_flags_t flags, char *text, size_t size);

/* PROT_* and a protection key as VM_READ, VM_WRITE, VM_EXEC and the key's bits. */
vm_flags_t calc_vm_prot_bits(unsigned long prot, unsigned pkey);

/* The flags that mmap's MAP_* ask for: GROWSDOWN, LOCKED, SYNC, NOHUGEPAGE (MAP_STACK). */
vm_flags_t calc_vm_flag_bits(unsigned long map_flags);

#endif
