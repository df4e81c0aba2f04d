// SPDX-License-Identifier: MIT
// Work of a fixed length, or, where `endless` says so, without an end: three loops, because llvmpipe leaves each loop
// after 65,535 turns.
#version 450

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint endless = 0;
layout(set = 0, binding = 0) buffer Data { uint values[]; } data;

void main()
{
	uint i = gl_GlobalInvocationID.x;
	uint value = data.values[i];

	if (endless == 0) {
		for (uint n = 0; n < 1000; n++) {
			value = value * 1664525 + 1013904223;
		}
	} else {
		for (uint a = 0; a < 60000; a++) {
			for (uint b = 0; b < 60000; b++) {
				for (uint c = 0; c < 60000; c++) {
					value = value * 1664525 + a;
				}
			}
		}
	}
	data.values[i] = value;
}
