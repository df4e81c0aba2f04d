// SPDX-License-Identifier: MIT
// What both passes see: the frame's block, and the light of a photographer's studio.

layout(set = 0, binding = 0) uniform Frame {
	mat4 view_proj;
	vec4 eye;
	vec4 right;   // the camera's axes, scaled to the corners of the picture
	vec4 up;
	vec4 forward; // w: the floor's height
	vec4 key;     // towards the main light
} frame;

const vec3 key_color = vec3(1.0, 0.93, 0.82);
const vec3 rim_color = vec3(0.35, 0.55, 1.0);

// A dark room, one large softbox above and in front, one strip of cool light behind.
vec3 studio(vec3 dir)
{
	vec3 room = mix(vec3(0.012, 0.014, 0.020), vec3(0.10, 0.115, 0.15), smoothstep(-0.4, 0.9, dir.y));
	vec2 box = dir.xz / max(dir.y, 0.05) - vec2(-0.45, 0.75);
	float soft = smoothstep(0.75, 0.45, abs(box.x)) * smoothstep(0.65, 0.35, abs(box.y)) * step(0.0, dir.y);
	float strip = smoothstep(0.16, 0.04, abs(dir.x - 0.72)) * smoothstep(0.2, -0.4, dir.z)
	            * smoothstep(0.8, 0.3, abs(dir.y - 0.1));
	return room + key_color * soft * 3.2 + rim_color * strip * 1.6;
}
