#ifndef LINUX_LIMITS_H
#define LINUX_LIMITS_H

#include <linux/kernel.h>

#endif
