#ifndef LINUX_STDDEF_H
#define LINUX_STDDEF_H

#include <linux/kernel.h>

#endif
