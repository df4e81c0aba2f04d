/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_CONTAINER_ROOT_H
#define PLATFORM_CONTAINER_ROOT_H

#include <stddef.h>

#include "base/err.h"

/*
 * The folder that is about to become the root of a container. A stranger has made what is in it. All paths here begin
 * at that root: links are followed as the container would follow them, and never lead out of it, nor to another mount.
 *
 * Thread: the only one of its process.
 */

/* Gives this process mounts of its own, which no other process sees, and opens the folder. Returns: VTR_ERR_OS;
 * VTR_ERR_UNSUPPORTED (this system has no containers). */
VTR_MUST_CHECK enum vtr_err vtr_os_root_open(const char *path, int *out_fd);

/**
 * Reads the beginning of a plain file, at most `max` bytes. Anything else, for instance a device, is not opened.
 *
 * Owner:   *out_data is the caller's, who frees it.
 * Returns: VTR_ERR_GONE (no such file), VTR_ERR_INVALID (no plain file, or a link leads out of the root),
 *          VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_root_read(int root_fd, const char *path, size_t max, char **out_data,
                                             size_t *out_size);

/* Replaces the file `name` in the folder, which is made if it is missing and its parent exists, in one step. A link of
 * this name is replaced, too. Returns: VTR_ERR_INVALID (a link leads out of the root), VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_root_replace(int root_fd, const char *folder, const char *name,
                                                const char *data, size_t size);

/**
 * Makes this process see nothing but the root, without other mounts such as /proc, and without a way to write to it.
 * Two mounts are added: the host's folder `tree` at `place`, which must be a folder of the root, read-only; and an
 * empty folder in memory at `scratch`, a folder of that tree. Programs that this process starts have no capabilities,
 * see no other processes, and have no network; the first of them takes all others with it when it ends.
 * Cannot be undone; fds stay what they are, so `root_fd` can still be written to.
 *
 * Owner:   *out_scratch_fd is the caller's.
 * Returns: VTR_ERR_OS: this process is then of no use. VTR_ERR_INVALID: `place` is none.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_root_enter(int root_fd, const char *tree, const char *place,
                                              const char *scratch, int *out_scratch_fd);

#endif
