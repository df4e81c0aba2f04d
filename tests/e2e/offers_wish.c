/* SPDX-License-Identifier: MIT */
#include "offers.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const float priorities[OFFERS_MAX_QUEUES] = { 0 };

/* --- what the device offers -------------------------------------------------------------------------- */

static uint32_t minor_version(const struct offers *o)
{
	return VK_API_VERSION_MINOR(o->c.props.apiVersion);
}

VkBool32 *offers_bit_of(void *s, const struct offers_bit *bit)
{
	return (VkBool32 *)(void *)((char *)s + bit->offset);
}

bool offers_has_aggregate(const struct offers *o, uint32_t aggregate)
{
	return minor_version(o) >= (aggregate < 2 ? 2 : aggregate); /* 1.2 brought the first one, too */
}

const char *offers_extension_of(const struct offers *o, const struct offers_struct *s)
{
	for (const char *const *name = s->extensions; *name; name++) {
		if (vkc_has_extension(&o->c, *name)) {
			return *name;
		}
	}
	return NULL;
}

bool offers_can_enable(const struct offers *o, const struct offers_struct *s)
{
	return s->aggregate || offers_extension_of(o, s) || (s->core && minor_version(o) >= s->core);
}

/* --- wishes ------------------------------------------------------------------------------------------ */

struct wish wish_new(void)
{
	return (struct wish){ .features.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2 };
}

void wish_free(struct wish *w)
{
	while (w->features.pNext) {
		struct link *link = w->features.pNext;
		w->features.pNext = link->next;
		free(link);
	}
}

static void add_name(struct wish *w, const char *name)
{
	for (uint32_t i = 0; i < w->name_count; i++) {
		if (!strcmp(w->names[i], name)) {
			return;
		}
	}
	w->names[w->name_count++] = name;
}

static const char *const *needs_of(const char *name)
{
	static const char *const none[] = { NULL };
	for (uint32_t i = 0; i < offers_needs_count; i++) {
		if (!strcmp(offers_needs[i].name, name)) {
			return offers_needs[i].needs;
		}
	}
	return none;
}

void wish_add_extension(const struct offers *o, struct wish *w, const char *name)
{
	for (const char *const *need = needs_of(name); *need; need++) {
		if (vkc_has_extension(&o->c, *need)) {
			add_name(w, *need);
		}
	}
	add_name(w, name);
}

void *wish_add_struct(const struct offers *o, struct wish *w, uint32_t i, bool all_bits)
{
	const struct offers_struct *s = &offers_structs[i];
	struct link *link = vkc_alloc(1, s->size);
	if (all_bits) {
		memcpy(link, o->structs[i], s->size);
	}
	link->type = s->type;
	link->next = w->features.pNext;
	w->features.pNext = link;
	return link;
}

void wish_add_family(struct wish *w, uint32_t family, uint32_t count)
{
	if (count > OFFERS_MAX_QUEUES) {
		vkc_fail("queue family %u has %u queues", family, count);
	}
	w->queues[w->queue_count++] = (VkDeviceQueueCreateInfo){
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = family,
		.queueCount = count,
		.pQueuePriorities = priorities,
	};
}

void wish_add_families(const struct offers *o, struct wish *w)
{
	for (uint32_t i = 0; i < o->family_count; i++) {
		/* The usual one comes first: it is the one that gets the command pool. */
		uint32_t family = i == 0 ? o->family : i <= o->family ? i - 1 : i;
		wish_add_family(w, family, o->families[family].queueCount);
	}
}

void wish_add_everything(const struct offers *o, struct wish *w, bool aggregates)
{
	for (uint32_t i = 0; i < o->c.extension_count; i++) {
		/* Vulkan forbids it beside the newer way to have addresses. */
		if (strcmp(o->c.extensions[i].extensionName, "VK_EXT_buffer_device_address")) {
			add_name(w, o->c.extensions[i].extensionName);
		}
	}
	w->features.features = o->basic.features;
	for (uint32_t i = 0; i < offers_struct_count; i++) {
		const struct offers_struct *s = &offers_structs[i];
		if (!o->structs[i] || !offers_can_enable(o, s) || (s->aggregate && !aggregates) ||
		    s->type == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES_EXT) {
			continue;
		}
		/* Vulkan forbids a struct and the aggregate that has its bits in one chain. */
		if (!aggregates || s->aggregate || !s->core || !offers_has_aggregate(o, s->core)) {
			wish_add_struct(o, w, i, true);
		}
	}
}

/* Features that Vulkan allows beside another one only; `in` is that one's struct, NULL the same. */
static const struct {
	const char *name, *needs, *in;
} needed_bits[] = {
	{ "descriptorHeapCaptureReplay", "descriptorHeap", NULL },
	{ "multiviewGeometryShader", "multiview", NULL },
	{ "multiviewMeshShader", "multiview", "VkPhysicalDeviceMultiviewFeatures" },
	{ "multiviewTessellationShader", "multiview", NULL },
	{ "primitiveFragmentShadingRateMeshShader", "primitiveFragmentShadingRate",
	  "VkPhysicalDeviceFragmentShadingRateFeaturesKHR" },
	{ "rayTracingPipelineShaderGroupHandleCaptureReplayMixed",
	  "rayTracingPipelineShaderGroupHandleCaptureReplay", NULL },
	{ "sparseImageFloat32AtomicAdd", "shaderImageFloat32AtomicAdd", NULL },
	{ "sparseImageFloat32AtomicMinMax", "shaderImageFloat32AtomicMinMax", NULL },
	{ "sparseImageFloat32Atomics", "shaderImageFloat32Atomics", NULL },
	{ "sparseImageInt64Atomics", "shaderImageInt64Atomics", NULL },
	{ "variablePointers", "variablePointersStorageBuffer", NULL },
};

static uint32_t find_struct(const char *name)
{
	uint32_t i = 0;
	while (i < offers_struct_count && strcmp(offers_structs[i].name, name)) {
		i++;
	}
	if (i == offers_struct_count) {
		vkc_fail("the protocol does not know %s", name);
	}
	return i;
}

void wish_set_bit(const struct offers *o, struct wish *w, uint32_t i, void *s, const char *name)
{
	for (uint32_t b = 0; b < offers_structs[i].bit_count; b++) {
		if (!strcmp(offers_structs[i].bits[b].name, name)) {
			*offers_bit_of(s, &offers_structs[i].bits[b]) = VK_TRUE;
		}
	}
	for (size_t n = 0; n < COUNT(needed_bits); n++) {
		if (strcmp(name, needed_bits[n].name)) {
			continue;
		}
		if (!needed_bits[n].in) {
			wish_set_bit(o, w, i, s, needed_bits[n].needs);
		} else {
			uint32_t other = find_struct(needed_bits[n].in);
			wish_set_bit(o, w, other, wish_add_struct(o, w, other, false), needed_bits[n].needs);
		}
	}
	if (!strcmp(name, "robustBufferAccess2")) {
		w->features.features.robustBufferAccess = VK_TRUE;
	}
}
