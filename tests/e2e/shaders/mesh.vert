// SPDX-License-Identifier: MIT
#version 450

layout(push_constant) uniform Push { vec4 place; vec4 tint; } push; // place: offset, scale, depth
layout(location = 0) in vec3 position;
layout(location = 1) in vec4 color;
layout(location = 0) out vec4 out_color;

void main()
{
	out_color = color * push.tint;
	gl_Position = vec4(position.xy * push.place.z + push.place.xy, position.z + push.place.w, 1.0);
}
