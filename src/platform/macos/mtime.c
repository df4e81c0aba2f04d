/* SPDX-License-Identifier: MIT */
#include <sys/stat.h>

#include "platform/fork.h"

int64_t vtr_os_mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtimespec.tv_sec * 1000000000 + st->st_mtimespec.tv_nsec;
}
