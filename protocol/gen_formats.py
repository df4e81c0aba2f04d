# SPDX-License-Identifier: MIT
"""formats_gen: how many bytes the texels of each format take in host memory."""
from gen_wire import HEAD

DECLARATIONS = """#ifndef FORMATS_GEN_H
#define FORMATS_GEN_H

#include <stdint.h>

#include "vk_gen.h"

/* A texel block of a format, as copies between images and memory lay it out (Vulkan, "Compatible formats"). */
struct vtw_format {
	VkFormat format;
	uint8_t width, height, depth; /* texels of a block */
	uint8_t depth_bytes, stencil_bytes; /* of a texel; 0: the format has no such aspect */
	uint8_t bytes[3];             /* of a block of each plane; 0: there is no such plane */
};

/* NULL: a format that the registry does not know. */
const struct vtw_format *vtw_find_format(VkFormat format);

#endif
"""

FIND = """
const struct vtw_format *vtw_find_format(VkFormat format)
{
	size_t low = 0, high = sizeof(formats) / sizeof(formats[0]);

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (formats[middle].format == format) {
			return &formats[middle];
		}
		if (formats[middle].format < format) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}
"""


def header():
    return '\n'.join([HEAD, DECLARATIONS])


def source(reg):
    values = reg.enums['VkFormat']
    out = [HEAD, '#include <stddef.h>', '', '#include "formats_gen.h"', '', 'static const struct vtw_format formats[] = {']
    for f in sorted(reg.formats, key=lambda f: int(values[f.name])):
        block = ', '.join(str(n) for n in f.block)
        planes = ', '.join(str(n) for n in f.planes or [0])
        out.append(f'\t{{{f.name}, {block}, {f.depth}, {f.stencil}, {{{planes}}}}},')
    return '\n'.join(out + ['};', FIND])
