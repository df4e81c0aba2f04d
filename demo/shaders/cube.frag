// SPDX-License-Identifier: MIT
// Glazed tiles: a diffuse body under a clear coat that mirrors the studio.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "studio.glsl"

layout(set = 0, binding = 1) uniform sampler2DArray tiles;

layout(push_constant) uniform Push {
	mat4 model;
	float opacity;
} push;

layout(location = 0) in vec3 world;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec3 texcoord;
layout(location = 0) out vec4 color;

float highlight(vec3 n, vec3 half_way, float rough)
{
	float a2 = rough * rough * rough * rough;
	float nh = max(dot(n, half_way), 0.0);
	float d = nh * nh * (a2 - 1.0) + 1.0;
	return a2 / (3.14159 * d * d);
}

void main()
{
	vec3 n = normalize(normal);
	vec3 v = normalize(frame.eye.xyz - world);
	vec3 l = normalize(frame.key.xyz);
	vec3 body = texture(tiles, texcoord).rgb;

	float lit = max(dot(n, l), 0.0);
	float sky = 0.5 + 0.5 * n.y;
	vec3 diffuse = key_color * lit * 1.25 + mix(vec3(0.10, 0.10, 0.12), vec3(0.30, 0.34, 0.42), sky);
	float back = max(dot(n, normalize(vec3(0.8, 0.15, -0.75))), 0.0);
	diffuse += rim_color * back * 0.35;

	float fresnel = 0.04 + 0.96 * pow(1.0 - max(dot(n, v), 0.0), 5.0);
	vec3 coat = studio(reflect(-v, n)) * fresnel * 1.15;
	coat += key_color * highlight(n, normalize(l + v), 0.34) * lit * 0.10;

	vec3 result = body * diffuse * (1.0 - fresnel) + coat;
	result = result * (1.0 + result * 0.08) / (1.0 + result * 0.55) * 1.22; // highlights roll off

	float fade = push.opacity < 1.0 ? push.opacity * exp(-0.75 * (frame.forward.w - world.y)) : 1.0;
	color = vec4(result, fade);
}
