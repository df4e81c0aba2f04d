// SPDX-License-Identifier: MIT
#version 450

layout(set = 0, binding = 0) uniform sampler2DArray tiles;

layout(location = 0) in vec3 texcoord;
layout(location = 1) in float light;
layout(location = 0) out vec4 color;

void main()
{
	color = vec4(texture(tiles, texcoord).rgb * light, 1.0);
}
