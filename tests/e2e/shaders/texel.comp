// SPDX-License-Identifier: MIT
#version 450

layout(local_size_x = 64) in;
layout(set = 0, binding = 0) uniform samplerBuffer from;
layout(set = 0, binding = 1) buffer To { vec4 to[]; };

void main()
{
	uint i = gl_GlobalInvocationID.x;
	to[i] = texelFetch(from, int(i)) * 2.0;
}
