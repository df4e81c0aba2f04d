// SPDX-License-Identifier: MIT
#version 450

layout(input_attachment_index = 0, set = 0, binding = 0) uniform subpassInput before;
layout(location = 0) in vec2 uv;
layout(location = 0) out vec4 color;

void main()
{
	color = vec4(1.0) - subpassLoad(before).bgra * vec4(uv, 1.0, 0.0);
}
