// SPDX-License-Identifier: MIT
// A grid of small triangles placed and coloured by what the draw call says, not by vertex data.
#version 460

layout(location = 0) out vec4 color;

void main()
{
	vec2 corner = vec2(gl_VertexIndex % 3 == 1, gl_VertexIndex % 3 == 2) * 0.2;
	float column = float(gl_DrawID % 8);
	float row = float(gl_InstanceIndex % 8);
	gl_Position = vec4(corner + vec2(column, row) * 0.24 - 0.96, 0.5, 1.0);
	color = vec4(float(gl_DrawID) / 8.0, float(gl_BaseInstance) / 8.0, float(gl_VertexIndex) / 40.0, 1.0);
}
