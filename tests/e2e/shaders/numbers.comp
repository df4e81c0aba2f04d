// SPDX-License-Identifier: MIT
// Integer and exactly rounded float arithmetic that the CPU repeats.
#version 450

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint rounds = 3;
layout(push_constant) uniform Push { uint count; uint seed; } push;
layout(set = 0, binding = 0) readonly buffer From { uint from[]; };
layout(set = 0, binding = 1) buffer To { uint to[]; };

void main()
{
	uint i = gl_GlobalInvocationID.x;
	if (i >= push.count) {
		return;
	}
	uint x = from[i] ^ push.seed;
	for (uint k = 0; k < rounds; k++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		x = x * 1664525u + i;
	}
	to[i] = x;
}
