/* SPDX-License-Identifier: MIT */
#include "screen/convert_rows.h"

/* For processors without vector code of ours: the compiler's is good there. */

size_t vtr_convert_vectors(const struct vtr_convert_rows *rows, size_t width,
                           const struct vtr_convert_places *places)
{
	(void)rows;
	(void)width;
	(void)places;
	return 0;
}

const char *vtr_convert_vectors_name(void)
{
	return NULL;
}
