// SPDX-License-Identifier: MIT
// Writes two attachments of different formats.
#version 450

layout(location = 0) in vec4 color;
layout(location = 0) out vec4 out_color;
layout(location = 1) out uvec4 out_number;

void main()
{
	out_color = color;
	out_number = uvec4(gl_FragCoord.xy, 1000.0 * color.r, 7u);
}
