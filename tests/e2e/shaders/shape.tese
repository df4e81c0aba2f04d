// SPDX-License-Identifier: MIT
#version 450

layout(triangles, equal_spacing, ccw) in;
layout(location = 0) in vec4 color[];
layout(location = 0) out vec4 out_color;

void main()
{
	vec3 w = gl_TessCoord;
	vec4 at = gl_in[0].gl_Position * w.x + gl_in[1].gl_Position * w.y + gl_in[2].gl_Position * w.z;
	at.xy *= 1.0 - 0.6 * w.x * w.y;
	gl_Position = at;
	out_color = color[0] * w.x + color[1] * w.y + color[2] * w.z;
}
