/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_LOADER_H
#define TESTS_UNIT_FAKE_LOADER_H

#include <stdbool.h>

#include "vk_gen.h"

/*
 * Takes the place of vk/loader.c, so that a test does not depend on the host's loader, its layers and its drivers.
 * There is no driver until fake_loader_open(). Thread: the test's; the commands of an open driver: any.
 */

/* Loads the test driver (tests/driver/) anew, configured by these words. The path is the driver's file. */
void fake_loader_open(const char *path, const char *words);
/* Unloads it. Afterwards there is no driver. */
void fake_loader_close(void);

/* From now on new instances and devices get `command` in place of the driver's; NULL: the driver lacks it, by all of
 * its names. Lasts until the driver is unloaded. `name` is a literal. */
void fake_loader_replace(const char *name, PFN_vkVoidFunction command);
/* The driver's own command, for a replacement that passes a call on or needs another command. */
PFN_vkVoidFunction fake_loader_original(const char *name);

/* From now on the device offers an extension that the driver does not have, and the driver does not hear of it.
 * `name` is a literal. Replaces vkEnumerateDeviceExtensionProperties and vkCreateDevice. */
void fake_loader_offer(const char *name);
/* Whether the last device was created with this extension. Needs fake_loader_offer(), of any name. */
bool fake_loader_enabled(const char *name);
/* From now on the device exports memory as dma-bufs, too, which can be mapped. Replaces vkAllocateMemory, and the
 * commands that fake_loader_offer() replaces. */
void fake_loader_offer_dma_bufs(void);
/* From now on devices report these sizes of the handles of shader groups. Replaces vkGetPhysicalDeviceProperties2. */
void fake_loader_set_group_sizes(uint32_t handle, uint32_t capture, uint32_t alignment);

#define REPLACE(name, command) fake_loader_replace(#name, (PFN_vkVoidFunction)(command))
#define ORIGINAL(name) ((PFN_##name)fake_loader_original(#name))

#endif
