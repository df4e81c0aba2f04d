// SPDX-License-Identifier: MIT
// One triangle that covers the picture.
#version 450

layout(location = 0) out float height;

void main()
{
	vec2 at = vec2((gl_VertexIndex << 1) & 2, gl_VertexIndex & 2) * 2.0 - 1.0;
	height = at.y;
	gl_Position = vec4(at, 1.0, 1.0);
}
