// SPDX-License-Identifier: MIT
// A cube without a vertex buffer: six faces of two triangles.
#version 450

layout(push_constant) uniform Push {
	mat4 clip;   // cube to clip space
	vec4 turn[3]; // rows: cube to world, for the light
} push;

layout(location = 0) out vec3 texcoord; // u, v, face
layout(location = 1) out float light;

const vec3 axes[18] = vec3[](
	vec3(0, 0, -1), vec3(0, 1, 0), vec3(1, 0, 0), vec3(0, 0, 1), vec3(0, 1, 0), vec3(-1, 0, 0),
	vec3(1, 0, 0), vec3(0, 0, -1), vec3(0, 1, 0), vec3(1, 0, 0), vec3(0, 0, 1), vec3(0, -1, 0),
	vec3(1, 0, 0), vec3(0, 1, 0), vec3(0, 0, 1), vec3(-1, 0, 0), vec3(0, 1, 0), vec3(0, 0, -1));
const vec2 corners[6] = vec2[](vec2(-1, -1), vec2(1, -1), vec2(1, 1), vec2(-1, -1), vec2(1, 1), vec2(-1, 1));

void main()
{
	int face = gl_VertexIndex / 6;
	vec2 at = corners[gl_VertexIndex % 6];
	vec3 out_axis = axes[face * 3 + 2];
	gl_Position = push.clip * vec4(axes[face * 3] * at.x + axes[face * 3 + 1] * at.y + out_axis, 1.0);
	vec3 normal = vec3(dot(push.turn[0].xyz, out_axis), dot(push.turn[1].xyz, out_axis),
	                   dot(push.turn[2].xyz, out_axis));
	light = 0.55 + 0.45 * max(dot(normal, vec3(-0.40, 0.69, 0.60)), 0.0);
	texcoord = vec3(at * vec2(0.5, -0.5) + 0.5, float(face));
}
