// SPDX-License-Identifier: MIT
#version 450

layout(vertices = 3) out;
layout(location = 0) in vec4 color[];
layout(location = 0) out vec4 out_color[];

void main()
{
	gl_TessLevelInner[0] = 5.0;
	gl_TessLevelOuter[0] = 3.0;
	gl_TessLevelOuter[1] = 4.0;
	gl_TessLevelOuter[2] = 6.0;
	gl_out[gl_InvocationID].gl_Position = gl_in[gl_InvocationID].gl_Position;
	out_color[gl_InvocationID] = color[gl_InvocationID];
}
