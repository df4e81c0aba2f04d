/* SPDX-License-Identifier: MIT */
#ifndef VK_LOADER_H
#define VK_LOADER_H

#include <stdbool.h>

#include "base/err.h"
#include "vk_gen.h"

struct vtr_log;

/* The host's Vulkan loader. One a process, opened on first use, never closed (drivers leave threads). */
struct vtr_loader {
	PFN_vkGetInstanceProcAddr get;
	PFN_vkCreateInstance create_instance;
	PFN_vkEnumerateInstanceExtensionProperties enumerate_extensions;
	uint32_t version; /* capped to what the protocol knows */
};

/* Owner: the process. Returns: VTR_ERR_UNSUPPORTED (logged). Any thread. */
VTR_MUST_CHECK enum vtr_err vtr_loader_get(struct vtr_log *log, struct vtr_loader **out_loader);

/* Whether the loader's drivers offer this instance extension. */
bool vtr_loader_has_extension(const struct vtr_loader *loader, const char *name);

#endif
