// SPDX-License-Identifier: MIT
#version 450

// R, G, B to Y, U, V as src/screen/convert.c does it, to the byte. One invocation: four columns of two rows.
layout(local_size_x = 64, local_size_y = 2) in;

// All but the places, which count bits, count words of 32 bits.
layout(push_constant) uniform Picture {
	uint width, height;
	uint from, stride;
	uint y_stride, uv_at;
	uint r_place, g_place, b_place;
} picture;

layout(set = 0, binding = 0) readonly buffer Pixels { uint pixels[]; };
layout(set = 0, binding = 1) writeonly buffer Planes { uint planes[]; };

struct Colours { uvec4 r, g, b; };

Colours load(uint at)
{
	uvec4 words = uvec4(pixels[at], pixels[at + 1], pixels[at + 2], pixels[at + 3]);
	return Colours(words >> picture.r_place & 255u, words >> picture.g_place & 255u,
	               words >> picture.b_place & 255u);
}

uint luma(Colours c)
{
	uvec4 y = (5983u * c.r + 20127u * c.g + 2032u * c.b + (16u << 15) + (1u << 14)) >> 15;
	return y.x | y.y << 8 | y.z << 16 | y.w << 24;
}

// Two pairs of U and V.
uint chroma(ivec2 r, ivec2 g, ivec2 b)
{
	const int bias = (128 << 18) + (1 << 17);
	uvec2 u = uvec2(28785 * b - 6596 * r - 22189 * g + bias) >> 18;
	uvec2 v = uvec2(28785 * r - 26145 * g - 2640 * b + bias) >> 18;
	return u.x | v.x << 8 | u.y << 16 | v.y << 24;
}

ivec2 add_neighbours(uvec4 upper, uvec4 lower)
{
	uvec4 sum = upper + lower;
	return ivec2(sum.xz + sum.yw);
}

void main()
{
	uint x = gl_GlobalInvocationID.x;
	uint row = gl_GlobalInvocationID.y * 2;
	if (x >= picture.width || row >= picture.height) {
		return;
	}
	uint at = picture.from + row * picture.stride + x * 4;
	Colours upper = load(at);
	Colours lower = load(at + picture.stride);
	planes[row * picture.y_stride + x] = luma(upper);
	planes[(row + 1) * picture.y_stride + x] = luma(lower);
	planes[picture.uv_at + row / 2 * picture.y_stride + x] = chroma(
		add_neighbours(upper.r, lower.r), add_neighbours(upper.g, lower.g),
		add_neighbours(upper.b, lower.b));
}
