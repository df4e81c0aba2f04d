/* SPDX-License-Identifier: MIT */
#include "cmd/user_cache.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool vtr_user_cache(const char *name, char *out_path, size_t size)
{
	const char *base = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	char path[PATH_MAX];
	int n = -1;

	if (base && base[0] == '/') {
		n = snprintf(path, sizeof(path), "%s/vitrine/%s", base, name);
	} else if (home && home[0] == '/') {
		n = snprintf(path, sizeof(path), "%s/.cache/vitrine/%s", home, name);
	}
	if (n <= 0 || (size_t)n >= sizeof(path) || (size_t)n >= size) {
		return false;
	}
	memcpy(out_path, path, (size_t)n + 1);
	return true;
}
