/*
 * vm_flags - the bits of vm_flags and their names (see vm_flags.h)
 */
#include "mm/vm_flags.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "mm/mman.h"

static const struct {
	vm_flags_t bit;
	char code[3];
} codes_of_flags[] = {
#define X(NAME, value, code) { value, code },
	VM_FLAGS(X)
#undef X
};

vm_flags_t vm_flags_from_smaps(const char *codes)
{
	vm_flags_t flags = 0;

	for (const char *p = codes; *p; p += strcspn(p, " ")) {
		p += strspn(p, " \t\n");
		for (size_t i = 0; i < ARRAY_SIZE(codes_of_flags); i++) {
			if (!strncmp(p, codes_of_flags[i].code, 2))
				flags |= codes_of_flags[i].bit;
		}
	}
	return flags;
}

char *vm_flags_to_smaps(vm_flags_t flags, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(codes_of_flags) && len + 4 <= size; i++) {
		if (flags & codes_of_flags[i].bit)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? " " : "",
						codes_of_flags[i].code);
	}
	return text;
}

vm_flags_t calc_vm_prot_bits(unsigned long prot, unsigned pkey)
{
	return (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	       (prot & PROT_EXEC ? VM_EXEC : 0) |
	       (((vm_flags_t)pkey << VM_PKEY_SHIFT) & VM_PKEY_MASK);
}

vm_flags_t calc_vm_flag_bits(unsigned long map_flags)
{
	return (map_flags & MAP_GROWSDOWN ? VM_GROWSDOWN : 0) |
	       (map_flags & MAP_LOCKED ? VM_LOCKED : 0) | (map_flags & MAP_SYNC ? VM_SYNC : 0) |
	       (map_flags & MAP_STACK ? VM_NOHUGEPAGE : 0);
}
