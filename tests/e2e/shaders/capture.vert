// SPDX-License-Identifier: MIT
#version 450

layout(location = 0) in vec3 position;
layout(location = 1) in vec4 color;
layout(location = 0, xfb_buffer = 0, xfb_offset = 0, xfb_stride = 32) out vec4 out_color;
layout(location = 1, xfb_buffer = 0, xfb_offset = 16) out vec4 out_position;

void main()
{
	out_color = color * float(gl_InstanceIndex + 1);
	out_position = vec4(position * 2.0, 1.0);
	gl_Position = vec4(position, 1.0);
}
