#ifndef LINUX_COMPILER_H
#define LINUX_COMPILER_H

#include <linux/kernel.h>

#endif
