/* SPDX-License-Identifier: MIT */
#include "venus/portability.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "venus/dispatch.h"
#include "venus/physical.h"

#define FEATURE(name) { #name, offsetof(VkPhysicalDevicePortabilitySubsetFeaturesKHR, name) }
static const struct {
	const char *name;
	size_t offset;
} features[] = {
	FEATURE(constantAlphaColorBlendFactors),
	FEATURE(events),
	FEATURE(imageViewFormatReinterpretation),
	FEATURE(imageViewFormatSwizzle),
	FEATURE(imageView2DOn3DImage),
	FEATURE(multisampleArrayImage),
	FEATURE(mutableComparisonSamplers),
	FEATURE(pointPolygons),
	FEATURE(samplerMipLodBias),
	FEATURE(separateStencilMaskRef),
	FEATURE(shaderSampleRateInterpolationFunctions),
	FEATURE(tessellationIsolines),
	FEATURE(tessellationPointMode),
	FEATURE(triangleFans),
	FEATURE(vertexAttributeAccessBeyondStride),
};

void vtr_portability_query(const struct vtr_physical *p,
                           VkPhysicalDevicePortabilitySubsetFeaturesKHR *out_features)
{
	VkPhysicalDeviceFeatures2 query = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		                            .pNext = out_features };

	*out_features = (VkPhysicalDevicePortabilitySubsetFeaturesKHR){
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PORTABILITY_SUBSET_FEATURES_KHR
	};
	p->procs->vkGetPhysicalDeviceFeatures2(p->handle, &query);
}

void vtr_portability_enable(const struct vtr_physical *p, VkDeviceCreateInfo *info,
                            VkPhysicalDevicePortabilitySubsetFeaturesKHR *own)
{
	if (p->has.portability) {
		vtr_portability_query(p, own);
		vtr_chain_push(info, own);
	}
}

void vtr_portability_lacks(const struct vtr_physical *p, char out_text[VTR_PORTABILITY_TEXT])
{
	VkPhysicalDevicePortabilitySubsetFeaturesKHR have;
	size_t used = 0;

	out_text[0] = '\0';
	if (!p->has.portability) {
		return;
	}
	vtr_portability_query(p, &have);
	for (size_t i = 0; i < VTR_ARRAY_LEN(features); i++) {
		VkBool32 value;

		memcpy(&value, (const char *)&have + features[i].offset, sizeof(value));
		if (!value && used < VTR_PORTABILITY_TEXT) {
			used += (size_t)snprintf(out_text + used, VTR_PORTABILITY_TEXT - used, "%s%s",
			                         used != 0 ? ", " : "", features[i].name);
		}
	}
}
