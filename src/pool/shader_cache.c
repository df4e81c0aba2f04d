/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "cache"
#include "pool/shader_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/child.h"
#include "platform/loop.h"
#include "vk/mesa_cache.h"

#define CHECK_NS INT64_C(1000000000)
#define BLOCK_BYTES 512 /* the unit of st_blocks, see stat(3) */

struct vtr_shader_cache {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_os_loop_timer *timer;
	uint64_t max_bytes;
	char *dir;
	int dir_fd;
	struct vtr_list users;
};

/* Creates a folder and those above it. */
static enum vtr_err make_dirs(const char *dir)
{
	char path[PATH_MAX];
	const size_t length = strlen(dir);

	if (length >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return VTR_ERR_OS;
	}
	memcpy(path, dir, length + 1);
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != '\0') {
			continue;
		}
		path[i] = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST) {
			return VTR_ERR_OS;
		}
		path[i] = dir[i];
	}
	return VTR_OK;
}

/* Opens the folder, if only its owner can have put something there. */
static enum vtr_err open_dir(struct vtr_shader_cache *cache, const char *dir)
{
	struct stat st;

	cache->dir = realpath(dir, NULL); /* workers may have another working directory */
	if (!cache->dir) {
		return VTR_ERR_OS;
	}
	cache->dir_fd = open(cache->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cache->dir_fd < 0 || fstat(cache->dir_fd, &st) < 0) {
		return VTR_ERR_OS;
	}
	return st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? VTR_OK : VTR_ERR_ARG;
}

static enum vtr_err create_files(const struct vtr_shader_cache *cache)
{
	for (const char *const *name = vtr_mesa_cache_dirs; *name; name++) {
		if (mkdirat(cache->dir_fd, *name, 0700) < 0 && errno != EEXIST) {
			return VTR_ERR_OS;
		}
	}
	for (const char *const *name = vtr_mesa_cache_files; *name; name++) {
		const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
		vtr_autofd int fd = openat(cache->dir_fd, *name, flags, 0600);
		if (fd < 0) {
			return VTR_ERR_OS;
		}
	}
	return VTR_OK;
}

static uint64_t size_of(const struct vtr_shader_cache *cache)
{
	uint64_t bytes = 0;
	struct stat st;

	for (const char *const *name = vtr_mesa_cache_files; *name; name++) {
		if (fstatat(cache->dir_fd, *name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			bytes += (uint64_t)st.st_blocks * BLOCK_BYTES;
		}
	}
	return bytes;
}

static void empty(const struct vtr_shader_cache *cache)
{
	for (const char *const *name = vtr_mesa_cache_files; *name; name++) {
		vtr_autofd int fd = openat(cache->dir_fd, *name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0) {
			vtr_warn(cache->log, "cannot empty %s/%s: %s. Remove it to free its space",
			         cache->dir, *name, strerror(errno));
		}
	}
}

static void check_size(struct vtr_shader_cache *cache)
{
	const struct vtr_shader_cache_user *user;

	if (size_of(cache) > cache->max_bytes) {
		vtr_error(cache->log,
		          "the shader cache %s is larger than %llu MiB, which no driver makes it: it is "
		          "emptied, "
		          "and the programs that use it lose their devices",
		          cache->dir, (unsigned long long)(cache->max_bytes >> 20));
		vtr_list_for_each (user, &cache->users, node) {
			vtr_child_kill(user->worker);
		}
		empty(cache);
	}
}

static void on_timer(void *data)
{
	struct vtr_shader_cache *cache = data;

	check_size(cache);
	if (!vtr_list_empty(&cache->users)) {
		vtr_os_loop_timer_set(cache->timer, CHECK_NS);
	}
}

enum vtr_err vtr_shader_cache_open(const struct vtr_shader_cache_params *params,
                                   struct vtr_shader_cache **out_cache)
{
	struct vtr_shader_cache *cache = calloc(1, sizeof(*cache));

	if (!cache) {
		return VTR_ERR_NOMEM;
	}
	cache->log = params->log;
	cache->loop = params->loop;
	cache->max_bytes = params->max_bytes;
	cache->dir_fd = -1;
	vtr_list_init(&cache->users);
	enum vtr_err err = make_dirs(params->dir);
	if (err == VTR_OK) {
		err = open_dir(cache, params->dir);
	}
	if (err == VTR_OK) {
		err = create_files(cache);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(cache->loop, on_timer, cache, &cache->timer);
	}
	if (err != VTR_OK) {
		vtr_shader_cache_close(cache);
		return err;
	}
	*out_cache = cache;
	return VTR_OK;
}

void vtr_shader_cache_close(struct vtr_shader_cache *cache)
{
	if (!cache) {
		return;
	}
	int saved_errno = errno;
	vtr_assert(vtr_list_empty(&cache->users));
	if (cache->timer) {
		check_size(cache); /* the workers may have written since the last check */
	}
	vtr_os_loop_timer_destroy(cache->timer);
	vtr_close(&cache->dir_fd);
	free(cache->dir);
	free(cache);
	errno = saved_errno;
}

const char *vtr_shader_cache_dir(const struct vtr_shader_cache *cache)
{
	return cache ? cache->dir : NULL;
}

void vtr_shader_cache_begin(struct vtr_shader_cache *cache, struct vtr_shader_cache_user *user,
                            struct vtr_child *worker)
{
	if (!cache) {
		return;
	}
	if (vtr_list_empty(&cache->users)) {
		vtr_os_loop_timer_set(cache->timer, CHECK_NS);
	}
	*user = (struct vtr_shader_cache_user){ .cache = cache, .worker = worker };
	vtr_list_append(&cache->users, &user->node);
}

void vtr_shader_cache_end(struct vtr_shader_cache_user *user)
{
	struct vtr_shader_cache *cache = user->cache;

	if (!cache) {
		return;
	}
	user->cache = NULL;
	vtr_list_remove(&user->node);
	if (vtr_list_empty(&cache->users)) {
		vtr_os_loop_timer_set(cache->timer, 0);
	}
}
