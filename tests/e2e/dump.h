/* SPDX-License-Identifier: MIT */
#ifndef TESTS_E2E_DUMP_H
#define TESTS_E2E_DUMP_H

#include "base/json.h"
#include "vkclient.h"

/* What dump.c and the part of vk-dump that gen_dump.py writes share. */

/* Writes to stdout. Objects all the way down: each value has a name. */
extern struct vtr_json dump_json;
void dump_hex(const char *name, const uint8_t *bytes, uint32_t count);

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
