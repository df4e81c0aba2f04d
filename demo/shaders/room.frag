// SPDX-License-Identifier: MIT
// The background: a wall that fades into a floor with a pool of light and the cube's soft shadow.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "studio.glsl"

layout(location = 0) in vec2 position;
layout(location = 0) out vec4 color;

float noise(vec2 p)
{
	return fract(52.9829189 * fract(dot(p, vec2(0.06711056, 0.00583715))));
}

void main()
{
	vec3 dir = normalize(frame.forward.xyz + frame.right.xyz * position.x - frame.up.xyz * position.y);
	float glow = exp(-2.2 * dot(position * vec2(0.9, 1.0) - vec2(0.0, -0.15),
	                            position * vec2(0.9, 1.0) - vec2(0.0, -0.15)));
	vec3 wall = mix(vec3(0.020, 0.026, 0.040), vec3(0.115, 0.145, 0.205), glow);
	vec3 result = wall;
	if (dir.y < -0.001) {
		float t = (frame.forward.w - frame.eye.y) / dir.y;
		vec2 at = (frame.eye.xyz + dir * t).xz;
		float far = smoothstep(4.0, 11.0, length(at));
		vec3 light = vec3(0.165, 0.185, 0.225) * exp(-0.085 * dot(at, at)) + vec3(0.022, 0.026, 0.036);
		vec2 under = at - vec2(0.12, -0.15);
		float shadow = 0.82 * exp(-0.62 * dot(under, under)) + 0.12 * exp(-0.2 * dot(under, under));
		result = mix(light * (1.0 - shadow), wall, far);
	}
	result += (noise(gl_FragCoord.xy) - 0.5) * 0.0022; // gradients this soft would show their steps
	color = vec4(max(result, 0.0), 1.0);
}
