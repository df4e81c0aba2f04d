// SPDX-License-Identifier: MIT
#version 450

layout(triangles) in;
layout(triangle_strip, max_vertices = 6) out;
layout(location = 0) in vec4 color[];
layout(location = 0) out vec4 out_color;

void main()
{
	for (int copy = 0; copy < 2; copy++) {
		for (int i = 0; i < 3; i++) {
			out_color = copy == 0 ? color[i] : color[i].bgra;
			gl_Position = gl_in[i].gl_Position * vec4(copy == 0 ? 1.0 : -0.5, 1.0, 1.0, 1.0);
			EmitVertex();
		}
		EndPrimitive();
	}
}
