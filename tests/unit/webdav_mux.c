/* SPDX-License-Identifier: MIT */
#include "webdav/mux.h"

#include "test.h"

/* However the bytes of frames are cut, the same pieces come out, and each frame begins once. */
static void any_pieces(void)
{
	static const size_t sizes[] = { 0, 1, 300, 65535, 0, 7 };
	static uint8_t bytes[6 * VTR_DAV_MUX_HEAD + 65535 + 308];
	size_t total = 0;

	for (size_t i = 0; i < 6; i++) {
		vtr_dav_mux_put_head(bytes + total, -(int64_t)i, sizes[i]);
		memset(bytes + total + VTR_DAV_MUX_HEAD, (int)i, sizes[i]);
		total += VTR_DAV_MUX_HEAD + sizes[i];
	}
	CHECK_EQ(total, sizeof(bytes));
	for (size_t step = 1; step <= total; step = step * 2 + 1) {
		struct vtr_dav_mux mux = { .head_size = 0 };
		size_t frame = 0;
		size_t filled = 0; /* of the frame */
		for (size_t at = 0; at < total; at += step) {
			const uint8_t *from = bytes + at;
			size_t size = total - at < step ? total - at : step;
			struct vtr_dav_mux_piece piece;
			while (vtr_dav_mux_take(&mux, &from, &size, &piece) == VTR_OK) {
				CHECK_EQ(piece.begins, filled == 0);
				CHECK_EQ(piece.number, -(int64_t)frame);
				CHECK(piece.size > 0 || sizes[frame] == 0);
				for (size_t i = 0; i < piece.size; i++) {
					CHECK_EQ(piece.bytes[i], frame);
				}
				filled += piece.size;
				if (filled == sizes[frame]) {
					frame++;
					filled = 0;
				}
			}
			CHECK_EQ(size, 0);
		}
		CHECK_EQ(frame, 6);
	}
}

static void numbers(void)
{
	static const int64_t all[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 0x0102030405060708 };

	for (size_t i = 0; i < 6; i++) {
		struct vtr_dav_mux mux = { .head_size = 0 };
		struct vtr_dav_mux_piece piece;
		uint8_t head[VTR_DAV_MUX_HEAD];
		const uint8_t *at = head;
		size_t size = sizeof(head);
		vtr_dav_mux_put_head(head, all[i], 0);
		CHECK_OK(vtr_dav_mux_take(&mux, &at, &size, &piece));
		CHECK_EQ(piece.number, all[i]);
		CHECK_EQ(piece.size, 0);
	}
}

int main(void)
{
	any_pieces();
	numbers();
	return 0;
}
