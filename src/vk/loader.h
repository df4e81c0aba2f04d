/* SPDX-License-Identifier: MIT */
#ifndef VK_LOADER_H
#define VK_LOADER_H

#include <stdbool.h>

#include "base/err.h"
#include "vk_gen.h"
#include "wire_gen.h"

struct vtr_log;

/* The host's Vulkan loader. One for each process, opened on first use, never closed (drivers leave threads
 * behind). */
struct vtr_loader {
	PFN_vkGetInstanceProcAddr get;
	PFN_vkCreateInstance create_instance;
	PFN_vkEnumerateInstanceExtensionProperties enumerate_extensions;
	uint32_t version; /* the loader's own, at least 1.1; see VTR_VK_VERSION */
};

/* The API version that instances ask for, independent of the loader's. A driver offers the core names of
 * commands up to this version, and Vulkan 1.1 and newer accept any. Debian 12's loader is 1.3 and works with
 * 1.4 drivers. */
#define VTR_VK_VERSION VTW_XML_VERSION

/* Owner: the process. Returns: VTR_ERR_UNSUPPORTED (logged). Any thread. */
VTR_MUST_CHECK enum vtr_err vtr_loader_get(struct vtr_log *log, struct vtr_loader **out_loader);

/* Returns: whether the loader's drivers offer this instance extension. */
bool vtr_loader_has_extension(const struct vtr_loader *loader, const char *name);

#endif
