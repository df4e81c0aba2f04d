/* SPDX-License-Identifier: MIT */
#ifndef POOL_SPAWN_H
#define POOL_SPAWN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Starts worker processes with the same parameters.
 *
 * Thread: the owner's, which must not end before the workers.
 */
struct vtr_child;
struct vtr_renderer_config;
struct vtr_shader_cache;
struct vtr_zygote;

/* The time that a worker has to end after its client or context has gone, and when this process ends. By itself it
 * takes less, see worker/watch.h. */
#define VTR_WORKER_LEAVE_MS 5000
#define VTR_WORKER_FINISH_MS 2000

/* What all workers of an owner have in common. Owner: what it points to is borrowed, and outlives its users. */
struct vtr_spawner {
	const char *program; /* the worker's program */
	const char *const *env; /* NAME=VALUE to add, NULL at the end; may be NULL */
	const struct vtr_renderer_config *config; /* read at each start */
	struct vtr_shader_cache *cache; /* NULL: none */
	struct vtr_zygote *zygote; /* what workers are forked from; NULL: each is started as a program */
};

/* One worker. Owner: everything is borrowed for the duration of the call. */
struct vtr_spawn_worker {
	uint32_t number; /* for the log */
	int client_fd; /* the connection that it serves; -1: it serves a VM's context */
	int memory_fd; /* see pool/memory_share.h; -1: it shares no memory */
	size_t memory_index;
	const char *cache_dir; /* the folder of its shader cache; NULL: it has none */
};

/**
 * Starts a worker as the process of `child`, which must have a control socket and no process. The spawner outlives the
 * child.
 *
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_spawner_start(const struct vtr_spawner *spawner,
                                              const struct vtr_spawn_worker *worker, struct vtr_child *child);

#endif
