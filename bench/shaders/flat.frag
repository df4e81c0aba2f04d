// SPDX-License-Identifier: MIT
#version 450

layout(constant_id = 0) const uint factor = 1;
layout(location = 0) out vec4 color;

void main()
{
	color = vec4(1.0, 0.5, 0.25, 1.0) * float(factor);
}
