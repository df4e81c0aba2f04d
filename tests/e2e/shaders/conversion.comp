// SPDX-License-Identifier: MIT
// Samples a texture with explicit coordinates: what a sampler's modes do shows in numbers.
#version 450

layout(local_size_x = 64) in;
layout(set = 0, binding = 0) uniform sampler2D image;
layout(set = 0, binding = 1) buffer To { vec4 to[]; };

void main()
{
	uint i = gl_GlobalInvocationID.x;
	to[i] = textureLod(image, vec2(float(i) / 16.0 - 1.5, float(i % 7u) / 3.0 - 0.7), 0.0);
}
