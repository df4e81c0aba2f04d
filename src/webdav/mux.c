/* SPDX-License-Identifier: MIT */
#include "webdav/mux.h"

#include <string.h>

#include "base/little_endian.h"
#include "base/mem.h"

enum vtr_err vtr_dav_mux_take(struct vtr_dav_mux *mux, const uint8_t **bytes, size_t *size,
                              struct vtr_dav_mux_piece *out_piece)
{
	if (mux->left == 0) {
		const size_t part = vtr_min(*size, VTR_DAV_MUX_HEAD - mux->head_size);
		if (part > 0) {
			memcpy(mux->head + mux->head_size, *bytes, part);
		}
		mux->head_size += part;
		*bytes += part;
		*size -= part;
		if (mux->head_size < VTR_DAV_MUX_HEAD) {
			return VTR_ERR_AGAIN;
		}
		mux->number = (int64_t)vtr_get_le64(mux->head);
		mux->left = vtr_get_le16(mux->head + 8);
	}
	if (mux->left > 0 && *size == 0) {
		return VTR_ERR_AGAIN; /* an empty piece would be the end of the connection */
	}
	const size_t part = vtr_min(*size, mux->left);
	*out_piece = (struct vtr_dav_mux_piece){
		.number = mux->number,
		.bytes = *bytes,
		.size = part,
		.begins = mux->head_size == VTR_DAV_MUX_HEAD,
	};
	mux->head_size = 0;
	mux->left -= part;
	*bytes += part;
	*size -= part;
	return VTR_OK;
}

void vtr_dav_mux_put_head(uint8_t *out, int64_t number, size_t size)
{
	vtr_put_le64(out, (uint64_t)number);
	vtr_put_le16(out + 8, (uint16_t)size);
}
