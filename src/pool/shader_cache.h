/* SPDX-License-Identifier: MIT */
#ifndef POOL_SHADER_CACHE_H
#define POOL_SHADER_CACHE_H

#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * The folder in which the workers of one owner keep the shaders that their drivers have compiled. It contains code, so
 * only workers load from it: a worker that was taken over can change what the other workers of this folder execute, and
 * nothing else.
 *
 * A worker can write to the files of the folder, but cannot create any, see vtr_os_sandbox_paths.update. So the files
 * of Mesa's cache database are created here, empty. Mesa keeps them below a size (vk/mesa_cache.h). A worker that was
 * taken over may not: while workers use the folder, its size is checked each second.
 *
 * Thread: the loop's.
 */
struct vtr_child;
struct vtr_log;
struct vtr_os_loop;
struct vtr_shader_cache;

struct vtr_shader_cache_params {
	struct vtr_log *log; /* may be NULL; must outlive the cache, like `loop` */
	struct vtr_os_loop *loop;
	const char *dir; /* copied */
	/* The most bytes of all files together. If they are larger, the workers that use them are killed, and the files
	 * are emptied. */
	uint64_t max_bytes;
};

/* A worker that uses a cache. Owner: the worker's. All members are the cache's. */
struct vtr_shader_cache_user {
	struct vtr_list node;
	struct vtr_shader_cache *cache; /* NULL: none */
	struct vtr_child *worker;
};

/**
 * Creates the folder, unless it exists, and its files.
 *
 * Owner:   *out_cache is the caller's.
 * Returns: VTR_ERR_OS, VTR_ERR_NOMEM; VTR_ERR_ARG: the folder belongs to another user, or others may write to it.
 */
VTR_MUST_CHECK enum vtr_err vtr_shader_cache_open(const struct vtr_shader_cache_params *params,
                                                  struct vtr_shader_cache **out_cache);

/* There must be no users. The folder and its files stay. Accepts NULL. */
void vtr_shader_cache_close(struct vtr_shader_cache *cache);

/* Returns: the folder's absolute path. Owner: the cache. Accepts NULL, which gives NULL. */
const char *vtr_shader_cache_dir(const struct vtr_shader_cache *cache);

/* A worker starts to use the cache. `cache` NULL: does nothing. */
void vtr_shader_cache_begin(struct vtr_shader_cache *cache, struct vtr_shader_cache_user *user,
                            struct vtr_child *worker);

/* The worker has ended, or is the caller's no longer. Does nothing without vtr_shader_cache_begin(). */
void vtr_shader_cache_end(struct vtr_shader_cache_user *user);

#endif
