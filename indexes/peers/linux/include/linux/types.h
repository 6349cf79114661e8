#ifndef LINUX_TYPES_H
#define LINUX_TYPES_H

#include <linux/kernel.h>

#endif
