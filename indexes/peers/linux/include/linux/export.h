#ifndef LINUX_EXPORT_H
#define LINUX_EXPORT_H

#include <linux/kernel.h>

#endif
