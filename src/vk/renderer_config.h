/* SPDX-License-Identifier: MIT */
#ifndef VK_RENDERER_CONFIG_H
#define VK_RENDERER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vk/probe_cache.h"

/*
 * The configuration of a process that loads the host's drivers. The command that starts such processes creates it once
 * and passes it to each of them unchanged, as constant shared memory. That needs no messages, so the starter never
 * waits.
 *
 * It contains only numbers and texts, without pointers and padding. Thread: the owner's.
 */

/* The most paths, and the most bytes of all paths. Paths beyond these limits are left out. */
#define VTR_RENDERER_CONFIG_MAX_PATHS 64
#define VTR_RENDERER_CONFIG_PATH_BYTES 16384
#define VTR_RENDERER_CONFIG_CALLS 16
#define VTR_RENDERER_CONFIG_CALL 32
/* The longest log filter, with its NUL. */
#define VTR_RENDERER_CONFIG_LOG 256

struct vtr_renderer_config {
	uint64_t max_memory; /* bytes of mappable memory that each client may hold; 0: half of the RAM */
	/* What all contexts of an identity together may have in the heaps of a device: bytes, and percents of those
	 * heaps. 0: no such limit. */
	uint64_t max_device_memory;
	uint32_t max_device_percent;
	uint32_t hang_timeout_s; /* after which a context ends that hangs in its driver; 0: never */
	/* The minimum alignment of imported memory, a power of two; 0: as the driver reports it. */
	uint32_t import_alignment;
	uint32_t handshake_timeout_ms; /* for a vtest client to create its context; 0: no limit */
	uint32_t reply_timeout_ms; /* for it to read pending replies before the next one; 0: no limit */
	/* The first two are flags, 0 or 1. They make the driver appear to lack the feature, for tests of such
	 * hosts. */
	uint8_t no_host_import;
	uint8_t no_export; /* as dma-buf or opaque fd */
	uint8_t sandbox; /* enum vtr_os_sandbox_mode */
	uint8_t hang_compute; /* 0 or 1: hang_timeout_s applies to queues without graphics, too */
	uint32_t readable_size; /* the used bytes of `readable` */
	uint8_t one_device; /* 0 or 1: programs get only the device with the UUIDs below */
	uint8_t no_image_import; /* 0 or 1, as no_host_import: imported memory is for buffers only */
	uint16_t zero;
	/* Both together name a device: two drivers may offer one GPU. */
	uint8_t device_uuid[VTR_PROBE_CACHE_UUID];
	uint8_t driver_uuid[VTR_PROBE_CACHE_UUID];
	struct vtr_probe_cache known; /* probed by another process with the same configuration */
	char log_filter[VTR_RENDERER_CONFIG_LOG]; /* empty: the default */
	/* The files and folders that the sandbox allows besides the system's, each with its NUL. */
	char readable[VTR_RENDERER_CONFIG_PATH_BYTES];
	/* The names of system calls that a driver makes though the sandbox refuses them. */
	char refused_calls[VTR_RENDERER_CONFIG_CALLS][VTR_RENDERER_CONFIG_CALL];
};

/* Sets the defaults. */
void vtr_renderer_config_init(struct vtr_renderer_config *config);

/* Returns: config->max_memory; its default if that is 0. */
uint64_t vtr_renderer_config_max_memory(const struct vtr_renderer_config *config);

/* Returns: the limit of device memory on a device whose heaps have so many bytes; UINT64_MAX: none. */
uint64_t vtr_renderer_config_device_memory(const struct vtr_renderer_config *config, uint64_t heap_bytes);

/* Returns: whether programs may get the device with these UUIDs. */
bool vtr_renderer_config_offers(const struct vtr_renderer_config *config,
                                const uint8_t device_uuid[VTR_PROBE_CACHE_UUID],
                                const uint8_t driver_uuid[VTR_PROBE_CACHE_UUID]);

/**
 * Checks all members. The command that creates it and each process that receives it call this.
 *
 * Returns: VTR_ERR_ARG, with the reason in *out_why (a literal).
 */
VTR_MUST_CHECK enum vtr_err vtr_renderer_config_check(const struct vtr_renderer_config *config,
                                                      const char **out_why);

/* Adds a path that the sandbox allows. Does nothing if it does not fit. */
void vtr_renderer_config_add_readable(struct vtr_renderer_config *config, const char *path);

/* Returns: the number of paths. out_paths is NULL-terminated and points into the config, which must have been
 *          checked. */
size_t vtr_renderer_config_readable(const struct vtr_renderer_config *config,
                                    const char *out_paths[VTR_RENDERER_CONFIG_MAX_PATHS + 1]);

/* Adds a system call that the sandbox refuses to a driver. Does nothing if it does not fit. */
void vtr_renderer_config_add_refused_call(struct vtr_renderer_config *config, const char *name);

/* Returns: whether the system call was added. */
bool vtr_renderer_config_has_refused_call(const struct vtr_renderer_config *config, const char *name);

/**
 * Copies the config to memory that another process can receive, and that no process can change.
 *
 * Owner:   *out_fd is the caller's.
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_renderer_config_share(const struct vtr_renderer_config *config, int *out_fd);

/**
 * Copies a shared config from `fd` (borrowed) and checks it.
 *
 * Returns: VTR_ERR_ARG (with the reason in *out_why), VTR_ERR_OS. After an error *out_config is undefined.
 */
VTR_MUST_CHECK enum vtr_err vtr_renderer_config_receive(int fd, struct vtr_renderer_config *out_config,
                                                        const char **out_why);

#endif
