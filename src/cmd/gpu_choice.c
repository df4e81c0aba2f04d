/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "front"
#include "cmd/gpu_choice.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/child.h"
#include "cmd/gpu_list.h"
#include "cmd/workers.h"
#include "pool/prober.h"

static enum vtr_err list_gpus(const struct vtr_workers *workers, struct vtr_gpus *out_gpus)
{
	char fd_text[16];
	char answer[VTR_PROBER_ANSWER];
	const char *const argv[] = { workers->program, "worker", "--probe", "--list",
		                     "--config-fd",    fd_text,  NULL };
	vtr_autofd int config_fd = -1;

	snprintf(fd_text, sizeof(fd_text), "%d", VTR_CHILD_FD);
	enum vtr_err err = vtr_renderer_config_share(&workers->config, &config_fd);
	if (err == VTR_OK) {
		err = vtr_child_run((char *const *)argv, (const char *const *)workers->env.set, config_fd,
		                    answer, sizeof(answer));
	}
	if (err == VTR_OK) {
		vtr_gpus_read(answer, out_gpus);
	}
	return err;
}

static void explain(const char *command, const char *text, const struct vtr_gpus *gpus, size_t matches)
{
	if (gpus->count == 0) {
		fprintf(stderr,
		        "vitrine %s: --gpu '%s' names no device: this host has none. 'vitrine doctor' says "
		        "why\n",
		        command, text);
		return;
	}
	if (matches == 0) {
		fprintf(stderr,
		        "vitrine %s: --gpu '%s' names no device of this host. Give the index, the UUID or a "
		        "part of the name of one of these:\n",
		        command, text);
	} else {
		fprintf(stderr,
		        "vitrine %s: --gpu '%s' names %zu devices, and programs can have one or all. Give "
		        "the "
		        "index or the UUID of one of these:\n",
		        command, text, matches);
	}
	for (size_t i = 0; i < gpus->count; i++) {
		char uuid[VTR_GPU_UUID_TEXT];

		vtr_gpu_format_uuid(gpus->items[i].device_uuid, uuid);
		fprintf(stderr, "  %zu: %s, %s\n", i, uuid, gpus->items[i].name);
	}
}

enum vtr_err vtr_workers_choose_gpu(struct vtr_workers *workers, const char *command, const char *text,
                                    struct vtr_log *log)
{
	struct vtr_gpus gpus;
	size_t index;

	if (!text) {
		return VTR_OK;
	}
	enum vtr_err err = list_gpus(workers, &gpus);
	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine %s: cannot list the host's devices for --gpu: %s. 'vitrine doctor' examines "
		        "this host\n",
		        command,
		        err == VTR_ERR_GONE ? "a Vulkan driver has crashed or hangs" : vtr_err_text(err));
		return VTR_ERR_ARG;
	}
	const size_t matches = vtr_gpus_match(&gpus, text, &index);
	if (matches != 1) {
		explain(command, text, &gpus, matches);
		return VTR_ERR_ARG;
	}
	const struct vtr_gpu *gpu = &gpus.items[index];
	workers->config.one_device = 1;
	memcpy(workers->config.device_uuid, gpu->device_uuid, VTR_PROBE_CACHE_UUID);
	memcpy(workers->config.driver_uuid, gpu->driver_uuid, VTR_PROBE_CACHE_UUID);
	for (size_t i = 0; i < gpus.count; i++) {
		workers->has_gpu = workers->has_gpu || !gpus.items[i].is_cpu;
	}
	vtr_info(log, "programs get device %zu: %s", index, gpu->name);
	return VTR_OK;
}
