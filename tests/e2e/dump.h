/* SPDX-License-Identifier: MIT */
#ifndef TESTS_E2E_DUMP_H
#define TESTS_E2E_DUMP_H

#include "vkclient.h"

/* The part of vk-dump that gen_dump.py writes. All of it prints through json.h. */

struct dump_format {
	int value;
	const char *name;
};
extern const struct dump_format dump_formats[];
extern const uint32_t dump_format_count;

/* One member for each struct that the protocol knows in the chain of the query. */
void dump_VkPhysicalDeviceFeatures2(struct vkc *c);
void dump_VkPhysicalDeviceProperties2(struct vkc *c);

void dump_VkPhysicalDeviceFeatures(const char *name, const VkPhysicalDeviceFeatures *s);
void dump_VkPhysicalDeviceProperties(const char *name, const VkPhysicalDeviceProperties *s);
void dump_VkQueueFamilyProperties(const char *name, const VkQueueFamilyProperties *s);

#endif
