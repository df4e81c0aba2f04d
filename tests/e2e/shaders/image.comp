// SPDX-License-Identifier: MIT
#version 450

layout(local_size_x = 8, local_size_y = 8) in;
layout(set = 0, binding = 0, rgba8) uniform image2D picture;
layout(set = 0, binding = 1, r32ui) uniform uimage2D counts;

void main()
{
	ivec2 at = ivec2(gl_GlobalInvocationID.xy);
	if (any(greaterThanEqual(at, imageSize(picture)))) {
		return;
	}
	vec2 p = vec2(at) / vec2(imageSize(picture)) * 4.0 - 2.0;
	vec2 z = p;
	uint steps = 0;
	while (steps < 60 && dot(z, z) < 4.0) {
		z = vec2(z.x * z.x - z.y * z.y, 2.0 * z.x * z.y) + vec2(-0.7, 0.27);
		steps++;
	}
	imageStore(picture, at, vec4(float(steps) / 60.0, p * 0.25 + 0.5, 1.0));
	imageAtomicAdd(counts, ivec2(steps, 0), 1u);
}
