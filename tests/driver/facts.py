# SPDX-License-Identifier: MIT
"""What the test driver says about its device, by the name of the member: C text. Members that are not here are zero."""

# Listed in the registry and not offered: what the driver cannot do even for show (memory of other processes,
# instance extensions, what needs surfaces), and the guest's own.
NO_EXTENSIONS = '''VK_EXT_command_serialization VK_MESA_venus_protocol VK_EXT_external_memory_dma_buf
VK_EXT_image_drm_format_modifier VK_EXT_queue_family_foreign VK_KHR_external_semaphore_fd VK_KHR_external_fence_fd
VK_EXT_external_memory_acquire_unmodified VK_KHR_acceleration_structure VK_KHR_ray_tracing_pipeline VK_KHR_ray_query
VK_KHR_ray_tracing_maintenance1 VK_KHR_ray_tracing_position_fetch VK_EXT_pipeline_library_group_handles
VK_EXT_descriptor_heap VK_KHR_cooperative_matrix VK_KHR_fragment_shading_rate VK_EXT_calibrated_timestamps
VK_KHR_calibrated_timestamps VK_EXT_sample_locations VK_EXT_memory_budget
VK_EXT_multisampled_render_to_single_sampled'''.split()
INSTANCE_EXTENSIONS = '''VK_KHR_get_physical_device_properties2 VK_KHR_device_group_creation
VK_KHR_external_memory_capabilities VK_KHR_external_semaphore_capabilities
VK_KHR_external_fence_capabilities'''.split()
# Unknown to guests.
HOST_EXTENSIONS = ['VK_EXT_external_memory_host', 'VK_KHR_portability_subset']

# Structs of features that stay zero, as their extensions are not offered.
NO_FEATURE_STRUCTS = '''AccelerationStructure RayTracing RayQuery DescriptorHeap CooperativeMatrix
FragmentShadingRateF MultisampledRenderToSingleSampled ProtectedMemory PipelineLibraryGroupHandles'''.split()
# All other features are there but these.
NO_FEATURES = '''sparseBinding sparseResidencyBuffer sparseResidencyImage2D sparseResidencyImage3D
sparseResidency2Samples sparseResidency4Samples sparseResidency8Samples sparseResidency16Samples
sparseResidencyAliased protectedMemory pipelineProtectedAccess bufferDeviceAddressCaptureReplay
bufferDeviceAddressMultiDevice shaderResourceResidency sparseImageInt64Atomics sparseImageFloat32Atomics
sparseImageFloat32AtomicAdd sparseImageFloat32AtomicMinMax'''.split()
# What a layer over another system's graphics tends to lack (VK_KHR_portability_subset).
NO_PORTABILITY = 'pointPolygons tessellationIsolines triangleFans imageView2DOn3DImage'.split()

SAMPLES = '0xf'   # 1, 2, 4, 8
LARGE = '1u << 20'

LIMITS = {
    'maxImageDimension1D': '16384', 'maxImageDimension2D': '16384', 'maxImageDimension3D': '2048',
    'maxImageDimensionCube': '16384', 'maxImageArrayLayers': '2048', 'maxTexelBufferElements': '1u << 27',
    'maxUniformBufferRange': '65536', 'maxStorageBufferRange': '1u << 30', 'maxPushConstantsSize': '256',
    'maxMemoryAllocationCount': 'UINT32_MAX', 'maxSamplerAllocationCount': '1u << 20',
    'bufferImageGranularity': '1', 'maxBoundDescriptorSets': '32', 'maxPerStageResources': LARGE,
    'maxVertexInputAttributes': '32', 'maxVertexInputBindings': '32', 'maxVertexInputAttributeOffset': '2047',
    'maxVertexInputBindingStride': '2048', 'maxVertexOutputComponents': '128',
    'maxTessellationGenerationLevel': '64', 'maxTessellationPatchSize': '32',
    'maxTessellationControlPerVertexInputComponents': '128', 'maxTessellationControlPerVertexOutputComponents': '128',
    'maxTessellationControlPerPatchOutputComponents': '120', 'maxTessellationControlTotalOutputComponents': '4096',
    'maxTessellationEvaluationInputComponents': '128', 'maxTessellationEvaluationOutputComponents': '128',
    'maxGeometryShaderInvocations': '32', 'maxGeometryInputComponents': '128', 'maxGeometryOutputComponents': '128',
    'maxGeometryOutputVertices': '256', 'maxGeometryTotalOutputComponents': '1024',
    'maxFragmentInputComponents': '128', 'maxFragmentOutputAttachments': '8', 'maxFragmentDualSrcAttachments': '1',
    'maxFragmentCombinedOutputResources': '16', 'maxComputeSharedMemorySize': '32768',
    'maxComputeWorkGroupCount': '{65535, 65535, 65535}', 'maxComputeWorkGroupInvocations': '1024',
    'maxComputeWorkGroupSize': '{1024, 1024, 64}', 'subPixelPrecisionBits': '8', 'subTexelPrecisionBits': '8',
    'mipmapPrecisionBits': '8', 'maxDrawIndexedIndexValue': 'UINT32_MAX', 'maxDrawIndirectCount': 'UINT32_MAX',
    'maxSamplerLodBias': '16.0f', 'maxSamplerAnisotropy': '16.0f', 'maxViewports': '16',
    'maxViewportDimensions': '{16384, 16384}', 'viewportBoundsRange': '{-32768.0f, 32767.0f}',
    'minMemoryMapAlignment': '4096', 'minTexelBufferOffsetAlignment': '16', 'minUniformBufferOffsetAlignment': '64',
    'minStorageBufferOffsetAlignment': '16', 'minTexelOffset': '-8', 'maxTexelOffset': '7',
    'minTexelGatherOffset': '-32', 'maxTexelGatherOffset': '31', 'minInterpolationOffset': '-0.5f',
    'maxInterpolationOffset': '0.4375f', 'subPixelInterpolationOffsetBits': '4', 'maxFramebufferWidth': '16384',
    'maxFramebufferHeight': '16384', 'maxFramebufferLayers': '2048', 'maxColorAttachments': '8',
    'maxSampleMaskWords': '1', 'timestampComputeAndGraphics': 'VK_TRUE', 'timestampPeriod': '1.0f',
    'maxClipDistances': '8', 'maxCullDistances': '8', 'maxCombinedClipAndCullDistances': '8',
    'discreteQueuePriorities': '2', 'pointSizeRange': '{1.0f, 255.0f}', 'lineWidthRange': '{1.0f, 255.0f}',
    'pointSizeGranularity': '0.125f', 'lineWidthGranularity': '0.125f', 'standardSampleLocations': 'VK_TRUE',
    'optimalBufferCopyOffsetAlignment': '1', 'optimalBufferCopyRowPitchAlignment': '1', 'nonCoherentAtomSize': '64',
}

PROPERTIES = {
    # who it is
    'driverID': 'VTD_DRIVER_ID', 'driverName': '"vitrine test driver"', 'driverInfo': '"does nothing"',
    'conformanceVersion': '{1, 4, 0, 0}',
    'deviceUUID': '{0x76, 0x74, 0x64, 1}', 'driverUUID': '{0x76, 0x74, 0x64, 2}', 'deviceNodeMask': '1',
    # what is measured in descriptors or bytes
    'maxPerSetDescriptors': LARGE, 'maxMemoryAllocationSize': 'VTD_HEAP_SIZE', 'maxBufferSize': 'VTD_HEAP_SIZE',
    'maxPerStageUpdateAfterBindResources': LARGE, 'maxUpdateAfterBindDescriptorsInAllPools': LARGE,
    'maxInlineUniformBlockSize': '256', 'maxInlineUniformTotalSize': '256', 'maxPushDescriptors': '32',
    'maxPerStageDescriptorInlineUniformBlocks': '16', 'maxDescriptorSetInlineUniformBlocks': '16',
    'maxPerStageDescriptorUpdateAfterBindInlineUniformBlocks': '16',
    'maxDescriptorSetUpdateAfterBindInlineUniformBlocks': '16',
    'minImportedHostPointerAlignment': '4096', 'maxTimelineSemaphoreValueDifference': 'UINT64_MAX / 2',
    'robustStorageBufferAccessSizeAlignment': '4', 'robustUniformBufferAccessSizeAlignment': '16',
    'storageTexelBufferOffsetAlignmentBytes': '16', 'uniformTexelBufferOffsetAlignmentBytes': '16',
    'storageTexelBufferOffsetSingleTexelAlignment': 'VK_TRUE',
    'uniformTexelBufferOffsetSingleTexelAlignment': 'VK_TRUE',
    # shaders
    'subgroupSize': '32', 'minSubgroupSize': '32', 'maxSubgroupSize': '32', 'maxComputeWorkgroupSubgroups': '32',
    'supportedStages': 'VK_SHADER_STAGE_ALL', 'subgroupSupportedStages': 'VK_SHADER_STAGE_ALL',
    'requiredSubgroupSizeStages': 'VK_SHADER_STAGE_ALL', 'supportedOperations': '0xff',
    'subgroupSupportedOperations': '0xff', 'quadOperationsInAllStages': 'VK_TRUE',
    'subgroupQuadOperationsInAllStages': 'VK_TRUE',
    # drawing
    'maxMultiviewViewCount': '16', 'maxMultiviewInstanceIndex': '1u << 27', 'maxMultiDrawCount': '2048',
    'pointClippingBehavior': 'VK_POINT_CLIPPING_BEHAVIOR_ALL_CLIP_PLANES', 'maxVertexAttribDivisor': '65535',
    'supportsNonZeroFirstInstance': 'VK_TRUE', 'lineSubPixelPrecisionBits': '8',
    'supportedDepthResolveModes': '1', 'supportedStencilResolveModes': '1', 'independentResolve': 'VK_TRUE',
    'independentResolveNone': 'VK_TRUE', 'filterMinmaxSingleComponentFormats': 'VK_TRUE',
    'maxCombinedImageSamplerDescriptorCount': '3', 'maxCustomBorderColorSamplers': '4096',
    'maxCommandBufferNestingLevel': '4', 'identicalMemoryTypeRequirements': 'VK_TRUE',
    'graphicsPipelineLibraryFastLinking': 'VK_TRUE', 'provokingVertexModePerPipeline': 'VK_TRUE',
    'dynamicPrimitiveTopologyUnrestricted': 'VK_TRUE', 'advancedBlendMaxColorAttachments': '8',
    'maxTransformFeedbackStreams': '4', 'maxTransformFeedbackBuffers': '4', 'transformFeedbackDraw': 'VK_TRUE',
    'maxTransformFeedbackBufferSize': '1u << 30', 'maxTransformFeedbackStreamDataSize': '512',
    'maxTransformFeedbackBufferDataSize': '512', 'maxTransformFeedbackBufferDataStride': '512',
    'transformFeedbackQueries': 'VK_TRUE',
    # mesh shaders
    'maxTaskWorkGroupTotalCount': '1u << 22', 'maxTaskWorkGroupCount': '{65535, 65535, 65535}',
    'maxTaskWorkGroupInvocations': '128', 'maxTaskWorkGroupSize': '{128, 128, 128}', 'maxTaskPayloadSize': '16384',
    'maxTaskSharedMemorySize': '32768', 'maxTaskPayloadAndSharedMemorySize': '32768',
    'maxMeshWorkGroupTotalCount': '1u << 22', 'maxMeshWorkGroupCount': '{65535, 65535, 65535}',
    'maxMeshWorkGroupInvocations': '128', 'maxMeshWorkGroupSize': '{128, 128, 128}',
    'maxMeshSharedMemorySize': '28672', 'maxMeshPayloadAndSharedMemorySize': '28672',
    'maxMeshOutputMemorySize': '32768', 'maxMeshPayloadAndOutputMemorySize': '48128', 'maxMeshOutputComponents': '128',
    'maxMeshOutputVertices': '256', 'maxMeshOutputPrimitives': '256', 'maxMeshOutputLayers': '8',
    'maxMeshMultiviewViewCount': '1', 'meshOutputPerVertexGranularity': '32',
    'meshOutputPerPrimitiveGranularity': '32', 'maxPreferredTaskWorkGroupInvocations': '32',
    'maxPreferredMeshWorkGroupInvocations': '32',
}


def limit(name):
    """The C text of a limit, or None."""
    if name.endswith('SampleCounts'):
        return SAMPLES
    if name.startswith(('maxPerStageDescriptor', 'maxDescriptorSet')) and 'Inline' not in name:
        return '64' if 'Dynamic' in name or 'InputAttachment' in name else LARGE
    return LIMITS.get(name)


def value(name):
    """The C text of a member of any struct of properties, or None."""
    return PROPERTIES.get(name) or limit(name)
