// SPDX-License-Identifier: MIT
#version 450

layout(location = 0) out vec2 position;

void main()
{
	// One triangle that covers the picture, at the far plane.
	position = vec2((gl_VertexIndex << 1) & 2, gl_VertexIndex & 2) * 2.0 - 1.0;
	gl_Position = vec4(position, 1.0, 1.0);
}
