// SPDX-License-Identifier: MIT
#version 450

layout(location = 0) in float height;
layout(location = 0) out vec4 color;

void main()
{
	color = vec4(mix(vec3(0.09, 0.11, 0.17), vec3(0.30, 0.36, 0.46), 0.5 + 0.5 * height), 1.0);
}
