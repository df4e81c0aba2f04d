// SPDX-License-Identifier: MIT
// A vertex shader with little work: what is measured is the way of the draw call to the driver.
#version 450

layout(set = 0, binding = 0) uniform Block { vec4 scale; } block;
layout(push_constant) uniform Push { vec4 offset; } push;

void main()
{
	vec2 corner = vec2(gl_VertexIndex & 1, gl_VertexIndex >> 1);
	gl_Position = vec4(corner * block.scale.xy + push.offset.xy, 0.0, 1.0);
}
