/* SPDX-License-Identifier: MIT */
#include "vk/renderer_config.h"

#include <stdio.h>
#include <string.h>

#include "platform/proc.h"
#include "platform/shm.h"

/* Another process reads all bytes, so none may be padding. */
_Static_assert(sizeof(struct vtr_probed_device) == 112, "padding");
_Static_assert(sizeof(struct vtr_probe_cache) == 8 + VTR_PROBE_CACHE_MAX_DEVICES * 112, "padding");
_Static_assert(sizeof(struct vtr_renderer_config) ==
                       80 + sizeof(struct vtr_probe_cache) + VTR_RENDERER_CONFIG_LOG +
                               VTR_RENDERER_CONFIG_PATH_BYTES +
                               VTR_RENDERER_CONFIG_CALLS * VTR_RENDERER_CONFIG_CALL,
               "padding");

#define DEFAULT_TIMEOUT_MS 10000
/* Far longer than any limit that a kernel's driver sets for a batch (amdgpu: 10 s, 60 s for computing), and three times
 * a dispatch of ten minutes, which is legal on any queue of a driver without such limits. */
#define DEFAULT_HANG_TIMEOUT_S 1800
/* A day. Beyond that a limit is of no use, and nanoseconds still fit. */
#define MAX_HANG_TIMEOUT_S 86400

void vtr_renderer_config_init(struct vtr_renderer_config *config)
{
	*config = (struct vtr_renderer_config){
		.handshake_timeout_ms = DEFAULT_TIMEOUT_MS,
		.reply_timeout_ms = DEFAULT_TIMEOUT_MS,
		.hang_timeout_s = DEFAULT_HANG_TIMEOUT_S,
	};
}

uint64_t vtr_renderer_config_max_memory(const struct vtr_renderer_config *config)
{
	return config->max_memory != 0 ? config->max_memory : vtr_os_ram_size() / 2;
}

uint64_t vtr_renderer_config_device_memory(const struct vtr_renderer_config *config, uint64_t heap_bytes)
{
	if (config->max_device_percent != 0) {
		return heap_bytes / 100 * config->max_device_percent;
	}
	return config->max_device_memory != 0 ? config->max_device_memory : UINT64_MAX;
}

bool vtr_renderer_config_offers(const struct vtr_renderer_config *config,
                                const uint8_t device_uuid[VTR_PROBE_CACHE_UUID],
                                const uint8_t driver_uuid[VTR_PROBE_CACHE_UUID])
{
	return !config->one_device || (memcmp(config->device_uuid, device_uuid, VTR_PROBE_CACHE_UUID) == 0 &&
	                               memcmp(config->driver_uuid, driver_uuid, VTR_PROBE_CACHE_UUID) == 0);
}

static size_t count_readable(const struct vtr_renderer_config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->readable_size; i++) {
		count += config->readable[i] == '\0';
	}
	return count;
}

/* Returns: the reason why the config is invalid, or NULL. */
static const char *find_problem(const struct vtr_renderer_config *config)
{
	const uint32_t size = config->readable_size;

	if ((config->import_alignment & (config->import_alignment - 1)) != 0) {
		return "test:import-alignment has a wrong value: it must be a power of two, for instance "
		       "16384";
	}
	if (config->no_host_import > 1 || config->no_export > 1 || config->sandbox > VTR_OS_SANDBOX_REQUIRE ||
	    config->one_device > 1 || config->no_image_import > 1 || config->hang_compute > 1 ||
	    config->zero != 0) {
		return "a flag or the mode of the sandbox has an unknown value";
	}
	if (config->hang_timeout_s > MAX_HANG_TIMEOUT_S) {
		return "hang-timeout has a wrong value: it must be off, or a number of seconds up to 86400";
	}
	if (config->max_device_percent > 100) {
		return "the limit of device memory has a wrong value: it must be a size, or at most 100%";
	}
	if (!vtr_probe_cache_is_valid(&config->known)) {
		return "the results of the prober are not valid";
	}
	if (!memchr(config->log_filter, '\0', sizeof(config->log_filter))) {
		return "the log filter is not terminated";
	}
	if (size > sizeof(config->readable) || (size > 0 && config->readable[size - 1] != '\0') ||
	    count_readable(config) > VTR_RENDERER_CONFIG_MAX_PATHS) {
		return "the list of readable paths is not terminated";
	}
	for (size_t i = 0; i < VTR_RENDERER_CONFIG_CALLS; i++) {
		if (config->refused_calls[i][VTR_RENDERER_CONFIG_CALL - 1] != '\0') {
			return "the name of a system call is not terminated";
		}
	}
	return NULL;
}

enum vtr_err vtr_renderer_config_check(const struct vtr_renderer_config *config, const char **out_why)
{
	const char *why = find_problem(config);

	if (why) {
		*out_why = why;
		return VTR_ERR_ARG;
	}
	return VTR_OK;
}

void vtr_renderer_config_add_readable(struct vtr_renderer_config *config, const char *path)
{
	const size_t size = strlen(path) + 1;

	if (size == 1 || size > sizeof(config->readable) - config->readable_size ||
	    count_readable(config) == VTR_RENDERER_CONFIG_MAX_PATHS) {
		return;
	}
	memcpy(config->readable + config->readable_size, path, size);
	config->readable_size += (uint32_t)size;
}

void vtr_renderer_config_add_refused_call(struct vtr_renderer_config *config, const char *name)
{
	for (size_t i = 0; i < VTR_RENDERER_CONFIG_CALLS && strlen(name) < VTR_RENDERER_CONFIG_CALL; i++) {
		char *text = config->refused_calls[i];

		if (text[0] == '\0') {
			snprintf(text, VTR_RENDERER_CONFIG_CALL, "%s", name);
			return;
		}
	}
}

bool vtr_renderer_config_has_refused_call(const struct vtr_renderer_config *config, const char *name)
{
	for (size_t i = 0; i < VTR_RENDERER_CONFIG_CALLS; i++) {
		if (config->refused_calls[i][0] != '\0' && strcmp(config->refused_calls[i], name) == 0) {
			return true;
		}
	}
	return false;
}

size_t vtr_renderer_config_readable(const struct vtr_renderer_config *config,
                                    const char *out_paths[VTR_RENDERER_CONFIG_MAX_PATHS + 1])
{
	size_t count = 0;

	for (uint32_t at = 0; at < config->readable_size; at += (uint32_t)strlen(config->readable + at) + 1) {
		out_paths[count++] = config->readable + at;
	}
	out_paths[count] = NULL;
	return count;
}

enum vtr_err vtr_renderer_config_share(const struct vtr_renderer_config *config, int *out_fd)
{
	return vtr_os_shm_create_constant("vitrine-config", config, sizeof(*config), out_fd);
}

enum vtr_err vtr_renderer_config_receive(int fd, struct vtr_renderer_config *out_config, const char **out_why)
{
	enum vtr_err err = vtr_os_shm_read(fd, out_config, sizeof(*out_config));

	if (err == VTR_ERR_ARG) {
		*out_why = "it was written by another version of vitrine";
	}
	return err == VTR_OK ? vtr_renderer_config_check(out_config, out_why) : err;
}
