// SPDX-License-Identifier: MIT
#version 450

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint factor = 3;
layout(set = 0, binding = 0) buffer Data { uint values[]; } data;

void main()
{
	uint i = gl_GlobalInvocationID.x;
	data.values[i] = data.values[i] * factor + i;
}
