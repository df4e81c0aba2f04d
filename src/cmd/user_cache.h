/* SPDX-License-Identifier: MIT */
#ifndef CMD_USER_CACHE_H
#define CMD_USER_CACHE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * The path of vitrine's own `name` in the user's folder for caches: $XDG_CACHE_HOME/vitrine, or else
 * ~/.cache/vitrine. Nothing is created.
 *
 * Returns: whether the user has such a folder. out_path is untouched if not. Thread: one.
 */
bool vtr_user_cache(const char *name, char *out_path, size_t size);

#endif
