/* SPDX-License-Identifier: MIT */
#include "encode/h264.h"

bool vtr_h264_next_nal(const uint8_t *stream, size_t size, size_t *at, struct vtr_h264_nal *out_nal)
{
	size_t begin = *at;

	while (begin + 3 < size &&
	       !(stream[begin] == 0 && stream[begin + 1] == 0 && stream[begin + 2] == 1)) {
		begin++;
	}
	if (begin + 3 >= size) {
		return false;
	}
	begin += 3;
	size_t end = begin;
	while (end < size &&
	       !(end + 2 < size && stream[end] == 0 && stream[end + 1] == 0 && stream[end + 2] <= 1)) {
		end++;
	}
	*out_nal = (struct vtr_h264_nal){
		.type = stream[begin] & 0x1f,
		.bytes = stream + begin,
		.size = end - begin,
	};
	*at = end;
	return true;
}
