// SPDX-License-Identifier: MIT
#version 450

layout(set = 0, binding = 0) uniform sampler2D image;
layout(push_constant) uniform Push { vec4 place; } push; // xy: offset, z: scale, w: level, or below 0
layout(location = 0) in vec2 uv;
layout(location = 0) out vec4 color;

void main()
{
	vec2 at = uv * push.place.z + push.place.xy;
	color = push.place.w < 0.0 ? texture(image, at) : textureLod(image, at, push.place.w);
}
