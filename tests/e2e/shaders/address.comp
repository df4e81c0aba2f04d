// SPDX-License-Identifier: MIT
// Walks a list through device addresses.
#version 450
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require

layout(local_size_x = 1) in;
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Node { uvec2 next; uint value; uint seen; };
layout(push_constant) uniform Push { uvec2 first; uint steps; } push;

void main()
{
	uvec2 at = push.first;
	uint sum = 0;
	for (uint i = 0; i < push.steps; i++) {
		Node node = Node(at);
		sum = sum * 31u + node.value;
		node.seen = sum;
		at = node.next;
	}
}
