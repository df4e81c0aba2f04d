// SPDX-License-Identifier: MIT
#version 450
#extension GL_EXT_nonuniform_qualifier : require

layout(local_size_x = 16) in;
layout(set = 0, binding = 0) buffer Item { uint values[]; } items[];

void main()
{
	uint i = gl_GlobalInvocationID.x; // item i + 1 is written from item i's first word
	items[nonuniformEXT(i)].values[1] = items[nonuniformEXT(i)].values[0] * 3u + i;
}
