// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#include "studio.glsl"

layout(push_constant) uniform Push {
	mat4 model;
	float opacity; // below 1: the reflection in the floor
} push;

layout(location = 0) in vec3 in_position;
layout(location = 1) in vec3 in_normal;
layout(location = 2) in vec3 in_texcoord;

layout(location = 0) out vec3 world;
layout(location = 1) out vec3 normal;
layout(location = 2) out vec3 texcoord;

void main()
{
	vec4 at = push.model * vec4(in_position, 1.0);
	world = at.xyz;
	normal = mat3(push.model) * in_normal;
	texcoord = in_texcoord;
	gl_Position = frame.view_proj * at;
}
